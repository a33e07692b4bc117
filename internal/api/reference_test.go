package api

import (
	"context"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const referenceText = `# a comment
service toy https://example.com/toy
resource box arn:${Partition}:toy:${Region}:${Account}:box:${BoxName}
	aws:ResourceTag/${TagKey} -toy:Colour
resource lid arn:${Partition}:toy:::lid/${LidName}/of/${BoxName} arn:${Partition}:hat:${Region}::brim/${BrimId}

action OpenBox Write box lid
	toy:Context:${Name} aws:TagKeys
	-toy:Late
action ListBoxes List
operation OpenAll toy:OpenBox toy:ListBoxes
service toy-storage https://example.com/storage
action Mount Write
`

func TestParseReference(t *testing.T) {
	t.Parallel()
	references, err := ParseReference(referenceText)
	if err != nil {
		t.Fatal(err)
	}
	if len(references) != 2 || references[1].Prefix != "toy-storage" || len(references[1].Actions) != 1 {
		t.Fatalf("the references are %+v", references)
	}
	toy := references[0]
	if toy.Prefix != "toy" || toy.URL != "https://example.com/toy" || len(toy.Types) != 2 || len(toy.Actions) != 2 {
		t.Fatalf("the reference is %+v", toy)
	}
	open := toy.Actions[0]
	want := []Key{
		{Name: "aws:ResourceTag/${TagKey}"},
		{Name: "aws:TagKeys"},
		{Name: "toy:Colour", Unsupplied: true},
		{Name: "toy:Context:${Name}"},
		{Name: "toy:Late", Unsupplied: true},
	}
	if diff := cmp.Diff(want, open.AllKeys()); diff != "" {
		t.Errorf("keys of OpenBox (-want +got):\n%s", diff)
	}
	for resource, want := range map[string]bool{
		"arn:aws:toy:eu-central-1:111122223333:box:b":   true,
		"arn:aws:toy:eu-central-1:111122223333:box:b:c": true,
		"arn:aws:toy:eu-central-1:111122223333:box:*":   true,
		"arn:aws:toy:eu-central-1:111122223333:box:":    false,
		"arn:aws:toy:eu-central-1::box:b":               false,
		"arn:aws:toy:::lid/l/of/b":                      true,
		"arn:aws:toy:::lid/l/of/x/of/b":                 true,
		"arn:aws:toy:::lid/l/b":                         false,
		"arn:aws:toy:eu-central-1::lid/l/of/b":          false,
		"arn:aws:hat:eu-central-1::brim/1":              true,
		"arn:aws:cap:eu-central-1::brim/1":              false,
		"arn:aws:toy":                                   false,
		"*":                                             true,
		"":                                              false,
	} {
		if got := open.takes(resource); got != want {
			t.Errorf("OpenBox takes %q: %t", resource, got)
		}
	}
	if list := toy.Actions[1]; !list.takes("*") || list.takes("arn:aws:toy:eu-central-1:111122223333:box:b") {
		t.Error("ListBoxes is on no resource")
	}
}

func TestParseReferenceRefuses(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"action A Write\n":                               "line 1: \"action A Write\" is of no service",
		"\taws:TagKeys\n":                                "line 1: the keys [aws:TagKeys] belong to nothing",
		"service toy u\naction A Write box\n":            "line 2: A is on an unknown type box",
		"service toy u\naction A Write\naction a Read\n": "line 3: a is told twice",
		"service toy u\nverb A Write\n":                  "line 2: \"verb A Write\" begins with no known word",
		"service toy u\n\taws:TagKeys\n":                 "line 2: the keys [aws:TagKeys] belong to nothing",
		"# nothing\n\nservice toy\n":                     "line 3: \"service toy\" is too short",
	} {
		_, err := ParseReference(text)
		if err == nil || err.Error() != want {
			t.Errorf("%q: %v, want %s", text, err, want)
		}
	}
}

// openBoxInput is the input of an operation of the toy service.
type openBoxInput struct{}

