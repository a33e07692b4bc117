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

// evaluation is what the policies of a type come to in an organization after a change. Where all changes are evaluated
// already, there is nothing but the change.
type evaluation struct {
	change   state.PolicyChange
	rows     map[string]state.EffectivePolicy // what is noted
	outcomes map[string]outcome               // what it comes to; nothing for accounts that have left, or are closed
}

func evaluate(ctx context.Context, tx *state.Tx, organizationID string, t *policyType) (e evaluation, err error) {
	if e.change, err = tx.PolicyChange(ctx, organizationID, string(t.name)); err != nil || e.change.Settled() {
		return e, err
	}
	known, err := tx.EffectivePolicies(ctx, organizationID, string(t.name))
	if err != nil {
		return e, err
	}
	tr, err := readTree(ctx, tx, organizationID, t)
	if err != nil {
		return e, err
	}
	e.rows, e.outcomes = map[string]state.EffectivePolicy{}, tr.outcomes(t)
	for _, row := range known {
		e.rows[row.AccountID] = row
		if _, in := e.outcomes[row.AccountID]; !in {
			e.outcomes[row.AccountID] = outcome{}
		}
	}
	return e, nil
}

// changed are the accounts whose rows are to be written, by id.
func (e evaluation) changed(organizationID string, t *policyType) []string {
	return slices.DeleteFunc(slices.Sorted(maps.Keys(e.outcomes)), func(accountID string) bool {
		row, known := e.rows[accountID]
		o := e.outcomes[accountID]
		return !known && o.content == "" && len(o.errors) == 0 || known && same(row, follow(row, organizationID, t, o, 0))
	})
}

func (s *Service) reconcile(ctx context.Context, organizationID string, t *policyType) error {
	var e evaluation
	err := s.DB.View(ctx, func(ctx context.Context, tx *state.Tx) (err error) {
		e, err = evaluate(ctx, tx, organizationID, t)
		return err
	})
	if err != nil || e.change.Settled() {
		return err
	}
	for accounts := range slices.Chunk(e.changed(organizationID, t), batch) {
		if err := s.follow(ctx, organizationID, t, e.change, accounts, e.outcomes); err != nil {
			return err
		}
	}
	return s.DB.Update(ctx, func(ctx context.Context, tx *state.Tx) error {
		return tx.SetPolicyChangeEvaluated(ctx, organizationID, string(t.name), e.change.Number)
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
		return putOutcomes(ctx, tx, organizationID, t, accounts, outcomes)
	})
}

// putOutcomes writes what came of some accounts.
func putOutcomes(ctx context.Context, tx *state.Tx, organizationID string, t *policyType, accounts []string, outcomes map[string]outcome) error {
	for _, accountID := range accounts {
		row, err := tx.EffectivePolicy(ctx, accountID, string(t.name))
		known := err == nil
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
		o := outcomes[accountID]
		if a.OrganizationID != organizationID && row.OrganizationID != organizationID {
			continue // another organization has it, and what is in force is that one's
		}
		next := follow(row, organizationID, t, o, tx.Now)
		if !known && o.content == "" && len(o.errors) == 0 || known && same(row, next) {
			continue
		}
		if err := tx.PutEffectivePolicy(ctx, next); err != nil {
			return err
		}
	}
	return nil
}
