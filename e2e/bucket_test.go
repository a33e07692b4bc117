package e2e

import (
	"bytes"
	"io"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"strongroom/internal/strongroomtest"
)

// TestBucketSettings writes each setting of a bucket that the other tests leave alone, reads it back, and takes it away.
func TestBucketSettings(t *testing.T) {
	t.Parallel()
	s := strongroomtest.New(t)
	ctx := t.Context()
	p := enter(t, s, member, home)
	bucket := aws.String("settled-bucket")
	p.bucket(t, *bucket, "", "team", "blue")

	must(p.s3.PutBucketLifecycleConfiguration(ctx, &s3.PutBucketLifecycleConfigurationInput{Bucket: bucket, LifecycleConfiguration: &types.BucketLifecycleConfiguration{
		Rules: []types.LifecycleRule{{ID: aws.String("old"), Status: types.ExpirationStatusDisabled, Filter: &types.LifecycleRuleFilter{Prefix: aws.String("logs/")}, Expiration: &types.LifecycleExpiration{Days: aws.Int32(30)}}},
	}}))(t, "writing the lifecycle")
	lifecycle := must(p.s3.GetBucketLifecycleConfiguration(ctx, &s3.GetBucketLifecycleConfigurationInput{Bucket: bucket}))(t, "reading the lifecycle")
	if len(lifecycle.Rules) != 1 || *lifecycle.Rules[0].ID != "old" || *lifecycle.Rules[0].Expiration.Days != 30 || *lifecycle.Rules[0].Filter.Prefix != "logs/" {
		t.Errorf("the lifecycle is %+v", lifecycle.Rules)
	}
	must(p.s3.DeleteBucketLifecycle(ctx, &s3.DeleteBucketLifecycleInput{Bucket: bucket}))(t, "deleting the lifecycle")
	_, err := p.s3.GetBucketLifecycleConfiguration(ctx, &s3.GetBucketLifecycleConfigurationInput{Bucket: bucket})
	refused(t, err, "NoSuchLifecycleConfiguration", 404, "")

	must(p.s3.PutBucketOwnershipControls(ctx, &s3.PutBucketOwnershipControlsInput{Bucket: bucket, OwnershipControls: &types.OwnershipControls{
		Rules: []types.OwnershipControlsRule{{ObjectOwnership: types.ObjectOwnershipObjectWriter}},
	}}))(t, "writing the ownership")
	if got := must(p.s3.GetBucketOwnershipControls(ctx, &s3.GetBucketOwnershipControlsInput{Bucket: bucket}))(t, "reading the ownership").OwnershipControls.Rules[0].ObjectOwnership; got != types.ObjectOwnershipObjectWriter {
		t.Errorf("the ownership is %s", got)
	}
	must(p.s3.PutPublicAccessBlock(ctx, &s3.PutPublicAccessBlockInput{Bucket: bucket, PublicAccessBlockConfiguration: &types.PublicAccessBlockConfiguration{BlockPublicPolicy: aws.Bool(true)}}))(t, "blocking public policies")
	public := policy(statement{"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::settled-bucket/*"})
	_, err = p.s3.PutBucketPolicy(ctx, &s3.PutBucketPolicyInput{Bucket: bucket, Policy: public})
	refused(t, err, "AccessDenied", 403, "")
	must(p.s3.DeletePublicAccessBlock(ctx, &s3.DeletePublicAccessBlockInput{Bucket: bucket}))(t, "blocking nothing")
	must(p.s3.PutBucketPolicy(ctx, &s3.PutBucketPolicyInput{Bucket: bucket, Policy: public}))(t, "writing a policy")
	if !*must(p.s3.GetBucketPolicyStatus(ctx, &s3.GetBucketPolicyStatusInput{Bucket: bucket}))(t, "asking whether the policy is public").PolicyStatus.IsPublic {
		t.Error("a policy for everybody is not public")
	}
	must(p.s3.DeleteBucketPolicy(ctx, &s3.DeleteBucketPolicyInput{Bucket: bucket}))(t, "deleting the policy")
	_, err = p.s3.GetBucketPolicy(ctx, &s3.GetBucketPolicyInput{Bucket: bucket})
	refused(t, err, "NoSuchBucketPolicy", 404, "")

	// Nothing sends events yet, so only an empty configuration is taken.
	must(p.s3.PutBucketNotificationConfiguration(ctx, &s3.PutBucketNotificationConfigurationInput{Bucket: bucket, NotificationConfiguration: &types.NotificationConfiguration{}}))(t, "notifying nobody")
	if must(p.s3.GetBucketNotificationConfiguration(ctx, &s3.GetBucketNotificationConfigurationInput{Bucket: bucket}))(t, "reading the notifications").EventBridgeConfiguration != nil {
		t.Error("somebody is notified")
	}
	must(p.s3.DeleteBucketTagging(ctx, &s3.DeleteBucketTaggingInput{Bucket: bucket}))(t, "deleting the tags")
	_, err = p.s3.GetBucketTagging(ctx, &s3.GetBucketTaggingInput{Bucket: bucket})
	refused(t, err, "NoSuchTagSet", 404, "")

	key := aws.String("key 0")
	must(p.s3.PutObjectTagging(ctx, &s3.PutObjectTaggingInput{Bucket: bucket, Key: key, Tagging: &types.Tagging{TagSet: []types.Tag{{Key: aws.String("a"), Value: aws.String("b")}}}}))(t, "tagging")
	must(p.s3.DeleteObjectTagging(ctx, &s3.DeleteObjectTaggingInput{Bucket: bucket, Key: key}))(t, "deleting an object's tags")
	if n := len(must(p.s3.GetObjectTagging(ctx, &s3.GetObjectTaggingInput{Bucket: bucket, Key: key}))(t, "reading an object's tags").TagSet); n != 0 {
		t.Errorf("%d tags are left", n)
	}
	must(p.s3.PutObjectAcl(ctx, &s3.PutObjectAclInput{Bucket: bucket, Key: key, ACL: types.ObjectCannedACLPublicRead}))(t, "opening an object")
	if n := len(must(p.s3.GetObjectAcl(ctx, &s3.GetObjectAclInput{Bucket: bucket, Key: key}))(t, "reading an ACL").Grants); n != 2 {
		t.Errorf("the ACL has %d grants, want the owner's and everybody's", n)
	}
	must(p.s3.DeleteBucketOwnershipControls(ctx, &s3.DeleteBucketOwnershipControlsInput{Bucket: bucket}))(t, "deleting the ownership")
	_, err = p.s3.GetBucketOwnershipControls(ctx, &s3.GetBucketOwnershipControlsInput{Bucket: bucket})
	refused(t, err, "OwnershipControlsNotFoundError", 404, "")
}

