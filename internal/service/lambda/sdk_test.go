package lambda_test

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	awslogs "github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	awsiam "github.com/aws/aws-sdk-go-v2/service/iam"
	awslambda "github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"strongroom/internal/service/lambda/functiontest"
	"strongroom/internal/strongroomtest"
	"strongroom/internal/waittest"
)

const (
	region  = "eu-central-1"
	member  = "111111111111"
	other   = "222222222222"
	trusted = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"lambda.amazonaws.com"},"Action":"sts:AssumeRole"}]}`
	logging = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["logs:CreateLogGroup","logs:CreateLogStream","logs:PutLogEvents"],"Resource":"*"}]}`
)

// bench is a client of a server, in the member account.
type bench struct {
	*strongroomtest.Server
	*awslambda.Client
	cfg  aws.Config
	role string
}

func once(cfg aws.Config) aws.Config {
	cfg.Retryer = func() aws.Retryer { return retry.AddWithMaxAttempts(retry.NewStandard(), 1) }
	return cfg
}

func newBench(t *testing.T, options ...strongroomtest.Options) *bench {
	t.Helper()
	s := strongroomtest.New(t, options...)
	cfg := once(s.AWS(t, "member", region))
	b := &bench{Server: s, Client: awslambda.NewFromConfig(cfg), cfg: cfg}
	b.role = b.newRole(t, "function", trusted, logging)
	return b
}

func (b *bench) newRole(t *testing.T, name, trust, policy string) string {
	t.Helper()
	c := awsiam.NewFromConfig(b.cfg)
	made, err := c.CreateRole(t.Context(), &awsiam.CreateRoleInput{RoleName: &name, AssumeRolePolicyDocument: &trust})
	if err != nil {
		t.Fatalf("making the role %s: %v", name, err)
	}
	if policy != "" {
		if _, err := c.PutRolePolicy(t.Context(), &awsiam.PutRolePolicyInput{RoleName: &name, PolicyName: aws.String("p"), PolicyDocument: &policy}); err != nil {
			t.Fatal(err)
		}
	}
	return *made.Role.Arn
}

func (b *bench) input(t *testing.T, name string, change ...func(*awslambda.CreateFunctionInput)) *awslambda.CreateFunctionInput {
	t.Helper()
	in := &awslambda.CreateFunctionInput{
		FunctionName: &name, Role: &b.role, Runtime: types.RuntimeProvidedal2023, Handler: aws.String("bootstrap"), Code: &types.FunctionCode{ZipFile: functiontest.Zip(t)}, Timeout: aws.Int32(30),
	}
	for _, fn := range change {
		fn(in)
	}
	return in
}

func (b *bench) function(t *testing.T, name string, change ...func(*awslambda.CreateFunctionInput)) string {
	t.Helper()
	out, err := b.CreateFunction(t.Context(), b.input(t, name, change...))
	if err != nil {
		t.Fatalf("making the function %s: %v", name, err)
	}
	return *out.FunctionArn
}

func (b *bench) ask(t *testing.T, name, event string) *awslambda.InvokeOutput {
	t.Helper()
	out, err := b.Invoke(t.Context(), &awslambda.InvokeInput{FunctionName: &name, Payload: []byte(event), LogType: types.LogTypeTail})
	if err != nil {
		t.Fatalf("invoking %s with %s: %v", name, event, err)
	}
	return out
}

func (b *bench) answer(t *testing.T, name, event, want string) {
	t.Helper()
	if out := b.ask(t, name, event); out.FunctionError != nil || string(out.Payload) != want {
		t.Errorf("%s: %.400s (%s), not %s; log %s", event, out.Payload, aws.ToString(out.FunctionError), want, tail(t, out))
	}
}

