package s3

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"strongroom/internal/api"
	"strongroom/internal/state"
)

// Names of further configurations in the state.
const (
	settingCORS           = "cors"
	settingAccelerate     = "accelerate"
	settingRequestPayment = "request-payment"
)

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
	case "":
		return nil, failure(http.StatusBadRequest, "IllegalVersioningConfigurationException", "The Versioning element must be specified")
	default:
		return nil, malformedXML()
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
