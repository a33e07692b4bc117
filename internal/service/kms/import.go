package kms

import (
	"context"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/asn1"
	"errors"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"

	"strongroom/internal/api"
	"strongroom/internal/state"
)

const (
	// importPeriod is how long the answer of GetParametersForImport is good.
	// https://docs.aws.amazon.com/kms/latest/APIReference/API_GetParametersForImport.html
	importPeriod = 24 * time.Hour
	// maxValidDays is how far ahead the expiry of imported material may be.
	// https://docs.aws.amazon.com/kms/latest/APIReference/API_ImportKeyMaterial.html
	maxValidDays = 365
)

// wrapping is how a client wraps the material that it brings.
type wrapping struct {
	hash crypto.Hash // of OAEP
	aes  bool        // OAEP wraps an AES key, which wraps the material (RFC 5649)
}

var wrappings = map[types.AlgorithmSpec]wrapping{
	types.AlgorithmSpecRsaesOaepSha1:       {hash: crypto.SHA1},
	types.AlgorithmSpecRsaesOaepSha256:     {hash: crypto.SHA256},
	types.AlgorithmSpecRsaAesKeyWrapSha1:   {hash: crypto.SHA1, aes: true},
	types.AlgorithmSpecRsaAesKeyWrapSha256: {hash: crypto.SHA256, aes: true},
}

// importToken is what an import token holds, sealed by the root key: all that is needed to unwrap the material that it
// comes with.
type importToken struct {
	Region    string
	KeyID     string
	Algorithm string // AlgorithmSpec
	Private   []byte // PKCS #8
	ValidTo   int64  // Micros
}

// open returns the material that was wrapped for the token.
func (t importToken) open(wrapped []byte) ([]byte, error) {
	parsed, err := x509.ParsePKCS8PrivateKey(t.Private)
	if err != nil {
		return nil, err
	}
	private, ok := parsed.(*rsa.PrivateKey)
	if !ok {
		return nil, errors.New("an import token holds no RSA key")
	}
	how := wrappings[types.AlgorithmSpec(t.Algorithm)]
	var rest []byte
	if how.aes {
		if len(wrapped) < private.Size() {
			return nil, errKeyWrap
		}
		wrapped, rest = wrapped[:private.Size()], wrapped[private.Size():]
	}
	opened, err := rsa.DecryptOAEP(how.hash.New(), nil, private, wrapped, nil)
	if err != nil || !how.aes {
		return opened, err
	}
	return unwrapKey(opened, rest)
}

// GetParametersForImport returns a public key to wrap material with, and a token to import it by, good for a day.
func (s *Service) GetParametersForImport(ctx context.Context, c *api.Caller, in *kms.GetParametersForImportInput) (*kms.GetParametersForImportOutput, error) {
	t, err := s.findExternal(ctx, c, "GetParametersForImport", in.KeyId)
	if err != nil {
		return nil, err
	}
	if how := wrappings[in.WrappingAlgorithm]; t.spec.kind == rsaKind && !how.aes {
		return nil, api.Errorf("ValidationException", "Wrapping algorithm %s is not supported for key spec %s.", in.WrappingAlgorithm, t.Spec)
	}
	private, err := rsa.GenerateKey(rand.Reader, specNamed(types.KeySpec(in.WrappingKeySpec)).bits)
	if err != nil {
		return nil, err
	}
	public, err := marshalPublic(private)
	if err != nil {
		return nil, err
	}
	secret, err := marshalPrivate(private)
	if err != nil {
		return nil, err
	}
	validTo := state.MicrosOf(s.Clock.Now().Add(importPeriod))
	token, err := asn1.Marshal(importToken{
		Region: t.Region, KeyID: t.ID, Algorithm: string(in.WrappingAlgorithm), Private: secret, ValidTo: int64(validTo),
	})
	if err != nil {
		return nil, err
	}
	sealed, err := s.Keeper.Encrypt(ctx, token)
	if err != nil {
		return nil, err
	}
	return &kms.GetParametersForImportOutput{ImportToken: sealed, KeyId: new(t.arn), ParametersValidTo: validTo.Ptr(), PublicKey: public}, nil
}

