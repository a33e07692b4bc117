package main

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"
)

func explainCommand() *cobra.Command {
	var o adminOptions
	c := &cobra.Command{
		Use:   "explain JOB-ID",
		Short: "Tell why a job ended as it did, and what would make it succeed",
		Long: `Tells of a backup, copy or restore job of any account: the gates that it had to pass, in
order, and for each one that is shut which principal was refused which action on which
resource, the policy statements that were considered and why each did not apply, and the
cure: the statement that is missing or in the way, and an aws command that changes it.
The first gate that is shut is the job's message; more may be shut behind it.

Example:
  strongroom explain 6A3D1C5E-0000-4000-8000-000000000000 --data ./data
  strongroom explain $JOB --data ./data --json | jq -r '.gates[].cures[]?.command'

Exit codes: 0 no gate is shut, 1 failed, 2 wrong usage, 4 a gate is shut.`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			admin, err := o.admin()
			if err != nil {
				return err
			}
			x, err := admin.Explain(c.Context(), args[0])
			if err != nil {
				return err
			}
			if err := o.print(c.OutOrStdout(), x, func(w io.Writer) { x.Print(w) }); err != nil {
				return err
			}
			if len(x.Shut) > 0 {
				return &exitError{exitShut, fmt.Errorf("shut: %v", x.Shut)}
			}
			return nil
		},
	}
	o.where(c.Flags().StringVar)
	c.Flags().BoolVar(&o.json, "json", false, "print JSON")
	return c
}
