package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"iter"
	"path/filepath"
	"slices"
	"sync/atomic"
	"syscall"
	"time"

	"strongroom/archive"
	"strongroom/clock"
)

// A requestCounter counts what is asked of a store, as somebody who pays for requests would: a list is one request for each
// thousand names.
type requestCounter struct {
	archive.Store
	requests atomic.Int64
}

func (c *requestCounter) Create(ctx context.Context, name string, data []byte) error {
	c.requests.Add(1)
	return c.Store.Create(ctx, name, data)
}

func (c *requestCounter) ReadAt(ctx context.Context, name string, p []byte, off int64) (int, error) {
	c.requests.Add(1)
	return c.Store.ReadAt(ctx, name, p, off)
}

func (c *requestCounter) Delete(ctx context.Context, name string) error {
	c.requests.Add(1)
	return c.Store.Delete(ctx, name)
}

func (c *requestCounter) List(ctx context.Context, prefix string) iter.Seq2[archive.ObjectInfo, error] {
	return func(yield func(archive.ObjectInfo, error) bool) {
		n := 0
		for info, err := range c.Store.List(ctx, prefix) {
			if n++; n%1000 == 1 {
				c.requests.Add(1)
			}
			if !yield(info, err) {
				return
			}
		}
		if n == 0 {
			c.requests.Add(1)
		}
	}
}

// A spending is what one step took.
type spending struct {
	wall, cpu time.Duration
	requests  int64
}

// pointVault is a vault that gets more and more recovery points, one an hour by its clock, and is collected every now and then.
type pointVault struct {
	store *requestCounter
	ring  *keyring
	clock *clock.Shifted
	vault *archive.Vault
	d     *archive.Domain
	made  int
}

const (
	pointObjects   = 200 // in each recovery point
	pointsPerRound = 100 // of collection
	pointRepeats   = 7
	pointObject    = 1000 // bytes
	changedObjects = 2
)

func (g *growthRun) archivePoints(ctx context.Context) error {
	if len(g.points) == 0 {
		return nil
	}
	v, err := newPointVault(filepath.Join(g.dir, "points"))
	if err != nil {
		return err
	}
	if err := v.open(ctx); err != nil {
		return err
	}
	steps := []pointStep{
		{"incremental backup", true, v.backup},
		{"the same in a new process", true, func(ctx context.Context) error {
			if err := v.open(ctx); err != nil {
				return err
			}
			return v.backup(ctx)
		}},
		{"restore of one object", true, v.read},
		{"deletion", true, func(ctx context.Context) error {
			return v.vault.Delete(ctx, v.d.Info().ID, v.name(v.made-5))
		}},
		{"collection in full", false, v.collect},
		{"collection after one more backup", false, v.collectNew},
		{"collection of a vault at rest", false, v.collectIdle},
	}
	t := growthTable{
		title:   "the archive, by the number of recovery points in the vault",
		heading: []string{"step", "recovery points", "wall", "CPU", "requests"},
	}
	wall := chart{
		file: "points-archive.svg", title: "One step in a vault of the archive", x: "recovery points in the vault", y: "CPU, milliseconds",
	}
	took := map[string][]spending{}
	for _, count := range g.points {
		g.say("the archive with %d recovery points", count)
		for v.made < count {
			if err := v.backup(ctx); err != nil {
				return err
			}
			if v.made%pointsPerRound == 0 {
				if err := v.collect(ctx); err != nil {
					return err
				}
			}
		}
		for _, step := range steps {
			if err := v.before(ctx, step.name); err != nil {
				return err
			}
			s, err := v.spend(ctx, step)
			if err != nil {
				return fmt.Errorf("%s with %d recovery points: %w", step.name, count, err)
			}
			took[step.name] = append(took[step.name], s)
		}
	}
	for _, step := range steps {
		line := series{name: step.name}
		for i, s := range took[step.name] {
			t.rows = append(t.rows, []string{step.name, fmt.Sprint(g.points[i]), millis(s.wall), millis(s.cpu), fmt.Sprint(s.requests)})
			line.points = append(line.points, [2]float64{float64(g.points[i]), s.cpu.Seconds() * 1000})
		}
		wall.series = append(wall.series, line)
	}
	g.tables, g.charts = append(g.tables, t), append(g.charts, wall)
	return nil
}

// A pointStep is something that is done to a vault, again and again.
type pointStep struct {
	name string
	flat bool // whether it is not to depend on what else is in the vault
	do   func(context.Context) error
}

func newPointVault(dir string) (*pointVault, error) {
	store, err := archive.NewDir(filepath.Join(dir, "vault"))
	if err != nil {
		return nil, err
	}
	key := filepath.Join(dir, "key")
	if err := makeKey(key); err != nil {
		return nil, err
	}
	ring, err := readKey(key)
	if err != nil {
		return nil, err
	}
	return &pointVault{
		store: &requestCounter{Store: store}, ring: ring,
		clock: clock.NewFrozen(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)),
	}, nil
}

// open forgets what the process knows of the vault.
func (v *pointVault) open(ctx context.Context) (err error) {
	v.vault = archive.OpenVault(v.store, vaultID, archive.Options{Clock: v.clock})
	v.d, err = v.vault.Domain(ctx, v.ring.id, v.ring)
	return err
}

