package e2e

import (
	"fmt"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/backup"
	backuptypes "github.com/aws/aws-sdk-go-v2/service/backup/types"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/organizations"
	orgtypes "github.com/aws/aws-sdk-go-v2/service/organizations/types"

	"strongroom/internal/server"
	"strongroom/internal/strongroomtest"
	"strongroom/rules"
)

// copyMishaps happen to copies of a bucket and of a volume from the member account into the backup account.
var copyMishaps = []mishap{
	{
		id: "E1", mistake: "the organization has not turned cross-account backup on",
		make: func(w *wreck) { crossAccount(w.t, w.Server, false) },
		try:  copyBucketAcross,
		cure: func(w *wreck, fix rules.Fix) {
			settings := map[string]string{}
			for name, value := range fix.Parameters {
				settings[strings.TrimPrefix(name, "GlobalSettings.")] = value
			}
			must(w.boss.backup.UpdateGlobalSettings(w.t.Context(), &backup.UpdateGlobalSettingsInput{GlobalSettings: settings}))(w.t, "turning it on")
		},
	},
	{
		id: "E2", mistake: "the backup account is in no organization",
		make: func(w *wreck) {
			must(w.boss.organizations.RemoveAccountFromOrganization(w.t.Context(), &organizations.RemoveAccountFromOrganizationInput{AccountId: aws.String(vaulted)}))(w.t, "removing the backup account")
		},
		try:  copyBucketAcross,
		cure: func(w *wreck, _ rules.Fix) { join(w.t, w.boss, w.b) },
	},
	{
		id: "E4", mistake: "the destination vault is under aws/backup",
		make: func(w *wreck) { w.b.vault(w.t, "managed-vault", "", w.m) },
		try:  func(w *wreck) telling { return w.copyAcross("EBS", "managed-vault") },
		cure: func(w *wreck, _ rules.Fix) { w.b.vault(w.t, "keyed-vault", w.b.key(w.t), w.m) },
		again: func(w *wreck) telling {
			return w.copyAcross("EBS", "keyed-vault")
		},
	},
	{
		id: "E5", mistake: "the destination vault admits nobody",
		values: func(w *wreck) rules.Values {
			return rules.Values{"principal": `{"AWS":"` + w.m.root() + `"}`, "condition": ""}
		},
		make: func(w *wreck) {
			must(w.b.backup.DeleteBackupVaultAccessPolicy(w.t.Context(), &backup.DeleteBackupVaultAccessPolicyInput{BackupVaultName: aws.String("backup-vault")}))(w.t, "closing the vault")
		},
		try: copyBucketAcross,
		cure: func(w *wreck, fix rules.Fix) {
			must(w.b.backup.PutBackupVaultAccessPolicy(w.t.Context(), &backup.PutBackupVaultAccessPolicyInput{BackupVaultName: aws.String("backup-vault"), Policy: document(fix.Statement)}))(w.t, "opening the vault")
		},
	},
	{
		id: "E7", mistake: "the policy of the volume's key does not admit the destination account's service-linked role",
		values: func(w *wreck) rules.Values {
			return rules.Values{"reader": w.b.linkedRole(), "key": w.names["EBS key"]}
		},
		make: func(w *wreck) { w.keyPolicy("EBS key") },
		try:  copyVolumeAcross,
		cure: func(w *wreck, fix rules.Fix) { w.keyPolicy("EBS key", fix.Statement) },
	},
	{
		id: "E11", mistake: "the volume is under aws/ebs",
		values: named("alias", "aws/ebs"),
		make: func(w *wreck) {
			key := must(w.m.kms.DescribeKey(w.t.Context(), &kms.DescribeKeyInput{KeyId: aws.String("alias/aws/ebs")}))(w.t, "the managed key of EBS")
			w.names["managed"] = w.m.backUp(w.t, "member-vault", w.m.volumeARN(w.m.volume(w.t, *key.KeyMetadata.Arn, noise(31, blockSize))))
		},
		try: func(w *wreck) telling { return w.copyAcross("managed", "backup-vault") },
		cure: func(w *wreck, _ rules.Fix) {
			w.names["managed"] = w.m.copyTo(w.t, w.names["managed"], "member-vault", w.m.vault(w.t, "between-vault", w.m.key(w.t, w.b)))
		},
		again: func(w *wreck) telling {
			return w.copy(w.m, w.names["managed"], "between-vault", w.b.vaultARN("backup-vault"))
		},
	},
	{
		id: "E20", mistake: "the copy's role may not read the snapshot's tags",
		values: named("action", "ec2:DescribeTags"),
		make: func(w *wreck) {
			must(w.m.iam.DetachRolePolicy(w.t.Context(), &iam.DetachRolePolicyInput{RoleName: aws.String("jobs"), PolicyArn: aws.String("arn:aws:iam::aws:policy/" + rolePolicies[0])}))(w.t, "detaching")
			w.may(w.m, "jobs", allow("backup:CopyFromBackupVault", "backup:CopyIntoBackupVault"))
		},
		try: copyVolumeAcross,
		cure: func(w *wreck, fix rules.Fix) {
			w.mayToo(w.m, "jobs", fix.Statement)
			w.restore = func() {
				must(w.m.iam.AttachRolePolicy(w.t.Context(), &iam.AttachRolePolicyInput{RoleName: aws.String("jobs"), PolicyArn: aws.String("arn:aws:iam::aws:policy/" + rolePolicies[0])}))(w.t, "attaching")
			}
		},
	},
	{
		id: "E28", mistake: "the destination vault does not exist",
		values: func(w *wreck) rules.Values {
			return rules.Values{"vault": w.b.vaultARN("late-vault"), "name": "late-vault", "account": vaulted, "region": north}
		},
		try: func(w *wreck) telling { return w.copyAcross("S3", "late-vault") },
		cure: func(w *wreck, fix rules.Fix) {
			w.b.vault(w.t, fix.Parameters["BackupVaultName"], w.b.key(w.t), w.m)
		},
	},
	{
		id: "E30", mistake: "a key's policy names a service-linked role that the account does not have yet",
		make: func(w *wreck) { w.user = w.newAccount() },
		try: func(w *wreck) telling {
			return w.call(w.m.kms.PutKeyPolicy(w.t.Context(), &kms.PutKeyPolicyInput{KeyId: aws.String(w.names["EBS key"]), Policy: policy(
				statement{"Effect": "Allow", "Principal": statement{"AWS": w.m.root()}, "Action": "kms:*", "Resource": "*"}, readerStatement(w.b), readerStatement(w.user))}))
		},
		cure: func(w *wreck, fix rules.Fix) {
			must(w.user.iam.CreateServiceLinkedRole(w.t.Context(), &iam.CreateServiceLinkedRoleInput{AWSServiceName: aws.String(fix.Parameters["AWSServiceName"])}))(w.t, "making the role")
		},
	},
}

