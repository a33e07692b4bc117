package codec

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"reflect"
	"strings"
)

// maxDepth is how deep a request's structures may nest.
const maxDepth = 64

// element is a parsed XML element.
type element struct {
	name       string
	attributes map[string]string // by local name
	children   []*element
	text       string
}

func parseXML(data []byte) (*element, error) {
	d := xml.NewDecoder(bytes.NewReader(data))
	d.Entity = map[string]string{}
	root := &element{}
	stack := []*element{root}
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, malformedXML()
		}
		top := stack[len(stack)-1]
		switch token := token.(type) {
		case xml.StartElement:
			if len(stack) > maxDepth {
				return nil, malformedXML()
			}
			e := &element{name: token.Name.Local}
			for _, a := range token.Attr {
				if e.attributes == nil {
					e.attributes = map[string]string{}
				}
				e.attributes[a.Name.Local] = a.Value
			}
			top.children = append(top.children, e)
			stack = append(stack, e)
		case xml.EndElement:
			stack = stack[:len(stack)-1]
		case xml.CharData:
			top.text += string(token)
		case xml.Directive:
			return nil, malformedXML() // no document types
		}
	}
	if len(root.children) != 1 {
		return nil, malformedXML()
	}
	return root.children[0], nil
}

func malformedXML() *Error {
	return &Error{"", "The XML you provided was not well-formed or did not validate against our published schema"}
}

// DecodeXML fills in, a pointer to a struct, from a document whose root element holds its members.
func (c *Codec) DecodeXML(data []byte, in any) error {
	root, err := parseXML(data)
	if err != nil {
		return err
	}
	v := reflect.ValueOf(in).Elem()
	return c.decodeXMLStruct(v, c.plan(v.Type()), root, "")
}

func (c *Codec) decodeXMLStruct(v reflect.Value, s *structure, e *element, path string) error {
	for _, f := range s.fields {
		if f.facts.Attribute {
			_, local, _ := strings.Cut(f.outName, ":")
			if value, ok := e.attributes[local]; ok {
				if err := f.shape.parse(f.shape.at(v.Field(f.index)), value, within(path, f.outName)); err != nil {
					return err
				}
			}
		}
	}
	for _, child := range e.children {
		f := s.byWire[child.name]
		if f == nil || f.facts.Attribute {
			continue
		}
		if err := c.decodeXMLField(v.Field(f.index), f, child, within(path, child.name)); err != nil {
			return err
		}
	}
	return nil
}

func (c *Codec) decodeXMLField(v reflect.Value, f *field, e *element, path string) error {
	switch f.shape.kind {
	case listKind:
		if f.facts.Flat {
			return c.appendDecoded(v, f.shape.elem, f, e, path)
		}
		return c.decodeXMLList(v, f.shape, f, e, path)
	case mapKind:
		entries := []*element{e}
		if !f.facts.Flat {
			entries = e.children
		}
		if v.IsNil() {
			v.Set(reflect.MakeMap(v.Type()))
		}
		for _, entry := range entries {
			key, value := entry.child(orElse(f.facts.Key, "key")), entry.child(orElse(f.facts.Value, "value"))
			if key == nil || value == nil {
				return malformedXML()
			}
			decoded := reflect.New(v.Type().Elem()).Elem()
			if err := c.decodeXML(decoded, f.shape.elem, f, value, within(path, key.text)); err != nil {
				return err
			}
			v.SetMapIndex(reflect.ValueOf(key.text).Convert(v.Type().Key()), decoded)
		}
		return nil
	default:
		return c.decodeXML(v, f.shape, f, e, path)
	}
}

func (c *Codec) decodeXMLList(v reflect.Value, sh *shape, f *field, e *element, path string) error {
	v.Set(reflect.MakeSlice(v.Type(), 0, len(e.children)))
	for _, child := range e.children {
		if child.name != c.item(f) {
			continue
		}
		if err := c.appendDecoded(v, sh.elem, f, child, path); err != nil {
			return err
		}
	}
	return nil
}

func (c *Codec) appendDecoded(list reflect.Value, sh *shape, f *field, e *element, path string) error {
	decoded := reflect.New(list.Type().Elem()).Elem()
	if err := c.decodeXML(decoded, sh, f, e, path); err != nil {
		return err
	}
	list.Set(reflect.Append(list, decoded))
	return nil
}

func (c *Codec) decodeXML(v reflect.Value, sh *shape, f *field, e *element, path string) error {
	v = sh.at(v)
	switch sh.kind {
	case structKind:
		return c.decodeXMLStruct(v, sh.fields, e, path)
	case listKind:
		return c.decodeXMLList(v, sh, f, e, path)
	case stringKind:
		v.SetString(e.text)
		return nil
	default:
		return sh.parse(v, strings.TrimSpace(e.text), path)
	}
}

func (e *element) child(name string) *element {
	for _, child := range e.children {
		if child.name == name {
			return child
		}
	}
	return nil
}
