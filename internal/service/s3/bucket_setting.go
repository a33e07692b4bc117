package s3

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"strongroom/iampolicy"
	"strongroom/internal/api"
	"strongroom/internal/state"
)

// Names of further configurations in the state.
const (
	settingACL               = "acl"
	settingPublicAccessBlock = "public-access-block"
	settingLifecycle         = "lifecycle"
	settingCORS              = "cors"
	settingNotification      = "notification"
)

// blockAll is the public access block of new buckets.
const blockAll = `{"BlockPublicAcls":true,"BlockPublicPolicy":true,"IgnorePublicAcls":true,"RestrictPublicBuckets":true}`

// change changes a bucket in a transaction.
func (s *Service) change(ctx context.Context, c *api.Caller, name *string, fn func(ctx context.Context, tx *state.Tx, b *state.Bucket) error) error {
	b, err := s.bucket(ctx, c, name)
	if err != nil {
		return err
	}
	return s.commits.do(ctx, nil, func(ctx context.Context, tx *state.Tx) error {
		if err := again(ctx, tx, &b); err != nil {
			return err
		}
		if err := fn(ctx, tx, &b); err != nil {
			return err
		}
		return tx.UpdateBucket(ctx, b)
	})
}

// setting reads a further configuration into v; unset is the answer where there is none.
func (s *Service) setting(ctx context.Context, c *api.Caller, bucket *string, name string, v any, unset error) error {
	b, err := s.bucket(ctx, c, bucket)
	if err != nil {
		return err
	}
	var document string
	err = s.db.View(ctx, func(ctx context.Context, tx *state.Tx) error {
		document, err = tx.BucketSetting(ctx, b.ID, name)
		return err
	})
	if errors.Is(err, state.ErrNotFound) {
		return unset
	}
	if err != nil {
		return err
	}
	return json.Unmarshal([]byte(document), v)
}

func (s *Service) putSetting(ctx context.Context, c *api.Caller, bucket *string, name string, v any) error {
	document, err := json.Marshal(v)
	if err != nil {
		return err
	}
	return s.change(ctx, c, bucket, func(ctx context.Context, tx *state.Tx, b *state.Bucket) error {
		return tx.PutBucketSetting(ctx, b.ID, name, string(document))
	})
}

func (s *Service) deleteSetting(ctx context.Context, c *api.Caller, bucket *string, name string) error {
	return s.change(ctx, c, bucket, func(ctx context.Context, tx *state.Tx, b *state.Bucket) error {
		return tx.DeleteBucketSetting(ctx, b.ID, name)
	})
}

// GetBucketVersioning tells whether a bucket keeps versions.
func (s *Service) GetBucketVersioning(ctx context.Context, c *api.Caller, in *s3.GetBucketVersioningInput) (*s3.GetBucketVersioningOutput, error) {
	b, err := s.bucket(ctx, c, in.Bucket)
	return &s3.GetBucketVersioningOutput{Status: types.BucketVersioningStatus(b.Versioning)}, err
}

// PutBucketVersioning enables or suspends versions. They can never be turned off again.
func (s *Service) PutBucketVersioning(ctx context.Context, c *api.Caller, in *s3.PutBucketVersioningInput) (*s3.PutBucketVersioningOutput, error) {
	if in.VersioningConfiguration == nil {
		return nil, malformedXML()
	}
	switch in.VersioningConfiguration.Status {
	case types.BucketVersioningStatusEnabled, types.BucketVersioningStatusSuspended:
	default:
		return nil, failure(http.StatusBadRequest, "IllegalVersioningConfigurationException", "The Versioning element must be specified")
	}
	if in.VersioningConfiguration.MFADelete == types.MFADeleteEnabled {
		return nil, api.NotImplemented("s3: MFA delete")
	}
	return &s3.PutBucketVersioningOutput{}, s.change(ctx, c, in.Bucket, func(_ context.Context, _ *state.Tx, b *state.Bucket) error {
		if b.ObjectLock.Enabled && in.VersioningConfiguration.Status != types.BucketVersioningStatusEnabled {
			return failure(http.StatusConflict, "InvalidBucketState", "An Object Lock configuration is present on this bucket, so the versioning state cannot be changed.")
		}
		b.Versioning = string(in.VersioningConfiguration.Status)
		return nil
	})
}

