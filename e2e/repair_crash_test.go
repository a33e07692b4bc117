package e2e

import (
	"context"
	"errors"
	"io/fs"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/backup"

	"strongroom/internal/work"
)

// TestKilledInScrubAndRepair damages a vault whose recovery points have copies, and kills the server with SIGKILL in the middle of a pass of
// its scrub, and of repairs, at random instants. Whatever a repair was at: another mends all, everything is restored as it was, and what is
// whole again neither says that it is damaged nor is told of as healed again. CRASHES says how many times, 2 if it is not set; TORTURE_SEED
// makes the choices of an earlier run.
func TestKilledInScrubAndRepair(t *testing.T) {
	t.Parallel()
	rounds, seed := 2, uint64(time.Now().UnixNano())
	var wrong error
	if text := os.Getenv("CRASHES"); text != "" {
		rounds, wrong = strconv.Atoi(text)
	}
	if text := os.Getenv("TORTURE_SEED"); text != "" {
		var err error
		seed, err = strconv.ParseUint(text, 10, 64)
		wrong = errors.Join(wrong, err)
	}
	if wrong != nil {
		t.Fatal(wrong)
	}
	t.Logf("TORTURE_SEED=%d", seed)
	ctx := t.Context()
	c := &crashed{p: newProcess(t), random: rand.New(rand.NewPCG(seed, 0)), points: map[string]sums{}, asked: map[string]bool{}, brief: map[string]bool{}, counts: map[string]int{}, bucket: sums{}}
	c.p.configure(t, "scrub: {rate: off}\n")
	c.p.start(ctx, t)
	c.prepare(ctx, t)
	c.copyAll(ctx, t)
	must(c.p.admin().Verify(ctx, work.VerifyRequest{}))(t, "verifying, by which headers are kept")
	data := filepath.Join(c.p.dir, "data")
	vault := filepath.Join(data, "regions", crashRegion, "archive", "vaults", crashAccount, "crash")
	for range rounds {
		c.p.kill()
		c.decay(t, vault)
		c.killedInScrub(ctx, t, data)
		for range 3 {
			c.killedInRepair(ctx, t, vault)
		}
		// As two hours do, by the machine's clock. Until then packs that are as young as the leases of the repairs that were killed are taken
		// for those of writers at work, and stay out of the index.
		if err := os.RemoveAll(filepath.Join(vault, "leases")); err != nil {
			t.Fatal(err)
		}
		c.p.start(ctx, t)
		mended := must(c.p.admin().Verify(ctx, work.VerifyRequest{Repair: true}))(t, "repairing")
		if mended.Damaged() || len(mended.Failed) > 0 || len(mended.Unknown) > 0 {
			t.Fatalf("the repair after those that were killed: %+v", mended)
		}
		if again := must(c.p.admin().Verify(ctx, work.VerifyRequest{Repair: true}))(t, "repairing again"); again.Damaged() || len(again.Healed) > 0 {
			t.Errorf("all was well, and a repair says %+v", again)
		}
		for point := range c.points {
			client := c.backup
			if !c.home(point) {
				client = c.other
			}
			shown := must(client.DescribeRecoveryPoint(ctx, &backup.DescribeRecoveryPointInput{BackupVaultName: aws.String("crash"), RecoveryPointArn: &point}))(t, "describing a point")
			if message := aws.ToString(shown.StatusMessage); message != "" {
				t.Errorf("%s is well and says %s", point, message)
			}
		}
	}
	c.check(ctx, t, true)
	if t.Logf("%v", c.counts); c.counts["repair that was cut short"] == 0 {
		t.Error("no repair was killed before it ended")
	}
}

