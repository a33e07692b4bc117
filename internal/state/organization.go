package state

import (
	"context"
	"fmt"
	"strings"
)

// Organization is a management account with the accounts it has gathered.
type Organization struct {
	ID                  string // o-…
	ManagementAccountID string
	RootID              string // r-…
	FeatureSet          string // ALL or CONSOLIDATED_BILLING
	CreatedAt           Micros
}

func scanOrganization(s scanner) (o Organization, err error) {
	err = s.Scan(&o.ID, &o.ManagementAccountID, &o.RootID, &o.FeatureSet, &o.CreatedAt)
	return o, err
}

// Organization reads one organization.
func (tx *Tx) Organization(ctx context.Context, id string) (Organization, error) {
	return queryOne(ctx, tx, scanOrganization, `SELECT id, management_account_id, root_id, feature_set, created_at
		FROM organizations WHERE id = $1`, id)
}

// OrganizationOfAccount reads the organization that the account is in; [ErrNotFound] for a standalone or unknown one.
func (tx *Tx) OrganizationOfAccount(ctx context.Context, accountID string) (Organization, error) {
	return queryOne(ctx, tx, scanOrganization, `SELECT o.id, o.management_account_id, o.root_id, o.feature_set, o.created_at
		FROM organizations o JOIN accounts a ON a.organization_id = o.id WHERE a.id = $1`, accountID)
}

// InsertOrganization adds an organization; [ErrExists] if the id or the management account is taken.
func (tx *Tx) InsertOrganization(ctx context.Context, o Organization) error {
	_, err := tx.exec(ctx, `INSERT INTO organizations (id, management_account_id, root_id, feature_set, created_at)
		VALUES ($1, $2, $3, $4, $5)`, o.ID, o.ManagementAccountID, o.RootID, o.FeatureSet, o.CreatedAt)
	return err
}

// SetFeatureSet changes what an organization can.
func (tx *Tx) SetFeatureSet(ctx context.Context, id, featureSet string) error {
	return tx.execOne(ctx, `UPDATE organizations SET feature_set = $2 WHERE id = $1`, id, featureSet)
}

// DeleteOrganization removes an organization with everything that belongs to it except its accounts.
func (tx *Tx) DeleteOrganization(ctx context.Context, id string) error {
	for _, table := range []string{
		"organizational_units", "create_account_requests", "handshakes", "organization_service_access", "organization_service_access_periods", "organization_tags",
		"organization_policy_attachments", "organization_policy_types", "organization_policies", "organization_policy_changes",
		"delegated_administrators", "organization_resource_policies",
	} {
		if _, err := tx.exec(ctx, `DELETE FROM `+table+` WHERE organization_id = $1`, id); err != nil {
			return err
		}
	}
	return tx.execOne(ctx, `DELETE FROM organizations WHERE id = $1`, id)
}

// OrganizationLevels names what lies between the root of an account's organization and the account: the root first, then
// organizational units, outermost first. [ErrNotFound] for a standalone account.
func (tx *Tx) OrganizationLevels(ctx context.Context, accountID string) (Organization, []string, error) {
	o, err := tx.OrganizationOfAccount(ctx, accountID)
	if err != nil {
		return o, nil, err
	}
	a, err := tx.Account(ctx, accountID)
	if err != nil {
		return o, nil, err
	}
	levels, err := tx.Levels(ctx, o, a.ParentID)
	return o, levels, err
}

// Levels names a root or organizational unit and everything above it, the root first.
func (tx *Tx) Levels(ctx context.Context, o Organization, id string) ([]string, error) {
	var levels []string
	for id != o.RootID {
		unit, err := tx.OrganizationalUnit(ctx, o.ID, id)
		if err != nil {
			return nil, fmt.Errorf("walking up from %s: %w", id, err)
		}
		levels = append([]string{id}, levels...)
		id = unit.ParentID
	}
	return append([]string{o.RootID}, levels...), nil
}

// OrganizationPath is how aws:PrincipalOrgPaths writes the place of an account: o-…/r-…/ou-…/.
func (o Organization) OrganizationPath(levels []string) string {
	return o.ID + "/" + strings.Join(levels, "/") + "/"
}

// OrganizationalUnit is a folder of accounts.
type OrganizationalUnit struct {
	ID             string // ou-…
	OrganizationID string
	ParentID       string // the root or another unit
	Name           string
	CreatedAt      Micros
}

