package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"strongroom/internal/server"
)

type adminOptions struct {
	data string
	json bool
}

func adminCommand() *cobra.Command {
	var o adminOptions
	c := &cobra.Command{
		Use:   "admin",
		Short: "Administer a running server: its clock, its archives",
		Long: `Administers the server that runs on a data directory, through a socket in that directory
that only its owner can use.`,
	}
	o.where(c.PersistentFlags().StringVar)
	c.PersistentFlags().BoolVar(&o.json, "json", false, "print JSON")
	c.AddCommand(clockCommand(&o), verifyCommand(&o), collectCommand(&o), pointsCommand(&o), defaultRoleCommand(&o), profileCommand(&o), rebuildCommand(&o))
	return c
}

// where defines the flag that says which server is meant, by the StringVar of a set of flags.
func (o *adminOptions) where(define func(p *string, name, value, usage string)) {
	define(&o.data, "data", os.Getenv("STRONGROOM_DATA"), "data directory of the server (default $STRONGROOM_DATA)")
}

// admin opens the socket of the server.
func (o *adminOptions) admin() (*server.Admin, error) {
	if o.data == "" {
		return nil, &exitError{exitUsage, fmt.Errorf("no data directory: use --data DIR or set STRONGROOM_DATA")}
	}
	return server.OpenAdmin(o.data), nil
}

// print prints v as JSON, or as text does.
func (o *adminOptions) print(out io.Writer, v any, text func(io.Writer)) error {
	if o.json {
		encoder := json.NewEncoder(out)
		encoder.SetIndent("", "  ")
		return encoder.Encode(v)
	}
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	text(w)
	return w.Flush()
}

func clockCommand(o *adminOptions) *cobra.Command {
	var advance, to string
	c := &cobra.Command{
		Use:   "clock [--advance DURATION | --to TIME]",
		Short: "Show or move the service's clock",
		Long: `Shows the time that schedules, windows, lifecycles, lock dates and key deletions follow, or
moves it forward. It moves from one thing that is due to the next and waits until the
jobs that this started are done, so that ninety days of schedules run in order.
Signatures and session credentials keep to the machine's clock.

Example:
  strongroom admin clock --data ./data --advance 24h
  strongroom admin clock --data ./data --to 2026-12-24T05:00:00Z

Exit codes: 0 done, 1 failed, 2 wrong usage.`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			admin, err := o.admin()
			if err != nil {
				return err
			}
			var move server.ClockMove
			switch {
			case advance != "" && to != "":
				return &exitError{exitUsage, fmt.Errorf("--advance and --to exclude each other")}
			case advance != "":
				if move.Advance, err = server.ParseDays(advance); err != nil {
					return &exitError{exitUsage, fmt.Errorf("--advance: %w", err)}
				}
			case to != "":
				if move.To, err = time.Parse(time.RFC3339, to); err != nil {
					return &exitError{exitUsage, fmt.Errorf("--to: %w", err)}
				}
			}
			clock, err := admin.Clock(c.Context(), move)
			if err != nil {
				return err
			}
			return o.print(c.OutOrStdout(), clock, func(w io.Writer) {
				fmt.Fprintf(w, "%s\t(%s ahead of the machine)\n", clock.Now.Format(time.RFC3339), clock.Offset.Round(time.Second))
			})
		},
	}
	c.Flags().StringVar(&advance, "advance", "", "how far to move it: 90m, 24h, 35d")
	c.Flags().StringVar(&to, "to", "", "when to move it to, RFC 3339")
	return c
}

func collectCommand(o *adminOptions) *cobra.Command {
	return &cobra.Command{
		Use:   "collect",
		Short: "Remove what no recovery point reaches",
		Long: `Removes from the archives what no recovery point reaches any more. The server does so by
itself every quarter of an hour; it is safe beside running jobs. What a first run finds is
removed by a later one, after a margin in which no running job can still need it.

Exit codes: 0 done, 1 failed, 2 wrong usage.`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			admin, err := o.admin()
			if err != nil {
				return err
			}
			collected, err := admin.Collect(c.Context())
			if err != nil {
				return err
			}
			if err := o.print(c.OutOrStdout(), collected, func(w io.Writer) { collected.Print(w) }); err != nil {
				return err
			}
			if n := collected.Unread(); n > 0 {
				return fmt.Errorf("%d archives could not be collected", n)
			}
			return nil
		},
	}
}

func pointsCommand(o *adminOptions) *cobra.Command {
	return &cobra.Command{
		Use:   "points",
		Short: "List all recovery points and what the archives store of them",
		Args:  cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			admin, err := o.admin()
			if err != nil {
				return err
			}
			points, err := admin.Points(c.Context())
			if err != nil {
				return err
			}
			return o.print(c.OutOrStdout(), points, func(w io.Writer) {
				fmt.Fprintln(w, "ACCOUNT\tREGION\tVAULT\tTYPE\tSIZE\tNEW\tSTORED\tRECOVERY POINT")
				for _, p := range points {
					fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%d\t%d\t%d\t%s\n", p.AccountID, p.Region, p.Vault, p.ResourceType, p.SizeBytes, p.NewBytes, p.StoredBytes, p.ARN)
				}
			})
		},
	}
}
