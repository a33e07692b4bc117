package s3_test

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"strongroom/internal/service/s3/s3test"
)

// ask makes a request without a signature and returns its answer.
func ask(t *testing.T, method, url, body string, header ...string) (*http.Response, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	content, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	if err := answer.Body.Close(); err != nil {
		t.Fatal(err)
	}
	return answer, string(content)
}

func TestThePublic(t *testing.T) {
	t.Parallel()
	w, _, url := serve(t)
	w.Bucket(t, s3test.Member, "site", false)
	w.Put(t, admin, "site", "index.html", "hello")
	b := ptr("site")
	want := func(when, method, path, body string, status int) http.Header {
		t.Helper()
		answer, text := ask(t, method, url+path, body)
		if answer.StatusCode != status {
			t.Errorf("%s, %s %s is answered with %d %s", when, method, path, answer.StatusCode, text)
		}
		return answer.Header
	}
	want("in a new bucket", "GET", "/site/index.html", "", 403)
	if answer := want("in a new bucket", "HEAD", "/site", "", 403); answer.Get("x-amz-bucket-region") != s3test.Central {
		t.Errorf("HEAD tells %v of the Region", answer)
	}
	want("anywhere", "GET", "/", "", 403)
	want("anywhere", "PUT", "/new-bucket", "", 403)

	s3test.Do[s3.DeletePublicAccessBlockOutput](t, w, admin, &s3.DeletePublicAccessBlockInput{Bucket: b})
	policy := `{"Version":"2012-10-17","Statement":[
		{"Effect":"Allow","Principal":"*","Action":["s3:GetObject","s3:PutObject"],"Resource":"arn:aws:s3:::site/*"},
		{"Effect":"Deny","Principal":"*","Action":"s3:*","Resource":"arn:aws:s3:::site/secret/*"}]}`
	s3test.Do[s3.PutBucketPolicyOutput](t, w, admin, &s3.PutBucketPolicyInput{Bucket: b, Policy: &policy})
	want("under a public policy", "GET", "/site/index.html", "", 200)
	want("under a public policy", "HEAD", "/site/index.html", "", 200)
	want("under a public policy", "PUT", "/site/from/public", "written by nobody", 200)
	want("under a public policy", "PUT", "/site/secret/k", "x", 403)
	want("under a public policy", "DELETE", "/site/index.html", "", 403)
	want("under a public policy", "GET", "/site?list-type=2", "", 403)
	want("under a public policy", "GET", "/site?policy", "", 403)
	if got := w.Get(t, admin, "site", "from/public", ""); got != "written by nobody" {
		t.Errorf("the public wrote %q", got)
	}
	s3test.Do[s3.PutPublicAccessBlockOutput](t, w, admin, &s3.PutPublicAccessBlockInput{Bucket: b, PublicAccessBlockConfiguration: &types.PublicAccessBlockConfiguration{RestrictPublicBuckets: ptr(true)}})
	want("under RestrictPublicBuckets", "GET", "/site/index.html", "", 403)
	s3test.Refused[s3.GetObjectOutput](t, w, s3test.Admin(s3test.Vault), &s3.GetObjectInput{Bucket: b, Key: ptr("index.html")}, "AccessDenied")
	s3test.Do[s3.GetObjectOutput](t, w, admin, &s3.GetObjectInput{Bucket: b, Key: ptr("index.html")})

	// Lists give access, too, where ownership lets them.
	s3test.Do[s3.DeleteBucketPolicyOutput](t, w, admin, &s3.DeleteBucketPolicyInput{Bucket: b})
	s3test.Do[s3.DeletePublicAccessBlockOutput](t, w, admin, &s3.DeletePublicAccessBlockInput{Bucket: b})
	s3test.Do[s3.PutBucketOwnershipControlsOutput](t, w, admin, &s3.PutBucketOwnershipControlsInput{Bucket: b, OwnershipControls: &types.OwnershipControls{Rules: []types.OwnershipControlsRule{{ObjectOwnership: types.ObjectOwnershipBucketOwnerPreferred}}}})
	s3test.Do[s3.PutBucketAclOutput](t, w, admin, &s3.PutBucketAclInput{Bucket: b, ACL: types.BucketCannedACLAuthenticatedRead})
	want("under authenticated-read", "GET", "/site?list-type=2", "", 403)
	s3test.Do[s3.ListObjectsV2Output](t, w, s3test.Admin(s3test.Vault), &s3.ListObjectsV2Input{Bucket: b})
	s3test.Do[s3.PutBucketAclOutput](t, w, admin, &s3.PutBucketAclInput{Bucket: b, ACL: types.BucketCannedACLPublicRead})
	want("under public-read", "GET", "/site?list-type=2", "", 200)
	want("under public-read", "PUT", "/site/k", "x", 403)
	s3test.Do[s3.PutPublicAccessBlockOutput](t, w, admin, &s3.PutPublicAccessBlockInput{Bucket: b, PublicAccessBlockConfiguration: &types.PublicAccessBlockConfiguration{IgnorePublicAcls: ptr(true)}})
	want("under IgnorePublicAcls", "GET", "/site?list-type=2", "", 403)
}