const unitColumns = `id, organization_id, parent_id, name, created_at`

func scanUnit(s scanner) (u OrganizationalUnit, err error) {
	err = s.Scan(&u.ID, &u.OrganizationID, &u.ParentID, &u.Name, &u.CreatedAt)
	return u, err
}

// OrganizationalUnit reads one unit of an organization.
func (tx *Tx) OrganizationalUnit(ctx context.Context, organizationID, id string) (OrganizationalUnit, error) {
	return queryOne(ctx, tx, scanUnit, `SELECT `+unitColumns+` FROM organizational_units
		WHERE organization_id = $1 AND id = $2`, organizationID, id)
}

// OrganizationalUnits lists the units directly in a root or unit by name.
func (tx *Tx) OrganizationalUnits(ctx context.Context, organizationID, parentID string) ([]OrganizationalUnit, error) {
	return queryAll(ctx, tx, scanUnit, `SELECT `+unitColumns+` FROM organizational_units
		WHERE organization_id = $1 AND parent_id = $2 ORDER BY name`, organizationID, parentID)
}

// AllOrganizationalUnits lists the units of an organization by id.
func (tx *Tx) AllOrganizationalUnits(ctx context.Context, organizationID string) ([]OrganizationalUnit, error) {
	return queryAll(ctx, tx, scanUnit, `SELECT `+unitColumns+` FROM organizational_units WHERE organization_id = $1 ORDER BY id`, organizationID)
}

// CountOrganizationalUnits counts the units of an organization.
func (tx *Tx) CountOrganizationalUnits(ctx context.Context, organizationID string) (int, error) {
	return queryOne(ctx, tx, scanCount, `SELECT COUNT(*) FROM organizational_units WHERE organization_id = $1`, organizationID)
}

// InsertOrganizationalUnit adds a unit; [ErrExists] if its parent has one of that name.
func (tx *Tx) InsertOrganizationalUnit(ctx context.Context, u OrganizationalUnit) error {
	_, err := tx.exec(ctx, `INSERT INTO organizational_units (`+unitColumns+`) VALUES ($1, $2, $3, $4, $5)`,
		u.ID, u.OrganizationID, u.ParentID, u.Name, u.CreatedAt)
	return err
}

// RenameOrganizationalUnit changes its name; [ErrExists] if its parent has one of that name.
func (tx *Tx) RenameOrganizationalUnit(ctx context.Context, organizationID, id, name string) error {
	return tx.execOne(ctx, `UPDATE organizational_units SET name = $3 WHERE organization_id = $1 AND id = $2`, organizationID, id, name)
}

// DeleteOrganizationalUnit removes a unit, which the caller has found to be empty.
func (tx *Tx) DeleteOrganizationalUnit(ctx context.Context, organizationID, id string) error {
	return tx.execOne(ctx, `DELETE FROM organizational_units WHERE organization_id = $1 AND id = $2`, organizationID, id)
}

// DeleteOrganizationTags forgets the tags of what is gone.
func (tx *Tx) DeleteOrganizationTags(ctx context.Context, organizationID, resourceID string) error {
	_, err := tx.exec(ctx, `DELETE FROM organization_tags WHERE organization_id = $1 AND resource_id = $2`, organizationID, resourceID)
	return err
}

// OrganizationTags reads the tags of an account, unit, root or policy; none if it was never tagged.
func (tx *Tx) OrganizationTags(ctx context.Context, organizationID, resourceID string) (map[string]string, error) {
	all, err := queryAll(ctx, tx, func(s scanner) (tags JSON[map[string]string], err error) {
		err = s.Scan(&tags)
		return tags, err
	}, `SELECT tags FROM organization_tags WHERE organization_id = $1 AND resource_id = $2`, organizationID, resourceID)
	if err != nil || len(all) == 0 {
		return map[string]string{}, err
	}
	return all[0].V, nil
}

// PutOrganizationTags replaces them.
func (tx *Tx) PutOrganizationTags(ctx context.Context, organizationID, resourceID string, tags map[string]string) error {
	_, err := tx.exec(ctx, `INSERT INTO organization_tags (organization_id, resource_id, tags) VALUES ($1, $2, $3)
		ON CONFLICT (organization_id, resource_id) DO UPDATE SET tags = excluded.tags`, organizationID, resourceID, JSON[map[string]string]{tags})
	return err
}
