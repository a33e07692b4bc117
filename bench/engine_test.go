package main

import (
	"path/filepath"
	"testing"
)

// TestEngine goes through what the comparison asks of the engine, and compares what comes back.
func TestEngine(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"objects", "volume"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			data, err := newDataset(name, filepath.Join(dir, "data"), 0.005)
			if err != nil {
				t.Fatal(err)
			}
			if err := data.generate(t.Context()); err != nil {
				t.Fatal(err)
			}
			tool := &strongroom{program: "bench"}
			s := site{root: filepath.Join(dir, "site"), data: data}
			if err := tool.prepare(t.Context(), s); err != nil {
				t.Fatal(err)
			}
			for _, op := range operations {
				if change := changes[op]; change != nil {
					if err := change(t.Context(), data, 3); err != nil {
						t.Fatal(err)
					}
				}
				if c := tool.command(s, op); c != nil {
					runEngine(t, c)
				}
			}
			if err := data.same(t.Context(), s.restored()); err != nil {
				t.Error(err)
			}
			if err := data.change(t.Context(), 4); err != nil {
				t.Fatal(err)
			}
			if err := data.same(t.Context(), s.restored()); err == nil {
				t.Error("the data have changed and are still said to be what was restored")
			}
		})
	}
}

// runEngine runs an engine command in this process.
func runEngine(t *testing.T, c *command) {
	t.Helper()
	if c.prepare != nil {
		if err := c.prepare(); err != nil {
			t.Fatal(err)
		}
	}
	args := c.args[2:] // after the program and "engine"
	f, err := parseFlags(args)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := engineVerbs[args[0]](t.Context(), f); err != nil {
		t.Fatalf("%v: %v", args, err)
	}
}

// TestDatasetsAreTheSameEachTime makes the data twice.
func TestDatasetsAreTheSameEachTime(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"objects", "volume"} {
		var made []dataset
		for _, dir := range []string{t.TempDir(), t.TempDir()} {
			data, err := newDataset(name, filepath.Join(dir, "data"), 0.002)
			if err != nil {
				t.Fatal(err)
			}
			if err := data.generate(t.Context()); err != nil {
				t.Fatal(err)
			}
			if err := data.change(t.Context(), 1); err != nil {
				t.Fatal(err)
			}
			made = append(made, data)
		}
		if err := sameContent(t, made[0], made[1]); err != nil {
			t.Error(err)
		}
	}
}

func sameContent(t *testing.T, a, b dataset) error {
	t.Helper()
	switch a := a.(type) {
	case *objects:
		for _, at := range a.list {
			path := filepath.FromSlash(at.path)
			if err := sameFile(t.Context(), filepath.Join(a.dir, path), filepath.Join(b.source(), path)); err != nil {
				return err
			}
		}
		return nil
	default:
		return a.same(t.Context(), b.source())
	}
}
