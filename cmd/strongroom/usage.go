package main

import (
	"fmt"

	"github.com/spf13/cobra"
)

// checkUsage has a command, and all below it, end with [exitUsage] where its arguments are wrong. A command that only has others below it
// takes none: a name that is mistyped would otherwise show its help and count as done.
func checkUsage(c *cobra.Command) {
	if !c.Runnable() {
		c.Args, c.RunE = cobra.NoArgs, func(c *cobra.Command, _ []string) error { return c.Help() }
	}
	if check := c.Args; check != nil {
		c.Args = func(c *cobra.Command, args []string) error {
			if err := check(c, args); err != nil {
				return &exitError{exitUsage, fmt.Errorf("%w\nSee: %s --help", err, c.CommandPath())}
			}
			return nil
		}
	}
	for _, below := range c.Commands() {
		checkUsage(below)
	}
}
