package archive_test

import (
	"bytes"
	"testing"

	"strongroom/archive"
	"strongroom/archive/archivetest"
)

// An object that is put again is cut where its parent was. What changed in it is stored, and what moved in it is found again.
func TestGuess(t *testing.T) {
	t.Parallel()
	const size = 48 << 20
	content := random(1, size)
	inPlace := bytes.Clone(content)
	copy(inPlace[20<<20:], "changed")
	for _, c := range []struct {
		name   string
		now    []byte
		within uint64 // bytes that are new at most
	}{
		{"the same", content, 0},
		{"changed in place", inPlace, 3 * archive.MaxChunk},
		{"moved by a byte", append([]byte{7}, content[:size-1]...), 5 * archive.MaxChunk},
		{"moved from the middle on", append(append(bytes.Clone(content[:20<<20]), 7), content[20<<20:size-1]...), 5 * archive.MaxChunk},
		{"something else", random(2, size), size},
	} {
		for how, put := range map[string]func(*testing.T, *archive.Domain, string, string, map[string][]byte) archive.Summary{
			"handed over": write, "read by workers": writeFrom,
		} {
			t.Run(c.name+", "+how, func(t *testing.T) {
				t.Parallel()
				ring := archivetest.NewKeyring()
				v := archive.OpenVault(new(archive.Mem), "vault", archive.Options{Workers: 2})
				archive.SetMaxRefs(v, 8) // so that the parent's chunks are in lists
				d := openDomain(t, v, ring)
				put(t, d, "first", "", map[string][]byte{"long": content})
				s := put(t, d, "second", "first", map[string][]byte{"long": c.now})
				if s.NewBytes > c.within {
					t.Errorf("%d bytes are new, want at most %d", s.NewBytes, c.within)
				}
				check(t, d, "second", map[string][]byte{"long": c.now})
				verifyClean(t, v, ring)
			})
		}
	}
}
