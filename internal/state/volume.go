package state

import "context"

// Volume is a row of volumes: an EBS volume. The bytes lie in files beside the database.
type Volume struct {
	ID               string
	AccountID        string
	Region           string
	AvailabilityZone string
	State            string // creating, available, deleting, error
	SizeGiB          int64
	Type             string
	IOPS             int64
	Throughput       int64
	MultiAttach      bool
	KeyARN           string // empty for an unencrypted volume
	WrappedKey       []byte
	GrantID          string
	SnapshotID       string
	Created          Micros
	ClientToken      string
	RequestDigest    string
	Tags             map[string]string
	AutoEnableIO     bool
	Failure          string // why its state is error
}

const volumeColumns = `id, account, region, availability_zone, state, size_gib, type, iops, throughput, multi_attach,
	key_arn, wrapped_key, grant_id, snapshot_id, created, client_token, request_digest, tags,
	auto_enable_io, failure`

func scanVolume(s scanner) (Volume, error) {
	var v Volume
	var tags JSON[map[string]string]
	err := s.Scan(&v.ID, &v.AccountID, &v.Region, &v.AvailabilityZone, &v.State, &v.SizeGiB, &v.Type, &v.IOPS,
		&v.Throughput, &v.MultiAttach, &v.KeyARN, &v.WrappedKey, &v.GrantID, &v.SnapshotID, &v.Created, &v.ClientToken,
		&v.RequestDigest, &tags, &v.AutoEnableIO, &v.Failure)
	v.Tags = tags.V
	return v, err
}

// InsertVolume enters a new volume; [ErrExists] if its id or its client token is taken.
func (tx *Tx) InsertVolume(ctx context.Context, v Volume) error {
	_, err := tx.exec(ctx, `INSERT INTO volumes (`+volumeColumns+`)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20)`,
		v.ID, v.AccountID, v.Region, v.AvailabilityZone, v.State, v.SizeGiB, v.Type, v.IOPS, v.Throughput,
		bit(v.MultiAttach), v.KeyARN, v.WrappedKey, v.GrantID, v.SnapshotID, v.Created, v.ClientToken, v.RequestDigest,
		JSON[map[string]string]{v.Tags}, bit(v.AutoEnableIO), v.Failure)
	return err
}

// Volume reads a volume by id, whosever it is.
func (tx *Tx) Volume(ctx context.Context, id string) (Volume, error) {
	return queryOne(ctx, tx, scanVolume, `SELECT `+volumeColumns+` FROM volumes WHERE id = $1`, id)
}

// VolumeByToken reads the volume that was created with an idempotency token.
func (tx *Tx) VolumeByToken(ctx context.Context, account, region, token string) (Volume, error) {
	return queryOne(ctx, tx, scanVolume, `SELECT `+volumeColumns+` FROM volumes
		WHERE account = $1 AND region = $2 AND client_token = $3`, account, region, token)
}

// Volumes lists an account's volumes in a Region by id.
func (tx *Tx) Volumes(ctx context.Context, account, region string) ([]Volume, error) {
	return queryAll(ctx, tx, scanVolume, `SELECT `+volumeColumns+` FROM volumes
		WHERE account = $1 AND region = $2 ORDER BY id`, account, region)
}

// VolumesInState lists the volumes of all accounts that are in a state, to go on with them after a start.
func (tx *Tx) VolumesInState(ctx context.Context, state string) ([]Volume, error) {
	return queryAll(ctx, tx, scanVolume, `SELECT `+volumeColumns+` FROM volumes WHERE state = $1 ORDER BY id`, state)
}

// SetVolumeState moves a volume from one state to another; [ErrNotFound] if it is not in the first.
func (tx *Tx) SetVolumeState(ctx context.Context, id, from, to string) error {
	return tx.execOne(ctx, `UPDATE volumes SET state = $1 WHERE id = $2 AND state = $3`, to, id, from)
}

// FailVolume moves a volume that is being created to the state error, for a reason; [ErrNotFound] if it is not being created.
func (tx *Tx) FailVolume(ctx context.Context, id, reason string) error {
	return tx.execOne(ctx, `UPDATE volumes SET state = 'error', failure = $1 WHERE id = $2 AND state = 'creating'`, reason, id)
}

// SetVolumeShape changes what ModifyVolume may change.
func (tx *Tx) SetVolumeShape(ctx context.Context, v Volume) error {
	return tx.execOne(ctx, `UPDATE volumes SET size_gib = $1, type = $2, iops = $3, throughput = $4, multi_attach = $5
		WHERE id = $6`, v.SizeGiB, v.Type, v.IOPS, v.Throughput, bit(v.MultiAttach), v.ID)
}

// SetVolumeTags replaces a volume's tags.
func (tx *Tx) SetVolumeTags(ctx context.Context, id string, tags map[string]string) error {
	return tx.execOne(ctx, `UPDATE volumes SET tags = $1 WHERE id = $2`, JSON[map[string]string]{tags}, id)
}

// SetVolumeAutoEnableIO changes the attribute of that name.
func (tx *Tx) SetVolumeAutoEnableIO(ctx context.Context, id string, on bool) error {
	return tx.execOne(ctx, `UPDATE volumes SET auto_enable_io = $1 WHERE id = $2`, bit(on), id)
}

// DeleteVolume removes the row, and what is known of the volume's modifications.
func (tx *Tx) DeleteVolume(ctx context.Context, id string) error {
	if _, err := tx.exec(ctx, `DELETE FROM volume_modifications WHERE volume_id = $1`, id); err != nil {
		return err
	}
	return tx.execOne(ctx, `DELETE FROM volumes WHERE id = $1`, id)
}

// bit is a claim as columns hold it.
func bit(claim bool) int64 {
	if claim {
		return 1
	}
	return 0
}
