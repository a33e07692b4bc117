package rules

// Entries about restores, restore testing and air-gapped vaults.
var (
	ProfileForeign = Entry{
		ID:      "E79",
		Text:    "AWS Backup does not permit attaching a new instance profile to an EC2 instance. Please restore using the backed up instance profile.",
		Moments: []Moment{InRestore}, Cause: "The metadata name another instance profile.", Cure: Fix{Call: "backup:StartRestoreJob", Advice: "Name the original one, or none."},
		Source: "DG:eventbridge", Unreachable: needsInstances,
	}
	RestoreDenied = Entry{
		ID: "E80",
		Text: "You are not authorized to perform this operation. Please consult the permissions associated with your AWS Backup role(s), " +
			"and refer to the AWS Backup documentation for more details. Encoded authorization failure message: <encoded>",
		Moments: []Moment{InRestore},
		Cause:   "EC2 refuses what the restore does as its role; sts:DecodeAuthorizationMessage opens the message.",
		Cure: Fix{
			Call: "iam:AttachRolePolicy", Resource: "<role>", Parameters: map[string]string{"PolicyArn": "arn:aws:iam::aws:policy/service-role/AWSBackupServiceRolePolicyForRestores"},
			Advice: "Give the role what AWSBackupServiceRolePolicyForRestores allows; for instances with a profile, iam:PassRole too.",
		},
		Source: "Zatoima, DG:troubleshooting",
	}
	InstanceKeyNeeded = Entry{
		ID: "E81", Moments: []Moment{InRestore}, Cause: "The restore of an instance's copy fails without a key of its own for each volume. AWS has no text of its own for it.",
		Cure:   Fix{Call: "backup:StartRestoreJob", Advice: "Set Encrypted and KmsKeyId in BlockDeviceMappings."},
		Source: "DG:restoring-ec2", Unreachable: needsInstances,
	}
	NothingRestored = Entry{
		ID: "E82", Text: "No objects were restored from <point> to <bucket>. To get notified of these failures, enable SNS event notifications.", Moments: []Moment{InRestore},
		Cause: "The role may write none of the objects, or may not use the key that they are to be under.",
		Cure: Fix{
			Call: "iam:PutRolePolicy", Resource: "<role>", Statement: `{"Effect":"Allow","Action":["s3:PutObject*","kms:GenerateDataKey"],"Resource":"*"}`,
			Advice: "Let the role write objects, and use their keys.",
		},
		Source: "DG:restoring-s3",
	}
	SomeNotRestored = Entry{
		ID:      "E83",
		Text:    "One or more objects failed to be restored from <point> to <bucket>. To get notified of these failures, enable SNS event notifications.",
		Moments: []Moment{InRestore},
		Cause:   "The role may not write some of the objects, or not use their keys. The job is COMPLETED.", Cure: NothingRestored.Cure,
		Source: "DG:restoring-s3",
	}
	NothingMatched = Entry{
		ID: "E84", Text: "There are no objects that match the restore request for <point>.", Moments: []Moment{InRestore},
		Cause:  "The recovery point is empty, or holds nothing that ItemsToRestore names. The job is COMPLETED.",
		Cure:   Fix{Call: "backup:StartRestoreJob", Resource: "<point>", Advice: "Name objects that it holds: prefixes end with a slash."},
		Source: "DG:restoring-s3",
	}
	NoListsInBackup = Entry{
		ID:      "E85",
		Text:    "Unable to restore Access Control Lists (ACLs) for bucket because backup was created with the 'BackupACLs' option disabled. Please proceed with restoring without ACLs",
		Moments: []Moment{InRestore},
		Cause:   "RestoreACLs is true, and the backup has none.",
		Cure:    Fix{Call: "backup:StartRestoreJob", Resource: "<point>", Parameters: map[string]string{"RestoreACLs": "false"}, Advice: "Restore without them."},
		Source:  "DG:restoring-s3",
	}
	ListsDisabled = Entry{
		ID: "E86", Text: "The bucket does not allow ACLs", Moments: []Moment{InRestore},
		Cause:  "RestoreACLs is true, and the destination bucket has access control lists disabled: the job fails in the words of S3, those of AWS Backup are not known. Where public access is blocked, objects with public lists are left out.",
		Cure:   Fix{Call: "backup:StartRestoreJob", Resource: "<point>", Parameters: map[string]string{"RestoreACLs": "false"}, Advice: "Restore without them, or enable the bucket's lists first."},
		Source: "DG:restoring-s3",
	}
	RestoreWindowClosed = Entry{
		ID:      "E87",
		Text:    "Restore job was unable to start within the specified start window. Try increasing your start window.",
		Moments: []Moment{InRestore}, Cause: "Too many restore tests at once.", Cure: Fix{Call: "backup:UpdateRestoreTestingPlan", Advice: "Widen StartWindowHours."},
		Source: "DG:aws-backup-limits", Unreachable: needsRestoreTests,
	}
	NoDefaultNetwork = Entry{
		ID:      "E88",
		Text:    "No default VPC for this user. GroupName is only supported for EC2-Classic and default VPC.",
		Moments: []Moment{InRestore}, Cause: "There is no default VPC.", Cure: Fix{Call: "ec2:CreateDefaultVpc", Advice: "Make one, or override SubnetId."},
		Source: "DG:restore-testing", Unreachable: needsInstances,
	}
	NoSubnets = Entry{
		ID: "E89", Text: "No subnets found for the default VPC [<network>]. Please specify a subnet.", Moments: []Moment{InRestore},
		Cause: "The default VPC has no subnets.", Cure: Fix{Call: "ec2:CreateDefaultSubnet", Advice: "Make one, or override SubnetId."},
		Source: "DG:restore-testing", Unreachable: needsInstances,
	}
	NoDefaultSubnet = Entry{
		ID: "E90", Text: "No default subnet detected in VPC. Please contact AWS Support to recreate default Subnets.", Moments: []Moment{InRestore},
		Cause: "There is no default subnet.", Cure: Fix{Call: "ec2:CreateDefaultSubnet", Advice: "Make one, or override DBSubnetGroupName."},
		Source: "DG:restore-testing", Unreachable: "Each Region has its default subnets.",
	}
	RestoreKeyDenied = Entry{
		ID: "E91", Text: "Access denied to KMS key.", Moments: []Moment{InRestore},
		Cause:  "The restore test's role may not use the key of the recovery point.",
		Cure:   Fix{Call: "kms:PutKeyPolicy", Resource: "<key>", Advice: "Let the role use the key."},
		Source: "DG:restore-testing", Unreachable: needsRestoreTests + " Of ordinary restores the service says E10.",
	}
	RestoreKeyMissing = Entry{
		ID:      "E91b",
		Text:    "The specified AWS KMS key ARN does not exist, is not enabled or you do not have permissions to access it.",
		Moments: []Moment{InRestore},
		Cause:   "The restore test names a key that its role may not use, or that is not there.",
		Cure:    Fix{Call: "kms:PutKeyPolicy", Resource: "<key>", Advice: "Let the role use the key."},
		Source:  "DG:restore-testing", Unreachable: needsRestoreTests + " Of ordinary restores the service says E9 or E10.",
	}
	RestoreIdentityDenied = Entry{
		ID:      "E92",
		Text:    "User <user> is not authorized to perform <action> on <resource> because no identity based policy allows the <action>.",
		Moments: []Moment{InRestore},
		Cause:   "The restore test's role may not do it.", Cure: Fix{Call: "iam:PutRolePolicy", Resource: "<role>", Advice: "Allow it."},
		Source: "DG:restore-testing", Unreachable: needsRestoreTests,
	}
	RestoreResourceDenied = Entry{
		ID:      "E92b",
		Text:    "User <user> is not authorized to perform <action> on <resource> because no resource-based policy allows the <action>.",
		Moments: []Moment{InRestore},
		Cause:   "The resource's policy does not admit the restore test's role.", Cure: Fix{Advice: "Admit it."},
		Source: "DG:restore-testing", Unreachable: needsRestoreTests,
	}
	RestoreExplicitlyDenied = Entry{
		ID:      "E92c",
		Text:    "User <user> is not authorized to perform <action> on <resource> with an explicit deny in a resource based policy.",
		Moments: []Moment{InRestore},
		Cause:   "The resource's policy denies it.", Cure: Fix{Advice: "Take the statement out."},
		Source: "DG:restore-testing", Unreachable: needsRestoreTests,
	}
	BucketCreationDenied = Entry{
		ID: "E92d", Text: "Access denied performing s3:CreateBucket on <bucket>", Moments: []Moment{InRestore},
		Cause: "The role may not make the bucket that the restore is to make.",
		Cure: Fix{
			Call: "iam:PutRolePolicy", Resource: "<role>", Statement: `{"Effect":"Allow","Action":"s3:CreateBucket","Resource":"*"}`,
			Advice: "Allow the role s3:CreateBucket, as AWSBackupServiceRolePolicyForS3Restore does, or restore into a bucket that is there.",
		},
		Source: "DG:restore-testing",
	}
	ShareRefused = Entry{
		ID: "E93", Moments: []Moment{AtOnce}, Error: Exception{Code: "OperationNotPermittedException"},
		Cause: "An air-gapped vault is shared with accounts, not with an organization.", Cure: Fix{Call: "ram:CreateResourceShare", Advice: "Name accounts."},
		Source: "DG:logicallyairgappedvault", Unreachable: needsAirGap,
	}
	AirGapKeyDenied = Entry{
		ID: "E94",
		Text: "User: <user> is not authorized to perform: kms:CreateGrant on this resource because the resource does not exist in this Region, " +
			"no resource-based policies allow access, or a resource-based policy explicitly denies access",
		Moments: []Moment{InEvent}, Cause: "The key's policy does not admit the vault.", Cure: Fix{Call: "kms:PutKeyPolicy", Resource: "<key>", Advice: "Admit it."},
		Source: "DG:logicallyairgappedvault", Unreachable: needsAirGap,
	}
	AccessVaultFailed = Entry{
		ID: "E95", Moments: []Moment{AtOnce}, Error: Exception{Code: "LimitExceededException"},
		Cause:  "A restore access vault of the source exists and has FAILED; only AVAILABLE ones can be revoked.",
		Cure:   Fix{Call: "backup:DeleteBackupVault", Advice: "Delete the failed one; allow mpa:StartSession, and see to the key's policy."},
		Source: "DG:multipartyapproval", Unreachable: "It needs multi-party approval.",
	}
	PointBusy = Entry{
		ID: "E96",
		Text: "AWS Backup is already performing an action on this recovery point. It can't perform the action you requested until the first action finishes. " +
			"Try again later.",
		Moments: []Moment{AtOnce}, Error: Exception{Code: "InvalidResourceStateException"},
		Cause:  "The recovery point is being made or deleted.",
		Cure:   Fix{Call: "backup:DescribeRecoveryPoint", Resource: "<point>", Advice: "Wait until it is done."},
		Source: "the API model",
	}
	InstanceKeyKept = Entry{
		ID: "E97", Moments: []Moment{InRestore},
		Cause:  "A restored RDS instance keeps the key of its recovery point, whatever the metadata say; Aurora takes another. Nothing fails.",
		Cure:   Fix{Call: "backup:StartCopyJob", Advice: "Copy into a vault with the wanted key first."},
		Source: "Blog, DG:restoring-rds", Unreachable: "Nothing fails, and nothing is told; TestDatabaseMetadata sees the key.",
	}
)

var restoreEntries = []Entry{
	ProfileForeign, RestoreDenied, InstanceKeyNeeded, NothingRestored, SomeNotRestored, NothingMatched, NoListsInBackup, ListsDisabled, RestoreWindowClosed,
	NoDefaultNetwork, NoSubnets, NoDefaultSubnet, RestoreKeyDenied, RestoreKeyMissing, RestoreIdentityDenied, RestoreResourceDenied,
	RestoreExplicitlyDenied, BucketCreationDenied, ShareRefused, AirGapKeyDenied, AccessVaultFailed, PointBusy, InstanceKeyKept,
}
