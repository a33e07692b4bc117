package archive

import (
	"encoding/binary"
	"math/bits"
)

// New content of a volume is cut into pieces after pages whose keyed hash says so: file systems lay their files at
// multiples of a page, so that content which lies at two places gets the same pieces at both. A piece begins anew after
// every hole. The sizes are a bargain: what lies twice is found but for a part of a piece at each end, and each piece costs
// some 110 bytes in the tree and the index, and a little of how well it compresses.
const (
	minCut   = 128 << 10
	maxCut   = 1 << 20
	smallCut = 32 << 10 // pieces below this share chunks
	fullPack = 256 << 10
	cutBits  = 5 // one page in 2^cutBits ends a piece
)

// pageHash decides where pieces end. It takes a word of each of the page's 64 lines of cache: two pages that differ
// elsewhere only have one hash, which does no harm.
func pageHash(key [2]uint64, page []byte) uint64 {
	h, m := key[0], key[1]|1
	page = page[:pageSize]
	for i := 0; i < pageSize; i += 64 {
		h = (bits.RotateLeft64(h, 29) ^ binary.LittleEndian.Uint64(page[i+i/64%8*8:])) * m
	}
	return h ^ h>>32
}

// endsPiece tells whether a piece of a size that ends with the page is to end there.
func endsPiece(key [2]uint64, size int, page []byte) bool {
	return size >= maxCut || size >= minCut && pageHash(key, page)&(1<<cutBits-1) == 0
}
