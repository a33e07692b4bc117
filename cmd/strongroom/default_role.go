package main

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"
)

func defaultRoleCommand(o *adminOptions) *cobra.Command {
	var account string
	c := &cobra.Command{
		Use:   "default-role --account ID",
		Short: "Make the default role of AWS Backup, as AWS's console does",
		Long: `Makes AWSBackupDefaultServiceRole in an account, with AWS's policies for backups and
restores and none for S3. At AWS the console makes it when somebody first chooses
"Default role" there, and no call of the API does: backups that name it before fail.
A role that is there is left as it is.

Example:
  strongroom admin default-role --data ./data --account 111111111111

Exit codes: 0 done, 1 failed, 2 wrong usage.`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if len(account) != 12 {
				return &exitError{exitUsage, fmt.Errorf("--account: the twelve digits of an account are needed")}
			}
			admin, err := o.admin()
			if err != nil {
				return err
			}
			role, err := admin.DefaultRole(c.Context(), account)
			if err != nil {
				return err
			}
			return o.print(c.OutOrStdout(), role, func(w io.Writer) {
				fmt.Fprintln(w, role.ARN+map[bool]string{true: "\tmade", false: "\tis there"}[role.Made])
			})
		},
	}
	c.Flags().StringVar(&account, "account", "", "account to make the role in")
	return c
}
