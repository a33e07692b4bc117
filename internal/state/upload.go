package state

import "context"

// Upload is a multipart upload in progress.
type Upload struct {
	ID        string
	BucketID  int64
	Key       string
	Initiated Micros
	Object    Object // the object as it will be, but for content and version
}

// UploadPart is a part of an upload in progress, or of an object that was uploaded in parts.
type UploadPart struct {
	UploadID string
	Number   int64
	Modified Micros
	File     int64
	Size     int64
	ETag     string // MD5 in hex
	Checksum string // base64, of the upload's algorithm
}

const (
	uploadColumns = `id, bucket_id, key, initiated, object`
	partColumns   = `upload_id, number, modified, file, size, etag, checksum`
)

func scanUpload(s scanner) (u Upload, err error) {
	var object JSON[Object]
	err = s.Scan(&u.ID, &u.BucketID, &u.Key, &u.Initiated, &object)
	u.Object = object.V
	return u, err
}

func scanPart(s scanner) (p UploadPart, err error) {
	err = s.Scan(&p.UploadID, &p.Number, &p.Modified, &p.File, &p.Size, &p.ETag, &p.Checksum)
	return p, err
}

// InsertUpload begins an upload.
func (tx *Tx) InsertUpload(ctx context.Context, u Upload) error {
	_, err := tx.exec(ctx, `INSERT INTO uploads (`+uploadColumns+`) VALUES ($1, $2, $3, $4, $5)`,
		u.ID, u.BucketID, u.Key, u.Initiated, JSON[Object]{u.Object})
	return err
}

// Upload reads an upload in progress.
func (tx *Tx) Upload(ctx context.Context, bucketID int64, key, id string) (Upload, error) {
	return queryOne(ctx, tx, scanUpload, `SELECT `+uploadColumns+` FROM uploads WHERE id = $1 AND bucket_id = $2 AND key = $3`, id, bucketID, key)
}

// Uploads reads up to limit uploads in progress of a range, in order of key and id; those of the first key only from the
// one behind afterID.
func (tx *Tx) Uploads(ctx context.Context, r KeyRange, afterID string, limit int) ([]Upload, error) {
	return queryAll(ctx, tx, scanUpload, `SELECT `+uploadColumns+` FROM uploads
		WHERE bucket_id = $1 AND key >= $2 AND key < $3 AND (key > $2 OR id > $4) ORDER BY key, id LIMIT $5`,
		r.BucketID, r.From, r.before(), afterID, limit)
}

// DeleteUpload ends an upload; its parts stay.
func (tx *Tx) DeleteUpload(ctx context.Context, id string) error {
	return tx.execOne(ctx, `DELETE FROM uploads WHERE id = $1`, id)
}

// PutUploadPart adds a part or replaces the one of its number.
func (tx *Tx) PutUploadPart(ctx context.Context, p UploadPart) error {
	_, err := tx.exec(ctx, `INSERT INTO upload_parts (`+partColumns+`) VALUES ($1, $2, $3, $4, $5, $6, $7)
		ON CONFLICT (upload_id, number) DO UPDATE SET modified = excluded.modified, file = excluded.file, size = excluded.size,
		etag = excluded.etag, checksum = excluded.checksum`, p.UploadID, p.Number, p.Modified, p.File, p.Size, p.ETag, p.Checksum)
	return err
}

// UploadPart reads one part.
func (tx *Tx) UploadPart(ctx context.Context, uploadID string, number int64) (UploadPart, error) {
	return queryOne(ctx, tx, scanPart, `SELECT `+partColumns+` FROM upload_parts WHERE upload_id = $1 AND number = $2`, uploadID, number)
}

// UploadParts reads up to limit parts with numbers greater than after, in order.
func (tx *Tx) UploadParts(ctx context.Context, uploadID string, after int64, limit int) ([]UploadPart, error) {
	return queryAll(ctx, tx, scanPart, `SELECT `+partColumns+` FROM upload_parts
		WHERE upload_id = $1 AND number > $2 ORDER BY number LIMIT $3`, uploadID, after, limit)
}

// DeleteUploadPart removes a part.
func (tx *Tx) DeleteUploadPart(ctx context.Context, uploadID string, number int64) error {
	return tx.execOne(ctx, `DELETE FROM upload_parts WHERE upload_id = $1 AND number = $2`, uploadID, number)
}

// DeleteUploadParts removes all parts of an upload or object.
func (tx *Tx) DeleteUploadParts(ctx context.Context, uploadID string) error {
	_, err := tx.exec(ctx, `DELETE FROM upload_parts WHERE upload_id = $1`, uploadID)
	return err
}
