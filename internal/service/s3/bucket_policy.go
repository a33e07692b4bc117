package s3

import (
	"context"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"unicode"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"strongroom/iampolicy"
	"strongroom/internal/api"
	"strongroom/internal/state"
)

// mostPolicy is the greatest size of a bucket policy.
const mostPolicy = 20 << 10

// ofOwner keeps to the identities of a bucket's account what decides who else may use it. Whom the bucket policy admits
// from elsewhere is answered with MethodNotAllowed; whom it does not has been refused before.
// https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutBucketPolicy.html
func ofOwner[In, Out any](s *Service, fn func(context.Context, *api.Caller, *In) (*Out, error)) func(context.Context, *api.Caller, *In) (*Out, error) {
	targetOf := targetOf[In]()
	operation := api.OperationName(new(In)) // PutBucketPolicy is a PUT of a BUCKETPOLICY
	at := 1 + strings.IndexFunc(operation[1:], unicode.IsUpper)
	method, resourceType := strings.ToUpper(operation[:at]), strings.ToUpper(operation[at:])
	return func(ctx context.Context, c *api.Caller, in *In) (*Out, error) {
		b, err := s.lookup(ctx, targetOf(in).bucket)
		if err != nil {
			return nil, err
		}
		if c.AccountID != b.AccountID {
			return nil, methodNotAllowed(method, resourceType)
		}
		return fn(ctx, c, in)
	}
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
	if len(document) > mostPolicy {
		return nil, failure(http.StatusBadRequest, "PolicyTooLarge", "The policy exceeds the maximum allowed document size")
	}
	b, err := s.bucket(ctx, c, in.Bucket)
	if err != nil {
		return nil, err
	}
	policy, err := s.checkPolicy(ctx, b, document)
	if err != nil {
		return nil, err
	}
	public := isPublic(policy)
	return &s3.PutBucketPolicyOutput{}, s.change(ctx, c, in.Bucket, func(_ context.Context, _ *state.Tx, b *state.Bucket) error {
		if public && b.Settings.PublicAccess.BlockPublicPolicy {
			return blocked(c, "PutBucketPolicy", bucketARN(b.Name), "public policies", "BlockPublicPolicy")
		}
		b.Policy, b.Settings.PublicPolicy = document, public
		return nil
	})
}

// DeleteBucketPolicy removes it.
func (s *Service) DeleteBucketPolicy(ctx context.Context, c *api.Caller, in *s3.DeleteBucketPolicyInput) (*s3.DeleteBucketPolicyOutput, error) {
	return &s3.DeleteBucketPolicyOutput{}, s.change(ctx, c, in.Bucket, func(_ context.Context, _ *state.Tx, b *state.Bucket) error {
		b.Policy, b.Settings.PublicPolicy = "", false
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
	// Under RestrictPublicBuckets a public policy does not make the bucket public.
	public := b.Settings.PublicPolicy && !b.Settings.PublicAccess.RestrictPublicBuckets
	return &s3.GetBucketPolicyStatusOutput{PolicyStatus: &types.PolicyStatus{IsPublic: &public}}, nil
}

// restricted reports whether RestrictPublicBuckets keeps a caller out of a bucket: its policy speaks to the public, and
// he is neither of the account nor a service.
func restricted(b state.Bucket, c *api.Caller) bool {
	return b.Settings.PublicPolicy && b.Settings.PublicAccess.RestrictPublicBuckets && c.Service == "" && c.AccountID != b.AccountID
}

// isPublic reports whether a policy opens a bucket to the public: some statement allows something to principals who are
// neither named one by one nor bound to fixed values of the keys that name them.
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/access-control-block-public-access.html#access-control-block-public-access-policy-status
func isPublic(p *iampolicy.Policy) bool {
	for _, statement := range p.Statements {
		if statement.Effect == iampolicy.Allow && everybody(statement) && !slices.ContainsFunc(statement.Conditions, fixes) {
			return true
		}
	}
	return false
}

func everybody(statement iampolicy.Statement) bool {
	if statement.NotPrincipal != nil {
		return true
	}
	return statement.Principal != nil && (statement.Principal.Everyone || slices.Contains(statement.Principal.AWS, "*"))
}

// fixing are the condition keys whose fixed values keep the public out, in lower case.
var fixing = []string{
	"aws:principalorgid", "aws:principalorgpaths", "aws:principalaccount", "aws:principalarn", "aws:sourcearn", "aws:sourceaccount", "aws:sourceowner",
	"aws:sourceorgid", "aws:sourceorgpaths", "aws:sourcevpc", "aws:sourcevpce", "aws:userid", "aws:username",
	"s3:x-amz-server-side-encryption-aws-kms-key-id", "s3:dataaccesspointarn", "s3:dataaccesspointaccount",
}

// fixes reports whether a condition binds a statement to fixed values.
func fixes(c iampolicy.Condition) bool {
	key, operator := strings.ToLower(c.Key), strings.ToLower(c.Operator)
	if strings.HasSuffix(operator, "ifexists") || strings.HasPrefix(operator, "forallvalues:") || len(c.Values) == 0 {
		return false // true where the request has no such key
	}
	operator = strings.TrimPrefix(operator, "foranyvalue:")
	if key == "aws:sourceip" {
		return operator == "ipaddress" && !slices.ContainsFunc(c.Values, wideNetwork)
	}
	switch operator {
	case "stringequals", "stringequalsignorecase", "stringlike", "arnequals", "arnlike":
	default:
		return false
	}
	return slices.Contains(fixing, key) && !slices.ContainsFunc(c.Values, func(value string) bool {
		if key == "s3:dataaccesspointarn" { // a wildcard for the access point's name leaves its account fixed
			value = value[:max(strings.LastIndexByte(value, '/'), 0)]
		}
		return value == "" || strings.Contains(value, "${") || strings.ContainsAny(value, "*?") && operator != "stringequals" && operator != "stringequalsignorecase"
	})
}

// wideNetwork reports whether an address range is so wide that it counts as the public: more than a /8, or a /32 of IPv6.
func wideNetwork(value string) bool {
	if !strings.Contains(value, "/") {
		_, err := netip.ParseAddr(value)
		return err != nil
	}
	network, err := netip.ParsePrefix(value)
	if err != nil {
		return true
	}
	if network.Addr().Is4() {
		return network.Bits() < 8
	}
	return network.Bits() < 32
}
