package copier

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/backup"
	"github.com/aws/aws-sdk-go-v2/service/backup/types"
)

// Swept counts what became of intermediate copies that were looked at.
type Swept struct{ Removed, Held, Kept int }

// sweep removes the intermediate copies of a resource that nothing needs any more.
func (c *Copier) sweep(ctx context.Context, vault Vault, resource *string) (s Swept, err error) {
	points, err := c.points(ctx, vault, &backup.ListRecoveryPointsByBackupVaultInput{ByResourceArn: resource})
	if err != nil {
		return s, err
	}
	points = slices.DeleteFunc(points, func(p Point) bool { return !slices.Contains(c.Config.Types, p.Type) })
	if len(points) <= *c.Config.KeepNewest { // the usual case, told by one call
		s.Kept = len(points)
		return s, nil
	}
	finals := map[string]map[moment]Point{}
	for _, to := range c.finals(vault) {
		there, err := c.points(ctx, to, &backup.ListRecoveryPointsByBackupVaultInput{ByResourceArn: resource})
		if err != nil {
			return s, err
		}
		finals[to.ARN] = byMoment(there)
	}
	jobs, err := c.copyJobs(ctx, vault.Region, &backup.ListCopyJobsInput{ByResourceArn: resource})
	if err != nil {
		return s, err
	}
	return c.remove(ctx, vault, points, finals, jobs)
}

// remove removes those of a resource's points that are complete in all of their final vaults, from which no copy is under
// way, and which are not among the newest.
func (c *Copier) remove(ctx context.Context, vault Vault, points []Point, finals map[string]map[moment]Point, jobs []types.CopyJob) (s Swept, err error) {
	busy := map[string]bool{}
	for _, j := range jobs {
		if (ledger{jobs: []types.CopyJob{j}}).underWay() != nil {
			busy[aws.ToString(j.SourceRecoveryPointArn)] = true
		}
	}
	newest := newestFirst(points)
	for i, p := range newest {
		if i < *c.Config.KeepNewest || busy[p.ARN] || !p.usable() {
			s.Kept++
			continue
		}
		settled, held := false, false
		var e error
		if settled, e = c.settled(ctx, p, finals); settled {
			held, e = c.removePoint(ctx, p)
		}
		switch {
		case e != nil:
			err = errors.Join(err, e)
		case !settled:
			s.Kept++
		case held:
			s.Held++
		default:
			s.Removed++
		}
	}
	c.Metrics.Count("IntermediatesRemoved", vault, s.Removed)
	c.Metrics.Count("IntermediatesHeld", vault, s.Held)
	return s, err
}

// settled reports whether a point has been in all of its final vaults for the margin.
func (c *Copier) settled(ctx context.Context, p Point, finals map[string]map[moment]Point) (_ bool, err error) {
	if c.Config.needsTags() {
		if p.Tags, err = c.tags(ctx, p.Vault.Region, p.ARN); err != nil {
			return false, err
		}
	}
	r, ok := c.Config.route(p)
	return ok && !slices.ContainsFunc(r.To, func(to Vault) bool {
		there, ok := finals[to.ARN][p.moment()]
		return !ok || !there.usable() || there.Completed.Add(c.Config.Margin).After(c.Clock.Now())
	}), nil
}

// removePoint removes a point. That a vault lock or a legal hold keeps it is told and no failure: it goes when its time comes.
func (c *Copier) removePoint(ctx context.Context, p Point) (held bool, err error) {
	log := c.Log.With(slog.String("recoveryPoint", p.ARN))
	if c.Config.DryRun {
		log.InfoContext(ctx, "the intermediate copy would be removed")
		return false, nil
	}
	_, err = c.Backup(p.Vault.Region).DeleteRecoveryPoint(ctx, &backup.DeleteRecoveryPointInput{BackupVaultName: &p.Vault.Name, RecoveryPointArn: &p.ARN})
	switch {
	case gone(err):
		return false, nil
	case code(err) == "InvalidRequestException", code(err) == "InvalidParameterValueException", code(err) == "InvalidResourceStateException":
		log.WarnContext(ctx, "the intermediate copy stays", slog.String("reason", err.Error()))
		return true, nil
	case err != nil:
		return false, during("DeleteRecoveryPoint", err)
	}
	log.InfoContext(ctx, "removed the intermediate copy")
	return false, nil
}

// finals are the vaults to which points of an intermediate vault go on.
func (c *Copier) finals(vault Vault) (all []Vault) {
	for _, r := range c.Config.Routes {
		for _, to := range r.To {
			if (r.From == "" || r.From == vault.ARN) && !slices.Contains(all, to) {
				all = append(all, to)
			}
		}
	}
	return all
}

func byMoment(points []Point) map[moment]Point {
	all := map[moment]Point{}
	for _, p := range points {
		all[p.moment()] = p
	}
	return all
}

// newestFirst sorts points by when they were backed up.
func newestFirst(points []Point) []Point {
	sorted := slices.Clone(points)
	slices.SortFunc(sorted, func(a, b Point) int {
		if by := b.Created.Compare(a.Created); by != 0 {
			return by
		}
		return strings.Compare(a.ARN, b.ARN)
	})
	return sorted
}

// recent reports whether a point came into its vault within the window of reconciliations.
func (c *Copier) recent(p Point) bool { return c.Clock.Now().Sub(p.Completed) < c.Config.Window }
