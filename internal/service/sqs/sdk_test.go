package sqs_test

import (
	"crypto/md5"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awskms "github.com/aws/aws-sdk-go-v2/service/kms"
	awssqs "github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/aws/smithy-go"
	"github.com/google/go-cmp/cmp"

	"strongroom/internal/server"
	"strongroom/internal/strongroomtest"
)

const region = "eu-central-1"

// bench is a client of a server, and the queues that a test makes with it.
type bench struct {
	*strongroomtest.Server
	*awssqs.Client
}

func newBench(t *testing.T) *bench {
	t.Helper()
	s := strongroomtest.New(t)
	return &bench{s, awssqs.NewFromConfig(s.AWS(t, "member", region))}
}

func (b *bench) queue(t *testing.T, name string, attributes map[string]string) (url *string, arn string) {
	t.Helper()
	made, err := b.CreateQueue(t.Context(), &awssqs.CreateQueueInput{QueueName: &name, Attributes: attributes})
	if err != nil {
		t.Fatalf("making %s: %v", name, err)
	}
	return made.QueueUrl, b.attribute(t, made.QueueUrl, types.QueueAttributeNameQueueArn)
}

func (b *bench) attribute(t *testing.T, url *string, name types.QueueAttributeName) string {
	t.Helper()
	out, err := b.GetQueueAttributes(t.Context(), &awssqs.GetQueueAttributesInput{QueueUrl: url, AttributeNames: []types.QueueAttributeName{name}})
	if err != nil {
		t.Fatalf("reading %s: %v", name, err)
	}
	return out.Attributes[string(name)]
}

func (b *bench) send(t *testing.T, url *string, body string) {
	t.Helper()
	if _, err := b.SendMessage(t.Context(), &awssqs.SendMessageInput{QueueUrl: url, MessageBody: &body}); err != nil {
		t.Fatalf("sending %q: %v", body, err)
	}
}

func (b *bench) receive(t *testing.T, url *string, most int32) []types.Message {
	t.Helper()
	out, err := b.ReceiveMessage(t.Context(), &awssqs.ReceiveMessageInput{
		QueueUrl: url, MaxNumberOfMessages: most, MessageSystemAttributeNames: []types.MessageSystemAttributeName{"All"}, MessageAttributeNames: []string{"All"},
	})
	if err != nil {
		t.Fatalf("receiving: %v", err)
	}
	return out.Messages
}

func (b *bench) advance(t *testing.T, d time.Duration) {
	t.Helper()
	if _, err := b.Admin.Clock(t.Context(), server.ClockMove{Advance: d, DoNotWait: true}); err != nil {
		t.Fatalf("moving the clock: %v", err)
	}
}

func bodies(messages []types.Message) (all []string) {
	for _, m := range messages {
		all = append(all, *m.Body)
	}
	return all
}

func wantBodies(t *testing.T, got []types.Message, want ...string) {
	t.Helper()
	if diff := cmp.Diff(want, bodies(got)); diff != "" {
		t.Fatalf("received (-want +got):\n%s", diff)
	}
}

func wantCode(t *testing.T, err error, code string) {
	t.Helper()
	e, ok := errors.AsType[smithy.APIError](err)
	if !ok || e.ErrorCode() != code {
		t.Errorf("got %v, want %s", err, code)
	}
}

