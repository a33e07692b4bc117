package rules

import "time"

// PlannedRule is what of a plan's rule decides which of overlapping rules makes the backup.
type PlannedRule struct {
	Schedule  Schedule
	Zone      *time.Location
	Windows   Windows
	Lifecycle Lifecycle
}

// Outlasted reports whether the run of the i-th rule of a plan at a time is left to another rule: where the start windows
// of two rules overlap, only the one with the longer retention makes the backup, and of two that keep as long the first.
// What would have run before since, when the plan became what it is, does not count. See
// https://docs.aws.amazon.com/aws-backup/latest/devguide/plan-options-and-configuration.html.
func Outlasted(plan []PlannedRule, i int, at, since time.Time) bool {
	one := plan[i]
	for j, other := range plan {
		if j == i || !other.Lifecycle.outlasts(one.Lifecycle) && (j > i || one.Lifecycle.outlasts(other.Lifecycle)) {
			continue
		}
		from := at.Add(at.Sub(other.Windows.StartBy(at))) // a run at that time would have to start by now
		if from.Before(since) {
			from = since
		}
		if rate := other.Schedule.rate; rate > 0 { // counted from since
			from = since.Add(from.Sub(since).Truncate(rate))
		}
		if run := other.Schedule.Next(from, other.Zone); !run.IsZero() && run.Before(one.Windows.StartBy(at)) {
			return true
		}
	}
	return false
}

// outlasts reports whether a point is kept longer than under the other lifecycle.
func (l Lifecycle) outlasts(other Lifecycle) bool {
	days, ends := l.Retention()
	otherDays, otherEnds := other.Retention()
	return otherEnds && (!ends || days > otherDays)
}
