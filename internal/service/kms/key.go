package kms

import (
	"context"
	"errors"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"
	"github.com/google/uuid"

	"strongroom/internal/api"
	"strongroom/internal/state"
)

const (
	enabled         = string(types.KeyStateEnabled)
	disabled        = string(types.KeyStateDisabled)
	pendingDeletion = string(types.KeyStatePendingDeletion)

	customer   = string(types.KeyManagerTypeCustomer)
	awsManaged = string(types.KeyManagerTypeAws)
)

// usable reports why a key cannot be used now, as KMS says it: disabled, or waiting for its deletion.
func (k *liveKey) usable() error {
	switch k.State {
	case enabled:
		return nil
	case disabled:
		return api.Errorf("DisabledException", "%s is disabled.", k.arn)
	}
	return k.notPending()
}

// notPending is the state that management operations need.
func (k *liveKey) notPending() error {
	if k.State == pendingDeletion {
		return api.Errorf("KMSInvalidStateException", "%s is pending deletion.", k.arn)
	}
	return nil
}

// CreateKey makes a symmetric encryption key.
func (s *Service) CreateKey(ctx context.Context, c *api.Caller, in *kms.CreateKeyInput) (*kms.CreateKeyOutput, error) {
	if err := checkKeyKind(in); err != nil {
		return nil, err
	}
	tags, err := newTags(nil, in.Tags)
	if err != nil {
		return nil, err
	}
	description, err := checkDescription(in.Description)
	if err != nil {
		return nil, err
	}
	row := state.Key{
		ID: uuid.NewString(), AccountID: c.AccountID, Region: c.Region, Manager: customer, State: enabled,
		Description: description, Tags: tags, Policy: defaultPolicy(c.AccountID),
	}
	if in.Policy != nil {
		row.Policy = *in.Policy
		if err := s.checkPolicy(ctx, c, keyARN(row.Region, row.AccountID, row.ID), row.Policy, in.BypassPolicyLockoutSafetyCheck); err != nil {
			return nil, err
		}
	}
	k, err := s.insertKey(ctx, row, nil)
	if err != nil {
		return nil, err
	}
	return &kms.CreateKeyOutput{KeyMetadata: metadata(k)}, nil
}

func (s *Service) createKeyAccess(_ context.Context, c *api.Caller, in *kms.CreateKeyInput) ([]api.Access, error) {
	keys := map[string][]string{
		"kms:KeySpec":                        {string(types.KeySpecSymmetricDefault)},
		"kms:KeyUsage":                       {string(types.KeyUsageTypeEncryptDecrypt)},
		"kms:KeyOrigin":                      {string(types.OriginTypeAwsKms)},
		"kms:MultiRegion":                    {"false"},
		"kms:BypassPolicyLockoutSafetyCheck": {strconv.FormatBool(in.BypassPolicyLockoutSafetyCheck)},
	}
	callerConditions(c, keys)
	requestTags(in.Tags, keys)
	accesses := []api.Access{{Action: "kms:CreateKey", Resource: "*", Context: keys}}
	if len(in.Tags) > 0 {
		accesses = append(accesses, api.Access{Action: "kms:TagResource", Resource: "*", Context: keys})
	}
	return accesses, nil
}

// checkKeyKind refuses the kinds of keys that the service does not have.
func checkKeyKind(in *kms.CreateKeyInput) error {
	spec := in.KeySpec
	if spec == "" {
		spec = types.KeySpec(in.CustomerMasterKeySpec) //nolint:staticcheck // older clients say it so
	}
	switch {
	case spec != "" && spec != types.KeySpecSymmetricDefault:
		return api.NotImplemented("kms:CreateKey with KeySpec " + string(spec))
	case in.KeyUsage != "" && in.KeyUsage != types.KeyUsageTypeEncryptDecrypt:
		return api.Errorf("ValidationException", "The operation failed because the KeyUsage value of the KMS key is %s.", in.KeyUsage)
	case in.Origin != "" && in.Origin != types.OriginTypeAwsKms:
		return api.NotImplemented("kms:CreateKey with Origin " + string(in.Origin))
	case in.CustomKeyStoreId != nil || in.XksKeyId != nil:
		return api.NotImplemented("kms:CreateKey in a custom key store")
	case in.MultiRegion != nil && *in.MultiRegion:
		return api.NotImplemented("kms:CreateKey with MultiRegion")
	}
	return nil
}

