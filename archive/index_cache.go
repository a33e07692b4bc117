package archive

import "sync/atomic"

// An IndexCache bounds what the indexes of all vaults that share it hold in memory. What is more lies in sealed files without
// a name, which the system removes when the process ends, however it ends.
type IndexCache struct {
	dir   string
	blobs int64
	held  atomic.Int64
}

// IndexBlobs is how many blobs the indexes of a process hold in memory if nothing else is said: some 15 MiB, for 64 GiB of
// large objects.
const IndexBlobs = 128 << 10

// leastSpill is the least number of blobs that an index brings to files at once.
const leastSpill = 8 << 10

// sharedIndexCache is for vaults whose options name none.
var sharedIndexCache = NewIndexCache("", 0)

// NewIndexCache gives a cache of about so many blobs in memory, about 100 bytes each; [IndexBlobs] if it is zero. What is
// more, in files in the folder dir, which is the system's for temporary files if it is "", takes about 80 bytes a blob, and
// two more in memory. The folder is made if need be, and should not lie in memory.
func NewIndexCache(dir string, blobs int) *IndexCache {
	if blobs <= 0 {
		blobs = IndexBlobs
	}
	return &IndexCache{dir: dir, blobs: int64(blobs)}
}

// full tells whether an index that holds so many blobs is to bring them to files.
func (c *IndexCache) full(blobs int) bool {
	return c.held.Load() > c.blobs && (blobs >= leastSpill || int64(blobs) > c.blobs)
}

// A share is what one index holds of a cache.
type share struct {
	cache *IndexCache
	blobs atomic.Int64
}

func (s *share) set(blobs int) { s.cache.held.Add(int64(blobs) - s.blobs.Swap(int64(blobs))) }

// release gives the share back when nobody has the index any more.
func (s *share) release() { s.set(0) }
