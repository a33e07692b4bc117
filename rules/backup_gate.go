package rules

import "time"

// BackupRequest is every fact that decides over a backup.
type BackupRequest struct {
	ResourceARN  string
	ResourceType string // "" if AWS Backup protects no such resources
	Vault        Place
	VaultExists  bool
	Lifecycle    Lifecycle
	Lock         LockRange // of the vault

	RoleARN string // of the job
	// RoleMissing is whether there is no such role.
	RoleMissing bool
	Role        Answer // may AWS Backup assume it?
	Resource    Answer // may the role look at the resource,
	Data        Answer // and read it?

	// Windows are the resource's own, and At is when the backup starts.
	Windows OwnWindows
	At      time.Time

	SealingKey Key // see [SealingKey]; zero until the resource was looked at
	KeyUse     Answer
}

// BackupGates are what a backup has to pass, in the order in which they are asked.
var BackupGates = []Gate[BackupRequest]{
	{"vault", "Is there such a vault?", askBackupVault},
	{"resource-type", "Does AWS Backup protect resources of the type?", askResourceType},
	{"lock", "Does the vault's lock admit the retention?", askBackupLock},
	{"role", "Can AWS Backup assume the job's role?", askBackupRole},
	{"resource", "May the role look at the resource?", askResource},
	{"own-windows", "Does the backup start away from the windows of the resource's own service?", askOwnWindows},
	{"key-state", "Is the key that seals the recovery point enabled?", func(_ AsOf, r BackupRequest) Verdict { return r.SealingKey.stateVerdict() }},
	{"key", "May the job use that key?", func(_ AsOf, r BackupRequest) Verdict { return r.KeyUse.keyVerdict(r.SealingKey) }},
	{"data", "May the role read the resource?", askData},
}

// askBackupRole says of the default role that it may not do enough where there is none yet: AWS's console makes it with the
// first backup that is to use it, which meets this, and no call does.
func askBackupRole(_ AsOf, r BackupRequest) Verdict {
	account := r.Vault.AccountID
	if !r.RoleMissing || r.RoleARN != DefaultRole(account) {
		return r.Role.roleVerdict(r.RoleARN)
	}
	refusal := RoleInsufficient.Refuse(Values{"role": r.RoleARN, "account": account})
	refusal.Cause = "The default role does not exist yet. Only AWS's console makes it."
	refusal.Fix = Fix{
		AccountID: account, Resource: r.RoleARN,
		Advice: "Have the default role made, by choosing it in AWS's console or with strongroom admin default-role, or name a role of your own.",
	}
	return RefusedBy(refusal, nil)
}

func askBackupVault(_ AsOf, r BackupRequest) Verdict {
	if !r.VaultExists {
		v := Values{"vault": r.Vault.VaultARN, "name": r.Vault.VaultName, "account": r.Vault.AccountID, "region": r.Vault.Region}
		return RefusedBy(VaultMissing.Refuse(v), nil)
	}
	return open(r.Vault.VaultARN)
}

func askResourceType(_ AsOf, r BackupRequest) Verdict {
	if r.ResourceType == "" {
		return RefusedBy(TypeUnsupported.Refuse(Values{"type": r.ResourceARN}), nil)
	}
	return open(r.ResourceType)
}

func askBackupLock(_ AsOf, r BackupRequest) Verdict {
	switch refusal := r.Lock.RefuseBackup(r.Lifecycle, r.Vault); {
	case !r.VaultExists:
		return notAsked("There is no vault.")
	case r.Lock == LockRange{}:
		return open("It has no lock, or one without bounds.")
	case refusal != nil:
		refusal.Fix = r.withRetention(r.Lock.nearest(r.Lifecycle))
		return RefusedBy(refusal, nil)
	}
	return open("The lock admits " + r.Lock.allowed() + ".")
}

func askResource(a AsOf, r BackupRequest) Verdict {
	return r.Resource.verdict(r.RoleARN+" may.", func() *Refusal {
		return RefuseDescribe(a, Values{"role": r.RoleARN, "resource": r.ResourceARN, "account": r.Vault.AccountID})
	})
}

func askOwnWindows(_ AsOf, r BackupRequest) Verdict {
	switch refusal := r.Windows.refuse(r.At); {
	case r.Windows == OwnWindows{}:
		return notAsked("It has none, or they are not known.")
	case refusal != nil:
		return RefusedBy(refusal, nil)
	}
	return open("It starts at " + r.At.UTC().Format(time.RFC3339) + ".")
}

func askData(a AsOf, r BackupRequest) Verdict {
	return r.Data.verdict(r.RoleARN+" may.", func() *Refusal {
		return RefuseDescribe(a, Values{"role": r.RoleARN, "resource": r.ResourceARN, "account": r.Vault.AccountID})
	})
}

// stateVerdict is that of a gate that asks whether a key can be used at all.
func (k Key) stateVerdict() Verdict {
	if k.Kind == Unencrypted {
		return notAsked("There is no key, or it is not known.")
	}
	return k.usable(func() *Refusal { return RefuseKeyState(k) })
}

// keyVerdict is that of a gate that asks whether a job may use a key.
func (a Answer) keyVerdict(k Key) Verdict {
	if k.Kind == Unencrypted {
		return notAsked("There is no key, or it is not known.")
	}
	return a.verdict(k.ARN, func() *Refusal { return RefuseKeyUse(k, a.Message) })
}
