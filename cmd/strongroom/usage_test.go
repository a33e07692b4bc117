package main

import (
	"errors"
	"io"
	"strings"
	"testing"
)

// Who mistypes a command, or gives it more than it takes, is told so by the exit code.
func TestWrongUsage(t *testing.T) { //nolint:paralleltest // the root command reads the program's arguments
	for _, args := range []string{
		"nosuch", "admin colect", "admin collect everything", "admin verify --repair vault", "admin verify --subset 0/7", "admin profile", "explain",
		"nbd one two", "policy nosuch", "admin verify --nosuch",
	} {
		root := rootCommand()
		root.SetArgs(strings.Fields(args))
		root.SetOut(io.Discard)
		var coded *exitError
		if err := root.ExecuteContext(t.Context()); !errors.As(err, &coded) || coded.code != exitUsage {
			t.Errorf("strongroom %s: %v", args, err)
		}
	}
	for _, args := range []string{"", "admin", "policy", "help admin"} {
		root := rootCommand()
		root.SetArgs(strings.Fields(args))
		root.SetOut(io.Discard)
		if err := root.ExecuteContext(t.Context()); err != nil {
			t.Errorf("strongroom %s: %v", args, err)
		}
	}
}
