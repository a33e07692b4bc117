package archive_test

import (
	"bytes"
	"fmt"
	"io"
	"sync"
	"testing"

	"strongroom/archive"
	"strongroom/archive/archivetest"
)

// The benchmarks work on 256 MiB: 2,500 small objects and 25 of 1 to 16 MiB, half of which compress, a quarter random and a
// quarter duplicates; and a volume of 512 MiB, half of it written. Stores are directories, so that a backup pays for fsync.
//
//	go test -run '^$' -bench . ./archive
var benchObjects = sync.OnceValue(func() (objects []benchObject) {
	content := func(i, n int) []byte {
		switch i % 4 {
		case 0, 1:
			return text(uint64(i), n)
		case 2:
			return random(uint64(i), n)
		}
		return random(uint64(i%16), n)
	}
	for i := range 2500 {
		objects = append(objects, benchObject{fmt.Sprintf("small/%05d", i), content(i, 4<<10+i*17%(40<<10))})
	}
	for i := range 25 {
		objects = append(objects, benchObject{fmt.Sprintf("tall/%05d", i), content(i, 1<<20+i*(15<<20)/25)})
	}
	return objects
})

type benchObject struct {
	key  string
	data []byte
}

func benchBytes() (n int64) {
	for _, o := range benchObjects() {
		n += int64(len(o.data))
	}
	return n
}

func benchDomain(b *testing.B) *archive.Domain {
	b.Helper()
	store, err := archive.NewDir(b.TempDir())
	if err != nil {
		b.Fatal(err)
	}
	v := archive.OpenVault(store, "vault", archive.Options{})
	d, err := v.Domain(b.Context(), "key", archivetest.NewKeyring())
	if err != nil {
		b.Fatal(err)
	}
	return d
}

func benchWrite(b *testing.B, d *archive.Domain, point string) archive.Summary {
	b.Helper()
	w, err := d.NewWriter(b.Context(), archive.WriteOptions{Point: point, Kind: archive.Objects})
	if err != nil {
		b.Fatal(err)
	}
	defer w.Abort()
	for _, o := range benchObjects() {
		if err := w.Put(b.Context(), []byte(o.key), nil, bytes.NewReader(o.data), int64(len(o.data))); err != nil {
			b.Fatal(err)
		}
	}
	s, err := w.Commit(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	return s
}

func BenchmarkWriteObjects(b *testing.B) {
	b.SetBytes(benchBytes())
	b.ReportAllocs()
	for b.Loop() {
		b.StopTimer()
		d := benchDomain(b)
		b.StartTimer()
		s := benchWrite(b, d, "p")
		b.ReportMetric(float64(s.StoredBytes)/float64(s.LogicalBytes), "stored/byte")
	}
}

// All content is read and hashed, but nothing of it is new.
func BenchmarkWriteObjectsAgain(b *testing.B) {
	b.SetBytes(benchBytes())
	d := benchDomain(b)
	benchWrite(b, d, "p")
	n := 0
	for b.Loop() {
		n++
		benchWrite(b, d, fmt.Sprint(n))
	}
}

func BenchmarkReadObjects(b *testing.B) {
	b.SetBytes(benchBytes())
	b.ReportAllocs()
	d := benchDomain(b)
	benchWrite(b, d, "p")
	for b.Loop() {
		p, err := d.Open(b.Context(), "p")
		if err != nil {
			b.Fatal(err)
		}
		entries := make(chan *archive.Entry)
		var group sync.WaitGroup
		for range 2 {
			group.Go(func() {
				for e := range entries {
					if _, err := e.Open(b.Context()).WriteTo(io.Discard); err != nil {
						b.Error(err)
					}
				}
			})
		}
		for e, err := range p.Entries(b.Context(), nil) {
			if err != nil {
				b.Fatal(err)
			}
			entries <- e
		}
		close(entries)
		group.Wait()
	}
}

func BenchmarkCopy(b *testing.B) {
	b.SetBytes(benchBytes())
	src := benchDomain(b)
	benchWrite(b, src, "p")
	p, err := src.Open(b.Context(), "p")
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		b.StopTimer()
		dst := benchDomain(b)
		b.StartTimer()
		if _, err := archive.Copy(b.Context(), dst, p, archive.CopyOptions{Point: "p"}); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkVerify(b *testing.B) {
	store, err := archive.NewDir(b.TempDir())
	if err != nil {
		b.Fatal(err)
	}
	ring := archivetest.NewKeyring()
	v := archive.OpenVault(store, "vault", archive.Options{})
	d, err := v.Domain(b.Context(), "key", ring)
	if err != nil {
		b.Fatal(err)
	}
	benchWrite(b, d, "p")
	b.SetBytes(benchBytes())
	for b.Loop() {
		if report, err := v.Verify(b.Context(), rings(ring), archive.VerifyOptions{}); err != nil || !report.Clean() {
			b.Fatalf("%+v, %v", report, err)
		}
	}
}

func BenchmarkWriteVolume(b *testing.B) {
	const blocks = 1024
	var contents [64][]byte
	for i := range contents {
		if i%2 == 0 {
			contents[i] = text(uint64(i), archive.BlockSize)
		} else {
			contents[i] = random(uint64(i), archive.BlockSize)
		}
	}
	block := make([]byte, archive.BlockSize)
	b.SetBytes(blocks / 2 * archive.BlockSize)
	b.ReportAllocs()
	for b.Loop() {
		b.StopTimer()
		d := benchDomain(b)
		b.StartTimer()
		w, err := d.NewWriter(b.Context(), archive.WriteOptions{Point: "p", Kind: archive.Volume, Size: blocks * archive.BlockSize})
		if err != nil {
			b.Fatal(err)
		}
		for i := range uint64(blocks) {
			if i%2 == 0 {
				clear(block)
			} else {
				copy(block, contents[i/2%64])
				block[i%1000] ^= byte(i) + 1
			}
			if err := w.PutBlock(b.Context(), i, block); err != nil {
				b.Fatal(err)
			}
		}
		if _, err := w.Commit(b.Context()); err != nil {
			b.Fatal(err)
		}
	}
}
