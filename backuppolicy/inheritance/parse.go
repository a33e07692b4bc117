package inheritance

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// maxDepth is deeper than any policy type goes.
const maxDepth = 20

// Parse reads a policy. It is strict where the language is: a key may stand once, whatever its case where the folding
// ignores case, an operator once, whatever its case, and a value stands behind an operator only. Every error is a
// [*SyntaxError].
func Parse(content string, fold Folding) (*Document, error) {
	r := &reader{document: []byte(content), fold: fold}
	r.decoder = json.NewDecoder(bytes.NewReader(r.document))
	r.decoder.UseNumber()
	if strings.HasPrefix(content, "\ufeff") {
		return nil, r.fail("", 0, "it begins with a byte order mark, which JSON does not have")
	}
	for at, c := range content {
		if c == utf8.RuneError && !strings.HasPrefix(content[at:], string(utf8.RuneError)) {
			return nil, r.fail("", at, "it is no UTF-8 from here on")
		}
	}
	token, at, err := r.token("")
	if err != nil {
		return nil, err
	}
	if token != json.Delim('{') {
		return nil, r.fail("", at, "a policy is a JSON object")
	}
	root := &Element{Position: r.position(at)}
	if err := r.element(root, 0); err != nil {
		return nil, err
	}
	if at := r.next(); at < len(r.document) {
		return nil, r.fail("", at, "there is text behind the policy")
	}
	return &Document{root}, nil
}

// reader reads a document by tokens, since encoding/json tells neither places nor repeated keys.
type reader struct {
	document []byte
	decoder  *json.Decoder
	fold     Folding
}

// next is the offset of the token that comes next.
func (r *reader) next() int {
	at := int(r.decoder.InputOffset())
	for at < len(r.document) && strings.IndexByte(" \t\r\n,:", r.document[at]) >= 0 {
		at++
	}
	return at
}

func (r *reader) token(path string) (json.Token, int, error) {
	at := r.next()
	token, err := r.decoder.Token()
	if err == nil {
		return token, at, nil
	}
	var syntax *json.SyntaxError
	switch {
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return nil, at, r.fail(path, len(r.document), "the document ends too early")
	case errors.As(err, &syntax):
		return nil, at, r.fail(path, min(max(int(syntax.Offset)-1, at), len(r.document)), syntax.Error())
	}
	return nil, at, r.fail(path, at, err.Error())
}

// element reads the members of an object whose brace was read.
func (r *reader) element(e *Element, depth int) error {
	if depth > maxDepth {
		return r.fail(e.Path, e.Position.Offset, "it is nested too deeply")
	}
	operators := map[string]bool{}
	for r.decoder.More() {
		token, at, err := r.token(e.Path)
		if err != nil {
			return err
		}
		name, ok := token.(string)
		if !ok {
			return r.fail(e.Path, at, "a name is needed here")
		}
		if strings.HasPrefix(name, "@@") {
			if operators[strings.ToLower(name)] {
				return r.fail(join(e.Path, name), at, "it is given twice")
			}
			operators[strings.ToLower(name)] = true
			err = r.operator(e, name, at)
		} else {
			err = r.child(e, name, at, depth)
		}
		if err != nil {
			return err
		}
	}
	if _, _, err := r.token(e.Path); err != nil {
		return err
	}
	slices.SortFunc(e.Children, func(a, b *Element) int { return strings.Compare(a.Key, b.Key) })
	for i, c := range e.Children[min(1, len(e.Children)):] {
		if other := e.Children[i]; other.Key == c.Key {
			if other.Position.Offset > c.Position.Offset {
				other, c = c, other
			}
			if other.Name == c.Name {
				return r.fail(c.Path, c.Position.Offset, "it is given twice")
			}
			return r.fail(c.Path, c.Position.Offset, "it is given twice, as "+other.Name+" before: case makes no difference")
		}
	}
	return nil
}

