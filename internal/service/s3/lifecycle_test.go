package s3_test

import (
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/google/go-cmp/cmp"

	"strongroom/internal/api"
	"strongroom/internal/service/s3/s3test"
)

// rules puts lifecycle rules that are enabled and mean the whole bucket where they do not say otherwise.
func rules(t *testing.T, w *s3test.World, bucket string, all ...types.LifecycleRule) {
	t.Helper()
	for i := range all {
		all[i].Status = types.ExpirationStatusEnabled
		if all[i].Filter == nil {
			all[i].Filter = &types.LifecycleRuleFilter{}
		}
	}
	s3test.Do[s3.PutBucketLifecycleConfigurationOutput](t, w, admin, &s3.PutBucketLifecycleConfigurationInput{Bucket: &bucket, LifecycleConfiguration: &types.BucketLifecycleConfiguration{Rules: all}})
}

// pass lets days go by and applies the rules at the end.
func pass(t *testing.T, w *s3test.World, days int) {
	t.Helper()
	w.Clock.Advance(time.Duration(days) * 24 * time.Hour)
	if err := w.S3.RunLifecycles(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// held is what a bucket holds, newest version of each key first: "k", "k(marker)", with " GLACIER" behind if it is not STANDARD.
func held(t *testing.T, w *s3test.World, bucket string) (all []string) {
	t.Helper()
	out := s3test.Do[s3.ListObjectVersionsOutput](t, w, admin, &s3.ListObjectVersionsInput{Bucket: &bucket})
	for _, m := range out.DeleteMarkers {
		all = append(all, *m.Key+"(marker)")
	}
	for _, v := range out.Versions {
		name := *v.Key
		if v.StorageClass != "STANDARD" {
			name += " " + string(v.StorageClass)
		}
		all = append(all, name)
	}
	return all
}

func wantHeld(t *testing.T, w *s3test.World, bucket string, want ...string) {
	t.Helper()
	if diff := cmp.Diff(want, held(t, w, bucket)); diff != "" {
		t.Errorf("%s, at %s, holds (-want +got):\n%s", bucket, w.Clock.Now().Format(time.RFC3339), diff)
	}
}

func TestLifecycleExpires(t *testing.T) {
	t.Parallel()
	w := s3test.New(t)
	w.Bucket(t, s3test.Member, "plain", false)
	w.Clock.Advance(10 * time.Hour)
	w.Put(t, admin, "plain", "log/a", "1")
	w.Put(t, admin, "plain", "data/a", "1")
	s3test.Do[s3.PutObjectOutput](t, w, admin, &s3.PutObjectInput{Bucket: ptr("plain"), Key: ptr("data/old"), Tagging: ptr("age=old"), Body: strings.NewReader("x")})
	rules(t, w, "plain",
		types.LifecycleRule{ID: ptr("logs"), Filter: &types.LifecycleRuleFilter{Prefix: ptr("log/")}, Expiration: &types.LifecycleExpiration{Days: ptr(int32(3))}},
		types.LifecycleRule{ID: ptr("old"), Filter: &types.LifecycleRuleFilter{Tag: &types.Tag{Key: ptr("age"), Value: ptr("old")}}, Expiration: &types.LifecycleExpiration{Days: ptr(int32(1))}})
	head := s3test.Do[s3.HeadObjectOutput](t, w, admin, &s3.HeadObjectInput{Bucket: ptr("plain"), Key: ptr("log/a")})
	if got, want := *head.Expiration, `expiry-date="Mon, 05 Jan 2026 00:00:00 GMT", rule-id="logs"`; got != want {
		t.Errorf("x-amz-expiration is %s, want %s", got, want)
	}
	pass(t, w, 1) // 2 January, 10:00
	wantHeld(t, w, "plain", "data/a", "data/old", "log/a")
	pass(t, w, 1)
	wantHeld(t, w, "plain", "data/a", "log/a")
	pass(t, w, 1)
	wantHeld(t, w, "plain", "data/a", "log/a")
	w = w.Restart(t)
	pass(t, w, 1)
	wantHeld(t, w, "plain", "data/a")
	if files := filesIn(t, w.Dir); len(files) != 1 {
		t.Errorf("expired objects leave %v", files)
	}
}

func TestLifecycleOfVersions(t *testing.T) {
	t.Parallel()
	w := s3test.New(t)
	w.Bucket(t, s3test.Member, "bucket", true)
	for range 5 {
		w.Put(t, admin, "bucket", "k", "v")
	}
	rules(t, w, "bucket", types.LifecycleRule{
		Expiration:                  &types.LifecycleExpiration{Days: ptr(int32(10))},
		NoncurrentVersionExpiration: &types.NoncurrentVersionExpiration{NoncurrentDays: ptr(int32(2)), NewerNoncurrentVersions: ptr(int32(1))},
	})
	pass(t, w, 1)
	wantHeld(t, w, "bucket", "k", "k", "k", "k", "k")
	pass(t, w, 2)
	wantHeld(t, w, "bucket", "k", "k") // the current one and the newest other
	pass(t, w, 8)
	wantHeld(t, w, "bucket", "k(marker)", "k", "k")
	pass(t, w, 3)
	wantHeld(t, w, "bucket", "k(marker)", "k")
	rules(t, w, "bucket", types.LifecycleRule{
		Expiration:                  &types.LifecycleExpiration{ExpiredObjectDeleteMarker: ptr(true)},
		NoncurrentVersionExpiration: &types.NoncurrentVersionExpiration{NoncurrentDays: ptr(int32(1))},
	})
	pass(t, w, 1)
	pass(t, w, 1)
	wantHeld(t, w, "bucket")
}

func TestLifecycleMoves(t *testing.T) {
	t.Parallel()
	w := s3test.New(t)
	w.Bucket(t, s3test.Member, "bucket", true)
	w.Put(t, admin, "bucket", "big", strings.Repeat("x", 200<<10))
	w.Put(t, admin, "bucket", "small", "x")
	rules(t, w, "bucket", types.LifecycleRule{Transitions: []types.Transition{
		{Days: ptr(int32(30)), StorageClass: types.TransitionStorageClassStandardIa}, {Days: ptr(int32(90)), StorageClass: types.TransitionStorageClassGlacier},
	}})
	pass(t, w, 29)
	wantHeld(t, w, "bucket", "big", "small")
	pass(t, w, 2)
	wantHeld(t, w, "bucket", "big STANDARD_IA", "small")
	pass(t, w, 60)
	wantHeld(t, w, "bucket", "big GLACIER", "small")
	s3test.Refused[s3.GetObjectOutput](t, w, admin, &s3.GetObjectInput{Bucket: ptr("bucket"), Key: ptr("big")}, "InvalidObjectState")
}

func TestLifecycleAbortsUploads(t *testing.T) {
	t.Parallel()
	w := s3test.New(t)
	w.Bucket(t, s3test.Member, "bucket", false)
	for _, key := range []string{"tmp/a", "keep/a"} {
		u := s3test.Do[s3.CreateMultipartUploadOutput](t, w, admin, &s3.CreateMultipartUploadInput{Bucket: ptr("bucket"), Key: &key})
		s3test.Do[s3.UploadPartOutput](t, w, admin, &s3.UploadPartInput{Bucket: ptr("bucket"), Key: &key, UploadId: u.UploadId, PartNumber: ptr(int32(1)), Body: strings.NewReader("part")})
	}
	rules(t, w, "bucket", types.LifecycleRule{
		Filter: &types.LifecycleRuleFilter{Prefix: ptr("tmp/")}, AbortIncompleteMultipartUpload: &types.AbortIncompleteMultipartUpload{DaysAfterInitiation: ptr(int32(2))},
	})
	pass(t, w, 1)
	if out := s3test.Do[s3.ListMultipartUploadsOutput](t, w, admin, &s3.ListMultipartUploadsInput{Bucket: ptr("bucket")}); len(out.Uploads) != 2 {
		t.Errorf("after a day there are %d uploads", len(out.Uploads))
	}
	pass(t, w, 2)
	out := s3test.Do[s3.ListMultipartUploadsOutput](t, w, admin, &s3.ListMultipartUploadsInput{Bucket: ptr("bucket")})
	if len(out.Uploads) != 1 || *out.Uploads[0].Key != "keep/a" {
		t.Errorf("uploads left: %v", out.Uploads)
	}
	if files := filesIn(t, w.Dir); len(files) != 1 {
		t.Errorf("aborted uploads leave %v", files)
	}
}

func TestLifecycleRulesRefused(t *testing.T) {
	t.Parallel()
	w := s3test.New(t)
	w.Bucket(t, s3test.Member, "bucket", false)
	three, one := ptr(int32(3)), ptr(int32(1))
	noon := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	expiry := &types.LifecycleExpiration{Days: three}
	everything := &types.LifecycleRuleFilter{Prefix: ptr("")}
	tagged := &types.LifecycleRuleFilter{Tag: &types.Tag{Key: ptr("k"), Value: ptr("v")}}
	for name, each := range map[string]struct {
		rules []types.LifecycleRule
		code  string
	}{
		"no rules":        {nil, "MalformedXML"},
		"no action":       {[]types.LifecycleRule{{Filter: everything}}, "InvalidRequest"},
		"no filter":       {[]types.LifecycleRule{{Expiration: expiry}}, "MalformedXML"},
		"two filters":     {[]types.LifecycleRule{{Filter: &types.LifecycleRuleFilter{Prefix: ptr("a"), Tag: tagged.Tag}, Expiration: expiry}}, "MalformedXML"},
		"the same id":     {[]types.LifecycleRule{{ID: ptr("a"), Filter: everything, Expiration: expiry}, {ID: ptr("a"), Filter: tagged, Expiration: expiry}}, "InvalidArgument"},
		"a long id":       {[]types.LifecycleRule{{ID: ptr(strings.Repeat("i", 256)), Filter: everything, Expiration: expiry}}, "InvalidArgument"},
		"no days":         {[]types.LifecycleRule{{Filter: everything, Expiration: &types.LifecycleExpiration{Days: ptr(int32(0))}}}, "InvalidArgument"},
		"noon":            {[]types.LifecycleRule{{Filter: everything, Expiration: &types.LifecycleExpiration{Date: &noon}}}, "InvalidArgument"},
		"days and marker": {[]types.LifecycleRule{{Filter: everything, Expiration: &types.LifecycleExpiration{Days: three, ExpiredObjectDeleteMarker: ptr(true)}}}, "MalformedXML"},
		"tagged markers":  {[]types.LifecycleRule{{Filter: tagged, Expiration: &types.LifecycleExpiration{ExpiredObjectDeleteMarker: ptr(true)}}}, "InvalidRequest"},
		"early IA":        {[]types.LifecycleRule{{Filter: everything, Transitions: []types.Transition{{Days: three, StorageClass: types.TransitionStorageClassStandardIa}}}}, "InvalidArgument"},
		"expiry before":   {[]types.LifecycleRule{{Filter: everything, Expiration: &types.LifecycleExpiration{Days: one}, Transitions: []types.Transition{{Days: three, StorageClass: types.TransitionStorageClassGlacier}}}}, "InvalidArgument"},
		"no such class":   {[]types.LifecycleRule{{Filter: everything, Transitions: []types.Transition{{Days: three, StorageClass: "COLD"}}}}, "MalformedXML"},
		"tagged aborts":   {[]types.LifecycleRule{{Filter: tagged, AbortIncompleteMultipartUpload: &types.AbortIncompleteMultipartUpload{DaysAfterInitiation: one}}}, "InvalidRequest"},
		"too many kept":   {[]types.LifecycleRule{{Filter: everything, NoncurrentVersionExpiration: &types.NoncurrentVersionExpiration{NoncurrentDays: one, NewerNoncurrentVersions: ptr(int32(101))}}}, "InvalidArgument"},
	} {
		for i := range each.rules {
			each.rules[i].Status = types.ExpirationStatusEnabled
		}
		_, err := api.Call[s3.PutBucketLifecycleConfigurationOutput](t.Context(), w.Door, admin, &s3.PutBucketLifecycleConfigurationInput{Bucket: ptr("bucket"), LifecycleConfiguration: &types.BucketLifecycleConfiguration{Rules: each.rules}})
		if api.Code(err) != each.code {
			t.Errorf("%s is answered with %v, want %s", name, err, each.code)
		}
	}
}
