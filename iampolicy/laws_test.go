package iampolicy

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// checkExplanation holds what is true of every decision: its parts agree with each other.
func checkExplanation(t *testing.T, r Request, d Decision) {
	t.Helper()
	denied := false
	for _, g := range d.Gates {
		denied = denied || g.Outcome == Denies
		if (g.By == nil) != (g.Outcome == Silent) {
			t.Errorf("gate %s %s, by %v", g.Gate, g.Outcome, g.By)
		}
	}
	if d.Allowed != (d.Reason == Allowed) || denied != (d.Reason == ExplicitDeny) || (d.By == nil) != (d.Reason == ImplicitDeny) {
		t.Errorf("allowed %t, reason %s, by %v, a gate denies: %t", d.Allowed, d.Reason, d.By, denied)
	}
	if d.By != nil && (d.By.Gate != d.Gate || d.Allowed != (d.By.Effect == Allow)) {
		t.Errorf("decided by %+v at gate %s, allowed %t", d.By, d.Gate, d.Allowed)
	}
	if d.Allowed != (d.Message(r) == "") {
		t.Errorf("allowed %t with the message %q", d.Allowed, d.Message(r))
	}
	first, _, _ := strings.Cut(d.Explain(), "\n")
	if d.Allowed != strings.HasPrefix(first, "allowed by ") || d.By != nil && !strings.HasSuffix(first, d.By.String()) {
		t.Errorf("the explanation %q does not fit %+v", first, d)
	}
}

// maker draws requests and policies from a small world, so that statements often meet requests.
type maker struct{ *rand.Rand }

func (m maker) one(of ...string) string { return of[m.IntN(len(of))] }

func (m maker) request() Request {
	principals := []Principal{alice, session, root, linked, federated, service, {}}
	r := Request{
		Principal:         principals[m.IntN(len(principals))],
		Action:            m.one("s3:GetObject", "s3:PutObject", "kms:Decrypt", "sts:AssumeRole"),
		Resource:          m.one("arn:aws:s3:::b/alice/k", "arn:aws:s3:::b/k", "*"),
		ResourceAccountID: m.one("", home, foreign),
		Context:           map[string][]string{},
	}
	for _, key := range []string{"aws:SecureTransport", "aws:TagKeys", "my:n"} {
		for range m.IntN(3) {
			r.Context[key] = append(r.Context[key], m.one("true", "a", "5", ""))
		}
	}
	return r
}

func (m maker) statement(effect Effect, own bool) string {
	var b strings.Builder
	fmt.Fprintf(&b, `{"Effect": %q`, effect)
	if own {
		fmt.Fprintf(&b, `, "%sPrincipal": %s`, m.one("", "", "", "Not"), m.one(`{"AWS": "*"}`, `{"AWS": "`+home+`"}`, `{"AWS": ["`+alice.ARN+`", "`+session.RoleARN+`"]}`,
			`{"AWS": "`+session.ARN+`"}`, `{"Service": "backup.amazonaws.com"}`))
	}
	fmt.Fprintf(&b, `, "%sAction": %q`, m.one("", "", "Not"), m.one("*", "s3:*", "s3:Get*", "kms:Decrypt"))
	fmt.Fprintf(&b, `, "%sResource": %q`, m.one("", "", "Not"), m.one("*", "arn:aws:s3:::b/*", "arn:aws:s3:::b/${aws:username}/*"))
	if m.IntN(2) == 0 {
		fmt.Fprintf(&b, `, "Condition": {%q: {%q: %q}}`,
			m.one("", "", "ForAllValues:", "ForAnyValue:")+m.one("StringEquals", "StringNotLike", "Bool", "NumericLessThan", "StringLikeIfExists", "Null"),
			m.one("aws:SecureTransport", "aws:TagKeys", "my:n"), m.one("true", "false", "a", "*", "6"))
	}
	return b.String() + "}"
}

func (m maker) source(own bool, allows, denies int) Source {
	var statements []string
	for range allows {
		statements = append(statements, m.statement(Allow, own))
	}
	for range denies {
		statements = append(statements, m.statement(Deny, own))
	}
	p := MustParse(`{"Version": "2012-10-17", "Statement": [` + strings.Join(statements, ", ") + `]}`)
	return Source{Name: fmt.Sprint("policy ", m.IntN(1000)), Policy: p}
}

func (m maker) sources(own bool) (list []Source) {
	for range m.IntN(3) {
		list = append(list, m.source(own, 1+m.IntN(3), m.IntN(5)/4))
	}
	return list
}

func (m maker) policies() Policies {
	p := Policies{Identity: m.sources(false), Resource: m.sources(true), KeyPolicy: m.IntN(4) == 0, HasSession: m.IntN(4) == 0}
	if m.IntN(3) == 0 {
		boundary := m.source(false, 2, 0)
		p.Boundary = &boundary
	}
	if p.HasSession {
		p.Session = m.sources(false)
	}
	for range m.IntN(3) {
		p.SCPs = append(p.SCPs, append(m.sources(false), allowAll))
		p.RCPs = append(p.RCPs, append(m.sources(false), allowAll))
	}
	if m.IntN(4) == 0 {
		p.Grants = []Grant{{ID: "g", Grantee: m.one(session.RoleARN, alice.ARN, home, "backup.amazonaws.com")}}
	}
	return p
}

// with puts one more source into the gate, copying what it changes.
func (p Policies) with(gate Gate, s Source) Policies {
	switch gate {
	case GateIdentity:
		p.Identity = append(slices.Clone(p.Identity), s)
	case GateResource:
		p.Resource = append(slices.Clone(p.Resource), s)
	case GateSession:
		p.Session = append(slices.Clone(p.Session), s)
	case GateSCP:
		p.SCPs = slices.Clone(p.SCPs)
		for i := range p.SCPs {
			p.SCPs[i] = append(slices.Clone(p.SCPs[i]), s)
		}
	default:
		panic("no source is put into the " + string(gate))
	}
	return p
}