func TestGrantsInLists(t *testing.T) {
	t.Parallel()
	w := s3test.New(t)
	w.Bucket(t, s3test.Member, "bucket", false)
	w.Bucket(t, s3test.Vault, "other", false)
	b := ptr("bucket")
	other := s3test.Admin(s3test.Vault)
	id := s3test.Do[s3.GetBucketAclOutput](t, w, other, &s3.GetBucketAclInput{Bucket: ptr("other")}).Owner.ID
	s3test.Do[s3.PutBucketOwnershipControlsOutput](t, w, admin, &s3.PutBucketOwnershipControlsInput{Bucket: b, OwnershipControls: &types.OwnershipControls{Rules: []types.OwnershipControlsRule{{ObjectOwnership: types.ObjectOwnershipObjectWriter}}}})
	for name, each := range map[string]struct {
		in   s3.PutBucketAclInput
		code string
	}{
		"nothing":           {s3.PutBucketAclInput{}, "MissingSecurityHeader"},
		"a list and a name": {s3.PutBucketAclInput{ACL: types.BucketCannedACLPrivate, GrantRead: ptr("id=" + *id)}, "InvalidRequest"},
		"no form":           {s3.PutBucketAclInput{GrantRead: ptr("somebody")}, "InvalidArgument"},
		"nobody":            {s3.PutBucketAclInput{GrantRead: ptr("id=0123")}, "InvalidArgument"},
		"no group":          {s3.PutBucketAclInput{GrantRead: ptr("uri=http://example.com/")}, "InvalidArgument"},
		"no address":        {s3.PutBucketAclInput{GrantRead: ptr("emailAddress=nobody@example.com")}, "UnresolvableGrantByEmailAddress"},
		"the public":        {s3.PutBucketAclInput{GrantRead: ptr(`uri="http://acs.amazonaws.com/groups/global/AllUsers"`)}, "AccessDenied"},
	} {
		each.in.Bucket = b
		e := s3test.Refused[s3.PutBucketAclOutput](t, w, admin, &each.in, each.code)
		if e.Code != each.code {
			t.Errorf("%s is answered with %v", name, e)
		}
	}
	s3test.Refused[s3.ListObjectsV2Output](t, w, other, &s3.ListObjectsV2Input{Bucket: b}, "AccessDenied")
	w.Account(t, s3test.Vault)
	s3test.Do[s3.PutBucketAclOutput](t, w, admin, &s3.PutBucketAclInput{Bucket: b, GrantRead: ptr(`id="` + *id + `"`), GrantWriteACP: ptr("id=" + *id)})
	s3test.Do[s3.ListObjectsV2Output](t, w, other, &s3.ListObjectsV2Input{Bucket: b})
	s3test.Refused[s3.GetBucketAclOutput](t, w, other, &s3.GetBucketAclInput{Bucket: b}, "AccessDenied")
	if out := s3test.Do[s3.GetBucketAclOutput](t, w, admin, &s3.GetBucketAclInput{Bucket: b}); len(out.Grants) != 2 || *out.Grants[0].Grantee.ID != *id {
		t.Errorf("grants %v", out.Grants)
	}
}

