package rds

import (
	"errors"
	"fmt"
	"syscall"

	"strongroom/internal/api"
	"strongroom/internal/dbengine"
	"strongroom/internal/state"
)

// The statuses that the fleet itself asks for. They are those of
// https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/accessing-monitoring.html#Overview.DBInstance.Status
const (
	statusAvailable = "available"
	statusStopped   = "stopped"
)

const messageFull = "No space is left on the device that the database lies on."

// statusOf is the status of a database after a failure, and what users are told.
func statusOf(d state.Database, failure error) (status, message string) {
	var locked *lockedError
	var start *dbengine.StartError
	var missing *dbengine.NotInstalledError
	switch {
	case errors.As(failure, &locked):
		return lockedStatus(locked), fmt.Sprintf("The KMS key %s of the DB instance cannot be used. The instance starts once it can.", d.KeyARN)
	case errors.As(failure, &missing):
		return "failed", fmt.Sprintf("This server cannot run %s: %s.", d.Engine, missing)
	case errors.Is(failure, syscall.ENOSPC), errors.Is(failure, syscall.EDQUOT):
		return statusFull, messageFull
	case errors.As(failure, &start):
		return startStatus(d, start)
	case errors.Is(failure, errSource), errors.Is(failure, errSourceGone):
		return "incompatible-restore", "The snapshot cannot be restored: " + failure.Error() + "."
	}
	return "failed", userMessage(failure)
}

// portTaken reports whether a database did not start because of its port.
func portTaken(failure error) bool {
	var start *dbengine.StartError
	return errors.As(failure, &start) && start.Reason == dbengine.ReasonPortInUse
}

// lockedStatus tells a key that may come back from one that is gone.
func lockedStatus(locked *lockedError) string {
	if api.Code(locked.err) == "NotFoundException" {
		return "inaccessible-encryption-credentials"
	}
	return "inaccessible-encryption-credentials-recoverable"
}

func startStatus(d state.Database, start *dbengine.StartError) (status, message string) {
	if start.Reason == dbengine.ReasonNoMemory && len(d.Parameters) > 0 {
		// https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/CHAP_Troubleshooting.html#CHAP_Troubleshooting.incompatible-parameters-memory
		return "incompatible-parameters", "The database does not start with its parameters: they take more memory than there is."
	}
	switch start.Reason {
	case dbengine.ReasonNoSpace:
		return statusFull, messageFull
	case dbengine.ReasonBadParameter:
		return "incompatible-parameters", fmt.Sprintf("The database does not start with the value of the parameter %s.", start.Detail)
	case dbengine.ReasonPortInUse:
		return "incompatible-network", fmt.Sprintf("The port %d of the database is taken by another process of this host.", d.Port)
	case dbengine.ReasonVersion:
		return versionStatus(d), "The database was written by another version of the engine than this host has (" + d.EngineVersion + ")."
	case dbengine.ReasonDamaged, dbengine.ReasonPermission, dbengine.ReasonNoMemory, dbengine.ReasonTimeout, dbengine.ReasonUnknown:
	}
	return "failed", "The database does not start: " + start.Error() + "."
}

// versionStatus tells a database that is being made from a snapshot from one that the host's engine has left behind.
func versionStatus(d state.Database) string {
	if d.Source.Point != "" && (d.Phase == state.DatabaseFilling || d.Status == "creating") {
		return "incompatible-restore"
	}
	return "failed"
}

// userMessage is what users are told of a failure: the text of an [api.Error], and no inner workings.
func userMessage(err error) string {
	var told *api.Error
	if errors.As(err, &told) {
		return told.Message
	}
	return "An internal error has occurred."
}
