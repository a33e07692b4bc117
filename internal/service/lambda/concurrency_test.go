package lambda_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	eventbridgetypes "github.com/aws/aws-sdk-go-v2/service/eventbridge/types"
	awskms "github.com/aws/aws-sdk-go-v2/service/kms"
	awslambda "github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"
	s3types "github.com/aws/aws-sdk-go-v2/service/s3/types"
	awssqs "github.com/aws/aws-sdk-go-v2/service/sqs"
	awssts "github.com/aws/aws-sdk-go-v2/service/sts"

	"strongroom/internal/server"
	"strongroom/internal/service/lambda/functiontest"
	"strongroom/internal/strongroomtest"
	"strongroom/internal/waittest"
)

// TestThousand: a thousand invocations by four at once all answer what they were asked, from no more than four environments.
func TestThousand(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.function(t, "f")
	var next atomic.Int64
	var mu sync.Mutex
	streams := map[string]bool{}
	var working sync.WaitGroup
	began := time.Now()
	for range 4 {
		working.Go(func() {
			for n := next.Add(1); n <= 1000; n = next.Add(1) {
				out, err := b.Invoke(t.Context(), &awslambda.InvokeInput{FunctionName: aws.String("f"), Payload: fmt.Appendf(nil, `{"do":"echo","value":%d}`, n)})
				if err != nil || out.FunctionError != nil || string(out.Payload) != fmt.Sprint(n) {
					t.Errorf("invocation %d answers %+v, %v", n, out, err)
					return
				}
				if n%100 != 0 {
					continue
				}
				out, err = b.Invoke(t.Context(), &awslambda.InvokeInput{FunctionName: aws.String("f"), Payload: []byte(`{"do":"shell","text":"echo $AWS_LAMBDA_LOG_STREAM_NAME"}`)})
				if err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				streams[string(out.Payload)] = true
				mu.Unlock()
			}
		})
	}
	working.Wait()
	t.Logf("1,000 invocations took %s, in %d environments", time.Since(began), len(streams))
	if len(streams) > 4 {
		t.Errorf("four at once had %d environments", len(streams))
	}
}

// TestReservedConcurrency: a function has as much at once as it has reserved, and others have the rest.
func TestReservedConcurrency(t *testing.T) {
	t.Parallel()
	b := newBench(t, strongroomtest.Options{Config: server.Config{Functions: server.Functions{Concurrency: 4}}})
	b.function(t, "slow")
	b.function(t, "quick")
	reserve := func(n int32) error {
		_, err := b.PutFunctionConcurrency(t.Context(), &awslambda.PutFunctionConcurrencyInput{FunctionName: aws.String("slow"), ReservedConcurrentExecutions: &n})
		return err
	}
	refused(t, reserve(5), 400, "InvalidParameterValueException", "decreases account's UnreservedConcurrentExecution below its minimum value of [0]")
	if err := reserve(2); err != nil {
		t.Fatal(err)
	}
	settings, err := b.GetAccountSettings(t.Context(), &awslambda.GetAccountSettingsInput{})
	if err != nil || settings.AccountLimit.ConcurrentExecutions != 4 || *settings.AccountLimit.UnreservedConcurrentExecutions != 2 || settings.AccountUsage.FunctionCount != 2 {
		t.Errorf("the account's settings are %+v, %v", settings, err)
	}
	var working sync.WaitGroup
	var throttles, slept atomic.Int64
	for range 5 {
		working.Go(func() {
			_, err := b.Invoke(t.Context(), &awslambda.InvokeInput{FunctionName: aws.String("slow"), Payload: []byte(`{"do":"sleep","size":10000}`)})
			var throttled *types.TooManyRequestsException
			switch {
			case err == nil:
				slept.Add(1)
			case errors.As(err, &throttled) && throttled.Reason == types.ThrottleReasonReservedFunctionConcurrentInvocationLimitExceeded:
				throttles.Add(1)
			default:
				t.Error(err)
			}
		})
	}
	waittest.Until(t, "three of five were not throttled", func() bool { return throttles.Load() == 3 })
	b.answer(t, "quick", `{"do":"count"}`, "1") // though slow has all it may
	working.Wait()
	if slept.Load() != 2 {
		t.Errorf("%d ran at once where 2 may", slept.Load())
	}
}

