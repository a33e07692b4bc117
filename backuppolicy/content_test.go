package backuppolicy_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"strongroom/backuppolicy"
	"strongroom/backuppolicy/inheritance"
)

// What is printed can be read back and amounts to the same.
func TestEffectiveFrom(t *testing.T) {
	t.Parallel()
	policy, err := backuppolicy.Parse(`{"plans":{"PII":{"regions":{"@@assign":["eu-central-1","us-east-1"]},
		"rules":{"Hourly":{"schedule_expression":{"@@assign":"cron(0 5 ? * * *)"},"target_backup_vault_name":{"@@assign":"Fort"},
			"lifecycle":{"delete_after_days":{"@@assign":"30"}},
			"copy_actions":{"arn:aws:backup:us-east-1:$account:backup-vault:Far":{"target_backup_vault_arn":{"@@assign":"arn:aws:backup:us-east-1:$account:backup-vault:Far"}}}}},
		"selections":{"tags":{"Mine":{"iam_role_arn":{"@@assign":"arn:aws:iam::$account:role/R"},"tag_key":{"@@assign":"data"},"tag_value":{"@@assign":["<a>","b"]}}}}}}}`)
	if err != nil {
		t.Fatal(err)
	}
	want := backuppolicy.EffectivePolicy([][]inheritance.Attached{{{PolicyID: "p", Policy: policy.Document()}}})
	got, err := backuppolicy.EffectiveFrom(string(want.Content()))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want.Plans(), got.Plans()); diff != "" {
		t.Errorf("plans (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(string(want.Content()), string(got.Content())); diff != "" {
		t.Errorf("content (-want +got):\n%s", diff)
	}
	if len(got.Plans()) != 1 || len(got.Violations()) != 0 {
		t.Errorf("read back: %v, %v", got.Plans(), got.Violations())
	}
	for _, bad := range []string{"", "[]", `{"plans":{"x":{"colour":"red"}}}`} {
		if _, err := backuppolicy.EffectiveFrom(bad); err == nil {
			t.Errorf("%q passes for an effective policy", bad)
		}
	}
}
