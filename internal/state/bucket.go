package state

import "context"

// Bucket is an S3 bucket.
type Bucket struct {
	ID         int64
	Name       string
	AccountID  string // the owner
	Region     string
	Created    Micros
	Versioning string // "" (never enabled), "Enabled" or "Suspended"
	Encryption BucketEncryption
	Ownership  string // BucketOwnerEnforced, BucketOwnerPreferred, ObjectWriter; "" after its deletion
	Policy     string // "" for none
	Tags       map[string]string
	ObjectLock BucketObjectLock
	Settings   BucketSettings
}

// BucketSettings are the further configurations of a bucket that calls for its objects must know. Those that only their
// own operations read are kept apart; see [Tx.BucketSetting].
type BucketSettings struct {
	PublicAccess PublicAccessBlock
	PublicPolicy bool   `json:",omitempty"` // the policy gives access to the public
	ACL          string `json:",omitempty"` // JSON of the grants; "" for full control of the owner alone
	Lifecycle    string `json:",omitempty"` // JSON of the rules; "" for none
	Notification string `json:",omitempty"` // JSON of the configuration; "" for none
}

// PublicAccessBlock says which ways to the public a bucket closes.
type PublicAccessBlock struct {
	Set                   bool `json:",omitempty"` // a configuration is there, if only of falses
	BlockPublicACLs       bool `json:",omitempty"`
	IgnorePublicACLs      bool `json:",omitempty"`
	BlockPublicPolicy     bool `json:",omitempty"`
	RestrictPublicBuckets bool `json:",omitempty"`
}

// BucketObjectLock tells whether versions of a bucket can be locked, and how new ones are by default.
type BucketObjectLock struct {
	Enabled bool   `json:",omitempty"` // once it is, it stays
	Mode    string `json:",omitempty"` // GOVERNANCE or COMPLIANCE; "" for no retention by default
	Days    int32  `json:",omitempty"`
	Years   int32  `json:",omitempty"` // either Days or Years is set with Mode
}

// BucketEncryption is what new objects of a bucket are encrypted with unless the request says otherwise.
type BucketEncryption struct {
	Algorithm string // AES256, aws:kms, aws:kms:dsse
	KMSKeyID  string `json:",omitempty"` // as it was given; "" for the AWS managed key
	BucketKey bool   `json:",omitempty"`
}

const bucketColumns = `id, name, account_id, region, created, versioning, encryption, ownership, policy, tags, object_lock, settings`

func scanBucket(s scanner) (b Bucket, err error) {
	var encryption JSON[BucketEncryption]
	var tags JSON[map[string]string]
	var lock JSON[BucketObjectLock]
	var settings JSON[BucketSettings]
	err = s.Scan(&b.ID, &b.Name, &b.AccountID, &b.Region, &b.Created, &b.Versioning, &encryption, &b.Ownership, &b.Policy, &tags, &lock, &settings)
	b.Encryption, b.Tags, b.ObjectLock, b.Settings = encryption.V, tags.V, lock.V, settings.V
	return b, err
}

// InsertBucket adds a bucket and sets its ID; [ErrExists] if the name is taken by whomever.
func (tx *Tx) InsertBucket(ctx context.Context, b *Bucket) error {
	id, err := queryOne(ctx, tx, func(s scanner) (id int64, err error) { return id, s.Scan(&id) },
		`SELECT COALESCE(MAX(id), 0) + 1 FROM buckets`)
	if err != nil {
		return err
	}
	b.ID = id
	_, err = tx.exec(ctx, `INSERT INTO buckets (`+bucketColumns+`) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)`,
		b.ID, b.Name, b.AccountID, b.Region, b.Created, b.Versioning, JSON[BucketEncryption]{b.Encryption}, b.Ownership, b.Policy,
		JSON[map[string]string]{b.Tags}, JSON[BucketObjectLock]{b.ObjectLock}, JSON[BucketSettings]{b.Settings})
	return err
}

// Bucket reads a bucket by name.
func (tx *Tx) Bucket(ctx context.Context, name string) (Bucket, error) {
	return queryOne(ctx, tx, scanBucket, `SELECT `+bucketColumns+` FROM buckets WHERE name = $1`, name)
}

// BucketsOf reads up to limit buckets of an account whose names come after the given one, in order of name.
func (tx *Tx) BucketsOf(ctx context.Context, accountID, after string, limit int) ([]Bucket, error) {
	return queryAll(ctx, tx, scanBucket, `SELECT `+bucketColumns+` FROM buckets
		WHERE account_id = $1 AND name > $2 ORDER BY name LIMIT $3`, accountID, after, limit)
}

// UpdateBucket writes what may change of a bucket.
func (tx *Tx) UpdateBucket(ctx context.Context, b Bucket) error {
	return tx.execOne(ctx, `UPDATE buckets SET versioning = $2, encryption = $3, ownership = $4, policy = $5, tags = $6, object_lock = $7,
		settings = $8 WHERE id = $1`, b.ID, b.Versioning, JSON[BucketEncryption]{b.Encryption}, b.Ownership, b.Policy,
		JSON[map[string]string]{b.Tags}, JSON[BucketObjectLock]{b.ObjectLock}, JSON[BucketSettings]{b.Settings})
}

// DeleteBucket removes a bucket with its settings. It must hold neither objects nor uploads.
func (tx *Tx) DeleteBucket(ctx context.Context, id int64) error {
	return tx.execOne(ctx, `DELETE FROM buckets WHERE id = $1`, id)
}

// BucketSetting reads one of a bucket's further configurations.
func (tx *Tx) BucketSetting(ctx context.Context, bucketID int64, name string) (string, error) {
	return queryOne(ctx, tx, func(s scanner) (document string, err error) { return document, s.Scan(&document) },
		`SELECT document FROM bucket_settings WHERE bucket_id = $1 AND name = $2`, bucketID, name)
}

// PutBucketSetting sets it.
func (tx *Tx) PutBucketSetting(ctx context.Context, bucketID int64, name, document string) error {
	_, err := tx.exec(ctx, `INSERT INTO bucket_settings (bucket_id, name, document) VALUES ($1, $2, $3)
		ON CONFLICT (bucket_id, name) DO UPDATE SET document = excluded.document`, bucketID, name, document)
	return err
}

// DeleteBucketSetting removes it, if it is there.
func (tx *Tx) DeleteBucketSetting(ctx context.Context, bucketID int64, name string) error {
	_, err := tx.exec(ctx, `DELETE FROM bucket_settings WHERE bucket_id = $1 AND name = $2`, bucketID, name)
	return err
}
