package rules

import (
	"slices"
	"strings"
)

// CopyGates are what a copy has to pass, in the order in which AWS Backup asks: the first that is shut is what the job says.
// docs/decisions/0008-gates.md tells what is known of that order, and of the gates that AWS does not document.
var CopyGates = []Gate[CopyRequest]{
	{"recovery-point", "Is the recovery point there and finished?", askPoint},
	{"organization", "Are both accounts in one organization?", askOrganization},
	{"trusted-access", "Has AWS Backup trusted access to the organization?", askTrustedAccess},
	{"cross-account-switch", "Is cross-account backup turned on?", askCrossAccountSwitch},
	{"destination-vault", "Is there such a destination vault?", askDestination},
	{"resource-type", "Can recovery points of the type be copied?", askType},
	{"region", "Can recovery points of the type be copied from and into these Regions?", askRegion},
	{"capability", "Can one copy action go this far, as of the date of the rules?", askCapability},
	{"storage-tier", "Is the recovery point in warm storage?", askTier},
	{"continuous", "Can this job copy a continuous recovery point?", askContinuous},
	{"role", "Can AWS Backup assume the job's role?", askCopyRole},
	{"copy-from", "May the role copy from the source vault?", askCopyFrom},
	{"copy-into", "May the role copy into the destination vault?", askCopyInto},
	{"tags", "May the role read the tags that the copy takes along?", askTags},
	{"destination-key-kind", "Does the destination vault have a key of a kind that the copy can be sealed under?", askDestinationKeyKind},
	{"source-key-kind", "Is the source sealed under a key of a kind that can be shared so far?", askSourceKeyKind},
	{"source-key-state", "Is the source's key enabled?", askSourceKeyState},
	{"source-key", "May whoever reads the source use its key?", askSourceKey},
	{"destination-key-state", "Is the destination vault's key enabled?", askDestinationKeyState},
	{"destination-key", "May AWS Backup use the destination vault's key?", askDestinationKey},
	{"lock", "Does the destination vault's lock admit the copy's retention?", askLock},
}

const (
	withinAccount  = "The copy stays within its account."
	noDestination  = "There is no destination vault."
	noPoint        = "There is no recovery point."
	notEncrypted   = "The recovery point is not encrypted."
	copyUnsealed   = "The copy is not encrypted."
	withinVaultSet = "The copy stays within its Region and account."
)

func (r CopyRequest) crossesAccounts() bool { return r.Source.AccountID != r.Destination.AccountID }
func (r CopyRequest) crossesRegions() bool  { return r.Source.Region != r.Destination.Region }

func (r CopyRequest) pointFinished() bool {
	return slices.Contains([]string{"COMPLETED", "AVAILABLE", "PARTIAL"}, r.PointStatus)
}

func askPoint(_ AsOf, r CopyRequest) Verdict {
	if !r.pointFinished() {
		return RefusedBy(PointMissing.Refuse(r.values()), nil)
	}
	return open(r.RecoveryPointARN + " is " + r.PointStatus + ".")
}

// askDestination tells nobody of another organization, or of none, what vaults an account has.
func askDestination(_ AsOf, r CopyRequest) Verdict {
	if r.crossesAccounts() && (r.SourceOrganization == "" || r.SourceOrganization != r.DestinationOrganization) {
		return notAsked("Accounts of different organizations know nothing of each other's vaults.")
	}
	if !r.DestinationExists {
		return RefusedBy(refuseNoDestination(r), nil)
	}
	return open(r.Destination.VaultARN)
}

func askType(a AsOf, r CopyRequest) Verdict {
	c, known := r.capability()
	if !known || !c.CrossRegion.At(a) && !c.CrossAccount.At(a) {
		return RefusedBy(TypeUnsupported.Refuse(r.values()), nil)
	}
	return open(r.ResourceType)
}

func askOrganization(_ AsOf, r CopyRequest) Verdict {
	switch {
	case !r.crossesAccounts():
		return notAsked(withinAccount)
	case r.SourceOrganization == "" || r.SourceOrganization != r.DestinationOrganization:
		return RefusedBy(OtherOrganization.Refuse(r.values()), nil)
	}
	return open("Both are members of " + r.SourceOrganization + ".")
}

// askTrustedAccess: without it AWS Backup may not look into the organization, so its switch has no effect; the job says what
// it says when the switch is off.
func askTrustedAccess(_ AsOf, r CopyRequest) Verdict {
	switch {
	case !r.crossesAccounts():
		return notAsked(withinAccount)
	case r.SourceOrganization == "":
		return notAsked("The source account is in no organization.")
	case !r.TrustedAccess:
		refusal := CrossAccountOff.Refuse(r.values())
		refusal.Cause = "AWS Backup has no trusted access to organization " + r.SourceOrganization + ", so its switch for cross-account backup has no effect."
		refusal.Fix = Fix{
			Call: "organizations:EnableAWSServiceAccess", AccountID: r.ManagementAccountID, Parameters: map[string]string{"ServicePrincipal": "backup.amazonaws.com"},
			Advice: "Let AWS Backup into the organization, in the management account.",
		}
		return RefusedBy(refusal, nil)
	}
	return open("backup.amazonaws.com is trusted in " + r.SourceOrganization + ".")
}