func (v *pointVault) name(n int) string { return fmt.Sprintf("point-%d", n) }

// backup writes a recovery point that differs from the last one in a few objects.
func (v *pointVault) backup(ctx context.Context) error {
	o := archive.WriteOptions{Point: v.name(v.made), Kind: archive.Objects}
	step := pointObjects / changedObjects
	if v.made > 0 {
		o.Parent = v.name(v.made - 1)
	} else {
		step = 1
	}
	w, err := v.d.NewWriter(ctx, o)
	if err != nil {
		return err
	}
	defer w.Abort() //nolint:errcheck // it does nothing after Commit
	for i := v.made % step; i < pointObjects; i += step {
		content := syntheticContent(i, v.made, pointObject)
		if err := w.Put(ctx, fmt.Appendf(nil, "object-%06d", i), nil, bytes.NewReader(content), pointObject); err != nil {
			return err
		}
	}
	if _, err := w.Commit(ctx); err != nil {
		return err
	}
	v.made++
	v.clock.Advance(time.Hour)
	return nil
}

func (v *pointVault) read(ctx context.Context) error {
	p, err := v.d.Open(ctx, v.name(v.made-1))
	if err != nil {
		return err
	}
	e, err := p.Entry(ctx, fmt.Appendf(nil, "object-%06d", v.made%pointObjects))
	if err != nil {
		return err
	}
	r := e.Open(ctx)
	defer r.Close() //nolint:errcheck // it was only read
	var content bytes.Buffer
	_, err = r.WriteTo(&content)
	return err
}

// collect collects and reads everything.
func (v *pointVault) collect(ctx context.Context) error {
	_, err := v.collectWith(ctx, archive.CollectOptions{Thorough: true})
	return err
}

func (v *pointVault) collectWith(ctx context.Context, opts archive.CollectOptions) (archive.Collected, error) {
	rings := func(context.Context, archive.DomainInfo) (archive.Keyring, error) { return v.ring, nil }
	done, err := v.vault.Collect(ctx, rings, opts)
	if err == nil && len(done.Skipped) > 0 {
		err = done.Skipped[0].Err
	}
	return done, err
}

// collectNew collects what has come since the vault was at rest.
func (v *pointVault) collectNew(ctx context.Context) error {
	done, err := v.collectWith(ctx, archive.CollectOptions{})
	if err == nil && done.Traced+done.Idle > 0 {
		err = fmt.Errorf("the collection was to follow what is new: %+v", done)
	}
	return err
}

// collectIdle collects a vault that is at rest.
func (v *pointVault) collectIdle(ctx context.Context) error {
	done, err := v.collectWith(ctx, archive.CollectOptions{})
	if err == nil && done.Idle == 0 {
		err = fmt.Errorf("the vault was to be at rest: %+v", done)
	}
	return err
}

// settle lets time pass and collects until there is nothing left to do.
func (v *pointVault) settle(ctx context.Context) error {
	for range 12 {
		v.clock.Advance(2 * time.Hour)
		if done, err := v.collectWith(ctx, archive.CollectOptions{}); err != nil || done.Idle > 0 {
			return err
		}
	}
	return errors.New("there is always something to collect")
}

// before brings the vault to where a step begins.
func (v *pointVault) before(ctx context.Context, step string) error {
	switch step {
	case "collection after one more backup":
		if err := v.settle(ctx); err != nil {
			return err
		}
		return v.backup(ctx)
	case "collection of a vault at rest":
		return v.settle(ctx)
	}
	return nil
}

// spend does a step a few times, and gives the median of what it took.
func (v *pointVault) spend(ctx context.Context, step pointStep) (spending, error) {
	repeats := pointRepeats
	if !step.flat {
		repeats = 1
	}
	var all []spending
	for range repeats {
		requests, cpu, begin := v.store.requests.Load(), ownCPU(), clock.Wall.Now()
		if err := step.do(ctx); err != nil {
			return spending{}, err
		}
		all = append(all, spending{clock.Wall.Now().Sub(begin), ownCPU() - cpu, v.store.requests.Load() - requests})
		if step.name == "deletion" { // each another one
			if err := v.backup(ctx); err != nil {
				return spending{}, err
			}
		}
	}
	slices.SortFunc(all, func(a, b spending) int { return int(a.cpu - b.cpu) })
	return all[len(all)/2], nil
}

// ownCPU is what this process has used so far.
func ownCPU() time.Duration {
	var r syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &r); err != nil {
		return 0
	}
	return time.Duration(r.Utime.Nano() + r.Stime.Nano())
}

// syntheticContent is what an object has after some round: bytes of no meaning, half of which compress.
func syntheticContent(object, round, size int) []byte {
	p := make([]byte, size)
	x := uint64(object)<<32 ^ uint64(round)*0x9e3779b97f4a7c15 ^ 0x2545f4914f6cdd1d
	for i := range size / 2 {
		x ^= x << 13
		x ^= x >> 7
		x ^= x << 17
		p[i] = byte(x)
	}
	return p
}
