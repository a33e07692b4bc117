package organizations

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/organizations"
	"github.com/aws/aws-sdk-go-v2/service/organizations/types"

	"strongroom/internal/api"
	"strongroom/internal/service/iam"
	"strongroom/internal/state"
)

// CreateAccount makes an account in the organization, with a role that lets the management account's administrators in.
// It is done when the call returns, so the answer is already SUCCEEDED or FAILED, which at AWS takes a while.
func (s *Service) CreateAccount(ctx context.Context, c *api.Caller, in *organizations.CreateAccountInput) (*organizations.CreateAccountOutput, error) {
	role := cmp.Or(aws.ToString(in.RoleName), accessRole)
	err := cmp.Or(want("AccountName", in.AccountName, namePattern), want("Email", in.Email, emailPattern), want("RoleName", &role, rolePattern))
	if err != nil {
		return nil, err
	}
	tags, err := tagMap(nil, in.Tags)
	if err != nil {
		return nil, err
	}
	email := strings.ToLower(*in.Email)
	var request state.CreateAccountRequest
	err = s.change(ctx, c, in, func(ctx context.Context, tx *state.Tx, o state.Organization) error {
		full, err := s.full(ctx, tx, o)
		if err != nil {
			return err
		}
		if full {
			return constraintViolation("ACCOUNT_NUMBER_LIMIT_EXCEEDED", "You have exceeded the allowed number of AWS accounts.")
		}
		request = state.CreateAccountRequest{
			ID: newRequestID(), OrganizationID: o.ID, AccountName: *in.AccountName,
			State: string(types.CreateAccountStateSucceeded), RequestedAt: tx.Now, CompletedAt: tx.Now,
		}
		_, err = tx.AccountByEmail(ctx, email)
		if err == nil {
			request.State, request.FailureReason = string(types.CreateAccountStateFailed), string(types.CreateAccountFailureReasonEmailAlreadyExists)
			return tx.InsertCreateAccountRequest(ctx, request)
		}
		if !errors.Is(err, state.ErrNotFound) {
			return err
		}
		a := state.Account{Name: *in.AccountName, Email: email, Status: active, CreatedAt: tx.Now}
		if a.ID, err = freeAccountID(ctx, tx); err != nil {
			return err
		}
		request.AccountID = a.ID
		if err := tx.InsertAccount(ctx, a); err != nil {
			return err
		}
		if err := s.join(ctx, tx, o, a, created); err != nil {
			return err
		}
		if err := iam.EnsureAccessRole(ctx, tx, a.ID, role, o.ManagementAccountID); err != nil {
			return err
		}
		if err := tx.PutOrganizationTags(ctx, o.ID, a.ID, tags); err != nil {
			return err
		}
		return tx.InsertCreateAccountRequest(ctx, request)
	})
	if err != nil {
		return nil, err
	}
	return &organizations.CreateAccountOutput{CreateAccountStatus: requestShape(request)}, nil
}

func freeAccountID(ctx context.Context, tx *state.Tx) (string, error) {
	for {
		id := newAccountID()
		if _, err := tx.Account(ctx, id); errors.Is(err, state.ErrNotFound) {
			return id, nil
		} else if err != nil {
			return "", err
		}
	}
}

