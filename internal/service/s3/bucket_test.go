package s3_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/google/go-cmp/cmp"

	"strongroom/internal/api"
	"strongroom/internal/service/s3/s3test"
)

func in(region string) *types.CreateBucketConfiguration {
	return &types.CreateBucketConfiguration{LocationConstraint: types.BucketLocationConstraint(region)}
}

func TestBucketNames(t *testing.T) {
	t.Parallel()
	w := s3test.New(t)
	for name, code := range map[string]string{
		"abc": "", "a.b-c.d": "", "123": "", strings.Repeat("a", 63): "",
		"ab": "InvalidBucketName", strings.Repeat("b", 64): "InvalidBucketName", "Upper": "InvalidBucketName", "under_score": "InvalidBucketName",
		"-dash": "InvalidBucketName", "dash-": "InvalidBucketName", "two..dots": "InvalidBucketName", "192.168.5.4": "InvalidBucketName",
		"xn--bucket": "InvalidBucketName", "bucket-s3alias": "InvalidBucketName", "a.-b": "InvalidBucketName",
	} {
		_, err := api.Call[s3.CreateBucketOutput](t.Context(), w.Door, admin, &s3.CreateBucketInput{Bucket: &name, CreateBucketConfiguration: in(s3test.Central)})
		if api.Code(err) != code {
			t.Errorf("a bucket %q is answered with %v, want %q", name, err, code)
		}
	}
}

func TestOneNamespace(t *testing.T) {
	t.Parallel()
	w := s3test.New(t)
	w.Bucket(t, s3test.Member, "bucket", false)
	create := &s3.CreateBucketInput{Bucket: ptr("bucket"), CreateBucketConfiguration: in(s3test.Central)}
	s3test.Refused[s3.CreateBucketOutput](t, w, admin, create, "BucketAlreadyOwnedByYou")
	s3test.Refused[s3.CreateBucketOutput](t, w, s3test.Admin(s3test.Vault), create, "BucketAlreadyExists")
}

func TestRegions(t *testing.T) {
	t.Parallel()
	w := s3test.New(t)
	s3test.Refused[s3.CreateBucketOutput](t, w, admin, &s3.CreateBucketInput{Bucket: ptr("bucket")}, "IllegalLocationConstraintException")
	s3test.Refused[s3.CreateBucketOutput](t, w, admin, &s3.CreateBucketInput{Bucket: ptr("bucket"), CreateBucketConfiguration: in(s3test.North)}, "IllegalLocationConstraintException")
	s3test.Refused[s3.CreateBucketOutput](t, w, admin, &s3.CreateBucketInput{Bucket: ptr("bucket"), CreateBucketConfiguration: in("us-east-1")}, "InvalidLocationConstraint")
	s3test.Do[s3.CreateBucketOutput](t, w, admin.In(s3test.North), &s3.CreateBucketInput{Bucket: ptr("north"), CreateBucketConfiguration: in(s3test.North)})
	virginia := admin.In("us-east-1")
	s3test.Do[s3.CreateBucketOutput](t, w, virginia, &s3.CreateBucketInput{Bucket: ptr("virginia")})
	s3test.Do[s3.CreateBucketOutput](t, w, virginia, &s3.CreateBucketInput{Bucket: ptr("virginia")}) // there, once more is well

	e := s3test.Refused[s3.HeadBucketOutput](t, w, admin, &s3.HeadBucketInput{Bucket: ptr("north")}, "PermanentRedirect")
	if e.Status != 301 || e.Members["x-amz-bucket-region"] != s3test.North {
		t.Errorf("the wrong Region is answered with %d %v", e.Status, e.Members)
	}
	s3test.Refused[s3.PutObjectOutput](t, w, admin, &s3.PutObjectInput{Bucket: ptr("north"), Key: ptr("k")}, "PermanentRedirect")
	for bucket, want := range map[string]types.BucketLocationConstraint{"north": s3test.North, "virginia": ""} {
		if got := s3test.Do[s3.GetBucketLocationOutput](t, w, admin, &s3.GetBucketLocationInput{Bucket: &bucket}); got.LocationConstraint != want {
			t.Errorf("%s lies in %q, want %q", bucket, got.LocationConstraint, want)
		}
	}
}