func TestQueues(t *testing.T) {
	t.Parallel()
	b, ctx := newBench(t), t.Context()
	url, arn := b.queue(t, "plain", map[string]string{"DelaySeconds": "5"})
	if arn != "arn:aws:sqs:"+region+":111111111111:plain" {
		t.Errorf("its ARN is %s", arn)
	}
	if again, _ := b.queue(t, "plain", map[string]string{"DelaySeconds": "5"}); *again != *url {
		t.Errorf("made again it has the URL %s, not %s", *again, *url)
	}
	_, err := b.CreateQueue(ctx, &awssqs.CreateQueueInput{QueueName: aws.String("plain"), Attributes: map[string]string{"DelaySeconds": "6"}})
	if _, is := errors.AsType[*types.QueueNameExists](err); !is {
		t.Errorf("making it with another delay: %v", err)
	}
	found, err := b.GetQueueUrl(ctx, &awssqs.GetQueueUrlInput{QueueName: aws.String("plain")})
	if err != nil || *found.QueueUrl != *url {
		t.Errorf("its URL by name: %v, %v", found, err)
	}
	_, err = b.GetQueueUrl(ctx, &awssqs.GetQueueUrlInput{QueueName: aws.String("none")})
	if _, is := errors.AsType[*types.QueueDoesNotExist](err); !is {
		t.Errorf("the URL of no queue: %v", err)
	}
	wantCode(t, err, "AWS.SimpleQueueService.NonExistentQueue")

	for name, value := range map[string]string{
		"DelaySeconds": "901", "VisibilityTimeout": "-1", "MessageRetentionPeriod": "59", "MaximumMessageSize": "big",
		"SqsManagedSseEnabled": "yes", "Policy": "{}", "ReceiveMessageWaitTimeSeconds": "21",
	} {
		_, err := b.SetQueueAttributes(ctx, &awssqs.SetQueueAttributesInput{QueueUrl: url, Attributes: map[string]string{name: value}})
		wantCode(t, err, "InvalidAttributeValue")
	}
	for _, name := range []string{"Colour", "FifoQueue", "QueueArn", "ContentBasedDeduplication"} {
		_, err := b.SetQueueAttributes(ctx, &awssqs.SetQueueAttributesInput{QueueUrl: url, Attributes: map[string]string{name: "true"}})
		wantCode(t, err, "InvalidAttributeName")
	}
	_, err = b.CreateQueue(ctx, &awssqs.CreateQueueInput{QueueName: aws.String("a b")})
	wantCode(t, err, "InvalidParameterValue")
	_, err = b.CreateQueue(ctx, &awssqs.CreateQueueInput{QueueName: aws.String("x.fifo")})
	wantCode(t, err, "InvalidParameterValue")

	if _, err := b.TagQueue(ctx, &awssqs.TagQueueInput{QueueUrl: url, Tags: map[string]string{"team": "blue", "use": "test"}}); err != nil {
		t.Fatal(err)
	}
	if _, err := b.UntagQueue(ctx, &awssqs.UntagQueueInput{QueueUrl: url, TagKeys: []string{"use"}}); err != nil {
		t.Fatal(err)
	}
	tags, err := b.ListQueueTags(ctx, &awssqs.ListQueueTagsInput{QueueUrl: url})
	if err != nil || !cmp.Equal(tags.Tags, map[string]string{"team": "blue"}) {
		t.Errorf("its tags: %v, %v", tags, err)
	}

	for i := range 5 {
		b.queue(t, fmt.Sprintf("many-%d", i), nil)
	}
	var names []string
	pages := awssqs.NewListQueuesPaginator(b.Client, &awssqs.ListQueuesInput{QueueNamePrefix: aws.String("many-"), MaxResults: aws.Int32(2)})
	for pages.HasMorePages() {
		p, err := pages.NextPage(ctx)
		if err != nil {
			t.Fatal(err)
		}
		for _, u := range p.QueueUrls {
			names = append(names, u[strings.LastIndexByte(u, '/')+1:])
		}
	}
	if diff := cmp.Diff([]string{"many-0", "many-1", "many-2", "many-3", "many-4"}, names); diff != "" {
		t.Errorf("listed (-want +got):\n%s", diff)
	}
	if all, err := b.ListQueues(ctx, &awssqs.ListQueuesInput{}); err != nil || len(all.QueueUrls) != 6 {
		t.Errorf("all queues: %v, %v", all, err)
	}
	if _, err := b.DeleteQueue(ctx, &awssqs.DeleteQueueInput{QueueUrl: url}); err != nil {
		t.Fatal(err)
	}
	_, err = b.SendMessage(ctx, &awssqs.SendMessageInput{QueueUrl: url, MessageBody: aws.String("late")})
	wantCode(t, err, "AWS.SimpleQueueService.NonExistentQueue")
}