// copyAll backs up a bucket and a volume, and copies both into the other Region.
func (c *crashed) copyAll(ctx context.Context, t *testing.T) {
	t.Helper()
	for _, key := range []string{"one", "two", "three"} {
		c.put(ctx, t, key)
	}
	for _, resource := range []string{"arn:aws:s3:::" + crashBucket, c.volumeARN()} {
		must(c.backup.StartBackupJob(ctx, &backup.StartBackupJobInput{BackupVaultName: aws.String("crash"), ResourceArn: &resource, IamRoleArn: aws.String(crashRole)}))(t, "starting a backup")
	}
	c.settle(ctx, t)
	for point := range c.points {
		must(c.backup.StartCopyJob(ctx, &backup.StartCopyJobInput{
			RecoveryPointArn: &point, SourceBackupVaultName: aws.String("crash"), IamRoleArn: aws.String(crashRole),
			DestinationBackupVaultArn: aws.String("arn:aws:backup:" + otherRegion + ":" + crashAccount + ":backup-vault:crash"),
		}))(t, "starting a copy")
	}
	c.settle(ctx, t)
	if len(c.points) != 4 {
		t.Fatalf("there are %d recovery points, want two and their copies", len(c.points))
	}
}

// decay flips a bit of some objects of an archive and removes others, one of each kind at least. Headers are removed or well.
func (c *crashed) decay(t *testing.T, root string) {
	t.Helper()
	paths := slices.Sorted(maps.Keys(objects(t, root)))
	if len(paths) == 0 {
		t.Fatalf("%s has no files", root)
	}
	hit := map[string]bool{}
	for _, i := range c.random.Perm(len(paths)) {
		kind, _, _ := strings.Cut(strings.TrimPrefix(paths[i], root+"/"), "/")
		if !slices.Contains([]string{"packs", "index", "points", "domains"}, kind) || hit[kind] && c.random.IntN(4) > 0 {
			continue
		}
		hit[kind] = true
		c.counts["damaged "+kind]++
		if kind == "domains" || c.random.IntN(2) == 0 {
			if err := os.Remove(paths[i]); err != nil {
				t.Fatal(err)
			}
			continue
		}
		flipBit(t, paths[i], 60)
	}
}

// objects are the files below a directory.
func objects(t *testing.T, root string) map[string]bool {
	t.Helper()
	found := map[string]bool{}
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err == nil && entry.Type().IsRegular() {
			found[path] = true
		}
		if errors.Is(err, fs.ErrNotExist) { // removed meanwhile
			return nil
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// killedInScrub kills the server when its scrub has read a pack, and before it has read all: some have ten megabytes and more.
func (c *crashed) killedInScrub(ctx context.Context, t *testing.T, data string) {
	t.Helper()
	c.p.configure(t, "scrub: {rate: 2MB/s, every: 2s}\n") // a pass is due at once
	before := packsRead(t, data)
	c.p.start(ctx, t)
	eventually(ctx, t, "the scrub to read something", func() (bool, error) {
		for pack, at := range packsRead(t, data) {
			if before[pack] != at {
				return true, nil
			}
		}
		return false, nil
	})
	c.p.kill()
	c.p.configure(t, "scrub: {rate: off}\n")
}

// killedInRepair begins a repair, and kills the server when it has stored or removed so many objects of the archive as chance says, or has
// ended.
func (c *crashed) killedInRepair(ctx context.Context, t *testing.T, archive string) {
	t.Helper()
	c.p.start(ctx, t)
	ended := make(chan bool, 1)
	go func() {
		_, err := c.p.admin().Verify(ctx, work.VerifyRequest{Repair: true})
		ended <- err == nil
	}()
	last, left := objects(t, archive), c.random.IntN(8)
	for left >= 0 && len(ended) == 0 {
		now := objects(t, archive)
		for name := range now {
			if !last[name] {
				left--
			}
		}
		for name := range last {
			if !now[name] {
				left--
			}
		}
		last = now
		pause(ctx, time.Millisecond)
	}
	c.p.kill()
	c.counts[map[bool]string{true: "repair that ended", false: "repair that was cut short"}[<-ended]]++
}
