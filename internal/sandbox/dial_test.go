package sandbox_test

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"strongroom/internal/sandbox"
)

// server answers each connection with a line of its own at port 9001, and tells of its network by the first.
const server = `
use IO::Socket::INET;
my $s = IO::Socket::INET->new(LocalAddr => "127.0.0.1:9001", Listen => 20, ReuseAddr => 1) or die "no port: $!";
$| = 1; print join(",", grep { !/^\./ } map { s{.*/}{}r } glob("/proc/self/fd/*")), "\n";
my $n = 0;
while (my $c = $s->accept) { my $line = <$c>; print $c "$n $line"; close $c; exit 7 if $line eq "end\n"; $n++ }
`

func dialled(t *testing.T, s sandbox.Spec) (*exec.Cmd, *sandbox.Dialer, io.Reader) {
	t.Helper()
	cmd, d, err := s.Dialled(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(d.Close)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	d.Started()
	return cmd, d, out
}

// TestDialsInside: who has the dialer reaches a server inside, many at once; the host does not, and the program's end is the
// command's.
func TestDialsInside(t *testing.T) {
	cmd, d, out := dialled(t, sandbox.Spec{Program: "/usr/bin/perl", User: user, Temporary: 1 << 20, Args: []string{"-e", server}})
	files := make([]byte, 100)
	n, err := out.Read(files)
	if err != nil {
		t.Fatal(err)
	}
	// Its streams, its listener, and the directory that it reads: no way to the dialer.
	if got := strings.TrimSpace(string(files[:n])); !strings.HasPrefix(got, "0,1,2,3") || strings.HasPrefix(got, "0,1,2,3,4,5") {
		t.Errorf("it has the files %s", got)
	}
	ask := func(line string) (string, error) {
		c, err := d.Dial(t.Context(), "127.0.0.1:9001")
		if err != nil {
			return "", err
		}
		defer c.Close()
		if _, err := io.WriteString(c, line+"\n"); err != nil {
			return "", err
		}
		answer, err := io.ReadAll(c)
		return string(answer), err
	}
	var all sync.WaitGroup
	for range 10 {
		all.Go(func() {
			if got, err := ask("hello"); err != nil || !strings.HasSuffix(got, " hello\n") {
				t.Errorf("it answers %q, %v", got, err)
			}
		})
	}
	all.Wait()
	if c, err := (&net.Dialer{Timeout: time.Second}).DialContext(t.Context(), "tcp", "127.0.0.1:9001"); err == nil {
		_ = c.Close()
		t.Error("the host reaches it")
	}
	if _, err := d.Dial(t.Context(), "127.0.0.1:9002"); err == nil || !strings.Contains(err.Error(), "connection refused") {
		t.Errorf("where nobody listens: %v", err)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := d.Dial(ended, "127.0.0.1:9001"); !errors.Is(err, context.Canceled) {
		t.Errorf("after the end of the context: %v", err)
	}
	if _, err := ask("end"); err != nil {
		t.Error(err)
	}
	if err := cmd.Wait(); cmd.ProcessState.ExitCode() != 7 {
		t.Errorf("it ended with %v", err)
	}
	if _, err := d.Dial(t.Context(), "127.0.0.1:9001"); err == nil {
		t.Error("a sandbox that has ended is reached")
	}
}

// TestDialledTellsOfSignals: a program that a signal ended is told of as shells do.
func TestDialledTellsOfSignals(t *testing.T) {
	s := shell("kill -TERM $$")
	cmd, _, _ := dialled(t, s)
	if err := cmd.Wait(); cmd.ProcessState.ExitCode() != 128+15 {
		t.Errorf("it ended with %v", err)
	}
	s.Program = "/usr/bin/there-is-none"
	cmd, _, _ = dialled(t, s)
	if err := cmd.Wait(); cmd.ProcessState.ExitCode() != 127 {
		t.Errorf("it ended with %v", err)
	}
}
