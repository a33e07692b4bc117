package sandbox_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"strongroom/internal/sandbox"
	"strongroom/internal/waittest"
)

// ordinary is set where this test runs again as an ordinary user.
const ordinary = "SANDBOX_TEST_ORDINARY"

// leader is set in the process that starts a sandbox to be killed.
const leader = "SANDBOX_TEST_LEADER"

func TestMain(m *testing.M) {
	if marker := os.Getenv(leader); marker != "" {
		lead(marker)
	}
	os.Exit(m.Run())
}

// TestAsOrdinaryUser runs all the tests again as an ordinary user, where this is root.
func TestAsOrdinaryUser(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("it is one: the others run as it")
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	program, err := os.ReadFile(self)
	if err != nil {
		t.Fatal(err)
	}
	dir, err := os.MkdirTemp("/tmp", "sandbox-ordinary")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o777); err != nil { //nolint:gosec // an ordinary user's place
		t.Fatal(err)
	}
	copied := filepath.Join(dir, "sandbox.test")
	if err := os.WriteFile(copied, program, 0o755); err != nil { //nolint:gosec // a program
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), "setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", copied, "-test.v", "-test.timeout=15m")
	cmd.Env = []string{ordinary + "=1", "TMPDIR=" + dir, "PATH=" + os.Getenv("PATH"), "HOME=" + dir}
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("as an ordinary user: %v\n%s", err, out)
	}
	if n := bytes.Count(out, []byte("--- PASS: Test")); n < 6 {
		t.Fatalf("only %d tests ran as an ordinary user:\n%s", n, out)
	}
}

var user = &sandbox.User{UID: 780001, GID: 780001, Name: "tester"}

func shell(script string) sandbox.Spec {
	return sandbox.Spec{Program: "/bin/sh", Args: []string{"-c", script}, User: user, Temporary: 1 << 20}
}

