package sqs

import (
	"context"
	"crypto/cipher"
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/google/uuid"

	"strongroom/internal/api"
	"strongroom/internal/state"
)

// reception is a ReceiveMessage that has been checked.
type reception struct {
	most    int
	visible int64 // seconds for which the receiver has the messages
	wait    int64 // seconds
	attempt string
	in      *sqs.ReceiveMessageInput
}

// newReception checks a request. Numbers that were not given are negative, or 0 for how many.
func newReception(q state.Queue, in *sqs.ReceiveMessageInput) (reception, error) {
	r := reception{most: int(in.MaxNumberOfMessages), visible: int64(in.VisibilityTimeout), wait: int64(in.WaitTimeSeconds), attempt: aws.ToString(in.ReceiveRequestAttemptId), in: in}
	if r.most <= 0 {
		r.most = 1
	}
	if r.visible < 0 {
		r.visible = numberOf(q, "VisibilityTimeout")
	}
	if r.wait < 0 {
		r.wait = numberOf(q, "ReceiveMessageWaitTimeSeconds")
	}
	switch {
	case r.most > 10:
		return r, invalidValue("MaxNumberOfMessages", strconv.Itoa(r.most), "Must be between 1 and 10, if provided.")
	case r.visible > maxVisibility:
		return r, invalidValue("VisibilityTimeout", strconv.FormatInt(r.visible, 10), "Must be between 0 and 43200, if provided.")
	case r.wait > numbers["ReceiveMessageWaitTimeSeconds"].most:
		return r, invalidValue("WaitTimeSeconds", strconv.FormatInt(r.wait, 10), "Must be >= 0 and <= 20, if provided.")
	case r.attempt != "" && !fifo(q):
		return r, invalidValue("ReceiveRequestAttemptId", r.attempt, "The request include parameter that is not valid for this queue type.")
	}
	return r, nil
}

// ReceiveMessage hands out messages, and waits for one if it is to.
func (s *Service) ReceiveMessage(ctx context.Context, c *api.Caller, in *sqs.ReceiveMessageInput) (*sqs.ReceiveMessageOutput, error) {
	q, err := s.queue(ctx, c, aws.ToString(in.QueueUrl))
	if err != nil {
		return nil, err
	}
	r, err := newReception(q, in)
	if err != nil {
		return nil, err
	}
	deadline := s.Clock.Now().Add(time.Duration(r.wait) * time.Second)
	open := &opener{s: s, caller: c, region: q.Region, keys: map[string]cipher.AEAD{}}
	for {
		arrived := s.arrivals.next(q.ARN)
		room, err := s.reserve(ctx, q, int64(r.most))
		if err != nil {
			return nil, err
		}
		if room == 0 && r.wait == 0 && !fifo(q) {
			return nil, overLimit()
		}
		now := r
		now.most = int(room)
		messages, next, err := s.take(ctx, q, now, open)
		s.release(q, room-int64(len(messages)))
		if err != nil {
			return nil, err
		}
		if len(messages) > 0 || !s.Clock.Now().Before(deadline) {
			return &sqs.ReceiveMessageOutput{Messages: messages}, nil
		}
		until := deadline
		if next != 0 && next.Time().Before(until) {
			until = next.Time()
		}
		if !s.await(ctx, arrived, until) {
			return &sqs.ReceiveMessageOutput{}, nil
		}
	}
}

// await waits for an arrival or a time; false means that the wait is over.
func (s *Service) await(ctx context.Context, arrived <-chan struct{}, until time.Time) bool {
	reached, stop := s.Clock.Until(until)
	defer stop()
	select {
	case <-arrived:
	case <-reached:
	case <-ctx.Done():
		return false
	case <-s.closing.Done():
		return false
	}
	return true
}

// take hands out messages that can be received now. If there is none, next is when one becomes visible; 0: none will.
//
// Messages are opened before they are taken: one that the receiver may not decrypt stays where it is, and KMS is not
// called inside a transaction.
func (s *Service) take(ctx context.Context, q state.Queue, r reception, open *opener) (out []types.Message, next state.Micros, err error) {
	for {
		var seen []state.Message
		err := s.DB.View(ctx, func(ctx context.Context, tx *state.Tx) error {
			if _, err := tx.Queue(ctx, q.ARN); err != nil {
				return err
			}
			if r.most > 0 {
				if seen, err = candidates(ctx, tx, q, r); err != nil || len(seen) > 0 {
					return err
				}
			}
			if next, err = tx.NextVisible(ctx, q.ARN); errors.Is(err, state.ErrNotFound) {
				return nil
			}
			return err
		})
		if errors.Is(err, state.ErrNotFound) {
			return nil, 0, noQueue()
		}
		if err != nil || len(seen) == 0 {
			return nil, next, err
		}
		opened := map[string]content{}
		for _, m := range seen {
			if opened[m.ID], err = open.open(ctx, m); err != nil {
				return nil, 0, err
			}
		}
		var taken []state.Message
		err = s.DB.Update(ctx, func(ctx context.Context, tx *state.Tx) error {
			taken, err = handOut(ctx, tx, q, r, opened)
			return err
		})
		if err != nil {
			return nil, 0, err
		}
		if len(taken) < len(seen) && q.DeadLetter != "" {
			s.arrivals.tell(q.DeadLetter)
		}
		for _, m := range taken {
			out = append(out, s.message(m, opened[m.ID], r.in))
		}
		if len(out) > 0 {
			return out, 0, nil
		}
		// All of them went to the dead-letter queue or to a faster receiver.
	}
}

