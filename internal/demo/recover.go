package demo

import (
	"context"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/backup"
	backuptypes "github.com/aws/aws-sdk-go-v2/service/backup/types"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	s3types "github.com/aws/aws-sdk-go-v2/service/s3/types"
)

// lose deletes the original: every version of every object and the bucket, the volume, or the database.
func (a *account) lose(ctx context.Context, r *resource) error {
	switch {
	case r.ledger != nil:
		return a.loseDatabase(ctx, lastPart(r.arn))
	case r.image != nil:
		id := lastPart(r.arn)
		if _, err := a.ec2.DeleteVolume(ctx, &ec2.DeleteVolumeInput{VolumeId: &id}); err != nil {
			return fmt.Errorf("deleting %s: %w", r.title, err)
		}
		return nil
	}
	bucket := strings.TrimPrefix(r.arn, "arn:aws:s3:::")
	pages := s3.NewListObjectVersionsPaginator(a.s3, &s3.ListObjectVersionsInput{Bucket: &bucket})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return fmt.Errorf("listing %s: %w", r.title, err)
		}
		var doomed []s3types.ObjectIdentifier
		for _, o := range page.Versions {
			doomed = append(doomed, s3types.ObjectIdentifier{Key: o.Key, VersionId: o.VersionId})
		}
		for _, o := range page.DeleteMarkers {
			doomed = append(doomed, s3types.ObjectIdentifier{Key: o.Key, VersionId: o.VersionId})
		}
		if len(doomed) == 0 {
			continue
		}
		out, err := a.s3.DeleteObjects(ctx, &s3.DeleteObjectsInput{Bucket: &bucket, Delete: &s3types.Delete{Objects: doomed, Quiet: aws.Bool(true)}})
		if err != nil {
			return fmt.Errorf("emptying %s: %w", r.title, err)
		}
		if len(out.Errors) > 0 {
			return fmt.Errorf("emptying %s: %s: %s", r.title, aws.ToString(out.Errors[0].Key), aws.ToString(out.Errors[0].Message))
		}
	}
	if _, err := a.s3.DeleteBucket(ctx, &s3.DeleteBucketInput{Bucket: &bucket}); err != nil {
		return fmt.Errorf("deleting %s: %w", r.title, err)
	}
	return nil
}

// restore restores a recovery point in the account that holds it and compares the result with what r once was.
func (a *account) restore(ctx context.Context, v *view, r *resource, recoveryPoint, name string) error {
	var metadata map[string]string
	switch {
	case r.data != nil:
		metadata = map[string]string{"DestinationBucketName": name, "newBucket": "true", "RestoreLatestVersionsUpTo": "all", "EncryptionType": "SSE-S3"}
	case r.image != nil:
		metadata = map[string]string{"availabilityZone": a.region + "a", "volumeType": "gp3"}
	case r.ledger != nil:
		metadata = map[string]string{"DBInstanceIdentifier": name, "DBInstanceClass": "db.t3.micro"}
	}
	b := v.bar("restore "+r.title, 100, percent)
	started, err := a.backup.StartRestoreJob(ctx, &backup.StartRestoreJobInput{
		RecoveryPointArn: &recoveryPoint, IamRoleArn: aws.String(a.roleARN(roleName)), Metadata: metadata,
	})
	if err != nil {
		return fmt.Errorf("restoring %s: %w", r.title, err)
	}
	var created string
	if err := until(ctx, func() (bool, error) {
		job, err := a.backup.DescribeRestoreJob(ctx, &backup.DescribeRestoreJobInput{RestoreJobId: started.RestoreJobId})
		if err != nil {
			return false, fmt.Errorf("looking at the restore of %s: %w", r.title, err)
		}
		b.set(percentDone(job.PercentDone))
		switch job.Status {
		case backuptypes.RestoreJobStatusCompleted:
			created = aws.ToString(job.CreatedResourceArn)
			return true, nil
		case backuptypes.RestoreJobStatusFailed, backuptypes.RestoreJobStatusAborted:
			return false, fmt.Errorf("the restore of %s is %s: %s", r.title, job.Status, aws.ToString(job.StatusMessage))
		default:
			return false, nil
		}
	}); err != nil {
		return err
	}
	made := lastPart(created)
	b.end("to " + made)
	switch {
	case r.data != nil:
		return a.compareBucket(ctx, v, r, made)
	case r.image != nil:
		return a.compareVolume(ctx, v, r, made)
	default:
		return a.compareDatabase(ctx, v, r, made)
	}
}

// lastPart is the name or id at the end of an ARN.
func lastPart(arn string) string { return arn[strings.LastIndexAny(arn, ":/")+1:] }
