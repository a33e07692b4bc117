package catalogue_test

import (
	"context"
	"database/sql"
	"encoding/json"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"strongroom/archive/archivetest"
	"strongroom/internal/catalogue"
	"strongroom/internal/state"
)

var updateGolden = flag.Bool("update-golden", false, "keep what today's program writes beside the golden catalogues of former ones")

// goldenDocument is a document in testdata/golden/N/golden.json: what the one beside it that is sealed has to give.
type goldenDocument struct {
	Section string          `json:"section"`
	Key     string          `json:"key"`
	Region  string          `json:"region"`
	Rows    json.RawMessage `json:"rows"`
}

// TestGoldenCatalogues reads the catalogues that former versions of the program have written, makes a database of each, and has that
// give every row and value again. What was written once can be read for good: a catalogue in testdata is never made anew; where
// today's has more to tell, -update-golden adds another.
func TestGoldenCatalogues(t *testing.T) {
	t.Parallel()
	dirs, err := filepath.Glob(filepath.Join("testdata", "golden", "*"))
	if err != nil {
		t.Fatal(err)
	}
	if *updateGolden {
		dirs = append(dirs, makeGolden(t, filepath.Join("testdata", "golden", fmt.Sprintf("%03d", len(dirs)+1))))
	}
	if len(dirs) == 0 {
		t.Fatal("there is no golden catalogue (go test -run TestGoldenCatalogues ./internal/catalogue -update-golden)")
	}
	tables := map[string]bool{}
	for _, dir := range dirs {
		t.Run(filepath.Base(dir), func(t *testing.T) {
			w := newWorld(t)
			w.loadGolden(dir)
			wanted := readGolden(t, dir)
			documents := w.goldenDocuments(wanted)
			done, err := catalogue.Rebuild(t.Context(), w.db, documents)
			if err != nil || len(done.Refused) > 0 {
				t.Fatalf("%+v, %v", done.Refused, err)
			}
			w.giveAgain(wanted)
		})
		for _, d := range readGolden(t, dir) {
			rows, err := state.ParseCatalogueRows(d.Rows)
			if err != nil {
				t.Fatal(err)
			}
			for table := range rows {
				tables[table] = true
			}
		}
	}
	for _, section := range state.CatalogueSections {
		for _, table := range section.TableNames() {
			if !tables[table] {
				t.Errorf("no golden catalogue has a row of %s; go test -run TestGoldenCatalogues ./internal/catalogue -update-golden adds one", table)
			}
		}
	}
}

func readGolden(t *testing.T, dir string) (wanted []goldenDocument) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(dir, "golden.json"))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &wanted); err != nil || len(wanted) == 0 {
		t.Fatalf("%d documents, %v", len(wanted), err)
	}
	return wanted
}

// loadGolden brings a golden catalogue's stores into memory.
func (w *world) loadGolden(dir string) {
	w.t.Helper()
	for region, store := range w.stores {
		root := os.DirFS(filepath.Join(dir, region))
		err := fs.WalkDir(root, ".", func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			data, err := fs.ReadFile(root, path)
			if err != nil {
				return err
			}
			return store.Create(w.t.Context(), path, data)
		})
		if err != nil {
			w.t.Fatal(err)
		}
	}
}

// goldenDocuments reads the documents in the stores and compares them with what they have to be.
func (w *world) goldenDocuments(wanted []goldenDocument) (documents []catalogue.Document) {
	w.t.Helper()
	for region, store := range w.stores {
		found, err := catalogue.Read(w.t.Context(), store, w.root)
		if err != nil || len(found.Damaged) > 0 {
			w.t.Fatalf("reading %s: %+v, %v", region, found.Damaged, err)
		}
		documents = append(documents, found.Documents...)
	}
	if len(documents) != len(wanted) {
		w.t.Errorf("there are %d documents, want %d", len(documents), len(wanted))
	}
	for _, want := range wanted {
		i := slices.IndexFunc(documents, func(d catalogue.Document) bool { return d.Section == want.Section && d.Key == want.Key })
		if i < 0 {
			w.t.Errorf("there is no %s %s", want.Section, want.Key)
			continue
		}
		rows, err := state.ParseCatalogueRows(want.Rows)
		if err != nil {
			w.t.Fatal(err)
		}
		if diff := cmp.Diff(rows, documents[i].Rows); diff != "" || documents[i].Region != want.Region {
			w.t.Errorf("%s %s, in %s (-want +got):\n%s", want.Section, want.Key, documents[i].Region, diff)
		}
	}
	return documents
}

// giveAgain checks that the database has what the documents had, whatever columns have come since.
func (w *world) giveAgain(wanted []goldenDocument) {
	w.t.Helper()
	err := w.db.View(w.t.Context(), func(ctx context.Context, tx *state.Tx) error {
		for _, want := range wanted {
			rows, err := state.ParseCatalogueRows(want.Rows)
			if err != nil {
				return err
			}
			got, err := tx.CatalogueRows(ctx, want.Section, want.Key)
			if err != nil {
				return err
			}
			for table := range rows {
				if table == "organization_policy_changes" {
					continue // all policies count as changed, and are evaluated anew
				}
				if len(got[table]) != len(rows[table]) {
					w.t.Errorf("%s %s has %d rows of %s, want %d", want.Section, want.Key, len(got[table]), table, len(rows[table]))
					continue
				}
				for i, row := range rows[table] {
					for column, value := range row {
						if diff := cmp.Diff(fmt.Sprint(value), fmt.Sprint(got[table][i][column])); diff != "" {
							w.t.Errorf("%s %s: %s.%s (-want +got):\n%s", want.Section, want.Key, table, column, diff)
						}
					}
				}
			}
		}
		return nil
	})
	if err != nil {
		w.t.Fatal(err)
	}
}

