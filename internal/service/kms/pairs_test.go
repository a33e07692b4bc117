package kms_test

import (
	"bytes"
	"crypto"
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/mlkem"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/x509"
	"encoding/asn1"
	"hash"
	"slices"
	"strings"
	"testing"

	awskms "github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"
	"github.com/decred/dcrd/dcrec/secp256k1/v4"
	secpecdsa "github.com/decred/dcrd/dcrec/secp256k1/v4/ecdsa"
	"github.com/google/go-cmp/cmp"
	"gocloud.dev/secrets/localsecrets"
)

// usePairs calls the operations on keys that are not symmetric encryption keys as a client does.
func usePairs(t *testing.T, c *awskms.Client) {
	t.Helper()
	ctx := t.Context()
	create := func(spec types.KeySpec, usage types.KeyUsageType) *string {
		t.Helper()
		out, err := c.CreateKey(ctx, &awskms.CreateKeyInput{KeySpec: spec, KeyUsage: usage})
		must(t, err)
		return out.KeyMetadata.KeyId
	}
	signer := create(types.KeySpecEccNistP256, types.KeyUsageTypeSignVerify)
	_, err := c.GetPublicKey(ctx, &awskms.GetPublicKeyInput{KeyId: signer})
	must(t, err)
	signed, err := c.Sign(ctx, &awskms.SignInput{KeyId: signer, Message: []byte("m"), SigningAlgorithm: types.SigningAlgorithmSpecEcdsaSha256})
	must(t, err)
	verified, err := c.Verify(ctx, &awskms.VerifyInput{KeyId: signer, Message: []byte("m"), Signature: signed.Signature, SigningAlgorithm: types.SigningAlgorithmSpecEcdsaSha256})
	must(t, err)
	if !verified.SignatureValid {
		t.Error("a signature does not verify")
	}
	maker := create(types.KeySpecHmac256, types.KeyUsageTypeGenerateVerifyMac)
	mac, err := c.GenerateMac(ctx, &awskms.GenerateMacInput{KeyId: maker, Message: []byte("m"), MacAlgorithm: types.MacAlgorithmSpecHmacSha256})
	must(t, err)
	_, err = c.VerifyMac(ctx, &awskms.VerifyMacInput{KeyId: maker, Message: []byte("m"), Mac: mac.Mac, MacAlgorithm: types.MacAlgorithmSpecHmacSha256})
	must(t, err)
	agreeing := create(types.KeySpecEccNistP256, types.KeyUsageTypeKeyAgreement)
	public, err := c.GetPublicKey(ctx, &awskms.GetPublicKeyInput{KeyId: signer})
	must(t, err)
	_, err = c.DeriveSharedSecret(ctx, &awskms.DeriveSharedSecretInput{KeyId: agreeing, PublicKey: public.PublicKey, KeyAgreementAlgorithm: types.KeyAgreementAlgorithmSpecEcdh})
	must(t, err)
	kem := create(types.KeySpecMlKem768, types.KeyUsageTypeEncapsulateDecapsulate)
	closed, err := c.Encapsulate(ctx, &awskms.EncapsulateInput{KeyId: kem, EncapsulationAlgorithm: types.EncapsulationAlgorithmSpecMlKem})
	must(t, err)
	opened, err := c.Decapsulate(ctx, &awskms.DecapsulateInput{
		KeyId: kem, EncapsulationAlgorithm: types.EncapsulationAlgorithmSpecMlKem, SharedSecretCiphertextBlob: closed.SharedSecretCiphertextBlob,
	})
	must(t, err)
	if !bytes.Equal(opened.SharedSecret, closed.SharedSecret) {
		t.Error("what was encapsulated is another secret")
	}
	symmetric, err := c.CreateKey(ctx, &awskms.CreateKeyInput{})
	must(t, err)
	_, err = c.GenerateDataKeyPair(ctx, &awskms.GenerateDataKeyPairInput{KeyId: symmetric.KeyMetadata.KeyId, KeyPairSpec: types.DataKeyPairSpecEccNistP256})
	must(t, err)
	_, err = c.GenerateDataKeyPairWithoutPlaintext(ctx, &awskms.GenerateDataKeyPairWithoutPlaintextInput{KeyId: symmetric.KeyMetadata.KeyId, KeyPairSpec: types.DataKeyPairSpecEccNistP256})
	must(t, err)
}

