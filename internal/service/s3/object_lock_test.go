package s3_test

import (
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"strongroom/internal/service/s3/s3test"
)

// lockWorld has the bucket "locked", whose versions can be locked.
func lockWorld(t *testing.T) *s3test.World {
	t.Helper()
	w := s3test.New(t)
	s3test.Do[s3.CreateBucketOutput](t, w, admin, &s3.CreateBucketInput{
		Bucket: ptr("locked"), ObjectLockEnabledForBucket: ptr(true),
		CreateBucketConfiguration: &types.CreateBucketConfiguration{LocationConstraint: s3test.Central},
	})
	return w
}

func retain(key string, mode types.ObjectLockRetentionMode, until time.Time, bypass bool) *s3.PutObjectRetentionInput {
	return &s3.PutObjectRetentionInput{
		Bucket: ptr("locked"), Key: &key, BypassGovernanceRetention: &bypass,
		Retention: &types.ObjectLockRetention{Mode: mode, RetainUntilDate: &until},
	}
}

func TestRetentionKeepsVersions(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		mode          types.ObjectLockRetentionMode
		bypass        bool // who asks has the right to, and says so
		deletes       bool // the version can be deleted at once
		shortens      bool
		changesMode   types.ObjectLockRetentionMode
		mayChangeMode bool
	}{
		{types.ObjectLockRetentionModeGovernance, false, false, false, types.ObjectLockRetentionModeCompliance, false},
		{types.ObjectLockRetentionModeGovernance, true, true, true, types.ObjectLockRetentionModeCompliance, true},
		{types.ObjectLockRetentionModeCompliance, false, false, false, types.ObjectLockRetentionModeGovernance, false},
		{types.ObjectLockRetentionModeCompliance, true, false, false, types.ObjectLockRetentionModeGovernance, false},
	} {
		t.Run(string(test.mode)+map[bool]string{true: " bypassed"}[test.bypass], func(t *testing.T) {
			t.Parallel()
			w := lockWorld(t)
			until := w.Clock.Now().Add(48 * time.Hour)
			version := w.Put(t, admin, "locked", "k", "kept")
			s3test.Do[s3.PutObjectRetentionOutput](t, w, admin, retain("k", test.mode, until, false))
			got := s3test.Do[s3.GetObjectRetentionOutput](t, w, admin, &s3.GetObjectRetentionInput{Bucket: ptr("locked"), Key: ptr("k")})
			if got.Retention.Mode != test.mode || !got.Retention.RetainUntilDate.Equal(until) {
				t.Errorf("retention %+v", got.Retention)
			}
			// Longer is always allowed.
			s3test.Do[s3.PutObjectRetentionOutput](t, w, admin, retain("k", test.mode, until.Add(time.Hour), false))
			allowed := func(what string, in any, want bool) {
				t.Helper()
				if want {
					s3test.Do[s3.PutObjectRetentionOutput](t, w, admin, in)
					s3test.Do[s3.PutObjectRetentionOutput](t, w, admin, retain("k", test.mode, until.Add(time.Hour), true))
					return
				}
				e := s3test.Refused[s3.PutObjectRetentionOutput](t, w, admin, in, "AccessDenied")
				if e.Message != "Access Denied because object protected by object lock." {
					t.Errorf("%s: %s", what, e.Message)
				}
			}
			allowed("shorter", retain("k", test.mode, until, test.bypass), test.shortens)
			if !test.mayChangeMode {
				allowed("another mode", retain("k", test.changesMode, until.Add(2*time.Hour), test.bypass), false)
			}
			allowed("none", &s3.PutObjectRetentionInput{Bucket: ptr("locked"), Key: ptr("k"), BypassGovernanceRetention: &test.bypass, Retention: &types.ObjectLockRetention{}}, test.shortens)

			// A delete marker is no deletion.
			s3test.Do[s3.DeleteObjectOutput](t, w, admin, &s3.DeleteObjectInput{Bucket: ptr("locked"), Key: ptr("k")})
			remove := &s3.DeleteObjectInput{Bucket: ptr("locked"), Key: ptr("k"), VersionId: &version, BypassGovernanceRetention: &test.bypass}
			if test.deletes {
				s3test.Do[s3.DeleteObjectOutput](t, w, admin, remove)
				return
			}
			s3test.Refused[s3.DeleteObjectOutput](t, w, admin, remove, "AccessDenied")
			many := s3test.Do[s3.DeleteObjectsOutput](t, w, admin, &s3.DeleteObjectsInput{
				Bucket: ptr("locked"), BypassGovernanceRetention: &test.bypass,
				Delete: &types.Delete{Objects: []types.ObjectIdentifier{{Key: ptr("k"), VersionId: &version}}},
			})
			if len(many.Errors) != 1 || *many.Errors[0].Code != "AccessDenied" || len(many.Deleted) != 0 {
				t.Errorf("deleting many: %+v", many)
			}
			if got := w.Get(t, admin, "locked", "k", version); got != "kept" {
				t.Errorf("content %q", got)
			}
			w = w.Restart(t)
			s3test.Refused[s3.DeleteObjectOutput](t, w, admin, remove, "AccessDenied")
			w.Clock.Advance(50 * time.Hour)
			s3test.Do[s3.DeleteObjectOutput](t, w, admin, remove)
		})
	}
}

