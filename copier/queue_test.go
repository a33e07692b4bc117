package copier

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/backup/types"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	sqstypes "github.com/aws/aws-sdk-go-v2/service/sqs/types"
)

// line is a queue that gives each message out once and then ends the poller.
type line struct {
	mu      sync.Mutex // guards all
	waiting []sqstypes.Message
	asked   *sqs.ReceiveMessageInput
	deleted []string
	hidden  map[string]int32
	broken  int // that many calls fail first
	end     context.CancelFunc
}

func (l *line) ReceiveMessage(ctx context.Context, in *sqs.ReceiveMessageInput, _ ...func(*sqs.Options)) (*sqs.ReceiveMessageOutput, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.broken > 0 {
		l.broken--
		return nil, errors.New("connection refused")
	}
	if len(l.waiting) == 0 {
		l.end()
		return nil, context.Canceled
	}
	l.asked = in
	out := &sqs.ReceiveMessageOutput{Messages: l.waiting}
	l.waiting = nil
	return out, ctx.Err()
}

func (l *line) DeleteMessage(_ context.Context, in *sqs.DeleteMessageInput, _ ...func(*sqs.Options)) (*sqs.DeleteMessageOutput, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.deleted = append(l.deleted, *in.ReceiptHandle)
	return &sqs.DeleteMessageOutput{}, nil
}

func (l *line) ChangeMessageVisibility(_ context.Context, in *sqs.ChangeMessageVisibilityInput, _ ...func(*sqs.Options)) (*sqs.ChangeMessageVisibilityOutput, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.hidden[*in.ReceiptHandle] = in.VisibilityTimeout
	return &sqs.ChangeMessageVisibilityOutput{}, nil
}

func message(receipt, body string, receives int) sqstypes.Message {
	return sqstypes.Message{MessageId: &receipt, ReceiptHandle: &receipt, Body: &body, Attributes: map[string]string{"ApproximateReceiveCount": strconv.Itoa(receives)}}
}

func TestAPollerDeletesHidesAndBuries(t *testing.T) {
	t.Parallel()
	b := newBench(t, nil)
	done := b.arrive(0, 1)
	waits := b.arrive(1, 1, func(p *types.RecoveryPointByBackupVault) { p.Status = types.RecoveryPointStatusCreating })
	given := b.arrive(2, 1)
	b.tell(t, firstHop(given))
	failed := secondHop(b.end(0, types.CopyJobStateFailed, "Access denied", "ACCESS_DENIED"))
	redriven := message("redriven", failed, 1)
	redriven.MessageAttributes = map[string]sqstypes.MessageAttributeValue{ReasonAttribute: {DataType: aws.String("String"), StringValue: aws.String("refused")}}

	ctx, stop := context.WithCancel(t.Context())
	q := &line{waiting: []sqstypes.Message{message("done", firstHop(done), 1), message("waits", firstHop(waits), 1), message("nonsense", "{}", 1), redriven}, hidden: map[string]int32{}, end: stop}
	(&Poller{Copier: b.Copier, Queue: q, URL: "https://sqs/queue"}).Run(ctx)
	slices.Sort(q.deleted)
	if !slices.Equal(q.deleted, []string{"done", "nonsense", "redriven"}) || len(q.hidden) != 1 || q.hidden["waits"] != 300 {
		t.Errorf("deleted %v, hid %v", q.deleted, q.hidden)
	}
	if !slices.Equal(b.reasons(), []string{"not an event"}) {
		t.Errorf("the dead letters: %v", b.reasons())
	}
	b.started(t, 3) // the first, the one that was given, and its second attempt
	if q.asked.VisibilityTimeout < int32(2*handlingTime/time.Second) || q.asked.WaitTimeSeconds != 20 || q.asked.MaxNumberOfMessages != 10 {
		t.Errorf("it asked for %+v", q.asked)
	}
}

// A queue that cannot be read is read again after a while.
func TestAPollerOutlivesItsQueue(t *testing.T) {
	t.Parallel()
	b := newBench(t, nil)
	point := b.arrive(0, 1)
	ctx, stop := context.WithCancel(t.Context())
	q := &line{waiting: []sqstypes.Message{message("m", firstHop(point), 1)}, broken: 1, hidden: map[string]int32{}, end: stop}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		(&Poller{Copier: b.Copier, Queue: q, URL: "https://sqs/queue"}).Run(ctx)
	}()
	for over := false; !over; {
		select {
		case <-ended:
			over = true
		case <-time.After(time.Millisecond):
			b.clock.Advance(afterFailure)
		}
	}
	b.started(t, 1)
}
