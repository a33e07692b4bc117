package state

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
)

// NullVersion is the version id of an object that was written while its bucket was not versioned.
const NullVersion = "null"

// ObjectVersion is what listings show of a version of an object, or of a delete marker.
type ObjectVersion struct {
	BucketID          int64
	Key               string
	Modified          Micros // unique within the key, and later than of every older version
	VersionID         string
	DeleteMarker      bool
	Size              int64
	ETag              string // without quotes
	StorageClass      string
	ChecksumAlgorithm string
	ChecksumType      string
	Checksum          string
	Changed           int64  // counts changes of tags and ACL
	Owner             string // account id
	Tags              map[string]string
	ACL               string // JSON; "" for full control of the owner alone
	Lock              ObjectLock
	Restored          ObjectRestore
}

// ObjectLock keeps a version from being deleted.
type ObjectLock struct {
	Mode  string `json:",omitempty"` // GOVERNANCE or COMPLIANCE; "" for no retention
	Until Micros `json:",omitempty"` // end of the retention
	Hold  string `json:",omitempty"` // legal hold: ON, OFF; "" where none was ever set
}

// ObjectRestore is the restore of an object of an archival storage class.
type ObjectRestore struct {
	Ready   Micros `json:",omitempty"` // from when the object can be read; 0 where it was never restored
	Expires Micros `json:",omitempty"` // until when
}

// Object is a version of an object with all that is needed to read it.
type Object struct {
	ObjectVersion
	File       int64  // 0 if the content is in the parts of UploadID, or there is none
	Offset     int64  // where the content begins in a file that it shares with others; 0 in a file of its own
	UploadID   string // "" for none
	SSE        string
	KMSKeyARN  string
	KMSContext string
	BucketKey  bool
	WrappedKey []byte
	Headers    ObjectHeaders
}

// ObjectHeaders are the headers that an object gives back as it got them.
type ObjectHeaders struct {
	ContentType        string            `json:",omitempty"`
	CacheControl       string            `json:",omitempty"`
	ContentDisposition string            `json:",omitempty"`
	ContentEncoding    string            `json:",omitempty"`
	ContentLanguage    string            `json:",omitempty"`
	Expires            string            `json:",omitempty"` // HTTP date
	WebsiteRedirect    string            `json:",omitempty"`
	Metadata           map[string]string `json:",omitempty"`
}

// pastEveryKey is greater than every key, whose greatest length is 1024 bytes.
var pastEveryKey = strings.Repeat("\U0010FFFF", 257)

const (
	objectVersionColumns = `bucket_id, key, modified, version_id, delete_marker, size, etag, storage_class, checksum_algorithm,
		checksum_type, checksum, changed, owner, tags, acl, lock, restored`
	objectColumns = objectVersionColumns + `, file, file_offset, upload_id, sse, kms_key_arn, kms_context, bucket_key, wrapped_key, headers`
)

func (v *ObjectVersion) dest(tags, lock, restored *string) []any {
	return []any{
		&v.BucketID, &v.Key, &v.Modified, &v.VersionID, &v.DeleteMarker, &v.Size, &v.ETag, &v.StorageClass,
		&v.ChecksumAlgorithm, &v.ChecksumType, &v.Checksum, &v.Changed, &v.Owner, tags, &v.ACL, lock, restored,
	}
}

// setTexts sets what is kept as JSON, "" where there is nothing of it.
func (v *ObjectVersion) setTexts(tags, lock, restored string) error {
	for _, each := range []struct {
		text string
		into any
	}{{tags, &v.Tags}, {lock, &v.Lock}, {restored, &v.Restored}} {
		if each.text == "" {
			continue
		}
		if err := json.Unmarshal([]byte(each.text), each.into); err != nil {
			return err
		}
	}
	return nil
}

// textOf is v as JSON, "" if it is its type's zero value.
func textOf[T comparable](v T) (string, error) {
	var zero T
	if v == zero {
		return "", nil
	}
	text, err := json.Marshal(v)
	return string(text), err
}

