package state

import (
	"context"
	"strings"
)

// InstanceProfile hands a role to EC2 instances.
type InstanceProfile struct {
	AccountID string            `db:"account_id"`
	Name      string            `db:"name"`
	NameKey   string            `db:"name_key"`
	ID        string            `db:"id"` // AIPA…
	Path      string            `db:"path"`
	RoleName  string            `db:"role_name"` // empty for none
	Tags      map[string]string `db:"tags,json"`
	CreatedAt Micros            `db:"created_at"`
}

// ARN is the profile's name in policies.
func (p InstanceProfile) ARN() string {
	return "arn:aws:iam::" + p.AccountID + ":instance-profile" + p.Path + p.Name
}

// InstanceProfile reads one profile.
func (tx *Tx) InstanceProfile(ctx context.Context, accountID, name string) (InstanceProfile, error) {
	return queryOne(ctx, tx, scanRow[InstanceProfile], selectRow[InstanceProfile]("instance_profiles")+
		"WHERE account_id = $1 AND name = $2", accountID, name)
}

// InstanceProfiles lists at most limit profiles by name whose path begins with prefix and whose name comes behind after.
func (tx *Tx) InstanceProfiles(ctx context.Context, accountID, prefix, after string, limit int) ([]InstanceProfile, error) {
	return queryAll(ctx, tx, scanRow[InstanceProfile], selectRow[InstanceProfile]("instance_profiles")+
		`WHERE account_id = $1 AND substr(path, 1, length($2)) = $2 AND name > $3 ORDER BY name LIMIT $4`, accountID, prefix, after, limit)
}

// InstanceProfilesOfRole lists the profiles that hold a role by name.
func (tx *Tx) InstanceProfilesOfRole(ctx context.Context, accountID, role string) ([]InstanceProfile, error) {
	return queryAll(ctx, tx, scanRow[InstanceProfile], selectRow[InstanceProfile]("instance_profiles")+
		`WHERE account_id = $1 AND role_name = $2 ORDER BY name`, accountID, role)
}

// InsertInstanceProfile adds a profile; [ErrExists] if one of that name exists, be it in other letter case.
func (tx *Tx) InsertInstanceProfile(ctx context.Context, p InstanceProfile) error {
	p.NameKey = strings.ToLower(p.Name)
	return insertRow(ctx, tx, "instance_profiles", p)
}

// UpdateInstanceProfile writes what can change of a profile: its role and tags.
func (tx *Tx) UpdateInstanceProfile(ctx context.Context, p InstanceProfile) error {
	return tx.execOne(ctx, `UPDATE instance_profiles SET role_name = $3, tags = $4 WHERE account_id = $1 AND name = $2`,
		p.AccountID, p.Name, p.RoleName, JSON[map[string]string]{p.Tags})
}

// DeleteInstanceProfile removes a profile.
func (tx *Tx) DeleteInstanceProfile(ctx context.Context, accountID, name string) error {
	return tx.execOne(ctx, `DELETE FROM instance_profiles WHERE account_id = $1 AND name = $2`, accountID, name)
}
