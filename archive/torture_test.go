package archive_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"strongroom/archive"
	"strongroom/archive/archivetest"
	"strongroom/clock"
)

// TestTorture drives vaults through random histories of backups, copies, deletions, collections and verifications, several at
// once, in processes whose clocks disagree and whose stores fail or stop at any operation, with keys that change, and holds them
// to a model that knows what each recovery point must give back. Each vault is open in two processes, which live for some rounds and
// go by what they remember.
//
// TORTURE says for how long (2s if it is not set), TORTURE_SEED repeats the one history of a seed. What runs at once meets in
// another order each time, so that a history may need repeating.
func TestTorture(t *testing.T) {
	t.Parallel()
	long := 2 * time.Second
	if text := os.Getenv("TORTURE"); text != "" {
		var err error
		if long, err = time.ParseDuration(text); err != nil {
			t.Fatalf("TORTURE: %v", err)
		}
	}
	if text := os.Getenv("TORTURE_SEED"); text != "" {
		seed, err := strconv.ParseUint(text, 10, 64)
		if err != nil {
			t.Fatalf("TORTURE_SEED: %v", err)
		}
		tortureOnce(t, seed, map[string]int{})
		return
	}
	begin := clock.Wall.Now()
	done := map[string]int{}
	first := uint64(begin.UnixNano())
	for n := uint64(0); clock.Wall.Now().Sub(begin) < long; n++ {
		tortureOnce(t, first+n, done)
		if t.Failed() {
			t.Fatalf("the history of TORTURE_SEED=%d", first+n)
		}
	}
	t.Logf("from seed %d on: %v", first, done)
	if text := os.Getenv("TORTURE"); text != "" && (done["backup"] == 0 || done["copy"] == 0 || done["fault"] == 0) {
		t.Errorf("only %v was done", done)
	}
}

// A victim is a few vaults under torture.
type victim struct {
	t      *testing.T
	random *rand.Rand
	now    time.Time
	places []*place
	keys   int            // how many keys objects have
	done   map[string]int // what was done, by what it was
	made   int
}

// A place is a vault, its keys, and what the model says of it.
type place struct {
	name   string
	store  *archive.Mem
	faulty *archivetest.Faulty
	rings  map[string]*archivetest.Keyring // by key id
	key    string                          // what is written into the vault now is under this key
	points map[string]*held
	open   [2]*process

	remembered atomic.Int64 // collections that went by what they remembered
}

// A process has a vault open.
type process struct {
	vault *archive.Vault
	clock *clock.Shifted
}

// held is what a recovery point gives back.
type held struct {
	kind    archive.Kind
	key     string            // the id of its KMS key
	objects map[string]string // by key
	volume  []byte
}

const (
	tortureBlock  = 4 << 10
	tortureMargin = time.Hour
)

func tortureOnce(t *testing.T, seed uint64, done map[string]int) {
	v := &victim{t: t, random: rand.New(rand.NewPCG(seed, 1)), now: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), done: done}
	v.keys = []int{30, 300, 2000}[v.random.IntN(3)]
	for i := range 2 {
		p := &place{name: fmt.Sprint("vault-", i), store: new(archive.Mem), rings: map[string]*archivetest.Keyring{}, points: map[string]*held{}}
		p.faulty = archivetest.NewFaulty(p.store)
		v.rotate(p)
		v.places = append(v.places, p)
	}
	for range 6 + v.random.IntN(20) {
		v.round()
		if t.Failed() {
			return
		}
	}
	v.end()
	for _, p := range v.places {
		done["collection from memory"] += int(p.remembered.Load())
	}
	done["history"]++
}

// rotate gives a vault another key for what comes.
func (v *victim) rotate(p *place) {
	p.key = fmt.Sprint("key-", len(p.rings))
	p.rings[p.key] = archivetest.NewKeyring()
}

func (p *place) ring(_ context.Context, info archive.DomainInfo) (archive.Keyring, error) {
	return p.rings[info.KeyID], nil
}

// live lets time pass for the processes of a vault, and begins some of them anew.
func (v *victim) live(p *place, passed time.Duration) {
	for i, x := range p.open {
		if x != nil && v.random.IntN(5) > 0 {
			x.clock.Advance(passed)
			continue
		}
		skew := time.Duration(v.random.Int64N(int64(40*time.Minute))) - 20*time.Minute
		x = &process{clock: clock.NewFrozen(v.now.Add(skew))}
		x.vault = archive.OpenVault(p.faulty, p.name, archive.Options{
			Clock: x.clock, PackSize: 8 << 10 << v.random.IntN(4), Workers: 1 + v.random.IntN(3), Lease: 2 * time.Hour,
		})
		archive.SetMaxRefs(x.vault, 2+v.random.IntN(3))
		archive.SetSpans(x.vault, 1+v.random.IntN(50))
		if v.random.IntN(3) > 0 {
			archive.SetFreeReads(x.vault, -v.random.IntN(30_000)) // it goes by what it remembers for up to four hours
		}
		p.open[i] = x
	}
}

