package rds

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/aws/aws-sdk-go-v2/service/rds/types"

	"strongroom/arn"
	"strongroom/internal/api"
	fleet "strongroom/internal/resource/rds"
	"strongroom/internal/state"
)

// snapshotOf is the row of a new manual snapshot of an instance.
func snapshotOf(i instance, id string, tags map[string]string) state.DBSnapshot {
	snap := fleet.NewSnapshot(state.InstanceSnapshot, id, i.database)
	snap.SourceID, snap.SourceCreated, snap.Settings = i.ID, i.CreatedAt, i.Settings
	snap.Tags = map[string]string{}
	if i.Settings.CopyTags {
		maps.Copy(snap.Tags, i.Tags)
	}
	maps.Copy(snap.Tags, tags)
	return snap
}

// enterSnapshot enters a snapshot, unless its identifier is taken.
func enterSnapshot(ctx context.Context, f *fleet.Fleet, tx *state.Tx, snap state.DBSnapshot) (state.DBSnapshot, error) {
	entered, err := f.EnterSnapshot(ctx, tx, snap)
	if errors.Is(err, state.ErrExists) {
		return snap, errSnapshotExists(snap.ID)
	}
	return entered, err
}

// CreateDBSnapshot takes a snapshot of an instance as it is now. It is creating when the call returns.
func (s *Service) CreateDBSnapshot(ctx context.Context, c *api.Caller, in *rds.CreateDBSnapshotInput) (*rds.CreateDBSnapshotOutput, error) {
	id, tags, err := snapshotNamed(c, in)
	if err != nil {
		return nil, err
	}
	i, err := s.find(ctx, c, in.DBInstanceIdentifier)
	if err != nil {
		return nil, err
	}
	if i.ClusterID != "" {
		return nil, errValue("The specified instance is a member of a cluster and a snapshot cannot be created directly. Please use the CreateDBClusterSnapshot API instead.")
	}
	snap := snapshotOf(i, id, tags)
	if err := s.Fleet.GrantArchive(ctx, c, snap.KeyARN, fleet.Location(snap.Source())); err != nil {
		return nil, err
	}
	err = s.DB.Update(ctx, func(ctx context.Context, tx *state.Tx) error {
		i, err := find(ctx, tx, c, in.DBInstanceIdentifier)
		if err != nil {
			return err
		}
		if i.status() != "available" {
			return api.Errorf("InvalidDBInstanceState", "Cannot create a snapshot because the database instance %s is not currently in the available state.", i.ID)
		}
		snap, err = enterSnapshot(ctx, s.Fleet, tx, snap)
		return err
	})
	if err != nil {
		return nil, err
	}
	s.Fleet.Take(snap)
	d := describeSnapshot(snap)
	return &rds.CreateDBSnapshotOutput{DBSnapshot: &d}, nil
}

// snapshotNamed checks what a call that takes a snapshot names it.
func snapshotNamed(c *api.Caller, in *rds.CreateDBSnapshotInput) (id string, tags map[string]string, err error) {
	if id, err = identifier("DBSnapshotIdentifier", in.DBSnapshotIdentifier, longestSnapshot); err != nil {
		return "", nil, err
	}
	tags, err = tagsFrom(c, in.Tags)
	return id, tags, err
}

func (s *Service) createSnapshotAccess(ctx context.Context, c *api.Caller, in *rds.CreateDBSnapshotInput) ([]api.Access, error) {
	id, tags, err := snapshotNamed(c, in)
	if err != nil {
		return named(err, "rds:CreateDBSnapshot", nameOf(c, "snapshot", in.DBSnapshotIdentifier))
	}
	i, err := s.find(ctx, c, in.DBInstanceIdentifier)
	if err != nil {
		return named(err, "rds:CreateDBSnapshot", nameOf(c, "db", in.DBInstanceIdentifier))
	}
	return fleet.CreateSnapshotAccess(i.DBInstance, i.database, id, tags), nil
}

// visible finds a snapshot of the caller's Region by its identifier, or, if it is another account's and shared with the
// caller's, by its ARN.
func (s *Service) visible(ctx context.Context, c *api.Caller, given *string) (snap state.DBSnapshot, err error) {
	if deref(given) == "" {
		return snap, errMissing("DBSnapshotIdentifier")
	}
	account, id := c.AccountID, strings.ToLower(*given)
	if a, err := arn.Parse(*given); err == nil {
		kind, name := a.Split()
		if a.Service != "rds" || kind != "snapshot" || a.Region != c.Region {
			return snap, errSnapshotNotFound(*given)
		}
		account, id = a.AccountID, strings.ToLower(name)
	}
	err = s.DB.View(ctx, func(ctx context.Context, tx *state.Tx) (err error) {
		snap, err = tx.DBSnapshot(ctx, state.InstanceSnapshot, account, c.Region, id)
		return err
	})
	if errors.Is(err, state.ErrNotFound) || (err == nil && !snap.VisibleTo(c.AccountID)) {
		return state.DBSnapshot{}, errSnapshotNotFound(*given)
	}
	return snap, err
}

