package archive_test

import (
	"testing"

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
