package state

import "context"

// Handshake asks an account for something: to join an organization, to approve all features of its own, or to finalize
// them.
type Handshake struct {
	ID             string // h-…
	OrganizationID string
	Action         string // INVITE, ENABLE_ALL_FEATURES or APPROVE_ALL_FEATURES
	ParentID       string // of an approval: the handshake that finalizes
	TargetType     string // ACCOUNT or EMAIL
	Target         string
	AccountID      string // the account asked
	Notes          string
	State          string // OPEN, ACCEPTED, DECLINED or CANCELED; an OPEN one may have expired
	RequestedAt    Micros
	ExpiresAt      Micros
}

const handshakeColumns = `id, organization_id, action, parent_id, target_type, target, account_id, notes, state, requested_at, expires_at`

func scanHandshake(s scanner) (h Handshake, err error) {
	err = s.Scan(&h.ID, &h.OrganizationID, &h.Action, &h.ParentID, &h.TargetType, &h.Target, &h.AccountID, &h.Notes, &h.State, &h.RequestedAt, &h.ExpiresAt)
	return h, err
}

// InsertHandshake keeps one.
func (tx *Tx) InsertHandshake(ctx context.Context, h Handshake) error {
	_, err := tx.exec(ctx, `INSERT INTO handshakes (`+handshakeColumns+`) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)`,
		h.ID, h.OrganizationID, h.Action, h.ParentID, h.TargetType, h.Target, h.AccountID, h.Notes, h.State, h.RequestedAt, h.ExpiresAt)
	return err
}

// Handshake reads one.
func (tx *Tx) Handshake(ctx context.Context, id string) (Handshake, error) {
	return queryOne(ctx, tx, scanHandshake, `SELECT `+handshakeColumns+` FROM handshakes WHERE id = $1`, id)
}

// HandshakesOfAccount lists what an account is asked, oldest first.
func (tx *Tx) HandshakesOfAccount(ctx context.Context, accountID string) ([]Handshake, error) {
	return queryAll(ctx, tx, scanHandshake, `SELECT `+handshakeColumns+` FROM handshakes
		WHERE account_id = $1 ORDER BY requested_at, id`, accountID)
}

// HandshakesOfOrganization lists what an organization asks for, oldest first.
func (tx *Tx) HandshakesOfOrganization(ctx context.Context, organizationID string) ([]Handshake, error) {
	return queryAll(ctx, tx, scanHandshake, `SELECT `+handshakeColumns+` FROM handshakes
		WHERE organization_id = $1 ORDER BY requested_at, id`, organizationID)
}

// SetHandshakeState moves one on.
func (tx *Tx) SetHandshakeState(ctx context.Context, id, state string) error {
	return tx.execOne(ctx, `UPDATE handshakes SET state = $2 WHERE id = $1`, id, state)
}