func TestListBuckets(t *testing.T) {
	t.Parallel()
	w := s3test.New(t)
	for i := range 5 {
		w.Bucket(t, s3test.Member, fmt.Sprintf("bucket-%d", i), false)
	}
	w.Bucket(t, s3test.Vault, "other", false)
	var names []string
	list := &s3.ListBucketsInput{MaxBuckets: ptr(int32(2)), Prefix: ptr("bucket-")}
	for {
		out := s3test.Do[s3.ListBucketsOutput](t, w, admin, list)
		for _, b := range out.Buckets {
			names = append(names, *b.Name)
		}
		if list.ContinuationToken = out.ContinuationToken; list.ContinuationToken == nil {
			break
		}
	}
	if want := []string{"bucket-0", "bucket-1", "bucket-2", "bucket-3", "bucket-4"}; !cmp.Equal(names, want) {
		t.Errorf("listed %v", names)
	}
}

func TestDeleteBucket(t *testing.T) {
	t.Parallel()
	w := s3test.New(t)
	w.Bucket(t, s3test.Member, "bucket", true)
	version := w.Put(t, admin, "bucket", "k", "v")
	del := &s3.DeleteBucketInput{Bucket: ptr("bucket")}
	s3test.Refused[s3.DeleteBucketOutput](t, w, admin, del, "BucketNotEmpty")
	marker := s3test.Do[s3.DeleteObjectOutput](t, w, admin, &s3.DeleteObjectInput{Bucket: ptr("bucket"), Key: ptr("k")})
	s3test.Refused[s3.DeleteBucketOutput](t, w, admin, del, "BucketNotEmpty")
	for _, id := range []*string{&version, marker.VersionId} {
		s3test.Do[s3.DeleteObjectOutput](t, w, admin, &s3.DeleteObjectInput{Bucket: ptr("bucket"), Key: ptr("k"), VersionId: id})
	}
	upload := s3test.Do[s3.CreateMultipartUploadOutput](t, w, admin, &s3.CreateMultipartUploadInput{Bucket: ptr("bucket"), Key: ptr("k")})
	s3test.Do[s3.UploadPartOutput](t, w, admin, &s3.UploadPartInput{Bucket: ptr("bucket"), Key: ptr("k"), UploadId: upload.UploadId, PartNumber: ptr(int32(1)), Body: strings.NewReader("part")})
	s3test.Do[s3.DeleteBucketOutput](t, w, admin, del)
	s3test.Refused[s3.HeadBucketOutput](t, w, admin, &s3.HeadBucketInput{Bucket: ptr("bucket")}, "NoSuchBucket")
	if files := filesIn(t, w.Dir); len(files) != 0 {
		t.Errorf("the deleted bucket left %v", files)
	}
}

