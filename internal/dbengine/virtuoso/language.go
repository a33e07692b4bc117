package virtuoso

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Virtuoso takes more for SPARQL than SPARQL 1.1 has (http://docs.openlinksw.com/virtuoso/rdfsparql/): functions of its own (bif:) and
// procedures (sql:), by which all of SQL and requests to other hosts can be had, pragmas (define), SQL in WHERE and SQLQUERY. Neptune
// has none of it. So what comes is read token by token by the grammar of SPARQL 1.1
// (https://www.w3.org/TR/sparql11-query/#sparqlGrammar), and Virtuoso is given what was understood, written in one way only:
// without comments, escapes decoded, strings in one form. It cannot take for a statement what was a comment or a string here.

// words are all those of SPARQL 1.1 but the two that make the database ask others: LOAD and SERVICE.
var words = setOf(`BASE PREFIX SELECT DISTINCT REDUCED AS CONSTRUCT DESCRIBE ASK FROM NAMED WHERE GROUP BY HAVING ORDER ASC DESC LIMIT OFFSET
	VALUES SILENT INTO CLEAR DROP CREATE ADD MOVE COPY TO INSERT DELETE DATA WITH USING DEFAULT ALL GRAPH OPTIONAL BIND UNDEF MINUS UNION FILTER
	A IN NOT STR LANG LANGMATCHES DATATYPE BOUND IRI URI BNODE RAND ABS CEIL FLOOR ROUND CONCAT STRLEN UCASE LCASE ENCODE_FOR_URI CONTAINS
	STRSTARTS STRENDS STRBEFORE STRAFTER YEAR MONTH DAY HOURS MINUTES SECONDS TIMEZONE TZ NOW UUID STRUUID MD5 SHA1 SHA256 SHA384 SHA512
	COALESCE IF STRLANG STRDT SAMETERM ISIRI ISURI ISBLANK ISLITERAL ISNUMERIC REGEX SUBSTR REPLACE EXISTS COUNT SUM MIN MAX AVG SAMPLE
	GROUP_CONCAT SEPARATOR TRUE FALSE`)

func setOf(text string) map[string]bool {
	set := map[string]bool{}
	for _, word := range strings.Fields(text) {
		set[word] = true
	}
	return set
}

// usual are prefixes that Neptune knows undeclared; Virtuoso is told them, lest it have others.
var usual = map[string]string{
	"rdf": "http://www.w3.org/1999/02/22-rdf-syntax-ns#", "rdfs": "http://www.w3.org/2000/01/rdf-schema#",
	"owl": "http://www.w3.org/2002/07/owl#", "xsd": "http://www.w3.org/2001/XMLSchema#",
}

// refused is a request that is not let through, with Neptune's code for it.
type refused struct{ code, text string }

func (e *refused) Error() string { return e.text }

// refuse is for what is not SPARQL 1.1.
func refuse(format string, values ...any) error {
	return &refused{"MalformedQueryException", fmt.Sprintf(format, values...)}
}

// notHosted is for what might be had, but not here.
func notHosted(format string, values ...any) error {
	return &refused{"UnsupportedOperationException", fmt.Sprintf(format, values...)}
}

// longestPrefix bounds how far the colon of a name is looked for: what has none, as a.a.a.a, would be read to its end at each a.
const longestPrefix = 128

// The tokens, at the beginning of a text.
var (
	prefixToken   = regexp.MustCompile(`^(?:\pL[\pL\pM\pN_.\-·]*)?:`)
	iriToken      = regexp.MustCompile("^<([^<>\"{}|^`\\\\\\x00-\\x20]*)>")
	nameToken     = regexp.MustCompile(`^((?:\pL(?:[\pL\pM\pN_.\-·]*[\pL\pM\pN_\-·])?)?):((?:[\pL\pN_:]|%[0-9A-Fa-f]{2}|\\[_~.\-!$&'()*+,;=/?#@%])(?:(?:[\pL\pM\pN_:.\-·]|%[0-9A-Fa-f]{2}|\\[_~.\-!$&'()*+,;=/?#@%])*(?:[\pL\pM\pN_:\-·]|%[0-9A-Fa-f]{2}|\\[_~.\-!$&'()*+,;=/?#@%]))?)?`)
	blankToken    = regexp.MustCompile(`^_:[\pL\pN_](?:[\pL\pM\pN_.\-·]*[\pL\pM\pN_\-·])?`)
	variableToken = regexp.MustCompile(`^[?$][\pL\pN_][\pL\pM\pN_·]*`)
	languageToken = regexp.MustCompile(`^@[a-zA-Z]+(?:-[a-zA-Z0-9]+)*`)
	numberToken   = regexp.MustCompile(`^(?:[0-9]+(?:\.[0-9]+)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?`)
	wordToken     = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_]*`)
	stringToken   = regexp.MustCompile(`^(?s:"""(?:"{0,2}(?:[^"\\]|\\.))*"""|'''(?:'{0,2}(?:[^'\\]|\\.))*'''|"(?:[^"\\\n\r]|\\[^\n\r])*"|'(?:[^'\\\n\r]|\\[^\n\r])*')`)
	spaceToken    = regexp.MustCompile(`^(?:[ \t\r\n]|#[^\r\n]*)+`)
)

