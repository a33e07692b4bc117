package s3_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"strongroom/internal/api"
	"strongroom/internal/service/s3/s3test"
)

func TestPoliciesRefused(t *testing.T) {
	t.Parallel()
	w := s3test.New(t)
	w.Bucket(t, s3test.Member, "bucket", false)
	statement := func(elements string) string { return `{"Version":"2012-10-17","Statement":[{` + elements + `}]}` }
	const (
		allow  = `"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::222222222222:root"},`
		object = `"Resource":"arn:aws:s3:::bucket/*"`
	)
	for name, each := range map[string]struct{ document, message string }{
		"no JSON":           {`policy`, "Policies must be valid JSON and the first byte must be '{'"},
		"half of it":        {`{"Statement":`, "This policy contains invalid Json"},
		"no statement":      {`{"Version":"2012-10-17"}`, "Missing required field Statement"},
		"none in the list":  {`{"Statement":[]}`, "Could not parse the policy: Statement is empty!"},
		"another version":   {`{"Version":"2020-01-01","Statement":[]}`, "The policy must contain a valid version string"},
		"no effect":         {statement(`"Principal":"*","Action":"s3:GetObject",` + object), "Missing required field Effect"},
		"no principal":      {statement(`"Effect":"Allow","Action":"s3:GetObject",` + object), "Missing required field Principal"},
		"no action":         {statement(allow + object), "Missing required field Action"},
		"no resource":       {statement(allow + `"Action":"s3:GetObject"`), "Missing required field Resource"},
		"no such principal": {statement(`"Effect":"Allow","Principal":{"AWS":"somebody"},"Action":"s3:GetObject",` + object), "Invalid principal in policy"},
		"no such action":    {statement(allow + `"Action":"s3:EatObject",` + object), "Policy has invalid action"},
		"another service's": {statement(allow + `"Action":"ec2:RunInstances",` + object), "Policy has invalid action"},
		"another bucket":    {statement(allow + `"Action":"s3:GetObject","Resource":"arn:aws:s3:::other/*"`), "Policy has invalid resource"},
		"no ARN":            {statement(allow + `"Action":"s3:GetObject","Resource":"bucket/*"`), "Policy has invalid resource"},
		"objects of bucket": {statement(allow + `"Action":"s3:GetObject","Resource":"arn:aws:s3:::bucket"`), "Action does not apply to any resource(s) in statement"},
		"bucket of objects": {statement(allow + `"Action":["s3:GetObject","s3:ListBucket"],` + object), "Action does not apply to any resource(s) in statement"},
		"no such operator":  {statement(allow + `"Action":"s3:GetObject",` + object + `,"Condition":{"TextEquals":{"aws:username":"a"}}`), "Invalid Condition type : TextEquals"},
		"no such key":       {statement(allow + `"Action":"s3:GetObject",` + object + `,"Condition":{"StringEquals":{"s3:Colour":"red"}}`), "Policy has an invalid condition key"},
		"another action's":  {statement(allow + `"Action":"s3:GetObject",` + object + `,"Condition":{"StringEquals":{"s3:prefix":"a"}}`), "Conditions do not apply to combination of actions and resources in statement"},
		"no address":        {statement(allow + `"Action":"s3:GetObject",` + object + `,"Condition":{"IpAddress":{"aws:SourceIp":"here"}}`), "Invalid IP address in Conditions"},
	} {
		e := s3test.Refused[s3.PutBucketPolicyOutput](t, w, admin, &s3.PutBucketPolicyInput{Bucket: ptr("bucket"), Policy: &each.document}, "MalformedPolicy")
		if e.Message != each.message {
			t.Errorf("%s is answered with %q, want %q", name, e.Message, each.message)
		}
	}
	long := statement(allow + `"Action":"s3:GetObject",` + object + `,"Sid":"` + strings.Repeat("s", 20<<10) + `"`)
	s3test.Refused[s3.PutBucketPolicyOutput](t, w, admin, &s3.PutBucketPolicyInput{Bucket: ptr("bucket"), Policy: &long}, "PolicyTooLarge")
	for name, good := range map[string]string{
		"patterns":    statement(allow + `"Action":["s3:Get*","s3:List*"],"Resource":["arn:aws:s3:::buck*","arn:aws:s3:::bucket/a/*"]`),
		"everything":  statement(allow + `"Action":"s3:*","Resource":"*"`),
		"TLS":         statement(`"Effect":"Deny","Principal":"*","Action":"s3:*","Resource":["arn:aws:s3:::bucket","arn:aws:s3:::bucket/*"],"Condition":{"Bool":{"aws:SecureTransport":"false"},"NumericLessThan":{"s3:TlsVersion":"1.2"}}`),
		"encryption":  statement(`"Effect":"Deny","Principal":"*","Action":"s3:PutObject",` + object + `,"Condition":{"StringNotEquals":{"s3:x-amz-server-side-encryption":"aws:kms"}}`),
		"tags":        statement(allow + `"Action":"s3:GetObject",` + object + `,"Condition":{"StringEquals":{"s3:ExistingObjectTag/team":"a"}}`),
		"prefix":      statement(allow + `"Action":"s3:ListBucket","Resource":"arn:aws:s3:::bucket","Condition":{"StringLike":{"s3:prefix":"home/*"}}`),
		"not actions": statement(`"Effect":"Deny","Principal":"*","NotAction":"s3:GetObject","Resource":"arn:aws:s3:::bucket/*"`),
		"old version": `{"Version":"2008-10-17","Statement":{` + allow + `"Action":"s3:GetObject",` + object + `}}`,
	} {
		if _, err := api.Call[s3.PutBucketPolicyOutput](t.Context(), w.Door, admin, &s3.PutBucketPolicyInput{Bucket: ptr("bucket"), Policy: &good}); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestOnlyTheOwnerDecides: what decides who may use a bucket is not for others, however much its policy gives them.
func TestOnlyTheOwnerDecides(t *testing.T) {
	t.Parallel()
	w, _, url := serve(t)
	w.Bucket(t, s3test.Member, "bucket", false)
	b, other, stranger := ptr("bucket"), s3test.Admin(s3test.Vault), s3test.User(s3test.Vault, "stranger")
	s3test.Do[s3.DeletePublicAccessBlockOutput](t, w, admin, &s3.DeletePublicAccessBlockInput{Bucket: b})
	shared := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":"s3:*","Resource":["arn:aws:s3:::bucket","arn:aws:s3:::bucket/*"]},
		{"Effect":"Deny","Principal":"*","Action":"s3:*","Resource":"arn:aws:s3:::bucket","Condition":{"StringEquals":{"aws:PrincipalArn":"` + stranger.ARN + `"}}}]}`
	s3test.Do[s3.PutBucketPolicyOutput](t, w, admin, &s3.PutBucketPolicyInput{Bucket: b, Policy: &shared})
	own := `{"Version":"2012-10-17","Statement":{"Effect":"Deny","Principal":"*","Action":"s3:*","Resource":"arn:aws:s3:::bucket/*"}}`
	s3test.Do[s3.ListObjectsV2Output](t, w, other, &s3.ListObjectsV2Input{Bucket: b}) // the policy does give
	for in, resource := range map[any]string{
		&s3.GetBucketPolicyInput{Bucket: b}:               "GET BUCKETPOLICY",
		&s3.PutBucketPolicyInput{Bucket: b, Policy: &own}: "PUT BUCKETPOLICY",
		&s3.DeleteBucketPolicyInput{Bucket: b}:            "DELETE BUCKETPOLICY",
		&s3.GetPublicAccessBlockInput{Bucket: b}:          "GET PUBLICACCESSBLOCK",
		&s3.PutPublicAccessBlockInput{Bucket: b, PublicAccessBlockConfiguration: &types.PublicAccessBlockConfiguration{BlockPublicPolicy: ptr(true)}}: "PUT PUBLICACCESSBLOCK",
		&s3.DeletePublicAccessBlockInput{Bucket: b}:    "DELETE PUBLICACCESSBLOCK",
		&s3.GetBucketOwnershipControlsInput{Bucket: b}: "GET BUCKETOWNERSHIPCONTROLS",
		&s3.PutBucketOwnershipControlsInput{Bucket: b, OwnershipControls: &types.OwnershipControls{Rules: []types.OwnershipControlsRule{{ObjectOwnership: types.ObjectOwnershipObjectWriter}}}}: "PUT BUCKETOWNERSHIPCONTROLS",
		&s3.DeleteBucketOwnershipControlsInput{Bucket: b}: "DELETE BUCKETOWNERSHIPCONTROLS",
	} {
		operation := w.Door.Operation("s3", api.OperationName(in))
		_, err := w.Door.Do(t.Context(), other, operation, in)
		e, ok := errors.AsType[*api.Error](err)
		if !ok || e.Code != "MethodNotAllowed" || e.HTTPStatus() != http.StatusMethodNotAllowed || e.Members["Method"]+" "+e.Members["ResourceType"] != resource {
			t.Errorf("%s by another account is answered with %v", resource, err)
		}
		if _, err := w.Door.Do(t.Context(), stranger, operation, in); api.Code(err) != "AccessDenied" {
			t.Errorf("%s by whom the policy refuses is answered with %v", resource, err)
		}
	}
	for _, method := range []string{http.MethodGet, http.MethodPut, http.MethodDelete} {
		if answer, text := ask(t, method, url+"/bucket?policy", own); answer.StatusCode != http.StatusMethodNotAllowed || !strings.Contains(text, "The specified method is not allowed against this resource.") {
			t.Errorf("%s of the policy by nobody is answered with %d %s", method, answer.StatusCode, text)
		}
	}
	if out := s3test.Do[s3.GetBucketPolicyOutput](t, w, admin, &s3.GetBucketPolicyInput{Bucket: b}); *out.Policy != shared {
		t.Errorf("the policy is %s", *out.Policy)
	}
}
