package ec2

import (
	"context"
	"regexp"
	"slices"

	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	kmstypes "github.com/aws/aws-sdk-go-v2/service/kms/types"

	"strongroom/internal/api"
	"strongroom/internal/state"
	"strongroom/rules"
)

// everybody is how shares name all accounts.
const everybody = string(types.PermissionGroupAll)

var accountID = regexp.MustCompile(`^[0-9]{12}$`)

// DescribeSnapshotAttribute tells who may make volumes from a snapshot.
func (s *Service) DescribeSnapshotAttribute(ctx context.Context, c *api.Caller, in *ec2.DescribeSnapshotAttributeInput) (*ec2.DescribeSnapshotAttributeOutput, error) {
	snap, err := s.owned(ctx, c, in.SnapshotId)
	if err != nil {
		return nil, err
	}
	if err := dryRun(in.DryRun); err != nil {
		return nil, err
	}
	out := &ec2.DescribeSnapshotAttributeOutput{SnapshotId: &snap.ID}
	switch in.Attribute {
	case types.SnapshotAttributeNameProductCodes:
	case types.SnapshotAttributeNameCreateVolumePermission:
		for _, account := range snap.SharedWith {
			if account == everybody {
				out.CreateVolumePermissions = append(out.CreateVolumePermissions, types.CreateVolumePermission{Group: types.PermissionGroupAll})
				continue
			}
			out.CreateVolumePermissions = append(out.CreateVolumePermissions, types.CreateVolumePermission{UserId: &account})
		}
	default:
		return nil, errAttribute(in.Attribute)
	}
	return out, nil
}

func errAttribute(name types.SnapshotAttributeName) *api.Error {
	if name == "" {
		return errMissing("attribute")
	}
	return errValue("attribute", string(name), "Unknown attribute.")
}

func (s *Service) describeSnapshotAttributeAccess(ctx context.Context, c *api.Caller, in *ec2.DescribeSnapshotAttributeInput) ([]api.Access, error) {
	return s.ownedAccess(ctx, c, "DescribeSnapshotAttribute", in.SnapshotId)
}

// ModifySnapshotAttribute shares a snapshot with accounts, or takes that back.
func (s *Service) ModifySnapshotAttribute(ctx context.Context, c *api.Caller, in *ec2.ModifySnapshotAttributeInput) (*ec2.ModifySnapshotAttributeOutput, error) {
	snap, err := s.owned(ctx, c, in.SnapshotId)
	if err != nil {
		return nil, err
	}
	if in.Attribute != "" && in.Attribute != types.SnapshotAttributeNameCreateVolumePermission {
		return nil, errAttribute(in.Attribute)
	}
	add, remove, err := shareChanges(in)
	if err != nil {
		return nil, err
	}
	if len(add) > 0 {
		if err := s.mayShare(ctx, c, snap, add); err != nil {
			return nil, err
		}
	}
	if err := dryRun(in.DryRun); err != nil {
		return nil, err
	}
	err = s.DB.Update(ctx, func(ctx context.Context, tx *state.Tx) error {
		row, err := tx.Snapshot(ctx, snap.ID)
		if err != nil {
			return err
		}
		shares := slices.DeleteFunc(row.SharedWith, func(a string) bool { return slices.Contains(remove, a) })
		shares = slices.Compact(slices.Sorted(slices.Values(append(shares, add...))))
		return tx.SetSnapshotShares(ctx, snap.ID, shares)
	})
	return &ec2.ModifySnapshotAttributeOutput{}, err
}

// shareChanges reads both forms of the request: lists to add and remove, or one list and what to do with it.
func shareChanges(in *ec2.ModifySnapshotAttributeInput) (add, remove []string, err error) {
	if p := in.CreateVolumePermission; p != nil {
		if add, err = shares(p.Add); err != nil {
			return nil, nil, err
		}
		if remove, err = shares(p.Remove); err != nil {
			return nil, nil, err
		}
	}
	var one []types.CreateVolumePermission
	for _, user := range in.UserIds {
		one = append(one, types.CreateVolumePermission{UserId: &user})
	}
	for _, group := range in.GroupNames {
		one = append(one, types.CreateVolumePermission{Group: types.PermissionGroup(group)})
	}
	list, err := shares(one)
	if err != nil {
		return nil, nil, err
	}
	switch {
	case in.OperationType == types.OperationTypeAdd:
		add = append(add, list...)
	case in.OperationType == types.OperationTypeRemove:
		remove = append(remove, list...)
	case in.OperationType != "" || len(list) > 0:
		return nil, nil, errValue("operationType", string(in.OperationType), "Expecting add or remove.")
	}
	if len(add)+len(remove) == 0 {
		return nil, nil, errMissing("createVolumePermission")
	}
	return add, remove, nil
}

