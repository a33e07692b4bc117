package rds_test

import (
	"context"
	"database/sql"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/rds/types"
)

// maria opens the database of an instance as a client of MariaDB.
func (w *world) maria(i types.DBInstance) *sql.DB {
	w.Helper()
	return w.openMySQL(fmt.Sprintf("%s:%d", *i.Endpoint.Address, *i.Endpoint.Port))
}

// A snapshot of a MariaDB that is being written holds all transfers that were committed before, and none by half.
func TestMariaDBUnderLoad(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	in := wish("bank")
	in.Engine = aws.String("mariadb")
	i := w.create(in)
	db := w.maria(i)
	for _, statement := range []string{
		"CREATE TABLE account (id int PRIMARY KEY, balance int NOT NULL)",
		"CREATE TABLE transfer (id int AUTO_INCREMENT PRIMARY KEY, amount int NOT NULL)",
		"INSERT INTO account VALUES (1, 0), (2, 0)",
	} {
		if _, err := db.ExecContext(t.Context(), statement); err != nil {
			t.Fatalf("%s: %v", statement, err)
		}
	}
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var done atomic.Int64
	var writing sync.WaitGroup
	for range 2 {
		writing.Go(func() {
			for ctx.Err() == nil {
				if err := transfer(t.Context(), db); err != nil {
					t.Errorf("a transfer: %v", err)
					return
				}
				done.Add(1)
			}
		})
	}
	until(t, func(context.Context) (string, error) {
		if done.Load() < 100 {
			return "a hundred transfers", nil
		}
		return "", nil
	})
	before := done.Load()
	w.snapshot("bank", "during")
	after := done.Load() + 2 // of each writer one may be committed and not counted
	stop()
	writing.Wait()
	if after <= before+2 {
		t.Error("nothing was written while the snapshot was taken")
	}

	back := w.maria(w.restore("during", "restored"))
	var sum, moved, noted int64
	err := back.QueryRowContext(t.Context(), `SELECT (SELECT sum(balance) FROM account), (SELECT balance FROM account WHERE id = 2), (SELECT count(*) FROM transfer)`).Scan(&sum, &moved, &noted)
	if err != nil {
		t.Fatal(err)
	}
	if sum != 0 || moved != noted || noted < before || noted > after {
		t.Errorf("%d transfers came back, of which %d were moved, and the sum is %d; %d were committed before the snapshot and %d after", noted, moved, sum, before, after)
	}
}

// transfer moves one from the first account to the second and notes that, as one.
func transfer(ctx context.Context, db *sql.DB) error {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	for _, statement := range []string{
		"UPDATE account SET balance = balance - 1 WHERE id = 1", "UPDATE account SET balance = balance + 1 WHERE id = 2", "INSERT INTO transfer (amount) VALUES (1)",
	} {
		if _, err := tx.ExecContext(ctx, statement); err != nil {
			_ = tx.Rollback()
			return err
		}
	}
	return tx.Commit()
}