func (s *Service) getParametersForImportAccess(ctx context.Context, c *api.Caller, in *kms.GetParametersForImportInput) ([]api.Access, error) {
	switch {
	case in.WrappingAlgorithm == "":
		return nil, errNull("wrappingAlgorithm")
	case in.WrappingKeySpec == "":
		return nil, errNull("wrappingKeySpec")
	case !slices.Contains(in.WrappingAlgorithm.Values(), in.WrappingAlgorithm):
		return nil, errConstraint("wrappingAlgorithm", string(in.WrappingAlgorithm), "Member must satisfy enum value set")
	case !slices.Contains(in.WrappingKeySpec.Values(), in.WrappingKeySpec):
		return nil, errConstraint("wrappingKeySpec", string(in.WrappingKeySpec), "Member must satisfy enum value set")
	case wrappings[in.WrappingAlgorithm].hash == 0:
		return nil, api.NotImplemented("kms:GetParametersForImport with WrappingAlgorithm " + string(in.WrappingAlgorithm))
	case specNamed(types.KeySpec(in.WrappingKeySpec)) == nil:
		return nil, api.NotImplemented("kms:GetParametersForImport with WrappingKeySpec " + string(in.WrappingKeySpec))
	}
	return s.ask(ctx, c, in.KeyId, own, question{operation: "GetParametersForImport", more: map[string][]string{
		"kms:WrappingAlgorithm": {string(in.WrappingAlgorithm)},
		"kms:WrappingKeySpec":   {string(in.WrappingKeySpec)},
	}})
}

// findExternal finds a key into which material can be imported now.
func (s *Service) findExternal(ctx context.Context, c *api.Caller, operation string, id *string) (target, error) {
	t, err := s.find(ctx, c, operation, id, own)
	if err != nil {
		return t, err
	}
	if err := t.externalOnly(); err != nil {
		return t, err
	}
	return t, t.notPending()
}

// ImportKeyMaterial gives a key the material that a client made, or gives it back after it was deleted or expired.
func (s *Service) ImportKeyMaterial(ctx context.Context, c *api.Caller, in *kms.ImportKeyMaterialInput) (*kms.ImportKeyMaterialOutput, error) {
	t, err := s.findExternal(ctx, c, "ImportKeyMaterial", in.KeyId)
	if err != nil {
		return nil, err
	}
	if t.spec.kind != symmetricKind && (in.ImportType != "" || in.KeyMaterialId != nil || in.KeyMaterialDescription != nil) {
		return nil, api.Errorf("ValidationException", "ImportType, KeyMaterialDescription and KeyMaterialId are supported by symmetric encryption keys only.")
	}
	expiresAt, err := s.expiry(in)
	if err != nil {
		return nil, err
	}
	secret, err := s.openImport(ctx, t, in)
	if err != nil {
		return nil, err
	}
	defer clear(secret)
	id := importedID(t.ID, secret)
	m, err := s.wrap(ctx, t.ID, id, secret)
	if err != nil {
		return nil, err
	}
	m.Region, m.ExpiresAt = t.Region, expiresAt
	if in.KeyMaterialDescription != nil {
		m.Description = *in.KeyMaterialDescription
	}
	if in.KeyMaterialId != nil && *in.KeyMaterialId != m.ID {
		return nil, errIncorrectMaterial(nil)
	}
	err = s.changeMaterial(ctx, t.liveKey, func(ctx context.Context, tx *state.Tx, row *state.Key) error {
		if err := t.at(row).notPending(); err != nil {
			return err
		}
		m.CreatedAt = tx.Now
		if err := t.place(ctx, tx, in.ImportType, m, in.KeyMaterialDescription != nil); err != nil {
			return err
		}
		return reconcile(ctx, tx, row)
	})
	if err != nil {
		return nil, err
	}
	out := &kms.ImportKeyMaterialOutput{KeyId: new(t.arn)}
	if t.spec.kind == symmetricKind {
		out.KeyMaterialId = new(m.ID)
	}
	return out, nil
}