func (r *reader) child(e *Element, name string, at, depth int) error {
	c := &Element{Name: name, Key: r.fold(depth, name), Path: join(e.Path, name), Position: r.position(at)}
	token, valueAt, err := r.token(c.Path)
	if err != nil {
		return err
	}
	if token != json.Delim('{') {
		return r.fail(c.Path, valueAt, "a value needs an operator in front of it, such as {\"@@assign\": …}")
	}
	e.Children = append(e.Children, c)
	return r.element(c, depth+1)
}

func (r *reader) operator(e *Element, name string, at int) error {
	path := join(e.Path, name)
	values, list, err := r.values(path)
	if err != nil {
		return err
	}
	switch o := Operator(strings.ToLower(name)); o {
	case Assign, Append, Remove:
		e.Operations = append(e.Operations, Operation{o, values, list, r.position(at)})
		return nil
	case AllowedForChildren:
		allowed, err := r.allowed(path, values, list, at)
		e.Control = &Control{allowed, r.position(at)}
		return err
	}
	return r.fail(path, at, "there is no such operator; there are @@assign, @@append, @@remove and @@operators_allowed_for_child_policies")
}

// values reads a scalar, or an array of scalars.
func (r *reader) values(path string) (values []Scalar, list bool, err error) {
	token, at, err := r.token(path)
	if err != nil {
		return nil, false, err
	}
	if token != json.Delim('[') {
		value, err := r.scalar(path, token, at)
		return []Scalar{value}, false, err
	}
	for r.decoder.More() {
		token, at, err := r.token(path)
		if err != nil {
			return nil, true, err
		}
		value, err := r.scalar(join(path, strconv.Itoa(len(values))), token, at)
		if err != nil {
			return nil, true, err
		}
		values = append(values, value)
	}
	_, _, err = r.token(path)
	return values, true, err
}

func (r *reader) scalar(path string, token json.Token, at int) (Scalar, error) {
	s := Scalar{Position: r.position(at)}
	switch t := token.(type) {
	case string:
		s.Text = t
	case json.Number:
		s.Text, s.Kind = t.String(), Number
	case bool:
		s.Text, s.Kind = strconv.FormatBool(t), Bool
	case nil:
		s.Text, s.Kind = "null", Null
	default:
		return s, r.fail(path, at, "an operator takes a value or an array of values, and no object or array within")
	}
	return s, nil
}

// allowed reads the operators of a control. That @@none stands alone and that nothing stands twice in one spelling are AWS's
// rules, seen in what CreatePolicy refuses.
func (r *reader) allowed(path string, values []Scalar, list bool, at int) (Operators, error) {
	if !list || len(values) == 0 {
		return None, r.fail(path, at, "it takes an array of operators")
	}
	var set Operators
	seen := map[string]bool{}
	for _, v := range values {
		name := strings.ToLower(v.Text)
		bit, known := operatorBits[Operator(name)]
		switch {
		case v.Kind != Text || !known && name != "@@all" && name != "@@none":
			return None, r.fail(path, v.Position.Offset, "it takes @@all, @@none, @@assign, @@append and @@remove, not "+v.Text)
		case seen[v.Text]:
			return None, r.fail(path, v.Position.Offset, v.Text+" is given twice")
		case name == "@@none" && len(values) > 1:
			return None, r.fail(path, v.Position.Offset, "@@none stands alone")
		case name == "@@all":
			bit = All
		}
		seen[v.Text] = true
		set |= bit
	}
	return set, nil
}

func (r *reader) fail(path string, offset int, reason string) error {
	return &SyntaxError{path, r.position(offset), reason}
}

func (r *reader) position(offset int) Position {
	before := r.document[:min(offset, len(r.document))]
	return Position{
		Line:   bytes.Count(before, []byte{'\n'}) + 1,
		Column: len(before) - bytes.LastIndexByte(before, '\n'),
		Offset: offset,
	}
}

func join(path, name string) string {
	if path == "" {
		return name
	}
	return path + "/" + name
}
