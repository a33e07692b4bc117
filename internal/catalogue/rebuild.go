package catalogue

import (
	"context"
	"fmt"
	"slices"

	"strongroom/internal/state"
)

// Rebuilt says what of a catalogue came back.
type Rebuilt struct {
	Documents map[string]int `json:"documents"` // by kind
	Refused   []Damage       `json:"refused,omitempty"`
}

// Rebuild fills a database, which is new, with documents.
func Rebuild(ctx context.Context, db *state.DB, documents []Document) (Rebuilt, error) {
	done := Rebuilt{Documents: map[string]int{}}
	var stored []state.CatalogueChange
	err := db.Update(ctx, func(ctx context.Context, tx *state.Tx) error {
		for _, section := range state.CatalogueSections {
			for _, d := range documents {
				if d.Section != section.Kind {
					continue
				}
				err := tx.Try(ctx, func() error { return tx.InsertCatalogueRows(ctx, d.Section, d.Rows) })
				if ctx.Err() != nil {
					return ctx.Err()
				}
				if err != nil {
					done.Refused = append(done.Refused, Damage{d.Section + " " + d.Key, err.Error()})
					continue
				}
				done.Documents[d.Section]++
				stored = append(stored, d.CatalogueChange)
			}
		}
		for _, d := range documents {
			if !slices.ContainsFunc(state.CatalogueSections, func(s state.CatalogueSection) bool { return s.Kind == d.Section }) {
				done.Refused = append(done.Refused, Damage{d.Section + " " + d.Key, "this program does not know documents of this kind; it may be older than what wrote them"})
			}
		}
		// First what the catalogue is, and then what differs from it.
		if err := tx.RebuildCatalogue(ctx, stored); err != nil {
			return err
		}
		for _, step := range []func(context.Context) error{tx.RebuildCounts, tx.RebuildHolds, tx.RebuildInterrupted, tx.RebuildPolicies} {
			if err := step(ctx); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return done, fmt.Errorf("putting the catalogue back: %w", err)
	}
	return done, nil
}
