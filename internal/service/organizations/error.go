package organizations

import (
	"fmt"

	"strongroom/internal/api"
)

func notInUse() error {
	return api.Errorf("AWSOrganizationsNotInUseException", "Your account is not a member of an organization.")
}

// notPermitted is told to members that call what only the management account may.
func notPermitted() *api.Error {
	return api.Errorf("AccessDeniedException", "You don't have permissions to access this resource.")
}

func accountNotFound() error {
	return api.Errorf("AccountNotFoundException", "You specified an account that doesn't exist.")
}

func parentNotFound() error {
	return api.Errorf("ParentNotFoundException", "You specified parent that doesn't exist.")
}

// invalidInput names the field by the reason's kind: PATTERN, REQUIRED …
func invalidInput(reason, format string, args ...any) error {
	e := api.Errorf("InvalidInputException", "%s", fmt.Sprintf(format, args...))
	e.Members = map[string]string{"Reason": reason}
	return e
}

func constraintViolation(reason, format string, args ...any) error {
	e := api.Errorf("ConstraintViolationException", "%s", fmt.Sprintf(format, args...))
	e.Members = map[string]string{"Reason": reason}
	return e
}

func handshakeViolation(reason, format string, args ...any) error {
	e := api.Errorf("HandshakeConstraintViolationException", "%s", fmt.Sprintf(format, args...))
	e.Members = map[string]string{"Reason": reason}
	return e
}