// TestRole: a function acts as its role, by credentials that are its own, and reaches the server.
func TestRole(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.function(t, "f")
	var env []string
	if err := json.Unmarshal(b.ask(t, "f", `{"do":"env"}`).Payload, &env); err != nil {
		t.Fatal(err)
	}
	set := map[string]string{}
	for _, one := range env {
		key, value, _ := strings.Cut(one, "=")
		set[key] = value
	}
	cfg := b.cfg.Copy()
	cfg.Credentials = credentials.NewStaticCredentialsProvider(set["AWS_ACCESS_KEY_ID"], set["AWS_SECRET_ACCESS_KEY"], set["AWS_SESSION_TOKEN"])
	who, err := awssts.NewFromConfig(cfg).GetCallerIdentity(t.Context(), &awssts.GetCallerIdentityInput{})
	if err != nil || *who.Arn != "arn:aws:sts::"+member+":assumed-role/function/f-function" {
		t.Errorf("it is %+v, %v", who, err)
	}
	if out := b.ask(t, "f", `{"do":"get","text":"`+set["AWS_ENDPOINT_URL"]+`/"}`); out.FunctionError != nil || !strings.Contains(string(out.Payload), "AccessDenied") {
		t.Errorf("the server answers it %s", out.Payload)
	}
}

// TestHidden: a function sees neither the server's data nor another's code, variables and credentials.
func TestHidden(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.function(t, "victim", func(in *awslambda.CreateFunctionInput) {
		in.Environment = &types.Environment{Variables: map[string]string{"HIDDEN": "treasure"}}
	})
	b.function(t, "thief")
	b.answer(t, "victim", `{"do":"count"}`, "1")
	for _, path := range []string{b.Dir, b.Dir + "/state.db", b.Dir + "/admin.sock", b.Dir + "/root.key", b.Dir + "/functions", b.Dir + "/aws/credentials", "/root", "/home", fmt.Sprintf("/proc/%d/environ", os.Getpid())} {
		out := b.ask(t, "thief", `{"do":"read","text":"`+path+`"}`)
		if !strings.Contains(string(out.Payload), "no such file") && !strings.Contains(string(out.Payload), "permission denied") {
			t.Errorf("%s: %.200s", path, out.Payload)
		}
	}
	out := b.ask(t, "thief", `{"do":"shell","text":"cat /proc/*/environ 2>/dev/null | tr '\\0' '\\n' | grep -c HIDDEN; ls -d /proc/[0-9]* | wc -l"}`)
	if !strings.HasPrefix(string(out.Payload), `"0\n`) {
		t.Errorf("among what it sees of processes is %s", out.Payload)
	}
	raw, err := filepath.Glob(filepath.Join(b.Dir, "state.db*"))
	if err != nil || len(raw) == 0 {
		t.Fatal(err)
	}
	for _, name := range raw {
		if text, err := os.ReadFile(name); err != nil || strings.Contains(string(text), "treasure") {
			t.Errorf("%s has the variable as it is (%v)", name, err)
		}
	}
}

