package archive_test

import (
	"errors"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"strongroom/archive"
	"strongroom/archive/archivetest"
)

// losses are what befalls a vault before a repair: which of its objects are flipped or deleted.
var losses = map[string]struct {
	kinds   []string // names of objects begin with one of them
	deleted bool
}{
	"flipped packs":            {[]string{"packs/"}, false},
	"lost packs":               {[]string{"packs/"}, true},
	"lost index":               {[]string{"index/"}, true},
	"flipped manifests":        {[]string{"points/"}, false},
	"lost manifests":           {[]string{"points/"}, true},
	"lost header":              {[]string{"domains/"}, true},
	"flipped all but a header": {[]string{"packs/", "index/", "points/"}, false},
	"lost all":                 {[]string{"packs/", "index/", "points/", "domains/"}, true},
}

// lose has a vault lose what it is to, but for every third object, and gives the recovery points that it can still restore.
func (p *pair) lose(t *testing.T, which int, kinds []string, deleted bool) (sound []string) {
	t.Helper()
	hit := 0
	for _, name := range slices.Sorted(maps.Keys(p.sound[which])) {
		if !slices.ContainsFunc(kinds, func(kind string) bool { return strings.HasPrefix(name, kind) }) {
			continue
		}
		if hit++; hit%3 == 0 {
			continue
		}
		err := p.stores[which].Delete(t.Context(), name)
		if !deleted {
			err = errors.Join(err, p.stores[which].Create(t.Context(), name, flip(p.sound[which][name], 45)))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, point := range p.points {
		if got, err := restoreText(t.Context(), p.open(which), p.ring, point); err == nil && got == p.want[point] {
			sound = append(sound, point)
		}
	}
	return sound
}

// Every fault at every operation that writes, of the repair of every loss: a full disk, a process that dies, a store that refuses,
// answers late or not at all. Whatever was well before still is, and another repair mends everything, into whatever state the first
// has brought the vault. FAULTS=all has every fault strike every operation of every repair, where it is every third of each.
func TestFaultAtEveryOperationOfARepair(t *testing.T) {
	t.Parallel()
	every := 3
	if os.Getenv("FAULTS") == "all" {
		every = 1
	}
	p := newPairOf(t, 300<<10, 40)
	runs := 0
	for number, name := range slices.Sorted(maps.Keys(losses)) {
		loss := losses[name]
		for _, fault := range archivetest.Faults {
			if (number+int(fault))%every != 0 {
				continue
			}
			for n := number % every; ; n += every {
				p.reset(t, 0)
				sound := p.lose(t, 0, loss.kinds, loss.deleted)
				store := archivetest.NewFaulty(p.stores[0])
				store.Strike(n, fault, false)
				done, err := p.repair(t.Context(), 0, store)
				struck := store.Struck()
				store.Mend()
				if struck == "" {
					break
				}
				where := name + ": " + fault.String() + " at " + struck
				if err != nil && !errors.Is(err, archivetest.ErrFault) && !errors.Is(err, archive.ErrExist) {
					t.Errorf("%s: %v", where, err)
				}
				if err := store.Arrive(); err != nil {
					t.Fatal(err)
				}
				for _, point := range sound {
					if got, err := restoreText(t.Context(), p.open(0), p.ring, point); err != nil || got != p.want[point] {
						t.Errorf("%s: %s was well and is not: %v; %+v", where, point, err, done)
					}
				}
				p.now.Advance(3 * time.Hour) // the lease of a repair that died runs out
				p.check(t, 0, where, p.heal(t, 0))
				if runs++; t.Failed() {
					t.FailNow()
				}
			}
		}
	}
	if t.Logf("%d runs", runs); runs < 200/(every*every) {
		t.Errorf("only %d runs", runs)
	}
}

// Both vaults are damaged, at different places and at the same. Each takes from the other what is well there and nothing else, whichever
// is repaired first, and what is damaged in both is told of both.
func TestRepairFromAVaultThatIsDamagedItself(t *testing.T) {
	t.Parallel()
	p := newPairOf(t, 300<<10, 40)
	packs := func(which int) (names []string) {
		for _, name := range slices.Sorted(maps.Keys(p.sound[which])) {
			if strings.HasPrefix(name, "packs/") {
				names = append(names, name)
			}
		}
		return names
	}
	spoil := func(t *testing.T, which, at int, name string) {
		if err := archivetest.Replace(t.Context(), p.stores[which], name, flip(p.sound[which][name], at)); err != nil {
			t.Fatal(err)
		}
	}
	for first := range 2 {
		// Every second pack here and every other there: as the copy's packs are cut like the original's, much is lost at the same
		// place, and much is not.
		for shift := range 2 {
			p.reset(t, 0)
			p.reset(t, 1)
			for which := range 2 {
				for i, name := range packs(which) {
					if i%2 == (which*shift)%2 {
						spoil(t, which, 60, name)
					}
				}
			}
			before := map[[2]string]bool{}
			for which, side := range []string{"original", "copy"} {
				for _, point := range p.points {
					got, err := restoreText(t.Context(), p.open(which), p.ring, point)
					before[[2]string{side, point}] = err == nil && got == p.want[point]
				}
			}
			p.heal(t, first)
			p.heal(t, 1-first)
			done := p.heal(t, first)
			for which, side := range []string{"original", "copy"} {
				report, err := p.open(which).Verify(t.Context(), rings(p.ring), archive.VerifyOptions{})
				if err != nil {
					t.Fatal(err)
				}
				info := []archive.DomainInfo{p.original, p.copy}[which]
				for _, point := range p.points {
					got, err := restoreText(t.Context(), p.open(which), p.ring, point)
					well := err == nil && got == p.want[point]
					switch {
					case err == nil && !well:
						t.Errorf("%s of the %s is restored as something else", point, side)
					case !well && before[[2]string{side, point}]:
						t.Errorf("%s of the %s was well before the repairs and is not: %v", point, side, err)
					case well == slices.Contains(report.Touched(), info.ID+"/"+point):
						t.Errorf("that %s of the %s is well is %t, and verification says otherwise: %+v", point, side, well, report.Damage)
					}
				}
			}
			if again := p.heal(t, first); len(again.Healed) > 0 {
				t.Errorf("what cannot be mended was: %+v, and before %+v", again.Healed, done.Healed)
			}
		}
	}
}
