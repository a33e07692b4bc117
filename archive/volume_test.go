package archive_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"

	"strongroom/archive"
	"strongroom/archive/archivetest"
)

const page = 4096

// A memoryDisk is a disk in memory. It may be written to at many places at once.
type memoryDisk []byte

func (d memoryDisk) WriteAt(p []byte, off int64) (int, error) {
	if off < 0 || off+int64(len(p)) > int64(len(d)) {
		return 0, io.ErrShortWrite
	}
	return copy(d[off:], p), nil
}

// A stretch is a part of a disk.
type stretch struct{ off, size int }

// A diskHistory is a disk that is written to and backed up, beside what each of its recovery points should hold.
type diskHistory struct {
	t      *testing.T
	draw   *rand.Rand
	d      *archive.Domain
	size   int
	points []string
	held   map[string][]byte
	seed   uint64
}

// The places that are written to lie at the beginning and the end of a disk of more than a region of 32 MiB, and where two meet.
func (h *diskHistory) place() int {
	const near = 2 << 20
	borders := [...]int{0, 32 << 20, h.size - near/2}
	off := borders[h.draw.IntN(len(borders))] + h.draw.IntN(near) - near/2
	return max(0, min(off, h.size-1)) / page * page
}

// stir writes to some places of the disk and gives them, in order and apart from each other.
func (h *diskHistory) stir(disk []byte) (changed []stretch) {
	for range 1 + h.draw.IntN(12) {
		pages := 1 + h.draw.IntN(4)
		if h.draw.IntN(5) == 0 {
			pages = 1 + h.draw.IntN(400)
		}
		off := h.place()
		size := min(pages*page, h.size-off)
		h.seed++
		switch part := disk[off : off+size]; h.draw.IntN(6) {
		case 0:
			clear(part)
		case 1:
			copy(part, text(h.seed, size))
		case 2: // what lies elsewhere, too
			from := h.place()
			copy(part, bytes.Clone(disk[from:min(from+size, h.size)]))
		case 3: // a part of each page only
			for at := 0; at < size; at += page {
				part[at+h.draw.IntN(min(page, size-at))] ^= 1
			}
		default:
			copy(part, random(h.seed, size))
		}
		changed = append(changed, stretch{off, size})
	}
	return merge(changed)
}

// merge puts stretches in order and makes one of those that meet.
func merge(list []stretch) (merged []stretch) {
	slices.SortFunc(list, func(a, b stretch) int { return a.off - b.off })
	for _, s := range list {
		if n := len(merged); n > 0 && s.off <= merged[n-1].off+merged[n-1].size {
			merged[n-1].size = max(merged[n-1].size, s.off+s.size-merged[n-1].off)
			continue
		}
		merged = append(merged, s)
	}
	return merged
}

// widen gives the whole multiples of unit that the stretches touch.
func (h *diskHistory) widen(list []stretch, unit int) []stretch {
	var wide []stretch
	for _, s := range list {
		off := s.off / unit * unit
		wide = append(wide, stretch{off, min((s.off+s.size+unit-1)/unit*unit, h.size) - off})
	}
	return merge(wide)
}

