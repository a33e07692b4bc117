package s3

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"regexp"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"strongroom/internal/api"
	"strongroom/internal/state"
)

// https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html
var bucketName = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*$`)

func checkBucketName(name string) error {
	_, notIP := netip.ParseAddr(name)
	reserved := strings.HasPrefix(name, "xn--") || strings.HasPrefix(name, "sthree-") || strings.HasPrefix(name, "amzn-s3-demo-") ||
		strings.HasSuffix(name, "-s3alias") || strings.HasSuffix(name, "--ol-s3") || strings.HasSuffix(name, ".mrap") ||
		strings.HasSuffix(name, "--x-s3") || strings.HasSuffix(name, "--table-s3")
	if len(name) < 3 || len(name) > 63 || !bucketName.MatchString(name) || notIP == nil || reserved {
		return failure(http.StatusBadRequest, "InvalidBucketName", "The specified bucket is not valid.", "BucketName", name)
	}
	return nil
}

// createBucketAccess asks for s3:CreateBucket; what the request sets beside it needs the action that sets it.
func (s *Service) createBucketAccess(_ context.Context, c *api.Caller, in *s3.CreateBucketInput) ([]api.Access, error) {
	if err := checkBucketName(str(in.Bucket)); err != nil {
		return nil, err
	}
	b := state.Bucket{Name: *in.Bucket, AccountID: c.AccountID}
	conditions := map[string][]string{}
	if in.CreateBucketConfiguration != nil && in.CreateBucketConfiguration.LocationConstraint != "" {
		conditions["s3:LocationConstraint"] = []string{string(in.CreateBucketConfiguration.LocationConstraint)}
	}
	actions := []string{"CreateBucket"}
	if in.ACL != "" {
		conditions["s3:x-amz-acl"] = []string{string(in.ACL)}
	}
	if in.ACL != "" || in.GrantFullControl != nil || in.GrantRead != nil || in.GrantReadACP != nil || in.GrantWrite != nil || in.GrantWriteACP != nil {
		actions = append(actions, "PutBucketAcl")
	}
	if in.ObjectOwnership != "" {
		conditions["s3:x-amz-object-ownership"] = []string{string(in.ObjectOwnership)}
		actions = append(actions, "PutBucketOwnershipControls")
	}
	if in.CreateBucketConfiguration != nil && len(in.CreateBucketConfiguration.Tags) > 0 {
		actions = append(actions, "TagResource")
	}
	if in.ObjectLockEnabledForBucket != nil && *in.ObjectLockEnabledForBucket {
		actions = append(actions, "PutBucketObjectLockConfiguration", "PutBucketVersioning")
	}
	var all []api.Access
	for _, action := range actions {
		all = append(all, bucketAccess(b, action, bucketARN(b.Name), conditions))
	}
	return all, nil
}

// CreateBucket makes a bucket in the Region of the call; from us-east-1 in any.
func (s *Service) CreateBucket(ctx context.Context, c *api.Caller, in *s3.CreateBucketInput) (*s3.CreateBucketOutput, error) {
	region := c.Region
	var tags map[string]string
	if cfg := in.CreateBucketConfiguration; cfg != nil {
		var err error
		if region, err = constrained(c.Region, string(cfg.LocationConstraint)); err != nil {
			return nil, err
		}
		if tags, err = tagMap(cfg.Tags, mostBucketTags); err != nil {
			return nil, err
		}
	} else if c.Region != "us-east-1" {
		return nil, failure(http.StatusBadRequest, "IllegalLocationConstraintException",
			"The unspecified location constraint is incompatible for the region specific endpoint this request was sent to.")
	}
	ownership := in.ObjectOwnership
	switch {
	case ownership == "":
		ownership = types.ObjectOwnershipBucketOwnerEnforced
	case !validOwnership(ownership):
		return nil, invalidArgument("x-amz-object-ownership", string(ownership), "Invalid x-amz-object-ownership header: "+string(ownership))
	}
	acl, err := newBucketACL(c, in)
	if err != nil {
		return nil, err
	}
	switch {
	case acl == "":
	case ownership == types.ObjectOwnershipBucketOwnerEnforced:
		return nil, aclWithoutOwnership()
	case isPublicACL(acl):
		return nil, failure(http.StatusBadRequest, "InvalidBucketAclWithBlockPublicAccessError", "Bucket cannot have public ACLs set with BlockPublicAccess enabled")
	}
	b := state.Bucket{
		Name: *in.Bucket, AccountID: c.AccountID, Region: region, Ownership: string(ownership), Tags: tags,
		Encryption: state.BucketEncryption{Algorithm: sseS3}, Settings: state.BucketSettings{PublicAccess: blockAll},
	}
	if in.ObjectLockEnabledForBucket != nil && *in.ObjectLockEnabledForBucket {
		b.Versioning, b.ObjectLock.Enabled = string(types.BucketVersioningStatusEnabled), true
	}
	for {
		err = s.db.Update(ctx, func(ctx context.Context, tx *state.Tx) error {
			b.Created = tx.Now
			if b.Settings.ACL, err = resolve(ctx, tx, acl, b.AccountID); err != nil {
				return err
			}
			return tx.InsertBucket(ctx, &b)
		})
		if err == nil {
			return createdBucket(b), nil
		}
		if !errors.Is(err, state.ErrExists) {
			return nil, err
		}
		out, err := s.recreated(ctx, c, b)
		if api.Code(err) != "NoSuchBucket" { // it was deleted in between: the name is free again
			return out, err
		}
	}
}

// newBucketACL is the list that a CreateBucket asks for.
func newBucketACL(c *api.Caller, in *s3.CreateBucketInput) (string, error) {
	headers, err := grantHeaders{in.GrantFullControl, in.GrantRead, in.GrantReadACP, in.GrantWrite, in.GrantWriteACP}.policy()
	if err != nil {
		return "", err
	}
	return aclText(string(in.ACL), headers, c.AccountID, c.AccountID)
}

// recreated answers a CreateBucket for a name that is taken. In us-east-1, and there alone, one's own bucket is made
// again without complaint.
func (s *Service) recreated(ctx context.Context, c *api.Caller, b state.Bucket) (*s3.CreateBucketOutput, error) {
	there, err := s.lookup(ctx, b.Name)
	switch {
	case err != nil:
		return nil, err
	case there.AccountID != c.AccountID:
		return nil, failure(http.StatusConflict, "BucketAlreadyExists", "The requested bucket name is not available. The bucket namespace is shared by all users of the system. Please select a different name and try again.", "BucketName", b.Name)
	case there.Region == "us-east-1" && b.Region == "us-east-1":
		return createdBucket(there), nil
	}
	return nil, failure(http.StatusConflict, "BucketAlreadyOwnedByYou", "Your previous request to create the named bucket succeeded and you already own it.", "BucketName", b.Name)
}

func createdBucket(b state.Bucket) *s3.CreateBucketOutput {
	location, arn := "/"+b.Name, bucketARN(b.Name)
	if b.Region != "us-east-1" {
		location = "http://" + b.Name + ".s3.amazonaws.com/"
	}
	return &s3.CreateBucketOutput{Location: &location, BucketArn: &arn}
}

// constrained is the Region that a location constraint names, if the endpoint takes it.
func constrained(endpoint, constraint string) (string, error) {
	region := constraint
	if region == "EU" {
		region = "eu-west-1"
	}
	switch {
	case region == "" && endpoint == "us-east-1":
		return endpoint, nil
	case region == "":
		return "", failure(http.StatusBadRequest, "IllegalLocationConstraintException",
			"The unspecified location constraint is incompatible for the region specific endpoint this request was sent to.")
	case region == "us-east-1", !regionName.MatchString(region):
		return "", failure(http.StatusBadRequest, "InvalidLocationConstraint", "The specified location-constraint is not valid", "LocationConstraint", constraint)
	case endpoint != "us-east-1" && endpoint != region:
		return "", failure(http.StatusBadRequest, "IllegalLocationConstraintException", fmt.Sprintf(
			"The %s location constraint is incompatible for the region specific endpoint this request was sent to.", constraint))
	}
	return region, nil
}

var regionName = regexp.MustCompile(`^[a-z]{2}(-[a-z]+)+-[0-9]$`)

// headBucketAccess tells whoever may not list a bucket where it is all the same, as S3 does: it is how clients without
// rights, or without a signature, find its Region.
func (s *Service) headBucketAccess() accesses[s3.HeadBucketInput] {
	access := onBucket[s3.HeadBucketInput](s, "ListBucket", nil)
	return func(ctx context.Context, c *api.Caller, in *s3.HeadBucketInput) ([]api.Access, error) {
		all, err := access(ctx, c, in)
		if err != nil {
			return nil, err
		}
		b, err := s.lookup(ctx, str(in.Bucket))
		if err != nil {
			return nil, err
		}
		all[0].DeniedAs = func(explanation string) *api.Error {
			e := accessDenied()
			e.Message, e.Members = explanation, map[string]string{"x-amz-bucket-region": b.Region}
			return e
		}
		return all, nil
	}
}

// HeadBucket tells whether a bucket exists and the caller may list it.
func (s *Service) HeadBucket(ctx context.Context, c *api.Caller, in *s3.HeadBucketInput) (*s3.HeadBucketOutput, error) {
	b, err := s.bucket(ctx, c, in.Bucket)
	if err != nil {
		return nil, err
	}
	arn, alias := bucketARN(b.Name), false
	return &s3.HeadBucketOutput{BucketRegion: &b.Region, BucketArn: &arn, AccessPointAlias: &alias}, nil
}

// DeleteBucket removes an empty bucket; uploads in progress are aborted.
func (s *Service) DeleteBucket(ctx context.Context, c *api.Caller, in *s3.DeleteBucketInput) (*s3.DeleteBucketOutput, error) {
	b, err := s.bucket(ctx, c, in.Bucket)
	if err != nil {
		return nil, err
	}
	var dead []content
	err = s.commits.do(ctx, nil, func(ctx context.Context, tx *state.Tx) error {
		if err := again(ctx, tx, &b); err != nil {
			return err
		}
		full, err := tx.BucketHasObjects(ctx, b.ID)
		if err != nil {
			return err
		}
		if full {
			message := "The bucket you tried to delete is not empty"
			if b.Versioning != "" {
				message += ". You must delete all versions in the bucket."
			}
			return failure(http.StatusConflict, "BucketNotEmpty", message, "BucketName", b.Name)
		}
		if dead, err = abortAll(ctx, tx, b); err != nil {
			return err
		}
		return tx.DeleteBucket(ctx, b.ID)
	})
	if err != nil {
		return nil, err
	}
	s.files.remove(dead...)
	return &s3.DeleteBucketOutput{}, nil
}

// again reads a bucket anew, inside the transaction that is going to rely on what it says.
func again(ctx context.Context, tx *state.Tx, b *state.Bucket) error {
	now, err := tx.Bucket(ctx, b.Name)
	if errors.Is(err, state.ErrNotFound) || err == nil && now.ID != b.ID {
		return noSuchBucket(b.Name)
	}
	*b = now
	return err
}

func (s *Service) listBucketsAccess(context.Context, *api.Caller, *s3.ListBucketsInput) ([]api.Access, error) {
	return []api.Access{{Action: "s3:ListAllMyBuckets", Resource: "*"}}, nil
}

// mostBuckets is the greatest number of buckets in a page.
const mostBuckets = 10000

// ListBuckets lists the caller's account's buckets.
func (s *Service) ListBuckets(ctx context.Context, c *api.Caller, in *s3.ListBucketsInput) (*s3.ListBucketsOutput, error) {
	limit := mostBuckets
	if in.MaxBuckets != nil {
		if limit = int(*in.MaxBuckets); limit < 1 || limit > mostBuckets {
			return nil, invalidArgument("max-buckets", strconv.Itoa(limit), "Argument max-buckets must be an integer between 1 and 10000")
		}
	}
	after, err := s.keys.openToken("buckets/"+c.AccountID, str(in.ContinuationToken))
	if err != nil {
		return nil, err
	}
	out := &s3.ListBucketsOutput{Buckets: []types.Bucket{}, Owner: owner(c.AccountID), Prefix: in.Prefix}
	prefix, region := str(in.Prefix), str(in.BucketRegion)
	err = s.db.View(ctx, func(ctx context.Context, tx *state.Tx) error {
		for {
			buckets, err := tx.BucketsOf(ctx, c.AccountID, after, 1000)
			if err != nil || len(buckets) == 0 {
				return err
			}
			for _, b := range buckets {
				if strings.HasPrefix(b.Name, prefix) && (region == "" || b.Region == region) {
					if len(out.Buckets) == limit {
						token := s.keys.sealToken("buckets/"+c.AccountID, after)
						out.ContinuationToken = &token
						return nil
					}
					arn := bucketARN(b.Name)
					out.Buckets = append(out.Buckets, types.Bucket{Name: &b.Name, CreationDate: b.Created.Ptr(), BucketRegion: &b.Region, BucketArn: &arn})
				}
				after = b.Name
			}
		}
	})
	return out, err
}

func owner(accountID string) *types.Owner {
	id := canonicalID(accountID)
	return &types.Owner{ID: &id}
}

// GetBucketLocation tells a bucket's Region; it answers at every Region's endpoint.
func (s *Service) GetBucketLocation(ctx context.Context, _ *api.Caller, in *s3.GetBucketLocationInput) (*s3.GetBucketLocationOutput, error) {
	b, err := s.lookup(ctx, str(in.Bucket))
	if err != nil {
		return nil, err
	}
	if b.Region == "us-east-1" {
		return &s3.GetBucketLocationOutput{}, nil
	}
	return &s3.GetBucketLocationOutput{LocationConstraint: types.BucketLocationConstraint(b.Region)}, nil
}

func (s *Service) bucketLocationAccess(ctx context.Context, _ *api.Caller, in *s3.GetBucketLocationInput) ([]api.Access, error) {
	b, err := s.lookup(ctx, str(in.Bucket))
	if err != nil {
		return nil, err
	}
	return []api.Access{bucketAccess(b, "GetBucketLocation", bucketARN(b.Name), nil)}, nil
}
