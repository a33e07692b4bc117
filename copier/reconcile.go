package copier

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/backup"
	"github.com/aws/aws-sdk-go-v2/service/backup/types"
	"golang.org/x/sync/errgroup"
)

// A Report says what a reconciliation found.
type Report struct {
	Points    int // recent ones in the intermediate vaults, of the types that are copied on
	Delivered int // hops that were made before
	UnderWay  int
	Started   int // hops that were missing
	Waiting   int // hops that are tried again later
	Expired   int // hops that are not made since the copy would be deleted at once
	Stuck     []Stuck
	Swept     Swept
}

// Stuck is a point that is not copied on until somebody does something.
type Stuck struct{ RecoveryPoint, Reason, Text string }

// LogValue is the report with the first of what is stuck.
func (r Report) LogValue() slog.Value {
	stuck := r.Stuck
	if len(stuck) > 10 {
		stuck = stuck[:10]
	}
	return slog.GroupValue(
		slog.Int("points", r.Points), slog.Int("delivered", r.Delivered), slog.Int("underWay", r.UnderWay), slog.Int("started", r.Started),
		slog.Int("waiting", r.Waiting), slog.Int("expired", r.Expired), slog.Int("stuck", len(r.Stuck)), slog.Any("firstStuck", stuck),
		slog.Int("removed", r.Swept.Removed), slog.Int("held", r.Swept.Held),
	)
}

// atOnce is how many hops a reconciliation works on at a time.
const atOnce = 8

// Reconcile looks through the intermediate vaults, makes the hops that are missing, and removes the copies that are not
// needed any more. It may run beside itself and beside [Copier.Handle]; what it does not come to before ctx ends, the next
// one does. Its error is what kept it from looking; what it could not repair is in the report.
func (c *Copier) Reconcile(ctx context.Context) (Report, error) {
	var report Report
	var failures []error
	for _, vault := range c.Config.Intermediate {
		failures = append(failures, c.reconcileVault(ctx, vault, &report))
	}
	c.Metrics.Count("HopsStuck", Vault{}, len(report.Stuck))
	c.Metrics.Count("Reconciliations", Vault{}, 1)
	return report, errors.Join(failures...)
}

func (c *Copier) reconcileVault(ctx context.Context, vault Vault, report *Report) error {
	points, err := c.points(ctx, vault, &backup.ListRecoveryPointsByBackupVaultInput{})
	if err != nil {
		return err
	}
	points = slices.DeleteFunc(points, func(p Point) bool { return !slices.Contains(c.Config.Types, p.Type) })
	jobs, err := c.copyJobs(ctx, vault.Region, &backup.ListCopyJobsInput{ByCreatedAfter: aws.Time(c.Clock.Now().Add(-c.Config.Window - 24*time.Hour))})
	if err != nil {
		return err
	}
	finals, err := c.listFinals(ctx, vault, points)
	if err != nil {
		return err
	}
	if err := c.makeMissing(ctx, points, jobs, finals, report); err != nil {
		return err
	}
	if !c.Config.Delete {
		return nil
	}
	return c.sweepAll(ctx, vault, points, finals, report)
}

// listFinals lists what is in the final vaults of an intermediate one, as far back as its points go.
func (c *Copier) listFinals(ctx context.Context, vault Vault, points []Point) (map[string]map[moment]Point, error) {
	if len(points) == 0 {
		return nil, nil
	}
	oldest := slices.MinFunc(points, func(a, b Point) int { return a.Created.Compare(b.Created) }).Created.Add(-time.Second)
	finals := map[string]map[moment]Point{}
	for _, to := range c.finals(vault) {
		there, err := c.points(ctx, to, &backup.ListRecoveryPointsByBackupVaultInput{ByCreatedAfter: &oldest})
		if err != nil {
			return nil, err
		}
		finals[to.ARN] = byMoment(there)
	}
	return finals, nil
}

// makeMissing makes the hops that the lists do not show. The lists are old by the time it comes to a hop, so each one is
// looked at again before it is made.
func (c *Copier) makeMissing(ctx context.Context, points []Point, jobs []types.CopyJob, finals map[string]map[moment]Point, report *Report) error {
	from := map[string][]types.CopyJob{}
	for _, j := range jobs {
		from[aws.ToString(j.SourceRecoveryPointArn)] = append(from[aws.ToString(j.SourceRecoveryPointArn)], j)
	}
	var mu sync.Mutex // guards report
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(atOnce)
	for _, p := range points {
		if !c.recent(p) {
			continue
		}
		report.Points++
		if done, underWay := c.shown(p, from[p.ARN], finals); done {
			report.Delivered++
			continue
		} else if underWay {
			report.UnderWay++
			continue
		}
		group.Go(func() error {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			d, err := c.makeOne(ctx, p)
			mu.Lock()
			defer mu.Unlock()
			report.add(p, d, err)
			return nil
		})
	}
	return group.Wait()
}

func (c *Copier) makeOne(ctx context.Context, p Point) (decision, error) {
	ctx, cancel := context.WithTimeout(ctx, handlingTime)
	defer cancel()
	p, err := c.describe(ctx, p.Vault, p.ARN) // with what the list does not show: tags and the storage class
	if gone(err) {
		return decision{reason: "gone"}, nil
	}
	if err != nil {
		return decision{}, err
	}
	return c.hop(ctx, p, missed)
}

// shown reports what lists show of a point's hops: all made, or all made or under way. A point whose route asks for tags is
// taken for one of any route of its vault.
func (c *Copier) shown(p Point, jobs []types.CopyJob, finals map[string]map[moment]Point) (done, underWay bool) {
	if c.Config.needsTags() {
		return false, false
	}
	r, ok := c.Config.route(p)
	if !ok {
		return true, false
	}
	done, underWay = true, true
	for _, to := range r.To {
		l := ledger{jobs: slices.DeleteFunc(slices.Clone(jobs), func(j types.CopyJob) bool { return aws.ToString(j.DestinationBackupVaultArn) != to.ARN })}
		delivered := l.delivered() || finals[to.ARN][p.moment()].usable()
		done, underWay = done && delivered, underWay && (delivered || l.underWay() != nil)
	}
	return done, underWay && !done
}

func (r *Report) add(p Point, d decision, err error) {
	switch {
	case err != nil:
		r.Stuck = append(r.Stuck, Stuck{p.ARN, code(err), err.Error()})
	case d.step == tell:
		r.Stuck = append(r.Stuck, Stuck{p.ARN, d.reason, d.text})
	case d.step == wait:
		r.Waiting++
	case d.reason == "started":
		r.Started++
	case d.reason == "under way":
		r.UnderWay++
	case d.reason == "expired":
		r.Expired++
	default:
		r.Delivered++
	}
}

// sweepAll removes what is not needed any more, resource by resource.
func (c *Copier) sweepAll(ctx context.Context, vault Vault, points []Point, finals map[string]map[moment]Point, report *Report) error {
	of := map[string][]Point{}
	for _, p := range points {
		of[p.Resource] = append(of[p.Resource], p)
	}
	var failures []error
	for _, resource := range of {
		s, err := c.remove(ctx, vault, resource, finals)
		report.Swept.add(s)
		failures = append(failures, err)
	}
	return errors.Join(failures...)
}

func (s *Swept) add(other Swept) {
	s.Removed, s.Held, s.Kept = s.Removed+other.Removed, s.Held+other.Held, s.Kept+other.Kept
}
