package state

import "context"

// UpdatePrincipals is [DB.Update] for changes that decide what principals may do: accounts, organizations, users, keys,
// roles and policies. Whoever caches those compares [DB.PrincipalGeneration], which a committed change moves before
// UpdatePrincipals returns.
func (db *DB) UpdatePrincipals(ctx context.Context, fn func(ctx context.Context, tx *Tx) error) error {
	defer db.principals.Add(1)
	return db.Update(ctx, fn)
}

// PrincipalGeneration counts the calls of [DB.UpdatePrincipals] in this process. What was read after it returned n is
// current while it still returns n.
func (db *DB) PrincipalGeneration() uint64 { return db.principals.Load() }

// PrincipalCounts are the numbers that iam:GetAccountSummary shows.
type PrincipalCounts struct {
	Users, Groups, Roles, Policies, PolicyVersions, InstanceProfiles, MFADevices, MFADevicesInUse, Aliases int
}

// PrincipalCounts counts what an account has.
func (tx *Tx) PrincipalCounts(ctx context.Context, accountID string) (PrincipalCounts, error) {
	return queryOne(ctx, tx, func(s scanner) (c PrincipalCounts, err error) {
		err = s.Scan(&c.Users, &c.Groups, &c.Roles, &c.Policies, &c.PolicyVersions, &c.InstanceProfiles, &c.MFADevices, &c.MFADevicesInUse, &c.Aliases)
		return c, err
	}, `SELECT (SELECT count(*) FROM users WHERE account_id = $1), (SELECT count(*) FROM user_groups WHERE account_id = $1),
		(SELECT count(*) FROM roles WHERE account_id = $1), (SELECT count(*) FROM policies WHERE account_id = $1),
		(SELECT count(*) FROM policy_versions v JOIN policies p ON p.arn = v.policy_arn WHERE p.account_id = $1),
		(SELECT count(*) FROM instance_profiles WHERE account_id = $1), (SELECT count(*) FROM mfa_devices WHERE account_id = $1),
		(SELECT count(*) FROM mfa_devices WHERE account_id = $1 AND user_name IS NOT NULL),
		(SELECT count(*) FROM account_aliases WHERE account_id = $1)`, accountID)
}
