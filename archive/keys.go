package archive

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"

	"github.com/zeebo/blake3"
)

// tagSize is what a seal adds to what it seals.
const tagSize = 16

// keys are the secrets of a domain, all derived from its data key. Nothing is sealed under the data key itself.
type keys struct {
	vault  string
	domain objectID
	data   []byte // the data key

	extracted []byte // what HKDF makes of it, to expand

	ids     hasherPool // keyed for chunk and node ids
	origins hasherPool // keyed for origins
	gear    *[256]uint64
	page    [2]uint64 // decides where pieces of volumes end

	secrets [][]byte // derived ones that are kept
	closed  atomic.Bool

	mu    sync.Mutex // guards packs
	packs map[objectID]*sealer
}

// packSealers is how many packs' keys are kept.
const packSealers = 64

func newKeys(vault string, domain objectID, dataKey []byte) *keys {
	k := &keys{vault: vault, domain: domain, data: dataKey, extracted: hkdfExtract(dataKey, domain[:])}
	idKey, originKey := k.derive("id", nil, 32), k.derive("origin", nil, 32)
	k.ids.key, k.origins.key = idKey, originKey
	k.secrets = [][]byte{idKey, originKey, k.extracted}
	k.gear = new([256]uint64)
	table := k.derive("gear", nil, 8*256)
	for i := range k.gear {
		k.gear[i] = binary.BigEndian.Uint64(table[8*i:])
	}
	clear(table)
	page := k.derive("page", nil, 16)
	k.page = [2]uint64{binary.BigEndian.Uint64(page), binary.BigEndian.Uint64(page[8:])}
	clear(page)
	return k
}

func newHasher(key []byte) *blake3.Hasher {
	h, err := blake3.NewKeyed(key)
	if err != nil {
		panic("archive: a BLAKE3 key has 32 bytes: " + err.Error())
	}
	return h
}

// derive gives n bytes for a purpose and the name of what they are for. Of a domain that was closed it gives bytes that nobody knows.
func (k *keys) derive(purpose string, name []byte, n int) []byte {
	if k.closed.Load() {
		out := make([]byte, n)
		_, _ = rand.Read(out) // never fails, says crypto/rand
		return out
	}
	return hkdfExpand(k.extracted, "strongroom archive 1 "+purpose+"\x00"+string(name), n)
}

// id is the name of a chunk or node with this plaintext.
func (k *keys) id(kind blobKind, plaintext []byte) (id ID) {
	h := k.ids.get()
	_, _ = h.Write([]byte{byte(kind)}) // a hash takes everything
	_, _ = h.Write(plaintext)
	h.Sum(id[:0])
	k.ids.put(h)
	return id
}

// idOfRead is the id of a blob whose plaintext is n bytes at an offset, which pass through buf.
func (k *keys) idOfRead(kind blobKind, from io.ReaderAt, off int64, n int, buf []byte) (id ID, err error) {
	h := k.ids.get()
	defer k.ids.put(h)
	_, _ = h.Write([]byte{byte(kind)})
	for n > 0 {
		part := buf[:min(n, len(buf))]
		if err := readFull(from, part, off); err != nil {
			return ID{}, err
		}
		_, _ = h.Write(part)
		n, off = n-len(part), off+int64(len(part))
	}
	h.Sum(id[:0])
	return id, nil
}

// readFull fills p with what lies at an offset.
func readFull(from io.ReaderAt, p []byte, off int64) error {
	switch n, err := from.ReadAt(p, off); {
	case n == len(p) && (err == nil || errors.Is(err, io.EOF)):
		return nil
	case err == nil || errors.Is(err, io.EOF):
		return io.ErrUnexpectedEOF
	default:
		return err
	}
}

// origin is what this domain knows a chunk or node of another domain by, once it was copied from there.
func (k *keys) origin(from objectID, id ID) (o origin) {
	h := k.origins.get()
	_, _ = h.Write(from[:])
	_, _ = h.Write(id[:])
	var sum [32]byte
	h.Sum(sum[:0])
	copy(o[:], sum[:])
	k.origins.put(h)
	return o
}

// origin is a keyed hash of the name that something copied has in the domain it came from; zero for what is native.
type origin [16]byte

// A sealer seals and opens the pieces of one object. Its key belongs to that object alone, so that a number that counts
// the pieces will do as nonce.
type sealer struct {
	keys   *keys
	aead   cipher.AEAD
	prefix []byte // of the associated data: what and where the object is
}

// watchAEAD is set by tests that look at every seal.
var watchAEAD func(key []byte, aead cipher.AEAD) cipher.AEAD

// sealer derives the key of one object. Objects of one kind must have different names.
func (k *keys) sealer(kind objectKind, name []byte) *sealer {
	key := k.derive("seal "+string(kind), name, 32)
	block, err := aes.NewCipher(key)
	if err != nil {
		panic("archive: AES takes 32 bytes: " + err.Error())
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		panic("archive: GCM takes AES: " + err.Error())
	}
	wipeValue(block) // GCM has a copy
	if watchAEAD != nil {
		aead = watchAEAD(key, aead)
	}
	clear(key)
	prefix := appendString(nil, "strongroom archive 1")
	prefix = appendString(prefix, k.vault)
	prefix = append(prefix, k.domain[:]...)
	prefix = appendString(prefix, string(kind))
	prefix = appendString(prefix, string(name))
	return &sealer{k, aead, prefix}
}

// packSealer is the sealer of a pack, derived or from memory.
func (k *keys) packSealer(pack objectID) *sealer {
	k.mu.Lock()
	s := k.packs[pack]
	k.mu.Unlock()
	if s != nil {
		return s
	}
	s = k.sealer(packObject, pack[:])
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.packs == nil || len(k.packs) >= packSealers {
		k.packs = map[objectID]*sealer{} // those that are left may be in use: the garbage collector has them
	}
	k.packs[pack] = s
	return s
}

// objectKind tells what kind of object is sealed.
type objectKind string

const (
	packObject     objectKind = "pack"
	indexObject    objectKind = "index"
	manifestObject objectKind = "manifest"
)

// wholePiece is the number of the piece that tells of all others: a pack's footer, or all of an index object or manifest.
const wholePiece = 1<<64 - 1

func (s *sealer) nonce(piece uint64) (nonce [12]byte) {
	binary.BigEndian.PutUint64(nonce[4:], piece)
	return nonce
}

// seal appends the sealed piece to dst, bound to its number and to what is said about it.
func (s *sealer) seal(dst []byte, piece uint64, plaintext, about []byte) []byte {
	s.keys.check()
	nonce := s.nonce(piece)
	return s.aead.Seal(dst, nonce[:], plaintext, s.about(about))
}

// open appends the opened piece to dst.
func (s *sealer) open(dst []byte, piece uint64, sealed, about []byte) ([]byte, error) {
	if s.keys.closed.Load() {
		return nil, ErrDomainClosed
	}
	nonce := s.nonce(piece)
	out, err := s.aead.Open(dst, nonce[:], sealed, s.about(about))
	if err != nil {
		return nil, fmt.Errorf("%w: a seal does not open", ErrDamaged)
	}
	return out, nil
}

func (s *sealer) about(about []byte) []byte {
	return append(s.prefix[:len(s.prefix):len(s.prefix)], about...)
}

// appendString appends a string with its length before it, four bytes.
func appendString(b []byte, s string) []byte {
	return append(binary.BigEndian.AppendUint32(b, uint32(len(s))), s...)
}
