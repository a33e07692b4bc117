package rds_test

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	"golang.org/x/sys/unix"
)

// A disk that is full keeps the one database that lies on it from starting, and says so by its status; the others serve, and when
// there is room again it starts with all its rows. They are made, and written, all at once.
func TestFullDisk(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx := t.Context()
	ids := []string{"one", "two", "three", "four", "five"}
	for _, id := range ids {
		if _, err := w.CreateDBInstance(ctx, wish(id)); err != nil {
			t.Fatal(err)
		}
	}
	ports := map[int32]bool{}
	for n, id := range ids {
		i := w.await(id, "available")
		ports[*i.Endpoint.Port] = true
		w.exec(i, "CREATE TABLE t (n int)", fmt.Sprintf("INSERT INTO t VALUES (%d)", n))
	}
	if len(ports) != len(ids) {
		t.Errorf("%d instances have %d ports", len(ids), len(ports))
	}
	full := w.await("one", "available")
	if _, err := w.StopDBInstance(ctx, &rds.StopDBInstanceInput{DBInstanceIdentifier: aws.String("one")}); err != nil {
		t.Fatal(err)
	}
	w.await("one", "stopped")
	makeRoom := fillDisk(t, w.dir(full))
	if _, err := w.StartDBInstance(ctx, &rds.StartDBInstanceInput{DBInstanceIdentifier: aws.String("one")}); err != nil {
		t.Fatal(err)
	}
	w.await("one", "storage-full")
	for n, id := range ids[1:] {
		if got := ask[int](w, w.await(id, "available"), "SELECT n FROM t"); got != n+1 {
			t.Errorf("the row of %s is %d", id, got)
		}
	}
	makeRoom()
	if got := ask[int](w, w.await("one", "available"), "SELECT n FROM t"); got != 0 {
		t.Errorf("with room again its row is %d", got)
	}
}

// fillDisk leaves a directory without room, and returns what makes some. Root gives it a small disk of its own; for others, what
// is written at the start goes to a device that is always full.
func fillDisk(t *testing.T, dir string) (makeRoom func()) {
	t.Helper()
	if os.Geteuid() != 0 {
		name := filepath.Join(dir, "postgresql.conf.new")
		if err := os.Symlink("/dev/full", name); err != nil {
			t.Fatal(err)
		}
		return func() {
			if err := os.Remove(name); err != nil {
				t.Fatal(err)
			}
		}
	}
	aside := dir + ".aside"
	if err := errors.Join(os.Rename(dir, aside), os.Mkdir(dir, 0o700)); err != nil {
		t.Fatal(err)
	}
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "size=200m,mode=0700"); err != nil {
		t.Fatalf("mounting a small disk: %v", err)
	}
	t.Cleanup(func() { _ = unix.Unmount(dir, unix.MNT_DETACH) })
	if out, err := exec.CommandContext(t.Context(), "cp", "-a", aside+"/.", dir).CombinedOutput(); err != nil {
		t.Fatalf("copying: %v\n%s", err, out)
	}
	ballast := filepath.Join(dir, "ballast")
	f, err := os.Create(ballast)
	if err != nil {
		t.Fatal(err)
	}
	_, err = io.Copy(f, endless{})
	if closed := f.Close(); closed != nil || !errors.Is(err, syscall.ENOSPC) {
		t.Fatalf("filling the disk: %v, %v", err, closed)
	}
	return func() {
		if err := os.Remove(ballast); err != nil {
			t.Fatal(err)
		}
	}
}

// endless has no end.
type endless struct{}

func (endless) Read(p []byte) (int, error) { return len(p), nil }
