package main

import (
	"errors"
	"time"

	"github.com/spf13/cobra"
)

func profileCommand(o *adminOptions) *cobra.Command {
	lasting := 30 * time.Second
	c := &cobra.Command{
		Use:   "profile FILE [--for DURATION]",
		Short: "Write down what the server's processors are busy with",
		Long: `Writes a profile of the server's processor time into a file that "go tool pprof" reads. The
server goes on working meanwhile, a few per cent slower. One profile is written at a time.

Example:
  strongroom admin profile cpu.prof --for 10s --data ./data
  go tool pprof -top cpu.prof

Exit codes: 0 done, 1 failed, 2 wrong usage.`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			if lasting <= 0 {
				return &exitError{exitUsage, errors.New("--for is above zero")}
			}
			admin, err := o.admin()
			if err != nil {
				return err
			}
			return admin.Profile(c.Context(), args[0], lasting)
		},
	}
	c.Flags().DurationVar(&lasting, "for", lasting, "for how long")
	return c
}
