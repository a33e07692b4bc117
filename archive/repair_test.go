package archive_test

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"strongroom/archive"
	"strongroom/archive/archivetest"
	"strongroom/clock"
)

// A pair is a vault and one that all its recovery points were copied into.
type pair struct {
	now            *clock.Shifted
	ring           archive.Keyring
	stores         [2]*archive.Mem // the original's and the copy's
	points         []string
	want           map[string]string
	sound          [2]map[string][]byte // what the stores hold when all is well
	original, copy archive.DomainInfo
}

func newPair(t *testing.T) *pair {
	t.Helper()
	return newPairOf(t, 6<<20, 300)
}

// newPairOf makes one with a long object of so many bytes and so many small ones.
func newPairOf(t *testing.T, long, many int) *pair {
	t.Helper()
	p := &pair{
		now:  clock.NewFrozen(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)),
		ring: archivetest.NewKeyring(), stores: [2]*archive.Mem{new(archive.Mem), new(archive.Mem)},
		points: []string{"first", "second", "disk"}, want: map[string]string{},
	}
	v := p.open(0)
	archive.SetMaxRefs(v, 2)
	d := openDomain(t, v, p.ring)
	objects := map[string][]byte{"long": random(7, long), "text": text(8, 3000), "": {}}
	for i := range many {
		objects[fmt.Sprintf("small/%03d", i)] = random(uint64(i), 60)
	}
	write(t, d, "first", "", objects)
	write(t, d, "second", "first", map[string][]byte{"small/007": nil, "small/008": text(9, 500), "same": text(8, 3000)})
	p.now.Advance(time.Second) // so that its packs come last by their names
	writeBlocks(t, d, "disk", 64<<10, 64<<20, map[uint64][]byte{0: random(1, 64<<10), 700: text(2, 64<<10), 1000: random(3, 64<<10)})
	c := openDomain(t, p.open(1), p.ring)
	p.original, p.copy = d.Info(), c.Info()
	parent := map[string]string{"second": "first"}
	for _, id := range p.points {
		src, err := d.Open(t.Context(), id)
		if err != nil {
			t.Fatal(err)
		}
		p.now.Advance(time.Second)
		if _, err := archive.Copy(t.Context(), c, src, archive.CopyOptions{Point: id, Parent: parent[id]}); err != nil {
			t.Fatal(err)
		}
		if p.want[id], err = restoreText(t.Context(), p.open(0), p.ring, id); err != nil {
			t.Fatal(err)
		}
	}
	p.sound = [2]map[string][]byte{contents(t, p.stores[0]), contents(t, p.stores[1])}
	return p
}

func (p *pair) open(which int) *archive.Vault { return p.openOn(which, p.stores[which]) }

// openOn opens one of the vaults on its store or on what stands before that.
func (p *pair) openOn(which int, store archive.Store) *archive.Vault {
	opts := small
	opts.Clock = p.now
	return archive.OpenVault(store, []string{"original", "copy"}[which], opts)
}

// repair repairs one vault, open on a store, from the other.
func (p *pair) repair(ctx context.Context, which int, store archive.Store) (*archive.Repair, error) {
	info := []archive.DomainInfo{p.original, p.copy}[which]
	var missing []string
	for _, id := range p.points {
		missing = append(missing, info.ID+"/"+id)
	}
	return p.openOn(which, store).Repair(ctx, rings(p.ring), archive.RepairOptions{
		Copies: func(ctx context.Context, _ archive.DomainInfo, point string) ([]*archive.Point, error) {
			d, err := p.open(1-which).OpenDomain(ctx, "key", p.ring)
			if err != nil {
				return nil, err
			}
			other, err := d.Open(ctx, point)
			if err != nil {
				return nil, nil //nolint:nilerr // a copy that is lost itself heals nobody
			}
			return []*archive.Point{other}, nil
		},
		Missing: missing,
		Domains: []archive.DomainInfo{info},
	})
}

