package sns_test

import (
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	awssns "github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sns/types"
	awssqs "github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/smithy-go"

	"strongroom/internal/server"
	"strongroom/internal/strongroomtest"
)

const region = "eu-central-1"

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

func TestTopics(t *testing.T) {
	t.Parallel()
	s, ctx := strongroomtest.New(t), t.Context()
	topics, queues := awssns.NewFromConfig(s.AWS(t, "member", region)), awssqs.NewFromConfig(s.AWS(t, "member", region))
	topic := must(topics.CreateTopic(ctx, &awssns.CreateTopicInput{Name: aws.String("news"), Tags: []types.Tag{{Key: aws.String("a"), Value: aws.String("1")}}}))(t).TopicArn
	must(topics.SetTopicAttributes(ctx, &awssns.SetTopicAttributesInput{TopicArn: topic, AttributeName: aws.String("DisplayName"), AttributeValue: aws.String("News")}))(t)
	queueARN := "arn:aws:sqs:" + region + ":" + server.MemberAccount + ":q"
	policy := fmt.Sprintf(`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":{"Service":"sns.amazonaws.com"},"Action":"sqs:SendMessage","Resource":%q,"Condition":{"ArnEquals":{"aws:SourceArn":%q}}}}`, queueARN, *topic)
	url := must(queues.CreateQueue(ctx, &awssqs.CreateQueueInput{QueueName: aws.String("q"), Attributes: map[string]string{"Policy": policy}}))(t).QueueUrl
	sub := must(topics.Subscribe(ctx, &awssns.SubscribeInput{TopicArn: topic, Protocol: aws.String("sqs"), Endpoint: &queueARN, Attributes: map[string]string{"FilterPolicy": `{"kind":["good"]}`}}))(t).SubscriptionArn
	kind := func(value string) map[string]types.MessageAttributeValue {
		return map[string]types.MessageAttributeValue{"kind": {DataType: aws.String("String"), StringValue: &value}}
	}
	must(topics.Publish(ctx, &awssns.PublishInput{TopicArn: topic, Message: aws.String("no"), MessageAttributes: kind("bad")}))(t)
	must(topics.Publish(ctx, &awssns.PublishInput{TopicArn: topic, Message: aws.String("yes"), Subject: aws.String("Hello"), MessageAttributes: kind("good")}))(t)
	receive := func() string {
		t.Helper()
		got := strongroomtest.Receive(t, queues, &awssqs.ReceiveMessageInput{QueueUrl: url})
		must(queues.DeleteMessage(ctx, &awssqs.DeleteMessageInput{QueueUrl: url, ReceiptHandle: got[0].ReceiptHandle}))(t)
		return *got[0].Body
	}
	var m struct {
		Type, Message, Subject, TopicArn, Signature, SigningCertURL, Timestamp string

		MessageID string `json:"MessageId"`
	}
	if err := json.Unmarshal([]byte(receive()), &m); err != nil || m.Message != "yes" || m.Subject != "Hello" || m.TopicArn != *topic {
		t.Fatalf("received %+v, %v", m, err)
	}
	// The signature is that of the certificate that the message names.
	response := must(http.Get(m.SigningCertURL))(t)
	defer response.Body.Close()
	block, _ := pem.Decode(must(io.ReadAll(response.Body))(t))
	certificate := must(x509.ParseCertificate(block.Bytes))(t)
	signed := "Message\n" + m.Message + "\nMessageId\n" + m.MessageID + "\nSubject\n" + m.Subject + "\nTimestamp\n" + m.Timestamp + "\nTopicArn\n" + m.TopicArn + "\nType\n" + m.Type + "\n"
	signature := must(base64.StdEncoding.DecodeString(m.Signature))(t)
	if err := certificate.CheckSignature(x509.SHA1WithRSA, []byte(signed), signature); err != nil {
		t.Errorf("the signature: %v", err)
	}
	must(topics.SetSubscriptionAttributes(ctx, &awssns.SetSubscriptionAttributesInput{SubscriptionArn: sub, AttributeName: aws.String("RawMessageDelivery"), AttributeValue: aws.String("true")}))(t)
	batch := must(topics.PublishBatch(ctx, &awssns.PublishBatchInput{TopicArn: topic, PublishBatchRequestEntries: []types.PublishBatchRequestEntry{
		{Id: aws.String("1"), Message: aws.String("raw"), MessageAttributes: kind("good")}, {Id: aws.String("2"), Message: aws.String("")},
	}}))(t)
	if len(batch.Successful) != 1 || len(batch.Failed) != 1 || *batch.Failed[0].Code != "InvalidParameter" {
		t.Errorf("the batch: %+v", batch)
	}
	if got := receive(); got != "raw" {
		t.Errorf("received %s", got)
	}
	if a := must(topics.GetSubscriptionAttributes(ctx, &awssns.GetSubscriptionAttributesInput{SubscriptionArn: sub}))(t); a.Attributes["PendingConfirmation"] != "false" || a.Attributes["RawMessageDelivery"] != "true" {
		t.Errorf("the subscription: %v", a.Attributes)
	}
	if a := must(topics.GetTopicAttributes(ctx, &awssns.GetTopicAttributesInput{TopicArn: topic}))(t); a.Attributes["SubscriptionsConfirmed"] != "1" || a.Attributes["DisplayName"] != "News" {
		t.Errorf("the topic: %v", a.Attributes)
	}
	if l := must(topics.ListTopics(ctx, &awssns.ListTopicsInput{}))(t); len(l.Topics) != 1 {
		t.Errorf("topics: %v", l.Topics)
	}
	if l := must(topics.ListSubscriptions(ctx, &awssns.ListSubscriptionsInput{}))(t); len(l.Subscriptions) != 1 {
		t.Errorf("subscriptions: %v", l.Subscriptions)
	}
	if l := must(topics.ListSubscriptionsByTopic(ctx, &awssns.ListSubscriptionsByTopicInput{TopicArn: topic}))(t); len(l.Subscriptions) != 1 {
		t.Errorf("subscriptions of the topic: %v", l.Subscriptions)
	}
	must(topics.TagResource(ctx, &awssns.TagResourceInput{ResourceArn: topic, Tags: []types.Tag{{Key: aws.String("b"), Value: aws.String("2")}}}))(t)
	must(topics.UntagResource(ctx, &awssns.UntagResourceInput{ResourceArn: topic, TagKeys: []string{"a"}}))(t)
	if l := must(topics.ListTagsForResource(ctx, &awssns.ListTagsForResourceInput{ResourceArn: topic}))(t); len(l.Tags) != 1 || *l.Tags[0].Key != "b" {
		t.Errorf("tags: %v", l.Tags)
	}
	other := awssns.NewFromConfig(s.AWS(t, "backup", region))
	_, err := other.Publish(ctx, &awssns.PublishInput{TopicArn: topic, Message: aws.String("x")})
	wantCode(t, err, "AuthorizationError")
	must(topics.AddPermission(ctx, &awssns.AddPermissionInput{TopicArn: topic, Label: aws.String("in"), AWSAccountId: []string{server.BackupAccount}, ActionName: []string{"Publish"}}))(t)
	must(other.Publish(ctx, &awssns.PublishInput{TopicArn: topic, Message: aws.String("x")}))(t)
	must(topics.RemovePermission(ctx, &awssns.RemovePermissionInput{TopicArn: topic, Label: aws.String("in")}))(t)
	_, err = other.Publish(ctx, &awssns.PublishInput{TopicArn: topic, Message: aws.String("x")})
	wantCode(t, err, "AuthorizationError")
	must(topics.Unsubscribe(ctx, &awssns.UnsubscribeInput{SubscriptionArn: sub}))(t)
	_, err = topics.GetSubscriptionAttributes(ctx, &awssns.GetSubscriptionAttributesInput{SubscriptionArn: sub})
	wantCode(t, err, "NotFound")
	must(topics.DeleteTopic(ctx, &awssns.DeleteTopicInput{TopicArn: topic}))(t)
	_, err = topics.Publish(ctx, &awssns.PublishInput{TopicArn: topic, Message: aws.String("x")})
	wantCode(t, err, "NotFound")
}

