package state

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"runtime"
	"sync/atomic"
	"syscall"

	"github.com/pressly/goose/v3"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"strongroom/clock"
)

//go:embed migrations/*.sql migrations_logs/*.sql
var migrations embed.FS

var (
	// ErrNotFound says that the row asked for does not exist.
	ErrNotFound = errors.New("no such row")
	// ErrExists says that a row with the same unique name exists.
	ErrExists = errors.New("row exists")
	// ErrFull says that a change could not be written because no space is left on the disk. Nothing of it was, and it can be asked
	// for again. It is a [syscall.ENOSPC], as that of files is.
	ErrFull = fmt.Errorf("writing the state: %w", syscall.ENOSPC)
)

// DB is the open store. Its methods may be called at once.
type DB struct {
	path    string
	clock   clock.Clock
	writer  *sql.DB // one connection: SQLite has one writer, and waiting here is cheaper than SQLITE_BUSY
	readers *sql.DB

	// writing and reading are the prepared statements of the two pools.
	writing, reading *statements
	// principals counts the changes to what principals may do; see [DB.UpdatePrincipals].
	principals atomic.Uint64
	// keeper writes the catalogue's second copy; see [DB.KeepCatalogue].
	keeper  atomic.Pointer[CatalogueKeeper]
	noticed atomic.Int64 // the newest change of it that the keeper was told of
	awaited atomic.Int64 // the newest that was waited for
	// delivering has a token once a transaction with a new delivery has committed; see [DB.Delivering].
	delivering chan struct{}
}

// Tx is a transaction. Methods on it are spread over this package's files, a file a noun.
type Tx struct {
	sql        *sql.Tx
	statements *statements
	unprepared []string // statements to prepare afterwards
	delivers   bool     // a delivery was inserted
	committed  func()   // is called after the commit; may be nil
	// Now is the service's time when the transaction began, in microseconds as columns hold it.
	Now Micros
}

// SQL returns the underlying transaction, for inserting jobs into the queue.
func (tx *Tx) SQL() *sql.Tx { return tx.sql }

// Open opens or creates the SQLite database at path and brings its schema up to date.
func Open(ctx context.Context, path string, c clock.Clock) (*DB, error) {
	return open(ctx, path, "migrations", c)
}

// OpenLogs opens or creates the store of CloudWatch Logs at path. It is a database of its own, so that logging, however much,
// does not keep those waiting who write to the other one.
func OpenLogs(ctx context.Context, path string, c clock.Clock) (*DB, error) {
	return open(ctx, path, "migrations_logs", c)
}

func open(ctx context.Context, path, schema string, c clock.Clock) (*DB, error) {
	dsn := func(more url.Values) string {
		q := url.Values{"_pragma": {
			"busy_timeout(20000)", "journal_mode(WAL)", "synchronous(FULL)", "foreign_keys(1)", "cache_size(-32768)",
		}}
		for name, values := range more {
			q[name] = append(q[name], values...)
		}
		return "file:" + (&url.URL{Path: path}).EscapedPath() + "?" + q.Encode()
	}
	// Its owner alone reads it, and so the files that SQLite makes beside it, which take over its mode.
	file, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("opening %s: %w", path, err)
	}
	if err := errors.Join(file.Chmod(0o600), file.Close()); err != nil {
		return nil, fmt.Errorf("opening %s: %w", path, err)
	}
	writer, err := sql.Open("sqlite", dsn(url.Values{"_txlock": {"immediate"}, "_pragma": {"secure_delete(FAST)"}}))
	if err != nil {
		return nil, fmt.Errorf("opening %s: %w", path, err)
	}
	writer.SetMaxOpenConns(1)
	if err := migrate(ctx, writer, schema); err != nil {
		return nil, errors.Join(fmt.Errorf("migrating %s: %w", path, err), writer.Close())
	}
	readers, err := sql.Open("sqlite", dsn(url.Values{"_pragma": {"query_only(1)"}}))
	if err != nil {
		return nil, errors.Join(fmt.Errorf("opening %s: %w", path, err), writer.Close())
	}
	readers.SetMaxOpenConns(4 * runtime.GOMAXPROCS(0))
	readers.SetMaxIdleConns(4 * runtime.GOMAXPROCS(0))
	return &DB{
		path: path, clock: c, writer: writer, readers: readers, delivering: make(chan struct{}, 1),
		writing: &statements{pool: writer, all: map[string]*sql.Stmt{}}, reading: &statements{pool: readers, all: map[string]*sql.Stmt{}},
	}, nil
}

func migrate(ctx context.Context, db *sql.DB, schema string) error {
	files, err := fs.Sub(migrations, schema)
	if err != nil {
		return err
	}
	provider, err := goose.NewProvider(goose.DialectSQLite3, db, files)
	if err != nil {
		return err
	}
	_, err = provider.Up(ctx)
	return err
}

// Writer is the writing connection pool, for the job queue that lives in the same database.
func (db *DB) Writer() *sql.DB { return db.writer }

// Close closes the store.
func (db *DB) Close() error { return errors.Join(db.readers.Close(), db.writer.Close()) }

type inUpdate struct{}

