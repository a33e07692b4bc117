package api

// RefusalError is the cause ([Error.Err]) of an error by which an [Authorizer] refuses.
type RefusalError struct {
	// Explanation tells what decided, for the log.
	Explanation string
	// Encode makes what sts:DecodeAuthorizationMessage takes, for services that answer with it
	// ([Service.EncodesRefusals]).
	Encode func() string
}

func (r *RefusalError) Error() string { return r.Explanation }
