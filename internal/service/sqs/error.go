package sqs

import (
	"net/http"
	"strings"

	"strongroom/internal/api"
)

func noQueue() *api.Error {
	return api.Errorf("QueueDoesNotExist", "The specified queue does not exist.")
}

func invalidAddress(address string) *api.Error {
	return api.Errorf("InvalidAddress", "The address %s is not valid for this endpoint.", address)
}

func missing(parameter string) *api.Error {
	return api.Errorf("MissingParameter", "The request must contain the parameter %s.", parameter)
}

func invalid(format string, args ...any) *api.Error {
	return api.Errorf("InvalidParameterValue", format, args...)
}

// invalidValue names a parameter, its value and why the value is none.
func invalidValue(parameter, value, reason string) *api.Error {
	return invalid("Value %s for parameter %s is invalid. Reason: %s", value, parameter, reason)
}

func unknownAttribute(name string) *api.Error {
	return api.Errorf("InvalidAttributeName", "Unknown Attribute %s.", name)
}

func invalidAttribute(name string) *api.Error {
	return api.Errorf("InvalidAttributeValue", "Invalid value for the parameter %s.", name)
}

func invalidReceipt(handle string) *api.Error {
	return api.Errorf("ReceiptHandleIsInvalid", "The input receipt handle \"%s\" is not a valid receipt handle.", handle).WithStatus(http.StatusNotFound)
}

// kmsFailure tells an error of KMS as SQS does.
func kmsFailure(err error) error {
	code := strings.TrimSuffix(api.Code(err), "Exception")
	names := map[string]string{
		"AccessDenied": "KmsAccessDenied", "Disabled": "KmsDisabled", "InvalidKeyUsage": "KmsInvalidKeyUsage",
		"KMSInvalidState": "KmsInvalidState", "NotFound": "KmsNotFound",
	}
	if names[code] == "" {
		return err
	}
	e := api.Errorf(names[code], "%s", err.Error()[len(api.Code(err))+2:])
	e.Err = err
	return e
}