// TestEndpointConfirms: an HTTP endpoint gets nothing but the question before it has confirmed.
func TestEndpointConfirms(t *testing.T) {
	t.Parallel()
	s, ctx := strongroomtest.New(t, here), t.Context()
	topics := awssns.NewFromConfig(s.AWS(t, "member", region))
	got := make(chan map[string]string, 10)
	endpoint := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		m := map[string]string{"header": r.Header.Get("x-amz-sns-message-type")}
		_ = json.NewDecoder(r.Body).Decode(&m)
		got <- m
	}))
	t.Cleanup(endpoint.Close)
	topic := must(topics.CreateTopic(ctx, &awssns.CreateTopicInput{Name: aws.String("news")}))(t).TopicArn
	must(topics.Subscribe(ctx, &awssns.SubscribeInput{TopicArn: topic, Protocol: aws.String("http"), Endpoint: &endpoint.URL}))(t)
	asked := <-got
	if asked["header"] != "SubscriptionConfirmation" || asked["Token"] == "" {
		t.Fatalf("it got %v", asked)
	}
	must(topics.Publish(ctx, &awssns.PublishInput{TopicArn: topic, Message: aws.String("too early")}))(t)
	_, err := topics.ConfirmSubscription(ctx, &awssns.ConfirmSubscriptionInput{TopicArn: topic, Token: aws.String("nonsense")})
	wantCode(t, err, "InvalidParameter")
	must(topics.ConfirmSubscription(ctx, &awssns.ConfirmSubscriptionInput{TopicArn: topic, Token: aws.String(asked["Token"])}))(t)
	must(topics.Publish(ctx, &awssns.PublishInput{TopicArn: topic, Message: aws.String("now")}))(t)
	if m := <-got; m["Message"] != "now" {
		t.Errorf("it got %v", m)
	}
	_, err = topics.Subscribe(ctx, &awssns.SubscribeInput{TopicArn: topic, Protocol: aws.String("email"), Endpoint: aws.String("a@b.c")})
	wantCode(t, err, "NotImplemented")
}
