package environment_test

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"strongroom/internal/sandbox"
	"strongroom/internal/service/lambda/environment"
	"strongroom/internal/service/lambda/functiontest"
	"strongroom/internal/waittest"
)

// bench is an environment and what it printed.
type bench struct {
	*environment.Environment
	mu    sync.Mutex
	lines []string
	n     int
}

var uids = make(chan int, 100)

func TestMain(m *testing.M) {
	for i := range 100 {
		uids <- 785000 + i
	}
	os.Exit(m.Run())
}

func serve(l net.Listener) {
	_ = (&http.Server{ReadHeaderTimeout: time.Minute, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { fmt.Fprintf(w, "endpoint %s", r.URL.Path) })}).Serve(l)
}

func start(t *testing.T, change func(*environment.Spec)) *bench {
	t.Helper()
	uid := <-uids
	b := &bench{}
	s := environment.Spec{
		Code: functiontest.Dir(t), Memory: 128 << 20, Temporary: 4 << 20, User: &sandbox.User{UID: uid, GID: uid}, Serve: serve, EndpointPort: 4566,
		Output: func(line string) {
			b.mu.Lock()
			defer b.mu.Unlock()
			b.lines = append(b.lines, line)
		},
	}
	if change != nil {
		change(&s)
	}
	e, err := environment.Start(s)
	if err != nil {
		t.Fatal(err)
	}
	b.Environment = e
	t.Cleanup(func() {
		e.Close()
		uids <- uid
	})
	return b
}

func (b *bench) printed() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.lines)
}

func (b *bench) invoke(t *testing.T, event string, timeout time.Duration) environment.Outcome {
	t.Helper()
	b.n++
	in := environment.Invocation{
		ID: "id-" + strconv.Itoa(b.n), FunctionARN: "arn:aws:lambda:eu-central-1:111111111111:function:f", TraceID: "Root=1", Payload: []byte(event), Timeout: timeout,
	}
	done := make(chan environment.Outcome, 1)
	go func() { done <- b.Invoke(in) }()
	var out environment.Outcome
	select {
	case out = <-done:
	case <-time.After(timeout + 3*time.Minute):
		t.Fatalf("%.200s outlives its time of %s", event, timeout)
	}
	t.Logf("%.200s: %.300s %+v", event, out.Payload, []any{out.Failed, out.Duration, out.Init, out.Memory, out.Ended, out.Line, out.Report})
	return out
}

func (b *bench) answer(t *testing.T, event, want string) {
	t.Helper()
	if out := b.invoke(t, event, time.Minute); out.Failed || string(out.Payload) != want {
		t.Errorf("%s: %s, not %s (printed %q)", event, out.Payload, want, b.printed())
	}
}

func TestInvocations(t *testing.T) {
	t.Parallel()
	b := start(t, func(s *environment.Spec) { s.Env = []string{"GIVEN=1"} })
	out := b.invoke(t, `{"do":"echo","value":{"a":[1,2]}}`, time.Minute)
	if out.Failed || string(out.Payload) != `{"a":[1,2]}` || out.Init <= 0 || out.Memory < 1<<20 || out.Duration <= 0 {
		t.Errorf("the first outcome is %+v", out)
	}
	if out := b.invoke(t, `{"do":"count"}`, time.Minute); string(out.Payload) != "2" || out.Init != 0 {
		t.Errorf("the second outcome is %+v", out)
	}
	out = b.invoke(t, `{"do":"context"}`, 7*time.Minute)
	var c struct {
		ID, ARN, Trace string
		Deadline, Now  int64
	}
	if err := json.Unmarshal(out.Payload, &c); err != nil || c.ID != "id-3" || c.ARN != "arn:aws:lambda:eu-central-1:111111111111:function:f" || c.Trace != "Root=1" ||
		c.Deadline-c.Now < 5*60_000 || c.Deadline-c.Now > 7*60_000 {
		t.Errorf("the context is %s, %v", out.Payload, err)
	}
	out = b.invoke(t, `{"do":"env"}`, time.Minute)
	var env []string
	if err := json.Unmarshal(out.Payload, &env); err != nil {
		t.Fatal(err)
	}
	for i := range env {
		env[i], _, _ = strings.Cut(env[i], "=")
	}
	slices.Sort(env)
	if got := strings.Join(env, " "); got != "AWS_LAMBDA_RUNTIME_API GIVEN PATH PWD _X_AMZN_TRACE_ID" {
		t.Errorf("the environment has %s", got)
	}
	b.answer(t, `{"do":"get","text":"http://127.0.0.1:4566/x"}`, `"endpoint /x"`)
	out = b.invoke(t, `{"do":"fail","text":"no luck"}`, time.Minute)
	if !out.Failed || !strings.Contains(string(out.Payload), `"errorMessage":"no luck"`) || out.Ended {
		t.Errorf("an error is %+v", out)
	}
	b.answer(t, `{"do":"count"}`, "7")
}

