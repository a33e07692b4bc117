package lambda

import (
	"archive/zip"
	"errors"
	"io"
	"os"
	"path"
)

const (
	// maxDirectory is how much of a package is read to learn what is in it. The list becomes some six times as large in memory, and a
	// package of 50 MiB could be nothing but a list.
	maxDirectory = 16 << 20
	maxName      = 4096
)

var errLongList = errors.New("its list of entries is too long")

// openZip reads a package's list of entries, if that is not too long.
func openZip(f *os.File) (*zip.Reader, error) {
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	limited := &limitedReader{f, maxDirectory}
	r, err := zip.NewReader(limited, info.Size())
	if err == nil && limited.left < 0 {
		err = errLongList // which is no reason for package zip to say so
	}
	limited.left = 1 << 62 // what the entries unpack to is limited by itself
	return r, err
}

// limitedReader reads no more than what is left.
type limitedReader struct {
	io.ReaderAt
	left int64
}

// ReadAt reads, or says that there is nothing left.
func (r *limitedReader) ReadAt(b []byte, at int64) (int, error) {
	if r.left -= int64(len(b)); r.left < 0 {
		return 0, errLongList
	}
	return r.ReaderAt.ReadAt(b, at)
}

// directories counts those that a package's names have between them: each is made, whether it is an entry or not. It counts no
// further than to one too many.
func directories(archive *zip.Reader) int {
	made := map[string]bool{}
	for _, f := range archive.File {
		if len(f.Name) > maxName {
			continue // is refused
		}
		for dir := path.Dir(f.Name); dir != "." && dir != "/" && !made[dir] && len(made) <= maxEntries; dir = path.Dir(dir) {
			made[dir] = true
		}
	}
	return len(made)
}