func TestConfigurations(t *testing.T) {
	t.Parallel()
	w := s3test.New(t)
	w.Bucket(t, s3test.Member, "bucket", false)
	b := ptr("bucket")

	s3test.Refused[s3.GetBucketTaggingOutput](t, w, admin, &s3.GetBucketTaggingInput{Bucket: b}, "NoSuchTagSet")
	s3test.Do[s3.PutBucketTaggingOutput](t, w, admin, &s3.PutBucketTaggingInput{Bucket: b, Tagging: &types.Tagging{TagSet: []types.Tag{{Key: ptr("backup"), Value: ptr("simple")}}}})
	if out := s3test.Do[s3.GetBucketTaggingOutput](t, w, admin, &s3.GetBucketTaggingInput{Bucket: b}); *out.TagSet[0].Value != "simple" {
		t.Errorf("tags %v", out.TagSet)
	}
	s3test.Do[s3.DeleteBucketTaggingOutput](t, w, admin, &s3.DeleteBucketTaggingInput{Bucket: b})
	s3test.Refused[s3.GetBucketTaggingOutput](t, w, admin, &s3.GetBucketTaggingInput{Bucket: b}, "NoSuchTagSet")
	s3test.Refused[s3.PutBucketTaggingOutput](t, w, admin, &s3.PutBucketTaggingInput{Bucket: b, Tagging: &types.Tagging{TagSet: []types.Tag{{Key: ptr("aws:x"), Value: ptr("")}}}}, "InvalidTag")

	encryption := s3test.Do[s3.GetBucketEncryptionOutput](t, w, admin, &s3.GetBucketEncryptionInput{Bucket: b})
	if got := encryption.ServerSideEncryptionConfiguration.Rules[0].ApplyServerSideEncryptionByDefault.SSEAlgorithm; got != "AES256" {
		t.Errorf("a new bucket encrypts with %s", got)
	}

	s3test.Refused[s3.GetBucketPolicyOutput](t, w, admin, &s3.GetBucketPolicyInput{Bucket: b}, "NoSuchBucketPolicy")
	s3test.Refused[s3.PutBucketPolicyOutput](t, w, admin, &s3.PutBucketPolicyInput{Bucket: b, Policy: ptr(`{"Statement":{}`)}, "MalformedPolicy")
	foreign := `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::222222222222:root"},"Action":"s3:GetObject","Resource":"arn:aws:s3:::other/*"}}`
	s3test.Refused[s3.PutBucketPolicyOutput](t, w, admin, &s3.PutBucketPolicyInput{Bucket: b, Policy: &foreign}, "MalformedPolicy")
	public := `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":"*","Action":"s3:GetObject","Resource":"arn:aws:s3:::bucket/*"}}`
	s3test.Refused[s3.PutBucketPolicyOutput](t, w, admin, &s3.PutBucketPolicyInput{Bucket: b, Policy: &public}, "AccessDenied")
	s3test.Do[s3.DeletePublicAccessBlockOutput](t, w, admin, &s3.DeletePublicAccessBlockInput{Bucket: b})
	s3test.Refused[s3.GetPublicAccessBlockOutput](t, w, admin, &s3.GetPublicAccessBlockInput{Bucket: b}, "NoSuchPublicAccessBlockConfiguration")
	s3test.Do[s3.PutBucketPolicyOutput](t, w, admin, &s3.PutBucketPolicyInput{Bucket: b, Policy: &public})
	if out := s3test.Do[s3.GetBucketPolicyStatusOutput](t, w, admin, &s3.GetBucketPolicyStatusInput{Bucket: b}); !*out.PolicyStatus.IsPublic {
		t.Error("a public policy is not told")
	}
	if out := s3test.Do[s3.GetBucketPolicyOutput](t, w, admin, &s3.GetBucketPolicyInput{Bucket: b}); *out.Policy != public {
		t.Errorf("policy %s", *out.Policy)
	}
	s3test.Do[s3.DeleteBucketPolicyOutput](t, w, admin, &s3.DeleteBucketPolicyInput{Bucket: b})
	s3test.Do[s3.PutPublicAccessBlockOutput](t, w, admin, &s3.PutPublicAccessBlockInput{Bucket: b, PublicAccessBlockConfiguration: &types.PublicAccessBlockConfiguration{BlockPublicAcls: ptr(true)}})
	if out := s3test.Do[s3.GetPublicAccessBlockOutput](t, w, admin, &s3.GetPublicAccessBlockInput{Bucket: b}); !*out.PublicAccessBlockConfiguration.BlockPublicAcls || *out.PublicAccessBlockConfiguration.BlockPublicPolicy {
		t.Errorf("block %+v", out.PublicAccessBlockConfiguration)
	}

	s3test.Refused[s3.PutBucketAclOutput](t, w, admin, &s3.PutBucketAclInput{Bucket: b, ACL: types.BucketCannedACLPublicRead}, "AccessControlListNotSupported")
	s3test.Do[s3.PutBucketOwnershipControlsOutput](t, w, admin, &s3.PutBucketOwnershipControlsInput{Bucket: b, OwnershipControls: &types.OwnershipControls{Rules: []types.OwnershipControlsRule{{ObjectOwnership: types.ObjectOwnershipObjectWriter}}}})
	s3test.Refused[s3.PutBucketAclOutput](t, w, admin, &s3.PutBucketAclInput{Bucket: b, ACL: types.BucketCannedACLPublicRead}, "AccessDenied")
	s3test.Do[s3.DeletePublicAccessBlockOutput](t, w, admin, &s3.DeletePublicAccessBlockInput{Bucket: b})
	s3test.Do[s3.PutBucketAclOutput](t, w, admin, &s3.PutBucketAclInput{Bucket: b, ACL: types.BucketCannedACLPublicRead})
	if out := s3test.Do[s3.GetBucketAclOutput](t, w, admin, &s3.GetBucketAclInput{Bucket: b}); len(out.Grants) != 2 {
		t.Errorf("grants %v", out.Grants)
	}
	s3test.Refused[s3.PutBucketOwnershipControlsOutput](t, w, admin, &s3.PutBucketOwnershipControlsInput{Bucket: b, OwnershipControls: &types.OwnershipControls{Rules: []types.OwnershipControlsRule{{ObjectOwnership: types.ObjectOwnershipBucketOwnerEnforced}}}}, "InvalidBucketAclWithObjectOwnership")
	s3test.Do[s3.DeleteBucketOwnershipControlsOutput](t, w, admin, &s3.DeleteBucketOwnershipControlsInput{Bucket: b})
	s3test.Refused[s3.GetBucketOwnershipControlsOutput](t, w, admin, &s3.GetBucketOwnershipControlsInput{Bucket: b}, "OwnershipControlsNotFoundError")

	s3test.Refused[s3.GetBucketLifecycleConfigurationOutput](t, w, admin, &s3.GetBucketLifecycleConfigurationInput{Bucket: b}, "NoSuchLifecycleConfiguration")
	s3test.Refused[s3.GetBucketCorsOutput](t, w, admin, &s3.GetBucketCorsInput{Bucket: b}, "NoSuchCORSConfiguration")
	rule := types.CORSRule{AllowedMethods: []string{"GET"}, AllowedOrigins: []string{"*"}}
	s3test.Do[s3.PutBucketCorsOutput](t, w, admin, &s3.PutBucketCorsInput{Bucket: b, CORSConfiguration: &types.CORSConfiguration{CORSRules: []types.CORSRule{rule}}})
	if out := s3test.Do[s3.GetBucketCorsOutput](t, w, admin, &s3.GetBucketCorsInput{Bucket: b}); out.CORSRules[0].AllowedMethods[0] != "GET" {
		t.Errorf("CORS rules %v", out.CORSRules)
	}
	life := types.LifecycleRule{Status: types.ExpirationStatusDisabled, Filter: &types.LifecycleRuleFilter{Prefix: ptr("a/")}, Expiration: &types.LifecycleExpiration{Days: ptr(int32(3))}}
	s3test.Do[s3.PutBucketLifecycleConfigurationOutput](t, w, admin, &s3.PutBucketLifecycleConfigurationInput{Bucket: b, LifecycleConfiguration: &types.BucketLifecycleConfiguration{Rules: []types.LifecycleRule{life}}})
	if out := s3test.Do[s3.GetBucketLifecycleConfigurationOutput](t, w, admin, &s3.GetBucketLifecycleConfigurationInput{Bucket: b}); *out.Rules[0].Filter.Prefix != "a/" || *out.Rules[0].Expiration.Days != 3 {
		t.Errorf("lifecycle %v", out.Rules)
	}
	s3test.Do[s3.PutBucketNotificationConfigurationOutput](t, w, admin, &s3.PutBucketNotificationConfigurationInput{Bucket: b, NotificationConfiguration: &types.NotificationConfiguration{}})
	if out := s3test.Do[s3.GetBucketNotificationConfigurationOutput](t, w, admin, &s3.GetBucketNotificationConfigurationInput{Bucket: b}); out.EventBridgeConfiguration != nil {
		t.Errorf("notifications %v", out)
	}
}

