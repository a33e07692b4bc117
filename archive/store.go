package archive

import (
	"context"
	"errors"
	"io"
	"iter"
	"strings"
)

// Errors of a [Store].
var (
	// ErrNotExist says that no object has the name.
	ErrNotExist = errors.New("object does not exist")
	// ErrExist says that an object that was to be created is there already.
	ErrExist = errors.New("object exists already")
)

// A Store keeps named objects. Names are slash-separated, of the characters A-Z a-z 0-9 . _ - and no element is empty,
// "." or "..". All methods may be called at once.
//
// What the archive relies on: an object is there whole or not at all, also after a crash; what Create or Put acknowledged
// stays; what was stored before List began and is not deleted meanwhile is listed.
type Store interface {
	// Create stores a new object. If the name is taken it changes nothing and returns an error wrapping [ErrExist].
	Create(ctx context.Context, name string, data []byte) error
	// ReadAt fills p from the object's byte off onwards. Fewer bytes come with io.EOF, no object with [ErrNotExist].
	ReadAt(ctx context.Context, name string, p []byte, off int64) (int, error)
	// List yields the objects whose names begin with prefix, in any order.
	List(ctx context.Context, prefix string) iter.Seq2[ObjectInfo, error]
	// Delete removes the object. That there is none is not an error.
	Delete(ctx context.Context, name string) error
}

// ObjectInfo is what a listing tells about an object.
type ObjectInfo struct {
	Name string
	Size int64 // bytes
}

// A Remote store answers many requests at once, and each after a while. The archive then asks for much at a time, ahead of
// need and side by side; a store that is not Remote is asked for one thing after the other.
type Remote interface {
	Store
	// Parallel is how many requests may be under way at once.
	Parallel() int
	// ReadObject reads a whole object. One that is longer than limit bytes is an error wrapping [ErrDamaged].
	ReadObject(ctx context.Context, name string, limit int) ([]byte, error)
	// DeleteAll removes objects, in any order. That some are not there is not an error.
	DeleteAll(ctx context.Context, names []string) error
}

// Sub is the part of a store below a prefix, which names a folder and has no trailing slash.
func Sub(s Store, prefix string) Store {
	if prefix == "" {
		return s
	}
	part := sub{s, strings.TrimSuffix(prefix, "/") + "/"}
	if remote, ok := s.(Remote); ok {
		return remoteSub{part, remote}
	}
	return part
}

type sub struct {
	store  Store
	prefix string
}

func (s sub) Create(ctx context.Context, name string, data []byte) error {
	return s.store.Create(ctx, s.prefix+name, data)
}

func (s sub) ReadAt(ctx context.Context, name string, p []byte, off int64) (int, error) {
	return s.store.ReadAt(ctx, s.prefix+name, p, off)
}

func (s sub) List(ctx context.Context, prefix string) iter.Seq2[ObjectInfo, error] {
	return func(yield func(ObjectInfo, error) bool) {
		for info, err := range s.store.List(ctx, s.prefix+prefix) {
			info.Name = strings.TrimPrefix(info.Name, s.prefix)
			if !yield(info, err) {
				return
			}
		}
	}
}

func (s sub) Delete(ctx context.Context, name string) error {
	return s.store.Delete(ctx, s.prefix+name)
}

// A remoteSub is a part of a Remote store.
type remoteSub struct {
	sub
	remote Remote
}

func (s remoteSub) Parallel() int { return s.remote.Parallel() }

func (s remoteSub) ReadObject(ctx context.Context, name string, limit int) ([]byte, error) {
	return s.remote.ReadObject(ctx, s.prefix+name, limit)
}

func (s remoteSub) DeleteAll(ctx context.Context, names []string) error {
	full := make([]string, len(names))
	for i, name := range names {
		full[i] = s.prefix + name
	}
	return s.remote.DeleteAll(ctx, full)
}

func (s remoteSub) expect(ctx context.Context, spans []objectSpan, between bool) {
	store, ok := s.remote.(expecter)
	if !ok {
		return
	}
	full := make([]objectSpan, len(spans))
	for i, span := range spans {
		full[i] = objectSpan{s.prefix + span.name, span.off, span.end}
	}
	store.expect(ctx, full, between)
}

func (s remoteSub) reread() Store { return Sub(reread(s.remote), s.prefix) }

// parallel is how many requests the store takes at once.
func parallel(s Store) int {
	if remote, ok := s.(Remote); ok {
		return max(remote.Parallel(), 1)
	}
	return 1
}

// deleteAll removes objects, in any order.
func deleteAll(ctx context.Context, s Store, names []string) error {
	if remote, ok := s.(Remote); ok {
		return remote.DeleteAll(ctx, names)
	}
	for _, name := range names {
		if err := s.Delete(ctx, name); err != nil {
			return err
		}
	}
	return nil
}

// readObject reads a whole object that is not larger than limit bytes.
func readObject(ctx context.Context, s Store, name string, limit int) ([]byte, error) {
	if remote, ok := s.(Remote); ok {
		return remote.ReadObject(ctx, name, limit)
	}
	buf := make([]byte, 64<<10)
	var got int
	for {
		n, err := s.ReadAt(ctx, name, buf[got:], int64(got))
		got += n
		switch {
		case errors.Is(err, io.EOF):
			return buf[:got], nil
		case err != nil:
			return nil, err
		case got > limit:
			return nil, damaged("%s is larger than %d bytes", name, limit)
		}
		buf = append(buf, make([]byte, 3*len(buf))...)
	}
}

// exists tells whether an object has the name.
func exists(ctx context.Context, s Store, name string) (bool, error) {
	var p [1]byte
	_, err := s.ReadAt(ctx, name, p[:], 0)
	switch {
	case err == nil, errors.Is(err, io.EOF):
		return true, nil
	case errors.Is(err, ErrNotExist):
		return false, nil
	}
	return false, err
}
