package s3

import (
	"encoding/json"
	"net/http"

	"github.com/aws/aws-sdk-go-v2/service/s3/types"
)

// Access control lists are stored and told, and kept with backups. They are not an authority here: who may do what is
// said by policies, as in every bucket whose ownership is BucketOwnerEnforced, the default.

const (
	groupAllUsers  = "http://acs.amazonaws.com/groups/global/AllUsers"
	groupAuthUsers = "http://acs.amazonaws.com/groups/global/AuthenticatedUsers"
	groupDelivery  = "http://acs.amazonaws.com/groups/s3/LogDelivery"
)

func grantGroup(uri string, permission types.Permission) types.Grant {
	return types.Grant{Grantee: &types.Grantee{Type: types.TypeGroup, URI: &uri}, Permission: permission}
}

func grantAccount(accountID string, permission types.Permission) types.Grant {
	id := canonicalID(accountID)
	return types.Grant{Grantee: &types.Grantee{Type: types.TypeCanonicalUser, ID: &id}, Permission: permission}
}

// cannedACL is the list that a canned name stands for, as it is stored: "" for the owner alone.
func cannedACL(name, ownerID, bucketOwnerID string) (string, error) {
	full := grantAccount(ownerID, types.PermissionFullControl)
	var grants []types.Grant
	switch name {
	case "", "private":
		return "", nil
	case "public-read":
		grants = []types.Grant{full, grantGroup(groupAllUsers, types.PermissionRead)}
	case "public-read-write":
		grants = []types.Grant{full, grantGroup(groupAllUsers, types.PermissionRead), grantGroup(groupAllUsers, types.PermissionWrite)}
	case "authenticated-read":
		grants = []types.Grant{full, grantGroup(groupAuthUsers, types.PermissionRead)}
	case "log-delivery-write":
		grants = []types.Grant{full, grantGroup(groupDelivery, types.PermissionWrite), grantGroup(groupDelivery, types.PermissionReadAcp)}
	case "aws-exec-read":
		return "", nil
	case "bucket-owner-read", "bucket-owner-full-control":
		if ownerID == bucketOwnerID {
			return "", nil
		}
		permission := types.PermissionFullControl
		if name == "bucket-owner-read" {
			permission = types.PermissionRead
		}
		grants = []types.Grant{full, grantAccount(bucketOwnerID, permission)}
	default:
		return "", invalidArgument("x-amz-acl", name, "")
	}
	text, err := json.Marshal(grants)
	return string(text), err
}

// grantsOf is the list that is stored as text.
func grantsOf(text, ownerID string) ([]types.Grant, error) {
	if text == "" {
		return []types.Grant{grantAccount(ownerID, types.PermissionFullControl)}, nil
	}
	var grants []types.Grant
	return grants, json.Unmarshal([]byte(text), &grants)
}

// aclText is the list that a request gives, canned or in full, as it is stored.
func aclText(canned string, policy *types.AccessControlPolicy, ownerID, bucketOwnerID string) (string, error) {
	if policy == nil {
		return cannedACL(canned, ownerID, bucketOwnerID)
	}
	if canned != "" {
		return "", invalidRequest("Specifying both Canned ACLs and Header Grants is not allowed")
	}
	for _, grant := range policy.Grants {
		if grant.Grantee == nil || grant.Permission == "" {
			return "", failure(http.StatusBadRequest, "MalformedACLError", "The XML you provided was not well-formed or did not validate against our published schema")
		}
	}
	private := grantAccount(ownerID, types.PermissionFullControl)
	if len(policy.Grants) == 1 && policy.Grants[0].Permission == private.Permission && str(policy.Grants[0].Grantee.ID) == *private.Grantee.ID {
		return "", nil
	}
	text, err := json.Marshal(policy.Grants)
	return string(text), err
}

func aclNotSupported() error {
	return failure(http.StatusBadRequest, "AccessControlListNotSupported", "The bucket does not allow ACLs")
}
