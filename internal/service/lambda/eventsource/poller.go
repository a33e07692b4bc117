package eventsource

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	lambdatypes "github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	sqstypes "github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"strongroom/internal/api"
	"strongroom/internal/state"
)

const (
	usualConcurrency = 5                // invocations at once, where the mapping does not say how many
	sessionLife      = 10 * time.Minute // after which the role is assumed again
	shortestPause    = time.Second
	longestPause     = time.Minute
	deleteAttempts   = 5
)

// poller reads the queue of a mapping, in one place, and invokes the function with what it reads, in several at once.
type poller struct {
	s       *Service
	m       state.EventSourceMapping
	filters filters
	after   context.Context // of invocations, which go on when the mapping is changed
	stop    context.CancelFunc
	slots   chan struct{} // holds a token for each invocation

	session session // the reader's own

	mu     sync.Mutex
	result string // that was kept last; guarded by mu
}

// session is whom a poller acts as, and what it knows of function and queue meanwhile.
type session struct {
	function Function
	role     *api.Caller
	visible  time.Duration // the queue's visibility timeout
	until    time.Time
}

func newPoller(s *Service, m state.EventSourceMapping, after context.Context, stop context.CancelFunc) *poller {
	n := m.Concurrency
	if n == 0 {
		n = usualConcurrency
	}
	return &poller{s: s, m: m, after: after, stop: stop, slots: make(chan struct{}, n), result: m.Result}
}

// run reads until ctx ends.
func (p *poller) run(ctx context.Context) {
	var err error
	if p.filters, err = parseFilters(p.m.Filters); err != nil { // they were checked
		p.s.Log.ErrorContext(ctx, "filters of an event source mapping", slog.String("mapping", p.m.ID), slog.String("error", err.Error()))
		return
	}
	pause := shortestPause
	for {
		select {
		case p.slots <- struct{}{}:
		case <-ctx.Done():
			return
		}
		batch, received, err := p.collect(ctx)
		if err == nil {
			pause = shortestPause
		}
		if len(batch) > 0 {
			now := p.session
			p.s.work.Go(func() {
				defer func() { <-p.slots }()
				p.process(p.after, now, batch, received)
			})
			continue
		}
		<-p.slots
		if ctx.Err() != nil {
			return
		}
		if err != nil {
			p.s.Log.WarnContext(ctx, "an event source mapping can not read", slog.String("mapping", p.m.ID), slog.String("source", p.m.SourceARN), slog.String("error", err.Error()))
			p.tell(ctx, problem(err))
			p.session = session{}
			p.rest(ctx, pause)
			pause = min(2*pause, longestPause)
		}
	}
}

// problem is what a mapping says of its last result when it could not read.
func problem(err error) string {
	switch code := api.Code(err); {
	case errors.Is(err, errRole):
		return "PROBLEM: Lambda could not assume the function's execution role"
	case strings.Contains(code, "AccessDenied"):
		return "PROBLEM: The function's execution role does not have the permissions to read the event source"
	case code == "QueueDoesNotExist":
		return "PROBLEM: Event source does not exist"
	case code == "ResourceNotFoundException":
		return "PROBLEM: Function does not exist"
	}
	return "PROBLEM: Internal error"
}

// rest waits by the service's clock.
func (p *poller) rest(ctx context.Context, d time.Duration) {
	reached, stop := p.s.Clock.Until(p.s.Clock.Now().Add(d))
	defer stop()
	select {
	case <-reached:
	case <-ctx.Done():
	}
}

// open begins a session, if there is none that is good still.
func (p *poller) open(ctx context.Context) error {
	now := p.s.Clock.Now()
	f, err := p.s.Function(ctx, &api.Caller{AccountID: p.m.AccountID, Region: p.m.Region}, p.m.FunctionARN)
	if err != nil {
		return err
	}
	if p.session.role != nil && p.session.function.Role == f.Role && now.Before(p.session.until) {
		p.session.function = f
		return nil
	}
	role, err := p.s.role(ctx, p.m, f)
	if err != nil {
		return err
	}
	visible, err := p.s.visibility(ctx, role, p.m)
	if err != nil {
		return err
	}
	p.session = session{f, role, visible, now.Add(sessionLife)}
	return nil
}

// collect waits for messages, and where the mapping has a window, for more of them until it is over or the batch is full. What
// was received is returned, whatever came afterwards, and since when the queue keeps the first of it from others. The window is over
// when the function could no longer end before they get it.
func (p *poller) collect(ctx context.Context) (batch []sqstypes.Message, received time.Time, err error) {
	if err := p.open(ctx); err != nil {
		return nil, received, err
	}
	const longest = 20
	wait, size := int32(longest), 0
	window := min(time.Duration(p.m.Window)*time.Second, p.session.visible-p.session.function.Timeout)
	for {
		asked := p.s.Clock.Now()
		out, err := api.Call[sqs.ReceiveMessageOutput](ctx, p.s.Door, p.session.role, &sqs.ReceiveMessageInput{
			QueueUrl: queueOf(p.m), MaxNumberOfMessages: min(10, p.m.BatchSize-int32(len(batch))), WaitTimeSeconds: wait, VisibilityTimeout: -1, //nolint:gosec // 10,000 at most
			MessageSystemAttributeNames: []sqstypes.MessageSystemAttributeName{sqstypes.MessageSystemAttributeNameAll}, MessageAttributeNames: []string{"All"},
		})
		if err != nil {
			return batch, received, err
		}
		if len(batch) == 0 {
			received = receivedAt(asked, out.Messages)
		}
		for _, m := range out.Messages {
			size += len(*m.Body)
		}
		batch = append(batch, out.Messages...)
		left := received.Add(window).Sub(p.s.Clock.Now())
		if len(batch) == 0 || len(batch) >= int(p.m.BatchSize) || size >= maxPayload || left <= 0 {
			return batch, received, nil
		}
		wait = min(longest, int32((left+time.Second-1)/time.Second)) //nolint:gosec // 300 at most
	}
}

