package rds

import (
	"context"
	"errors"
	"slices"

	"github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/aws/aws-sdk-go-v2/service/rds/types"

	"strongroom/internal/api"
	"strongroom/internal/state"
)

// ModifyDBCluster changes settings of a cluster. All take effect at once; parameters do so when an instance is rebooted.
func (s *Service) ModifyDBCluster(ctx context.Context, c *api.Caller, in *rds.ModifyDBClusterInput) (*rds.ModifyDBClusterOutput, error) {
	if err := unsupported(map[string]bool{
		"ManageMasterUserPassword": deref(in.ManageMasterUserPassword), "Domain": in.Domain != nil, "BacktrackWindow": deref(in.BacktrackWindow) != 0,
		"ServerlessV2ScalingConfiguration": in.ServerlessV2ScalingConfiguration != nil, "ScalingConfiguration": in.ScalingConfiguration != nil,
		"EnableHttpEndpoint": deref(in.EnableHttpEndpoint), "EnableIAMDatabaseAuthentication in a DB cluster": deref(in.EnableIAMDatabaseAuthentication),
		"A Multi-AZ DB cluster (DBClusterInstanceClass)": in.DBClusterInstanceClass != nil, "Another Port of a DB cluster": in.Port != nil,
		"AwsBackupRecoveryPointArn": in.AwsBackupRecoveryPointArn != nil,
	}); err != nil {
		return nil, err
	}
	wrapped, err := s.newClusterPassword(ctx, c, in)
	if err != nil {
		return nil, err
	}
	out, err := s.changeCluster(ctx, c, in.DBClusterIdentifier, func(ctx context.Context, tx *state.Tx, k *cluster) error {
		if !k.usable() && !slices.Contains(needsHelp, k.status()) {
			return errClusterState("DB cluster %s is not in available state: it is %s.", k.ID, k.status())
		}
		if _, err := s.clusterVersion(ctx, k.database.Engine, deref(in.EngineVersion)); err != nil {
			return err
		}
		if err := modifyClusterSettings(&k.Settings, in); err != nil {
			return err
		}
		if err := s.checkGroups(ctx, tx, c, state.ClusterParameters, k.Settings, k.database.Engine, k.database.EngineVersion); err != nil {
			return err
		}
		if err := tx.UpdateDBCluster(ctx, k.DBCluster); err != nil {
			return err
		}
		if wrapped != nil {
			if err := tx.SetDatabasePassword(ctx, k.ResourceID, wrapped); err != nil {
				return err
			}
		}
		return renameCluster(ctx, tx, k, in.NewDBClusterIdentifier)
	})
	return &rds.ModifyDBClusterOutput{DBCluster: out}, err
}

// newClusterPassword checks and seals the master user's new password, if a call has one.
func (s *Service) newClusterPassword(ctx context.Context, c *api.Caller, in *rds.ModifyDBClusterInput) ([]byte, error) {
	if in.MasterUserPassword == nil {
		return nil, nil
	}
	k, err := s.findCluster(ctx, c, in.DBClusterIdentifier)
	if err != nil {
		return nil, err
	}
	if clusterEngines[k.database.Engine].open {
		return nil, errCombination("MasterUserPassword is not supported for the engine %s.", k.database.Engine)
	}
	if err := checkPassword(*in.MasterUserPassword, 100); err != nil {
		return nil, err
	}
	return s.Fleet.SealPassword(ctx, *in.MasterUserPassword)
}

func modifyClusterSettings(set *state.DBInstanceSettings, in *rds.ModifyDBClusterInput) error {
	replace(&set.BackupRetention, in.BackupRetentionPeriod)
	replace(&set.BackupWindow, in.PreferredBackupWindow)
	replace(&set.MaintenanceWindow, in.PreferredMaintenanceWindow)
	replace(&set.CopyTags, in.CopyTagsToSnapshot)
	replace(&set.DeletionProtection, in.DeletionProtection)
	if in.DBClusterParameterGroupName != nil {
		set.ParameterGroup = groupName(in.DBClusterParameterGroupName)
	}
	if in.OptionGroupName != nil {
		set.OptionGroup = optionGroupName(in.OptionGroupName)
	}
	replace(&set.MinorUpgrades, in.AutoMinorVersionUpgrade)
	replace(&set.StorageType, in.StorageType)
	replace(&set.NetworkType, in.NetworkType)
	if in.VpcSecurityGroupIds != nil {
		set.SecurityGroups = in.VpcSecurityGroupIds
	}
	if logs := in.CloudwatchLogsExportConfiguration; logs != nil {
		set.LogExports = slices.DeleteFunc(append(set.LogExports, logs.EnableLogTypes...), func(kind string) bool { return slices.Contains(logs.DisableLogTypes, kind) })
	}
	return checkClusterSettings(*set)
}

