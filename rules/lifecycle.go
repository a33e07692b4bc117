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