func TestIsolation(t *testing.T) {
	t.Parallel()
	w := s3test.New(t)
	w.Bucket(t, s3test.Member, "bucket", false)
	w.Put(t, admin, "bucket", "shared/k", "v")
	w.Put(t, admin, "bucket", "own/k", "v")
	other := s3test.Admin(s3test.Vault)
	for name, call := range map[string]func() error{
		"list": func() error {
			_, err := api.Call[s3.ListObjectsV2Output](t.Context(), w.Door, other, &s3.ListObjectsV2Input{Bucket: ptr("bucket")})
			return err
		},
		"get": func() error {
			_, err := api.Call[s3.GetObjectOutput](t.Context(), w.Door, other, &s3.GetObjectInput{Bucket: ptr("bucket"), Key: ptr("shared/k")})
			return err
		},
		"put": func() error {
			_, err := api.Call[s3.PutObjectOutput](t.Context(), w.Door, other, &s3.PutObjectInput{Bucket: ptr("bucket"), Key: ptr("shared/k")})
			return err
		},
		"copy": func() error {
			_, err := api.Call[s3.CopyObjectOutput](t.Context(), w.Door, other, &s3.CopyObjectInput{Bucket: ptr("bucket"), Key: ptr("x"), CopySource: ptr("bucket/shared/k")})
			return err
		},
		"delete": func() error {
			_, err := api.Call[s3.DeleteBucketOutput](t.Context(), w.Door, other, &s3.DeleteBucketInput{Bucket: ptr("bucket")})
			return err
		},
	} {
		if err := call(); api.Code(err) != "AccessDenied" {
			t.Errorf("%s by another account is answered with %v", name, err)
		}
	}
	policy := `{"Version":"2012-10-17","Statement":[
		{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::222222222222:root"},"Action":"s3:GetObject","Resource":"arn:aws:s3:::bucket/shared/*"},
		{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::222222222222:root"},"Action":"s3:ListBucket","Resource":"arn:aws:s3:::bucket","Condition":{"StringEquals":{"s3:prefix":"shared/"}}}]}`
	s3test.Do[s3.PutBucketPolicyOutput](t, w, admin, &s3.PutBucketPolicyInput{Bucket: ptr("bucket"), Policy: &policy})
	if got := w.Get(t, other, "bucket", "shared/k", ""); got != "v" {
		t.Errorf("a shared object is %q", got)
	}
	s3test.Refused[s3.GetObjectOutput](t, w, other, &s3.GetObjectInput{Bucket: ptr("bucket"), Key: ptr("own/k")}, "AccessDenied")
	s3test.Do[s3.ListObjectsV2Output](t, w, other, &s3.ListObjectsV2Input{Bucket: ptr("bucket"), Prefix: ptr("shared/")})
	s3test.Refused[s3.ListObjectsV2Output](t, w, other, &s3.ListObjectsV2Input{Bucket: ptr("bucket")}, "AccessDenied")
	s3test.Refused[s3.GetObjectOutput](t, w, other, &s3.GetObjectInput{Bucket: ptr("bucket"), Key: ptr("shared/k"), ExpectedBucketOwner: ptr(s3test.Vault)}, "AccessDenied")
}

