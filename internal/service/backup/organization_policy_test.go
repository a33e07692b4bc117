package backup_test

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsbackup "github.com/aws/aws-sdk-go-v2/service/backup"
	"github.com/aws/aws-sdk-go-v2/service/backup/types"
	"github.com/google/go-cmp/cmp"

	"strongroom/internal/api"
	"strongroom/internal/state"
)

const organizationID = "o-a1b2c3d4e5"

// inForce puts an effective backup policy in force for an account, as Organizations would, and has the account follow it.
func (w *world) inForce(account, content string) {
	w.t.Helper()
	w.update(func(ctx context.Context, tx *state.Tx) error {
		row, err := tx.EffectivePolicy(ctx, account, "BACKUP_POLICY")
		if err != nil {
			row = state.EffectivePolicy{AccountID: account, Type: "BACKUP_POLICY", Errors: []state.EffectivePolicyError{}}
		}
		row.OrganizationID, row.Content, row.UpdatedAt = organizationID, content, tx.Now
		row.Version++
		return tx.PutEffectivePolicy(ctx, row)
	})
	must(w.t, w.ApplyBackupPolicies(w.t.Context(), organizationID))
}

// trail keeps what CloudTrail is told.
type trail struct {
	mu     sync.Mutex
	events []told
}

type told struct {
	account, region, name string
	details               map[string]any
	failure               *api.Error
}

func (r *trail) PutServiceEvent(_ context.Context, _ *state.Tx, accountID, region, name string, details map[string]any, failure *api.Error) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.events = append(r.events, told{accountID, region, name, details, failure})
	return nil
}

// take returns what was told since it was last asked.
func (r *trail) take() (events []told) {
	r.mu.Lock()
	defer r.mu.Unlock()
	events, r.events = r.events, nil
	return events
}

func names(events []told) string {
	var all []string
	for _, e := range events {
		all = append(all, e.name+" "+e.account+" "+e.region)
	}
	slices.Sort(all)
	return strings.Join(all, "\n")
}

// plans lists the plans of an account in a Region as pairs of name and id.
func (w *world) plans(account, region string) map[string]string {
	w.t.Helper()
	out, err := awsbackup.NewFromConfig(w.config(account, region)).ListBackupPlans(w.t.Context(), &awsbackup.ListBackupPlansInput{})
	must(w.t, err)
	all := map[string]string{}
	for _, p := range out.BackupPlansList {
		all[*p.BackupPlanName] = *p.BackupPlanId
	}
	return all
}

// everything is an effective policy that says all that a plan can be made of.
const everything = `{"plans":{"Daily_Plan":{
	"regions":["eu-central-1","eu-north-1"],
	"rules":{"daily":{
		"schedule_expression":"cron(0 5 ? * * *)","target_backup_vault_name":"FortKnox","start_backup_window_minutes":"480","complete_backup_window_minutes":"1530",
		"lifecycle":{"move_to_cold_storage_after_days":"30","delete_after_days":"180"},
		"copy_actions":{
			"arn:aws:backup:eu-north-1:$account:backup-vault:mine":{"target_backup_vault_arn":"arn:aws:backup:eu-north-1:$account:backup-vault:Mine","lifecycle":{"delete_after_days":"7"}},
			"arn:aws:backup:eu-north-1:222222222222:backup-vault:theirs":{"target_backup_vault_arn":"arn:aws:backup:eu-north-1:222222222222:backup-vault:Theirs"}},
		"recovery_point_tags":{"owner":{"tag_key":"Owner","tag_value":"Backup"}}}},
	"selections":{
		"tags":{"datatype":{"iam_role_arn":"arn:aws:iam::$account:role/jobs","tag_key":"dataType","tag_value":["PII","RED"]}},
		"resources":{"volumes":{"iam_role_arn":"arn:aws:iam::$account:role/jobs","resource_types":["arn:aws:ec2:*:*:volume/*"],"not_resource_types":["arn:aws:s3:::*"],
			"conditions":{"string_equals":{"c":{"condition_key":"aws:ResourceTag/backup","condition_value":"true"}}}}}},
	"advanced_backup_settings":{"s3":{"backup_acls":"disabled","backup_object_tags":"enabled"}},
	"backup_plan_tags":{"stage":{"tag_key":"Stage","tag_value":"Beta"}}}}}`

