package e2e

import (
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/backup"
	backuptypes "github.com/aws/aws-sdk-go-v2/service/backup/types"
	"github.com/google/go-cmp/cmp"

	"strongroom/internal/server"
	"strongroom/internal/work"
)

// untouchable is a vault with one recovery point of ten days, and what protects it.
type untouchable struct {
	hold       bool
	lock       bool
	changeable *int64 // days in which a lock can be taken off
	refusal    string // of a deletion, from the first moment on
	later      string // of taking the lock off once its date has passed; "" where it can be
	stays      bool   // when its lifecycle is over
}

// What a legal hold or a vault lock keeps outlasts everything that may delete: calls, its lifecycle, the vault's deletion, its
// copies' deletion, and collections afterwards. A lock lets the lifecycle go on, see
// https://docs.aws.amazon.com/aws-backup/latest/devguide/vault-lock.html, and a hold does not, see
// https://docs.aws.amazon.com/aws-backup/latest/devguide/legalhold.html.
var untouchables = map[string]untouchable{
	"held":                {hold: true, refusal: "legal hold", stays: true},
	"governed":            {lock: true, refusal: "locked"},
	"compliant":           {lock: true, changeable: aws.Int64(3), refusal: "locked", later: "its lock date has passed"},
	"held-and-governed":   {hold: true, lock: true, refusal: "locked", stays: true},
	"held-and-compliant":  {hold: true, lock: true, changeable: aws.Int64(3), refusal: "locked", later: "its lock date has passed", stays: true},
	"held-copy-of-a-copy": {hold: true, refusal: "legal hold", stays: true},
}

// kept backs a resource up for ten days.
func (p *party) kept(t *testing.T, vault, resource string) string {
	t.Helper()
	out := must(p.backup.StartBackupJob(t.Context(), &backup.StartBackupJobInput{
		BackupVaultName: &vault, ResourceArn: &resource, IamRoleArn: aws.String(p.roleARN()), Lifecycle: days(10),
	}))(t, "starting a backup")
	return *p.backedUp(t, *out.BackupJobId).RecoveryPointArn
}

func (p *party) deletePoint(t *testing.T, vault, point string) error {
	t.Helper()
	_, err := p.backup.DeleteRecoveryPoint(t.Context(), &backup.DeleteRecoveryPointInput{BackupVaultName: &vault, RecoveryPointArn: &point})
	return err
}

// holdVault puts what lies in a vault, and what comes, under a legal hold.
func (p *party) holdVault(t *testing.T, vault string) (id string) {
	t.Helper()
	out := must(p.backup.CreateLegalHold(t.Context(), &backup.CreateLegalHoldInput{
		Title: &vault, Description: aws.String("a case"), RecoveryPointSelection: &backuptypes.RecoveryPointSelection{VaultNames: []string{vault}},
	}))(t, "making a hold")
	return *out.LegalHoldId
}

// protect makes the vault and what protects it, and returns its recovery point.
func (u untouchable) protect(t *testing.T, p *party, vault, resource, key, copied string) (point, hold string) {
	t.Helper()
	arn := p.vault(t, vault, key)
	if copied == "" {
		point = p.kept(t, vault, resource)
	} else {
		point = p.copyTo(t, copied, "free", arn)
		must(p.backup.UpdateRecoveryPointLifecycle(t.Context(), &backup.UpdateRecoveryPointLifecycleInput{BackupVaultName: &vault, RecoveryPointArn: &point, Lifecycle: days(10)}))(t, "giving the copy ten days")
	}
	if u.lock {
		must(p.backup.PutBackupVaultLockConfiguration(t.Context(), &backup.PutBackupVaultLockConfigurationInput{
			BackupVaultName: &vault, MinRetentionDays: aws.Int64(7), MaxRetentionDays: aws.Int64(30), ChangeableForDays: u.changeable,
		}))(t, "locking the vault")
	}
	if u.hold {
		hold = p.holdVault(t, vault)
	}
	return point, hold
}

// attack tries what might delete the recovery point.
func (u untouchable) attack(t *testing.T, p *party, vault, point string) {
	t.Helper()
	refused(t, p.deletePoint(t, vault, point), "InvalidRequestException", 400, u.refusal)
	_, err := p.backup.DeleteBackupVault(t.Context(), &backup.DeleteBackupVaultInput{BackupVaultName: &vault})
	refused(t, err, "InvalidRequestException", 400, "contains recovery points")
	_, err = p.backup.UpdateRecoveryPointLifecycle(t.Context(), &backup.UpdateRecoveryPointLifecycleInput{BackupVaultName: &vault, RecoveryPointArn: &point, Lifecycle: days(1)})
	if u.lock {
		refused(t, err, "InvalidRequestException", 400, "locked")
	} else if err != nil {
		t.Errorf("%s: a shorter lifecycle, which a hold does not forbid and outlasts: %v", vault, err)
	}
}

