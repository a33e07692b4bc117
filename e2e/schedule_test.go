package e2e

import (
	"slices"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/backup"
	backuptypes "github.com/aws/aws-sdk-go-v2/service/backup/types"
	"github.com/google/go-cmp/cmp"

	"strongroom/internal/server"
	"strongroom/internal/strongroomtest"
)

// at is a time of 2030, which lies ahead of the clocks that these tests run by.
func at(t *testing.T, text string) time.Time {
	t.Helper()
	return must(time.Parse("2006-01-02 15:04", "2030-"+text))(t, "reading a time")
}

// initiated lists when the jobs of a resource were initiated, the first one first.
func (p *party) initiated(t *testing.T, resource string) []string {
	t.Helper()
	var all []string
	for _, job := range p.backupJobs(t, resource) {
		if job.State != backuptypes.BackupJobStateCompleted {
			t.Errorf("job %s is %s: %s", *job.BackupJobId, job.State, aws.ToString(job.StatusMessage))
		}
		all = append(all, job.InitiationDate.UTC().Format("01-02 15:04"))
	}
	slices.Sort(all)
	return all
}

// morning is a time after the hour of the plans that say none, and far from the next: a plan that is made then runs once in the day to
// come, at whatever hour the test runs. It lies before the other times of [at].
func morning(t *testing.T, s *strongroomtest.Server) {
	t.Helper()
	move(t, s, server.ClockMove{To: time.Date(2029, time.December, 1, 7, 0, 0, 0, time.UTC)})
}

// scheduled is an account with what plans need, in the [morning].
func scheduled(t *testing.T) (*strongroomtest.Server, *party) {
	t.Helper()
	s := strongroomtest.New(t)
	p := enter(t, s, member, home)
	p.role(t, "jobs", rolePolicies...)
	p.linked(t)
	p.vault(t, "local-vault", p.key(t))
	morning(t, s)
	return s, p
}

// TestScheduleFollowsTheClock runs a plan through the night in which summer time begins: once for each occurrence, at
// the hour of its time zone.
func TestScheduleFollowsTheClock(t *testing.T) {
	t.Parallel()
	s, p := scheduled(t)
	bucket := p.bucket(t, "scheduled-bucket", "", "backup", "daily")
	move(t, s, server.ClockMove{To: at(t, "03-29 00:00")})
	id := p.plan(t, "daily", backuptypes.BackupRuleInput{ScheduleExpressionTimezone: aws.String("Europe/Berlin")}, tagged("backup", "daily"))
	for range 4 {
		move(t, s, server.ClockMove{Advance: 24 * time.Hour})
	}
	want := []string{"03-29 04:00", "03-30 04:00", "03-31 03:00", "04-01 03:00"}
	if diff := cmp.Diff(want, p.initiated(t, bucket)); diff != "" {
		t.Errorf("jobs were initiated (-want +got):\n%s", diff)
	}
	job := p.backupJobs(t, bucket)[0]
	if aws.ToString(job.CreatedBy.BackupPlanId) != id || aws.ToString(job.CreatedBy.BackupRuleName) != "rule" {
		t.Errorf("the job says that it was created by %+v", job.CreatedBy)
	}
	plan := must(p.backup.GetBackupPlan(t.Context(), &backup.GetBackupPlanInput{BackupPlanId: &id}))(t, "reading the plan")
	if got := plan.LastExecutionDate.UTC().Format("01-02 15:04"); got != "04-01 03:00" {
		t.Errorf("the plan says that it ran last at %s", got)
	}
	must(p.backup.DeleteBackupSelection(t.Context(), &backup.DeleteBackupSelectionInput{BackupPlanId: &id, SelectionId: p.selections(t, id)[0].SelectionId}))(t, "deselecting")
	must(p.backup.DeleteBackupPlan(t.Context(), &backup.DeleteBackupPlanInput{BackupPlanId: &id}))(t, "deleting the plan")
	move(t, s, server.ClockMove{Advance: 48 * time.Hour})
	if diff := cmp.Diff(want, p.initiated(t, bucket)); diff != "" {
		t.Errorf("with the plan deleted, jobs were initiated (-want +got):\n%s", diff)
	}
}

func (p *party) selections(t *testing.T, plan string) []backuptypes.BackupSelectionsListMember {
	t.Helper()
	return must(p.backup.ListBackupSelections(t.Context(), &backup.ListBackupSelectionsInput{BackupPlanId: &plan}))(t, "listing selections").BackupSelectionsList
}

