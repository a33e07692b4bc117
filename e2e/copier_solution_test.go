package e2e

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/backup"
	backuptypes "github.com/aws/aws-sdk-go-v2/service/backup/types"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	rdstypes "github.com/aws/aws-sdk-go-v2/service/rds/types"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"strongroom/clock"
	"strongroom/copier"
)

// queues makes the copier's queues.
func (w *solution) queues(t *testing.T) {
	t.Helper()
	w.queue, w.dead = w.second.mailbox(t, "second-hop", "events.amazonaws.com"), w.second.mailbox(t, "second-hop-dead", "events.amazonaws.com")
}

// hops is the copier of the example solution: it copies on from the backup account's vault in the member's Region, where databases
// arrive, to its vault in the other Region.
func (w *solution) hops(change func(*copier.Config)) *copier.Copier {
	config := copier.Config{RoleARN: w.b.jobRoleARN(), Types: []string{"S3", "EBS", "RDS", "Aurora"}, DeadLetterURL: *w.dead.url}
	for arn, into := range map[string]*[]copier.Vault{w.second.vaultARN("second-vault"): &config.Intermediate, w.b.vaultARN("backup-vault"): nil} {
		v, err := copier.ParseVault(arn)
		if err != nil {
			w.t.Fatal(err)
		}
		if into != nil {
			*into = []copier.Vault{v}
		} else {
			config.Routes = []copier.Route{{To: []copier.Vault{v}}}
		}
	}
	change(&config)
	if err := config.Check(); err != nil {
		w.t.Fatal(err)
	}
	return &copier.Copier{
		Config: config, Clock: clock.Wall, Log: slog.New(slog.DiscardHandler), Queue: sqs.NewFromConfig(w.copier.in(home).config),
		Backup:    func(region string) copier.Backup { return w.copier.in(region).backup },
		Snapshots: func(region string) copier.Snapshots { return rds.NewFromConfig(w.copier.in(region).config) },
	}
}

// handled is the result of a message: what went wrong is in the dead letter.
func (w *solution) handled(c *copier.Copier, body string) result {
	v := c.Handle(w.t.Context(), copier.Message{ID: "1", Body: body, Receives: 1})
	if v.Err != nil {
		return refusal(v.Err)
	}
	got := must(w.dead.sqs.ReceiveMessage(w.t.Context(), &sqs.ReceiveMessageInput{QueueUrl: w.dead.url, MessageAttributeNames: []string{"All"}}))(w.t, "reading the dead letters")
	for _, m := range got.Messages {
		must(w.dead.sqs.DeleteMessage(w.t.Context(), &sqs.DeleteMessageInput{QueueUrl: w.dead.url, ReceiptHandle: m.ReceiptHandle}))(w.t, "deleting a dead letter")
		return result{ended: ended{State: "REFUSED", Message: *m.MessageAttributes["Text"].StringValue}}
	}
	return result{ended: completed}
}

// fresh backs up anew and brings it into the backup account: no hop was made from there before.
func (w *solution) fresh(kind string) string {
	resource := map[string]func() string{
		"S3": func() string { return w.bucket }, "EBS": func() string { return w.volume }, "RDS": w.databaseARN, "Aurora": w.clusterARN,
	}[kind]()
	local := w.done(w.backup(w.operator, resource))
	return w.done(w.copy(w.operator, local, "member-vault", w.second.vaultARN("second-vault")))
}

// secondHop has the copier copy on what has just arrived in the backup account, and waits for the copy.
func (w *solution) secondHop(kind string) result {
	got, _, _ := w.hopOf(kind)
	return got
}

// hopOf makes a hop and returns how it ended, the recovery point it began from, and the job.
func (w *solution) hopOf(kind string) (result, string, backuptypes.CopyJob) {
	point := w.fresh(kind)
	got := w.handled(w.hops(func(*copier.Config) {}), fmt.Sprintf(
		`{"source":"aws.backup","detail-type":"Copy Job State Change","detail":{"state":"COMPLETED","resourceType":%q,"destinationBackupVaultArn":%q,"destinationRecoveryPointArn":%q}}`,
		kind, w.second.vaultARN("second-vault"), point))
	if got.ended != completed {
		return got, point, backuptypes.CopyJob{}
	}
	var job backuptypes.CopyJob
	eventually(w.t.Context(), w.t, "the second hop", func() (bool, error) {
		out, err := w.second.backup.ListCopyJobs(w.t.Context(), &backup.ListCopyJobsInput{BySourceRecoveryPointArn: &point, ByDestinationVaultArn: aws.String(w.b.vaultARN("backup-vault"))})
		if err != nil || len(out.CopyJobs) != 1 {
			return false, fmt.Errorf("%d jobs: %w", len(out.CopyJobs), err)
		}
		job = out.CopyJobs[0]
		return job.CompletionDate != nil, fmt.Errorf("it is %s", job.State)
	})
	if job.State != backuptypes.CopyJobStateCompleted {
		return result{ended: ended{State: string(job.State), Message: aws.ToString(job.StatusMessage)}}, point, job
	}
	return result{ended: completed}, point, job
}

