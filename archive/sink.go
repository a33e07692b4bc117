package archive

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
)

const (
	openPacks    = 3       // packs of data of one sink that are being filled or stored
	treePackSize = 8 << 20 // bytes; nodes lie in packs of their own, so that they can be read without the data
)

// A sink takes blobs of one domain, seals those the domain has not, and stores them in packs. Its methods may be called
// at once. After the first failure all fail.
type sink struct {
	d      *Domain
	ctx    context.Context
	cancel context.CancelCauseFunc

	data, tree *assembly
	claims     [64]claims
	relies     reliance

	mu      sync.Mutex  // guards the rest
	packs   []packTable // that are in no index object yet
	pending int         // blobs of them
	told    []objectID  // index objects of this sink

	newBytes atomic.Uint64 // plaintext of chunks that the domain had not
	stored   atomic.Uint64 // bytes given to the store
}

// claims are the blobs that somebody writes or has written, until the index has them.
type claims struct {
	mu  sync.Mutex
	ids map[ID]struct{}
}

func newSink(ctx context.Context, d *Domain) *sink {
	s := &sink{d: d}
	s.ctx, s.cancel = context.WithCancelCause(ctx)
	s.data = newAssembly(s, d.vault.opts.PackSize)
	s.tree = newAssembly(s, min(d.vault.opts.PackSize, treePackSize))
	return s
}

// fail ends the sink with the first error that was met.
func (s *sink) fail(err error) {
	if err != nil {
		s.cancel(err)
	}
}

// err is the first error that was met.
func (s *sink) err() error { return context.Cause(s.ctx) }

// claim tells whether a blob is to be written by the caller. Where not, it is there, or will be before flush returns.
func (s *sink) claim(id ID) bool {
	c := &s.claims[id[0]%64]
	c.mu.Lock()
	defer c.mu.Unlock()
	if s.hasLocked(c, id) {
		return false
	}
	if c.ids == nil {
		c.ids = map[ID]struct{}{}
	}
	c.ids[id] = struct{}{}
	return true
}

// has tells whether a blob is there, or will be before flush returns.
func (s *sink) has(id ID) bool {
	c := &s.claims[id[0]%64]
	c.mu.Lock()
	defer c.mu.Unlock()
	return s.hasLocked(c, id)
}

// hasLocked is has for who holds the lock of the claims that are the id's.
func (s *sink) hasLocked(c *claims, id ID) bool {
	if _, taken := c.ids[id]; taken {
		return true
	}
	pack, kept := s.d.index.keptIn(id)
	if kept {
		s.relies.onPack(pack)
	}
	return kept
}

// put stores a blob unless the domain has it, and gives its id. The scratch space is overwritten; what it has grown to is
// returned.
func (s *sink) put(kind blobKind, plain, scratch []byte) (ID, []byte, error) {
	id := s.d.keys.id(kind, plain)
	if !s.claim(id) {
		return id, scratch, nil
	}
	b := blobInfo{id: id, kind: kind, size: uint32(len(plain))}
	payload, pays := s.d.vault.codec.compress(scratch[:0], plain)
	if pays {
		b.flags |= flagCompressed
		return id, payload, s.add(b, payload)
	}
	return id, payload, s.add(b, plain)
}

// add seals a blob that was claimed into a pack.
func (s *sink) add(b blobInfo, payload []byte) error {
	if b.kind == chunkBlob {
		s.newBytes.Add(uint64(b.size))
		return s.data.add(b, payload)
	}
	return s.tree.add(b, payload)
}

// flush stores what is left and tells of it in index objects. What was put before is found and stays when it returns.
func (s *sink) flush() error {
	s.data.close()
	s.tree.close()
	if err := s.err(); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for len(s.packs) > 0 {
		if err := s.writeIndex(); err != nil {
			return err
		}
	}
	return nil
}

