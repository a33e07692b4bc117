package dbengine

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"sync"
	"syscall"
)

// Command is a program of an engine that works on a database's directory, as the database's user.
type Command struct {
	Program        string // its path
	Args           []string
	Dir            string   // working directory; the database's if empty
	Env            []string // besides what all engines find: "NAME=value"
	Stdin          io.Reader
	Stdout, Stderr io.Writer
	// Death is what it is sent when this process ends, however that ends. SIGKILL if 0.
	Death syscall.Signal
	// Alone keeps the program off the host's network, which does not reach it either: it has a loopback interface of its own, and runs
	// in a sandbox or not at all.
	Alone bool
	// Dialled is for a server that is alone: [Process.Dial] connects to it.
	Dialled bool
	// Finds is for a program that is alone: what it finds on its loopback interface.
	Finds *Found
}

// prepare makes the command of the host's that runs the program.
func (s Settings) prepare(ctx context.Context, c Command) (prepared, error) {
	if c.Dir == "" {
		c.Dir = s.Dir
	}
	if c.Death == 0 {
		c.Death = syscall.SIGKILL
	}
	var cmd prepared
	if c.Alone || s.owner() != nil && canSandbox() {
		var err error
		if cmd, err = s.sandboxed(ctx, c); err != nil {
			return prepared{}, err
		}
	} else {
		unconfined.Do(warnUnconfined)
		cmd.Cmd = s.direct(ctx, c)
	}
	// Both ways give it a group of its own. What makes a sandbox is two processes, of which the second outlives the first if that
	// is killed early.
	cmd.Cancel = func() error { return killGroup(cmd.Cmd) }
	cmd.Stdin, cmd.Stdout, cmd.Stderr = c.Stdin, c.Stdout, c.Stderr
	return cmd, nil
}

var unconfined sync.Once

// warnUnconfined tells whoever runs the server what it has no power to prevent, once: docs/databases.md says what that means.
func warnUnconfined() {
	why := "bubblewrap cannot make sandboxes here"
	if os.Geteuid() != 0 {
		why = "this server is not root"
	}
	slog.Warn("databases run without a sandbox: the databases of all accounts are one user's, and whoever breaks out of SQL in one reads the others", slog.String("reason", why))
}

// killGroup kills a command and what it has started so far.
func killGroup(cmd *exec.Cmd) error {
	err := syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
	if errors.Is(err, syscall.ESRCH) {
		return os.ErrProcessDone
	}
	return err
}

// environment is all that engines find: their messages are to be read by programs, and their time is the service's.
var environment = []string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C.UTF-8", "LANGUAGE=C", "TZ=UTC"}

// direct runs the program as a child like any other. A database below directories that its user may not enter cannot be run so.
func (s Settings) direct(ctx context.Context, c Command) *exec.Cmd {
	cmd := exec.CommandContext(ctx, c.Program, c.Args...) //nolint:gosec // an engine's program is the point
	cmd.Dir, cmd.Env = c.Dir, slices.Concat(environment, c.Env)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: c.Death}
	if o := s.owner(); o != nil {
		cmd.SysProcAttr.Credential = &syscall.Credential{Uid: uint32(o.UID), Gid: uint32(o.GID)} //nolint:gosec // ids of the host
	}
	return cmd
}

// begin starts a command and returns a channel that has its end. The kernel tells a child of its parent's death when the thread
// that started it ends, so that thread waits.
func begin(cmd *exec.Cmd) (<-chan error, error) {
	started, ended := make(chan error), make(chan error, 1)
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		started <- err
		if err == nil {
			ended <- cmd.Wait()
		}
	}()
	return ended, <-started
}

// Run runs a program to its end. When it fails the error is a *ToolError with what it wrote last.
func (s Settings) Run(ctx context.Context, c Command) error {
	var last lastBytes
	if c.Stderr == nil {
		c.Stderr = &last
	}
	if c.Stdout == nil {
		c.Stdout = c.Stderr
	}
	cmd, err := s.prepare(ctx, c)
	if err != nil {
		return err
	}
	ended, err := begin(cmd.Cmd)
	if err == nil {
		served := cmd.serve(c.Finds)
		err = <-ended
		served()
	}
	cmd.release()
	if err == nil {
		return nil
	}
	if ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	return &ToolError{Program: filepath.Base(c.Program), Output: tail(last.String()), Err: err}
}

// Stream runs a program and gives what it prints to read. The program's failure is worth more than read's, which may follow from
// it, unless it is read that ended the program.
func (s Settings) Stream(ctx context.Context, c Command, read func(io.Reader) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	r, w := io.Pipe()
	done := make(chan error, 1)
	go func() {
		err := read(r)
		if err != nil {
			cancel(err)
		} else {
			_, err = io.Copy(io.Discard, r) // what follows the last thing that was of interest
		}
		_ = r.CloseWithError(io.ErrClosedPipe)
		done <- err
	}()
	c.Stdout = w
	err := s.Run(ctx, c)
	_ = w.CloseWithError(err)
	if readErr := <-done; err == nil {
		err = readErr
	}
	return err
}

// lastBytes keeps the last of what is written.
type lastBytes struct {
	mu   sync.Mutex
	text []byte
}

func (l *lastBytes) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	const most = 64 << 10
	l.text = append(l.text, p...)
	if over := len(l.text) - most; over > 0 {
		l.text = append(l.text[:0], l.text[over:]...)
	}
	return len(p), nil
}

func (l *lastBytes) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return string(l.text)
}

// DefaultUser is the first account of some names that the host has, or nobody; nil when this process is not root, as it cannot
// become another then.
func DefaultUser(names ...string) *User {
	if os.Geteuid() != 0 {
		return nil
	}
	for _, name := range names {
		if u := lookUp(name); u != nil {
			return u
		}
	}
	return &User{Name: "nobody", UID: 65534, GID: 65534}
}
