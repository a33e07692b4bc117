package work

import (
	"context"
	"slices"
	"time"

	"strongroom/archive"
	"strongroom/internal/state"
)

// sealingDomain opens the sealing domain of a key in a vault's archive, for somebody who writes. Its header is kept in the state from
// the first time on, so that a repair can bring it back: it is one small object, and nothing opens without it.
func (r *Runner) sealingDomain(ctx context.Context, vault state.BackupVault, keyARN string, ring archive.Keyring) (*archive.Domain, error) {
	d, err := r.Archives.Domain(ctx, location(vault), keyARN, ring)
	if err != nil {
		return nil, err
	}
	if err := r.keepHeader(ctx, d.Vault().ID(), d.Info()); err != nil {
		d.Close()
		return nil, err
	}
	return d, nil
}

// keepHeader keeps the header of a sealing domain, if it is not kept yet.
func (r *Runner) keepHeader(ctx context.Context, archiveID string, info archive.DomainInfo) error {
	kept, err := view(ctx, r, func(ctx context.Context, tx *state.Tx) ([]state.ArchiveDomain, error) {
		return tx.ArchiveDomains(ctx, archiveID)
	})
	if err != nil || slices.ContainsFunc(kept, func(d state.ArchiveDomain) bool { return d.Domain == info.ID }) {
		return err
	}
	return r.update(ctx, func(ctx context.Context, tx *state.Tx) error {
		return tx.PutArchiveDomain(ctx, header(archiveID, info))
	})
}

// header is the header of a sealing domain as the state keeps it.
func header(archiveID string, d archive.DomainInfo) state.ArchiveDomain {
	return state.ArchiveDomain{Archive: archiveID, Domain: d.ID, KeyARN: d.KeyID, Wrapped: d.Wrapped, CreatedAt: d.Created.Format(time.RFC3339Nano)}
}