// usable finds a snapshot that instances and copies can be made from.
func (s *Service) usable(ctx context.Context, c *api.Caller, given *string) (state.DBSnapshot, error) {
	snap, err := s.visible(ctx, c, given)
	if err == nil && snap.Status != "available" {
		return snap, api.Errorf("InvalidDBSnapshotState", "The snapshot %s is not in available state: it is %s.", snap.ID, snap.Status)
	}
	return snap, err
}

// owned finds a snapshot of the caller's account.
func (s *Service) owned(ctx context.Context, c *api.Caller, given *string) (state.DBSnapshot, error) {
	snap, err := s.visible(ctx, c, given)
	if err == nil && snap.AccountID != c.AccountID {
		return snap, errSnapshotNotFound(deref(given))
	}
	return snap, err
}

// DeleteDBSnapshot deletes a snapshot that AWS Backup does not manage.
func (s *Service) DeleteDBSnapshot(ctx context.Context, c *api.Caller, in *rds.DeleteDBSnapshotInput) (*rds.DeleteDBSnapshotOutput, error) {
	snap, err := s.owned(ctx, c, in.DBSnapshotIdentifier)
	if err != nil {
		return nil, err
	}
	switch err := s.Fleet.DeleteSnapshot(ctx, snap.Point); {
	case errors.Is(err, fleet.ErrManaged):
		return nil, api.Errorf("InvalidDBSnapshotState", "The snapshot %s is managed by AWS Backup and cannot be deleted through RDS: delete its recovery point.", snap.ID)
	case errors.Is(err, fleet.ErrInUse):
		return nil, api.Errorf("InvalidDBSnapshotState", "Cannot delete the snapshot %s because it is being copied or restored.", snap.ID)
	case errors.Is(err, state.ErrNotFound):
		if snap, err := s.owned(ctx, c, in.DBSnapshotIdentifier); err == nil {
			return nil, api.Errorf("InvalidDBSnapshotState", "Cannot delete the snapshot because it is currently %s.", snap.Status)
		}
		return nil, errSnapshotNotFound(snap.ID)
	case err != nil:
		return nil, err
	}
	snap.Status = "deleted"
	d := describeSnapshot(snap)
	return &rds.DeleteDBSnapshotOutput{DBSnapshot: &d}, nil
}

func (s *Service) deleteSnapshotAccess(ctx context.Context, c *api.Caller, in *rds.DeleteDBSnapshotInput) ([]api.Access, error) {
	snap, err := s.owned(ctx, c, in.DBSnapshotIdentifier)
	return snapshotAccess(c, "DeleteDBSnapshot", in.DBSnapshotIdentifier, snap, err)
}

// DescribeDBSnapshots lists snapshots: the caller's own, and, where asked, those shared with it.
func (s *Service) DescribeDBSnapshots(ctx context.Context, c *api.Caller, in *rds.DescribeDBSnapshotsInput) (*rds.DescribeDBSnapshotsOutput, error) {
	all, err := s.snapshots(ctx, c, in)
	if err != nil {
		return nil, err
	}
	if all, err = filtered(all, in.Filters, snapshotFilters); err != nil {
		return nil, err
	}
	all, next, err := page(s.Pages, "DescribeDBSnapshots", c, all, in.MaxRecords, in.Marker, snapshotPosition)
	if err != nil {
		return nil, err
	}
	out := &rds.DescribeDBSnapshotsOutput{Marker: next, DBSnapshots: []types.DBSnapshot{}}
	for _, snap := range all {
		out.DBSnapshots = append(out.DBSnapshots, describeSnapshot(snap))
	}
	return out, nil
}

func snapshotPosition(s state.DBSnapshot) string { return s.ID + " " + s.AccountID }

// snapshotFilters are those of https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_DescribeDBSnapshots.html
var snapshotFilters = map[string]func(state.DBSnapshot) string{
	"db-instance-id":  func(s state.DBSnapshot) string { return s.SourceID },
	"db-snapshot-id":  func(s state.DBSnapshot) string { return s.ID },
	"dbi-resource-id": func(s state.DBSnapshot) string { return s.DatabaseID },
	"snapshot-type":   func(s state.DBSnapshot) string { return s.Type },
	"engine":          func(s state.DBSnapshot) string { return s.Engine },
}

