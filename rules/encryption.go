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

// copyKeys refuses the copies that the kinds of the keys rule out.
func copyKeys(a AsOf, r CopyRequest) *Refusal {
	var (
		crossAccount = r.Source.AccountID != r.Destination.AccountID
		crossRegion  = r.Source.Region != r.Destination.Region
		full         = HasFullManagement(a, r.ResourceType)
		c, _         = CapabilityOf(r.ResourceType)
		ownVault     = func(p Place, role string) *Refusal {
			return ManagedDestination.Refuse(Values{"role": role, "name": p.VaultName, "account": p.AccountID, "region": p.Region})
		}
	)
	switch {
	case r.ResourceType == "Storage Gateway" && r.DestinationKey.isBackups():
		return GatewayVaultNeeded.Refuse(Values{"account": r.Destination.AccountID, "region": r.Destination.Region})
	case full && crossAccount && r.DestinationKey.isBackups() && r.Destination.VaultName == "Default":
		return ownVault(r.Destination, "destination")
	case full && crossAccount && r.SourceKey.isBackups():
		return ownVault(r.Source, "source")
	case full:
		return nil
	case (crossAccount || crossRegion) && r.DestinationKey.isBackups():
		return ownVault(r.Destination, "destination")
	case crossAccount && r.DestinationKey.Kind == AWSManaged:
		return ownVault(r.Destination, "destination")
	case crossAccount && r.SourceKey.Kind == AWSManaged && c.Family == FamilySnapshot:
		return ManagedKeySnapshot.Refuse(r.values())
	case crossAccount && r.SourceKey.Kind == AWSManaged:
		refusal := RefuseSourceKey(r)
		unshared := ManagedKeySnapshot.Refuse(r.values()) // the cause is the same, whatever the family says
		refusal.Cause, refusal.Fix = unshared.Cause, unshared.Fix
		return refusal
	}
	return nil
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
		unusable, reader := KeyUnusable.Refuse(nil), KeyInaccessible.Refuse(r.values())
		unusable.Cause, unusable.Fix = reader.Cause, reader.Fix
		return unusable
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

// RefuseMissingKey is the refusal of a backup, copy or restore whose key has been deleted.
func RefuseMissingKey(keyARN string) *Refusal { return KeyMissing.Refuse(Values{"key": keyARN}) }

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
