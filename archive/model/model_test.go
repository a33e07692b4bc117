package model

import (
	"os"
	"strings"
	"testing"
)

// small is where the setups begin: a moment is as long as a lease and a margin, and a few are enough for collections that
// each count.
var small = Setup{Rules: Protocol, Lease: 1, Margin: 1, End: 3, Collectors: 1, Rounds: 1, Parents: []int{-1}}

func with(change func(u *Setup)) Setup {
	u := small
	change(&u)
	return u
}

// setups are who may take part. Whoever is between two operations, or has taken a time and not stored it yet, may sleep for
// as long as he wants. Clocks differ by a margin at most.
var setups = map[string]Setup{
	"a writer that finds its content": with(func(u *Setup) { u.Rounds, u.Deletes = 2, []int{0} }),
	"a writer with a parent":          with(func(u *Setup) { u.Parents, u.Rounds, u.Deletes, u.Hasty = []int{0}, 2, []int{0}, true }),
	"garbage":                         with(func(u *Setup) { u.Begin, u.Rounds = Garbage, 2 }),
	"garbage, and death":              with(func(u *Setup) { u.Begin, u.Crashes, u.End = Garbage, 1, 2 }),
	"garbage, and two collections":    with(func(u *Setup) { u.Begin, u.Collectors, u.End = Garbage, 2, 1 }),
	"a parent that is deleted":        with(func(u *Setup) { u.Begin, u.Parents, u.Deletes = Regained, []int{0}, []int{0} }),
	"a parent that is deleted, death": with(func(u *Setup) { u.Begin, u.Parents, u.Deletes, u.Crashes, u.End = Regained, []int{0}, []int{0}, 1, 2 }),
	"compaction":                      with(func(u *Setup) { u.Compact, u.Rounds = true, 2 }),
	"an index that is wrong":          with(func(u *Setup) { u.Begin = Gone }),
	"a tomb that comes late":          with(func(u *Setup) { u.Begin, u.Collectors, u.End, u.Late = LateTomb, 2, 1, 0 }),
	"a tomb that comes late, and sleep": with(func(u *Setup) {
		u.Begin, u.Collectors, u.Rounds, u.Late, u.End, u.Hasty = LateTomb, 2, 2, 0, 0, true
	}),
	"a parent that was deleted": with(func(u *Setup) {
		u.Begin, u.Parents, u.Collectors, u.End, u.Hasty, u.Lease = Orphan, []int{0}, 2, 4, true, 0
	}),
	"a parent half deleted": with(func(u *Setup) {
		u.Begin, u.Parents, u.Deletes, u.Collectors, u.End, u.Hasty = HalfDeleted, []int{0}, []int{0}, 2, 2, true
	}),
	"a memory of too much":           with(func(u *Setup) { u.Begin, u.Collectors, u.Memory, u.End, u.Hasty = Garbage, 2, TooMuch, 1, true }),
	"a memory of nothing":            with(func(u *Setup) { u.Begin, u.Collectors, u.Memory, u.End, u.Hasty = Regained, 2, Nothing, 1, true }),
	"a writer long at work":          with(func(u *Setup) { u.Begin, u.Renew, u.End = AtWork, true, 2 }),
	"clocks that differ by a margin": with(func(u *Setup) { u.Rounds, u.Deletes, u.Skew = 2, []int{0}, [processes]int8{1, 0, 0, 0, 0} }),
	"a writer whose clock is slow": with(func(u *Setup) {
		u.Begin, u.Parents, u.Deletes, u.Skew = Regained, []int{0}, []int{0}, [processes]int8{-1, 0, 0, 0, 0}
	}),
	"a collection whose clock is fast": with(func(u *Setup) {
		u.Begin, u.Parents, u.Deletes, u.Skew = Regained, []int{0}, []int{0}, [processes]int8{0, 0, 1, 0, 0}
	}),
}

// larger are for make faults.
var larger = map[string]Setup{
	"a parent, two collections, twice": with(func(u *Setup) {
		u.Begin, u.Parents, u.Deletes, u.Collectors, u.Rounds = Regained, []int{0}, []int{0}, 2, 2
	}),
	"a chain, and two collections": with(func(u *Setup) {
		u.Begin, u.Parents, u.Deletes, u.Collectors, u.Hasty = Regained, []int{0, 1}, []int{0, 1}, 2, true
	}),
	"a memory, and a parent": with(func(u *Setup) {
		u.Begin, u.Parents, u.Deletes, u.Collectors, u.Memory, u.Hasty = Regained, []int{0}, []int{0}, 2, TooMuch, true
	}),
	"a late tomb, and late again":    with(func(u *Setup) { u.Begin, u.Collectors, u.Rounds, u.End = LateTomb, 2, 2, 1 }),
	"two collections, twice":         with(func(u *Setup) { u.Collectors, u.Rounds, u.Deletes, u.End = 2, 2, []int{0}, 4 }),
	"two writers":                    with(func(u *Setup) { u.Parents, u.Rounds, u.Deletes, u.Hasty = []int{0, -1}, 2, []int{0}, true }),
	"a chain of recovery points":     with(func(u *Setup) { u.Parents, u.Rounds, u.Deletes = []int{0, 1}, 2, []int{0, 1} }),
	"a chain, and death":             with(func(u *Setup) { u.Begin, u.Parents, u.Deletes, u.Crashes = Regained, []int{0, 1}, []int{0, 1}, 1 }),
	"compaction beside a collection": with(func(u *Setup) { u.Compact, u.Collectors, u.Deletes = true, 2, []int{0} }),
	"renewal and two collections":    with(func(u *Setup) { u.Begin, u.Renew, u.Collectors = AtWork, true, 2 }),
	"deaths":                         with(func(u *Setup) { u.Rounds, u.Deletes, u.End, u.Crashes = 2, []int{0}, 4, 2 }),
	"every clock another": with(func(u *Setup) {
		u.Parents, u.Rounds, u.Deletes, u.End, u.Margin, u.Skew = []int{0, -1}, 2, []int{0}, 5, 2, [processes]int8{1, -1, -1, 1, 0}
	}),
}

