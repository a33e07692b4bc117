package e2e

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/backup"
	"github.com/aws/aws-sdk-go-v2/service/cloudtrail"
	cloudtrailtypes "github.com/aws/aws-sdk-go-v2/service/cloudtrail/types"
	"github.com/aws/aws-sdk-go-v2/service/kms"

	"strongroom/internal/server"
	"strongroom/internal/strongroomtest"

	"strongroom/internal/work"
)

// record is what the tests read of a CloudTrail record.
type record struct {
	EventName    string `json:"eventName"`
	EventSource  string `json:"eventSource"`
	ErrorCode    string `json:"errorCode"`
	ErrorMessage string `json:"errorMessage"`
	UserIdentity struct {
		Type           string `json:"type"`
		AccountID      string `json:"accountId"`
		InvokedBy      string `json:"invokedBy"`
		ARN            string `json:"arn"`
		SessionContext struct {
			SessionIssuer struct {
				ARN string `json:"arn"`
			} `json:"sessionIssuer"`
		} `json:"sessionContext"`
	} `json:"userIdentity"`
	ServiceEventDetails map[string]any   `json:"serviceEventDetails"`
	RequestParameters   map[string]any   `json:"requestParameters"`
	Resources           []recordResource `json:"resources"`
}

type recordResource struct {
	ARN string `json:"ARN"`
}

// records looks the records of an event up.
func (p *party) records(t *testing.T, name string) []record {
	t.Helper()
	var all []record
	pages := cloudtrail.NewLookupEventsPaginator(p.cloudtrail, &cloudtrail.LookupEventsInput{LookupAttributes: []cloudtrailtypes.LookupAttribute{
		{AttributeKey: cloudtrailtypes.LookupAttributeKeyEventName, AttributeValue: &name},
	}})
	for pages.HasMorePages() {
		for _, event := range must(pages.NextPage(t.Context()))(t, "looking events up").Events {
			var r record
			if err := json.Unmarshal([]byte(*event.CloudTrailEvent), &r); err != nil {
				t.Fatal(err)
			}
			all = append(all, r)
		}
	}
	return all
}

// TestTrailOfACopy looks up who used the source's key for a copy across accounts: the service-linked role of the
// destination, by a grant (reference §2.4).
func TestTrailOfACopy(t *testing.T) {
	t.Parallel()
	s := strongroomtest.New(t)
	crossAccount(t, s, true)
	m, b := enter(t, s, member, home), enter(t, s, vaulted, north)
	for _, p := range []*party{m, b} {
		p.role(t, "jobs", rolePolicies...)
		p.linked(t)
	}
	resourceKey, vaultKey := m.key(t, b), m.key(t, b)
	m.vault(t, "member-vault", vaultKey)
	destination := b.vault(t, "backup-vault", b.key(t), m)
	for key, resource := range map[string]string{vaultKey: m.bucket(t, "trailed-bucket", ""), resourceKey: m.volumeARN(m.volume(t, resourceKey, noise(50, blockSize)))} {
		point := m.backUp(t, "member-vault", resource)
		m.copyTo(t, point, "member-vault", destination)
		// Both accounts have a record, in the key's Region, of each call that the destination's role made on the key: it gave
		// itself a grant, opened the source's data key under it, and gave the grant back. The key's owner sees the role, which
		// its key's policy names, and the service that called for it.
		through := map[string]string{vaultKey: "backup.amazonaws.com", resourceKey: "ec2.amazonaws.com"}[key]
		ofKey := func(r record) bool {
			return r.ErrorCode == "" && r.UserIdentity.AccountID == vaulted && (r.RequestParameters["keyId"] == key || slices.ContainsFunc(r.Resources, func(o recordResource) bool { return o.ARN == key }))
		}
		for _, call := range []string{"CreateGrant", "Decrypt", "RetireGrant"} {
			for _, at := range []*party{b.in(home), m} {
				records := at.records(t, call)
				i := slices.IndexFunc(records, ofKey)
				if i < 0 {
					t.Errorf("account %s has no record of %s on %s by account %s: %+v", at.id, call, key, vaulted, records)
					continue
				}
				if who := records[i].UserIdentity; who.Type != "AssumedRole" || who.SessionContext.SessionIssuer.ARN != b.linkedRole() || who.InvokedBy != through {
					t.Errorf("account %s has %s on %s by %+v, want the role %s through %s", at.id, call, key, who, b.linkedRole(), through)
				}
			}
		}
		// The grant was for the copy alone: what is left is the vault's own and the volume's.
		for _, g := range must(m.kms.ListGrants(t.Context(), &kms.ListGrantsInput{KeyId: &key}))(t, "listing grants").Grants {
			if strings.HasPrefix(aws.ToString(g.Name), "copy-") {
				t.Errorf("the grant %s outlives the copy", aws.ToString(g.Name))
			}
		}
	}
	for _, name := range []string{"BackupJobStarted", "BackupJobCompleted", "CopyJobStarted", "CopyJobCompleted"} {
		records := m.records(t, name)
		if len(records) != 2 || records[0].UserIdentity.InvokedBy != "backup.amazonaws.com" || records[0].UserIdentity.AccountID != member {
			t.Errorf("the records of %s are %+v", name, records)
		}
	}
	if made := b.records(t, "RecoveryPointCreated"); len(made) != 2 || made[0].ServiceEventDetails["backupVaultName"] != "backup-vault" {
		t.Errorf("the destination's records of its recovery points are %+v", made)
	}
	// A refusal is recorded as well.
	nobody := m.user(t, "nobody")
	_, err := nobody.backup.DeleteBackupVault(t.Context(), &backup.DeleteBackupVaultInput{BackupVaultName: aws.String("member-vault")})
	denied(t, "deleting the vault", err)
	if r := m.records(t, "DeleteBackupVault"); len(r) != 1 || r[0].ErrorCode != "AccessDeniedException" && r[0].ErrorCode != "AccessDenied" || !strings.HasSuffix(r[0].UserIdentity.ARN, ":user/nobody") {
		t.Errorf("the records of the refusal are %+v", r)
	}
}