// backup commits the disk over a parent, or none, told of the changes in one of the ways there are.
func (h *diskHistory) backup(disk []byte, parent string, changed []stretch) string {
	h.t.Helper()
	ctx := h.t.Context()
	point := fmt.Sprintf("point-%d", len(h.points))
	w, err := h.d.NewWriter(ctx, archive.WriteOptions{
		Point: point, Parent: parent, Kind: archive.Volume, Size: int64(h.size), BlockSize: archive.BlockSize,
	})
	if err != nil {
		h.t.Fatal(err)
	}
	defer w.Abort()
	put, way := w.PutRange, h.draw.IntN(7)
	from := func(ctx context.Context, off int64, data []byte) error {
		return w.CompareRangeFrom(ctx, off, int64(len(data)), bytes.NewReader(disk))
	}
	switch {
	case parent == "":
		changed = []stretch{{0, h.size}}
	case way == 0: // blocks
		put = func(ctx context.Context, off int64, data []byte) error {
			return w.PutBlock(ctx, uint64(off)/archive.BlockSize, data)
		}
		var blocks []stretch
		for _, s := range h.widen(changed, archive.BlockSize) {
			for off := s.off; off < s.off+s.size; off += archive.BlockSize {
				blocks = append(blocks, stretch{off, min(archive.BlockSize, h.size-off)})
			}
		}
		changed = blocks
	case way == 1: // somewhere around
		put, changed = w.CompareRange, h.widen(changed, page<<h.draw.IntN(8))
	case way == 2: // all of it is read again
		put, changed = w.CompareRange, []stretch{{0, h.size}}
	case way == 3: // somewhere around, for the workers to read
		put, changed = from, h.widen(changed, page<<h.draw.IntN(8))
	case way == 4: // all of it, for the workers to read
		put, changed = from, []stretch{{0, h.size}}
	}
	for _, s := range changed {
		for s.size > 0 {
			n := min(s.size, page*(1+h.draw.IntN(512)))
			if (way == 0 || way == 4) && parent != "" {
				n = s.size
			}
			if err := put(ctx, int64(s.off), disk[s.off:s.off+n]); err != nil {
				h.t.Fatal(err)
			}
			s.off, s.size = s.off+n, s.size-n
		}
	}
	if _, err := w.Commit(ctx); err != nil {
		h.t.Fatal(err)
	}
	h.keep(point, disk)
	return point
}

func (h *diskHistory) keep(point string, disk []byte) {
	h.points = append(h.points, point)
	h.held[point] = bytes.Clone(disk)
}

// same compares a recovery point with what it should hold, in all the ways it can be read.
func (h *diskHistory) same(d *archive.Domain, point string) {
	h.t.Helper()
	want, back := h.held[point], make(memoryDisk, h.size)
	p := openPoint(h.t, d, point)
	if err := p.WriteVolume(h.t.Context(), back, nil); err != nil {
		h.t.Fatal(err)
	}
	if !bytes.Equal(back, want) {
		h.t.Fatalf("%s came back otherwise, from %d on", point, differsAt(back, want))
	}
	for range 8 {
		off := max(0, min(h.place()+h.draw.IntN(page), h.size-1))
		buf := bytes.Repeat([]byte{0xaa}, h.draw.IntN(1<<20))
		n, err := p.ReadVolume(h.t.Context(), buf, int64(off))
		if short := n < len(buf); err != nil && (!short || !errors.Is(err, io.EOF)) || short && off+n != h.size {
			h.t.Fatalf("%s gives %d bytes of %d at %d: %v", point, n, len(buf), off, err)
		}
		if !bytes.Equal(buf[:n], want[off:off+n]) {
			h.t.Fatalf("%s reads otherwise, from %d on", point, off+differsAt(buf[:n], want[off:off+n]))
		}
	}
	full := map[uint64]bool{}
	for b, err := range p.Blocks(h.t.Context(), 0) {
		if err != nil {
			h.t.Fatal(err)
		}
		full[b.Number] = true
	}
	for off := 0; off < h.size; off += p.BlockSize() {
		block := want[off:min(off+p.BlockSize(), h.size)]
		if len(bytes.Trim(block, "\x00")) > 0 && !full[uint64(off/p.BlockSize())] {
			h.t.Fatalf("%s does not list the block at %d", point, off)
		}
	}
}

func differsAt(a, b []byte) int {
	for i := range a {
		if a[i] != b[i] {
			return i
		}
	}
	return len(a)
}

