// Command strongroom-copier makes the second hop of copies that take two, at AWS and on Strongroom: as a Lambda function, as a
// process that reads a queue, or once over all that is there. docs/copier.md tells how it is deployed.
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

// Exit codes.
const (
	exitFailed = 1 // it could not do what it was asked
	exitUsage  = 2 // it was asked wrongly, or is configured wrongly
	exitStuck  = 3 // reconcile found recovery points that it could not copy on
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
	fmt.Fprintln(os.Stderr, "strongroom-copier: "+err.Error())
	var coded *exitError
	if errors.As(err, &coded) {
		os.Exit(coded.code)
	}
	os.Exit(exitFailed)
}

func rootCommand() *cobra.Command {
	root := &cobra.Command{
		Use:   "strongroom-copier",
		Short: "The second hop of copies that take two",
		Long: `The copier hears of copies that have arrived in an intermediate backup vault and copies them on
into the final vault of another Region, once each. It is configured by COPIER_… variables of its
environment; docs/copier.md lists them.

  strongroom-copier run --queue-url URL     reads a queue of events until it is stopped
  strongroom-copier reconcile               finds and makes the hops that no event told of
  strongroom-copier function                serves Lambda (what it also does as a function's bootstrap)

Credentials, Region and endpoint are the AWS SDK's: AWS_PROFILE, AWS_REGION, AWS_ENDPOINT_URL.

Exit codes: 1 failed, 2 wrong usage or configuration, 3 reconcile found what it could not copy on.`,
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if os.Getenv("AWS_LAMBDA_RUNTIME_API") != "" {
				return serveFunction(c.Context())
			}
			return c.Help()
		},
	}
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return &exitError{exitUsage, err} })
	root.AddCommand(runCommand(), reconcileCommand(), functionCommand())
	return root
}
