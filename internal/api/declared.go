package api

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
)

// declared holds every access that is asked for against the reference of its service and the row of its operation.
type declared struct {
	references map[string]*Reference // by prefix
	strict     bool
	told       sync.Map // what was logged already
}

func newDeclared() *declared {
	return &declared{references: map[string]*Reference{}, strict: testing.Testing()}
}

// add makes the facts of a service known; the first reference tells the prefix of its own actions. It panics where they
// do not parse: they are compiled in.
func (d *declared) add(s *Service) {
	references, err := ParseReference(s.Authorization)
	if err != nil {
		panic("authorization.txt of " + s.Name + ": " + err.Error())
	}
	s.prefix = s.Name
	if len(references) > 0 {
		s.prefix = references[0].Prefix
	}
	for i := range s.Operations {
		if len(references) > 0 {
			s.Operations[i].actions = references[0].operations[s.Operations[i].Name]
		}
	}
	for _, r := range references {
		d.references[r.Prefix] = r
	}
}

// action finds a declared action by its name in policies.
func (d *declared) action(name string) *Action {
	prefix, action, _ := strings.Cut(name, ":")
	r := d.references[prefix]
	if r == nil {
		return nil
	}
	return r.byName[strings.ToLower(action)]
}

// check returns a as the policies are to see it: with those keys of the context that the action has, since a service may
// gather all that it knows of a call at once. It tells of an access that is not as declared, which
// is a fault of the house: policies that are written by the reference would not meet it. A test ends by it, a server tells
// the log once and goes on, since what was asked for is still decided. op is nil where an operation asks while it runs.
func (d *declared) check(ctx context.Context, op *Operation, a Access) Access {
	prefix, _, _ := strings.Cut(a.Action, ":")
	r := d.references[prefix]
	if r == nil {
		return a // nothing is known of services that the door does not have
	}
	action := d.action(a.Action)
	if fault := d.fault(op, &a, r, action); fault != "" {
		if d.strict {
			panic("undeclared access to " + a.Resource + ": " + fault)
		}
		if _, told := d.told.LoadOrStore(fault, true); !told {
			slog.ErrorContext(ctx, "undeclared access", slog.String("fault", fault), slog.String("resource", a.Resource))
		}
	}
	if action != nil {
		a.Context = action.only(a.Context)
	}
	return a
}

// only are the keys that the action has. The map is copied if it has others.
func (a *Action) only(context map[string][]string) map[string][]string {
	kept := context
	for name := range context {
		if _, found := a.key(name); found || global(name) {
			continue
		}
		if len(kept) == len(context) {
			kept = maps.Clone(context)
		}
		delete(kept, name)
	}
	return kept
}

// fault is what is wrong with the access, "" if nothing is.
func (d *declared) fault(op *Operation, a *Access, r *Reference, action *Action) string {
	if op != nil && !slices.Contains(op.Actions(), a.Action) {
		return fmt.Sprintf("%s:%s asks for %s, which its row does not name", op.Service.Name, op.Name, a.Action)
	}
	if action == nil {
		return a.Action + " is not in the authorization.txt of its service"
	}
	if !action.takes(a.Resource) {
		return a.Action + " is asked for on what is of none of its types"
	}
	for name := range a.Context {
		key, found := action.key(name)
		switch {
		case found && key.Unsupplied:
			return fmt.Sprintf("%s has the key %s, which is declared not to be supplied", a.Action, key.Name)
		case !found && !global(name) && !r.knows(name):
			return fmt.Sprintf("%s has the key %s, which no action of the service knows", a.Action, name)
		}
	}
	return ""
}

// global reports whether every action may have the key. The keys of tags belong to those that declare them:
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html
func global(name string) bool {
	name = strings.ToLower(name)
	return strings.HasPrefix(name, "aws:") &&
		!strings.HasPrefix(name, "aws:resourcetag/") && !strings.HasPrefix(name, "aws:requesttag/") && name != "aws:tagkeys"
}
