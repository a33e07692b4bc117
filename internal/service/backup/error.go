package backup

import (
	"strongroom/internal/api"
	"strongroom/internal/state"
	"strongroom/rules"
)

// refused is a refusal of the catalogue as the error of a call.
func refused(refusal *rules.Refusal) *api.Error {
	entry, _ := rules.EntryOf(refusal.ID)
	e := &api.Error{Code: entry.Error.Code, Message: refusal.Message, Status: entry.Error.Status, Err: refusal}
	if entry.Error.Number != "" {
		return coded(e, entry.Error.Number, "")
	}
	return e
}

func notFound(format string, args ...any) *api.Error {
	return api.Errorf("ResourceNotFoundException", format, args...)
}

func invalid(format string, args ...any) *api.Error {
	return api.Errorf("InvalidParameterValueException", format, args...)
}

func missing(field string) *api.Error {
	return api.Errorf("MissingParameterValueException", "Missing required parameter: %s", field)
}

func invalidRequest(format string, args ...any) *api.Error {
	return api.Errorf("InvalidRequestException", format, args...)
}

func limitExceeded(format string, args ...any) *api.Error {
	return api.Errorf("LimitExceededException", format, args...)
}

func invalidState(format string, args ...any) *api.Error {
	return api.Errorf("InvalidResourceStateException", format, args...)
}

// alreadyExists names what is there already.
func alreadyExists(message, arn, creatorRequestID string) *api.Error {
	e := api.Errorf("AlreadyExistsException", "%s", message)
	e.Members = map[string]string{"Arn": arn}
	if creatorRequestID != "" {
		e.Members["CreatorRequestId"] = creatorRequestID
	}
	return e
}

// coded adds the service's own error number and its context to the error's shape.
func coded(e *api.Error, code, context string) *api.Error {
	if e.Members == nil {
		e.Members = map[string]string{}
	}
	e.Members["Code"] = code
	if context != "" {
		e.Members["Context"] = context
	}
	return e
}

func vaultNotFound(name string) *api.Error { return notFound("Backup vault %s not found.", name) }

func pointNotFound(arn string) *api.Error {
	return notFound("Cannot find recovery point: %s.", arn)
}

func planNotFound() *api.Error { return notFound("Failed reading Backup plan with provided version") }

// ofOrganization refuses to change what backup policies of the organization made. The words are those of AWS about deletions:
// https://github.com/rebuy-de/aws-nuke/issues/633
func ofOrganization(what string, plan state.BackupPlan) *api.Error {
	return invalid("%s backup plan %s created by organizations", what, plan.ID)
}

// denied is the answer to whoever reaches for another account.
func denied() *api.Error {
	return refused(rules.PrivilegesInsufficient.Refuse(nil))
}