// TestMissedStartWindows lets the clock jump over occurrences, as if the service had been down: a run whose start window
// is over is not made up for, one whose window is open is.
func TestMissedStartWindows(t *testing.T) {
	t.Parallel()
	s, p := scheduled(t)
	bucket := p.bucket(t, "missed-bucket", "", "backup", "daily")
	move(t, s, server.ClockMove{To: at(t, "06-01 06:00")})
	p.plan(t, "daily", backuptypes.BackupRuleInput{StartWindowMinutes: aws.Int64(60)}, tagged("backup", "daily"))

	settle := func() { // whatever is due, and nothing more
		move(t, s, server.ClockMove{Advance: time.Second})
	}
	move(t, s, server.ClockMove{To: at(t, "06-05 12:00"), DoNotWait: true})
	settle()
	if diff := cmp.Diff([]string(nil), p.initiated(t, bucket)); diff != "" {
		t.Errorf("after the windows of four runs (-want +got):\n%s", diff)
	}
	move(t, s, server.ClockMove{To: at(t, "06-08 05:30"), DoNotWait: true})
	settle()
	if diff := cmp.Diff([]string{"06-08 05:00"}, p.initiated(t, bucket)); diff != "" {
		t.Errorf("within the window of the last of three runs (-want +got):\n%s", diff)
	}
	move(t, s, server.ClockMove{To: at(t, "06-09 05:30")})
	if diff := cmp.Diff([]string{"06-08 05:00", "06-09 05:00"}, p.initiated(t, bucket)); diff != "" {
		t.Errorf("a day later (-want +got):\n%s", diff)
	}
}

// TestPlansOutliveARestart stops the server before a run is due, and starts it when it is.
func TestPlansOutliveARestart(t *testing.T) {
	t.Parallel()
	s, p := scheduled(t)
	bucket := p.bucket(t, "restarted-bucket", "", "backup", "daily")
	move(t, s, server.ClockMove{To: at(t, "06-01 06:00")})
	p.plan(t, "daily", backuptypes.BackupRuleInput{}, tagged("backup", "daily"))
	now := must(s.Admin.Clock(t.Context(), server.ClockMove{}))(t, "reading the clock")
	s = restart(t, s)
	p = enter(t, s, member, home)
	if again := must(s.Admin.Clock(t.Context(), server.ClockMove{}))(t, "reading the clock"); again.Offset != now.Offset {
		t.Errorf("the clock was %s ahead and is %s ahead after a restart", now.Offset, again.Offset)
	}
	move(t, s, server.ClockMove{To: at(t, "06-02 05:30")})
	if diff := cmp.Diff([]string{"06-02 05:00"}, p.initiated(t, bucket)); diff != "" {
		t.Errorf("after a restart (-want +got):\n%s", diff)
	}
}

// restart stops the server and starts another one on its data.
func restart(t *testing.T, s *strongroomtest.Server, config ...server.Config) *strongroomtest.Server {
	t.Helper()
	if err := s.Close(t.Context()); err != nil {
		t.Fatalf("stopping the server: %v", err)
	}
	var c server.Config
	if len(config) > 0 {
		c = config[0]
	}
	c.DataDir = s.Dir
	return strongroomtest.New(t, strongroomtest.Options{Config: c})
}

