package work

import (
	"context"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/kms"
	kmstypes "github.com/aws/aws-sdk-go-v2/service/kms/types"

	"strongroom/archive"
	"strongroom/arn"
	"strongroom/internal/api"
	"strongroom/internal/archives"
	"strongroom/internal/state"
	"strongroom/rules"
)

// location is where a vault's archive lies.
func location(v state.BackupVault) archives.Location {
	return archives.Location{Region: v.Region, AccountID: v.AccountID, Vault: v.Name}
}

// nativeService is the service whose resources a type is, as kms:ViaService shows it: EC2 calls KMS for volumes, AWS
// Backup itself for the types that it manages fully.
func (r *Runner) nativeService(resourceType string) string {
	if rules.HasFullManagement(r.AsOf, resourceType) {
		return backupService
	}
	switch resourceType {
	case "EBS", "EC2":
		return "ec2.amazonaws.com"
	}
	return "rds.amazonaws.com"
}

// vaultKeyring uses a vault's own key: under the grant that the vault's creator gave the service, or, under the
// aws/backup key, as the account's service-linked role.
func (r *Runner) vaultKeyring(ctx context.Context, v state.BackupVault) (archive.Keyring, error) {
	if !v.IsServiceKey() {
		return r.Archives.Keyring(api.ServiceCaller(backupService, v.AccountID, v.Region), v.KeyARN), nil
	}
	linked, err := r.serviceLinked(ctx, v, "vault-"+v.Name)
	if err != nil {
		return nil, err
	}
	return r.Archives.Keyring(linked.Through(backupService, v.Region), v.KeyARN), nil
}

// serviceLinked is a session of the AWSServiceRoleForBackup of a vault's account. Who has none yet is refused: copies and
// removals do not make the role; see docs/decisions/0010-when-roles-come-to-be.md.
func (r *Runner) serviceLinked(ctx context.Context, v state.BackupVault, session string) (*api.Caller, error) {
	return r.Identity.AssumeForService(ctx, onBehalfOf(v.AccountID, v.Region, v.ARN), rules.ServiceLinkedRole(v.AccountID), session)
}

// resourceKeyring lets the service use a resource's own key for the vault that its recovery points lie in, by a grant
// that role makes: it must be able to. The grant has a name, so making it again changes nothing.
func (r *Runner) resourceKeyring(ctx context.Context, role *api.Caller, resourceType, keyARN string, v state.BackupVault) (archive.Keyring, error) {
	if keyARN == "" {
		return r.Archives.ServiceKeyring(), nil
	}
	_, err := api.Call[kms.CreateGrantOutput](ctx, r.Door, role.Through(r.nativeService(resourceType), v.Region), grant(keyARN, v, "strongroom-"+v.Name, backupService))
	if err != nil {
		return nil, err
	}
	return r.Archives.Keyring(api.ServiceCaller(backupService, v.AccountID, v.Region), keyARN), nil
}

// grant asks that grantee may open and make data keys for a vault.
func grant(keyARN string, v state.BackupVault, name, grantee string) *kms.CreateGrantInput {
	return &kms.CreateGrantInput{
		KeyId: &keyARN, GranteePrincipal: &grantee, Name: &name,
		Operations:  []kmstypes.GrantOperation{kmstypes.GrantOperationDecrypt, kmstypes.GrantOperationGenerateDataKey, kmstypes.GrantOperationRetireGrant},
		Constraints: &kmstypes.GrantConstraints{EncryptionContextSubset: map[string]string{archive.ContextVault: v.ARN}},
	}
}

// borrowedKeyring reads a vault of another account as reader, the service-linked role of the account that copies: it makes
// itself a grant on the key, which the key's policy must allow it, and uses the key under it. A job that asks again gets
// the same.
func (r *Runner) borrowedKeyring(ctx context.Context, reader *api.Caller, resourceType, keyARN string, source state.BackupVault, jobID string) (ring archive.Keyring, grantID string, err error) {
	key, err := arn.Parse(keyARN)
	if err != nil {
		return nil, "", fmt.Errorf("the source's key: %w", err)
	}
	caller := reader.Through(r.nativeService(resourceType), key.Region)
	made, err := api.Call[kms.CreateGrantOutput](ctx, r.Door, caller, borrowing(reader, keyARN, source, jobID))
	if err != nil {
		return nil, "", err
	}
	return r.Archives.Keyring(caller, keyARN), *made.GrantId, nil
}

// borrowing asks for the grant under which reader opens a vault of another account for a job.
func borrowing(reader *api.Caller, keyARN string, source state.BackupVault, jobID string) *kms.CreateGrantInput {
	asked := grant(keyARN, source, "copy-"+strings.ToLower(jobID), reader.RoleARN)
	asked.Operations = []kmstypes.GrantOperation{kmstypes.GrantOperationDecrypt, kmstypes.GrantOperationRetireGrant}
	return asked
}

// giveBack retires, as the role that made it, the grant that a copy job read its source under. A grant that is gone is
// well.
func (r *Runner) giveBack(ctx context.Context, job state.CopyJob) error {
	key, err := arn.Parse(job.GrantKeyARN)
	if err != nil {
		return fmt.Errorf("the source's key: %w", err)
	}
	destination, err := arn.Parse(job.DestinationVaultARN)
	if err != nil {
		return fmt.Errorf("the destination: %w", err)
	}
	reader, err := r.serviceLinked(ctx, state.BackupVault{AccountID: destination.AccountID, Region: destination.Region, ARN: job.DestinationVaultARN}, "copy-"+job.ID)
	if err != nil {
		return err
	}
	_, err = api.Call[kms.RetireGrantOutput](ctx, r.Door, reader.Through(r.nativeService(job.ResourceType), key.Region),
		&kms.RetireGrantInput{KeyId: &job.GrantKeyARN, GrantId: &job.GrantID})
	if api.Code(err) == "NotFoundException" {
		return nil
	}
	return err
}

// openPoint opens a recovery point for a job of the account that holds it: a fully managed kind's through the
// vault, others as role, which must be able to use the key. Whoever asked for it closes its domain.
func (r *Runner) openPoint(ctx context.Context, role *api.Caller, p state.RecoveryPoint, v state.BackupVault) (*archive.Point, error) {
	var ring archive.Keyring
	var err error
	switch {
	case p.ArchiveKeyARN == "":
		ring = r.Archives.ServiceKeyring()
	case p.ArchiveKeyARN == v.KeyARN && rules.HasFullManagement(r.AsOf, p.ResourceType):
		if ring, err = r.vaultKeyring(ctx, v); err != nil {
			return nil, err
		}
	default:
		ring = r.Archives.Keyring(role.Through(r.nativeService(p.ResourceType), v.Region), p.ArchiveKeyARN)
	}
	domain, err := r.Archives.OpenDomain(ctx, location(v), p.ArchiveKeyARN, ring)
	if err != nil {
		return nil, refuseUse(err, p.ArchiveKeyARN)
	}
	point, err := domain.Open(ctx, p.ArchivePointID)
	if err != nil {
		domain.Close()
	}
	return point, err
}
