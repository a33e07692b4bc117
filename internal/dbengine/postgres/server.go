package postgres

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"os"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"strongroom/internal/dbengine"
)

// Server is a running PostgreSQL.
type Server struct {
	*dbengine.Process
	s dbengine.Settings
	b binaries
}

var _ dbengine.Server = (*Server)(nil)

// PostgreSQL's error codes, by the names of its manual's appendix A.
const (
	cannotConnectNow     = "57P03"
	tooManyConnections   = "53300"
	invalidPassword      = "28P01"
	invalidAuthorization = "28000"
	noSuchDatabase       = "3D000"
)

// home is the engine's own database, in which the superuser works. Nobody else owns it or may connect to it, as on Amazon RDS.
const home = "rdsadmin"

// firm are the settings of each session of the superuser. Sent with the connection, they beat those that the owner of a database,
// a role or the parameters set: no function or library of somebody else's runs with the superuser's rights.
var firm = map[string]string{
	"search_path": "pg_catalog, pg_temp", "session_preload_libraries": "", "local_preload_libraries": "", "role": "none",
	"standard_conforming_strings": "on", "client_encoding": "UTF8",
	"default_transaction_read_only": "off", "statement_timeout": "0", "lock_timeout": "0", "idle_in_transaction_session_timeout": "0",
}

// firmEnvironment is the same for PostgreSQL's own programs.
func firmEnvironment() []string {
	options := make([]string, 0, len(firm))
	for _, name := range slices.Sorted(maps.Keys(firm)) {
		options = append(options, "-c "+name+"="+strings.ReplaceAll(firm[name], " ", `\ `))
	}
	return []string{"PGOPTIONS=" + strings.Join(options, " ")}
}

// asSuperuser connects over the socket.
func asSuperuser(ctx context.Context, s dbengine.Settings, database string) (*pgx.Conn, error) {
	config, err := pgx.ParseConfig("sslmode=disable")
	if err != nil {
		return nil, err
	}
	config.Host, config.Port, config.User, config.Database = "/", uint16(s.Port), superuser, database //nolint:gosec // a port
	config.Fallbacks = nil
	config.ConnectTimeout = 10 * time.Second
	config.DialFunc = func(ctx context.Context, _, _ string) (net.Conn, error) {
		return dbengine.DialSocket(ctx, s.Path("run"), ".s.PGSQL."+strconv.Itoa(s.Port))
	}
	config.DefaultQueryExecMode = pgx.QueryExecModeSimpleProtocol
	maps.Copy(config.RuntimeParams, firm)
	return pgx.ConnectConfig(ctx, config)
}

// run executes statements as the superuser, one after the other.
func run(ctx context.Context, s dbengine.Settings, statements ...string) error {
	c, err := asSuperuser(ctx, s, home)
	if err != nil {
		return err
	}
	defer func() { _ = c.Close(context.WithoutCancel(ctx)) }()
	return execute(ctx, c, statements)
}

func execute(ctx context.Context, c *pgx.Conn, statements []string) error {
	for _, statement := range statements {
		if _, err := c.Exec(ctx, statement); err != nil {
			return err
		}
	}
	return nil
}

// ready says whether the database takes connections. Those that it has no room for are a sign of life as well.
func (srv *Server) ready(ctx context.Context) (bool, error) {
	c, err := asSuperuser(ctx, srv.s, home)
	if err == nil {
		return true, c.Close(ctx)
	}
	var answer *pgconn.PgError
	switch {
	case errors.As(err, &answer) && answer.Code == noSuchDatabase:
		return true, nil // it is made next
	case errors.As(err, &answer) && answer.Code == cannotConnectNow:
		return false, nil
	case errors.As(err, &answer) && answer.Code == tooManyConnections:
		return true, nil
	case errors.As(err, &answer):
		return false, &dbengine.StartError{Reason: dbengine.ReasonDamaged, Detail: answer.Message}
	case errors.Is(err, os.ErrNotExist), errors.Is(err, syscall.ECONNREFUSED), errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, syscall.ECONNRESET):
		return false, nil
	case ctx.Err() != nil:
		return false, ctx.Err()
	}
	return false, nil
}

// Ping implements [dbengine.Server].
func (srv *Server) Ping(ctx context.Context) error {
	config, err := pgx.ParseConfig("sslmode=disable")
	if err != nil {
		return err
	}
	config.Host, config.Port, config.User, config.Password = srv.s.Address, uint16(srv.s.Port), srv.s.MasterUsername, srv.s.MasterPassword //nolint:gosec // a port
	config.Database, config.Fallbacks = "postgres", nil
	c, err := pgx.ConnectConfig(ctx, config)
	if err != nil {
		var answer *pgconn.PgError
		if errors.As(err, &answer) && (answer.Code == invalidPassword || answer.Code == invalidAuthorization) {
			return dbengine.ErrWrongPassword
		}
		return fmt.Errorf("connecting to %s: %w", at(srv.s), err)
	}
	return errors.Join(c.Ping(ctx), c.Close(ctx))
}

// Stop implements [dbengine.Server]: clients are cut off, their transactions rolled back.
func (srv *Server) Stop(ctx context.Context) error { return srv.Process.Stop(ctx, syscall.SIGINT) }

// SetMasterPassword implements [dbengine.Server]. A master user that was dropped comes back.
func (srv *Server) SetMasterPassword(ctx context.Context, password string) error {
	if err := setMaster(ctx, srv.s, password); err != nil {
		return fmt.Errorf("setting the master user's password: %w", err)
	}
	return nil
}

// Size implements [dbengine.Server].
func (srv *Server) Size(context.Context) (int64, error) { return dbengine.TreeSize(srv.s.Path("data")) }