func TestAMessage(t *testing.T) {
	t.Parallel()
	b, ctx := newBench(t), t.Context()
	url, _ := b.queue(t, "q", nil)
	sent, err := b.SendMessage(ctx, &awssqs.SendMessageInput{QueueUrl: url, MessageBody: aws.String("hello"), MessageAttributes: map[string]types.MessageAttributeValue{
		"kind": {DataType: aws.String("String"), StringValue: aws.String("greeting")},
		"raw":  {DataType: aws.String("Binary"), BinaryValue: []byte{1, 2}},
	}, MessageSystemAttributes: map[string]types.MessageSystemAttributeValue{"AWSTraceHeader": {DataType: aws.String("String"), StringValue: aws.String("Root=1")}}})
	if err != nil {
		t.Fatal(err)
	}
	sum := md5.Sum([]byte("hello"))
	if *sent.MD5OfMessageBody != hex.EncodeToString(sum[:]) {
		t.Errorf("the digest of its body is %s", *sent.MD5OfMessageBody)
	}
	got := b.receive(t, url, 10)
	wantBodies(t, got, "hello")
	m := got[0]
	if *m.MessageId != *sent.MessageId || *m.MD5OfMessageAttributes != *sent.MD5OfMessageAttributes || *m.MessageAttributes["kind"].StringValue != "greeting" {
		t.Errorf("received %+v", m)
	}
	if m.Attributes["ApproximateReceiveCount"] != "1" || m.Attributes["AWSTraceHeader"] != "Root=1" || m.Attributes["SenderId"] == "" {
		t.Errorf("its attributes are %v", m.Attributes)
	}
	wantBodies(t, b.receive(t, url, 10)) // it is with its receiver
	if n := b.attribute(t, url, types.QueueAttributeNameApproximateNumberOfMessagesNotVisible); n != "1" {
		t.Errorf("%s messages are in flight", n)
	}

	// The receiver gives it back, takes it again, and lets its time run out.
	if _, err := b.ChangeMessageVisibility(ctx, &awssqs.ChangeMessageVisibilityInput{QueueUrl: url, ReceiptHandle: m.ReceiptHandle, VisibilityTimeout: 0}); err != nil {
		t.Fatal(err)
	}
	again := b.receive(t, url, 1)
	wantBodies(t, again, "hello")
	_, err = b.ChangeMessageVisibility(ctx, &awssqs.ChangeMessageVisibilityInput{QueueUrl: url, ReceiptHandle: m.ReceiptHandle, VisibilityTimeout: 10})
	wantCode(t, err, "AWS.SimpleQueueService.MessageNotInflight")
	b.advance(t, 31*time.Second)
	again = b.receive(t, url, 1)
	wantBodies(t, again, "hello")
	if again[0].Attributes["ApproximateReceiveCount"] != "3" {
		t.Errorf("it was received %s times", again[0].Attributes["ApproximateReceiveCount"])
	}
	if _, err := b.DeleteMessage(ctx, &awssqs.DeleteMessageInput{QueueUrl: url, ReceiptHandle: again[0].ReceiptHandle}); err != nil {
		t.Fatal(err)
	}
	if _, err := b.DeleteMessage(ctx, &awssqs.DeleteMessageInput{QueueUrl: url, ReceiptHandle: again[0].ReceiptHandle}); err != nil {
		t.Errorf("deleting it again: %v", err)
	}
	_, err = b.DeleteMessage(ctx, &awssqs.DeleteMessageInput{QueueUrl: url, ReceiptHandle: aws.String("nonsense")})
	if _, is := errors.AsType[*types.ReceiptHandleIsInvalid](err); !is {
		t.Errorf("deleting by nonsense: %v", err)
	}
	b.advance(t, time.Hour)
	wantBodies(t, b.receive(t, url, 1))
}

