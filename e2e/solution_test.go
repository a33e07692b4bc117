package e2e

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/backup"
	backuptypes "github.com/aws/aws-sdk-go-v2/service/backup/types"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	s3types "github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/smithy-go"

	"strongroom/internal/strongroomtest"
)

// examples are the policies that users begin with; docs/permissions.md says what each is for.
const examples = "../examples/policies"

// jobRole is the role of the jobs of the example solution, in both accounts.
const jobRole = "BackupandRestore"

// solution is the example solution: a member's bucket and volume are backed up at home and copied to the backup account in
// another Region, and come back from there. Everybody in it may do what the example policies say, and nothing else.
type solution struct {
	t        *testing.T
	s        *strongroomtest.Server
	m, b     *party // the administrators, who set it up
	second   *party // the backup account's administrator at home, where the second hop goes
	operator *party // starts the member's jobs
	rollout  *party // sets accounts like the member up
	copier   *party // starts the second hop

	keys               map[string]string // by the example file of its policy
	secondKey          string            // of second-vault, with the policy of the key of backup-vault
	bucket, volume     string            // ARNs
	database, cluster  string            // two more; see databaseARN and clusterARN
	local, there, back map[string]string // recovery points, by resource type
	far                map[string]string // those of databases that went on into the other Region
	runs               int
	elsewhere          bool     // copies go to vaults that do not exist
	queue, dead        *mailbox // of the copier
}

func (p *party) jobRoleARN() string { return "arn:aws:iam::" + p.id + ":role/" + jobRole }

// example reads one of the example policies.
func example(t *testing.T, file string) string {
	t.Helper()
	return string(must(os.ReadFile(filepath.Join(examples, file)))(t, "reading an example"))
}

// newSolution sets the example solution up and sees that all of it works.
func newSolution(t *testing.T) *solution {
	t.Helper()
	w := solutionWithoutQueues(t)
	w.queues(t)
	return w
}

// solutionWithoutQueues is one whose copier nobody has deployed.
func solutionWithoutQueues(t *testing.T) *solution {
	t.Helper()
	s := strongroomtest.New(t)
	crossAccount(t, s, true)
	w := &solution{t: t, s: s, m: enter(t, s, member, home), b: enter(t, s, vaulted, north), keys: map[string]string{}}
	w.second = w.b.in(home)
	for _, p := range []*party{w.m, w.b} {
		p.linked(t)
		must(p.iam.CreateRole(t.Context(), &iam.CreateRoleInput{RoleName: aws.String(jobRole), AssumeRolePolicyDocument: aws.String(example(t, "job-trust.json"))}))(t, "making the role of jobs")
	}
	w.operator, w.rollout, w.copier = w.m.user(t, "operator"), w.m.user(t, "rollout"), w.b.user(t, "copier")
	// A user's own policies may have 2,048 characters in all, a group's 5,120 and a role's 10,240.
	// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html
	must(w.b.iam.CreateGroup(t.Context(), &iam.CreateGroupInput{GroupName: aws.String("copiers")}))(t, "making the copier's group")
	must(w.b.iam.AddUserToGroup(t.Context(), &iam.AddUserToGroupInput{GroupName: aws.String("copiers"), UserName: aws.String("copier")}))(t, "putting the copier into its group")
	for file, owner := range map[string]*party{"key-resource.json": w.m, "key-member-vault.json": w.m, "key-backup-vault.json": w.b} {
		w.keys[file] = *must(owner.kms.CreateKey(t.Context(), &kms.CreateKeyInput{Policy: aws.String(example(t, file))}))(t, "making the key of "+file).KeyMetadata.Arn
	}
	w.m.vault(t, "member-vault", w.keys["key-member-vault.json"])
	w.b.vault(t, "backup-vault", w.keys["key-backup-vault.json"])
	w.secondKey = w.second.key(t)
	w.second.vault(t, "second-vault", w.secondKey)
	for file := range policyFiles {
		if err := w.put(file, example(t, file)); err != nil {
			t.Fatalf("using %s: %v", file, err)
		}
	}
	w.protect()
	w.local, w.there, w.back, w.far = map[string]string{}, map[string]string{}, map[string]string{}, map[string]string{}
	for kind, resource := range map[string]string{"S3": w.bucket, "EBS": w.volume} {
		w.local[kind] = w.done(w.backup(w.operator, resource))
		w.there[kind] = w.done(w.copy(w.operator, w.local[kind], "member-vault", w.b.vaultARN("backup-vault")))
		w.back[kind] = w.done(w.copy(w.b, w.there[kind], "backup-vault", w.m.vaultARN("member-vault")))
	}
	return w
}

