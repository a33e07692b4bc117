package rds

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/aws/aws-sdk-go-v2/service/rds/types"

	"strongroom/internal/api"
	fleet "strongroom/internal/resource/rds"
	"strongroom/internal/state"
)

// ModifyDBInstance changes settings of a DB instance. Its class and its storage change in its next maintenance window unless the
// call says at once; its password, its port and all else do so at once. A change of the port restarts the database.
// https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/Overview.DBInstance.Modifying.html
func (s *Service) ModifyDBInstance(ctx context.Context, c *api.Caller, in *rds.ModifyDBInstanceInput) (*rds.ModifyDBInstanceOutput, error) {
	if err := modifiable(in); err != nil {
		return nil, err
	}
	var sealed []byte
	if in.MasterUserPassword != nil {
		if err := checkPassword(*in.MasterUserPassword, 128); err != nil {
			return nil, err
		}
		var err error
		if sealed, err = s.Fleet.SealPassword(ctx, *in.MasterUserPassword); err != nil {
			return nil, err
		}
	}
	i, err := s.changeInstance(ctx, c, in.DBInstanceIdentifier, func(ctx context.Context, tx *state.Tx, i *instance) error {
		if !slices.Contains(modifiableIn, i.status()) {
			return errInstanceUnavailable(*i)
		}
		if err := s.modify(ctx, tx, c, i, in); err != nil {
			return err
		}
		if sealed != nil {
			if err := tx.SetDatabasePassword(ctx, i.DatabaseID, sealed); err != nil {
				return err
			}
		}
		return rename(ctx, tx, i, in)
	})
	if err != nil {
		return nil, err
	}
	d, err := s.described(ctx, i)
	return &rds.ModifyDBInstanceOutput{DBInstance: &d}, err
}

// modifiable refuses what no instance of this house can become.
func modifiable(in *rds.ModifyDBInstanceInput) error {
	return unsupported(map[string]bool{
		"ManageMasterUserPassword": deref(in.ManageMasterUserPassword), "RotateMasterUserPassword": deref(in.RotateMasterUserPassword),
		"Domain": in.Domain != nil || in.DomainFqdn != nil, "TdeCredentialArn": in.TdeCredentialArn != nil, "ReplicaMode": in.ReplicaMode != "",
		"AdditionalStorageVolumes": len(in.AdditionalStorageVolumes) > 0, "MultiTenant": deref(in.MultiTenant), "DedicatedLogVolume": deref(in.DedicatedLogVolume),
		"AwsBackupRecoveryPointArn": in.AwsBackupRecoveryPointArn != nil, "EnablePerformanceInsights": deref(in.EnablePerformanceInsights),
		"AutomationMode full": in.AutomationMode == "full", "EnableCustomerOwnedIp": deref(in.EnableCustomerOwnedIp),
		"NewDBInstanceIdentifier without ApplyImmediately": in.NewDBInstanceIdentifier != nil && !deref(in.ApplyImmediately),
	})
}

// modify writes the settings that a call changes.
func (s *Service) modify(ctx context.Context, tx *state.Tx, c *api.Caller, i *instance, in *rds.ModifyDBInstanceInput) error {
	d, set := i.database, i.Settings
	if i.ClusterID != "" {
		if err := ofCluster(in); err != nil {
			return err
		}
	}
	if asked := deref(in.EngineVersion); !serves(d.Engine, d.EngineVersion, asked) {
		return errCombination("Cannot upgrade %s from %s to %s", d.Engine, d.EngineVersion, asked)
	}
	if in.Engine != nil && *in.Engine != d.Engine {
		return errCombination("Cannot change the engine of the instance %s from %s to %s.", i.ID, d.Engine, *in.Engine)
	}
	replaceGroups(&set, in)
	if err := s.checkGroups(ctx, tx, c, state.InstanceParameters, set, d.Engine, d.EngineVersion); err != nil {
		return err
	}
	replace(&set.BackupRetention, in.BackupRetentionPeriod)
	replace(&set.BackupWindow, in.PreferredBackupWindow)
	replace(&set.MaintenanceWindow, in.PreferredMaintenanceWindow)
	replace(&set.MinorUpgrades, in.AutoMinorVersionUpgrade)
	replace(&set.CopyTags, in.CopyTagsToSnapshot)
	replace(&set.DeletionProtection, in.DeletionProtection)
	replace(&set.IAMAuthentication, in.EnableIAMDatabaseAuthentication)
	replace(&set.MonitoringInterval, in.MonitoringInterval)
	replace(&set.PromotionTier, in.PromotionTier)
	replace(&set.Public, in.PubliclyAccessible)
	replace(&set.CACertificate, in.CACertificateIdentifier)
	replace(&set.LicenseModel, in.LicenseModel)
	replace(&set.MaxStorage, in.MaxAllocatedStorage)
	replace(&set.NetworkType, in.NetworkType)
	if err := checkWindows(set); err != nil {
		return err
	}
	if err := later(i, &set, in, tx.Now); err != nil {
		return err
	}
	i.Settings = set
	if err := s.movePort(ctx, tx, *i, in.DBPortNumber); err != nil {
		return err
	}
	return tx.UpdateDBInstance(ctx, i.DBInstance)
}