// newAccount enters a new account of the organization.
func (w *wreck) newAccount() *party {
	w.t.Helper()
	out := must(w.boss.organizations.CreateAccount(w.t.Context(), &organizations.CreateAccountInput{AccountName: aws.String("fourth"), Email: aws.String("fourth@example.com")}))(w.t, "creating an account")
	var account string
	eventually(w.t.Context(), w.t, "the account", func() (bool, error) {
		status, err := w.boss.organizations.DescribeCreateAccountStatus(w.t.Context(), &organizations.DescribeCreateAccountStatusInput{CreateAccountRequestId: out.CreateAccountStatus.Id})
		if err != nil {
			return false, err
		}
		account = aws.ToString(status.CreateAccountStatus.AccountId)
		return account != "" && status.CreateAccountStatus.State == orgtypes.CreateAccountStateSucceeded, fmt.Errorf("it is %s", status.CreateAccountStatus.State)
	})
	return w.boss.assume(w.t, account, "OrganizationAccountAccessRole")
}

func copyBucketAcross(w *wreck) telling { return w.copyAcross("S3", "backup-vault") }
func copyVolumeAcross(w *wreck) telling { return w.copyAcross("EBS", "backup-vault") }

// copyAcross copies a noted point of the member's vault into a vault of the backup account.
func (w *wreck) copyAcross(noted, vault string) telling {
	w.t.Helper()
	return w.copy(w.m, w.names[noted], "member-vault", w.b.vaultARN(vault))
}

