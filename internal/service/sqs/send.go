package sqs

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"math/big"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/google/uuid"

	"strongroom/internal/api"
	"strongroom/internal/state"
)

// SendMessage puts a message into a queue.
func (s *Service) SendMessage(ctx context.Context, c *api.Caller, in *sqs.SendMessageInput) (*sqs.SendMessageOutput, error) {
	q, err := s.queue(ctx, c, aws.ToString(in.QueueUrl))
	if err != nil {
		return nil, err
	}
	d, err := newDraft(q, types.SendMessageBatchRequestEntry{
		MessageBody: in.MessageBody, DelaySeconds: in.DelaySeconds, MessageAttributes: in.MessageAttributes,
		MessageSystemAttributes: in.MessageSystemAttributes, MessageGroupId: in.MessageGroupId, MessageDeduplicationId: in.MessageDeduplicationId,
	})
	if err != nil {
		return nil, err
	}
	key, err := s.newKey(ctx, c, q)
	if err != nil {
		return nil, err
	}
	if err := s.send(ctx, c, q, key, d); err != nil {
		return nil, err
	}
	r := d.result()
	return &sqs.SendMessageOutput{
		MessageId: r.MessageId, MD5OfMessageBody: r.MD5OfMessageBody, MD5OfMessageAttributes: r.MD5OfMessageAttributes,
		MD5OfMessageSystemAttributes: r.MD5OfMessageSystemAttributes, SequenceNumber: r.SequenceNumber,
	}, nil
}

// SendMessageBatch puts up to ten messages into a queue, each for itself.
func (s *Service) SendMessageBatch(ctx context.Context, c *api.Caller, in *sqs.SendMessageBatchInput) (*sqs.SendMessageBatchOutput, error) {
	q, err := s.queue(ctx, c, aws.ToString(in.QueueUrl))
	if err != nil {
		return nil, err
	}
	if err := checkBatch("SendMessage", len(in.Entries), func(i int) *string { return in.Entries[i].Id }); err != nil {
		return nil, err
	}
	size := 0
	for _, e := range in.Entries {
		size += sizeOf(e)
	}
	if size > maxMessage {
		return nil, api.Errorf("BatchRequestTooLong", "Batch requests cannot be longer than %d bytes. You have sent %d bytes.", maxMessage, size)
	}
	out := &sqs.SendMessageBatchOutput{Successful: []types.SendMessageBatchResultEntry{}}
	var drafts []*draft
	for _, e := range in.Entries {
		d, err := newDraft(q, e)
		if err != nil {
			failed, err := failedEntry(e.Id, err)
			if err != nil {
				return nil, err
			}
			out.Failed = append(out.Failed, failed)
			continue
		}
		drafts = append(drafts, d)
	}
	if len(drafts) == 0 {
		return out, nil
	}
	key, err := s.newKey(ctx, c, q)
	if err != nil {
		return nil, err
	}
	if err := s.send(ctx, c, q, key, drafts...); err != nil {
		return nil, err
	}
	for _, d := range drafts {
		out.Successful = append(out.Successful, d.result())
	}
	return out, nil
}

// draft is a message that has been checked.
type draft struct {
	entry    types.SendMessageBatchRequestEntry
	id       string
	delay    int64
	group    string
	dedup    string
	sequence int64 // once it is sent
}

