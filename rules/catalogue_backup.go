package rules

// Entries about backup jobs under way.
var (
	ResourceBusy = Entry{
		ID: "E57", Text: "Backup job failed because there was a running job for the same resource.", Category: ConcurrentJob, Moments: []Moment{InBackup},
		Cause:  "One job at a time works on a resource; this one waited until its start window was over. Its state is EXPIRED.",
		Cure:   Fix{Call: "backup:StartBackupJob", Resource: "<resource>", Advice: "Wait for the other job, or widen the start window, or move the schedules apart."},
		Source: "DG:backup-dashboards, DG:eventbridge",
	}
	WindowClosed = Entry{
		ID: "E58", Text: "Backup job expired before completion.", Category: JobExpired, Moments: []Moment{InBackup},
		Cause:  "The job's window closed before it was done. Its state is EXPIRED.",
		Cure:   Fix{Call: "backup:StartBackupJob", Resource: "<resource>", Advice: "Widen StartWindowMinutes or CompletionWindowMinutes."},
		Source: "DG:backup-dashboards, DG:troubleshooting",
	}
	StoppedByUser = Entry{
		ID: "E59", Text: "Backup job was stopped by user.", Moments: []Moment{InBackup},
		Cause:  "Somebody called StopBackupJob. The job's state is ABORTED.",
		Cure:   Fix{Call: "backup:StartBackupJob", Resource: "<resource>", Advice: "Start another one."},
		Source: "DG:eventbridge",
	}
	BackupOutsideLock = Entry{
		ID: "E60", Text: "Backup job failed because the lifecycle is outside the valid range for backup vault.", Category: InvalidLifecycle, Moments: []Moment{InBackup},
		Cause: outsideLock, Cure: lockCure, Source: "DG:lag-vault-primary-backup, DG:vault-lock",
	}
	MaintenanceWindow = Entry{
		ID:       "E61",
		Text:     "Backup job could not start because it is either inside or too close to the weekly maintenance window configured in RDS instance.",
		Category: InvalidLifecycle, Moments: []Moment{InBackup}, Cause: "The start lies within the hour before the database's maintenance window <window>, or inside it.",
		Cure:   Fix{Call: "backup:UpdateBackupPlan", Advice: "Move the schedule, or the instance's window."},
		Source: "DG:point-in-time-recovery, DG:backup-dashboards",
	}
	AutomatedWindow = Entry{
		ID:       "E62",
		Text:     "Backup job could not start because it is either inside or too close to the automated backup window configured in RDS instance.",
		Category: InvalidLifecycle, Moments: []Moment{InBackup}, Cause: "The start lies within the hour before the database's own backup window <window>, or inside it.",
		Cure:   Fix{Call: "backup:UpdateBackupPlan", Advice: "Move the schedule, or the instance's window."},
		Source: "DG:backup-dashboards",
	}
	SubscriberLimit = Entry{
		ID:       "E63",
		Text:     "Subscriber limit exceeded: You have reached the maximum concurrent number of backups, which is 300. Wait until other jobs finish, and try again.",
		Category: LimitExceeded, Moments: []Moment{InBackup}, Cause: "300 backup jobs of the account run in the Region.",
		Cure:   Fix{Call: "backup:StartBackupJob", Advice: "Spread the schedules."},
		Source: "DG:backup-dashboards", Unreachable: "Jobs above the server's concurrency wait in state CREATED for their start window.",
	}
	VolumeSnapshotLimit = Entry{
		ID: "E64", Text: "Maximum allowed in-progress snapshots for a single volume exceeded.", Category: LimitExceeded, Moments: []Moment{InBackup},
		Cause: "A quota of EC2.", Cure: Fix{Advice: "Wait for other snapshots."}, Source: "DG:backup-dashboards", Unreachable: noQuota,
	}
	SnapshotLimit = Entry{
		ID: "E64b", Text: "Maximum allowed active snapshot limit exceeded.", Category: LimitExceeded, Moments: []Moment{InBackup},
		Cause: "A quota of EC2.", Cure: Fix{Advice: "Delete snapshots, or have the quota raised."}, Source: "DG:backup-dashboards", Unreachable: noQuota,
	}
	ImageThrottled = Entry{
		ID:       "E64c",
		Text:     "Image creation throttled due to maximum number of concurrent snapshots on an EBS volume.",
		Category: LimitExceeded, Moments: []Moment{InBackup}, Cause: "A quota of EC2.", Cure: Fix{Advice: "Wait for other snapshots."},
		Source: "DG:backup-dashboards", Unreachable: noQuota,
	}
	UserSnapshotLimit = Entry{
		ID: "E64d", Text: "Cannot create more than 20 user snapshots", Category: LimitExceeded, Moments: []Moment{InBackup},
		Cause: "A quota of Redshift.", Cure: Fix{Advice: "Delete snapshots, or have the quota raised."}, Source: "DG:backup-dashboards", Unreachable: noQuota,
	}
	ImageLimit = Entry{
		ID:       "E64e",
		Text:     "You have reached your quota of 50,000 for the number of public and private images allowed in this Region.",
		Category: LimitExceeded, Moments: []Moment{InBackup}, Cause: "A quota of EC2.", Cure: Fix{Advice: "Deregister images, or have the quota raised."},
		Source: "DG:backup-dashboards", Unreachable: noQuota,
	}
	TooManyTags = Entry{
		ID: "E65", Text: "The resultant tag set must not have more than 50 user tags.", Category: LimitExceeded, Moments: []Moment{InBackup},
		Cause:  "The resource's tags and those of the job or rule come to more than 50.",
		Cure:   Fix{Call: "backup:StartBackupJob", Resource: "<resource>", Advice: "Take tags from the resource, or from the job or the rule."},
		Source: "DG:backup-dashboards",
	}
	TooManyTagsNative = Entry{
		ID: "E65b", Text: "More than 50 tags specified", Category: LimitExceeded, Moments: []Moment{InBackup},
		Cause: "The same, as EC2 says it.", Cure: TooManyTags.Cure, Source: "DG:backup-dashboards", Unreachable: "E65 is told before EC2 is asked.",
	}
	InterfacesTooLarge = Entry{
		ID:       "E66",
		Text:     "Your backup succeeded, but we were unable to persist NetworkInterfaces metadata as its size exceeded our internal limits.",
		Category: LimitExceeded, Moments: []Moment{InBackup}, Cause: "The instance has very many interfaces.", Cure: Fix{Advice: "Name them when you restore."},
		Source: "DG:backup-dashboards", Unreachable: needsInstances,
	}
	TimestreamLimit = Entry{
		ID:       "E67",
		Text:     "You have reached the maximum supported backups for your account/database. See Quotas in the Timestream developer guide for additional information.",
		Category: LimitExceeded, Moments: []Moment{InBackup}, Cause: "A quota of Timestream.", Cure: Fix{Advice: "Delete recovery points."},
		Source: "DG:backup-dashboards", Unreachable: "It needs Timestream.",
	}
	InstanceNotInState = Entry{
		ID: "E68", Text: "Instance is not in state", Category: InvalidState, Moments: []Moment{InBackup},
		Cause: "The resource is being changed, or is not well.", Cure: Fix{Call: "backup:StartBackupJob", Advice: "Back up when it is available."},
		Source: "DG:backup-dashboards", Unreachable: needsInstances,
	}
	ResourceNotAvailable = Entry{
		ID: "E68b", Text: "DB cluster <name> is not in the available state.", Category: InvalidState, Moments: []Moment{InBackup},
		Cause: "The cluster is <status>; RDS snapshots clusters that are available. (AWS publishes the end of the text.)", Cure: InstanceNotInState.Cure,
		Source: "DG:backup-dashboards",
	}
	ResourceNotInAvailable = Entry{
		ID: "E68c", Text: "Instance <name> is not in available state.", Category: InvalidState, Moments: []Moment{InBackup},
		Cause: "The instance is <status>; RDS snapshots instances that are available.", Cure: InstanceNotInState.Cure,
		Source: "DG:backup-dashboards, GH:cloud-custodian/cloud-custodian#1687",
	}
	VolumeNotInState = Entry{
		ID: "E68d", Text: "Cannot snapshot volume", Category: InvalidState, Moments: []Moment{InBackup},
		Cause: InstanceNotInState.Cause, Cure: InstanceNotInState.Cure, Source: "DG:backup-dashboards",
		Unreachable: "A volume can be frozen in every state that lasts.",
	}
	VolumeMissing = Entry{
		ID: "E69", Text: "The specified volume was not found.", Category: ResourceNotFound, Moments: []Moment{InBackup},
		Cause:  "The volume does not exist, or not any more.",
		Cure:   Fix{Call: "backup:StartBackupJob", Advice: "Back up a volume that is there; have plans select by tag."},
		Source: "DG:backup-dashboards",
	}
	MachineMissing = Entry{
		ID: "E69b", Text: "The virtual machine is not found.", Category: ResourceNotFound, Moments: []Moment{InBackup},
		Cause: "The machine is gone.", Cure: Fix{Advice: "Take it from the plan."}, Source: "DG:backup-dashboards", Unreachable: needsHypervisor,
	}
	TableMissing = Entry{
		ID: "E69c", Text: "Table not found.", Category: ResourceNotFound, Moments: []Moment{InBackup},
		Cause: "The table is gone.", Cure: Fix{Advice: "Take it from the plan."}, Source: "DG:backup-dashboards", Unreachable: "It needs DynamoDB.",
	}
	ShadowCopyError = Entry{
		ID: "E70", Text: "Windows VSS Backup Job Error encountered, trying for regular backup", Category: VSSError, Moments: []Moment{InBackup},
		Cause: "VSS does not answer; the job makes an ordinary backup.", Cure: Fix{Advice: "See to the agent, its role and the system's version."},
		Source: "DG:backup-dashboards", Unreachable: needsInstances,
	}
	ShadowCopyFailed = Entry{
		ID: "E70b", Text: "Windows VSS Backup attempt failed because <reason>", Category: VSSError, Moments: []Moment{InBackup},
		Cause: ShadowCopyError.Cause, Cure: ShadowCopyError.Cure, Source: "DG:backup-dashboards", Unreachable: needsInstances,
	}
	ContinuousElsewhere = Entry{
		ID:       "E71",
		Text:     "Enabling continuous backup failed, because of the following error: PITR already configured in backup plan: [<plan>]",
		Category: Miscellaneous, Moments: []Moment{InBackup}, Cause: "Another rule makes the continuous backup; this one makes a snapshot.",
		Cure: Fix{Call: "backup:UpdateBackupPlan", Advice: "Turn continuous backup on in one rule."}, Source: "DG:point-in-time-recovery", Unreachable: needsContinuous,
	}
	BucketContinuousElsewhere = Entry{
		ID: "E72", Text: "Bucket <bucket> already has continuous backup enabled for another vault Backup job failed.", Category: Miscellaneous, Moments: []Moment{InBackup},
		Cause:  "A bucket has one continuous recovery point, and it lies in another vault.",
		Cure:   Fix{Call: "backup:DisassociateRecoveryPoint", Advice: "Disassociate the other one, or use its vault."},
		Source: "DG:lag-vault-primary-backup", Unreachable: needsContinuous,
	}
	OptionsDiffer = Entry{
		ID: "E73",
		Text: "Periodic/snapshot backup for bucket <bucket> has different backup options than the continuous backup. When using continuous backups along with snapshot backups " +
			"for the same bucket, the snapshot will use the same settings for backing up ACLs and Object tags as the continuous backup.",
		Category: Miscellaneous, Moments: []Moment{InBackup}, Cause: "The options of the two differ.", Cure: Fix{Call: "backup:UpdateBackupPlan", Advice: "Make them alike."},
		Source: "DG:s3-backups", Unreachable: needsContinuous,
	}
	NothingBackedUp = Entry{
		ID:       "E74",
		Text:     "No objects were backed up from the source bucket <bucket>. To get notified of these failures, enable SNS event notifications.",
		Category: Miscellaneous, Moments: []Moment{InBackup},
		Cause: "The role can read none of the bucket's objects, or the keys that they are under cannot be used.",
		Cure: Fix{
			Call: "iam:PutRolePolicy", Resource: "<role>", Statement: `{"Effect":"Allow","Action":["s3:GetObject*","kms:Decrypt"],"Resource":"*"}`,
			Advice: "Let the role read the objects, and use their keys.",
		},
		Source: "DG:s3-backups",
	}
	SomeSkipped = Entry{
		ID:       "E74b",
		Text:     "One or more objects failed to be backed up from the source bucket <bucket>. To get notified of these failures, enable SNS event notifications.",
		Category: Miscellaneous, Moments: []Moment{InBackup},
		Cause: "Some of the bucket's objects could not be read, and are not in the recovery point: the role may not read them or use their keys, or they lie in an " +
			"archival storage class or are under a key of a client's. The job is COMPLETED.",
		Cure:   NothingBackedUp.Cure,
		Source: "Own",
	}
	AirGapUnsupported = Entry{
		ID:       "E75",
		Text:     "Backup job completed successfully to the target backup vault. This resource type is not supported by logically air-gapped backup vault.",
		Category: Miscellaneous, Moments: []Moment{InBackup}, Cause: "The type does not go into such vaults.", Cure: Fix{Advice: "Take the air-gapped vault from the rule."},
		Source: "DG:lag-vault-primary-backup", Unreachable: needsAirGap,
	}
	AirGapManagedKey = Entry{
		ID:       "E76",
		Text:     "Backup job completed successfully to the target backup vault. This resource is encrypted with an AWS managed key and cannot be copied to a logically air-gapped backup vault.",
		Category: Miscellaneous, Moments: []Moment{InBackup}, Cause: "The resource is under a key of AWS.", Cure: Fix{Advice: "Encrypt it with a customer managed key."},
		Source: "DG:lag-vault-primary-backup", Unreachable: needsAirGap,
	}
	HostOffline = Entry{
		ID:       "E77",
		Text:     "This operation is not valid for the specified hypervisor because it is not online",
		Category: HypervisorOffline, Moments: []Moment{InBackup}, Cause: "The gateway does not reach the hypervisor.", Cure: Fix{Advice: "Bring it online."},
		Source: "DG:backup-dashboards", Unreachable: needsHypervisor,
	}
	HostUnsupported = Entry{
		ID:       "E77b",
		Text:     "CreateSnapshot method not supported on hypervisor during snapshot creation. Aborted backup job",
		Category: UnsupportedOperation, Moments: []Moment{InBackup}, Cause: "The hypervisor makes no snapshots.", Cure: Fix{Advice: "Use one that does."},
		Source: "DG:backup-dashboards", Unreachable: needsHypervisor,
	}
	RegionSnapshotLimit = Entry{
		ID: "E78", Moments: []Moment{InBackup},
		Cause: "A Region holds 100,000 snapshots of volumes, and further backups fail; a second queued backup of a file system may expire. AWS has no texts of their own for it.",
		Cure:  Fix{Advice: "Have the quota raised, or delete snapshots."}, Source: "DG:troubleshooting", Unreachable: noQuota,
	}
)

const (
	needsAirGap     = "It needs logically air-gapped vaults."
	needsHypervisor = "It needs VMware."
	noQuota         = "The service has no such quota."
)

var backupEntries = []Entry{
	ResourceBusy, WindowClosed, StoppedByUser, BackupOutsideLock, MaintenanceWindow, AutomatedWindow, SubscriberLimit, VolumeSnapshotLimit, SnapshotLimit,
	ImageThrottled, UserSnapshotLimit, ImageLimit, TooManyTags, TooManyTagsNative, InterfacesTooLarge, TimestreamLimit, InstanceNotInState,
	ResourceNotAvailable, ResourceNotInAvailable, VolumeNotInState, VolumeMissing, MachineMissing, TableMissing, ShadowCopyError, ShadowCopyFailed,
	ContinuousElsewhere, BucketContinuousElsewhere, OptionsDiffer, NothingBackedUp, SomeSkipped, AirGapUnsupported, AirGapManagedKey, HostOffline, HostUnsupported,
	RegionSnapshotLimit,
}