// lose loses an index object, and has the index made anew, perhaps after a collection. No writer may be at work, alive or dead.
func (v *victim) lose(p *place) {
	ctx, vault := v.t.Context(), v.vault(p)
	leases, err := archivetest.Names(ctx, p.store, "leases/")
	if err != nil {
		v.t.Fatal(err)
	}
	indexes, err := archivetest.Names(ctx, p.store, "index/")
	if err != nil {
		v.t.Fatal(err)
	}
	if len(leases) > 0 || len(indexes) == 0 {
		return
	}
	v.done["loss"]++
	err = p.store.Delete(ctx, indexes[v.random.IntN(len(indexes))])
	if err == nil && v.random.IntN(2) == 0 {
		err = v.collect(p).do(ctx)
	}
	domains, listed := vault.Domains(ctx)
	err = errors.Join(err, listed)
	for _, info := range domains {
		domain, opened := vault.OpenDomain(ctx, info.KeyID, p.rings[info.KeyID])
		if err = errors.Join(err, opened); opened == nil {
			err = errors.Join(err, domain.Reindex(ctx))
		}
	}
	if err != nil {
		v.t.Errorf("making the index of %s anew: %v", p.name, err)
	}
	v.look(p)
}

// vault is a place as one of its processes has it open.
func (v *victim) vault(p *place) *archive.Vault { return p.open[v.random.IntN(len(p.open))].vault }

// A deed is something done to a vault, and what the model takes of it when it succeeded.
type deed struct {
	what   string
	do     func(ctx context.Context) error
	place  *place
	point  string // that it makes or deletes
	makes  *held
	source string // the recovery points that it needs, which another deed may be deleting: its vault, "/" and its name
	parent string
}

// round starts processes anew, does a few things at once, perhaps with a fault, and compares what is there with the model.
func (v *victim) round() {
	passed := time.Duration(v.random.Int64N(int64(3 * time.Hour)))
	v.now = v.now.Add(passed)
	for _, p := range v.places {
		v.live(p, passed)
		if v.random.IntN(20) == 0 {
			v.rotate(p)
		}
	}
	if v.random.IntN(8) == 0 {
		v.lose(v.places[v.random.IntN(len(v.places))])
	}
	var deeds []*deed
	for range 1 + v.random.IntN(3) {
		if d := v.choose(); d != nil {
			deeds = append(deeds, d)
		}
	}
	if v.random.IntN(3) == 0 {
		deeds = append(deeds, v.collect(v.places[v.random.IntN(len(v.places))]))
	}
	struck := v.random.IntN(3) == 0
	var fault archivetest.Fault
	if struck {
		fault = archivetest.Faults[v.random.IntN(len(archivetest.Faults))]
		p := v.places[v.random.IntN(len(v.places))]
		p.faulty.Strike(v.random.IntN(1+v.random.IntN(60)), fault, v.random.IntN(2) == 0)
		v.done["fault"]++
	}
	errs := make([]error, len(deeds))
	var group sync.WaitGroup
	for i, d := range deeds {
		group.Go(func() { errs[i] = d.do(v.t.Context()) })
	}
	group.Wait()
	for _, p := range v.places {
		p.faulty.Mend()
		if err := p.faulty.Arrive(); err != nil && !errors.Is(err, archive.ErrExist) {
			v.t.Errorf("what came late: %v", err)
		}
	}
	v.judge(deeds, errs, struck, fault)
	if v.random.IntN(4) == 0 {
		v.look(v.places[v.random.IntN(len(v.places))])
	}
}

func (v *victim) choose() *deed {
	p := v.places[v.random.IntN(len(v.places))]
	switch v.random.IntN(10) {
	case 0, 1, 2, 3:
		return v.backup(p)
	case 4, 5, 6:
		return v.copyFrom(p)
	case 7:
		return v.remove(p)
	case 8:
		return v.collect(p)
	}
	vault := v.vault(p)
	return &deed{what: "verification", place: p, do: func(ctx context.Context) error {
		report, err := vault.Verify(ctx, p.ring, archive.VerifyOptions{})
		switch {
		case err != nil:
			return err
		case len(report.Damage) > 0:
			return fmt.Errorf("%w: %+v", errUnsound, report.Damage)
		case len(report.Skipped) > 0:
			return report.Skipped[0].Err // as of the store
		}
		return nil
	}}
}

