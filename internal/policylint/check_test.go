package policylint_test

import (
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/backup"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/google/go-cmp/cmp"

	"strongroom/backuppolicy"
	"strongroom/internal/policylint"
	"strongroom/internal/strongroomtest"
)

const checked = `{"plans": {"PII": {
	"regions": {"@@assign": ["eu-central-1", "eu-west-1"]},
	"rules": {"nightly": {
		"target_backup_vault_name": {"@@assign": "safe"},
		"copy_actions": {"arn:aws:backup:eu-central-1:222222222222:backup-vault:far": {"target_backup_vault_arn": {"@@assign": "arn:aws:backup:eu-central-1:222222222222:backup-vault:far"}}}
	}},
	"selections": {"tags": {"tagged": {
		"iam_role_arn": {"@@assign": "arn:aws:iam::$account:role/backup"},
		"tag_key": {"@@assign": "backup"}, "tag_value": {"@@assign": ["nightly"]}}}}
}}}`

func TestCheckFindsWhatIsMissing(t *testing.T) {
	t.Parallel()
	s := strongroomtest.New(t)
	policy, err := backuppolicy.Parse(checked)
	if err != nil {
		t.Fatal(err)
	}
	member := s.AWS(t, "member", "eu-central-1")
	if _, err := backup.NewFromConfig(member).CreateBackupVault(t.Context(), &backup.CreateBackupVaultInput{BackupVaultName: aws.String("safe")}); err != nil {
		t.Fatal(err)
	}
	check := func(profiles ...string) *policylint.Existence {
		var c policylint.Checker
		for _, p := range profiles {
			c.Accounts = append(c.Accounts, s.AWS(t, p, "eu-central-1"))
		}
		found, err := c.Check(t.Context(), "nightly.json", policy)
		if err != nil {
			t.Fatal(err)
		}
		return found
	}
	var text strings.Builder
	check("member").Print(&text)
	lines := strings.Split(text.String(), "\n")
	for i, want := range []string{
		"nightly.json: 3 vaults and roles asked about in 111111111111, 2 missing",
		"nightly.json: error: plans/PII/rules/nightly/target_backup_vault_name: vault safe in account 111111111111 in eu-west-1: it does not exist",
		"nightly.json: error: plans/PII/selections: role arn:aws:iam::111111111111:role/backup in account 111111111111: it does not exist",
		"nightly.json: note: plans/PII/rules/nightly/copy_actions: vault far in account 222222222222 in eu-central-1: no profile of this account was given",
	} {
		if i >= len(lines) || !strings.HasPrefix(lines[i], want) {
			t.Errorf("line %d is not %q:\n%s", i, want, text.String())
		}
	}

	// A role of the same name at another path is another role.
	role := func(path string) {
		if _, err := iam.NewFromConfig(member).CreateRole(t.Context(), &iam.CreateRoleInput{
			RoleName: aws.String("backup"), Path: &path,
			AssumeRolePolicyDocument: aws.String(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"backup.amazonaws.com"},"Action":"sts:AssumeRole"}]}`),
		}); err != nil {
			t.Fatal(err)
		}
	}
	role("/service-role/")
	if missing := check("member").Missing; len(missing) != 2 || missing[1].Reason != "the role's ARN is arn:aws:iam::111111111111:role/service-role/backup: the path differs" {
		t.Errorf("missing: %+v", missing)
	}

	// The cure, and then nothing is missing.
	if _, err := iam.NewFromConfig(member).DeleteRole(t.Context(), &iam.DeleteRoleInput{RoleName: aws.String("backup")}); err != nil {
		t.Fatal(err)
	}
	role("/")
	for _, vault := range []struct{ profile, region, name string }{{"member", "eu-west-1", "safe"}, {"backup", "eu-central-1", "far"}} {
		c := backup.NewFromConfig(s.AWS(t, vault.profile, vault.region))
		if _, err := c.CreateBackupVault(t.Context(), &backup.CreateBackupVaultInput{BackupVaultName: &vault.name}); err != nil {
			t.Fatal(err)
		}
	}
	if found := check("member"); len(found.Missing) != 0 || len(found.Unchecked) != 1 {
		t.Errorf("with all there: %+v", found)
	}
	// In the backup account the plan would need its own vaults and role.
	both := check("member", "backup")
	if diff := cmp.Diff([]string{"111111111111", "222222222222"}, both.Accounts); diff != "" || len(both.Missing) != 3 || len(both.Unchecked) != 0 {
		t.Errorf("in both accounts: %+v\n%s", both, diff)
	}
}
