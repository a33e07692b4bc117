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
		return CopyDecision{}, &Refusal{
			Message: "Cannot find recovery point " + r.RecoveryPointARN, Category: ResourceNotFound,
			Cause: "The recovery point does not exist, is not finished, or is being deleted.",
			Fix:   Fix{Advice: "Copy a finished recovery point."},
		}
	case !r.DestinationExists:
		return CopyDecision{}, &Refusal{
			Message: "Could not find cryopod " + r.Destination.VaultARN, Category: ResourceNotFound,
			Cause: "The destination vault does not exist.",
			Fix: Fix{
				Call: "backup:CreateBackupVault", AccountID: r.Destination.AccountID, Region: r.Destination.Region, Resource: r.Destination.VaultARN,
				Parameters: map[string]string{"BackupVaultName": r.Destination.VaultName}, Advice: "Create the vault, with a customer managed key.",
			},
		}
	case !known || !c.CrossRegion.At(a) && !c.CrossAccount.At(a):
		return CopyDecision{}, &Refusal{
			Message: "Unsupported resource type", Category: ResourceNotSupported,
			Cause: "AWS Backup copies no recovery points of " + r.ResourceType + ".",
		}
	case crossAccount && (r.SourceOrganization == "" || r.SourceOrganization != r.DestinationOrganization):
		return CopyDecision{}, &Refusal{
			Message: "Copy job failed. Both source and destination account must be a member of the same organization.", Category: AccessDenied,
			Cause: "Accounts " + r.Source.AccountID + " and " + r.Destination.AccountID + " are not in one organization.",
			Fix:   Fix{Call: "organizations:InviteAccountToOrganization", Parameters: map[string]string{"Target.Id": r.Destination.AccountID, "Target.Type": "ACCOUNT"}, Advice: "Join both accounts in one organization."},
		}
	case crossAccount && !r.CrossAccountEnabled:
		return CopyDecision{}, &Refusal{
			Message: "Copy job failed. Cross-account copy feature is not enabled for the current organization.", Category: FeatureNotEnabled,
			Cause: "The management account has not turned on isCrossAccountBackupEnabled.",
			Fix: Fix{
				Call: "backup:UpdateGlobalSettings", AccountID: r.ManagementAccountID, Parameters: map[string]string{"isCrossAccountBackupEnabled": "true"},
				Advice: "Turn cross-account backup on in the management account.",
			},
		}
	case crossAccount && crossRegion && !c.OneAction.At(a),
		crossAccount && !c.CrossAccount.At(a),
		crossRegion && !c.CrossRegion.At(a):
		refusal := &Refusal{
			Message: "Copy job from " + r.Source.Region + " to " + r.Destination.Region + " cannot be initiated for " + r.ResourceType +
				" resources. Feature is not supported for provided resource type.",
			Category: UnsupportedOperation,
			Cause:    "One copy action of " + r.ResourceType + " cannot do this.",
		}
		if crossAccount && crossRegion && c.CrossAccount.At(a) && c.CrossRegion.At(a) {
			refusal.Cause = "One copy action of " + r.ResourceType + " may cross accounts or Regions, not both."
			refusal.Fix = Fix{
				Call: "backup:StartCopyJob", AccountID: r.Source.AccountID, Region: r.Source.Region, Resource: r.RecoveryPointARN,
				Parameters: map[string]string{"DestinationAccountID": r.Destination.AccountID, "DestinationRegion": r.Source.Region},
				Advice:     "Copy in two hops: into a vault of the other account in the same Region first, and from there into the other Region.",
			}
			if !c.OneAction.Since().IsZero() {
				refusal.Cause += " (It can since " + c.OneAction.Since().Format("2006-01-02") + ".)"
			}
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
	return &Refusal{
		Message: "Access Denied trying to call AWS Backup service.", Category: AccessDenied,
		Cause: "The access policy of the destination vault does not allow backup:CopyIntoBackupVault to account " + r.Source.AccountID + ", or the copy's role may not call it.",
		Fix: Fix{
			Call: "backup:PutBackupVaultAccessPolicy", AccountID: r.Destination.AccountID, Region: r.Destination.Region, Resource: r.Destination.VaultARN,
			Statement: `{"Effect":"Allow","Principal":` + principal + `,"Action":"backup:CopyIntoBackupVault","Resource":"*"` + condition + `}`,
			Advice:    "Admit the source account in the vault's access policy, and give the copy's role backup:CopyIntoBackupVault.",
		},
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
