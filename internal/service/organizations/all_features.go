package organizations

import (
	"context"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/organizations"
	"github.com/aws/aws-sdk-go-v2/service/organizations/types"

	"strongroom/internal/api"
	"strongroom/internal/service/iam"
	"strongroom/internal/state"
)

// allFeaturesLife is how long an organization has to agree on all features:
// https://docs.aws.amazon.com/organizations/latest/userguide/orgs_reference_limits.html
const allFeaturesLife = 90 * 24 * time.Hour

const (
	enableAll  = string(types.ActionTypeEnableAllFeatures)
	approveAll = string(types.ActionTypeApproveAllFeatures)
)

// EnableAllFeatures asks every account that was invited to approve of all features. When all have, the management
// account finalizes the change by accepting the handshake that this returns:
// https://docs.aws.amazon.com/organizations/latest/userguide/orgs_manage_org_support-all-features.html
func (s *Service) EnableAllFeatures(ctx context.Context, c *api.Caller, in *organizations.EnableAllFeaturesInput) (*organizations.EnableAllFeaturesOutput, error) {
	out := &organizations.EnableAllFeaturesOutput{}
	err := s.change(ctx, c, in, func(ctx context.Context, tx *state.Tx, o state.Organization) error {
		if o.FeatureSet == string(types.OrganizationFeatureSetAll) {
			return handshakeViolation("ORGANIZATION_ALREADY_HAS_ALL_FEATURES", "The handshake request is invalid because the organization has already enabled all features.")
		}
		pending, err := migrating(ctx, tx, o)
		if err != nil {
			return err
		}
		if pending {
			return handshakeViolation("ORGANIZATION_IS_ALREADY_PENDING_ALL_FEATURES_MIGRATION", "The handshake request is invalid because the organization has already started the process to enable all features.")
		}
		final := newFeatureHandshake(o, enableAll, "", o.ManagementAccountID, tx.Now)
		if err := tx.InsertHandshake(ctx, final); err != nil {
			return err
		}
		accounts, err := tx.AccountsOfOrganization(ctx, o.ID)
		if err != nil {
			return err
		}
		for _, a := range accounts {
			if !asked(o, a) {
				continue
			}
			if err := tx.InsertHandshake(ctx, newFeatureHandshake(o, approveAll, final.ID, a.ID, tx.Now)); err != nil {
				return err
			}
		}
		out.Handshake, err = handshakeShape(ctx, tx, o, final)
		return err
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// asked reports whether an account has a say: those that were made in the organization have none.
func asked(o state.Organization, a state.Account) bool {
	return a.ID != o.ManagementAccountID && a.JoinedMethod == invited && a.Status == active
}

func newFeatureHandshake(o state.Organization, action, parent, account string, now state.Micros) state.Handshake {
	return state.Handshake{
		ID: newHandshakeID(), OrganizationID: o.ID, Action: action, ParentID: parent,
		TargetType: string(types.HandshakePartyTypeAccount), Target: account, AccountID: account,
		State: string(types.HandshakeStateOpen), RequestedAt: now, ExpiresAt: state.MicrosOf(now.Time().Add(allFeaturesLife)),
	}
}

// migrating reports whether the organization is on its way to all features.
func migrating(ctx context.Context, tx *state.Tx, o state.Organization) (bool, error) {
	sent, err := tx.HandshakesOfOrganization(ctx, o.ID)
	return slices.ContainsFunc(sent, func(h state.Handshake) bool {
		return h.Action == enableAll && handshakeState(h, tx.Now) == types.HandshakeStateOpen
	}), err
}

// awaited reports whether somebody who is still in the organization has not approved yet.
func awaited(ctx context.Context, tx *state.Tx, o state.Organization, final state.Handshake) (bool, error) {
	sent, err := tx.HandshakesOfOrganization(ctx, o.ID)
	if err != nil {
		return false, err
	}
	approved := map[string]bool{}
	for _, h := range sent {
		if h.ParentID == final.ID && h.State == string(types.HandshakeStateAccepted) {
			approved[h.AccountID] = true
		}
	}
	accounts, err := tx.AccountsOfOrganization(ctx, o.ID)
	return slices.ContainsFunc(accounts, func(a state.Account) bool { return asked(o, a) && !approved[a.ID] }), err
}

// finalize gives the organization all features.
func finalize(ctx context.Context, tx *state.Tx, o state.Organization, final state.Handshake) error {
	waits, err := awaited(ctx, tx, o, final)
	if err != nil {
		return err
	}
	if waits {
		return api.Errorf("InvalidHandshakeTransitionException", "You can't perform the operation on the handshake in its current state: %s.", types.HandshakeStateRequested)
	}
	o.FeatureSet = string(types.OrganizationFeatureSetAll)
	if err := tx.SetFeatureSet(ctx, o.ID, o.FeatureSet); err != nil {
		return err
	}
	if err := addManagedPolicies(ctx, tx, o); err != nil {
		return err
	}
	accounts, err := tx.AccountsOfOrganization(ctx, o.ID)
	if err != nil {
		return err
	}
	for _, a := range accounts {
		if err := iam.EnsureServiceLinkedRoleIn(ctx, tx, a.ID, principal); err != nil {
			return err
		}
	}
	return nil
}
