package codec

import (
	"reflect"
	"strings"
	"unicode/utf8"

	"strongroom/internal/wire/model"
)

const instanceNamespace = "http://www.w3.org/2001/XMLSchema-instance"

// EncodeXML spells the members of out, a pointer to a struct, that travel in the body, as elements without a root.
// With lists, a list of out's own that is nil is spelled as an empty one.
func (c *Codec) EncodeXML(out any, lists bool) []byte {
	v := reflect.ValueOf(out).Elem()
	return c.appendXMLStruct(nil, v, c.plan(v.Type()), lists)
}

func (c *Codec) appendXMLStruct(b []byte, v reflect.Value, s *structure, lists bool) []byte {
	for _, f := range s.fields {
		if f.place != inBody || f.facts.Attribute {
			continue
		}
		member, ok := f.shape.present(v.Field(f.index))
		if !ok {
			if lists && f.shape.kind == listKind && !f.facts.Flat {
				b = appendElement(b, f.outName, "")
			}
			continue
		}
		b = c.appendXMLField(b, member, f)
	}
	return b
}

func (c *Codec) appendXMLField(b []byte, v reflect.Value, f *field) []byte {
	switch f.shape.kind {
	case listKind:
		if f.facts.Flat {
			for i := range v.Len() {
				b = c.appendXML(b, f.outName, v.Index(i), f.shape.elem, f)
			}
			return b
		}
		return c.appendXMLList(b, f.outName, v, f.shape, f)
	case mapKind:
		entry := f.outName
		if !f.facts.Flat {
			b = openElement(b, f.outName)
			entry = "entry"
		}
		for _, key := range sortedKeys(v) {
			b = openElement(b, entry)
			b = appendElement(b, orElse(f.facts.Key, "key"), key.String())
			b = c.appendXML(b, orElse(f.facts.Value, "value"), v.MapIndex(key), f.shape.elem, f)
			b = closeElement(b, entry)
		}
		if !f.facts.Flat {
			b = closeElement(b, f.outName)
		}
		return b
	default:
		return c.appendXML(b, f.outName, v, f.shape, f)
	}
}

func (c *Codec) appendXMLList(b []byte, name string, v reflect.Value, sh *shape, f *field) []byte {
	b = openElement(b, name)
	for i := range v.Len() {
		b = c.appendXML(b, c.item(f), v.Index(i), sh.elem, f)
	}
	return closeElement(b, name)
}

// item is the name of a list's elements.
func (c *Codec) item(f *field) string {
	switch {
	case f.facts.Item != "":
		return f.facts.Item
	case c.service.Protocol == model.EC2:
		return "item"
	default:
		return "member"
	}
}

// appendXML spells one element; v may be a pointer.
func (c *Codec) appendXML(b []byte, name string, v reflect.Value, sh *shape, f *field) []byte {
	if v.Kind() == reflect.Pointer {
		if v.IsNil() {
			return appendElement(b, name, "")
		}
		v = v.Elem()
	}
	switch sh.kind {
	case structKind:
		b = openStructure(b, name, v, sh.fields)
		b = c.appendXMLStruct(b, v, sh.fields, false)
		return closeElement(b, name)
	case listKind:
		return c.appendXMLList(b, name, v, sh, f)
	default:
		return appendElement(b, name, sh.text(v, f.facts.Time))
	}
}

// openStructure opens the element of a structure, with its attributes.
func openStructure(b []byte, name string, v reflect.Value, s *structure) []byte {
	b = append(b, '<')
	b = append(b, name...)
	for _, f := range s.fields {
		if !f.facts.Attribute {
			continue
		}
		if member, ok := f.shape.present(v.Field(f.index)); ok {
			if strings.HasPrefix(f.outName, "xsi:") {
				b = append(b, ` xmlns:xsi="`+instanceNamespace+`"`...)
			}
			b = append(b, ' ')
			b = append(b, f.outName...)
			b = append(b, '=', '"')
			b = AppendXMLText(b, f.shape.text(member, f.facts.Time))
			b = append(b, '"')
		}
	}
	return append(b, '>')
}

func openElement(b []byte, name string) []byte {
	b = append(b, '<')
	b = append(b, name...)
	return append(b, '>')
}

func closeElement(b []byte, name string) []byte {
	b = append(b, '<', '/')
	b = append(b, name...)
	return append(b, '>')
}

func appendElement(b []byte, name, text string) []byte {
	b = openElement(b, name)
	b = AppendXMLText(b, text)
	return closeElement(b, name)
}

// AppendXMLText spells s so that it can stand in an element or an attribute. What XML cannot hold becomes U+FFFD.
func AppendXMLText(b []byte, s string) []byte {
	for i := 0; i < len(s); {
		r, size := utf8.DecodeRuneInString(s[i:])
		switch {
		case r == '&':
			b = append(b, "&amp;"...)
		case r == '<':
			b = append(b, "&lt;"...)
		case r == '>':
			b = append(b, "&gt;"...)
		case r == '"':
			b = append(b, "&quot;"...)
		case r == '\r':
			b = append(b, "&#13;"...)
		case r == '\n' || r == '\t':
			b = append(b, "&#"...)
			b = append(b, map[rune]string{'\n': "10", '\t': "9"}[r]...)
			b = append(b, ';')
		case r < ' ' || r == 0xfffe || r == 0xffff || r == utf8.RuneError && size == 1:
			b = append(b, "\ufffd"...)
		default:
			b = append(b, s[i:i+size]...)
		}
		i += size
	}
	return b
}

func orElse(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}
