package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"path/filepath"

	"strongroom/archive"
)

// manySize is the size of each of very many objects, in bytes.
const manySize = 64

// manySteps are measured in this order, each in a process of its own.
var manySteps = []string{"first backup", "unchanged backup", "backup, 1 % changed", "restore", "copy to another key", "verify"}

func (g *growthRun) archiveObjects(ctx context.Context) error {
	if len(g.objects) == 0 {
		return nil
	}
	t := growthTable{
		title:   fmt.Sprintf("the archive, by the number of objects of %d bytes", manySize),
		heading: []string{"step", "objects", "wall", "CPU", "CPU per object", "peak memory", "added"},
	}
	cpu := chart{file: "objects-cpu.svg", title: "Going through all objects", x: "objects in the recovery point", y: "CPU, seconds"}
	memory := chart{file: "objects-memory.svg", title: "Peak memory of the process", x: "objects in the recovery point", y: "MiB"}
	took := map[string][]measurement{}
	for _, count := range g.objects {
		g.say("the archive with %d objects", count)
		site := filepath.Join(g.dir, fmt.Sprintf("objects-%d", count))
		for _, dir := range []string{"vault", "copy"} {
			if err := os.MkdirAll(filepath.Join(site, dir), 0o755); err != nil {
				return err
			}
		}
		for _, key := range []string{"key", "copy-key"} {
			if err := makeKey(filepath.Join(site, key)); err != nil {
				return err
			}
		}
		for _, step := range manySteps {
			m, err := g.manyStep(ctx, site, step, count)
			if err != nil {
				return err
			}
			g.say("%s of %d objects: %s of CPU, %s at most", step, count, seconds(m.CPU), size(m.Peak))
			took[step] = append(took[step], m)
		}
		if err := os.RemoveAll(site); err != nil {
			return err
		}
	}
	for _, step := range manySteps {
		used, peak := series{name: step}, series{name: step}
		for i, m := range took[step] {
			n := float64(g.objects[i])
			t.rows = append(t.rows, []string{
				step, fmt.Sprint(g.objects[i]), seconds(m.Wall), seconds(m.CPU), fmt.Sprintf("%.1f µs", m.CPU.Seconds()*1e6/n), size(m.Peak), size(m.Added),
			})
			used.points = append(used.points, [2]float64{n, max(m.CPU.Seconds(), 0.001)})
			peak.points = append(peak.points, [2]float64{n, float64(m.Peak) / mib})
		}
		cpu.series, memory.series = append(cpu.series, used), append(memory.series, peak)
	}
	g.tables, g.charts = append(g.tables, t), append(g.charts, cpu, memory)
	return nil
}

func (g *growthRun) manyStep(ctx context.Context, site, step string, count int) (measurement, error) {
	program, err := os.Executable()
	if err != nil {
		return measurement{}, err
	}
	in := func(name string) string { return filepath.Join(site, name) }
	args := []string{program, "engine", "many", "-vault", in("vault"), "-key", in("key"), "-count", fmt.Sprint(count), "-point", step}
	store := in("vault")
	switch step {
	case "copy to another key":
		args = []string{program, "engine", "copy", "-vault", in("vault"), "-key", in("key"), "-to-vault", in("copy"), "-to-key", in("copy-key"), "-point", "changed"}
		store = in("copy")
	case "verify":
		args = []string{program, "engine", "verify", "-vault", in("vault"), "-key", in("key")}
	}
	c := command{args: args, store: store}
	return c.run(ctx, g.log)
}

// engineMany writes or reads very many small objects that lie nowhere else.
func engineMany(ctx context.Context, f *flags) (any, error) {
	d, _, err := openVault(ctx, f.vault, f.key)
	if err != nil {
		return nil, err
	}
	switch f.point {
	case "first backup":
		return writeMany(ctx, d, "first", "", f.count, 0)
	case "unchanged backup":
		return writeMany(ctx, d, "unchanged", "first", f.count, 0)
	case "backup, 1 % changed":
		return writeMany(ctx, d, "changed", "unchanged", f.count, 100)
	case "restore":
		return readMany(ctx, d, "changed", f.count)
	}
	return nil, fmt.Errorf("%q is not done to many objects", f.point)
}

func manyKey(i int) []byte { return fmt.Appendf(nil, "folder-%05d/object-%09d", i/1000, i) }

// manyMeta stands for what a listing tells of an object, by which one that did not change is known.
func manyMeta(i, every int) []byte {
	if every > 0 && i%every == 0 {
		return []byte{1}
	}
	return []byte{0}
}

// writeMany compares a listing with the parent, entry for entry, and writes what differs: each object of a number that every
// divides, or all without a parent.
func writeMany(ctx context.Context, d *archive.Domain, point, parent string, count, every int) (s archive.Summary, err error) {
	w, err := d.NewWriter(ctx, archive.WriteOptions{Point: point, Parent: parent, Kind: archive.Objects})
	if err != nil {
		return s, err
	}
	defer func() { err = errors.Join(err, w.Abort()) }()
	before, err := parentEntries(ctx, d, parent)
	if err != nil {
		return s, err
	}
	next, stop := iter.Pull2(before)
	defer stop()
	for i := range count {
		key, meta := manyKey(i), manyMeta(i, every)
		old, err, more := next()
		if err != nil {
			return s, err
		}
		if more && bytes.Equal(old.Key, key) && bytes.Equal(old.Meta, meta) {
			continue
		}
		content := syntheticContent(i, int(meta[0]), manySize)
		if err := w.Put(ctx, key, meta, bytes.NewReader(content), manySize); err != nil {
			return s, err
		}
	}
	return w.Commit(ctx)
}

// readMany reads all objects and compares them with what was written.
func readMany(ctx context.Context, d *archive.Domain, point string, count int) (any, error) {
	p, err := d.Open(ctx, point)
	if err != nil {
		return nil, err
	}
	read := 0
	for e, err := range p.Entries(ctx, nil) {
		if err != nil {
			return nil, err
		}
		var content bytes.Buffer
		if err := readEntry(ctx, e, &content); err != nil {
			return nil, err
		}
		if want := syntheticContent(read, int(e.Meta[0]), manySize); !bytes.Equal(e.Key, manyKey(read)) || !bytes.Equal(content.Bytes(), want) {
			return nil, fmt.Errorf("%s is not what was written", e.Key)
		}
		read++
	}
	if read != count {
		return nil, fmt.Errorf("%d objects were read, not %d", read, count)
	}
	return map[string]int{"objects": read}, nil
}

func readEntry(ctx context.Context, e *archive.Entry, w io.Writer) error {
	r := e.Open(ctx)
	defer r.Close() //nolint:errcheck // it was only read
	_, err := r.WriteTo(w)
	return err
}