func run(t *testing.T, s sandbox.Spec) (stdout string, err error) {
	t.Helper()
	cmd, err := s.Command(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var out, diagnosis strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &diagnosis
	err = cmd.Run()
	t.Logf("%s\nstderr: %s", out.String(), diagnosis.String())
	return strings.TrimSpace(out.String()), err
}

func TestWhatIsInside(t *testing.T) {
	bound := filepath.Join(t.TempDir(), "secret-host")
	if err := os.Mkdir(bound, 0o755); err != nil { //nolint:gosec // it is shown
		t.Fatal(err)
	}
	secret := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(secret, []byte("hidden"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct{ script, want string }{
		"no files of the host":            {"cat " + secret + " 2>/dev/null || echo none", "none"},
		"no data directories":             {"ls -d /home /root /var/lib /var/log /srv /mnt /work /boot /sys 2>/dev/null || true", ""},
		"no secrets of etc":               {"ls /etc/shadow /etc/ssl/private /etc/ssh 2>/dev/null || true", ""},
		"only its own processes":          {"set -- /proc/[0-9]*; [ $# -le 3 ] && echo few || echo $*", "few"},
		"no paths of the host in /proc":   {"cat /proc/[0-9]*/cmdline > /tmp/all; grep -c secret-hos[t] /tmp/all || true; cat /proc/1/environ 2>/dev/null | tr '\\0' '\\n' | grep -c SECRET_OF_THE_SERVER || true", "0\n0"},
		"no environment of the server":    {"env | cut -d= -f1 | grep -v '^PWD$\\|^_$\\|^SHLVL$\\|^OLDPWD$' | sort", "GIVEN\nPATH"},
		"no capabilities":                 {"grep -E 'Cap(Inh|Prm|Eff|Amb)' /proc/self/status | grep -vc 0000000000000000 || true", "0"},
		"no new privileges":               {"grep NoNewPrivs /proc/self/status | cut -f2", "1"},
		"no network but loopback":         {"cut -d: -f1 /proc/net/dev | tail -n +3 | tr -d ' '", "lo"},
		"no devices of the host":          {"ls /dev/vda* /dev/sda* /dev/mem /dev/kmsg /dev/fuse 2>/dev/null || true", ""},
		"nothing to write but /tmp":       {"for d in / /dev /dev/shm /etc /usr /usr/bin /proc /proc/sys /run /bin; do touch $d/x 2>/dev/null && echo $d; done; touch /tmp/x && echo tmp", "tmp"},
		"no open files of the server":     {"ls /proc/self/fd | grep -v '^[0123]$' || true", ""},
		"a name for its user":             {"[ $(id -un) = tester ] && echo yes || id", "yes"},
		"an own session":                  {"[ $(cut -d' ' -f6 /proc/self/stat) -le 3 ] && echo own", "own"},
		"no core files":                   {"ulimit -c", "0"},
		"its host's name is not told":     {"uname -n", "localhost"},
		"mounting is not possible":        {"mount -t tmpfs x /tmp 2>/dev/null && echo mounted; umount /etc/passwd 2>/dev/null && echo unmounted; echo no", "no"},
		"root's processes are not killed": {"kill -9 1 2>/dev/null; echo alive", "alive"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("SECRET_OF_THE_SERVER", "hidden")
			s := shell(c.script)
			s.Env = []string{"GIVEN=1"}
			s.Binds = []sandbox.Bind{{Host: bound, Inside: "/var/task"}}
			got, err := run(t, s)
			if err != nil {
				t.Fatal(err)
			}
			if got != c.want {
				t.Errorf("it printed %q, not %q", got, c.want)
			}
		})
	}
}

// TestOnlyTheProgramHasItsEnvironment: what makes the sandbox is partly root outside and partly privileged inside. The dynamic
// linker writes what it does in each program into files that a variable names, and complains of a library that is not there.
func TestOnlyTheProgramHasItsEnvironment(t *testing.T) {
	for name, start := range map[string]func(sandbox.Spec) (*exec.Cmd, error){
		"a program": func(s sandbox.Spec) (*exec.Cmd, error) { return s.Command(t.Context()) },
		"a program that is served": func(s sandbox.Spec) (*exec.Cmd, error) {
			cmd, _, err := s.Listening(t.Context(), "127.0.0.1:1024")
			return cmd, err
		},
	} {
		t.Run(name, func(t *testing.T) {
			outside := t.TempDir()
			begin := func(script string, env ...string) (stdout, stderr string) {
				t.Helper()
				s := shell(script)
				s.Env = env
				cmd, err := start(s)
				if err != nil {
					t.Fatal(err)
				}
				var out, diagnosis strings.Builder
				cmd.Stdout, cmd.Stderr = &out, &diagnosis
				if err := cmd.Run(); err != nil {
					t.Fatalf("%v: %s", err, diagnosis.String())
				}
				return strings.TrimSpace(out.String()), diagnosis.String()
			}
			begin("true", "LD_DEBUG=files", "LD_DEBUG_OUTPUT="+outside+"/trace")
			if left, err := os.ReadDir(outside); err != nil || len(left) > 0 {
				t.Errorf("it wrote %v on the host, %v", left, err)
			}
			// The linker of each program that was given the variable says which program that is.
			got, _ := begin("unset LD_DEBUG; grep -ho 'initialize program: .*' /tmp/trace.*", "LD_DEBUG=files", "LD_DEBUG_OUTPUT=/tmp/trace")
			if got != "initialize program: /bin/sh" {
				t.Errorf("the variables reached %q", got)
			}
			if _, complaints := begin("true", "LD_PRELOAD=/var/task/none.so"); strings.Count(complaints, "/var/task/none.so") != 1 {
				t.Errorf("beside the program, others loaded the library: %s", complaints)
			}
			if got, _ := begin("echo $A $PATH $PWD", "A=1", "PATH=/bin", "A=2 3"); got != "2 3 /bin /" {
				t.Errorf("it has %q", got)
			}
		})
	}
}

func TestWhoItIs(t *testing.T) {
	want := strconv.Itoa(os.Getuid())
	if os.Geteuid() == 0 {
		want = strconv.Itoa(user.UID)
	}
	got, err := run(t, shell("id -u; id -g; id -G"))
	if want := want + "\n" + want + "\n" + want; err != nil || got != want {
		t.Errorf("it is %q (%v), not %q", got, err, want)
	}
}

// TestBinds: what is bound can be read, below parents that nobody may enter, and written only if that was said.
func TestBinds(t *testing.T) {
	parent := t.TempDir()
	if err := os.Chmod(parent, 0o700); err != nil {
		t.Fatal(err)
	}
	code, data := filepath.Join(parent, "code"), filepath.Join(parent, "data")
	for _, dir := range []string{code, data} {
		if err := os.Mkdir(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		if os.Geteuid() == 0 {
			if err := os.Chown(dir, user.UID, user.GID); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := os.WriteFile(filepath.Join(code, "f"), []byte("content\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	s := shell("cat f; touch x 2>/dev/null || echo read-only; echo written > " + data + "/x; ls " + parent)
	s.Binds = []sandbox.Bind{{Host: code, Inside: "/var/task"}, {Host: data, Write: true}}
	s.Dir = "/var/task"
	got, err := run(t, s)
	if want := "content\nread-only\ndata"; err != nil || got != want {
		t.Errorf("it printed %q (%v), not %q", got, err, want)
	}
	if text, err := os.ReadFile(filepath.Join(data, "x")); err != nil || string(text) != "written\n" {
		t.Errorf("outside there is %q, %v", text, err)
	}
}

func TestLimits(t *testing.T) {
	t.Run("temporary files", func(t *testing.T) {
		got, _ := run(t, shell("head -c 3000000 /dev/zero > /tmp/x 2>/dev/null; wc -c < /tmp/x"))
		if n, err := strconv.Atoi(got); err != nil || n > 1<<20 {
			t.Errorf("it wrote %s bytes into a /tmp of a MiB", got)
		}
	})
	t.Run("processes", func(t *testing.T) {
		s := shell("n=0; while [ $n -lt 100 ]; do sleep 60 & n=$((n+1)); echo $n; done 2>/dev/null")
		s.Limits.Processes = 20
		cmd, err := s.Command(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		out, _ := cmd.Output() // the shell fails, as it can fork no more
		last, _ := strconv.Atoi(string(out[bytes.LastIndexByte(bytes.TrimSpace(out), '\n')+1 : len(out)-1]))
		if last == 0 || last > 20 {
			t.Errorf("it made %d processes where it may have 20", last)
		}
	})
	t.Run("memory", func(t *testing.T) {
		s := shell("head -c 100000000 /dev/zero | tail -c 90000000 | wc -c")
		s.Limits.Data = 50 << 20
		if got, _ := run(t, s); got == "90000000" {
			t.Error("it kept 90 MB where a process may have 50")
		}
	})
	t.Run("files", func(t *testing.T) {
		s := shell("ulimit -n; ulimit -f")
		s.Limits.OpenFiles, s.Limits.FileSize = 77, 512<<10
		if got, err := run(t, s); err != nil || got != "77\n1024" {
			t.Errorf("the limits are %q, %v", got, err)
		}
	})
}

// TestServesInside: a server of this process is found inside at the address, and only inside.
func TestServesInside(t *testing.T) {
	s := sandbox.Spec{Program: "/usr/bin/perl", User: user, Temporary: 1 << 20, Args: []string{"-e", `
use IO::Socket::INET;
for my $port (9001, 4566) {
  my $s = IO::Socket::INET->new(PeerAddr => "127.0.0.1:$port") or die "no $port: $!";
  print $s "GET /here HTTP/1.0\r\n\r\n"; local $/; my $answer = <$s>; $answer =~ s/.*\r\n\r\n//s; print "$answer\n";
}
print join(",", grep { !/^\./ } map { s{.*/}{}r } glob("/proc/self/fd/*")), "\n";`}}
	cmd, listeners, err := s.Listening(t.Context(), "127.0.0.1:9001", "127.0.0.1:4566")
	if err != nil {
		t.Fatal(err)
	}
	var out, diagnosis strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &diagnosis
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	all, err := listeners.Receive(t.Context())
	if err != nil {
		t.Fatalf("%v\n%s", err, diagnosis.String())
	}
	for i, l := range all {
		server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = fmt.Fprintf(w, "%d %s", i, r.URL.Path) }), ReadHeaderTimeout: time.Minute}
		go func() { _ = server.Serve(l) }()
		t.Cleanup(func() { _ = server.Close() })
	}
	if err := cmd.Wait(); err != nil {
		t.Fatalf("%v\n%s", err, diagnosis.String())
	}
	if lines := strings.Split(out.String(), "\n"); !slices.Equal(lines[:2], []string{"0 /here", "1 /here"}) || !strings.HasPrefix(lines[2], "0,1,2,3") || strings.HasPrefix(lines[2], "0,1,2,3,4,5") {
		t.Errorf("inside it found %q", out.String())
	}
}

func TestListeningTellsWhyNot(t *testing.T) {
	for name, c := range map[string]struct {
		addresses []string
		program   string
		want      string
	}{
		"an address that cannot be": {[]string{"192.0.2.1:80"}, "/bin/true", "cannot assign requested address"},
		"an address twice":          {[]string{"127.0.0.1:1024", "127.0.0.1:1024"}, "/bin/true", "address already in use"},
	} {
		t.Run(name, func(t *testing.T) {
			cmd, listeners, err := sandbox.Spec{Program: c.program, User: user}.Listening(t.Context(), c.addresses...)
			if err != nil {
				t.Fatal(err)
			}
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			if _, err := listeners.Receive(t.Context()); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("the error is %v", err)
			}
			if err := cmd.Wait(); err == nil {
				t.Error("the program ran")
			}
		})
	}
	t.Run("a sandbox that cannot be made", func(t *testing.T) {
		s := sandbox.Spec{Program: "/bin/true", User: user, Binds: []sandbox.Bind{{Host: "/there/is/no/such"}}}
		cmd, listeners, err := s.Listening(t.Context(), "127.0.0.1:1024")
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		if _, err := listeners.Receive(t.Context()); err == nil {
			t.Error("it listens")
		}
		_ = cmd.Wait()
	})
}

func TestProgramThatIsMissing(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	_, err := shell("true").Command(t.Context())
	var missing *sandbox.NotInstalledError
	if !errors.As(err, &missing) || missing.Program != "bwrap" || missing.Package != "bubblewrap" {
		t.Errorf("the error is %v", err)
	}
}

func TestRootNamesAnOrdinaryUser(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("it is for root")
	}
	for _, u := range []*sandbox.User{nil, {}, {UID: 0, GID: 5}, {UID: 5}} {
		s := shell("true")
		s.User = u
		if _, err := s.Command(t.Context()); err == nil {
			t.Errorf("root may run a program as %+v", u)
		}
	}
}

// stubborn leaves processes in sessions of their own that ignore signals, and says when it has.
func stubborn(marker string) sandbox.Spec {
	return shell(`trap "" TERM HUP INT; (setsid setsid sh -c 'trap "" TERM HUP INT; sleep ` + marker + `' &) ; echo ready; sleep ` + marker)
}

// lead is the process that starts a sandbox to be killed.
func lead(marker string) {
	cmd, err := stubborn(marker).Command(context.Background())
	if err == nil {
		cmd.Stdout = os.Stdout
		err = cmd.Run()
	}
	fmt.Println(err)
	os.Exit(1)
}

// having counts the host's processes that have a word among their arguments.
func having(t *testing.T, word string) (n int) {
	t.Helper()
	all, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range all {
		if text, err := os.ReadFile(name); err == nil && slices.Contains(strings.Split(string(text), "\x00"), word) {
			n++
		}
	}
	return n
}

// TestNothingOutlivesTheServer: kill -9 of who started a sandbox ends all that runs in it.
func TestNothingOutlivesTheServer(t *testing.T) {
	marker := strconv.Itoa(100000000 + os.Getpid())
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	server := exec.CommandContext(t.Context(), self)
	server.Env = append(os.Environ(), leader+"="+marker)
	out, err := server.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	if line, err := bufio.NewReader(out).ReadString('\n'); line != "ready\n" {
		t.Fatalf("it said %q, %v", line, err)
	}
	waittest.Until(t, "the processes never ran", func() bool { return having(t, marker) == 2 })
	if err := server.Process.Signal(syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	_, _ = io.Copy(io.Discard, out)
	_ = server.Wait()
	waittest.Until(t, "processes outlived the server", func() bool { return having(t, marker) == 0 })
}

// TestNothingOutlivesTheCommand: killing the command ends all that runs in its sandbox.
func TestNothingOutlivesTheCommand(t *testing.T) {
	marker := strconv.Itoa(200000000 + os.Getpid())
	ctx, cancel := context.WithCancel(t.Context())
	cmd, err := stubborn(marker).Command(ctx)
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if line, err := bufio.NewReader(out).ReadString('\n'); line != "ready\n" {
		t.Fatalf("it said %q, %v", line, err)
	}
	waittest.Until(t, "the processes never ran", func() bool { return having(t, marker) == 2 })
	cancel()
	_ = cmd.Wait()
	waittest.Until(t, "processes outlived the command", func() bool { return having(t, marker) == 0 })
}
