package cloudtrail

import (
	"encoding/json"
	"io"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode/utf8"
)

// maxParameters is the size in bytes up to which a record shows the parameters of a call and of its answer, each.
const maxParameters = 100 << 10

// hidden stands for a secret, as CloudTrail writes it.
const hidden = `"HIDDEN_DUE_TO_SECURITY_REASONS"`

// secretFields are the members of requests and answers that no record shows: what AWS's models mark as sensitive because it
// opens something, and the content of messages and events. Bytes are never shown, whatever their name.
var secretFields = map[string]bool{
	"AddPrivateKey": true, "AuthenticationCode1": true, "AuthenticationCode2": true, "ContextAssertion": true, "CopySourceSSECustomerKey": true, "Detail": true, "EventSourceToken": true,
	"GrantToken": true, "GrantTokens": true, "KeyStorePassword": true, "MasterUserPassword": true, "Message": true, "MessageBody": true,
	"NewPassword": true, "OldPassword": true, "Password": true, "PrivateKey": true, "RawSecretAccessKey": true, "ReceiptHandle": true,
	"SAMLAssertion": true, "SSECustomerKey": true, "SecretAccessKey": true, "SecretString": true, "ServiceCredentialSecret": true,
	"ServicePassword": true, "SessionToken": true, "TdeCredentialPassword": true, "Token": true, "TokenCode": true, "TradeInToken": true, "Variables": true, "WebIdentityToken": true,
}

// IsSecret reports whether records hide a member of a request or an answer by its name.
func IsSecret(member string) bool { return secretFields[member] }

// parameters prints an input or output of the SDK as records show it: members by their names with a small first letter,
// without those that are not set, without bytes, streams and secrets. Nothing to show is null.
func parameters(v any) json.RawMessage {
	text, shown := appendValue(nil, reflect.ValueOf(v))
	switch {
	case !shown || string(text) == "{}":
		return json.RawMessage("null")
	case len(text) > maxParameters:
		return json.RawMessage(`{"omitted":true,"originalSize":` + strconv.Itoa(len(text)) + `,"reason":"size exceeds the limit"}`)
	}
	return text
}

// appendValue prints v behind b, and reports false if there is nothing to print.
func appendValue(b []byte, v reflect.Value) ([]byte, bool) {
	switch v.Kind() {
	case reflect.Pointer, reflect.Interface:
		if v.IsNil() {
			return b, false
		}
		return appendValue(b, v.Elem())
	case reflect.Struct:
		if t, ok := v.Interface().(time.Time); ok {
			return appendString(b, t.UTC().Format(time.RFC3339)), true
		}
		return appendStruct(b, v), true
	case reflect.Slice:
		if v.IsNil() || v.Type().Elem().Kind() == reflect.Uint8 {
			return b, false
		}
		return appendSlice(b, v), true
	case reflect.Map:
		if v.IsNil() || v.Type().Key().Kind() != reflect.String {
			return b, false
		}
		return appendMap(b, v), true
	case reflect.String:
		return appendString(b, v.String()), true
	case reflect.Bool:
		return strconv.AppendBool(b, v.Bool()), true
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return strconv.AppendInt(b, v.Int(), 10), true
	case reflect.Float32, reflect.Float64:
		text, err := json.Marshal(v.Float())
		return append(b, text...), err == nil
	default:
		return b, false
	}
}

// field is a member of a struct that records may show.
type field struct {
	index  int
	name   string // quoted, with its colon
	secret bool
}

var fieldsOf sync.Map // of []field by reflect.Type

func fields(t reflect.Type) []field {
	if known, ok := fieldsOf.Load(t); ok {
		return known.([]field)
	}
	var all []field
	for i := range t.NumField() {
		f := t.Field(i)
		if !f.IsExported() || f.Name == "ResultMetadata" || f.Type.Implements(reflect.TypeFor[io.Reader]()) {
			continue
		}
		name := `"` + strings.ToLower(f.Name[:1]) + f.Name[1:] + `":`
		all = append(all, field{index: i, name: name, secret: secretFields[f.Name]})
	}
	fieldsOf.Store(t, all)
	return all
}

func appendStruct(b []byte, v reflect.Value) []byte {
	b = append(b, '{')
	first := true
	for _, f := range fields(v.Type()) {
		member := v.Field(f.index)
		if member.IsZero() {
			continue
		}
		before := len(b)
		if !first {
			b = append(b, ',')
		}
		b = append(b, f.name...)
		shown := true
		if f.secret {
			b = append(b, hidden...)
		} else if b, shown = appendValue(b, member); !shown {
			b = b[:before]
		}
		first = first && !shown
	}
	return append(b, '}')
}

func appendSlice(b []byte, v reflect.Value) []byte {
	b = append(b, '[')
	for i := range v.Len() {
		if i > 0 {
			b = append(b, ',')
		}
		var shown bool
		if b, shown = appendValue(b, v.Index(i)); !shown {
			b = append(b, "null"...)
		}
	}
	return append(b, ']')
}

func appendMap(b []byte, v reflect.Value) []byte {
	members := make(map[string]reflect.Value, v.Len())
	for it := v.MapRange(); it.Next(); {
		members[it.Key().String()] = it.Value()
	}
	b = append(b, '{')
	for i, key := range slices.Sorted(maps.Keys(members)) {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(appendString(b, key), ':')
		var shown bool
		if b, shown = appendValue(b, members[key]); !shown {
			b = append(b, "null"...)
		}
	}
	return append(b, '}')
}

// appendString quotes text for JSON.
func appendString(b []byte, text string) []byte {
	for i := range len(text) {
		if c := text[i]; c < ' ' || c == '"' || c == '\\' || c >= utf8.RuneSelf {
			quoted, err := json.Marshal(text)
			if err != nil {
				panic("a string has no JSON form: " + err.Error())
			}
			return append(b, quoted...)
		}
	}
	b = append(b, '"')
	b = append(b, text...)
	return append(b, '"')
}