// keyPolicy lets a noted key's account use it, and what the statements say.
func (w *wreck) keyPolicy(noted string, statements ...string) {
	w.t.Helper()
	own := `{"Effect":"Allow","Principal":{"AWS":"` + w.m.root() + `"},"Action":"kms:*","Resource":"*"}`
	must(w.m.kms.PutKeyPolicy(w.t.Context(), &kms.PutKeyPolicyInput{KeyId: aws.String(w.names[noted]), Policy: document(append(statements, own)...)}))(w.t, "changing a key's policy")
}

// twoAccounts is a wreck in which copies from the member account into the backup account succeed.
func twoAccounts(t *testing.T, s *strongroomtest.Server) *wreck {
	t.Helper()
	w := crash(t, s)
	crossAccount(t, s, true)
	for _, p := range []*party{w.m, w.b} {
		p.role(t, "jobs", rolePolicies...)
		p.linked(t)
	}
	w.names["EBS key"] = w.m.key(t, w.b)
	w.m.vault(t, "member-vault", w.m.key(t, w.b))
	w.b.vault(t, "backup-vault", w.b.key(t), w.m)
	w.names["S3"] = w.m.backUp(t, "member-vault", w.m.bucket(t, "wrecked-bucket", ""))
	w.names["EBS"] = w.m.backUp(t, "member-vault", w.m.volumeARN(w.m.volume(t, w.names["EBS key"], noise(30, blockSize))))
	return w
}

func TestRefusalsOfCopies(t *testing.T) {
	t.Parallel()
	happens(t, twoAccounts(t, strongroomtest.New(t)), copyMishaps)
}

// plannedCopyMishaps happen to copies within plans.
var plannedCopyMishaps = []mishap{
	{
		id: "E18", mistake: "the copy's lifecycle is outside the range of the destination's lock",
		values: named("days", "7"),
		make: func(w *wreck) {
			must(w.b.backup.PutBackupVaultLockConfiguration(w.t.Context(), &backup.PutBackupVaultLockConfigurationInput{
				BackupVaultName: aws.String("backup-vault"), MinRetentionDays: aws.Int64(7), MaxRetentionDays: aws.Int64(30),
			}))(w.t, "locking the vault")
			must(w.m.s3.PutBucketTagging(w.t.Context(), tagsOf("wrecked-bucket", "backup", "nightly")))(w.t, "tagging")
			w.names["plan"] = w.m.plan(w.t, "nightly", copyRule(w.b.vaultARN("backup-vault"), 3), tagged("backup", "nightly"))
		},
		try: func(w *wreck) telling { return w.copyOfTheNight() },
		cure: func(w *wreck, fix rules.Fix) {
			w.updatePlan("nightly", copyRule(w.b.vaultARN("backup-vault"), number(w.t, fix.Parameters["DeleteAfterDays"])))
		},
	},
}

func TestRefusalsOfPlannedCopies(t *testing.T) {
	t.Parallel()
	s := strongroomtest.New(t)
	morning(t, s)
	happens(t, twoAccounts(t, s), plannedCopyMishaps)
}

func copyRule(destination string, keep int64) backuptypes.BackupRuleInput {
	return backuptypes.BackupRuleInput{
		TargetBackupVaultName: aws.String("member-vault"), Lifecycle: days(1),
		CopyActions: []backuptypes.CopyAction{{DestinationBackupVaultArn: &destination, Lifecycle: days(keep)}},
	}
}

// copyOfTheNight lets a night pass and tells how the copy that a plan made then ended.
func (w *wreck) copyOfTheNight() telling {
	w.t.Helper()
	move(w.t, w.Server, server.ClockMove{Advance: oneDay})
	jobs := must(w.m.backup.ListCopyJobs(w.t.Context(), &backup.ListCopyJobsInput{}))(w.t, "listing copies").CopyJobs
	if len(jobs) == 0 {
		w.t.Fatal("no copy was made")
	}
	out := w.m.copyEnded(w.t, *jobs[0].CopyJobId)
	w.job = *jobs[0].CopyJobId
	return job(rules.InCopy, string(out.State), out.StatusMessage, out.MessageCategory)
}
