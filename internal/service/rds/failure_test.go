package rds_test

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/aws/aws-sdk-go-v2/service/rds/types"
	"github.com/jackc/pgx/v5"

	"strongroom/internal/porttest"
	"strongroom/internal/server"
	"strongroom/internal/strongroomtest"
)

// reopened is the same world after a restart of the server, with which something happens while it is down.
func (w *world) reopened(meanwhile func()) *world {
	w.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Minute)
	defer cancel()
	if err := w.server.Close(ctx); err != nil {
		w.Fatal(err)
	}
	meanwhile()
	return newWorld(w.T, strongroomtest.Options{Config: server.Config{DataDir: w.server.Dir}})
}

// dir is the directory of an instance's database.
func (w *world) dir(i types.DBInstance) string {
	return filepath.Join(w.server.Dir, "regions", region, "rds", *i.DbiResourceId)
}

// listen takes a port away.
func listen(t *testing.T, port int32) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// What keeps one database from starting is its status, and nothing else suffers; when the cause is gone it starts.
func TestFailuresAreTheInstancesOwn(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	keys := kms.NewFromConfig(w.server.AWS(t, "member", region))
	key, err := keys.CreateKey(t.Context(), &kms.CreateKeyInput{})
	if err != nil {
		t.Fatal(err)
	}
	locked := wish("locked")
	locked.StorageEncrypted, locked.KmsKeyId = aws.Bool(true), key.KeyMetadata.KeyId
	whole, robbed, damaged, sealed := w.create(wish("whole")), w.create(wish("robbed")), w.create(wish("damaged")), w.create(locked)
	if !*sealed.StorageEncrypted || *sealed.KmsKeyId != *key.KeyMetadata.Arn {
		t.Fatalf("the encrypted instance is shown as %+v", sealed)
	}
	for _, i := range []types.DBInstance{whole, robbed, damaged, sealed} {
		w.exec(i, "CREATE TABLE t (n int)", "INSERT INTO t VALUES (42)")
	}
	w.snapshot("locked", "locked")
	if _, err := keys.DisableKey(t.Context(), &kms.DisableKeyInput{KeyId: key.KeyMetadata.KeyId}); err != nil {
		t.Fatal(err)
	}
	_, err = w.CreateDBSnapshot(t.Context(), &rds.CreateDBSnapshotInput{DBInstanceIdentifier: aws.String("locked"), DBSnapshotIdentifier: aws.String("never")})
	refused(t, err, "KMSKeyNotAccessibleFault")
	_, err = w.RestoreDBInstanceFromDBSnapshot(t.Context(), &rds.RestoreDBInstanceFromDBSnapshotInput{DBInstanceIdentifier: aws.String("never"), DBSnapshotIdentifier: aws.String("locked")})
	refused(t, err, "KMSKeyNotAccessibleFault")

	control := filepath.Join(w.dir(damaged), "data", "global", "pg_control")
	var thief net.Listener
	w = w.reopened(func() {
		thief = listen(t, *robbed.Endpoint.Port)
		if err := os.Rename(control, control+".away"); err != nil {
			t.Fatal(err)
		}
	})
	if got := ask[int](w, w.await("whole", "available"), "SELECT n FROM t"); got != 42 {
		t.Errorf("the row that nothing happened to is %d", got)
	}
	w.await("robbed", "incompatible-network")
	w.await("damaged", "failed")
	w.await("locked", "inaccessible-encryption-credentials-recoverable")
	w.outOfOrder()

	if err := thief.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(control+".away", control); err != nil {
		t.Fatal(err)
	}
	if _, err := kms.NewFromConfig(w.server.AWS(t, "member", region)).EnableKey(t.Context(), &kms.EnableKeyInput{KeyId: key.KeyMetadata.KeyId}); err != nil {
		t.Fatal(err)
	}
	for _, id := range []string{"robbed", "damaged", "locked"} {
		if got := ask[int](w, w.await(id, "available"), "SELECT n FROM t"); got != 42 {
			t.Errorf("the row of %s is %d", id, got)
		}
	}
	if got := ask[int](w, w.restore("locked", "unlocked"), "SELECT n FROM t"); got != 42 {
		t.Errorf("the row that was restored is %d", got)
	}
}

