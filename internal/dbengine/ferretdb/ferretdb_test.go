package ferretdb_test

import (
	"context"
	"fmt"
	"os"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"strongroom/internal/dbengine"
	"strongroom/internal/dbengine/dbenginetest"
	"strongroom/internal/dbengine/ferretdb"
	"strongroom/internal/dbengine/postgres"
	"strongroom/internal/porttest"
)

var engine = ferretdb.New(postgres.New())

func TestMain(m *testing.M) { dbenginetest.Main(m, engine) }

func TestEngine(t *testing.T) {
	t.Parallel()
	dbenginetest.Run(t, &dbenginetest.Subject{
		Engine: engine, Users: []string{"postgres"}, Beside: []string{"strongroom-docdb"},
		Open: func(ctx context.Context, s dbengine.Settings) (dbenginetest.Ledger, error) {
			return open(ctx, s, "tls=true&tlsInsecure=true")
		},
	})
}

// ledger has a document for each transfer, with both sides of it: FerretDB changes a document as one, and has no transactions
// over several.
type ledger struct {
	*mongo.Client
	notes *mongo.Collection
}

func open(ctx context.Context, s dbengine.Settings, query string) (*ledger, error) {
	o := options.Client().ApplyURI(fmt.Sprintf("mongodb://%s:%d/?%s", s.Address, s.Port, query)).
		SetAuth(options.Credential{Username: s.MasterUsername, Password: s.MasterPassword})
	if o.ServerSelectionTimeout == nil {
		o.SetServerSelectionTimeout(time.Minute)
	}
	client, err := mongo.Connect(o)
	if err != nil {
		return nil, err
	}
	l := &ledger{client, client.Database("bank").Collection("notes")}
	if err := client.Database("admin").RunCommand(ctx, bson.D{{Key: "listDatabases", Value: 1}}).Err(); err != nil {
		_ = l.Close()
		return nil, err
	}
	return l, nil
}

func (l *ledger) Create(ctx context.Context) error {
	_, err := l.notes.Indexes().CreateOne(ctx, mongo.IndexModel{Keys: bson.D{{Key: "from", Value: 1}}})
	return err
}

func (l *ledger) Transfer(ctx context.Context, n int) error {
	_, err := l.notes.InsertOne(ctx, bson.D{{Key: "_id", Value: n}, {Key: "from", Value: -n}, {Key: "to", Value: n}})
	return err
}

func (l *ledger) Read(ctx context.Context) (dbenginetest.Contents, error) {
	c := dbenginetest.Contents{Notes: map[int]bool{}}
	found, err := l.notes.Find(ctx, bson.D{})
	if err != nil {
		return c, err
	}
	var all []struct {
		ID       int `bson:"_id"`
		From, To int
	}
	if err := found.All(ctx, &all); err != nil {
		return c, err
	}
	for _, note := range all {
		c.Notes[note.ID] = true
		c.Sum += note.From + note.To
		if note.To == note.ID {
			c.Moved++
		}
	}
	return c, nil
}

func (l *ledger) Show(context.Context, string) (string, error) { return "", nil }

func (l *ledger) Close() error { return l.Disconnect(context.Background()) }

// started is a database that runs at a free port.
func started(t *testing.T, parameters map[string]string) dbengine.Settings {
	t.Helper()
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	s := dbengine.Settings{
		Dir: dir, Address: "127.0.0.1", Port: porttest.One(t), MasterUsername: "chief", MasterPassword: "p@ss:/word",
		Parameters: parameters, User: dbengine.DefaultUser("postgres"),
	}
	if err := engine.Init(t.Context(), s); err != nil {
		t.Fatal(err)
	}
	server, err := engine.Start(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Stop(context.Background()) })
	return s
}

func TestWhoHasNoPasswordReadsNothing(t *testing.T) {
	t.Parallel()
	s := started(t, nil)
	right, err := open(t.Context(), s, "")
	if err != nil {
		t.Fatalf("without TLS: %v", err)
	}
	defer right.Close()
	if err := right.Transfer(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	for name, auth := range map[string]*options.Credential{
		"nobody":           nil,
		"a wrong password": {Username: s.MasterUsername, Password: "guess"},
		"another user":     {Username: "serviceadmin", Password: s.MasterPassword},
		"by PLAIN":         {Username: s.MasterUsername, Password: s.MasterPassword, AuthMechanism: "PLAIN"},
	} {
		o := options.Client().ApplyURI(fmt.Sprintf("mongodb://127.0.0.1:%d", s.Port)).SetServerSelectionTimeout(time.Minute)
		if auth != nil {
			o.SetAuth(*auth)
		}
		client, err := mongo.Connect(o)
		if err != nil {
			t.Fatal(err)
		}
		if err := client.Database("bank").Collection("notes").FindOne(t.Context(), bson.D{}).Err(); err == nil {
			t.Errorf("%s reads", name)
		}
		if _, err := client.Database("bank").Collection("notes").InsertOne(t.Context(), bson.D{}); err == nil {
			t.Errorf("%s writes", name)
		}
		_ = client.Disconnect(context.Background())
	}
}

func TestTLSCanBeRequired(t *testing.T) {
	t.Parallel()
	s := started(t, map[string]string{"tls": "enabled"})
	with, err := open(t.Context(), s, "tls=true&tlsInsecure=true")
	if err != nil {
		t.Fatal(err)
	}
	defer with.Close()
	if without, err := open(t.Context(), s, "serverSelectionTimeoutMS=5000"); err == nil {
		defer without.Close()
		t.Error("a client enters without TLS")
	}
}
