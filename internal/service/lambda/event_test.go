package lambda_test

import (
	"database/sql"
	"encoding/json"
	"errors"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awslambda "github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
	awssqs "github.com/aws/aws-sdk-go-v2/service/sqs"
	sqstypes "github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"strongroom/internal/server"
	"strongroom/internal/strongroomtest"
	"strongroom/internal/waittest"
)

const sending = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["sqs:SendMessage","logs:*"],"Resource":"*"}]}`

func (b *bench) queue(t *testing.T, name string) (url, arn string) {
	t.Helper()
	out, err := awssqs.NewFromConfig(b.cfg).CreateQueue(t.Context(), &awssqs.CreateQueueInput{QueueName: &name})
	if err != nil {
		t.Fatal(err)
	}
	return *out.QueueUrl, "arn:aws:sqs:" + region + ":" + member + ":" + name
}

func (b *bench) received(t *testing.T, url string) *sqstypes.Message {
	t.Helper()
	var m *sqstypes.Message
	waittest.Until(t, "nothing arrived in "+url, func() bool {
		out, err := awssqs.NewFromConfig(b.cfg).ReceiveMessage(t.Context(), &awssqs.ReceiveMessageInput{QueueUrl: &url, MessageAttributeNames: []string{"All"}})
		if err != nil {
			t.Fatal(err)
		}
		if len(out.Messages) > 0 {
			m = &out.Messages[0]
		}
		return m != nil
	})
	return m
}

func (b *bench) event(t *testing.T, name, event string) {
	t.Helper()
	out, err := b.Invoke(t.Context(), &awslambda.InvokeInput{FunctionName: &name, InvocationType: types.InvocationTypeEvent, Payload: []byte(event)})
	if err != nil || out.StatusCode != http.StatusAccepted || len(out.Payload) > 0 {
		t.Fatalf("an event for %s: %+v, %v", name, out, err)
	}
}

func (b *bench) advance(t *testing.T, d time.Duration) {
	t.Helper()
	if _, err := b.Admin.Clock(t.Context(), server.ClockMove{Advance: d, DoNotWait: true}); err != nil {
		t.Fatal(err)
	}
}

// TestEvents: asynchronous invocations are tried again, and what came of them is told.
func TestEvents(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.role = b.newRole(t, "sends", trusted, sending)
	goodURL, good := b.queue(t, "good")
	badURL, bad := b.queue(t, "bad")
	deadURL, dead := b.queue(t, "dead")
	arn := b.function(t, "f", func(in *awslambda.CreateFunctionInput) {
		in.DeadLetterConfig = &types.DeadLetterConfig{TargetArn: &dead}
	})
	if _, err := b.PutFunctionEventInvokeConfig(t.Context(), &awslambda.PutFunctionEventInvokeConfigInput{FunctionName: aws.String("f"), DestinationConfig: &types.DestinationConfig{
		OnSuccess: &types.OnSuccess{Destination: &good}, OnFailure: &types.OnFailure{Destination: &bad},
	}}); err != nil {
		t.Fatal(err)
	}
	type record struct {
		RequestContext struct {
			RequestID, FunctionArn, Condition string
			ApproximateInvokeCount            int
		}
		RequestPayload  json.RawMessage
		ResponseContext struct{ FunctionError string }
		ResponsePayload json.RawMessage
	}
	told := func(url string) (r record) {
		t.Helper()
		if err := json.Unmarshal([]byte(*b.received(t, url).Body), &r); err != nil {
			t.Fatal(err)
		}
		return r
	}
	b.event(t, "f", `{"do":"echo","value":1}`)
	if r := told(goodURL); r.RequestContext.Condition != "Success" || r.RequestContext.FunctionArn != arn+":$LATEST" || r.RequestContext.ApproximateInvokeCount != 1 ||
		string(r.RequestPayload) != `{"do":"echo","value":1}` || string(r.ResponsePayload) != "1" {
		t.Errorf("of success is told %+v", r)
	}
	b.event(t, "f", `{"do":"fail","text":"never"}`)
	for i, pause := range []time.Duration{time.Minute, 2 * time.Minute} {
		waittest.Until(t, "it was not tried", func() bool { return b.attempts(t) == i+1 })
		b.advance(t, pause+time.Second)
	}
	if r := told(badURL); r.RequestContext.Condition != "RetriesExhausted" || r.RequestContext.ApproximateInvokeCount != 3 || r.ResponseContext.FunctionError != "Unhandled" {
		t.Errorf("of failure is told %+v", r)
	}
	m := b.received(t, deadURL)
	if *m.Body != `{"do":"fail","text":"never"}` || *m.MessageAttributes["ErrorMessage"].StringValue != "never" || *m.MessageAttributes["ErrorCode"].StringValue != "200" || m.MessageAttributes["RequestID"].StringValue == nil {
		t.Errorf("the dead-letter queue has %s %+v", *m.Body, m.MessageAttributes)
	}
}

// attempts are those of the one event that waits, as its row has them; -1 if none does.
func (b *bench) attempts(t *testing.T) int {
	t.Helper()
	db, err := sql.Open("sqlite", "file:"+filepath.Join(b.Dir, "state.db")+"?mode=ro")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	n := -1
	if err := db.QueryRowContext(t.Context(), `SELECT attempts FROM function_events`).Scan(&n); err != nil && !errors.Is(err, sql.ErrNoRows) {
		t.Fatal(err)
	}
	return n
}

// TestEventsWait: events outlive the server, wait while the function has no concurrency, and end when they are too old.
func TestEventsWait(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	b := newBench(t, strongroomtest.Options{Config: server.Config{DataDir: dir}})
	b.role = b.newRole(t, "sends", trusted, sending)
	_, good := b.queue(t, "good")
	badURL, bad := b.queue(t, "bad")
	b.function(t, "f")
	if _, err := b.PutFunctionEventInvokeConfig(t.Context(), &awslambda.PutFunctionEventInvokeConfigInput{FunctionName: aws.String("f"), DestinationConfig: &types.DestinationConfig{
		OnSuccess: &types.OnSuccess{Destination: &good}, OnFailure: &types.OnFailure{Destination: &bad},
	}, MaximumEventAgeInSeconds: aws.Int32(3600)}); err != nil {
		t.Fatal(err)
	}
	if _, err := b.PutFunctionConcurrency(t.Context(), &awslambda.PutFunctionConcurrencyInput{FunctionName: aws.String("f"), ReservedConcurrentExecutions: aws.Int32(0)}); err != nil {
		t.Fatal(err)
	}
	_, err := b.Invoke(t.Context(), &awslambda.InvokeInput{FunctionName: aws.String("f")})
	refused(t, err, 429, "TooManyRequestsException", "Rate Exceeded.")
	b.event(t, "f", `{"do":"echo","value":"old"}`)
	waittest.Until(t, "it is not kept", func() bool { return b.attempts(t) == 0 })
	b.advance(t, 2*time.Hour)
	if m := b.received(t, badURL); !json.Valid([]byte(*m.Body)) || !strings.Contains(*m.Body, `"EventAgeExceeded"`) {
		t.Errorf("of the old event is told %s", *m.Body)
	}
	b.event(t, "f", `{"do":"echo","value":"young"}`)
	if err := b.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	again := strongroomtest.New(t, strongroomtest.Options{Config: server.Config{DataDir: dir}})
	cfg := once(again.AWS(t, "member", region))
	b = &bench{Server: again, Client: awslambda.NewFromConfig(cfg), cfg: cfg}
	if _, err := b.DeleteFunctionConcurrency(t.Context(), &awslambda.DeleteFunctionConcurrencyInput{FunctionName: aws.String("f")}); err != nil {
		t.Fatal(err)
	}
	b.advance(t, 10*time.Minute)
	if m := b.received(t, again.Endpoint()+"/"+member+"/good"); !strings.Contains(*m.Body, `"young"`) {
		t.Errorf("after the restart is told %s", *m.Body)
	}
}
