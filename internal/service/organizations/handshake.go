package organizations

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/organizations"
	"github.com/aws/aws-sdk-go-v2/service/organizations/types"

	"strongroom/internal/api"
	"strongroom/internal/state"
)

// invitationLife is how long an invitation may be accepted, and invitationShown how long it is listed afterwards:
// https://docs.aws.amazon.com/organizations/latest/APIReference/API_ListHandshakesForAccount.html
const (
	invite          = string(types.ActionTypeInviteAccountToOrganization)
	invitationLife  = 15 * 24 * time.Hour
	invitationShown = 30 * 24 * time.Hour
)

// InviteAccountToOrganization asks a standalone account to join.
func (s *Service) InviteAccountToOrganization(ctx context.Context, c *api.Caller, in *organizations.InviteAccountToOrganizationInput) (*organizations.InviteAccountToOrganizationOutput, error) {
	if in.Target == nil {
		return nil, invalidInput("INPUT_REQUIRED", "You must specify a value for Target.")
	}
	pattern := accountPattern
	switch in.Target.Type {
	case types.HandshakePartyTypeAccount:
	case types.HandshakePartyTypeEmail:
		pattern = emailPattern
	default:
		return nil, invalidInput("INVALID_PARTY_TYPE_TARGET", "You specified an invalid value for Target.Type: %s.", in.Target.Type)
	}
	if err := want("Target.Id", in.Target.Id, pattern); err != nil {
		return nil, err
	}
	out := &organizations.InviteAccountToOrganizationOutput{}
	err := s.change(ctx, c, in, func(ctx context.Context, tx *state.Tx, o state.Organization) error {
		if err := s.mayInvite(ctx, tx, o); err != nil {
			return err
		}
		a, err := findInvited(ctx, tx, in.Target)
		if err != nil {
			return err
		}
		if a.OrganizationID != "" {
			return handshakeViolation("ALREADY_IN_AN_ORGANIZATION", "The handshake request is invalid because the invited account is already a member of an organization.")
		}
		sent, err := tx.HandshakesOfOrganization(ctx, o.ID)
		if err != nil {
			return err
		}
		for _, h := range sent {
			if h.Action == invite && h.AccountID == a.ID && handshakeState(h, tx.Now) == types.HandshakeStateOpen {
				return api.Errorf("DuplicateHandshakeException",
					"A handshake with the same action and target already exists. For example, if you invited an account to join your organization, the invited account might already have a pending invitation from this organization.")
			}
		}
		h := state.Handshake{
			ID: newHandshakeID(), OrganizationID: o.ID, Action: invite, TargetType: string(in.Target.Type), Target: *in.Target.Id, AccountID: a.ID,
			Notes: aws.ToString(in.Notes), State: string(types.HandshakeStateOpen), RequestedAt: tx.Now,
			ExpiresAt: state.MicrosOf(tx.Now.Time().Add(invitationLife)),
		}
		if err := tx.InsertHandshake(ctx, h); err != nil {
			return err
		}
		out.Handshake, err = handshakeShape(ctx, tx, o, h)
		return err
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// mayInvite refuses one invitation more than the organization may send.
func (s *Service) mayInvite(ctx context.Context, tx *state.Tx, o state.Organization) error {
	pending, err := migrating(ctx, tx, o)
	if err != nil {
		return err
	}
	if pending {
		return handshakeViolation("INVITE_DISABLED_DURING_ENABLE_ALL_FEATURES", "You can't issue new invitations to join an organization while it's in the process of enabling all features.")
	}
	full, err := s.full(ctx, tx, o)
	if err != nil {
		return err
	}
	if full {
		return handshakeViolation("ACCOUNT_NUMBER_LIMIT_EXCEEDED", "You attempted to exceed the limit on the number of accounts in an organization.")
	}
	tiresome, err := s.tiresome(ctx, tx, o)
	if err != nil {
		return err
	}
	if tiresome {
		return handshakeViolation("HANDSHAKE_RATE_LIMIT_EXCEEDED", "You attempted to exceed the number of handshakes that you can send in one day.")
	}
	return nil
}

func findInvited(ctx context.Context, tx *state.Tx, target *types.HandshakeParty) (a state.Account, err error) {
	if target.Type == types.HandshakePartyTypeAccount {
		a, err = tx.Account(ctx, *target.Id)
	} else {
		a, err = tx.AccountByEmail(ctx, strings.ToLower(*target.Id))
	}
	if errors.Is(err, state.ErrNotFound) || err == nil && a.Status != active {
		return a, accountNotFound()
	}
	return a, err
}

// DescribeHandshake shows an invitation to either side.
func (s *Service) DescribeHandshake(ctx context.Context, c *api.Caller, in *organizations.DescribeHandshakeInput) (*organizations.DescribeHandshakeOutput, error) {
	if err := want("HandshakeId", in.HandshakeId, handshakePattern); err != nil {
		return nil, err
	}
	out := &organizations.DescribeHandshakeOutput{}
	err := s.DB.View(ctx, func(ctx context.Context, tx *state.Tx) error {
		h, o, err := findHandshake(ctx, tx, *in.HandshakeId)
		if err != nil {
			return err
		}
		if c.AccountID != h.AccountID && c.AccountID != o.ManagementAccountID {
			return notPermitted()
		}
		out.Handshake, err = handshakeShape(ctx, tx, o, h)
		return err
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// AcceptHandshake takes the caller's account into the organization that invited it, approves of all features, or
// finalizes them.
func (s *Service) AcceptHandshake(ctx context.Context, c *api.Caller, in *organizations.AcceptHandshakeInput) (*organizations.AcceptHandshakeOutput, error) {
	if err := want("HandshakeId", in.HandshakeId, handshakePattern); err != nil {
		return nil, err
	}
	all, err := s.joinsAll(ctx, *in.HandshakeId)
	if err == nil && all {
		err = s.mayMakeRole(ctx, c)
	}
	if err != nil {
		return nil, err
	}
	shape, err := s.settle(ctx, c, in.HandshakeId, types.HandshakeStateAccepted, func(ctx context.Context, tx *state.Tx, h state.Handshake, o state.Organization) error {
		if c.AccountID != h.AccountID {
			return notPermitted()
		}
		switch h.Action {
		case approveAll:
			return nil
		case enableAll:
			return finalize(ctx, tx, o, h)
		}
		a, err := tx.Account(ctx, c.AccountID)
		if err != nil {
			return err
		}
		if a.OrganizationID != "" {
			return handshakeViolation("ALREADY_IN_AN_ORGANIZATION", "The handshake request is invalid because the account is already a member of an organization.")
		}
		return s.join(ctx, tx, o, a, invited)
	})
	if err != nil {
		return nil, err
	}
	return &organizations.AcceptHandshakeOutput{Handshake: shape}, nil
}

// DeclineHandshake refuses an invitation.
func (s *Service) DeclineHandshake(ctx context.Context, c *api.Caller, in *organizations.DeclineHandshakeInput) (*organizations.DeclineHandshakeOutput, error) {
	shape, err := s.settle(ctx, c, in.HandshakeId, types.HandshakeStateDeclined, func(_ context.Context, _ *state.Tx, h state.Handshake, _ state.Organization) error {
		if c.AccountID != h.AccountID {
			return notPermitted()
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &organizations.DeclineHandshakeOutput{Handshake: shape}, nil
}

// CancelHandshake takes an invitation back.
func (s *Service) CancelHandshake(ctx context.Context, c *api.Caller, in *organizations.CancelHandshakeInput) (*organizations.CancelHandshakeOutput, error) {
	shape, err := s.settle(ctx, c, in.HandshakeId, types.HandshakeStateCanceled, func(_ context.Context, _ *state.Tx, _ state.Handshake, o state.Organization) error {
		if c.AccountID != o.ManagementAccountID {
			return notPermitted()
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &organizations.CancelHandshakeOutput{Handshake: shape}, nil
}

// settle moves an open invitation to its last state, if fn lets it.
func (s *Service) settle(ctx context.Context, c *api.Caller, id *string, to types.HandshakeState,
	fn func(context.Context, *state.Tx, state.Handshake, state.Organization) error,
) (shape *types.Handshake, err error) {
	if err := want("HandshakeId", id, handshakePattern); err != nil {
		return nil, err
	}
	err = s.update(ctx, func(ctx context.Context, tx *state.Tx) error {
		h, o, err := findHandshake(ctx, tx, *id)
		if err != nil {
			return err
		}
		if c.AccountID != h.AccountID && c.AccountID != o.ManagementAccountID {
			return notPermitted()
		}
		switch now := handshakeState(h, tx.Now); now {
		case types.HandshakeStateOpen:
		case to:
			return api.Errorf("HandshakeAlreadyInStateException", "The specified handshake is already in the requested state.")
		default:
			return api.Errorf("InvalidHandshakeTransitionException", "You can't perform the operation on the handshake in its current state: %s.", now)
		}
		if err := fn(ctx, tx, h, o); err != nil {
			return err
		}
		h.State = string(to)
		if err := tx.SetHandshakeState(ctx, h.ID, h.State); err != nil {
			return err
		}
		shape, err = handshakeShape(ctx, tx, o, h)
		return err
	})
	return shape, err
}

// ListHandshakesForAccount lists the caller's own invitations, oldest first.
func (s *Service) ListHandshakesForAccount(ctx context.Context, c *api.Caller, in *organizations.ListHandshakesForAccountInput) (*organizations.ListHandshakesForAccountOutput, error) {
	var shapes []types.Handshake
	var next *string
	err := s.DB.View(ctx, func(ctx context.Context, tx *state.Tx) error {
		all, err := tx.HandshakesOfAccount(ctx, c.AccountID)
		if err != nil {
			return err
		}
		shapes, next, err = s.handshakePage(ctx, tx, c, in, all, in.Filter)
		return err
	})
	if err != nil {
		return nil, err
	}
	return &organizations.ListHandshakesForAccountOutput{Handshakes: shapes, NextToken: next}, nil
}

// ListHandshakesForOrganization lists the invitations that the organization sent, oldest first.
func (s *Service) ListHandshakesForOrganization(ctx context.Context, c *api.Caller, in *organizations.ListHandshakesForOrganizationInput) (*organizations.ListHandshakesForOrganizationOutput, error) {
	var shapes []types.Handshake
	var next *string
	err := s.view(ctx, c, in, func(ctx context.Context, tx *state.Tx, o state.Organization) error {
		all, err := tx.HandshakesOfOrganization(ctx, o.ID)
		if err != nil {
			return err
		}
		shapes, next, err = s.handshakePage(ctx, tx, c, in, all, in.Filter)
		return err
	})
	if err != nil {
		return nil, err
	}
	return &organizations.ListHandshakesForOrganizationOutput{Handshakes: shapes, NextToken: next}, nil
}

func (s *Service) handshakePage(ctx context.Context, tx *state.Tx, c *api.Caller, in any, all []state.Handshake, filter *types.HandshakeFilter) ([]types.Handshake, *string, error) {
	shapes := []types.Handshake{}
	oldest := state.MicrosOf(tx.Now.Time().Add(-invitationShown))
	all = slices.DeleteFunc(all, func(h state.Handshake) bool {
		if filter != nil && (filter.ActionType != "" && h.Action != string(filter.ActionType) ||
			aws.ToString(filter.ParentHandshakeId) != "" && h.ParentID != *filter.ParentHandshakeId) {
			return true
		}
		return h.ExpiresAt < oldest && handshakeState(h, tx.Now) != types.HandshakeStateOpen
	})
	all, next, err := cut(s, c, in, all, func(h state.Handshake) string { return byDate(h.RequestedAt, h.ID) })
	if err != nil {
		return nil, nil, err
	}
	for _, h := range all {
		o, err := tx.Organization(ctx, h.OrganizationID)
		if err != nil {
			return nil, nil, fmt.Errorf("reading the organization of handshake %s: %w", h.ID, err)
		}
		shape, err := handshakeShape(ctx, tx, o, h)
		if err != nil {
			return nil, nil, err
		}
		shapes = append(shapes, *shape)
	}
	return shapes, next, nil
}

func findHandshake(ctx context.Context, tx *state.Tx, id string) (h state.Handshake, o state.Organization, err error) {
	h, err = tx.Handshake(ctx, id)
	if errors.Is(err, state.ErrNotFound) {
		return h, o, api.Errorf("HandshakeNotFoundException", "You specified a handshake that doesn't exist.")
	}
	if err != nil {
		return h, o, err
	}
	o, err = tx.Organization(ctx, h.OrganizationID)
	return h, o, err
}

// handshakeState is the state with time taken into account.
func handshakeState(h state.Handshake, now state.Micros) types.HandshakeState {
	if h.State == string(types.HandshakeStateOpen) && now >= h.ExpiresAt {
		return types.HandshakeStateExpired
	}
	return types.HandshakeState(h.State)
}

func handshakeShape(ctx context.Context, tx *state.Tx, o state.Organization, h state.Handshake) (*types.Handshake, error) {
	management, err := tx.Account(ctx, o.ManagementAccountID)
	if err != nil {
		return nil, err
	}
	value := func(kind types.HandshakeResourceType, text string, inner ...types.HandshakeResource) types.HandshakeResource {
		return types.HandshakeResource{Type: kind, Value: aws.String(text), Resources: inner}
	}
	resources := []types.HandshakeResource{
		value(types.HandshakeResourceTypeOrganization, o.ID,
			value(types.HandshakeResourceTypeMasterEmail, management.Email),
			value(types.HandshakeResourceTypeMasterName, management.Name),
			value(types.HandshakeResourceTypeOrganizationFeatureSet, o.FeatureSet)),
		value(types.HandshakeResourceType(h.TargetType), h.Target),
	}
	if h.ParentID != "" {
		resources = append(resources, value(types.HandshakeResourceTypeParentHandshake, h.ParentID))
	}
	if h.Notes != "" {
		resources = append(resources, value(types.HandshakeResourceTypeNotes, h.Notes))
	}
	now := handshakeState(h, tx.Now)
	if h.Action == enableAll && now == types.HandshakeStateOpen {
		waits, err := awaited(ctx, tx, o, h)
		if err != nil {
			return nil, err
		}
		if waits {
			now = types.HandshakeStateRequested
		}
	}
	return &types.Handshake{
		Id: aws.String(h.ID), Arn: aws.String(handshakeARN(o, h)), Action: types.ActionType(h.Action),
		State: now, RequestedTimestamp: h.RequestedAt.Ptr(), ExpirationTimestamp: h.ExpiresAt.Ptr(),
		Parties: []types.HandshakeParty{
			{Id: aws.String(strings.TrimPrefix(o.ID, "o-")), Type: types.HandshakePartyTypeOrganization},
			{Id: aws.String(h.Target), Type: types.HandshakePartyType(h.TargetType)},
		},
		Resources: resources,
	}, nil
}
