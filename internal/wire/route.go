package wire

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"strongroom/internal/api"
	"strongroom/internal/wire/codec"
)

// route is the HTTP binding of a REST operation, parsed from its one-line form; see [api.Operation].
type route struct {
	name      string
	operation *api.Operation // nil: known by name only
	method    string
	literals  []string // the fixed parts of the path; a label follows each but the last
	labels    []label
	static    map[string]string // query parameters that select the operation; "" means any value
	query     []binding
	header    string // a header that must be there
	status    int
}

type label struct {
	field string
	wide  bool // may hold slashes: greedy labels, and ARNs
}

type binding struct {
	wire, field string
	required    bool
}

// parseRoute reads "METHOD /uri/{Field}/sub?flag&wire=Field +header STATUS".
func parseRoute(text string) (*route, error) {
	words := strings.Fields(text)
	if len(words) < 2 {
		return nil, fmt.Errorf("route %q has no path", text)
	}
	r := &route{method: words[0], status: http.StatusOK, static: map[string]string{}}
	for _, word := range words[2:] {
		if header, ok := strings.CutPrefix(word, "+"); ok {
			r.header = header
			continue
		}
		status, err := strconv.Atoi(word)
		if err != nil {
			return nil, fmt.Errorf("route %q ends with %q, which is no status", text, word)
		}
		r.status = status
	}
	path, query, _ := strings.Cut(words[1], "?")
	for part := range strings.SplitSeq(query, "&") {
		name, value, bound := strings.Cut(part, "=")
		switch {
		case name == "" || name == "x-id":
		case bound && value != "" && 'A' <= value[0] && value[0] <= 'Z':
			r.query = append(r.query, binding{wire: name, field: value})
		default:
			r.static[name] = value
		}
	}
	return r, r.parsePath(path)
}

func (r *route) parsePath(path string) error {
	for {
		open := strings.IndexByte(path, '{')
		if open < 0 {
			break
		}
		end := strings.IndexByte(path, '}')
		if end < open {
			return fmt.Errorf("path %q has an open label", path)
		}
		name, greedy := strings.CutSuffix(path[open+1:end], "+")
		r.literals = append(r.literals, path[:open])
		r.labels = append(r.labels, label{field: name, wide: greedy || strings.HasSuffix(name, "Arn")})
		path = path[end+1:]
	}
	r.literals = append(r.literals, path)
	if last := len(r.literals) - 1; r.literals[last] != "/" || last > 0 {
		r.literals[last] = strings.TrimSuffix(r.literals[last], "/")
	}
	return nil
}

// keepsSlash reports whether the path's last slash belongs to the last label, as in S3 keys.
func (r *route) keepsSlash() bool {
	return r.literals[len(r.literals)-1] == "" && len(r.labels) > 0 && r.labels[len(r.labels)-1].wide &&
		!strings.HasSuffix(r.labels[len(r.labels)-1].field, "Arn")
}

// match returns the escaped values of the labels.
func (r *route) match(escapedPath string) ([]string, bool) {
	if !r.keepsSlash() && len(escapedPath) > 1 {
		escapedPath = strings.TrimSuffix(escapedPath, "/")
	}
	return matchParts(escapedPath, r.literals, r.labels)
}

// matchParts fits the path to literal, label, literal, … A wide label takes as much as it can.
func matchParts(path string, literals []string, labels []label) ([]string, bool) {
	rest, ok := strings.CutPrefix(path, literals[0])
	if !ok {
		return nil, false
	}
	if len(labels) == 0 {
		return nil, rest == ""
	}
	longest := len(rest)
	if !labels[0].wide {
		if slash := strings.IndexByte(rest, '/'); slash >= 0 {
			longest = slash
		}
	}
	for n := longest; n > 0; n-- {
		if !strings.HasPrefix(rest[n:], literals[1]) || literals[1] == "" && len(labels) == 1 && n != len(rest) {
			continue
		}
		if values, ok := matchParts(rest[n:], literals[1:], labels[1:]); ok {
			return append([]string{rest[:n]}, values...), true
		}
	}
	return nil, false
}

// selected reports whether the query and headers ask for this route, and how many required parameters they lack.
func (r *route) selected(query url.Values, header http.Header) (missing int, ok bool) {
	for name, value := range r.static {
		given, there := query[name]
		if !there || value != "" && !slices.Contains(given, value) {
			return 0, false
		}
	}
	if r.header != "" && header.Get(r.header) == "" {
		return 0, false
	}
	for _, b := range r.query {
		if b.required && !query.Has(b.wire) {
			missing++
		}
	}
	return missing, true
}

// weight orders the routes that match: the more a route fixes, the better it fits.
func (r *route) weight() (path, selectors, required int) {
	for _, l := range r.literals {
		path += len(l)
	}
	selectors = len(r.static)
	if r.header != "" {
		selectors++
	}
	for _, b := range r.query {
		if b.required {
			required++
		}
	}
	return path, selectors, required
}

// router finds the operation of a REST request.
type router struct {
	routes map[string][]*route // by method
}

// match is the route that fits a request best, with the escaped values of its labels; nil if there is none.
func (rt *router) match(method, escapedPath string, query url.Values, header http.Header) (*route, []string) {
	var best *route
	var bestValues []string
	var bestMissing int
	for _, r := range rt.routes[method] {
		missing, ok := r.selected(query, header)
		if !ok {
			continue
		}
		values, ok := r.match(escapedPath)
		if !ok || best != nil && !r.better(missing, best, bestMissing) {
			continue
		}
		best, bestValues, bestMissing = r, values, missing
	}
	return best, bestValues
}

func (r *route) better(missing int, than *route, thanMissing int) bool {
	if missing != thanMissing {
		return missing < thanMissing
	}
	path, selectors, required := r.weight()
	thanPath, thanSelectors, thanRequired := than.weight()
	return slices.Compare([]int{path, selectors, required}, []int{thanPath, thanSelectors, thanRequired}) > 0
}

// bind fills in's fields that travel in the path and the query.
func (r *route) bind(c *codec.Codec, in any, values []string, query url.Values) error {
	for i, l := range r.labels {
		value, err := url.PathUnescape(values[i])
		if err != nil {
			return &codec.Error{Field: l.field, Message: "the path is not properly escaped"}
		}
		if err := c.Set(in, l.field, l.field, value); err != nil {
			return err
		}
	}
	for _, b := range r.query {
		if given := query[b.wire]; len(given) > 0 {
			if err := c.Set(in, b.field, b.wire, given...); err != nil {
				return err
			}
		}
	}
	return nil
}