func tagsText(tags map[string]string) (string, error) {
	if len(tags) == 0 {
		return "", nil
	}
	text, err := json.Marshal(tags)
	return string(text), err
}

func scanObjectVersion(s scanner) (v ObjectVersion, err error) {
	var tags, lock, restored string
	if err := s.Scan(v.dest(&tags, &lock, &restored)...); err != nil {
		return v, err
	}
	return v, v.setTexts(tags, lock, restored)
}

func scanObject(s scanner) (o Object, err error) {
	var tags, lock, restored string
	var headers JSON[ObjectHeaders]
	err = s.Scan(append(o.dest(&tags, &lock, &restored), &o.File, &o.Offset, &o.UploadID, &o.SSE, &o.KMSKeyARN, &o.KMSContext, &o.BucketKey, &o.WrappedKey, &headers)...)
	if err != nil {
		return o, err
	}
	o.Headers = headers.V
	return o, o.setTexts(tags, lock, restored)
}

// RetireObject makes the current version of a key, if there is one, an older one, before a newer is inserted.
func (tx *Tx) RetireObject(ctx context.Context, bucketID int64, key string) error {
	_, err := tx.exec(ctx, `UPDATE objects SET current = 0 WHERE bucket_id = $1 AND key = $2 AND current = 1`, bucketID, key)
	return err
}

// InsertObject adds the newest version of a key. Its Modified must be later than that of the version before it, and the
// one that was current retired.
func (tx *Tx) InsertObject(ctx context.Context, o Object) error {
	tags, err := tagsText(o.Tags)
	if err != nil {
		return err
	}
	lock, err := textOf(o.Lock)
	if err != nil {
		return err
	}
	restored, err := textOf(o.Restored)
	if err != nil {
		return err
	}
	_, err = tx.exec(ctx, `INSERT INTO objects (current, `+objectColumns+`) VALUES
		($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23, $24, $25, $26, $27)`,
		bit(!o.DeleteMarker), o.BucketID, o.Key, o.Modified, o.VersionID, bit(o.DeleteMarker), o.Size, o.ETag, o.StorageClass, o.ChecksumAlgorithm,
		o.ChecksumType, o.Checksum, o.Changed, o.Owner, tags, o.ACL, lock, restored, o.File, o.Offset, o.UploadID, o.SSE, o.KMSKeyARN, o.KMSContext,
		bit(o.BucketKey), append([]byte{}, o.WrappedKey...), JSON[ObjectHeaders]{o.Headers})
	return err
}

// NewestObject reads the newest version of a key, which may be a delete marker.
func (tx *Tx) NewestObject(ctx context.Context, bucketID int64, key string) (Object, error) {
	return queryOne(ctx, tx, scanObject, `SELECT `+objectColumns+` FROM objects
		WHERE bucket_id = $1 AND key = $2 ORDER BY modified DESC LIMIT 1`, bucketID, key)
}

// ObjectAt reads the version of a key with a time of modification, which is as good as its id.
func (tx *Tx) ObjectAt(ctx context.Context, bucketID int64, key string, modified Micros) (Object, error) {
	return queryOne(ctx, tx, scanObject, `SELECT `+objectColumns+` FROM objects
		WHERE bucket_id = $1 AND key = $2 AND modified = $3`, bucketID, key, modified)
}

// NullObject reads the null version of a key.
func (tx *Tx) NullObject(ctx context.Context, bucketID int64, key string) (Object, error) {
	newest, err := tx.NewestObject(ctx, bucketID, key)
	if err != nil || newest.VersionID == NullVersion {
		return newest, err
	}
	return queryOne(ctx, tx, scanObject, `SELECT `+objectColumns+` FROM objects
		WHERE bucket_id = $1 AND key = $2 AND version_id = 'null' LIMIT 1`, bucketID, key)
}

