package rules

import "time"

// Lifecycle says how long a recovery point is kept, and when it moves to cold storage. The zero value keeps it warm for
// ever. Absent and zero differ: AWS refuses a zero.
type Lifecycle struct {
	MoveToColdStorageAfterDays *int64 `json:",omitempty"`
	DeleteAfterDays            *int64 `json:",omitempty"` // nil and -1: for ever
	OptInToArchive             bool   `json:",omitempty"`
}

// IsZero reports whether nothing was said.
func (l Lifecycle) IsZero() bool { return l == Lifecycle{} }

// Equal reports whether two lifecycles say the same.
func (l Lifecycle) Equal(other Lifecycle) bool {
	same := func(a, b *int64) bool { return a == b || a != nil && b != nil && *a == *b }
	return same(l.MoveToColdStorageAfterDays, other.MoveToColdStorageAfterDays) && same(l.DeleteAfterDays, other.DeleteAfterDays) &&
		l.OptInToArchive == other.OptInToArchive
}

// Forever is the DeleteAfterDays of a point that is never deleted.
const Forever = -1

// Retention is the days a point is kept; ok is false if it is kept for ever.
func (l Lifecycle) Retention() (days int64, ok bool) {
	if l.DeleteAfterDays == nil || *l.DeleteAfterDays == Forever {
		return 0, false
	}
	return *l.DeleteAfterDays, true
}

// DeleteAt is when a point created at the given time expires; the zero time if never. Retention counts from the start
// of the job that made the point, and a copy keeps its source's creation date.
func (l Lifecycle) DeleteAt(created time.Time) time.Time {
	days, ok := l.Retention()
	if !ok {
		return time.Time{}
	}
	return created.AddDate(0, 0, int(days))
}

// MoveToColdStorageAt is when it moves to cold storage, if its kind has any; the zero time if never.
func (l Lifecycle) MoveToColdStorageAt(created time.Time) time.Time {
	if l.MoveToColdStorageAfterDays == nil || *l.MoveToColdStorageAfterDays <= 0 {
		return time.Time{}
	}
	return created.AddDate(0, 0, int(*l.MoveToColdStorageAfterDays))
}

// Bounds of a lifecycle, in days.
const (
	maxDeleteAfterDays = 36500
	maxContinuousDays  = 35
	minColdStorageDays = 90
)

// Validate checks a lifecycle of a rule, a copy action or an on-demand job. In front of the message of a rule's
// lifecycle AWS puts [InRule].
func (l Lifecycle) Validate(continuous bool) *Refusal {
	days, bounded := l.Retention()
	switch {
	case bounded && (days < 1 || days > maxDeleteAfterDays), continuous && (!bounded || days > maxContinuousDays):
		return DeleteOutOfRange.Refuse(nil)
	case l.MoveToColdStorageAfterDays == nil:
		return nil
	case continuous:
		return ColdUnavailable.Refuse(nil)
	case *l.MoveToColdStorageAfterDays < 1,
		bounded && days < *l.MoveToColdStorageAfterDays+minColdStorageDays:
		return ColdTooShort.Refuse(nil)
	}
	return nil
}

// For drops what a resource type has no use for: AWS ignores the transition of types without cold storage, and that of
// EBS unless archiving was opted in to.
func (l Lifecycle) For(a AsOf, resourceType string) Lifecycle {
	c, _ := CapabilityOf(resourceType)
	if !c.Cold.At(a) || resourceType == "EBS" && !l.OptInToArchive {
		l.MoveToColdStorageAfterDays = nil
	}
	return l
}

// Inherit is the lifecycle of a copy: the one asked for, or the source's if none was.
func (l Lifecycle) Inherit(source Lifecycle) Lifecycle {
	if l.DeleteAfterDays == nil && l.MoveToColdStorageAfterDays == nil {
		return source
	}
	if l.DeleteAfterDays == nil || *l.DeleteAfterDays == Forever {
		l.DeleteAfterDays = source.DeleteAfterDays
	}
	return l
}
