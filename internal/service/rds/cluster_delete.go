package rds

import (
	"context"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/aws/aws-sdk-go-v2/service/rds/types"

	"strongroom/internal/api"
	fleet "strongroom/internal/resource/rds"
	"strongroom/internal/state"
)

// DeleteDBCluster deletes a DB cluster that has no instances, after a final snapshot unless that is skipped.
func (s *Service) DeleteDBCluster(ctx context.Context, c *api.Caller, in *rds.DeleteDBClusterInput) (*rds.DeleteDBClusterOutput, error) {
	k, err := s.findCluster(ctx, c, in.DBClusterIdentifier)
	if err != nil {
		return nil, err
	}
	final, err := finalClusterSnapshot(k, in)
	if err != nil {
		return nil, err
	}
	if final.ID != "" {
		if err := s.Fleet.GrantArchive(ctx, c, final.KeyARN, fleet.Location(final.Source())); err != nil {
			return nil, err
		}
	}
	var out *types.DBCluster
	out, err = s.changeCluster(ctx, c, in.DBClusterIdentifier, func(ctx context.Context, tx *state.Tx, k *cluster) error {
		if err := deletableCluster(*k); err != nil {
			return err
		}
		if final.ID != "" {
			if final, err = enterClusterSnapshot(ctx, s.Fleet, tx, final); err != nil {
				return err
			}
			if err := tx.SetDatabaseFinalSnapshot(ctx, k.ResourceID, final.Point); err != nil {
				return err
			}
		}
		return tx.SetDatabaseWanted(ctx, k.ResourceID, state.DatabaseDeleted, "deleting")
	})
	if err != nil {
		return nil, err
	}
	if final.ID != "" {
		s.Fleet.Take(final)
	}
	return &rds.DeleteDBClusterOutput{DBCluster: out}, nil
}

// deletableCluster refuses to delete a cluster that is protected, has instances, or is being deleted already.
func deletableCluster(k cluster) error {
	switch {
	case k.database.Wanted == state.DatabaseDeleted:
		return errClusterState("DB cluster %s is already being deleted.", k.ID)
	case k.Settings.DeletionProtection:
		return errCombination("Cannot delete protected Cluster, please disable deletion protection and try again.")
	case len(k.members) > 0:
		return errClusterState("Cluster cannot be deleted, it still contains DB instances in non-deleting state.")
	}
	return nil
}

// finalClusterSnapshot is the row of the snapshot that a deletion asks for; one without an id if it asks for none.
func finalClusterSnapshot(k cluster, in *rds.DeleteDBClusterInput) (state.DBSnapshot, error) {
	skip, given := deref(in.SkipFinalSnapshot), in.FinalDBSnapshotIdentifier != nil
	switch {
	case skip && given:
		return state.DBSnapshot{}, errCombination("FinalDBSnapshotIdentifier can not be specified when deleting with SkipFinalSnapshot.")
	case skip:
		return state.DBSnapshot{}, nil
	case !given:
		return state.DBSnapshot{}, errCombination("FinalDBSnapshotIdentifier is required unless SkipFinalSnapshot is specified.")
	}
	id, err := identifier("FinalDBSnapshotIdentifier", in.FinalDBSnapshotIdentifier, longestInstance)
	if err != nil {
		return state.DBSnapshot{}, err
	}
	if !k.usable() && k.status() != "stopped" {
		return state.DBSnapshot{}, errNotAvailable(k)
	}
	return clusterSnapshotOf(k, id, nil), nil
}

func (s *Service) deleteClusterAccess(ctx context.Context, c *api.Caller, in *rds.DeleteDBClusterInput) ([]api.Access, error) {
	accesses, err := s.clusterAccess(ctx, c, "DeleteDBCluster", in.DBClusterIdentifier)
	if err != nil || in.FinalDBSnapshotIdentifier == nil {
		return accesses, err
	}
	k, err := s.findCluster(ctx, c, in.DBClusterIdentifier)
	if api.Code(err) != "" {
		return accesses, nil // there is nothing to take a snapshot of
	}
	return append(accesses, fleet.CreateClusterSnapshotAccess(k.DBCluster, strings.ToLower(*in.FinalDBSnapshotIdentifier), nil)...), err
}
