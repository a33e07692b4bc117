package demo

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ebs"
	ebstypes "github.com/aws/aws-sdk-go-v2/service/ebs/types"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	s3types "github.com/aws/aws-sdk-go-v2/service/s3/types"
	"golang.org/x/sync/errgroup"
)

// version is one version of an object as it must come back.
type version struct {
	sum     [sha256.Size]byte
	size    int64
	kind    string // the user metadata "kind"
	team    string // the tag "team"
	deleted bool   // a delete marker
}

// dataset is what a bucket holds: all versions of each key, oldest first.
type dataset struct {
	mu    sync.Mutex
	keys  map[string][]version
	bytes int64
}

func (d *dataset) add(key string, v version) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.keys[key] = append(d.keys[key], v)
	d.bytes += v.size
}

// content makes size bytes that depend on seed alone: prose-like text, random bytes, or a copy of another seed's.
func content(seed uint64, size int) []byte {
	switch seed % 4 {
	case 0: // does not compress
		return noise(seed, size)
	case 1: // occurs again and again: see putObject
		return noise(seed, size)
	}
	words := bytes.Fields([]byte("vault copy region account backup recovery point lifecycle key policy grant role organization restore plan rule window"))
	random := rand.New(rand.NewPCG(seed, 2))
	var b bytes.Buffer
	for b.Len() < size {
		b.Write(words[random.IntN(len(words))])
		b.WriteByte(' ')
		if random.IntN(8) == 0 {
			b.WriteString(strconv.FormatUint(random.Uint64(), 36))
			b.WriteByte('\n')
		}
	}
	return b.Bytes()[:size]
}

func noise(seed uint64, size int) []byte {
	var key [32]byte
	key[0], key[1], key[2] = byte(seed), byte(seed>>8), byte(seed>>16)
	b := make([]byte, size)
	_, _ = rand.NewChaCha8(key).Read(b) // never fails
	return b
}

// sizeOf spreads sizes as file shares have them: most objects are small, some are long.
func sizeOf(i int) int {
	random := rand.New(rand.NewPCG(uint64(i), 1))
	switch {
	case i%500 == 0:
		return 9<<20 + random.IntN(4<<20) // uploaded in parts
	case i%50 == 0:
		return 512<<10 + random.IntN(1<<20)
	}
	return random.IntN(24 << 10)
}

// fillBucket makes a versioned, encrypted bucket with objects keys, a fifth of which have a second version and a
// twentieth a delete marker.
func fillBucket(ctx context.Context, a *account, bucket, plan, keyARN string, objects int, progress *bar) (*dataset, error) {
	if _, err := a.s3.CreateBucket(ctx, &s3.CreateBucketInput{
		Bucket:                    &bucket,
		CreateBucketConfiguration: &s3types.CreateBucketConfiguration{LocationConstraint: s3types.BucketLocationConstraint(a.region)},
	}); err != nil {
		return nil, fmt.Errorf("creating bucket %s: %w", bucket, err)
	}
	if _, err := a.s3.PutBucketVersioning(ctx, &s3.PutBucketVersioningInput{
		Bucket: &bucket, VersioningConfiguration: &s3types.VersioningConfiguration{Status: s3types.BucketVersioningStatusEnabled},
	}); err != nil {
		return nil, fmt.Errorf("versioning bucket %s: %w", bucket, err)
	}
	if _, err := a.s3.PutBucketEncryption(ctx, &s3.PutBucketEncryptionInput{
		Bucket: &bucket,
		ServerSideEncryptionConfiguration: &s3types.ServerSideEncryptionConfiguration{Rules: []s3types.ServerSideEncryptionRule{{
			ApplyServerSideEncryptionByDefault: &s3types.ServerSideEncryptionByDefault{SSEAlgorithm: s3types.ServerSideEncryptionAwsKms, KMSMasterKeyID: &keyARN},
			BucketKeyEnabled:                   aws.Bool(true),
		}}},
	}); err != nil {
		return nil, fmt.Errorf("encrypting bucket %s: %w", bucket, err)
	}
	if _, err := a.s3.PutBucketTagging(ctx, &s3.PutBucketTaggingInput{
		Bucket: &bucket, Tagging: &s3types.Tagging{TagSet: []s3types.Tag{{Key: aws.String("backup"), Value: &plan}}},
	}); err != nil {
		return nil, fmt.Errorf("tagging bucket %s: %w", bucket, err)
	}

	d := &dataset{keys: map[string][]version{}}
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(16)
	for i := range objects {
		group.Go(func() error {
			defer progress.add(1)
			key := fmt.Sprintf("share/%02d/a file %d.dat", i%37, i)
			if err := putObject(ctx, a, d, bucket, key, uint64(i), sizeOf(i)); err != nil {
				return err
			}
			if i%5 == 0 {
				if err := putObject(ctx, a, d, bucket, key, uint64(i)+1_000_003, sizeOf(i+1)); err != nil {
					return err
				}
			}
			if i%20 == 0 {
				if _, err := a.s3.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: &bucket, Key: &key}); err != nil {
					return fmt.Errorf("deleting %s: %w", key, err)
				}
				d.add(key, version{deleted: true})
			}
			return nil
		})
	}
	return d, group.Wait()
}

