package events

import (
	"context"
	"encoding/json"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge/types"

	"strongroom/arn"
	"strongroom/internal/api"
	"strongroom/internal/page"
	"strongroom/internal/state"
)

func (s *Service) putTargetsAccess(ctx context.Context, c *api.Caller, in *eventbridge.PutTargetsInput) ([]api.Access, error) {
	a, _, err := s.ruleAccess(ctx, c, "PutTargets", aws.ToString(in.EventBusName), aws.ToString(in.Rule))
	if err != nil {
		return nil, err
	}
	accesses := []api.Access{a}
	for _, t := range in.Targets {
		accesses[0].Context["events:TargetArn"] = append(accesses[0].Context["events:TargetArn"], aws.ToString(t.Arn))
		if t.RoleArn != nil {
			role, err := passRole(c, *t.RoleArn)
			if err != nil {
				return nil, err
			}
			accesses = append(accesses, role)
		}
	}
	return accesses, nil
}

// mostTargets is how many targets a rule has at most.
// https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-quota.html
const mostTargets = 5

// PutTargets adds targets to a rule, or replaces those with the same ids.
func (s *Service) PutTargets(ctx context.Context, c *api.Caller, in *eventbridge.PutTargetsInput) (*eventbridge.PutTargetsOutput, error) {
	for _, t := range in.Targets {
		if err := checkTarget(t); err != nil {
			return nil, err
		}
	}
	return &eventbridge.PutTargetsOutput{FailedEntries: []types.PutTargetsResultEntry{}}, s.changeRule(ctx, c, in.EventBusName, in.Rule, func(_ *state.Tx, r *state.EventRule) error {
		targets := slices.Clone(r.Targets)
		for _, t := range in.Targets {
			if *t.Arn == r.BusARN {
				return invalidParameter(*t.Arn, "A rule can not send to the event bus that it is on.")
			}
			targets = slices.DeleteFunc(targets, func(other types.Target) bool { return *other.Id == *t.Id })
			targets = append(targets, t)
		}
		if len(targets) > mostTargets {
			return api.Errorf("LimitExceededException", "The requested resource exceeds the maximum number allowed.")
		}
		r.Targets = targets
		return nil
	})
}

// checkTarget refuses targets that could not be delivered to.
func checkTarget(t types.Target) error {
	a, err := arn.Parse(*t.Arn)
	if err != nil {
		return invalidParameter(*t.Arn, "Provided Arn is not in correct format.")
	}
	switch a.Service {
	case "sqs":
		if strings.HasSuffix(a.Resource, ".fifo") && (t.SqsParameters == nil || aws.ToString(t.SqsParameters.MessageGroupId) == "") {
			return invalid("Parameter(s) SqsParameters must be specified for target: %s.", *t.Id)
		}
	case "sns":
		if strings.HasSuffix(a.Resource, ".fifo") {
			return invalidParameter(*t.Arn, "FIFO topics are not supported as targets.")
		}
	case "lambda":
		if !strings.HasPrefix(a.Resource, "function:") {
			return invalidParameter(*t.Arn, "Provided Arn is not in correct format.")
		}
	case "events":
		if !strings.HasPrefix(a.Resource, "event-bus/") {
			return api.NotImplemented("events: a target that is an API destination")
		}
	default:
		return api.NotImplemented("events: a target of the service " + a.Service)
	}
	given := 0
	for _, is := range []bool{t.Input != nil, t.InputPath != nil, t.InputTransformer != nil} {
		if is {
			given++
		}
	}
	if given > 1 {
		return invalid("Only one of Input, InputPath, or InputTransformer must be provided for target %s.", *t.Id)
	}
	if t.Input != nil && !json.Valid([]byte(*t.Input)) {
		return invalid("JSON syntax error in input for target %s.", *t.Id)
	}
	if t.InputPath != nil {
		if _, err := parsePath(*t.InputPath); err != nil {
			return invalid("Invalid InputPath for target %s.", *t.Id)
		}
	}
	if err := checkTransformer(t); err != nil {
		return err
	}
	if d := deadLetterOf(t.DeadLetterConfig); d != "" {
		if a, err := arn.Parse(d); err != nil || a.Service != "sqs" {
			return invalid("Parameter DeadLetterConfig.Arn is not valid. Reason: Must be an SQS queue.")
		}
	}
	return nil
}

// RemoveTargets removes targets of a rule. Those that it does not have are told of.
func (s *Service) RemoveTargets(ctx context.Context, c *api.Caller, in *eventbridge.RemoveTargetsInput) (*eventbridge.RemoveTargetsOutput, error) {
	out := &eventbridge.RemoveTargetsOutput{FailedEntries: []types.RemoveTargetsResultEntry{}}
	return out, s.changeRule(ctx, c, in.EventBusName, in.Rule, func(_ *state.Tx, r *state.EventRule) error {
		r.Targets = slices.DeleteFunc(slices.Clone(r.Targets), func(t types.Target) bool { return slices.Contains(in.Ids, *t.Id) })
		return nil
	})
}

// ListTargetsByRule lists the targets of a rule by id.
func (s *Service) ListTargetsByRule(ctx context.Context, c *api.Caller, in *eventbridge.ListTargetsByRuleInput) (*eventbridge.ListTargetsByRuleOutput, error) {
	r, err := s.rule(ctx, c, in.EventBusName, in.Rule)
	if err != nil {
		return nil, err
	}
	scope := "events:ListTargetsByRule:" + r.ARN
	after, err := s.Pages.After(scope, in.NextToken, "ValidationException")
	if err != nil {
		return nil, err
	}
	slices.SortFunc(r.Targets, func(a, b types.Target) int { return strings.Compare(*a.Id, *b.Id) })
	targets, next := page.Slice(r.Targets, after, pageSize(in.Limit), func(t types.Target) string { return *t.Id })
	return &eventbridge.ListTargetsByRuleOutput{Targets: targets, NextToken: s.Pages.Next(scope, next)}, nil
}