// reconcile has the copier look for hops that no event told of, and leave it at that: the other scenarios need what lies there.
func (w *solution) reconcile() result {
	report, err := w.hops(func(c *copier.Config) { c.DryRun = true }).Reconcile(w.t.Context())
	if err != nil {
		return refusal(err)
	}
	for _, stuck := range report.Stuck {
		if stuck.Reason != "refused" { // as jobs were while something was missing
			return result{ended: ended{State: "REFUSED", Message: stuck.Text}}
		}
	}
	return result{ended: completed}
}

// lookAfter has the copier carry a tag that AWS Backup did not bring, and remove the intermediate copy.
func (w *solution) lookAfter(kind string) result {
	got, point, job := w.hopOf(kind)
	if got.ended != completed {
		return got
	}
	ctx := context.WithoutCancel(w.t.Context())
	ofDatabase, tagged := strings.Contains(point, ":rds:"), kind != "EBS" // AWS Backup tells no tags of volumes' recovery points
	switch {
	case ofDatabase:
		must(w.second.rds().AddTagsToResource(ctx, &rds.AddTagsToResourceInput{ResourceName: &point, Tags: []rdstypes.Tag{{Key: aws.String("later"), Value: aws.String("yes")}}}))(w.t, "tagging the intermediate copy")
	case tagged:
		must(w.second.backup.TagResource(ctx, &backup.TagResourceInput{ResourceArn: &point, Tags: map[string]string{"later": "yes"}}))(w.t, "tagging the intermediate copy")
	}
	c := w.hops(func(config *copier.Config) {
		config.Delete, config.KeepNewest, config.Margin = true, new(int), new(time.Duration) // at once
		if tagged {
			config.Tags = []string{"*"}
		}
	})
	got = w.handled(c, fmt.Sprintf(
		`{"source":"aws.backup","detail-type":"Copy Job State Change","resources":[%q],"detail":{"state":"COMPLETED","copyJobId":%q,"resourceType":%q,"sourceBackupVaultArn":%q,"destinationBackupVaultArn":%q,"destinationRecoveryPointArn":%q}}`,
		point, *job.CopyJobId, kind, w.second.vaultARN("second-vault"), *job.DestinationBackupVaultArn, *job.DestinationRecoveryPointArn))
	if got.ended != completed {
		return got
	}
	if tagged && w.tagsOf(job)["later"] != "yes" {
		return result{ended: ended{State: "REFUSED", Message: fmt.Sprintf("the final copy has the tags %v", w.tagsOf(job))}}
	}
	eventually(ctx, w.t, "the removal of the intermediate copy", func() (bool, error) {
		_, err := w.second.backup.DescribeRecoveryPoint(ctx, &backup.DescribeRecoveryPointInput{BackupVaultName: aws.String("second-vault"), RecoveryPointArn: &point})
		return err != nil, fmt.Errorf("%s is still there", point)
	})
	delete(w.there, map[bool]string{true: kind}[ofDatabase]) // the resource's other intermediate copies have gone, too
	return result{ended: completed}
}

// tagsOf are the tags of what a second hop has made.
func (w *solution) tagsOf(job backuptypes.CopyJob) map[string]string {
	point, tags := job.DestinationRecoveryPointArn, map[string]string{}
	if !strings.Contains(*point, ":rds:") {
		return must(w.b.backup.ListTags(w.t.Context(), &backup.ListTagsInput{ResourceArn: point}))(w.t, "reading tags").Tags
	}
	for _, tag := range must(w.b.rds().ListTagsForResource(w.t.Context(), &rds.ListTagsForResourceInput{ResourceName: point}))(w.t, "reading tags").TagList {
		tags[*tag.Key] = *tag.Value
	}
	return tags
}

// readQueue reads the queue as the copier does: a message waits, is received again and becomes a dead letter.
func (w *solution) readQueue() result {
	ctx := w.t.Context()
	url, reader := w.queue.url, sqs.NewFromConfig(w.copier.in(home).config)
	must(w.queue.sqs.SendMessage(ctx, &sqs.SendMessageInput{QueueUrl: url, MessageBody: aws.String("no event")}))(w.t, "sending a message")
	defer w.dead.drain(w.t)
	got, err := reader.ReceiveMessage(ctx, &sqs.ReceiveMessageInput{QueueUrl: url, WaitTimeSeconds: 5})
	if err != nil {
		return refusal(err)
	}
	for _, m := range got.Messages {
		if err := copier.Hide(ctx, reader, *url, *m.ReceiptHandle, 0); err != nil {
			return refusal(err)
		}
		if v := w.hops(func(*copier.Config) {}).Handle(ctx, copier.Message{ID: *m.MessageId, Body: *m.Body, Receives: 1}); !v.Done {
			return refusal(v.Err)
		}
		if _, err := reader.DeleteMessage(ctx, &sqs.DeleteMessageInput{QueueUrl: url, ReceiptHandle: m.ReceiptHandle}); err != nil {
			return refusal(err)
		}
	}
	return result{ended: completed}
}
