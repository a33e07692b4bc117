package ebs

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	kmstypes "github.com/aws/aws-sdk-go-v2/service/kms/types"

	"strongroom/archive"
	"strongroom/arn"
	"strongroom/internal/api"
	"strongroom/internal/resource"
	"strongroom/internal/state"
	"strongroom/rules"
)

// sourceTag is the tag by which AWS Backup tells what a snapshot is of.
const sourceTag = "aws:backup:source-resource"

// managedTag is the tag by which AWS Backup's service-linked role knows the copies that are its to delete.
const managedTag = "AWSBackupManagedResource"

// Kind is EBS volumes as protected resources. A recovery point is a snapshot in EC2's catalogue, whose blocks lie in the
// archive of its vault.
type Kind struct{ engine *Engine }

var _ resource.Native = (*Kind)(nil)

// NewKind returns the kind.
func NewKind(e *Engine) *Kind { return &Kind{e} }

// Type implements [resource.Kind].
func (k *Kind) Type() string { return "EBS" }

// Owns implements [resource.Kind].
func (k *Kind) Owns(_ context.Context, a arn.ARN) (bool, error) {
	return a.Service == "ec2" && strings.HasPrefix(a.Resource, "volume/"), nil
}

// List implements [resource.Kind].
func (k *Kind) List(ctx context.Context, accountID, region string) ([]resource.Description, error) {
	var rows []state.Volume
	err := k.engine.DB.View(ctx, func(ctx context.Context, tx *state.Tx) (err error) {
		rows, err = tx.Volumes(ctx, accountID, region)
		return err
	})
	var all []resource.Description
	for _, v := range rows {
		if v.State == "available" {
			all = append(all, describe(v))
		}
	}
	return all, err
}

func describe(v state.Volume) resource.Description {
	return resource.Description{
		ARN: arn.New("ec2", v.Region, v.AccountID, "volume/"+v.ID), Type: "EBS", Name: v.ID, AccountID: v.AccountID,
		Region: v.Region, SizeBytes: v.SizeGiB * GiB, KeyARN: v.KeyARN, Tags: maps.Clone(v.Tags),
		Metadata: map[string]string{"encrypted": strconv.FormatBool(v.KeyARN != ""), "volumeId": v.ID},
	}
}

// Describe implements [resource.Kind]. The caller needs ec2:DescribeVolumes.
func (k *Kind) Describe(ctx context.Context, c *api.Caller, r arn.ARN) (resource.Description, error) {
	id := strings.TrimPrefix(r.Resource, "volume/")
	_, err := api.Call[ec2.DescribeVolumesOutput](ctx, k.engine.Door, c.In(r.Region), &ec2.DescribeVolumesInput{VolumeIds: []string{id}})
	if err != nil {
		return resource.Description{}, jobError(err, c, rules.ServiceDenied)
	}
	v, err := k.engine.Volume(ctx, id)
	if err != nil {
		return resource.Description{}, gone(err, c)
	}
	return describe(v), nil
}

// Reads implements [resource.Reader].
func (k *Kind) Reads(r arn.ARN) []any {
	return []any{&ec2.DescribeVolumesInput{VolumeIds: []string{strings.TrimPrefix(r.Resource, "volume/")}}}
}

// snapshotID is the snapshot that a job makes.
func snapshotID(jobID string) string {
	sum := sha256.Sum256([]byte(jobID))
	return "snap-" + hex.EncodeToString(sum[:])[:17]
}

// RecoveryPointARN implements [resource.Kind].
func (k *Kind) RecoveryPointARN(d resource.Description, jobID string, _ state.Micros) arn.ARN {
	return arn.New("ec2", d.Region, "", "snapshot/"+snapshotID(jobID))
}

// CopyRecoveryPointARN implements [resource.Kind].
func (k *Kind) CopyRecoveryPointARN(_ state.RecoveryPoint, _, region, copyJobID string) arn.ARN {
	return arn.New("ec2", region, "", "snapshot/"+snapshotID(copyJobID))
}

// Backup implements [resource.Kind]. The caller needs ec2:CreateSnapshot on the volume and on snapshots, ec2:CreateTags,
// and for an encrypted volume kms:DescribeKey and kms:CreateGrant on its key through EC2. What the volume held when it
// was frozen is kept in the point as its metadata: a job that is run again finds it there.
func (k *Kind) Backup(ctx context.Context, c *api.Caller, d resource.Description, r resource.BackupRequest) (resource.Result, error) {
	v, err := k.engine.Volume(ctx, strings.TrimPrefix(d.ARN.Resource, "volume/"))
	if err != nil {
		return resource.Result{}, gone(err, c)
	}
	c = c.In(v.Region)
	if err := k.engine.Door.Authorize(ctx, c, "ec2", CreateSnapshotAccess(v, map[string]string{sourceTag: d.ARN.String()})...); err != nil {
		return resource.Result{}, jobError(err, c, rules.ServiceDenied)
	}
	if v.KeyARN != "" {
		_, err := k.engine.grant(ctx, c, v.KeyARN, map[string]string{archive.ContextVault: r.Domain.Vault().ID()},
			kmstypes.GrantOperationDecrypt, kmstypes.GrantOperationGenerateDataKey)
		if err != nil {
			return resource.Result{}, err
		}
	}
	if done, err := result(ctx, v, r, 0); !errors.Is(err, archive.ErrNoPoint) {
		return done, err
	}
	read, err := k.engine.backup(ctx, v, r)
	if err != nil {
		return resource.Result{}, err
	}
	return result(ctx, v, r, read)
}

