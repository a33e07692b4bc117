package ec2

import (
	"cmp"
	"context"

	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"strongroom/internal/api"
	"strongroom/internal/state"
)

// Accounts can keep their snapshots in a Region from being shared with everybody.
// https://docs.aws.amazon.com/ebs/latest/userguide/block-public-access-snapshots.html

// EnableSnapshotBlockPublicAccess keeps snapshots from being made public, and if it is to block all sharing, those that are
// from being seen.
func (s *Service) EnableSnapshotBlockPublicAccess(ctx context.Context, c *api.Caller, in *ec2.EnableSnapshotBlockPublicAccessInput) (*ec2.EnableSnapshotBlockPublicAccessOutput, error) {
	if in.State != types.SnapshotBlockPublicAccessStateBlockAllSharing && in.State != types.SnapshotBlockPublicAccessStateBlockNewSharing {
		return nil, errValue("State", string(in.State), "Expecting block-all-sharing or block-new-sharing.")
	}
	if err := dryRun(in.DryRun); err != nil {
		return nil, err
	}
	err := s.changeSettings(ctx, c, func(v *state.VolumeSettings) { v.SnapshotSharing = string(in.State) })
	return &ec2.EnableSnapshotBlockPublicAccessOutput{State: in.State}, err
}

// DisableSnapshotBlockPublicAccess allows public snapshots again.
func (s *Service) DisableSnapshotBlockPublicAccess(ctx context.Context, c *api.Caller, in *ec2.DisableSnapshotBlockPublicAccessInput) (*ec2.DisableSnapshotBlockPublicAccessOutput, error) {
	if err := dryRun(in.DryRun); err != nil {
		return nil, err
	}
	err := s.changeSettings(ctx, c, func(v *state.VolumeSettings) { v.SnapshotSharing = "" })
	return &ec2.DisableSnapshotBlockPublicAccessOutput{State: types.SnapshotBlockPublicAccessStateUnblocked}, err
}

// GetSnapshotBlockPublicAccessState tells which it is.
func (s *Service) GetSnapshotBlockPublicAccessState(ctx context.Context, c *api.Caller, in *ec2.GetSnapshotBlockPublicAccessStateInput) (*ec2.GetSnapshotBlockPublicAccessStateOutput, error) {
	if err := dryRun(in.DryRun); err != nil {
		return nil, err
	}
	v, err := s.settings(ctx, c)
	return &ec2.GetSnapshotBlockPublicAccessStateOutput{
		State:     cmp.Or(types.SnapshotBlockPublicAccessState(v.SnapshotSharing), types.SnapshotBlockPublicAccessStateUnblocked),
		ManagedBy: types.ManagedByAccount,
	}, err
}
