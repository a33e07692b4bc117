package ebs

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"slices"
	"sync"
)

// The file of a volume's changes: a page of header, then four bytes a block, all big endian. The header names the
// format and holds the current generation twice, at changesSlot and 2*changesSlot, each with its CRC-32C; generation g
// goes into slot g mod 2, so that a torn write leaves the one before.
const (
	changesMagic  = "strongroom block changes 1\n"
	changesHeader = 4096
	changesSlot   = 512
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// errGenerationsUsedUp says that a volume was frozen 2^32 times.
var errGenerationsUsedUp = errors.New("the volume has no change generations left")

// changes remembers for each block of a volume the generation in which it was last written; 0 means never. What markAll
// returned for is durable, and nothing is ever unmarked: after a crash the marks are a superset of what was written.
type changes struct {
	file   *os.File
	syncer groupSync

	mu      sync.Mutex
	current uint32   // the generation that writes go into; guarded by mu
	blocks  []uint32 // durable marks; guarded by mu
}

func openChanges(path string, blocks int64) (*changes, error) {
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	c := &changes{file: file, blocks: make([]uint32, blocks)}
	c.syncer.sync = file.Sync
	if err := c.load(); err != nil {
		return nil, errors.Join(fmt.Errorf("reading %s: %w", path, err), file.Close())
	}
	return c, nil
}

func (c *changes) load() error {
	header := make([]byte, changesHeader)
	n, err := c.file.ReadAt(header, 0)
	if err != nil && err != io.EOF {
		return err
	}
	c.current = max(slot(header[changesSlot:]), slot(header[2*changesSlot:]))
	if c.current == 0 { // new, or the making was cut short before anything was written
		if n > 0 && string(header[:len(changesMagic)]) != changesMagic {
			return errors.New("not a file of block changes")
		}
		return c.create()
	}
	if string(header[:len(changesMagic)]) != changesMagic {
		return errors.New("not a file of block changes")
	}
	marks := make([]byte, 4*len(c.blocks))
	if n, err = c.file.ReadAt(marks, changesHeader); err != nil && err != io.EOF {
		return err
	}
	for i := range n / 4 {
		c.blocks[i] = binary.BigEndian.Uint32(marks[4*i:])
	}
	return nil
}

func (c *changes) create() error {
	header := make([]byte, changesHeader)
	copy(header, changesMagic)
	if _, err := c.file.WriteAt(header, 0); err != nil {
		return err
	}
	return c.setCurrent(1)
}

// slot reads a generation with its checksum; 0 if they do not agree.
func slot(b []byte) uint32 {
	if crc32.Checksum(b[:4], castagnoli) != binary.BigEndian.Uint32(b[4:]) {
		return 0
	}
	return binary.BigEndian.Uint32(b)
}

// setCurrent makes generation g current, durably. The caller holds mu or is alone.
func (c *changes) setCurrent(g uint32) error {
	b := binary.BigEndian.AppendUint32(nil, g)
	b = binary.BigEndian.AppendUint32(b, crc32.Checksum(b, castagnoli))
	if _, err := c.file.WriteAt(b, changesSlot*(1+int64(g%2))); err != nil {
		return err
	}
	if err := c.file.Sync(); err != nil {
		return err
	}
	c.current = g
	return nil
}

// now is the current generation.
func (c *changes) now() uint32 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.current
}

// end ends the current generation and returns it. Nobody may be between markAll and the write it was for.
func (c *changes) end() (uint32, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	ended := c.current
	if ended+1 == 0 {
		return 0, errGenerationsUsedUp
	}
	return ended, c.setCurrent(ended + 1)
}

// markAll notes durably that blocks, in ascending order, are about to be written.
func (c *changes) markAll(blocks []int64) error {
	c.mu.Lock()
	current := c.current
	missing := slices.DeleteFunc(slices.Clone(blocks), func(b int64) bool { return c.blocks[b] == current })
	c.mu.Unlock()
	if len(missing) == 0 {
		return nil
	}
	if err := c.writeMarks(missing, current); err != nil {
		return fmt.Errorf("marking blocks from %d on: %w", missing[0], err)
	}
	if err := c.syncer.Do(); err != nil {
		return fmt.Errorf("marking blocks from %d on: %w", missing[0], err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, b := range missing {
		c.blocks[b] = current
	}
	return nil
}

func (c *changes) writeMarks(blocks []int64, generation uint32) error {
	for len(blocks) > 0 {
		run := 1
		for run < len(blocks) && blocks[run] == blocks[0]+int64(run) {
			run++
		}
		marks := bytes.Repeat(binary.BigEndian.AppendUint32(nil, generation), run)
		if _, err := c.file.WriteAt(marks, changesHeader+4*blocks[0]); err != nil {
			return err
		}
		blocks = blocks[run:]
	}
	return nil
}

// generation is when a block was last written.
func (c *changes) generation(block int64) uint32 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.blocks[block]
}

// between lists the blocks last written after generation after and not after generation upTo, in order.
func (c *changes) between(after, upTo uint32) []int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	var list []int64
	for i, g := range c.blocks {
		if g > after && g <= upTo {
			list = append(list, int64(i))
		}
	}
	return list
}

// grow makes room for more blocks.
func (c *changes) grow(blocks int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.blocks = append(c.blocks, make([]uint32, max(0, blocks-int64(len(c.blocks))))...)
}

func (c *changes) close() error { return c.file.Close() }
