package catalogue

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"gocloud.dev/secrets"
	"golang.org/x/sync/errgroup"

	"strongroom/archive"
	"strongroom/internal/state"
)

// Found is what a store has of a catalogue.
type Found struct {
	StateID   string
	Documents []Document
	Damaged   []Damage
}

// Document is a document as it was stored.
type Document struct {
	state.CatalogueChange
	Rows state.CatalogueRows
}

// Damage is a document that is there and cannot be read.
type Damage struct {
	Object string `json:"object"`
	Reason string `json:"reason"`
}

// Read reads what a store has of the catalogue, each document in its newest version that can be read: whoever can store but
// not delete, or a newest version that decayed, hides no older one. The error wraps [archive.ErrNotExist] if there is none.
func Read(ctx context.Context, store archive.Store, root *secrets.Keeper) (Found, error) {
	r, err := openRegion(ctx, store, root)
	if err != nil {
		return Found{}, err
	}
	found := Found{StateID: r.state}
	versions := map[string][]int64{} // by section/document
	for object, err := range store.List(ctx, prefix) {
		if err != nil {
			return Found{}, fmt.Errorf("listing the catalogue: %w", err)
		}
		if object.Name == keyName {
			continue
		}
		name := strings.TrimPrefix(object.Name, prefix)
		section, document, seq, ok := parseName(name)
		if !ok {
			found.Damaged = append(found.Damaged, Damage{object.Name, "it is not the name of a document"})
			continue
		}
		versions[section+"/"+document] = append(versions[section+"/"+document], seq)
	}
	err = found.open(ctx, r, versions)
	slices.SortFunc(found.Documents, func(a, b Document) int {
		return cmp.Or(cmp.Compare(a.Section, b.Section), cmp.Compare(a.Key, b.Key))
	})
	slices.SortFunc(found.Damaged, func(a, b Damage) int { return cmp.Compare(a.Object, b.Object) })
	return found, err
}

// open reads the documents.
func (f *Found) open(ctx context.Context, r *region, versions map[string][]int64) error {
	var mu sync.Mutex
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(atOnce)
	for at, seqs := range versions {
		group.Go(func() error {
			slices.Sort(seqs)
			for _, seq := range slices.Backward(seqs) {
				d, err := r.read(ctx, versionName(at, seq))
				if err != nil && !errors.Is(err, ErrDamaged) {
					return err
				}
				mu.Lock()
				if err != nil {
					f.Damaged = append(f.Damaged, Damage{prefix + versionName(at, seq), err.Error()})
				} else {
					f.Documents = append(f.Documents, d)
				}
				mu.Unlock()
				if err == nil {
					break
				}
			}
			return nil
		})
	}
	return group.Wait()
}

// read reads a version of a document by its name below catalogue/.
func (r *region) read(ctx context.Context, name string) (Document, error) {
	sealed, err := read(ctx, r.store, prefix+name)
	if errors.Is(err, archive.ErrDamaged) {
		err = fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	if err != nil {
		return Document{}, err
	}
	plain, err := r.open(name, sealed)
	if err != nil {
		return Document{}, err
	}
	var raw struct {
		Section, Key, Region string
		Seq                  int64
		Rows                 json.RawMessage
	}
	if err := json.Unmarshal(plain, &raw); err != nil {
		return Document{}, fmt.Errorf("%s: %w: %w", name, ErrDamaged, err)
	}
	rows, err := state.ParseCatalogueRows(raw.Rows)
	if err != nil {
		return Document{}, fmt.Errorf("%s: %w: %w", name, ErrDamaged, err)
	}
	return Document{state.CatalogueChange{Seq: raw.Seq, Section: raw.Section, Key: raw.Key, Region: raw.Region}, rows}, nil
}
