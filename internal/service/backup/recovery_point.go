package backup

import (
	"context"
	"errors"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/backup"
	"github.com/aws/aws-sdk-go-v2/service/backup/types"

	"strongroom/internal/api"
	"strongroom/internal/state"
	"strongroom/rules"
)

// findPoint reads a recovery point in one of the caller's vaults.
func findPoint(ctx context.Context, tx *state.Tx, c *api.Caller, vaultName, pointARN string) (state.BackupVault, state.RecoveryPoint, error) {
	vault, err := findVault(ctx, tx, c, vaultName)
	if err != nil {
		return vault, state.RecoveryPoint{}, err
	}
	point, err := findOwnPoint(ctx, tx, c, pointARN)
	if err == nil && point.VaultARN != vault.ARN {
		err = pointNotFound(pointARN)
	}
	return vault, point, err
}

// findOwnPoint reads a recovery point in any of the caller's vaults.
func findOwnPoint(ctx context.Context, tx *state.Tx, c *api.Caller, pointARN string) (state.RecoveryPoint, error) {
	point, err := tx.RecoveryPoint(ctx, pointARN)
	if errors.Is(err, state.ErrNotFound) || err == nil && (point.AccountID != c.AccountID || point.Region != c.Region) {
		return state.RecoveryPoint{}, pointNotFound(pointARN)
	}
	return point, err
}

func pointCursor(p state.RecoveryPoint) state.Cursor {
	return state.Cursor{At: p.CreatedAt, ID: p.ARN}
}

// calculated is when a point moves and when it is deleted; nil if it never does either.
func calculated(p state.RecoveryPoint) *types.CalculatedLifecycle {
	if p.DeleteAt == 0 && p.MoveAt == 0 {
		return nil
	}
	return &types.CalculatedLifecycle{DeleteAt: p.DeleteAt.Ptr(), MoveToColdStorageAt: p.MoveAt.Ptr()}
}

func showPoint(p state.RecoveryPoint) types.RecoveryPointByBackupVault {
	return types.RecoveryPointByBackupVault{
		RecoveryPointArn: &p.ARN, BackupVaultName: &p.VaultName, BackupVaultArn: &p.VaultARN, SourceBackupVaultArn: optional(p.SourceVaultARN),
		ResourceArn: &p.ResourceARN, ResourceType: &p.ResourceType, ResourceName: optional(p.ResourceName),
		CreatedBy: showCreator(p.CreatedBy), IamRoleArn: &p.IAMRoleARN, Status: types.RecoveryPointStatus(p.Status), StatusMessage: optional(p.StatusMessage),
		CreationDate: p.CreatedAt.Ptr(), InitiationDate: p.InitiatedAt.Ptr(), CompletionDate: p.CompletedAt.Ptr(), BackupSizeInBytes: &p.SizeBytes,
		CalculatedLifecycle: calculated(p), Lifecycle: showLifecycle(p.Lifecycle),
		EncryptionKeyArn: optional(p.KeyARN), EncryptionKeyType: types.EncryptionKeyType(p.KeyType), IsEncrypted: p.IsEncrypted,
		LastRestoreTime: p.LastRestoredAt.Ptr(), ParentRecoveryPointArn: optional(p.ParentARN), IndexStatus: types.IndexStatus(p.IndexStatus),
		VaultType: types.VaultTypeBackupVault,
	}
}

func (s *Service) describePointAccess(ctx context.Context, c *api.Caller, in *backup.DescribeRecoveryPointInput) ([]api.Access, error) {
	if err := sameAccount(c, in.BackupVaultAccountId); err != nil {
		return nil, err
	}
	return one(s.onPoint(ctx, c, "DescribeRecoveryPoint", in.BackupVaultName, in.RecoveryPointArn))
}

// DescribeRecoveryPoint tells of a recovery point.
func (s *Service) DescribeRecoveryPoint(ctx context.Context, c *api.Caller, in *backup.DescribeRecoveryPointInput) (*backup.DescribeRecoveryPointOutput, error) {
	out := &backup.DescribeRecoveryPointOutput{}
	return out, s.DB.View(ctx, func(ctx context.Context, tx *state.Tx) error {
		_, point, err := findPoint(ctx, tx, c, *in.BackupVaultName, *in.RecoveryPointArn)
		p := showPoint(point)
		*out = backup.DescribeRecoveryPointOutput{
			RecoveryPointArn: p.RecoveryPointArn, BackupVaultName: p.BackupVaultName, BackupVaultArn: p.BackupVaultArn, SourceBackupVaultArn: p.SourceBackupVaultArn,
			ResourceArn: p.ResourceArn, ResourceType: p.ResourceType, ResourceName: p.ResourceName, CreatedBy: p.CreatedBy, IamRoleArn: p.IamRoleArn,
			Status: p.Status, StatusMessage: p.StatusMessage, CreationDate: p.CreationDate, InitiationDate: p.InitiationDate, CompletionDate: p.CompletionDate,
			BackupSizeInBytes: p.BackupSizeInBytes, CalculatedLifecycle: p.CalculatedLifecycle, Lifecycle: p.Lifecycle,
			EncryptionKeyArn: p.EncryptionKeyArn, EncryptionKeyType: p.EncryptionKeyType, IsEncrypted: p.IsEncrypted, StorageClass: types.StorageClass(point.StorageClass),
			LastRestoreTime: p.LastRestoreTime, ParentRecoveryPointArn: p.ParentRecoveryPointArn, IndexStatus: p.IndexStatus, VaultType: p.VaultType,
		}
		return err
	})
}