func shares(permissions []types.CreateVolumePermission) ([]string, error) {
	var list []string
	for _, p := range permissions {
		switch {
		case p.Group == types.PermissionGroupAll:
			list = append(list, everybody)
		case p.Group != "":
			return nil, errValue("group", string(p.Group), "Expecting all.")
		case !accountID.MatchString(deref(p.UserId)):
			return nil, api.Errorf("InvalidUserID.Malformed", "Invalid user id: \"%s\"", deref(p.UserId))
		default:
			list = append(list, *p.UserId)
		}
	}
	return list, nil
}

// mayShare refuses what EC2 does not share: anything sealed under a managed key or archived, anything encrypted with everybody,
// and anything with everybody where the account blocks that.
// https://docs.aws.amazon.com/ebs/latest/userguide/ebs-modifying-snapshot-permissions.html
func (s *Service) mayShare(ctx context.Context, c *api.Caller, snap state.Snapshot, with []string) error {
	if slices.Contains(with, everybody) {
		settings, err := s.settings(ctx, c)
		if err != nil {
			return err
		}
		if settings.SnapshotSharing != "" {
			return api.Errorf("OperationNotPermitted", "Public sharing of snapshots is blocked in this Region by block public access for snapshots.")
		}
	}
	if snap.Archived(s.now()) {
		return api.Errorf("IncorrectState", "The snapshot %s is archived. Restore it to the standard tier before you share it.", snap.ID)
	}
	if snap.KeyARN == "" {
		return nil
	}
	if slices.Contains(with, everybody) {
		return api.Errorf("InvalidParameterValue", "Encrypted snapshots cannot be shared publicly.")
	}
	key, err := api.Call[kms.DescribeKeyOutput](ctx, s.Door, c.Through("ec2.amazonaws.com", c.Region), &kms.DescribeKeyInput{KeyId: &snap.KeyARN})
	if err != nil {
		return err
	}
	if key.KeyMetadata.KeyManager == kmstypes.KeyManagerTypeAws {
		return &api.Error{Code: rules.ManagedKeySnapshot.Error.Code, Message: rules.ManagedKeySnapshot.Text}
	}
	return nil
}

func (s *Service) modifySnapshotAttributeAccess(ctx context.Context, c *api.Caller, in *ec2.ModifySnapshotAttributeInput) ([]api.Access, error) {
	return s.ownedAccess(ctx, c, "ModifySnapshotAttribute", in.SnapshotId)
}

// ResetSnapshotAttribute takes all shares back.
func (s *Service) ResetSnapshotAttribute(ctx context.Context, c *api.Caller, in *ec2.ResetSnapshotAttributeInput) (*ec2.ResetSnapshotAttributeOutput, error) {
	snap, err := s.owned(ctx, c, in.SnapshotId)
	if err != nil {
		return nil, err
	}
	if in.Attribute != types.SnapshotAttributeNameCreateVolumePermission {
		return nil, errAttribute(in.Attribute)
	}
	if err := dryRun(in.DryRun); err != nil {
		return nil, err
	}
	err = s.DB.Update(ctx, func(ctx context.Context, tx *state.Tx) error { return tx.SetSnapshotShares(ctx, snap.ID, nil) })
	return &ec2.ResetSnapshotAttributeOutput{}, err
}

func (s *Service) resetSnapshotAttributeAccess(ctx context.Context, c *api.Caller, in *ec2.ResetSnapshotAttributeInput) ([]api.Access, error) {
	return s.ownedAccess(ctx, c, "ResetSnapshotAttribute", in.SnapshotId)
}
