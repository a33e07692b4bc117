package archive

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"sync"

	"golang.org/x/sync/semaphore"
)

// WriteOptions say what recovery point is to be written.
type WriteOptions struct {
	// Point is the id of the recovery point: 1 to 200 characters of A-Z a-z 0-9 . _ -, not beginning with a dot. A job
	// that is run again takes the same id, so that there will be one recovery point.
	Point string
	// Parent is the id of a recovery point of the same domain and kind whose content is taken over but for what is put
	// or removed. None if empty. Whoever wrote it must have been told that it is there, or it was adopted: until then it may
	// lack content, and its writer may take it back.
	Parent string
	Kind   Kind
	// Metadata is kept with the recovery point, sealed.
	Metadata []byte
	// BlockSize is the size of a volume's blocks in bytes, a multiple of 4096: how much PutBlock takes and ReadBlock gives. What
	// is stored does not depend on it. Default: 512 KiB, or the parent's.
	BlockSize int
	// Size is the size of the volume in bytes.
	Size int64
	// Expected is up to how many bytes of content will be put, where that is known: a writer of little takes little of the vault's
	// budget. If there is more after all, the budget is exceeded by what that takes.
	Expected int64
	// Holds is how many bytes the caller holds besides, as long as it writes, which are taken from the budget together with the
	// writer's own.
	Holds int64
}

// Summary says what a recovery point holds and what writing it took.
type Summary struct {
	Entries      uint64 // objects, or stretches of a volume that lie in one chunk each
	LogicalBytes uint64 // of all entries; of a volume, of the pages that are not zero
	NewBytes     uint64 // of chunks that the domain did not have, before compression
	StoredBytes  uint64 // that were added to the store
}

// BlockSize is the usual size of a volume's blocks in bytes.
const BlockSize = 512 << 10

// A Writer writes one recovery point. Put, Remove and PutBlock take ascending keys, PutRange and CompareRange ascending offsets. They are called by one goroutine;
// hashing, compressing, sealing and storing go on beside. In the end either Commit or Abort is called, and Abort may be
// called always.
type Writer struct {
	d      *Domain
	ctx    context.Context
	opts   WriteOptions
	parent *manifest
	older  *Point // the parent, once it was asked for something
	lease  *lease
	sink   *sink
	slabs  *slabs
	last   []byte
	any    bool
	closed bool
	took   *holding      // of the vault's budget
	put    int64         // bytes of content so far
	volume *volumeWriter // of a volume, in place of what follows

	tasks     chan task
	bundle    *bundle // of short objects that are to be read; it has been given to nobody yet
	workers   sync.WaitGroup
	mutations chan *mutation
	about     *semaphore.Weighted // room for keys and metadata that wait for the builder
	built     chan struct{}
	root      child
	level     byte
}

// A task is work on content for one of the workers. It is done also if the sink has failed, when it only has to let go what it holds.
type task interface{ do(h *hand) }

// A hand is a worker and its memory.
type hand struct {
	sink    *sink
	read    []byte // content that was read
	scratch []byte // what a chunk becomes compressed
}

// put stores a chunk unless the domain has it.
func (h *hand) put(data []byte) (id ID, err error) {
	id, h.scratch, err = h.sink.put(chunkBlob, data, h.scratch)
	return id, err
}

// A chunkTask is a chunk on its way.
type chunkTask struct {
	data    []byte
	slab    *slab
	ref     *ref
	m       *mutation
	guess   *guess
	guessed *ref // of the parent, that this one may be
}

func (t *chunkTask) do(h *hand) {
	if h.sink.ctx.Err() == nil {
		var err error
		t.ref.id, err = h.put(t.data)
		h.sink.fail(err)
	}
	t.guess.tell(t.guessed, t.ref.id)
	t.slab.done()
	t.m.ready.Done()
}

// NewWriter begins a recovery point. If one of this id is committed already the error wraps [ErrPointExists].
func (d *Domain) NewWriter(ctx context.Context, opts WriteOptions) (*Writer, error) {
	if err := checkPointID(opts.Point); err != nil {
		return nil, err
	}
	if opts.Kind != Objects && opts.Kind != Volume {
		return nil, fmt.Errorf("writing %s: %w", opts.Point, ErrKind)
	}
	there, err := exists(ctx, d.vault.store, pointName(d.id(), opts.Point))
	if err != nil {
		return nil, fmt.Errorf("writing %s: %w", opts.Point, err)
	}
	if there {
		return nil, fmt.Errorf("writing %s: %w", opts.Point, ErrPointExists)
	}
	took, err := d.vault.hold(ctx, &opts)
	if err != nil {
		return nil, fmt.Errorf("writing %s: %w", opts.Point, err)
	}
	// The lease comes first: from here on nothing goes that can be seen.
	lease, err := d.vault.newLease(ctx, d.id())
	if err != nil {
		took.end()
		return nil, fmt.Errorf("writing %s: %w", opts.Point, err)
	}
	w := &Writer{d: d, ctx: ctx, opts: opts, lease: lease, took: took}
	if err := w.open(ctx); err != nil {
		took.end()
		lease.release(ctx)
		return nil, fmt.Errorf("writing %s: %w", opts.Point, err)
	}
	w.start(ctx)
	return w, nil
}

