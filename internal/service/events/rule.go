package events

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge/types"

	"strongroom/arn"
	"strongroom/internal/api"
	"strongroom/internal/page"
	"strongroom/internal/service/events/pattern"
	"strongroom/internal/state"
	"strongroom/rules"
)

func (s *Service) putRuleAccess(ctx context.Context, c *api.Caller, in *eventbridge.PutRuleInput) ([]api.Access, error) {
	a, _, err := s.ruleAccess(ctx, c, "PutRule", aws.ToString(in.EventBusName), aws.ToString(in.Name))
	a.Context = api.WithRequestTags(a.Context, tagMap(in.Tags))
	accesses := []api.Access{a}
	if err != nil || in.RoleArn == nil {
		return accesses, err
	}
	role, err := passRole(c, *in.RoleArn)
	return append(accesses, role), err
}

// passRole is the access that handing a role to the service takes. The role must be one of the caller's account.
func passRole(c *api.Caller, roleARN string) (api.Access, error) {
	if !rules.RolePattern.MatchString(roleARN) {
		return api.Access{}, invalidParameter("RoleArn", "Provided Arn is not in correct format.")
	}
	if parsed, _ := arn.Parse(roleARN); parsed.AccountID != c.AccountID {
		return api.Access{}, api.Errorf("AccessDeniedException", "Cross-account pass role is not allowed.")
	}
	return api.Access{Action: "iam:PassRole", Resource: roleARN, Context: map[string][]string{"iam:PassedToService": {Principal}}}, nil
}

// PutRule makes a rule, or replaces what the one of the name matches or when it runs. Targets and tags stay.
func (s *Service) PutRule(ctx context.Context, c *api.Caller, in *eventbridge.PutRuleInput) (*eventbridge.PutRuleOutput, error) {
	bus, err := busARN(c, in.EventBusName)
	if err != nil {
		return nil, err
	}
	schedule, text := aws.ToString(in.ScheduleExpression), aws.ToString(in.EventPattern)
	switch {
	case schedule == "" && text == "":
		return nil, invalid("Parameter(s) EventPattern or ScheduleExpression must be specified.")
	case schedule != "" && nameOf(bus) != defaultBus:
		return nil, invalid("ScheduleExpression is supported only on the default event bus.")
	}
	if schedule != "" {
		if _, err := rules.ParseFrequentSchedule(schedule); err != nil {
			return nil, invalid("Parameter ScheduleExpression is not valid.")
		}
	}
	if text != "" {
		if _, err := parsePattern(text); err != nil {
			return nil, err
		}
	}
	tags := tagMap(in.Tags)
	if err := checkTags(tags); err != nil {
		return nil, err
	}
	r := state.EventRule{
		ARN: ruleARN(bus, *in.Name), BusARN: bus.String(), BusName: nameOf(bus), AccountID: bus.AccountID, Region: bus.Region, Name: *in.Name, Tags: tags,
	}
	return &eventbridge.PutRuleOutput{RuleArn: &r.ARN}, s.DB.Update(ctx, func(ctx context.Context, tx *state.Tx) error {
		if _, err := readBus(ctx, tx, bus); err != nil {
			return err
		}
		before, err := tx.EventRule(ctx, r.BusARN, r.Name)
		switch {
		case errors.Is(err, state.ErrNotFound):
			r.CreatedAt = tx.Now
		case err != nil:
			return err
		default:
			r.Targets, r.Tags, r.CreatedAt = before.Targets, before.Tags, before.CreatedAt
		}
		r.Description, r.Pattern, r.Schedule, r.RoleARN = aws.ToString(in.Description), text, schedule, aws.ToString(in.RoleArn)
		r.State = string(in.State)
		if r.State == "" {
			r.State = string(types.RuleStateEnabled)
		}
		if err := setNext(&r, tx.Now.Time()); err != nil {
			return err
		}
		return tx.PutEventRule(ctx, r)
	})
}

