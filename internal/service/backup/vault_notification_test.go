package backup_test

import (
	"testing"

	awsbackup "github.com/aws/aws-sdk-go-v2/service/backup"
	"github.com/aws/aws-sdk-go-v2/service/backup/types"
	"github.com/google/go-cmp/cmp"
)

func notificationStory(t *testing.T, c *awsbackup.Client) {
	t.Helper()
	ctx := t.Context()
	_, err := c.GetBackupVaultNotifications(ctx, &awsbackup.GetBackupVaultNotificationsInput{BackupVaultName: new("local")})
	refused(t, err, "ResourceNotFoundException", "Failed reading notifications from database for Backup vault local")
	events := []types.BackupVaultEvent{types.BackupVaultEventBackupJobCompleted, types.BackupVaultEventBackupJobFailed}
	_, err = c.PutBackupVaultNotifications(ctx, &awsbackup.PutBackupVaultNotificationsInput{
		BackupVaultName: new("local"), SNSTopicArn: new("arn:aws:sns:eu-central-1:111111111111:topic"), BackupVaultEvents: events,
	})
	must(t, err)
	read, err := c.GetBackupVaultNotifications(ctx, &awsbackup.GetBackupVaultNotificationsInput{BackupVaultName: new("local")})
	must(t, err)
	if diff := cmp.Diff(events, read.BackupVaultEvents); diff != "" || *read.SNSTopicArn != "arn:aws:sns:eu-central-1:111111111111:topic" {
		t.Errorf("topic %s, events (-want +got):\n%s", *read.SNSTopicArn, diff)
	}
	_, err = c.DeleteBackupVaultNotifications(ctx, &awsbackup.DeleteBackupVaultNotificationsInput{BackupVaultName: new("local")})
	must(t, err)
	_, err = c.GetBackupVaultNotifications(ctx, &awsbackup.GetBackupVaultNotificationsInput{BackupVaultName: new("local")})
	refused(t, err, "ResourceNotFoundException", "Failed reading notifications")
}

func TestNotificationRefusals(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx, c := t.Context(), w.backup(member)
	w.vault(member, "local")
	const topic = "arn:aws:sns:eu-central-1:111111111111:topic"
	for _, test := range []struct {
		name, topic string
		event       types.BackupVaultEvent
		code, text  string
	}{
		{"an unknown event", topic, "BACKUP_JOB_LOST", "InvalidParameterValueException", "Please select from the following list of notifications BACKUP_JOB_STARTED"},
		{"a queue", "arn:aws:sqs:eu-central-1:111111111111:queue", "BACKUP_JOB_COMPLETED", "InvalidParameterValueException", "SNSTopicArn"},
		{"another account's topic", "arn:aws:sns:eu-central-1:222222222222:topic", "BACKUP_JOB_COMPLETED", "InvalidParameterValueException", "account and Region"},
		{"another Region's topic", "arn:aws:sns:eu-north-1:111111111111:topic", "BACKUP_JOB_COMPLETED", "InvalidParameterValueException", "account and Region"},
		{"a FIFO topic", topic + ".fifo", "BACKUP_JOB_COMPLETED", "InvalidParameterValueException", "FIFO"},
	} {
		_, err := c.PutBackupVaultNotifications(ctx, &awsbackup.PutBackupVaultNotificationsInput{BackupVaultName: new("local"), SNSTopicArn: &test.topic, BackupVaultEvents: []types.BackupVaultEvent{test.event}})
		t.Run(test.name, func(t *testing.T) { refused(t, err, test.code, test.text) })
	}
	_, err := c.PutBackupVaultNotifications(ctx, &awsbackup.PutBackupVaultNotificationsInput{BackupVaultName: new("local"), SNSTopicArn: new(topic), BackupVaultEvents: []types.BackupVaultEvent{}})
	refused(t, err, "MissingParameterValueException", "BackupVaultEvents")
	_, err = c.PutBackupVaultNotifications(ctx, &awsbackup.PutBackupVaultNotificationsInput{BackupVaultName: new("nowhere"), SNSTopicArn: new(topic), BackupVaultEvents: []types.BackupVaultEvent{"BACKUP_JOB_COMPLETED"}})
	refused(t, err, "ResourceNotFoundException", "nowhere")
}
