package rules

import "time"

// Entries about roles, selections, plans and vaults.
var (
	RoleInsufficient = Entry{
		ID: "E36", Text: "IAM Role <role> does not have sufficient permissions to execute the backup.", Category: AccessDenied, Moments: []Moment{InBackup},
		Cause: "The role may not read the resource; for buckets the default role is such a role. AWS says the same, and misleads, where the default role does not exist yet.",
		Cure: Fix{
			Call: "iam:AttachRolePolicy", AccountID: "<account>", Resource: "<role>", Parameters: map[string]string{"PolicyArn": "arn:aws:iam::aws:policy/AWSBackupServiceRolePolicyForS3Backup"},
			Advice: "Attach the policy of AWS for the resource's type.",
		},
		Source: "Blog",
	}
	ResourceUndescribable = Entry{
		ID:       "E37",
		Text:     "Your backup job failed as AWS Backup does not have permission to describe resource <resource>. Please review your IAM policies to ensure AWS Backup can protect your resources.",
		Category: AccessDenied, Moments: []Moment{InBackup},
		Cause: "The role may not read the resource: this is how AWS words E36 since about 2025-03-23, and the service under rules as of then.", Cure: RoleInsufficient.Cure,
		Source: "Classmethod",
	}
	VersioningDenied = Entry{
		ID: "E38", Text: "Customer credential miss permission to get bucket versioning for bucket.", Category: AccessDenied, Moments: []Moment{InBackup},
		Cause: "The role may not call s3:GetBucketVersioning.", Cure: RoleInsufficient.Cure, Source: "DG:backup-dashboards",
	}
	RoleNotAssumed = Entry{
		ID: "E39", Text: "IAM Role <role> cannot be assumed by AWS Backup", Category: AccessDenied, Moments: []Moment{AtOnce, InBackup, InCopy, InRestore},
		Error: Exception{Code: "InvalidParameterValueException"},
		Cause: "The role does not exist, or its trust policy does not name backup.amazonaws.com.",
		Cure: Fix{
			Call: "iam:UpdateAssumeRolePolicy", AccountID: "<account>", Resource: "<role>",
			Statement: `{"Effect":"Allow","Principal":{"Service":"backup.amazonaws.com"},"Action":"sts:AssumeRole"}`,
			Advice:    "Make the role, and let it trust backup.amazonaws.com.",
		},
		Source: "GH:hashicorp/terraform-provider-aws#9297",
	}
	RoleNotAssumedUnnamed = Entry{
		ID: "E39b", Text: "IAM Role cannot be assumed by AWS Backup", Category: AccessDenied, Moments: []Moment{InRestore},
		Cause: RoleNotAssumed.Cause, Cure: RoleNotAssumed.Cure, Source: "DG:restore-testing", Unreachable: needsRestoreTests,
	}
	ProvidedRoleNotAssumed = Entry{
		ID: "E39c", Text: "The provided role <role> cannot be assumed by AWS Backup.", Category: AccessDenied, Moments: []Moment{InEvent},
		Error: Exception{Code: "AccessDenied"},
		Cause: "The role of a plan's selection does not exist, or does not trust backup.amazonaws.com, when a rule runs. A backup policy may name a role that no account has.",
		Cure:  RoleNotAssumed.Cure, Source: "GH:awslabs/landing-zone-accelerator-on-aws#194",
	}
	TagSelectionDenied = Entry{
		ID: "E40", Text: "IAM Role <role> is not authorized to call tag:GetResources", Moments: []Moment{AtOnce, InEvent},
		Error: Exception{Code: "InvalidParameterValueException", Number: "ERROR_3018"},
		Cause: "A selection by tags finds its resources as the role, which may not look for them.",
		Cure: Fix{
			Call: "iam:PutRolePolicy", AccountID: "<account>", Resource: "<role>", Statement: `{"Effect":"Allow","Action":"tag:GetResources","Resource":"*"}`,
			Advice: "Allow the role tag:GetResources, as AWSBackupServiceRolePolicyForBackup does.",
		},
		Source: "GH:vinycoolguy2015/awslambda#1",
	}
	SelectionEmpty = Entry{
		ID: "E41", Text: "Invalid backup selection. Either 'ListOfTags' or 'Resources' section must be non-empty.", Moments: []Moment{AtOnce},
		Error: Exception{Code: "InvalidParameterValueException"},
		Cause: "The selection names no resources, whatever its conditions.", Cure: selectionCure,
		Source: "GH:ministryofjustice/modernisation-platform-terraform-baselines#293, GH:hashicorp/terraform-provider-aws#25436",
	}
	SelectionNull = Entry{
		ID: "E42", Text: "Either Resources or Conditions must not be null", Moments: []Moment{AtOnce},
		Error: Exception{Code: "MissingParameterValueException", Number: "ERROR_4301"},
		Cause: "The selection has neither Resources nor ListOfTags nor Conditions.", Cure: selectionCure,
		Source: "GH:lgallard/terraform-aws-backup#38",
	}
	ColdTooShort = Entry{
		ID:   "E43",
		Text: "Invalid lifecycle. DeleteAfterDays cannot be less than 90 days apart from MoveToColdStorageAfterDays", Category: InvalidLifecycle, Moments: []Moment{AtOnce},
		Error: lifecycleError,
		Cause: "What moves to cold storage stays there for at least 90 days; a MoveToColdStorageAfterDays of 0 counts as one.",
		Cure: Fix{
			Call:   "backup:CreateBackupPlan",
			Advice: "Leave MoveToColdStorageAfterDays out, or keep points at least 90 days longer than that.",
		},
		Source: "GH:hashicorp/terraform-provider-aws#7350",
	}
	ColdUnavailable = Entry{
		ID: "E44", Text: "Invalid lifecycle. MoveToColdStorageAfterDays is unavailable", Category: InvalidLifecycle, Moments: []Moment{AtOnce},
		Error:  lifecycleError,
		Cause:  "Continuous backups do not move to cold storage.",
		Cure:   Fix{Call: "backup:CreateBackupPlan", Advice: "Leave out MoveToColdStorageAfterDays or EnableContinuousBackup."},
		Source: "GH:lgallard/terraform-aws-backup#40",
	}
	DeleteOutOfRange = Entry{
		ID:       "E45",
		Text:     "Invalid lifecycle. DeleteAfterDays cannot be less than 1 or more than 36500 days",
		Category: InvalidLifecycle, Moments: []Moment{AtOnce}, Error: lifecycleError,
		Cause: "Points are kept for 1 to 36500 days, continuous ones for 1 to 35.",
		Cure: Fix{
			Call:   "backup:StartBackupJob",
			Advice: "Keep points 1 to 36500 days, or for ever by leaving DeleteAfterDays out; continuous backups 1 to 35 days.",
		},
		Source: "GH:hashicorp/terraform-provider-aws#24960, GH:lgallard/terraform-aws-backup#61",
	}
	VaultNotEmpty = Entry{
		ID: "E46", Text: "Backup vault cannot be deleted because it contains recovery points.", Moments: []Moment{AtOnce},
		Error:  Exception{Code: "InvalidRequestException", Number: "ERROR_9101"},
		Cause:  "There are recovery points in the vault, or their deletion is under way.",
		Cure:   Fix{Call: "backup:DeleteRecoveryPoint", Resource: "<vault>", Advice: "Delete its recovery points, and then the vault."},
		Source: "GH:gruntwork-io/cloud-nuke#730, GH:go-to-k/delstack#370, GH:hashicorp/terraform-provider-aws#37774",
	}
	VaultMissing = Entry{
		ID: "E47", Text: "Backup job failed because backup vault <vault> does not exist.", Category: ResourceNotFound, Moments: []Moment{InBackup, InEvent},
		Error: Exception{Code: "ResourceNotFoundException"},
		Cause: "A plan's rule names a vault that is not there, or the vault went while the job waited.",
		Cure: Fix{
			Call: "backup:CreateBackupVault", AccountID: "<account>", Region: "<region>", Resource: "<vault>",
			Parameters: map[string]string{"BackupVaultName": "<name>"}, Advice: "Create the vault.",
		},
		Source: "DG:eventbridge",
	}
	VaultCreationDenied = Entry{
		ID: "E48", Moments: []Moment{AtOnce}, Error: Exception{Code: "AccessDeniedException", Status: 403},
		Cause: "CreateBackupVault also takes backup-storage:MountCapsule and, for a key, kms:CreateGrant, kms:GenerateDataKey, kms:Decrypt, kms:RetireGrant and kms:DescribeKey. AWS's answer has no text; the service names what was refused.",
		Cure: Fix{
			Call: "iam:PutUserPolicy", Statement: `{"Effect":"Allow","Action":"backup-storage:MountCapsule","Resource":"*"}`,
			Advice: "Allow the caller these too.",
		},
		Source: "GH:lgallard/terraform-aws-backup#6, DG:create-a-vault",
	}
	VaultPolicyTooOpen = Entry{
		ID:      "E49",
		Text:    "The specified policy cannot be added to the vault due to cross-account sharing restrictions. Amend the policy or the vault's settings, then retry request",
		Moments: []Moment{AtOnce}, Error: Exception{Code: "InvalidParameterValueException"},
		Cause: "The policy would open more than backup:CopyIntoBackupVault to everybody.",
		Cure: Fix{
			Call: "backup:PutBackupVaultAccessPolicy", Statement: `{"Effect":"Allow","Principal":"*","Action":"backup:CopyIntoBackupVault","Resource":"*"}`,
			Advice: "Allow other accounts backup:CopyIntoBackupVault only.",
		},
		Source: "GH:rebuy-de/aws-nuke#1150",
	}
	VaultPolicyDenies = Entry{
		ID:      "E50",
		Text:    "User: <user> is not authorized to perform: <action> on resource: <resource> with an explicit deny in a resource-based policy",
		Moments: []Moment{AtOnce}, Error: Exception{Code: "AccessDeniedException", Status: 403},
		Cause:  "A statement of the vault's access policy denies the call, as that of the automatic vault of EFS does.",
		Cure:   Fix{Call: "backup:PutBackupVaultAccessPolicy", Resource: "<resource>", Advice: "Take the statement out of the vault's policy, as somebody it does not deny that."},
		Source: "GH:rebuy-de/aws-nuke#1150",
	}
	EventsInvalid = Entry{
		ID: "E51",
		Text: "Please select from the following list of notifications BACKUP_JOB_STARTED, BACKUP_JOB_COMPLETED, RESTORE_JOB_STARTED, RESTORE_JOB_COMPLETED, COPY_JOB_STARTED, " +
			"COPY_JOB_SUCCESSFUL, COPY_JOB_FAILED, RECOVERY_POINT_MODIFIED, S3_BACKUP_OBJECT_FAILED, S3_RESTORE_OBJECT_FAILED",
		Moments: []Moment{AtOnce}, Error: Exception{Code: "InvalidParameterValueException"},
		Cause:  "The call names an event that vaults do not notify of.",
		Cure:   Fix{Call: "backup:PutBackupVaultNotifications", Advice: "Name events of the list."},
		Source: "GH:aws-cloudformation/cloudformation-coverage-roadmap#1188",
	}
	NotificationsMissing = Entry{
		ID: "E52", Text: "Failed reading notifications from database for Backup vault <name>", Moments: []Moment{AtOnce},
		Error:  Exception{Code: "ResourceNotFoundException"},
		Cause:  "The vault notifies nobody.",
		Cure:   Fix{Call: "backup:PutBackupVaultNotifications", Parameters: map[string]string{"BackupVaultName": "<name>"}, Advice: "Take it as none, or set some."},
		Source: "GH:cloudquery/cloudquery#8164",
	}
	VaultUnknown = Entry{
		ID: "E53", Moments: []Moment{AtOnce}, Error: Exception{Code: "AccessDeniedException", Status: 403},
		Cause:  "DescribeBackupVault of a vault that does not exist is answered with AccessDeniedException and no text, also to whoever has every permission.",
		Cure:   Fix{Call: "backup:CreateBackupVault", Advice: "Look at ListBackupVaults; if the vault is not there, create it."},
		Source: "DG:troubleshooting, GH:ansible-collections/amazon.aws#1436, GH:turbot/steampipe-plugin-aws#1156",
	}
	ImageManaged = Entry{
		ID: "E54", Text: "This image is managed by AWS Backup and cannot be deleted via Amazon EC2 APIs", Moments: []Moment{AtOnce},
		Cause: "The image is a recovery point.", Cure: Fix{Call: "backup:DeleteRecoveryPoint", Advice: "Delete the recovery point."},
		Source: "DG:troubleshooting", Unreachable: needsInstances,
	}
	LockImmutable = Entry{
		ID: "E55", Moments: []Moment{AtOnce}, Error: Exception{Code: "InvalidRequestException"},
		Cause:  "The LockDate of a vault's compliance lock has passed: nobody can change the lock or take it off. AWS's text is not public; the service says which vault it is.",
		Cure:   Fix{Call: "backup:CreateBackupVault", Advice: "None for this vault; use another one, and set locks with a grace period that leaves time to think."},
		Source: "DG:vault-lock, the API model",
	}
	PrivilegesInsufficient = Entry{
		ID: "E56", Text: "Insufficient privileges to perform this action.", Moments: []Moment{AtOnce}, Error: Exception{Code: "AccessDeniedException", Status: 403},
		Cause:  "The call reaches for a vault of another account, or leaves its BackupVaultAccountId out where the vault is shared.",
		Cure:   Fix{Call: "backup:DescribeBackupVault", Advice: "Call as the account that owns the vault."},
		Source: "KC:backup-insufficient-privileges-efs, DG:logicallyairgappedvault",
	}
)

