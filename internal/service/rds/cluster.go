package rds

import (
	"context"
	"errors"

	"github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/aws/aws-sdk-go-v2/service/rds/types"

	"strongroom/internal/api"
	fleet "strongroom/internal/resource/rds"
	"strongroom/internal/state"
)

// cluster is a DB cluster with what stands behind it, and its instances.
//
// There is one process and one data directory for a cluster, however many instances it has: the database serves while there is one
// at least. Readers are other names for the writer's process.
type cluster struct {
	state.DBCluster
	database  state.Database
	members   []state.DBInstance
	backingUp bool // a snapshot of it is being taken
	due       bool // its parameter group has other values than its database
}

// status is what RDS shows. A cluster whose storage is there is available, whether it has instances or not.
func (k cluster) status() string {
	d := k.database
	switch {
	case d.Wanted == state.DatabaseDeleted, d.Phase != state.DatabaseReady, k.Stopped:
		return d.Status
	case len(k.members) == 0, d.Status == "creating", d.Status == "rebooting":
		// What an instance of it is going through is not the cluster's.
		if k.backingUp {
			return "backing-up"
		}
		return "available"
	case k.backingUp && d.Status == "available":
		return "backing-up"
	}
	return d.Status
}

// usable reports whether the cluster can be changed, and snapshots be taken of it.
func (k cluster) usable() bool { return k.status() == "available" || k.status() == "backing-up" }

// loadCluster reads what stands behind a cluster.
func loadCluster(ctx context.Context, tx *state.Tx, row state.DBCluster) (cluster, error) {
	k := cluster{DBCluster: row}
	var err error
	if k.database, err = tx.Database(ctx, row.ResourceID); err != nil {
		return k, err
	}
	if k.members, err = tx.DBInstancesOf(ctx, row.ResourceID); err != nil {
		return k, err
	}
	creating, err := tx.DBSnapshotsOf(ctx, row.ResourceID, "creating")
	if err != nil {
		return k, err
	}
	k.backingUp = len(creating) > 0
	k.due, err = clusterParametersDue(ctx, tx, k)
	return k, err
}

// findCluster reads the caller's DB cluster of an identifier or ARN.
func findCluster(ctx context.Context, tx *state.Tx, c *api.Caller, given *string) (cluster, error) {
	id := instanceID(given)
	if id == "" {
		return cluster{}, errMissing("DBClusterIdentifier")
	}
	row, err := tx.DBCluster(ctx, c.AccountID, c.Region, id)
	if errors.Is(err, state.ErrNotFound) {
		return cluster{}, errClusterNotFound(id)
	}
	if err != nil {
		return cluster{}, err
	}
	return loadCluster(ctx, tx, row)
}

func (s *Service) findCluster(ctx context.Context, c *api.Caller, given *string) (k cluster, err error) {
	err = s.DB.View(ctx, func(ctx context.Context, tx *state.Tx) (err error) {
		k, err = findCluster(ctx, tx, c, given)
		return err
	})
	return k, err
}

// changeCluster does something to a cluster in a transaction, and has its database tended after it.
func (s *Service) changeCluster(ctx context.Context, c *api.Caller, given *string, fn func(ctx context.Context, tx *state.Tx, k *cluster) error) (*types.DBCluster, error) {
	var k cluster
	err := s.DB.Update(ctx, func(ctx context.Context, tx *state.Tx) (err error) {
		if k, err = findCluster(ctx, tx, c, given); err != nil {
			return err
		}
		if err := fn(ctx, tx, &k); err != nil {
			return err
		}
		k.database, err = tx.Database(ctx, k.ResourceID)
		return err
	})
	if err != nil {
		return nil, err
	}
	s.Fleet.Tend(k.ResourceID)
	return s.describeCluster(k), nil
}

// clusterAccess is the question whether the caller may do something to a cluster of its own.
func (s *Service) clusterAccess(ctx context.Context, c *api.Caller, action string, given *string) ([]api.Access, error) {
	k, err := s.findCluster(ctx, c, given)
	if err != nil {
		return named(err, "rds:"+action, nameOf(c, "cluster", given))
	}
	return []api.Access{{Action: "rds:" + action, Resource: fleet.ClusterARN(c.AccountID, c.Region, k.ID), Context: fleet.ClusterConditions(k.DBCluster)}}, nil
}

// DescribeDBClusters lists the caller's DB clusters, or one: those of Aurora, DocumentDB and Neptune together, as all three
// clients are shown them (https://docs.aws.amazon.com/neptune/latest/apiref/API_DescribeDBClusters.html).
func (s *Service) DescribeDBClusters(ctx context.Context, c *api.Caller, in *rds.DescribeDBClustersInput) (*rds.DescribeDBClustersOutput, error) {
	all, err := s.clusters(ctx, c, in.DBClusterIdentifier)
	if err != nil {
		return nil, err
	}
	if all, err = filtered(all, in.Filters, clusterFilters); err != nil {
		return nil, err
	}
	all, next, err := page(s.Pages, "DescribeDBClusters", c, all, in.MaxRecords, in.Marker, func(k cluster) string { return k.ID })
	if err != nil {
		return nil, err
	}
	out := &rds.DescribeDBClustersOutput{Marker: next, DBClusters: []types.DBCluster{}}
	for _, k := range all {
		out.DBClusters = append(out.DBClusters, *s.describeCluster(k))
	}
	return out, nil
}