func TestBadMessages(t *testing.T) {
	t.Parallel()
	b, ctx := newBench(t), t.Context()
	url, _ := b.queue(t, "q", map[string]string{"MaximumMessageSize": "1024"})
	text := func(kind, value string) types.MessageAttributeValue {
		return types.MessageAttributeValue{DataType: &kind, StringValue: &value}
	}
	for name, row := range map[string]struct {
		in   awssqs.SendMessageInput
		code string
	}{
		"no body":               {awssqs.SendMessageInput{MessageBody: aws.String("")}, "MissingParameter"},
		"a control character":   {awssqs.SendMessageInput{MessageBody: aws.String("a\x01")}, "InvalidMessageContents"},
		"too long":              {awssqs.SendMessageInput{MessageBody: aws.String(strings.Repeat("x", 1025))}, "InvalidParameterValue"},
		"too late":              {awssqs.SendMessageInput{MessageBody: aws.String("x"), DelaySeconds: 901}, "InvalidParameterValue"},
		"a type that is none":   {awssqs.SendMessageInput{MessageBody: aws.String("x"), MessageAttributes: map[string]types.MessageAttributeValue{"a": text("Text", "x")}}, "InvalidParameterValue"},
		"a number that is none": {awssqs.SendMessageInput{MessageBody: aws.String("x"), MessageAttributes: map[string]types.MessageAttributeValue{"a": text("Number", "x")}}, "InvalidParameterValue"},
		"a reserved name":       {awssqs.SendMessageInput{MessageBody: aws.String("x"), MessageAttributes: map[string]types.MessageAttributeValue{"aws.a": text("String", "x")}}, "InvalidParameterValue"},
		"a deduplication id":    {awssqs.SendMessageInput{MessageBody: aws.String("x"), MessageDeduplicationId: aws.String("d")}, "InvalidParameterValue"},
	} {
		row.in.QueueUrl = url
		if _, err := b.SendMessage(ctx, &row.in); err == nil {
			t.Errorf("%s: it was taken", name)
		} else {
			wantCode(t, err, row.code)
		}
	}
	_, err := b.ReceiveMessage(ctx, &awssqs.ReceiveMessageInput{QueueUrl: url, MaxNumberOfMessages: 11})
	wantCode(t, err, "InvalidParameterValue")
	_, err = b.ReceiveMessage(ctx, &awssqs.ReceiveMessageInput{QueueUrl: url, WaitTimeSeconds: 21})
	wantCode(t, err, "InvalidParameterValue")
	wantBodies(t, b.receive(t, url, 10))
}

func TestBatches(t *testing.T) {
	t.Parallel()
	b, ctx := newBench(t), t.Context()
	url, _ := b.queue(t, "q", nil)
	entry := func(id, body string) types.SendMessageBatchRequestEntry {
		return types.SendMessageBatchRequestEntry{Id: &id, MessageBody: &body}
	}
	sent, err := b.SendMessageBatch(ctx, &awssqs.SendMessageBatchInput{QueueUrl: url, Entries: []types.SendMessageBatchRequestEntry{entry("1", "one"), entry("2", "\x02"), entry("3", "three")}})
	if err != nil || len(sent.Successful) != 2 || len(sent.Failed) != 1 || *sent.Failed[0].Id != "2" || *sent.Failed[0].Code != "InvalidMessageContents" || !sent.Failed[0].SenderFault {
		t.Fatalf("sent %+v, %v", sent, err)
	}
	for code, entries := range map[string][]types.SendMessageBatchRequestEntry{
		"EmptyBatchRequest":            {},
		"BatchEntryIdsNotDistinct":     {entry("1", "x"), entry("1", "y")},
		"InvalidBatchEntryId":          {entry("a b", "x")},
		"TooManyEntriesInBatchRequest": make([]types.SendMessageBatchRequestEntry, 11),
		"BatchRequestTooLong":          {entry("1", strings.Repeat("x", 1<<19)), entry("2", strings.Repeat("x", 1<<19+1))},
	} {
		for i := range entries {
			if entries[i].Id == nil {
				entries[i] = entry(fmt.Sprint(i), "x")
			}
		}
		_, err := b.SendMessageBatch(ctx, &awssqs.SendMessageBatchInput{QueueUrl: url, Entries: entries})
		wantCode(t, err, "AWS.SimpleQueueService."+code)
	}
	got := b.receive(t, url, 10)
	wantBodies(t, got, "one", "three")
	changed, err := b.ChangeMessageVisibilityBatch(ctx, &awssqs.ChangeMessageVisibilityBatchInput{QueueUrl: url, Entries: []types.ChangeMessageVisibilityBatchRequestEntry{
		{Id: aws.String("a"), ReceiptHandle: got[0].ReceiptHandle, VisibilityTimeout: 0}, {Id: aws.String("b"), ReceiptHandle: aws.String("no"), VisibilityTimeout: 5},
	}})
	if err != nil || len(changed.Successful) != 1 || len(changed.Failed) != 1 || *changed.Failed[0].Code != "ReceiptHandleIsInvalid" {
		t.Fatalf("changed %+v, %v", changed, err)
	}
	back := b.receive(t, url, 10)
	wantBodies(t, back, "one")
	deleted, err := b.DeleteMessageBatch(ctx, &awssqs.DeleteMessageBatchInput{QueueUrl: url, Entries: []types.DeleteMessageBatchRequestEntry{
		{Id: aws.String("a"), ReceiptHandle: back[0].ReceiptHandle}, {Id: aws.String("b"), ReceiptHandle: got[1].ReceiptHandle}, {Id: aws.String("c"), ReceiptHandle: aws.String("no")},
	}})
	if err != nil || len(deleted.Successful) != 2 || len(deleted.Failed) != 1 {
		t.Fatalf("deleted %+v, %v", deleted, err)
	}
	b.advance(t, time.Hour)
	wantBodies(t, b.receive(t, url, 10))
}