// renameCluster gives a cluster another identifier, which its instances and new snapshots know it by from then on.
func renameCluster(ctx context.Context, tx *state.Tx, k *cluster, given *string) error {
	if given == nil {
		return nil
	}
	id, err := identifier("NewDBClusterIdentifier", given, longestInstance)
	if err != nil || id == k.ID {
		return err
	}
	if err := tx.RenameDBCluster(ctx, k.AccountID, k.Region, k.ID, id); err != nil {
		if errors.Is(err, state.ErrExists) {
			return errClusterExists()
		}
		return err
	}
	k.ID = id
	return tx.SetDBClusterOfInstances(ctx, k.ResourceID, id)
}

func (s *Service) modifyClusterAccess(ctx context.Context, c *api.Caller, in *rds.ModifyDBClusterInput) ([]api.Access, error) {
	accesses, err := s.clusterAccess(ctx, c, "ModifyDBCluster", in.DBClusterIdentifier)
	if err != nil {
		return nil, err
	}
	const action = "rds:ModifyDBCluster"
	if in.DBClusterParameterGroupName != nil {
		accesses = append(accesses, api.Access{Action: action, Resource: clusterGroupARN(c, groupName(in.DBClusterParameterGroupName))})
	}
	return append(accesses, groupAccesses(c, action, "", optionGroupName(in.OptionGroupName), "")...), nil
}

// StopDBCluster stops a cluster's database; its instances are shown stopped with it.
func (s *Service) StopDBCluster(ctx context.Context, c *api.Caller, in *rds.StopDBClusterInput) (*rds.StopDBClusterOutput, error) {
	out, err := s.changeCluster(ctx, c, in.DBClusterIdentifier, func(ctx context.Context, tx *state.Tx, k *cluster) error {
		if k.status() != "available" {
			return errClusterState("DbCluster %s is in %s state but expected it to be in available state.", k.ID, k.status())
		}
		k.Stopped = true
		if err := tx.UpdateDBCluster(ctx, k.DBCluster); err != nil {
			return err
		}
		return tx.SetDatabaseWanted(ctx, k.ResourceID, state.DatabaseStopped, "stopping")
	})
	return &rds.StopDBClusterOutput{DBCluster: out}, err
}

func (s *Service) stopClusterAccess(ctx context.Context, c *api.Caller, in *rds.StopDBClusterInput) ([]api.Access, error) {
	return s.clusterAccess(ctx, c, "StopDBCluster", in.DBClusterIdentifier)
}

// StartDBCluster starts the database of a cluster that was stopped, if it has instances, or tries at once to start one whose key was not
// to be used.
func (s *Service) StartDBCluster(ctx context.Context, c *api.Caller, in *rds.StartDBClusterInput) (*rds.StartDBClusterOutput, error) {
	out, err := s.changeCluster(ctx, c, in.DBClusterIdentifier, func(ctx context.Context, tx *state.Tx, k *cluster) error {
		if k.status() != "stopped" && k.status() != "inaccessible-encryption-credentials-recoverable" {
			return errClusterState("DbCluster %s is in %s state but expected it to be in one of stopped,inaccessible-encryption-credentials-recoverable.", k.ID, k.status())
		}
		k.Stopped = false
		if err := tx.UpdateDBCluster(ctx, k.DBCluster); err != nil || len(k.members) == 0 {
			return err
		}
		if err := clusterParametersNow(ctx, tx, k.DBCluster); err != nil {
			return err
		}
		return tx.SetDatabaseWanted(ctx, k.ResourceID, state.DatabaseRunning, "starting")
	})
	return &rds.StartDBClusterOutput{DBCluster: out}, err
}

func (s *Service) startClusterAccess(ctx context.Context, c *api.Caller, in *rds.StartDBClusterInput) ([]api.Access, error) {
	return s.clusterAccess(ctx, c, "StartDBCluster", in.DBClusterIdentifier)
}

