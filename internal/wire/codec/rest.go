package codec

import (
	"io"
	"net/http"
	"reflect"
	"strings"

	"strongroom/internal/wire/model"
)

// Has reports whether the struct that in points to has the field.
func (c *Codec) Has(t reflect.Type, goName string) bool { return c.plan(t).byGo[goName] != nil }

// Required reports whether the models say that the field must be given.
func (c *Codec) Required(t reflect.Type, goName string) bool {
	f := c.plan(t).byGo[goName]
	return f != nil && f.facts.Required
}

// Set fills one field of in from the path or the query. Several values make a list.
func (c *Codec) Set(in any, goName, wireName string, values ...string) error {
	v := reflect.ValueOf(in).Elem()
	f := c.plan(v.Type()).byGo[goName]
	if f == nil {
		return &Error{wireName, "the operation's route names a field that does not exist"}
	}
	member := f.shape.at(v.Field(f.index))
	if f.shape.kind == listKind {
		list := reflect.MakeSlice(member.Type(), len(values), len(values))
		for i, value := range values {
			if err := f.shape.elem.parse(f.shape.elem.at(list.Index(i)), value, wireName); err != nil {
				return err
			}
		}
		member.Set(list)
		return nil
	}
	if len(values) == 0 {
		return nil
	}
	return f.shape.parse(member, values[0], wireName)
}

// SetHeaders fills the fields of in that travel in headers.
func (c *Codec) SetHeaders(in any, header http.Header) error {
	v := reflect.ValueOf(in).Elem()
	for _, f := range c.plan(v.Type()).fields {
		switch f.place {
		case inHeader:
			if err := setHeader(v.Field(f.index), f, header); err != nil {
				return err
			}
		case inHeaders:
			setHeaders(v.Field(f.index), f, header)
		case inBody, isPayload, isStatus:
		}
	}
	return nil
}

func setHeader(v reflect.Value, f *field, header http.Header) error {
	values := header.Values(f.facts.Header)
	if len(values) == 0 {
		return nil
	}
	if f.shape.kind == listKind {
		for _, value := range strings.Split(strings.Join(values, ","), ",") {
			element := reflect.New(v.Type().Elem()).Elem()
			if err := f.shape.elem.parse(f.shape.elem.at(element), strings.TrimSpace(value), f.facts.Header); err != nil {
				return err
			}
			v.Set(reflect.Append(v, element))
		}
		return nil
	}
	if values[0] == "" && f.shape.kind != stringKind {
		return nil
	}
	return f.shape.parse(f.shape.at(v), values[0], f.facts.Header)
}

func setHeaders(v reflect.Value, f *field, header http.Header) {
	found := reflect.MakeMap(v.Type())
	for name, values := range header {
		if len(name) > len(f.facts.HeaderPrefix) && strings.EqualFold(name[:len(f.facts.HeaderPrefix)], f.facts.HeaderPrefix) {
			key := strings.ToLower(name[len(f.facts.HeaderPrefix):])
			found.SetMapIndex(reflect.ValueOf(key), reflect.ValueOf(strings.Join(values, ",")))
		}
	}
	if found.Len() > 0 {
		v.Set(found)
	}
}

// Headers sets the headers that fields of out travel in.
func (c *Codec) Headers(out any, header http.Header) {
	v := reflect.ValueOf(out).Elem()
	for _, f := range c.plan(v.Type()).fields {
		if f.place != inHeader && f.place != inHeaders {
			continue
		}
		member, ok := f.shape.present(v.Field(f.index))
		switch {
		case !ok:
		case f.place == inHeaders:
			for _, key := range sortedKeys(member) {
				// In lower case, as S3 sends them: clients make the names of a user's metadata of what they read.
				header[strings.ToLower(f.facts.HeaderPrefix+key.String())] = []string{headerText(member.MapIndex(key).String())}
			}
		case f.shape.kind == listKind:
			var values []string
			for i := range member.Len() {
				values = append(values, f.shape.elem.text(member.Index(i), ""))
			}
			header.Set(f.facts.Header, headerText(strings.Join(values, ",")))
		default:
			format := f.facts.Time
			if format == "" {
				format = rfc822
			}
			header.Set(f.facts.Header, headerText(f.shape.text(member, format)))
		}
	}
}