// DescribeCreateAccountStatus tells what came of a CreateAccount.
func (s *Service) DescribeCreateAccountStatus(ctx context.Context, c *api.Caller, in *organizations.DescribeCreateAccountStatusInput) (*organizations.DescribeCreateAccountStatusOutput, error) {
	if err := want("CreateAccountRequestId", in.CreateAccountRequestId, requestPattern); err != nil {
		return nil, err
	}
	var request state.CreateAccountRequest
	err := s.view(ctx, c, in, func(ctx context.Context, tx *state.Tx, o state.Organization) (err error) {
		request, err = tx.CreateAccountRequest(ctx, o.ID, *in.CreateAccountRequestId)
		if errors.Is(err, state.ErrNotFound) {
			return api.Errorf("CreateAccountStatusNotFoundException", "You specified a create account request that doesn't exist.")
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return &organizations.DescribeCreateAccountStatusOutput{CreateAccountStatus: requestShape(request)}, nil
}

// ListCreateAccountStatus lists the organization's requests, oldest first.
func (s *Service) ListCreateAccountStatus(ctx context.Context, c *api.Caller, in *organizations.ListCreateAccountStatusInput) (*organizations.ListCreateAccountStatusOutput, error) {
	var requests []state.CreateAccountRequest
	err := s.view(ctx, c, in, func(ctx context.Context, tx *state.Tx, o state.Organization) (err error) {
		requests, err = tx.CreateAccountRequests(ctx, o.ID)
		return err
	})
	if err != nil {
		return nil, err
	}
	if len(in.States) > 0 {
		requests = slices.DeleteFunc(requests, func(r state.CreateAccountRequest) bool {
			return !slices.Contains(in.States, types.CreateAccountState(r.State))
		})
	}
	requests, next, err := cut(s, c, in, requests, func(r state.CreateAccountRequest) string { return byDate(r.RequestedAt, r.ID) })
	if err != nil {
		return nil, err
	}
	out := &organizations.ListCreateAccountStatusOutput{CreateAccountStatuses: []types.CreateAccountStatus{}, NextToken: next}
	for _, r := range requests {
		out.CreateAccountStatuses = append(out.CreateAccountStatuses, *requestShape(r))
	}
	return out, nil
}

func requestShape(r state.CreateAccountRequest) *types.CreateAccountStatus {
	shape := &types.CreateAccountStatus{
		Id: aws.String(r.ID), AccountName: aws.String(r.AccountName), State: types.CreateAccountState(r.State),
		RequestedTimestamp: r.RequestedAt.Ptr(), CompletedTimestamp: r.CompletedAt.Ptr(),
		FailureReason: types.CreateAccountFailureReason(r.FailureReason),
	}
	if r.AccountID != "" {
		shape.AccountId = aws.String(r.AccountID)
	}
	return shape
}

// ListAccounts lists the organization's accounts by id.
func (s *Service) ListAccounts(ctx context.Context, c *api.Caller, in *organizations.ListAccountsInput) (*organizations.ListAccountsOutput, error) {
	accounts, next, err := s.listAccounts(ctx, c, in, func(ctx context.Context, tx *state.Tx, o state.Organization) ([]state.Account, error) {
		return tx.AccountsOfOrganization(ctx, o.ID)
	})
	if err != nil {
		return nil, err
	}
	return &organizations.ListAccountsOutput{Accounts: accounts, NextToken: next}, nil
}

// ListAccountsForParent lists the accounts directly in a root or unit by id.
func (s *Service) ListAccountsForParent(ctx context.Context, c *api.Caller, in *organizations.ListAccountsForParentInput) (*organizations.ListAccountsForParentOutput, error) {
	if err := want("ParentId", in.ParentId, parentPattern); err != nil {
		return nil, err
	}
	accounts, next, err := s.listAccounts(ctx, c, in, func(ctx context.Context, tx *state.Tx, o state.Organization) ([]state.Account, error) {
		if err := findParent(ctx, tx, o, *in.ParentId, parentNotFound()); err != nil {
			return nil, err
		}
		return tx.AccountsOfParent(ctx, o.ID, *in.ParentId)
	})
	if err != nil {
		return nil, err
	}
	return &organizations.ListAccountsForParentOutput{Accounts: accounts, NextToken: next}, nil
}

func (s *Service) listAccounts(ctx context.Context, c *api.Caller, in any,
	read func(context.Context, *state.Tx, state.Organization) ([]state.Account, error),
) (shapes []types.Account, next *string, err error) {
	shapes = []types.Account{}
	err = s.view(ctx, c, in, func(ctx context.Context, tx *state.Tx, o state.Organization) error {
		accounts, err := read(ctx, tx, o)
		if err != nil {
			return err
		}
		if accounts, next, err = cut(s, c, in, accounts, func(a state.Account) string { return a.ID }); err != nil {
			return err
		}
		for _, a := range accounts {
			shape, err := accountShape(ctx, tx, o, a)
			if err != nil {
				return err
			}
			shapes = append(shapes, *shape)
		}
		return nil
	})
	return shapes, next, err
}

// DescribeAccount shows an account of the organization.
func (s *Service) DescribeAccount(ctx context.Context, c *api.Caller, in *organizations.DescribeAccountInput) (*organizations.DescribeAccountOutput, error) {
	if err := want("AccountId", in.AccountId, accountPattern); err != nil {
		return nil, err
	}
	out := &organizations.DescribeAccountOutput{}
	err := s.view(ctx, c, in, func(ctx context.Context, tx *state.Tx, o state.Organization) error {
		a, err := memberAccount(ctx, tx, o, *in.AccountId)
		if err != nil {
			return err
		}
		out.Account, err = accountShape(ctx, tx, o, a)
		return err
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// MoveAccount puts an account under another root or unit.
func (s *Service) MoveAccount(ctx context.Context, c *api.Caller, in *organizations.MoveAccountInput) (*organizations.MoveAccountOutput, error) {
	err := cmp.Or(want("AccountId", in.AccountId, accountPattern),
		want("SourceParentId", in.SourceParentId, parentPattern), want("DestinationParentId", in.DestinationParentId, parentPattern))
	if err != nil {
		return nil, err
	}
	err = s.change(ctx, c, in, func(ctx context.Context, tx *state.Tx, o state.Organization) error {
		a, err := memberAccount(ctx, tx, o, *in.AccountId)
		if err != nil {
			return err
		}
		missing := api.Errorf("SourceParentNotFoundException", "You specified source parent that doesn't exist.")
		if err := findParent(ctx, tx, o, *in.SourceParentId, missing); err != nil {
			return err
		}
		if a.ParentID != *in.SourceParentId {
			return missing
		}
		err = findParent(ctx, tx, o, *in.DestinationParentId,
			api.Errorf("DestinationParentNotFoundException", "You specified destination parent that doesn't exist."))
		if err != nil {
			return err
		}
		if a.ParentID == *in.DestinationParentId {
			return api.Errorf("DuplicateAccountException", "That account is already present in the specified destination.")
		}
		a.ParentID = *in.DestinationParentId
		if err := tx.UpdateAccount(ctx, a); err != nil {
			return err
		}
		return s.policiesChanged(ctx, tx, o, a.ID)
	})
	if err != nil {
		return nil, err
	}
	return &organizations.MoveAccountOutput{}, nil
}

// RemoveAccountFromOrganization makes a member a standalone account.
func (s *Service) RemoveAccountFromOrganization(ctx context.Context, c *api.Caller, in *organizations.RemoveAccountFromOrganizationInput) (*organizations.RemoveAccountFromOrganizationOutput, error) {
	if err := want("AccountId", in.AccountId, accountPattern); err != nil {
		return nil, err
	}
	err := s.change(ctx, c, in, func(ctx context.Context, tx *state.Tx, o state.Organization) error {
		a, err := memberAccount(ctx, tx, o, *in.AccountId)
		if err != nil {
			return err
		}
		if err := mayLeave(ctx, tx, o, a); err != nil {
			return err
		}
		return s.leave(ctx, tx, o, a, removed)
	})
	if err != nil {
		return nil, err
	}
	return &organizations.RemoveAccountFromOrganizationOutput{}, nil
}

func accountShape(ctx context.Context, tx *state.Tx, o state.Organization, a state.Account) (*types.Account, error) {
	levels, err := tx.Levels(ctx, o, a.ParentID)
	if err != nil {
		return nil, err
	}
	return &types.Account{
		Id: aws.String(a.ID), Arn: aws.String(arnOf(o, a.ID)), Email: aws.String(a.Email), Name: aws.String(a.Name),
		Status: types.AccountStatus(a.Status), State: accountState(a), JoinedMethod: types.AccountJoinedMethod(a.JoinedMethod),
		JoinedTimestamp: a.JoinedAt.Ptr(), Paths: []string{o.OrganizationPath(levels) + a.ID + "/"},
	}, nil
}
