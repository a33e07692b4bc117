package copier

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/backup"
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
	return c.remove(ctx, vault, points, finals)
}

// remove removes those of a resource's points that are complete in all of their final vaults, from which no copy is under
// way, and which are not among the newest. The lists tell which ones may go; each of these is looked at again before it does.
func (c *Copier) remove(ctx context.Context, vault Vault, points []Point, finals map[string]map[moment]Point) (s Swept, err error) {
	newest := newestFirst(points)
	for i, p := range newest {
		if i < *c.Config.KeepNewest || !p.usable() {
			s.Kept++
			continue
		}
		settled, held := false, false
		var e error
		if settled, e = c.settled(ctx, p, finals); settled {
			settled, held, e = c.removeIfFree(ctx, p)
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

// settled reports whether lists show a point in all of its final vaults.
func (c *Copier) settled(ctx context.Context, p Point, finals map[string]map[moment]Point) (bool, error) {
	to, err := c.destinations(ctx, p)
	return len(to) > 0 && !slices.ContainsFunc(to, func(to Vault) bool {
		there, ok := finals[to.ARN][p.moment()]
		return !ok || !c.lasts(there)
	}), err
}

// destinations are the vaults that a point goes on to.
func (c *Copier) destinations(ctx context.Context, p Point) (_ []Vault, err error) {
	if c.Config.needsTags() {
		if p.Tags, err = c.tags(ctx, p.Vault.Region, p.ARN); err != nil {
			return nil, err
		}
	}
	r, _ := c.Config.route(p)
	return r.To, nil
}

// lasts reports whether a final copy can be relied on: it is complete, and has been for the margin.
func (c *Copier) lasts(there Point) bool {
	return there.usable() && !there.Completed.Add(*c.Config.Margin).After(c.Clock.Now())
}

// removeIfFree removes a point if it is free to go at this moment. AWS Backup does not delete on a condition, so somebody may
// still delete the final copy, or begin a copy, between the look and the removal; between them lies nothing but the call, and
// no more than the time that both have together.
func (c *Copier) removeIfFree(ctx context.Context, p Point) (free, held bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, handlingTime)
	defer cancel()
	if free, err = c.free(ctx, p); !free {
		return false, false, err
	}
	held, err = c.removePoint(ctx, p)
	return true, held, err
}

// free reports whether no copy from a point is under way, wherever to, and a copy to rely on is in each of its final vaults.
// It asks for all of this, the final copies last: the lists of a reconciliation are as old as its hops took.
func (c *Copier) free(ctx context.Context, p Point) (bool, error) {
	to, err := c.destinations(ctx, p)
	if err != nil || len(to) == 0 {
		return false, err
	}
	jobs, err := c.jobsFrom(ctx, p.Vault, p.ARN)
	if err != nil || (ledger{jobs: jobs}).underWay() != nil {
		return false, err
	}
	for _, to := range to {
		there, err := c.copyOf(ctx, p, to)
		if err != nil || there == nil || !c.lasts(*there) {
			return false, err
		}
	}
	return true, nil
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

// byMoment is the copy of each backup among points; of several, one that is usable.
func byMoment(points []Point) map[moment]Point {
	all := map[moment]Point{}
	for _, p := range points {
		if !all[p.moment()].usable() {
			all[p.moment()] = p
		}
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
