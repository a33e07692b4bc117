package iam

import (
	"context"
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"strongroom/internal/api"
	"strongroom/internal/state"
)

// Passwords are kept as PBKDF2 over SHA-256 with a salt of each, "rounds$salt$hash", the last two in base64.
const (
	passwordRounds = 600_000 // as OWASP advises
	passwordSalt   = 16
	// secretRounds is for passwords made here, which nobody can guess.
	secretRounds = 1
)

func hashPassword(password string, rounds int) (string, error) {
	salt := make([]byte, passwordSalt)
	_, _ = rand.Read(salt) // never fails
	return hashWith(password, salt, rounds)
}

func hashWith(password string, salt []byte, rounds int) (string, error) {
	hash, err := pbkdf2.Key(sha256.New, password, salt, rounds, sha256.Size)
	if err != nil {
		return "", fmt.Errorf("hashing a password: %w", err)
	}
	return fmt.Sprintf("%d$%s$%s", rounds, base64.StdEncoding.EncodeToString(salt), base64.StdEncoding.EncodeToString(hash)), nil
}

// isPassword reports whether hash was made of the password.
func isPassword(hash, password string) (bool, error) {
	parts := strings.Split(hash, "$")
	const fields = 3
	if len(parts) != fields {
		return false, fmt.Errorf("the hash of a password has %d parts", len(parts))
	}
	rounds, err := strconv.Atoi(parts[0])
	if err != nil {
		return false, fmt.Errorf("reading the rounds of a password: %w", err)
	}
	salt, err := base64.StdEncoding.DecodeString(parts[1])
	if err != nil {
		return false, fmt.Errorf("reading the salt of a password: %w", err)
	}
	again, err := hashWith(password, salt, rounds)
	return subtle.ConstantTimeCompare([]byte(hash), []byte(again)) == 1, err
}

