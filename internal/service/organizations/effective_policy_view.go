package organizations

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/organizations"
	"github.com/aws/aws-sdk-go-v2/service/organizations/types"

	"strongroom/internal/api"
	"strongroom/internal/state"
)

func notInForce() error {
	return api.Errorf("EffectivePolicyNotFoundException",
		"If you ran this action on the management account, this policy type is not enabled. If you ran the action on a member account, the account doesn't have an effective policy of this type. Contact the administrator of your organization about attaching a policy of this type to the account.")
}

// DescribeEffectivePolicy shows what is in force for an account: its own to any account, every other to the management
// account and whom it lets. What the policies amount to now counts, evaluated or not; where that is not valid, it is the
// last that was.
func (s *Service) DescribeEffectivePolicy(ctx context.Context, c *api.Caller, in *organizations.DescribeEffectivePolicyInput) (*organizations.DescribeEffectivePolicyOutput, error) {
	t, err := managementType(in.PolicyType)
	if err != nil {
		return nil, err
	}
	target := aws.ToString(in.TargetId)
	if target == "" {
		target = c.AccountID
	}
	if parentPattern.MatchString(target) {
		return nil, invalidInput("TARGET_NOT_SUPPORTED", "You can't perform the specified operation on that target entity.")
	}
	if err := want("TargetId", &target, accountPattern); err != nil {
		return nil, err
	}
	var row state.EffectivePolicy
	err = s.view(ctx, c, in, func(ctx context.Context, tx *state.Tx, o state.Organization) (err error) {
		row, _, err = inForce(ctx, tx, o, target, t)
		return err
	})
	if err != nil {
		return nil, err
	}
	if row.Content == "" {
		return nil, notInForce()
	}
	return &organizations.DescribeEffectivePolicyOutput{EffectivePolicy: &types.EffectivePolicy{
		LastUpdatedTimestamp: row.UpdatedAt.Ptr(), PolicyContent: aws.String(row.Content), PolicyType: in.PolicyType, TargetId: aws.String(target),
	}}, nil
}

// inForce is the row of an account as it would be after an evaluation now.
func inForce(ctx context.Context, tx *state.Tx, o state.Organization, accountID string, t *policyType) (row state.EffectivePolicy, a state.Account, err error) {
	a, err = tx.Account(ctx, accountID)
	if errors.Is(err, state.ErrNotFound) || err == nil && a.OrganizationID != o.ID {
		return row, a, api.Errorf("TargetNotFoundException", "You specified a target that doesn't exist.")
	}
	if err != nil {
		return row, a, err
	}
	if err := enabledType(ctx, tx, o, string(t.name)); err != nil {
		return row, a, notInForce()
	}
	row, err = tx.EffectivePolicy(ctx, accountID, string(t.name))
	if errors.Is(err, state.ErrNotFound) || err == nil && row.OrganizationID != o.ID {
		row, err = state.EffectivePolicy{AccountID: accountID}, nil
	}
	if err != nil {
		return row, a, err
	}
	change, err := tx.PolicyChange(ctx, o.ID, string(t.name))
	if err != nil || change.Evaluated == change.Number {
		return row, a, err
	}
	tr, err := readBranches(ctx, tx, o, t, []state.Account{a})
	if err != nil {
		return row, a, err
	}
	return follow(row, o.ID, t, tr.outcomes(t)[a.ID], change.ChangedAt), a, nil
}

// invalidNow are the rows, by account, that would not be valid after an evaluation now.
func invalidNow(ctx context.Context, tx *state.Tx, o state.Organization, t *policyType) ([]state.EffectivePolicy, error) {
	e, err := evaluate(ctx, tx, o.ID, t)
	if err != nil {
		return nil, err
	}
	if e.change.Settled() {
		return tx.InvalidEffectivePolicies(ctx, o.ID, string(t.name))
	}
	var invalid []state.EffectivePolicy
	for _, accountID := range slices.Sorted(maps.Keys(e.outcomes)) {
		if len(e.outcomes[accountID].errors) > 0 {
			row := e.rows[accountID]
			row.AccountID = accountID
			invalid = append(invalid, follow(row, o.ID, t, e.outcomes[accountID], e.change.ChangedAt))
		}
	}
	return invalid, nil
}

// ListAccountsWithInvalidEffectivePolicy lists the accounts whose policies amount to nothing valid, by id.
func (s *Service) ListAccountsWithInvalidEffectivePolicy(ctx context.Context, c *api.Caller, in *organizations.ListAccountsWithInvalidEffectivePolicyInput) (*organizations.ListAccountsWithInvalidEffectivePolicyOutput, error) {
	t, err := managementType(in.PolicyType)
	if err != nil {
		return nil, err
	}
	out := &organizations.ListAccountsWithInvalidEffectivePolicyOutput{Accounts: []types.Account{}, PolicyType: in.PolicyType}
	err = s.view(ctx, c, in, func(ctx context.Context, tx *state.Tx, o state.Organization) error {
		if err := enabledType(ctx, tx, o, string(t.name)); err != nil {
			return notInForce()
		}
		rows, err := invalidNow(ctx, tx, o, t)
		if err != nil {
			return err
		}
		if rows, out.NextToken, err = cut(s, c, in, rows, func(row state.EffectivePolicy) string { return row.AccountID }); err != nil {
			return err
		}
		for _, row := range rows {
			a, err := tx.Account(ctx, row.AccountID)
			if err != nil {
				return err
			}
			shape, err := accountShape(ctx, tx, o, a)
			if err != nil {
				return err
			}
			out.Accounts = append(out.Accounts, *shape)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// ListEffectivePolicyValidationErrors tells why an account's policies amount to nothing valid.
func (s *Service) ListEffectivePolicyValidationErrors(ctx context.Context, c *api.Caller, in *organizations.ListEffectivePolicyValidationErrorsInput) (*organizations.ListEffectivePolicyValidationErrorsOutput, error) {
	t, err := managementType(in.PolicyType)
	if err == nil {
		err = want("AccountId", in.AccountId, accountPattern)
	}
	if err != nil {
		return nil, err
	}
	out := &organizations.ListEffectivePolicyValidationErrorsOutput{
		AccountId: in.AccountId, PolicyType: in.PolicyType, EffectivePolicyValidationErrors: []types.EffectivePolicyValidationError{},
	}
	err = s.view(ctx, c, in, func(ctx context.Context, tx *state.Tx, o state.Organization) error {
		if _, err := memberAccount(ctx, tx, o, *in.AccountId); err != nil {
			return err
		}
		row, a, err := inForce(ctx, tx, o, *in.AccountId, t)
		if err != nil {
			return err
		}
		levels, err := tx.Levels(ctx, o, a.ParentID)
		if err != nil {
			return err
		}
		out.Path = aws.String(o.OrganizationPath(levels) + a.ID + "/")
		out.EvaluationTimestamp = row.EvaluatedAt.Ptr()
		keyed := map[*state.EffectivePolicyError]string{}
		all := make([]*state.EffectivePolicyError, len(row.Errors))
		for i := range row.Errors {
			all[i] = &row.Errors[i]
			keyed[all[i]] = fmt.Sprintf("%06d", i)
		}
		all, out.NextToken, err = cut(s, c, in, all, func(e *state.EffectivePolicyError) string { return keyed[e] })
		for _, e := range all {
			out.EffectivePolicyValidationErrors = append(out.EffectivePolicyValidationErrors, types.EffectivePolicyValidationError{
				ErrorCode: aws.String(e.Code), ErrorMessage: aws.String(e.Message), PathToError: aws.String(e.Path), ContributingPolicies: e.Contributing,
			})
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}