// TestSelections runs one plan with several selections over the same resources.
func TestSelections(t *testing.T) {
	t.Parallel()
	s, p := scheduled(t)
	resources := map[string]string{
		"gold bucket":   p.bucket(t, "gold-bucket", "", "tier", "gold", "stage", "prod"),
		"silver bucket": p.bucket(t, "silver-bucket", "", "tier", "silver", "stage", "test"),
		"plain bucket":  p.bucket(t, "plain-bucket", ""),
		"gold volume":   p.volumeARN(p.volume(t, "", noise(7, blockSize), "tier", "gold", "stage", "test")),
		"plain volume":  p.volumeARN(p.volume(t, "", noise(8, blockSize))),
	}
	names := map[string]string{}
	for name, resource := range resources {
		names[resource] = name
	}
	elsewhere := p.in(north)
	elsewhere.bucket(t, "gold-bucket-of-the-north", "", "tier", "gold", "stage", "prod")
	condition := func(key, value string) []backuptypes.ConditionParameter {
		return []backuptypes.ConditionParameter{{ConditionKey: aws.String("aws:ResourceTag/" + key), ConditionValue: &value}}
	}
	buckets, volumes := []string{"arn:aws:s3:::*"}, []string{"arn:aws:ec2:*:*:volume/*"}
	for _, c := range []struct {
		name       string
		selections []backuptypes.BackupSelection
		optOut     string
		want       []string
	}{
		{"by a tag", []backuptypes.BackupSelection{tagged("tier", "gold")}, "", []string{"gold bucket", "gold volume"}},
		{"by a type", []backuptypes.BackupSelection{{Resources: volumes}}, "", []string{"gold volume", "plain volume"}},
		{"by an ARN", []backuptypes.BackupSelection{{Resources: []string{resources["plain bucket"]}}}, "", []string{"plain bucket"}},
		{"all but some", []backuptypes.BackupSelection{{Resources: []string{"*"}, NotResources: append([]string{resources["plain bucket"]}, volumes...)}}, "", []string{"gold bucket", "silver bucket"}},
		{"all with a tag", []backuptypes.BackupSelection{{Resources: []string{"*"}, Conditions: &backuptypes.Conditions{StringEquals: condition("stage", "test")}}}, "", []string{"gold volume", "silver bucket"}},
		{"all without a tag", []backuptypes.BackupSelection{{Resources: []string{"*"}, Conditions: &backuptypes.Conditions{StringNotEquals: condition("stage", "test")}}}, "", []string{"gold bucket", "plain bucket", "plain volume"}},
		{"all like a tag", []backuptypes.BackupSelection{{Resources: []string{"*"}, Conditions: &backuptypes.Conditions{StringLike: condition("tier", "*l*"), StringNotLike: condition("tier", "si*")}}}, "", []string{"gold bucket", "gold volume"}},
		{"two that overlap", []backuptypes.BackupSelection{tagged("tier", "gold"), {Resources: buckets}}, "", []string{"gold bucket", "gold volume", "plain bucket", "silver bucket"}},
		{"by a tag, opted out of a type", []backuptypes.BackupSelection{tagged("tier", "gold")}, "EBS", []string{"gold bucket"}},
		{"by a type that is opted out of", []backuptypes.BackupSelection{{Resources: volumes}}, "EBS", []string{"gold volume", "plain volume"}},
	} {
		optIn := map[string]bool{"S3": true, "EBS": true}
		if c.optOut != "" {
			optIn[c.optOut] = false
		}
		must(p.backup.UpdateRegionSettings(t.Context(), &backup.UpdateRegionSettingsInput{ResourceTypeOptInPreference: optIn}))(t, "opting in")
		id := p.plan(t, "selecting", backuptypes.BackupRuleInput{}, c.selections...)
		before := len(p.backupJobs(t, ""))
		move(t, s, server.ClockMove{Advance: 24 * time.Hour})
		var got []string
		jobs := p.backupJobs(t, "")
		for _, job := range jobs {
			if aws.ToString(job.CreatedBy.BackupPlanId) == id {
				got = append(got, names[*job.ResourceArn])
			}
		}
		slices.Sort(got)
		if diff := cmp.Diff(c.want, got); diff != "" || len(jobs) != before+len(got) {
			t.Errorf("%s (-want +got):\n%s", c.name, diff)
		}
		for _, selection := range p.selections(t, id) {
			must(p.backup.DeleteBackupSelection(t.Context(), &backup.DeleteBackupSelectionInput{BackupPlanId: &id, SelectionId: selection.SelectionId}))(t, "deselecting")
		}
		must(p.backup.DeleteBackupPlan(t.Context(), &backup.DeleteBackupPlanInput{BackupPlanId: &id}))(t, "deleting the plan")
	}
	if n := len(elsewhere.backupJobs(t, "")); n != 0 {
		t.Errorf("%d jobs in a Region without a plan", n)
	}
}

// TestOverlappingRules: of a plan's rules that start together, the one that keeps its backups longest makes the backup.
func TestOverlappingRules(t *testing.T) {
	t.Parallel()
	s, p := scheduled(t)
	bucket := p.bucket(t, "overlapping-bucket", "", "backup", "daily")
	move(t, s, server.ClockMove{To: at(t, "06-01 06:00")}) // a Saturday
	rule := func(name, schedule string, keep int64) backuptypes.BackupRuleInput {
		return backuptypes.BackupRuleInput{
			RuleName: &name, TargetBackupVaultName: aws.String("local-vault"), ScheduleExpression: &schedule, StartWindowMinutes: aws.Int64(60), Lifecycle: days(keep),
		}
	}
	plan := must(p.backup.CreateBackupPlan(t.Context(), &backup.CreateBackupPlanInput{BackupPlan: &backuptypes.BackupPlanInput{BackupPlanName: aws.String("overlapping"), Rules: []backuptypes.BackupRuleInput{
		rule("daily", "cron(0 5 * * ? *)", 7), rule("weekly", "cron(30 5 ? * MON *)", 30),
	}}}))(t, "creating the plan")
	selection := tagged("backup", "daily")
	selection.SelectionName, selection.IamRoleArn = aws.String("all"), aws.String(p.roleARN())
	must(p.backup.CreateBackupSelection(t.Context(), &backup.CreateBackupSelectionInput{BackupPlanId: plan.BackupPlanId, BackupSelection: &selection}))(t, "selecting")
	move(t, s, server.ClockMove{To: at(t, "06-04 06:30")})
	if diff := cmp.Diff([]string{"06-02 05:00", "06-03 05:30", "06-04 05:00"}, p.initiated(t, bucket)); diff != "" {
		t.Errorf("the rules ran (-want +got):\n%s", diff)
	}
}
