package state

import "context"

// Key is a KMS key without its material. The related keys of a multi-Region key have a row in each Region, with one ID.
type Key struct {
	ID             string // of the ARN: a uuid, or mrk-…
	Region         string
	AccountID      string
	Manager        string // CUSTOMER or AWS
	Spec           string // SYMMETRIC_DEFAULT, RSA_2048, …
	Usage          string // ENCRYPT_DECRYPT, SIGN_VERIFY, …
	Origin         string // AWS_KMS or EXTERNAL
	PrimaryRegion  string // of a multi-Region key; empty for the others
	State          string // Enabled, Disabled, PendingImport, PendingDeletion or PendingReplicaDeletion
	Description    string
	Policy         string
	Tags           map[string]string
	CreatedAt      Micros
	DeletionWindow int // days, while a deletion is pending
	DeletionAt     Micros
	RotationDays   int // period of automatic rotation; 0 when it is off
	NextRotationAt Micros
	ExpiresAt      Micros // when the first of its imported material expires; 0 if none does
}

// KeyMaterial is one generation of a key's secret, wrapped by the root key.
type KeyMaterial struct {
	ID           string // 64 hexadecimal digits, the same in all Regions of a multi-Region key
	KeyID        string
	Region       string
	Sequence     int
	Wrapped      []byte // empty once imported material was deleted or expired
	RotationType string // AUTOMATIC, ON_DEMAND, or empty for the first
	Description  string // of imported material
	Pending      bool   // imported, and not in use until a rotation on demand
	ExpiresAt    Micros // of imported material; 0 if it does not expire
	CreatedAt    Micros
}

const keyColumns = `id, region, account_id, manager, spec, usage, origin, primary_region, state, description, policy, tags,
	created_at, deletion_window, deletion_at, rotation_days, next_rotation_at, expires_at`

func scanKey(s scanner) (k Key, err error) {
	tags := JSON[map[string]string]{}
	err = s.Scan(&k.ID, &k.Region, &k.AccountID, &k.Manager, &k.Spec, &k.Usage, &k.Origin, &k.PrimaryRegion, &k.State,
		&k.Description, &k.Policy, &tags, &k.CreatedAt, &k.DeletionWindow, &k.DeletionAt, &k.RotationDays, &k.NextRotationAt,
		&k.ExpiresAt)
	k.Tags = tags.V
	return k, err
}

// InsertKey adds a key; [ErrExists] if the Region has one of its ID.
func (tx *Tx) InsertKey(ctx context.Context, k Key) error {
	_, err := tx.exec(ctx, `INSERT INTO kms_keys (`+keyColumns+`)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18)`,
		k.ID, k.Region, k.AccountID, k.Manager, k.Spec, k.Usage, k.Origin, k.PrimaryRegion, k.State, k.Description, k.Policy,
		JSON[map[string]string]{k.Tags}, k.CreatedAt, k.DeletionWindow, k.DeletionAt, k.RotationDays, k.NextRotationAt, k.ExpiresAt)
	return err
}

// UpdateKey writes all that can change of a key; [ErrNotFound] if it is gone.
func (tx *Tx) UpdateKey(ctx context.Context, k Key) error {
	return tx.execOne(ctx, `UPDATE kms_keys SET primary_region = $3, state = $4, description = $5, policy = $6, tags = $7,
		deletion_window = $8, deletion_at = $9, rotation_days = $10, next_rotation_at = $11, expires_at = $12
		WHERE id = $1 AND region = $2`,
		k.ID, k.Region, k.PrimaryRegion, k.State, k.Description, k.Policy, JSON[map[string]string]{k.Tags},
		k.DeletionWindow, k.DeletionAt, k.RotationDays, k.NextRotationAt, k.ExpiresAt)
}

// DeleteKey removes a key of one Region with its material, aliases and grants.
func (tx *Tx) DeleteKey(ctx context.Context, region, id string) error {
	return tx.execOne(ctx, `DELETE FROM kms_keys WHERE id = $1 AND region = $2`, id, region)
}

