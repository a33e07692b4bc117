package sns

import (
	"bytes"
	"context"
	"encoding/json"
	"strings"
	"time"

	"strongroom/internal/state"
)

// message is what subscribers get, unless they asked for the raw message.
// https://docs.aws.amazon.com/sns/latest/dg/sns-message-and-json-formats.html
type message struct {
	Type              string                    `json:"Type"`
	MessageID         string                    `json:"MessageId"`
	Token             string                    `json:"Token,omitempty"`
	SequenceNumber    string                    `json:"SequenceNumber,omitempty"`
	TopicARN          string                    `json:"TopicArn"`
	Subject           string                    `json:"Subject,omitempty"`
	Message           string                    `json:"Message"`
	SubscribeURL      string                    `json:"SubscribeURL,omitempty"`
	Timestamp         string                    `json:"Timestamp"`
	SignatureVersion  string                    `json:"SignatureVersion"`
	Signature         string                    `json:"Signature"`
	SigningCertURL    string                    `json:"SigningCertURL"`
	UnsubscribeURL    string                    `json:"UnsubscribeURL,omitempty"`
	MessageAttributes map[string]shownAttribute `json:"MessageAttributes,omitempty"`
}

// notification is the type of what was published; other messages are about the subscription itself.
const notification = "Notification"

type shownAttribute struct {
	Type  string
	Value string
}

func stamp(at state.Micros) string { return at.Time().Format("2006-01-02T15:04:05.000Z") }

// canonical is what of a message is signed.
// https://docs.aws.amazon.com/sns/latest/dg/sns-verify-signature-of-message.html
func (m message) canonical() []byte {
	var b bytes.Buffer
	put := func(name, value string) {
		if value != "" {
			b.WriteString(name + "\n" + value + "\n")
		}
	}
	put("Message", m.Message)
	put("MessageId", m.MessageID)
	if m.Type == notification {
		put("Subject", m.Subject)
	} else {
		put("SubscribeURL", m.SubscribeURL)
	}
	put("Timestamp", m.Timestamp)
	put("Token", m.Token)
	put("TopicArn", m.TopicARN)
	put("Type", m.Type)
	return b.Bytes()
}

// How long deliveries are tried: to queues as long as AWS tries, to endpoints as its usual delivery policy says.
// https://docs.aws.amazon.com/sns/latest/dg/sns-message-delivery-retries.html
const (
	queuePatience    = 23 * 24 * time.Hour
	endpointPatience = time.Hour
	endpointRetries  = 3
)

// deliver makes the delivery of a message to a subscription; more sets what else belongs to it.
func (s *Service) deliver(ctx context.Context, tx *state.Tx, t state.Topic, sub state.Subscription, m message, raw bool, more func(*state.Delivery)) error {
	body := m.Message
	if !raw {
		var b strings.Builder
		e := json.NewEncoder(&b)
		e.SetEscapeHTML(false)
		e.SetIndent("", "  ")
		if err := e.Encode(m); err != nil {
			return err
		}
		body = strings.TrimSuffix(b.String(), "\n")
	}
	d := state.Delivery{
		Principal: Principal, AccountID: t.AccountID, Region: t.Region, SourceARN: t.ARN, TargetARN: sub.Endpoint,
		ExpiresAt:       tx.Now + state.Micros(queuePatience.Microseconds()),
		DeliveryContent: state.DeliveryContent{Message: body},
	}
	if m.Type == notification { // the token of a confirmation is for the endpoint alone
		d.DeadLetter = deadLetterOf(sub.Attributes["RedrivePolicy"])
	}
	if more != nil {
		more(&d)
	}
	if sub.Protocol == "lambda" {
		var err error
		if d.Message, err = eventOf(sub, m); err != nil {
			return err
		}
		d.Attributes = nil
	}
	if posts(sub) {
		d.Most, d.ExpiresAt = retriesOf(t, sub), tx.Now+state.Micros(endpointPatience.Microseconds())
		d.Headers = map[string]string{
			"x-amz-sns-message-type": m.Type, "x-amz-sns-message-id": m.MessageID, "x-amz-sns-topic-arn": t.ARN, "x-amz-sns-subscription-arn": sub.ARN,
		}
		if raw {
			d.Headers["x-amz-sns-rawdelivery"] = "true"
		}
		d.Attributes = nil
	}
	return s.Deliver(ctx, tx, d)
}

// posts reports whether a subscription is that of an endpoint outside, which messages are posted to.
func posts(sub state.Subscription) bool { return sub.Protocol == "http" || sub.Protocol == "https" }

// functionEvent is a message as functions see it, in names of their own.
// https://docs.aws.amazon.com/lambda/latest/dg/with-sns.html
type functionEvent struct {
	Source       string          `json:"EventSource"`
	Version      string          `json:"EventVersion"`
	Subscription string          `json:"EventSubscriptionArn"`
	SNS          functionMessage `json:"Sns"`
}

type functionMessage struct {
	Type              string
	MessageID         string `json:"MessageId"`
	Token             string `json:",omitempty"`
	TopicARN          string `json:"TopicArn"`
	Subject           *string
	Message           string
	Timestamp         string
	SignatureVersion  string
	Signature         string
	SigningCertURL    string `json:"SigningCertUrl"`
	UnsubscribeURL    string `json:"UnsubscribeUrl"`
	MessageAttributes map[string]shownAttribute
}

// eventOf is what a function gets of a message.
func eventOf(sub state.Subscription, m message) (string, error) {
	f := functionMessage{
		Type: m.Type, MessageID: m.MessageID, Token: m.Token, TopicARN: m.TopicARN, Message: m.Message, Timestamp: m.Timestamp, SignatureVersion: m.SignatureVersion,
		Signature: m.Signature, SigningCertURL: m.SigningCertURL, UnsubscribeURL: m.UnsubscribeURL, MessageAttributes: m.MessageAttributes,
	}
	if m.Subject != "" {
		f.Subject = &m.Subject
	}
	if f.MessageAttributes == nil {
		f.MessageAttributes = map[string]shownAttribute{}
	}
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	err := e.Encode(map[string][]functionEvent{"Records": {{"aws:sns", "1.0", sub.ARN, f}}})
	return strings.TrimSuffix(b.String(), "\n"), err
}

// retriesOf is how often an endpoint is tried again, by its own delivery policy or the topic's.
func retriesOf(t state.Topic, sub state.Subscription) int64 {
	var own struct {
		Healthy *struct{ NumRetries int64 } `json:"healthyRetryPolicy"`
	}
	if json.Unmarshal([]byte(sub.Attributes["DeliveryPolicy"]), &own) == nil && own.Healthy != nil {
		return retries(own.Healthy.NumRetries)
	}
	var topics struct {
		HTTP struct {
			Healthy *struct{ NumRetries int64 } `json:"defaultHealthyRetryPolicy"`
		} `json:"http"`
	}
	if json.Unmarshal([]byte(t.Attributes["DeliveryPolicy"]), &topics) == nil && topics.HTTP.Healthy != nil {
		return retries(topics.HTTP.Healthy.NumRetries)
	}
	return endpointRetries
}

func retries(n int64) int64 {
	if n <= 0 {
		return -1
	}
	return min(n, 100)
}
