package ec2

import (
	"context"
	"maps"
	"slices"
	"strconv"

	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"strongroom/internal/api"
	"strongroom/internal/state"
)

// The limits of https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_LockSnapshot.html
const (
	maxLockDays     = 36500
	maxCoolOffHours = 72
)

// now is the time that locks and tiers follow.
func (s *Service) now() state.Micros { return state.MicrosOf(s.Engine.Clock.Now()) }

// LockSnapshot keeps a snapshot from being deleted for a time, or changes for how long, as far as its lock allows.
func (s *Service) LockSnapshot(ctx context.Context, c *api.Caller, in *ec2.LockSnapshotInput) (*ec2.LockSnapshotOutput, error) {
	snap, err := s.own(ctx, c, in.SnapshotId, "locked")
	if err != nil {
		return nil, err
	}
	if snap.State != "completed" && snap.State != "pending" {
		return nil, api.Errorf("IncorrectState", "Snapshot is in invalid state - %s", snap.State)
	}
	if err := checkLock(in); err != nil {
		return nil, err
	}
	if err := dryRun(in.DryRun); err != nil {
		return nil, err
	}
	var now state.Micros
	err = s.DB.Update(ctx, func(ctx context.Context, tx *state.Tx) error {
		now = tx.Now
		if snap, err = tx.Snapshot(ctx, snap.ID); err != nil {
			return err
		}
		if err := relock(&snap, in, now); err != nil {
			return err
		}
		return tx.SetSnapshotLock(ctx, snap.ID, snap.Lock)
	})
	if err != nil {
		return nil, err
	}
	d := describeLock(snap, now)
	return &ec2.LockSnapshotOutput{
		SnapshotId: d.SnapshotId, LockState: d.LockState, LockDuration: d.LockDuration, CoolOffPeriod: d.CoolOffPeriod,
		CoolOffPeriodExpiresOn: d.CoolOffPeriodExpiresOn, LockCreatedOn: d.LockCreatedOn, LockExpiresOn: d.LockExpiresOn,
		LockDurationStartTime: d.LockDurationStartTime,
	}, nil
}

// own finds a snapshot of the caller's account that AWS Backup does not manage.
func (s *Service) own(ctx context.Context, c *api.Caller, id *string, done string) (state.Snapshot, error) {
	snap, err := s.owned(ctx, c, id)
	if err == nil && snap.RecoveryPoint != "" {
		return snap, api.Errorf("InvalidParameterValue", "This snapshot is managed by the AWS Backup service and cannot be %s via EC2 APIs.", done)
	}
	return snap, err
}

func checkLock(in *ec2.LockSnapshotInput) error {
	days, hours := deref(in.LockDuration), deref(in.CoolOffPeriod)
	switch {
	case in.LockMode != types.LockModeGovernance && in.LockMode != types.LockModeCompliance:
		return errValue("LockMode", string(in.LockMode), "Expecting governance or compliance.")
	case in.LockDuration != nil && in.ExpirationDate != nil:
		return api.Errorf("InvalidParameterCombination", "The parameter LockDuration cannot be used with the parameter ExpirationDate")
	case in.LockDuration == nil && in.ExpirationDate == nil:
		return api.Errorf("MissingParameter", "The request must contain the parameter LockDuration or ExpirationDate")
	case in.LockDuration != nil && (days < 1 || days > maxLockDays):
		return errValue("LockDuration", strconv.Itoa(int(days)), "Expecting a value between 1 and 36500.")
	case in.CoolOffPeriod != nil && in.LockMode == types.LockModeGovernance:
		return api.Errorf("InvalidParameterCombination", "The parameter CoolOffPeriod cannot be used with the lock mode governance")
	case in.CoolOffPeriod != nil && (hours < 1 || hours > maxCoolOffHours):
		return errValue("CoolOffPeriod", strconv.Itoa(int(hours)), "Expecting a value between 1 and 72.")
	}
	return nil
}

// relock puts the lock that is asked for in place of the snapshot's. A lock in compliance mode whose cooling-off period is
// over can only be made longer.
func relock(snap *state.Snapshot, in *ec2.LockSnapshotInput, now state.Micros) error {
	before, was := *snap, snap.LockState(now)
	lock := state.SnapshotLock{Mode: string(in.LockMode), Created: now, Days: int64(deref(in.LockDuration))}
	if was == state.LockedCoolOff || was == state.LockedCompliance || (was == state.LockedGovernance && in.LockMode == types.LockModeGovernance) {
		lock.Created = before.Lock.Created
	}
	if in.LockMode == types.LockModeCompliance {
		lock.CoolOffHours = int64(deref(in.CoolOffPeriod))
	}
	if in.ExpirationDate != nil {
		if lock.Until = state.MicrosOf(*in.ExpirationDate); lock.Until <= now {
			return errValue("ExpirationDate", in.ExpirationDate.UTC().Format("2006-01-02T15:04:05.000Z"), "Expecting a time in the future.")
		}
		lock.Days = (int64(lock.Until-lock.Created) + microsOfDay - 1) / microsOfDay
	}
	if was == state.LockedCompliance {
		if in.LockMode != types.LockModeCompliance || in.CoolOffPeriod != nil {
			return api.Errorf("OperationNotPermitted", "The snapshot %s is locked in compliance mode. Only the duration of its lock can be increased.", snap.ID)
		}
		lock.CoolOffHours = before.Lock.CoolOffHours
	}
	snap.Lock = lock
	if was == state.LockedCompliance && shorter(*snap, before) {
		return api.Errorf("OperationNotPermitted", "The snapshot %s is locked in compliance mode. The duration of its lock cannot be decreased.", snap.ID)
	}
	return nil
}

