package sns

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"unicode/utf8"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sns/types"
	"github.com/google/uuid"

	"strongroom/internal/api"
	"strongroom/internal/service/events/pattern"
	"strongroom/internal/state"
)

func (s *Service) publishAccess(ctx context.Context, c *api.Caller, in *sns.PublishInput) ([]api.Access, error) {
	if in.PhoneNumber != nil {
		return nil, api.NotImplemented("sns: text messages to telephones")
	}
	t, err := s.topic(ctx, c, topicOf(in))
	return []api.Access{access(t, "Publish")}, err
}

func topicOf(in *sns.PublishInput) string {
	if in.TopicArn == nil {
		return aws.ToString(in.TargetArn)
	}
	return *in.TopicArn
}

// Publish sends a message to all subscribers of a topic.
func (s *Service) Publish(ctx context.Context, c *api.Caller, in *sns.PublishInput) (*sns.PublishOutput, error) {
	t, err := s.topic(ctx, c, topicOf(in))
	if err != nil {
		return nil, err
	}
	p, err := newPublication(t, types.PublishBatchRequestEntry{
		Message: in.Message, Subject: in.Subject, MessageStructure: in.MessageStructure, MessageAttributes: in.MessageAttributes,
		MessageGroupId: in.MessageGroupId, MessageDeduplicationId: in.MessageDeduplicationId,
	})
	if err != nil {
		return nil, err
	}
	if err := s.publish(ctx, t, p); err != nil {
		return nil, err
	}
	return &sns.PublishOutput{MessageId: &p.id, SequenceNumber: p.sequenceNumber()}, nil
}

var entryID = regexp.MustCompile(`^[A-Za-z0-9_-]{1,80}$`)

// PublishBatch sends up to ten messages, each for itself.
func (s *Service) PublishBatch(ctx context.Context, c *api.Caller, in *sns.PublishBatchInput) (*sns.PublishBatchOutput, error) {
	t, err := s.topic(ctx, c, *in.TopicArn)
	if err != nil {
		return nil, err
	}
	n := len(in.PublishBatchRequestEntries)
	switch {
	case n == 0:
		return nil, api.Errorf("EmptyBatchRequest", "The batch request doesn't contain any entries.")
	case n > 10:
		return nil, api.Errorf("TooManyEntriesInBatchRequest", "The batch request contains more entries than permissible.")
	}
	seen, size := map[string]bool{}, 0
	for _, e := range in.PublishBatchRequestEntries {
		id := aws.ToString(e.Id)
		if !entryID.MatchString(id) {
			return nil, api.Errorf("InvalidBatchEntryId", "The Id of a batch entry in the batch request doesn't abide by the specification.")
		}
		if seen[id] {
			return nil, api.Errorf("BatchEntryIdsNotDistinct", "Two or more batch entries in the request have the same Id.")
		}
		seen[id] = true
		size += len(aws.ToString(e.Message))
	}
	if size > maxMessage {
		return nil, api.Errorf("BatchRequestTooLong", "The length of all the batch messages put together is more than the limit.")
	}
	out := &sns.PublishBatchOutput{Successful: []types.PublishBatchResultEntry{}, Failed: []types.BatchResultErrorEntry{}}
	for _, e := range in.PublishBatchRequestEntries {
		p, err := newPublication(t, e)
		if err == nil {
			err = s.publish(ctx, t, p)
		}
		if refused, ok := errors.AsType[*api.Error](err); ok {
			out.Failed = append(out.Failed, types.BatchResultErrorEntry{Id: e.Id, Code: &refused.Code, Message: &refused.Message, SenderFault: refused.HTTPStatus() < http.StatusInternalServerError})
			continue
		}
		if err != nil {
			return nil, err
		}
		out.Successful = append(out.Successful, types.PublishBatchResultEntry{Id: e.Id, MessageId: &p.id, SequenceNumber: p.sequenceNumber()})
	}
	return out, nil
}

// publication is a message that has been checked.
type publication struct {
	entry      types.PublishBatchRequestEntry
	id         string
	byProtocol map[string]string // with MessageStructure json
	group      string
	dedup      string
	sequence   int64
	signed     map[string]message // by what is signed of them
}

const maxMessage = 256 << 10

