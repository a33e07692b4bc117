package ec2

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/service/ec2"

	"strongroom/internal/api"
	"strongroom/internal/state"
)

func (s *Service) settings(ctx context.Context, c *api.Caller) (v state.VolumeSettings, err error) {
	err = s.DB.View(ctx, func(ctx context.Context, tx *state.Tx) (err error) {
		v, err = tx.VolumeSettings(ctx, c.AccountID, c.Region)
		return err
	})
	return v, err
}

func (s *Service) changeSettings(ctx context.Context, c *api.Caller, change func(*state.VolumeSettings)) error {
	return s.DB.Update(ctx, func(ctx context.Context, tx *state.Tx) error {
		v, err := tx.VolumeSettings(ctx, c.AccountID, c.Region)
		if err != nil {
			return err
		}
		change(&v)
		return tx.PutVolumeSettings(ctx, c.AccountID, c.Region, v)
	})
}

// GetEbsEncryptionByDefault tells whether new volumes and copies are encrypted unasked.
func (s *Service) GetEbsEncryptionByDefault(ctx context.Context, c *api.Caller, in *ec2.GetEbsEncryptionByDefaultInput) (*ec2.GetEbsEncryptionByDefaultOutput, error) {
	if err := dryRun(in.DryRun); err != nil {
		return nil, err
	}
	v, err := s.settings(ctx, c)
	return &ec2.GetEbsEncryptionByDefaultOutput{EbsEncryptionByDefault: &v.EncryptionByDefault}, err
}

// EnableEbsEncryptionByDefault turns it on.
func (s *Service) EnableEbsEncryptionByDefault(ctx context.Context, c *api.Caller, in *ec2.EnableEbsEncryptionByDefaultInput) (*ec2.EnableEbsEncryptionByDefaultOutput, error) {
	if err := dryRun(in.DryRun); err != nil {
		return nil, err
	}
	on := true
	err := s.changeSettings(ctx, c, func(v *state.VolumeSettings) { v.EncryptionByDefault = on })
	return &ec2.EnableEbsEncryptionByDefaultOutput{EbsEncryptionByDefault: &on}, err
}

// DisableEbsEncryptionByDefault turns it off.
func (s *Service) DisableEbsEncryptionByDefault(ctx context.Context, c *api.Caller, in *ec2.DisableEbsEncryptionByDefaultInput) (*ec2.DisableEbsEncryptionByDefaultOutput, error) {
	if err := dryRun(in.DryRun); err != nil {
		return nil, err
	}
	on := false
	err := s.changeSettings(ctx, c, func(v *state.VolumeSettings) { v.EncryptionByDefault = on })
	return &ec2.DisableEbsEncryptionByDefaultOutput{EbsEncryptionByDefault: &on}, err
}

// GetEbsDefaultKmsKeyID tells the key of encrypted volumes whose creator names none.
func (s *Service) GetEbsDefaultKmsKeyID(ctx context.Context, c *api.Caller, in *ec2.GetEbsDefaultKmsKeyIdInput) (*ec2.GetEbsDefaultKmsKeyIdOutput, error) {
	if err := dryRun(in.DryRun); err != nil {
		return nil, err
	}
	v, err := s.settings(ctx, c)
	if err != nil {
		return nil, err
	}
	if v.DefaultKeyARN == "" {
		v.DefaultKeyARN = "alias/aws/ebs"
	}
	return &ec2.GetEbsDefaultKmsKeyIdOutput{KmsKeyId: &v.DefaultKeyARN}, nil
}

// ModifyEbsDefaultKmsKeyID changes it. The caller must be allowed to describe the key.
func (s *Service) ModifyEbsDefaultKmsKeyID(ctx context.Context, c *api.Caller, in *ec2.ModifyEbsDefaultKmsKeyIdInput) (*ec2.ModifyEbsDefaultKmsKeyIdOutput, error) {
	if deref(in.KmsKeyId) == "" {
		return nil, errMissing("KmsKeyId")
	}
	keyARN, err := s.Engine.ResolveKey(ctx, c, *in.KmsKeyId)
	if err != nil {
		return nil, err
	}
	if err := dryRun(in.DryRun); err != nil {
		return nil, err
	}
	err = s.changeSettings(ctx, c, func(v *state.VolumeSettings) { v.DefaultKeyARN = keyARN })
	return &ec2.ModifyEbsDefaultKmsKeyIdOutput{KmsKeyId: &keyARN}, err
}

// ResetEbsDefaultKmsKeyID goes back to the key that AWS manages for EBS.
func (s *Service) ResetEbsDefaultKmsKeyID(ctx context.Context, c *api.Caller, in *ec2.ResetEbsDefaultKmsKeyIdInput) (*ec2.ResetEbsDefaultKmsKeyIdOutput, error) {
	if err := dryRun(in.DryRun); err != nil {
		return nil, err
	}
	err := s.changeSettings(ctx, c, func(v *state.VolumeSettings) { v.DefaultKeyARN = "" })
	managed := "alias/aws/ebs"
	return &ec2.ResetEbsDefaultKmsKeyIdOutput{KmsKeyId: &managed}, err
}
