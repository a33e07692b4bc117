package mariadb_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/go-sql-driver/mysql"

	"strongroom/internal/dbengine"
	"strongroom/internal/dbengine/dbenginetest"
	"strongroom/internal/dbengine/mariadb"
	"strongroom/internal/porttest"
)

var engine = mariadb.New()

func TestMain(m *testing.M) { dbenginetest.Main(m, engine) }

func TestEngine(t *testing.T) {
	t.Parallel()
	dbenginetest.Run(t, &dbenginetest.Subject{
		Engine: engine, Users: []string{"mysql"}, Database: "shop",
		Open: func(ctx context.Context, s dbengine.Settings) (dbenginetest.Ledger, error) { return open(ctx, s) },
		BadParameters: map[string]string{
			"no_such_parameter": "1", "innodb_buffer_pool_size": "1X", "wait_timeout": "-1", "time_zone": "Mars", "collation_server": "klingon", "sql_mode": "NO_SUCH_MODE", "character_set_server": "klingon",
			"plugin_load_add": "file_key_management", "loose-datadir": "/", "skip_grant_table": "1", "bad name": "1",
		},
		GoodParameter: dbenginetest.Parameter{Name: "max_allowed_packet", Value: "33554432"},
		Damage:        func(s dbengine.Settings) error { return os.Truncate(s.Path("data", "ibdata1"), 100<<10) },
		Unreadable:    "data/ibdata1",
	})
}

// ledger is kept over TLS, which clients of AWS ask for.
type ledger struct{ *sql.DB }

func open(ctx context.Context, s dbengine.Settings) (ledger, error) {
	config := mysql.NewConfig()
	config.Net, config.Addr = "tcp", net.JoinHostPort(s.Address, strconv.Itoa(s.Port))
	config.User, config.Passwd, config.DBName = s.MasterUsername, s.MasterPassword, s.Database
	config.TLSConfig, config.Logger = "skip-verify", log.New(io.Discard, "", 0) // connections are cut on purpose
	connector, err := mysql.NewConnector(config)
	if err != nil {
		return ledger{}, err
	}
	db := sql.OpenDB(connector)
	db.SetMaxOpenConns(1)
	if err := db.PingContext(ctx); err != nil {
		return ledger{}, errors.Join(err, db.Close())
	}
	return ledger{db}, nil
}

// Create makes tables as TPC-B has them: what is moved between accounts is noted, and counted by teller and branch. Each transfer draws
// a number last, which puts all in the order of their commits.
func (l ledger) Create(ctx context.Context) error {
	for _, statement := range []string{
		"CREATE TABLE account (id int PRIMARY KEY, balance int NOT NULL, moves int NOT NULL) ENGINE=InnoDB",
		"CREATE TABLE teller (id int PRIMARY KEY, balance bigint NOT NULL) ENGINE=InnoDB",
		"CREATE TABLE branch (id int PRIMARY KEY, balance bigint NOT NULL) ENGINE=InnoDB",
		"CREATE TABLE note (n int PRIMARY KEY, delta int NOT NULL, number bigint NOT NULL UNIQUE, padding varchar(200) NOT NULL) ENGINE=InnoDB",
		"CREATE TABLE counter (number bigint NOT NULL) ENGINE=InnoDB",
		fmt.Sprintf("INSERT INTO account SELECT seq, 0, 0 FROM seq_0_to_%d", accounts-1),
		fmt.Sprintf("INSERT INTO teller SELECT seq, 0 FROM seq_0_to_%d", tellers-1),
		fmt.Sprintf("INSERT INTO branch SELECT seq, 0 FROM seq_0_to_%d", branches-1),
		"INSERT INTO counter VALUES (0)",
	} {
		if _, err := l.ExecContext(ctx, statement); err != nil {
			return err
		}
	}
	return nil
}

const accounts, tellers, branches = 20, 10, 3

func (l ledger) Transfer(ctx context.Context, n int) error {
	from, to := n%accounts, (n*7+1)%accounts
	if from == to {
		to = (to + 1) % accounts
	}
	tx, err := l.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }()
	delta := n%1000 + 1
	// In the order of their numbers, so that two transfers do not wait for each other.
	for _, id := range []int{min(from, to), max(from, to)} {
		amount, moves := delta, 0
		if id == from {
			amount, moves = -amount, 1
		}
		if _, err := tx.ExecContext(ctx, "UPDATE account SET balance = balance + ?, moves = moves + ? WHERE id = ?", amount, moves, id); err != nil {
			return err
		}
	}
	for _, change := range []struct {
		statement string
		args      []any
	}{
		{"UPDATE teller SET balance = balance + ? WHERE id = ?", []any{delta, n % tellers}},
		{"UPDATE branch SET balance = balance + ? WHERE id = ?", []any{delta, n % branches}},
		{"UPDATE counter SET number = last_insert_id(number + 1)", nil},
		{"INSERT INTO note VALUES (?, ?, last_insert_id(), repeat('x', 200))", []any{n, delta}},
	} {
		if _, err := tx.ExecContext(ctx, change.statement, change.args...); err != nil {
			return err
		}
	}
	return tx.Commit()
}

