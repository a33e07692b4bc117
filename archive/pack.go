package archive

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
)

// A pack is
//
//	header   "SRPK" version(1) zero(3) domain(16) pack(16)
//	blobs    each sealed under the pack's key, side by side
//	footer   the sealed table of the blobs
//	trailer  length of the footer(4) "KPRS"
const (
	packMagic       = "SRPK"
	packEndMagic    = "KPRS"
	formatVersion   = 1
	extentsVersion  = 2 // of manifests of volumes kept as extents
	packHeaderSize  = 40
	packTrailerSize = 8
)

func appendPackHeader(dst []byte, domain, pack objectID) []byte {
	dst = append(dst, packMagic...)
	dst = append(dst, formatVersion, 0, 0, 0)
	dst = append(dst, domain[:]...)
	return append(dst, pack[:]...)
}

// checkHeader compares the header of a pack or index object with the wanted one.
func checkHeader(got, want []byte) error {
	switch {
	case len(got) < len(want) || string(got[:4]) != string(want[:4]):
		return damaged("the header is not one")
	case got[4] != formatVersion:
		return ErrVersion
	case string(got[:len(want)]) != string(want):
		return damaged("the header names another object")
	}
	return nil
}

// appendPackFooter ends a pack whose blobs are in dst.
func appendPackFooter(dst []byte, s *sealer, blobs []blobInfo) []byte {
	before := len(dst)
	dst = s.seal(dst, wholePiece, appendBlobTable(nil, blobs), nil)
	dst = binary.BigEndian.AppendUint32(dst, uint32(len(dst)-before))
	return append(dst, packEndMagic...)
}

// packOverhead is what a pack has besides its blobs' seals, in bytes.
func packOverhead(blobs int) int {
	return packHeaderSize + 4 + blobs*blobInfoSize + tagSize + packTrailerSize
}

// parsePackEnd gives the table of a pack of a known size, of which the last bytes are given.
func parsePackEnd(k *keys, pack objectID, end []byte, size int64) ([]blobInfo, error) {
	if len(end) < packTrailerSize || string(end[len(end)-4:]) != packEndMagic {
		return nil, damaged("the pack has no end")
	}
	footer := int64(binary.BigEndian.Uint32(end[len(end)-packTrailerSize:]))
	if footer+packTrailerSize > int64(len(end)) {
		return nil, &shortTailError{footer + packTrailerSize}
	}
	sealed := end[int64(len(end))-packTrailerSize-footer : len(end)-packTrailerSize]
	table, err := k.sealer(packObject, pack[:]).open(nil, wholePiece, sealed, nil)
	if err != nil {
		return nil, err
	}
	blobs, rest, err := parseBlobTable(table)
	if err != nil {
		return nil, err
	}
	want := int64(packOverhead(len(blobs)))
	for i := range blobs {
		want += int64(blobs[i].stored)
	}
	if len(rest) != 0 || want != size {
		return nil, damaged("the pack's table does not fit the pack")
	}
	return blobs, nil
}

// shortTailError says that a pack's footer is longer than the bytes that were read.
type shortTailError struct{ need int64 }

func (e *shortTailError) Error() string { return "damaged: the pack's footer is longer than the pack" }

func (e *shortTailError) Is(target error) bool { return target == ErrDamaged }

// readPackTable reads the table of a stored pack of a known size.
func readPackTable(ctx context.Context, s Store, k *keys, pack objectID, size int64) ([]blobInfo, error) {
	tail := min(size, 64<<10)
	for {
		end := make([]byte, tail)
		if _, err := s.ReadAt(ctx, packName(k.domain, pack), end, size-tail); errors.Is(err, io.EOF) {
			return nil, damaged("the pack ends early")
		} else if err != nil {
			return nil, err
		}
		blobs, err := parsePackEnd(k, pack, end, size)
		if short, ok := errors.AsType[*shortTailError](err); ok && short.need <= size {
			tail = short.need
			continue
		}
		return blobs, err
	}
}
