package iam

import (
	"cmp"
	"context"
	"log/slog"

	"gocloud.dev/secrets"

	"strongroom/clock"
	"strongroom/internal/api"
	pages "strongroom/internal/page"
	"strongroom/internal/state"
)

// Config is what a [Service] needs. All fields but the last four must be set.
type Config struct {
	DB     *state.DB
	Clock  clock.Clock     // the service's time
	Keeper *secrets.Keeper // wraps the secrets of access keys
	Log    *slog.Logger
	// Pages seals the markers of lists; nil means that they live as long as the process.
	Pages *pages.Sealer
	// ServiceRoleInUse says why a service still needs its service-linked role in an account, or "" if it does not. Nil
	// means that no service ever does.
	ServiceRoleInUse func(ctx context.Context, accountID, servicePrincipal string) (reason string, err error)
	// ServiceRoleGone is told in the transaction that deletes the service-linked role of an account. Nil is told nothing.
	ServiceRoleGone func(ctx context.Context, tx *state.Tx, accountID, servicePrincipal string) error
	// PasswordRounds is how much work it takes to guess a user's password; 0 means [passwordRounds].
	PasswordRounds int
}

// Service is IAM. Its methods may be called at once.
type Service struct {
	Config
	authorizer *Authorizer
	passwords  passwords
}

// New returns the service.
func New(c Config) *Service {
	if c.Pages == nil {
		c.Pages = pages.NewRandomSealer()
	}
	c.PasswordRounds = cmp.Or(c.PasswordRounds, passwordRounds)
	return &Service{Config: c, authorizer: newAuthorizer(c), passwords: passwords{slots: make(chan struct{}, passwordsAtOnce)}}
}

// Authorizer decides over the calls of all services by the policies kept here.
func (s *Service) Authorizer() *Authorizer { return s.authorizer }

