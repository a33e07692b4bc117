package e2e

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/backup"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/organizations"
	organizationstypes "github.com/aws/aws-sdk-go-v2/service/organizations/types"

	"strongroom/internal/server"
	"strongroom/rules"
)

// Ways that recovery points go in the example solution, in one step each: databases come into another vault of the backup account, and go
// back from there.
const (
	there = "there" // from the member to the backup account
	back  = "back"  // and the way back
)

// removable is something without which a copy of the example solution fails.
type removable struct {
	name            string
	remove, restore func(t *testing.T)

	ways  []string         // that it stops
	kinds map[string]ended // of the resources whose copies it stops, with how they end

	gate   string // of [rules.CopyGates], which explains the copy
	action string // that a policy refuses, if one does
	policy string // the kind of policy, as messages call it
	cure   string // the call that puts it back
	of     func(w *solution, way, kind string) string
}

// removalKinds are the kinds of resources whose copies are tried: one that AWS Backup manages fully, and two that keep their own key,
// of which databases go into a vault of their own Region.
var removalKinds = []string{"S3", "EBS", "RDS"}

func allKinds(e ended) map[string]ended { return map[string]ended{"S3": e, "EBS": e, "RDS": e} }

// otherKinds are those that go into the vaults of the other Region.
func otherKinds(e ended) map[string]ended { return map[string]ended{"S3": e, "EBS": e} }

func onlyDatabases(e ended) map[string]ended { return map[string]ended{"RDS": e} }

// sourceKeyFailed is how a copy ends whose source's key cannot be used: what was taken away is told of by the kind's own service.
func sourceKeyFailed(key string, kinds ...string) map[string]ended {
	all := map[string]ended{}
	for _, kind := range kinds {
		all[kind] = failedCopy[kind]
		if kind == "RDS" {
			all[kind] = ended{"FAILED", "The source snapshot KMS key [" + key + "] does not exist, is not enabled or you do not have permissions to access it.", "KMS_KEY_ERROR"}
		}
	}
	return all
}

var (
	copyRefused = ended{"FAILED", "Access Denied trying to call AWS Backup service.", "ACCESS_DENIED"}
	switchedOff = ended{"FAILED", "Copy job failed. Cross-account copy feature is not enabled for the current organization.", "FEATURE_NOT_ENABLED"}
	otherOrg    = ended{"FAILED", "Copy job failed. Both source and destination account must be a member of the same organization.", "ACCESS_DENIED"}
	outOfRange  = ended{"FAILED", "Copy job failed. The retention specified in the job is not within the range specified for the target Backup Vault.", "INVALID_LIFECYCLE"}
	tagsRefused = ended{"FAILED", "Access denied exception while trying to list tags", "ACCESS_DENIED"}
)

// gatesWithoutThings are the gates that depend on what is copied where, and not on a permission, a setting or a policy that
// could be taken away, with the test that shuts them.
var gatesWithoutThings = map[string]string{
	"recovery-point":       "TestRefusals: a recovery point that goes while its copy waits",
	"resource-type":        "package rules",
	"region":               "package rules",
	"capability":           "package rules",
	"storage-tier":         "TestColdStorage",
	"continuous":           "package rules",
	"destination-key-kind": "TestManagedVaultKeys",
	"source-key-kind":      "TestManagedVaultKeys",
}

