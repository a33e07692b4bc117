package work

import (
	"context"
	"fmt"
	"log/slog"
	"time"
)

// SettlePolicies waits until what follows from policies is done: which rules run next follows from it, too.
func (r *Runner) SettlePolicies(ctx context.Context) error {
	for {
		following, err := r.Queue.Following(ctx)
		if err != nil || !following {
			return err
		}
		if rest(ctx, 20*time.Millisecond, nil); ctx.Err() != nil {
			return ctx.Err()
		}
	}
}

// followPolicies does what follows from the policies of an organization. Its job is enqueued with the change, and stays until
// all accounts have what they should.
func (r *Runner) followPolicies(ctx context.Context, organizationID string) error {
	if r.FollowPolicies == nil {
		return nil
	}
	if err := r.FollowPolicies(ctx, organizationID); err != nil {
		if ctx.Err() == nil {
			r.Log.WarnContext(ctx, "the policies of an organization will be followed again", slog.String("organization", organizationID), slog.String("error", err.Error()))
		}
		return fmt.Errorf("following the policies of %s: %w", organizationID, err)
	}
	return nil
}
