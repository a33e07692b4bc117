// Package model holds the facts of the AWS services' interfaces that the SDK's Go types do not show: names on the wire
// that differ from the field's, where a field travels, what it must satisfy, and the operations that exist.
//
// There is one text file for each service, NAME.txt, named as in credential scopes. It opens with lines of a word and
// its value (protocol, version, target, namespace, message, operation, operations, error). Then each structure stands on a
// line of its own, with its fields below, indented: the Go name and what is special about it. Fields without anything
// special are left out.
//
//	name=W       name on the wire, where it is not the Go name (for ec2: not what [Service.Names] derives)
//	query=W      name in an ec2 request
//	item=W       name of a list's elements, where it is not "member" ("item" for ec2)
//	key=W        name of a map entry's key, where it is not "key"; value=W likewise
//	flat         the list or map has no element around its entries
//	attribute    an XML attribute of the structure's element
//	header=W     travels in the header W
//	status       is the status of the response
//	headers=W    a map that travels in the headers that start with W
//	payload[=W]  is the body, under the XML name W
//	time=F       timestamp format: iso8601, rfc822, unixTimestamp
//	required     must be given
//	length=A..B  length of a string or list, either end may be open
//	range=A..B   value of a number
//	absent=N     a number's value where the request does not give it, for fields of which 0 says something else
//	pattern=P    regular expression for the whole string; always last, and may hold spaces
//
// A service that spoke the query protocol before, and whose older clients still do, has the facts of that in query/NAME.txt.
//
// The facts were read off the public service models of botocore.
package model

import (
	"bufio"
	"embed"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"sync"
)

// Protocol is how a service speaks over HTTP.
type Protocol string

// The protocols.
const (
	RESTJSON Protocol = "restjson"
	JSON     Protocol = "json"
	Query    Protocol = "query"
	EC2      Protocol = "ec2"
	RESTXML  Protocol = "restxml"
)

// Service is what is known of one service.
type Service struct {
	Name        string
	Protocol    Protocol
	JSONVersion string // "1.0" or "1.1"
	Version     string // of the API: a date
	Target      string // prefix of X-Amz-Target
	Namespace   string // of the XML
	Message     string // the member of an error that holds its text, in the JSON protocols
	// Operations are all operations of the service, with their route where the protocol has routes.
	Operations map[string]string
	// QueryErrors are the codes, by those of today, that errors had when the service spoke the query protocol. Its
	// clients are told them still; nil for services that never did.
	QueryErrors map[string]string
	// Shapes are the structures by their Go name.
	Shapes map[string]map[string]Field
}

// Field is what is special about a field.
type Field struct {
	Name, Query, Item, Key, Value string
	Header, HeaderPrefix          string
	Payload, Status               bool
	PayloadName                   string
	Time                          string
	Flat, Attribute, Required     bool
	Length, Range                 *Bounds
	Absent                        *int64
	Pattern                       *regexp.Regexp
	PatternText                   string
}

// Bounds are the ends of what is allowed, where Min and Max are set.
type Bounds struct {
	Min, Max *int64
}

//go:embed *.txt query/*.txt
var files embed.FS

var loaded sync.Map // name → func() *Service

// For returns what is known of a service, or nil.
func For(name string) *Service {
	load, ok := loaded.Load(name)
	if !ok {
		load, _ = loaded.LoadOrStore(name, sync.OnceValue(func() *Service { return read(name) }))
	}
	return load.(func() *Service)()
}

// FormerlyFor returns what is known of the query protocol of a service that speaks another one today, or nil.
func FormerlyFor(name string) *Service {
	s := For("query/" + name)
	if s == nil {
		return nil
	}
	former := *s
	former.Name = name
	return &former
}

// Names returns the names of all services of which something is known.
func Names() []string {
	entries, err := files.ReadDir(".")
	if err != nil {
		panic(err) // the directory is part of the program
	}
	var names []string
	for _, e := range entries {
		if e.IsDir() {
			continue
		}
		names = append(names, strings.TrimSuffix(e.Name(), ".txt"))
	}
	return names
}

// ByTarget returns the service whose X-Amz-Target starts with prefix, or nil. Some SDKs send CloudTrail's prefix whole,
// and others its last part only.
func ByTarget(prefix string) *Service {
	for _, name := range Names() {
		if s := For(name); prefix != "" && (s.Target == prefix || strings.HasSuffix(s.Target, "."+prefix)) {
			return s
		}
	}
	return nil
}

// ByVersion returns the service whose requests are forms of that Version, or nil.
func ByVersion(version string) *Service {
	for _, name := range Names() {
		if s := For(name); s.Version == version && (s.Protocol == Query || s.Protocol == EC2) {
			return s
		}
	}
	return nil
}