// TestUploadInParts uploads an object from parts, one of which is a copy.
func TestUploadInParts(t *testing.T) {
	t.Parallel()
	s := strongroomtest.New(t)
	ctx := t.Context()
	p := enter(t, s, member, home)
	bucket, key := aws.String("parted-bucket"), aws.String("long")
	p.bucket(t, *bucket, "")
	first, second := noise(40, 5<<20), noise(41, 1<<10)
	p.put(t, *bucket, "source", first)
	upload := must(p.s3.CreateMultipartUpload(ctx, &s3.CreateMultipartUploadInput{Bucket: bucket, Key: key}))(t, "beginning an upload").UploadId
	uploads := must(p.s3.ListMultipartUploads(ctx, &s3.ListMultipartUploadsInput{Bucket: bucket}))(t, "listing uploads").Uploads
	if len(uploads) != 1 || *uploads[0].UploadId != *upload {
		t.Errorf("the uploads are %+v", uploads)
	}
	copied := must(p.s3.UploadPartCopy(ctx, &s3.UploadPartCopyInput{Bucket: bucket, Key: key, UploadId: upload, PartNumber: aws.Int32(1), CopySource: aws.String(*bucket + "/source")}))(t, "copying a part")
	sent := must(p.s3.UploadPart(ctx, &s3.UploadPartInput{Bucket: bucket, Key: key, UploadId: upload, PartNumber: aws.Int32(2), Body: bytes.NewReader(second)}))(t, "sending a part")
	must(p.s3.CompleteMultipartUpload(ctx, &s3.CompleteMultipartUploadInput{Bucket: bucket, Key: key, UploadId: upload, MultipartUpload: &types.CompletedMultipartUpload{Parts: []types.CompletedPart{
		{PartNumber: aws.Int32(1), ETag: copied.CopyPartResult.ETag, ChecksumCRC32: copied.CopyPartResult.ChecksumCRC32},
		{PartNumber: aws.Int32(2), ETag: sent.ETag, ChecksumCRC32: sent.ChecksumCRC32},
	}}}))(t, "completing the upload")
	out := must(p.s3.GetObject(ctx, &s3.GetObjectInput{Bucket: bucket, Key: key}))(t, "reading the object")
	got := must(io.ReadAll(out.Body))(t, "reading the object")
	if !bytes.Equal(got, append(bytes.Clone(first), second...)) {
		t.Errorf("the object of %d bytes is not its parts", len(got))
	}
	if n := len(must(p.s3.ListMultipartUploads(ctx, &s3.ListMultipartUploadsInput{Bucket: bucket}))(t, "listing uploads").Uploads); n != 0 {
		t.Errorf("%d uploads are left", n)
	}
}
