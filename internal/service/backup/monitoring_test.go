package backup_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	awsbackup "github.com/aws/aws-sdk-go-v2/service/backup"
	"github.com/aws/aws-sdk-go-v2/service/backup/types"

	"strongroom/internal/state"
)

// TestMonitoring lets everybody look at the jobs of the organization, through the times in which AWS Backup has trusted
// access to it and those in which it has not.
func TestMonitoring(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx := t.Context()
	made := 0
	job := func(account, region string) {
		made++
		j := state.BackupJob{ID: fmt.Sprintf("%s%d", map[string]string{management: "boss", member: "member", other: "other", outsider: "outsider"}[account], made), AccountID: account, Region: region, State: state.JobRunning, ResourceType: "S3"}
		w.update(func(ctx context.Context, tx *state.Tx) error {
			j.CreatedAt = tx.Now
			return tx.InsertBackupJob(ctx, j)
		})
		w.clock.Advance(time.Minute)
	}
	list := func(account, region, by string) (string, error) {
		t.Helper()
		out, err := awsbackup.NewFromConfig(w.config(account, region)).ListBackupJobs(ctx, &awsbackup.ListBackupJobsInput{ByAccountId: &by})
		if err != nil {
			return "", err
		}
		return ids(out.BackupJobs), nil
	}
	sees := func(account, region, by, want string) {
		t.Helper()
		if got, err := list(account, region, by); err != nil || got != want {
			t.Errorf("%s sees %q of %s in %s, %v; want %q", account, got, by, region, err, want)
		}
	}
	blind := func(account, region, by string) {
		t.Helper()
		_, err := list(account, region, by)
		refused(t, err, "AccessDeniedException", "Insufficient privileges")
	}

	job(member, home)
	job(management, home)
	blind(management, home, "*")
	blind(management, home, member)
	sees(management, home, management, "boss2")

	w.trust()
	sees(management, home, "*", "")
	job(member, home)
	job(other, home)
	job(outsider, home)
	job(member, "eu-south-1")
	sees(management, home, "*", "other4 member3")
	sees(management, home, member, "member3")
	sees(management, "eu-south-1", "*", "member6")
	sees(member, home, member, "member3 member1")
	blind(management, home, outsider)
	blind(member, home, "*")
	blind(member, home, other)
	blind(outsider, home, "*")

	w.delegated[other] = true
	sees(other, home, "*", "other4 member3")
	sees(other, home, member, "member3")
	blind(other, "eu-south-1", "*") // a Region to opt in to
	blind(member, home, "*")
	summaries, err := w.backup(other).ListBackupJobSummaries(ctx, &awsbackup.ListBackupJobSummariesInput{AccountId: new("AGGREGATE_ALL"), State: types.BackupJobStatusAggregateAll, ResourceType: new("AGGREGATE_ALL"), MessageCategory: new("AGGREGATE_ALL")})
	must(t, err)
	if all := summaries.BackupJobSummaries; len(all) != 1 || all[0].Count != 2 || *all[0].AccountId != "AGGREGATE_ALL" {
		t.Errorf("the delegated administrator counts %+v", all)
	}
	_, err = w.backup(management).DescribeBackupJob(ctx, &awsbackup.DescribeBackupJobInput{BackupJobId: new("member3")})
	refused(t, err, "ResourceNotFoundException", "member3")

	w.distrust()
	job(member, home)
	blind(management, home, "*")
	blind(other, home, "*")
	w.clock.Advance(time.Hour)
	w.trust()
	job(member, home)
	sees(management, home, "*", "member8 other4 member3") // not what was made meanwhile
}

// TestMonitoringBeginsWithMembership shows nothing of the time before an account joined.
func TestMonitoringBeginsWithMembership(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.trust()
	w.clock.Advance(time.Hour)
	w.update(func(ctx context.Context, tx *state.Tx) error {
		if err := tx.InsertBackupJob(ctx, state.BackupJob{ID: "before", AccountID: outsider, Region: home, State: state.JobRunning, CreatedAt: tx.Now}); err != nil {
			return err
		}
		o, err := tx.OrganizationOfAccount(ctx, management)
		must(t, err)
		a, err := tx.Account(ctx, outsider)
		must(t, err)
		a.OrganizationID, a.ParentID, a.JoinedMethod, a.JoinedAt = o.ID, o.RootID, "INVITED", tx.Now+1
		must(t, tx.UpdateAccount(ctx, a))
		return tx.InsertBackupJob(ctx, state.BackupJob{ID: "after", AccountID: outsider, Region: home, State: state.JobRunning, CreatedAt: tx.Now + 2})
	})
	out, err := w.backup(management).ListBackupJobs(t.Context(), &awsbackup.ListBackupJobsInput{ByAccountId: new(outsider)})
	must(t, err)
	if got := ids(out.BackupJobs); got != "after" {
		t.Errorf("the management account sees %q of a new member", got)
	}
}

func TestDelegationNeedsTrustedAccess(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx, boss := t.Context(), w.backup(management)
	on := &awsbackup.UpdateGlobalSettingsInput{GlobalSettings: map[string]string{"isDelegatedAdministratorEnabled": "true"}}
	_, err := boss.UpdateGlobalSettings(ctx, on)
	refused(t, err, "InvalidRequestException", "trusted access")
	if got := w.linkedRole(management); got {
		t.Error("a refused setting made the service-linked role")
	}
	w.trust()
	_, err = boss.UpdateGlobalSettings(ctx, on)
	must(t, err)
	if got := w.linkedRole(management); !got {
		t.Error("the setting made no service-linked role")
	}
	told, err := w.backup(member).DescribeGlobalSettings(ctx, &awsbackup.DescribeGlobalSettingsInput{})
	must(t, err)
	if told.GlobalSettings["isDelegatedAdministratorEnabled"] != "true" || told.GlobalSettings["isCrossAccountBackupEnabled"] != "false" || told.LastUpdateTime == nil {
		t.Errorf("a member is told %v", told.GlobalSettings)
	}
	_, err = w.backup(member).UpdateGlobalSettings(ctx, on)
	refused(t, err, "InvalidRequestException", "management account")
	_, err = w.backup(outsider).DescribeGlobalSettings(ctx, &awsbackup.DescribeGlobalSettingsInput{})
	refused(t, err, "InvalidRequestException", "Your account is not a member of an organization.")
}
