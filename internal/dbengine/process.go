package dbengine

import (
	"context"
	"errors"
	"os/exec"
	"strconv"
	"sync/atomic"
	"syscall"

	"strongroom/internal/sandbox"
)

// Process is a database's server process.
type Process struct {
	settings Settings
	programs []string
	symptoms []Symptom
	log      *Log
	cmd      *exec.Cmd
	dialer   *sandbox.Dialer // nil unless the command says Dialled
	done     chan struct{}
	err      error // set before done is closed
	stopping atomic.Bool
}

// Launch starts a server. The programs are the names under which its processes are known; the symptoms explain its end.
func (s Settings) Launch(c Command, log *Log, symptoms []Symptom, programs ...string) (*Process, error) {
	c.Stdout, c.Stderr = log.file, log.file
	cmd, err := s.prepare(context.Background(), c)
	if err != nil {
		return nil, err
	}
	ended, err := begin(cmd.Cmd)
	if err != nil {
		cmd.release()
		return nil, err
	}
	if cmd.dialer != nil {
		cmd.dialer.Started()
	}
	p := &Process{settings: s, programs: programs, symptoms: symptoms, log: log, cmd: cmd.Cmd, dialer: cmd.dialer, done: make(chan struct{})}
	go log.watch(p.done)
	go func() {
		defer close(p.done)
		err := <-ended
		cmd.release()
		// Whatever it left behind would only be in the way of the next.
		_ = s.end(context.Background(), syscall.SIGKILL, 0, programs)
		if !p.stopping.Load() {
			p.err = p.explain(err)
		}
	}()
	return p, nil
}

func (p *Process) explain(err error) error {
	status := "exit status 0"
	if err != nil {
		status = err.Error()
	}
	why := Explain(p.log.Since(), p.symptoms...)
	return &EndError{Status: status, Reason: why.Reason, Detail: why.Detail, LogTail: why.LogTail}
}

// Done is closed when the process has ended.
func (p *Process) Done() <-chan struct{} { return p.done }

// Err says after Done why it ended; nil after Stop.
func (p *Process) Err() error {
	select {
	case <-p.done:
		return p.err
	default:
		return nil
	}
}

// Stop ends the process by a signal that it takes for an order, or by force when ctx ends before it has.
func (p *Process) Stop(ctx context.Context, orderly syscall.Signal) error {
	p.stopping.Store(true)
	if err := p.settings.order(orderly, p.programs); err != nil {
		return err
	}
	select {
	case <-p.done:
		return nil
	case <-ctx.Done():
	}
	return p.Kill()
}

// Kill ends the process at once. The database recovers at its next start.
func (p *Process) Kill() error {
	p.stopping.Store(true)
	err := p.settings.end(context.Background(), syscall.SIGKILL, 0, p.programs)
	// Where it runs inside another program, that ends with it, or is ended.
	_ = killGroup(p.cmd)
	<-p.done
	return err
}

// Await asks a new server whether it is ready until it is. It returns a *StartError when the server ends instead, or when ctx
// does, upon which the server is ended.
func (p *Process) Await(ctx context.Context, ready func(context.Context) (bool, error)) error {
	for {
		select {
		case <-p.done:
			why := Explain(p.log.Since(), p.symptoms...)
			if why.Reason == ReasonPortInUse {
				why.Detail = strconv.Itoa(p.settings.Port)
			}
			return why
		default:
		}
		ok, err := ready(ctx)
		if ok {
			return nil
		}
		if err == nil {
			err = Pause(ctx)
		}
		if err != nil {
			ended := p.Kill()
			if ctx.Err() != nil {
				err = &StartError{Reason: ReasonTimeout, LogTail: tail(p.log.Since())}
			}
			return errors.Join(err, ended)
		}
	}
}
