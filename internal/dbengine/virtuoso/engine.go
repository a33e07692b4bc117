// Package virtuoso runs databases of RDF triples on this host's Virtuoso (Debian's virtuoso-opensource-7), spoken to by
// SPARQL 1.1 over HTTP at /sparql.
//
// A database is a directory with:
//
//	data/     what Virtuoso keeps: the database, the log of transactions since the last checkpoint, its configuration
//	backup/   an online backup on its way into a Sink, or out of one
//	tls/      the certificate that the door shows
//
// Virtuoso has a web server that shows files, a language that calls its functions, and SQL. So it runs in a sandbox without a
// network, or not at all: neither does it reach anything nor does anybody reach it, but [gateway], by the sandbox's dialer. That
// takes the database's port, speaks TLS or plainly, lets SPARQL 1.1 through, and nothing else. The password of Virtuoso's
// administrator is made anew at each start and kept in memory only.
//
// There is no master user. Whoever reaches the port may read and write, as with Neptune without IAM authentication.
package virtuoso

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"regexp"
	"sync"
	"syscall"

	"strongroom/internal/dbengine"
	"strongroom/internal/sandbox"
)

const debianPackage = "virtuoso-opensource-7"

// Engine is Virtuoso as this host has it.
type Engine struct {
	running sync.Map // *server by directory
}

var _ dbengine.Engine = (*Engine)(nil)

// New returns the engine. Its programs are looked up when they are needed.
func New() *Engine { return &Engine{} }

// Name implements [dbengine.Engine].
func (*Engine) Name() string { return "virtuoso" }

// serverProgram is the server's, and the name of its process.
const serverProgram = "virtuoso-t"

// program finds a program of Virtuoso's, and that it can be run.
func program(name string) (string, error) {
	var missing *sandbox.NotInstalledError
	if err := sandbox.Installed(); errors.As(err, &missing) {
		return "", &dbengine.NotInstalledError{Program: missing.Program, Package: missing.Package}
	}
	return dbengine.FindProgram(debianPackage, name)
}

// Virtuoso writes "Version 7.2.5.3229-pthreads as of …".
var versionLine = regexp.MustCompile(`Version (\d+\.\d+\.\d+)`)

// Version implements [dbengine.Engine].
func (*Engine) Version(ctx context.Context) (string, error) {
	path, err := program(serverProgram)
	if err != nil {
		return "", err
	}
	said, _ := exec.CommandContext(ctx, path, "-?").CombinedOutput() // it ends with 1 after its help
	found := versionLine.FindSubmatch(said)
	if found == nil {
		return "", fmt.Errorf("asking %s for its version: it said %q", path, bytes.TrimSpace(said))
	}
	return string(found[1]), nil
}

// Init implements [dbengine.Engine]. The database is made in a directory beside, which gets its name when the database is whole;
// where it has it, nothing is done.
func (e *Engine) Init(ctx context.Context, s dbengine.Settings) error {
	if _, err := program(serverProgram); err != nil {
		return err
	}
	next := s
	next.Dir = s.Path("new")
	if err := clean(ctx, next); err != nil {
		return err
	}
	if _, err := os.Stat(s.Path("data")); err == nil {
		return os.RemoveAll(next.Dir)
	}
	for _, dir := range []string{next.Dir, next.Path("data")} {
		if err := next.MakeDir(dir); err != nil {
			return err
		}
	}
	version, err := e.Version(ctx)
	if err != nil {
		return err
	}
	if err := empty.fill(ctx, next, version); err != nil {
		return err
	}
	if err := dbengine.SyncTree(next.Path("data")); err != nil {
		return err
	}
	if err := os.Rename(next.Path("data"), s.Path("data")); err != nil {
		return err
	}
	return os.RemoveAll(next.Dir)
}

// clean ends what an earlier attempt left running on a directory, and removes it.
func clean(ctx context.Context, s dbengine.Settings) error {
	if _, err := os.Stat(s.Dir); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err := s.EndOrphans(ctx, syscall.SIGKILL, serverProgram); err != nil {
		return err
	}
	return os.RemoveAll(s.Dir)
}
