package work

import (
	"errors"
	"fmt"
	"testing"

	"strongroom/iampolicy"
	"strongroom/internal/api"
	"strongroom/rules"
)

// TestTrailOf: what ends a job is told at the gate where it was met, with what explains it, or as the work's own; what a gate
// foresaw is not told twice.
func TestTrailOf(t *testing.T) {
	t.Parallel()
	refused := &api.RefusalError{Explain: func() iampolicy.Explanation { return iampolicy.Explanation{Action: "kms:CreateGrant"} }}
	denied := &api.Error{Code: "AccessDeniedException", Message: "You may not.", Status: 403, Err: refused}
	foreseen := &rules.Refusal{Message: "Foreseen."}
	asked := rules.Trail{{Gate: "role", Verdict: rules.Verdict{Verdict: rules.Open}}, {Gate: "key", Verdict: rules.Verdict{Verdict: rules.Open}}}
	for _, row := range []struct {
		what          string
		trail         rules.Trail
		err           error
		message       string
		gate, refusal string
		action        string
		gates         int
	}{
		{"a policy that changed meanwhile", asked, at("key", denied), "You may not.", "key", "You may not.", "kms:CreateGrant", 2},
		{"with AWS's words for it", asked, at("key", fmt.Errorf("%w (%w)", &rules.Refusal{Message: "Words."}, denied)), "Words.", "key", "Words.", "kms:CreateGrant", 2},
		{"something that no gate asks for", asked, errors.New("the disk is full"), "Copy job encountered a fatal error.", "work", "Copy job encountered a fatal error.", "", 3},
		{"what a gate foresaw", asked.With("role", rules.RefusedBy(foreseen, nil)), foreseen, "Foreseen.", "role", "Foreseen.", "", 2},
		{"before any gate was asked", nil, denied, "You may not.", "work", "You may not.", "kms:CreateGrant", 1},
	} {
		trail := trailOf(row.trail, row.err, outcome{message: row.message})
		if len(trail) != row.gates {
			t.Errorf("%s: %d gates, want %d", row.what, len(trail), row.gates)
		}
		shut := 0
		for _, p := range trail {
			if p.Verdict.Verdict != rules.Shut {
				continue
			}
			shut++
			action := ""
			if p.Refused != nil {
				action = p.Refused.Action
			}
			if p.Gate != row.gate || p.Refusal.Message != row.refusal || action != row.action {
				t.Errorf("%s: %s is shut by %q, refused %q", row.what, p.Gate, p.Refusal.Message, action)
			}
		}
		if shut != 1 {
			t.Errorf("%s: %d gates are shut", row.what, shut)
		}
	}
	if answered, err := answer(denied); err != nil || answered.Says != rules.Shut || answered.Refused.Action != "kms:CreateGrant" {
		t.Errorf("a refusal answers %+v, %v", answered, err)
	}
	if _, err := answer(&api.Error{Code: "InternalFailure", Status: 500}); err == nil {
		t.Error("a failure of the service is taken for an answer")
	}
	if answered, err := answer(nil); err != nil || answered.Says != rules.Open {
		t.Errorf("leave answers %+v, %v", answered, err)
	}
}
