package virtuoso

import (
	"fmt"
	"net/url"
	"regexp"
	"strings"
)

// defaultGraph is where triples are put for which an update names no graph; Neptune calls it so
// (https://docs.aws.amazon.com/neptune/latest/userguide/feature-sparql-compliance.html). Queries without a graph read all graphs
// together, with Neptune as with Virtuoso.
const defaultGraph = "http://aws.amazon.com/neptune/vocab/v01/DefaultNamedGraph"

// ownGraphs is run as the administrator at each start, after autoexec. It takes the graphs that Virtuoso keeps for itself away
// from everybody else, by what Virtuoso calls private graphs: they are in no answer, and cannot be written. The one query that does not
// look at permissions, that for the names of all graphs, is answered by a procedure of Virtuoso's; the one here puts itself in its place,
// and names the graphs that somebody else has put something in.
// https://docs.openlinksw.com/virtuoso/rdfgraphsecurity/
const ownGraphs = `DB.DBA.RDF_DEFAULT_USER_PERMS_SET('nobody', 0, 1);
DB.DBA.RDF_GRAPH_GROUP_CREATE('http://www.openlinksw.com/schemas/virtrdf#PrivateGraphs', 1);
DB.DBA.RDF_GRAPH_GROUP_INS('http://www.openlinksw.com/schemas/virtrdf#PrivateGraphs', 'http://www.openlinksw.com/schemas/virtrdf#');
DB.DBA.RDF_GRAPH_GROUP_INS('http://www.openlinksw.com/schemas/virtrdf#PrivateGraphs', 'http://localuriqaserver/sparql');
DB.DBA.RDF_GRAPH_GROUP_INS('http://www.openlinksw.com/schemas/virtrdf#PrivateGraphs', 'http://www.w3.org/ns/ldp#');
CREATE PROCEDURE DB.DBA.SPARQL_SELECT_KNOWN_GRAPHS (IN return_iris INTEGER := 1, IN lim INTEGER := 2000000000)
{
  DECLARE last, cur IRI_ID;
  DECLARE GRAPH_IRI VARCHAR;
  DECLARE GRAPH_IID IRI_ID;
  DECLARE cr CURSOR FOR SELECT G FROM DB.DBA.RDF_QUAD TABLE OPTION (INDEX G, INDEX ORDER) WHERE G > last;
  IF (return_iris)
    result_names (GRAPH_IRI);
  ELSE
    result_names (GRAPH_IID);
  IF (lim IS NULL)
    lim := 2000000000;
  last := #i0;
  WHENEVER NOT FOUND GOTO done;
  WHILE (lim > 0)
    {
      OPEN cr (PREFETCH 1);
      FETCH cr INTO cur;
      CLOSE cr;
      last := cur;
      IF (NOT EXISTS (SELECT 1 FROM DB.DBA.RDF_GRAPH_GROUP_MEMBER WHERE RGGM_MEMBER_IID = cur))
        {
          IF (return_iris)
            result (id_to_iri (cur));
          ELSE
            result (cur);
          lim := lim - 1;
        }
    }
done: ;
};
GRANT EXECUTE ON DB.DBA.SPARQL_SELECT_KNOWN_GRAPHS TO SPARQL_SELECT;
`

// lexeme is what is read as one in SPARQL: a comment, an IRI, a string, a word with what makes it a variable or a name with a prefix, or
// any other character.
var lexeme = regexp.MustCompile(`(?s)#[^\r\n]*|<[^<>"{}|^` + "`" + `\\\x00-\x20]*>` +
	`|"""(?:"{0,2}(?:[^"\\]|\\.))*"""|'''(?:'{0,2}(?:[^'\\]|\\.))*'''|"(?:[^"\\\r\n]|\\.)*"|'(?:[^'\\\r\n]|\\.)*'` +
	`|[?$@]?[\pL\pN_:.%\\-]+|\S`)

// wholeStore are SPARQL's graphs that are not named, and what CLEAR and DROP of them are in Virtuoso's SPARQL, whose own know only one.
// An empty graph is none, so that both are the same.
var wholeStore = map[string]string{
	"ALL":     "DELETE { GRAPH ?g { ?s ?p ?o } } WHERE { GRAPH ?g { ?s ?p ?o } }",
	"NAMED":   "DELETE { GRAPH ?g { ?s ?p ?o } } WHERE { GRAPH ?g { ?s ?p ?o } FILTER (?g != <" + defaultGraph + ">) }",
	"DEFAULT": "CLEAR GRAPH <" + defaultGraph + ">",
}

// managesGraphs brings the operations of an update that manage graphs into a form in which Virtuoso does what SPARQL says: CLEAR
// and DROP of ALL, NAMED and DEFAULT; and DROP and CREATE, which where no empty graphs are kept succeed whether a graph is there or not
// (https://www.w3.org/TR/sparql11-update/#graphManagement).
func managesGraphs(form url.Values) error {
	update := form.Get("update")
	var out strings.Builder
	lexemes, done := significant(update), 0
	for i := 0; i+1 < len(lexemes); i++ {
		verb, next := strings.ToUpper(text(update, lexemes[i])), i+1
		if verb != "CLEAR" && verb != "DROP" && verb != "CREATE" {
			continue
		}
		silent := strings.EqualFold(text(update, lexemes[next]), "SILENT")
		if silent && next+1 < len(lexemes) {
			next++
		}
		what := strings.ToUpper(text(update, lexemes[next]))
		instead, whole := wholeStore[what]
		switch {
		case whole && verb != "CREATE":
			if len(form["using-graph-uri"])+len(form["using-named-graph-uri"]) > 0 {
				return fmt.Errorf("%s %s cannot be used together with the parameters using-graph-uri and using-named-graph-uri", verb, what)
			}
		case what == "GRAPH" && verb != "CLEAR" && !silent:
			instead = verb + " SILENT GRAPH"
		default:
			continue
		}
		out.WriteString(update[done:lexemes[i][0]])
		out.WriteString(instead)
		done, i = lexemes[next][1], next
	}
	if done == 0 {
		return nil
	}
	out.WriteString(update[done:])
	form.Set("update", out.String())
	return nil
}

// significant are the places of the lexemes without the comments.
func significant(sparql string) [][]int {
	var all [][]int
	for _, place := range lexeme.FindAllStringIndex(sparql, -1) {
		if sparql[place[0]] != '#' {
			all = append(all, place)
		}
	}
	return all
}

func text(sparql string, place []int) string { return sparql[place[0]:place[1]] }
