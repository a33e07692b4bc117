package ebs

import (
	"fmt"
	"sync"
)

const (
	// SectorSize is the unit of encryption in bytes.
	SectorSize = 4096
	// BlockSize is the unit of change tracking and of snapshots in bytes: what the EBS direct APIs call a block.
	BlockSize = 512 << 10
	// KeySize is the length of a volume's key: AES-256 in XTS mode takes two keys.
	KeySize = 64
)

// sectors seals the sectors of one volume with AES-256-XTS; the tweak is the sector's number. A sector of zero bytes is
// a hole: it was never written or has been trimmed, and reads as zeros. A nil *sectors leaves everything as it is.
type sectors struct{ cipher *xtsCipher }

// tweakBuffers hold the tweaks of the sector that is being sealed or opened.
var tweakBuffers = sync.Pool{New: func() any { return new(tweaks) }}

func newSectors(key []byte) (*sectors, error) {
	if len(key) != KeySize {
		return nil, fmt.Errorf("a volume key has %d bytes, not %d", len(key), KeySize)
	}
	c, err := newXTS(key)
	if err != nil {
		return nil, fmt.Errorf("making a volume cipher: %w", err)
	}
	return &sectors{cipher: c}, nil
}

// seal encrypts src, whole sectors from sector first on, into dst, which may be src.
func (s *sectors) seal(dst, src []byte, first int64) {
	if s == nil {
		copy(dst, src)
		return
	}
	t := tweakBuffers.Get().(*tweaks)
	defer tweakBuffers.Put(t)
	for i := 0; i < len(src); i += SectorSize {
		s.cipher.encrypt(dst[i:i+SectorSize], src[i:i+SectorSize], uint64(first)+uint64(i/SectorSize), t)
	}
}

// open decrypts data, whole sectors from sector first on, in place. Holes stay zero.
func (s *sectors) open(data []byte, first int64) {
	if s == nil {
		return
	}
	t := tweakBuffers.Get().(*tweaks)
	defer tweakBuffers.Put(t)
	for i := 0; i < len(data); i += SectorSize {
		if sector := data[i : i+SectorSize]; !isZero(sector) {
			s.cipher.decrypt(sector, uint64(first)+uint64(i/SectorSize), t)
		}
	}
}
