package catalogue

import (
	"bytes"
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"gocloud.dev/secrets"

	"strongroom/archive"
	"strongroom/internal/state"
)

const (
	prefix     = "catalogue/"
	keyName    = prefix + "data.key"
	magic      = "SRCD\x01\x00\x00\x00"
	headerSize = len(magic) + saltSize
	saltSize   = 16
	keySize    = 32
	maxObject  = 256 << 20
	context1   = "strongroom catalogue 1 "
)

// ErrDamaged says that a document is not what was sealed under its name.
var ErrDamaged = errors.New("damaged")

// keyFile is what lies in a store under catalogue/data.key.
type keyFile struct {
	Format  int    `json:"format"`
	State   string `json:"state"`
	Wrapped []byte `json:"wrapped"`
}

// A region is the catalogue's part in one store, open.
type region struct {
	store archive.Store
	state string // whose catalogue it is
	data  []byte // the data key
	names []byte // the key of names

	// strays are versions, by document, that the database knows nothing of. They are not changed.
	strays map[string][]int64
}

// openRegion opens the part of the catalogue in a store. The error wraps [archive.ErrNotExist] if there is none.
func openRegion(ctx context.Context, store archive.Store, root *secrets.Keeper) (*region, error) {
	text, err := read(ctx, store, keyName)
	if err != nil {
		return nil, err
	}
	var f keyFile
	if err := json.Unmarshal(text, &f); err != nil {
		return nil, fmt.Errorf("%s: %w: %w", keyName, ErrDamaged, err)
	}
	if f.Format != 1 {
		return nil, fmt.Errorf("%s is of the format %d, which this program does not know", keyName, f.Format)
	}
	plain, err := root.Decrypt(ctx, f.Wrapped)
	if err != nil {
		return nil, fmt.Errorf("%w: the root key does not open %s: %w", ErrDamaged, keyName, err)
	}
	data, is := bytes.CutSuffix(plain, keyLabel(f.State))
	if !is || len(data) != keySize {
		return nil, fmt.Errorf("%w: what the root key opens in %s is not the data key of the catalogue of %s", ErrDamaged, keyName, f.State)
	}
	return newRegion(store, f.State, data), nil
}

// keyLabel is wrapped with a data key. The root key wraps other things, some of which somebody else may know: none of them passes for
// the data key of a catalogue, nor that of one state for another's.
func keyLabel(stateID string) []byte { return []byte("strongroom catalogue data key of " + stateID) }

func newRegion(store archive.Store, stateID string, data []byte) *region {
	return &region{store: store, state: stateID, data: data, names: derive(data, nil, context1+"names")}
}

// makeRegion is openRegion for whoever writes: it begins the catalogue of a state where none is.
func makeRegion(ctx context.Context, store archive.Store, root *secrets.Keeper, stateID string) (*region, error) {
	r, err := openRegion(ctx, store, root)
	if !errors.Is(err, archive.ErrNotExist) {
		return r, err
	}
	data := make([]byte, keySize)
	_, _ = rand.Read(data) // never fails, says crypto/rand
	wrapped, err := root.Encrypt(ctx, slices.Concat(data, keyLabel(stateID)))
	if err != nil {
		return nil, err
	}
	text, err := json.MarshalIndent(keyFile{1, stateID, wrapped}, "", "  ")
	if err != nil {
		return nil, err
	}
	if err := store.Create(ctx, keyName, text); errors.Is(err, archive.ErrExist) { // another was faster
		return openRegion(ctx, store, root)
	} else if err != nil {
		return nil, err
	}
	return newRegion(store, stateID, data), nil
}

func derive(key, salt []byte, info string) []byte {
	out, err := hkdf.Key(sha256.New, key, salt, info, 32)
	if err != nil {
		panic("catalogue: HKDF gives 32 bytes: " + err.Error())
	}
	return out
}

// document is a document as it is sealed.
type document struct {
	Section string              `json:"section"`
	Key     string              `json:"key"`
	Region  string              `json:"region"`
	Seq     int64               `json:"seq"`
	Rows    state.CatalogueRows `json:"rows"`
}

// name is the name of a version of a document, below catalogue/.
func (r *region) name(section, key string, seq int64) string {
	return versionName(r.document(section, key), seq)
}

func versionName(document string, seq int64) string { return fmt.Sprintf("%s.%016x", document, seq) }

// document is what the names of all versions of a document begin with.
func (r *region) document(section, key string) string {
	h := hmac.New(sha256.New, r.names)
	h.Write([]byte(section + "\x00" + key)) // a hash takes everything
	return section + "/" + hex.EncodeToString(h.Sum(nil)[:16])
}

// parseName takes a name below catalogue/ apart.
func parseName(name string) (section, document string, seq int64, ok bool) {
	section, rest, found := strings.Cut(name, "/")
	document, version, dotted := strings.Cut(rest, ".")
	seq, err := strconv.ParseInt(version, 16, 64)
	return section, document, seq, found && dotted && err == nil && len(document) == 32 && len(version) == 16
}

func (r *region) aead(name string, salt []byte) cipher.AEAD {
	block, err := aes.NewCipher(derive(r.data, salt, context1+"document\x00"+name))
	if err != nil {
		panic("catalogue: AES takes 32 bytes: " + err.Error())
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		panic("catalogue: GCM takes AES: " + err.Error())
	}
	return aead
}

func (r *region) seal(name string, plain []byte) []byte {
	sealed := make([]byte, headerSize, headerSize+len(plain)+16)
	copy(sealed, magic)
	_, _ = rand.Read(sealed[len(magic):]) // never fails, says crypto/rand
	aead := r.aead(name, sealed[len(magic):])
	return aead.Seal(sealed, make([]byte, aead.NonceSize()), plain, sealed)
}

func (r *region) open(name string, sealed []byte) (plain []byte, err error) {
	if len(sealed) < headerSize || string(sealed[:len(magic)]) != magic {
		return nil, fmt.Errorf("%s: %w: it has no header", name, ErrDamaged)
	}
	aead := r.aead(name, sealed[len(magic):headerSize])
	plain, err = aead.Open(nil, make([]byte, aead.NonceSize()), sealed[headerSize:], sealed[:headerSize])
	if err != nil {
		return nil, fmt.Errorf("%s: %w: its seal does not open", name, ErrDamaged)
	}
	return plain, nil
}

// read reads a whole object.
func read(ctx context.Context, s archive.Store, name string) ([]byte, error) {
	return archive.ReadObject(ctx, s, name, maxObject)
}
