package s3

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"os"
	"testing"

	"github.com/minio/sio"
)

// What sealSegment makes is what sio makes, and the other way round: older files were written by sio, and bundles are DARE too.
func TestSegmentsAreDARE(t *testing.T) {
	t.Parallel()
	key, at := bytes.Repeat([]byte{7}, 32), spot{file: 5}
	config, err := sealing(key, at)
	if err != nil {
		t.Fatal(err)
	}
	for _, size := range []int{1, 2, 4096, segmentSize - 1, segmentSize} {
		plain := bytes.Repeat([]byte("strongroom "), size/11+1)[:size]
		ours, err := sealSegment(nil, key, at, plain)
		if err != nil {
			t.Fatal(err)
		}
		var theirs, back bytes.Buffer
		if _, err := sio.Encrypt(&theirs, bytes.NewReader(plain), config); err != nil {
			t.Fatal(err)
		}
		if _, err := sio.Decrypt(&back, bytes.NewReader(ours), config); err != nil || !bytes.Equal(back.Bytes(), plain) {
			t.Errorf("sio does not read our %d bytes: %v", size, err)
		}
		for name, sealed := range map[string][]byte{"our": ours, "sio's": theirs.Bytes()} {
			for i := 0; i < len(sealed); i += 1 + len(sealed)/40 {
				torn := bytes.Clone(sealed)
				torn[i] ^= 1
				if _, err := openSegment(key, at, torn, int64(size)); err == nil {
					t.Errorf("%s %d bytes open with byte %d changed", name, size, i)
				}
			}
			if _, err := openSegment(key, spot{file: 5, offset: 21}, bytes.Clone(sealed), int64(size)); err == nil {
				t.Errorf("%s %d bytes open in another place", name, size)
			}
			if got, err := openSegment(key, at, sealed, int64(size)); err != nil || !bytes.Equal(got, plain) {
				t.Errorf("we do not read %s %d bytes: %v", name, size, err)
			}
		}
	}
}

func TestBundle(t *testing.T) {
	t.Parallel()
	rows := map[int64]int{}
	f := &files{
		dir: t.TempDir(), next: 1, made: map[string]bool{}, pins: map[spot]int{}, doomed: map[spot]content{}, holes: map[int64]map[int64]bool{},
		holds: func(file int64) (bool, error) { return rows[file] > 0, nil },
	}
	b, err := f.newBundle("r")
	if err != nil {
		t.Fatal(err)
	}
	key := bytes.Repeat([]byte{9}, 32)
	var all []content
	texts := [][]byte{[]byte("first"), bytes.Repeat([]byte{'x'}, segmentSize), nil, []byte("last")}
	for _, text := range texts {
		c, err := b.add(key, text)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, c)
	}
	if err := b.close(); err != nil {
		t.Fatal(err)
	}
	rows[b.file] = 3
	read := func(i int) ([]byte, error) {
		r, err := f.read(all[i], key, 0, all[i].size)
		if err != nil {
			return nil, err
		}
		return io.ReadAll(r)
	}
	check := func(i int) {
		t.Helper()
		if got, err := read(i); err != nil || !bytes.Equal(got, texts[i]) {
			t.Errorf("content %d: %q %v", i, got, err)
		}
	}
	for i := range all {
		check(i)
	}
	if r, err := f.read(all[1], key, 100, 7); err != nil {
		t.Error(err)
	} else if got, err := io.ReadAll(r); err != nil || string(got) != "xxxxxxx" {
		t.Errorf("a range: %q %v", got, err)
	}

	release := f.pin(all[:1])
	rows[b.file] = 1
	f.remove(all[:2]...)
	check(0) // somebody reads it
	if _, err := read(1); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a removed content reads as %v", err)
	}
	check(3)
	release()
	if _, err := read(0); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a content that was removed while it was pinned reads as %v", err)
	}
	check(3)
	rows[b.file] = 0
	f.remove(all[3])
	if _, err := os.Stat(f.path("r", b.file)); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the bundle is there without its contents: %v", err)
	}
	if _, err := read(3); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a content of a bundle that is gone reads as %v", err)
	}
	if len(f.pins)+len(f.doomed)+len(f.holes) > 0 {
		t.Errorf("left over: %v %v %v", f.pins, f.doomed, f.holes)
	}
}
