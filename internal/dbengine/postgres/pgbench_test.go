package postgres_test

import (
	"context"
	"fmt"
	"io"
	"io/fs"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"strongroom/archive"
	"strongroom/archive/archivetest"
	"strongroom/internal/dbengine"
	"strongroom/internal/dbengine/dbenginetest"
	"strongroom/internal/porttest"
)

// newDatabase makes and starts one.
func newDatabase(t *testing.T) (dbengine.Settings, dbengine.Server) {
	t.Helper()
	s := another(t)
	if err := engine.Init(t.Context(), s); err != nil {
		t.Fatal(err)
	}
	return s, start(t, s)
}

// another are settings for one more.
func another(t *testing.T) dbengine.Settings {
	t.Helper()
	return dbengine.Settings{
		Dir: t.TempDir(), Address: "127.0.0.1", Port: porttest.One(t),
		MasterUsername: "administrator", MasterPassword: "password", Database: "shop", User: dbengine.DefaultUser("postgres"),
	}
}

func start(t *testing.T, s dbengine.Settings) dbengine.Server {
	t.Helper()
	srv, err := engine.Start(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ended, cancel := context.WithCancel(context.Background())
		cancel()
		_ = srv.Stop(ended)
	})
	return srv
}

func connect(t *testing.T, s dbengine.Settings) *ledger {
	t.Helper()
	l, err := open(t.Context(), s, s.Database)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return l
}

// pgbench is PostgreSQL's own benchmark, as the master user.
func pgbench(t *testing.T, s dbengine.Settings, args ...string) *exec.Cmd {
	t.Helper()
	found, err := filepath.Glob("/usr/lib/postgresql/*/bin/pgbench")
	if err != nil {
		t.Fatal(err)
	}
	if len(found) == 0 {
		path, err := exec.LookPath("pgbench")
		if err != nil {
			t.Fatal("pgbench is not installed: install the Debian package postgresql")
		}
		found = []string{path}
	}
	cmd := exec.CommandContext(t.Context(), found[len(found)-1], append(args, "--host="+s.Address, "--port="+strconv.Itoa(s.Port), "--username="+s.MasterUsername, s.Database)...)
	cmd.Env = []string{"PGPASSWORD=" + s.MasterPassword, "PGSSLMODE=require", "LC_ALL=C"}
	return cmd
}

func fillWithPgbench(t *testing.T, s dbengine.Settings, scale int) {
	t.Helper()
	if out, err := pgbench(t, s, "--initialize", "--quiet", "--scale="+strconv.Itoa(scale)).CombinedOutput(); err != nil {
		t.Fatalf("pgbench: %v\n%s", err, out)
	}
}

// TestPgbench backs up under TPC-B's load: what is restored sums up, so that no transaction is there by half, and has all that
// were committed before.
func TestPgbench(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	s, srv := newDatabase(t)
	fillWithPgbench(t, s, 2)
	c := connect(t, s)
	load := pgbench(t, s, "--client=4", "--jobs=2", "--time=600", "--no-vacuum")
	if err := load.Start(); err != nil {
		t.Fatal(err)
	}
	ended := func() { _ = load.Process.Kill(); _ = load.Wait() }
	t.Cleanup(ended)
	var before int
	for end := time.Now().Add(3 * time.Minute); before < 200; {
		if err := c.QueryRow(ctx, "SELECT count(*) FROM pgbench_history").Scan(&before); err != nil {
			t.Fatal(err)
		}
		if time.Now().After(end) {
			t.Fatal("pgbench does nothing")
		}
	}
	restored := another(t)
	if err := srv.Backup(ctx, dbenginetest.Directory(restored.Dir)); err != nil {
		t.Fatal(err)
	}
	ended()
	if err := engine.Restored(ctx, restored); err != nil {
		t.Fatal(err)
	}
	if err := engine.Check(ctx, restored); err != nil { // the checksums of all pages
		t.Error(err)
	}
	start(t, restored)
	if err := engine.Check(ctx, restored); err != nil { // the tables and indexes
		t.Error(err)
	}
	var accounts, tellers, branches, history, count int
	err := connect(t, restored).QueryRow(ctx, `SELECT (SELECT sum(abalance) FROM pgbench_accounts), (SELECT sum(tbalance) FROM pgbench_tellers),
		(SELECT sum(bbalance) FROM pgbench_branches), (SELECT coalesce(sum(delta), 0) FROM pgbench_history), (SELECT count(*) FROM pgbench_history)`).
		Scan(&accounts, &tellers, &branches, &history, &count)
	if err != nil {
		t.Fatal(err)
	}
	if accounts != history || tellers != history || branches != history {
		t.Errorf("accounts sum up to %d, tellers to %d, branches to %d, the history to %d", accounts, tellers, branches, history)
	}
	if count < before {
		t.Errorf("%d transactions are there of %d that were committed before the backup", count, before)
	}
	t.Logf("%d transactions before the backup, %d in it", before, count)
}

