package wire_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/backup"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"strongroom/internal/api"
)

// TestRefusals calls each protocol with credentials that are wrong in each way.
func TestRefusals(t *testing.T) {
	t.Parallel()
	passed := false
	h := newHouse(t,
		&api.Service{Name: "backup", Operations: []api.Operation{op("", func(*backup.ListBackupVaultsInput) (*backup.ListBackupVaultsOutput, error) {
			passed = true
			return &backup.ListBackupVaultsOutput{}, nil
		})}},
		&api.Service{Name: "kms", Operations: []api.Operation{op("", func(*kms.ListKeysInput) (*kms.ListKeysOutput, error) {
			passed = true
			return &kms.ListKeysOutput{}, nil
		})}},
		&api.Service{Name: "iam", Operations: []api.Operation{op("", func(*iam.ListUsersInput) (*iam.ListUsersOutput, error) {
			passed = true
			return &iam.ListUsersOutput{}, nil
		})}},
		&api.Service{Name: "ec2", Operations: []api.Operation{op("", func(*ec2.DescribeVolumesInput) (*ec2.DescribeVolumesOutput, error) {
			passed = true
			return &ec2.DescribeVolumesOutput{}, nil
		})}},
		&api.Service{Name: "s3", Operations: []api.Operation{op("", func(*s3.ListBucketsInput) (*s3.ListBucketsOutput, error) {
			passed = true
			return &s3.ListBucketsOutput{}, nil
		})}},
	)
	calls := map[string]func(aws.Config) error{
		"backup": func(c aws.Config) error {
			_, err := backup.NewFromConfig(c).ListBackupVaults(t.Context(), nil)
			return err
		},
		"kms": func(c aws.Config) error { _, err := kms.NewFromConfig(c).ListKeys(t.Context(), nil); return err },
		"iam": func(c aws.Config) error { _, err := iam.NewFromConfig(c).ListUsers(t.Context(), nil); return err },
		"ec2": func(c aws.Config) error {
			_, err := ec2.NewFromConfig(c).DescribeVolumes(t.Context(), nil)
			return err
		},
		"s3": func(c aws.Config) error { _, err := s3.NewFromConfig(c).ListBuckets(t.Context(), nil); return err },
	}
	tests := []struct {
		name            string
		id, secret, tok string
		region          string
		codes           map[string]string
	}{
		{"wrong secret", testKey, "wrong", "", "", map[string]string{
			"backup": "InvalidSignatureException", "kms": "InvalidSignatureException", "iam": "SignatureDoesNotMatch", "ec2": "AuthFailure", "s3": "SignatureDoesNotMatch",
		}},
		{"unknown key", "AKIAUNKNOWN", testSecret, "", "", map[string]string{
			"backup": "UnrecognizedClientException", "kms": "UnrecognizedClientException", "iam": "InvalidClientTokenId", "ec2": "AuthFailure", "s3": "InvalidAccessKeyId",
		}},
		{"another session's token", "ASIASESSION", testSecret, "other", "", map[string]string{
			"backup": "UnrecognizedClientException", "kms": "UnrecognizedClientException", "iam": "InvalidClientTokenId", "ec2": "AuthFailure", "s3": "InvalidAccessKeyId",
		}},
		{"session over", "ASIAOVER", testSecret, testToken, "", map[string]string{
			"backup": "ExpiredTokenException", "kms": "ExpiredTokenException", "iam": "ExpiredToken", "ec2": "RequestExpired", "s3": "ExpiredToken",
		}},
		{"no credentials", "", "", "", "", map[string]string{
			"backup": "MissingAuthenticationTokenException", "kms": "MissingAuthenticationTokenException", "iam": "MissingAuthenticationToken", "ec2": "MissingAuthenticationToken", "s3": "AccessDenied",
		}},
		{"no Region", testKey, testSecret, "", "nowhere", map[string]string{
			"backup": "InvalidSignatureException", "kms": "InvalidSignatureException", "iam": "SignatureDoesNotMatch", "ec2": "AuthFailure", "s3": "SignatureDoesNotMatch",
		}},
		{"session", "ASIASESSION", testSecret, testToken, "", nil},
	}
	for _, test := range tests {
		for service, call := range calls {
			passed = false
			cfg := h.config()
			cfg.Credentials = credentials.NewStaticCredentialsProvider(test.id, test.secret, test.tok)
			if test.id == "" {
				cfg.Credentials = aws.AnonymousCredentials{}
				if service == "iam" || service == "ec2" {
					cfg.BaseEndpoint = aws.String(strings.Replace(h.URL, "127.0.0.1", service+".localhost", 1))
					cfg.HTTPClient = dialing(h.URL)
				}
			}
			if test.region != "" {
				cfg.Region = test.region
			}
			err := call(cfg)
			if test.codes == nil {
				if err != nil || !passed {
					t.Errorf("%s, %s: %v", test.name, service, err)
				}
				continue
			}
			t.Run(test.name+"/"+service, func(t *testing.T) { wantCode(t, err, test.codes[service]) })
			if passed {
				t.Errorf("%s, %s: the call got past", test.name, service)
			}
		}
	}
	h.Wall.Advance(-20 * 60e9)
	late := map[string]string{"backup": "InvalidSignatureException", "kms": "InvalidSignatureException", "iam": "SignatureDoesNotMatch", "ec2": "RequestExpired", "s3": "RequestTimeTooSkewed"}
	for service, call := range calls {
		err := call(h.config())
		t.Run("skewed/"+service, func(t *testing.T) { wantCode(t, err, late[service]) })
	}
}