func (v *victim) collect(p *place) *deed {
	vault, thorough := v.vault(p), v.random.IntN(8) == 0
	return &deed{what: "collection", place: p, do: func(ctx context.Context) error {
		done, err := vault.Collect(ctx, p.ring, archive.CollectOptions{Margin: tortureMargin, MergeAbove: 2, Thorough: thorough})
		if err == nil && done.Traced == 0 {
			p.remembered.Add(1)
		}
		return err
	}}
}

var errUnsound = errors.New("the vault is not sound")

// pick gives one of the recovery points that fit, or nothing.
func (v *victim) pick(p *place, fits func(*held) bool) string {
	var names []string
	for _, name := range slices.Sorted(maps.Keys(p.points)) {
		if fits(p.points[name]) {
			names = append(names, name)
		}
	}
	if len(names) == 0 {
		return ""
	}
	return names[v.random.IntN(len(names))]
}

func (v *victim) name(what string) string {
	v.made++
	return fmt.Sprint(what, "-", v.made)
}

// backup changes what an older recovery point holds, or nothing, in some places.
func (v *victim) backup(p *place) *deed {
	kind := archive.Objects
	if v.random.IntN(4) == 0 {
		kind = archive.Volume
	}
	next := &held{kind: kind, key: p.key, objects: map[string]string{}}
	d := &deed{what: "backup", place: p, point: v.name("backup"), makes: next}
	if v.random.IntN(5) > 0 {
		d.parent = v.pick(p, func(h *held) bool { return h.kind == kind && h.key == p.key })
	}
	if older := p.points[d.parent]; older != nil {
		maps.Copy(next.objects, older.objects)
		next.volume = bytes.Clone(older.volume)
	}
	if kind == archive.Volume {
		d.do = v.backupVolume(p, d, next)
		return d
	}
	changes := map[string][]byte{}
	for range v.random.IntN(1 + v.random.IntN(v.keys)) {
		key := fmt.Sprintf("%05d", v.random.IntN(v.keys))
		if v.random.IntN(4) == 0 {
			changes[key] = nil
			delete(next.objects, key)
			continue
		}
		changes[key] = v.content()
		next.objects[key] = string(changes[key])
	}
	vault, put := v.vault(p), putAll
	if v.random.IntN(2) == 0 {
		put = putAllFrom
	}
	d.do = func(ctx context.Context) error {
		domain, err := vault.Domain(ctx, next.key, p.rings[next.key])
		if err != nil {
			return err
		}
		w, err := domain.NewWriter(ctx, archive.WriteOptions{Point: d.point, Parent: d.parent, Kind: archive.Objects})
		if err != nil {
			return err
		}
		defer w.Abort()
		if err := put(ctx, w, changes); err != nil {
			return err
		}
		_, err = w.Commit(ctx)
		return err
	}
	return d
}

