package dbenginetest

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"strongroom/internal/dbengine"
)

// killed ends a database that is being written at once: it says so, and has all that was acknowledged when it is back.
func killed(t *testing.T, s *Subject) {
	ctx := t.Context()
	set := s.initialized(t)
	srv := s.started(t, set)
	if err := s.open(t, set).Create(ctx); err != nil {
		t.Fatal(err)
	}
	writing := write(t, s, set)
	writing.atLeast(t, 50)
	if n := signal(t, set.Dir, syscall.SIGKILL); n == 0 {
		t.Fatal("no process works in the directory")
	}
	within(t, "it is not done", srv.Done())
	writing.stop()
	var ended *dbengine.EndError
	if err := srv.Err(); !errors.As(err, &ended) || ended.Status == "" {
		t.Errorf("it was killed, and says %v", err)
	}
	if err := srv.Ping(ctx); err == nil || errors.Is(err, dbengine.ErrWrongPassword) {
		t.Errorf("it was killed, and answers %v", err)
	}
	s.started(t, set)
	contents, err := s.open(t, set).Read(ctx)
	if err != nil {
		t.Fatal(err)
	}
	whole(t, contents, writing.acknowledged)
}

// portInUse starts a database on another's port.
func portInUse(t *testing.T, s *Subject) {
	set := s.initialized(t)
	l, err := net.Listen("tcp", net.JoinHostPort(set.Address, strconv.Itoa(set.Port)))
	if err != nil {
		t.Fatal(err)
	}
	s.refused(t, set, dbengine.ReasonPortInUse, strconv.Itoa(set.Port))
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	s.started(t, set)
}

// refused starts a database that cannot start, and wants nothing of it to be left.
func (s *Subject) refused(t *testing.T, set dbengine.Settings, reason dbengine.Reason, detail string) {
	t.Helper()
	_, err := s.Engine.Start(t.Context(), set)
	var why *dbengine.StartError
	if !errors.As(err, &why) || why.Reason != reason || !strings.Contains(why.Detail, detail) {
		t.Errorf("it says %q, and not %q of %q\n%s", err, reason, detail, explained(err))
	}
	if n := signal(t, set.Dir, 0); n > 0 {
		t.Errorf("%d processes are left of a start that failed", n)
	}
}

// badParameters starts a database with each parameter that cannot be.
func badParameters(t *testing.T, s *Subject) {
	set := s.initialized(t)
	for name, value := range s.BadParameters {
		bad := set
		bad.Parameters = map[string]string{name: value}
		s.refused(t, bad, dbengine.ReasonBadParameter, name)
	}
	set.Parameters = map[string]string{s.GoodParameter.Name: s.GoodParameter.Value}
	s.started(t, set)
	got, err := s.open(t, set).Show(t.Context(), s.GoodParameter.Name)
	if err != nil || got != s.GoodParameter.Value {
		t.Errorf("%s is %q (%v), and not %q", s.GoodParameter.Name, got, err, s.GoodParameter.Value)
	}
}

// damaged starts a database whose files are spoilt.
func damaged(t *testing.T, s *Subject) {
	set := s.initialized(t)
	if err := s.Damage(set); err != nil {
		t.Fatal(err)
	}
	s.refused(t, set, dbengine.ReasonDamaged, "")
}

// unreadable starts a database of which it may not read a file.
func unreadable(t *testing.T, s *Subject) {
	set := s.initialized(t)
	path := filepath.Join(set.Dir, s.Unreadable)
	if err := os.Chmod(path, 0); err != nil {
		t.Fatal(err)
	}
	if os.Geteuid() == 0 {
		if err := os.Chown(path, 0, 0); err != nil {
			t.Fatal(err)
		}
	}
	s.refused(t, set, dbengine.ReasonPermission, "")
}

