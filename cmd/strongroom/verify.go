package main

import (
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"strongroom/internal/server"
)

type verifyOptions struct {
	vault, subset, since    string
	repair, status, metrics bool
}

func verifyCommand(o *adminOptions) *cobra.Command {
	var v verifyOptions
	c := &cobra.Command{
		Use:   "verify",
		Short: "Read and authenticate everything in the archives, and mend what is damaged",
		Long: `Reads every byte of every archive of every Region again and authenticates it, follows every
recovery point down to its last chunk, and checks that every recovery point of the
catalogue is there. Damage is listed with the recovery points that it touches. What lies
under a key that KMS refuses is listed as unreadable.

--subset 1/7 reads a seventh of the packs; the seven parts together are everything.
--since 7d leaves out the packs that were read and found good within seven days, so a
verification that was interrupted goes on. All recovery points are followed in any case.

--repair takes what is damaged or missing from a copy of the recovery point, or from what it
is a copy of, in whatever vault, as the service that keeps that vault; it makes indexes anew.
Nothing is taken over whose keyed hash is not the one that is missed.

--status reads nothing. It tells what was last read of each archive and what was found;
--metrics does so in the text format of Prometheus.

Example:
  strongroom admin verify --data ./data --subset 3/7
  strongroom admin verify --data ./data --vault vault --repair

Exit codes: 0 all is well, 1 failed, 2 wrong usage, 3 damage was found, and not mended.`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return v.run(c, o) },
	}
	c.Flags().StringVar(&v.vault, "vault", "", "the name or ARN of a vault; all archives without it")
	c.Flags().StringVar(&v.subset, "subset", "", "a part of the packs, such as 1/7")
	c.Flags().StringVar(&v.since, "since", "", "leave out packs that were read within this time: 12h, 7d")
	c.Flags().BoolVar(&v.repair, "repair", false, "mend what is damaged out of copies")
	c.Flags().BoolVar(&v.status, "status", false, "tell what was last read and found")
	c.Flags().BoolVar(&v.metrics, "metrics", false, "tell it in the text format of Prometheus")
	return c
}

func (v *verifyOptions) run(c *cobra.Command, o *adminOptions) error {
	q, err := v.request()
	if err != nil {
		return &exitError{exitUsage, err}
	}
	admin, err := o.admin()
	if err != nil {
		return err
	}
	if v.status || v.metrics {
		return v.tell(c, o, admin)
	}
	report, err := admin.Verify(c.Context(), q)
	if err != nil {
		return err
	}
	if err := o.print(c.OutOrStdout(), report, func(w io.Writer) { report.Print(w) }); err != nil {
		return err
	}
	if report.Damaged() {
		return &exitError{exitDamage, fmt.Errorf("damage was found")}
	}
	if n := report.Unread(); n > 0 {
		return fmt.Errorf("%d archives could not be read", n)
	}
	return nil
}

// tell prints the state of verification; damage that was found and not mended shows in the exit code.
func (v *verifyOptions) tell(c *cobra.Command, o *adminOptions, admin *server.Admin) error {
	status, err := admin.VerifyStatus(c.Context())
	if err != nil {
		return err
	}
	if v.metrics {
		status.Metrics(c.OutOrStdout())
		return nil
	}
	if err := o.print(c.OutOrStdout(), status, func(w io.Writer) { status.Print(w) }); err != nil {
		return err
	}
	for _, a := range status {
		if a.Damaged > 0 || a.Last != nil && len(a.Last.Damage) > 0 {
			return &exitError{exitDamage, fmt.Errorf("damage was found")}
		}
	}
	return nil
}

func (v *verifyOptions) request() (q server.VerifyRequest, err error) {
	if (v.status || v.metrics) && (v.repair || v.vault != "" || v.subset != "" || v.since != "") {
		return q, fmt.Errorf("--status and --metrics tell of all archives and read nothing: use them without --repair, --vault, --subset and --since")
	}
	q = server.VerifyRequest{Vault: v.vault, Repair: v.repair}
	if v.subset != "" {
		if q.Subset, err = server.ParseSubset(v.subset); err != nil {
			return q, fmt.Errorf("--subset: %w", err)
		}
	}
	if v.since != "" {
		if q.Since, err = server.ParseDays(v.since); err != nil || q.Since <= 0 {
			return q, fmt.Errorf("--since: %q is not a time such as 12h or 7d", v.since)
		}
		q.Since = q.Since.Round(time.Second)
	}
	return q, nil
}
