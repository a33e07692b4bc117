package main

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/backup"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	s3types "github.com/aws/aws-sdk-go-v2/service/s3/types"
	_ "modernc.org/sqlite" // the server's database

	"strongroom/clock"
)

const (
	growthBucket = "bench-growth"
	growthLoad   = time.Second // how long each request is repeated
	growthJobs   = 5           // how often a job is run for the median
)

// A listedVault is a vault of a server whose catalogue names more and more recovery points.
type listedVault struct {
	server *server
	peer   *peer
	jobs   *jobs
	db     *sql.DB
	listed int
	made   []string // recovery points of jobs but for the first
}

// servicePoints measures requests and jobs on a vault of a server. A few recovery points are made by jobs; the others are rows
// that repeat one of them in the catalogue, because jobs by the ten thousand take longer than anybody waits for a bench.
func (g *growthRun) servicePoints(ctx context.Context) (err error) {
	if len(g.listed) == 0 {
		return nil
	}
	v, err := g.startListed(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, v.db.Close(), v.server.stop()) }()
	t := growthTable{
		title:   "the service, by the number of recovery points in the vault",
		heading: []string{"request or job", "recovery points", "p50", "p99", "server CPU"},
	}
	times := chart{file: "points-service.svg", title: "One request, or one job, on a vault of the service", x: "recovery points in the vault", y: "server CPU, milliseconds"}
	took := map[string]*series{}
	var order []string
	for _, count := range g.listed {
		g.say("the service with %d recovery points", count)
		if err := v.fill(ctx, count); err != nil {
			return err
		}
		rows, err := v.measure(ctx)
		if err != nil {
			return err
		}
		for _, row := range rows {
			t.rows = append(t.rows, []string{row.name, fmt.Sprint(count), millis(row.p50), millis(row.p99), millis(row.cpu)})
			if took[row.name] == nil {
				took[row.name] = &series{name: row.name}
				order = append(order, row.name)
			}
			took[row.name].points = append(took[row.name].points, [2]float64{float64(count), max(row.cpu.Seconds()*1000, 0.001)})
		}
	}
	// One step after the other, each with all its numbers.
	var sorted [][]string
	for _, name := range order {
		for _, row := range t.rows {
			if row[0] == name {
				sorted = append(sorted, row)
			}
		}
		times.series = append(times.series, *took[name])
	}
	t.rows = sorted
	g.tables, g.charts = append(g.tables, t), append(g.charts, times)
	return nil
}

func (g *growthRun) startListed(ctx context.Context) (*listedVault, error) {
	s, err := startServer(ctx, g.program, filepath.Join(g.dir, "data"), g.log)
	if err != nil {
		return nil, err
	}
	v := &listedVault{server: s}
	if err := v.prepare(ctx); err != nil {
		return nil, errors.Join(err, s.stop())
	}
	return v, nil
}

func (v *listedVault) prepare(ctx context.Context) (err error) {
	if v.peer, err = strongroomPeer(ctx, v.server); err != nil {
		return err
	}
	account, err := openAccount(ctx, v.server)
	if err != nil {
		return err
	}
	v.jobs = &jobs{account: account, resource: "arn:aws:s3:::" + growthBucket, points: map[operation]string{}}
	if _, err := v.peer.s3.CreateBucket(ctx, &s3.CreateBucketInput{
		Bucket:                    aws.String(growthBucket),
		CreateBucketConfiguration: &s3types.CreateBucketConfiguration{LocationConstraint: homeRegion},
	}); err != nil {
		return err
	}
	if _, err := v.peer.s3.PutBucketVersioning(ctx, &s3.PutBucketVersioningInput{
		Bucket:                  aws.String(growthBucket),
		VersioningConfiguration: &s3types.VersioningConfiguration{Status: s3types.BucketVersioningStatusEnabled},
	}); err != nil {
		return err
	}
	for i := range 20 {
		if err := v.put(ctx, i, 0); err != nil {
			return err
		}
	}
	v.db, err = sql.Open("sqlite", "file:"+filepath.Join(v.server.data, "state.db")+"?_pragma=busy_timeout(20000)")
	return err
}