func TestTimesOfAQueue(t *testing.T) {
	t.Parallel()
	b, ctx := newBench(t), t.Context()
	url, _ := b.queue(t, "q", map[string]string{"DelaySeconds": "60", "MessageRetentionPeriod": "600", "VisibilityTimeout": "20"})
	b.send(t, url, "later")
	wantBodies(t, b.receive(t, url, 1))
	b.advance(t, time.Minute)
	wantBodies(t, b.receive(t, url, 1), "later")
	b.advance(t, 10*time.Minute)
	wantBodies(t, b.receive(t, url, 1)) // its retention has ended

	b.send(t, url, "purged")
	if _, err := b.PurgeQueue(ctx, &awssqs.PurgeQueueInput{QueueUrl: url}); err != nil {
		t.Fatal(err)
	}
	_, err := b.PurgeQueue(ctx, &awssqs.PurgeQueueInput{QueueUrl: url})
	wantCode(t, err, "AWS.SimpleQueueService.PurgeQueueInProgress")
	b.advance(t, 2*time.Minute)
	wantBodies(t, b.receive(t, url, 1))

	// Who waits is woken by a message, and by the end of a delay.
	if _, err := b.SetQueueAttributes(ctx, &awssqs.SetQueueAttributesInput{QueueUrl: url, Attributes: map[string]string{"DelaySeconds": "0", "ReceiveMessageWaitTimeSeconds": "20"}}); err != nil {
		t.Fatal(err)
	}
	for _, delay := range []int32{0, 1} {
		got := make(chan []types.Message, 1)
		go func() { got <- b.receive(t, url, 1) }()
		if _, err := b.SendMessage(ctx, &awssqs.SendMessageInput{QueueUrl: url, MessageBody: aws.String("ping"), DelaySeconds: delay}); err != nil {
			t.Fatal(err)
		}
		wantBodies(t, <-got, "ping")
	}
}