func (s *Service) importKeyMaterialAccess(ctx context.Context, c *api.Caller, in *kms.ImportKeyMaterialInput) ([]api.Access, error) {
	switch {
	case in.ImportToken == nil:
		return nil, errNull("importToken")
	case len(in.ImportToken) > 6144:
		return nil, errConstraint("importToken", "", "Member must have length less than or equal to 6144")
	case in.EncryptedKeyMaterial == nil:
		return nil, errNull("encryptedKeyMaterial")
	case len(in.EncryptedKeyMaterial) > 6144:
		return nil, errConstraint("encryptedKeyMaterial", "", "Member must have length less than or equal to 6144")
	case in.ExpirationModel != "" && !slices.Contains(in.ExpirationModel.Values(), in.ExpirationModel):
		return nil, errConstraint("expirationModel", string(in.ExpirationModel), "Member must satisfy enum value set: [KEY_MATERIAL_DOES_NOT_EXPIRE, KEY_MATERIAL_EXPIRES]")
	case in.ImportType != "" && !slices.Contains(in.ImportType.Values(), in.ImportType):
		return nil, errConstraint("importType", string(in.ImportType), "Member must satisfy enum value set: [EXISTING_KEY_MATERIAL, NEW_KEY_MATERIAL]")
	case in.ImportType == types.ImportTypeNewKeyMaterial && in.KeyMaterialId != nil:
		return nil, api.Errorf("ValidationException", "KeyMaterialId cannot be specified with ImportType %s.", in.ImportType)
	}
	more := map[string][]string{"kms:ExpirationModel": {string(expirationModel(in))}}
	if in.ValidTo != nil {
		more["kms:ValidTo"] = []string{in.ValidTo.UTC().Format(time.RFC3339)}
	}
	return s.ask(ctx, c, in.KeyId, own, question{operation: "ImportKeyMaterial", more: more})
}

func expirationModel(in *kms.ImportKeyMaterialInput) types.ExpirationModelType {
	if in.ExpirationModel == "" {
		return types.ExpirationModelTypeKeyMaterialExpires
	}
	return in.ExpirationModel
}

// expiry is when the material of a request expires; 0 if it does not.
func (s *Service) expiry(in *kms.ImportKeyMaterialInput) (state.Micros, error) {
	if expirationModel(in) == types.ExpirationModelTypeKeyMaterialDoesNotExpire {
		if in.ValidTo != nil {
			return 0, api.Errorf("ValidationException", "A validTo date must not be set if the ExpirationModel is KEY_MATERIAL_DOES_NOT_EXPIRE")
		}
		return 0, nil
	}
	now := s.Clock.Now()
	switch {
	case in.ValidTo == nil:
		return 0, api.Errorf("ValidationException", "A validTo date must be set if the ExpirationModel is KEY_MATERIAL_EXPIRES")
	case !in.ValidTo.After(now):
		return 0, api.Errorf("ValidationException", "ValidTo must be a date in the future")
	case in.ValidTo.After(now.AddDate(0, 0, maxValidDays)):
		return 0, api.Errorf("ValidationException", "ValidTo must be at most %d days from now", maxValidDays)
	}
	return state.MicrosOf(*in.ValidTo), nil
}

