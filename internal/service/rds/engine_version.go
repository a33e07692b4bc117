package rds

import (
	"context"
	"slices"

	"github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/aws/aws-sdk-go-v2/service/rds/types"

	"strongroom/arn"
	"strongroom/internal/api"
	"strongroom/internal/state"
)

// engineVersion is a version of an engine that runs on this host.
type engineVersion struct {
	family
	version string
}

// answers reports whether whoever asks for a version gets this one, as do those who make databases.
func (v engineVersion) answers(asked string) bool {
	if _, clustered := clusterEngines[v.engine]; clustered {
		return asked == "" || asked == v.version || ofFamily(v.engine, v.version, asked)
	}
	return serves(v.engine, v.version, asked)
}

func (v engineVersion) describeName() string { return engineNames[v.engine] }

// engineNames are RDS's names of the engines for people, and what serves them here where that is another.
var engineNames = map[string]string{
	"aurora-mysql": "Aurora MySQL, served by MariaDB", "aurora-postgresql": "Aurora PostgreSQL, served by PostgreSQL",
	"docdb": "Amazon DocumentDB (with MongoDB compatibility), served by FerretDB", "mariadb": "MariaDB Community Edition",
	"mysql": "MySQL Community Edition, served by MariaDB", "neptune": "Amazon Neptune, served by Virtuoso", "postgres": "PostgreSQL",
}

// engineVersions are those that this host can run. An engine that is not installed is not among them.
func (s *Service) engineVersions(ctx context.Context) []engineVersion {
	var all []engineVersion
	for _, f := range s.families(ctx) {
		version, err := s.Fleet.Version(ctx, f.engine)
		if err == nil {
			all = append(all, engineVersion{f, version})
		}
	}
	return all
}

// DescribeDBEngineVersions lists the engines that run on this host, each with the one version that it has.
func (s *Service) DescribeDBEngineVersions(ctx context.Context, c *api.Caller, in *rds.DescribeDBEngineVersionsInput) (*rds.DescribeDBEngineVersionsOutput, error) {
	all := slices.DeleteFunc(s.engineVersions(ctx), func(v engineVersion) bool {
		return (in.Engine != nil && v.engine != *in.Engine) || (in.DBParameterGroupFamily != nil && v.name() != *in.DBParameterGroupFamily) ||
			!v.answers(deref(in.EngineVersion))
	})
	all, err := filtered(all, in.Filters, map[string]func(engineVersion) string{
		"db-parameter-group-family": func(v engineVersion) string { return v.name() },
		"engine":                    func(v engineVersion) string { return v.engine },
		"engine-mode":               func(engineVersion) string { return "provisioned" },
		"engine-version":            func(v engineVersion) string { return v.version },
		"status":                    func(engineVersion) string { return "available" },
	})
	if err != nil {
		return nil, err
	}
	all, next, err := page(s.Pages, "DescribeDBEngineVersions", c, all, in.MaxRecords, in.Marker, func(v engineVersion) string { return v.engine })
	if err != nil {
		return nil, err
	}
	out := &rds.DescribeDBEngineVersionsOutput{Marker: next}
	for _, v := range all {
		out.DBEngineVersions = append(out.DBEngineVersions, describeEngineVersion(v))
	}
	return out, nil
}

func describeEngineVersion(v engineVersion) types.DBEngineVersion {
	name, described, group, no, status := v.describeName(), v.describeName()+" "+v.version, v.name(), false, "available"
	out := types.DBEngineVersion{
		Engine: &v.engine, EngineVersion: &v.version, MajorEngineVersion: &v.major, DBEngineDescription: &name, DBEngineVersionDescription: &described,
		DBParameterGroupFamily: &group, Status: &status, ValidUpgradeTarget: []types.UpgradeTarget{}, SupportsReadReplica: &no, SupportsGlobalDatabases: &no,
		SupportsLogExportsToCloudwatchLogs: &no, SupportsParallelQuery: &no,
	}
	if slices.Contains(v.kinds, state.ClusterParameters) {
		out.SupportedEngineModes = []string{"provisioned"}
	}
	return out
}

