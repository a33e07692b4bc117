package s3store

import (
	"context"
	"errors"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"

	"strongroom/archive"
)

// probeName is an object by which a store shows that it knows conditional writes. Its content does not matter.
const probeName = ".strongroom-conditional-write"

// ErrUnconditional says that a store overwrites what was to be created only if it is not there. Two who made a vault's key
// at once would both go on, and what one of them sealed could not be read.
var ErrUnconditional = errors.New("the store does not honour If-None-Match when it stores an object, so two writers could overwrite each other; " +
	"where one process alone writes to it, add sole_writer=true to its URL")

// probe sees to it, before the first object is made, that the store keeps what is there. It tells whether it does not have
// to, because there is only one writer, and does not.
func (s *Store) probe(ctx context.Context) (sole bool, err error) {
	if s.opts.SoleWriter {
		return true, nil
	}
	s.probing.Lock()
	defer s.probing.Unlock()
	if s.conditional {
		return false, nil
	}
	for range 2 { // the first may be the first ever
		_, err = s.put(ctx, probeName, nil, aws.String("*"))
		switch {
		case errors.Is(err, archive.ErrExist):
			s.conditional = true
			return false, nil
		case code(err) == "NotImplemented":
			return false, errors.Join(ErrUnconditional, err)
		case err != nil:
			return false, err
		}
	}
	return false, ErrUnconditional
}

// lock keeps others in this process from making an object of the name meanwhile.
func (s *Store) lock(name string) (unlock func()) {
	for {
		mine := new(sync.Mutex)
		mine.Lock()
		held, taken := s.names.LoadOrStore(name, mine)
		if !taken {
			return func() {
				s.names.Delete(name)
				mine.Unlock()
			}
		}
		if other, ok := held.(*sync.Mutex); ok {
			other.Lock()   // until the other has done
			other.Unlock() //nolint:staticcheck // nothing is guarded: the lock was waited for
		}
	}
}

// free tells whether no object has the name.
func (s *Store) free(ctx context.Context, name string) error {
	_, err := s.ReadObject(ctx, name, 0)
	switch {
	case err == nil, errors.Is(err, archive.ErrDamaged): // longer than nothing
		return archive.ErrExist
	case errors.Is(err, archive.ErrNotExist):
		return nil
	}
	return err
}
