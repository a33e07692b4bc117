package s3store

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"strongroom/archive"
)

const (
	firstWait = 50 * time.Millisecond
	maxWait   = 10 * time.Second
	// pace is how many bytes a second the slowest request brings that is not given up.
	pace = 256 << 10
)

// retry does something until it succeeds, fails for good, or patience ends. The waits double, and are drawn at random up to
// that, so that those who were throttled together do not come back together.
func (s *Store) retry(ctx context.Context, size int, do func(context.Context) error) (attempts int, err error) {
	end := s.opts.Clock.Now().Add(s.opts.Patience)
	for wait := firstWait; ; wait = min(2*wait, maxWait) {
		if err := ctx.Err(); err != nil {
			return attempts, err
		}
		attempts++
		err = s.attempt(ctx, size, do)
		if err == nil || ctx.Err() != nil || !passing(err) {
			return attempts, s.explain(err)
		}
		at := s.opts.Clock.Now().Add(time.Duration(float64(wait) * (0.5 + rand.Float64()/2)))
		if at.After(end) {
			return attempts, s.explain(err)
		}
		slog.DebugContext(ctx, "trying a request to an object store again", slog.String("bucket", s.bucket), slog.Int("attempt", attempts), slog.Any("error", err))
		due, cancel := s.opts.Clock.Until(at)
		select {
		case <-due:
		case <-ctx.Done():
		}
		cancel()
	}
}

// errStalled ends an attempt that takes too long.
var errStalled = errors.New("the store does not answer in time")

func (s *Store) attempt(ctx context.Context, size int, do func(context.Context) error) error {
	inner, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	timer := time.AfterFunc(s.opts.Stall+time.Duration(size)*time.Second/pace, func() { cancel(errStalled) })
	defer timer.Stop()
	err := do(inner)
	if err != nil && ctx.Err() == nil && errors.Is(context.Cause(inner), errStalled) {
		return errors.Join(errStalled, err)
	}
	return err
}

// short is the error of an answer that ended before its length.
func short(err error, got, want int64) error {
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	return fmt.Errorf("the answer ended after %d of %d bytes: %w", got, want, err)
}

// keyError is what a batch of deletions answered for one of the objects.
type keyError struct{ e *types.Error }

func (e *keyError) Error() string        { return aws.ToString(e.e.Code) + ": " + aws.ToString(e.e.Message) }
func (e *keyError) ErrorCode() string    { return aws.ToString(e.e.Code) }
func (e *keyError) ErrorMessage() string { return aws.ToString(e.e.Message) }

// ErrorFault implements smithy.APIError.
func (e *keyError) ErrorFault() smithy.ErrorFault { return smithy.FaultUnknown }

// retryable is what the SDK of AWS takes for passing: connections that broke, 500, 502, 503 and 504, and the codes of
// throttling.
var retryable = retry.IsErrorRetryables(append(retry.DefaultRetryables[:len(retry.DefaultRetryables):len(retry.DefaultRetryables)],
	retry.RetryableErrorCode{Codes: map[string]struct{}{
		"InternalError": {}, "SlowDown": {}, "ServiceUnavailable": {}, "OperationAborted": {}, "RequestTimeout": {}, "BadDigest": {},
		"ConditionalRequestConflict": {}, // another is storing the object at this moment (API reference of S3, PutObject)
	}}))

// passing tells whether what failed may succeed later.
func passing(err error) bool {
	var answer *smithy.DeserializationError // also of a page of a listing that ended early
	if errors.As(err, &answer) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, errStalled) {
		return true
	}
	if status := status(err); status == http.StatusTooManyRequests {
		return true
	}
	return retryable.IsErrorRetryable(err) == aws.TrueTernary
}

// code is that of an error that the service answered, or empty. An answer without a body has only a status.
func code(err error) string {
	if api, ok := errors.AsType[smithy.APIError](err); ok {
		switch c := api.ErrorCode(); c {
		case "RequestedRangeNotSatisfiable", "416":
			return "InvalidRange"
		case "UnknownError", "":
		default:
			return c
		}
	}
	switch status(err) {
	case http.StatusRequestedRangeNotSatisfiable:
		return "InvalidRange"
	case http.StatusPreconditionFailed:
		return "PreconditionFailed"
	case http.StatusNotFound:
		return "NoSuchKey"
	case http.StatusNotImplemented:
		return "NotImplemented"
	case http.StatusMethodNotAllowed:
		return "MethodNotAllowed"
	}
	return ""
}

func status(err error) int {
	if answer, ok := errors.AsType[*smithyhttp.ResponseError](err); ok {
		return answer.HTTPStatusCode()
	}
	return 0
}

// explain turns an error of the service into one that says what is wrong.
func (s *Store) explain(err error) error {
	if err == nil {
		return nil
	}
	switch c := code(err); c {
	case "NoSuchKey", "NotFound":
		return archive.ErrNotExist
	case "PreconditionFailed":
		return archive.ErrExist
	case "NoSuchBucket":
		return &Error{s.bucket, "there is no such bucket", err}
	case "InvalidAccessKeyId", "SignatureDoesNotMatch", "ExpiredToken", "InvalidToken", "RequestTimeTooSkewed", "AuthorizationHeaderMalformed":
		return &Error{s.bucket, "it refuses the credentials", err}
	case "AccessDenied", "AllAccessDisabled":
		return &Error{s.bucket, "it denies access", err}
	}
	if passing(err) {
		return &Error{s.bucket, "it is not to be had", err}
	}
	return err
}

// An Error says what is wrong with a store as a whole, for whoever set it up.
type Error struct {
	Bucket string
	What   string
	Err    error
}

func (e *Error) Error() string {
	return fmt.Sprintf("the store s3://%s: %s: %v", e.Bucket, e.What, e.Err)
}

func (e *Error) Unwrap() error { return e.Err }