// openImport unwraps the material of a request and checks that it is some for the key.
func (s *Service) openImport(ctx context.Context, t target, in *kms.ImportKeyMaterialInput) ([]byte, error) {
	var token importToken
	opened, err := s.Keeper.Decrypt(ctx, in.ImportToken)
	if err == nil {
		_, err = asn1.Unmarshal(opened, &token)
	}
	switch {
	case err != nil:
		return nil, &api.Error{Code: "InvalidImportTokenException", Err: err}
	case token.KeyID != t.ID || token.Region != t.Region:
		return nil, &api.Error{Code: "InvalidImportTokenException"}
	case reached(state.Micros(token.ValidTo), state.MicrosOf(s.Clock.Now())):
		return nil, &api.Error{Code: "ExpiredImportTokenException"}
	}
	secret, err := token.open(in.EncryptedKeyMaterial)
	if err != nil {
		return nil, &api.Error{Code: "InvalidCiphertextException", Err: err}
	}
	switch {
	case t.spec.kind == symmetricKind && len(secret) != 32, t.spec.kind == hmacKind && len(secret) != t.spec.hash.Size():
		return nil, errIncorrectMaterial(nil)
	case t.spec.asymmetric():
		private, err := t.spec.parsePrivate(secret)
		if err != nil {
			return nil, errIncorrectMaterial(err)
		}
		clear(secret)
		return marshalPrivate(private) // so that one key has one form, and one id
	}
	return secret, nil
}

func errIncorrectMaterial(cause error) *api.Error {
	return &api.Error{Code: "IncorrectKeyMaterialException", Err: cause}
}

// place writes imported material into its row: a new one, or that of the same material before. A replica takes only what
// its primary has.
func (t target) place(ctx context.Context, tx *state.Tx, importType types.ImportType, m state.KeyMaterial, described bool) error {
	materials, err := tx.KeyMaterials(ctx, t.Region, t.ID)
	if err != nil {
		return err
	}
	if i := slices.IndexFunc(materials, func(old state.KeyMaterial) bool { return old.ID == m.ID }); i >= 0 {
		if importType == types.ImportTypeNewKeyMaterial && len(materials[i].Wrapped) > 0 {
			return errIncorrectMaterial(nil)
		}
		old := materials[i]
		old.Wrapped, old.ExpiresAt = m.Wrapped, m.ExpiresAt
		if described {
			old.Description = m.Description
		}
		return tx.UpdateKeyMaterial(ctx, old)
	}
	if t.PrimaryRegion != "" && t.PrimaryRegion != t.Region {
		return t.follow(ctx, tx, importType, m)
	}
	if len(materials) > 0 {
		switch {
		case importType != types.ImportTypeNewKeyMaterial:
			return errIncorrectMaterial(nil)
		case slices.ContainsFunc(materials, func(old state.KeyMaterial) bool { return old.Pending }):
			return api.Errorf("KMSInvalidStateException", "%s has key material pending rotation.", t.arn)
		}
		m.Pending = true
	} else if importType == types.ImportTypeExistingKeyMaterial {
		return errIncorrectMaterial(nil)
	}
	return addMaterial(ctx, tx, t.Region, m)
}

// follow writes into a replica material that its primary has.
func (t target) follow(ctx context.Context, tx *state.Tx, importType types.ImportType, m state.KeyMaterial) error {
	if importType == types.ImportTypeNewKeyMaterial {
		return api.Errorf("UnsupportedOperationException", "%s is a replica key; new key material is imported into its primary key first.", t.arn)
	}
	primary, err := tx.KeyMaterials(ctx, t.PrimaryRegion, t.ID)
	if err != nil {
		return err
	}
	i := slices.IndexFunc(primary, func(p state.KeyMaterial) bool { return p.ID == m.ID })
	if i < 0 {
		return errIncorrectMaterial(nil)
	}
	m.Sequence, m.Pending, m.RotationType, m.CreatedAt = primary[i].Sequence, primary[i].Pending, primary[i].RotationType, primary[i].CreatedAt
	return tx.InsertKeyMaterial(ctx, m)
}

