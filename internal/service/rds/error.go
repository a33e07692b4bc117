package rds

import (
	"net/http"

	"strongroom/internal/api"
	"strongroom/rules"
)

// The codes of https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/CommonErrors.html and of the operations' pages. The
// wire has them without the "Fault" that the SDK's types end in, but for a few.

func errInstanceNotFound(id string) *api.Error {
	return api.Errorf("DBInstanceNotFound", "DBInstance %s not found.", id).WithStatus(http.StatusNotFound)
}

func errInstanceExists() *api.Error {
	return api.Errorf("DBInstanceAlreadyExists", "DB instance already exists")
}

func errSnapshotNotFound(id string) *api.Error {
	return api.Errorf("DBSnapshotNotFound", "DBSnapshot %s not found.", id).WithStatus(http.StatusNotFound)
}

func errSnapshotExists(id string) *api.Error {
	return api.Errorf("DBSnapshotAlreadyExists", "Cannot create the snapshot because a snapshot with the identifier %s already exists.", id)
}

func errValue(format string, args ...any) *api.Error {
	return api.Errorf("InvalidParameterValue", format, args...)
}

func errCombination(format string, args ...any) *api.Error {
	return api.Errorf("InvalidParameterCombination", format, args...)
}

// errRegionKeyMissing refuses to copy what is encrypted to another Region without a key of there.
func errRegionKeyMissing() *api.Error {
	return api.Errorf(rules.RegionKeyMissing.Error.Code, "%s", rules.RegionKeyMissing.Refuse(nil).Message)
}

func errMissing(parameter string) *api.Error {
	return errValue("The parameter %s must be provided and must not be blank.", parameter)
}
