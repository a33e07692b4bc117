package virtuoso

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httputil"
	"net/url"
	"strings"
	"time"
)

// maxRequest bounds what a query or update may be long; Neptune's limit is 150 MB.
const maxRequest = 150 << 20

// gateway lets SPARQL 1.1 through to Virtuoso: queries and updates in each of the ways that the protocol allows, which it
// brings into the one that Virtuoso takes without fault.
type gateway struct {
	version string
	started time.Time
	proxy   *httputil.ReverseProxy
}

func newGateway(inside http.RoundTripper, version string, started time.Time) *gateway {
	virtuoso := &url.URL{Scheme: "http", Host: httpAddress}
	return &gateway{version: version, started: started, proxy: &httputil.ReverseProxy{
		Transport: inside,
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(virtuoso)
			r.Out.URL.Path = "/sparql"
			r.Out.Header = http.Header{"Accept": r.In.Header["Accept"], "Content-Type": r.In.Header["Content-Type"]}
		},
		ErrorHandler: func(w http.ResponseWriter, _ *http.Request, err error) {
			problem(w, http.StatusServiceUnavailable, "ServerShutdownException", "The database does not answer: "+err.Error())
		},
	}}
}

func (g *gateway) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch path := strings.TrimSuffix(r.URL.Path, "/"); {
	case path == "/sparql":
		g.sparql(w, r)
	case path == "/status":
		g.status(w)
	case path == "/gremlin", path == "/openCypher", path == "/opencypher":
		problem(w, http.StatusNotImplemented, "UnsupportedOperationException",
			"This database speaks SPARQL 1.1 at /sparql. Gremlin and openCypher are not hosted.")
	default:
		problem(w, http.StatusNotFound, "UnsupportedOperationException", "There is nothing at "+r.URL.Path+". SPARQL 1.1 is spoken at /sparql.")
	}
}

// sparql brings a request to Virtuoso as a form with either query or update.
func (g *gateway) sparql(w http.ResponseWriter, r *http.Request) {
	form, err := formOf(w, r)
	if err != nil {
		code := "MalformedQueryException"
		if why := (*refused)(nil); errors.As(err, &why) {
			code = why.code
		}
		problem(w, http.StatusBadRequest, code, err.Error())
		return
	}
	body := form.Encode()
	r = r.Clone(r.Context())
	r.Method, r.URL.RawQuery = http.MethodPost, ""
	r.Body, r.ContentLength = io.NopCloser(strings.NewReader(body)), int64(len(body))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if r.Header.Get("Accept") == "" || r.Header.Get("Accept") == "*/*" {
		r.Header.Set("Accept", "application/sparql-results+json, text/turtle;q=0.9, */*;q=0.1")
	}
	g.proxy.ServeHTTP(w, r)
}

// formOf reads a request of the SPARQL 1.1 protocol (https://www.w3.org/TR/sparql11-protocol/), sections 2.1 and 2.2.
func formOf(w http.ResponseWriter, r *http.Request) (url.Values, error) {
	form := r.URL.Query()
	if r.Method == http.MethodPost {
		content, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxRequest))
		if err != nil {
			return nil, fmt.Errorf("the request cannot be read: %w", err)
		}
		kind, _, _ := strings.Cut(r.Header.Get("Content-Type"), ";")
		switch strings.TrimSpace(kind) {
		case "application/sparql-query":
			form.Set("query", string(content))
		case "application/sparql-update":
			form.Set("update", string(content))
		default:
			posted, err := url.ParseQuery(string(content))
			if err != nil {
				return nil, fmt.Errorf("the form cannot be read: %w", err)
			}
			for name, values := range posted {
				form[name] = append(form[name], values...)
			}
		}
	} else if r.Method != http.MethodGet {
		return nil, fmt.Errorf("%s is not a method of the SPARQL protocol", r.Method)
	}
	return allowed(form, r.Method)
}

// allowed takes over the parameters that the protocol knows, and refuses what is neither a query nor an update.
func allowed(form url.Values, method string) (url.Values, error) {
	queries, updates := form["query"], form["update"]
	out := url.Values{}
	switch {
	case len(queries) == 1 && len(updates) == 0:
		out.Set("query", queries[0])
		out["default-graph-uri"], out["named-graph-uri"] = form["default-graph-uri"], form["named-graph-uri"]
	case len(updates) == 1 && len(queries) == 0 && method == http.MethodPost:
		out.Set("update", updates[0])
		out["using-graph-uri"], out["using-named-graph-uri"] = form["using-graph-uri"], form["using-named-graph-uri"]
		out.Set("default-graph-uri", defaultGraph)
		if err := managesGraphs(out); err != nil {
			return nil, err
		}
	case len(updates) > 0 && method != http.MethodPost:
		return nil, fmt.Errorf("an update must be sent by POST")
	default:
		return nil, fmt.Errorf("a request needs exactly one of the parameters query and update")
	}
	for name, values := range out {
		for i, value := range values {
			var err error
			if name == "query" || name == "update" {
				values[i], err = understood(value)
			} else if iriToken.FindString("<"+value+">") != "<"+value+">" {
				err = refuse("%s is no IRI.", name) // Virtuoso writes it into the query
			} else {
				err = harmless(value)
			}
			if err != nil {
				return nil, err
			}
		}
	}
	return out, nil
}

// status answers as an instance of Neptune does (https://docs.aws.amazon.com/neptune/latest/userguide/access-graph-status.html),
// as far as there is something to tell.
func (g *gateway) status(w http.ResponseWriter) {
	reply(w, http.StatusOK, map[string]any{
		"status": "healthy", "startTime": g.started.UTC().Format("Mon Jan 02 15:04:05 UTC 2006"), "role": "writer",
		"dbEngineVersion": "Virtuoso " + g.version, "sparql": map[string]string{"version": "sparql-1.1"},
	})
}

// problem answers in the form of Neptune's errors.
func problem(w http.ResponseWriter, status int, code, message string) {
	reply(w, status, map[string]string{"code": code, "detailedMessage": message})
}

func reply(w http.ResponseWriter, status int, value any) {
	w.Header().Set("Content-Type", "application/json; charset=UTF-8")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(value) // the client has gone, if it fails
}
