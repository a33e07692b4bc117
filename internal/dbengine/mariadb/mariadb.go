// Package mariadb runs the host's MariaDB.
//
// A database's directory has the data in data; all else is written anew at each start: the configuration (mariadb.cnf), run with
// the socket and what concerns the engine's own account, tls with a certificate, log; files is the only place that SQL could
// read and write files in, and plugins the only one that it could load libraries from; both are empty and not the database's user's
// to write. A backup is data alone.
//
// The engine's own account, rdsadmin, gets a new password at each start, which is kept in run, and enters over the socket only.
// The master user comes over TCP with the privileges of that of Amazon RDS, without FILE and SUPER. MariaDB itself cannot keep it from those:
// whoever may write in all databases may write in mysql, where privileges are kept, and no privilege is all but that (Amazon RDS
// patches MariaDB). So whoever is master is taken to have all privileges of SQL: what holds it is the sandbox, and that there is
// nothing in it to read, write or load but its own data.
package mariadb

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"

	"strongroom/internal/dbengine"
)

// Engine is the host's MariaDB.
type Engine struct{}

var _ dbengine.Engine = (*Engine)(nil)

// New returns the host's MariaDB, which need not be installed.
func New() *Engine { return &Engine{} }

// Name implements [dbengine.Engine].
func (e *Engine) Name() string { return "mariadb" }

// superuser is the engine's own account.
const superuser = "rdsadmin"

// processes are the names of the server's program: that of today, and that of older versions.
var processes = []string{"mariadbd", "mysqld"}

// The programs, by the names of today and of older versions, and the Debian packages that have them.
func server() (string, error) { return dbengine.FindProgram("mariadb-server", processes...) }

func backupTool() (string, error) {
	return dbengine.FindProgram("mariadb-backup", "mariadb-backup", "mariabackup")
}

func tool(names ...string) (string, error) { return dbengine.FindProgram("mariadb-server", names...) }

// Version implements [dbengine.Engine].
func (e *Engine) Version(ctx context.Context) (string, error) {
	program, err := server()
	if err != nil {
		return "", err
	}
	out, err := exec.CommandContext(ctx, program, "--no-defaults", "--version").Output() //nolint:gosec // a program of the host's
	if err != nil {
		return "", fmt.Errorf("asking mariadbd for its version: %w", err)
	}
	// mariadbd  Ver 10.11.14-MariaDB-0+deb12u2 for debian-linux-gnu on x86_64 (Debian 12)
	_, after, _ := strings.Cut(string(out), "Ver ")
	version, _, _ := strings.Cut(after, " ")
	version, _, maria := strings.Cut(version, "-MariaDB")
	if version == "" || !maria {
		return "", &dbengine.NotInstalledError{Program: processes[0], Package: "mariadb-server"} // an Oracle MySQL's mysqld
	}
	return version, nil
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
	program, err := server()
	if err != nil {
		return nil, err
	}
	if err := whole(s); err != nil {
		return nil, err
	}
	if err := s.TakeOver("data"); err != nil {
		return nil, err
	}
	password, err := configure(s, private)
	if err != nil {
		return nil, err
	}
	log, err := s.OpenLog("mariadb.log")
	if err != nil {
		return nil, err
	}
	p, err := s.Launch(dbengine.Command{
		Program: program, Args: []string{"--defaults-file=" + s.Path("mariadb.cnf")},
		Dir: s.Path("data"), Death: syscall.SIGTERM,
	}, log, symptoms, processes...)
	if err != nil {
		return nil, err
	}
	srv := &Server{Process: p, s: s, password: password}
	if err := p.Await(ctx, srv.ready); err != nil {
		return nil, asGiven(err, s.Parameters)
	}
	if err := srv.upgrade(ctx); err != nil {
		return nil, srv.giveUp(err)
	}
	// The account is made; its password need not lie there twice.
	if err := s.RemoveAll(s.Path("run", "init.sql")); err != nil {
		return nil, srv.giveUp(err)
	}
	return srv, nil
}

// whole says whether there is something to start.
func whole(s dbengine.Settings) error {
	_, err := os.Stat(s.Path("data", "ibdata1"))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return &dbengine.StartError{Reason: dbengine.ReasonDamaged, Detail: "data/ibdata1 is missing"}
	case errors.Is(err, fs.ErrPermission):
		return &dbengine.StartError{Reason: dbengine.ReasonPermission, Detail: s.Path("data")}
	}
	return err
}

// temporary is the directory of a database's temporary tables. Each has its own: a server that starts removes all temporary tables
// from there, and so would end the start of another.
const temporary = "tmp"

// clear makes way for a start: what an earlier process left running ends, and what it left lying goes.
func clear(ctx context.Context, s dbengine.Settings) error {
	if err := s.Enter(); err != nil {
		return err
	}
	if err := s.EndOrphans(ctx, syscall.SIGTERM, append([]string{"mariadb-backup", "mariabackup"}, processes...)...); err != nil {
		return err
	}
	left, err := filepath.Glob(filepath.Join(escapeGlob(s.Dir), backupPrefix+"*"))
	if err != nil {
		return err
	}
	if err := s.RemoveAll(append(left, s.Path("run"), s.Path(temporary))...); err != nil {
		return err
	}
	// Anew, whatever was in them.
	if err := s.RemoveAll(s.Path("files"), s.Path("plugins")); err != nil {
		return err
	}
	return errors.Join(s.MakeDir(s.Path("run")), s.MakeDir(s.Path(temporary)), s.Reserve(s.Path("files")), s.Reserve(s.Path("plugins")))
}

// escapeGlob takes their meaning from the characters of a path.
func escapeGlob(path string) string {
	return strings.NewReplacer(`\`, `\\`, "*", `\*`, "?", `\?`, "[", `\[`).Replace(path)
}