// heal repairs one vault from the other, and then collects what became garbage of it.
func (p *pair) heal(t *testing.T, which int) *archive.Repair {
	t.Helper()
	done, err := p.repair(t.Context(), which, p.stores[which])
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		p.now.Advance(3 * time.Hour)
		if _, err := p.open(which).Collect(t.Context(), rings(p.ring), archive.CollectOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	return done
}

func (p *pair) reset(t *testing.T, which int) {
	t.Helper()
	p.stores[which] = new(archive.Mem)
	for name, data := range p.sound[which] {
		if err := p.stores[which].Create(t.Context(), name, data); err != nil {
			t.Fatal(err)
		}
	}
}

func (p *pair) check(t *testing.T, which int, what string, done *archive.Repair) {
	t.Helper()
	if !done.Left.Clean() || len(done.Failed) > 0 {
		t.Errorf("%s: left %+v, %+v, failed %+v", what, done.Left.Damage, done.Left.Skipped, done.Failed)
	}
	report, err := p.open(which).Verify(t.Context(), rings(p.ring), archive.VerifyOptions{})
	if err != nil || !report.Clean() || report.Points != len(p.points) {
		t.Errorf("%s: repaired and collected, verification finds %+v, %v", what, report, err)
	}
	for _, id := range p.points {
		if got, err := restoreText(t.Context(), p.open(which), p.ring, id); err != nil || got != p.want[id] {
			t.Errorf("%s: %s is restored as something else: %v", what, id, err)
		}
	}
}

// Whatever is lost of one of two vaults comes back from the other, into the original as into the copy, and stays through the
// collections that follow.
func TestRepairBringsBackEveryObject(t *testing.T) {
	t.Parallel()
	p := newPair(t)
	for which, side := range []string{"original", "copy"} {
		repaired, large := 0, 0
		for _, name := range slices.Sorted(maps.Keys(p.sound[which])) {
			data := p.sound[which][name]
			kind, _, _ := strings.Cut(name, "/")
			if kind == "packs" && len(data) > 100<<10 {
				if large++; large > 2 {
					continue // they are all alike
				}
			}
			for what, bad := range map[string][]byte{
				"deleted": nil, "cut": data[:len(data)/2], "flipped": flip(data, 45), "flipped at its end": flip(data, len(data)-30),
			} {
				if os.Getenv("STRONGROOM_CORRUPTION") == "" && kind == "packs" && what != "deleted" && what != "flipped" {
					continue
				}
				if kind == "domains" && strings.HasPrefix(what, "flipped") {
					continue // may be harmless, or make KMS refuse
				}
				p.reset(t, which)
				if err := p.stores[which].Delete(t.Context(), name); err != nil {
					t.Fatal(err)
				}
				if bad != nil {
					if err := p.stores[which].Create(t.Context(), name, bad); err != nil {
						t.Fatal(err)
					}
				}
				done := p.heal(t, which)
				p.check(t, which, side+" "+name+" "+what, done)
				if len(done.Healed) == 0 && what != "deleted" {
					t.Errorf("%s %s %s: nothing is told of having been healed: %+v", side, name, what, done)
				}
				repaired += len(done.Healed)
			}
		}
		if repaired == 0 {
			t.Errorf("nothing was repaired in the %s", side)
		}
		p.reset(t, which)
	}
}

func flip(data []byte, at int) []byte {
	bad := bytes.Clone(data)
	bad[max(0, min(at, len(data)-1))] ^= 4
	return bad
}

// All packs and manifests of the copy are lost but for its sealing domain: all comes back.
func TestRepairBringsBackAWholeVault(t *testing.T) {
	t.Parallel()
	p := newPair(t)
	for which := range p.stores {
		for name := range p.sound[which] {
			if !strings.HasPrefix(name, "domains/") {
				if err := p.stores[which].Delete(t.Context(), name); err != nil {
					t.Fatal(err)
				}
			}
		}
		p.check(t, which, "everything is lost", p.heal(t, which))
	}
}

// What is lost in both vaults stays lost, and nothing else: it is told which recovery points miss it, and all that was well
// or can be healed is.
func TestRepairTellsWhatItCannotMend(t *testing.T) {
	t.Parallel()
	p := newPair(t)
	var largest [2]string // a pack of the long object's chunks
	for which, sound := range p.sound {
		for name, data := range sound {
			if strings.HasPrefix(name, "packs/") && len(data) > len(sound[largest[which]]) {
				largest[which] = name
			}
		}
		if err := p.stores[which].Delete(t.Context(), largest[which]); err != nil {
			t.Fatal(err)
		}
	}
	var disk string // one that only the disk needs
	for name, data := range p.sound[1] {
		if strings.HasPrefix(name, "packs/") && name > disk && len(data) > 64<<10 {
			disk = name
		}
	}
	if err := archivetest.Replace(t.Context(), p.stores[1], disk, flip(p.sound[1][disk], 100)); err != nil {
		t.Fatal(err)
	}
	for range 2 { // a second time changes nothing
		done := p.heal(t, 1)
		touched := strings.ReplaceAll(strings.Join(done.Left.Touched(), " "), p.copy.ID+"/", "")
		if touched != "first second" || len(done.Failed) == 0 {
			t.Fatalf("left are %q, failed %+v, healed %+v, damage %+v", touched, done.Failed, done.Healed, done.Left.Damage)
		}
		got, err := restoreText(t.Context(), p.open(1), p.ring, "disk")
		if err != nil || got != p.want["disk"] {
			t.Errorf("the disk, which could be healed: %v", err)
		}
		if got, err := restoreText(t.Context(), p.open(1), p.ring, "first"); err == nil {
			t.Errorf("a point that could not be healed is restored, %d bytes", len(got))
		}
	}
	// The pack turns up again: it was kept, because it is missed.
	if err := p.stores[1].Create(t.Context(), largest[1], p.sound[1][largest[1]]); err != nil {
		t.Fatal(err)
	}
	p.check(t, 1, "the pack is back", p.heal(t, 1))
}

// Copies that hold something else heal nothing: what is taken must have the very id that is missed.
func TestRepairTakesNothingElse(t *testing.T) {
	t.Parallel()
	p := newPair(t)
	other := archive.OpenVault(new(archive.Mem), "other", small)
	d := openDomain(t, other, p.ring)
	objects := map[string][]byte{"long": random(77, 6<<20), "text": text(8, 3000), "": {}}
	for i := range 300 {
		objects[fmt.Sprintf("small/%03d", i)] = random(uint64(i), 60)
	}
	write(t, d, "first", "", objects)
	for name, data := range p.sound[0] {
		if strings.HasPrefix(name, "packs/") {
			if err := archivetest.Replace(t.Context(), p.stores[0], name, flip(data, 200)); err != nil {
				t.Fatal(err)
			}
		}
	}
	before, err := p.open(0).Verify(t.Context(), rings(p.ring), archive.VerifyOptions{})
	if err != nil {
		t.Fatal(err)
	}
	done, err := p.open(0).Repair(t.Context(), rings(p.ring), archive.RepairOptions{
		Copies: func(ctx context.Context, _ archive.DomainInfo, _ string) ([]*archive.Point, error) {
			other, err := d.Open(ctx, "first")
			return []*archive.Point{other}, err
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(before.Touched()) != 3 || len(done.Left.Touched()) != 3 {
		t.Errorf("%v were damaged and %v are left", before.Touched(), done.Left.Touched())
	}
	for _, id := range p.points {
		if got, err := restoreText(t.Context(), p.open(0), p.ring, id); err == nil && got != p.want[id] {
			t.Errorf("%s is restored as something else", id)
		}
	}
}