// newKeyOf makes a key of a spec and a usage.
func (w *world) newKeyOf(t testing.TB, spec types.KeySpec, usage types.KeyUsageType) *types.KeyMetadata {
	t.Helper()
	return do[awskms.CreateKeyOutput](t, w, admin(member), &awskms.CreateKeyInput{KeySpec: spec, KeyUsage: usage}).KeyMetadata
}

// TestSignaturesVerifyOutsideOfKMS has each algorithm sign raw messages and digests, and checks the signatures with the
// public key alone.
func TestSignaturesVerifyOutsideOfKMS(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := admin(member)
	message := []byte("a message that is signed")
	for spec, curve := range map[types.KeySpec]string{
		types.KeySpecRsa2048: "", types.KeySpecRsa3072: "", types.KeySpecEccNistP256: "P-256", types.KeySpecEccNistP384: "P-384", types.KeySpecEccNistP521: "P-521",
		types.KeySpecEccSecgP256k1: "", types.KeySpecEccNistEdwards25519: "",
	} {
		t.Run(string(spec), func(t *testing.T) {
			t.Parallel()
			k := w.newKeyOf(t, spec, types.KeyUsageTypeSignVerify)
			shown := do[awskms.GetPublicKeyOutput](t, w, c, &awskms.GetPublicKeyInput{KeyId: k.KeyId})
			if diff := cmp.Diff(k.SigningAlgorithms, shown.SigningAlgorithms); diff != "" || len(k.SigningAlgorithms) == 0 || k.EncryptionAlgorithms != nil {
				t.Errorf("algorithms of the key and the public key (-key +public):\n%s", diff)
			}
			for _, algorithm := range k.SigningAlgorithms {
				for _, kind := range []types.MessageType{types.MessageTypeRaw, types.MessageTypeDigest} {
					given := message
					if kind == types.MessageTypeDigest {
						given = digestOf(algorithm, message)
					}
					sign := &awskms.SignInput{KeyId: k.KeyId, Message: given, MessageType: kind, SigningAlgorithm: algorithm}
					if algorithm == types.SigningAlgorithmSpecEd25519Sha512 && kind == types.MessageTypeDigest ||
						algorithm == types.SigningAlgorithmSpecEd25519PhSha512 && kind == types.MessageTypeRaw {
						refused[awskms.SignOutput](t, w, c, sign, "ValidationException")
						continue
					}
					signed := do[awskms.SignOutput](t, w, c, sign)
					if !verifies(t, shown.PublicKey, curve, algorithm, message, signed.Signature) {
						t.Errorf("%s of a %s message does not verify under the public key", algorithm, kind)
					}
					verify := &awskms.VerifyInput{KeyId: k.KeyId, Message: given, MessageType: kind, SigningAlgorithm: algorithm, Signature: signed.Signature}
					if !do[awskms.VerifyOutput](t, w, c, verify).SignatureValid {
						t.Errorf("%s of a %s message does not verify", algorithm, kind)
					}
					verify.Signature = slices.Clone(signed.Signature)
					verify.Signature[len(verify.Signature)-1] ^= 1
					refused[awskms.VerifyOutput](t, w, c, verify, "KMSInvalidSignatureException")
					if kind == types.MessageTypeDigest {
						sign.Message = given[1:]
						if said := refused[awskms.SignOutput](t, w, c, sign, "ValidationException"); !strings.HasPrefix(said, "Digest is invalid length") {
							t.Errorf("a short digest is refused with %q", said)
						}
					}
				}
			}
		})
	}
}

func newHash(algorithm types.SigningAlgorithmSpec) (crypto.Hash, func() hash.Hash) {
	switch {
	case strings.HasSuffix(string(algorithm), "_256"):
		return crypto.SHA256, sha256.New
	case strings.HasSuffix(string(algorithm), "_384"):
		return crypto.SHA384, sha512.New384
	}
	return crypto.SHA512, sha512.New
}

func digestOf(algorithm types.SigningAlgorithmSpec, message []byte) []byte {
	_, make := newHash(algorithm)
	h := make()
	h.Write(message)
	return h.Sum(nil)
}

