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

// clusterSnapshotOf is the row of a new manual snapshot of a cluster.
func clusterSnapshotOf(k cluster, id string, tags map[string]string) state.DBSnapshot {
	snap := fleet.ClusterSnapshotOf(k.DBCluster, k.database, id)
	if k.Settings.CopyTags {
		maps.Copy(snap.Tags, k.Tags)
	}
	maps.Copy(snap.Tags, tags)
	return snap
}

// enterClusterSnapshot enters a snapshot, unless its identifier is taken.
func enterClusterSnapshot(ctx context.Context, f *fleet.Fleet, tx *state.Tx, snap state.DBSnapshot) (state.DBSnapshot, error) {
	entered, err := f.EnterSnapshot(ctx, tx, snap)
	if errors.Is(err, state.ErrExists) {
		return snap, errClusterSnapshotExists(snap.ID)
	}
	return entered, err
}

func errNotAvailable(k cluster) *api.Error {
	return errClusterState("Can't create a snapshot because the database cluster %s isn't currently in the available state.", k.ID)
}

// CreateDBClusterSnapshot takes a snapshot of a cluster as it is now, with instances or without. It is creating when the call
// returns.
func (s *Service) CreateDBClusterSnapshot(ctx context.Context, c *api.Caller, in *rds.CreateDBClusterSnapshotInput) (*rds.CreateDBClusterSnapshotOutput, error) {
	id, tags, err := clusterSnapshotNamed(c, in)
	if err != nil {
		return nil, err
	}
	k, err := s.findCluster(ctx, c, in.DBClusterIdentifier)
	if err != nil {
		return nil, err
	}
	snap := clusterSnapshotOf(k, id, tags)
	if err := s.Fleet.GrantArchive(ctx, c, snap.KeyARN, fleet.Location(snap.Source())); err != nil {
		return nil, err
	}
	err = s.DB.Update(ctx, func(ctx context.Context, tx *state.Tx) error {
		k, err := findCluster(ctx, tx, c, in.DBClusterIdentifier)
		if err != nil {
			return err
		}
		if !k.usable() {
			return errNotAvailable(k)
		}
		snap, err = enterClusterSnapshot(ctx, s.Fleet, tx, snap)
		return err
	})
	if err != nil {
		return nil, err
	}
	s.Fleet.Take(snap)
	return &rds.CreateDBClusterSnapshotOutput{DBClusterSnapshot: describeClusterSnapshot(snap)}, nil
}

// clusterSnapshotNamed checks what a call that takes a snapshot names it.
func clusterSnapshotNamed(c *api.Caller, in *rds.CreateDBClusterSnapshotInput) (id string, tags map[string]string, err error) {
	if id, err = identifier("DBClusterSnapshotIdentifier", in.DBClusterSnapshotIdentifier, longestInstance); err != nil {
		return "", nil, err
	}
	tags, err = tagsFrom(c, in.Tags)
	return id, tags, err
}

func (s *Service) createClusterSnapshotAccess(ctx context.Context, c *api.Caller, in *rds.CreateDBClusterSnapshotInput) ([]api.Access, error) {
	id, tags, err := clusterSnapshotNamed(c, in)
	if err != nil {
		return named(err, "rds:CreateDBClusterSnapshot", nameOf(c, "cluster-snapshot", in.DBClusterSnapshotIdentifier))
	}
	k, err := s.findCluster(ctx, c, in.DBClusterIdentifier)
	if err != nil {
		return named(err, "rds:CreateDBClusterSnapshot", nameOf(c, "cluster", in.DBClusterIdentifier))
	}
	return fleet.CreateClusterSnapshotAccess(k.DBCluster, id, tags), nil
}

// visibleCluster finds a cluster snapshot of a Region by its identifier, or, if it is another account's and shared with the
// caller's, by its ARN.
func (s *Service) visibleCluster(ctx context.Context, c *api.Caller, given *string) (snap state.DBSnapshot, err error) {
	if deref(given) == "" {
		return snap, errMissing("DBClusterSnapshotIdentifier")
	}
	account, id := c.AccountID, strings.ToLower(*given)
	if a, err := arn.Parse(*given); err == nil {
		kind, name := a.Split()
		if a.Service != "rds" || kind != "cluster-snapshot" || a.Region != c.Region {
			return snap, errClusterSnapshotNotFound(*given)
		}
		account, id = a.AccountID, strings.ToLower(name)
	}
	err = s.DB.View(ctx, func(ctx context.Context, tx *state.Tx) (err error) {
		snap, err = tx.DBSnapshot(ctx, state.ClusterSnapshot, account, c.Region, id)
		return err
	})
	if errors.Is(err, state.ErrNotFound) || (err == nil && !snap.VisibleTo(c.AccountID)) {
		return state.DBSnapshot{}, errClusterSnapshotNotFound(*given)
	}
	return snap, err
}

