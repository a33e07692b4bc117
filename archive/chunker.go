package archive

// Content-defined chunking: a chunk ends where a rolling hash of the last 64 bytes has enough leading zeros, so that
// an insertion moves few boundaries. Below the wanted size more zeros are asked for, above it fewer, which keeps sizes
// near it. The table of the hash is a secret of the domain, so that sizes tell nothing of content that others know.
const (
	minChunk  = 256 << 10
	avgChunk  = 1 << 20
	maxChunk  = 4 << 20
	wholeSize = 512 << 10 // content up to this size is one chunk

	strictMask = 1<<64 - 1<<(64-21)
	easyMask   = 1<<64 - 1<<(64-18)
)

// cut gives the length of the first chunk of data, of which more follows only if len(data) >= maxChunk.
func cut(gear *[256]uint64, data []byte) int {
	data = data[:min(len(data), maxChunk)]
	if len(data) <= minChunk {
		return len(data)
	}
	var h uint64
	i := minChunk
	for ; i < min(avgChunk, len(data)); i++ {
		h = h<<1 + gear[data[i]]
		if h&strictMask == 0 {
			return i + 1
		}
	}
	for ; i < len(data); i++ {
		h = h<<1 + gear[data[i]]
		if h&easyMask == 0 {
			return i + 1
		}
	}
	return len(data)
}
