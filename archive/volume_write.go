package archive

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
)

// A volumeWriter is what a [Writer] of a volume has besides: it goes through the volume region by region, cuts what is
// put into pieces, has them stored by its workers, and hands each region to the builder.
type volumeWriter struct {
	d      *Domain
	sink   *sink
	parent *manifest
	key    [2]uint64 // that decides where pieces end

	slabs     *slabs
	tasks     chan volumeTask
	workers   sync.WaitGroup
	regions   chan *region
	finishing chan struct{} // taken by regions that are begun and not finished
	finishers sync.WaitGroup

	next   uint64 // the page that may be put next
	region *region
	at     int // how many of the region's old spans end before what comes next
	run    pageRun
	pack   pack

	reading []byte // what is read to be compared
}

// A pageRun is content that is being collected in the current slab.
type pageRun struct {
	page    uint64
	bytes   int
	limit   int
	compare bool // with what the parent has there
}

func (r *pageRun) end() uint64 { return r.page + uint64(r.bytes/pageSize) }

// A pack collects small pieces of a region that are to be stored as they are.
type pack struct {
	data  []byte
	holds []stretch
}

// A volumeTask is content on its way: a chunk for the pages that holds tells of, or, without, pages to compare.
type volumeTask struct {
	region *region
	page   uint64
	data   []byte
	slab   *slab
	holds  []stretch
	old    []span // what the parent has there, if it is to be compared

	from io.ReaderAt // where to read the data, instead of data and slab: old is one chunk then, which is whole
}

func newVolumeWriter(d *Domain, sink *sink, parent *manifest) *volumeWriter {
	workers := d.vault.opts.Workers
	v := &volumeWriter{
		d: d, sink: sink, parent: parent, key: d.keys.page,
		slabs: newSlabs(workers + 2), tasks: make(chan volumeTask, 64),
		regions: make(chan *region, 16), finishing: make(chan struct{}, workers+1),
	}
	for range workers {
		v.workers.Go(v.work)
	}
	return v
}

// put takes what lies at a page now. With compare it may be what the parent has there.
func (v *volumeWriter) put(ctx context.Context, page uint64, data []byte, compare bool) error {
	if err := v.follows(page); err != nil {
		return err
	}
	for len(data) > 0 {
		if err := v.enter(ctx, page>>regionBits); err != nil {
			return err
		}
		n := min(len(data), int(regionPages-page%regionPages)*pageSize)
		pages := pagesOf(uint64(n))
		v.region.cover(page, pages)
		if compare {
			v.compare(page, data[:n])
		} else {
			v.add(page, data[:n])
		}
		page, data = page+pages, data[n:]
		v.next = page
	}
	return nil
}

// follows fails if a page is not behind all that was put.
func (v *volumeWriter) follows(page uint64) error {
	if page < v.next {
		return fmt.Errorf("page %d after page %d: %w", page, v.next-1, ErrOrder)
	}
	return nil
}

// enter begins a region, if it is another than that of the last page, and reads what the parent has there.
func (v *volumeWriter) enter(ctx context.Context, number uint64) error {
	if v.region != nil && v.region.number == number {
		return nil
	}
	v.leave()
	select {
	case v.finishing <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	case <-v.sink.ctx.Done():
		return v.sink.err()
	}
	r := &region{number: number, ready: make(chan struct{})}
	var err error
	if r.old, err = v.oldSpans(ctx, number); err != nil {
		<-v.finishing
		return err
	}
	v.region, v.at = r, 0
	return nil
}

// oldSpans gives what the parent has in a region.
func (v *volumeWriter) oldSpans(ctx context.Context, number uint64) (spans []span, err error) {
	if v.parent == nil {
		return nil, nil
	}
	from, to := number<<regionBits, (number+1)<<regionBits
	err = v.d.eachSpan(ctx, v.parent, from, func(s span) bool {
		if s.page < to && s.end() > from {
			spans = join(spans, s)
		}
		return s.page < to
	})
	return spans, err
}

// leave hands the region over.
func (v *volumeWriter) leave() {
	r := v.region
	if r == nil {
		return
	}
	v.endRun()
	v.flush()
	v.region = nil
	v.finishers.Go(func() {
		defer func() { <-v.finishing }()
		defer close(r.ready)
		r.tasks.Wait()
		if v.sink.ctx.Err() == nil {
			v.sink.fail(r.finish(v.sink.ctx, v.d, v.sink))
		}
	})
	v.regions <- r
}

// close hands over all that was put; the builder has it when close returns, or the sink has failed.
func (v *volumeWriter) close() {
	v.leave()
	close(v.regions)
	v.finishers.Wait()
	close(v.tasks)
	v.workers.Wait()
}