// differ makes sure that what differs between two points is told.
func (h *diskHistory) differ(older, newer string) {
	h.t.Helper()
	a, b := openPoint(h.t, h.d, older), openPoint(h.t, h.d, newer)
	told := make([]bool, h.size/page+1)
	last := int64(0)
	for r, err := range b.ChangedRanges(h.t.Context(), a, 0) {
		if err != nil {
			h.t.Fatal(err)
		}
		if r.Off < last || r.Size <= 0 || !r.Old && !r.New {
			h.t.Fatalf("from %s to %s %+v changed, after %d", older, newer, r, last)
		}
		last = r.Off + r.Size
		for at := r.Off; at < last; at += page {
			told[at/page] = true
		}
	}
	blocks := map[uint64]bool{}
	for c, err := range b.ChangedBlocks(h.t.Context(), a, 0) {
		if err != nil {
			h.t.Fatal(err)
		}
		blocks[c.Number] = true
	}
	was, is := h.held[older], h.held[newer]
	for off := 0; off < h.size; off += page {
		end := min(off+page, h.size)
		if !bytes.Equal(was[off:end], is[off:end]) && (!told[off/page] || !blocks[uint64(off)/archive.BlockSize]) {
			h.t.Fatalf("from %s to %s the page at %d changed, and nobody tells", older, newer, off)
		}
	}
}

// Whatever is written to a disk, and however the archive is told of it, every recovery point holds the disk as it was: also
// over parents of version 1, when copied, and when others are deleted and collected.
func TestVolumesHoldWhatWasWritten(t *testing.T) {
	t.Parallel()
	for seed := range uint64(4) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			diskLife(t, seed)
		})
	}
}

func diskLife(t *testing.T, seed uint64) {
	ring := archivetest.NewKeyring()
	v := archive.OpenVault(new(archive.Mem), "vault", archive.Options{Workers: 2, PackSize: 512 << 10})
	archive.SetSpans(v, 1+int(seed)*100) // so that restoring it takes several windows, or one
	h := &diskHistory{
		t: t, draw: rand.New(rand.NewPCG(seed, 1)), d: openDomain(t, v, ring), size: 37<<20 + 100*int(seed%2),
		held: map[string][]byte{}, seed: 1000 * seed,
	}
	disk := make([]byte, h.size)
	h.stir(disk)
	if blockSize := [...]int{0, page, archive.BlockSize, 3 * page}[seed%4]; blockSize == 0 {
		h.backup(disk, "", nil)
	} else {
		h.oldBackup(disk, blockSize)
	}
	disks := map[string][]byte{h.points[0]: bytes.Clone(disk)}
	for range 8 {
		parent := h.points[h.draw.IntN(len(h.points))]
		if h.draw.IntN(2) == 0 {
			parent = h.points[len(h.points)-1]
		}
		disk := bytes.Clone(disks[parent])
		point := h.backup(disk, parent, h.stir(disk))
		disks[point] = disk
		h.same(h.d, point)
		h.differ(parent, point)
	}
	verifyClean(t, v, ring)
	h.copied(v, ring)
	h.collected(v, ring)
}

// oldBackup commits the disk as version 1 of the format did.
func (h *diskHistory) oldBackup(disk []byte, blockSize int) {
	h.t.Helper()
	blocks := map[uint64][]byte{}
	for off := 0; off < h.size; off += blockSize {
		if block := disk[off:min(off+blockSize, h.size)]; len(bytes.Trim(block, "\x00")) > 0 {
			blocks[uint64(off/blockSize)] = block
		}
	}
	opts := archive.WriteOptions{Point: "point-0", BlockSize: blockSize, Size: int64(h.size)}
	if err := archive.WriteBlocks(h.t.Context(), h.d, opts, blocks); err != nil {
		h.t.Fatal(err)
	}
	h.keep(opts.Point, disk)
}

