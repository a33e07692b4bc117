package backup

import (
	"context"
	"errors"
	"maps"

	"github.com/aws/aws-sdk-go-v2/aws"

	"strongroom/arn"
	"strongroom/internal/api"
	"strongroom/internal/state"
	"strongroom/rules"
)

// anything is the access of an operation without a resource.
func anything[In any](action string) func(context.Context, *api.Caller, *In) ([]api.Access, error) {
	return func(context.Context, *api.Caller, *In) ([]api.Access, error) {
		return []api.Access{{Action: "backup:" + action, Resource: "*"}}, nil
	}
}

func vaultARN(c *api.Caller, name string) string {
	return arn.New("backup", c.Region, c.AccountID, "backup-vault:"+name).String()
}

func planARN(c *api.Caller, id string) string {
	return arn.New("backup", c.Region, c.AccountID, "backup-plan:"+id).String()
}

// with adds condition keys to an access.
func with(a api.Access, more map[string][]string) api.Access {
	if a.Context == nil {
		a.Context = map[string][]string{}
	}
	maps.Copy(a.Context, more)
	return a
}

// onVault is an access to one of the caller's vaults, under the vault's own policy too. A vault that does not exist is
// asked for by name alone, so that who may not look cannot tell.
func (s *Service) onVault(ctx context.Context, c *api.Caller, action string, name *string) (api.Access, error) {
	if aws.ToString(name) == "" {
		return api.Access{}, missing("BackupVaultName")
	}
	vault, err := s.vault(ctx, c, *name)
	if err != nil && api.Code(err) != "ResourceNotFoundException" {
		return api.Access{}, err
	}
	return vaultAccess(c, action, *name, vault), nil
}

func vaultAccess(c *api.Caller, action, name string, vault state.BackupVault) api.Access {
	a := api.Access{Action: "backup:" + action, Resource: vaultARN(c, name), Context: api.WithResourceTags(nil, vault.Tags)}
	if vault.Policy != "" {
		a.ResourcePolicies = []api.PolicyDocument{{Name: "access policy of " + vault.ARN, Document: vault.Policy}}
	}
	return a
}

// onPoint is an access to a recovery point in one of the caller's vaults, under the vault's own policy too.
func (s *Service) onPoint(ctx context.Context, c *api.Caller, action string, vaultName, pointARN *string) (api.Access, error) {
	switch {
	case aws.ToString(vaultName) == "":
		return api.Access{}, missing("BackupVaultName")
	case aws.ToString(pointARN) == "":
		return api.Access{}, missing("RecoveryPointArn")
	}
	var (
		vault state.BackupVault
		point state.RecoveryPoint
	)
	err := s.DB.View(ctx, func(ctx context.Context, tx *state.Tx) (err error) {
		if vault, err = tx.BackupVault(ctx, c.AccountID, c.Region, *vaultName); err == nil {
			point, err = tx.RecoveryPoint(ctx, *pointARN)
		}
		return err
	})
	if err != nil && !errors.Is(err, state.ErrNotFound) {
		return api.Access{}, err
	}
	a := vaultAccess(c, action, *vaultName, vault)
	a.Resource, a.ResourceAccountID, a.Context = *pointARN, c.AccountID, nil
	if point.VaultARN == vault.ARN {
		a.Context = api.WithResourceTags(nil, point.Tags)
	}
	return a, nil
}

// one makes the list of one access.
func one(a api.Access, err error) ([]api.Access, error) {
	if err != nil {
		return nil, err
	}
	return []api.Access{a}, nil
}

// sameAccount refuses calls that name another account's vault: none but copying into it can be allowed.
func sameAccount(c *api.Caller, accountID *string) error {
	if accountID != nil && *accountID != c.AccountID {
		return denied()
	}
	return nil
}

// passRole is the access that handing a role to the service takes. The role must be one of the caller's account.
func passRole(c *api.Caller, roleARN *string) (api.Access, error) {
	role := aws.ToString(roleARN)
	if role == "" {
		return api.Access{}, missing("IamRoleArn")
	}
	if !rules.RolePattern.MatchString(role) {
		return api.Access{}, invalid("Invalid IAM role ARN %s in IamRoleArn.", role)
	}
	if parsed, _ := arn.Parse(role); parsed.AccountID != c.AccountID {
		return api.Access{}, api.Errorf("AccessDeniedException", "Cross-account pass role is not allowed.").WithStatus(403)
	}
	return api.Access{
		Action: "iam:PassRole", Resource: role,
		Context: map[string][]string{"iam:PassedToService": {principal}},
	}, nil
}
