package archive

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
)

// A Source is content that can be read from anywhere, as a file can. Its ReadAt may be called by several goroutines at once.
type Source interface {
	io.ReaderAt
	io.Closer
}

// PutFrom is as [Writer.Put] for content of a known size that can be read from anywhere. The writer's workers open and read it, so
// that several objects are read at once and each is hashed by the processor that has just read it. They may do so after PutFrom has
// returned, and are done with it when Commit or Abort returns.
func (w *Writer) PutFrom(ctx context.Context, key, meta []byte, size int64, open func() (Source, error)) error {
	if w.opts.Kind != Objects {
		return ErrKind
	}
	if len(meta) > maxMeta {
		return fmt.Errorf("putting %q: %d bytes of metadata are more than %d", key, len(meta), maxMeta)
	}
	if size < 0 {
		return fmt.Errorf("putting %q: an object of %d bytes", key, size)
	}
	m, err := w.begin(ctx, key)
	if err != nil {
		return err
	}
	m.entry = &entry{key: m.key, meta: bytes.Clone(meta), size: uint64(size)}
	if size <= wholeSize {
		return w.enclose(ctx, m, open)
	}
	if err := w.long(ctx, m, open); err != nil {
		err = fmt.Errorf("putting %q: %w", key, err)
		w.sink.fail(err) // the point can no longer be whole
		return err
	}
	return w.submit(ctx, m)
}

const (
	bundleSize  = 512 << 10 // bytes of content at which a bundle is given to a worker
	bundleCount = 64        // objects at which it is
)

// A bundle is some short objects, each of one chunk, that one worker reads one after the other: to hand over each by itself would take
// longer than to hash it.
type bundle struct {
	objects []bundled
	bytes   int64
	ready   sync.WaitGroup // done when all have their ids
}

// A bundled is an object of a bundle.
type bundled struct {
	m    *mutation
	open func() (Source, error)
}

// enclose puts a short object into a bundle.
func (w *Writer) enclose(ctx context.Context, m *mutation, open func() (Source, error)) error {
	b := w.bundle
	if b == nil {
		b = &bundle{objects: make([]bundled, 0, bundleCount)}
		b.ready.Add(1)
		w.bundle = b
	}
	m.with = b
	b.objects = append(b.objects, bundled{m, open})
	b.bytes += int64(m.entry.size)
	w.grew(int(m.entry.size))
	if b.bytes >= bundleSize || len(b.objects) == bundleCount {
		w.handOver()
	}
	return w.queue(ctx, m)
}

// handOver gives the bundle that was begun to a worker. Whatever makes the builder wait for objects of it comes after this, but for
// what goes into the same bundle, of which there is less than the builder has room for.
func (w *Writer) handOver() {
	if b := w.bundle; b != nil {
		w.bundle = nil
		w.tasks <- b
	}
}

func (b *bundle) do(h *hand) {
	defer b.ready.Done()
	for i := range b.objects {
		if h.sink.ctx.Err() != nil {
			return
		}
		if err := b.objects[i].store(h); err != nil {
			h.sink.fail(fmt.Errorf("putting %q: %w", b.objects[i].m.key, err))
			return
		}
	}
}

// store reads the object and stores it.
func (o *bundled) store(h *hand) error {
	from, err := o.open()
	if err != nil {
		return err
	}
	size := int(o.m.entry.size)
	data, err := h.content(from, 0, size)
	if err == nil {
		err = ends(from, int64(size))
	}
	if err = errors.Join(err, from.Close()); err != nil || size == 0 {
		return err
	}
	r := ref{size: uint64(size)}
	if r.id, err = h.put(data); err != nil {
		return err
	}
	o.m.entry.refs = []ref{r}
	return nil
}

// content reads n bytes, which stay until the next call.
func (h *hand) content(from io.ReaderAt, off int64, n int) ([]byte, error) {
	buf := h.room(n)
	return buf, readFull(from, buf, off)
}

// readPiece is how many bytes are read at once to be hashed only.
const readPiece = 64 << 10

// room gives n bytes of the hand's memory.
func (h *hand) room(n int) []byte {
	if cap(h.read) < n {
		h.read = make([]byte, max(n, min(2*cap(h.read), maxChunk), readPiece))
	}
	return h.read[:n]
}

// ends fails if there is more behind what has a size.
func ends(from io.ReaderAt, size int64) error {
	var more [1]byte
	switch n, err := from.ReadAt(more[:], size); {
	case n > 0:
		return fmt.Errorf("there are more than %d bytes", size)
	case err == nil || errors.Is(err, io.EOF):
		return nil
	default:
		return err
	}
}

// long puts an object of several chunks. As long as they are the parent's, workers read them where the parent has them; what is
// after that is read in order, to be cut.
func (w *Writer) long(ctx context.Context, m *mutation, open func() (Source, error)) error {
	size := int64(m.entry.size)
	g, err := w.guess(ctx, m.key, size)
	if err != nil {
		return err
	}
	source, err := open()
	if err != nil {
		return err
	}
	from := &shared{Source: source}
	from.users.Store(1)
	defer func() { w.sink.fail(from.done()) }()
	var total int64
	for n := g.length(); n > 0 && total+int64(n) <= size; n = g.length() {
		if err := errors.Join(ctx.Err(), w.sink.err()); err != nil {
			return err
		}
		w.unread(m, g, from, total, n)
		total += int64(n)
	}
	if total == size {
		return nil
	}
	got, err := w.content(ctx, m, nil, io.NewSectionReader(from, total, size-total+1), total, size)
	if err == nil && got != size {
		err = io.ErrUnexpectedEOF
	}
	return err
}

// A shared source is closed when the last that uses it is done.
type shared struct {
	Source
	users atomic.Int32
}

func (s *shared) done() error {
	if s.users.Add(-1) == 0 {
		return s.Close()
	}
	return nil
}

// unread sends a chunk to the workers that they are to read.
func (w *Writer) unread(m *mutation, g *guess, from *shared, off int64, n int) {
	at := &ref{size: uint64(n)}
	m.refs = append(m.refs, at)
	m.ready.Add(1)
	from.users.Add(1)
	w.grew(n)
	w.tasks <- &unreadTask{m, at, g, g.take(n), from, off}
}

// An unreadTask is a chunk that is to be read where the parent's object has one.
type unreadTask struct {
	m       *mutation
	ref     *ref
	guess   *guess
	guessed *ref
	from    *shared
	off     int64
}

func (t *unreadTask) do(h *hand) {
	if h.sink.ctx.Err() == nil {
		h.sink.fail(t.store(h))
	}
	t.guess.tell(t.guessed, t.ref.id)
	h.sink.fail(t.from.done())
	t.m.ready.Done()
}

// store reads the chunk through a little memory, which stays near the processor, and only if it is not the guessed one again, to be stored.
func (t *unreadTask) store(h *hand) (err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("putting %q: %w", t.m.key, err)
		}
	}()
	n := int(t.ref.size)
	if uint64(t.off)+t.ref.size == t.m.entry.size {
		if err := ends(t.from, int64(t.m.entry.size)); err != nil {
			return err
		}
	}
	if t.ref.id, err = h.sink.d.keys.idOfRead(chunkBlob, t.from, t.off, n, h.room(readPiece)); err != nil || h.sink.has(t.ref.id) {
		return err
	}
	data, err := h.content(t.from, t.off, n)
	if err == nil {
		t.ref.id, err = h.put(data)
	}
	return err
}
