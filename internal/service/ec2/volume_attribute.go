package ec2

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"strongroom/internal/api"
	"strongroom/internal/state"
)

// DescribeVolumeAttribute tells one attribute of a volume. No volume has product codes.
func (s *Service) DescribeVolumeAttribute(ctx context.Context, c *api.Caller, in *ec2.DescribeVolumeAttributeInput) (*ec2.DescribeVolumeAttributeOutput, error) {
	v, err := s.volume(ctx, c, in.VolumeId)
	if err != nil {
		return nil, err
	}
	if err := dryRun(in.DryRun); err != nil {
		return nil, err
	}
	out := &ec2.DescribeVolumeAttributeOutput{VolumeId: &v.ID}
	switch in.Attribute {
	case types.VolumeAttributeNameAutoEnableIO:
		out.AutoEnableIO = &types.AttributeBooleanValue{Value: &v.AutoEnableIO}
	case types.VolumeAttributeNameProductCodes:
	default:
		return nil, errValue("attribute", string(in.Attribute), "Unknown attribute.")
	}
	return out, nil
}

func (s *Service) describeVolumeAttributeAccess(ctx context.Context, c *api.Caller, in *ec2.DescribeVolumeAttributeInput) ([]api.Access, error) {
	return s.volumeAccess(ctx, c, "DescribeVolumeAttribute", in.VolumeId)
}

// ModifyVolumeAttribute changes whether a volume whose data may be damaged takes reads and writes at once.
func (s *Service) ModifyVolumeAttribute(ctx context.Context, c *api.Caller, in *ec2.ModifyVolumeAttributeInput) (*ec2.ModifyVolumeAttributeOutput, error) {
	v, err := s.volume(ctx, c, in.VolumeId)
	if err != nil {
		return nil, err
	}
	if in.AutoEnableIO == nil || in.AutoEnableIO.Value == nil {
		return nil, errMissing("autoEnableIO")
	}
	if err := dryRun(in.DryRun); err != nil {
		return nil, err
	}
	err = s.DB.Update(ctx, func(ctx context.Context, tx *state.Tx) error {
		return tx.SetVolumeAutoEnableIO(ctx, v.ID, *in.AutoEnableIO.Value)
	})
	return &ec2.ModifyVolumeAttributeOutput{}, err
}

func (s *Service) modifyVolumeAttributeAccess(ctx context.Context, c *api.Caller, in *ec2.ModifyVolumeAttributeInput) ([]api.Access, error) {
	return s.volumeAccess(ctx, c, "ModifyVolumeAttribute", in.VolumeId)
}

// EnableVolumeIO lets a volume take reads and writes again. Here no volume ever stops to: whose data cannot be read says so
// at the read.
func (s *Service) EnableVolumeIO(ctx context.Context, c *api.Caller, in *ec2.EnableVolumeIOInput) (*ec2.EnableVolumeIOOutput, error) {
	v, err := s.volume(ctx, c, in.VolumeId)
	if err != nil {
		return nil, err
	}
	if v.State != "available" {
		return nil, api.Errorf("IncorrectState", "The volume '%s' is in state %s.", v.ID, v.State)
	}
	return &ec2.EnableVolumeIOOutput{}, dryRun(in.DryRun)
}

func (s *Service) enableVolumeIOAccess(ctx context.Context, c *api.Caller, in *ec2.EnableVolumeIOInput) ([]api.Access, error) {
	return s.volumeAccess(ctx, c, "EnableVolumeIO", in.VolumeId)
}
