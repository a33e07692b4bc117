package dbenginetest

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"

	"strongroom/internal/dbengine"
)

// leading is set in a process that starts a database and is killed then. Its value is the settings.
const leading = "DBENGINETEST_LEADING"

// ordinary is set where the suite runs again as an ordinary user.
const ordinary = "DBENGINETEST_ORDINARY"

// Main is the TestMain of an engine's tests: they start themselves again, as a server that is killed and as another user. More of
// them run at once than there are processors, as they wait for databases; what -parallel says on the command line counts all the same.
func Main(m *testing.M, e dbengine.Engine) {
	if text := os.Getenv(leading); text != "" {
		lead(e, text)
	}
	_ = flag.Set("test.parallel", "4")
	os.Exit(m.Run())
}

// lead starts a database, says so, and waits to be killed.
func lead(e dbengine.Engine, text string) {
	var set dbengine.Settings
	if err := json.Unmarshal([]byte(text), &set); err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	if _, err := e.Start(context.Background(), set); err != nil {
		fmt.Println(explained(err))
		os.Exit(1)
	}
	fmt.Println("ready")
	select {}
}

// serverKilled kills the process that runs a database, while clients write, and starts the database from another at once: all
// that was acknowledged is there, and nobody but the new one runs it.
func serverKilled(t *testing.T, s *Subject) {
	ctx := t.Context()
	set := s.initialized(t)
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(set)
	if err != nil {
		t.Fatal(err)
	}
	leader := exec.CommandContext(ctx, self)
	leader.Env = append(os.Environ(), leading+"="+string(text))
	out, err := leader.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := leader.Start(); err != nil {
		t.Fatal(err)
	}
	if line, err := bufio.NewReader(out).ReadString('\n'); line != "ready\n" {
		t.Fatalf("it said %q, %v; is %T's TestMain dbenginetest.Main?", line, err, s.Engine)
	}
	if err := s.open(t, set).Create(ctx); err != nil {
		t.Fatal(err)
	}
	writing := write(t, s, set)
	writing.atLeast(t, 50)
	if err := leader.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	// No new server begins before the old one has ended, but its databases' processes may be ending still.
	_, _ = leader.Process.Wait()
	srv := s.started(t, set)
	writing.stop()
	_ = out.Close()
	if err := srv.Ping(ctx); err != nil {
		t.Fatal(err)
	}
	contents, err := s.open(t, set).Read(ctx)
	if err != nil {
		t.Fatal(err)
	}
	whole(t, contents, writing.acknowledged)
}

// asOrdinaryUser runs a part of the suite as the database's user, who is not root and has no sandbox.
func asOrdinaryUser(t *testing.T, s *Subject) {
	u := dbengine.DefaultUser(s.Users...)
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	dir, err := os.MkdirTemp("/tmp", "dbengine-ordinary") // below no directory that only root may enter
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	if err := os.Chown(dir, u.UID, u.GID); err != nil {
		t.Fatal(err)
	}
	copied := filepath.Join(dir, "suite.test")
	copyProgram(t, self, copied)
	for _, name := range s.Beside {
		copyProgram(t, ofRepository(t, name), filepath.Join(dir, name))
	}
	cmd := exec.CommandContext(t.Context(), "setpriv", "--reuid="+strconv.Itoa(u.UID), "--regid="+strconv.Itoa(u.GID), "--clear-groups",
		copied, "-test.v", "-test.timeout=15m", "-test.run=^TestEngine$")
	cmd.Env = []string{ordinary + "=1", "TMPDIR=" + dir, "PATH=" + os.Getenv("PATH"), "HOME=" + dir}
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	want := 0
	for _, name := range ordinaries {
		if s.Spared[name] == "" {
			want++
		}
	}
	if err != nil || bytes.Count(out, []byte("--- PASS: TestEngine/")) != want {
		t.Fatalf("as an ordinary user: %v\n%s", err, out)
	}
}

func copyProgram(t *testing.T, from, to string) {
	t.Helper()
	program, err := os.ReadFile(from)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(to, program, 0o755); err != nil { //nolint:gosec // a program
		t.Fatal(err)
	}
}

// ofRepository is a program in the bin of a directory above.
func ofRepository(t *testing.T, name string) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for ; dir != filepath.Dir(dir); dir = filepath.Dir(dir) {
		if path := filepath.Join(dir, "bin", name); len(glob(t, path)) > 0 {
			return path
		}
	}
	t.Fatalf("there is no bin/%s: make build makes it", name)
	return ""
}

// ordinaries are the parts of the suite that differ for an ordinary user.
var ordinaries = []string{"Backup", "ServerKilled", "TooLarge"}
