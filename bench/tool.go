package main

import (
	"context"
	"os/exec"
	"path/filepath"
	"strings"
)

// An operation is a row of the table.
type operation string

const (
	firstBackup     operation = "first backup"
	unchangedBackup operation = "unchanged backup"
	unchangedReread operation = "unchanged backup, reading all"
	changedBackup   operation = "backup, 5 % changed"
	rereadBackup    operation = "backup, 5 % changed, reading all"
	scatteredBackup operation = "backup, scattered changes"
	firstCopy       operation = "copy to another key"
	nextCopy        operation = "copy of what changed"
	restore         operation = "restore"
	verify          operation = "verify"
	removal         operation = "removal of all but the last"
)

// operations are measured in this order: the first copy while there is but what it is to copy, the next when there is more.
var operations = []operation{
	firstBackup, firstCopy, unchangedBackup, unchangedReread, rereadBackup, changedBackup, nextCopy, scatteredBackup, restore, verify, removal,
}

// changes says before which operation the data change, and how.
var changes = map[operation]func(context.Context, dataset, int) error{
	rereadBackup: func(ctx context.Context, data dataset, round int) error { return data.change(ctx, round) },
	scatteredBackup: func(ctx context.Context, data dataset, round int) error {
		if s, ok := data.(scattering); ok {
			return s.scatter(ctx, round)
		}
		return nil
	},
}

// scattering is a data set that can change in very many small places.
type scattering interface {
	dataset
	scatter(ctx context.Context, round int) error
	scatteredFlags() []string // for the archive, reading what is known to have changed
}

// last is the backup that is restored, the last one of the data.
func last(data dataset) operation {
	if _, ok := data.(scattering); ok {
		return scatteredBackup
	}
	return changedBackup
}

// A dataset is what is backed up.
type dataset interface {
	name() string
	source() string // the directory it lies in
	describe() string
	bytes() int64 // that are in it, without holes
	generate(ctx context.Context) error
	change(ctx context.Context, round int) error
	same(ctx context.Context, restored string) error // an error tells what differs

	engineFlags() []string  // for the archive, reading all that may have changed
	changedFlags() []string // for the archive, reading what is known to have changed
	borgFlags() []string
}

// A site is where one tool works on one data set.
type site struct {
	root string // a directory of its own
	data dataset
}

func (s site) repository() string { return filepath.Join(s.root, "repository") }
func (s site) copy() string       { return filepath.Join(s.root, "copy") }
func (s site) restored() string   { return filepath.Join(s.root, "restored") }
func (s site) cache() string      { return filepath.Join(s.root, "cache") }

// A tool makes backups.
type tool interface {
	name() string
	describe(ctx context.Context) (string, error) // its version and how it is set
	prepare(ctx context.Context, s site) error    // makes empty repositories
	command(s site, op operation) (c *command)    // nil if the tool has no such thing
}

// output runs a program and gives what it prints, in one line.
func output(ctx context.Context, env []string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, args[0], args[1:]...)
	cmd.Env = append(cmd.Environ(), env...)
	out, err := cmd.CombinedOutput()
	if err != nil {
		return "", &outputError{args, out, err}
	}
	return strings.Join(strings.Fields(string(out)), " "), nil
}

// outputError tells what a program printed before it failed.
type outputError struct {
	args []string
	out  []byte
	err  error
}

func (e *outputError) Error() string {
	return strings.Join(e.args, " ") + ": " + e.err.Error() + "\n" + string(e.out)
}

func (e *outputError) Unwrap() error { return e.err }