// receivedAt is since when messages are kept from others: what the queue says of those that it delivered for the first time, or when
// it was asked.
func receivedAt(asked time.Time, all []sqstypes.Message) (at time.Time) {
	for _, m := range all {
		this := asked
		first, err := strconv.ParseInt(m.Attributes[string(sqstypes.MessageSystemAttributeNameApproximateFirstReceiveTimestamp)], 10, 64)
		if err == nil && m.Attributes[string(sqstypes.MessageSystemAttributeNameApproximateReceiveCount)] == "1" {
			this = time.UnixMilli(first)
		}
		if at.IsZero() || this.Before(at) {
			at = this
		}
	}
	return at
}

// process invokes the function with the messages that it wants, and deletes those that are done with.
func (p *poller) process(ctx context.Context, now session, messages []sqstypes.Message, received time.Time) {
	var batch, unwanted []item
	for _, m := range messages {
		r := recordOf(p.m, m)
		text, err := spell(r)
		wanted := false
		if err == nil {
			wanted, err = p.filters.want(text)
		}
		if err != nil {
			p.s.Log.ErrorContext(ctx, "a message can not be given to a function", slog.String("mapping", p.m.ID), slog.String("message", r.MessageID), slog.String("error", err.Error()))
			continue
		}
		one := item{r.MessageID, r.ReceiptHandle, text}
		if wanted {
			batch = append(batch, one)
		} else {
			unwanted = append(unwanted, one)
		}
	}
	p.delete(ctx, now, unwanted)
	if len(batch) == 0 {
		return
	}
	latest := received.Add(now.visible - now.function.Timeout) // an invocation that begins later might end when others have its messages
	result := resultOK
	for _, part := range parts(batch) {
		done, err := p.invoke(ctx, now, part, latest)
		if err != nil {
			result = resultCall
			p.s.Log.WarnContext(ctx, "a function did not process its messages", slog.String("function", now.function.ARN), slog.String("source", p.m.SourceARN),
				slog.Int("messages", len(part)), slog.String("error", err.Error()))
		}
		p.delete(ctx, now, done)
	}
	p.tell(ctx, result)
}

// errFunction says that a function failed.
var errFunction = errors.New("the function failed")

// invoke invokes the function and returns the messages that it is done with. What is throttled, or fails for a reason that passes,
// is tried again for as long as nobody else can have the messages.
func (p *poller) invoke(ctx context.Context, now session, batch []item, latest time.Time) (done []item, err error) {
	in := &lambda.InvokeInput{FunctionName: &p.m.FunctionARN, InvocationType: lambdatypes.InvocationTypeRequestResponse, Payload: payloadOf(batch)}
	var out *lambda.InvokeOutput
	for pause := shortestPause; ; pause = min(2*pause, longestPause) {
		out, err = p.s.Invoke(ctx, in, p.m.AccountID, p.m.Region)
		if err == nil || ctx.Err() != nil || api.Refused(err) != nil || p.s.Clock.Now().Add(pause).After(latest) {
			break
		}
		p.rest(ctx, pause)
	}
	switch {
	case err != nil:
		return nil, err
	case out.FunctionError != nil:
		return nil, errors.Join(errFunction, errors.New(aws.ToString(out.FunctionError)))
	case out.StatusCode != 0 && out.StatusCode != http.StatusOK:
		return nil, errFunction
	case !p.m.Partial:
		return batch, nil
	}
	ids, all := failed(out.Payload, batch)
	if all {
		return nil, errors.Join(errFunction, errors.New("its answer does not say which messages failed"))
	}
	for _, one := range batch {
		if !ids[one.id] {
			done = append(done, one)
		}
	}
	return done, nil
}

// delete removes messages from the queue. Those that it can not remove come again.
func (p *poller) delete(ctx context.Context, now session, all []item) {
	for len(all) > 0 {
		n := min(10, len(all))
		in := &sqs.DeleteMessageBatchInput{QueueUrl: queueOf(p.m)}
		for _, one := range all[:n] {
			in.Entries = append(in.Entries, sqstypes.DeleteMessageBatchRequestEntry{Id: &one.id, ReceiptHandle: &one.receipt})
		}
		all = all[n:]
		for attempt := 1; ; attempt++ {
			_, err := api.Call[sqs.DeleteMessageBatchOutput](ctx, p.s.Door, now.role, in)
			if err == nil || ctx.Err() != nil {
				break
			}
			if api.Refused(err) != nil || attempt == deleteAttempts {
				p.s.Log.WarnContext(ctx, "messages that a function has processed were not deleted", slog.String("source", p.m.SourceARN), slog.String("error", err.Error()))
				break
			}
			p.rest(ctx, shortestPause)
		}
	}
}

// tell keeps what came of the last batch, if it is something else than before.
func (p *poller) tell(ctx context.Context, result string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.result == result || ctx.Err() != nil {
		return
	}
	err := p.s.DB.Update(ctx, func(ctx context.Context, tx *state.Tx) error { return tx.SetEventSourceResult(ctx, p.m.ID, result) })
	if err != nil {
		p.s.Log.ErrorContext(ctx, "keeping the result of an event source mapping", slog.String("mapping", p.m.ID), slog.String("error", err.Error()))
		return
	}
	p.result = result
}
