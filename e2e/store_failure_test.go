package e2e

import (
	"context"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/backup"
	"github.com/google/go-cmp/cmp"

	"strongroom/internal/server"
	"strongroom/internal/strongroomtest"
	"strongroom/internal/work"
)

// A gate stands before an S3-compatible store and shuts.
type gate struct {
	*httptest.Server
	shut      atomic.Bool  // connections end without an answer
	throttled atomic.Int64 // so many of the next requests are answered SlowDown
	seen      atomic.Int64
}

func newGate(t *testing.T, service string) *gate {
	t.Helper()
	to, err := url.Parse(service)
	if err != nil {
		t.Fatal(err)
	}
	g := &gate{}
	forward := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(to); r.Out.Host = r.In.Host }} // which is signed
	g.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		g.seen.Add(1)
		switch {
		case g.shut.Load():
			panic(http.ErrAbortHandler)
		case g.throttled.Add(-1) >= 0:
			w.WriteHeader(http.StatusServiceUnavailable)
			_, _ = w.Write([]byte("<Error><Code>SlowDown</Code><Message>Please reduce your request rate.</Message></Error>"))
		default:
			forward.ServeHTTP(w, r)
		}
	}))
	t.Cleanup(g.Close)
	return g
}

// says waits until a running job tells of something.
func (p *party) says(ctx context.Context, t *testing.T, job, want string) {
	t.Helper()
	eventually(ctx, t, "that job "+job+" says "+want, func() (bool, error) {
		out, err := p.backup.DescribeBackupJob(ctx, &backup.DescribeBackupJobInput{BackupJobId: &job})
		return err == nil && strings.Contains(aws.ToString(out.StatusMessage), want), err
	})
}

// A Region whose vaults lie in a bucket outlives the failures of that and its own: jobs say what is wrong, go on when it
// has passed, and what was acknowledged is there.
func TestARegionOutlivesItsStore(t *testing.T) {
	holder := strongroomtest.New(t)
	held := newParty(server.BackupAccount, holder.AWS(t, "backup", server.HomeRegion))
	held.bucket(t, "the-store", "")
	key, err := held.config.Credentials.Retrieve(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("AWS_ACCESS_KEY_ID", key.AccessKeyID)
	t.Setenv("AWS_SECRET_ACCESS_KEY", key.SecretAccessKey)
	t.Setenv("AWS_REGION", server.HomeRegion)
	g := newGate(t, holder.Endpoint())
	store := func(bucket string, more ...string) string {
		q := url.Values{"endpoint": {g.URL}, "patience": {"300ms"}}
		for i := 0; i < len(more); i += 2 {
			q.Set(more[i], more[i+1])
		}
		return "{store: \"s3://" + bucket + "?" + q.Encode() + "\"}"
	}
	p := newProcess(t)
	home := "regions:\n  " + server.HomeRegion + ": " + store("the-store", "prefix", "north/")
	p.configure(t, home+"\n")
	p.start(t.Context(), t)
	member := newParty(server.MemberAccount, p.aws(t, "member", server.HomeRegion))
	member.linked(t)
	member.role(t, "jobs", rolePolicies...)
	member.vault(t, "safe", member.key(t))
	member.bucket(t, "photos", "")
	member.put(t, "photos", "sea", noise(7, 3<<20))

	buckets := map[string]string{}
	for _, region := range []string{"eu-west-1", "eu-west-2"} { // their stores are well as long as it takes to make keys, which wait for them
		there := member.in(region)
		there.vault(t, "safe", there.key(t))
		buckets[region] = there.bucket(t, "photos-"+region, "")
	}
	p.kill()
	p.configure(t, home+
		"\n  eu-west-1: "+store("no-such-bucket")+
		"\n  eu-west-2: "+store("the-store", "anonymous", "true")+"\n")
	p.start(t.Context(), t)
	for region, want := range map[string]string{"eu-west-1": "s3://no-such-bucket: there is no such bucket", "eu-west-2": "s3://the-store: it denies access"} {
		there := member.in(region)
		job := there.startBackup(t, "safe", buckets[region])
		there.says(t.Context(), t, job, want)
		there.stop(t, job)
	}

	g.shut.Store(true)
	job := member.startBackup(t, "safe", "arn:aws:s3:::photos")
	member.says(t.Context(), t, job, "s3://the-store: it is not to be had")
	g.shut.Store(false)
	if out := member.backedUp(t, job); out.State != "COMPLETED" {
		t.Fatalf("the job that met a shut gate is %s: %s", out.State, aws.ToString(out.StatusMessage))
	}

	g.throttled.Store(5)
	member.put(t, "photos", "sea", noise(8, 3<<20))
	point := member.backUp(t, "safe", "arn:aws:s3:::photos")
	want := member.objects(t, "photos")

	// Killed while the store is away, in the middle of a job.
	member.put(t, "photos", "land", noise(9, 3<<20))
	seen := g.seen.Load()
	g.shut.Store(true)
	job = member.startBackup(t, "safe", "arn:aws:s3:::photos")
	eventually(t.Context(), t, "that the job asks the store", func() (bool, error) { return g.seen.Load() > seen, nil })
	p.kill()
	g.shut.Store(false)
	p.configure(t, home+"\n") // the other Regions' stores are not to be verified
	p.start(t.Context(), t)
	if out := member.backedUp(t, job); out.State != "COMPLETED" {
		t.Fatalf("the job of the killed server is %s: %s", out.State, aws.ToString(out.StatusMessage))
	}
	if diff := cmp.Diff(want, member.restoreBucket(t, point, "photos-again")); diff != "" {
		t.Errorf("what came back is not what was written (%d bytes of difference)", len(diff))
	}
	report, err := p.admin().Verify(t.Context(), work.VerifyRequest{})
	if err != nil || report.Damaged() {
		t.Errorf("verify says %+v, %v", report, err)
	}
}
