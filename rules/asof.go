package rules

import (
	"fmt"
	"time"
)

// AsOf is the date that a decision is taken as of. The zero value is the present: every rule that AWS has announced and
// not withdrawn holds.
type AsOf struct{ date time.Time }

// Current is the present.
var Current AsOf

// On is a day.
func On(year int, month time.Month, day int) AsOf {
	return AsOf{time.Date(year, month, day, 0, 0, 0, 0, time.UTC)}
}

// ParseAsOf reads "current" (or nothing) or a date such as 2024-04-26.
func ParseAsOf(text string) (AsOf, error) {
	if text == "" || text == "current" {
		return Current, nil
	}
	date, err := time.Parse(time.DateOnly, text)
	if err != nil {
		return AsOf{}, fmt.Errorf("rules as of %q: want current or a date such as 2024-04-26", text)
	}
	return AsOf{date}, nil
}

// String prints what ParseAsOf reads.
func (a AsOf) String() string {
	if a.date.IsZero() {
		return "current"
	}
	return a.date.Format(time.DateOnly)
}

// Period says when something holds. Its zero value is never.
type Period struct {
	held  bool
	since time.Time // zero: always did
	until time.Time // first day on which it no longer holds; zero: it still does
}

var always = Period{held: true}

func since(year int, month time.Month, day int) Period {
	return Period{held: true, since: On(year, month, day).date}
}

// At reports whether it holds as of a date.
func (p Period) At(a AsOf) bool {
	if !p.held {
		return false
	}
	if a.date.IsZero() {
		return p.until.IsZero()
	}
	return !a.date.Before(p.since) && (p.until.IsZero() || a.date.Before(p.until))
}