// putObject writes one version and notes it; longer ones are uploaded in parts.
func putObject(ctx context.Context, a *account, d *dataset, bucket, key string, seed uint64, size int) error {
	if seed%4 == 1 { // one of eight contents that occur again and again
		seed = 1 + 4*(seed%8)
		size = sizeOf(int(seed))
	}
	body := content(seed, size)
	v := version{sum: sha256.Sum256(body), size: int64(size), kind: []string{"text", "noise", "again"}[seed%3], team: fmt.Sprintf("team-%d", seed%7)}
	metadata := map[string]string{"kind": v.kind}
	tagging := aws.String("team=" + v.team)
	d.add(key, v)
	if size <= 8<<20 {
		if _, err := a.s3.PutObject(ctx, &s3.PutObjectInput{Bucket: &bucket, Key: &key, Body: bytes.NewReader(body), Metadata: metadata, Tagging: tagging, ContentType: aws.String("application/x-demo")}); err != nil {
			return fmt.Errorf("writing %s: %w", key, err)
		}
		return nil
	}
	upload, err := a.s3.CreateMultipartUpload(ctx, &s3.CreateMultipartUploadInput{Bucket: &bucket, Key: &key, Metadata: metadata, Tagging: tagging})
	if err != nil {
		return fmt.Errorf("beginning the upload of %s: %w", key, err)
	}
	var parts []s3types.CompletedPart
	for number := int32(1); len(body) > 0; number++ {
		part := body[:min(len(body), 5<<20)]
		body = body[len(part):]
		out, err := a.s3.UploadPart(ctx, &s3.UploadPartInput{Bucket: &bucket, Key: &key, UploadId: upload.UploadId, PartNumber: &number, Body: bytes.NewReader(part)})
		if err != nil {
			return fmt.Errorf("uploading part %d of %s: %w", number, key, err)
		}
		parts = append(parts, s3types.CompletedPart{ETag: out.ETag, PartNumber: aws.Int32(number), ChecksumCRC32: out.ChecksumCRC32})
	}
	if _, err := a.s3.CompleteMultipartUpload(ctx, &s3.CompleteMultipartUploadInput{
		Bucket: &bucket, Key: &key, UploadId: upload.UploadId, MultipartUpload: &s3types.CompletedMultipartUpload{Parts: parts},
	}); err != nil {
		return fmt.Errorf("completing the upload of %s: %w", key, err)
	}
	return nil
}

const blockSize = 512 << 10 // of the EBS direct APIs

// makeImage makes an ext4 file system of size MiB with files in it and returns its bytes.
func makeImage(ctx context.Context, dir string, seed uint64, megabytes int) ([]byte, error) {
	files := filepath.Join(dir, "files")
	for i := range megabytes / 4 {
		path := filepath.Join(files, fmt.Sprintf("home/user%d", i%5), fmt.Sprintf("document %d.bin", i))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return nil, err
		}
		if err := os.WriteFile(path, content(seed+uint64(i), 1<<20+i*4096), 0o644); err != nil {
			return nil, err
		}
	}
	image := filepath.Join(dir, "image.ext4")
	command := exec.CommandContext(ctx, "mke2fs", "-q", "-t", "ext4", "-F", "-d", files, image, fmt.Sprintf("%dM", megabytes))
	command.Env = append(os.Environ(), "PATH="+os.Getenv("PATH")+":/usr/sbin:/sbin")
	if out, err := command.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("making the ext4 image (install e2fsprogs if mke2fs is missing): %w: %s", err, out)
	}
	if err := os.RemoveAll(files); err != nil {
		return nil, err
	}
	return os.ReadFile(image)
}

