package codec

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"io"
	"reflect"
	"slices"
	"strconv"
	"time"
	"unicode/utf8"
)

// DecodeJSON fills in, a pointer to an input struct, from a JSON object. An empty document is an empty object. Fields
// that travel elsewhere are not touched, unknown members ignored.
func (c *Codec) DecodeJSON(data []byte, in any) error {
	doc, err := parseJSON(data)
	if err != nil || doc == nil {
		return err
	}
	v := reflect.ValueOf(in).Elem()
	return decodeJSONStruct(v, c.plan(v.Type()), doc, "")
}

func parseJSON(data []byte) (any, error) {
	if len(bytes.TrimSpace(data)) == 0 {
		return nil, nil
	}
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	var doc any
	if err := d.Decode(&doc); err != nil {
		return nil, &Error{"", "the request is not JSON: " + err.Error()}
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, &Error{"", "something follows the JSON object"}
	}
	return doc, nil
}

func decodeJSONStruct(v reflect.Value, s *structure, doc any, path string) error {
	object, ok := doc.(map[string]any)
	if !ok {
		return &Error{path, jsonName(doc) + " can not be converted to a structure"}
	}
	for _, f := range s.fields {
		member, ok := object[f.outName]
		if !ok || member == nil || f.place != inBody {
			if f.facts.Absent != nil {
				f.shape.at(v.Field(f.index)).SetInt(*f.facts.Absent)
			}
			continue
		}
		if err := decodeJSON(v.Field(f.index), f.shape, member, within(path, f.outName)); err != nil {
			return err
		}
	}
	return nil
}

func decodeJSON(v reflect.Value, sh *shape, doc any, path string) error {
	v = sh.at(v)
	switch sh.kind {
	case structKind:
		return decodeJSONStruct(v, sh.fields, doc, path)
	case listKind:
		list, ok := doc.([]any)
		if !ok {
			return &Error{path, jsonName(doc) + " can not be converted to a list"}
		}
		v.Set(reflect.MakeSlice(v.Type(), len(list), len(list)))
		for i, element := range list {
			if element == nil {
				continue
			}
			if err := decodeJSON(v.Index(i), sh.elem, element, path+"."+strconv.Itoa(i+1)); err != nil {
				return err
			}
		}
		return nil
	case mapKind:
		object, ok := doc.(map[string]any)
		if !ok {
			return &Error{path, jsonName(doc) + " can not be converted to a map"}
		}
		v.Set(reflect.MakeMapWithSize(v.Type(), len(object)))
		for key, value := range object {
			element := reflect.New(v.Type().Elem()).Elem()
			if value != nil {
				if err := decodeJSON(element, sh.elem, value, within(path, key)); err != nil {
					return err
				}
			}
			v.SetMapIndex(reflect.ValueOf(key).Convert(v.Type().Key()), element)
		}
		return nil
	case unsupported, streamKind:
		return &Error{path, "this member is not implemented by Strongroom"}
	default:
		return decodeJSONScalar(v, sh, doc, path)
	}
}

func decodeJSONScalar(v reflect.Value, sh *shape, doc any, path string) error {
	switch doc := doc.(type) {
	case string:
		switch sh.kind {
		case stringKind, blobKind, timeKind:
			return sh.parse(v, doc, path)
		case floatKind:
			if slices.Contains([]string{"NaN", "Infinity", "-Infinity"}, doc) {
				return sh.parse(v, doc, path)
			}
		default: // refused below
		}
	case bool:
		if sh.kind == boolKind {
			v.SetBool(doc)
			return nil
		}
	case json.Number:
		switch sh.kind {
		case floatKind, timeKind:
			return sh.parse(v, doc.String(), path)
		case intKind:
			if f, err := doc.Float64(); err == nil && f == float64(int64(f)) && f > -1<<53 && f < 1<<53 { // 1e3 and 1.0
				return sh.parse(v, strconv.FormatInt(int64(f), 10), path)
			}
			return sh.parse(v, doc.String(), path)
		default: // refused below
		}
	}
	return &Error{path, jsonName(doc) + " can not be converted to " + sh.kind.name()}
}

func (k kind) name() string {
	return [...]string{"a supported type", "a String", "a Boolean", "an Integer", "a Float", "a Timestamp", "a Blob", "a list", "a map", "a structure", "a stream"}[k]
}

