package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	eventtypes "github.com/aws/aws-sdk-go-v2/service/eventbridge/types"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
)

// kept collects what the server has acknowledged, by queue.
type kept struct {
	mu  sync.Mutex
	all map[string]map[string]bool // guarded by mu
}

func (k *kept) add(queue, body string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.all[queue] == nil {
		k.all[queue] = map[string]bool{}
	}
	k.all[queue][body] = true
}

// TestMessagesOutliveAKill kills the server in the middle of messages, events and notifications: whatever was acknowledged
// is there after the start, what was deleted is not, and what could not be delivered is delivered then.
func TestMessagesOutliveAKill(t *testing.T) {
	t.Parallel()
	ctx, p := t.Context(), newProcess(t)
	p.configure(t, `webhooks: {allow: ["127.0.0.0/8"]}`)
	p.start(ctx, t)
	var open atomic.Bool
	arrived := &kept{all: map[string]map[string]bool{}}
	endpoint := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var m struct{ Type, Message, Token string }
		if err := json.NewDecoder(r.Body).Decode(&m); err != nil {
			t.Errorf("the endpoint was sent: %v", err)
		}
		switch {
		case m.Type == "SubscriptionConfirmation":
			arrived.add("tokens", m.Token)
		case !open.Load():
			w.WriteHeader(http.StatusServiceUnavailable)
			arrived.add("tried", m.Message)
		default:
			arrived.add("endpoint", m.Message)
		}
	}))
	t.Cleanup(endpoint.Close)

	w := newParty(crashAccount, p.aws(t, "member", crashRegion))
	queues, topics, events := sqs.NewFromConfig(w.config), sns.NewFromConfig(w.config), eventbridge.NewFromConfig(w.config)
	sent := w.mailbox(t, "sent", "sqs.amazonaws.com")
	told := w.mailbox(t, "told", "events.amazonaws.com")
	published := w.mailbox(t, "published", "sns.amazonaws.com")
	told.listen(t, "all", `{"source":["my.app"]}`)
	topic := must(topics.CreateTopic(ctx, &sns.CreateTopicInput{Name: aws.String("news")}))(t, "making a topic").TopicArn
	must(topics.Subscribe(ctx, &sns.SubscribeInput{TopicArn: topic, Protocol: aws.String("sqs"), Endpoint: &published.arn, Attributes: map[string]string{"RawMessageDelivery": "true"}}))(t, "subscribing a queue")
	must(topics.Subscribe(ctx, &sns.SubscribeInput{
		TopicArn: topic, Protocol: aws.String("http"), Endpoint: &endpoint.URL,
		Attributes: map[string]string{"DeliveryPolicy": `{"healthyRetryPolicy":{"numRetries":100}}`}, // it refuses for as long as all rounds take
	}))(t, "subscribing an endpoint")
	eventually(ctx, t, "the endpoint is asked", func() (bool, error) {
		arrived.mu.Lock()
		defer arrived.mu.Unlock()
		for token := range arrived.all["tokens"] {
			_, err := topics.ConfirmSubscription(ctx, &sns.ConfirmSubscriptionInput{TopicArn: topic, Token: &token})
			return err == nil, err
		}
		return false, nil
	})

	// What was deleted, and what waits at the endpoint, before the first kill.
	for _, body := range []string{"deleted", "hidden"} {
		must(queues.SendMessage(ctx, &sqs.SendMessageInput{QueueUrl: sent.url, MessageBody: &body}))(t, "sending")
	}
	for range 2 {
		got := must(queues.ReceiveMessage(ctx, &sqs.ReceiveMessageInput{QueueUrl: sent.url, VisibilityTimeout: 3600}))(t, "receiving")
		for _, m := range got.Messages {
			if *m.Body == "deleted" {
				must(queues.DeleteMessage(ctx, &sqs.DeleteMessageInput{QueueUrl: sent.url, ReceiptHandle: m.ReceiptHandle}))(t, "deleting")
			}
		}
	}
	must(topics.Publish(ctx, &sns.PublishInput{TopicArn: topic, Message: aws.String("waits")}))(t, "publishing")
	acknowledged := &kept{all: map[string]map[string]bool{}}
	acknowledged.add(published.arn, "waits")
	eventually(ctx, t, "the endpoint refuses", func() (bool, error) {
		arrived.mu.Lock()
		defer arrived.mu.Unlock()
		return arrived.all["tried"]["waits"], nil
	})

	const rounds, senders = 3, 4
	for round := range rounds {
		work, stop := context.WithCancel(ctx)
		var busy sync.WaitGroup
		var acks atomic.Int64
		enough := make(chan struct{})
		count := func() {
			if acks.Add(1) == 60 {
				close(enough)
			}
		}
		for sender := range senders {
			busy.Go(func() {
				for n := 0; work.Err() == nil; n++ {
					body := fmt.Sprintf("%d/%d/%d", round, sender, n)
					if _, err := queues.SendMessage(work, &sqs.SendMessageInput{QueueUrl: sent.url, MessageBody: &body}); err == nil {
						acknowledged.add(sent.arn, body)
						count()
					}
					if _, err := topics.Publish(work, &sns.PublishInput{TopicArn: topic, Message: &body}); err == nil {
						acknowledged.add(published.arn, body)
						count()
					}
					out, err := events.PutEvents(work, &eventbridge.PutEventsInput{Entries: []eventtypes.PutEventsRequestEntry{
						{Source: aws.String("my.app"), DetailType: aws.String("x"), Detail: aws.String(`{"body":"` + body + `"}`)},
					}})
					if err == nil && out.FailedEntryCount == 0 {
						acknowledged.add(told.arn, body)
						count()
					}
				}
			})
		}
		select {
		case <-enough:
		case <-time.After(patience()):
			t.Error("the server acknowledges nothing")
		}
		p.kill()
		stop()
		busy.Wait()
		open.Store(round == rounds-1)
		p.start(ctx, t)
	}

	total := 0
	for _, m := range []*mailbox{sent, told, published} {
		want := acknowledged.all[m.arn]
		total += len(want)
		missing := map[string]bool{}
		for body := range want {
			missing[body] = true
		}
		for last := time.Now(); len(missing) > 0 && time.Since(last) < patience(); {
			got := must(queues.ReceiveMessage(ctx, &sqs.ReceiveMessageInput{QueueUrl: m.url, MaxNumberOfMessages: 10, WaitTimeSeconds: 5}))(t, "receiving")
			for _, message := range got.Messages {
				body := *message.Body
				if m == told {
					var e struct{ Detail struct{ Body string } }
					if err := json.Unmarshal([]byte(body), &e); err != nil {
						t.Fatalf("not an event: %s", body)
					}
					body = e.Detail.Body
				}
				if body == "deleted" || body == "hidden" {
					t.Errorf("%s gave %s", m.arn, body)
				}
				if missing[body] {
					last = time.Now()
				}
				delete(missing, body)
			}
		}
		if len(missing) > 0 {
			t.Errorf("%d of %d messages that were acknowledged for %s are lost, such as %v", len(missing), len(want), m.arn, missing)
		}
	}
	t.Logf("%d messages were acknowledged", total)
	eventually(ctx, t, "the endpoint has what waited for it, and all that was published", func() (bool, error) {
		arrived.mu.Lock()
		defer arrived.mu.Unlock()
		for body := range acknowledged.all[published.arn] {
			if !arrived.all["endpoint"][body] {
				return false, fmt.Errorf("%s is missing", body)
			}
		}
		return true, nil
	})
}