// orderable is a class with a type of storage.
type orderable struct {
	engineVersion
	class, storage string
}

// DescribeOrderableDBInstanceOptions lists with which classes and types of storage an engine can be had.
func (s *Service) DescribeOrderableDBInstanceOptions(ctx context.Context, c *api.Caller, in *rds.DescribeOrderableDBInstanceOptionsInput) (*rds.DescribeOrderableDBInstanceOptionsOutput, error) {
	if len(in.Filters) > 0 {
		return nil, errValue("Unrecognized filter name: %s", deref(in.Filters[0].Name))
	}
	if _, known := engineNames[deref(in.Engine)]; !known {
		return nil, errValue("Invalid DB engine: %s", deref(in.Engine))
	}
	var all []orderable
	for _, v := range s.engineVersions(ctx) {
		for _, class := range orderableClasses {
			for _, storage := range v.storage() {
				o := orderable{v, class, storage}
				if v.engine == *in.Engine && (in.DBInstanceClass == nil || class == *in.DBInstanceClass) && v.answers(deref(in.EngineVersion)) &&
					(in.LicenseModel == nil || o.license() == *in.LicenseModel) {
					all = append(all, o)
				}
			}
		}
	}
	all, next, err := page(s.Pages, "DescribeOrderableDBInstanceOptions "+*in.Engine, c, all, in.MaxRecords, in.Marker, func(o orderable) string { return o.class + " " + o.storage })
	if err != nil {
		return nil, err
	}
	out := &rds.DescribeOrderableDBInstanceOptionsOutput{Marker: next}
	for _, o := range all {
		out.OrderableDBInstanceOptions = append(out.OrderableDBInstanceOptions, o.describe(c))
	}
	return out, nil
}

// storage are the types of storage of an engine's databases: those of clusters have one of their own.
func (v engineVersion) storage() []string {
	if slices.Contains(v.kinds, state.ClusterParameters) {
		return []string{"aurora"}
	}
	return []string{"gp2", "gp3", "io1", "standard"}
}

func (o orderable) license() string {
	if facts, ok := instanceEngines[o.engine]; ok {
		return facts.license
	}
	return "na"
}

func (o orderable) describe(c *api.Caller) types.OrderableDBInstanceOption {
	license, yes, no := o.license(), true, false
	out := types.OrderableDBInstanceOption{
		Engine: &o.engine, EngineVersion: &o.version, DBInstanceClass: &o.class, StorageType: &o.storage, LicenseModel: &license, MultiAZCapable: &no,
		ReadReplicaCapable: &no, SupportsStorageEncryption: &yes, SupportsIops: &no, SupportsEnhancedMonitoring: &no, SupportsPerformanceInsights: &no,
		SupportsIAMDatabaseAuthentication: &no, SupportsStorageAutoscaling: &no, SupportsKerberosAuthentication: &no, SupportsGlobalDatabases: &no, Vpc: &yes,
		OutpostCapable: &no, SupportedNetworkTypes: []string{"IPV4"},
	}
	for _, s := range subnets(c.Region) {
		out.AvailabilityZones = append(out.AvailabilityZones, types.AvailabilityZone{Name: &s.zone})
	}
	if o.storage == "aurora" {
		clusters := true
		out.SupportsClusters, out.SupportedEngineModes = &clusters, []string{"provisioned"}
		return out
	}
	least, most := storageLimits[o.storage][0], storageLimits[o.storage][1]
	out.MinStorageSize, out.MaxStorageSize = &least, &most
	return out
}

func (s *Service) engineOperations() []api.Operation {
	return []api.Operation{
		api.Op("", s.DescribeDBEngineVersions, func(_ context.Context, c *api.Caller, _ *rds.DescribeDBEngineVersionsInput) ([]api.Access, error) {
			return []api.Access{{Action: "rds:DescribeDBEngineVersions", Resource: arn.New("rds", c.Region, c.AccountID, "pg:*").String()}}, nil
		}),
		unnamed(s.DescribeOrderableDBInstanceOptions),
		unnamed(s.DescribeAccountAttributes),
		unnamed(s.DescribeEvents),
		unnamed(s.DescribeEventCategories),
	}
}
