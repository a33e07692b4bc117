package main

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"strongroom/internal/server"
)

func rebuildCommand(o *adminOptions) *cobra.Command {
	var file string
	var force bool
	c := &cobra.Command{
		Use:   "rebuild [--config FILE] [--force]",
		Short: "Make a lost state.db anew from the Regions' stores",
		Long: `Makes the state of a data directory anew, after state.db was lost, of what lies in the
stores of the Regions and of root.key: vaults with their locks, recovery points, legal
holds, keys, plans, accounts, organizations and identities. Jobs, events and live resources
(buckets, volumes, databases) are not among it; recovery points restore them.

No server may run. It refuses where a state.db is. It may be interrupted and begun again.

Example:
  strongroom admin rebuild --data ./data
  strongroom server --data ./data

Exit codes: 0 done, 1 failed, 2 wrong usage, 3 done, but part of the catalogue is lost.`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if o.data == "" {
				return &exitError{exitUsage, fmt.Errorf("no data directory: use --data DIR or set STRONGROOM_DATA")}
			}
			var config server.Config
			if file != "" {
				var err error
				if config, err = server.ReadConfig(file); err != nil {
					return &exitError{exitUsage, err}
				}
			}
			config.DataDir = o.data
			report, err := server.Rebuild(c.Context(), config, server.RebuildOptions{Beside: force})
			if err != nil {
				return err
			}
			if err := o.print(c.OutOrStdout(), report, func(w io.Writer) { report.Print(w) }); err != nil {
				return err
			}
			if !report.Whole() {
				return &exitError{exitDamage, fmt.Errorf("part of the catalogue is lost")}
			}
			return nil
		},
	}
	c.Flags().StringVar(&file, "config", "", "the server's configuration, which names the stores")
	c.Flags().BoolVar(&force, "force", false, "where a state.db is, make state.db.rebuilt beside it")
	return c
}
