package s3

import (
	"context"
	"net/http"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"strongroom/internal/api"
	"strongroom/internal/state"
)

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
	if in.OwnershipControls == nil || len(in.OwnershipControls.Rules) != 1 || !validOwnership(in.OwnershipControls.Rules[0].ObjectOwnership) {
		return nil, malformedXML()
	}
	ownership := in.OwnershipControls.Rules[0].ObjectOwnership
	return &s3.PutBucketOwnershipControlsOutput{}, s.change(ctx, c, in.Bucket, func(_ context.Context, _ *state.Tx, b *state.Bucket) error {
		if ownership == types.ObjectOwnershipBucketOwnerEnforced && b.Settings.ACL != "" {
			return aclWithoutOwnership()
		}
		b.Ownership = string(ownership)
		return nil
	})
}

func validOwnership(o types.ObjectOwnership) bool {
	switch o {
	case types.ObjectOwnershipBucketOwnerEnforced, types.ObjectOwnershipBucketOwnerPreferred, types.ObjectOwnershipObjectWriter:
		return true
	}
	return false
}

func aclWithoutOwnership() error {
	return failure(http.StatusBadRequest, "InvalidBucketAclWithObjectOwnership", "Bucket cannot have ACLs set with ObjectOwnership's BucketOwnerEnforced setting")
}

// DeleteBucketOwnershipControls removes it; whoever writes an object then owns it, as in the days before the setting.
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
	grants, err := grantsOf(b.Settings.ACL, b.AccountID)
	return &s3.GetBucketAclOutput{Owner: owner(b.AccountID), Grants: grants}, err
}

// PutBucketAcl sets it, where the bucket's ownership allows lists. Under BucketOwnerEnforced there is only the one that
// the bucket has anyhow.
func (s *Service) PutBucketAcl(ctx context.Context, c *api.Caller, in *s3.PutBucketAclInput) (*s3.PutBucketAclOutput, error) { //nolint:revive // as AWS spells it
	policy := in.AccessControlPolicy
	given := in.GrantFullControl != nil || in.GrantRead != nil || in.GrantReadACP != nil || in.GrantWrite != nil || in.GrantWriteACP != nil
	switch {
	case policy != nil && (given || in.ACL != ""):
		return nil, failure(http.StatusBadRequest, "UnexpectedContent", "This request does not support content")
	case given && in.ACL != "":
		return nil, invalidRequest("Specifying both Canned ACLs and Header Grants is not allowed")
	case policy != nil && (policy.Owner == nil || str(policy.Owner.ID) == ""):
		return nil, malformedACL()
	case given:
		var err error
		if policy, err = (grantHeaders{in.GrantFullControl, in.GrantRead, in.GrantReadACP, in.GrantWrite, in.GrantWriteACP}).policy(); err != nil {
			return nil, err
		}
	case policy == nil && in.ACL == "":
		return nil, failure(http.StatusBadRequest, "MissingSecurityHeader", "Your request was missing a required header", "MissingHeaderName", "x-amz-acl")
	}
	return &s3.PutBucketAclOutput{}, s.change(ctx, c, in.Bucket, func(ctx context.Context, tx *state.Tx, b *state.Bucket) error {
		if policy != nil && policy.Owner != nil && policy.Owner.ID != nil && *policy.Owner.ID != canonicalID(b.AccountID) {
			return accessDenied()
		}
		text, err := aclText(string(in.ACL), policy, b.AccountID, b.AccountID)
		if err != nil {
			return err
		}
		if b.Ownership == string(types.ObjectOwnershipBucketOwnerEnforced) {
			if text == "" || in.ACL == "bucket-owner-full-control" {
				return nil
			}
			return aclNotSupported()
		}
		if isPublicACL(text) && b.Settings.PublicAccess.BlockPublicACLs {
			return blocked(c, "PutBucketAcl", bucketARN(b.Name), "public ACLs", "BlockPublicAcls")
		}
		b.Settings.ACL, err = resolve(ctx, tx, text, b.AccountID)
		return err
	})
}
