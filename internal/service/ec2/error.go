package ec2

import (
	"net/http"

	"strongroom/internal/api"
)

// The codes and texts of https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html

func errVolumeNotFound(id string) *api.Error {
	return api.Errorf("InvalidVolume.NotFound", "The volume '%s' does not exist.", id)
}

func errSnapshotNotFound(id string) *api.Error {
	return api.Errorf("InvalidSnapshot.NotFound", "The snapshot '%s' does not exist.", id)
}

func errMissing(parameter string) *api.Error {
	return api.Errorf("MissingParameter", "The request must contain the parameter %s", parameter)
}

func errValue(parameter, value, why string) *api.Error {
	return api.Errorf("InvalidParameterValue", "Value (%s) for parameter %s is invalid. %s", value, parameter, why)
}

// dryRun is the answer of a call that was only tried: whoever comes this far is allowed it.
func dryRun(asked *bool) error {
	if asked == nil || !*asked {
		return nil
	}
	return &api.Error{
		Code: "DryRunOperation", Message: "Request would have succeeded, but DryRun flag is set.",
		Status: http.StatusPreconditionFailed,
	}
}

func errNamedAndPaged(ids string) *api.Error {
	return api.Errorf("InvalidParameterCombination", "The parameter %s cannot be used with the parameter maxResults", ids)
}
