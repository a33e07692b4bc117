package state

import "context"

// DBSubnetGroup is a named set of subnets that databases may lie in.
type DBSubnetGroup struct {
	AccountID   string            `db:"account_id"`
	Region      string            `db:"region"`
	Name        string            `db:"name"`
	Description string            `db:"description"`
	Subnets     []string          `db:"subnets,json"`
	Tags        map[string]string `db:"tags,json"`
}

// InsertDBSubnetGroup enters a group; [ErrExists] if its name is taken.
func (tx *Tx) InsertDBSubnetGroup(ctx context.Context, g DBSubnetGroup) error {
	return insertRow(ctx, tx, "db_subnet_groups", g)
}

// DBSubnetGroup reads a group by name.
func (tx *Tx) DBSubnetGroup(ctx context.Context, accountID, region, name string) (DBSubnetGroup, error) {
	return queryOne(ctx, tx, scanRow[DBSubnetGroup], selectRow[DBSubnetGroup]("db_subnet_groups")+`
		WHERE account_id = $1 AND region = $2 AND name = $3`, accountID, region, name)
}

// DBSubnetGroups lists an account's groups in a Region by name.
func (tx *Tx) DBSubnetGroups(ctx context.Context, accountID, region string) ([]DBSubnetGroup, error) {
	return queryAll(ctx, tx, scanRow[DBSubnetGroup], selectRow[DBSubnetGroup]("db_subnet_groups")+`
		WHERE account_id = $1 AND region = $2 ORDER BY name`, accountID, region)
}

// UpdateDBSubnetGroup writes a group's description, subnets and tags; [ErrNotFound] if it is gone.
func (tx *Tx) UpdateDBSubnetGroup(ctx context.Context, g DBSubnetGroup) error {
	return tx.execOne(ctx, `UPDATE db_subnet_groups SET description = $1, subnets = $2, tags = $3
		WHERE account_id = $4 AND region = $5 AND name = $6`,
		g.Description, JSON[[]string]{g.Subnets}, JSON[map[string]string]{g.Tags}, g.AccountID, g.Region, g.Name)
}

// DeleteDBSubnetGroup removes the row; [ErrNotFound] if there is none.
func (tx *Tx) DeleteDBSubnetGroup(ctx context.Context, accountID, region, name string) error {
	return tx.execOne(ctx, `DELETE FROM db_subnet_groups WHERE account_id = $1 AND region = $2 AND name = $3`, accountID, region, name)
}