// policyFiles says whose policies the examples are.
var policyFiles = map[string]func(w *solution, name string, document *string) error{
	"job-trust.json":                 (*solution).putTrust,
	"job-backup-s3.json":             jobPolicy((*solution).member),
	"job-backup-ebs.json":            jobPolicy((*solution).member),
	"job-backup-rds.json":            jobPolicy((*solution).member),
	"job-backup-cluster.json":        jobPolicy((*solution).member),
	"job-volume-keys.json":           jobPolicy((*solution).member),
	"job-select-by-tag.json":         jobPolicy((*solution).member),
	"job-copy-member.json":           jobPolicy((*solution).member),
	"job-restore-s3.json":            jobPolicy((*solution).member),
	"job-restore-ebs.json":           jobPolicy((*solution).member),
	"job-restore-rds.json":           jobPolicy((*solution).member),
	"job-restore-cluster.json":       jobPolicy((*solution).member),
	"job-restore-database-keys.json": jobPolicy((*solution).member),
	"job-copy-backup-account.json":   jobPolicy((*solution).account),
	"vault-member.json":              vaultAccessPolicy((*solution).member, "member-vault"),
	"vault-backup-account.json":      both(vaultAccessPolicy((*solution).account, "backup-vault"), vaultAccessPolicy((*solution).accountAtHome, "second-vault")),
	"key-resource.json":              keyPolicy((*solution).member),
	"key-member-vault.json":          keyPolicy((*solution).member),
	"key-backup-vault.json":          both(keyPolicy((*solution).account), secondKeyPolicy),
	"caller-operator.json":           userPolicy((*solution).member, "operator"),
	"caller-rollout.json":            userPolicy((*solution).member, "rollout"),
	"copier.json":                    groupPolicy((*solution).account, "copiers"),
	"copier-settle.json":             groupPolicy((*solution).account, "copiers"),
	"copier-queue.json":              groupPolicy((*solution).account, "copiers"),
}

func (w *solution) member() *party  { return w.m }
func (w *solution) account() *party { return w.b }

func (w *solution) accountAtHome() *party { return w.second }

// put gives the policy of an example file to whom it is for; "" takes it away.
func (w *solution) put(file, document string) error {
	given := &document
	if document == "" {
		given = nil
	}
	return policyFiles[file](w, file, given)
}

