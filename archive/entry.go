package archive

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"sort"
)

// An Entry is an object of a recovery point, or a block of a volume.
type Entry struct {
	Key  []byte
	Meta []byte
	Size int64 // bytes of content

	p *Point
	e *entry
}

// Same tells whether two entries of one domain have the same metadata and content, without reading the content.
func (e *Entry) Same(other *Entry) bool { return e.e.same(other.e) }

func (e *entry) same(other *entry) bool {
	return e.size == other.size && e.depth == other.depth && bytes.Equal(e.meta, other.meta) && slices.Equal(e.refs, other.refs)
}

// Open opens the content for reading. It reads ahead while the reading is sequential.
func (e *Entry) Open(ctx context.Context) *Reader {
	e.p.opened.Add(1)
	return &Reader{ctx: ctx, e: e}
}

// A Reader reads the content of an entry, from anywhere. ReadAt may be called at once, the other methods not.
type Reader struct {
	ctx context.Context
	e   *Entry

	refs   []ref   // of the chunks, once they are known
	starts []int64 // where each begins
	off    int64
	told   int      // the number of the first chunk that the store has not been told of
	ahead  []*fetch // chunks that are being read, in order, from the one that off is in
}

// A fetch is a chunk that is being read.
type fetch struct {
	number int
	done   chan struct{}
	data   []byte
	err    error
}

// Size is the length of the content in bytes.
func (r *Reader) Size() int64 { return r.e.Size }

// chunks finds out what chunks the content has.
func (r *Reader) chunks() error {
	if r.refs != nil || r.e.Size == 0 {
		return nil
	}
	refs, err := r.e.p.d.unfold(r.ctx, r.e.e.refs, r.e.e.depth)
	if err != nil {
		return r.wrap(err)
	}
	starts := make([]int64, len(refs))
	var at int64
	for i := range refs {
		starts[i] = at
		at += int64(refs[i].size)
	}
	r.refs, r.starts = refs, starts
	return nil
}

// mostChunks is how many chunks content of a size has at most, by whoever wrote it: those of an object have 256 KiB but for the last,
// so that this is four times as many, and more than the largest object of S3 has. Lists name lists, and some that are as true
// as small would otherwise unfold to more than there is memory.
func mostChunks(size uint64) uint64 { return min(size>>16+1024, 1<<28) }

// unfold gives the chunks that refs of a depth stand for.
func (d *Domain) unfold(ctx context.Context, refs []ref, depth byte) ([]ref, error) {
	most := mostChunks(sumOf(refs))
	for ; depth > 0; depth-- {
		var below []ref
		for _, r := range refs {
			list, err := d.readList(ctx, r, depth)
			if err != nil {
				return nil, err
			}
			if below = append(below, list.refs...); uint64(len(below)) > most {
				return nil, damaged("a list names more chunks than its content can have")
			}
		}
		refs = below
	}
	return refs, nil
}

// readList reads the list that a ref of a depth names.
func (d *Domain) readList(ctx context.Context, r ref, depth byte) (*chunkList, error) {
	plain, err := d.readBlob(ctx, listBlob, r.id, nil)
	if err != nil {
		return nil, err
	}
	list, err := parseChunkList(plain, r.size)
	if err == nil && list.depth != depth-1 {
		err = damaged("it is of another depth")
	}
	if err != nil {
		return nil, fmt.Errorf("chunk list %s: %w", r.id, err)
	}
	return list, nil
}

func (r *Reader) wrap(err error) error {
	return fmt.Errorf("recovery point %s, %q: %w", r.e.p.id, r.e.Key, err)
}

// at gives the number of the chunk that the byte is in.
func (r *Reader) at(off int64) int {
	return sort.Search(len(r.starts), func(i int) bool { return r.starts[i] > off }) - 1
}

func (r *Reader) fetch(number int) ([]byte, error) {
	data, err := r.e.p.d.readShared(r.ctx, chunkBlob, r.refs[number].id)
	if err == nil && uint64(len(data)) != r.refs[number].size {
		err = damaged("chunk %s is of another size", r.refs[number].id)
	}
	if err != nil {
		return nil, r.wrap(err)
	}
	return data, nil
}

