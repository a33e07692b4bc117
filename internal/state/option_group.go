package state

import "context"

// OptionGroup is a named set of options for the databases of an engine's major version.
type OptionGroup struct {
	AccountID    string            `db:"account_id"`
	Region       string            `db:"region"`
	Name         string            `db:"name"`
	Engine       string            `db:"engine"`
	MajorVersion string            `db:"major_version"`
	Description  string            `db:"description"`
	Tags         map[string]string `db:"tags,json"`
	CreatedAt    Micros            `db:"created_at"`
}

// InsertOptionGroup enters a group as of now; [ErrExists] if its name is taken.
func (tx *Tx) InsertOptionGroup(ctx context.Context, g OptionGroup) (OptionGroup, error) {
	g.CreatedAt = tx.Now
	return g, insertRow(ctx, tx, "option_groups", g)
}

// OptionGroup reads a group by name.
func (tx *Tx) OptionGroup(ctx context.Context, accountID, region, name string) (OptionGroup, error) {
	return queryOne(ctx, tx, scanRow[OptionGroup], selectRow[OptionGroup]("option_groups")+`
		WHERE account_id = $1 AND region = $2 AND name = $3`, accountID, region, name)
}

// OptionGroups lists an account's groups in a Region by name.
func (tx *Tx) OptionGroups(ctx context.Context, accountID, region string) ([]OptionGroup, error) {
	return queryAll(ctx, tx, scanRow[OptionGroup], selectRow[OptionGroup]("option_groups")+`
		WHERE account_id = $1 AND region = $2 ORDER BY name`, accountID, region)
}

// SetOptionGroupTags replaces a group's tags; [ErrNotFound] if it is gone.
func (tx *Tx) SetOptionGroupTags(ctx context.Context, g OptionGroup, tags map[string]string) error {
	return tx.execOne(ctx, `UPDATE option_groups SET tags = $1 WHERE account_id = $2 AND region = $3 AND name = $4`,
		JSON[map[string]string]{tags}, g.AccountID, g.Region, g.Name)
}

// DeleteOptionGroup removes the row; [ErrNotFound] if there is none.
func (tx *Tx) DeleteOptionGroup(ctx context.Context, accountID, region, name string) error {
	return tx.execOne(ctx, `DELETE FROM option_groups WHERE account_id = $1 AND region = $2 AND name = $3`, accountID, region, name)
}
