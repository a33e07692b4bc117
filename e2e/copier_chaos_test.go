package e2e

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/ratelimit"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/service/backup"
	backuptypes "github.com/aws/aws-sdk-go-v2/service/backup/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	s3types "github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	sqstypes "github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/aws/smithy-go"
	"golang.org/x/sync/errgroup"

	"strongroom/internal/waittest"
)

// chaos is a second hop in bad weather: two copiers read a queue into which a relay puts the events of first hops, some twice,
// some late, in any order, some not at all; a proxy throttles their calls and loses answers; they and the server are killed.
type chaos struct {
	p          *process
	proxy      *badWeather
	home, far  *party // the backup account in the Regions of the intermediate and of the final vault
	heard      *mailbox
	queue      *mailbox
	dead       *mailbox
	role       string
	buckets    int
	seed       uint64
	random     *rand.Rand
	environ    []string
	late       []string // events that come when all is over
	seen, lost int
	missed     int // first hops of which nothing was told
}

// perBucket is how many recovery points each bucket has: the newer one is the base that stays, the older one is removed.
const perBucket = 2

// TestCopierChaos copies COPIER_POINTS recovery points on in the worst of circumstances, and counts what is in the final vault
// at the end: each of them once. They are 80 if it is not set; make chaos takes 1,000.
func TestCopierChaos(t *testing.T) {
	t.Parallel()
	points := 80
	if text := os.Getenv("COPIER_POINTS"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 2*perBucket {
			t.Fatalf("COPIER_POINTS is %q", text)
		}
		points = n
	}
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	needCopier(t)
	c := &chaos{p: newProcess(t), buckets: points / perBucket, seed: seed, random: rand.New(rand.NewPCG(seed, 0))}
	began := time.Now()
	passed := func(what string) { t.Logf("%5.1fs %s", time.Since(began).Seconds(), what) }
	c.prepare(t)
	passed("the vaults and buckets are there")
	c.backUp(t)
	passed("the recovery points are there")

	ctx, stop := context.WithCancel(t.Context())
	var weather sync.WaitGroup
	weather.Go(func() { c.relay(ctx, t) })
	for n := range 2 {
		weather.Go(func() { c.copyAndDie(ctx, t, n) })
	}
	c.firstHops(t)
	passed("the first hops are made")
	c.settleHops(t, 5)
	passed("the events are dealt with")
	stop()
	weather.Wait()
	t.Logf("%d events, of which %d were lost; %d calls throttled, %d answers lost", c.seen, c.lost, c.proxy.throttled.Load(), c.proxy.lost.Load())
	c.reconcileUntilDone(t)
	passed("reconciled")
	c.check(t)
	c.tellLate(t)
	c.check(t)
	passed("checked, also after the late events")
}

const (
	chaosFirst = "chaos-first" // where first hops arrive
	chaosFinal = "chaos-final"
)

// lasting is a client that outlives restarts of the server.
func lasting(cfg aws.Config) aws.Config {
	cfg = cfg.Copy()
	cfg.Retryer = func() aws.Retryer {
		return retry.NewStandard(func(o *retry.StandardOptions) {
			o.MaxAttempts, o.MaxBackoff, o.RateLimiter = 100, 3*time.Second, ratelimit.None
		})
	}
	return cfg
}

