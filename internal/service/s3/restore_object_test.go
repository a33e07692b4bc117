package s3_test

import (
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"strongroom/internal/service/s3/s3test"
)

func TestArchivedObjectsAreRestoredFirst(t *testing.T) {
	t.Parallel()
	w := s3test.New(t)
	w.Bucket(t, s3test.Member, "bucket", false)
	for key, class := range map[string]types.StorageClass{"cold": types.StorageClassGlacier, "deep": types.StorageClassDeepArchive, "instant": types.StorageClassGlacierIr} {
		s3test.Do[s3.PutObjectOutput](t, w, admin, &s3.PutObjectInput{Bucket: ptr("bucket"), Key: &key, Body: strings.NewReader(key), StorageClass: class})
	}
	restore := func(key string, days int32, tier types.Tier) *s3.RestoreObjectInput {
		return &s3.RestoreObjectInput{Bucket: ptr("bucket"), Key: &key, RestoreRequest: &types.RestoreRequest{Days: &days, GlacierJobParameters: &types.GlacierJobParameters{Tier: tier}}}
	}
	get := &s3.GetObjectInput{Bucket: ptr("bucket"), Key: ptr("cold")}
	head := func() string {
		out := s3test.Do[s3.HeadObjectOutput](t, w, admin, &s3.HeadObjectInput{Bucket: ptr("bucket"), Key: ptr("cold")})
		if out.Restore == nil {
			return ""
		}
		return *out.Restore
	}
	if got := w.Get(t, admin, "bucket", "instant", ""); got != "instant" {
		t.Errorf("content %q", got)
	}
	if e := s3test.Refused[s3.GetObjectOutput](t, w, admin, get, "InvalidObjectState"); e.Members["StorageClass"] != "GLACIER" || e.Status != 403 {
		t.Errorf("%+v", e)
	}
	s3test.Refused[s3.CopyObjectOutput](t, w, admin, &s3.CopyObjectInput{Bucket: ptr("bucket"), Key: ptr("copy"), CopySource: ptr("bucket/cold")}, "InvalidObjectState")
	s3test.Refused[s3.RestoreObjectOutput](t, w, admin, restore("instant", 1, types.TierStandard), "InvalidObjectState")
	s3test.Refused[s3.RestoreObjectOutput](t, w, admin, restore("deep", 1, types.TierExpedited), "InvalidArgument")
	s3test.Refused[s3.RestoreObjectOutput](t, w, admin, restore("cold", 0, types.TierStandard), "MalformedXML")
	s3test.Refused[s3.RestoreObjectOutput](t, w, admin, restore("none", 1, types.TierStandard), "NoSuchKey")

	s3test.Do[s3.RestoreObjectOutput](t, w, admin, restore("cold", 2, types.TierStandard))
	if got, want := head(), `ongoing-request="true"`; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	s3test.Refused[s3.GetObjectOutput](t, w, admin, get, "InvalidObjectState")
	s3test.Refused[s3.RestoreObjectOutput](t, w, admin, restore("cold", 2, types.TierStandard), "RestoreAlreadyInProgress")
	w.Clock.Advance(5*time.Hour + time.Second)
	if got, want := head(), `ongoing-request="false", expiry-date="Sun, 04 Jan 2026 00:00:00 GMT"`; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	w = w.Restart(t)
	if got := w.Get(t, admin, "bucket", "cold", ""); got != "cold" {
		t.Errorf("content %q", got)
	}
	s3test.Do[s3.RestoreObjectOutput](t, w, admin, restore("cold", 9, types.TierStandard))
	if got, want := head(), `ongoing-request="false", expiry-date="Sun, 11 Jan 2026 00:00:00 GMT"`; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	w.Clock.Advance(11 * 24 * time.Hour)
	s3test.Refused[s3.GetObjectOutput](t, w, admin, get, "InvalidObjectState")
	if got := head(); got != "" {
		t.Errorf("after its time the restore is told as %q", got)
	}
}