// TestMasterIsNoSuperuser: the master user does what administrators do, and does not become the account of the host.
func TestMasterIsNoSuperuser(t *testing.T) {
	t.Parallel()
	s, _ := newDatabase(t)
	c := connect(t, s)
	for _, statement := range []string{
		"CREATE DATABASE another", "CREATE ROLE clerk LOGIN PASSWORD 'x'", "GRANT rds_superuser TO clerk", "CREATE EXTENSION pgcrypto",
		"CREATE SCHEMA s", "CREATE TABLE public.t (i int)", "SELECT * FROM pg_stat_activity", "CHECKPOINT", "SELECT pg_read_all_settings FROM (SELECT 1 AS pg_read_all_settings) x",
	} {
		if _, err := c.Exec(t.Context(), statement); err != nil {
			t.Errorf("%s: %v", statement, err)
		}
	}
	for _, statement := range []string{
		"COPY t FROM PROGRAM 'echo 1'", "COPY t FROM '/etc/passwd'", "SELECT pg_read_file('/etc/passwd')", "SELECT lo_import('/etc/passwd')",
		"GRANT pg_execute_server_program TO administrator", "GRANT pg_read_server_files TO administrator", "CREATE ROLE pg_execute_server_program",
		"ALTER SYSTEM SET archive_command = 'true'", "ALTER ROLE rdsadmin PASSWORD 'x'", "CREATE ROLE r SUPERUSER", "GRANT rdsadmin TO administrator",
		"SET ROLE rdsadmin", "CREATE EXTENSION file_fdw", "SET allow_system_table_mods = on", "LOAD '/tmp/x.so'",
	} {
		if _, err := c.Exec(t.Context(), statement); err == nil {
			t.Errorf("the master user may: %s", statement)
		}
	}
	own := s
	own.MasterUsername = "rdsadmin"
	if _, err := open(t.Context(), own, "postgres"); err == nil {
		t.Error("the superuser enters over TCP")
	}
}

// points puts backups into an archive, a file as entries of at most piece bytes.
type points struct {
	w     *archive.Writer
	n     int
	piece int64
}

func (p *points) Put(ctx context.Context, f dbengine.File, content io.Reader) error {
	if f.Mode&fs.ModeType != 0 {
		return nil
	}
	for left := f.Size; left > 0 || f.Size == 0; left -= p.piece {
		size := min(left, p.piece)
		p.n++
		if err := p.w.Put(ctx, fmt.Appendf(nil, "%010d", p.n), []byte(f.Name), io.LimitReader(content, size), size); err != nil {
			return err
		}
		if f.Size == 0 {
			return nil
		}
	}
	return nil
}

// TestUnchangedCostsLittle: of a backup of a database in which little has changed, little is new to the archive.
func TestUnchangedCostsLittle(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	s, srv := newDatabase(t)
	fillWithPgbench(t, s, scale)
	c := connect(t, s)
	domain, err := archive.OpenVault(new(archive.Mem), "vault", archive.Options{}).Domain(ctx, "key", archivetest.NewKeyring())
	if err != nil {
		t.Fatal(err)
	}
	backup := func(point string) archive.Summary {
		w, err := domain.NewWriter(ctx, archive.WriteOptions{Point: point, Kind: archive.Objects})
		if err != nil {
			t.Fatal(err)
		}
		defer w.Abort()
		if err := srv.Backup(ctx, &points{w: w, piece: 128 << 10}); err != nil {
			t.Fatal(err)
		}
		summary, err := w.Commit(ctx)
		if err != nil {
			t.Fatal(err)
		}
		t.Logf("%s: %+v", point, summary)
		return summary
	}
	first := backup("first")
	again := backup("again")
	if again.NewBytes > first.NewBytes/20 {
		t.Errorf("of a database that nobody used, %d bytes of %d are new", again.NewBytes, first.LogicalBytes)
	}
	if _, err := c.Exec(ctx, "INSERT INTO pgbench_history SELECT 1, 1, 1, 0, now() FROM generate_series(1, 1000)"); err != nil {
		t.Fatal(err)
	}
	appended := backup("appended")
	if appended.NewBytes > first.NewBytes/20 {
		t.Errorf("of a database with 1,000 rows more, %d bytes of %d are new", appended.NewBytes, first.LogicalBytes)
	}
	if _, err := c.Exec(ctx, "UPDATE pgbench_accounts SET abalance = 1 WHERE aid % 13003 = 0"); err != nil {
		t.Fatal(err)
	}
	if scattered := backup("scattered"); scattered.NewBytes > first.NewBytes/4 {
		t.Errorf("of a database with 30 rows changed, %d bytes of %d are new", scattered.NewBytes, first.LogicalBytes)
	}
}

// scale is pgbench's: 15 MB each.
const scale = 4