// GetBucketEncryption tells how new objects are encrypted by default.
func (s *Service) GetBucketEncryption(ctx context.Context, c *api.Caller, in *s3.GetBucketEncryptionInput) (*s3.GetBucketEncryptionOutput, error) {
	b, err := s.bucket(ctx, c, in.Bucket)
	if err != nil {
		return nil, err
	}
	byDefault := &types.ServerSideEncryptionByDefault{SSEAlgorithm: types.ServerSideEncryption(b.Encryption.Algorithm)}
	if b.Encryption.KMSKeyID != "" {
		byDefault.KMSMasterKeyID = &b.Encryption.KMSKeyID
	}
	return &s3.GetBucketEncryptionOutput{ServerSideEncryptionConfiguration: &types.ServerSideEncryptionConfiguration{
		Rules: []types.ServerSideEncryptionRule{{ApplyServerSideEncryptionByDefault: byDefault, BucketKeyEnabled: &b.Encryption.BucketKey}},
	}}, nil
}

// PutBucketEncryption sets it.
func (s *Service) PutBucketEncryption(ctx context.Context, c *api.Caller, in *s3.PutBucketEncryptionInput) (*s3.PutBucketEncryptionOutput, error) {
	if in.ServerSideEncryptionConfiguration == nil || len(in.ServerSideEncryptionConfiguration.Rules) != 1 {
		return nil, malformedXML()
	}
	rule := in.ServerSideEncryptionConfiguration.Rules[0]
	byDefault := rule.ApplyServerSideEncryptionByDefault
	if byDefault == nil {
		return nil, malformedXML()
	}
	e := state.BucketEncryption{Algorithm: string(byDefault.SSEAlgorithm), KMSKeyID: str(byDefault.KMSMasterKeyID)}
	switch e.Algorithm {
	case sseS3:
		if e.KMSKeyID != "" {
			return nil, invalidArgument("KMSMasterKeyID", e.KMSKeyID, "a KMSMasterKeyID is not applicable if the default sse algorithm is not aws:kms or aws:kms:dsse")
		}
	case sseKMS, sseDSSE:
		e.BucketKey = rule.BucketKeyEnabled != nil && *rule.BucketKeyEnabled
	default:
		return nil, malformedXML()
	}
	return &s3.PutBucketEncryptionOutput{}, s.change(ctx, c, in.Bucket, func(_ context.Context, _ *state.Tx, b *state.Bucket) error {
		b.Encryption = e
		return nil
	})
}

// DeleteBucketEncryption goes back to SSE-S3.
func (s *Service) DeleteBucketEncryption(ctx context.Context, c *api.Caller, in *s3.DeleteBucketEncryptionInput) (*s3.DeleteBucketEncryptionOutput, error) {
	return &s3.DeleteBucketEncryptionOutput{}, s.change(ctx, c, in.Bucket, func(_ context.Context, _ *state.Tx, b *state.Bucket) error {
		b.Encryption = state.BucketEncryption{Algorithm: sseS3}
		return nil
	})
}

// GetBucketTagging lists a bucket's tags.
func (s *Service) GetBucketTagging(ctx context.Context, c *api.Caller, in *s3.GetBucketTaggingInput) (*s3.GetBucketTaggingOutput, error) {
	b, err := s.bucket(ctx, c, in.Bucket)
	if err != nil {
		return nil, err
	}
	if len(b.Tags) == 0 {
		return nil, failure(http.StatusNotFound, "NoSuchTagSet", "The TagSet does not exist", "BucketName", b.Name)
	}
	return &s3.GetBucketTaggingOutput{TagSet: tagSet(b.Tags)}, nil
}

