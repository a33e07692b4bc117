package rules

import (
	"fmt"
	"time"
)

// LockRange is the retention that a vault lock demands of new recovery points, in days; 0 is no bound.
type LockRange struct {
	Min, Max int64
}

// Admits reports whether a lifecycle keeps points long enough and not too long. Keeping them for ever is longer than
// any maximum.
func (l LockRange) Admits(lifecycle Lifecycle) bool {
	days, bounded := lifecycle.Retention()
	if !bounded {
		return l.Max == 0
	}
	return days >= l.Min && (l.Max == 0 || days <= l.Max)
}

// RefuseBackup refuses a backup job whose lifecycle the lock of its vault does not admit.
func (l LockRange) RefuseBackup(lifecycle Lifecycle, vault Place) *Refusal {
	if l.Admits(lifecycle) {
		return nil
	}
	return l.refuse(BackupOutsideLock, lifecycle, vault)
}

// RefuseCopy refuses a copy job whose lifecycle the lock of the destination vault does not admit.
func (l LockRange) RefuseCopy(lifecycle Lifecycle, vault Place) *Refusal {
	if l.Admits(lifecycle) {
		return nil
	}
	return l.refuse(CopyOutsideLock, lifecycle, vault)
}

func (l LockRange) refuse(e Entry, lifecycle Lifecycle, vault Place) *Refusal {
	asked := "for ever"
	if days, bounded := lifecycle.Retention(); bounded {
		asked = fmt.Sprintf("%d days", days)
	}
	return e.Refuse(Values{"asked": asked, "name": vault.VaultName, "allowed": l.allowed(), "days": fmt.Sprint(l.nearest(lifecycle))})
}

// nearest is the retention, in days, that the lock admits and that is nearest to the lifecycle's.
func (l LockRange) nearest(lifecycle Lifecycle) int64 {
	days, bounded := lifecycle.Retention()
	if !bounded {
		days = l.Max
	}
	days = max(days, l.Min, 1)
	if l.Max > 0 {
		days = min(days, l.Max)
	}
	return days
}

// allowed is the retention that the lock admits.
func (l LockRange) allowed() string {
	if l.Max > 0 {
		return fmt.Sprintf("%d to %d days", l.Min, l.Max)
	}
	return fmt.Sprintf("at least %d days", l.Min)
}

// Bounds of a vault lock's parameters, in days.
const (
	MinChangeableForDays = 3
	MaxRetentionDays     = 36500
)

// ValidateLock checks the parameters of a vault lock; nil means not given.
func ValidateLock(minDays, maxDays, changeableForDays *int64) error {
	switch {
	case minDays != nil && (*minDays < 1 || *minDays > MaxRetentionDays):
		return fmt.Errorf("MinRetentionDays must be between 1 and %d", MaxRetentionDays)
	case maxDays != nil && (*maxDays < 1 || *maxDays > MaxRetentionDays):
		return fmt.Errorf("MaxRetentionDays must be between 1 and %d", MaxRetentionDays)
	case minDays != nil && maxDays != nil && *maxDays < *minDays:
		return fmt.Errorf("MaxRetentionDays cannot be less than MinRetentionDays")
	case changeableForDays != nil && (*changeableForDays < MinChangeableForDays || *changeableForDays > MaxRetentionDays):
		return fmt.Errorf("ChangeableForDays must be between %d and %d", MinChangeableForDays, MaxRetentionDays)
	}
	return nil
}

// Lock is a vault's lock as it stands.
type Lock struct {
	Locked bool
	Date   time.Time // from then on it is immutable; zero for a governance lock
}

// Immutable reports whether nobody can change or remove the lock any more.
func (l Lock) Immutable(now time.Time) bool {
	return l.Locked && !l.Date.IsZero() && !now.Before(l.Date)
}