// setNext sets when a rule's schedule runs next after a time.
func setNext(r *state.EventRule, after time.Time) error {
	r.NextAt = 0
	if r.Schedule == "" || r.State == string(types.RuleStateDisabled) {
		return nil
	}
	schedule, err := rules.ParseFrequentSchedule(r.Schedule)
	if err != nil {
		return err
	}
	r.NextAt = state.MicrosOf(schedule.Next(after, time.UTC))
	return nil
}

const maxPattern = 2048

func parsePattern(text string) (*pattern.Pattern, error) {
	if len(text) > 2*maxPattern {
		return nil, api.Errorf("InvalidEventPatternException", "Event pattern is not valid. Reason: Event pattern is longer than %d characters.", 2*maxPattern)
	}
	p, err := pattern.Parse([]byte(text))
	if err != nil {
		return nil, &api.Error{Code: "InvalidEventPatternException", Message: err.Error(), Err: err}
	}
	return p, nil
}

// rule reads a rule, and says that there is none in the words of the operation.
func (s *Service) rule(ctx context.Context, c *api.Caller, busName, name *string) (r state.EventRule, err error) {
	bus, err := busARN(c, busName)
	if err != nil {
		return r, err
	}
	err = s.DB.View(ctx, func(ctx context.Context, tx *state.Tx) error {
		r, err = readRule(ctx, tx, bus, *name)
		return err
	})
	return r, err
}

func readRule(ctx context.Context, tx *state.Tx, bus arn.ARN, name string) (state.EventRule, error) {
	if _, err := readBus(ctx, tx, bus); err != nil {
		return state.EventRule{}, err
	}
	r, err := tx.EventRule(ctx, bus.String(), name)
	if errors.Is(err, state.ErrNotFound) {
		err = noRule(name, nameOf(bus))
	}
	return r, err
}

func (s *Service) changeRule(ctx context.Context, c *api.Caller, busName, name *string, fn func(tx *state.Tx, r *state.EventRule) error) error {
	bus, err := busARN(c, busName)
	if err != nil {
		return err
	}
	return s.DB.Update(ctx, func(ctx context.Context, tx *state.Tx) error {
		r, err := readRule(ctx, tx, bus, *name)
		if err != nil {
			return err
		}
		if err := fn(tx, &r); err != nil {
			return err
		}
		return tx.PutEventRule(ctx, r)
	})
}

// DescribeRule describes a rule.
func (s *Service) DescribeRule(ctx context.Context, c *api.Caller, in *eventbridge.DescribeRuleInput) (*eventbridge.DescribeRuleOutput, error) {
	r, err := s.rule(ctx, c, in.EventBusName, in.Name)
	if err != nil {
		return nil, err
	}
	return &eventbridge.DescribeRuleOutput{
		Arn: &r.ARN, Name: &r.Name, EventBusName: &r.BusName, Description: optional(r.Description), EventPattern: optional(r.Pattern),
		ScheduleExpression: optional(r.Schedule), State: types.RuleState(r.State), RoleArn: optional(r.RoleARN), CreatedBy: &r.AccountID,
	}, nil
}

// DeleteRule removes a rule, which must have no targets. One that is gone is no error.
func (s *Service) DeleteRule(ctx context.Context, c *api.Caller, in *eventbridge.DeleteRuleInput) (*eventbridge.DeleteRuleOutput, error) {
	bus, err := busARN(c, in.EventBusName)
	if err != nil {
		return nil, err
	}
	return &eventbridge.DeleteRuleOutput{}, s.DB.Update(ctx, func(ctx context.Context, tx *state.Tx) error {
		if _, err := readBus(ctx, tx, bus); err != nil {
			return err
		}
		r, err := tx.EventRule(ctx, bus.String(), *in.Name)
		switch {
		case errors.Is(err, state.ErrNotFound):
			return nil
		case err != nil:
			return err
		case len(r.Targets) > 0:
			return invalid("Rule can't be deleted since it has targets.")
		}
		return tx.DeleteEventRule(ctx, r.ARN)
	})
}