func (w *Writer) open(ctx context.Context) (err error) {
	if err := w.d.index.refresh(ctx, w.d); err != nil {
		return err
	}
	if w.opts.Parent != "" {
		if w.parent, err = w.d.readManifest(ctx, w.opts.Parent); err != nil {
			return err
		}
		if w.parent.kind.public() != w.opts.Kind {
			return fmt.Errorf("parent %s: %w", w.opts.Parent, ErrKind)
		}
	}
	if w.opts.Kind != Volume {
		w.opts.BlockSize, w.opts.Size = 0, 0
		return nil
	}
	if p := w.parent; p != nil && w.opts.BlockSize == 0 {
		w.opts.BlockSize = int(p.blockSize)
	} else if w.opts.BlockSize == 0 {
		w.opts.BlockSize = BlockSize
	}
	switch p := w.parent; {
	case w.opts.BlockSize <= 0 || w.opts.BlockSize > maxChunk || w.opts.BlockSize%pageSize != 0:
		return fmt.Errorf("a block size of %d bytes is not a multiple of %d up to %d", w.opts.BlockSize, pageSize, maxChunk)
	case w.opts.Size < 0:
		return fmt.Errorf("a volume of %d bytes", w.opts.Size)
	case p != nil && p.blockSize%pageSize != 0:
		return fmt.Errorf("parent %s has blocks of %d bytes, which is not a multiple of %d", w.opts.Parent, p.blockSize, pageSize)
	case p != nil && uint64(w.opts.Size) < p.volume:
		return fmt.Errorf("parent %s has %d bytes and volumes do not shrink", w.opts.Parent, p.volume)
	}
	return nil
}

func (w *Writer) start(ctx context.Context) {
	workers := w.d.vault.opts.Workers
	w.sink = newSink(ctx, w.d)
	w.built = make(chan struct{})
	if w.opts.Kind == Volume {
		w.volume = newVolumeWriter(w.d, w.sink, w.parent)
		go w.buildVolume()
		return
	}
	w.slabs = newSlabs(workers + 2)
	w.tasks = make(chan task, 256)
	w.mutations, w.about = make(chan *mutation, 1024), semaphore.NewWeighted(aboutAhead)
	for range workers {
		w.workers.Go(w.work)
	}
	go func() {
		defer close(w.built)
		b := &builder{d: w.d, sink: w.sink, kind: w.opts.Kind, mutations: w.mutations, about: w.about}
		var err error
		if w.root, w.level, err = b.build(w.sink.ctx, w.parent); err != nil {
			w.sink.fail(err)
		}
		for range w.mutations { // whoever puts must not wait for a builder that failed
		}
	}()
}

// buildVolume makes the tree of a volume.
func (w *Writer) buildVolume() {
	defer close(w.built)
	b := &builder{d: w.d, sink: w.sink, kind: extents, regions: w.volume.regions}
	var err error
	if w.root, w.level, err = b.build(w.sink.ctx, w.parent); err != nil {
		w.sink.fail(err)
	}
	for range w.volume.regions { // whoever puts must not wait for a builder that failed
	}
}

// work hashes, compresses and seals chunks until there are no more.
func (w *Writer) work() {
	h := hand{sink: w.sink}
	for t := range w.tasks {
		t.do(&h)
	}
}

// Put adds an object, or replaces the parent's of the same key. It reads r to its end; if size is not negative r must
// have exactly so many bytes. The metadata, up to 1 MiB, comes back with the entry.
func (w *Writer) Put(ctx context.Context, key, meta []byte, r io.Reader, size int64) error {
	if w.opts.Kind != Objects {
		return ErrKind
	}
	if len(meta) > maxMeta {
		return fmt.Errorf("putting %q: %d bytes of metadata are more than %d", key, len(meta), maxMeta)
	}
	m, err := w.begin(ctx, key)
	if err != nil {
		return err
	}
	m.entry = &entry{key: m.key, meta: bytes.Clone(meta)}
	var got int64
	g, err := w.guess(ctx, m.key, size)
	if err == nil {
		got, err = w.content(ctx, m, g, r, 0, size)
	}
	if err == nil && size >= 0 && got != size {
		err = io.ErrUnexpectedEOF
	}
	if err != nil {
		err = fmt.Errorf("putting %q: %w", key, err)
		w.sink.fail(err) // the point can no longer be whole
		return err
	}
	m.entry.size = uint64(got)
	return w.submit(ctx, m)
}

