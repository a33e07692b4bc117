package iam

import (
	"context"
	"errors"
	"net/http"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"strongroom/internal/api"
	"strongroom/internal/state"
)

// CreateLoginProfile gives a user a password.
func (s *Service) CreateLoginProfile(ctx context.Context, c *api.Caller, in *iam.CreateLoginProfileInput) (*iam.CreateLoginProfileOutput, error) {
	if in.Password == nil {
		return nil, api.Errorf("ValidationError", "1 validation error detected: Value null at 'password' failed to satisfy constraint: Member must not be null")
	}
	hash, err := s.hashPassword(ctx, *in.Password)
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

// UpdateLoginProfile gives a user another password, whatever the user makes of the old one meanwhile.
func (s *Service) UpdateLoginProfile(ctx context.Context, c *api.Caller, in *iam.UpdateLoginProfileInput) (*iam.UpdateLoginProfileOutput, error) {
	profile, err := s.loginProfile(ctx, c, in.UserName)
	if err != nil {
		return nil, err
	}
	hash := ""
	if in.Password != nil {
		if hash, err = s.newPassword(ctx, c, profile, *in.Password); err != nil {
			return nil, err
		}
	}
	err = s.changeProfile(ctx, c, in.UserName, func(now state.Micros, profile *state.LoginProfile) error {
		if hash != "" {
			replacePassword(profile, hash, now)
		}
		if in.PasswordResetRequired != nil {
			profile.ResetRequired = *in.PasswordResetRequired
		}
		return nil
	})
	if err != nil {
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

// ChangePassword changes the caller's own password, and a user has one change under way at a time: who holds a user's key
// and guesses the password has the guesses computed one after the other. A password that was replaced while the change was
// computed stays.
func (s *Service) ChangePassword(ctx context.Context, c *api.Caller, in *iam.ChangePasswordInput) (*iam.ChangePasswordOutput, error) {
	user := callerUser(c)
	if user == "" {
		return nil, api.Errorf("InvalidUserType", "Only IAM users can change their own passwords.")
	}
	key := [2]string{c.AccountID, user}
	if _, busy := s.passwords.changing.LoadOrStore(key, true); busy {
		return nil, api.Errorf("Throttling", "Rate exceeded")
	}
	defer s.passwords.changing.Delete(key)
	before, err := s.loginProfile(ctx, c, nil)
	if err != nil {
		return nil, err
	}
	right, err := s.isPassword(ctx, before.Hash, *in.OldPassword)
	if err != nil {
		return nil, err
	}
	if !right {
		return nil, api.Errorf("AccessDenied", "The old password was incorrect.").WithStatus(http.StatusForbidden)
	}
	hash, err := s.newPassword(ctx, c, before, *in.NewPassword)
	if err != nil {
		return nil, err
	}
	err = s.changeProfile(ctx, c, nil, func(now state.Micros, profile *state.LoginProfile) error {
		if profile.Hash != before.Hash {
			return api.Errorf("EntityTemporarilyUnmodifiable", "Login Profile for User %s is being modified. Please try again later.", user).
				WithStatus(http.StatusConflict)
		}
		replacePassword(profile, hash, now)
		profile.ResetRequired = false
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &iam.ChangePasswordOutput{}, nil
}

// newPassword is the hash of a password that the account's policy allows the user of the profile. Hashing takes long, so it
// is no part of a transaction that writes.
func (s *Service) newPassword(ctx context.Context, c *api.Caller, profile state.LoginProfile, password string) (string, error) {
	var policy state.PasswordPolicy
	err := s.DB.View(ctx, func(ctx context.Context, tx *state.Tx) (err error) {
		if policy, _, err = passwordPolicy(ctx, tx, c.AccountID); err != nil {
			return err
		}
		return s.checkNewPassword(ctx, tx, c, password)
	})
	if err != nil {
		return "", err
	}
	former := append([]string{profile.Hash}, profile.Former...)
	hash, used, err := s.hashUnlike(ctx, password, former[:min(len(former), int(policy.ReusePrevention))], profile.Hash)
	if err == nil && used {
		err = passwordViolation("Policy constraint violation with password reuse prevention during password change")
	}
	return hash, err
}

// replacePassword puts another hash into a profile.
func replacePassword(profile *state.LoginProfile, hash string, now state.Micros) {
	former := append([]string{profile.Hash}, profile.Former...)
	profile.Hash, profile.Former, profile.ChangedAt = hash, former[:min(len(former), maxFormerPasswords)], now
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

// changeProfile keeps what change makes of a user's profile as it is in the transaction that writes.
func (s *Service) changeProfile(ctx context.Context, c *api.Caller, name *string, change func(now state.Micros, profile *state.LoginProfile) error) error {
	return s.changeUser(ctx, c, name, func(ctx context.Context, tx *state.Tx, user *state.User) error {
		profile, err := tx.LoginProfile(ctx, c.AccountID, user.Name)
		if err != nil {
			return noSuchLogin(user.Name, err)
		}
		if err := change(tx.Now, &profile); err != nil {
			return err
		}
		return tx.UpdateLoginProfile(ctx, profile)
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
