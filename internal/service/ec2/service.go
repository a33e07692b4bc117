// Package ec2 is as much of EC2's API as volumes and snapshots need: they are created, described, copied, shared,
// tagged and deleted here, and kept by [ebs.Engine]. There are no instances; volumes are attached over NBD.
package ec2

import (
	"log/slog"

	"strongroom/internal/api"
	pages "strongroom/internal/page"
	"strongroom/internal/resource/ebs"
	"strongroom/internal/state"
)

// Config is what the service needs.
type Config struct {
	DB     *state.DB
	Engine *ebs.Engine
	Door   *api.Door // to KMS
	// Pages seals the tokens of lists.
	Pages *pages.Sealer
	Log   *slog.Logger // nil means slog.Default()
}

// Service is EC2 in every account and Region. Its methods may be called at once.
type Service struct{ Config }

// New returns the service.
func New(c Config) *Service {
	if c.Log == nil {
		c.Log = slog.Default()
	}
	return &Service{c}
}

// API is the table of the service's operations.
func (s *Service) API() *api.Service {
	return &api.Service{
		Name:         "ec2",
		EventSource:  "ec2.amazonaws.com",
		AccessDenied: "UnauthorizedOperation",

		EncodesRefusals: true,
		Authorization:   authorization,
		Operations: []api.Operation{
			api.Op("", s.CreateVolume, s.createVolumeAccess),
			api.Op("", s.DeleteVolume, s.deleteVolumeAccess),
			general(s.DescribeVolumes),
			general(s.DescribeVolumeStatus),
			api.Op("", s.ModifyVolume, s.modifyVolumeAccess),
			general(s.DescribeVolumesModifications),
			api.Op("", s.DescribeVolumeAttribute, s.describeVolumeAttributeAccess),
			api.Op("", s.ModifyVolumeAttribute, s.modifyVolumeAttributeAccess),
			api.Op("", s.EnableVolumeIO, s.enableVolumeIOAccess),
			api.Op("", s.AttachVolume, s.attachVolumeAccess),
			api.Op("", s.DetachVolume, s.detachVolumeAccess),

			api.Op("", s.CreateSnapshot, s.createSnapshotAccess),
			api.Op("", s.CopySnapshot, s.copySnapshotAccess),
			api.Op("", s.DeleteSnapshot, s.deleteSnapshotAccess),
			general(s.DescribeSnapshots),
			api.Op("", s.DescribeSnapshotAttribute, s.describeSnapshotAttributeAccess),
			api.Op("", s.ModifySnapshotAttribute, s.modifySnapshotAttributeAccess),
			api.Op("", s.ResetSnapshotAttribute, s.resetSnapshotAttributeAccess),
			general(s.EnableSnapshotBlockPublicAccess),
			general(s.DisableSnapshotBlockPublicAccess),
			general(s.GetSnapshotBlockPublicAccessState),
			api.Op("", s.LockSnapshot, s.lockSnapshotAccess),
			api.Op("", s.UnlockSnapshot, s.unlockSnapshotAccess),
			general(s.DescribeLockedSnapshots),
			api.Op("", s.ModifySnapshotTier, s.modifySnapshotTierAccess),
			api.Op("", s.RestoreSnapshotTier, s.restoreSnapshotTierAccess),
			general(s.DescribeSnapshotTierStatus),
			general(s.DescribeFastSnapshotRestores),
			general(s.ListSnapshotsInRecycleBin),
			general(s.ListVolumesInRecycleBin),

			api.Op("", s.CreateTags, s.createTagsAccess),
			api.Op("", s.DeleteTags, s.deleteTagsAccess),
			general(s.DescribeTags),

			general(s.DescribeAccountAttributes),
			general(s.DescribeInstances),
			general(s.DescribeRegions),
			general(s.DescribeAvailabilityZones),

			general(s.GetEbsEncryptionByDefault),
			general(s.EnableEbsEncryptionByDefault),
			general(s.DisableEbsEncryptionByDefault),
			general(s.GetEbsDefaultKmsKeyID),
			general(s.ModifyEbsDefaultKmsKeyID),
			general(s.ResetEbsDefaultKmsKeyID),
		},
	}
}
