package iampolicy

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
)

// SyntaxError says where a document breaks the policy grammar and how.
type SyntaxError struct {
	Path     string // Statement[0].Effect; empty for the document as a whole
	Position Position
	Reason   string

	legacy bool // IAM refuses it by a later check than its grammar
}

// Error names the element, its line and column, and the reason.
func (e *SyntaxError) Error() string {
	path := e.Path
	if path == "" {
		path = "the document"
	}
	return fmt.Sprintf("policy syntax: %s (line %d, column %d): %s", path, e.Position.Line, e.Position.Column, e.Reason)
}

type nodeKind int

const (
	textNode nodeKind = iota
	numberNode
	boolNode
	nullNode
	listNode
	objectNode
)

// node is one JSON value with its place, since encoding/json tells neither places nor repeated keys.
type node struct {
	kind       nodeKind
	text       string // of a text, number or bool
	items      []*node
	members    []member
	start, end int
	path       string
}

type member struct {
	name string
	at   int
	node *node
}

// maxDepth is more than the grammar needs (document, list, statement, Condition, operator, values).
const maxDepth = 12

type reader struct {
	document []byte
	decoder  *json.Decoder
}

// readDocument reads the one JSON value that document holds.
func readDocument(document []byte) (*node, *reader, error) {
	r := &reader{document: document, decoder: json.NewDecoder(bytes.NewReader(document))}
	r.decoder.UseNumber()
	root, err := r.value("", 0)
	if err != nil {
		return nil, r, err
	}
	if at := r.next(); at < len(document) {
		return nil, r, r.fail("", at, "there is text behind the document")
	}
	return root, r, nil
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

func (r *reader) value(path string, depth int) (*node, error) {
	if depth > maxDepth {
		return nil, r.fail(path, r.next(), "it is nested too deeply")
	}
	token, at, err := r.token(path)
	if err != nil {
		return nil, err
	}
	n := &node{start: at, path: path}
	switch t := token.(type) {
	case string:
		n.kind, n.text = textNode, t
	case json.Number:
		n.kind, n.text = numberNode, t.String()
	case bool:
		n.kind, n.text = boolNode, fmt.Sprint(t)
	case nil:
		n.kind = nullNode
	case json.Delim:
		if t == '[' {
			n.kind = listNode
			err = r.list(n, depth)
		} else {
			n.kind = objectNode
			err = r.object(n, depth)
		}
	}
	n.end = int(r.decoder.InputOffset())
	return n, err
}

func (r *reader) list(n *node, depth int) error {
	for r.decoder.More() {
		item, err := r.value(fmt.Sprintf("%s[%d]", n.path, len(n.items)), depth+1)
		if err != nil {
			return err
		}
		n.items = append(n.items, item)
	}
	_, _, err := r.token(n.path)
	return err
}

func (r *reader) object(n *node, depth int) error {
	seen := map[string]bool{}
	for r.decoder.More() {
		token, at, err := r.token(n.path)
		if err != nil {
			return err
		}
		name, ok := token.(string)
		if !ok {
			return r.fail(n.path, at, "a name is needed here")
		}
		path := name
		if n.path != "" {
			path = n.path + "." + name
		}
		if seen[name] {
			return r.fail(path, at, "it is given twice")
		}
		seen[name] = true
		value, err := r.value(path, depth+1)
		if err != nil {
			return err
		}
		n.members = append(n.members, member{name, at, value})
	}
	_, _, err := r.token(n.path)
	return err
}

func (r *reader) fail(path string, offset int, reason string) error {
	return &SyntaxError{Path: path, Position: r.position(offset), Reason: reason}
}

func (r *reader) failAt(n *node, reason string) error { return r.fail(n.path, n.start, reason) }

func (r *reader) position(offset int) Position {
	before := r.document[:min(offset, len(r.document))]
	return Position{
		Offset: offset,
		Line:   bytes.Count(before, []byte{'\n'}) + 1,
		Column: len(before) - bytes.LastIndexByte(before, '\n'),
	}
}
