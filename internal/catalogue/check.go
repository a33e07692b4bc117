package catalogue

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"strongroom/archive"
	"strongroom/internal/state"
)

// Checked is what a check found in the store of one Region.
type Checked struct {
	Region    string
	Documents int      // that were read
	Damage    []Damage // what is not as it was stored
	Healed    []Damage // what of it was stored anew
}

// Check reads the catalogue in the stores of the Regions and holds it against the database, so that what decays or is taken away
// there is found while the database is there to mend it from. If it is to mend, it stores anew what is damaged or missing,
// and removes what cannot be read and belongs to nothing. It may run beside changes.
func (m *Mirror) Check(ctx context.Context, mend bool) (all []Checked, err error) {
	var regions []string
	err = m.DB.View(ctx, func(ctx context.Context, tx *state.Tx) error {
		regions, err = tx.CatalogueRegions(ctx)
		return err
	})
	if err != nil {
		return nil, err
	}
	for i, in := range regions {
		if in == "" {
			regions[i] = m.Home
		}
	}
	slices.Sort(regions)
	for _, in := range slices.Compact(regions) {
		c := Checked{Region: in}
		if err := m.check(ctx, &c, mend); err != nil {
			return all, fmt.Errorf("checking the catalogue in the store of %s: %w", in, err)
		}
		all = append(all, c)
	}
	return all, nil
}

func (m *Mirror) check(ctx context.Context, c *Checked, mend bool) error {
	store, err := m.Stores(ctx, c.Region)
	if err != nil {
		return err
	}
	r, err := openRegion(ctx, store, m.Root)
	if err != nil {
		return m.checkKey(ctx, c, store, err, mend)
	}
	if r.state != m.StateID {
		return ErrForeign
	}
	if err := m.checkDocuments(ctx, c, r, mend); err != nil {
		return err
	}
	return m.checkRest(ctx, c, r, mend)
}

// checkKey tells of a data key that does not open, and has all that was sealed under it sealed anew under another.
func (m *Mirror) checkKey(ctx context.Context, c *Checked, store archive.Store, cause error, mend bool) error {
	if !errors.Is(cause, archive.ErrNotExist) && !errors.Is(cause, ErrDamaged) {
		return cause // the store does not answer
	}
	d := Damage{keyName, cause.Error()}
	if !mend {
		c.Damage = append(c.Damage, d)
		return nil
	}
	if err := store.Delete(ctx, keyName); err != nil {
		return err
	}
	m.mu.Lock()
	m.reopen[c.Region] = true
	m.mu.Unlock()
	documents, err := m.documents(ctx, c.Region)
	if err != nil {
		return err
	}
	if err := m.again(ctx, documents); err != nil {
		return err
	}
	c.Healed = append(c.Healed, d)
	r, err := openRegion(ctx, store, m.Root)
	if err != nil {
		return err
	}
	return m.checkRest(ctx, c, r, mend)
}

// checkDocuments reads the documents that must be there.
func (m *Mirror) checkDocuments(ctx context.Context, c *Checked, r *region, mend bool) error {
	documents, err := m.documents(ctx, c.Region)
	if err != nil {
		return err
	}
	var bad []state.CatalogueChange
	for _, d := range documents {
		now, wrong, err := m.checkDocument(ctx, r, d)
		switch {
		case err != nil:
			return err
		case wrong == nil:
			c.Documents++
		default:
			bad = append(bad, now)
			c.Damage = append(c.Damage, Damage{prefix + r.name(now.Section, now.Key, now.Seq), now.Section + " " + now.Key + ": " + wrong.Error()})
		}
	}
	if !mend || len(bad) == 0 {
		return nil
	}
	if err := m.again(ctx, bad); err != nil {
		return err
	}
	c.Healed, c.Damage = append(c.Healed, c.Damage...), nil
	return nil
}

