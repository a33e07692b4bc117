package kms

import (
	"context"
	"errors"
	"slices"

	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"

	"strongroom/internal/api"
	"strongroom/internal/state"
)

// multiRegionType tells a primary from its replicas; empty for keys of one Region.
func multiRegionType(k state.Key) types.MultiRegionKeyType {
	switch k.PrimaryRegion {
	case "":
		return ""
	case k.Region:
		return types.MultiRegionKeyTypePrimary
	default:
		return types.MultiRegionKeyTypeReplica
	}
}

// primary is the row that holds what related keys share: the key's own, or that of its primary.
func (k *liveKey) primary() state.Key {
	for _, r := range k.related {
		if r.Region == k.PrimaryRegion {
			return r
		}
	}
	return k.Key
}

// primaryOnly refuses replicas, whose rotation and replication are their primary's.
func (k *liveKey) primaryOnly() error {
	if multiRegionType(k.Key) == types.MultiRegionKeyTypeReplica {
		return api.Errorf("UnsupportedOperationException", "%s is not a multi-Region primary key.", k.arn)
	}
	return nil
}

func multiRegionConfiguration(k *liveKey) *types.MultiRegionConfiguration {
	if k.PrimaryRegion == "" {
		return nil
	}
	shown := &types.MultiRegionConfiguration{MultiRegionKeyType: multiRegionType(k.Key), ReplicaKeys: []types.MultiRegionKey{}}
	for _, r := range k.related {
		one := types.MultiRegionKey{Arn: new(keyARN(r.Region, r.AccountID, r.ID)), Region: new(r.Region)}
		if r.Region == r.PrimaryRegion {
			shown.PrimaryKey = &one
		} else {
			shown.ReplicaKeys = append(shown.ReplicaKeys, one)
		}
	}
	return shown
}

// ReplicateKey makes a key in another Region that opens what its primary sealed, and the other way round.
func (s *Service) ReplicateKey(ctx context.Context, c *api.Caller, in *kms.ReplicateKeyInput) (*kms.ReplicateKeyOutput, error) {
	t, err := s.find(ctx, c, "ReplicateKey", in.KeyId, own)
	if err != nil {
		return nil, err
	}
	replica := t.Key
	replica.Region = *in.ReplicaRegion
	there := c.In(replica.Region)
	if err := s.Door.Authorize(ctx, there, "kms", creation(there, replica, in.Tags, in.BypassPolicyLockoutSafetyCheck)); err != nil {
		return nil, err
	}
	if err := s.authorizeTags(ctx, there, replica, in.Tags); err != nil {
		return nil, err
	}
	if multiRegionType(t.Key) != types.MultiRegionKeyTypePrimary {
		return nil, api.Errorf("UnsupportedOperationException", "%s is not a multi-Region primary key.", t.arn)
	}
	if replica.Tags, err = newTags(nil, in.Tags); err != nil {
		return nil, err
	}
	if replica.Description, err = checkDescription(in.Description); err != nil {
		return nil, err
	}
	replica.Policy = defaultPolicy(c.AccountID)
	if in.Policy != nil {
		replica.Policy = *in.Policy
		if err := s.checkPolicy(ctx, there, keyARN(replica.Region, replica.AccountID, replica.ID), replica.Policy, in.BypassPolicyLockoutSafetyCheck); err != nil {
			return nil, err
		}
	}
	err = s.changeMaterial(ctx, t.liveKey, func(ctx context.Context, tx *state.Tx, row *state.Key) error {
		if err := t.at(row).usable(); err != nil {
			return err
		}
		if row.PrimaryRegion != row.Region {
			return t.at(row).primaryOnly()
		}
		return insertReplica(ctx, tx, replica, *row)
	})
	if errors.Is(err, state.ErrExists) {
		return nil, api.Errorf("AlreadyExistsException", "%s already exists", keyARN(replica.Region, replica.AccountID, replica.ID))
	}
	if err != nil {
		return nil, err
	}
	made, err := s.key(ctx, replica.Region, replica.ID)
	if err != nil {
		return nil, err
	}
	return &kms.ReplicateKeyOutput{ReplicaKeyMetadata: metadata(made), ReplicaPolicy: new(made.Policy), ReplicaTags: tagList(made.Tags)}, nil
}

