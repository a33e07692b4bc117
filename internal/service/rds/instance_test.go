package rds_test

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/rds"
)

// An instance is made, serves a client, is backed up, deleted, and made again from its snapshot with the same rows.
func TestLifeOfAnInstance(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx := t.Context()
	i := w.create(wish("Books"))
	if *i.DBInstanceIdentifier != "books" || *i.Engine != "postgres" || *i.StorageEncrypted || i.Endpoint == nil || *i.Endpoint.Port < 1024 || i.InstanceCreateTime == nil {
		t.Fatalf("it is shown as %+v", i)
	}
	w.exec(i, "CREATE TABLE t (n int)", "INSERT INTO t SELECT generate_series(1, 1000)")
	s := w.snapshot("books", "first")
	if *s.PercentProgress != 100 || *s.DbiResourceId != *i.DbiResourceId || *s.SnapshotType != "manual" || *s.FullSnapshotSizeInBytes < 1<<20 {
		t.Fatalf("the snapshot is shown as %+v", s)
	}
	w.exec(i, "INSERT INTO t SELECT generate_series(1, 500)")

	_, err := w.DeleteDBInstance(ctx, &rds.DeleteDBInstanceInput{DBInstanceIdentifier: aws.String("books")})
	refused(t, err, "InvalidParameterCombination")
	_, err = w.DeleteDBInstance(ctx, &rds.DeleteDBInstanceInput{DBInstanceIdentifier: aws.String("books"), FinalDBSnapshotIdentifier: aws.String("last")})
	if err != nil {
		t.Fatal(err)
	}
	w.awaitGone("books")
	w.awaitSnapshot("last", "available")

	if got := ask[int](w, w.restore("first", "again"), "SELECT count(*) FROM t"); got != 1000 {
		t.Errorf("of the first snapshot came back %d rows, want 1000", got)
	}
	if got := ask[int](w, w.restore("last", "once-more"), "SELECT count(*) FROM t"); got != 1500 {
		t.Errorf("of the final snapshot came back %d rows, want 1500", got)
	}
	if _, err := w.DeleteDBSnapshot(ctx, &rds.DeleteDBSnapshotInput{DBSnapshotIdentifier: aws.String("first")}); err != nil {
		t.Fatal(err)
	}
	_, err = w.DescribeDBSnapshots(ctx, &rds.DescribeDBSnapshotsInput{DBSnapshotIdentifier: aws.String("first")})
	refused(t, err, "DBSnapshotNotFound")
}
