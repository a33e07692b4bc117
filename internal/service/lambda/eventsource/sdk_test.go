package eventsource_test

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	eventtypes "github.com/aws/aws-sdk-go-v2/service/eventbridge/types"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	sqstypes "github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/aws/smithy-go"

	"strongroom/internal/server"
	"strongroom/internal/service/lambda/functiontest"
	"strongroom/internal/strongroomtest"
	"strongroom/internal/waittest"
)

const (
	region  = "eu-central-1"
	account = "111111111111"
)

// TestMain lets all tests run at once: they wait for messages that come again, and batches that fill, in seconds of the real clock.
// What -parallel says on the command line counts all the same.
func TestMain(m *testing.M) {
	_ = flag.Set("test.parallel", "8")
	os.Exit(m.Run())
}

// bench is a server with a function, whose role may do what roles of functions with queues may.
type bench struct {
	*strongroomtest.Server
	functions *lambda.Client
	queues    *sqs.Client
	roles     *iam.Client
	logs      *cloudwatchlogs.Client
	role      string
}

func must[T any](v T, err error) func(testing.TB) T {
	return func(t testing.TB) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func wantError(t *testing.T, err error, code, words string) {
	t.Helper()
	e, ok := errors.AsType[smithy.APIError](err)
	if !ok || e.ErrorCode() != code || !strings.Contains(e.ErrorMessage(), words) {
		t.Errorf("got %v, want %s: %s", err, code, words)
	}
}

const trust = `{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}}`

// usual are the permissions of AWSLambdaSQSQueueExecutionRole.
const usual = `{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Resource": "*", "Action": ["sqs:ReceiveMessage", "sqs:DeleteMessage",
	"sqs:GetQueueAttributes", "logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents"]}}`

func connect(t *testing.T, s *strongroomtest.Server) *bench {
	cfg := s.AWS(t, "member", region)
	return &bench{Server: s, functions: lambda.NewFromConfig(cfg), queues: sqs.NewFromConfig(cfg), roles: iam.NewFromConfig(cfg), logs: cloudwatchlogs.NewFromConfig(cfg)}
}

func newBench(t *testing.T, options ...strongroomtest.Options) *bench {
	t.Helper()
	b := connect(t, strongroomtest.New(t, options...))
	b.role = b.newRole(t, "worker", usual)
	return b
}

func (b *bench) newRole(t *testing.T, name, policy string) string {
	t.Helper()
	made := must(b.roles.CreateRole(t.Context(), &iam.CreateRoleInput{RoleName: &name, AssumeRolePolicyDocument: aws.String(trust)}))(t)
	must(b.roles.PutRolePolicy(t.Context(), &iam.PutRolePolicyInput{RoleName: &name, PolicyName: aws.String("p"), PolicyDocument: &policy}))(t)
	return *made.Role.Arn
}

func (b *bench) function(t *testing.T, name, role string, timeout int32) {
	t.Helper()
	must(b.functions.CreateFunction(t.Context(), &lambda.CreateFunctionInput{
		FunctionName: &name, Role: &role, Runtime: types.RuntimeProvidedal2023, Handler: aws.String("bootstrap"), Timeout: &timeout,
		Code: &types.FunctionCode{ZipFile: functiontest.Zip(t)},
	}))(t)
}

func (b *bench) queue(t *testing.T, name string, attributes map[string]string) (url *string, arn string) {
	t.Helper()
	made := must(b.queues.CreateQueue(t.Context(), &sqs.CreateQueueInput{QueueName: &name, Attributes: attributes}))(t)
	return made.QueueUrl, "arn:aws:sqs:" + region + ":" + account + ":" + name
}

func (b *bench) mapping(t *testing.T, in lambda.CreateEventSourceMappingInput) *string {
	t.Helper()
	out := must(b.functions.CreateEventSourceMapping(t.Context(), &in))(t)
	if *out.State != "Creating" || out.UUID == nil {
		t.Errorf("made, the mapping is %s", *out.State)
	}
	return out.UUID
}

func (b *bench) send(t *testing.T, url *string, bodies ...string) {
	t.Helper()
	for _, body := range bodies {
		in := &sqs.SendMessageInput{QueueUrl: url, MessageBody: &body, MessageAttributes: map[string]sqstypes.MessageAttributeValue{
			"origin": {DataType: aws.String("String"), StringValue: aws.String("test")},
		}}
		if strings.HasSuffix(*url, ".fifo") {
			in.MessageGroupId = aws.String("g")
		}
		must(b.queues.SendMessage(t.Context(), in))(t)
	}
}

// patient is for functions, and longVisible for their queues, where nobody else may get a message while a function has it, however slow
// this machine is.
const (
	patient     = 60
	longVisible = "300"
)

// comeAgain moves the clock so far that the messages which a function did not process can be had again.
func (b *bench) comeAgain(t *testing.T) {
	t.Helper()
	if _, err := b.Admin.Clock(t.Context(), server.ClockMove{Advance: 301 * time.Second, DoNotWait: true}); err != nil {
		t.Fatal(err)
	}
}

// left is how many messages a queue has, whoever has them.
func (b *bench) left(t *testing.T, url *string) string {
	t.Helper()
	names := []sqstypes.QueueAttributeName{"ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"}
	all := must(b.queues.GetQueueAttributes(t.Context(), &sqs.GetQueueAttributesInput{QueueUrl: url, AttributeNames: names}))(t).Attributes
	return all[string(names[0])] + "+" + all[string(names[1])]
}

// record is a message as the function prints it.
type record struct {
	MessageID         string `json:"messageId"`
	Body              string
	Attributes        map[string]string
	MessageAttributes map[string]struct{ StringValue, DataType string }
	EventSource       string
	EventSourceARN    string
	AWSRegion         string
	MD5               string `json:"md5OfBody"`
}

// records are what the function printed of what it got.
func (b *bench) records(t *testing.T, function string) (all []record) {
	t.Helper()
	group := "/aws/lambda/" + function
	pages := cloudwatchlogs.NewFilterLogEventsPaginator(b.logs, &cloudwatchlogs.FilterLogEventsInput{LogGroupName: &group, FilterPattern: aws.String("RECORD")})
	for pages.HasMorePages() {
		page, err := pages.NextPage(t.Context())
		if e, ok := errors.AsType[smithy.APIError](err); ok && e.ErrorCode() == "ResourceNotFoundException" {
			return nil // it did not run yet
		}
		for _, e := range must(page, err)(t).Events {
			var r record
			if err := json.Unmarshal([]byte(strings.TrimPrefix(*e.Message, "RECORD ")), &r); err != nil {
				t.Fatalf("%v: %s", err, *e.Message)
			}
			all = append(all, r)
		}
	}
	return all
}

// recordsOf are those of them that came from a queue.
func (b *bench) recordsOf(t *testing.T, function, arn string) []record {
	t.Helper()
	return slices.DeleteFunc(b.records(t, function), func(r record) bool { return r.EventSourceARN != arn })
}

func bodies(all []record) (texts []string) {
	for _, r := range all {
		texts = append(texts, r.Body)
	}
	return texts
}

func work(i int) string { return fmt.Sprintf(`{"do":"echo","value":%d}`, i) }

func TestAQueueInvokesAFunction(t *testing.T) {
	t.Parallel()
	b, ctx := newBench(t), t.Context()
	b.function(t, "worker", b.role, patient)
	url, arn := b.queue(t, "q", map[string]string{"VisibilityTimeout": longVisible})
	id := b.mapping(t, lambda.CreateEventSourceMappingInput{FunctionName: aws.String("worker"), EventSourceArn: &arn, BatchSize: aws.Int32(5)})
	const n = 12
	for i := range n {
		b.send(t, url, work(i))
	}
	waittest.Until(t, "the queue is empty", func() bool { return b.left(t, url) == "0+0" })
	waittest.Until(t, "all is in the log", func() bool { return len(b.records(t, "worker")) >= n })
	all := b.records(t, "worker")
	seen := map[string]bool{}
	for _, r := range all {
		seen[r.Body] = true
		if r.EventSource != "aws:sqs" || r.EventSourceARN != arn || r.AWSRegion != region || r.Attributes["ApproximateReceiveCount"] != "1" || r.MD5 == "" ||
			r.MessageAttributes["origin"].StringValue != "test" || r.Attributes["SentTimestamp"] == "" {
			t.Errorf("a record is %+v", r)
		}
	}
	if len(all) != n || len(seen) != n {
		t.Errorf("the function got %d messages, %d different ones, not %d", len(all), len(seen), n)
	}
	waittest.Until(t, "the result is told", func() bool {
		out := must(b.functions.GetEventSourceMapping(ctx, &lambda.GetEventSourceMappingInput{UUID: id}))(t)
		return *out.State == "Enabled" && *out.LastProcessingResult == "OK"
	})

	// Switched off it reads nothing, and switched on again what has come since.
	off := must(b.functions.UpdateEventSourceMapping(ctx, &lambda.UpdateEventSourceMappingInput{UUID: id, Enabled: aws.Bool(false)}))(t)
	if *off.State != "Disabling" {
		t.Errorf("being switched off it is %s", *off.State)
	}
	b.send(t, url, work(n))
	got := must(b.queues.ReceiveMessage(ctx, &sqs.ReceiveMessageInput{QueueUrl: url, WaitTimeSeconds: 5}))(t)
	if len(got.Messages) != 1 {
		t.Fatalf("while it is off the queue has %d messages", len(got.Messages))
	}
	must(b.queues.ChangeMessageVisibility(ctx, &sqs.ChangeMessageVisibilityInput{QueueUrl: url, ReceiptHandle: got.Messages[0].ReceiptHandle, VisibilityTimeout: 0}))(t)
	must(b.functions.UpdateEventSourceMapping(ctx, &lambda.UpdateEventSourceMappingInput{UUID: id, Enabled: aws.Bool(true), BatchSize: aws.Int32(1)}))(t)
	waittest.Until(t, "the queue is empty again", func() bool { return b.left(t, url) == "0+0" })

	listed := must(b.functions.ListEventSourceMappings(ctx, &lambda.ListEventSourceMappingsInput{FunctionName: aws.String("worker"), EventSourceArn: &arn}))(t)
	if len(listed.EventSourceMappings) != 1 || *listed.EventSourceMappings[0].BatchSize != 1 {
		t.Errorf("the list: %+v", listed.EventSourceMappings)
	}
	gone := must(b.functions.DeleteEventSourceMapping(ctx, &lambda.DeleteEventSourceMappingInput{UUID: id}))(t)
	if *gone.State != "Deleting" {
		t.Errorf("being deleted it is %s", *gone.State)
	}
	_, err := b.functions.GetEventSourceMapping(ctx, &lambda.GetEventSourceMappingInput{UUID: id})
	wantError(t, err, "ResourceNotFoundException", "does not exist")
}

// What the function says that it could not process comes again, and goes to the dead-letter queue in the end; the others are done
// with. Without such an answer, a failure is one of the whole batch.
func TestSomeOfABatchFail(t *testing.T) {
	t.Parallel()
	b, ctx := newBench(t), t.Context()
	b.function(t, "worker", b.role, patient)
	for name, responses := range map[string][]types.FunctionResponseType{"partial": {types.FunctionResponseTypeReportBatchItemFailures}, "whole": nil} {
		dead, deadARN := b.queue(t, name+"-dead", nil)
		url, arn := b.queue(t, name, map[string]string{"VisibilityTimeout": longVisible, "RedrivePolicy": fmt.Sprintf(`{"deadLetterTargetArn":%q,"maxReceiveCount":2}`, deadARN)})
		b.send(t, url, work(1), `{"do":"fail","text":"poison"}`, work(2))
		id := b.mapping(t, lambda.CreateEventSourceMappingInput{
			FunctionName: aws.String("worker"), EventSourceArn: &arn, BatchSize: aws.Int32(10), FunctionResponseTypes: responses,
		})
		want := map[string]int{"partial": 1, "whole": 3}[name]
		for _, had := range []int{3, 3 + want} { // what the function got, once and again
			waittest.Until(t, fmt.Sprintf("%s: the function has had %d messages", name, had), func() bool { return len(b.recordsOf(t, "worker", arn)) >= had })
			waittest.Until(t, name+": what it has processed is deleted", func() bool { return b.left(t, url) == fmt.Sprintf("0+%d", want) })
			b.comeAgain(t)
		}
		waittest.Until(t, name+": the queue is empty", func() bool { return b.left(t, url) == "0+0" })
		got := must(b.queues.ReceiveMessage(ctx, &sqs.ReceiveMessageInput{QueueUrl: dead, MaxNumberOfMessages: 10, WaitTimeSeconds: 10}))(t)
		if len(got.Messages) != want {
			t.Errorf("%s: %d messages in the dead-letter queue, not %d", name, len(got.Messages), want)
		}
		if had := len(b.recordsOf(t, "worker", arn)); had != 3+want {
			t.Errorf("%s: the function had %d messages, not %d", name, had, 3+want)
		}
		wanted := map[string]string{"partial": "OK", "whole": "PROBLEM: Function call failed"}[name]
		waittest.Until(t, name+": the result is "+wanted, func() bool {
			return *must(b.functions.GetEventSourceMapping(ctx, &lambda.GetEventSourceMappingInput{UUID: id}))(t).LastProcessingResult == wanted
		})
	}
}

func TestFiltersAndOrder(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.function(t, "worker", b.role, patient)
	url, arn := b.queue(t, "q.fifo", map[string]string{"VisibilityTimeout": longVisible, "FifoQueue": "true", "ContentBasedDeduplication": "true"})
	var want []string
	for i := range 20 {
		b.send(t, url, work(i))
		if i >= 3 {
			want = append(want, work(i))
		}
	}
	b.mapping(t, lambda.CreateEventSourceMappingInput{
		FunctionName: aws.String("worker"), EventSourceArn: &arn, BatchSize: aws.Int32(4),
		FilterCriteria: &types.FilterCriteria{Filters: []types.Filter{{Pattern: aws.String(`{"body": {"value": [{"numeric": [">=", 3]}]}}`)}}},
	})
	waittest.Until(t, "the queue is empty", func() bool { return b.left(t, url) == "0+0" })
	waittest.Until(t, "all is in the log", func() bool { return len(b.records(t, "worker")) >= len(want) })
	if got := bodies(b.records(t, "worker")); !slices.Equal(got, want) {
		t.Errorf("the function got %v, not %v", got, want)
	}
}

// While a function may not run its messages wait, and none is lost.
func TestThrottledFunctionsLoseNothing(t *testing.T) {
	t.Parallel()
	b, ctx := newBench(t), t.Context()
	b.function(t, "worker", b.role, patient)
	must(b.functions.PutFunctionConcurrency(ctx, &lambda.PutFunctionConcurrencyInput{FunctionName: aws.String("worker"), ReservedConcurrentExecutions: aws.Int32(0)}))(t)
	dead, deadARN := b.queue(t, "dead", nil)
	url, arn := b.queue(t, "q", map[string]string{"VisibilityTimeout": longVisible, "RedrivePolicy": fmt.Sprintf(`{"deadLetterTargetArn":%q,"maxReceiveCount":1}`, deadARN)})
	b.send(t, url, work(1), work(2), work(3))
	b.mapping(t, lambda.CreateEventSourceMappingInput{FunctionName: aws.String("worker"), EventSourceArn: &arn})
	waittest.Until(t, "the messages are with the mapping", func() bool { return b.left(t, url) == "0+3" })
	must(b.functions.DeleteFunctionConcurrency(ctx, &lambda.DeleteFunctionConcurrencyInput{FunctionName: aws.String("worker")}))(t)
	waittest.Until(t, "the queue is empty", func() bool { return b.left(t, url) == "0+0" })
	if left := b.left(t, dead); left != "0+0" {
		t.Errorf("the dead-letter queue has %s", left)
	}
	waittest.Until(t, "all is in the log", func() bool { return len(b.records(t, "worker")) >= 3 })
}

func TestMappingsThatCanNotBe(t *testing.T) {
	t.Parallel()
	b, ctx := newBench(t), t.Context()
	b.function(t, "worker", b.role, 40)
	poor := strings.ReplaceAll(usual, `"sqs:DeleteMessage",`, "")
	b.function(t, "poor", b.newRole(t, "poor", poor), 3)
	_, arn := b.queue(t, "q", nil) // visible again after 30 seconds
	_, patient := b.queue(t, "patient", map[string]string{"VisibilityTimeout": "60"})
	create := func(function, source string, change func(*lambda.CreateEventSourceMappingInput)) error {
		in := &lambda.CreateEventSourceMappingInput{FunctionName: &function, EventSourceArn: &source}
		if change != nil {
			change(in)
		}
		_, err := b.functions.CreateEventSourceMapping(ctx, in)
		return err
	}
	wantError(t, create("none", patient, nil), "ResourceNotFoundException", "Function not found")
	wantError(t, create("worker", arn, nil), "InvalidParameterValueException", "Queue visibility timeout: 30 seconds is less than Function timeout: 40 seconds")
	wantError(t, create("poor", patient, nil), "InvalidParameterValueException", "The provided execution role does not have permissions to call DeleteMessage on SQS")
	wantError(t, create("worker", patient+"-none", nil), "InvalidParameterValueException", "The specified queue does not exist")
	wantError(t, create("worker", patient, func(in *lambda.CreateEventSourceMappingInput) { in.BatchSize = aws.Int32(100) }), "InvalidParameterValueException", "Maximum batch window in seconds must be greater than 0")
	wantError(t, create("worker", patient, func(in *lambda.CreateEventSourceMappingInput) {
		in.FilterCriteria = &types.FilterCriteria{Filters: []types.Filter{{Pattern: aws.String(`{"body": "x"}`)}}}
	}), "InvalidParameterValueException", "Invalid filter pattern definition.")
	wantError(t, create("worker", patient, func(in *lambda.CreateEventSourceMappingInput) {
		in.ScalingConfig = &types.ScalingConfig{MaximumConcurrency: aws.Int32(1)}
	}), "ValidationException", "maximumConcurrency")
	wantError(t, create("worker", "arn:aws:kinesis:"+region+":"+account+":stream/s", nil), "NotImplemented", "kinesis")
	if err := create("worker", patient, func(in *lambda.CreateEventSourceMappingInput) { in.Enabled = aws.Bool(false) }); err != nil {
		t.Fatal(err)
	}
	wantError(t, create("worker", patient, nil), "ResourceConflictException", "already exists")

	id := must(b.functions.ListEventSourceMappings(ctx, &lambda.ListEventSourceMappingsInput{}))(t).EventSourceMappings[0].UUID
	other := lambda.NewFromConfig(b.AWS(t, "backup", region))
	_, err := other.GetEventSourceMapping(ctx, &lambda.GetEventSourceMappingInput{UUID: id})
	wantError(t, err, "ResourceNotFoundException", "")
	_, err = other.DeleteEventSourceMapping(ctx, &lambda.DeleteEventSourceMappingInput{UUID: id})
	wantError(t, err, "ResourceNotFoundException", "")
}

// A window is no longer than leaves the function its time before the queue delivers the messages again.
func TestAWindowEndsBeforeMessagesComeAgain(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.function(t, "worker", b.role, patient)
	url, arn := b.queue(t, "q", map[string]string{"VisibilityTimeout": "65"}) // which leaves the window five seconds of its sixty
	b.mapping(t, lambda.CreateEventSourceMappingInput{FunctionName: aws.String("worker"), EventSourceArn: &arn, BatchSize: aws.Int32(100), MaximumBatchingWindowInSeconds: aws.Int32(60)})
	b.send(t, url, work(1), work(2))
	waittest.Until(t, "the queue is empty", func() bool { return b.left(t, url) == "0+0" })
	waittest.Until(t, "both are in the log", func() bool { return len(b.records(t, "worker")) >= 2 })
	all := b.records(t, "worker")
	for _, r := range all {
		if r.Attributes["ApproximateReceiveCount"] != "1" {
			t.Errorf("the function got a message that was received %s times", r.Attributes["ApproximateReceiveCount"])
		}
	}
	if len(all) != 2 {
		t.Errorf("the function got %d messages, not 2", len(all))
	}
}

// Who hands a mapping from one function to another must be allowed that for both.
func TestWhoMayHandAMappingOn(t *testing.T) {
	t.Parallel()
	b, ctx := newBench(t), t.Context()
	b.function(t, "mine", b.role, 3)
	b.function(t, "theirs", b.role, 3)
	_, arn := b.queue(t, "q", nil)
	id := b.mapping(t, lambda.CreateEventSourceMappingInput{FunctionName: aws.String("mine"), EventSourceArn: &arn, Enabled: aws.Bool(false)})
	function := "arn:aws:lambda:" + region + ":" + account + ":function:"
	user := must(b.roles.CreateUser(ctx, &iam.CreateUserInput{UserName: aws.String("u")}))(t).User
	allow := func(functions string) {
		must(b.roles.PutUserPolicy(ctx, &iam.PutUserPolicyInput{UserName: user.UserName, PolicyName: aws.String("p"), PolicyDocument: aws.String(
			`{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "lambda:UpdateEventSourceMapping", "Resource": "*", "Condition": {"StringEquals": {"lambda:FunctionArn": ` + functions + `}}}}`)}))(t)
	}
	key := must(b.roles.CreateAccessKey(ctx, &iam.CreateAccessKeyInput{UserName: user.UserName}))(t).AccessKey
	cfg := b.AWS(t, "member", region)
	cfg.Credentials = credentials.NewStaticCredentialsProvider(*key.AccessKeyId, *key.SecretAccessKey, "")
	theirs := lambda.NewFromConfig(cfg)
	allow(`"` + function + `mine"`)
	_, err := theirs.UpdateEventSourceMapping(ctx, &lambda.UpdateEventSourceMappingInput{UUID: id, FunctionName: aws.String("theirs")})
	wantError(t, err, "AccessDeniedException", "lambda:UpdateEventSourceMapping")
	allow(`["` + function + `mine", "` + function + `theirs"]`)
	must(theirs.UpdateEventSourceMapping(ctx, &lambda.UpdateEventSourceMappingInput{UUID: id, FunctionName: aws.String("theirs")}))(t)
}

// A server that is started again goes on with the mappings that it had.
func TestMappingsSurviveARestart(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	b := newBench(t, strongroomtest.Options{Config: server.Config{DataDir: dir}})
	b.function(t, "worker", b.role, patient)
	url, arn := b.queue(t, "q", map[string]string{"VisibilityTimeout": longVisible})
	b.mapping(t, lambda.CreateEventSourceMappingInput{FunctionName: aws.String("worker"), EventSourceArn: &arn})
	b.send(t, url, work(1))
	waittest.Until(t, "the first message is gone", func() bool { return b.left(t, url) == "0+0" })
	if err := b.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	b = connect(t, strongroomtest.New(t, strongroomtest.Options{Config: server.Config{DataDir: dir}}))
	url = must(b.queues.GetQueueUrl(t.Context(), &sqs.GetQueueUrlInput{QueueName: aws.String("q")}))(t).QueueUrl
	b.send(t, url, work(2))
	waittest.Until(t, "the second message is gone", func() bool { return b.left(t, url) == "0+0" })
	waittest.Until(t, "both are in the log", func() bool { return len(b.records(t, "worker")) == 2 })
}

// Rules and topics invoke a function as its policy allows; where it does not, the event goes to the dead-letter queue.
func TestRulesAndTopicsInvokeAFunction(t *testing.T) {
	t.Parallel()
	b, ctx := newBench(t), t.Context()
	b.function(t, "worker", b.role, patient)
	function := "arn:aws:lambda:" + region + ":" + account + ":function:worker"
	cfg := b.AWS(t, "member", region)
	buses, topics := eventbridge.NewFromConfig(cfg), sns.NewFromConfig(cfg)
	letters, lettersARN := b.queue(t, "letters", map[string]string{"Policy": `{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Principal": {"Service": "events.amazonaws.com"},
		"Action": "sqs:SendMessage", "Resource": "*"}}`})
	rule := must(buses.PutRule(ctx, &eventbridge.PutRuleInput{Name: aws.String("r"), EventPattern: aws.String(`{"source": ["my.app"]}`)}))(t).RuleArn
	must(buses.PutTargets(ctx, &eventbridge.PutTargetsInput{Rule: aws.String("r"), Targets: []eventtypes.Target{{
		Id: aws.String("1"), Arn: &function, DeadLetterConfig: &eventtypes.DeadLetterConfig{Arn: &lettersARN},
		InputTransformer: &eventtypes.InputTransformer{InputPathsMap: map[string]string{"v": "$.detail.v"}, InputTemplate: aws.String(`{"do": "print", "text": "RULE <v>"}`)},
	}}}))(t)
	put := func(v int) {
		must(buses.PutEvents(ctx, &eventbridge.PutEventsInput{Entries: []eventtypes.PutEventsRequestEntry{
			{Source: aws.String("my.app"), DetailType: aws.String("d"), Detail: aws.String(fmt.Sprintf(`{"v": "%d"}`, v))},
		}}))(t)
	}
	put(1)
	var dead *sqs.ReceiveMessageOutput
	waittest.Until(t, "the event is in the dead-letter queue", func() bool {
		dead = must(b.queues.ReceiveMessage(ctx, &sqs.ReceiveMessageInput{QueueUrl: letters, WaitTimeSeconds: 1, MessageAttributeNames: []string{"All"}}))(t)
		return len(dead.Messages) > 0
	})
	if len(dead.Messages) != 1 || aws.ToString(dead.Messages[0].MessageAttributes["ERROR_CODE"].StringValue) != "NO_PERMISSIONS" ||
		aws.ToString(dead.Messages[0].MessageAttributes["TARGET_ARN"].StringValue) != function {
		t.Fatalf("without permission: %+v", dead.Messages)
	}
	topic := must(topics.CreateTopic(ctx, &sns.CreateTopicInput{Name: aws.String("t")}))(t).TopicArn
	for principal, source := range map[string]*string{"events.amazonaws.com": rule, "sns.amazonaws.com": topic} {
		must(b.functions.AddPermission(ctx, &lambda.AddPermissionInput{
			FunctionName: aws.String("worker"), StatementId: aws.String(strings.ReplaceAll(principal, ".", "-")), Action: aws.String("lambda:InvokeFunction"), Principal: &principal, SourceArn: source,
		}))(t)
	}
	put(2)
	said := func(pattern string) []string {
		out, err := b.logs.FilterLogEvents(ctx, &cloudwatchlogs.FilterLogEventsInput{LogGroupName: aws.String("/aws/lambda/worker"), FilterPattern: &pattern})
		if err != nil {
			return nil // it did not run yet
		}
		var all []string
		for _, e := range out.Events {
			all = append(all, *e.Message)
		}
		return all
	}
	waittest.Until(t, "the rule's event is in the log", func() bool { return slices.Equal(said("RULE"), []string{"RULE 2"}) })

	sub := must(topics.Subscribe(ctx, &sns.SubscribeInput{TopicArn: topic, Protocol: aws.String("lambda"), Endpoint: &function, ReturnSubscriptionArn: true}))(t).SubscriptionArn
	must(topics.Publish(ctx, &sns.PublishInput{TopicArn: topic, Message: aws.String(work(1)), Subject: aws.String("s")}))(t)
	waittest.Until(t, "the topic's message is in the log", func() bool { return len(said("RECORD")) == 1 })
	var event struct {
		EventSource, EventVersion, EventSubscriptionArn string
		Sns                                             struct {
			Type, TopicArn, Subject, Message, SigningCertUrl, UnsubscribeUrl string
			MessageAttributes                                                map[string]any
		}
	}
	if err := json.Unmarshal([]byte(strings.TrimPrefix(said("RECORD")[0], "RECORD ")), &event); err != nil {
		t.Fatal(err)
	}
	if event.EventSource != "aws:sns" || event.EventVersion != "1.0" || event.EventSubscriptionArn != *sub || event.Sns.Type != "Notification" || event.Sns.TopicArn != *topic ||
		event.Sns.Subject != "s" || event.Sns.Message != work(1) || event.Sns.SigningCertUrl == "" || event.Sns.UnsubscribeUrl == "" || event.Sns.MessageAttributes == nil {
		t.Errorf("the function got %+v", event)
	}
}
