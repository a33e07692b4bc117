package backup

import (
	"context"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/backup/types"
	"github.com/google/uuid"

	"strongroom/arn"
	"strongroom/internal/api"
	"strongroom/internal/resource"
	"strongroom/internal/state"
	"strongroom/rules"
)

// newJobID makes a job's id in the form that AWS gives them.
func newJobID() string { return strings.ToUpper(uuid.NewString()) }

// resourceType finds the type of a resource that jobs are asked for, which must lie where the caller is.
func (s *Service) resourceType(ctx context.Context, c *api.Caller, field string, text *string) (arn.ARN, string, error) {
	if aws.ToString(text) == "" {
		return arn.ARN{}, "", missing(field)
	}
	parsed, err := arn.Parse(*text)
	if err != nil {
		return parsed, "", invalid("Invalid ARN %s in %s.", *text, field)
	}
	if parsed.AccountID != "" && parsed.AccountID != c.AccountID {
		return parsed, "", denied()
	}
	if parsed.Region != "" && parsed.Region != c.Region {
		return parsed, "", invalid("The resource %s is not in Region %s.", *text, c.Region)
	}
	if kind, err := resource.Of(ctx, s.Kinds, parsed); err != nil {
		return parsed, "", err
	} else if kind != nil {
		return parsed, kind.Type(), nil
	}
	if known := rules.TypesOf(parsed); len(known) > 0 {
		return parsed, "", api.NotImplemented("Backup of resource type " + known[0])
	}
	return parsed, "", invalid("Invalid %s %s: AWS Backup does not support the resource.", field, *text)
}

// micros reads an optional time of a filter.
func micros(t *time.Time) state.Micros {
	if t == nil {
		return 0
	}
	return state.MicrosOf(*t)
}

// filterCategory reads a message category of a filter.
func filterCategory(text *string) string {
	switch value := aws.ToString(text); value {
	case "ANY", "AGGREGATE_ALL", "*":
		return ""
	default:
		return value
	}
}

// showLifecycle is the API's form of a lifecycle; nil for the zero one.
func showLifecycle(l rules.Lifecycle) *types.Lifecycle {
	if l.IsZero() {
		return nil
	}
	shown := &types.Lifecycle{DeleteAfterDays: l.DeleteAfterDays, MoveToColdStorageAfterDays: l.MoveToColdStorageAfterDays}
	if l.OptInToArchive {
		shown.OptInToArchiveForSupportedResources = &l.OptInToArchive
	}
	return shown
}

// showCreator is the API's form of who made a job or a point; nil for those made on demand.
func showCreator(p state.PlanCreator) *types.RecoveryPointCreator {
	if p == (state.PlanCreator{}) {
		return nil
	}
	return &types.RecoveryPointCreator{
		BackupPlanId: optional(p.PlanID), BackupPlanArn: optional(p.PlanARN), BackupPlanName: optional(p.PlanName), BackupPlanVersion: optional(p.PlanVersion),
		BackupRuleId: optional(p.RuleID), BackupRuleName: optional(p.RuleName), BackupRuleCron: optional(p.RuleCron), BackupRuleTimezone: optional(p.RuleTimezone),
	}
}

// percent is how backup jobs show their progress.
func percent(p float64) *string {
	return aws.String(strconv.FormatFloat(p, 'f', 1, 64))
}

// repeated answers a call whose idempotency token has made a job before: a call that asks for the same does nothing.
func repeated(token string, same bool) error {
	if !same {
		return invalid("IdempotencyToken %s was used for a job with other parameters.", token)
	}
	return nil
}

// checkToken checks the form of an idempotency token.
func checkToken(token *string) error {
	if len(aws.ToString(token)) > 1024 {
		return invalid("IdempotencyToken is too long.")
	}
	return nil
}
