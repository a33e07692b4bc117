package rds

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"strconv"
	"strings"

	awsrds "github.com/aws/aws-sdk-go-v2/service/rds"

	"strongroom/arn"
	"strongroom/internal/api"
	"strongroom/internal/resource"
	"strongroom/internal/state"
	"strongroom/rules"
)

// instances are RDS's DB instances as protected resources.
type instances struct{ snapshots }

var (
	_ resource.Native    = (*instances)(nil)
	_ resource.Reader    = (*instances)(nil)
	_ resource.TagReader = (*instances)(nil)
)

func newInstances(f *Fleet, asOf rules.AsOf) *instances {
	return &instances{snapshots{fleet: f, asOf: asOf, resourceType: "RDS", kind: state.InstanceSnapshot}}
}

// Owns implements [resource.Kind].
func (k *instances) Owns(_ context.Context, a arn.ARN) (bool, error) {
	return a.Service == "rds" && strings.HasPrefix(a.Resource, "db:"), nil
}

// List implements [resource.Kind]. The instances of clusters are none that are protected: their clusters are.
func (k *instances) List(ctx context.Context, accountID, region string) ([]resource.Description, error) {
	var rows []state.DBInstance
	err := k.fleet.DB.View(ctx, func(ctx context.Context, tx *state.Tx) (err error) {
		rows, err = tx.DBInstances(ctx, accountID, region)
		return err
	})
	var all []resource.Description
	for _, i := range rows {
		if i.ClusterID == "" {
			all = append(all, k.describe(i, state.Database{}))
		}
	}
	return all, err
}

func (k *instances) describe(i state.DBInstance, d state.Database) resource.Description {
	return resource.Description{
		ARN: arn.New("rds", i.Region, i.AccountID, "db:"+i.ID), Type: k.resourceType, Name: i.ID, AccountID: i.AccountID, Region: i.Region,
		SizeBytes: int64(i.Settings.AllocatedStorage) << 30, KeyARN: d.KeyARN, Windows: ownWindows(i.Settings), Tags: maps.Clone(i.Tags), Metadata: instanceMetadata(i, d),
	}
}

// instanceMetadata is the configuration at backup time, by the names of
// https://docs.aws.amazon.com/aws-backup/latest/devguide/restoring-rds.html. The Availability Zone is left out, which a copy's
// Region does not have.
func instanceMetadata(i state.DBInstance, d state.Database) map[string]string {
	s := i.Settings
	m := map[string]string{
		"DBInstanceIdentifier": i.ID, "DBInstanceClass": i.Class, "Engine": d.Engine, "EngineVersion": d.EngineVersion, "Port": strconv.FormatInt(d.Port, 10),
		"MultiAZ": strconv.FormatBool(s.MultiAZ), "PubliclyAccessible": strconv.FormatBool(s.Public), "AutoMinorVersionUpgrade": strconv.FormatBool(s.MinorUpgrades),
		"CopyTagsToSnapshot": strconv.FormatBool(s.CopyTags), "DeletionProtection": strconv.FormatBool(s.DeletionProtection),
		"EnableIAMDatabaseAuthentication": strconv.FormatBool(s.IAMAuthentication),
		"Encrypted":                       strconv.FormatBool(d.KeyARN != ""), "KmsKeyId": d.KeyARN, "StorageType": s.StorageType, "LicenseModel": s.LicenseModel,
		"DBParameterGroupName": s.ParameterGroup, "OptionGroupName": s.OptionGroup, "DBSubnetGroupName": s.SubnetGroup,
	}
	if len(s.SecurityGroups) > 0 {
		if list, err := json.Marshal(s.SecurityGroups); err == nil {
			m["VpcSecurityGroupIds"] = string(list)
		}
	}
	if s.IOPS > 0 {
		m["Iops"] = strconv.FormatInt(int64(s.IOPS), 10)
	}
	maps.DeleteFunc(m, func(_, value string) bool { return value == "" })
	return m
}

// Reads implements [resource.Reader].
func (k *instances) Reads(r arn.ARN) []any {
	id := nameOf(r)
	return []any{&awsrds.DescribeDBInstancesInput{DBInstanceIdentifier: &id}}
}

// Describe implements [resource.Kind]. The caller needs rds:DescribeDBInstances.
func (k *instances) Describe(ctx context.Context, c *api.Caller, r arn.ARN) (resource.Description, error) {
	c = c.In(r.Region)
	for _, call := range k.Reads(r) {
		if _, err := api.Call[awsrds.DescribeDBInstancesOutput](ctx, k.fleet.Door, c, call); err != nil {
			return resource.Description{}, k.undescribable(err, c, r)
		}
	}
	i, d, err := k.rows(ctx, r)
	if err != nil {
		return resource.Description{}, err
	}
	if i.ClusterID != "" {
		return resource.Description{}, api.Errorf("InvalidParameterValue",
			"The specified instance is a member of a cluster and a snapshot cannot be created directly. Please use the CreateDBClusterSnapshot API instead.")
	}
	return k.describe(i, d), nil
}

// rows are those of an instance and of the database behind it.
func (k *instances) rows(ctx context.Context, r arn.ARN) (i state.DBInstance, d state.Database, err error) {
	id := nameOf(r)
	err = k.fleet.DB.View(ctx, func(ctx context.Context, tx *state.Tx) (err error) {
		if i, err = tx.DBInstance(ctx, r.AccountID, r.Region, id); err != nil {
			return err
		}
		d, err = tx.Database(ctx, i.DatabaseID)
		return err
	})
	if errors.Is(err, state.ErrNotFound) { // deleted while a job looked at it
		err = api.Errorf("DBInstanceNotFound", "DBInstance %s not found.", id)
	}
	return i, d, err
}

