package virtuoso_test

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"strongroom/internal/dbengine"
	"strongroom/internal/porttest"
)

// ownGraphs are what Virtuoso puts into a new database.
var ownGraphs = []string{"http://www.openlinksw.com/schemas/virtrdf#", "http://localuriqaserver/sparql", "http://www.w3.org/ns/ldp#"}

const neptunesGraph = "http://aws.amazon.com/neptune/vocab/v01/DefaultNamedGraph"

// TestOwnGraphs asks in many ways for what Virtuoso keeps for itself, before and after a restart: nobody sees it, and nobody changes it.
func TestOwnGraphs(t *testing.T) {
	t.Parallel()
	s := dbengine.Settings{Dir: t.TempDir(), Address: "127.0.0.1", Port: porttest.One(t), User: dbengine.DefaultUser("nobody")}
	if err := engine.Init(t.Context(), s); err != nil {
		t.Fatal(err)
	}
	for _, restarted := range []bool{false, true} {
		server, err := engine.Start(t.Context(), s)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = server.Stop(context.Background()) }()
		asked := []string{
			"SELECT * { ?s ?p ?o }", "SELECT * { GRAPH ?g { ?s ?p ?o } }", "SELECT DISTINCT ?g { GRAPH ?g { ?s ?p ?o } }", "SELECT DISTINCT ?g { GRAPH ?g { ?s a ?o } }",
			"SELECT ?g (COUNT(*) AS ?n) { GRAPH ?g { ?s ?p ?o } } GROUP BY ?g",
		}
		for _, graph := range ownGraphs {
			asked = append(asked, "SELECT * { GRAPH <"+graph+"> { ?s ?p ?o } }", "SELECT * FROM <"+graph+"> { ?s ?p ?o }", "SELECT * FROM NAMED <"+graph+"> { GRAPH ?g { ?s ?p ?o } }")
		}
		for _, text := range asked {
			if rows, err := query(t.Context(), s, text); err != nil || len(rows) > 0 {
				t.Errorf("%s of an empty database tells (restarted: %v) %q, %v", text, restarted, rows, err)
			}
		}
		for _, graph := range ownGraphs {
			for _, update := range []string{"DROP SILENT GRAPH <%s>", "DROP GRAPH <%s>", "CLEAR GRAPH <%s>", "INSERT DATA { GRAPH <%s> { <urn:a> <urn:b> 1 } }", "MOVE <%s> TO <urn:mine>", "ADD <%s> TO <urn:mine>"} {
				if status, body, err := post(t.Context(), s, url.Values{"update": {fmt.Sprintf(update, graph)}}); err != nil || status == http.StatusOK || !strings.Contains(body, "permission") {
					t.Errorf(update+" is answered with %d %s %v", graph, status, body, err)
				}
			}
		}
		if err := server.Stop(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
}

// TestGraphManagement clears and drops, each over graphs that were made by themselves.
func TestGraphManagement(t *testing.T) {
	t.Parallel()
	s := started(t)
	const data = "INSERT DATA { <urn:a> <urn:b> 0 . GRAPH <urn:g> { <urn:a> <urn:b> 1 } GRAPH <urn:h> { <urn:a> <urn:b> 2 , 'DROP ALL' } }"
	all := []string{neptunesGraph, "urn:g", "urn:h"}
	for update, left := range map[string][]string{
		"CLEAR ALL": {}, "DROP ALL": {}, "clear\n silent # GRAPH\n aLL": {}, "DROP SILENT ALL ;": {},
		"CLEAR NAMED": {neptunesGraph}, "DROP NAMED": {neptunesGraph}, "CLEAR DEFAULT": {"urn:g", "urn:h"}, "DROP DEFAULT": {"urn:g", "urn:h"},
		"DROP GRAPH <urn:g>": {neptunesGraph, "urn:h"}, "DROP GRAPH <urn:none>": all, "CREATE GRAPH <urn:g>": all, "CREATE GRAPH <urn:none>": all,
		"PREFIX clear: <urn:> CLEAR ALL; INSERT DATA { GRAPH clear:all { clear:s <urn:b> 'CLEAR ALL ; DROP ALL' } } # ; CLEAR ALL": {"urn:all"},
	} {
		for _, text := range []string{"DROP ALL", data, update} {
			if status, body, err := post(t.Context(), s, url.Values{"update": {text}}); err != nil || status != http.StatusOK {
				t.Errorf("%s is answered with %d %s %v", text, status, body, err)
			}
		}
		rows, err := query(t.Context(), s, "SELECT DISTINCT ?g { GRAPH ?g { ?s ?p ?o } } ORDER BY ?g")
		got := []string{}
		for _, row := range rows {
			got = append(got, row[0])
		}
		if err != nil || fmt.Sprint(got) != fmt.Sprint(left) {
			t.Errorf("after %q there are %q, %v", update, got, err)
		}
	}
	if status, body, err := post(t.Context(), s, url.Values{"update": {"CLEAR ALL"}, "using-graph-uri": {"urn:g"}}); err != nil || status != http.StatusBadRequest || !strings.Contains(body, "using-graph-uri") {
		t.Errorf("clearing all, using one, is answered with %d %s %v", status, body, err)
	}
}