// Key reads a key; [ErrNotFound] if there is none.
func (tx *Tx) Key(ctx context.Context, region, id string) (Key, error) {
	return queryOne(ctx, tx, scanKey, `SELECT `+keyColumns+` FROM kms_keys WHERE id = $1 AND region = $2`, id, region)
}

// RelatedKeys lists the keys of an ID by Region: one, or all of a multi-Region key.
func (tx *Tx) RelatedKeys(ctx context.Context, id string) ([]Key, error) {
	return queryAll(ctx, tx, scanKey, `SELECT `+keyColumns+` FROM kms_keys WHERE id = $1 ORDER BY region`, id)
}

// Keys lists the keys of an account and Region by id, at most limit of them, from the first behind after.
func (tx *Tx) Keys(ctx context.Context, accountID, region, after string, limit int) ([]Key, error) {
	return queryAll(ctx, tx, scanKey, `SELECT `+keyColumns+` FROM kms_keys
		WHERE account_id = $1 AND region = $2 AND id > $3 ORDER BY id LIMIT $4`, accountID, region, after, limit)
}

// KeysDue lists the keys whose deletion, rotation or expiry of material is due.
func (tx *Tx) KeysDue(ctx context.Context, at Micros) ([]Key, error) {
	return queryAll(ctx, tx, scanKey, `SELECT `+keyColumns+` FROM kms_keys
		WHERE (deletion_at > 0 AND deletion_at <= $1) OR (next_rotation_at > 0 AND next_rotation_at <= $1)
		OR (expires_at > 0 AND expires_at <= $1) ORDER BY id, region`, at)
}

const keyMaterialColumns = `id, key_id, region, sequence, wrapped, rotation_type, description, pending, expires_at, created_at`

// InsertKeyMaterial adds a generation of material.
func (tx *Tx) InsertKeyMaterial(ctx context.Context, m KeyMaterial) error {
	_, err := tx.exec(ctx, `INSERT INTO kms_key_materials (`+keyMaterialColumns+`)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)`,
		m.ID, m.KeyID, m.Region, m.Sequence, m.Wrapped, m.RotationType, m.Description, boolean(m.Pending), m.ExpiresAt, m.CreatedAt)
	return err
}

// UpdateKeyMaterial writes all that can change of a generation of material; [ErrNotFound] if it is gone.
func (tx *Tx) UpdateKeyMaterial(ctx context.Context, m KeyMaterial) error {
	return tx.execOne(ctx, `UPDATE kms_key_materials SET wrapped = $3, rotation_type = $4, description = $5, pending = $6,
		expires_at = $7, created_at = $8 WHERE id = $1 AND region = $2`,
		m.ID, m.Region, m.Wrapped, m.RotationType, m.Description, boolean(m.Pending), m.ExpiresAt, m.CreatedAt)
}

// DeleteKeyMaterial removes a generation of material with all memory of it; [ErrNotFound] if it is gone.
func (tx *Tx) DeleteKeyMaterial(ctx context.Context, region, id string) error {
	return tx.execOne(ctx, `DELETE FROM kms_key_materials WHERE id = $1 AND region = $2`, id, region)
}

// KeyMaterials lists a key's material, the first generation first.
func (tx *Tx) KeyMaterials(ctx context.Context, region, keyID string) ([]KeyMaterial, error) {
	return queryAll(ctx, tx, func(s scanner) (m KeyMaterial, err error) {
		err = s.Scan(&m.ID, &m.KeyID, &m.Region, &m.Sequence, &m.Wrapped, &m.RotationType, &m.Description, &m.Pending, &m.ExpiresAt,
			&m.CreatedAt)
		return m, err
	}, `SELECT `+keyMaterialColumns+` FROM kms_key_materials WHERE key_id = $1 AND region = $2 ORDER BY sequence`, keyID, region)
}
