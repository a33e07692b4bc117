package rds

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"strconv"
	"strings"

	awsrds "github.com/aws/aws-sdk-go-v2/service/rds"

	"strongroom/arn"
	"strongroom/internal/api"
	"strongroom/internal/resource"
	"strongroom/internal/state"
	"strongroom/rules"
)

// clusters are the DB clusters of some engines as protected resources: those of Aurora, DocumentDB or Neptune, whose ARNs have one
// form.
type clusters struct {
	snapshots
	engines []string
	// likeliest says of a cluster that is not there that it is of this kind.
	likeliest bool
}

var (
	_ resource.Native    = (*clusters)(nil)
	_ resource.Reader    = (*clusters)(nil)
	_ resource.TagReader = (*clusters)(nil)
)

func newClusters(f *Fleet, asOf rules.AsOf, resourceType string, engines ...string) *clusters {
	return &clusters{snapshots{fleet: f, asOf: asOf, resourceType: resourceType, kind: state.ClusterSnapshot}, engines, false}
}

// clusterState is a DB cluster with what stands behind it.
type clusterState struct {
	state.DBCluster
	database state.Database
	members  int
}

// status is what users see of the cluster: without instances nothing of it runs, and its storage is there all the same.
func (k clusterState) status() string {
	switch d := k.database; {
	case d.Wanted == state.DatabaseDeleted, d.Phase != state.DatabaseReady, k.Stopped:
		return d.Status
	case k.members == 0, d.Status == "creating", d.Status == "rebooting":
		return statusAvailable
	default:
		return d.Status
	}
}

// row reads a cluster; [state.ErrNotFound] if there is none.
func (k *clusters) row(ctx context.Context, r arn.ARN) (c clusterState, err error) {
	err = k.fleet.DB.View(ctx, func(ctx context.Context, tx *state.Tx) (err error) {
		if c.DBCluster, err = tx.DBCluster(ctx, r.AccountID, r.Region, nameOf(r)); err != nil {
			return err
		}
		c, err = withDatabase(ctx, tx, c.DBCluster)
		return err
	})
	return c, err
}

func withDatabase(ctx context.Context, tx *state.Tx, row state.DBCluster) (c clusterState, err error) {
	c.DBCluster = row
	if c.database, err = tx.Database(ctx, row.ResourceID); err != nil {
		return c, err
	}
	members, err := tx.DBInstancesOf(ctx, row.ResourceID)
	c.members = len(members)
	return c, err
}

// found is row for a job that knows that the cluster was there.
func (k *clusters) found(ctx context.Context, r arn.ARN) (clusterState, error) {
	c, err := k.row(ctx, r)
	if errors.Is(err, state.ErrNotFound) {
		err = api.Errorf("DBClusterNotFoundFault", "DBCluster %s not found.", nameOf(r))
	}
	return c, err
}

// Owns implements [resource.Kind]: the engine of the cluster decides.
func (k *clusters) Owns(ctx context.Context, a arn.ARN) (bool, error) {
	if a.Service != "rds" || !strings.HasPrefix(a.Resource, "cluster:") {
		return false, nil
	}
	c, err := k.row(ctx, a)
	if errors.Is(err, state.ErrNotFound) {
		return k.likeliest, nil
	}
	return slices.Contains(k.engines, c.database.Engine), err
}

// List implements [resource.Kind].
func (k *clusters) List(ctx context.Context, accountID, region string) (all []resource.Description, err error) {
	err = k.fleet.DB.View(ctx, func(ctx context.Context, tx *state.Tx) error {
		rows, err := tx.DBClusters(ctx, accountID, region)
		if err != nil {
			return err
		}
		for _, row := range rows {
			c, err := withDatabase(ctx, tx, row)
			if err != nil {
				return err
			}
			if slices.Contains(k.engines, c.database.Engine) {
				all = append(all, k.describe(c))
			}
		}
		return nil
	})
	return all, err
}

func (k *clusters) describe(c clusterState) resource.Description {
	return resource.Description{
		ARN: arn.New("rds", c.Region, c.AccountID, "cluster:"+c.ID), Type: k.resourceType, Name: c.ID, AccountID: c.AccountID, Region: c.Region,
		KeyARN: c.database.KeyARN, Windows: ownWindows(c.Settings), Tags: maps.Clone(c.Tags), Metadata: clusterMetadata(c),
	}
}

// clusterMetadata is the configuration at backup time, without the key, which a copy is not under, by the names of
// https://docs.aws.amazon.com/aws-backup/latest/devguide/restoring-aur.html, which are those of DocumentDB and Neptune too.
func clusterMetadata(c clusterState) map[string]string {
	s, d := c.Settings, c.database
	m := map[string]string{
		"dbClusterIdentifier": c.ID, "engine": d.Engine, "engineVersion": d.EngineVersion, "engineMode": "provisioned", "port": strconv.FormatInt(d.Port, 10),
		"databaseName": d.Name, "copyTagsToSnapshot": strconv.FormatBool(s.CopyTags),
		"dbClusterParameterGroupName": s.ParameterGroup, "dbSubnetGroupName": s.SubnetGroup,
	}
	if len(s.SecurityGroups) > 0 {
		if list, err := json.Marshal(s.SecurityGroups); err == nil {
			m["vpcSecurityGroupIds"] = string(list)
		}
	}
	maps.DeleteFunc(m, func(_, value string) bool { return value == "" })
	return m
}

