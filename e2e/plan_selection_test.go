package e2e

import (
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	backuptypes "github.com/aws/aws-sdk-go-v2/service/backup/types"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	orgtypes "github.com/aws/aws-sdk-go-v2/service/organizations/types"

	"strongroom/internal/server"
)

// unprocessed wants exactly one more event of a selection that could not be processed than there were, with the message.
func (p *party) unprocessed(t *testing.T, plan, code, message string) {
	t.Helper()
	events := p.records(t, "ProcessBackupPlanSelection")
	if len(events) != 1 {
		t.Fatalf("there are %d events of unprocessed selections, want 1", len(events))
	}
	e := events[0]
	want := "arn:aws:backup:" + p.region + ":" + p.id + ":backup-plan:" + plan
	if e.ErrorCode != code || e.ErrorMessage != message || e.ServiceEventDetails["backupPlanArn"] != want {
		t.Errorf("the event is %s: %q about %v, want %s: %q about %s", e.ErrorCode, e.ErrorMessage, e.ServiceEventDetails, code, message, want)
	}
	if e.EventSource != "backup.amazonaws.com" || e.UserIdentity.InvokedBy != "backup.amazonaws.com" || e.UserIdentity.AccountID != p.id {
		t.Errorf("the event is of %s by %+v", e.EventSource, e.UserIdentity)
	}
	if details := e.ServiceEventDetails; details["backupPlanVersion"] == nil || details["backupPlanRuleId"] == nil {
		t.Errorf("the event lacks the plan's version or the rule: %v", details)
	}
}

// TestSelectionWithoutItsRole deletes the role of a selection after the selection was made: its next run leaves an event
// and no job.
func TestSelectionWithoutItsRole(t *testing.T) {
	t.Parallel()
	s, p := scheduled(t)
	p.role(t, "short-lived", rolePolicies...)
	bucket := p.bucket(t, "roleless-bucket", "", "backup", "daily")
	move(t, s, server.ClockMove{To: at(t, "03-01 00:00")})
	id := p.plan(t, "daily", backuptypes.BackupRuleInput{}, tagged("backup", "daily"))
	move(t, s, server.ClockMove{Advance: 24 * time.Hour})
	for _, policy := range rolePolicies {
		must(p.iam.DetachRolePolicy(t.Context(), &iam.DetachRolePolicyInput{RoleName: aws.String("jobs"), PolicyArn: aws.String("arn:aws:iam::aws:policy/" + policy)}))(t, "detaching")
	}
	must(p.iam.DeleteRole(t.Context(), &iam.DeleteRoleInput{RoleName: aws.String("jobs")}))(t, "deleting the role")
	move(t, s, server.ClockMove{Advance: 24 * time.Hour})
	p.unprocessed(t, id, "AccessDenied", "The provided role "+p.roleARN()+" cannot be assumed by AWS Backup.")
	if got := p.initiated(t, bucket); len(got) != 1 {
		t.Errorf("jobs were initiated at %v, want one from before", got)
	}
	p.role(t, "jobs", rolePolicies...)
	move(t, s, server.ClockMove{Advance: 24 * time.Hour})
	if got := p.initiated(t, bucket); len(got) != 2 {
		t.Errorf("with the role back, jobs were initiated at %v", got)
	}
}

// TestSelectionWithoutTags takes the right to read tags away by a service control policy, after the selection was made.
func TestSelectionWithoutTags(t *testing.T) {
	t.Parallel()
	s, p := scheduled(t)
	bucket := p.bucket(t, "untold-bucket", "", "backup", "daily")
	move(t, s, server.ClockMove{To: at(t, "03-01 00:00")})
	id := p.plan(t, "daily", backuptypes.BackupRuleInput{}, tagged("backup", "daily"))
	g := govern(t, s, orgtypes.PolicyTypeServiceControlPolicy)
	scp := g.decree(t, "no-tags", *policy(statement{"Effect": "Deny", "Action": "tag:GetResources", "Resource": "*"}), member)
	move(t, s, server.ClockMove{Advance: 24 * time.Hour})
	p.unprocessed(t, id, "AccessDenied", "IAM Role "+p.roleARN()+" is not authorized to call tag:GetResources")
	if got := p.backupJobs(t, bucket); len(got) != 0 {
		t.Errorf("%d jobs were made", len(got))
	}
	g.detach(t, scp, member)
	move(t, s, server.ClockMove{Advance: 24 * time.Hour})
	if got := p.initiated(t, bucket); len(got) != 1 {
		t.Errorf("with the policy detached, jobs were initiated at %v", got)
	}
}
