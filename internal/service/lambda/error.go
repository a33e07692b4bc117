package lambda

import (
	"net/http"

	"strongroom/internal/api"
)

// failure is an error as clients of Lambda read it: some look for message, some for Message, and some for the fault's side.
func failure(status int, code, format string, args ...any) *api.Error {
	e := api.Errorf(code, format, args...).WithStatus(status)
	e.Members = map[string]string{"Type": "User", "Message": e.Message}
	if status >= http.StatusInternalServerError {
		e.Members["Type"] = "Service"
	}
	return e
}

func invalid(format string, args ...any) *api.Error {
	return failure(http.StatusBadRequest, "InvalidParameterValueException", format, args...)
}

func notFound(format string, args ...any) *api.Error {
	return failure(http.StatusNotFound, "ResourceNotFoundException", format, args...)
}

func conflict(format string, args ...any) *api.Error {
	return failure(http.StatusConflict, "ResourceConflictException", format, args...)
}

func throttled(reason string) *api.Error {
	e := failure(http.StatusTooManyRequests, "TooManyRequestsException", "Rate Exceeded.")
	e.Members["Reason"] = reason
	return e
}

func stale() *api.Error {
	return failure(http.StatusPreconditionFailed, "PreconditionFailedException",
		"The RevisionId provided does not match the latest RevisionId. Call the GetFunction/GetAlias API to retrieve the latest RevisionId")
}

func stopping() *api.Error {
	return failure(http.StatusInternalServerError, "ServiceException", "The server is stopping.")
}

// off is the answer of a server that runs no functions.
func off() *api.Error {
	return &api.Error{
		Code: "NotImplemented", Message: "This server runs no functions: set functions.enabled to true in its configuration, or start it with -dev.", Status: http.StatusNotImplemented,
	}
}
