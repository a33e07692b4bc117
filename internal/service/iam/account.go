package iam

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"strongroom/internal/api"
	"strongroom/internal/state"
)

// Administrator is the user with which an account begins, and AdministratorAccess its policy.
const (
	Administrator       = "admin"
	AdministratorAccess = awsPolicyPrefix + "AdministratorAccess"
)

// Credential is an access key with its secret.
type Credential struct{ AccessKeyID, SecretAccessKey string }

// EnsureAccount makes an account with that id if there is none, with a user admin who may do everything in it, and
// returns an access key of that user. A key given in wanted is made the user's if it is not yet; without one the answer
// is the user's first active key, made at random the first time.
func (s *Service) EnsureAccount(ctx context.Context, id, name string, wanted Credential) (Credential, error) {
	if len(id) != 12 || strings.Trim(id, "0123456789") != "" {
		return Credential{}, fmt.Errorf("account id %q: twelve digits are needed", id)
	}
	if (wanted.AccessKeyID == "") != (wanted.SecretAccessKey == "") {
		return Credential{}, fmt.Errorf("account %s: an access key needs both its id and its secret", id)
	}
	made := wanted
	if made.AccessKeyID == "" {
		made = Credential{newKeyID(longTermPrefix, id), NewSecret()}
	}
	wrapped, err := s.Keeper.Encrypt(ctx, []byte(made.SecretAccessKey))
	if err != nil {
		return Credential{}, fmt.Errorf("wrapping the access key of account %s: %w", id, err)
	}
	var key state.AccessKey
	err = s.DB.UpdatePrincipals(ctx, func(ctx context.Context, tx *state.Tx) error {
		if err := ensureAdministrator(ctx, tx, id, name); err != nil {
			return err
		}
		keys, err := tx.AccessKeys(ctx, id, Administrator)
		if err != nil {
			return err
		}
		for _, k := range keys {
			if wanted.AccessKeyID == k.ID || wanted.AccessKeyID == "" && k.Status == string(types.StatusTypeActive) {
				key = k
				return nil
			}
		}
		key = state.AccessKey{
			ID: made.AccessKeyID, AccountID: id, UserName: Administrator, Secret: wrapped,
			Status: string(types.StatusTypeActive), CreatedAt: tx.Now,
		}
		return tx.InsertAccessKey(ctx, key)
	})
	if err != nil {
		return Credential{}, fmt.Errorf("setting up account %s: %w", id, err)
	}
	secret, err := Unwrap(ctx, s.Keeper, key)
	if err != nil {
		return Credential{}, err
	}
	if wanted.SecretAccessKey == "" || wanted.SecretAccessKey == secret {
		return Credential{key.ID, secret}, nil
	}
	// The configuration names a new secret for a key it named before.
	err = s.DB.UpdatePrincipals(ctx, func(ctx context.Context, tx *state.Tx) error {
		if err := tx.DeleteAccessKey(ctx, id, Administrator, key.ID); err != nil {
			return err
		}
		key.Secret = wrapped
		return tx.InsertAccessKey(ctx, key)
	})
	return wanted, err
}

func ensureAdministrator(ctx context.Context, tx *state.Tx, id, name string) error {
	_, err := tx.Account(ctx, id)
	if errors.Is(err, state.ErrNotFound) {
		err = tx.InsertAccount(ctx, state.Account{
			ID: id, Name: name, Email: id + "@accounts.invalid", Status: "ACTIVE", CreatedAt: tx.Now,
		})
	}
	if err != nil {
		return err
	}
	_, err = tx.User(ctx, id, Administrator)
	if !errors.Is(err, state.ErrNotFound) {
		return err
	}
	err = tx.InsertUser(ctx, state.User{AccountID: id, Name: Administrator, ID: newUniqueID(userPrefix), Path: "/", CreatedAt: tx.Now})
	if err != nil {
		return err
	}
	return tx.AttachPolicy(ctx, id, state.KindUser, Administrator, AdministratorAccess)
}

// EnsureAccessRole makes a role in an account through which the administrators of another may enter it, as
// organizations:CreateAccount does. It is for use inside state.DB.UpdatePrincipals.
func EnsureAccessRole(ctx context.Context, tx *state.Tx, accountID, name, trustedAccountID string) error {
	_, err := tx.Role(ctx, accountID, name)
	if !errors.Is(err, state.ErrNotFound) {
		return err
	}
	err = tx.InsertRole(ctx, state.Role{
		AccountID: accountID, Name: name, ID: newUniqueID(rolePrefix), Path: "/", MaxSession: minSessionDuration,
		Trust: `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::` + trustedAccountID +
			`:root"},"Action":"sts:AssumeRole"}]}`,
		Tags: map[string]string{}, CreatedAt: tx.Now,
	})
	if err != nil {
		return err
	}
	return tx.AttachPolicy(ctx, accountID, state.KindRole, name, AdministratorAccess)
}

// GetAccountSummary counts what the account has and may have.
func (s *Service) GetAccountSummary(ctx context.Context, c *api.Caller, _ *iam.GetAccountSummaryInput) (*iam.GetAccountSummaryOutput, error) {
	var counts state.PrincipalCounts
	err := s.DB.View(ctx, func(ctx context.Context, tx *state.Tx) (err error) {
		counts, err = tx.PrincipalCounts(ctx, c.AccountID)
		return err
	})
	if err != nil {
		return nil, err
	}
	return &iam.GetAccountSummaryOutput{SummaryMap: map[string]int32{
		"Users": int32(counts.Users), "Groups": int32(counts.Groups), "Roles": int32(counts.Roles), "Policies": int32(counts.Policies),
		"PolicyVersionsInUse": int32(counts.PolicyVersions), "InstanceProfiles": int32(counts.InstanceProfiles),
		"MFADevices": int32(counts.MFADevices), "MFADevicesInUse": int32(counts.MFADevicesInUse), "AccountAliases": int32(counts.Aliases),
		"Providers": 0, "ServerCertificates": 0,
		"AccountMFAEnabled": 0, "AccountAccessKeysPresent": 0, "AccountPasswordPresent": 0, "AccountSigningCertificatesPresent": 0,

		"AccessKeysPerUserQuota": maxKeysPerUser, "GroupsPerUserQuota": maxGroupsPerUser, "SigningCertificatesPerUserQuota": 2,
		"AttachedPoliciesPerUserQuota": maxAttached, "AttachedPoliciesPerGroupQuota": maxAttached, "AttachedPoliciesPerRoleQuota": maxAttached,
		"VersionsPerPolicyQuota": maxPolicyVersions, "PolicySizeQuota": maxManagedPolicy, "AssumeRolePolicySizeQuota": maxTrustPolicy,
		"UserPolicySizeQuota": maxInlineUser, "GroupPolicySizeQuota": maxInlineGroup, "RolePolicySizeQuota": maxInlineRole,

		// AWS's defaults, which it raises on request; nothing here is refused for their sake.
		"UsersQuota": 5000, "GroupsQuota": 300, "RolesQuota": 1000, "PoliciesQuota": 1500, "PolicyVersionsInUseQuota": 10000,
		"InstanceProfilesQuota": 1000, "ServerCertificatesQuota": 20, "GlobalEndpointTokenVersion": 1,
	}}, nil
}
