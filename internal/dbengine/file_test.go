package dbengine

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

// hostile is a database whose user has laid what it could, to have this process do things elsewhere.
func hostile(t *testing.T) (s Settings, outside string) {
	t.Helper()
	s = Settings{Dir: t.TempDir(), User: DefaultUser("nobody")}
	outside = filepath.Join(t.TempDir(), "outside")
	if err := os.MkdirAll(filepath.Join(outside, "sub"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(outside, "f"), []byte("theirs"), 0o640); err != nil {
		t.Fatal(err)
	}
	return s, outside
}

// untouched says that nothing outside has changed.
func untouched(t *testing.T, outside string) {
	t.Helper()
	for name, mode := range map[string]os.FileMode{"": 0o700, "sub": 0o700, "f": 0o640} {
		info, err := os.Lstat(filepath.Join(outside, name))
		if err != nil {
			t.Fatal(err)
		}
		if stat := info.Sys().(*syscall.Stat_t); int(stat.Uid) != os.Getuid() || info.Mode().Perm() != mode {
			t.Errorf("outside, %q is of the user %d with %v", name, stat.Uid, info.Mode())
		}
	}
	if text, err := os.ReadFile(filepath.Join(outside, "f")); err != nil || string(text) != "theirs" {
		t.Errorf("outside, the file has %q, %v", text, err)
	}
	entries, err := os.ReadDir(outside)
	if err != nil || len(entries) != 2 {
		t.Errorf("outside are %v, %v", entries, err)
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// TestLog: a log is this process's, whatever lies in its place and in that of the one put aside.
func TestLog(t *testing.T) {
	t.Parallel()
	for name, lay := range map[string]func(dir, outside string) error{
		"a link": func(dir, outside string) error {
			return os.Symlink(filepath.Join(outside, "f"), filepath.Join(dir, "log", "x.log"))
		},
		"a link to none": func(dir, outside string) error {
			return os.Symlink(filepath.Join(outside, "new"), filepath.Join(dir, "log", "x.log"))
		},
		"another name": func(dir, outside string) error {
			return os.Link(filepath.Join(outside, "f"), filepath.Join(dir, "log", "x.log"))
		},
		"a pipe": func(dir, _ string) error { return syscall.Mkfifo(filepath.Join(dir, "log", "x.log"), 0o600) },
		"a linked folder": func(dir, outside string) error {
			if err := os.Remove(filepath.Join(dir, "log")); err != nil {
				return err
			}
			return os.Symlink(outside, filepath.Join(dir, "log"))
		},
		"one put aside": func(dir, outside string) error {
			if err := os.WriteFile(filepath.Join(dir, "log", "x.log"), make([]byte, mostLog), 0o600); err != nil {
				return err
			}
			return os.Symlink(filepath.Join(outside, "f"), filepath.Join(dir, "log", "x.log.1"))
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, outside := hostile(t)
			must(t, s.MakeDir(s.Path("log")))
			must(t, lay(s.Dir, outside))
			l, err := s.OpenLog("x.log")
			if err != nil {
				t.Fatal(err)
			}
			_, err = l.file.WriteString("said")
			must(t, err)
			if got := l.Since(); got != "said" {
				t.Errorf("the log says %q", got)
			}
			must(t, l.file.Close())
			untouched(t, outside)
			info, err := os.Stat(s.Path("log"))
			must(t, err)
			if stat := info.Sys().(*syscall.Stat_t); int(stat.Uid) != os.Getuid() || info.Mode().Perm() != 0o700 {
				t.Errorf("the log's directory is of the user %d with %v", stat.Uid, info.Mode())
			}
		})
	}
}

// TestLinksLeadNowhere: what this process does in a database's directory happens there.
func TestLinksLeadNowhere(t *testing.T) {
	t.Parallel()
	s, outside := hostile(t)
	must(t, s.MakeDir(s.Path("data")))
	must(t, os.Symlink(outside, s.Path("data", "out")))
	must(t, os.Symlink(outside, s.Path("linked")))
	must(t, os.Symlink(filepath.Join(outside, "f"), s.Path("data", "f")))
	must(t, os.Symlink(filepath.Join(outside, "f"), s.Path("data", "conf.new")))
	must(t, syscall.Mkfifo(s.Path("data", "pipe"), 0o600))

	if err := s.WriteFile(s.Path("data", "conf"), []byte("ours")); err != nil {
		t.Errorf("writing a file: %v", err)
	}
	if text, err := s.ReadFile(s.Path("data", "conf")); err != nil || string(text) != "ours" {
		t.Errorf("reading it: %q, %v", text, err)
	}
	if err := s.GiveTree(s.Path("data")); err != nil {
		t.Errorf("giving a tree: %v", err)
	}
	if err := SyncTree(s.Path("data")); err != nil {
		t.Errorf("syncing a tree: %v", err)
	}
	for what, err := range map[string]error{
		"written": s.WriteFile(s.Path("data", "out", "f"), []byte("ours")), "made": s.MakeDir(s.Path("data", "out", "sub")),
		"given": s.GiveTree(s.Path("linked", "sub")), "removed": s.RemoveAll(s.Path("data", "out", "f")), "above": s.RemoveAll(s.Path("..", "x")),
	} {
		if err == nil {
			t.Errorf("something outside was %s", what)
		}
	}
	for _, name := range []string{"f", "out/f", "pipe"} {
		if f, err := s.Open(s.Path("data", name)); err == nil {
			_ = f.Close()
			t.Errorf("%s was opened", name)
		}
	}
	linked := s
	linked.Dir = s.Path("linked")
	if err := linked.Enter(); err == nil && linked.owner() != nil {
		t.Error("a link to a directory was given away")
	}
	untouched(t, outside)

	// Another name of a file is the file.
	must(t, os.Link(filepath.Join(outside, "f"), s.Path("data", "name")))
	if err := s.GiveTree(s.Path("data")); err == nil && s.owner() != nil {
		t.Error("a file with another name was given away")
	}
	if err := s.RemoveAll(s.Path("data", "name"), s.Path("data", "f"), s.Path("linked")); err != nil {
		t.Errorf("removing links: %v", err)
	}
	untouched(t, outside)
}
