package api

import "context"

// Observer is an [Authorizer] that also wants to know of every call that was let through to its authorization, whatever
// came of it: it keeps who used what, and when.
type Observer interface {
	Observe(ctx context.Context, c *Caller, op *Operation)
}