// Status is the status that out itself tells, or 0.
func (c *Codec) Status(out any) int {
	v := reflect.ValueOf(out).Elem()
	for _, f := range c.plan(v.Type()).fields {
		if f.place == isStatus {
			return int(v.Field(f.index).Int())
		}
	}
	return 0
}

// headerText keeps line ends out of headers.
func headerText(s string) string {
	return strings.Map(func(r rune) rune {
		if r == '\r' || r == '\n' || r == 0 {
			return ' '
		}
		return r
	}, s)
}

// Payload says what an operation's body is.
type Payload int

// The kinds of bodies.
const (
	NoBody     Payload = iota // nothing: all members travel elsewhere, or there are none
	Members                   // the members that travel nowhere else
	Document                  // one member, a structure
	Bytes                     // one member, its bytes
	StreamBody                // one member, streamed
)

// Payload says what the body of a struct type is.
func (c *Codec) Payload(t reflect.Type) Payload {
	body := NoBody
	for _, f := range c.plan(t).fields {
		switch {
		case f.place == inBody:
			body = Members
		case f.place != isPayload: // in headers, or the status
		case f.shape.kind == streamKind:
			return StreamBody
		case f.shape.kind == structKind:
			return Document
		default:
			return Bytes
		}
	}
	return body
}

func (s *structure) payload() *field {
	for _, f := range s.fields {
		if f.place == isPayload {
			return f
		}
	}
	return nil
}

// SetStream hands body to in's streamed payload.
func (c *Codec) SetStream(in any, body io.ReadCloser) {
	v := reflect.ValueOf(in).Elem()
	f := c.plan(v.Type()).payload()
	v.Field(f.index).Set(reflect.ValueOf(body))
}

// Stream returns out's streamed payload, or nil.
func (c *Codec) Stream(out any) io.Reader {
	v := reflect.ValueOf(out).Elem()
	r, _ := v.Field(c.plan(v.Type()).payload().index).Interface().(io.Reader)
	return r
}

// SetPayload fills in's payload member from the body. An empty body leaves it nil.
func (c *Codec) SetPayload(in any, data []byte) error {
	if len(data) == 0 {
		return nil
	}
	v := reflect.ValueOf(in).Elem()
	f := c.plan(v.Type()).payload()
	member := f.shape.at(v.Field(f.index))
	switch f.shape.kind {
	case blobKind:
		member.SetBytes(data)
		return nil
	case stringKind:
		member.SetString(string(data))
		return nil
	default: // a document, in the form of the protocol
	}
	if c.service.Protocol == model.RESTXML {
		root, err := parseXML(data)
		if err != nil {
			return err
		}
		if root.name != f.outName {
			return malformedXML()
		}
		return c.decodeXMLStruct(member, f.shape.fields, root, "")
	}
	doc, err := parseJSON(data)
	if err != nil || doc == nil {
		return err
	}
	return decodeJSONStruct(member, f.shape.fields, doc, "")
}

// PayloadBytes spells out's payload member, and returns nil where there is none.
func (c *Codec) PayloadBytes(out any) []byte {
	v := reflect.ValueOf(out).Elem()
	f := c.plan(v.Type()).payload()
	member, ok := f.shape.present(v.Field(f.index))
	if !ok {
		return nil
	}
	switch {
	case f.shape.kind == blobKind:
		return member.Bytes()
	case f.shape.kind == stringKind:
		return []byte(member.String())
	case c.service.Protocol == model.RESTXML:
		b := []byte(`<` + f.outName + ` xmlns="` + c.service.Namespace + `">`)
		b = c.appendXMLStruct(b, member, f.shape.fields, false)
		return closeElement(b, f.outName)
	default:
		return appendJSONStruct(nil, member, f.shape.fields, false)
	}
}
