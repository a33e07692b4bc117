package server

import (
	"testing"
	"time"

	"strongroom/internal/work"
)

func TestScrubSettings(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		given Scrub
		want  work.Scrub
		wrong bool
	}{
		{want: work.Scrub{Rate: 20e6, Every: 30 * 24 * time.Hour}},
		{given: Scrub{Rate: "off"}, want: work.Scrub{Every: 30 * 24 * time.Hour}},
		{given: Scrub{Rate: "1.5GB/s", Every: "12h"}, want: work.Scrub{Rate: 1.5e9, Every: 12 * time.Hour}},
		{given: Scrub{Rate: "512 KB/s", Every: "1.5d"}, want: work.Scrub{Rate: 512e3, Every: 36 * time.Hour}},
		{given: Scrub{Rate: "20"}, wrong: true},
		{given: Scrub{Rate: "fast"}, wrong: true},
		{given: Scrub{Rate: "-1MB/s"}, wrong: true},
		{given: Scrub{Rate: "NaNMB/s"}, wrong: true},
		{given: Scrub{Rate: "infMB/s"}, wrong: true},
		{given: Scrub{Rate: "0.0000000000001B/s"}, wrong: true},
		{given: Scrub{Every: "0d"}, wrong: true},
		{given: Scrub{Every: "1ns"}, wrong: true},
		{given: Scrub{Every: "NaNd"}, wrong: true},
		{given: Scrub{Every: "1e300d"}, wrong: true},
		{given: Scrub{Every: "monthly"}, wrong: true},
	} {
		got := test.given
		if err := got.complete(); (err != nil) != test.wrong {
			t.Errorf("%+v: %v", test.given, err)
		} else if err == nil && got.settings() != test.want {
			t.Errorf("%+v is read as %+v, want %+v", test.given, got.settings(), test.want)
		}
	}
}

// Days are read as a whole, on the command line too.
func TestParseDays(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]time.Duration{"7d": 7 * 24 * time.Hour, "0.5d": 12 * time.Hour, "90m": 90 * time.Minute, "1d2d": 0, "3dd": 0, "d": 0, "NaNd": 0} {
		got, err := ParseDays(text)
		if (err != nil) != (want == 0) || err == nil && got != want {
			t.Errorf("%q is read as %v, %v; want %v", text, got, err, want)
		}
	}
}
