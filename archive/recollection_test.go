package archive_test

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strconv"
	"testing"
	"time"

	"strongroom/archive"
	"strongroom/archive/archivetest"
)

// chain is a vault that gets one recovery point after another.
type chain struct {
	*world
	requests *counter
	d        *archive.Domain
	made     int
	want     map[string][]byte // of the last
}

func newChain(t *testing.T, objects int) *chain {
	store := &counter{Store: &archive.Mem{}}
	c := &chain{world: newWorld(store), requests: store, want: map[string][]byte{}}
	for i := range objects {
		c.want[fmt.Sprintf("%03d", i)] = random(uint64(i), 300)
	}
	c.d = openDomain(t, c.vault, c.ring)
	write(t, c.d, "0", "", c.want)
	c.made = 1
	return c
}

// grow backs up until there are so many recovery points.
func (c *chain) grow(t *testing.T, points int) {
	t.Helper()
	for ; c.made < points; c.made++ {
		key := fmt.Sprintf("%03d", c.made%len(c.want))
		c.want[key] = random(uint64(1000+c.made), 300)
		write(t, c.d, strconv.Itoa(c.made), strconv.Itoa(c.made-1), map[string][]byte{key: c.want[key]})
	}
}

func (c *chain) remove(t *testing.T, point int) {
	t.Helper()
	if err := c.vault.Delete(t.Context(), c.d.Info().ID, strconv.Itoa(point)); err != nil {
		t.Fatal(err)
	}
}

// after lets time pass, collects, and says what that did and how many requests it took.
func (c *chain) after(t *testing.T, d time.Duration, opts archive.CollectOptions) (done archive.Collected, requests int64) {
	t.Helper()
	c.clock.Advance(d)
	from := c.requests.requests.Load()
	done, err := c.vault.Collect(t.Context(), rings(c.ring), opts)
	if err != nil || len(done.Skipped) > 0 {
		t.Fatalf("collecting: %v, %+v", err, done.Skipped)
	}
	return done, c.requests.requests.Load() - from
}

// rested collects until nothing is left to do.
func (c *chain) rested(t *testing.T) {
	t.Helper()
	for range 12 {
		if done, _ := c.after(t, 2*time.Hour, archive.CollectOptions{}); done.Idle > 0 {
			return
		}
	}
	t.Fatalf("there is always something to collect: %q", slices.Concat(c.names(t, "trash/"), c.names(t, "tombs/"), c.names(t, "leases/"), c.names(t, "index/")))
}

// A collection of a vault in which nothing happens asks for the same few things with few recovery points and with many, and for
// no key; and whatever happens ends that.
func TestIdleCollection(t *testing.T) {
	t.Parallel()
	c := newChain(t, 50)
	idle := map[int]int64{}
	for _, points := range []int{10, 1000} {
		c.grow(t, points)
		c.rested(t)
		c.ring.Disable(true)
		done, requests := c.after(t, time.Hour, archive.CollectOptions{})
		c.ring.Disable(false)
		if idle[points] = requests; done.Idle != 1 || done.Traced != 0 {
			t.Errorf("with %d recovery points: %+v", points, done)
		}
	}
	if idle[10] != idle[1000] || idle[10] > 8 {
		t.Errorf("a collection of a vault at rest asks %d times with 10 recovery points and %d with 1000", idle[10], idle[1000])
	}
	t.Logf("%d requests", idle[10])
	pack := c.names(t, "packs/")[0]
	for name, happen := range map[string]func(){
		"a recovery point with something new": func() { c.grow(t, c.made+1) },
		"a deletion":                          func() { c.remove(t, c.made-3) },
		"a pack of a writer that has died": func() {
			if err := c.store.Create(t.Context(), pack[:len(pack)-32]+"00000000000100000000000000000000", []byte("half")); err != nil {
				t.Fatal(err)
			}
		},
		"a lease": func() {
			wr := c.begin(t, "never", "", nil)
			if _, _ = c.after(t, 0, archive.CollectOptions{}); wr.Abort() != nil {
				t.Fatal("aborting")
			}
		},
		"a collection of another process": func() {
			other := archive.OpenVault(c.store, "vault", archive.Options{Clock: c.clock, PackSize: c.pack})
			if done := collectBy(t.Context(), t, other, c.ring, archive.CollectOptions{Repack: 2}); done.Repacked == 0 {
				t.Fatal("it does nothing")
			}
		},
		"a day":           func() { c.clock.Advance(24 * time.Hour) },
		"other options":   nil,
		"a demand for it": nil,
	} {
		c.rested(t)
		var opts archive.CollectOptions
		switch {
		case happen != nil:
			happen()
		case name == "other options":
			opts.MergeAbove = 5
		default:
			opts.Thorough = true
		}
		if done, _ := c.after(t, time.Minute, opts); done.Idle > 0 {
			t.Errorf("after %s the vault counts as idle", name)
		}
	}
	c.rested(t)
	if left := slices.Concat(c.names(t, "trash/"), c.names(t, "tombs/")); len(left) > 0 || slices.Contains(c.names(t, "packs/"), pack[:len(pack)-32]+"00000000000100000000000000000000") {
		t.Errorf("left over: %q", left)
	}
	verifyClean(t, c.vault, c.ring)
}

