package work

import (
	"context"
	"errors"
	"fmt"
	"io"

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

// Damage is something that is not what it must be.
type Damage struct {
	Archive string   `json:"archive"`
	Object  string   `json:"object,omitempty"`
	What    string   `json:"what"`
	Reason  string   `json:"reason"`
	Points  []string `json:"recovery_points,omitempty"` // ARNs
}

// Report is what a verification of all archives found.
type Report struct {
	Archives int            `json:"archives"`
	Points   int            `json:"recovery_points"`
	Packs    int            `json:"packs"`
	Bytes    uint64         `json:"bytes_read"`
	Damage   []Damage       `json:"damage,omitempty"`
	Skipped  []SkippedVault `json:"skipped,omitempty"`
}

// Damaged reports whether anything is damaged or missing. What a key keeps closed is not.
func (r Report) Damaged() bool { return len(r.Damage) > 0 }

// Print writes it as text.
func (r Report) Print(w io.Writer) {
	fmt.Fprintf(w, "%d archives, %d recovery points, %d packs, %d bytes read\n", r.Archives, r.Points, r.Packs, r.Bytes)
	for _, d := range r.Damage {
		fmt.Fprintf(w, "damage in %s: %s %s: %s\n", d.Archive, d.What, d.Object, d.Reason)
		for _, p := range d.Points {
			fmt.Fprintf(w, "  touches %s\n", p)
		}
	}
	printSkipped(w, r.Skipped)
	switch {
	case r.Damaged():
		fmt.Fprintf(w, "%d damages were found\n", len(r.Damage))
	case len(r.Skipped) > 0:
		fmt.Fprintf(w, "all that could be read is well; %d sealing domains could not be read\n", len(r.Skipped))
	default:
		fmt.Fprintln(w, "all is well")
	}
}

// eachArchive calls fn for every archive there is.
func (r *Runner) eachArchive(ctx context.Context, fn func(context.Context, state.ArchiveLocation, *archive.Vault, archive.Rings) error) error {
	all, err := view(ctx, r, func(ctx context.Context, tx *state.Tx) ([]state.ArchiveLocation, error) {
		return tx.ArchiveLocations(ctx)
	})
	if err != nil {
		return err
	}
	for _, l := range all {
		v, err := r.Archives.Vault(ctx, archives.Location{Region: l.Region, AccountID: l.AccountID, Vault: l.Vault, Service: l.Service})
		if err != nil {
			return err
		}
		if err := fn(ctx, l, v, r.rings(l)); err != nil {
			return fmt.Errorf("archive %s: %w", v.ID(), err)
		}
	}
	return nil
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

// Collect removes from all archives what no recovery point reaches.
func (r *Runner) Collect(ctx context.Context) (Collected, error) {
	var sum Collected
	err := r.eachArchive(ctx, func(ctx context.Context, _ state.ArchiveLocation, v *archive.Vault, rings archive.Rings) error {
		c, err := v.Collect(ctx, rings, archive.CollectOptions{})
		sum.Archives++
		sum.Marked, sum.Removed, sum.Freed, sum.Repacked = sum.Marked+c.Marked, sum.Removed+c.Removed, sum.Freed+c.Freed, sum.Repacked+c.Repacked
		sum.Skipped = append(sum.Skipped, skipped(v, c.Skipped)...)
		return err
	})
	return sum, err
}

func skipped(v *archive.Vault, all []archive.Skipped) []SkippedVault {
	var out []SkippedVault
	for _, s := range all {
		out = append(out, SkippedVault{Archive: v.ID(), Domain: s.Domain.ID, KeyARN: s.Domain.KeyID, Reason: s.Err.Error()})
	}
	return out
}

// Verify reads and authenticates everything in all archives, and checks that the catalogue's recovery points are there.
func (r *Runner) Verify(ctx context.Context) (Report, error) {
	var sum Report
	err := r.eachArchive(ctx, func(ctx context.Context, l state.ArchiveLocation, v *archive.Vault, rings archive.Rings) error {
		// The catalogue first: what it names then was committed in the archive before.
		named, err := view(ctx, r, func(ctx context.Context, tx *state.Tx) ([]state.RecoveryPoint, error) {
			return tx.RecoveryPoints(ctx, state.PointFilter{VaultARN: v.ID(), Statuses: []string{state.PointCompleted, state.PointAvailable, state.PointExpired}}, state.Cursor{}, 0)
		})
		if err != nil {
			return err
		}
		report, err := v.Verify(ctx, rings, archive.VerifyOptions{})
		if err != nil {
			return err
		}
		points, err := v.Points(ctx)
		if err != nil {
			return err
		}
		domains, err := v.Domains(ctx)
		if err != nil {
			return err
		}
		keys := map[string]string{}
		for _, d := range domains {
			keys[d.ID] = d.KeyID
		}
		there := map[string]bool{}
		for _, p := range points {
			there[keys[p.Domain]+" "+p.ID] = true
		}
		arns := map[string]string{}
		for _, p := range named {
			for id, key := range keys {
				if key == p.ArchiveKeyARN {
					arns[id+"/"+p.ArchivePointID] = p.ARN
				}
			}
			if there[p.ArchiveKeyARN+" "+p.ArchivePointID] {
				continue
			}
			gone, err := r.goneSince(ctx, p)
			if err != nil {
				return err
			}
			if !gone {
				sum.Damage = append(sum.Damage, Damage{Archive: v.ID(), What: "recovery point", Object: p.ArchivePointID, Reason: "it is in the catalogue and not in the archive", Points: []string{p.ARN}})
			}
		}
		sum.Archives, sum.Points, sum.Packs, sum.Bytes = sum.Archives+1, sum.Points+report.Points, sum.Packs+report.Packs, sum.Bytes+report.Bytes
		for _, d := range report.Damage {
			damage := Damage{Archive: v.ID(), Object: d.Object, What: d.What, Reason: d.Err.Error()}
			for _, p := range d.Points {
				if arn := arns[p]; arn != "" {
					p = arn
				}
				damage.Points = append(damage.Points, p)
			}
			sum.Damage = append(sum.Damage, damage)
		}
		sum.Skipped = append(sum.Skipped, skipped(v, report.Skipped)...)
		return nil
	})
	return sum, err
}

// goneSince reports whether a recovery point was deleted while the archives were read.
func (r *Runner) goneSince(ctx context.Context, p state.RecoveryPoint) (bool, error) {
	now, err := view(ctx, r, func(ctx context.Context, tx *state.Tx) (state.RecoveryPoint, error) {
		return tx.RecoveryPoint(ctx, p.ARN)
	})
	if errors.Is(err, state.ErrNotFound) {
		return true, nil
	}
	return now.Status == state.PointDeleting, err
}
