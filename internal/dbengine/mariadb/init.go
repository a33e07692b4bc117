package mariadb

import (
	"context"
	"errors"
	"os"
	"strings"
	"syscall"

	"strongroom/internal/dbengine"
)

// Init implements [dbengine.Engine]. The data gets its name when it is whole; where it has it, nothing is done.
func (e *Engine) Init(ctx context.Context, s dbengine.Settings) error {
	if _, err := server(); err != nil {
		return err
	}
	install, err := tool("mariadb-install-db", "mysql_install_db")
	if err != nil {
		return err
	}
	if err := clear(ctx, s); err != nil {
		return err
	}
	if _, err := os.Stat(s.Path("data")); err == nil {
		return nil
	}
	// What is made has another directory until it is whole.
	next := s
	next.Dir = s.Path("new")
	if _, err := os.Stat(next.Dir); err == nil {
		if err := next.EndOrphans(ctx, syscall.SIGTERM, processes...); err != nil {
			return err
		}
	}
	if err := s.RemoveAll(next.Dir); err != nil {
		return err
	}
	if err := errors.Join(next.MakeDir(next.Path("data")), next.MakeDir(next.Path(temporary))); err != nil {
		return err
	}
	if err := next.GiveTree(next.Dir); err != nil {
		return err
	}
	err = next.Run(ctx, dbengine.Command{Program: install, Args: []string{
		"--no-defaults", "--datadir=" + next.Path("data"), "--tmpdir=" + next.Path(temporary), "--skip-test-db", "--skip-name-resolve", "--auth-root-authentication-method=socket",
	}})
	if err != nil {
		return dbengine.ExplainTool(err, symptoms...)
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

// populate leaves no accounts but the engine's own and the master user's, and makes the first database.
func (e *Engine) populate(ctx context.Context, s dbengine.Settings) error {
	srv, err := e.start(ctx, s, true)
	if err != nil {
		return err
	}
	statements := append([]string{
		"DELETE FROM mysql.global_priv WHERE NOT (User = '" + superuser + "' AND Host = 'localhost') AND User <> 'mariadb.sys'",
		"DELETE FROM mysql.proxies_priv",
		"FLUSH PRIVILEGES",
	}, master(s, s.MasterPassword)...)
	if s.Database != "" {
		statements = append(statements, "CREATE DATABASE IF NOT EXISTS `"+strings.ReplaceAll(s.Database, "`", "``")+"`")
	}
	if err := srv.asSuperuser(ctx, statements...); err != nil {
		return srv.giveUp(err)
	}
	return srv.Stop(ctx)
}
