package ebs

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const mib = 1 << 20

func testDisk(t *testing.T, path string, size int64) *disk {
	t.Helper()
	d, err := openDisk(path, size)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = d.close() })
	return d
}

func testSectors(t *testing.T) *sectors {
	t.Helper()
	key := make([]byte, KeySize)
	for i := range key {
		key[i] = byte(i)
	}
	s, err := newSectors(key)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func noise(seed uint64, n int) []byte {
	b := make([]byte, n)
	r := rand.NewChaCha8([32]byte{byte(seed), byte(seed >> 8)})
	_, _ = r.Read(b)
	return b
}

// Whoever opens a volume by a row from before it grew cuts nothing off.
func TestAnOldSizeCutsNothingOff(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "v")
	grown, err := openDisk(path, 2*mib)
	if err != nil {
		t.Fatal(err)
	}
	want := noise(1, BlockSize)
	if _, err := grown.writeAt(nil, want, mib); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(grown.flush(), grown.close()); err != nil {
		t.Fatal(err)
	}
	d, got := testDisk(t, path, mib), make([]byte, BlockSize)
	if _, err := d.readAt(nil, got, mib); err != nil || !bytes.Equal(got, want) || d.length() != 2*mib {
		t.Errorf("the disk has %d bytes, and its end reads otherwise or fails: %v", d.length(), err)
	}
}

// Any interleaving of writes, trims and reads, aligned or not, reads like plain memory.
func TestDiskReadsLikeMemory(t *testing.T) {
	t.Parallel()
	for name, s := range map[string]*sectors{"plain": nil, "encrypted": testSectors(t)} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			const size = 4 * mib
			d := testDisk(t, filepath.Join(t.TempDir(), "v"), size)
			memory := make([]byte, size)
			r := rand.New(rand.NewPCG(1, 2))
			for i := range 400 {
				off := r.Int64N(size)
				length := r.Int64N(min(size-off, 700<<10) + 1)
				switch i % 4 {
				case 0, 1:
					p := noise(uint64(i), int(length))
					copy(memory[off:], p)
					if _, err := d.writeAt(s, p, off); err != nil {
						t.Fatal(err)
					}
				case 2:
					clear(memory[off : off+length])
					if err := d.zero(s, off, length); err != nil {
						t.Fatal(err)
					}
				case 3:
					got := make([]byte, length)
					if _, err := d.readAt(s, got, off); err != nil {
						t.Fatal(err)
					}
					if !bytes.Equal(got, memory[off:off+length]) {
						t.Fatalf("step %d: %d bytes at %d differ", i, length, off)
					}
				}
			}
			got := make([]byte, size)
			if _, err := d.readAt(s, got, 0); err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(got, memory) {
				t.Fatal("the volume differs in the end")
			}
		})
	}
}

func TestEncryptedDiskHoldsNoPlaintext(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "v")
	d := testDisk(t, path, mib)
	secret := bytes.Repeat([]byte("a secret "), 1000)
	if _, err := d.writeAt(testSectors(t), secret, 4000); err != nil {
		t.Fatal(err)
	}
	image, err := os.ReadFile(path + ".img")
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(image, []byte("a secret")) {
		t.Fatal("the image holds plaintext")
	}
}

func TestAccessBeyondTheEnd(t *testing.T) {
	t.Parallel()
	d := testDisk(t, filepath.Join(t.TempDir(), "v"), mib)
	for _, off := range []int64{-1, mib - 1, mib, 1 << 62} {
		if _, err := d.writeAt(nil, []byte("ab"), off); err == nil {
			t.Errorf("a write at %d was taken", off)
		}
		if err := d.zero(nil, off, 2); err == nil {
			t.Errorf("a trim at %d was taken", off)
		}
	}
}

