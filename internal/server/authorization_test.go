package server

import (
	"context"
	"flag"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"strongroom/internal/api"
)

var update = flag.Bool("update", false, "write docs/authorization.md and testdata anew")

const authorizationPage = "../../docs/authorization.md"

// Every operation asks for actions that the service authorization reference has, and the page in docs tells which.
func TestAuthorizationPage(t *testing.T) {
	t.Parallel()
	s, err := Start(t.Context(), Config{DataDir: t.TempDir(), Listen: "127.0.0.1:0"}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(context.WithoutCancel(t.Context())); err != nil {
			t.Error(err)
		}
	})
	services := s.door.Services()
	for _, name := range slices.Sorted(maps.Keys(services)) {
		checkActions(t, s.door, services[name])
	}
	page := tellAuthorization(s.door)
	if *update {
		if err := os.WriteFile(authorizationPage, []byte(page), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	kept, err := os.ReadFile(authorizationPage)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(kept), page); diff != "" {
		t.Errorf("%s is stale; run make docs (-kept +now):\n%s", authorizationPage, diff)
	}
}

func checkActions(t *testing.T, door *api.Door, service *api.Service) {
	if service.Authorization == "" {
		t.Errorf("%s has no authorization.txt", service.Name)
	}
	for i := range service.Operations {
		for _, action := range service.Operations[i].Actions() {
			if door.Action(action) == nil {
				t.Errorf("%s:%s asks for %s, which no authorization.txt has", service.Name, service.Operations[i].Name, action)
			}
		}
	}
}

const authorizationIntroduction = `# Authorization

Generated from the tables of operations and the services' ` + "`authorization.txt`" + `; do not edit.

What each operation asks the policies: the actions of the [service authorization
reference](https://docs.aws.amazon.com/service-authorization/latest/reference/reference.html), the types of resources that
they are asked for on (none means ` + "`*`" + `), and the condition keys that a request may have beside the
[global ones](https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html). Where an operation
names several actions, which of them are asked depends on the input. A key is listed where some action of its service is
given it; whether one request has it depends on the request. Keys that the reference has and Strongroom never
supplies stand at the end of each service: a condition on one of these finds it missing, so an Allow that needs it does not
apply. Every access is held against this at run time; in tests one that is not declared is an error.
`

func tellAuthorization(door *api.Door) string {
	var b strings.Builder
	b.WriteString(authorizationIntroduction)
	services := door.Services()
	for _, name := range slices.Sorted(maps.Keys(services)) {
		service := services[name]
		fmt.Fprintf(&b, "\n## %s\n\n| operation | action | on | condition keys |\n|---|---|---|---|\n", name)
		unsupplied := map[string][]string{} // actions by key
		operations := slices.Clone(service.Operations)
		slices.SortFunc(operations, func(a, b api.Operation) int { return strings.Compare(a.Name, b.Name) })
		for i := range operations {
			tellOperation(&b, door, &operations[i], unsupplied)
		}
		tellUnsupplied(&b, unsupplied)
	}
	return b.String()
}

func tellOperation(b *strings.Builder, door *api.Door, op *api.Operation, unsupplied map[string][]string) {
	name := op.Name
	if len(op.Actions()) == 0 {
		fmt.Fprintf(b, "| %s | none: open to every principal | | |\n", name)
	}
	for _, of := range op.Actions() {
		action := door.Action(of)
		if action == nil {
			continue // told by checkActions
		}
		var types, keys []string
		for _, t := range action.Types {
			types = append(types, t.Name)
		}
		for _, key := range action.AllKeys() {
			if !key.Unsupplied {
				keys = append(keys, "`"+key.Name+"`")
			} else if !slices.Contains(unsupplied[key.Name], of) {
				unsupplied[key.Name] = append(unsupplied[key.Name], of)
			}
		}
		fmt.Fprintf(b, "| %s | %s | %s | %s |\n", name, of, strings.Join(types, ", "), strings.Join(keys, ", "))
		name = ""
	}
}

func tellUnsupplied(b *strings.Builder, unsupplied map[string][]string) {
	if len(unsupplied) == 0 {
		return
	}
	b.WriteString("\nNot supplied:\n\n")
	for _, key := range slices.Sorted(maps.Keys(unsupplied)) {
		actions := slices.Sorted(slices.Values(unsupplied[key]))
		if len(actions) > 6 {
			actions = append(actions[:5:5], fmt.Sprintf("and %d more", len(actions)-5))
		}
		fmt.Fprintf(b, "- `%s` (%s)\n", key, strings.Join(actions, ", "))
	}
}