// usableCluster finds a cluster snapshot that clusters and copies can be made from.
func (s *Service) usableCluster(ctx context.Context, c *api.Caller, given *string) (state.DBSnapshot, error) {
	snap, err := s.visibleCluster(ctx, c, given)
	if err == nil && snap.Status != "available" {
		return snap, errClusterSnapshotState("The DB cluster snapshot %s is not in available state: it is %s.", snap.ID, snap.Status)
	}
	return snap, err
}

// ownedCluster finds a cluster snapshot of the caller's account.
func (s *Service) ownedCluster(ctx context.Context, c *api.Caller, given *string) (state.DBSnapshot, error) {
	snap, err := s.visibleCluster(ctx, c, given)
	if err == nil && snap.AccountID != c.AccountID {
		return snap, errClusterSnapshotNotFound(deref(given))
	}
	return snap, err
}

// clusterSnapshotAccess is the question whether the caller may do something to a cluster snapshot of its own.
func (s *Service) clusterSnapshotAccess(ctx context.Context, c *api.Caller, action string, given *string) ([]api.Access, error) {
	snap, err := s.ownedCluster(ctx, c, given)
	if err != nil {
		return named(err, "rds:"+action, nameOf(c, "cluster-snapshot", given))
	}
	return []api.Access{ofSnapshot("rds:"+action, snap)}, nil
}

// ofSnapshot is a question about a snapshot, whosever it is.
func ofSnapshot(action string, snap state.DBSnapshot) api.Access {
	return api.Access{
		Action: action, Resource: fleet.SnapshotARN(snap.Kind, snap.AccountID, snap.Region, snap.ID), Context: fleet.SnapshotConditions(snap),
	}
}

// DeleteDBClusterSnapshot deletes a cluster snapshot that AWS Backup does not manage.
func (s *Service) DeleteDBClusterSnapshot(ctx context.Context, c *api.Caller, in *rds.DeleteDBClusterSnapshotInput) (*rds.DeleteDBClusterSnapshotOutput, error) {
	snap, err := s.ownedCluster(ctx, c, in.DBClusterSnapshotIdentifier)
	if err != nil {
		return nil, err
	}
	switch err := s.Fleet.DeleteSnapshot(ctx, snap.Point); {
	case errors.Is(err, fleet.ErrManaged):
		return nil, errClusterSnapshotState("The snapshot %s is managed by AWS Backup and cannot be deleted through RDS: delete its recovery point.", snap.ID)
	case errors.Is(err, fleet.ErrInUse):
		return nil, errClusterSnapshotState("Cannot delete the snapshot %s because it is being copied or restored.", snap.ID)
	case errors.Is(err, state.ErrNotFound):
		if snap, err := s.ownedCluster(ctx, c, in.DBClusterSnapshotIdentifier); err == nil {
			return nil, errClusterSnapshotState("Cannot delete the snapshot because it is currently %s.", snap.Status)
		}
		return nil, errClusterSnapshotNotFound(snap.ID)
	case err != nil:
		return nil, err
	}
	snap.Status = "deleted"
	return &rds.DeleteDBClusterSnapshotOutput{DBClusterSnapshot: describeClusterSnapshot(snap)}, nil
}

func (s *Service) deleteClusterSnapshotAccess(ctx context.Context, c *api.Caller, in *rds.DeleteDBClusterSnapshotInput) ([]api.Access, error) {
	return s.clusterSnapshotAccess(ctx, c, "DeleteDBClusterSnapshot", in.DBClusterSnapshotIdentifier)
}

// DescribeDBClusterSnapshots lists cluster snapshots: the caller's own, and, where asked, those shared with it.
func (s *Service) DescribeDBClusterSnapshots(ctx context.Context, c *api.Caller, in *rds.DescribeDBClusterSnapshotsInput) (*rds.DescribeDBClusterSnapshotsOutput, error) {
	all, err := s.clusterSnapshots(ctx, c, in)
	if err != nil {
		return nil, err
	}
	if all, err = filtered(all, in.Filters, clusterSnapshotFilters); err != nil {
		return nil, err
	}
	all, next, err := page(s.Pages, "DescribeDBClusterSnapshots", c, all, in.MaxRecords, in.Marker, snapshotPosition)
	if err != nil {
		return nil, err
	}
	out := &rds.DescribeDBClusterSnapshotsOutput{Marker: next, DBClusterSnapshots: []types.DBClusterSnapshot{}}
	for _, snap := range all {
		out.DBClusterSnapshots = append(out.DBClusterSnapshots, *describeClusterSnapshot(snap))
	}
	return out, nil
}

// clusterSnapshotFilters are those of https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_DescribeDBClusterSnapshots.html
var clusterSnapshotFilters = map[string]func(state.DBSnapshot) string{
	"db-cluster-id":          func(s state.DBSnapshot) string { return s.SourceID },
	"db-cluster-snapshot-id": func(s state.DBSnapshot) string { return s.ID },
	"db-cluster-resource-id": func(s state.DBSnapshot) string { return s.DatabaseID },
	"snapshot-type":          func(s state.DBSnapshot) string { return s.Type },
	"engine":                 func(s state.DBSnapshot) string { return s.Engine },
}