// writeIndex stores an index object of packs that are in none; s.mu is held. What it tells of needs no claims any more.
func (s *sink) writeIndex() error {
	f := &indexFile{id: newObjectID(s.d.vault.opts.Clock.Now())}
	end, blobs := 0, 0
	for end < len(s.packs) && (blobs == 0 || blobs+len(s.packs[end].blobs) <= indexBlobs) {
		blobs += len(s.packs[end].blobs)
		end++
	}
	f.packs = slices.Clone(s.packs[:end])
	data := f.encode(s.d.keys)
	// They count as indexed also if storing fails: it may have been stored nevertheless, and others rely on the packs.
	s.packs, s.pending = slices.Delete(s.packs, 0, end), s.pending-blobs
	s.told = append(s.told, f.id)
	if err := s.d.vault.store.Create(s.ctx, indexName(s.d.id(), f.id), data); err != nil {
		return fmt.Errorf("storing an index: %w", err)
	}
	s.stored.Add(uint64(len(data)))
	s.d.index.add(f)
	for i := range f.packs {
		for j := range f.packs[i].blobs {
			s.unclaim(f.packs[i].blobs[j].id)
		}
	}
	return nil
}

func (s *sink) unclaim(id ID) {
	c := &s.claims[id[0]%64]
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.ids, id)
}

// abandon ends the sink and removes the packs that nobody can know of: while the writer's lease is there, who makes the index anew
// leaves them out. Once it has gone they are left to collections, and what tells of packs that are not there any more is removed.
func (s *sink) abandon(ctx context.Context, l *lease) error {
	s.fail(context.Canceled)
	s.data.close()
	s.tree.close()
	s.mu.Lock()
	defer s.mu.Unlock()
	var errs error
	for _, p := range s.packs {
		if err := l.confirm(ctx); errors.Is(err, ErrLeaseLost) {
			break
		} else if err != nil {
			errs = errors.Join(errs, err)
			break
		}
		errs = errors.Join(errs, s.d.vault.store.Delete(ctx, packName(s.d.id(), p.id)))
	}
	s.packs, s.pending = nil, 0
	if errors.Is(l.confirm(ctx), ErrLeaseLost) {
		errs = errors.Join(errs, s.withdraw(ctx))
	}
	return errs
}

// withdraw has the index objects of this sink tell of no packs that are not there any more: a collection that took the writer for dead
// has removed the packs, perhaps their tombs too, and the writer told of them after that. Packs do not come back, and nobody who looks
// for what he relies on needs one that has gone; but whoever verifies the vault would miss it. s.mu is held.
func (s *sink) withdraw(ctx context.Context) error {
	var errs error
	for _, id := range s.told {
		if err := s.withdrawFrom(ctx, id); err != nil && !errors.Is(err, ErrNotExist) {
			errs = errors.Join(errs, err)
		}
	}
	s.told = nil
	return errs
}

func (s *sink) withdrawFrom(ctx context.Context, id objectID) error {
	told, err := s.d.readIndexFile(ctx, id)
	if err != nil {
		return err
	}
	left := &indexFile{supersedes: []objectID{id}}
	for i := range told.packs {
		there, err := exists(ctx, s.d.vault.store, packName(s.d.id(), told.packs[i].id))
		if err != nil {
			return err
		}
		if there { // somebody may rely on it
			left.packs = append(left.packs, told.packs[i])
		}
	}
	if len(left.packs) == len(told.packs) {
		return nil
	}
	if len(left.packs) > 0 {
		left.id = newObjectID(s.d.vault.opts.Clock.Now())
		if err := s.d.vault.store.Create(ctx, indexName(s.d.id(), left.id), left.encode(s.d.keys)); err != nil {
			return err
		}
	}
	return s.d.vault.store.Delete(ctx, indexName(s.d.id(), id))
}

// An assembly fills one pack after the other.
type assembly struct {
	sink  *sink
	size  int
	slots chan struct{} // taken by packs that are filled or stored
	spare chan []byte   // memory of packs that are stored, for the next ones
	tasks sync.WaitGroup

	mu   sync.Mutex // guards the rest
	pack *openPack
	long bool // a pack was full, so that the next may well be, too
}

func newAssembly(s *sink, size int) *assembly {
	return &assembly{sink: s, size: size, slots: make(chan struct{}, openPacks), spare: make(chan []byte, openPacks)}
}

// An openPack is a pack that is being filled.
type openPack struct {
	table  packTable
	sealer *sealer
	buf    []byte
	filled sync.WaitGroup // seals that are being written into buf
}

func (a *assembly) add(b blobInfo, payload []byte) error {
	p, room, err := a.reserve(&b, len(payload)+tagSize)
	if err != nil {
		return err
	}
	defer p.filled.Done()
	p.sealer.seal(room[:0], uint64(b.number), payload, b.about(nil))
	return nil
}