func TestBypassNeedsTheRight(t *testing.T) {
	t.Parallel()
	w := lockWorld(t)
	version := w.Put(t, admin, "locked", "k", "kept")
	s3test.Do[s3.PutObjectRetentionOutput](t, w, admin, retain("k", types.ObjectLockRetentionModeGovernance, w.Clock.Now().Add(time.Hour), false))
	someone := s3test.User(s3test.Member, "someone")
	remove := &s3.DeleteObjectInput{Bucket: ptr("locked"), Key: ptr("k"), VersionId: &version, BypassGovernanceRetention: ptr(true)}
	w.Allow(someone, `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":["s3:DeleteObjectVersion","s3:PutObject"],"Resource":"*"}}`)
	s3test.Refused[s3.DeleteObjectOutput](t, w, someone, remove, "AccessDenied")
	// To lock what one puts needs rights of its own.
	put := &s3.PutObjectInput{Bucket: ptr("locked"), Key: ptr("k2"), Body: strings.NewReader("x"), ObjectLockLegalHoldStatus: types.ObjectLockLegalHoldStatusOn, ChecksumAlgorithm: types.ChecksumAlgorithmCrc32}
	s3test.Refused[s3.PutObjectOutput](t, w, someone, put, "AccessDenied")
	w.Allow(someone, `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":["s3:DeleteObjectVersion","s3:BypassGovernanceRetention","s3:GetObject"],"Resource":"*"}}`)
	// Who may not read the lock is not told of it.
	if head := s3test.Do[s3.HeadObjectOutput](t, w, someone, &s3.HeadObjectInput{Bucket: ptr("locked"), Key: ptr("k")}); head.ObjectLockMode != "" {
		t.Errorf("told a lock of mode %s", head.ObjectLockMode)
	}
	s3test.Do[s3.DeleteObjectOutput](t, w, someone, remove)
}

func TestLegalHold(t *testing.T) {
	t.Parallel()
	w := lockWorld(t)
	version := w.Put(t, admin, "locked", "k", "held")
	s3test.Refused[s3.GetObjectLegalHoldOutput](t, w, admin, &s3.GetObjectLegalHoldInput{Bucket: ptr("locked"), Key: ptr("k")}, "NoSuchObjectLockConfiguration")
	s3test.Refused[s3.GetObjectRetentionOutput](t, w, admin, &s3.GetObjectRetentionInput{Bucket: ptr("locked"), Key: ptr("k")}, "NoSuchObjectLockConfiguration")
	hold := func(status types.ObjectLockLegalHoldStatus) *s3.PutObjectLegalHoldInput {
		return &s3.PutObjectLegalHoldInput{Bucket: ptr("locked"), Key: ptr("k"), LegalHold: &types.ObjectLockLegalHold{Status: status}}
	}
	s3test.Refused[s3.PutObjectLegalHoldOutput](t, w, admin, hold("MAYBE"), "MalformedXML")
	s3test.Do[s3.PutObjectLegalHoldOutput](t, w, admin, hold(types.ObjectLockLegalHoldStatusOn))
	remove := &s3.DeleteObjectInput{Bucket: ptr("locked"), Key: ptr("k"), VersionId: &version, BypassGovernanceRetention: ptr(true)}
	s3test.Refused[s3.DeleteObjectOutput](t, w, admin, remove, "AccessDenied")
	w.Clock.Advance(100 * 365 * 24 * time.Hour)
	s3test.Refused[s3.DeleteObjectOutput](t, w, admin, remove, "AccessDenied")
	s3test.Do[s3.PutObjectLegalHoldOutput](t, w, admin, hold(types.ObjectLockLegalHoldStatusOff))
	if out := s3test.Do[s3.GetObjectLegalHoldOutput](t, w, admin, &s3.GetObjectLegalHoldInput{Bucket: ptr("locked"), Key: ptr("k")}); out.LegalHold.Status != "OFF" {
		t.Errorf("hold %s", out.LegalHold.Status)
	}
	s3test.Do[s3.DeleteObjectOutput](t, w, admin, remove)
}

