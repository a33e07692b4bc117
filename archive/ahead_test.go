package archive

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
)

// memRemote is a [Mem] that counts what is asked of it, and holds back or fails what a test wants to.
type memRemote struct {
	Mem
	reads atomic.Int64
	bytes atomic.Int64
	fail  func() error
}

func (*memRemote) Parallel() int { return 4 }

func (m *memRemote) ReadAt(ctx context.Context, name string, p []byte, off int64) (int, error) {
	m.reads.Add(1)
	m.bytes.Add(int64(len(p)))
	if m.fail != nil {
		if err := m.fail(); err != nil {
			return 0, err
		}
	}
	return m.Mem.ReadAt(ctx, name, p, off)
}

func (m *memRemote) ReadObject(ctx context.Context, name string, limit int) ([]byte, error) {
	m.reads.Add(1)
	data, err := readObject(ctx, &m.Mem, name, limit)
	if err == nil && len(data) > limit {
		err = ErrDamaged
	}
	return data, err
}

func (m *memRemote) DeleteAll(ctx context.Context, names []string) error {
	return deleteAll(ctx, &m.Mem, names)
}

const testPack = "vaults/x/packs/d/k"

// newReadAhead gives a store with a pack of random bytes.
func newReadAhead(t *testing.T, size int, memory int64) (*memRemote, *ReadAhead, []byte) {
	t.Helper()
	data := make([]byte, size)
	rnd := rand.NewChaCha8([32]byte{1})
	_, _ = rnd.Read(data)
	m := &memRemote{}
	if err := m.Create(t.Context(), testPack, data); err != nil {
		t.Fatal(err)
	}
	return m, NewReadAhead(m, memory), data
}

func readSpan(t *testing.T, s Store, data []byte, off, end int) {
	t.Helper()
	p := make([]byte, end-off)
	n, err := s.ReadAt(t.Context(), testPack, p, int64(off))
	want := data[min(off, len(data)):min(end, len(data))]
	if short := len(want) < len(p); short != errors.Is(err, io.EOF) || err != nil && !short || !bytes.Equal(p[:n], want) {
		t.Errorf("%d bytes at %d: read %d, %v; right bytes: %t", len(p), off, n, err, bytes.Equal(p[:n], want))
	}
}

// check holds what must hold whatever is read: the memory is bounded, and pieces do not overlap.
func (r *ReadAhead) check(t *testing.T) {
	t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	var held int64
	count := 0
	for _, pieces := range r.pieces {
		var at int64
		for _, w := range pieces {
			if w.off < at || w.end <= w.off || w.gone {
				t.Errorf("the piece %d-%d overlaps the one before, or is none", w.off, w.end)
			}
			at = w.end
			held += w.end - w.off
			count++
		}
	}
	if held != r.held || held > r.memory || count != r.oldest.Len() {
		t.Errorf("%d bytes are held in %d pieces; counted are %d in %d; the bound is %d", held, count, r.held, r.oldest.Len(), r.memory)
	}
}

func TestReadAheadReadsRight(t *testing.T) {
	t.Parallel()
	const size = 3 << 20
	_, r, data := newReadAhead(t, size, 2<<20)
	rnd := rand.New(rand.NewPCG(2, 2))
	for range 500 {
		switch rnd.IntN(4) {
		case 0: // a plan, some of it behind the end, some of it twice
			var spans []objectSpan
			for range 1 + rnd.IntN(6) {
				off := rnd.Int64N(size + 1000)
				spans = append(spans, objectSpan{testPack, off, off + 1 + rnd.Int64N(200_000)})
			}
			r.expect(t.Context(), spans, rnd.IntN(2) == 0)
			for _, s := range spans[:rnd.IntN(len(spans)+1)] {
				readSpan(t, r, data, int(s.off), int(s.end))
			}
		case 1: // in order
			off := rnd.IntN(size)
			for range rnd.IntN(10) {
				end := off + 1 + rnd.IntN(60_000)
				readSpan(t, r, data, off, end)
				off = end + rnd.IntN(2000)
			}
		case 2: // side by side
			var group sync.WaitGroup
			for range 4 {
				off, n := rnd.IntN(size), 1+rnd.IntN(100_000)
				group.Go(func() { readSpan(t, r, data, off, off+n) })
			}
			group.Wait()
		case 3:
			off := rnd.IntN(size + 10)
			readSpan(t, r, data, off, off+1+rnd.IntN(1_500_000))
		}
		r.check(t)
		if t.Failed() {
			return
		}
	}
}

