package rules

import (
	"cmp"
	"slices"
	"strings"

	"strongroom/arn"
	"strongroom/iampolicy"
)

// FixOf is the call that makes the change of a cure. Where the API takes whole documents it has the new one, so it holds as
// long as nobody else changes the policy.
func FixOf(c iampolicy.Cure) Fix {
	f := Fix{Resource: c.Of, Statement: string(c.Statement), Advice: advice(c)}
	if of, err := arn.Parse(c.Of); err == nil {
		f.AccountID, f.Region = of.AccountID, of.Region
	}
	switch c.Gate {
	case iampolicy.GateSCP, iampolicy.GateRCP:
		f.fixControl(c)
	case iampolicy.GateBoundary:
		f.fixManaged(c)
	case iampolicy.GateIdentity:
		f.fixIdentity(c)
	case iampolicy.GateSession:
		f.Resource = ""
	default:
		f.fixResource(c)
	}
	return f
}

func advice(c iampolicy.Cure) string {
	text := strings.ToUpper(c.String()[:1]) + c.String()[1:] + "."
	switch c.Gate {
	case iampolicy.GateSession:
		return text + " The session's policies are given when the role is assumed."
	case iampolicy.GateSCP, iampolicy.GateRCP:
		return text + " The organization's management account can."
	case iampolicy.GateIdentity, iampolicy.GateBoundary, iampolicy.GateResource, iampolicy.GateTrust, iampolicy.GateGrant:
	}
	return text
}

func (f *Fix) call(name string, parameters ...string) {
	f.Call, f.Parameters = name, map[string]string{}
	for pair := range slices.Chunk(parameters, 2) {
		f.Parameters[pair[0]] = pair[1]
	}
}

// fixControl changes what the organization binds its accounts with.
func (f *Fix) fixControl(c iampolicy.Cure) {
	f.AccountID, f.Region = "", ""
	kind := "SERVICE_CONTROL_POLICY"
	if c.Gate == iampolicy.GateRCP {
		kind = "RESOURCE_CONTROL_POLICY"
	}
	switch {
	case c.Change == iampolicy.AddStatement:
		f.call("organizations:CreatePolicy", "Name", policyName(c), "Description", "Allows what a job needs", "Type", kind, "Content", string(c.Document))
		f.Advice = "Attach a policy with this statement to " + c.Of + ", in the organization's management account."
	case c.Document == nil:
		f.call("organizations:DetachPolicy", "PolicyId", c.ID, "TargetId", c.Of)
	default:
		f.call("organizations:UpdatePolicy", "PolicyId", c.ID, "Content", string(c.Document))
	}
}

// fixManaged makes a new version of a managed policy. Those of AWS cannot be changed.
func (f *Fix) fixManaged(c iampolicy.Cure) {
	if c.ID == "" || strings.Contains(c.ID, ":iam::aws:") || c.Document == nil {
		return
	}
	f.call("iam:CreatePolicyVersion", "PolicyArn", c.ID, "PolicyDocument", string(c.Document), "SetAsDefault", "true")
}

// fixIdentity changes what a role, user or group may: by an inline policy of its own, or its managed policy.
func (f *Fix) fixIdentity(c iampolicy.Cure) {
	kind, name := holderOf(c.Of)
	if kind == "" {
		return
	}
	field := strings.ToUpper(kind[:1]) + kind[1:]
	switch {
	case c.Change == iampolicy.AddStatement:
		f.call("iam:Put"+field+"Policy", field+"Name", name, "PolicyName", cmp.Or(c.ID, policyName(c)), "PolicyDocument", string(c.Document))
	case strings.HasPrefix(c.ID, "arn:") && (strings.Contains(c.ID, ":iam::aws:") || c.Document == nil):
		f.call("iam:Detach"+field+"Policy", field+"Name", name, "PolicyArn", c.ID)
	case strings.HasPrefix(c.ID, "arn:"):
		f.fixManaged(c)
	case c.Document == nil:
		f.call("iam:Delete"+field+"Policy", field+"Name", name, "PolicyName", c.ID)
	default:
		f.call("iam:Put"+field+"Policy", field+"Name", name, "PolicyName", c.ID, "PolicyDocument", string(c.Document))
	}
}

// holderOf reads arn:aws:iam::A:role/path/name and role/name.
func holderOf(of string) (kind, name string) {
	if parsed, err := arn.Parse(of); err == nil {
		of = parsed.Resource
	}
	kind, path, _ := strings.Cut(of, "/")
	if kind != "role" && kind != "user" && kind != "group" {
		return "", ""
	}
	return kind, path[strings.LastIndexByte(path, '/')+1:]
}

// fixResource changes a resource's own policy.
func (f *Fix) fixResource(c iampolicy.Cure) {
	of, err := arn.Parse(c.Of)
	if err != nil {
		return
	}
	_, name := of.Split()
	document := string(c.Document)
	switch of.Service {
	case "backup":
		if document == "" {
			f.call("backup:DeleteBackupVaultAccessPolicy", "BackupVaultName", name)
			return
		}
		f.call("backup:PutBackupVaultAccessPolicy", "BackupVaultName", name, "Policy", document)
	case "kms":
		f.call("kms:PutKeyPolicy", "KeyId", c.Of, "PolicyName", "default", "Policy", document)
	case "iam":
		_, role := holderOf(c.Of)
		f.call("iam:UpdateAssumeRolePolicy", "RoleName", role, "PolicyDocument", document)
	case "s3":
		bucket, _, _ := strings.Cut(of.Resource, "/")
		if document == "" {
			f.call("s3:DeleteBucketPolicy", "Bucket", bucket)
			return
		}
		f.call("s3:PutBucketPolicy", "Bucket", bucket, "Policy", document)
	}
}

// policyName is one for a new policy with the statement: AllowBackupCopyIntoBackupVault.
func policyName(c iampolicy.Cure) string {
	policy, err := iampolicy.Parse([]byte(`{"Version":"2012-10-17","Statement":[` + string(c.Statement) + `]}`))
	if err != nil || len(policy.Statements[0].Actions) == 0 {
		return "AllowJob"
	}
	service, action, _ := strings.Cut(policy.Statements[0].Actions[0], ":")
	return "Allow" + strings.ToUpper(service[:1]) + service[1:] + action
}