func TestFault(t *testing.T) {
	t.Parallel()
	d := newDeclared()
	row := Op("", func(context.Context, *Caller, *openBoxInput) (*struct{}, error) { return nil, nil },
		func(context.Context, *Caller, *openBoxInput) ([]Access, error) { return nil, nil })
	row.Name = "OpenBox"
	service := &Service{Name: "toys", Authorization: referenceText, Operations: []Operation{row, row}}
	service.Operations[1].Name = "OpenAll"
	d.add(service)
	op, all := &service.Operations[0], &service.Operations[1]
	op.Service, all.Service = service, service
	const box = "arn:aws:toy:eu-central-1:111122223333:box:b"
	for _, row := range []struct {
		op   *Operation
		a    Access
		want string
	}{
		{op, Access{Action: "toy:OpenBox", Resource: box}, ""},
		{op, Access{Action: "toy:ListBoxes", Resource: "*"}, "toys:OpenBox asks for toy:ListBoxes, which its row does not name"},
		{all, Access{Action: "toy:OpenBox", Resource: box}, ""},
		{all, Access{Action: "toy:ListBoxes", Resource: "*"}, ""},
		{nil, Access{Action: "toy:ListBoxes", Resource: "*"}, ""},
		{nil, Access{Action: "toy:Close", Resource: "*"}, "toy:Close is not in the authorization.txt of its service"},
		{nil, Access{Action: "toy:OpenBox", Resource: "*"}, ""},
		{nil, Access{Action: "toy:ListBoxes", Resource: "*", Context: map[string][]string{"aws:TagKeys": nil}}, ""},
		{nil, Access{Action: "toy:OpenBox", Resource: box, Context: map[string][]string{
			"aws:resourcetag/team": nil, "toy:Context:a/b": nil, "aws:TagKeys": nil, "aws:SourceArn": nil,
		}}, ""},
		{nil, Access{Action: "toy:OpenBox", Resource: box, Context: map[string][]string{"toy:Size": nil}}, "toy:OpenBox has the key toy:Size, which no action of the service knows"},
		{
			nil,
			Access{Action: "toy:OpenBox", Resource: box, Context: map[string][]string{"aws:RequestTag/team": nil}},
			"toy:OpenBox has the key aws:RequestTag/team, which no action of the service knows",
		},
		{
			nil,
			Access{Action: "toy:OpenBox", Resource: box, Context: map[string][]string{"toy:colour": nil}},
			"toy:OpenBox has the key toy:Colour, which is declared not to be supplied",
		},
	} {
		if got := d.fault(row.op, &row.a, d.references["toy"], d.action(row.a.Action)); got != row.want {
			t.Errorf("%+v: %q, want %q", row.a, got, row.want)
		}
	}
}

// In tests an access that is not declared ends all.
func TestCheckIsStrict(t *testing.T) {
	t.Parallel()
	d := newDeclared()
	d.add(&Service{Name: "toys", Authorization: referenceText})
	defer func() {
		if told := recover(); told != "undeclared access to *: toy:Close is not in the authorization.txt of its service" {
			t.Errorf("it tells %v", told)
		}
	}()
	d.check(t.Context(), nil, Access{Action: "toy:Close", Resource: "*"})
	t.Error("it goes on")
}

// An operation may gather the keys of all its actions; each sees its own.
func TestCheckKeepsOwnKeys(t *testing.T) {
	t.Parallel()
	d := newDeclared()
	d.strict = false
	d.add(&Service{Name: "toys", Authorization: referenceText})
	gathered := map[string][]string{"aws:TagKeys": {"a"}, "toy:Size": {"1"}, "aws:SourceArn": {"x"}, "aws:RequestTag/a": {"b"}}
	asked := d.check(t.Context(), nil, Access{Action: "toy:OpenBox", Resource: "arn:aws:hat:eu-central-1::brim/1", Context: gathered})
	if diff := cmp.Diff(map[string][]string{"aws:TagKeys": {"a"}, "aws:SourceArn": {"x"}}, asked.Context); diff != "" {
		t.Errorf("the action sees (-want +got):\n%s", diff)
	}
	if len(gathered) != 4 {
		t.Errorf("the gathered keys became %v", gathered)
	}
	unknown := Access{Action: "other:Thing", Resource: "*", Context: gathered}
	if diff := cmp.Diff(unknown, d.check(t.Context(), nil, unknown), cmp.FilterPath(func(p cmp.Path) bool { return p.Last().String() == ".DeniedAs" }, cmp.Ignore())); diff != "" {
		t.Errorf("an action of another service (-want +got):\n%s", diff)
	}
}
