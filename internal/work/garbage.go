package work

import (
	"context"
	"fmt"
	"io"
	"log/slog"

	"strongroom/archive"
	"strongroom/internal/api"
	"strongroom/internal/archives"
	"strongroom/internal/state"
)

// Collected is what a collection over all archives did.
type Collected struct {
	Archives int            `json:"archives"`
	Marked   int            `json:"marked"`  // packs found to be garbage, which a later collection removes
	Removed  int            `json:"removed"` // packs
	Freed    uint64         `json:"freed_bytes"`
	Repacked int            `json:"repacked"`
	Skipped  []SkippedVault `json:"skipped,omitempty"`
}

// SkippedVault is an archive, or a sealing domain of one, that could not be gone through.
type SkippedVault struct {
	Archive string `json:"archive"`
	Domain  string `json:"domain,omitempty"`
	KeyARN  string `json:"key_arn,omitempty"`
	Reason  string `json:"reason"`
}

// Print writes it as text.
func (c Collected) Print(w io.Writer) {
	fmt.Fprintf(w, "%d archives: %d packs removed (%d bytes), %d marked for the next time, %d repacked\n", c.Archives, c.Removed, c.Freed, c.Marked, c.Repacked)
	printSkipped(w, c.Skipped)
}

func printSkipped(w io.Writer, skipped []SkippedVault) {
	for _, s := range skipped {
		fmt.Fprintf(w, "skipped %s %s under %s: %s\n", s.Archive, s.Domain, s.KeyARN, s.Reason)
	}
}

// unread counts the archives of which nothing could be gone through.
func unread(skipped []SkippedVault) (n int) {
	for _, s := range skipped {
		if s.Domain == "" {
			n++
		}
	}
	return n
}

// Unread counts the archives that could not be collected.
func (c Collected) Unread() int { return unread(c.Skipped) }

// eachArchive calls fn for every archive there is, and gives those that it failed for, or that could not be opened: they keep
// nobody from the others.
func (r *Runner) eachArchive(ctx context.Context, fn func(context.Context, state.ArchiveLocation, *archive.Vault, archive.Rings) error) (failed []SkippedVault, err error) {
	all, err := view(ctx, r, func(ctx context.Context, tx *state.Tx) ([]state.ArchiveLocation, error) {
		return tx.ArchiveLocations(ctx)
	})
	if err != nil {
		return nil, err
	}
	for _, l := range all {
		at := archives.Location{Region: l.Region, AccountID: l.AccountID, Vault: l.Vault, Service: l.Service}
		v, err := r.Archives.Vault(ctx, at)
		if err == nil {
			err = fn(ctx, l, v, r.rings(l))
		}
		switch {
		case ctx.Err() != nil:
			return failed, ctx.Err()
		case err != nil:
			failed = append(failed, SkippedVault{Archive: at.ID(), Reason: err.Error()})
		}
	}
	return failed, nil
}

// rings opens the domains of an archive as the service that writes them, under the grants it was given.
func (r *Runner) rings(l state.ArchiveLocation) archive.Rings {
	return func(ctx context.Context, d archive.DomainInfo) (archive.Keyring, error) {
		switch {
		case d.KeyID == "":
			return r.Archives.ServiceKeyring(), nil
		case l.Vault == "" && l.Service == archives.RDS:
			return r.Archives.Keyring(api.ServiceCaller("rds.amazonaws.com", l.AccountID, l.Region), d.KeyID), nil
		case l.Vault == "":
			return r.Archives.Keyring(api.ServiceCaller("ec2.amazonaws.com", l.AccountID, l.Region), d.KeyID), nil
		}
		vault, err := view(ctx, r, func(ctx context.Context, tx *state.Tx) (state.BackupVault, error) {
			return tx.BackupVault(ctx, l.AccountID, l.Region, l.Vault)
		})
		if err != nil {
			return nil, err
		}
		if d.KeyID == vault.KeyARN {
			return r.vaultKeyring(ctx, vault)
		}
		return r.Archives.Keyring(api.ServiceCaller(backupService, l.AccountID, l.Region), d.KeyID), nil
	}
}

// Collect removes from all archives what no recovery point reaches, for somebody who waits for it.
func (r *Runner) Collect(ctx context.Context) (Collected, error) {
	return r.collect(ctx, archive.CollectOptions{Thorough: true})
}

func (r *Runner) collect(ctx context.Context, opts archive.CollectOptions) (Collected, error) {
	var sum Collected
	failed, err := r.eachArchive(ctx, func(ctx context.Context, _ state.ArchiveLocation, v *archive.Vault, rings archive.Rings) error {
		c, err := v.Collect(ctx, rings, opts)
		if err != nil {
			return err
		}
		sum.Archives++
		sum.Marked, sum.Removed, sum.Freed, sum.Repacked = sum.Marked+c.Marked, sum.Removed+c.Removed, sum.Freed+c.Freed, sum.Repacked+c.Repacked
		sum.Skipped = append(sum.Skipped, skipped(v, c.Skipped)...)
		return nil
	})
	for _, f := range failed {
		r.Log.ErrorContext(ctx, "collecting garbage", slog.String("archive", f.Archive), slog.String("error", f.Reason))
	}
	sum.Skipped = append(sum.Skipped, failed...)
	return sum, err
}

func skipped(v *archive.Vault, all []archive.Skipped) []SkippedVault {
	var out []SkippedVault
	for _, s := range all {
		out = append(out, SkippedVault{Archive: v.ID(), Domain: s.Domain.ID, KeyARN: s.Domain.KeyID, Reason: s.Err.Error()})
	}
	return out
}
