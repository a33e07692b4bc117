package environment

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"

	"strongroom/clock"
)

// processes are all that run in the sandbox: those below bubblewrap, which is the first of a namespace of processes and so
// the parent of those whose parents have ended.
func (e *Environment) processes() (all []int) {
	next := []int{e.cmd.Process.Pid}
	for len(next) > 0 {
		pid := next[0]
		next = next[1:]
		tasks, err := os.ReadDir(fmt.Sprintf("/proc/%d/task", pid))
		if err != nil {
			continue
		}
		for _, task := range tasks {
			text, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%s/children", pid, task.Name()))
			if err != nil {
				continue
			}
			for field := range bytes.FieldsSeq(text) {
				if child, err := strconv.Atoi(string(field)); err == nil {
					next = append(next, child)
					all = append(all, child)
				}
			}
		}
	}
	return all
}

// memoryOf is what a process has that is its own, and what it shares with no file of a file system, in bytes.
func memoryOf(pid int) (own, shared int64) {
	f, err := os.Open(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, 0
	}
	defer f.Close() //nolint:errcheck // it was only read
	for lines := bufio.NewScanner(f); lines.Scan(); {
		name, value, _ := strings.Cut(lines.Text(), ":")
		kib, _ := strconv.ParseInt(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(value), "kB")), 10, 64)
		switch name {
		case "RssAnon":
			own = kib << 10
		case "RssShmem":
			shared = kib << 10
		}
	}
	return own, shared
}

// addMemoryFiles adds the files in memory that a process has open, whether it maps them or not, with the bytes that they hold.
func addMemoryFiles(pid int, all map[uint64]int64) {
	dir, err := os.Open(fmt.Sprintf("/proc/%d/fd", pid))
	if err != nil {
		return
	}
	defer dir.Close() //nolint:errcheck // it was only read
	names, _ := dir.Readdirnames(-1)
	for _, name := range names {
		name = dir.Name() + "/" + name
		if target, err := os.Readlink(name); err != nil || !strings.HasPrefix(target, "/memfd:") {
			continue
		}
		var stat syscall.Stat_t
		if syscall.Stat(name, &stat) == nil {
			all[stat.Ino] = stat.Blocks * 512
		}
	}
}

// watchEvery is how often the memory is looked at.
const watchEvery = 50 * time.Millisecond

// watch kills an environment that has more memory than its function may have.
func (e *Environment) watch(ctx context.Context) {
	pause := watchEvery
	for {
		reached, stop := clock.Wall.Until(clock.Wall.Now().Add(pause))
		select {
		case <-ctx.Done():
			stop()
			return
		case <-reached:
			stop()
		}
		if e.isFrozen() {
			continue
		}
		began := clock.Wall.Now()
		now := e.measure()
		// A function with very many processes and files must not keep the server busy with looking.
		pause = max(watchEvery, 5*clock.Wall.Now().Sub(began))
		if now <= e.spec.Memory {
			continue
		}
		e.change(func() { e.greedy = true })
		e.cancel()
		return
	}
}

// measure looks at the memory, and keeps the most that it finds.
func (e *Environment) measure() (now int64) {
	var mapped, held int64
	files := map[uint64]int64{}
	for _, pid := range e.processes() {
		own, shared := memoryOf(pid)
		now, mapped = now+own, mapped+shared
		addMemoryFiles(pid, files)
	}
	for _, size := range files {
		held += size
	}
	now += max(mapped, held) // what is mapped is mostly of those files, and not to be counted twice
	e.mu.Lock()
	defer e.mu.Unlock()
	e.peak = max(e.peak, now)
	return now
}

func (e *Environment) isFrozen() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.stopped
}

// freeze stops the processes between invocations, as Lambda does. One that is made meanwhile is found by another look.
func (e *Environment) freeze() {
	if e.Ended() {
		return
	}
	seen := map[int]bool{}
	for more := true; more; {
		more = false
		for _, pid := range e.processes() {
			if !seen[pid] {
				seen[pid], more = true, true
				_ = syscall.Kill(pid, syscall.SIGSTOP)
			}
		}
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.stopped = true
}

// thaw lets the processes go on.
func (e *Environment) thaw() {
	if !e.isFrozen() {
		return
	}
	for _, pid := range e.processes() {
		_ = syscall.Kill(pid, syscall.SIGCONT)
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.stopped = false
}
