package archive

import (
	"cmp"
	"encoding/binary"
	"slices"
	"sync"
)

// A spill is what an index tells of packs, in files: their tables, and sorted runs of keys that say in which table a blob is.
// Runs are merged so that there are few of them, of sizes that about double. In memory are a filter and the first key of
// each block of a run. What lies in the files is sealed, by keys that only the process knows: block sizes and ids are nobody's
// business, and a block that does not open shows damage.
//
// Its methods that change it are called by one goroutine while nobody calls the others.
type spill struct {
	dir     string
	tables  *sealedFile
	ids     []*run
	origins []*run

	mu     sync.Mutex // guards what follows
	blocks [64]tableBlock
}

// A tableBlock is a block of a table that was read: who reads content in order finds the next blob there, too.
type tableBlock struct {
	end   int64 // in the file
	plain []byte
}

// spillBlock is how many entries of a table are sealed together: reading one reads so many.
const (
	spillBlock     = 64
	spillBlockSize = spillBlock*blobInfoSize + tagSize // in the file
)

// spillBlocks are buffers for one block of a table or a run.
var spillBlocks = sync.Pool{New: func() any {
	buf := make([]byte, 0, max(spillBlock*blobInfoSize, runBlock*runKeySize)+tagSize)
	return &buf
}}

func newSpill(dir string) *spill { return &spill{dir: dir} }

func (s *spill) close() {
	if s == nil {
		return
	}
	s.tables.close()
	for _, r := range slices.Concat(s.ids, s.origins) {
		r.close()
	}
}

// add takes in packs with their tables. Order gives packs by number, for runs that are merged.
func (s *spill) add(packs, order []*knownPack) error {
	ids, origins, err := s.addTables(packs)
	if err != nil {
		return err
	}
	// Both runs are written before either counts.
	idRun, err := writeRun(s.dir, ids)
	if err != nil {
		return err
	}
	if len(origins) > 0 {
		originRun, err := writeRun(s.dir, origins)
		if err != nil {
			idRun.close()
			return err
		}
		s.origins = append(s.origins, originRun)
	}
	s.ids = append(s.ids, idRun)
	// A merge that fails leaves the runs as they are: more of them, but all good.
	logUnmerged(mergeRuns(s.dir, &s.ids, order))
	logUnmerged(mergeRuns(s.dir, &s.origins, order))
	return nil
}

// addTables writes tables, and gives the keys of what is in them.
func (s *spill) addTables(packs []*knownPack) (ids, origins []runKey, err error) {
	if s.tables == nil {
		if s.tables, err = newSealedFile(s.dir); err != nil {
			return nil, nil, err
		}
	}
	count := 0
	for _, p := range packs {
		count += p.count
	}
	ids = make([]runKey, 0, count)
	var plain []byte
	for _, p := range packs {
		p.at = s.tables.size
		for first := 0; first < len(p.blobs); first += spillBlock {
			plain = plain[:0]
			for i := first; i < min(first+spillBlock, len(p.blobs)); i++ {
				b := &p.blobs[i]
				plain = b.append(plain)
				ids = append(ids, runKey{key(b.id[:]), place{p.number, uint32(i)}})
				if b.flags&flagOrigin != 0 {
					origins = append(origins, runKey{key(b.origin[:]), place{p.number, uint32(i)}})
				}
			}
			if err := s.tables.append(plain); err != nil {
				return nil, nil, err
			}
		}
	}
	return ids, origins, s.tables.flush()
}

// rewrite leaves out the packs that are nil in order, where packs are by number. If it fails all is as it was.
func (s *spill) rewrite(order []*knownPack) (err error) {
	fresh := newSpill(s.dir)
	defer func() {
		if err != nil {
			fresh.close()
		}
	}()
	var moved, batch []*knownPack // copies, because the packs stay where they are if this fails
	blobs := 0
	bring := func() error {
		if len(batch) == 0 {
			return nil
		}
		err := fresh.add(batch, order)
		for _, p := range batch {
			p.blobs = nil
		}
		moved, batch, blobs = append(moved, batch...), nil, 0
		return err
	}
	for _, p := range order {
		if p == nil || p.blobs != nil || p.count == 0 {
			continue
		}
		to := *p
		if to.blobs, err = s.table(p); err != nil {
			return err
		}
		if batch, blobs = append(batch, &to), blobs+p.count; blobs >= IndexBlobs {
			if err := bring(); err != nil {
				return err
			}
		}
	}
	if err := bring(); err != nil {
		return err
	}
	for _, to := range moved {
		order[to.number].at = to.at
	}
	s.close()
	s.tables, s.ids, s.origins, s.blocks = fresh.tables, fresh.ids, fresh.origins, [64]tableBlock{}
	return nil
}

// find visits the places that a key is noted for.
func (s *spill) find(runs []*run, key uint64, visit func(place) error) error {
	for _, r := range runs {
		if err := r.find(key, visit); err != nil {
			return err
		}
	}
	return nil
}

// blob gives an entry of a pack's table.
func (s *spill) blob(p *knownPack, number uint32) (b blobInfo, err error) {
	block := int(number) / spillBlock
	entry := int(number) % spillBlock * blobInfoSize
	end := p.at + int64(block+1)*spillBlockSize
	slot := &s.blocks[end/spillBlockSize%int64(len(s.blocks))]
	b.number = number
	s.mu.Lock()
	if slot.end == end {
		b.parse(slot.plain[entry:])
		s.mu.Unlock()
		return b, nil
	}
	s.mu.Unlock()
	buf := spillBlocks.Get().(*[]byte)
	defer spillBlocks.Put(buf)
	plain, err := s.readTable(p, block, (*buf)[:0])
	if err != nil {
		return b, err
	}
	b.parse(plain[entry:])
	s.mu.Lock()
	slot.end, slot.plain = end, append(slot.plain[:0], plain...)
	s.mu.Unlock()
	return b, nil
}

// readTable appends a block of a pack's table to dst.
func (s *spill) readTable(p *knownPack, block int, dst []byte) ([]byte, error) {
	entries := min(spillBlock, p.count-block*spillBlock)
	at := p.at + int64(block)*spillBlockSize
	return s.tables.read(dst, at, entries*blobInfoSize)
}

// table gives all of a pack's table.
func (s *spill) table(p *knownPack) ([]blobInfo, error) {
	plain := binary.BigEndian.AppendUint32(make([]byte, 0, 4+p.count*blobInfoSize), uint32(p.count))
	for block := 0; block*spillBlock < p.count; block++ {
		var err error
		if plain, err = s.readTable(p, block, plain); err != nil {
			return nil, err
		}
	}
	blobs, _, err := parseBlobTable(plain)
	return blobs, err
}

// A runKey says where what has a key may be.
type runKey struct {
	key uint64
	at  place
}

const runKeySize = 16

func compareRunKeys(a, b runKey) int {
	return cmp.Or(cmp.Compare(a.key, b.key), cmp.Compare(a.at.pack, b.at.pack), cmp.Compare(a.at.blob, b.at.blob))
}
