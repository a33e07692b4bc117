package organizations

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/aws/aws-sdk-go-v2/service/organizations/types"

	"strongroom/internal/state"
)

const (
	// batch is how many accounts one transaction writes: an organization may have ten thousand, and others wait meanwhile.
	batch = 200
	// attempts are how often a reconciliation begins anew because something changed while it ran.
	attempts = 20
)

// errOvertaken says that the organization has changed since a reconciliation read it.
var errOvertaken = errors.New("the organization's policies change faster than they can be evaluated")

// ReconcileEffectivePolicies brings the effective policies of a type up to date for all accounts of an organization, and
// takes away those of accounts that have left it. It may be run at any time, at once with changes and with itself, and
// also for an organization that is gone. What is then to be done in the accounts is told by
// [state.Tx.UnappliedEffectivePolicies], whoever called it: nothing is lost where it is interrupted.
func (s *Service) ReconcileEffectivePolicies(ctx context.Context, organizationID string, policyType types.PolicyType) error {
	t, err := typeNamed(policyType)
	if err != nil {
		return err
	}
	if t == nil || t.management == nil {
		return fmt.Errorf("policies of the type %s do not make effective policies", policyType)
	}
	for range attempts {
		err = s.reconcile(ctx, organizationID, t)
		if !errors.Is(err, errOvertaken) {
			break
		}
	}
	if err != nil {
		return fmt.Errorf("evaluating the policies of type %s in %s: %w", t.name, organizationID, err)
	}
	return nil
}

func (s *Service) reconcile(ctx context.Context, organizationID string, t *policyType) error {
	var tr *tree
	var change state.PolicyChange
	rows := map[string]state.EffectivePolicy{}
	err := s.DB.View(ctx, func(ctx context.Context, tx *state.Tx) error {
		var err error
		if change, err = tx.PolicyChange(ctx, organizationID, string(t.name)); err != nil || change.Settled() {
			return err
		}
		known, err := tx.EffectivePolicies(ctx, organizationID, string(t.name))
		if err != nil {
			return err
		}
		for _, row := range known {
			rows[row.AccountID] = row
		}
		tr, err = readTree(ctx, tx, organizationID, t)
		return err
	})
	if err != nil || change.Settled() {
		return err
	}
	outcomes := tr.outcomes(t)
	for accountID := range rows {
		if _, in := outcomes[accountID]; !in {
			outcomes[accountID] = outcome{} // it has left, or is closed
		}
	}
	changed := slices.DeleteFunc(slices.Sorted(maps.Keys(outcomes)), func(accountID string) bool {
		row, known := rows[accountID]
		o := outcomes[accountID]
		return !known && o.content == "" && len(o.errors) == 0 || known && same(row, follow(row, organizationID, t, o, 0))
	})
	for accounts := range slices.Chunk(changed, batch) {
		if err := s.follow(ctx, organizationID, t, change, accounts, outcomes); err != nil {
			return err
		}
	}
	return s.DB.Update(ctx, func(ctx context.Context, tx *state.Tx) error {
		return tx.SetPolicyChangeEvaluated(ctx, organizationID, string(t.name), change.Number)
	})
}

// follow writes what came of some accounts, unless something has changed since.
func (s *Service) follow(ctx context.Context, organizationID string, t *policyType, change state.PolicyChange, accounts []string, outcomes map[string]outcome) error {
	return s.DB.Update(ctx, func(ctx context.Context, tx *state.Tx) error {
		now, err := tx.PolicyChange(ctx, organizationID, string(t.name))
		if err != nil {
			return err
		}
		if now.Number != change.Number {
			return errOvertaken
		}
		for _, accountID := range accounts {
			row, err := tx.EffectivePolicy(ctx, accountID, string(t.name))
			if errors.Is(err, state.ErrNotFound) {
				row, err = state.EffectivePolicy{AccountID: accountID}, nil
			}
			if err != nil {
				return err
			}
			a, err := tx.Account(ctx, accountID)
			if err != nil {
				return err
			}
			if a.OrganizationID != organizationID && row.OrganizationID != organizationID {
				continue // another organization has it, and what is in force is that one's
			}
			if err := tx.PutEffectivePolicy(ctx, follow(row, organizationID, t, outcomes[accountID], tx.Now)); err != nil {
				return err
			}
		}
		return nil
	})
}