func read(name string) *Service {
	data, err := files.ReadFile(name + ".txt")
	if err != nil {
		return nil
	}
	s, err := parse(name, string(data))
	if err != nil {
		panic(err) // the file is part of the program
	}
	return s
}

func parse(name, text string) (*Service, error) {
	s := &Service{Name: name, Message: "Message", Operations: map[string]string{}, Shapes: map[string]map[string]Field{}}
	var shape map[string]Field
	lines := bufio.NewScanner(strings.NewReader(text))
	for n := 1; lines.Scan(); n++ {
		line := lines.Text()
		word, rest, hasRest := strings.Cut(strings.TrimSpace(line), " ")
		switch {
		case word == "":
		case strings.HasPrefix(line, " "):
			field, err := parseField(rest)
			if err != nil {
				return nil, fmt.Errorf("%s.txt:%d: %w", name, n, err)
			}
			shape[word] = field
		case !hasRest:
			shape = map[string]Field{}
			s.Shapes[word] = shape
		default:
			if err := s.set(word, rest); err != nil {
				return nil, fmt.Errorf("%s.txt:%d: %w", name, n, err)
			}
		}
	}
	return s, lines.Err()
}

func (s *Service) set(word, rest string) error {
	switch word {
	case "protocol":
		protocol, version, _ := strings.Cut(rest, " ")
		s.Protocol, s.JSONVersion = Protocol(protocol), version
	case "version":
		s.Version = rest
	case "target":
		s.Target = rest
	case "namespace":
		s.Namespace = rest
	case "message":
		s.Message = rest
	case "operation":
		name, route, _ := strings.Cut(rest, " ")
		s.Operations[name] = route
	case "error":
		code, before, _ := strings.Cut(rest, " ")
		if s.QueryErrors == nil {
			s.QueryErrors = map[string]string{}
		}
		s.QueryErrors[code] = before
	case "operations":
		for name := range strings.FieldsSeq(rest) {
			s.Operations[name] = ""
		}
	default:
		return fmt.Errorf("unknown word %q", word)
	}
	return nil
}

func parseField(text string) (Field, error) {
	var f Field
	for text != "" {
		var attribute string
		if pattern, ok := strings.CutPrefix(text, "pattern="); ok {
			f.PatternText = pattern
			compiled, err := compile(pattern)
			if err != nil {
				return f, err
			}
			f.Pattern = compiled
			return f, nil
		}
		attribute, text, _ = strings.Cut(text, " ")
		if err := f.set(attribute); err != nil {
			return f, err
		}
	}
	return f, nil
}

func (f *Field) set(attribute string) error {
	name, value, _ := strings.Cut(attribute, "=")
	var err error
	switch name {
	case "name":
		f.Name = value
	case "query":
		f.Query = value
	case "item":
		f.Item = value
	case "key":
		f.Key = value
	case "value":
		f.Value = value
	case "flat":
		f.Flat = true
	case "attribute":
		f.Attribute = true
	case "header":
		f.Header = value
	case "headers":
		f.HeaderPrefix = value
	case "status":
		f.Status = true
	case "payload":
		f.Payload, f.PayloadName = true, value
	case "time":
		f.Time = value
	case "required":
		f.Required = true
	case "length":
		f.Length, err = parseBounds(value)
	case "absent":
		var n int64
		n, err = strconv.ParseInt(value, 10, 64)
		f.Absent = &n
	case "range":
		f.Range, err = parseBounds(value)
	default:
		err = fmt.Errorf("unknown attribute %q", attribute)
	}
	return err
}

func parseBounds(text string) (*Bounds, error) {
	low, high, ok := strings.Cut(text, "..")
	if !ok {
		return nil, fmt.Errorf("bounds %q lack the two dots", text)
	}
	var b Bounds
	for end, number := range map[**int64]string{&b.Min: low, &b.Max: high} {
		if number == "" {
			continue
		}
		n, err := strconv.ParseInt(number, 10, 64)
		if err != nil {
			return nil, err
		}
		*end = &n
	}
	return &b, nil
}

var javaEscape = regexp.MustCompile(`\\u([0-9A-Fa-f]{4})`)

// compile makes a Go expression of a pattern, which must match the whole value.
func compile(pattern string) (*regexp.Regexp, error) {
	spelled := javaEscape.ReplaceAllString(pattern, `\x{$1}`)
	compiled, err := regexp.Compile(`^(?s:` + spelled + `)$`)
	if err != nil {
		return nil, fmt.Errorf("pattern %q: %w", pattern, err)
	}
	return compiled, nil
}