func tail(t *testing.T, out *awslambda.InvokeOutput) string {
	t.Helper()
	text, err := base64.StdEncoding.DecodeString(aws.ToString(out.LogResult))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// refused wants an error of a code, whose message has the words.
func refused(t *testing.T, err error, status int, code string, words string) {
	t.Helper()
	var e smithy.APIError
	var h *smithyhttp.ResponseError
	if !errors.As(err, &e) || e.ErrorCode() != code || !strings.Contains(e.ErrorMessage(), words) || !errors.As(err, &h) || h.HTTPStatusCode() != status {
		t.Errorf("the error is %v, not %d %s: %s", err, status, code, words)
	}
}

func TestFunction(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	made, err := b.CreateFunction(t.Context(), b.input(t, "hello", func(in *awslambda.CreateFunctionInput) {
		in.Environment = &types.Environment{Variables: map[string]string{"GREETING": "hello"}}
		in.Tags = map[string]string{"team": "a"}
		in.Description = aws.String("says hello")
	}))
	if err != nil {
		t.Fatal(err)
	}
	if *made.FunctionArn != "arn:aws:lambda:"+region+":"+member+":function:hello" || made.State != types.StateActive || *made.Version != "$LATEST" || *made.MemorySize != 128 ||
		made.LastUpdateStatus != types.LastUpdateStatusSuccessful || len(*made.CodeSha256) != 44 || made.Environment.Variables["GREETING"] != "hello" || *made.EphemeralStorage.Size != 512 {
		t.Errorf("it is made as %+v", made)
	}
	b.answer(t, "hello", `{"do":"echo","value":[1,"two"]}`, `[1,"two"]`)
	b.answer(t, *made.FunctionArn, `{"do":"count"}`, "2")
	b.answer(t, member+":function:hello:$LATEST", `{"do":"count"}`, "3")
	out := b.ask(t, "hello", `{"do":"env"}`)
	for _, want := range []string{
		`"GREETING=hello"`, `"AWS_LAMBDA_FUNCTION_NAME=hello"`, `"AWS_REGION=eu-central-1"`, `"AWS_LAMBDA_FUNCTION_MEMORY_SIZE=128"`, `"_HANDLER=bootstrap"`, `"AWS_ACCESS_KEY_ID=ASIA`,
		`"LAMBDA_TASK_ROOT=/var/task"`, `"AWS_LAMBDA_RUNTIME_API=127.0.0.1:9001"`, `"AWS_ENDPOINT_URL=http://127.0.0.1:`, `"AWS_LAMBDA_LOG_GROUP_NAME=/aws/lambda/hello"`,
	} {
		if !strings.Contains(string(out.Payload), want) {
			t.Errorf("its environment lacks %s: %s", want, out.Payload)
		}
	}
	if out.StatusCode != http.StatusOK || *out.ExecutedVersion != "$LATEST" {
		t.Errorf("the answer is %+v", out)
	}
	got, err := b.GetFunction(t.Context(), &awslambda.GetFunctionInput{FunctionName: aws.String("hello")})
	if err != nil || got.Tags["team"] != "a" || *got.Configuration.Description != "says hello" || got.Configuration.Runtime != types.RuntimeProvidedal2023 {
		t.Errorf("it is got as %+v, %v", got, err)
	}
	_, err = b.CreateFunction(t.Context(), b.input(t, "hello"))
	refused(t, err, 409, "ResourceConflictException", "Function already exist: hello")

	updated, err := b.UpdateFunctionConfiguration(t.Context(), &awslambda.UpdateFunctionConfigurationInput{
		FunctionName: aws.String("hello"), MemorySize: aws.Int32(256), Environment: &types.Environment{Variables: map[string]string{"GREETING": "hi"}},
	})
	if err != nil || *updated.MemorySize != 256 || *updated.Timeout != 30 || *updated.RevisionId == *made.RevisionId {
		t.Errorf("it is updated to %+v, %v", updated, err)
	}
	if out := b.ask(t, "hello", `{"do":"env"}`); !strings.Contains(string(out.Payload), `"GREETING=hi"`) || !strings.Contains(string(out.Payload), "MEMORY_SIZE=256") {
		t.Errorf("after the update its environment is %s", out.Payload)
	}
	_, err = b.UpdateFunctionConfiguration(t.Context(), &awslambda.UpdateFunctionConfigurationInput{FunctionName: aws.String("hello"), RevisionId: made.RevisionId})
	refused(t, err, 412, "PreconditionFailedException", "RevisionId")

	other := functiontest.Pack(t, map[string][]byte{"bootstrap": functiontest.Bootstrap(t), "data/more.txt": []byte("more")})
	code, err := b.UpdateFunctionCode(t.Context(), &awslambda.UpdateFunctionCodeInput{FunctionName: aws.String("hello"), ZipFile: other})
	if err != nil || *code.CodeSha256 == *made.CodeSha256 || code.CodeSize != int64(len(other)) {
		t.Errorf("its code is updated to %+v, %v", code, err)
	}
	b.answer(t, "hello", `{"do":"read","text":"/var/task/data/more.txt"}`, `"more"`)

	if _, err := b.DeleteFunction(t.Context(), &awslambda.DeleteFunctionInput{FunctionName: aws.String("hello")}); err != nil {
		t.Fatal(err)
	}
	_, err = b.Invoke(t.Context(), &awslambda.InvokeInput{FunctionName: aws.String("hello")})
	refused(t, err, 404, "ResourceNotFoundException", "Function not found: arn:aws:lambda:eu-central-1:111111111111:function:hello")
}

// TestErrors: a function that fails is told apart from a call that is refused.
func TestErrors(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.function(t, "f")
	out := b.ask(t, "f", `{"do":"fail","text":"no luck"}`)
	if aws.ToString(out.FunctionError) != "Unhandled" || out.StatusCode != http.StatusOK || !strings.Contains(string(out.Payload), `"errorMessage":"no luck"`) {
		t.Errorf("the answer is %+v %s", out, out.Payload)
	}
	out = b.ask(t, "f", `{"do":"exit","size":7}`)
	if aws.ToString(out.FunctionError) != "Unhandled" || !strings.Contains(string(out.Payload), `Runtime exited with error: exit status 7`) {
		t.Errorf("the answer is %s", out.Payload)
	}
	b.answer(t, "f", `{"do":"count"}`, "1") // another environment
	b.function(t, "bare", func(in *awslambda.CreateFunctionInput) {
		in.Code = &types.FunctionCode{ZipFile: functiontest.Pack(t, map[string][]byte{"readme": nil})}
	})
	out = b.ask(t, "bare", `{}`)
	if !strings.Contains(string(out.Payload), "Runtime.InvalidEntrypoint") || !strings.Contains(tail(t, out), "Couldn't find valid bootstrap(s)") {
		t.Errorf("the answer is %s, the log %s", out.Payload, tail(t, out))
	}
	_, err := b.Invoke(t.Context(), &awslambda.InvokeInput{FunctionName: aws.String("f"), Payload: []byte("{")})
	refused(t, err, 400, "InvalidRequestContentException", "Could not parse request body into json")
	_, err = b.Invoke(t.Context(), &awslambda.InvokeInput{FunctionName: aws.String("f"), InvocationType: types.InvocationTypeEvent, Payload: []byte(`"` + strings.Repeat("x", 1<<20) + `"`)})
	refused(t, err, 413, "RequestTooLargeException", "payload is too large for the Event invocation type")
	dry, err := b.Invoke(t.Context(), &awslambda.InvokeInput{FunctionName: aws.String("f"), InvocationType: types.InvocationTypeDryRun})
	if err != nil || dry.StatusCode != http.StatusNoContent {
		t.Errorf("a dry run is %+v, %v", dry, err)
	}
	large := `{"do":"size","size":5000000}`
	if out := b.ask(t, "f", large); len(out.Payload) != 5000002 {
		t.Errorf("a large answer has %d bytes", len(out.Payload))
	}
}

// TestCreateRefusals: what cannot be, and what the house does not have, is told.
func TestCreateRefusals(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	untrusted := b.newRole(t, "untrusted", strings.ReplaceAll(trusted, "lambda.", "ec2."), "")
	for name, c := range map[string]struct {
		change func(*awslambda.CreateFunctionInput)
		status int
		code   string
		words  string
	}{
		"a role that does not trust Lambda": {func(in *awslambda.CreateFunctionInput) { in.Role = &untrusted }, 400, "InvalidParameterValueException", "The role defined for the function cannot be assumed by Lambda."},
		"a role that is not there":          {func(in *awslambda.CreateFunctionInput) { in.Role = aws.String("arn:aws:iam::" + member + ":role/none") }, 400, "InvalidParameterValueException", "The role defined for the function cannot be assumed by Lambda."},
		"a role of another account":         {func(in *awslambda.CreateFunctionInput) { in.Role = aws.String("arn:aws:iam::" + other + ":role/r") }, 403, "AccessDeniedException", "Cross-account pass role is not allowed."},
		"no zip":                            {func(in *awslambda.CreateFunctionInput) { in.Code = &types.FunctionCode{ZipFile: []byte("text")} }, 400, "InvalidParameterValueException", "Could not unzip uploaded file"},
		"no code":                           {func(in *awslambda.CreateFunctionInput) { in.Code = &types.FunctionCode{} }, 400, "InvalidParameterValueException", "Please provide a source for function code."},
		"a name that leads elsewhere": {func(in *awslambda.CreateFunctionInput) {
			in.Code = &types.FunctionCode{ZipFile: functiontest.Pack(t, map[string][]byte{"../bootstrap": nil})}
		}, 400, "InvalidParameterValueException", "Could not unzip uploaded file"},
		"another runtime":   {func(in *awslambda.CreateFunctionInput) { in.Runtime = types.RuntimePython312 }, 501, "NotImplemented", "the runtime python3.12"},
		"no runtime at all": {func(in *awslambda.CreateFunctionInput) { in.Runtime = "cobol" }, 400, "ValidationException", "Value 'cobol' at 'runtime' failed to satisfy constraint"},
		"an image":          {func(in *awslambda.CreateFunctionInput) { in.PackageType = types.PackageTypeImage }, 501, "NotImplemented", "container images"},
		"a layer": {func(in *awslambda.CreateFunctionInput) {
			in.Layers = []string{"arn:aws:lambda:eu-central-1:111111111111:layer:l:1"}
		}, 501, "NotImplemented", "layers"},
		"a reserved variable": {func(in *awslambda.CreateFunctionInput) {
			in.Environment = &types.Environment{Variables: map[string]string{"AWS_REGION": "x"}}
		}, 400, "InvalidParameterValueException", "Reserved keys used in this request: AWS_REGION"},
		"too many variables": {func(in *awslambda.CreateFunctionInput) {
			in.Environment = &types.Environment{Variables: map[string]string{"LONG": strings.Repeat("x", 5000)}}
		}, 400, "InvalidParameterValueException", "exceeded the 4KB limit"},
		"too little memory": {func(in *awslambda.CreateFunctionInput) { in.MemorySize = aws.Int32(64) }, 400, "ValidationException", "memorySize"},
		"too much time":     {func(in *awslambda.CreateFunctionInput) { in.Timeout = aws.Int32(901) }, 400, "InvalidParameterValueException", "900"},
		"an object that is not there": {func(in *awslambda.CreateFunctionInput) {
			in.Code = &types.FunctionCode{S3Bucket: aws.String("none-such"), S3Key: aws.String("k")}
		}, 400, "InvalidParameterValueException", "Error occurred while GetObject. S3 Error Code: NoSuchBucket."},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := b.CreateFunction(t.Context(), b.input(t, "refused", c.change))
			refused(t, err, c.status, c.code, c.words)
		})
	}
	t.Cleanup(func() {
		if _, err := b.GetFunction(t.Context(), &awslambda.GetFunctionInput{FunctionName: aws.String("refused")}); err == nil {
			t.Error("one was made")
		}
	})
}