// A collection after one more recovery point, or after a few have gone, reads what is new, however many there are. What goes is removed when
// it is worth it, when it has lain for a while, or when somebody asks for it.
func TestCollectionFollowsWhatIsNew(t *testing.T) {
	t.Parallel()
	c := newChain(t, 100)
	archive.SetFreeReads(c.vault, -1_000_000) // it rests for as long as it may
	asked := map[int]int64{}
	for _, points := range []int{100, 600} {
		c.grow(t, points)
		c.after(t, 2*time.Hour, archive.CollectOptions{Thorough: true, Repack: -1})
		c.after(t, 0, archive.CollectOptions{Repack: -1})
		c.grow(t, points+1)
		done, requests := c.after(t, time.Minute, archive.CollectOptions{Repack: -1})
		if asked[points] = requests; done.Traced > 0 {
			t.Errorf("one more than %d recovery points: %+v", points, done)
		}
	}
	if asked[600] > asked[100]+10 {
		t.Errorf("a collection after one more recovery point asks %d times with 100 and %d with 600", asked[100], asked[600])
	}
	t.Logf("%v requests", asked)
	keep := archive.CollectOptions{Repack: -1}
	c.after(t, time.Minute, archive.CollectOptions{Thorough: true, Repack: -1})
	c.remove(t, 300)
	if done, _ := c.after(t, 90*time.Minute, keep); done.Traced > 0 {
		t.Error("one recovery point of 600 has gone, and all others were read at once")
	}
	before := len(c.names(t, "packs/"))
	if done, _ := c.after(t, 12*time.Hour, keep); done.Traced == 0 || done.Marked == 0 {
		t.Errorf("half a day after a recovery point has gone: %+v", done)
	}
	if done, _ := c.after(t, 90*time.Minute, keep); done.Removed > 0 || done.Traced > 0 {
		t.Errorf("a pack was removed, or much was read, too soon: %+v", done)
	}
	done, _ := c.after(t, time.Minute, archive.CollectOptions{Thorough: true, Repack: -1})
	if after := len(c.names(t, "packs/")); done.Removed == 0 || before != after+done.Removed {
		t.Errorf("of %d packs %d are left, when somebody wants the room: %+v", before, after, done)
	}
	for n := range 590 {
		if n != 300 {
			c.remove(t, n)
		}
	}
	c.after(t, time.Minute, keep) // they are in the trash
	if done, _ := c.after(t, 90*time.Minute, keep); done.Traced == 0 {
		t.Errorf("nearly everything has gone, and that was not worth reading the rest: %+v", done)
	}
	check(t, c.d, "600", c.want)
	verifyClean(t, c.vault, c.ring)
}

// A recovery point is followed by another of its name and length. The process believes to know it, and loses nothing.
func TestCollectionMistakesARecoveryPoint(t *testing.T) {
	t.Parallel()
	c := newChain(t, 20)
	archive.SetFreeReads(c.vault, -1_000_000) // it rests for as long as it may
	c.rested(t)
	old := c.want["003"]
	write(t, c.d, "p", "0", map[string][]byte{"003": random(90, 300)})
	c.after(t, 0, archive.CollectOptions{})
	if err := c.store.Delete(t.Context(), "points/"+c.d.Info().ID+"/p"); err != nil { // as a writer that finds its lease lost
		t.Fatal(err)
	}
	other := archive.OpenVault(c.store, "vault", archive.Options{Clock: c.clock, PackSize: c.pack})
	c.want["003"] = random(91, 300)
	write(t, openDomain(t, other, c.ring), "p", "0", map[string][]byte{"003": c.want["003"]})
	marked := 0
	for range 30 {
		done, _ := c.after(t, 90*time.Minute, archive.CollectOptions{})
		marked += done.Marked
		check(t, openDomain(t, other, c.ring), "p", c.want)
	}
	if marked == 0 {
		t.Error("the process did not go by what it remembered: the test tests nothing")
	}
	c.want["003"] = old
	check(t, c.d, "0", c.want)
	verifyClean(t, c.vault, c.ring)
}

