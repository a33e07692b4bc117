package dbenginetest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"strongroom/internal/dbengine"
	"strongroom/internal/porttest"
)

// Subject is an engine under test.
type Subject struct {
	Engine dbengine.Engine
	// Users are the accounts of the host that it prefers to run as.
	Users []string
	// Database is what Init creates and the ledger is kept in; "" if the engine has no such thing.
	Database string
	// Beside are programs of this repository's bin that the engine finds beside its own program.
	Beside []string
	// NoMasterUser says that the engine knows no users: everybody enters.
	NoMasterUser bool
	// Spared are tests of the suite that ask for what the engine does not do, with the reason.
	Spared map[string]string
	// Open connects as the master user, by s.MasterPassword over TCP.
	Open func(ctx context.Context, s dbengine.Settings) (Ledger, error)
	// BadParameters are parameters of which the engine accepts none, each by itself, with values.
	BadParameters map[string]string
	// GoodParameter is one that Shows shows the value of; Name "" if the engine has none.
	GoodParameter Parameter
	// Damage spoils the data of a stopped database so that it cannot start.
	Damage func(s dbengine.Settings) error
	// Unreadable is a file below Dir without which a database does not start.
	Unreadable string
}

// Parameter is a parameter with a value that is not its default.
type Parameter struct{ Name, Value string }

// Ledger is what an ordinary client keeps in a database: accounts that money goes to and fro between, so that their sum stays
// zero, and a note of each transfer. Its methods may be called at once.
type Ledger interface {
	Create(ctx context.Context) error
	// Transfer moves money between two accounts and notes n, as one; it returns when that is committed.
	Transfer(ctx context.Context, n int) error
	Read(ctx context.Context) (Contents, error)
	// Show is the value of a parameter.
	Show(ctx context.Context, name string) (string, error)
	Close() error
}

// Contents are a ledger's.
type Contents struct {
	Notes map[int]bool // of the transfers
	Sum   int          // of the accounts' balances, which is always zero
	Moved int          // of what was ever moved, by the accounts: as many as there are notes
}

// settings are those of a new database on a free port.
func (s *Subject) settings(t *testing.T) dbengine.Settings {
	t.Helper()
	set := dbengine.Settings{
		Dir: directory(t), Address: "127.0.0.1", Port: porttest.One(t),
		MasterUsername: "administrator", MasterPassword: `pass'word"\%1`, Database: s.Database,
		User: dbengine.DefaultUser(s.Users...),
	}
	return set
}

// directory is one for a database, below a directory that only this process may enter, with a path that is too long for a
// socket's address. What still runs on it ends with the test.
func directory(t *testing.T) string {
	t.Helper()
	parent := t.TempDir()
	if err := os.Chmod(parent, 0o700); err != nil { //nolint:gosec // a directory must be entered
		t.Fatal(err)
	}
	dir := filepath.Join(parent, "a-directory-whose-name-is-long-enough-that-no-path-below-it-fits-into-the-address-of-a-socket", "db")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	return dir
}

// initialized makes a database.
func (s *Subject) initialized(t *testing.T) dbengine.Settings {
	t.Helper()
	set := s.settings(t)
	if err := s.Engine.Init(t.Context(), set); err != nil {
		t.Fatalf("making a database: %v", explained(err))
	}
	return set
}

// started starts a database, and stops it at the test's end.
func (s *Subject) started(t *testing.T, set dbengine.Settings) dbengine.Server {
	t.Helper()
	srv, err := s.Engine.Start(t.Context(), set)
	if err != nil {
		t.Fatalf("starting: %v", explained(err))
	}
	t.Cleanup(func() {
		ended, cancel := context.WithCancel(context.Background())
		cancel() // by force
		_ = srv.Stop(ended)
	})
	return srv
}

func (s *Subject) open(t *testing.T, set dbengine.Settings) Ledger {
	t.Helper()
	l, err := s.Open(t.Context(), set)
	if err != nil {
		t.Fatalf("connecting as the master user: %v", err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return l
}

// explained is an error with what the engine wrote last.
func explained(err error) string {
	var start *dbengine.StartError
	var end *dbengine.EndError
	var tool *dbengine.ToolError
	switch {
	case errors.As(err, &start):
		return fmt.Sprintf("%v\n%s", err, start.LogTail)
	case errors.As(err, &end):
		return fmt.Sprintf("%v\n%s", err, end.LogTail)
	case errors.As(err, &tool):
		return fmt.Sprintf("%v\n%s", err, tool.Output)
	}
	return fmt.Sprint(err)
}

// Directory is a sink that lays files into a directory.
type Directory string

// Put implements [dbengine.Sink].
func (d Directory) Put(_ context.Context, f dbengine.File, content io.Reader) error {
	if !fs.ValidPath(f.Name) {
		return fmt.Errorf("%q is no path below the directory", f.Name)
	}
	path := filepath.Join(string(d), filepath.FromSlash(f.Name))
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	switch {
	case f.Mode.IsDir():
		return os.MkdirAll(path, 0o700)
	case f.Mode&fs.ModeSymlink != 0:
		return os.Symlink(f.Link, path)
	case !f.Mode.IsRegular():
		return fmt.Errorf("%s is of the mode %v", f.Name, f.Mode)
	}
	w, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	defer w.Close()
	n, err := io.Copy(w, content)
	if err == nil && n != f.Size {
		err = fmt.Errorf("%s has %d bytes and not %d as it said", f.Name, n, f.Size)
	}
	return err
}