func TestRefusalsSpokenRaw(t *testing.T) {
	t.Parallel()
	h := newHouse(t, &api.Service{Name: "kms", Operations: []api.Operation{
		op("", func(*kms.ListKeysInput) (*kms.ListKeysOutput, error) { return &kms.ListKeysOutput{}, nil }),
	}})
	json := "application/x-amz-json-1.1"
	form := "application/x-www-form-urlencoded"
	tests := []struct {
		name, method, target, service, body string
		header                              map[string]string
		status                              int
		say                                 string
	}{
		{"good", "POST", "/", "kms", "{}", map[string]string{"X-Amz-Target": "TrentService.ListKeys", "Content-Type": json}, 200, `"Keys":[]`},
		{"unknown service", "GET", "/", "quantum", "", nil, 501, `quantum`},
		{"unknown target", "POST", "/", "kms", "{}", map[string]string{"X-Amz-Target": "TrentService.Fly"}, 400, `"__type":"UnknownOperationException"`},
		{"another service's target", "POST", "/", "kms", "{}", map[string]string{"X-Amz-Target": "Backup.ListKeys"}, 400, `UnknownOperationException`},
		{"no JSON", "POST", "/", "kms", "{", map[string]string{"X-Amz-Target": "TrentService.ListKeys"}, 400, `SerializationException`},
		{"wrong type", "POST", "/", "kms", `{"Limit":"x"}`, map[string]string{"X-Amz-Target": "TrentService.ListKeys"}, 400, `Limit: STRING_VALUE can not be converted to an Integer`},
		{"out of range", "POST", "/", "kms", `{"Limit":1001}`, map[string]string{"X-Amz-Target": "TrentService.ListKeys"}, 400, `Value '1001' at 'limit' failed to satisfy constraint: Member must have value less than or equal to 1000`},
		{"too large", "POST", "/", "kms", strings.Repeat(" ", 1<<20+1), map[string]string{"X-Amz-Target": "TrentService.ListKeys"}, 413, `RequestEntityTooLarge`},
		{"payload of another body", "POST", "/", "kms", "{}", map[string]string{"X-Amz-Target": "TrentService.ListKeys", "X-Amz-Content-Sha256": strings.Repeat("0", 64)}, 400, `InvalidSignatureException`},
		{"unsigned payload", "POST", "/", "kms", "{}", map[string]string{"X-Amz-Target": "TrentService.ListKeys", "X-Amz-Content-Sha256": "UNSIGNED-PAYLOAD"}, 400, `InvalidSignatureException`},
		{"unknown path", "GET", "/no/such/thing", "backup", "", nil, 404, `backup has no operation GET`},
		{"known operation of an absent service", "GET", "/backup-vaults/", "backup", "", nil, 501, `backup:ListBackupVaults is not implemented`},
		{"no action", "POST", "/", "iam", "Version=2010-05-08", map[string]string{"Content-Type": form}, 400, `<Code>MissingAction</Code>`},
		{"unknown action", "POST", "/", "iam", "Action=Fly", map[string]string{"Content-Type": form}, 400, `<Code>InvalidAction</Code>`},
		{"unknown EC2 action", "POST", "/", "ec2", "Action=Fly", map[string]string{"Content-Type": form}, 400, `<Response><Errors><Error><Code>InvalidAction</Code>`},
		{"no S3 method", "PATCH", "/b", "s3", "", nil, 405, `<Code>MethodNotAllowed</Code>`},
		{"unimplemented sub-resource", "GET", "/b?website", "s3", "", nil, 501, `s3:GetBucketWebsite`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			status, body := h.signed(t, test.method, test.target, test.service, test.body, test.header)
			if status != test.status || !contains(body, test.say) {
				t.Errorf("%d %s, want %d with %s", status, body, test.status, test.say)
			}
		})
	}
}