func candidates(ctx context.Context, tx *state.Tx, q state.Queue, r reception) ([]state.Message, error) {
	if !fifo(q) {
		return tx.VisibleMessages(ctx, q.ARN, r.most)
	}
	if r.attempt != "" {
		again, err := tx.MessagesOfAttempt(ctx, q.ARN, r.attempt, tx.Now-seconds(deduplicationSeconds))
		if err != nil || len(again) > 0 {
			return again, err
		}
	}
	return tx.VisibleMessagesInOrder(ctx, q.ARN, r.most)
}

// handOut marks messages as received. Those that were received too often go to the dead-letter queue instead.
func handOut(ctx context.Context, tx *state.Tx, q state.Queue, r reception, opened map[string]content) ([]state.Message, error) {
	now, err := candidates(ctx, tx, q, r)
	if err != nil {
		return nil, err
	}
	policy, redrives := redriveOf(q)
	var taken []state.Message
	for _, m := range now {
		if _, ok := opened[m.ID]; !ok {
			break // the others behind it would be out of order
		}
		if redrives && m.Receives >= int64(policy.MaxReceiveCount) && !m.InFlight(tx.Now) {
			err := bury(ctx, tx, m, policy.DeadLetterTargetARN)
			if err == nil {
				continue
			}
			if !errors.Is(err, state.ErrNotFound) { // without its dead-letter queue the message stays
				return nil, err
			}
		}
		m.Receives++
		if m.ReceivedAt == 0 {
			m.ReceivedAt = tx.Now
		}
		m.Receipt, m.VisibleAt = uuid.NewString(), tx.Now+seconds(r.visible)
		m.Attempt, m.AttemptAt = r.attempt, tx.Now
		if err := tx.UpdateMessage(ctx, m); err != nil {
			return nil, err
		}
		taken = append(taken, m)
	}
	return taken, nil
}

// bury moves a message to a dead-letter queue. It keeps its id, and in a standard queue its age.
func bury(ctx context.Context, tx *state.Tx, m state.Message, deadLetterARN string) error {
	deadLetter, err := tx.Queue(ctx, deadLetterARN)
	if err != nil {
		return err
	}
	if !admits(deadLetter, m.QueueARN) {
		return state.ErrNotFound
	}
	m.DeadLetterOf, m.QueueARN = m.QueueARN, deadLetterARN
	from := m.SentAt
	if fifo(deadLetter) {
		from = tx.Now
	}
	m.ExpiresAt, m.VisibleAt = from+retentionOf(deadLetter), tx.Now
	m.Receives, m.ReceivedAt, m.Receipt, m.Attempt = 0, 0, "", ""
	return tx.RequeueMessage(ctx, m)
}

// message is a message as its receiver sees it.
func (s *Service) message(m state.Message, v content, in *sqs.ReceiveMessageInput) types.Message {
	out := types.Message{
		MessageId: &m.ID, Body: &v.Body, MD5OfBody: new(digest(v.Body)), ReceiptHandle: new(s.handleOf(m)),
		Attributes: systemAttributes(m, v, in),
	}
	for name, a := range v.Attributes {
		if !wanted(name, in.MessageAttributeNames) {
			continue
		}
		if out.MessageAttributes == nil {
			out.MessageAttributes = map[string]types.MessageAttributeValue{}
		}
		out.MessageAttributes[name] = a
	}
	if len(out.MessageAttributes) > 0 {
		out.MD5OfMessageAttributes = new(digestOf(out.MessageAttributes))
	}
	return out
}

// wanted reports whether a message attribute is asked for, by its name, by a prefix with .*, or with all.
func wanted(name string, patterns []string) bool {
	for _, p := range patterns {
		prefix, isPrefix := strings.CutSuffix(p, ".*")
		if p == "All" || p == name || isPrefix && (prefix == "" || strings.HasPrefix(name, prefix)) {
			return true
		}
	}
	return false
}

func systemAttributes(m state.Message, v content, in *sqs.ReceiveMessageInput) map[string]string {
	var names []string
	for _, name := range in.AttributeNames { //nolint:staticcheck // older clients ask by it
		names = append(names, string(name))
	}
	for _, name := range in.MessageSystemAttributeNames {
		names = append(names, string(name))
	}
	if len(names) == 0 {
		return nil
	}
	all := map[string]string{
		"SenderId": m.Sender, "SentTimestamp": millis(m.SentAt), "ApproximateReceiveCount": strconv.FormatInt(m.Receives, 10),
		"ApproximateFirstReceiveTimestamp": millis(m.ReceivedAt),
		"MessageGroupId":                   m.GroupID, "MessageDeduplicationId": m.DedupID, "AWSTraceHeader": v.Trace, "DeadLetterQueueSourceArn": m.DeadLetterOf,
	}
	if m.DedupID != "" {
		all["SequenceNumber"] = sequenceNumber(m.Sequence)
	}
	for name, value := range all {
		if value == "" || !slices.Contains(names, "All") && !slices.Contains(names, name) {
			delete(all, name)
		}
	}
	return all
}