func (c *chaos) prepare(t *testing.T) {
	ctx := t.Context()
	c.p.start(ctx, t)
	c.proxy = newBadWeather(t, "http://"+c.p.listen, c.random.Uint64())
	c.home = newParty(vaulted, lasting(c.p.aws(t, "backup", home)))
	c.far = c.home.in(north)
	c.role = c.home.role(t, "jobs", "service-role/AWSBackupServiceRolePolicyForBackup", "AWSBackupServiceRolePolicyForS3Backup")
	key, farKey := c.home.key(t), c.far.key(t)
	c.home.vault(t, "chaos-source", key)
	c.home.vault(t, chaosFirst, key)
	c.far.vault(t, chaosFinal, farKey)
	c.heard = c.home.mailbox(t, "heard", "events.amazonaws.com")
	c.queue = c.home.mailbox(t, "second-hop", "events.amazonaws.com")
	c.dead = c.home.mailbox(t, "dead-letters", "events.amazonaws.com")
	c.heard.listen(t, "hops", fmt.Sprintf(`{"source":["aws.backup"],"detail-type":["Copy Job State Change"],"detail":{"state":["COMPLETED","FAILED"],
		"$or":[{"destinationBackupVaultArn":[%q]},{"sourceBackupVaultArn":[%q]}]}}`, c.home.vaultARN(chaosFirst), c.home.vaultARN(chaosFirst)))
	c.environ = append(os.Environ(),
		"AWS_CONFIG_FILE="+c.p.dir+"/data/aws/config", "AWS_SHARED_CREDENTIALS_FILE="+c.p.dir+"/data/aws/credentials", "AWS_PROFILE=backup", "AWS_REGION="+home,
		"AWS_ENDPOINT_URL="+c.proxy.URL, "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS=false",
		"COPIER_INTERMEDIATE_VAULTS="+c.home.vaultARN(chaosFirst), "COPIER_FINAL_VAULTS="+c.far.vaultARN(chaosFinal), "COPIER_ROLE_ARN="+c.role,
		"COPIER_TYPES=S3", "COPIER_TAGS=*", "COPIER_DELETE_INTERMEDIATE=when-final-complete", "COPIER_DELETE_MARGIN=0s", "COPIER_BACKOFF=1s", "COPIER_DEAD_LETTER_QUEUE_URL="+*c.dead.url,
	)
	var making errgroup.Group
	making.SetLimit(8)
	for n := range c.buckets {
		making.Go(func() error {
			name := chaosBucket(n)
			_, err := c.home.s3.CreateBucket(ctx, &s3.CreateBucketInput{Bucket: &name, CreateBucketConfiguration: &s3types.CreateBucketConfiguration{LocationConstraint: home}})
			if err == nil {
				_, err = c.home.s3.PutBucketVersioning(ctx, &s3.PutBucketVersioningInput{Bucket: &name, VersioningConfiguration: &s3types.VersioningConfiguration{Status: s3types.BucketVersioningStatusEnabled}})
			}
			if err != nil {
				return fmt.Errorf("making bucket %s: %w", name, err)
			}
			c.home.put(t, name, "key", []byte(name))
			return nil
		})
	}
	if err := making.Wait(); err != nil {
		t.Fatal(err)
	}
}

func chaosBucket(n int) string { return fmt.Sprintf("chaos-%04d", n) }

// pointNumber is the number of a recovery point among all, which its tag and its retention tell.
func pointNumber(bucket, generation int) int { return bucket*perBucket + generation }

func retention(number int) int64 { return int64(100 + number%50) }

// backUp makes all recovery points, those of a bucket one after the other.
func (c *chaos) backUp(t *testing.T) {
	ctx := t.Context()
	for generation := range perBucket {
		var starting errgroup.Group
		starting.SetLimit(8)
		for bucket := range c.buckets {
			starting.Go(func() error {
				n := pointNumber(bucket, generation)
				_, err := c.home.backup.StartBackupJob(ctx, &backup.StartBackupJobInput{
					BackupVaultName: aws.String("chaos-source"), IamRoleArn: &c.role, ResourceArn: aws.String("arn:aws:s3:::" + chaosBucket(bucket)),
					Lifecycle: &backuptypes.Lifecycle{DeleteAfterDays: aws.Int64(retention(n))}, RecoveryPointTags: map[string]string{"number": fmt.Sprint(n)},
				})
				return err
			})
		}
		if err := starting.Wait(); err != nil {
			t.Fatalf("starting backups: %v", err)
		}
		c.wait(t, "the backups", func() (bool, error) {
			points, err := c.points(ctx, c.home, "chaos-source")
			return len(points) == (generation+1)*c.buckets, errors.Join(err, fmt.Errorf("%d recovery points", len(points)))
		})
	}
}

