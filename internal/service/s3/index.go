package s3

import (
	"context"

	"strongroom/internal/api"
	s3kind "strongroom/internal/resource/s3"
	"strongroom/internal/state"
)

const mostIndexEntries = 10000

// ListVersionIndex reads a page of the index of a bucket.
func (s *Service) ListVersionIndex(ctx context.Context, c *api.Caller, in *s3kind.ListVersionIndexInput) (*s3kind.ListVersionIndexOutput, error) {
	b, err := s.bucket(ctx, c, in.Bucket)
	if err != nil {
		return nil, err
	}
	limit, err := pageSize("max-keys", in.MaxKeys, mostIndexEntries)
	if err != nil {
		return nil, err
	}
	r := state.KeyRange{BucketID: b.ID, From: str(in.Prefix), Before: successor(str(in.Prefix))}
	var behind *state.ObjectVersion
	if in.Marker != nil {
		behind = &state.ObjectVersion{BucketID: b.ID, Key: in.Marker.Key, Modified: state.MicrosOf(in.Marker.Modified)}
		r.From = after(in.Marker.Key)
	}
	out := &s3kind.ListVersionIndexOutput{}
	err = s.view(ctx, func(ctx context.Context, tx *state.Tx) error {
		versions, err := versionsPage(ctx, tx, r, behind, limit+1)
		if err != nil {
			return err
		}
		out.IsTruncated = len(versions) > limit
		versions = versions[:min(len(versions), limit)]
		out.Entries = make([]s3kind.IndexEntry, len(versions))
		for i, v := range versions {
			out.Entries[i] = s3kind.IndexEntry{
				Key: v.Key, VersionID: v.VersionID, DeleteMarker: v.DeleteMarker, Modified: v.Modified.Time(), Size: v.Size, ETag: v.ETag,
				StorageClass: v.StorageClass, Changed: v.Changed, Tags: len(v.Tags), ACL: v.ACL != "",
			}
		}
		return nil
	})
	return out, err
}

// BucketSize counts the versions of a bucket and their bytes. It is for whoever plans work on the bucket, and tells
// nothing that a listing would not.
func (s *Service) BucketSize(ctx context.Context, bucket string) (versions, bytes int64, err error) {
	b, err := s.lookup(ctx, bucket)
	if err != nil {
		return 0, 0, err
	}
	err = s.view(ctx, func(ctx context.Context, tx *state.Tx) error {
		versions, bytes, err = tx.BucketSize(ctx, b.ID)
		return err
	})
	return versions, bytes, err
}

// Buckets lists the buckets of an account in a Region, for who selects resources on the account's behalf.
func (s *Service) Buckets(ctx context.Context, accountID, region string) (all []state.Bucket, err error) {
	err = s.view(ctx, func(ctx context.Context, tx *state.Tx) error {
		for after := ""; ; {
			page, err := tx.BucketsOf(ctx, accountID, after, 1000)
			if err != nil || len(page) == 0 {
				return err
			}
			for _, b := range page {
				if b.Region == region {
					all = append(all, b)
				}
				after = b.Name
			}
		}
	})
	return all, err
}

// Bucket reads a bucket by name, wherever it is, for who plans work on it.
func (s *Service) Bucket(ctx context.Context, name string) (state.Bucket, error) {
	return s.lookup(ctx, name)
}
