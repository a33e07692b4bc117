package main

import (
	"encoding/hex"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// TestRereadSeesWhatHidesBehindAnOldTime changes a file and gives it its old size and time: only who reads it sees that.
func TestRereadSeesWhatHidesBehindAnOldTime(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	f := &flags{vault: filepath.Join(dir, "vault"), key: filepath.Join(dir, "key"), objects: filepath.Join(dir, "data")}
	if err := os.Mkdir(f.objects, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(f.key, []byte(hex.EncodeToString(make([]byte, 32))), 0o600); err != nil {
		t.Fatal(err)
	}
	path, then := filepath.Join(f.objects, "file"), time.Unix(1_700_000_000, 0)
	write := func(content string) {
		t.Helper()
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(path, then, then); err != nil {
			t.Fatal(err)
		}
	}
	content := func(point string) string {
		t.Helper()
		restored := *f
		restored.point, restored.to = point, filepath.Join(dir, "restored "+point)
		if _, err := engineRestore(t.Context(), &restored); err != nil {
			t.Fatal(err)
		}
		got, err := os.ReadFile(filepath.Join(restored.to, "file"))
		if err != nil {
			t.Fatal(err)
		}
		return string(got)
	}
	write("before")
	f.point = "first"
	if _, err := engineBackup(t.Context(), f); err != nil {
		t.Fatal(err)
	}
	write("behind")
	for _, c := range []struct {
		reread bool
		want   string
	}{{false, "before"}, {true, "behind"}} {
		f.point, f.parent, f.reread = "trusting", "first", c.reread
		if c.reread {
			f.point = "reading"
		}
		if _, err := engineBackup(t.Context(), f); err != nil {
			t.Fatal(err)
		}
		if got := content(f.point); got != c.want {
			t.Errorf("reread %v: the file has %q, want %q", c.reread, got, c.want)
		}
	}
}
