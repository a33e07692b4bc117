package archive

import (
	"errors"
	"fmt"
)

// Errors that callers choose by.
var (
	// ErrNoDomain says that the vault has no sealing domain of this key.
	ErrNoDomain = errors.New("no such sealing domain")
	// ErrNoPoint says that the vault has no recovery point of this id in this domain.
	ErrNoPoint = errors.New("no such recovery point")
	// ErrPointExists says that a recovery point of this id is committed already.
	ErrPointExists = errors.New("recovery point exists already")
	// ErrNoEntry says that the recovery point has no entry of this key.
	ErrNoEntry = errors.New("no such entry")
	// ErrDamaged says that stored bytes are not what was sealed there.
	ErrDamaged = errors.New("damaged")
	// ErrVersion says that something was stored in a format that this package does not know.
	ErrVersion = errors.New("format version not supported")
	// ErrLeaseLost says that a writer was silent for longer than its lease, so that what it relied on may have been
	// collected. Nothing was committed; the work can be begun again.
	ErrLeaseLost = errors.New("the writer's lease ran out")
	// ErrOvertaken says that a writer counted on what was about to be removed: somebody's operation took longer than the margin of
	// collections. Nothing was committed; the work can be begun again.
	ErrOvertaken = errors.New("a collection has overtaken the writer")
	// ErrOrder says that keys did not come in ascending order.
	ErrOrder = errors.New("keys must ascend")
	// ErrClosed says that the writer was committed or aborted before.
	ErrClosed = errors.New("writer is closed")
	// ErrKind says that a recovery point of the other kind was given.
	ErrKind = errors.New("wrong kind of recovery point")
)

// damaged is an [ErrDamaged] that says what is wrong.
func damaged(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrDamaged, fmt.Sprintf(format, args...))
}
