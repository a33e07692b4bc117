package organizations

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"strongroom/internal/state"
)

// fewAccounts is how many accounts a change may concern so that what it comes to is written with it; see
// docs/decisions/0006-effective-policies.md.
const fewAccounts = 500

// unsettledError says that a change is not valid somewhere, while it is not noted yet what was in force there before it.
type unsettledError struct{ organizationID string }

func (e *unsettledError) Error() string {
	return "the changes of policies before this one have not been evaluated in " + e.organizationID
}

// policiesChanged notes that the tree or who is in it has changed, and with it what the enabled types of management
// policy may amount to below some roots, units and accounts. Without any, whoever follows policies is to look again.
func (s *Service) policiesChanged(ctx context.Context, tx *state.Tx, o state.Organization, targets ...string) error {
	enabled, err := tx.PolicyTypes(ctx, o.ID)
	if err != nil {
		return err
	}
	for _, t := range policyTypes {
		if t.management == nil || !slices.Contains(enabled, string(t.name)) {
			continue
		}
		if err := s.policiesOfTypeChanged(ctx, tx, o, t, targets...); err != nil {
			return err
		}
	}
	return nil
}

// policiesOfTypeChanged notes that effective policies of one type may have changed below some targets.
func (s *Service) policiesOfTypeChanged(ctx context.Context, tx *state.Tx, o state.Organization, t *policyType, targets ...string) error {
	before, err := tx.PolicyChange(ctx, o.ID, string(t.name))
	if err != nil {
		return err
	}
	if err := tx.CountPolicyChange(ctx, o.ID, string(t.name)); err != nil {
		return err
	}
	if err := s.followChange(ctx, tx, o, t, before, targets); err != nil {
		return err
	}
	if s.PoliciesChanged == nil {
		return nil
	}
	return s.PoliciesChanged(ctx, tx, o.ID, t.name)
}

// followChange sees to it that what stays in force where a change is not valid is what was valid last, however soon one
// change comes behind another. What comes of few accounts is written with the change. Where there are more, it is left to
// [Service.ReconcileEffectivePolicies]; a change that comes before that is done has nothing to lose where it is valid, and
// otherwise must wait for it.
func (s *Service) followChange(ctx context.Context, tx *state.Tx, o state.Organization, t *policyType, before state.PolicyChange, targets []string) error {
	settled := before.Evaluated == before.Number
	accounts, err := accountsBelow(ctx, tx, o, targets, s.few)
	if err != nil || accounts == nil && settled {
		return err
	}
	var tr *tree
	if accounts != nil {
		tr, err = readBranches(ctx, tx, o, t, accounts)
	} else {
		tr, err = readTree(ctx, tx, o.ID, t)
	}
	if err != nil {
		return err
	}
	outcomes := tr.outcomes(t)
	if !settled {
		for _, out := range outcomes {
			if len(out.errors) > 0 {
				return &unsettledError{o.ID}
			}
		}
	}
	if accounts == nil {
		return nil
	}
	ids := make([]string, len(accounts))
	for i, a := range accounts {
		ids[i] = a.ID
	}
	if err := putOutcomes(ctx, tx, o.ID, t, ids, outcomes); err != nil || !settled {
		return err
	}
	return tx.SetPolicyChangeEvaluated(ctx, o.ID, string(t.name), before.Number+1)
}

// accountsBelow lists the accounts at and below roots, units and accounts, those included that have just left; nil if they
// are more than most.
func accountsBelow(ctx context.Context, tx *state.Tx, o state.Organization, targets []string, most int) ([]state.Account, error) {
	found := map[string]state.Account{}
	for rest := slices.Clone(targets); len(rest) > 0; rest = rest[1:] {
		if accountPattern.MatchString(rest[0]) {
			a, err := tx.Account(ctx, rest[0])
			if err != nil {
				return nil, err
			}
			found[a.ID] = a
		} else {
			accounts, err := tx.AccountsOfParent(ctx, o.ID, rest[0])
			if err != nil {
				return nil, err
			}
			for _, a := range accounts {
				found[a.ID] = a
			}
			units, err := tx.OrganizationalUnits(ctx, o.ID, rest[0])
			if err != nil {
				return nil, err
			}
			for _, u := range units {
				rest = append(rest, u.ID)
			}
		}
		if len(found) > most {
			return nil, nil
		}
	}
	accounts := []state.Account{}
	for _, id := range slices.Sorted(maps.Keys(found)) {
		accounts = append(accounts, found[id])
	}
	return accounts, nil
}

// update makes a change that effective policies can follow from. Where it has to wait for the changes before it to be
// evaluated, that is done first, and what other changes come to meanwhile in the change's own transaction: fn may run twice.
func (s *Service) update(ctx context.Context, fn func(ctx context.Context, tx *state.Tx) error) error {
	err := s.DB.UpdatePrincipals(ctx, fn)
	unsettled, ok := errors.AsType[*unsettledError](err)
	if !ok {
		return err
	}
	managed := slices.DeleteFunc(slices.Clone(policyTypes), func(t *policyType) bool { return t.management == nil })
	for _, t := range managed {
		if err := s.ReconcileEffectivePolicies(ctx, unsettled.organizationID, t.name); err != nil && !errors.Is(err, errOvertaken) {
			return err
		}
	}
	return s.DB.UpdatePrincipals(ctx, func(ctx context.Context, tx *state.Tx) error {
		for _, t := range managed {
			if err := settleWithin(ctx, tx, unsettled.organizationID, t); err != nil {
				return fmt.Errorf("evaluating the policies of type %s in %s: %w", t.name, unsettled.organizationID, err)
			}
		}
		return fn(ctx, tx)
	})
}

// settleWithin evaluates all changes up to now in one transaction.
func settleWithin(ctx context.Context, tx *state.Tx, organizationID string, t *policyType) error {
	e, err := evaluate(ctx, tx, organizationID, t)
	if err != nil || e.change.Number == e.change.Evaluated {
		return err
	}
	if err := putOutcomes(ctx, tx, organizationID, t, e.changed(organizationID, t), e.outcomes); err != nil {
		return err
	}
	return tx.SetPolicyChangeEvaluated(ctx, organizationID, string(t.name), e.change.Number)
}