// wait waits longer than [eventually], at greater distances.
func (c *chaos) wait(t *testing.T, what string, ok func() (bool, error)) {
	t.Helper()
	var last error
	for deadline := time.Now().Add(2 * patience()); time.Now().Before(deadline); pause(t.Context(), 250*time.Millisecond) {
		done, err := ok()
		if done {
			return
		}
		last = err
	}
	waittest.InVain()
	t.Fatalf("%s did not come to an end: %v", what, last)
}

func (c *chaos) points(ctx context.Context, p *party, vault string) (all []backuptypes.RecoveryPointByBackupVault, err error) {
	pages := backup.NewListRecoveryPointsByBackupVaultPaginator(p.backup, &backup.ListRecoveryPointsByBackupVaultInput{BackupVaultName: &vault, MaxResults: aws.Int32(1000)})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, err
		}
		all = append(all, page.RecoveryPoints...)
	}
	return slices.DeleteFunc(all, func(p backuptypes.RecoveryPointByBackupVault) bool {
		return p.Status != backuptypes.RecoveryPointStatusCompleted
	}), nil
}

// jobs are the copy jobs between two vaults, by their states.
func (c *chaos) jobs(ctx context.Context, from string) (all []backuptypes.CopyJob, states map[backuptypes.CopyJobState]int, err error) {
	states = map[backuptypes.CopyJobState]int{}
	pages := backup.NewListCopyJobsPaginator(c.home.backup, &backup.ListCopyJobsInput{MaxResults: aws.Int32(1000)})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, nil, err
		}
		for _, j := range page.CopyJobs {
			if *j.SourceBackupVaultArn == c.home.vaultARN(from) {
				all = append(all, j)
				states[j.State]++
			}
		}
	}
	return all, states, nil
}

// firstHops copies all recovery points into the intermediate vault, and kills the server twice while it does.
func (c *chaos) firstHops(t *testing.T) {
	ctx := t.Context()
	points := must(c.points(ctx, c.home, "chaos-source"))(t, "listing the recovery points")
	c.random.Shuffle(len(points), func(i, j int) { points[i], points[j] = points[j], points[i] })
	for part := range slices.Chunk(points, len(points)/3+1) {
		var starting errgroup.Group
		starting.SetLimit(8)
		for _, p := range part {
			starting.Go(func() error {
				_, err := c.home.backup.StartCopyJob(ctx, &backup.StartCopyJobInput{
					RecoveryPointArn: p.RecoveryPointArn, SourceBackupVaultName: aws.String("chaos-source"), DestinationBackupVaultArn: aws.String(c.home.vaultARN(chaosFirst)), IamRoleArn: &c.role,
				})
				return err
			})
		}
		if err := starting.Wait(); err != nil {
			t.Fatalf("starting first hops: %v", err)
		}
		c.p.kill()
		c.p.start(ctx, t)
	}
	c.wait(t, "the first hops", func() (bool, error) {
		_, states, err := c.jobs(ctx, "chaos-source")
		return states[backuptypes.CopyJobStateCompleted] == len(points), errors.Join(err, fmt.Errorf("first hops are %v", states))
	})
}

// settleHops waits until no second hop has begun or ended for some seconds.
func (c *chaos) settleHops(t *testing.T, seconds int) {
	last, quiet := map[backuptypes.CopyJobState]int{}, 0
	c.wait(t, "the second hops", func() (bool, error) {
		_, states, err := c.jobs(t.Context(), chaosFirst)
		if quiet++; err != nil || !maps.Equal(states, last) {
			quiet = 0
		}
		last = states
		return quiet > seconds*4 && states[backuptypes.CopyJobStateCreated]+states[backuptypes.CopyJobStateRunning] == 0, fmt.Errorf("second hops are %v", states)
	})
}

