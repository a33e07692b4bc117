package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	s3types "github.com/aws/aws-sdk-go-v2/service/s3/types"
)

const storeBucket = "bench-store"

// storeBench measures the archive, and restic where it is on PATH, on the same data in a bucket that is far away: an
// S3-compatible service on loopback behind a proxy that delays every request and counts them.
func storeBench(ctx context.Context, args []string) (err error) {
	set := flag.NewFlagSet("bench store", flag.ContinueOnError)
	dir := set.String("dir", "bench-data", "`directory` to work in; what the run makes there is removed")
	scale := set.Float64("scale", 0.1, "size of the data set; 1 is 2 GiB of objects")
	name := set.String("data", "objects", "which data: objects or volume")
	delay := set.Duration("delay", 20*time.Millisecond, "how long a request takes to get there, and its answer to come back")
	program := set.String("server", "bin/strongroom", "the program that serves the bucket")
	file := set.String("markdown", "", "`file` to write the table into as Markdown, too")
	if err := set.Parse(args); err != nil {
		return err
	}
	if err := checkScale(*scale); err != nil {
		return err
	}
	w, err := openWorkshop(*dir, "store")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, w.close()) }()
	data, err := newDataset(*name, filepath.Join(w.dir, *name), *scale)
	if err != nil {
		return err
	}
	b := &storeRun{data: data, dir: w.dir, log: w.log}
	if err := b.start(ctx, *program, *delay); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, b.proxy.stop(), b.server.stop()) }()
	if err := b.run(ctx); err != nil {
		return err
	}
	if err := b.print(os.Stdout, plain); err != nil || *file == "" {
		return err
	}
	return writeFile(*file, b.print)
}

// A storeRun is one run of all tools.
type storeRun struct {
	data   dataset
	dir    string
	log    io.Writer
	server *server
	proxy  *proxy
	env    []string // the credentials, for every tool
	rows   [][]string
}

// start serves an empty bucket.
func (b *storeRun) start(ctx context.Context, program string, delay time.Duration) (err error) {
	if b.server, err = startServer(ctx, program, filepath.Join(b.dir, "server"), b.log); err != nil {
		return err
	}
	cfg, err := config.LoadDefaultConfig(ctx,
		config.WithSharedConfigFiles([]string{b.server.data + "/aws/config"}),
		config.WithSharedCredentialsFiles([]string{b.server.data + "/aws/credentials"}),
		config.WithSharedConfigProfile("member"), config.WithRegion(homeRegion))
	if err != nil {
		return err
	}
	credentials, err := cfg.Credentials.Retrieve(ctx)
	if err != nil {
		return err
	}
	b.env = []string{
		"AWS_ACCESS_KEY_ID=" + credentials.AccessKeyID, "AWS_SECRET_ACCESS_KEY=" + credentials.SecretAccessKey,
		"AWS_REGION=" + homeRegion, "AWS_DEFAULT_REGION=" + homeRegion, "AWS_CONFIG_FILE=/dev/null", "RESTIC_PASSWORD=one", "RESTIC_FROM_PASSWORD=one",
	}
	client := s3.NewFromConfig(cfg, func(o *s3.Options) { o.UsePathStyle = true })
	if _, err := client.CreateBucket(ctx, &s3.CreateBucketInput{
		Bucket:                    aws.String(storeBucket),
		CreateBucketConfiguration: &s3types.CreateBucketConfiguration{LocationConstraint: homeRegion},
	}); err != nil {
		return err
	}
	b.proxy, err = startProxy(aws.ToString(cfg.BaseEndpoint), delay)
	return err
}

// storeOperations are measured in this order. The data change before the third.
var storeOperations = []operation{firstBackup, unchangedBackup, changedBackup, firstCopy, restore, verify}

func (b *storeRun) run(ctx context.Context) error {
	tools := map[string]func(operation) []string{"strongroom": b.strongroom}
	order := []string{"strongroom"}
	if _, err := exec.LookPath("restic"); err == nil {
		tools["restic"], order = b.restic, []string{"restic", "strongroom"}
	}
	if err := b.data.generate(ctx); err != nil {
		return err
	}
	for _, name := range order {
		if err := b.prepare(ctx, name); err != nil {
			return err
		}
	}
	for _, op := range storeOperations {
		if op == changedBackup {
			if err := b.data.change(ctx, 0); err != nil {
				return err
			}
		}
		for _, name := range order {
			b.proxy.take()
			c := &command{args: tools[name](op), env: b.env, dir: b.data.source(), store: b.site(name)}
			if name == "restic" && op == firstCopy {
				c.env = append(c.env, "RESTIC_PASSWORD=two")
			}
			m, err := c.run(ctx, b.log)
			if err != nil {
				return fmt.Errorf("%s, %s: %w", name, op, err)
			}
			if op == restore {
				if err := b.data.same(ctx, filepath.Join(b.site(name), "restored")); err != nil {
					return fmt.Errorf("%s: %w", name, err)
				}
			}
			t := b.proxy.take()
			b.rows = append(b.rows, []string{
				string(op), name, seconds(m.Wall), seconds(m.CPU), size(m.Peak), t.String(), size(t.up), size(t.down), fmt.Sprintf("%.5f", t.cost()),
			})
			_, _ = fmt.Fprintf(os.Stderr, "%s, %s: %s\n", op, name, m.Wall)
		}
	}
	return nil
}

