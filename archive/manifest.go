package archive

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"time"
)

const (
	manifestMagic      = "SRRP"
	manifestHeaderSize = 48
	maxManifest        = 16 << 20 // bytes
)

// manifestHeader is what of a manifest is not sealed, only authenticated:
//
//	"SRRP" version(1) zero(3) domain(16) created, Unix milliseconds(8) nonce(16)
type manifestHeader struct {
	version byte
	domain  objectID
	created time.Time
	nonce   [16]byte // makes the manifest's key its own
}

func (h *manifestHeader) append(dst []byte) []byte {
	dst = append(dst, manifestMagic...)
	dst = append(dst, h.version, 0, 0, 0)
	dst = append(dst, h.domain[:]...)
	dst = binary.BigEndian.AppendUint64(dst, uint64(h.created.UnixMilli()))
	return append(dst, h.nonce[:]...)
}

func parseManifestHeader(p []byte) (h manifestHeader, err error) {
	switch {
	case len(p) < manifestHeaderSize || string(p[:4]) != manifestMagic:
		return h, damaged("the manifest has no header")
	case p[4] != formatVersion && p[4] != extentsVersion:
		return h, ErrVersion
	case p[5] != 0 || p[6] != 0 || p[7] != 0:
		return h, damaged("the manifest has no header")
	}
	h.version = p[4]
	copy(h.domain[:], p[8:])
	h.created = time.UnixMilli(int64(binary.BigEndian.Uint64(p[24:]))).UTC()
	copy(h.nonce[:], p[32:])
	return h, nil
}

// A manifest makes a tree a recovery point.
type manifest struct {
	header manifestHeader

	kind      Kind
	blockSize uint64 // of volumes
	volume    uint64 // size of a volume in bytes
	level     byte   // of the root
	root      child  // zero if there are no entries
	newBytes  uint64 // Summary's figures
	stored    uint64
	parent    string
	metadata  []byte
}

func (m *manifest) encodePlain(dst []byte) []byte {
	dst = append(dst, byte(m.kind), m.level)
	dst = append(dst, m.root.id[:]...)
	dst = append(dst, m.root.origin[:]...)
	for _, v := range [...]uint64{m.root.entries, m.root.size, m.blockSize, m.volume, m.newBytes, m.stored} {
		dst = binary.BigEndian.AppendUint64(dst, v)
	}
	dst = appendBytes(dst, []byte(m.parent))
	return appendBytes(dst, m.metadata)
}

func parseManifestPlain(p []byte) (*manifest, error) {
	d := decoder{rest: p}
	m := &manifest{kind: Kind(d.byte()), level: d.byte()}
	m.root.id = d.id()
	copy(m.root.origin[:], d.take(len(m.root.origin)))
	for _, v := range [...]*uint64{&m.root.entries, &m.root.size, &m.blockSize, &m.volume, &m.newBytes, &m.stored} {
		*v = d.uint64()
	}
	m.parent = string(d.bytes(200))
	m.metadata = d.bytes(maxManifest)
	if m.kind != Objects && m.kind != Volume && m.kind != extents || m.level > maxLevel {
		d.fail("the manifest is of an unknown kind")
	}
	if m.kind != Objects && (m.blockSize == 0 || m.blockSize > maxBlob) || m.kind == Objects && m.blockSize|m.volume != 0 {
		d.fail("the manifest's block size is none")
	}
	if m.kind == extents && (m.blockSize%pageSize != 0 || m.volume > 1<<62) {
		d.fail("the manifest's volume has no such pages")
	}
	return m, d.end()
}

// seal encodes the manifest of the recovery point named.
func (m *manifest) seal(k *keys, point string) []byte {
	m.header.version = formatVersion
	if m.kind == extents {
		m.header.version = extentsVersion // who knows version 1 only could not read the tree
	}
	header := m.header.append(nil)
	s := k.sealer(manifestObject, append([]byte(point+"/"), m.header.nonce[:]...))
	return s.seal(header, wholePiece, m.encodePlain(nil), header)
}

func openManifest(k *keys, point string, data []byte) (*manifest, error) {
	header, err := parseManifestHeader(data)
	if err != nil {
		return nil, err
	}
	if header.domain != k.domain {
		return nil, damaged("the manifest belongs to another domain")
	}
	s := k.sealer(manifestObject, append([]byte(point+"/"), header.nonce[:]...))
	plain, err := s.open(nil, wholePiece, data[manifestHeaderSize:], data[:manifestHeaderSize])
	if err != nil {
		return nil, err
	}
	m, err := parseManifestPlain(plain)
	if err != nil {
		return nil, err
	}
	if (m.kind == extents) != (header.version == extentsVersion) {
		return nil, damaged("the manifest's version is not its kind's")
	}
	m.header = header
	return m, nil
}

// readManifest reads the manifest of a committed recovery point.
func (d *Domain) readManifest(ctx context.Context, point string) (*manifest, error) {
	if err := checkPointID(point); err != nil {
		return nil, err
	}
	data, err := readObject(ctx, d.vault.store, pointName(d.id(), point), maxManifest)
	if errors.Is(err, ErrNotExist) {
		return nil, fmt.Errorf("recovery point %s: %w", point, ErrNoPoint)
	} else if err != nil {
		return nil, fmt.Errorf("recovery point %s: %w", point, err)
	}
	m, err := openManifest(d.keys, point, data)
	if err != nil {
		return nil, fmt.Errorf("recovery point %s: %w", point, err)
	}
	return m, nil
}