func (w *solution) putTrust(_ string, document *string) error {
	if document == nil { // a role must trust somebody
		document = policy(statement{"Effect": "Allow", "Principal": statement{"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"})
	}
	_, err := w.m.iam.UpdateAssumeRolePolicy(w.t.Context(), &iam.UpdateAssumeRolePolicyInput{RoleName: aws.String(jobRole), PolicyDocument: document})
	return err
}

func jobPolicy(of func(*solution) *party) func(*solution, string, *string) error {
	return func(w *solution, file string, document *string) (err error) {
		name := strings.TrimSuffix(file, ".json")
		if document == nil {
			_, err = of(w).iam.DeleteRolePolicy(w.t.Context(), &iam.DeleteRolePolicyInput{RoleName: aws.String(jobRole), PolicyName: &name})
			return err
		}
		_, err = of(w).iam.PutRolePolicy(w.t.Context(), &iam.PutRolePolicyInput{RoleName: aws.String(jobRole), PolicyName: &name, PolicyDocument: document})
		return err
	}
}

func userPolicy(of func(*solution) *party, user string) func(*solution, string, *string) error {
	return func(w *solution, file string, document *string) (err error) {
		name := strings.TrimSuffix(file, ".json")
		if document == nil {
			_, err = of(w).iam.DeleteUserPolicy(w.t.Context(), &iam.DeleteUserPolicyInput{UserName: &user, PolicyName: &name})
			return err
		}
		_, err = of(w).iam.PutUserPolicy(w.t.Context(), &iam.PutUserPolicyInput{UserName: &user, PolicyName: &name, PolicyDocument: document})
		return err
	}
}

func groupPolicy(of func(*solution) *party, group string) func(*solution, string, *string) error {
	return func(w *solution, file string, document *string) (err error) {
		name := strings.TrimSuffix(file, ".json")
		if document == nil {
			_, err = of(w).iam.DeleteGroupPolicy(w.t.Context(), &iam.DeleteGroupPolicyInput{GroupName: &group, PolicyName: &name})
			return err
		}
		_, err = of(w).iam.PutGroupPolicy(w.t.Context(), &iam.PutGroupPolicyInput{GroupName: &group, PolicyName: &name, PolicyDocument: document})
		return err
	}
}

func vaultAccessPolicy(of func(*solution) *party, vault string) func(*solution, string, *string) error {
	return func(w *solution, _ string, document *string) (err error) {
		if document == nil {
			_, err = of(w).backup.DeleteBackupVaultAccessPolicy(w.t.Context(), &backup.DeleteBackupVaultAccessPolicyInput{BackupVaultName: &vault})
			return err
		}
		_, err = of(w).backup.PutBackupVaultAccessPolicy(w.t.Context(), &backup.PutBackupVaultAccessPolicyInput{BackupVaultName: &vault, Policy: document})
		return err
	}
}

// both gives a policy to two.
func both(one, other func(*solution, string, *string) error) func(*solution, string, *string) error {
	return func(w *solution, file string, document *string) error {
		return errors.Join(one(w, file, document), other(w, file, document))
	}
}

func keyPolicy(of func(*solution) *party) func(*solution, string, *string) error {
	return func(w *solution, file string, document *string) error {
		_, err := of(w).kms.PutKeyPolicy(w.t.Context(), &kms.PutKeyPolicyInput{KeyId: aws.String(w.keys[file]), Policy: document})
		return err
	}
}

func secondKeyPolicy(w *solution, _ string, document *string) error {
	_, err := w.second.kms.PutKeyPolicy(w.t.Context(), &kms.PutKeyPolicyInput{KeyId: &w.secondKey, Policy: document})
	return err
}

// protect makes the bucket and the volume. The bucket has everything that a backup reads with a right of its own: tags, an
// access control list, a key, and a delete marker, which a restore writes with a right of its own.
func (w *solution) protect() {
	t, ctx, name := w.t, w.t.Context(), "protected-photos"
	w.bucket = w.m.bucket(t, name, w.keys["key-resource.json"], "backup", "daily")
	must(w.m.s3.PutBucketOwnershipControls(ctx, &s3.PutBucketOwnershipControlsInput{Bucket: &name, OwnershipControls: &s3types.OwnershipControls{
		Rules: []s3types.OwnershipControlsRule{{ObjectOwnership: s3types.ObjectOwnershipObjectWriter}},
	}}))(t, "letting objects have access control lists")
	w.m.put(t, name, "gone", []byte("soon"))
	must(w.m.s3.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: &name, Key: aws.String("gone")}))(t, "deleting an object")
	w.write()
	w.volume = w.m.volumeARN(w.m.volume(t, w.keys["key-resource.json"], noise(90, blockSize)))
}

// write puts an object that no backup has read yet.
func (w *solution) write() {
	w.runs++
	must(w.m.s3.PutObject(w.t.Context(), &s3.PutObjectInput{
		Bucket: aws.String("protected-photos"), Key: aws.String(fmt.Sprintf("photo %d", w.runs)), Body: bytes.NewReader(noise(uint64(w.runs), 100)),
		Tagging: aws.String("place=sea"), ACL: "log-delivery-write",
	}))(w.t, "writing an object")
}

// result is how something ended, and what it made.
type result struct {
	ended
	made string
	job  string
}

func (w *solution) done(r result) string {
	w.t.Helper()
	if r.ended != completed {
		w.t.Fatalf("the example solution does not work: %+v", r.ended)
	}
	return r.made
}

// refusal is the end of something that was refused at once.
func refusal(err error) result {
	var e smithy.APIError
	if !errors.As(err, &e) {
		return result{ended: ended{"ERROR", err.Error(), ""}}
	}
	return result{ended: ended{"REFUSED", e.ErrorMessage(), e.ErrorCode()}}
}