// reserve finds room for a seal of a length and says in b where it is. The caller fills it and then calls filled.Done.
func (a *assembly) reserve(b *blobInfo, stored int) (p *openPack, room []byte, err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if p := a.pack; p != nil && p.full(stored, a.size) {
		a.long = true
		a.closeLocked()
	}
	if a.pack == nil {
		if err := a.open(stored); err != nil {
			return nil, nil, err
		}
	}
	p = a.pack
	p.grow(len(p.buf)+stored+packOverhead(len(p.table.blobs)+1)-packHeaderSize, a.size)
	b.number, b.offset, b.stored = uint32(len(p.table.blobs)), uint32(len(p.buf)), uint32(stored)
	p.buf = p.buf[:len(p.buf)+stored]
	p.table.blobs = append(p.table.blobs, *b)
	p.filled.Add(1)
	end := int(b.offset) + stored
	return p, p.buf[b.offset:end:end], nil
}

// open begins a pack; a.mu is held.
func (a *assembly) open(first int) error {
	select {
	case a.slots <- struct{}{}:
	case <-a.sink.ctx.Done():
		return a.sink.err()
	}
	if err := a.sink.err(); err != nil {
		<-a.slots
		return err
	}
	d := a.sink.d
	id := newObjectID(d.vault.opts.Clock.Now())
	p := &openPack{sealer: d.keys.sealer(packObject, id[:])}
	p.table.id = id
	p.buf = appendPackHeader(a.memory(first+packOverhead(1)), d.id(), id)
	a.pack = p
	return nil
}

// packBlobs is how many blobs a pack has at most: of very small ones, what is known of each would take as much memory as they do.
const packBlobs = 32 << 10

// full tells whether a seal of a length belongs into the next pack.
func (p *openPack) full(stored, usual int) bool {
	n := len(p.table.blobs)
	return n >= packBlobs || len(p.buf)+stored+packOverhead(n+1)-packHeaderSize > usual
}

// firstPack is the size of a sink's first buffer for a pack. It grows, so that a small job does not pay for a large one.
const firstPack = 256 << 10

// grow makes room for so many bytes in the buffer, four times what there was or more, up to the usual size of a pack. What is being
// sealed into it is waited for; who calls holds the assembly's lock, so that nothing else begins.
func (p *openPack) grow(need, usual int) {
	if need <= cap(p.buf) {
		return
	}
	p.filled.Wait()
	p.buf = append(make([]byte, 0, max(need, min(4*cap(p.buf), usual))), p.buf...)
}

// memory gives an empty buffer for a pack that begins with so many bytes: one that was used, or a small one as long as no pack was full.
func (a *assembly) memory(size int) []byte {
	select {
	case buf := <-a.spare:
		if cap(buf) >= size {
			return buf[:0]
		}
	default:
	}
	if a.long {
		return make([]byte, 0, max(size, a.size))
	}
	return make([]byte, 0, max(size, min(firstPack, a.size)))
}

// close stores what is begun and waits for all that is being stored.
func (a *assembly) close() {
	a.mu.Lock()
	a.closeLocked()
	a.mu.Unlock()
	a.tasks.Wait()
}

func (a *assembly) closeLocked() {
	if p := a.pack; p != nil {
		a.pack = nil
		a.tasks.Go(func() {
			a.sink.fail(a.sink.store(p))
			a.spare <- p.buf // there are no more of them than slots
			<-a.slots
		})
	}
}

// store ends a pack and stores it.
func (s *sink) store(p *openPack) error {
	p.filled.Wait()
	if s.ctx.Err() != nil {
		return s.err()
	}
	p.buf = appendPackFooter(p.buf, p.sealer, p.table.blobs)
	p.table.size = uint64(len(p.buf))
	if err := s.d.vault.store.Create(s.ctx, packName(s.d.id(), p.table.id), p.buf); err != nil {
		return fmt.Errorf("storing a pack: %w", err)
	}
	s.stored.Add(p.table.size)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.packs, s.pending = append(s.packs, p.table), s.pending+len(p.table.blobs)
	if s.pending < indexBlobs {
		return nil
	}
	return s.writeIndex() // so that what a job holds does not grow with what it stores
}

// blobBuffer gives an empty buffer of some capacity, or none.
func (v *Vault) blobBuffer() []byte {
	if buf, ok := v.blobs.Get().(*[]byte); ok {
		return (*buf)[:0]
	}
	return nil
}

func (v *Vault) releaseBlob(buf []byte) {
	if cap(buf) > 0 {
		v.blobs.Put(&buf)
	}
}