// TestVersions: versions stay as they are, aliases move.
func TestVersions(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	publish := func(greeting string) string {
		t.Helper()
		if _, err := b.UpdateFunctionConfiguration(t.Context(), &awslambda.UpdateFunctionConfigurationInput{FunctionName: aws.String("f"), Environment: &types.Environment{Variables: map[string]string{"GREETING": greeting}}}); err != nil {
			t.Fatal(err)
		}
		out, err := b.PublishVersion(t.Context(), &awslambda.PublishVersionInput{FunctionName: aws.String("f")})
		if err != nil {
			t.Fatal(err)
		}
		return *out.Version
	}
	b.function(t, "f")
	one, two := publish("one"), publish("two")
	if one != "1" || two != "2" {
		t.Fatalf("the versions are %s and %s", one, two)
	}
	if again, err := b.PublishVersion(t.Context(), &awslambda.PublishVersionInput{FunctionName: aws.String("f")}); err != nil || *again.Version != "2" {
		t.Errorf("the same again is %+v, %v", again, err)
	}
	greets := `{"do":"shell","text":"echo $GREETING"}`
	b.answer(t, "f:1", greets, `"one\n"`)
	b.answer(t, "f", greets, `"two\n"`)
	alias, err := b.CreateAlias(t.Context(), &awslambda.CreateAliasInput{FunctionName: aws.String("f"), Name: aws.String("live"), FunctionVersion: aws.String("1")})
	if err != nil || *alias.AliasArn != "arn:aws:lambda:"+region+":"+member+":function:f:live" {
		t.Fatalf("the alias is %+v, %v", alias, err)
	}
	b.answer(t, *alias.AliasArn, greets, `"one\n"`)
	if _, err := b.UpdateAlias(t.Context(), &awslambda.UpdateAliasInput{FunctionName: aws.String("f"), Name: aws.String("live"), FunctionVersion: aws.String("2")}); err != nil {
		t.Fatal(err)
	}
	b.answer(t, "f:live", greets, `"two\n"`)
	_, err = b.DeleteFunction(t.Context(), &awslambda.DeleteFunctionInput{FunctionName: aws.String("f"), Qualifier: aws.String("2")})
	refused(t, err, 409, "ResourceConflictException", "aliases")
	versions, err := b.ListVersionsByFunction(t.Context(), &awslambda.ListVersionsByFunctionInput{FunctionName: aws.String("f")})
	if err != nil || len(versions.Versions) != 3 || *versions.Versions[0].Version != "$LATEST" {
		t.Errorf("the versions are %+v, %v", versions, err)
	}
	_, err = b.Invoke(t.Context(), &awslambda.InvokeInput{FunctionName: aws.String("f:9")})
	refused(t, err, 404, "ResourceNotFoundException", "function:f:9")
}

// TestCodeFromS3: the caller must be able to read the package.
func TestCodeFromS3(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	s3 := awss3.NewFromConfig(b.cfg)
	if _, err := s3.CreateBucket(t.Context(), &awss3.CreateBucketInput{Bucket: aws.String("packages"), CreateBucketConfiguration: &s3types.CreateBucketConfiguration{LocationConstraint: region}}); err != nil {
		t.Fatal(err)
	}
	if _, err := s3.PutObject(t.Context(), &awss3.PutObjectInput{Bucket: aws.String("packages"), Key: aws.String("f.zip"), Body: strings.NewReader(string(functiontest.Zip(t)))}); err != nil {
		t.Fatal(err)
	}
	from := func(in *awslambda.CreateFunctionInput) {
		in.Code = &types.FunctionCode{S3Bucket: aws.String("packages"), S3Key: aws.String("f.zip")}
	}
	b.function(t, "f", from)
	b.answer(t, "f", `{"do":"count"}`, "1")
}

