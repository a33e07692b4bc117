package wire

import (
	"fmt"
	"maps"
	"net/http"
	"slices"

	"strongroom/internal/api"
	"strongroom/internal/wire/codec"
	"strongroom/internal/wire/model"
)

// desk is where a service's requests are sorted.
type desk struct {
	service *api.Service // nil: the service is known by name only
	model   *model.Service
	codec   *codec.Codec
	router  router
}

// desk returns the desk of a service, or nil if nothing is known of it.
func (h *handler) desk(name string) *desk {
	if d, ok := h.desks.Load(name); ok {
		return d.(*desk)
	}
	facts := model.For(name)
	if facts == nil {
		return nil
	}
	d := &desk{service: h.Door.Service(name), model: facts, codec: codec.New(facts)}
	if facts.Protocol == model.RESTJSON || facts.Protocol == model.RESTXML {
		if err := d.fillRouter(h.Door); err != nil {
			panic(fmt.Sprintf("routes of %s: %v", name, err)) // a table of the program is wrong
		}
	}
	kept, _ := h.desks.LoadOrStore(name, d)
	return kept.(*desk)
}

// formerDesk returns the desk for requests in the protocol that a service spoke before, or nil if it spoke no other.
func (h *handler) formerDesk(name string) *desk {
	key := "query/" + name
	if d, ok := h.desks.Load(key); ok {
		return d.(*desk)
	}
	facts := model.FormerlyFor(name)
	if facts == nil {
		return nil
	}
	kept, _ := h.desks.LoadOrStore(key, &desk{service: h.Door.Service(name), model: facts, codec: codec.New(facts)})
	return kept.(*desk)
}

// fillRouter takes the routes of the service's table, and those of the model for the operations it does not have, so
// that a request for one of these is told apart and answered by name.
func (d *desk) fillRouter(door *api.Door) error {
	d.router.routes = map[string][]*route{}
	add := func(name, text string, op *api.Operation) error {
		r, err := parseRoute(text)
		if err != nil {
			return err
		}
		r.name, r.operation = name, op
		if op != nil {
			for i := range r.query {
				b := &r.query[i]
				b.required = d.codec.Required(op.In, b.field)
			}
			for _, field := range r.fields() {
				if !d.codec.Has(op.In, field) {
					return fmt.Errorf("%s: %s has no field %s", name, op.In, field)
				}
			}
		} else {
			for i := range r.query {
				b := &r.query[i]
				b.required = d.model.Shapes[name+"Input"][b.field].Required
			}
		}
		d.router.routes[r.method] = append(d.router.routes[r.method], r)
		return nil
	}
	for _, name := range slices.Sorted(maps.Keys(d.model.Operations)) {
		op := door.Operation(d.model.Name, name)
		text := d.model.Operations[name]
		if op != nil && op.Route != "" {
			text = op.Route
		}
		if err := add(name, text, op); err != nil {
			return err
		}
	}
	if d.service == nil {
		return nil
	}
	for i := range d.service.Operations {
		op := &d.service.Operations[i]
		if _, known := d.model.Operations[op.Name]; !known && op.Route != "" { // without a route it is for the house alone
			if err := add(op.Name, op.Route, op); err != nil {
				return err
			}
		}
	}
	return nil
}

func (r *route) fields() []string {
	var names []string
	for _, l := range r.labels {
		names = append(names, l.field)
	}
	for _, b := range r.query {
		names = append(names, b.field)
	}
	return names
}

// named returns the operation by its name. Operations that AWS has and the house does not answer NotImplemented.
func (d *desk) named(door *api.Door, name string) (*api.Operation, error) {
	if op := door.Operation(d.model.Name, name); op != nil {
		return op, nil
	}
	if _, known := d.model.Operations[name]; known {
		return nil, api.NotImplemented(d.model.Name + ":" + name)
	}
	switch d.model.Protocol {
	case model.Query:
		return nil, api.Errorf("InvalidAction", "Could not find operation %s for version %s", clip(name), d.model.Version)
	case model.EC2:
		return nil, api.Errorf("InvalidAction", "The action %s is not valid for this web service.", clip(name))
	default:
		return nil, api.Errorf("UnknownOperationException", "%s has no operation %s.", d.model.Name, clip(name))
	}
}

// noRoute is the answer to a REST request that is no operation.
func (d *desk) noRoute(method, path string) error {
	if d.model.Protocol == model.RESTXML {
		e := api.Errorf("MethodNotAllowed", "The specified method is not allowed against this resource.").WithStatus(http.StatusMethodNotAllowed)
		e.Members = map[string]string{"Method": method, "ResourceType": "SERVICE"}
		return e
	}
	return api.Errorf("UnknownOperationException", "%s has no operation %s %s.", d.model.Name, method, clip(path)).WithStatus(http.StatusNotFound)
}

func clip(s string) string {
	const most = 128
	if len(s) > most {
		return s[:most]
	}
	return s
}