func (b *storeRun) site(tool string) string { return filepath.Join(b.dir, "sites", tool) }

// prepare makes what a tool needs before it is measured.
func (b *storeRun) prepare(ctx context.Context, tool string) error {
	if err := os.MkdirAll(b.site(tool), 0o755); err != nil {
		return err
	}
	if tool == "strongroom" {
		return errors.Join(makeKey(filepath.Join(b.site(tool), "one.key")), makeKey(filepath.Join(b.site(tool), "two.key")))
	}
	if _, err := output(ctx, b.env, b.resticArgs("init", "--repo", b.resticRepo("one"))...); err != nil {
		return err
	}
	_, err := output(ctx, append(b.env, "RESTIC_PASSWORD=two"), b.resticArgs("init", "--repo", b.resticRepo("two"),
		"--from-repo", b.resticRepo("one"), "--copy-chunker-params")...)
	return err
}

// strongroom gives a run of the engine.
func (b *storeRun) strongroom(op operation) []string {
	program, err := os.Executable()
	if err != nil {
		program = os.Args[0]
	}
	vault := func(which string) (place, key string) {
		q := url.Values{"endpoint": {b.proxy.url}, "prefix": {"strongroom/" + which + "/"}}
		return "s3://" + storeBucket + "?" + q.Encode(), filepath.Join(b.site("strongroom"), which+".key")
	}
	place, key := vault("one")
	engine := func(verb string, args ...string) []string {
		return append([]string{program, "engine", verb, "-vault", place, "-key", key}, args...)
	}
	switch op {
	case firstBackup:
		return engine("backup", append(b.data.engineFlags(), "-point", tag(op))...)
	case unchangedBackup:
		return engine("backup", append(b.data.engineFlags(), "-point", tag(op), "-parent", tag(firstBackup))...)
	case changedBackup:
		return engine("backup", append(b.data.changedFlags(), "-point", tag(op), "-parent", tag(unchangedBackup))...)
	case firstCopy:
		to, toKey := vault("two")
		return engine("copy", "-point", tag(firstBackup), "-to-vault", to, "-to-key", toKey)
	case restore:
		return engine("restore", "-point", tag(changedBackup), "-to", filepath.Join(b.site("strongroom"), "restored"))
	default:
		return engine("verify")
	}
}

func (b *storeRun) resticRepo(which string) string {
	return "s3:" + b.proxy.url + "/" + storeBucket + "/restic/" + which
}

func (b *storeRun) resticArgs(args ...string) []string {
	return append([]string{"restic", "--quiet", "--cache-dir", filepath.Join(b.site("restic"), "cache"), "-o", "s3.region=" + homeRegion}, args...)
}

// restic gives a run of restic with its defaults. It has a cache of what it wrote, which the engine has not.
func (b *storeRun) restic(op operation) []string {
	switch op {
	case firstBackup, unchangedBackup, changedBackup:
		return b.resticArgs("backup", "--repo", b.resticRepo("one"), "--tag", tag(op), ".")
	case firstCopy:
		return b.resticArgs("copy", "--repo", b.resticRepo("two"), "--from-repo", b.resticRepo("one"), "--tag", tag(firstBackup))
	case restore:
		return b.resticArgs("restore", "latest", "--repo", b.resticRepo("one"), "--target", filepath.Join(b.site("restic"), "restored"))
	default:
		return b.resticArgs("check", "--read-data", "--repo", b.resticRepo("one"))
	}
}

var storeHeading = []string{"operation", "tool", "wall", "CPU", "peak memory", "requests", "up", "down", "requests cost, $"}

func (b *storeRun) print(w io.Writer, write style) error {
	title := fmt.Sprintf("%s, in a bucket %s away each way", b.data.describe(), b.proxy.delay)
	if _, err := fmt.Fprintf(w, "%s\n", machine()); err != nil {
		return err
	}
	return write(w, title, storeHeading, b.rows)
}
