package rds_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/aws/aws-sdk-go-v2/service/rds/types"
	"github.com/aws/smithy-go"
	"github.com/jackc/pgx/v5"

	"strongroom/internal/strongroomtest"
	"strongroom/internal/waittest"
)

const (
	region   = "eu-central-1"
	user     = "clerk"
	password = "correct-horse"
)

// TestMain lets more tests run at once than there are processors, as they wait for databases for half of their time. What -parallel
// says on the command line counts all the same.
func TestMain(m *testing.M) {
	_ = flag.Set("test.parallel", "4")
	os.Exit(m.Run())
}

// world is a server, and RDS as the administrator of an account sees it.
type world struct {
	*testing.T
	*rds.Client
	server *strongroomtest.Server
}

func newWorld(t *testing.T, options ...strongroomtest.Options) *world {
	t.Helper()
	s := strongroomtest.New(t, options...)
	return &world{t, rds.NewFromConfig(s.AWS(t, "member", region)), s}
}

// as is RDS as another account's administrator sees it, perhaps in another Region.
func (w *world) as(profile, region string) *world {
	return &world{w.T, rds.NewFromConfig(w.server.AWS(w.T, profile, region)), w.server}
}

func wish(id string) *rds.CreateDBInstanceInput {
	return &rds.CreateDBInstanceInput{
		DBInstanceIdentifier: &id, Engine: aws.String("postgres"), DBInstanceClass: aws.String("db.t3.micro"), AllocatedStorage: aws.Int32(20),
		MasterUsername: aws.String(user), MasterUserPassword: aws.String(password), DBName: aws.String("books"),
	}
}

// create makes an instance and waits until it is available.
func (w *world) create(in *rds.CreateDBInstanceInput) types.DBInstance {
	w.Helper()
	if _, err := w.CreateDBInstance(w.Context(), in); err != nil {
		w.Fatal(err)
	}
	return w.await(*in.DBInstanceIdentifier, "available")
}

// until waits for a condition, which says what it still waits for.
func until(t *testing.T, condition func(ctx context.Context) (waiting string, err error)) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), waittest.Patience(5*time.Minute))
	defer cancel()
	for {
		waiting, err := condition(ctx)
		if err != nil {
			t.Fatal(err)
		}
		if waiting == "" {
			return
		}
		select {
		case <-ctx.Done():
			waittest.InVain()
			t.Fatalf("still waiting: %s", waiting)
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// await waits until an instance has a status.
func (w *world) await(id, status string) (i types.DBInstance) {
	w.Helper()
	until(w.T, func(ctx context.Context) (string, error) {
		out, err := w.DescribeDBInstances(ctx, &rds.DescribeDBInstancesInput{DBInstanceIdentifier: &id})
		if err != nil {
			return "", err
		}
		if i = out.DBInstances[0]; *i.DBInstanceStatus == status {
			return "", nil
		}
		return fmt.Sprintf("%s is %s, not %s", id, *i.DBInstanceStatus, status), nil
	})
	return i
}

// awaitGone waits until an instance is deleted.
func (w *world) awaitGone(id string) {
	w.Helper()
	until(w.T, func(ctx context.Context) (string, error) {
		out, err := w.DescribeDBInstances(ctx, &rds.DescribeDBInstancesInput{DBInstanceIdentifier: &id})
		if code(err) == "DBInstanceNotFound" {
			return "", nil
		}
		if err != nil {
			return "", err
		}
		return id + " is " + *out.DBInstances[0].DBInstanceStatus, nil
	})
}

// snapshot takes a snapshot and waits until it is available.
func (w *world) snapshot(instance, id string) types.DBSnapshot {
	w.Helper()
	if _, err := w.CreateDBSnapshot(w.Context(), &rds.CreateDBSnapshotInput{DBInstanceIdentifier: &instance, DBSnapshotIdentifier: &id}); err != nil {
		w.Fatal(err)
	}
	return w.awaitSnapshot(id, "available")
}

func (w *world) awaitSnapshot(id, status string) (s types.DBSnapshot) {
	w.Helper()
	until(w.T, func(ctx context.Context) (string, error) {
		out, err := w.DescribeDBSnapshots(ctx, &rds.DescribeDBSnapshotsInput{DBSnapshotIdentifier: &id})
		if err != nil {
			return "", err
		}
		if s = out.DBSnapshots[0]; *s.Status == status {
			return "", nil
		}
		return fmt.Sprintf("snapshot %s is %s, not %s", id, *s.Status, status), nil
	})
	return s
}

// restore makes an instance from a snapshot and waits until it is available.
func (w *world) restore(snapshot, id string) types.DBInstance {
	w.Helper()
	_, err := w.RestoreDBInstanceFromDBSnapshot(w.Context(), &rds.RestoreDBInstanceFromDBSnapshotInput{DBInstanceIdentifier: &id, DBSnapshotIdentifier: &snapshot})
	if err != nil {
		w.Fatal(err)
	}
	return w.await(id, "available")
}

// connect opens the database of an instance as an ordinary client.
func (w *world) connect(i types.DBInstance) *pgx.Conn {
	w.Helper()
	url := fmt.Sprintf("postgres://%s:%s@%s:%d/books", user, password, *i.Endpoint.Address, *i.Endpoint.Port)
	c, err := pgx.Connect(w.Context(), url)
	if err != nil {
		w.Fatal(err)
	}
	w.Cleanup(func() { _ = c.Close(context.Background()) })
	return c
}

// exec runs statements in an instance's database.
func (w *world) exec(i types.DBInstance, statements ...string) {
	w.Helper()
	c := w.connect(i)
	for _, statement := range statements {
		if _, err := c.Exec(w.Context(), statement); err != nil {
			w.Fatalf("%s: %v", statement, err)
		}
	}
}

// ask reads one value from an instance's database.
func ask[T any](w *world, i types.DBInstance, query string) (value T) {
	w.Helper()
	if err := w.connect(i).QueryRow(w.Context(), query).Scan(&value); err != nil {
		w.Fatalf("%s: %v", query, err)
	}
	return value
}

// refused wants an error of a code.
func refused(t *testing.T, err error, want string) {
	t.Helper()
	if got := code(err); got != want {
		t.Fatalf("got %q (%v), want %s", got, err, want)
	}
}

func code(err error) string {
	var e smithy.APIError
	if errors.As(err, &e) {
		return e.ErrorCode()
	}
	return ""
}
