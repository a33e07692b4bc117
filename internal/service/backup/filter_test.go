package backup_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsbackup "github.com/aws/aws-sdk-go-v2/service/backup"
	"github.com/aws/aws-sdk-go-v2/service/backup/types"

	"strongroom/internal/state"
)

// TestCopyAndRestoreJobFilters has each filter of the lists of copy and restore jobs, alone, one job a page.
func TestCopyAndRestoreJobFilters(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.trust()
	ctx, c := t.Context(), w.backup(member)
	at := func(hours int) state.Micros { return state.MicrosOf(start.Add(time.Duration(hours) * time.Hour)) }
	time4 := func(hours int) *time.Time { return aws.Time(start.Add(time.Duration(hours) * time.Hour)) }
	const vault = "arn:aws:backup:eu-north-1:222222222222:backup-vault:"
	w.update(func(ctx context.Context, tx *state.Tx) error {
		for _, j := range []state.CopyJob{
			{ID: "A", AccountID: member, State: state.JobCompleted, CreatedAt: at(0), CompletedAt: at(1), MessageCategory: "SUCCESS", ResourceType: "S3", ResourceARN: "arn:aws:s3:::a", SourcePointARN: "arn:p:1", DestinationVaultARN: vault + "one"},
			{ID: "B", AccountID: member, State: state.JobFailed, CreatedAt: at(1), CompletedAt: at(3), MessageCategory: "ACCESS_DENIED", ResourceType: "EBS", ResourceARN: "arn:aws:s3:::b", SourcePointARN: "arn:p:2", DestinationVaultARN: vault + "two"},
			{ID: "C", AccountID: member, State: state.JobRunning, CreatedAt: at(2), ResourceType: "S3", ResourceARN: "arn:aws:s3:::a", SourcePointARN: "arn:p:2", DestinationVaultARN: vault + "one"},
			{ID: "D", AccountID: other, State: state.JobRunning, CreatedAt: at(3), ResourceType: "S3", ResourceARN: "arn:aws:s3:::a", SourcePointARN: "arn:p:2", DestinationVaultARN: vault + "one"},
		} {
			j.Region = home
			must(t, tx.InsertCopyJob(ctx, j))
		}
		for _, j := range []state.RestoreJob{
			{ID: "A", AccountID: member, State: state.JobCompleted, CreatedAt: at(0), CompletedAt: at(1), ResourceType: "S3", SourceResourceARN: "arn:aws:s3:::a", PointCreatedAt: at(-5)},
			{ID: "B", AccountID: member, State: state.JobFailed, CreatedAt: at(1), CompletedAt: at(3), ResourceType: "EBS", SourceResourceARN: "arn:aws:s3:::b", PointCreatedAt: at(-4)},
			{ID: "C", AccountID: member, State: state.JobRunning, CreatedAt: at(2), ResourceType: "S3", SourceResourceARN: "arn:aws:s3:::a", PointCreatedAt: at(-3)},
			{ID: "D", AccountID: other, State: state.JobRunning, CreatedAt: at(3), ResourceType: "S3", SourceResourceARN: "arn:aws:s3:::a", PointCreatedAt: at(-2)},
		} {
			j.Region = home
			must(t, tx.InsertRestoreJob(ctx, j))
		}
		return nil
	})
	copies := func(c *awsbackup.Client, in awsbackup.ListCopyJobsInput) string {
		t.Helper()
		in.MaxResults = new(int32(1))
		var all []string
		for p := awsbackup.NewListCopyJobsPaginator(c, &in); p.HasMorePages(); {
			out, err := p.NextPage(ctx)
			must(t, err)
			for _, j := range out.CopyJobs {
				all = append(all, *j.CopyJobId)
			}
		}
		return strings.Join(all, " ")
	}
	for name, test := range map[string]struct {
		in   awsbackup.ListCopyJobsInput
		want string
	}{
		"all":              {awsbackup.ListCopyJobsInput{}, "C B A"},
		"account":          {awsbackup.ListCopyJobsInput{ByAccountId: new(member)}, "C B A"},
		"state":            {awsbackup.ListCopyJobsInput{ByState: types.CopyJobStateRunning}, "C"},
		"type":             {awsbackup.ListCopyJobsInput{ByResourceType: new("S3")}, "C A"},
		"resource":         {awsbackup.ListCopyJobsInput{ByResourceArn: new("arn:aws:s3:::b")}, "B"},
		"destination":      {awsbackup.ListCopyJobsInput{ByDestinationVaultArn: new(vault + "one")}, "C A"},
		"point":            {awsbackup.ListCopyJobsInput{BySourceRecoveryPointArn: new("arn:p:2")}, "C B"},
		"category":         {awsbackup.ListCopyJobsInput{ByMessageCategory: new("ACCESS_DENIED")}, "B"},
		"any category":     {awsbackup.ListCopyJobsInput{ByMessageCategory: new("ANY")}, "C B A"},
		"parent":           {awsbackup.ListCopyJobsInput{ByParentJobId: new("P")}, ""},
		"created before":   {awsbackup.ListCopyJobsInput{ByCreatedBefore: time4(1)}, "A"},
		"created after":    {awsbackup.ListCopyJobsInput{ByCreatedAfter: time4(1)}, "C"},
		"completed before": {awsbackup.ListCopyJobsInput{ByCompleteBefore: time4(2)}, "A"},
		"completed after":  {awsbackup.ListCopyJobsInput{ByCompleteAfter: time4(2)}, "B"},
	} {
		if got := copies(c, test.in); got != test.want {
			t.Errorf("copy jobs by %s: %q, want %q", name, got, test.want)
		}
	}
	if got := copies(w.backup(management), awsbackup.ListCopyJobsInput{ByAccountId: new("*")}); got != "D C B A" {
		t.Errorf("the management account sees copy jobs %q", got)
	}
	restores := func(c *awsbackup.Client, in awsbackup.ListRestoreJobsInput) string {
		t.Helper()
		in.MaxResults = new(int32(1))
		var all []string
		for p := awsbackup.NewListRestoreJobsPaginator(c, &in); p.HasMorePages(); {
			out, err := p.NextPage(ctx)
			must(t, err)
			for _, j := range out.RestoreJobs {
				all = append(all, *j.RestoreJobId)
			}
		}
		return strings.Join(all, " ")
	}
	for name, test := range map[string]struct {
		in   awsbackup.ListRestoreJobsInput
		want string
	}{
		"all":              {awsbackup.ListRestoreJobsInput{}, "C B A"},
		"account":          {awsbackup.ListRestoreJobsInput{ByAccountId: new(member)}, "C B A"},
		"status":           {awsbackup.ListRestoreJobsInput{ByStatus: types.RestoreJobStatusRunning}, "C"},
		"type":             {awsbackup.ListRestoreJobsInput{ByResourceType: new("S3")}, "C A"},
		"parent":           {awsbackup.ListRestoreJobsInput{ByParentJobId: new("P")}, ""},
		"testing plan":     {awsbackup.ListRestoreJobsInput{ByRestoreTestingPlanArn: new("arn:aws:backup:eu-central-1:111111111111:restore-testing-plan:p-1")}, ""},
		"created before":   {awsbackup.ListRestoreJobsInput{ByCreatedBefore: time4(1)}, "A"},
		"created after":    {awsbackup.ListRestoreJobsInput{ByCreatedAfter: time4(1)}, "C"},
		"completed before": {awsbackup.ListRestoreJobsInput{ByCompleteBefore: time4(2)}, "A"},
		"completed after":  {awsbackup.ListRestoreJobsInput{ByCompleteAfter: time4(2)}, "B"},
	} {
		if got := restores(c, test.in); got != test.want {
			t.Errorf("restore jobs by %s: %q, want %q", name, got, test.want)
		}
	}
	if got := restores(w.backup(management), awsbackup.ListRestoreJobsInput{ByAccountId: new("*")}); got != "D C B A" {
		t.Errorf("the management account sees restore jobs %q", got)
	}
	for name, test := range map[string]struct {
		in   awsbackup.ListRestoreJobsByProtectedResourceInput
		want int
	}{
		"resource":     {awsbackup.ListRestoreJobsByProtectedResourceInput{}, 2},
		"status":       {awsbackup.ListRestoreJobsByProtectedResourceInput{ByStatus: types.RestoreJobStatusRunning}, 1},
		"point after":  {awsbackup.ListRestoreJobsByProtectedResourceInput{ByRecoveryPointCreationDateAfter: time4(-4)}, 1},
		"point before": {awsbackup.ListRestoreJobsByProtectedResourceInput{ByRecoveryPointCreationDateBefore: time4(-6)}, 0},
	} {
		test.in.ResourceArn = new("arn:aws:s3:::a")
		out, err := c.ListRestoreJobsByProtectedResource(ctx, &test.in)
		must(t, err)
		if len(out.RestoreJobs) != test.want {
			t.Errorf("restore jobs of the resource by %s: %d, want %d", name, len(out.RestoreJobs), test.want)
		}
	}
	for name, list := range map[string]func() error{
		"copies": func() error {
			_, err := c.ListCopyJobs(ctx, &awsbackup.ListCopyJobsInput{ByAccountId: new(other)})
			return err
		},
		"restores": func() error {
			_, err := c.ListRestoreJobs(ctx, &awsbackup.ListRestoreJobsInput{ByAccountId: new(other)})
			return err
		},
	} {
		t.Run(name, func(t *testing.T) { refused(t, list(), "AccessDeniedException", "") })
	}
}

