package organizations

import (
	"context"
	"errors"

	"github.com/aws/aws-sdk-go-v2/service/organizations/types"

	"strongroom/internal/api"
	"strongroom/internal/state"
)

// principal is the service itself, which has a role in every account of an organization with all features:
// https://docs.aws.amazon.com/organizations/latest/userguide/orgs_integrate_services-using_slrs.html
const principal = "organizations.amazonaws.com"

// mayMakeRole asks whether the caller may make the service's role in its account, where a call is going to.
func (s *Service) mayMakeRole(ctx context.Context, c *api.Caller) error {
	err := s.Door.Authorize(ctx, c, "organizations", api.Access{
		Action: "iam:CreateServiceLinkedRole", Resource: "arn:aws:iam::" + c.AccountID + ":role/aws-service-role/" + principal + "/AWSServiceRoleForOrganizations",
		Context: map[string][]string{"iam:AWSServiceName": {principal}},
	})
	if api.Code(err) != "AccessDeniedException" {
		return err
	}
	e := api.Errorf("AccessDeniedForDependencyException", "The request failed because your credentials do not have permission to create the service-linked role required by AWS Organizations.")
	e.Members = map[string]string{"Reason": string(types.AccessDeniedForDependencyExceptionReasonAccessDeniedDuringCreateServiceLinkedRole)}
	e.Err = err
	return e
}

// joinsAll reports whether a handshake takes an account into an organization with all features.
func (s *Service) joinsAll(ctx context.Context, id string) (all bool, err error) {
	err = s.DB.View(ctx, func(ctx context.Context, tx *state.Tx) error {
		h, o, err := findHandshake(ctx, tx, id)
		all = h.Action != approveAll && (o.FeatureSet == string(types.OrganizationFeatureSetAll) || h.Action == enableAll)
		return err
	})
	return all, err
}

// ServiceRoleInUse says why an account's AWSServiceRoleForOrganizations cannot be deleted: the organization needs it.
func (s *Service) ServiceRoleInUse(ctx context.Context, accountID, servicePrincipal string) (reason string, err error) {
	if servicePrincipal != principal {
		return "", nil
	}
	err = s.DB.View(ctx, func(ctx context.Context, tx *state.Tx) error {
		o, err := tx.OrganizationOfAccount(ctx, accountID)
		if errors.Is(err, state.ErrNotFound) {
			return nil
		}
		if err == nil && o.FeatureSet == string(types.OrganizationFeatureSetAll) {
			reason = "The account belongs to the organization " + o.ID + ", which has all features enabled."
		}
		return err
	})
	return reason, err
}
