package sns_test

import (
	"fmt"
	"slices"
	"strconv"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	awssns "github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sns/types"
	awssqs "github.com/aws/aws-sdk-go-v2/service/sqs"
	sqstypes "github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/google/go-cmp/cmp"

	"strongroom/internal/server"
	"strongroom/internal/strongroomtest"
)

// clients speak to a server of their own.
type clients struct {
	*strongroomtest.Server
	topics *awssns.Client
	queues *awssqs.Client
}

func newClients(t *testing.T) *clients {
	t.Helper()
	s := strongroomtest.New(t, here)
	cfg := s.AWS(t, "member", region)
	return &clients{s, awssns.NewFromConfig(cfg), awssqs.NewFromConfig(cfg)}
}

// queue makes a queue that SNS may send to.
func (c *clients) queue(t *testing.T, name string, attributes map[string]string) (url *string, arn string) {
	t.Helper()
	arn = "arn:aws:sqs:" + region + ":" + server.MemberAccount + ":" + name
	all := map[string]string{"Policy": fmt.Sprintf(`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":{"Service":"sns.amazonaws.com"},"Action":"sqs:SendMessage","Resource":%q}}`, arn)}
	for name, value := range attributes {
		all[name] = value
	}
	return must(c.queues.CreateQueue(t.Context(), &awssqs.CreateQueueInput{QueueName: &name, Attributes: all}))(t).QueueUrl, arn
}

// take receives n messages and deletes them.
func (c *clients) take(t *testing.T, url *string, n int) (all []sqstypes.Message) {
	t.Helper()
	for len(all) < n {
		got := strongroomtest.Receive(t, c.queues, &awssqs.ReceiveMessageInput{
			QueueUrl: url, MaxNumberOfMessages: 10, MessageSystemAttributeNames: []sqstypes.MessageSystemAttributeName{"All"},
		})
		for _, m := range got {
			must(c.queues.DeleteMessage(t.Context(), &awssqs.DeleteMessageInput{QueueUrl: url, ReceiptHandle: m.ReceiptHandle}))(t)
		}
		all = append(all, got...)
	}
	return all
}

func bodies(messages []sqstypes.Message) (all []string) {
	for _, m := range messages {
		all = append(all, *m.Body)
	}
	return all
}

// TestFIFOTopics: a group's messages come in order, each once, to queues of both types.
func TestFIFOTopics(t *testing.T) {
	t.Parallel()
	c, ctx := newClients(t), t.Context()
	_, err := c.topics.CreateTopic(ctx, &awssns.CreateTopicInput{Name: aws.String("orders.fifo")})
	wantCode(t, err, "InvalidParameter")
	_, err = c.topics.CreateTopic(ctx, &awssns.CreateTopicInput{Name: aws.String("orders"), Attributes: map[string]string{"FifoTopic": "true"}})
	wantCode(t, err, "InvalidParameter")
	topic := must(c.topics.CreateTopic(ctx, &awssns.CreateTopicInput{Name: aws.String("orders.fifo"), Attributes: map[string]string{"FifoTopic": "true"}}))(t).TopicArn
	fifo, fifoARN := c.queue(t, "orders.fifo", map[string]string{"FifoQueue": "true"})
	standard, standardARN := c.queue(t, "orders", nil)
	raw := map[string]string{"RawMessageDelivery": "true"}
	for _, endpoint := range []string{fifoARN, standardARN} {
		must(c.topics.Subscribe(ctx, &awssns.SubscribeInput{TopicArn: topic, Protocol: aws.String("sqs"), Endpoint: &endpoint, Attributes: raw}))(t)
	}
	_, err = c.topics.Subscribe(ctx, &awssns.SubscribeInput{TopicArn: topic, Protocol: aws.String("http"), Endpoint: aws.String("http://127.0.0.1:1/")})
	wantCode(t, err, "InvalidParameter")
	news := must(c.topics.CreateTopic(ctx, &awssns.CreateTopicInput{Name: aws.String("news")}))(t).TopicArn
	_, err = c.topics.Subscribe(ctx, &awssns.SubscribeInput{TopicArn: news, Protocol: aws.String("sqs"), Endpoint: &fifoARN})
	wantCode(t, err, "InvalidParameter")

	for what, in := range map[string]*awssns.PublishInput{
		"no group":                    {TopicArn: topic, Message: aws.String("x"), MessageDeduplicationId: aws.String("1")},
		"no deduplication id":         {TopicArn: topic, Message: aws.String("x"), MessageGroupId: aws.String("g")},
		"deduplication at a standard": {TopicArn: news, Message: aws.String("x"), MessageDeduplicationId: aws.String("1")},
	} {
		if _, err := c.topics.Publish(ctx, in); err == nil {
			t.Errorf("%s passes", what)
		} else {
			wantCode(t, err, "InvalidParameter")
		}
	}
	const n = 25
	var want, sequence []string
	for i := range n {
		body := strconv.Itoa(i)
		in := &awssns.PublishInput{TopicArn: topic, Message: &body, MessageGroupId: aws.String("g"), MessageDeduplicationId: &body}
		first, again := must(c.topics.Publish(ctx, in))(t), must(c.topics.Publish(ctx, in))(t)
		if *first.MessageId != *again.MessageId || *first.SequenceNumber != *again.SequenceNumber {
			t.Errorf("published twice: %s and %s", *first.MessageId, *again.MessageId)
		}
		want, sequence = append(want, body), append(sequence, *first.SequenceNumber)
	}
	if !slices.IsSorted(sequence) || len(slices.Compact(sequence)) != n {
		t.Errorf("the sequence numbers are %v", sequence)
	}
	got := c.take(t, fifo, n)
	if diff := cmp.Diff(want, bodies(got)); diff != "" {
		t.Errorf("the FIFO queue has (-want +got):\n%s", diff)
	}
	if a := got[0].Attributes; a["MessageGroupId"] != "g" || a["MessageDeduplicationId"] != "0" {
		t.Errorf("the first message has %v", a)
	}
	other := bodies(c.take(t, standard, n))
	slices.Sort(other)
	slices.Sort(want)
	if diff := cmp.Diff(want, other); diff != "" {
		t.Errorf("the standard queue has (-want +got):\n%s", diff)
	}

	// With deduplication by content the text is the id.
	must(c.topics.SetTopicAttributes(ctx, &awssns.SetTopicAttributesInput{TopicArn: topic, AttributeName: aws.String("ContentBasedDeduplication"), AttributeValue: aws.String("true")}))(t)
	batch := must(c.topics.PublishBatch(ctx, &awssns.PublishBatchInput{TopicArn: topic, PublishBatchRequestEntries: []types.PublishBatchRequestEntry{
		{Id: aws.String("1"), Message: aws.String("same"), MessageGroupId: aws.String("g")},
		{Id: aws.String("2"), Message: aws.String("same"), MessageGroupId: aws.String("g")},
		{Id: aws.String("3"), Message: aws.String("last"), MessageGroupId: aws.String("g")},
	}}))(t)
	if len(batch.Successful) != 3 || *batch.Successful[0].MessageId != *batch.Successful[1].MessageId {
		t.Errorf("the batch: %+v", batch)
	}
	if diff := cmp.Diff([]string{"same", "last"}, bodies(c.take(t, fifo, 2))); diff != "" {
		t.Errorf("by content (-want +got):\n%s", diff)
	}
	_, err = c.topics.SetTopicAttributes(ctx, &awssns.SetTopicAttributesInput{TopicArn: topic, AttributeName: aws.String("FifoTopic"), AttributeValue: aws.String("false")})
	wantCode(t, err, "InvalidParameter")
}

