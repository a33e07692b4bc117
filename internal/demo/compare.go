package demo

import (
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ebs"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"golang.org/x/sync/errgroup"
)

// compareBucket reads every version of every object of bucket and compares it with what r was: content, user metadata,
// tags, and the order of versions and delete markers.
func (a *account) compareBucket(ctx context.Context, v *view, r *resource, bucket string) error {
	type listed struct {
		id      string
		deleted bool
	}
	found := map[string][]listed{} // newest first, as S3 lists
	pages := s3.NewListObjectVersionsPaginator(a.s3, &s3.ListObjectVersionsInput{Bucket: &bucket})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return fmt.Errorf("listing %s: %w", bucket, err)
		}
		for _, o := range page.Versions {
			found[*o.Key] = append(found[*o.Key], listed{id: aws.ToString(o.VersionId)})
		}
		for _, o := range page.DeleteMarkers {
			marker := listed{id: aws.ToString(o.VersionId), deleted: true}
			if !aws.ToBool(o.IsLatest) {
				return fmt.Errorf("%s: the delete marker of %q is not its newest version", bucket, *o.Key)
			}
			found[*o.Key] = append([]listed{marker}, found[*o.Key]...)
		}
	}
	if len(found) != len(r.data.keys) {
		return fmt.Errorf("%s has %d keys where %s had %d", bucket, len(found), r.title, len(r.data.keys))
	}

	b := v.bar("compare "+r.title, r.data.bytes, size)
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(16)
	for key, want := range r.data.keys {
		got := found[key]
		slices.Reverse(got)
		if len(got) != len(want) {
			return fmt.Errorf("%s: %q has %d versions where it had %d", bucket, key, len(got), len(want))
		}
		for i := range want {
			if got[i].deleted != want[i].deleted {
				return fmt.Errorf("%s: version %d of %q is a delete marker: %t, and was: %t", bucket, i, key, got[i].deleted, want[i].deleted)
			}
			if want[i].deleted {
				continue
			}
			group.Go(func() error {
				if err := a.compareObject(ctx, bucket, key, got[i].id, want[i]); err != nil {
					return err
				}
				b.add(want[i].size)
				return nil
			})
		}
	}
	if err := group.Wait(); err != nil {
		return err
	}
	b.end(fmt.Sprintf("%d keys, all versions equal", len(found)))
	return nil
}

func (a *account) compareObject(ctx context.Context, bucket, key, id string, want version) error {
	object, err := a.s3.GetObject(ctx, &s3.GetObjectInput{Bucket: &bucket, Key: &key, VersionId: &id})
	if err != nil {
		return fmt.Errorf("reading %q of %s: %w", key, bucket, err)
	}
	defer object.Body.Close() //nolint:errcheck // read to the end
	sum := sha256.New()
	if _, err := io.Copy(sum, object.Body); err != nil {
		return fmt.Errorf("reading %q of %s: %w", key, bucket, err)
	}
	if [sha256.Size]byte(sum.Sum(nil)) != want.sum {
		return fmt.Errorf("%q of %s is not the bytes that were written", key, bucket)
	}
	if object.Metadata["kind"] != want.kind {
		return fmt.Errorf("%q of %s has metadata %v, not kind=%s", key, bucket, object.Metadata, want.kind)
	}
	tags, err := a.s3.GetObjectTagging(ctx, &s3.GetObjectTaggingInput{Bucket: &bucket, Key: &key, VersionId: &id})
	if err != nil {
		return fmt.Errorf("reading the tags of %q of %s: %w", key, bucket, err)
	}
	if len(tags.TagSet) != 1 || aws.ToString(tags.TagSet[0].Key) != "team" || aws.ToString(tags.TagSet[0].Value) != want.team {
		return fmt.Errorf("%q of %s has tags %v, not team=%s", key, bucket, tags.TagSet, want.team)
	}
	return nil
}

// compareVolume takes a snapshot of the volume, reads it block by block, and compares it with the image.
func (a *account) compareVolume(ctx context.Context, v *view, r *resource, volumeID string) error {
	snapshot, err := a.ec2.CreateSnapshot(ctx, &ec2.CreateSnapshotInput{VolumeId: &volumeID})
	if err != nil {
		return fmt.Errorf("taking a snapshot of %s: %w", volumeID, err)
	}
	if err := waitForSnapshot(ctx, a, *snapshot.SnapshotId); err != nil {
		return err
	}
	b := v.bar("compare "+r.title, int64(len(r.image)), size)
	seen := make([]bool, (len(r.image)+blockSize-1)/blockSize)
	pages := ebs.NewListSnapshotBlocksPaginator(a.ebs, &ebs.ListSnapshotBlocksInput{SnapshotId: snapshot.SnapshotId})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return fmt.Errorf("listing the blocks of %s: %w", volumeID, err)
		}
		for _, block := range page.Blocks {
			index := int(*block.BlockIndex)
			out, err := a.ebs.GetSnapshotBlock(ctx, &ebs.GetSnapshotBlockInput{SnapshotId: snapshot.SnapshotId, BlockIndex: block.BlockIndex, BlockToken: block.BlockToken})
			if err != nil {
				return fmt.Errorf("reading block %d of %s: %w", index, volumeID, err)
			}
			got, err := io.ReadAll(out.BlockData)
			_ = out.BlockData.Close()
			if err != nil {
				return fmt.Errorf("reading block %d of %s: %w", index, volumeID, err)
			}
			if index >= len(seen) || !slices.Equal(got[:min(blockSize, len(r.image)-index*blockSize)], blockOf(r.image, index)) {
				return fmt.Errorf("block %d of %s is not the bytes that were written", index, volumeID)
			}
			seen[index] = true
			b.add(blockSize)
		}
	}
	for index, read := range seen {
		if !read && slices.ContainsFunc(blockOf(r.image, index), func(c byte) bool { return c != 0 }) {
			return fmt.Errorf("block %d of %s is missing", index, volumeID)
		}
	}
	if _, err := a.ec2.DeleteSnapshot(ctx, &ec2.DeleteSnapshotInput{SnapshotId: snapshot.SnapshotId}); err != nil {
		return fmt.Errorf("deleting the snapshot of %s: %w", volumeID, err)
	}
	sum := sha256.Sum256(r.image)
	b.end(fmt.Sprintf("ext4 image, all bytes equal (sha256 %x…)", sum[:4]))
	return nil
}

func blockOf(image []byte, index int) []byte {
	return image[index*blockSize : min((index+1)*blockSize, len(image))]
}
