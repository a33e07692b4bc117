package virtuoso

import (
	"context"
	"net/http"
	"net/url"
	"os"
	"strings"
	"testing"

	"strongroom/internal/dbengine"
	"strongroom/internal/porttest"
)

// TestCopies: the databases after the first are copies of what it was at its beginning, and nothing of what became of it.
func TestCopies(t *testing.T) {
	t.Parallel()
	_, first := alone(t)
	if status, body := byDoor(t, first, url.Values{"update": {"INSERT DATA { <urn:a> <urn:b> <urn:mine> }"}}); status != http.StatusOK {
		t.Fatal(status, body)
	}
	second := dbengine.Settings{Dir: t.TempDir(), Address: "127.0.0.1", Port: porttest.One(t), User: dbengine.DefaultUser("nobody")}
	e := New()
	if err := e.Init(t.Context(), second); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(second.Path("data", "virtuoso.ini")); !os.IsNotExist(err) {
		t.Errorf("the second database was made by a Virtuoso of its own: its configuration is there, %v", err)
	}
	v, err := e.Start(t.Context(), second)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = v.Stop(context.Background()) })
	status, body := byDoor(t, second, url.Values{"query": {"SELECT * { ?s ?p ?o }"}})
	if status != http.StatusOK || strings.Contains(body, "urn:mine") {
		t.Errorf("the second database answers with %d, %s", status, body)
	}
	if err := e.Check(t.Context(), second); err != nil {
		t.Errorf("checking a copy: %v", err)
	}
}

// A Virtuoso of another version makes a database of its own.
func TestCopiesAreOfOneVersion(t *testing.T) {
	t.Parallel()
	m := mould{turn: make(chan struct{}, 1), version: "0.0.0", files: map[string][]byte{}}
	s := dbengine.Settings{Dir: t.TempDir(), Address: "127.0.0.1", Port: porttest.One(t), User: dbengine.DefaultUser("nobody")}
	if err := s.MakeDir(s.Path("data")); err != nil {
		t.Fatal(err)
	}
	if err := m.fill(t.Context(), s, "0.0.1"); err != nil {
		t.Fatal(err)
	}
	if m.version != "0.0.1" || len(m.files["virtuoso.db"]) == 0 {
		t.Errorf("it keeps %d bytes of version %s", len(m.files["virtuoso.db"]), m.version)
	}
	size := 0
	for _, kept := range m.files {
		size += len(kept)
	}
	if size > 4<<20 {
		t.Errorf("what is kept in memory takes %d bytes", size)
	}

	m.turn <- struct{}{} // another is at it
	given, cancel := context.WithCancel(t.Context())
	cancel()
	if err := m.fill(given, s, "0.0.1"); err == nil {
		t.Error("one who gave up waiting has a database")
	}
}
