package e2e

import (
	"bytes"
	"database/sql"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/backup"
	backuptypes "github.com/aws/aws-sdk-go-v2/service/backup/types"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/organizations"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/smithy-go/middleware"
	"github.com/google/go-cmp/cmp"

	"strongroom/internal/server"
	"strongroom/internal/strongroomtest"
	"strongroom/internal/work"
)

// TestRebuild loses the database and makes it anew of what lies in the stores: vaults, recovery points, holds, locks, keys, plans,
// accounts and identities are as before, and everything is restored that could be restored.
func TestRebuild(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	w := newSealed(t)
	s := w.server

	// What has to come back beside the recovery points.
	doomed := w.member.key(t)
	w.member.vault(t, "doomed-vault", doomed)
	unreadable := w.member.backUp(t, "doomed-vault", w.bucketARN)
	w.member.vault(t, "removed-vault", "")
	must(w.member.backup.DeleteBackupVault(ctx, &backup.DeleteBackupVaultInput{BackupVaultName: aws.String("removed-vault")}))(t, "removing a vault")
	removed := w.member.backUp(t, "member-vault", w.bucketARN)
	must(w.member.backup.DeleteRecoveryPoint(ctx, &backup.DeleteRecoveryPointInput{BackupVaultName: aws.String("member-vault"), RecoveryPointArn: &removed}))(t, "removing a point")
	must(w.vaulted.backup.PutBackupVaultLockConfiguration(ctx, &backup.PutBackupVaultLockConfigurationInput{
		BackupVaultName: aws.String("backup-vault"), MinRetentionDays: aws.Int64(1), ChangeableForDays: aws.Int64(3),
	}))(t, "locking a vault")
	must(w.member.backup.CreateLegalHold(ctx, &backup.CreateLegalHoldInput{
		Title: aws.String("a case"), Description: aws.String("of the bucket"),
		RecoveryPointSelection: &backuptypes.RecoveryPointSelection{ResourceIdentifiers: []string{w.bucketARN}},
	}))(t, "holding")
	must(w.member.kms.RotateKeyOnDemand(ctx, &kms.RotateKeyOnDemandInput{KeyId: &w.memberKey}))(t, "rotating a key")
	rotated := w.member.backUp(t, "member-vault", w.bucketARN)
	w.member.plan(t, "nightly", backuptypes.BackupRuleInput{TargetBackupVaultName: aws.String("member-vault"), ScheduleExpression: aws.String(inHalfADay())})
	wrapped := wrappedMaterial(t, s.Dir, doomed)
	if !inState(t, s.Dir, wrapped) {
		t.Fatal("the search does not find the material of a key that is there")
	}
	must(w.member.kms.ScheduleKeyDeletion(ctx, &kms.ScheduleKeyDeletionInput{KeyId: &doomed, PendingWindowInDays: aws.Int32(7)}))(t, "deleting a key")
	move(t, s, server.ClockMove{Advance: 8 * 24 * time.Hour})
	eventually(ctx, t, "the end of the key", func() (bool, error) {
		_, err := w.member.kms.DescribeKey(ctx, &kms.DescribeKeyInput{KeyId: &doomed})
		return err != nil, errors.New("it can be described")
	})
	eventually(ctx, t, "the end of the key's material", func() (bool, error) { return !inState(t, s.Dir, wrapped), errors.New("it is in the state's files") })

	before := everything(t, s)
	if err := s.Close(ctx); err != nil {
		t.Fatal(err)
	}

	// A server does not begin anew where there is something to rebuild, and a rebuild leaves a state alone.
	config := server.Config{DataDir: s.Dir, Dev: true, Listen: "127.0.0.1:0"}
	if _, err := server.Rebuild(ctx, config, server.RebuildOptions{}); err == nil || !strings.Contains(err.Error(), "state.db is there") {
		t.Errorf("rebuilding where a state is: %v", err)
	}
	loseState(t, s.Dir)
	if begun, err := server.Start(ctx, config, slog.New(slog.DiscardHandler)); err == nil || !strings.Contains(err.Error(), "admin rebuild") {
		t.Errorf("a server starts on a lost state, and forgets all: %v", err)
		must(0, begun.Close(ctx))(t, "stopping it")
	}
	loseState(t, s.Dir) // what that start made
	report, err := server.Rebuild(ctx, config, server.RebuildOptions{})
	if err != nil {
		t.Fatal(err)
	}
	var text bytes.Buffer
	report.Print(&text)
	if !report.Whole() {
		t.Errorf("part of the catalogue is lost:\n%s", &text)
	}
	if want := unreadable + ": its key " + doomed + " was deleted"; !strings.Contains(text.String(), want) {
		t.Errorf("the report does not say %q:\n%s", want, &text)
	}

	s = strongroomtest.New(t, strongroomtest.Options{Config: server.Config{DataDir: s.Dir}})
	if diff := cmp.Diff(before, everything(t, s)); diff != "" {
		t.Errorf("after the rebuild (-before +after):\n%s", diff)
	}
	w.member, w.vaulted = enter(t, s, member, home), enter(t, s, vaulted, north)
	for _, restored := range []struct {
		at     *party
		points map[string]string
	}{{w.member, w.local}, {w.vaulted, w.copied}, {w.member, w.back}, {w.member, map[string]string{"S3": rotated}}} {
		if diff := cmp.Diff(w.objects, restored.at.restoreBucket(t, restored.points["S3"], w.newBucket())); diff != "" {
			t.Errorf("restoring %s (-want +got):\n%s", restored.points["S3"], diff)
		}
		if point := restored.points["EBS"]; point != "" && !bytes.Equal(w.image, restored.at.restoreVolume(t, point)) {
			t.Errorf("restoring %s does not bring the image back", point)
		}
	}
	if out := w.member.restoreJob(t, unreadable, w.member.metadata(unreadable, w.newBucket())); out.Status != backuptypes.RestoreJobStatusFailed {
		t.Errorf("what a deleted key sealed is restored: %s", out.Status)
	}
	if _, err := w.member.kms.CancelKeyDeletion(ctx, &kms.CancelKeyDeletionInput{KeyId: &doomed}); err == nil {
		t.Error("a deleted key is back")
	}
	for at, point := range map[*party]string{w.member: w.local["S3"], w.vaulted: w.copied["S3"]} {
		vault := map[*party]string{w.member: "member-vault", w.vaulted: "backup-vault"}[at]
		if _, err := at.backup.DeleteRecoveryPoint(ctx, &backup.DeleteRecoveryPointInput{BackupVaultName: &vault, RecoveryPointArn: &point}); err == nil {
			t.Errorf("%s can be deleted, which is held or locked", point)
		}
	}
	if report := must(s.Admin.Verify(ctx, work.VerifyRequest{}))(t, "verifying"); report.Damaged() {
		t.Errorf("the archives are not well: %+v", report)
	}
	// Work goes on, and is kept as before.
	w.member.backUp(t, "member-vault", "arn:aws:s3:::restored-bucket-1")
	before = everything(t, s)
	if err := s.Close(ctx); err != nil {
		t.Fatal(err)
	}
	if _, err := server.Rebuild(ctx, config, server.RebuildOptions{Beside: true}); err != nil {
		t.Fatal(err)
	}
	loseState(t, s.Dir)
	if _, err := server.Rebuild(ctx, config, server.RebuildOptions{}); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(before, everything(t, strongroomtest.New(t, strongroomtest.Options{Config: server.Config{DataDir: s.Dir}}))); diff != "" {
		t.Errorf("after the second rebuild (-before +after):\n%s", diff)
	}
}

