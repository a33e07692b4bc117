package archive

import (
	"cmp"
	"context"
	"slices"
	"sync"
)

// A region is a part of a volume that is written anew: what the parent has there, what was put over it, and what comes
// out of both.
type region struct {
	number  uint64
	old     []span    // of the parent
	covered []stretch // of pages that were put, ascending
	tasks   sync.WaitGroup

	mu    sync.Mutex   // guards the next two while tasks are at work
	fresh []span       // where what was put lies now
	loose []loosePages // what is still to be stored

	ready chan struct{} // closed when spans are what the region is to have
	spans []span
}

// A stretch is some pages of a volume.
type stretch struct{ page, pages uint64 }

// loosePages are content for some pages.
type loosePages struct {
	page uint64
	data []byte
}

func (r *region) put(spans ...span) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.fresh = append(r.fresh, spans...)
}

func (r *region) leave(pieces ...loosePages) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.loose = append(r.loose, pieces...)
}

// cover notes that pages were put.
func (r *region) cover(page, pages uint64) {
	if n := len(r.covered); n > 0 && r.covered[n-1].page+r.covered[n-1].pages == page {
		r.covered[n-1].pages += pages
		return
	}
	r.covered = append(r.covered, stretch{page, pages})
}

// kept gives what of the parent was not put over.
func (r *region) kept() (spans []span) {
	next := 0
	for i := range r.old {
		s := r.old[i]
		for next < len(r.covered) && r.covered[next].page+r.covered[next].pages <= s.page {
			next++
		}
		from := s.page
		for at := next; at < len(r.covered) && r.covered[at].page < s.end(); at++ {
			c := r.covered[at]
			if c.page > from {
				spans = append(spans, s.cut(from, c.page))
			}
			from = min(s.end(), c.page+c.pages)
		}
		if from < s.end() {
			spans = append(spans, s.cut(from, s.end()))
		}
	}
	return spans
}

// finish stores what is loose and says what the region is to have.
func (r *region) finish(ctx context.Context, d *Domain, sink *sink) error {
	slices.SortFunc(r.loose, func(a, b loosePages) int { return cmp.Compare(a.page, b.page) })
	p := packer{sink: sink, region: r}
	for _, l := range r.loose {
		if err := p.add(l.page, l.data); err != nil {
			return err
		}
	}
	if err := p.flush(); err != nil {
		return err
	}
	r.spans = r.merged()
	if slices.Equal(r.spans, r.old) {
		return nil
	}
	return r.tidy(ctx, d, &p)
}

// merged gives all that the region has.
func (r *region) merged() (spans []span) {
	all := append(r.kept(), r.fresh...)
	slices.SortFunc(all, func(a, b span) int { return cmp.Compare(a.page, b.page) })
	for _, s := range all {
		spans = join(spans, s)
	}
	return spans
}

// Bounds of what overwriting leaves behind. A chunk of which little is left here is written anew: it would keep more dead
// bytes than living ones in the vault, and restoring decodes all of it. What is left is less than a third of what was
// overwritten, so that writing takes no more than a third on top. And where a region has come to have many small chunks
// they become few large ones; each byte goes through that once.
const (
	aliveShare  = 4 // a chunk of which less than 1/aliveShare lives is written anew
	smallChunk  = 64 << 10
	smallChunks = 64 // a region has no more of them
)

// tidy writes anew what is worn.
func (r *region) tidy(ctx context.Context, d *Domain, p *packer) error {
	worn := r.worn()
	if len(worn) == 0 {
		return nil
	}
	r.fresh = nil
	var kept []span
	cache := chunkCache{d: d}
	for i := range r.spans {
		s := &r.spans[i]
		if !worn[s.chunk.id] {
			kept = append(kept, *s)
			continue
		}
		data, err := cache.pages(ctx, s)
		if err != nil {
			return err
		}
		if err := p.add(s.page, data); err != nil {
			return err
		}
	}
	if err := p.flush(); err != nil {
		return err
	}
	r.old, r.covered = kept, nil
	r.spans = r.merged()
	return nil
}

