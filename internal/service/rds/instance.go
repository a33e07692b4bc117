package rds

import (
	"context"
	"errors"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/aws/aws-sdk-go-v2/service/rds/types"

	"strongroom/arn"
	"strongroom/internal/api"
	fleet "strongroom/internal/resource/rds"
	"strongroom/internal/state"
)

// instance is a DB instance with what stands behind it.
type instance struct {
	state.DBInstance
	database  state.Database
	backingUp bool // a snapshot of it is being taken
	subnets   state.DBSubnetGroup
	due       bool // its parameter group has other values than its database
}

// status is what RDS shows: the instance's own while something goes on with it, or the database's.
func (i instance) status() string {
	switch {
	case i.Status != "":
		return i.Status
	case i.database.PasswordDue && i.database.Status == "available":
		return "resetting-master-credentials"
	case i.backingUp && i.database.Status == "available":
		return "backing-up"
	}
	return i.database.Status
}

// load reads what stands behind an instance.
func load(ctx context.Context, tx *state.Tx, row state.DBInstance) (instance, error) {
	i := instance{DBInstance: row}
	if p := i.Settings.Pending; p != nil && p.At <= tx.Now { // its window has come: nothing else has to be done
		settle(&i.DBInstance, &i.Settings, *p)
		i.Settings.Pending = nil
	}
	var err error
	if i.database, err = tx.Database(ctx, row.DatabaseID); err != nil {
		return i, err
	}
	creating, err := tx.DBSnapshotsOf(ctx, row.DatabaseID, "creating")
	if err != nil {
		return i, err
	}
	i.backingUp = len(creating) > 0
	if i.due, err = parametersDue(ctx, tx, i); err != nil || i.Settings.SubnetGroup == "" {
		return i, err
	}
	i.subnets, err = subnetGroup(ctx, tx, &api.Caller{AccountID: row.AccountID, Region: row.Region}, &i.Settings.SubnetGroup)
	if api.Code(err) != "" { // a cluster's, which may name one that is gone
		i.subnets, err = state.DBSubnetGroup{AccountID: row.AccountID, Region: row.Region, Name: i.Settings.SubnetGroup}, nil
	}
	return i, err
}

// find reads the caller's DB instance of an identifier.
func find(ctx context.Context, tx *state.Tx, c *api.Caller, given *string) (instance, error) {
	id := instanceID(given)
	if id == "" {
		return instance{}, errMissing("DBInstanceIdentifier")
	}
	row, err := tx.DBInstance(ctx, c.AccountID, c.Region, id)
	if errors.Is(err, state.ErrNotFound) {
		return instance{}, errInstanceNotFound(id)
	}
	if err != nil {
		return instance{}, err
	}
	return load(ctx, tx, row)
}

// instanceID is the identifier that a call names, which may do so by the ARN.
func instanceID(given *string) string {
	if a, err := arn.Parse(deref(given)); err == nil {
		_, id := a.Split()
		return strings.ToLower(id)
	}
	return strings.ToLower(deref(given))
}

func (s *Service) find(ctx context.Context, c *api.Caller, given *string) (i instance, err error) {
	err = s.DB.View(ctx, func(ctx context.Context, tx *state.Tx) (err error) {
		i, err = find(ctx, tx, c, given)
		return err
	})
	return i, err
}

// instanceAccess is the question whether the caller may do something to an instance of its own.
func (s *Service) instanceAccess(ctx context.Context, c *api.Caller, action string, given *string) ([]api.Access, error) {
	i, err := s.find(ctx, c, given)
	if err != nil {
		return named(err, "rds:"+action, nameOf(c, "db", given))
	}
	return []api.Access{{
		Action: "rds:" + action, Resource: fleet.InstanceARN(c.AccountID, c.Region, i.ID), Context: fleet.InstanceConditions(i.DBInstance, i.database),
	}}, nil
}