const punctuation = "(){}[].,;=!<>|&^+-*/?"

// reader reads a request and writes what Virtuoso is given.
type reader struct {
	rest     string
	out      strings.Builder
	prefixes map[string]string
	missing  []string // prefixes that are usual and were used undeclared
	before   token    // the last
	sealed   bool     // what comes must not touch what is written
	apart    bool     // what comes does not: there is a space
}

type token struct {
	kind byte   // 'w'ord, 'i'ri, 'n'ame, 's'tring, 'p'unctuation, or another
	text string // of a word in upper case
}

// understood is a query or an update as Virtuoso is given it. The error is a *refused.
func understood(text string) (string, error) {
	text, err := unescaped(text)
	if err != nil {
		return "", err
	}
	r := &reader{rest: text, prefixes: map[string]string{}}
	for r.rest != "" {
		if err := r.next(); err != nil {
			return "", err
		}
	}
	var declared strings.Builder
	for _, name := range r.missing {
		fmt.Fprintf(&declared, "PREFIX %s: <%s>\n", name, usual[name])
	}
	return declared.String() + r.out.String(), nil
}

// next reads one token.
func (r *reader) next() error {
	if space := spaceToken.FindString(r.rest); space != "" {
		r.rest = r.rest[len(space):]
		r.out.WriteByte(map[bool]byte{true: '\n', false: ' '}[strings.ContainsAny(space, "\r\n")])
		r.sealed, r.apart = false, true
		return nil
	}
	switch c := r.rest[0]; {
	case c == '"' || c == '\'':
		if m := stringToken.FindString(r.rest); m != "" {
			return r.text(m)
		}
	case c == '<':
		if m := iriToken.FindStringSubmatch(r.rest); m != nil {
			return r.iri(m[0], m[1])
		}
	case c == '_':
		if m := blankToken.FindString(r.rest); m != "" {
			return r.put('b', m, m)
		}
	case c == '?' || c == '$':
		if m := variableToken.FindString(r.rest); m != "" {
			return r.put('v', m, m)
		}
	case c >= '0' && c <= '9' || c == '.':
		if m := numberToken.FindString(r.rest); m != "" {
			return r.put('d', m, m)
		}
	case c == '@' && r.before.kind == 's':
		if m := languageToken.FindString(r.rest); m != "" {
			return r.put('l', m, m)
		}
	case c == ':' || c >= utf8.RuneSelf || c|0x20 >= 'a' && c|0x20 <= 'z':
		if !prefixToken.MatchString(r.rest[:min(len(r.rest), longestPrefix)]) {
			break
		}
		if m := nameToken.FindStringSubmatch(r.rest); m != nil {
			return r.name(m[0], m[1], m[2])
		}
	}
	if m := wordToken.FindString(r.rest); m != "" {
		return r.word(m)
	}
	if c := r.rest[:1]; strings.Contains(punctuation, c) {
		return r.put('p', c, c)
	}
	c, _ := utf8.DecodeRuneInString(r.rest)
	return refuse("%q is not SPARQL 1.1 at %q.", c, r.rest[:min(len(r.rest), 20)])
}

// put writes a token as another text. What it was next to it stays next to, unless the two could be read as one.
func (r *reader) put(kind byte, read, written string) error {
	if r.before == (token{'w', "WHERE"}) && written != "{" {
		return refuse("After WHERE comes a group in braces.")
	}
	apart := strings.IndexByte("wsi", kind) >= 0 // a word, a string, an IRI
	if (r.sealed || apart && !r.apart) && kind != 'l' && r.before.kind != 0 {
		r.out.WriteByte(' ')
	}
	r.out.WriteString(written)
	r.rest = r.rest[len(read):]
	r.apart = false
	r.before, r.sealed = token{kind, written}, apart || kind == 'l' || kind == 'd'
	return nil
}

func (r *reader) word(read string) error {
	word := strings.ToUpper(read)
	switch {
	case word == "SERVICE" || word == "LOAD":
		return notHosted("%s is not hosted: the database reaches no other.", word)
	case !words[word]:
		return refuse("%q is not a word of SPARQL 1.1.", read)
	}
	if err := r.put('w', read, read); err != nil {
		return err
	}
	r.before.text = word
	return nil
}

// iri reads a full IRI, which is a prefix's if one is being declared.
func (r *reader) iri(read, iri string) error {
	if err := harmless(iri); err != nil {
		return err
	}
	if r.before.kind == 'N' { // PREFIX name:
		for _, start := range own {
			if iri != "" && strings.HasPrefix(start, strings.ToLower(iri)) {
				return refuse("The prefix <%s> is no IRI.", iri)
			}
		}
		r.prefixes[r.before.text] = iri
	}
	return r.put('i', read, read)
}

