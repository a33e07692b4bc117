package backuppolicy

import (
	"encoding/json"
	"fmt"

	"strongroom/backuppolicy/inheritance"
)

// EffectiveFrom reads an effective policy back from what [Effective.Content] or DescribeEffectivePolicy shows. Who set its
// values is not in there. It may hold what CreatePolicy would refuse of one policy, such as an emptied array.
func EffectiveFrom(content string) (Effective, error) {
	var tree map[string]any
	if err := json.Unmarshal([]byte(content), &tree); err != nil {
		return Effective{}, fmt.Errorf("reading an effective policy: %w", err)
	}
	policy, err := json.Marshal(assigning(tree))
	if err != nil {
		return Effective{}, fmt.Errorf("reading an effective policy: %w", err)
	}
	document, err := inheritance.Parse(string(policy), fold)
	if err != nil {
		return Effective{}, fmt.Errorf("reading an effective policy: %w", err)
	}
	if problems := checkMerged(document); len(problems) > 0 {
		return Effective{}, fmt.Errorf("reading an effective policy: %w", problems[0])
	}
	return EffectivePolicy([][]inheritance.Attached{{{Policy: document}}}), nil
}

// assigning puts an operator before each value.
func assigning(v any) any {
	object, ok := v.(map[string]any)
	if !ok {
		return map[string]any{string(inheritance.Assign): v}
	}
	assigned := make(map[string]any, len(object))
	for key, child := range object {
		assigned[key] = assigning(child)
	}
	return assigned
}
