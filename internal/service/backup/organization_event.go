package backup

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/backup/types"
	"github.com/google/uuid"

	"strongroom/arn"
	"strongroom/backuppolicy"
	"strongroom/internal/state"
	"strongroom/rules"
)

// What CloudTrail's events of plans that are handed down hold, in the shapes of
// https://docs.aws.amazon.com/aws-backup/latest/devguide/logging-using-cloudtrail.html#cam-log-examples: rules and selections
// as JSON within a text, windows as ISO 8601 durations, a vault as a cryopod.

// planDetails are those of a plan that was created or changed.
func planDetails(h handedDown, now state.Micros) map[string]any {
	details := planNames(h.BackupPlan)
	details["backupRules"], details["backupSelections"] = text(eventRules(h)), text(eventSelections(h))
	details["creationDate"] = instant(now)
	return details
}

// deletionDetails are those of a plan that was deleted.
func deletionDetails(plan state.BackupPlan, now state.Micros) map[string]any {
	details := planNames(plan)
	details["deletionDate"] = instant(now)
	return details
}

func planNames(plan state.BackupPlan) map[string]any {
	return map[string]any{
		"backupPlanId": plan.ID, "backupPlanVersionId": plan.VersionID, "backupPlanArn": plan.ARN, "backupPlanName": plan.Name,
		"organizationId": plan.OrganizationID, "accountId": plan.AccountID,
	}
}

func instant(m state.Micros) map[string]int64 {
	return map[string]int64{"seconds": int64(m) / 1e6, "nanos": int64(m) % 1e6 * 1000}
}

func text(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		panic("maps of texts have a JSON form: " + err.Error())
	}
	return string(b)
}

func eventRules(h handedDown) []map[string]any {
	all := []map[string]any{}
	for _, r := range h.Document.Rules {
		copies := []map[string]any{}
		for _, c := range r.CopyActions {
			copies = append(copies, map[string]any{"destinationBackupVaultArn": aws.ToString(c.DestinationBackupVaultArn), "lifecycle": eventLifecycle(c.Lifecycle)})
		}
		rule := map[string]any{
			"id": aws.ToString(r.RuleId), "name": aws.ToString(r.RuleName), "description": nil,
			"cryopodArn":         arn.New("backup", h.Region, h.AccountID, "backup-vault:"+aws.ToString(r.TargetBackupVaultName)).String(),
			"scheduleExpression": aws.ToString(r.ScheduleExpression), "startWindow": isoDuration(r.StartWindowMinutes), "completionWindow": isoDuration(r.CompletionWindowMinutes),
			"lifecycle": eventLifecycle(r.Lifecycle), "tags": nil, "copyActions": copies,
		}
		if len(r.RecoveryPointTags) > 0 {
			rule["tags"] = r.RecoveryPointTags
		}
		all = append(all, rule)
	}
	return all
}

func eventLifecycle(l *types.Lifecycle) map[string]any {
	days := func(n *int64) any {
		if n == nil {
			return nil
		}
		return strconv.FormatInt(*n, 10)
	}
	if l == nil {
		l = &types.Lifecycle{}
	}
	return map[string]any{"moveToColdStorageAfterDays": days(l.MoveToColdStorageAfterDays), "deleteAfterDays": days(l.DeleteAfterDays)}
}

// isoDuration writes minutes as PT8H or PT1H30M.
func isoDuration(minutes *int64) string {
	hours, rest := aws.ToInt64(minutes)/60, aws.ToInt64(minutes)%60
	var b strings.Builder
	b.WriteString("PT")
	if hours > 0 {
		fmt.Fprintf(&b, "%dH", hours)
	}
	if rest > 0 || hours == 0 {
		fmt.Fprintf(&b, "%dM", rest)
	}
	return b.String()
}

func eventSelections(h handedDown) []map[string]any {
	all := []map[string]any{}
	for _, s := range h.selections {
		conditions := []map[string]any{}
		for _, t := range s.Document.ListOfTags {
			conditions = append(conditions, map[string]any{"type": string(t.ConditionType), "key": aws.ToString(t.ConditionKey), "value": aws.ToString(t.ConditionValue)})
		}
		all = append(all, map[string]any{
			"name": s.Name, "arn": arn.New("backup", h.Region, h.AccountID, "selection:"+s.ID).String(), "role": s.IAMRoleARN,
			"resources": append([]string{}, s.Document.Resources...), "notResources": append([]string{}, s.Document.NotResources...),
			"conditions": conditions, "creationDate": s.CreatedAt.Time().UTC().Format("2006-01-02T15:04:05.000Z"), "creatorRequestId": nil,
		})
	}
	return all
}

// refusalDetails are those of a plan that AWS Backup does not take. It stands there as the policy has it, with $account.
func refusalDetails(policy effective, r refusedPlan) map[string]any {
	id := uuid.NewMD5(uuid.NameSpaceURL, []byte("effective-policy/"+policy.OrganizationID+"/"+policy.AccountID))
	return map[string]any{
		"effectivePolicyVersion": policy.Version, "effectivePolicyId": id.String(), "policyType": backupPolicy,
		"lastUpdatedTimestamp": policy.UpdatedAt.Time().UTC().Format("Jan 2, 2006 3:04:05 PM"),
		"effectiveBackupPlan":  refusedDocument(r.Plan), "organizationId": policy.OrganizationID, "accountId": policy.AccountID,
	}
}

func refusedDocument(p backuppolicy.Plan) map[string]any {
	document := map[string]any{"logicalName": p.Name, "regions": p.Regions, "backupPlanTags": orEmpty(tagMap(p.Tags))}
	planRules := []map[string]any{}
	for _, r := range p.Rules {
		copies := []map[string]any{}
		for _, c := range r.CopyActions {
			copies = append(copies, map[string]any{"targetBackupVaultArn": c.DestinationBackupVaultARN, "lifecycle": daysOf(c.Lifecycle)})
		}
		planRules = append(planRules, map[string]any{
			"name": r.Name, "targetBackupVaultName": r.TargetBackupVaultName, "ruleLifecycle": daysOf(r.Lifecycle),
			"copyActions": copies, "enableContinuousBackup": r.EnableContinuousBackup,
		})
	}
	document["rules"] = planRules
	selections := map[string]any{}
	add := func(kind string, s map[string]any) {
		list, _ := selections[kind].([]map[string]any)
		selections[kind] = append(list, s)
	}
	for _, s := range p.Selections {
		if len(s.ListOfTags) == 0 {
			add("resourceSelections", map[string]any{"selectionName": s.Name, "iamRoleArn": s.IAMRoleARN, "resourceTypes": s.Resources, "notResourceTypes": append([]string{}, s.NotResources...)})
			continue
		}
		tags := []map[string]any{}
		for _, t := range s.ListOfTags {
			tags = append(tags, map[string]any{"tagKey": t.Key, "tagValue": t.Value})
		}
		add("tagSelections", map[string]any{"selectionName": s.Name, "iamRoleArn": s.IAMRoleARN, "targetedTags": tags})
	}
	document["selections"] = selections
	return document
}

func daysOf(l rules.Lifecycle) map[string]any {
	days := map[string]any{}
	if l.MoveToColdStorageAfterDays != nil {
		days["moveToColdStorageAfterDays"] = *l.MoveToColdStorageAfterDays
	}
	if l.DeleteAfterDays != nil {
		days["deleteAfterDays"] = *l.DeleteAfterDays
	}
	return days
}

func orEmpty(tags map[string]string) map[string]string {
	if tags == nil {
		return map[string]string{}
	}
	return tags
}
