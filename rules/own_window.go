package rules

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// OwnWindows are those in which a database's own service works on it, in the form and the time zone (UTC) of RDS; "" for none.
// AWS Backup starts nothing inside of them, nor within the hour before:
// https://docs.aws.amazon.com/aws-backup/latest/devguide/point-in-time-recovery.html
type OwnWindows struct {
	Maintenance string // sun:05:00-sun:06:00
	Backup      string // 03:00-03:30
}

// ownWindowLead is how long before an own window nothing starts any more.
const ownWindowLead = time.Hour

const (
	minutesOfDay  = 24 * 60
	minutesOfWeek = 7 * minutesOfDay
)

// refuse is the refusal of a backup that starts at a time; nil if none of the windows is near.
func (w OwnWindows) refuse(at time.Time) *Refusal {
	minute := at.UTC().Hour()*60 + at.UTC().Minute()
	if near(w.Maintenance, int(at.UTC().Weekday())*minutesOfDay+minute, minutesOfWeek) {
		return MaintenanceWindow.Refuse(Values{"window": w.Maintenance})
	}
	if near(w.Backup, minute, minutesOfDay) {
		return AutomatedWindow.Refuse(Values{"window": w.Backup})
	}
	return nil
}

// near reports whether a minute of a day or week, which has period of them, lies in a window or in the lead before it. What is
// no window is never near.
func near(window string, minute, period int) bool {
	from, to, _ := strings.Cut(window, "-")
	begin, err := minuteOf(from)
	if err != nil {
		return false
	}
	end, err := minuteOf(to)
	if err != nil {
		return false
	}
	lead := int(ownWindowLead / time.Minute)
	long := (end - begin + period) % period
	return (minute-(begin-lead)+2*period)%period < long+lead
}

// minuteOf reads "03:30" as the minute of the day and "sun:03:30" as that of the week.
func minuteOf(text string) (int, error) {
	day := 0
	if name, rest, has := strings.Cut(strings.ToLower(text), ":"); has && strings.Contains(rest, ":") {
		if day = slices.Index([]string{"sun", "mon", "tue", "wed", "thu", "fri", "sat"}, name); day < 0 {
			return 0, fmt.Errorf("%s is no day of the week", name)
		}
		text = rest
	}
	at, err := time.Parse("15:04", text)
	return day*minutesOfDay + at.Hour()*60 + at.Minute(), err
}