func loseState(t *testing.T, dir string) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "state.db*"))
	if err != nil || len(files) == 0 {
		t.Fatalf("there is no state to lose (%v)", err)
	}
	for _, file := range files {
		if err := os.Remove(file); err != nil && !errors.Is(err, fs.ErrNotExist) {
			t.Fatal(err)
		}
	}
}

// TestAStartWithoutTheStateTouchesNothing starts a server while its state is away, which fails, and puts the state back: the objects of
// S3 are as before.
func TestAStartWithoutTheStateTouchesNothing(t *testing.T) {
	t.Parallel()
	store := filepath.Join(t.TempDir(), "store")
	for _, c := range []struct {
		where   string
		regions map[string]server.Region
		away    string // what is not to be reached while the state is away
	}{
		{where: "here"},
		{where: "elsewhere", regions: map[string]server.Region{server.HomeRegion: {Store: "file://" + t.TempDir()}}},
		{where: "elsewhere, which is away too", regions: map[string]server.Region{server.HomeRegion: {Store: "file://" + store}}, away: store},
	} {
		t.Run(c.where, func(t *testing.T) {
			t.Parallel()
			startWithoutTheState(t, c.regions, c.away)
		})
	}
}

func startWithoutTheState(t *testing.T, regions map[string]server.Region, away string) {
	ctx := t.Context()
	s := strongroomtest.New(t, strongroomtest.Options{Config: server.Config{Regions: regions}})
	p := enter(t, s, member, home)
	p.bucket(t, "live-bucket", "")
	content := noise(1, 300<<10)
	p.put(t, "live-bucket", "key", content)
	if err := s.Close(ctx); err != nil {
		t.Fatal(err)
	}
	kept := filepath.Join(t.TempDir(), "state.db")
	if err := os.Rename(filepath.Join(s.Dir, "state.db"), kept); err != nil {
		t.Fatal(err)
	}
	if away != "" {
		must(0, errors.Join(os.Rename(away, away+".away"), os.WriteFile(away, nil, 0o600)))(t, "taking the store away")
	}
	if begun, err := server.Start(ctx, server.Config{DataDir: s.Dir, Dev: true, Listen: "127.0.0.1:0", Regions: regions}, slog.New(slog.DiscardHandler)); err == nil {
		must(0, begun.Close(ctx))(t, "stopping it")
		t.Fatal("a server starts without its state")
	}
	loseState(t, s.Dir) // what that start made
	if away != "" {
		must(0, errors.Join(os.Remove(away), os.Rename(away+".away", away)))(t, "bringing the store back")
	}
	if err := os.Rename(kept, filepath.Join(s.Dir, "state.db")); err != nil {
		t.Fatal(err)
	}
	p = enter(t, strongroomtest.New(t, strongroomtest.Options{Config: server.Config{DataDir: s.Dir, Regions: regions}}), member, home)
	out := must(p.s3.GetObject(ctx, &s3.GetObjectInput{Bucket: aws.String("live-bucket"), Key: aws.String("key")}))(t, "reading the object")
	defer out.Body.Close()
	if got := must(io.ReadAll(out.Body))(t, "reading the object"); !bytes.Equal(got, content) {
		t.Errorf("%d bytes came back, and not what was written", len(got))
	}
}

