package ebs

import (
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"sync"
)

// errOutside says that an access reaches beyond the end of a volume.
var errOutside = errors.New("the access reaches beyond the end of the volume")

// disk is the open files of one volume. All methods may be called at once; a read and a write of the same sectors are
// ordered, a write of several blocks is not atomic for readers but is for views.
type disk struct {
	image   *os.File
	changes *changes
	syncer  groupSync // of the image

	// flow is held for reading by whoever changes blocks, from before the first mark until the last write, and for
	// writing while the volume is frozen: a view sees each change whole or not at all.
	flow  sync.RWMutex
	size  int64   // bytes; guarded by flow
	views []*View // guarded by flow

	locks [64]sync.RWMutex // of blocks, by number
}

// openDisk opens the files of a volume and makes them as long as size. A disk that is longer stays so: a volume never
// shrinks, and size may be of a row that was read before the volume grew.
func openDisk(path string, size int64) (*disk, error) {
	image, err := os.OpenFile(path+".img", os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	info, err := image.Stat()
	if err == nil && info.Size() < size {
		err = image.Truncate(size)
	}
	if err != nil {
		return nil, errors.Join(err, image.Close())
	}
	size = max(size, info.Size())
	d := &disk{image: image, size: size}
	d.syncer.sync = image.Sync
	if d.changes, err = openChanges(path+".cbt", blocksOf(size)); err != nil {
		return nil, errors.Join(err, image.Close())
	}
	return d, nil
}

// blocksOf is the number of blocks that size bytes take.
func blocksOf(size int64) int64 { return (size + BlockSize - 1) / BlockSize }

func (d *disk) close() error { return errors.Join(d.image.Close(), d.changes.close()) }

func (d *disk) lock(block int64) *sync.RWMutex { return &d.locks[block%int64(len(d.locks))] }

// piece is the part of an access that lies in one block.
type piece struct {
	block    int64
	off, end int64 // of the volume
}

// pieces cuts the bytes from off to end at the blocks' borders.
func pieces(off, end int64) []piece {
	var list []piece
	for off < end {
		block := off / BlockSize
		next := min(end, (block+1)*BlockSize)
		list = append(list, piece{block, off, next})
		off = next
	}
	return list
}

func (d *disk) inside(off, length int64) error {
	if off < 0 || length < 0 || off > d.size-length {
		return errOutside
	}
	return nil
}

// length is the size in bytes.
func (d *disk) length() int64 {
	d.flow.RLock()
	defer d.flow.RUnlock()
	return d.size
}

// readAt fills p with what s opens. Like io.ReaderAt it reads short only at the end of the volume.
func (d *disk) readAt(s *sectors, p []byte, off int64) (int, error) {
	size := d.length()
	if off < 0 {
		return 0, errOutside
	}
	var short error
	if off+int64(len(p)) > size {
		p, short = p[:max(0, size-off)], io.EOF
	}
	for _, part := range pieces(off, off+int64(len(p))) {
		if err := d.readPiece(s, p[part.off-off:part.end-off], part); err != nil {
			return int(part.off - off), err
		}
	}
	return len(p), short
}

func (d *disk) readPiece(s *sectors, p []byte, part piece) error {
	mu := d.lock(part.block)
	mu.RLock()
	defer mu.RUnlock()
	if d.changes.generation(part.block) == 0 {
		clear(p)
		return nil
	}
	return d.readSectors(s, p, part.off)
}

// readSectors reads p at off within one block, whose lock the caller holds.
func (d *disk) readSectors(s *sectors, p []byte, off int64) error {
	if s == nil || (off%SectorSize == 0 && len(p)%SectorSize == 0) {
		if err := d.readRaw(p, off); err != nil {
			return err
		}
		s.open(p, off/SectorSize)
		return nil
	}
	first := off - off%SectorSize
	whole := make([]byte, roundUp(off+int64(len(p)))-first)
	if err := d.readRaw(whole, first); err != nil {
		return err
	}
	s.open(whole, first/SectorSize)
	copy(p, whole[off-first:])
	return nil
}

func (d *disk) readRaw(p []byte, off int64) error {
	if _, err := io.ReadFull(io.NewSectionReader(d.image, off, int64(len(p))), p); err != nil {
		return fmt.Errorf("reading the volume at %d: %w", off, err)
	}
	return nil
}

func roundUp(off int64) int64 { return (off + SectorSize - 1) / SectorSize * SectorSize }

// writeAt writes p sealed by s. The marks of its blocks are durable before the first byte is written; the bytes
// themselves are durable after the next flush.
func (d *disk) writeAt(s *sectors, p []byte, off int64) (int, error) {
	d.flow.RLock()
	defer d.flow.RUnlock()
	if err := d.inside(off, int64(len(p))); err != nil {
		return 0, err
	}
	parts := pieces(off, off+int64(len(p)))
	if err := d.prepare(parts); err != nil {
		return 0, err
	}
	for _, part := range parts {
		if err := d.writePiece(s, p[part.off-off:part.end-off], part); err != nil {
			return int(part.off - off), err
		}
	}
	return len(p), nil
}

// prepare preserves blocks for the views that need them, and marks them.
func (d *disk) prepare(parts []piece) error {
	if len(parts) == 0 {
		return nil
	}
	for _, v := range d.views {
		if err := v.preserve(parts); err != nil {
			return err
		}
	}
	blocks := make([]int64, len(parts))
	for i, part := range parts {
		blocks[i] = part.block
	}
	return d.changes.markAll(blocks)
}

// expect marks blocks that are about to be written, all at once, which is much faster than one by one.
func (d *disk) expect(blocks []int64) error {
	d.flow.RLock()
	defer d.flow.RUnlock()
	for _, v := range d.views {
		for _, block := range blocks {
			if err := v.preserve([]piece{{block: block}}); err != nil {
				return err
			}
		}
	}
	return d.changes.markAll(blocks)
}

// blockBuffers hold what is being sealed.
var blockBuffers = sync.Pool{New: func() any { return new([BlockSize]byte) }}

func (d *disk) writePiece(s *sectors, p []byte, part piece) error {
	mu := d.lock(part.block)
	mu.Lock()
	defer mu.Unlock()
	off := part.off
	if s != nil {
		first := off - off%SectorSize
		buf := blockBuffers.Get().(*[BlockSize]byte)
		defer blockBuffers.Put(buf)
		whole := buf[:roundUp(part.end)-first]
		if first != off || int64(len(whole)) != int64(len(p)) {
			if err := d.readRaw(whole, first); err != nil {
				return err
			}
			s.open(whole, first/SectorSize)
			copy(whole[off-first:], p)
			p = whole
		}
		s.seal(whole, p, first/SectorSize)
		p, off = whole, first
	}
	if _, err := d.image.WriteAt(p, off); err != nil {
		return fmt.Errorf("writing the volume at %d: %w", off, err)
	}
	return nil
}

// zero makes length bytes at off read as zeros and gives back the space of whole sectors. Blocks that were never
// written are left alone.
func (d *disk) zero(s *sectors, off, length int64) error {
	d.flow.RLock()
	defer d.flow.RUnlock()
	if err := d.inside(off, length); err != nil {
		return err
	}
	parts := slices.DeleteFunc(pieces(off, off+length), func(p piece) bool { return d.changes.generation(p.block) == 0 })
	if err := d.prepare(parts); err != nil {
		return err
	}
	for _, part := range parts {
		if err := d.zeroPiece(s, part); err != nil {
			return err
		}
	}
	return nil
}

func (d *disk) zeroPiece(s *sectors, part piece) error {
	first, end := roundUp(part.off), part.end-part.end%SectorSize
	if first >= end { // less than a sector, or across two
		return d.writePiece(s, make([]byte, part.end-part.off), part)
	}
	if part.off < first {
		if err := d.writePiece(s, make([]byte, first-part.off), piece{part.block, part.off, first}); err != nil {
			return err
		}
	}
	if end < part.end {
		if err := d.writePiece(s, make([]byte, part.end-end), piece{part.block, end, part.end}); err != nil {
			return err
		}
	}
	mu := d.lock(part.block)
	mu.Lock()
	defer mu.Unlock()
	if err := punch(d.image, first, end-first); err != nil {
		return fmt.Errorf("trimming the volume at %d: %w", first, err)
	}
	return nil
}

// flush returns once everything written before is durable.
func (d *disk) flush() error { return d.syncer.Do() }

// grow makes the volume larger.
func (d *disk) grow(size int64) error {
	d.flow.Lock()
	defer d.flow.Unlock()
	if size <= d.size {
		return nil
	}
	if err := d.image.Truncate(size); err != nil {
		return err
	}
	d.changes.grow(blocksOf(size))
	d.size = size
	return nil
}

// freeze ends the current generation and shows what was written after generation since, as it is now. With keep, the
// path of a file, the view outlives a crash; see [openView].
func (d *disk) freeze(since uint32, keep string) (*View, error) {
	if err := d.flush(); err != nil { // most of the work, while writers still run
		return nil, err
	}
	d.flow.Lock()
	defer d.flow.Unlock()
	// What the view shows must survive a power failure in the volume as well: the next view reads nothing older.
	if err := d.image.Sync(); err != nil {
		return nil, fmt.Errorf("freezing: %w", err)
	}
	ended, err := d.changes.end()
	if err != nil {
		return nil, fmt.Errorf("freezing: %w", err)
	}
	return d.show(since, ended, keep)
}

// show makes a view of an ended generation; flow is held for writing.
func (d *disk) show(since, generation uint32, keep string) (*View, error) {
	v, err := openView(d, since, generation, keep)
	if err != nil {
		return nil, err
	}
	d.views = append(slices.Clone(d.views), v)
	return v, nil
}

// showAgain takes up a kept view of an ended generation.
func (d *disk) showAgain(since, generation uint32, keep string) (*View, error) {
	d.flow.Lock()
	defer d.flow.Unlock()
	return d.show(since, generation, keep)
}

// showAll makes a view of everything as it is now, without ending the generation: nothing follows.
func (d *disk) showAll() (*View, error) {
	d.flow.Lock()
	defer d.flow.Unlock()
	return d.show(0, d.changes.now(), "")
}

func (d *disk) forget(v *View) {
	d.flow.Lock()
	defer d.flow.Unlock()
	d.views = slices.DeleteFunc(slices.Clone(d.views), func(w *View) bool { return w == v })
}
