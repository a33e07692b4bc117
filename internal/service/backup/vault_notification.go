package backup

import (
	"context"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/backup"
	"github.com/aws/aws-sdk-go-v2/service/backup/types"

	"strongroom/arn"
	"strongroom/internal/api"
	"strongroom/internal/state"
	"strongroom/rules"
)

func (s *Service) putNotificationsAccess(ctx context.Context, c *api.Caller, in *backup.PutBackupVaultNotificationsInput) ([]api.Access, error) {
	return one(s.onVault(ctx, c, "PutBackupVaultNotifications", in.BackupVaultName))
}

// PutBackupVaultNotifications names the topic that a vault's notifications go to, and what they are of. The events of older
// versions of the API are kept and, as in AWS, none is ever sent: what they told the attribute State tells now.
func (s *Service) PutBackupVaultNotifications(ctx context.Context, c *api.Caller, in *backup.PutBackupVaultNotificationsInput) (*backup.PutBackupVaultNotificationsOutput, error) {
	topic := aws.ToString(in.SNSTopicArn)
	switch parsed, err := arn.Parse(topic); {
	case topic == "":
		return nil, missing("SNSTopicArn")
	case err != nil || parsed.Service != "sns" || parsed.Resource == "":
		return nil, invalid("Invalid ARN %s in SNSTopicArn.", topic)
	case parsed.AccountID != c.AccountID || parsed.Region != c.Region:
		return nil, invalid("The SNS topic %s must be in the account and Region of the backup vault.", topic)
	case strings.HasSuffix(topic, ".fifo"):
		return nil, invalid("The SNS topic %s is a FIFO topic; backup vault notifications need a standard topic.", topic)
	case len(in.BackupVaultEvents) == 0:
		return nil, missing("BackupVaultEvents")
	}
	var events []string
	for _, event := range in.BackupVaultEvents {
		if !slices.Contains(event.Values(), event) {
			return nil, refused(rules.EventsInvalid.Refuse(nil))
		}
		if !slices.Contains(events, string(event)) {
			events = append(events, string(event))
		}
	}
	return &backup.PutBackupVaultNotificationsOutput{}, s.changeVault(ctx, c, *in.BackupVaultName, func(_ context.Context, _ *state.Tx, v *state.BackupVault) error {
		v.TopicARN, v.Events = topic, events
		return nil
	})
}

func (s *Service) getNotificationsAccess(ctx context.Context, c *api.Caller, in *backup.GetBackupVaultNotificationsInput) ([]api.Access, error) {
	return one(s.onVault(ctx, c, "GetBackupVaultNotifications", in.BackupVaultName))
}

// GetBackupVaultNotifications tells what a vault notifies of, and whom.
func (s *Service) GetBackupVaultNotifications(ctx context.Context, c *api.Caller, in *backup.GetBackupVaultNotificationsInput) (*backup.GetBackupVaultNotificationsOutput, error) {
	v, err := s.vault(ctx, c, *in.BackupVaultName)
	switch {
	case err != nil:
		return nil, err
	case v.TopicARN == "":
		return nil, refused(rules.NotificationsMissing.Refuse(rules.Values{"name": v.Name}))
	}
	out := &backup.GetBackupVaultNotificationsOutput{BackupVaultName: &v.Name, BackupVaultArn: &v.ARN, SNSTopicArn: &v.TopicARN}
	for _, event := range v.Events {
		out.BackupVaultEvents = append(out.BackupVaultEvents, types.BackupVaultEvent(event))
	}
	return out, nil
}

func (s *Service) deleteNotificationsAccess(ctx context.Context, c *api.Caller, in *backup.DeleteBackupVaultNotificationsInput) ([]api.Access, error) {
	return one(s.onVault(ctx, c, "DeleteBackupVaultNotifications", in.BackupVaultName))
}

// DeleteBackupVaultNotifications ends a vault's notifications.
func (s *Service) DeleteBackupVaultNotifications(ctx context.Context, c *api.Caller, in *backup.DeleteBackupVaultNotificationsInput) (*backup.DeleteBackupVaultNotificationsOutput, error) {
	return &backup.DeleteBackupVaultNotificationsOutput{}, s.changeVault(ctx, c, *in.BackupVaultName, func(_ context.Context, _ *state.Tx, v *state.BackupVault) error {
		v.TopicARN, v.Events = "", nil
		return nil
	})
}
