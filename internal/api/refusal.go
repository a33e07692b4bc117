package api

// Refusal is the cause ([Error.Err]) of an error by which an [Authorizer] refuses.
type Refusal struct {
	// Explanation tells what decided, for the log.
	Explanation string
	// Encode makes what sts:DecodeAuthorizationMessage takes, for services that answer with it
	// ([Service.EncodesRefusals]).
	Encode func() string
}

func (r *Refusal) Error() string { return r.Explanation }
