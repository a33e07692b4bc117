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
	"time"
)

// requestOptions are the flags of bench api.
type requestOptions struct {
	dir      string
	program  string
	clients  int
	length   time.Duration
	vaults   int
	roles    int
	keys     int
	markdown string
}

func parseRequestOptions(args []string) (o requestOptions, err error) {
	set := flag.NewFlagSet("bench api", flag.ContinueOnError)
	set.StringVar(&o.dir, "dir", "bench-data", "`directory` to work in; what the run makes there is removed")
	set.StringVar(&o.program, "server", "bin/strongroom", "the program to measure")
	set.IntVar(&o.clients, "clients", 8, "how many clients call at once")
	set.DurationVar(&o.length, "time", 5*time.Second, "how long each call is repeated")
	set.IntVar(&o.vaults, "vaults", 100_000, "how many vaults to list; 0 leaves it out")
	set.IntVar(&o.roles, "roles", 10_000, "how many roles to list; 0 leaves it out")
	set.IntVar(&o.keys, "keys", 1_000_000, "how many keys of a bucket to list; 0 leaves it out")
	set.StringVar(&o.markdown, "markdown", "", "`file` to write the tables into as Markdown, too")
	if err := set.Parse(args); err != nil {
		return o, err
	}
	if o.clients < 1 || o.length <= 0 || set.NArg() > 0 {
		return o, errors.New("clients and time are above zero, and there are no arguments")
	}
	return o, nil
}

// requestBench measures single requests, sent by the AWS SDK over HTTP on loopback from this process: first as many as a
// few clients can make, beside moto's server if there is one, then lists and lookups among very many.
func requestBench(ctx context.Context, args []string) (err error) {
	o, err := parseRequestOptions(args)
	if err != nil {
		return err
	}
	w, err := openWorkshop(o.dir, "api")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, w.close()) }()
	r := &requestRun{requestOptions: o, dir: w.dir, log: w.log}
	if err := r.run(ctx); err != nil {
		return err
	}
	if err := r.print(os.Stdout, plain); err != nil || o.markdown == "" {
		return err
	}
	return writeFile(o.markdown, r.print)
}

// A requestRun is one run of bench api.
type requestRun struct {
	requestOptions
	dir string
	log io.Writer

	notes  []string
	load   [][]string
	plenty [][]string
}

func (r *requestRun) say(format string, args ...any) {
	_, _ = fmt.Fprintf(os.Stderr, format+"\n", args...)
}

func (r *requestRun) run(ctx context.Context) error {
	r.notes = append(r.notes, machine(), fmt.Sprintf("%d clients of the AWS SDK for Go on the same machine, each call repeated for %s", r.clients, r.length))
	s, err := startServer(ctx, r.program, filepath.Join(r.dir, "data"), r.log)
	if err != nil {
		return err
	}
	strongroom, err := strongroomPeer(ctx, s)
	if err != nil {
		return errors.Join(err, s.stop())
	}
	peers := []*peer{strongroom}
	moto, err := startMoto(ctx, r.log)
	switch {
	case errors.Is(err, exec.ErrNotFound):
		r.notes = append(r.notes, "moto_server is not installed")
	case err != nil:
		return errors.Join(err, s.stop())
	default:
		peers = append(peers, moto)
	}
	err = r.measure(ctx, peers)
	if moto != nil {
		err = errors.Join(err, moto.stop())
	}
	if err == nil {
		err = r.many(ctx, strongroom)
	}
	return errors.Join(err, s.stop())
}

// measure loads the peers with one call after the other.
func (r *requestRun) measure(ctx context.Context, peers []*peer) error {
	for _, p := range peers {
		r.notes = append(r.notes, p.name+": "+p.version)
		if err := p.prepare(ctx); err != nil {
			return fmt.Errorf("%s: %w", p.name, err)
		}
	}
	for _, call := range calls {
		for _, p := range peers {
			if call.lacking[p.name] {
				r.load = append(r.load, []string{call.name, p.name, "n/a", "", "", ""})
				continue
			}
			l, err := load(ctx, p, call, r.clients, r.length)
			if err != nil {
				return fmt.Errorf("%s on %s: %w", call.name, p.name, err)
			}
			r.say("%s on %s: %.0f requests/s", call.name, p.name, l.rate())
			r.load = append(r.load, []string{
				call.name, p.name, fmt.Sprintf("%.0f", l.rate()),
				millis(l.percentile(50)), millis(l.percentile(99)), micros(l.cpuPerRequest()),
			})
		}
	}
	return nil
}

func (r *requestRun) print(w io.Writer, write style) error {
	for _, note := range r.notes {
		if _, err := fmt.Fprintln(w, note); err != nil {
			return err
		}
	}
	heading := []string{"call", "server", "requests/s", "p50", "p99", "server CPU per request"}
	if err := write(w, "requests", heading, r.load); err != nil || len(r.plenty) == 0 {
		return err
	}
	return write(w, "among many", []string{"call", "among", "requests/s", "p50", "p99", "server CPU per request"}, r.plenty)
}

func millis(d time.Duration) string { return fmt.Sprintf("%.2f ms", float64(d.Microseconds())/1000) }
func micros(d time.Duration) string { return fmt.Sprintf("%d µs", d.Microseconds()) }
