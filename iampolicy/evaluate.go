package iampolicy

import "strings"

// Source is a policy with the name that explanations call it by: "arn:aws:iam::111122223333:policy/x", or "inline
// policy p of role r".
type Source struct {
	Name   string
	Kind   Kind
	Policy *Policy
	// ID is what the API calls the policy: an ARN, an id, the name of an inline policy. Of is what it belongs to, where that
	// is not the principal, the resource or the level that it is asked for. Only explanations use them.
	ID, Of string
}

// Grant is a KMS grant whose operation and constraints fit the request; whether its grantee is the caller is decided
// here. It is worth what a statement of the key policy with that principal is worth.
type Grant struct {
	ID      string
	Grantee string // the ARN of a user, role, session or account, or a service principal
}

// Policies is everything that applies to a request.
type Policies struct {
	Identity []Source
	Boundary *Source // nil where the principal has none
	Session  []Source
	// The session was given session policies. With HasSession and an empty Session nothing is allowed.
	HasSession bool
	// One slice per level from the organization's root over the OUs to the account itself, of the principal's account
	// (SCPs) and of the resource's (RCPs). Nil where the account is in no organization or manages it.
	SCPs, RCPs [][]Source
	// The root, units and account that the levels stand for, for explanations; nil where they have no names.
	SCPTargets, RCPTargets []string
	Resource               []Source // the policy of the bucket, vault, key, or role (its trust policy)
	ResourceOf             string   // whose policy that is, for explanations; empty for the request's resource
	// The resource is a KMS key: without its policy, or a grant, nobody has access, and identity policies count only
	// where the key policy gives the account access. A source of kind [Trust] is treated so by itself.
	KeyPolicy bool
	Grants    []Grant
}

// Evaluate decides r by the policies p. It always comes to a decision.
func Evaluate(r Request, p Policies) Decision {
	v := evaluation{environment: newEnvironment(&r, &p), policies: &p}
	gates := 4 + len(p.SCPs) + len(p.RCPs)
	v.gates, v.matches = make([]GateResult, 0, gates), make([]Match, 0, gates)
	v.ask()
	for i := range v.gates {
		if g := &v.gates[i]; g.Outcome == Denies {
			return Decision{Reason: ExplicitDeny, Gate: g.Gate, By: g.By, Gates: v.gates, foreignKey: v.isForeignKey()}
		}
	}
	gate, by := v.decide()
	if by == nil {
		return Decision{Reason: ImplicitDeny, Gate: gate, Gates: v.gates, foreignKey: v.isForeignKey()}
	}
	return Decision{Allowed: true, Reason: Allowed, Gate: by.Gate, By: by, Gates: v.gates}
}

// evaluation is one decision in the making.
type evaluation struct {
	environment
	policies *Policies
	gates    []GateResult
	matches  []Match // what gates point to: made at once, since most requests are allowed and every gate has one
	identity *Match  // the allow of the identity policies
	resource *Match  // the strongest allow of the resource's policy, and how it names the caller
	named    naming
	ceiling  bool // the boundary and the session policies allow, or there are none
	limit    Gate // of these two, the one that does not allow
}

// ask puts the request to every gate that applies, in AWS's order.
func (v *evaluation) ask() {
	p, caller := v.policies, &v.request.Principal
	linked := caller.ServiceLinked
	if !linked {
		v.askLevels(GateRCP, p.RCPs)
	}
	if !linked && caller.hasIdentity() {
		v.askLevels(GateSCP, p.SCPs)
	}
	if len(p.Resource) > 0 || len(p.Grants) > 0 || v.resourceNeeded() || v.request.crossesAccounts() || !caller.hasIdentity() {
		v.askResource()
	}
	v.ceiling = true
	if !caller.hasIdentity() {
		return
	}
	if caller.IsRoot {
		v.identity = &Match{Gate: GateIdentity, Source: "root user of account " + caller.AccountID, Statement: NoStatement, Effect: Allow}
		v.gates = append(v.gates, GateResult{Gate: GateIdentity, Outcome: Allows, By: v.identity})
		return
	}
	v.identity = v.askGate(GateIdentity, 0, p.Identity)
	if p.Boundary != nil {
		v.askCeiling(GateBoundary, []Source{*p.Boundary})
	}
	if p.HasSession || len(p.Session) > 0 {
		v.askCeiling(GateSession, p.Session)
	}
}

// match keeps the match of a statement.
func (v *evaluation) match(gate Gate, level int, source *Source, statement int) *Match {
	v.matches = append(v.matches, newMatch(gate, level, source, statement))
	return &v.matches[len(v.matches)-1]
}

func (v *evaluation) askLevels(gate Gate, levels [][]Source) {
	for i, sources := range levels {
		v.askGate(gate, i+1, sources)
	}
}

func (v *evaluation) askCeiling(gate Gate, sources []Source) {
	if v.askGate(gate, 0, sources) == nil && v.ceiling {
		v.ceiling, v.limit = false, gate
	}
}

