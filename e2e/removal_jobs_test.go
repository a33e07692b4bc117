package e2e

import (
	"slices"
	"strings"
	"testing"

	"strongroom/internal/server"
)

// Texts of jobs whose role may not do what they ask for: reference §8, E33, E36, E38, E82, E92.
const (
	roleInsufficient  = "IAM Role ROLE does not have sufficient permissions to execute the backup."
	roleNotAssumed    = "IAM Role ROLE cannot be assumed by AWS Backup"
	versioningDenied  = "Customer credential miss permission to get bucket versioning for bucket."
	unauthorized      = "You are not authorized to perform this operation."
	unauthorizedByRDS = "is not authorized to perform: ACTION on resource: arn:aws:rds:"
	notAllowed        = "is not authorized to perform: ACTION on resource: arn:aws:s3:::restored-"
	createDenied      = "Access denied performing s3:CreateBucket on restored-"
	objectsNotBrought = "One or more objects failed to be restored from "
	nothingBackedUp   = "No objects were backed up from the source bucket "
)

// jobRemovals says how the member's backups and restores end without one action of an example. A gate explains those that
// fail; those that complete leave something out, and no gate is shut.
var jobRemovals = []struct {
	file, action, scenario string
	message, category      string // what the message holds
	gate                   string // "" for a job that completes
}{
	{"job-trust.json", "sts:AssumeRole", "backing the bucket up", roleNotAssumed, "ACCESS_DENIED", "role"},
	{"job-trust.json", "sts:AssumeRole", "backing the volume up", roleNotAssumed, "ACCESS_DENIED", "role"},
	{"job-trust.json", "sts:AssumeRole", "restoring the bucket", roleNotAssumed, "", "role"},
	{"job-trust.json", "sts:AssumeRole", "restoring the volume", roleNotAssumed, "", "role"},
	{"job-backup-s3.json", "s3:GetBucketTagging", "backing the bucket up", roleInsufficient, "ACCESS_DENIED", "resource"},
	{"job-backup-s3.json", "s3:GetBucketVersioning", "backing the bucket up", versioningDenied, "ACCESS_DENIED", "data"},
	{"job-backup-s3.json", "s3:ListBucketVersions", "backing the bucket up", roleInsufficient, "ACCESS_DENIED", "data"},
	{"job-backup-s3.json", "s3:GetObjectVersion", "backing the bucket up", nothingBackedUp, "MISCELLANEOUS", "data"},
	{"job-backup-s3.json", "s3:GetObjectVersionAcl", "backing the bucket up", nothingBackedUp, "MISCELLANEOUS", "data"},
	{"job-backup-s3.json", "s3:GetObjectVersionTagging", "backing the bucket up", nothingBackedUp, "MISCELLANEOUS", "data"},
	{"job-backup-s3.json", "kms:Decrypt", "backing the bucket up", nothingBackedUp, "MISCELLANEOUS", "data"},
	{"job-backup-ebs.json", "ec2:DescribeVolumes", "backing the volume up", unauthorized, "ACCESS_DENIED", "resource"},
	{"job-backup-ebs.json", "ec2:CreateSnapshot", "backing the volume up", unauthorized, "ACCESS_DENIED", "data"},
	{"job-backup-ebs.json", "ec2:CreateTags", "backing the volume up", unauthorized, "ACCESS_DENIED", "data"},
	{"job-volume-keys.json", "kms:DescribeKey", "backing the volume up", keyInaccessible, "KMS_KEY_ERROR", "data"},
	{"job-volume-keys.json", "kms:CreateGrant", "backing the volume up", keyUnusable, "KMS_KEY_ERROR", "key"},
	{"job-backup-rds.json", "rds:DescribeDBInstances", "backing the database up", roleInsufficient, "ACCESS_DENIED", "resource"},
	{"job-backup-rds.json", "rds:CreateDBSnapshot", "backing the database up", unauthorizedByRDS, "ACCESS_DENIED", "data"},
	{"job-backup-rds.json", "rds:AddTagsToResource", "backing the database up", unauthorizedByRDS, "ACCESS_DENIED", "data"},
	{"job-backup-cluster.json", "rds:DescribeDBClusters", "backing the cluster up", roleInsufficient, "ACCESS_DENIED", "resource"},
	{"job-backup-cluster.json", "rds:CreateDBClusterSnapshot", "backing the cluster up", unauthorizedByRDS, "ACCESS_DENIED", "data"},
	{"job-backup-cluster.json", "rds:AddTagsToResource", "backing the cluster up", unauthorizedByRDS, "ACCESS_DENIED", "data"},
	{"job-volume-keys.json", "kms:CreateGrant", "backing the cluster up", keyUnusable, "KMS_KEY_ERROR", "key"},
	{"job-volume-keys.json", "kms:CreateGrant", "backing the database up", keyUnusable, "KMS_KEY_ERROR", "key"},
	{"job-restore-s3.json", "s3:CreateBucket", "restoring the bucket", createDenied, "", "target"},
	{"job-restore-s3.json", "s3:PutBucketOwnershipControls", "restoring the bucket", notAllowed, "", "target"},
	{"job-restore-s3.json", "s3:PutBucketVersioning", "restoring the bucket", notAllowed, "", "target"},
	{"job-restore-s3.json", "s3:DeleteObject", "restoring the bucket", objectsNotBrought, "", ""},
	{"job-restore-s3.json", "s3:PutObject", "restoring the bucket", objectsNotBrought, "", ""},
	{"job-restore-s3.json", "s3:PutObjectTagging", "restoring the bucket", objectsNotBrought, "", ""},
	{"job-restore-s3.json", "s3:PutObjectVersionAcl", "restoring the bucket", objectsNotBrought, "", ""},
	{"job-restore-s3.json", "kms:GenerateDataKey", "restoring the bucket", objectsNotBrought, "", ""},
	{"job-restore-ebs.json", "ec2:CreateVolume", "restoring the volume", unauthorized, "", "target"},
	{"job-restore-ebs.json", "kms:Decrypt", "restoring the volume", keyUnusable, "", "key"},
	{"job-restore-ebs.json", "kms:GenerateDataKeyWithoutPlaintext", "restoring the volume", keyInaccessible, "", "target"},
	{"job-restore-rds.json", "rds:RestoreDBInstanceFromDBSnapshot", "restoring the database", unauthorizedByRDS, "", "target"},
	{"job-restore-database-keys.json", "kms:Decrypt", "restoring the database", keyUnusable, "", "key"},
	{"job-restore-database-keys.json", "kms:GenerateDataKeyWithoutPlaintext", "restoring the database", "KMS key", "", "target"},
	{"job-restore-cluster.json", "rds:RestoreDBClusterFromSnapshot", "restoring the cluster", unauthorizedByRDS, "", "target"},
	{"job-restore-database-keys.json", "kms:Decrypt", "restoring the cluster", keyUnusable, "", "key"},
	{"job-restore-database-keys.json", "kms:GenerateDataKeyWithoutPlaintext", "restoring the cluster", "KMS key", "", "target"},
}

