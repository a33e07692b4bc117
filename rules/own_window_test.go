package rules

import (
	"testing"
	"time"
)

func TestOwnWindows(t *testing.T) {
	t.Parallel()
	windows := OwnWindows{Maintenance: "sun:23:30-mon:00:30", Backup: "03:00-03:30"}
	for text, want := range map[string]string{
		"2026-11-29T22:29:00Z":      "", // a Sunday
		"2026-11-29T22:30:00Z":      "E61",
		"2026-11-29T23:45:00Z":      "E61",
		"2026-11-30T00:29:00Z":      "E61",
		"2026-11-30T00:30:00Z":      "",
		"2026-11-28T23:45:00Z":      "", // the day before
		"2026-11-30T01:59:00Z":      "",
		"2026-11-30T02:00:00Z":      "E62",
		"2026-11-30T04:29:00+01:00": "E62",
		"2026-11-30T04:30:00+01:00": "",
	} {
		at, err := time.Parse(time.RFC3339, text)
		if err != nil {
			t.Fatal(err)
		}
		got := ""
		if refusal := windows.refuse(at); refusal != nil {
			got = refusal.ID
		}
		if got != want {
			t.Errorf("a start at %s is refused with %q, want %q", text, got, want)
		}
		for _, none := range []OwnWindows{{}, {Maintenance: "soon", Backup: "25:00-26:00"}, {Maintenance: "any:00:00-sat:23:59"}} {
			if refusal := none.refuse(at); refusal != nil {
				t.Errorf("%+v refuse a start at %s", none, text)
			}
		}
	}
	for _, early := range []string{"2026-11-29T23:10:00Z", "2026-11-30T00:05:00Z"} {
		at, err := time.Parse(time.RFC3339, early)
		if err != nil {
			t.Fatal(err)
		}
		if refusal := (OwnWindows{Backup: "00:00-00:30"}).refuse(at); refusal == nil {
			t.Errorf("a start at %s is admitted, and the window begins at midnight", early)
		}
	}
}
