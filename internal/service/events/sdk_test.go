package events_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsevents "github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge/types"
	awssns "github.com/aws/aws-sdk-go-v2/service/sns"
	awssqs "github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/smithy-go"

	"strongroom/internal/server"
	"strongroom/internal/strongroomtest"
)

const (
	region  = "eu-central-1"
	account = server.MemberAccount
)

type bench struct {
	*strongroomtest.Server
	events *awsevents.Client
	queues *awssqs.Client
	topics *awssns.Client
}

func newBench(t *testing.T) *bench {
	t.Helper()
	s := strongroomtest.New(t)
	cfg := s.AWS(t, "member", region)
	return &bench{s, awsevents.NewFromConfig(cfg), awssqs.NewFromConfig(cfg), awssns.NewFromConfig(cfg)}
}

func must[T any](v T, err error) func(*testing.T) T {
	return func(t *testing.T) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func wantCode(t *testing.T, err error, code string) {
	t.Helper()
	if e, ok := errors.AsType[smithy.APIError](err); !ok || e.ErrorCode() != code {
		t.Errorf("got %v, want %s", err, code)
	}
}

// queue makes a queue that a service may send to.
func (b *bench) queue(t *testing.T, name, service string) (url *string, arn string) {
	t.Helper()
	arn = "arn:aws:sqs:" + region + ":" + account + ":" + name
	policy := fmt.Sprintf(`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":{"Service":%q},"Action":"sqs:SendMessage","Resource":%q,"Condition":{"StringEquals":{"aws:SourceAccount":%q},"ArnLike":{"aws:SourceArn":"arn:aws:*:%s:%s:*"}}}}`, service, arn, account, region, account)
	made := must(b.queues.CreateQueue(t.Context(), &awssqs.CreateQueueInput{QueueName: &name, Attributes: map[string]string{"Policy": policy}}))(t)
	return made.QueueUrl, arn
}

func (b *bench) receive(t *testing.T, url *string) string {
	t.Helper()
	got := strongroomtest.Receive(t, b.queues, &awssqs.ReceiveMessageInput{QueueUrl: url, MessageAttributeNames: []string{"All"}})
	must(b.queues.DeleteMessage(t.Context(), &awssqs.DeleteMessageInput{QueueUrl: url, ReceiptHandle: got[0].ReceiptHandle}))(t)
	return *got[0].Body
}

func (b *bench) put(t *testing.T, bus *string, detail string) {
	t.Helper()
	out := must(b.events.PutEvents(t.Context(), &awsevents.PutEventsInput{Entries: []types.PutEventsRequestEntry{
		{EventBusName: bus, Source: aws.String("my.app"), DetailType: aws.String("Order"), Detail: &detail},
	}}))(t)
	if out.FailedEntryCount != 0 {
		t.Fatalf("put: %s", *out.Entries[0].ErrorMessage)
	}
}

func TestEventsReachTargets(t *testing.T) {
	t.Parallel()
	b, ctx := newBench(t), t.Context()
	url, arn := b.queue(t, "q", "events.amazonaws.com")
	rule := must(b.events.PutRule(ctx, &awsevents.PutRuleInput{Name: aws.String("orders"), EventPattern: aws.String(`{"source":["my.app"],"detail":{"n":[{"numeric":[">",1]}]}}`)}))(t)
	must(b.events.PutTargets(ctx, &awsevents.PutTargetsInput{Rule: aws.String("orders"), Targets: []types.Target{{Id: aws.String("1"), Arn: &arn}}}))(t)
	b.put(t, nil, `{"n":1}`)
	b.put(t, nil, `{"n":2}`)
	var event map[string]any
	if err := json.Unmarshal([]byte(b.receive(t, url)), &event); err != nil {
		t.Fatal(err)
	}
	if event["account"] != account || event["detail"].(map[string]any)["n"] != 2.0 {
		t.Errorf("received %v", event)
	}
	must(b.events.PutTargets(ctx, &awsevents.PutTargetsInput{Rule: aws.String("orders"), Targets: []types.Target{{Id: aws.String("1"), Arn: &arn, InputTransformer: &types.InputTransformer{
		InputPathsMap: map[string]string{"n": "$.detail.n", "s": "$.source"}, InputTemplate: aws.String(`{"text": "<s> has <n>", "n": <n>, "rule": <aws.events.rule-arn>}`),
	}}}}))(t)
	b.put(t, nil, `{"n":3}`)
	if got, want := b.receive(t, url), `{"text": "my.app has 3", "n": 3, "rule": "`+*rule.RuleArn+`"}`; got != want {
		t.Errorf("received %s, want %s", got, want)
	}

	// What a target does not admit goes to the dead-letter queue.
	closed := must(b.queues.CreateQueue(ctx, &awssqs.CreateQueueInput{QueueName: aws.String("closed")}))(t)
	closedARN := "arn:aws:sqs:" + region + ":" + account + ":closed"
	must(b.events.PutTargets(ctx, &awsevents.PutTargetsInput{Rule: aws.String("orders"), Targets: []types.Target{{Id: aws.String("1"), Arn: &closedARN, DeadLetterConfig: &types.DeadLetterConfig{Arn: &arn}}}}))(t)
	b.put(t, nil, `{"n":4}`)
	b.receive(t, url)
	if left := must(b.queues.ReceiveMessage(ctx, &awssqs.ReceiveMessageInput{QueueUrl: closed.QueueUrl}))(t); len(left.Messages) > 0 {
		t.Error("the closed queue has it")
	}

	entries := must(b.events.PutEvents(ctx, &awsevents.PutEventsInput{Entries: []types.PutEventsRequestEntry{
		{Source: aws.String("aws.s3"), DetailType: aws.String("x"), Detail: aws.String("{}")}, {Source: aws.String("a"), DetailType: aws.String("x"), Detail: aws.String("[]")},
	}}))(t)
	if entries.FailedEntryCount != 2 || *entries.Entries[0].ErrorCode != "NotAuthorizedForSourceException" || *entries.Entries[1].ErrorCode != "MalformedDetail" {
		t.Errorf("bad entries: %+v", entries)
	}
}

func TestSchedules(t *testing.T) {
	t.Parallel()
	b, ctx := newBench(t), t.Context()
	url, arn := b.queue(t, "q", "events.amazonaws.com")
	must(b.events.PutRule(ctx, &awsevents.PutRuleInput{Name: aws.String("hourly"), ScheduleExpression: aws.String("rate(1 hour)")}))(t)
	must(b.events.PutTargets(ctx, &awsevents.PutTargetsInput{Rule: aws.String("hourly"), Targets: []types.Target{{Id: aws.String("1"), Arn: &arn, Input: aws.String(`"tick"`)}}}))(t)
	if _, err := b.Admin.Clock(ctx, server.ClockMove{Advance: 61 * time.Minute}); err != nil {
		t.Fatal(err)
	}
	if got := b.receive(t, url); got != `"tick"` {
		t.Errorf("received %s", got)
	}
	for _, schedule := range []string{"rate(1 minute)", "cron(0/1 * ? * * *)"} { // the shortest
		must(b.events.PutRule(ctx, &awsevents.PutRuleInput{Name: aws.String("hourly"), ScheduleExpression: &schedule}))(t)
		if _, err := b.Admin.Clock(ctx, server.ClockMove{Advance: 61 * time.Second}); err != nil {
			t.Fatal(err)
		}
		if got := b.receive(t, url); got != `"tick"` {
			t.Errorf("%s: received %s", schedule, got)
		}
	}
	for _, bad := range []string{"now and then", "rate(0 minutes)", "rate(1 minutes)", "rate(30 seconds)", "cron(60 * ? * * *)"} {
		_, err := b.events.PutRule(ctx, &awsevents.PutRuleInput{Name: aws.String("bad"), ScheduleExpression: &bad})
		wantCode(t, err, "ValidationException")
	}
}

func TestRulesAndBuses(t *testing.T) {
	t.Parallel()
	b, ctx := newBench(t), t.Context()
	url, arn := b.queue(t, "q", "events.amazonaws.com")
	bus := must(b.events.CreateEventBus(ctx, &awsevents.CreateEventBusInput{Name: aws.String("mine")}))(t)
	_, err := b.events.CreateEventBus(ctx, &awsevents.CreateEventBusInput{Name: aws.String("mine")})
	wantCode(t, err, "ResourceAlreadyExistsException")
	name := aws.String("r")
	rule := must(b.events.PutRule(ctx, &awsevents.PutRuleInput{Name: name, EventBusName: aws.String("mine"), EventPattern: aws.String(`{"source":["my.app"]}`)}))(t)
	must(b.events.PutTargets(ctx, &awsevents.PutTargetsInput{Rule: name, EventBusName: aws.String("mine"), Targets: []types.Target{{Id: aws.String("1"), Arn: &arn}}}))(t)
	// From the default bus to the other, as the account itself.
	must(b.events.PutRule(ctx, &awsevents.PutRuleInput{Name: name, EventPattern: aws.String(`{"source":["my.app"]}`)}))(t)
	must(b.events.PutTargets(ctx, &awsevents.PutTargetsInput{Rule: name, Targets: []types.Target{{Id: aws.String("bus"), Arn: bus.EventBusArn}}}))(t)
	b.put(t, nil, `{"way":"two buses"}`)
	b.receive(t, url)

	must(b.events.DisableRule(ctx, &awsevents.DisableRuleInput{Name: name, EventBusName: aws.String("mine")}))(t)
	if r := must(b.events.DescribeRule(ctx, &awsevents.DescribeRuleInput{Name: name, EventBusName: aws.String("mine")}))(t); r.State != types.RuleStateDisabled {
		t.Errorf("it is %s", r.State)
	}
	must(b.events.EnableRule(ctx, &awsevents.EnableRuleInput{Name: name, EventBusName: aws.String("mine")}))(t)
	if r := must(b.events.ListRules(ctx, &awsevents.ListRulesInput{EventBusName: aws.String("mine")}))(t); len(r.Rules) != 1 {
		t.Errorf("%d rules", len(r.Rules))
	}
	if r := must(b.events.ListRuleNamesByTarget(ctx, &awsevents.ListRuleNamesByTargetInput{TargetArn: &arn, EventBusName: aws.String("mine")}))(t); len(r.RuleNames) != 1 {
		t.Errorf("rules by target: %v", r.RuleNames)
	}
	if r := must(b.events.ListTargetsByRule(ctx, &awsevents.ListTargetsByRuleInput{Rule: name, EventBusName: aws.String("mine")}))(t); len(r.Targets) != 1 || *r.Targets[0].Arn != arn {
		t.Errorf("targets: %v", r.Targets)
	}
	_, err = b.events.DeleteRule(ctx, &awsevents.DeleteRuleInput{Name: name, EventBusName: aws.String("mine")})
	wantCode(t, err, "ValidationException")
	must(b.events.TagResource(ctx, &awsevents.TagResourceInput{ResourceARN: rule.RuleArn, Tags: []types.Tag{{Key: aws.String("a"), Value: aws.String("1")}, {Key: aws.String("b"), Value: aws.String("2")}}}))(t)
	must(b.events.UntagResource(ctx, &awsevents.UntagResourceInput{ResourceARN: rule.RuleArn, TagKeys: []string{"a"}}))(t)
	if tags := must(b.events.ListTagsForResource(ctx, &awsevents.ListTagsForResourceInput{ResourceARN: rule.RuleArn}))(t); len(tags.Tags) != 1 || *tags.Tags[0].Key != "b" {
		t.Errorf("tags: %v", tags.Tags)
	}
	must(b.events.RemoveTargets(ctx, &awsevents.RemoveTargetsInput{Rule: name, EventBusName: aws.String("mine"), Ids: []string{"1"}}))(t)
	must(b.events.DeleteRule(ctx, &awsevents.DeleteRuleInput{Name: name, EventBusName: aws.String("mine")}))(t)
	_, err = b.events.DescribeRule(ctx, &awsevents.DescribeRuleInput{Name: name, EventBusName: aws.String("mine")})
	wantCode(t, err, "ResourceNotFoundException")
	_, err = b.events.PutRule(ctx, &awsevents.PutRuleInput{Name: name, EventPattern: aws.String(`{"source":"x"}`)})
	wantCode(t, err, "InvalidEventPatternException")

	// Another account is let in by the bus's policy.
	other := awsevents.NewFromConfig(b.AWS(t, "backup", region))
	entry := &awsevents.PutEventsInput{Entries: []types.PutEventsRequestEntry{{EventBusName: bus.EventBusArn, Source: aws.String("x"), DetailType: aws.String("y"), Detail: aws.String("{}")}}}
	_, err = other.PutEvents(ctx, entry)
	wantCode(t, err, "AccessDeniedException")
	must(b.events.PutPermission(ctx, &awsevents.PutPermissionInput{EventBusName: aws.String("mine"), StatementId: aws.String("in"), Principal: aws.String(server.BackupAccount), Action: aws.String("events:PutEvents")}))(t)
	must(other.PutEvents(ctx, entry))(t)
	must(b.events.RemovePermission(ctx, &awsevents.RemovePermissionInput{EventBusName: aws.String("mine"), StatementId: aws.String("in")}))(t)
	_, err = other.PutEvents(ctx, entry)
	wantCode(t, err, "AccessDeniedException")

	must(b.events.UpdateEventBus(ctx, &awsevents.UpdateEventBusInput{Name: aws.String("mine"), Description: aws.String("ours")}))(t)
	if d := must(b.events.DescribeEventBus(ctx, &awsevents.DescribeEventBusInput{Name: aws.String("mine")}))(t); aws.ToString(d.Description) != "ours" {
		t.Errorf("the bus: %+v", d)
	}
	if l := must(b.events.ListEventBuses(ctx, &awsevents.ListEventBusesInput{}))(t); len(l.EventBuses) != 2 {
		t.Errorf("%d buses", len(l.EventBuses))
	}
	must(b.events.DeleteEventBus(ctx, &awsevents.DeleteEventBusInput{Name: aws.String("mine")}))(t)
	_, err = b.events.DeleteEventBus(ctx, &awsevents.DeleteEventBusInput{Name: aws.String("default")})
	wantCode(t, err, "ValidationException")
	test := must(b.events.TestEventPattern(ctx, &awsevents.TestEventPatternInput{EventPattern: aws.String(`{"source":["a"]}`), Event: aws.String(`{"id":"1","account":"1","source":"a","time":"2026-01-01T00:00:00Z","region":"r","resources":[],"detail-type":"d"}`)}))(t)
	if !test.Result {
		t.Error("it does not match")
	}
}
