package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"strongroom/clock"
)

// A server is a strongroom server in a process of its own.
type server struct {
	program string
	data    string // its data directory
	cmd     *exec.Cmd
	ended   chan error
}

func startServer(ctx context.Context, program, data string, log io.Writer) (*server, error) {
	s := &server{program: program, data: data, ended: make(chan error, 1)}
	config := data + ".yaml"
	if err := os.WriteFile(config, []byte("quotas: {backup_vaults: 1000000}\n"), 0o600); err != nil {
		return nil, err
	}
	s.cmd = exec.CommandContext(ctx, program, "server", "-dev", "--data", data, "--listen", "127.0.0.1:0", "--config", config)
	s.cmd.Stdout, s.cmd.Stderr = log, log
	s.cmd.Cancel = func() error { return s.cmd.Process.Signal(syscall.SIGTERM) }
	s.cmd.WaitDelay = 30 * time.Second
	if err := s.cmd.Start(); err != nil {
		return nil, err
	}
	go func() { s.ended <- s.cmd.Wait() }()
	return s, s.await(ctx, filepath.Join(data, "admin.sock"))
}

// await waits for a file that appears when something serves.
func (s *server) await(ctx context.Context, path string) error {
	return until(ctx, func() (bool, error) {
		select {
		case err := <-s.ended:
			s.ended <- err
			return false, fmt.Errorf("the server ended early (see the log): %w", err)
		default:
		}
		_, err := os.Stat(path)
		if errors.Is(err, os.ErrNotExist) {
			return false, nil
		}
		return true, err
	})
}

func (s *server) stop() error {
	return errors.Join(s.cmd.Process.Signal(syscall.SIGTERM), <-s.ended)
}

// admin runs an administrator's command to its end.
func (s *server) admin(ctx context.Context, args ...string) error {
	_, err := output(ctx, nil, append(append([]string{s.program, "admin"}, args...), "--data", s.data)...)
	return err
}

// stored is what the archives of both Regions take on disk.
func (s *server) stored() (sum int64, err error) {
	for _, region := range []string{homeRegion, otherRegion} {
		n, err := du(filepath.Join(s.data, "regions", region, "archive"))
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			return 0, err
		}
		sum += n
	}
	return sum, nil
}

// profiled has the server write a profile of its CPU time into dir while do runs. What is over before the profile has begun has none.
func (s *server) profiled(ctx context.Context, dir, name string, do func() error) error {
	clean := func(r rune) rune {
		if strings.ContainsRune(" ,:%/", r) {
			return '-'
		}
		return r
	}
	path := filepath.Join(dir, strings.Map(clean, name)+".prof")
	profiling, cancel := context.WithCancel(ctx)
	defer cancel()
	ended := make(chan error, 1)
	go func() { ended <- s.admin(profiling, "profile", path, "--for", "24h") }()
	err := do()
	cancel()
	<-ended //nolint:errcheck // that it was ended is its error
	written, enough := context.WithTimeout(ctx, profileWait)
	defer enough()
	if late := s.await(written, path); late != nil && written.Err() == nil {
		err = errors.Join(err, late)
	}
	return errors.Join(err, ctx.Err())
}

// profileWait is how long a profile is waited for once what it is of has ended.
const profileWait = 5 * time.Second

// measure tells what the server took while do ran.
func (s *server) measure(do func() error) (m measurement, err error) {
	stored, err := s.stored()
	if err != nil {
		return m, err
	}
	// 5 makes the peak of resident memory begin anew: proc(5), clear_refs.
	if err := os.WriteFile(s.proc("clear_refs"), []byte("5"), 0); err != nil {
		return m, err
	}
	before, err := cpuOf(s.cmd.Process.Pid)
	if err != nil {
		return m, err
	}
	begin := clock.Wall.Now()
	if err := do(); err != nil {
		return m, err
	}
	m.Wall = clock.Wall.Now().Sub(begin)
	after, err := cpuOf(s.cmd.Process.Pid)
	if err != nil {
		return m, err
	}
	m.CPU = after - before
	peak, err := strconv.ParseInt(strings.TrimSuffix(field(s.proc("status"), "VmHWM"), " kB"), 10, 64)
	if err != nil {
		return m, err
	}
	m.Peak = peak * kib
	if m.Stored, err = s.stored(); err != nil {
		return m, err
	}
	m.Added = m.Stored - stored
	return m, nil
}

func (s *server) proc(file string) string { return fmt.Sprintf("/proc/%d/%s", s.cmd.Process.Pid, file) }

// until asks done every now and then until it is true, fails, or ctx ends.
func until(ctx context.Context, done func() (bool, error)) error {
	for {
		if ok, err := done(); ok || err != nil {
			return err
		}
		reached, stop := clock.Wall.Until(clock.Wall.Now().Add(20 * time.Millisecond))
		select {
		case <-ctx.Done():
			stop()
			return ctx.Err()
		case <-reached:
		}
	}
}