// Read fails if the tables do not agree, as if a transfer were there by half, or if the numbers that the transfers drew have a gap:
// whatever was committed before one that is there is there as well.
func (l ledger) Read(ctx context.Context) (c dbenginetest.Contents, err error) {
	c.Notes = map[int]bool{}
	if err := l.QueryRowContext(ctx, "SELECT sum(balance), sum(moves) FROM account").Scan(&c.Sum, &c.Moved); err != nil {
		return c, err
	}
	var teller, branch, note, notes, first, last, counted int64
	err = l.QueryRowContext(ctx, `SELECT (SELECT sum(balance) FROM teller), (SELECT sum(balance) FROM branch), (SELECT coalesce(sum(delta), 0) FROM note),
		(SELECT count(*) FROM note), (SELECT coalesce(min(number), 1) FROM note), (SELECT coalesce(max(number), 0) FROM note), (SELECT number FROM counter)`).
		Scan(&teller, &branch, &note, &notes, &first, &last, &counted)
	if err != nil {
		return c, err
	}
	if teller != note || branch != note || first != 1 || last != notes || counted != notes {
		return c, fmt.Errorf("the notes sum up to %d, the tellers to %d, the branches to %d; there are %d notes, from number %d to %d of %d", note, teller, branch, notes, first, last, counted)
	}
	rows, err := l.QueryContext(ctx, "SELECT n FROM note")
	if err != nil {
		return c, err
	}
	defer rows.Close()
	for rows.Next() {
		var n int
		if err := rows.Scan(&n); err != nil {
			return c, err
		}
		c.Notes[n] = true
	}
	return c, rows.Err()
}

func (l ledger) Show(ctx context.Context, name string) (value string, err error) {
	err = l.QueryRowContext(ctx, "SELECT variable_value FROM information_schema.global_variables WHERE variable_name = ?", name).Scan(&value)
	return value, err
}

