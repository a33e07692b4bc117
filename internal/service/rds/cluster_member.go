package rds

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/rds"

	"strongroom/internal/api"
	fleet "strongroom/internal/resource/rds"
	"strongroom/internal/state"
)

// createMember makes an instance of a cluster. The first has the cluster's database run; others are further names for it.
func (s *Service) createMember(ctx context.Context, c *api.Caller, in *rds.CreateDBInstanceInput) (*rds.CreateDBInstanceOutput, error) {
	row, err := s.wishedMember(ctx, c, in)
	if err != nil {
		return nil, err
	}
	var made instance
	err = s.DB.Update(ctx, func(ctx context.Context, tx *state.Tx) error {
		k, err := findCluster(ctx, tx, c, in.DBClusterIdentifier)
		if err != nil {
			return err
		}
		if err := joinable(k); err != nil {
			return err
		}
		if err := s.checkGroups(ctx, tx, c, state.InstanceParameters, row.Settings, k.database.Engine, k.database.EngineVersion); err != nil {
			return err
		}
		row.DatabaseID, row.ClusterID, row.CreatedAt = k.ResourceID, k.ID, tx.Now
		if err := tx.InsertDBInstance(ctx, row); err != nil {
			if errors.Is(err, state.ErrExists) {
				return errInstanceExists()
			}
			return err
		}
		if err := join(ctx, tx, k, row); err != nil {
			return err
		}
		made, err = load(ctx, tx, row)
		return err
	})
	if err != nil {
		return nil, err
	}
	s.Fleet.Tend(row.DatabaseID)
	made.Status = "creating"
	d := s.describe(made)
	return &rds.CreateDBInstanceOutput{DBInstance: &d}, nil
}

// joinable refuses instances for a cluster that is going, or stopped.
func joinable(k cluster) error {
	if k.database.Wanted == state.DatabaseDeleted || k.Stopped {
		return errClusterState("The DB cluster %s is not in a state in which instances can be created: it is %s.", k.ID, k.status())
	}
	return nil
}

// join makes an instance a member: the first writes, and has the database run.
func join(ctx context.Context, tx *state.Tx, k cluster, row state.DBInstance) error {
	if k.WriterID == "" {
		k.WriterID = row.ID
		if err := tx.UpdateDBCluster(ctx, k.DBCluster); err != nil {
			return err
		}
	}
	if k.database.Wanted == state.DatabaseStopped {
		if err := clusterParametersNow(ctx, tx, k.DBCluster); err != nil {
			return err
		}
		return tx.SetDatabaseWanted(ctx, k.ResourceID, state.DatabaseRunning, "creating")
	}
	return tellMember(ctx, tx, row, "creation", "DB instance created")
}

// tellMember keeps an event of an instance whose database does not notice.
func tellMember(ctx context.Context, tx *state.Tx, i state.DBInstance, category, message string) error {
	return tx.InsertDBEvent(ctx, state.DBEvent{
		AccountID: i.AccountID, Region: i.Region, SourceType: "db-instance", SourceID: i.ID, SourceARN: fleet.InstanceARN(i.AccountID, i.Region, i.ID),
		Category: category, Message: message, At: tx.Now,
	})
}

// wishedMember checks what a call asks of an instance of a cluster. What its database is like is the cluster's to say.
func (s *Service) wishedMember(ctx context.Context, c *api.Caller, in *rds.CreateDBInstanceInput) (state.DBInstance, error) {
	var row state.DBInstance
	id, err := identifier("DBInstanceIdentifier", in.DBInstanceIdentifier, longestInstance)
	if err != nil {
		return row, err
	}
	k, err := s.findCluster(ctx, c, in.DBClusterIdentifier)
	if err != nil {
		return row, err
	}
	engine := strings.ToLower(deref(in.Engine))
	if engine != k.database.Engine {
		return row, errCombination("The engine name requested for your DB instance (%s) doesn't match the engine name of your DB cluster (%s).", engine, k.database.Engine)
	}
	if _, err := s.clusterVersion(ctx, engine, deref(in.EngineVersion)); err != nil {
		return row, err
	}
	for _, of := range []struct {
		what  string
		given bool
	}{
		{"database name", in.DBName != nil},
		{"master user name", in.MasterUsername != nil},
		{"master user password", in.MasterUserPassword != nil},
		{"backup retention period", in.BackupRetentionPeriod != nil},
		{"backup window", in.PreferredBackupWindow != nil},
		{"port", in.Port != nil},
		{"KMS key", in.KmsKeyId != nil},
		{"storage encryption", deref(in.StorageEncrypted) && k.database.KeyARN == ""},
		{"deletion protection", deref(in.DeletionProtection)},
	} {
		if of.given {
			return row, errCombination("The requested DB Instance will be a member of a DB Cluster. Set %s for the DB Cluster.", of.what)
		}
	}
	row = state.DBInstance{AccountID: c.AccountID, Region: c.Region, ID: id, ResourceID: fleet.NewID("db-")}
	if row.Class, err = class(in.DBInstanceClass); err != nil {
		return row, err
	}
	if err := checkZone(c, in.AvailabilityZone, false); err != nil {
		return row, err
	}
	if row.Tags, err = tagsFrom(c, in.Tags); err != nil {
		return row, err
	}
	row.Settings = memberSettings(k, in)
	if row.Settings.PromotionTier < 0 || row.Settings.PromotionTier > 15 {
		return row, errValue("Invalid promotion tier: %d. Valid values are between 0 and 15", row.Settings.PromotionTier)
	}
	return row, nil
}

