package ec2

import (
	"context"
	"strconv"

	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"strongroom/internal/api"
	"strongroom/internal/state"
)

// maxRestoreDays is for how long a snapshot can be brought back from the archive temporarily.
// https://docs.aws.amazon.com/ebs/latest/userguide/working-with-snapshot-archiving.html
const maxRestoreDays = 180

// tierOf is the tier that a snapshot lies in. One that is back temporarily still lies in the archive.
func tierOf(snap state.Snapshot) types.StorageTier {
	if snap.Tier.Archived {
		return types.StorageTierArchive
	}
	return types.StorageTierStandard
}

// ModifySnapshotTier archives a snapshot: nothing can be made of it until it is restored. Its bytes stay where they are, so that
// both ways are done at once.
func (s *Service) ModifySnapshotTier(ctx context.Context, c *api.Caller, in *ec2.ModifySnapshotTierInput) (*ec2.ModifySnapshotTierOutput, error) {
	snap, err := s.own(ctx, c, in.SnapshotId, "archived")
	if err != nil {
		return nil, err
	}
	if in.StorageTier != "" && in.StorageTier != types.TargetStorageTierArchive {
		return nil, errValue("StorageTier", string(in.StorageTier), "Expecting archive.")
	}
	if err := dryRun(in.DryRun); err != nil {
		return nil, err
	}
	now, err := s.retier(ctx, snap.ID, func(snap state.Snapshot, now state.Micros) (state.SnapshotTier, error) {
		if snap.State != "completed" {
			return snap.Tier, api.Errorf("IncorrectState", "Snapshot is in invalid state - %s", snap.State)
		}
		if snap.Tier.Archived {
			return snap.Tier, api.Errorf("IncorrectState", "The snapshot %s is already in the archive tier.", snap.ID)
		}
		return state.SnapshotTier{Archived: true, Since: now}, nil
	})
	return &ec2.ModifySnapshotTierOutput{SnapshotId: &snap.ID, TieringStartTime: now.Ptr()}, err
}

func (s *Service) retier(ctx context.Context, id string, change func(snap state.Snapshot, now state.Micros) (state.SnapshotTier, error)) (now state.Micros, err error) {
	err = s.DB.Update(ctx, func(ctx context.Context, tx *state.Tx) error {
		now = tx.Now
		snap, err := tx.Snapshot(ctx, id)
		if err != nil {
			return err
		}
		tier, err := change(snap, now)
		if err != nil {
			return err
		}
		return tx.SetSnapshotTier(ctx, id, tier)
	})
	return now, err
}

func (s *Service) modifySnapshotTierAccess(ctx context.Context, c *api.Caller, in *ec2.ModifySnapshotTierInput) ([]api.Access, error) {
	return s.ownedAccess(ctx, c, "ModifySnapshotTier", in.SnapshotId)
}

// RestoreSnapshotTier brings a snapshot back from the archive, for some days or for good.
func (s *Service) RestoreSnapshotTier(ctx context.Context, c *api.Caller, in *ec2.RestoreSnapshotTierInput) (*ec2.RestoreSnapshotTierOutput, error) {
	snap, err := s.own(ctx, c, in.SnapshotId, "restored")
	if err != nil {
		return nil, err
	}
	days, permanent := deref(in.TemporaryRestoreDays), deref(in.PermanentRestore)
	switch {
	case permanent && in.TemporaryRestoreDays != nil:
		return nil, api.Errorf("InvalidParameterCombination", "The parameter PermanentRestore cannot be used with the parameter TemporaryRestoreDays")
	case !permanent && in.TemporaryRestoreDays == nil:
		return nil, api.Errorf("MissingParameter", "The request must contain the parameter TemporaryRestoreDays or PermanentRestore")
	case !permanent && (days < 1 || days > maxRestoreDays):
		return nil, errValue("TemporaryRestoreDays", strconv.Itoa(int(days)), "Expecting a value between 1 and 180.")
	}
	if err := dryRun(in.DryRun); err != nil {
		return nil, err
	}
	now, err := s.retier(ctx, snap.ID, func(snap state.Snapshot, now state.Micros) (state.SnapshotTier, error) {
		tier := snap.Tier
		if !tier.Archived {
			return tier, api.Errorf("IncorrectState", "The snapshot %s is not in the archive tier.", snap.ID)
		}
		tier.Archived, tier.Restored, tier.Temporary = !permanent, now, 0
		if !permanent {
			tier.Temporary = now + state.Micros(days)*microsOfDay
		}
		return tier, nil
	})
	out := &ec2.RestoreSnapshotTierOutput{SnapshotId: &snap.ID, RestoreStartTime: now.Ptr(), IsPermanentRestore: &permanent}
	if !permanent {
		out.RestoreDuration = &days
	}
	return out, err
}

