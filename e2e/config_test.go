package e2e

import (
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"strongroom/internal/server"
	"strongroom/internal/strongroomtest"
)

func readConfig(t *testing.T, text string) (server.Config, error) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "strongroom.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return server.ReadConfig(path)
}

// TestConfiguredAccounts starts with the accounts of a configuration file, whose keys are given or made, and moves a
// Region's vaults to another place.
func TestConfiguredAccounts(t *testing.T) {
	t.Parallel()
	store := filepath.Join(t.TempDir(), "north")
	config, err := readConfig(t, `
listen: 127.0.0.1:0
rules_as_of: 2024-04-26
accounts:
  - {id: "111111111111", name: member, access_key_id: AKIAEXAMPLEMEMBER001, secret_access_key: "secret-of-the-member"}
  - {id: "222222222222", name: backup, region: eu-north-1}
regions:
  eu-north-1: {store: "file://`+store+`"}
`)
	if err != nil {
		t.Fatal(err)
	}
	s := strongroomtest.New(t, strongroomtest.Options{Config: config, Standalone: true})
	if s.RulesAsOf() != "2024-04-26" {
		t.Errorf("the rules are those of %s", s.RulesAsOf())
	}
	m, b := enter(t, s, member, north), enter(t, s, vaulted, north)
	if key := must(m.config.Credentials.Retrieve(t.Context()))(t, "reading credentials"); key.AccessKeyID != "AKIAEXAMPLEMEMBER001" || key.SecretAccessKey != "secret-of-the-member" {
		t.Errorf("the member's key is %s", key.AccessKeyID)
	}
	given := must(b.config.Credentials.Retrieve(t.Context()))(t, "reading credentials")
	if got := s.AWS(t, "backup", "").Region; got != north {
		t.Errorf("the Region of the profile backup is %q", got)
	}
	if info := must(os.Stat(filepath.Join(s.ProfilesDir(), "credentials")))(t, "looking at the credentials"); info.Mode().Perm() != 0o600 {
		t.Errorf("the credentials have mode %v", info.Mode())
	}
	m.role(t, "jobs", rolePolicies...)
	m.vault(t, "stored-vault", m.key(t))
	bucket := m.bucket(t, "stored-bucket", "")
	m.put(t, "stored-bucket", "long", noise(30, 1<<20))
	point := m.backUp(t, "stored-vault", bucket)
	if size := sizeBelow(t, store); size < 1<<20 {
		t.Errorf("the Region's store holds %d bytes, less than the backup", size)
	}
	if _, err := os.Stat(filepath.Join(s.Dir, "regions", north, "archive")); err == nil {
		t.Error("something of the vault lies below the data directory")
	}

	// Keys that were made are the same after a restart.
	config.DataDir = s.Dir
	if err := s.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	s = strongroomtest.New(t, strongroomtest.Options{Config: config, Standalone: true})
	m, b = enter(t, s, member, north), enter(t, s, vaulted, north)
	if again := must(b.config.Credentials.Retrieve(t.Context()))(t, "reading credentials"); again.AccessKeyID != given.AccessKeyID || again.SecretAccessKey != given.SecretAccessKey {
		t.Error("the made key is another one after a restart")
	}
	if diff := cmp.Diff(m.objects(t, "stored-bucket"), m.restoreBucket(t, point, "stored-bucket-restored")); diff != "" {
		t.Errorf("restored after a restart (-want +got):\n%s", diff)
	}
}

func sizeBelow(t *testing.T, dir string) (size int64) {
	t.Helper()
	err := filepath.WalkDir(dir, func(_ string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		info, err := entry.Info()
		if err == nil {
			size += info.Size()
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return size
}

// TestConfigErrors: a configuration that cannot be is refused before anything is made, and the error names the key.
func TestConfigErrors(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, text, want string }{
		{"an unknown key", "listen_on: 127.0.0.1:1", "listen_on"},
		{"an unknown key within", "accounts:\n  - {id: \"111111111111\", name: member, email: a@b}", "email"},
		{"memory without a unit", "jobs: {memory: 512}", "jobs.memory"},
		{"memory that is no number", "jobs: {memory: NaNGB}", "jobs.memory"},
		{"less memory than one job takes", "jobs: {memory: 10MB}", "jobs.memory"},
		{"fewer jobs than none", "jobs: {at_once: -1}", "jobs.at_once"},
		{"no YAML", "listen: [", "yaml"},
		{"a number for an account", "accounts:\n  - {id: 12, name: member}", "accounts[0].id"},
		{"no name", "accounts:\n  - {id: \"111111111111\"}", "accounts[0].name"},
		{"a name with a space", "accounts:\n  - {id: \"111111111111\", name: a b}", "accounts[0].name"},
		{"an account twice", "accounts:\n  - {id: \"111111111111\", name: a}\n  - {id: \"111111111111\", name: b}", "accounts[1]"},
		{"half a key", "accounts:\n  - {id: \"111111111111\", name: a, access_key_id: AKIAEXAMPLE}", "secret_access_key"},
		{"a day that is none", "rules_as_of: yesterday", "rules_as_of"},
		{"a store that is no URL", "regions:\n  eu-north-1: {store: \":nowhere\"}", "regions.eu-north-1.store"},
		{"a store of an unknown kind", "regions:\n  eu-north-1: {store: \"ftp://host/x\"}", "regions.eu-north-1.store"},
		{"a store without a place", "regions:\n  eu-north-1: {}", "regions.eu-north-1.store"},
		{"a Region that does not exist", "regions:\n  eu-nowhere-9: {store: \"file:///srv/x\"}", "regions.eu-nowhere-9"},
		{"an account's Region that does not exist", "accounts:\n  - {id: \"111111111111\", name: a, region: eu-nowhere-9}", "accounts[0].region"},
		{"an address that is none", "listen: nowhere", "listen"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			dir := filepath.Join(t.TempDir(), "data")
			config, err := readConfig(t, c.text)
			if err == nil {
				config.DataDir = dir
				var s *server.Server
				if s, err = server.Start(t.Context(), config, slog.New(slog.DiscardHandler)); err == nil {
					_ = s.Close(t.Context())
				}
			}
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("the error is %v, and does not name %q", err, c.want)
			}
			if _, err := os.Stat(dir); err == nil {
				t.Error("the data directory was made")
			}
		})
	}
}

// TestOneServerPerDataDirectory: a second server on the same data is refused, and leaves the first alone.
func TestOneServerPerDataDirectory(t *testing.T) {
	t.Parallel()
	s := strongroomtest.New(t)
	second, err := server.Start(t.Context(), server.Config{DataDir: s.Dir, Listen: "127.0.0.1:0"}, slog.New(slog.DiscardHandler))
	if err == nil {
		_ = second.Close(t.Context())
		t.Fatal("two servers run on one data directory")
	}
	if !strings.Contains(err.Error(), s.Dir) {
		t.Errorf("the error %v does not name the data directory", err)
	}
	enter(t, s, member, home).vault(t, "still-there", "")
}
