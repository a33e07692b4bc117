package ebs

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ebs"
	"github.com/aws/aws-sdk-go-v2/service/ebs/types"

	"strongroom/internal/api"
	engine "strongroom/internal/resource/ebs"
	"strongroom/internal/state"
)

const maxVolumeGiB = 65536

// StartSnapshot begins a snapshot that is filled with PutSnapshotBlock.
func (s *Service) StartSnapshot(ctx context.Context, c *api.Caller, in *ebs.StartSnapshotInput) (*ebs.StartSnapshotOutput, error) {
	size := deref(in.VolumeSize)
	if size < 1 || size > maxVolumeGiB {
		return nil, invalid("INVALID_VOLUME_SIZE", "The volume size must be between 1 and %d GiB.", maxVolumeGiB)
	}
	minutes := cmp.Or(deref(in.Timeout), 60)
	if minutes < 10 || minutes > 4320 {
		return nil, invalid("INVALID_PARAMETER_VALUE", "The timeout must be between 10 and 4320 minutes.")
	}
	tags, err := tagsOf(in.Tags)
	if err != nil {
		return nil, err
	}
	keyARN, parent, err := s.sealing(ctx, c, in)
	if err != nil {
		return nil, told(err)
	}
	if parent.SizeGiB > size {
		return nil, invalid("INVALID_VOLUME_SIZE", "The volume size must be at least that of the parent snapshot, %d GiB.", parent.SizeGiB)
	}
	want := engine.Native(c.AccountID, c.Region, keyARN)
	want.SizeGiB, want.Parent, want.Description, want.Tags = size, parent.ID, deref(in.Description), tags
	want.ClientToken, want.RequestDigest = deref(in.ClientToken), digest(in)
	snap, err := s.Engine.StartUpload(ctx, c, want, time.Duration(minutes)*time.Minute)
	if errors.Is(err, engine.ErrTokenReused) {
		return nil, api.Errorf("ConflictException", "The client token was used with other parameters.").WithStatus(503)
	}
	if err != nil {
		return nil, told(err)
	}
	blockSize := int32(engine.BlockSize)
	out := &ebs.StartSnapshotOutput{
		BlockSize: &blockSize, OwnerId: &snap.AccountID, SnapshotId: &snap.ID, StartTime: snap.Created.Ptr(),
		Status: types.Status(snap.State), VolumeSize: &snap.SizeGiB, Tags: in.Tags, Description: in.Description,
		ParentSnapshotId: in.ParentSnapshotId,
	}
	if snap.KeyARN != "" {
		out.KmsKeyArn = &snap.KeyARN
	}
	return out, nil
}

// sealing chooses the key of a new snapshot: the parent's, or the one named, or the account's default where encryption
// is asked for or is the account's default; and none otherwise.
// https://docs.aws.amazon.com/ebs/latest/userguide/ebsapis-using-encryption.html
func (s *Service) sealing(ctx context.Context, c *api.Caller, in *ebs.StartSnapshotInput) (string, state.Snapshot, error) {
	var parent state.Snapshot
	if id := deref(in.ParentSnapshotId); id != "" {
		if in.Encrypted != nil || in.KmsKeyArn != nil {
			return "", parent, invalid("INVALID_PARAMETER_VALUE", "ParentSnapshotId cannot be used with Encrypted or KmsKeyArn.")
		}
		var err error
		if parent, err = s.find(ctx, c, &id); err != nil {
			return "", parent, err
		}
		if parent.State != "completed" {
			return "", parent, invalid("INVALID_SNAPSHOT_ID", "The parent snapshot is not completed.")
		}
		if parent.Archived(state.MicrosOf(s.Clock.Now())) {
			return "", parent, invalid("INVALID_SNAPSHOT_ID", "The parent snapshot is archived.")
		}
		if parent.KeyARN != "" {
			return parent.KeyARN, parent, nil
		}
	}
	var settings state.VolumeSettings
	err := s.DB.View(ctx, func(ctx context.Context, tx *state.Tx) (err error) {
		settings, err = tx.VolumeSettings(ctx, c.AccountID, c.Region)
		return err
	})
	if err != nil || (!deref(in.Encrypted) && !settings.EncryptionByDefault) {
		if err == nil && in.KmsKeyArn != nil {
			err = invalid("INVALID_PARAMETER_VALUE", "KmsKeyArn needs Encrypted to be true.")
		}
		return "", parent, err
	}
	name := deref(in.KmsKeyArn)
	if name != "" && !strings.HasPrefix(name, "arn:") {
		return "", parent, invalid("INVALID_CUSTOMER_KEY", "KmsKeyArn must be the ARN of a key.")
	}
	keyARN, err := s.Engine.ResolveKey(ctx, c, name)
	return keyARN, parent, err
}

