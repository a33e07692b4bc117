package archive

import "math/bits"

// A filter tells of keys that were not added, mostly: a Bloom filter of ten bits a key, six of them looked at, all of which lie
// in one line of the processor's cache. About one in a hundred keys that were not added is taken for one that was.
type filter [][8]uint64

func newFilter(keys int) filter { return make(filter, keys*10/512+1) }

// at gives the line of a key, and nine bits for each of six places in it. Keys are even already; the product makes the bits
// that choose the line and those that choose the places different ones.
func (f filter) at(key uint64) (line *[8]uint64, places uint64) {
	high, _ := bits.Mul64(key, uint64(len(f)))
	return &f[high], key * 0x9e3779b97f4a7c15 >> 10
}

func (f filter) add(key uint64) {
	line, places := f.at(key)
	for range 6 {
		line[places>>6&7] |= 1 << (places & 63)
		places >>= 9
	}
}

func (f filter) has(key uint64) bool {
	line, places := f.at(key)
	for range 6 {
		if line[places>>6&7]&(1<<(places&63)) == 0 {
			return false
		}
		places >>= 9
	}
	return true
}