// Retag keeps an object of the parent and gives it other metadata; its content is neither read nor written. If the parent
// has no object of the key, the recovery point cannot be committed: the error wraps [ErrNoEntry].
func (w *Writer) Retag(ctx context.Context, key, meta []byte) error {
	if w.opts.Kind != Objects {
		return ErrKind
	}
	if len(meta) > maxMeta {
		return fmt.Errorf("changing the metadata of %q: %d bytes are more than %d", key, len(meta), maxMeta)
	}
	m, err := w.begin(ctx, key)
	if err != nil {
		return err
	}
	kept := bytes.Clone(meta)
	m.meta = &kept
	return w.submit(ctx, m)
}

// Remove leaves out an entry of the parent: the object of the key. That there is none is not an error.
func (w *Writer) Remove(ctx context.Context, key []byte) error {
	if w.opts.Kind != Objects {
		return ErrKind
	}
	m, err := w.begin(ctx, key)
	if err != nil {
		return err
	}
	return w.submit(ctx, m)
}

// PutBlock says what the block of this number of a volume holds; only the pages that differ from the parent's are stored. A
// block is as long as the block size, and the last one may be shorter, for a volume that ends there. Zeros take no space.
func (w *Writer) PutBlock(ctx context.Context, number uint64, data []byte) error {
	if w.opts.Kind != Volume {
		return ErrKind
	}
	want := uint64(w.opts.Size) - min(number*uint64(w.opts.BlockSize), uint64(w.opts.Size))
	if want = min(want, uint64(w.opts.BlockSize)); want == 0 || want != uint64(len(data)) {
		return fmt.Errorf("block %d has %d bytes, not %d", number, len(data), want)
	}
	return w.CompareRange(ctx, int64(number)*int64(w.opts.BlockSize), data)
}

var zeros [64 << 10]byte

// zero tells whether all bytes are.
func zero(p []byte) bool {
	for len(p) > len(zeros) {
		if !bytes.Equal(p[:len(zeros)], zeros[:]) {
			return false
		}
		p = p[len(zeros):]
	}
	return bytes.Equal(p, zeros[:len(p)])
}

// begin checks that a key may come now.
func (w *Writer) begin(ctx context.Context, key []byte) (*mutation, error) {
	if err := w.ready(ctx); err != nil {
		return nil, err
	}
	switch {
	case len(key) > maxKey:
		return nil, fmt.Errorf("a key of %d bytes is longer than %d", len(key), maxKey)
	case w.any && bytes.Compare(w.last, key) >= 0:
		return nil, fmt.Errorf("%q after %q: %w", key, w.last, ErrOrder)
	}
	m := &mutation{key: bytes.Clone(key)}
	if m.key == nil {
		m.key = []byte{}
	}
	w.last, w.any = m.key, true
	return m, nil
}

// ready tells why nothing can be put any more.
func (w *Writer) ready(ctx context.Context) error {
	switch {
	case w.closed:
		return ErrClosed
	case ctx.Err() != nil:
		return ctx.Err()
	case w.sink.ctx.Err() != nil:
		return w.sink.err()
	}
	return w.lease.check()
}

func (w *Writer) submit(ctx context.Context, m *mutation) error {
	w.handOver()
	return w.queue(ctx, m)
}

// aboutAhead is how many bytes of keys and metadata wait for the builder at most.
const aboutAhead = 4 << 20

// queue tells the builder of a mutation.
func (w *Writer) queue(ctx context.Context, m *mutation) error {
	if n := m.weight(); !w.about.TryAcquire(n) {
		w.handOver() // the builder may wait for an object of the bundle
		stop := context.AfterFunc(ctx, func() { w.sink.fail(ctx.Err()) })
		defer stop()
		if w.about.Acquire(w.sink.ctx, n) != nil {
			return w.sink.err()
		}
	}
	select {
	case w.mutations <- m:
		return nil
	case <-ctx.Done():
		w.sink.fail(ctx.Err())
		return ctx.Err()
	}
}

// readSize is how many bytes of content are read at once: so few that they are cut while the processor still has them near.
const readSize = 256 << 10