func TestWhatIsPublic(t *testing.T) {
	t.Parallel()
	w := s3test.New(t)
	w.Bucket(t, s3test.Member, "bucket", false)
	b := ptr("bucket")
	s3test.Do[s3.DeletePublicAccessBlockOutput](t, w, admin, &s3.DeletePublicAccessBlockInput{Bucket: b})
	// https://docs.aws.amazon.com/AmazonS3/latest/userguide/access-control-block-public-access.html#access-control-block-public-access-policy-status
	for _, each := range []struct {
		principal, condition string
		public               bool
	}{
		{`"*"`, ``, true},
		{`{"AWS":"*"}`, ``, true},
		{`{"AWS":"arn:aws:iam::222222222222:root"}`, ``, false},
		{`{"Service":"cloudtrail.amazonaws.com"}`, ``, false},
		{`"*"`, `{"StringLike":{"aws:SourceVpc":"vpc-*"}}`, true},
		{`"*"`, `{"StringEquals":{"aws:SourceVpc":"vpc-91237329"}}`, false},
		{`"*"`, `{"StringLike":{"aws:PrincipalOrgID":"o-a1b2c3d4e5"}}`, false},
		{`"*"`, `{"StringEqualsIfExists":{"aws:SourceVpc":"vpc-91237329"}}`, true},
		{`"*"`, `{"IpAddress":{"aws:SourceIp":"192.0.2.0/24"}}`, false},
		{`"*"`, `{"IpAddress":{"aws:SourceIp":"0.0.0.0/1"}}`, true},
		{`"*"`, `{"NotIpAddress":{"aws:SourceIp":"192.0.2.0/24"}}`, true},
		{`"*"`, `{"StringEquals":{"s3:prefix":"public/"}}`, true},
		{`"*"`, `{"StringEquals":{"aws:userid":"${aws:userid}"}}`, true},
		{`"*"`, `{"StringEquals":{"aws:PrincipalAccount":["111111111111","222222222222"]}}`, false},
	} {
		policy := `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":` + each.principal + `,"Action":"s3:ListBucket","Resource":"arn:aws:s3:::bucket"`
		if each.condition != "" {
			policy += `,"Condition":` + each.condition
		}
		policy += `}}`
		s3test.Do[s3.PutBucketPolicyOutput](t, w, admin, &s3.PutBucketPolicyInput{Bucket: b, Policy: &policy})
		out := s3test.Do[s3.GetBucketPolicyStatusOutput](t, w, admin, &s3.GetBucketPolicyStatusInput{Bucket: b})
		if *out.PolicyStatus.IsPublic != each.public {
			t.Errorf("public is %t, want %t: %s", *out.PolicyStatus.IsPublic, each.public, policy)
		}
	}
}