// verifies checks a signature with nothing but a public key.
func verifies(t testing.TB, der []byte, curve string, algorithm types.SigningAlgorithmSpec, message, signature []byte) bool {
	t.Helper()
	hash, _ := newHash(algorithm)
	digest := digestOf(algorithm, message)
	if algorithm == types.SigningAlgorithmSpecEcdsaSha256 && curve == "" {
		var info struct {
			Algorithm struct{ Algorithm, Curve asn1.ObjectIdentifier }
			PublicKey asn1.BitString
		}
		_, err := asn1.Unmarshal(der, &info)
		must(t, err)
		if got := info.Algorithm.Curve.String(); got != "1.3.132.0.10" {
			t.Errorf("the curve is %s", got)
		}
		public, err := secp256k1.ParsePubKey(info.PublicKey.Bytes)
		must(t, err)
		parsed, err := secpecdsa.ParseDERSignature(signature)
		must(t, err)
		return parsed.Verify(digest, public)
	}
	public, err := x509.ParsePKIXPublicKey(der)
	must(t, err)
	switch p := public.(type) {
	case *rsa.PublicKey:
		if strings.Contains(string(algorithm), "PSS") {
			return rsa.VerifyPSS(p, hash, digest, signature, &rsa.PSSOptions{SaltLength: hash.Size()}) == nil
		}
		return rsa.VerifyPKCS1v15(p, hash, digest, signature) == nil
	case *ecdsa.PublicKey:
		return p.Params().Name == curve && ecdsa.VerifyASN1(p, digest, signature)
	case ed25519.PublicKey:
		if algorithm == types.SigningAlgorithmSpecEd25519PhSha512 {
			return ed25519.VerifyWithOptions(p, digest, signature, &ed25519.Options{Hash: crypto.SHA512}) == nil
		}
		return ed25519.Verify(p, message, signature)
	}
	t.Fatalf("a public key is a %T", public)
	return false
}

func TestRSAEncryption(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := admin(member)
	k := w.newKeyOf(t, types.KeySpecRsa2048, types.KeyUsageTypeEncryptDecrypt)
	other := w.newKey(t, member, "")
	der := do[awskms.GetPublicKeyOutput](t, w, c, &awskms.GetPublicKeyInput{KeyId: k.Arn}).PublicKey
	parsed, err := x509.ParsePKIXPublicKey(der)
	must(t, err)
	public := parsed.(*rsa.PublicKey)
	for algorithm, most := range map[types.EncryptionAlgorithmSpec]int{types.EncryptionAlgorithmSpecRsaesOaepSha1: 214, types.EncryptionAlgorithmSpecRsaesOaepSha256: 190} {
		t.Run(string(algorithm), func(t *testing.T) {
			h := sha256.New()
			if algorithm == types.EncryptionAlgorithmSpecRsaesOaepSha1 {
				h = sha1.New()
			}
			outside, err := rsa.EncryptOAEP(h, rand.Reader, public, []byte("from outside"), nil)
			must(t, err)
			decrypt := &awskms.DecryptInput{KeyId: k.KeyId, CiphertextBlob: outside, EncryptionAlgorithm: algorithm}
			if out := do[awskms.DecryptOutput](t, w, c, decrypt); string(out.Plaintext) != "from outside" || out.EncryptionAlgorithm != algorithm || out.KeyMaterialId != nil {
				t.Errorf("decrypted as %q by %s", out.Plaintext, out.EncryptionAlgorithm)
			}
			encrypt := &awskms.EncryptInput{KeyId: k.KeyId, Plaintext: make([]byte, most), EncryptionAlgorithm: algorithm}
			decrypt.CiphertextBlob = do[awskms.EncryptOutput](t, w, c, encrypt).CiphertextBlob
			if out := do[awskms.DecryptOutput](t, w, c, decrypt); len(out.Plaintext) != most {
				t.Errorf("decrypted %d bytes", len(out.Plaintext))
			}
			encrypt.Plaintext = make([]byte, most+1)
			if said := refused[awskms.EncryptOutput](t, w, c, encrypt, "ValidationException"); !strings.Contains(said, "cannot encrypt data larger than") {
				t.Error(said)
			}
			moved := do[awskms.ReEncryptOutput](t, w, c, &awskms.ReEncryptInput{
				SourceKeyId: k.KeyId, SourceEncryptionAlgorithm: algorithm, CiphertextBlob: outside, DestinationKeyId: other.KeyId,
				DestinationEncryptionContext: map[string]string{"a": "b"},
			})
			back := do[awskms.ReEncryptOutput](t, w, c, &awskms.ReEncryptInput{
				CiphertextBlob: moved.CiphertextBlob, SourceEncryptionContext: map[string]string{"a": "b"},
				DestinationKeyId: k.KeyId, DestinationEncryptionAlgorithm: algorithm,
			})
			decrypt.CiphertextBlob = back.CiphertextBlob
			if out := do[awskms.DecryptOutput](t, w, c, decrypt); string(out.Plaintext) != "from outside" {
				t.Errorf("there and back as %q", out.Plaintext)
			}
			decrypt.CiphertextBlob[7] ^= 1
			refused[awskms.DecryptOutput](t, w, c, decrypt, "InvalidCiphertextException")
			decrypt.KeyId = nil
			refused[awskms.DecryptOutput](t, w, c, decrypt, "ValidationException")
			decrypt.KeyId, decrypt.EncryptionContext = k.KeyId, map[string]string{"a": "b"}
			refused[awskms.DecryptOutput](t, w, c, decrypt, "ValidationException")
		})
	}
	refused[awskms.EncryptOutput](t, w, c, &awskms.EncryptInput{KeyId: k.KeyId, Plaintext: []byte("x")}, "InvalidKeyUsageException")
	refused[awskms.DecryptOutput](t, w, c, &awskms.DecryptInput{KeyId: k.KeyId, CiphertextBlob: make([]byte, 256)}, "InvalidKeyUsageException")
	refused[awskms.GenerateDataKeyOutput](t, w, c, &awskms.GenerateDataKeyInput{KeyId: k.KeyId, KeySpec: types.DataKeySpecAes256}, "InvalidKeyUsageException")
}

