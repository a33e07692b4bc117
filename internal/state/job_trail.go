package state

import (
	"context"
	"encoding/json"

	"strongroom/rules"
)

// The trail of a job is what every gate said of it. It is written in the transaction that ends the job, and read by nobody
// but those who ask why; so it is no part of the job's row.

// SetBackupJobTrail writes the trail of a backup job.
func (tx *Tx) SetBackupJobTrail(ctx context.Context, id string, t rules.Trail) error {
	return tx.setTrail(ctx, `UPDATE backup_jobs SET trail = $1 WHERE id = $2`, id, t)
}

// SetCopyJobTrail writes the trail of a copy job.
func (tx *Tx) SetCopyJobTrail(ctx context.Context, id string, t rules.Trail) error {
	return tx.setTrail(ctx, `UPDATE copy_jobs SET trail = $1 WHERE id = $2`, id, t)
}

// SetRestoreJobTrail writes the trail of a restore job.
func (tx *Tx) SetRestoreJobTrail(ctx context.Context, id string, t rules.Trail) error {
	return tx.setTrail(ctx, `UPDATE restore_jobs SET trail = $1 WHERE id = $2`, id, t)
}

func (tx *Tx) setTrail(ctx context.Context, query, id string, t rules.Trail) error {
	if t == nil {
		t = rules.Trail{}
	}
	text, err := json.Marshal(t)
	if err != nil {
		return err
	}
	_, err = tx.exec(ctx, query, string(text), id)
	return err
}

// BackupJobTrail reads the trail of a backup job; [ErrNotFound] if there is no such job.
func (tx *Tx) BackupJobTrail(ctx context.Context, id string) (rules.Trail, error) {
	return queryOne(ctx, tx, scanTrail, `SELECT trail FROM backup_jobs WHERE id = $1`, id)
}

// CopyJobTrail reads the trail of a copy job; [ErrNotFound] if there is no such job.
func (tx *Tx) CopyJobTrail(ctx context.Context, id string) (rules.Trail, error) {
	return queryOne(ctx, tx, scanTrail, `SELECT trail FROM copy_jobs WHERE id = $1`, id)
}

// RestoreJobTrail reads the trail of a restore job; [ErrNotFound] if there is no such job.
func (tx *Tx) RestoreJobTrail(ctx context.Context, id string) (rules.Trail, error) {
	return queryOne(ctx, tx, scanTrail, `SELECT trail FROM restore_jobs WHERE id = $1`, id)
}

func scanTrail(s scanner) (t rules.Trail, err error) {
	err = s.Scan(&jsonColumn{&t})
	return t, err
}
