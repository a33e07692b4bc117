package s3_test

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/s3"

	"strongroom/internal/api"
	"strongroom/internal/service/s3/s3test"
)

// filesIn lists the files of contents.
func filesIn(t *testing.T, dir string) (files []string) {
	t.Helper()
	err := filepath.WalkDir(filepath.Join(dir, "regions"), func(path string, d fs.DirEntry, err error) error {
		if os.IsNotExist(err) {
			return nil
		}
		if err == nil && !d.IsDir() {
			files = append(files, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

func TestContentsLieSealedInTheRegion(t *testing.T) {
	t.Parallel()
	w := s3test.New(t)
	w.Bucket(t, s3test.Member, "bucket", false)
	w.Put(t, admin, "bucket", "k", strings.Repeat("plaintext", 100))
	files := filesIn(t, w.Dir)
	if len(files) != 1 || !strings.HasPrefix(files[0], filepath.Join(w.Dir, "regions", s3test.Central, "s3")) {
		t.Fatalf("files %v", files)
	}
	sealed, err := os.ReadFile(files[0])
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(sealed, []byte("plaintext")) {
		t.Error("the content lies readable on disk")
	}
	sealed[40] ^= 1
	if err := os.WriteFile(files[0], sealed, 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := api.Call[s3.GetObjectOutput](t.Context(), w.Door, admin, &s3.GetObjectInput{Bucket: ptr("bucket"), Key: ptr("k")})
	if err == nil {
		var b bytes.Buffer
		if _, err = b.ReadFrom(out.Body); err == nil {
			t.Errorf("a changed content was read as %q", b.String())
		}
	}
}

func TestWhatACrashLeavesIsSwept(t *testing.T) {
	t.Parallel()
	w := s3test.New(t)
	w.Bucket(t, s3test.Member, "bucket", false)
	w.Put(t, admin, "bucket", "k", "kept")
	dir := filepath.Dir(filesIn(t, w.Dir)[0])
	// A file that was written, but whose row was not committed.
	if err := os.WriteFile(filepath.Join(dir, "4ff"), []byte("garbage"), 0o600); err != nil {
		t.Fatal(err)
	}
	w = w.Restart(t)
	if err := w.S3.Sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	if files := filesIn(t, w.Dir); len(files) != 1 {
		t.Errorf("after the sweep there are %v", files)
	}
	if got := w.Get(t, admin, "bucket", "k", ""); got != "kept" {
		t.Errorf("after the sweep the object is %q", got)
	}
	w.Put(t, admin, "bucket", "k", "new")
	if files := filesIn(t, w.Dir); len(files) != 1 {
		t.Errorf("overwriting left %v", files)
	}
}

func TestManyAtOnce(t *testing.T) {
	t.Parallel()
	w := s3test.New(t)
	w.Bucket(t, s3test.Member, "bucket", true)
	var all sync.WaitGroup
	for i := range 16 {
		all.Go(func() {
			for n := range 10 {
				key := string(rune('a' + (i+n)%4))
				if _, err := api.Call[s3.PutObjectOutput](t.Context(), w.Door, admin, &s3.PutObjectInput{Bucket: ptr("bucket"), Key: &key, Body: strings.NewReader(key)}); err != nil {
					t.Error(err)
				}
				out, err := api.Call[s3.GetObjectOutput](t.Context(), w.Door, admin, &s3.GetObjectInput{Bucket: ptr("bucket"), Key: &key})
				if err != nil {
					t.Error(err)
					return
				}
				_ = out.Body.Close()
			}
		})
	}
	all.Wait()
	if got := versionsOf(t, w, "bucket"); len(got) != 160 {
		t.Errorf("%d versions, want 160", len(got))
	}
}