// TestPolicyBecomesPlans makes plans of a policy that says everything, and compares all of what the account then reads.
func TestPolicyBecomesPlans(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx := t.Context()
	w.trust()
	w.inForce(member, everything)
	if w.linkedRole(member) {
		t.Error("a policy made the service-linked role")
	}
	homeID, northID := w.plans(member, home)["Daily_Plan"], w.plans(member, north)["Daily_Plan"]
	if !strings.HasPrefix(homeID, "orgs/") || !strings.HasPrefix(northID, "orgs/") || homeID == northID || homeID[len("orgs/")+14] != '3' {
		t.Fatalf("the plans are %s and %s", homeID, northID)
	}
	c := w.backup(member)
	got, err := c.GetBackupPlan(ctx, &awsbackup.GetBackupPlanInput{BackupPlanId: &homeID})
	must(t, err)
	if *got.BackupPlanArn != "arn:aws:backup:"+home+":"+member+":backup-plan:"+homeID || *got.CreationDate != start {
		t.Errorf("the plan is %s of %s", *got.BackupPlanArn, got.CreationDate)
	}
	want := &types.BackupPlan{
		BackupPlanName:         new("Daily_Plan"),
		AdvancedBackupSettings: []types.AdvancedBackupSetting{{ResourceType: new("S3"), BackupOptions: map[string]string{"BackupACLs": "disabled", "BackupObjectTags": "enabled"}}},
		Rules: []types.BackupRule{{
			RuleName: new("daily"), RuleId: got.BackupPlan.Rules[0].RuleId, ScheduleExpression: new("cron(0 5 ? * * *)"), ScheduleExpressionTimezone: new("Etc/UTC"),
			TargetBackupVaultName: new("FortKnox"), StartWindowMinutes: new(int64(480)), CompletionWindowMinutes: new(int64(1530)), EnableContinuousBackup: new(false),
			Lifecycle: &types.Lifecycle{MoveToColdStorageAfterDays: new(int64(30)), DeleteAfterDays: new(int64(180))}, RecoveryPointTags: map[string]string{"Owner": "Backup"},
			CopyActions: []types.CopyAction{
				{DestinationBackupVaultArn: new("arn:aws:backup:eu-north-1:111111111111:backup-vault:Mine"), Lifecycle: &types.Lifecycle{DeleteAfterDays: new(int64(7))}},
				{DestinationBackupVaultArn: new("arn:aws:backup:eu-north-1:222222222222:backup-vault:Theirs")},
			},
		}},
	}
	less := func(p *types.BackupPlan) *types.BackupPlan {
		slices.SortFunc(p.Rules[0].CopyActions, func(a, b types.CopyAction) int {
			return strings.Compare(*b.DestinationBackupVaultArn, *a.DestinationBackupVaultArn)
		})
		return p
	}
	if diff := cmp.Diff(asJSON(t, less(want)), asJSON(t, less(got.BackupPlan))); diff != "" {
		t.Errorf("the plan (-want +got):\n%s", diff)
	}
	tags, err := c.ListTags(ctx, &awsbackup.ListTagsInput{ResourceArn: got.BackupPlanArn})
	must(t, err)
	if diff := cmp.Diff(map[string]string{"Stage": "Beta"}, tags.Tags); diff != "" {
		t.Errorf("the plan's tags (-want +got):\n%s", diff)
	}

	listed, err := c.ListBackupSelections(ctx, &awsbackup.ListBackupSelectionsInput{BackupPlanId: &homeID})
	must(t, err)
	selections := map[string]*types.BackupSelection{}
	for _, s := range listed.BackupSelectionsList {
		one, err := c.GetBackupSelection(ctx, &awsbackup.GetBackupSelectionInput{BackupPlanId: &homeID, SelectionId: s.SelectionId})
		must(t, err)
		selections[*s.SelectionName] = one.BackupSelection
	}
	role := new("arn:aws:iam::111111111111:role/jobs")
	condition := func(value string) types.Condition {
		return types.Condition{ConditionType: types.ConditionTypeStringequals, ConditionKey: new("dataType"), ConditionValue: &value}
	}
	wantSelections := map[string]*types.BackupSelection{
		"selectiondatatype": {SelectionName: new("selectiondatatype"), IamRoleArn: role, ListOfTags: []types.Condition{condition("PII"), condition("RED")}},
		"selectionvolumes": {
			SelectionName: new("selectionvolumes"), IamRoleArn: role, Resources: []string{"arn:aws:ec2:*:*:volume/*"}, NotResources: []string{"arn:aws:s3:::*"},
			Conditions: &types.Conditions{StringEquals: []types.ConditionParameter{{ConditionKey: new("aws:ResourceTag/backup"), ConditionValue: new("true")}}},
		},
	}
	if diff := cmp.Diff(asJSON(t, wantSelections), asJSON(t, selections)); diff != "" {
		t.Errorf("the selections (-want +got):\n%s", diff)
	}

	events := w.trail.take()
	if got, want := names(events), "CreateOrganizationalBackupPlan 111111111111 eu-central-1\nCreateOrganizationalBackupPlan 111111111111 eu-north-1"; got != want {
		t.Fatalf("CloudTrail has\n%s\nwant\n%s", got, want)
	}
	at := slices.IndexFunc(events, func(e told) bool { return e.region == home })
	details := events[at].details
	var eventRules, eventSelections []map[string]any
	must(t, json.Unmarshal([]byte(details["backupRules"].(string)), &eventRules))
	must(t, json.Unmarshal([]byte(details["backupSelections"].(string)), &eventSelections))
	for what, pair := range map[string][2]any{
		"plan":       {details["backupPlanId"], homeID},
		"version":    {details["backupPlanVersionId"], *got.VersionId},
		"name":       {details["backupPlanName"], "Daily_Plan"},
		"account":    {details["accountId"], member},
		"rule id":    {eventRules[0]["id"], *got.BackupPlan.Rules[0].RuleId},
		"vault":      {eventRules[0]["cryopodArn"], "arn:aws:backup:eu-central-1:111111111111:backup-vault:FortKnox"},
		"start":      {eventRules[0]["startWindow"], "PT8H"},
		"completion": {eventRules[0]["completionWindow"], "PT25H30M"},
		"retention":  {eventRules[0]["lifecycle"].(map[string]any)["deleteAfterDays"], "180"},
		"selections": {len(eventSelections), 2},
		"tag":        {eventSelections[0]["conditions"].([]any)[1].(map[string]any)["value"], "RED"},
	} {
		if pair[0] != pair[1] {
			t.Errorf("the event's %s is %v, want %v", what, pair[0], pair[1])
		}
	}
}