// describeWords2025 is when AWS began to word E36 as E37, as far as is known: somebody met it on that day.
var describeWords2025 = since(2025, time.March, 23)

// RefuseDescribe is the refusal of a backup whose role may not read the resource.
func RefuseDescribe(a AsOf, v Values) *Refusal {
	if describeWords2025.At(a) {
		return ResourceUndescribable.Refuse(v)
	}
	return RoleInsufficient.Refuse(v)
}

// InRule stands before the texts about a lifecycle where it is that of a plan's rule.
const InRule = "Error in rule <rule> : "

const (
	needsRestoreTests = "It needs restore testing."
	needsContinuous   = "It needs continuous backups."
)

var (
	lifecycleError = Exception{Code: "InvalidParameterValueException", Number: "ERROR_3015"}
	selectionCure  = Fix{
		Call: "backup:CreateBackupSelection", Parameters: map[string]string{"Resources": `["*"]`},
		Advice: `Name resources or tags; "*" is all of them, which conditions then cut down.`,
	}
)

var vaultEntries = []Entry{
	RoleInsufficient, ResourceUndescribable, VersioningDenied, RoleNotAssumed, RoleNotAssumedUnnamed, ProvidedRoleNotAssumed, TagSelectionDenied,
	SelectionEmpty, SelectionNull, ColdTooShort, ColdUnavailable, DeleteOutOfRange, VaultNotEmpty, VaultMissing, VaultCreationDenied, VaultPolicyTooOpen,
	VaultPolicyDenies, EventsInvalid, NotificationsMissing, VaultUnknown, ImageManaged, LockImmutable, PrivilegesInsufficient,
}
