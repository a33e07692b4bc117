package rds

import (
	"slices"
	"strings"

	"strongroom/internal/api"
)

// The statuses in which an instance can be changed. One that is incompatible-parameters can be rebooted or deleted only: what is to be
// changed is its parameter group (https://repost.aws/knowledge-center/aurora-mysql-incompatible-parameter). One that is storage-full
// is given more (https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/CHAP_Troubleshooting.html#CHAP_Troubleshooting.Storage). Here
// incompatible-network means that its port is taken, for which there is another port. StartDBInstance names its own in its refusal.
var (
	modifiableIn = []string{"available", "storage-full", "incompatible-network"}
	rebootable   = []string{"available", "storage-full", "incompatible-network", "incompatible-parameters"}
	startable    = []string{"stopped", "inaccessible-encryption-credentials-recoverable", "incompatible-network"}
	// needsHelp are those of a cluster that does not run, and might after a change.
	needsHelp = []string{"incompatible-parameters", "incompatible-network", "storage-full"}
)

// underWay reports whether a status is one that passes: RDS is at work on the instance.
func underWay(status string) bool {
	return slices.Contains([]string{"creating", "backing-up", "rebooting", "starting", "stopping", "deleting", "modifying"}, status)
}

// errInstanceUnavailable is what RDS answers to whoever changes or stops an instance in another status. It does not tell which.
func errInstanceUnavailable(i instance) *api.Error {
	return api.Errorf("InvalidDBInstanceState", "Instance %s is not in available state.", i.ID)
}

func errNotStartable(i instance) *api.Error {
	return api.Errorf("InvalidDBInstanceState", "Instance %s cannot be started as it is not in one of the following statuses: '%s (only valid for non-SqlServer instances)'.",
		i.ID, strings.Join(startable, ", "))
}