// name reads a prefixed name. Virtuoso does not know escapes in them: what has any is written in full.
func (r *reader) name(read, prefix, local string) error {
	if r.before == (token{'w', "PREFIX"}) && local == "" {
		if slices.Contains([]string{"bif", "sql"}, strings.ToLower(prefix)) {
			return notHosted("The prefix %s: is not hosted.", prefix)
		}
		err := r.put('N', read, read)
		r.before.text = prefix
		return err
	}
	space, declared := r.prefixes[prefix]
	if !declared {
		if space = usual[prefix]; space == "" {
			return refuse("The prefix %s: is not declared.", prefix)
		}
		if !slices.Contains(r.missing, prefix) {
			r.missing = append(r.missing, prefix)
		}
	}
	full := space + nameEscape.ReplaceAllString(local, "$1")
	if err := harmless(full); err != nil {
		return err
	}
	if strings.ContainsAny(local, `\%:`) {
		if !iriToken.MatchString("<" + full + ">") {
			return refuse("%q is no name.", read)
		}
		return r.put('i', read, "<"+full+">")
	}
	return r.put('n', read, read)
}

var nameEscape = regexp.MustCompile(`\\(.)`)

// own are how the names of Virtuoso's functions and procedures begin.
var own = []string{"bif:", "sql:", "xpath:"}

// typed is what Virtuoso lets stand before such a name: SPECIAL::bif:… and so on.
var typed = regexp.MustCompile(`^[A-Za-z_]*::`)

// harmless refuses the names of functions and procedures of Virtuoso.
func harmless(iri string) error {
	lower := strings.ToLower(iri)
	if typed.MatchString(iri) {
		return notHosted("<%s> is not hosted: Neptune has no such function.", iri)
	}
	for _, start := range own {
		if strings.HasPrefix(lower, start) {
			return notHosted("%s is not hosted: Neptune has no such functions.", start)
		}
	}
	return nil
}

// text reads a string and writes it between double quotes.
func (r *reader) text(read string) error {
	quotes := 1
	if len(read) >= 6 && (strings.HasPrefix(read, `"""`) || strings.HasPrefix(read, `'''`)) {
		quotes = 3
	}
	body := read[quotes : len(read)-quotes]
	var out strings.Builder
	out.WriteByte('"')
	for i := 0; i < len(body); i++ {
		c := body[i]
		if c == '\\' {
			i++
			plain, known := escapes[body[i]]
			if !known {
				return refuse(`\%c is no escape of SPARQL 1.1.`, body[i])
			}
			c = plain
		}
		switch c {
		case '"', '\\':
			out.WriteByte('\\')
			out.WriteByte(c)
		case '\n':
			out.WriteString(`\n`)
		case '\r':
			out.WriteString(`\r`)
		default:
			out.WriteByte(c)
		}
	}
	out.WriteByte('"')
	return r.put('s', read, out.String())
}

var escapes = map[byte]byte{'t': '\t', 'b': '\b', 'n': '\n', 'r': '\r', 'f': '\f', '"': '"', '\'': '\'', '\\': '\\'}

// unescaped decodes \uXXXX and \UXXXXXXXX, which SPARQL 1.1 does before all else (section 19.2), unless the backslash is itself
// escaped. A quote that is meant by one is part of its string, as in N-Triples. Neither what they stand for nor anything else may be
// zero or no text.
func unescaped(text string) (string, error) {
	if !utf8.ValidString(text) || strings.ContainsRune(text, 0) {
		return "", refuse("The request is not UTF-8.")
	}
	text = strings.TrimPrefix(text, "\ufeff")
	if !strings.Contains(text, `\u`) && !strings.Contains(text, `\U`) {
		return text, nil
	}
	var out strings.Builder
	for i := 0; i < len(text); {
		if text[i] != '\\' || i+1 == len(text) {
			out.WriteByte(text[i])
			i++
			continue
		}
		digits := map[byte]int{'u': 4, 'U': 8}[text[i+1]]
		if digits == 0 {
			out.WriteString(text[i : i+2])
			i += 2
			continue
		}
		if i+2+digits > len(text) {
			return "", refuse(`\%c is followed by %d digits.`, text[i+1], digits)
		}
		code, err := strconv.ParseUint(text[i+2:i+2+digits], 16, 32)
		if err != nil || code == 0 || code > unicode.MaxRune || !utf8.ValidRune(rune(code)) {
			return "", refuse("%s is no character.", text[i:i+2+digits])
		}
		r := rune(code)
		switch r {
		case '"', '\'', '\\':
			out.WriteByte('\\') // part of a string, and not its end
			out.WriteRune(r)
		case '\n':
			out.WriteString(`\n`)
		case '\r':
			out.WriteString(`\r`)
		default:
			out.WriteRune(r)
		}
		i += 2 + digits
	}
	return out.String(), nil
}