func TestOutput(t *testing.T) {
	t.Parallel()
	b := start(t, nil)
	want := []string{"one", "", strings.Repeat("x", 100000)}
	text, _ := json.Marshal(map[string]string{"do": "print", "text": strings.Join(want, "\n")})
	if out := b.invoke(t, string(text), time.Minute); out.Failed {
		t.Fatalf("%s", out.Payload)
	}
	if got := b.printed(); !slices.Equal(got, want) {
		t.Errorf("when it has answered, %d lines are there: %.200q", len(got), got)
	}
	out := b.invoke(t, `{"do":"shell","text":"printf x > /proc/$PPID/fd/2; kill -9 $PPID"}`, time.Minute)
	if got := b.printed(); !out.Failed || got[len(got)-1] != "x" {
		t.Errorf("what it printed before it died is %.100q", got[len(got)-1])
	}
}

// TestStoppedBetween: between invocations nothing runs.
func TestStoppedBetween(t *testing.T) {
	t.Parallel()
	b := start(t, nil)
	marker := fmt.Sprintf("%d", 300000000+os.Getpid())
	b.answer(t, `{"do":"shell","text":"sleep `+marker+` > /dev/null 2>&1 & until grep -q ^sleep /proc/$!/cmdline; do :; done"}`, `""`)
	all := together(t, marker)
	if len(all) < 3 { // bubblewrap, the bootstrap and what it started
		t.Fatalf("its processes are %v", all)
	}
	stopped := func(pid string) bool { return strings.HasPrefix(after(t, "/proc/"+pid+"/stat", ") "), "T") }
	for _, pid := range all {
		waittest.Until(t, "a process goes on between invocations", func() bool { return stopped(pid) })
	}
	b.answer(t, `{"do":"count"}`, "2")
}

// together are the host's processes that are in one namespace of processes with the one that has a word among its arguments.
func together(t *testing.T, word string) (pids []string) {
	t.Helper()
	spaces, space := map[string][]string{}, ""
	all, err := filepath.Glob("/proc/[0-9]*")
	if err != nil {
		t.Fatal(err)
	}
	for _, dir := range all {
		at, err := os.Readlink(dir + "/ns/pid")
		if err != nil {
			continue // it has ended
		}
		spaces[at] = append(spaces[at], filepath.Base(dir))
		if text, err := os.ReadFile(dir + "/cmdline"); err == nil && slices.Contains(strings.Split(string(text), "\x00"), word) {
			space = at
		}
	}
	return spaces[space]
}

// after is what a file has after the last of some words.
func after(t *testing.T, name, words string) string {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(text[strings.LastIndex(string(text), words)+len(words):])
}

