package postgres_test

import (
	"context"
	"fmt"
	"os"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"

	"strongroom/internal/dbengine"
	"strongroom/internal/dbengine/dbenginetest"
	"strongroom/internal/dbengine/postgres"
)

var engine = postgres.New()

func TestMain(m *testing.M) { dbenginetest.Main(m, engine) }

func TestEngine(t *testing.T) {
	t.Parallel()
	dbenginetest.Run(t, &dbenginetest.Subject{
		Engine: engine, Users: []string{"postgres"}, Database: "shop",
		Open: func(ctx context.Context, s dbengine.Settings) (dbenginetest.Ledger, error) {
			return open(ctx, s, s.Database)
		},
		BadParameters: map[string]string{
			"no_such_parameter": "1", "work_mem": "much", "max_connections": "-1", "shared_preload_libraries": "no_such_library",
			"archive_command": "touch /tmp/owned", "data_directory": "/", "bad name": "1", "wal_level": "minimal", "max_replication_slots": "0",
			"session_preload_libraries": "pg_stat_statements, /tmp/x.so", "local_preload_libraries": "$libdir/plugins/x", "plperl.on_init": "system('id')",
		},
		GoodParameter: dbenginetest.Parameter{Name: "work_mem", Value: "5MB"},
		Damage:        func(s dbengine.Settings) error { return os.Truncate(s.Path("data", "global", "pg_control"), 100) },
		Unreadable:    "data/global/pg_control",
	})
}

// ledger is kept over TLS, which clients of AWS ask for.
type ledger struct {
	mu sync.Mutex
	*pgx.Conn
}

func open(ctx context.Context, s dbengine.Settings, database string) (*ledger, error) {
	config, err := pgx.ParseConfig("sslmode=require")
	if err != nil {
		return nil, err
	}
	config.Host, config.Port, config.User, config.Password, config.Database = s.Address, uint16(s.Port), s.MasterUsername, s.MasterPassword, database
	config.Fallbacks = nil
	c, err := pgx.ConnectConfig(ctx, config)
	if err != nil {
		return nil, err
	}
	return &ledger{Conn: c}, nil
}

const accounts = 20

func (l *ledger) Create(ctx context.Context) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	_, err := l.Exec(ctx, fmt.Sprintf(`
		CREATE TABLE account (id int PRIMARY KEY, balance int NOT NULL, moves int NOT NULL);
		CREATE TABLE note (n int PRIMARY KEY, padding text NOT NULL);
		INSERT INTO account SELECT i, 0, 0 FROM generate_series(0, %d) i`, accounts-1))
	return err
}

func (l *ledger) Transfer(ctx context.Context, n int) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	from, to := n%accounts, (n*7+1)%accounts
	if from == to {
		to = (to + 1) % accounts
	}
	return pgx.BeginFunc(ctx, l, func(tx pgx.Tx) error {
		// In the order of their numbers, so that two transfers do not wait for each other.
		for _, id := range []int{min(from, to), max(from, to)} {
			amount, moves := n, 0
			if id == from {
				amount, moves = -n, 1
			}
			if _, err := tx.Exec(ctx, "UPDATE account SET balance = balance + $1, moves = moves + $2 WHERE id = $3", amount%1000, moves, id); err != nil {
				return err
			}
		}
		_, err := tx.Exec(ctx, "INSERT INTO note VALUES ($1, repeat('x', 200))", n)
		return err
	})
}

func (l *ledger) Read(ctx context.Context) (c dbenginetest.Contents, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	c.Notes = map[int]bool{}
	err = pgx.BeginTxFunc(ctx, l, pgx.TxOptions{IsoLevel: pgx.RepeatableRead}, func(tx pgx.Tx) error {
		if err := tx.QueryRow(ctx, "SELECT sum(balance), sum(moves) FROM account").Scan(&c.Sum, &c.Moved); err != nil {
			return err
		}
		rows, err := tx.Query(ctx, "SELECT n FROM note")
		if err != nil {
			return err
		}
		notes, err := pgx.CollectRows(rows, pgx.RowTo[int])
		for _, n := range notes {
			c.Notes[n] = true
		}
		return err
	})
	return c, err
}

func (l *ledger) Show(ctx context.Context, name string) (value string, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	err = l.QueryRow(ctx, "SELECT current_setting($1)", name).Scan(&value)
	return value, err
}

func (l *ledger) Close() error { return l.Conn.Close(context.Background()) }