// everything lists what the accounts have that is to outlive the database, as their administrators see it.
func everything(t *testing.T, s *strongroomtest.Server) map[string]string {
	t.Helper()
	all := map[string]string{}
	for name, p := range map[string]*party{
		"member": enter(t, s, member, home), "backup": enter(t, s, vaulted, north), "backup at home": enter(t, s, vaulted, home), "management": enter(t, s, management, home),
	} {
		tell := func(what string, v any, err error) {
			t.Helper()
			if err != nil {
				t.Fatalf("%s: %v", what, err)
			}
			text, err := json.MarshalIndent(v, "", " ")
			if err != nil {
				t.Fatal(err)
			}
			all[name+": "+what] = string(text)
		}
		ctx := t.Context()
		vaults, err := p.backup.ListBackupVaults(ctx, &backup.ListBackupVaultsInput{})
		if err != nil {
			t.Fatal(err)
		}
		tell("vaults", vaults.BackupVaultList, nil)
		for _, v := range vaults.BackupVaultList {
			points, err := p.backup.ListRecoveryPointsByBackupVault(ctx, &backup.ListRecoveryPointsByBackupVaultInput{BackupVaultName: v.BackupVaultName})
			if err != nil {
				t.Fatal(err)
			}
			for _, point := range points.RecoveryPoints {
				out, err := p.backup.DescribeRecoveryPoint(ctx, &backup.DescribeRecoveryPointInput{BackupVaultName: v.BackupVaultName, RecoveryPointArn: point.RecoveryPointArn})
				if err == nil {
					out.ResultMetadata = middleware.Metadata{}
				}
				tell(*point.RecoveryPointArn, out, err)
				metadata, err := p.backup.GetRecoveryPointRestoreMetadata(ctx, &backup.GetRecoveryPointRestoreMetadataInput{BackupVaultName: v.BackupVaultName, RecoveryPointArn: point.RecoveryPointArn})
				if err == nil {
					tell("to restore "+*point.RecoveryPointArn, metadata.RestoreMetadata, err)
				}
			}
			if policy, err := p.backup.GetBackupVaultAccessPolicy(ctx, &backup.GetBackupVaultAccessPolicyInput{BackupVaultName: v.BackupVaultName}); err == nil {
				tell("policy of "+*v.BackupVaultName, policy.Policy, nil)
			}
		}
		holds, err := p.backup.ListLegalHolds(ctx, &backup.ListLegalHoldsInput{})
		if err != nil {
			t.Fatal(err)
		}
		for _, h := range holds.LegalHolds {
			held, err := p.backup.ListRecoveryPointsByLegalHold(ctx, &backup.ListRecoveryPointsByLegalHoldInput{LegalHoldId: h.LegalHoldId})
			if err != nil {
				t.Fatal(err)
			}
			tell("hold "+*h.Title, []any{h, held.RecoveryPoints}, nil)
		}
		keys, err := p.kms.ListKeys(ctx, &kms.ListKeysInput{})
		if err != nil {
			t.Fatal(err)
		}
		for _, k := range keys.Keys {
			described, err := p.kms.DescribeKey(ctx, &kms.DescribeKeyInput{KeyId: k.KeyArn})
			if err != nil {
				t.Fatal(err)
			}
			grants, err := p.kms.ListGrants(ctx, &kms.ListGrantsInput{KeyId: k.KeyArn})
			if err != nil {
				t.Fatal(err)
			}
			policy, err := p.kms.GetKeyPolicy(ctx, &kms.GetKeyPolicyInput{KeyId: k.KeyArn})
			if err != nil {
				t.Fatal(err)
			}
			tell("key "+*k.KeyId, []any{described.KeyMetadata, grants.Grants, policy.Policy}, nil)
		}
		aliases, err := p.kms.ListAliases(ctx, &kms.ListAliasesInput{})
		tell("aliases", aliases.Aliases, err)
		plans, err := p.backup.ListBackupPlans(ctx, &backup.ListBackupPlansInput{})
		tell("plans", plans.BackupPlansList, err)
		global, err := p.backup.DescribeGlobalSettings(ctx, &backup.DescribeGlobalSettingsInput{})
		if err == nil {
			tell("global settings", global.GlobalSettings, nil)
		}
		details, err := p.iam.GetAccountAuthorizationDetails(ctx, &iam.GetAccountAuthorizationDetailsInput{})
		if err != nil {
			t.Fatal(err)
		}
		for i := range details.RoleDetailList {
			details.RoleDetailList[i].RoleLastUsed = nil // a record of what happened
		}
		tell("identities", []any{details.UserDetailList, details.RoleDetailList, details.GroupDetailList}, nil)
		if organization, err := p.organizations.DescribeOrganization(ctx, &organizations.DescribeOrganizationInput{}); err == nil {
			tell("organization", organization.Organization, nil)
		}
		if accounts, err := p.organizations.ListAccounts(ctx, &organizations.ListAccountsInput{}); err == nil {
			tell("accounts", accounts.Accounts, nil)
		}
	}
	return all
}

// wrappedMaterial is the material of a key as the database holds it.
func wrappedMaterial(t *testing.T, dir, keyARN string) (wrapped []byte) {
	t.Helper()
	db, err := sql.Open("sqlite", "file:"+filepath.Join(dir, "state.db")+"?mode=ro")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	id := keyARN[strings.LastIndex(keyARN, "/")+1:]
	if err := db.QueryRowContext(t.Context(), `SELECT wrapped FROM kms_key_materials WHERE key_id = $1`, id).Scan(&wrapped); err != nil {
		t.Fatal(err)
	}
	return wrapped
}

// inState reports whether bytes are in any file of the state, wherever they lie.
func inState(t *testing.T, dir string, secret []byte) bool {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "state.db*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			t.Fatal(err)
		}
		if bytes.Contains(data, secret) {
			return true
		}
	}
	return false
}