// clusters are the caller's, or the one that is named.
func (s *Service) clusters(ctx context.Context, c *api.Caller, given *string) (all []cluster, err error) {
	err = s.DB.View(ctx, func(ctx context.Context, tx *state.Tx) error {
		if given != nil {
			k, err := findCluster(ctx, tx, c, given)
			all = append(all, k)
			return err
		}
		rows, err := tx.DBClusters(ctx, c.AccountID, c.Region)
		if err != nil {
			return err
		}
		for _, row := range rows {
			k, err := loadCluster(ctx, tx, row)
			if err != nil {
				return err
			}
			all = append(all, k)
		}
		return nil
	})
	return all, err
}

// clusterFilters are those of https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_DescribeDBClusters.html
var clusterFilters = map[string]func(cluster) string{
	"clone-group-id":         func(cluster) string { return "" },
	"db-cluster-id":          func(k cluster) string { return k.ID },
	"db-cluster-resource-id": func(k cluster) string { return k.ResourceID },
	"domain":                 func(cluster) string { return "" },
	"engine":                 func(k cluster) string { return k.database.Engine },
}

func (s *Service) describeClustersAccess(ctx context.Context, c *api.Caller, in *rds.DescribeDBClustersInput) ([]api.Access, error) {
	return s.describeClusterAccess(ctx, c, "DescribeDBClusters", in.DBClusterIdentifier)
}

// describeClusterAccess is the question whether the caller may look at one of its clusters, or at all.
func (s *Service) describeClusterAccess(ctx context.Context, c *api.Caller, action string, given *string) ([]api.Access, error) {
	if given == nil {
		return []api.Access{{Action: "rds:" + action, Resource: fleet.ClusterARN(c.AccountID, c.Region, "*")}}, nil
	}
	return s.clusterAccess(ctx, c, action, given)
}

// describeCluster is the SDK's form of a cluster.
func (s *Service) describeCluster(k cluster) *types.DBCluster {
	d, set := k.database, k.Settings
	status, encrypted, name, mode, kind := k.status(), d.KeyARN != "", fleet.ClusterARN(k.AccountID, k.Region, k.ID), "provisioned", types.StorageEncryptionTypeUnencrypted
	one, no, port := int32(1), false, int32(d.Port)
	if encrypted {
		kind = types.StorageEncryptionTypeCmk
	}
	out := &types.DBCluster{
		AllocatedStorage: &one, AssociatedRoles: []types.DBClusterRole{}, AutoMinorVersionUpgrade: &set.MinorUpgrades, AvailabilityZones: zones(k.Region),
		BackupRetentionPeriod: &set.BackupRetention, ClusterCreateTime: k.CreatedAt.Ptr(), CopyTagsToSnapshot: &set.CopyTags, CrossAccountClone: &no,
		DBClusterArn: &name, DBClusterIdentifier: &k.ID, DBClusterMembers: members(k), DBClusterParameterGroup: text(set.ParameterGroup),
		DBSubnetGroup: text(set.SubnetGroup), DatabaseName: text(d.Name), DbClusterResourceId: &k.ResourceID, DeletionProtection: &set.DeletionProtection,
		EnabledCloudwatchLogsExports: set.LogExports, Engine: &d.Engine, EngineMode: &mode, EngineVersion: &d.EngineVersion, HttpEndpointEnabled: &no,
		IAMDatabaseAuthenticationEnabled: &set.IAMAuthentication, KmsKeyId: text(d.KeyARN), MasterUsername: text(d.MasterUsername), MultiAZ: &no,
		NetworkType: text(set.NetworkType), PreferredBackupWindow: text(set.BackupWindow), PreferredMaintenanceWindow: text(set.MaintenanceWindow),
		Status: &status, StorageEncrypted: &encrypted, StorageEncryptionType: kind, TagList: tagsOf(k.Tags), VpcSecurityGroups: []types.VpcSecurityGroupMembership{},
		Port: &port, Endpoint: &s.Fleet.Address, ReaderEndpoint: &s.Fleet.Address,
	}
	for _, group := range set.SecurityGroups {
		active := "active"
		out.VpcSecurityGroups = append(out.VpcSecurityGroups, types.VpcSecurityGroupMembership{VpcSecurityGroupId: &group, Status: &active})
	}
	return out
}

func members(k cluster) []types.DBClusterMember {
	all := []types.DBClusterMember{}
	applied := "in-sync"
	if k.due {
		applied = "pending-reboot"
	}
	for _, m := range k.members {
		writer, tier := m.ID == k.WriterID, m.Settings.PromotionTier
		all = append(all, types.DBClusterMember{DBInstanceIdentifier: &m.ID, IsClusterWriter: &writer, DBClusterParameterGroupStatus: &applied, PromotionTier: &tier})
	}
	return all
}

// zones are those that a cluster's storage is shown to lie in.
