package state

import "context"

// PrincipalUse is the last time that a user or role called an action.
type PrincipalUse struct {
	AccountID   string `db:"account_id"`
	PrincipalID string `db:"principal_id"` // AIDA… or AROA…
	Service     string `db:"service"`      // as in actions: kms
	Action      string `db:"action"`       // Encrypt
	Region      string `db:"region"`
	UsedAt      Micros `db:"used_at"`
}

// PutPrincipalUse keeps a use, unless a later one of the same action is kept.
func (tx *Tx) PutPrincipalUse(ctx context.Context, u PrincipalUse) error {
	_, err := tx.exec(ctx, `INSERT INTO principal_uses (account_id, principal_id, service, action, region, used_at)
		VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (account_id, principal_id, service, action)
		DO UPDATE SET region = excluded.region, used_at = excluded.used_at WHERE excluded.used_at >= principal_uses.used_at`,
		u.AccountID, u.PrincipalID, u.Service, u.Action, u.Region, u.UsedAt)
	return err
}

// PrincipalUses lists what a user or role called, by service and action.
func (tx *Tx) PrincipalUses(ctx context.Context, accountID, principalID string) ([]PrincipalUse, error) {
	return queryAll(ctx, tx, scanRow[PrincipalUse], selectRow[PrincipalUse]("principal_uses")+
		"WHERE account_id = $1 AND principal_id = $2 ORDER BY service, action", accountID, principalID)
}

// LastPrincipalUse is the latest of them; [ErrNotFound] if there is none.
func (tx *Tx) LastPrincipalUse(ctx context.Context, accountID, principalID string) (PrincipalUse, error) {
	return queryOne(ctx, tx, scanRow[PrincipalUse], selectRow[PrincipalUse]("principal_uses")+
		"WHERE account_id = $1 AND principal_id = $2 ORDER BY used_at DESC LIMIT 1", accountID, principalID)
}

// AccessKeyUse is the last time that a key signed a request.
type AccessKeyUse struct {
	ID      string `db:"id"`
	Service string `db:"service"`
	Region  string `db:"region"`
	UsedAt  Micros `db:"used_at"`
}

// PutAccessKeyUse keeps a use, unless a later one is kept or the key is gone.
func (tx *Tx) PutAccessKeyUse(ctx context.Context, u AccessKeyUse) error {
	_, err := tx.exec(ctx, `INSERT INTO access_key_uses (id, service, region, used_at)
		SELECT id, $2, $3, $4 FROM access_keys WHERE id = $1 ON CONFLICT (id)
		DO UPDATE SET service = excluded.service, region = excluded.region, used_at = excluded.used_at
		WHERE excluded.used_at >= access_key_uses.used_at`, u.ID, u.Service, u.Region, u.UsedAt)
	return err
}

// AccessKeyUse reads a key's last use; [ErrNotFound] if it was never used.
func (tx *Tx) AccessKeyUse(ctx context.Context, id string) (AccessKeyUse, error) {
	return queryOne(ctx, tx, scanRow[AccessKeyUse], selectRow[AccessKeyUse]("access_key_uses")+"WHERE id = $1", id)
}