func tagsOf(list []types.Tag) (map[string]string, error) {
	tags := map[string]string{}
	for _, t := range list {
		key := deref(t.Key)
		if _, twice := tags[key]; twice || key == "" || strings.HasPrefix(strings.ToLower(key), "aws:") || len(list) > 50 {
			return nil, invalid("INVALID_TAG", "The tag key '%s' is not valid.", key)
		}
		tags[key] = deref(t.Value)
	}
	return tags, nil
}

func digest(in any) string {
	text, err := json.Marshal(in)
	if err != nil {
		panic("an input of the SDK has no JSON form: " + err.Error())
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:])
}

func (s *Service) startSnapshotAccess(ctx context.Context, c *api.Caller, in *ebs.StartSnapshotInput) ([]api.Access, error) {
	tags, err := tagsOf(in.Tags)
	if err != nil {
		return nil, err
	}
	keys := map[string][]string{
		"ebs:VolumeSize": {strconv.FormatInt(deref(in.VolumeSize), 10)}, "ebs:Description": {deref(in.Description)},
	}
	if id := deref(in.ParentSnapshotId); id != "" {
		if _, err := s.find(ctx, c, &id); err != nil {
			return nil, err
		}
		keys["ebs:ParentSnapshot"] = []string{engine.SnapshotARN(c.Region, id)}
	}
	keys = api.WithRequestTags(keys, tags)
	resource := engine.SnapshotARN(c.Region, "*")
	accesses := []api.Access{{Action: "ebs:StartSnapshot", Resource: resource, Context: keys}}
	if len(tags) > 0 {
		accesses = append(accesses, api.Access{Action: "ec2:CreateTags", Resource: resource, Context: keys})
	}
	return accesses, nil
}

// uploading finds a snapshot of the caller's own account that takes blocks.
func (s *Service) uploading(ctx context.Context, c *api.Caller, id *string) (state.Snapshot, error) {
	snap, err := s.find(ctx, c, id)
	if err == nil && snap.AccountID != c.AccountID {
		return snap, errNotFound(snap.ID)
	}
	return snap, err
}