// DeleteObject removes a version; the one before it becomes current if it was the newest.
func (tx *Tx) DeleteObject(ctx context.Context, v ObjectVersion) error {
	err := tx.execOne(ctx, `DELETE FROM objects WHERE bucket_id = $1 AND key = $2 AND modified = $3`, v.BucketID, v.Key, v.Modified)
	if err != nil {
		return err
	}
	newest, err := tx.NewestObject(ctx, v.BucketID, v.Key)
	if errors.Is(err, ErrNotFound) {
		return nil
	}
	if err != nil || newest.DeleteMarker || newest.Modified > v.Modified {
		return err
	}
	return tx.execOne(ctx, `UPDATE objects SET current = 1 WHERE bucket_id = $1 AND key = $2 AND modified = $3`,
		newest.BucketID, newest.Key, newest.Modified)
}

// SetObjectTags replaces the tags of a version.
func (tx *Tx) SetObjectTags(ctx context.Context, v ObjectVersion, tags map[string]string) error {
	text, err := tagsText(tags)
	if err != nil {
		return err
	}
	return tx.execOne(ctx, `UPDATE objects SET tags = $4, changed = changed + 1 WHERE bucket_id = $1 AND key = $2 AND modified = $3`,
		v.BucketID, v.Key, v.Modified, text)
}

// SetObjectACL replaces the access control list of a version.
func (tx *Tx) SetObjectACL(ctx context.Context, v ObjectVersion, acl string) error {
	return tx.execOne(ctx, `UPDATE objects SET acl = $4, changed = changed + 1 WHERE bucket_id = $1 AND key = $2 AND modified = $3`,
		v.BucketID, v.Key, v.Modified, acl)
}

// SetObjectLock replaces retention and legal hold of a version.
func (tx *Tx) SetObjectLock(ctx context.Context, v ObjectVersion, lock ObjectLock) error {
	text, err := textOf(lock)
	if err != nil {
		return err
	}
	return tx.execOne(ctx, `UPDATE objects SET lock = $4 WHERE bucket_id = $1 AND key = $2 AND modified = $3`,
		v.BucketID, v.Key, v.Modified, text)
}

// SetObjectRestore notes the restore of a version of an archival storage class.
func (tx *Tx) SetObjectRestore(ctx context.Context, v ObjectVersion, restored ObjectRestore) error {
	text, err := textOf(restored)
	if err != nil {
		return err
	}
	return tx.execOne(ctx, `UPDATE objects SET restored = $4 WHERE bucket_id = $1 AND key = $2 AND modified = $3`,
		v.BucketID, v.Key, v.Modified, text)
}

// BucketHasObjects reports whether a bucket holds any version or delete marker.
func (tx *Tx) BucketHasObjects(ctx context.Context, bucketID int64) (bool, error) {
	return queryOne(ctx, tx, func(s scanner) (has bool, err error) { return has, s.Scan(&has) },
		`SELECT EXISTS (SELECT 1 FROM objects WHERE bucket_id = $1)`, bucketID)
}

// KeyRange is a part of a bucket's keys.
type KeyRange struct {
	BucketID int64
	From     string // the first key
	Before   string // the keys end before this one; "" for no end
}

func (r KeyRange) before() string {
	if r.Before == "" {
		return pastEveryKey
	}
	return r.Before
}

// CurrentObjects reads up to limit objects of a range as listings show them, in order of key.
func (tx *Tx) CurrentObjects(ctx context.Context, r KeyRange, limit int) ([]ObjectVersion, error) {
	return queryAll(ctx, tx, scanObjectVersion, `SELECT `+objectVersionColumns+` FROM objects
		WHERE bucket_id = $1 AND key >= $2 AND key < $3 AND current = 1 ORDER BY key LIMIT $4`, r.BucketID, r.From, r.before(), limit)
}

