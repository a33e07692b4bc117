package lambda

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"

	"strongroom/arn"
	"strongroom/internal/api"
	"strongroom/internal/service/lambda/environment"
	"strongroom/internal/state"
)

// events brings asynchronous invocations to their functions.
//
// https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html
type events struct {
	s      *Service
	queued chan struct{} // has a token when an event has come, or one has been dealt with

	mu       sync.Mutex
	underway map[string]bool // ids; guarded by mu
}

const (
	mostUnderway  = 64 // asynchronous invocations at once
	defaultAge    = 6 * time.Hour
	defaultMost   = 2 // attempts after the first
	longestBehind = 5 * time.Minute
)

// content is what of an event is sealed.
type content struct {
	Payload       json.RawMessage
	ClientContext string `json:",omitempty"`
}

func newEvents(s *Service) *events {
	return &events{s: s, queued: make(chan struct{}, 1), underway: map[string]bool{}}
}

func (e *events) wake() {
	select {
	case e.queued <- struct{}{}:
	default:
	}
}

// put keeps an event.
func (e *events) put(ctx context.Context, f state.Function, qualifier, id string, in *lambda.InvokeInput) error {
	text, err := json.Marshal(content{in.Payload, aws.ToString(in.ClientContext)})
	if err != nil {
		return err
	}
	err = e.s.DB.Update(ctx, func(ctx context.Context, tx *state.Tx) error {
		return tx.InsertFunctionEvent(ctx, state.FunctionEvent{
			ID: id, FunctionARN: f.ARN, Qualifier: qualifier, Sealed: e.s.Seal.Seal(nil, nil, text, []byte(id)), NextAt: tx.Now, CreatedAt: tx.Now,
		})
	})
	if err == nil {
		e.wake()
	}
	return err
}

// run brings events until it is told to stop, and waits for those under way.
func (e *events) run(ctx context.Context) {
	var working sync.WaitGroup
	defer working.Wait()
	for ctx.Err() == nil {
		next, err := e.look(ctx, &working)
		if err != nil && ctx.Err() == nil {
			e.s.Log.ErrorContext(ctx, "looking for asynchronous invocations", slog.String("error", err.Error()))
			next = e.s.Clock.Now().Add(time.Second)
		}
		var reached <-chan struct{}
		stop := func() {}
		if !next.IsZero() {
			reached, stop = e.s.Clock.Until(next)
		}
		select {
		case <-ctx.Done():
		case <-e.queued:
		case <-reached:
		}
		stop()
	}
}

// look begins what is due, and returns when something else will be; zero: not before something changes.
func (e *events) look(ctx context.Context, working *sync.WaitGroup) (next time.Time, err error) {
	var due []state.FunctionEvent
	err = e.s.DB.View(ctx, func(ctx context.Context, tx *state.Tx) error {
		if due, err = tx.DueFunctionEvents(ctx, 2*mostUnderway); err != nil {
			return err
		}
		first, err := tx.NextFunctionEvent(ctx)
		if first > 0 {
			next = first.Time()
		}
		return err
	})
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, one := range due {
		if e.underway[one.ID] || len(e.underway) >= mostUnderway {
			continue
		}
		e.underway[one.ID] = true
		working.Go(func() {
			if err := e.bring(ctx, one); err != nil && ctx.Err() == nil {
				e.s.Log.ErrorContext(ctx, "invoking a function for an event", slog.String("function", one.FunctionARN), slog.String("error", err.Error()))
				e.rest(ctx)
			}
			e.mu.Lock()
			delete(e.underway, one.ID)
			e.mu.Unlock()
			e.wake()
		})
	}
	return next, err
}

// rest keeps an event whose trouble is our own store's from spinning.
func (e *events) rest(ctx context.Context) {
	reached, stop := e.s.Wall.Until(e.s.Wall.Now().Add(time.Second))
	defer stop()
	select {
	case <-ctx.Done():
	case <-reached:
	}
}

// bring makes one attempt, and keeps what came of it. Its error is one of our own store.
func (e *events) bring(ctx context.Context, one state.FunctionEvent) error {
	text, err := e.s.Seal.Open(nil, nil, one.Sealed, []byte(one.ID))
	if err != nil {
		return fmt.Errorf("opening event %s: %w", one.ID, err)
	}
	var c content
	if err := json.Unmarshal(text, &c); err != nil {
		return err
	}
	a, err := arn.Parse(one.FunctionARN)
	if err != nil {
		return err
	}
	n := name{a.AccountID, a.Region, one.FunctionARN[len(arn.New("lambda", a.Region, a.AccountID, "function:").String()):], one.Qualifier}
	f, v, err := e.s.read(ctx, n)
	if api.Code(err) == "ResourceNotFoundException" {
		return ignoreGone(e.s.DB.Update(ctx, func(ctx context.Context, tx *state.Tx) error { return tx.DeleteFunctionEvent(ctx, one.ID) }))
	}
	if err != nil {
		return err
	}
	config := f.EventConfigs[policyKey(one.Qualifier)]
	age := time.Duration(cmp.Or(aws.ToInt32(config.MaxAge), int32(defaultAge/time.Second))) * time.Second
	late := e.s.Clock.Now().Sub(one.CreatedAt.Time()) > age
	var out environment.Outcome
	if !late {
		out, _, err = e.s.invoke(ctx, f, v, n, one.ID, c.Payload, c.ClientContext)
		if ctx.Err() != nil {
			return ctx.Err() // the attempt was cut off; the next start makes it again
		}
	}
	most := int64(defaultMost)
	if config.MaxRetries != nil {
		most = int64(*config.MaxRetries)
	}
	switch {
	case late:
		return e.over(ctx, f, v, one, c, outcome{condition: "EventAgeExceeded"})
	case err != nil && api.Refused(err) != nil:
		return e.over(ctx, f, v, one, c, outcome{condition: "RetriesExhausted", err: err})
	case err != nil: // throttled, or a trouble of the server's: it is tried for as long as the event may wait
		one.Throttles++
		return e.again(ctx, one, min(time.Second<<min(one.Throttles-1, 20), longestBehind))
	case !out.Failed:
		return e.over(ctx, f, v, one, c, outcome{condition: "Success", out: &out})
	case one.Attempts >= most:
		one.Attempts++
		return e.over(ctx, f, v, one, c, outcome{condition: "RetriesExhausted", out: &out})
	}
	one.Attempts, one.Throttles = one.Attempts+1, 0
	return e.again(ctx, one, time.Duration(one.Attempts)*time.Minute)
}

