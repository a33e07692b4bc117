package tagpolicy_test

import (
	"fmt"

	"strongroom/backuppolicy/inheritance"
	"strongroom/tagpolicy"
)

// The root says how a tag is written, and a unit which values it may have.
func Example() {
	root, err := tagpolicy.Parse(`{"tags":{"costcenter":{"tag_key":{"@@assign":"CostCenter"}}}}`)
	if err != nil {
		fmt.Println(err)
		return
	}
	unit, err := tagpolicy.Parse(`{"tags":{"costcenter":{"tag_value":{"@@assign":["2*"]}}}}`)
	if err != nil {
		fmt.Println(err)
		return
	}
	merged := inheritance.Merge([][]inheritance.Attached{
		{{PolicyID: "p-root", TargetID: "r-1", Policy: root.Document()}},
		{{PolicyID: "p-unit", TargetID: "ou-1", Policy: unit.Document()}},
	})
	fmt.Println(string(merged.Content()))
	tag := tagpolicy.Tags(merged)[0]
	fmt.Println(tag.Key, tag.Allows("200"), tag.Allows("300"))
	// Output:
	// {"tags":{"costcenter":{"tag_key":"CostCenter","tag_value":["2*"]}}}
	// CostCenter true false
}
