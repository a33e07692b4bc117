package rds

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/rds"

	"strongroom/arn"
	"strongroom/internal/api"
	fleet "strongroom/internal/resource/rds"
	"strongroom/internal/state"
)

// clusterWish is a DB cluster that a call asks for.
type clusterWish struct {
	cluster
	port     int    // asked for; 0 leaves it open
	password string // of the master user
	key      string // of KMS, as the call names it
	encrypt  bool
}

// CreateDBCluster makes a DB cluster without instances: its storage is there when it is available, and nobody listens.
func (s *Service) CreateDBCluster(ctx context.Context, c *api.Caller, in *rds.CreateDBClusterInput) (*rds.CreateDBClusterOutput, error) {
	w, err := s.wishedCluster(ctx, c, in)
	if err != nil {
		return nil, err
	}
	made, err := s.makeCluster(ctx, c, w, nil)
	if err != nil {
		return nil, err
	}
	return &rds.CreateDBClusterOutput{DBCluster: s.describeCluster(made)}, nil
}

func (s *Service) createClusterAccess(ctx context.Context, c *api.Caller, in *rds.CreateDBClusterInput) ([]api.Access, error) {
	const action = "rds:CreateDBCluster"
	w, err := s.wishedCluster(ctx, c, in)
	if err != nil {
		return named(err, action, nameOf(c, "cluster", in.DBClusterIdentifier))
	}
	return clusterWishAccess(c, action, w), nil
}

// clusterWishAccess is what whoever asks for a cluster must be allowed.
func clusterWishAccess(c *api.Caller, action string, w clusterWish) []api.Access {
	name := fleet.ClusterARN(c.AccountID, c.Region, w.ID)
	keys := map[string][]string{"rds:DatabaseEngine": {w.database.Engine}, "rds:StorageEncrypted": {strconv.FormatBool(w.encrypt || w.database.KeyARN != "")}}
	if w.database.Name != "" {
		keys["rds:DatabaseName"] = []string{w.database.Name}
	}
	accesses := []api.Access{{Action: action, Resource: name, Context: fleet.WithRequestTags(keys, w.Tags)}}
	accesses = append(accesses, api.Access{Action: action, Resource: clusterGroupARN(c, w.Settings.ParameterGroup)})
	accesses = append(accesses, groupAccesses(c, action, "", w.Settings.OptionGroup, w.Settings.SubnetGroup)...)
	return fleet.TaggedOnCreation(accesses, name, w.Tags)
}

// clusterGroupARN names a parameter group for clusters.
func clusterGroupARN(c *api.Caller, name string) string {
	return arn.New("rds", c.Region, c.AccountID, "cluster-pg:"+name).String()
}

