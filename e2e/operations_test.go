package e2e

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"strongroom/internal/strongroomtest"
)

// TestEveryOperationIsCalled reads the tests of the repository: each operation that the server answers is called by its
// name through the SDK's client, or its paginator, in a test file that imports the SDK's package of its service.
func TestEveryOperationIsCalled(t *testing.T) {
	t.Parallel()
	operations := strongroomtest.New(t).Operations()
	if len(operations) < 150 {
		t.Fatalf("the server answers %d operations only", len(operations))
	}
	called := calledOperations(t)
	for _, operation := range operations {
		if !called[operation] {
			t.Errorf("no test calls %s through the SDK", operation)
		}
	}
}

// calledOperations are the operations that test files call, as "backup:CreateBackupVault".
func calledOperations(t *testing.T) map[string]bool {
	t.Helper()
	called := map[string]bool{}
	err := filepath.WalkDir(root(t), func(path string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && strings.HasPrefix(entry.Name(), ".") && path != root(t):
			return filepath.SkipDir
		case entry.IsDir() || !strings.HasSuffix(path, "_test.go"):
			return nil
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		services := importedServices(file)
		ast.Inspect(file, func(n ast.Node) bool {
			if call, is := n.(*ast.CallExpr); is {
				if name := operationOf(call); name != "" {
					for _, service := range services {
						called[service+":"+name] = true
					}
				}
			}
			return true
		})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return called
}

// importedServices are the names, as requests are signed for, of the SDK's services that a file imports.
func importedServices(file *ast.File) []string {
	var services []string
	for _, spec := range file.Imports {
		path, err := strconv.Unquote(spec.Path.Value)
		service, ours := strings.CutPrefix(path, "github.com/aws/aws-sdk-go-v2/service/")
		switch {
		case err != nil || !ours || strings.Contains(service, "/"):
		case service == "resourcegroupstaggingapi":
			services = append(services, "tagging")
		case service == "eventbridge":
			services = append(services, "events")
		case service == "cloudwatchlogs":
			services = append(services, "logs")
		default:
			services = append(services, service)
		}
	}
	return services
}

// operationOf is the operation that x.Operation(ctx, …), NewOperationPaginator(client, …) or over[OperationOutput](client, …),
// which calls the client's method by name, calls; or "".
func operationOf(call *ast.CallExpr) string {
	if len(call.Args) < 2 {
		return ""
	}
	switch fun := call.Fun.(type) {
	case *ast.SelectorExpr:
		name := fun.Sel.Name
		if operation, paginates := strings.CutSuffix(name, "Paginator"); paginates {
			return strings.TrimPrefix(operation, "New")
		}
		return name
	case *ast.IndexExpr:
		output, is := fun.Index.(*ast.SelectorExpr)
		if caller, named := fun.X.(*ast.Ident); is && named && caller.Name == "over" {
			return strings.TrimSuffix(output.Sel.Name, "Output")
		}
	}
	return ""
}