func newPublication(t state.Topic, e types.PublishBatchRequestEntry) (*publication, error) {
	p := &publication{entry: e, id: uuid.NewString(), signed: map[string]message{}, group: aws.ToString(e.MessageGroupId), dedup: aws.ToString(e.MessageDeduplicationId)}
	text := aws.ToString(e.Message)
	size := len(text)
	for name, a := range e.MessageAttributes {
		kind, _, _ := strings.Cut(aws.ToString(a.DataType), ".")
		if kind != "String" && kind != "Number" && kind != "Binary" {
			return nil, api.Errorf("ParameterValueInvalid", "The message attribute '%s' has an invalid message attribute type, the set of supported type prefixes is Binary, Number, and String.", name)
		}
		if kind == "Binary" && len(a.BinaryValue) == 0 || kind != "Binary" && aws.ToString(a.StringValue) == "" {
			return nil, api.Errorf("ParameterValueInvalid", "The message attribute '%s' must contain non-empty message attribute value for message attribute type '%s'.", name, aws.ToString(a.DataType))
		}
		size += len(name) + len(aws.ToString(a.DataType)) + len(aws.ToString(a.StringValue)) + len(a.BinaryValue)
	}
	switch {
	case text == "":
		return nil, invalid("Empty message")
	case !utf8.ValidString(text):
		return nil, invalid("Message is not UTF-8")
	case size > maxMessage:
		return nil, invalid("Message too long")
	case e.Subject != nil && !validSubject(*e.Subject):
		return nil, invalid("Subject")
	}
	switch structure := aws.ToString(e.MessageStructure); structure {
	case "":
	case "json":
		if err := json.Unmarshal([]byte(text), &p.byProtocol); err != nil {
			return nil, invalid("Message Structure - JSON message body failed to parse")
		}
		if _, ok := p.byProtocol["default"]; !ok {
			return nil, invalid("Message Structure - No default entry in JSON message body")
		}
	default:
		return nil, invalid("MessageStructure: %s", structure)
	}
	if !strings.HasSuffix(t.Name, ".fifo") {
		if p.dedup != "" {
			return nil, invalid("MessageDeduplicationId Reason: The request includes MessageDeduplicationId parameter that is not valid for this topic type")
		}
		return p, nil
	}
	switch {
	case p.group == "":
		return nil, invalid("The MessageGroupId parameter is required for FIFO topics")
	case p.dedup == "" && t.Attributes["ContentBasedDeduplication"] != "true":
		return nil, invalid("The topic should either have ContentBasedDeduplication enabled or MessageDeduplicationId provided explicitly")
	case p.dedup == "":
		sum := sha256.Sum256([]byte(text))
		p.dedup = hex.EncodeToString(sum[:])
	}
	return p, nil
}

// validSubject: it begins with a letter, a digit or a mark, and is one line of at most 100 characters of ASCII.
func validSubject(text string) bool {
	if text == "" || len(text) > 100 || text[0] == ' ' {
		return false
	}
	return strings.IndexFunc(text, func(r rune) bool { return r < ' ' || r > '~' }) < 0
}

func (p *publication) sequenceNumber() *string {
	if p.sequence == 0 {
		return nil
	}
	return new(fmt.Sprintf("1%019d", p.sequence))
}

// publish makes the deliveries of a message. A FIFO topic takes one that it took within five minutes without sending it
// again.
func (s *Service) publish(ctx context.Context, t state.Topic, p *publication) error {
	k, err := s.openSigner(ctx)
	if err != nil {
		return err
	}
	err = s.DB.Update(ctx, func(ctx context.Context, tx *state.Tx) error {
		t, err := tx.Topic(ctx, t.ARN)
		if err != nil {
			return err
		}
		if strings.HasSuffix(t.Name, ".fifo") {
			again, err := deduplicate(ctx, tx, t, p)
			if err != nil || again {
				return err
			}
		}
		subs, err := tx.TopicSubscriptions(ctx, t.ARN, "", 0)
		if err != nil {
			return err
		}
		for _, sub := range subs {
			if sub.Pending || !p.passes(sub) {
				continue
			}
			if err := s.notify(ctx, tx, k, t, sub, p); err != nil {
				return err
			}
		}
		return nil
	})
	if errors.Is(err, state.ErrNotFound) {
		return noTopic()
	}
	return err
}

const deduplicationMicros = 300e6