// TestLogs: what a function prints stands between the service's own lines, in its group, and at the end of the answer.
func TestLogs(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.function(t, "talks")
	out := b.ask(t, "talks", `{"do":"print","text":"one\ntwo"}`)
	text := tail(t, out)
	lines := strings.Split(strings.TrimSpace(text), "\n")
	if len(lines) != 5 || !strings.HasPrefix(lines[0], "START RequestId: ") || !strings.HasSuffix(lines[0], " Version: $LATEST") || lines[1] != "one" || lines[2] != "two" ||
		!strings.HasPrefix(lines[3], "END RequestId: ") || !strings.HasPrefix(lines[4], "REPORT RequestId: ") || !strings.Contains(lines[4], "Init Duration: ") {
		t.Errorf("the tail is %q", lines)
	}
	logs := awslogs.NewFromConfig(b.cfg)
	var found []string
	waittest.Until(t, "the log was not written", func() bool {
		events, err := logs.FilterLogEvents(t.Context(), &awslogs.FilterLogEventsInput{LogGroupName: aws.String("/aws/lambda/talks")})
		if err != nil {
			return false
		}
		found = nil
		for _, e := range events.Events {
			found = append(found, *e.Message)
		}
		return len(found) == len(lines)
	})
	if strings.Join(found, "\n") != strings.Join(lines, "\n") {
		t.Errorf("the log is %q, the tail %q", found, lines)
	}
	silent := b.newRole(t, "silent", trusted, "")
	b.function(t, "silent", func(in *awslambda.CreateFunctionInput) { in.Role = &silent })
	if out := b.ask(t, "silent", `{"do":"print","text":"one"}`); !strings.Contains(tail(t, out), "one") {
		t.Errorf("without leave to log the tail is %q", tail(t, out))
	}
	b.answer(t, "talks", `{"do":"print","text":"three"}`, "null")
	groups, err := logs.DescribeLogGroups(t.Context(), &awslogs.DescribeLogGroupsInput{LogGroupNamePrefix: aws.String("/aws/lambda/silent")})
	if err != nil || len(groups.LogGroups) != 0 {
		t.Errorf("without leave to log there is %+v, %v", groups, err)
	}
}