// TestVaultPolicyDenies: a denial in a vault's policy holds against its own account's administrator.
func TestVaultPolicyDenies(t *testing.T) {
	t.Parallel()
	s := strongroomtest.New(t)
	ctx := t.Context()
	p := enter(t, s, member, home)
	p.role(t, "jobs", rolePolicies...)
	p.vault(t, "denied-vault", p.key(t))
	point := p.backUp(t, "denied-vault", p.bucket(t, "denied-bucket", ""))
	must(p.backup.PutBackupVaultAccessPolicy(ctx, &backup.PutBackupVaultAccessPolicyInput{BackupVaultName: aws.String("denied-vault"), Policy: policy(
		statement{"Effect": "Deny", "Principal": "*", "Action": []string{"backup:DeleteRecoveryPoint", "backup:UpdateRecoveryPointLifecycle"}, "Resource": "*"})}))(t, "denying")
	_, err := p.backup.DeleteRecoveryPoint(ctx, &backup.DeleteRecoveryPointInput{BackupVaultName: aws.String("denied-vault"), RecoveryPointArn: &point})
	refused(t, err, "AccessDeniedException", 403, "explicit deny")
	_, err = p.backup.UpdateRecoveryPointLifecycle(ctx, &backup.UpdateRecoveryPointLifecycleInput{BackupVaultName: aws.String("denied-vault"), RecoveryPointArn: &point, Lifecycle: days(1)})
	refused(t, err, "AccessDeniedException", 403, "explicit deny")
	must(p.backup.DeleteBackupVaultAccessPolicy(ctx, &backup.DeleteBackupVaultAccessPolicyInput{BackupVaultName: aws.String("denied-vault")}))(t, "denying no more")
	must(p.backup.DeleteRecoveryPoint(ctx, &backup.DeleteRecoveryPointInput{BackupVaultName: aws.String("denied-vault"), RecoveryPointArn: &point}))(t, "deleting the point")
	eventually(ctx, t, "the point is gone", func() (bool, error) { return p.gone(t, "denied-vault", point), nil })
}

// TestDeletedKey: when a key's waiting period is over what it sealed is lost, and can still be deleted.
func TestDeletedKey(t *testing.T) {
	t.Parallel()
	s := strongroomtest.New(t)
	ctx := t.Context()
	p := enter(t, s, member, home)
	p.role(t, "jobs", rolePolicies...)
	key := p.key(t)
	p.vault(t, "lost-vault", key)
	kept := p.vault(t, "kept-vault", p.key(t))
	bucket := p.bucket(t, "lost-bucket", "")
	lost := p.backUp(t, "lost-vault", bucket)
	copied := p.copyTo(t, lost, "lost-vault", kept)
	must(p.kms.ScheduleKeyDeletion(ctx, &kms.ScheduleKeyDeletionInput{KeyId: &key, PendingWindowInDays: aws.Int32(7)}))(t, "deleting the key")
	move(t, s, server.ClockMove{Advance: 8 * 24 * time.Hour})
	out := p.restoreJob(t, lost, p.metadata(lost, "never-restored"))
	if got, want := end(string(out.Status), out.StatusMessage, nil), (ended{"FAILED", "Given key ID does not exist", ""}); got != want {
		t.Errorf("restoring what a deleted key sealed: %+v, want %+v", got, want)
	}
	if n := len(p.restoreBucket(t, copied, "restored-from-the-copy")); n != 3 {
		t.Errorf("%d objects came back from the copy, want 3", n)
	}
	must(p.backup.DeleteRecoveryPoint(ctx, &backup.DeleteRecoveryPointInput{BackupVaultName: aws.String("lost-vault"), RecoveryPointArn: &lost}))(t, "deleting the point")
	eventually(ctx, t, "the point is gone", func() (bool, error) { return p.gone(t, "lost-vault", lost), nil })
	must(p.backup.DeleteBackupVault(ctx, &backup.DeleteBackupVaultInput{BackupVaultName: aws.String("lost-vault")}))(t, "deleting the vault")
	if report := must(s.Admin.Verify(ctx, work.VerifyRequest{}))(t, "verifying"); report.Damaged() {
		t.Errorf("the archives are damaged: %+v", report.Damage)
	}
}