// worn are the chunks that are to be written anew. They are the parent's: what was put just now cannot be read yet.
func (r *region) worn() map[ID]bool {
	before, alive := map[ID]bool{}, map[ref]uint64{}
	for i := range r.old {
		before[r.old[i].chunk.id] = true
	}
	for i := range r.spans {
		alive[r.spans[i].chunk] += r.spans[i].pages * pageSize
	}
	worn, small := map[ID]bool{}, 0
	for chunk, bytes := range alive {
		if bytes < chunk.size/aliveShare && before[chunk.id] {
			worn[chunk.id] = true
		} else if bytes < smallChunk {
			small++
		}
	}
	if small > smallChunks {
		for chunk, bytes := range alive {
			if bytes < smallChunk && before[chunk.id] {
				worn[chunk.id] = true
			}
		}
	}
	return worn
}

// A packer lays pieces of a region together into chunks.
type packer struct {
	sink    *sink
	region  *region
	data    []byte
	holds   []stretch
	scratch []byte
}

func (p *packer) add(page uint64, data []byte) error {
	if len(p.data) > 0 && len(p.data)+len(data) > fullPack {
		if err := p.flush(); err != nil {
			return err
		}
	}
	p.data = append(p.data, data...)
	p.holds = append(p.holds, stretch{page, uint64(len(data)) / pageSize})
	return nil
}

// flush stores what was added.
func (p *packer) flush() (err error) {
	if len(p.data) == 0 {
		return nil
	}
	var id ID
	if id, p.scratch, err = p.sink.put(chunkBlob, p.data, p.scratch); err != nil {
		return err
	}
	p.region.put(lay(p.holds, ref{id, uint64(len(p.data))})...)
	p.data, p.holds = p.data[:0], p.holds[:0]
	return nil
}

// lay gives the spans of stretches that lie side by side in a chunk.
func lay(holds []stretch, chunk ref) (spans []span) {
	var at uint64
	for _, h := range holds {
		spans = append(spans, span{h.page, h.pages, chunk, at})
		at += h.pages
	}
	return spans
}

// A chunkCache decodes chunks of which several spans are wanted, one after the other.
type chunkCache struct {
	d    *Domain
	held [4]struct {
		id   ID
		data []byte
	}
	next int
}

// pages gives the content of a span, which stays as it is until four other chunks were asked for.
func (c *chunkCache) pages(ctx context.Context, s *span) ([]byte, error) {
	data, err := c.chunk(ctx, s.chunk)
	if err != nil {
		return nil, err
	}
	from, to := s.at*pageSize, (s.at+s.pages)*pageSize
	if to > uint64(len(data)) {
		return nil, damaged("chunk %s is shorter than what lies in it", s.chunk.id)
	}
	return data[from:to], nil
}

// chunk gives a chunk, filled up with zeros to whole pages.
func (c *chunkCache) chunk(ctx context.Context, chunk ref) ([]byte, error) {
	for i := range c.held {
		if h := &c.held[i]; h.data != nil && h.id == chunk.id {
			return h.data, nil
		}
	}
	h := &c.held[c.next]
	c.next = (c.next + 1) % len(c.held)
	data, err := c.d.readChunk(ctx, chunk, h.data[:0])
	if err != nil {
		h.data = nil
		return nil, err
	}
	whole := pagesOf(chunk.size) * pageSize
	for uint64(len(data)) < whole {
		data = append(data, make([]byte, whole-uint64(len(data)))...)
	}
	h.id, h.data = chunk.id, data
	return data, nil
}

// readChunk reads a chunk of a known size, into buf if it fits.
func (d *Domain) readChunk(ctx context.Context, chunk ref, buf []byte) ([]byte, error) {
	data, err := d.readBlob(ctx, chunkBlob, chunk.id, buf)
	if err == nil && uint64(len(data)) != chunk.size {
		return nil, damaged("chunk %s is of another size", chunk.id)
	}
	return data, err
}