// TestEnds: how a function ends is told in Lambda's words.
func TestEnds(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		env, event, payload, line string
	}{
		"exits":          {"", `{"do":"exit","size":1}`, `{"errorType":"Runtime.ExitError","errorMessage":"RequestId: id-1 Error: Runtime exited with error: exit status 1"}`, "RequestId: id-1 Error: Runtime exited with error: exit status 1"},
		"exits well":     {"", `{"do":"exit"}`, `{"errorType":"Runtime.ExitError","errorMessage":"RequestId: id-1 Error: Runtime exited without providing a reason"}`, "RequestId: id-1 Error: Runtime exited without providing a reason"},
		"kills itself":   {"", `{"do":"kill"}`, `{"errorType":"Runtime.ExitError","errorMessage":"RequestId: id-1 Error: Runtime exited with error: signal: killed"}`, "RequestId: id-1 Error: Runtime exited with error: signal: killed"},
		"exits in init":  {"INIT=exit", `{}`, `{"errorType":"Runtime.ExitError","errorMessage":"RequestId: id-1 Error: Runtime exited with error: exit status 3"}`, "RequestId: id-1 Error: Runtime exited with error: exit status 3"},
		"panics in init": {"INIT=panic", `{}`, `{"errorType":"Runtime.ExitError","errorMessage":"RequestId: id-1 Error: Runtime exited with error: exit status 2"}`, "RequestId: id-1 Error: Runtime exited with error: exit status 2"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := start(t, func(s *environment.Spec) {
				if c.env != "" {
					s.Env = []string{c.env}
				}
			})
			out := b.invoke(t, c.event, time.Minute)
			if !out.Failed || string(out.Payload) != c.payload || out.Line != c.line || !out.Ended {
				t.Errorf("the outcome is %+v", out)
			}
		})
	}
	t.Run("panics", func(t *testing.T) {
		t.Parallel()
		b := start(t, nil)
		if out := b.invoke(t, `{"do":"panic","text":"at the disco"}`, time.Minute); !out.Failed || !strings.Contains(string(out.Payload), `"errorMessage":"at the disco"`) {
			t.Errorf("the outcome is %+v", out)
		}
	})
	t.Run("has no program", func(t *testing.T) {
		t.Parallel()
		if _, err := environment.Start(environment.Spec{Code: t.TempDir()}); err != environment.ErrNoBootstrap { //nolint:errorlint // it is that one
			t.Errorf("the error is %v", err)
		}
	})
	t.Run("is no program", func(t *testing.T) {
		t.Parallel()
		dir := t.TempDir()
		if err := os.Chmod(dir, 0o755); err != nil { //nolint:gosec // the function's user reads it
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, "bootstrap"), []byte("text"), 0o755); err != nil { //nolint:gosec // a program
			t.Fatal(err)
		}
		b := start(t, func(s *environment.Spec) { s.Code = dir })
		if out := b.invoke(t, `{}`, time.Minute); !out.Failed || !strings.Contains(string(out.Payload), "exit status 127") {
			t.Errorf("the outcome is %+v, and it printed %q", out, b.printed())
		}
	})
}

// having counts the host's processes that have a word among their arguments.
func having(word string) (n int) {
	all, _ := filepath.Glob("/proc/[0-9]*/cmdline")
	for _, name := range all {
		if text, err := os.ReadFile(name); err == nil && slices.Contains(strings.Split(string(text), "\x00"), word) {
			n++
		}
	}
	return n
}

// TestTimeout: nothing of a function outlives its time, whatever it does.
func TestTimeout(t *testing.T) {
	t.Parallel()
	for name, event := range map[string]string{
		"sleeps":         `{"do":"sleep","size":3600000}`,
		"spins":          `{"do":"spin"}`,
		"leaves another": `{"do":"stubborn","text":"marker-NAME"}`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := start(t, nil)
			b.answer(t, `{"do":"count"}`, "1")
			marker := fmt.Sprintf("%d-marker", os.Getpid())
			began := time.Now()
			out := b.invoke(t, strings.ReplaceAll(event, "marker-NAME", marker), time.Second)
			if took := time.Since(began); took < time.Second { // that it is not too long, invoke sees to
				t.Errorf("it took %s", took)
			}
			want := `{"errorType":"Sandbox.Timedout","errorMessage":"RequestId: id-2 Error: Task timed out after 1.00 seconds"}`
			if !out.Failed || string(out.Payload) != want || !strings.HasSuffix(out.Line, " id-2 Task timed out after 1.00 seconds") || !out.Ended || !b.Ended() {
				t.Errorf("the outcome is %+v", out)
			}
			waittest.Until(t, "a process outlived the function", func() bool { return having(marker) == 0 })
		})
	}
	t.Run("answers and goes on", func(t *testing.T) {
		t.Parallel()
		b := start(t, nil)
		b.answer(t, `{"do":"count"}`, "1")
		out := b.invoke(t, `{"do":"linger"}`, 5*time.Second)
		if string(out.Payload) != `"lingering"` || !out.Ended {
			t.Errorf("the outcome is %+v", out)
		}
	})
	t.Run("never begins", func(t *testing.T) {
		t.Parallel()
		b := start(t, func(s *environment.Spec) { s.Env = []string{"INIT=slow"} })
		out := b.invoke(t, `{}`, time.Second)
		if !strings.Contains(string(out.Payload), "Sandbox.Timedout") || !out.Ended {
			t.Errorf("the outcome is %+v", out)
		}
	})
}

func TestMemory(t *testing.T) {
	t.Parallel()
	b := start(t, nil)
	if out := b.invoke(t, `{"do":"allocate","size":50}`, 2*time.Minute); out.Failed || out.Memory < 50<<20 || out.Memory > 128<<20 {
		t.Errorf("with 50 MiB the outcome is %+v", out)
	}
	out := b.invoke(t, `{"do":"allocate","size":2000}`, 2*time.Minute)
	if !strings.Contains(string(out.Payload), `"Runtime.OutOfMemory","errorMessage":"RequestId: id-2 Error: Runtime exited with error: signal: killed"`) || !out.Ended {
		t.Errorf("with too much the outcome is %+v", out)
	}
}

