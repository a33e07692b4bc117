package rds

import (
	"net/http"
	"slices"
	"strings"

	"strongroom/internal/api"
)

// zones are the Availability Zones of a Region: three, in every account.
func zones(region string) []string { return []string{region + "a", region + "b", region + "c"} }

// checkZone refuses the Availability Zone that a call asks for an instance if the Region does not have it.
func checkZone(c *api.Caller, given *string, multiAZ bool) error {
	switch {
	case deref(given) == "":
		return nil
	case multiAZ:
		return errCombination("Requesting a specific availability zone is not valid for Multi-AZ instances.")
	}
	return checkZones(c, []string{*given})
}

// checkZones refuses Availability Zones that the Region does not have. The words are RDS's, as clients have reported them.
func checkZones(c *api.Caller, asked []string) error {
	var lacking []string
	for _, zone := range asked {
		if !slices.Contains(zones(c.Region), zone) {
			lacking = append(lacking, zone)
		}
	}
	if len(lacking) == 0 {
		return nil
	}
	subject := "Availability zone '[%s]' is"
	if len(lacking) > 1 {
		subject = "Availability zones '[%s]' are"
	}
	return api.Errorf("InvalidVPCNetworkStateFault", subject+" unavailable in this region, please choose another zone set.", strings.Join(lacking, ", ")).
		WithStatus(http.StatusBadRequest)
}
