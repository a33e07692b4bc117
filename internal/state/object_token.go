package state

import "context"

// InsertObjectToken notes that the write named by token made a version; [ErrExists] if it was made before.
func (tx *Tx) InsertObjectToken(ctx context.Context, token, versionID string) error {
	_, err := tx.exec(ctx, `INSERT INTO object_tokens (token, version_id) VALUES ($1, $2)`, token, versionID)
	return err
}

// ObjectToken reads the version that the write named by token made; [ErrNotFound] if it was not made.
func (tx *Tx) ObjectToken(ctx context.Context, token string) (versionID string, err error) {
	return queryOne(ctx, tx, func(s scanner) (id string, err error) {
		err = s.Scan(&id)
		return id, err
	}, `SELECT version_id FROM object_tokens WHERE token = $1`, token)
}

// DeleteObjectTokens forgets the writes of a job.
func (tx *Tx) DeleteObjectTokens(ctx context.Context, jobID string) error {
	_, err := tx.exec(ctx, `DELETE FROM object_tokens WHERE token > $1 AND token < $2`, jobID+"/", jobID+"0") // 0 follows /
	return err
}