// askGate adds the gate's result and returns the statement that allows, if one does and none denies.
func (v *evaluation) askGate(gate Gate, level int, sources []Source) *Match {
	result := GateResult{Gate: gate, Level: level, Outcome: Silent, asked: sources}
	for i := range sources {
		source := &sources[i]
		if source.Policy == nil {
			continue
		}
		for j := range source.Policy.Statements {
			s := &source.Policy.Statements[j]
			if s.Effect == Allow && result.Outcome != Silent {
				continue
			}
			if !s.applies(&v.environment, false) || s.names(&v.environment, false) == notNamed {
				continue
			}
			result.By, result.statement = v.match(gate, level, source, j), s
			if s.Effect == Deny {
				result.Outcome = Denies
				v.gates = append(v.gates, result)
				return nil
			}
			result.Outcome = Allows
		}
	}
	v.gates = append(v.gates, result)
	return result.By
}

// askResource asks the resource's own policy and the grants, and keeps the allow that is worth most.
func (v *evaluation) askResource() {
	gate := v.resourceGate()
	result := GateResult{Gate: gate, Outcome: Silent, asked: v.policies.Resource}
	caller := &v.request.Principal
	for i := range v.policies.Resource {
		source := &v.policies.Resource[i]
		if source.Policy == nil {
			continue
		}
		for j := range source.Policy.Statements {
			s := &source.Policy.Statements[j]
			named := s.names(&v.environment, true)
			if named == notNamed || s.Effect == Allow && named <= v.named || !s.applies(&v.environment, true) {
				continue
			}
			result.By, result.statement = v.match(gate, 0, source, j), s
			if s.Effect == Deny {
				result.Outcome = Denies
				v.gates = append(v.gates, result)
				return
			}
			result.Outcome = Allows
			v.resource, v.named = result.By, named
		}
	}
	for _, grant := range v.policies.Grants {
		named := namedBy(grant.Grantee, caller)
		if caller.Service != "" && grant.Grantee == caller.Service {
			named = personally
		}
		// A service's own role needs its grant also where the key's policy names it as well, see grantedToService.
		if named > v.named || named > byAccount && caller.ServiceLinked {
			result.Outcome, result.statement = Allows, nil
			result.By = &Match{Gate: GateGrant, Source: "grant " + grant.ID, Statement: NoStatement, Effect: Allow}
			v.resource, v.named = result.By, named
		}
	}
	if caller.IsRoot && v.named == byAccount {
		v.named = personally // the account's own name is the root user's
	}
	v.gates = append(v.gates, result)
}

// grantedToService reports whether a grant names the caller's role, and that is a service's own. Such a role uses the keys
// of other accounts by their grants alone: its predefined policy speaks of no customer managed keys, and nobody could change
// it; see example 2 of https://docs.aws.amazon.com/autoscaling/ec2/userguide/key-policy-requirements-EBS-encryption.html.
func (v *evaluation) grantedToService() bool {
	return v.resource.Gate == GateGrant && v.named != byAccount && v.request.Principal.ServiceLinked
}

// resourceGate is what the resource's policy is called.
func (v *evaluation) resourceGate() Gate {
	if v.isTrust() {
		return GateTrust
	}
	return GateResource
}

// isTrust reports whether the resource is a role to be assumed.
func (v *evaluation) isTrust() bool {
	for i := range v.policies.Resource {
		if v.policies.Resource[i].Kind == Trust {
			return true
		}
	}
	return strings.HasPrefix(v.action, "sts:assumerole")
}

func (v *evaluation) isKey() bool {
	if v.policies.KeyPolicy {
		return true
	}
	for i := range v.policies.Resource {
		if v.policies.Resource[i].Kind == KeyPolicy {
			return true
		}
	}
	return false
}

func (v *evaluation) isForeignKey() bool { return v.isKey() && v.request.crossesAccounts() }

// resourceNeeded reports whether the resource's policy must allow even within its account.
func (v *evaluation) resourceNeeded() bool { return v.isKey() || v.isTrust() }

// decide finds the statement that allows, or the gate that has none, when nothing denies.
func (v *evaluation) decide() (Gate, *Match) {
	for i := range v.gates {
		if g := &v.gates[i]; (g.Gate == GateRCP || g.Gate == GateSCP) && g.Outcome != Allows {
			return g.Gate, nil
		}
	}
	if !v.request.Principal.hasIdentity() {
		return v.resourceGate(), v.resource
	}
	across := v.request.crossesAccounts()
	if v.resource == nil && (across || v.resourceNeeded()) {
		return v.resourceGate(), nil
	}
	if !across && v.named == personally || across && v.grantedToService() {
		return v.resourceGate(), v.resource
	}
	by := v.identity
	if !across && v.named == byRole {
		by = v.resource
	}
	if by == nil {
		return GateIdentity, nil
	}
	if !v.ceiling {
		return v.limit, nil
	}
	return by.Gate, by
}
