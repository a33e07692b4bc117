package work

import (
	"context"
	"errors"
)

// watchServices has the services do what the clock has made due.
func (r *Runner) watchServices(ctx context.Context) {
	r.watch(ctx, "what is due in services", lookAgain, r.runServices)
}

func (r *Runner) runServices(ctx context.Context) error {
	var all []error
	for _, due := range r.Due {
		all = append(all, due(ctx))
	}
	return errors.Join(all...)
}
