package delivery

import (
	"cmp"
	"context"
	"crypto/cipher"
	"encoding/json"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"

	"strongroom/clock"
	"strongroom/internal/api"
	"strongroom/internal/state"
)

// Config is what an [Outbox] needs.
type Config struct {
	DB    *state.DB
	Clock clock.Clock // the service's time, by which deliveries age
	Door  *api.Door
	// Seal seals contents at rest. It must stay the same.
	Seal cipher.AEAD
	// AssumeForService assumes the role that delivers in the place of a service, which acts for the source and its account.
	AssumeForService func(ctx context.Context, service *api.Caller, roleARN, sessionName string) (*api.Caller, error)
	Log              *slog.Logger

	// PutOnBus puts an event, as it is, on an event bus as the caller.
	PutOnBus func(ctx context.Context, c *api.Caller, busARN, event string) error
	// Post sends a message to an endpoint.
	Post func(ctx context.Context, d state.Delivery) error
}

// Outbox keeps deliveries and brings them. It may be stopped without having been started, and more than once.
type Outbox struct {
	Config

	mu      sync.Mutex
	lanes   map[state.DueTarget]bool  // those that are being served; guarded by mu
	turns   map[state.DueTarget]int64 // when each that has something due was served last, as a count; guarded by mu
	turn    int64                     // guarded by mu
	waiting bool                      // something due has no lane; guarded by mu
	cancel  context.CancelFunc
	work    sync.WaitGroup
	served  chan struct{} // has a token when a lane has become free
}

// New returns an outbox that keeps what is put into it, and brings nothing before Start.
func New(c Config) *Outbox {
	return &Outbox{Config: c, lanes: map[state.DueTarget]bool{}, turns: map[state.DueTarget]int64{}, served: make(chan struct{}, 1)}
}

const (
	patience = 24 * time.Hour // for which a delivery is tried
	ages     = 1 << 30        // attempts, where nothing but time limits them
)

// Put keeps a delivery as part of a transaction.
func (o *Outbox) Put(ctx context.Context, tx *state.Tx, d state.Delivery) error {
	d.ID, d.CreatedAt, d.NextAt = uuid.NewString(), tx.Now, tx.Now
	if d.ExpiresAt == 0 {
		d.ExpiresAt = tx.Now + state.Micros(patience.Microseconds())
	}
	if d.Most == 0 {
		d.Most = ages
	}
	text, err := json.Marshal(d.DeliveryContent)
	if err != nil {
		return fmt.Errorf("keeping a delivery to %s: %w", d.TargetARN, err)
	}
	d.Sealed = o.Seal.Seal(nil, nil, text, []byte(d.ID))
	return tx.InsertDelivery(ctx, d)
}

func (o *Outbox) open(d *state.Delivery) error {
	text, err := o.Seal.Open(nil, nil, d.Sealed, []byte(d.ID))
	if err != nil {
		return fmt.Errorf("opening delivery %s to %s: %w", d.ID, d.TargetARN, err)
	}
	return json.Unmarshal(text, &d.DeliveryContent)
}

// Start begins to bring what is there and what comes.
func (o *Outbox) Start(ctx context.Context) error {
	ctx, o.cancel = context.WithCancel(context.WithoutCancel(ctx))
	o.work.Go(func() { o.run(ctx) })
	return nil
}

// Stop ends what is being brought; the next start takes it up again.
func (o *Outbox) Stop(context.Context) error {
	if o.cancel != nil {
		o.cancel()
	}
	o.work.Wait()
	return nil
}

// run serves the targets that have something due, each in a lane of its own, so that a slow one holds up nobody. There are
// so many lanes, of which an account has a share and endpoints outside have a share, as each may take its time; where more is
// due than there are lanes, each is handed on after a turn.
func (o *Outbox) run(ctx context.Context) {
	for ctx.Err() == nil {
		next, err := o.look(ctx)
		if err != nil && ctx.Err() == nil {
			o.Log.ErrorContext(ctx, "looking for deliveries", slog.String("error", err.Error()))
			next = o.Clock.Now().Add(time.Second)
		}
		o.rest(ctx, next)
	}
}

// rest waits for something to do: a new delivery, a free lane, or the time of the next attempt.
func (o *Outbox) rest(ctx context.Context, next time.Time) {
	var reached <-chan struct{}
	if !next.IsZero() {
		var stop func()
		reached, stop = o.Clock.Until(next)
		defer stop()
	}
	select {
	case <-ctx.Done():
	case <-o.DB.Delivering():
	case <-o.served:
	case <-reached:
	}
}

