package ebs

import (
	"fmt"
	"path/filepath"
	"syscall"
	"testing"

	"strongroom/archive"
	"strongroom/archive/archivetest"
)

// words makes n bytes that compress about threefold.
func words(seed uint64, n int) []byte {
	const letters = "etaoin shrdlu"
	b := noise(seed, n)
	for i := range b {
		b[i] = letters[int(b[i])%len(letters)]
	}
	for at := 64; at+256 < n; at += 256 { // what was there before comes again
		copy(b[at:], b[at/2:at/2+128])
	}
	return b
}

// processors is what the process has taken of the processors so far, in nanoseconds.
func processors(b *testing.B) int64 {
	var used syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
		b.Fatal(err)
	}
	return used.Utime.Nano() + used.Stime.Nano()
}

// BenchmarkBackup backs up an encrypted volume of 128 MiB: all of it, and over the first backup what is written in each way. CPU time is
// of both processors.
func BenchmarkBackup(b *testing.B) {
	const blocks = 256
	key := benchKey()
	content := words(1, blocks*BlockSize)
	for _, c := range []struct {
		name  string
		write func(d *disk, n int) error
	}{
		{"first", nil},
		{"blocks of other content", func(d *disk, n int) error {
			for block := n % 20; block < blocks; block += 20 {
				if _, err := d.writeAt(key, words(uint64(n*blocks+block+9), BlockSize), int64(block)*BlockSize); err != nil {
					return err
				}
			}
			return nil
		}},
		{"scattered pages", func(d *disk, n int) error {
			for block := range int64(blocks / 2) {
				if _, err := d.writeAt(key, words(uint64(n*blocks+int(block)+9), 8192), block*2*BlockSize+int64(n*8192)%BlockSize); err != nil {
					return err
				}
			}
			return nil
		}},
		{"the same again", func(d *disk, _ int) error {
			_, err := d.writeAt(key, content, 0)
			return err
		}},
	} {
		b.Run(c.name, func(b *testing.B) {
			d, err := openDisk(filepath.Join(b.TempDir(), "v"), blocks*BlockSize)
			if err != nil {
				b.Fatal(err)
			}
			defer func() { _ = d.close() }()
			if _, err := d.writeAt(key, content, 0); err != nil {
				b.Fatal(err)
			}
			domain := func() *archive.Domain {
				a, err := archive.OpenVault(new(archive.Mem), "vault", archive.Options{}).Domain(b.Context(), "key", archivetest.NewKeyring())
				if err != nil {
					b.Fatal(err)
				}
				return a
			}
			into, since, parent, n := domain(), uint32(0), "", 0
			took := int64(0)
			backup := func() {
				view, err := d.freeze(since, "")
				if err != nil {
					b.Fatal(err)
				}
				n++
				point := fmt.Sprintf("p%d", n)
				begin := processors(b)
				b.StartTimer()
				_, err = writeView(b.Context(), into, archive.WriteOptions{Point: point, Parent: parent, Size: d.length()}, key, view, nil)
				b.StopTimer()
				took += processors(b) - begin
				if err != nil {
					b.Fatal(err)
				}
				if err := view.Close(); err != nil {
					b.Fatal(err)
				}
				parent, since = point, view.Generation
			}
			if c.write != nil {
				backup()
			}
			took = 0
			b.ReportAllocs()
			b.ResetTimer()
			for range b.N {
				b.StopTimer()
				if c.write == nil {
					into, since, parent = domain(), 0, ""
				} else if err := c.write(d, n); err != nil {
					b.Fatal(err)
				}
				backup()
			}
			b.ReportMetric(float64(took)/float64(b.N)/1e6, "cpu-ms/op")
		})
	}
}