// asJSON compares structs of the SDK, which hold what cannot be compared, by what they say.
func asJSON(t testing.TB, v any) any {
	t.Helper()
	text, err := json.Marshal(v)
	must(t, err)
	var tree any
	must(t, json.Unmarshal(text, &tree))
	return tree
}

// manyValues are more tags than a selection may name.
var manyValues = func() (all []string) {
	for i := range 31 {
		all = append(all, fmt.Sprint("v", i))
	}
	return all
}()

// small is an effective policy of one plan with one rule, for tests of what changes.
func small(plan, retention string, regions ...string) string {
	return fmt.Sprintf(`{"plans":{%q:{"regions":["%s"],"rules":{"r":{"target_backup_vault_name":"v1","lifecycle":{"delete_after_days":%q}}},
		"selections":{"tags":{"s":{"iam_role_arn":"arn:aws:iam::$account:role/jobs","tag_key":"k","tag_value":["v"]}}}}}}`, plan, strings.Join(regions, `","`), retention)
}

// TestPoliciesAreFollowed changes a policy in every way, and sees that what does not change is left alone.
func TestPoliciesAreFollowed(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx := t.Context()
	w.trust()
	c := w.backup(member)
	w.inForce(member, small("P", "7", home, north))
	w.inForce(other, small("P", "7", home))
	first := w.plans(member, home)["P"]
	versions := func() int {
		t.Helper()
		out, err := c.ListBackupPlanVersions(ctx, &awsbackup.ListBackupPlanVersionsInput{BackupPlanId: &first})
		must(t, err)
		return len(out.BackupPlanVersionsList)
	}
	rule := func() string {
		t.Helper()
		out, err := c.GetBackupPlan(ctx, &awsbackup.GetBackupPlanInput{BackupPlanId: &first})
		must(t, err)
		return fmt.Sprint(*out.BackupPlan.Rules[0].RuleId, " ", aws.ToInt64(out.BackupPlan.Rules[0].Lifecycle.DeleteAfterDays))
	}
	before := rule()
	w.trail.take()
	w.clock.Advance(time.Hour)

	// A further plan leaves the first alone.
	both := strings.TrimSuffix(small("P", "7", home, north), "}}") + "," + strings.TrimPrefix(small("Q", "7", home), `{"plans":{`)
	w.inForce(member, both)
	if got := names(w.trail.take()); got != "CreateOrganizationalBackupPlan "+member+" "+home {
		t.Errorf("a further plan: %s", got)
	}
	if got := versions(); got != 1 || rule() != before {
		t.Errorf("the plan that did not change has %d versions, and %s", got, rule())
	}
	// The same policy again does nothing at all.
	w.inForce(member, both)
	if got := w.trail.take(); len(got) != 0 {
		t.Errorf("the same policy again: %s", names(got))
	}
	// A Region less, a plan less, another retention.
	w.inForce(member, small("P", "14", home))
	want := "DeleteOrganizationalBackupPlan " + member + " " + home + "\nDeleteOrganizationalBackupPlan " + member + " " + north + "\nUpdateOrganizationalBackupPlan " + member + " " + home
	if got := names(w.trail.take()); got != want {
		t.Errorf("after the change CloudTrail has\n%s\nwant\n%s", got, want)
	}
	if got := rule(); versions() != 2 || got != strings.TrimSuffix(before, " 7")+" 14" {
		t.Errorf("the changed plan has %d versions, and %s", versions(), got)
	}
	if got := w.plans(member, north); len(got) != 0 {
		t.Errorf("in the Region that went there are %v", got)
	}
	// Only the selection changes: no new version.
	w.inForce(member, strings.ReplaceAll(small("P", "14", home), `"tag_value":["v"]`, `"tag_value":["v","w"]`))
	if got := names(w.trail.take()); got != "UpdateOrganizationalBackupPlan "+member+" "+home || versions() != 2 {
		t.Errorf("another selection: %s, %d versions", got, versions())
	}
	selections, err := c.ListBackupSelections(ctx, &awsbackup.ListBackupSelectionsInput{BackupPlanId: &first})
	must(t, err)
	one, err := c.GetBackupSelection(ctx, &awsbackup.GetBackupSelectionInput{BackupPlanId: &first, SelectionId: selections.BackupSelectionsList[0].SelectionId})
	must(t, err)
	if got := len(one.BackupSelection.ListOfTags); got != 2 {
		t.Errorf("the selection has %d tags, want 2", got)
	}
	// Nothing, and then the same again: the plan comes back under its id, with its history.
	w.inForce(member, "")
	if got := w.plans(member, home); len(got) != 0 {
		t.Errorf("without a policy there are %v", got)
	}
	_, err = c.GetBackupPlan(ctx, &awsbackup.GetBackupPlanInput{BackupPlanId: &first})
	refused(t, err, "ResourceNotFoundException", "")
	w.inForce(member, small("P", "14", home))
	if got := w.plans(member, home)["P"]; got != first || versions() != 3 {
		t.Errorf("the plan came back as %s with %d versions, want %s with 3", got, versions(), first)
	}
	if got := len(w.plans(other, home)); got != 1 {
		t.Errorf("the other account has %d plans", got)
	}
}

