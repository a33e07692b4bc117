package rds

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/service/rds"

	"strongroom/internal/api"
	fleet "strongroom/internal/resource/rds"
	"strongroom/internal/state"
)

// DeleteDBInstance deletes a DB instance, after a final snapshot unless that is skipped.
func (s *Service) DeleteDBInstance(ctx context.Context, c *api.Caller, in *rds.DeleteDBInstanceInput) (*rds.DeleteDBInstanceOutput, error) {
	i, err := s.find(ctx, c, in.DBInstanceIdentifier)
	if err != nil {
		return nil, err
	}
	if i.ClusterID != "" {
		return s.deleteMember(ctx, c, in)
	}
	final, err := s.finalSnapshot(i, in)
	if err != nil {
		return nil, err
	}
	if final.ID != "" {
		if err := s.Fleet.GrantArchive(ctx, c, final.KeyARN, fleet.Location(final.Source())); err != nil {
			return nil, err
		}
	}
	err = s.DB.Update(ctx, func(ctx context.Context, tx *state.Tx) error {
		if i, err = find(ctx, tx, c, in.DBInstanceIdentifier); err != nil {
			return err
		}
		if err := deletable(i); err != nil {
			return err
		}
		if final.ID != "" {
			if final, err = enterSnapshot(ctx, s.Fleet, tx, final); err != nil {
				return err
			}
			if err := tx.SetDatabaseFinalSnapshot(ctx, i.DatabaseID, final.Point); err != nil {
				return err
			}
		}
		return tx.SetDatabaseWanted(ctx, i.DatabaseID, state.DatabaseDeleted, "deleting")
	})
	if err != nil {
		return nil, err
	}
	s.Fleet.Tend(i.DatabaseID)
	if final.ID != "" {
		s.Fleet.Take(final)
	}
	i.database.Status, i.backingUp = "deleting", false
	d := s.describe(i)
	return &rds.DeleteDBInstanceOutput{DBInstance: &d}, nil
}

// deletable refuses to delete an instance that is protected, or being deleted already.
func deletable(i instance) error {
	switch {
	case i.database.Wanted == state.DatabaseDeleted:
		return api.Errorf("InvalidDBInstanceState", "Instance %s is already being deleted.", i.ID)
	case i.Settings.DeletionProtection:
		return errCombination("Cannot delete protected DB Instance, please disable deletion protection and try again.")
	}
	return nil
}

// finalSnapshot is the row of the snapshot that a deletion asks for; one without an id if it asks for none.
func (s *Service) finalSnapshot(i instance, in *rds.DeleteDBInstanceInput) (state.DBSnapshot, error) {
	skip, given := deref(in.SkipFinalSnapshot), in.FinalDBSnapshotIdentifier != nil
	switch {
	case skip && given:
		return state.DBSnapshot{}, errCombination("FinalDBSnapshotIdentifier can not be specified when deleting with SkipFinalSnapshot.")
	case skip:
		return state.DBSnapshot{}, nil
	case !given:
		return state.DBSnapshot{}, errCombination("FinalDBSnapshotIdentifier is required unless SkipFinalSnapshot is specified.")
	}
	id, err := identifier("FinalDBSnapshotIdentifier", in.FinalDBSnapshotIdentifier, longestSnapshot)
	if err != nil {
		return state.DBSnapshot{}, err
	}
	if status := i.status(); status != "available" && status != "stopped" {
		return state.DBSnapshot{}, api.Errorf("InvalidDBInstanceState", "Cannot create a snapshot because the database instance %s is not currently in the available state.", i.ID)
	}
	return snapshotOf(i, id, nil), nil
}

func (s *Service) deleteInstanceAccess(ctx context.Context, c *api.Caller, in *rds.DeleteDBInstanceInput) ([]api.Access, error) {
	return s.instanceAccess(ctx, c, "DeleteDBInstance", in.DBInstanceIdentifier)
}