// insertReplica adds a key to another Region, with all material of its primary, unless that was imported.
func insertReplica(ctx context.Context, tx *state.Tx, replica, primary state.Key) error {
	replica.PrimaryRegion, replica.CreatedAt = primary.Region, tx.Now
	replica.State, replica.DeletionWindow, replica.DeletionAt = enabled, 0, 0
	replica.RotationDays, replica.NextRotationAt, replica.ExpiresAt = 0, 0, 0 // the primary rotates for all
	external := replica.Origin == string(types.OriginTypeExternal)
	if external {
		replica.State = pendingImport
	}
	if err := tx.InsertKey(ctx, replica); err != nil || external {
		return err
	}
	materials, err := tx.KeyMaterials(ctx, primary.Region, primary.ID)
	if err != nil {
		return err
	}
	for _, m := range materials {
		m.Region = replica.Region
		if err := tx.InsertKeyMaterial(ctx, m); err != nil {
			return err
		}
	}
	return nil
}

func (s *Service) replicateKeyAccess(ctx context.Context, c *api.Caller, in *kms.ReplicateKeyInput) ([]api.Access, error) {
	switch {
	case in.ReplicaRegion == nil:
		return nil, errNull("replicaRegion")
	case *in.ReplicaRegion == c.Region:
		return nil, api.Errorf("ValidationException", "The replica Region %s is the Region of the primary key.", c.Region)
	}
	return s.ask(ctx, c, in.KeyId, own, question{operation: "ReplicateKey", more: map[string][]string{
		"kms:ReplicaRegion": {*in.ReplicaRegion},
	}})
}

// UpdatePrimaryRegion makes a replica the primary, and the primary a replica.
func (s *Service) UpdatePrimaryRegion(ctx context.Context, c *api.Caller, in *kms.UpdatePrimaryRegionInput) (*kms.UpdatePrimaryRegionOutput, error) {
	t, replica, err := s.findNextPrimary(ctx, c, in)
	if err != nil {
		return nil, err
	}
	// The other half of what is asked: the same of the replica, in its Region.
	there := c.In(replica.Region)
	q := question{operation: "UpdatePrimaryRegion", more: map[string][]string{"kms:PrimaryRegion": {replica.Region}}}
	if err := s.Door.Authorize(ctx, there, "kms", q.access(there, target{liveKey: replica, given: replica.arn})); err != nil {
		return nil, err
	}
	return &kms.UpdatePrimaryRegionOutput{}, s.change(ctx, t.liveKey, func(ctx context.Context, tx *state.Tx, row *state.Key) error {
		if err := t.at(row).usable(); err != nil {
			return err
		}
		if row.PrimaryRegion != row.Region {
			return t.at(row).primaryOnly()
		}
		related, err := tx.RelatedKeys(ctx, row.ID)
		if err != nil {
			return err
		}
		for _, k := range related {
			if k.Region == row.Region {
				continue // written by the caller
			}
			k.PrimaryRegion = replica.Region
			if k.Region == replica.Region {
				if err := replica.at(&k).switchable(); err != nil {
					return err
				}
				k.RotationDays, k.NextRotationAt = row.RotationDays, row.NextRotationAt
			}
			if err := tx.UpdateKey(ctx, k); err != nil {
				return err
			}
		}
		row.PrimaryRegion, row.RotationDays, row.NextRotationAt = replica.Region, 0, 0
		return nil
	})
}

func (s *Service) updatePrimaryRegionAccess(ctx context.Context, c *api.Caller, in *kms.UpdatePrimaryRegionInput) ([]api.Access, error) {
	if in.PrimaryRegion == nil {
		return nil, errNull("primaryRegion")
	}
	return s.ask(ctx, c, in.KeyId, own, question{operation: "UpdatePrimaryRegion", more: map[string][]string{
		"kms:PrimaryRegion": {*in.PrimaryRegion},
	}})
}

// findNextPrimary finds the primary, and the replica that is to take its place.
func (s *Service) findNextPrimary(ctx context.Context, c *api.Caller, in *kms.UpdatePrimaryRegionInput) (target, *liveKey, error) {
	t, err := s.find(ctx, c, "UpdatePrimaryRegion", in.KeyId, own)
	if err != nil {
		return t, nil, err
	}
	switch {
	case multiRegionType(t.Key) != types.MultiRegionKeyTypePrimary:
		return t, nil, api.Errorf("UnsupportedOperationException", "%s is not a multi-Region primary key.", t.arn)
	case *in.PrimaryRegion == t.Region:
		return t, nil, api.Errorf("ValidationException", "%s is the primary Region of %s already.", t.Region, t.arn)
	case !slices.ContainsFunc(t.related, func(k state.Key) bool { return k.Region == *in.PrimaryRegion }):
		return t, nil, errKeyNotFound(keyARN(*in.PrimaryRegion, t.AccountID, t.ID))
	}
	replica, err := s.key(ctx, *in.PrimaryRegion, t.ID)
	return t, replica, notFoundAs(err, errKeyNotFound(keyARN(*in.PrimaryRegion, t.AccountID, t.ID)))
}
