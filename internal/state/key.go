package state

import "context"

// Key is a KMS key without its material.
type Key struct {
	ID             string // the uuid of the ARN
	AccountID      string
	Region         string
	Manager        string // CUSTOMER or AWS
	State          string // Enabled, Disabled or PendingDeletion
	Description    string
	Policy         string
	Tags           map[string]string
	CreatedAt      Micros
	DeletionWindow int // days, while pending deletion
	DeletionAt     Micros
	RotationDays   int // period of automatic rotation; 0 when it is off
	NextRotationAt Micros
}

// KeyMaterial is one generation of a key's secret, wrapped by the root key.
type KeyMaterial struct {
	ID           string // 64 hexadecimal digits
	KeyID        string
	Sequence     int
	Wrapped      []byte
	RotationType string // AUTOMATIC, ON_DEMAND, or empty for the first
	CreatedAt    Micros
}

const keyColumns = `id, account_id, region, manager, state, description, policy, tags, created_at, deletion_window,
	deletion_at, rotation_days, next_rotation_at`

func scanKey(s scanner) (k Key, err error) {
	tags := JSON[map[string]string]{}
	err = s.Scan(&k.ID, &k.AccountID, &k.Region, &k.Manager, &k.State, &k.Description, &k.Policy, &tags, &k.CreatedAt,
		&k.DeletionWindow, &k.DeletionAt, &k.RotationDays, &k.NextRotationAt)
	k.Tags = tags.V
	return k, err
}

// InsertKey adds a key.
func (tx *Tx) InsertKey(ctx context.Context, k Key) error {
	_, err := tx.exec(ctx, `INSERT INTO kms_keys (`+keyColumns+`)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)`,
		k.ID, k.AccountID, k.Region, k.Manager, k.State, k.Description, k.Policy, JSON[map[string]string]{k.Tags}, k.CreatedAt,
		k.DeletionWindow, k.DeletionAt, k.RotationDays, k.NextRotationAt)
	return err
}

// UpdateKey writes all that can change of a key; [ErrNotFound] if it is gone.
func (tx *Tx) UpdateKey(ctx context.Context, k Key) error {
	return tx.execOne(ctx, `UPDATE kms_keys SET state = $2, description = $3, policy = $4, tags = $5, deletion_window = $6,
		deletion_at = $7, rotation_days = $8, next_rotation_at = $9 WHERE id = $1`,
		k.ID, k.State, k.Description, k.Policy, JSON[map[string]string]{k.Tags}, k.DeletionWindow, k.DeletionAt,
		k.RotationDays, k.NextRotationAt)
}

// DeleteKey removes a key with its material, aliases and grants.
func (tx *Tx) DeleteKey(ctx context.Context, id string) error {
	return tx.execOne(ctx, `DELETE FROM kms_keys WHERE id = $1`, id)
}

// Key reads a key; [ErrNotFound] if there is none.
func (tx *Tx) Key(ctx context.Context, id string) (Key, error) {
	return queryOne(ctx, tx, scanKey, `SELECT `+keyColumns+` FROM kms_keys WHERE id = $1`, id)
}

// Keys lists the keys of an account and Region by id, at most limit of them, from the first behind after.
func (tx *Tx) Keys(ctx context.Context, accountID, region, after string, limit int) ([]Key, error) {
	return queryAll(ctx, tx, scanKey, `SELECT `+keyColumns+` FROM kms_keys
		WHERE account_id = $1 AND region = $2 AND id > $3 ORDER BY id LIMIT $4`, accountID, region, after, limit)
}

// KeysDue lists the keys whose deletion or rotation is due.
func (tx *Tx) KeysDue(ctx context.Context, at Micros) ([]Key, error) {
	return queryAll(ctx, tx, scanKey, `SELECT `+keyColumns+` FROM kms_keys
		WHERE (deletion_at > 0 AND deletion_at <= $1) OR (next_rotation_at > 0 AND next_rotation_at <= $1) ORDER BY id`, at)
}

// InsertKeyMaterial adds a generation of material.
func (tx *Tx) InsertKeyMaterial(ctx context.Context, m KeyMaterial) error {
	_, err := tx.exec(ctx, `INSERT INTO kms_key_materials (id, key_id, sequence, wrapped, rotation_type, created_at)
		VALUES ($1, $2, $3, $4, $5, $6)`, m.ID, m.KeyID, m.Sequence, m.Wrapped, m.RotationType, m.CreatedAt)
	return err
}

// KeyMaterials lists a key's material, the first generation first.
func (tx *Tx) KeyMaterials(ctx context.Context, keyID string) ([]KeyMaterial, error) {
	return queryAll(ctx, tx, func(s scanner) (m KeyMaterial, err error) {
		err = s.Scan(&m.ID, &m.KeyID, &m.Sequence, &m.Wrapped, &m.RotationType, &m.CreatedAt)
		return m, err
	}, `SELECT id, key_id, sequence, wrapped, rotation_type, created_at FROM kms_key_materials
		WHERE key_id = $1 ORDER BY sequence`, keyID)
}
