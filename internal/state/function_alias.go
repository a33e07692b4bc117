package state

import "context"

// FunctionAlias is a name for a version of a function.
type FunctionAlias struct {
	FunctionARN string             `db:"function_arn"`
	Name        string             `db:"name"`
	Version     string             `db:"version"`
	Weights     map[string]float64 `db:"weights,json"` // shares of another version
	Description string             `db:"description"`
	RevisionID  string             `db:"revision_id"`
}

// InsertFunctionAlias adds an alias; [ErrExists] if the name is taken.
func (tx *Tx) InsertFunctionAlias(ctx context.Context, a FunctionAlias) error {
	return insertRow(ctx, tx, "function_aliases", a)
}

// UpdateFunctionAlias writes an alias's row; [ErrNotFound] if it is gone.
func (tx *Tx) UpdateFunctionAlias(ctx context.Context, a FunctionAlias) error {
	n, err := updateRow(ctx, tx, "function_aliases", a, (&filter{}).add("function_arn = ?", a.FunctionARN).add("name = ?", a.Name))
	if err == nil && n == 0 {
		return ErrNotFound
	}
	return err
}

// DeleteFunctionAlias removes an alias; [ErrNotFound] if it is gone.
func (tx *Tx) DeleteFunctionAlias(ctx context.Context, functionARN, name string) error {
	return tx.execOne(ctx, `DELETE FROM function_aliases WHERE function_arn = $1 AND name = $2`, functionARN, name)
}

// FunctionAlias reads an alias; [ErrNotFound] if there is none.
func (tx *Tx) FunctionAlias(ctx context.Context, functionARN, name string) (FunctionAlias, error) {
	return queryOne(ctx, tx, scanRow[FunctionAlias], selectRow[FunctionAlias]("function_aliases")+`
		WHERE function_arn = $1 AND name = $2`, functionARN, name)
}

// FunctionAliases lists the aliases of a function by name, from the first behind after.
func (tx *Tx) FunctionAliases(ctx context.Context, functionARN, after string, limit int) ([]FunctionAlias, error) {
	return queryAll(ctx, tx, scanRow[FunctionAlias], selectRow[FunctionAlias]("function_aliases")+`
		WHERE function_arn = $1 AND name > $2 ORDER BY name LIMIT $3`, functionARN, after, limit)
}
