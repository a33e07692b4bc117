package e2e

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/backup"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/google/go-cmp/cmp"

	"strongroom/internal/server"
	"strongroom/internal/strongroomtest"
	"strongroom/rules"
)

// TestSkippedObjects: objects that the role may not read are told of, though the latest backup has others that did not change.
func TestSkippedObjects(t *testing.T) {
	t.Parallel()
	s := strongroomtest.New(t)
	p := enter(t, s, member, home)
	p.role(t, "jobs", rolePolicies...)
	p.vault(t, "local-vault", p.key(t))
	bucket := p.bucket(t, "skipped", "")
	p.put(t, "skipped", "old", []byte("everybody knows it"))
	p.backUp(t, "local-vault", bucket)

	p.role(t, "weak")
	look := allow("s3:GetBucketTagging", "s3:GetBucketVersioning", "s3:ListBucketVersions")
	weak := func(statements ...statement) *backup.DescribeBackupJobOutput {
		must(p.iam.PutRolePolicy(t.Context(), &iam.PutRolePolicyInput{RoleName: aws.String("weak"), PolicyName: aws.String("may"), PolicyDocument: policy(append(statements, look)...)}))(t, "setting the policy")
		started := must(p.backup.StartBackupJob(t.Context(), &backup.StartBackupJobInput{
			BackupVaultName: aws.String("local-vault"), ResourceArn: &bucket, IamRoleArn: aws.String("arn:aws:iam::" + member + ":role/weak"),
		}))(t, "backing up as the weak role")
		return p.backedUp(t, *started.BackupJobId)
	}
	told := func(job *backup.DescribeBackupJobOutput, state string, entry rules.Entry) {
		t.Helper()
		want := telling{rules.InBackup, state, entry.Message(rules.Values{"bucket": "skipped"}), entry.Category, rules.Exception{}}
		if got := (telling{rules.InBackup, string(job.State), aws.ToString(job.StatusMessage), aws.ToString(job.MessageCategory), rules.Exception{}}); got != want {
			t.Errorf("the backup tells:\n%+v\nwant:\n%+v", got, want)
		}
		x := explained(t, s, *job.BackupJobId)
		if !slices.Equal(x.Shut, []string{"data"}) {
			t.Fatalf("the gates %q are shut, want that of the data", x.Shut)
		}
		refused := x.Gates[slices.IndexFunc(x.Gates, func(g server.ExplainedGate) bool { return g.Gate == "data" })].Refused
		if refused == nil || !strings.HasPrefix(refused.Action, "s3:GetObject") || refused.Resource != "arn:aws:s3:::skipped/new" {
			t.Errorf("the data was refused by %+v", refused)
		}
	}
	if job := weak(); job.State != "COMPLETED" || aws.ToString(job.StatusMessage) != "" {
		t.Errorf("with nothing to read the backup is %s: %s", job.State, aws.ToString(job.StatusMessage))
	}
	p.put(t, "skipped", "new", []byte("nobody may know it"))
	told(weak(), "FAILED", rules.NothingBackedUp)

	box := p.mailbox(t, "issues", "events.amazonaws.com")
	box.listen(t, "issues", `{"source":["aws.backup"],"detail-type":["Backup Job State Change"],"detail":{"state":["COMPLETED"]}}`)
	p.put(t, "skipped", "public", []byte("everybody may know it"))
	half := weak(statement{"Effect": "Allow", "Action": "s3:GetObject*", "Resource": "arn:aws:s3:::skipped/public"})
	told(half, "COMPLETED", rules.SomeSkipped)
	if event := box.receive(t); !strings.Contains(event, `"statusMessage":"\"`+*half.StatusMessage+`\""`) {
		t.Errorf("the event has no status message: %s", event)
	}
	restored := func(point, to string) map[string]string {
		all := p.restoreBucket(t, point, to)
		maps.DeleteFunc(all, func(key, _ string) bool { return strings.HasPrefix(key, "key ") }) // what every bucket has
		return all
	}
	want := map[string]string{"old": "everybody knows it", "public": "everybody may know it"}
	if diff := cmp.Diff(want, restored(*half.RecoveryPointArn, "half")); diff != "" {
		t.Errorf("restored of what could be read (-want +got):\n%s", diff)
	}
	want["new"] = "nobody may know it"
	if diff := cmp.Diff(want, restored(p.backUp(t, "local-vault", bucket), "whole")); diff != "" {
		t.Errorf("restored of a backup by a role that may (-want +got):\n%s", diff)
	}
}
