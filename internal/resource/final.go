package resource

// Final is an error of a job that trying again cannot mend.
type Final struct{ Err error }

func (f Final) Error() string { return f.Err.Error() }

// Unwrap gives the error itself.
func (f Final) Unwrap() error { return f.Err }
