package archive

import (
	"context"
	"encoding/binary"
	"log/slog"
	"slices"
	"sort"
)

// runBlock is how many keys of a run are sealed together.
const runBlock = 256

// A run is a sorted list of keys in a file.
type run struct {
	file   *sealedFile
	count  int
	first  []uint64 // keys of each block
	filter filter
}

func (r *run) close() { r.file.close() }

// writeRun sorts keys and writes a run of them.
func writeRun(dir string, keys []runKey) (*run, error) {
	slices.SortFunc(keys, compareRunKeys)
	w, err := newRunWriter(dir, len(keys))
	if err != nil {
		return nil, err
	}
	for _, k := range keys {
		if err := w.add(k); err != nil {
			w.run.close()
			return nil, err
		}
	}
	return w.end()
}

// A runWriter writes a run of keys that come sorted.
type runWriter struct {
	run   *run
	block []byte
}

// newRunWriter begins a run of up to so many keys.
func newRunWriter(dir string, count int) (*runWriter, error) {
	file, err := newSealedFile(dir)
	if err != nil {
		return nil, err
	}
	return &runWriter{run: &run{file: file, filter: newFilter(count)}}, nil
}

func (w *runWriter) add(k runKey) error {
	if len(w.block) == 0 {
		w.run.first = append(w.run.first, k.key)
	}
	w.run.count++
	w.run.filter.add(k.key)
	w.block = binary.BigEndian.AppendUint64(w.block, k.key)
	w.block = binary.BigEndian.AppendUint32(w.block, k.at.pack)
	w.block = binary.BigEndian.AppendUint32(w.block, k.at.blob)
	if len(w.block) < runBlock*runKeySize {
		return nil
	}
	return w.flush()
}

func (w *runWriter) flush() error {
	err := w.run.file.append(w.block)
	w.block = w.block[:0]
	return err
}

func (w *runWriter) end() (*run, error) {
	err := w.flush()
	if err == nil {
		err = w.run.file.flush()
	}
	if err != nil {
		w.run.close()
		return nil, err
	}
	return w.run, nil
}

// block appends a block of keys to dst.
func (r *run) block(number int, dst []byte) ([]byte, error) {
	keys := min(runBlock, r.count-number*runBlock)
	return r.file.read(dst, int64(number)*(runBlock*runKeySize+tagSize), keys*runKeySize)
}

func parseRunKey(p []byte) runKey {
	return runKey{
		binary.BigEndian.Uint64(p), place{binary.BigEndian.Uint32(p[8:]), binary.BigEndian.Uint32(p[12:])},
	}
}

// find visits the places that the run has for a key.
func (r *run) find(key uint64, visit func(place) error) error {
	if !r.filter.has(key) {
		return nil
	}
	// The key may begin in the block before the first that begins with it.
	number := max(sort.Search(len(r.first), func(i int) bool { return r.first[i] >= key })-1, 0)
	buf := spillBlocks.Get().(*[]byte)
	defer spillBlocks.Put(buf)
	for ; number < len(r.first) && r.first[number] <= key; number++ {
		plain, err := r.block(number, (*buf)[:0])
		if err != nil {
			return err
		}
		n := len(plain) / runKeySize
		from := sort.Search(n, func(i int) bool { return binary.BigEndian.Uint64(plain[i*runKeySize:]) >= key })
		for i := from; i < n; i++ {
			k := parseRunKey(plain[i*runKeySize:])
			if k.key != key {
				return nil
			}
			if err := visit(k.at); err != nil {
				return err
			}
		}
	}
	return nil
}

// A runReader reads a run from its beginning.
type runReader struct {
	run   *run
	next  int // block
	plain []byte
	rest  []byte
}

func (r *runReader) peek() (k runKey, ok bool, err error) {
	if len(r.rest) == 0 {
		if r.next == len(r.run.first) {
			return runKey{}, false, nil
		}
		if r.plain, err = r.run.block(r.next, r.plain[:0]); err != nil {
			return runKey{}, false, err
		}
		r.next++
		r.rest = r.plain
	}
	return parseRunKey(r.rest), true, nil
}

func (r *runReader) advance() { r.rest = r.rest[runKeySize:] }

// mergeRuns merges the last runs until each is much smaller than the one before. What is in packs that are nil in order,
// where packs are by number, is left out. If it fails the runs are as they were.
func mergeRuns(dir string, runs *[]*run, order []*knownPack) error {
	for n := len(*runs); n > 1 && 2*(*runs)[n-1].count > (*runs)[n-2].count; n = len(*runs) {
		a, b := (*runs)[n-2], (*runs)[n-1]
		merged, err := mergeTwo(dir, a, b, order)
		if err != nil {
			return err
		}
		*runs = append((*runs)[:n-2], merged)
		a.close()
		b.close()
	}
	return nil
}

func mergeTwo(dir string, a, b *run, order []*knownPack) (*run, error) {
	w, err := newRunWriter(dir, a.count+b.count)
	if err != nil {
		return nil, err
	}
	if err := w.merge(&runReader{run: a}, &runReader{run: b}, order); err != nil {
		w.run.close()
		return nil, err
	}
	return w.end()
}

func (w *runWriter) merge(a, b *runReader, order []*knownPack) error {
	for {
		k, any, err := a.peek()
		if err != nil {
			return err
		}
		other, too, err := b.peek()
		if err != nil {
			return err
		}
		from := a
		switch {
		case !any && !too:
			return nil
		case !any, too && compareRunKeys(other, k) < 0:
			k, from = other, b
		}
		from.advance()
		if order[k.at.pack] == nil {
			continue
		}
		if err := w.add(k); err != nil {
			return err
		}
	}
}

// logUnmerged logs why runs could not be merged, which costs time and no more.
func logUnmerged(err error) {
	if err != nil {
		slog.WarnContext(context.Background(), "merging runs of an archive's index", slog.Any("error", err))
	}
}