// next gives what is left of the chunk that off is in, and sees to it that those after it are on their way.
func (r *Reader) next() ([]byte, error) {
	if r.off >= r.e.Size {
		return nil, io.EOF
	}
	if err := r.chunks(); err != nil {
		return nil, err
	}
	number := r.at(r.off)
	r.expect(number)
	for len(r.ahead) > 0 && r.ahead[0].number != number {
		r.drop()
	}
	opts := r.e.p.d.vault.opts
	var held int64
	for i := number; i < len(r.refs) && i < number+opts.Workers+1; i++ {
		held += int64(r.refs[i].size)
		if i > number && held > int64(opts.ReadAhead) {
			break
		}
		if i-number < len(r.ahead) {
			continue
		}
		f := &fetch{number: i, done: make(chan struct{})}
		r.ahead = append(r.ahead, f)
		if i == number && i+1 == len(r.refs) { // the only one: no need of a goroutine
			f.data, f.err = r.fetch(i)
			close(f.done)
			break
		}
		go func() {
			defer close(f.done)
			f.data, f.err = r.fetch(f.number)
		}()
	}
	f := r.ahead[0]
	<-f.done
	if f.err != nil {
		return nil, f.err
	}
	return f.data[r.off-r.starts[number]:], nil
}

// expect tells the store of the chunks that follow one, before it is too late: while half of those it was told of before are
// still to be read. Of what is not long it may have been told by who found the entry.
func (r *Reader) expect(number int) {
	if r.told = max(r.told, number); r.e.Size <= maxPiece || r.told == len(r.refs) || r.starts[r.told] > r.off+maxPiece/2 {
		return
	}
	end := r.told
	for end < len(r.refs) && r.starts[end] < r.off+maxPiece {
		end++
	}
	next := r.refs[r.told:end]
	r.told = end
	r.e.p.d.expect(r.ctx, refIDs(next))
}

// Read implements io.Reader.
func (r *Reader) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	data, err := r.next()
	n := copy(p, data)
	r.off += int64(n)
	return n, err
}

// WriteTo implements io.WriterTo.
func (r *Reader) WriteTo(w io.Writer) (total int64, err error) {
	for {
		data, err := r.next()
		if errors.Is(err, io.EOF) {
			return total, r.Close()
		} else if err != nil {
			return total, err
		}
		n, err := w.Write(data)
		total, r.off = total+int64(n), r.off+int64(n)
		if err != nil {
			return total, err
		}
	}
}

// Seek implements io.Seeker.
func (r *Reader) Seek(offset int64, whence int) (int64, error) {
	switch whence {
	case io.SeekStart:
	case io.SeekCurrent:
		offset += r.off
	case io.SeekEnd:
		offset += r.e.Size
	default:
		return 0, fmt.Errorf("whence %d is none", whence)
	}
	if offset < 0 {
		return 0, errors.New("seeking to before the beginning")
	}
	r.off = offset
	return offset, nil
}

// Close waits for what is being read ahead. It does not fail.
func (r *Reader) Close() error {
	r.release()
	return nil
}

// release gives away all that was read ahead.
func (r *Reader) release() {
	for len(r.ahead) > 0 {
		r.drop()
	}
}

// drop gives the memory of the first chunk read ahead away.
func (r *Reader) drop() {
	f := r.ahead[0]
	<-f.done
	r.e.p.d.vault.releaseBlob(f.data)
	r.ahead = r.ahead[1:]
}

// ReadAt implements io.ReaderAt.
func (r *Reader) ReadAt(p []byte, off int64) (n int, err error) {
	if off < 0 {
		return 0, errors.New("reading at a negative offset")
	}
	apart := &Reader{ctx: r.ctx, e: r.e, off: off} // shares nothing, so that calls do not meet
	defer apart.release()
	for n < len(p) {
		if apart.off >= r.e.Size {
			return n, io.EOF
		}
		if err := apart.chunks(); err != nil {
			return n, err
		}
		number := apart.at(apart.off)
		data, err := apart.fetch(number)
		if err != nil {
			return n, err
		}
		got := copy(p[n:], data[apart.off-apart.starts[number]:])
		apart.e.p.d.vault.releaseBlob(data)
		n, apart.off = n+got, apart.off+int64(got)
	}
	return n, nil
}

var (
	_ io.ReadSeekCloser = (*Reader)(nil)
	_ io.ReaderAt       = (*Reader)(nil)
	_ io.WriterTo       = (*Reader)(nil)
)