// wishedCluster checks what a call asks for and fills in what RDS would choose.
func (s *Service) wishedCluster(ctx context.Context, c *api.Caller, in *rds.CreateDBClusterInput) (clusterWish, error) {
	var w clusterWish
	if err := unsupported(map[string]bool{
		"ManageMasterUserPassword": deref(in.ManageMasterUserPassword), "Domain": in.Domain != nil, "ReplicationSourceIdentifier": in.ReplicationSourceIdentifier != nil,
		"GlobalClusterIdentifier": in.GlobalClusterIdentifier != nil, "ScalingConfiguration": in.ScalingConfiguration != nil,
		"ServerlessV2ScalingConfiguration": in.ServerlessV2ScalingConfiguration != nil, "BacktrackWindow": deref(in.BacktrackWindow) != 0,
		"EnableHttpEndpoint": deref(in.EnableHttpEndpoint), "EngineMode " + deref(in.EngineMode): deref(in.EngineMode) != "" && *in.EngineMode != "provisioned",
		"EnableIAMDatabaseAuthentication in a DB cluster": deref(in.EnableIAMDatabaseAuthentication), "AssociatedRoles": len(in.AssociatedRoles) > 0,
		"A Multi-AZ DB cluster (DBClusterInstanceClass)": in.DBClusterInstanceClass != nil, "EnableLimitlessDatabase": deref(in.EnableLimitlessDatabase),
	}); err != nil {
		return w, err
	}
	var err error
	if w.ID, err = identifier("DBClusterIdentifier", in.DBClusterIdentifier, longestInstance); err != nil {
		return w, err
	}
	engine := strings.ToLower(deref(in.Engine))
	facts, known := clusterEngines[engine]
	if !known {
		return w, errValue("Invalid DB engine")
	}
	if err := checkZones(c, in.AvailabilityZones); err != nil {
		return w, err
	}
	version, err := s.clusterVersion(ctx, engine, deref(in.EngineVersion))
	if err != nil {
		return w, err
	}
	w.database = state.Database{Engine: engine, EngineVersion: version, MasterUsername: deref(in.MasterUsername), Name: deref(in.DatabaseName)}
	w.password, w.key, w.encrypt = deref(in.MasterUserPassword), deref(in.KmsKeyId), deref(in.StorageEncrypted)
	if err := checkClusterMaster(facts, w, in); err != nil {
		return w, err
	}
	if w.port, err = portOf(in.Port); err != nil {
		return w, err
	}
	if w.Tags, err = tagsFrom(c, in.Tags); err != nil {
		return w, err
	}
	if w.key != "" && in.StorageEncrypted != nil && !w.encrypt {
		return w, errCombination("KmsKeyId cannot be specified when StorageEncrypted is false.")
	}
	w.encrypt = w.encrypt || w.key != ""
	w.Settings, err = clusterSettings(in, engine, version)
	return w, err
}

// checkClusterMaster checks the master user and the first database's name, as far as the engine has them.
func checkClusterMaster(facts clusterFacts, w clusterWish, in *rds.CreateDBClusterInput) error {
	name := w.database.Name
	switch {
	case facts.unnamed && name != "":
		return errCombination("DatabaseName is not supported for the engine %s.", w.database.Engine)
	case name != "" && (len(name) > facts.longestName || !namePattern.MatchString(name)):
		return errValue("DatabaseName must begin with a letter and contain only alphanumeric characters.")
	case facts.open && (in.MasterUsername != nil || in.MasterUserPassword != nil):
		return errCombination("MasterUsername and MasterUserPassword are not supported for the engine %s.", w.database.Engine)
	case facts.open:
		return nil
	}
	if err := checkUser(facts.engineFacts, w.database.MasterUsername); err != nil {
		return err
	}
	longest := 41
	if w.database.Engine == "docdb" {
		longest = 100
	}
	return checkPassword(w.password, longest)
}

// clusterSettings are the settings that a call asks for, or RDS chooses.
func clusterSettings(in *rds.CreateDBClusterInput, engine, version string) (state.DBInstanceSettings, error) {
	set := state.DBInstanceSettings{
		AllocatedStorage: 1, StorageType: deref(in.StorageType), ParameterGroup: groupName(in.DBClusterParameterGroupName), SubnetGroup: groupName(in.DBSubnetGroupName),
		OptionGroup: optionGroupName(in.OptionGroupName), SecurityGroups: in.VpcSecurityGroupIds, BackupRetention: 1, BackupWindow: deref(in.PreferredBackupWindow),
		MaintenanceWindow: deref(in.PreferredMaintenanceWindow), CopyTags: deref(in.CopyTagsToSnapshot), DeletionProtection: deref(in.DeletionProtection),
		LogExports: in.EnableCloudwatchLogsExports, NetworkType: deref(in.NetworkType), LicenseModel: clusterEngines[engine].license, MinorUpgrades: true,
	}
	replace(&set.BackupRetention, in.BackupRetentionPeriod)
	completeCluster(&set, engine, version)
	return set, checkClusterSettings(set)
}