// removables are all of them: the statements of the example policies that speak of copies, and the settings around.
func (w *solution) removables(t *testing.T) []removable {
	t.Helper()
	var all []removable
	statementOf := func(file, sid string, ways []string, kinds map[string]ended, gate, action, policy, cure string, of func(w *solution, way, kind string) string) {
		whole := example(t, file)
		p := parse(t, whole)
		i := slices.IndexFunc(p.Statement, func(s map[string]any) bool { return s["Sid"] == sid })
		if i < 0 {
			t.Fatalf("%s has no statement %s", file, sid)
		}
		p.Statement = slices.Delete(p.Statement, i, i+1)
		without := p.text(t)
		put := func(document string) func(t *testing.T) {
			return func(t *testing.T) {
				t.Helper()
				if err := w.put(file, document); err != nil {
					t.Fatalf("changing %s: %v", file, err)
				}
			}
		}
		all = append(all, removable{file + "/" + sid, put(without), put(whole), ways, kinds, gate, action, policy, cure, of})
	}
	role := func(w *solution, way, _ string) string { return w.from(way).jobRoleARN() }
	for way, files := range map[string][]string{there: {"job-copy-member.json", "vault-backup-account.json"}, back: {"job-copy-backup-account.json", "vault-member.json"}} {
		statementOf(files[0], "From", []string{way}, allKinds(copyRefused), "copy-from", "backup:CopyFromBackupVault", "identity-based policy", "iam:PutRolePolicy", role)
		statementOf(files[0], "Into", []string{way}, allKinds(copyRefused), "copy-into", "backup:CopyIntoBackupVault", "identity-based policy", "iam:PutRolePolicy", role)
		statementOf(files[0], "SnapshotTags", []string{way}, map[string]ended{"EBS": tagsRefused}, "tags", "ec2:DescribeTags", "identity-based policy", "iam:PutRolePolicy", role)
		statementOf(files[0], "DatabaseTags", []string{way}, onlyDatabases(tagsRefused), "tags", "rds:ListTagsForResource", "identity-based policy", "iam:PutRolePolicy", role)
		sid := map[string]string{there: "Members", back: "WayBack"}[way]
		statementOf(files[1], sid, []string{way}, allKinds(copyRefused), "copy-into", "backup:CopyIntoBackupVault", "resource-based policy", "backup:PutBackupVaultAccessPolicy",
			func(w *solution, way, kind string) string { return w.to(way, kind) })
	}
	keyOf := func(file string) func(*solution, string, string) string {
		return func(w *solution, _, kind string) string {
			if file == "key-backup-vault.json" && kind == "RDS" {
				return w.secondKey
			}
			return w.keys[file]
		}
	}
	for _, k := range []struct {
		file, sid, way string
		kinds          map[string]ended
	}{
		{"key-resource.json", "CopiesToBackupAccount", there, sourceKeyFailed(w.keys["key-resource.json"], "EBS", "RDS")},
		{"key-member-vault.json", "CopiesToBackupAccount", there, map[string]ended{"S3": failedCopy["S3"]}},
		{"key-backup-vault.json", "CopiesBackToMember", back, sourceKeyFailed(w.secondKey, "S3", "EBS", "RDS")},
	} {
		statementOf(k.file, k.sid, []string{k.way}, k.kinds, "source-key", "kms:CreateGrant", "resource-based policy", "kms:PutKeyPolicy", keyOf(k.file))
	}
	all = append(all, w.removableTrust(t)...)
	all = append(all, w.removableKeys()...)
	all = append(all, w.removableSettings(t)...)
	return all
}

// from is the party whose recovery points go a way, and to the ARN of the vault that they go to.
func (w *solution) from(way string) *party { return map[string]*party{there: w.m, back: w.b}[way] }

func (w *solution) to(way, kind string) string {
	if w.elsewhere {
		return w.vaultOf(way, kind) + "-elsewhere"
	}
	return w.vaultOf(way, kind)
}

func (w *solution) vaultOf(way, kind string) string {
	if way == there && kind == "RDS" {
		return w.second.vaultARN("second-vault")
	}
	return map[string]string{there: w.b.vaultARN("backup-vault"), back: w.m.vaultARN("member-vault")}[way]
}

// send copies a recovery point of a kind a way.
func (w *solution) send(way, kind string) result {
	switch {
	case way == there:
		return w.copy(w.operator, w.local[kind], "member-vault", w.to(way, kind))
	case kind == "RDS":
		return w.copy(w.second, w.there[kind], "second-vault", w.to(way, kind))
	}
	return w.copy(w.b, w.there[kind], "backup-vault", w.to(way, kind))
}