// Backup implements [resource.Kind]. The caller needs rds:CreateDBSnapshot on the instance and the snapshot, rds:AddTagsToResource
// on the snapshot, and for an encrypted instance kms:DescribeKey and kms:CreateGrant on its key through RDS.
func (k *instances) Backup(ctx context.Context, c *api.Caller, d resource.Description, r resource.BackupRequest) (resource.Result, error) {
	i, database, err := k.rows(ctx, d.ARN)
	if err != nil {
		return resource.Result{}, err
	}
	unavailable := func(status string) *rules.Refusal {
		return rules.ResourceNotInAvailable.Refuse(rules.Values{"name": i.ID, "status": status, "resource": d.ARN.String()})
	}
	if status := shownStatus(i, database); !takesSnapshots(status) {
		return resource.Result{}, unavailable(status)
	}
	of := NewSnapshot(k.kind, "", database)
	of.SourceID, of.SourceCreated, of.Settings = i.ID, i.CreatedAt, i.Settings
	// Jobs and their points have the same ids.
	snapshot := nameOf(k.RecoveryPointARN(d, r.Point, 0))
	result, err := k.backup(ctx, c.In(d.Region), d, r, CreateSnapshotAccess(i, database, snapshot, sourceTags(d.ARN)), of)
	if errors.Is(err, errStopped) { // meanwhile
		err = unavailable(statusStopped)
	}
	return result, err
}

// shownStatus is the status of an instance that users see.
func shownStatus(i state.DBInstance, d state.Database) string {
	if i.Status != "" {
		return i.Status
	}
	return d.Status
}

// Restore implements [resource.Kind]: an instance is made from the recovery point's snapshot by the caller's own
// rds:RestoreDBInstanceFromDBSnapshot. It keeps the snapshot's key, whatever the metadata say.
func (k *instances) Restore(ctx context.Context, c *api.Caller, r resource.RestoreRequest) (resource.Restored, error) {
	in, err := instanceInput(r)
	if err != nil {
		return resource.Restored{}, err
	}
	c = c.In(r.Recovery.Region)
	made := arn.New("rds", c.Region, c.AccountID, "db:"+strings.ToLower(*in.DBInstanceIdentifier))
	_, err = api.Call[awsrds.RestoreDBInstanceFromDBSnapshotOutput](ctx, k.fleet.Door, c, in)
	if err != nil && (!r.Again || api.Code(err) != "DBInstanceAlreadyExists" || !k.isOf(ctx, made, r.Recovery)) {
		return resource.Restored{}, err
	}
	i, _, err := k.rows(ctx, made)
	if err != nil {
		return resource.Restored{}, err
	}
	return resource.Restored{ARN: made}, k.fleet.waitMade(ctx, i.DatabaseID)
}

// isOf reports whether an instance was made from a recovery point: by this very job, before it was cut short.
func (k *instances) isOf(ctx context.Context, instance arn.ARN, p state.RecoveryPoint) bool {
	_, d, err := k.rows(ctx, instance)
	return err == nil && d.Source.Point == p.ArchivePointID
}

// instanceInput makes the request of RestoreDBInstanceFromDBSnapshot from restore metadata, whose names are those of
// https://docs.aws.amazon.com/aws-backup/latest/devguide/restoring-rds.html in any case.
func instanceInput(r resource.RestoreRequest) (*awsrds.RestoreDBInstanceFromDBSnapshotInput, error) {
	id, err := snapshotID(r.Recovery.ARN)
	if err != nil {
		return nil, err
	}
	m := readMetadata(r.Metadata)
	in := &awsrds.RestoreDBInstanceFromDBSnapshotInput{
		DBSnapshotIdentifier: &id, DBInstanceIdentifier: m.required("DBInstanceIdentifier"), DBInstanceClass: m.text("DBInstanceClass"), Engine: m.text("Engine"),
		Port: m.number("Port"), AvailabilityZone: m.text("AvailabilityZone"), DBSubnetGroupName: m.text("DBSubnetGroupName"), MultiAZ: m.flag("MultiAZ"),
		PubliclyAccessible: m.flag("PubliclyAccessible"), AutoMinorVersionUpgrade: m.flag("AutoMinorVersionUpgrade"), LicenseModel: m.text("LicenseModel"),
		DBName: m.text("DBName"), Iops: m.number("Iops"), StorageThroughput: m.number("StorageThroughput"), StorageType: m.text("StorageType"),
		AllocatedStorage: m.number("AllocatedStorage"), OptionGroupName: m.text("OptionGroupName"), DBParameterGroupName: m.text("DBParameterGroupName"),
		VpcSecurityGroupIds: m.list("VpcSecurityGroupIds"), DeletionProtection: m.flag("DeletionProtection"), CopyTagsToSnapshot: m.flag("CopyTagsToSnapshot"),
		Domain: m.text("Domain"), DomainIAMRoleName: m.text("DomainIAMRoleName"), EnableCloudwatchLogsExports: m.list("EnableCloudwatchLogsExports"),
		EnableIAMDatabaseAuthentication: m.flag("EnableIAMDatabaseAuthentication"), NetworkType: m.text("NetworkType"), BackupTarget: m.text("BackupTarget"),
		UseDefaultProcessorFeatures: m.flag("UseDefaultProcessorFeatures"), TdeCredentialArn: m.text("TdeCredentialArn"),
		TdeCredentialPassword: m.text("TdeCredentialPassword"), Tags: tagList(r.Tags),
	}
	m.told("EngineVersion", "KmsKeyId", "Encrypted", "vpcId")
	return in, m.end()
}
