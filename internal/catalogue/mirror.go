package catalogue

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"gocloud.dev/secrets"
	"golang.org/x/sync/errgroup"

	"strongroom/archive"
	"strongroom/clock"
	"strongroom/internal/state"
)

const (
	batch     = 200              // changes that are stored at once
	atOnce    = 8                // objects that are written at once
	patience  = 10 * time.Second // that an acknowledgement waits for a store
	timeLimit = time.Minute      // for one object
	mostPause = time.Minute      // before a store that failed is tried again
)

// Config is what a [Mirror] works with.
type Config struct {
	DB      *state.DB
	Root    *secrets.Keeper // the root key
	Stores  Stores
	Home    string // the Region whose store has what belongs to no Region
	StateID string // which state this is, of [StateID]
	Log     *slog.Logger
}

// Stores opens the store of a Region.
type Stores func(ctx context.Context, region string) (archive.Store, error)

// Mirror stores the documents of the catalogue. It may be stopped without having been started, and more than once.
type Mirror struct {
	Config
	changed chan struct{} // has a token when there may be something to store

	// Of the loop alone: the parts that are open, and the stores that failed and are left alone for a while.
	regions map[string]*region
	resting map[string]rest

	mu      sync.Mutex // guards the rest
	through int64      // the changes up to here were looked at
	failed  map[int64]error
	passed  chan struct{}   // is closed at the end of a pass
	reopen  map[string]bool // Regions whose data key is no longer the one that is open
	cancel  context.CancelFunc
	done    chan struct{}
}

// rest is a store's, after it failed.
type rest struct {
	until time.Time
	pause time.Duration
	err   error
}

// New returns a mirror that does nothing yet.
func New(c Config) *Mirror {
	return &Mirror{
		Config: c, changed: make(chan struct{}, 1), regions: map[string]*region{}, resting: map[string]rest{}, failed: map[int64]error{}, passed: make(chan struct{}), reopen: map[string]bool{},
	}
}

// Start begins to store what has changed, and has the database wait for it.
func (m *Mirror) Start(ctx context.Context) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.cancel != nil {
		return errors.New("the catalogue is being kept already")
	}
	loop, cancel := context.WithCancel(context.WithoutCancel(ctx))
	m.cancel, m.done = cancel, make(chan struct{})
	go m.run(loop, m.done)
	m.DB.KeepCatalogue(m)
	m.Changed()
	return nil
}

// Stop stores what is left and ends. What cannot be stored stays noted in the database.
func (m *Mirror) Stop(context.Context) error {
	m.mu.Lock()
	cancel, done := m.cancel, m.done
	m.cancel = nil
	m.mu.Unlock()
	if cancel == nil {
		return nil
	}
	cancel()
	<-done
	return nil
}

// Changed implements [state.CatalogueKeeper].
func (m *Mirror) Changed() {
	select {
	case m.changed <- struct{}{}:
	default:
	}
}

