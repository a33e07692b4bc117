package dbenginetest

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"strongroom/internal/dbengine"
)

// tooLarge makes a database where files may not grow, which an ordinary user can arrange, and looks like a full disk.
func tooLarge(t *testing.T, s *Subject) {
	var was unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_FSIZE, &was); err != nil {
		t.Fatal(err)
	}
	// The engine's programs inherit it; this process writes no such file meanwhile.
	if err := unix.Setrlimit(unix.RLIMIT_FSIZE, &unix.Rlimit{Cur: 2 << 20, Max: was.Max}); err != nil {
		t.Fatal(err)
	}
	set := s.settings(t)
	err := s.Engine.Init(t.Context(), set)
	if err := unix.Setrlimit(unix.RLIMIT_FSIZE, &was); err != nil {
		t.Fatal(err)
	}
	wantNoSpace(t, err)
	if err := s.Engine.Init(t.Context(), set); err != nil {
		t.Errorf("with room, it is not made: %v", explained(err))
	}
}

func wantNoSpace(t *testing.T, err error) {
	t.Helper()
	var why *dbengine.StartError
	if !errors.As(err, &why) || why.Reason != dbengine.ReasonNoSpace {
		t.Errorf("without room, it says %v", explained(err))
	}
}

// fullDisk makes a database on a disk that is too small, and fills the disk of one that is written: clients are told, and when
// there is room again all that they were told is committed is there.
func fullDisk(t *testing.T, s *Subject) {
	ctx := t.Context()
	small := s.settings(t)
	mount(t, small.Dir, "8m")
	wantNoSpace(t, s.Engine.Init(ctx, small))

	set := s.settings(t)
	mount(t, set.Dir, "400m")
	if err := s.Engine.Init(ctx, set); err != nil {
		t.Fatal(explained(err))
	}
	srv := s.started(t, set)
	ledger := s.open(t, set)
	if err := ledger.Create(ctx); err != nil {
		t.Fatal(err)
	}
	for n := range 5 {
		if err := ledger.Transfer(ctx, n); err != nil {
			t.Fatal(err)
		}
	}
	ballast := filepath.Join(set.Dir, "ballast")
	fill(t, ballast)
	committed := map[int]bool{0: true, 1: true, 2: true, 3: true, 4: true}
	// What is preallocated may be written still: as many as fit. An engine that waits for room does so no longer than this.
	short, cancel := context.WithTimeout(ctx, fullFor)
	for n := 5; n < 2000; n++ {
		if ledger.Transfer(short, n) != nil {
			break
		}
		committed[n] = true
	}
	cancel()
	if err := srv.Backup(ctx, &full{left: 1 << 40}); err == nil {
		t.Log("there is room for a backup") // that writes nothing to this disk
	}
	if err := os.Remove(ballast); err != nil {
		t.Fatal(err)
	}
	ended, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	if err := srv.Stop(ended); err != nil {
		t.Fatal(err)
	}
	s.started(t, set)
	contents, err := s.open(t, set).Read(ctx)
	if err != nil {
		t.Fatal(err)
	}
	whole(t, contents, committed)
	t.Logf("%d transfers were committed on the full disk", len(committed)-5)
	if err := s.Engine.Check(ctx, set); err != nil {
		t.Errorf("checking it: %v", explained(err))
	}
}

// fill takes all the room of a disk.
func fill(t *testing.T, path string) {
	t.Helper()
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	block := make([]byte, 1<<20)
	for size := len(block); size >= 4096; {
		if _, err := f.Write(block[:size]); errors.Is(err, syscall.ENOSPC) {
			size /= 2
		} else if err != nil {
			t.Fatal(err)
		}
	}
}

// mount puts a small disk at a directory.
func mount(t *testing.T, dir, size string) {
	t.Helper()
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "size="+size+",mode=0700"); err != nil {
		t.Fatalf("mounting a small disk: %v", err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(dir, unix.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
}
