package backup

import (
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/backup/types"
	"github.com/google/uuid"

	"strongroom/arn"
	"strongroom/backuppolicy"
	"strongroom/internal/api"
	"strongroom/internal/state"
	"strongroom/rules"
)

// handedDown is a plan of an effective backup policy as it stands in an account and Region, with its selections.
type handedDown struct {
	state.BackupPlan
	selections []state.BackupSelection
}

// handDown makes a policy's plan that of an account and Region, or says why AWS Backup does not take it: Organizations looks
// at a policy alone, and lets pass what no plan may hold. Ids follow from names, so that a plan that comes back is the one
// that went; see https://docs.aws.amazon.com/aws-backup/latest/devguide/logging-using-cloudtrail.html#cam-log-examples.
func handDown(organizationID, accountID, region string, policy backuppolicy.Plan) (handedDown, error) {
	policy = policy.For(accountID, region)
	if refusals := policy.Refusals(); len(refusals) > 0 {
		return handedDown{}, invalid("%s", refusals[0].Message)
	}
	document, err := planDocument(planInput(policy), nil)
	if err != nil {
		return handedDown{}, err
	}
	name := uuid.NewMD5(uuid.NameSpaceURL, []byte(strings.Join([]string{"backup-plan", organizationID, accountID, region, policy.Name}, "/")))
	for i, rule := range document.Rules {
		document.Rules[i].RuleId = aws.String(uuid.NewMD5(name, []byte("rule/"+*rule.RuleName)).String())
	}
	plan := handedDown{BackupPlan: state.BackupPlan{
		ID: "orgs/" + name.String(), AccountID: accountID, OrganizationID: organizationID, Region: region, Name: policy.Name,
		Document: document, Tags: tagMap(policy.Tags),
	}}
	plan.ARN = arn.New("backup", region, accountID, "backup-plan:"+plan.ID).String()
	taken := map[string]bool{}
	for _, s := range policy.Selections {
		selection, err := handDownSelection(s)
		if err != nil {
			return handedDown{}, err
		}
		for taken[selection.Name] { // a selection by tags and one by resources may bear the same name
			selection.Name += "-2"
		}
		taken[selection.Name] = true
		selection.Document.SelectionName = aws.String(selection.Name)
		selection.PlanID, selection.ID = plan.ID, uuid.NewMD5(name, []byte("selection/"+selection.Name)).String()
		plan.selections = append(plan.selections, selection)
	}
	return plan, checkTags(plan.Tags)
}

// planInput is the plan that a caller of CreateBackupPlan would ask for.
func planInput(policy backuppolicy.Plan) *types.BackupPlanInput {
	in := &types.BackupPlanInput{BackupPlanName: &policy.Name}
	for _, s := range policy.AdvancedBackupSettings {
		in.AdvancedBackupSettings = append(in.AdvancedBackupSettings, types.AdvancedBackupSetting{ResourceType: &s.ResourceType, BackupOptions: s.Options})
	}
	for _, s := range policy.ScanSettings {
		in.ScanSettings = append(in.ScanSettings, types.ScanSetting{
			MalwareScanner: types.MalwareScanner(s.MalwareScanner), ResourceTypes: s.ResourceTypes, ScannerRoleArn: optional(s.ScannerRoleARN),
		})
	}
	for _, r := range policy.Rules {
		rule := types.BackupRuleInput{
			RuleName: &r.Name, TargetBackupVaultName: &r.TargetBackupVaultName, ScheduleExpression: optional(r.ScheduleExpression),
			StartWindowMinutes: r.StartWindowMinutes, CompletionWindowMinutes: r.CompletionWindowMinutes, Lifecycle: showLifecycle(r.Lifecycle),
			RecoveryPointTags: tagMap(r.RecoveryPointTags), TargetLogicallyAirGappedBackupVaultArn: optional(r.TargetLogicallyAirGappedBackupVaultARN),
		}
		if r.EnableContinuousBackup {
			rule.EnableContinuousBackup = aws.Bool(true)
		}
		for _, c := range r.CopyActions {
			rule.CopyActions = append(rule.CopyActions, types.CopyAction{DestinationBackupVaultArn: &c.DestinationBackupVaultARN, Lifecycle: showLifecycle(c.Lifecycle)})
		}
		if len(r.IndexActions) > 0 {
			rule.IndexActions = []types.IndexAction{{ResourceTypes: r.IndexActions}}
		}
		for _, scan := range r.ScanActions {
			rule.ScanActions = append(rule.ScanActions, types.ScanAction{MalwareScanner: types.MalwareScanner(scan.MalwareScanner), ScanMode: types.ScanMode(scan.ScanMode)})
		}
		in.Rules = append(in.Rules, rule)
	}
	return in
}

// handDownSelection makes a selection of a plan that is handed down. AWS puts "selection" before its name.
func handDownSelection(policy backuppolicy.Selection) (state.BackupSelection, error) {
	document := types.BackupSelection{IamRoleArn: &policy.IAMRoleARN, Resources: policy.Resources, NotResources: policy.NotResources}
	for _, t := range policy.ListOfTags {
		document.ListOfTags = append(document.ListOfTags, types.Condition{ConditionType: types.ConditionTypeStringequals, ConditionKey: &t.Key, ConditionValue: &t.Value})
	}
	conditions := types.Conditions{
		StringEquals: conditionParameters(policy.StringEquals), StringNotEquals: conditionParameters(policy.StringNotEquals),
		StringLike: conditionParameters(policy.StringLike), StringNotLike: conditionParameters(policy.StringNotLike),
	}
	if len(conditions.StringEquals)+len(conditions.StringNotEquals)+len(conditions.StringLike)+len(conditions.StringNotLike) > 0 {
		document.Conditions = &conditions
	}
	return state.BackupSelection{Name: "selection" + policy.Name, IAMRoleARN: policy.IAMRoleARN, Document: document}, checkAssignment(document)
}

func conditionParameters(tags []rules.Tag) []types.ConditionParameter {
	var all []types.ConditionParameter
	for _, t := range tags {
		all = append(all, types.ConditionParameter{ConditionKey: aws.String(resourceTag + t.Key), ConditionValue: &t.Value})
	}
	return all
}

func tagMap(tags []rules.Tag) map[string]string {
	if len(tags) == 0 {
		return nil
	}
	all := map[string]string{}
	for _, t := range tags {
		all[t.Key] = t.Value
	}
	return all
}

// same reports whether a plan that is there needs no change to be the one handed down.
func (h handedDown) same(there state.BackupPlan, selections []state.BackupSelection) bool {
	return h.OrganizationID == there.OrganizationID && sameText(h.Document, there.Document) && maps.Equal(h.Tags, there.Tags) &&
		slices.EqualFunc(h.inOrder(h.selections), h.inOrder(selections), func(a, b state.BackupSelection) bool {
			return a.ID == b.ID && sameText(a.Document, b.Document)
		})
}

func (handedDown) inOrder(selections []state.BackupSelection) []state.BackupSelection {
	return slices.SortedFunc(slices.Values(selections), func(a, b state.BackupSelection) int { return strings.Compare(a.ID, b.ID) })
}

func sameText(a, b any) bool {
	x, errX := json.Marshal(a)
	y, errY := json.Marshal(b)
	return errors.Join(errX, errY) == nil && string(x) == string(y)
}

// refusal is why AWS Backup does not take a plan, as an error of its API; nil for errors that are no refusal.
func refusal(err error) *api.Error {
	if e, ok := errors.AsType[*api.Error](err); ok {
		return e
	}
	return nil
}
