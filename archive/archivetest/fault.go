package archivetest

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"sync"
	"syscall"

	"strongroom/archive"
)

// A Fault is what befalls one operation of a [Faulty] store, or all from one on.
type Fault int

// The faults. What [archive.Store] promises still holds: an object is there whole or not at all, and what was acknowledged
// stays. A listing that does not show what was stored before it began would break the promise, and so would half an object;
// stores keep these promises by themselves, and [TestStore] and the tests of each store see to it.
const (
	// Refused: the operation does nothing and fails. A listing fails after its first object.
	Refused Fault = iota
	// Unacknowledged: the operation is done and fails nevertheless, as when the answer is lost.
	Unacknowledged
	// Repeated: a client that heard no answer asks again; the caller hears of the second attempt only.
	Repeated
	// Late: the operation fails and is done later, when [Faulty.Arrive] is called.
	Late
	// Full: from this operation on nothing can be stored for want of space, until [Faulty.Mend] is called.
	Full
	// CrashBefore: the process dies before the operation. All that follow fail, until [Faulty.Mend] is called.
	CrashBefore
	// CrashAfter: the process dies when the operation is done.
	CrashAfter
)

// Faults are all of them.
var Faults = []Fault{Refused, Unacknowledged, Repeated, Late, Full, CrashBefore, CrashAfter}

func (f Fault) String() string {
	return [...]string{"refused", "unacknowledged", "repeated", "late", "full", "crash before", "crash after"}[f]
}

// OnReads tells whether the fault makes a difference to operations that only read.
func (f Fault) OnReads() bool { return f == Refused }

// ErrFault is what a [Faulty] store answers when a fault strikes. For [Full] it wraps ENOSPC as well.
var ErrFault = errors.New("the store has failed")

// Faulty is a store whose n-th operation meets a fault.
type Faulty struct {
	archive.Store

	mu      sync.Mutex // guards the rest
	fault   Fault
	left    int // operations until the fault strikes; negative for never
	reads   bool
	asked   int
	struck  string // the operation that was struck
	stopped bool
	full    bool
	late    []func() error
}

// NewFaulty wraps a store that meets no fault until [Faulty.Strike] is called.
func NewFaulty(s archive.Store) *Faulty { return &Faulty{Store: s, left: -1} }

// Strike lets the n-th operation from now, counted from 0, meet the fault. Operations that only read count if reads says so.
func (b *Faulty) Strike(n int, fault Fault, reads bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.fault, b.left, b.reads, b.asked, b.struck = fault, n, reads, 0, ""
}

// Struck names the operation that met the fault, if one did.
func (b *Faulty) Struck() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.struck
}

// Mend ends whatever lasts.
func (b *Faulty) Mend() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.left, b.stopped, b.full = -1, false, false
}

// Arrive does what is late. The errors are those of the store: nobody waits for them any more.
func (b *Faulty) Arrive() error {
	b.mu.Lock()
	late := b.late
	b.late = nil
	b.mu.Unlock()
	var errs error
	for _, do := range late {
		errs = errors.Join(errs, do())
	}
	return errs
}

// strikes counts an operation and tells whether it meets the fault. The error is that of a fault that lasts.
func (b *Faulty) strikes(what string, reads, stores bool) (bool, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case b.stopped:
		return false, ErrFault
	case b.full && stores:
		return false, fmt.Errorf("%w: %w", ErrFault, syscall.ENOSPC)
	case reads && !b.reads:
		return false, nil
	}
	b.asked++
	if b.left < 0 {
		return false, nil
	}
	b.left--
	if b.left >= 0 {
		return false, nil
	}
	b.struck = what
	switch b.fault {
	case Full:
		b.full = true
		if !stores {
			return false, nil
		}
		return false, fmt.Errorf("%w: %w", ErrFault, syscall.ENOSPC)
	case CrashBefore, CrashAfter:
		b.stopped = true
	default: // what follows is up to the operation
	}
	return true, nil
}

// change does an operation that changes the store, or what the fault makes of it. It may outlive its caller.
func (b *Faulty) change(what string, stores bool, do func() error) error {
	struck, err := b.strikes(what, false, stores)
	if err != nil || !struck {
		if err == nil {
			err = do()
		}
		return err
	}
	switch b.fault {
	case Unacknowledged, CrashAfter:
		return errors.Join(ErrFault, do())
	case Repeated:
		_ = do()
		return do()
	case Late:
		b.mu.Lock()
		b.late = append(b.late, do)
		b.mu.Unlock()
	default: // it is not done
	}
	return ErrFault
}

// Create implements [archive.Store].
func (b *Faulty) Create(ctx context.Context, name string, data []byte) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	kept := append([]byte(nil), data...) // the caller's memory is the caller's again when it has its answer
	return b.change("create "+name, true, func() error { return b.Store.Create(context.WithoutCancel(ctx), name, kept) })
}

// Delete implements [archive.Store].
func (b *Faulty) Delete(ctx context.Context, name string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	return b.change("delete "+name, false, func() error { return b.Store.Delete(context.WithoutCancel(ctx), name) })
}

// ReadAt implements [archive.Store].
func (b *Faulty) ReadAt(ctx context.Context, name string, p []byte, off int64) (int, error) {
	struck, err := b.strikes("read "+name, true, false)
	if err == nil && struck {
		err = ErrFault
	}
	if err != nil {
		return 0, err
	}
	return b.Store.ReadAt(ctx, name, p, off)
}

// List implements [archive.Store].
func (b *Faulty) List(ctx context.Context, prefix string) iter.Seq2[archive.ObjectInfo, error] {
	return func(yield func(archive.ObjectInfo, error) bool) {
		struck, err := b.strikes("list "+prefix, true, false)
		if err != nil {
			yield(archive.ObjectInfo{}, err)
			return
		}
		for info, err := range b.Store.List(ctx, prefix) {
			if !yield(info, err) {
				return
			}
			if struck {
				break
			}
		}
		if struck {
			yield(archive.ObjectInfo{}, ErrFault)
		}
	}
}

var _ archive.Store = (*Faulty)(nil)
