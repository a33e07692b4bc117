package rules

// Entries about copies between accounts and Regions.
var (
	CrossAccountOff = Entry{
		ID:       "E1",
		Text:     "Copy job failed. Cross-account copy feature is not enabled for the current organization.",
		Category: FeatureNotEnabled, Moments: []Moment{InCopy},
		Cause: "The management account has not turned on isCrossAccountBackupEnabled.",
		Cure: Fix{
			Call: "backup:UpdateGlobalSettings", AccountID: "<management>", Parameters: map[string]string{"GlobalSettings.isCrossAccountBackupEnabled": "true"},
			Advice: "Turn cross-account backup on in the management account.",
		},
		Source: "Blog, DG:backup-dashboards",
	}
	OtherOrganization = Entry{
		ID:       "E2",
		Text:     "Copy job failed. Both source and destination account must be a member of the same organization.",
		Category: AccessDenied, Moments: []Moment{InCopy},
		Cause: "Accounts <account> and <other> are not in one organization.",
		Cure: Fix{
			Call: "organizations:InviteAccountToOrganization", AccountID: "<management>", Parameters: map[string]string{"Target.Id": "<other>", "Target.Type": "ACCOUNT"},
			Advice: "Join both accounts in one organization.",
		},
		Source: "DG:backup-dashboards, KC:backup-troubleshoot-cross-account-copy, GH:aws-solutions-library-samples/account-assessment-for-aws-organizations#57",
	}
	CopyUnsupported = Entry{
		ID:       "E3",
		Text:     "Copy job from <from> to <to> cannot be initiated for <type> resources. Feature is not supported for provided resource type.",
		Category: UnsupportedOperation, Moments: []Moment{InCopy},
		Cause: "One copy action of <type> cannot do this. Until 2025-10-23 that was so of RDS, Aurora, DocumentDB and Neptune across account and Region at once.",
		Cure: Fix{
			Call: "backup:StartCopyJob", AccountID: "<account>", Region: "<from>", Resource: "<point>",
			Parameters: map[string]string{"DestinationAccountID": "<other>", "DestinationRegion": "<from>"},
			Advice:     "Copy in two hops: into a vault of the other account in the same Region first, and from there into the other Region.",
		},
		Source: "Blog, KC:backup-troubleshoot-cross-account-copy",
	}
	ManagedDestination = Entry{
		ID: "E4",
		Text: "Copy job failed because the destination Backup vault is encrypted with the default Backup service managed key. " +
			"The contents of this vault cannot be copied. Only the contents of a Backup vault encrypted by an AWS KMS key may be copied.",
		Category: AccessDenied, Moments: []Moment{InCopy},
		Cause: "The <which> vault <name> of account <account> is under the managed key aws/backup, which no other account can use. (The text speaks of the destination also where the source is meant.)",
		Cure: Fix{
			Call: "backup:CreateBackupVault", AccountID: "<account>", Region: "<region>",
			Advice: "Use a vault with a customer managed key; a vault's key cannot be changed.",
		},
		Source: "Blog, DG:backup-dashboards",
	}
	CopyIntoDenied = Entry{
		ID:       "E5",
		Text:     "Access Denied trying to call AWS Backup service.",
		Category: AccessDenied, Moments: []Moment{InCopy},
		Cause: "The access policy of the destination vault does not allow backup:CopyIntoBackupVault to account <account>, or the copy's role may not call it.",
		Cure: Fix{
			Call: "backup:PutBackupVaultAccessPolicy", AccountID: "<other>", Region: "<to>", Resource: "<vault>",
			Statement: `{"Effect":"Allow","Principal":<principal>,"Action":"backup:CopyIntoBackupVault","Resource":"*"<condition>}`,
			Advice:    "Admit the source account in the vault's access policy, and give the copy's role backup:CopyIntoBackupVault.",
		},
		Source: "Blog, KC:backup-resolve-access-denied-error, DG:backup-dashboards",
	}
	SnapshotKeyUnusable = Entry{
		ID:       "E6",
		Text:     "The source snapshot KMS key [<key>] does not exist, is not enabled or you do not have permissions to access it.",
		Category: KMSKeyError, Moments: []Moment{InCopy},
		Cause: "The copy is read by <reader>, which may not use the key <key> of the source.", Cure: readerCure,
		Source: "Blog, DG:troubleshooting, KC:backup-cross-account-copy-error",
	}
	KeyInaccessible = Entry{
		ID:       "E7",
		Text:     "Given key ID is not accessible",
		Category: KMSKeyError, Moments: []Moment{InCopy, InBackup},
		Cause: "The copy is read by <reader>, which may not use the key <key> of the source.", Cure: readerCure,
		Source: "Blog, DG:backup-dashboards",
	}
	ImageKeyInaccessible = Entry{
		ID:       "E8",
		Text:     "AMI snapshot copy failed with error: Given key ID is not accessible. You must have DescribeKey permissions on the default key",
		Category: KMSKeyError, Moments: []Moment{InCopy},
		Cause: "The copy is read by <reader>, which may not use the key <key> of the source.", Cure: readerCure,
		Source: "DG:backup-dashboards, GH:aws-samples/aws-backup-automation#2", Unreachable: needsInstances,
	}
	KeyMissing = Entry{
		ID:       "E9",
		Text:     "Given key ID does not exist",
		Category: ResourceNotFound, Moments: []Moment{InBackup, InCopy, InRestore},
		Cause:  "The key <key> was deleted, and with it everything that it sealed is lost.",
		Cure:   Fix{Advice: "Use a copy of the recovery point under another key."},
		Source: "DG:backup-dashboards",
	}
	KeyUnusable = Entry{
		ID:       "E10",
		Text:     "KMS key is either disabled or pending deletion or access to KMS key is denied",
		Category: KMSKeyError, Moments: []Moment{InBackup, InCopy, InRestore},
		Cause: "The key <key> is disabled or being deleted, or its policy does not admit the job.",
		Cure: Fix{
			Call: "kms:EnableKey", AccountID: "<account>", Region: "<region>", Resource: "<key>",
			Advice: "Enable the key, or cancel its deletion, and let the job's role use it.",
		},
		Source: "DG:backup-dashboards",
	}
	ManagedKeySnapshot = Entry{
		ID:       "E11",
		Text:     "Snapshots encrypted with the AWS managed key can't be shared. Specify another snapshot.",
		Category: AccessDenied, Moments: []Moment{InCopy, AtOnce}, Error: Exception{Code: "InvalidParameter"},
		Cause: "The resource is encrypted with <alias>, whose policy admits its own account only.",
		Cure: Fix{
			Call: "backup:StartCopyJob", AccountID: "<account>", Region: "<from>", Resource: "<point>",
			Advice: "Copy first into a local vault with a customer managed key, then across accounts; or encrypt the resource with a customer managed key.",
		},
		Source: "DG:backup-dashboards",
	}
	DefaultKeySnapshot = Entry{
		ID:       "E12",
		Text:     "Encrypted snapshots with Amazon EBS default key cannot be shared",
		Category: AccessDenied, Moments: []Moment{InCopy},
		Cause: "The resource is encrypted with <alias>, whose policy admits its own account only.", Cure: ManagedKeySnapshot.Cure,
		Source: "DG:backup-dashboards", Unreachable: "It is EC2's older wording of E11, which is what the service says.",
	}
	MarketplaceImage = Entry{
		ID:       "E13",
		Text:     "Images from AWS Marketplace cannot be copied to another AWS account.",
		Category: AccessDenied, Moments: []Moment{InCopy},
		Cause: "The instance runs an image of the Marketplace.", Cure: Fix{Advice: "Such images cannot be copied; back up the volumes instead."},
		Source: "DG:backup-dashboards", Unreachable: needsInstances,
	}
	SourceImageMissing = Entry{
		ID: "E14", Text: "Source AMI not found in Region", Moments: []Moment{InCopy},
		Cause:  "The destination account's allowed-AMI setting leaves the source account out; from an air-gapped vault, it leaves out the alias aws-backup-vault.",
		Cure:   Fix{Call: "ec2:ReplaceImageCriteriaInAllowedImagesSettings", Advice: "Add the source account, or aws-backup-vault, to the allowed images."},
		Source: "DG:create-cross-account-backup, DG:logicallyairgappedvault", Unreachable: needsInstances,
	}
	SourceImageMissingNamed = Entry{
		ID: "E14b", Text: "Source AMI <image> not found in Region.", Moments: []Moment{InCopy},
		Cause: SourceImageMissing.Cause, Cure: SourceImageMissing.Cure, Source: SourceImageMissing.Source, Unreachable: needsInstances,
	}
	OptionGroupNeeded = Entry{
		ID: "E15", Text: "The snapshot requires a target option group with the following options: <options>", Moments: []Moment{InCopy},
		Cause:  "The instance has persistent options, and a copy to another Region gets the default option group.",
		Cure:   Fix{Call: "rds:CreateOptionGroup", Advice: "Make an option group with the same options in the destination Region and copy with RDS."},
		Source: "DG:cross-region-backup", Unreachable: needsPersistentOptions,
	}
	OptionGroupLost = Entry{
		ID: "E16", Moments: []Moment{InCopy},
		Cause:  "A copy does not pass a TDE option group on. AWS has no text for it.",
		Cure:   Fix{Call: "rds:CopyDBSnapshot", Advice: "Copy with the API of RDS and name the option group."},
		Source: "DG:troubleshooting", Unreachable: needsPersistentOptions,
	}
	UnshareFailed = Entry{
		ID: "E17", Text: "Failed to unshare snapshot", Moments: []Moment{InCopy},
		Cause:  "The role was deleted while a copy between accounts ran: what was copied stays, and the job failed.",
		Cure:   Fix{Call: "iam:CreateRole", Resource: "<role>", Advice: "Keep the role until its copies have ended."},
		Source: "DG:create-cross-account-backup", Unreachable: "Copies are read under a grant that the destination's service-linked role gives back; no snapshot is shared on the way.",
	}
	CopyOutsideLock = Entry{
		ID:       "E18",
		Text:     "Copy job failed. The retention specified in the job is not within the range specified for the target Backup Vault.",
		Category: InvalidLifecycle, Moments: []Moment{InCopy},
		Cause: outsideLock, Cure: lockCure, Source: "DG:backup-dashboards, DG:lag-vault-primary-backup",
	}
	TooManyCopies = Entry{
		ID:       "E19",
		Text:     "There are too many copy jobs running for resource.",
		Category: ConcurrentJob, Moments: []Moment{InCopy},
		Cause:  "More than 30 copies of the resource to one Region of other accounts are at work or wait for each other.",
		Cure:   Fix{Call: "backup:StartCopyJob", Resource: "<point>", Advice: "Wait until other copies have ended, and copy again."},
		Source: "DG:backup-dashboards, DG:aws-backup-limits",
	}
	TagsDenied = Entry{
		ID:       "E20",
		Text:     "Access denied exception while trying to list tags",
		Category: AccessDenied, Moments: []Moment{InCopy},
		Cause: "The copy's role may not read the tags of the recovery point: of a snapshot, with ec2:DescribeTags.",
		Cure: Fix{
			Call: "iam:PutRolePolicy", AccountID: "<account>", Resource: "<role>", Statement: `{"Effect":"Allow","Action":"<action>","Resource":"*"}`,
			Advice: "Let the copy's role read tags.",
		},
		Source: "DG:eventbridge",
	}
	TagCopyFailed = Entry{
		ID:       "E21",
		Text:     "We are unable to copy resource tags to your backup because of the Internal Failure.",
		Category: TagCopyError, Moments: []Moment{InBackup, InCopy},
		Cause: "A passing failure inside AWS.", Cure: Fix{Call: "backup:TagResource", Resource: "<point>", Advice: "Tag the recovery point."},
		Source: "DG:backup-dashboards", Unreachable: "A recovery point and its tags become known in one transaction.",
	}
	TagCopyGone = Entry{
		ID:       "E22",
		Text:     "We are unable to copy resource tags to your backup because source or destination recovery point is unavailable",
		Category: TagCopyError, Moments: []Moment{InBackup, InCopy},
		Cause: "The recovery point was deleted meanwhile.", Cure: Fix{Advice: "Delete recovery points when their copies have ended."},
		Source: "DG:backup-dashboards", Unreachable: "The deletion of a recovery point waits for the copies that read it.",
	}
	TagPolicyBlocks = Entry{
		ID: "E23", Moments: []Moment{InCopy},
		Cause:  "A tag policy of the organization forbids a tag of the copy. The text is not public.",
		Cure:   Fix{Call: "organizations:UpdatePolicy", AccountID: "<management>", Advice: "Adapt the tag policy."},
		Source: "KC:backup-troubleshoot-cross-account-copy", Unreachable: "Tag policies are kept and inherited, and not enforced on copies.",
	}
	GatewayVaultNeeded = Entry{
		ID:       "E24",
		Text:     "UnsupportedOperation : Storage Gateway backup copies require a user-created backup vault and key at destination.",
		Category: UnsupportedOperation, Moments: []Moment{InCopy},
		Cause:  "The destination vault is under the managed key aws/backup.",
		Cure:   Fix{Call: "backup:CreateBackupVault", AccountID: "<account>", Region: "<region>", Advice: "Copy into a vault with a customer managed key."},
		Source: "DG:backup-dashboards", Unreachable: "It needs Storage Gateway.",
	}
	ImageStorageDenied = Entry{
		ID: "E25", Text: "You do not have permission to access the storage of this ami.", Moments: []Moment{InCopy},
		Cause:  "Something took back the launch permission that a copy into an air-gapped vault gives for a while.",
		Cure:   Fix{Advice: "Have automatic remediation leave out calls whose userIdentity.invokedBy is backup.amazonaws.com."},
		Source: "DG:logicallyairgappedvault", Unreachable: needsInstances,
	}
	CopyFatal = Entry{
		ID:       "E26",
		Text:     "Copy job encountered a fatal error. Please contact AWS Support for further assistance.",
		Category: FatalError, Moments: []Moment{InCopy},
		Cause: "Something failed inside AWS.", Cure: Fix{Call: "backup:StartCopyJob", Resource: "<point>", Advice: "Copy again, or ask for support."},
		Source: "DG:backup-dashboards", Unreachable: "There is no such support here; E26b says what failed.",
	}
	JobFatal = Entry{
		ID:       "E26b",
		Text:     "<job> job encountered a fatal error.<reason>",
		Category: FatalError, Moments: []Moment{InBackup, InCopy, InRestore},
		Cause: "What the job reads is damaged, or something failed again and again. After AWS's words the service says what, which AWS does not.",
		Cure: Fix{
			Call:   "backup:StartCopyJob",
			Advice: "Run strongroom admin verify, which names what is damaged, and use another recovery point or another vault's copy.",
		},
		Source: "DG:backup-dashboards",
	}
	InternalError = Entry{
		ID: "E26c", Text: "An internal error occurred.", Category: FatalError, Moments: []Moment{InCopy},
		Cause: CopyFatal.Cause, Cure: CopyFatal.Cure, Source: CopyFatal.Source, Unreachable: CopyFatal.Unreachable,
	}
	TypeUnsupported = Entry{
		ID: "E27", Text: "Unsupported resource type", Category: ResourceNotSupported, Moments: []Moment{InBackup, InCopy},
		Cause: "AWS Backup does this with no recovery points of <type>.", Cure: Fix{Advice: "Use the service that the resource belongs to."},
		Source: "DG:backup-dashboards", Unreachable: "Whatever can be backed up here can be copied; other types are refused at once.",
	}
	DestinationMissing = Entry{
		ID: "E28", Text: "Could not find cryopod <vault>", Category: ResourceNotFound, Moments: []Moment{InCopy},
		Cause: "The destination vault does not exist. (AWS Backup calls vaults cryopods inside.)",
		Cure: Fix{
			Call: "backup:CreateBackupVault", AccountID: "<account>", Region: "<region>", Resource: "<vault>",
			Parameters: map[string]string{"BackupVaultName": "<name>"}, Advice: "Create the vault, with a customer managed key.",
		},
		Source: "DG:backup-dashboards",
	}
	PointMissing = Entry{
		ID: "E29", Text: "Cannot find recovery point <point>", Category: ResourceNotFound, Moments: []Moment{InCopy, InRestore},
		Cause: "The recovery point does not exist, is not finished, or is being deleted.", Cure: Fix{Advice: "Use a finished recovery point."},
		Source: "DG:backup-dashboards",
	}
	PrincipalsInvalid = Entry{
		ID: "E30", Text: "Policy contains a statement with one or more invalid principals.", Moments: []Moment{AtOnce},
		Error: Exception{Code: "MalformedPolicyDocumentException"},
		Cause: "The key policy names a user or role that does not exist, AWSServiceRoleForBackup of an account that never used AWS Backup, say.",
		Cure: Fix{
			Call: "iam:CreateServiceLinkedRole", Parameters: map[string]string{"AWSServiceName": "backup.amazonaws.com"},
			Advice: "Make the role first; or name the account's root and the role in a condition on aws:PrincipalArn.",
		},
		Source: "Blog",
	}
	DatabaseKeyInaccessible = Entry{
		ID:      "E31",
		Text:    "The specified KMS key [<key>] does not exist, is not enabled or you do not have permissions to access it.",
		Moments: []Moment{AtOnce}, Error: Exception{Code: "KMSKeyNotAccessibleFault"},
		Cause: "RDS may not use the key that a call names, or that a snapshot is under: one that is disabled, or the default key of another account.",
		Cure:  Fix{Advice: "Name a key that is enabled and whose policy admits you."}, Source: "GH:awslabs/aurora-snapshot-tool#25",
	}
	RegionKeyMissing = Entry{
		ID:      "E32",
		Text:    "Must specify new KMS key for cross region encrypted snapshot copy.",
		Moments: []Moment{AtOnce}, Error: Exception{Code: "InvalidParameterValue"},
		Cause: "The call names no key for the destination Region.", Cure: Fix{Call: "rds:CopyDBSnapshot", Advice: "Name a key of the destination Region."},
		Source: "GH:pbudzon/aws-maintenance#5",
	}
	ServiceDenied = Entry{
		ID: "E33", Text: "You are not authorized to perform this operation.", Category: AccessDenied, Moments: []Moment{InBackup, InCopy},
		Cause: "EC2 refuses what the job does as its role.",
		Cure: Fix{
			Call: "iam:PutRolePolicy", Resource: "<role>", Statement: `{"Effect":"Allow","Action":"<action>","Resource":"*"}`,
			Advice: "Give the role what AWSBackupServiceRolePolicyForBackup allows.",
		},
		Source: "DG:backup-dashboards",
	}
	RegionNotSubscribed = Entry{
		ID: "E34", Text: "The AWS Access Key Id needs a subscription for the service", Category: AccessKeyError, Moments: []Moment{InBackup, InCopy},
		Cause: "The service, or the Region, is not activated for the account.", Cure: Fix{Call: "account:EnableRegion", Advice: "Activate it."},
		Source: "DG:backup-dashboards", Unreachable: "All Regions of an installation are active.",
	}
	SessionExpired = Entry{
		ID: "E35", Text: "Token expired. Try again.", Category: TokenExpired, Moments: []Moment{InBackup, InCopy},
		Cause: "The role's session ended before the job.", Cure: Fix{Advice: "Try again."},
		Source: "DG:backup-dashboards", Unreachable: "The sessions that the service makes for jobs last as long as the jobs.",
	}
)

