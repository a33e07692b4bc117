package rds_test

import (
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/rds/types"
)

// pgbench runs PostgreSQL's own load against an instance.
func (w *world) pgbench(i types.DBInstance, options ...string) *exec.Cmd {
	w.Helper()
	program, err := exec.LookPath("pgbench")
	if err != nil {
		w.Fatalf("pgbench is not installed: install the Debian package postgresql-contrib (%v)", err)
	}
	cmd := exec.CommandContext(w.Context(), program, append(options, "-h", *i.Endpoint.Address, "-p", fmt.Sprint(*i.Endpoint.Port), "-U", user, "books")...)
	cmd.Env = append(os.Environ(), "PGPASSWORD="+password)
	return cmd
}

// archived is how many bytes the archive of the account's own snapshots has.
func (w *world) archived() (total int64) {
	w.Helper()
	root := filepath.Join(w.server.Dir, "regions", region, "archive", "db-snapshots")
	err := filepath.WalkDir(root, func(_ string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		info, err := entry.Info()
		total += info.Size()
		return err
	})
	if err != nil {
		w.Fatal(err)
	}
	return total
}

// A snapshot that is taken while the database is written holds all transactions that were committed before, and none by half;
// one that is taken when nothing has changed costs next to nothing.
func TestSnapshotUnderLoad(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	i := w.create(wish("bank"))
	if out, err := w.pgbench(i, "-i", "-s", "3", "-q").CombinedOutput(); err != nil {
		t.Fatalf("filling: %v\n%s", err, out)
	}
	load := w.pgbench(i, "-c", "4", "-T", "8", "-n")
	if err := load.Start(); err != nil {
		t.Fatal(err)
	}
	before := ask[int](w, i, "SELECT count(*) FROM pgbench_history")
	w.snapshot("bank", "during")
	after := ask[int](w, i, "SELECT count(*) FROM pgbench_history")
	if err := load.Wait(); err != nil {
		t.Fatalf("the load: %v", err)
	}

	back := w.restore("during", "restored")
	const sums = `SELECT (SELECT sum(abalance) FROM pgbench_accounts) = (SELECT sum(tbalance) FROM pgbench_tellers)
		AND (SELECT sum(tbalance) FROM pgbench_tellers) = (SELECT sum(bbalance) FROM pgbench_branches)
		AND (SELECT sum(bbalance) FROM pgbench_branches) = (SELECT coalesce(sum(delta), 0) FROM pgbench_history)`
	if !ask[bool](w, back, sums) {
		t.Error("the restored database holds half a transaction")
	}
	if got := ask[int](w, back, "SELECT count(*) FROM pgbench_history"); got < before || got > after {
		t.Errorf("the restored database holds %d transactions; %d were committed before the snapshot and %d when it was done", got, before, after)
	}
	if got := ask[int](w, back, "SELECT count(*) FROM pgbench_accounts"); got != 300000 {
		t.Errorf("the restored database has %d accounts", got)
	}

	w.exec(i, "CHECKPOINT")
	w.snapshot("bank", "quiet")
	first := w.archived()
	w.snapshot("bank", "quiet-again")
	if grown := w.archived() - first; grown > first/10 {
		t.Errorf("a snapshot of what has not changed made the archive of %d bytes grow by %d", first, grown)
	} else {
		t.Logf("the archive of %d bytes grew by %d", first, grown)
	}
}
