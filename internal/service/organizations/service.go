package organizations

import (
	"context"
	"errors"
	"log/slog"

	"github.com/aws/aws-sdk-go-v2/service/organizations/types"

	"strongroom/clock"
	"strongroom/internal/api"
	"strongroom/internal/page"
	"strongroom/internal/state"
)

// Config is what a [Service] needs. All fields from Pages on may be left out.
type Config struct {
	DB    *state.DB
	Door  *api.Door
	Clock clock.Clock // the service's time
	Log   *slog.Logger
	Pages *page.Sealer // seals the tokens of lists; nil means that they live as long as the process
	// MaxAccounts is how many accounts an organization may have, with its management account; 0 means AWS's default.
	MaxAccounts int
	// PutTrailEvent keeps an event that CloudTrail shows to an account, if tx commits; nil keeps none.
	PutTrailEvent func(ctx context.Context, tx *state.Tx, accountID, name string, details map[string]any) error
	// PoliciesChanged is told, in the transaction of every change that effective policies follow from, of the organization
	// and the type. Whoever needs them up to date puts a job into the queue there that calls
	// [Service.ReconcileEffectivePolicies]. Where it is nil, what concerns many accounts is merged anew whenever it is asked for.
	PoliciesChanged func(ctx context.Context, tx *state.Tx, organizationID string, policyType types.PolicyType) error
}

// Service is Organizations. Its methods may be called at once.
type Service struct {
	Config
	few int // how many accounts are few; see followChange
}

// New returns the service.
func New(c Config) *Service {
	if c.Pages == nil {
		c.Pages = page.NewRandomSealer()
	}
	if c.MaxAccounts == 0 {
		c.MaxAccounts = defaultAccounts
	}
	return &Service{c, fewAccounts}
}

// API is the table of the operations.
func (s *Service) API() *api.Service {
	return &api.Service{
		Name: "organizations", EventSource: "organizations.amazonaws.com", Global: true, AccessDenied: "AccessDeniedException",
		AccessDeniedStatus: 400, // as in the awsJson protocol
		Authorization:      authorization,
		Operations: []api.Operation{
			row(s, s.CreateOrganization), row(s, s.DescribeOrganization), row(s, s.DeleteOrganization), row(s, s.LeaveOrganization),
			row(s, s.ListRoots),
			row(s, s.CreateAccount), row(s, s.DescribeCreateAccountStatus), row(s, s.ListCreateAccountStatus),
			row(s, s.ListAccounts), row(s, s.DescribeAccount), row(s, s.MoveAccount), row(s, s.RemoveAccountFromOrganization),
			row(s, s.ListAccountsForParent), row(s, s.ListParents), row(s, s.ListChildren),
			row(s, s.CreateOrganizationalUnit), row(s, s.DescribeOrganizationalUnit), row(s, s.UpdateOrganizationalUnit),
			row(s, s.DeleteOrganizationalUnit), row(s, s.ListOrganizationalUnitsForParent),
			row(s, s.InviteAccountToOrganization), row(s, s.DescribeHandshake), row(s, s.AcceptHandshake), row(s, s.DeclineHandshake),
			row(s, s.CancelHandshake), row(s, s.ListHandshakesForAccount), row(s, s.ListHandshakesForOrganization),
			row(s, s.EnableAWSServiceAccess), row(s, s.DisableAWSServiceAccess), row(s, s.ListAWSServiceAccessForOrganization),
			row(s, s.EnablePolicyType), row(s, s.DisablePolicyType),
			row(s, s.CreatePolicy), row(s, s.DescribePolicy), row(s, s.UpdatePolicy), row(s, s.DeletePolicy), row(s, s.ListPolicies),
			row(s, s.AttachPolicy), row(s, s.DetachPolicy), row(s, s.ListPoliciesForTarget), row(s, s.ListTargetsForPolicy),
			row(s, s.DescribeEffectivePolicy), row(s, s.ListAccountsWithInvalidEffectivePolicy), row(s, s.ListEffectivePolicyValidationErrors),
			row(s, s.RegisterDelegatedAdministrator), row(s, s.DeregisterDelegatedAdministrator),
			row(s, s.ListDelegatedAdministrators), row(s, s.ListDelegatedServicesForAccount),
			row(s, s.PutResourcePolicy), row(s, s.DescribeResourcePolicy), row(s, s.DeleteResourcePolicy),
			row(s, s.CloseAccount), row(s, s.EnableAllFeatures),
			row(s, s.TagResource), row(s, s.UntagResource), row(s, s.ListTagsForResource),
		},
	}
}

// Organization is what other services need to know of an account's organization.
type Organization struct {
	ID                  string
	ManagementAccountID string
	Path                string // the account's place, as aws:PrincipalOrgPaths writes it: o-…/r-…/ou-…/
}

// OrganizationOf returns the organization of an account, false for a standalone one.
func (s *Service) OrganizationOf(ctx context.Context, accountID string) (organization Organization, in bool, err error) {
	err = s.DB.View(ctx, func(ctx context.Context, tx *state.Tx) error {
		o, levels, err := tx.OrganizationLevels(ctx, accountID)
		organization = Organization{ID: o.ID, ManagementAccountID: o.ManagementAccountID, Path: o.OrganizationPath(levels)}
		return err
	})
	if errors.Is(err, state.ErrNotFound) {
		return Organization{}, false, nil
	}
	return organization, err == nil, err
}
