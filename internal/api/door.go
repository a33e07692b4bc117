package api

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"reflect"
	"slices"
)

// Door holds the operations of all services and lets calls through. Services are registered while the process is
// wired; afterwards a Door may be used at once by any number of callers.
type Door struct {
	authorizer Authorizer
	recorder   Recorder
	declared   *declared
	services   map[string]*Service
	byInput    map[reflect.Type]*Operation
	byName     map[string]map[string]*Operation
}

// NewDoor returns a door without services.
func NewDoor(a Authorizer, r Recorder) *Door {
	return &Door{
		authorizer: a,
		recorder:   r,
		declared:   newDeclared(),
		services:   map[string]*Service{},
		byInput:    map[reflect.Type]*Operation{},
		byName:     map[string]map[string]*Operation{},
	}
}

// Register adds a service. It panics if a service or an input type is registered twice: the wiring is wrong.
func (d *Door) Register(s *Service) {
	if d.services[s.Name] != nil {
		panic("service " + s.Name + " is registered twice")
	}
	d.services[s.Name] = s
	d.declared.add(s)
	d.byName[s.Name] = map[string]*Operation{}
	for i := range s.Operations {
		op := &s.Operations[i]
		op.Service = s
		if d.byInput[op.In] != nil {
			panic("operation " + s.Name + ":" + op.Name + " is registered twice")
		}
		d.byInput[op.In] = op
		d.byName[s.Name][op.Name] = op
	}
}

// Service returns a registered service, or nil.
func (d *Door) Service(name string) *Service { return d.services[name] }

// Services returns all registered services by name.
func (d *Door) Services() map[string]*Service { return d.services }

// Operation returns a service's operation by name, or nil.
func (d *Door) Operation(service, name string) *Operation { return d.byName[service][name] }

// Action returns what the reference says of an action such as "s3:GetObject", or nil.
func (d *Door) Action(name string) *Action { return d.declared.action(name) }

// Do authorizes the call of op, makes it, and records it.
func (d *Door) Do(ctx context.Context, c *Caller, op *Operation, in any) (any, error) {
	var accesses []Access
	var owners []string
	out, err := func() (any, error) {
		if observer, ok := d.authorizer.(Observer); ok {
			observer.Observe(ctx, c, op)
		}
		if op.access != nil {
			var err error
			if accesses, err = op.access(ctx, c, in); err != nil {
				return nil, err
			}
			if err := d.authorize(ctx, c, op.Service, op, accesses); err != nil {
				return nil, err
			}
			owners = ownersOf(c, accesses)
		}
		return op.call(ctx, c, in)
	}()
	if !op.Data || d.wantsData(c, owners) {
		resources := make([]string, 0, len(accesses))
		for _, a := range accesses {
			if a.Resource != "*" {
				resources = append(resources, a.Resource)
			}
		}
		if op.made != nil && err == nil {
			resources = append(resources, op.made(out))
		}
		d.recorder.Record(ctx, &Record{Caller: c, Operation: op, Input: in, Output: out, Err: err, Resources: resources, Owners: owners})
	}
	return out, err
}

// wantsData reports whether a data operation is to be recorded, too.
func (d *Door) wantsData(c *Caller, owners []string) bool {
	r, ok := d.recorder.(DataRecorder)
	return ok && r.WantsData(c, owners)
}

// Recorded reports whether data operations of the caller on what an account owns are recorded one by one.
func (d *Door) Recorded(c *Caller, owner string) bool {
	return d.wantsData(c, ownersOf(c, []Access{{ResourceAccountID: owner}}))
}

// Check asks whether the caller may make the call that takes in, without making it. It answers with what the call would be
// refused with: that it is denied, or that what it names does not exist.
func (d *Door) Check(ctx context.Context, c *Caller, in any) error {
	op := d.byInput[reflect.TypeOf(in).Elem()]
	if op == nil {
		return NotImplemented(reflect.TypeOf(in).Elem().String())
	}
	if op.access == nil {
		return nil
	}
	accesses, err := op.access(ctx, c, in)
	if err != nil {
		return err
	}
	return d.authorize(ctx, c, op.Service, op, accesses)
}

// ownersOf lists the other accounts that were asked. What an ARN says counts for nothing here: the caller may have made
// it up.
func ownersOf(c *Caller, accesses []Access) (owners []string) {
	for _, a := range accesses {
		if owner := a.ResourceAccountID; owner != "" && owner != c.AccountID && !slices.Contains(owners, owner) {
			owners = append(owners, owner)
		}
	}
	return owners
}

// Authorize asks for further accesses in the middle of an operation, such as iam:PassRole, on behalf of the service
// whose spelling of a refusal is wanted.
func (d *Door) Authorize(ctx context.Context, c *Caller, service string, accesses ...Access) error {
	return d.authorize(ctx, c, d.services[service], nil, accesses)
}

// authorize asks for accesses of op, or of an operation that runs where op is nil.
func (d *Door) authorize(ctx context.Context, c *Caller, s *Service, op *Operation, accesses []Access) error {
	for _, a := range accesses {
		err := d.authorizer.Authorize(ctx, c, d.declared.check(ctx, op, a))
		if err == nil {
			continue
		}
		var refused *Error
		if !errors.As(err, &refused) {
			return err
		}
		if a.DeniedAs != nil {
			answer := *a.DeniedAs(refused.Message)
			answer.Err = errors.Join(answer.Err, err)
			return &answer
		}
		answer := *refused
		if s != nil && s.AccessDenied != "" {
			answer.Code = s.AccessDenied
		}
		if why, ok := errors.AsType[*RefusalError](err); ok && s != nil && s.EncodesRefusals {
			answer.Message = "You are not authorized to perform this operation. " + answer.Message +
				". Encoded authorization failure message: " + why.Encode()
		}
		answer.Status = http.StatusForbidden
		if s != nil && s.AccessDeniedStatus != 0 {
			answer.Status = s.AccessDeniedStatus
		}
		return &answer
	}
	return nil
}

// Call makes a call inside the house: the operation is the one that takes in, a pointer to an SDK input struct.
//
//	out, err := api.Call[kms.DecryptOutput](ctx, door, caller, &kms.DecryptInput{…})
func Call[Out any](ctx context.Context, d *Door, c *Caller, in any) (*Out, error) {
	op := d.byInput[reflect.TypeOf(in).Elem()]
	if op == nil {
		return nil, NotImplemented(reflect.TypeOf(in).Elem().String())
	}
	out, err := d.Do(ctx, c, op, in)
	if err != nil {
		return nil, err
	}
	typed, ok := out.(*Out)
	if !ok {
		panic(fmt.Sprintf("%s answers with %T, not the %T that was asked for", op.Name, out, typed))
	}
	return typed, nil
}
