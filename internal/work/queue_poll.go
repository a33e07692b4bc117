package work

import (
	"context"
	"database/sql"
	"sync"
	"time"

	"github.com/riverqueue/river/riverdriver"
	"github.com/riverqueue/river/riverdriver/riversqlite"
	"github.com/riverqueue/river/rivertype"

	"strongroom/clock"
)

// River asks the database for jobs again and again, on SQLite as well for notifications of new ones. All who enqueue are in this process,
// so that it can know without asking that there are none, and asks as often as before only while there may be some.
const (
	pollInterval = 40 * time.Millisecond // how often River asks the driver
	restless     = 2 * time.Second       // how long the driver asks the database then, after anything has changed
	pollAnyway   = time.Second           // how often it does so otherwise, for jobs that wait to be tried again
)

// A bell rings for a while after a job was enqueued, has changed or has ended.
type bell struct {
	now func() time.Time

	mu    sync.Mutex // guards the rest
	until time.Time
	asked map[string]time.Time // of a queue, when the database was asked
}

func newBell() *bell {
	b := &bell{now: clock.Wall.Now, asked: map[string]time.Time{}}
	b.ring()
	return b
}

// ring may be called before the transaction commits that enqueues a job: the bell goes on for longer than most take, and for the others
// the database is asked anyway.
func (b *bell) ring() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.until = b.now().Add(restless)
}

// quiet reports whether there is no need to ask the database for jobs of a queue now. What it says no to is asked.
func (b *bell) quiet(queue string) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	now := b.now()
	if now.After(b.until) && now.Sub(b.asked[queue]) < pollAnyway {
		return true
	}
	b.asked[queue] = now
	return false
}

// A driver is River's for SQLite, without the notifications, which are polled for, and with a bell.
type driver struct {
	*riversqlite.Driver
	bell *bell
}

var _ riverdriver.Driver[*sql.Tx] = driver{}

func (d driver) SupportsListener() bool     { return false }
func (d driver) SupportsListenNotify() bool { return false }

func (d driver) GetExecutor() riverdriver.Executor {
	return executor{d.Driver.GetExecutor(), d.bell}
}

// An executor asks the database for jobs only where there may be some.
type executor struct {
	riverdriver.Executor
	bell *bell
}

// JobGetAvailable waits for as long as it takes. River gives up after ten seconds, and one who gives up an UPDATE that returns rows before
// the last has come has it committed (https://www.sqlite.org/lang_returning.html#processing_order): the jobs would be running for
// ever, and nobody would have them.
func (e executor) JobGetAvailable(ctx context.Context, params *riverdriver.JobGetAvailableParams) (*riverdriver.JobGetAvailableResult, error) {
	if e.bell.quiet(params.Queue) {
		return &riverdriver.JobGetAvailableResult{}, nil
	}
	return e.Executor.JobGetAvailable(context.WithoutCancel(ctx), params)
}

// JobSetStateIfRunningMany ends attempts at jobs. One that waits for another is to be tried again soon, and there may be room for more.
func (e executor) JobSetStateIfRunningMany(ctx context.Context, params *riverdriver.JobSetStateIfRunningManyParams) ([]*rivertype.JobRow, error) {
	defer e.bell.ring()
	return e.Executor.JobSetStateIfRunningMany(ctx, params)
}
