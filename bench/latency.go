package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/backup"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"strongroom/clock"
)

// latency measures single calls, one after the other: on a server that does nothing else; beside processes that keep all processors
// busy, which have nothing to do with the server, to see what the kernel makes of that alone; and on a server whose jobs back up and
// restore all the while.
func latency(ctx context.Context, args []string) (err error) {
	set := flag.NewFlagSet("bench latency", flag.ContinueOnError)
	dir := set.String("dir", "bench-data", "`directory` to work in; what the run makes there is removed")
	scale := set.Float64("scale", 0.1, "size of the objects that jobs move; 1 is 2 GiB")
	program := set.String("server", "bin/strongroom", "the program to measure")
	lasting := set.Duration("time", 10*time.Second, "how long each call is repeated at least")
	calls := set.Int("calls", 3000, "how often each call is repeated at least, besides a tenth of that before, which does not count")
	if err := set.Parse(args); err != nil {
		return err
	}
	if err := checkScale(*scale); err != nil {
		return err
	}
	if *calls < 1 {
		return errors.New("-calls is above zero")
	}
	w, err := openWorkshop(*dir, "latency")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, w.close()) }()
	data := newObjects(filepath.Join(w.dir, "objects"), *scale)
	if err := data.generate(ctx); err != nil {
		return err
	}
	s, err := startServer(ctx, *program, filepath.Join(w.dir, "data"), io.Discard)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.stop()) }()
	l := &latencies{server: s, lasting: *lasting, calls: *calls}
	if err := l.prepare(ctx, data); err != nil {
		return err
	}
	if err := l.run(ctx, "idle"); err != nil {
		return err
	}
	if err := l.besideOthers(ctx); err != nil {
		return err
	}
	if err := l.underLoad(ctx); err != nil {
		return err
	}
	return plain(os.Stdout, machine()+"; jobs back up and restore "+data.describe(), []string{"call", "while", "calls", "p50", "p90", "p99", "longest", "processors busy with the server"}, l.rows)
}

// latencies are the measurements of one server.
type latencies struct {
	server  *server
	account *member
	jobs    *jobs
	jobID   *string
	point   string // what the first backup made
	lasting time.Duration
	calls   int
	rows    [][]string
}

// prepare uploads the data and backs them up once.
func (l *latencies) prepare(ctx context.Context, data *objects) (err error) {
	if l.account, err = openAccount(ctx, l.server); err != nil {
		return err
	}
	b := &bucket{data: data, account: l.account}
	arn, err := b.create(ctx)
	if err != nil {
		return err
	}
	l.jobs = &jobs{account: l.account, resource: arn, p: b, points: map[operation]string{}}
	if err := l.jobs.backup(ctx, firstBackup); err != nil {
		return err
	}
	l.point = l.jobs.points[firstBackup]
	listed, err := l.account.backup.ListBackupJobs(ctx, &backup.ListBackupJobsInput{})
	if err != nil {
		return err
	}
	l.jobID = listed.BackupJobs[0].BackupJobId
	_, err = l.account.s3.CreateBucket(ctx, &s3.CreateBucketInput{Bucket: aws.String("bench-puts"), CreateBucketConfiguration: inHomeRegion})
	return err
}

// run repeats each of the calls and notes how long they took.
func (l *latencies) run(ctx context.Context, while string) error {
	content := make([]byte, 4*kib)
	n := 0
	for _, call := range []struct {
		name string
		do   func() error
	}{
		{"DescribeBackupJob", func() error {
			_, err := l.account.backup.DescribeBackupJob(ctx, &backup.DescribeBackupJobInput{BackupJobId: l.jobID})
			return err
		}},
		{"PutObject 4 KiB", func() error {
			n++
			_, err := l.account.s3.PutObject(ctx, &s3.PutObjectInput{Bucket: aws.String("bench-puts"), Key: aws.String(fmt.Sprint(while, n)), Body: bytes.NewReader(content)})
			return err
		}},
	} {
		for range l.calls / 10 {
			if err := call.do(); err != nil {
				return err
			}
		}
		before, err := cpuOf(l.server.cmd.Process.Pid)
		if err != nil {
			return err
		}
		var took []time.Duration
		begin := clock.Wall.Now()
		for last := begin; last.Sub(begin) < l.lasting || len(took) < l.calls; {
			if err := call.do(); err != nil {
				return err
			}
			now := clock.Wall.Now()
			took, last = append(took, now.Sub(last)), now
		}
		after, err := cpuOf(l.server.cmd.Process.Pid)
		if err != nil {
			return err
		}
		slices.Sort(took)
		at := func(n int) string { return milliseconds(took[(len(took)-1)*n/1000]) }
		busy := (after - before).Seconds() / clock.Wall.Now().Sub(begin).Seconds()
		l.rows = append(l.rows, []string{call.name, while, fmt.Sprint(len(took)), at(500), at(900), at(990), at(1000), fmt.Sprintf("%.2f", busy)})
	}
	return nil
}

func milliseconds(d time.Duration) string {
	return fmt.Sprintf("%.2f ms", float64(d)/float64(time.Millisecond))
}

// besideOthers measures while as many processes as there are processors do nothing but keep them busy.
func (l *latencies) besideOthers(ctx context.Context) (err error) {
	for range runtime.NumCPU() {
		other := exec.CommandContext(ctx, "sh", "-c", "while :; do :; done")
		if err := other.Start(); err != nil {
			return err
		}
		defer func() {
			err = errors.Join(err, other.Process.Kill())
			_ = other.Wait() // it was killed
		}()
	}
	return l.run(ctx, "others are busy")
}

// underLoad measures while two jobs are at work, a full backup into a vault of its own and a restore into a bucket of its own, and two
// more once they are done, to the end.
func (l *latencies) underLoad(ctx context.Context) error {
	loading, stop := context.WithCancel(ctx)
	var jobs sync.WaitGroup
	ended := make(chan error, 2)
	for _, job := range []func(context.Context, int) error{l.backUpAnew, l.restoreAnew} {
		jobs.Go(func() {
			for n := 0; loading.Err() == nil; n++ {
				if err := job(loading, n); err != nil {
					ended <- err
					return
				}
			}
		})
	}
	err := l.run(ctx, "jobs run")
	stopped := loading.Err() != nil
	stop()
	jobs.Wait()
	close(ended)
	for failed := range ended {
		if !stopped && !errors.Is(failed, context.Canceled) {
			err = errors.Join(err, failed)
		}
	}
	return err
}

func (l *latencies) backUpAnew(ctx context.Context, n int) error {
	name := fmt.Sprint("load-", n)
	if _, err := l.account.backup.CreateBackupVault(ctx, &backup.CreateBackupVaultInput{BackupVaultName: &name, EncryptionKeyArn: &l.account.key}); err != nil {
		return err
	}
	return l.jobs.backupInto(ctx, name, changedBackup)
}

func (l *latencies) restoreAnew(ctx context.Context, n int) error {
	metadata := map[string]string{"DestinationBucketName": fmt.Sprint("bench-load-", n), "newBucket": "true", "EncryptionType": "SSE-S3"}
	_, err := l.jobs.restoreAs(ctx, l.point, metadata)
	return err
}
