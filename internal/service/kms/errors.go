package kms

import (
	"fmt"

	"strongroom/internal/api"
)

func errKeyNotFound(arn string) *api.Error {
	return api.Errorf("NotFoundException", "Key '%s' does not exist", arn)
}

func errAliasNotFound(arn string) *api.Error {
	return api.Errorf("NotFoundException", "Alias %s is not found.", arn)
}

func errInvalidKeyID(id string) *api.Error {
	return api.Errorf("NotFoundException", "Invalid keyId '%s'", id)
}

// errNull is what a required member that was not given is answered with.
func errNull(member string) *api.Error {
	return api.Errorf("ValidationException",
		"1 validation error detected: Value null at '%s' failed to satisfy constraint: Member must not be null", member)
}

// errConstraint is what a member outside its constraint is answered with; value is shown unless it is empty.
func errConstraint(member, value, constraint string) *api.Error {
	shown := "Value"
	if value != "" {
		shown = fmt.Sprintf("Value '%s'", value)
	}
	return api.Errorf("ValidationException", "1 validation error detected: %s at '%s' failed to satisfy constraint: %s",
		shown, member, constraint)
}

// checkDryRun ends a call that would succeed if it is only tried.
func checkDryRun(dryRun *bool) error {
	if dryRun != nil && *dryRun {
		return errDryRun()
	}
	return nil
}

func errDryRun() *api.Error {
	return api.Errorf("DryRunOperationException", "The request would have succeeded, but the DryRun option is set.")
}

// errOutOfReach is how KMS refuses a key of another account, or one that a ciphertext names: whether the key exists is
// not told.
func errOutOfReach(who, action, on string) *api.Error {
	return api.Errorf("AccessDeniedException", "User: %s is not authorized to perform: %s on %s because the resource does "+
		"not exist in this Region, no resource-based policies allow access, or a resource-based policy explicitly denies access",
		who, action, on)
}
