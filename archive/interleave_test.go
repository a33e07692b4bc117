package archive_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"strongroom/archive"
	"strongroom/clock"
)

// Package model tries the protocol as FORMAT.md tells it; here the code itself is on the stage.

var (
	contentA = map[string][]byte{"a": random(1, 3000), "b": random(2, 2000)}
	contentC = map[string][]byte{"a": contentA["a"], "b": contentA["b"], "c": random(3, 1500)}
	contentB = map[string][]byte{"b": contentA["b"], "d": random(4, 900)}
)

// overlook leaves out the errors of who was not fast enough: the work can be begun again.
func overlook(err error, more ...error) error {
	for _, usual := range append(more, archive.ErrLeaseLost, archive.ErrOvertaken) {
		if errors.Is(err, usual) {
			return nil
		}
	}
	return err
}

// gone is what those meet who read a recovery point that was deleted, or who slept through their lease: nothing comes of it.
var gone = []error{archive.ErrNoPoint, archive.ErrNotExist, archive.ErrDamaged}

// writes backs up a recovery point, by its parent if there is one, or takes over that of an earlier run.
func writes(point, parent string, put, content map[string][]byte) func(context.Context, *play, *archive.Vault) error {
	return func(ctx context.Context, p *play, v *archive.Vault) error {
		f := p.fate("key/"+point, content)
		w := &world{ctx: ctx, vault: v, ring: p.ring}
		err := backup(w, point, parent, put)
		if errors.Is(err, archive.ErrPointExists) {
			var d *archive.Domain
			if d, err = v.Domain(ctx, "key", p.ring); err == nil {
				_, err = d.Adopt(ctx, point)
			}
			err = overlook(err, archive.ErrDamaged)
		}
		f.acked = err == nil
		if parent != "" {
			return overlook(err, gone...)
		}
		return overlook(err)
	}
}

// fails begins a recovery point, stores packs, and gives up.
func fails(content map[string][]byte) func(context.Context, *play, *archive.Vault) error {
	return func(ctx context.Context, p *play, v *archive.Vault) error {
		d, err := v.Domain(ctx, "key", p.ring)
		if err != nil {
			return err
		}
		w, err := d.NewWriter(ctx, archive.WriteOptions{Point: "failing", Kind: archive.Objects})
		if err != nil {
			return err
		}
		return overlook(errors.Join(putAll(ctx, w, content), w.Abort()))
	}
}

// copies copies a recovery point into the other domain.
func copies(point string, content map[string][]byte) func(context.Context, *play, *archive.Vault) error {
	return func(ctx context.Context, p *play, v *archive.Vault) error {
		f := p.fate("other/"+point, content)
		err := copyToOther(&world{ctx: ctx, vault: v, ring: p.ring}, point, "")
		f.acked = err == nil
		return overlook(err, gone...)
	}
}

// deletes deletes a recovery point.
func deletes(point string) func(context.Context, *play, *archive.Vault) error {
	return func(ctx context.Context, p *play, v *archive.Vault) error {
		f := p.fate("key/"+point, nil)
		f.deleting = true
		err := v.Delete(ctx, archive.DomainID("vault", "key"), point)
		f.deleted = err == nil
		return overlook(err, archive.ErrNoPoint)
	}
}

// collects collects a few times, with hours in between: more than a lease and a margin.
func collects(times int) func(context.Context, *play, *archive.Vault) error {
	return func(ctx context.Context, p *play, v *archive.Vault) error {
		for i := range times {
			if i > 0 {
				p.clock.Advance(150 * time.Minute)
			}
			done, err := v.Collect(ctx, rings(p.ring), archive.CollectOptions{MergeAbove: 1})
			for _, s := range done.Skipped {
				err = errors.Join(err, overlook(s.Err, gone...))
			}
			if err != nil {
				return err
			}
		}
		return nil
	}
}

// indexes makes the index anew.
func indexes(ctx context.Context, p *play, v *archive.Vault) error {
	return overlook(reindex(&world{ctx: ctx, vault: v, ring: p.ring}), gone...)
}

// restores reads a recovery point that nobody deletes.
func restores(point string, content map[string][]byte) func(context.Context, *play, *archive.Vault) error {
	return func(ctx context.Context, p *play, v *archive.Vault) error {
		return restoreAll(&world{ctx: ctx, vault: v, ring: p.ring}, point, content)
	}
}

// later collects, long after something was deleted.
func later(t *testing.T, w *world) {
	t.Helper()
	w.collect(t)
	w.clock.Advance(2 * time.Hour)
}