// TestMasterIsNoSuperuser: the master user does what administrators do, and reads and writes no files of the host.
func TestMasterIsNoSuperuser(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	s := dbengine.Settings{
		Dir: t.TempDir(), Address: "127.0.0.1", Port: porttest.One(t),
		MasterUsername: `o'brien\`, MasterPassword: "password", Database: "shop", User: dbengine.DefaultUser("mysql"),
	}
	if err := engine.Init(ctx, s); err != nil {
		t.Fatal(err)
	}
	srv, err := engine.Start(ctx, s)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = srv.Stop(context.Background()) })
	l, err := open(ctx, s)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	for _, statement := range []string{
		"CREATE DATABASE another", "CREATE USER clerk IDENTIFIED BY 'x'", "GRANT SELECT ON another.* TO clerk", "CREATE TABLE t (a int)",
		"CREATE PROCEDURE p() SELECT 1", "CREATE EVENT e ON SCHEDULE EVERY 1 DAY DO SELECT 1", "SHOW PROCESSLIST", "FLUSH TABLES",
	} {
		if _, err := l.ExecContext(ctx, statement); err != nil {
			t.Errorf("%s: %v", statement, err)
		}
	}
	for _, statement := range []string{
		"SELECT 1 INTO OUTFILE '/tmp/outfile'", "LOAD DATA INFILE '/etc/passwd' INTO TABLE t", "SET GLOBAL general_log = 1", "GRANT FILE ON *.* TO clerk",
		"GRANT SUPER ON *.* TO clerk", "SET GLOBAL secure_file_priv = ''", "SHUTDOWN",
	} {
		if _, err := l.ExecContext(ctx, statement); err == nil {
			t.Errorf("the master user may: %s", statement)
		}
	}
	var read sql.NullString
	if err := l.QueryRowContext(ctx, "SELECT load_file('/etc/passwd')").Scan(&read); err != nil || read.Valid {
		t.Errorf("load_file says %q, %v", read.String, err)
	}
	for _, name := range []string{"rdsadmin", "root", "mysql", ""} {
		own := s
		own.MasterUsername, own.MasterPassword = name, ""
		if l, err := open(ctx, own); err == nil {
			_ = l.Close()
			t.Errorf("%q enters over TCP without a password", name)
		}
	}
	contained(t, s)
	accountDropped(t, s, srv)
}

// contained: a master user that gave itself all privileges reads, writes and loads nothing but the database's own.
func contained(t *testing.T, s dbengine.Settings) {
	t.Helper()
	ctx := t.Context()
	l, err := open(ctx, s)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	for _, statement := range []string{
		"UPDATE mysql.global_priv SET priv = json_set(priv, '$.access', 18446744073709551615) WHERE host = '%'", "FLUSH PRIVILEGES",
	} {
		if _, err := l.ExecContext(ctx, statement); err != nil {
			t.Fatalf("%s: %v", statement, err)
		}
	}
	if l, err = open(ctx, s); err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if _, err := l.ExecContext(ctx, "SET GLOBAL slow_query_log = 0"); err != nil {
		t.Fatalf("the test is to have all privileges: %v", err)
	}
	outside := filepath.Join(os.TempDir(), "outside-"+strconv.Itoa(s.Port))
	t.Cleanup(func() { _ = os.Remove(outside) })
	for _, statement := range []string{
		"SELECT 1 INTO OUTFILE '" + outside + "'", "SELECT 1 INTO DUMPFILE '" + s.Path("files", "x") + "'", "SELECT 1 INTO DUMPFILE '" + s.Path("plugins", "x.so") + "'",
		"SELECT 1 INTO OUTFILE '" + s.Path("x") + "'", "LOAD DATA INFILE '/etc/passwd' INTO TABLE shop.t", "INSTALL SONAME 'auth_ed25519'", "INSTALL SONAME 'server_audit'",
		"CREATE FUNCTION sys_exec RETURNS INTEGER SONAME 'x.so'", "SET GLOBAL plugin_dir = '/tmp'", "SET GLOBAL secure_file_priv = '/'",
	} {
		if _, err := l.ExecContext(ctx, statement); err == nil {
			t.Errorf("with all privileges, this is possible: %s", statement)
		}
	}
	if os.Geteuid() == 0 { // an ordinary user's server is that user
		for _, path := range []string{outside, s.Path("log", "mine"), s.Path("mine"), s.Path("plugins", "mine")} {
			_, _ = l.ExecContext(ctx, "SET GLOBAL general_log_file = '"+path+"'")
			_, _ = l.ExecContext(ctx, "SET GLOBAL general_log = 1")
			_, _ = l.ExecContext(ctx, "SELECT 1")
			_, _ = l.ExecContext(ctx, "SET GLOBAL general_log = 0")
			if _, err := os.Lstat(path); err == nil {
				t.Errorf("%s was written", path)
			}
		}
	}
}

// accountDropped: a master user that drops the engine's own account has the server end, and the next start makes the account again.
func accountDropped(t *testing.T, s dbengine.Settings, srv dbengine.Server) {
	t.Helper()
	ctx := t.Context()
	l, err := open(ctx, s)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := l.ExecContext(ctx, "DROP USER rdsadmin@localhost"); err != nil {
		t.Fatal(err)
	}
	_ = l.Close()
	if err := srv.SetMasterPassword(ctx, s.MasterPassword); err == nil {
		t.Error("the password was set by an account that is gone")
	}
	select {
	case <-srv.Done():
	default:
		t.Fatal("it still runs, without its account")
	}
	if srv, err = engine.Start(ctx, s); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = srv.Stop(context.Background()) })
	if err := srv.SetMasterPassword(ctx, s.MasterPassword); err != nil {
		t.Errorf("setting the password after the start: %v", err)
	}
}

// TestNotesMissing: a backup that lost what mariadb-backup noted is not taken for one that is ready.
func TestNotesMissing(t *testing.T) {
	t.Parallel()
	s := dbengine.Settings{Dir: t.TempDir(), Address: "127.0.0.1", Port: porttest.One(t), User: dbengine.DefaultUser("mysql")}
	if err := os.Mkdir(s.Path("data"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(s.Path("data", "ibdata1"), []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	var why *dbengine.StartError
	if err := engine.Restored(t.Context(), s); !errors.As(err, &why) || why.Reason != dbengine.ReasonDamaged || !strings.Contains(why.Detail, "notes") {
		t.Errorf("restoring says %v", err)
	}
}
