package rules

import "strings"

// Place is a vault, where a copy comes from or goes to.
type Place struct {
	AccountID string
	Region    string
	VaultName string
	VaultARN  string
}

// CopyRequest is every fact that decides over a copy.
type CopyRequest struct {
	RecoveryPointARN string
	ResourceType     string
	PointStatus      string // COMPLETED, AVAILABLE…; "" if the point does not exist
	Cold             bool   // the point is in cold storage
	Continuous       bool
	Scheduled        bool // by a plan's copy action, which may copy a continuous point as a snapshot

	Source      Place
	Destination Place
	// DestinationExists is whether there is such a vault.
	DestinationExists bool

	SourceKey      Key // of the recovery point
	DestinationKey Key // of the destination vault

	SourceOrganization      string // id of the organization of the source account, "" for none
	DestinationOrganization string
	ManagementAccountID     string // of the source's organization
	TrustedAccess           bool   // AWS Backup has it to the source's organization
	CrossAccountEnabled     bool   // the organization's isCrossAccountBackupEnabled

	// What policies say, where they were asked:
	RoleARN           string // of the job
	Role              Answer // may AWS Backup assume it?
	CopyFrom          Answer // may the role copy from the source vault,
	CopyInto          Answer // and into the destination vault?
	ReadTags          Answer // may the role read the tags that the copy takes along?
	ReaderMissing     bool   // whoever must be able to use the source's key does not exist; see [CopyDecision.Reader]
	SourceKeyUse      Answer // may whoever reads the source use its key?
	DestinationKeyUse Answer // may AWS Backup use the destination vault's key?

	Lifecycle Lifecycle // of the copy
	Lock      LockRange // of the destination vault
}

// CopyDecision is what an allowed copy will be.
type CopyDecision struct {
	Key Key // seals the copy
	// Reader must be able to use the source's key: the service-linked role of the destination account. For a copy within
	// the account it is the same role of the own account.
	Reader      string
	Incremental bool // the type copies incrementally where an earlier copy is at hand
}

// DecideCopy says what a copy will be, or why there can be none.
func DecideCopy(a AsOf, r CopyRequest) (CopyDecision, *Refusal) {
	if refusal := Follow(CopyGates, a, r).Refusal(); refusal != nil {
		return CopyDecision{}, refusal
	}
	return r.Decision(a), nil
}

// Decision is what the copy will be, for those that all gates let through.
func (r CopyRequest) Decision(a AsOf) CopyDecision {
	c, _ := r.capability()
	return CopyDecision{
		Key:         CopyKey(r.ResourceType, r.SourceKey, r.DestinationKey),
		Reader:      ServiceLinkedRole(r.Destination.AccountID),
		Incremental: c.Incremental.At(a) && c.Family != FamilyCluster,
	}
}

// multiAZCluster is the variant of RDS that a recovery point is of which is the snapshot of a cluster: RDS has clusters of its
// own, of which AWS Backup makes no copies.
const multiAZCluster = "Multi-AZ cluster"

// capability is the row of what is copied.
func (r CopyRequest) capability() (Capability, bool) {
	if r.ResourceType == "RDS" && strings.Contains(r.RecoveryPointARN, ":cluster-snapshot:") {
		return capabilityOf(r.ResourceType, multiAZCluster)
	}
	return CapabilityOf(r.ResourceType)
}

// RefuseCopyInto is the refusal of a copy that the destination vault's access policy does not admit.
func RefuseCopyInto(r CopyRequest) *Refusal {
	condition, principal := "", `{"AWS":"arn:aws:iam::`+r.Source.AccountID+`:root"}`
	if r.SourceOrganization != "" {
		principal = `"*"`
		condition = `,"Condition":{"StringEquals":{"aws:PrincipalOrgID":"` + r.SourceOrganization + `"}}`
	}
	return CopyIntoDenied.Refuse(r.values().With("principal", principal, "condition", condition))
}

// values are what the texts about a copy name.
func (r CopyRequest) values() Values {
	return Values{
		"point": r.RecoveryPointARN, "type": r.ResourceType, "management": r.ManagementAccountID,
		"account": r.Source.AccountID, "other": r.Destination.AccountID, "from": r.Source.Region, "to": r.Destination.Region,
		"vault": r.Destination.VaultARN, "name": r.Destination.VaultName,
		"key": r.SourceKey.ARN, "alias": r.SourceKey.Alias, "reader": ServiceLinkedRole(r.Destination.AccountID),
	}
}

// Hops are the vault places that a recovery point must pass through on its way, the destination last: one where a
// single copy action will do, two (account first, then Region) where the rules ask for two, none if there is no way.
func Hops(a AsOf, resourceType string, source, destination Place) []Place {
	c, _ := CapabilityOf(resourceType)
	crossAccount := source.AccountID != destination.AccountID
	crossRegion := source.Region != destination.Region
	switch {
	case !c.CrossAccount.At(a) && crossAccount, !c.CrossRegion.At(a) && crossRegion, !c.CrossAccount.At(a) && !c.CrossRegion.At(a):
		return nil
	case crossAccount && crossRegion && !c.OneAction.At(a):
		return []Place{{AccountID: destination.AccountID, Region: source.Region}, destination}
	}
	return []Place{destination}
}
