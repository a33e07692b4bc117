package backup

import (
	"context"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/backup"

	"strongroom/iampolicy"
	"strongroom/internal/api"
	"strongroom/internal/state"
	"strongroom/rules"
)

func (s *Service) putVaultPolicyAccess(ctx context.Context, c *api.Caller, in *backup.PutBackupVaultAccessPolicyInput) ([]api.Access, error) {
	return one(s.onVault(ctx, c, "PutBackupVaultAccessPolicy", in.BackupVaultName))
}

// PutBackupVaultAccessPolicy sets the policy of a vault.
func (s *Service) PutBackupVaultAccessPolicy(ctx context.Context, c *api.Caller, in *backup.PutBackupVaultAccessPolicyInput) (*backup.PutBackupVaultAccessPolicyOutput, error) {
	if aws.ToString(in.Policy) == "" {
		return nil, missing("Policy")
	}
	policy, err := checkPolicy(*in.Policy)
	if err != nil {
		return nil, err
	}
	if s.UnknownPrincipals != nil {
		unknown, err := s.UnknownPrincipals(ctx, policy)
		if err != nil {
			return nil, err
		}
		if len(unknown) > 0 {
			return nil, invalid("The specified policy is invalid: it names principals that do not exist: %s", strings.Join(unknown, ", "))
		}
	}
	return &backup.PutBackupVaultAccessPolicyOutput{}, s.changeVault(ctx, c, *in.BackupVaultName, func(_ context.Context, _ *state.Tx, v *state.BackupVault) error {
		v.Policy = *in.Policy
		return nil
	})
}

// copyInto is the only action that a vault can be opened for to others.
const copyInto = "backup:copyintobackupvault"

// vaultActions are the actions on vaults and recovery points, in lower case; see
// https://docs.aws.amazon.com/service-authorization/latest/reference/list_awsbackup.html.
var vaultActions = []string{
	"associatebackupvaultmpaapprovalteam", "copyfrombackupvault", "copyintobackupvault", "createbackupaccesspoint", "deletebackupvault",
	"deletebackupvaultaccesspolicy", "deletebackupvaultlockconfiguration", "deletebackupvaultnotifications", "deletebackupvaultsharingpolicy",
	"deleterecoverypoint", "describebackupvault", "describerecoverypoint", "disassociatebackupvaultmpaapprovalteam", "disassociaterecoverypoint",
	"disassociaterecoverypointfromparent", "getbackupvaultaccesspolicy", "getbackupvaultnotifications", "getbackupvaultsharingpolicy",
	"getrecoverypointindexdetails", "getrecoverypointrestoremetadata", "listprotectedresourcesbybackupvault", "listrecoverypointsbybackupvault",
	"listrestoreaccessbackupvaults", "listtags", "putbackupvaultaccesspolicy", "putbackupvaultlockconfiguration", "putbackupvaultnotifications",
	"putbackupvaultsharingpolicy", "revokerestoreaccessbackupvault", "searchrecoverypoint", "startbackupjob", "startcopyjob", "startrestorejob",
	"startscanjob", "tagresource", "untagresource", "updaterecoverypointindexsettings", "updaterecoverypointlifecycle",
}

// checkPolicy refuses what is no policy, wildcards in actions, which vault policies do not have, and policies that
// would open anything but copying to the world.
func checkPolicy(document string) (*iampolicy.Policy, error) {
	policy, err := iampolicy.Parse([]byte(document))
	if err == nil {
		err = iampolicy.Validate(policy, iampolicy.Resource)
	}
	if err != nil {
		e := invalid("The specified policy is invalid: %s", iampolicy.MalformedMessage(err))
		e.Err = err
		return nil, e
	}
	for _, statement := range policy.Statements {
		if len(statement.NotActions) > 0 {
			return nil, invalid("The specified policy is invalid: NotAction is not supported in a backup vault access policy.")
		}
		for _, action := range statement.Actions {
			name, ours := strings.CutPrefix(strings.ToLower(action), "backup:")
			switch {
			case strings.ContainsAny(action, "*?"):
				return nil, invalid("The specified policy is invalid: wildcards are not supported in the Action element of a backup vault access policy (%s).", action)
			case !ours || !slices.Contains(vaultActions, name):
				return nil, invalid("The specified policy is invalid: the action %s is not supported in a backup vault access policy.", action)
			}
			if statement.Effect == iampolicy.Allow && open(statement) && strings.ToLower(action) != copyInto {
				return nil, refused(rules.VaultPolicyTooOpen.Refuse(nil))
			}
		}
	}
	return policy, nil
}

// open reports whether a statement is for everybody, on no condition.
func open(s iampolicy.Statement) bool {
	if len(s.Conditions) > 0 {
		return false
	}
	if s.NotPrincipal != nil {
		return true
	}
	if s.Principal == nil {
		return false
	}
	for _, p := range s.Principal.AWS {
		if p == "*" {
			return true
		}
	}
	return s.Principal.Everyone
}

func (s *Service) getVaultPolicyAccess(ctx context.Context, c *api.Caller, in *backup.GetBackupVaultAccessPolicyInput) ([]api.Access, error) {
	return one(s.onVault(ctx, c, "GetBackupVaultAccessPolicy", in.BackupVaultName))
}

// GetBackupVaultAccessPolicy reads the policy of a vault.
func (s *Service) GetBackupVaultAccessPolicy(ctx context.Context, c *api.Caller, in *backup.GetBackupVaultAccessPolicyInput) (*backup.GetBackupVaultAccessPolicyOutput, error) {
	v, err := s.vault(ctx, c, *in.BackupVaultName)
	if err != nil {
		return nil, err
	}
	if v.Policy == "" {
		return nil, notFound("Failed reading access policy for Backup vault %s", v.Name)
	}
	return &backup.GetBackupVaultAccessPolicyOutput{BackupVaultName: &v.Name, BackupVaultArn: &v.ARN, Policy: &v.Policy}, nil
}

func (s *Service) deleteVaultPolicyAccess(ctx context.Context, c *api.Caller, in *backup.DeleteBackupVaultAccessPolicyInput) ([]api.Access, error) {
	return one(s.onVault(ctx, c, "DeleteBackupVaultAccessPolicy", in.BackupVaultName))
}

// DeleteBackupVaultAccessPolicy removes the policy of a vault.
func (s *Service) DeleteBackupVaultAccessPolicy(ctx context.Context, c *api.Caller, in *backup.DeleteBackupVaultAccessPolicyInput) (*backup.DeleteBackupVaultAccessPolicyOutput, error) {
	return &backup.DeleteBackupVaultAccessPolicyOutput{}, s.changeVault(ctx, c, *in.BackupVaultName, func(_ context.Context, _ *state.Tx, v *state.BackupVault) error {
		v.Policy = ""
		return nil
	})
}
