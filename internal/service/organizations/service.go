package organizations

import (
	"context"
	"errors"
	"log/slog"
	"strings"

	"strongroom/clock"
	"strongroom/internal/api"
	"strongroom/internal/page"
	"strongroom/internal/state"
)

// Config is what a [Service] needs. All fields but Pages must be set.
type Config struct {
	DB    *state.DB
	Clock clock.Clock // the service's time
	Log   *slog.Logger
	Pages *page.Sealer // seals the tokens of lists; nil means that they live as long as the process
}

// Service is Organizations. Its methods may be called at once.
type Service struct{ Config }

// New returns the service.
func New(c Config) *Service {
	if c.Pages == nil {
		c.Pages = page.NewRandomSealer()
	}
	return &Service{c}
}

// API is the table of the operations.
func (s *Service) API() *api.Service {
	return &api.Service{
		Name: "organizations", EventSource: "organizations.amazonaws.com", Global: true, AccessDenied: "AccessDeniedException",
		AccessDeniedStatus: 400, // as in the awsJson protocol
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
			row(s, s.TagResource), row(s, s.UntagResource), row(s, s.ListTagsForResource),
		},
	}
}

// row makes an operation, whose access is organizations:<its name> on the resource that its input names:
// https://docs.aws.amazon.com/service-authorization/latest/reference/list_awsorganizations.html
func row[In, Out any](s *Service, fn func(context.Context, *api.Caller, *In) (*Out, error)) api.Operation {
	action := "organizations:" + api.OperationName(new(In))
	return api.Op("", fn, func(ctx context.Context, c *api.Caller, in *In) ([]api.Access, error) {
		access := api.Access{Action: action, Resource: "*", Context: map[string][]string{}}
		if service := api.Field(in, "ServicePrincipal"); service != "" {
			access.Context["organizations:ServicePrincipal"] = []string{service}
		}
		id := ""
		for _, name := range []string{"AccountId", "OrganizationalUnitId", "HandshakeId", "ResourceId", "ParentId", "ChildId"} {
			if id = api.Field(in, name); id != "" {
				break
			}
		}
		if id == "" {
			return []api.Access{access}, nil
		}
		err := s.DB.View(ctx, func(ctx context.Context, tx *state.Tx) error {
			o, err := tx.OrganizationOfAccount(ctx, c.AccountID)
			if strings.HasPrefix(id, "h-") {
				h, err := tx.Handshake(ctx, id)
				if err != nil {
					return err
				}
				if o, err = tx.Organization(ctx, h.OrganizationID); err != nil {
					return err
				}
			} else if err != nil {
				return err
			}
			access.Resource = arnOf(o, id)
			return nil
		})
		if err != nil && !errors.Is(err, state.ErrNotFound) {
			return nil, err
		}
		return []api.Access{access}, nil
	})
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