// putAllFrom is putAll by PutFrom.
func putAllFrom(ctx context.Context, w *archive.Writer, objects map[string][]byte) error {
	all := new(sources)
	for _, key := range slices.Sorted(maps.Keys(objects)) {
		data, err := objects[key], error(nil)
		if data == nil {
			err = w.Remove(ctx, []byte(key))
		} else {
			err = w.PutFrom(ctx, []byte(key), []byte("about "+key), int64(len(data)), all.open(data, nil))
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// content is of one of few kinds, so that much of it is there already.
func (v *victim) content() []byte {
	seed, size := v.random.Uint64N(50), v.random.IntN(1+v.random.IntN(3000))
	if size == 0 {
		return []byte{} // not nil, which removes
	}
	if v.random.IntN(300) == 0 {
		size = 600<<10 + v.random.IntN(1<<20) // more than one chunk
	}
	if v.random.IntN(2) == 0 {
		return text(seed, size)
	}
	return random(seed, size)
}

func (v *victim) backupVolume(p *place, d *deed, next *held) func(context.Context) error {
	size := max(len(next.volume), (1+v.random.IntN(40))*tortureBlock-v.random.IntN(2)*1000)
	if short := len(next.volume) % tortureBlock; short > 0 && size > len(next.volume) {
		size = len(next.volume) // the last block is short: growing would be a change to it
	}
	next.volume = append(next.volume, make([]byte, size-len(next.volume))...)
	blocks := map[uint64][]byte{}
	for range v.random.IntN(12) {
		number := v.random.IntN((size + tortureBlock - 1) / tortureBlock)
		at := next.volume[number*tortureBlock : min((number+1)*tortureBlock, size)]
		clear(at)
		if v.random.IntN(4) > 0 {
			copy(at, random(v.random.Uint64N(30), tortureBlock))
		}
		blocks[uint64(number)] = bytes.Clone(at)
	}
	vault, whole := v.vault(p), v.random.IntN(3) == 0
	return func(ctx context.Context) error {
		domain, err := vault.Domain(ctx, next.key, p.rings[next.key])
		if err != nil {
			return err
		}
		w, err := domain.NewWriter(ctx, archive.WriteOptions{
			Point: d.point, Parent: d.parent, Kind: archive.Volume, BlockSize: tortureBlock, Size: int64(size),
		})
		if err != nil {
			return err
		}
		defer w.Abort()
		if whole {
			if err := w.CompareRangeFrom(ctx, 0, int64(size), bytes.NewReader(next.volume)); err != nil {
				return err
			}
			clear(blocks)
		}
		for _, number := range slices.Sorted(maps.Keys(blocks)) {
			if err := w.PutBlock(ctx, number, blocks[number]); err != nil {
				return err
			}
		}
		_, err = w.Commit(ctx)
		return err
	}
}

// copyFrom copies a recovery point into another vault, or to another key of the same.
func (v *victim) copyFrom(p *place) *deed {
	name := v.pick(p, func(*held) bool { return true })
	if name == "" {
		return nil
	}
	to, from := v.places[v.random.IntN(len(v.places))], p.points[name]
	made := *from
	made.key = to.key
	d := &deed{what: "copy", place: to, point: v.name("copy"), makes: &made, source: p.name + "/" + name}
	if v.random.IntN(4) > 0 {
		d.parent = v.pick(to, func(h *held) bool { return h.kind == from.kind && h.key == to.key })
	}
	source, into := v.vault(p), v.vault(to)
	d.do = func(ctx context.Context) error {
		source, err := source.OpenDomain(ctx, from.key, p.rings[from.key])
		if err != nil {
			return err
		}
		point, err := source.Open(ctx, name)
		if err != nil {
			return err
		}
		domain, err := into.Domain(ctx, made.key, to.rings[made.key])
		if err != nil {
			return err
		}
		_, err = archive.Copy(ctx, domain, point, archive.CopyOptions{Point: d.point, Parent: d.parent})
		return err
	}
	return d
}

func (v *victim) remove(p *place) *deed {
	name := v.pick(p, func(*held) bool { return len(p.points) > 3 })
	if name == "" {
		return nil
	}
	key, vault := p.points[name].key, v.vault(p)
	return &deed{what: "deletion", place: p, point: name, do: func(ctx context.Context) error {
		domain, err := vault.OpenDomain(ctx, key, p.rings[key])
		if err != nil {
			return err
		}
		return vault.Delete(ctx, domain.Info().ID, name)
	}}
}

// judge takes what was done into the model. What succeeded is there; what failed had a reason, and is there whole or is not.
func (v *victim) judge(deeds []*deed, errs []error, struck bool, fault archivetest.Fault) {
	leaving, collecting := map[string]bool{}, map[string]bool{}
	for _, d := range deeds {
		collecting[d.place.name] = collecting[d.place.name] || d.what == "collection"
		if d.makes == nil && d.point != "" {
			leaving[d.place.name+"/"+d.point] = true
		}
	}
	for i, d := range deeds {
		v.done[d.what]++
		raced := leaving[d.source] || leaving[d.place.name+"/"+d.parent] || leaving[d.place.name+"/"+d.point] && d.makes == nil ||
			collecting[d.place.name] && errors.Is(errs[i], archive.ErrOvertaken) // a tomb by a clock that goes behind
		if errs[i] != nil && (!struck && !raced || errors.Is(errs[i], errUnsound) || errors.Is(errs[i], archive.ErrDamaged)) {
			v.t.Errorf("%s of %s (parent %s, from %s) in %s, fault %v %t: %v", d.what, d.point, d.parent, d.source, d.place.name, fault, struck, errs[i])
		}
		if d.point == "" {
			continue
		}
		there := v.there(d.place, d.point)
		switch {
		case d.makes != nil && errs[i] == nil && !there:
			v.t.Errorf("%s %s of %s was acknowledged and is not there", d.what, d.point, d.place.name)
		case d.makes != nil && there:
			d.place.points[d.point] = d.makes
			if errs[i] != nil || v.random.IntN(4) == 0 {
				v.compare(d.place, d.point)
			}
		case d.makes == nil && errs[i] == nil && there:
			v.t.Errorf("%s of %s was deleted and is there", d.point, d.place.name)
		case d.makes == nil && !there:
			delete(d.place.points, d.point)
		}
	}
}
