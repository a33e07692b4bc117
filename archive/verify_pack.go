package archive

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
)

// verifyWindow is how many bytes of a pack a verification reads at once, about: blobs are read whole.
const verifyWindow = 512 << 10

// A packVerifier reads packs, one after the other, and all that lies in them. It holds a window of a pack and a blob, not
// a pack, so that what a verification takes does not depend on how long packs are.
type packVerifier struct {
	c     *verification
	pack  *knownPack
	name  string // of the pack it is at
	whole int    // the number of the damage to the pack as a whole, below zero if there is none
	bytes uint64 // read of it
	bad   bool   // something of it is damaged

	window []byte // of sealed blobs
	plain  []byte // what a blob decompresses to
}

func (p *packVerifier) verify(ctx context.Context, pack *knownPack) error {
	p.pack, p.name, p.whole, p.bytes, p.bad = pack, packName(p.c.d.id(), pack.id), -1, 0, false
	t, err := p.c.d.index.table(pack)
	if err != nil {
		return err
	}
	err = p.frame(ctx, t)
	if errors.Is(err, ErrNotExist) { // a collection may have removed it since it was listed
		if err := p.c.d.index.refresh(ctx, p.c.d); err != nil || !p.c.d.index.names(t.id) {
			return err
		}
	}
	switch {
	case errors.Is(err, ErrDamaged), errors.Is(err, ErrVersion), errors.Is(err, ErrNotExist):
		p.whole = p.c.damage(p.name, "pack", err)
		p.bad = true
	case err != nil:
		return err
	}
	s := p.c.d.keys.sealer(packObject, t.id[:])
	for first := 0; first < len(t.blobs); {
		last := first + 1
		for last < len(t.blobs) && t.end(last)-int64(t.blobs[first].offset) <= verifyWindow {
			last++
		}
		if err := p.blobs(ctx, s, t, first, last); err != nil {
			return err
		}
		first = last
	}
	p.c.mu.Lock()
	p.c.report.Packs++
	p.c.report.Blobs += len(t.blobs)
	p.c.mu.Unlock()
	if p.bad {
		p.c.injured(t.id)
	}
	if p.c.opts.Pack == nil {
		return nil
	}
	return p.c.opts.Pack(PackRead{Domain: p.c.d.info.ID, Pack: t.id.String(), Bytes: p.bytes, Damaged: p.bad})
}

// end is where the blob of a number ends in the pack.
func (t *packTable) end(number int) int64 {
	return int64(t.blobs[number].offset) + int64(t.blobs[number].stored)
}

// frame checks what a pack has besides its blobs: the header, and a table that says what the index says.
func (p *packVerifier) frame(ctx context.Context, t *packTable) error {
	header, err := p.read(ctx, 0, packHeaderSize)
	if err != nil {
		return err
	}
	if err := checkHeader(header, appendPackHeader(nil, p.c.d.id(), t.id)); err != nil {
		return err
	}
	tail := int64(packOverhead(len(t.blobs)) - packHeaderSize)
	if t.size < uint64(packHeaderSize+tail) {
		return damaged("the pack's table and the index differ")
	}
	end, err := p.read(ctx, int64(t.size)-tail, tail+1) // one byte more than there should be
	if err != nil {
		return err
	}
	if int64(len(end)) != tail {
		return damaged("the pack is not as long as the index says")
	}
	blobs, err := parsePackEnd(p.c.d.keys, t.id, end, int64(t.size))
	if err == nil && !slices.Equal(blobs, t.blobs) {
		err = damaged("the pack's table and the index differ")
	}
	return err
}

// blobs checks some blobs that lie side by side.
func (p *packVerifier) blobs(ctx context.Context, s *sealer, t *packTable, first, last int) error {
	start := int64(t.blobs[first].offset)
	data, err := p.read(ctx, start, t.end(last-1)-start)
	if err != nil && !errors.Is(err, ErrNotExist) {
		return err
	}
	for i := first; i < last; i++ {
		b := &t.blobs[i]
		if t.end(i)-start > int64(len(data)) {
			if p.whole < 0 {
				p.whole = p.c.damage(p.name, "pack", damaged("the pack ends early"))
			}
			p.bad = true
			p.c.badBlob(b.id, t.id, p.whole)
			continue
		}
		if err := p.blob(s, location{p.pack, b}, data[int64(b.offset)-start:][:b.stored]); err != nil {
			p.bad = true
			p.c.badBlob(b.id, t.id, p.c.damage(p.name, fmt.Sprintf("%s %s", b.kind, b.id), err))
		}
	}
	return nil
}

// blob checks that a seal opens and holds what it is named for.
func (p *packVerifier) blob(s *sealer, at location, sealed []byte) error {
	plain, err := p.c.d.openPayload(s, at, sealed)
	if err != nil {
		return err
	}
	if at.blob.flags&flagCompressed != 0 {
		if plain, err = p.c.d.vault.codec.decompress(p.plain, plain, int(at.blob.size)); err != nil {
			return err
		}
		p.plain = plain
	}
	if p.c.d.keys.id(at.blob.kind, plain) != at.blob.id {
		return damaged("its content is not what its id says")
	}
	return nil
}

// read gives so many bytes of the pack, or fewer where it ends before. They stay until the next call.
func (p *packVerifier) read(ctx context.Context, off, length int64) ([]byte, error) {
	if p.c.opts.Pace != nil {
		if err := p.c.opts.Pace(ctx, int(length)); err != nil {
			return nil, err
		}
	}
	p.window = roomy(p.window, int(length))
	n, err := p.c.store.ReadAt(ctx, p.name, p.window[:length], off)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	p.c.mu.Lock()
	p.c.report.Bytes += uint64(n)
	p.c.mu.Unlock()
	p.bytes += uint64(n)
	if p.c.opts.Progress != nil {
		p.c.opts.Progress(uint64(n))
	}
	return p.window[:n], nil
}
