package cloudtrail

import (
	"context"
	"encoding/base64"
	"errors"
	"regexp"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	s3types "github.com/aws/aws-sdk-go-v2/service/s3/types"

	"strongroom/internal/api"
	"strongroom/internal/state"
)

var bucketPattern = regexp.MustCompile(`^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$`)

// caller is CloudTrail as it delivers for a trail: bucket, key and topic policies know it by its principal and aws:SourceArn.
func caller(t state.Trail) *api.Caller {
	c := api.ServiceCaller(principal, t.AccountID, t.Region)
	c.SourceARN = t.ARN
	return c
}

// folder is where the files of one account lie in the bucket.
func folder(t state.Trail, accountID string) string {
	parts := []string{"AWSLogs", accountID}
	if t.OrganizationID != "" {
		parts = []string{"AWSLogs", t.OrganizationID, accountID}
	}
	if t.Prefix != "" {
		parts = append([]string{t.Prefix}, parts...)
	}
	return strings.Join(parts, "/")
}

// object is what a file is written with; its body and metadata come on top.
func object(t state.Trail, key string) *s3.PutObjectInput {
	in := &s3.PutObjectInput{Bucket: &t.Bucket, Key: &key, ACL: s3types.ObjectCannedACLBucketOwnerFullControl, ContentType: new("application/json"), ContentEncoding: new("gzip")}
	if t.KeyARN != "" {
		in.ServerSideEncryption, in.SSEKMSKeyId = s3types.ServerSideEncryptionAwsKms, &t.KeyARN
		in.SSEKMSEncryptionContext = new(base64.StdEncoding.EncodeToString([]byte(`{"aws:cloudtrail:arn":"` + t.ARN + `"}`)))
	}
	return in
}

// checkBucket asks whether CloudTrail may see the bucket's ACL and write into the trail's folders, as
// https://docs.aws.amazon.com/awscloudtrail/latest/userguide/create-s3-bucket-policy-for-cloudtrail.html demands.
func (s *Service) checkBucket(ctx context.Context, t *state.Trail) error {
	if !bucketPattern.MatchString(t.Bucket) {
		return api.Errorf("InvalidS3BucketNameException", "Bucket name %s is not valid.", t.Bucket)
	}
	for _, in := range []any{&s3.GetBucketAclInput{Bucket: &t.Bucket}, object(*t, folder(*t, t.AccountID)+"/CloudTrail/"+t.Region+"/check")} {
		err := s.Door.Check(ctx, caller(*t), in)
		switch code := api.Code(err); {
		case err == nil:
		case code == "NoSuchBucket":
			return api.Errorf("S3BucketDoesNotExistException", "S3 bucket %s does not exist!", t.Bucket)
		case code == "AccessDenied":
			return api.Errorf("InsufficientS3BucketPolicyException", "Incorrect S3 bucket policy is detected for bucket: %s", t.Bucket)
		default:
			return err
		}
	}
	if t.KeyARN == "" {
		return nil
	}
	if err := s.Door.Check(ctx, caller(*t).Through("s3.amazonaws.com", keyRegion(t.KeyARN)), &kms.GenerateDataKeyInput{
		KeyId: &t.KeyARN, KeySpec: "AES_256", EncryptionContext: map[string]string{"aws:cloudtrail:arn": t.ARN},
	}); err != nil {
		if _, ok := errors.AsType[*api.Error](err); !ok {
			return err
		}
		return api.Errorf("InsufficientEncryptionPolicyException", "Insufficient permissions to access S3 bucket %s or KMS key %s.", t.Bucket, t.KeyARN)
	}
	return nil
}

func keyRegion(arn string) string {
	parts := strings.SplitN(arn, ":", 5)
	if len(parts) < 5 {
		return ""
	}
	return parts[3]
}

// keyARN finds the key that a trail is to use by its id, its alias or an ARN of either.
func (s *Service) keyARN(ctx context.Context, c *api.Caller, given string) (string, error) {
	if given == "" {
		return "", nil
	}
	out, err := api.Call[kms.DescribeKeyOutput](ctx, s.Door, c.Through(principal, c.Region), &kms.DescribeKeyInput{KeyId: &given})
	switch code := api.Code(err); {
	case err == nil && !out.KeyMetadata.Enabled:
		return "", api.Errorf("KmsKeyDisabledException", "KMS key %s is disabled.", given)
	case err == nil:
		return *out.KeyMetadata.Arn, nil
	case code == "NotFoundException":
		return "", api.Errorf("KmsKeyNotFoundException", "KMS key or alias could not be found: %s", given)
	case code == "AccessDeniedException":
		return "", api.Errorf("InsufficientEncryptionPolicyException", "Insufficient permissions to access KMS key %s.", given)
	default:
		return "", err
	}
}

// topicARN is the ARN of a topic that is given by it or by its name in the caller's Region.
func topicARN(c *api.Caller, given string) (string, error) {
	switch {
	case given == "", strings.HasPrefix(given, "arn:aws:sns:"):
		return given, nil
	case len(given) > 256 || !namePattern.MatchString(given):
		return "", api.Errorf("InvalidSnsTopicNameException", "SNS Topic name %s is not valid.", given)
	}
	return "arn:aws:sns:" + c.Region + ":" + c.AccountID + ":" + given, nil
}
