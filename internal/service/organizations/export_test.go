package organizations

// SetFew changes how many accounts are few for a change to be evaluated with it.
func (s *Service) SetFew(n int) { s.few = n }
