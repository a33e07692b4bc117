package state

import (
	"context"
	"errors"
)

// DelegatedAdministrator is a member that administers a service for its organization.
type DelegatedAdministrator struct {
	OrganizationID string `db:"organization_id"`
	AccountID      string `db:"account_id"`
	Principal      string `db:"principal"` // backup.amazonaws.com
	EnabledAt      Micros `db:"enabled_at"`
}

const delegatedAdministrators = "delegated_administrators"

// InsertDelegatedAdministrator registers one; [ErrExists] if it is.
func (tx *Tx) InsertDelegatedAdministrator(ctx context.Context, d DelegatedAdministrator) error {
	return insertRow(ctx, tx, delegatedAdministrators, d)
}

// DeleteDelegatedAdministrator takes one back; [ErrNotFound] if it is none.
func (tx *Tx) DeleteDelegatedAdministrator(ctx context.Context, organizationID, accountID, principal string) error {
	return tx.execOne(ctx, `DELETE FROM delegated_administrators
		WHERE organization_id = $1 AND account_id = $2 AND principal = $3`, organizationID, accountID, principal)
}

// DeleteDelegatedAdministrators takes all of a service back.
func (tx *Tx) DeleteDelegatedAdministrators(ctx context.Context, organizationID, principal string) error {
	_, err := tx.exec(ctx, `DELETE FROM delegated_administrators WHERE organization_id = $1 AND principal = $2`, organizationID, principal)
	return err
}

// DelegatedAdministrators lists them by account and service: those of one service, or all where principal is "".
func (tx *Tx) DelegatedAdministrators(ctx context.Context, organizationID, principal string) ([]DelegatedAdministrator, error) {
	return selectWhere[DelegatedAdministrator](ctx, tx, delegatedAdministrators,
		new(filter).eq("organization_id", organizationID).eq("principal", principal), "ORDER BY account_id, principal")
}

// DelegatedServices lists what a member administers by service.
func (tx *Tx) DelegatedServices(ctx context.Context, organizationID, accountID string) ([]DelegatedAdministrator, error) {
	return selectWhere[DelegatedAdministrator](ctx, tx, delegatedAdministrators,
		new(filter).eq("organization_id", organizationID).eq("account_id", accountID), "ORDER BY principal")
}

// ResourcePolicy is what an organization lets its members do with it.
type ResourcePolicy struct {
	OrganizationID string `db:"organization_id"`
	ID             string `db:"id"`      // rp-…
	Content        string `db:"content"` // JSON
}

const resourcePolicies = "organization_resource_policies"

// OrganizationResourcePolicy reads an organization's; the zero value if it has none.
func (tx *Tx) OrganizationResourcePolicy(ctx context.Context, organizationID string) (ResourcePolicy, error) {
	p, err := queryOne(ctx, tx, scanRow[ResourcePolicy], selectRow[ResourcePolicy](resourcePolicies)+`WHERE organization_id = $1`, organizationID)
	if errors.Is(err, ErrNotFound) {
		return ResourcePolicy{}, nil
	}
	return p, err
}

// PutOrganizationResourcePolicy adds or replaces it.
func (tx *Tx) PutOrganizationResourcePolicy(ctx context.Context, p ResourcePolicy) error {
	_, err := tx.exec(ctx, `INSERT INTO organization_resource_policies (organization_id, id, content) VALUES ($1, $2, $3)
		ON CONFLICT (organization_id) DO UPDATE SET content = excluded.content`, p.OrganizationID, p.ID, p.Content)
	return err
}

// DeleteOrganizationResourcePolicy removes it; [ErrNotFound] if there is none.
func (tx *Tx) DeleteOrganizationResourcePolicy(ctx context.Context, organizationID string) error {
	return tx.execOne(ctx, `DELETE FROM organization_resource_policies WHERE organization_id = $1`, organizationID)
}