// TestRemovalsOfJobs takes each action away that the member's backups and restores need. The job says so in its own words, the
// explanation names the action and what brings it back, and when it is back the job succeeds.
func TestRemovalsOfJobs(t *testing.T) {
	t.Parallel()
	w := newSolution(t)
	do := scenarios(w, "")
	again := func(scenario string) {
		t.Helper()
		if got := do[scenario]().ended; got != completed {
			t.Fatalf("%s with all of the examples: %+v", scenario, got)
		}
	}
	again("backing the bucket up") // in full: the last point is one that came back, and is no parent
	done := map[string]bool{}
	for _, r := range jobRemovals {
		done[r.file+" "+r.action] = true
	}
	for _, file := range []string{"job-trust.json", "job-backup-s3.json", "job-backup-ebs.json", "job-backup-rds.json", "job-backup-cluster.json", "job-volume-keys.json", "job-restore-s3.json", "job-restore-ebs.json", "job-restore-rds.json", "job-restore-cluster.json", "job-restore-database-keys.json"} {
		for _, cut := range cuts(t, example(t, file)) {
			if cut.action != "" && cut.action != "ec2:DeleteSnapshot" && !done[file+" "+cut.action] { // that is no job's: TestLeastPrivilege
				t.Errorf("%s of %s has no row", cut.action, file)
			}
		}
	}
	for _, r := range jobRemovals {
		t.Run(strings.TrimSuffix(r.file, ".json")+"/"+r.action+"/"+r.scenario, func(t *testing.T) {
			w.t = t
			whole := example(t, r.file)
			lacking := cuts(t, whole)
			if err := w.put(r.file, lacking[slices.IndexFunc(lacking, func(c cut) bool { return c.action == r.action })].document); err != nil {
				t.Fatalf("taking it away: %v", err)
			}
			got := do[r.scenario]()
			if err := w.put(r.file, whole); err != nil {
				t.Fatalf("putting it back: %v", err)
			}
			message := strings.NewReplacer("ROLE", w.m.jobRoleARN(), "ACTION", r.action).Replace(r.message)
			state, shut := "FAILED", []string{r.gate}
			if r.gate == "" {
				state, shut = "COMPLETED", []string{}
			}
			if got.State != state || !strings.Contains(got.Message, message) || got.Category != r.category {
				t.Errorf("it ended with %+v, want %s, %q, %s", got.ended, state, message, r.category)
			}
			x := explained(t, w.s, got.job)
			if !slices.Equal(x.Shut, shut) {
				t.Errorf("the gates %q are shut, want %q", x.Shut, shut)
			} else if r.gate != "" {
				g := x.Gates[slices.IndexFunc(x.Gates, func(g server.ExplainedGate) bool { return g.Gate == r.gate })]
				if g.Refused == nil || g.Refused.Action != r.action {
					t.Errorf("the explanation names %+v, want %s", g.Refused, r.action)
				}
				if len(g.Cures) != 1 || g.Cures[0].Resource != w.m.jobRoleARN() {
					t.Errorf("the cures are %+v, want one, of the role", g.Cures)
				}
			}
			again(r.scenario)
		})
	}
	w.t = t
}