// relay brings the events that were heard to the copiers' queue, as a bad day would.
func (c *chaos) relay(ctx context.Context, t *testing.T) {
	random := rand.New(rand.NewPCG(c.seed, 2))
	for ctx.Err() == nil {
		got, err := c.heard.sqs.ReceiveMessage(ctx, &sqs.ReceiveMessageInput{QueueUrl: c.heard.url, MaxNumberOfMessages: 10, WaitTimeSeconds: 1})
		if err != nil {
			continue
		}
		random.Shuffle(len(got.Messages), func(i, j int) { got.Messages[i], got.Messages[j] = got.Messages[j], got.Messages[i] })
		for _, m := range got.Messages {
			c.seen++
			copies := 1
			switch luck := random.IntN(100); {
			case luck < 10:
				copies, c.lost = 0, c.lost+1
				if strings.Contains(*m.Body, `"destinationBackupVaultArn":"`+c.home.vaultARN(chaosFirst)) {
					c.missed++
				}
			case luck < 20:
				c.late = append(c.late, *m.Body)
			case luck < 45:
				copies = 3
			}
			for range copies {
				if err := c.send(ctx, *m.Body, int32(random.IntN(4))); err != nil && ctx.Err() == nil {
					t.Errorf("relaying: %v", err)
				}
			}
			if _, err := c.heard.sqs.DeleteMessage(ctx, &sqs.DeleteMessageInput{QueueUrl: c.heard.url, ReceiptHandle: m.ReceiptHandle}); err != nil && ctx.Err() == nil {
				t.Logf("relaying: %v", err) // it comes again
			}
		}
	}
}

func (c *chaos) send(ctx context.Context, body string, delay int32) error {
	_, err := c.queue.sqs.SendMessage(ctx, &sqs.SendMessageInput{QueueUrl: c.queue.url, MessageBody: &body, DelaySeconds: delay})
	return err
}

// copyAndDie runs a copier, kills it in the middle of its work, and runs it again.
func (c *chaos) copyAndDie(ctx context.Context, t *testing.T, n int) {
	random := rand.New(rand.NewPCG(uint64(n), 0))
	for ctx.Err() == nil {
		command := c.copier("run", "--queue-url", *c.queue.url, "--reconcile-every", "0")
		command.Stdout, command.Stderr = c.p.log, c.p.log
		if err := command.Start(); err != nil {
			t.Errorf("running the copier: %v", err)
			return
		}
		pause(ctx, time.Duration(1000+random.IntN(6000))*time.Millisecond)
		_ = command.Process.Kill()
		_ = command.Wait()
	}
}

// reconcileUntilDone reconciles, through the bad weather too, until there is nothing left to do.
func (c *chaos) reconcileUntilDone(t *testing.T) {
	repaired := 0
	c.wait(t, "the reconciliation", func() (bool, error) {
		command := c.copier("reconcile", "--json")
		command.Stderr = c.p.log
		out, err := command.Output()
		var report struct {
			Points, Delivered, UnderWay, Started, Waiting int
			Stuck                                         []struct{ Text string }
			Swept                                         struct{ Removed, Kept int }
		}
		if json.Unmarshal(out, &report) != nil {
			return false, fmt.Errorf("%w: %s", err, out)
		}
		repaired += report.Started
		return report.Points == report.Delivered && report.Swept.Removed == 0 && err == nil, fmt.Errorf("%w: %+v", err, report)
	})
	t.Logf("the reconciliations began %d hops", repaired)
	if c.missed > 3 && repaired == 0 { // an event may come twice, of which one is lost
		t.Errorf("%d first hops were not told of, but no hop had to be repaired", c.missed)
	}
}

