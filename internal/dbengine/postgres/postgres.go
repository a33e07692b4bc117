// Package postgres runs the host's PostgreSQL.
//
// A database's directory has the cluster in data; all else is written anew at each start: the configuration and who may connect
// (postgresql.conf, pg_hba.conf, pg_ident.conf), run with the socket, tls with a certificate, log. A backup is data alone.
//
// The superuser, rdsadmin, is the engine's own: it enters over the socket only, in a directory that only the database's user may
// enter, and is known by its account of the host. It works in a database of its own, and lets nothing that is stored in others,
// which may come from anybody's snapshot, say what it runs. The master user comes over TCP with its password, and may what that of
// Amazon RDS may, as far as an unchanged PostgreSQL can tell that apart from a superuser.
package postgres

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"strongroom/internal/dbengine"
)

// Engine is the host's PostgreSQL.
type Engine struct{}

var _ dbengine.Engine = (*Engine)(nil)

// New returns the host's PostgreSQL, which need not be installed.
func New() *Engine { return &Engine{} }

// Name implements [dbengine.Engine].
func (e *Engine) Name() string { return "postgres" }

// superuser is the engine's own role, which has the name that it has on Amazon RDS.
const superuser = "rdsadmin"

// process is the name of the server's program.
const process = "postgres"

// Version implements [dbengine.Engine].
func (e *Engine) Version(ctx context.Context) (string, error) {
	b, err := newest()
	if err != nil {
		return "", err
	}
	return b.version(ctx)
}

// binaries is the folder of the programs of one version.
type binaries string

func (b binaries) path(program string) string { return filepath.Join(string(b), program) }

func (b binaries) version(ctx context.Context) (string, error) {
	out, err := exec.CommandContext(ctx, b.path("postgres"), "--version").Output() //nolint:gosec // a program of the host's
	if err != nil {
		return "", fmt.Errorf("asking postgres for its version: %w", err)
	}
	// postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)
	_, after, _ := strings.Cut(string(out), "(PostgreSQL) ")
	version, _, _ := strings.Cut(strings.TrimSpace(after), " ")
	if version == "" {
		return "", fmt.Errorf("postgres --version says %q", out)
	}
	return version, nil
}

// debianRoot is where Debian keeps the programs of each major version.
const debianRoot = "/usr/lib/postgresql"

// newest are the programs of the newest version that the host has: Debian's, or those in the PATH.
func newest() (binaries, error) {
	var majors []int
	entries, err := os.ReadDir(debianRoot)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", err
	}
	for _, entry := range entries {
		if n, err := strconv.Atoi(entry.Name()); err == nil {
			majors = append(majors, n)
		}
	}
	slices.Sort(majors)
	for _, n := range slices.Backward(majors) {
		if b, err := ofMajor(strconv.Itoa(n)); err == nil {
			return b, nil
		}
	}
	path, err := dbengine.FindProgram("postgresql", process)
	if err != nil {
		return "", err
	}
	if path, err = filepath.EvalSymlinks(path); err != nil { // its relatives lie beside it
		return "", err
	}
	return binaries(filepath.Dir(path)), nil
}

// ofMajor are Debian's programs of a major version.
func ofMajor(major string) (binaries, error) {
	dir := filepath.Join(debianRoot, major, "bin")
	if _, err := os.Stat(filepath.Join(dir, process)); err != nil {
		return "", &dbengine.NotInstalledError{Program: process + " " + major, Package: "postgresql-" + major}
	}
	return binaries(dir), nil
}

// forData are the programs that can run the data which is there.
func forData(ctx context.Context, s dbengine.Settings) (binaries, error) {
	text, err := s.ReadFile(s.Path("data", "PG_VERSION"))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "", &dbengine.StartError{Reason: dbengine.ReasonDamaged, Detail: "data/PG_VERSION is missing"}
	case errors.Is(err, fs.ErrPermission):
		return "", &dbengine.StartError{Reason: dbengine.ReasonPermission, Detail: s.Path("data")}
	case err != nil:
		return "", err
	}
	major := strings.TrimSpace(string(text))
	if b, err := ofMajor(major); err == nil {
		return b, nil
	}
	b, err := newest()
	if err != nil {
		return "", err
	}
	version, err := b.version(ctx)
	if err != nil {
		return "", err
	}
	if found, _, _ := strings.Cut(version, "."); found != major {
		if _, err := strconv.Atoi(major); err != nil {
			return "", &dbengine.StartError{Reason: dbengine.ReasonDamaged, Detail: "data/PG_VERSION names no version"}
		}
		return "", &dbengine.NotInstalledError{Program: process + " " + major, Package: "postgresql-" + major}
	}
	return b, nil
}

// Start implements [dbengine.Engine].
func (e *Engine) Start(ctx context.Context, s dbengine.Settings) (dbengine.Server, error) {
	return e.start(ctx, s, false)
}

// start runs the database, privately without an address of its own and without the user's parameters.
func (e *Engine) start(ctx context.Context, s dbengine.Settings, private bool) (*Server, error) {
	if err := clear(ctx, s); err != nil {
		return nil, err
	}
	b, err := forData(ctx, s)
	if err != nil {
		return nil, err
	}
	if err := s.TakeOver("data"); err != nil {
		return nil, err
	}
	if err := configure(s, private); err != nil {
		return nil, err
	}
	log, err := s.OpenLog("postgres.log")
	if err != nil {
		return nil, err
	}
	p, err := s.Launch(dbengine.Command{
		Program: b.path(process),
		Args:    []string{"-D", s.Path("data"), "-c", "config_file=" + s.Path("postgresql.conf")},
		Death:   syscall.SIGINT, // it closes its connections and goes
	}, log, symptoms, process)
	if err != nil {
		return nil, err
	}
	srv := &Server{Process: p, s: s, b: b}
	if err := p.Await(ctx, srv.ready); err != nil {
		return nil, err
	}
	if err := makeHome(ctx, s); err != nil {
		return nil, srv.giveUp(fmt.Errorf("making the database %s: %w", home, err))
	}
	return srv, nil
}

// clear makes way for a start: what an earlier process left running ends, and what it left lying goes. That nobody runs is known
// better than from the number in a file, which may be another process's since.
func clear(ctx context.Context, s dbengine.Settings) error {
	if err := s.Enter(); err != nil {
		return err
	}
	if err := s.EndOrphans(ctx, syscall.SIGINT, process); err != nil {
		return err
	}
	if err := s.RemoveAll(s.Path("data", "postmaster.pid"), s.Path("run")); err != nil {
		return err
	}
	return s.MakeDir(s.Path("run"))
}
