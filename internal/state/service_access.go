package state

import (
	"context"
	"errors"
)

// ServiceAccess is a service with trusted access to an organization.
type ServiceAccess struct {
	Principal string
	EnabledAt Micros
}

// PutServiceAccess gives a service trusted access; it keeps the date of an earlier call.
func (tx *Tx) PutServiceAccess(ctx context.Context, organizationID, principal string, now Micros) error {
	n, err := tx.exec(ctx, `INSERT INTO organization_service_access (organization_id, principal, enabled_at) VALUES ($1, $2, $3)
		ON CONFLICT (organization_id, principal) DO NOTHING`, organizationID, principal, now)
	if err != nil || n == 0 {
		return err
	}
	_, err = tx.exec(ctx, `INSERT INTO organization_service_access_periods (organization_id, principal, begins_at) VALUES ($1, $2, $3)
		ON CONFLICT (organization_id, principal, begins_at) DO UPDATE SET ends_at = 0`, organizationID, principal, now)
	return err
}

// DeleteServiceAccess takes it away; no error if there was none.
func (tx *Tx) DeleteServiceAccess(ctx context.Context, organizationID, principal string) error {
	if _, err := tx.exec(ctx, `DELETE FROM organization_service_access WHERE organization_id = $1 AND principal = $2`, organizationID, principal); err != nil {
		return err
	}
	_, err := tx.exec(ctx, `UPDATE organization_service_access_periods SET ends_at = $3
		WHERE organization_id = $1 AND principal = $2 AND ends_at = 0`, organizationID, principal, tx.Now)
	return err
}

// ServiceAccesses lists the services with trusted access by name.
func (tx *Tx) ServiceAccesses(ctx context.Context, organizationID string) ([]ServiceAccess, error) {
	return queryAll(ctx, tx, func(s scanner) (a ServiceAccess, err error) {
		err = s.Scan(&a.Principal, &a.EnabledAt)
		return a, err
	}, `SELECT principal, enabled_at FROM organization_service_access WHERE organization_id = $1 ORDER BY principal`, organizationID)
}

// HasServiceAccess reports whether a service has trusted access to an organization.
func (tx *Tx) HasServiceAccess(ctx context.Context, organizationID, principal string) (bool, error) {
	_, err := queryOne(ctx, tx, func(s scanner) (at Micros, err error) { return at, s.Scan(&at) },
		`SELECT enabled_at FROM organization_service_access WHERE organization_id = $1 AND principal = $2`, organizationID, principal)
	if errors.Is(err, ErrNotFound) {
		return false, nil
	}
	return err == nil, err
}