// removableTrust is what makes the role the service's to assume.
func (w *solution) removableTrust(t *testing.T) (all []removable) {
	for way, p := range map[string]*party{there: w.m, back: w.b} {
		trust := func(document *string) func(t *testing.T) {
			return func(t *testing.T) {
				t.Helper()
				must(p.iam.UpdateAssumeRolePolicy(t.Context(), &iam.UpdateAssumeRolePolicyInput{RoleName: aws.String(jobRole), PolicyDocument: document}))(t, "changing whom the role trusts")
			}
		}
		all = append(all, removable{
			name:    "the trust of the role in account " + p.id,
			remove:  trust(policy(statement{"Effect": "Allow", "Principal": statement{"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"})),
			restore: trust(aws.String(example(t, "job-trust.json"))), ways: []string{way},
			kinds: allKinds(ended{"FAILED", "IAM Role " + p.jobRoleARN() + " cannot be assumed by AWS Backup", "ACCESS_DENIED"}),
			gate:  "role", action: "sts:AssumeRole", policy: "role trust policy", cure: "iam:UpdateAssumeRolePolicy",
			of: func(*solution, string, string) string { return p.jobRoleARN() },
		})
	}
	return all
}

// removableKeys are the states of keys, and the grants of the vaults.
func (w *solution) removableKeys() (all []removable) {
	row := func(p *party, name, key, way string, kinds map[string]ended, gate string) {
		all = append(all, removable{
			name: name + " enabled, " + gate,
			remove: func(t *testing.T) {
				t.Helper()
				must(p.kms.DisableKey(t.Context(), &kms.DisableKeyInput{KeyId: &key}))(t, "disabling a key")
			},
			restore: func(t *testing.T) {
				t.Helper()
				must(p.kms.EnableKey(t.Context(), &kms.EnableKeyInput{KeyId: &key}))(t, "enabling a key")
			},
			ways: []string{way}, kinds: kinds, gate: gate, cure: "kms:EnableKey", of: func(*solution, string, string) string { return key },
		})
	}
	resources, memberVault, backupVault := w.keys["key-resource.json"], w.keys["key-member-vault.json"], w.keys["key-backup-vault.json"]
	row(w.m, "the resources' key", resources, there, sourceKeyFailed(resources, "EBS", "RDS"), "source-key-state")
	row(w.m, "the key of member-vault", memberVault, there, map[string]ended{"S3": failedCopy["S3"]}, "source-key-state")
	row(w.b, "the key of backup-vault", backupVault, back, failedCopy, "source-key-state")
	row(w.second, "the key of second-vault", w.secondKey, back, sourceKeyFailed(w.secondKey, "RDS"), "source-key-state")
	row(w.b, "the key of backup-vault", backupVault, there, otherKinds(failedKey), "destination-key-state")
	row(w.second, "the key of second-vault", w.secondKey, there, onlyDatabases(failedKey), "destination-key-state")
	row(w.m, "the key of member-vault", memberVault, back, allKinds(failedKey), "destination-key-state")

	for _, v := range []struct {
		p               *party
		key, vault, way string
		kinds           map[string]ended
	}{
		{w.b, backupVault, w.b.vaultARN("backup-vault"), there, otherKinds(failedKey)},
		{w.second, w.secondKey, w.second.vaultARN("second-vault"), there, onlyDatabases(failedKey)},
		{w.m, memberVault, w.m.vaultARN("member-vault"), back, allKinds(failedKey)},
	} {
		p, key := v.p, v.key
		var revoked *kms.CreateGrantInput
		all = append(all, removable{
			name: "the grant of " + v.vault,
			remove: func(t *testing.T) {
				t.Helper()
				for _, g := range must(p.kms.ListGrants(t.Context(), &kms.ListGrantsInput{KeyId: &key}))(t, "listing grants").Grants {
					if strings.HasPrefix(aws.ToString(g.Name), "backup-vault/") {
						revoked = &kms.CreateGrantInput{KeyId: &key, Name: g.Name, GranteePrincipal: g.GranteePrincipal, Operations: g.Operations, Constraints: g.Constraints}
						must(p.kms.RevokeGrant(t.Context(), &kms.RevokeGrantInput{KeyId: &key, GrantId: g.GrantId}))(t, "revoking a grant")
					}
				}
			},
			restore: func(t *testing.T) {
				t.Helper()
				must(p.kms.CreateGrant(t.Context(), revoked))(t, "granting again")
			},
			ways: []string{v.way}, kinds: v.kinds, gate: "destination-key", action: "kms:GenerateDataKey", policy: "resource-based policy",
			of: func(*solution, string, string) string { return key },
		})
	}
	return all
}

// removableSettings are those of the organization and of vaults.
func (w *solution) removableSettings(t *testing.T) []removable {
	t.Helper()
	boss := enter(t, w.s, management, home)
	service := aws.String("backup.amazonaws.com")
	root := must(boss.organizations.ListRoots(t.Context(), &organizations.ListRootsInput{}))(t, "listing roots").Roots[0]
	if _, err := boss.organizations.EnablePolicyType(t.Context(), &organizations.EnablePolicyTypeInput{RootId: root.Id, PolicyType: organizationstypes.PolicyTypeServiceControlPolicy}); err != nil {
		t.Fatalf("enabling SCPs: %v", err)
	}
	ways := []string{there, back}
	all := []removable{
		{
			name:   "cross-account backup",
			remove: func(t *testing.T) { crossAccount(t, w.s, false) }, restore: func(t *testing.T) { crossAccount(t, w.s, true) },
			ways: ways, kinds: allKinds(switchedOff), gate: "cross-account-switch", cure: "backup:UpdateGlobalSettings",
		},
		{
			name: "trusted access",
			remove: func(t *testing.T) {
				must(boss.organizations.DisableAWSServiceAccess(t.Context(), &organizations.DisableAWSServiceAccessInput{ServicePrincipal: service}))(t, "distrusting AWS Backup")
			},
			restore: func(t *testing.T) {
				must(boss.organizations.EnableAWSServiceAccess(t.Context(), &organizations.EnableAWSServiceAccessInput{ServicePrincipal: service}))(t, "trusting AWS Backup")
			},
			ways: ways, kinds: allKinds(switchedOff), gate: "trusted-access", cure: "organizations:EnableAWSServiceAccess",
		},
		{
			name: "the destination vault", remove: func(t *testing.T) { w.goElsewhere(t, true) }, restore: func(t *testing.T) { w.goElsewhere(t, false) },
			ways: ways, gate: "destination-vault", cure: "backup:CreateBackupVault", of: func(w *solution, way, kind string) string { return w.to(way, kind) },
		},
		{
			name: "the organization",
			remove: func(t *testing.T) {
				must(boss.organizations.RemoveAccountFromOrganization(t.Context(), &organizations.RemoveAccountFromOrganizationInput{AccountId: aws.String(vaulted)}))(t, "removing the backup account")
			},
			restore: func(t *testing.T) { join(t, boss, w.b) },
			ways:    ways, kinds: allKinds(otherOrg), gate: "organization", cure: "organizations:InviteAccountToOrganization",
		},
	}
	for _, v := range []struct {
		at         *party
		vault, way string
		kinds      map[string]ended
	}{
		{w.b, "backup-vault", there, otherKinds(outOfRange)}, {w.second, "second-vault", there, onlyDatabases(outOfRange)}, {w.m, "member-vault", back, allKinds(outOfRange)},
	} {
		at, vault := v.at, &v.vault
		all = append(all, removable{
			name: "a vault without bounds: " + *vault,
			remove: func(t *testing.T) {
				must(at.backup.PutBackupVaultLockConfiguration(t.Context(), &backup.PutBackupVaultLockConfigurationInput{BackupVaultName: vault, MinRetentionDays: aws.Int64(7), MaxRetentionDays: aws.Int64(30)}))(t, "locking a vault")
			},
			restore: func(t *testing.T) {
				must(at.backup.DeleteBackupVaultLockConfiguration(t.Context(), &backup.DeleteBackupVaultLockConfigurationInput{BackupVaultName: vault}))(t, "unlocking a vault")
			},
			ways: []string{v.way}, kinds: v.kinds, gate: "lock",
		})
	}
	for _, action := range []string{"backup:CopyFromBackupVault", "backup:CopyIntoBackupVault"} {
		gate := map[string]string{"backup:CopyFromBackupVault": "copy-from", "backup:CopyIntoBackupVault": "copy-into"}[action]
		for way, p := range map[string]*party{there: w.m, back: w.b} {
			all = append(all, w.withoutSCP(boss, p, way, gate, action), w.withoutBoundary(p, way, gate, action))
		}
	}
	return all
}

// goElsewhere has copies go to vaults that do not exist, which the roles may copy into, or to the right ones again.
func (w *solution) goElsewhere(t *testing.T, elsewhere bool) {
	t.Helper()
	w.elsewhere = elsewhere
	for _, file := range []string{"job-copy-member.json", "job-copy-backup-account.json"} {
		document := example(t, file)
		if elsewhere {
			document = strings.NewReplacer(":backup-vault:backup-vault", ":backup-vault:*", ":backup-vault:second-vault", ":backup-vault:*", ":backup-vault:member-vault", ":backup-vault:*").Replace(document)
		}
		if err := w.put(file, document); err != nil {
			t.Fatalf("changing %s: %v", file, err)
		}
	}
}

// withoutSCP is an account that no service control policy keeps from the action.
func (w *solution) withoutSCP(boss, p *party, way, gate, action string) removable {
	var id *string
	return removable{
		name: "no SCP against " + action + " of account " + p.id,
		remove: func(t *testing.T) {
			t.Helper()
			made := must(boss.organizations.CreatePolicy(t.Context(), &organizations.CreatePolicyInput{
				Name: aws.String("no-" + gate + "-" + p.id), Description: aws.String(""), Type: organizationstypes.PolicyTypeServiceControlPolicy,
				Content: policy(statement{"Effect": "Deny", "Action": action, "Resource": "*"}),
			}))(t, "making an SCP")
			id = made.Policy.PolicySummary.Id
			must(boss.organizations.AttachPolicy(t.Context(), &organizations.AttachPolicyInput{PolicyId: id, TargetId: aws.String(p.id)}))(t, "attaching the SCP")
		},
		restore: func(t *testing.T) {
			t.Helper()
			must(boss.organizations.DetachPolicy(t.Context(), &organizations.DetachPolicyInput{PolicyId: id, TargetId: aws.String(p.id)}))(t, "detaching the SCP")
		},
		ways: []string{way}, kinds: allKinds(copyRefused), gate: gate, action: action, policy: "service control policy", cure: "organizations:UpdatePolicy",
	}
}

// withoutBoundary is a role that no permissions boundary keeps from the action.
func (w *solution) withoutBoundary(p *party, way, gate, action string) removable {
	name := "all-but-" + gate
	arn := "arn:aws:iam::" + p.id + ":policy/" + name
	return removable{
		name: "no boundary against " + action + " of the role in account " + p.id,
		remove: func(t *testing.T) {
			t.Helper()
			must(p.iam.CreatePolicy(t.Context(), &iam.CreatePolicyInput{PolicyName: &name, PolicyDocument: policy(statement{"Effect": "Allow", "NotAction": action, "Resource": "*"})}))(t, "making a boundary")
			must(p.iam.PutRolePermissionsBoundary(t.Context(), &iam.PutRolePermissionsBoundaryInput{RoleName: aws.String(jobRole), PermissionsBoundary: &arn}))(t, "bounding the role")
		},
		restore: func(t *testing.T) {
			t.Helper()
			must(p.iam.DeleteRolePermissionsBoundary(t.Context(), &iam.DeleteRolePermissionsBoundaryInput{RoleName: aws.String(jobRole)}))(t, "freeing the role")
		},
		ways: []string{way}, kinds: allKinds(copyRefused), gate: gate, action: action, policy: "permissions boundary", cure: "iam:CreatePolicyVersion",
	}
}

// TestRemovals takes away, one at a time, everything that a copy across accounts and its way back need: each permission, each
// setting, each policy. The copies that need it end with its own message, those that do not succeed, the explanation names
// what was taken away and nothing else, and when it is put back they succeed again.
func TestRemovals(t *testing.T) {
	t.Parallel()
	w := newSolution(t)
	w.thereOf("RDS")
	all := w.removables(t)
	rows := map[string]bool{}
	for _, r := range all {
		rows[r.gate] = true
	}
	for _, gate := range rules.CopyGates {
		if _, without := gatesWithoutThings[gate.Name]; without == rows[gate.Name] {
			t.Errorf("the gate %s has rows: %t, and is said to have nothing to take away: %t", gate.Name, rows[gate.Name], without)
		}
	}
	for _, r := range all {
		t.Run(strings.ReplaceAll(r.name, "/", ":"), func(t *testing.T) {
			w.t = t
			r.remove(t)
			for _, way := range []string{there, back} {
				for _, kind := range removalKinds {
					want, stops := r.kinds[kind]
					if r.gate == "destination-vault" {
						want, stops = ended{"FAILED", "Could not find cryopod " + w.to(way, kind), "RESOURCE_NOT_FOUND"}, true
					}
					if !stops || !slices.Contains(r.ways, way) {
						continue
					}
					got := w.send(way, kind)
					if got.ended != want {
						t.Errorf("the copy %s of %s ended with %+v, want %+v", way, kind, got.ended, want)
						continue
					}
					r.checkExplanation(t, w, way, kind, got.job)
				}
			}
			r.restore(t)
			for _, way := range []string{there, back} {
				for _, kind := range removalKinds {
					if got := w.send(way, kind); got.ended != completed {
						t.Fatalf("when it is back, the copy %s of %s ended with %+v", way, kind, got.ended)
					}
				}
			}
		})
	}
	w.t = t
}

// checkExplanation sees that the explanation names what was taken away, alone.
func (r removable) checkExplanation(t *testing.T, w *solution, way, kind, jobID string) {
	t.Helper()
	x := explained(t, w.s, jobID)
	what := fmt.Sprintf("the copy %s of %s", way, kind)
	if !slices.Equal(x.Shut, []string{r.gate}) {
		t.Errorf("%s: the gates %q are shut, want %s alone", what, x.Shut, r.gate)
		return
	}
	gate := x.Gates[slices.IndexFunc(x.Gates, func(g server.ExplainedGate) bool { return g.Gate == r.gate })]
	if r.action != "" {
		switch refused := gate.Refused; {
		case refused == nil:
			t.Errorf("%s: %s was refused by no policy", what, r.gate)
		case refused.Action != r.action || string(refused.Gate) != r.policy:
			t.Errorf("%s: %s was refused by %s, want %s by %s", what, refused.Action, refused.Gate, r.action, r.policy)
		}
	}
	if r.cure == "" {
		return
	}
	var calls []string
	for _, c := range gate.Cures {
		calls = append(calls, c.Call+" "+c.Resource)
		if c.Call == r.cure && (r.of == nil || c.Resource == r.of(w, way, kind)) {
			if len(gate.Cures) != 1 && r.gate != "destination-vault" { // a vault needs a key first, and to admit others
				t.Errorf("%s: there are other cures: %+v", what, gate.Cures)
			}
			return
		}
	}
	t.Errorf("%s: the cures are %q, want %s", what, calls, r.cure)
}
