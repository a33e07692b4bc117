package rds

import (
	"context"
	"net/http"

	"strongroom/internal/api"
)

// clusterFacts are what the engines of DB clusters differ in.
type clusterFacts struct {
	engineFacts
	// unnamed says that it has no database of a name to make at first.
	unnamed bool
	// open says that it has no master user with a password.
	open bool
}

// clusterEngines are the engines of DB clusters.
// https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_CreateDBCluster.html
// https://docs.aws.amazon.com/documentdb/latest/developerguide/API_CreateDBCluster.html
// https://docs.aws.amazon.com/neptune/latest/apiref/API_CreateDBCluster.html
var clusterEngines = map[string]clusterFacts{
	"aurora-postgresql": {engineFacts: engineFacts{"postgresql-license", 63, 63, []string{"admin", "rdsadmin", "postgres_rds", "rds_superuser", "public"}}},
	"aurora-mysql":      {engineFacts: engineFacts{"general-public-license", 16, 64, []string{"rdsadmin", "root", "mysql", "mariadb.sys"}}},
	"docdb":             {engineFacts: engineFacts{"na", 63, 0, []string{"serviceadmin", "rdsadmin", "admin"}}, unnamed: true},
	"neptune":           {engineFacts: engineFacts{"amazon-license", 0, 0, nil}, unnamed: true, open: true},
}

// neptuneUser is the master user that RDS shows of Neptune's clusters, of which nobody can make use.
const neptuneUser = "admin"

// clusterVersion is the version of what runs an engine's clusters on this host. Whoever asks for one by AWS's numbers must mean
// the family, and gets what the host has of it: 15.4 and 15 of Aurora PostgreSQL are 15.18 here, 5.0.0 of DocumentDB is what
// serves docdb5.0.
func (s *Service) clusterVersion(ctx context.Context, engine, asked string) (string, error) {
	version, err := s.Fleet.Version(ctx, engine)
	if err != nil {
		return "", err
	}
	if asked != "" && asked != version && !ofFamily(engine, version, asked) {
		return "", errCombination("Cannot find version %s for %s", asked, engine)
	}
	return version, nil
}

func errClusterNotFound(id string) *api.Error {
	return api.Errorf("DBClusterNotFoundFault", "DBCluster %s not found.", id).WithStatus(http.StatusNotFound)
}

func errClusterExists() *api.Error {
	return api.Errorf("DBClusterAlreadyExistsFault", "DB Cluster already exists")
}

func errClusterState(format string, args ...any) *api.Error {
	return api.Errorf("InvalidDBClusterStateFault", format, args...)
}

func errClusterSnapshotNotFound(id string) *api.Error {
	return api.Errorf("DBClusterSnapshotNotFoundFault", "DBClusterSnapshot %s not found.", id).WithStatus(http.StatusNotFound)
}

func errClusterSnapshotExists(id string) *api.Error {
	return api.Errorf("DBClusterSnapshotAlreadyExistsFault", "Cannot create the snapshot because a snapshot with the identifier %s already exists.", id)
}

func errClusterSnapshotState(format string, args ...any) *api.Error {
	return api.Errorf("InvalidDBClusterSnapshotStateFault", format, args...)
}
