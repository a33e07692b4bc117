package kms

import (
	"crypto"
	"crypto/elliptic"
	"slices"

	"github.com/aws/aws-sdk-go-v2/service/kms/types"

	"strongroom/internal/api"
)

// kind is what the secret of a key is.
type kind int

const (
	symmetricKind kind = iota // an AES-256 key
	hmacKind                  // as many bytes as the hash has
	rsaKind
	nistKind      // a NIST curve's private key
	secpKind      // a secp256k1 private key
	edwardsKind   // an Ed25519 private key
	encapsulation // an ML-KEM decapsulation key
)

// spec is what a key spec means.
// https://docs.aws.amazon.com/kms/latest/developerguide/symm-asymm-choose-key-spec.html
type spec struct {
	name   types.KeySpec
	kind   kind
	usages []types.KeyUsageType // that a key may have; it has one
	bits   int                  // of an RSA modulus
	hash   crypto.Hash          // of HMAC
	curve  elliptic.Curve       // of NIST

	mac     []types.MacAlgorithmSpec
	signing []types.SigningAlgorithmSpec
}

var (
	rsaUsages  = []types.KeyUsageType{types.KeyUsageTypeEncryptDecrypt, types.KeyUsageTypeSignVerify}
	nistUsages = []types.KeyUsageType{types.KeyUsageTypeSignVerify, types.KeyUsageTypeKeyAgreement}
	signUsage  = []types.KeyUsageType{types.KeyUsageTypeSignVerify}
	macUsage   = []types.KeyUsageType{types.KeyUsageTypeGenerateVerifyMac}
	kemUsage   = []types.KeyUsageType{types.KeyUsageTypeEncapsulateDecapsulate}

	rsaEncryption = []types.EncryptionAlgorithmSpec{types.EncryptionAlgorithmSpecRsaesOaepSha1, types.EncryptionAlgorithmSpecRsaesOaepSha256}
	rsaSigning    = []types.SigningAlgorithmSpec{
		types.SigningAlgorithmSpecRsassaPkcs1V15Sha256, types.SigningAlgorithmSpecRsassaPkcs1V15Sha384, types.SigningAlgorithmSpecRsassaPkcs1V15Sha512,
		types.SigningAlgorithmSpecRsassaPssSha256, types.SigningAlgorithmSpecRsassaPssSha384, types.SigningAlgorithmSpecRsassaPssSha512,
	}
)

// specs are the key specs that the service has.
var specs = []*spec{
	{name: types.KeySpecSymmetricDefault, kind: symmetricKind, usages: []types.KeyUsageType{types.KeyUsageTypeEncryptDecrypt}},

	{name: types.KeySpecHmac224, kind: hmacKind, usages: macUsage, hash: crypto.SHA224, mac: []types.MacAlgorithmSpec{types.MacAlgorithmSpecHmacSha224}},
	{name: types.KeySpecHmac256, kind: hmacKind, usages: macUsage, hash: crypto.SHA256, mac: []types.MacAlgorithmSpec{types.MacAlgorithmSpecHmacSha256}},
	{name: types.KeySpecHmac384, kind: hmacKind, usages: macUsage, hash: crypto.SHA384, mac: []types.MacAlgorithmSpec{types.MacAlgorithmSpecHmacSha384}},
	{name: types.KeySpecHmac512, kind: hmacKind, usages: macUsage, hash: crypto.SHA512, mac: []types.MacAlgorithmSpec{types.MacAlgorithmSpecHmacSha512}},

	{name: types.KeySpecRsa2048, kind: rsaKind, usages: rsaUsages, bits: 2048, signing: rsaSigning},
	{name: types.KeySpecRsa3072, kind: rsaKind, usages: rsaUsages, bits: 3072, signing: rsaSigning},
	{name: types.KeySpecRsa4096, kind: rsaKind, usages: rsaUsages, bits: 4096, signing: rsaSigning},

	{
		name: types.KeySpecEccNistP256, kind: nistKind, usages: nistUsages, curve: elliptic.P256(),
		signing: []types.SigningAlgorithmSpec{types.SigningAlgorithmSpecEcdsaSha256},
	},
	{
		name: types.KeySpecEccNistP384, kind: nistKind, usages: nistUsages, curve: elliptic.P384(),
		signing: []types.SigningAlgorithmSpec{types.SigningAlgorithmSpecEcdsaSha384},
	},
	{
		name: types.KeySpecEccNistP521, kind: nistKind, usages: nistUsages, curve: elliptic.P521(),
		signing: []types.SigningAlgorithmSpec{types.SigningAlgorithmSpecEcdsaSha512},
	},
	{
		name: types.KeySpecEccSecgP256k1, kind: secpKind, usages: signUsage,
		signing: []types.SigningAlgorithmSpec{types.SigningAlgorithmSpecEcdsaSha256},
	},
	{
		name: types.KeySpecEccNistEdwards25519, kind: edwardsKind, usages: signUsage,
		signing: []types.SigningAlgorithmSpec{types.SigningAlgorithmSpecEd25519Sha512, types.SigningAlgorithmSpecEd25519PhSha512},
	},

	{name: types.KeySpecMlKem768, kind: encapsulation, usages: kemUsage},
	{name: types.KeySpecMlKem1024, kind: encapsulation, usages: kemUsage},
}

// specNamed returns the spec of a name, or nil if the service has none.
func specNamed(name types.KeySpec) *spec {
	i := slices.IndexFunc(specs, func(s *spec) bool { return s.name == name })
	if i < 0 {
		return nil
	}
	return specs[i]
}

// asymmetric tells the specs of key pairs.
func (s *spec) asymmetric() bool { return s.kind != symmetricKind && s.kind != hmacKind }

// encryption lists the algorithms by which a key of the spec encrypts.
func (s *spec) encryption() []types.EncryptionAlgorithmSpec {
	switch s.kind {
	case symmetricKind:
		return []types.EncryptionAlgorithmSpec{symmetric}
	case rsaKind:
		return rsaEncryption
	default:
		return nil
	}
}

// checkUsage says whether a key of the spec may have a usage, and returns the one that it gets.
func (s *spec) checkUsage(usage types.KeyUsageType) (types.KeyUsageType, error) {
	switch {
	case usage == "" && s.kind == symmetricKind:
		return types.KeyUsageTypeEncryptDecrypt, nil
	case usage == "":
		return "", api.Errorf("ValidationException", "You must specify a KeyUsage value for all KMS keys except for symmetric encryption keys.")
	case !slices.Contains(s.usages, usage):
		return "", api.Errorf("ValidationException", "KeyUsage %s is not compatible with KeySpec %s", usage, s.name)
	}
	return usage, nil
}

// takes refuses an algorithm that is not among those of the key's spec.
func takes[A ~string](k *liveKey, algorithms []A, a A) error {
	if slices.Contains(algorithms, a) {
		return nil
	}
	return api.Errorf("InvalidKeyUsageException", "Algorithm %s and key spec %s are incompatible.", a, k.Spec)
}