// add takes pages that are new.
func (v *volumeWriter) add(page uint64, data []byte) {
	for ; len(data) > 0; page++ {
		n := min(len(data), pageSize)
		if zero(data[:n]) {
			v.endRun()
		} else {
			v.append(page, data[:n], false, maxCut)
			if endsPiece(v.key, v.run.bytes, v.slabs.current.buf[v.slabs.current.used+v.run.bytes-pageSize:]) {
				v.endRun()
			}
		}
		data = data[n:]
	}
}

// compare takes pages that may be what the parent has. A chunk that the parent has whole is compared as a whole.
func (v *volumeWriter) compare(page uint64, data []byte) {
	for len(data) > 0 {
		o := v.oldFrom(page)
		n := min(len(data), smallChunk)
		if o == nil || o.page > page {
			if o != nil {
				n = min(n, int(o.page-page)*pageSize)
			}
			v.add(page, data[:n])
		} else {
			n = min(n, int(o.end()-page)*pageSize)
			limit, whole := maxCut, o.whole() && o.chunk.size <= maxChunk
			if whole && o.page == page {
				v.endRun()
				limit = int(o.pages) * pageSize
			}
			v.append(page, data[:n], true, limit)
			if whole && v.run.end() == o.end() {
				v.endRun()
			}
		}
		page, data = page+pagesOf(uint64(n)), data[n:]
	}
}

// append adds pages to the run, or begins another. What is less than a page is filled up with zeros.
func (v *volumeWriter) append(page uint64, data []byte, compare bool, limit int) {
	room := int(pagesOf(uint64(len(data)))) * pageSize
	if r := &v.run; r.bytes > 0 && (r.compare != compare || r.end() != page || r.bytes+room > r.limit) {
		v.endRun()
	}
	if v.run.bytes == 0 {
		v.run = pageRun{page: page, compare: compare, limit: limit}
	}
	have := v.run.bytes
	var carry []byte
	if have > 0 {
		carry = v.slabs.current.buf[v.slabs.current.used:][:have]
	}
	buf := v.slabs.room(carry, have+room)[have : have+room]
	clear(buf[copy(buf, data):])
	v.run.bytes += room
}

// endRun sends what was collected to the workers, or keeps it for a chunk with others if it is small.
func (v *volumeWriter) endRun() {
	r := v.run
	v.run = pageRun{}
	switch {
	case r.bytes == 0:
	case r.compare:
		t := volumeTask{page: r.page}
		for _, s := range v.region.old[v.first(r.page):] {
			if s.page >= r.end() {
				break
			}
			t.old = append(t.old, s)
		}
		v.send(t, r.bytes)
	case r.bytes < smallCut:
		if len(v.pack.data)+r.bytes > fullPack {
			piece := slices.Clone(v.slabs.current.buf[v.slabs.current.used:][:r.bytes]) // flush takes its place
			v.flush()
			v.pack.data = append(v.pack.data, piece...)
		} else {
			v.pack.data = append(v.pack.data, v.slabs.current.buf[v.slabs.current.used:][:r.bytes]...)
		}
		v.pack.holds = append(v.pack.holds, stretch{r.page, uint64(r.bytes / pageSize)})
	default:
		v.send(volumeTask{page: r.page, holds: []stretch{{r.page, uint64(r.bytes / pageSize)}}}, r.bytes)
	}
}

// first gives the number of the first old span that ends after a page.
func (v *volumeWriter) first(page uint64) int {
	i, _ := slices.BinarySearchFunc(v.region.old, page+1, func(s span, page uint64) int {
		if s.end() < page {
			return -1
		}
		return 1
	})
	return i
}

// flush sends the small pieces that were kept.
func (v *volumeWriter) flush() {
	if len(v.pack.data) == 0 {
		return
	}
	copy(v.slabs.room(nil, len(v.pack.data)), v.pack.data)
	v.send(volumeTask{holds: v.pack.holds}, len(v.pack.data))
	v.pack = pack{data: v.pack.data[:0]}
}

// send gives the first bytes of the room to the workers.
func (v *volumeWriter) send(t volumeTask, bytes int) {
	t.region = v.region
	t.region.tasks.Add(1)
	t.data, t.slab = v.slabs.claim(bytes)
	v.tasks <- t
}

// work stores and compares until there is no more.
func (v *volumeWriter) work() {
	c := comparer{sink: v.sink, cache: chunkCache{d: v.d}}
	for t := range v.tasks {
		if v.sink.ctx.Err() == nil {
			v.sink.fail(c.do(&t))
		}
		if t.slab != nil {
			t.slab.done()
		}
		t.region.tasks.Done()
	}
}

// A comparer is a worker of a volume.
type comparer struct {
	sink    *sink
	cache   chunkCache
	read    []byte // content that was read
	scratch []byte
}

