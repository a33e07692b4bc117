package codec

import (
	"io"
	"reflect"
	"strings"
	"sync"
	"time"

	"strongroom/internal/wire/model"
)

// Codec reads and writes the structs of one service. It may be used at once by any number of callers.
type Codec struct {
	service *model.Service

	mu    sync.RWMutex
	plans map[reflect.Type]*structure // complete plans only
}

// New returns the codec of a service.
func New(service *model.Service) *Codec {
	return &Codec{service: service, plans: map[reflect.Type]*structure{}}
}

type kind int

const (
	unsupported kind = iota
	stringKind
	boolKind
	intKind
	floatKind
	timeKind
	blobKind
	listKind
	mapKind
	structKind
	streamKind
)

// shape is a Go type as the protocols see it.
type shape struct {
	kind    kind
	pointer bool
	goType  reflect.Type // without the pointer
	elem    *shape       // of lists and maps
	fields  *structure   // of structures
	enum    []string     // the values of an enumeration
}

// structure is a struct type with its fields.
type structure struct {
	name   string
	fields []*field
	byGo   map[string]*field
	byWire map[string]*field // fields of the body, by the name that requests use
}

// place is where a field travels.
type place int

const (
	inBody place = iota
	inHeader
	inHeaders
	isPayload
	isStatus
)

type field struct {
	index   int
	goName  string
	outName string // in responses, and in XML and JSON requests
	inName  string // in query requests
	facts   model.Field
	place   place
	shape   *shape
}

var (
	timeType       = reflect.TypeFor[time.Time]()
	readerType     = reflect.TypeFor[io.Reader]()
	readCloserType = reflect.TypeFor[io.ReadCloser]()
	bytesType      = reflect.TypeFor[[]byte]()
)

// plan returns the plan of a struct type.
func (c *Codec) plan(t reflect.Type) *structure {
	c.mu.RLock()
	s := c.plans[t]
	c.mu.RUnlock()
	if s != nil {
		return s
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if s := c.plans[t]; s != nil {
		return s
	}
	fresh := map[reflect.Type]*structure{}
	s = c.build(t, fresh)
	for t, s := range fresh {
		c.plans[t] = s
	}
	return s
}

// build makes the plan of t and of all it reaches; structures refer to themselves through fresh. c.mu is held.
func (c *Codec) build(t reflect.Type, fresh map[reflect.Type]*structure) *structure {
	if s := c.plans[t]; s != nil {
		return s
	}
	if s := fresh[t]; s != nil {
		return s
	}
	s := &structure{name: t.Name(), byGo: map[string]*field{}, byWire: map[string]*field{}}
	fresh[t] = s
	facts := c.service.Shapes[t.Name()]
	for i := range t.NumField() {
		sf := t.Field(i)
		if !sf.IsExported() || sf.Name == "ResultMetadata" {
			continue
		}
		f := &field{index: i, goName: sf.Name, facts: facts[sf.Name], shape: c.shapeOf(sf.Type, fresh)}
		c.name(f)
		s.fields = append(s.fields, f)
		s.byGo[f.goName] = f
		if f.place == inBody {
			s.byWire[f.inName] = f
		}
	}
	return s
}

// name sets the field's place and names.
func (c *Codec) name(f *field) {
	switch {
	case f.facts.Header != "":
		f.place = inHeader
	case f.facts.HeaderPrefix != "":
		f.place = inHeaders
	case f.facts.Payload:
		f.place = isPayload
	case f.facts.Status:
		f.place = isStatus
	}
	f.outName, f.inName = f.goName, f.goName
	if c.service.Protocol == model.EC2 {
		f.outName = strings.ToLower(f.goName[:1]) + f.goName[1:]
		if f.shape.kind == listKind {
			f.outName = strings.TrimSuffix(f.outName, "s") + "Set"
			f.inName = strings.TrimSuffix(f.goName, "s")
		}
		if f.facts.Query != "" {
			f.inName = f.facts.Query
		}
	}
	if f.facts.Name != "" {
		f.outName = f.facts.Name
		if c.service.Protocol != model.EC2 {
			f.inName = f.facts.Name
		}
	}
	if f.place == isPayload && f.facts.PayloadName != "" {
		f.outName = f.facts.PayloadName
	}
}

func (c *Codec) shapeOf(t reflect.Type, fresh map[reflect.Type]*structure) *shape {
	sh := &shape{goType: t}
	if t.Kind() == reflect.Pointer {
		sh.pointer = true
		sh.goType = t.Elem()
	}
	switch t := sh.goType; {
	case t == timeType:
		sh.kind = timeKind
	case t == bytesType:
		sh.kind = blobKind
	case t == readerType || t == readCloserType:
		sh.kind = streamKind
	case t.Kind() == reflect.String:
		sh.kind = stringKind
		sh.enum = enumValues(t)
	case t.Kind() == reflect.Bool:
		sh.kind = boolKind
	case t.Kind() == reflect.Int32 || t.Kind() == reflect.Int64:
		sh.kind = intKind
	case t.Kind() == reflect.Float32 || t.Kind() == reflect.Float64:
		sh.kind = floatKind
	case t.Kind() == reflect.Slice:
		sh.kind = listKind
		sh.elem = c.shapeOf(t.Elem(), fresh)
	case t.Kind() == reflect.Map && t.Key().Kind() == reflect.String:
		sh.kind = mapKind
		sh.elem = c.shapeOf(t.Elem(), fresh)
	case t.Kind() == reflect.Struct:
		sh.kind = structKind
		sh.fields = c.build(t, fresh)
	}
	return sh
}

// enumValues are the values of an SDK enumeration, whose types have a method Values.
func enumValues(t reflect.Type) []string {
	method, ok := t.MethodByName("Values")
	if !ok || method.Type.NumIn() != 1 || method.Type.NumOut() != 1 {
		return nil
	}
	list := method.Func.Call([]reflect.Value{reflect.Zero(t)})[0]
	if list.Kind() != reflect.Slice {
		return nil
	}
	values := make([]string, list.Len())
	for i := range values {
		values[i] = list.Index(i).String()
	}
	return values
}

// at returns the value to write into for a field or element of shape sh, made if it is a nil pointer.
func (sh *shape) at(v reflect.Value) reflect.Value {
	if !sh.pointer {
		return v
	}
	if v.IsNil() {
		v.Set(reflect.New(sh.goType))
	}
	return v.Elem()
}

// present returns the value without its pointer, and whether it is there at all.
func (sh *shape) present(v reflect.Value) (reflect.Value, bool) {
	if sh.pointer {
		if v.IsNil() {
			return v, false
		}
		return v.Elem(), true
	}
	switch sh.kind {
	case stringKind:
		return v, v.Len() > 0
	case blobKind, listKind, mapKind, streamKind:
		return v, !v.IsNil()
	case unsupported:
		return v, !v.IsZero()
	default: // a number, a truth, a time or a structure that is no pointer is always there
		return v, true
	}
}

// Error is a request that does not have the form its protocol and types ask for.
type Error struct {
	Field   string // path in the request, as its author wrote it; empty for the whole
	Message string
}

func (e *Error) Error() string {
	if e.Field == "" {
		return e.Message
	}
	return e.Field + ": " + e.Message
}

func within(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}
