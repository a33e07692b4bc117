package rds_test

import (
	"context"
	"database/sql"
	"fmt"
	"net"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/rds"
)

// writers is how many clients write into a bank at once.
const writers = 3

// bank is a database of two accounts that writers move money between. Each transfer is noted with its writer, its number among that writer's,
// and the number that it drew last, which puts all in the order of their commits.
type bank struct {
	*sql.DB
	acknowledged [writers]atomic.Int64 // transfers of each writer
}

func openBank(w *world, address string, port int32) *bank {
	w.Helper()
	return &bank{DB: w.openMySQL(net.JoinHostPort(address, strconv.Itoa(int(port))))}
}

func (b *bank) create(ctx context.Context) error {
	for _, statement := range []string{
		"CREATE TABLE account (id int PRIMARY KEY, balance int NOT NULL)",
		"CREATE TABLE counter (number int NOT NULL)",
		"CREATE TABLE transfer (number int PRIMARY KEY, writer int NOT NULL, n int NOT NULL, UNIQUE (writer, n))",
		"INSERT INTO account VALUES (1, 0), (2, 0)", "INSERT INTO counter VALUES (0)",
	} {
		if _, err := b.ExecContext(ctx, statement); err != nil {
			return fmt.Errorf("%s: %w", statement, err)
		}
	}
	return nil
}

// transfer moves one from the first account to the second and notes that, as one.
func (b *bank) transfer(ctx context.Context, writer int, n int64) error {
	tx, err := b.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	for _, statement := range []string{
		"UPDATE account SET balance = balance - 1 WHERE id = 1", "UPDATE account SET balance = balance + 1 WHERE id = 2",
		"UPDATE counter SET number = last_insert_id(number + 1)", fmt.Sprintf("INSERT INTO transfer VALUES (last_insert_id(), %d, %d)", writer, n),
	} {
		if _, err := tx.ExecContext(ctx, statement); err != nil {
			_ = tx.Rollback()
			return err
		}
	}
	return tx.Commit()
}

// write has the writers at work until the function that it returns is called.
func (b *bank) write(t *testing.T) (stop func()) {
	ctx, cancel := context.WithCancel(t.Context())
	var writing sync.WaitGroup
	for writer := range writers {
		writing.Go(func() {
			for n := int64(1); ctx.Err() == nil; n++ {
				if err := b.transfer(t.Context(), writer, n); err != nil {
					t.Errorf("a transfer: %v", err)
					return
				}
				b.acknowledged[writer].Store(n)
			}
		})
	}
	return func() { cancel(); writing.Wait() }
}

func (b *bank) told() (all [writers]int64, sum int64) {
	for writer := range writers {
		all[writer] = b.acknowledged[writer].Load()
		sum += all[writer]
	}
	return all, sum
}

// digest is one of the first transfers.
func (b *bank) digest(ctx context.Context, first int64) (digest uint64, err error) {
	err = b.QueryRowContext(ctx, "SELECT coalesce(bit_xor(crc32(concat_ws(',', number, writer, n))), 0) FROM transfer WHERE number <= ?", first).Scan(&digest)
	return digest, err
}

// sound has the engine look at every row and index of the tables.
func (b *bank) sound(t *testing.T) {
	t.Helper()
	rows, err := b.QueryContext(t.Context(), "CHECK TABLE account, counter, transfer EXTENDED")
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var table, what, kind, said string
		if err := rows.Scan(&table, &what, &kind, &said); err != nil {
			t.Fatal(err)
		}
		if kind != "status" || said != "OK" {
			t.Errorf("%s: %s: %s", table, kind, said)
		}
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
}

