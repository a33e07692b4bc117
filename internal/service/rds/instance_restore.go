package rds

import (
	"context"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/rds"

	"strongroom/internal/api"
	fleet "strongroom/internal/resource/rds"
	"strongroom/internal/state"
)

// RestoreDBInstanceFromDBSnapshot makes a DB instance from a snapshot of the caller's, or one that is shared with it. Its key
// is the snapshot's, and so are its master user and password.
func (s *Service) RestoreDBInstanceFromDBSnapshot(ctx context.Context, c *api.Caller, in *rds.RestoreDBInstanceFromDBSnapshotInput) (*rds.RestoreDBInstanceFromDBSnapshotOutput, error) {
	w, from, err := s.wishedBack(ctx, c, in)
	if err != nil {
		return nil, err
	}
	made, err := s.make(ctx, c, w, &from)
	if err != nil {
		return nil, err
	}
	d := s.describe(made)
	return &rds.RestoreDBInstanceFromDBSnapshotOutput{DBInstance: &d}, nil
}

func (s *Service) restoreInstanceAccess(ctx context.Context, c *api.Caller, in *rds.RestoreDBInstanceFromDBSnapshotInput) ([]api.Access, error) {
	const action = "rds:RestoreDBInstanceFromDBSnapshot"
	w, from, err := s.wishedBack(ctx, c, in)
	if err != nil {
		return named(err, action, nameOf(c, "db", in.DBInstanceIdentifier))
	}
	accesses := wishAccess(c, action, w)
	return append(accesses, api.Access{
		Action: action, Resource: fleet.SnapshotARN(from.Kind, from.AccountID, from.Region, from.ID), Context: fleet.SnapshotConditions(from),
	}), nil
}

// wishedBack checks what a restore asks for, and fills in what the snapshot has.
func (s *Service) wishedBack(ctx context.Context, c *api.Caller, in *rds.RestoreDBInstanceFromDBSnapshotInput) (w wish, from state.DBSnapshot, err error) {
	if err := unsupported(map[string]bool{
		"RestoreDBInstanceFromDBSnapshot from a DB cluster snapshot": in.DBClusterSnapshotIdentifier != nil,
		"ManageMasterUserPassword":                                   deref(in.ManageMasterUserPassword), "Domain": in.Domain != nil || in.DomainFqdn != nil,
		"TdeCredentialArn": in.TdeCredentialArn != nil, "BackupTarget outposts": deref(in.BackupTarget) == "outposts",
	}); err != nil {
		return w, from, err
	}
	if w.ID, err = identifier("DBInstanceIdentifier", in.DBInstanceIdentifier, longestInstance); err != nil {
		return w, from, err
	}
	if from, err = s.usable(ctx, c, in.DBSnapshotIdentifier); err != nil {
		return w, from, err
	}
	facts, known := instanceEngines[from.Engine]
	if engine := strings.ToLower(deref(in.Engine)); !known || (engine != "" && engine != from.Engine) {
		return w, from, errCombination("The engine %s is not the one of the snapshot, %s.", engine, from.Engine)
	}
	if w.Class, err = classOr(in.DBInstanceClass, "db.t3.micro"); err != nil {
		return w, from, err
	}
	if w.port, err = portOf(in.Port); err != nil {
		return w, from, err
	}
	if w.Tags, err = tagsFrom(c, in.Tags); err != nil {
		return w, from, err
	}
	version, err := s.version(ctx, from.Engine, "")
	if err != nil {
		return w, from, err
	}
	if major(from.Engine, version) != major(from.Engine, from.EngineVersion) {
		return w, from, errCombination("Cannot find version %s for %s", from.EngineVersion, from.Engine)
	}
	w.database = state.Database{Engine: from.Engine, EngineVersion: version, MasterUsername: from.MasterUsername, Name: from.Name, KeyARN: from.KeyARN}
	if err := checkZone(c, in.AvailabilityZone, deref(in.MultiAZ)); err != nil {
		return w, from, err
	}
	w.Settings = settingsBack(in, from.Settings)
	complete(c, &w.Settings, from.Engine, version, facts)
	if w.Settings.AllocatedStorage < from.Settings.AllocatedStorage {
		return w, from, errCombination("The allocated storage of a restored instance cannot be less than that of its snapshot, %d GiB.", from.Settings.AllocatedStorage)
	}
	return w, from, checkStorage(w.Settings, from.Engine)
}

// settingsBack are a snapshot's settings with what a restore asks for otherwise. Groups, windows and protection are not taken
// over: a restored instance has the defaults.
// https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_RestoreFromSnapshot.html
func settingsBack(in *rds.RestoreDBInstanceFromDBSnapshotInput, from state.DBInstanceSettings) state.DBInstanceSettings {
	set := state.DBInstanceSettings{
		AllocatedStorage: from.AllocatedStorage, StorageType: from.StorageType, IOPS: from.IOPS, Throughput: from.Throughput,
		LicenseModel: from.LicenseModel, BackupRetention: from.BackupRetention, BackupWindow: from.BackupWindow, MinorUpgrades: true,
		IAMAuthentication: from.IAMAuthentication, CharacterSet: from.CharacterSet,
	}
	replace(&set.AllocatedStorage, in.AllocatedStorage)
	replace(&set.StorageType, in.StorageType)
	replace(&set.IOPS, in.Iops)
	replace(&set.Throughput, in.StorageThroughput)
	replace(&set.AvailabilityZone, in.AvailabilityZone)
	replace(&set.MultiAZ, in.MultiAZ)
	replace(&set.Public, in.PubliclyAccessible)
	replace(&set.LicenseModel, in.LicenseModel)
	set.ParameterGroup, set.OptionGroup, set.SubnetGroup = groupName(in.DBParameterGroupName), optionGroupName(in.OptionGroupName), groupName(in.DBSubnetGroupName)
	replace(&set.BackupRetention, in.BackupRetentionPeriod)
	replace(&set.BackupWindow, in.PreferredBackupWindow)
	replace(&set.MinorUpgrades, in.AutoMinorVersionUpgrade)
	replace(&set.CopyTags, in.CopyTagsToSnapshot)
	replace(&set.DeletionProtection, in.DeletionProtection)
	replace(&set.IAMAuthentication, in.EnableIAMDatabaseAuthentication)
	replace(&set.CACertificate, in.CACertificateIdentifier)
	replace(&set.NetworkType, in.NetworkType)
	set.SecurityGroups, set.LogExports = in.VpcSecurityGroupIds, in.EnableCloudwatchLogsExports
	return set
}

// replace takes over what a call gives.
func replace[T any](field, given *T) {
	if given != nil {
		*field = *given
	}
}