// makeGolden keeps what today's program writes of a database that has a row in every table of the catalogue and a value in every
// column of it.
func makeGolden(t *testing.T, dir string) string {
	t.Helper()
	w := newWorld(t)
	file, err := empty()
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "state.db")
	w.db = openFile(t, path, file)
	fillTables(t, path)
	w.start()
	w.stop()
	for region, store := range w.stores {
		names, err := archivetest.Names(t.Context(), store, "")
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range names {
			keep(t, filepath.Join(dir, region, name), must(archivetest.Read(t.Context(), store, name))(t))
		}
	}
	keep(t, filepath.Join(dir, "golden.json"), w.record())
	return dir
}

// record is golden.json, of what the database says.
func (w *world) record() []byte {
	w.t.Helper()
	var all []goldenDocument
	for _, store := range w.stores {
		found, err := catalogue.Read(w.t.Context(), store, w.root)
		if err != nil {
			w.t.Fatal(err)
		}
		for _, d := range found.Documents {
			err := w.db.View(w.t.Context(), func(ctx context.Context, tx *state.Tx) error {
				rows, err := tx.CatalogueRows(ctx, d.Section, d.Key)
				if err != nil {
					return err
				}
				text, err := json.Marshal(rows)
				all = append(all, goldenDocument{d.Section, d.Key, d.Region, text})
				return err
			})
			if err != nil {
				w.t.Fatal(err)
			}
		}
	}
	slices.SortFunc(all, func(a, b goldenDocument) int { return strings.Compare(a.Section+a.Key, b.Section+b.Key) })
	return append(must(json.MarshalIndent(all, "", " "))(w.t), '\n')
}

func must[T any](v T, err error) func(*testing.T) T {
	return func(t *testing.T) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func keep(t *testing.T, path string, data []byte) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
}

// fillTables puts one row into each table of the catalogue, past the program.
func fillTables(t *testing.T, path string) {
	t.Helper()
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	for _, section := range state.CatalogueSections {
		for _, table := range section.TableNames() {
			columns, marks, values := goldenRow(t, db, table)
			query := "INSERT INTO " + table + " (" + strings.Join(columns, ", ") + ") VALUES (" + strings.Join(marks, ", ") + ")"
			if _, err := db.ExecContext(t.Context(), query, values...); err != nil {
				t.Fatalf("%s: %v", table, err)
			}
		}
	}
}

func goldenRow(t *testing.T, db *sql.DB, table string) (columns, marks []string, values []any) {
	t.Helper()
	rows, err := db.QueryContext(t.Context(), "SELECT name, type FROM pragma_table_info($1)", table)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var name, kind string
		if err := rows.Scan(&name, &kind); err != nil {
			t.Fatal(err)
		}
		columns, marks = append(columns, name), append(marks, "?")
		values = append(values, goldenValue(table, name, kind))
	}
	if err := rows.Err(); err != nil || len(columns) == 0 {
		t.Fatalf("%s has %d columns, %v", table, len(columns), err)
	}
	return columns, marks, values
}

// goldenValue is a value that is the same wherever a row refers to another.
func goldenValue(table, column, kind string) any {
	switch kind {
	case "BYTEA":
		return []byte(table + "." + column + "\x00\xff")
	case "TEXT":
	default:
		return 1
	}
	for _, name := range []string{table + "." + column, column} {
		if value, special := goldenValues[name]; special {
			return value
		}
	}
	return table + "." + column + " ä"
}

var goldenValues = map[string]string{
	"account_id": "111111111111", "account": "111111111111", "accounts.id": "111111111111", "management_account_id": "111111111111",
	"region": "north", "organization_id": "o-golden", "organizations.id": "o-golden",
	"organization_policies.id": "p-golden", "policy_id": "p-golden", "organization_policies.content": `{"plans":{}}`,
	"organization_policies.type": "BACKUP_POLICY", "organization_policy_attachments.type": "BACKUP_POLICY",
	"organization_policy_types.type": "BACKUP_POLICY", "target_id": "r-golden", "resource_id": "r-golden", "root_id": "r-golden",
	"parent_id": "r-golden", "users.name": "user", "user_name": "user", "user_groups.name": "group", "group_name": "group",
	"policies.arn": "arn:policy", "policy_arn": "arn:policy", "kms_keys.id": "key", "key_id": "key", "backup_plans.id": "plan",
	"plan_id": "plan", "sns_topics.arn": "arn:topic", "topic_arn": "arn:topic", "event_buses.arn": "arn:bus", "bus_arn": "arn:bus",
	"backup_vaults.arn": "arn:vault", "vault_arn": "arn:vault", "backup_vaults.name": "vault", "vault_name": "vault",
	"recovery_points.status": "COMPLETED", "legal_holds.status": "ACTIVE", "accounts.status": "ACTIVE",
	"vault_names": `["vault"]`, "resource_arns": `[]`, "tags": `{"a":"ä"}`, "lifecycle": `{}`, "document": `{}`, "options": `{}`,
	"restore_metadata": `{}`, "created_by": `{}`,
	"attributes": `{"a":"b"}`, "events": `["e"]`, "settings": `{}`, "shared_with": `["222222222222"]`, "subnets": `[]`, "targets": `[]`,
	"former": `[]`, "parameters": `{}`, "backup_settings.value": `{}`,
}
