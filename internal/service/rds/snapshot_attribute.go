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

const (
	everybody  = "all"
	mostShares = 20 // accounts that a snapshot is shared with
)

var accountPattern = regexp.MustCompile(`^[0-9]{12}$`)

// ModifyDBSnapshotAttribute shares a snapshot with accounts, or takes that back.
// https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_ShareSnapshot.html
func (s *Service) ModifyDBSnapshotAttribute(ctx context.Context, c *api.Caller, in *rds.ModifyDBSnapshotAttributeInput) (*rds.ModifyDBSnapshotAttributeOutput, error) {
	if deref(in.AttributeName) != restoreAttribute {
		return nil, errValue("Invalid snapshot attribute: %s", deref(in.AttributeName))
	}
	snap, err := s.owned(ctx, c, in.DBSnapshotIdentifier)
	if err != nil {
		return nil, err
	}
	if snap.Status != "available" {
		return nil, api.Errorf("InvalidDBSnapshotState", "The snapshot %s is not in available state: it is %s.", snap.ID, snap.Status)
	}
	if err := s.mayShare(ctx, c, snap, in.ValuesToAdd, in.ValuesToRemove); err != nil {
		return nil, err
	}
	err = s.DB.Update(ctx, func(ctx context.Context, tx *state.Tx) error {
		now, err := tx.DBSnapshotByPoint(ctx, snap.Point)
		if err != nil {
			return err
		}
		snap.SharedWith, err = sharesAfter(now.SharedWith, in.ValuesToAdd, in.ValuesToRemove)
		if err != nil {
			return err
		}
		return tx.SetDBSnapshotShares(ctx, snap.Point, snap.SharedWith)
	})
	return &rds.ModifyDBSnapshotAttributeOutput{DBSnapshotAttributesResult: describeShares(snap)}, err
}

// sharesAfter is with whom a snapshot is shared after a call.
func sharesAfter(shares, add, remove []string) ([]string, error) {
	kept := slices.DeleteFunc(slices.Clone(shares), func(a string) bool { return slices.Contains(remove, a) })
	all := slices.Compact(slices.Sorted(slices.Values(append(kept, add...))))
	accounts := len(slices.DeleteFunc(slices.Clone(all), func(a string) bool { return a == everybody }))
	if accounts > mostShares {
		return nil, api.Errorf("SharedSnapshotQuotaExceeded", "A snapshot cannot be shared with more than %d accounts.", mostShares)
	}
	return all, nil
}

// mayShare refuses what RDS does not share: what it did not take by hand, and what is encrypted with everybody or under the key of
// the account for RDS. AWS publishes the rules and not the texts, but for that of the default key.
// https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/share-encrypted-snapshot.html
// https://docs.aws.amazon.com/prescriptive-guidance/latest/patterns/migrate-an-amazon-rds-db-instance-to-another-vpc-or-account.html
func (s *Service) mayShare(ctx context.Context, c *api.Caller, snap state.DBSnapshot, add, remove []string) error {
	for _, account := range slices.Concat(add, remove) {
		if account != everybody && !accountPattern.MatchString(account) {
			return errValue("Invalid AWS account ID: %s", account)
		}
	}
	switch {
	case len(add)+len(remove) == 0:
		return errCombination("ValuesToAdd or ValuesToRemove must be given.")
	case len(add) == 0:
		return nil
	case snap.Type != "manual":
		return api.Errorf("InvalidDBSnapshotState", "Only manual snapshots can be shared: %s is of type %s.", snap.ID, snap.Type)
	case snap.KeyARN == "":
		return nil
	case slices.Contains(add, everybody):
		return errCombination("Encrypted snapshots cannot be shared publicly: %s can be shared with accounts only.", snap.ID)
	}
	key, err := api.Call[kms.DescribeKeyOutput](ctx, s.Door, c.Through("rds.amazonaws.com", c.Region), &kms.DescribeKeyInput{KeyId: &snap.KeyARN})
	if err != nil {
		return err
	}
	if key.KeyMetadata.KeyManager == kmstypes.KeyManagerTypeAws {
		return errCombination("Sharing snapshots encrypted with the default service key for RDS is currently not supported.")
	}
	return nil
}

