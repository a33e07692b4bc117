package iampolicy

import "strings"

// Principal is who makes a request. The zero Principal is an anonymous caller.
type Principal struct {
	ARN       string // the user, the role session (arn:aws:sts::A:assumed-role/R/session), the federated user, or root
	RoleARN   string // of a role session: the role with its path
	UserARN   string // of a federated user session: the user who asked for it
	AccountID string
	UserID    string // AIDA… of a user, AROA…:session of a role session, the account id of root
	IsRoot    bool   // the account's root user, who needs no identity policy
	// ServiceLinked is whether the role of the session is a service's own, to which neither service nor resource control
	// policies apply, and which uses keys of other accounts by grants alone. It is a fact of the role that is kept with it:
	// its ARN does not tell, since a path may hold anything, as "/x:role/aws-service-role/" does.
	ServiceLinked bool

	// A service that calls for itself (backup.amazonaws.com). It has no identity policies: only the resource's own
	// policy can allow it.
	Service string
	// An identity provider's ARN or domain, of the callers of AssumeRoleWithSAML and AssumeRoleWithWebIdentity, who
	// are in no account either.
	Federated string
	// The canonical user id of the caller's account, for bucket policies that name it.
	CanonicalUser string
}

// hasIdentity reports whether identity policies can speak for the principal.
func (p *Principal) hasIdentity() bool { return p.ARN != "" && p.Service == "" && p.Federated == "" }

// name is what messages call the principal.
func (p *Principal) name() string {
	switch {
	case p.Service != "":
		return p.Service
	case p.ARN != "":
		return p.ARN
	case p.Federated != "":
		return p.Federated
	}
	return "anonymous"
}

// naming is how a resource policy's statement names the caller, in rising order of what an Allow is worth within one
// account.
type naming uint8

const (
	notNamed   naming = iota
	byAccount         // the account, which only delegates to its identity policies
	byRole            // the role, or the user behind a federated session: bound by boundary and session policies
	personally        // the very user, session, service or provider, or everyone, as "*": not bound by them
)

// naming is of the strongest entry. What each is worth is told in
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic_policy-eval-denyallow.html, where a
// wildcard counts as the session itself.
func (ps *Principals) naming(p *Principal) naming {
	if ps.Everyone {
		return personally
	}
	best := notNamed
	for _, entry := range ps.AWS {
		best = max(best, namedBy(entry, p))
	}
	if contains(ps.Service, p.Service) || contains(ps.Federated, p.Federated) || contains(ps.CanonicalUser, p.CanonicalUser) {
		return personally
	}
	return best
}

// namedBy reads one AWS principal: "*", an account id, an ARN, or the unique id that stands for a deleted principal.
func namedBy(entry string, p *Principal) naming {
	switch {
	case entry == "*":
		return personally
	case entry == "" || !p.hasIdentity():
		return notNamed
	case entry == p.ARN:
		return personally
	case entry == p.RoleARN, entry == p.UserARN:
		return byRole
	case p.AccountID != "" && principalAccount(entry) == p.AccountID:
		return byAccount
	case strings.HasPrefix(entry, "AROA") && strings.HasPrefix(p.UserID, entry+":"):
		return byRole
	case strings.HasPrefix(entry, "AIDA") && entry == p.UserID:
		return personally
	}
	return notNamed
}

// principalAccount is the account that an entry stands for as a whole, in either of its two forms, or "".
func principalAccount(entry string) string {
	if isAccountID(entry) {
		return entry
	}
	rest, ok := strings.CutSuffix(entry, ":root")
	if !ok {
		return ""
	}
	i := strings.LastIndex(rest, ":iam::")
	if i < 0 || !strings.HasPrefix(rest, "arn:") || !isAccountID(rest[i+len(":iam::"):]) {
		return ""
	}
	return rest[i+len(":iam::"):]
}

const accountDigits = 12

func isAccountID(text string) bool {
	return len(text) == accountDigits && strings.Trim(text, "0123456789") == ""
}

func contains(list []string, value string) bool {
	if value == "" {
		return false
	}
	for _, entry := range list {
		if entry == value || entry == "*" {
			return true
		}
	}
	return false
}

// exempts reports whether a NotPrincipal keeps its statement away from the caller. A Deny spares only those whose every
// name is listed (the session, its role and the account, or the user and the account), as AWS asks; an Allow leaves
// out whoever is listed under any name. A Deny never spares a principal with a permissions boundary:
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_notprincipal.html
// https://docs.aws.amazon.com/IAM/latest/UserGuide/access_policies_boundaries.html
func (ps *Principals) exempts(p *Principal, effect Effect, bounded bool) bool {
	if ps.Everyone {
		return true
	}
	if effect == Allow || !p.hasIdentity() {
		return ps.naming(p) != notNamed
	}
	if bounded {
		return false
	}
	named := func(fits func(entry string) bool) bool {
		for _, entry := range ps.AWS {
			if entry == "*" || fits(entry) {
				return true
			}
		}
		return false
	}
	return named(func(entry string) bool { return principalAccount(entry) == p.AccountID }) &&
		(p.IsRoot || named(func(entry string) bool { return entry == p.ARN })) &&
		(p.RoleARN == "" || named(func(entry string) bool { return entry == p.RoleARN }))
}
