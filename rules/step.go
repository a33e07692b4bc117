package rules

import (
	"strconv"
	"strings"

	"strongroom/arn"
)

// Cures of more than one step, and those that start a job again with something changed.

// TrustAWSBackup is the trust policy of a role for jobs.
const TrustAWSBackup = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"backup.amazonaws.com"},"Action":"sts:AssumeRole"}]}`

// makeRole makes the role of a job.
func makeRole(roleARN string) Fix {
	f := Fix{Resource: roleARN, Advice: "Make the role, which AWS Backup may assume."}
	parsed, err := arn.Parse(roleARN)
	if err != nil {
		return f
	}
	_, name := holderOf(roleARN)
	f.AccountID = parsed.AccountID
	f.call("iam:CreateRole", "RoleName", name, "AssumeRolePolicyDocument", TrustAWSBackup)
	if path := strings.TrimSuffix(strings.TrimPrefix(parsed.Resource, "role"), name); path != "/" {
		f.Parameters["Path"] = path
	}
	return f
}

// attach gives a role a policy of AWS.
func attach(roleARN, policy string) Fix {
	f := Fix{Resource: roleARN, Advice: "Attach AWS's policy " + policy[strings.LastIndexByte(policy, '/')+1:] + " to the role."}
	if parsed, err := arn.Parse(roleARN); err == nil {
		f.AccountID = parsed.AccountID
	}
	_, name := holderOf(roleARN)
	f.call("iam:AttachRolePolicy", "RoleName", name, "PolicyArn", "arn:aws:iam::aws:policy/"+policy)
	return f
}

// makeVault makes a key and a vault under it. Of the managed key aws/backup no other account could use anything.
func makeVault(p Place, keyPolicy string) []Fix {
	key := Fix{AccountID: p.AccountID, Region: p.Region, Keeps: "KEY", Advice: "Make a customer managed key for the vault."}
	key.call("kms:CreateKey", "Description", "Backup vault "+p.VaultName)
	if keyPolicy != "" {
		key.Parameters["Policy"] = keyPolicy
	}
	vault := Fix{AccountID: p.AccountID, Region: p.Region, Resource: p.VaultARN, Advice: "Create the vault under that key."}
	vault.call("backup:CreateBackupVault", "BackupVaultName", p.VaultName, "EncryptionKeyArn", "$KEY")
	return []Fix{key, vault}
}

// refuseNoDestination is the refusal of a copy whose destination vault does not exist. A new vault admits no other account,
// so that is part of the cure.
func refuseNoDestination(r CopyRequest) *Refusal {
	refusal := DestinationMissing.Refuse(r.values().With("account", r.Destination.AccountID, "region", r.Destination.Region))
	steps := makeVault(r.Destination, "")
	if r.crossesAccounts() {
		admit := RefuseCopyInto(r).Fix
		admit.Advice = "Admit the organization's accounts in the new vault's access policy."
		admit.call("backup:PutBackupVaultAccessPolicy", "BackupVaultName", r.Destination.VaultName, "Policy", `{"Version":"2012-10-17","Statement":[`+admit.Statement+`]}`)
		steps = append(steps, admit)
	}
	refusal.Fix, refusal.Then = steps[0], steps[1:]
	return refusal
}

// refuseManagedSource is the refusal of a copy across accounts of what is under a managed key. The way is a vault of its own
// account with a customer managed key, which the reader may use.
func refuseManagedSource(r CopyRequest) *Refusal {
	refusal := ManagedKeySnapshot.Refuse(r.values())
	v := r.values()
	local := Place{AccountID: r.Source.AccountID, Region: r.Source.Region, VaultName: "copies-to-" + r.Destination.AccountID}
	local.VaultARN = "arn:aws:backup:" + local.Region + ":" + local.AccountID + ":backup-vault:" + local.VaultName
	steps := makeVault(local, `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::`+local.AccountID+`:root"},"Action":"kms:*","Resource":"*"},`+v.fill(readerCure.Statement)+`]}`)
	first := r.copyAgain(r.RecoveryPointARN, r.Source.VaultName, local.VaultARN)
	first.Keeps, first.Advice = "COPY", "Copy into that vault first; the copy is sealed under its key."
	point := Fix{AccountID: r.Source.AccountID, Region: r.Source.Region, Keeps: "POINT", Advice: "Once that copy is COMPLETED, take its recovery point."}
	point.call("backup:DescribeCopyJob", "CopyJobId", "$COPY")
	second := r.copyAgain("$POINT", local.VaultName, r.Destination.VaultARN)
	second.Advice = "Copy that one across accounts. (Or encrypt the resource with a customer managed key, and back it up again.)"
	refusal.Fix, refusal.Then = steps[0], append(steps[1:], first, point, second)
	return refusal
}

// copyAgain starts a copy as the job's role.
func (r CopyRequest) copyAgain(point, from, into string) Fix {
	f := Fix{AccountID: r.Source.AccountID, Region: r.Source.Region, Resource: point}
	if variable.MatchString(point) {
		f.Resource = ""
	}
	f.call("backup:StartCopyJob", "RecoveryPointArn", point, "SourceBackupVaultName", from, "DestinationBackupVaultArn", into, "IamRoleArn", r.RoleARN)
	return f
}

// withRetention copies again with another retention.
func (r CopyRequest) withRetention(days int64) Fix {
	f := r.copyAgain(r.RecoveryPointARN, r.Source.VaultName, r.Destination.VaultARN)
	f.retain(days)
	if r.Scheduled {
		f.Advice += " Let the copy action of the plan's rule say so too."
	}
	return f
}

// withRetention backs up again with another retention.
func (r BackupRequest) withRetention(days int64) Fix {
	f := Fix{AccountID: r.Vault.AccountID, Region: r.Vault.Region, Resource: r.ResourceARN}
	f.call("backup:StartBackupJob", "BackupVaultName", r.Vault.VaultName, "ResourceArn", r.ResourceARN, "IamRoleArn", r.RoleARN)
	f.retain(days)
	f.Advice += " If a plan made the job, let its rule say so too."
	return f
}

func (f *Fix) retain(days int64) {
	text := strconv.FormatInt(days, 10)
	f.Parameters["Lifecycle.DeleteAfterDays"] = text
	f.Advice = "Start it again with a retention that the lock admits: " + text + " days."
}
