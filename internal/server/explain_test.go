package server

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"strongroom/clock"
	"strongroom/iampolicy"
	"strongroom/internal/state"
	"strongroom/rules"
)

// mistaken is the trail of a copy with three gates shut: one by a setting, one by two policies, one by a key's state.
func mistaken() rules.Trail {
	const role, vault = "arn:aws:iam::111111111111:role/jobs", "arn:aws:backup:eu-north-1:222222222222:backup-vault:central"
	denies := iampolicy.MustParse(`{"Version":"2012-10-17","Statement":[{"Sid":"NoCopies","Effect":"Deny","Action":"backup:Copy*","Resource":"*"},{"Effect":"Allow","Action":"s3:*","Resource":"*"}]}`)
	admits := iampolicy.MustParse(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":"backup:CopyIntoBackupVault","Resource":"*","Condition":{"StringEquals":{"aws:PrincipalOrgID":"o-other"}}}]}`)
	full := iampolicy.Source{Name: "FullAWSAccess", ID: "p-FullAWSAccess", Policy: iampolicy.MustParse(`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}`)}
	x := iampolicy.ExplainRequest(iampolicy.Request{
		Principal: iampolicy.Principal{ARN: "arn:aws:sts::111111111111:assumed-role/jobs/AWSBackup-1", RoleARN: role, AccountID: "111111111111"},
		Action:    "backup:CopyIntoBackupVault", Resource: vault, ResourceAccountID: "222222222222", Context: map[string][]string{"aws:PrincipalOrgID": {"o-mine"}},
	}, iampolicy.Policies{
		Identity: []iampolicy.Source{
			{Name: "arn:aws:iam::aws:policy/AdministratorAccess", ID: "arn:aws:iam::aws:policy/AdministratorAccess", Policy: iampolicy.MustParse(`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}`)},
			{Name: "inline policy no of role jobs", ID: "no", Of: role, Policy: denies},
		},
		SCPs: [][]iampolicy.Source{{full}, {full}, {full}}, SCPTargets: []string{"r-1", "ou-1", "111111111111"},
		Resource: []iampolicy.Source{{Name: "access policy of " + vault, Policy: admits}},
	})
	place := func(account, region, name string) rules.Place {
		return rules.Place{AccountID: account, Region: region, VaultName: name, VaultARN: "arn:aws:backup:" + region + ":" + account + ":backup-vault:" + name}
	}
	return rules.Follow(rules.CopyGates, rules.On(2024, 4, 26), rules.CopyRequest{
		RecoveryPointARN: "arn:aws:backup:eu-central-1:111111111111:recovery-point:b-1", ResourceType: "S3", PointStatus: "COMPLETED",
		Source: place("111111111111", "eu-central-1", "local"), Destination: place("222222222222", "eu-north-1", "central"), DestinationExists: true,
		SourceKey:          rules.Key{ARN: "arn:aws:kms:eu-central-1:111111111111:key/1", Kind: rules.CustomerManaged, State: "Enabled"},
		DestinationKey:     rules.Key{ARN: "arn:aws:kms:eu-north-1:222222222222:key/2", Kind: rules.CustomerManaged, State: "Disabled"},
		SourceOrganization: "o-mine", DestinationOrganization: "o-mine", ManagementAccountID: "999999999999", TrustedAccess: true,
		RoleARN: role, Role: rules.Yes(), CopyFrom: rules.Yes(), CopyInto: rules.No("", &x), SourceKeyUse: rules.Yes(), DestinationKeyUse: rules.Yes(),
		ReadTags: rules.Unknown("The recovery point's tags are kept with it."),
	})
}

// TestExplainViews: what `strongroom explain` prints of a job, as text and as JSON. The JSON is documented in
// docs/explain.md: its fields may not change.
func TestExplainViews(t *testing.T) {
	t.Parallel()
	at := clock.NewShifted(0)
	db, err := state.Open(t.Context(), filepath.Join(t.TempDir(), "state.db"), at)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	trail := mistaken()
	job := state.CopyJob{
		ID: "6A3D1C5E", AccountID: "111111111111", Region: "eu-central-1", State: state.JobFailed, StatusMessage: trail.Refusal().Message,
		MessageCategory: trail.Refusal().Category, IAMRoleARN: "arn:aws:iam::111111111111:role/jobs", ResourceType: "S3", ResourceARN: "arn:aws:s3:::b",
		SourcePointARN: "arn:aws:backup:eu-central-1:111111111111:recovery-point:b-1", SourceVaultARN: "arn:aws:backup:eu-central-1:111111111111:backup-vault:local",
		DestinationVaultARN: "arn:aws:backup:eu-north-1:222222222222:backup-vault:central", CreatedAt: 1714107600000000, CompletedAt: 1714107660000000,
	}
	waiting := state.BackupJob{ID: "WAITING", AccountID: "111111111111", State: state.JobCreated, CreatedAt: 1714107600000000}
	err = db.Update(t.Context(), func(ctx context.Context, tx *state.Tx) error {
		if err := tx.InsertBackupJob(ctx, waiting); err != nil {
			return err
		}
		if err := tx.InsertCopyJob(ctx, job); err != nil {
			return err
		}
		return tx.SetCopyJobTrail(ctx, job.ID, trail)
	})
	if err != nil {
		t.Fatal(err)
	}
	s := &Server{db: db, config: Config{RulesAsOf: "2024-04-26"}}
	x, err := s.explain(t.Context(), " 6A3D1C5E\n")
	if err != nil {
		t.Fatal(err)
	}
	var text strings.Builder
	x.Print(&text)
	document, err := json.MarshalIndent(x, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "explain.txt", text.String())
	golden(t, "explain.json", string(document)+"\n")

	text.Reset()
	if x, err = s.explain(t.Context(), waiting.ID); err != nil || len(x.Shut) != 0 || len(x.Gates) != 0 {
		t.Errorf("a job that waits is explained by %+v, %v", x, err)
	}
	if x.Print(&text); !strings.Contains(text.String(), "Nothing has decided over the job yet.") {
		t.Errorf("of a job that waits: %s", text.String())
	}
	if _, err := s.explain(t.Context(), "none"); err == nil || !strings.Contains(err.Error(), "no backup, copy or restore job none") {
		t.Errorf("of no job: %v", err)
	}
}

// golden compares with a file of testdata, or writes it with -update.
func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got; -update writes it anew):\n%s", name, diff)
	}
}
