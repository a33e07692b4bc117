package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// options are the flags of a comparison.
type options struct {
	dir      string
	scale    float64
	runs     int
	tools    string
	sets     string
	markdown string
}

func parseOptions(args []string) (options, error) {
	var o options
	set := flag.NewFlagSet("bench", flag.ContinueOnError)
	set.StringVar(&o.dir, "dir", "bench-data", "`directory` to work in; what the run makes there is removed")
	set.Float64Var(&o.scale, "scale", 1, "size of the data set; 1 is 2 GiB of objects and a volume of 4 GiB")
	set.IntVar(&o.runs, "runs", 1, "how often all is measured; the table has the run of the median wall time")
	set.StringVar(&o.tools, "tools", "", "which tools, by comma; by default restic, borg, kopia if it is on PATH, and strongroom")
	set.StringVar(&o.sets, "data", "objects,volume", "which data, by comma")
	set.StringVar(&o.markdown, "markdown", "", "`file` to write the table into as Markdown, too")
	if err := set.Parse(args); err != nil {
		return o, err
	}
	if o.scale <= 0 || o.runs <= 0 || set.NArg() > 0 {
		return o, errors.New("scale and runs are above zero, and there are no arguments")
	}
	return o, nil
}

// compare measures all tools over all data and prints what came out.
func compare(ctx context.Context, args []string) (err error) {
	o, err := parseOptions(args)
	if err != nil {
		return err
	}
	tools, err := chosenTools(ctx, o.tools)
	if err != nil {
		return err
	}
	w, err := openWorkshop(o.dir, "bench")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, w.close()) }()
	c := &comparison{options: o, dir: w.dir, tools: tools, log: w.log, progress: os.Stderr}
	if err := c.run(ctx); err != nil {
		return err
	}
	if err := c.print(os.Stdout, plain); err != nil || o.markdown == "" {
		return err
	}
	return writeFile(o.markdown, c.print)
}

func chosenTools(ctx context.Context, names string) (tools []tool, err error) {
	if names == "" {
		names = "restic,borg,strongroom"
		if _, err := exec.LookPath("kopia"); err == nil {
			names = "restic,borg,kopia,strongroom"
		}
	}
	for name := range strings.SplitSeq(names, ",") {
		var t tool
		switch name {
		case "restic":
			t, err = newRestic(ctx)
		case "borg":
			t = borg{}
		case "kopia":
			t = kopia{}
		case "strongroom":
			t, err = newStrongroom()
		default:
			err = fmt.Errorf("%q is none of restic, borg, kopia and strongroom", name)
		}
		if err != nil {
			return nil, err
		}
		tools = append(tools, t)
	}
	return tools, nil
}

// A comparison is a run of all tools over all data.
type comparison struct {
	options
	dir      string
	profiles string // where profiles of a server go; "" for none
	tools    []tool
	log      io.Writer
	progress io.Writer

	notes  []string // what was compared
	tables []table
}

func (c *comparison) run(ctx context.Context) error {
	c.notes = append(c.notes, machine())
	for _, t := range c.tools {
		note, err := t.describe(ctx)
		if err != nil {
			return err
		}
		c.notes = append(c.notes, t.name()+": "+note)
	}
	for name := range strings.SplitSeq(c.sets, ",") {
		data, err := newDataset(name, filepath.Join(c.dir, name), c.scale)
		if err != nil {
			return err
		}
		if err := c.set(ctx, data); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return nil
}

// say tells how far the run is.
func (c *comparison) say(format string, args ...any) {
	_, _ = fmt.Fprintf(c.progress, format+"\n", args...)
}

// set measures all tools over one data set.
func (c *comparison) set(ctx context.Context, data dataset) error {
	c.say("making %s", data.describe())
	if err := data.generate(ctx); err != nil {
		return err
	}
	t := table{title: data.name() + ": " + data.describe(), cells: map[cell][]measurement{}, bytes: data.bytes(), own: "strongroom"}
	possible, err := limits(ctx, data, c.dir)
	if err != nil {
		return fmt.Errorf("measuring the machine: %w", err)
	}
	for op, m := range possible {
		t.cells[cell{op, limitName}] = []measurement{m}
	}
	for round := range c.runs {
		if err := c.round(ctx, data, round, &t); err != nil {
			return err
		}
	}
	for _, op := range operations {
		for _, tool := range c.tools {
			if at := (cell{op, tool.name()}); t.cells[at] != nil || op != rereadBackup && op != scatteredBackup {
				t.rows = append(t.rows, at)
			}
		}
		if _, ok := possible[op]; ok {
			t.rows = append(t.rows, cell{op, limitName})
		}
	}
	c.tables = append(c.tables, t)
	return os.RemoveAll(data.source())
}

// round measures every operation once: all tools one after the other, then the next operation.
func (c *comparison) round(ctx context.Context, data dataset, round int, t *table) (err error) {
	base := filepath.Join(c.dir, "sites")
	defer func() { err = errors.Join(err, os.RemoveAll(base)) }()
	sites := map[string]site{}
	for _, tool := range c.tools {
		s := site{filepath.Join(base, tool.name()), data}
		if err := os.MkdirAll(s.root, 0o755); err != nil {
			return err
		}
		if err := tool.prepare(ctx, s); err != nil {
			return err
		}
		sites[tool.name()] = s
	}
	for _, op := range operations {
		if change := changes[op]; change != nil {
			if err := change(ctx, data, round); err != nil {
				return err
			}
		}
		if _, ok := data.(scattering); op == scatteredBackup && !ok {
			continue
		}
		for _, tool := range c.tools {
			s := sites[tool.name()]
			cmd := tool.command(s, op)
			if cmd == nil {
				continue
			}
			m, err := c.measure(ctx, s, op, cmd)
			if err != nil {
				return fmt.Errorf("%s, %s: %w", tool.name(), op, err)
			}
			c.say("%s, run %d: %s, %s: %s", data.name(), round+1, op, tool.name(), m.Wall)
			at := cell{op, tool.name()}
			t.cells[at] = append(t.cells[at], m)
		}
	}
	return nil
}

func (c *comparison) measure(ctx context.Context, s site, op operation, cmd *command) (m measurement, err error) {
	if cmd.prepare != nil {
		if err := cmd.prepare(); err != nil {
			return m, err
		}
	}
	if err := warm(ctx, s.data.source(), s.repository()); err != nil {
		return m, err
	}
	if m, err = cmd.run(ctx, c.log); err != nil || op != restore {
		return m, err
	}
	if err := s.data.same(ctx, cmd.restored); err != nil || !inMemory(cmd.restored) {
		// What was restored stays until the round ends: ext4 leaves inodes alone for some minutes after their files are deleted, and whoever
		// creates files meanwhile pays for going past them, so that the tool which comes next would look slow.
		return m, err
	}
	return m, os.RemoveAll(cmd.restored)
}
