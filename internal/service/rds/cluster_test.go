package rds_test

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/aws/aws-sdk-go-v2/service/rds/types"
	_ "github.com/go-sql-driver/mysql" // opens what Aurora MySQL's clients open
	"github.com/jackc/pgx/v5"
	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
)

// A shelf is what an ordinary client keeps in the database of a cluster: so many books.
type shelf interface {
	add(ctx context.Context, books int) error
	count(ctx context.Context) (int, error)
}

// pgShelf is a table of Aurora PostgreSQL.
type pgShelf struct{ *pgx.Conn }

func (s pgShelf) add(ctx context.Context, books int) error {
	_, err := s.Exec(ctx, "CREATE TABLE IF NOT EXISTS book (n int); INSERT INTO book SELECT generate_series(1, "+strconv.Itoa(books)+")")
	return err
}

func (s pgShelf) count(ctx context.Context) (n int, err error) {
	err = s.QueryRow(ctx, "SELECT count(*) FROM book").Scan(&n)
	return n, err
}

// mysqlShelf is a table of Aurora MySQL.
type mysqlShelf struct{ *sql.DB }

func (s mysqlShelf) add(ctx context.Context, books int) error {
	if _, err := s.ExecContext(ctx, "CREATE TABLE IF NOT EXISTS book (n int)"); err != nil {
		return err
	}
	_, err := s.ExecContext(ctx, "INSERT INTO book WITH RECURSIVE r AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM r WHERE n < ?) SELECT n FROM r", books)
	return err
}

func (s mysqlShelf) count(ctx context.Context) (n int, err error) {
	err = s.QueryRowContext(ctx, "SELECT count(*) FROM book").Scan(&n)
	return n, err
}

// openMySQL opens the database of an endpoint with MySQL's protocol, over TLS.
func (w *world) openMySQL(at string) *sql.DB {
	w.Helper()
	db, err := sql.Open("mysql", fmt.Sprintf("%s:%s@tcp(%s)/books?tls=skip-verify", user, password, at))
	if err != nil {
		w.Fatal(err)
	}
	w.Cleanup(func() { _ = db.Close() })
	return db
}

// mongoShelf is a collection of DocumentDB.
type mongoShelf struct{ *mongo.Collection }

func (s mongoShelf) add(ctx context.Context, books int) error {
	var all []any
	for n := range books {
		all = append(all, bson.D{{Key: "n", Value: n}})
	}
	_, err := s.InsertMany(ctx, all)
	return err
}

func (s mongoShelf) count(ctx context.Context) (int, error) {
	n, err := s.CountDocuments(ctx, bson.D{})
	return int(n), err
}

// graphShelf is a graph of Neptune.
type graphShelf struct{ endpoint string }

func (s graphShelf) send(ctx context.Context, form url.Values, answer any) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, s.endpoint, strings.NewReader(form.Encode()))
	if err != nil {
		return err
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Accept", "application/sparql-results+json")
	got, err := http.DefaultClient.Do(r)
	if err != nil {
		return err
	}
	defer got.Body.Close()
	body, err := io.ReadAll(got.Body)
	if err != nil || got.StatusCode != http.StatusOK {
		return fmt.Errorf("%d %s %w", got.StatusCode, body, err)
	}
	if answer == nil {
		return nil
	}
	return json.Unmarshal(body, answer)
}

func (s graphShelf) add(ctx context.Context, books int) error {
	var before int
	if n, err := s.count(ctx); err == nil {
		before = n
	}
	var triples strings.Builder
	for n := range books {
		fmt.Fprintf(&triples, "<urn:shelf> <urn:has> <urn:book:%d> . ", before+n)
	}
	return s.send(ctx, url.Values{"update": {"INSERT DATA { " + triples.String() + "}"}}, nil)
}

func (s graphShelf) count(ctx context.Context) (int, error) {
	var answer struct {
		Results struct {
			Bindings []struct{ N struct{ Value string } }
		}
	}
	err := s.send(ctx, url.Values{"query": {"SELECT (COUNT(*) AS ?n) { <urn:shelf> <urn:has> ?book }"}}, &answer)
	if err != nil {
		return 0, err
	}
	return strconv.Atoi(answer.Results.Bindings[0].N.Value)
}