// outOfOrder tries what can be done with instances that do not run: as much as at AWS, and refused in its words.
func (w *world) outOfOrder() {
	w.Helper()
	const unavailable, unstartable = "is not in available state.", "cannot be started as it is not in one of the following statuses: " +
		"'stopped, inaccessible-encryption-credentials-recoverable, incompatible-network (only valid for non-SqlServer instances)'."
	for _, c := range []struct{ id, modify, reboot, stop, start string }{ // how each is refused; "" if it is not
		{"whole", "", "", "", unstartable}, // and stopped by this
		{"robbed", "", "", unavailable, ""},
		{"damaged", unavailable, unavailable, unavailable, unstartable},
		{"locked", unavailable, unavailable, unavailable, ""},
	} {
		for _, try := range []struct {
			what, refused string
			call          func(id *string) error
		}{
			{"start", c.start, func(id *string) error {
				_, err := w.StartDBInstance(w.Context(), &rds.StartDBInstanceInput{DBInstanceIdentifier: id})
				return err
			}},
			{"modify", c.modify, func(id *string) error {
				_, err := w.ModifyDBInstance(w.Context(), &rds.ModifyDBInstanceInput{DBInstanceIdentifier: id, BackupRetentionPeriod: aws.Int32(2)})
				return err
			}},
			{"reboot", c.reboot, func(id *string) error {
				_, err := w.RebootDBInstance(w.Context(), &rds.RebootDBInstanceInput{DBInstanceIdentifier: id})
				return err
			}},
			{"stop", c.stop, func(id *string) error {
				_, err := w.StopDBInstance(w.Context(), &rds.StopDBInstanceInput{DBInstanceIdentifier: id})
				return err
			}},
		} {
			// What one call has changed is over before the next.
			w.awaitSettled(c.id)
			err := try.call(&c.id)
			switch {
			case try.refused == "" && err != nil:
				w.Errorf("%s cannot be asked to %s: %v", c.id, try.what, err)
			case try.refused != "" && (err == nil || !strings.HasSuffix(err.Error(), try.refused) || !strings.Contains(err.Error(), "InvalidDBInstanceState: Instance "+c.id+" ")):
				w.Errorf("%s asked to %s answers %v", c.id, try.what, err)
			}
		}
	}
	w.await("whole", "stopped")
}

// awaitSettled waits until nothing is under way with an instance.
func (w *world) awaitSettled(id string) {
	w.Helper()
	until(w.T, func(ctx context.Context) (string, error) {
		out, err := w.DescribeDBInstances(ctx, &rds.DescribeDBInstancesInput{DBInstanceIdentifier: &id})
		if err != nil {
			return "", err
		}
		if status := *out.DBInstances[0].DBInstanceStatus; strings.HasSuffix(status, "ing") {
			return status, nil
		}
		return "", nil
	})
}

// Instances that are made at once get a port each, the one asked for if it can be had, until there are no more.
func TestPorts(t *testing.T) {
	t.Parallel()
	mine := porttest.New(t)
	first := int32(mine.First) //nolint:gosec // a port
	w := newWorld(t, strongroomtest.Options{Config: server.Config{Databases: server.Databases{Ports: fmt.Sprintf("%d-%d", first, first+2)}}})
	taken := listen(t, first)
	defer taken.Close()

	asked := wish("asked")
	asked.Port = aws.Int32(first + 40)
	greedy := wish("greedy")
	greedy.Port = aws.Int32(first)
	for _, in := range []*rds.CreateDBInstanceInput{asked, greedy, wish("third")} {
		if _, err := w.CreateDBInstance(t.Context(), in); err != nil {
			t.Fatal(err)
		}
	}
	_, err := w.CreateDBInstance(t.Context(), wish("fourth"))
	refused(t, err, "InstanceQuotaExceeded")
	want := map[string]int32{"asked": first + 40, "greedy": first + 1, "third": first + 2}
	for id, port := range want {
		if got := *w.await(id, "available").Endpoint.Port; got != port {
			t.Errorf("%s has the port %d, want %d", id, got, port)
		}
	}
	if _, err := w.DeleteDBInstance(t.Context(), &rds.DeleteDBInstanceInput{DBInstanceIdentifier: aws.String("third"), SkipFinalSnapshot: aws.Bool(true)}); err != nil {
		t.Fatal(err)
	}
	w.awaitGone("third")
	if got := *w.create(wish("fourth")).Endpoint.Port; got != first+2 {
		t.Errorf("the port that came free is not taken again: %d", got)
	}
}

// A process that is killed is started again, with all that was committed.
func TestProcessIsKilled(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	i := w.create(wish("mortal"))
	w.exec(i, "CREATE TABLE t (n int)", "INSERT INTO t VALUES (42)")
	text, err := os.ReadFile(filepath.Join(w.dir(i), "data", "postmaster.pid"))
	if err != nil {
		t.Fatal(err)
	}
	before := strings.Fields(string(text))[0]
	// The number is the one inside its sandbox, so that the process is found by its directory.
	killed := 0
	for _, pid := range workingIn(t, w.dir(i)) {
		if err := syscall.Kill(pid, syscall.SIGKILL); err == nil {
			killed++
		}
	}
	if killed == 0 {
		t.Fatalf("no process was found (postmaster.pid says %s)", before)
	}
	until(t, func(ctx context.Context) (string, error) {
		c, err := pgx.Connect(ctx, fmt.Sprintf("postgres://%s:%s@%s:%d/books", user, password, *i.Endpoint.Address, *i.Endpoint.Port))
		if err != nil {
			return err.Error(), nil
		}
		return "", c.Close(ctx)
	})
	if got := ask[int](w, w.await("mortal", "available"), "SELECT n FROM t"); got != 42 {
		t.Errorf("the row is %d", got)
	}
}

// workingIn are the processes that work in a directory, or below it.
func workingIn(t *testing.T, dir string) (pids []int) {
	t.Helper()
	links, err := filepath.Glob("/proc/[0-9]*/cwd")
	if err != nil {
		t.Fatal(err)
	}
	for _, link := range links {
		at, err := os.Readlink(link)
		if err != nil || !strings.HasPrefix(at, dir) {
			continue
		}
		pid, err := strconv.Atoi(strings.Split(link, "/")[2])
		if err != nil {
			t.Fatal(err)
		}
		pids = append(pids, pid)
	}
	return pids
}