const (
	mostLanes     = 16
	lanesOfOne    = 4           // at most, of one account
	lanesOutside  = 8           // at most, to endpoints
	turnDelivered = 20          // deliveries of a turn,
	turnTime      = time.Second // which begins none after this time
)

// look opens lanes for the targets that have something due, and returns when something else will be; zero: never.
func (o *Outbox) look(ctx context.Context) (next time.Time, err error) {
	var due []state.DueTarget
	err = o.DB.View(ctx, func(ctx context.Context, tx *state.Tx) error {
		if due, err = tx.DueTargets(ctx); err != nil {
			return err
		}
		first, err := tx.FirstDelivery(ctx)
		if first > tx.Now {
			next = first.Time()
		}
		return err
	})
	if err != nil {
		return next, err
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, target := range o.admit(due) {
		o.work.Go(func() {
			o.serve(ctx, target)
			o.mu.Lock()
			delete(o.lanes, target)
			o.turn++
			o.turns[target] = o.turn
			o.mu.Unlock()
			select {
			case o.served <- struct{}{}:
			default:
			}
		})
	}
	return next, nil
}

// admit gives lanes to those of the targets that there are lanes for, first to whom was served longest ago. The caller
// holds mu.
func (o *Outbox) admit(due []state.DueTarget) (admitted []state.DueTarget) {
	turns := make(map[state.DueTarget]int64, len(due))
	for _, target := range due {
		turns[target] = o.turns[target]
	}
	o.turns = turns // the others wait for nothing
	slices.SortFunc(due, func(a, b state.DueTarget) int {
		return cmp.Or(cmp.Compare(turns[a], turns[b]), strings.Compare(a.AccountID, b.AccountID), strings.Compare(a.TargetARN, b.TargetARN))
	})
	of, outside := map[string]int{}, 0
	for target := range o.lanes {
		of[target.AccountID]++
		if isEndpoint(target) {
			outside++
		}
	}
	o.waiting = false
	for _, target := range due {
		switch {
		case o.lanes[target]:
			continue
		case len(o.lanes) >= mostLanes, of[target.AccountID] >= lanesOfOne, isEndpoint(target) && outside >= lanesOutside:
			o.waiting = true
			continue
		}
		o.lanes[target] = true
		of[target.AccountID]++
		if isEndpoint(target) {
			outside++
		}
		admitted = append(admitted, target)
	}
	return admitted
}

func isEndpoint(t state.DueTarget) bool { return !strings.HasPrefix(t.TargetARN, "arn:") }

// isWaited tells whether somebody has something due and no lane.
func (o *Outbox) isWaited() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.waiting
}

// serve brings what is due to one target, in order: all of it, or where others wait a turn's.
func (o *Outbox) serve(ctx context.Context, target state.DueTarget) {
	for first := true; ctx.Err() == nil && (first || !o.isWaited()); first = false {
		began := clock.Wall.Now()
		var due []state.Delivery
		err := o.DB.View(ctx, func(ctx context.Context, tx *state.Tx) (err error) {
			due, err = tx.DueDeliveries(ctx, target, turnDelivered)
			return err
		})
		if err == nil && len(due) == 0 {
			return
		}
		for _, d := range due {
			if err == nil {
				err = o.bring(ctx, d)
			}
			if clock.Wall.Now().Sub(began) > turnTime {
				break
			}
		}
		if err != nil {
			if ctx.Err() == nil {
				o.Log.ErrorContext(ctx, "delivering", slog.String("target", target.TargetARN), slog.String("error", err.Error()))
			}
			o.pause(ctx)
			return
		}
	}
}

// pause keeps a lane whose trouble is our own store's from spinning.
func (o *Outbox) pause(ctx context.Context) {
	reached, stop := clock.Wall.Until(clock.Wall.Now().Add(time.Second))
	defer stop()
	select {
	case <-ctx.Done():
	case <-reached:
	}
}

// Settle waits until nothing is due.
func (o *Outbox) Settle(ctx context.Context) error {
	for {
		var targets []state.DueTarget
		err := o.DB.View(ctx, func(ctx context.Context, tx *state.Tx) (err error) {
			targets, err = tx.DueTargets(ctx)
			return err
		})
		if err != nil || len(targets) == 0 {
			return err
		}
		reached, stop := clock.Wall.Until(clock.Wall.Now().Add(10 * time.Millisecond))
		select {
		case <-ctx.Done():
			stop()
			return ctx.Err()
		case <-reached:
		}
	}
}
