package iam

import (
	"cmp"
	"context"
	"errors"
	"strings"
	"unicode/utf8"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"strongroom/internal/api"
	"strongroom/internal/state"
)

// UpdateAccountPasswordPolicy sets the whole policy: what is left out takes its default.
func (s *Service) UpdateAccountPasswordPolicy(ctx context.Context, c *api.Caller, in *iam.UpdateAccountPasswordPolicyInput) (*iam.UpdateAccountPasswordPolicyOutput, error) {
	policy := state.PasswordPolicy{
		MinimumLength: cmp.Or(aws.ToInt32(in.MinimumPasswordLength), 6),
		Symbols:       in.RequireSymbols, Numbers: in.RequireNumbers,
		Uppercase: in.RequireUppercaseCharacters, Lowercase: in.RequireLowercaseCharacters, UsersMayChange: in.AllowUsersToChangePassword,
		MaxAgeDays: aws.ToInt32(in.MaxPasswordAge), ReusePrevention: aws.ToInt32(in.PasswordReusePrevention), HardExpiry: in.HardExpiry,
	}
	err := s.DB.UpdatePrincipals(ctx, func(ctx context.Context, tx *state.Tx) error {
		return tx.PutPasswordPolicy(ctx, c.AccountID, policy)
	})
	if err != nil {
		return nil, err
	}
	return &iam.UpdateAccountPasswordPolicyOutput{}, nil
}

// GetAccountPasswordPolicy shows the policy that the account set.
func (s *Service) GetAccountPasswordPolicy(ctx context.Context, c *api.Caller, _ *iam.GetAccountPasswordPolicyInput) (*iam.GetAccountPasswordPolicyOutput, error) {
	var p state.PasswordPolicy
	err := s.DB.View(ctx, func(ctx context.Context, tx *state.Tx) (err error) {
		p, err = tx.PasswordPolicy(ctx, c.AccountID)
		return noSuchPasswordPolicy(c, err)
	})
	if err != nil {
		return nil, err
	}
	shape := &types.PasswordPolicy{
		MinimumPasswordLength: aws.Int32(p.MinimumLength), RequireSymbols: p.Symbols, RequireNumbers: p.Numbers,
		RequireUppercaseCharacters: p.Uppercase, RequireLowercaseCharacters: p.Lowercase,
		AllowUsersToChangePassword: p.UsersMayChange, ExpirePasswords: p.MaxAgeDays > 0, HardExpiry: p.HardExpiry,
	}
	if p.MaxAgeDays > 0 {
		shape.MaxPasswordAge = aws.Int32(p.MaxAgeDays)
	}
	if p.ReusePrevention > 0 {
		shape.PasswordReusePrevention = aws.Int32(p.ReusePrevention)
	}
	return &iam.GetAccountPasswordPolicyOutput{PasswordPolicy: shape}, nil
}

// DeleteAccountPasswordPolicy returns the account to the default.
func (s *Service) DeleteAccountPasswordPolicy(ctx context.Context, c *api.Caller, _ *iam.DeleteAccountPasswordPolicyInput) (*iam.DeleteAccountPasswordPolicyOutput, error) {
	err := s.DB.UpdatePrincipals(ctx, func(ctx context.Context, tx *state.Tx) error {
		return noSuchPasswordPolicy(c, tx.DeletePasswordPolicy(ctx, c.AccountID))
	})
	if err != nil {
		return nil, err
	}
	return &iam.DeleteAccountPasswordPolicyOutput{}, nil
}

func noSuchPasswordPolicy(c *api.Caller, err error) error {
	if errors.Is(err, state.ErrNotFound) {
		return noSuchEntity("The Password Policy with domain name %s cannot be found.", c.AccountID)
	}
	return err
}

// passwordPolicy is the policy in force, the default where the account has set none, and whether it set one.
func passwordPolicy(ctx context.Context, tx *state.Tx, accountID string) (state.PasswordPolicy, bool, error) {
	p, err := tx.PasswordPolicy(ctx, accountID)
	if errors.Is(err, state.ErrNotFound) {
		return state.PasswordPolicy{MinimumLength: 8}, false, nil
	}
	return p, err == nil, err
}

// passwordSymbols are the characters that count as symbols:
// https://docs.aws.amazon.com/IAM/latest/UserGuide/id_credentials_passwords_account-policy.html
const passwordSymbols = "!@#$%^&*()_+-=[]{}|'"

// checkPassword refuses a password that the policy does not allow. Where the account set no policy, the password needs
// three of the four kinds of characters.
func checkPassword(p state.PasswordPolicy, custom bool, password string) error {
	const digits, lower, upper = "0123456789", "abcdefghijklmnopqrstuvwxyz", "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	kinds := 0
	missing := ""
	for _, kind := range []struct {
		letters, name string
		required      bool
	}{
		{upper, "uppercase letter", p.Uppercase},
		{lower, "lowercase letter", p.Lowercase},
		{digits, "number", p.Numbers},
		{passwordSymbols, "symbol", p.Symbols},
	} {
		if strings.ContainsAny(password, kind.letters) {
			kinds++
		} else if kind.required && missing == "" {
			missing = kind.name
		}
	}
	switch {
	case utf8.RuneCountInString(password) < int(p.MinimumLength):
		return passwordViolation("Password should have a minimum length of %d", p.MinimumLength)
	case missing != "":
		return passwordViolation("Password should have at least one %s", missing)
	case !custom && kinds < 3:
		return passwordViolation("Password should have at least three of: uppercase letters, lowercase letters, numbers, symbols")
	}
	return nil
}

func passwordViolation(format string, args ...any) error {
	return api.Errorf("PasswordPolicyViolation", format, args...)
}
