package ec2

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strconv"

	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"strongroom/internal/api"
	"strongroom/internal/resource/ebs"
	"strongroom/internal/state"
)

// visible finds a snapshot of the caller's Region that the caller's account owns or that is shared with it.
func (s *Service) visible(ctx context.Context, c *api.Caller, id *string) (state.Snapshot, error) {
	switch {
	case deref(id) == "":
		return state.Snapshot{}, errMissing("snapshotId")
	case !snapshotID.MatchString(*id):
		return state.Snapshot{}, api.Errorf("InvalidSnapshotID.Malformed", "Invalid id: \"%s\" (expecting \"snap-...\")", *id)
	}
	snap, err := s.Engine.Snapshot(ctx, *id)
	if errors.Is(err, state.ErrNotFound) || (err == nil && (snap.Region != c.Region || snap.State == "deleting" || !snap.VisibleTo(c.AccountID))) {
		return state.Snapshot{}, errSnapshotNotFound(*id)
	}
	return snap, err
}

// usable finds a snapshot that volumes and copies can be made from.
func (s *Service) usable(ctx context.Context, c *api.Caller, id *string) (state.Snapshot, error) {
	snap, err := s.visible(ctx, c, id)
	switch {
	case err != nil:
		return snap, err
	case snap.State != "completed":
		return snap, api.Errorf("IncorrectState", "Snapshot is in invalid state - %s", snap.State)
	case snap.Archived(s.now()):
		return snap, api.Errorf("IncorrectState", "The snapshot %s is archived. Restore it to the standard tier before you use it.", snap.ID)
	}
	return snap, nil
}

// owned finds a snapshot of the caller's account. One that is only shared with it is not the caller's to change.
func (s *Service) owned(ctx context.Context, c *api.Caller, id *string) (state.Snapshot, error) {
	snap, err := s.visible(ctx, c, id)
	if err == nil && snap.AccountID != c.AccountID {
		return snap, api.Errorf("UnauthorizedOperation", "You are not authorized to perform this operation.").WithStatus(403)
	}
	return snap, err
}

func (s *Service) ownedAccess(ctx context.Context, c *api.Caller, operation string, id *string) ([]api.Access, error) {
	snap, err := s.owned(ctx, c, id)
	if err != nil {
		return nil, err
	}
	return []api.Access{{
		Action: "ec2:" + operation, Resource: ebs.SnapshotARN(snap.Region, snap.ID), ResourceAccountID: snap.AccountID,
		Context: ebs.SnapshotConditions(snap),
	}}, nil
}

// CreateSnapshot takes a snapshot of a volume as it is now. It is pending at first.
func (s *Service) CreateSnapshot(ctx context.Context, c *api.Caller, in *ec2.CreateSnapshotInput) (*ec2.CreateSnapshotOutput, error) {
	v, err := s.volume(ctx, c, in.VolumeId)
	if err != nil {
		return nil, err
	}
	tags, err := tagsFor(types.ResourceTypeSnapshot, in.TagSpecifications)
	if err != nil {
		return nil, err
	}
	if len(deref(in.Description)) > 255 {
		return nil, api.Errorf("InvalidParameterValue", "The description must be at most 255 characters long.")
	}
	if err := dryRun(in.DryRun); err != nil {
		return nil, err
	}
	row, err := s.Engine.CreateSnapshot(ctx, c, v, deref(in.Description), tags)
	if err != nil {
		return nil, err
	}
	d := describeSnapshot(row)
	return &ec2.CreateSnapshotOutput{
		Description: d.Description, Encrypted: d.Encrypted, KmsKeyId: d.KmsKeyId, OwnerId: d.OwnerId, Progress: d.Progress,
		SnapshotId: d.SnapshotId, StartTime: d.StartTime, State: d.State, StorageTier: d.StorageTier, Tags: d.Tags,
		VolumeId: d.VolumeId, VolumeSize: d.VolumeSize,
	}, nil
}

func (s *Service) createSnapshotAccess(ctx context.Context, c *api.Caller, in *ec2.CreateSnapshotInput) ([]api.Access, error) {
	v, err := s.volume(ctx, c, in.VolumeId)
	if err != nil {
		return nil, err
	}
	tags, err := tagsFor(types.ResourceTypeSnapshot, in.TagSpecifications)
	if err != nil {
		return nil, err
	}
	return ebs.CreateSnapshotAccess(v, tags), nil
}

