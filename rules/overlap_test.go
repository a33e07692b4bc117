package rules

import (
	"testing"
	"time"
)

// TestOutlasted holds runs of a plan's rules against the others: "daily" runs at 05:00, with a start window of eight hours.
func TestOutlasted(t *testing.T) {
	t.Parallel()
	rule := func(schedule string, hours, days int64) PlannedRule {
		parsed, err := ParseSchedule(schedule)
		if err != nil {
			t.Fatal(err)
		}
		p := PlannedRule{Schedule: parsed, Zone: time.UTC, Windows: Windows{Start: hours * 60}}
		if days != 0 {
			p.Lifecycle.DeleteAfterDays = &days
		}
		return p
	}
	daily := rule("cron(0 5 * * ? *)", 8, 7)
	const long = "2020-01-01T00:00:00Z"
	for what, test := range map[string]struct {
		other  PlannedRule
		at     string
		since  string
		first  bool // the other comes first in the plan
		yields bool
	}{
		"a longer one at the same time":                 {rule("cron(0 5 * * ? *)", 8, 30), "2024-04-26T05:00:00Z", long, false, true},
		"one for ever":                                  {rule("cron(0 5 * * ? *)", 8, 0), "2024-04-26T05:00:00Z", long, false, true},
		"a shorter one":                                 {rule("cron(0 5 * * ? *)", 8, 6), "2024-04-26T05:00:00Z", long, true, false},
		"one as long that comes first":                  {rule("cron(0 5 * * ? *)", 8, 7), "2024-04-26T05:00:00Z", long, true, true},
		"one as long that comes later":                  {rule("cron(0 5 * * ? *)", 8, 7), "2024-04-26T05:00:00Z", long, false, false},
		"a longer one on another day":                   {rule("cron(0 5 ? * SUN *)", 8, 30), "2024-04-26T05:00:00Z", long, false, false},
		"a longer one on this day":                      {rule("cron(0 5 ? * FRI *)", 8, 30), "2024-04-26T05:00:00Z", long, false, true},
		"a longer one that runs within the window":      {rule("cron(59 12 * * ? *)", 1, 30), "2024-04-26T05:00:00Z", long, false, true},
		"a longer one that runs when the window ends":   {rule("cron(0 13 * * ? *)", 1, 30), "2024-04-26T05:00:00Z", long, false, false},
		"a longer one whose window is open":             {rule("cron(30 3 * * ? *)", 2, 30), "2024-04-26T05:00:00Z", long, false, true},
		"a longer one whose window has ended":           {rule("cron(0 3 * * ? *)", 2, 30), "2024-04-26T05:00:00Z", long, false, false},
		"a longer one that would have run, but was not": {rule("cron(30 3 * * ? *)", 2, 30), "2024-04-26T05:00:00Z", "2024-04-26T04:00:00Z", false, false},
		"a longer one at a rate, which runs at 12:30":   {rule("rate(6 hours)", 1, 30), "2024-04-26T05:00:00Z", "2024-04-25T18:30:00Z", false, true},
		"a longer one at a rate, which runs at 13:00":   {rule("rate(12 hours)", 1, 30), "2024-04-26T05:00:00Z", "2024-04-25T13:00:00Z", false, false},
	} {
		test.other.Since = date(t, test.since)
		plan, i := []PlannedRule{daily, test.other}, 0
		if test.first {
			plan, i = []PlannedRule{test.other, daily}, 1
		}
		if got := Outlasted(plan, i, date(t, test.at)); got != test.yields {
			t.Errorf("beside %s, the daily rule yields: %v", what, got)
		}
	}
	if Outlasted([]PlannedRule{daily}, 0, date(t, "2024-04-26T05:00:00Z")) {
		t.Error("a rule yields to itself")
	}
}

func date(t *testing.T, text string) time.Time {
	t.Helper()
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		t.Fatal(err)
	}
	return at
}
