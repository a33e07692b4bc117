package rules

import "time"

// PlannedRule is what of a plan's rule decides which of overlapping rules makes the backup.
type PlannedRule struct {
	Schedule  Schedule
	Zone      *time.Location
	Windows   Windows
	Lifecycle Lifecycle
	// Since is when the rule came to run by its schedule. What it would have run before does not count.
	Since time.Time
}

// Outlasted reports whether the run of the i-th rule of a plan at a time is left to another rule: where the start windows
// of two rules overlap, only the one with the longer retention makes the backup, and of two that keep as long the first.
// See
// https://docs.aws.amazon.com/aws-backup/latest/devguide/plan-options-and-configuration.html.
func Outlasted(plan []PlannedRule, i int, at time.Time) bool {
	one := plan[i]
	for j, other := range plan {
		if j == i || !other.Lifecycle.outlasts(one.Lifecycle) && (j > i || one.Lifecycle.outlasts(other.Lifecycle)) {
			continue
		}
		from := at.Add(at.Sub(other.Windows.StartBy(at))) // a run at that time would have to start by now
		since := other.Since
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