func checkDescription(d *string) (string, error) {
	switch {
	case d == nil:
		return "", nil
	case len(*d) > 8192:
		return "", errConstraint("description", "", "Member must have length less than or equal to 8192")
	}
	return *d, nil
}

// insertKey adds a key with its first material, and an alias if one is given.
func (s *Service) insertKey(ctx context.Context, row state.Key, alias *state.Alias) (*liveKey, error) {
	material, err := s.newMaterial(ctx, row.ID, "")
	if err != nil {
		return nil, err
	}
	err = s.DB.Update(ctx, func(ctx context.Context, tx *state.Tx) error {
		row.CreatedAt, material.CreatedAt = tx.Now, tx.Now
		if row.RotationDays > 0 {
			row.NextRotationAt = daysAfter(tx.Now, row.RotationDays)
		}
		if err := tx.InsertKey(ctx, row); err != nil {
			return err
		}
		if alias != nil {
			alias.CreatedAt, alias.UpdatedAt = tx.Now, tx.Now
			if err := tx.InsertAlias(ctx, *alias); err != nil {
				return err
			}
		}
		return addMaterial(ctx, tx, material)
	})
	if err != nil {
		return nil, err
	}
	s.cache.changed(row.ID)
	return s.key(ctx, row.ID)
}

// DescribeKey shows a key's metadata.
func (s *Service) DescribeKey(ctx context.Context, c *api.Caller, in *kms.DescribeKeyInput) (*kms.DescribeKeyOutput, error) {
	t, err := s.find(ctx, c, "DescribeKey", in.KeyId, aliases|foreign)
	if err != nil {
		return nil, err
	}
	return &kms.DescribeKeyOutput{KeyMetadata: metadata(t.liveKey)}, nil
}

func (s *Service) describeKeyAccess(ctx context.Context, c *api.Caller, in *kms.DescribeKeyInput) ([]api.Access, error) {
	if err := s.checkTokens(ctx, in.GrantTokens); err != nil {
		return nil, err
	}
	return s.ask(ctx, c, in.KeyId, aliases|foreign, question{operation: "DescribeKey", granted: "DescribeKey"})
}

func metadata(k *liveKey) *types.KeyMetadata {
	m := &types.KeyMetadata{
		KeyId:                 new(k.ID),
		AWSAccountId:          new(k.AccountID),
		Arn:                   new(k.arn),
		CreationDate:          k.CreatedAt.Ptr(),
		CurrentKeyMaterialId:  new(k.current().row.ID),
		CustomerMasterKeySpec: types.CustomerMasterKeySpecSymmetricDefault, //nolint:staticcheck // older clients read it
		DeletionDate:          k.DeletionAt.Ptr(),
		Description:           new(k.Description),
		Enabled:               k.State == enabled,
		EncryptionAlgorithms:  []types.EncryptionAlgorithmSpec{types.EncryptionAlgorithmSpecSymmetricDefault},
		KeyManager:            types.KeyManagerType(k.Manager),
		KeySpec:               types.KeySpecSymmetricDefault,
		KeyState:              types.KeyState(k.State),
		KeyUsage:              types.KeyUsageTypeEncryptDecrypt,
		MultiRegion:           new(false),
		Origin:                types.OriginTypeAwsKms,
	}
	return m
}

