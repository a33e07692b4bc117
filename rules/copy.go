package rules

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
	CrossAccountEnabled     bool   // the organization's isCrossAccountBackupEnabled

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
	c, known := CapabilityOf(r.ResourceType)
	crossAccount := r.Source.AccountID != r.Destination.AccountID
	crossRegion := r.Source.Region != r.Destination.Region
	switch {
	case r.PointStatus != "COMPLETED" && r.PointStatus != "AVAILABLE" && r.PointStatus != "PARTIAL":
		return CopyDecision{}, PointMissing.Refuse(r.values())
	case !r.DestinationExists:
		return CopyDecision{}, DestinationMissing.Refuse(r.values().With("account", r.Destination.AccountID, "region", r.Destination.Region))
	case !known || !c.CrossRegion.At(a) && !c.CrossAccount.At(a):
		return CopyDecision{}, TypeUnsupported.Refuse(r.values())
	case crossAccount && (r.SourceOrganization == "" || r.SourceOrganization != r.DestinationOrganization):
		return CopyDecision{}, OtherOrganization.Refuse(r.values())
	case crossAccount && !r.CrossAccountEnabled:
		return CopyDecision{}, CrossAccountOff.Refuse(r.values())
	case crossAccount && crossRegion && !c.OneAction.At(a),
		crossAccount && !c.CrossAccount.At(a),
		crossRegion && !c.CrossRegion.At(a):
		refusal := CopyUnsupported.Refuse(r.values())
		if oneByOne := crossAccount && crossRegion && c.CrossAccount.At(a) && c.CrossRegion.At(a); !oneByOne {
			refusal.Fix = Fix{} // there is no way
		}
		return CopyDecision{}, refusal
	case r.Cold:
		return CopyDecision{}, &Refusal{
			Message: "Recovery points in cold storage cannot be copied.", Category: InvalidState,
			Cause: "The recovery point has moved to cold storage.", Fix: Fix{Advice: "Copy before the transition."},
		}
	case r.Continuous && !r.Scheduled:
		return CopyDecision{}, &Refusal{
			Message: "Copy job does not support continuous recovery points.", Category: UnsupportedOperation,
			Cause: "Only a plan's copy action copies a continuous recovery point, as a snapshot.", Fix: Fix{Advice: "Add a copy action to the plan's rule."},
		}
	}
	if refusal := copyKeys(a, r); refusal != nil {
		return CopyDecision{}, refusal
	}
	if refusal := r.Lock.RefuseCopy(r.Lifecycle, r.Destination); refusal != nil {
		return CopyDecision{}, refusal
	}
	return CopyDecision{
		Key:         CopyKey(r.ResourceType, r.SourceKey, r.DestinationKey),
		Reader:      ServiceLinkedRole(r.Destination.AccountID),
		Incremental: c.Incremental.At(a) && c.Family != FamilyCluster,
	}, nil
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