// checkDocument tells what is wrong with a document in the version that is stored now. What is replaced or removed meanwhile is not.
func (m *Mirror) checkDocument(ctx context.Context, r *region, d state.CatalogueChange) (now state.CatalogueChange, wrong, err error) {
	for {
		_, wrong := r.read(ctx, r.name(d.Section, d.Key, d.Seq))
		switch {
		case wrong == nil:
			return d, nil, nil
		case !errors.Is(wrong, ErrDamaged) && !errors.Is(wrong, archive.ErrNotExist):
			return d, nil, wrong
		}
		now, err := m.storedNow(ctx, d)
		switch {
		case errors.Is(err, state.ErrNotFound):
			return d, nil, nil
		case err != nil:
			return d, nil, err
		case now.Seq == d.Seq:
			return d, wrong, nil
		}
		d = now
	}
}

// documents lists what the database takes to be stored in a Region's store.
func (m *Mirror) documents(ctx context.Context, in string) (all []state.CatalogueChange, err error) {
	err = m.DB.View(ctx, func(ctx context.Context, tx *state.Tx) error {
		all, err = tx.CatalogueDocuments(ctx)
		return err
	})
	return slices.DeleteFunc(all, func(d state.CatalogueChange) bool { return cmp.Or(d.Region, m.Home) != in }), err
}

// again has documents stored anew by the loop, and waits until they are.
func (m *Mirror) again(ctx context.Context, documents []state.CatalogueChange) error {
	var before, newest int64
	err := m.DB.NoteCatalogue(ctx, func(ctx context.Context, tx *state.Tx) (err error) {
		if before, err = tx.NewestCatalogueChange(ctx); err != nil {
			return err
		}
		for _, d := range documents {
			if err := tx.NoteCatalogueChange(ctx, d); err != nil {
				return err
			}
		}
		newest, err = tx.NewestCatalogueChange(ctx)
		return err
	})
	if err != nil {
		return err
	}
	m.Changed()
	for {
		err := m.Wait(ctx, before, newest)
		if ctx.Err() != nil || !errors.Is(err, context.DeadlineExceeded) {
			return err
		}
	}
}

// storedNow is the version of a document that is stored now. One that is about to be replaced or removed is taken for gone.
func (m *Mirror) storedNow(ctx context.Context, d state.CatalogueChange) (now state.CatalogueChange, err error) {
	err = m.DB.View(ctx, func(ctx context.Context, tx *state.Tx) error {
		if now, err = tx.CatalogueDocument(ctx, d.Section, d.Key); err != nil {
			return err
		}
		pending, err := tx.CatalogueChanging(ctx, d.Section, d.Key)
		if err == nil && pending {
			err = state.ErrNotFound
		}
		return err
	})
	return now, err
}

// checkRest looks at what belongs to no document that the database knows. What opens was given up with a newer database, and stays.
func (m *Mirror) checkRest(ctx context.Context, c *Checked, r *region, mend bool) error {
	versions, err := r.list(ctx)
	if err != nil {
		return err
	}
	documents, err := m.documents(ctx, c.Region)
	if err != nil {
		return err
	}
	known := map[string]bool{}
	for _, d := range documents {
		known[r.name(d.Section, d.Key, d.Seq)] = true
	}
	for place, seqs := range versions {
		for _, seq := range seqs {
			name := versionName(place, seq)
			if known[name] {
				continue // checkDocuments tells of it
			}
			_, wrong := r.read(ctx, name)
			if wrong == nil || errors.Is(wrong, archive.ErrNotExist) {
				continue
			}
			if !errors.Is(wrong, ErrDamaged) {
				return wrong
			}
			d := Damage{prefix + name, wrong.Error()}
			if !mend {
				c.Damage = append(c.Damage, d)
				continue
			}
			if err := r.store.Delete(ctx, prefix+name); err != nil {
				return err
			}
			c.Healed = append(c.Healed, d)
		}
	}
	return nil
}