// content cuts what r has into chunks and gives the length of it and of the total that was cut before.
func (w *Writer) content(ctx context.Context, m *mutation, g *guess, r io.Reader, total, size int64) (_ int64, err error) {
	c := cutter{gear: w.d.keys.gear}
	var buf []byte // the chunk at hand, as far as it was read
	for ended := false; ; {
		if buf, ended, err = w.more(r, buf, size-total); err != nil {
			return total, err
		}
		if size >= 0 && total+int64(len(buf)) > size {
			return total, fmt.Errorf("there are more than %d bytes", size)
		}
		if err := cmp.Or(ctx.Err(), w.sink.err()); err != nil {
			return total, err
		}
		for total > 0 || size > wholeSize || len(buf) > wholeSize {
			n := g.length()
			if n == 0 {
				n = c.next(buf)
			}
			if n == 0 || n > len(buf) {
				break
			}
			c.at, c.hash = 0, 0 // if a guess came in the middle of looking
			w.chunk(m, g, n)
			total, buf = total+int64(n), buf[n:]
		}
		if ended && len(buf) > 0 {
			w.chunk(m, g, len(buf))
			total += int64(len(buf))
		}
		if ended {
			return total, nil
		}
	}
}

// more reads on behind a chunk of which a part is in the room, and gives all of it that there is now. Left is how many bytes
// there should be, or below zero.
func (w *Writer) more(r io.Reader, have []byte, left int64) (all []byte, ended bool, err error) {
	want := readSize
	if left >= 0 {
		want = int(min(int64(want), left-int64(len(have))+1)) // one more, to see that there is no more
	}
	all = w.slabs.room(have, len(have)+want)[:len(have)+want]
	n, ended, err := fill(r, all[len(have):])
	return all[:len(have)+n], ended, err
}

// fill reads until p is full or r ends. Unlike io.ReadFull it keeps a reader's own io.ErrUnexpectedEOF apart from its end.
func fill(r io.Reader, p []byte) (n int, ended bool, err error) {
	for n < len(p) {
		got, err := r.Read(p[n:])
		n += got
		if err == io.EOF { // the bare value, as io.Reader promises
			return n, true, nil
		} else if err != nil {
			return n, false, err
		}
	}
	return n, false, nil
}

// chunk sends the first n bytes of the room to the workers.
func (w *Writer) chunk(m *mutation, g *guess, n int) {
	at := &ref{size: uint64(n)}
	m.refs = append(m.refs, at)
	m.ready.Add(1)
	w.grew(n)
	data, slab := w.slabs.claim(n)
	w.tasks <- &chunkTask{data, slab, at, m, g, g.take(n)}
}

// drain ends the goroutines, after which the tree is whole or the sink has failed.
func (w *Writer) drain() {
	w.closed = true
	if w.volume != nil {
		w.volume.close()
		<-w.built
		return
	}
	w.handOver()
	close(w.tasks)
	w.workers.Wait()
	close(w.mutations)
	<-w.built
}

// Commit makes the recovery point. If another writer has committed one of the same id that one counts, and its summary is
// given without an error. If the store fails in the very moment, the recovery point may be there although Commit failed.
func (w *Writer) Commit(ctx context.Context) (Summary, error) {
	if w.closed {
		return Summary{}, ErrClosed
	}
	defer w.took.end()
	defer w.lease.release(ctx)
	w.drain()
	summary, err := w.commit(ctx)
	if err != nil {
		return Summary{}, errors.Join(fmt.Errorf("committing %s: %w", w.opts.Point, err), w.sink.abandon(context.WithoutCancel(ctx), w.lease))
	}
	w.sink.cancel(nil)
	return summary, nil
}

func (w *Writer) commit(ctx context.Context) (Summary, error) {
	if err := w.sink.err(); err != nil {
		return Summary{}, err
	}
	if err := w.sink.flush(); err != nil {
		return Summary{}, err
	}
	kind := w.opts.Kind
	if kind == Volume {
		kind = extents
	}
	m := &manifest{
		kind: kind, blockSize: uint64(w.opts.BlockSize), volume: uint64(w.opts.Size),
		level: w.level, root: w.root, parent: w.opts.Parent, metadata: w.opts.Metadata,
	}
	w.sink.relies.onPoint(w.opts.Parent)
	return w.sink.commit(ctx, w.lease, w.opts.Point, m)
}

// Abort gives the recovery point up. After Commit it does nothing.
func (w *Writer) Abort() error {
	if w.closed {
		return nil
	}
	ctx := context.WithoutCancel(w.ctx)
	defer w.took.end()
	defer w.lease.release(ctx)
	w.sink.fail(context.Canceled)
	w.drain()
	return w.sink.abandon(ctx, w.lease)
}
