package copier

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/service/backup/types"
	"github.com/aws/smithy-go"
)

// A nature is what is to be expected of a failure when it is tried again.
type nature int

const (
	unknown nature = iota // tried again, a number of times
	passing               // tried again until it passes
	lasting               // not before somebody has done something about it
)

func (n nature) String() string { return [...]string{"unknown", "passing", "lasting"}[n] }

// passingCodes are errors that say that a call may succeed later.
var passingCodes = []string{
	"ThrottlingException", "Throttling", "TooManyRequestsException", "RequestLimitExceeded", "RequestThrottled", "SlowDown", "ProvisionedThroughputExceededException",
	"ServiceUnavailableException", "ServiceUnavailable", "InternalFailure", "InternalServerError", "InternalError", "RequestTimeout", "RequestTimeoutException",
	"LimitExceededException", "ConflictException",
}

// lastingCodes are errors that say that a call cannot succeed as things are.
var lastingCodes = []string{
	"AccessDeniedException", "AccessDenied", "UnauthorizedOperation", "InvalidParameterValueException", "MissingParameterValueException",
	"InvalidRequestException", "ResourceNotFoundException", "ValidationException", "NotImplemented", "UnsupportedOperation", "OptInRequired",
}

// callError is a call that failed.
type callError struct {
	operation string
	err       error
}

func (e *callError) Error() string { return e.operation + ": " + e.err.Error() }
func (e *callError) Unwrap() error { return e.err }

func during(operation string, err error) error { return &callError{operation, err} }

// code is the error code of a failed call.
func code(err error) string {
	var e smithy.APIError
	if errors.As(err, &e) {
		return e.ErrorCode()
	}
	return ""
}

// natureOf tells what is to be expected of a failed call.
func natureOf(err error) nature {
	var response *awshttp.ResponseError
	status := 0
	if errors.As(err, &response) {
		status = response.HTTPStatusCode()
	}
	switch c := code(err); {
	case tokenTaken(err), slices.Contains(passingCodes, c), errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		return passing
	case slices.Contains(lastingCodes, c):
		return lasting
	case status == http.StatusTooManyRequests, status >= 500, c == "" && status == 0: // nothing came back: the network
		return passing
	}
	return unknown
}

// tokenTaken is that another copier has used a token with other parameters, since it is configured otherwise or has read
// another lifecycle. Its job is the hop; the next look finds it.
func tokenTaken(err error) bool {
	var e smithy.APIError
	return errors.As(err, &e) && strings.Contains(e.ErrorMessage(), "IdempotencyToken")
}

// gone is that what a call named does not exist.
func gone(err error) bool {
	switch code(err) {
	case "ResourceNotFoundException", "DBSnapshotNotFound", "DBSnapshotNotFoundFault", "DBClusterSnapshotNotFoundFault":
		return true
	}
	return false
}

// Categories of copy jobs' messages, and words in them, that tell whether a job may succeed later.
// https://docs.aws.amazon.com/aws-backup/latest/devguide/backup-dashboards.html
var (
	passingCategories = []string{"LIMIT_EXCEEDED", "CONCURRENT_JOB", "TOKEN_EXPIRED", "FATAL_ERROR"}
	lastingCategories = []string{
		"ACCESS_DENIED", "KMS_KEY_ERROR", "ACCESS_KEY_ERROR", "INVALID_LIFECYCLE", "FEATURE_NOT_ENABLED", "RESOURCE_NOT_FOUND", "RESOURCE_NOT_SUPPORTED",
		"UNSUPPORTED_OPERATION", "TAG_COPY_ERROR",
	}
	passingWords = regexp.MustCompile(`(?i)throttl|rate exceeded|try again|unavailable|internal (service )?(error|failure)|timed? ?out|too many|limit.{0,20}exceeded|quota`)
	lastingWords = regexp.MustCompile(`(?i)access denied|not authorized|permission|cannot be assumed|kms key|does not exist|not supported|cannot be copied|retention|encrypt`)
)

// natureOfJob tells what is to be expected of a failed copy job.
func natureOfJob(j types.CopyJob) nature {
	category, message := aws.ToString(j.MessageCategory), aws.ToString(j.StatusMessage)
	switch {
	case slices.Contains(passingCategories, category), passingWords.MatchString(message):
		return passing
	case slices.Contains(lastingCategories, category), lastingWords.MatchString(message):
		return lasting
	}
	return unknown
}

// A refusal is a hop that the copier does not make, or a message that it does not understand, and why; trying again alone
// would not help.
type refusal struct{ reason, text string }

func (r *refusal) Error() string { return r.text }

func refuse(reason, format string, args ...any) error {
	return &refusal{reason, fmt.Sprintf(format, args...)}
}
