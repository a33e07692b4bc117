package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
)

// service measures the same data through a server: a bucket and a volume, backup, copy and restore jobs, asked for by the
// AWS SDK. A measurement is what the server's process took from the request until the job was completed.
func service(ctx context.Context, args []string) (err error) {
	set := flag.NewFlagSet("bench service", flag.ContinueOnError)
	dir := set.String("dir", "bench-data", "`directory` to work in; what the run makes there is removed")
	scale := set.Float64("scale", 1, "size of the data set; 1 is 2 GiB of objects and a volume of 4 GiB, 0 is none but what -small asks for")
	program := set.String("server", "bin/strongroom", "the program to measure")
	sets := set.String("data", "objects,volume", "which data, by comma: objects, volume")
	small := set.Int("small", 0, "`number` of objects of 4 KiB to measure besides, 100000 say")
	profiles := set.String("profiles", "", "`directory` to write a CPU profile of the server into for each operation")
	file := set.String("markdown", "", "`file` to write the table into as Markdown, too")
	if err := set.Parse(args); err != nil {
		return err
	}
	if *small < 0 {
		return errors.New("-small is not below zero")
	}
	if *scale == 0 && *small > 0 {
		*sets = ""
	} else if err := checkScale(*scale); err != nil {
		return err
	}
	w, err := openWorkshop(*dir, "service")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, w.close()) }()
	c := &comparison{dir: w.dir, log: w.log, progress: os.Stderr, notes: []string{machine(), serviceNote}}
	if c.profiles = *profiles; c.profiles != "" {
		if err := os.MkdirAll(c.profiles, 0o755); err != nil {
			return err
		}
	}
	var all []dataset
	for name := range strings.FieldsFuncSeq(*sets, func(r rune) bool { return r == ',' }) {
		data, err := newDataset(name, filepath.Join(w.dir, name), *scale)
		if err != nil {
			return err
		}
		all = append(all, data)
	}
	if *small > 0 {
		all = append(all, newSmall(filepath.Join(w.dir, "small"), *small))
	}
	for _, data := range all {
		if err := c.served(ctx, *program, data); err != nil {
			return fmt.Errorf("%s: %w", data.name(), err)
		}
	}
	if err := c.print(os.Stdout, plain); err != nil || *file == "" {
		return err
	}
	return writeFile(*file, c.print)
}

const (
	servedTool  = "strongroom (service)"
	serviceNote = servedTool + ": server -dev, SDK requests; CPU and memory are the server's, wall time is until the job says COMPLETED"
)

// writeFile prints into a file as Markdown.
func writeFile(path string, print func(io.Writer, style) error) error {
	file, err := os.Create(path)
	if err != nil {
		return err
	}
	return errors.Join(print(file, markdown), file.Close())
}

// A protected resource is a data set that lies in the service.
type protected interface {
	// create brings the data into a new resource and gives its ARN.
	create(ctx context.Context) (arn string, err error)
	// update brings what has changed into the resource.
	update(ctx context.Context, round int) error
	// restoration is the metadata of a restore into a new resource.
	restoration() map[string]string
	// same compares a restored resource with the data.
	same(ctx context.Context, arn string) error
}

// What a client brings and takes for itself, which is no part of a job: the same objects, each by a request of its own over HTTP, and
// the same volume over its socket.
const (
	gatewayPut operation = "S3 gateway: PutObject of each"
	gatewayGet operation = "S3 gateway: GetObject of each"
	diskWrite  operation = "network block device: all written"
	diskRead   operation = "network block device: all read"
)

// served measures one data set on a server of its own.
func (c *comparison) served(ctx context.Context, program string, data dataset) (err error) {
	c.say("making %s", data.describe())
	if err := data.generate(ctx); err != nil {
		return err
	}
	s, err := startServer(ctx, program, filepath.Join(c.dir, "data-"+data.name()), c.log)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.stop()) }()
	a, err := openAccount(ctx, s)
	if err != nil {
		return err
	}
	t := &table{title: data.name() + ": " + data.describe(), cells: map[cell][]measurement{}}
	m := &serving{comparison: c, server: s, data: data, table: t}
	var p protected
	put, get := gatewayPut, gatewayGet
	switch data := data.(type) {
	case *objects:
		p = &bucket{data: data, account: a}
	case *volume:
		p = &disk{data: data, account: a, server: s}
		put, get = diskWrite, diskRead
	}
	t.rows = append(t.rows, cell{put, servedTool}, cell{get, servedTool})
	for _, op := range operations {
		if op != rereadBackup {
			t.rows = append(t.rows, cell{op, servedTool})
		}
	}
	c.say("uploading %s", data.describe())
	var arn string
	if err := m.measure(ctx, put, func() (err error) { arn, err = p.create(ctx); return err }); err != nil {
		return err
	}
	j := &jobs{account: a, resource: arn, p: p, points: map[operation]string{}}
	// Verification reads all vaults, so it comes before the copies.
	for _, op := range []operation{firstBackup, unchangedBackup, changedBackup, restore, verify, firstCopy, nextCopy} {
		if op == changedBackup {
			if err := errors.Join(data.change(ctx, 0), p.update(ctx, 0)); err != nil {
				return err
			}
		}
		if err := warm(ctx, s.data); err != nil {
			return err
		}
		if err := m.measure(ctx, op, func() error { return j.run(ctx, s, op) }); err != nil {
			return err
		}
		if op == restore {
			if err := m.measure(ctx, get, func() error { return p.same(ctx, j.restored) }); err != nil {
				return err
			}
		}
	}
	c.tables = append(c.tables, *t)
	return os.RemoveAll(data.source())
}

// serving are the measurements of one server over one data set.
type serving struct {
	*comparison
	server *server
	data   dataset
	table  *table
}

// measure notes what the server took for an operation.
func (m *serving) measure(ctx context.Context, op operation, do func() error) error {
	run := do
	if m.profiles != "" {
		run = func() error { return m.server.profiled(ctx, m.profiles, m.data.name()+"-"+string(op), do) }
	}
	took, err := m.server.measure(run)
	if err != nil {
		return fmt.Errorf("%s: %w", op, err)
	}
	m.say("%s: %s, %s: %s, CPU %s", m.data.name(), op, servedTool, took.Wall, took.CPU)
	m.table.cells[cell{op, servedTool}] = []measurement{took}
	return nil
}