func (c *comparer) do(t *volumeTask) error {
	if t.holds != nil {
		return c.store(t.region, t.holds, t.data)
	}
	same := c.same
	if t.from != nil {
		same = c.reread
	}
	if same, err := same(t); same || err != nil {
		return err
	}
	pages := len(t.data) / pageSize
	changed := make([]bool, pages)
	for i := range t.old {
		o := t.old[i].cut(max(t.old[i].page, t.page), min(t.old[i].end(), t.page+uint64(pages)))
		before, err := c.cache.pages(c.sink.ctx, &o)
		if err != nil {
			return err
		}
		first := int(o.page - t.page)
		for n := range int(o.pages) {
			changed[first+n] = !samePage(t.data[(first+n)*pageSize:], before[n*pageSize:])
		}
		for n := 0; n < int(o.pages); n++ {
			from := n
			for n < int(o.pages) && !changed[first+n] {
				n++
			}
			if n > from {
				t.region.put(o.cut(o.page+uint64(from), o.page+uint64(n)))
			}
		}
	}
	return c.changed(t, changed)
}

// same tells whether the pages are a whole chunk of the parent's, which then stays.
func (c *comparer) same(t *volumeTask) (bool, error) {
	if len(t.old) != 1 || !t.old[0].whole() || t.old[0].page != t.page || int(t.old[0].pages)*pageSize != len(t.data) {
		return false, nil
	}
	chunk := t.old[0].chunk
	if c.cache.d.keys.id(chunkBlob, t.data[:chunk.size]) != chunk.id || !zero(t.data[chunk.size:]) {
		return false, nil
	}
	t.region.put(t.old[0])
	return true, nil
}

// changed stores the pages that changed: long stretches at once, short ones with others of the region.
func (c *comparer) changed(t *volumeTask, changed []bool) error {
	for n := 0; n < len(changed); n++ {
		from := n
		for n < len(changed) && changed[n] && !zero(t.data[n*pageSize:][:pageSize]) {
			n++
		}
		if n == from {
			continue
		}
		page, data := t.page+uint64(from), t.data[from*pageSize:n*pageSize]
		if len(data) < smallCut {
			t.region.leave(loosePages{page, slices.Clone(data)})
			n--
			continue
		}
		if err := c.store(t.region, []stretch{{page, uint64(n - from)}}, data); err != nil {
			return err
		}
		n--
	}
	return nil
}

func (c *comparer) store(r *region, holds []stretch, data []byte) (err error) {
	var id ID
	if id, c.scratch, err = c.sink.put(chunkBlob, data, c.scratch); err != nil {
		return err
	}
	r.put(lay(holds, ref{id, uint64(len(data))})...)
	return nil
}

func samePage(a, b []byte) bool { return string(a[:pageSize]) == string(b[:pageSize]) }

// PutRange takes what of the volume has changed: it lies at off from now on, whatever the parent has there. off is a
// multiple of 4096, and so is the length, unless the volume ends there. Zeros take no space.
func (w *Writer) PutRange(ctx context.Context, off int64, data []byte) error {
	if err := w.beginRange(ctx, off, int64(len(data))); err != nil {
		return fmt.Errorf("putting %d bytes at %d: %w", len(data), off, err)
	}
	return w.failed(w.volume.put(ctx, uint64(off)/pageSize, data, false))
}

// CompareRange is as [Writer.PutRange] for who does not know what has changed: of what is given, only the pages that
// differ from the parent's are stored. Where the parent has a chunk of the same pages it is not even read.
func (w *Writer) CompareRange(ctx context.Context, off int64, data []byte) error {
	if err := w.beginRange(ctx, off, int64(len(data))); err != nil {
		return fmt.Errorf("putting %d bytes at %d: %w", len(data), off, err)
	}
	return w.failed(w.volume.put(ctx, uint64(off)/pageSize, data, true))
}

// failed ends the writer if what was to be put is not whole; an order that the caller mistook does no harm.
func (w *Writer) failed(err error) error {
	if err != nil && !errors.Is(err, ErrOrder) {
		w.sink.fail(err)
	}
	return err
}

func (w *Writer) beginRange(ctx context.Context, off, size int64) error {
	end := off + size
	switch {
	case w.opts.Kind != Volume:
		return ErrKind
	case off < 0 || size < 0 || end < off || end > w.opts.Size:
		return fmt.Errorf("the volume has %d bytes", w.opts.Size)
	case off%pageSize != 0 || size%pageSize != 0 && end != w.opts.Size:
		return fmt.Errorf("it is not a multiple of %d", pageSize)
	}
	w.grew(int(size))
	return w.ready(ctx)
}
