package archive

import (
	"context"
	"iter"
)

// An expecter can use being told what will be read.
type expecter interface {
	// expect is told of parts of objects, and whether what lies between them may be wanted as well.
	expect(ctx context.Context, spans []objectSpan, between bool)
}

// expect tells the store which blobs will be read soon, in the order they will be, if it can use that.
func (d *Domain) expect(ctx context.Context, ids iter.Seq[ID]) { d.expectBlobs(ctx, ids, false) }

// expectNodes tells the store which nodes will be read soon. What lies between them are nodes below them, mostly, because a
// node is stored when it is full, and they are read next.
func (d *Domain) expectNodes(ctx context.Context, ids iter.Seq[ID]) { d.expectBlobs(ctx, ids, true) }

func (d *Domain) expectBlobs(ctx context.Context, ids iter.Seq[ID], between bool) {
	store, ok := d.vault.store.(expecter)
	if !ok {
		return
	}
	var spans []objectSpan
	for id := range ids {
		if at, ok := d.index.find(id); ok {
			off := int64(at.blob.offset)
			spans = append(spans, objectSpan{packName(d.id(), at.pack.id), off, off + int64(at.blob.stored)})
		}
	}
	store.expect(ctx, spans, between)
}

// expectPack tells the store that a pack will be read from one end to the other, and a byte more to see that there is none.
func expectPack(ctx context.Context, s Store, name string, size int64) {
	store, ok := s.(expecter)
	if !ok {
		return
	}
	var spans []objectSpan
	for off := int64(0); off <= size; off += maxPiece {
		spans = append(spans, objectSpan{name, off, min(off+maxPiece, size+1)})
	}
	store.expect(ctx, spans, false)
}

// expectObjects tells the store which whole objects will be read soon.
func expectObjects(ctx context.Context, s Store, objects []ObjectInfo) {
	store, ok := s.(expecter)
	if !ok {
		return
	}
	spans := make([]objectSpan, 0, len(objects))
	for _, o := range objects {
		if o.Size > 0 && o.Size <= maxPiece {
			spans = append(spans, objectSpan{o.Name, 0, o.Size})
		}
	}
	store.expect(ctx, spans, false)
}

// A rereader can read what lies in the store now, whatever it had in memory.
type rereader interface{ reread() Store }

// reread gives a store that remembers nothing that was read before.
func reread(s Store) Store {
	if s, ok := s.(rereader); ok {
		return s.reread()
	}
	return s
}