func (s *Service) listPointsByVaultAccess(ctx context.Context, c *api.Caller, in *backup.ListRecoveryPointsByBackupVaultInput) ([]api.Access, error) {
	if err := sameAccount(c, in.BackupVaultAccountId); err != nil {
		return nil, err
	}
	return one(s.onVault(ctx, c, "ListRecoveryPointsByBackupVault", in.BackupVaultName))
}

// ListRecoveryPointsByBackupVault lists the points of a vault, newest first.
func (s *Service) ListRecoveryPointsByBackupVault(ctx context.Context, c *api.Caller, in *backup.ListRecoveryPointsByBackupVaultInput) (*backup.ListRecoveryPointsByBackupVaultOutput, error) {
	p, err := s.page(c, "ListRecoveryPointsByBackupVault:"+*in.BackupVaultName, in.MaxResults, in.NextToken)
	if err != nil {
		return nil, err
	}
	f := state.PointFilter{
		ResourceARN: aws.ToString(in.ByResourceArn), ResourceType: aws.ToString(in.ByResourceType), PlanID: aws.ToString(in.ByBackupPlanId),
		ParentARN: aws.ToString(in.ByParentRecoveryPointArn), CreatedAfter: micros(in.ByCreatedAfter), CreatedBefore: micros(in.ByCreatedBefore),
	}
	out := &backup.ListRecoveryPointsByBackupVaultOutput{}
	return out, s.DB.View(ctx, func(ctx context.Context, tx *state.Tx) error {
		vault, err := findVault(ctx, tx, c, *in.BackupVaultName)
		if err != nil {
			return err
		}
		f.VaultARN = vault.ARN
		points, err := tx.RecoveryPoints(ctx, f, p.after, p.limit+1)
		out.RecoveryPoints, out.NextToken = cut(p, points, pointCursor, showPoint)
		return err
	})
}

// ListRecoveryPointsByResource lists the points of a resource in all of the caller's vaults, newest first. Those of
// other tools are not known here.
func (s *Service) ListRecoveryPointsByResource(ctx context.Context, c *api.Caller, in *backup.ListRecoveryPointsByResourceInput) (*backup.ListRecoveryPointsByResourceOutput, error) {
	if aws.ToString(in.ResourceArn) == "" {
		return nil, missing("ResourceArn")
	}
	p, err := s.page(c, "ListRecoveryPointsByResource:"+*in.ResourceArn, in.MaxResults, in.NextToken)
	if err != nil {
		return nil, err
	}
	out := &backup.ListRecoveryPointsByResourceOutput{}
	return out, s.DB.View(ctx, func(ctx context.Context, tx *state.Tx) error {
		f := state.PointFilter{AccountID: c.AccountID, Region: c.Region, ResourceARN: *in.ResourceArn}
		points, err := tx.RecoveryPoints(ctx, f, p.after, p.limit+1)
		out.RecoveryPoints, out.NextToken = cut(p, points, pointCursor, func(r state.RecoveryPoint) types.RecoveryPointByResource {
			return types.RecoveryPointByResource{
				RecoveryPointArn: &r.ARN, CreationDate: r.CreatedAt.Ptr(), Status: types.RecoveryPointStatus(r.Status), StatusMessage: optional(r.StatusMessage),
				EncryptionKeyArn: optional(r.KeyARN), EncryptionKeyType: types.EncryptionKeyType(r.KeyType), BackupSizeBytes: &r.SizeBytes,
				BackupVaultName: &r.VaultName, ParentRecoveryPointArn: optional(r.ParentARN), ResourceName: optional(r.ResourceName),
				VaultType: types.VaultTypeBackupVault, IndexStatus: types.IndexStatus(r.IndexStatus),
			}
		})
		return err
	})
}

func (s *Service) restoreMetadataAccess(ctx context.Context, c *api.Caller, in *backup.GetRecoveryPointRestoreMetadataInput) ([]api.Access, error) {
	if err := sameAccount(c, in.BackupVaultAccountId); err != nil {
		return nil, err
	}
	return one(s.onPoint(ctx, c, "GetRecoveryPointRestoreMetadata", in.BackupVaultName, in.RecoveryPointArn))
}