// untombed leaves packs that nothing reaches.
func untombed(t *testing.T, w *world) {
	d := openDomain(t, w.vault, w.ring)
	write(t, d, "gone", "", contentA)
	if err := w.vault.Delete(t.Context(), d.Info().ID, "gone"); err != nil {
		t.Fatal(err)
	}
	w.clock.Advance(3 * time.Hour)
}

// garbage leaves packs with old tombs.
func garbage(t *testing.T, w *world) {
	untombed(t, w)
	later(t, w)
}

// settled leaves a recovery point.
func settled(t *testing.T, w *world) {
	write(t, openDomain(t, w.vault, w.ring), "old", "", contentA)
	w.clock.Advance(3 * time.Hour)
}

// regained leaves a recovery point that is there by its parent, whose packs have old tombs.
func regained(t *testing.T, w *world) {
	settled(t, w)
	for _, pack := range w.names(t, "packs/") {
		tomb := fmt.Sprintf("%s.%016x", strings.Replace(pack, "packs/", "tombs/", 1), w.clock.Now().Add(-2*time.Hour).UnixMilli())
		if err := w.store.Create(t.Context(), tomb, nil); err != nil {
			t.Fatal(err)
		}
	}
}

// worn leaves a recovery point that needs little of its packs.
func worn(t *testing.T, w *world) {
	d := openDomain(t, w.vault, w.ring)
	write(t, d, "all", "", contentC)
	write(t, d, "keep", "", map[string][]byte{"c": contentC["c"]})
	if err := w.vault.Delete(t.Context(), d.Info().ID, "all"); err != nil {
		t.Fatal(err)
	}
	w.clock.Advance(3 * time.Hour)
}

// copyGone leaves a recovery point whose copy has gone, and left its packs.
func copyGone(t *testing.T, w *world) {
	settled(t, w)
	w.ctx = t.Context()
	if err := copyToOther(w, "old", ""); err != nil {
		t.Fatal(err)
	}
	if err := w.vault.Delete(t.Context(), archive.DomainID("vault", "other"), "old"); err != nil {
		t.Fatal(err)
	}
	later(t, w)
}

// plots are who meets whom. Clocks differ by up to an hour, which is the margin.
var plots = map[string]*plot{
	"a writer of what is garbage": {before: garbage, actors: []actor{
		{name: "writer", skew: -25 * time.Minute, does: writes("new", "", contentA, contentA)},
		{name: "collector", does: collects(2)},
		{name: "other collector", skew: 25 * time.Minute, does: collects(1)},
	}},
	"a tomb that comes late": {before: untombed, actors: []actor{
		{name: "writer", does: writes("new", "", contentA, contentA)},
		{name: "collector", skew: 25 * time.Minute, does: collects(1)},
		{name: "other collector", skew: -25 * time.Minute, does: collects(1)},
	}},
	"a parent that is deleted": {before: regained, points: map[string]map[string][]byte{"key/old": contentA}, actors: []actor{
		{name: "child", skew: -20 * time.Minute, does: writes("new", "old", map[string][]byte{"c": contentC["c"]}, contentC)},
		{name: "deleter", skew: 20 * time.Minute, does: deletes("old")},
		{name: "collector", does: collects(2)},
	}},
	"all at once": {before: settled, points: map[string]map[string][]byte{"key/old": contentA}, actors: []actor{
		{name: "child", skew: 10 * time.Minute, does: writes("child", "old", map[string][]byte{"c": contentC["c"]}, contentC)},
		{name: "writer", skew: -25 * time.Minute, does: writes("new", "", contentB, contentB)},
		{name: "deleter", does: deletes("old")},
		{name: "collector", does: collects(3)},
		{name: "other collector", skew: 25 * time.Minute, does: collects(2)},
	}},
	"compaction": {before: worn, points: map[string]map[string][]byte{"key/keep": {"c": contentC["c"]}}, actors: []actor{
		{name: "writer", skew: 25 * time.Minute, does: writes("new", "", contentB, contentB)},
		{name: "collector", does: collects(3)},
		{name: "other collector", skew: -25 * time.Minute, does: collects(2)},
		{name: "reader", does: restores("keep", map[string][]byte{"c": contentC["c"]})},
	}},
	"a copy": {before: copyGone, points: map[string]map[string][]byte{"key/old": contentA}, actors: []actor{
		{name: "copier", skew: 25 * time.Minute, does: copies("old", contentA)},
		{name: "deleter", skew: -25 * time.Minute, does: deletes("old")},
		{name: "collector", does: collects(3)},
	}},
	"a job that dies and is run again": {before: garbage, dies: "writer", actors: []actor{
		{name: "writer", skew: -25 * time.Minute, does: writes("new", "", contentA, contentA)},
		{name: "again", skew: 25 * time.Minute, after: "writer", does: writes("new", "", contentA, contentA)},
		{name: "collector", does: collects(3)},
	}},
	"an index made anew": {before: settled, points: map[string]map[string][]byte{"key/old": contentA}, actors: []actor{
		{name: "failing", skew: 20 * time.Minute, does: fails(contentC)},
		{name: "writer", skew: -20 * time.Minute, does: writes("new", "", contentC, contentC)},
		{name: "indexer", does: indexes},
		{name: "collector", does: collects(2)},
	}},
}

