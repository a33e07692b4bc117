package rds

import (
	"context"
	"errors"
	"regexp"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/rds"

	"strongroom/internal/api"
	fleet "strongroom/internal/resource/rds"
	"strongroom/internal/state"
)

// wish is a DB instance that a call asks for.
type wish struct {
	instance
	port     int    // asked for; 0 leaves it open
	password string // of the master user
	key      string // of KMS, as the call names it
	encrypt  bool
}

var (
	usernamePattern = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_]*$`)
	namePattern     = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)
)

// engineFacts are the limits of an engine of DB instances.
// https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_CreateDBInstance.html
type engineFacts struct {
	license      string
	longestUser  int
	longestName  int
	reservedUser []string
}

var instanceEngines = map[string]engineFacts{
	"postgres": {"postgresql-license", 63, 63, []string{"admin", "rdsadmin", "postgres_rds", "rds_superuser", "public"}},
	"mariadb":  {"general-public-license", 16, 64, []string{"rdsadmin", "root", "mysql", "mariadb.sys"}},
	"mysql":    {"general-public-license", 16, 64, []string{"rdsadmin", "root", "mysql", "mariadb.sys"}},
}

// CreateDBInstance makes a DB instance. It is creating when the call returns.
func (s *Service) CreateDBInstance(ctx context.Context, c *api.Caller, in *rds.CreateDBInstanceInput) (*rds.CreateDBInstanceOutput, error) {
	if in.DBClusterIdentifier != nil {
		return s.createMember(ctx, c, in)
	}
	w, err := s.wished(ctx, c, in)
	if err != nil {
		return nil, err
	}
	made, err := s.make(ctx, c, w, nil)
	if err != nil {
		return nil, err
	}
	d := s.describe(made)
	return &rds.CreateDBInstanceOutput{DBInstance: &d}, nil
}

func (s *Service) createInstanceAccess(ctx context.Context, c *api.Caller, in *rds.CreateDBInstanceInput) ([]api.Access, error) {
	if in.DBClusterIdentifier != nil {
		return s.createMemberAccess(ctx, c, in)
	}
	const action = "rds:CreateDBInstance"
	w, err := s.wished(ctx, c, in)
	if err != nil {
		return named(err, action, nameOf(c, "db", in.DBInstanceIdentifier))
	}
	return wishAccess(c, action, w), nil
}

// wishAccess is what whoever asks for an instance must be allowed.
func wishAccess(c *api.Caller, action string, w wish) []api.Access {
	keys := fleet.InstanceConditions(w.DBInstance, w.database)
	for name := range w.Tags { // it has no tags yet
		delete(keys, "aws:ResourceTag/"+name)
		delete(keys, "rds:db-tag/"+name)
	}
	name := fleet.InstanceARN(c.AccountID, c.Region, w.ID)
	accesses := []api.Access{{Action: action, Resource: name, Context: fleet.WithRequestTags(keys, w.Tags)}}
	accesses = append(accesses, groupAccesses(c, action, w.Settings.ParameterGroup, w.Settings.OptionGroup, w.Settings.SubnetGroup)...)
	return fleet.TaggedOnCreation(accesses, name, w.Tags)
}

// wished checks what a call asks for and fills in what RDS would choose.
func (s *Service) wished(ctx context.Context, c *api.Caller, in *rds.CreateDBInstanceInput) (wish, error) {
	if err := unsupported(map[string]bool{
		"ManageMasterUserPassword": deref(in.ManageMasterUserPassword),
		"Domain":                   in.Domain != nil || in.DomainFqdn != nil, "TdeCredentialArn": in.TdeCredentialArn != nil, "BackupTarget outposts": deref(in.BackupTarget) == "outposts",
		"AdditionalStorageVolumes": len(in.AdditionalStorageVolumes) > 0,
	}); err != nil {
		return wish{}, err
	}
	var w wish
	var err error
	if w.ID, err = identifier("DBInstanceIdentifier", in.DBInstanceIdentifier, longestInstance); err != nil {
		return w, err
	}
	engine := strings.ToLower(deref(in.Engine))
	facts, known := instanceEngines[engine]
	if _, clustered := clusterEngines[engine]; clustered {
		return w, errMissing("DBClusterIdentifier")
	}
	if !known {
		return w, errValue("Invalid DB engine")
	}
	if w.Class, err = class(in.DBInstanceClass); err != nil {
		return w, err
	}
	if err := checkZone(c, in.AvailabilityZone, deref(in.MultiAZ)); err != nil {
		return w, err
	}
	if err := checkMaster(facts, in); err != nil {
		return w, err
	}
	name := deref(in.DBName)
	if name != "" && (len(name) > facts.longestName || !namePattern.MatchString(name)) {
		return w, errValue("DBName must begin with a letter and contain only alphanumeric characters.")
	}
	if w.port, err = portOf(in.Port); err != nil {
		return w, err
	}
	if w.Tags, err = tagsFrom(c, in.Tags); err != nil {
		return w, err
	}
	version, err := s.version(ctx, engine, deref(in.EngineVersion))
	if err != nil {
		return w, err
	}
	w.password, w.key, w.encrypt = deref(in.MasterUserPassword), deref(in.KmsKeyId), deref(in.StorageEncrypted)
	if w.key != "" && in.StorageEncrypted != nil && !w.encrypt {
		return w, errCombination("KmsKeyId cannot be specified when StorageEncrypted is false.")
	}
	w.encrypt = w.encrypt || w.key != ""
	w.database = state.Database{Engine: engine, EngineVersion: version, MasterUsername: deref(in.MasterUsername), Name: name}
	if w.encrypt {
		w.database.KeyARN = "to be" // policies ask whether, not which
	}
	w.Settings, err = settingsFrom(c, in, engine, version, facts)
	return w, err
}

// settingsFrom are the settings that a call asks for, or RDS chooses.
func settingsFrom(c *api.Caller, in *rds.CreateDBInstanceInput, engine, version string, facts engineFacts) (state.DBInstanceSettings, error) {
	set := state.DBInstanceSettings{
		AllocatedStorage: deref(in.AllocatedStorage), StorageType: deref(in.StorageType), IOPS: deref(in.Iops), Throughput: deref(in.StorageThroughput),
		MaxStorage: deref(in.MaxAllocatedStorage), AvailabilityZone: deref(in.AvailabilityZone), MultiAZ: deref(in.MultiAZ),
		Public: deref(in.PubliclyAccessible), LicenseModel: deref(in.LicenseModel), ParameterGroup: groupName(in.DBParameterGroupName),
		OptionGroup: optionGroupName(in.OptionGroupName), SubnetGroup: groupName(in.DBSubnetGroupName), SecurityGroups: in.VpcSecurityGroupIds,
		BackupRetention: 1, BackupWindow: deref(in.PreferredBackupWindow), MaintenanceWindow: deref(in.PreferredMaintenanceWindow), MinorUpgrades: true,
		CopyTags: deref(in.CopyTagsToSnapshot), DeletionProtection: deref(in.DeletionProtection), IAMAuthentication: deref(in.EnableIAMDatabaseAuthentication),
		PromotionTier: deref(in.PromotionTier), MonitoringInterval: deref(in.MonitoringInterval), CACertificate: deref(in.CACertificateIdentifier),
		NetworkType: deref(in.NetworkType), CharacterSet: deref(in.CharacterSetName), LogExports: in.EnableCloudwatchLogsExports,
	}
	if in.BackupRetentionPeriod != nil {
		set.BackupRetention = *in.BackupRetentionPeriod
	}
	if in.AutoMinorVersionUpgrade != nil {
		set.MinorUpgrades = *in.AutoMinorVersionUpgrade
	}
	if in.AllocatedStorage == nil {
		return set, errMissing("AllocatedStorage")
	}
	complete(c, &set, engine, version, facts)
	if err := checkWindows(set); err != nil {
		return set, err
	}
	return set, checkStorage(set, engine)
}

// complete fills in what RDS chooses where a call leaves it open.
func complete(c *api.Caller, set *state.DBInstanceSettings, engine, version string, facts engineFacts) {
	for _, open := range []struct {
		field *string
		value string
	}{
		{&set.StorageType, "gp2"},
		{&set.AvailabilityZone, c.Region + "a"},
		{&set.LicenseModel, facts.license},
		{&set.ParameterGroup, defaultParameterGroup(engine, version)},
		{&set.OptionGroup, defaultOptionGroup(engine, version)},
		{&set.BackupWindow, fleet.DefaultBackupWindow},
		{&set.MaintenanceWindow, fleet.DefaultMaintenanceWindow},
		{&set.CACertificate, "rds-ca-rsa2048-g1"},
		{&set.NetworkType, "IPV4"},
	} {
		if *open.field == "" {
			*open.field = open.value
		}
	}
}

// storageLimits are the least and greatest sizes, in GiB, of the types of storage.
// https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/CHAP_Storage.html
var storageLimits = map[string][2]int32{"gp2": {20, 65536}, "gp3": {20, 65536}, "io1": {100, 65536}, "io2": {100, 65536}, "standard": {5, 3072}}

// checkStorage holds a size against the limits of its type.
func checkStorage(set state.DBInstanceSettings, engine string) error {
	limit, known := storageLimits[set.StorageType]
	switch {
	case !known:
		return errValue("Invalid storage type: %s", set.StorageType)
	case set.AllocatedStorage < limit[0] || set.AllocatedStorage > limit[1]:
		return errValue("Invalid storage size for engine name %s and storage type %s: %d", engine, set.StorageType, set.AllocatedStorage)
	case strings.HasPrefix(set.StorageType, "io") && set.IOPS == 0:
		return errCombination("You must specify both the storage size and iops when using storage type %s.", set.StorageType)
	}
	return nil
}

// checkMaster checks the name and the password of the master user.
func checkMaster(facts engineFacts, in *rds.CreateDBInstanceInput) error {
	if err := checkUser(facts, deref(in.MasterUsername)); err != nil {
		return err
	}
	return checkPassword(deref(in.MasterUserPassword), 128)
}

// checkUser checks the name of the master user.
func checkUser(facts engineFacts, user string) error {
	switch {
	case user == "":
		return errMissing("MasterUsername")
	case len(user) > facts.longestUser || !usernamePattern.MatchString(user):
		return errValue("The parameter MasterUsername is not valid. It must begin with a letter, and have at most %d letters, digits and underscores.", facts.longestUser)
	case slices.Contains(facts.reservedUser, strings.ToLower(user)) || strings.HasPrefix(strings.ToLower(user), "pg_"):
		return errValue("MasterUsername %s cannot be used as it is a reserved word used by the engine", user)
	}
	return nil
}

// checkPassword checks a master password of at most longest characters.
func checkPassword(password string, longest int) error {
	switch {
	case password == "":
		return errMissing("MasterUserPassword")
	case len(password) < 8:
		return errValue("The parameter MasterUserPassword is not a valid password because it is shorter than 8 characters.")
	case len(password) > longest:
		return errValue("The parameter MasterUserPassword is not a valid password because it is longer than %d characters.", longest)
	case strings.ContainsAny(password, `/@" `) || strings.ContainsFunc(password, func(r rune) bool { return r < ' ' || r > '~' }):
		return errValue("The parameter MasterUserPassword is not a valid password. Only printable ASCII characters besides '/', '@', '\"', ' ' may be used.")
	}
	return nil
}

