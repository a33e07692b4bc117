package virtuoso

import (
	"errors"
	"runtime"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// TestUnderstood: SPARQL 1.1 goes on as it was meant.
func TestUnderstood(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		`ASK {}`: `ASK {}`,
		"# define\nSELECT * # bif:exec()\n{ ?s ?p ?o }":  "\nSELECT *\n{ ?s ?p ?o }",
		`PREFIX a: <urn:a#> ASK { a:b a:c\,d a:e%20f }`:  `PREFIX a: <urn:a#> ASK { a:b <urn:a#c,d> <urn:a#e%20f> }`,
		`PREFIX a: <urn:a#> ASK { a:b a:c:d a:e.f. }`:    `PREFIX a: <urn:a#> ASK { a:b <urn:a#c:d> a:e.f. }`,
		`PREFIX : <urn:> ASK {:a(:a/:b)*/a?|^:c+ "x"}`:   `PREFIX : <urn:> ASK {:a(:a/:b)*/ a ?|^:c+ "x" }`,
		`ASK { ?s ?p 'a"b\'c' , """x"y` + "\n" + `z"""}`: `ASK { ?s ?p "a\"b'c" , "x\"y\nz" }`,
		`ASK { ?s ?p "bif:exec('x') # define" }`:         `ASK { ?s ?p "bif:exec('x') # define" }`,
		`ASK { ?s ?p "\u0022 \u00fc \\u0041" }`:          `ASK { ?s ?p "\" ü \\u0041" }`,
		`ASK { ?s ?p "x"@de-AT, "1"^^xsd:int, -1.5e3.}`:  "PREFIX xsd: <http://www.w3.org/2001/XMLSchema#>\n" + `ASK { ?s ?p "x"@de-AT , "1" ^^xsd:int, -1.5e3 .}`,
		`ASK { FILTER(?a<?b && ?c>-1 || NOT EXISTS{}) }`: `ASK { FILTER (?a<?b && ?c>-1 || NOT EXISTS {}) }`,
		`ASK { <http://x/a?b=c#bif:d> <urn:bif:x> ?o }`:  `ASK { <http://x/a?b=c#bif:d> <urn:bif:x> ?o }`,
		`WITH <urn:g> DELETE { ?s ?p 1 } WHERE{?s ?p 2}`: `WITH <urn:g> DELETE { ?s ?p 1 } WHERE {?s ?p 2 }`,
	} {
		if got, err := understood(text); err != nil || got != want {
			t.Errorf("%s\nis understood as\n%s, %v\nnot\n%s", text, got, err, want)
		}
	}
}

// TestRefuses: what Virtuoso would take for more than SPARQL 1.1 is not let through, however it is written.
func TestRefuses(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		`SELECT (bif:http_get('http://127.0.0.1:4781/') AS ?x) {}`,
		`SELECT (BIF:exec('x') AS ?x) {}`,
		`SELECT (sql:anything('x') AS ?x) {}`,
		`SELECT (<bif:exec>('x') AS ?x) {}`,
		`SELECT (<BIF:exec>('x') AS ?x) {}`,
		`SELECT (<SPECIAL::bif:exec>('x') AS ?x) {}`,
		`SELECT (<LONG::sql:f>('x') AS ?x) {}`,
		`SELECT (<\u0062if:exec>('x') AS ?x) {}`,
		`SELECT (<\U00000062if:exec>('x') AS ?x) {}`,
		`SELECT (\u0062if:exec('x') AS ?x) {}`,
		`PREFIX x: <bif:> SELECT (x:exec('x') AS ?x) {}`,
		`PREFIX : <sql:> SELECT (:f('x') AS ?x) {}`,
		`PREFIX x: <bi> SELECT (x:f:exec('x') AS ?x) {}`,
		`PREFIX x: <bif> SELECT (x:\:exec('x') AS ?x) {}`,
		`PREFIX x: <> SELECT (x:bif:exec('x') AS ?x) {}`,
		`PREFIX x: <b\u0069f:ex> SELECT (x:ec('x') AS ?x) {}`,
		`PREFIX bif: <urn:x> SELECT (bif:exec('x') AS ?x) {}`,
		`BASE <bif:> SELECT (<exec>('x') AS ?x) {}`,
		`SELECT (y:f(1) AS ?x) {}`, // a prefix that the database may have and the request does not declare
		`SELECT * { ?s bif:contains "x" }`,
		`define get:soft "replace" SELECT * FROM <http://127.0.0.1:4781/> {}`,
		"DEF\\u0049NE sql:log-enable 3 ASK {}",
		`SELECT * { SERVICE <http://127.0.0.1:4781/> { ?s ?p ?o } }`,
		`SELECT * { s\u0065rvice silent ?x { ?s ?p ?o } }`,
		`LOAD <http://127.0.0.1:4781/>`, `load silent <http://127.0.0.1/> into graph <urn:g>`,
		`SELECT * WHERE (select * from SYS_USERS) {}`, "SELECT * WHERE # {\n(select 1)", `SELECT * WHERE "select 1"`,
		`SELECT * { SQLQUERY (select 1) }`,
		`CREATE QUAD STORAGE <urn:x> {}`, `ALTER QUAD STORAGE <urn:x> {}`, `DROP IRI CLASS <urn:x>`,
		"CONSTRUCT { ?s ?p `exec(1)` } {}",
		`SELECT * { ?s ?p ?o OPTION (TRANSITIVE) }`,
		"ASK { ?s ?p \"x\ny\" }", `ASK { ?s ?p "\x" }`, `ASK { ?s ?p "x }`,
		// What is a comment to one is code to the other: both ends of a line.
		"ASK {} #\rdefine x",
		"ASK { ?s ?p \"\"\"\\\"\"\" bif:exec('x') }",
		"ASK\x00{}", "ASK\xff{}", `ASK { ?s ?p "\u0000" }`, `ASK { ?s ?p "\ud800" }`, `ASK { ?s ?p "\u12`,
		`SELECT DB.DBA.x {}`, `SELECT ("a"."b" AS ?x) { SELECT_ }`,
	} {
		got, err := understood(text)
		if why := (*refused)(nil); !errors.As(err, &why) {
			t.Errorf("%s\nis understood as\n%s, %v", text, got, err)
		}
	}
}

// TestReadsOnce: what looks like the beginning of something long, again and again, costs no more than its length.
func TestReadsOnce(t *testing.T) {
	t.Parallel()
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	for _, piece := range []string{"a.", "<", "''", "\"\\\" ", "?", "a-"} {
		began := worked(t)
		_, _ = understood("ASK {" + strings.Repeat(piece, 100_000))
		if took := worked(t) - began; took > 20*time.Second {
			t.Errorf("%q a hundred thousand times took %v", piece, took)
		}
	}
}

// worked is for how long a processor has worked for this thread: however many others want it, that is no more.
func worked(t *testing.T) time.Duration {
	t.Helper()
	var used unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_THREAD, &used); err != nil {
		t.Fatal(err)
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}

// FuzzUnderstood: what is let through is let through again, as it is: it has one reading.
func FuzzUnderstood(f *testing.F) {
	for _, text := range []string{`PREFIX x: <urn:> ASK { x:a\,b 'x' """y""", 1.5 . ?s ?p "\u00fc"@de }`, "ASK{?a<?b#\r\n}", `"""""" "a".'b'`} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		once, err := understood(text)
		if err != nil {
			return
		}
		again, err := understood(once)
		if err != nil || again != once {
			t.Errorf("%q\nis %q\nand then %q, %v", text, once, again, err)
		}
	})
}
