package state

import (
	"context"
	"errors"
)

// VolumeSettings is a row of volume_settings: what an account fixed for its volumes in a Region.
type VolumeSettings struct {
	EncryptionByDefault bool
	DefaultKeyARN       string // empty for the managed key alias/aws/ebs
	SnapshotSharing     string // block-all-sharing, block-new-sharing, or empty where snapshots may be public
}

// VolumeSettings reads them; an account that never set any has the zero value.
func (tx *Tx) VolumeSettings(ctx context.Context, account, region string) (VolumeSettings, error) {
	s, err := queryOne(ctx, tx, func(s scanner) (v VolumeSettings, err error) {
		err = s.Scan(&v.EncryptionByDefault, &v.DefaultKeyARN, &v.SnapshotSharing)
		return v, err
	}, `SELECT encryption_by_default, default_key_arn, snapshot_sharing FROM volume_settings
		WHERE account = $1 AND region = $2`,
		account, region)
	if errors.Is(err, ErrNotFound) {
		return VolumeSettings{}, nil
	}
	return s, err
}

// PutVolumeSettings sets them.
func (tx *Tx) PutVolumeSettings(ctx context.Context, account, region string, s VolumeSettings) error {
	_, err := tx.exec(ctx, `INSERT INTO volume_settings (account, region, encryption_by_default, default_key_arn, snapshot_sharing)
		VALUES ($1, $2, $3, $4, $5)
		ON CONFLICT (account, region) DO UPDATE SET
			encryption_by_default = excluded.encryption_by_default, default_key_arn = excluded.default_key_arn,
			snapshot_sharing = excluded.snapshot_sharing`,
		account, region, bit(s.EncryptionByDefault), s.DefaultKeyARN, s.SnapshotSharing)
	return err
}
