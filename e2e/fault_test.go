package e2e

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/backup"
	backuptypes "github.com/aws/aws-sdk-go-v2/service/backup/types"

	"strongroom/archive/archivetest"
)

// breaker is the service in which the vaults lie. It kills the server at a change chosen, or has no space left.
type breaker struct {
	inner http.Handler

	mu      sync.Mutex // guards the rest
	left    int        // changes until it strikes; negative for never
	after   bool
	strike  func()
	struck  chan struct{}
	what    string
	full    bool
	refused int // changes, for want of space
}

func (b *breaker) arm(n int, after bool, strike func()) (struck chan struct{}) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.left, b.after, b.strike, b.struck = n, after, strike, make(chan struct{})
	return b.struck
}

func (b *breaker) disarm() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.left = -1
}

func (b *breaker) fill(full bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.full = full
}

func (b *breaker) refusals() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.refused
}

// ServeHTTP implements http.Handler.
func (b *breaker) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodGet || r.Method == http.MethodHead {
		b.inner.ServeHTTP(w, r)
		return
	}
	b.mu.Lock()
	full := b.full && r.Method == http.MethodPut
	if full {
		b.refused++
	}
	strikes := !full && b.left == 0
	after, strike, struck := b.after, b.strike, b.struck
	if !full && b.left >= 0 {
		b.left--
	}
	if strikes {
		b.what = r.Method + " " + r.URL.Path
	}
	b.mu.Unlock()
	switch {
	case full:
		w.Header().Set("Content-Type", "application/xml")
		w.WriteHeader(http.StatusInsufficientStorage)
		fmt.Fprint(w, `<?xml version="1.0" encoding="UTF-8"?><Error><Code>XMinioStorageFull</Code><Message>Storage backend has reached its minimum free drive threshold.</Message></Error>`)
	case strikes:
		if after {
			b.inner.ServeHTTP(httptest.NewRecorder(), r)
		}
		close(struck) // before the server ends, which whoever waits for it may see first
		strike()
	default:
		b.inner.ServeHTTP(w, r)
	}
}

// newBroken is a server whose vaults lie in a bucket of the breaker's.
func newBroken(t *testing.T) (*crashed, *breaker) {
	t.Helper()
	b := &breaker{inner: &archivetest.S3{}, left: -1}
	bucket := httptest.NewServer(b)
	t.Cleanup(bucket.Close)
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	c := &crashed{
		p: newProcess(t), random: rand.New(rand.NewPCG(seed, 0)), points: map[string]sums{}, asked: map[string]bool{}, brief: map[string]bool{},
		counts: map[string]int{}, bucket: sums{},
	}
	store := func(region string) string {
		return fmt.Sprintf("  %s: {store: \"s3://vaults?endpoint=%s&use_path_style=true&prefix=%s\"}\n", region, bucket.URL, region)
	}
	c.p.configure(t, "regions:\n"+store(crashRegion)+store(otherRegion))
	c.p.env = []string{"AWS_ACCESS_KEY_ID=test", "AWS_SECRET_ACCESS_KEY=test"}
	c.p.start(t.Context(), t)
	c.prepare(t.Context(), t)
	return c, b
}

// The real process is killed at chosen changes of the store that its vaults lie in, just before or just after they are done,
// while it backs up, copies, restores, deletes and collects. After each start every job comes to its end, every recovery point
// that was made restores, and the archives are sound. FAULTS=all kills it at each of the first sixty, or of as many as there are.
func TestFaultKillAtAChangeOfTheStore(t *testing.T) {
	t.Parallel()
	c, b := newBroken(t)
	ctx := t.Context()
	c.put(ctx, t, "first")
	if err := c.startBackup(ctx, "arn:aws:s3:::"+crashBucket); err != nil {
		t.Fatal(err)
	}
	c.settle(ctx, t)
	changes := []int{1, 4, 9, 16}
	if os.Getenv("FAULTS") == "all" {
		changes = nil
		for n := range 60 {
			changes = append(changes, n)
		}
	}
	const enough = 5 // rounds one after the other that have fewer changes
	for round, missed := 0, 0; round < len(changes) && missed < enough; round++ {
		n := changes[round]
		c.rounds = round
		c.put(ctx, t, fmt.Sprintf("key %d", c.random.IntN(4)))
		pid := c.p.command.Process
		struck := b.arm(n, round%2 == 1, func() { _ = pid.Kill() })
		c.everything(ctx, struck)
		select {
		case <-struck:
			c.counts["killed"]++
			missed = 0
		default:
			missed++
		}
		c.p.kill()
		b.disarm() // what it has not struck is not to fall on the next server, which nobody kills: its change would be lost
		c.p.start(ctx, t)
		c.settle(ctx, t)
		c.check(ctx, t, round == len(changes)-1 || missed == enough)
		if t.Failed() {
			t.Fatalf("killed at change %d: %s", n, b.what)
		}
	}
	t.Logf("%d recovery points, done: %v", len(c.points), c.counts)
	if c.counts["killed"] < min(len(changes)/2, 16) {
		t.Errorf("the server was killed %d times only", c.counts["killed"])
	}
}