func deduplicate(ctx context.Context, tx *state.Tx, t state.Topic, p *publication) (again bool, err error) {
	scope := ""
	if t.Attributes["FifoThroughputScope"] == "MessageGroup" {
		scope = p.group
	}
	before, err := tx.TopicDeduplication(ctx, t.ARN, scope, p.dedup)
	if err == nil {
		p.id, p.sequence = before.MessageID, before.Sequence
		return true, nil
	}
	if !errors.Is(err, state.ErrNotFound) {
		return false, err
	}
	p.sequence, err = tx.PutTopicDeduplication(ctx, state.TopicDeduplication{
		TopicARN: t.ARN, GroupID: scope, DedupID: p.dedup, MessageID: p.id, ExpiresAt: tx.Now + deduplicationMicros,
	})
	return false, err
}

// passes holds the subscription's filter policy against the message.
// https://docs.aws.amazon.com/sns/latest/dg/sns-message-filtering.html
func (p *publication) passes(sub state.Subscription) bool {
	policy := sub.Attributes["FilterPolicy"]
	if policy == "" {
		return true
	}
	filter, err := pattern.Parse([]byte(policy))
	if err != nil {
		return false
	}
	if sub.Attributes["FilterPolicyScope"] == "MessageBody" {
		doc, err := pattern.Decode([]byte(p.text(sub.Protocol)))
		if _, ok := doc.(map[string]any); err != nil || !ok {
			return false
		}
		return filter.Match(doc)
	}
	doc := map[string]any{}
	for name, a := range p.entry.MessageAttributes {
		value := aws.ToString(a.StringValue)
		switch kind := aws.ToString(a.DataType); {
		case kind == "String.Array":
			if list, err := pattern.Decode([]byte(value)); err == nil {
				doc[name] = list
			}
		case strings.HasPrefix(kind, "Number"):
			doc[name] = json.Number(value)
		case strings.HasPrefix(kind, "String"):
			doc[name] = value
		}
	}
	return filter.Match(doc)
}

// text is the message for a protocol.
func (p *publication) text(protocol string) string {
	if p.byProtocol == nil {
		return *p.entry.Message
	}
	if text, ok := p.byProtocol[protocol]; ok {
		return text
	}
	return p.byProtocol["default"]
}

// signOnce signs a message, once for all subscriptions that get the same.
func (s *Service) signOnce(k *signer, t state.Topic, m *message, p *publication) error {
	text := string(m.canonical())
	if before, ok := p.signed[text]; ok {
		m.SignatureVersion, m.SigningCertURL, m.Signature = before.SignatureVersion, before.SigningCertURL, before.Signature
		return nil
	}
	if err := s.sign(k, t, m); err != nil {
		return err
	}
	p.signed[text] = *m
	return nil
}

// notify makes the delivery of a message to one subscription.
func (s *Service) notify(ctx context.Context, tx *state.Tx, k *signer, t state.Topic, sub state.Subscription, p *publication) error {
	m := message{
		Type: notification, MessageID: p.id, TopicARN: t.ARN, Subject: aws.ToString(p.entry.Subject), Message: p.text(sub.Protocol), Timestamp: stamp(tx.Now),
	}
	if n := p.sequenceNumber(); n != nil {
		m.SequenceNumber = *n
	}
	attributes := map[string]state.MessageAttribute{}
	for name, a := range p.entry.MessageAttributes {
		attributes[name] = state.MessageAttribute{DataType: aws.ToString(a.DataType), StringValue: aws.ToString(a.StringValue), BinaryValue: a.BinaryValue}
		if m.MessageAttributes == nil {
			m.MessageAttributes = map[string]shownAttribute{}
		}
		value := aws.ToString(a.StringValue)
		if len(a.BinaryValue) > 0 {
			value = base64.StdEncoding.EncodeToString(a.BinaryValue)
		}
		m.MessageAttributes[name] = shownAttribute{aws.ToString(a.DataType), value}
	}
	raw := sub.Attributes["RawMessageDelivery"] == "true"
	if !raw {
		attributes = nil
		m.UnsubscribeURL = s.link("Action", "Unsubscribe", "SubscriptionArn", sub.ARN, "Token", s.Pages.Seal("sns:unsubscribe", sub.ARN))
		if err := s.signOnce(k, t, &m, p); err != nil {
			return err
		}
	}
	return s.deliver(ctx, tx, t, sub, m, raw, func(d *state.Delivery) {
		d.Attributes, d.GroupID, d.DeduplicationID = attributes, p.group, p.dedup
	})
}
