package ebs

import (
	"path/filepath"
	"testing"
)

func benchmarkDisk(b *testing.B, key *sectors, do func(d *disk, key *sectors, block int64, buf []byte) error) {
	b.Helper()
	const blocks = 256
	d, err := openDisk(filepath.Join(b.TempDir(), "v"), blocks*BlockSize)
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = d.close() }()
	buf := noise(1, BlockSize)
	for block := range int64(blocks) {
		if _, err := d.writeAt(key, buf, block*BlockSize); err != nil {
			b.Fatal(err)
		}
	}
	b.SetBytes(BlockSize)
	b.ResetTimer()
	for i := range int64(b.N) {
		if err := do(d, key, i%blocks, buf); err != nil {
			b.Fatal(err)
		}
	}
}

func benchKey() *sectors {
	key, err := newSectors(noise(2, KeySize))
	if err != nil {
		panic(err) // the length is right
	}
	return key
}

func read(d *disk, key *sectors, block int64, buf []byte) error {
	_, err := d.readAt(key, buf, block*BlockSize)
	return err
}

func write(d *disk, key *sectors, block int64, buf []byte) error {
	_, err := d.writeAt(key, buf, block*BlockSize)
	return err
}

func BenchmarkRead(b *testing.B)           { benchmarkDisk(b, nil, read) }
func BenchmarkReadEncrypted(b *testing.B)  { benchmarkDisk(b, benchKey(), read) }
func BenchmarkWrite(b *testing.B)          { benchmarkDisk(b, nil, write) }
func BenchmarkWriteEncrypted(b *testing.B) { benchmarkDisk(b, benchKey(), write) }
