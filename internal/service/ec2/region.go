package ec2

import (
	"context"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"strongroom/internal/api"
	"strongroom/rules"
)

// region is a commercial Region of AWS.
type region struct {
	name  string
	zones string // the letters of its Availability Zones
}

// regions are those of https://docs.aws.amazon.com/global-infrastructure/latest/regions/aws-regions.html
var regions = []region{
	{"af-south-1", "abc"},
	{"ap-east-1", "abc"},
	{"ap-east-2", "abc"},
	{"ap-northeast-1", "acd"},
	{"ap-northeast-2", "abcd"},
	{"ap-northeast-3", "abc"},
	{"ap-south-1", "abc"},
	{"ap-south-2", "abc"},
	{"ap-southeast-1", "abc"},
	{"ap-southeast-2", "abc"},
	{"ap-southeast-3", "abc"},
	{"ap-southeast-4", "abc"},
	{"ap-southeast-5", "abc"},
	{"ap-southeast-6", "abc"},
	{"ap-southeast-7", "abc"},
	{"ca-central-1", "abd"},
	{"ca-west-1", "abc"},
	{"eu-central-1", "abc"},
	{"eu-central-2", "abc"},
	{"eu-north-1", "abc"},
	{"eu-south-1", "abc"},
	{"eu-south-2", "abc"},
	{"eu-west-1", "abc"},
	{"eu-west-2", "abc"},
	{"eu-west-3", "abc"},
	{"il-central-1", "abc"},
	{"me-central-1", "abc"},
	{"me-south-1", "abc"},
	{"mx-central-1", "abc"},
	{"sa-east-1", "abc"},
	{"us-east-1", "abcdef"},
	{"us-east-2", "abc"},
	{"us-west-1", "ac"},
	{"us-west-2", "abcd"},
}

// Regions lists the names of all commercial Regions, in order.
func Regions() []string {
	names := make([]string, len(regions))
	for i, r := range regions {
		names[i] = r.name
	}
	return names
}

func regionOf(name string) (region, bool) {
	i, found := slices.BinarySearchFunc(regions, name, func(r region, name string) int { return strings.Compare(r.name, name) })
	if !found {
		return region{}, false
	}
	return regions[i], true
}

// zoneNames are the Region's Availability Zones: eu-central-1a.
func (r region) zoneNames() []string {
	var names []string
	for _, letter := range r.zones {
		names = append(names, r.name+string(letter))
	}
	return names
}

// zoneID is the id of a zone of the Region: euc1-az1 for eu-central-1a.
func (r region) zoneID(zone string) string {
	parts := strings.Split(r.name, "-")
	direction := parts[1][:1]
	for _, second := range []string{"east", "west"} { // northeast, southeast
		if first, ok := strings.CutSuffix(parts[1], second); ok && first != "" {
			direction = first[:1] + second[:1]
		}
	}
	number := string('1' + rune(strings.IndexByte(r.zones, zone[len(zone)-1])))
	return parts[0] + direction + parts[2] + "-az" + number
}

// optIn is the state of a Region that accounts must opt in to at AWS: here every account has.
func (r region) optIn() string {
	if rules.NeedsOptIn(r.name) {
		return "opted-in"
	}
	return "opt-in-not-required"
}

// DescribeRegions lists the Regions; all of them can be used.
func (s *Service) DescribeRegions(_ context.Context, _ *api.Caller, in *ec2.DescribeRegionsInput) (*ec2.DescribeRegionsOutput, error) {
	if err := dryRun(in.DryRun); err != nil {
		return nil, err
	}
	for _, name := range in.RegionNames {
		if _, ok := regionOf(name); !ok {
			return nil, api.Errorf("InvalidParameterValue", "Invalid region name '%s'", name)
		}
	}
	var all []types.Region
	for _, r := range regions {
		if len(in.RegionNames) > 0 && !slices.Contains(in.RegionNames, r.name) {
			continue
		}
		endpoint, optIn := "ec2."+r.name+".amazonaws.com", r.optIn()
		all = append(all, types.Region{RegionName: &r.name, Endpoint: &endpoint, OptInStatus: &optIn})
	}
	all, err := filtered(all, in.Filters, func(r types.Region, filter string) ([]string, bool) {
		switch filter {
		case "region-name":
			return []string{*r.RegionName}, true
		case "endpoint":
			return []string{*r.Endpoint}, true
		}
		return []string{*r.OptInStatus}, true
	}, "region-name", "endpoint", "opt-in-status")
	return &ec2.DescribeRegionsOutput{Regions: all}, err
}

// DescribeAvailabilityZones lists the zones of the Region that is called.
func (s *Service) DescribeAvailabilityZones(_ context.Context, c *api.Caller, in *ec2.DescribeAvailabilityZonesInput) (*ec2.DescribeAvailabilityZonesOutput, error) {
	if err := dryRun(in.DryRun); err != nil {
		return nil, err
	}
	r, _ := regionOf(c.Region)
	for _, name := range in.ZoneNames {
		if !slices.Contains(r.zoneNames(), name) {
			return nil, api.Errorf("InvalidParameterValue", "Invalid availability zone: [%s]", name)
		}
	}
	var all []types.AvailabilityZone
	for _, name := range r.zoneNames() {
		id, kind, group := r.zoneID(name), "availability-zone", r.name+"-zg-1"
		if (len(in.ZoneNames) > 0 && !slices.Contains(in.ZoneNames, name)) || (len(in.ZoneIds) > 0 && !slices.Contains(in.ZoneIds, id)) {
			continue
		}
		all = append(all, types.AvailabilityZone{
			RegionName: &r.name, ZoneName: &name, ZoneId: &id, ZoneType: &kind, GroupName: &group,
			NetworkBorderGroup: &r.name, State: types.AvailabilityZoneStateAvailable,
			OptInStatus: types.AvailabilityZoneOptInStatusOptInNotRequired,
		})
	}
	all, err := filtered(all, in.Filters, func(z types.AvailabilityZone, filter string) ([]string, bool) {
		switch filter {
		case "zone-name":
			return []string{*z.ZoneName}, true
		case "zone-id":
			return []string{*z.ZoneId}, true
		case "zone-type":
			return []string{*z.ZoneType}, true
		case "state":
			return []string{string(z.State)}, true
		case "opt-in-status":
			return []string{string(z.OptInStatus)}, true
		case "group-name":
			return []string{*z.GroupName}, true
		case "region-name":
			return []string{*z.RegionName}, true
		}
		return nil, false // there are neither messages nor parents
	}, "zone-name", "zone-id", "zone-type", "state", "opt-in-status", "region-name", "group-name", "group-long-name",
		"message", "parent-zone-id", "parent-zone-name")
	return &ec2.DescribeAvailabilityZonesOutput{AvailabilityZones: all}, err
}