func TestMACs(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := admin(member)
	sizes := map[types.KeySpec]int{types.KeySpecHmac224: 28, types.KeySpecHmac256: 32, types.KeySpecHmac384: 48, types.KeySpecHmac512: 64}
	for spec, size := range sizes {
		t.Run(string(spec), func(t *testing.T) {
			k := w.newKeyOf(t, spec, types.KeyUsageTypeGenerateVerifyMac)
			if len(k.MacAlgorithms) != 1 || k.CurrentKeyMaterialId != nil {
				t.Fatalf("described as %+v", k)
			}
			in := &awskms.GenerateMacInput{KeyId: k.KeyId, Message: []byte("m"), MacAlgorithm: k.MacAlgorithms[0]}
			out := do[awskms.GenerateMacOutput](t, w, c, in)
			if again := do[awskms.GenerateMacOutput](t, w, c, in); len(out.Mac) != size || !bytes.Equal(out.Mac, again.Mac) {
				t.Errorf("a code of %d bytes", len(out.Mac))
			}
			verify := &awskms.VerifyMacInput{KeyId: k.KeyId, Message: []byte("m"), MacAlgorithm: k.MacAlgorithms[0], Mac: out.Mac}
			if !do[awskms.VerifyMacOutput](t, w, c, verify).MacValid {
				t.Error("a code does not verify")
			}
			verify.Message = []byte("n")
			refused[awskms.VerifyMacOutput](t, w, c, verify, "KMSInvalidMacException")
			for other := range sizes {
				if other != spec {
					in.MacAlgorithm = types.MacAlgorithmSpec(strings.Replace(string(other), "HMAC_", "HMAC_SHA_", 1))
					refused[awskms.GenerateMacOutput](t, w, c, in, "InvalidKeyUsageException")
				}
			}
		})
	}
}

func TestSharedSecrets(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := admin(member)
	for spec, curve := range map[types.KeySpec]ecdh.Curve{
		types.KeySpecEccNistP256: ecdh.P256(), types.KeySpecEccNistP384: ecdh.P384(), types.KeySpecEccNistP521: ecdh.P521(),
	} {
		t.Run(string(spec), func(t *testing.T) {
			k := w.newKeyOf(t, spec, types.KeyUsageTypeKeyAgreement)
			parsed, err := x509.ParsePKIXPublicKey(do[awskms.GetPublicKeyOutput](t, w, c, &awskms.GetPublicKeyInput{KeyId: k.KeyId}).PublicKey)
			must(t, err)
			theirs, err := parsed.(*ecdsa.PublicKey).ECDH()
			must(t, err)
			mine, err := curve.GenerateKey(rand.Reader)
			must(t, err)
			want, err := mine.ECDH(theirs)
			must(t, err)
			der, err := x509.MarshalPKIXPublicKey(mine.PublicKey())
			must(t, err)
			in := &awskms.DeriveSharedSecretInput{KeyId: k.KeyId, PublicKey: der, KeyAgreementAlgorithm: types.KeyAgreementAlgorithmSpecEcdh}
			if out := do[awskms.DeriveSharedSecretOutput](t, w, c, in); !bytes.Equal(out.SharedSecret, want) || out.KeyOrigin != types.OriginTypeAwsKms {
				t.Error("the two sides have different secrets")
			}
			x, err := ecdh.X25519().GenerateKey(rand.Reader)
			must(t, err)
			in.PublicKey, err = x509.MarshalPKIXPublicKey(x.PublicKey())
			must(t, err)
			refused[awskms.DeriveSharedSecretOutput](t, w, c, in, "ValidationException")
			in.PublicKey = []byte("rubbish")
			refused[awskms.DeriveSharedSecretOutput](t, w, c, in, "ValidationException")
		})
	}
}

