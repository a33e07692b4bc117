// Command strongroom is AWS Backup that runs on your own machines: the server, its administration, and the demo.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"
)

// Exit codes. Every command's help lists the ones it uses.
const (
	exitFailed = 1 // the command could not do what it was asked
	exitUsage  = 2 // it was asked wrongly
	exitDamage = 3 // verify found damage
	exitShut   = 4 // explain found a gate shut
	exitWrong  = 5 // a policy is wrong
)

// exitError carries an exit code other than exitFailed.
type exitError struct {
	code int
	err  error
}

func (e *exitError) Error() string { return e.err.Error() }
func (e *exitError) Unwrap() error { return e.err }

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	err := rootCommand().ExecuteContext(ctx)
	if err == nil {
		return
	}
	fmt.Fprintln(os.Stderr, "strongroom: "+err.Error())
	var coded *exitError
	if errors.As(err, &coded) {
		os.Exit(coded.code)
	}
	os.Exit(exitFailed)
}

func rootCommand() *cobra.Command {
	root := &cobra.Command{
		Use:   "strongroom",
		Short: "AWS Backup on your own machines",
		Long: `Strongroom speaks the APIs of AWS Backup and its neighbours, and moves, encrypts and
restores real bytes on this machine, for a whole organization of accounts and Regions.

  strongroom server -dev         a ready organization of three accounts
  strongroom demo                the main job, end to end`,
		SilenceErrors: true,
		SilenceUsage:  true,
	}
	root.SetFlagErrorFunc(func(c *cobra.Command, err error) error {
		return &exitError{exitUsage, fmt.Errorf("%w\nSee: %s --help", err, c.CommandPath())}
	})
	// The documented spelling is -dev, which the flag library would read as -d -e -v.
	args := os.Args[1:]
	for i, a := range args {
		if a == "-dev" {
			args[i] = "--dev"
		}
	}
	root.SetArgs(args)
	root.AddCommand(serverCommand(), adminCommand(), explainCommand(), policyCommand(), nbdCommand(), demoCommand(), versionCommand())
	checkUsage(root)
	return root
}