// DeleteImportedKeyMaterial makes a key unusable until the same material is imported again.
func (s *Service) DeleteImportedKeyMaterial(ctx context.Context, c *api.Caller, in *kms.DeleteImportedKeyMaterialInput) (*kms.DeleteImportedKeyMaterialOutput, error) {
	t, err := s.find(ctx, c, "DeleteImportedKeyMaterial", in.KeyId, own)
	if err != nil {
		return nil, err
	}
	if err := t.externalOnly(); err != nil {
		return nil, err
	}
	out := &kms.DeleteImportedKeyMaterialOutput{KeyId: new(t.arn)}
	var gone []byte
	err = s.change(ctx, t.liveKey, func(ctx context.Context, tx *state.Tx, row *state.Key) error {
		materials, err := tx.KeyMaterials(ctx, row.Region, row.ID)
		if err != nil {
			return err
		}
		for _, m := range slices.Backward(materials) {
			if in.KeyMaterialId == nil && m.Pending || in.KeyMaterialId != nil && *in.KeyMaterialId != m.ID {
				continue
			}
			if t.spec.kind == symmetricKind {
				out.KeyMaterialId = new(m.ID)
			}
			if m.Pending {
				return dropPending(ctx, tx, *row, m)
			}
			gone = m.Wrapped
			m.Wrapped, m.ExpiresAt = []byte{}, 0
			if err := tx.UpdateKeyMaterial(ctx, m); err != nil {
				return err
			}
			return reconcile(ctx, tx, row)
		}
		if in.KeyMaterialId != nil {
			return api.Errorf("NotFoundException", "Key material %s of %s does not exist", *in.KeyMaterialId, t.arn)
		}
		return nil // nothing was imported yet
	})
	if err != nil {
		return nil, err
	}
	return out, s.DB.Forget(ctx, gone)
}

func (s *Service) deleteImportedKeyMaterialAccess(ctx context.Context, c *api.Caller, in *kms.DeleteImportedKeyMaterialInput) ([]api.Access, error) {
	return s.ask(ctx, c, in.KeyId, own, question{operation: "DeleteImportedKeyMaterial"})
}

// dropPending forgets material that never was in use; that of a primary in the replicas, too.
func dropPending(ctx context.Context, tx *state.Tx, row state.Key, m state.KeyMaterial) error {
	related := []state.Key{row}
	if row.PrimaryRegion == row.Region {
		var err error
		if related, err = tx.RelatedKeys(ctx, row.ID); err != nil {
			return err
		}
	}
	for _, k := range related {
		if err := unlessGone(tx.DeleteKeyMaterial(ctx, k.Region, m.ID)); err != nil {
			return err
		}
	}
	return nil
}

// complete reports whether a key has all material that it was ever used with.
func complete(materials []state.KeyMaterial) bool {
	some := false
	for _, m := range materials {
		if m.Pending {
			continue
		}
		if some = len(m.Wrapped) > 0; !some {
			return false
		}
	}
	return some
}

// reconcile sets in a key's row what follows from its material: when the next of it expires, and whether the key waits for
// an import.
func reconcile(ctx context.Context, tx *state.Tx, row *state.Key) error {
	materials, err := tx.KeyMaterials(ctx, row.Region, row.ID)
	if err != nil {
		return err
	}
	row.ExpiresAt = 0
	for _, m := range materials {
		row.ExpiresAt = sooner(row.ExpiresAt, m.ExpiresAt)
	}
	switch whole := complete(materials); {
	case whole && row.State == pendingImport:
		row.State = enabled
	case !whole && (row.State == enabled || row.State == disabled):
		row.State = pendingImport
	}
	return nil
}

// expire drops the material of a key that expired.
func expire(ctx context.Context, tx *state.Tx, row *state.Key) error {
	materials, err := tx.KeyMaterials(ctx, row.Region, row.ID)
	if err != nil {
		return err
	}
	for _, m := range materials {
		if !reached(m.ExpiresAt, tx.Now) {
			continue
		}
		m.Wrapped, m.ExpiresAt = []byte{}, 0
		if err := tx.UpdateKeyMaterial(ctx, m); err != nil {
			return err
		}
	}
	return reconcile(ctx, tx, row)
}

// expiration is what APIs show of the expiry of imported material.
func expiration(m *material) (types.ExpirationModelType, *time.Time) {
	if m.row.ExpiresAt == 0 {
		return types.ExpirationModelTypeKeyMaterialDoesNotExpire, nil
	}
	return types.ExpirationModelTypeKeyMaterialExpires, m.row.ExpiresAt.Ptr()
}
