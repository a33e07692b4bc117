package main

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/backup"
	backuptypes "github.com/aws/aws-sdk-go-v2/service/backup/types"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/s3"
)

const (
	homeRegion  = "eu-central-1"
	otherRegion = "eu-west-1" // of the vault that copies go to
	account     = "111111111111"
	role        = "arn:aws:iam::" + account + ":role/backup"
	vault       = "safe"
	otherVault  = "second-safe"
)

// member is the account that owns everything, with a client for each service.
type member struct {
	backup *backup.Client
	ec2    *ec2.Client
	s3     *s3.Client
	key    string // for volumes
}

// openAccount makes two vaults, each in a Region of its own and under a key of its own, and the role that jobs assume.
func openAccount(ctx context.Context, s *server) (*member, error) {
	cfg, err := config.LoadDefaultConfig(ctx,
		config.WithSharedConfigFiles([]string{s.data + "/aws/config"}),
		config.WithSharedCredentialsFiles([]string{s.data + "/aws/credentials"}),
		config.WithSharedConfigProfile("member"), config.WithRegion(homeRegion))
	if err != nil {
		return nil, err
	}
	m := &member{
		backup: backup.NewFromConfig(cfg), ec2: ec2.NewFromConfig(cfg),
		s3: s3.NewFromConfig(cfg, func(o *s3.Options) { o.UsePathStyle = true }),
	}
	for _, at := range []struct{ vault, region string }{{otherVault, otherRegion}, {vault, homeRegion}} {
		there := cfg.Copy()
		there.Region = at.region
		key, err := kms.NewFromConfig(there).CreateKey(ctx, &kms.CreateKeyInput{Description: &at.vault})
		if err != nil {
			return nil, err
		}
		m.key = aws.ToString(key.KeyMetadata.Arn)
		if _, err := backup.NewFromConfig(there).CreateBackupVault(ctx, &backup.CreateBackupVaultInput{
			BackupVaultName: &at.vault, EncryptionKeyArn: &m.key,
		}); err != nil {
			return nil, err
		}
	}
	return m, makeRole(ctx, iam.NewFromConfig(cfg))
}

func makeRole(ctx context.Context, c *iam.Client) error {
	name := "backup"
	if _, err := c.CreateRole(ctx, &iam.CreateRoleInput{RoleName: &name, AssumeRolePolicyDocument: aws.String(
		`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"backup.amazonaws.com"},"Action":"sts:AssumeRole"}]}`,
	)}); err != nil {
		return err
	}
	for _, policy := range []string{
		"service-role/AWSBackupServiceRolePolicyForBackup", "service-role/AWSBackupServiceRolePolicyForRestores",
		"AWSBackupServiceRolePolicyForS3Backup", "AWSBackupServiceRolePolicyForS3Restore",
	} {
		if _, err := c.AttachRolePolicy(ctx, &iam.AttachRolePolicyInput{
			RoleName: &name, PolicyArn: aws.String("arn:aws:iam::aws:policy/" + policy),
		}); err != nil {
			return err
		}
	}
	return nil
}

// jobs runs one job after the other over one resource.
type jobs struct {
	account  *member
	resource string
	p        protected
	points   map[operation]string // what the backups have made
	restored string               // the ARN of what the last restore has made
}

func (j *jobs) run(ctx context.Context, s *server, op operation) error {
	switch op {
	case firstCopy, nextCopy:
		return j.copy(ctx, j.points[copied[op]])
	case restore:
		return j.restore(ctx, j.points[changedBackup])
	case verify:
		return s.admin(ctx, "verify")
	default:
		return j.backup(ctx, op)
	}
}

func (j *jobs) backup(ctx context.Context, op operation) error { return j.backupInto(ctx, vault, op) }

// backupInto makes a recovery point in a vault and notes it as what op made.
func (j *jobs) backupInto(ctx context.Context, vault string, op operation) error {
	started, err := j.account.backup.StartBackupJob(ctx, &backup.StartBackupJobInput{
		BackupVaultName: aws.String(vault), IamRoleArn: aws.String(role), ResourceArn: &j.resource,
	})
	if err != nil {
		return err
	}
	return until(ctx, func() (bool, error) {
		job, err := j.account.backup.DescribeBackupJob(ctx, &backup.DescribeBackupJobInput{BackupJobId: started.BackupJobId})
		if err != nil {
			return false, err
		}
		switch job.State {
		case backuptypes.BackupJobStateCompleted:
			j.points[op] = aws.ToString(job.RecoveryPointArn)
			return true, nil
		case backuptypes.BackupJobStateFailed, backuptypes.BackupJobStateAborted, backuptypes.BackupJobStateExpired, backuptypes.BackupJobStatePartial:
			return false, fmt.Errorf("the backup job is %s: %s", job.State, aws.ToString(job.StatusMessage))
		default:
			return false, nil
		}
	})
}

func (j *jobs) copy(ctx context.Context, point string) error {
	started, err := j.account.backup.StartCopyJob(ctx, &backup.StartCopyJobInput{
		RecoveryPointArn: &point, SourceBackupVaultName: aws.String(vault), IamRoleArn: aws.String(role),
		DestinationBackupVaultArn: aws.String("arn:aws:backup:" + otherRegion + ":" + account + ":backup-vault:" + otherVault),
	})
	if err != nil {
		return err
	}
	return until(ctx, func() (bool, error) {
		out, err := j.account.backup.DescribeCopyJob(ctx, &backup.DescribeCopyJobInput{CopyJobId: started.CopyJobId})
		if err != nil {
			return false, err
		}
		switch out.CopyJob.State {
		case backuptypes.CopyJobStateCompleted:
			return true, nil
		case backuptypes.CopyJobStateFailed, backuptypes.CopyJobStatePartial:
			return false, fmt.Errorf("the copy job is %s: %s", out.CopyJob.State, aws.ToString(out.CopyJob.StatusMessage))
		default:
			return false, nil
		}
	})
}

func (j *jobs) restore(ctx context.Context, point string) (err error) {
	j.restored, err = j.restoreAs(ctx, point, j.p.restoration())
	return err
}

// restoreAs restores as the metadata say and gives the ARN of what that made.
func (j *jobs) restoreAs(ctx context.Context, point string, metadata map[string]string) (made string, err error) {
	started, err := j.account.backup.StartRestoreJob(ctx, &backup.StartRestoreJobInput{
		RecoveryPointArn: &point, IamRoleArn: aws.String(role), Metadata: metadata,
	})
	if err != nil {
		return "", err
	}
	err = until(ctx, func() (bool, error) {
		job, err := j.account.backup.DescribeRestoreJob(ctx, &backup.DescribeRestoreJobInput{RestoreJobId: started.RestoreJobId})
		if err != nil {
			return false, err
		}
		switch job.Status {
		case backuptypes.RestoreJobStatusCompleted:
			made = aws.ToString(job.CreatedResourceArn)
			return true, nil
		case backuptypes.RestoreJobStatusFailed, backuptypes.RestoreJobStatusAborted:
			return false, fmt.Errorf("the restore job is %s: %s", job.Status, aws.ToString(job.StatusMessage))
		default:
			return false, nil
		}
	})
	return made, err
}