// TestPlansThatCannotBeMade: a plan that Organizations lets pass and AWS Backup does not take is reported in each of its
// Regions, and stays as it was; its neighbours are made.
func TestPlansThatCannotBeMade(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]struct{ old, new, code, message string }{
		"continuous":    {`"target_backup_vault_name"`, `"enable_continuous_backup":"true","target_backup_vault_name"`, "NotImplemented", "EnableContinuousBackup"},
		"air-gapped":    {`"target_backup_vault_name"`, `"target_logically_air_gapped_backup_vault_arn":"arn:aws:backup:$region:$account:backup-vault:lag","target_backup_vault_name"`, "NotImplemented", "LogicallyAirGapped"},
		"index":         {`"target_backup_vault_name"`, `"index_actions":{"resource_types":["EBS"]},"target_backup_vault_name"`, "NotImplemented", "IndexActions"},
		"scan":          {`"rules"`, `"scan_settings":{"GUARDDUTY":{"resource_types":["EBS"],"scanner_role_arn":"arn:aws:iam::$account:role/scan"}},"rules"`, "NotImplemented", "ScanSettings"},
		"vault's name":  {`"v1"`, `"v"`, "InvalidParameterValueException", "vault name v"},
		"lifecycle":     {`"delete_after_days":"14"`, `"delete_after_days":"99999"`, "InvalidParameterValueException", "DeleteAfterDays"},
		"too many tags": {`"tag_value":["v"]`, `"tag_value":["` + strings.Join(manyValues, `","`) + `"]`, "InvalidParameterValueException", "ListOfTags"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.trust()
			w.inForce(member, small("P", "7", home, north))
			w.trail.take()
			bad := strings.Replace(small("P", "14", home, north), change.old, change.new, 1)
			w.inForce(member, strings.TrimSuffix(bad, "}}")+","+strings.TrimPrefix(small("Q", "7", home), `{"plans":{`))
			events := w.trail.take()
			want := "CreateOrganizationalBackupPlan 111111111111 eu-central-1\nInvalidOrganizationBackupPlan 111111111111 eu-central-1\nInvalidOrganizationBackupPlan 111111111111 eu-north-1"
			if got := names(events); got != want {
				t.Errorf("CloudTrail has\n%s\nwant\n%s", got, want)
			}
			for _, e := range events {
				if e.failure == nil {
					continue
				}
				plan := e.details["effectiveBackupPlan"].(map[string]any)
				if e.failure.Code != change.code || !strings.Contains(e.failure.Message, change.message) || plan["logicalName"] != "P" || e.details["policyType"] != "BACKUP_POLICY" {
					t.Errorf("the event is %s: %s about %v", e.failure.Code, e.failure.Message, plan)
				}
				if !strings.Contains(fmt.Sprint(plan), "arn:aws:iam::$account:role/jobs") {
					t.Errorf("the event has the account in place of $account: %v", plan)
				}
			}
			for _, region := range []string{home, north} {
				id := w.plans(member, region)["P"]
				got, err := awsbackup.NewFromConfig(w.config(member, region)).GetBackupPlan(t.Context(), &awsbackup.GetBackupPlanInput{BackupPlanId: &id})
				must(t, err)
				if days := *got.BackupPlan.Rules[0].Lifecycle.DeleteAfterDays; days != 7 {
					t.Errorf("in %s the plan keeps points for %d days, want the 7 of before", region, days)
				}
			}
			// Repaired, it is followed.
			w.inForce(member, small("P", "14", home))
			if got := names(w.trail.take()); !strings.Contains(got, "UpdateOrganizationalBackupPlan 111111111111 eu-central-1") || strings.Contains(got, "Invalid") {
				t.Errorf("repaired: %s", got)
			}
		})
	}
}

// TestPoliciesNeedTrustedAccess: without it nothing is made, nothing changed and nothing taken away; with it all is made up
// for. An account that has left loses its plans in any case.
func TestPoliciesNeedTrustedAccess(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.inForce(member, small("P", "7", home))
	if got := w.plans(member, home); len(got) != 0 {
		t.Errorf("without trusted access there are %v", got)
	}
	w.trust()
	must(t, w.ApplyBackupPolicies(t.Context(), organizationID))
	if got := w.plans(member, home); len(got) != 1 {
		t.Errorf("with trusted access there are %v", got)
	}
	w.distrust()
	w.inForce(member, "")
	if got := w.plans(member, home); len(got) != 1 {
		t.Errorf("after trusted access there are %v", got)
	}
	w.update(func(ctx context.Context, tx *state.Tx) error {
		a, err := tx.Account(ctx, member)
		must(t, err)
		a.OrganizationID, a.ParentID = "", ""
		return tx.UpdateAccount(ctx, a)
	})
	must(t, w.ApplyBackupPolicies(t.Context(), organizationID))
	if got := w.plans(member, home); len(got) != 0 {
		t.Errorf("an account that left has %v", got)
	}
}