func TestEncapsulation(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := admin(member)
	k := w.newKeyOf(t, types.KeySpecMlKem1024, types.KeyUsageTypeEncapsulateDecapsulate)
	var info struct {
		Algorithm struct{ Algorithm asn1.ObjectIdentifier }
		PublicKey asn1.BitString
	}
	_, err := asn1.Unmarshal(do[awskms.GetPublicKeyOutput](t, w, c, &awskms.GetPublicKeyInput{KeyId: k.KeyId}).PublicKey, &info)
	must(t, err)
	public, err := mlkem.NewEncapsulationKey1024(info.PublicKey.Bytes)
	must(t, err)
	secret, blob := public.Encapsulate()
	in := &awskms.DecapsulateInput{KeyId: k.KeyId, EncapsulationAlgorithm: types.EncapsulationAlgorithmSpecMlKem, SharedSecretCiphertextBlob: blob}
	if out := do[awskms.DecapsulateOutput](t, w, c, in); !bytes.Equal(out.SharedSecret, secret) {
		t.Error("the two sides have different secrets")
	}
	in.SharedSecretCiphertextBlob = blob[1:]
	refused[awskms.DecapsulateOutput](t, w, c, in, "InvalidCiphertextException")
}

func TestDataKeyPairs(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := admin(member)
	k := w.newKey(t, member, "")
	ec := map[string]string{"a": "b"}
	for _, spec := range []types.DataKeyPairSpec{
		types.DataKeyPairSpecRsa2048, types.DataKeyPairSpecEccNistP256, types.DataKeyPairSpecEccNistP384, types.DataKeyPairSpecEccNistP521,
		types.DataKeyPairSpecEccSecgP256k1, types.DataKeyPairSpecEccNistEdwards25519,
	} {
		t.Run(string(spec), func(t *testing.T) {
			t.Parallel()
			out := do[awskms.GenerateDataKeyPairOutput](t, w, c, &awskms.GenerateDataKeyPairInput{KeyId: k.KeyId, KeyPairSpec: spec, EncryptionContext: ec})
			opened := do[awskms.DecryptOutput](t, w, c, &awskms.DecryptInput{CiphertextBlob: out.PrivateKeyCiphertextBlob, EncryptionContext: ec})
			if !bytes.Equal(opened.Plaintext, out.PrivateKeyPlaintext) {
				t.Error("the sealed private key opens as another one")
			}
			if spec != types.DataKeyPairSpecEccSecgP256k1 {
				private, err := x509.ParsePKCS8PrivateKey(out.PrivateKeyPlaintext)
				must(t, err)
				public, err := x509.MarshalPKIXPublicKey(private.(crypto.Signer).Public())
				must(t, err)
				if !bytes.Equal(public, out.PublicKey) {
					t.Error("the halves are of different pairs")
				}
			}
			blind := do[awskms.GenerateDataKeyPairWithoutPlaintextOutput](t, w, c, &awskms.GenerateDataKeyPairWithoutPlaintextInput{KeyId: k.KeyId, KeyPairSpec: spec})
			if bytes.Equal(blind.PublicKey, out.PublicKey) || len(blind.PrivateKeyCiphertextBlob) == 0 {
				t.Error("two calls make one pair")
			}
		})
	}
	refused[awskms.GenerateDataKeyPairOutput](t, w, c, &awskms.GenerateDataKeyPairInput{KeyId: k.KeyId, KeyPairSpec: types.DataKeyPairSpecSm2}, "NotImplemented")
}