// EnableRule switches a rule on.
func (s *Service) EnableRule(ctx context.Context, c *api.Caller, in *eventbridge.EnableRuleInput) (*eventbridge.EnableRuleOutput, error) {
	return &eventbridge.EnableRuleOutput{}, s.changeRule(ctx, c, in.EventBusName, in.Name, func(tx *state.Tx, r *state.EventRule) error {
		if r.State != string(types.RuleStateDisabled) {
			return nil
		}
		r.State = string(types.RuleStateEnabled)
		return setNext(r, tx.Now.Time())
	})
}

// DisableRule switches a rule off.
func (s *Service) DisableRule(ctx context.Context, c *api.Caller, in *eventbridge.DisableRuleInput) (*eventbridge.DisableRuleOutput, error) {
	return &eventbridge.DisableRuleOutput{}, s.changeRule(ctx, c, in.EventBusName, in.Name, func(_ *state.Tx, r *state.EventRule) error {
		r.State, r.NextAt = string(types.RuleStateDisabled), 0
		return nil
	})
}

// ListRules lists the rules of a bus by name.
func (s *Service) ListRules(ctx context.Context, c *api.Caller, in *eventbridge.ListRulesInput) (*eventbridge.ListRulesOutput, error) {
	bus, err := s.ownBus(c, in.EventBusName)
	if err != nil {
		return nil, err
	}
	scope := "events:ListRules:" + bus.String() + ":" + aws.ToString(in.NamePrefix)
	after, err := s.Pages.After(scope, in.NextToken, "ValidationException")
	if err != nil {
		return nil, err
	}
	limit := pageSize(in.Limit)
	var all []state.EventRule
	err = s.DB.View(ctx, func(ctx context.Context, tx *state.Tx) error {
		if _, err := readBus(ctx, tx, bus); err != nil {
			return err
		}
		all, err = tx.EventRules(ctx, bus.String(), aws.ToString(in.NamePrefix), after, limit+1)
		return err
	})
	if err != nil {
		return nil, err
	}
	all, next := page.Cut(all, limit, func(r state.EventRule) string { return r.Name })
	out := &eventbridge.ListRulesOutput{NextToken: s.Pages.Next(scope, next)}
	for _, r := range all {
		out.Rules = append(out.Rules, types.Rule{
			Arn: &r.ARN, Name: &r.Name, EventBusName: &r.BusName, Description: optional(r.Description), EventPattern: optional(r.Pattern),
			ScheduleExpression: optional(r.Schedule), State: types.RuleState(r.State), RoleArn: optional(r.RoleARN),
		})
	}
	return out, nil
}

// ownBus is the bus of a list, which must be the caller's: what is authorized names no bus.
func (s *Service) ownBus(c *api.Caller, name *string) (arn.ARN, error) {
	bus, err := busARN(c, name)
	if err == nil && bus.AccountID != c.AccountID {
		err = api.Errorf("AccessDeniedException", "The bus %s belongs to another account.", bus)
	}
	return bus, err
}

// ListRuleNamesByTarget lists the rules of a bus that have a target.
func (s *Service) ListRuleNamesByTarget(ctx context.Context, c *api.Caller, in *eventbridge.ListRuleNamesByTargetInput) (*eventbridge.ListRuleNamesByTargetOutput, error) {
	bus, err := s.ownBus(c, in.EventBusName)
	if err != nil {
		return nil, err
	}
	scope := "events:ListRuleNamesByTarget:" + bus.String() + ":" + *in.TargetArn
	after, err := s.Pages.After(scope, in.NextToken, "ValidationException")
	if err != nil {
		return nil, err
	}
	var names []string
	err = s.DB.View(ctx, func(ctx context.Context, tx *state.Tx) error {
		if _, err := readBus(ctx, tx, bus); err != nil {
			return err
		}
		all, err := tx.EventRules(ctx, bus.String(), "", "", 0)
		for _, r := range all {
			if slices.ContainsFunc(r.Targets, func(t types.Target) bool { return aws.ToString(t.Arn) == *in.TargetArn }) {
				names = append(names, r.Name)
			}
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	names, next := page.Slice(names, after, pageSize(in.Limit), func(name string) string { return name })
	return &eventbridge.ListRuleNamesByTargetOutput{RuleNames: names, NextToken: s.Pages.Next(scope, next)}, nil
}