// fillVolume makes an encrypted volume that holds the image, by way of a snapshot written block by block.
func fillVolume(ctx context.Context, a *account, image []byte, plan, keyARN string, progress *bar) (volumeID string, err error) {
	gibibytes := int64(len(image)+1<<30-1) >> 30
	snapshot, err := a.ebs.StartSnapshot(ctx, &ebs.StartSnapshotInput{VolumeSize: &gibibytes, Encrypted: aws.Bool(true), KmsKeyArn: &keyARN})
	if err != nil {
		return "", fmt.Errorf("starting a snapshot: %w", err)
	}
	var written int32
	var mu sync.Mutex
	group, blocks := errgroup.WithContext(ctx)
	group.SetLimit(8)
	empty := make([]byte, blockSize)
	for index := range (len(image) + blockSize - 1) / blockSize {
		block := image[index*blockSize : min((index+1)*blockSize, len(image))]
		progress.add(int64(len(block)))
		if bytes.Equal(block, empty[:len(block)]) {
			continue
		}
		if len(block) < blockSize {
			block = append(bytes.Clone(block), empty[len(block):]...)
		}
		group.Go(func() error {
			sum := sha256.Sum256(block)
			if _, err := a.ebs.PutSnapshotBlock(blocks, &ebs.PutSnapshotBlockInput{
				SnapshotId: snapshot.SnapshotId, BlockIndex: aws.Int32(int32(index)), BlockData: bytes.NewReader(block), DataLength: aws.Int32(blockSize),
				Checksum: aws.String(base64.StdEncoding.EncodeToString(sum[:])), ChecksumAlgorithm: ebstypes.ChecksumAlgorithmChecksumAlgorithmSha256,
			}); err != nil {
				return fmt.Errorf("writing block %d: %w", index, err)
			}
			mu.Lock()
			defer mu.Unlock()
			written++
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return "", err
	}
	if _, err := a.ebs.CompleteSnapshot(ctx, &ebs.CompleteSnapshotInput{SnapshotId: snapshot.SnapshotId, ChangedBlocksCount: &written}); err != nil {
		return "", fmt.Errorf("completing the snapshot: %w", err)
	}
	if err := waitForSnapshot(ctx, a, *snapshot.SnapshotId); err != nil {
		return "", err
	}
	volume, err := a.ec2.CreateVolume(ctx, &ec2.CreateVolumeInput{
		AvailabilityZone: aws.String(a.region + "a"), SnapshotId: snapshot.SnapshotId, VolumeType: ec2types.VolumeTypeGp3,
		TagSpecifications: []ec2types.TagSpecification{{ResourceType: ec2types.ResourceTypeVolume, Tags: []ec2types.Tag{
			{Key: aws.String("Name"), Value: aws.String("disk-" + plan)}, {Key: aws.String("backup"), Value: &plan},
		}}},
	})
	if err != nil {
		return "", fmt.Errorf("creating the volume: %w", err)
	}
	if err := waitForVolume(ctx, a, *volume.VolumeId); err != nil {
		return "", err
	}
	if _, err := a.ec2.DeleteSnapshot(ctx, &ec2.DeleteSnapshotInput{SnapshotId: snapshot.SnapshotId}); err != nil {
		return "", fmt.Errorf("deleting the snapshot: %w", err)
	}
	return *volume.VolumeId, nil
}

func waitForSnapshot(ctx context.Context, a *account, id string) error {
	return until(ctx, func() (bool, error) {
		out, err := a.ec2.DescribeSnapshots(ctx, &ec2.DescribeSnapshotsInput{SnapshotIds: []string{id}})
		if err != nil {
			return false, fmt.Errorf("looking at snapshot %s: %w", id, err)
		}
		switch s := out.Snapshots[0]; s.State {
		case ec2types.SnapshotStateCompleted:
			return true, nil
		case ec2types.SnapshotStateError:
			return false, fmt.Errorf("snapshot %s failed: %s", id, aws.ToString(s.StateMessage))
		default:
			return false, nil
		}
	})
}

func waitForVolume(ctx context.Context, a *account, id string) error {
	return until(ctx, func() (bool, error) {
		out, err := a.ec2.DescribeVolumes(ctx, &ec2.DescribeVolumesInput{VolumeIds: []string{id}})
		if err != nil {
			return false, fmt.Errorf("looking at volume %s: %w", id, err)
		}
		switch out.Volumes[0].State {
		case ec2types.VolumeStateAvailable:
			return true, nil
		case ec2types.VolumeStateError:
			return false, fmt.Errorf("volume %s failed", id)
		default:
			return false, nil
		}
	})
}
