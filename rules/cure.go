package rules

import (
	"fmt"
	"strings"

	"strongroom/arn"
	"strongroom/iampolicy"
)

// Cured is the job whose trail is to be cured.
type Cured struct {
	Kind         string // backup, copy or restore
	ResourceType string
	RoleARN      string
	// ManagementAccountID is that of the organization of the job's account; "" for none.
	ManagementAccountID string
}

// Cures are what opens the gates of a trail that are shut, for each gate, when it is made literally and in order: cures that
// change one policy build on each other, and none is told twice.
func (t Trail) Cures(j Cured) [][]Fix {
	var q iampolicy.Sequence
	all, told := make([][]Fix, len(t)), map[string]bool{}
	for i, p := range t {
		if p.Verdict.Verdict != Shut {
			continue
		}
		for _, f := range j.cures(p, &q) {
			if command := f.Command(); command == "" || !told[command] {
				told[command] = true
				all[i] = append(all[i], f)
			}
		}
	}
	return all
}

func (j Cured) cures(p Passage, q *iampolicy.Sequence) (fixes []Fix) {
	if p.Refused == nil || len(p.Refused.Cures) == 0 {
		for _, f := range p.Cures {
			fixes = append(fixes, f)
			if f.Call == "iam:CreateRole" {
				for _, policy := range j.policies() {
					fixes = append(fixes, attach(j.RoleARN, policy))
				}
			}
		}
		return fixes
	}
	for _, cure := range p.Refused.Cures {
		if f, is := j.attaches(p, cure); is {
			fixes = append(fixes, f)
			continue
		}
		if cure.Gate == iampolicy.GateIdentity && cure.Change == iampolicy.AddStatement {
			cure.ID = untaken(policyName(cure), p.Refused)
		}
		role := ""
		switch cure.Gate {
		case iampolicy.GateSCP, iampolicy.GateRCP, iampolicy.GateResource:
			role = j.roleOf(p.Refused.Principal)
		case iampolicy.GateIdentity, iampolicy.GateBoundary, iampolicy.GateSession, iampolicy.GateTrust, iampolicy.GateGrant:
		}
		if changed, is := q.Next(cure, role); is {
			fixes = append(fixes, j.fixes(changed, role)...)
		}
	}
	return fixes
}

// fixes are the calls that make the change of a cure.
func (j Cured) fixes(c iampolicy.Cure, role string) []Fix {
	f := FixOf(c)
	if c.Change == iampolicy.NarrowStatement {
		f.Advice += " It spares " + role + " then; to remove the statement would free everybody"
		if c.Of != "" {
			f.Advice += " that it binds at " + c.Of
		}
		f.Advice += "."
	}
	if c.Gate != iampolicy.GateSCP && c.Gate != iampolicy.GateRCP {
		return []Fix{f}
	}
	f.AccountID = j.ManagementAccountID
	if f.Call != "organizations:CreatePolicy" {
		return []Fix{f}
	}
	f.Keeps, f.Advice = "POLICY", "Make a policy with this statement."
	attached := Fix{AccountID: f.AccountID, Resource: c.Of, Advice: "Attach it to " + c.Of + "."}
	attached.call("organizations:AttachPolicy", "PolicyId", "$POLICY", "TargetId", c.Of)
	return []Fix{f, attached}
}

// attaches is the policy of AWS for the job, where the job's role lacks a permission that it was to have by it. The statement
// that is missing is told beside it.
func (j Cured) attaches(p Passage, c iampolicy.Cure) (Fix, bool) {
	if j.Kind == "copy" || c.Of != j.RoleARN || c.Gate != iampolicy.GateIdentity || c.Change != iampolicy.AddStatement {
		return Fix{}, false
	}
	policies := j.policies()
	policy := policies[len(policies)-1]
	for _, g := range p.Refused.Gates {
		for _, name := range g.Policies {
			if g.Gate == iampolicy.GateIdentity && strings.HasSuffix(name, ":policy/"+policy) {
				return Fix{}, false // it has it, and that is not enough
			}
		}
	}
	f := attach(j.RoleARN, policy)
	f.Advice, f.Statement = strings.TrimSuffix(f.Advice, ".")+", or let it do just what is missing:", string(c.Statement)
	return f, true
}

// policies are those of AWS that a role needs for the job, the one for the type last.
// https://docs.aws.amazon.com/aws-backup/latest/devguide/iam-service-roles.html
func (j Cured) policies() []string {
	const backup, restore = "service-role/AWSBackupServiceRolePolicyForBackup", "service-role/AWSBackupServiceRolePolicyForRestores"
	switch s3 := j.ResourceType == "S3"; {
	case j.Kind == "restore" && s3:
		return []string{restore, "AWSBackupServiceRolePolicyForS3Restore"}
	case j.Kind == "restore":
		return []string{restore}
	case s3:
		return []string{backup, "AWSBackupServiceRolePolicyForS3Backup"}
	}
	return []string{backup}
}

// roleOf is the role of a session's ARN, which leaves the role's path out; "" if it is neither the job's nor service-linked.
func (j Cured) roleOf(session string) string {
	parsed, err := arn.Parse(session)
	if err != nil {
		return ""
	}
	kind, rest, _ := strings.Cut(parsed.Resource, "/")
	name, _, _ := strings.Cut(rest, "/")
	if kind != "assumed-role" || parsed.Service != "sts" {
		return ""
	}
	for _, roleARN := range []string{j.RoleARN, ServiceLinkedRole(parsed.AccountID)} {
		role, err := arn.Parse(roleARN)
		if _, known := holderOf(roleARN); err == nil && known == name && role.AccountID == parsed.AccountID {
			return roleARN
		}
	}
	return ""
}

// untaken is a name that none of the principal's inline policies has.
func untaken(name string, x *iampolicy.Explanation) string {
	taken := func(name string) bool {
		for _, g := range x.Gates {
			for _, policy := range g.Policies {
				if g.Gate == iampolicy.GateIdentity && strings.HasPrefix(policy, "inline policy "+name+" of ") {
					return true
				}
			}
		}
		return false
	}
	free := name
	for n := 2; taken(free); n++ {
		free = fmt.Sprintf("%s%d", name, n)
	}
	return free
}
