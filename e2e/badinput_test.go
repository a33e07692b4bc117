package e2e

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"encoding/xml"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/backup"
	backuptypes "github.com/aws/aws-sdk-go-v2/service/backup/types"
	"github.com/aws/aws-sdk-go-v2/service/cloudtrail"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/organizations"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	s3types "github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/google/go-cmp/cmp"

	"strongroom/internal/strongroomtest"
)

// TestBadInput sends what AWS refuses, and gets AWS's code and status; nothing is changed by any of it.
func TestBadInput(t *testing.T) {
	t.Parallel()
	s := strongroomtest.New(t)
	ctx := t.Context()
	p := enter(t, s, member, home)
	role := p.role(t, "jobs", rolePolicies...)
	p.vault(t, "local-vault", p.key(t))
	p.vault(t, "second-vault", "")
	bucket := p.bucket(t, "good-bucket", "")
	point := p.backUp(t, "local-vault", bucket)
	before := p.inventory(t)

	token := func(next *string) string { // one that was tampered with
		text := []byte(aws.ToString(next))
		text[len(text)/2] ^= 1
		return string(text)
	}
	vaults := must(p.backup.ListBackupVaults(ctx, &backup.ListBackupVaultsInput{MaxResults: aws.Int32(1)}))(t, "listing a page of vaults")
	objects := must(p.s3.ListObjectsV2(ctx, &s3.ListObjectsV2Input{Bucket: aws.String("good-bucket"), MaxKeys: aws.Int32(1)}))(t, "listing a page of objects")

	for _, c := range []struct {
		name   string
		call   func() error
		code   string
		status int
		text   string
	}{
		{"an unknown vault", func() error {
			_, err := p.backup.DescribeBackupVault(ctx, &backup.DescribeBackupVaultInput{BackupVaultName: aws.String("nowhere")})
			return err
		}, "AccessDeniedException", 403, ""},
		{"a backup into an unknown vault", func() error {
			_, err := p.backup.StartBackupJob(ctx, &backup.StartBackupJobInput{BackupVaultName: aws.String("nowhere"), ResourceArn: &bucket, IamRoleArn: &role})
			return err
		}, "ResourceNotFoundException", 400, "nowhere"},
		{"a resource that is no ARN", func() error {
			_, err := p.backup.StartBackupJob(ctx, &backup.StartBackupJobInput{BackupVaultName: aws.String("local-vault"), ResourceArn: aws.String("good-bucket"), IamRoleArn: &role})
			return err
		}, "InvalidParameterValueException", 400, "ResourceArn"},
		{"a recovery point that is another's", func() error {
			_, err := p.backup.StartRestoreJob(ctx, &backup.StartRestoreJobInput{RecoveryPointArn: aws.String(strings.Replace(point, member, vaulted, 1)), IamRoleArn: &role, Metadata: p.metadata(point, "bad-bucket")})
			return err
		}, "ResourceNotFoundException", 400, ""},
		{"a copy to something that is no vault", func() error {
			_, err := p.backup.StartCopyJob(ctx, &backup.StartCopyJobInput{RecoveryPointArn: &point, SourceBackupVaultName: aws.String("local-vault"), DestinationBackupVaultArn: &bucket, IamRoleArn: &role})
			return err
		}, "InvalidParameterValueException", 400, "DestinationBackupVaultArn"},
		{"a vault's name outside its pattern", func() error {
			_, err := p.backup.CreateBackupVault(ctx, &backup.CreateBackupVaultInput{BackupVaultName: aws.String("a vault")})
			return err
		}, "InvalidParameterValueException", 400, "ackupVaultName"},
		{"a vault under a key that does not exist", func() error {
			_, err := p.backup.CreateBackupVault(ctx, &backup.CreateBackupVaultInput{BackupVaultName: aws.String("keyless"), EncryptionKeyArn: aws.String("arn:aws:kms:eu-central-1:111111111111:key/00000000-0000-0000-0000-000000000000")})
			return err
		}, "InvalidParameterValueException", 400, ""},
		{"a vault that exists", func() error {
			_, err := p.backup.CreateBackupVault(ctx, &backup.CreateBackupVaultInput{BackupVaultName: aws.String("local-vault")})
			return err
		}, "AlreadyExistsException", 400, "already exists"},
		{"a vault that is not empty", func() error {
			_, err := p.backup.DeleteBackupVault(ctx, &backup.DeleteBackupVaultInput{BackupVaultName: aws.String("local-vault")})
			return err
		}, "InvalidRequestException", 400, "Backup vault cannot be deleted because it contains recovery points."},
		{"a policy that opens the vault", func() error {
			_, err := p.backup.PutBackupVaultAccessPolicy(ctx, &backup.PutBackupVaultAccessPolicyInput{BackupVaultName: aws.String("local-vault"), Policy: policy(statement{"Effect": "Allow", "Principal": "*", "Action": "backup:StartRestoreJob", "Resource": "*"})})
			return err
		}, "InvalidParameterValueException", 400, "The specified policy cannot be added to the vault due to cross-account sharing restrictions."},
		{"a lifecycle of nothing", func() error {
			_, err := p.backup.UpdateRecoveryPointLifecycle(ctx, &backup.UpdateRecoveryPointLifecycleInput{BackupVaultName: aws.String("local-vault"), RecoveryPointArn: &point, Lifecycle: days(0)})
			return err
		}, "InvalidParameterValueException", 400, "DeleteAfterDays cannot be less than 1"},
		{"a schedule that is none", func() error {
			_, err := p.backup.CreateBackupPlan(ctx, &backup.CreateBackupPlanInput{BackupPlan: &backuptypes.BackupPlanInput{BackupPlanName: aws.String("bad"), Rules: []backuptypes.BackupRuleInput{{
				RuleName: aws.String("rule"), TargetBackupVaultName: aws.String("local-vault"), ScheduleExpression: aws.String("every day"),
			}}}})
			return err
		}, "InvalidParameterValueException", 400, "ScheduleExpression"},
		{"a negative page", func() error {
			_, err := p.backup.ListBackupVaults(ctx, &backup.ListBackupVaultsInput{MaxResults: aws.Int32(-1)})
			return err
		}, "InvalidParameterValueException", 400, "axResults"},
		{"a token that was tampered with", func() error {
			_, err := p.backup.ListBackupVaults(ctx, &backup.ListBackupVaultsInput{NextToken: aws.String(token(vaults.NextToken))})
			return err
		}, "InvalidParameterValueException", 400, "oken"},
		{"another list's token", func() error {
			_, err := p.backup.ListBackupPlans(ctx, &backup.ListBackupPlansInput{NextToken: vaults.NextToken})
			return err
		}, "InvalidParameterValueException", 400, "oken"},
		{"another Region's token", func() error {
			_, err := p.in(north).backup.ListBackupVaults(ctx, &backup.ListBackupVaultsInput{NextToken: vaults.NextToken})
			return err
		}, "InvalidParameterValueException", 400, "oken"},
		{"an operation that is not implemented", func() error { _, err := p.backup.ListFrameworks(ctx, &backup.ListFrameworksInput{}); return err }, "NotImplemented", 501, "backup:ListFrameworks"},
		{"another", func() error {
			_, err := p.ec2.RunInstances(ctx, &ec2.RunInstancesInput{MinCount: aws.Int32(1), MaxCount: aws.Int32(1)})
			return err
		}, "NotImplemented", 501, "ec2:RunInstances"},

		{"an unknown key", func() error {
			_, err := p.kms.DescribeKey(ctx, &kms.DescribeKeyInput{KeyId: aws.String("alias/nothing")})
			return err
		}, "NotFoundException", 400, "nothing"},
		{"a key's policy that is no JSON", func() error { _, err := p.kms.CreateKey(ctx, &kms.CreateKeyInput{Policy: aws.String("{")}); return err }, "MalformedPolicyDocumentException", 400, ""},
		{"an unknown role", func() error {
			_, err := p.iam.GetRole(ctx, &iam.GetRoleInput{RoleName: aws.String("nobody")})
			return err
		}, "NoSuchEntity", 404, "nobody"},
		{"a role's trust that is no JSON", func() error {
			_, err := p.iam.CreateRole(ctx, &iam.CreateRoleInput{RoleName: aws.String("bad"), AssumeRolePolicyDocument: aws.String("x")})
			return err
		}, "MalformedPolicyDocument", 400, ""},
		{"an unknown volume", func() error {
			_, err := p.ec2.DescribeVolumes(ctx, &ec2.DescribeVolumesInput{VolumeIds: []string{"vol-0123456789abcdef0"}})
			return err
		}, "InvalidVolume.NotFound", 400, "vol-0123456789abcdef0"},
		{"a volume of no size", func() error {
			_, err := p.ec2.CreateVolume(ctx, &ec2.CreateVolumeInput{AvailabilityZone: aws.String(home + "a")})
			return err
		}, "MissingParameter", 400, "size"},
		{"a zone of another Region", func() error {
			_, err := p.ec2.CreateVolume(ctx, &ec2.CreateVolumeInput{AvailabilityZone: aws.String("us-east-1a"), Size: aws.Int32(1)})
			return err
		}, "InvalidZone.NotFound", 400, "us-east-1a"},
		{"an unknown bucket", func() error {
			_, err := p.s3.ListObjectsV2(ctx, &s3.ListObjectsV2Input{Bucket: aws.String("no-such-bucket-here")})
			return err
		}, "NoSuchBucket", 404, ""},
		{"an unknown object", func() error {
			_, err := p.s3.GetObject(ctx, &s3.GetObjectInput{Bucket: aws.String("good-bucket"), Key: aws.String("nothing")})
			return err
		}, "NoSuchKey", 404, ""},
		{"a bucket's name outside its pattern", func() error {
			_, err := p.s3.CreateBucket(ctx, &s3.CreateBucketInput{Bucket: aws.String("Bad_Bucket"), CreateBucketConfiguration: &s3types.CreateBucketConfiguration{LocationConstraint: home}})
			return err
		}, "InvalidBucketName", 400, ""},
		{"a bucket that is not empty", func() error {
			_, err := p.s3.DeleteBucket(ctx, &s3.DeleteBucketInput{Bucket: aws.String("good-bucket")})
			return err
		}, "BucketNotEmpty", 409, ""},
		{"a tampered continuation", func() error {
			_, err := p.s3.ListObjectsV2(ctx, &s3.ListObjectsV2Input{Bucket: aws.String("good-bucket"), ContinuationToken: aws.String(token(objects.NextContinuationToken))})
			return err
		}, "InvalidArgument", 400, ""},
		{"a session's name outside its pattern", func() error {
			_, err := p.sts.AssumeRole(ctx, &sts.AssumeRoleInput{RoleArn: &role, RoleSessionName: aws.String("a b")})
			return err
		}, "ValidationError", 400, "oleSessionName"},
		{"a wrong page of events", func() error {
			_, err := p.cloudtrail.LookupEvents(ctx, &cloudtrail.LookupEventsInput{MaxResults: aws.Int32(51)})
			return err
		}, "InvalidMaxResultsException", 400, ""},
		{"an account that does not exist", func() error {
			_, err := enter(t, s, management, home).organizations.DescribeAccount(ctx, &organizations.DescribeAccountInput{AccountId: aws.String("123456789012")})
			return err
		}, "AccountNotFoundException", 400, ""},
	} {
		t.Run(c.name, func(t *testing.T) { refused(t, c.call(), c.code, c.status, c.text) })
	}
	if diff := cmp.Diff(before, p.inventory(t)); diff != "" {
		t.Errorf("bad input changed something (-before +after):\n%s", diff)
	}
}

