package postgres

import (
	"context"
	"fmt"
	"os"
	"syscall"

	"github.com/jackc/pgx/v5"

	"strongroom/internal/dbengine"
)

// Init implements [dbengine.Engine]. The cluster gets its name, data, when it is whole; where it has it, nothing is done.
func (e *Engine) Init(ctx context.Context, s dbengine.Settings) error {
	b, err := newest()
	if err != nil {
		return err
	}
	if err := clear(ctx, s); err != nil {
		return err
	}
	if _, err := os.Stat(s.Path("data")); err == nil {
		return nil
	}
	// What is made has another directory until it is whole, as the server knows the data by that name.
	next := s
	next.Dir = s.Path("new")
	if _, err := os.Stat(next.Dir); err == nil {
		if err := next.EndOrphans(ctx, syscall.SIGINT, process, "initdb"); err != nil {
			return err
		}
	}
	if err := s.RemoveAll(next.Dir); err != nil {
		return err
	}
	if err := next.MakeDir(next.Path("data")); err != nil {
		return err
	}
	if err := initdb(ctx, b, next); err != nil {
		return err
	}
	if err := e.populate(ctx, next); err != nil {
		return err
	}
	if err := dbengine.SyncTree(next.Path("data")); err != nil {
		return err
	}
	if err := os.Rename(next.Path("data"), s.Path("data")); err != nil {
		return err
	}
	return s.RemoveAll(next.Dir)
}

func initdb(ctx context.Context, b binaries, s dbengine.Settings) error {
	err := s.Run(ctx, dbengine.Command{Program: b.path("initdb"), Args: []string{
		"--pgdata=" + s.Path("data"), "--username=" + superuser,
		"--auth-local=peer", "--auth-host=reject",
		"--encoding=UTF8", "--locale=C.UTF-8", "--lc-messages=C",
		"--data-checksums", "--no-instructions", "--no-sync",
	}})
	return explain(err)
}

// explain makes a tool's failure a StartError.
func explain(err error) error { return dbengine.ExplainTool(err, symptoms...) }

// populate makes the roles and the first database.
func (e *Engine) populate(ctx context.Context, s dbengine.Settings) error {
	srv, err := e.start(ctx, s, true)
	if err != nil {
		return err
	}
	if err := run(ctx, s, roles...); err != nil {
		return srv.giveUp(fmt.Errorf("making the roles: %w", err))
	}
	if err := setMaster(ctx, s, s.MasterPassword); err != nil {
		return srv.giveUp(fmt.Errorf("making the master user: %w", err))
	}
	master := pgx.Identifier{s.MasterUsername}.Sanitize()
	statements := []string{"ALTER DATABASE postgres OWNER TO " + master, "ALTER DATABASE template1 OWNER TO " + master}
	if s.Database != "" && s.Database != "postgres" {
		statements = append(statements, "CREATE DATABASE "+pgx.Identifier{s.Database}.Sanitize()+" OWNER "+master)
	}
	if err := run(ctx, s, statements...); err != nil {
		return srv.giveUp(fmt.Errorf("making the database: %w", err))
	}
	return srv.Stop(ctx)
}

// giveUp ends a server that could not be made what it was to be.
func (srv *Server) giveUp(err error) error {
	_ = srv.Kill()
	return err
}

// roles makes what Amazon RDS has beside PostgreSQL's own: rds_superuser, the role of administrators who are no superusers. It
// can do what predefined roles allow; extensions that PostgreSQL trusts are the owner's of a database to create.
//
// Until PostgreSQL 15 whoever may create roles may grant the predefined ones that run programs and read files of the host, as the
// account of all databases. Amazon RDS patches that out; here those three are removed from the catalogue, so that nobody but a
// superuser can do what they stand for. From 16 on CREATEROLE does not reach them.
var roles = []string{
	"CREATE ROLE rds_superuser NOLOGIN",
	"CREATE ROLE rds_replication NOLOGIN",
	"CREATE ROLE rds_password NOLOGIN",
	"GRANT pg_monitor, pg_signal_backend, rds_replication, rds_password TO rds_superuser WITH ADMIN OPTION",
	`DO $$ BEGIN IF current_setting('server_version_num')::int >= 150000 THEN
		GRANT pg_checkpoint TO rds_superuser WITH ADMIN OPTION;
	END IF; END $$`,
	"SET allow_system_table_mods = on",
	`DO $$ BEGIN IF current_setting('server_version_num')::int < 160000 THEN
		DELETE FROM pg_authid WHERE rolname IN ('pg_execute_server_program', 'pg_read_server_files', 'pg_write_server_files');
	END IF; END $$`,
}

// setMaster makes the master user what it is at the beginning, with a password.
func setMaster(ctx context.Context, s dbengine.Settings, password string) error {
	kept, err := verifier(password)
	if err != nil {
		return err
	}
	master := pgx.Identifier{s.MasterUsername}.Sanitize()
	statements := []string{
		"ALTER ROLE " + master + " WITH LOGIN CREATEDB CREATEROLE INHERIT PASSWORD '" + kept + "' VALID UNTIL 'infinity'",
		"GRANT rds_superuser TO " + master + " WITH ADMIN OPTION",
	}
	c, err := asSuperuser(ctx, s, home)
	if err != nil {
		return err
	}
	defer func() { _ = c.Close(context.WithoutCancel(ctx)) }()
	var has bool
	if err := c.QueryRow(ctx, "SELECT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = $1)", s.MasterUsername).Scan(&has); err != nil {
		return err
	}
	if !has {
		statements = append([]string{"CREATE ROLE " + master}, statements...)
	}
	return execute(ctx, c, statements)
}