func TestFIFO(t *testing.T) {
	t.Parallel()
	b, ctx := newBench(t), t.Context()
	url, _ := b.queue(t, "q.fifo", map[string]string{"FifoQueue": "true", "ContentBasedDeduplication": "true"})
	send := func(group, body, dedup string) *awssqs.SendMessageOutput {
		t.Helper()
		in := &awssqs.SendMessageInput{QueueUrl: url, MessageBody: &body, MessageGroupId: &group}
		if dedup != "" {
			in.MessageDeduplicationId = &dedup
		}
		out, err := b.SendMessage(ctx, in)
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	first := send("a", "a1", "")
	if twice := send("a", "a1", ""); *twice.MessageId != *first.MessageId || *twice.SequenceNumber != *first.SequenceNumber {
		t.Errorf("sent twice it is %s and %s", *first.MessageId, *twice.MessageId)
	}
	if second := send("a", "a2", ""); *second.SequenceNumber <= *first.SequenceNumber {
		t.Errorf("the sequence goes from %s to %s", *first.SequenceNumber, *second.SequenceNumber)
	}
	send("b", "b1", "")
	_, err := b.SendMessage(ctx, &awssqs.SendMessageInput{QueueUrl: url, MessageBody: aws.String("x")})
	wantCode(t, err, "MissingParameter")

	got := b.receive(t, url, 1)
	wantBodies(t, got, "a1")
	others := b.receive(t, url, 10) // the rest of group a waits for its first
	wantBodies(t, others, "b1")
	if _, err := b.DeleteMessage(ctx, &awssqs.DeleteMessageInput{QueueUrl: url, ReceiptHandle: got[0].ReceiptHandle}); err != nil {
		t.Fatal(err)
	}
	second := b.receive(t, url, 10)
	wantBodies(t, second, "a2")
	b.advance(t, 31*time.Second)
	_, err = b.DeleteMessage(ctx, &awssqs.DeleteMessageInput{QueueUrl: url, ReceiptHandle: second[0].ReceiptHandle})
	wantCode(t, err, "InvalidParameterValue")

	// An attempt that is made again gets what it got before.
	attempt := &awssqs.ReceiveMessageInput{QueueUrl: url, MaxNumberOfMessages: 10, ReceiveRequestAttemptId: aws.String("try")}
	one, err := b.ReceiveMessage(ctx, attempt)
	if err != nil {
		t.Fatal(err)
	}
	two, err := b.ReceiveMessage(ctx, attempt)
	if err != nil {
		t.Fatal(err)
	}
	wantBodies(t, one.Messages, "a2", "b1")
	wantBodies(t, two.Messages, "a2", "b1")
	b.advance(t, 5*time.Minute)
	send("a", "a1", "")
	b.advance(t, time.Minute)
	wantBodies(t, b.receive(t, url, 10), "a2", "b1", "a1")

	high, _ := b.queue(t, "high.fifo", map[string]string{"FifoQueue": "true", "DeduplicationScope": "messageGroup", "FifoThroughputLimit": "perMessageGroupId"})
	url = high
	send("a", "x", "1")
	send("b", "x", "1")
	wantBodies(t, b.receive(t, url, 10), "x", "x")
}

func TestDeadLetters(t *testing.T) {
	t.Parallel()
	b, ctx := newBench(t), t.Context()
	dead, deadARN := b.queue(t, "dead", nil)
	redrive := func(n int) map[string]string {
		return map[string]string{"RedrivePolicy": fmt.Sprintf(`{"deadLetterTargetArn":%q,"maxReceiveCount":%d}`, deadARN, n), "VisibilityTimeout": "1"}
	}
	url, arn := b.queue(t, "q", redrive(2))
	for _, policy := range []string{
		`{"deadLetterTargetArn":"` + strings.Replace(deadARN, ":dead", ":none", 1) + `","maxReceiveCount":2}`, `{"maxReceiveCount":2}`, `nonsense`,
		`{"deadLetterTargetArn":"` + deadARN + `","maxReceiveCount":0}`,
	} {
		_, err := b.SetQueueAttributes(ctx, &awssqs.SetQueueAttributesInput{QueueUrl: url, Attributes: map[string]string{"RedrivePolicy": policy}})
		wantCode(t, err, "InvalidParameterValue")
	}
	sources, err := b.ListDeadLetterSourceQueues(ctx, &awssqs.ListDeadLetterSourceQueuesInput{QueueUrl: dead})
	if err != nil || !cmp.Equal(sources.QueueUrls, []string{*url}) {
		t.Errorf("its sources: %v, %v", sources, err)
	}
	b.send(t, url, "poison")
	for range 2 {
		wantBodies(t, b.receive(t, url, 1), "poison")
		b.advance(t, 2*time.Second)
	}
	wantBodies(t, b.receive(t, url, 1))
	got := b.receive(t, dead, 1)
	wantBodies(t, got, "poison")
	if got[0].Attributes["DeadLetterQueueSourceArn"] != arn {
		t.Errorf("it came from %s", got[0].Attributes["DeadLetterQueueSourceArn"])
	}
	b.advance(t, time.Minute)

	started, err := b.StartMessageMoveTask(ctx, &awssqs.StartMessageMoveTaskInput{SourceArn: &deadARN})
	if err != nil || started.TaskHandle == nil {
		t.Fatalf("moving back: %v", err)
	}
	back, err := b.ReceiveMessage(ctx, &awssqs.ReceiveMessageInput{QueueUrl: url, WaitTimeSeconds: 20})
	if err != nil {
		t.Fatal(err)
	}
	wantBodies(t, back.Messages, "poison")
	_, err = b.CancelMessageMoveTask(ctx, &awssqs.CancelMessageMoveTaskInput{TaskHandle: aws.String("nonsense")})
	wantCode(t, err, "InvalidParameterValue")
	tasks, err := b.ListMessageMoveTasks(ctx, &awssqs.ListMessageMoveTasksInput{SourceArn: &deadARN})
	if err != nil || len(tasks.Results) != 1 || tasks.Results[0].ApproximateNumberOfMessagesMoved != 1 {
		t.Errorf("the moves: %+v, %v", tasks, err)
	}
	_, err = b.StartMessageMoveTask(ctx, &awssqs.StartMessageMoveTaskInput{SourceArn: &arn})
	wantCode(t, err, "InvalidParameterValue")
	_, err = b.StartMessageMoveTask(ctx, &awssqs.StartMessageMoveTaskInput{SourceArn: aws.String(arn + "none")})
	wantCode(t, err, "ResourceNotFoundException")
}

func TestQueuePolicies(t *testing.T) {
	t.Parallel()
	b, ctx := newBench(t), t.Context()
	url, arn := b.queue(t, "q", nil)
	account := strings.Split(arn, ":")[4]
	other := awssqs.NewFromConfig(b.AWS(t, "backup", region))
	mine := func() error {
		_, err := other.SendMessage(ctx, &awssqs.SendMessageInput{QueueUrl: url, MessageBody: aws.String("from outside")})
		return err
	}
	wantCode(t, mine(), "AccessDenied")
	theirs := awssqs.NewFromConfig(b.AWS(t, "backup", region))
	own, err := theirs.CreateQueue(ctx, &awssqs.CreateQueueInput{QueueName: aws.String("own")})
	if err != nil {
		t.Fatal(err)
	}
	parts := strings.Split(*own.QueueUrl, "/")
	if _, err := b.AddPermission(ctx, &awssqs.AddPermissionInput{QueueUrl: url, Label: aws.String("in"), AWSAccountIds: []string{parts[3]}, Actions: []string{"SendMessage"}}); err != nil {
		t.Fatal(err)
	}
	if err := mine(); err != nil {
		t.Errorf("admitted, it is refused: %v", err)
	}
	_, err = other.DeleteQueue(ctx, &awssqs.DeleteQueueInput{QueueUrl: url})
	wantCode(t, err, "AccessDenied")
	_, err = b.AddPermission(ctx, &awssqs.AddPermissionInput{QueueUrl: url, Label: aws.String("in"), AWSAccountIds: []string{account}, Actions: []string{"SendMessage"}})
	wantCode(t, err, "InvalidParameterValue")
	if _, err := b.RemovePermission(ctx, &awssqs.RemovePermissionInput{QueueUrl: url, Label: aws.String("in")}); err != nil {
		t.Fatal(err)
	}
	wantCode(t, mine(), "AccessDenied")
	_, err = b.RemovePermission(ctx, &awssqs.RemovePermissionInput{QueueUrl: url, Label: aws.String("in")})
	wantCode(t, err, "InvalidParameterValue")
	if text := b.attribute(t, url, types.QueueAttributeNamePolicy); text != "" {
		t.Errorf("a policy is left: %s", text)
	}
	wantBodies(t, b.receive(t, url, 10), "from outside")
}

// TestKeyOfAQueue: the key is asked for each message, and without it nothing is read.
func TestKeyOfAQueue(t *testing.T) {
	t.Parallel()
	b, ctx := newBench(t), t.Context()
	keys := awskms.NewFromConfig(b.AWS(t, "member", region))
	key, err := keys.CreateKey(ctx, &awskms.CreateKeyInput{})
	if err != nil {
		t.Fatal(err)
	}
	url, _ := b.queue(t, "q", map[string]string{"KmsMasterKeyId": *key.KeyMetadata.KeyId})
	if sse := b.attribute(t, url, types.QueueAttributeNameSqsManagedSseEnabled); sse != "false" {
		t.Errorf("it says SqsManagedSseEnabled %s", sse)
	}
	b.send(t, url, "secret")
	if _, err := keys.DisableKey(ctx, &awskms.DisableKeyInput{KeyId: key.KeyMetadata.KeyId}); err != nil {
		t.Fatal(err)
	}
	_, err = b.SendMessage(ctx, &awssqs.SendMessageInput{QueueUrl: url, MessageBody: aws.String("x")})
	wantCode(t, err, "KMS.DisabledException")
	_, err = b.ReceiveMessage(ctx, &awssqs.ReceiveMessageInput{QueueUrl: url})
	wantCode(t, err, "KMS.DisabledException")
	if _, err := keys.EnableKey(ctx, &awskms.EnableKeyInput{KeyId: key.KeyMetadata.KeyId}); err != nil {
		t.Fatal(err)
	}
	got := b.receive(t, url, 1)
	wantBodies(t, got, "secret")
	if got[0].Attributes["ApproximateReceiveCount"] != "1" {
		t.Error("the receipt that failed was counted")
	}
	managed, _ := b.queue(t, "managed", map[string]string{"KmsMasterKeyId": "alias/aws/sqs"})
	b.send(t, managed, "under the account's key")
	wantBodies(t, b.receive(t, managed, 1), "under the account's key")
}
