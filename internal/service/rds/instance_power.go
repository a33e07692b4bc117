package rds

import (
	"context"
	"slices"

	"github.com/aws/aws-sdk-go-v2/service/rds"

	"strongroom/internal/api"
	fleet "strongroom/internal/resource/rds"
	"strongroom/internal/state"
)

// changeInstance does something to an instance of the caller, in a transaction, and has the fleet look at it afterwards.
func (s *Service) changeInstance(ctx context.Context, c *api.Caller, given *string, change func(ctx context.Context, tx *state.Tx, i *instance) error) (i instance, err error) {
	err = s.DB.Update(ctx, func(ctx context.Context, tx *state.Tx) error {
		if i, err = find(ctx, tx, c, given); err != nil {
			return err
		}
		if err := change(ctx, tx, &i); err != nil {
			return err
		}
		i.database, err = tx.Database(ctx, i.DatabaseID)
		return err
	})
	if err == nil {
		s.Fleet.Tend(i.DatabaseID)
	}
	return i, err
}

// parametersNow gives a database the parameters that its instance's group has now, or its cluster's, from its next start on.
func parametersNow(ctx context.Context, tx *state.Tx, i instance) error {
	if i.ClusterID != "" {
		k, err := tx.DBCluster(ctx, i.AccountID, i.Region, i.ClusterID)
		if err != nil {
			return err
		}
		return clusterParametersNow(ctx, tx, k)
	}
	values, err := groupValues(ctx, tx, state.InstanceParameters, i.AccountID, i.Region, i.Settings.ParameterGroup)
	if err != nil {
		return err
	}
	return tx.SetDatabaseParameters(ctx, i.DatabaseID, values)
}

// RebootDBInstance stops an instance's database and starts it again, with the parameters that its group has by now. All instances
// of a cluster have one process and its cluster's parameters, so that they are rebooted together.
func (s *Service) RebootDBInstance(ctx context.Context, c *api.Caller, in *rds.RebootDBInstanceInput) (*rds.RebootDBInstanceOutput, error) {
	i, err := s.changeInstance(ctx, c, in.DBInstanceIdentifier, func(ctx context.Context, tx *state.Tx, i *instance) error {
		switch {
		case underWay(i.status()):
			return api.Errorf("InvalidDBInstanceState", "Instance cannot currently reboot due to an in-progress management operation.")
		case !slices.Contains(rebootable, i.status()):
			return errInstanceUnavailable(*i)
		case deref(in.ForceFailover):
			return errCombination("Failover cannot be forced: the instance %s has no standby.", i.ID)
		}
		if err := parametersNow(ctx, tx, *i); err != nil {
			return err
		}
		if err := tx.SetDatabaseRestart(ctx, i.DatabaseID, true); err != nil {
			return err
		}
		return tx.SetDatabaseWanted(ctx, i.DatabaseID, state.DatabaseRunning, "rebooting")
	})
	if err != nil {
		return nil, err
	}
	d, err := s.described(ctx, i)
	return &rds.RebootDBInstanceOutput{DBInstance: &d}, err
}

// StartDBInstance starts the database of an instance that was stopped, or tries at once to start one that did not start.
func (s *Service) StartDBInstance(ctx context.Context, c *api.Caller, in *rds.StartDBInstanceInput) (*rds.StartDBInstanceOutput, error) {
	i, err := s.changeInstance(ctx, c, in.DBInstanceIdentifier, func(ctx context.Context, tx *state.Tx, i *instance) error {
		if i.ClusterID != "" {
			return errOfCluster(*i)
		}
		if !slices.Contains(startable, i.status()) {
			return errNotStartable(*i)
		}
		if err := parametersNow(ctx, tx, *i); err != nil {
			return err
		}
		return tx.SetDatabaseWanted(ctx, i.DatabaseID, state.DatabaseRunning, "starting")
	})
	if err != nil {
		return nil, err
	}
	d, err := s.described(ctx, i)
	return &rds.StartDBInstanceOutput{DBInstance: &d}, err
}

// errOfCluster is RDS's refusal to stop or start an instance of a cluster by itself.
// https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/aurora-cluster-stop-start.html
func errOfCluster(i instance) error {
	return errCombination("%s DB instances are not eligible for stopping and starting.", i.database.Engine)
}

// StopDBInstance stops an instance's database, after a snapshot if one is named. It stays stopped until it is started; RDS
// itself would start it after seven days.
func (s *Service) StopDBInstance(ctx context.Context, c *api.Caller, in *rds.StopDBInstanceInput) (*rds.StopDBInstanceOutput, error) {
	before, err := s.find(ctx, c, in.DBInstanceIdentifier)
	if err != nil {
		return nil, err
	}
	var snap state.DBSnapshot
	if in.DBSnapshotIdentifier != nil {
		id, err := identifier("DBSnapshotIdentifier", in.DBSnapshotIdentifier, longestSnapshot)
		if err != nil {
			return nil, err
		}
		snap = snapshotOf(before, id, nil)
		if err := s.Fleet.GrantArchive(ctx, c, snap.KeyARN, fleet.Location(snap.Source())); err != nil {
			return nil, err
		}
	}
	i, err := s.changeInstance(ctx, c, in.DBInstanceIdentifier, func(ctx context.Context, tx *state.Tx, i *instance) (err error) {
		if i.ClusterID != "" {
			return errOfCluster(*i)
		}
		if i.status() != "available" {
			return errInstanceUnavailable(*i)
		}
		if snap.ID != "" {
			if snap, err = enterSnapshot(ctx, s.Fleet, tx, snap); err != nil {
				return err
			}
		}
		return tx.SetDatabaseWanted(ctx, i.DatabaseID, state.DatabaseStopped, "stopping")
	})
	if err != nil {
		return nil, err
	}
	if snap.ID != "" {
		s.Fleet.Take(snap)
	}
	d, err := s.described(ctx, i)
	return &rds.StopDBInstanceOutput{DBInstance: &d}, err
}

func (s *Service) stopInstanceAccess(ctx context.Context, c *api.Caller, in *rds.StopDBInstanceInput) ([]api.Access, error) {
	accesses, err := s.instanceAccess(ctx, c, "StopDBInstance", in.DBInstanceIdentifier)
	if err != nil || in.DBSnapshotIdentifier == nil {
		return accesses, err
	}
	i, err := s.find(ctx, c, in.DBInstanceIdentifier)
	if err != nil {
		return named(err, "rds:StopDBInstance", nameOf(c, "db", in.DBInstanceIdentifier))
	}
	return append(accesses, fleet.CreateSnapshotAccess(i.DBInstance, i.database, groupName(in.DBSnapshotIdentifier), nil)...), nil
}

// onInstance is the row of an operation on the instance that its input names.
func onInstance[In, Out any](s *Service, fn func(context.Context, *api.Caller, *In) (*Out, error)) api.Operation {
	action := api.OperationName(new(In))
	return api.Op("", fn, func(ctx context.Context, c *api.Caller, in *In) ([]api.Access, error) {
		id := api.Field(in, "DBInstanceIdentifier")
		return s.instanceAccess(ctx, c, action, &id)
	})
}

func (s *Service) powerOperations() []api.Operation {
	return []api.Operation{
		api.Op("", s.ModifyDBInstance, s.modifyInstanceAccess),
		onInstance(s, s.RebootDBInstance),
		onInstance(s, s.StartDBInstance),
		api.Op("", s.StopDBInstance, s.stopInstanceAccess),
	}
}