// result is what the committed point tells of the backup.
func result(ctx context.Context, v state.Volume, r resource.BackupRequest, read int64) (resource.Result, error) {
	p, err := r.Domain.Open(ctx, r.Point)
	if err != nil {
		return resource.Result{}, err
	}
	made := p.Summary()
	return resource.Result{
		SizeBytes: v.SizeGiB * GiB, Transferred: read, New: int64(made.NewBytes), Stored: int64(made.StoredBytes),
		Entries: blocksOf(int64(made.LogicalBytes)), State: string(p.Metadata()),
	}, nil
}

// backup writes what changed since the parent, or everything, into the request's domain, and returns the bytes read.
func (e *Engine) backup(ctx context.Context, v state.Volume, r resource.BackupRequest) (int64, error) {
	volume, err := e.Open(ctx, v.ID)
	if err != nil {
		return 0, err
	}
	defer volume.Close() //nolint:errcheck // only read from
	since, ok := generationOf(v.ID, r.ParentState)
	if !ok || r.Parent == "" {
		since, r.Parent = 0, ""
	}
	if r.Parent != "" {
		if _, err := r.Domain.Open(ctx, r.Parent); errors.Is(err, archive.ErrNoPoint) {
			since, r.Parent = 0, "" // deleted meanwhile: a full backup is as good
		} else if err != nil {
			return 0, err
		}
	}
	view, err := volume.disk.freeze(since, "")
	if err != nil {
		return 0, err
	}
	defer view.Close() //nolint:errcheck // only read from
	_, err = writeView(ctx, r.Domain, archive.WriteOptions{
		Point: r.Point, Parent: r.Parent, Size: volume.Size(), Metadata: []byte(fmt.Sprintf("%s:%d", v.ID, view.Generation)),
	}, volume.sectors, view, r.Progress)
	return int64(len(view.Blocks())) * BlockSize, err
}

// generationOf reads the state that a backup of the volume returned.
func generationOf(volumeID, text string) (uint32, bool) {
	id, number, _ := strings.Cut(text, ":")
	generation, err := strconv.ParseUint(number, 10, 32)
	return uint32(generation), err == nil && id == volumeID
}

// Size implements [resource.Sized]: the blocks of the volume that were ever written.
func (k *Kind) Size(ctx context.Context, a arn.ARN) (int64, error) {
	_, id := a.Split()
	v, err := k.engine.Volume(ctx, id)
	if err != nil {
		return 0, err
	}
	d, err := k.engine.acquire(v.Region, v.AccountID, v.ID, v.SizeGiB*GiB)
	if err != nil {
		return 0, err
	}
	written := int64(len(d.changes.between(0, d.changes.now())))
	return written * BlockSize, k.engine.release(v.ID)
}

// Restore implements [resource.Kind]: a volume is created from the recovery point's snapshot by the caller's own
// ec2:CreateVolume, and filled. A job that is run again gets the same volume.
func (k *Kind) Restore(ctx context.Context, c *api.Caller, r resource.RestoreRequest) (resource.Restored, error) {
	in, err := restoreInput(r)
	if err != nil {
		return resource.Restored{}, err
	}
	c = c.In(r.Recovery.Region)
	out, err := api.Call[ec2.CreateVolumeOutput](ctx, k.engine.Door, c, in)
	if err != nil {
		return resource.Restored{}, jobError(err, c, rules.RestoreDenied)
	}
	if err := k.engine.WaitVolume(ctx, *out.VolumeId, r.Progress); err != nil {
		if _, failed := errors.AsType[*VolumeError](err); failed {
			err = resource.Final{Err: err} // it cannot be filled a second time under one token
		}
		return resource.Restored{}, err
	}
	return resource.Restored{ARN: arn.New("ec2", c.Region, c.AccountID, "volume/"+*out.VolumeId)}, nil
}