// Whoever does what when: no recovery point that was acknowledged loses its content.
func TestTheProtocolHolds(t *testing.T) {
	total := 0
	explore := func(setups map[string]Setup, limit int) {
		for name, u := range setups {
			found := Explore(u, limit)
			total += found.States
			t.Logf("%s: %d states, cut short: %v", name, found.States, found.Cut)
			if len(found.Trace) > 0 {
				t.Errorf("%s: a recovery point is lost:\n%s", name, strings.Join(found.Trace, "\n"))
			}
			if found.Cut && limit < 2_000_000 {
				t.Errorf("%s is not small", name)
			}
		}
	}
	explore(setups, 1_000_000)
	if os.Getenv("FAULTS") == "all" {
		explore(larger, 4_000_000)
	}
	t.Logf("%d states in all", total)
}

// Without any one of its parts the protocol does not hold, and the model tells: so it can fail, and no part is idle. Some make
// up for others, when clocks agree and nobody sleeps; these are left out together.
func TestEveryRuleIsNeeded(t *testing.T) {
	const looks = LookAgain | LookAtParent
	for _, test := range []struct {
		name    string
		without Rule
		caught  string
		change  func(*Setup)
	}{
		{"HeedTombs", HeedTombs | LookAgain, "garbage", nil},
		{"TombsBeforeIndex", TombsBeforeIndex | LookAgain | StillThere | LookForPacks, "garbage", func(u *Setup) { u.Rounds = 2 }},
		{"LeaseFirst", LeaseFirst | LookAgain | StillThere | LookForPacks, "a writer that finds its content", func(u *Setup) { u.End, u.Hasty = 4, true }},
		{"ConfirmAfter", ConfirmAfter, "a writer long at work", func(u *Setup) { u.Renew = false }},
		{"LookAgain", LookAgain, "a tomb that comes late", nil},
		{"LookAtParent", LookAtParent, "a parent that is deleted", nil},
		{"StillThere", StillThere | LookForPacks, "an index that is wrong", nil},
		{"TrashFirst", TrashFirst | LookAtParent, "a parent that is deleted", func(u *Setup) { u.Hasty = true }},
		{"TrashCounts", TrashCounts, "a parent that is deleted", func(u *Setup) { u.Hasty = true }},
		{"HorizonOfLeases", HorizonOfLeases, "a writer long at work", nil},
		{"WaitForTombs", WaitForTombs, "a writer that finds its content", func(u *Setup) { u.Hasty = true }},
		{"TombsAtAll", TombsAtAll, "a writer that finds its content", func(u *Setup) { u.Hasty = true }},
		{"PointsBeforeTrash", PointsBeforeTrash, "a parent that is deleted", nil},
		{"LeasesBeforePoints", LeasesBeforePoints | looks, "a parent that is deleted", nil},
		{"TombsBeforePoints", TombsBeforePoints, "a tomb that comes late", nil},
		{"LeasesTwice", LeasesTwice, "a writer long at work", nil},
		{"RenewFirst", RenewFirst, "a writer long at work", nil},
		{"RenewChecks", RenewChecks, "a writer long at work", nil},
		{"AnyOldTomb", AnyOldTomb, "a tomb that comes late, and sleep", nil},
		{"LookForPacks", LookForPacks, "a tomb that comes late, and sleep", nil},
		{"SpareInPeace", SpareInPeace, "a tomb that comes late, and sleep", nil},
		{"RootsLast", RootsLast, "a parent half deleted", nil},
		{"HorizonInLease", HorizonInLease, "a parent that was deleted", nil},
		{"ConfirmRoots", ConfirmRoots, "a parent that was deleted", nil},
		{"MemoryKeepsTombs", MemoryKeepsTombs | SpareInPeace, "a tomb that comes late, and sleep", func(u *Setup) { u.Memory = TooMuch }},
		{"MemoryRemovesNothing", MemoryRemovesNothing, "a memory of nothing", nil},
		{"AcknowledgedParents", AcknowledgedParents, "a parent that is deleted", func(u *Setup) { u.Parents, u.Hasty, u.End = []int{0, 1}, true, 2 }},
	} {
		u, known := setups[test.caught]
		if !known {
			t.Fatalf("%s: there is no setup %s", test.name, test.caught)
		}
		if test.change != nil {
			test.change(&u)
		}
		if found := Explore(u, 1_500_000); len(found.Trace) > 0 || found.Cut {
			t.Errorf("%s: the whole protocol does not hold, or is too large (%d states)", test.name, found.States)
		}
		u.Rules &^= test.without
		found := Explore(u, 1_500_000)
		t.Logf("%s: found in %d states", test.name, found.States)
		if len(found.Trace) == 0 {
			t.Errorf("the protocol holds without %s", test.name)
		}
	}
}

// Where clocks differ by more than the margin the protocol does not hold: it needs the margin.
func TestClocksBeyondTheMargin(t *testing.T) {
	u := setups["a writer whose clock is slow"]
	u.Skew = [processes]int8{-3, 0, 1, 0, 0}
	if found := Explore(u, 1_000_000); len(found.Trace) == 0 {
		t.Errorf("clocks may differ by four margins: nothing was found in %d states", found.States)
	}
}