func (s *Service) restoreSnapshotTierAccess(ctx context.Context, c *api.Caller, in *ec2.RestoreSnapshotTierInput) ([]api.Access, error) {
	return s.ownedAccess(ctx, c, "RestoreSnapshotTier", in.SnapshotId)
}

// lastTiering is what was last done with a snapshot's tier; "" if nothing was. Where a temporary restore is over, the
// snapshot went back into the archive.
func lastTiering(snap state.Snapshot, now state.Micros) (types.TieringOperationStatus, state.Micros) {
	switch t := snap.Tier; {
	case t.Since == 0:
		return "", 0
	case t.Restored == 0:
		return types.TieringOperationStatusArchivalCompleted, t.Since
	case !t.Archived:
		return types.TieringOperationStatusPermanentRestoreCompleted, t.Restored
	case now >= t.Temporary:
		return types.TieringOperationStatusArchivalCompleted, t.Temporary
	default:
		return types.TieringOperationStatusTemporaryRestoreCompleted, t.Restored
	}
}

// DescribeSnapshotTierStatus tells in which tiers the caller's snapshots lie.
func (s *Service) DescribeSnapshotTierStatus(ctx context.Context, c *api.Caller, in *ec2.DescribeSnapshotTierStatusInput) (*ec2.DescribeSnapshotTierStatusOutput, error) {
	if err := dryRun(in.DryRun); err != nil {
		return nil, err
	}
	all, err := s.ownSnapshots(ctx, c, nil)
	if err != nil {
		return nil, err
	}
	now := s.now()
	all, err = filtered(all, in.Filters, func(snap state.Snapshot, filter string) ([]string, bool) {
		if filter != "last-tiering-operation" {
			return snapshotValues(snap, filter)
		}
		operation, _ := lastTiering(snap, now)
		return []string{string(operation)}, operation != ""
	}, "snapshot-id", "volume-id", "last-tiering-operation")
	if err != nil {
		return nil, err
	}
	all, next, err := page(s.Pages, "ec2:DescribeSnapshotTierStatus", c, all, in.MaxResults, in.NextToken, func(snap state.Snapshot) string { return snap.ID })
	out := &ec2.DescribeSnapshotTierStatusOutput{NextToken: next}
	for _, snap := range all {
		status := types.SnapshotTierStatus{
			SnapshotId: &snap.ID, VolumeId: &snap.VolumeID, OwnerId: &snap.AccountID, Status: types.SnapshotState(snap.State),
			StorageTier: tierOf(snap), Tags: tagsOf(snap.Tags),
		}
		if operation, since := lastTiering(snap, now); operation != "" {
			progress := int32(100)
			status.LastTieringOperationStatus, status.LastTieringStartTime, status.LastTieringProgress = operation, since.Ptr(), &progress
			if snap.Archived(now) {
				status.ArchivalCompleteTime = since.Ptr()
			} else {
				status.ArchivalCompleteTime, status.RestoreExpiryTime = snap.Tier.Since.Ptr(), snap.Tier.Temporary.Ptr()
			}
		}
		out.SnapshotTierStatuses = append(out.SnapshotTierStatuses, status)
	}
	return out, err
}
