package state

import "context"

// LoginProfile is a user's password.
type LoginProfile struct {
	AccountID     string   `db:"account_id"`
	UserName      string   `db:"user_name"`
	Hash          string   `db:"hash"`
	Former        []string `db:"former,json"` // hashes of passwords before, newest first
	ResetRequired bool     `db:"reset_required"`
	CreatedAt     Micros   `db:"created_at"`
	ChangedAt     Micros   `db:"changed_at"`
}

// LoginProfile reads a user's.
func (tx *Tx) LoginProfile(ctx context.Context, accountID, user string) (LoginProfile, error) {
	return queryOne(ctx, tx, scanRow[LoginProfile], selectRow[LoginProfile]("login_profiles")+
		"WHERE account_id = $1 AND user_name = $2", accountID, user)
}

// InsertLoginProfile gives a user a password; [ErrExists] if there is one.
func (tx *Tx) InsertLoginProfile(ctx context.Context, p LoginProfile) error {
	return insertRow(ctx, tx, "login_profiles", p)
}

// UpdateLoginProfile writes a user's profile.
func (tx *Tx) UpdateLoginProfile(ctx context.Context, p LoginProfile) error {
	n, err := updateRow(ctx, tx, "login_profiles", p, new(filter).add("account_id = ?", p.AccountID).add("user_name = ?", p.UserName))
	if err == nil && n == 0 {
		return ErrNotFound
	}
	return err
}

// DeleteLoginProfile takes a user's password away.
func (tx *Tx) DeleteLoginProfile(ctx context.Context, accountID, user string) error {
	return tx.execOne(ctx, `DELETE FROM login_profiles WHERE account_id = $1 AND user_name = $2`, accountID, user)
}

// PasswordPolicy is what an account demands of passwords.
type PasswordPolicy struct {
	MinimumLength   int32 `json:"minimumLength"`
	Symbols         bool  `json:"symbols"`
	Numbers         bool  `json:"numbers"`
	Uppercase       bool  `json:"uppercase"`
	Lowercase       bool  `json:"lowercase"`
	UsersMayChange  bool  `json:"usersMayChange"`
	MaxAgeDays      int32 `json:"maxAgeDays"`      // 0: passwords do not expire
	ReusePrevention int32 `json:"reusePrevention"` // how many former passwords may not be used again
	HardExpiry      *bool `json:"hardExpiry,omitempty"`
}

// PasswordPolicy reads an account's; [ErrNotFound] if it has none of its own.
func (tx *Tx) PasswordPolicy(ctx context.Context, accountID string) (PasswordPolicy, error) {
	return queryOne(ctx, tx, func(s scanner) (PasswordPolicy, error) {
		var p JSON[PasswordPolicy]
		err := s.Scan(&p)
		return p.V, err
	}, `SELECT policy FROM password_policies WHERE account_id = $1`, accountID)
}

// PutPasswordPolicy sets an account's.
func (tx *Tx) PutPasswordPolicy(ctx context.Context, accountID string, p PasswordPolicy) error {
	_, err := tx.exec(ctx, `INSERT INTO password_policies (account_id, policy) VALUES ($1, $2)
		ON CONFLICT (account_id) DO UPDATE SET policy = excluded.policy`, accountID, JSON[PasswordPolicy]{p})
	return err
}

// DeletePasswordPolicy returns an account to the default.
func (tx *Tx) DeletePasswordPolicy(ctx context.Context, accountID string) error {
	return tx.execOne(ctx, `DELETE FROM password_policies WHERE account_id = $1`, accountID)
}