// inventory is what an account has.
func (p *party) inventory(t *testing.T) map[string]any {
	t.Helper()
	ctx := t.Context()
	all := map[string]any{"points": p.points(t, "local-vault"), "jobs": len(p.backupJobs(t, ""))}
	for what, list := range p.lists(ctx) {
		all[what] = must(list())(t, what)
	}
	all["buckets"] = len(must(p.s3.ListBuckets(ctx, &s3.ListBucketsInput{}))(t, "buckets").Buckets)
	all["roles"] = len(must(p.iam.ListRoles(ctx, &iam.ListRolesInput{}))(t, "roles").Roles)
	return all
}

// raw sends a signed request that no SDK would.
type raw struct {
	service, method, path, target, contentType, body string
}

func (r raw) send(t *testing.T, s *strongroomtest.Server, p *party) (status int, code, message string) {
	t.Helper()
	request := must(http.NewRequestWithContext(t.Context(), r.method, s.Endpoint()+r.path, strings.NewReader(r.body)))(t, "making a request")
	if r.target != "" {
		request.Header.Set("X-Amz-Target", r.target)
	}
	if r.contentType != "" {
		request.Header.Set("Content-Type", r.contentType)
	}
	sum := sha256.Sum256([]byte(r.body))
	secret := must(p.config.Credentials.Retrieve(t.Context()))(t, "reading credentials")
	if err := v4.NewSigner().SignHTTP(t.Context(), secret, request, hex.EncodeToString(sum[:]), r.service, p.region, time.Now()); err != nil {
		t.Fatal(err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatalf("sending a request: %v", err)
	}
	defer response.Body.Close()
	body := must(io.ReadAll(response.Body))(t, "reading the answer")
	var answer struct {
		Type      string `json:"__type"`
		Message   string `json:"message"`
		Message2  string `json:"Message" xml:"-"`
		XMLErrors []struct {
			Code    string `xml:"Code"`
			Message string `xml:"Message"`
		} `json:"-" xml:"Error"`
	}
	if bytes.HasPrefix(bytes.TrimSpace(body), []byte("<")) {
		if err := xml.Unmarshal(body, &answer); err != nil || len(answer.XMLErrors) != 1 {
			t.Fatalf("the answer is %s (%v)", body, err)
		}
		return response.StatusCode, answer.XMLErrors[0].Code, answer.XMLErrors[0].Message
	}
	if err := json.Unmarshal(body, &answer); err != nil {
		t.Fatalf("the answer is %s (%v)", body, err)
	}
	code = response.Header.Get("X-Amzn-Errortype")
	if answer.Type != "" {
		code = answer.Type[strings.LastIndex(answer.Type, "#")+1:]
	}
	return response.StatusCode, code, answer.Message + answer.Message2
}

// TestMalformedRequests sends requests that are well signed and otherwise broken.
func TestMalformedRequests(t *testing.T) {
	t.Parallel()
	s := strongroomtest.New(t)
	p := enter(t, s, member, home)
	const json11, form = "application/x-amz-json-1.1", "application/x-www-form-urlencoded"
	for _, c := range []struct {
		name   string
		raw    raw
		status int
		code   string
		text   string
	}{
		{"JSON that ends too early", raw{"backup", "PUT", "/backup-vaults/broken", "", "application/json", `{"BackupVaultTags": {`}, 400, "SerializationException", ""},
		{"a list where a map should be", raw{"backup", "PUT", "/backup-vaults/broken", "", "application/json", `{"BackupVaultTags": ["a"]}`}, 400, "SerializationException", ""},
		{"a number where a string should be", raw{"backup", "PUT", "/backup-vaults/broken", "", "application/json", `{"EncryptionKeyArn": 3}`}, 400, "SerializationException", ""},
		{"a number that is none", raw{"backup", "GET", "/backup-vaults/?maxResults=many", "", "", ""}, 400, "SerializationException", ""},
		{"a path of no operation", raw{"backup", "GET", "/no/such/path", "", "", ""}, 404, "UnknownOperationException", ""},
		{"an unknown target", raw{"kms", "POST", "/", "TrentService.MakeCoffee", json11, `{}`}, 400, "UnknownOperationException", "MakeCoffee"},
		{"no target", raw{"kms", "POST", "/", "", json11, `{}`}, 400, "UnknownOperationException", ""},
		{"another service's target", raw{"kms", "POST", "/", "AWSOrganizationsV20161128.ListAccounts", json11, `{}`}, 400, "UnknownOperationException", ""},
		{"a KMS request that is no JSON", raw{"kms", "POST", "/", "TrentService.CreateKey", json11, `coffee`}, 400, "SerializationException", ""},
		{"a KMS request of wrong types", raw{"kms", "POST", "/", "TrentService.CreateKey", json11, `{"Description": {}}`}, 400, "SerializationException", ""},
		{"an unknown action", raw{"iam", "POST", "/", "", form, "Action=MakeCoffee&Version=2010-05-08"}, 400, "InvalidAction", "MakeCoffee"},
		{"no action", raw{"iam", "POST", "/", "", form, "Version=2010-05-08"}, 400, "MissingAction", ""},
		{"a service that is not there", raw{"glacier", "GET", "/-/vaults", "", "", ""}, 501, "UnknownService", "glacier"},
		{"an oversized vault", raw{"backup", "PUT", "/backup-vaults/broken", "", "application/json", `{"CreatorRequestId": "` + strings.Repeat("x", 12<<20) + `"}`}, 413, "RequestEntityTooLarge", ""},
		{"an oversized key", raw{"kms", "POST", "/", "TrentService.CreateKey", json11, `{"Description": "` + strings.Repeat("x", 12<<20) + `"}`}, 413, "RequestEntityTooLarge", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			status, code, message := c.raw.send(t, s, p)
			if status != c.status || code != c.code || !strings.Contains(message, c.text) {
				t.Errorf("got %d %s: %q, want %d %s with %q", status, code, message, c.status, c.code, c.text)
			}
		})
	}
	for what, list := range p.lists(t.Context()) {
		if n := must(list())(t, what); n != 0 {
			t.Errorf("%s shows %d things after requests that were refused", what, n)
		}
	}
}