// PutBucketTagging replaces them.
func (s *Service) PutBucketTagging(ctx context.Context, c *api.Caller, in *s3.PutBucketTaggingInput) (*s3.PutBucketTaggingOutput, error) {
	if in.Tagging == nil {
		return nil, malformedXML()
	}
	tags, err := tagMap(in.Tagging.TagSet, mostBucketTags)
	if err != nil {
		return nil, err
	}
	return &s3.PutBucketTaggingOutput{}, s.change(ctx, c, in.Bucket, func(_ context.Context, _ *state.Tx, b *state.Bucket) error {
		b.Tags = tags
		return nil
	})
}

// DeleteBucketTagging removes them.
func (s *Service) DeleteBucketTagging(ctx context.Context, c *api.Caller, in *s3.DeleteBucketTaggingInput) (*s3.DeleteBucketTaggingOutput, error) {
	return &s3.DeleteBucketTaggingOutput{}, s.change(ctx, c, in.Bucket, func(_ context.Context, _ *state.Tx, b *state.Bucket) error {
		b.Tags = nil
		return nil
	})
}

// GetBucketPolicy gives back the policy as it was put.
func (s *Service) GetBucketPolicy(ctx context.Context, c *api.Caller, in *s3.GetBucketPolicyInput) (*s3.GetBucketPolicyOutput, error) {
	b, err := s.bucket(ctx, c, in.Bucket)
	if err != nil {
		return nil, err
	}
	if b.Policy == "" {
		return nil, noPolicy(b)
	}
	return &s3.GetBucketPolicyOutput{Policy: &b.Policy}, nil
}

func noPolicy(b state.Bucket) error {
	return failure(http.StatusNotFound, "NoSuchBucketPolicy", "The bucket policy does not exist", "BucketName", b.Name)
}

// PutBucketPolicy attaches a policy, which every later access asks.
func (s *Service) PutBucketPolicy(ctx context.Context, c *api.Caller, in *s3.PutBucketPolicyInput) (*s3.PutBucketPolicyOutput, error) {
	document := str(in.Policy)
	if len(document) > 20<<10 {
		return nil, failure(http.StatusBadRequest, "PolicyTooLarge", "The policy exceeds the maximum allowed document size")
	}
	policy, err := iampolicy.Parse([]byte(document))
	if err == nil {
		err = iampolicy.Validate(policy, iampolicy.Resource)
	}
	if err != nil {
		return nil, failure(http.StatusBadRequest, "MalformedPolicy", malformedPolicy(err))
	}
	b, err := s.bucket(ctx, c, in.Bucket)
	if err != nil {
		return nil, err
	}
	if err := policyResources(policy, b.Name); err != nil {
		return nil, err
	}
	if isPublic(policy) {
		var block types.PublicAccessBlockConfiguration
		err := s.setting(ctx, c, in.Bucket, settingPublicAccessBlock, &block, nil)
		if err != nil {
			return nil, err
		}
		if block.BlockPublicPolicy != nil && *block.BlockPublicPolicy {
			e := accessDenied()
			e.Message = "User: " + c.ARN + " is not authorized to perform: s3:PutBucketPolicy on resource: \"" + bucketARN(b.Name) +
				"\" because public policies are prevented by the BlockPublicPolicy setting in S3 Block Public Access."
			return nil, e
		}
	}
	return &s3.PutBucketPolicyOutput{}, s.change(ctx, c, in.Bucket, func(_ context.Context, _ *state.Tx, b *state.Bucket) error {
		b.Policy = document
		return nil
	})
}

// DeleteBucketPolicy removes it.
func (s *Service) DeleteBucketPolicy(ctx context.Context, c *api.Caller, in *s3.DeleteBucketPolicyInput) (*s3.DeleteBucketPolicyOutput, error) {
	return &s3.DeleteBucketPolicyOutput{}, s.change(ctx, c, in.Bucket, func(_ context.Context, _ *state.Tx, b *state.Bucket) error {
		b.Policy = ""
		return nil
	})
}

