package rules

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// DefaultSchedule is the schedule of a rule that names none.
const DefaultSchedule = "cron(0 5 ? * * *)"

// Schedule is when a rule runs: an AWS cron expression of six fields (minutes, hours, day of month, month, day of week,
// year) or a rate.
type Schedule struct {
	rate          time.Duration
	minutes       []int
	hours         []int
	months        []int
	years         []int // nil is every year
	days, weekday dayField
}

// dayField is the day-of-month or day-of-week field.
type dayField struct {
	any     bool  // * or ?
	values  []int // days 1–31, or weekdays 0 (Sunday) to 6
	last    bool  // L: the month's last day
	fromEnd int   // L-3: days before the last
	nearest int   // 15W: the weekday nearest to the 15th
	lastWD  bool  // LW: the month's last weekday
	lastOf  []int // 6L: the month's last Friday
	nth     []nth // 6#3: the third Friday
}

type nth struct{ weekday, n int }

var monthNames = []string{"", "JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"}

// dayNames are numbered as AWS numbers them: Sunday is 1.
var dayNames = []string{"", "SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"}

// ParseSchedule reads cron(…) or rate(…) as AWS Backup does: the minimum interval is an hour.
func ParseSchedule(text string) (Schedule, error) {
	s, err := ParseFrequentSchedule(text)
	if err == nil && (len(s.minutes) > 1 || s.rate > 0 && s.rate < time.Hour) {
		return Schedule{}, fmt.Errorf("invalid schedule expression %s: the minimum interval is one hour", text)
	}
	return s, err
}

// ParseFrequentSchedule reads cron(…) or rate(…) as EventBridge does: the minimum interval is a minute. See
// https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-scheduled-rule-pattern.html.
func ParseFrequentSchedule(text string) (Schedule, error) {
	switch {
	case strings.HasPrefix(text, "cron(") && strings.HasSuffix(text, ")"):
		s, err := parseCron(text[len("cron(") : len(text)-1])
		if err != nil {
			return Schedule{}, fmt.Errorf("invalid schedule expression %s: %w", text, err)
		}
		return s, nil
	case strings.HasPrefix(text, "rate(") && strings.HasSuffix(text, ")"):
		s, err := parseRate(text[len("rate(") : len(text)-1])
		if err != nil {
			return Schedule{}, fmt.Errorf("invalid schedule expression %s: %w", text, err)
		}
		return s, nil
	}
	return Schedule{}, fmt.Errorf("invalid schedule expression %s: want cron(minutes hours day-of-month month day-of-week year)", text)
}

func parseRate(text string) (Schedule, error) {
	number, unit, ok := strings.Cut(text, " ")
	n, err := strconv.Atoi(number)
	if !ok || err != nil || n < 1 {
		return Schedule{}, fmt.Errorf("want a rate such as 12 hours")
	}
	length := map[string]time.Duration{"minute": time.Minute, "hour": time.Hour, "day": 24 * time.Hour}[strings.TrimSuffix(unit, "s")]
	switch {
	case length == 0 || strings.HasSuffix(unit, "s") != (n > 1):
		return Schedule{}, fmt.Errorf("unknown unit %q", unit)
	case n > 100000:
		return Schedule{}, fmt.Errorf("the rate %d is too large", n)
	}
	return Schedule{rate: time.Duration(n) * length}, nil
}

func parseCron(text string) (Schedule, error) {
	fields := strings.Fields(text)
	if len(fields) != 6 {
		return Schedule{}, fmt.Errorf("%d fields, want six", len(fields))
	}
	var (
		s    Schedule
		errs [6]error
	)
	s.minutes, errs[0] = parseList(fields[0], 0, 59, nil)
	s.hours, errs[1] = parseList(fields[1], 0, 23, nil)
	s.days, errs[2] = parseDays(fields[2])
	s.months, errs[3] = parseList(fields[3], 1, 12, monthNames)
	s.weekday, errs[4] = parseWeekday(fields[4])
	if fields[5] != "*" {
		s.years, errs[5] = parseList(fields[5], 1970, 2199, nil)
	}
	for i, what := range []string{"minutes", "hours", "day of month", "month", "day of week", "year"} {
		if errs[i] != nil {
			return Schedule{}, fmt.Errorf("%s %s: %w", what, fields[i], errs[i])
		}
	}
	if fields[2] != "?" && fields[4] != "?" {
		return Schedule{}, fmt.Errorf("one of day of month and day of week must be ?")
	}
	return s, nil
}

// parseList reads a comma-separated list of values, ranges and steps into sorted numbers.
func parseList(text string, low, high int, names []string) ([]int, error) {
	var all []int
	for _, part := range strings.Split(text, ",") {
		from, to, step := low, high, 1
		span, by, stepped := strings.Cut(part, "/")
		if stepped {
			n, err := strconv.Atoi(by)
			if err != nil || n < 1 {
				return nil, fmt.Errorf("bad step %q", by)
			}
			step = n
		}
		if span != "*" {
			first, last, ranged := strings.Cut(span, "-")
			n, err := parseNumber(first, low, high, names)
			if err != nil {
				return nil, err
			}
			from = n
			switch {
			case ranged:
				if to, err = parseNumber(last, low, high, names); err != nil {
					return nil, err
				}
			case !stepped:
				to = from
			}
		}
		if to < from { // FRI-MON goes round
			for n := from; n <= high; n += step {
				all = append(all, n)
			}
			from = low
		}
		for n := from; n <= to; n += step {
			all = append(all, n)
		}
	}
	slices.Sort(all)
	return slices.Compact(all), nil
}

