package state

import "context"

// Function is a Lambda function.
type Function struct {
	ARN          string                         `db:"arn"`
	AccountID    string                         `db:"account_id"`
	Region       string                         `db:"region"`
	Name         string                         `db:"name"`
	Tags         map[string]string              `db:"tags,json"`
	Reserved     int64                          `db:"reserved"`           // concurrency; -1: none
	LastVersion  int64                          `db:"last_version"`       // 0: none was published
	Policies     map[string]FunctionPolicy      `db:"policies,json"`      // by qualifier; "" for the function
	EventConfigs map[string]FunctionEventConfig `db:"event_configs,json"` // by qualifier; "" for $LATEST
	CreatedAt    Micros                         `db:"created_at"`
}

// FunctionPolicy is a resource policy of a function.
type FunctionPolicy struct {
	Document   string
	RevisionID string
}

// FunctionEventConfig says what asynchronous invocations do.
type FunctionEventConfig struct {
	MaxAge       *int32 `json:",omitempty"` // seconds
	MaxRetries   *int32 `json:",omitempty"`
	OnSuccess    string `json:",omitempty"` // ARN
	OnFailure    string `json:",omitempty"` // ARN
	LastModified Micros
}

// InsertFunction adds a function; [ErrExists] if the name is taken.
func (tx *Tx) InsertFunction(ctx context.Context, f Function) error {
	return insertRow(ctx, tx, "functions", f)
}

// UpdateFunction writes a function's row; [ErrNotFound] if it is gone.
func (tx *Tx) UpdateFunction(ctx context.Context, f Function) error {
	n, err := updateRow(ctx, tx, "functions", f, (&filter{}).add("arn = ?", f.ARN))
	if err == nil && n == 0 {
		return ErrNotFound
	}
	return err
}

// DeleteFunction removes a function with its versions, aliases and events; [ErrNotFound] if it is gone.
func (tx *Tx) DeleteFunction(ctx context.Context, arn string) error {
	return tx.execOne(ctx, `DELETE FROM functions WHERE arn = $1`, arn)
}

// Function reads a function; [ErrNotFound] if there is none.
func (tx *Tx) Function(ctx context.Context, arn string) (Function, error) {
	return queryOne(ctx, tx, scanRow[Function], selectRow[Function]("functions")+`WHERE arn = $1`, arn)
}

// Functions lists the functions of an account and Region by name, at most limit of them (0: all) from the first behind after.
func (tx *Tx) Functions(ctx context.Context, accountID, region, after string, limit int) ([]Function, error) {
	if limit == 0 {
		limit = -1
	}
	return queryAll(ctx, tx, scanRow[Function], selectRow[Function]("functions")+`
		WHERE account_id = $1 AND region = $2 AND name > $3 ORDER BY name LIMIT $4`, accountID, region, after, limit)
}

// FunctionsReserved is the concurrency that the functions of an account and Region have reserved, but for one.
func (tx *Tx) FunctionsReserved(ctx context.Context, accountID, region, but string) (int, error) {
	return queryOne(ctx, tx, scanCount, `
		SELECT COALESCE(SUM(reserved), 0) FROM functions WHERE account_id = $1 AND region = $2 AND arn <> $3 AND reserved > 0`, accountID, region, but)
}