// PutSnapshotBlock writes one block. It is kept durably when the call returns.
func (s *Service) PutSnapshotBlock(ctx context.Context, c *api.Caller, in *ebs.PutSnapshotBlockInput) (*ebs.PutSnapshotBlockOutput, error) {
	snap, err := s.uploading(ctx, c, in.SnapshotId)
	if err != nil {
		return nil, err
	}
	index := int64(deref(in.BlockIndex))
	switch {
	case in.BlockIndex == nil || index < 0 || index >= snap.SizeGiB*engine.GiB/engine.BlockSize:
		return nil, invalid("INVALID_BLOCK", "The block index is outside the volume.")
	case deref(in.DataLength) != engine.BlockSize:
		return nil, invalid("INVALID_BLOCK", "The data length must be %d bytes.", engine.BlockSize)
	case in.Progress != nil && (*in.Progress < 0 || *in.Progress > 100):
		return nil, invalid("INVALID_PARAMETER_VALUE", "Progress must be between 0 and 100.")
	case in.ChecksumAlgorithm != types.ChecksumAlgorithmChecksumAlgorithmSha256:
		return nil, invalid("INVALID_PARAMETER_VALUE", "The checksum algorithm must be SHA256.")
	}
	data, err := io.ReadAll(io.LimitReader(in.BlockData, engine.BlockSize+1))
	if err != nil {
		return nil, err
	}
	if len(data) != engine.BlockSize {
		return nil, invalid("INVALID_BLOCK", "The block has %d bytes, not %d.", len(data), engine.BlockSize)
	}
	checksum := sumOf(data)
	if checksum != deref(in.Checksum) {
		return nil, invalid("INVALID_BLOCK", "The checksum does not match the data of the block.")
	}
	if err := s.Engine.PutBlock(ctx, snap, index, data); err != nil {
		return nil, uploadError(err, snap.ID)
	}
	if p := int64(deref(in.Progress)); p != snap.Progress && in.Progress != nil {
		if err := s.Engine.ReportProgress(ctx, snap.ID, p); err != nil {
			return nil, err
		}
	}
	return &ebs.PutSnapshotBlockOutput{Checksum: &checksum, ChecksumAlgorithm: in.ChecksumAlgorithm}, nil
}

// sumOf is the checksum of a block as the API shows it.
func sumOf(data []byte) string {
	sum := sha256.Sum256(data)
	return base64.StdEncoding.EncodeToString(sum[:])
}

func uploadError(err error, id string) error {
	switch {
	case errors.Is(err, engine.ErrNotUploading):
		return invalid("INVALID_SNAPSHOT_ID", "The snapshot %s is not open for writing.", id)
	case errors.Is(err, engine.ErrBlockCount):
		return invalid("INVALID_PARAMETER_VALUE", "The number of changed blocks does not match the number of blocks that were written to the snapshot %s.", id)
	case errors.Is(err, engine.ErrChecksum):
		return invalid("INVALID_PARAMETER_VALUE", "The checksum does not match the blocks that were written to the snapshot %s.", id)
	}
	return told(err)
}

func (s *Service) putSnapshotBlockAccess(ctx context.Context, c *api.Caller, in *ebs.PutSnapshotBlockInput) ([]api.Access, error) {
	return s.access(ctx, c, "PutSnapshotBlock", in.SnapshotId)
}

// CompleteSnapshot seals a snapshot; it is pending until its blocks are in their archive.
func (s *Service) CompleteSnapshot(ctx context.Context, c *api.Caller, in *ebs.CompleteSnapshotInput) (*ebs.CompleteSnapshotOutput, error) {
	snap, err := s.uploading(ctx, c, in.SnapshotId)
	if err != nil {
		return nil, err
	}
	if in.Checksum != nil && (in.ChecksumAggregationMethod != types.ChecksumAggregationMethodChecksumAggregationLinear ||
		in.ChecksumAlgorithm != types.ChecksumAlgorithmChecksumAlgorithmSha256) {
		return nil, invalid("INVALID_PARAMETER_VALUE", "A checksum must be SHA256, aggregated with the LINEAR method.")
	}
	if snap.Source == "direct" && snap.State == "completed" && snap.ChangedBlocks == int64(deref(in.ChangedBlocksCount)) {
		return &ebs.CompleteSnapshotOutput{Status: types.StatusCompleted}, nil
	}
	if err := s.Engine.CompleteUpload(ctx, snap, int64(deref(in.ChangedBlocksCount)), deref(in.Checksum)); err != nil {
		return nil, uploadError(err, snap.ID)
	}
	return &ebs.CompleteSnapshotOutput{Status: types.StatusPending}, nil
}

func (s *Service) completeSnapshotAccess(ctx context.Context, c *api.Caller, in *ebs.CompleteSnapshotInput) ([]api.Access, error) {
	return s.access(ctx, c, "CompleteSnapshot", in.SnapshotId)
}

// body is a block as an output carries it.
func body(data []byte) io.ReadCloser { return io.NopCloser(bytes.NewReader(data)) }