// GetBucketPolicyStatus tells whether the policy makes the bucket public.
func (s *Service) GetBucketPolicyStatus(ctx context.Context, c *api.Caller, in *s3.GetBucketPolicyStatusInput) (*s3.GetBucketPolicyStatusOutput, error) {
	b, err := s.bucket(ctx, c, in.Bucket)
	if err != nil {
		return nil, err
	}
	if b.Policy == "" {
		return nil, noPolicy(b)
	}
	policy, err := iampolicy.Parse([]byte(b.Policy))
	if err != nil {
		return nil, err
	}
	public := isPublic(policy)
	return &s3.GetBucketPolicyStatusOutput{PolicyStatus: &types.PolicyStatus{IsPublic: &public}}, nil
}

// GetPublicAccessBlock reads the public access block.
func (s *Service) GetPublicAccessBlock(ctx context.Context, c *api.Caller, in *s3.GetPublicAccessBlockInput) (*s3.GetPublicAccessBlockOutput, error) {
	block := &types.PublicAccessBlockConfiguration{}
	err := s.setting(ctx, c, in.Bucket, settingPublicAccessBlock, block, failure(http.StatusNotFound,
		"NoSuchPublicAccessBlockConfiguration", "The public access block configuration was not found", "BucketName", str(in.Bucket)))
	return &s3.GetPublicAccessBlockOutput{PublicAccessBlockConfiguration: block}, err
}

// PutPublicAccessBlock sets it.
func (s *Service) PutPublicAccessBlock(ctx context.Context, c *api.Caller, in *s3.PutPublicAccessBlockInput) (*s3.PutPublicAccessBlockOutput, error) {
	block := in.PublicAccessBlockConfiguration
	if block == nil {
		return nil, malformedXML()
	}
	for _, setting := range []**bool{&block.BlockPublicAcls, &block.BlockPublicPolicy, &block.IgnorePublicAcls, &block.RestrictPublicBuckets} {
		if *setting == nil {
			*setting = new(bool)
		}
	}
	return &s3.PutPublicAccessBlockOutput{}, s.putSetting(ctx, c, in.Bucket, settingPublicAccessBlock, block)
}

// DeletePublicAccessBlock removes it.
func (s *Service) DeletePublicAccessBlock(ctx context.Context, c *api.Caller, in *s3.DeletePublicAccessBlockInput) (*s3.DeletePublicAccessBlockOutput, error) {
	return &s3.DeletePublicAccessBlockOutput{}, s.deleteSetting(ctx, c, in.Bucket, settingPublicAccessBlock)
}

// GetBucketOwnershipControls tells who owns objects that others put.
func (s *Service) GetBucketOwnershipControls(ctx context.Context, c *api.Caller, in *s3.GetBucketOwnershipControlsInput) (*s3.GetBucketOwnershipControlsOutput, error) {
	b, err := s.bucket(ctx, c, in.Bucket)
	if err != nil {
		return nil, err
	}
	if b.Ownership == "" {
		return nil, failure(http.StatusNotFound, "OwnershipControlsNotFoundError", "The bucket ownership controls were not found", "BucketName", b.Name)
	}
	return &s3.GetBucketOwnershipControlsOutput{OwnershipControls: &types.OwnershipControls{
		Rules: []types.OwnershipControlsRule{{ObjectOwnership: types.ObjectOwnership(b.Ownership)}},
	}}, nil
}

// PutBucketOwnershipControls sets it.
func (s *Service) PutBucketOwnershipControls(ctx context.Context, c *api.Caller, in *s3.PutBucketOwnershipControlsInput) (*s3.PutBucketOwnershipControlsOutput, error) {
	if in.OwnershipControls == nil || len(in.OwnershipControls.Rules) != 1 {
		return nil, malformedXML()
	}
	ownership := in.OwnershipControls.Rules[0].ObjectOwnership
	switch ownership {
	case types.ObjectOwnershipBucketOwnerEnforced, types.ObjectOwnershipBucketOwnerPreferred, types.ObjectOwnershipObjectWriter:
	default:
		return nil, malformedXML()
	}
	return &s3.PutBucketOwnershipControlsOutput{}, s.change(ctx, c, in.Bucket, func(ctx context.Context, tx *state.Tx, b *state.Bucket) error {
		if ownership == types.ObjectOwnershipBucketOwnerEnforced {
			_, err := tx.BucketSetting(ctx, b.ID, settingACL)
			if err == nil {
				return failure(http.StatusBadRequest, "InvalidBucketAclWithObjectOwnership", "Bucket cannot have ACLs set with ObjectOwnership's BucketOwnerEnforced setting")
			}
			if !errors.Is(err, state.ErrNotFound) {
				return err
			}
		}
		b.Ownership = string(ownership)
		return nil
	})
}

