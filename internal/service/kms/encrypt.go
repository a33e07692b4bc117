package kms

import (
	"cmp"
	"context"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	_ "crypto/sha1" // of RSAES_OAEP_SHA_1
	"errors"
	"slices"
	"strconv"

	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"

	"strongroom/internal/api"
	"strongroom/internal/state"
)

const symmetric = types.EncryptionAlgorithmSpecSymmetricDefault

// algorithmOf is the encryption algorithm that a request names, or the default.
func algorithmOf(given types.EncryptionAlgorithmSpec) types.EncryptionAlgorithmSpec {
	return cmp.Or(given, symmetric)
}

// algorithmKey is the condition key of operations that encrypt or decrypt.
func algorithmKey(a types.EncryptionAlgorithmSpec) map[string][]string {
	return map[string][]string{"kms:EncryptionAlgorithm": {string(a)}}
}

// checkContext refuses an encryption context where the algorithm has no place for it.
func checkContext(a types.EncryptionAlgorithmSpec, encryptionContext map[string]string) error {
	if a != symmetric && len(encryptionContext) > 0 {
		return api.Errorf("ValidationException", "EncryptionContext is not supported with the encryption algorithm %s.", a)
	}
	return nil
}

// encrypts says whether a key may be used with an encryption algorithm.
func (k *liveKey) encrypts(operation string, a types.EncryptionAlgorithmSpec) error {
	if err := k.usableFor(operation, types.KeyUsageTypeEncryptDecrypt); err != nil {
		return err
	}
	return takes(k, k.spec.encryption(), a)
}

// errInvalidCiphertext says nothing of the cause, as KMS does.
func errInvalidCiphertext() error {
	return &api.Error{Code: "InvalidCiphertextException", Err: errCiphertext}
}

// Encrypt seals up to 4096 bytes under a key.
func (s *Service) Encrypt(ctx context.Context, c *api.Caller, in *kms.EncryptInput) (*kms.EncryptOutput, error) {
	t, err := s.find(ctx, c, "Encrypt", in.KeyId, aliases|foreign)
	if err != nil {
		return nil, err
	}
	algorithm := algorithmOf(in.EncryptionAlgorithm)
	if err := t.encrypts("Encrypt", algorithm); err != nil {
		return nil, err
	}
	if err := checkDryRun(in.DryRun); err != nil {
		return nil, err
	}
	sealed, err := t.seal(algorithm, in.Plaintext, in.EncryptionContext)
	if err != nil {
		return nil, err
	}
	return &kms.EncryptOutput{CiphertextBlob: sealed, EncryptionAlgorithm: algorithm, KeyId: new(t.arn)}, nil
}

// seal encrypts under the key's current material.
func (k *liveKey) seal(a types.EncryptionAlgorithmSpec, plaintext []byte, encryptionContext map[string]string) ([]byte, error) {
	m := k.current()
	private, ok := m.private.(*rsa.PrivateKey)
	if !ok {
		return m.seal(k.ID, plaintext, encryptionContext), nil
	}
	h := oaepHash(a)
	if most := private.Size() - 2*h.Size() - 2; len(plaintext) > most {
		return nil, api.Errorf("ValidationException", "Algorithm %s and key spec %s cannot encrypt data larger than %d bytes.", a, k.Spec, most)
	}
	return rsa.EncryptOAEP(h.New(), rand.Reader, &private.PublicKey, plaintext, nil)
}

func oaepHash(a types.EncryptionAlgorithmSpec) crypto.Hash {
	if a == types.EncryptionAlgorithmSpecRsaesOaepSha1 {
		return crypto.SHA1
	}
	return crypto.SHA256
}

func (s *Service) encryptAccess(ctx context.Context, c *api.Caller, in *kms.EncryptInput) ([]api.Access, error) {
	switch {
	case in.Plaintext == nil:
		return nil, errNull("plaintext")
	case len(in.Plaintext) == 0:
		return nil, errConstraint("plaintext", "", "Member must have length greater than or equal to 1")
	case len(in.Plaintext) > 4096:
		return nil, errConstraint("plaintext", "", "Member must have length less than or equal to 4096")
	}
	algorithm := algorithmOf(in.EncryptionAlgorithm)
	if err := checkContext(algorithm, in.EncryptionContext); err != nil {
		return nil, err
	}
	if err := s.checkTokens(ctx, in.GrantTokens); err != nil {
		return nil, err
	}
	return s.ask(ctx, c, in.KeyId, aliases|foreign, question{
		operation: "Encrypt", granted: "Encrypt", encryptionContext: in.EncryptionContext, more: algorithmKey(algorithm),
	})
}

