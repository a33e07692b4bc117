package backuppolicy

import (
	"time"

	"strongroom/rules"
)

// Bounds that Organizations knows.
const (
	minWindow         = 60
	maxContinuousDays = 35
	minColdDays       = 90
	maxRules          = rules.MaxRulesPerPlan
)

// lifecycleText is a lifecycle as a policy gives it.
type lifecycleText struct {
	move, remove, archive string
	hasMove, hasRemove    bool
	moveDays, removeDays  int64
}

func lifecycleOf(get func(key string) (string, bool)) lifecycleText {
	var l lifecycleText
	l.move, l.hasMove = get("move_to_cold_storage_after_days")
	l.remove, l.hasRemove = get("delete_after_days")
	l.archive, _ = get("opt_in_to_archive_for_supported_resources")
	l.moveDays, l.removeDays = number(l.move), number(l.remove)
	return l
}

func (l lifecycleText) keepsAtMost(days int64) bool { return l.hasRemove && l.removeDays <= days }

func (l lifecycleText) coldLongEnough() bool {
	return l.hasMove && l.hasRemove && l.removeDays >= l.moveDays+minColdDays
}

func (l lifecycleText) lifecycle() rules.Lifecycle {
	lifecycle := rules.Lifecycle{OptInToArchive: l.archive == "true"}
	if l.hasMove {
		lifecycle.MoveToColdStorageAfterDays = &l.moveDays
	}
	if l.hasRemove {
		lifecycle.DeleteAfterDays = &l.removeDays
	}
	return lifecycle
}

// monthly reports whether no two runs of a schedule are less than 28 days apart. AWS looks at the two runs that come next,
// so that its answer changes with the day it is asked; ours is about four years, of which one is a leap year.
func monthly(text string) bool {
	schedule, err := rules.ParseSchedule(text)
	if err != nil {
		return false
	}
	const rare = 28 * 24 * time.Hour
	last, is := schedule.Next(schedulesFrom.Add(-time.Second), time.UTC), true
	for is && !last.IsZero() && last.Before(schedulesFrom.AddDate(4, 0, 0)) {
		next := schedule.Next(last, time.UTC)
		is = next.IsZero() || next.Sub(last) >= rare
		last = next
	}
	return is
}