// DeleteBucketOwnershipControls removes it.
func (s *Service) DeleteBucketOwnershipControls(ctx context.Context, c *api.Caller, in *s3.DeleteBucketOwnershipControlsInput) (*s3.DeleteBucketOwnershipControlsOutput, error) {
	return &s3.DeleteBucketOwnershipControlsOutput{}, s.change(ctx, c, in.Bucket, func(_ context.Context, _ *state.Tx, b *state.Bucket) error {
		b.Ownership = ""
		return nil
	})
}

// GetBucketAcl reads the bucket's access control list.
func (s *Service) GetBucketAcl(ctx context.Context, c *api.Caller, in *s3.GetBucketAclInput) (*s3.GetBucketAclOutput, error) { //nolint:revive // as AWS spells it
	b, err := s.bucket(ctx, c, in.Bucket)
	if err != nil {
		return nil, err
	}
	grants := []types.Grant{grantAccount(b.AccountID, types.PermissionFullControl)}
	if err := s.setting(ctx, c, in.Bucket, settingACL, &grants, nil); err != nil {
		return nil, err
	}
	return &s3.GetBucketAclOutput{Owner: owner(b.AccountID), Grants: grants}, nil
}

// PutBucketAcl sets it, where the bucket's ownership allows lists.
func (s *Service) PutBucketAcl(ctx context.Context, c *api.Caller, in *s3.PutBucketAclInput) (*s3.PutBucketAclOutput, error) { //nolint:revive // as AWS spells it
	if in.GrantFullControl != nil || in.GrantRead != nil || in.GrantReadACP != nil || in.GrantWrite != nil || in.GrantWriteACP != nil {
		return nil, api.NotImplemented("s3: grants in headers")
	}
	return &s3.PutBucketAclOutput{}, s.change(ctx, c, in.Bucket, func(ctx context.Context, tx *state.Tx, b *state.Bucket) error {
		text, err := aclText(string(in.ACL), in.AccessControlPolicy, b.AccountID, b.AccountID)
		if err != nil {
			return err
		}
		if text == "" {
			return tx.DeleteBucketSetting(ctx, b.ID, settingACL)
		}
		if b.Ownership == "" || b.Ownership == string(types.ObjectOwnershipBucketOwnerEnforced) {
			return aclNotSupported()
		}
		return tx.PutBucketSetting(ctx, b.ID, settingACL, text)
	})
}

// GetBucketLifecycleConfiguration reads the lifecycle rules.
func (s *Service) GetBucketLifecycleConfiguration(ctx context.Context, c *api.Caller, in *s3.GetBucketLifecycleConfigurationInput) (*s3.GetBucketLifecycleConfigurationOutput, error) {
	out := &s3.GetBucketLifecycleConfigurationOutput{}
	err := s.setting(ctx, c, in.Bucket, settingLifecycle, &out.Rules, failure(http.StatusNotFound,
		"NoSuchLifecycleConfiguration", "The lifecycle configuration does not exist", "BucketName", str(in.Bucket)))
	out.TransitionDefaultMinimumObjectSize = types.TransitionDefaultMinimumObjectSizeAllStorageClasses128k
	return out, err
}

// DeleteBucketLifecycle removes the lifecycle rules.
func (s *Service) DeleteBucketLifecycle(ctx context.Context, c *api.Caller, in *s3.DeleteBucketLifecycleInput) (*s3.DeleteBucketLifecycleOutput, error) {
	return &s3.DeleteBucketLifecycleOutput{}, s.deleteSetting(ctx, c, in.Bucket, settingLifecycle)
}