func TestGenerationsTellWhatChanged(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "v")
	d := testDisk(t, path, 8*mib)
	write := func(off int64, n int) {
		t.Helper()
		if _, err := d.writeAt(nil, noise(1, n), off); err != nil {
			t.Fatal(err)
		}
	}
	freeze := func(since uint32) *View {
		t.Helper()
		v, err := d.freeze(since, "")
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	write(0, 10)
	write(3*BlockSize-1, 2)
	first := freeze(0)
	if diff := cmp.Diff([]int64{0, 2, 3}, first.Blocks()); diff != "" {
		t.Errorf("the first view: (-want +got)\n%s", diff)
	}
	write(3*BlockSize, 5)
	write(7*BlockSize, 5)
	if err := d.zero(nil, 9*BlockSize, BlockSize); err != nil { // never written: nothing changes
		t.Fatal(err)
	}
	second := freeze(first.Generation)
	if diff := cmp.Diff([]int64{3, 7}, second.Blocks()); diff != "" {
		t.Errorf("the second view: (-want +got)\n%s", diff)
	}
	for _, v := range []*View{first, second} {
		if err := v.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if err := d.close(); err != nil {
		t.Fatal(err)
	}
	d = testDisk(t, path, 8*mib)
	if diff := cmp.Diff([]int64{0, 2, 3, 7}, freeze(0).Blocks()); diff != "" {
		t.Errorf("after reopening: (-want +got)\n%s", diff)
	}
}

// A view shows the moment of freezing whatever is written afterwards, by several writers, and also when it is taken up
// again by a process that finds only the files.
func TestViewStandsStillWhileWritersRun(t *testing.T) {
	t.Parallel()
	for name, s := range map[string]*sectors{"plain": nil, "encrypted": testSectors(t)} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			const size = 16 * mib
			dir := t.TempDir()
			d := testDisk(t, filepath.Join(dir, "v"), size)
			before := noise(3, size)
			copy(before[5*BlockSize:], zeroBlock)
			if _, err := d.writeAt(s, before, 0); err != nil {
				t.Fatal(err)
			}
			if err := d.zero(s, 5*BlockSize, BlockSize); err != nil {
				t.Fatal(err)
			}
			keep := filepath.Join(dir, "kept.view")
			v, err := d.freeze(0, keep)
			if err != nil {
				t.Fatal(err)
			}
			done := make(chan error)
			const writers = 4
			for w := range writers {
				go func() {
					r := rand.New(rand.NewPCG(uint64(w), 9))
					for i := range 50 {
						off := r.Int64N(size - 600<<10)
						if _, err := d.writeAt(s, noise(uint64(i), int(r.Int64N(600<<10))), off); err != nil {
							done <- err
							return
						}
					}
					done <- nil
				}()
			}
			check := func(v *View) {
				t.Helper()
				buf := make([]byte, BlockSize)
				for _, b := range v.Blocks() {
					if err := v.read(s, b, buf); err != nil {
						t.Fatal(err)
					}
					if !bytes.Equal(buf, before[b*BlockSize:(b+1)*BlockSize]) {
						t.Fatalf("block %d of the view moved", b)
					}
				}
			}
			check(v)
			for range writers {
				if err := <-done; err != nil {
					t.Fatal(err)
				}
			}
			check(v)
			wanted := slices.Clone(v.Blocks())
			// The process is gone: no Close, other file handles.
			again := testDisk(t, filepath.Join(dir, "v"), size)
			again.flow.Lock()
			taken, err := again.show(0, v.Generation, keep)
			again.flow.Unlock()
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(wanted, taken.Blocks()); diff != "" {
				t.Fatalf("the view taken up shows other blocks: (-want +got)\n%s", diff)
			}
			check(taken)
		})
	}
}

// A crash between the mark and the write leaves a mark too many, never one too few.
func TestCrashBetweenMarkAndWrite(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "v")
	d := testDisk(t, path, 4*mib)
	if _, err := d.writeAt(nil, noise(1, 100), BlockSize); err != nil {
		t.Fatal(err)
	}
	v, err := d.freeze(0, "")
	if err != nil {
		t.Fatal(err)
	}
	// The crash: the write of block 3 is marked and its bytes never arrive.
	if err := d.prepare(pieces(3*BlockSize, 3*BlockSize+1)); err != nil {
		t.Fatal(err)
	}
	again := testDisk(t, path, 4*mib)
	next, err := again.freeze(v.Generation, "")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]int64{3}, next.Blocks()); diff != "" {
		t.Fatalf("changed after the crash: (-want +got)\n%s", diff)
	}
}

// A write whose mark cannot be made durable does not reach the image.
func TestNoWriteWithoutItsMark(t *testing.T) {
	t.Parallel()
	d := testDisk(t, filepath.Join(t.TempDir(), "v"), mib)
	d.changes.syncer.sync = func() error { return os.ErrDeadlineExceeded }
	if _, err := d.writeAt(nil, []byte("data"), 0); err == nil {
		t.Fatal("the write was acknowledged")
	}
	got := make([]byte, 4)
	if _, err := d.image.ReadAt(got, 0); err != nil {
		t.Fatal(err)
	}
	if !isZero(got) {
		t.Fatalf("the image holds %q", got)
	}
}

// A torn write of the header leaves the generation before.
func TestTornGeneration(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "v.cbt")
	c, err := openChanges(path, 8)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.markAll([]int64{2}); err != nil {
		t.Fatal(err)
	}
	if _, err := c.end(); err != nil { // 2 is current
		t.Fatal(err)
	}
	if _, err := c.file.WriteAt([]byte{0, 0}, changesSlot+2); err != nil {
		t.Fatal(err)
	}
	if err := c.close(); err != nil {
		t.Fatal(err)
	}
	c, err = openChanges(path, 8)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.close() }()
	if c.current != 1 || c.generation(2) != 1 {
		t.Fatalf("generation %d, block in %d; want 1 and 1", c.current, c.generation(2))
	}
}

func TestTrimGivesSpaceBack(t *testing.T) {
	t.Parallel()
	d := testDisk(t, filepath.Join(t.TempDir(), "v"), 8*mib)
	if _, err := d.writeAt(nil, noise(1, 4*mib), 0); err != nil {
		t.Fatal(err)
	}
	if err := d.flush(); err != nil {
		t.Fatal(err)
	}
	before := allocated(t, d.image)
	if err := d.zero(nil, 0, 4*mib); err != nil {
		t.Fatal(err)
	}
	if after := allocated(t, d.image); after >= before {
		t.Fatalf("%d bytes allocated before and %d after trimming", before, after)
	}
}