// clusterSnapshots are those that a call means.
func (s *Service) clusterSnapshots(ctx context.Context, c *api.Caller, in *rds.DescribeDBClusterSnapshotsInput) ([]state.DBSnapshot, error) {
	if in.DBClusterSnapshotIdentifier != nil {
		snap, err := s.visibleCluster(ctx, c, in.DBClusterSnapshotIdentifier)
		return []state.DBSnapshot{snap}, err
	}
	kind := deref(in.SnapshotType)
	if !slices.Contains([]string{"", "automated", "manual", "shared", "public", "awsbackup"}, kind) {
		return nil, errValue("Invalid snapshot type: %s", kind)
	}
	all, err := s.visibleSnapshots(ctx, c, state.ClusterSnapshot, kind, deref(in.IncludeShared), deref(in.IncludePublic))
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(all, func(snap state.DBSnapshot) bool {
		return (in.DBClusterIdentifier != nil && snap.SourceID != instanceID(in.DBClusterIdentifier)) ||
			(in.DbClusterResourceId != nil && snap.DatabaseID != *in.DbClusterResourceId)
	}), nil
}

// visibleSnapshots are an account's own snapshots of a type, and those of others, shared with it or public, where asked.
func (s *Service) visibleSnapshots(ctx context.Context, c *api.Caller, kind, of string, withShared, withPublic bool) ([]state.DBSnapshot, error) {
	var all, shared []state.DBSnapshot
	err := s.DB.View(ctx, func(ctx context.Context, tx *state.Tx) (err error) {
		if all, err = tx.DBSnapshots(ctx, kind, c.AccountID, c.Region); err != nil {
			return err
		}
		shared, err = tx.DBSnapshotsSharedIn(ctx, kind, c.Region)
		return err
	})
	if err != nil {
		return nil, err
	}
	all = slices.DeleteFunc(all, func(snap state.DBSnapshot) bool { return of != "" && snap.Type != of })
	withShared, withPublic = withShared || of == "shared", withPublic || of == "public"
	for _, snap := range shared {
		foreign := snap.AccountID != c.AccountID && snap.VisibleTo(c.AccountID)
		if foreign && ((withPublic && snap.Public()) || (withShared && slices.Contains(snap.SharedWith, c.AccountID))) {
			all = append(all, snap)
		}
	}
	slices.SortFunc(all, func(a, b state.DBSnapshot) int { return cmp.Compare(snapshotPosition(a), snapshotPosition(b)) })
	return all, nil
}

func (s *Service) describeClusterSnapshotsAccess(ctx context.Context, c *api.Caller, in *rds.DescribeDBClusterSnapshotsInput) ([]api.Access, error) {
	const action = "rds:DescribeDBClusterSnapshots"
	if in.DBClusterSnapshotIdentifier == nil {
		return []api.Access{{Action: action, Resource: fleet.SnapshotARN(state.ClusterSnapshot, c.AccountID, c.Region, "*")}}, nil
	}
	snap, err := s.visibleCluster(ctx, c, in.DBClusterSnapshotIdentifier)
	if err != nil {
		return named(err, action, nameOf(c, "cluster-snapshot", in.DBClusterSnapshotIdentifier))
	}
	return []api.Access{ofSnapshot(action, snap)}, nil
}

// describeClusterSnapshot is the SDK's form of a cluster snapshot.
func describeClusterSnapshot(s state.DBSnapshot) *types.DBClusterSnapshot {
	set, encrypted, progress, port := s.Settings, s.KeyARN != "", int32(s.Progress), int32(0)
	name, mode, kind := fleet.SnapshotARN(s.Kind, s.AccountID, s.Region, s.ID), "provisioned", types.StorageEncryptionTypeUnencrypted
	if encrypted {
		kind = types.StorageEncryptionTypeCmk
	}
	return &types.DBClusterSnapshot{
		AllocatedStorage: &set.AllocatedStorage, AvailabilityZones: zones(s.Region), BackupRetentionPeriod: number(set.BackupRetention), ClusterCreateTime: s.SourceCreated.Ptr(),
		DBClusterIdentifier: &s.SourceID, DBClusterSnapshotArn: &name, DBClusterSnapshotIdentifier: &s.ID, DbClusterResourceId: &s.DatabaseID, Engine: &s.Engine,
		EngineMode: &mode, EngineVersion: &s.EngineVersion, IAMDatabaseAuthenticationEnabled: &set.IAMAuthentication, KmsKeyId: text(s.KeyARN),
		LicenseModel: text(set.LicenseModel), MasterUsername: text(s.MasterUsername), PercentProgress: &progress, Port: &port,
		PreferredBackupWindow: text(set.BackupWindow), SnapshotCreateTime: s.OriginalAt.Ptr(), SnapshotType: &s.Type, SourceDBClusterSnapshotArn: text(s.CopiedFrom),
		Status: &s.Status, StorageEncrypted: &encrypted, StorageEncryptionType: kind, StorageType: text(set.StorageType), TagList: tagsOf(s.Tags),
	}
}