// Update runs fn in a transaction that may write, commits it if fn returns nil and rolls it back otherwise. fn is run
// once. A nested Update would wait for itself for ever, so it panics.
//
// What it changes of the catalogue's vaults, recovery points, holds and keys is kept outside the database too when it returns; see
// [DB.KeepCatalogue]. That this may fail is no error: it is tried again.
func (db *DB) Update(ctx context.Context, fn func(ctx context.Context, tx *Tx) error) error {
	_, err := db.update(ctx, fn)
	return err
}

// update is Update, and tells apart what it could not keep.
func (db *DB) update(ctx context.Context, fn func(ctx context.Context, tx *Tx) error) (notKept, err error) {
	if ctx.Value(inUpdate{}) != nil {
		panic("state: Update inside Update")
	}
	inside := context.WithValue(ctx, inUpdate{}, true)
	keeper := db.keeper.Load()
	var before, newest, awaited int64
	err = run(inside, db.writing, db.clock, func(ctx context.Context, tx *Tx) (err error) {
		tx.committed = func() {
			if tx.delivers {
				select {
				case db.delivering <- struct{}{}:
				default: // somebody has been told, and has not looked yet
				}
			}
		}
		if err := fn(ctx, tx); err != nil || keeper == nil {
			return err
		}
		before = db.awaited.Load()
		newest, awaited, err = tx.newestCatalogueChanges(ctx)
		return err
	})
	if err != nil {
		return nil, err
	}
	if raise(&db.noticed, newest) {
		(*keeper).Changed()
	}
	if awaited <= before {
		return nil, nil
	}
	raise(&db.awaited, awaited)
	return (*keeper).Wait(ctx, before, awaited), nil
}

// raise makes a number at least n, and reports whether it was less.
func raise(number *atomic.Int64, n int64) bool {
	for {
		was := number.Load()
		if was >= n {
			return false
		}
		if number.CompareAndSwap(was, n) {
			return true
		}
	}
}

// Delivering yields a value once deliveries were inserted since the last.
func (db *DB) Delivering() <-chan struct{} { return db.delivering }

// View runs fn in a transaction that only reads and sees one snapshot.
func (db *DB) View(ctx context.Context, fn func(ctx context.Context, tx *Tx) error) error {
	return run(ctx, db.reading, db.clock, fn)
}

func run(ctx context.Context, on *statements, c clock.Clock, fn func(context.Context, *Tx) error) error {
	tx, err := on.pool.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("beginning a transaction: %w", translate(err))
	}
	t := &Tx{sql: tx, statements: on, Now: MicrosOf(c.Now())}
	defer func() {
		_ = tx.Rollback() // a no-op after Commit, and otherwise there is an error already
		on.prepare(ctx, t.unprepared)
	}()
	if err := fn(ctx, t); err != nil {
		return err
	}
	if err := tx.Commit(); err != nil {
		return fmt.Errorf("committing: %w", translate(err))
	}
	if t.committed != nil {
		t.committed()
	}
	return nil
}

// exec runs a statement and reports how many rows it touched.
func (tx *Tx) exec(ctx context.Context, query string, args ...any) (int64, error) {
	result, err := tx.execContext(ctx, query, args...)
	if err != nil {
		return 0, translate(err)
	}
	return result.RowsAffected()
}

// execOne runs a statement that must touch a row; [ErrNotFound] otherwise.
func (tx *Tx) execOne(ctx context.Context, query string, args ...any) error {
	n, err := tx.exec(ctx, query, args...)
	if err == nil && n == 0 {
		return ErrNotFound
	}
	return err
}

// scanner is what *sql.Row and *sql.Rows share.
type scanner interface{ Scan(dest ...any) error }

// queryOne reads one row with scan; [ErrNotFound] if there is none.
func queryOne[T any](ctx context.Context, tx *Tx, scan func(scanner) (T, error), query string, args ...any) (T, error) {
	v, err := scan(tx.queryRowContext(ctx, query, args...))
	return v, translate(err)
}

// queryAll reads all rows with scan.
func queryAll[T any](ctx context.Context, tx *Tx, scan func(scanner) (T, error), query string, args ...any) ([]T, error) {
	rows, err := tx.queryContext(ctx, query, args...)
	if err != nil {
		return nil, translate(err)
	}
	defer rows.Close() //nolint:errcheck // Err below tells
	var all []T
	for rows.Next() {
		v, err := scan(rows)
		if err != nil {
			return nil, translate(err)
		}
		all = append(all, v)
	}
	return all, translate(rows.Err())
}

// translate makes the driver's errors ours.
func translate(err error) error {
	if errors.Is(err, sql.ErrNoRows) {
		return ErrNotFound
	}
	var e *sqlite.Error
	if errors.As(err, &e) {
		switch e.Code() {
		case sqlite3.SQLITE_CONSTRAINT_UNIQUE, sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY:
			return fmt.Errorf("%w: %w", ErrExists, err)
		case sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR_SHMSIZE: // the latter where the index of the write-ahead log cannot grow
			return fmt.Errorf("%w: %w", ErrFull, err)
		}
	}
	return err
}