// TestSummariesAggregate counts the same jobs in the ways that can be asked for.
func TestSummariesAggregate(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.trust()
	ctx := t.Context()
	w.update(func(ctx context.Context, tx *state.Tx) error {
		for i, j := range []state.BackupJob{
			{AccountID: member, State: state.JobCompleted, MessageCategory: "SUCCESS", ResourceType: "S3", CreatedAt: state.MicrosOf(start)},
			{AccountID: member, State: state.JobFailed, MessageCategory: "ACCESS_DENIED", ResourceType: "S3", CreatedAt: state.MicrosOf(start.AddDate(0, 0, -2))},
			{AccountID: member, State: state.JobFailed, MessageCategory: "ACCESS_DENIED", ResourceType: "EBS", CreatedAt: state.MicrosOf(start.AddDate(0, 0, -10))},
			{AccountID: other, State: state.JobFailed, MessageCategory: "KMS_KEY_ERROR", ResourceType: "EBS", CreatedAt: state.MicrosOf(start)},
		} {
			j.ID, j.Region = string(rune('A'+i)), home
			must(t, tx.InsertBackupJob(ctx, j))
		}
		return nil
	})
	for name, test := range map[string]struct {
		account string
		in      awsbackup.ListBackupJobSummariesInput
		want    string
	}{
		"a day":                  {member, awsbackup.ListBackupJobSummariesInput{}, "COMPLETED S3 SUCCESS"},
		"a week":                 {member, awsbackup.ListBackupJobSummariesInput{AggregationPeriod: types.AggregationPeriodSevenDays}, "COMPLETED S3 SUCCESS, FAILED S3 ACCESS_DENIED"},
		"two weeks, one state":   {member, awsbackup.ListBackupJobSummariesInput{AggregationPeriod: types.AggregationPeriodFourteenDays, State: types.BackupJobStatusFailed}, "FAILED EBS ACCESS_DENIED, FAILED S3 ACCESS_DENIED"},
		"two weeks, all types":   {member, awsbackup.ListBackupJobSummariesInput{AggregationPeriod: types.AggregationPeriodFourteenDays, State: types.BackupJobStatusFailed, ResourceType: new("AGGREGATE_ALL")}, "FAILED AGGREGATE_ALL ACCESS_DENIED"},
		"one category":           {member, awsbackup.ListBackupJobSummariesInput{AggregationPeriod: types.AggregationPeriodFourteenDays, MessageCategory: new("SUCCESS")}, "COMPLETED S3 SUCCESS"},
		"everybody's, all of it": {management, awsbackup.ListBackupJobSummariesInput{AggregationPeriod: types.AggregationPeriodFourteenDays, AccountId: new("AGGREGATE_ALL"), State: "AGGREGATE_ALL", ResourceType: new("AGGREGATE_ALL"), MessageCategory: new("AGGREGATE_ALL")}, "AGGREGATE_ALL AGGREGATE_ALL AGGREGATE_ALL"},
		"any account":            {management, awsbackup.ListBackupJobSummariesInput{AccountId: new("ANY")}, "COMPLETED S3 SUCCESS, FAILED EBS KMS_KEY_ERROR"},
	} {
		test.in.MaxResults = new(int32(1))
		var got []string
		for p := awsbackup.NewListBackupJobSummariesPaginator(w.backup(test.account), &test.in); p.HasMorePages(); {
			out, err := p.NextPage(ctx)
			must(t, err)
			for _, m := range out.BackupJobSummaries {
				got = append(got, string(m.State)+" "+aws.ToString(m.ResourceType)+" "+aws.ToString(m.MessageCategory))
			}
		}
		if joined := strings.Join(got, ", "); joined != test.want {
			t.Errorf("%s: %q, want %q", name, joined, test.want)
		}
	}
	_, err := w.backup(member).ListBackupJobSummaries(ctx, &awsbackup.ListBackupJobSummariesInput{AccountId: new("ANY")})
	refused(t, err, "AccessDeniedException", "")
}