func TestCrossOrigin(t *testing.T) {
	t.Parallel()
	w, c, url := serve(t)
	ctx := t.Context()
	w.Bucket(t, s3test.Member, "bucket", false)
	b := ptr("bucket")
	preflight := func(header ...string) (*http.Response, string) {
		return ask(t, http.MethodOptions, url+"/bucket/k", "", header...)
	}
	if answer, body := preflight("Origin", "https://a.example.com", "Access-Control-Request-Method", "PUT"); answer.StatusCode != http.StatusForbidden || !strings.Contains(body, "CORS is not enabled") {
		t.Errorf("without rules: %d %s", answer.StatusCode, body)
	}
	put := func(rules ...types.CORSRule) error {
		_, err := c.PutBucketCors(ctx, &s3.PutBucketCorsInput{Bucket: b, CORSConfiguration: &types.CORSConfiguration{CORSRules: rules}})
		return err
	}
	for _, wrong := range []types.CORSRule{
		{AllowedMethods: []string{"PATCH"}, AllowedOrigins: []string{"*"}},
		{AllowedMethods: []string{"GET"}, AllowedOrigins: []string{"https://*.*"}},
		{AllowedMethods: []string{"GET"}, AllowedOrigins: []string{"*"}, ExposeHeaders: []string{"x-*"}},
	} {
		if err := put(wrong); codeOf(err) != "InvalidRequest" {
			t.Errorf("%v is answered with %v", wrong, err)
		}
	}
	err := put(
		types.CORSRule{AllowedMethods: []string{"PUT", "DELETE"}, AllowedOrigins: []string{"https://*.example.com"}, AllowedHeaders: []string{"x-amz-*", "Content-Type"}, ExposeHeaders: []string{"ETag"}, MaxAgeSeconds: ptr(int32(300))},
		types.CORSRule{AllowedMethods: []string{"GET"}, AllowedOrigins: []string{"*"}})
	if err != nil {
		t.Fatal(err)
	}
	answer, _ := preflight("Origin", "https://a.example.com", "Access-Control-Request-Method", "PUT", "Access-Control-Request-Headers", "X-Amz-Date, content-type")
	for name, want := range map[string]string{
		"Access-Control-Allow-Origin": "https://a.example.com", "Access-Control-Allow-Methods": "PUT, DELETE", "Access-Control-Allow-Headers": "x-amz-date, content-type",
		"Access-Control-Expose-Headers": "ETag", "Access-Control-Max-Age": "300", "Access-Control-Allow-Credentials": "true",
	} {
		if got := answer.Header.Get(name); answer.StatusCode != http.StatusOK || got != want {
			t.Errorf("%d, %s is %q, want %q", answer.StatusCode, name, got, want)
		}
	}
	for _, header := range [][]string{
		{"Origin", "https://example.org", "Access-Control-Request-Method", "PUT"},
		{"Origin", "https://a.example.com", "Access-Control-Request-Method", "PUT", "Access-Control-Request-Headers", "Authorization"},
	} {
		if answer, body := preflight(header...); answer.StatusCode != http.StatusForbidden || !strings.Contains(body, "This CORS request is not allowed") {
			t.Errorf("%v is answered with %d %s", header, answer.StatusCode, body)
		}
	}
	if answer, _ := preflight("Access-Control-Request-Method", "PUT"); answer.StatusCode != http.StatusBadRequest {
		t.Errorf("without an origin: %d", answer.StatusCode)
	}
	// A request itself is told by the rules, whatever becomes of it.
	if answer, _ := ask(t, http.MethodGet, url+"/bucket/k", "", "Origin", "https://example.org"); answer.StatusCode != http.StatusForbidden || answer.Header.Get("Access-Control-Allow-Origin") != "*" {
		t.Errorf("a request of a page is answered with %d %v", answer.StatusCode, answer.Header)
	}
	if answer, _ := ask(t, http.MethodGet, url+"/bucket/k", ""); answer.Header.Get("Access-Control-Allow-Origin") != "" {
		t.Errorf("a request of no page is answered with %v", answer.Header)
	}
	must[s3.DeleteBucketCorsOutput](t)(c.DeleteBucketCors(ctx, &s3.DeleteBucketCorsInput{Bucket: b}))
	if _, err := c.GetBucketCors(ctx, &s3.GetBucketCorsInput{Bucket: b}); codeOf(err) != "NoSuchCORSConfiguration" {
		t.Errorf("removed rules are answered with %v", err)
	}
}

