package ebs

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"path/filepath"
	"sync"
)

// View shows the blocks of a volume that were written in certain generations, as they were when it was frozen. It must
// be closed: while it is open, blocks are preserved before they are overwritten.
type View struct {
	// Generation is the last one the view shows: what the next view is taken since.
	Generation uint32

	disk   *disk
	needed map[int64]struct{} // the blocks it shows; not changed after it was made
	list   []int64            // the same in order
	keep   bool

	mu        sync.Mutex
	preserved *os.File        // records of preserved blocks; guarded by mu, as are the following
	offsets   map[int64]int64 // block → where its bytes lie in preserved, or hole
	end       int64
}

// A record of a preserved block: its number (8 bytes), the length of its bytes (4; 0 for a hole), a CRC-32C over both
// and the bytes (4), then the bytes as they lay in the image.
const (
	preservedHeader = 16
	hole            = -1
)

// openView makes a view of the generations after since up to generation. Blocks are preserved in the file keep, or in
// one that goes with the process if keep is empty. A kept file that exists already is taken up: blocks that were
// overwritten before a crash are in it, because they were durable there before they were marked anew.
func openView(d *disk, since, generation uint32, keep string) (*View, error) {
	v := &View{Generation: generation, disk: d, keep: keep != "", needed: map[int64]struct{}{}, offsets: map[int64]int64{}}
	var err error
	if keep != "" {
		v.preserved, err = os.OpenFile(keep, os.O_RDWR|os.O_CREATE, 0o600)
	} else {
		v.preserved, err = os.CreateTemp(filepath.Dir(d.image.Name()), "view-*.tmp")
	}
	if err != nil {
		return nil, err
	}
	if keep == "" {
		err = os.Remove(v.preserved.Name())
	} else {
		err = errors.Join(v.load(), syncDir(filepath.Dir(keep)))
	}
	if err != nil {
		return nil, errors.Join(err, v.preserved.Close())
	}
	for _, b := range d.changes.between(since, generation) {
		v.needed[b] = struct{}{}
	}
	for b := range v.offsets {
		v.needed[b] = struct{}{}
	}
	for b := range blocksOf(d.size) {
		if _, needed := v.needed[b]; needed {
			v.list = append(v.list, b)
		}
	}
	return v, nil
}

// load finds the records of a kept file; behind the last whole one, new ones go.
func (v *View) load() error {
	header := make([]byte, preservedHeader)
	data := make([]byte, BlockSize)
	for {
		if _, err := v.preserved.ReadAt(header, v.end); err != nil {
			return ignoreEOF(err)
		}
		length := binary.BigEndian.Uint32(header[8:])
		if length > BlockSize {
			return nil
		}
		body := data[:length]
		if _, err := v.preserved.ReadAt(body, v.end+preservedHeader); err != nil && length > 0 {
			return ignoreEOF(err)
		}
		sum := crc32.Update(crc32.Checksum(header[:12], castagnoli), castagnoli, body)
		if sum != binary.BigEndian.Uint32(header[12:]) {
			return nil
		}
		block := int64(binary.BigEndian.Uint64(header))
		v.offsets[block] = v.end + preservedHeader
		if length == 0 {
			v.offsets[block] = hole
		}
		v.end += preservedHeader + int64(length)
	}
}

func ignoreEOF(err error) error {
	if errors.Is(err, io.EOF) {
		return nil
	}
	return err
}

// preserve keeps the blocks of a write that the view shows and that nobody has preserved yet. The caller holds the
// disk's flow for reading. A kept view's record is durable when preserve returns.
func (v *View) preserve(parts []piece) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.preserved == nil {
		return nil // closed meanwhile
	}
	grown := false
	for _, part := range parts {
		_, needed := v.needed[part.block]
		_, have := v.offsets[part.block]
		if !needed || have {
			continue
		}
		if err := v.append(part.block); err != nil {
			return fmt.Errorf("preserving block %d: %w", part.block, err)
		}
		grown = true
	}
	if grown && v.keep {
		return v.preserved.Sync()
	}
	return nil
}

func (v *View) append(block int64) error {
	length := min(BlockSize, v.disk.size-block*BlockSize)
	record := make([]byte, preservedHeader+length)
	if err := v.disk.readRaw(record[preservedHeader:], block*BlockSize); err != nil {
		return err
	}
	at := v.end + preservedHeader
	if isZero(record[preservedHeader:]) {
		record, at = record[:preservedHeader], hole
	}
	binary.BigEndian.PutUint64(record, uint64(block))
	binary.BigEndian.PutUint32(record[8:], uint32(len(record)-preservedHeader))
	sum := crc32.Update(crc32.Checksum(record[:12], castagnoli), castagnoli, record[preservedHeader:])
	binary.BigEndian.PutUint32(record[12:], sum)
	if _, err := v.preserved.WriteAt(record, v.end); err != nil {
		return err
	}
	v.offsets[block] = at
	v.end += int64(len(record))
	return nil
}

// Blocks lists the numbers of the blocks that the view shows, in order.
func (v *View) Blocks() []int64 { return v.list }

// read returns the bytes of a block as they were, opened by s, in buf, which holds a block. The last block of a volume
// is filled up with zeros.
func (v *View) read(s *sectors, block int64, buf []byte) error {
	clear(buf)
	p := buf[:min(BlockSize, v.disk.length()-block*BlockSize)]
	mu := v.disk.lock(block) // a writer takes it after it has preserved the block
	mu.RLock()
	defer mu.RUnlock()
	v.mu.Lock()
	at, preserved := v.offsets[block]
	file := v.preserved
	v.mu.Unlock()
	switch {
	case file == nil:
		return os.ErrClosed
	case !preserved:
		return v.disk.readSectors(s, p, block*BlockSize)
	case at == hole:
		return nil
	}
	if _, err := file.ReadAt(p, at); err != nil {
		return fmt.Errorf("reading preserved block %d: %w", block, err)
	}
	s.open(p, block*BlockSize/SectorSize)
	return nil
}

// Close ends the view. It does not remove a kept file.
func (v *View) Close() error {
	v.disk.forget(v)
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.preserved == nil {
		return nil
	}
	err := v.preserved.Close()
	v.preserved = nil
	return err
}
