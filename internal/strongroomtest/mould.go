package strongroomtest

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"strongroom/clock"
	"strongroom/internal/state"
	"strongroom/internal/work"
)

// databases are those of a server that has not begun: their tables, and nothing in them. Two hundred migrations take a third of
// a second of a processor's time, as much as the rest of a server's start, so that they are made once for all servers of a process.
// Servers that tests start by other means make their own.
var databases = sync.OnceValues(func() (files map[string][]byte, err error) {
	dir, err := os.MkdirTemp("", "strongroomtest")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir) //nolint:errcheck // a temporary directory
	ctx := context.Background()
	db, err := state.Open(ctx, filepath.Join(dir, "state.db"), clock.Wall)
	if err != nil {
		return nil, err
	}
	_, err = work.OpenQueue(ctx, db, slog.New(slog.DiscardHandler))
	if err := errors.Join(err, db.Close()); err != nil {
		return nil, err
	}
	logs, err := state.OpenLogs(ctx, filepath.Join(dir, "logs.db"), clock.Wall)
	if err != nil {
		return nil, err
	}
	if err := logs.Close(); err != nil { // which takes SQLite's log into the file
		return nil, err
	}
	files = map[string][]byte{}
	for _, name := range []string{"state.db", "logs.db"} {
		if files[name], err = os.ReadFile(filepath.Join(dir, name)); err != nil {
			return nil, err
		}
	}
	return files, nil
})

// prepare lays the databases of a new server into its data directory, and the root key that belongs to them.
func prepare(t testing.TB, dir string) {
	t.Helper()
	files, err := databases()
	if err != nil {
		t.Fatalf("making the databases: %v", err)
	}
	if entries, err := os.ReadDir(dir); err == nil && len(entries) > 0 {
		return // there was a server
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	key := make([]byte, 32)
	_, _ = rand.Read(key) // which never fails
	files = map[string][]byte{
		"state.db": files["state.db"], "logs.db": files["logs.db"],
		"root.key": []byte(base64.StdEncoding.EncodeToString(key) + "\n"),
	}
	for name, content := range files {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}
