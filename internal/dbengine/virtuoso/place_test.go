package virtuoso

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"strongroom/internal/dbengine"
	"strongroom/internal/dbengine/dbenginetest"
	"strongroom/internal/porttest"
)

// elsewhere is a directory for a database that is in none for temporary files. Virtuoso reads and writes whatever is below /tmp,
// and so all the other databases of these tests, whatever its configuration says.
func elsewhere(t *testing.T) dbengine.Settings {
	t.Helper()
	dir, err := os.MkdirTemp("/var/tmp", "virtuoso")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dbengine.Settings{Dir: filepath.Join(dir, "db"), Address: "127.0.0.1", Port: porttest.One(t), User: dbengine.DefaultUser("nobody")}
}

// TestPlace: a database lies wherever the server's data do, and is written, backed up and restored there.
func TestPlace(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	e, first, second := New(), elsewhere(t), elsewhere(t)
	if err := first.MakeDir(first.Dir); err != nil {
		t.Fatal(err)
	}
	if err := e.Init(ctx, first); err != nil {
		t.Fatal(err)
	}
	v := running(t, e, first)
	if status, body := byDoor(t, first, url.Values{"update": {"INSERT DATA { <urn:a> <urn:b> <urn:mine> }"}}); status != http.StatusOK {
		t.Errorf("writing is answered with %d, %s", status, body)
	}
	for _, path := range []string{"virtuoso.trx", "virtuoso.ini", "nothing/../virtuoso.ini", "../backup/../tls/server.key"} {
		if _, err := v.sql(ctx, "select file_to_string('"+path+"');\n"); err == nil || !strings.Contains(err.Error(), "is denied") {
			t.Errorf("SQL reads %s of the database: %v", path, err)
		}
	}
	if err := v.Backup(ctx, dbenginetest.Directory(second.Dir)); err != nil {
		t.Fatalf("backing up: %v", err)
	}
	if err := e.Restored(ctx, second); err != nil {
		t.Fatalf("restoring: %v", err)
	}
	running(t, e, second)
	if err := e.Check(ctx, second); err != nil {
		t.Errorf("checking what was restored: %v", err)
	}
	for want, what := range map[string]url.Values{
		"true": {"query": {"ASK { <urn:a> <urn:b> <urn:mine> }"}}, "done": {"update": {"INSERT DATA { <urn:a> <urn:b> <urn:more> }"}},
	} {
		if status, body := byDoor(t, second, what); status != http.StatusOK || !strings.Contains(body, want) {
			t.Errorf("what was restored answers %v with %d, %s", what, status, body)
		}
	}
}

func running(t *testing.T, e *Engine, s dbengine.Settings) *server {
	t.Helper()
	v, err := e.Start(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = v.Stop(context.Background()) })
	return v.(*server)
}

// TestNotPrepared: a Virtuoso that did not run what makes a database of it does not serve, and says why.
func TestNotPrepared(t *testing.T) {
	t.Parallel()
	for said, want := range map[string]string{
		"": "did not run",
		"\nError on loading file 'autoexec.isql'\nStatus returned: 42000 FA003: Access to 'autoexec.isql' is denied\n12:00:00 Server online": "Access to 'autoexec.isql' is denied",
		"12:00:00 Error in autoexec.isql: [42000] SR186: No permission\n12:00:00 " + prepared:                                                "No permission",
	} {
		var why *dbengine.StartError
		if err := notPrepared(said); !errors.As(err, &why) || !strings.Contains(why.Error(), want) {
			t.Errorf("of the log %q it says %v", said, err)
		}
	}
	if err := notPrepared("12:00:00 Error in autoexec.isql: [42000] U0013: The object \"SPARQL\" already have role \"SPARQL_UPDATE\" assigned\n12:00:00 " + prepared + "\n12:00:00 Server online"); err != nil {
		t.Errorf("of a database that is ready it says %v", err)
	}
}

// TestAdmitted: what a start ends with needs everybody's permissions, and says so where they are not there.
func TestAdmitted(t *testing.T) {
	t.Parallel()
	v, _ := alone(t)
	if err := v.admit(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := v.sql(t.Context(), `REVOKE SPARQL_UPDATE FROM "SPARQL";`+"\n"); err != nil {
		t.Fatal(err)
	}
	var why *dbengine.StartError
	if err := v.admit(t.Context()); !errors.As(err, &why) || !strings.Contains(why.Error(), "SR186") {
		t.Errorf("without the permissions it says %v", err)
	}
}