// TestFilesInMemory: what a function holds in files in memory counts, though it maps none of them.
func TestFilesInMemory(t *testing.T) {
	t.Parallel()
	b := start(t, nil)
	out := b.invoke(t, `{"do":"memfd","size":5}`, 2*time.Minute)
	if !strings.Contains(string(out.Payload), "Runtime.OutOfMemory") || out.Memory < 128<<20 {
		t.Errorf("the outcome is %+v", out)
	}
}

// TestProcessesTogether: what a function starts counts as its own.
func TestProcessesTogether(t *testing.T) {
	t.Parallel()
	b := start(t, nil)
	out := b.invoke(t, `{"do":"shell","text":"for i in 1 2 3 4; do (head -c 60000000 /dev/zero | tail -c 59000000 | (sleep 600; wc -c)) & done; wait"}`, 2*time.Minute)
	if !strings.Contains(string(out.Payload), "Runtime.OutOfMemory") {
		t.Errorf("the outcome is %+v", out)
	}
}

// TestConfinement: what a function must not do, it cannot.
func TestConfinement(t *testing.T) {
	t.Parallel()
	secret := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(secret, []byte("x"), 0o644); err != nil { //nolint:gosec // it is closed by where it is
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // a test
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	b := start(t, nil)
	refused := func(event string, words ...string) {
		t.Helper()
		out := b.invoke(t, event, 2*time.Minute)
		if !out.Failed || !slices.ContainsFunc(words, func(word string) bool { return strings.Contains(string(out.Payload), word) }) {
			t.Errorf("%s: %.300s, which has none of %q", event, out.Payload, words)
		}
	}
	refused(`{"do":"read","text":"`+secret+`"}`, "no such file")
	refused(`{"do":"read","text":"/proc/`+strconv.Itoa(os.Getpid())+`/environ"}`, "no such file")
	refused(`{"do":"read","text":"/etc/shadow"}`, "no such file")
	refused(`{"do":"list","text":"/sys"}`, "no such file")
	refused(`{"do":"dial","text":"`+listener.Addr().String()+`"}`, "connection refused")
	refused(`{"do":"dial","text":"192.0.2.1:80"}`, "network is unreachable")
	refused(`{"do":"write","text":"/var/task/x","size":1}`, "read-only", "permission denied")
	refused(`{"do":"write","text":"/x","size":1}`, "read-only", "permission denied")
	refused(`{"do":"write","text":"/tmp/x","size":5000000}`, "no space left")
	b.answer(t, `{"do":"shell","text":"rm /tmp/x; ls /tmp | wc -l; ls / | tr '\\n' ' '"}`, `"0\nbin dev etc lib lib64 proc sbin tmp usr var "`)
	b.answer(t, `{"do":"post","text":"id-1"}`, "400") // of another invocation
	out := b.invoke(t, `{"do":"fork","size":3000}`, 2*time.Minute)
	if n, err := strconv.Atoi(string(out.Payload)); err == nil && n >= 1024 {
		t.Errorf("it made %d processes", n)
	}
}

// TestAlone: two environments of one function see nothing of each other.
func TestAlone(t *testing.T) {
	t.Parallel()
	a, b := start(t, nil), start(t, nil)
	a.answer(t, `{"do":"write","text":"/tmp/mine","size":1}`, "null")
	b.answer(t, `{"do":"shell","text":"ls /tmp | wc -l"}`, `"0\n"`)
	done := make(chan environment.Outcome)
	go func() {
		done <- a.Invoke(environment.Invocation{ID: "victim", Payload: []byte(`{"do":"sleep","size":1000}`), Timeout: time.Minute})
	}()
	b.answer(t, `{"do":"post","text":"victim"}`, "400")
	if out := <-done; string(out.Payload) != `"slept"` {
		t.Errorf("it got %s", out.Payload)
	}
}

func TestAnswerThatIsTooLarge(t *testing.T) {
	t.Parallel()
	b := start(t, nil)
	out := b.invoke(t, `{"do":"size","size":6291600}`, 2*time.Minute)
	if !out.Failed || !strings.Contains(string(out.Payload), "Function.ResponseSizeTooLarge") {
		t.Errorf("the outcome is %.300s", out.Payload)
	}
}
