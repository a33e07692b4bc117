package archive

import (
	"context"
	"fmt"
	"io"

	"golang.org/x/sync/errgroup"
)

// windowSpans is how many spans of a volume are looked at together when it is restored, about, and windowHolds the memory that they take:
// as a rule it is more than 5 GiB of the volume.
const (
	windowSpans = 32 << 10
	windowHolds = 8 << 20
)

// WriteVolume writes all that is not zero of a volume into dst, several places at once: each chunk is decoded once and written to all places
// within a wide window of the volume that it has, and chunks come in the order of their first place. Progress, which may be nil, is told of
// bytes written.
//
// A file system lets one writer at a time into a file. Who restores into a file had better have the others wait for a lock of this process,
// where what they hold of a processor goes to who decodes.
func (p *Point) WriteVolume(ctx context.Context, dst io.WriterAt, progress func(bytes uint64)) error {
	if p.Kind() != Volume {
		return ErrKind
	}
	giveBack, err := p.d.vault.opts.Budget.Take(ctx, p.d.vault.volumeHolds(p.m.root.size))
	if err != nil {
		return fmt.Errorf("recovery point %s: %w", p.id, err)
	}
	defer giveBack()
	r := volumeRestore{p: p, dst: dst, progress: progress}
	r.writes, r.ctx = errgroup.WithContext(ctx)
	r.writes.SetLimit(2 * p.d.vault.opts.Workers)
	var window []span
	err = p.d.eachLeaf(ctx, p.m, 0, func(n *node) error {
		spans, err := n.spans(p.m.blockSize)
		if err != nil {
			return err
		}
		if window = append(window, spans...); len(window) < p.d.vault.spans {
			return nil
		}
		err = r.window(window)
		window = window[:0]
		return err
	})
	if err == nil {
		err = r.window(window)
	}
	if failed := r.writes.Wait(); failed != nil { // what failed first ended the context of the others
		err = failed
	}
	if err != nil {
		return fmt.Errorf("recovery point %s: %w", p.id, err)
	}
	return nil
}

// A volumeRestore writes a volume somewhere.
type volumeRestore struct {
	p        *Point
	dst      io.WriterAt
	progress func(uint64)
	writes   *errgroup.Group
	ctx      context.Context // of the writes
}

// window begins to write some spans, and tells the store of their chunks a piece ahead.
func (r *volumeRestore) window(spans []span) error {
	groups := byChunk(spans)
	told := 0
	for i, of := range groups {
		if err := r.ctx.Err(); err != nil {
			return err
		}
		if i == told {
			told = r.expect(groups, i)
		}
		r.writes.Go(func() error { return r.chunk(of) })
	}
	return nil
}

// expect tells the store of the chunks from a number on, as many as make a piece, and gives the number of the next.
func (r *volumeRestore) expect(groups [][]span, first int) (next int) {
	size := uint64(0)
	for next = first; next < len(groups) && size < maxPiece; next++ {
		size += groups[next][0].chunk.size
	}
	r.p.d.expect(r.ctx, func(yield func(ID) bool) {
		for _, of := range groups[first:next] {
			if !yield(of[0].chunk.id) {
				return
			}
		}
	})
	return next
}

// byChunk puts the spans of each chunk together, in the order in which the chunks come first.
func byChunk(spans []span) (groups [][]span) {
	number := map[ID]int{}
	for i := range spans {
		s := &spans[i]
		at, known := number[s.chunk.id]
		if !known {
			at = len(groups)
			number[s.chunk.id] = at
			groups = append(groups, nil)
		}
		groups[at] = append(groups[at], *s)
	}
	return groups
}

// chunk writes the spans of one chunk.
func (r *volumeRestore) chunk(spans []span) error {
	if err := r.ctx.Err(); err != nil {
		return err
	}
	d, volume := r.p.d, r.p.m.volume
	data, err := d.readShared(r.ctx, chunkBlob, spans[0].chunk.id)
	if err != nil {
		return err
	}
	defer d.vault.releaseBlob(data)
	if uint64(len(data)) != spans[0].chunk.size {
		return damaged("chunk %s is of another size", spans[0].chunk.id)
	}
	for i := range spans {
		s := &spans[i]
		size := min(s.pages*pageSize, volume-min(s.page*pageSize, volume))
		from := min(s.at*pageSize, uint64(len(data)))
		part := data[from:min(from+size, uint64(len(data)))]
		if _, err := r.dst.WriteAt(part, int64(s.page*pageSize)); err != nil {
			return err
		}
		if r.progress != nil {
			r.progress(uint64(len(part)))
		}
	}
	return nil
}