// TestKeySpecsAndUsages has a key made of each spec and each usage, which must be one that the documentation pairs.
func TestKeySpecsAndUsages(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	encrypt, sign, mac, agree, encapsulate := types.KeyUsageTypeEncryptDecrypt, types.KeyUsageTypeSignVerify,
		types.KeyUsageTypeGenerateVerifyMac, types.KeyUsageTypeKeyAgreement, types.KeyUsageTypeEncapsulateDecapsulate
	allowed := map[types.KeySpec][]types.KeyUsageType{
		types.KeySpecSymmetricDefault: {encrypt, ""},
		types.KeySpecHmac224:          {mac}, types.KeySpecHmac256: {mac}, types.KeySpecHmac384: {mac}, types.KeySpecHmac512: {mac},
		types.KeySpecRsa2048:     {encrypt, sign},
		types.KeySpecEccNistP256: {sign, agree}, types.KeySpecEccNistP384: {sign, agree}, types.KeySpecEccNistP521: {sign, agree},
		types.KeySpecEccSecgP256k1: {sign}, types.KeySpecEccNistEdwards25519: {sign},
		types.KeySpecMlKem768: {encapsulate}, types.KeySpecMlKem1024: {encapsulate},
	}
	for spec, usages := range allowed {
		for _, usage := range append(types.KeyUsageType("").Values(), "") {
			in := &awskms.CreateKeyInput{KeySpec: spec, KeyUsage: usage}
			if !slices.Contains(usages, usage) {
				refused[awskms.CreateKeyOutput](t, w, admin(member), in, "ValidationException")
				continue
			}
			k := do[awskms.CreateKeyOutput](t, w, admin(member), in).KeyMetadata
			want := usage
			if usage == "" {
				want = encrypt
			}
			if k.KeySpec != spec || k.KeyUsage != want || string(k.CustomerMasterKeySpec) != string(spec) { //nolint:staticcheck // older clients read it
				t.Errorf("asked for %s, %s; made %s, %s", spec, usage, k.KeySpec, k.KeyUsage)
			}
		}
	}
	for _, spec := range types.KeySpec("").Values() {
		if allowed[spec] == nil && !strings.HasPrefix(string(spec), "RSA_") {
			refused[awskms.CreateKeyOutput](t, w, admin(member), &awskms.CreateKeyInput{KeySpec: spec, KeyUsage: sign}, "NotImplemented")
		}
	}
	refused[awskms.CreateKeyOutput](t, w, admin(member), &awskms.CreateKeyInput{KeySpec: "RSA_1024", KeyUsage: sign}, "ValidationException")
}

// TestKeysOutliveARestart uses keys of each kind with a service that was opened anew over the same store.
func TestKeysOutliveARestart(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := admin(member)
	for _, spec := range []types.KeySpec{
		types.KeySpecRsa2048, types.KeySpecEccNistP521, types.KeySpecEccSecgP256k1, types.KeySpecEccNistEdwards25519,
	} {
		k := w.newKeyOf(t, spec, types.KeyUsageTypeSignVerify)
		algorithm := k.SigningAlgorithms[0]
		signed := do[awskms.SignOutput](t, w, c, &awskms.SignInput{KeyId: k.KeyId, Message: []byte("m"), SigningAlgorithm: algorithm})
		again := w.open(t, localsecrets.NewKeeper([32]byte{1, 2, 3}))
		if _, err := again.Verify(t.Context(), c, &awskms.VerifyInput{KeyId: k.KeyId, Message: []byte("m"), SigningAlgorithm: algorithm, Signature: signed.Signature}); err != nil {
			t.Errorf("%s after a restart: %v", spec, err)
		}
	}
	k := w.newKeyOf(t, types.KeySpecHmac224, types.KeyUsageTypeGenerateVerifyMac)
	in := &awskms.GenerateMacInput{KeyId: k.KeyId, Message: []byte("m"), MacAlgorithm: types.MacAlgorithmSpecHmacSha224}
	made := do[awskms.GenerateMacOutput](t, w, c, in)
	again, err := w.open(t, localsecrets.NewKeeper([32]byte{1, 2, 3})).GenerateMac(t.Context(), c, in)
	if err != nil || !bytes.Equal(made.Mac, again.Mac) {
		t.Errorf("a code after a restart: %v", err)
	}
	external := w.external(t, awskms.CreateKeyInput{})
	parameters := w.importing(t, c, *external.KeyId, types.AlgorithmSpecRsaesOaepSha1, random(32))
	if _, err := w.open(t, localsecrets.NewKeeper([32]byte{1, 2, 3})).ImportKeyMaterial(t.Context(), c, parameters); err != nil {
		t.Errorf("an import after a restart: %v", err)
	}
}
