package state

import (
	"context"
	"time"
)

// SnapshotLock is how a snapshot is locked, in the words of
// https://docs.aws.amazon.com/ebs/latest/userguide/snapshot-lock-concepts.html; the zero value is a snapshot that never was.
type SnapshotLock struct {
	Mode         string // governance or compliance
	Created      Micros
	CoolOffHours int64
	Days         int64
	Until        Micros // the date that was asked for, or 0 where the days count from the snapshot's completion
}

// SnapshotLockState is the state of a lock at a time.
type SnapshotLockState string

// The states of locks. One that is NotLocked never was.
const (
	NotLocked         SnapshotLockState = ""
	LockedGovernance  SnapshotLockState = "governance"
	LockedCoolOff     SnapshotLockState = "compliance-cooloff"
	LockedCompliance  SnapshotLockState = "compliance"
	SnapshotLockEnded SnapshotLockState = "expired"
)

// CoolOffEnds is when the cooling-off period of the lock ends, or 0 if it has none.
func (l SnapshotLock) CoolOffEnds() Micros {
	if l.CoolOffHours == 0 {
		return 0
	}
	return l.Created + Micros(time.Duration(l.CoolOffHours)*time.Hour/time.Microsecond)
}

// LockStarts is when the duration of the snapshot's lock begins to count: once the snapshot is completed; 0 until then.
func (s Snapshot) LockStarts() Micros {
	if s.Completed == 0 {
		return 0
	}
	return max(s.Lock.Created, s.Completed)
}

// LockEnds is when the snapshot's lock ends; 0 where that is not known before it is completed.
func (s Snapshot) LockEnds() Micros {
	if s.Lock.Until != 0 || s.LockStarts() == 0 {
		return s.Lock.Until
	}
	return s.LockStarts() + Micros(time.Duration(s.Lock.Days)*24*time.Hour/time.Microsecond)
}

// LockState is the state of the snapshot's lock at a time.
func (s Snapshot) LockState(now Micros) SnapshotLockState {
	switch ends := s.LockEnds(); {
	case s.Lock.Mode == "":
		return NotLocked
	case ends != 0 && now >= ends:
		return SnapshotLockEnded
	case s.Lock.Mode == string(LockedGovernance):
		return LockedGovernance
	case now < s.Lock.CoolOffEnds():
		return LockedCoolOff
	}
	return LockedCompliance
}

// Locked reports whether nobody can delete the snapshot at a time.
func (s Snapshot) Locked(now Micros) bool {
	state := s.LockState(now)
	return state != NotLocked && state != SnapshotLockEnded
}

// SetSnapshotLock replaces a snapshot's lock; the zero value takes it away.
func (tx *Tx) SetSnapshotLock(ctx context.Context, id string, l SnapshotLock) error {
	return tx.execOne(ctx, `UPDATE snapshots SET lock = $1 WHERE id = $2`, JSON[SnapshotLock]{l}, id)
}
