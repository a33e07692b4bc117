package archive

import (
	"crypto/rand"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"time"
)

// ID names a chunk or a node by its content: a keyed hash that means nothing outside its sealing domain.
type ID [32]byte

// String is the id in hexadecimal digits.
func (id ID) String() string { return hex.EncodeToString(id[:]) }

// objectID names a domain, a pack, an index object or a writer. All but a domain's begin with the time they were made
// at, in milliseconds, 48 bits, and end in 80 random bits.
type objectID [16]byte

func newObjectID(now time.Time) objectID {
	var id objectID
	_, _ = rand.Read(id[6:]) // never fails, says crypto/rand
	var ms [8]byte
	binary.BigEndian.PutUint64(ms[:], uint64(now.UnixMilli()))
	copy(id[:6], ms[2:])
	return id
}

func parseObjectID(s string) (id objectID, err error) {
	if n, err := hex.Decode(id[:], []byte(s)); len(s) != 32 || n != 16 || err != nil || hex.EncodeToString(id[:]) != s {
		return objectID{}, damaged("%q is not the id of an object", s)
	}
	return id, nil
}

// String is the id in hexadecimal digits, as in object names.
func (id objectID) String() string { return hex.EncodeToString(id[:]) }

// created is the time in the id.
func (id objectID) created() time.Time {
	var ms [8]byte
	copy(ms[2:], id[:6])
	return time.UnixMilli(int64(binary.BigEndian.Uint64(ms[:]))).UTC()
}

// The names of the objects of a vault; FORMAT.md lists them.
func domainName(domain objectID) string { return "domains/" + domain.String() }

func pointPrefix(domain objectID) string { return "points/" + domain.String() + "/" }

func pointName(domain objectID, point string) string { return pointPrefix(domain) + point }

func trashPrefix(domain objectID) string { return "trash/" + domain.String() + "/" }

func packPrefix(domain objectID) string { return "packs/" + domain.String() + "/" }

func packName(domain, pack objectID) string { return packPrefix(domain) + pack.String() }

func indexPrefix(domain objectID) string { return "index/" + domain.String() + "/" }

func indexName(domain, index objectID) string { return indexPrefix(domain) + index.String() }

func tombPrefix(domain objectID) string { return "tombs/" + domain.String() + "/" }

func leasePrefix(domain objectID) string { return "leases/" + domain.String() + "/" }

// stamp is a time as object names carry it: sixteen hexadecimal digits of Unix milliseconds.
func stamp(t time.Time) string { return fmt.Sprintf("%016x", t.UnixMilli()) }

func parseStamp(s string) (time.Time, error) {
	raw, err := hex.DecodeString(s)
	if err != nil || len(raw) != 8 {
		return time.Time{}, damaged("%q is not a time", s)
	}
	return time.UnixMilli(int64(binary.BigEndian.Uint64(raw))).UTC(), nil
}

// checkPointID tells whether a caller's id can name a recovery point.
func checkPointID(id string) error {
	if len(id) == 0 || len(id) > 200 || id[0] == '.' {
		return fmt.Errorf("%q cannot name a recovery point: 1 to 200 characters of A-Z a-z 0-9 . _ -", id)
	}
	for _, c := range []byte(id) {
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '.', c == '_', c == '-':
		default:
			return fmt.Errorf("%q cannot name a recovery point: 1 to 200 characters of A-Z a-z 0-9 . _ -", id)
		}
	}
	return nil
}