func TestUntouchablePoints(t *testing.T) {
	t.Parallel()
	s := newOutage(t)
	p := enter(t, s.Server, member, home)
	p.role(t, "jobs", rolePolicies...)
	key := p.key(t)
	free := p.vault(t, "free", key)
	bucket := p.bucket(t, "untouchable-bucket", "")
	want := p.objects(t, "untouchable-bucket")
	source := p.kept(t, "free", bucket)
	points, holds := map[string]string{}, map[string]string{}
	for vault, u := range untouchables {
		copied := ""
		if vault == "held-copy-of-a-copy" {
			copied = source
		}
		points[vault], holds[vault] = u.protect(t, p, vault, bucket, key, copied)
	}
	// The held point is copied, and the copy deleted; and so is what the held copy was copied from.
	copyOfHeld := p.copyTo(t, points["held"], "held", free)
	for _, point := range []string{copyOfHeld, source} {
		if err := p.deletePoint(t, "free", point); err != nil {
			t.Fatalf("deleting what nothing protects: %v", err)
		}
		eventually(t.Context(), t, point+" is gone", func() (bool, error) { return p.gone(t, "free", point), nil })
	}
	for vault, u := range untouchables {
		u.attack(t, p, vault, points[vault])
	}
	move(t, s.Server, server.ClockMove{Advance: 4 * 24 * time.Hour})
	for vault, u := range untouchables {
		if u.later != "" {
			_, err := p.backup.DeleteBackupVaultLockConfiguration(t.Context(), &backup.DeleteBackupVaultLockConfigurationInput{BackupVaultName: aws.String(vault)})
			refused(t, err, "InvalidRequestException", 400, u.later)
		}
	}
	move(t, s.Server, server.ClockMove{Advance: 7 * 24 * time.Hour})
	left := 0
	for vault, u := range untouchables {
		if gone := p.gone(t, vault, points[vault]); gone == u.stays {
			t.Errorf("%s: after the end of the lifecycle the point is gone: %t", vault, gone)
		}
		if u.stays {
			u.attack(t, p, vault, points[vault])
			left++
		}
	}
	for range 2 {
		if collected := must(s.Admin.Collect(t.Context()))(t, "collecting"); len(collected.Skipped) > 0 {
			t.Errorf("a collection skipped %v", collected.Skipped)
		}
	}
	report := must(s.Admin.Verify(t.Context(), work.VerifyRequest{}))(t, "verifying")
	if report.Damaged() || report.Points != left || len(report.Skipped) > 0 {
		t.Errorf("with %d recovery points to be kept: %+v", left, report)
	}
	for vault, u := range untouchables {
		if !u.stays {
			continue
		}
		if diff := cmp.Diff(want, p.restoreBucket(t, points[vault], "back-from-"+vault)); diff != "" {
			t.Errorf("%s: restored (-want +got):\n%s", vault, diff)
		}
		must(p.backup.CancelLegalHold(t.Context(), &backup.CancelLegalHoldInput{LegalHoldId: aws.String(holds[vault]), CancelDescription: aws.String("settled")}))(t, "releasing")
	}
	move(t, s.Server, server.ClockMove{Advance: time.Minute})
	for vault := range untouchables {
		eventually(t.Context(), t, vault+": the point goes after its hold and its lifecycle", func() (bool, error) { return p.gone(t, vault, points[vault]), nil })
	}
	t.Run("a hold while a deletion is under way", func(t *testing.T) { s.holdWhileDeleted(t, p, key, bucket) })
}

// holdWhileDeleted: a hold does not say that it keeps what is being deleted, and keeps what comes later.
func (o *outage) holdWhileDeleted(t *testing.T, p *party, key, bucket string) {
	p.vault(t, "racing", key)
	going := p.kept(t, "racing", bucket)
	o.begin() // the point cannot go as long as a restore wants to read it, nor without the store
	must(p.backup.StartRestoreJob(t.Context(), &backup.StartRestoreJobInput{
		RecoveryPointArn: &going, IamRoleArn: aws.String(p.roleARN()), Metadata: p.metadata(going, "read-meanwhile"),
	}))(t, "starting a restore")
	if err := p.deletePoint(t, "racing", going); err != nil {
		t.Error(err)
	}
	hold := p.holdVault(t, "racing")
	if status := p.point(t, "racing", going).Status; status != backuptypes.RecoveryPointStatusDeleting {
		t.Errorf("the point is %s, and not being deleted", status)
	}
	held := must(p.backup.ListRecoveryPointsByLegalHold(t.Context(), &backup.ListRecoveryPointsByLegalHoldInput{LegalHoldId: &hold}))(t, "listing")
	if len(held.RecoveryPoints) > 0 {
		t.Errorf("the hold is said to keep %+v, which is being deleted", held.RecoveryPoints)
	}
	o.end()
	eventually(t.Context(), t, "the deletion ends", func() (bool, error) { return p.gone(t, "racing", going), nil })
	next := p.kept(t, "racing", bucket)
	refused(t, p.deletePoint(t, "racing", next), "InvalidRequestException", 400, "legal hold")
	move(t, o.Server, server.ClockMove{Advance: 11 * 24 * time.Hour})
	if p.gone(t, "racing", next) {
		t.Error("a point that came under the hold went by its lifecycle")
	}
}