// TestConfigurationsOfNewBuckets reads what clients read of every bucket.
func TestConfigurationsOfNewBuckets(t *testing.T) {
	t.Parallel()
	w, c, _ := serve(t)
	ctx := t.Context()
	w.Bucket(t, s3test.Member, "bucket", false)
	b, id := ptr("bucket"), ptr("id")

	if out := must[s3.GetBucketAccelerateConfigurationOutput](t)(c.GetBucketAccelerateConfiguration(ctx, &s3.GetBucketAccelerateConfigurationInput{Bucket: b})); out.Status != "" {
		t.Errorf("acceleration is %s", out.Status)
	}
	must[s3.PutBucketAccelerateConfigurationOutput](t)(c.PutBucketAccelerateConfiguration(ctx, &s3.PutBucketAccelerateConfigurationInput{Bucket: b, AccelerateConfiguration: &types.AccelerateConfiguration{Status: types.BucketAccelerateStatusEnabled}}))
	if out := must[s3.GetBucketAccelerateConfigurationOutput](t)(c.GetBucketAccelerateConfiguration(ctx, &s3.GetBucketAccelerateConfigurationInput{Bucket: b})); out.Status != "Enabled" {
		t.Errorf("acceleration is %s", out.Status)
	}
	if out := must[s3.GetBucketRequestPaymentOutput](t)(c.GetBucketRequestPayment(ctx, &s3.GetBucketRequestPaymentInput{Bucket: b})); out.Payer != "BucketOwner" {
		t.Errorf("%s pays", out.Payer)
	}
	must[s3.PutBucketRequestPaymentOutput](t)(c.PutBucketRequestPayment(ctx, &s3.PutBucketRequestPaymentInput{Bucket: b, RequestPaymentConfiguration: &types.RequestPaymentConfiguration{Payer: types.PayerRequester}}))
	if out := must[s3.GetBucketRequestPaymentOutput](t)(c.GetBucketRequestPayment(ctx, &s3.GetBucketRequestPaymentInput{Bucket: b})); out.Payer != "Requester" {
		t.Errorf("%s pays", out.Payer)
	}
	if out := must[s3.GetBucketLoggingOutput](t)(c.GetBucketLogging(ctx, &s3.GetBucketLoggingInput{Bucket: b})); out.LoggingEnabled != nil {
		t.Errorf("logging %v", out.LoggingEnabled)
	}
	must[s3.PutBucketLoggingOutput](t)(c.PutBucketLogging(ctx, &s3.PutBucketLoggingInput{Bucket: b, BucketLoggingStatus: &types.BucketLoggingStatus{}}))
	must[s3.DeleteBucketWebsiteOutput](t)(c.DeleteBucketWebsite(ctx, &s3.DeleteBucketWebsiteInput{Bucket: b}))
	must[s3.DeleteBucketReplicationOutput](t)(c.DeleteBucketReplication(ctx, &s3.DeleteBucketReplicationInput{Bucket: b}))
	must[s3.ListBucketAnalyticsConfigurationsOutput](t)(c.ListBucketAnalyticsConfigurations(ctx, &s3.ListBucketAnalyticsConfigurationsInput{Bucket: b}))
	must[s3.ListBucketInventoryConfigurationsOutput](t)(c.ListBucketInventoryConfigurations(ctx, &s3.ListBucketInventoryConfigurationsInput{Bucket: b}))
	must[s3.ListBucketMetricsConfigurationsOutput](t)(c.ListBucketMetricsConfigurations(ctx, &s3.ListBucketMetricsConfigurationsInput{Bucket: b}))
	must[s3.ListBucketIntelligentTieringConfigurationsOutput](t)(c.ListBucketIntelligentTieringConfigurations(ctx, &s3.ListBucketIntelligentTieringConfigurationsInput{Bucket: b}))

	for want, call := range map[string]func() error{
		"NoSuchWebsiteConfiguration": func() error {
			_, err := c.GetBucketWebsite(ctx, &s3.GetBucketWebsiteInput{Bucket: b})
			return err
		},
		"ReplicationConfigurationNotFoundError": func() error {
			_, err := c.GetBucketReplication(ctx, &s3.GetBucketReplicationInput{Bucket: b})
			return err
		},
		"NoSuchConfiguration": func() error {
			_, err := c.GetBucketAnalyticsConfiguration(ctx, &s3.GetBucketAnalyticsConfigurationInput{Bucket: b, Id: id})
			return err
		},
		"NoSuchConfiguration ": func() error {
			_, err := c.GetBucketInventoryConfiguration(ctx, &s3.GetBucketInventoryConfigurationInput{Bucket: b, Id: id})
			return err
		},
		"NoSuchConfiguration  ": func() error {
			_, err := c.GetBucketMetricsConfiguration(ctx, &s3.GetBucketMetricsConfigurationInput{Bucket: b, Id: id})
			return err
		},
		"NoSuchConfiguration   ": func() error {
			_, err := c.GetBucketIntelligentTieringConfiguration(ctx, &s3.GetBucketIntelligentTieringConfigurationInput{Bucket: b, Id: id})
			return err
		},
		"NotImplemented": func() error {
			_, err := c.PutBucketLogging(ctx, &s3.PutBucketLoggingInput{Bucket: b, BucketLoggingStatus: &types.BucketLoggingStatus{LoggingEnabled: &types.LoggingEnabled{TargetBucket: b, TargetPrefix: aws.String("")}}})
			return err
		},
		"MalformedXML": func() error {
			_, err := c.PutBucketRequestPayment(ctx, &s3.PutBucketRequestPaymentInput{Bucket: b, RequestPaymentConfiguration: &types.RequestPaymentConfiguration{Payer: "Nobody"}})
			return err
		},
		"InvalidBucketAclWithBlockPublicAccessError": func() error {
			_, err := c.CreateBucket(ctx, &s3.CreateBucketInput{Bucket: ptr("another"), CreateBucketConfiguration: in(s3test.Central), ACL: types.BucketCannedACLPublicRead, ObjectOwnership: types.ObjectOwnershipObjectWriter})
			return err
		},
		"InvalidBucketAclWithObjectOwnership": func() error {
			_, err := c.CreateBucket(ctx, &s3.CreateBucketInput{Bucket: ptr("another"), CreateBucketConfiguration: in(s3test.Central), ACL: types.BucketCannedACLPublicRead})
			return err
		},
	} {
		if err := call(); codeOf(err) != strings.TrimSpace(want) {
			t.Errorf("answered with %v, want %s", err, want)
		}
	}
}