// API is the table of IAM's operations.
func (s *Service) API() *api.Service {
	return &api.Service{
		Name: "iam", EventSource: "iam.amazonaws.com", Global: true, AccessDenied: "AccessDenied",
		Authorization: authorization,
		Operations: []api.Operation{
			onRole(s, s.CreateRole), onRole(s, s.GetRole), onAccount(s, s.ListRoles, "role"), onRole(s, s.DeleteRole),
			onRole(s, s.UpdateRole), onRole(s, s.UpdateRoleDescription), onRole(s, s.UpdateAssumeRolePolicy),
			onRole(s, s.TagRole), onRole(s, s.UntagRole), onRole(s, s.ListRoleTags),
			onRole(s, s.PutRolePermissionsBoundary), onRole(s, s.DeleteRolePermissionsBoundary),
			onRole(s, s.AttachRolePolicy), onRole(s, s.DetachRolePolicy), onRole(s, s.ListAttachedRolePolicies),
			onRole(s, s.PutRolePolicy), onRole(s, s.GetRolePolicy), onRole(s, s.DeleteRolePolicy), onRole(s, s.ListRolePolicies),
			onRole(s, s.ListInstanceProfilesForRole),

			onServiceRole(s, s.CreateServiceLinkedRole), onRole(s, s.DeleteServiceLinkedRole),
			onDeletion(s, s.GetServiceLinkedRoleDeletionStatus),

			onInstanceProfile(s, s.CreateInstanceProfile), onInstanceProfile(s, s.GetInstanceProfile),
			onAccount(s, s.ListInstanceProfiles, "instance-profile"), onInstanceProfile(s, s.DeleteInstanceProfile),
			api.Op("", s.AddRoleToInstanceProfile, s.addRoleAccess), onInstanceProfile(s, s.RemoveRoleFromInstanceProfile),
			onInstanceProfile(s, s.TagInstanceProfile), onInstanceProfile(s, s.UntagInstanceProfile), onInstanceProfile(s, s.ListInstanceProfileTags),

			onUser(s, s.CreateLoginProfile), onUser(s, s.GetLoginProfile), onUser(s, s.UpdateLoginProfile), onUser(s, s.DeleteLoginProfile),
			onUser(s, s.ChangePassword), onAccount(s, s.UpdateAccountPasswordPolicy, ""),
			onAccount(s, s.GetAccountPasswordPolicy, ""), onAccount(s, s.DeleteAccountPasswordPolicy, ""),

			onMFADevice(s, s.CreateVirtualMFADevice), onMFADevice(s, s.DeleteVirtualMFADevice), onAccount(s, s.ListVirtualMFADevices, ""),
			onUser(s, s.EnableMFADevice), onUser(s, s.ResyncMFADevice), onUser(s, s.DeactivateMFADevice), onUser(s, s.ListMFADevices),
			onUser(s, s.GetMFADevice), onMFADevice(s, s.TagMFADevice), onMFADevice(s, s.UntagMFADevice), onMFADevice(s, s.ListMFADeviceTags),

			onUser(s, s.UploadSSHPublicKey), onUser(s, s.GetSSHPublicKey), onUser(s, s.ListSSHPublicKeys), onUser(s, s.UpdateSSHPublicKey),
			onUser(s, s.DeleteSSHPublicKey), onUser(s, s.UploadSigningCertificate), onUser(s, s.ListSigningCertificates),
			onUser(s, s.UpdateSigningCertificate), onUser(s, s.DeleteSigningCertificate),
			onUser(s, s.CreateServiceSpecificCredential), onUser(s, s.ListServiceSpecificCredentials), onUser(s, s.UpdateServiceSpecificCredential),
			onUser(s, s.ResetServiceSpecificCredential), onUser(s, s.DeleteServiceSpecificCredential),

			onUser(s, s.CreateUser), onUser(s, s.UpdateUser), onUser(s, s.GetUser), onAccount(s, s.ListUsers, "user"), onUser(s, s.DeleteUser),
			onUser(s, s.TagUser), onUser(s, s.UntagUser), onUser(s, s.ListUserTags),
			onUser(s, s.PutUserPermissionsBoundary), onUser(s, s.DeleteUserPermissionsBoundary),
			onUser(s, s.AttachUserPolicy), onUser(s, s.DetachUserPolicy), onUser(s, s.ListAttachedUserPolicies),
			onUser(s, s.PutUserPolicy), onUser(s, s.GetUserPolicy), onUser(s, s.DeleteUserPolicy), onUser(s, s.ListUserPolicies),
			onUser(s, s.CreateAccessKey), onUser(s, s.UpdateAccessKey), onUser(s, s.DeleteAccessKey), onUser(s, s.ListAccessKeys),

			onGroup(s, s.CreateGroup), onGroup(s, s.UpdateGroup), onGroup(s, s.GetGroup), onAccount(s, s.ListGroups, "group"), onGroup(s, s.DeleteGroup),
			onGroup(s, s.AddUserToGroup), onGroup(s, s.RemoveUserFromGroup), onUser(s, s.ListGroupsForUser),
			onGroup(s, s.AttachGroupPolicy), onGroup(s, s.DetachGroupPolicy), onGroup(s, s.ListAttachedGroupPolicies),
			onGroup(s, s.PutGroupPolicy), onGroup(s, s.GetGroupPolicy), onGroup(s, s.DeleteGroupPolicy), onGroup(s, s.ListGroupPolicies),

			onPolicy(s, s.CreatePolicy), onPolicy(s, s.GetPolicy), onAccount(s, s.ListPolicies, "policy"), onPolicy(s, s.DeletePolicy),
			onPolicy(s, s.CreatePolicyVersion), onPolicy(s, s.GetPolicyVersion), onPolicy(s, s.ListPolicyVersions),
			onPolicy(s, s.SetDefaultPolicyVersion), onPolicy(s, s.DeletePolicyVersion), onPolicy(s, s.ListEntitiesForPolicy),
			onPolicy(s, s.TagPolicy), onPolicy(s, s.UntagPolicy), onPolicy(s, s.ListPolicyTags),

			api.Op("", s.GetAccessKeyLastUsed, s.keyUseAccess), onAccount(s, s.GetAccountAuthorizationDetails, ""),
			onAccount(s, s.GenerateCredentialReport, ""), onAccount(s, s.GetCredentialReport, ""),
			onARN(s, s.GenerateServiceLastAccessedDetails, "Arn", "policy"), onAccount(s, s.GetServiceLastAccessedDetails, ""),
			onAccount(s, s.GetServiceLastAccessedDetailsWithEntities, ""), onARN(s, s.ListPoliciesGrantingServiceAccess, "Arn"),
			onAccount(s, s.SimulateCustomPolicy, ""), onARN(s, s.SimulatePrincipalPolicy, "PolicySourceArn"),
			onAccount(s, s.GetContextKeysForCustomPolicy, ""), onARN(s, s.GetContextKeysForPrincipalPolicy, "PolicySourceArn"),

			onAccount(s, s.CreateAccountAlias, ""), onAccount(s, s.ListAccountAliases, ""), onAccount(s, s.DeleteAccountAlias, ""),
			onAccount(s, s.GetAccountSummary, ""),
		},
	}
}