// again lets an event wait.
func (e *events) again(ctx context.Context, one state.FunctionEvent, pause time.Duration) error {
	return ignoreGone(e.s.DB.Update(ctx, func(ctx context.Context, tx *state.Tx) error {
		one.NextAt = tx.Now + state.Micros(pause.Microseconds())
		return tx.UpdateFunctionEvent(ctx, one)
	}))
}

func ignoreGone(err error) error {
	if errors.Is(err, state.ErrNotFound) {
		return nil
	}
	return err
}

// outcome is how an event ended.
type outcome struct {
	condition string
	out       *environment.Outcome // nil: the function was not run
	err       error
}

// over removes an event, and sends its record where it goes, in one transaction.
func (e *events) over(ctx context.Context, f state.Function, v state.FunctionVersion, one state.FunctionEvent, c content, o outcome) error {
	config := f.EventConfigs[policyKey(one.Qualifier)]
	target := config.OnFailure
	if o.condition == "Success" {
		target = config.OnSuccess
	}
	return e.s.DB.Update(ctx, func(ctx context.Context, tx *state.Tx) error {
		if err := tx.DeleteFunctionEvent(ctx, one.ID); err != nil {
			return ignoreGone(err)
		}
		d := state.Delivery{Principal: Principal, AccountID: f.AccountID, Region: f.Region, SourceARN: f.ARN, RoleARN: v.Configuration.Role}
		if target != "" {
			text, err := json.Marshal(record(f, v, one, c, o, tx.Now.Time()))
			if err != nil {
				return err
			}
			d.TargetARN, d.DeliveryContent = target, state.DeliveryContent{Message: string(text)}
			if err := e.s.Deliver(ctx, tx, d); err != nil {
				return err
			}
		}
		if v.Configuration.DeadLetterARN == "" || o.condition == "Success" {
			return nil
		}
		d.TargetARN, d.DeliveryContent = v.Configuration.DeadLetterARN, deadLetter(one, c, o)
		return e.s.Deliver(ctx, tx, d)
	})
}

// record is what a destination is told.
// https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html
func record(f state.Function, v state.FunctionVersion, one state.FunctionEvent, c content, o outcome, now time.Time) map[string]any {
	qualifier := cmp.Or(one.Qualifier, latest)
	count := one.Attempts
	all := map[string]any{
		"version": "1.0", "timestamp": now.UTC().Format("2006-01-02T15:04:05.000Z"), "requestPayload": c.Payload,
	}
	if o.out != nil {
		if o.condition == "Success" {
			count++
		}
		answered := map[string]any{"statusCode": 200, "executedVersion": versionName(v.Number)}
		if o.out.Failed {
			answered["functionError"] = "Unhandled"
		}
		all["responseContext"] = answered
		if json.Valid(o.out.Payload) {
			all["responsePayload"] = json.RawMessage(o.out.Payload)
		} else {
			all["responsePayload"] = string(o.out.Payload)
		}
	}
	all["requestContext"] = map[string]any{"requestId": one.ID, "functionArn": f.ARN + ":" + qualifier, "condition": o.condition, "approximateInvokeCount": count}
	return all
}

// deadLetter is the event as a dead-letter queue or topic gets it.
// https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html#invocation-dlq
func deadLetter(one state.FunctionEvent, c content, o outcome) state.DeliveryContent {
	code, message := 200, o.condition
	switch {
	case o.out != nil:
		var told struct{ ErrorMessage string }
		if json.Unmarshal(o.out.Payload, &told) == nil && told.ErrorMessage != "" {
			message = told.ErrorMessage
		}
	case o.err != nil:
		message = o.err.Error()
		if refused := api.Refused(o.err); refused != nil {
			code, message = refused.HTTPStatus(), refused.Message
		}
	}
	return state.DeliveryContent{Message: string(c.Payload), Attributes: map[string]state.MessageAttribute{
		"RequestID":    {DataType: "String", StringValue: one.ID},
		"ErrorCode":    {DataType: "Number", StringValue: strconv.Itoa(code)},
		"ErrorMessage": {DataType: "String", StringValue: message[:min(len(message), 1024)]},
	}}
}
