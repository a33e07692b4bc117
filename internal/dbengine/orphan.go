package dbengine

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"strongroom/clock"
)

// A member is a process of a database. It is known by where it works and what program it is, not by a file with a number that
// another process may have by now; and the handle is the kernel's, which a number used again does not mislead.
type member struct {
	pid, parent int
	handle      *os.Process
}

// members are the processes of some programs whose working directory is the database's, or one in it.
func (s Settings) members(programs []string) (found []member, err error) {
	dirs, err := s.workingDirs()
	if err != nil {
		return nil, err
	}
	all, err := os.ReadDir("/proc")
	if err != nil {
		return nil, fmt.Errorf("looking for a database's processes: %w", err)
	}
	for _, entry := range all {
		pid, err := strconv.Atoi(entry.Name())
		if err != nil {
			continue
		}
		handle, err := os.FindProcess(pid)
		if err != nil {
			continue
		}
		if !worksIn(pid, dirs) || !runs(pid, programs) {
			_ = handle.Release()
			continue
		}
		found = append(found, member{pid: pid, parent: parentOf(pid), handle: handle})
	}
	return found, nil
}

// workingDirs are the database's directory and those in it.
func (s Settings) workingDirs() (dirs []os.FileInfo, err error) {
	own, err := os.Stat(s.Dir)
	if err != nil {
		return nil, err
	}
	dirs = append(dirs, own)
	entries, err := os.ReadDir(s.Dir)
	if err != nil {
		return nil, err
	}
	for _, entry := range entries {
		if info, err := os.Stat(s.Path(entry.Name())); err == nil && info.IsDir() {
			dirs = append(dirs, info)
		}
	}
	return dirs, nil
}

// worksIn compares directories and not names, which differ where one sees other mounts than this process.
func worksIn(pid int, dirs []os.FileInfo) bool {
	cwd, err := os.Stat("/proc/" + strconv.Itoa(pid) + "/cwd")
	return err == nil && slices.ContainsFunc(dirs, func(d os.FileInfo) bool { return os.SameFile(d, cwd) })
}

func runs(pid int, programs []string) bool {
	exe, err := os.Readlink("/proc/" + strconv.Itoa(pid) + "/exe")
	return err == nil && slices.Contains(programs, filepath.Base(strings.TrimSuffix(exe, " (deleted)")))
}

func parentOf(pid int) int {
	text, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return 0
	}
	// The name before it may have blanks and parentheses: proc(5).
	fields := strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+1:]))
	if len(fields) < 2 {
		return 0
	}
	parent, _ := strconv.Atoi(fields[1])
	return parent
}

// signal sends a signal to the processes that no other of them started, or to all, and returns how many there are.
func (s Settings) signal(sig syscall.Signal, programs []string, all bool) (int, error) {
	found, err := s.members(programs)
	if err != nil {
		return 0, err
	}
	var failed error
	for _, m := range found {
		first := !slices.ContainsFunc(found, func(other member) bool { return other.pid == m.parent })
		if all || first {
			if err := m.handle.Signal(sig); err != nil && !errors.Is(err, os.ErrProcessDone) {
				failed = fmt.Errorf("ending process %d: %w", m.pid, err)
			}
		}
		_ = m.handle.Release()
	}
	return len(found), failed
}

// EndOrphans ends the processes of some programs that an earlier process of this server left running on the database: orderly by
// a signal first, and by force if that takes too long. It returns once there are none.
func (s Settings) EndOrphans(ctx context.Context, orderly syscall.Signal, programs ...string) error {
	n, err := s.signal(orderly, programs, false)
	if err != nil || n == 0 {
		return err
	}
	const patience = 20 * time.Second
	deadline := clock.Wall.Now().Add(patience)
	for {
		if err := Pause(ctx); err != nil {
			return err
		}
		sig, all := syscall.Signal(0), false
		if clock.Wall.Now().After(deadline) {
			sig, all = syscall.SIGKILL, true
		}
		if n, err := s.signal(sig, programs, all); err != nil || n == 0 {
			return err
		}
	}
}

// Pause waits for the moment after which it is worth asking a process again.
func Pause(ctx context.Context) error {
	reached, stop := clock.Wall.Until(clock.Wall.Now().Add(20 * time.Millisecond))
	defer stop()
	select {
	case <-reached:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// Running says whether processes of some programs work on the database.
func (s Settings) Running(programs ...string) (bool, error) {
	n, err := s.signal(0, programs, false)
	return n > 0, err
}