// What a collection remembers to be needed, and another process has found to be garbage, keeps its tomb: without it a writer might
// count on the pack, which the other is about to remove.
func TestCollectionTakesNoTombFromMemory(t *testing.T) {
	t.Parallel()
	c := newChain(t, 20)
	archive.SetFreeReads(c.vault, -1_000_000)
	content := random(77, 300<<10)
	write(t, c.d, "big", "", map[string][]byte{"a": content})
	for i := range 40 { // so that it is not worth reading everything
		write(t, c.d, fmt.Sprint("more", i), "", map[string][]byte{"a": random(uint64(500+i), 100<<10)})
	}
	c.after(t, 2*time.Hour, archive.CollectOptions{})
	if err := c.vault.Delete(t.Context(), c.d.Info().ID, "big"); err != nil {
		t.Fatal(err)
	}
	other := archive.OpenVault(c.store, "vault", archive.Options{Clock: c.clock, PackSize: c.pack})
	c.clock.Advance(2 * time.Hour)
	if _, err := other.Collect(t.Context(), rings(c.ring), archive.CollectOptions{Repack: -1}); err != nil {
		t.Fatal(err)
	}
	tombs := c.names(t, "tombs/")
	if len(tombs) == 0 {
		t.Fatal("the other process gave no tomb")
	}
	c.after(t, time.Minute, archive.CollectOptions{})
	if left := c.names(t, "tombs/"); !slices.Equal(left, tombs) {
		t.Errorf("of the tombs %q are left %q", tombs, left)
	}
}

// Processes with one store write, delete and collect in any order, and each remembers what it knows. Nothing is lost, and in the end
// nothing is left over.
func TestCollectionsThatRemember(t *testing.T) {
	t.Parallel()
	for seed := range uint64(12) {
		rememberingHistory(t, rand.New(rand.NewPCG(seed, 7)), seed)
	}
}

func rememberingHistory(t *testing.T, r *rand.Rand, seed uint64) {
	w := newWorld(new(archive.Mem))
	var vaults []*archive.Vault
	for range 2 {
		v := archive.OpenVault(w.store, "vault", archive.Options{Clock: w.clock, PackSize: 8 << 10, Workers: 1})
		archive.SetFreeReads(v, r.IntN(3)*1000-1000)
		vaults = append(vaults, v)
	}
	points, done := map[string]map[string][]byte{}, archive.Collected{}
	for step := range 150 {
		v := vaults[r.IntN(2)]
		d := openDomain(t, v, w.ring)
		names := slices.Sorted(maps.Keys(points))
		switch n := r.IntN(10); {
		case n < 5:
			name, parent := fmt.Sprint(step), ""
			want, changes := map[string][]byte{}, map[string][]byte{}
			if len(names) > 0 && r.IntN(4) > 0 {
				parent = names[r.IntN(len(names))]
				maps.Copy(want, points[parent])
			}
			for range 1 + r.IntN(12) {
				changes[fmt.Sprintf("%02d", r.IntN(40))] = random(r.Uint64N(100), 700)
			}
			maps.Copy(want, changes)
			write(t, d, name, parent, changes)
			points[name] = want
		case n < 7 && len(names) > 2:
			name := names[r.IntN(len(names))]
			if err := v.Delete(t.Context(), d.Info().ID, name); err != nil {
				t.Fatal(err)
			}
			delete(points, name)
		default:
			w.clock.Advance(time.Duration(r.Int64N(int64(2 * time.Hour))))
			c := collectBy(t.Context(), t, v, w.ring, archive.CollectOptions{MergeAbove: 3})
			done.Traced, done.Idle, done.Removed = done.Traced+c.Traced, done.Idle+c.Idle, done.Removed+c.Removed
		}
		if step%30 == 29 {
			for name, want := range points {
				check(t, openDomain(t, vaults[r.IntN(2)], w.ring), name, want)
			}
			verifyClean(t, vaults[r.IntN(2)], w.ring)
		}
		if t.Failed() {
			t.Fatalf("seed %d, step %d", seed, step)
		}
	}
	for name := range points {
		if err := vaults[0].Delete(t.Context(), openDomain(t, vaults[0], w.ring).Info().ID, name); err != nil {
			t.Fatal(err)
		}
	}
	for n := range 16 {
		w.clock.Advance(13 * time.Hour)
		collectBy(t.Context(), t, vaults[n%2], w.ring, archive.CollectOptions{})
	}
	for _, prefix := range []string{"packs/", "index/", "points/", "trash/", "tombs/", "leases/"} {
		if left := w.names(t, prefix); len(left) > 0 {
			t.Errorf("seed %d: left over: %q", seed, left)
		}
	}
}

func collectBy(ctx context.Context, t *testing.T, v *archive.Vault, ring *archivetest.Keyring, opts archive.CollectOptions) archive.Collected {
	t.Helper()
	done, err := v.Collect(ctx, rings(ring), opts)
	if err != nil || len(done.Skipped) > 0 {
		t.Fatalf("collecting: %v, %+v", err, done.Skipped)
	}
	return done
}