// TestCredentials tries to get in without the right ones.
func TestCredentials(t *testing.T) {
	t.Parallel()
	s := strongroomtest.New(t)
	ctx := t.Context()
	p := enter(t, s, member, home)
	good := must(p.config.Credentials.Retrieve(ctx))(t, "reading credentials")
	p.role(t, "visitor")
	must(p.iam.UpdateAssumeRolePolicy(ctx, &iam.UpdateAssumeRolePolicyInput{RoleName: aws.String("visitor"), PolicyDocument: policy(
		statement{"Effect": "Allow", "Principal": statement{"AWS": p.root()}, "Action": "sts:AssumeRole"})}))(t, "trusting the account")
	must(p.iam.AttachRolePolicy(ctx, &iam.AttachRolePolicyInput{RoleName: aws.String("visitor"), PolicyArn: aws.String("arn:aws:iam::aws:policy/AdministratorAccess")}))(t, "allowing everything")
	session := p.assume(t, member, "visitor")
	temporary := must(session.config.Credentials.Retrieve(ctx))(t, "reading credentials")
	other := must(p.assume(t, member, "visitor").config.Credentials.Retrieve(ctx))(t, "reading credentials")

	with := func(id, secret, token string) *party {
		cfg := p.config.Copy()
		cfg.Credentials = credentials.NewStaticCredentialsProvider(id, secret, token)
		return newParty(member, cfg)
	}
	check := func(name string, p *party, backupCode, s3Code string) {
		t.Helper()
		_, err := p.backup.CreateBackupVault(ctx, &backup.CreateBackupVaultInput{BackupVaultName: aws.String("intruder")})
		refused(t, err, backupCode, 403, "")
		_, err = p.s3.CreateBucket(ctx, &s3.CreateBucketInput{Bucket: aws.String("intruder-bucket"), CreateBucketConfiguration: &s3types.CreateBucketConfiguration{LocationConstraint: home}})
		refused(t, err, s3Code, 403, "")
		if t.Failed() {
			t.Fatalf("that was with %s", name)
		}
	}
	check("a wrong secret", with(good.AccessKeyID, "wrong"+good.SecretAccessKey, ""), "InvalidSignatureException", "SignatureDoesNotMatch")
	check("an unknown key", with("AKIAXXXXXXXXXXXXXXXX", good.SecretAccessKey, ""), "UnrecognizedClientException", "InvalidAccessKeyId")
	check("a session without its token", with(temporary.AccessKeyID, temporary.SecretAccessKey, ""), "UnrecognizedClientException", "InvalidAccessKeyId")
	check("another session's token", with(temporary.AccessKeyID, temporary.SecretAccessKey, other.SessionToken), "UnrecognizedClientException", "InvalidAccessKeyId")
	check("a key with a session's token", with(good.AccessKeyID, good.SecretAccessKey, temporary.SessionToken), "UnrecognizedClientException", "InvalidAccessKeyId")

	must(session.backup.ListBackupVaults(ctx, &backup.ListBackupVaultsInput{}))(t, "listing with the session's credentials")
	user := p.user(t, "leaver")
	must(p.iam.AttachUserPolicy(ctx, &iam.AttachUserPolicyInput{UserName: aws.String("leaver"), PolicyArn: aws.String("arn:aws:iam::aws:policy/AdministratorAccess")}))(t, "allowing everything")
	must(user.backup.ListBackupVaults(ctx, &backup.ListBackupVaultsInput{}))(t, "listing as the user")
	key := must(user.config.Credentials.Retrieve(ctx))(t, "reading credentials")
	must(p.iam.DeleteAccessKey(ctx, &iam.DeleteAccessKeyInput{UserName: aws.String("leaver"), AccessKeyId: &key.AccessKeyID}))(t, "deleting the user's key")
	check("a deleted key", user, "UnrecognizedClientException", "InvalidAccessKeyId")

	for what, list := range p.lists(ctx) {
		if n := must(list())(t, what); n != 0 {
			t.Errorf("%s shows %d things after requests that were refused", what, n)
		}
	}
	if buckets := must(p.s3.ListBuckets(ctx, &s3.ListBucketsInput{}))(t, "listing buckets").Buckets; len(buckets) != 0 {
		t.Errorf("%d buckets after requests that were refused", len(buckets))
	}
}