// everything asks for one of each, and waits until all is done or the server dead.
func (c *crashed) everything(ctx context.Context, struck chan struct{}) {
	known := slices.Sorted(maps.Keys(c.points))
	c.ask("backup of the bucket", func() error { return c.startBackup(ctx, "arn:aws:s3:::"+crashBucket) })
	c.ask("copy", func() error { return c.startCopy(ctx, known[c.random.IntN(len(known))]) })
	c.ask("restore", func() error {
		_, err := c.startRestore(ctx, known[c.random.IntN(len(known))], fmt.Sprintf("restored-%d", c.random.Uint64()))
		return err
	})
	if len(known) > 2 {
		point := known[c.random.IntN(len(known))]
		c.asked[point] = true
		c.ask("deletion", func() error { return c.deletePoint(ctx, point) })
	}
	for deadline := time.Now().Add(patience()); time.Now().Before(deadline); pause(ctx, 20*time.Millisecond) {
		select {
		case <-struck:
			return
		default:
		}
		if c.idle(ctx) {
			break
		}
	}
	c.ask("collection", func() error { _, err := c.p.admin().Collect(ctx); return err })
}

// idle tells whether no backup and no copy is at work.
func (c *crashed) idle(ctx context.Context) bool {
	for _, client := range []*backup.Client{c.backup, c.other} {
		backups, err := client.ListBackupJobs(ctx, &backup.ListBackupJobsInput{})
		if err != nil || slices.ContainsFunc(backups.BackupJobs, func(j backuptypes.BackupJob) bool { return j.CompletionDate == nil }) {
			return false
		}
		copies, err := client.ListCopyJobs(ctx, &backup.ListCopyJobsInput{})
		if err != nil || slices.ContainsFunc(copies.CopyJobs, func(j backuptypes.CopyJob) bool { return j.CompletionDate == nil }) {
			return false
		}
	}
	return true
}

// The store of the vaults has no space left while a backup is at work. The job is tried again, or fails and says why, the server goes on, what
// was there restores, and when there is space again the next backup is made.
func TestFaultFullStore(t *testing.T) {
	t.Parallel()
	c, b := newBroken(t)
	ctx := t.Context()
	c.put(ctx, t, "first")
	if err := c.startBackup(ctx, "arn:aws:s3:::"+crashBucket); err != nil {
		t.Fatal(err)
	}
	c.settle(ctx, t)
	c.put(ctx, t, "second")
	b.fill(true)
	job := must(c.backup.StartBackupJob(ctx, &backup.StartBackupJobInput{BackupVaultName: aws.String("crash"), ResourceArn: aws.String("arn:aws:s3:::" + crashBucket), IamRoleArn: aws.String(crashRole)}))(t, "starting a backup")
	eventually(ctx, t, "the store refuses", func() (bool, error) { return b.refusals() > 0, nil })
	if _, err := c.backup.DescribeBackupVault(ctx, &backup.DescribeBackupVaultInput{BackupVaultName: aws.String("crash")}); err != nil {
		t.Errorf("the server does not answer while its store is full: %v", err)
	}
	for point := range c.points {
		c.restore(ctx, t, point, "while-full")
	}
	b.fill(false)
	var ended *backup.DescribeBackupJobOutput
	eventually(ctx, t, "the backup ends", func() (bool, error) {
		var err error
		ended, err = c.backup.DescribeBackupJob(ctx, &backup.DescribeBackupJobInput{BackupJobId: job.BackupJobId})
		return err == nil && ended.CompletionDate != nil, err
	})
	t.Logf("the backup is %s: %s", ended.State, aws.ToString(ended.StatusMessage))
	if ended.State == backuptypes.BackupJobStateFailed && !strings.Contains(aws.ToString(ended.StatusMessage), "space") {
		t.Errorf("the message says nothing of space: %s", aws.ToString(ended.StatusMessage))
	}
	if ended.State != backuptypes.BackupJobStateFailed {
		c.settle(ctx, t)
		c.check(ctx, t, true)
	}
}
