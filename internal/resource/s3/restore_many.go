package s3

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"

	"strongroom/archive"
	"strongroom/internal/api"
)

// mostSmall is how many bytes of content are restored at once at most.
const mostSmall = 4 << 20

// smallObjects are the versions of objects that wait to be restored together. Which are together follows from the recovery point and
// what is wanted of it alone, so that a job that is run again finds what it has written.
type smallObjects struct {
	objects [][]*archive.Entry
	entries int
	bytes   int64
}

// small reports whether the versions of an object may be written among many.
func small(entries []*archive.Entry) bool {
	for _, e := range entries {
		if e.Size > SmallObject {
			return false
		}
	}
	return len(entries) <= MostAtOnce
}

// room reports whether the versions of one more object can be restored with the others.
func (m *smallObjects) room(entries []*archive.Entry) bool {
	if len(m.objects) == 0 {
		return true
	}
	bytes := m.bytes
	for _, e := range entries {
		bytes += e.Size
	}
	return m.entries+len(entries) <= MostAtOnce && bytes <= mostSmall
}

func (m *smallObjects) add(entries []*archive.Entry) {
	m.objects = append(m.objects, entries)
	m.entries += len(entries)
	for _, e := range entries {
		m.bytes += e.Size
	}
}

// take gives those that wait, and has none any more.
func (m *smallObjects) take() (objects [][]*archive.Entry) {
	objects, *m = m.objects, smallObjects{}
	return objects
}

// pending is a version that is about to be written.
type pending struct {
	entry   *archive.Entry
	version version
}

// objects restores small objects together. Those with delete markers, or lists of grants, which take further calls, are restored one
// by one.
func (x *restore) objects(ctx context.Context, objects [][]*archive.Entry) error {
	var together []pending
	var whole [][]*archive.Entry // the objects that together has
	for _, entries := range objects {
		versions, err := x.plain(entries)
		if err != nil {
			return err
		}
		if versions == nil {
			if err := x.object(ctx, entries); err != nil {
				return err
			}
			continue
		}
		together, whole = append(together, versions...), append(whole, entries)
	}
	if len(together) == 0 {
		return nil
	}
	out, err := api.Call[WriteManyOutput](ctx, x.door, x.caller, x.writes(ctx, together))
	if err != nil && !errors.Is(err, archive.ErrDamaged) {
		return err
	}
	if err != nil || out.Apart { // one that is damaged must not keep the others back
		for _, entries := range whole {
			if err := x.object(ctx, entries); err != nil {
				return err
			}
		}
		return nil
	}
	for i, p := range together {
		if err := x.settle(ctx, p.entry, p.version, out.Errs[i]); err != nil {
			return err
		}
	}
	return nil
}

// plain gives the versions of an object if a write is all that each takes; nil otherwise.
func (x *restore) plain(entries []*archive.Entry) ([]pending, error) {
	versions := make([]pending, 0, len(entries))
	for _, e := range entries {
		v, err := parseVersion(e.Meta)
		if err != nil {
			return nil, err
		}
		if v.DeleteMarker || x.options.acls && len(v.Grants) > 0 {
			return nil, nil
		}
		versions = append(versions, pending{e, v})
	}
	return versions, nil
}

func (x *restore) writes(ctx context.Context, versions []pending) *WriteManyInput {
	in := &WriteManyInput{Bucket: &x.options.bucket, JobID: x.request.JobID, Writes: make([]Write, len(versions))}
	names := sha256.New()
	for i, p := range versions {
		names.Write(p.entry.Key)
		in.Writes[i] = Write{Put: x.put(p.entry, p.version, p.entry.Open(ctx)), Known: p.version.sums()}
	}
	in.Name = hex.EncodeToString(names.Sum(nil)[:16])
	return in
}
