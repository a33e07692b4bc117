package cloudtrail

import (
	"context"
	"encoding/json"
	"slices"

	"strongroom/internal/api"
	"strongroom/internal/state"
)

// interests are the selectors of the trails that log and have data events, by the accounts whose events they have.
type interests map[string][]state.TrailSelectors

var _ api.DataRecorder = (*Recorder)(nil)

// WantsData implements [api.DataRecorder].
func (r *Recorder) WantsData(c *api.Caller, owners []string) bool {
	known := r.interests.Load()
	if known == nil || len(*known) == 0 || c.Service == principal { // deliveries would make further ones
		return false
	}
	return len((*known)[c.AccountID]) > 0 || slices.ContainsFunc(owners, func(owner string) bool { return len((*known)[owner]) > 0 })
}

// readInterests looks which data events are wanted from now on.
func (r *Recorder) readInterests(ctx context.Context) error {
	wanted := interests{}
	err := r.config.DB.View(ctx, func(ctx context.Context, tx *state.Tx) error {
		all, err := tx.Trails(ctx)
		if err != nil {
			return err
		}
		for _, t := range all {
			if !t.Logging || !wantsData(t.Selectors) {
				continue
			}
			accounts, err := accountsOf(ctx, tx, t)
			if err != nil {
				return err
			}
			for _, account := range accounts {
				wanted[account] = append(wanted[account], t.Selectors)
			}
		}
		return nil
	})
	if err == nil {
		r.interests.Store(&wanted)
	}
	return err
}

// wanted leaves of the events of a data operation those that a trail asks for.
func (r *Recorder) wanted(events []state.Event) []state.Event {
	known := r.interests.Load()
	return slices.DeleteFunc(events, func(e state.Event) bool {
		var d document
		if known == nil || json.Unmarshal([]byte(e.Document), &d) != nil {
			return true
		}
		return !slices.ContainsFunc((*known)[e.AccountID], func(t state.TrailSelectors) bool { return wants(t, e, d) })
	})
}
