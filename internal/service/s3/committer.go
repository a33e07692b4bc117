package s3

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"strongroom/internal/state"
)

// committer runs changes to the state in groups: those that arrive while a transaction is being committed share the next
// one, so that many clients at once do not each wait for a sync of the disk of their own.
type committer struct {
	db *state.DB

	mu      sync.Mutex
	waiting []*change // guarded by mu
	busy    bool      // a goroutine is committing; guarded by mu
	closed  bool      // guarded by mu
	idle    *sync.Cond
}

type change struct {
	dirs []string // directories to sync before
	many bool     // it changes many rows
	fn   func(ctx context.Context, tx *state.Tx) error
	err  error
	done chan struct{}
}

// mostChanges bounds a group, and with it how long the writer is held.
const mostChanges = 256

var errClosed = errors.New("the S3 service is closed")

func newCommitter(db *state.DB) *committer {
	c := &committer{db: db}
	c.idle = sync.NewCond(&c.mu)
	return c
}

// do syncs dirs, runs fn in a transaction that others may share, and returns once it is committed. An error of fn undoes
// what fn did, and only that. Once begun it does not heed ctx: whether the change was made must be known.
func (c *committer) do(ctx context.Context, dirs []string, fn func(ctx context.Context, tx *state.Tx) error) error {
	return c.change(ctx, &change{dirs: dirs, fn: fn, done: make(chan struct{})})
}

// doMany is do for a change of many rows. Each of them is in a group of its own with what changes few, so that a client's request
// waits for one of them at most.
func (c *committer) doMany(ctx context.Context, dirs []string, fn func(ctx context.Context, tx *state.Tx) error) error {
	return c.change(ctx, &change{dirs: dirs, many: true, fn: fn, done: make(chan struct{})})
}

func (c *committer) change(ctx context.Context, ch *change) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	c.mu.Lock()
	if c.closed {
		c.mu.Unlock()
		return errClosed
	}
	c.waiting = append(c.waiting, ch)
	lead := !c.busy
	c.busy = true
	c.mu.Unlock()
	if lead {
		// The first to come commits for all who come meanwhile, on a goroutine of its own so that it need not stay for them.
		go c.run()
	}
	<-ch.done
	return ch.err
}

func (c *committer) run() {
	for {
		c.mu.Lock()
		group := c.next()
		if len(group) == 0 {
			c.busy = false
			c.idle.Broadcast()
			c.mu.Unlock()
			return
		}
		c.mu.Unlock()
		c.commit(group)
	}
}

// next takes a group from what waits: small changes first, in the order in which they came, and one of many rows. c.mu is held.
func (c *committer) next() (group []*change) {
	var rest, many []*change
	for _, ch := range c.waiting {
		switch {
		case ch.many && many == nil:
			many = append(many, ch)
		case !ch.many && len(group) < mostChanges:
			group = append(group, ch)
		default:
			rest = append(rest, ch)
		}
	}
	c.waiting = rest
	return append(group, many...)
}

func (c *committer) commit(group []*change) {
	err := syncDirs(group)
	if err == nil {
		err = c.db.Update(context.Background(), func(ctx context.Context, tx *state.Tx) error {
			if len(group) == 1 {
				return group[0].fn(ctx, tx)
			}
			for _, ch := range group {
				if ch.err = savepoint(ctx, tx, ch.fn); errors.Is(ch.err, errSavepoint) {
					return ch.err
				}
			}
			return nil
		})
	}
	for _, ch := range group {
		if err != nil {
			ch.err = err
		}
		close(ch.done)
	}
}

func syncDirs(group []*change) error {
	synced := map[string]bool{}
	for _, ch := range group {
		for _, dir := range ch.dirs {
			if synced[dir] {
				continue
			}
			synced[dir] = true
			if err := syncDir(dir); err != nil {
				return err
			}
		}
	}
	return nil
}

// errSavepoint marks an error of the transaction itself, which ends it for all of the group.
var errSavepoint = errors.New("savepoint")

func savepoint(ctx context.Context, tx *state.Tx, fn func(ctx context.Context, tx *state.Tx) error) error {
	statement := func(text string) error {
		if _, err := tx.SQL().ExecContext(ctx, text); err != nil {
			return fmt.Errorf("%w: %s: %w", errSavepoint, text, err)
		}
		return nil
	}
	if err := statement("SAVEPOINT change"); err != nil {
		return err
	}
	if err := fn(ctx, tx); err != nil {
		if undo := statement("ROLLBACK TO SAVEPOINT change"); undo != nil {
			return errors.Join(undo, err)
		}
		return errors.Join(err, statement("RELEASE SAVEPOINT change"))
	}
	return statement("RELEASE SAVEPOINT change")
}

// close waits for the changes under way and refuses later ones.
func (c *committer) close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closed = true
	for c.busy {
		c.idle.Wait()
	}
}