const microsOfDay = 24 * 60 * 60 * 1_000_000

// shorter reports whether the lock of a ends before that of b, the same snapshot. While it is pending a number of days has
// no end, which is later than any date.
func shorter(a, b state.Snapshot) bool {
	endA, endB := a.LockEnds(), b.LockEnds()
	switch {
	case endA == 0 && endB == 0:
		return a.Lock.Days < b.Lock.Days
	case endA == 0:
		return false
	case endB == 0:
		return true
	}
	return endA < endB
}

func (s *Service) lockSnapshotAccess(ctx context.Context, c *api.Caller, in *ec2.LockSnapshotInput) ([]api.Access, error) {
	accesses, err := s.ownedAccess(ctx, c, "LockSnapshot", in.SnapshotId)
	if err != nil {
		return nil, err
	}
	keys := maps.Clone(accesses[0].Context)
	if in.LockDuration != nil {
		keys["ec2:SnapshotLockDuration"] = []string{strconv.Itoa(int(*in.LockDuration))}
	}
	if in.CoolOffPeriod != nil {
		keys["ec2:SnapshotCoolOffPeriod"] = []string{strconv.Itoa(int(*in.CoolOffPeriod))}
	}
	accesses[0].Context = keys
	return accesses, nil
}

// UnlockSnapshot takes a lock away that is in governance mode or may still be thought over.
func (s *Service) UnlockSnapshot(ctx context.Context, c *api.Caller, in *ec2.UnlockSnapshotInput) (*ec2.UnlockSnapshotOutput, error) {
	snap, err := s.owned(ctx, c, in.SnapshotId)
	if err != nil {
		return nil, err
	}
	if err := dryRun(in.DryRun); err != nil {
		return nil, err
	}
	err = s.DB.Update(ctx, func(ctx context.Context, tx *state.Tx) error {
		if snap, err = tx.Snapshot(ctx, snap.ID); err != nil {
			return err
		}
		switch snap.LockState(tx.Now) {
		case state.NotLocked, state.SnapshotLockEnded:
			return api.Errorf("IncorrectState", "The snapshot %s is not locked.", snap.ID)
		case state.LockedCompliance:
			return api.Errorf("OperationNotPermitted", "The snapshot %s is locked in compliance mode and cannot be unlocked.", snap.ID)
		case state.LockedGovernance, state.LockedCoolOff:
		}
		return tx.SetSnapshotLock(ctx, snap.ID, state.SnapshotLock{})
	})
	return &ec2.UnlockSnapshotOutput{SnapshotId: &snap.ID}, err
}

func (s *Service) unlockSnapshotAccess(ctx context.Context, c *api.Caller, in *ec2.UnlockSnapshotInput) ([]api.Access, error) {
	return s.ownedAccess(ctx, c, "UnlockSnapshot", in.SnapshotId)
}

func describeLock(s state.Snapshot, now state.Micros) types.LockedSnapshotsInfo {
	return types.LockedSnapshotsInfo{
		SnapshotId: &s.ID, OwnerId: &s.AccountID, LockState: types.LockState(s.LockState(now)), LockDuration: number(s.Lock.Days),
		CoolOffPeriod: number(s.Lock.CoolOffHours), CoolOffPeriodExpiresOn: s.Lock.CoolOffEnds().Ptr(),
		LockCreatedOn: s.Lock.Created.Ptr(), LockDurationStartTime: s.LockStarts().Ptr(), LockExpiresOn: s.LockEnds().Ptr(),
	}
}

// DescribeLockedSnapshots lists the locks of the caller's snapshots, those that have expired as well.
func (s *Service) DescribeLockedSnapshots(ctx context.Context, c *api.Caller, in *ec2.DescribeLockedSnapshotsInput) (*ec2.DescribeLockedSnapshotsOutput, error) {
	if err := dryRun(in.DryRun); err != nil {
		return nil, err
	}
	all, err := s.ownSnapshots(ctx, c, in.SnapshotIds)
	if err != nil {
		return nil, err
	}
	now := s.now()
	all = slices.DeleteFunc(all, func(snap state.Snapshot) bool { return snap.LockState(now) == state.NotLocked })
	all, err = filtered(all, in.Filters, func(snap state.Snapshot, _ string) ([]string, bool) {
		return []string{string(snap.LockState(now))}, true
	}, "lock-state")
	if err != nil {
		return nil, err
	}
	all, next, err := page(s.Pages, "ec2:DescribeLockedSnapshots", c, all, in.MaxResults, in.NextToken, func(snap state.Snapshot) string { return snap.ID })
	out := &ec2.DescribeLockedSnapshotsOutput{NextToken: next}
	for _, snap := range all {
		out.Snapshots = append(out.Snapshots, describeLock(snap, now))
	}
	return out, err
}

// ownSnapshots lists the caller's own snapshots: those named, or all.
func (s *Service) ownSnapshots(ctx context.Context, c *api.Caller, ids []string) ([]state.Snapshot, error) {
	for _, id := range ids {
		if _, err := s.owned(ctx, c, &id); err != nil {
			return nil, err
		}
	}
	var all []state.Snapshot
	err := s.DB.View(ctx, func(ctx context.Context, tx *state.Tx) (err error) {
		all, err = tx.Snapshots(ctx, c.AccountID, c.Region)
		return err
	})
	return slices.DeleteFunc(all, func(snap state.Snapshot) bool {
		return snap.State == "deleting" || (len(ids) > 0 && !slices.Contains(ids, snap.ID))
	}), err
}