// TestFiltersOfBodies: a subscription may ask for messages by what they say.
func TestFiltersOfBodies(t *testing.T) {
	t.Parallel()
	c, ctx := newClients(t), t.Context()
	topic := must(c.topics.CreateTopic(ctx, &awssns.CreateTopicInput{Name: aws.String("news")}))(t).TopicArn
	all, allARN := c.queue(t, "all", nil)
	some, someARN := c.queue(t, "some", nil)
	raw := map[string]string{"RawMessageDelivery": "true"}
	must(c.topics.Subscribe(ctx, &awssns.SubscribeInput{TopicArn: topic, Protocol: aws.String("sqs"), Endpoint: &allARN, Attributes: raw}))(t)
	_, err := c.topics.Subscribe(ctx, &awssns.SubscribeInput{TopicArn: topic, Protocol: aws.String("sqs"), Endpoint: &someARN, Attributes: map[string]string{"FilterPolicyScope": "MessageHeaders"}})
	wantCode(t, err, "InvalidParameter")
	sub := must(c.topics.Subscribe(ctx, &awssns.SubscribeInput{TopicArn: topic, Protocol: aws.String("sqs"), Endpoint: &someARN, Attributes: map[string]string{
		"RawMessageDelivery": "true", "FilterPolicyScope": "MessageBody",
		"FilterPolicy": `{"order":{"price":[{"numeric":[">=",10,"<",100]}],"to":[{"prefix":"Ber"},{"anything-but":["Paris","Rome"]}]},"kind":["sale"]}`,
	}}))(t).SubscriptionArn
	messages := []struct {
		text   string
		passes bool
	}{
		{`{"kind":"sale","order":{"price":10,"to":"Berlin"}}`, true},
		{`{"kind":"sale","order":{"price":100,"to":"Berlin"}}`, false},
		{`{"kind":"sale","order":{"price":99.5,"to":"Oslo"}}`, true},
		{`{"kind":"sale","order":{"price":50,"to":"Rome"}}`, false},
		{`{"kind":"gift","order":{"price":50,"to":"Berlin"}}`, false},
		{`{"kind":["gift","sale"],"order":{"price":50,"to":"Bergen"}}`, true},
		{`{"kind":"sale"}`, false},
		{`sale`, false},
		{`["sale"]`, false},
	}
	var want []string
	for _, m := range messages {
		// Attributes that would pass are none of this filter's business.
		must(c.topics.Publish(ctx, &awssns.PublishInput{TopicArn: topic, Message: &m.text, MessageAttributes: map[string]types.MessageAttributeValue{"kind": {DataType: aws.String("String"), StringValue: aws.String("sale")}}}))(t)
		if m.passes {
			want = append(want, m.text)
		}
	}
	c.take(t, all, len(messages)) // deliveries to a queue are made in order; the other queue's are made by themselves
	got := bodies(c.take(t, some, len(want)))
	slices.Sort(want)
	slices.Sort(got)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the filter passed (-want +got):\n%s", diff)
	}
	_, err = c.topics.SetSubscriptionAttributes(ctx, &awssns.SetSubscriptionAttributesInput{SubscriptionArn: sub, AttributeName: aws.String("FilterPolicyScope"), AttributeValue: aws.String("MessageAttributes")})
	wantCode(t, err, "InvalidParameter") // only bodies nest
	must(c.topics.SetSubscriptionAttributes(ctx, &awssns.SetSubscriptionAttributesInput{SubscriptionArn: sub, AttributeName: aws.String("FilterPolicy"), AttributeValue: aws.String(`{"kind":["gift"]}`)}))(t)
	must(c.topics.SetSubscriptionAttributes(ctx, &awssns.SetSubscriptionAttributesInput{SubscriptionArn: sub, AttributeName: aws.String("FilterPolicyScope"), AttributeValue: aws.String("MessageAttributes")}))(t)
	must(c.topics.Publish(ctx, &awssns.PublishInput{TopicArn: topic, Message: aws.String("by attribute"), MessageAttributes: map[string]types.MessageAttributeValue{"kind": {DataType: aws.String("String"), StringValue: aws.String("gift")}}}))(t)
	if diff := cmp.Diff([]string{"by attribute"}, bodies(c.take(t, some, 1))); diff != "" {
		t.Errorf("by attributes (-want +got):\n%s", diff)
	}
	_, err = c.topics.SetSubscriptionAttributes(ctx, &awssns.SetSubscriptionAttributesInput{SubscriptionArn: sub, AttributeName: aws.String("FilterPolicy"), AttributeValue: aws.String(`{"a":{"b":["c"]}}`)})
	wantCode(t, err, "InvalidParameter")
}

