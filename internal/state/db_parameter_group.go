package state

import "context"

// The kinds of DB parameter groups.
const (
	InstanceParameters = "instance"
	ClusterParameters  = "cluster"
)

// DBParameterGroup is a named set of parameters for the databases of a family of engines.
type DBParameterGroup struct {
	Kind        string                 `db:"kind"` // InstanceParameters, ClusterParameters
	AccountID   string                 `db:"account_id"`
	Region      string                 `db:"region"`
	Name        string                 `db:"name"`
	Family      string                 `db:"family"`
	Description string                 `db:"description"`
	Parameters  map[string]DBParameter `db:"parameters,json"` // that differ from the family's defaults
	Tags        map[string]string      `db:"tags,json"`
}

// DBParameter is a parameter's value as an account set it.
type DBParameter struct {
	Value       string
	ApplyMethod string // immediate, pending-reboot
}

// Values are the group's own values by the names of the parameters.
func (g DBParameterGroup) Values() map[string]string {
	values := map[string]string{}
	for name, p := range g.Parameters {
		values[name] = p.Value
	}
	return values
}

// InsertDBParameterGroup enters a group; [ErrExists] if its name is taken.
func (tx *Tx) InsertDBParameterGroup(ctx context.Context, g DBParameterGroup) error {
	return insertRow(ctx, tx, "db_parameter_groups", g)
}

// DBParameterGroup reads a group by name.
func (tx *Tx) DBParameterGroup(ctx context.Context, kind, accountID, region, name string) (DBParameterGroup, error) {
	return queryOne(ctx, tx, scanRow[DBParameterGroup], selectRow[DBParameterGroup]("db_parameter_groups")+`
		WHERE kind = $1 AND account_id = $2 AND region = $3 AND name = $4`, kind, accountID, region, name)
}

// DBParameterGroups lists an account's groups of a kind in a Region by name.
func (tx *Tx) DBParameterGroups(ctx context.Context, kind, accountID, region string) ([]DBParameterGroup, error) {
	return queryAll(ctx, tx, scanRow[DBParameterGroup], selectRow[DBParameterGroup]("db_parameter_groups")+`
		WHERE kind = $1 AND account_id = $2 AND region = $3 ORDER BY name`, kind, accountID, region)
}

// UpdateDBParameterGroup writes a group's parameters and tags; [ErrNotFound] if it is gone.
func (tx *Tx) UpdateDBParameterGroup(ctx context.Context, g DBParameterGroup) error {
	return tx.execOne(ctx, `UPDATE db_parameter_groups SET parameters = $1, tags = $2
		WHERE kind = $3 AND account_id = $4 AND region = $5 AND name = $6`,
		JSON[map[string]DBParameter]{g.Parameters}, JSON[map[string]string]{g.Tags}, g.Kind, g.AccountID, g.Region, g.Name)
}

// DeleteDBParameterGroup removes the row; [ErrNotFound] if there is none.
func (tx *Tx) DeleteDBParameterGroup(ctx context.Context, kind, accountID, region, name string) error {
	return tx.execOne(ctx, `DELETE FROM db_parameter_groups
		WHERE kind = $1 AND account_id = $2 AND region = $3 AND name = $4`, kind, accountID, region, name)
}