// snapshots are those that a call means.
func (s *Service) snapshots(ctx context.Context, c *api.Caller, in *rds.DescribeDBSnapshotsInput) ([]state.DBSnapshot, error) {
	if in.DBSnapshotIdentifier != nil {
		snap, err := s.visible(ctx, c, in.DBSnapshotIdentifier)
		return []state.DBSnapshot{snap}, err
	}
	kind := deref(in.SnapshotType)
	if !slices.Contains([]string{"", "automated", "manual", "shared", "public", "awsbackup"}, kind) {
		return nil, errValue("Invalid snapshot type: %s", kind)
	}
	var all, shared []state.DBSnapshot
	err := s.DB.View(ctx, func(ctx context.Context, tx *state.Tx) (err error) {
		if all, err = tx.DBSnapshots(ctx, state.InstanceSnapshot, c.AccountID, c.Region); err != nil {
			return err
		}
		shared, err = tx.DBSnapshotsSharedIn(ctx, state.InstanceSnapshot, c.Region)
		return err
	})
	if err != nil {
		return nil, err
	}
	all = slices.DeleteFunc(all, func(snap state.DBSnapshot) bool { return kind != "" && snap.Type != kind })
	withShared, withPublic := kind == "shared" || deref(in.IncludeShared), kind == "public" || deref(in.IncludePublic)
	for _, snap := range shared {
		foreign := snap.AccountID != c.AccountID && snap.VisibleTo(c.AccountID)
		if foreign && ((withPublic && snap.Public()) || (withShared && slices.Contains(snap.SharedWith, c.AccountID))) {
			all = append(all, snap)
		}
	}
	all = slices.DeleteFunc(all, func(snap state.DBSnapshot) bool {
		return (in.DBInstanceIdentifier != nil && snap.SourceID != instanceID(in.DBInstanceIdentifier)) ||
			(in.DbiResourceId != nil && snap.DatabaseID != *in.DbiResourceId)
	})
	slices.SortFunc(all, func(a, b state.DBSnapshot) int { return cmp.Compare(snapshotPosition(a), snapshotPosition(b)) })
	return all, nil
}

func (s *Service) describeSnapshotsAccess(ctx context.Context, c *api.Caller, in *rds.DescribeDBSnapshotsInput) ([]api.Access, error) {
	if in.DBSnapshotIdentifier == nil {
		return []api.Access{{Action: "rds:DescribeDBSnapshots", Resource: fleet.SnapshotARN(state.InstanceSnapshot, c.AccountID, c.Region, "*")}}, nil
	}
	snap, err := s.visible(ctx, c, in.DBSnapshotIdentifier)
	return snapshotAccess(c, "DescribeDBSnapshots", in.DBSnapshotIdentifier, snap, err)
}

// snapshotAccess is the question whether the caller may do something to a snapshot, which was found or not.
func snapshotAccess(c *api.Caller, action string, given *string, snap state.DBSnapshot, err error) ([]api.Access, error) {
	if err != nil {
		return named(err, "rds:"+action, nameOf(c, "snapshot", given))
	}
	return []api.Access{{
		Action: "rds:" + action, Resource: fleet.SnapshotARN(snap.Kind, snap.AccountID, snap.Region, snap.ID), Context: fleet.SnapshotConditions(snap),
	}}, nil
}

// describeSnapshot is the SDK's form of a snapshot.
func describeSnapshot(s state.DBSnapshot) types.DBSnapshot {
	set, encrypted, progress, port := s.Settings, s.KeyARN != "", int32(s.Progress), int32(s.Port)
	name, target := fleet.SnapshotARN(s.Kind, s.AccountID, s.Region, s.ID), "region"
	out := types.DBSnapshot{
		AllocatedStorage: &set.AllocatedStorage, AvailabilityZone: text(set.AvailabilityZone), DBInstanceIdentifier: &s.SourceID, DBSnapshotArn: &name,
		DBSnapshotIdentifier: &s.ID, DbiResourceId: &s.DatabaseID, Encrypted: &encrypted, Engine: &s.Engine, EngineVersion: &s.EngineVersion,
		IAMDatabaseAuthenticationEnabled: &set.IAMAuthentication, InstanceCreateTime: s.SourceCreated.Ptr(), Iops: number(set.IOPS), KmsKeyId: text(s.KeyARN),
		LicenseModel: text(set.LicenseModel), MasterUsername: text(s.MasterUsername), OptionGroupName: text(set.OptionGroup),
		OriginalSnapshotCreateTime: s.OriginalAt.Ptr(), SnapshotCreateTime: s.CreatedAt.Ptr(), PercentProgress: &progress, Port: &port, SnapshotTarget: &target, SnapshotType: &s.Type,
		Status: &s.Status, StorageThroughput: number(set.Throughput), StorageType: text(set.StorageType), TagList: tagsOf(s.Tags),
	}
	if s.Status == "available" && s.SizeBytes > 0 {
		out.FullSnapshotSizeInBytes = &s.SizeBytes
	}
	if a, err := arn.Parse(s.CopiedFrom); err == nil {
		out.SourceDBSnapshotIdentifier, out.SourceRegion = text(s.CopiedFrom), text(a.Region)
	}
	return out
}
