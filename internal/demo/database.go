package demo

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strconv"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	rdstypes "github.com/aws/aws-sdk-go-v2/service/rds/types"
	"github.com/jackc/pgx/v5"
)

// The login of the databases. It is part of what is restored.
const (
	databaseUser     = "bookkeeper"
	databasePassword = "thirty-one-ledgers"
	databaseName     = "books"
)

// ledger is a table of PostgreSQL: how many rows it has, each of which follows from its number.
type ledger struct {
	arn  string
	rows int
}

// entry is a row: an account, an amount in cents that sums up to nothing over each pair of rows, and a text.
func (l *ledger) entry(i int) (account int32, cents int64, note string) {
	sum := sha256.Sum256(binaryOf(uint64(i / 2)))
	cents = int64(sum[0])<<8 + int64(sum[1])
	if i%2 == 1 {
		cents = -cents
	}
	return int32(sum[2]), cents, hex.EncodeToString(sum[3:19])
}

func binaryOf(n uint64) []byte { return strconv.AppendUint(nil, n, 10) }

// fillDatabase makes an encrypted PostgreSQL instance with a ledger of rows, written by an ordinary client.
func fillDatabase(ctx context.Context, a *account, instance, plan, keyARN string, rows int, progress *bar) (*ledger, error) {
	created, err := a.rds.CreateDBInstance(ctx, &rds.CreateDBInstanceInput{
		DBInstanceIdentifier: &instance, DBInstanceClass: aws.String("db.t3.micro"), Engine: aws.String("postgres"), AllocatedStorage: aws.Int32(20),
		MasterUsername: aws.String(databaseUser), MasterUserPassword: aws.String(databasePassword), DBName: aws.String(databaseName),
		StorageEncrypted: aws.Bool(true), KmsKeyId: &keyARN, Tags: []rdstypes.Tag{{Key: aws.String("backup"), Value: &plan}},
	})
	if err != nil {
		return nil, fmt.Errorf("creating database %s: %w", instance, err)
	}
	l := &ledger{arn: aws.ToString(created.DBInstance.DBInstanceArn), rows: rows}
	db, err := a.connect(ctx, instance)
	if err != nil {
		return nil, err
	}
	defer db.Close(context.WithoutCancel(ctx)) //nolint:errcheck // what was written is committed
	if _, err := db.Exec(ctx, "CREATE TABLE ledger (id bigint PRIMARY KEY, account integer NOT NULL, cents bigint NOT NULL, note text NOT NULL)"); err != nil {
		return nil, fmt.Errorf("creating the ledger of %s: %w", instance, err)
	}
	const batch = 10_000
	for from := 0; from < rows; from += batch {
		n := min(batch, rows-from)
		_, err := db.CopyFrom(ctx, pgx.Identifier{"ledger"}, []string{"id", "account", "cents", "note"}, pgx.CopyFromSlice(n, func(i int) ([]any, error) {
			account, cents, note := l.entry(from + i)
			return []any{int64(from + i), account, cents, note}, nil
		}))
		if err != nil {
			return nil, fmt.Errorf("writing the ledger of %s: %w", instance, err)
		}
		progress.add(int64(n))
	}
	return l, nil
}

// connect waits until an instance is available and logs in.
func (a *account) connect(ctx context.Context, instance string) (*pgx.Conn, error) {
	var address string
	err := until(ctx, func() (bool, error) {
		out, err := a.rds.DescribeDBInstances(ctx, &rds.DescribeDBInstancesInput{DBInstanceIdentifier: &instance})
		if err != nil {
			return false, fmt.Errorf("looking at database %s: %w", instance, err)
		}
		switch found := out.DBInstances[0]; aws.ToString(found.DBInstanceStatus) {
		case "available":
			address = net.JoinHostPort(aws.ToString(found.Endpoint.Address), strconv.Itoa(int(aws.ToInt32(found.Endpoint.Port))))
			return true, nil
		case "creating", "backing-up", "modifying", "rebooting", "starting", "configuring-enhanced-monitoring":
			return false, nil
		default:
			return false, fmt.Errorf("database %s is %s", instance, aws.ToString(found.DBInstanceStatus))
		}
	})
	if err != nil {
		return nil, err
	}
	login := url.URL{Scheme: "postgres", User: url.UserPassword(databaseUser, databasePassword), Host: address, Path: databaseName, RawQuery: "sslmode=require"}
	db, err := pgx.Connect(ctx, login.String())
	if err != nil {
		return nil, fmt.Errorf("logging in to database %s: %w", instance, err)
	}
	return db, nil
}

// compareDatabase reads a restored ledger row by row and compares each with what was written.
func (a *account) compareDatabase(ctx context.Context, v *view, r *resource, instance string) error {
	db, err := a.connect(ctx, instance)
	if err != nil {
		return err
	}
	defer db.Close(context.WithoutCancel(ctx)) //nolint:errcheck // only read from
	b := v.bar("compare "+r.title, int64(r.ledger.rows), count)
	rows, err := db.Query(ctx, "SELECT id, account, cents, note FROM ledger ORDER BY id")
	if err != nil {
		return fmt.Errorf("reading the ledger of %s: %w", instance, err)
	}
	defer rows.Close()
	read := 0
	for ; rows.Next(); read++ {
		var id, cents int64
		var account int32
		var note string
		if err := rows.Scan(&id, &account, &cents, &note); err != nil {
			return fmt.Errorf("reading the ledger of %s: %w", instance, err)
		}
		wantAccount, wantCents, wantNote := r.ledger.entry(read)
		if id != int64(read) || account != wantAccount || cents != wantCents || note != wantNote {
			return fmt.Errorf("row %d of the ledger of %s is not what was written", read, instance)
		}
		b.add(1)
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("reading the ledger of %s: %w", instance, err)
	}
	if read != r.ledger.rows {
		return fmt.Errorf("the ledger of %s has %d rows where it had %d", instance, read, r.ledger.rows)
	}
	b.end("rows, all equal")
	return nil
}

// loseDatabase deletes the instance without a last snapshot and waits until it is gone.
func (a *account) loseDatabase(ctx context.Context, instance string) error {
	if _, err := a.rds.DeleteDBInstance(ctx, &rds.DeleteDBInstanceInput{DBInstanceIdentifier: &instance, SkipFinalSnapshot: aws.Bool(true)}); err != nil {
		return fmt.Errorf("deleting database %s: %w", instance, err)
	}
	return until(ctx, func() (bool, error) {
		_, err := a.rds.DescribeDBInstances(ctx, &rds.DescribeDBInstancesInput{DBInstanceIdentifier: &instance})
		var gone *rdstypes.DBInstanceNotFoundFault
		if errors.As(err, &gone) {
			return true, nil
		}
		if err != nil {
			return false, fmt.Errorf("looking at database %s: %w", instance, err)
		}
		return false, nil
	})
}