// DescribeDBSnapshotAttributes tells with whom a snapshot is shared.
func (s *Service) DescribeDBSnapshotAttributes(ctx context.Context, c *api.Caller, in *rds.DescribeDBSnapshotAttributesInput) (*rds.DescribeDBSnapshotAttributesOutput, error) {
	snap, err := s.owned(ctx, c, in.DBSnapshotIdentifier)
	if err != nil {
		return nil, err
	}
	return &rds.DescribeDBSnapshotAttributesOutput{DBSnapshotAttributesResult: describeShares(snap)}, nil
}

func describeShares(snap state.DBSnapshot) *types.DBSnapshotAttributesResult {
	name := restoreAttribute
	return &types.DBSnapshotAttributesResult{
		DBSnapshotIdentifier: &snap.ID,
		DBSnapshotAttributes: []types.DBSnapshotAttribute{{AttributeName: &name, AttributeValues: append([]string{}, snap.SharedWith...)}},
	}
}

// ModifyDBSnapshot gives a manual snapshot another option group. Its content stays what it is: it is of the version of the engine
// that this host has.
func (s *Service) ModifyDBSnapshot(ctx context.Context, c *api.Caller, in *rds.ModifyDBSnapshotInput) (*rds.ModifyDBSnapshotOutput, error) {
	snap, err := s.owned(ctx, c, in.DBSnapshotIdentifier)
	switch {
	case err != nil:
		return nil, err
	case snap.Type != "manual":
		return nil, api.Errorf("InvalidDBSnapshotState", "Only manual snapshots can be modified: %s is of type %s.", snap.ID, snap.Type)
	case in.EngineVersion != nil && *in.EngineVersion != snap.EngineVersion:
		return nil, errCombination("Cannot upgrade %s from %s to %s", snap.Engine, snap.EngineVersion, *in.EngineVersion)
	}
	if in.OptionGroupName != nil {
		snap.Settings.OptionGroup = optionGroupName(in.OptionGroupName)
		err = s.DB.Update(ctx, func(ctx context.Context, tx *state.Tx) error {
			if err := s.checkGroups(ctx, tx, c, state.InstanceParameters, state.DBInstanceSettings{OptionGroup: snap.Settings.OptionGroup}, snap.Engine, snap.EngineVersion); err != nil {
				return err
			}
			return tx.SetDBSnapshotSettings(ctx, snap.Point, snap.Settings)
		})
	}
	d := describeSnapshot(snap)
	return &rds.ModifyDBSnapshotOutput{DBSnapshot: &d}, err
}

func (s *Service) modifySnapshotAccess(ctx context.Context, c *api.Caller, in *rds.ModifyDBSnapshotInput) ([]api.Access, error) {
	snap, err := s.owned(ctx, c, in.DBSnapshotIdentifier)
	accesses, err := snapshotAccess(c, "ModifyDBSnapshot", in.DBSnapshotIdentifier, snap, err)
	return append(accesses, groupAccesses(c, "rds:ModifyDBSnapshot", "", optionGroupName(in.OptionGroupName), "")...), err
}

// onSnapshot is the row of an operation on the caller's snapshot that its input names.
func onSnapshot[In, Out any](s *Service, fn func(context.Context, *api.Caller, *In) (*Out, error)) api.Operation {
	action := api.OperationName(new(In))
	return api.Op("", fn, func(ctx context.Context, c *api.Caller, in *In) ([]api.Access, error) {
		id := api.Field(in, "DBSnapshotIdentifier")
		snap, err := s.owned(ctx, c, &id)
		return snapshotAccess(c, action, &id, snap, err)
	})
}

func (s *Service) snapshotSharingOperations() []api.Operation {
	return []api.Operation{
		api.Op("", s.CopyDBSnapshot, s.copySnapshotAccess),
		api.Op("", s.ModifyDBSnapshot, s.modifySnapshotAccess),
		onSnapshot(s, s.ModifyDBSnapshotAttribute),
		onSnapshot(s, s.DescribeDBSnapshotAttributes),
	}
}