// GetRecoveryPointRestoreMetadata tells the configuration that the resource had when it was backed up.
func (s *Service) GetRecoveryPointRestoreMetadata(ctx context.Context, c *api.Caller, in *backup.GetRecoveryPointRestoreMetadataInput) (*backup.GetRecoveryPointRestoreMetadataOutput, error) {
	out := &backup.GetRecoveryPointRestoreMetadataOutput{}
	return out, s.DB.View(ctx, func(ctx context.Context, tx *state.Tx) error {
		_, p, err := findPoint(ctx, tx, c, *in.BackupVaultName, *in.RecoveryPointArn)
		*out = backup.GetRecoveryPointRestoreMetadataOutput{
			BackupVaultArn: &p.VaultARN, RecoveryPointArn: &p.ARN, ResourceType: &p.ResourceType, RestoreMetadata: p.RestoreMetadata,
		}
		return err
	})
}

func (s *Service) updatePointLifecycleAccess(ctx context.Context, c *api.Caller, in *backup.UpdateRecoveryPointLifecycleInput) ([]api.Access, error) {
	return one(s.onPoint(ctx, c, "UpdateRecoveryPointLifecycle", in.BackupVaultName, in.RecoveryPointArn))
}

// UpdateRecoveryPointLifecycle changes how long a point is kept; in a locked vault nobody can.
func (s *Service) UpdateRecoveryPointLifecycle(ctx context.Context, c *api.Caller, in *backup.UpdateRecoveryPointLifecycleInput) (*backup.UpdateRecoveryPointLifecycleOutput, error) {
	lifecycle := state.LifecycleOf(in.Lifecycle)
	if refusal := lifecycle.Validate(false); refusal != nil {
		return nil, refused(refusal)
	}
	var point state.RecoveryPoint
	err := s.DB.Update(ctx, func(ctx context.Context, tx *state.Tx) error {
		vault, p, err := findPoint(ctx, tx, c, *in.BackupVaultName, *in.RecoveryPointArn)
		if err != nil {
			return err
		}
		point = p
		cold := point.StorageClass == string(types.StorageClassCold)
		switch {
		case vault.Locked:
			return vaultLocked(vault, "The lifecycle of recovery point "+point.ARN+" cannot be changed")
		case !settled(point.Status):
			return invalidRequest("The lifecycle of recovery point %s cannot be changed: it is %s.", point.ARN, point.Status)
		case cold && aws.ToInt64(lifecycle.MoveToColdStorageAfterDays) != aws.ToInt64(point.Lifecycle.MoveToColdStorageAfterDays):
			return invalid("MoveToColdStorageAfterDays cannot be changed after the recovery point has moved to cold storage.")
		}
		point.Lifecycle = lifecycle.For(s.AsOf, point.ResourceType)
		point.DeleteAt = state.MicrosOf(point.Lifecycle.DeleteAt(point.CreatedAt.Time()))
		if !cold {
			point.MoveAt = state.MicrosOf(point.Lifecycle.MoveToColdStorageAt(point.CreatedAt.Time()))
		}
		if err := tx.UpdateRecoveryPoint(ctx, point, p.Status); err != nil || s.TellLifecycle == nil {
			return err
		}
		return s.TellLifecycle(ctx, tx, point)
	})
	if err != nil {
		return nil, err
	}
	return &backup.UpdateRecoveryPointLifecycleOutput{
		BackupVaultArn: &point.VaultARN, RecoveryPointArn: &point.ARN, Lifecycle: showLifecycle(point.Lifecycle), CalculatedLifecycle: calculated(point),
	}, nil
}

// settled reports whether nothing is being done to a point.
func settled(status string) bool {
	switch status {
	case state.PointCompleted, state.PointAvailable, state.PointPartial, state.PointExpired, state.PointStopped:
		return true
	}
	return false
}

func vaultLocked(v state.BackupVault, what string) *api.Error {
	return invalidRequest("%s: backup vault %s is locked.", what, v.Name)
}

func (s *Service) deletePointAccess(ctx context.Context, c *api.Caller, in *backup.DeleteRecoveryPointInput) ([]api.Access, error) {
	return one(s.onPoint(ctx, c, "DeleteRecoveryPoint", in.BackupVaultName, in.RecoveryPointArn))
}

