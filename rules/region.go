package rules

import "slices"

// optInRegions are the Regions that an account must opt in to, in order; see
// https://docs.aws.amazon.com/global-infrastructure/latest/regions/aws-regions.html
var optInRegions = []string{
	"af-south-1",
	"ap-east-1",
	"ap-east-2",
	"ap-south-2",
	"ap-southeast-3",
	"ap-southeast-4",
	"ap-southeast-5",
	"ap-southeast-6",
	"ap-southeast-7",
	"ca-west-1",
	"eu-central-2",
	"eu-south-1",
	"eu-south-2",
	"il-central-1",
	"me-central-1",
	"me-south-1",
	"mx-central-1",
}

// NeedsOptIn reports whether a Region is one that accounts must opt in to. There a delegated administrator has no
// cross-account monitoring; see https://docs.aws.amazon.com/aws-backup/latest/devguide/backup-feature-availability.html
func NeedsOptIn(region string) bool {
	_, found := slices.BinarySearch(optInRegions, region)
	return found
}
