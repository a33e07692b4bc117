package state

import (
	"context"
	"errors"
)

// EffectivePolicy is what the policies of a type amount to for an account.
type EffectivePolicy struct {
	AccountID      string                 `db:"account_id"`
	Type           string                 `db:"type"` // BACKUP_POLICY or TAG_POLICY
	OrganizationID string                 `db:"organization_id"`
	Content        string                 `db:"content"`      // what is in force: JSON of the last that was valid, "" for none
	Version        int64                  `db:"version"`      // counts the changes of Content
	Applied        int64                  `db:"applied"`      // the version that the account's plans have been made from
	UpdatedAt      Micros                 `db:"updated_at"`   // when Content last changed
	Invalid        bool                   `db:"invalid"`      // what the policies amount to now is not valid, and not in force
	Errors         []EffectivePolicyError `db:"errors,json"`  // why
	EvaluatedAt    Micros                 `db:"evaluated_at"` // when Invalid and Errors last changed
}

// EffectivePolicyError is one reason why an effective policy is not valid.
type EffectivePolicyError struct {
	Code         string   `json:"code"` // ELEMENTS_TOO_MANY, KEY_REQUIRED …
	Message      string   `json:"message"`
	Path         string   `json:"path"`
	Contributing []string `json:"contributing"` // ids of policies
}

const effectivePolicies = "effective_policies"

// EffectivePolicy reads what is in force for an account; [ErrNotFound] if it never had a policy of the type.
func (tx *Tx) EffectivePolicy(ctx context.Context, accountID, policyType string) (EffectivePolicy, error) {
	return queryOne(ctx, tx, scanRow[EffectivePolicy], selectRow[EffectivePolicy](effectivePolicies)+
		`WHERE account_id = $1 AND type = $2`, accountID, policyType)
}

// EffectivePolicies lists what is in force in an organization by account. Accounts that have left it are listed until
// what they had of it is undone.
func (tx *Tx) EffectivePolicies(ctx context.Context, organizationID, policyType string) ([]EffectivePolicy, error) {
	return queryAll(ctx, tx, scanRow[EffectivePolicy], selectRow[EffectivePolicy](effectivePolicies)+
		`WHERE organization_id = $1 AND type = $2 ORDER BY account_id`, organizationID, policyType)
}

// UnappliedEffectivePolicies lists, by account, at most limit policies whose content has changed since the account's
// plans were made from it, behind the account that is given.
func (tx *Tx) UnappliedEffectivePolicies(ctx context.Context, organizationID, policyType, after string, limit int) ([]EffectivePolicy, error) {
	return queryAll(ctx, tx, scanRow[EffectivePolicy], selectRow[EffectivePolicy](effectivePolicies)+
		`WHERE organization_id = $1 AND type = $2 AND version <> applied AND account_id > $3 ORDER BY account_id LIMIT $4`,
		organizationID, policyType, after, limit)
}

// SetEffectivePolicyApplied notes which version the account's plans have been made from, and forgets an account that has
// left and has nothing of its organization any more.
func (tx *Tx) SetEffectivePolicyApplied(ctx context.Context, accountID, policyType string, version int64) error {
	if err := tx.execOne(ctx, `UPDATE effective_policies SET applied = $3 WHERE account_id = $1 AND type = $2`, accountID, policyType, version); err != nil {
		return err
	}
	_, err := tx.exec(ctx, `DELETE FROM effective_policies WHERE account_id = $1 AND type = $2 AND content = '' AND version = applied
		AND NOT EXISTS (SELECT 1 FROM accounts WHERE id = $1 AND accounts.organization_id = effective_policies.organization_id)`, accountID, policyType)
	return err
}

// PutEffectivePolicy adds or replaces a row.
func (tx *Tx) PutEffectivePolicy(ctx context.Context, p EffectivePolicy) error {
	n, err := updateRow(ctx, tx, effectivePolicies, p, new(filter).eq("account_id", p.AccountID).eq("type", p.Type))
	if err != nil || n > 0 {
		return err
	}
	return insertRow(ctx, tx, effectivePolicies, p)
}

// PolicyChange counts what happened to the effective policies of a type in an organization.
type PolicyChange struct {
	Number    int64  // counts the changes
	ChangedAt Micros // of the last change
	Evaluated int64  // the change that the effective policies have been brought up to
}

// Settled reports whether there were changes and all are evaluated. An organization that is gone has none.
func (c PolicyChange) Settled() bool { return c.Number > 0 && c.Evaluated == c.Number }

// PolicyChange reads the count; zero if nothing has changed yet.
func (tx *Tx) PolicyChange(ctx context.Context, organizationID, policyType string) (PolicyChange, error) {
	c, err := queryOne(ctx, tx, func(s scanner) (c PolicyChange, err error) {
		err = s.Scan(&c.Number, &c.ChangedAt, &c.Evaluated)
		return c, err
	}, `SELECT number, changed_at, evaluated FROM organization_policy_changes WHERE organization_id = $1 AND type = $2`, organizationID, policyType)
	if errors.Is(err, ErrNotFound) {
		return PolicyChange{}, nil
	}
	return c, err
}

// CountPolicyChange counts one more change.
func (tx *Tx) CountPolicyChange(ctx context.Context, organizationID, policyType string) error {
	_, err := tx.exec(ctx, `INSERT INTO organization_policy_changes (organization_id, type, number, changed_at, evaluated)
		VALUES ($1, $2, 1, $3, 0)
		ON CONFLICT (organization_id, type) DO UPDATE SET number = organization_policy_changes.number + 1, changed_at = excluded.changed_at`,
		organizationID, policyType, tx.Now)
	return err
}

// SetPolicyChangeEvaluated notes that the effective policies are those of a change.
func (tx *Tx) SetPolicyChangeEvaluated(ctx context.Context, organizationID, policyType string, number int64) error {
	_, err := tx.exec(ctx, `UPDATE organization_policy_changes SET evaluated = $3
		WHERE organization_id = $1 AND type = $2 AND evaluated < $3`, organizationID, policyType, number)
	return err
}

// InvalidEffectivePolicies lists, by account, the policies of an organization that amount to nothing valid.
func (tx *Tx) InvalidEffectivePolicies(ctx context.Context, organizationID, policyType string) ([]EffectivePolicy, error) {
	return queryAll(ctx, tx, scanRow[EffectivePolicy], selectRow[EffectivePolicy](effectivePolicies)+
		`WHERE organization_id = $1 AND type = $2 AND invalid ORDER BY account_id`, organizationID, policyType)
}