func jsonName(doc any) string {
	switch doc.(type) {
	case string:
		return "STRING_VALUE"
	case bool:
		return "BOOLEAN_VALUE"
	case json.Number:
		return "NUMBER_VALUE"
	case []any:
		return "START_ARRAY"
	case map[string]any:
		return "START_OBJECT"
	}
	return "NULL_VALUE"
}

// EncodeJSON spells the members of out, a pointer to a struct, that travel in the body. With lists, a list of out's
// own that is nil is spelled as an empty one, as AWS answers to List calls.
func (c *Codec) EncodeJSON(out any, lists bool) []byte {
	v := reflect.ValueOf(out).Elem()
	return appendJSONStruct(nil, v, c.plan(v.Type()), lists)
}

func appendJSONStruct(b []byte, v reflect.Value, s *structure, lists bool) []byte {
	b = append(b, '{')
	first := true
	for _, f := range s.fields {
		if f.place != inBody {
			continue
		}
		member, ok := f.shape.present(v.Field(f.index))
		if !ok && (!lists || f.shape.kind != listKind) {
			continue
		}
		if !first {
			b = append(b, ',')
		}
		first = false
		b = appendJSONString(b, f.outName)
		b = append(b, ':')
		b = appendJSON(b, member, f.shape)
	}
	return append(b, '}')
}

// appendJSON spells v, which is without its pointer.
func appendJSON(b []byte, v reflect.Value, sh *shape) []byte {
	switch sh.kind {
	case structKind:
		return appendJSONStruct(b, v, sh.fields, false)
	case listKind:
		b = append(b, '[')
		for i := range v.Len() {
			if i > 0 {
				b = append(b, ',')
			}
			b = appendJSONElement(b, v.Index(i), sh.elem)
		}
		return append(b, ']')
	case mapKind:
		b = append(b, '{')
		for i, key := range sortedKeys(v) {
			if i > 0 {
				b = append(b, ',')
			}
			b = appendJSONString(b, key.String())
			b = append(b, ':')
			b = appendJSONElement(b, v.MapIndex(key), sh.elem)
		}
		return append(b, '}')
	case stringKind:
		return appendJSONString(b, v.String())
	case blobKind:
		b = append(b, '"')
		b = base64.StdEncoding.AppendEncode(b, v.Bytes())
		return append(b, '"')
	case timeKind:
		return append(b, epoch(v.Interface().(time.Time))...)
	case floatKind:
		s := sh.text(v, "")
		if s[len(s)-1] > '9' { // NaN, Infinity
			return appendJSONString(b, s)
		}
		return append(b, s...)
	case boolKind, intKind:
		return append(b, sh.text(v, "")...)
	case unsupported, streamKind:
	}
	return append(b, "null"...)
}

// appendJSONElement spells an entry of a list or map, which has its place even where it is empty.
func appendJSONElement(b []byte, v reflect.Value, sh *shape) []byte {
	if sh.pointer {
		if v.IsNil() {
			return append(b, "null"...)
		}
		v = v.Elem()
	}
	return appendJSON(b, v, sh)
}

func sortedKeys(m reflect.Value) []reflect.Value {
	keys := m.MapKeys()
	slices.SortFunc(keys, func(a, b reflect.Value) int {
		switch {
		case a.String() < b.String():
			return -1
		case a.String() > b.String():
			return 1
		}
		return 0
	})
	return keys
}

func appendJSONString(b []byte, s string) []byte {
	const hex = "0123456789abcdef"
	b = append(b, '"')
	for i := 0; i < len(s); {
		c := s[i]
		switch {
		case c == '"' || c == '\\':
			b = append(b, '\\', c)
			i++
		case c == '\n':
			b = append(b, '\\', 'n')
			i++
		case c < ' ' || c == 0x7f:
			b = append(b, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
			i++
		case c < utf8.RuneSelf:
			b = append(b, c)
			i++
		default:
			r, size := utf8.DecodeRuneInString(s[i:])
			if r == utf8.RuneError && size == 1 {
				b = append(b, "\ufffd"...)
			} else {
				b = append(b, s[i:i+size]...)
			}
			i += size
		}
	}
	return append(b, '"')
}
