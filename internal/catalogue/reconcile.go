package catalogue

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"strongroom/archive"
	"strongroom/internal/state"
)

// reconcile compares what a store has with what the database knows of it. They differ once a state.db of an earlier time was put
// back: versions of the time that was forgotten lie there, with numbers that are yet to come. Whoever rebuilt would believe
// them, more than what is changed from now on: a key that was deleted would be back, a lock would be gone. So the numbers go on
// behind them, and the documents are stored anew, in place of all their versions. What the database does not know at all stays, for
// who rebuilds.
func (m *Mirror) reconcile(ctx context.Context, name string, r *region) error {
	versions, err := r.list(ctx)
	if err != nil {
		return err
	}
	var documents, changes []state.CatalogueChange
	err = m.DB.View(ctx, func(ctx context.Context, tx *state.Tx) error {
		if documents, err = tx.CatalogueDocuments(ctx); err == nil {
			changes, err = tx.CatalogueChanges(ctx, 0, -1)
		}
		return err
	})
	if err != nil {
		return err
	}
	elsewhere := func(c state.CatalogueChange) bool { return cmp.Or(c.Region, m.Home) != name }
	documents = slices.DeleteFunc(documents, elsewhere)
	known := func(c state.CatalogueChange) (there bool) {
		at := r.document(c.Section, c.Key)
		before := len(versions[at])
		versions[at] = slices.DeleteFunc(versions[at], func(seq int64) bool { return seq == c.Seq })
		return len(versions[at]) < before
	}
	missing := map[string]bool{}
	for _, d := range documents {
		missing[d.Section+d.Key] = !known(d)
	}
	for _, c := range slices.DeleteFunc(changes, elsewhere) {
		known(c) // a crash may have left it
	}
	again := slices.DeleteFunc(documents, func(d state.CatalogueChange) bool {
		return !missing[d.Section+d.Key] && len(versions[r.document(d.Section, d.Key)]) == 0
	})
	r.strays = versions
	newest, err := r.newestStray(ctx)
	if err != nil {
		return err
	}
	return m.DB.NoteCatalogue(ctx, func(ctx context.Context, tx *state.Tx) error { return tx.ReconcileCatalogue(ctx, newest, again) })
}

// newestStray is the highest number of the versions that the database does not know and that open. A name alone tells nothing: anybody
// who can store could take all numbers away by one.
func (r *region) newestStray(ctx context.Context) (newest int64, err error) {
	for document, seqs := range r.strays {
		for _, seq := range seqs {
			if seq <= newest {
				continue
			}
			_, err := r.read(ctx, versionName(document, seq))
			switch {
			case err == nil:
				newest = seq
			case !errors.Is(err, ErrDamaged) && !errors.Is(err, archive.ErrNotExist):
				return 0, err
			}
		}
	}
	return newest, nil
}

// list gives the versions that a store has, by document.
func (r *region) list(ctx context.Context) (versions map[string][]int64, err error) {
	versions = map[string][]int64{}
	for object, err := range r.store.List(ctx, prefix) {
		if err != nil {
			return nil, fmt.Errorf("listing the catalogue: %w", err)
		}
		section, document, seq, ok := parseName(strings.TrimPrefix(object.Name, prefix))
		if !ok {
			continue // the key, or nothing of ours; Read tells of it
		}
		versions[section+"/"+document] = append(versions[section+"/"+document], seq)
	}
	return versions, nil
}
