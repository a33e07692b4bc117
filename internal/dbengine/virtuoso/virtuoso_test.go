package virtuoso_test

import (
	"context"
	"crypto/tls"
	"encoding/csv"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"

	"strongroom/internal/dbengine"
	"strongroom/internal/dbengine/dbenginetest"
	"strongroom/internal/dbengine/virtuoso"
	"strongroom/internal/porttest"
)

var engine = virtuoso.New()

func TestMain(m *testing.M) { dbenginetest.Main(m, engine) }

func TestEngine(t *testing.T) {
	t.Parallel()
	dbenginetest.Run(t, &dbenginetest.Subject{
		Engine: engine, Users: []string{"nobody"}, NoMasterUser: true,
		Spared: map[string]string{"TooLarge": "it ends without a word when a file may not grow"},
		Open:   func(_ context.Context, s dbengine.Settings) (dbenginetest.Ledger, error) { return ledger{s}, nil },
	})
}

// ledger has two triples for each transfer, which one update writes.
type ledger struct{ s dbengine.Settings }

func (l ledger) Create(ctx context.Context) error { return l.update(ctx, "CREATE GRAPH <urn:notes>") }

func (l ledger) Transfer(ctx context.Context, n int) error {
	return l.update(ctx, fmt.Sprintf("INSERT DATA { GRAPH <urn:notes> { <urn:note:%d> <urn:from> %d ; <urn:to> %d } }", n, -n, n))
}

func (l ledger) update(ctx context.Context, text string) error {
	status, body, err := post(ctx, l.s, url.Values{"update": {text}})
	if err == nil && status != http.StatusOK {
		err = fmt.Errorf("%s: %d %s", text, status, body)
	}
	return err
}

func (l ledger) Read(ctx context.Context) (dbenginetest.Contents, error) {
	c := dbenginetest.Contents{Notes: map[int]bool{}}
	for _, side := range []string{"from", "to"} {
		rows, err := query(ctx, l.s, "SELECT ?note ?amount { ?note <urn:"+side+"> ?amount }")
		if err != nil {
			return c, err
		}
		for _, row := range rows {
			n, err := strconv.Atoi(strings.TrimPrefix(row[0], "urn:note:"))
			if err != nil {
				return c, err
			}
			amount, err := strconv.Atoi(row[1])
			if err != nil {
				return c, err
			}
			c.Notes[n] = true
			c.Sum += amount
			if side == "to" {
				c.Moved++
			}
		}
	}
	return c, nil
}

func (l ledger) Show(context.Context, string) (string, error) { return "", nil }
func (l ledger) Close() error                                 { return nil }

// started is a database that runs at a free port.
func started(t *testing.T) dbengine.Settings {
	t.Helper()
	s := dbengine.Settings{Dir: t.TempDir(), Address: "127.0.0.1", Port: porttest.One(t), User: dbengine.DefaultUser("nobody")}
	if err := engine.Init(t.Context(), s); err != nil {
		t.Fatal(err)
	}
	server, err := engine.Start(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Stop(context.Background()) })
	return s
}

// post sends a form to the database, and returns what it answers.
func post(ctx context.Context, s dbengine.Settings, form url.Values) (int, string, error) {
	return send(ctx, s, "application/x-www-form-urlencoded", form.Encode())
}

func send(ctx context.Context, s dbengine.Settings, kind, body string) (int, string, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, fmt.Sprintf("http://127.0.0.1:%d/sparql", s.Port), strings.NewReader(body))
	if err != nil {
		return 0, "", err
	}
	r.Header.Set("Content-Type", kind)
	r.Header.Set("Accept", "text/csv")
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return 0, "", err
	}
	defer answer.Body.Close()
	said, err := io.ReadAll(answer.Body)
	return answer.StatusCode, string(said), err
}

// query returns the rows of a SELECT, without the names of its columns.
func query(ctx context.Context, s dbengine.Settings, text string) ([][]string, error) {
	status, body, err := post(ctx, s, url.Values{"query": {text}})
	if err != nil {
		return nil, err
	}
	if status != http.StatusOK {
		return nil, fmt.Errorf("%s: %d %s", text, status, body)
	}
	rows, err := csv.NewReader(strings.NewReader(body)).ReadAll()
	if err != nil || len(rows) == 0 {
		return nil, fmt.Errorf("%s: %s: %w", text, body, err)
	}
	return rows[1:], nil
}

func TestSPARQLProtocol(t *testing.T) {
	t.Parallel()
	s := started(t)
	for _, c := range []struct {
		kind, body string
		want       int
	}{
		{"application/sparql-update", `INSERT DATA { <urn:a> <urn:b> "grüß dich"@de , 1 } ; INSERT DATA { <urn:a> <urn:b> 2 } ; DELETE DATA { <urn:a> <urn:b> 1 }`, 200},
		{"application/sparql-query", `SELECT * { ?s ?p ?o } LIMIT 1`, 200},
		{"application/x-www-form-urlencoded", url.Values{"query": {"ASK {}"}, "update": {"CLEAR ALL"}}.Encode(), 400},
		{"application/x-www-form-urlencoded", "", 400},
		{"application/sparql-query", `SELEC`, 400},
		{"application/sparql-update", `LOAD <file:///etc/passwd> INTO GRAPH <urn:g>`, 400},
		{"application/sparql-query", `SELECT (bif:file_to_string("/etc/passwd") AS ?x) {}`, 400},
	} {
		if status, body, err := send(t.Context(), s, c.kind, c.body); err != nil || status != c.want {
			t.Errorf("%s %s: %d %s %v", c.kind, c.body, status, body, err)
		}
	}
	rows, err := query(t.Context(), s, `SELECT ?g ?o { GRAPH ?g { <urn:a> <urn:b> ?o } } ORDER BY DESC(STR(?o))`)
	const graph = "http://aws.amazon.com/neptune/vocab/v01/DefaultNamedGraph"
	if got := fmt.Sprint(rows); err != nil || got != fmt.Sprintf("[[%s grüß dich] [%s 2]]", graph, graph) {
		t.Errorf("there is %s, %v", got, err)
	}
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}}
	for path, want := range map[string]string{
		"status":  `"healthy"`,
		"gremlin": "Gremlin and openCypher are not hosted",
		"sparql?query=SELECT+%3Fo+%7B%3Curn:a%3E+%3Curn:b%3E+%3Fo%7D": `"results"`,
		"sparql?update=CLEAR+ALL":                                     "by POST",
		"conductor/":                                                  "SPARQL 1.1",
	} {
		answer, err := client.Get(fmt.Sprintf("https://127.0.0.1:%d/%s", s.Port, path))
		if err != nil {
			t.Fatal(err)
		}
		if body, _ := io.ReadAll(answer.Body); !strings.Contains(string(body), want) {
			t.Errorf("%s is answered with %s", path, body)
		}
		_ = answer.Body.Close()
	}
}