// completeCluster fills in what RDS chooses where a call leaves it open.
func completeCluster(set *state.DBInstanceSettings, engine, version string) {
	for _, open := range []struct {
		field *string
		value string
	}{
		{&set.StorageType, "aurora"},
		{&set.ParameterGroup, defaultParameterGroup(engine, version)},
		{&set.SubnetGroup, "default"},
		{&set.BackupWindow, "03:00-03:30"},
		{&set.MaintenanceWindow, "sun:05:00-sun:05:30"},
		{&set.NetworkType, "IPV4"},
	} {
		if *open.field == "" {
			*open.field = open.value
		}
	}
}

func checkClusterSettings(set state.DBInstanceSettings) error {
	switch {
	case set.BackupRetention < 1 || set.BackupRetention > 35:
		return errValue("Invalid backup retention period: %d. Retention period must be between 1 and 35", set.BackupRetention)
	case !slices.Contains([]string{"aurora", "aurora-iopt1", "standard", "iopt1"}, set.StorageType):
		return errValue("Invalid storage type: %s", set.StorageType)
	}
	return nil
}

// makeCluster makes the cluster that was wished for, from a snapshot if one is given.
func (s *Service) makeCluster(ctx context.Context, c *api.Caller, w clusterWish, from *state.DBSnapshot) (cluster, error) {
	if _, err := s.findCluster(ctx, c, &w.ID); err == nil {
		return cluster{}, errClusterExists()
	} else if api.Code(err) != "DBClusterNotFoundFault" {
		return cluster{}, err
	}
	d, err := s.planCluster(ctx, c, w, from)
	if err != nil {
		return cluster{}, err
	}
	made := w.cluster
	made.AccountID, made.Region, made.ResourceID = c.AccountID, c.Region, d.ID
	err = s.DB.Update(ctx, func(ctx context.Context, tx *state.Tx) error {
		made.CreatedAt = tx.Now
		if err := tx.InsertDBCluster(ctx, made.DBCluster); err != nil {
			if errors.Is(err, state.ErrExists) {
				return errClusterExists()
			}
			return err
		}
		if from != nil {
			// It must still be there: from now on it stays until the database is filled.
			if now, err := tx.DBSnapshotByPoint(ctx, from.Point); err != nil || now.Status != "available" {
				return errClusterSnapshotNotFound(from.ID)
			}
		}
		made.database, err = s.Fleet.Enter(ctx, tx, d, w.port)
		return err
	})
	if err != nil {
		return cluster{}, s.Fleet.Forget(ctx, d, err)
	}
	s.Fleet.Tend(d.ID)
	return made, nil
}

// planCluster prepares the database of a cluster. As long as the cluster has no instances it is made, but not run.
func (s *Service) planCluster(ctx context.Context, c *api.Caller, w clusterWish, from *state.DBSnapshot) (state.Database, error) {
	spec := fleet.Spec{
		ID: fleet.NewClusterID(), Engine: w.database.Engine, MasterUsername: w.database.MasterUsername, MasterPassword: w.password, Name: w.database.Name, Source: from,
	}
	err := s.DB.View(ctx, func(ctx context.Context, tx *state.Tx) (err error) {
		if err := s.checkGroups(ctx, tx, c, state.ClusterParameters, w.Settings, w.database.Engine, w.database.EngineVersion); err != nil {
			return err
		}
		spec.Parameters, err = groupValues(ctx, tx, state.ClusterParameters, c.AccountID, c.Region, w.Settings.ParameterGroup)
		return err
	})
	if err != nil {
		return state.Database{}, err
	}
	if clusterEngines[spec.Engine].open {
		spec.MasterUsername = neptuneUser
		if from == nil {
			spec.MasterPassword = fleet.NewID("") // every database has one in its row, be it asked for it or not
		}
	}
	switch {
	case w.encrypt:
		if spec.KeyARN, err = s.Fleet.ResolveKey(ctx, c, w.key); err != nil {
			return state.Database{}, err
		}
	case from != nil:
		spec.KeyARN = from.KeyARN
	}
	d, err := s.Fleet.Plan(ctx, c, spec)
	d.Wanted = state.DatabaseStopped
	return d, err
}
