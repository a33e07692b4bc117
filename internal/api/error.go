package api

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
)

// Error is the error of an operation as AWS would tell it. Package wire turns it into each protocol's form; any other
// error becomes InternalFailure (500), or ServiceUnavailable (503) where the disk is full, and a line in the log.
type Error struct {
	Code    string // AWS's error code: ResourceNotFoundException, NoSuchBucket, InvalidVolume.NotFound
	Message string
	Status  int // HTTP status; 0 means 400
	// Members are further members of the error's shape (Backup: Type, Context; S3: BucketName), by wire name.
	Members map[string]string
	// Err is the cause, for errors.Is and the log; clients do not see it.
	Err error
}

func (e *Error) Error() string {
	if e.Message == "" {
		return e.Code
	}
	return e.Code + ": " + e.Message
}

func (e *Error) Unwrap() error { return e.Err }

// HTTPStatus is the status to answer with.
func (e *Error) HTTPStatus() int {
	if e.Status == 0 {
		return http.StatusBadRequest
	}
	return e.Status
}

// Errorf makes an error with status 400.
func Errorf(code, format string, args ...any) *Error {
	return &Error{Code: code, Message: fmt.Sprintf(format, args...), Status: http.StatusBadRequest}
}

// WithStatus returns a copy of e that answers with another HTTP status.
func (e *Error) WithStatus(status int) *Error {
	changed := *e
	changed.Status = status
	return &changed
}

// NotImplemented is the answer of an operation that the house does not have (yet), naming it.
func NotImplemented(what string) *Error {
	return &Error{Code: "NotImplemented", Message: what + " is not implemented by Strongroom.", Status: http.StatusNotImplemented}
}

// Code is the AWS error code of err, or "" if it is not an [Error].
func Code(err error) string {
	var e *Error
	if errors.As(err, &e) {
		return e.Code
	}
	return ""
}

// Refused is the error by which an operation refuses for good what it was asked, and nil if err is none: one of the server's
// (5xx) and throttling may pass, and say nothing about what was asked.
func Refused(err error) *Error {
	e, ok := errors.AsType[*Error](err)
	if !ok || e.HTTPStatus() >= http.StatusInternalServerError || e.HTTPStatus() == http.StatusTooManyRequests || strings.Contains(e.Code, "Throttl") {
		return nil
	}
	return e
}