// backup backs a resource up as whoever asks for it, the bucket with an object that no backup has read yet.
func (w *solution) backup(by *party, resource string) (r result) {
	w.t.Helper()
	if resource == w.bucket {
		w.write()
	}
	out, err := by.backup.StartBackupJob(w.t.Context(), &backup.StartBackupJobInput{
		BackupVaultName: aws.String("member-vault"), ResourceArn: &resource, IamRoleArn: aws.String(by.jobRoleARN()),
	})
	if err != nil {
		return refusal(err)
	}
	eventually(w.t.Context(), w.t, "the end of backup job "+*out.BackupJobId, func() (bool, error) {
		job, err := by.backup.DescribeBackupJob(w.t.Context(), &backup.DescribeBackupJobInput{BackupJobId: out.BackupJobId})
		if err != nil {
			w.m.backedUp(w.t, *out.BackupJobId) // it must not read what the next one is to read
			r = refusal(err)
			return true, nil
		}
		r = result{end(string(job.State), job.StatusMessage, job.MessageCategory), aws.ToString(job.RecoveryPointArn), *out.BackupJobId}
		if r.ended == completed && resource == w.bucket && aws.ToInt64(job.BytesTransferred) == 0 {
			r.Message = "the new object was left out" // of which the job says nothing: reference §2.1
		}
		return job.CompletionDate != nil, fmt.Errorf("it is %s", job.State)
	})
	return r
}

// copy copies a recovery point.
func (w *solution) copy(by *party, point, vault, destination string) (r result) {
	w.t.Helper()
	out, err := by.backup.StartCopyJob(w.t.Context(), &backup.StartCopyJobInput{
		RecoveryPointArn: &point, SourceBackupVaultName: &vault, DestinationBackupVaultArn: &destination, IamRoleArn: aws.String(by.jobRoleARN()),
	})
	if err != nil {
		return refusal(err)
	}
	eventually(w.t.Context(), w.t, "the end of copy job "+*out.CopyJobId, func() (bool, error) {
		described, err := by.backup.DescribeCopyJob(w.t.Context(), &backup.DescribeCopyJobInput{CopyJobId: out.CopyJobId})
		if err != nil {
			r = refusal(err)
			return true, nil
		}
		job := described.CopyJob
		r = result{copyEnd(job), aws.ToString(job.DestinationRecoveryPointArn), *out.CopyJobId}
		return job.CompletionDate != nil, fmt.Errorf("it is %s", job.State)
	})
	return r
}

// restore restores a recovery point of the member, a bucket with all that belongs to it.
func (w *solution) restore(by *party, point string) (r result) {
	w.t.Helper()
	w.runs++
	metadata := w.m.metadata(point, fmt.Sprintf("restored-%d", w.runs))
	if !strings.Contains(point, ":snapshot/") {
		metadata["RestoreACLs"], metadata["RestoreLatestVersionsUpTo"] = "true", "all"
		metadata["EncryptionType"], metadata["KMSKey"] = "SSE-KMS", w.keys["key-resource.json"]
	}
	out, err := by.backup.StartRestoreJob(w.t.Context(), &backup.StartRestoreJobInput{RecoveryPointArn: &point, IamRoleArn: aws.String(by.jobRoleARN()), Metadata: metadata})
	if err != nil {
		return refusal(err)
	}
	eventually(w.t.Context(), w.t, "the end of restore job "+*out.RestoreJobId, func() (bool, error) {
		job, err := by.backup.DescribeRestoreJob(w.t.Context(), &backup.DescribeRestoreJobInput{RestoreJobId: out.RestoreJobId})
		if err != nil {
			r = refusal(err)
			return true, nil
		}
		r = result{end(string(job.Status), job.StatusMessage, nil), aws.ToString(job.CreatedResourceArn), *out.RestoreJobId}
		return job.CompletionDate != nil, fmt.Errorf("it is %s", job.Status)
	})
	return r
}

// remove deletes the recovery point of a new backup of the volume, which is done as the role of jobs; removeOf that of any
// resource.
func (w *solution) remove() result { w.t.Helper(); return w.removeOf(w.volume) }

func (w *solution) removeOf(resource string) result {
	w.t.Helper()
	point := w.done(w.backup(w.operator, resource))
	if _, err := w.m.backup.DeleteRecoveryPoint(w.t.Context(), &backup.DeleteRecoveryPointInput{BackupVaultName: aws.String("member-vault"), RecoveryPointArn: &point}); err != nil {
		return refusal(err)
	}
	r := result{ended: completed}
	eventually(w.t.Context(), w.t, "the deletion of "+point, func() (bool, error) {
		out, err := w.m.backup.DescribeRecoveryPoint(w.t.Context(), &backup.DescribeRecoveryPointInput{BackupVaultName: aws.String("member-vault"), RecoveryPointArn: &point})
		var missing *backuptypes.ResourceNotFoundException
		switch {
		case errors.As(err, &missing):
			return true, nil
		case err != nil:
			return false, err
		case out.Status == backuptypes.RecoveryPointStatusExpired:
			r.ended = ended{"EXPIRED", aws.ToString(out.StatusMessage), ""}
			return true, nil
		}
		return false, fmt.Errorf("it is %s", out.Status)
	})
	return r
}