// canceled gives up a start.
func canceled(t *testing.T, s *Subject) {
	set := s.initialized(t)
	// Before it begins, while its sandbox is being made, and when it is there already.
	for _, after := range []time.Duration{0, time.Millisecond, 3 * time.Millisecond, 6 * time.Millisecond, 10 * time.Millisecond, 15 * time.Millisecond, 25 * time.Millisecond, 50 * time.Millisecond} {
		ctx, cancel := context.WithTimeout(t.Context(), after)
		srv, err := s.Engine.Start(ctx, set)
		cancel()
		if err == nil {
			if err := srv.Stop(t.Context()); err != nil { // it was quick
				t.Error(err)
			}
			continue
		}
		// Nor is anything left that would become a process of it: that has the directory among its arguments.
		// What was killed takes a moment to go where processors are few.
		for begin := time.Now(); signal(t, set.Dir, 0) > 0 || named(t, set.Dir); {
			if time.Since(begin) > patience {
				t.Fatalf("given up after %v, %d processes are left, or what was to start them", after, signal(t, set.Dir, 0))
			}
		}
	}
	s.started(t, set)
}

// named says whether a process has a directory among its arguments.
func named(t *testing.T, dir string) bool {
	t.Helper()
	for _, path := range glob(t, "/proc/[0-9]*/cmdline") {
		if text, err := os.ReadFile(path); err == nil && strings.Contains(string(text), dir) {
			return true
		}
	}
	return false
}

var errSink = errors.New("the sink is full")

// full takes some bytes, and no more.
type full struct{ left int64 }

func (f *full) Put(_ context.Context, _ dbengine.File, content io.Reader) error {
	if content == nil {
		return nil
	}
	n, err := io.CopyN(io.Discard, content, f.left+1)
	if f.left -= n; f.left < 0 {
		return errSink
	}
	if errors.Is(err, io.EOF) {
		return nil
	}
	return err
}

// sinkFails backs up into sinks that fail: the error is theirs, and the database does not care.
func sinkFails(t *testing.T, s *Subject) {
	ctx := t.Context()
	set := s.initialized(t)
	srv := s.started(t, set)
	if err := srv.Backup(ctx, &full{left: 1 << 40}); err != nil {
		t.Fatalf("backing up: %v", explained(err))
	}
	before := names(t, set.Dir)
	for _, left := range []int64{0, 100 << 10} {
		if err := srv.Backup(ctx, &full{left: left}); !errors.Is(err, errSink) {
			t.Errorf("with a sink that fails after %d bytes the error is %v", left, err)
		}
	}
	ended, cancel := context.WithCancel(ctx)
	cancel()
	if err := srv.Backup(ended, &full{left: 1 << 40}); !errors.Is(err, context.Canceled) {
		t.Errorf("given up, it says %v", err)
	}
	if err := srv.Ping(ctx); err != nil {
		t.Errorf("after backups that failed it answers %v", err)
	}
	if after := names(t, set.Dir); after != before {
		t.Errorf("backups that failed left files: %s were there, %s are", before, after)
	}
	if err := srv.Backup(ctx, &full{left: 1 << 40}); err != nil {
		t.Errorf("after them, a backup fails: %v", explained(err))
	}
}

// names are those of the files in a directory.
func names(t *testing.T, dir string) string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, e := range entries {
		all = append(all, e.Name())
	}
	return strings.Join(all, " ")
}

// signal sends a signal to all processes that work in a database's directory, and says how many there are.
func signal(t *testing.T, dir string, sig syscall.Signal) (n int) {
	t.Helper()
	var places []os.FileInfo
	for _, path := range append([]string{dir}, glob(t, filepath.Join(dir, "*"))...) {
		if info, err := os.Stat(path); err == nil {
			places = append(places, info)
		}
	}
	for _, path := range glob(t, "/proc/[0-9]*") {
		cwd, err := os.Stat(filepath.Join(path, "cwd"))
		if err != nil {
			continue
		}
		for _, place := range places {
			if pid, err := strconv.Atoi(filepath.Base(path)); err == nil && os.SameFile(cwd, place) {
				n++
				_ = syscall.Kill(pid, sig)
			}
		}
	}
	return n
}

func glob(t *testing.T, pattern string) []string {
	t.Helper()
	found, err := filepath.Glob(pattern)
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// patience is how long the suite waits for what happens at once on a machine that has nothing else to do.
const patience = 3 * time.Minute

// fullFor is how long clients try to write onto a full disk.
const fullFor = 5 * time.Second

func within(t *testing.T, what string, done <-chan struct{}) {
	t.Helper()
	select {
	case <-done:
	case <-time.After(patience):
		t.Fatal(what)
	}
}