// FailoverDBCluster makes a reader the writer. Both are names for one process, so that nobody notices but by these names.
func (s *Service) FailoverDBCluster(ctx context.Context, c *api.Caller, in *rds.FailoverDBClusterInput) (*rds.FailoverDBClusterOutput, error) {
	out, err := s.changeCluster(ctx, c, in.DBClusterIdentifier, func(ctx context.Context, tx *state.Tx, k *cluster) error {
		if k.status() != "available" {
			return errClusterState("DB cluster %s is not in available state: it is %s.", k.ID, k.status())
		}
		readers := slices.DeleteFunc(slices.Clone(k.members), func(m state.DBInstance) bool { return m.ID == k.WriterID })
		target := promoted(readers)
		if in.TargetDBInstanceIdentifier != nil {
			target = instanceID(in.TargetDBInstanceIdentifier)
		}
		switch {
		case len(readers) == 0:
			return errClusterState("DB cluster %s has no reader to fail over to.", k.ID)
		case target == k.WriterID:
			return errValue("The instance %s is the writer of the DB cluster %s already.", target, k.ID)
		case !slices.ContainsFunc(readers, func(m state.DBInstance) bool { return m.ID == target }):
			return errInstanceNotFound(target)
		}
		k.WriterID = target
		for _, m := range k.members {
			if m.ID == target {
				if err := tellMember(ctx, tx, m, "failover", "Completed failover to DB instance: "+target); err != nil {
					return err
				}
			}
		}
		return tx.UpdateDBCluster(ctx, k.DBCluster)
	})
	return &rds.FailoverDBClusterOutput{DBCluster: out}, err
}

func (s *Service) failoverClusterAccess(ctx context.Context, c *api.Caller, in *rds.FailoverDBClusterInput) ([]api.Access, error) {
	return s.clusterAccess(ctx, c, "FailoverDBCluster", in.DBClusterIdentifier)
}

// RebootDBCluster is for Multi-AZ DB clusters, which there are none of here; others are rebooted by their instances.
// https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_RebootDBCluster.html
func (s *Service) RebootDBCluster(ctx context.Context, c *api.Caller, in *rds.RebootDBClusterInput) (*rds.RebootDBClusterOutput, error) {
	k, err := s.findCluster(ctx, c, in.DBClusterIdentifier)
	if err != nil {
		return nil, err
	}
	return nil, errClusterState("DB cluster %s is not a Multi-AZ DB cluster. Reboot its DB instances instead.", k.ID)
}

func (s *Service) rebootClusterAccess(ctx context.Context, c *api.Caller, in *rds.RebootDBClusterInput) ([]api.Access, error) {
	return s.clusterAccess(ctx, c, "RebootDBCluster", in.DBClusterIdentifier)
}

// DescribeDBClusterEndpoints lists where the caller's clusters are reached: each has one process, which both endpoints lead to.
func (s *Service) DescribeDBClusterEndpoints(ctx context.Context, c *api.Caller, in *rds.DescribeDBClusterEndpointsInput) (*rds.DescribeDBClusterEndpointsOutput, error) {
	clusters, err := s.clusters(ctx, c, in.DBClusterIdentifier)
	if err != nil {
		return nil, err
	}
	var all []types.DBClusterEndpoint
	for _, k := range clusters {
		status := "available"
		if k.database.Status != status {
			status = "inactive"
		}
		for _, kind := range []string{"READER", "WRITER"} {
			all = append(all, types.DBClusterEndpoint{DBClusterIdentifier: &k.ID, Endpoint: &s.Fleet.Address, EndpointType: &kind, Status: &status})
		}
	}
	all, err = filtered(all, in.Filters, map[string]func(types.DBClusterEndpoint) string{
		"db-cluster-endpoint-type":        func(e types.DBClusterEndpoint) string { return *e.EndpointType },
		"db-cluster-endpoint-custom-type": func(types.DBClusterEndpoint) string { return "" },
		"db-cluster-endpoint-id":          func(types.DBClusterEndpoint) string { return "" },
		"db-cluster-endpoint-status":      func(e types.DBClusterEndpoint) string { return *e.Status },
	})
	if err != nil {
		return nil, err
	}
	if in.DBClusterEndpointIdentifier != nil {
		all = nil // only custom endpoints have one
	}
	all, next, err := page(s.Pages, "DescribeDBClusterEndpoints", c, all, in.MaxRecords, in.Marker, func(e types.DBClusterEndpoint) string { return *e.DBClusterIdentifier + " " + *e.EndpointType })
	return &rds.DescribeDBClusterEndpointsOutput{Marker: next, DBClusterEndpoints: all}, err
}

func (s *Service) describeClusterEndpointsAccess(ctx context.Context, c *api.Caller, in *rds.DescribeDBClusterEndpointsInput) ([]api.Access, error) {
	return s.describeClusterAccess(ctx, c, "DescribeDBClusterEndpoints", in.DBClusterIdentifier)
}
