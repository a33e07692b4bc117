package sqs

import (
	"context"
	"errors"
	"strconv"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"strongroom/internal/api"
	"strongroom/internal/state"
)

// receipt is what a receipt handle says.
type receipt struct {
	Message string `json:"m"`
	Nonce   string `json:"n"`
}

func receiptScope(queueARN string) string { return "sqs:receipt:" + queueARN }

func (s *Service) handleOf(m state.Message) string {
	return s.Pages.Seal(receiptScope(m.QueueARN), receipt{m.ID, m.Receipt})
}

func (s *Service) openHandle(q state.Queue, handle *string) (receipt, error) {
	var r receipt
	if err := s.Pages.Open(receiptScope(q.ARN), aws.ToString(handle), &r); err != nil {
		return r, invalidReceipt(aws.ToString(handle))
	}
	return r, nil
}

// DeleteMessage removes a message. One that is gone is no error.
func (s *Service) DeleteMessage(ctx context.Context, c *api.Caller, in *sqs.DeleteMessageInput) (*sqs.DeleteMessageOutput, error) {
	q, err := s.queue(ctx, c, aws.ToString(in.QueueUrl))
	if err != nil {
		return nil, err
	}
	return &sqs.DeleteMessageOutput{}, s.delete(ctx, q, in.ReceiptHandle)
}

func (s *Service) delete(ctx context.Context, q state.Queue, handle *string) error {
	r, err := s.openHandle(q, handle)
	if err != nil {
		return err
	}
	err = s.DB.Update(ctx, func(ctx context.Context, tx *state.Tx) error {
		m, err := tx.Message(ctx, q.ARN, r.Message)
		if err != nil {
			return err
		}
		if fifo(q) && (m.Receipt != r.Nonce || !m.InFlight(tx.Now)) {
			return invalidValue("ReceiptHandle", *handle, "The receipt handle has expired.")
		}
		return tx.DeleteMessage(ctx, m.ID)
	})
	if errors.Is(err, state.ErrNotFound) {
		return nil
	}
	if err == nil && fifo(q) {
		s.arrivals.tell(q.ARN) // the next of its group can be received
	}
	return err
}

// DeleteMessageBatch removes up to ten messages, each for itself.
func (s *Service) DeleteMessageBatch(ctx context.Context, c *api.Caller, in *sqs.DeleteMessageBatchInput) (*sqs.DeleteMessageBatchOutput, error) {
	q, err := s.queue(ctx, c, aws.ToString(in.QueueUrl))
	if err != nil {
		return nil, err
	}
	if err := checkBatch("DeleteMessage", len(in.Entries), func(i int) *string { return in.Entries[i].Id }); err != nil {
		return nil, err
	}
	out := &sqs.DeleteMessageBatchOutput{Successful: []types.DeleteMessageBatchResultEntry{}}
	for _, e := range in.Entries {
		if err := s.delete(ctx, q, e.ReceiptHandle); err != nil {
			failed, err := failedEntry(e.Id, err)
			if err != nil {
				return nil, err
			}
			out.Failed = append(out.Failed, failed)
			continue
		}
		out.Successful = append(out.Successful, types.DeleteMessageBatchResultEntry{Id: e.Id})
	}
	return out, nil
}

// ChangeMessageVisibility sets for how long, from now, the receiver has a message.
func (s *Service) ChangeMessageVisibility(ctx context.Context, c *api.Caller, in *sqs.ChangeMessageVisibilityInput) (*sqs.ChangeMessageVisibilityOutput, error) {
	q, err := s.queue(ctx, c, aws.ToString(in.QueueUrl))
	if err != nil {
		return nil, err
	}
	return &sqs.ChangeMessageVisibilityOutput{}, s.setVisibility(ctx, q, in.ReceiptHandle, int64(in.VisibilityTimeout))
}

func (s *Service) setVisibility(ctx context.Context, q state.Queue, handle *string, timeout int64) error {
	r, err := s.openHandle(q, handle)
	if err != nil {
		return err
	}
	if timeout < 0 || timeout > maxVisibility {
		return invalidValue("VisibilityTimeout", strconv.FormatInt(timeout, 10), "VisibilityTimeout must be an integer between 0 and 43200.")
	}
	err = s.DB.Update(ctx, func(ctx context.Context, tx *state.Tx) error {
		m, err := tx.Message(ctx, q.ARN, r.Message)
		if err != nil {
			return err
		}
		if m.Receipt != r.Nonce || !m.InFlight(tx.Now) {
			return api.Errorf("MessageNotInflight", "The specified message isn't in flight.")
		}
		m.VisibleAt = tx.Now + seconds(timeout)
		if m.VisibleAt > m.AttemptAt+seconds(maxVisibility) {
			return invalidValue("VisibilityTimeout", strconv.FormatInt(timeout, 10), "Total VisibilityTimeout for the message is beyond the limit [43200 seconds]")
		}
		return tx.UpdateMessage(ctx, m)
	})
	if errors.Is(err, state.ErrNotFound) {
		return invalidValue("ReceiptHandle", aws.ToString(handle), "Message does not exist or is not available for visibility timeout change.")
	}
	if err == nil {
		s.arrivals.tell(q.ARN) // who waits waits for another time now
	}
	return err
}

// ChangeMessageVisibilityBatch does it for up to ten messages, each for itself.
func (s *Service) ChangeMessageVisibilityBatch(ctx context.Context, c *api.Caller, in *sqs.ChangeMessageVisibilityBatchInput) (*sqs.ChangeMessageVisibilityBatchOutput, error) {
	q, err := s.queue(ctx, c, aws.ToString(in.QueueUrl))
	if err != nil {
		return nil, err
	}
	if err := checkBatch("ChangeMessageVisibility", len(in.Entries), func(i int) *string { return in.Entries[i].Id }); err != nil {
		return nil, err
	}
	out := &sqs.ChangeMessageVisibilityBatchOutput{Successful: []types.ChangeMessageVisibilityBatchResultEntry{}}
	for _, e := range in.Entries {
		timeout := max(0, int64(e.VisibilityTimeout))
		if err := s.setVisibility(ctx, q, e.ReceiptHandle, timeout); err != nil {
			failed, err := failedEntry(e.Id, err)
			if err != nil {
				return nil, err
			}
			out.Failed = append(out.Failed, failed)
			continue
		}
		out.Successful = append(out.Successful, types.ChangeMessageVisibilityBatchResultEntry{Id: e.Id})
	}
	return out, nil
}
