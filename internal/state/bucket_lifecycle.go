package state

import "context"

// SetBucketLifecycleDue says when the lifecycle rules of a bucket are to be applied next; 0 for never.
func (tx *Tx) SetBucketLifecycleDue(ctx context.Context, bucketID int64, at Micros) error {
	return tx.execOne(ctx, `UPDATE buckets SET lifecycle_due = $2 WHERE id = $1`, bucketID, at)
}

// BucketsWithLifecycleDue reads up to limit buckets whose lifecycle rules are to be applied by now, the longest due first.
func (tx *Tx) BucketsWithLifecycleDue(ctx context.Context, now Micros, limit int) ([]Bucket, error) {
	return queryAll(ctx, tx, scanBucket, `SELECT `+bucketColumns+` FROM buckets
		WHERE lifecycle_due <> 0 AND lifecycle_due <= $1 ORDER BY lifecycle_due LIMIT $2`, now, limit)
}

// SetObjectStorageClass moves a version to another storage class.
func (tx *Tx) SetObjectStorageClass(ctx context.Context, v ObjectVersion, class string) error {
	return tx.execOne(ctx, `UPDATE objects SET storage_class = $4 WHERE bucket_id = $1 AND key = $2 AND modified = $3`,
		v.BucketID, v.Key, v.Modified, class)
}
