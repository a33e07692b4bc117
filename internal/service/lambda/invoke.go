package lambda

import (
	"context"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"crypto/rand"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/google/uuid"

	"strongroom/internal/api"
	"strongroom/internal/service/lambda/environment"
	"strongroom/internal/state"
)

// maxEvent is the size of the payload of an asynchronous invocation.
// https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
const maxEvent = 1 << 20

func (s *Service) invokeAccess(ctx context.Context, c *api.Caller, in *lambda.InvokeInput) ([]api.Access, error) {
	n, err := nameOf(c, *in.FunctionName, aws.ToString(in.Qualifier))
	if err != nil {
		return nil, err
	}
	a, err := s.access(ctx, n, "InvokeFunction")
	return []api.Access{a}, err
}

// Invoke runs a function and answers with what it answers, or keeps the event for it.
func (s *Service) Invoke(ctx context.Context, c *api.Caller, in *lambda.InvokeInput) (*lambda.InvokeOutput, error) {
	n, err := nameOf(c, *in.FunctionName, aws.ToString(in.Qualifier))
	if err != nil {
		return nil, err
	}
	if err := s.checkInvoke(in); err != nil {
		return nil, err
	}
	f, v, err := s.read(ctx, n)
	if err != nil {
		return nil, err
	}
	if len(in.Payload) == 0 {
		in.Payload = []byte("{}")
	}
	id := c.RequestID
	if _, err := uuid.Parse(id); err != nil {
		id = uuid.NewString()
	}
	switch in.InvocationType {
	case types.InvocationTypeDryRun:
		return &lambda.InvokeOutput{StatusCode: http.StatusNoContent, ExecutedVersion: new(versionName(v.Number))}, nil
	case types.InvocationTypeEvent:
		return &lambda.InvokeOutput{StatusCode: http.StatusAccepted}, s.events.put(ctx, f, n.qualifier, id, in)
	default: // RequestResponse
	}
	out, tail, err := s.invoke(ctx, f, v, n, id, in.Payload, aws.ToString(in.ClientContext))
	if err != nil {
		return nil, err
	}
	answer := &lambda.InvokeOutput{StatusCode: http.StatusOK, ExecutedVersion: new(versionName(v.Number)), Payload: out.Payload}
	if out.Failed {
		answer.FunctionError = aws.String("Unhandled")
	}
	if in.LogType == types.LogTypeTail {
		answer.LogResult = aws.String(base64.StdEncoding.EncodeToString([]byte(tail)))
	}
	return answer, nil
}

func (s *Service) checkInvoke(in *lambda.InvokeInput) error {
	if err := s.runnable(); err != nil {
		return err
	}
	limit := environment.MaxPayload
	switch in.InvocationType {
	case "", types.InvocationTypeRequestResponse, types.InvocationTypeDryRun:
	case types.InvocationTypeEvent:
		limit = maxEvent
	default:
		return invalid("Value '%s' at 'invocationType' failed to satisfy constraint: Member must satisfy enum value set: [Event, RequestResponse, DryRun]", in.InvocationType)
	}
	switch {
	case in.DurableExecutionName != nil:
		return api.NotImplemented("lambda: durable functions")
	case in.TenantId != nil:
		return api.NotImplemented("lambda: tenants")
	case len(in.Payload) > limit:
		return failure(http.StatusRequestEntityTooLarge, "RequestTooLargeException", "%d byte payload is too large for the %s invocation type (limit %d bytes)", len(in.Payload), in.InvocationType, limit)
	case len(in.Payload) > 0 && !json.Valid(in.Payload):
		return failure(http.StatusBadRequest, "InvalidRequestContentException", "Could not parse request body into json: Could not parse payload into json")
	}
	if in.ClientContext != nil {
		if text, err := base64.StdEncoding.DecodeString(*in.ClientContext); err != nil || !json.Valid(text) || len(*in.ClientContext) > 3583 {
			return failure(http.StatusBadRequest, "InvalidRequestContentException", "Client context must be a valid Base64-encoded JSON object.")
		}
	}
	return nil
}

// invoke runs a version once. Its caller may go away meanwhile; the function is not told.
func (s *Service) invoke(ctx context.Context, f state.Function, v state.FunctionVersion, n name, id string, payload []byte, clientContext string) (out environment.Outcome, tail string, err error) {
	ctx = context.WithoutCancel(ctx)
	var reservedByAll int
	err = s.DB.View(ctx, func(ctx context.Context, tx *state.Tx) error {
		reservedByAll, err = tx.FunctionsReserved(ctx, f.AccountID, f.Region, "")
		return err
	})
	if err != nil {
		return out, "", err
	}
	if err := s.pool.take(f, reservedByAll); err != nil {
		return out, "", err
	}
	defer s.pool.give(f)
	r, err := s.pool.runner(ctx, f, v)
	if errors.Is(err, environment.ErrNoBootstrap) {
		l := s.newLogger(f, v)
		l.begin(id, versionName(v.Number))
		out = environment.NoBootstrap(id)
		tail = l.end(id, v.Configuration.MemorySize, out)
		if role, err := s.assume(ctx, f, v.Configuration.Role); err == nil {
			l.admit(ctx, role.caller)
			l.flush()
		}
		return out, tail, nil
	}
	if err != nil {
		return out, "", err
	}
	r.log.begin(id, versionName(v.Number))
	if clientContext != "" {
		if text, err := base64.StdEncoding.DecodeString(clientContext); err == nil {
			clientContext = string(text)
		}
	}
	out = r.Invoke(environment.Invocation{
		ID: id, FunctionARN: n.qualified(), TraceID: s.trace(), ClientContext: clientContext, Payload: payload, Timeout: time.Duration(v.Configuration.Timeout) * time.Second,
	})
	if out.Failed && out.Ended && s.pool.isClosed() { // it was not the function's doing
		return out, "", stopping()
	}
	tail = r.log.end(id, v.Configuration.MemorySize, out)
	s.pool.put(r)
	s.work.Go(r.log.flush)
	return out, tail, nil
}

// trace is the header of a trace that nobody keeps.
func (s *Service) trace() string {
	id := make([]byte, 20)
	_, _ = rand.Read(id)
	text := hex.EncodeToString(id)
	return fmt.Sprintf("Root=1-%08x-%s;Parent=%s;Sampled=0", s.Clock.Now().Unix(), text[:24], text[24:])
}
