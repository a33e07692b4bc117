package copier

import (
	"context"
	"errors"
	"log/slog"
	"strconv"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"strongroom/clock"
)

// Queue is what a poller asks of SQS; [sqs.Client] fits it.
type Queue interface {
	ReceiveMessage(context.Context, *sqs.ReceiveMessageInput, ...func(*sqs.Options)) (*sqs.ReceiveMessageOutput, error)
	DeleteMessage(context.Context, *sqs.DeleteMessageInput, ...func(*sqs.Options)) (*sqs.DeleteMessageOutput, error)
	ChangeMessageVisibility(context.Context, *sqs.ChangeMessageVisibilityInput, ...func(*sqs.Options)) (*sqs.ChangeMessageVisibilityOutput, error)
}

var _ Queue = (*sqs.Client)(nil)

// A Poller reads a queue and has a copier deal with its messages.
type Poller struct {
	Copier *Copier
	Queue  Queue
	URL    string
	// Readers is how many batches of ten messages are read at once; 1 if it is 0.
	Readers int
}

const (
	hidden       = 2 * handlingTime // how long a message is out of others' sight while it is dealt with
	longestHide  = 12 * time.Hour   // that SQS allows
	waitSeconds  = 20
	afterFailure = 5 * time.Second
)

// Run reads until ctx ends, and deals with what it has received before it returns.
func (p *Poller) Run(ctx context.Context) {
	var readers sync.WaitGroup
	for range max(p.Readers, 1) {
		readers.Go(func() {
			for ctx.Err() == nil {
				p.batch(ctx)
			}
		})
	}
	readers.Wait()
}

// batch receives up to ten messages and deals with them.
func (p *Poller) batch(ctx context.Context) {
	out, err := p.Queue.ReceiveMessage(ctx, &sqs.ReceiveMessageInput{
		QueueUrl: &p.URL, MaxNumberOfMessages: 10, WaitTimeSeconds: waitSeconds, VisibilityTimeout: int32(hidden / time.Second),
		MessageSystemAttributeNames: []types.MessageSystemAttributeName{types.MessageSystemAttributeNameApproximateReceiveCount},
		MessageAttributeNames:       []string{ReasonAttribute},
	})
	if err != nil {
		if !errors.Is(err, context.Canceled) {
			p.Copier.Log.ErrorContext(ctx, "could not read the queue", slog.String("error", err.Error()))
			sleep(ctx, p.Copier.Clock, afterFailure)
		}
		return
	}
	var messages sync.WaitGroup
	for _, m := range out.Messages {
		messages.Go(func() { p.one(context.WithoutCancel(ctx), m) }) // what was received is dealt with, also when it is time to stop
	}
	messages.Wait()
}

// one deals with a message. If the queue cannot be told, it gives the message out again, which does no harm.
func (p *Poller) one(ctx context.Context, m types.Message) {
	receives, _ := strconv.Atoi(m.Attributes[string(types.MessageSystemAttributeNameApproximateReceiveCount)])
	_, redriven := m.MessageAttributes[ReasonAttribute]
	v := p.Copier.Handle(ctx, Message{ID: aws.ToString(m.MessageId), Body: aws.ToString(m.Body), Receives: receives, Redriven: redriven})
	var err error
	if v.Done {
		_, err = p.Queue.DeleteMessage(ctx, &sqs.DeleteMessageInput{QueueUrl: &p.URL, ReceiptHandle: m.ReceiptHandle})
	} else {
		err = Hide(ctx, p.Queue, p.URL, aws.ToString(m.ReceiptHandle), v.After)
	}
	if err != nil {
		p.Copier.Log.WarnContext(ctx, "could not tell the queue", slog.String("message", aws.ToString(m.MessageId)), slog.String("error", err.Error()))
	}
}

// Hide puts a message that was received out of sight for a while.
func Hide(ctx context.Context, q Queue, url, receipt string, d time.Duration) error {
	_, err := q.ChangeMessageVisibility(ctx, &sqs.ChangeMessageVisibilityInput{
		QueueUrl: &url, ReceiptHandle: &receipt, VisibilityTimeout: int32(min(d, longestHide) / time.Second),
	})
	return err
}

// sleep waits, or returns when ctx ends.
func sleep(ctx context.Context, c clock.Clock, d time.Duration) {
	reached, stop := c.Until(c.Now().Add(d))
	defer stop()
	select {
	case <-ctx.Done():
	case <-reached:
	}
}