// Why entries are out of reach, and what several share.
const (
	needsInstances = "It needs EC2 instances."
	// needsPersistentOptions: those are of Oracle and SQL Server.
	needsPersistentOptions = "No engine that is hosted has persistent options."
	outsideLock            = "The job keeps its recovery point <asked>; the lock of vault <name> admits <allowed>."
)

var (
	readerCure = Fix{
		Call: "kms:PutKeyPolicy", AccountID: "<account>", Region: "<from>", Resource: "<key>",
		Statement: `{"Effect":"Allow","Principal":{"AWS":"<reader>"},"Action":"kms:CreateGrant","Resource":"*","Condition":{"Bool":{"kms:GrantIsForAWSResource":"true"}}}`,
		Advice:    "Let the destination account's service-linked role make grants of the key for resources of AWS, and see that the key is enabled.",
	}
	lockCure = Fix{
		Call: "backup:UpdateBackupPlan", Parameters: map[string]string{"DeleteAfterDays": "<days>"},
		Advice: "Change the lifecycle of the rule, the copy action or the job.",
	}
)

var copyEntries = []Entry{
	CrossAccountOff, OtherOrganization, CopyUnsupported, ManagedDestination, CopyIntoDenied, SnapshotKeyUnusable, KeyInaccessible, ImageKeyInaccessible,
	KeyMissing, KeyUnusable, ManagedKeySnapshot, DefaultKeySnapshot, MarketplaceImage, SourceImageMissing, SourceImageMissingNamed, OptionGroupNeeded,
	OptionGroupLost, UnshareFailed, CopyOutsideLock, TooManyCopies, TagsDenied, TagCopyFailed, TagCopyGone, TagPolicyBlocks, GatewayVaultNeeded,
	ImageStorageDenied, CopyFatal, JobFatal, InternalError, TypeUnsupported, DestinationMissing, PointMissing, PrincipalsInvalid, DatabaseKeyInaccessible,
	RegionKeyMissing, ServiceDenied, RegionNotSubscribed, SessionExpired,
}