// TestOff: a server runs no functions unless it was told to.
func TestOff(t *testing.T) {
	t.Parallel()
	s := strongroomtest.New(t, strongroomtest.Options{Standalone: true})
	cfg := once(s.AWS(t, "member", region))
	b := &bench{Server: s, Client: awslambda.NewFromConfig(cfg), cfg: cfg}
	b.role = b.newRole(t, "function", trusted, logging)
	_, err := b.CreateFunction(t.Context(), b.input(t, "f"))
	refused(t, err, 501, "NotImplemented", "functions.enabled")
}

// TestForeignAccount: another account's functions are not found, and not invoked, without leave.
func TestForeignAccount(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	arn := b.function(t, "mine")
	foreign := awslambda.NewFromConfig(once(b.AWS(t, "backup", region)))
	_, err := foreign.Invoke(t.Context(), &awslambda.InvokeInput{FunctionName: &arn})
	refused(t, err, 403, "AccessDeniedException", "not authorized to perform: lambda:InvokeFunction")
	_, err = foreign.GetFunction(t.Context(), &awslambda.GetFunctionInput{FunctionName: &arn})
	refused(t, err, 403, "AccessDeniedException", "not authorized to perform: lambda:GetFunction")
	added, err := b.AddPermission(t.Context(), &awslambda.AddPermissionInput{
		FunctionName: aws.String("mine"), StatementId: aws.String("them"), Action: aws.String("lambda:InvokeFunction"), Principal: aws.String(other),
	})
	if err != nil {
		t.Fatal(err)
	}
	var statement map[string]any
	if err := json.Unmarshal([]byte(*added.Statement), &statement); err != nil || statement["Sid"] != "them" || statement["Resource"] != arn {
		t.Errorf("the statement is %s", *added.Statement)
	}
	if out, err := foreign.Invoke(t.Context(), &awslambda.InvokeInput{FunctionName: &arn, Payload: []byte(`{"do":"count"}`)}); err != nil || string(out.Payload) != "1" {
		t.Errorf("with leave it answers %+v, %v", out, err)
	}
	// Who may change a function of another account gives it no role of the own one.
	if _, err := b.AddPermission(t.Context(), &awslambda.AddPermissionInput{
		FunctionName: aws.String("mine"), StatementId: aws.String("change"), Action: aws.String("lambda:UpdateFunctionConfiguration"), Principal: aws.String(other),
	}); err != nil {
		t.Fatal(err)
	}
	_, err = foreign.UpdateFunctionConfiguration(t.Context(), &awslambda.UpdateFunctionConfigurationInput{FunctionName: &arn, Role: aws.String("arn:aws:iam::" + other + ":role/r")})
	refused(t, err, 403, "AccessDeniedException", "Cross-account pass role is not allowed.")
	for _, id := range []string{"them", "change"} {
		if _, err := b.RemovePermission(t.Context(), &awslambda.RemovePermissionInput{FunctionName: aws.String("mine"), StatementId: &id}); err != nil {
			t.Fatal(err)
		}
	}
	_, err = foreign.Invoke(t.Context(), &awslambda.InvokeInput{FunctionName: &arn})
	refused(t, err, 403, "AccessDeniedException", "lambda:InvokeFunction")
	_, err = b.GetPolicy(t.Context(), &awslambda.GetPolicyInput{FunctionName: aws.String("mine")})
	refused(t, err, 404, "ResourceNotFoundException", "The resource you requested does not exist.")
}