// TestListsComeInPages lists more topics and subscriptions than a page holds.
func TestListsComeInPages(t *testing.T) {
	t.Parallel()
	c, ctx := newClients(t), t.Context()
	const n = 105
	var topics, subscriptions []string
	var topic *string
	for i := range n {
		topic = must(c.topics.CreateTopic(ctx, &awssns.CreateTopicInput{Name: aws.String(fmt.Sprintf("topic-%03d", i))}))(t).TopicArn
		topics = append(topics, *topic)
	}
	for i := range n {
		endpoint := "arn:aws:sqs:" + region + ":" + server.MemberAccount + ":q" + strconv.Itoa(i)
		subscriptions = append(subscriptions, *must(c.topics.Subscribe(ctx, &awssns.SubscribeInput{TopicArn: topic, Protocol: aws.String("sqs"), Endpoint: &endpoint}))(t).SubscriptionArn)
	}
	slices.Sort(subscriptions)
	var got []string
	pages := 0
	for p := awssns.NewListTopicsPaginator(c.topics, &awssns.ListTopicsInput{}); p.HasMorePages(); pages++ {
		for _, topic := range must(p.NextPage(ctx))(t).Topics {
			got = append(got, *topic.TopicArn)
		}
	}
	if diff := cmp.Diff(topics, got); diff != "" || pages != 2 {
		t.Errorf("topics, in %d pages (-want +got):\n%s", pages, diff)
	}
	got, pages = nil, 0
	for p := awssns.NewListSubscriptionsPaginator(c.topics, &awssns.ListSubscriptionsInput{}); p.HasMorePages(); pages++ {
		for _, sub := range must(p.NextPage(ctx))(t).Subscriptions {
			got = append(got, *sub.SubscriptionArn)
		}
	}
	slices.Sort(got)
	if diff := cmp.Diff(subscriptions, got); diff != "" || pages != 2 {
		t.Errorf("subscriptions, in %d pages (-want +got):\n%s", pages, diff)
	}
	got, pages = nil, 0
	var token *string
	for p := awssns.NewListSubscriptionsByTopicPaginator(c.topics, &awssns.ListSubscriptionsByTopicInput{TopicArn: topic}); p.HasMorePages(); pages++ {
		out := must(p.NextPage(ctx))(t)
		if out.NextToken != nil {
			token = out.NextToken
		}
		for _, sub := range out.Subscriptions {
			got = append(got, *sub.SubscriptionArn)
		}
	}
	slices.Sort(got)
	if diff := cmp.Diff(subscriptions, got); diff != "" || pages != 2 {
		t.Errorf("subscriptions of a topic, in %d pages (-want +got):\n%s", pages, diff)
	}
	_, err := c.topics.ListTopics(ctx, &awssns.ListTopicsInput{NextToken: token}) // another list's
	wantCode(t, err, "InvalidParameter")
}