func TestReadAheadOfAPackInOrder(t *testing.T) {
	t.Parallel()
	m, r, data := newReadAhead(t, 16<<20, 0)
	for off := 40; off < len(data); off += 4096 {
		readSpan(t, r, data, off, min(off+4096, len(data)))
	}
	if got := m.reads.Load(); got > 6 {
		t.Errorf("%d requests for a pack that is read in order, want no more than 6", got)
	}
	if r.held > maxPiece {
		t.Errorf("%d bytes are still held", r.held)
	}
}

func TestReadAheadLeavesRandomReadsAlone(t *testing.T) {
	t.Parallel()
	m, r, data := newReadAhead(t, 64<<20, 0)
	for i := range 16 {
		off := (i*5%16)*(4<<20) + 100_000
		readSpan(t, r, data, off, off+1000)
	}
	if reads, bytes := m.reads.Load(), m.bytes.Load(); reads != 16 || bytes != 16*1000 {
		t.Errorf("%d requests for %d bytes, want 16 for 16000", reads, bytes)
	}
}

func TestExpectedPiecesAreReadTogether(t *testing.T) {
	t.Parallel()
	m, r, data := newReadAhead(t, 32<<20, 0)
	spans := []objectSpan{ // neighbours, a small gap, one far away, one twice, and all that in no order
		{testPack, 3 << 20, 3<<20 + 1000},
		{testPack, 1 << 20, 1<<20 + 5000},
		{testPack, 1<<20 + 5000, 1<<20 + 9000},
		{testPack, 1<<20 + 100_000, 1<<20 + 109_000},
		{testPack, 20 << 20, 20<<20 + 10},
		{testPack, 3 << 20, 3<<20 + 1000},
	}
	r.expect(t.Context(), spans, false)
	for _, s := range spans {
		readSpan(t, r, data, int(s.off), int(s.end))
	}
	if got := m.reads.Load(); got != 3 {
		t.Errorf("%d requests, want 3", got)
	}
	r.check(t)
	if r.held != 0 {
		t.Errorf("%d bytes are held of what was read", r.held)
	}
}

// What lies between wanted pieces and is read as well does not count as what is wanted, which stays until it is read.
func TestWhatIsReadBetweenDoesNotCount(t *testing.T) {
	t.Parallel()
	m, r, data := newReadAhead(t, 32<<20, 0)
	wanted := []objectSpan{{testPack, 5 << 20, 5<<20 + 1000}, {testPack, 5<<20 + 300_000, 5<<20 + 301_000}, {testPack, 5<<20 + 500_000, 5<<20 + 501_000}}
	r.expect(t.Context(), wanted, false)
	r.expect(t.Context(), wanted[2:], false) // once more
	for off := int64(5<<20 + 1000); off < 5<<20+290_000; off += 1000 {
		readSpan(t, r, data, int(off), int(off+1000))
	}
	for _, s := range append(wanted, wanted[2]) {
		readSpan(t, r, data, int(s.off), int(s.end))
	}
	if got := m.reads.Load(); got != 1 {
		t.Errorf("%d requests, want 1", got)
	}
	r.check(t)
	if r.held != 0 {
		t.Errorf("%d bytes are held of what was read", r.held)
	}
}

// What is wanted of what was fetched for a stream stays when the stream has passed it.
func TestAStreamTakesNothingAwayThatIsWanted(t *testing.T) {
	t.Parallel()
	m, r, data := newReadAhead(t, 32<<20, 0)
	const step, wanted, until = 10_000, 190_000, 8 << 20
	for off := 0; off < wanted; off += step {
		readSpan(t, r, data, off, off+step)
	}
	r.expect(t.Context(), []objectSpan{{testPack, wanted, wanted + 500}, {testPack, wanted + 600, wanted + 1000}}, false)
	for off := wanted + step; off < until; off += step {
		readSpan(t, r, data, off, off+step)
	}
	before := m.reads.Load()
	readSpan(t, r, data, wanted, wanted+500)
	readSpan(t, r, data, wanted+600, wanted+1000)
	if more := m.reads.Load() - before; more != 0 {
		t.Errorf("%d requests for what was there", more)
	}
	r.check(t)
}