// ListKeys lists all keys of the caller's account and Region.
func (s *Service) ListKeys(ctx context.Context, c *api.Caller, in *kms.ListKeysInput) (*kms.ListKeysOutput, error) {
	l, err := s.newListing(c, "ListKeys", in.Marker, in.Limit, 100, 1000)
	if err != nil {
		return nil, err
	}
	var rows []state.Key
	err = s.DB.View(ctx, func(ctx context.Context, tx *state.Tx) error {
		rows, err = tx.Keys(ctx, c.AccountID, c.Region, l.after, l.limit+1)
		return err
	})
	if err != nil {
		return nil, err
	}
	rows, next := cut(l, rows, func(k state.Key) string { return k.ID })
	out := &kms.ListKeysOutput{NextMarker: next, Truncated: next != nil, Keys: []types.KeyListEntry{}}
	for _, k := range rows {
		out.Keys = append(out.Keys, types.KeyListEntry{KeyId: new(k.ID), KeyArn: new(keyARN(k.Region, k.AccountID, k.ID))})
	}
	return out, nil
}

// EnableKey makes a disabled key usable again.
func (s *Service) EnableKey(ctx context.Context, c *api.Caller, in *kms.EnableKeyInput) (*kms.EnableKeyOutput, error) {
	return &kms.EnableKeyOutput{}, s.setState(ctx, c, "EnableKey", in.KeyId, enabled)
}

func (s *Service) enableKeyAccess(ctx context.Context, c *api.Caller, in *kms.EnableKeyInput) ([]api.Access, error) {
	return s.ask(ctx, c, in.KeyId, own, question{operation: "EnableKey"})
}

// DisableKey makes a key refuse every cryptographic operation until it is enabled.
func (s *Service) DisableKey(ctx context.Context, c *api.Caller, in *kms.DisableKeyInput) (*kms.DisableKeyOutput, error) {
	return &kms.DisableKeyOutput{}, s.setState(ctx, c, "DisableKey", in.KeyId, disabled)
}

func (s *Service) disableKeyAccess(ctx context.Context, c *api.Caller, in *kms.DisableKeyInput) ([]api.Access, error) {
	return s.ask(ctx, c, in.KeyId, own, question{operation: "DisableKey"})
}

func (s *Service) setState(ctx context.Context, c *api.Caller, operation string, id *string, to string) error {
	t, err := s.find(ctx, c, operation, id, own)
	if err != nil {
		return err
	}
	return s.changeManaged(ctx, t, func(row *state.Key) error {
		row.State = to
		return nil
	})
}

// changeManaged changes a key that is not pending deletion.
func (s *Service) changeManaged(ctx context.Context, t target, fn func(row *state.Key) error) error {
	return s.change(ctx, t.liveKey, func(_ context.Context, _ *state.Tx, row *state.Key) error {
		if err := t.at(row).notPending(); err != nil {
			return err
		}
		return fn(row)
	})
}

// at is the key in the state that its row has within a transaction.
func (k *liveKey) at(row *state.Key) *liveKey {
	now := *k
	now.Key = *row
	return &now
}

// UpdateKeyDescription replaces a key's description.
func (s *Service) UpdateKeyDescription(ctx context.Context, c *api.Caller, in *kms.UpdateKeyDescriptionInput) (*kms.UpdateKeyDescriptionOutput, error) {
	if in.Description == nil {
		return nil, errNull("description")
	}
	description, err := checkDescription(in.Description)
	if err != nil {
		return nil, err
	}
	t, err := s.find(ctx, c, "UpdateKeyDescription", in.KeyId, own)
	if err != nil {
		return nil, err
	}
	return &kms.UpdateKeyDescriptionOutput{}, s.changeManaged(ctx, t, func(row *state.Key) error {
		row.Description = description
		return nil
	})
}

func (s *Service) updateKeyDescriptionAccess(ctx context.Context, c *api.Caller, in *kms.UpdateKeyDescriptionInput) ([]api.Access, error) {
	return s.ask(ctx, c, in.KeyId, own, question{operation: "UpdateKeyDescription"})
}

// daysAfter adds whole days.
func daysAfter(at state.Micros, days int) state.Micros {
	return at + state.Micros(time.Duration(days)*24*time.Hour/time.Microsecond)
}

// notFoundAs replaces [state.ErrNotFound] by what the API says.
func notFoundAs(err error, said *api.Error) error {
	if errors.Is(err, state.ErrNotFound) {
		return said
	}
	return err
}
