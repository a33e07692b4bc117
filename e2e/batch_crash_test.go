package e2e

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/backup"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	s3types "github.com/aws/aws-sdk-go-v2/service/s3/types"
	"golang.org/x/sync/errgroup"
)

// TestSmallObjectsOutliveAKill kills the server in the middle of a backup of many small objects, which are read many at a time, and
// of restores, which write many into one file: the jobs go on after a start and complete, each object is there once and as it was, at
// every moment, and no file is left over when what was restored is deleted.
func TestSmallObjectsOutliveAKill(t *testing.T) {
	t.Parallel()
	const objects = 600
	ctx, p := t.Context(), newProcess(t)
	p.start(ctx, t)
	m := newParty(member, p.aws(t, "member", home))
	m.role(t, "jobs", rolePolicies...)
	m.linked(t)
	m.vault(t, "safe", m.key(t))
	source := m.bucket(t, "many", "")
	want := m.objects(t, "many") // some are in every bucket
	var puts errgroup.Group
	puts.SetLimit(8)
	for i := range objects {
		key := fmt.Sprintf("%02d/%04d", i%7, i)
		body := strings.Repeat(key+" ", 1+i%600) // up to 5 KiB
		want[key] = body
		puts.Go(func() error {
			_, err := m.s3.PutObject(ctx, &s3.PutObjectInput{Bucket: aws.String("many"), Key: &key, Body: strings.NewReader(body)})
			return err
		})
	}
	if err := puts.Wait(); err != nil {
		t.Fatal(err)
	}
	stored := filepath.Join(p.dir, "data", "regions", home, "s3")
	before := files(t, stored)

	job := m.startBackup(t, "safe", source)
	leases := filepath.Join(p.dir, "data", "regions", home, "archive", "vaults", member, "safe")
	soon(t, "the backup writes", func() bool { return files(t, leases, "leases")+files(t, leases, "packs") > 0 }) // leases go with the backup
	p.kill()
	p.start(ctx, t)
	if out := m.backedUp(t, job); out.State != "COMPLETED" {
		t.Fatalf("the backup is %s: %s", out.State, aws.ToString(out.StatusMessage))
	}
	points := m.points(t, "safe")
	if len(points) != 1 {
		t.Fatalf("one backup made the points %v", points)
	}

	for round, bundles := range []int{1, 3} {
		again := fmt.Sprintf("many-again-%d", round)
		started := must(m.backup.StartRestoreJob(ctx, &backup.StartRestoreJobInput{
			RecoveryPointArn: &points[0], IamRoleArn: aws.String(m.roleARN()), Metadata: m.metadata(points[0], again),
		}))(t, "starting a restore")
		soon(t, "the restore writes", func() bool { return files(t, stored) >= before+bundles })
		p.kill()
		p.start(ctx, t)
		for key, body := range m.everyObject(t, again) { // while the job goes on
			if body != want[key] {
				t.Errorf("%s has %d bytes where it had %d, after a kill", key, len(body), len(want[key]))
			}
		}
		eventually(ctx, t, "the restore is completed", func() (bool, error) {
			out, err := m.backup.DescribeRestoreJob(ctx, &backup.DescribeRestoreJobInput{RestoreJobId: started.RestoreJobId})
			if err != nil || out.Status == "FAILED" || out.Status == "ABORTED" {
				t.Fatalf("the restore has come to %+v, %v", out, err)
			}
			return out.Status == "COMPLETED", nil
		})
		m.holdsOnce(t, again, want)
		m.empty(t, again)
		eventually(ctx, t, "no file is left over", func() (bool, error) {
			left := files(t, stored) - before
			return left == 0, fmt.Errorf("there are %d files more than before", left)
		})
	}
	if out := m.restoreJob(t, points[0], m.metadata(points[0], "many-in-peace")); out.Status != "COMPLETED" {
		t.Fatalf("the next restore is %s: %s", out.Status, aws.ToString(out.StatusMessage))
	}
	m.holdsOnce(t, "many-in-peace", want)
}

// files counts the files below a directory that may not be there, or those of one folder of it.
func files(t *testing.T, dir string, folder ...string) (n int) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if os.IsNotExist(err) {
			return nil
		}
		if err == nil && !entry.IsDir() && (len(folder) == 0 || strings.Contains(path, "/"+folder[0]+"/")) {
			n++
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// soon asks again and again without a pause, for what is over quickly.
func soon(t *testing.T, what string, is func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience()); !is(); {
		if time.Now().After(deadline) {
			t.Fatalf("it is not so that %s", what)
		}
	}
}

// everyObject reads all objects of a bucket, which may not be there yet.
func (p *party) everyObject(t *testing.T, bucket string) map[string]string {
	t.Helper()
	if _, err := p.s3.HeadBucket(t.Context(), &s3.HeadBucketInput{Bucket: &bucket}); err != nil {
		return nil
	}
	return p.objects(t, bucket)
}

// holdsOnce checks that a bucket has objects as they should be, and one version of each.
func (p *party) holdsOnce(t *testing.T, bucket string, want map[string]string) {
	t.Helper()
	got := p.objects(t, bucket)
	for key, body := range want {
		if got[key] != body {
			t.Errorf("%s of %s has %d bytes where it had %d", key, bucket, len(got[key]), len(body))
		}
	}
	if versions := p.versions(t, bucket); len(versions) != len(want) || len(got) != len(want) {
		t.Errorf("%s has %d objects of %d versions, and should have %d once", bucket, len(got), len(versions), len(want))
	}
}

func (p *party) versions(t *testing.T, bucket string) (all []s3types.ObjectIdentifier) {
	t.Helper()
	pages := s3.NewListObjectVersionsPaginator(p.s3, &s3.ListObjectVersionsInput{Bucket: &bucket})
	for pages.HasMorePages() {
		page := must(pages.NextPage(t.Context()))(t, "listing the versions of "+bucket)
		for _, v := range page.Versions {
			all = append(all, s3types.ObjectIdentifier{Key: v.Key, VersionId: v.VersionId})
		}
	}
	return all
}

// empty deletes all versions of a bucket and the bucket.
func (p *party) empty(t *testing.T, bucket string) {
	t.Helper()
	out := must(p.s3.DeleteObjects(t.Context(), &s3.DeleteObjectsInput{Bucket: &bucket, Delete: &s3types.Delete{Objects: p.versions(t, bucket)}}))(t, "emptying "+bucket)
	if len(out.Errors) > 0 {
		t.Fatalf("of %s were not deleted: %+v", bucket, out.Errors)
	}
	must(p.s3.DeleteBucket(t.Context(), &s3.DeleteBucketInput{Bucket: &bucket}))(t, "deleting "+bucket)
}
