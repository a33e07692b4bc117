package rds

import (
	"context"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/rds"

	"strongroom/internal/api"
	"strongroom/internal/state"
)

// RestoreDBClusterFromSnapshot makes a DB cluster without instances from a cluster snapshot, the caller's or one that is shared
// with it. It is encrypted under the key that is named, or else as the snapshot is; its master user and password are the
// snapshot's.
func (s *Service) RestoreDBClusterFromSnapshot(ctx context.Context, c *api.Caller, in *rds.RestoreDBClusterFromSnapshotInput) (*rds.RestoreDBClusterFromSnapshotOutput, error) {
	w, from, err := s.wishedClusterBack(ctx, c, in)
	if err != nil {
		return nil, err
	}
	made, err := s.makeCluster(ctx, c, w, &from)
	if err != nil {
		return nil, err
	}
	return &rds.RestoreDBClusterFromSnapshotOutput{DBCluster: s.describeCluster(made)}, nil
}

func (s *Service) restoreClusterAccess(ctx context.Context, c *api.Caller, in *rds.RestoreDBClusterFromSnapshotInput) ([]api.Access, error) {
	const action = "rds:RestoreDBClusterFromSnapshot"
	w, from, err := s.wishedClusterBack(ctx, c, in)
	if err != nil {
		return named(err, action, nameOf(c, "cluster-snapshot", in.SnapshotIdentifier))
	}
	return append(clusterWishAccess(c, action, w), ofSnapshot(action, from)), nil
}

// wishedClusterBack checks what a restore asks for, and fills in what the snapshot has.
func (s *Service) wishedClusterBack(ctx context.Context, c *api.Caller, in *rds.RestoreDBClusterFromSnapshotInput) (w clusterWish, from state.DBSnapshot, err error) {
	if err := unsupported(map[string]bool{
		"Domain": in.Domain != nil, "BacktrackWindow": deref(in.BacktrackWindow) != 0, "ScalingConfiguration": in.ScalingConfiguration != nil,
		"ServerlessV2ScalingConfiguration": in.ServerlessV2ScalingConfiguration != nil, "EngineMode " + deref(in.EngineMode): deref(in.EngineMode) != "" && *in.EngineMode != "provisioned",
		"EnableIAMDatabaseAuthentication in a DB cluster": deref(in.EnableIAMDatabaseAuthentication), "A Multi-AZ DB cluster (DBClusterInstanceClass)": in.DBClusterInstanceClass != nil,
		"RestoreDBClusterFromSnapshot of the snapshot of a DB instance": strings.Contains(deref(in.SnapshotIdentifier), ":snapshot:"),
	}); err != nil {
		return w, from, err
	}
	if w.ID, err = identifier("DBClusterIdentifier", in.DBClusterIdentifier, longestInstance); err != nil {
		return w, from, err
	}
	if from, err = s.usableCluster(ctx, c, in.SnapshotIdentifier); err != nil {
		return w, from, err
	}
	if engine := strings.ToLower(deref(in.Engine)); engine != from.Engine {
		return w, from, errCombination("The engine %s is not the one of the snapshot, %s.", engine, from.Engine)
	}
	if in.DatabaseName != nil && *in.DatabaseName != from.Name {
		return w, from, errCombination("The database of the snapshot has the name %q, which cannot be changed.", from.Name)
	}
	if err := checkZones(c, in.AvailabilityZones); err != nil {
		return w, from, err
	}
	version, err := s.clusterVersion(ctx, from.Engine, deref(in.EngineVersion))
	if err != nil {
		return w, from, err
	}
	if major(from.Engine, version) != major(from.Engine, from.EngineVersion) {
		return w, from, errCombination("Cannot find version %s for %s", from.EngineVersion, from.Engine)
	}
	if w.port, err = portOf(in.Port); err != nil {
		return w, from, err
	}
	if w.Tags, err = tagsFrom(c, in.Tags); err != nil {
		return w, from, err
	}
	w.key, w.encrypt = deref(in.KmsKeyId), in.KmsKeyId != nil
	w.database = state.Database{Engine: from.Engine, EngineVersion: version, MasterUsername: from.MasterUsername, Name: from.Name, KeyARN: from.KeyARN}
	w.Settings = clusterSettingsBack(in, from.Settings)
	completeCluster(&w.Settings, from.Engine, version)
	return w, from, checkClusterSettings(w.Settings)
}

// clusterSettingsBack are a snapshot's settings with what a restore asks for otherwise. Groups and protection are not taken over.
func clusterSettingsBack(in *rds.RestoreDBClusterFromSnapshotInput, from state.DBInstanceSettings) state.DBInstanceSettings {
	set := state.DBInstanceSettings{
		AllocatedStorage: from.AllocatedStorage, StorageType: from.StorageType, LicenseModel: from.LicenseModel, BackupRetention: max(from.BackupRetention, 1),
		BackupWindow: from.BackupWindow, MinorUpgrades: true,
	}
	replace(&set.StorageType, in.StorageType)
	set.ParameterGroup, set.OptionGroup, set.SubnetGroup = groupName(in.DBClusterParameterGroupName), optionGroupName(in.OptionGroupName), groupName(in.DBSubnetGroupName)
	replace(&set.BackupRetention, in.BackupRetentionPeriod)
	replace(&set.BackupWindow, in.PreferredBackupWindow)
	replace(&set.CopyTags, in.CopyTagsToSnapshot)
	replace(&set.DeletionProtection, in.DeletionProtection)
	replace(&set.NetworkType, in.NetworkType)
	set.SecurityGroups, set.LogExports = in.VpcSecurityGroupIds, in.EnableCloudwatchLogsExports
	return set
}
