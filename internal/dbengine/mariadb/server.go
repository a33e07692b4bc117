package mariadb

import (
	"context"
	"crypto/sha1" //nolint:gosec // the protocol's
	"database/sql"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/go-sql-driver/mysql"

	"strongroom/internal/dbengine"
)

// Server is a running MariaDB.
type Server struct {
	*dbengine.Process
	s        dbengine.Settings
	password string // of the engine's own account
	lost     sync.Once
}

var _ dbengine.Server = (*Server)(nil)

// MariaDB's error codes.
const (
	accessDenied       = 1045
	tooManyConnections = 1040
	hostBlocked        = 1129
)

// quiet drops what the driver would print of connections that fail: the error says it.
var quiet = log.New(io.Discard, "", 0)

// asSuperuser runs statements over the socket.
func (srv *Server) asSuperuser(ctx context.Context, statements ...string) error {
	config := mysql.NewConfig()
	config.Net, config.Addr = "unix", "mariadb.sock"
	config.User, config.Passwd = superuser, srv.password
	config.Timeout, config.Logger = 10*time.Second, quiet
	config.DialFunc = func(ctx context.Context, _, addr string) (net.Conn, error) {
		return dbengine.DialSocket(ctx, srv.s.Path("run"), addr)
	}
	return srv.remade(run(ctx, config, append([]string{"SET SESSION sql_mode = ''"}, statements...)))
}

// remade ends the server if it failed because the engine's own account was dropped or robbed of privileges, which the master user
// can do. Whoever keeps the server starts it again, and the start makes the account anew.
func (srv *Server) remade(err error) error {
	var answer *mysql.MySQLError
	var failed *dbengine.ToolError
	if errors.As(err, &answer) && slices.Contains(accountErrors, answer.Number) || errors.As(err, &failed) && accountLost.MatchString(failed.Output) {
		srv.lost.Do(func() { _ = srv.giveUp(nil) })
		return fmt.Errorf("the database starts again, as its account %s was changed: %w", superuser, err)
	}
	return err
}

// accountErrors are MariaDB's error codes for who may not enter, and for who may not do something.
var accountErrors = []uint16{1044, accessDenied, 1130, 1142, 1227, 1698}

var accountLost = regexp.MustCompile(`Access denied|is not allowed to connect|Error: missing required privilege`)

// run executes statements on one connection.
func run(ctx context.Context, config *mysql.Config, statements []string) error {
	connector, err := mysql.NewConnector(config)
	if err != nil {
		return err
	}
	db := sql.OpenDB(connector)
	defer func() { _ = db.Close() }()
	c, err := db.Conn(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = c.Close() }()
	for _, statement := range statements {
		if _, err := c.ExecContext(ctx, statement); err != nil {
			return err
		}
	}
	return nil
}

// ready says whether the database takes connections. Those that it has no room for are a sign of life as well.
func (srv *Server) ready(ctx context.Context) (bool, error) {
	err := srv.asSuperuser(ctx, "SELECT 1")
	var answer *mysql.MySQLError
	switch {
	case err == nil:
		return true, nil
	case errors.As(err, &answer) && answer.Number == tooManyConnections:
		return true, nil
	case errors.As(err, &answer):
		return false, &dbengine.StartError{Reason: dbengine.ReasonDamaged, Detail: answer.Message}
	}
	return false, ctx.Err()
}

// Ping implements [dbengine.Server].
func (srv *Server) Ping(ctx context.Context) error {
	config := mysql.NewConfig()
	config.Net, config.Addr = "tcp", net.JoinHostPort(srv.s.Address, strconv.Itoa(srv.s.Port))
	config.User, config.Passwd, config.Logger = srv.s.MasterUsername, srv.s.MasterPassword, quiet
	err := run(ctx, config, []string{"SELECT 1"})
	var answer *mysql.MySQLError
	switch {
	case errors.As(err, &answer) && answer.Number == accessDenied:
		return dbengine.ErrWrongPassword
	case err != nil:
		return fmt.Errorf("connecting to %s: %w", config.Addr, err)
	}
	return nil
}

