package backup

import (
	"cmp"
	"context"
	"errors"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/backup"
	"github.com/aws/aws-sdk-go-v2/service/backup/types"

	"strongroom/internal/api"
	"strongroom/internal/backupevent"
	"strongroom/internal/state"
	"strongroom/rules"
)

// vault reads one of the caller's vaults.
func (s *Service) vault(ctx context.Context, c *api.Caller, name string) (vault state.BackupVault, err error) {
	err = s.DB.View(ctx, func(ctx context.Context, tx *state.Tx) error {
		vault, err = findVault(ctx, tx, c, name)
		return err
	})
	return vault, err
}

func findVault(ctx context.Context, tx *state.Tx, c *api.Caller, name string) (state.BackupVault, error) {
	vault, err := tx.BackupVault(ctx, c.AccountID, c.Region, name)
	if errors.Is(err, state.ErrNotFound) {
		return vault, vaultNotFound(name)
	}
	return vault, err
}

// changeVault changes one of the caller's vaults in a transaction.
func (s *Service) changeVault(ctx context.Context, c *api.Caller, name string, change func(ctx context.Context, tx *state.Tx, vault *state.BackupVault) error) error {
	return s.DB.Update(ctx, func(ctx context.Context, tx *state.Tx) error {
		vault, err := findVault(ctx, tx, c, name)
		if err != nil {
			return err
		}
		if err := change(ctx, tx, &vault); err != nil {
			return err
		}
		return tx.UpdateBackupVault(ctx, vault)
	})
}

// createVaultAccess asks for the vault and for the store behind it, which AWS knows as backup-storage.
func (s *Service) createVaultAccess(_ context.Context, c *api.Caller, in *backup.CreateBackupVaultInput) ([]api.Access, error) {
	if aws.ToString(in.BackupVaultName) == "" {
		return nil, missing("BackupVaultName")
	}
	return []api.Access{
		{Action: "backup:CreateBackupVault", Resource: vaultARN(c, *in.BackupVaultName), Context: api.WithRequestTags(nil, in.BackupVaultTags)},
		{Action: "backup-storage:MountCapsule", Resource: "*"},
	}, nil
}

// CreateBackupVault makes a vault under a key, or under the account's aws/backup key. The caller gives the service a
// grant on the key, which is what seals and opens the vault from then on.
func (s *Service) CreateBackupVault(ctx context.Context, c *api.Caller, in *backup.CreateBackupVaultInput) (*backup.CreateBackupVaultOutput, error) {
	name, request := aws.ToString(in.BackupVaultName), aws.ToString(in.CreatorRequestId)
	switch {
	case !rules.VaultNamePattern.MatchString(name):
		return nil, invalid("Invalid BackupVaultName %q: it may hold 2 to 50 letters, digits, hyphens and underscores.", name)
	case request != "" && !rules.NamePattern.MatchString(request):
		return nil, invalid("Invalid CreatorRequestId %q.", request)
	}
	if err := checkTags(in.BackupVaultTags); err != nil {
		return nil, err
	}
	answer := func(v state.BackupVault) (*backup.CreateBackupVaultOutput, error) {
		return &backup.CreateBackupVaultOutput{BackupVaultName: &v.Name, BackupVaultArn: &v.ARN, CreationDate: v.CreatedAt.Ptr()}, nil
	}
	switch there, err := s.vault(ctx, c, name); {
	case err == nil && request != "" && there.CreatorRequestID == request:
		return answer(there)
	case err == nil:
		return nil, vaultExists(there)
	case api.Code(err) != "ResourceNotFoundException":
		return nil, err
	}
	vault := state.BackupVault{
		AccountID: c.AccountID, Region: c.Region, Name: name, ARN: vaultARN(c, name),
		CreatorRequestID: request, Tags: in.BackupVaultTags,
	}
	if err := s.adoptKey(ctx, c, aws.ToString(in.EncryptionKeyArn), &vault); err != nil {
		return nil, err
	}
	err := s.DB.Update(ctx, func(ctx context.Context, tx *state.Tx) error {
		there, err := tx.CountBackupVaults(ctx, c.AccountID, c.Region)
		if err != nil {
			return err
		}
		if most := cmp.Or(s.MaxVaults, rules.MaxVaults); there >= int64(most) {
			return limitExceeded("You have reached the limit of %d backup vaults.", most)
		}
		vault.CreatedAt = tx.Now
		if err := tx.InsertBackupVault(ctx, vault); err != nil {
			return err
		}
		return s.PutEvent.Vault(ctx, tx, vault, backupevent.Created)
	})
	if err != nil {
		there, readErr := s.vault(ctx, c, name)
		if there.GrantID != vault.GrantID {
			s.releaseKey(ctx, vault)
		}
		if errors.Is(err, state.ErrExists) { // somebody else was quicker
			if readErr != nil { // and has deleted it since
				there = state.BackupVault{ARN: vault.ARN}
			}
			return nil, vaultExists(there)
		}
		return nil, err
	}
	return answer(vault)
}

func vaultExists(v state.BackupVault) *api.Error {
	return alreadyExists("Backup vault with the same name already exists", v.ARN, v.CreatorRequestID)
}

func (s *Service) describeVaultAccess(ctx context.Context, c *api.Caller, in *backup.DescribeBackupVaultInput) ([]api.Access, error) {
	if err := sameAccount(c, in.BackupVaultAccountId); err != nil {
		return nil, err
	}
	return one(s.onVault(ctx, c, "DescribeBackupVault", in.BackupVaultName))
}

