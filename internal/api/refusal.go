package api

import (
	"errors"

	"strongroom/iampolicy"
)

// RefusalError is the cause ([Error.Err]) of an error by which an [Authorizer] refuses. It stays in the error that a
// service answers with in its place ([Access.DeniedAs]), so that whoever a call was made for can tell what was missing.
type RefusalError struct {
	// Explanation tells what decided, for the log.
	Explanation string
	// Encode makes what sts:DecodeAuthorizationMessage takes, for services that answer with it
	// ([Service.EncodesRefusals]).
	Encode func() string
	// Explain tells the same as data, with what would open the gates that are shut. It is worked out when it is called;
	// nil where nobody can tell.
	Explain func() iampolicy.Explanation
}

func (r *RefusalError) Error() string { return r.Explanation }

// ExplanationOf is the explanation of the refusal that err goes back to, or nil if it goes back to none.
func ExplanationOf(err error) *iampolicy.Explanation {
	refusal, ok := errors.AsType[*RefusalError](err)
	if !ok || refusal.Explain == nil {
		return nil
	}
	explanation := refusal.Explain()
	return &explanation
}