func parseNumber(text string, low, high int, names []string) (int, error) {
	if i := slices.Index(names, strings.ToUpper(text)); i > 0 {
		return i, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < low || n > high {
		return 0, fmt.Errorf("%q is not between %d and %d", text, low, high)
	}
	return n, nil
}

func parseDays(text string) (dayField, error) {
	switch {
	case text == "*" || text == "?":
		return dayField{any: true}, nil
	case text == "L":
		return dayField{last: true}, nil
	case text == "LW":
		return dayField{lastWD: true}, nil
	case strings.HasPrefix(text, "L-"):
		n, err := parseNumber(text[2:], 1, 30, nil)
		return dayField{last: true, fromEnd: n}, err
	case strings.HasSuffix(text, "W"):
		n, err := parseNumber(strings.TrimSuffix(text, "W"), 1, 31, nil)
		return dayField{nearest: n}, err
	}
	values, err := parseList(text, 1, 31, nil)
	return dayField{values: values}, err
}

func parseWeekday(text string) (dayField, error) {
	if text == "*" || text == "?" {
		return dayField{any: true}, nil
	}
	if text == "L" { // the week's last day
		return dayField{values: []int{6}}, nil
	}
	var f dayField
	for _, part := range strings.Split(text, ",") {
		switch {
		case strings.Contains(part, "#"):
			day, count, _ := strings.Cut(part, "#")
			d, err := parseNumber(day, 1, 7, dayNames)
			if err != nil {
				return dayField{}, err
			}
			n, err := parseNumber(count, 1, 5, nil)
			if err != nil {
				return dayField{}, err
			}
			f.nth = append(f.nth, nth{d - 1, n})
		case strings.HasSuffix(part, "L"):
			d, err := parseNumber(strings.TrimSuffix(part, "L"), 1, 7, dayNames)
			if err != nil {
				return dayField{}, err
			}
			f.lastOf = append(f.lastOf, d-1)
		default:
			days, err := parseList(part, 1, 7, dayNames)
			if err != nil {
				return dayField{}, err
			}
			for _, d := range days {
				f.values = append(f.values, d-1)
			}
		}
	}
	return f, nil
}

// Next is the first run after a time, reckoned in the schedule's time zone; the zero time if there is none any more.
// What is due at a time that the clocks skip in spring does not run on that day; what is due at one that they repeat in
// autumn runs once, the first time. AWS Backup's guide is silent on both; AWS says so of its scheduler, in
// https://docs.aws.amazon.com/scheduler/latest/UserGuide/schedule-types.html.
func (s Schedule) Next(after time.Time, zone *time.Location) time.Time {
	if s.rate > 0 {
		return after.Add(s.rate)
	}
	local := after.In(zone)
	day := time.Date(local.Year(), local.Month(), local.Day(), 12, 0, 0, 0, time.UTC) // a calendar day, at no place
	for range 366 * 100 {
		if s.runsOn(day) {
			var next time.Time
			for _, hour := range s.hours {
				for _, minute := range s.minutes {
					t, shown := onClock(time.Date(day.Year(), day.Month(), day.Day(), hour, minute, 0, 0, zone), hour, minute)
					if shown && t.After(after) && (next.IsZero() || t.Before(next)) {
						next = t
					}
				}
			}
			if !next.IsZero() {
				return next
			}
		}
		day = day.AddDate(0, 0, 1)
		if s.years != nil && day.Year() > s.years[len(s.years)-1] {
			return time.Time{}
		}
	}
	return time.Time{}
}

// onClock settles what time.Date leaves open about t, which was to be hour:minute: in a skipped hour no clock shows that, and
// of a repeated hour it is the first.
func onClock(t time.Time, hour, minute int) (at time.Time, shown bool) {
	start, _ := t.ZoneBounds()
	switch {
	case t.Hour() != hour || t.Minute() != minute:
		return t, false
	case start.IsZero():
		return t, true
	}
	_, offset := t.Zone()
	_, before := start.Add(-time.Second).Zone()
	if back := time.Duration(before-offset) * time.Second; back > 0 && t.Sub(start) < back {
		return t.Add(-back), true
	}
	return t, true
}

func (s Schedule) runsOn(day time.Time) bool {
	if !slices.Contains(s.months, int(day.Month())) || s.years != nil && !slices.Contains(s.years, day.Year()) {
		return false
	}
	return s.days.onDayOfMonth(day) && s.weekday.onWeekday(day)
}

func (f dayField) onDayOfMonth(day time.Time) bool {
	if f.any {
		return true
	}
	first := time.Date(day.Year(), day.Month(), 1, 12, 0, 0, 0, time.UTC)
	last := first.AddDate(0, 1, -1)
	switch {
	case f.last:
		return day.Day() == last.Day()-f.fromEnd
	case f.lastWD:
		return day.Equal(nearestWeekday(last, first, last))
	case f.nearest > 0:
		return f.nearest <= last.Day() && day.Equal(nearestWeekday(first.AddDate(0, 0, f.nearest-1), first, last))
	}
	return slices.Contains(f.values, day.Day())
}

// nearestWeekday is the weekday next to a day, in the same month.
func nearestWeekday(day, first, last time.Time) time.Time {
	switch day.Weekday() {
	case time.Saturday:
		if day.Equal(first) {
			return day.AddDate(0, 0, 2)
		}
		return day.AddDate(0, 0, -1)
	case time.Sunday:
		if day.Equal(last) {
			return day.AddDate(0, 0, -2)
		}
		return day.AddDate(0, 0, 1)
	default:
		return day
	}
}

func (f dayField) onWeekday(day time.Time) bool {
	weekday := int(day.Weekday())
	if f.any || slices.Contains(f.values, weekday) {
		return true
	}
	if slices.Contains(f.lastOf, weekday) && day.AddDate(0, 0, 7).Month() != day.Month() {
		return true
	}
	return slices.Contains(f.nth, nth{weekday, (day.Day() + 6) / 7})
}
