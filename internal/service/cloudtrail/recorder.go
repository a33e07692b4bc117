package cloudtrail

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"strongroom/clock"
	"strongroom/internal/api"
	"strongroom/internal/state"
)

const (
	// retention is how long LookupEvents shows a record.
	retention = 90 * 24 * time.Hour
	// patience is how long records of calls that change nothing may wait for others to be written with them.
	patience = 200 * time.Millisecond
	// maxWaiting is the number of records that may wait before those of calls that change nothing are waited for, too.
	maxWaiting = 8192
)

// RecorderConfig is what a [Recorder] needs.
type RecorderConfig struct {
	DB    *state.DB
	Clock clock.Clock  // the service's time: what records show, and how long they are kept
	Wall  clock.Clock  // how long records wait; nil means [clock.Wall]
	Log   *slog.Logger // nil means slog.Default()
}

// Recorder writes records, all that wait in one transaction. It is made by [NewRecorder] and ended by Close.
type Recorder struct {
	config    RecorderConfig
	interests atomic.Pointer[interests]

	mu      sync.Mutex // guards what follows
	waiting []state.Event
	written chan struct{} // closed when what is waiting now has been written
	closed  bool

	urgent chan struct{} // somebody waits until waiting is written
	lazy   chan struct{} // something waits, nobody for it
	ending chan struct{} // closed by Close
	ended  chan struct{} // closed when the last record is written
}

var _ api.Recorder = (*Recorder)(nil)

// NewRecorder returns a recorder at work.
func NewRecorder(c RecorderConfig) *Recorder {
	if c.Wall == nil {
		c.Wall = clock.Wall
	}
	if c.Log == nil {
		c.Log = slog.Default()
	}
	r := &Recorder{
		config: c, written: make(chan struct{}),
		urgent: make(chan struct{}, 1), lazy: make(chan struct{}, 1), ending: make(chan struct{}), ended: make(chan struct{}),
	}
	go r.run()
	return r
}

// Record implements [api.Recorder]. It must not be called within a transaction of the store, for which it would wait.
func (r *Recorder) Record(ctx context.Context, call *api.Record) {
	events := r.eventsOf(ctx, call)
	if call.Operation.Data {
		if events = r.wanted(events); len(events) == 0 {
			return
		}
	}
	r.add(ctx, events, !call.Operation.ReadOnly)
}

// The services that tell of themselves.
const (
	backupSource        = "backup.amazonaws.com"
	organizationsSource = "organizations.amazonaws.com"
)

// RecordServiceEvent keeps an event that AWS Backup tells of itself, such as BackupJobCompleted. The names in details are
// those of the record's serviceEventDetails; ARNs among them are what the event is found by.
func (r *Recorder) RecordServiceEvent(ctx context.Context, accountID, region, name string, details map[string]any) {
	r.add(ctx, []state.Event{r.serviceEvent(ctx, backupSource, accountID, region, name, details, nil)}, true)
}

// PutServiceEvent keeps such an event if tx commits. A failure is what AWS Backup met with instead of doing what the event
// tells of; nil for none.
func (r *Recorder) PutServiceEvent(ctx context.Context, tx *state.Tx, accountID, region, name string, details map[string]any, failure *api.Error) error {
	return tx.InsertEvents(ctx, []state.Event{r.serviceEvent(ctx, backupSource, accountID, region, name, details, failure)})
}

// PutOrganizationsEvent keeps an event that Organizations tells of itself, such as AccountJoinedOrganization, if tx commits.
func (r *Recorder) PutOrganizationsEvent(ctx context.Context, tx *state.Tx, accountID, name string, details map[string]any) error {
	return tx.InsertEvents(ctx, []state.Event{r.serviceEvent(ctx, organizationsSource, accountID, globalRegion, name, details, nil)})
}

// add queues events and, if asked to, waits until they are kept.
func (r *Recorder) add(ctx context.Context, events []state.Event, wait bool) {
	r.mu.Lock()
	if r.closed {
		r.mu.Unlock()
		<-r.ended
		r.write(ctx, events)
		return
	}
	r.waiting = append(r.waiting, events...)
	wait = wait || len(r.waiting) > maxWaiting
	written := r.written
	r.mu.Unlock()
	if !wait {
		signal(r.lazy)
		return
	}
	signal(r.urgent)
	<-written
}

// Flush waits until every record made before is kept.
func (r *Recorder) Flush(ctx context.Context) { r.add(ctx, nil, true) }

// Close writes what waits and ends the recorder. It may be called more than once; later records are written one by one.
func (r *Recorder) Close() {
	r.mu.Lock()
	if !r.closed {
		r.closed = true
		close(r.ending)
	}
	r.mu.Unlock()
	<-r.ended
}

// Sweep removes the records whose time is over.
func (r *Recorder) Sweep(ctx context.Context) error {
	const batch = 2000 // other writers come in between
	for {
		var removed int64
		err := r.config.DB.Update(ctx, func(ctx context.Context, tx *state.Tx) (err error) {
			removed, err = tx.DeleteEvents(ctx, state.MicrosOf(tx.Now.Time().Add(-retention)), batch)
			return err
		})
		if err != nil || removed < batch {
			return err
		}
	}
}

// run writes what waits until the recorder is closed.
func (r *Recorder) run() {
	defer close(r.ended)
	ctx := context.Background() // a record is kept though its call may be given up
	var due <-chan struct{}
	stop := func() {}
	for {
		select {
		case <-r.lazy:
			if due == nil {
				due, stop = r.config.Wall.Until(r.config.Wall.Now().Add(patience))
			}
			continue
		case <-r.urgent:
		case <-due:
		case <-r.ending:
			stop()
			r.writeWaiting(ctx)
			return
		}
		stop()
		due, stop = nil, func() {}
		r.writeWaiting(ctx)
	}
}

func (r *Recorder) writeWaiting(ctx context.Context) {
	r.mu.Lock()
	events, written := r.waiting, r.written
	r.waiting, r.written = nil, make(chan struct{})
	r.mu.Unlock()
	r.write(ctx, events)
	close(written)
}

// write keeps events in one transaction. There is nobody to tell an error but the log: the calls have happened.
func (r *Recorder) write(ctx context.Context, events []state.Event) {
	if len(events) == 0 {
		return
	}
	err := r.config.DB.Update(context.WithoutCancel(ctx), func(ctx context.Context, tx *state.Tx) error {
		return tx.InsertEvents(ctx, events)
	})
	if err != nil {
		r.config.Log.ErrorContext(ctx, "records of calls are lost", slog.Int("records", len(events)), slog.Any("error", err))
	}
}

// signal wakes whoever listens, once.
func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
