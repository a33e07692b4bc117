package copier

import (
	"context"
	"log/slog"

	"github.com/aws/aws-sdk-go-v2/service/backup"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"strongroom/clock"
)

// Backup is what the copier asks of AWS Backup; [backup.Client] fits it.
type Backup interface {
	backup.ListCopyJobsAPIClient
	backup.ListRecoveryPointsByBackupVaultAPIClient
	DescribeRecoveryPoint(context.Context, *backup.DescribeRecoveryPointInput, ...func(*backup.Options)) (*backup.DescribeRecoveryPointOutput, error)
	StartCopyJob(context.Context, *backup.StartCopyJobInput, ...func(*backup.Options)) (*backup.StartCopyJobOutput, error)
	DeleteRecoveryPoint(context.Context, *backup.DeleteRecoveryPointInput, ...func(*backup.Options)) (*backup.DeleteRecoveryPointOutput, error)
	ListTags(context.Context, *backup.ListTagsInput, ...func(*backup.Options)) (*backup.ListTagsOutput, error)
	TagResource(context.Context, *backup.TagResourceInput, ...func(*backup.Options)) (*backup.TagResourceOutput, error)
}

// Sender puts messages into queues; [sqs.Client] fits it.
type Sender interface {
	SendMessage(context.Context, *sqs.SendMessageInput, ...func(*sqs.Options)) (*sqs.SendMessageOutput, error)
}

// A Copier makes second hops. Its methods may be called at once.
type Copier struct {
	Config    Config
	Backup    func(region string) Backup    // a client in a Region
	Snapshots func(region string) Snapshots // a client in a Region, for the tags of databases' recovery points
	Queue     Sender                        // for dead letters
	Clock     clock.Clock
	Log       *slog.Logger
	Metrics   *Metrics
}

var (
	_ Backup = (*backup.Client)(nil)
	_ Sender = (*sqs.Client)(nil)
)
