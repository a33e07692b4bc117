package copier

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/backup/types"
)

// A Message is one of a queue.
type Message struct {
	ID, Body string
	// Receives is how often the queue has given it out.
	Receives int
	// Redriven is that it was a dead letter, and somebody has moved it back after dealing with the cause.
	Redriven bool
}

// A Verdict says what is to become of a message.
type Verdict struct {
	// Done is that the message can be deleted: it is dealt with, or has become a dead letter. Otherwise it is to be received
	// again, after After.
	Done  bool
	After time.Duration
	Err   error // what was wrong
}

// handlingTime bounds the work on one message. Queues must hide a message for longer.
const handlingTime = 60 * time.Second

// Handle deals with one message.
func (c *Copier) Handle(ctx context.Context, m Message) Verdict {
	d, err := c.react(ctx, m)
	log := c.Log.With(slog.String("message", m.ID))
	var r *refusal
	switch n := natureOf(err); {
	case err == nil && d.step == wait:
		return Verdict{After: d.after}
	case err == nil && d.step == tell:
		return c.bury(ctx, m, d.reason, d.text)
	case err == nil:
		return Verdict{Done: true}
	case errors.As(err, &r):
		return c.bury(ctx, m, r.reason, r.text)
	case n == lasting:
		return c.bury(ctx, m, code(err), err.Error())
	case n == unknown && m.Receives >= c.Config.MaxReceives:
		return c.bury(ctx, m, code(err), err.Error())
	default:
		c.Metrics.Count("MessagesRetried", Vault{}, 1)
		log.WarnContext(ctx, "the message is tried again", slog.String("nature", n.String()), slog.String("error", err.Error()))
		return Verdict{After: pauseAfter(m.Receives), Err: err}
	}
}

// pauseAfter is how long a message waits that was received a number of times: 1 second, and up to 5 minutes.
func pauseAfter(receives int) time.Duration {
	return min(time.Second<<min(max(receives-1, 0), 10), 5*time.Minute)
}

// react does what an event asks for.
func (c *Copier) react(ctx context.Context, m Message) (decision, error) {
	e, d, err := parseEvent(m.Body)
	if err != nil {
		return decision{}, refuse("not an event", "%s", err)
	}
	if e.DetailType == scheduledEvent {
		report, err := c.Reconcile(ctx)
		c.Log.InfoContext(ctx, "reconciled", slog.Any("report", report))
		return decision{reason: "reconciled"}, err
	}
	ctx, cancel := context.WithTimeout(ctx, handlingTime)
	defer cancel()
	how := told
	if m.Redriven {
		how = redrive
	}
	switch {
	case e.Source != "aws.backup":
		return c.ignore("source")
	case e.DetailType == copyJobEvent:
		return c.onCopyJob(ctx, e, d, how)
	case e.DetailType == pointEvent:
		vault, ours := c.Config.intermediate(d.VaultARN)
		if !ours || d.Status != string(types.RecoveryPointStatusCompleted) && d.Status != string(types.RecoveryPointStatusAvailable) {
			return c.ignore("not of an intermediate vault")
		}
		return c.arrived(ctx, vault, e.resource(), d.ResourceType, how)
	}
	return c.ignore("detail-type")
}

func (c *Copier) ignore(why string) (decision, error) {
	c.Metrics.Count("EventsIgnored", Vault{}, 1)
	return decision{reason: "ignored", text: why}, nil
}

