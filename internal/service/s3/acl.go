package s3

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"regexp"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"strongroom/internal/state"
)

// Access control lists are stored as the JSON of their grants; "" stands for full control of the owner alone. Where the
// bucket's ownership allows them, a bucket's list gives access as a policy of the same effect does; see [aclPolicy]. The
// lists of objects are told and kept with backups, and give no access.

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
			return "", malformedACL()
		}
	}
	private := grantAccount(ownerID, types.PermissionFullControl)
	if len(policy.Grants) == 1 && policy.Grants[0].Permission == private.Permission && str(policy.Grants[0].Grantee.ID) == *private.Grantee.ID {
		return "", nil
	}
	text, err := json.Marshal(policy.Grants)
	return string(text), err
}

func malformedACL() error {
	return failure(http.StatusBadRequest, "MalformedACLError", "The XML you provided was not well-formed or did not validate against our published schema")
}

func aclNotSupported() error {
	return failure(http.StatusBadRequest, "AccessControlListNotSupported", "The bucket does not allow ACLs")
}

// grantHeaders are the x-amz-grant-* headers of a request.
type grantHeaders struct {
	fullControl, read, readACP, write, writeACP *string
}

var grantee = regexp.MustCompile(`^\s*(id|uri|emailAddress)\s*=\s*"?([^",]+?)"?\s*$`)

// policy is the list that the headers give, nil if there are none.
func (h grantHeaders) policy() (*types.AccessControlPolicy, error) {
	p := &types.AccessControlPolicy{}
	for _, each := range []struct {
		name, value string
		permission  types.Permission
	}{
		{"x-amz-grant-full-control", str(h.fullControl), types.PermissionFullControl},
		{"x-amz-grant-read", str(h.read), types.PermissionRead},
		{"x-amz-grant-read-acp", str(h.readACP), types.PermissionReadAcp},
		{"x-amz-grant-write", str(h.write), types.PermissionWrite},
		{"x-amz-grant-write-acp", str(h.writeACP), types.PermissionWriteAcp},
	} {
		if each.value == "" {
			continue
		}
		for part := range strings.SplitSeq(each.value, ",") {
			match := grantee.FindStringSubmatch(part)
			if match == nil {
				return nil, invalidArgument(each.name, each.value, "Argument format not recognized")
			}
			g := &types.Grantee{}
			switch match[1] {
			case "id":
				g.Type, g.ID = types.TypeCanonicalUser, &match[2]
			case "uri":
				g.Type, g.URI = types.TypeGroup, &match[2]
			default:
				g.Type, g.EmailAddress = types.TypeAmazonCustomerByEmail, &match[2]
			}
			p.Grants = append(p.Grants, types.Grant{Grantee: g, Permission: each.permission})
		}
	}
	if len(p.Grants) == 0 {
		return nil, nil
	}
	return p, nil
}

// storedGrant is a grant with the account that its grantee is, "" for a group.
type storedGrant struct {
	types.Grant
	AccountID string `json:",omitempty"`
}

// resolve checks whom the grants of a list name, and gives the list back with the accounts that they are. The accounts of
// owner and bucket need not be looked up.
func resolve(ctx context.Context, tx *state.Tx, text string, known ...string) (string, error) {
	if text == "" {
		return "", nil
	}
	var grants []storedGrant
	if err := json.Unmarshal([]byte(text), &grants); err != nil {
		return "", err
	}
	accounts, err := tx.Accounts(ctx)
	if err != nil {
		return "", err
	}
	byID := map[string]string{}
	for _, id := range known {
		byID[canonicalID(id)] = id
	}
	for _, a := range accounts {
		byID[canonicalID(a.ID)] = a.ID
	}
	for i := range grants {
		g := &grants[i]
		switch g.Permission {
		case types.PermissionFullControl, types.PermissionRead, types.PermissionWrite, types.PermissionReadAcp, types.PermissionWriteAcp:
		default:
			return "", malformedACL()
		}
		switch g.Grantee.Type {
		case types.TypeCanonicalUser:
			if g.AccountID = byID[str(g.Grantee.ID)]; g.AccountID == "" {
				return "", invalidArgument("CanonicalUser/ID", str(g.Grantee.ID), "Invalid id")
			}
		case types.TypeGroup:
			if !slices.Contains([]string{groupAllUsers, groupAuthUsers, groupDelivery}, str(g.Grantee.URI)) {
				return "", invalidArgument("Group/URI", str(g.Grantee.URI), "Invalid group uri")
			}
		case types.TypeAmazonCustomerByEmail:
			account, err := tx.AccountByEmail(ctx, strings.ToLower(str(g.Grantee.EmailAddress)))
			if errors.Is(err, state.ErrNotFound) {
				return "", failure(http.StatusBadRequest, "UnresolvableGrantByEmailAddress", "The e-mail address you provided does not match any account on record.")
			}
			if err != nil {
				return "", err
			}
			g.Grant, g.AccountID = grantAccount(account.ID, g.Permission), account.ID
		default:
			return "", malformedACL()
		}
	}
	resolved, err := json.Marshal(grants)
	return string(resolved), err
}