// open connects to a cluster's database as an ordinary client.
func (w *world) open(k types.DBCluster) shelf {
	w.Helper()
	at := net.JoinHostPort(*k.Endpoint, strconv.Itoa(int(*k.Port)))
	switch *k.Engine {
	case "aurora-postgresql":
		c, err := pgx.Connect(w.Context(), fmt.Sprintf("postgres://%s:%s@%s/books", user, password, at))
		if err != nil {
			w.Fatal(err)
		}
		w.Cleanup(func() { _ = c.Close(context.Background()) })
		return pgShelf{c}
	case "aurora-mysql":
		return mysqlShelf{w.openMySQL(at)}
	case "docdb":
		c, err := mongo.Connect(options.Client().ApplyURI(fmt.Sprintf("mongodb://%s:%s@%s/?tls=true&tlsInsecure=true&retryWrites=false", user, password, at)))
		if err != nil {
			w.Fatal(err)
		}
		w.Cleanup(func() { _ = c.Disconnect(context.Background()) })
		return mongoShelf{c.Database("library").Collection("books")}
	case "neptune":
		return graphShelf{"http://" + at + "/sparql"}
	}
	w.Fatalf("no client for %s", *k.Engine)
	return nil
}

// wishCluster asks for a cluster of an engine.
func wishCluster(engine, id string) *rds.CreateDBClusterInput {
	in := &rds.CreateDBClusterInput{DBClusterIdentifier: &id, Engine: &engine}
	if engine != "neptune" {
		in.MasterUsername, in.MasterUserPassword = aws.String(user), aws.String(password)
	}
	if strings.HasPrefix(engine, "aurora-") {
		in.DatabaseName = aws.String("books")
	}
	return in
}

// awaitCluster waits until a cluster has a status.
func (w *world) awaitCluster(id, status string) (k types.DBCluster) {
	w.Helper()
	until(w.T, func(ctx context.Context) (string, error) {
		out, err := w.DescribeDBClusters(ctx, &rds.DescribeDBClustersInput{DBClusterIdentifier: &id})
		if err != nil {
			return "", err
		}
		if k = out.DBClusters[0]; *k.Status == status {
			return "", nil
		}
		return fmt.Sprintf("cluster %s is %s, not %s", id, *k.Status, status), nil
	})
	return k
}

// addMember gives a cluster an instance and waits until it is available.
func (w *world) addMember(k types.DBCluster, id string) types.DBInstance {
	w.Helper()
	_, err := w.CreateDBInstance(w.Context(), &rds.CreateDBInstanceInput{
		DBInstanceIdentifier: &id, DBClusterIdentifier: k.DBClusterIdentifier, Engine: k.Engine, DBInstanceClass: aws.String("db.r5.large"),
	})
	if err != nil {
		w.Fatal(err)
	}
	return w.await(id, "available")
}

func (w *world) removeMember(id string) {
	w.Helper()
	if _, err := w.DeleteDBInstance(w.Context(), &rds.DeleteDBInstanceInput{DBInstanceIdentifier: &id}); err != nil {
		w.Fatal(err)
	}
	w.awaitGone(id)
}

// clusterSnapshot takes a snapshot of a cluster and waits until it is available.
func (w *world) clusterSnapshot(cluster, id string) types.DBClusterSnapshot {
	w.Helper()
	_, err := w.CreateDBClusterSnapshot(w.Context(), &rds.CreateDBClusterSnapshotInput{DBClusterIdentifier: &cluster, DBClusterSnapshotIdentifier: &id})
	if err != nil {
		w.Fatal(err)
	}
	return w.awaitClusterSnapshot(id, "available")
}

func (w *world) awaitClusterSnapshot(id, status string) (s types.DBClusterSnapshot) {
	w.Helper()
	until(w.T, func(ctx context.Context) (string, error) {
		out, err := w.DescribeDBClusterSnapshots(ctx, &rds.DescribeDBClusterSnapshotsInput{DBClusterSnapshotIdentifier: &id})
		if err != nil {
			return "", err
		}
		if s = out.DBClusterSnapshots[0]; *s.Status == status {
			return "", nil
		}
		return fmt.Sprintf("cluster snapshot %s is %s, not %s", id, *s.Status, status), nil
	})
	return s
}

func (w *world) books(k types.DBCluster, want int) {
	w.Helper()
	if n, err := w.open(k).count(w.Context()); err != nil || n != want {
		w.Errorf("%s has %d books, want %d: %v", *k.DBClusterIdentifier, n, want, err)
	}
}

