package delivery

import (
	"context"
	"crypto/cipher"
	"encoding/json"
	"fmt"
	"log/slog"
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

	mu     sync.Mutex
	lanes  map[string]bool // targets that are being served; guarded by mu
	cancel context.CancelFunc
	work   sync.WaitGroup
	served chan struct{} // has a token when a lane has become free
}

// New returns an outbox that keeps what is put into it, and brings nothing before Start.
func New(c Config) *Outbox {
	return &Outbox{Config: c, lanes: map[string]bool{}, served: make(chan struct{}, 1)}
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

// run serves the targets that have something due, each in a lane of its own, so that a slow one holds up nobody.
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

const mostLanes = 16

// look opens lanes for the targets that have something due, and returns when something else will be; zero: never.
func (o *Outbox) look(ctx context.Context) (next time.Time, err error) {
	var targets []string
	err = o.DB.View(ctx, func(ctx context.Context, tx *state.Tx) error {
		if targets, err = tx.DueTargets(ctx); err != nil {
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
	for _, target := range targets {
		if o.lanes[target] || len(o.lanes) >= mostLanes {
			continue
		}
		o.lanes[target] = true
		o.work.Go(func() {
			o.serve(ctx, target)
			o.mu.Lock()
			delete(o.lanes, target)
			o.mu.Unlock()
			select {
			case o.served <- struct{}{}:
			default:
			}
		})
	}
	return next, nil
}

// serve brings all that is due to one target, in order.
func (o *Outbox) serve(ctx context.Context, target string) {
	for ctx.Err() == nil {
		var due []state.Delivery
		err := o.DB.View(ctx, func(ctx context.Context, tx *state.Tx) (err error) {
			due, err = tx.DueDeliveries(ctx, target, 20)
			return err
		})
		if err == nil && len(due) == 0 {
			return
		}
		for _, d := range due {
			if err == nil {
				err = o.bring(ctx, d)
			}
		}
		if err != nil {
			if ctx.Err() == nil {
				o.Log.ErrorContext(ctx, "delivering", slog.String("target", target), slog.String("error", err.Error()))
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
		var targets []string
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