// TestServices: a service invokes for the resource that the function's policy names, and for no other.
func TestServices(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.role = b.newRole(t, "sends", trusted, sending)
	goodURL, good := b.queue(t, "good")
	deadURL, dead := b.queue(t, "dead")
	arn := b.function(t, "f")
	if _, err := b.PutFunctionEventInvokeConfig(t.Context(), &awslambda.PutFunctionEventInvokeConfigInput{FunctionName: &arn, DestinationConfig: &types.DestinationConfig{OnSuccess: &types.OnSuccess{Destination: &good}}}); err != nil {
		t.Fatal(err)
	}
	if _, err := awssqs.NewFromConfig(b.cfg).SetQueueAttributes(t.Context(), &awssqs.SetQueueAttributesInput{QueueUrl: &deadURL, Attributes: map[string]string{
		"Policy": `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"events.amazonaws.com"},"Action":"sqs:SendMessage","Resource":"*"}]}`,
	}}); err != nil {
		t.Fatal(err)
	}
	buses := eventbridge.NewFromConfig(b.cfg)
	rule := func(name string) *string {
		t.Helper()
		out, err := buses.PutRule(t.Context(), &eventbridge.PutRuleInput{Name: &name, EventPattern: aws.String(`{"source":["` + name + `"]}`)})
		if err == nil {
			_, err = buses.PutTargets(t.Context(), &eventbridge.PutTargetsInput{Rule: &name, Targets: []eventbridgetypes.Target{{
				Id: aws.String("f"), Arn: &arn, Input: aws.String(`{"do":"echo","value":"` + name + `"}`), DeadLetterConfig: &eventbridgetypes.DeadLetterConfig{Arn: &dead},
			}}})
		}
		if err != nil {
			t.Fatal(err)
		}
		return out.RuleArn
	}
	admitted := rule("admitted")
	rule("stranger")
	if _, err := b.AddPermission(t.Context(), &awslambda.AddPermissionInput{
		FunctionName: &arn, StatementId: aws.String("rule"), Action: aws.String("lambda:InvokeFunction"), Principal: aws.String("events.amazonaws.com"), SourceArn: admitted,
	}); err != nil {
		t.Fatal(err)
	}
	for _, source := range []string{"admitted", "stranger"} {
		if _, err := buses.PutEvents(t.Context(), &eventbridge.PutEventsInput{Entries: []eventbridgetypes.PutEventsRequestEntry{{Source: &source, DetailType: aws.String("d"), Detail: aws.String("{}")}}}); err != nil {
			t.Fatal(err)
		}
	}
	if m := b.received(t, goodURL); !strings.Contains(*m.Body, `"responsePayload":"admitted"`) {
		t.Errorf("the function was invoked with %s", *m.Body)
	}
	if m := b.received(t, deadURL); !strings.Contains(*m.Body, "stranger") || *m.MessageAttributes["ERROR_CODE"].StringValue != "NO_PERMISSIONS" {
		t.Errorf("the dead-letter queue has %s", *m.Body)
	}
}

// TestVariablesUnderAKey: the variables of a function that names a key are readable while the key is.
func TestVariablesUnderAKey(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	keys := awskms.NewFromConfig(b.cfg)
	key, err := keys.CreateKey(t.Context(), &awskms.CreateKeyInput{})
	if err != nil {
		t.Fatal(err)
	}
	b.function(t, "f", func(in *awslambda.CreateFunctionInput) {
		in.KMSKeyArn = key.KeyMetadata.Arn
		in.Environment = &types.Environment{Variables: map[string]string{"GREETING": "under a key"}}
	})
	b.answer(t, "f", `{"do":"shell","text":"echo $GREETING"}`, `"under a key\n"`)
	if _, err := keys.DisableKey(t.Context(), &awskms.DisableKeyInput{KeyId: key.KeyMetadata.KeyId}); err != nil {
		t.Fatal(err)
	}
	got, err := b.GetFunctionConfiguration(t.Context(), &awslambda.GetFunctionConfigurationInput{FunctionName: aws.String("f")})
	if err != nil || got.Environment.Variables != nil || got.Environment.Error == nil {
		t.Errorf("with the key disabled it shows %+v, %v", got.Environment, err)
	}
	b.ask(t, "f", `{"do":"exit"}`) // so that a new environment is needed
	_, err = b.Invoke(t.Context(), &awslambda.InvokeInput{FunctionName: aws.String("f")})
	refused(t, err, 502, "KMSDisabledException", "KMS Exception: DisabledException")
}
