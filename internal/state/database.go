package state

import "context"

// Database is what stands behind a DB instance or a DB cluster: a data directory and a server process of this host.
type Database struct {
	ID             string            `db:"id"` // DbiResourceId or DbClusterResourceId
	AccountID      string            `db:"account_id"`
	Region         string            `db:"region"`
	Engine         string            `db:"engine"` // as RDS names it
	EngineVersion  string            `db:"engine_version"`
	Port           int64             `db:"port"` // on the host
	MasterUsername string            `db:"master_username"`
	Password       []byte            `db:"password"` // of the master user, wrapped by the root key
	PasswordDue    bool              `db:"password_due"`
	Name           string            `db:"name"`
	KeyARN         string            `db:"key_arn"` // empty for one that is not encrypted
	WrappedKey     []byte            `db:"wrapped_key"`
	GrantID        string            `db:"grant_id"`
	Parameters     map[string]string `db:"parameters,json"` // by the engine's names, from the next start on
	Phase          string            `db:"phase"`           // what there is of it: DatabaseNew, DatabaseFilling, DatabaseReady
	Source         ArchivePoint      `db:"source,json"`     // what it is filled from
	Wanted         string            `db:"wanted"`          // DatabaseRunning, DatabaseStopped, DatabaseDeleted
	Restart        bool              `db:"restart"`
	FinalSnapshot  string            `db:"final_snapshot"`
	Status         string            `db:"status"` // in RDS's words
	Message        string            `db:"message"`
	CreatedAt      Micros            `db:"created_at"`
}

// The phases of a database.
const (
	DatabaseNew     = "new"     // its directory is to be made
	DatabaseFilling = "filling" // its directory is to be filled from a point
	DatabaseReady   = "ready"
)

// What a database is wanted to be.
const (
	DatabaseRunning = "running"
	DatabaseStopped = "stopped"
	DatabaseDeleted = "deleted"
)

// ArchivePoint names a point in the archives.
type ArchivePoint struct {
	Region    string // of the archive
	AccountID string
	Vault     string // backup vault; empty for the archive of RDS's own snapshots
	KeyARN    string // of the sealing domain; empty for the service's own
	Point     string
}

// InsertDatabase enters a database; [ErrExists] if its id or its port is taken.
func (tx *Tx) InsertDatabase(ctx context.Context, d Database) error {
	return insertRow(ctx, tx, "databases", d)
}

// Database reads a database by id, whosever it is.
func (tx *Tx) Database(ctx context.Context, id string) (Database, error) {
	return queryOne(ctx, tx, scanRow[Database], selectRow[Database]("databases")+`WHERE id = $1`, id)
}

// Databases lists an account's databases in a Region by id.
func (tx *Tx) Databases(ctx context.Context, accountID, region string) ([]Database, error) {
	return queryAll(ctx, tx, scanRow[Database], selectRow[Database]("databases")+`
		WHERE account_id = $1 AND region = $2 ORDER BY id`, accountID, region)
}

// AllDatabases lists the databases of all accounts, the oldest first.
func (tx *Tx) AllDatabases(ctx context.Context) ([]Database, error) {
	return queryAll(ctx, tx, scanRow[Database], selectRow[Database]("databases")+`ORDER BY created_at, id`)
}

// SetDatabaseStatus tells what a database is, as long as it is wanted to be what it was.
func (tx *Tx) SetDatabaseStatus(ctx context.Context, id, wanted, status, message string) error {
	return tx.execOne(ctx, `UPDATE databases SET status = $1, message = $2 WHERE id = $3 AND wanted = $4`, status, message, id, wanted)
}

// SetDatabasesStarting says of all databases that ran when the server ended that they are being started.
func (tx *Tx) SetDatabasesStarting(ctx context.Context) error {
	_, err := tx.exec(ctx, `UPDATE databases SET status = 'starting' WHERE status = 'available' AND wanted = 'running'`)
	return err
}

// SetDatabaseWanted says what a database is to be from now on, and tells users so by a status.
func (tx *Tx) SetDatabaseWanted(ctx context.Context, id, wanted, status string) error {
	return tx.execOne(ctx, `UPDATE databases SET wanted = $1, status = $2, message = '' WHERE id = $3`, wanted, status, id)
}

// SetDatabasePhase notes what there is of a database.
func (tx *Tx) SetDatabasePhase(ctx context.Context, id, phase string) error {
	return tx.execOne(ctx, `UPDATE databases SET phase = $1 WHERE id = $2`, phase, id)
}

// SetDatabaseRestart asks for a restart, or notes that there was one.
func (tx *Tx) SetDatabaseRestart(ctx context.Context, id string, restart bool) error {
	return tx.execOne(ctx, `UPDATE databases SET restart = $1 WHERE id = $2`, restart, id)
}

// SetDatabasePassword replaces the master user's password, which the database is to be told.
func (tx *Tx) SetDatabasePassword(ctx context.Context, id string, wrapped []byte) error {
	return tx.execOne(ctx, `UPDATE databases SET password = $1, password_due = TRUE WHERE id = $2`, wrapped, id)
}

// SetDatabasePasswordTold notes that the database was told the password it has; nothing if that has changed meanwhile.
func (tx *Tx) SetDatabasePasswordTold(ctx context.Context, id string, wrapped []byte) error {
	_, err := tx.exec(ctx, `UPDATE databases SET password_due = FALSE WHERE id = $1 AND password = $2`, id, wrapped)
	return err
}

// SetDatabaseParameters replaces the parameters that a database has from its next start on.
func (tx *Tx) SetDatabaseParameters(ctx context.Context, id string, parameters map[string]string) error {
	return tx.execOne(ctx, `UPDATE databases SET parameters = $1 WHERE id = $2`, JSON[map[string]string]{parameters}, id)
}

// SetDatabaseFinalSnapshot names the snapshot that deleting waits for; "" for none.
func (tx *Tx) SetDatabaseFinalSnapshot(ctx context.Context, id, snapshot string) error {
	return tx.execOne(ctx, `UPDATE databases SET final_snapshot = $1 WHERE id = $2`, snapshot, id)
}

// SetDatabasePort gives a database another port; [ErrExists] if it is taken.
func (tx *Tx) SetDatabasePort(ctx context.Context, id string, port int64) error {
	return tx.execOne(ctx, `UPDATE databases SET port = $1 WHERE id = $2`, port, id)
}

// SetDatabaseVersion notes which version of the engine runs it.
func (tx *Tx) SetDatabaseVersion(ctx context.Context, id, version string) error {
	return tx.execOne(ctx, `UPDATE databases SET engine_version = $1 WHERE id = $2`, version, id)
}

// DeleteDatabase removes the row.
func (tx *Tx) DeleteDatabase(ctx context.Context, id string) error {
	return tx.execOne(ctx, `DELETE FROM databases WHERE id = $1`, id)
}
