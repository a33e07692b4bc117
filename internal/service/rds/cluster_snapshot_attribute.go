package rds

import (
	"context"
	"regexp"
	"slices"

	"github.com/aws/aws-sdk-go-v2/service/kms"
	kmstypes "github.com/aws/aws-sdk-go-v2/service/kms/types"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/aws/aws-sdk-go-v2/service/rds/types"

	"strongroom/internal/api"
	"strongroom/internal/state"
)

// restoreAttribute is the one attribute of snapshots: who may copy and restore them.
const restoreAttribute = "restore"

var sharedWith = regexp.MustCompile(`^([0-9]{12}|all)$`)

// DescribeDBClusterSnapshotAttributes tells whom a cluster snapshot of the caller's is shared with.
func (s *Service) DescribeDBClusterSnapshotAttributes(ctx context.Context, c *api.Caller, in *rds.DescribeDBClusterSnapshotAttributesInput) (*rds.DescribeDBClusterSnapshotAttributesOutput, error) {
	snap, err := s.ownedCluster(ctx, c, in.DBClusterSnapshotIdentifier)
	return &rds.DescribeDBClusterSnapshotAttributesOutput{DBClusterSnapshotAttributesResult: clusterSnapshotAttributes(snap)}, err
}

func clusterSnapshotAttributes(snap state.DBSnapshot) *types.DBClusterSnapshotAttributesResult {
	name := restoreAttribute
	return &types.DBClusterSnapshotAttributesResult{
		DBClusterSnapshotIdentifier: &snap.ID,
		DBClusterSnapshotAttributes: []types.DBClusterSnapshotAttribute{{AttributeName: &name, AttributeValues: append([]string{}, snap.SharedWith...)}},
	}
}

func (s *Service) describeClusterSnapshotAttributesAccess(ctx context.Context, c *api.Caller, in *rds.DescribeDBClusterSnapshotAttributesInput) ([]api.Access, error) {
	return s.clusterSnapshotAccess(ctx, c, "DescribeDBClusterSnapshotAttributes", in.DBClusterSnapshotIdentifier)
}

// ModifyDBClusterSnapshotAttribute shares a cluster snapshot with other accounts, or takes that back.
func (s *Service) ModifyDBClusterSnapshotAttribute(ctx context.Context, c *api.Caller, in *rds.ModifyDBClusterSnapshotAttributeInput) (*rds.ModifyDBClusterSnapshotAttributeOutput, error) {
	snap, err := s.ownedCluster(ctx, c, in.DBClusterSnapshotIdentifier)
	if err != nil {
		return nil, err
	}
	if deref(in.AttributeName) != restoreAttribute {
		return nil, errValue("Invalid attribute name: %s", deref(in.AttributeName))
	}
	for _, account := range slices.Concat(in.ValuesToAdd, in.ValuesToRemove) {
		if !sharedWith.MatchString(account) {
			return nil, errValue("Invalid attribute value: %s. It must be an account id, or all.", account)
		}
	}
	if len(in.ValuesToAdd) > 0 {
		if err := s.shareable(ctx, c, snap, in.ValuesToAdd); err != nil {
			return nil, err
		}
	}
	err = s.DB.Update(ctx, func(ctx context.Context, tx *state.Tx) error {
		if snap, err = tx.DBSnapshotByPoint(ctx, snap.Point); err != nil {
			return err
		}
		shares := slices.Concat(snap.SharedWith, in.ValuesToAdd)
		slices.Sort(shares)
		shares = slices.DeleteFunc(slices.Compact(shares), func(account string) bool { return slices.Contains(in.ValuesToRemove, account) })
		if len(shares) > maxShares {
			return api.Errorf("SharedSnapshotQuotaExceeded", "A snapshot cannot be shared with more than %d accounts.", maxShares)
		}
		snap.SharedWith = shares
		return tx.SetDBSnapshotShares(ctx, snap.Point, shares)
	})
	return &rds.ModifyDBClusterSnapshotAttributeOutput{DBClusterSnapshotAttributesResult: clusterSnapshotAttributes(snap)}, err
}

// maxShares is how many accounts a snapshot can be shared with.
// https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/aurora-share-snapshot.html
const maxShares = 20

// shareable refuses to share what others could not use: recovery points, and snapshots under the account's own key for RDS; or
// with everybody what is encrypted. AWS publishes the rules and not the texts, but for that of the default key.
// https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/share-encrypted-snapshot.html
// https://docs.aws.amazon.com/prescriptive-guidance/latest/patterns/migrate-an-amazon-rds-db-instance-to-another-vpc-or-account.html
func (s *Service) shareable(ctx context.Context, c *api.Caller, snap state.DBSnapshot, accounts []string) error {
	switch {
	case snap.Type != "manual":
		return errClusterSnapshotState("The DB cluster snapshot %s is not a manual snapshot, and cannot be shared.", snap.ID)
	case snap.KeyARN == "":
		return nil
	case slices.Contains(accounts, "all"):
		return errClusterSnapshotState("An encrypted DB cluster snapshot cannot be shared publicly.")
	}
	key, err := api.Call[kms.DescribeKeyOutput](ctx, s.Door, c.Through("rds.amazonaws.com", c.Region), &kms.DescribeKeyInput{KeyId: &snap.KeyARN})
	if err != nil {
		return err
	}
	if key.KeyMetadata.KeyManager == kmstypes.KeyManagerTypeAws {
		return errClusterSnapshotState("Sharing snapshots encrypted with the default service key for RDS is currently not supported.")
	}
	return nil
}

func (s *Service) modifyClusterSnapshotAttributeAccess(ctx context.Context, c *api.Caller, in *rds.ModifyDBClusterSnapshotAttributeInput) ([]api.Access, error) {
	return s.clusterSnapshotAccess(ctx, c, "ModifyDBClusterSnapshotAttribute", in.DBClusterSnapshotIdentifier)
}
