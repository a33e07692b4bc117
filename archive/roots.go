package archive

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
)

// Rings gives the key of a sealing domain to whoever goes through all of a vault.
type Rings func(ctx context.Context, domain DomainInfo) (Keyring, error)

// A Skipped domain was left as it is, because its key or its trees could not be had.
type Skipped struct {
	Domain DomainInfo
	Err    error
}

// open opens a domain that is there.
func (r Rings) open(ctx context.Context, v *Vault, info DomainInfo) (*Domain, error) {
	ring, err := r(ctx, info)
	if err != nil {
		return nil, fmt.Errorf("opening the sealing domain %s: %w", info.ID, err)
	}
	id, err := parseObjectID(info.ID)
	if err != nil {
		return nil, err
	}
	return v.unwrap(ctx, id, info, ring)
}

// A root is a manifest whose tree is to stay.
type root struct {
	name    string // of the object
	point   string
	size    int64     // of the object
	trashed time.Time // zero for a recovery point that was not deleted
}

// listRoots gives the recovery points of a domain, and those in the trash. A point that is deleted meanwhile is found in one
// place at least.
func (v *Vault) listRoots(ctx context.Context, domain objectID) (points, trash []root, err error) {
	for object, err := range v.store.List(ctx, pointPrefix(domain)) {
		if err != nil {
			return nil, nil, err
		}
		points = append(points, root{name: object.Name, point: strings.TrimPrefix(object.Name, pointPrefix(domain)), size: object.Size})
	}
	for object, err := range v.store.List(ctx, trashPrefix(domain)) {
		if err != nil {
			return nil, nil, err
		}
		when, point, _ := strings.Cut(strings.TrimPrefix(object.Name, trashPrefix(domain)), ".")
		trashed, err := parseStamp(when)
		if err != nil {
			return nil, nil, err
		}
		trash = append(trash, root{object.Name, point, object.Size, trashed})
	}
	return points, trash, nil
}

// rootsAhead is how many manifests are asked for at a time by who reads many.
const rootsAhead = 64

// expectRoots tells the store which manifests will be read soon.
func expectRoots(ctx context.Context, s Store, roots []root) {
	objects := make([]ObjectInfo, len(roots))
	for i, r := range roots {
		objects[i] = ObjectInfo{r.name, r.size}
	}
	expectObjects(ctx, s, objects)
}

// readRoot reads the manifest of a root, or gives nil if it has gone.
func (d *Domain) readRoot(ctx context.Context, r root) (*manifest, error) {
	data, err := readObject(ctx, d.vault.store, r.name, maxManifest)
	if errors.Is(err, ErrNotExist) {
		return nil, nil
	} else if err != nil {
		return nil, fmt.Errorf("recovery point %s: %w", r.point, err)
	}
	m, err := openManifest(d.keys, r.point, data)
	if err != nil {
		return nil, fmt.Errorf("recovery point %s: %w", r.point, err)
	}
	return m, nil
}

// A survey goes through trees and calls blob for each blob that they reach. What is below a node or list is visited if blob
// says that it is seen for the first time.
type survey struct {
	d    *Domain
	blob func(kind blobKind, id ID) (first bool, err error)
}

func (s *survey) root(ctx context.Context, m *manifest) error {
	if m.root.entries == 0 {
		return nil
	}
	return s.node(ctx, m.root.id, m.kind, m.level)
}

func (s *survey) node(ctx context.Context, id ID, kind Kind, level byte) error {
	if first, err := s.blob(nodeBlob, id); err != nil || !first {
		return err
	}
	n, err := s.d.readNode(ctx, id, kind, level)
	if err != nil {
		return err
	}
	for i := range n.children {
		if err := s.node(ctx, n.children[i].id, kind, level-1); err != nil {
			return err
		}
	}
	for i := range n.entries {
		if err := s.refs(ctx, n.entries[i].refs, n.entries[i].depth); err != nil {
			return err
		}
	}
	return s.refs(ctx, n.chunks, 0)
}

func (s *survey) refs(ctx context.Context, refs []ref, depth byte) error {
	for _, r := range refs {
		if depth == 0 {
			if _, err := s.blob(chunkBlob, r.id); err != nil {
				return err
			}
			continue
		}
		first, err := s.blob(listBlob, r.id)
		if err != nil {
			return err
		}
		if !first {
			continue
		}
		list, err := s.d.readList(ctx, r, depth)
		if err == nil {
			err = s.refs(ctx, list.refs, list.depth)
		}
		if err != nil {
			return err
		}
	}
	return nil
}
