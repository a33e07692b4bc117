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

// managedVault is AWS's message about vaults under aws/backup; it speaks of the destination also where the source is
// meant.
const managedVault = "Copy job failed because the destination Backup vault is encrypted with the default Backup service managed key. " +
	"The contents of this vault cannot be copied. Only the contents of a Backup vault encrypted by an AWS KMS key may be copied."

// copyKeys refuses the copies that the kinds of the keys rule out.
func copyKeys(a AsOf, r CopyRequest) *Refusal {
	var (
		crossAccount = r.Source.AccountID != r.Destination.AccountID
		crossRegion  = r.Source.Region != r.Destination.Region
		full         = HasFullManagement(a, r.ResourceType)
		c, _         = CapabilityOf(r.ResourceType)
		ownVault     = func(p Place, what string) *Refusal {
			return &Refusal{
				Message: managedVault, Category: AccessDenied,
				Cause: what + " " + p.VaultName + " of account " + p.AccountID + " is under the managed key aws/backup, which no other account can use.",
				Fix: Fix{
					Call: "backup:CreateBackupVault", AccountID: p.AccountID, Region: p.Region,
					Advice: "Use a vault with a customer managed key; a vault's key cannot be changed.",
				},
			}
		}
	)
	switch {
	case r.ResourceType == "Storage Gateway" && r.DestinationKey.isBackups():
		return &Refusal{
			Message:  "UnsupportedOperation : Storage Gateway backup copies require a user-created backup vault and key at destination.",
			Category: UnsupportedOperation, Cause: "The destination vault is under the managed key aws/backup.",
			Fix: Fix{Call: "backup:CreateBackupVault", AccountID: r.Destination.AccountID, Region: r.Destination.Region, Advice: "Copy into a vault with a customer managed key."},
		}
	case full && crossAccount && r.DestinationKey.isBackups() && r.Destination.VaultName == "Default":
		return ownVault(r.Destination, "The destination vault")
	case full && crossAccount && r.SourceKey.isBackups():
		return ownVault(r.Source, "The source vault")
	case full:
		return nil
	case (crossAccount || crossRegion) && r.DestinationKey.isBackups():
		return ownVault(r.Destination, "The destination vault")
	case crossAccount && r.DestinationKey.Kind == AWSManaged:
		return ownVault(r.Destination, "The destination vault")
	case crossAccount && r.SourceKey.Kind == AWSManaged && c.Family == FamilySnapshot:
		return &Refusal{
			Message:  "Snapshots encrypted with the AWS managed key can't be shared. Specify another snapshot.",
			Category: AccessDenied, Cause: "The resource is encrypted with " + r.SourceKey.Alias + ", whose policy admits its own account only.",
			Fix: Fix{
				Call: "backup:StartCopyJob", AccountID: r.Source.AccountID, Region: r.Source.Region, Resource: r.RecoveryPointARN,
				Advice: "Copy first into a local vault with a customer managed key, then across accounts; or encrypt the resource with a customer managed key.",
			},
		}
	case crossAccount && r.SourceKey.Kind == AWSManaged:
		refusal := RefuseSourceKey(r)
		refusal.Cause = "The resource is encrypted with " + r.SourceKey.Alias + ", whose policy admits its own account only."
		refusal.Fix = Fix{
			Call: "backup:StartCopyJob", AccountID: r.Source.AccountID, Region: r.Source.Region, Resource: r.RecoveryPointARN,
			Advice: "Copy first into a local vault with a customer managed key, then across accounts.",
		}
		return refusal
	}
	return nil
}

// RefuseSourceKey is the refusal of a copy whose reader, the service-linked role of the destination account, may not
// use the source's key, or whose source key is disabled.
func RefuseSourceKey(r CopyRequest) *Refusal {
	c, _ := CapabilityOf(r.ResourceType)
	var message string
	switch c.Family {
	case FamilySnapshot:
		message = "Given key ID is not accessible"
		if r.ResourceType == "EC2" {
			message = "AMI snapshot copy failed with error: Given key ID is not accessible. You must have DescribeKey permissions on the default key"
		}
	case FamilyInstance, FamilyCluster:
		message = "The source snapshot KMS key [" + r.SourceKey.ARN + "] does not exist, is not enabled or you do not have permissions to access it."
	default:
		message = keyUnusable
	}
	reader := ServiceLinkedRole(r.Destination.AccountID)
	return &Refusal{
		Message: message, Category: KMSKeyError,
		Cause: "The copy is read by " + reader + ", which may not use the key " + r.SourceKey.ARN + " of the source.",
		Fix: Fix{
			Call: "kms:PutKeyPolicy", AccountID: r.Source.AccountID, Region: r.Source.Region, Resource: r.SourceKey.ARN,
			Statement: `{"Effect":"Allow","Principal":{"AWS":"` + reader + `"},` +
				`"Action":["kms:DescribeKey","kms:Decrypt","kms:ReEncryptFrom","kms:GenerateDataKey","kms:GenerateDataKeyWithoutPlaintext","kms:CreateGrant","kms:ListGrants","kms:RevokeGrant"],"Resource":"*"}`,
			Advice: "Let the destination account's service-linked role use the key, and see that the key is enabled.",
		},
	}
}

const keyUnusable = "KMS key is either disabled or pending deletion or access to KMS key is denied"

// RefuseKey is the refusal of a backup, copy or restore that cannot use the key it must read or write under.
func RefuseKey(keyARN string) *Refusal {
	refusal := &Refusal{
		Message: keyUnusable, Category: KMSKeyError,
		Cause: "The key " + keyARN + " is disabled or being deleted, or its policy does not admit the job.",
		Fix:   Fix{Call: "kms:EnableKey", Resource: keyARN, Advice: "Enable the key, or cancel its deletion, and let the job's role use it."},
	}
	if fields := strings.Split(keyARN, ":"); len(fields) > 4 {
		refusal.Fix.Region, refusal.Fix.AccountID = fields[3], fields[4]
	}
	return refusal
}

// RefuseMissingKey is the refusal of a backup, copy or restore whose key has been deleted.
func RefuseMissingKey(keyARN string) *Refusal {
	return &Refusal{
		Message: "Given key ID does not exist", Category: ResourceNotFound,
		Cause: "The key " + keyARN + " was deleted, and with it everything that it sealed is lost.",
		Fix:   Fix{Advice: "Use a copy of the recovery point under another key."},
	}
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
