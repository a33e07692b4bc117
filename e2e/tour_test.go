package e2e

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"strongroom/internal/porttest"
)

// root is the folder of the repository.
func root(t *testing.T) string {
	t.Helper()
	dir, err := filepath.Abs("..")
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// binary is the program under test.
func binary(t *testing.T) string {
	t.Helper()
	path := filepath.Join(root(t), "bin", "strongroom")
	if _, err := os.Stat(path); err != nil {
		t.Fatalf("the program is not built (make build does it): %v", err)
	}
	return path
}

// TestTour runs the commands of the README's tour as they are written, in one shell, and compares what they print with
// what the README says they print.
func TestTour(t *testing.T) {
	t.Parallel()
	readme, err := os.ReadFile(filepath.Join(root(t), "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	script, wanted := tour(t, string(readme), "A tour of five minutes")
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "bin"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(filepath.Join(root(t), "e2e", "testdata", "tour", "strongroom"), filepath.Join(dir, "bin", "strongroom")); err != nil {
		t.Fatal(err)
	}
	config := filepath.Join(dir, "config.yaml") // the ports of the tour may be another server's
	text := fmt.Sprintf("listen: 127.0.0.1:%d\ndatabases: {ports: %s}\n", porttest.One(t), porttest.New(t))
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	walk(t, dir, script, wanted, "TOUR_PROGRAM="+binary(t), "TOUR_CONFIG="+config)
	if len(wanted) < 4 {
		t.Errorf("the README shows only %d lines of output", len(wanted))
	}
}

// TestDatabaseTour does the same with the tour of docs/databases.md, whose server is started already.
func TestDatabaseTour(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile(filepath.Join(root(t), "docs", "databases.md"))
	if err != nil {
		t.Fatal(err)
	}
	script, wanted := tour(t, string(page), "A tour")
	p := newProcess(t)
	p.start(t.Context(), t)
	t.Cleanup(func() { // orderly, so that its databases end with it
		_ = p.command.Process.Signal(syscall.SIGTERM)
		_ = p.command.Wait()
	})
	profiles := filepath.Join(p.dir, "data", "aws")
	walk(t, p.dir, script, wanted, "AWS_CONFIG_FILE="+profiles+"/config", "AWS_SHARED_CREDENTIALS_FILE="+profiles+"/credentials", "AWS_PROFILE=member")
	if len(wanted) < 4 {
		t.Errorf("the page shows only %d lines of output", len(wanted))
	}
}

// walk runs a tour's commands in one shell, and wants the output that it shows.
func walk(t *testing.T, dir, script string, wanted []string, environment ...string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Minute)
	defer cancel()
	shell := exec.CommandContext(ctx, "bash", "-euo", "pipefail", "-c", "trap 'kill $(jobs -p) 2>/dev/null || true; wait' EXIT\n"+script)
	shell.Dir = dir
	shell.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	shell.Cancel = func() error { return syscall.Kill(-shell.Process.Pid, syscall.SIGKILL) } // with what it has started
	shell.WaitDelay = time.Minute                                                            // for what has left the group and has its output open
	shell.Env = append(os.Environ(), "AWS_PAGER=", "PATH="+filepath.Join(root(t), ".tools", "bin")+":"+os.Getenv("PATH"))
	shell.Env = append(shell.Env, environment...)
	var log strings.Builder
	shell.Stderr = &log
	printed, err := shell.Output()
	if err != nil {
		t.Fatalf("the tour failed: %v\n%s\n%s", err, printed, log.String())
	}
	got := string(printed)
	for _, line := range wanted {
		at := strings.Index(got, line)
		if at < 0 {
			t.Fatalf("the tour is said to print %q next, and it does not:\n%s\n%s", line, printed, log.String())
		}
		got = got[at+len(line):]
	}
}

// tour takes the commands out of a page's section about the tour, and the output that it shows: its sh blocks are
// commands, its text blocks what they print.
func tour(t *testing.T, page, heading string) (script string, wanted []string) {
	t.Helper()
	_, section, found := strings.Cut(page, "\n## "+heading+"\n")
	if !found {
		t.Fatal("the page has no section with the tour")
	}
	section, _, _ = strings.Cut(section, "\n## ")
	var language string
	for line := range strings.Lines(section) {
		trimmed := strings.TrimSpace(line)
		switch {
		case strings.HasPrefix(trimmed, "```") && language == "":
			language = strings.TrimPrefix(trimmed, "```")
		case strings.HasPrefix(trimmed, "```"):
			language = ""
		case language == "sh":
			script += line
		case language == "text" && trimmed != "":
			wanted = append(wanted, trimmed)
		}
	}
	return script, wanted
}