// onCopyJob hears of copy jobs: of first hops, which bring points into an intermediate vault, and of second hops, which come
// to their end. A second hop is no first one, since no final vault is an intermediate one.
func (c *Copier) onCopyJob(ctx context.Context, e event, d detail, how urgency) (decision, error) {
	if vault, ours := c.Config.intermediate(d.DestinationVaultARN); ours {
		if d.State != string(types.CopyJobStateCompleted) {
			return c.ignore("state")
		}
		return c.arrived(ctx, vault, string(d.DestinationPointARN), d.ResourceType, how)
	}
	vault, ours := c.Config.intermediate(d.SourceVaultARN)
	switch {
	case !ours || !c.Config.final(d.DestinationVaultARN):
		return c.ignore("vaults")
	case d.State == string(types.CopyJobStateFailed):
		c.Metrics.Count("HopsFailed", c.vaultOf(d.DestinationVaultARN), 1)
		return c.arrived(ctx, vault, e.resource(), d.ResourceType, how)
	case d.State == string(types.CopyJobStateCompleted):
		c.Metrics.Count("HopsCompleted", c.vaultOf(d.DestinationVaultARN), 1)
		return c.completed(ctx, vault, e.resource(), c.vaultOf(d.DestinationVaultARN), string(d.DestinationPointARN))
	}
	return c.ignore("state")
}

func (c *Copier) vaultOf(arn string) Vault {
	v, err := ParseVault(arn)
	if err != nil {
		return Vault{}
	}
	return v
}

// arrived makes the hop of a point that an event has told of. The event may be old, forged by whoever can put events, or for
// another: nothing of it is believed but where to look.
func (c *Copier) arrived(ctx context.Context, vault Vault, pointARN, resourceType string, how urgency) (decision, error) {
	switch {
	case !strings.HasPrefix(pointARN, "arn:"):
		return decision{}, refuse("no recovery point", "the event names no recovery point")
	case resourceType != "" && !slices.Contains(c.Config.Types, resourceType):
		return c.ignore("type")
	}
	p, err := c.describe(ctx, vault, pointARN)
	if gone(err) {
		return c.vanished(ctx, vault, pointARN, err)
	}
	if err != nil {
		return decision{}, err
	}
	if !slices.Contains(c.Config.Types, p.Type) {
		return c.ignore("type")
	}
	return c.hop(ctx, p, how)
}

// vanished says what to do about a point that is not in its vault: a late event may tell of one that was copied on and removed,
// or somebody has removed it while it is copied on.
func (c *Copier) vanished(ctx context.Context, vault Vault, pointARN string, cause error) (decision, error) {
	jobs, err := c.jobsFrom(ctx, vault, pointARN)
	if err != nil {
		return decision{}, err
	}
	hops := map[string]ledger{}
	for _, j := range jobs {
		if to := aws.ToString(j.DestinationBackupVaultArn); c.Config.final(to) {
			hops[to] = ledger{jobs: append(hops[to].jobs, j)}
		}
	}
	d := decision{reason: "delivered", text: "it was copied on and removed"}
	for to, l := range hops {
		switch {
		case l.delivered():
		case l.underWay() != nil:
			d = decision{step: wait, reason: "under way", text: "it was removed while it is copied on to " + to, after: betweenLooks}
		default:
			return decision{}, refuse("gone", "the recovery point is not in %s and was not copied on to %s: %s", vault.Name, to, cause)
		}
	}
	if len(hops) == 0 {
		return decision{}, refuse("gone", "the recovery point is not in %s and was not copied on: %s", vault.Name, cause)
	}
	return d, nil
}

// betweenLooks is the pause between two looks at a hop whose point is gone. Copies of databases take hours, and a queue counts
// how often it gives a message out. No reconciliation finds such a hop, so its message stays until it is known how it ended.
const betweenLooks = time.Hour

// completed looks after a hop that is made: it carries tags and removes what is not needed any more.
func (c *Copier) completed(ctx context.Context, vault Vault, pointARN string, final Vault, copyARN string) (decision, error) {
	if err := c.carryTags(ctx, vault, pointARN, final, copyARN); err != nil {
		return decision{}, err
	}
	if !c.Config.Delete {
		return decision{reason: "delivered"}, nil
	}
	p, err := c.describe(ctx, vault, pointARN)
	if gone(err) {
		return decision{reason: "removed"}, nil
	}
	if err != nil {
		return decision{}, err
	}
	_, err = c.sweep(ctx, vault, aws.String(p.Resource))
	return decision{reason: "delivered"}, err
}
