package iampolicy

// applies reports whether the statement speaks of the request. The resource of a statement without a Resource element
// is the one its policy is attached to, so only a resource's own policy may leave it out.
func (s *Statement) applies(e *environment, ownResource bool) bool {
	return s.matchesAction(e) && s.matchesResource(e, ownResource) && s.failingCondition(e) < 0
}

func (s *Statement) matchesAction(e *environment) bool {
	for i := range s.actions {
		if s.actions[i].match(e.action, e) {
			return s.Actions != nil
		}
	}
	return s.NotActions != nil
}

func (s *Statement) matchesResource(e *environment, ownResource bool) bool {
	if s.Resources == nil && s.NotResources == nil {
		return ownResource
	}
	for i := range s.resources {
		if s.resources[i].match(e.request.Resource, e) {
			return s.Resources != nil
		}
	}
	return s.NotResources != nil
}

// failingCondition is the index of the first condition that does not hold, or -1.
func (s *Statement) failingCondition(e *environment) int {
	for i := range s.conditions {
		if !s.conditions[i].holds(e) {
			return i
		}
	}
	return -1
}

// names is how the statement names the caller. A statement that must name somebody and names nobody speaks to nobody.
func (s *Statement) names(e *environment, needed bool) naming {
	switch {
	case s.Principal != nil:
		return s.Principal.naming(&e.request.Principal)
	case s.NotPrincipal != nil:
		if s.NotPrincipal.exempts(&e.request.Principal, s.Effect, e.bounded) {
			return notNamed
		}
		return byRole
	case needed:
		return notNamed
	}
	return personally
}
