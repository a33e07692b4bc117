package dbengine

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"strongroom/clock"
)

// A member is a process of a database. It is known by where it works and what program it is, not by a file with a number that
// another process may have by now; and the handle is the kernel's, which a number used again does not mislead.
type member struct {
	pid, parent int
	handle      int // a pidfd
}

// members are the processes of some programs whose working directory is the database's, or one in it. Whoever gets them releases
// them.
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
		handle, err := unix.PidfdOpen(pid, 0)
		if err != nil {
			continue // it has ended
		}
		if !worksIn(pid, dirs) || !runs(pid, programs) {
			_ = unix.Close(handle)
			continue
		}
		found = append(found, member{pid: pid, parent: parentOf(pid), handle: handle})
	}
	return found, nil
}

// makers are the processes that make a sandbox of the database's, or hold one up. Without a program in it such a sandbox is on its
// way to have one, or to end. Its first process is among them, with which the kernel ends all others of it.
func (s Settings) makers() (found []member, err error) {
	all, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		return nil, err
	}
	for _, name := range all {
		pid, err := strconv.Atoi(filepath.Base(filepath.Dir(name)))
		if err != nil || pid == os.Getpid() {
			continue
		}
		handle, err := unix.PidfdOpen(pid, 0)
		if err != nil {
			continue // it has ended
		}
		text, err := os.ReadFile(name) //nolint:gosec // a process's
		if err != nil || !slices.Contains(strings.Split(string(text), "\x00"), s.mark()) {
			_ = unix.Close(handle)
			continue
		}
		found = append(found, member{pid: pid, parent: parentOf(pid), handle: handle})
	}
	return found, nil
}

// release gives the handles back.
func release(all []member) {
	for _, m := range all {
		_ = unix.Close(m.handle)
	}
}

// workingDirs are the database's directory and those in it.
func (s Settings) workingDirs() (dirs []os.FileInfo, err error) {
	own, err := os.Lstat(s.Dir)
	if err != nil {
		return nil, err
	}
	dirs = append(dirs, own)
	entries, err := os.ReadDir(s.Dir)
	if err != nil {
		return nil, err
	}
	for _, entry := range entries {
		// A link is the user's to lay, to a directory in which others work.
		if info, err := os.Lstat(s.Path(entry.Name())); err == nil && info.IsDir() {
			dirs = append(dirs, info)
		}
	}
	return dirs, nil
}

// worksIn compares directories and not names, which differ where one sees other mounts than this process. A process whose first
// thread has ended while others are still ending works, and has its files open, as long as one of them does.
func worksIn(pid int, dirs []os.FileInfo) bool {
	process := "/proc/" + strconv.Itoa(pid)
	cwd, err := os.Stat(process + "/cwd")
	if errors.Is(err, fs.ErrNotExist) {
		threads, _ := filepath.Glob(process + "/task/*/cwd")
		for _, name := range threads {
			if cwd, err = os.Stat(name); err == nil {
				break
			}
		}
	}
	return err == nil && slices.ContainsFunc(dirs, func(d os.FileInfo) bool { return os.SameFile(d, cwd) })
}

// runs says whether a process is one of some programs, or is ending, which is when it has none.
func runs(pid int, programs []string) bool {
	exe, err := os.Readlink("/proc/" + strconv.Itoa(pid) + "/exe")
	if errors.Is(err, fs.ErrNotExist) {
		return true
	}
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

// signal sends a signal to the processes that no other of them started, or to all.
func signal(found []member, sig syscall.Signal, all bool) error {
	for _, m := range found {
		first := !slices.ContainsFunc(found, func(other member) bool { return other.pid == m.parent })
		if !all && !first {
			continue
		}
		if err := unix.PidfdSendSignal(m.handle, sig, nil, 0); err != nil && !errors.Is(err, unix.ESRCH) {
			return fmt.Errorf("ending process %d: %w", m.pid, err)
		}
	}
	return nil
}

// await waits until processes have ended, all their threads, so that nothing of theirs is open or locked. It returns earlier when
// ctx ends, or at a time.
func await(ctx context.Context, all []member, until time.Time) error {
	for _, m := range all {
		for clock.Wall.Now().Before(until) {
			if err := ctx.Err(); err != nil {
				return context.Cause(ctx)
			}
			// A pidfd can be read when the last thread has ended: pidfd_open(2).
			n, err := unix.Poll([]unix.PollFd{{Fd: int32(m.handle), Events: unix.POLLIN}}, 50) //nolint:gosec // a descriptor
			if n > 0 {
				break
			}
			if err != nil && !errors.Is(err, unix.EINTR) {
				return fmt.Errorf("waiting for process %d: %w", m.pid, err)
			}
		}
	}
	return nil
}

// orphanPatience is how long an orphan may take to end in good order.
const orphanPatience = 20 * time.Second

// EndOrphans ends the processes of some programs that an earlier process of this server left running on the database: orderly by
// a signal first, and by force if that takes too long. It returns once there are none.
func (s Settings) EndOrphans(ctx context.Context, orderly syscall.Signal, programs ...string) error {
	return s.end(ctx, orderly, orphanPatience, programs)
}

// end ends all processes of some programs, by force after a while, and then what is on its way to become one. It returns once
// nothing is left that works on the database, or would.
func (s Settings) end(ctx context.Context, orderly syscall.Signal, patience time.Duration, programs []string) error {
	forced := clock.Wall.Now().Add(patience)
	asked := false
	for {
		found, err := s.members(programs)
		begun := len(found) > 0
		if err == nil && !begun {
			found, err = s.makers()
		}
		if err != nil || len(found) == 0 {
			return err
		}
		until := forced
		switch force := !clock.Wall.Now().Before(forced); {
		case force || !begun:
			err = signal(found, syscall.SIGKILL, true)
			until = clock.Wall.Now().Add(time.Second)
		case !asked:
			err = signal(found, orderly, false)
			asked = true
		}
		if err == nil {
			err = await(ctx, found, until)
		}
		release(found)
		if err != nil {
			return err
		}
	}
}

// order sends a signal to the first of the database's processes.
func (s Settings) order(sig syscall.Signal, programs []string) error {
	found, err := s.members(programs)
	if err != nil {
		return err
	}
	defer release(found)
	return signal(found, sig, false)
}

// Running says whether processes of some programs work on the database.
func (s Settings) Running(programs ...string) (bool, error) {
	found, err := s.members(programs)
	release(found)
	return len(found) > 0, err
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