// Wait implements [state.CatalogueKeeper].
func (m *Mirror) Wait(ctx context.Context, after, upTo int64) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for {
		m.mu.Lock()
		through, passed, running := m.through, m.passed, m.cancel != nil
		var err error
		for seq, failure := range m.failed {
			if seq > after && seq <= upTo {
				err = failure
			}
		}
		m.mu.Unlock()
		switch {
		case through >= upTo:
			return err
		case !running:
			return errors.New("the catalogue is not being kept any more")
		}
		select {
		case <-passed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// run stores what has changed whenever it is told to, and tries again what failed.
func (m *Mirror) run(ctx context.Context, done chan<- struct{}) {
	defer close(done)
	for again := false; ; {
		var retry <-chan struct{}
		forget := func() {}
		if again {
			retry, forget = clock.Wall.Until(m.nextTry())
		}
		select {
		case <-m.changed:
		case <-retry:
		case <-ctx.Done():
			forget()
			m.pass(context.WithoutCancel(ctx))
			return
		}
		forget()
		again = !m.pass(ctx)
	}
}

// nextTry is when the first of the stores that failed is tried again.
func (m *Mirror) nextTry() time.Time {
	next := clock.Wall.Now().Add(mostPause)
	for _, r := range m.resting {
		if r.until.Before(next) {
			next = r.until
		}
	}
	return next
}

// pass stores all that has changed, and reports whether it could.
func (m *Mirror) pass(ctx context.Context) bool {
	var through int64
	failed := map[int64]error{}
	for {
		changes, rows, err := m.changes(ctx, through)
		if err != nil {
			if ctx.Err() == nil {
				m.Log.ErrorContext(ctx, "the catalogue's changes could not be read", slog.String("error", err.Error()))
			}
			return false
		}
		if len(changes) == 0 {
			break
		}
		through = changes[len(changes)-1].Seq
		for seq, err := range m.store(ctx, changes, rows) {
			failed[seq] = err
		}
		m.tell(through, failed)
	}
	m.tell(through, failed)
	var told string
	for _, err := range failed {
		if told == "" {
			told = err.Error()
		}
	}
	if told != "" && ctx.Err() == nil {
		m.Log.ErrorContext(ctx, "changes of the catalogue are in the database alone, and will be stored later", slog.Int("changes", len(failed)), slog.String("error", told))
	}
	return told == ""
}

// tell wakes who waits.
func (m *Mirror) tell(through int64, failed map[int64]error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.through = max(m.through, through)
	m.failed = failed
	close(m.passed)
	m.passed = make(chan struct{})
}

// changes reads the next changes, and the rows of the documents that they are of.
func (m *Mirror) changes(ctx context.Context, after int64) (changes []state.CatalogueChange, rows map[string]state.CatalogueRows, err error) {
	rows = map[string]state.CatalogueRows{}
	err = m.DB.View(ctx, func(ctx context.Context, tx *state.Tx) error {
		if changes, err = tx.CatalogueChanges(ctx, after, batch); err != nil {
			return err
		}
		for _, c := range changes {
			if _, has := rows[c.Section+c.Key]; has {
				continue
			}
			if rows[c.Section+c.Key], err = tx.CatalogueRows(ctx, c.Section, c.Key); err != nil {
				return err
			}
		}
		return nil
	})
	return changes, rows, err
}

// version is a document that is to be stored: in its newest version, and in place of others.
type version struct {
	state.CatalogueChange
	rows   state.CatalogueRows
	before []int64 // versions that are, or may be, stored
	err    error
}

// store stores the documents that changes are of, and returns what failed, by change.
func (m *Mirror) store(ctx context.Context, changes []state.CatalogueChange, rows map[string]state.CatalogueRows) map[int64]error {
	var versions []*version
	of := map[string]*version{}
	for _, c := range changes {
		v := of[c.Section+c.Key]
		if v == nil {
			v = &version{rows: rows[c.Section+c.Key]}
			of[c.Section+c.Key] = v
			versions = append(versions, v)
		} else {
			v.before = append(v.before, v.Seq) // a crash may have left it
		}
		v.CatalogueChange = c
	}
	err := m.DB.View(ctx, func(ctx context.Context, tx *state.Tx) error {
		for _, v := range versions {
			stored, err := tx.CatalogueDocument(ctx, v.Section, v.Key)
			switch {
			case errors.Is(err, state.ErrNotFound):
			case err != nil:
				return err
			default:
				v.before = append(v.before, stored.Seq)
			}
		}
		return nil
	})
	if err == nil {
		m.write(ctx, versions)
		err = m.note(ctx, versions)
	}
	failed := map[int64]error{}
	for _, c := range changes {
		if e := errors.Join(err, of[c.Section+c.Key].err); e != nil {
			failed[c.Seq] = e
		}
	}
	return failed
}

// write writes the versions into their stores, but for those that failed a short while ago.
func (m *Mirror) write(ctx context.Context, versions []*version) {
	var group errgroup.Group
	group.SetLimit(atOnce)
	now, used := clock.Wall.Now(), map[string]bool{}
	for _, v := range versions {
		in := cmp.Or(v.Region, m.Home)
		if resting := m.resting[in]; now.Before(resting.until) {
			v.err = resting.err
			continue
		}
		used[in] = true
		r, err := m.region(ctx, in)
		if err != nil {
			m.fail(ctx, v, in, err)
			continue
		}
		group.Go(func() error {
			ctx, cancel := context.WithTimeout(ctx, timeLimit)
			defer cancel()
			v.err = r.write(ctx, v)
			return nil
		})
	}
	_ = group.Wait() // each has its own error
	for _, v := range versions {
		if in := cmp.Or(v.Region, m.Home); v.err != nil && used[in] {
			m.fail(ctx, v, in, v.err)
			used[in] = false
		}
	}
	for in, good := range used {
		if good {
			delete(m.resting, in)
		}
	}
}

// fail leaves the store alone for a while that grows.
func (m *Mirror) fail(ctx context.Context, v *version, in string, err error) {
	v.err = fmt.Errorf("the store of %s: %w", in, err)
	if ctx.Err() != nil {
		return // the process ends, and no store has failed
	}
	pause := min(max(2*m.resting[in].pause, time.Second), mostPause)
	m.resting[in] = rest{clock.Wall.Now().Add(pause), pause, v.err}
}

// region opens a Region's part, and makes it at the first use.
func (m *Mirror) region(ctx context.Context, name string) (*region, error) {
	m.mu.Lock()
	if m.reopen[name] {
		delete(m.reopen, name)
		delete(m.regions, name)
	}
	m.mu.Unlock()
	if r := m.regions[name]; r != nil {
		return r, nil
	}
	ctx, cancel := context.WithTimeout(ctx, timeLimit)
	defer cancel()
	store, err := m.Stores(ctx, name)
	if err != nil {
		return nil, err
	}
	r, err := makeRegion(ctx, store, m.Root, m.StateID)
	if err != nil {
		return nil, err
	}
	if r.state != m.StateID {
		return nil, ErrForeign
	}
	if err := m.reconcile(ctx, name, r); err != nil {
		return nil, err
	}
	m.regions[name] = r
	return r, nil
}

// ErrForeign says that a store has the catalogue of another state: of one that was lost, or of another server.
var ErrForeign = errors.New("it holds the catalogue of another state than this data directory's; if that was lost, strongroom admin rebuild brings it back, and otherwise two servers have been given one store")

// write writes a document in its new version, and then removes those before.
func (r *region) write(ctx context.Context, v *version) error {
	name := r.name(v.Section, v.Key, v.Seq)
	if v.rows.Empty() {
		v.before = append(v.before, v.Seq) // a crash may have left it
	} else if err := r.create(ctx, name, document{v.Section, v.Key, v.Region, v.Seq, v.rows}); err != nil {
		return err
	}
	for _, seq := range slices.Concat(v.before, r.strays[r.document(v.Section, v.Key)]) {
		if seq == v.Seq && !v.rows.Empty() {
			continue
		}
		if err := r.store.Delete(ctx, prefix+r.name(v.Section, v.Key, seq)); err != nil {
			return err
		}
	}
	return nil
}

// create stores a version, which a crash may have left there already.
func (r *region) create(ctx context.Context, name string, d document) error {
	plain, err := json.Marshal(d)
	if err != nil {
		return err
	}
	err = r.store.Create(ctx, prefix+name, r.seal(name, plain))
	if !errors.Is(err, archive.ErrExist) {
		return err
	}
	there, err := read(ctx, r.store, prefix+name)
	if err == nil {
		if old, err := r.open(name, there); err == nil && bytes.Equal(old, plain) {
			return nil
		}
	}
	// Of a state that was put back to an earlier time, say: this one counts.
	if err := r.store.Delete(ctx, prefix+name); err != nil {
		return err
	}
	return r.store.Create(ctx, prefix+name, r.seal(name, plain))
}

// note notes in the database what is stored now.
func (m *Mirror) note(ctx context.Context, versions []*version) error {
	return m.DB.NoteCatalogue(ctx, func(ctx context.Context, tx *state.Tx) error {
		for _, v := range versions {
			if v.err != nil {
				continue
			}
			err := tx.PutCatalogueDocument(ctx, v.CatalogueChange)
			if v.rows.Empty() {
				err = tx.DeleteCatalogueDocument(ctx, v.Section, v.Key)
			}
			if err == nil {
				err = tx.DeleteCatalogueChanges(ctx, v.CatalogueChange)
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
}
