package sns_test

import (
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	awssns "github.com/aws/aws-sdk-go-v2/service/sns"
	awssqs "github.com/aws/aws-sdk-go-v2/service/sqs"

	"strongroom/internal/api"
	"strongroom/internal/server"
	"strongroom/internal/service/sns"
	"strongroom/internal/state"
	"strongroom/internal/strongroomtest"
)

var loopback = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128")}

// here lets a server call endpoints of the test's own.
var here = strongroomtest.Options{Config: server.Config{Webhooks: server.Webhooks{Allow: loopback}}}

// TestEndpointsInside: whoever may subscribe reaches nothing through the server that only the server reaches.
func TestEndpointsInside(t *testing.T) {
	t.Parallel()
	var calls atomic.Int64
	endpoint := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { calls.Add(1) }))
	t.Cleanup(endpoint.Close)
	log := slog.New(slog.DiscardHandler)
	closed, open := sns.New(sns.Config{Log: log}), sns.New(sns.Config{Log: log, Webhooks: loopback})
	for _, url := range []string{endpoint.URL, strings.Replace(endpoint.URL, "127.0.0.1", "localhost", 1), "http://169.254.169.254/latest/meta-data/", "http://0.0.0.0:80/", "http://10.0.0.1/"} {
		err := closed.Post(t.Context(), state.Delivery{TargetARN: url})
		if e, ok := errors.AsType[*api.Error](err); !ok || e.HTTPStatus() != http.StatusBadRequest || strings.Contains(e.Message, "address") {
			t.Errorf("%s is called: %v", url, err)
		}
	}
	if n := calls.Load(); n != 0 {
		t.Errorf("the endpoint was called %d times", n)
	}
	if err := open.Post(t.Context(), state.Delivery{TargetARN: endpoint.URL}); err != nil || calls.Load() != 1 {
		t.Errorf("the endpoint that is allowed was called %d times: %v", calls.Load(), err)
	}
}

// TestTokensStayWithTheirEndpoint: a dead-letter queue gets what was published and not taken, never the question whether
// the endpoint agrees, and does not tell what the endpoint answers.
func TestTokensStayWithTheirEndpoint(t *testing.T) {
	t.Parallel()
	c, ctx := newClients(t), t.Context()
	type call struct{ kind, raw, token string }
	got := make(chan call, 10)
	endpoint := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var m struct{ Token string }
		_ = json.NewDecoder(r.Body).Decode(&m)
		w.WriteHeader(http.StatusTeapot)
		got <- call{r.Header.Get("x-amz-sns-message-type"), r.Header.Get("x-amz-sns-rawdelivery"), m.Token}
	}))
	t.Cleanup(endpoint.Close)
	letters, lettersARN := c.queue(t, "letters", nil)
	topic := must(c.topics.CreateTopic(ctx, &awssns.CreateTopicInput{Name: aws.String("news")}))(t).TopicArn
	must(c.topics.Subscribe(ctx, &awssns.SubscribeInput{TopicArn: topic, Protocol: aws.String("http"), Endpoint: &endpoint.URL, Attributes: map[string]string{
		"RawMessageDelivery": "true", "RedrivePolicy": `{"deadLetterTargetArn":"` + lettersARN + `"}`,
	}}))(t)
	asked := <-got
	if asked.kind != "SubscriptionConfirmation" || asked.raw != "" || asked.token == "" {
		t.Fatalf("it got %+v", asked)
	}
	must(c.topics.ConfirmSubscription(ctx, &awssns.ConfirmSubscriptionInput{TopicArn: topic, Token: &asked.token}))(t)
	must(c.topics.Publish(ctx, &awssns.PublishInput{TopicArn: topic, Message: aws.String("news")}))(t)
	if m := <-got; m.kind != "Notification" || m.raw != "true" {
		t.Errorf("it got %+v", m)
	}
	// Deliveries to an endpoint are made in order: a letter of the question would lie here first.
	out := strongroomtest.Receive(t, c.queues, &awssqs.ReceiveMessageInput{QueueUrl: letters, MessageAttributeNames: []string{"All"}})
	if *out[0].Body != "news" {
		t.Fatalf("the dead-letter queue has %+v", out)
	}
	told := map[string]string{}
	for name, a := range out[0].MessageAttributes {
		told[name] = aws.ToString(a.StringValue)
	}
	if told["ErrorCode"] != "EndpointFailure" || told["ErrorMessage"] != "The message could not be delivered to the endpoint." {
		t.Errorf("the dead letter tells %v", told)
	}
}

// TestKeysOfTopics: messages are not sealed under keys of the account, so no topic says that its are.
func TestKeysOfTopics(t *testing.T) {
	t.Parallel()
	c, ctx := newClients(t), t.Context()
	key := aws.String("alias/aws/sns")
	_, err := c.topics.CreateTopic(ctx, &awssns.CreateTopicInput{Name: aws.String("sealed"), Attributes: map[string]string{"KmsMasterKeyId": *key}})
	wantCode(t, err, "NotImplemented")
	topic := must(c.topics.CreateTopic(ctx, &awssns.CreateTopicInput{Name: aws.String("news"), Attributes: map[string]string{"KmsMasterKeyId": ""}}))(t).TopicArn
	_, err = c.topics.SetTopicAttributes(ctx, &awssns.SetTopicAttributesInput{TopicArn: topic, AttributeName: aws.String("KmsMasterKeyId"), AttributeValue: key})
	wantCode(t, err, "NotImplemented")
}