// restoreInput makes the request of CreateVolume from restore metadata, whose keys are those of
// https://docs.aws.amazon.com/aws-backup/latest/devguide/restoring-ebs.html in any case.
func restoreInput(r resource.RestoreRequest) (*ec2.CreateVolumeInput, error) {
	point, err := arn.Parse(r.Recovery.ARN)
	if err != nil {
		return nil, err
	}
	_, id := point.Split()
	token := "restore-" + r.JobID
	in := &ec2.CreateVolumeInput{SnapshotId: &id, ClientToken: &token}
	for key, value := range r.Metadata {
		if value == "" || value == "null" {
			continue
		}
		switch strings.ToLower(key) {
		case "availabilityzone":
			in.AvailabilityZone = &value
		case "encrypted":
			var encrypted bool
			encrypted, err = strconv.ParseBool(value)
			in.Encrypted = &encrypted
		case "kmskeyid":
			in.KmsKeyId = &value
		case "volumetype":
			in.VolumeType = ec2types.VolumeType(value)
		case "volumesize":
			in.Size, err = int32Of(value)
		case "iops":
			in.Iops, err = int32Of(value)
		case "throughput":
			in.Throughput, err = int32Of(value)
		case "volumeid", "restoretype", "temporaryrestoredays", "aws:backup:request-id":
		default:
			err = errors.New("unknown")
		}
		if err != nil {
			return nil, api.Errorf("InvalidParameterValueException", "Invalid restore metadata: %s", key)
		}
	}
	if len(r.Tags) > 0 {
		tags := make([]ec2types.Tag, 0, len(r.Tags))
		for _, name := range slices.Sorted(maps.Keys(r.Tags)) {
			tags = append(tags, ec2types.Tag{Key: &name, Value: aws.String(r.Tags[name])})
		}
		in.TagSpecifications = []ec2types.TagSpecification{{ResourceType: ec2types.ResourceTypeVolume, Tags: tags}}
	}
	if in.AvailabilityZone == nil {
		return nil, api.Errorf("MissingParameterValueException", "Missing required restore metadata: availabilityZone")
	}
	return in, nil
}

func int32Of(text string) (*int32, error) {
	n, err := strconv.ParseInt(text, 10, 32)
	short := int32(n)
	return &short, err
}

// Added implements [resource.Kind]: the recovery point becomes a snapshot in EC2's catalogue.
func (k *Kind) Added(ctx context.Context, tx *state.Tx, p state.RecoveryPoint) error {
	point, err := arn.Parse(p.ARN)
	if err != nil {
		return err
	}
	_, id := point.Split()
	s := state.Snapshot{
		ID: id, AccountID: p.AccountID, Region: p.Region, VolumeID: noVolume, SizeGiB: (p.SizeBytes + GiB - 1) / GiB,
		State: "completed", Progress: 100, Description: "This snapshot is created by the AWS Backup service.",
		Created: p.CreatedAt, Completed: tx.Now, Point: p.ArchivePointID, VaultRegion: p.Region, VaultAccount: p.AccountID,
		Vault: p.VaultName, DomainKeyARN: p.ArchiveKeyARN, RecoveryPoint: p.ARN, Source: "backup",
		Tags: map[string]string{sourceTag: p.ResourceARN},
	}
	if p.IsEncrypted {
		s.KeyARN = p.KeyARN
	}
	if source, err := arn.Parse(p.ResourceARN); err == nil && p.SourcePointARN == "" {
		_, s.VolumeID = source.Split()
	}
	if p.SourcePointARN != "" {
		s.Tags[managedTag] = "true"
	}
	maps.Copy(s.Tags, p.Tags)
	return tx.InsertSnapshot(ctx, s)
}

// MayRemove implements [resource.Native]. The caller needs ec2:DeleteSnapshot on the point's snapshot.
func (k *Kind) MayRemove(ctx context.Context, c *api.Caller, p state.RecoveryPoint) error {
	var s state.Snapshot
	err := k.engine.DB.View(ctx, func(ctx context.Context, tx *state.Tx) (err error) {
		s, err = tx.SnapshotByRecoveryPoint(ctx, p.ARN)
		return err
	})
	if err != nil {
		return ignoreNotFound(err)
	}
	err = k.engine.Door.Authorize(ctx, c.In(p.Region), "ec2", api.Access{
		Action: "ec2:DeleteSnapshot", Resource: SnapshotARN(s.Region, s.ID), ResourceAccountID: s.AccountID, Context: SnapshotConditions(s),
	})
	if err != nil {
		return err
	}
	return k.engine.DB.View(ctx, func(ctx context.Context, tx *state.Tx) error {
		used, err := inUse(ctx, tx, s.ID)
		if err == nil && used {
			return resource.ErrInUse
		}
		return err
	})
}

// Removed implements [resource.Kind].
func (k *Kind) Removed(ctx context.Context, tx *state.Tx, p state.RecoveryPoint) error {
	s, err := tx.SnapshotByRecoveryPoint(ctx, p.ARN)
	if err != nil {
		return ignoreNotFound(err)
	}
	return tx.DeleteSnapshot(ctx, s.ID)
}