// DescribeBackupVault tells of a vault.
func (s *Service) DescribeBackupVault(ctx context.Context, c *api.Caller, in *backup.DescribeBackupVaultInput) (*backup.DescribeBackupVaultOutput, error) {
	out := &backup.DescribeBackupVaultOutput{}
	return out, s.DB.View(ctx, func(ctx context.Context, tx *state.Tx) error {
		v, err := findVault(ctx, tx, c, *in.BackupVaultName)
		if api.Code(err) == "ResourceNotFoundException" {
			return refused(rules.VaultUnknown.Refuse(nil)) // to whoever asks, as AWS answers
		} else if err != nil {
			return err
		}
		n, err := tx.CountRecoveryPoints(ctx, state.PointFilter{VaultARN: v.ARN})
		m := showVault(v, n)
		*out = backup.DescribeBackupVaultOutput{
			BackupVaultName: m.BackupVaultName, BackupVaultArn: m.BackupVaultArn, VaultType: m.VaultType, VaultState: m.VaultState,
			EncryptionKeyArn: m.EncryptionKeyArn, EncryptionKeyType: m.EncryptionKeyType, CreationDate: m.CreationDate,
			CreatorRequestId: m.CreatorRequestId, NumberOfRecoveryPoints: m.NumberOfRecoveryPoints,
			Locked: m.Locked, MinRetentionDays: m.MinRetentionDays, MaxRetentionDays: m.MaxRetentionDays, LockDate: m.LockDate,
		}
		return err
	})
}

func showVault(v state.BackupVault, points int64) types.BackupVaultListMember {
	m := types.BackupVaultListMember{
		BackupVaultName: &v.Name, BackupVaultArn: &v.ARN, VaultType: types.VaultTypeBackupVault, VaultState: types.VaultStateAvailable,
		EncryptionKeyArn: &v.KeyARN, EncryptionKeyType: types.EncryptionKeyType(v.KeyType), CreationDate: v.CreatedAt.Ptr(),
		CreatorRequestId: optional(v.CreatorRequestID), NumberOfRecoveryPoints: points, Locked: &v.Locked, LockDate: v.LockDate.Ptr(),
	}
	if v.MinRetentionDays != 0 {
		m.MinRetentionDays = &v.MinRetentionDays
	}
	if v.MaxRetentionDays != 0 {
		m.MaxRetentionDays = &v.MaxRetentionDays
	}
	return m
}

// ListBackupVaults lists the caller's vaults by name. None is shared or air-gapped.
func (s *Service) ListBackupVaults(ctx context.Context, c *api.Caller, in *backup.ListBackupVaultsInput) (*backup.ListBackupVaultsOutput, error) {
	p, err := s.page(c, "ListBackupVaults", in.MaxResults, in.NextToken)
	if err != nil {
		return nil, err
	}
	out := &backup.ListBackupVaultsOutput{}
	if in.ByVaultType != "" && in.ByVaultType != types.VaultTypeBackupVault || in.ByShared {
		return out, nil
	}
	return out, s.DB.View(ctx, func(ctx context.Context, tx *state.Tx) error {
		vaults, err := tx.BackupVaultsPage(ctx, c.AccountID, c.Region, p.after.ID, p.limit+1)
		if err != nil {
			return err
		}
		arns := make([]string, len(vaults))
		for i, v := range vaults {
			arns[i] = v.ARN
		}
		points, err := tx.PointsByVault(ctx, arns)
		out.BackupVaultList, out.NextToken = cut(p, vaults, func(v state.BackupVault) state.Cursor { return state.Cursor{ID: v.Name} },
			func(v state.BackupVault) types.BackupVaultListMember { return showVault(v, points[v.ARN]) })
		return err
	})
}

func (s *Service) deleteVaultAccess(ctx context.Context, c *api.Caller, in *backup.DeleteBackupVaultInput) ([]api.Access, error) {
	return one(s.onVault(ctx, c, "DeleteBackupVault", in.BackupVaultName))
}

// DeleteBackupVault removes an empty vault. A point that is being made counts.
func (s *Service) DeleteBackupVault(ctx context.Context, c *api.Caller, in *backup.DeleteBackupVaultInput) (*backup.DeleteBackupVaultOutput, error) {
	var vault state.BackupVault
	err := s.DB.Update(ctx, func(ctx context.Context, tx *state.Tx) (err error) {
		if vault, err = findVault(ctx, tx, c, *in.BackupVaultName); err != nil {
			return err
		}
		n, err := tx.CountRecoveryPoints(ctx, state.PointFilter{VaultARN: vault.ARN})
		if err != nil {
			return err
		}
		writing, err := tx.JobsInto(ctx, vault.ARN)
		if err != nil {
			return err
		}
		if n += writing; n > 0 {
			return coded(refused(rules.VaultNotEmpty.Refuse(rules.Values{"vault": vault.ARN})), rules.VaultNotEmpty.Error.Number, fmt.Sprint(n))
		}
		if err := tx.DeleteBackupVault(ctx, vault.ARN); err != nil {
			return err
		}
		return s.PutEvent.Vault(ctx, tx, vault, backupevent.Deleted)
	})
	if err != nil {
		return nil, err
	}
	s.releaseKey(ctx, vault)
	return &backup.DeleteBackupVaultOutput{}, nil
}

// optional is nil for "".
func optional(text string) *string {
	if text == "" {
		return nil
	}
	return &text
}
