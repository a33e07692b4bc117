package iampolicy

import (
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// speaks reports whether policies of a gate are asked of the principal at all.
func speaks(gate Gate, p *Principal) bool {
	switch gate {
	case GateIdentity, GateBoundary, GateSession:
		return p.hasIdentity() && !p.IsRoot
	case GateSCP:
		return p.hasIdentity() && !p.ServiceLinked
	case GateRCP:
		return !p.ServiceLinked
	case GateResource, GateTrust, GateGrant:
	}
	return true
}

// placed puts the source into the gate, which it makes where there is none.
func (p Policies) placed(gate Gate, s Source) Policies {
	switch gate {
	case GateBoundary:
		if p.Boundary == nil {
			p.Boundary = &s
			return p
		}
		both := *p.Boundary.Policy
		both.Statements = slices.Concat(both.Statements, s.Policy.Statements)
		p.Boundary = &Source{Name: p.Boundary.Name, Policy: &both}
	case GateSession:
		p.HasSession = true
		return p.with(gate, s)
	case GateSCP:
		if len(p.SCPs) == 0 {
			p.SCPs = [][]Source{{}}
		}
		return p.with(gate, s)
	case GateRCP:
		p.RCPs = slices.Clone(p.RCPs)
		if len(p.RCPs) == 0 {
			p.RCPs = [][]Source{{}}
		}
		for i := range p.RCPs {
			p.RCPs[i] = append(slices.Clone(p.RCPs[i]), s)
		}
	default:
		return p.with(gate, s)
	}
	return p
}

var everyGate = []Gate{GateIdentity, GateBoundary, GateSession, GateSCP, GateRCP, GateResource}

// An explicit deny wins in whatever policy it stands, if that kind of policy speaks of the principal.
func TestDenyAlwaysWins(t *testing.T) {
	t.Parallel()
	overruled := 0
	for seed := range uint64(700) {
		m := maker{rand.New(rand.NewPCG(seed, 3))}
		r, p := m.request(), m.policies()
		before := Evaluate(r, p)
		for _, gate := range everyGate {
			deny := denyAll
			if gate == GateResource {
				deny = denyMe
			}
			after := Evaluate(r, p.placed(gate, deny))
			if speaks(gate, &r.Principal) && after.Reason != ExplicitDeny {
				t.Fatalf("seed %d: a Deny in a %s is overruled\n%s", seed, gate, after.Explain())
			}
			if before.Allowed && !after.Allowed {
				overruled++
			}
		}
	}
	if overruled < 300 {
		t.Errorf("only %d allows met a deny: the world is too lopsided to show anything", overruled)
	}
}

// Boundaries, session policies and control policies are ceilings: one more of them never lets through what was refused,
// and with them alone nothing is let through but what the root user may by nature.
func TestCeilingsNeverGrant(t *testing.T) {
	t.Parallel()
	refused := 0
	for seed := range uint64(700) {
		m := maker{rand.New(rand.NewPCG(seed, 4))}
		r, p := m.request(), m.policies()
		before := Evaluate(r, p)
		for _, gate := range []Gate{GateBoundary, GateSession, GateSCP, GateRCP} {
			fresh := p
			switch gate {
			case GateBoundary:
				fresh.Boundary = nil
			case GateSession:
				fresh.Session, fresh.HasSession = nil, false
			case GateSCP:
				fresh.SCPs = nil
			default:
				fresh.RCPs = nil
			}
			without := Evaluate(r, fresh)
			with := Evaluate(r, fresh.placed(gate, m.source(false, 3, 0)))
			if with.Allowed && !without.Allowed {
				t.Fatalf("seed %d: a %s granted\n%s%s", seed, gate, without.Explain(), with.Explain())
			}
		}
		if !before.Allowed {
			refused++
		}
		p.Identity, p.Resource, p.Grants = nil, nil, nil
		if alone := Evaluate(r, p); alone.Allowed && !r.Principal.IsRoot {
			t.Fatalf("seed %d: ceilings alone granted\n%s", seed, alone.Explain())
		}
	}
	if refused < 200 {
		t.Errorf("only %d requests were refused", refused)
	}
}

// An Allow more never takes access away, whatever the gate that has it, nor does a grant.
func TestAllowNeverTakesAway(t *testing.T) {
	t.Parallel()
	for seed := range uint64(700) {
		m := maker{rand.New(rand.NewPCG(seed, 5))}
		r, p := m.request(), m.policies()
		before := Evaluate(r, p)
		for _, gate := range everyGate {
			if gate == GateBoundary && p.Boundary == nil || gate == GateSession && !p.HasSession ||
				gate == GateSCP && len(p.SCPs) == 0 || gate == GateRCP && len(p.RCPs) == 0 {
				continue // the first of its kind is a new ceiling
			}
			after := Evaluate(r, p.placed(gate, m.source(gate == GateResource, 2, 0)))
			if before.Allowed && !after.Allowed {
				t.Fatalf("seed %d: an Allow in a %s took access away\n%s%s", seed, gate, before.Explain(), after.Explain())
			}
		}
		p.Grants = append(slices.Clone(p.Grants), Grant{ID: "more", Grantee: m.one(session.RoleARN, alice.ARN, home)})
		if after := Evaluate(r, p); before.Allowed && !after.Allowed {
			t.Fatalf("seed %d: a grant took access away\n%s%s", seed, before.Explain(), after.Explain())
		}
	}
}

// rewrite says the same in another form: statements in another order and split by their actions and resources, lists in
// another order and with repetitions, other letters where they do not matter.
func (m maker) rewrite(document *Policy) *Policy {
	var statements []map[string]any
	for i := range document.Statements {
		var s map[string]any
		if err := json.Unmarshal(document.Statements[i].print(), &s); err != nil {
			panic(err)
		}
		statements = append(statements, m.split(s, "Action", "Resource")...)
	}
	m.Shuffle(len(statements), func(i, j int) { statements[i], statements[j] = statements[j], statements[i] })
	for _, s := range statements {
		for _, element := range []string{"Action", "NotAction", "Resource", "NotResource"} {
			if s[element] == nil {
				continue
			}
			list := m.shuffled(s[element])
			if strings.HasSuffix(element, "Action") {
				for i := range list {
					list[i] = strings.ToUpper(fmt.Sprint(list[i]))
				}
			}
			s[element] = list
		}
		conditions, _ := s["Condition"].(map[string]any)
		respelled := map[string]any{}
		for operator, keys := range conditions {
			block := map[string]any{}
			for key, values := range keys.(map[string]any) {
				block[strings.ToUpper(key)] = m.shuffled(values)
			}
			respelled[strings.ToLower(operator)] = block
		}
		if conditions != nil {
			s["Condition"] = respelled
		}
	}
	text, err := json.Marshal(map[string]any{"Version": document.Version, "Statement": statements})
	if err != nil {
		panic(err)
	}
	return MustParse(string(text))
}

// split makes one statement of each value of the elements.
func (m maker) split(s map[string]any, elements ...string) []map[string]any {
	all := []map[string]any{s}
	for _, element := range elements {
		var next []map[string]any
		for _, s := range all {
			values, is := s[element].([]any)
			if !is || m.IntN(2) == 0 {
				next = append(next, s)
				continue
			}
			for _, value := range values {
				one := maps.Clone(s)
				one[element] = value
				next = append(next, one)
			}
		}
		all = next
	}
	return all
}

// shuffled is the value, or list of values, as a list in another order with one of them twice.
func (m maker) shuffled(value any) []any {
	list, is := value.([]any)
	if !is {
		list = []any{value}
	}
	list = slices.Clone(list)
	if len(list) > 0 {
		list = append(list, list[m.IntN(len(list))])
	}
	m.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
	return list
}

// lists is a policy whose elements have several values.
func (m maker) lists(own bool) Source {
	some := func(of ...string) string {
		m.Shuffle(len(of), func(i, j int) { of[i], of[j] = of[j], of[i] })
		text, err := json.Marshal(of[:1+m.IntN(len(of))])
		if err != nil {
			panic(err)
		}
		return string(text)
	}
	var statements []string
	for range 1 + m.IntN(3) {
		principal := ""
		if own {
			principal = `"Principal": {"AWS": ` + some(home, alice.ARN, session.RoleARN, session.ARN, "*") + `}, `
		}
		statements = append(statements, fmt.Sprintf(`{"Effect": %q, %s"%sAction": %s, "%sResource": %s, "Condition": {%q: {"aws:TagKeys": %s}, %q: {"my:n": %s}}}`,
			m.one("Allow", "Allow", "Deny"), principal, m.one("", "", "Not"), some("s3:Get*", "s3:PutObject", "kms:*", "*"),
			m.one("", "", "Not"), some("*", "arn:aws:s3:::b/*", "arn:aws:s3:::b/${aws:username}/*", "arn:aws:s3:::c"),
			m.one("StringLikeIfExists", "ForAllValues:StringLike", "StringNotLike"), some("a", "tr*", "5", "x"),
			m.one("NumericLessThanIfExists", "NumericNotEquals"), some("5", "6", "7.5"),
		))
	}
	return Source{Name: "lists", Policy: MustParse(`{"Version": "2012-10-17", "Statement": [` + strings.Join(statements, ", ") + `]}`)}
}

// What a policy means does not depend on how it is written.
func TestFormsDoNotMatter(t *testing.T) {
	t.Parallel()
	seen := map[Reason]int{}
	for seed := range uint64(1500) {
		m := maker{rand.New(rand.NewPCG(seed, 6))}
		r := m.request()
		p := Policies{Identity: []Source{m.lists(false), m.lists(false)}, Resource: []Source{m.lists(true)}}
		if m.IntN(3) == 0 {
			boundary := m.lists(false)
			p.Boundary = &boundary
		}
		other := Policies{Boundary: p.Boundary}
		for _, s := range p.Identity {
			other.Identity = append(other.Identity, Source{Name: s.Name, Policy: m.rewrite(s.Policy)})
		}
		for _, s := range p.Resource {
			other.Resource = append(other.Resource, Source{Name: s.Name, Policy: m.rewrite(s.Policy)})
		}
		if m.IntN(2) == 0 { // one policy, or two with the same statements
			joined := &Policy{Version: Version2012, Statements: slices.Concat(other.Identity[1].Policy.Statements, other.Identity[0].Policy.Statements)}
			other.Identity = []Source{{Name: "joined", Policy: joined}}
		}
		a, b := Evaluate(r, p), Evaluate(r, other)
		if a.Reason != b.Reason || a.Gate != b.Gate {
			t.Fatalf("seed %d: one form gives\n%sand the other\n%s%s\n%s", seed, a.Explain(), b.Explain(), p.Identity[0].Policy, other.Identity[0].Policy)
		}
		seen[a.Reason]++
	}
	for _, reason := range []Reason{Allowed, ExplicitDeny, ImplicitDeny} {
		if seen[reason] < 100 {
			t.Errorf("only %d requests were %s", seen[reason], reason)
		}
	}
}

// A key that no policy asks for changes nothing, so that whoever simulates knows by [Policy.ContextKeys] what to supply.
func TestUnaskedKeysDoNotMatter(t *testing.T) {
	t.Parallel()
	for seed := range uint64(500) {
		m := maker{rand.New(rand.NewPCG(seed, 7))}
		r, p := m.request(), m.policies()
		before := Simulate(r, p)
		asked := map[string]bool{}
		for _, g := range before.Gates {
			for _, s := range g.asked {
				for _, key := range s.Policy.ContextKeys() {
					asked[strings.ToLower(key)] = true
				}
			}
		}
		for _, key := range []string{"aws:SecureTransport", "AWS:tagkeys", "my:n", "aws:username", "other:key"} {
			if asked[strings.ToLower(key)] {
				continue
			}
			more := r
			more.Context = maps.Clone(r.Context)
			more.Context[key] = []string{m.one("true", "a", "5")}
			if after := Evaluate(more, p); after.Explain() != before.Explain() {
				t.Fatalf("seed %d: %s is not asked for and matters\n%s%s", seed, key, before.Explain(), after.Explain())
			}
		}
	}
}

// FuzzEvaluate holds the laws of decisions for any policy that parses and any request.
func FuzzEvaluate(f *testing.F) {
	m := maker{rand.New(rand.NewPCG(8, 8))}
	for i := range 20 {
		f.Add(m.lists(i%2 == 0).Policy.String(), m.source(true, 1, 1).Policy.String(), uint8(i), "s3:GetObject", "arn:aws:s3:::b/alice/k", "aws:TagKeys", "a,b")
	}
	f.Add(`{"Statement": {"Effect": "Deny", "NotAction": "${", "NotResource": "arn:"}}`, `{"Statement": []}`, uint8(0), "", "arn", "", ",")
	principals := []Principal{alice, session, root, linked, federated, service, {}, {Federated: "accounts.example.com"}}
	f.Fuzz(func(t *testing.T, first, second string, who uint8, action, resource, key, values string) {
		one, err := Parse([]byte(first))
		if err != nil {
			return
		}
		two, err := Parse([]byte(second))
		if err != nil {
			return
		}
		r := Request{Principal: principals[int(who)%len(principals)], Action: action, Resource: resource, Context: map[string][]string{key: strings.Split(values, ",")}}
		if who%3 == 0 {
			r.ResourceAccountID = foreign
		}
		a, b := Source{Name: "one", Policy: one}, Source{Name: "two", Policy: two}
		p := Policies{Identity: []Source{a}, Resource: []Source{b}, KeyPolicy: who%5 == 0}
		if who%2 == 0 {
			p.Boundary, p.SCPs = &b, [][]Source{{a, b}}
		}
		d := Evaluate(r, p)
		checkExplanation(t, r, d)
		checkSimulation(t, d, Simulate(r, p))
		for _, gate := range everyGate {
			deny := denyAll
			if gate == GateResource {
				deny = denyMe
			}
			if after := Evaluate(r, p.placed(gate, deny)); speaks(gate, &r.Principal) && after.Allowed {
				t.Errorf("a Deny in a %s is overruled\n%s", gate, after.Explain())
			}
		}
		for _, gate := range []Gate{GateIdentity, GateResource} {
			if after := Evaluate(r, p.with(gate, allowAll)); d.Allowed && !after.Allowed {
				t.Errorf("an Allow in a %s took access away\n%s%s", gate, d.Explain(), after.Explain())
			}
		}
		p.Identity, p.Resource = nil, nil
		if alone := Evaluate(r, p); alone.Allowed && !r.Principal.IsRoot {
			t.Errorf("ceilings alone granted\n%s", alone.Explain())
		}
	})
}
