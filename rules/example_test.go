package rules_test

import (
	"fmt"
	"time"

	"strongroom/rules"
)

// A database copied straight into another account's vault in another Region: refused in 2024, allowed since.
func ExampleDecideCopy() {
	request := rules.CopyRequest{
		RecoveryPointARN: "arn:aws:rds:eu-central-1:111111111111:snapshot:awsbackup:job-1", ResourceType: "RDS", PointStatus: "COMPLETED",
		Source:      rules.Place{AccountID: "111111111111", Region: "eu-central-1", VaultName: "local"},
		Destination: rules.Place{AccountID: "222222222222", Region: "eu-north-1", VaultName: "central"}, DestinationExists: true,
		SourceKey:          rules.Key{ARN: "arn:aws:kms:eu-central-1:111111111111:key/1", Kind: rules.CustomerManaged},
		DestinationKey:     rules.Key{ARN: "arn:aws:kms:eu-north-1:222222222222:key/2", Kind: rules.CustomerManaged},
		SourceOrganization: "o-a1b2c3d4e5", DestinationOrganization: "o-a1b2c3d4e5", TrustedAccess: true, CrossAccountEnabled: true,
	}
	_, refusal := rules.DecideCopy(rules.On(2024, time.April, 26), request)
	fmt.Println(refusal.Message)
	fmt.Println(refusal.Fix.Advice)
	decision, _ := rules.DecideCopy(rules.Current, request)
	fmt.Println("sealed under", decision.Key.ARN)
	// Output:
	// Copy job from eu-central-1 to eu-north-1 cannot be initiated for RDS resources. Feature is not supported for provided resource type.
	// Copy in two hops: into a vault of the other account in the same Region first, and from there into the other Region.
	// sealed under arn:aws:kms:eu-north-1:222222222222:key/2
}
