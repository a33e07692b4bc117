package rules

import "strings"

// KeyKind is who manages a KMS key.
type KeyKind int

// Kinds of keys.
const (
	Unencrypted     KeyKind = iota // there is no key
	CustomerManaged                // made by the account, with a policy of its own
	AWSManaged                     // aws/backup, aws/ebs…: its policy admits its own account only and cannot be changed
)

// Key is a KMS key as encryption decisions see it.
type Key struct {
	ARN   string
	Kind  KeyKind
	Alias string // of a managed key: "aws/backup", "aws/ebs"
	State string // as KMS calls it: Enabled, Disabled, PendingDeletion…; [KeyGone]; "" where it is not known
}

// KeyGone is the state of a key that does not exist any more.
const KeyGone = "Deleted"

// describe tells what kind of key it is.
func (k Key) describe() string {
	switch k.Kind {
	case CustomerManaged:
		return k.ARN + " is managed by the customer."
	case AWSManaged:
		return k.ARN + " is the managed key " + k.Alias + "."
	default:
		return "There is no key."
	}
}

// usable is the verdict of a gate that asks whether the key can be used at all.
func (k Key) usable(refuse func() *Refusal) Verdict {
	switch k.State {
	case "":
		return notAsked("The state of " + k.ARN + " is not known.")
	case "Disabled", "PendingDeletion", "PendingReplicaDeletion", "PendingImport", "Unavailable", KeyGone:
		return RefusedBy(refuse(), nil)
	}
	return open(k.ARN + " is " + k.State + ".")
}

// isBackups reports whether the key is the managed key of AWS Backup itself.
func (k Key) isBackups() bool { return k.Kind == AWSManaged && k.Alias == "aws/backup" }

// SealingKey is the key that seals a new recovery point: the vault's for fully managed types, even if the resource is
// not encrypted, and the resource's own for all others.
func SealingKey(a AsOf, resourceType string, resource, vault Key) Key {
	if HasFullManagement(a, resourceType) {
		return vault
	}
	return resource
}

// CopyKey is the key that seals a copy: always the destination vault's, except that unencrypted cluster snapshots
// (Aurora, DocumentDB, Neptune) stay unencrypted, because RDS cannot encrypt them by copying.
func CopyKey(resourceType string, source, destinationVault Key) Key {
	c, _ := CapabilityOf(resourceType)
	if c.Family == FamilyCluster && source.Kind == Unencrypted {
		return Key{}
	}
	return destinationVault
}

// RefuseSourceKey is the refusal of a copy whose reader, the service-linked role of the destination account, may not
// use the source's key, or whose source key is disabled.
func RefuseSourceKey(r CopyRequest) *Refusal {
	c, _ := CapabilityOf(r.ResourceType)
	switch c.Family {
	case FamilySnapshot:
		if r.ResourceType == "EC2" {
			return ImageKeyInaccessible.Refuse(r.values())
		}
		return KeyInaccessible.Refuse(r.values())
	case FamilyInstance, FamilyCluster:
		return SnapshotKeyUnusable.Refuse(r.values())
	default:
		return KeyUnusable.Refuse(nil).because(KeyInaccessible.Refuse(r.values()))
	}
}

// RefuseKey is the refusal of a backup, copy or restore that cannot use the key it must read or write under.
func RefuseKey(keyARN string) *Refusal {
	v := Values{"key": keyARN, "region": "", "account": ""}
	if fields := strings.Split(keyARN, ":"); len(fields) > 4 {
		v["region"], v["account"] = fields[3], fields[4]
	}
	return KeyUnusable.Refuse(v)
}

// RefuseKeyState is the refusal of a job whose key is not enabled, and what brings that key back.
func RefuseKeyState(k Key) *Refusal {
	if k.State == KeyGone {
		return RefuseMissingKey(k.ARN)
	}
	refusal := RefuseKey(k.ARN)
	refusal.Cause = "The key " + k.ARN + " is in the state " + k.State + "."
	refusal.Fix.Parameters = map[string]string{"KeyId": k.ARN}
	refusal.Fix.Advice = "Enable the key."
	if k.State == "PendingDeletion" { // it is Disabled afterwards
		refusal.Then = []Fix{refusal.Fix}
		refusal.Fix.Call, refusal.Fix.Advice = "kms:CancelKeyDeletion", "Cancel the key's deletion."
	}
	return refusal
}

// RefuseKeyUse is the refusal of a job that may not use a key; what KMS says is told as its cause.
func RefuseKeyUse(k Key, says string) *Refusal {
	refusal := RefuseKey(k.ARN)
	if says != "" {
		refusal.Cause += " KMS says: " + says
	}
	return refusal
}

// RefuseMissingKey is the refusal of a backup, copy or restore whose key has been deleted.
func RefuseMissingKey(keyARN string) *Refusal { return KeyMissing.Refuse(Values{"key": keyARN}) }

// DefaultRole is the ARN of an account's AWSBackupDefaultServiceRole, which AWS's console makes at its first use, and no call.
// https://docs.aws.amazon.com/aws-backup/latest/devguide/iam-service-roles.html
func DefaultRole(accountID string) string {
	return "arn:aws:iam::" + accountID + ":role/service-role/AWSBackupDefaultServiceRole"
}

// ServiceLinkedRole is the ARN of an account's AWSServiceRoleForBackup.
func ServiceLinkedRole(accountID string) string {
	return "arn:aws:iam::" + accountID + ":role/aws-service-role/backup.amazonaws.com/AWSServiceRoleForBackup"
}

// ManagedAlias is the alias that an AWS managed key goes by, without "alias/"; "" for other aliases.
func ManagedAlias(alias string) string {
	name := strings.TrimPrefix(alias, "alias/")
	if strings.HasPrefix(name, "aws/") {
		return name
	}
	return ""
}