// check counts what is in the vaults.
func (c *chaos) check(t *testing.T) {
	t.Helper()
	ctx := t.Context()
	source := must(c.points(ctx, c.home, "chaos-source"))(t, "listing the recovery points")
	final := must(c.points(ctx, c.far, chaosFinal))(t, "listing the final vault")
	type backedUp struct {
		resource string
		at       time.Time
	}
	copies := map[backedUp]int{}
	for _, p := range final {
		copies[backedUp{*p.ResourceArn, *p.CreationDate}]++
	}
	for _, p := range source {
		if n := copies[backedUp{*p.ResourceArn, *p.CreationDate}]; n != 1 {
			t.Errorf("the recovery point %s of %s is %d times in the final vault", *p.RecoveryPointArn, *p.ResourceArn, n)
		}
	}
	if len(final) != len(source) || len(source) != c.buckets*perBucket {
		t.Errorf("%d recovery points were made, %d are in the final vault, want %d", len(source), len(final), c.buckets*perBucket)
	}
	hops := map[string]int{}
	jobs, states, err := c.jobs(ctx, chaosFirst)
	if err != nil {
		t.Fatal(err)
	}
	for _, j := range jobs {
		if j.State != backuptypes.CopyJobStateFailed {
			hops[*j.SourceRecoveryPointArn]++
		}
	}
	for point, n := range hops {
		if n != 1 {
			t.Errorf("%d copy jobs took %s to the final vault", n, point)
		}
	}
	if len(hops) != len(source) {
		t.Errorf("%d hops were made of %d (%v)", len(hops), len(source), states)
	}
	c.checkLooks(t, final)
	left := must(c.points(ctx, c.home, chaosFirst))(t, "listing the intermediate vault")
	if len(left) != c.buckets {
		t.Errorf("%d intermediate copies are left, want the newest of each of the %d buckets", len(left), c.buckets)
	}
	for _, m := range c.dead.drain(t) {
		t.Errorf("a dead letter: %s", m)
	}
}

// checkLooks checks tags and retention of the final copies.
func (c *chaos) checkLooks(t *testing.T, final []backuptypes.RecoveryPointByBackupVault) {
	t.Helper()
	var checking errgroup.Group
	checking.SetLimit(8)
	for _, p := range final {
		checking.Go(func() error {
			out, err := c.far.backup.ListTags(t.Context(), &backup.ListTagsInput{ResourceArn: p.RecoveryPointArn})
			if err != nil {
				return err
			}
			n, err := strconv.Atoi(out.Tags["number"])
			if err != nil || len(out.Tags) != 1 || p.Lifecycle == nil || aws.ToInt64(p.Lifecycle.DeleteAfterDays) != retention(n) ||
				*p.ResourceArn != "arn:aws:s3:::"+chaosBucket(n/perBucket) {
				t.Errorf("%s of %s has the tags %v and the lifecycle %+v", *p.RecoveryPointArn, *p.ResourceArn, out.Tags, p.Lifecycle)
			}
			return nil
		})
	}
	if err := checking.Wait(); err != nil {
		t.Errorf("reading tags: %v", err)
	}
}

// tellLate tells the copiers what they did not hear in time, and everything from the queue that is still in it, and waits
// until the queue is empty.
func (c *chaos) tellLate(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	if len(c.late) == 0 && c.seen > 120 {
		t.Error("no event was late")
	}
	for _, body := range c.late {
		if err := c.send(ctx, body, 0); err != nil {
			t.Fatal(err)
		}
	}
	command := c.copier("run", "--queue-url", *c.queue.url, "--reconcile-every", "0")
	command.Stdout, command.Stderr = c.p.log, c.p.log
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = command.Process.Kill(); _ = command.Wait() }()
	c.wait(t, "the late events", func() (bool, error) {
		out, err := c.queue.sqs.GetQueueAttributes(ctx, &sqs.GetQueueAttributesInput{QueueUrl: c.queue.url, AttributeNames: []sqstypes.QueueAttributeName{sqstypes.QueueAttributeNameApproximateNumberOfMessages}})
		var e smithy.APIError
		if errors.As(err, &e) {
			t.Fatal(err)
		}
		waiting := out.Attributes["ApproximateNumberOfMessages"]
		return waiting == "0", fmt.Errorf("%s messages wait", waiting)
	})
	c.settleHops(t, 2)
}