func askCrossAccountSwitch(_ AsOf, r CopyRequest) Verdict {
	switch {
	case !r.crossesAccounts():
		return notAsked(withinAccount)
	case r.SourceOrganization == "":
		return notAsked("The source account is in no organization.")
	case !r.CrossAccountEnabled:
		return RefusedBy(CrossAccountOff.Refuse(r.values()), nil)
	}
	return open("isCrossAccountBackupEnabled is true in " + r.ManagementAccountID + ".")
}

// askRegion keeps the limits of Regions that accounts must opt in to; see
// https://docs.aws.amazon.com/aws-backup/latest/devguide/backup-feature-availability.html
func askRegion(_ AsOf, r CopyRequest) Verdict {
	optIn := NeedsOptIn(r.Source.Region) || NeedsOptIn(r.Destination.Region)
	gulf := slices.ContainsFunc([]string{r.Source.Region, r.Destination.Region}, func(region string) bool { return region == "me-south-1" || region == "me-central-1" })
	limited := r.crossesAccounts() && optIn && slices.Contains([]string{"CloudFormation", "Neptune", "Timestream"}, r.ResourceType) ||
		r.crossesRegions() && gulf && r.ResourceType == "FSx"
	if !limited {
		return open("From " + r.Source.Region + " to " + r.Destination.Region + ".")
	}
	refusal := CopyUnsupported.Refuse(r.values())
	refusal.Cause, refusal.Fix = "AWS Backup does not copy "+r.ResourceType+" so in Regions that accounts must opt in to.", Fix{Advice: "Use other Regions."}
	return RefusedBy(refusal, nil)
}

func askCapability(a AsOf, r CopyRequest) Verdict {
	c, known := r.capability()
	crossAccount, crossRegion := r.crossesAccounts(), r.crossesRegions()
	switch {
	case !known:
		return notAsked("The type is not known.")
	case !crossAccount && !crossRegion:
		return open(withinVaultSet)
	case crossAccount && crossRegion && !c.OneAction.At(a), crossAccount && !c.CrossAccount.At(a), crossRegion && !c.CrossRegion.At(a):
		refusal := CopyUnsupported.Refuse(r.values())
		if oneByOne := crossAccount && crossRegion && c.CrossAccount.At(a) && c.CrossRegion.At(a); !oneByOne {
			refusal.Fix = Fix{} // there is no way
		}
		return RefusedBy(refusal, nil)
	}
	return open("As of " + a.String() + " " + r.ResourceType + " goes across " + strings.Join(crossed(crossAccount, crossRegion), " and ") + " in one copy action.")
}

func crossed(accounts, regions bool) (borders []string) {
	if accounts {
		borders = append(borders, "accounts")
	}
	if regions {
		borders = append(borders, "Regions")
	}
	return borders
}

func askTier(_ AsOf, r CopyRequest) Verdict {
	switch {
	case r.PointStatus == "":
		return notAsked(noPoint)
	case r.Cold:
		return RefusedBy(&Refusal{
			Message: "Recovery points in cold storage cannot be copied.", Category: InvalidState,
			Cause: "The recovery point has moved to cold storage.", Fix: Fix{Advice: "Copy before the transition."},
		}, nil)
	}
	return open("")
}

func askContinuous(_ AsOf, r CopyRequest) Verdict {
	switch {
	case r.PointStatus == "":
		return notAsked(noPoint)
	case r.Continuous && !r.Scheduled:
		return RefusedBy(&Refusal{
			Message: "Copy job does not support continuous recovery points.", Category: UnsupportedOperation,
			Cause: "Only a plan's copy action copies a continuous recovery point, as a snapshot.", Fix: Fix{Advice: "Add a copy action to the plan's rule."},
		}, nil)
	case r.Continuous:
		return open("A plan's copy action copies it as a snapshot.")
	}
	return notAsked("The recovery point is not continuous.")
}

func askCopyRole(_ AsOf, r CopyRequest) Verdict { return r.Role.roleVerdict(r.RoleARN) }

func askCopyFrom(_ AsOf, r CopyRequest) Verdict {
	return r.CopyFrom.verdict(r.RoleARN+" may.", func() *Refusal {
		refusal := RefuseCopyInto(r)
		refusal.Cause = "The role " + r.RoleARN + " may not call backup:CopyFromBackupVault on the recovery point."
		refusal.Fix = Fix{}
		return refusal
	})
}

func askCopyInto(_ AsOf, r CopyRequest) Verdict {
	if !r.DestinationExists {
		return notAsked(noDestination)
	}
	return r.CopyInto.verdict(r.RoleARN+" may.", func() *Refusal { return RefuseCopyInto(r) })
}