// begin is a vault as a plot finds it.
func (p *plot) begin(t *testing.T) *world {
	w := newWorld(new(archive.Mem))
	w.reopen()
	p.before(t, w)
	return w
}

// failedOnce are the seeds of plays that found something.
var failedOnce = map[string][]uint64{
	"a parent that is deleted": {1795962970976242467}, // the play's judge held a recovery point against what jobs leave
	"all at once":              {1795962970976240199}, // a writer that had slept told of packs that were gone without a trace
}

// TestWhoeverComesFirst lets the processes of each plot meet in orders that chance chooses, with hours passing and somebody dying at
// any operation: whatever the order, what was acknowledged is there, whole, also after what is garbage was collected.
//
// PLAYS says how many orders of each plot are tried. PLAY_SEED repeats those of a seed.
func TestWhoeverComesFirst(t *testing.T) {
	t.Parallel()
	plays, first := 25, uint64(clock.Wall.Now().UnixNano())
	if text := os.Getenv("PLAYS"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil {
			t.Fatalf("PLAYS: %v", err)
		}
		plays = n
	}
	if text := os.Getenv("PLAY_SEED"); text != "" {
		n, err := strconv.ParseUint(text, 10, 64)
		if err != nil {
			t.Fatalf("PLAY_SEED: %v", err)
		}
		plays, first = 1, n
	}
	for _, name := range slices.Sorted(maps.Keys(plots)) {
		t.Run(name, func(t *testing.T) {
			plot := plots[name]
			begun := plot.begin(t)
			steps := 0
			for _, seed := range failedOnce[name] {
				staged(t, plot, begun, newChance(seed, plot)).report(t, fmt.Sprintf("PLAY_SEED=%d", seed))
			}
			for seed := first; seed < first+uint64(plays); seed++ {
				p := staged(t, plot, begun, newChance(seed, plot))
				steps += len(p.trace)
				p.report(t, fmt.Sprintf("PLAY_SEED=%d", seed))
			}
			t.Logf("%d plays of %d steps on average", plays, steps/plays)
		})
	}
}

// staged performs a play where it is known when all wait.
func staged(t *testing.T, plot *plot, begun *world, d director) (p *play) {
	synctest.Test(t, func(t *testing.T) { p = perform(t, plot, begun, d) })
	return p
}

func (p *play) report(t *testing.T, which string) {
	t.Helper()
	if len(p.failed) > 0 {
		t.Fatalf("%s:\n%s\nafter\n%s", which, strings.Join(p.failed, "\n"), strings.Join(p.trace, "\n"))
	}
}

// TestEveryInterruption lets processes meet in every order in which somebody is interrupted a few times: wherever it stands, for as
// long as the others take, or for hours in which whoever comes next does all that it has to do. INTERRUPTIONS says how many times,
// and has more plots played.
func TestEveryInterruption(t *testing.T) {
	t.Parallel()
	interruptions, all := 1, false
	if text := os.Getenv("INTERRUPTIONS"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil {
			t.Fatalf("INTERRUPTIONS: %v", err)
		}
		interruptions, all = n, true
	}
	for name, actors := range map[string][]string{
		"a writer of what is garbage": {"writer", "collector"},
		"a tomb that comes late":      {"writer", "collector", "other collector"},
		"a parent that is deleted":    {"child", "deleter", "collector"},
		"compaction":                  {"collector", "reader"},
		"a copy":                      {"copier", "collector"},
		"an index made anew":          {"failing", "indexer"},
	} {
		if !all && name != "a writer of what is garbage" {
			continue
		}
		t.Run(name, func(t *testing.T) {
			few := *plots[name]
			few.actors = slices.DeleteFunc(slices.Clone(few.actors), func(a actor) bool { return !slices.Contains(actors, a.name) })
			begun := few.begin(t)
			s, plays := new(script), 0
			for more := true; more; more = s.again() {
				p := staged(t, &few, begun, &scripted{script: s, left: interruptions})
				p.report(t, fmt.Sprintf("play %d", plays))
				plays++
			}
			t.Logf("%d plays", plays)
		})
	}
}
