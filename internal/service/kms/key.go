package kms

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"

	"strongroom/internal/api"
	"strongroom/internal/state"
)

const (
	customer   = string(types.KeyManagerTypeCustomer)
	awsManaged = string(types.KeyManagerTypeAws)
)

// CreateKey makes a key.
func (s *Service) CreateKey(ctx context.Context, c *api.Caller, in *kms.CreateKeyInput) (*kms.CreateKeyOutput, error) {
	row, err := newKind(in, c.Region)
	if err != nil {
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
	row.ID, row.AccountID = newKeyID(row.PrimaryRegion != ""), c.AccountID
	row.Manager, row.State = customer, enabled
	row.Description, row.Tags, row.Policy = description, tags, defaultPolicy(c.AccountID)
	if err := s.authorizeTags(ctx, c, row, in.Tags); err != nil {
		return nil, err
	}
	if row.Origin == string(types.OriginTypeExternal) {
		row.State = pendingImport
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
	kind, err := newKind(in, c.Region)
	if err != nil {
		return nil, err
	}
	return []api.Access{creation(c, kind, in.Tags, in.BypassPolicyLockoutSafetyCheck)}, nil
}

// creation asks for the right to make a key of a kind.
func creation(c *api.Caller, kind state.Key, tags []types.Tag, bypass bool) api.Access {
	keys := keyConditions(kind)
	keys["kms:BypassPolicyLockoutSafetyCheck"] = []string{strconv.FormatBool(bypass)}
	callerConditions(c, keys)
	requestTags(tags, keys)
	return api.Access{Action: "kms:CreateKey", Resource: "*", Context: keys}
}

// authorizeTags asks for the right to tag a key that is about to be made, which no key policy speaks for yet.
func (s *Service) authorizeTags(ctx context.Context, c *api.Caller, row state.Key, tags []types.Tag) error {
	if len(tags) == 0 {
		return nil
	}
	keys := keyConditions(row)
	callerConditions(c, keys)
	requestTags(tags, keys)
	return s.Door.Authorize(ctx, c, "kms", api.Access{
		Action: "kms:TagResource", Resource: keyARN(row.Region, row.AccountID, row.ID), Context: keys,
	})
}

// newKind returns the kind of a key that is asked for in a Region, and refuses the kinds that the service does not have.
func newKind(in *kms.CreateKeyInput, region string) (state.Key, error) {
	older := types.KeySpec(in.CustomerMasterKeySpec) //nolint:staticcheck // older clients say it so
	name := cmp.Or(in.KeySpec, older, types.KeySpecSymmetricDefault)
	of := specNamed(name)
	origin := cmp.Or(in.Origin, types.OriginTypeAwsKms)
	switch {
	case in.KeySpec != "" && older != "" && in.KeySpec != older:
		return state.Key{}, api.Errorf("ValidationException", "You cannot specify KeySpec and CustomerMasterKeySpec in the same request. CustomerMasterKeySpec is deprecated.")
	case !slices.Contains(name.Values(), name):
		return state.Key{}, errConstraint("keySpec", string(name), "Member must satisfy enum value set")
	case !slices.Contains(origin.Values(), origin):
		return state.Key{}, errConstraint("origin", string(origin), "Member must satisfy enum value set: [EXTERNAL, AWS_CLOUDHSM, AWS_KMS, EXTERNAL_KEY_STORE]")
	case of == nil:
		return state.Key{}, api.NotImplemented("kms:CreateKey with KeySpec " + string(name))
	case in.CustomKeyStoreId != nil || in.XksKeyId != nil:
		return state.Key{}, api.NotImplemented("kms:CreateKey in a custom key store")
	case origin != types.OriginTypeAwsKms && origin != types.OriginTypeExternal:
		return state.Key{}, api.NotImplemented("kms:CreateKey with Origin " + string(origin))
	case origin == types.OriginTypeExternal && of.kind == encapsulation:
		return state.Key{}, api.Errorf("UnsupportedOperationException", "Origin EXTERNAL is not supported by KeySpec %s.", name)
	}
	usage, err := of.checkUsage(in.KeyUsage)
	kind := state.Key{Region: region, Spec: string(name), Usage: string(usage), Origin: string(origin)}
	if in.MultiRegion != nil && *in.MultiRegion {
		kind.PrimaryRegion = region
	}
	return kind, err
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

// insertKey adds a key with its first material, unless that is to be imported, and an alias if one is given.
func (s *Service) insertKey(ctx context.Context, row state.Key, alias *state.Alias) (*liveKey, error) {
	var fresh state.KeyMaterial
	if row.State != pendingImport {
		var err error
		if fresh, err = s.newMaterial(ctx, specNamed(types.KeySpec(row.Spec)), row.ID, ""); err != nil {
			return nil, err
		}
	}
	err := s.DB.UpdateKept(ctx, func(ctx context.Context, tx *state.Tx) error {
		row.CreatedAt, fresh.CreatedAt = tx.Now, tx.Now
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
		if row.State == pendingImport {
			return nil
		}
		return addMaterial(ctx, tx, row.Region, fresh)
	})
	if err != nil {
		return nil, err
	}
	s.cache.changed(row.ID)
	return s.key(ctx, row.Region, row.ID)
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
		KeyId:                    new(k.ID),
		AWSAccountId:             new(k.AccountID),
		Arn:                      new(k.arn),
		CreationDate:             k.CreatedAt.Ptr(),
		CurrentKeyMaterialId:     k.shownID(k.current()),
		CustomerMasterKeySpec:    types.CustomerMasterKeySpec(k.Spec), //nolint:staticcheck // older clients read it
		DeletionDate:             k.DeletionAt.Ptr(),
		Description:              new(k.Description),
		Enabled:                  k.State == enabled,
		KeyManager:               types.KeyManagerType(k.Manager),
		KeySpec:                  types.KeySpec(k.Spec),
		KeyState:                 types.KeyState(k.State),
		KeyUsage:                 types.KeyUsageType(k.Usage),
		MultiRegion:              new(k.PrimaryRegion != ""),
		MultiRegionConfiguration: multiRegionConfiguration(k),
		Origin:                   types.OriginType(k.Origin),
	}
	switch m.KeyUsage {
	case types.KeyUsageTypeEncryptDecrypt:
		m.EncryptionAlgorithms = k.spec.encryption()
	case types.KeyUsageTypeSignVerify:
		m.SigningAlgorithms = k.spec.signing
	case types.KeyUsageTypeGenerateVerifyMac:
		m.MacAlgorithms = k.spec.mac
	case types.KeyUsageTypeKeyAgreement:
		m.KeyAgreementAlgorithms = []types.KeyAgreementAlgorithmSpec{types.KeyAgreementAlgorithmSpecEcdh}
	case types.KeyUsageTypeEncapsulateDecapsulate:
		m.EncapsulationAlgorithms = []types.EncapsulationAlgorithmSpec{types.EncapsulationAlgorithmSpecMlKem}
	}
	if k.State == pendingReplicaDeletion {
		m.PendingDeletionWindowInDays = new(int32(k.DeletionWindow))
	}
	if current := k.current(); k.Origin == string(types.OriginTypeExternal) && current != nil && current.secret != nil {
		m.ExpirationModel, m.ValidTo = expiration(current)
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
		if err := t.at(row).switchable(); err != nil {
			return err
		}
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
