package iam

import (
	"net/http"

	"strongroom/internal/api"
)

func noSuchEntity(format string, args ...any) error {
	return api.Errorf("NoSuchEntity", format, args...).WithStatus(http.StatusNotFound)
}

func alreadyExists(format string, args ...any) error {
	return api.Errorf("EntityAlreadyExists", format, args...).WithStatus(http.StatusConflict)
}

func deleteConflict(format string, args ...any) error {
	return api.Errorf("DeleteConflict", format, args...).WithStatus(http.StatusConflict)
}

func limitExceeded(format string, args ...any) error {
	return api.Errorf("LimitExceeded", format, args...).WithStatus(http.StatusConflict)
}

func malformedPolicy(format string, args ...any) error {
	return api.Errorf("MalformedPolicyDocument", format, args...)
}

func invalidInput(format string, args ...any) error {
	return api.Errorf("InvalidInput", format, args...)
}

// unmodifiable refuses changes of a service-linked role.
func unmodifiable(role string) error {
	return api.Errorf("UnmodifiableEntity",
		"Cannot perform the operation on the protected role '%s' - this role is only modifiable by AWS", role)
}
