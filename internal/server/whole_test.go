package server

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A fraction is refused where a whole number belongs, wherever that is, and is nothing but a word where a word belongs.
func TestAFractionIsNoWholeNumber(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ text, want string }{
		{"jobs: {at_once: 1.5}\n", "line 1: jobs.at_once is 1.5, which is not a whole number"},
		{"jobs:\n  at_once: 4.0\n", "line 2: jobs.at_once is 4.0, which is not a whole number"},
		{"quotas: {backup_vaults: 1e3}\n", "quotas.backup_vaults is 1e3"},
		{"functions: {concurrency: .5}\n", "functions.concurrency is .5"},
		{"listen: &n 1.5\nquotas: {accounts: *n}\n", "quotas.accounts is 1.5"},
		{"accounts: [{id: '111111111111', name: 1.5}]\njobs: {at_once: 3, memory: 64MB}\nregions: {eu-central-1: {store: 'file:///srv/1.5'}}\n", ""},
		{"", ""},
	} {
		path := filepath.Join(t.TempDir(), "config.yaml")
		if err := os.WriteFile(path, []byte(c.text), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := ReadConfig(path)
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q: %v, want %q", c.text, err, c.want)
		}
	}
}
