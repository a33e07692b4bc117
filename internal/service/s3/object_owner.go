package s3

import (
	"context"
	"encoding/json"

	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"strongroom/internal/api"
	"strongroom/internal/state"
)

// aclRequest is what the headers of a request that makes an object say of its access control list.
type aclRequest struct {
	canned types.ObjectCannedACL
	grants grantHeaders
}

func (r aclRequest) given() bool { return r.canned != "" || r.grants != grantHeaders{} }

// own sets whose a new object is, and its access control list.
func (s *Service) own(ctx context.Context, o *state.Object, c *api.Caller, b state.Bucket, acl aclRequest) error {
	// The writer's account owns the object where the bucket's ownership leaves it that.
	o.Owner = b.AccountID
	enforced := b.Ownership == string(types.ObjectOwnershipBucketOwnerEnforced)
	preferred := b.Ownership == string(types.ObjectOwnershipBucketOwnerPreferred) && acl.canned == types.ObjectCannedACLBucketOwnerFullControl
	if !enforced && !preferred && c.AccountID != "" {
		o.Owner = c.AccountID
	}
	policy, err := acl.grants.policy()
	if err != nil {
		return err
	}
	if o.ACL, err = aclText(string(acl.canned), policy, o.Owner, b.AccountID); err != nil {
		return err
	}
	switch {
	case enforced && o.ACL != "":
		return aclNotSupported()
	case enforced, o.ACL == "":
		return nil
	case isPublicACL(o.ACL) && b.Settings.PublicAccess.BlockPublicACLs:
		return blocked(c, "PutObject", objectARN(b.Name, o.Key), "public ACLs", "BlockPublicAcls")
	}
	return s.view(ctx, func(ctx context.Context, tx *state.Tx) (err error) {
		o.ACL, err = resolve(ctx, tx, o.ACL, b.AccountID, o.Owner)
		return err
	})
}

// ownList is the access control list of an object as it is stored, or what stands for none where the object is not the
// bucket owner's.
func ownList(b state.Bucket, o state.Object) string {
	if o.ACL != "" || o.DeleteMarker || o.Owner == b.AccountID {
		return o.ACL
	}
	text, err := json.Marshal([]storedGrant{{Grant: grantAccount(o.Owner, types.PermissionFullControl), AccountID: o.Owner}})
	if err != nil {
		panic(err) // of strings
	}
	return string(text)
}
