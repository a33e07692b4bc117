// Package ferretdb runs databases of documents that are spoken to with MongoDB's protocol: FerretDB, a gateway, in front of a
// PostgreSQL of this host.
//
// A database's directory has a PostgreSQL's in postgres, whose TCP port is chosen anew at each start, as is the password by which
// the gateway enters; the gateway's socket and its administrator's password in gateway; a certificate in tls. Clients reach the
// gateway through a door that takes TLS and plain connections at the database's port.
//
// FerretDB checks passwords (SCRAM-SHA-1 and SCRAM-SHA-256) but knows no roles: whoever has a user may do everything in this
// database. The engine's own user, serviceadmin, makes the master user and gives it its password.
//
// A backup is the PostgreSQL's, with the administrator's password.
package ferretdb

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"

	"strongroom/internal/dbengine"
)

// process is the name of the gateway's program, which `make build` makes of the module engines/docdb.
const process = "strongroom-docdb"

// Engine is FerretDB on a PostgreSQL.
type Engine struct {
	postgres dbengine.Engine
	running  sync.Map // *server by directory
}

var _ dbengine.Engine = (*Engine)(nil)

// New returns the engine. Its programs are looked up when they are needed.
func New(postgres dbengine.Engine) *Engine { return &Engine{postgres: postgres} }

// Name implements [dbengine.Engine].
func (*Engine) Name() string { return "ferretdb" }

// FerretDB writes "version: v1.24.2".
var versionLine = regexp.MustCompile(`(?m)^version: v?(\S+)`)

// Version implements [dbengine.Engine].
func (e *Engine) Version(ctx context.Context) (string, error) {
	if _, err := e.postgres.Version(ctx); err != nil {
		return "", err
	}
	path, err := program()
	if err != nil {
		return "", err
	}
	said, err := exec.CommandContext(ctx, path, "--version").Output() //nolint:gosec // our own program
	if err != nil {
		return "", fmt.Errorf("asking %s for its version: %w", process, err)
	}
	found := versionLine.FindSubmatch(said)
	if found == nil {
		return "", fmt.Errorf("%s --version says %q", process, said)
	}
	return string(found[1]), nil
}

// program finds the gateway: beside this program, in a bin directory above the working directory, where tests find it, or where
// programs lie.
func program() (string, error) {
	var dirs []string
	if own, err := os.Executable(); err == nil {
		dirs = append(dirs, filepath.Dir(own))
	}
	if dir, err := os.Getwd(); err == nil {
		for ; dir != filepath.Dir(dir); dir = filepath.Dir(dir) {
			dirs = append(dirs, filepath.Join(dir, "bin"))
		}
	}
	for _, dir := range dirs {
		path := filepath.Join(dir, process)
		if info, err := os.Stat(path); err == nil && info.Mode().IsRegular() && info.Mode()&0o111 != 0 {
			return path, nil
		}
	}
	path, err := dbengine.FindProgram("", process)
	var missing *dbengine.NotInstalledError
	if errors.As(err, &missing) {
		missing.Package = "" // it is made, not installed
	}
	return path, err
}

// secret is the name of the file with the administrator's password, in the database's directory.
const secret = "gateway/secret"

// inner are the settings of the PostgreSQL. Its port matters only once clients are to come in by it.
func inner(s dbengine.Settings) dbengine.Settings {
	return dbengine.Settings{
		Dir: s.Path("postgres"), Address: "127.0.0.1", Port: s.Port, MasterUsername: "ferretdb", MasterPassword: rand.Text(), Database: "ferretdb",
		User: s.User,
	}
}

// made is a file that says that the database is whole.
const made = "gateway/made"

// Init implements [dbengine.Engine]. Where the database is whole, nothing is done; what there is of one that is not goes.
func (e *Engine) Init(ctx context.Context, s dbengine.Settings) error {
	if _, err := program(); err != nil {
		return err
	}
	if err := e.clear(ctx, s); err != nil {
		return err
	}
	if _, err := os.Stat(s.Path(made)); err == nil {
		return nil
	}
	if err := e.wipe(ctx, s); err != nil {
		return err
	}
	for _, dir := range []string{"postgres", "gateway"} {
		if err := s.MakeDir(s.Path(dir)); err != nil {
			return err
		}
	}
	if err := s.WriteFile(s.Path(secret), []byte(rand.Text())); err != nil {
		return err
	}
	if err := e.postgres.Init(ctx, inner(s)); err != nil {
		return err
	}
	if err := e.privately(ctx, s, func(v *server) error { return v.SetMasterPassword(ctx, s.MasterPassword) }); err != nil {
		return err
	}
	if err := s.WriteFile(s.Path(made), nil); err != nil {
		return err
	}
	return dbengine.SyncTree(s.Path("gateway"))
}

// wipe removes what an unfinished Init left.
func (e *Engine) wipe(ctx context.Context, s dbengine.Settings) error {
	if _, err := os.Stat(s.Path("postgres")); err == nil {
		if err := inner(s).EndOrphans(ctx, syscall.SIGQUIT, "postgres"); err != nil {
			return err
		}
	}
	return s.RemoveAll(s.Path("postgres"), s.Path("gateway"))
}

// clear ends a gateway that an earlier process left running. The PostgreSQL's engine does so with its own.
func (e *Engine) clear(ctx context.Context, s dbengine.Settings) error {
	if err := errors.Join(s.Enter(), s.EndOrphans(ctx, syscall.SIGTERM, process)); err != nil {
		return err
	}
	return s.RemoveAll(s.Path("gateway", socket))
}

// privately does something to a database that nobody else reaches meanwhile.
func (e *Engine) privately(ctx context.Context, s dbengine.Settings, fn func(v *server) error) error {
	v, err := e.start(ctx, s)
	if err != nil {
		return err
	}
	err = fn(v)
	return errors.Join(err, v.Stop(ctx))
}

// Restored implements [dbengine.Engine].
func (e *Engine) Restored(ctx context.Context, s dbengine.Settings) error {
	if _, err := administrator(s); err != nil {
		return err
	}
	if err := e.clear(ctx, s); err != nil {
		return err
	}
	if err := s.GiveTree(s.Path("gateway")); err != nil {
		return err
	}
	if err := s.MakeDir(s.Path("postgres")); err != nil {
		return err
	}
	if err := e.postgres.Restored(ctx, inner(s)); err != nil {
		return err
	}
	if s.MasterPassword != "" {
		err := e.privately(ctx, s, func(v *server) error { return v.SetMasterPassword(ctx, s.MasterPassword) })
		if err != nil {
			return err
		}
	}
	return s.WriteFile(s.Path(made), nil)
}

// administrator returns the password of the engine's own user.
func administrator(s dbengine.Settings) (string, error) {
	text, err := s.ReadFile(s.Path(secret))
	if errors.Is(err, fs.ErrNotExist) {
		return "", &dbengine.StartError{Reason: dbengine.ReasonDamaged, Detail: secret + " is missing"}
	}
	return strings.TrimSpace(string(text)), err
}

// Check implements [dbengine.Engine]: what there is to check is in the PostgreSQL.
func (e *Engine) Check(ctx context.Context, s dbengine.Settings) error {
	p := inner(s)
	if v, running := e.running.Load(s.Dir); running {
		p.Port = v.(*server).inner.Port
	}
	return e.postgres.Check(ctx, p)
}