// DescribeDBInstances lists the caller's DB instances, or one.
func (s *Service) DescribeDBInstances(ctx context.Context, c *api.Caller, in *rds.DescribeDBInstancesInput) (*rds.DescribeDBInstancesOutput, error) {
	var all []instance
	err := s.DB.View(ctx, func(ctx context.Context, tx *state.Tx) error {
		if in.DBInstanceIdentifier != nil {
			i, err := find(ctx, tx, c, in.DBInstanceIdentifier)
			all = append(all, i)
			return err
		}
		rows, err := tx.DBInstances(ctx, c.AccountID, c.Region)
		if err != nil {
			return err
		}
		for _, row := range rows {
			i, err := load(ctx, tx, row)
			if err != nil {
				return err
			}
			all = append(all, i)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	if all, err = filtered(all, in.Filters, instanceFilters); err != nil {
		return nil, err
	}
	all, next, err := page(s.Pages, "DescribeDBInstances", c, all, in.MaxRecords, in.Marker, func(i instance) string { return i.ID })
	if err != nil {
		return nil, err
	}
	out := &rds.DescribeDBInstancesOutput{Marker: next, DBInstances: []types.DBInstance{}}
	for _, i := range all {
		out.DBInstances = append(out.DBInstances, s.describe(i))
	}
	return out, nil
}

// instanceFilters are those of https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_DescribeDBInstances.html
var instanceFilters = map[string]func(instance) string{
	"db-cluster-id":   func(i instance) string { return i.ClusterID },
	"db-instance-id":  func(i instance) string { return i.ID },
	"dbi-resource-id": func(i instance) string { return i.ResourceID },
	"domain":          func(instance) string { return "" },
	"engine":          func(i instance) string { return i.database.Engine },
}

func (s *Service) describeInstancesAccess(ctx context.Context, c *api.Caller, in *rds.DescribeDBInstancesInput) ([]api.Access, error) {
	if in.DBInstanceIdentifier == nil {
		return []api.Access{{Action: "rds:DescribeDBInstances", Resource: fleet.InstanceARN(c.AccountID, c.Region, "*")}}, nil
	}
	return s.instanceAccess(ctx, c, "DescribeDBInstances", in.DBInstanceIdentifier)
}

// describe is the SDK's form of an instance.
func (s *Service) describe(i instance) types.DBInstance {
	d, set := i.database, i.Settings
	status, encrypted, name := i.status(), d.KeyARN != "", fleet.InstanceARN(i.AccountID, i.Region, i.ID)
	zero, no := int32(0), false
	out := types.DBInstance{
		AllocatedStorage: &set.AllocatedStorage, AutoMinorVersionUpgrade: &set.MinorUpgrades, AvailabilityZone: text(set.AvailabilityZone),
		BackupRetentionPeriod: &set.BackupRetention, CACertificateIdentifier: text(set.CACertificate), CopyTagsToSnapshot: &set.CopyTags,
		DBClusterIdentifier: text(i.ClusterID), DBInstanceArn: &name, DBInstanceClass: &i.Class, DBInstanceIdentifier: &i.ID,
		DBInstanceStatus: &status, DBName: text(d.Name), DbInstancePort: &zero, DbiResourceId: &i.ResourceID,
		DeletionProtection: &set.DeletionProtection, EnabledCloudwatchLogsExports: set.LogExports, Engine: &d.Engine, EngineVersion: &d.EngineVersion,
		IAMDatabaseAuthenticationEnabled: &set.IAMAuthentication, Iops: number(set.IOPS), KmsKeyId: text(d.KeyARN), LicenseModel: text(set.LicenseModel),
		MasterUsername: text(d.MasterUsername), MaxAllocatedStorage: number(set.MaxStorage), MonitoringInterval: &set.MonitoringInterval,
		MultiAZ: &set.MultiAZ, NetworkType: text(set.NetworkType), PerformanceInsightsEnabled: &no, PreferredBackupWindow: text(set.BackupWindow),
		PreferredMaintenanceWindow: text(set.MaintenanceWindow), PubliclyAccessible: &set.Public, StorageEncrypted: &encrypted,
		StorageThroughput: number(set.Throughput), StorageType: text(set.StorageType), TagList: tagsOf(i.Tags), CharacterSetName: text(set.CharacterSet),
	}
	// RDS tells when it was created, and where it is reached, once it is.
	if d.Status != "creating" {
		port := int32(d.Port)
		out.InstanceCreateTime = i.CreatedAt.Ptr()
		out.Endpoint = &types.Endpoint{Address: &s.Fleet.Address, Port: &port}
	}
	if set.ParameterGroup != "" {
		applied := "in-sync"
		if i.due {
			applied = "pending-reboot"
		}
		out.DBParameterGroups = []types.DBParameterGroupStatus{{DBParameterGroupName: &set.ParameterGroup, ParameterApplyStatus: &applied}}
	}
	if set.OptionGroup != "" {
		member := "in-sync"
		out.OptionGroupMemberships = []types.OptionGroupMembership{{OptionGroupName: &set.OptionGroup, Status: &member}}
	}
	for _, group := range set.SecurityGroups {
		active := "active"
		out.VpcSecurityGroups = append(out.VpcSecurityGroups, types.VpcSecurityGroupMembership{VpcSecurityGroupId: &group, Status: &active})
	}
	if set.SubnetGroup != "" {
		out.DBSubnetGroup = describeSubnetGroup(i.subnets)
	}
	out.PendingModifiedValues = describePending(i)
	return out
}

// portOf checks a port that a call asks for; 0 if it leaves it open.
func portOf(given *int32) (int, error) {
	if given == nil {
		return 0, nil
	}
	if *given < 1150 || *given > 65535 {
		return 0, errValue("Invalid database port %s. Valid port range is 1150-65535", strconv.Itoa(int(*given)))
	}
	return int(*given), nil
}

// describePending is the SDK's form of what changes in the next maintenance window.
func describePending(i instance) *types.PendingModifiedValues {
	p, set, out := i.Settings.Pending, i.Settings, &types.PendingModifiedValues{}
	if p == nil {
		return out
	}
	if p.Class != i.Class {
		out.DBInstanceClass = &p.Class
	}
	if p.AllocatedStorage != set.AllocatedStorage {
		out.AllocatedStorage = &p.AllocatedStorage
	}
	if p.StorageType != set.StorageType {
		out.StorageType = &p.StorageType
	}
	if p.IOPS != set.IOPS {
		out.Iops = &p.IOPS
	}
	if p.Throughput != set.Throughput {
		out.StorageThroughput = &p.Throughput
	}
	if p.MultiAZ != set.MultiAZ {
		out.MultiAZ = &p.MultiAZ
	}
	return out
}