// Reads implements [resource.Reader].
func (k *clusters) Reads(r arn.ARN) []any {
	id := nameOf(r)
	return []any{&awsrds.DescribeDBClustersInput{DBClusterIdentifier: &id}}
}

// Describe implements [resource.Kind]. The caller needs rds:DescribeDBClusters.
func (k *clusters) Describe(ctx context.Context, c *api.Caller, r arn.ARN) (resource.Description, error) {
	c = c.In(r.Region)
	for _, call := range k.Reads(r) {
		if _, err := api.Call[awsrds.DescribeDBClustersOutput](ctx, k.fleet.Door, c, call); err != nil {
			return resource.Description{}, k.undescribable(err, c, r)
		}
	}
	found, err := k.found(ctx, r)
	return k.describe(found), err
}

// Backup implements [resource.Kind]. The caller needs rds:CreateDBClusterSnapshot on the cluster and the snapshot,
// rds:AddTagsToResource on the snapshot, and for an encrypted cluster kms:DescribeKey and kms:CreateGrant on its key through RDS.
func (k *clusters) Backup(ctx context.Context, c *api.Caller, d resource.Description, r resource.BackupRequest) (resource.Result, error) {
	found, err := k.found(ctx, d.ARN)
	if err != nil {
		return resource.Result{}, err
	}
	unavailable := func(status string) *rules.Refusal {
		return rules.ResourceNotAvailable.Refuse(rules.Values{"name": found.ID, "status": status, "resource": d.ARN.String()})
	}
	if status := found.status(); !takesSnapshots(status) {
		return resource.Result{}, unavailable(status)
	}
	snapshot := nameOf(k.RecoveryPointARN(d, r.Point, 0))
	access := CreateClusterSnapshotAccess(found.DBCluster, snapshot, sourceTags(d.ARN))
	result, err := k.backup(ctx, c.In(d.Region), d, r, access, ClusterSnapshotOf(found.DBCluster, found.database, ""))
	if errors.Is(err, errStopped) { // meanwhile
		err = unavailable(statusStopped)
	}
	return result, err
}

// Restore implements [resource.Kind]: a cluster without instances is made from the recovery point's snapshot by the caller's own
// rds:RestoreDBClusterFromSnapshot, under the key that the metadata name, or else the snapshot's.
func (k *clusters) Restore(ctx context.Context, c *api.Caller, r resource.RestoreRequest) (resource.Restored, error) {
	in, err := clusterInput(r)
	if err != nil {
		return resource.Restored{}, err
	}
	c = c.In(r.Recovery.Region)
	made := arn.New("rds", c.Region, c.AccountID, "cluster:"+strings.ToLower(*in.DBClusterIdentifier))
	_, err = api.Call[awsrds.RestoreDBClusterFromSnapshotOutput](ctx, k.fleet.Door, c, in)
	if err != nil && (!r.Again || api.Code(err) != "DBClusterAlreadyExistsFault" || !k.isOf(ctx, made, r.Recovery)) {
		return resource.Restored{}, err
	}
	found, err := k.found(ctx, made)
	if err != nil {
		return resource.Restored{}, err
	}
	return resource.Restored{ARN: made}, k.fleet.waitMade(ctx, found.ResourceID)
}

// isOf reports whether a cluster was made from a recovery point: by this very job, before it was cut short.
func (k *clusters) isOf(ctx context.Context, cluster arn.ARN, p state.RecoveryPoint) bool {
	found, err := k.row(ctx, cluster)
	return err == nil && found.database.Source.Point == p.ArchivePointID
}

// clusterInput makes the request of RestoreDBClusterFromSnapshot from restore metadata, in any case.
func clusterInput(r resource.RestoreRequest) (*awsrds.RestoreDBClusterFromSnapshotInput, error) {
	id, err := snapshotID(r.Recovery.ARN)
	if err != nil {
		return nil, err
	}
	m := readMetadata(r.Metadata)
	in := &awsrds.RestoreDBClusterFromSnapshotInput{
		SnapshotIdentifier: &id, DBClusterIdentifier: m.required("dbClusterIdentifier"), Engine: m.required("engine"), EngineVersion: m.text("engineVersion"),
		EngineMode: m.text("engineMode"), AvailabilityZones: m.list("availabilityZones"), BacktrackWindow: m.long("backtrackWindow"),
		CopyTagsToSnapshot: m.flag("copyTagsToSnapshot"), DatabaseName: m.text("databaseName"), DBClusterParameterGroupName: m.text("dbClusterParameterGroupName"),
		DBSubnetGroupName: m.text("dbSubnetGroupName"), DeletionProtection: m.flag("deletionProtection"), EnableCloudwatchLogsExports: m.list("enableCloudwatchLogsExports"),
		EnableIAMDatabaseAuthentication: m.flag("enableIAMDatabaseAuthentication"), KmsKeyId: m.text("kmsKeyId"), OptionGroupName: m.text("optionGroupName"),
		Port: m.number("port"), VpcSecurityGroupIds: m.list("vpcSecurityGroupIds"), Tags: tagList(r.Tags),
	}
	m.told("encrypted", "vpcId")
	if m.text("scalingConfiguration") != nil {
		m.fail(api.NotImplemented("Restoring with the metadata scalingConfiguration"))
	}
	return in, m.end()
}
