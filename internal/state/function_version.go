package state

import "context"

// FunctionVersion is a version of a function.
type FunctionVersion struct {
	FunctionARN   string                `db:"function_arn"`
	Number        int64                 `db:"number"`      // 0: $LATEST
	CodeSHA256    string                `db:"code_sha256"` // in hexadecimal
	RevisionID    string                `db:"revision_id"`
	Configuration FunctionConfiguration `db:"configuration,json"`
	Environment   []byte                `db:"environment"` // sealed
}

// FunctionConfiguration is how a version runs.
type FunctionConfiguration struct {
	Description   string
	Handler       string
	Runtime       string
	Architecture  string
	Role          string
	MemorySize    int32 // MiB
	Timeout       int32 // seconds
	EphemeralSize int32 // MiB
	KMSKeyARN     string
	DeadLetterARN string
	LogGroup      string // "" for the function's own
	CodeSize      int64
	LastModified  Micros
}

// InsertFunctionVersion adds a version.
func (tx *Tx) InsertFunctionVersion(ctx context.Context, v FunctionVersion) error {
	return insertRow(ctx, tx, "function_versions", v)
}

// UpdateFunctionVersion writes a version's row; [ErrNotFound] if it is gone.
func (tx *Tx) UpdateFunctionVersion(ctx context.Context, v FunctionVersion) error {
	n, err := updateRow(ctx, tx, "function_versions", v, (&filter{}).add("function_arn = ?", v.FunctionARN).add("number = ?", v.Number))
	if err == nil && n == 0 {
		return ErrNotFound
	}
	return err
}

// DeleteFunctionVersion removes a version; [ErrNotFound] if it is gone.
func (tx *Tx) DeleteFunctionVersion(ctx context.Context, functionARN string, number int64) error {
	return tx.execOne(ctx, `DELETE FROM function_versions WHERE function_arn = $1 AND number = $2`, functionARN, number)
}

// FunctionVersion reads a version; [ErrNotFound] if there is none.
func (tx *Tx) FunctionVersion(ctx context.Context, functionARN string, number int64) (FunctionVersion, error) {
	return queryOne(ctx, tx, scanRow[FunctionVersion], selectRow[FunctionVersion]("function_versions")+`
		WHERE function_arn = $1 AND number = $2`, functionARN, number)
}

// FunctionVersions lists the versions of a function by number, from the first behind after.
func (tx *Tx) FunctionVersions(ctx context.Context, functionARN string, after int64, limit int) ([]FunctionVersion, error) {
	return queryAll(ctx, tx, scanRow[FunctionVersion], selectRow[FunctionVersion]("function_versions")+`
		WHERE function_arn = $1 AND number > $2 ORDER BY number LIMIT $3`, functionARN, after, limit)
}

// FunctionCodes lists the code that versions have, each once.
func (tx *Tx) FunctionCodes(ctx context.Context) ([]string, error) {
	return queryAll(ctx, tx, scanString, `SELECT DISTINCT code_sha256 FROM function_versions`)
}

// FunctionCode is how many functions an account has in a Region, and how much code their versions.
func (tx *Tx) FunctionCode(ctx context.Context, accountID, region string) (functions int, size int64, err error) {
	functions, err = queryOne(ctx, tx, scanCount, `SELECT COUNT(*) FROM functions WHERE account_id = $1 AND region = $2`, accountID, region)
	if err != nil {
		return 0, 0, err
	}
	versions, err := queryAll(ctx, tx, scanRow[FunctionVersion], selectRow[FunctionVersion]("function_versions")+`
		WHERE function_arn IN (SELECT arn FROM functions WHERE account_id = $1 AND region = $2)`, accountID, region)
	for _, v := range versions {
		size += v.Configuration.CodeSize
	}
	return functions, size, err
}