// CopySnapshot copies a snapshot of any Region, the caller's own or one shared with it, into the caller's Region.
func (s *Service) CopySnapshot(ctx context.Context, c *api.Caller, in *ec2.CopySnapshotInput) (*ec2.CopySnapshotOutput, error) {
	if deref(in.DestinationOutpostArn) != "" || deref(in.DestinationAvailabilityZone) != "" {
		return nil, api.NotImplemented("CopySnapshot to an Outpost or a Local Zone")
	}
	from, err := s.copied(ctx, c, in)
	if err != nil {
		return nil, err
	}
	tags, err := tagsFor(types.ResourceTypeSnapshot, in.TagSpecifications)
	if err != nil {
		return nil, err
	}
	keyARN, err := s.keyFor(ctx, c, in.Encrypted, in.KmsKeyId, from)
	if err != nil {
		return nil, err
	}
	if keyARN != "" {
		if keyARN, err = s.Engine.ResolveKey(ctx, c, keyARN); err != nil {
			return nil, err
		}
	}
	if err := dryRun(in.DryRun); err != nil {
		return nil, err
	}
	row, err := s.Engine.CopySnapshot(ctx, c, from, keyARN, deref(in.Description), tags)
	if errors.Is(err, state.ErrNotFound) {
		return nil, errSnapshotNotFound(from.ID)
	}
	return &ec2.CopySnapshotOutput{SnapshotId: &row.ID, Tags: tagsOf(tags)}, err
}

// copied finds the snapshot to copy.
func (s *Service) copied(ctx context.Context, c *api.Caller, in *ec2.CopySnapshotInput) (state.Snapshot, error) {
	source := deref(in.SourceRegion)
	if source == "" {
		return state.Snapshot{}, errMissing("sourceRegion")
	}
	if _, known := regionOf(source); !known {
		return state.Snapshot{}, errValue("source-region", source, "Unknown Region.")
	}
	return s.usable(ctx, c.In(source), in.SourceSnapshotId)
}

func (s *Service) copySnapshotAccess(ctx context.Context, c *api.Caller, in *ec2.CopySnapshotInput) ([]api.Access, error) {
	if _, err := s.copied(ctx, c, in); err != nil {
		return nil, err
	}
	tags, err := tagsFor(types.ResourceTypeSnapshot, in.TagSpecifications)
	if err != nil {
		return nil, err
	}
	// EC2 authorizes a copy by the snapshot to be made; whether the source may be read is decided by its sharing and
	// its key.
	resource := ebs.SnapshotARN(c.Region, "*")
	keys := map[string][]string{"ec2:Region": {c.Region}, "ec2:Owner": {c.AccountID}}
	accesses := []api.Access{{Action: "ec2:CopySnapshot", Resource: resource, Context: api.WithRequestTags(keys, tags)}}
	return ebs.TaggedOnCreation(accesses, "CopySnapshot", resource, keys, tags), nil
}

// DeleteSnapshot deletes a snapshot that AWS Backup does not manage.
func (s *Service) DeleteSnapshot(ctx context.Context, c *api.Caller, in *ec2.DeleteSnapshotInput) (*ec2.DeleteSnapshotOutput, error) {
	snap, err := s.owned(ctx, c, in.SnapshotId)
	if err != nil {
		return nil, err
	}
	if err := dryRun(in.DryRun); err != nil {
		return nil, err
	}
	switch err := s.Engine.DeleteSnapshot(ctx, snap.ID); {
	case errors.Is(err, ebs.ErrManaged):
		return nil, api.Errorf("InvalidParameterValue", "This snapshot is managed by the AWS Backup service and cannot be "+
			"deleted via EC2 APIs. If you wish to delete this snapshot, please do so via the Backup console.")
	case errors.Is(err, ebs.ErrLocked):
		return nil, api.Errorf("OperationNotPermitted", "The snapshot %s is locked and cannot be deleted.", snap.ID)
	case errors.Is(err, ebs.ErrInUse):
		return nil, api.Errorf("InvalidSnapshot.InUse", "The snapshot %s is currently in use by a snapshot or volume that is being made of it.", snap.ID)
	case errors.Is(err, state.ErrNotFound):
		return nil, errSnapshotNotFound(snap.ID)
	case err != nil:
		return nil, err
	}
	return &ec2.DeleteSnapshotOutput{}, nil
}

func (s *Service) deleteSnapshotAccess(ctx context.Context, c *api.Caller, in *ec2.DeleteSnapshotInput) ([]api.Access, error) {
	return s.ownedAccess(ctx, c, "DeleteSnapshot", in.SnapshotId)
}

func describeSnapshot(s state.Snapshot) types.Snapshot {
	encrypted, progress := s.KeyARN != "", strconv.FormatInt(s.Progress, 10)+"%"
	d := types.Snapshot{
		Description: &s.Description, Encrypted: &encrypted, KmsKeyId: text(s.KeyARN), OwnerId: &s.AccountID, Progress: &progress,
		SnapshotId: &s.ID, StartTime: s.Created.Ptr(), CompletionTime: s.Completed.Ptr(), State: types.SnapshotState(s.State),
		StateMessage: text(s.Message), StorageTier: tierOf(s), RestoreExpiryTime: s.Tier.Temporary.Ptr(), Tags: tagsOf(s.Tags), VolumeId: &s.VolumeID,
		VolumeSize: number(s.SizeGiB),
	}
	if s.State == "completed" && s.FullSize > 0 {
		d.FullSnapshotSizeInBytes = &s.FullSize
	}
	if s.Source == "copy" {
		d.TransferType = types.TransferTypeStandard
	}
	return d
}

