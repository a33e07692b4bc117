package rules

import "time"

// Family groups the resource types whose native services behave alike where AWS Backup's rules depend on it.
type Family int

// Families.
const (
	FamilyOther    Family = iota
	FamilySnapshot        // EBS and EC2: snapshots that EC2 shares and copies
	FamilyInstance        // RDS instances
	FamilyCluster         // Aurora, DocumentDB, Neptune: cluster snapshots
)

// Capability is what AWS Backup can do with a resource type, and since when.
type Capability struct {
	Type    string // the API's ResourceType
	Variant string // tells rows of one type apart; "" is the row that Capabilities finds by type
	Family  Family

	CrossRegion  Period // copies into another Region
	CrossAccount Period // copies into another account
	OneAction    Period // both in one copy action
	Incremental  Period
	Continuous   Period
	Full         Period // full management: the vault's key seals the recovery point ("independent encryption")
	Cold         Period
	Items        Period // item-level restore
	RestoreTests Period
	AirGapped    Period // logically air-gapped vaults
	Stoppable    bool   // StopBackupJob
}

// oneAction2025 is the day on which RDS, Aurora, DocumentDB and Neptune learned to cross account and Region in one copy
// action.
var oneAction2025 = since(2025, time.October, 23)

// capabilities is the feature table of the AWS Backup developer guide, with the dates of its document history.
var capabilities = []Capability{
	{Type: "S3", CrossRegion: always, CrossAccount: always, OneAction: always, Incremental: always, Continuous: always, Full: always, Items: always, RestoreTests: always, AirGapped: always, Stoppable: true},
	{Type: "EBS", Family: FamilySnapshot, CrossRegion: always, CrossAccount: always, OneAction: always, Incremental: always, Cold: always, Items: always, RestoreTests: always, AirGapped: always, Stoppable: true},
	{Type: "EC2", Family: FamilySnapshot, CrossRegion: always, CrossAccount: always, OneAction: always, Incremental: always, RestoreTests: always, AirGapped: always, Stoppable: true},
	{Type: "RDS", Family: FamilyInstance, CrossRegion: always, CrossAccount: always, OneAction: oneAction2025, Incremental: always, Continuous: always, RestoreTests: always},
	{Type: "RDS", Variant: multiAZCluster, Family: FamilyCluster, Incremental: always, Continuous: always, RestoreTests: always},
	{Type: "Aurora", Family: FamilyCluster, CrossRegion: always, CrossAccount: always, OneAction: oneAction2025, Continuous: always, RestoreTests: always, AirGapped: always},
	{Type: "DocumentDB", Family: FamilyCluster, CrossRegion: always, CrossAccount: always, OneAction: oneAction2025, RestoreTests: always, AirGapped: always},
	{Type: "Neptune", Family: FamilyCluster, CrossRegion: always, CrossAccount: always, OneAction: oneAction2025, RestoreTests: always, AirGapped: always},
	{Type: "EFS", CrossRegion: always, CrossAccount: always, OneAction: always, Incremental: always, Full: always, Cold: always, Items: always, RestoreTests: always, AirGapped: always, Stoppable: true},
	{Type: "DynamoDB", CrossRegion: always, CrossAccount: always, OneAction: always, Full: always, Cold: always, RestoreTests: always, AirGapped: always, Stoppable: true},
	{Type: "DynamoDB", Variant: "basic", RestoreTests: always, Stoppable: true},
	{Type: "FSx", CrossRegion: always, CrossAccount: always, OneAction: always, Incremental: always, RestoreTests: always, AirGapped: always},
	{Type: "FSx", Variant: "ONTAP", CrossRegion: since(2026, time.August, 27), CrossAccount: since(2026, time.August, 27), OneAction: since(2026, time.August, 27), Incremental: always, RestoreTests: always, AirGapped: always},
	{Type: "Storage Gateway", CrossRegion: always, CrossAccount: always, OneAction: always, Incremental: always, AirGapped: always, Stoppable: true},
	{Type: "Redshift", Items: always, Stoppable: true},
	{Type: "Timestream", CrossRegion: always, CrossAccount: always, OneAction: always, Incremental: always, Full: always, Cold: always, AirGapped: always, Stoppable: true},
	{Type: "VirtualMachine", CrossRegion: always, CrossAccount: always, OneAction: always, Incremental: always, Full: always, Cold: always, Items: always, AirGapped: always, Stoppable: true},
	{Type: "CloudFormation", CrossRegion: always, Incremental: always, Full: always, Cold: always, Stoppable: true},
	{Type: "SAP HANA on Amazon EC2", CrossRegion: always, CrossAccount: always, OneAction: always, Incremental: always, Continuous: always, Full: always, Cold: always},
	{Type: "EKS", CrossRegion: since(2025, time.November, 10), CrossAccount: since(2025, time.November, 10), OneAction: since(2025, time.November, 10), Full: since(2025, time.November, 10), Items: since(2025, time.November, 10), AirGapped: since(2026, time.March, 12), Stoppable: true},
}

// CapabilityOf finds a resource type's row.
func CapabilityOf(resourceType string) (Capability, bool) { return capabilityOf(resourceType, "") }

func capabilityOf(resourceType, variant string) (Capability, bool) {
	for _, c := range capabilities {
		if c.Type == resourceType && c.Variant == variant {
			return c, true
		}
	}
	return Capability{}, false
}

// ResourceTypes are the API's resource types, sorted.
func ResourceTypes() []string {
	return []string{
		"Aurora", "CloudFormation", "DocumentDB", "DynamoDB", "EBS", "EC2", "EFS", "EKS", "FSx", "Neptune", "RDS", "Redshift",
		"S3", "SAP HANA on Amazon EC2", "Storage Gateway", "Timestream", "VirtualMachine",
	}
}

// HasFullManagement reports whether recovery points of the type are sealed under their vault's key.
func HasFullManagement(a AsOf, resourceType string) bool {
	c, _ := CapabilityOf(resourceType)
	return c.Full.At(a)
}
