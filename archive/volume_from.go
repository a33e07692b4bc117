package archive

import (
	"context"
	"fmt"
	"io"
)

// CompareRangeFrom is as [Writer.CompareRange] for size bytes at off of a volume that can be read from anywhere, by several goroutines
// at once. Where the parent has a whole chunk the writer's workers read what is there now, and only its hash is compared as long as
// that has not changed. They may do so after CompareRangeFrom has returned, and are done when Commit or Abort returns.
func (w *Writer) CompareRangeFrom(ctx context.Context, off, size int64, from io.ReaderAt) error {
	if err := w.beginRange(ctx, off, size); err != nil {
		return fmt.Errorf("comparing %d bytes at %d: %w", size, off, err)
	}
	return w.failed(w.volume.compareFrom(ctx, uint64(off)/pageSize, size, from))
}

// compareFrom takes what lies at a page now, region by region.
func (v *volumeWriter) compareFrom(ctx context.Context, page uint64, size int64, from io.ReaderAt) error {
	if err := v.follows(page); err != nil {
		return err
	}
	for size > 0 {
		if err := v.enter(ctx, page>>regionBits); err != nil {
			return err
		}
		n := min(size, int64(regionPages-page%regionPages)*pageSize)
		pages := pagesOf(uint64(n))
		v.region.cover(page, pages)
		if err := v.compareRegion(page, int(n), from); err != nil {
			return err
		}
		page, size = page+pages, size-n
		v.next = page
	}
	return nil
}

// compareRegion leaves to the workers to read where the parent has whole chunks, and reads what is between.
func (v *volumeWriter) compareRegion(page uint64, size int, from io.ReaderAt) error {
	for size > 0 {
		o := v.oldFrom(page)
		n := 0
		if o != nil && o.page == page && o.plain() && int(o.chunk.size) <= size {
			n = int(o.chunk.size)
			v.endRun()
			v.region.tasks.Add(1)
			v.tasks <- volumeTask{region: v.region, page: page, old: []span{*o}, from: from}
		} else {
			if v.reading == nil {
				v.reading = make([]byte, readSize)
			}
			n = min(size, readSize, v.untilPlain(page))
			if err := readFull(from, v.reading[:n], int64(page)*pageSize); err != nil {
				return err
			}
			v.compare(page, v.reading[:n])
		}
		page, size = page+pagesOf(uint64(n)), size-n
	}
	return nil
}

// plain tells whether the span is a whole chunk of whole pages that a writer of volumes may have made.
func (s *span) plain() bool {
	return s.whole() && s.chunk.size == s.pages*pageSize && s.chunk.size <= maxChunk
}

// oldFrom gives the first of the region's old spans that does not end before a page, or nil.
func (v *volumeWriter) oldFrom(page uint64) *span {
	old := v.region.old
	for v.at < len(old) && old[v.at].end() <= page {
		v.at++
	}
	if v.at == len(old) {
		return nil
	}
	return &old[v.at]
}

// untilPlain is how many bytes there are from a page to the next plain span behind it.
func (v *volumeWriter) untilPlain(page uint64) int {
	for _, o := range v.region.old[v.at:] {
		if o.page > page && o.plain() {
			return int(o.page-page) * pageSize
		}
	}
	return regionSize
}

// reread compares a chunk of the parent's with what is in its place now, by its hash. If that is another it reads all of it to be compared page by page.
func (c *comparer) reread(t *volumeTask) (same bool, err error) {
	o, off := &t.old[0], int64(t.page)*pageSize
	if c.read == nil {
		c.read = make([]byte, readPiece)
	}
	id, err := c.cache.d.keys.idOfRead(chunkBlob, t.from, off, int(o.chunk.size), c.read[:readPiece])
	if err == nil && id == o.chunk.id {
		t.region.put(*o)
		return true, nil
	}
	if err == nil {
		if cap(c.read) < int(o.chunk.size) {
			c.read = make([]byte, o.chunk.size)
		}
		t.data = c.read[:o.chunk.size]
		err = readFull(t.from, t.data, off)
	}
	return false, err
}