// holds compares a bank that was restored with the one that it is a snapshot of, and with what the writers were told before the snapshot
// and after it: it has all transfers up to one instant between, and no other.
func (b *bank) holds(t *testing.T, of *bank, before, after [writers]int64) {
	t.Helper()
	ctx := t.Context()
	b.sound(t)
	var sum, moved, noted, last, counted int64
	err := b.QueryRowContext(ctx, `SELECT (SELECT sum(balance) FROM account), (SELECT balance FROM account WHERE id = 2), (SELECT count(*) FROM transfer),
		(SELECT coalesce(max(number), 0) FROM transfer), (SELECT number FROM counter)`).Scan(&sum, &moved, &noted, &last, &counted)
	if err != nil {
		t.Fatal(err)
	}
	if sum != 0 || moved != noted || last != noted || counted != noted {
		t.Errorf("%d transfers came back, up to number %d of %d; %d were moved, and the sum is %d", noted, last, counted, moved, sum)
	}
	for writer := range writers {
		var n, most int64
		if err := b.QueryRowContext(ctx, "SELECT count(*), coalesce(max(n), 0) FROM transfer WHERE writer = ?", writer).Scan(&n, &most); err != nil {
			t.Fatal(err)
		}
		// One may be committed of which its writer is not told yet.
		if n != most || n < before[writer] || n > after[writer]+1 {
			t.Errorf("of writer %d there are %d transfers, up to its %d.; %d were acknowledged before the snapshot, %d after", writer, n, most, before[writer], after[writer])
		}
	}
	mine, err := b.digest(ctx, noted)
	if err != nil {
		t.Fatal(err)
	}
	if its, err := of.digest(ctx, noted); err != nil || its != mine {
		t.Errorf("the first %d transfers are not those of the database that it is a snapshot of: %v", noted, err)
	}
	t.Logf("%v transfers before the snapshot, %d in it, %v after", before, noted, after)
}

// underLoad takes a snapshot of a bank that is being written.
func underLoad(t *testing.T, b *bank, snapshot func()) (before, after [writers]int64) {
	t.Helper()
	if err := b.create(t.Context()); err != nil {
		t.Fatal(err)
	}
	stop := b.write(t)
	defer stop()
	until(t, func(context.Context) (string, error) {
		if _, sum := b.told(); sum < 100 {
			return "a hundred transfers", nil
		}
		return "", nil
	})
	before, were := b.told()
	snapshot()
	after, are := b.told()
	if are <= were {
		t.Error("nothing was written while the snapshot was taken")
	}
	return before, after
}

// A snapshot of a MariaDB that is being written holds all transfers that were committed before, and none by half.
func TestMariaDBUnderLoad(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	in := wish("bank")
	in.Engine = aws.String("mariadb")
	i := w.create(in)
	b := openBank(w, *i.Endpoint.Address, *i.Endpoint.Port)
	before, after := underLoad(t, b, func() { w.snapshot("bank", "during") })
	back := w.restore("during", "restored")
	openBank(w, *back.Endpoint.Address, *back.Endpoint.Port).holds(t, b, before, after)
}

// So does one of a cluster of Aurora MySQL.
func TestAuroraMySQLUnderLoad(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	if _, err := w.CreateDBCluster(t.Context(), wishCluster("aurora-mysql", "bank")); err != nil {
		t.Fatal(err)
	}
	k := w.awaitCluster("bank", "available")
	w.addMember(k, "one")
	b := openBank(w, *k.Endpoint, *k.Port)
	before, after := underLoad(t, b, func() { w.clusterSnapshot("bank", "during") })
	if _, err := w.RestoreDBClusterFromSnapshot(t.Context(), &rds.RestoreDBClusterFromSnapshotInput{
		DBClusterIdentifier: aws.String("restored"), SnapshotIdentifier: aws.String("during"), Engine: aws.String("aurora-mysql"),
	}); err != nil {
		t.Fatal(err)
	}
	w.addMember(w.awaitCluster("restored", "available"), "again")
	back := w.awaitCluster("restored", "available")
	openBank(w, *back.Endpoint, *back.Port).holds(t, b, before, after)
}
