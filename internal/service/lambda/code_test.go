package lambda

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"strongroom/internal/api"
)

// entry is one of a package, in its order.
type entry struct {
	name, content string
	mode          fs.FileMode
}

func pack(t *testing.T, entries ...entry) *bytes.Buffer {
	t.Helper()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for _, e := range entries {
		h := &zip.FileHeader{Name: e.name, Method: zip.Deflate}
		h.SetMode(e.mode)
		f, err := w.CreateHeader(h)
		if err == nil {
			_, err = f.Write([]byte(e.content))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return &b
}

// TestPackagesThatLeadElsewhere: whatever names and links a package has, nothing is written outside its directory, and what
// was begun is gone.
func TestPackagesThatLeadElsewhere(t *testing.T) {
	t.Parallel()
	for name, entries := range map[string][]entry{
		"up":                     {{"../x", "x", 0o644}},
		"up in the middle":       {{"a/../../x", "x", 0o644}},
		"from the root":          {{"/tmp/x", "x", 0o644}},
		"through a link":         {{"link", "OUTSIDE", fs.ModeSymlink | 0o777}, {"link/x", "x", 0o644}},
		"through a link upwards": {{"link", "..", fs.ModeSymlink | 0o777}, {"link/x", "x", 0o644}},
		"over a link":            {{"x", "OUTSIDE/x", fs.ModeSymlink | 0o777}, {"x", "x", 0o644}},
		"a file twice":           {{"x", "1", 0o644}, {"x", "2", 0o644}},
		"a device":               {{"x", "", fs.ModeDevice | fs.ModeCharDevice | 0o666}},
		"a pipe":                 {{"x", "", fs.ModeNamedPipe | 0o666}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir, outside := t.TempDir(), t.TempDir()
			store, err := openCode(dir)
			if err != nil {
				t.Fatal(err)
			}
			for i := range entries {
				entries[i].content = string(bytes.ReplaceAll([]byte(entries[i].content), []byte("OUTSIDE"), []byte(outside)))
			}
			if _, _, err := store.put(pack(t, entries...), maxZipped); api.Code(err) != "InvalidParameterValueException" {
				t.Errorf("the error is %v", err)
			}
			for _, place := range []string{outside, filepath.Join(dir, "unpacked")} {
				if left, err := os.ReadDir(place); err != nil || len(left) > 0 {
					t.Errorf("%s has %v, %v", place, left, err)
				}
			}
			if _, err := os.Stat(filepath.Join(dir, "x")); err == nil {
				t.Error("it was written above its directory")
			}
		})
	}
}

// TestPackagesThatAreLists: a package that is a list of a million entries is refused before the list is in memory, one that makes more
// directories than it has entries as well; and what cannot be unpacked is not kept.
func TestPackagesThatAreLists(t *testing.T) {
	t.Parallel()
	var long bytes.Buffer
	one := make([]byte, 46+1)
	copy(one, "PK\x01\x02")
	one[28], one[46] = 1, 'd'
	const n = 900000
	for range n {
		long.Write(one)
	}
	end := []byte("PK\x05\x06\x00\x00\x00\x00")
	count := uint16(n % 65536)
	end = binary.LittleEndian.AppendUint16(end, count)
	end = binary.LittleEndian.AppendUint16(end, count)
	end = binary.LittleEndian.AppendUint32(end, uint32(long.Len()))
	end = binary.LittleEndian.AppendUint32(end, 0)
	long.Write(append(end, 0, 0))
	var deep []entry
	for i := range 60 {
		deep = append(deep, entry{strconv.Itoa(i) + strings.Repeat("/d", 2000), "", 0o644})
	}
	for name, content := range map[string]*bytes.Buffer{"a list": &long, "directories": pack(t, deep...), "no package": bytes.NewBufferString("text")} {
		store, err := openCode(t.TempDir())
		if err != nil {
			t.Fatal(err)
		}
		took := uint64(1 << 30)
		for range 3 { // the least counts: what else goes on in this process allocates as well
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			_, _, err = store.put(bytes.NewReader(content.Bytes()), maxZipped)
			runtime.ReadMemStats(&after)
			if api.Code(err) != "InvalidParameterValueException" {
				t.Errorf("%s: the error is %v", name, err)
			}
			took = min(took, (after.TotalAlloc-before.TotalAlloc)>>20)
		}
		if name == "a list" && took > 200 {
			t.Errorf("%s: it took %d MiB to see that", name, took)
		}
		for _, sub := range []string{"code", "unpacked"} {
			if left, err := os.ReadDir(filepath.Join(store.dir, sub)); err != nil || len(left) > 0 {
				t.Errorf("%s: %s has %v, %v", name, sub, left, err)
			}
		}
	}
}

// TestWhatIsUnpacked: programs stay programs, and no file is more than that.
func TestWhatIsUnpacked(t *testing.T) {
	t.Parallel()
	store, err := openCode(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	digest, _, err := store.put(pack(t, entry{"bootstrap", "x", 0o700 | fs.ModeSetuid}, entry{"lib/data", "x", 0o600}, entry{"link", "lib/data", fs.ModeSymlink | 0o777}), maxZipped)
	if err != nil {
		t.Fatal(err)
	}
	dir, err := store.unpacked(digest)
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]fs.FileMode{"bootstrap": 0o755, "lib": fs.ModeDir | 0o755, "lib/data": 0o644} {
		if info, err := os.Stat(filepath.Join(dir, name)); err != nil || info.Mode() != want {
			t.Errorf("%s is %v, %v, not %s", name, info, err, want)
		}
	}
	if target, err := os.Readlink(filepath.Join(dir, "link")); err != nil || target != "lib/data" {
		t.Errorf("the link leads to %s, %v", target, err)
	}
}

// TestForgottenCode: what no version has goes, unless it is young or in use.
func TestForgottenCode(t *testing.T) {
	t.Parallel()
	store, err := openCode(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	var digests []string
	for _, content := range []string{"known", "used", "neither"} {
		digest, _, err := store.put(pack(t, entry{"bootstrap", content, 0o755}), maxZipped)
		if err != nil {
			t.Fatal(err)
		}
		digests = append(digests, digest)
	}
	there := func() (n int) {
		for _, digest := range digests {
			if _, err := os.Stat(store.zip(digest)); err == nil {
				n++
			}
		}
		return n
	}
	used := func(digest string) bool { return digest == digests[1] }
	if err := store.forget(digests[:1], time.Now().Add(-time.Hour), used); err != nil || there() != 3 {
		t.Errorf("of young packages %d are left, %v", there(), err)
	}
	if err := store.forget(digests[:1], time.Now().Add(time.Hour), used); err != nil || there() != 2 {
		t.Errorf("%d packages are left, %v", there(), err)
	}
	if _, err := os.Stat(filepath.Join(store.dir, "unpacked", digests[2])); err == nil {
		t.Error("what it held is left")
	}
}
