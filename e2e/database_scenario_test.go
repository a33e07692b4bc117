package e2e

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/backup"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	rdstypes "github.com/aws/aws-sdk-go-v2/service/rds/types"
	"github.com/jackc/pgx/v5"

	"strongroom/internal/server"
	"strongroom/internal/strongroomtest"
)

// The master user of the databases here.
const (
	keeper   = "keeper"
	password = "a-long-one-for-tests"
)

// current is a server by whose rules one copy action of a database crosses account and Region; without it the rules are those of
// 2024-04-26.
var current = strongroomtest.Options{Config: server.Config{RulesAsOf: "current"}}

func (p *party) rds() *rds.Client { return rds.NewFromConfig(p.config) }

// database makes a DB instance that runs PostgreSQL, encrypted if a key is given, with a table of orders, and returns its ARN.
func (p *party) database(t *testing.T, id, keyARN string, change ...func(*rds.CreateDBInstanceInput)) string {
	t.Helper()
	in := &rds.CreateDBInstanceInput{
		DBInstanceIdentifier: &id, DBInstanceClass: aws.String("db.t3.micro"), Engine: aws.String("postgres"), AllocatedStorage: aws.Int32(20),
		MasterUsername: aws.String(keeper), MasterUserPassword: aws.String(password), DBName: aws.String("shop"),
	}
	if keyARN != "" {
		in.StorageEncrypted, in.KmsKeyId = aws.Bool(true), &keyARN
	}
	for _, change := range change {
		change(in)
	}
	must(p.rds().CreateDBInstance(t.Context(), in))(t, "creating the database "+id)
	p.available(t, id)
	p.query(t, id, `CREATE TABLE orders (id int PRIMARY KEY, what text NOT NULL)`)
	p.order(t, id, 1, 200)
	return p.databaseARN(id)
}

func (p *party) databaseARN(id string) string {
	return "arn:aws:rds:" + p.region + ":" + p.id + ":db:" + id
}

func dbTags(pairs ...string) func(*rds.CreateDBInstanceInput) {
	return func(in *rds.CreateDBInstanceInput) {
		for pair := range slices.Chunk(pairs, 2) {
			in.Tags = append(in.Tags, rdstypes.Tag{Key: &pair[0], Value: &pair[1]})
		}
	}
}

// instance describes a DB instance.
func (p *party) instance(t *testing.T, id string) rdstypes.DBInstance {
	t.Helper()
	return must(p.rds().DescribeDBInstances(t.Context(), &rds.DescribeDBInstancesInput{DBInstanceIdentifier: &id}))(t, "describing "+id).DBInstances[0]
}

// available waits until a DB instance serves.
func (p *party) available(t *testing.T, id string) { t.Helper(); p.hasStatus(t, id, "available") }

func (p *party) hasStatus(t *testing.T, id, status string) {
	t.Helper()
	eventually(t.Context(), t, "the database "+id, func() (bool, error) {
		out, err := p.rds().DescribeDBInstances(t.Context(), &rds.DescribeDBInstancesInput{DBInstanceIdentifier: &id})
		if err != nil {
			return false, err
		}
		is := aws.ToString(out.DBInstances[0].DBInstanceStatus)
		return is == status, errors.New("it is " + is)
	})
}

// connect is an ordinary client of the database behind a DB instance.
func (p *party) connect(t *testing.T, id string) *pgx.Conn {
	t.Helper()
	endpoint := p.instance(t, id).Endpoint
	if endpoint == nil {
		t.Fatalf("the database %s has no endpoint", id)
	}
	conn := must(pgx.Connect(t.Context(), fmt.Sprintf("postgres://%s:%s@%s:%d/shop", keeper, password, *endpoint.Address, *endpoint.Port)))(t, "connecting to "+id)
	return conn
}

// query executes a statement in the database behind a DB instance.
func (p *party) query(t *testing.T, id, statement string, args ...any) {
	t.Helper()
	conn := p.connect(t, id)
	defer conn.Close(t.Context())
	must(conn.Exec(t.Context(), statement, args...))(t, statement)
}

// order writes rows from one id to another, the last included.
func (p *party) order(t *testing.T, id string, from, to int) {
	t.Helper()
	p.query(t, id, `INSERT INTO orders SELECT n, 'order ' || n || ' ' || md5(n::text) FROM generate_series($1::int, $2::int) n`, from, to)
}

// orders reads all rows.
func (p *party) orders(t *testing.T, id string) []string {
	t.Helper()
	conn := p.connect(t, id)
	defer conn.Close(t.Context())
	rows := must(conn.Query(t.Context(), `SELECT id || ': ' || what FROM orders ORDER BY id`))(t, "reading")
	return must(pgx.CollectRows(rows, pgx.RowTo[string]))(t, "reading")
}

// restoreDatabase restores a recovery point as an instance of that name, which must succeed, and reads the rows.
func (p *party) restoreDatabase(t *testing.T, vault, point, id string) []string {
	t.Helper()
	out := p.restoreJob(t, point, p.databaseMetadata(t, vault, point, id))
	if got := end(string(out.Status), out.StatusMessage, nil); got != completed {
		t.Fatalf("the restore of %s: %+v", point, got)
	}
	if created := aws.ToString(out.CreatedResourceArn); created != p.databaseARN(id) {
		t.Errorf("the restore made %s", created)
	}
	return p.orders(t, id)
}

// databaseMetadata is what the recovery point tells of its database, under another identifier.
func (p *party) databaseMetadata(t *testing.T, vault, point, id string) map[string]string {
	t.Helper()
	out := must(p.backup.GetRecoveryPointRestoreMetadata(t.Context(), &backup.GetRecoveryPointRestoreMetadataInput{BackupVaultName: &vault, RecoveryPointArn: &point}))(t, "reading restore metadata")
	for name := range out.RestoreMetadata {
		if strings.EqualFold(name, "DBInstanceIdentifier") {
			out.RestoreMetadata[name] = id
		}
	}
	return out.RestoreMetadata
}

// backupAccounts are the member account and the backup account, the latter in both Regions, with roles for jobs.
func backupAccounts(t *testing.T, s *strongroomtest.Server) (m, first, final *party) {
	t.Helper()
	crossAccount(t, s, true)
	m, final = enter(t, s, member, home), enter(t, s, vaulted, north)
	for _, p := range []*party{m, final} {
		p.role(t, "jobs", rolePolicies...)
		p.linked(t)
	}
	return m, final.in(home), final
}
