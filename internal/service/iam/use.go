package iam

import (
	"context"
	"errors"
	"log/slog"
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

// uses keeps when users, roles and access keys were last used.
type uses struct {
	db    *state.DB
	clock clock.Clock
	log   *slog.Logger

	noted sync.Map // use → state.Micros of the last one written
	count atomic.Int64
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
	if !byPrincipal && !byKey {
		return
	}
	err := u.db.Update(ctx, func(ctx context.Context, tx *state.Tx) error {
		var errs []error
		if byPrincipal {
			errs = append(errs, tx.PutPrincipalUse(ctx, state.PrincipalUse{
				AccountID: c.accountID, PrincipalID: c.principalID, Service: c.service, Action: c.action, Region: c.region, UsedAt: now,
			}))
		}
		if byKey {
			errs = append(errs, tx.PutAccessKeyUse(ctx, state.AccessKeyUse{ID: c.keyID, Service: c.service, Region: c.region, UsedAt: now}))
		}
		return errors.Join(errs...)
	})
	if err != nil && ctx.Err() == nil {
		u.log.WarnContext(ctx, "noting a use", slog.String("principal", c.principalID), slog.Any("error", err))
	}
}

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
func withLastUse(ctx context.Context, tx *state.Tx, role state.Role) (state.Role, error) {
	last, err := tx.LastPrincipalUse(ctx, role.AccountID, role.ID)
	if errors.Is(err, state.ErrNotFound) {
		return role, nil
	}
	if last.UsedAt > role.LastUsedAt {
		role.LastUsedAt, role.LastUsedRegion = last.UsedAt, last.Region
	}
	return role, err
}