// snapshots lists the snapshots that a call means: those named, or all of certain owners, or all the caller may use.
func (s *Service) snapshots(ctx context.Context, c *api.Caller, in *ec2.DescribeSnapshotsInput) ([]state.Snapshot, error) {
	var all []state.Snapshot
	if len(in.SnapshotIds) > 0 {
		for _, id := range slices.Compact(slices.Sorted(slices.Values(in.SnapshotIds))) {
			snap, err := s.visible(ctx, c, &id)
			if err != nil {
				return nil, err
			}
			all = append(all, snap)
		}
	} else {
		err := s.DB.View(ctx, func(ctx context.Context, tx *state.Tx) error {
			own, err := tx.Snapshots(ctx, c.AccountID, c.Region)
			if err != nil {
				return err
			}
			shared, err := tx.SnapshotsSharedIn(ctx, c.Region)
			all = append(own, slices.DeleteFunc(shared, func(snap state.Snapshot) bool {
				return snap.AccountID == c.AccountID || !snap.VisibleTo(c.AccountID)
			})...)
			return err
		})
		if err != nil {
			return nil, err
		}
		slices.SortFunc(all, func(a, b state.Snapshot) int { return cmp.Compare(a.ID, b.ID) })
	}
	return slices.DeleteFunc(all, func(snap state.Snapshot) bool {
		return snap.State == "deleting" || !ownedBy(snap, c, in.OwnerIds) || !restorableBy(snap, c, in.RestorableByUserIds)
	}), nil
}

func ownedBy(snap state.Snapshot, c *api.Caller, owners []string) bool {
	return len(owners) == 0 || slices.Contains(owners, snap.AccountID) ||
		(snap.AccountID == c.AccountID && slices.Contains(owners, "self"))
}

func restorableBy(snap state.Snapshot, c *api.Caller, users []string) bool {
	if len(users) == 0 {
		return true
	}
	return slices.ContainsFunc(users, func(user string) bool {
		switch user {
		case "self":
			return snap.VisibleTo(c.AccountID)
		case "all":
			return snap.Public()
		}
		// Whom a snapshot of another account is shared with is not the caller's to know, but for itself.
		return (snap.AccountID == c.AccountID || user == c.AccountID) && snap.VisibleTo(user)
	})
}

var snapshotFilters = []string{
	"description", "encrypted", "owner-alias", "owner-id", "progress", "snapshot-id", "start-time", "status", "storage-tier",
	"tag:*", "tag-key", "transfer-type", "volume-id", "volume-size",
}

func snapshotValues(s state.Snapshot, filter string) ([]string, bool) {
	value := ""
	switch filter {
	case "description":
		value = s.Description
	case "encrypted":
		value = strconv.FormatBool(s.KeyARN != "")
	case "owner-id":
		value = s.AccountID
	case "progress":
		value = strconv.FormatInt(s.Progress, 10) + "%"
	case "snapshot-id":
		value = s.ID
	case "start-time":
		value = s.Created.Time().Format("2006-01-02T15:04:05.000Z")
	case "status":
		value = s.State
	case "storage-tier":
		value = string(tierOf(s))
	case "transfer-type":
		return []string{string(types.TransferTypeStandard)}, s.Source == "copy"
	case "volume-id":
		value = s.VolumeID
	case "volume-size":
		value = strconv.FormatInt(s.SizeGiB, 10)
	default:
		return tagValues(s.Tags, filter)
	}
	return []string{value}, true
}

// DescribeSnapshots lists snapshots: the caller's own and those shared with it.
func (s *Service) DescribeSnapshots(ctx context.Context, c *api.Caller, in *ec2.DescribeSnapshotsInput) (*ec2.DescribeSnapshotsOutput, error) {
	if err := dryRun(in.DryRun); err != nil {
		return nil, err
	}
	if len(in.SnapshotIds) > 0 && in.MaxResults != nil {
		return nil, errNamedAndPaged("snapshotIds")
	}
	rows, err := s.snapshots(ctx, c, in)
	if err != nil {
		return nil, err
	}
	if rows, err = filtered(rows, in.Filters, snapshotValues, snapshotFilters...); err != nil {
		return nil, err
	}
	rows, next, err := page(s.Pages, "ec2:DescribeSnapshots", c, rows, in.MaxResults, in.NextToken, func(v state.Snapshot) string { return v.ID })
	if err != nil {
		return nil, err
	}
	out := &ec2.DescribeSnapshotsOutput{NextToken: next}
	for _, row := range rows {
		out.Snapshots = append(out.Snapshots, describeSnapshot(row))
	}
	return out, nil
}
