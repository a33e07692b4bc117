package postgres

import (
	"context"
	"testing"

	"github.com/jackc/pgx/v5"

	"strongroom/internal/dbengine"
	"strongroom/internal/dbengine/dbenginetest"
	"strongroom/internal/porttest"
)

// trap is what a master user lays for the superuser: functions that stand before PostgreSQL's own for whoever works in one of its
// databases with the settings that it gave them. What they do for another than itself is noted.
const trap = `
	CREATE SCHEMA evil;
	GRANT ALL ON SCHEMA evil TO public;
	CREATE TABLE evil.fell (who text, what text);
	GRANT ALL ON evil.fell TO public;
	CREATE FUNCTION evil.pg_create_physical_replication_slot(text, boolean, boolean) RETURNS text LANGUAGE plpgsql AS
		$$ BEGIN INSERT INTO evil.fell VALUES (session_user, 'slot'); RETURN 'x'; END $$;
	CREATE FUNCTION evil.same(name, text) RETURNS boolean LANGUAGE plpgsql AS
		$$ BEGIN INSERT INTO evil.fell VALUES (session_user, 'operator'); RETURN true; END $$;
	CREATE OPERATOR evil.= (LEFTARG = name, RIGHTARG = text, FUNCTION = evil.same);
	CREATE VIEW evil.pg_database AS SELECT 'postgres'::name AS datname, true AS datallowconn, evil.same('x', 'y');
	CREATE VIEW evil.pg_roles AS SELECT 'x'::name AS rolname, evil.same('x', 'y');
	CREATE VIEW evil.pg_extension AS SELECT 'x'::name AS extname, evil.same('x', 'y')`

// TestTraps: nothing that the master user stores, or sets for databases that are its own, is run by the superuser.
func TestTraps(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	s := dbengine.Settings{
		Dir: t.TempDir(), Address: "127.0.0.1", Port: porttest.One(t),
		MasterUsername: "mallory", MasterPassword: "password", Database: "shop", User: dbengine.DefaultUser("postgres"),
	}
	if err := New().Init(ctx, s); err != nil {
		t.Fatal(err)
	}
	srv := running(t, s)
	databases := []string{"postgres", "template1", "shop"}
	for _, database := range databases {
		master := asMaster(t, s, database)
		must(t, master, trap)
		must(t, master, "ALTER DATABASE "+database+" SET search_path = evil, pg_catalog")
		must(t, master, "ALTER DATABASE "+database+" SET role = 'mallory'")
		must(t, master, "ALTER DATABASE "+database+" SET default_transaction_read_only = on")
		if err := master.Close(ctx); err != nil {
			t.Fatal(err)
		}
	}
	held(t, s, srv)

	master := asMaster(t, s, "shop")
	for _, statement := range []string{
		"ALTER DATABASE rdsadmin SET search_path = evil", "DROP DATABASE rdsadmin", "ALTER DATABASE rdsadmin RENAME TO x", "ALTER ROLE rdsadmin SET search_path = evil",
		"DROP ROLE rdsadmin", "GRANT rdsadmin TO mallory", "SET ROLE rdsadmin", "ALTER ROLE ALL SET session_preload_libraries = 'x'", "COPY evil.fell FROM PROGRAM 'id'",
		"COPY evil.fell FROM '/etc/passwd'", "CREATE EVENT TRIGGER x ON ddl_command_start EXECUTE FUNCTION evil.same()",
	} {
		if _, err := master.Exec(ctx, statement); err == nil {
			t.Errorf("the master user may: %s", statement)
		}
	}
	if c, err := pgx.ConnectConfig(ctx, masters(t, s, home)); err == nil {
		_ = c.Close(ctx)
		t.Errorf("the master user enters %s", home)
	}

	// Data of before there was a database for the superuser may have one of that name which is the master user's.
	must(t, master, "DROP DATABASE postgres")
	c, err := asSuperuser(ctx, s, "shop")
	if err != nil {
		t.Fatal(err)
	}
	if err := execute(ctx, c, []string{"DROP DATABASE rdsadmin", "CREATE DATABASE rdsadmin OWNER mallory", "ALTER DATABASE rdsadmin SET search_path = evil"}); err != nil {
		t.Fatal(err)
	}
	_ = c.Close(ctx)
	if err := srv.Stop(ctx); err != nil {
		t.Fatal(err)
	}
	srv = running(t, s)
	held(t, s, srv)
	master = asMaster(t, s, "shop")
	if _, err := master.Exec(ctx, "DROP DATABASE rdsadmin"); err == nil {
		t.Error("the master user still owns the superuser's database")
	}
	c, err = asSuperuser(ctx, s, "shop")
	if err != nil {
		t.Fatal(err)
	}
	if err := execute(ctx, c, []string{"DROP DATABASE rdsadmin"}); err != nil {
		t.Fatal(err)
	}
	_ = c.Close(ctx)
	if err := srv.Stop(ctx); err != nil {
		t.Fatal(err)
	}
	held(t, s, running(t, s))
}

// held has the superuser do all that it does, and looks whether it fell into the trap.
func held(t *testing.T, s dbengine.Settings, srv *Server) {
	t.Helper()
	ctx := t.Context()
	if err := srv.SetMasterPassword(ctx, s.MasterPassword); err != nil {
		t.Errorf("setting the password: %v", err)
	}
	if err := srv.Backup(ctx, dbenginetest.Directory(t.TempDir())); err != nil {
		t.Errorf("backing up: %v", err)
	}
	if err := New().Check(ctx, s); err != nil {
		t.Errorf("checking: %v", err)
	}
	for _, database := range []string{"postgres", "template1", "shop"} {
		c, err := pgx.ConnectConfig(ctx, masters(t, s, database))
		if err != nil {
			continue // it was dropped
		}
		rows, err := c.Query(ctx, "SELECT who || ': ' || what FROM evil.fell")
		if err != nil {
			t.Fatal(err)
		}
		if fell, err := pgx.CollectRows(rows, pgx.RowTo[string]); err != nil || len(fell) > 0 {
			t.Errorf("in %s the superuser ran %q (%v)", database, fell, err)
		}
		_ = c.Close(ctx)
	}
}

func running(t *testing.T, s dbengine.Settings) *Server {
	t.Helper()
	srv, err := New().Start(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ended, cancel := context.WithCancel(context.Background())
		cancel()
		_ = srv.Stop(ended)
	})
	return srv.(*Server)
}

func masters(t *testing.T, s dbengine.Settings, database string) *pgx.ConnConfig {
	t.Helper()
	config, err := pgx.ParseConfig("sslmode=disable")
	if err != nil {
		t.Fatal(err)
	}
	config.Host, config.Port, config.User, config.Password, config.Database = s.Address, uint16(s.Port), s.MasterUsername, s.MasterPassword, database
	config.DefaultQueryExecMode = pgx.QueryExecModeSimpleProtocol
	return config
}

func asMaster(t *testing.T, s dbengine.Settings, database string) *pgx.Conn {
	t.Helper()
	c, err := pgx.ConnectConfig(t.Context(), masters(t, s, database))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close(context.Background()) })
	must(t, c, "SET default_transaction_read_only = off") // which the trap set
	return c
}

func must(t *testing.T, c *pgx.Conn, statement string) {
	t.Helper()
	if _, err := c.Exec(t.Context(), statement); err != nil {
		t.Fatalf("%s: %v", statement, err)
	}
}