// ofCluster refuses for an instance of a cluster what is the cluster's.
func ofCluster(in *rds.ModifyDBInstanceInput) error {
	for _, of := range []struct {
		what  string
		given bool
	}{
		{"master user password", in.MasterUserPassword != nil},
		{"database port", in.DBPortNumber != nil},
		{"backup retention period", in.BackupRetentionPeriod != nil},
		{"allocated storage", in.AllocatedStorage != nil},
	} {
		if of.given {
			return errCombination("The specified DB Instance is a member of a cluster. Modify %s for the DB Cluster using the ModifyDbCluster API", of.what)
		}
	}
	return nil
}

// replaceGroups takes over the groups that a call names, by the names that they are kept under.
func replaceGroups(set *state.DBInstanceSettings, in *rds.ModifyDBInstanceInput) {
	if in.DBParameterGroupName != nil {
		set.ParameterGroup = groupName(in.DBParameterGroupName)
	}
	if in.OptionGroupName != nil {
		set.OptionGroup = optionGroupName(in.OptionGroupName)
	}
	if in.DBSubnetGroupName != nil {
		set.SubnetGroup = groupName(in.DBSubnetGroupName)
	}
	if in.VpcSecurityGroupIds != nil {
		set.SecurityGroups = in.VpcSecurityGroupIds
	}
	if logs := in.CloudwatchLogsExportConfiguration; logs != nil {
		kept := slices.DeleteFunc(slices.Clone(set.LogExports), func(l string) bool { return slices.Contains(logs.DisableLogTypes, l) })
		set.LogExports = slices.Compact(slices.Sorted(slices.Values(append(kept, logs.EnableLogTypes...))))
	}
}

// later changes the class and the storage, now or in the next maintenance window. What waits already waits on, unless the call
// says otherwise of it.
func later(i *instance, set *state.DBInstanceSettings, in *rds.ModifyDBInstanceInput, now state.Micros) error {
	wanted, err := wantedOf(*i, *set, in)
	if err != nil {
		return err
	}
	if deref(in.ApplyImmediately) {
		settle(&i.DBInstance, set, wanted)
		set.Pending = nil
		return nil
	}
	if wanted.Class == i.Class && wanted.AllocatedStorage == set.AllocatedStorage && wanted.StorageType == set.StorageType && wanted.IOPS == set.IOPS &&
		wanted.Throughput == set.Throughput && wanted.MultiAZ == set.MultiAZ {
		set.Pending = nil
		return nil
	}
	wanted.At = nextWindow(set.MaintenanceWindow, now)
	set.Pending = &wanted
	return nil
}

// wantedOf is what the class and the storage of an instance are to be after a call.
func wantedOf(i instance, set state.DBInstanceSettings, in *rds.ModifyDBInstanceInput) (state.DBInstancePending, error) {
	wanted := state.DBInstancePending{
		Class: i.Class, AllocatedStorage: set.AllocatedStorage, StorageType: set.StorageType, IOPS: set.IOPS, Throughput: set.Throughput, MultiAZ: set.MultiAZ,
	}
	if set.Pending != nil {
		wanted = *set.Pending
	}
	if in.DBInstanceClass != nil {
		class, err := class(in.DBInstanceClass)
		if err != nil {
			return wanted, err
		}
		wanted.Class = class
	}
	replace(&wanted.AllocatedStorage, in.AllocatedStorage)
	replace(&wanted.StorageType, in.StorageType)
	replace(&wanted.IOPS, in.Iops)
	replace(&wanted.Throughput, in.StorageThroughput)
	replace(&wanted.MultiAZ, in.MultiAZ)
	// That storage does not shrink AWS says, in words that it does not publish:
	// https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_PIOPS.StorageTypes.html
	if wanted.AllocatedStorage < set.AllocatedStorage {
		return wanted, errCombination("Requested allocated storage (%d GiB) cannot be less than the current allocated storage (%d GiB).", wanted.AllocatedStorage, set.AllocatedStorage)
	}
	if i.ClusterID != "" {
		return wanted, nil
	}
	checked := set
	settle(&state.DBInstance{}, &checked, wanted)
	return wanted, checkStorage(checked, i.database.Engine)
}

// settle makes what was pending so.
func settle(row *state.DBInstance, set *state.DBInstanceSettings, p state.DBInstancePending) {
	row.Class = p.Class
	set.AllocatedStorage, set.StorageType, set.IOPS, set.Throughput, set.MultiAZ = p.AllocatedStorage, p.StorageType, p.IOPS, p.Throughput, p.MultiAZ
}