// GetBucketCors reads the CORS rules.
func (s *Service) GetBucketCors(ctx context.Context, c *api.Caller, in *s3.GetBucketCorsInput) (*s3.GetBucketCorsOutput, error) {
	out := &s3.GetBucketCorsOutput{}
	return out, s.setting(ctx, c, in.Bucket, settingCORS, &out.CORSRules, failure(http.StatusNotFound,
		"NoSuchCORSConfiguration", "The CORS configuration does not exist", "BucketName", str(in.Bucket)))
}

// PutBucketCors sets the CORS rules. They are stored and told; requests from browsers are not answered by them.
func (s *Service) PutBucketCors(ctx context.Context, c *api.Caller, in *s3.PutBucketCorsInput) (*s3.PutBucketCorsOutput, error) {
	if in.CORSConfiguration == nil || len(in.CORSConfiguration.CORSRules) == 0 {
		return nil, malformedXML()
	}
	return &s3.PutBucketCorsOutput{}, s.putSetting(ctx, c, in.Bucket, settingCORS, in.CORSConfiguration.CORSRules)
}

// DeleteBucketCors removes them.
func (s *Service) DeleteBucketCors(ctx context.Context, c *api.Caller, in *s3.DeleteBucketCorsInput) (*s3.DeleteBucketCorsOutput, error) {
	return &s3.DeleteBucketCorsOutput{}, s.deleteSetting(ctx, c, in.Bucket, settingCORS)
}

// GetBucketNotificationConfiguration reads the notification configuration, which is empty where there is none.
func (s *Service) GetBucketNotificationConfiguration(ctx context.Context, c *api.Caller, in *s3.GetBucketNotificationConfigurationInput) (*s3.GetBucketNotificationConfigurationOutput, error) {
	var n types.NotificationConfiguration
	err := s.setting(ctx, c, in.Bucket, settingNotification, &n, nil)
	return &s3.GetBucketNotificationConfigurationOutput{
		EventBridgeConfiguration: n.EventBridgeConfiguration, LambdaFunctionConfigurations: n.LambdaFunctionConfigurations,
		QueueConfigurations: n.QueueConfigurations, TopicConfigurations: n.TopicConfigurations,
	}, err
}

// PutBucketLifecycleConfiguration sets the lifecycle rules. Nothing expires by them yet, so one that is enabled is refused.
func (s *Service) PutBucketLifecycleConfiguration(ctx context.Context, c *api.Caller, in *s3.PutBucketLifecycleConfigurationInput) (*s3.PutBucketLifecycleConfigurationOutput, error) {
	if in.LifecycleConfiguration == nil || len(in.LifecycleConfiguration.Rules) == 0 {
		return nil, malformedXML()
	}
	for _, rule := range in.LifecycleConfiguration.Rules {
		if rule.Status != types.ExpirationStatusEnabled && rule.Status != types.ExpirationStatusDisabled {
			return nil, malformedXML()
		}
		if rule.Status == types.ExpirationStatusEnabled {
			return nil, api.NotImplemented("An enabled rule in s3:PutBucketLifecycleConfiguration")
		}
	}
	return &s3.PutBucketLifecycleConfigurationOutput{TransitionDefaultMinimumObjectSize: types.TransitionDefaultMinimumObjectSizeAllStorageClasses128k},
		s.putSetting(ctx, c, in.Bucket, settingLifecycle, in.LifecycleConfiguration.Rules)
}

// PutBucketNotificationConfiguration removes the notification configuration by setting an empty one. No event is sent yet,
// so any other is refused.
func (s *Service) PutBucketNotificationConfiguration(ctx context.Context, c *api.Caller, in *s3.PutBucketNotificationConfigurationInput) (*s3.PutBucketNotificationConfigurationOutput, error) {
	if in.NotificationConfiguration == nil {
		return nil, malformedXML()
	}
	n := in.NotificationConfiguration
	if n.EventBridgeConfiguration != nil || len(n.LambdaFunctionConfigurations)+len(n.QueueConfigurations)+len(n.TopicConfigurations) > 0 {
		return nil, api.NotImplemented("A destination in s3:PutBucketNotificationConfiguration")
	}
	return &s3.PutBucketNotificationConfigurationOutput{}, s.putSetting(ctx, c, in.Bucket, settingNotification, n)
}
