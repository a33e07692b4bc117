package main

import (
	"encoding/json"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"strongroom/copier"
)

func reconcileCommand() *cobra.Command {
	var every time.Duration
	var asJSON bool
	c := &cobra.Command{
		Use:   "reconcile",
		Short: "find and make the hops that no event told of",
		Long: `Compares the intermediate vaults with the final ones, makes the hops that are missing, tries those
again whose copy jobs failed, and removes intermediate copies where that is asked for. It prints what
it found. Cron can run it, beside any number of copiers.

  COPIER_DRY_RUN=true strongroom-copier reconcile

Exit codes: 1 failed, 2 wrong usage or configuration, 3 there are recovery points that it could not copy on.`,
		Args: cobra.NoArgs,
		RunE: func(command *cobra.Command, _ []string) error {
			copies, _, err := newCopier(command.Context(), command.ErrOrStderr())
			if err != nil {
				return err
			}
			if every > 0 {
				reconcileEvery(command.Context(), copies, every)
				return nil
			}
			report, err := copies.Reconcile(command.Context())
			if err != nil {
				return err
			}
			if err := show(command.OutOrStdout(), report, asJSON); err != nil {
				return err
			}
			if len(report.Stuck) > 0 {
				return &exitError{exitStuck, fmt.Errorf("%d recovery points could not be copied on", len(report.Stuck))}
			}
			return nil
		},
	}
	c.Flags().DurationVar(&every, "every", 0, "do it again and again at this distance")
	c.Flags().BoolVar(&asJSON, "json", false, "print the report as JSON")
	return c
}

func show(w io.Writer, r copier.Report, asJSON bool) error {
	if asJSON {
		e := json.NewEncoder(w)
		e.SetIndent("", "  ")
		return e.Encode(r)
	}
	for _, s := range r.Stuck {
		fmt.Fprintf(w, "stuck  %s  %s: %s\n", s.RecoveryPoint, s.Reason, s.Text)
	}
	_, err := fmt.Fprintf(w, "%d recovery points: %d delivered, %d under way, %d started now, %d to be tried again, %d expired, %d stuck; %d intermediate copies removed, %d held\n",
		r.Points, r.Delivered, r.UnderWay, r.Started, r.Waiting, r.Expired, len(r.Stuck), r.Swept.Removed, r.Swept.Held)
	return err
}