// DeleteRecoveryPoint marks a point as DELETING and enqueues its removal, which waits for the jobs that read it. A point of
// a kind that keeps a catalogue of its own, as EC2 does, is removed as the role that made it, or else as the account's
// service-linked role, which comes to be here if the caller may make it; one that neither may remove is EXPIRED then, and
// can be deleted again. https://docs.aws.amazon.com/aws-backup/latest/devguide/API_DeleteRecoveryPoint.html
func (s *Service) DeleteRecoveryPoint(ctx context.Context, c *api.Caller, in *backup.DeleteRecoveryPointInput) (*backup.DeleteRecoveryPointOutput, error) {
	if err := s.offerServiceRole(ctx, c); err != nil {
		return nil, err
	}
	return &backup.DeleteRecoveryPointOutput{}, s.DB.Update(ctx, func(ctx context.Context, tx *state.Tx) error {
		vault, point, err := findPoint(ctx, tx, c, *in.BackupVaultName, *in.RecoveryPointArn)
		switch {
		case err != nil:
			return err
		case vault.Locked:
			return vaultLocked(vault, "Recovery point "+point.ARN+" cannot be deleted")
		case !settled(point.Status):
			return refused(rules.PointBusy.Refuse(rules.Values{"point": point.ARN}))
		}
		held, err := tx.PointHeld(ctx, point.ARN)
		if err != nil {
			return err
		}
		if held {
			return invalidRequest("Recovery point %s cannot be deleted: it is under a legal hold.", point.ARN)
		}
		was := point.Status
		point.Status, point.StatusMessage = state.PointDeleting, ""
		if err := tx.UpdateRecoveryPoint(ctx, point, was); err != nil {
			return err
		}
		if err := s.PutEvent.RecoveryPoint(ctx, tx, point); err != nil {
			return err
		}
		return s.Queue.EnqueueDelete(ctx, tx, point.ARN)
	})
}

func (s *Service) disassociatePointAccess(ctx context.Context, c *api.Caller, in *backup.DisassociateRecoveryPointInput) ([]api.Access, error) {
	return one(s.onPoint(ctx, c, "DisassociateRecoveryPoint", in.BackupVaultName, in.RecoveryPointArn))
}

// DisassociateRecoveryPoint is for continuous recovery points, and every point here is a snapshot.
func (s *Service) DisassociateRecoveryPoint(ctx context.Context, c *api.Caller, in *backup.DisassociateRecoveryPointInput) (*backup.DisassociateRecoveryPointOutput, error) {
	return nil, s.DB.View(ctx, func(ctx context.Context, tx *state.Tx) error {
		vault, point, err := findPoint(ctx, tx, c, *in.BackupVaultName, *in.RecoveryPointArn)
		switch {
		case err != nil:
			return err
		case vault.Locked:
			return vaultLocked(vault, "Recovery point "+point.ARN+" cannot be disassociated")
		}
		return invalidRequest("Recovery point %s is not a continuous recovery point and cannot be disassociated.", point.ARN)
	})
}

func (s *Service) disassociateFromParentAccess(ctx context.Context, c *api.Caller, in *backup.DisassociateRecoveryPointFromParentInput) ([]api.Access, error) {
	return one(s.onPoint(ctx, c, "DisassociateRecoveryPointFromParent", in.BackupVaultName, in.RecoveryPointArn))
}

// DisassociateRecoveryPointFromParent is for the parts of composite recovery points, which no resource type here has.
func (s *Service) DisassociateRecoveryPointFromParent(ctx context.Context, c *api.Caller, in *backup.DisassociateRecoveryPointFromParentInput) (*backup.DisassociateRecoveryPointFromParentOutput, error) {
	return nil, s.DB.View(ctx, func(ctx context.Context, tx *state.Tx) error {
		_, point, err := findPoint(ctx, tx, c, *in.BackupVaultName, *in.RecoveryPointArn)
		if err != nil {
			return err
		}
		return invalidRequest("Recovery point %s has no parent recovery point and cannot be disassociated from one.", point.ARN)
	})
}

// listProtectedByVaultAccess asks for the vault.
func (s *Service) listProtectedByVaultAccess(ctx context.Context, c *api.Caller, in *backup.ListProtectedResourcesByBackupVaultInput) ([]api.Access, error) {
	if err := sameAccount(c, in.BackupVaultAccountId); err != nil {
		return nil, err
	}
	return one(s.onVault(ctx, c, "ListProtectedResourcesByBackupVault", in.BackupVaultName))
}

// GetSupportedResourceTypes tells which resource types can be backed up here.
func (s *Service) GetSupportedResourceTypes(context.Context, *api.Caller, *backup.GetSupportedResourceTypesInput) (*backup.GetSupportedResourceTypesOutput, error) {
	out := &backup.GetSupportedResourceTypesOutput{}
	for _, name := range rules.ResourceTypes() {
		for _, kind := range s.Kinds {
			if kind.Type() == name {
				out.ResourceTypes = append(out.ResourceTypes, name)
			}
		}
	}
	return out, nil
}
