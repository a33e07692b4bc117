package ec2

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/service/ec2"

	"strongroom/internal/api"
)

// Nothing is kept in the Recycle Bin: that takes retention rules, and their service is not here. Nor is any snapshot enabled
// for fast restores.

// ListSnapshotsInRecycleBin lists none.
func (s *Service) ListSnapshotsInRecycleBin(_ context.Context, c *api.Caller, in *ec2.ListSnapshotsInRecycleBinInput) (*ec2.ListSnapshotsInRecycleBinOutput, error) {
	if err := dryRun(in.DryRun); err != nil {
		return nil, err
	}
	if len(in.SnapshotIds) > 0 {
		return nil, errSnapshotNotFound(in.SnapshotIds[0])
	}
	return &ec2.ListSnapshotsInRecycleBinOutput{}, s.noPage("ec2:ListSnapshotsInRecycleBin", c, in.MaxResults, in.NextToken)
}

// ListVolumesInRecycleBin lists none.
func (s *Service) ListVolumesInRecycleBin(_ context.Context, c *api.Caller, in *ec2.ListVolumesInRecycleBinInput) (*ec2.ListVolumesInRecycleBinOutput, error) {
	if err := dryRun(in.DryRun); err != nil {
		return nil, err
	}
	if len(in.VolumeIds) > 0 {
		return nil, errVolumeNotFound(in.VolumeIds[0])
	}
	return &ec2.ListVolumesInRecycleBinOutput{}, s.noPage("ec2:ListVolumesInRecycleBin", c, in.MaxResults, in.NextToken)
}

// DescribeFastSnapshotRestores lists none.
func (s *Service) DescribeFastSnapshotRestores(_ context.Context, c *api.Caller, in *ec2.DescribeFastSnapshotRestoresInput) (*ec2.DescribeFastSnapshotRestoresOutput, error) {
	if err := dryRun(in.DryRun); err != nil {
		return nil, err
	}
	if _, err := filtered([]struct{}(nil), in.Filters, nil, "availability-zone", "availability-zone-id", "owner-id", "snapshot-id", "state"); err != nil {
		return nil, err
	}
	return &ec2.DescribeFastSnapshotRestoresOutput{}, s.noPage("ec2:DescribeFastSnapshotRestores", c, in.MaxResults, in.NextToken)
}

// noPage checks what a list without entries was asked for.
func (s *Service) noPage(operation string, c *api.Caller, size *int32, token *string) error {
	_, _, err := page(s.Pages, operation, c, nil, size, token, func(struct{}) string { return "" })
	return err
}