func (v *listedVault) put(ctx context.Context, object, round int) error {
	_, err := v.peer.s3.PutObject(ctx, &s3.PutObjectInput{
		Bucket: aws.String(growthBucket), Key: aws.String(fmt.Sprintf("object-%02d", object)), Body: bytes.NewReader(syntheticContent(object, round, 1000)),
	})
	return err
}

// fill brings the vault to so many recovery points.
func (v *listedVault) fill(ctx context.Context, count int) error {
	for range min(3, count-v.listed) {
		if err := v.backup(ctx); err != nil {
			return err
		}
	}
	if v.listed >= count {
		return nil
	}
	columns, err := v.columns(ctx)
	if err != nil {
		return err
	}
	values := make([]string, len(columns))
	for i, name := range columns {
		switch values[i] = name; name {
		case "arn":
			values[i] = "'arn:aws:backup:" + homeRegion + ":" + account + ":recovery-point:repeated-' || n"
		case "created_at", "initiated_at", "completed_at": // a minute apart, into the past
			values[i] = name + " - n * 60000000"
		}
	}
	_, err = v.db.ExecContext(ctx, "WITH RECURSIVE numbers(n) AS (SELECT $1 UNION ALL SELECT n + 1 FROM numbers WHERE n + 1 < $2) "+
		"INSERT INTO recovery_points ("+strings.Join(columns, ", ")+") SELECT "+strings.Join(values, ", ")+
		" FROM numbers, (SELECT * FROM recovery_points WHERE arn = $3)", v.listed, count, v.jobs.points[firstBackup])
	v.listed = count
	return err
}

func (v *listedVault) columns(ctx context.Context) (names []string, err error) {
	rows, err := v.db.QueryContext(ctx, "SELECT name FROM pragma_table_info('recovery_points')")
	if err != nil {
		return nil, err
	}
	defer rows.Close() //nolint:errcheck // Err tells
	for rows.Next() {
		var name string
		if err := rows.Scan(&name); err != nil {
			return nil, err
		}
		names = append(names, name)
	}
	return names, rows.Err()
}

// backup runs a job that finds one object changed.
func (v *listedVault) backup(ctx context.Context) error {
	if err := v.put(ctx, v.listed%20, v.listed+1); err != nil {
		return err
	}
	op := firstBackup
	if v.jobs.points[firstBackup] != "" {
		op = changedBackup
	}
	if err := v.jobs.backup(ctx, op); err != nil {
		return err
	}
	v.listed++
	if op == changedBackup {
		v.made = append(v.made, v.jobs.points[op])
	}
	return nil
}

// An answered is how long something took, and what it took of the server.
type answered struct {
	name     string
	p50, p99 time.Duration
	cpu      time.Duration
}

func (v *listedVault) measure(ctx context.Context) (all []answered, err error) {
	middle, err := v.middle(ctx)
	if err != nil {
		return nil, err
	}
	for _, call := range v.calls(middle) {
		l, err := load(ctx, v.peer, call, 2, growthLoad)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", call.name, err)
		}
		all = append(all, answered{call.name, l.percentile(50), l.percentile(99), l.cpuPerRequest()})
	}
	for _, job := range []struct {
		name string
		do   func(context.Context) error
	}{{"incremental backup job", v.backup}, {"DeleteRecoveryPoint", v.delete}} {
		a, err := v.repeat(ctx, job.name, job.do)
		if err != nil {
			return nil, err
		}
		all = append(all, a)
	}
	return all, nil
}

