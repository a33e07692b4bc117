package virtuoso

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"strongroom/internal/dbengine"
	"strongroom/internal/porttest"
)

// alone is a database that runs, with what only this package reaches.
func alone(t *testing.T) (*server, dbengine.Settings) {
	t.Helper()
	e := New()
	s := dbengine.Settings{Dir: t.TempDir(), Address: "127.0.0.1", Port: porttest.One(t), User: dbengine.DefaultUser("nobody")}
	if err := e.Init(t.Context(), s); err != nil {
		t.Fatal(err)
	}
	started, err := e.Start(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = started.Stop(context.Background()) })
	return started.(*server), s
}

// bystander is a service of this host that is not the database's business, and counts who comes.
func bystander(t *testing.T) (address string, came *atomic.Int32) {
	t.Helper()
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	came = new(atomic.Int32)
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			came.Add(1)
			_, _ = io.WriteString(c, "HTTP/1.0 200 OK\r\n\r\n<urn:stolen> <urn:stolen> <urn:stolen> .\n")
			_ = c.Close()
		}
	}()
	return l.Addr().String(), came
}

// TestAlone: nobody reaches a database but by its door, and it reaches nobody, not even as its administrator.
func TestAlone(t *testing.T) {
	t.Parallel()
	v, s := alone(t)
	address, came := bystander(t)

	mine, err := os.Readlink("/proc/self/ns/net")
	if err != nil {
		t.Fatal(err)
	}
	for _, process := range processes(t, s.Path("data")) {
		if its, err := os.Readlink(process + "/ns/net"); err != nil || its == mine {
			t.Errorf("%s has the host's network %s, %v", process, its, err)
		}
	}

	// Past the gateway, as one who broke through it would.
	for _, path := range []string{"virtuoso.db", "virtuoso.ini", "virtuoso.trx", "virtuoso.log", "autoexec.isql", "data/virtuoso.db", "..%2fvirtuoso.ini", "%2e%2e/virtuoso.ini", "nothing"} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+httpAddress+"/"+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		answer, err := v.client.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(answer.Body)
		_ = answer.Body.Close()
		if answer.StatusCode == http.StatusOK || strings.Contains(string(body), "[Parameters]") {
			t.Errorf("/%s is answered with %s and %d bytes", path, answer.Status, len(body))
		}
	}
	if said, err := v.sql(t.Context(), "select 'a' || 'nswered';\n"); err != nil || !strings.Contains(said, "answered") {
		t.Errorf("as the administrator: %s, %v", said, err)
	}
	for _, statement := range []string{"select http_get('http://" + address + "/')", "select http_client('http://" + address + "/')"} {
		if said, err := v.sql(t.Context(), statement+";\n"); err == nil || !strings.Contains(err.Error(), "onnect") {
			t.Errorf("%s: %s, %v", statement, said, err)
		}
	}
	if said, err := v.sql(t.Context(), "select file_to_string('/etc/passwd');\n"); err == nil {
		t.Errorf("it reads files of its host: %s", said)
	}

	// By the door.
	for kind, text := range map[string][]string{
		"query": {
			"SELECT (bif:http_get('http://" + address + "/') AS ?x) {}", "SELECT (<bif:http_client>('http://" + address + "/') AS ?x) {}",
			"PREFIX x: <b\\u0069f:> SELECT (x:exec('create table DB.DBA.MINE (A int)') AS ?x) {}",
			"SELECT * { SERVICE <http://" + address + "/> { ?s ?p ?o } }",
			"define get:soft \"replace\" SELECT * FROM <http://" + address + "/> { ?s ?p ?o }",
		},
		"update": {"LOAD <http://" + address + "/> INTO GRAPH <urn:g>", "INSERT { <urn:a> <urn:b> ?x } WHERE { BIND(bif:exec('delete from DB.DBA.RDF_QUAD') AS ?x) }"},
	} {
		for _, one := range text {
			if status, body := byDoor(t, s, url.Values{kind: {one}}); status != http.StatusBadRequest || !strings.Contains(body, "Exception") {
				t.Errorf("%s: %d %s", one, status, body)
			}
		}
	}
	for _, graph := range []string{"urn:g> define get:soft \"replace\" ", "bif:x"} {
		if status, body := byDoor(t, s, url.Values{"query": {"ASK {}"}, "default-graph-uri": {graph}}); status != http.StatusBadRequest {
			t.Errorf("the graph %s: %d %s", graph, status, body)
		}
	}
	if n := came.Load(); n != 0 {
		t.Errorf("the database reached a service of the host %d times", n)
	}
	if _, err := os.Stat(s.Path("data", "autoexec.isql")); !os.IsNotExist(err) {
		t.Errorf("what the database was started with is left: %v", err)
	}
}

func byDoor(t *testing.T, s dbengine.Settings, form url.Values) (int, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, fmt.Sprintf("http://127.0.0.1:%d/sparql", s.Port), strings.NewReader(form.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = answer.Body.Close() }()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer.StatusCode, string(body)
}

// processes are those that work in a directory.
func processes(t *testing.T, dir string) (found []string) {
	t.Helper()
	want, err := os.Stat(dir)
	if err != nil {
		t.Fatal(err)
	}
	all, err := filepath.Glob("/proc/[0-9]*")
	if err != nil {
		t.Fatal(err)
	}
	for _, process := range all {
		if its, err := os.Stat(process + "/cwd"); err == nil && os.SameFile(its, want) {
			found = append(found, process)
		}
	}
	if len(found) == 0 {
		t.Fatal("no process works there")
	}
	return found
}

// TestAsOrdinaryUser: who is not root has databases that are alone all the same.
func TestAsOrdinaryUser(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("it is one: TestAlone runs as it")
	}
	t.Parallel()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	program, err := os.ReadFile(self)
	if err != nil {
		t.Fatal(err)
	}
	dir, err := os.MkdirTemp("/tmp", "virtuoso-ordinary")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o777); err != nil { //nolint:gosec // an ordinary user's place
		t.Fatal(err)
	}
	copied := filepath.Join(dir, "virtuoso.test")
	if err := os.WriteFile(copied, program, 0o755); err != nil { //nolint:gosec // a program
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), "setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", copied, "-test.v", "-test.run=^TestAlone$")
	cmd.Env, cmd.Dir = []string{"TMPDIR=" + dir, "PATH=" + os.Getenv("PATH"), "HOME=" + dir}, dir
	if out, err := cmd.CombinedOutput(); err != nil || !strings.Contains(string(out), "--- PASS: TestAlone") {
		t.Fatalf("as an ordinary user: %v\n%s", err, out)
	}
}