func TestCoalesce(t *testing.T) {
	t.Parallel()
	rnd := rand.New(rand.NewPCG(3, 3))
	for range 2000 {
		var spans []objectSpan
		for range rnd.IntN(30) {
			off := rnd.Int64N(40 << 20)
			spans = append(spans, objectSpan{string('a' + rune(rnd.IntN(3))), off, off + 1 + rnd.Int64N(maxPiece)})
		}
		planned := coalesce(spans)
		var wanted, sum int64
		for _, s := range spans {
			wanted += s.end - s.off
			if !slices.ContainsFunc(planned, func(p plannedSpan) bool { return p.name == s.name && p.off <= s.off && s.end <= p.end }) {
				t.Fatalf("%v lies in none of %v", s, planned)
			}
		}
		for _, p := range planned {
			sum += p.wanted
			if p.end-p.off > maxPiece {
				t.Fatalf("%v is too long", p)
			}
		}
		if sum != wanted {
			t.Fatalf("%d bytes are wanted, and %d planned", wanted, sum)
		}
	}
}

func TestReadAheadForgetsWhatFailed(t *testing.T) {
	t.Parallel()
	m, r, data := newReadAhead(t, 1<<20, 0)
	var failed atomic.Bool
	m.fail = func() error {
		if failed.Swap(true) {
			return nil
		}
		return errors.New("it failed once")
	}
	r.expect(t.Context(), []objectSpan{{testPack, 1000, 2000}}, false)
	readSpan(t, r, data, 1000, 2000)
	if got := m.reads.Load(); got != 2 {
		t.Errorf("%d requests, want 2: the one that failed, and another", got)
	}
	r.check(t)
	m.fail = func() error { return errors.New("it fails") }
	if _, err := r.ReadAt(t.Context(), testPack, make([]byte, 10), 5000); err == nil {
		t.Error("no error")
	}
}

func TestReadAheadWithoutMemory(t *testing.T) {
	t.Parallel()
	_, r, data := newReadAhead(t, 1<<20, 1000)
	r.expect(t.Context(), []objectSpan{{testPack, 0, 5000}, {testPack, 900_000, 900_500}}, false)
	for off := 40; off < len(data); off += 10_000 {
		readSpan(t, r, data, off, off+10_000)
	}
	r.check(t)
}

// A canceled job must not spoil what another waits for.
func TestReadAheadIsNotCanceled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, r, data := newReadAhead(t, 1<<20, 0)
		gate := make(chan struct{})
		m.fail = func() error { <-gate; return nil }
		ctx, cancel := context.WithCancel(t.Context())
		r.expect(ctx, []objectSpan{{testPack, 0, 1000}}, false)
		var group sync.WaitGroup
		group.Go(func() { readSpan(t, r, data, 0, 500) })
		group.Go(func() {
			if _, err := r.ReadAt(ctx, testPack, make([]byte, 100), 500); !errors.Is(err, context.Canceled) {
				t.Errorf("the canceled read gave %v", err)
			}
		})
		synctest.Wait()
		cancel()
		synctest.Wait()
		close(gate)
		group.Wait()
		if got := m.reads.Load(); got != 1 {
			t.Errorf("%d requests, want 1", got)
		}
	})
}

func TestExpectedObjects(t *testing.T) {
	t.Parallel()
	m, r, data := newReadAhead(t, 1000, 0)
	if err := m.Create(t.Context(), "index/d/x", data); err != nil {
		t.Fatal(err)
	}
	part := Sub(r, "index/d")
	expectObjects(t.Context(), part, []ObjectInfo{{"x", 1000}, {"gone", 10}, {"empty", 0}})
	if got, err := readObject(t.Context(), part, "x", 1000); err != nil || !bytes.Equal(got, data) {
		t.Errorf("read %d bytes, %v", len(got), err)
	}
	if got := m.reads.Load(); got > 2 {
		t.Errorf("%d requests, want 2: what is there is read once", got)
	}
	if _, err := readObject(t.Context(), part, "gone", 1000); !errors.Is(err, ErrNotExist) {
		t.Errorf("reading what has gone: %v", err)
	}
	expectObjects(t.Context(), part, []ObjectInfo{{"x", 1000}})
	if _, err := readObject(t.Context(), part, "x", 999); !errors.Is(err, ErrDamaged) {
		t.Errorf("reading what is too long: %v", err)
	}
}
