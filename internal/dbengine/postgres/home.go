package postgres

import (
	"context"
	"errors"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"strongroom/internal/dbengine"
)

// makeHome sees to it that the engine's own database is there and its own. Data of before it was made has none; whoever may make
// databases may have made one of that name there.
func makeHome(ctx context.Context, s dbengine.Settings) error {
	c, err := asSuperuser(ctx, s, home)
	var answer *pgconn.PgError
	switch {
	case errors.As(err, &answer) && answer.Code == tooManyConnections:
		return nil // the next start sees to it
	case errors.As(err, &answer) && answer.Code == noSuchDatabase:
		if err := createHome(ctx, s); err != nil {
			return err
		}
		c, err = asSuperuser(ctx, s, home)
	}
	if err != nil {
		return err
	}
	defer func() { _ = c.Close(context.WithoutCancel(ctx)) }()
	var own bool
	err = c.QueryRow(ctx, `SELECT datdba = 10 AND NOT pg_catalog.has_database_privilege('public', oid, 'CONNECT, CREATE, TEMPORARY')
		FROM pg_catalog.pg_database WHERE datname = $1`, home).Scan(&own)
	if err != nil || own {
		return err
	}
	return execute(ctx, c, []string{"ALTER DATABASE " + home + " OWNER TO " + superuser, "REVOKE ALL ON DATABASE " + home + " FROM PUBLIC"})
}

// createHome makes the database from any of those that a cluster begins with, and that their owner may have dropped.
func createHome(ctx context.Context, s dbengine.Settings) error {
	var c *pgx.Conn
	var err error
	for _, database := range []string{"postgres", "template1"} {
		if c, err = asSuperuser(ctx, s, database); err == nil {
			break
		}
	}
	if err != nil {
		return err
	}
	defer func() { _ = c.Close(context.WithoutCancel(ctx)) }()
	return execute(ctx, c, []string{"CREATE DATABASE " + home + " TEMPLATE template0 OWNER " + superuser})
}
