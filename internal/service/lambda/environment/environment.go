package environment

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"strongroom/clock"
	"strongroom/internal/sandbox"
)

// Spec is what an environment is made of.
type Spec struct {
	Code      string   // the directory that is /var/task
	Env       []string // the function's variables, without AWS_LAMBDA_RUNTIME_API
	Memory    int64    // bytes
	Temporary int64    // bytes of /tmp
	User      *sandbox.User
	Network   sandbox.Network
	// Serve serves the services' endpoint on a listener until that is closed. It is not called with the host's network.
	Serve func(l net.Listener)
	// EndpointPort is where the endpoint is found inside.
	EndpointPort int
	// Output takes what the function prints, line by line.
	Output func(line string)
}

// Where things are inside.
const (
	TaskRoot   = "/var/task"
	runtimeAPI = "127.0.0.1:9001"
)

// The kernel's limits on an environment.
// https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
const (
	mostProcesses = 1024
	mostFiles     = 1024
)

// Environment is a running sandbox. Its Invoke may be called by one at a time; Close at any time.
type Environment struct {
	spec    Spec
	cmd     *exec.Cmd
	cancel  context.CancelFunc
	output  *output
	started time.Time
	done    chan struct{} // closed when the process has ended

	mu       sync.Mutex
	state    chan struct{} // closed and made anew at each change of what mu guards
	asking   bool          // the runtime waits for an invocation
	current  *invocation
	initial  []byte        // what the runtime says of an init that went wrong
	init     time.Duration // what the init took; 0 as long as it lasts
	exit     error         // of the process, once it has ended
	greedy   bool          // it was killed for its memory
	peak     int64         // bytes of memory
	stopped  bool          // the processes are stopped
	complete bool          // the last init's duration was told
}

// invocation is one that is under way.
type invocation struct {
	Invocation
	deadline time.Time
	taken    bool   // the runtime has it
	payload  []byte // the answer
	failed   bool
	answered bool
}

// ErrNoBootstrap says that the code has no program to run.
var ErrNoBootstrap = errors.New("couldn't find valid bootstrap(s): [/var/task/bootstrap /opt/bootstrap]")

// Start starts the code's bootstrap. What goes wrong in it shows in the first invocation.
func Start(spec Spec) (e *Environment, err error) {
	if info, err := os.Stat(filepath.Join(spec.Code, "bootstrap")); err != nil || !info.Mode().IsRegular() || info.Mode()&0o111 == 0 {
		return nil, ErrNoBootstrap
	}
	ctx, cancel := context.WithCancel(context.Background())
	e = &Environment{spec: spec, cancel: cancel, done: make(chan struct{}), state: make(chan struct{}), started: clock.Wall.Now()}
	if e.output, err = newOutput(spec.Output); err != nil {
		cancel()
		return nil, err
	}
	if err := e.start(ctx); err != nil {
		cancel()
		e.output.close()
		return nil, fmt.Errorf("starting an environment: %w", err)
	}
	return e, nil
}

// start starts the sandbox and the servers that it reaches.
func (e *Environment) start(ctx context.Context) error {
	s := sandbox.Spec{
		Program: TaskRoot + "/bootstrap", Dir: TaskRoot, User: e.spec.User, Network: e.spec.Network, Temporary: e.spec.Temporary,
		Binds: []sandbox.Bind{{Host: e.spec.Code, Inside: TaskRoot}},
		// The memory is watched; this stops who asks for very much at once.
		Limits: sandbox.Limits{Processes: mostProcesses, OpenFiles: mostFiles, Data: 2*e.spec.Memory + 512<<20},
	}
	var listeners *sandbox.Listeners
	var own net.Listener
	var err error
	if e.spec.Network == sandbox.Host {
		if own, err = new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0"); err != nil {
			return err
		}
		s.Env = append(e.spec.Env, "AWS_LAMBDA_RUNTIME_API="+own.Addr().String())
		e.cmd, err = s.Command(ctx)
	} else {
		s.Env = append(e.spec.Env, "AWS_LAMBDA_RUNTIME_API="+runtimeAPI)
		e.cmd, listeners, err = s.Listening(ctx, runtimeAPI, fmt.Sprintf("127.0.0.1:%d", e.spec.EndpointPort))
	}
	if err == nil {
		e.cmd.Stdout, e.cmd.Stderr = e.output.inner, e.output.inner
		if os.Geteuid() == 0 { // so that it can be opened again, as /dev/stderr
			err = e.output.inner.Chown(e.spec.User.UID, e.spec.User.GID)
		}
	}
	if err == nil {
		err = e.cmd.Start()
	}
	_ = e.output.inner.Close()
	if err != nil {
		if own != nil {
			_ = own.Close()
		}
		if listeners != nil {
			listeners.Close()
		}
		return err
	}
	go e.run(ctx, own, listeners)
	return nil
}

// run serves the environment until its process has ended.
func (e *Environment) run(ctx context.Context, own net.Listener, listeners *sandbox.Listeners) {
	var servers sync.WaitGroup
	api := &http.Server{Handler: http.HandlerFunc(e.serveRuntime), ReadHeaderTimeout: time.Minute, MaxHeaderBytes: 16 << 10}
	all := []net.Listener{own}
	if listeners != nil {
		all, _ = listeners.Receive(ctx) // where it fails the process ends, and says why
	}
	if len(all) > 0 {
		servers.Go(func() { _ = api.Serve(all[0]) })
	}
	if len(all) > 1 {
		servers.Go(func() { e.spec.Serve(all[1]) })
	}
	watching, stop := context.WithCancel(ctx)
	servers.Go(func() { e.watch(watching) })
	err := e.cmd.Wait()
	stop()
	e.output.close()
	e.change(func() { e.exit = orEnded(err) })
	close(e.done)
	_ = api.Close()
	for _, l := range all {
		_ = l.Close()
	}
	servers.Wait()
	e.cancel()
}

var errEnded = errors.New("without a reason")

func orEnded(err error) error {
	if err == nil {
		return errEnded
	}
	return err
}

// Close kills all that runs in the environment. It may be called more than once.
func (e *Environment) Close() {
	e.cancel()
	<-e.done
}

// Ended reports whether the environment can serve no more.
func (e *Environment) Ended() bool {
	select {
	case <-e.done:
		return true
	default:
		return false
	}
}

// change makes a change and wakes who waits for one.
func (e *Environment) change(fn func()) {
	e.mu.Lock()
	defer e.mu.Unlock()
	fn()
	close(e.state)
	e.state = make(chan struct{})
}

// await waits until reached, which is asked under mu, the process has ended, or the time.
func (e *Environment) await(until time.Time, reached func() bool) (ok bool) {
	passed, stop := clock.Wall.Until(until)
	defer stop()
	for {
		e.mu.Lock()
		ok, state := reached() || e.exit != nil, e.state
		e.mu.Unlock()
		if ok {
			return true
		}
		select {
		case <-state:
		case <-passed:
			return false
		}
	}
}

// exitText is how Lambda tells of a process that has ended. Bubblewrap hands a signal on as a shell does.
func exitText(err error) string {
	var status *exec.ExitError
	switch {
	case errors.Is(err, errEnded):
		return "Runtime exited without providing a reason"
	case !errors.As(err, &status):
		return "Runtime exited with error: " + err.Error()
	case status.ExitCode() > 128:
		return "Runtime exited with error: signal: " + syscall.Signal(status.ExitCode()-128).String()
	case status.ExitCode() < 0:
		return "Runtime exited with error: signal: killed"
	}
	return fmt.Sprintf("Runtime exited with error: exit status %d", status.ExitCode())
}