func (h *diskHistory) copied(v *archive.Vault, ring archive.Keyring) {
	h.t.Helper()
	other := archive.OpenVault(new(archive.Mem), "other vault", archive.Options{Workers: 2, PackSize: 512 << 10})
	d := openDomain(h.t, other, ring)
	parent := ""
	for _, i := range []int{0, 1, len(h.points) / 2, len(h.points) - 1} {
		point := h.points[i]
		p := openPoint(h.t, h.d, point)
		if _, err := archive.Copy(h.t.Context(), d, p, archive.CopyOptions{Point: point, Parent: parent}); err != nil {
			h.t.Fatal(err)
		}
		h.same(d, point)
		parent = point
	}
	verifyClean(h.t, other, ring)
}

// collected deletes every other point and collects, after which the rest is whole.
func (h *diskHistory) collected(v *archive.Vault, ring archive.Keyring) {
	h.t.Helper()
	var left []string
	for i, point := range h.points {
		if i%2 == 0 {
			if err := v.Delete(h.t.Context(), h.d.Info().ID, point); err != nil {
				h.t.Fatal(err)
			}
			continue
		}
		left = append(left, point)
	}
	for range 3 {
		if _, err := v.Collect(h.t.Context(), rings(ring), archive.CollectOptions{Margin: -1}); err != nil {
			h.t.Fatal(err)
		}
	}
	verifyClean(h.t, v, ring)
	for _, point := range left {
		h.same(h.d, point)
	}
}

// What a thousand small changes leave behind is bounded: the chunks of a volume are few and hold little that is dead, so that
// restoring it decodes about what it holds.
func TestVolumesDoNotWear(t *testing.T) {
	t.Parallel()
	for name, is := range map[string]struct{ rounds, places int }{"many places": {120, 150}, "one place": {1000, 1}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			wear(t, is.rounds, is.places)
		})
	}
}