// ObjectVersions reads up to limit versions and delete markers of a range, in order of key, the newest of each first.
func (tx *Tx) ObjectVersions(ctx context.Context, r KeyRange, limit int) ([]ObjectVersion, error) {
	return queryAll(ctx, tx, scanObjectVersion, `SELECT `+objectVersionColumns+` FROM objects
		WHERE bucket_id = $1 AND key >= $2 AND key < $3 ORDER BY key, modified DESC LIMIT $4`, r.BucketID, r.From, r.before(), limit)
}

// OlderVersions reads up to limit versions and delete markers of one key that are older than a time, newest first.
func (tx *Tx) OlderVersions(ctx context.Context, bucketID int64, key string, than Micros, limit int) ([]ObjectVersion, error) {
	return queryAll(ctx, tx, scanObjectVersion, `SELECT `+objectVersionColumns+` FROM objects
		WHERE bucket_id = $1 AND key = $2 AND modified < $3 ORDER BY modified DESC LIMIT $4`, bucketID, key, than, limit)
}

// BucketSize counts the versions of a bucket (delete markers not) and their bytes.
func (tx *Tx) BucketSize(ctx context.Context, bucketID int64) (versions, bytes int64, err error) {
	err = tx.sql.QueryRowContext(ctx, `SELECT COUNT(*), COALESCE(SUM(size), 0) FROM objects
		WHERE bucket_id = $1 AND delete_marker = 0`, bucketID).Scan(&versions, &bytes)
	return versions, bytes, translate(err)
}

// ObjectsBetween reads up to limit versions of the keys from first to last, in order of key, the oldest of each first.
func (tx *Tx) ObjectsBetween(ctx context.Context, bucketID int64, first, last string, limit int) ([]Object, error) {
	return queryAll(ctx, tx, scanObject, `SELECT `+objectColumns+` FROM objects
		WHERE bucket_id = $1 AND key >= $2 AND key <= $3 ORDER BY key, modified LIMIT $4`, bucketID, first, last, limit)
}

// KeyModified is when the newest version of a key was made.
type KeyModified struct {
	Key      string
	Modified Micros
}

// NewestBetween reads of up to limit keys from first to last when their newest versions were made.
func (tx *Tx) NewestBetween(ctx context.Context, bucketID int64, first, last string, limit int) ([]KeyModified, error) {
	return queryAll(ctx, tx, func(s scanner) (k KeyModified, err error) { return k, s.Scan(&k.Key, &k.Modified) },
		`SELECT key, MAX(modified) FROM objects WHERE bucket_id = $1 AND key >= $2 AND key <= $3 GROUP BY key LIMIT $4`, bucketID, first, last, limit)
}

// FileHolds reports whether any object has its content in a file.
func (tx *Tx) FileHolds(ctx context.Context, file int64) (bool, error) {
	return queryOne(ctx, tx, func(s scanner) (holds bool, err error) { return holds, s.Scan(&holds) },
		`SELECT EXISTS (SELECT 1 FROM objects WHERE file <> 0 AND file = $1)`, file)
}

// ObjectFiles reads the ids of all files between from and to (not included) that hold content of objects or parts.
func (tx *Tx) ObjectFiles(ctx context.Context, from, to int64) ([]int64, error) {
	return queryAll(ctx, tx, func(s scanner) (file int64, err error) { return file, s.Scan(&file) },
		`SELECT file FROM objects WHERE file <> 0 AND file >= $1 AND file < $2
		UNION ALL SELECT file FROM upload_parts WHERE file >= $1 AND file < $2`, from, to)
}

// LastObjectFile reads the greatest id of a file that was ever committed and is still referred to; 0 if there is none.
func (tx *Tx) LastObjectFile(ctx context.Context) (int64, error) {
	return queryOne(ctx, tx, func(s scanner) (file int64, err error) { return file, s.Scan(&file) },
		`SELECT MAX(last) FROM (SELECT COALESCE(MAX(file), 0) AS last FROM objects WHERE file <> 0
		UNION ALL SELECT COALESCE(MAX(file), 0) FROM upload_parts) AS files`)
}