// selectByTag assigns what is tagged to a plan.
func (w *solution) selectByTag(by *party, plan string) result {
	selection := tagged("backup", "daily")
	w.runs++
	selection.SelectionName, selection.IamRoleArn = aws.String(fmt.Sprintf("selection-%d", w.runs)), aws.String(w.m.jobRoleARN())
	if _, err := by.backup.CreateBackupSelection(w.t.Context(), &backup.CreateBackupSelectionInput{BackupPlanId: &plan, BackupSelection: &selection}); err != nil {
		return refusal(err)
	}
	return result{ended: completed}
}

// rollOut sets up, as whoever may roll out, what the member has.
func (w *solution) rollOut() result {
	t, ctx, by := w.t, w.t.Context(), w.rollout
	w.runs++
	name, document := fmt.Sprintf("rolled-out-%d", w.runs), aws.String(example(t, "key-member-vault.json"))
	key, err := by.kms.CreateKey(ctx, &kms.CreateKeyInput{Policy: document})
	if err != nil {
		return refusal(err)
	}
	plan := ""
	for _, step := range []func() error{
		func() error {
			_, err := by.kms.PutKeyPolicy(ctx, &kms.PutKeyPolicyInput{KeyId: key.KeyMetadata.Arn, Policy: document})
			return err
		},
		func() error {
			_, err := by.backup.CreateBackupVault(ctx, &backup.CreateBackupVaultInput{BackupVaultName: &name, EncryptionKeyArn: key.KeyMetadata.Arn})
			return err
		},
		func() error {
			_, err := by.backup.PutBackupVaultAccessPolicy(ctx, &backup.PutBackupVaultAccessPolicyInput{BackupVaultName: &name, Policy: aws.String(example(t, "vault-member.json"))})
			return err
		},
		func() error {
			_, err := by.iam.CreateServiceLinkedRole(ctx, &iam.CreateServiceLinkedRoleInput{AWSServiceName: aws.String("backup.amazonaws.com")})
			if refusal(err).Category == "InvalidInput" { // it is there
				return nil
			}
			return err
		},
		func() error {
			_, err := by.iam.CreateRole(ctx, &iam.CreateRoleInput{RoleName: aws.String("Backup-" + name), AssumeRolePolicyDocument: aws.String(example(t, "job-trust.json"))})
			return err
		},
		func() error {
			_, err := by.iam.PutRolePolicy(ctx, &iam.PutRolePolicyInput{RoleName: aws.String("Backup-" + name), PolicyName: aws.String("s3"), PolicyDocument: aws.String(example(t, "job-backup-s3.json"))})
			return err
		},
		func() error {
			out, err := by.backup.CreateBackupPlan(ctx, &backup.CreateBackupPlanInput{BackupPlan: &backuptypes.BackupPlanInput{BackupPlanName: &name, Rules: []backuptypes.BackupRuleInput{
				{RuleName: aws.String("daily"), TargetBackupVaultName: &name, ScheduleExpression: aws.String(inHalfADay())},
			}}})
			if err == nil {
				plan = *out.BackupPlanId
			}
			return err
		},
	} {
		if err := step(); err != nil {
			return refusal(err)
		}
	}
	return w.selectByTag(by, plan)
}

// parsed is an example policy, statement by statement.
type parsed struct {
	Version   string
	Statement []map[string]any
}

func parse(t *testing.T, document string) (p parsed) {
	t.Helper()
	if err := json.Unmarshal([]byte(document), &p); err != nil {
		t.Fatalf("an example is no JSON: %v", err)
	}
	return p
}

// text is the policy's document, "" for one without statements.
func (p parsed) text(t *testing.T) string {
	t.Helper()
	if len(p.Statement) == 0 {
		return ""
	}
	return string(must(json.MarshalIndent(p, "", "  "))(t, "writing a policy"))
}
