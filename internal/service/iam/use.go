package iam

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"strongroom/clock"
	"strongroom/internal/api"
	"strongroom/internal/state"
)

// usePrecision is how exactly uses are dated: of those within it, the first is kept, as with AWS
// (https://docs.aws.amazon.com/IAM/latest/UserGuide/id_credentials_getting-report.html). So few calls write.
const usePrecision = state.Micros(15 * time.Minute / time.Microsecond)

// maxNoted bounds what is remembered of uses; when it is full it begins anew, and some are written again.
const maxNoted = 100_000

// uses keeps when users, roles and access keys were last used. They are written beside the calls, all that wait together, so that no call
// waits for whoever writes; what a process that is killed had not written is used again, or was long ago. Whoever shows them
// has what was noted before: in a report by [uses.settle], and where nobody is to wait by [uses.view].
type uses struct {
	db    *state.DB
	clock clock.Clock
	log   *slog.Logger

	noted sync.Map // use → state.Micros of the last one written
	count atomic.Int64

	mu       sync.Mutex    // guards the rest
	waiting  []noted       // to be written
	underway []noted       // being written
	written  chan struct{} // is closed when nothing waits; nil if nothing does
}

// noted is a use that is to be written: of a principal, of a key or both.
type noted struct {
	principal state.PrincipalUse
	key       state.AccessKeyUse
}

// use is what is dated: an action by a principal, or any use of an access key.
type use struct{ id, service, action string }

var _ api.Observer = (*Authorizer)(nil)

// Observe implements [api.Observer]. A use that cannot be kept is logged; the call does not fail by it.
func (a *Authorizer) Observe(ctx context.Context, c *api.Caller, op *api.Operation) {
	if c.Service != "" || c.AccountID == "" {
		return
	}
	_, id := identity(c)
	keyID := ""
	if c.Session == nil && len(c.Via) == 0 {
		keyID = c.AccessKeyID
	}
	region := c.Region
	if op.Service.Global {
		region = "us-east-1"
	}
	a.uses.note(ctx, called{c.AccountID, id, keyID, namespace(op.Service.Name), op.Name, region})
}

// called is one call as it is noted.
type called struct{ accountID, principalID, keyID, service, action, region string }

// namespace is the prefix of a service's actions.
func namespace(service string) string {
	switch service {
	case "tagging":
		return "tag"
	}
	return service
}

func (u *uses) note(ctx context.Context, c called) {
	now := state.MicrosOf(u.clock.Now())
	byPrincipal := u.due(use{c.principalID, c.service, c.action}, now)
	byKey := c.keyID != "" && u.due(use{id: c.keyID}, now)
	var n noted
	if byPrincipal {
		n.principal = state.PrincipalUse{
			AccountID: c.accountID, PrincipalID: c.principalID, Service: c.service, Action: c.action, Region: c.region, UsedAt: now,
		}
	}
	if byKey {
		n.key = state.AccessKeyUse{ID: c.keyID, Service: c.service, Region: c.region, UsedAt: now}
	}
	if byPrincipal || byKey {
		u.enter(context.WithoutCancel(ctx), n)
	}
}

// enter has a use written soon.
func (u *uses) enter(ctx context.Context, n noted) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.waiting = append(u.waiting, n)
	if u.written == nil {
		u.written = make(chan struct{})
		go u.write(ctx)
	}
}

// write writes what waits, together, until nothing does.
func (u *uses) write(ctx context.Context) {
	for {
		u.mu.Lock()
		all := u.waiting
		u.waiting, u.underway = nil, all
		if len(all) == 0 {
			close(u.written)
			u.written = nil
			u.mu.Unlock()
			return
		}
		u.mu.Unlock()
		err := u.put(ctx, all)
		if err != nil && len(all) > 1 { // one of them may be at fault
			var errs []error
			for i := range all {
				errs = append(errs, u.put(ctx, all[i:i+1]))
			}
			err = errors.Join(errs...)
		}
		if err != nil {
			u.log.WarnContext(ctx, "noting uses", slog.Int("uses", len(all)), slog.Any("error", err))
		}
	}
}

func (u *uses) put(ctx context.Context, all []noted) error {
	return u.db.Update(ctx, func(ctx context.Context, tx *state.Tx) error {
		for _, n := range all {
			if n.principal.PrincipalID != "" {
				if err := tx.PutPrincipalUse(ctx, n.principal); err != nil {
					return err
				}
			}
			if n.key.ID != "" {
				if err := tx.PutAccessKeyUse(ctx, n.key); err != nil {
					return err
				}
			}
		}
		return nil
	})
}

// settle returns when all that was noted before is written.
func (u *uses) settle(ctx context.Context) error {
	u.mu.Lock()
	written := u.written
	u.mu.Unlock()
	if written == nil {
		return nil
	}
	select {
	case <-written:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// view is the store's, with what was noted and not written yet before the transaction began: what is written meanwhile, the transaction
// does not see.
func (u *uses) view(ctx context.Context, fn func(ctx context.Context, tx *state.Tx, unwritten []noted) error) error {
	unwritten := u.unwritten()
	return u.db.View(ctx, func(ctx context.Context, tx *state.Tx) error { return fn(ctx, tx, unwritten) })
}

// unwritten gives what was noted and is not written yet, or was a moment ago, the oldest first.
func (u *uses) unwritten() []noted {
	u.mu.Lock()
	defer u.mu.Unlock()
	return slices.Concat(u.underway, u.waiting)
}

// Settle returns when all uses of principals and keys that were noted before are written.
func (a *Authorizer) Settle(ctx context.Context) error { return a.uses.settle(ctx) }

// due reports whether a use is to be written, and remembers that it was.
func (u *uses) due(k use, now state.Micros) bool {
	if last, ok := u.noted.Load(k); ok {
		if since := now - last.(state.Micros); since >= 0 && since < usePrecision {
			return false
		}
	} else if u.count.Add(1) > maxNoted {
		u.noted.Clear()
		u.count.Store(1)
	}
	u.noted.Store(k, now)
	return true
}

// withLastUse dates a role's last use by what was called in its sessions, too.
func withLastUse(ctx context.Context, tx *state.Tx, role state.Role, unwritten ...noted) (state.Role, error) {
	last, err := tx.LastPrincipalUse(ctx, role.AccountID, role.ID)
	if err != nil && !errors.Is(err, state.ErrNotFound) {
		return role, err
	}
	for _, n := range unwritten {
		if n.principal.PrincipalID == role.ID && n.principal.UsedAt >= last.UsedAt {
			last = n.principal
		}
	}
	if last.UsedAt > role.LastUsedAt {
		role.LastUsedAt, role.LastUsedRegion = last.UsedAt, last.Region
	}
	return role, nil
}

// keyUse is when a key was last used; [state.ErrNotFound] if it never was.
func keyUse(ctx context.Context, tx *state.Tx, keyID string, unwritten []noted) (state.AccessKeyUse, error) {
	last, err := tx.AccessKeyUse(ctx, keyID)
	for _, n := range unwritten {
		if n.key.ID == keyID && n.key.UsedAt >= last.UsedAt && (err == nil || errors.Is(err, state.ErrNotFound)) {
			last, err = n.key, nil
		}
	}
	return last, err
}