// Stop implements [dbengine.Server]: clients are cut off, their transactions rolled back.
func (srv *Server) Stop(ctx context.Context) error { return srv.Process.Stop(ctx, syscall.SIGTERM) }

// giveUp ends a server that could not be made what it was to be.
func (srv *Server) giveUp(err error) error {
	_ = srv.Kill()
	return err
}

// SetMasterPassword implements [dbengine.Server]. A master user that was dropped, or lost privileges, gets them back.
func (srv *Server) SetMasterPassword(ctx context.Context, password string) error {
	if err := srv.asSuperuser(ctx, master(srv.s, password)...); err != nil {
		return fmt.Errorf("setting the master user's password: %w", err)
	}
	return nil
}

// masterPrivileges are those of the master user of Amazon RDS for MariaDB:
// https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/UsingWithRDS.MasterAccounts.html.
const masterPrivileges = `SELECT, INSERT, UPDATE, DELETE, CREATE, DROP, RELOAD, PROCESS, REFERENCES, INDEX, ALTER, SHOW DATABASES,
	CREATE TEMPORARY TABLES, LOCK TABLES, EXECUTE, REPLICATION CLIENT, CREATE VIEW, SHOW VIEW, CREATE ROUTINE, ALTER ROUTINE,
	CREATE USER, EVENT, TRIGGER, REPLICATION SLAVE`

// master are the statements that make the master user what it is at the beginning, with a password.
func master(s dbengine.Settings, password string) []string {
	account := quote(s.MasterUsername) + "@'%'"
	return []string{
		"CREATE USER IF NOT EXISTS " + account,
		"ALTER USER " + account + " IDENTIFIED BY PASSWORD '" + nativeHash(password) + "' ACCOUNT UNLOCK",
		"GRANT " + masterPrivileges + " ON *.* TO " + account + " WITH GRANT OPTION",
	}
}

// nativeHash is what MariaDB keeps of a password for mysql_native_password. Made here, the password itself is in no statement,
// and so in no log.
func nativeHash(password string) string {
	once := sha1.Sum([]byte(password)) //nolint:gosec // the protocol's
	twice := sha1.Sum(once[:])         //nolint:gosec // the protocol's
	return fmt.Sprintf("*%X", twice)
}

func quote(text string) string {
	return "'" + strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(text) + "'"
}

// Size implements [dbengine.Server].
func (srv *Server) Size(context.Context) (int64, error) { return dbengine.TreeSize(srv.s.Path("data")) }

// upgrade makes the system tables those of the installed version, where the data is of an older one: the host's packages were
// upgraded, or the data comes from another host.
func (srv *Server) upgrade(ctx context.Context) error {
	var was string
	for _, name := range []string{"mariadb_upgrade_info", "mysql_upgrade_info"} {
		if text, err := srv.s.ReadFile(srv.s.Path("data", name)); err == nil {
			was = string(text)
			break
		}
	}
	now, err := new(Engine).Version(ctx)
	if err != nil || was == "" || series(was) == series(now) {
		return err
	}
	program, err := dbengine.FindProgram("mariadb-client", "mariadb-upgrade", "mysql_upgrade")
	if err != nil {
		return err
	}
	return srv.s.Run(ctx, dbengine.Command{
		Program: program, Args: []string{"--defaults-file=" + srv.s.Path("run", "client.cnf"), "--silent"}, Dir: srv.s.Path("data"),
	})
}

// series is "10.11" of "10.11.14-MariaDB".
func series(version string) string {
	parts := strings.SplitN(version, ".", 3)
	if len(parts) < 3 {
		return strings.TrimSpace(version)
	}
	return parts[0] + "." + parts[1]
}
