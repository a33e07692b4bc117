package s3

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"strongroom/internal/api"
	"strongroom/internal/state"
)

// GetObjectAcl reads the access control list of a version.
func (s *Service) GetObjectAcl(ctx context.Context, c *api.Caller, in *s3.GetObjectAclInput) (*s3.GetObjectAclOutput, error) { //nolint:revive // as AWS spells it
	b, err := s.bucket(ctx, c, in.Bucket)
	if err != nil {
		return nil, err
	}
	o, err := s.readable(ctx, c, b, *in.Key, str(in.VersionId), "GET")
	if err != nil {
		return nil, err
	}
	grants, err := grantsOf(o.ACL, o.Owner)
	return &s3.GetObjectAclOutput{Owner: owner(o.Owner), Grants: grants}, err
}

// PutObjectAcl sets it, where the bucket's ownership allows lists.
func (s *Service) PutObjectAcl(ctx context.Context, c *api.Caller, in *s3.PutObjectAclInput) (*s3.PutObjectAclOutput, error) { //nolint:revive // as AWS spells it
	policy, err := grantHeaders{in.GrantFullControl, in.GrantRead, in.GrantReadACP, in.GrantWrite, in.GrantWriteACP}.policy()
	if err != nil {
		return nil, err
	}
	if policy == nil {
		policy = in.AccessControlPolicy
	}
	_, err = s.changeObject(ctx, c, in.Bucket, in.Key, in.VersionId, func(ctx context.Context, tx *state.Tx, b state.Bucket, o state.Object) error {
		if b.Ownership == string(types.ObjectOwnershipBucketOwnerEnforced) {
			return aclNotSupported()
		}
		text, err := aclText(string(in.ACL), policy, o.Owner, b.AccountID)
		if err != nil {
			return err
		}
		if isPublicACL(text) && b.Settings.PublicAccess.BlockPublicACLs {
			return blocked(c, "PutObjectAcl", objectARN(b.Name, o.Key), "public ACLs", "BlockPublicAcls")
		}
		if text, err = resolve(ctx, tx, text, b.AccountID, o.Owner); err != nil {
			return err
		}
		if err := tx.SetObjectACL(ctx, o.ObjectVersion, text); err != nil {
			return err
		}
		return s.tell(ctx, tx, c, b, objectACLSet(o.ObjectVersion))
	})
	return &s3.PutObjectAclOutput{}, err
}