// TestSkewedClocks signs requests at other times than the server's.
func TestSkewedClocks(t *testing.T) {
	t.Parallel()
	s := strongroomtest.New(t)
	p := enter(t, s, member, home)
	secret := must(p.config.Credentials.Retrieve(t.Context()))(t, "reading credentials")
	for skew, wanted := range map[time.Duration]int{-time.Hour: 403, time.Hour: 403, -time.Minute: 200, 4 * time.Minute: 200} {
		request := must(http.NewRequestWithContext(t.Context(), http.MethodGet, s.Endpoint()+"/backup-vaults/", nil))(t, "making a request")
		empty := sha256.Sum256(nil)
		if err := v4.NewSigner().SignHTTP(t.Context(), secret, request, hex.EncodeToString(empty[:]), "backup", home, time.Now().Add(skew)); err != nil {
			t.Fatal(err)
		}
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			t.Fatalf("sending a request: %v", err)
		}
		body := must(io.ReadAll(response.Body))(t, "reading the answer")
		_ = response.Body.Close()
		if response.StatusCode != wanted || wanted == 403 && !strings.Contains(response.Header.Get("X-Amzn-Errortype")+string(body), "InvalidSignatureException") {
			t.Errorf("a request signed %s from now is answered with %d: %s", skew, response.StatusCode, body)
		}
	}
}