// newDraft checks a message against its queue.
func newDraft(q state.Queue, e types.SendMessageBatchRequestEntry) (*draft, error) {
	body := aws.ToString(e.MessageBody)
	if body == "" {
		return nil, missing("MessageBody")
	}
	if !utf8.ValidString(body) || strings.IndexFunc(body, forbidden) >= 0 {
		return nil, api.Errorf("InvalidMessageContents", "Invalid characters found. Valid unicode characters are #x9 | #xA | #xD | #x20 to #xD7FF | #xE000 to #xFFFD | #x10000 to #x10FFFF")
	}
	if err := checkAttributes(e.MessageAttributes); err != nil {
		return nil, err
	}
	if most := numberOf(q, "MaximumMessageSize"); int64(sizeOf(e)) > most {
		return nil, invalid("One or more parameters are invalid. Reason: Message must be shorter than %d bytes.", most)
	}
	for name := range e.MessageSystemAttributes {
		if name != string(types.MessageSystemAttributeNameForSendsAWSTraceHeader) {
			return nil, invalid("Message system attribute name '%s' is invalid.", name)
		}
	}
	d := &draft{entry: e, id: uuid.NewString(), delay: int64(e.DelaySeconds), group: aws.ToString(e.MessageGroupId), dedup: aws.ToString(e.MessageDeduplicationId)}
	if d.delay < -1 || d.delay > numbers["DelaySeconds"].most {
		return nil, invalidValue("DelaySeconds", strconv.FormatInt(d.delay, 10), "DelaySeconds must be >= 0 and <= 900.")
	}
	for name, id := range map[string]string{"MessageGroupId": d.group, "MessageDeduplicationId": d.dedup} {
		if id != "" && !fifoID.MatchString(id) {
			return nil, invalidValue(name, id, name+" can only include alphanumeric and punctuation characters. 1 to 128 in length.")
		}
	}
	if d.delay < 0 || fifo(q) && d.delay == 0 {
		d.delay = numberOf(q, "DelaySeconds")
	}
	if !fifo(q) {
		if d.dedup != "" {
			return nil, invalid("The request includes a parameter that is not valid for this queue type. Reason: MessageDeduplicationId is for FIFO queues.")
		}
		return d, nil
	}
	switch {
	case d.group == "":
		return nil, missing("MessageGroupId")
	case e.DelaySeconds > 0:
		return nil, invalidValue("DelaySeconds", strconv.FormatInt(int64(e.DelaySeconds), 10), "The request include parameter that is not valid for this queue type.")
	case d.dedup == "" && q.Attributes["ContentBasedDeduplication"] != "true":
		return nil, invalid("The queue should either have ContentBasedDeduplication enabled or MessageDeduplicationId provided explicitly")
	case d.dedup == "":
		sum := sha256.Sum256([]byte(body))
		d.dedup = hex.EncodeToString(sum[:])
	}
	return d, nil
}

var (
	fifoID        = regexp.MustCompile("^[A-Za-z0-9!\"#$%&'()*+,./:;<=>?@\\[\\\\\\]^_`{|}~-]{1,128}$")
	attributeName = regexp.MustCompile(`^[A-Za-z0-9_.-]{1,256}$`)
)

// forbidden are the characters that no message holds.
func forbidden(r rune) bool {
	return r < ' ' && r != '\t' && r != '\n' && r != '\r' || r == 0xfffe || r == 0xffff
}

// checkAttributes checks the attributes that the sender gives a message.
func checkAttributes(attributes map[string]types.MessageAttributeValue) error {
	if len(attributes) > 10 {
		return invalid("Number of message attributes [%d] exceeds the allowed maximum [10].", len(attributes))
	}
	for name, a := range attributes {
		lower := strings.ToLower(name)
		switch {
		case !attributeName.MatchString(name) || strings.HasPrefix(name, ".") || strings.HasSuffix(name, ".") || strings.Contains(name, ".."):
			return invalid("The message attribute name '%s' is invalid. Attribute name can contain A-Z, a-z, 0-9, underscore (_), hyphen (-), and period (.) characters.", name)
		case strings.HasPrefix(lower, "aws.") || strings.HasPrefix(lower, "amazon."):
			return invalid("Message attribute name can not start with AWS-reserved prefixes like 'AWS.' or 'Amazon.' or variations in casing.")
		}
		dataType := aws.ToString(a.DataType)
		kind, _, _ := strings.Cut(dataType, ".")
		switch {
		case dataType == "":
			return invalid("The message attribute '%s' must contain non-empty message attribute type.", name)
		case len(dataType) > 256 || kind != "String" && kind != "Number" && kind != "Binary":
			return invalid("The message attribute '%s' has an invalid message attribute type, the set of supported type prefixes is Binary, Number, and String.", name)
		case kind == "Binary" && len(a.BinaryValue) == 0, kind != "Binary" && aws.ToString(a.StringValue) == "":
			return invalid("The message attribute '%s' must contain non-empty message attribute value for message attribute type '%s'.", name, dataType)
		case kind == "Number":
			if _, ok := new(big.Float).SetString(*a.StringValue); !ok {
				return invalid("Could not cast message attribute '%s' value to number.", name)
			}
		}
	}
	return nil
}

