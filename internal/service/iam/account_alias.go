package iam

import (
	"context"
	"errors"
	"regexp"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"

	"strongroom/internal/api"
	"strongroom/internal/state"
)

// aliasPattern is what an alias looks like: it becomes a part of a host name.
var aliasPattern = regexp.MustCompile(`^[a-z0-9](-?[a-z0-9])+$`)

// CreateAccountAlias gives the account a name that no other has, in place of one it had.
func (s *Service) CreateAccountAlias(ctx context.Context, c *api.Caller, in *iam.CreateAccountAliasInput) (*iam.CreateAccountAliasOutput, error) {
	if !aliasPattern.MatchString(*in.AccountAlias) {
		var k constraints
		k.add("accountAlias", *in.AccountAlias, `satisfy regular expression pattern: ^[a-z0-9]([a-z0-9]|-(?!-)){1,61}[a-z0-9]$`)
		return nil, k.err()
	}
	err := s.DB.UpdatePrincipals(ctx, func(ctx context.Context, tx *state.Tx) error {
		err := tx.PutAccountAlias(ctx, c.AccountID, *in.AccountAlias)
		if errors.Is(err, state.ErrExists) {
			return alreadyExists("The account alias %s already exists.", *in.AccountAlias)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return &iam.CreateAccountAliasOutput{}, nil
}

// ListAccountAliases shows the account's alias, if it has one.
func (s *Service) ListAccountAliases(ctx context.Context, c *api.Caller, _ *iam.ListAccountAliasesInput) (*iam.ListAccountAliasesOutput, error) {
	out := &iam.ListAccountAliasesOutput{AccountAliases: []string{}}
	err := s.DB.View(ctx, func(ctx context.Context, tx *state.Tx) error {
		alias, err := tx.AccountAlias(ctx, c.AccountID)
		if errors.Is(err, state.ErrNotFound) {
			return nil
		}
		out.AccountAliases = append(out.AccountAliases, alias)
		return err
	})
	return out, err
}

// DeleteAccountAlias takes the alias away.
func (s *Service) DeleteAccountAlias(ctx context.Context, c *api.Caller, in *iam.DeleteAccountAliasInput) (*iam.DeleteAccountAliasOutput, error) {
	err := s.DB.UpdatePrincipals(ctx, func(ctx context.Context, tx *state.Tx) error {
		err := tx.DeleteAccountAlias(ctx, c.AccountID, *in.AccountAlias)
		if errors.Is(err, state.ErrNotFound) {
			return noSuchEntity("The account alias with name %s cannot be found.", aws.ToString(in.AccountAlias))
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return &iam.DeleteAccountAliasOutput{}, nil
}
