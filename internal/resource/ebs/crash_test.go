package ebs

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
)

const (
	crashDir  = "STRONGROOM_EBS_CRASH_DIR" // the test binary is the process to be killed if it is set
	crashSeed = "STRONGROOM_EBS_CRASH_SEED"
	crashSize = 16 * mib
)

func TestMain(m *testing.M) {
	if dir := os.Getenv(crashDir); dir != "" {
		seed, _ := strconv.ParseUint(os.Getenv(crashSeed), 10, 64)
		fmt.Fprintln(os.Stderr, writeUntilKilled(dir, seed))
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// writeUntilKilled writes to the volume in dir for ever, a line for each write on standard output. Now and then it
// freezes the volume, keeps the view, and notes what it must show.
func writeUntilKilled(dir string, seed uint64) error {
	d, err := openDisk(filepath.Join(dir, "v"), crashSize)
	if err != nil {
		return err
	}
	r := rand.New(rand.NewPCG(seed, 7))
	content := make([]byte, crashSize)
	if _, err := d.readAt(nil, content, 0); err != nil {
		return err
	}
	for i := 0; ; i++ {
		if i%15 == 0 {
			if err := noteFrozen(d, dir, content); err != nil {
				return err
			}
		}
		off := r.Int64N(crashSize)
		length := min(r.Int64N(2*BlockSize), crashSize-off)
		if i%5 == 4 {
			err = d.zero(nil, off, length)
			clear(content[off : off+length])
		} else {
			data := noise(seed+uint64(i), int(length))
			_, err = d.writeAt(nil, data, off)
			copy(content[off:], data)
		}
		if err != nil {
			return err
		}
		fmt.Println(i)
	}
}

// noteFrozen freezes the volume with a kept view and writes down what it holds; the note counts once it has its name.
func noteFrozen(d *disk, dir string, content []byte) error {
	if _, err := d.freeze(0, filepath.Join(dir, fmt.Sprint("view-", d.changes.now()))); err != nil {
		return err
	}
	note := filepath.Join(dir, "note")
	if err := os.WriteFile(note+".tmp", fmt.Appendf(nil, "%d\n%s", d.changes.now()-1, content), 0o600); err != nil {
		return err
	}
	return os.Rename(note+".tmp", note)
}

// A process that writes is killed with SIGKILL at random instants. Afterwards every block that differs from what was
// frozen last is marked as changed since, and the view that was kept then still shows it.
func TestKilledAtRandomInstants(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	r := rand.New(rand.NewPCG(rand.Uint64(), 1))
	for round := range uint64(6) {
		kill(t, dir, round*1000, 1+r.IntN(60))
		note, err := os.ReadFile(filepath.Join(dir, "note"))
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		head, frozen, _ := bytes.Cut(note, []byte("\n"))
		generation, err := strconv.ParseUint(string(head), 10, 32)
		if err != nil {
			t.Fatal(err)
		}
		checkKilled(t, dir, uint32(generation), frozen)
	}
}

// kill runs the writer until it has written some lines, and then kills it.
func kill(t *testing.T, dir string, seed uint64, lines int) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), crashDir+"="+dir, fmt.Sprint(crashSeed, "=", seed))
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	read := bufio.NewScanner(out)
	for range lines {
		if !read.Scan() {
			t.Fatal("the writer ended by itself")
		}
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // killed
}

func checkKilled(t *testing.T, dir string, generation uint32, frozen []byte) {
	t.Helper()
	d, err := openDisk(filepath.Join(dir, "v"), crashSize)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = d.close() }()
	marked := map[int64]bool{}
	for _, b := range d.changes.between(generation, d.changes.now()) {
		marked[b] = true
	}
	now := make([]byte, crashSize)
	if _, err := d.readAt(nil, now, 0); err != nil {
		t.Fatal(err)
	}
	view, err := d.showAgain(0, generation, filepath.Join(dir, fmt.Sprint("view-", generation)))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = view.Close() }()
	shown := make([]byte, crashSize)
	for _, b := range view.Blocks() {
		if err := view.read(nil, b, shown[b*BlockSize:(b+1)*BlockSize]); err != nil {
			t.Fatal(err)
		}
	}
	for b := range blocksOf(crashSize) {
		was := frozen[b*BlockSize : (b+1)*BlockSize]
		if !bytes.Equal(was, now[b*BlockSize:(b+1)*BlockSize]) && !marked[b] {
			t.Errorf("block %d changed after generation %d and is not marked", b, generation)
		}
		if !bytes.Equal(was, shown[b*BlockSize:(b+1)*BlockSize]) {
			t.Errorf("the view of generation %d shows another block %d", generation, b)
		}
	}
}
