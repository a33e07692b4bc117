package s3

import (
	"bytes"
	"encoding/base64"
	"hash/crc32"
	"hash/crc64"
	"strings"
	"testing"

	"strongroom/internal/state"
)

// FuzzSuccessor: whatever begins with a prefix lies between the prefix and its successor, and nothing else does.
func FuzzSuccessor(f *testing.F) {
	f.Add("dir/", "dir/a")
	f.Add("a", "b")
	f.Add("\uD7FF", "\uE000")
	f.Add("a\U0010FFFF", "a\U0010FFFFz")
	f.Fuzz(func(t *testing.T, prefix, key string) {
		if !validUTF8(prefix) || !validUTF8(key) {
			return
		}
		end := successor(prefix)
		between := key >= prefix && (end == "" || key < end)
		if between != strings.HasPrefix(key, prefix) {
			t.Errorf("successor(%q) is %q, but %q lies between: %t", prefix, end, key, between)
		}
		if !validUTF8(end) {
			t.Errorf("successor(%q) is %q", prefix, end)
		}
	})
}

// FuzzCombine: the checksum of a content is that of its parts, combined.
func FuzzCombine(f *testing.F) {
	f.Add([]byte("hello "), []byte("world"))
	f.Add([]byte{}, []byte{0})
	f.Fuzz(func(t *testing.T, a, b []byte) {
		for algorithm, sum := range map[string]func([]byte) []byte{
			crc32Sum:     func(b []byte) []byte { h := crc32.NewIEEE(); h.Write(b); return h.Sum(nil) },
			crc32cSum:    func(b []byte) []byte { h := crc32.New(crc32cTable); h.Write(b); return h.Sum(nil) },
			crc64nvmeSum: func(b []byte) []byte { h := crc64.New(crc64nvmeTable); h.Write(b); return h.Sum(nil) },
		} {
			text := base64.StdEncoding.EncodeToString
			got, err := combine(algorithm, fullObject, []string{text(sum(a)), text(sum(b))}, []int64{int64(len(a)), int64(len(b))})
			if want := text(sum(bytes.Join([][]byte{a, b}, nil))); err != nil || got != want {
				t.Errorf("%s: %s, %v; want %s", algorithm, got, err, want)
			}
		}
	})
}

// FuzzRange: a range lies within the object, or the header is refused or ignored.
func FuzzRange(f *testing.F) {
	f.Add("bytes=0-1", int64(10))
	f.Add("bytes=-5", int64(3))
	f.Add("bytes=9223372036854775807-", int64(1))
	f.Fuzz(func(t *testing.T, header string, size int64) {
		if size < 0 {
			return
		}
		r, err := parseRange(header, size)
		if err != nil {
			return
		}
		if r.start < 0 || r.length < 0 || r.start+r.length > size || r.partial && r.length == 0 || !r.partial && r.length != size {
			t.Errorf("%q of %d bytes is %+v", header, size, r)
		}
	})
}

// FuzzVersionID: an id is found by the time it was made of, and what is accepted is an id.
func FuzzVersionID(f *testing.F) {
	f.Add(int64(1), "null")
	f.Fuzz(func(t *testing.T, at int64, text string) {
		if got, ok := versionModified(newVersionID(state.Micros(at))); !ok || got != state.Micros(at) {
			t.Errorf("the id of %d says %d", at, got)
		}
		if _, ok := versionModified(text); ok && len(text) != 32 {
			t.Errorf("%q is accepted as an id", text)
		}
	})
}
