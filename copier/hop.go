package copier

import (
	"context"
	"log/slog"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/backup"
	"github.com/aws/aws-sdk-go-v2/service/backup/types"
)

// A step is what is to be done about a hop.
type step int

const (
	rest  step = iota // nothing: it is made, under way, or not to be made
	start             // a copy job
	wait              // and look again
	tell              // somebody has to do something
)

// A decision is a step, and why.
type decision struct {
	step   step
	reason string        // a word for metrics and dead letters
	text   string        // a sentence for people
	after  time.Duration // of wait
	last   string        // of start: the failed job that it follows on
}

// weight orders decisions about several final vaults: what is most urgent among them is said of all.
func (d decision) weight() int {
	switch {
	case d.step != rest:
		return 10 + int(d.step)
	case d.reason == "started":
		return 3
	case d.reason == "under way":
		return 2
	case d.reason != "":
		return 1
	}
	return 0
}

// urgency says how a hop is asked for.
type urgency int

const (
	told    urgency = iota // by an event
	missed                 // by a reconciliation, which does not hurry
	redrive                // by somebody who has dealt with the cause of a failure
)

// decide says what is to be done about the hop of a point on a route to a final vault, as the ledger stands. It knows all
// rules of hops and calls nobody.
//
// A copy that is there and that no job from this point has brought counts only if it is usable. One that is DELETING or EXPIRED
// is about to be none, and one that is PARTIAL is not whole: the hop is made beside it, if its retention is not over, and the
// record of that job is the last word. One that is CREATING becomes whole or goes.
func (c *Config) decide(p Point, r Route, l ledger, how urgency, now time.Time) decision {
	failures := l.failures()
	switch {
	case l.delivered():
		return decision{reason: "delivered", text: "a copy job has brought it there"}
	case l.underWay() != nil:
		return decision{reason: "under way", text: "copy job " + aws.ToString(l.underWay().CopyJobId) + " is " + string(l.underWay().State)}
	case l.there != nil && l.there.usable():
		return decision{reason: "delivered", text: "its copy is there: " + l.there.ARN}
	case over(p, lifecycle(p, r), now):
		return decision{reason: "expired", text: "a copy would be deleted at once: its retention counts from " + p.Created.Format(time.DateOnly)}
	case l.there != nil && l.there.Status == types.RecoveryPointStatusCreating: // by a job from elsewhere
		return decision{step: wait, reason: "not complete", text: "its copy is CREATING: " + l.there.ARN, after: c.Backoff}
	case p.Status == types.RecoveryPointStatusCreating:
		return decision{step: wait, reason: "not complete", text: "the recovery point is CREATING", after: c.Backoff}
	case !p.usable():
		return decision{step: tell, reason: "not usable", text: "the recovery point is " + string(p.Status)}
	case p.Cold:
		return decision{step: tell, reason: "cold storage", text: "the recovery point is in cold storage and cannot be copied"}
	case len(failures) == 0:
		return decision{step: start, reason: "first"}
	}
	return c.again(failures, how, now)
}

// again says whether a hop whose jobs have failed is tried once more.
func (c *Config) again(failures []types.CopyJob, how urgency, now time.Time) decision {
	last := failures[0]
	id, message := aws.ToString(last.CopyJobId), aws.ToString(last.StatusMessage)
	once := decision{step: start, reason: "again", last: id}
	if how == redrive {
		return once
	}
	ended := last.CompletionDate
	if ended == nil {
		ended = last.CreationDate
	}
	since := now.Sub(aws.ToTime(ended))
	if since < 0 {
		since = longestBackoff + c.Patience // clocks disagree: the number of attempts is the bound then
	}
	pause := c.backoff(len(failures))
	n := natureOfJob(last)
	switch {
	case len(failures) >= c.MaxAttempts:
		return decision{step: tell, reason: "gave up", text: "copy job " + id + " is the last of too many that failed: " + message}
	case n == lasting && (how == told || since < c.Patience):
		return decision{step: tell, reason: "refused", text: "copy job " + id + " failed: " + message}
	case since < pause:
		return decision{step: wait, reason: "backoff", text: "copy job " + id + " failed: " + message, after: pause - since}
	}
	return once
}

// hop makes the second hop of a point to each of its final vaults, or finds that there is nothing to do. What it returns
// is what is most urgent among them.
func (c *Copier) hop(ctx context.Context, p Point, how urgency) (decision, error) {
	log := c.Log.With(slog.String("recoveryPoint", p.ARN), slog.String("resource", p.Resource))
	r, ok := c.Config.route(p)
	if !ok {
		log.InfoContext(ctx, "no route leads on", slog.String("type", p.Type))
		return decision{reason: "no route"}, nil
	}
	var most decision
	var failure error
	for _, to := range r.To {
		d, err := c.hopTo(ctx, p, r, to, how)
		if err != nil {
			failure = err
			c.Metrics.Count("HopsRefused", to, 1)
			log.WarnContext(ctx, "could not make the hop", slog.String("finalVault", to.ARN), slog.String("nature", natureOf(err).String()), slog.String("error", err.Error()))
			continue
		}
		log.InfoContext(ctx, "looked at the hop", slog.String("finalVault", to.ARN), slog.String("reason", d.reason), slog.String("text", d.text))
		if d.weight() > most.weight() {
			most = d
		}
	}
	return most, failure
}

// hopTo makes one hop. Between the look and the start of the job lies no more than the time that ctx has.
func (c *Copier) hopTo(ctx context.Context, p Point, r Route, to Vault, how urgency) (decision, error) {
	l, err := c.look(ctx, p, to)
	if err != nil {
		return decision{}, err
	}
	now := c.Clock.Now()
	d := c.Config.decide(p, r, l, how, now)
	if d.step != start {
		return d, nil
	}
	if c.Config.DryRun {
		c.Metrics.Count("HopsWanted", to, 1)
		return decision{reason: "dry run", text: "a copy job would be started"}, nil
	}
	out, err := c.Backup(p.Vault.Region).StartCopyJob(ctx, &backup.StartCopyJobInput{
		RecoveryPointArn: &p.ARN, SourceBackupVaultName: &p.Vault.Name, DestinationBackupVaultArn: &to.ARN, IamRoleArn: &c.Config.RoleARN,
		Lifecycle: lifecycle(p, r), IdempotencyToken: aws.String(token(p.ARN, to.ARN, d.last)),
	})
	if err != nil {
		return decision{}, during("StartCopyJob", err)
	}
	c.Metrics.Count("HopsStarted", to, 1)
	if !p.Completed.IsZero() && now.After(p.Completed) {
		c.Metrics.Seconds("HopDelay", to, now.Sub(p.Completed))
	}
	return decision{reason: "started", text: "copy job " + aws.ToString(out.CopyJobId)}, nil
}