func TestLockConfiguration(t *testing.T) {
	t.Parallel()
	w := lockWorld(t)
	w.Bucket(t, s3test.Member, "plain", false)
	put := func(bucket string, r *types.DefaultRetention) *s3.PutObjectLockConfigurationInput {
		cfg := &types.ObjectLockConfiguration{ObjectLockEnabled: types.ObjectLockEnabledEnabled}
		if r != nil {
			cfg.Rule = &types.ObjectLockRule{DefaultRetention: r}
		}
		return &s3.PutObjectLockConfigurationInput{Bucket: &bucket, ObjectLockConfiguration: cfg}
	}
	governance := types.ObjectLockRetentionModeGovernance
	for _, test := range []struct {
		in   any
		code string
	}{
		{put("plain", nil), "InvalidBucketState"},
		{put("locked", &types.DefaultRetention{Mode: governance}), "MalformedXML"},
		{put("locked", &types.DefaultRetention{Mode: governance, Days: ptr(int32(1)), Years: ptr(int32(1))}), "MalformedXML"},
		{put("locked", &types.DefaultRetention{Mode: "governance", Days: ptr(int32(1))}), "MalformedXML"},
		{put("locked", &types.DefaultRetention{Mode: governance, Days: ptr(int32(0))}), "InvalidArgument"},
		{put("locked", &types.DefaultRetention{Mode: governance, Years: ptr(int32(101))}), "InvalidArgument"},
		{&s3.PutObjectLockConfigurationInput{Bucket: ptr("locked"), ObjectLockConfiguration: &types.ObjectLockConfiguration{ObjectLockEnabled: "Disabled"}}, "MalformedXML"},
	} {
		s3test.Refused[s3.PutObjectLockConfigurationOutput](t, w, admin, test.in, test.code)
	}
	s3test.Refused[s3.GetObjectLockConfigurationOutput](t, w, admin, &s3.GetObjectLockConfigurationInput{Bucket: ptr("plain")}, "ObjectLockConfigurationNotFoundError")
	s3test.Refused[s3.GetObjectRetentionOutput](t, w, admin, &s3.GetObjectRetentionInput{Bucket: ptr("plain"), Key: ptr("k")}, "NoSuchKey")
	w.Put(t, admin, "plain", "k", "x")
	s3test.Refused[s3.GetObjectRetentionOutput](t, w, admin, &s3.GetObjectRetentionInput{Bucket: ptr("plain"), Key: ptr("k")}, "InvalidRequest")
	s3test.Refused[s3.PutBucketVersioningOutput](t, w, admin, &s3.PutBucketVersioningInput{
		Bucket: ptr("locked"), VersioningConfiguration: &types.VersioningConfiguration{Status: types.BucketVersioningStatusSuspended},
	}, "InvalidBucketState")
	for _, in := range []*s3.PutObjectInput{
		{ObjectLockMode: types.ObjectLockModeGovernance},
		{ObjectLockRetainUntilDate: ptr(w.Clock.Now().Add(time.Hour))},
		{ObjectLockMode: "SOFT", ObjectLockRetainUntilDate: ptr(w.Clock.Now().Add(time.Hour))},
		{ObjectLockMode: types.ObjectLockModeGovernance, ObjectLockRetainUntilDate: ptr(w.Clock.Now())},
		{ObjectLockLegalHoldStatus: "on"},
	} {
		in.Bucket, in.Key, in.ChecksumAlgorithm = ptr("locked"), ptr("k"), types.ChecksumAlgorithmCrc32
		s3test.Refused[s3.PutObjectOutput](t, w, admin, in, "InvalidArgument")
	}
	s3test.Refused[s3.PutObjectOutput](t, w, admin, &s3.PutObjectInput{Bucket: ptr("plain"), Key: ptr("k"), ChecksumAlgorithm: types.ChecksumAlgorithmCrc32, ObjectLockLegalHoldStatus: types.ObjectLockLegalHoldStatusOn}, "InvalidRequest")

	s3test.Do[s3.PutObjectLockConfigurationOutput](t, w, admin, put("locked", &types.DefaultRetention{Mode: governance, Days: ptr(int32(3))}))
	if cfg := s3test.Do[s3.GetObjectLockConfigurationOutput](t, w, admin, &s3.GetObjectLockConfigurationInput{Bucket: ptr("locked")}).ObjectLockConfiguration; *cfg.Rule.DefaultRetention.Days != 3 {
		t.Errorf("configuration %+v", cfg.Rule.DefaultRetention)
	}
	// New versions take the default, whichever way they are made; what a request says goes before it.
	threeDays := w.Clock.Now().Add(72 * time.Hour)
	w.Put(t, admin, "locked", "put", "x")
	s3test.Do[s3.CopyObjectOutput](t, w, admin, &s3.CopyObjectInput{Bucket: ptr("locked"), Key: ptr("copied"), CopySource: ptr("locked/put")})
	upload := s3test.Do[s3.CreateMultipartUploadOutput](t, w, admin, &s3.CreateMultipartUploadInput{Bucket: ptr("locked"), Key: ptr("parts")})
	part := s3test.Do[s3.UploadPartOutput](t, w, admin, &s3.UploadPartInput{Bucket: ptr("locked"), Key: ptr("parts"), UploadId: upload.UploadId, PartNumber: ptr(int32(1)), Body: strings.NewReader("x")})
	s3test.Do[s3.CompleteMultipartUploadOutput](t, w, admin, &s3.CompleteMultipartUploadInput{
		Bucket: ptr("locked"), Key: ptr("parts"), UploadId: upload.UploadId,
		MultipartUpload: &types.CompletedMultipartUpload{Parts: []types.CompletedPart{{PartNumber: ptr(int32(1)), ETag: part.ETag}}},
	})
	year := w.Clock.Now().Add(365 * 24 * time.Hour)
	s3test.Do[s3.PutObjectOutput](t, w, admin, &s3.PutObjectInput{
		Bucket: ptr("locked"), Key: ptr("own"), Body: strings.NewReader("x"), ChecksumAlgorithm: types.ChecksumAlgorithmCrc32,
		ObjectLockMode: types.ObjectLockModeCompliance, ObjectLockRetainUntilDate: &year, ObjectLockLegalHoldStatus: types.ObjectLockLegalHoldStatusOn,
	})
	for key, want := range map[string]types.ObjectLockMode{"put": "GOVERNANCE", "copied": "GOVERNANCE", "parts": "GOVERNANCE", "own": "COMPLIANCE"} {
		head := s3test.Do[s3.HeadObjectOutput](t, w, admin, &s3.HeadObjectInput{Bucket: ptr("locked"), Key: &key})
		until := threeDays
		if key == "own" {
			until = year
		}
		if head.ObjectLockMode != want || head.ObjectLockRetainUntilDate == nil || head.ObjectLockRetainUntilDate.Sub(until).Abs() > time.Second {
			t.Errorf("%s is locked with %s until %v", key, head.ObjectLockMode, head.ObjectLockRetainUntilDate)
		}
		if (head.ObjectLockLegalHoldStatus == "ON") != (key == "own") {
			t.Errorf("%s: hold %s", key, head.ObjectLockLegalHoldStatus)
		}
	}
	s3test.Refused[s3.DeleteBucketOutput](t, w, admin, &s3.DeleteBucketInput{Bucket: ptr("locked")}, "BucketNotEmpty")
}
