package state

import "context"

// CreateAccountRequest is a call of CreateAccount and what became of it.
type CreateAccountRequest struct {
	ID             string // car-…
	OrganizationID string
	AccountName    string
	State          string // IN_PROGRESS, SUCCEEDED or FAILED
	AccountID      string
	FailureReason  string
	RequestedAt    Micros
	CompletedAt    Micros
}

const createAccountColumns = `id, organization_id, account_name, state, account_id, failure_reason, requested_at, completed_at`

func scanCreateAccount(s scanner) (r CreateAccountRequest, err error) {
	err = s.Scan(&r.ID, &r.OrganizationID, &r.AccountName, &r.State, &r.AccountID, &r.FailureReason, &r.RequestedAt, &r.CompletedAt)
	return r, err
}

// InsertCreateAccountRequest keeps a request.
func (tx *Tx) InsertCreateAccountRequest(ctx context.Context, r CreateAccountRequest) error {
	_, err := tx.exec(ctx, `INSERT INTO create_account_requests (`+createAccountColumns+`) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`,
		r.ID, r.OrganizationID, r.AccountName, r.State, r.AccountID, r.FailureReason, r.RequestedAt, r.CompletedAt)
	return err
}

// CreateAccountRequest reads one request of an organization.
func (tx *Tx) CreateAccountRequest(ctx context.Context, organizationID, id string) (CreateAccountRequest, error) {
	return queryOne(ctx, tx, scanCreateAccount, `SELECT `+createAccountColumns+` FROM create_account_requests
		WHERE organization_id = $1 AND id = $2`, organizationID, id)
}

// MadeInOrganization reports whether an account was made by a request of the organization.
func (tx *Tx) MadeInOrganization(ctx context.Context, organizationID, accountID string) (bool, error) {
	n, err := queryOne(ctx, tx, scanCount, `SELECT COUNT(*) FROM create_account_requests WHERE organization_id = $1 AND account_id = $2`,
		organizationID, accountID)
	return n > 0, err
}

// CreateAccountRequests lists an organization's requests, oldest first.
func (tx *Tx) CreateAccountRequests(ctx context.Context, organizationID string) ([]CreateAccountRequest, error) {
	return queryAll(ctx, tx, scanCreateAccount, `SELECT `+createAccountColumns+` FROM create_account_requests
		WHERE organization_id = $1 ORDER BY requested_at, id`, organizationID)
}
