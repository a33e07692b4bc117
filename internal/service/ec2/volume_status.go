package ec2

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"strongroom/internal/api"
	"strongroom/internal/state"
)

// statusOf is how well a volume is: one that is there is, one that could not be filled is not.
func statusOf(v state.Volume) (status types.VolumeStatusInfoStatus, enabled string) {
	switch v.State {
	case "error":
		return types.VolumeStatusInfoStatusImpaired, "failed"
	case "creating":
		return types.VolumeStatusInfoStatusInsufficientData, "not-applicable"
	}
	return types.VolumeStatusInfoStatusOk, "passed"
}

// statusDetails are the checks behind a status. The performance of volumes is nowhere provisioned, hence not checked.
func statusDetails(v state.Volume) []types.VolumeStatusDetails {
	_, enabled := statusOf(v)
	performance := "not-applicable"
	return []types.VolumeStatusDetails{
		{Name: types.VolumeStatusNameIoEnabled, Status: &enabled},
		{Name: types.VolumeStatusNameIoPerformance, Status: &performance},
	}
}

var volumeStatusFilters = []string{
	"action.code", "action.description", "action.event-id", "availability-zone", "availability-zone-id",
	"event.description", "event.event-id", "event.event-type", "event.not-after", "event.not-before",
	"volume-status.details-name", "volume-status.details-status", "volume-status.status",
}

func volumeStatusValues(v state.Volume, filter string) ([]string, bool) {
	var values []string
	switch filter {
	case "availability-zone", "availability-zone-id":
		return volumeValues(v, filter)
	case "volume-status.status":
		status, _ := statusOf(v)
		values = append(values, string(status))
	case "volume-status.details-name":
		for _, d := range statusDetails(v) {
			values = append(values, string(d.Name))
		}
	case "volume-status.details-status":
		for _, d := range statusDetails(v) {
			values = append(values, *d.Status)
		}
	}
	return values, len(values) > 0 // there are no actions and no events
}

// DescribeVolumeStatus tells whether volumes are well.
func (s *Service) DescribeVolumeStatus(ctx context.Context, c *api.Caller, in *ec2.DescribeVolumeStatusInput) (*ec2.DescribeVolumeStatusOutput, error) {
	if err := dryRun(in.DryRun); err != nil {
		return nil, err
	}
	if len(in.VolumeIds) > 0 && in.MaxResults != nil {
		return nil, errNamedAndPaged("volumeIds")
	}
	rows, err := s.volumes(ctx, c, in.VolumeIds)
	if err != nil {
		return nil, err
	}
	if rows, err = filtered(rows, in.Filters, volumeStatusValues, volumeStatusFilters...); err != nil {
		return nil, err
	}
	rows, next, err := page(s.Pages, "ec2:DescribeVolumeStatus", c, rows, in.MaxResults, in.NextToken, func(v state.Volume) string { return v.ID })
	out := &ec2.DescribeVolumeStatusOutput{NextToken: next}
	for _, v := range rows {
		r, _ := regionOf(v.Region)
		status, zoneID := types.VolumeStatusInfo{Details: statusDetails(v)}, r.zoneID(v.AvailabilityZone)
		status.Status, _ = statusOf(v)
		out.VolumeStatuses = append(out.VolumeStatuses, types.VolumeStatusItem{
			VolumeId: &v.ID, AvailabilityZone: &v.AvailabilityZone, AvailabilityZoneId: &zoneID, VolumeStatus: &status,
		})
	}
	return out, err
}
