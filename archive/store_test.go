package archive_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"time"

	"gocloud.dev/blob/fileblob"
	"gocloud.dev/blob/memblob"

	"strongroom/archive"
	"strongroom/archive/archivetest"
)

func TestStores(t *testing.T) {
	t.Parallel()
	for name, open := range map[string]func(*testing.T) archive.Store{
		"memory": func(*testing.T) archive.Store { return new(archive.Mem) },
		"directory": func(t *testing.T) archive.Store {
			s, err := archive.NewDir(t.TempDir())
			if err != nil {
				t.Fatal(err)
			}
			return s
		},
		"memblob": func(t *testing.T) archive.Store {
			b := memblob.OpenBucket(nil)
			t.Cleanup(func() { b.Close() })
			return archive.NewBucket(b)
		},
		"fileblob": func(t *testing.T) archive.Store {
			b, err := fileblob.OpenBucket(t.TempDir(), &fileblob.Options{Metadata: fileblob.MetadataDontWrite})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { b.Close() })
			return archive.NewBucket(b)
		},
		"counting": func(*testing.T) archive.Store { return &archivetest.Counting{Store: new(archive.Mem)} },
		"faulty":   func(*testing.T) archive.Store { return archivetest.NewFaulty(new(archive.Mem)) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			archivetest.TestStore(t, open)
		})
	}
}

func TestDirRemovesWhatKilledProcessesLeft(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	if _, err := archive.NewDir(root); err != nil {
		t.Fatal(err)
	}
	left, written := filepath.Join(root, ".staging", "left"), filepath.Join(root, ".staging", "being-written")
	for _, name := range []string{left, written} {
		if err := os.WriteFile(name, []byte("half of a pa"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	yesterday := time.Now().Add(-25 * time.Hour)
	if err := os.Chtimes(left, yesterday, yesterday); err != nil {
		t.Fatal(err)
	}
	if _, err := archive.NewDir(root); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(left); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("an old file is still there: %v", err)
	}
	if _, err := os.Stat(written); err != nil {
		t.Errorf("a file that somebody is writing has gone: %v", err)
	}
}