// Decrypt opens what Encrypt, ReEncrypt or GenerateDataKey sealed, with the same encryption context.
func (s *Service) Decrypt(ctx context.Context, c *api.Caller, in *kms.DecryptInput) (*kms.DecryptOutput, error) {
	sealed := sealedBlob{
		blob: in.CiphertextBlob, id: in.KeyId, algorithm: algorithmOf(in.EncryptionAlgorithm), encryptionContext: in.EncryptionContext,
		ignored: ignoresCiphertext(in.DryRun, in.DryRunModifiers),
	}
	t, err := s.findSealed(ctx, c, "Decrypt", sealed)
	if err != nil {
		return nil, err
	}
	if err := t.encrypts("Decrypt", sealed.algorithm); err != nil {
		return nil, err
	}
	if sealed.ignored {
		return nil, errDryRun()
	}
	plaintext, m, err := t.open(sealed)
	if err != nil {
		return nil, err
	}
	if err := checkDryRun(in.DryRun); err != nil {
		return nil, err
	}
	return &kms.DecryptOutput{
		Plaintext: plaintext, EncryptionAlgorithm: sealed.algorithm, KeyId: new(t.arn), KeyMaterialId: t.shownID(m),
	}, nil
}

func (s *Service) decryptAccess(ctx context.Context, c *api.Caller, in *kms.DecryptInput) ([]api.Access, error) {
	if in.Recipient != nil {
		return nil, api.NotImplemented("kms:Decrypt with Recipient")
	}
	if err := s.checkTokens(ctx, in.GrantTokens); err != nil {
		return nil, err
	}
	sealed := sealedBlob{
		blob: in.CiphertextBlob, id: in.KeyId, algorithm: algorithmOf(in.EncryptionAlgorithm), encryptionContext: in.EncryptionContext,
		ignored: ignoresCiphertext(in.DryRun, in.DryRunModifiers),
	}
	t, err := s.findSealed(ctx, c, "Decrypt", sealed)
	if err != nil {
		return nil, err
	}
	return []api.Access{question{
		operation: "Decrypt", granted: "Decrypt", encryptionContext: in.EncryptionContext, more: algorithmKey(sealed.algorithm),
		ofCiphertext: in.KeyId == nil,
	}.access(c, t)}, nil
}

// shownID is the id that APIs show of material: only symmetric keys have more than one.
func (k *liveKey) shownID(m *material) *string {
	if m == nil || k.spec.kind != symmetricKind {
		return nil
	}
	return new(m.row.ID)
}

// sealedBlob is what a request gives to be opened.
type sealedBlob struct {
	blob              []byte
	id                *string // of the key; may be left out where the blob names it
	algorithm         types.EncryptionAlgorithmSpec
	encryptionContext map[string]string
	ignored           bool // a dry run that looks at the permissions only
}

func ignoresCiphertext(dryRun *bool, modifiers []types.DryRunModifierType) bool {
	return dryRun != nil && *dryRun && slices.Contains(modifiers, types.DryRunModifierTypeIgnoreCiphertext)
}

// open returns the plaintext and the generation of material that sealed it.
func (k *liveKey) open(sealed sealedBlob) ([]byte, *material, error) {
	m := k.current()
	if private, ok := m.private.(*rsa.PrivateKey); ok {
		plaintext, err := rsa.DecryptOAEP(oaepHash(sealed.algorithm).New(), nil, private, sealed.blob, nil)
		if err != nil {
			return nil, nil, errInvalidCiphertext()
		}
		return plaintext, m, nil
	}
	parsed, err := parseCiphertext(sealed.blob)
	if err != nil {
		return nil, nil, errInvalidCiphertext()
	}
	if m = k.material(parsed.material); m == nil || m.secret == nil {
		return nil, nil, errInvalidCiphertext()
	}
	plaintext, err := m.open(parsed, sealed.encryptionContext)
	if err != nil {
		return nil, nil, errInvalidCiphertext()
	}
	return plaintext, m, nil
}