// CreateLoginProfile gives a user a password.
func (s *Service) CreateLoginProfile(ctx context.Context, c *api.Caller, in *iam.CreateLoginProfileInput) (*iam.CreateLoginProfileOutput, error) {
	if in.Password == nil {
		return nil, api.Errorf("ValidationError", "1 validation error detected: Value null at 'password' failed to satisfy constraint: Member must not be null")
	}
	hash, err := hashPassword(*in.Password, s.PasswordRounds)
	if err != nil {
		return nil, err
	}
	var profile state.LoginProfile
	err = s.changeUser(ctx, c, in.UserName, func(ctx context.Context, tx *state.Tx, user *state.User) error {
		if err := s.checkNewPassword(ctx, tx, c, *in.Password); err != nil {
			return err
		}
		profile = state.LoginProfile{
			AccountID: c.AccountID, UserName: user.Name, Hash: hash, Former: []string{}, ResetRequired: in.PasswordResetRequired,
			CreatedAt: tx.Now, ChangedAt: tx.Now,
		}
		err := tx.InsertLoginProfile(ctx, profile)
		if errors.Is(err, state.ErrExists) {
			return alreadyExists("Login Profile for user %s already exists.", user.Name)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return &iam.CreateLoginProfileOutput{LoginProfile: loginShape(profile)}, nil
}

// GetLoginProfile tells that and since when a user has a password.
func (s *Service) GetLoginProfile(ctx context.Context, c *api.Caller, in *iam.GetLoginProfileInput) (*iam.GetLoginProfileOutput, error) {
	profile, err := s.loginProfile(ctx, c, in.UserName)
	if err != nil {
		return nil, err
	}
	return &iam.GetLoginProfileOutput{LoginProfile: loginShape(profile)}, nil
}

// UpdateLoginProfile gives a user another password.
func (s *Service) UpdateLoginProfile(ctx context.Context, c *api.Caller, in *iam.UpdateLoginProfileInput) (*iam.UpdateLoginProfileOutput, error) {
	profile, err := s.loginProfile(ctx, c, in.UserName)
	if err != nil {
		return nil, err
	}
	if in.Password != nil {
		if err := s.setPassword(ctx, c, &profile, *in.Password); err != nil {
			return nil, err
		}
	}
	if in.PasswordResetRequired != nil {
		profile.ResetRequired = *in.PasswordResetRequired
	}
	if err := s.keepProfile(ctx, c, profile, in.Password != nil); err != nil {
		return nil, err
	}
	return &iam.UpdateLoginProfileOutput{}, nil
}

// DeleteLoginProfile takes the password away.
func (s *Service) DeleteLoginProfile(ctx context.Context, c *api.Caller, in *iam.DeleteLoginProfileInput) (*iam.DeleteLoginProfileOutput, error) {
	err := s.changeUser(ctx, c, in.UserName, func(ctx context.Context, tx *state.Tx, user *state.User) error {
		return noSuchLogin(user.Name, tx.DeleteLoginProfile(ctx, c.AccountID, user.Name))
	})
	if err != nil {
		return nil, err
	}
	return &iam.DeleteLoginProfileOutput{}, nil
}

// changePasswordAccess asks for nothing where the account lets its users change their passwords.
func (s *Service) changePasswordAccess(ctx context.Context, c *api.Caller, _ *iam.ChangePasswordInput) ([]api.Access, error) {
	var policy state.PasswordPolicy
	about := "*"
	err := s.DB.View(ctx, func(ctx context.Context, tx *state.Tx) (err error) {
		if policy, _, err = passwordPolicy(ctx, tx, c.AccountID); err != nil || callerUser(c) == "" {
			return err
		}
		about = c.ARN
		return nil
	})
	if err != nil || policy.UsersMayChange && callerUser(c) != "" {
		return nil, err
	}
	return []api.Access{{Action: "iam:ChangePassword", Resource: about}}, nil
}

// ChangePassword changes the caller's own password.
func (s *Service) ChangePassword(ctx context.Context, c *api.Caller, in *iam.ChangePasswordInput) (*iam.ChangePasswordOutput, error) {
	if callerUser(c) == "" {
		return nil, api.Errorf("InvalidUserType", "Only IAM users can change their own passwords.")
	}
	profile, err := s.loginProfile(ctx, c, nil)
	if err != nil {
		return nil, err
	}
	right, err := isPassword(profile.Hash, *in.OldPassword)
	if err != nil {
		return nil, err
	}
	if !right {
		return nil, api.Errorf("AccessDenied", "The old password was incorrect.").WithStatus(http.StatusForbidden)
	}
	if err := s.setPassword(ctx, c, &profile, *in.NewPassword); err != nil {
		return nil, err
	}
	profile.ResetRequired = false
	if err := s.keepProfile(ctx, c, profile, true); err != nil {
		return nil, err
	}
	return &iam.ChangePasswordOutput{}, nil
}

// setPassword puts a password that the account's policy allows into the profile. It compares with former ones, which
// takes long, so it is no part of a transaction that writes.
func (s *Service) setPassword(ctx context.Context, c *api.Caller, profile *state.LoginProfile, password string) error {
	var policy state.PasswordPolicy
	err := s.DB.View(ctx, func(ctx context.Context, tx *state.Tx) (err error) {
		if policy, _, err = passwordPolicy(ctx, tx, c.AccountID); err != nil {
			return err
		}
		return s.checkNewPassword(ctx, tx, c, password)
	})
	if err != nil {
		return err
	}
	former := append([]string{profile.Hash}, profile.Former...)
	for i, hash := range former {
		if i >= int(policy.ReusePrevention) {
			break
		}
		used, err := isPassword(hash, password)
		if err != nil {
			return err
		}
		if used {
			return passwordViolation("Policy constraint violation with password reuse prevention during password change")
		}
	}
	profile.Former = former[:min(len(former), maxFormerPasswords)]
	profile.Hash, err = hashPassword(password, s.PasswordRounds)
	return err
}

// maxFormerPasswords is the most that a password policy can forbid.
const maxFormerPasswords = 24

func (s *Service) checkNewPassword(ctx context.Context, tx *state.Tx, c *api.Caller, password string) error {
	policy, custom, err := passwordPolicy(ctx, tx, c.AccountID)
	if err != nil {
		return err
	}
	return checkPassword(policy, custom, password)
}

func (s *Service) keepProfile(ctx context.Context, c *api.Caller, profile state.LoginProfile, changed bool) error {
	return s.DB.UpdatePrincipals(ctx, func(ctx context.Context, tx *state.Tx) error {
		if changed {
			profile.ChangedAt = tx.Now
		}
		return noSuchLogin(profile.UserName, tx.UpdateLoginProfile(ctx, profile))
	})
}

func (s *Service) loginProfile(ctx context.Context, c *api.Caller, name *string) (profile state.LoginProfile, err error) {
	err = s.DB.View(ctx, func(ctx context.Context, tx *state.Tx) error {
		user, err := findUser(ctx, tx, c, name)
		if err != nil {
			return err
		}
		profile, err = tx.LoginProfile(ctx, c.AccountID, user.Name)
		return noSuchLogin(user.Name, err)
	})
	return profile, err
}

func noSuchLogin(user string, err error) error {
	if errors.Is(err, state.ErrNotFound) {
		return noSuchEntity("Login Profile for User %s cannot be found.", user)
	}
	return err
}

func loginShape(p state.LoginProfile) *types.LoginProfile {
	return &types.LoginProfile{UserName: aws.String(p.UserName), CreateDate: seconds(p.CreatedAt), PasswordResetRequired: p.ResetRequired}
}