// isPublicACL reports whether a list gives something to everybody, with or without an account.
func isPublicACL(text string) bool {
	return strings.Contains(text, groupAllUsers) || strings.Contains(text, groupAuthUsers)
}

// bucketACLActions are the actions that a permission on a bucket gives.
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/acl-overview.html#acl-access-policy-permission-mapping
var bucketACLActions = map[types.Permission][]string{
	types.PermissionRead:     {"s3:ListBucket", "s3:ListBucketVersions", "s3:ListBucketMultipartUploads"},
	types.PermissionWrite:    {"s3:PutObject"},
	types.PermissionReadAcp:  {"s3:GetBucketAcl"},
	types.PermissionWriteAcp: {"s3:PutBucketAcl"},
	types.PermissionFullControl: {
		"s3:ListBucket", "s3:ListBucketVersions", "s3:ListBucketMultipartUploads", "s3:PutObject", "s3:GetBucketAcl", "s3:PutBucketAcl",
	},
}

// objectACLActions are the actions that a permission on an object gives.
var objectACLActions = map[types.Permission][]string{
	types.PermissionRead:     {"s3:GetObject", "s3:GetObjectVersion"},
	types.PermissionReadAcp:  {"s3:GetObjectAcl", "s3:GetObjectVersionAcl"},
	types.PermissionWriteAcp: {"s3:PutObjectAcl", "s3:PutObjectVersionAcl"},
	types.PermissionFullControl: {
		"s3:GetObject", "s3:GetObjectVersion", "s3:GetObjectAcl", "s3:GetObjectVersionAcl", "s3:PutObjectAcl", "s3:PutObjectVersionAcl",
	},
}

// aclPolicy is the policy that gives what a bucket's list gives, "" where it gives nothing to others than the owner.
func aclPolicy(b state.Bucket) string {
	return listPolicy(b, b.Settings.ACL, bucketACLActions, bucketARN(b.Name), objectARN(b.Name, "*"))
}

// objectACLPolicy is the same of the list of an object.
func objectACLPolicy(b state.Bucket, key, list string) string {
	return listPolicy(b, list, objectACLActions, objectARN(b.Name, key))
}

func listPolicy(b state.Bucket, list string, actions map[types.Permission][]string, resources ...string) string {
	if list == "" || b.Ownership == string(types.ObjectOwnershipBucketOwnerEnforced) {
		return ""
	}
	if b.Settings.PublicAccess.IgnorePublicACLs && isPublicACL(list) {
		return ""
	}
	var grants []storedGrant
	if json.Unmarshal([]byte(list), &grants) != nil {
		return ""
	}
	type statement struct {
		Effect    string
		Principal any
		Action    []string
		Resource  []string
		Condition map[string]map[string]string `json:",omitempty"`
	}
	var statements []statement
	for _, g := range grants {
		s := statement{Effect: "Allow", Action: actions[g.Permission], Resource: resources}
		switch {
		case len(s.Action) == 0:
			continue
		case g.AccountID != "" && g.AccountID != b.AccountID:
			s.Principal = map[string]string{"AWS": "arn:aws:iam::" + g.AccountID + ":root"}
		case str(g.Grantee.URI) == groupAllUsers:
			s.Principal = "*"
		case str(g.Grantee.URI) == groupAuthUsers:
			s.Principal = "*"
			s.Condition = map[string]map[string]string{"Null": {"aws:PrincipalAccount": "false"}}
		default:
			continue
		}
		statements = append(statements, s)
	}
	if len(statements) == 0 {
		return ""
	}
	text, err := json.Marshal(map[string]any{"Version": "2012-10-17", "Statement": statements})
	if err != nil {
		panic(err) // of strings
	}
	return string(text)
}
