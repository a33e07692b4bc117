package iampolicy

import (
	"encoding/json"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// applyCure makes the change that a cure tells by what it prints, as whoever reads it would: through the document, not
// through what [cures] keeps in memory.
func applyCure(t *testing.T, r *Request, p Policies, c Cure) Policies {
	t.Helper()
	sources := slices.Clone(p.sources(c.Gate, c.Level))
	at := slices.IndexFunc(sources, func(s Source) bool { return s.Name == c.Policy && s.Policy != nil })
	if c.Policy == "" {
		if at = slices.IndexFunc(sources, func(s Source) bool { return s.Policy == nil }); at < 0 {
			sources, at = append(sources, Source{Name: "new"}), len(sources)
		}
	}
	if at < 0 {
		t.Fatalf("the cure is of %q, which is none of the policies", c.Policy)
	}
	if sources[at].Policy != nil && c.Change == RemoveStatement {
		if diff := cmp.Diff(string(sources[at].Policy.Statements[c.Index].print()), string(c.Statement)); diff != "" {
			t.Fatalf("the cure removes another statement than it says:\n%s", diff)
		}
	}
	sources[at].Policy = &Policy{}
	if c.Document != nil {
		policy, err := Parse(c.Document)
		if err != nil {
			t.Fatalf("the cured document %s: %v", c.Document, err)
		}
		sources[at].Policy = policy
	}
	return p.replacing(c.Gate, c.Level, sources)
}

// gateAt is what a gate says at a level.
func gateAt(d Decision, c Cure) *GateResult {
	for i := range d.Gates {
		if d.Gates[i].Gate == c.Gate && d.Gates[i].Level == c.Level {
			return &d.Gates[i]
		}
	}
	return nil
}

// TestCuresCure draws worlds that deny a request and makes the changes that the explanation tells: each opens the gate
// that decided, and only the last one allows the request.
func TestCuresCure(t *testing.T) {
	t.Parallel()
	var added, removed, several int
	for seed := range uint64(4000) {
		m := maker{rand.New(rand.NewPCG(seed, 7))}
		r, p := m.request(), m.policies()
		unique(&p)
		x := ExplainRequest(r, p)
		d := Evaluate(r, p)
		if x.Allowed != d.Allowed || x.Reason != d.Reason || x.Gate != d.Gate {
			t.Fatalf("seed %d: explained as %+v, decided as %+v", seed, x, d)
		}
		if x.Allowed != (len(x.Cures) == 0) {
			t.Fatalf("seed %d: allowed %t with the cures %+v", seed, x.Allowed, x.Cures)
		}
		if len(x.Cures) > 1 {
			several++
		}
		for i, cure := range x.Cures {
			if i == 0 && (cure.Gate != x.Gate || cure.Level != x.Level) {
				t.Fatalf("seed %d: decided by %s %d, and the first cure is of %s %d", seed, x.Gate, x.Level, cure.Gate, cure.Level)
			}
			if cure.Change == AddStatement {
				added++
			} else {
				removed++
			}
			before := gateAt(Evaluate(r, p), cure)
			if before == nil || before.Outcome == Allows {
				t.Fatalf("seed %d: cure %+v of a gate that is open: %+v", seed, cure, before)
			}
			denials := denying(r, p, cure)
			p = applyCure(t, &r, p, cure)
			after := gateAt(Evaluate(r, p), cure)
			switch {
			case cure.Change == AddStatement && after.Outcome != Allows:
				t.Fatalf("seed %d: after the cure %+v the gate says %s", seed, cure, after)
			case cure.Change == RemoveStatement && denying(r, p, cure) != denials-1:
				t.Fatalf("seed %d: after the cure %+v %d statements deny instead of %d", seed, cure, denying(r, p, cure), denials)
			}
			if now := Evaluate(r, p); now.Allowed != (i == len(x.Cures)-1) {
				t.Fatalf("seed %d: after %d of %d cures allowed is %t\n%s", seed, i+1, len(x.Cures), now.Allowed, now.Explain())
			}
		}
	}
	if added < 500 || removed < 300 || several < 300 {
		t.Errorf("only %d additions, %d removals, %d with several cures were drawn", added, removed, several)
	}
}

// unique gives every policy a name of its own, as they have outside of tests.
func unique(p *Policies) {
	n := 0
	rename := func(list []Source) {
		for i := range list {
			n++
			list[i].Name = string(rune('a'+n/26)) + string(rune('a'+n%26))
		}
	}
	rename(p.Identity)
	rename(p.Resource)
	rename(p.Session)
	for i := range p.SCPs {
		rename(p.SCPs[i])
		rename(p.RCPs[i])
	}
	if p.Boundary != nil {
		p.Boundary.Name = "boundary"
	}
}

// denying counts the statements of a cure's gate that deny the request.
func denying(r Request, p Policies, c Cure) (n int) {
	for _, m := range Simulate(r, p).Matched {
		if m.Gate == c.Gate && m.Level == c.Level && m.Effect == Deny {
			n++
		}
	}
	return n
}

func TestExplanation(t *testing.T) {
	t.Parallel()
	vault := Source{Name: "access policy of v", Kind: Resource, Policy: MustParse(`{"Version": "2012-10-17", "Statement": [
		{"Sid": "OtherOrganization", "Effect": "Allow", "Principal": "*", "Action": "backup:CopyIntoBackupVault", "Resource": "*",
		 "Condition": {"StringEquals": {"aws:PrincipalOrgID": "o-other"}}},
		{"Effect": "Allow", "Principal": {"AWS": "444455556666"}, "Action": "backup:CopyIntoBackupVault", "Resource": "*"},
		{"Effect": "Allow", "Principal": "*", "Action": "backup:DescribeBackupVault", "Resource": "*"}]}`)}
	r := Request{
		Principal: session, Action: "backup:CopyIntoBackupVault", Resource: "arn:aws:backup:eu-north-1:" + foreign + ":backup-vault:v", ResourceAccountID: foreign,
		Context: map[string][]string{"aws:PrincipalOrgID": {"o-mine"}},
	}
	x := ExplainRequest(r, Policies{
		Identity: []Source{{Name: "jobs", ID: "jobs", Of: "role/app", Policy: MustParse(`{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "backup:CopyFromBackupVault", "Resource": "*"}]}`)}},
		SCPs:     [][]Source{{allowAll}, {}}, SCPTargets: []string{"r-root", home},
		Resource: []Source{vault},
	})
	if x.Gate != GateSCP || x.Level != 2 || x.Target != home || x.Reason != ImplicitDeny {
		t.Errorf("decided by %s, level %d of %s: %s", x.Gate, x.Level, x.Target, x.Reason)
	}
	var considered []string
	for _, c := range x.Considered {
		considered = append(considered, c.String())
	}
	if diff := cmp.Diff([]string{
		"statement 1 of allow-all: Allow, it applies",
		`statement 1 "OtherOrganization" of access policy of v: Allow, but for its Condition: StringEquals aws:PrincipalOrgID o-other, the request has o-mine`,
		"statement 2 of access policy of v: Allow, but for its Principal: it does not name " + session.ARN,
	}, considered); diff != "" {
		t.Error(diff)
	}
	var cures []string
	for _, c := range x.Cures {
		cures = append(cures, strings.Join([]string{string(c.Gate), string(c.Change), c.Of, c.Policy, string(c.Statement)}, " | "))
	}
	allow := `{"Effect":"Allow","Action":"backup:CopyIntoBackupVault","Resource":"` + r.Resource + `"}`
	if diff := cmp.Diff([]string{
		"service control policy | add | " + home + " |  | " + allow,
		"resource-based policy | add | " + r.Resource + " | access policy of v | " +
			strings.Replace(allow, `"Action"`, `"Principal":{"AWS":"`+session.RoleARN+`"},"Action"`, 1),
		"identity-based policy | add | " + session.RoleARN + " |  | " + allow,
	}, cures); diff != "" {
		t.Error(diff)
	}
	text, err := json.Marshal(x)
	if err != nil {
		t.Fatal(err)
	}
	var again Explanation
	if err := json.Unmarshal(text, &again); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(x, again); diff != "" {
		t.Errorf("through JSON (-before +after):\n%s", diff)
	}
}

// TestCureMeansItself: what a name spells with wildcards or variables is not one in the statement.
func TestCureMeansItself(t *testing.T) {
	t.Parallel()
	r := Request{Principal: alice, Action: "s3:GetObject", Resource: "arn:aws:s3:::b/${aws:username}/*/?/$"}
	cure := ExplainRequest(r, Policies{}).Cures[0]
	policies := Policies{Identity: []Source{{Policy: MustParse(string(cure.Document))}}}
	if d := Evaluate(r, policies); !d.Allowed {
		t.Errorf("%s does not allow %s", cure.Document, r.Resource)
	}
	r.Resource = "arn:aws:s3:::b/alice/x/y/$"
	if d := Evaluate(r, policies); d.Allowed {
		t.Errorf("%s allows %s", cure.Document, r.Resource)
	}
}
