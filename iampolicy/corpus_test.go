package iampolicy

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"testing"
)

// example is one file of testdata/corpus: the policies of a public example of AWS, told in our own names, and what
// AWS says of some requests.
type example struct {
	Source   string // where AWS says so
	Rule     string // what it shows
	Kind     Kind   // of the resource's policy, when it is a key's or a role's
	Identity []json.RawMessage
	Boundary json.RawMessage
	Session  []json.RawMessage
	SCPs     [][]json.RawMessage
	RCPs     [][]json.RawMessage
	Resource []json.RawMessage
	Requests []struct {
		Why       string
		Principal string // a name of corpusPrincipals
		Action    string
		Resource  string
		Owner     string
		Context   map[string][]string
		Want      Reason
		Gate      Gate // which decides, where the example tells
	}
}

var corpusPrincipals = map[string]Principal{
	"alice":     alice,
	"session":   session,
	"root":      root,
	"linked":    linked,
	"backup":    service,
	"anonymous": {},
	"foreigner": {ARN: "arn:aws:iam::" + foreign + ":user/mallory", AccountID: foreign, UserID: "AIDAMALLORY"},
	"foreignSession": {
		ARN: "arn:aws:sts::" + foreign + ":assumed-role/reader/s", RoleARN: "arn:aws:iam::" + foreign + ":role/reader",
		AccountID: foreign, UserID: "AROAREADER:s",
	},
	"foreignRoot": {ARN: "arn:aws:iam::" + foreign + ":root", AccountID: foreign, UserID: foreign, IsRoot: true},
	"federated":   federated,
	"logging":     {Service: "logging.s3.amazonaws.com"},
	"web":         {Federated: "accounts.example.com"},
}

// The examples and the requests in them.
const (
	corpusSize     = 102
	corpusRequests = 350
)

func TestCorpus(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/corpus/*.json")
	if err != nil {
		t.Fatal(err)
	}
	if len(files) != corpusSize {
		t.Errorf("the corpus has %d examples, want %d", len(files), corpusSize)
	}
	requests := 0
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var e example
		if err := json.Unmarshal(text, &e); err != nil {
			t.Fatal(err)
		}
		requests += len(e.Requests)
		t.Run(filepath.Base(file), func(t *testing.T) {
			t.Parallel()
			if e.Source == "" || e.Rule == "" || len(e.Requests) == 0 {
				t.Error("an example has a source, a rule and requests")
			}
			e.check(t)
		})
	}
	if requests != corpusRequests {
		t.Errorf("the corpus has %d requests, want %d", requests, corpusRequests)
	}
}

func (e *example) check(t *testing.T) {
	var p Policies
	p.Identity = corpusSources(t, Identity, e.Identity)
	p.Session = corpusSources(t, Identity, e.Session)
	p.HasSession = e.Session != nil
	if e.Boundary != nil {
		p.Boundary = &corpusSources(t, Identity, []json.RawMessage{e.Boundary})[0]
	}
	for _, level := range e.SCPs {
		p.SCPs = append(p.SCPs, corpusSources(t, SCP, level))
	}
	for _, level := range e.RCPs {
		p.RCPs = append(p.RCPs, append(corpusSources(t, RCP, level), allowAll))
	}
	if e.Kind == "" {
		e.Kind = Resource
	}
	p.Resource = corpusSources(t, e.Kind, e.Resource)
	for _, request := range e.Requests {
		principal, ok := corpusPrincipals[request.Principal]
		if !ok {
			t.Fatalf("%s: nobody is called %q", request.Why, request.Principal)
		}
		if request.Owner == "" {
			request.Owner = home
		}
		r := Request{Principal: principal, Action: request.Action, Resource: request.Resource, ResourceAccountID: request.Owner, Context: request.Context}
		d := Evaluate(r, p)
		if d.Reason != request.Want || request.Gate != "" && d.Gate != request.Gate {
			t.Errorf("%s: %s by %s, want %s %s\n%s", request.Why, d.Reason, d.Gate, request.Want, request.Gate, d.Explain())
		}
		checkExplanation(t, r, d)
	}
}

func corpusSources(t *testing.T, kind Kind, documents []json.RawMessage) (sources []Source) {
	t.Helper()
	for i, document := range documents {
		p, err := Parse(document)
		if err != nil {
			t.Fatal(err)
		}
		if err := Validate(p, kind); err != nil {
			t.Errorf("%s %d: %v", kind, i+1, err)
		}
		sources = append(sources, Source{Name: fmt.Sprintf("%s %d", kind, i+1), Kind: kind, Policy: p})
	}
	return sources
}