// sizeOf is what counts of a message for its queue's limit.
func sizeOf(e types.SendMessageBatchRequestEntry) int {
	n := len(aws.ToString(e.MessageBody))
	for name, a := range e.MessageAttributes {
		n += len(name) + len(aws.ToString(a.DataType)) + len(aws.ToString(a.StringValue)) + len(a.BinaryValue)
	}
	return n
}

// send keeps messages. A FIFO queue takes one that it took within five minutes without keeping it again.
func (s *Service) send(ctx context.Context, c *api.Caller, q state.Queue, key dataKey, drafts ...*draft) error {
	var rows []state.Message
	for _, d := range drafts {
		m := state.Message{ID: d.id, QueueARN: q.ARN, SealedFor: q.ARN, Sender: senderOf(c), GroupID: d.group, DedupID: d.dedup}
		trace := d.entry.MessageSystemAttributes[string(types.MessageSystemAttributeNameForSendsAWSTraceHeader)]
		if err := key.seal(&m, content{Body: *d.entry.MessageBody, Attributes: d.entry.MessageAttributes, Trace: aws.ToString(trace.StringValue)}); err != nil {
			return err
		}
		rows = append(rows, m)
	}
	err := s.DB.Update(ctx, func(ctx context.Context, tx *state.Tx) error {
		for i, m := range rows {
			m.SentAt = tx.Now
			m.VisibleAt, m.ExpiresAt = tx.Now+seconds(drafts[i].delay), tx.Now+retentionOf(q)
			if err := keep(ctx, tx, q, m, drafts[i]); err != nil {
				return err
			}
		}
		return nil
	})
	if errors.Is(err, state.ErrNotFound) {
		return noQueue()
	}
	if err == nil {
		s.arrivals.tell(q.ARN)
	}
	return err
}

const deduplicationSeconds = 300

func keep(ctx context.Context, tx *state.Tx, q state.Queue, m state.Message, d *draft) error {
	if _, err := tx.Queue(ctx, q.ARN); err != nil {
		return err // it was deleted since
	}
	if !fifo(q) {
		_, err := tx.InsertMessage(ctx, m)
		return err
	}
	scope := ""
	if q.Attributes["DeduplicationScope"] == "messageGroup" {
		scope = m.GroupID
	}
	before, err := tx.Deduplication(ctx, q.ARN, scope, m.DedupID)
	if err == nil {
		d.id, d.sequence = before.MessageID, before.Sequence
		return nil
	}
	if !errors.Is(err, state.ErrNotFound) {
		return err
	}
	if d.sequence, err = tx.InsertMessage(ctx, m); err != nil {
		return err
	}
	return tx.PutDeduplication(ctx, state.Deduplication{
		QueueARN: q.ARN, GroupID: scope, DedupID: m.DedupID, MessageID: m.ID, Sequence: d.sequence, ExpiresAt: tx.Now + seconds(deduplicationSeconds),
	})
}

// senderOf is the attribute SenderId.
func senderOf(c *api.Caller) string {
	if c.UserID != "" {
		return c.UserID
	}
	return c.AccountID
}

// result is the answer of a message that was sent.
func (d *draft) result() types.SendMessageBatchResultEntry {
	r := types.SendMessageBatchResultEntry{Id: d.entry.Id, MessageId: &d.id, MD5OfMessageBody: new(digest(*d.entry.MessageBody))}
	if len(d.entry.MessageAttributes) > 0 {
		r.MD5OfMessageAttributes = new(digestOf(d.entry.MessageAttributes))
	}
	if len(d.entry.MessageSystemAttributes) > 0 {
		system := map[string]types.MessageAttributeValue{}
		for name, a := range d.entry.MessageSystemAttributes {
			system[name] = types.MessageAttributeValue{DataType: a.DataType, StringValue: a.StringValue, BinaryValue: a.BinaryValue}
		}
		r.MD5OfMessageSystemAttributes = new(digestOf(system))
	}
	if d.sequence > 0 {
		r.SequenceNumber = new(sequenceNumber(d.sequence))
	}
	return r
}

// sequenceNumber is how a sequence is told: twenty digits, of which clients compare texts.
func sequenceNumber(n int64) string { return fmt.Sprintf("188%017d", n) }
