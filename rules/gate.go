package rules

import (
	"strings"

	"strongroom/arn"
	"strongroom/iampolicy"
)

// Gate is one of the questions that a job has to pass. R holds all facts that decide over the job.
type Gate[R any] struct {
	Name   string // by which trails call it: "destination-vault"
	Asks   string // the question, whose answer yes opens the gate
	Decide func(AsOf, R) Verdict
}

// Opening is what a gate says of a job.
type Opening string

// What gates say.
const (
	Open     Opening = "open"
	Shut     Opening = "shut"
	NotAsked Opening = "not asked" // it does not matter to the job, or cannot be known while another gate is shut
)

// Verdict is a gate's decision over a job.
type Verdict struct {
	Verdict Opening  `json:"verdict"`
	Detail  string   `json:"detail,omitempty"` // what the verdict rests on
	Refusal *Refusal `json:"refusal,omitempty"`
	// Refused is what policies refused, where they did.
	Refused *iampolicy.Explanation `json:"refused,omitempty"`
	// Cures open the gate, made one after the other.
	Cures []Fix `json:"cures,omitempty"`
}

// Passage is a gate as a job met it.
type Passage struct {
	Gate string `json:"gate"`
	Asks string `json:"asks"`
	Verdict
}

// Trail is every gate of a job with its verdict, in order. The first that is shut is the job's refusal; those behind it
// are asked all the same, as far as they can be known, so that whoever made three mistakes sees three.
type Trail []Passage

// Follow asks every gate.
func Follow[R any](gates []Gate[R], a AsOf, r R) Trail {
	trail := make(Trail, 0, len(gates))
	for _, g := range gates {
		trail = append(trail, Passage{Gate: g.Name, Asks: g.Asks, Verdict: g.Decide(a, r)})
	}
	return trail
}

// Refusal is that of the first gate that is shut; nil if none is.
func (t Trail) Refusal() *Refusal {
	for i := range t {
		if t[i].Verdict.Verdict == Shut {
			return t[i].Refusal
		}
	}
	return nil
}

// With is the trail in which a gate has another verdict: of a gate that was open when it was asked and was found shut, or of
// what no gate asks for, which comes to stand at the end.
func (t Trail) With(gate string, v Verdict) Trail {
	changed := make(Trail, len(t), len(t)+1)
	copy(changed, t)
	for i := range changed {
		if changed[i].Gate == gate {
			changed[i].Verdict = v
			return changed
		}
	}
	return append(changed, Passage{Gate: gate, Verdict: v})
}

func open(detail string) Verdict { return Verdict{Verdict: Open, Detail: detail} }

func notAsked(why string) Verdict { return Verdict{Verdict: NotAsked, Detail: why} }

// RefusedBy is the verdict of a gate that refuses. What refused, if policies did, is told beside it, and its cures come
// before the refusal's own.
func RefusedBy(r *Refusal, refused *iampolicy.Explanation) Verdict {
	v := Verdict{Verdict: Shut, Detail: r.Cause, Refusal: r, Refused: refused}
	if refused != nil {
		decision, _, _ := strings.Cut(refused.String(), "\n")
		v.Detail = refused.Principal + " may not " + refused.Action + " on " + refused.Resource + ": " + decision + "."
		for _, cure := range refused.Cures {
			v.Cures = append(v.Cures, FixOf(cure))
		}
	}
	if len(v.Cures) == 0 {
		v.Cures = r.cures()
	}
	return v
}

// Answer is what policies answered to whoever a job acts as: a fact like others, which the service asks of its door and an
// operator of the API. The zero Answer was not asked for.
type Answer struct {
	Says Opening // "" counts as [NotAsked]
	// Why tells why there is no answer.
	Why string
	// Refused explains a no; nil where the question failed before a policy was asked, and Message says how.
	Refused *iampolicy.Explanation
	Message string // what the service that was asked says
}

// Yes is the answer of policies that allow.
func Yes() Answer { return Answer{Says: Open} }

// Unknown is the answer to a question that could not be put.
func Unknown(why string) Answer { return Answer{Says: NotAsked, Why: why} }

// No is the answer of policies that refuse, or of a service that does not let it come to that.
func No(says string, refused *iampolicy.Explanation) Answer {
	return Answer{Says: Shut, Message: says, Refused: refused}
}

// verdict is that of a gate that is open where the answer is yes, and refuses where it is no.
func (a Answer) verdict(detail string, refuse func() *Refusal) Verdict {
	switch a.Says {
	case Open:
		return open(detail)
	case Shut:
		return RefusedBy(refuse(), a.Refused)
	default:
		return notAsked(a.Why)
	}
}

// RoleDoesNotExist is what an [Answer] says of a role that is not there.
const RoleDoesNotExist = "The role does not exist."

// roleVerdict is that of the gate that every job's role has to pass.
func (a Answer) roleVerdict(roleARN string) Verdict {
	return a.verdict(roleARN+" trusts backup.amazonaws.com.", func() *Refusal {
		v := Values{"role": roleARN, "account": ""}
		if parsed, err := arn.Parse(roleARN); err == nil {
			v["account"] = parsed.AccountID
		}
		refusal := RoleNotAssumed.Refuse(v)
		if a.Message == RoleDoesNotExist {
			refusal.Fix = makeRole(roleARN)
		}
		if a.Message != "" {
			refusal.Cause = a.Message
		}
		return refusal
	})
}
