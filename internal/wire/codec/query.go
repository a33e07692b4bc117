package codec

import (
	"net/url"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"strongroom/internal/wire/model"
)

// parameter is a node of the tree that the dots in the parameters' names make.
type parameter struct {
	value    string
	set      bool
	children map[string]*parameter
}

func parseForm(form url.Values) (*parameter, error) {
	root := &parameter{}
	for name, values := range form {
		node := root
		parts := strings.Split(name, ".")
		if len(parts) > maxDepth {
			return nil, &Error{clip(name), "the parameter nests too deep"}
		}
		for _, part := range parts {
			child := node.children[part]
			if child == nil {
				child = &parameter{}
				if node.children == nil {
					node.children = map[string]*parameter{}
				}
				node.children[part] = child
			}
			node = child
		}
		if len(values) > 1 {
			return nil, &Error{clip(name), "the parameter is given more than once"}
		}
		node.value, node.set = values[0], true
	}
	return root, nil
}

// DecodeQuery fills in, a pointer to an input struct, from the parameters of a query or ec2 request.
func (c *Codec) DecodeQuery(form url.Values, in any) error {
	root, err := parseForm(form)
	if err != nil {
		return err
	}
	v := reflect.ValueOf(in).Elem()
	return c.decodeQueryStruct(v, c.plan(v.Type()), root, "")
}

func (c *Codec) decodeQueryStruct(v reflect.Value, s *structure, p *parameter, path string) error {
	for name, child := range p.children {
		f := s.byWire[name]
		if f == nil {
			continue
		}
		if err := c.decodeQuery(v.Field(f.index), f.shape, f, child, within(path, name)); err != nil {
			return err
		}
	}
	return nil
}

func (c *Codec) decodeQuery(v reflect.Value, sh *shape, f *field, p *parameter, path string) error {
	v = sh.at(v)
	switch sh.kind {
	case structKind:
		if p.set && p.value != "" {
			return &Error{path, "a single value stands where a structure belongs"}
		}
		return c.decodeQueryStruct(v, sh.fields, p, path)
	case listKind:
		if !f.facts.Flat && c.service.Protocol != model.EC2 {
			name := c.item(f)
			if inner := p.children[name]; inner != nil {
				p, path = inner, within(path, name)
			}
		}
		indices, err := p.indices(path)
		if err != nil {
			return err
		}
		v.Set(reflect.MakeSlice(v.Type(), len(indices), len(indices)))
		for i, index := range indices {
			if err := c.decodeQuery(v.Index(i), sh.elem, f, p.children[index], within(path, index)); err != nil {
				return err
			}
		}
		return nil
	case mapKind:
		if inner := p.children["entry"]; inner != nil && !f.facts.Flat {
			p, path = inner, within(path, "entry")
		}
		return c.decodeQueryMap(v, sh, f, p, path)
	default:
		if len(p.children) > 0 {
			return &Error{path, "a structure stands where a single value belongs"}
		}
		return sh.parse(v, p.value, path)
	}
}

func (c *Codec) decodeQueryMap(v reflect.Value, sh *shape, f *field, p *parameter, path string) error {
	indices, err := p.indices(path)
	if err != nil {
		return err
	}
	v.Set(reflect.MakeMapWithSize(v.Type(), len(indices)))
	for _, index := range indices {
		entry, path := p.children[index], within(path, index)
		key, value := entry.children[orElse(f.facts.Key, "key")], entry.children[orElse(f.facts.Value, "value")]
		if key == nil || value == nil {
			return &Error{path, "an entry has a key and a value"}
		}
		decoded := reflect.New(v.Type().Elem()).Elem()
		if err := c.decodeQuery(decoded, sh.elem, f, value, path); err != nil {
			return err
		}
		v.SetMapIndex(reflect.ValueOf(key.value).Convert(v.Type().Key()), decoded)
	}
	return nil
}

// indices are the numbers below p in their order. Gaps are allowed, as AWS allows them.
func (p *parameter) indices(path string) ([]string, error) {
	indices := make([]string, 0, len(p.children))
	for index := range p.children {
		if n, err := strconv.ParseUint(index, 10, 31); err != nil || strconv.FormatUint(n, 10) != index {
			return nil, &Error{within(path, index), "the elements of a list are numbered"}
		}
		indices = append(indices, index)
	}
	slices.SortFunc(indices, func(a, b string) int {
		if len(a) != len(b) {
			return len(a) - len(b)
		}
		return strings.Compare(a, b)
	})
	return indices, nil
}
