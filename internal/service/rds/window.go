package rds

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"strongroom/internal/state"
)

// Windows are half an hour at least, in UTC.
// https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_UpgradeDBInstance.Maintenance.html
const (
	shortestWindow = 30
	day            = 24 * 60
)

var (
	dailyWindow  = regexp.MustCompile(`^([01]\d|2[0-3]):([0-5]\d)-([01]\d|2[0-3]):([0-5]\d)$`)
	weeklyWindow = regexp.MustCompile(`^([a-z]{3}):([01]\d|2[0-3]):([0-5]\d)-([a-z]{3}):([01]\d|2[0-3]):([0-5]\d)$`)
	weekdays     = []string{"sun", "mon", "tue", "wed", "thu", "fri", "sat"}
)

// checkWindows refuses windows that are none, too short, or the same time.
func checkWindows(set state.DBInstanceSettings) error {
	if set.BackupRetention < 0 || set.BackupRetention > 35 {
		return errValue("Invalid backup retention period: %d. Retention period must be between 0 and 35", set.BackupRetention)
	}
	from, length, ok := readDaily(set.BackupWindow)
	if !ok {
		return errValue("Invalid backup window format: %s. Must be in the form hh24:mi-hh24:mi", set.BackupWindow)
	}
	if length < shortestWindow {
		return errValue("The backup window must be at least %d minutes.", shortestWindow)
	}
	start, span, ok := readWeekly(set.MaintenanceWindow)
	if !ok {
		return errValue("Invalid maintenance window format: %s. Must be in the form ddd:hh24:mi-ddd:hh24:mi", set.MaintenanceWindow)
	}
	if span < shortestWindow || span >= day {
		return errValue("The maintenance window must be at least %d minutes, and less than 24 hours.", shortestWindow)
	}
	for week := range 8 { // the backup window of each day, and the first one of the next week
		if begin := week*day + from - day; begin < start+span && start < begin+length {
			return errCombination("The backup window and maintenance window must not overlap.")
		}
	}
	return nil
}

// readDaily reads when in the day a window begins, in minutes, and how long it is.
func readDaily(window string) (from, length int, ok bool) {
	m := dailyWindow.FindStringSubmatch(window)
	if m == nil {
		return 0, 0, false
	}
	from = minutes(m[1], m[2])
	return from, (minutes(m[3], m[4]) - from + day) % day, true
}

// readWeekly reads when in the week a window begins, in minutes, and how long it is.
func readWeekly(window string) (from, length int, ok bool) {
	m := weeklyWindow.FindStringSubmatch(strings.ToLower(window))
	if m == nil {
		return 0, 0, false
	}
	first, last := slices.Index(weekdays, m[1]), slices.Index(weekdays, m[4])
	if first < 0 || last < 0 {
		return 0, 0, false
	}
	from = first*day + minutes(m[2], m[3])
	return from, (last*day + minutes(m[5], m[6]) - from + 7*day) % (7 * day), true
}

func minutes(hours, rest string) int {
	h, _ := strconv.Atoi(hours) // digits, says the pattern
	m, _ := strconv.Atoi(rest)
	return 60*h + m
}

// nextWindow is when a maintenance window begins next.
func nextWindow(window string, now state.Micros) state.Micros {
	from, _, ok := readWeekly(window)
	if !ok {
		return now
	}
	t := now.Time()
	sunday := time.Date(t.Year(), t.Month(), t.Day()-int(t.Weekday()), 0, 0, 0, 0, time.UTC)
	next := sunday.Add(time.Duration(from) * time.Minute)
	if !next.After(t) {
		next = next.AddDate(0, 0, 7)
	}
	return state.MicrosOf(next)
}