// movePort gives an instance's database another port, and restarts it, as RDS does whenever it is asked to.
func (s *Service) movePort(ctx context.Context, tx *state.Tx, i instance, given *int32) error {
	port, err := portOf(given)
	if err != nil || port == 0 || int64(port) == i.database.Port {
		return err
	}
	if err := s.Fleet.MovePort(ctx, tx, i.database, port); err != nil {
		return err
	}
	if err := tx.SetDatabaseRestart(ctx, i.DatabaseID, true); err != nil {
		return err
	}
	return tx.SetDatabaseWanted(ctx, i.DatabaseID, state.DatabaseRunning, "rebooting")
}

// rename gives an instance another identifier. Its snapshots keep the one that it had.
func rename(ctx context.Context, tx *state.Tx, i *instance, in *rds.ModifyDBInstanceInput) error {
	if in.NewDBInstanceIdentifier == nil {
		return nil
	}
	to, err := identifier("NewDBInstanceIdentifier", in.NewDBInstanceIdentifier, longestInstance)
	if err != nil || to == i.ID {
		return err
	}
	err = tx.RenameDBInstance(ctx, i.AccountID, i.Region, i.ID, to)
	if errors.Is(err, state.ErrExists) {
		return errInstanceExists()
	}
	i.ID = to
	return err
}

// described is the SDK's form of an instance as it is now.
func (s *Service) described(ctx context.Context, i instance) (d types.DBInstance, err error) {
	err = s.DB.View(ctx, func(ctx context.Context, tx *state.Tx) error {
		i, err := load(ctx, tx, i.DBInstance)
		d = s.describe(i)
		return err
	})
	return d, err
}

// checkGroups refuses groups that are not there, or not for databases of an engine. The kind is that of the parameter group.
func (s *Service) checkGroups(ctx context.Context, tx *state.Tx, c *api.Caller, kind string, set state.DBInstanceSettings, engine, version string) error {
	if set.ParameterGroup != "" {
		g, err := s.parameterGroup(ctx, tx, c, kind, groupName(&set.ParameterGroup))
		if err != nil {
			return err
		}
		if want := engine + major(engine, version); g.Family != want {
			what := "instance"
			if kind == state.ClusterParameters {
				what = "cluster"
			}
			return errCombination("The parameter group %s with DBParameterGroupFamily %s can't be used for this %s. Use a parameter group with DBParameterGroupFamily %s.", g.Name, g.Family, what, want)
		}
	}
	if set.OptionGroup != "" {
		g, err := s.optionGroup(ctx, tx, c, &set.OptionGroup)
		if err != nil {
			return err
		}
		if g.Engine != engine || g.MajorVersion != major(engine, version) {
			return errCombination("The option group %s is for %s %s and cannot be used with %s %s.", g.Name, g.Engine, g.MajorVersion, engine, version)
		}
	}
	if set.SubnetGroup != "" {
		if _, err := subnetGroup(ctx, tx, c, &set.SubnetGroup); err != nil {
			return err
		}
	}
	return nil
}

// groupValues are the parameters that the databases of a parameter group have of their own: none in a default group.
func groupValues(ctx context.Context, tx *state.Tx, kind, accountID, region, name string) (map[string]string, error) {
	g, err := tx.DBParameterGroup(ctx, kind, accountID, region, groupName(&name))
	if errors.Is(err, state.ErrNotFound) {
		return map[string]string{}, nil
	}
	return g.Values(), err
}

// parametersDue reports whether an instance's database has other parameters than its group.
func parametersDue(ctx context.Context, tx *state.Tx, i instance) (bool, error) {
	if i.ClusterID != "" {
		return false, nil
	}
	values, err := groupValues(ctx, tx, state.InstanceParameters, i.AccountID, i.Region, i.Settings.ParameterGroup)
	return !maps.Equal(values, i.database.Parameters), err
}

func (s *Service) modifyInstanceAccess(ctx context.Context, c *api.Caller, in *rds.ModifyDBInstanceInput) ([]api.Access, error) {
	accesses, err := s.instanceAccess(ctx, c, "ModifyDBInstance", in.DBInstanceIdentifier)
	if err != nil {
		return nil, err
	}
	accesses = append(accesses, groupAccesses(c, "rds:ModifyDBInstance", groupName(in.DBParameterGroupName), optionGroupName(in.OptionGroupName), groupName(in.DBSubnetGroupName))...)
	if in.NewDBInstanceIdentifier != nil {
		accesses = append(accesses, api.Access{Action: "rds:ModifyDBInstance", Resource: fleet.InstanceARN(c.AccountID, c.Region, strings.ToLower(*in.NewDBInstanceIdentifier))})
	}
	return accesses, nil
}