func memberSettings(k cluster, in *rds.CreateDBInstanceInput) state.DBInstanceSettings {
	set := state.DBInstanceSettings{
		AllocatedStorage: 1, StorageType: k.Settings.StorageType, AvailabilityZone: k.Region + "a", LicenseModel: k.Settings.LicenseModel,
		ParameterGroup: memberGroup(k.database), OptionGroup: "", SubnetGroup: k.Settings.SubnetGroup,
		SecurityGroups: k.Settings.SecurityGroups, BackupRetention: k.Settings.BackupRetention, BackupWindow: k.Settings.BackupWindow,
		MaintenanceWindow: k.Settings.MaintenanceWindow, MinorUpgrades: true, CopyTags: k.Settings.CopyTags, PromotionTier: 1,
		CACertificate: "rds-ca-rsa2048-g1", NetworkType: "IPV4",
	}
	replace(&set.AvailabilityZone, in.AvailabilityZone)
	if in.DBParameterGroupName != nil {
		set.ParameterGroup = groupName(in.DBParameterGroupName)
	}
	replace(&set.MaintenanceWindow, in.PreferredMaintenanceWindow)
	replace(&set.MinorUpgrades, in.AutoMinorVersionUpgrade)
	replace(&set.PromotionTier, in.PromotionTier)
	replace(&set.Public, in.PubliclyAccessible)
	replace(&set.CACertificate, in.CACertificateIdentifier)
	return set
}

// memberGroup is the parameter group of members whose account did not choose one; DocumentDB's have none.
func memberGroup(d state.Database) string {
	for _, f := range engineFamilies {
		if f.engine == d.Engine && slices.Contains(f.kinds, state.InstanceParameters) {
			return defaultParameterGroup(d.Engine, d.EngineVersion)
		}
	}
	return ""
}

func (s *Service) createMemberAccess(ctx context.Context, c *api.Caller, in *rds.CreateDBInstanceInput) ([]api.Access, error) {
	const action = "rds:CreateDBInstance"
	row, err := s.wishedMember(ctx, c, in)
	if err != nil {
		return named(err, action, nameOf(c, "db", in.DBInstanceIdentifier))
	}
	k, err := s.findCluster(ctx, c, in.DBClusterIdentifier)
	if err != nil {
		return named(err, action, nameOf(c, "cluster", in.DBClusterIdentifier))
	}
	accesses := wishAccess(c, action, wish{instance: instance{DBInstance: row, database: k.database}})
	return append(accesses, api.Access{Action: action, Resource: fleet.ClusterARN(c.AccountID, c.Region, k.ID), Context: fleet.WithRequestTags(fleet.ClusterConditions(k.DBCluster), row.Tags)}), nil
}

// deleteMember removes an instance from its cluster, whose data stays. When it was the last, the database stops.
func (s *Service) deleteMember(ctx context.Context, c *api.Caller, in *rds.DeleteDBInstanceInput) (*rds.DeleteDBInstanceOutput, error) {
	if in.FinalDBSnapshotIdentifier != nil {
		return nil, errCombination("FinalDBSnapshotIdentifier can not be specified when deleting a cluster instance.")
	}
	var gone instance
	err := s.DB.Update(ctx, func(ctx context.Context, tx *state.Tx) (err error) {
		if gone, err = find(ctx, tx, c, in.DBInstanceIdentifier); err != nil {
			return err
		}
		k, err := findCluster(ctx, tx, c, &gone.ClusterID)
		if err != nil {
			return err
		}
		if err := tx.DeleteDBInstance(ctx, c.AccountID, c.Region, gone.ID); err != nil {
			return err
		}
		if err := tellMember(ctx, tx, gone.DBInstance, "deletion", "DB instance deleted"); err != nil {
			return err
		}
		return leave(ctx, tx, k, gone.ID)
	})
	if err != nil {
		return nil, err
	}
	s.Fleet.Tend(gone.DatabaseID)
	gone.Status = "deleting"
	d := s.describe(gone)
	return &rds.DeleteDBInstanceOutput{DBInstance: &d}, nil
}

// leave gives the writer's part to another member, and stops the database after the last.
func leave(ctx context.Context, tx *state.Tx, k cluster, id string) error {
	left := slices.DeleteFunc(slices.Clone(k.members), func(m state.DBInstance) bool { return m.ID == id })
	if k.WriterID == id {
		k.WriterID = promoted(left)
		if err := tx.UpdateDBCluster(ctx, k.DBCluster); err != nil {
			return err
		}
	}
	if len(left) > 0 || k.database.Wanted != state.DatabaseRunning {
		return nil
	}
	return tx.SetDatabaseWanted(ctx, k.ResourceID, state.DatabaseStopped, "stopping")
}

// promoted is the member that becomes the writer: the one of the lowest promotion tier, the oldest of them.
func promoted(members []state.DBInstance) string {
	if len(members) == 0 {
		return ""
	}
	return slices.MinFunc(members, func(a, b state.DBInstance) int {
		if a.Settings.PromotionTier != b.Settings.PromotionTier {
			return int(a.Settings.PromotionTier - b.Settings.PromotionTier)
		}
		return int(a.CreatedAt - b.CreatedAt)
	}).ID
}