func askTags(_ AsOf, r CopyRequest) Verdict {
	return r.ReadTags.verdict(r.RoleARN+" may.", func() *Refusal {
		action := "ec2:DescribeTags"
		if x := r.ReadTags.Refused; x != nil {
			action = x.Action
		}
		return TagsDenied.Refuse(r.values().With("role", r.RoleARN, "action", action))
	})
}

func askDestinationKeyKind(a AsOf, r CopyRequest) Verdict {
	if !r.DestinationExists {
		return notAsked(noDestination)
	}
	managed := func() Verdict {
		p := r.Destination
		return RefusedBy(ManagedDestination.Refuse(Values{"which": "destination", "name": p.VaultName, "account": p.AccountID, "region": p.Region}), nil)
	}
	full := HasFullManagement(a, r.ResourceType)
	switch {
	case r.ResourceType == "Storage Gateway" && r.DestinationKey.isBackups():
		return RefusedBy(GatewayVaultNeeded.Refuse(Values{"account": r.Destination.AccountID, "region": r.Destination.Region}), nil)
	case full && r.crossesAccounts() && r.DestinationKey.isBackups() && r.Destination.VaultName == "Default",
		!full && (r.crossesAccounts() || r.crossesRegions()) && r.DestinationKey.isBackups(),
		!full && r.crossesAccounts() && r.DestinationKey.Kind == AWSManaged:
		return managed()
	}
	return open(r.DestinationKey.describe())
}

func askSourceKeyKind(a AsOf, r CopyRequest) Verdict {
	c, _ := CapabilityOf(r.ResourceType)
	full := HasFullManagement(a, r.ResourceType)
	switch {
	case r.PointStatus == "":
		return notAsked(noPoint)
	case r.SourceKey.Kind == Unencrypted:
		return notAsked(notEncrypted)
	case !r.crossesAccounts():
		return notAsked(withinAccount)
	case full && r.SourceKey.isBackups():
		p := r.Source
		return RefusedBy(ManagedDestination.Refuse(Values{"which": "source", "name": p.VaultName, "account": p.AccountID, "region": p.Region}), nil)
	case !full && r.SourceKey.Kind == AWSManaged && c.Family == FamilySnapshot:
		return RefusedBy(refuseManagedSource(r), nil)
	case !full && r.SourceKey.Kind == AWSManaged:
		refusal := RefuseSourceKey(r)
		// The cause is the same, whatever the family says.
		return RefusedBy(refusal.because(refuseManagedSource(r)), nil)
	}
	return open(r.SourceKey.describe())
}

func askSourceKeyState(_ AsOf, r CopyRequest) Verdict {
	if r.SourceKey.Kind == Unencrypted {
		return notAsked(notEncrypted)
	}
	return r.SourceKey.usable(func() *Refusal {
		return RefuseSourceKey(r).because(RefuseKeyState(r.SourceKey))
	})
}

func askSourceKey(_ AsOf, r CopyRequest) Verdict {
	if r.SourceKey.Kind == Unencrypted {
		return notAsked(notEncrypted)
	}
	return r.SourceKeyUse.verdict(r.SourceKey.ARN, func() *Refusal {
		refusal := RefuseSourceKey(r)
		if r.ReaderMissing {
			refusal.Fix = Fix{
				Call: "iam:CreateServiceLinkedRole", AccountID: r.Destination.AccountID, Parameters: map[string]string{"AWSServiceName": "backup.amazonaws.com"},
				Advice: "Make the destination account's service-linked role, and let it use the key.",
			}
		}
		if r.SourceKeyUse.Message != "" {
			refusal.Cause += " " + r.SourceKeyUse.Message
		}
		return refusal
	})
}

func askDestinationKeyState(_ AsOf, r CopyRequest) Verdict {
	switch key := CopyKey(r.ResourceType, r.SourceKey, r.DestinationKey); {
	case !r.DestinationExists:
		return notAsked(noDestination)
	case key.Kind == Unencrypted:
		return notAsked(copyUnsealed)
	default:
		return key.usable(func() *Refusal { return RefuseKeyState(key) })
	}
}

func askDestinationKey(_ AsOf, r CopyRequest) Verdict {
	switch key := CopyKey(r.ResourceType, r.SourceKey, r.DestinationKey); {
	case !r.DestinationExists:
		return notAsked(noDestination)
	case key.Kind == Unencrypted:
		return notAsked(copyUnsealed)
	default:
		return r.DestinationKeyUse.verdict(key.ARN, func() *Refusal { return RefuseKeyUse(key, r.DestinationKeyUse.Message) })
	}
}

func askLock(_ AsOf, r CopyRequest) Verdict {
	switch refusal := r.Lock.RefuseCopy(r.Lifecycle, r.Destination); {
	case !r.DestinationExists:
		return notAsked(noDestination)
	case r.Lock == LockRange{}:
		return open("It has no lock, or one without bounds.")
	case refusal != nil:
		refusal.Fix = r.withRetention(r.Lock.nearest(r.Lifecycle))
		return RefusedBy(refusal, nil)
	}
	return open("The lock admits " + r.Lock.allowed() + ".")
}