// TestTampering changes a signed request after it was signed.
func TestTampering(t *testing.T) {
	t.Parallel()
	h := newHouse(t, &api.Service{Name: "kms", Operations: []api.Operation{
		op("", func(*kms.ListKeysInput) (*kms.ListKeysOutput, error) { return &kms.ListKeysOutput{}, nil }),
	}})
	tests := map[string]func(*http.Request){
		"method": func(r *http.Request) { r.Method = http.MethodPut },
		"path":   func(r *http.Request) { r.URL.Path = "/x" },
		"query":  func(r *http.Request) { r.URL.RawQuery = "x" },
		"target": func(r *http.Request) { r.Header.Set("X-Amz-Target", "TrentService.ScheduleKeyDeletion") },
		"header": func(r *http.Request) { r.Header.Set("X-Amz-Security-Token", "x") },
		"host":   func(r *http.Request) { r.Host = "elsewhere" },
		"scope": func(r *http.Request) {
			r.Header.Set("Authorization", strings.Replace(r.Header.Get("Authorization"), "eu-central-1", "eu-north-1", 1))
		},
		"service": func(r *http.Request) {
			r.Header.Set("Authorization", strings.Replace(r.Header.Get("Authorization"), "/kms/", "/backup/", 1))
		},
	}
	for name, change := range tests {
		r := h.request(t, http.MethodPost, "/", "{}")
		r.Header.Set("X-Amz-Target", "TrentService.ListKeys")
		h.sign(t, r, "kms", "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a")
		change(r)
		if status, body := do(t, r); status < 400 || status >= 500 || len(h.calls()) != 0 {
			t.Errorf("%s: %d %s", name, status, body)
		}
	}
	r := h.request(t, http.MethodPost, "/", "{}")
	r.Header.Set("X-Amz-Target", "TrentService.ListKeys")
	h.sign(t, r, "kms", "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a")
	if status, body := do(t, r); status != 200 {
		t.Errorf("untouched: %d %s", status, body)
	}
}

func TestHealth(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	if status, body := fetch(t, http.MethodGet, h.URL+"/_strongroom/health", nil); status != 200 || body != `{"status":"ok"}` {
		t.Errorf("%d %s", status, body)
	}
}

// TestPaths sends paths as different clients spell them.
func TestPaths(t *testing.T) {
	t.Parallel()
	var tags backup.ListTagsInput
	var point backup.DescribeRecoveryPointInput
	var metadata backup.GetRecoveryPointRestoreMetadataInput
	var untag backup.UntagResourceInput
	h := newHouse(t, &api.Service{Name: "backup", Operations: []api.Operation{
		echo("", &tags, &backup.ListTagsOutput{}),
		echo("", &point, &backup.DescribeRecoveryPointOutput{}),
		echo("", &metadata, &backup.GetRecoveryPointRestoreMetadataOutput{}),
		echo("", &untag, &backup.UntagResourceOutput{}),
		op("", func(*backup.DeleteRestoreTestingPlanInput) (*backup.DeleteRestoreTestingPlanOutput, error) {
			return &backup.DeleteRestoreTestingPlanOutput{}, nil
		}),
		op("", func(*backup.ListBackupJobsInput) (*backup.ListBackupJobsOutput, error) {
			return &backup.ListBackupJobsOutput{}, nil
		}),
	}})
	const arn = "arn:aws:ec2:eu-central-1::snapshot/snap-05f426fd8kdjb4224"
	escaped := strings.NewReplacer(":", "%3A", "/", "%2F").Replace(arn)
	for _, spelled := range []string{arn, escaped, strings.ReplaceAll(arn, "/", "%2F"), strings.ReplaceAll(arn, ":", "%3A")} {
		tags, point, metadata, untag = backup.ListTagsInput{}, backup.DescribeRecoveryPointInput{}, backup.GetRecoveryPointRestoreMetadataInput{}, backup.UntagResourceInput{}
		for _, call := range []struct{ method, target, body string }{
			{"GET", "/tags/" + spelled + "/", ""},
			{"GET", "/backup-vaults/v1/recovery-points/" + spelled, ""},
			{"GET", "/backup-vaults/v1/recovery-points/" + spelled + "/restore-metadata", ""},
			{"POST", "/untag/" + spelled, `{"TagKeyList":["a"]}`},
		} {
			if status, body := h.signed(t, call.method, call.target, "backup", call.body, nil); status != 200 {
				t.Errorf("%s %s: %d %s", call.method, call.target, status, body)
			}
		}
		if aws.ToString(tags.ResourceArn) != arn || aws.ToString(point.RecoveryPointArn) != arn || aws.ToString(metadata.RecoveryPointArn) != arn || aws.ToString(untag.ResourceArn) != arn || untag.TagKeyList[0] != "a" {
			t.Errorf("%s: got %v, %v, %v, %v", spelled, tags, point, metadata, untag)
		}
	}
	for _, target := range []string{"/backup-jobs", "/backup-jobs/"} {
		if status, body := h.signed(t, "GET", target, "backup", "", nil); status != 200 || body != `{"BackupJobs":[]}` {
			t.Errorf("%s: %d %s", target, status, body)
		}
	}
	if status, _ := h.signed(t, "DELETE", "/restore-testing/plans/p", "backup", "", nil); status != 204 {
		t.Errorf("DeleteRestoreTestingPlan answers %d", status)
	}
}
