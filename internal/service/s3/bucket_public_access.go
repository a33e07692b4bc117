package s3

import (
	"context"
	"net/http"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"strongroom/internal/api"
	"strongroom/internal/state"
)

// blockAll is the public access block of new buckets.
var blockAll = state.PublicAccessBlock{Set: true, BlockPublicACLs: true, IgnorePublicACLs: true, BlockPublicPolicy: true, RestrictPublicBuckets: true}

// GetPublicAccessBlock reads the public access block.
func (s *Service) GetPublicAccessBlock(ctx context.Context, c *api.Caller, in *s3.GetPublicAccessBlockInput) (*s3.GetPublicAccessBlockOutput, error) {
	b, err := s.bucket(ctx, c, in.Bucket)
	if err != nil {
		return nil, err
	}
	block := b.Settings.PublicAccess
	if !block.Set {
		return nil, failure(http.StatusNotFound, "NoSuchPublicAccessBlockConfiguration", "The public access block configuration was not found", "BucketName", b.Name)
	}
	return &s3.GetPublicAccessBlockOutput{PublicAccessBlockConfiguration: &types.PublicAccessBlockConfiguration{
		BlockPublicAcls: &block.BlockPublicACLs, IgnorePublicAcls: &block.IgnorePublicACLs,
		BlockPublicPolicy: &block.BlockPublicPolicy, RestrictPublicBuckets: &block.RestrictPublicBuckets,
	}}, nil
}

// PutPublicAccessBlock sets it.
func (s *Service) PutPublicAccessBlock(ctx context.Context, c *api.Caller, in *s3.PutPublicAccessBlockInput) (*s3.PutPublicAccessBlockOutput, error) {
	block := in.PublicAccessBlockConfiguration
	if block == nil {
		return nil, malformedXML()
	}
	return &s3.PutPublicAccessBlockOutput{}, s.change(ctx, c, in.Bucket, func(_ context.Context, _ *state.Tx, b *state.Bucket) error {
		b.Settings.PublicAccess = state.PublicAccessBlock{
			Set: true, BlockPublicACLs: isTrue(block.BlockPublicAcls), IgnorePublicACLs: isTrue(block.IgnorePublicAcls),
			BlockPublicPolicy: isTrue(block.BlockPublicPolicy), RestrictPublicBuckets: isTrue(block.RestrictPublicBuckets),
		}
		return nil
	})
}

func isTrue(p *bool) bool { return p != nil && *p }

// DeletePublicAccessBlock removes it.
func (s *Service) DeletePublicAccessBlock(ctx context.Context, c *api.Caller, in *s3.DeletePublicAccessBlockInput) (*s3.DeletePublicAccessBlockOutput, error) {
	return &s3.DeletePublicAccessBlockOutput{}, s.change(ctx, c, in.Bucket, func(_ context.Context, _ *state.Tx, b *state.Bucket) error {
		b.Settings.PublicAccess = state.PublicAccessBlock{}
		return nil
	})
}

// blocked is the refusal of a call that would open a bucket to the public.
func blocked(c *api.Caller, action, resource, what, setting string) *api.Error {
	e := accessDenied()
	e.Message = "User: " + c.ARN + " is not authorized to perform: s3:" + action + " on resource: \"" + resource +
		"\" because " + what + " are prevented by the " + setting + " setting in S3 Block Public Access."
	return e
}
