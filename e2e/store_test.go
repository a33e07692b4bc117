package e2e

import (
	"net/url"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/google/go-cmp/cmp"

	"strongroom/internal/server"
	"strongroom/internal/strongroomtest"

	"strongroom/internal/work"
)

// A Region may keep its vaults in an S3-compatible store, such as another strongroom's.
func TestARegionStoresInS3(t *testing.T) {
	holder := strongroomtest.New(t)
	held := newParty(server.BackupAccount, holder.AWS(t, "backup", server.HomeRegion))
	held.bucket(t, "the-store", "")
	credentials, err := holder.AWS(t, "backup", server.HomeRegion).Credentials.Retrieve(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	// The store's client takes its credentials from where AWS clients do.
	t.Setenv("AWS_ACCESS_KEY_ID", credentials.AccessKeyID)
	t.Setenv("AWS_SECRET_ACCESS_KEY", credentials.SecretAccessKey)
	t.Setenv("AWS_REGION", server.HomeRegion)
	place := url.URL{Scheme: "s3", Host: "the-store", RawQuery: url.Values{
		"endpoint": {holder.Endpoint()}, "use_path_style": {"true"}, "prefix": {"north/"},
	}.Encode()}

	s := strongroomtest.New(t, strongroomtest.Options{Config: server.Config{Regions: map[string]server.Region{server.HomeRegion: {Store: place.String()}}}})
	member := newParty(server.MemberAccount, s.AWS(t, "member", server.HomeRegion))
	member.linked(t)
	member.role(t, "jobs", rolePolicies...)
	member.vault(t, "safe", member.key(t))
	member.bucket(t, "photos", "")
	body := noise(7, 3<<20)
	member.put(t, "photos", "sea", body)
	point := member.backUp(t, "safe", "arn:aws:s3:::photos")

	listed, err := held.s3.ListObjectsV2(t.Context(), &s3.ListObjectsV2Input{Bucket: aws.String("the-store"), Prefix: aws.String("north/vaults/" + server.MemberAccount + "/safe/")})
	if err != nil {
		t.Fatal(err)
	}
	var size int64
	for _, o := range listed.Contents {
		size += aws.ToInt64(o.Size)
	}
	if size < int64(len(body)) {
		t.Errorf("the store holds %d objects of %d bytes in all, and %d random bytes were backed up", len(listed.Contents), size, len(body))
	}
	if diff := cmp.Diff(member.objects(t, "photos"), member.restoreBucket(t, point, "photos-again")); diff != "" {
		t.Errorf("what came back is not what was written (%d bytes of difference)", len(diff))
	}
	report, err := s.Admin.Verify(t.Context(), work.VerifyRequest{})
	if err != nil || report.Damaged() || len(report.Skipped) > 0 {
		t.Errorf("verify says %+v, %v", report, err)
	}
}
