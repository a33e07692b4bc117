package s3_test

import (
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"strongroom/internal/service/s3/s3test"
)

func TestListsOfObjects(t *testing.T) {
	t.Parallel()
	w := s3test.New(t)
	w.Bucket(t, s3test.Member, "bucket", false)
	b := ptr("bucket")
	own := func(o types.ObjectOwnership) {
		s3test.Do[s3.PutBucketOwnershipControlsOutput](t, w, admin, &s3.PutBucketOwnershipControlsInput{Bucket: b, OwnershipControls: &types.OwnershipControls{Rules: []types.OwnershipControlsRule{{ObjectOwnership: o}}}})
	}
	own(types.ObjectOwnershipObjectWriter)
	s3test.Do[s3.PutBucketPolicyOutput](t, w, admin, &s3.PutBucketPolicyInput{Bucket: b, Policy: ptr(`{"Version":"2012-10-17","Statement":{"Effect":"Allow",
		"Principal":{"AWS":"arn:aws:iam::222222222222:root"},"Action":["s3:PutObject","s3:PutObjectAcl"],"Resource":"arn:aws:s3:::bucket/*"}}`)})
	writer, stranger := s3test.Admin(s3test.Vault), s3test.Admin("333333333333")
	put := &s3.PutObjectInput{Bucket: b, Key: ptr("a*b"), Body: strings.NewReader("theirs")}
	get := &s3.GetObjectInput{Bucket: b, Key: ptr("a*b")}
	s3test.Do[s3.PutObjectOutput](t, w, writer, put)
	s3test.Do[s3.GetObjectOutput](t, w, writer, get) // it is theirs
	s3test.Refused[s3.GetObjectOutput](t, w, stranger, get, "AccessDenied")
	put.ACL = types.ObjectCannedACLPublicRead
	s3test.Refused[s3.PutObjectOutput](t, w, writer, put, "AccessDenied") // public lists are blocked

	block := func(ignore bool) {
		s3test.Do[s3.PutPublicAccessBlockOutput](t, w, admin, &s3.PutPublicAccessBlockInput{Bucket: b, PublicAccessBlockConfiguration: &types.PublicAccessBlockConfiguration{IgnorePublicAcls: &ignore}})
	}
	block(false)
	put.Body = strings.NewReader("everybody's")
	s3test.Do[s3.PutObjectOutput](t, w, writer, put)
	s3test.Do[s3.PutObjectOutput](t, w, admin, &s3.PutObjectInput{Bucket: b, Key: ptr("axb"), Body: strings.NewReader("ours")})
	s3test.Do[s3.GetObjectOutput](t, w, stranger, get)
	s3test.Refused[s3.GetObjectOutput](t, w, stranger, &s3.GetObjectInput{Bucket: b, Key: ptr("axb")}, "AccessDenied") // the key's star means itself
	s3test.Refused[s3.GetObjectAclOutput](t, w, stranger, &s3.GetObjectAclInput{Bucket: b, Key: get.Key}, "AccessDenied")
	block(true)
	s3test.Refused[s3.GetObjectOutput](t, w, stranger, get, "AccessDenied")
	block(false)
	own(types.ObjectOwnershipBucketOwnerEnforced)
	s3test.Refused[s3.GetObjectOutput](t, w, stranger, get, "AccessDenied")
	put.Body = strings.NewReader("no list")
	s3test.Refused[s3.PutObjectOutput](t, w, admin, put, "AccessControlListNotSupported")

	own(types.ObjectOwnershipBucketOwnerPreferred)
	for name, in := range map[string]*s3.PutObjectInput{
		"InvalidArgument":                 {GrantRead: ptr("whom")},
		"InvalidRequest":                  {GrantRead: ptr(`uri="http://acs.amazonaws.com/groups/s3/LogDelivery"`), ACL: types.ObjectCannedACLPublicRead},
		"UnresolvableGrantByEmailAddress": {GrantRead: ptr(`emailAddress="nobody@example.com"`)},
		"InvalidRedirectLocation":         {WebsiteRedirectLocation: ptr("elsewhere")},
		"InvalidStorageClass":             {StorageClass: types.StorageClassSnow},
		"NotImplemented":                  {IfNoneMatch: ptr("abc")},
	} {
		in.Bucket, in.Key = b, ptr("k")
		s3test.Refused[s3.PutObjectOutput](t, w, admin, in, name)
	}
	grant := &s3.PutObjectInput{Bucket: b, Key: ptr("k"), Body: strings.NewReader("x"), GrantReadACP: ptr(`uri="http://acs.amazonaws.com/groups/s3/LogDelivery"`)}
	s3test.Do[s3.PutObjectOutput](t, w, admin, grant)
	if acl := s3test.Do[s3.GetObjectAclOutput](t, w, admin, &s3.GetObjectAclInput{Bucket: b, Key: ptr("k")}); len(acl.Grants) != 1 || acl.Grants[0].Permission != types.PermissionReadAcp {
		t.Errorf("grants %v", acl.Grants)
	}
}
