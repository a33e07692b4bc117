package archive_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"

	"strongroom/archive"
)

// maskedKeyring gives a data key that it remembers only in another form, so that a search of the memory does not find its own needle.
type maskedKeyring struct{ masked []byte }

const mask = 0xa7

func (k *maskedKeyring) GenerateDataKey(context.Context, map[string]string) (plaintext, wrapped []byte, err error) {
	plaintext, wrapped = make([]byte, 32), make([]byte, 32)
	_, _ = rand.Read(plaintext)
	for i := range plaintext {
		wrapped[i] = plaintext[i] ^ mask
	}
	k.masked = wrapped
	return plaintext, wrapped, nil
}

func (k *maskedKeyring) Unwrap(_ context.Context, wrapped []byte, _ map[string]string) ([]byte, error) {
	plaintext := make([]byte, 32)
	for i := range plaintext {
		plaintext[i] = wrapped[i] ^ mask
	}
	return plaintext, nil
}

// inMemory counts the places in the process's writable memory that hold the key.
func inMemory(masked []byte) (n int, err error) {
	maps, err := os.Open("/proc/self/maps")
	if err != nil {
		return 0, err
	}
	defer maps.Close()
	memory, err := os.Open("/proc/self/mem")
	if err != nil {
		return 0, err
	}
	defer memory.Close()
	buf := make([]byte, 1<<20)
	for lines := bufio.NewScanner(maps); lines.Scan(); {
		var from, to uint64
		var mode string
		if _, err := fmt.Sscanf(lines.Text(), "%x-%x %s", &from, &to, &mode); err != nil || !strings.HasPrefix(mode, "rw") || strings.Contains(lines.Text(), "[v") {
			continue
		}
		for at := from; at < to; at += uint64(len(buf)) - 32 {
			got, err := memory.ReadAt(buf[:min(uint64(len(buf)), to-at)], int64(at))
			if err != nil && !errors.Is(err, io.EOF) {
				break // pages that are reserved only
			}
			for i := range buf[:got] {
				buf[i] ^= mask
			}
			for rest := buf[:got]; ; n++ {
				found := bytes.Index(rest, masked)
				if found < 0 {
					break
				}
				rest = rest[found+1:]
			}
			clear(buf)
		}
	}
	return n, nil
}

// TestKeysAreWipedFromMemory lets another process do a job, with a backup, a restore and a copy, and search its own memory for the data
// key before the domain is closed, and after.
func TestKeysAreWipedFromMemory(t *testing.T) {
	t.Parallel()
	if os.Getenv("ARCHIVE_WIPE") == "" {
		exe, err := os.Executable()
		if err != nil {
			t.Fatal(err)
		}
		child := exec.CommandContext(t.Context(), exe, "-test.run=^TestKeysAreWipedFromMemory$", "-test.count=1")
		child.Env = append(os.Environ(), "ARCHIVE_WIPE=1")
		if out, err := child.CombinedOutput(); err != nil {
			t.Errorf("%v\n%s", err, out)
		}
		return
	}
	ring := &maskedKeyring{}
	v := archive.OpenVault(new(archive.Mem), "vault", small)
	d, err := v.Domain(t.Context(), "key", ring)
	if err != nil {
		t.Fatal(err)
	}
	objects := map[string][]byte{"a": text(1, 300<<10), "b": random(2, 900<<10)}
	write(t, d, "point", "", objects)
	check(t, d, "point", objects)
	to := openDomain(t, archive.OpenVault(new(archive.Mem), "other", small), ring2())
	if _, err := archive.Copy(t.Context(), to, openPoint(t, d, "point"), archive.CopyOptions{Point: "copy"}); err != nil {
		t.Fatal(err)
	}
	before, err := inMemory(ring.masked)
	if err != nil {
		t.Fatal(err)
	}
	if before == 0 {
		t.Fatal("the search does not find the key while it is in use")
	}
	d.Close()
	burnStack(64)
	runtime.GC()
	after, err := inMemory(ring.masked)
	if err != nil {
		t.Fatal(err)
	}
	if after > 0 {
		t.Errorf("the key is in %d places of the memory after its domain was closed, %d before", after, before)
	}
}

func ring2() archive.Keyring { return &maskedKeyring{} }

// burnStack overwrites what calls before have left on the stack.
//
//go:noinline
func burnStack(depth int) byte {
	var frame [1024]byte
	for i := range frame {
		frame[i] = byte(depth)
	}
	if depth == 0 {
		return frame[17]
	}
	return burnStack(depth-1) + frame[depth]
}