// listens reports whether anybody serves at a cluster's endpoint.
func listens(k types.DBCluster) bool {
	c, err := net.Dial("tcp", net.JoinHostPort(*k.Endpoint, strconv.Itoa(int(*k.Port))))
	if err != nil {
		return false
	}
	_ = c.Close()
	return true
}

// A cluster has its data with instances or without; it serves while it has one. Snapshots are taken either way, and what is
// restored from one has the same books.
func TestLifeOfACluster(t *testing.T) {
	t.Parallel()
	for _, engine := range []string{"aurora-postgresql", "aurora-mysql", "docdb", "neptune"} {
		t.Run(engine, func(t *testing.T) {
			t.Parallel()
			lifeOfACluster(newWorld(t), engine)
		})
	}
}

func lifeOfACluster(w *world, engine string) {
	ctx := w.Context()
	if _, err := w.CreateDBCluster(ctx, wishCluster(engine, "Library")); err != nil {
		w.Fatal(err)
	}
	k := w.awaitCluster("library", "available")
	if *k.Engine != engine || *k.StorageEncrypted || len(k.DBClusterMembers) != 0 || !strings.HasPrefix(*k.DbClusterResourceId, "cluster-") ||
		!strings.HasSuffix(*k.DBClusterArn, ":cluster:library") {
		w.Fatalf("it is shown as %+v", k)
	}
	if listens(k) {
		w.Error("a cluster without instances serves")
	}
	w.addMember(k, "writer")
	w.addMember(k, "reader")
	if err := w.open(k).add(ctx, 100); err != nil {
		w.Fatal(err)
	}
	first := w.clusterSnapshot("library", "first")
	if *first.SnapshotType != "manual" || *first.PercentProgress != 100 || *first.DBClusterIdentifier != "library" || !strings.HasSuffix(*first.DBClusterSnapshotArn, ":cluster-snapshot:first") {
		w.Errorf("the snapshot is shown as %+v", first)
	}
	if err := w.open(k).add(ctx, 50); err != nil {
		w.Fatal(err)
	}

	_, err := w.DeleteDBCluster(ctx, &rds.DeleteDBClusterInput{DBClusterIdentifier: aws.String("library"), SkipFinalSnapshot: aws.Bool(true)})
	refused(w.T, err, "InvalidDBClusterStateFault")
	w.removeMember("writer")
	k = w.awaitCluster("library", "available")
	if len(k.DBClusterMembers) != 1 || !*k.DBClusterMembers[0].IsClusterWriter {
		w.Errorf("after its writer is gone the members are %+v", k.DBClusterMembers)
	}
	w.books(k, 150)
	w.removeMember("reader")
	until(w.T, func(context.Context) (string, error) {
		if listens(k) {
			return "the database to stop with the last instance", nil
		}
		return "", nil
	})
	w.clusterSnapshot("library", "second")
	_, err = w.DeleteDBCluster(ctx, &rds.DeleteDBClusterInput{DBClusterIdentifier: aws.String("library"), FinalDBSnapshotIdentifier: aws.String("final")})
	if err != nil {
		w.Fatal(err)
	}
	until(w.T, func(ctx context.Context) (string, error) {
		_, err := w.DescribeDBClusters(ctx, &rds.DescribeDBClustersInput{DBClusterIdentifier: aws.String("library")})
		if code(err) == "DBClusterNotFoundFault" {
			return "", nil
		}
		return "the cluster to go", err
	})

	for snapshot, want := range map[string]int{"first": 100, "second": 150, "final": 150} {
		w.awaitClusterSnapshot(snapshot, "available")
		id := "from-" + snapshot
		_, err := w.RestoreDBClusterFromSnapshot(ctx, &rds.RestoreDBClusterFromSnapshotInput{DBClusterIdentifier: &id, SnapshotIdentifier: &snapshot, Engine: &engine})
		if err != nil {
			w.Fatal(err)
		}
		back := w.awaitCluster(id, "available")
		if len(back.DBClusterMembers) != 0 {
			w.Errorf("a restored cluster has the instances %+v", back.DBClusterMembers)
		}
		w.addMember(back, id+"-1")
		w.books(w.awaitCluster(id, "available"), want)
	}
}