// TestLaws draws worlds and holds that each is decided, explained, and never widened by less.
func TestLaws(t *testing.T) {
	t.Parallel()
	var allowed, explicit int
	for seed := range uint64(3000) {
		m := maker{rand.New(rand.NewPCG(seed, 1))}
		r, p := m.request(), m.policies()
		d := Evaluate(r, p)
		switch d.Reason {
		case Allowed:
			allowed++
		case ExplicitDeny:
			explicit++
		case ImplicitDeny:
		}
		checkExplanation(t, r, d)

		for _, gate := range []Gate{GateIdentity, GateResource, GateSession, GateSCP} {
			if after := Evaluate(r, p.with(gate, m.source(gate == GateResource, 0, 1))); after.Allowed && !d.Allowed && (gate != GateSession || p.HasSession) {
				t.Errorf("seed %d: a Deny in a %s turned a deny into an allow\n%s%s", seed, gate, d.Explain(), after.Explain())
			}
			if gate == GateSession && !p.HasSession {
				continue // the first session policy is a new ceiling
			}
			if after := Evaluate(r, p.with(gate, m.source(gate == GateResource, 1, 0))); !after.Allowed && d.Allowed {
				t.Errorf("seed %d: an Allow in a %s took access away\n%s%s", seed, gate, d.Explain(), after.Explain())
			}
		}
		if p.Boundary == nil {
			bounded := p
			boundary := m.source(false, 3, 0)
			bounded.Boundary = &boundary
			if after := Evaluate(r, bounded); after.Allowed && !d.Allowed {
				t.Errorf("seed %d: a boundary granted\n%s%s", seed, d.Explain(), after.Explain())
			}
		}
		if after := Evaluate(r, p.with(GateIdentity, denyAll)); after.Allowed && r.Principal.hasIdentity() && !r.Principal.IsRoot {
			t.Errorf("seed %d: an explicit deny was overruled\n%s", seed, after.Explain())
		}
		again := Simulate(r, p)
		if diff := cmp.Diff(d.Explain(), again.Explain()); diff != "" {
			t.Errorf("seed %d: the simulation decides otherwise\n%s", seed, diff)
		}
		checkSimulation(t, d, again)
		if t.Failed() {
			t.FailNow()
		}
	}
	if allowed < 250 || explicit < 250 {
		t.Errorf("only %d allows and %d denies were drawn: the world is too lopsided to show anything", allowed, explicit)
	}
}

// checkSimulation holds that the statement that decided is among those that matched.
func checkSimulation(t *testing.T, d Decision, s Simulation) {
	t.Helper()
	if d.By == nil || d.By.Statement == NoStatement {
		return
	}
	if !slices.ContainsFunc(s.Matched, func(m Matched) bool { return m.Match == *d.By }) {
		t.Errorf("%s decided and is not among the matched %+v", d.By, s.Matched)
	}
}

func FuzzParse(f *testing.F) {
	f.Add(`{"Version": "2012-10-17", "Id": "x", "Statement": {"Effect": "Allow", "Principal": "*", "Action": [], "Resource": "arn:aws:s3:::${aws:username, 'x'}/*"}}`)
	f.Add(`{"Statement": [{"Sid": "é\u2028<", "Effect": "Deny", "NotPrincipal": {"AWS": ["1"], "Service": []}, "NotAction": "a:b", "NotResource": ["*"],
		"Condition": {"foranyvalue:ipaddressifexists": {"a": [1e3, true, "10.0.0.0/8"], "A": "x"}, "x": {}, "Null": {"b": false}}}]}`)
	m := maker{rand.New(rand.NewPCG(1, 2))}
	for range 20 {
		f.Add(m.source(true, 2, 1).Policy.String())
	}
	r := Request{Principal: session, Action: "s3:GetObject", Resource: "arn:aws:s3:::b/k", Context: map[string][]string{"aws:TagKeys": {"a", "b"}}}
	f.Fuzz(func(t *testing.T, document string) {
		p, err := Parse([]byte(document))
		if err != nil {
			return
		}
		printed := p.String()
		again, err := Parse([]byte(printed))
		if err != nil {
			t.Fatalf("%s\nis printed as\n%s\nwhich does not parse: %v", document, printed, err)
		}
		if reprinted := again.String(); reprinted != printed {
			t.Fatalf("%s\nis printed as\n%s\nand that as\n%s", document, printed, reprinted)
		}
		for _, kind := range []Kind{Identity, Resource, KeyPolicy, Trust, SCP, RCP} {
			if a, b := fmt.Sprint(Validate(p, kind)), fmt.Sprint(Validate(again, kind)); a != b {
				t.Errorf("as %s the document is %q and its print is %q", kind, a, b)
			}
		}
		sources := []Source{{Name: "p", Policy: p}}
		policies := Policies{Identity: sources, Resource: sources, SCPs: [][]Source{{allowAll}, sources}, Boundary: &allowAll}
		d := Evaluate(r, policies)
		checkExplanation(t, r, d)
		checkSimulation(t, d, Simulate(r, policies))
		reparsed := []Source{{Name: "p", Policy: again}}
		other := Evaluate(r, Policies{Identity: reparsed, Resource: reparsed, SCPs: [][]Source{{allowAll}, reparsed}, Boundary: &allowAll})
		if d.Explain() != other.Explain() {
			t.Errorf("the document decides\n%sand its print\n%s", d.Explain(), other.Explain())
		}
	})
}