func wear(t *testing.T, rounds, places int) {
	const size = 6 << 20
	ring := archivetest.NewKeyring()
	store := new(archive.Mem)
	v := archive.OpenVault(store, "vault", archive.Options{Workers: 2})
	d, disk, draw := openDomain(t, v, ring), memoryDisk(random(1, size)), rand.New(rand.NewPCG(1, 2))
	h := &diskHistory{t: t, draw: draw, d: d, size: size, held: map[string][]byte{}}
	h.backup(disk, "", nil)
	noise := random(2, 1<<20)
	changedBytes, stored := 0, uint64(0)
	point := h.points[0]
	for round := range rounds {
		var changed []stretch
		for range places {
			n := page * (1 + draw.IntN(3))
			off := draw.IntN((size-n)/page+1) * page
			at := draw.IntN(len(noise) - n)
			copy(disk[off:], noise[at:at+n])
			changed = append(changed, stretch{off, n})
		}
		changed = merge(changed)
		next := fmt.Sprint("round-", round)
		w, err := d.NewWriter(t.Context(), archive.WriteOptions{Point: next, Parent: point, Kind: archive.Volume, Size: size})
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range changed {
			changedBytes += s.size
			if err := w.PutRange(t.Context(), int64(s.off), disk[s.off:s.off+s.size]); err != nil {
				t.Fatal(err)
			}
		}
		s, err := w.Commit(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		stored += s.NewBytes
		if err := v.Delete(t.Context(), d.Info().ID, point); err != nil {
			t.Fatal(err)
		}
		point = next
		if round%100 == 99 {
			if _, err := v.Collect(t.Context(), rings(ring), archive.CollectOptions{Margin: -1}); err != nil {
				t.Fatal(err)
			}
		}
	}
	h.held[point] = disk
	h.same(d, point)
	shape, err := archive.ShapeOf(t.Context(), openPoint(t, d, point))
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d bytes changed, %d were stored: %+v", changedBytes, stored, shape)
	if shape.Bytes > size*9/4 {
		t.Errorf("%d bytes lie in %d bytes of chunks", size, shape.Bytes)
	}
	if shape.Chunks > 64+2*size/(64<<10) {
		t.Errorf("%d bytes lie in %d chunks", size, shape.Chunks)
	}
	if stored > 5*uint64(changedBytes)/2 {
		t.Errorf("%d bytes changed, and %d were stored", changedBytes, stored)
	}
}

// Small changes cost about what changed, and reading all again costs nothing.
func TestVolumeChangesCostWhatChanged(t *testing.T) {
	t.Parallel()
	const size = 24 << 20
	d := openDomain(t, archive.OpenVault(new(archive.Mem), "vault", archive.Options{Workers: 2}), archivetest.NewKeyring())
	disk, draw := random(1, size), rand.New(rand.NewPCG(3, 4))
	write := func(point, parent string, fill func(w *archive.Writer) error) archive.Summary {
		w, err := d.NewWriter(t.Context(), archive.WriteOptions{Point: point, Parent: parent, Kind: archive.Volume, Size: size})
		if err != nil {
			t.Fatal(err)
		}
		defer w.Abort()
		if err := fill(w); err != nil {
			t.Fatal(err)
		}
		s, err := w.Commit(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	all := func(w *archive.Writer) error { return w.CompareRange(t.Context(), 0, disk) }
	write("first", "", all)
	if s := write("again", "first", all); s.StoredBytes != 0 {
		t.Errorf("reading the same again stored %d bytes", s.StoredBytes)
	}
	var changed []stretch
	for i := range 100 {
		off := (i*size/100 + draw.IntN(size/200)) / page * page
		copy(disk[off:], random(uint64(1000+i), 2*page))
		changed = append(changed, stretch{off, 2 * page})
	}
	const bytes = 100 * 2 * page
	// Without a list of what changed first, for then nothing of it is there yet.
	if s := write("compared", "first", all); s.NewBytes != bytes || s.StoredBytes > bytes*11/10 {
		t.Errorf("%d bytes changed and were looked for: %+v", bytes, s)
	}
	s := write("listed", "first", func(w *archive.Writer) error {
		for _, c := range changed {
			if err := w.PutRange(t.Context(), int64(c.off), disk[c.off:c.off+c.size]); err != nil {
				return err
			}
		}
		return nil
	})
	if s.NewBytes > bytes || s.StoredBytes > bytes*11/10 {
		t.Errorf("%d bytes changed and were listed: %+v", bytes, s)
	}
}

// Content that lies at two places is stored once, whatever multiples of a page they are.
func TestVolumesFindWhatLiesTwice(t *testing.T) {
	t.Parallel()
	const size, long = 64 << 20, 12 << 20
	d := openDomain(t, archive.OpenVault(new(archive.Mem), "vault", archive.Options{Workers: 2}), archivetest.NewKeyring())
	disk := make([]byte, size)
	copy(disk[5*page:], random(1, long))
	copy(disk[40<<20+3*page:], random(1, long))
	w, err := d.NewWriter(t.Context(), archive.WriteOptions{Point: "p", Kind: archive.Volume, Size: size})
	if err != nil {
		t.Fatal(err)
	}
	defer w.Abort()
	if err := w.PutRange(t.Context(), 0, disk); err != nil {
		t.Fatal(err)
	}
	s, err := w.Commit(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if s.LogicalBytes != 2*long || s.NewBytes > long+1<<20 {
		t.Errorf("%d bytes that lie twice: %+v", long, s)
	}
}

func TestVolumeWriterRefuses(t *testing.T) {
	t.Parallel()
	d := openDomain(t, archive.OpenVault(new(archive.Mem), "vault", small), archivetest.NewKeyring())
	write(t, d, "objects", "", map[string][]byte{"a": {1}})
	options := archive.WriteOptions{Point: "p", Kind: archive.Volume, Size: 10*page + 100}
	for name, opts := range map[string]archive.WriteOptions{
		"blocks that are not whole pages": {Point: "p", Kind: archive.Volume, Size: page, BlockSize: page + 1},
		"a parent of objects":             {Point: "p", Kind: archive.Volume, Size: page, Parent: "objects"},
	} {
		if _, err := d.NewWriter(t.Context(), opts); err == nil {
			t.Errorf("%s are accepted", name)
		}
	}
	for name, at := range map[string]stretch{
		"a place before the volume": {-page, page}, "a place behind it": {11 * page, page}, "what reaches over its end": {10 * page, page},
		"a place within a page": {100, page}, "a part of a page": {0, 100}, "what came before": {page, page},
	} {
		w, err := d.NewWriter(t.Context(), options)
		if err != nil {
			t.Fatal(err)
		}
		if err := w.PutRange(t.Context(), 0, make([]byte, 2*page)); err != nil && at.off != 0 {
			t.Fatal(err)
		}
		err = w.PutRange(t.Context(), int64(at.off), make([]byte, at.size))
		if err == nil {
			t.Errorf("%s is accepted", name)
		}
		if at == (stretch{page, page}) && !errors.Is(err, archive.ErrOrder) {
			t.Errorf("%s: %v, want ErrOrder", name, err)
		}
		if err := w.Abort(); err != nil {
			t.Error(err)
		}
	}
	if _, err := openPoint(t, d, "objects").ReadVolume(t.Context(), make([]byte, 1), 0); !errors.Is(err, archive.ErrKind) {
		t.Errorf("reading objects as a volume: %v, want ErrKind", err)
	}
}

var _ io.WriterAt = memoryDisk(nil)

// A failing disk ends a restore with its error, and leaves nobody waiting.
// What the workers are to read and cannot makes no recovery point.
func TestVolumeThatCannotBeRead(t *testing.T) {
	t.Parallel()
	const size = 8 << 20
	disk := random(1, size)
	gone := errors.New("the disk is gone")
	for name, from := range map[string]io.ReaderAt{
		"unreadable": &source{bytes.NewReader(disk), new(sources), gone}, "shorter": bytes.NewReader(disk[:size-1]),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := openDomain(t, archive.OpenVault(new(archive.Mem), "vault", small), archivetest.NewKeyring())
			opts := archive.WriteOptions{Point: "parent", Kind: archive.Volume, Size: size}
			w, err := d.NewWriter(t.Context(), opts)
			if err != nil {
				t.Fatal(err)
			}
			defer w.Abort()
			if err := w.PutRange(t.Context(), 0, disk); err != nil {
				t.Fatal(err)
			}
			if _, err := w.Commit(t.Context()); err != nil {
				t.Fatal(err)
			}
			opts.Point, opts.Parent = "point", "parent"
			if w, err = d.NewWriter(t.Context(), opts); err != nil {
				t.Fatal(err)
			}
			defer w.Abort()
			put := w.CompareRangeFrom(t.Context(), 0, size, from)
			if _, err := w.Commit(t.Context()); err == nil {
				t.Errorf("the recovery point was committed; CompareRangeFrom said %v", put)
			}
		})
	}
}

func TestVolumeRestoreFails(t *testing.T) {
	t.Parallel()
	d := openDomain(t, archive.OpenVault(new(archive.Mem), "vault", small), archivetest.NewKeyring())
	w, err := d.NewWriter(t.Context(), archive.WriteOptions{Point: "p", Kind: archive.Volume, Size: 8 << 20})
	if err != nil {
		t.Fatal(err)
	}
	if err := w.PutRange(t.Context(), 0, random(1, 8<<20)); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	full := &fullDisk{left: 3}
	if err := openPoint(t, d, "p").WriteVolume(t.Context(), full, nil); !errors.Is(err, errFull) {
		t.Errorf("restoring onto a full disk: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := openPoint(t, d, "p").WriteVolume(ctx, make(memoryDisk, 8<<20), nil); !errors.Is(err, context.Canceled) {
		t.Errorf("restoring for nobody: %v", err)
	}
}

var errFull = errors.New("the disk is full")

type fullDisk struct {
	mu   sync.Mutex
	left int
}

func (d *fullDisk) WriteAt(p []byte, _ int64) (int, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.left--; d.left < 0 {
		return 0, errFull
	}
	return len(p), nil
}
