// Package clock is where the house takes the time from, so that rehearsals and tests can move it.
//
// Two times exist side by side. The service's time drives schedules, windows, lifecycles, lock dates and key deletion;
// an administrator may move it. Signatures and session credentials are judged by the [Wall] clock, because clients
// sign with theirs.
package clock

import (
	"sync"
	"time"
)

// Clock tells the time and wakes whoever waits for it.
type Clock interface {
	// Now is the current time, in UTC.
	Now() time.Time
	// Until returns a channel that is closed once Now is at or after t, and a function that gives up waiting.
	Until(t time.Time) (reached <-chan struct{}, stop func())
}

// Wall is the machine's own clock.
var Wall Clock = wall{}

type wall struct{}

func (wall) Now() time.Time { return time.Now().UTC() }

func (wall) Until(t time.Time) (<-chan struct{}, func()) {
	reached := make(chan struct{})
	timer := time.AfterFunc(time.Until(t), func() { close(reached) })
	return reached, func() { timer.Stop() }
}

// Shifted is a clock that runs beside the machine's at a distance that can be changed. Its zero value is not usable;
// see [NewShifted]. All methods may be called at once.
type Shifted struct {
	mu      sync.Mutex
	offset  time.Duration
	frozen  time.Time // the time it stands at, or zero when it runs
	waiters map[*waiter]struct{}
}

type waiter struct {
	at      time.Time
	reached chan struct{}
	timer   *time.Timer
}

// NewShifted returns a clock that runs offset ahead of the machine's.
func NewShifted(offset time.Duration) *Shifted {
	return &Shifted{offset: offset, waiters: map[*waiter]struct{}{}}
}

// NewFrozen returns a clock that stands at t until it is moved.
func NewFrozen(t time.Time) *Shifted {
	return &Shifted{frozen: t.UTC(), waiters: map[*waiter]struct{}{}}
}

// Now is the machine's time plus the offset, or the time the clock stands at.
func (s *Shifted) Now() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.now()
}

func (s *Shifted) now() time.Time {
	if !s.frozen.IsZero() {
		return s.frozen
	}
	return time.Now().UTC().Add(s.offset)
}

// Offset is the distance to the machine's clock.
func (s *Shifted) Offset() time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.frozen.IsZero() {
		return time.Until(s.frozen)
	}
	return s.offset
}

// Advance moves the clock by d and wakes everybody whose time has come. A negative d moves it back.
func (s *Shifted) Advance(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.frozen.IsZero() {
		s.frozen = s.frozen.Add(d)
	} else {
		s.offset += d
	}
	now := s.now()
	for w := range s.waiters {
		s.schedule(w, now)
	}
}

// Until implements [Clock].
func (s *Shifted) Until(t time.Time) (<-chan struct{}, func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	w := &waiter{at: t, reached: make(chan struct{})}
	s.waiters[w] = struct{}{}
	s.schedule(w, s.now())
	return w.reached, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.forget(w)
	}
}

// schedule wakes w if its time has come, and otherwise sets its timer anew; s.mu is held.
func (s *Shifted) schedule(w *waiter, now time.Time) {
	if w.timer != nil {
		w.timer.Stop()
	}
	if !now.Before(w.at) {
		close(w.reached)
		s.forget(w)
		return
	}
	if s.frozen.IsZero() {
		w.timer = time.AfterFunc(w.at.Sub(now), func() { s.wake(w) })
	}
}

func (s *Shifted) wake(w *waiter) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, waiting := s.waiters[w]; waiting {
		s.schedule(w, s.now())
	}
}

// forget drops w; s.mu is held.
func (s *Shifted) forget(w *waiter) {
	if w.timer != nil {
		w.timer.Stop()
	}
	delete(s.waiters, w)
}

var _ Clock = (*Shifted)(nil)