// version is the version of an engine that this host has, if it is the one asked for: 15 and 15.18 both mean 15.18. Where another
// server stands in for the engine, its numbers are not the engine's: 8.0.35 of MySQL means what serves mysql8.0.
func (s *Service) version(ctx context.Context, engine, asked string) (string, error) {
	version, err := s.Fleet.Version(ctx, engine)
	if err != nil {
		return "", err
	}
	if !serves(engine, version, asked) {
		return "", errCombination("Cannot find version %s for %s", asked, engine)
	}
	return version, nil
}

// serves reports whether an engine's version of this host is what a call asks for, which may leave it open.
func serves(engine, version, asked string) bool {
	if asked == "" || asked == version || strings.HasPrefix(version, asked+".") {
		return true
	}
	return standsIn(engine) && ofFamily(engine, version, asked)
}

// unsupported refuses the first, by name, of what a call asks for and this house does not have.
func unsupported(asked map[string]bool) error {
	var names []string
	for name, is := range asked {
		if is {
			names = append(names, name)
		}
	}
	if len(names) == 0 {
		return nil
	}
	return api.NotImplemented(slices.Min(names))
}

// make makes the instance that was wished for, from a snapshot if one is given.
func (s *Service) make(ctx context.Context, c *api.Caller, w wish, from *state.DBSnapshot) (instance, error) {
	var values map[string]string
	err := s.DB.View(ctx, func(ctx context.Context, tx *state.Tx) (err error) {
		switch _, err := tx.DBInstance(ctx, c.AccountID, c.Region, w.ID); {
		case err == nil:
			return errInstanceExists()
		case !errors.Is(err, state.ErrNotFound):
			return err
		}
		if err := s.checkGroups(ctx, tx, c, state.InstanceParameters, w.Settings, w.database.Engine, w.database.EngineVersion); err != nil {
			return err
		}
		values, err = groupValues(ctx, tx, state.InstanceParameters, c.AccountID, c.Region, w.Settings.ParameterGroup)
		return err
	})
	if err != nil {
		return instance{}, err
	}
	spec := fleet.Spec{
		ID: fleet.NewID("db-"), Engine: w.database.Engine, MasterUsername: w.database.MasterUsername, MasterPassword: w.password, Name: w.database.Name, Source: from,
		Parameters: values,
	}
	if from != nil {
		spec.KeyARN = from.KeyARN
	} else if w.encrypt {
		if spec.KeyARN, err = s.Fleet.ResolveKey(ctx, c, w.key); err != nil {
			return instance{}, err
		}
	}
	d, err := s.Fleet.Plan(ctx, c, spec)
	if err != nil {
		return instance{}, err
	}
	made := instance{DBInstance: w.DBInstance}
	made.AccountID, made.Region, made.ResourceID, made.DatabaseID = c.AccountID, c.Region, d.ID, d.ID
	err = s.DB.Update(ctx, func(ctx context.Context, tx *state.Tx) error {
		made.CreatedAt = tx.Now
		if err := tx.InsertDBInstance(ctx, made.DBInstance); err != nil {
			if errors.Is(err, state.ErrExists) {
				return errInstanceExists()
			}
			return err
		}
		if from != nil {
			// It must still be there: from now on it stays until the database is filled.
			if now, err := tx.DBSnapshotByPoint(ctx, from.Point); err != nil || now.Status != "available" {
				return errSnapshotNotFound(from.ID)
			}
		}
		made.database, err = s.Fleet.Enter(ctx, tx, d, w.port)
		return err
	})
	if err != nil {
		return instance{}, s.Fleet.Forget(ctx, d, err)
	}
	s.Fleet.Tend(d.ID)
	return made, nil
}
