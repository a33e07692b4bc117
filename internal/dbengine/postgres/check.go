package postgres

import (
	"context"
	"errors"
	"strconv"

	"github.com/jackc/pgx/v5"

	"strongroom/internal/dbengine"
)

// Check implements [dbengine.Engine]. Of a stopped database the checksum of each page is verified; of a running one the tables
// and indexes, and that each index has every row of its table.
func (e *Engine) Check(ctx context.Context, s dbengine.Settings) error {
	b, err := forData(ctx, s)
	if err != nil {
		return err
	}
	running, err := s.Running(process)
	if err != nil {
		return err
	}
	if !running {
		return damaged(s.Run(ctx, dbengine.Command{Program: b.path("pg_checksums"), Args: []string{"--check", "--pgdata=" + s.Path("data")}}))
	}
	missing, err := addAmcheck(ctx, s)
	if err != nil {
		return err
	}
	checked := damaged(s.Run(ctx, dbengine.Command{
		Program: b.path("pg_amcheck"),
		Args:    []string{"--all", "--maintenance-db=" + home, "--heapallindexed", "--parent-check", "--host=/proc/self/cwd", "--port=" + strconv.Itoa(s.Port), "--username=" + superuser, "--no-password"},
		Dir:     s.Path("run"), Env: firmEnvironment(),
	}))
	return errors.Join(checked, dropAmcheck(ctx, s, missing))
}

func damaged(err error) error {
	var failed *dbengine.ToolError
	if errors.As(err, &failed) {
		return &dbengine.StartError{Reason: dbengine.ReasonDamaged, Detail: failed.Error(), LogTail: failed.Output}
	}
	return err
}

// addAmcheck installs the extension where it is missing, and says where that was.
func addAmcheck(ctx context.Context, s dbengine.Settings) (missing []string, err error) {
	c, err := asSuperuser(ctx, s, home)
	if err != nil {
		return nil, err
	}
	defer func() { _ = c.Close(context.WithoutCancel(ctx)) }()
	rows, err := c.Query(ctx, "SELECT datname FROM pg_catalog.pg_database WHERE datallowconn")
	if err != nil {
		return nil, err
	}
	all, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return nil, err
	}
	for _, database := range all {
		var has bool
		err := in(ctx, s, database, func(c *pgx.Conn) error {
			if err := c.QueryRow(ctx, "SELECT EXISTS (SELECT FROM pg_catalog.pg_extension WHERE extname = 'amcheck')").Scan(&has); err != nil || has {
				return err
			}
			_, err := c.Exec(ctx, "CREATE EXTENSION amcheck SCHEMA pg_catalog")
			return err
		})
		if err != nil {
			return missing, err
		}
		if !has {
			missing = append(missing, database)
		}
	}
	return missing, nil
}

// dropAmcheck leaves the databases as they were.
func dropAmcheck(ctx context.Context, s dbengine.Settings, databases []string) error {
	for _, database := range databases {
		err := in(ctx, s, database, func(c *pgx.Conn) error {
			_, err := c.Exec(ctx, "DROP EXTENSION amcheck")
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// in connects to one of the databases.
func in(ctx context.Context, s dbengine.Settings, database string, do func(*pgx.Conn) error) error {
	c, err := asSuperuser(ctx, s, database)
	if err != nil {
		return err
	}
	return errors.Join(do(c), c.Close(ctx))
}
