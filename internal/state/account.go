package state

import "context"

// Account is one account of the house, alone or in an organization.
type Account struct {
	ID             string
	Name           string
	Email          string
	Status         string // ACTIVE or SUSPENDED
	CreatedAt      Micros
	OrganizationID string // empty for a standalone account
	ParentID       string // root or organizational unit
	JoinedMethod   string // CREATED or INVITED
	JoinedAt       Micros
	ClosedAt       Micros // 0 for one that was never closed
}

const accountColumns = `id, name, email, status, created_at, organization_id, parent_id, joined_method, joined_at, closed_at`

func scanAccount(s scanner) (a Account, err error) {
	err = s.Scan(&a.ID, &a.Name, &a.Email, &a.Status, &a.CreatedAt, &a.OrganizationID, &a.ParentID, &a.JoinedMethod, &a.JoinedAt, &a.ClosedAt)
	return a, err
}

// Account reads one account.
func (tx *Tx) Account(ctx context.Context, id string) (Account, error) {
	return queryOne(ctx, tx, scanAccount, `SELECT `+accountColumns+` FROM accounts WHERE id = $1`, id)
}

// AccountByEmail reads the account with that address, which is in lower case.
func (tx *Tx) AccountByEmail(ctx context.Context, email string) (Account, error) {
	return queryOne(ctx, tx, scanAccount, `SELECT `+accountColumns+` FROM accounts WHERE email = $1`, email)
}

// Accounts lists all accounts of the house by id.
func (tx *Tx) Accounts(ctx context.Context) ([]Account, error) {
	return queryAll(ctx, tx, scanAccount, `SELECT `+accountColumns+` FROM accounts ORDER BY id`)
}

// AccountsOfOrganization lists an organization's accounts by id.
func (tx *Tx) AccountsOfOrganization(ctx context.Context, organizationID string) ([]Account, error) {
	return queryAll(ctx, tx, scanAccount, `SELECT `+accountColumns+` FROM accounts WHERE organization_id = $1 ORDER BY id`, organizationID)
}

// AccountsOfParent lists the accounts directly in a root or organizational unit by id.
func (tx *Tx) AccountsOfParent(ctx context.Context, organizationID, parentID string) ([]Account, error) {
	return queryAll(ctx, tx, scanAccount, `SELECT `+accountColumns+` FROM accounts
		WHERE organization_id = $1 AND parent_id = $2 ORDER BY id`, organizationID, parentID)
}

// ClosedAccounts lists the accounts of organizations that were closed before a time, by id.
func (tx *Tx) ClosedAccounts(ctx context.Context, before Micros) ([]Account, error) {
	return queryAll(ctx, tx, scanAccount, `SELECT `+accountColumns+` FROM accounts
		WHERE closed_at > 0 AND closed_at <= $1 AND organization_id <> '' ORDER BY id`, before)
}

// InsertAccount adds an account; [ErrExists] if the id or the address is taken.
func (tx *Tx) InsertAccount(ctx context.Context, a Account) error {
	_, err := tx.exec(ctx, `INSERT INTO accounts (`+accountColumns+`) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)`,
		a.ID, a.Name, a.Email, a.Status, a.CreatedAt, a.OrganizationID, a.ParentID, a.JoinedMethod, a.JoinedAt, a.ClosedAt)
	return err
}

// UpdateAccount writes all that can change of an account.
func (tx *Tx) UpdateAccount(ctx context.Context, a Account) error {
	return tx.execOne(ctx, `UPDATE accounts SET name = $2, email = $3, status = $4, organization_id = $5, parent_id = $6,
		joined_method = $7, joined_at = $8, closed_at = $9 WHERE id = $1`,
		a.ID, a.Name, a.Email, a.Status, a.OrganizationID, a.ParentID, a.JoinedMethod, a.JoinedAt, a.ClosedAt)
}