func (v *listedVault) repeat(ctx context.Context, name string, do func(context.Context) error) (answered, error) {
	l := loaded{}
	for range growthJobs {
		before, err := cpuOf(v.peer.pid)
		if err != nil {
			return answered{}, err
		}
		begin := clock.Wall.Now()
		if err := do(ctx); err != nil {
			return answered{}, fmt.Errorf("%s: %w", name, err)
		}
		l.times = append(l.times, clock.Wall.Now().Sub(begin))
		after, err := cpuOf(v.peer.pid)
		if err != nil {
			return answered{}, err
		}
		l.cpu += after - before
	}
	l.sort()
	return answered{name, l.percentile(50), l.percentile(99), l.cpuPerRequest()}, nil
}

// delete removes the oldest recovery point but one that a job has made, and waits until it is gone.
func (v *listedVault) delete(ctx context.Context) error {
	arn := v.made[0]
	_, err := v.peer.backup.DeleteRecoveryPoint(ctx, &backup.DeleteRecoveryPointInput{BackupVaultName: aws.String(vault), RecoveryPointArn: &arn})
	if err != nil {
		return err
	}
	v.listed, v.made = v.listed-1, v.made[1:]
	return until(ctx, func() (bool, error) { return v.gone(ctx, arn) })
}

func (v *listedVault) gone(ctx context.Context, arn string) (bool, error) {
	var there bool
	err := v.db.QueryRowContext(ctx, "SELECT EXISTS (SELECT 1 FROM recovery_points WHERE arn = $1)", arn).Scan(&there)
	return !there, err
}

// middle gives the token of a page in the middle of the vault's list, and nil where there is one page.
func (v *listedVault) middle(ctx context.Context) (next *string, err error) {
	for seen := 0; seen < v.listed/2; {
		out, err := v.peer.backup.ListRecoveryPointsByBackupVault(ctx, &backup.ListRecoveryPointsByBackupVaultInput{
			BackupVaultName: aws.String(vault), NextToken: next, MaxResults: aws.Int32(int32(min(1000, max(v.listed/2, 1)))), //nolint:gosec // at most a page
		})
		if err != nil {
			return nil, err
		}
		if seen += len(out.RecoveryPoints); out.NextToken == nil {
			break
		}
		next = out.NextToken
	}
	return next, nil
}

// growthPage is how many entries a list is asked for, however many there are.
const growthPage = 5

func (v *listedVault) calls(middle *string) []request {
	page := func(ctx context.Context, p *peer, in backup.ListRecoveryPointsByBackupVaultInput) error {
		in.BackupVaultName, in.MaxResults = aws.String(vault), aws.Int32(growthPage)
		out, err := p.backup.ListRecoveryPointsByBackupVault(ctx, &in)
		if err == nil && len(out.RecoveryPoints) == 0 {
			err = errors.New("the page is empty")
		}
		return err
	}
	return []request{
		{name: "ListRecoveryPointsByBackupVault, first page", do: func(ctx context.Context, p *peer, _, _ int) error {
			return page(ctx, p, backup.ListRecoveryPointsByBackupVaultInput{})
		}},
		{name: "ListRecoveryPointsByBackupVault, in the middle", do: func(ctx context.Context, p *peer, _, _ int) error {
			return page(ctx, p, backup.ListRecoveryPointsByBackupVaultInput{NextToken: middle})
		}},
		{name: "ListRecoveryPointsByResource", do: func(ctx context.Context, p *peer, _, _ int) error {
			out, err := p.backup.ListRecoveryPointsByResource(ctx, &backup.ListRecoveryPointsByResourceInput{ResourceArn: &v.jobs.resource, MaxResults: aws.Int32(growthPage)})
			if err == nil && len(out.RecoveryPoints) == 0 {
				err = errors.New("the page is empty")
			}
			return err
		}},
		{name: "DescribeRecoveryPoint", do: func(ctx context.Context, p *peer, _, _ int) error {
			arn := v.jobs.points[firstBackup]
			_, err := p.backup.DescribeRecoveryPoint(ctx, &backup.DescribeRecoveryPointInput{BackupVaultName: aws.String(vault), RecoveryPointArn: &arn})
			return err
		}},
	}
}
