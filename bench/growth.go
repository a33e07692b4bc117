package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// growthOptions are the flags of bench growth.
type growthOptions struct {
	dir      string
	program  string
	points   []int
	listed   []int
	objects  []int
	markdown string
	charts   string
}

func parseGrowthOptions(args []string) (o growthOptions, err error) {
	var points, listed, objects string
	set := flag.NewFlagSet("bench growth", flag.ContinueOnError)
	set.StringVar(&o.dir, "dir", "bench-data", "`directory` to work in; what the run makes there is removed")
	set.StringVar(&o.program, "server", "bin/strongroom", "the program whose server is measured")
	set.StringVar(&points, "points", "10,100,1000", "`numbers` of recovery points in a vault of the archive, ascending; empty leaves it out")
	set.StringVar(&listed, "listed", "10,100,1000,10000", "`numbers` of recovery points in a vault of the service, ascending; empty leaves it out")
	set.StringVar(&objects, "objects", "1000,10000,100000,1000000", "`numbers` of objects in a recovery point; empty leaves it out")
	set.StringVar(&o.markdown, "markdown", "", "`file` to write the tables into as Markdown, too")
	set.StringVar(&o.charts, "charts", "", "`directory` to write charts into")
	if err := set.Parse(args); err != nil {
		return o, err
	}
	if set.NArg() > 0 {
		return o, errors.New("growth takes no arguments")
	}
	for _, list := range []struct {
		text string
		into *[]int
	}{{points, &o.points}, {listed, &o.listed}, {objects, &o.objects}} {
		if *list.into, err = numbers(list.text); err != nil {
			return o, err
		}
	}
	return o, nil
}

// numbers reads ascending numbers with commas between them.
func numbers(list string) (all []int, err error) {
	for field := range strings.SplitSeq(list, ",") {
		if field == "" {
			continue
		}
		n, err := strconv.Atoi(field)
		if err != nil || n < 1 || len(all) > 0 && n <= all[len(all)-1] {
			return nil, fmt.Errorf("%q is no list of ascending numbers", list)
		}
		all = append(all, n)
	}
	return all, nil
}

// growth measures what becomes more expensive as recovery points, and objects in them, become more. What it costs to back
// up, list, describe and delete one is to stay the same, and what goes through all objects is to grow as they do, but for memory.
func growth(ctx context.Context, args []string) (err error) {
	o, err := parseGrowthOptions(args)
	if err != nil {
		return err
	}
	w, err := openWorkshop(o.dir, "growth")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, w.close()) }()
	g := &growthRun{growthOptions: o, dir: w.dir, log: w.log, notes: []string{machine()}}
	if inMemory(w.dir) {
		g.notes = append(g.notes, "all files lie in memory")
	}
	for _, part := range []func(context.Context) error{g.archivePoints, g.archiveObjects, g.servicePoints} {
		if err := part(ctx); err != nil {
			return err
		}
	}
	return g.report()
}

// A growthRun is one run of bench growth.
type growthRun struct {
	growthOptions
	dir string
	log io.Writer

	notes  []string
	tables []growthTable
	charts []chart
}

type growthTable struct {
	title   string
	heading []string
	rows    [][]string
}

func (g *growthRun) say(format string, args ...any) {
	_, _ = fmt.Fprintf(os.Stderr, format+"\n", args...)
}

func (g *growthRun) report() error {
	if err := g.print(os.Stdout, plain); err != nil {
		return err
	}
	if g.markdown != "" {
		if err := writeFile(g.markdown, g.print); err != nil {
			return err
		}
	}
	if g.growthOptions.charts == "" {
		return nil
	}
	if err := os.MkdirAll(g.growthOptions.charts, 0o755); err != nil {
		return err
	}
	for _, c := range g.charts {
		if err := os.WriteFile(filepath.Join(g.growthOptions.charts, c.file), []byte(c.svg()), 0o644); err != nil { //nolint:gosec // a picture for the documentation
			return err
		}
	}
	return nil
}

func (g *growthRun) print(w io.Writer, write style) error {
	for _, note := range g.notes {
		if _, err := fmt.Fprintln(w, note); err != nil {
			return err
		}
	}
	for _, t := range g.tables {
		if err := write(w, t.title, t.heading, t.rows); err != nil {
			return err
		}
	}
	return nil
}
