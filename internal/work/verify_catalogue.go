package work

import (
	"context"
	"encoding/json"
	"log/slog"

	"strongroom/clock"
	"strongroom/internal/state"
)

// catalogueName is what the catalogue beside the data is called among the archives.
const catalogueName = "catalogue"

// CheckedCatalogue is what was found wrong of the catalogue in the stores of the Regions, and what of it was mended.
type CheckedCatalogue struct {
	Damage []Damage
	Healed []Healed
}

// verifyCatalogue holds the catalogue beside the data against the database: what is lost there would be missed when the database is
// lost, too. It is small, and read whole whatever part of the packs is.
func (r *Runner) verifyCatalogue(ctx context.Context, q VerifyRequest, sum *Report) error {
	if q.Vault != "" || r.CheckCatalogue == nil || q.dataOnly != nil && q.dataOnly(catalogueName) {
		return nil
	}
	began := clock.Wall.Now()
	found, err := r.CheckCatalogue(ctx, q.Repair)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err != nil {
		sum.Skipped = append(sum.Skipped, SkippedVault{Archive: catalogueName, Reason: err.Error()})
		return nil
	}
	for i := range found.Damage {
		found.Damage[i].Archive = catalogueName
		r.Log.ErrorContext(ctx, "the catalogue beside the data is damaged", slog.String("object", found.Damage[i].Object), slog.String("reason", found.Damage[i].Reason))
	}
	for i := range found.Healed {
		found.Healed[i].Archive, found.Healed[i].From = catalogueName, "the database"
	}
	sum.Damage, sum.Healed = append(sum.Damage, found.Damage...), append(sum.Healed, found.Healed...)
	damage, err := json.Marshal(found.Damage)
	if err != nil {
		return err
	}
	return r.update(ctx, func(ctx context.Context, tx *state.Tx) error {
		return tx.PutArchiveVerification(ctx, state.ArchiveVerification{
			Archive: catalogueName, By: q.purpose(), Part: "all", BeganAt: state.MicrosOf(began), EndedAt: state.MicrosOf(clock.Wall.Now()), Damage: damage,
		})
	})
}