func TestObjectTagsDecide(t *testing.T) {
	t.Parallel()
	w := s3test.New(t)
	w.Bucket(t, s3test.Member, "bucket", false)
	w.Put(t, admin, "bucket", "k", "v")
	someone := s3test.User(s3test.Member, "someone")
	w.Allow(someone, `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"s3:GetObject","Resource":"*","Condition":{"StringEquals":{"s3:ExistingObjectTag/open":"yes"}}}}`)
	get := &s3.GetObjectInput{Bucket: ptr("bucket"), Key: ptr("k")}
	s3test.Refused[s3.GetObjectOutput](t, w, someone, get, "AccessDenied")
	s3test.Do[s3.PutObjectTaggingOutput](t, w, admin, &s3.PutObjectTaggingInput{Bucket: ptr("bucket"), Key: ptr("k"), Tagging: &types.Tagging{TagSet: []types.Tag{{Key: ptr("open"), Value: ptr("yes")}}}})
	s3test.Do[s3.GetObjectOutput](t, w, someone, get)
	s3test.Do[s3.DeleteObjectTaggingOutput](t, w, admin, &s3.DeleteObjectTaggingInput{Bucket: ptr("bucket"), Key: ptr("k")})
	s3test.Refused[s3.GetObjectOutput](t, w, someone, get, "AccessDenied")
}

func TestTaggingOfBuckets(t *testing.T) {
	t.Parallel()
	w := s3test.New(t)
	w.Bucket(t, s3test.Member, "bucket", false)
	w.Bucket(t, s3test.Member, "untagged", false)
	if err := w.S3.Tag(t.Context(), admin, "arn:aws:s3:::bucket", map[string]string{"a": "1", "b": "2"}); err != nil {
		t.Fatal(err)
	}
	if err := w.S3.Untag(t.Context(), admin, "arn:aws:s3:::bucket", []string{"a"}); err != nil {
		t.Fatal(err)
	}
	all, err := w.S3.List(t.Context(), s3test.Member, s3test.Central)
	if err != nil || len(all) != 1 || !cmp.Equal(all[0].Tags, map[string]string{"b": "2"}) {
		t.Errorf("tagged: %v, %v", all, err)
	}
	if err := w.S3.Tag(t.Context(), s3test.Admin(s3test.Vault), "arn:aws:s3:::bucket", map[string]string{"c": "3"}); api.Code(err) != "AccessDenied" {
		t.Errorf("another account's tagging is answered with %v", err)
	}
}
