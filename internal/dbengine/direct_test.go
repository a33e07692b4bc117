package dbengine

import (
	"bytes"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
)

// TestDirect: where no sandbox can be made, a program is the database's user all the same.
func TestDirect(t *testing.T) {
	t.Parallel()
	want := os.Getuid()
	s := Settings{Dir: "/tmp", User: DefaultUser("nobody")}
	if s.User != nil {
		want = s.User.UID
	}
	cmd := s.direct(t.Context(), Command{Program: "/bin/sh", Args: []string{"-c", "id -u; id -G; pwd; env"}, Dir: "/tmp"})
	out, err := output(cmd)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(out, "\n")
	if lines[0] != strconv.Itoa(want) || lines[2] != "/tmp" {
		t.Errorf("it is %q", lines)
	}
	if os.Getuid() == 0 && lines[1] != strconv.Itoa(s.User.GID) {
		t.Errorf("its groups are %s", lines[1])
	}
	if strings.Contains(out, "HOME=") {
		t.Errorf("it has the server's environment: %s", out)
	}
}

func output(cmd *exec.Cmd) (string, error) {
	var out bytes.Buffer
	cmd.Stdout = &out
	ended, err := begin(cmd)
	if err == nil {
		err = <-ended
	}
	return out.String(), err
}
