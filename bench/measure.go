package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
)

// A measurement is what one process took and left.
type measurement struct {
	usage
	Stored int64 // bytes on disk of what the process wrote into, afterwards
	Added  int64 // bytes by which it grew
}

// A command is a process to be measured.
type command struct {
	args     []string // the program first
	env      []string // besides this process's own
	dir      string
	prepare  func() error // what is to be done before, unmeasured; may be nil
	store    string       // the directory the process writes its archive into
	restored string       // where a restore has put the data
}

// run measures the command. What it prints goes to the log.
func (c *command) run(ctx context.Context, log io.Writer) (m measurement, err error) {
	before, err := du(c.store)
	if err != nil {
		return m, err
	}
	program, err := os.Executable()
	if err != nil {
		return m, err
	}
	report, result, err := os.Pipe()
	if err != nil {
		return m, err
	}
	defer report.Close() //nolint:errcheck // it was only read
	var output bytes.Buffer
	cmd := exec.CommandContext(ctx, program, append([]string{"measured"}, c.args...)...)
	cmd.Env, cmd.Dir = append(os.Environ(), c.env...), c.dir
	cmd.Stdout, cmd.Stderr = &output, &output
	cmd.ExtraFiles = []*os.File{result}
	err = errors.Join(cmd.Run(), result.Close()) // what is reported fits into the pipe
	_, _ = fmt.Fprintf(log, "$ %v\n%s\n", c.args, output.Bytes())
	if err != nil {
		return m, fmt.Errorf("%v: %w\n%s", c.args, err, output.Bytes())
	}
	if err := json.NewDecoder(report).Decode(&m.usage); err != nil {
		return m, err
	}
	if m.Stored, err = du(c.store); err != nil {
		return m, err
	}
	m.Added = m.Stored - before
	return m, nil
}

// du gives the bytes that a tree takes on disk.
func du(root string) (sum int64, err error) {
	err = filepath.WalkDir(root, func(_ string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		if stat, ok := info.Sys().(*syscall.Stat_t); ok {
			sum += stat.Blocks * 512
		}
		return nil
	})
	return sum, err
}

// warm reads every file of the trees, so that all tools find them in memory, once what is written has reached the disk.
func warm(ctx context.Context, roots ...string) error {
	syscall.Sync()
	buf := make([]byte, mib)
	for _, root := range roots {
		err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
			if err != nil || !entry.Type().IsRegular() {
				return err
			}
			if err := ctx.Err(); err != nil {
				return err
			}
			file, err := os.Open(path)
			if err != nil {
				return err
			}
			defer file.Close() //nolint:errcheck // it was only read
			_, err = io.CopyBuffer(struct{ io.Writer }{io.Discard}, file, buf)
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}
