package work

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"strongroom/archive"
	"strongroom/arn"
	"strongroom/internal/archives"
	"strongroom/internal/state"
)

// repair mends what it can of the archive, and gives what is left.
func (x *verification) repair(ctx context.Context, opts archive.VerifyOptions) (*archive.Report, error) {
	known, err := x.headers(ctx)
	if err != nil {
		return nil, err
	}
	var named []string
	for _, p := range x.named {
		named = append(named, x.name(p))
	}
	x.arns = x.names(nil)
	done, err := x.v.Repair(ctx, x.rings, archive.RepairOptions{Verify: opts, Copies: x.copies, Domains: known, Missing: named})
	if err != nil {
		return nil, err
	}
	for _, h := range done.Healed {
		x.sum.Healed = append(x.sum.Healed, Healed{Archive: x.v.ID(), Object: h.Object, What: h.What, From: h.From})
		x.Log.InfoContext(ctx, "mended an archive", slog.String("archive", x.v.ID()), slog.String("object", h.Object), slog.String("what", h.What), slog.String("from", h.From))
	}
	for _, d := range done.Failed {
		x.sum.Failed = append(x.sum.Failed, x.damage(d))
	}
	left := *done.Left
	left.Bytes += done.Found.Bytes
	left.Packs += done.Found.Packs
	if left.There, err = x.v.PointNames(ctx); err != nil {
		return nil, err
	}
	return &left, nil
}

// headers gives the headers of sealing domains that were kept.
func (x *verification) headers(ctx context.Context) ([]archive.DomainInfo, error) {
	kept, err := view(ctx, x.Runner, func(ctx context.Context, tx *state.Tx) ([]state.ArchiveDomain, error) {
		return tx.ArchiveDomains(ctx, x.v.ID())
	})
	var all []archive.DomainInfo
	for _, d := range kept {
		created, parsed := time.Parse(time.RFC3339Nano, d.CreatedAt)
		err = errors.Join(err, parsed)
		all = append(all, archive.DomainInfo{ID: d.Domain, Vault: x.v.ID(), KeyID: d.KeyARN, Wrapped: d.Wrapped, Created: created})
	}
	return all, err
}

// copies opens the recovery points that hold what one of the archive holds, as the service does that keeps their vaults.
func (x *verification) copies(ctx context.Context, domain archive.DomainInfo, point string) (open []*archive.Point, err error) {
	family, err := view(ctx, x.Runner, func(ctx context.Context, tx *state.Tx) ([]state.RecoveryPoint, error) {
		return familyOf(ctx, tx, x.v.ID(), domain.KeyID, point)
	})
	if err != nil {
		return nil, err
	}
	for _, p := range family {
		o, err := x.openCopy(ctx, p)
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if err != nil { // others may do
			x.Log.WarnContext(ctx, "a copy cannot be used for a repair", slog.String("recovery_point", p.ARN), slog.String("error", err.Error()))
			continue
		}
		open = append(open, o)
	}
	return open, nil
}

func (x *verification) openCopy(ctx context.Context, p state.RecoveryPoint) (*archive.Point, error) {
	vault, err := arn.Parse(p.VaultARN)
	if err != nil {
		return nil, err
	}
	_, name := vault.Split()
	l := state.ArchiveLocation{AccountID: vault.AccountID, Region: vault.Region, Vault: name}
	ring, err := x.Runner.rings(l)(ctx, archive.DomainInfo{KeyID: p.ArchiveKeyARN})
	if err != nil {
		return nil, err
	}
	d, err := x.Archives.OpenDomain(ctx, archives.Location{Region: l.Region, AccountID: l.AccountID, Vault: l.Vault}, p.ArchiveKeyARN, ring)
	if err != nil {
		return nil, err
	}
	return d.Open(ctx, p.ArchivePointID)
}

// familyOf gives the finished recovery points that hold the same as one: what it was copied from, its copies, and theirs.
func familyOf(ctx context.Context, tx *state.Tx, vaultARN, keyARN, point string) (family []state.RecoveryPoint, err error) {
	first, err := tx.PointsInArchive(ctx, vaultARN, point)
	if err != nil {
		return nil, err
	}
	seen := map[string]bool{}
	var next []string
	for _, p := range first {
		if p.ArchiveKeyARN == keyARN {
			next = append(next, p.ARN, p.SourcePointARN)
		}
	}
	for len(next) > 0 {
		at := next[0]
		if next = next[1:]; at == "" || seen[at] {
			continue
		}
		seen[at] = true
		copies, err := tx.CopiesOfPoint(ctx, at) // also of a source that is there no more
		if err != nil {
			return nil, err
		}
		for _, c := range copies {
			next = append(next, c.ARN)
		}
		p, err := tx.RecoveryPoint(ctx, at)
		if errors.Is(err, state.ErrNotFound) {
			continue
		} else if err != nil {
			return nil, err
		}
		next = append(next, p.SourcePointARN)
		if p.Finished() && p.ArchivePointID != "" && (p.VaultARN != vaultARN || p.ArchiveKeyARN != keyARN || p.ArchivePointID != point) {
			family = append(family, p)
		}
	}
	return family, nil
}