// findSealed finds the key that a blob names, which must be the given one if one is given. What an asymmetric key
// encrypted names none.
func (s *Service) findSealed(ctx context.Context, c *api.Caller, operation string, sealed sealedBlob) (target, error) {
	switch {
	case sealed.blob == nil && !sealed.ignored:
		return target{}, errNull("ciphertextBlob")
	case len(sealed.blob) > 6144:
		return target{}, errConstraint("ciphertextBlob", "", "Member must have length less than or equal to 6144")
	case sealed.id == nil && (sealed.algorithm != symmetric || sealed.ignored):
		return target{}, errNull("keyId")
	}
	if err := checkContext(sealed.algorithm, sealed.encryptionContext); err != nil {
		return target{}, err
	}
	if sealed.algorithm != symmetric || sealed.ignored {
		return s.find(ctx, c, operation, sealed.id, aliases|foreign)
	}
	parsed, err := parseCiphertext(sealed.blob)
	if sealed.id != nil {
		t, found := s.find(ctx, c, operation, sealed.id, aliases|foreign)
		switch {
		case found != nil:
			return t, found
		case t.spec.kind != symmetricKind:
			return t, nil // refused for its usage or its algorithm once the caller has proved to be allowed
		case err != nil:
			return t, errInvalidCiphertext()
		case t.ID != parsed.keyID:
			return t, api.Errorf("IncorrectKeyException", "The key ID in the request does not identify a CMK that can perform this operation.")
		}
		return t, nil
	}
	if err != nil {
		return target{}, errInvalidCiphertext()
	}
	k, err := s.key(ctx, c.Region, parsed.keyID)
	if errors.Is(err, state.ErrNotFound) {
		return target{}, errOutOfReach(callerName(c), "kms:"+operation, "the resource associated with this ciphertext")
	}
	return target{liveKey: k}, err
}

// ReEncrypt opens a blob and seals it under another key or encryption context, without showing the plaintext.
func (s *Service) ReEncrypt(ctx context.Context, c *api.Caller, in *kms.ReEncryptInput) (*kms.ReEncryptOutput, error) {
	source, destination, sealed, err := s.findReEncrypted(ctx, c, in)
	if err != nil {
		return nil, err
	}
	to := algorithmOf(in.DestinationEncryptionAlgorithm)
	if err := source.encrypts("ReEncryptFrom", sealed.algorithm); err != nil {
		return nil, err
	}
	if err := destination.encrypts("ReEncryptTo", to); err != nil {
		return nil, err
	}
	if sealed.ignored {
		return nil, errDryRun()
	}
	plaintext, from, err := source.open(sealed)
	if err != nil {
		return nil, err
	}
	defer clear(plaintext)
	if err := checkDryRun(in.DryRun); err != nil {
		return nil, err
	}
	blob, err := destination.seal(to, plaintext, in.DestinationEncryptionContext)
	if err != nil {
		return nil, err
	}
	return &kms.ReEncryptOutput{
		CiphertextBlob:                 blob,
		DestinationEncryptionAlgorithm: to,
		DestinationKeyMaterialId:       destination.shownID(destination.current()),
		KeyId:                          new(destination.arn),
		SourceEncryptionAlgorithm:      sealed.algorithm,
		SourceKeyId:                    new(source.arn),
		SourceKeyMaterialId:            source.shownID(from),
	}, nil
}

func (s *Service) reEncryptAccess(ctx context.Context, c *api.Caller, in *kms.ReEncryptInput) ([]api.Access, error) {
	if err := s.checkTokens(ctx, in.GrantTokens); err != nil {
		return nil, err
	}
	source, destination, sealed, err := s.findReEncrypted(ctx, c, in)
	if err != nil {
		return nil, err
	}
	conditions := func(a types.EncryptionAlgorithmSpec) map[string][]string {
		keys := algorithmKey(a)
		keys["kms:ReEncryptOnSameKey"] = []string{strconv.FormatBool(source.ID == destination.ID)}
		return keys
	}
	return []api.Access{
		question{
			operation: "ReEncryptFrom", granted: "ReEncryptFrom", encryptionContext: in.SourceEncryptionContext,
			more: conditions(sealed.algorithm), ofCiphertext: in.SourceKeyId == nil,
		}.access(c, source),
		question{
			operation: "ReEncryptTo", granted: "ReEncryptTo", encryptionContext: in.DestinationEncryptionContext,
			more: conditions(algorithmOf(in.DestinationEncryptionAlgorithm)),
		}.access(c, destination),
	}, nil
}

// findReEncrypted finds the two keys of a ReEncrypt call.
func (s *Service) findReEncrypted(ctx context.Context, c *api.Caller, in *kms.ReEncryptInput) (source, destination target, sealed sealedBlob, err error) {
	if in.DestinationKeyId == nil {
		return source, destination, sealed, errNull("destinationKeyId")
	}
	if err := checkContext(algorithmOf(in.DestinationEncryptionAlgorithm), in.DestinationEncryptionContext); err != nil {
		return source, destination, sealed, err
	}
	sealed = sealedBlob{
		blob: in.CiphertextBlob, id: in.SourceKeyId, algorithm: algorithmOf(in.SourceEncryptionAlgorithm),
		encryptionContext: in.SourceEncryptionContext, ignored: ignoresCiphertext(in.DryRun, in.DryRunModifiers),
	}
	if source, err = s.findSealed(ctx, c, "ReEncryptFrom", sealed); err != nil {
		return source, destination, sealed, err
	}
	destination, err = s.find(ctx, c, "ReEncryptTo", in.DestinationKeyId, aliases|foreign)
	return source, destination, sealed, err
}
