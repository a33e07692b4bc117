// Package internal_test holds the imports against the layers of the design; see doc.go.
package internal_test

import (
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "strongroom/"

// A layer is a folder with all below it, and the module's packages that it may import beside its own.
type layer struct {
	folder string
	may    []string
}

// kernel can be used as libraries: it knows nothing of internal, and no SQL.
var kernel = []string{"archive", "backuppolicy", "tagpolicy", "rules", "iampolicy", "arn", "clock"}

// layers stand as in the design, the higher ones first: each may import only from below.
var layers = []layer{
	{"cmd", []string{"internal/demo", "internal/policylint", "internal/server", "backuppolicy", "copier", "clock"}},
	{"e2e", nil},
	{"copier", []string{"clock"}},
	{"internal/demo", []string{"arn", "clock"}},
	{"internal/policylint", []string{"backuppolicy", "arn"}},
	{"internal/strongroomtest", []string{"internal/porttest", "internal/waittest", "internal/server", "internal/state", "internal/work", "clock"}},
	{"internal/server", append([]string{
		"internal/service", "internal/work", "internal/backupevent", "internal/resource", "internal/dbengine", "internal/catalogue", "internal/archives", "internal/sandbox", "internal/wire", "internal/page", "internal/api", "internal/state",
	}, kernel...)},
	{"internal/service", append([]string{"internal/backupevent", "internal/resource", "internal/archives", "internal/sandbox", "internal/page", "internal/api", "internal/state"}, kernel...)},
	{"internal/work", append([]string{"internal/backupevent", "internal/resource", "internal/archives", "internal/api", "internal/state"}, kernel...)},
	{"internal/backupevent", []string{"internal/state"}},
	{"internal/resource", append([]string{"internal/dbengine", "internal/archives", "internal/page", "internal/api", "internal/state"}, kernel...)},
	{"internal/catalogue", []string{"internal/state", "archive", "clock"}},
	{"internal/archives", []string{"internal/api", "archive", "arn"}},
	{"internal/dbengine", []string{"internal/sandbox", "clock"}},
	{"internal/sandbox", nil},
	{"internal/porttest", []string{"internal/waittest"}},
	{"internal/waittest", []string{"clock"}},
	{"internal/wire", []string{"internal/api", "clock"}},
	{"internal/page", []string{"internal/api"}},
	{"internal/api", []string{"iampolicy"}},
	{"internal/state", []string{"rules", "clock"}},
	{"bench", []string{"archive", "clock"}},
	{"scripts", nil},
	{"archive", []string{"clock"}},
	{"tagpolicy", []string{"backuppolicy"}},
	{"backuppolicy", []string{"rules", "arn"}},
	{"rules", []string{"iampolicy", "arn"}},
	{"iampolicy", nil},
	{"arn", nil},
	{"clock", nil},
}

func within(folder, pkg string) bool { return pkg == folder || strings.HasPrefix(pkg, folder+"/") }

func rank(pkg string) int {
	return slices.IndexFunc(layers, func(l layer) bool { return within(l.folder, pkg) })
}

func TestLayersPointDownwards(t *testing.T) {
	t.Parallel()
	for i, l := range layers {
		for _, below := range l.may {
			if rank(below) <= i {
				t.Errorf("%s may not import %s, which does not stand below it", l.folder, below)
			}
		}
	}
}

// Tests, and packages that are made for tests, may look upwards: what they try needs a world around it.
func TestImportsKeepTheLayers(t *testing.T) {
	t.Parallel()
	root := os.DirFS("..")
	seen := map[int]bool{}
	err := fs.WalkDir(root, ".", func(name string, entry fs.DirEntry, err error) error {
		pkg := path.Dir(name)
		switch {
		case err != nil:
			return err
		case entry.IsDir() && (name != "." && strings.HasPrefix(entry.Name(), ".") || entry.Name() == "testdata"):
			return fs.SkipDir
		case path.Ext(name) != ".go" || strings.HasSuffix(name, "_test.go") || name == "internal/doc.go":
			return nil
		case strings.HasSuffix(pkg, "test") && pkg != "internal/strongroomtest" && pkg != "internal/porttest" && pkg != "internal/waittest":
			return nil
		}
		i := rank(pkg)
		if i < 0 {
			t.Errorf("%s stands in no layer", name)
			return nil
		}
		seen[i] = true
		text, err := fs.ReadFile(root, name)
		if err != nil {
			return err
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, text, parser.ImportsOnly)
		if err != nil {
			return err
		}
		for _, spec := range file.Imports {
			imported, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				return err
			}
			if imported == "database/sql" && slices.Contains(kernel, layers[i].folder) {
				t.Errorf("%s imports database/sql: no SQL here", name)
			}
			imported, ours := strings.CutPrefix(imported, module)
			if ours && !within(layers[i].folder, imported) && !slices.ContainsFunc(layers[i].may, func(f string) bool { return within(f, imported) }) {
				t.Errorf("%s imports %s, which %s must not know", name, imported, layers[i].folder)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for i, l := range layers {
		if !seen[i] {
			t.Errorf("there is no code in %s", l.folder)
		}
	}
}
