package kms_test

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/x509"
	"slices"
	"testing"
	"time"

	awskms "github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"
	"github.com/google/go-cmp/cmp"

	"strongroom/internal/api"
	"strongroom/internal/service/kms"
)

// useImports calls the operations of imported material as a client does.
func useImports(t *testing.T, c *awskms.Client) {
	t.Helper()
	ctx := t.Context()
	made, err := c.CreateKey(ctx, &awskms.CreateKeyInput{Origin: types.OriginTypeExternal})
	must(t, err)
	k := made.KeyMetadata.KeyId
	parameters, err := c.GetParametersForImport(ctx, &awskms.GetParametersForImportInput{
		KeyId: k, WrappingAlgorithm: types.AlgorithmSpecRsaesOaepSha256, WrappingKeySpec: types.WrappingKeySpecRsa2048,
	})
	must(t, err)
	_, err = c.ImportKeyMaterial(ctx, &awskms.ImportKeyMaterialInput{
		KeyId: k, ImportToken: parameters.ImportToken, ExpirationModel: types.ExpirationModelTypeKeyMaterialDoesNotExpire,
		EncryptedKeyMaterial: wrapFor(t, parameters.PublicKey, types.AlgorithmSpecRsaesOaepSha256, make([]byte, 32)),
	})
	must(t, err)
	_, err = c.Encrypt(ctx, &awskms.EncryptInput{KeyId: k, Plaintext: []byte("m")})
	must(t, err)
	_, err = c.DeleteImportedKeyMaterial(ctx, &awskms.DeleteImportedKeyMaterialInput{KeyId: k})
	must(t, err)
}

// wrapFor wraps material as a client has to.
func wrapFor(t testing.TB, der []byte, algorithm types.AlgorithmSpec, material []byte) []byte {
	t.Helper()
	parsed, err := x509.ParsePKIXPublicKey(der)
	must(t, err)
	h := sha256.New()
	if algorithm == types.AlgorithmSpecRsaesOaepSha1 || algorithm == types.AlgorithmSpecRsaAesKeyWrapSha1 {
		h = sha1.New()
	}
	direct := material
	if algorithm == types.AlgorithmSpecRsaAesKeyWrapSha1 || algorithm == types.AlgorithmSpecRsaAesKeyWrapSha256 {
		direct = make([]byte, 32)
		rand.Read(direct)
	}
	wrapped, err := rsa.EncryptOAEP(h, rand.Reader, parsed.(*rsa.PublicKey), direct, nil)
	must(t, err)
	if &direct[0] == &material[0] {
		return wrapped
	}
	return append(wrapped, kms.WrapKey(direct, material)...)
}

// external makes a key without material.
func (w *world) external(t testing.TB, in awskms.CreateKeyInput) *types.KeyMetadata {
	t.Helper()
	in.Origin = types.OriginTypeExternal
	k := do[awskms.CreateKeyOutput](t, w, admin(member), &in).KeyMetadata
	if k.KeyState != types.KeyStatePendingImport || k.Enabled || k.Origin != types.OriginTypeExternal {
		t.Fatalf("made %s, %s", k.KeyState, k.Origin)
	}
	return k
}

// importing returns a request to import material into a key for ever; the test may change it. Parameters are asked for once
// a key and algorithm, for they take time to make, and are good for a day.
func (w *world) importing(t testing.TB, c *api.Caller, key string, algorithm types.AlgorithmSpec, material []byte) *awskms.ImportKeyMaterialInput {
	t.Helper()
	at := c.Region + key + string(algorithm)
	kept, _ := w.parameters.Load(at)
	p, ok := kept.(*awskms.GetParametersForImportOutput)
	if !ok {
		p = do[awskms.GetParametersForImportOutput](t, w, c, &awskms.GetParametersForImportInput{
			KeyId: &key, WrappingAlgorithm: algorithm, WrappingKeySpec: types.WrappingKeySpecRsa2048,
		})
		if !p.ParametersValidTo.Equal(w.clock.Now().Add(day)) {
			t.Errorf("the parameters are valid to %v", p.ParametersValidTo)
		}
		w.parameters.Store(at, p)
	}
	return &awskms.ImportKeyMaterialInput{
		KeyId: &key, ImportToken: slices.Clone(p.ImportToken), ExpirationModel: types.ExpirationModelTypeKeyMaterialDoesNotExpire,
		EncryptedKeyMaterial: wrapFor(t, p.PublicKey, algorithm, material),
	}
}

func (w *world) stateOf(t testing.TB, c *api.Caller, key string) types.KeyState {
	t.Helper()
	return do[awskms.DescribeKeyOutput](t, w, c, &awskms.DescribeKeyInput{KeyId: &key}).KeyMetadata.KeyState
}

func random(n int) []byte {
	b := make([]byte, n)
	rand.Read(b)
	return b
}

// TestImportedMaterial imports material by each wrapping algorithm, takes it away, and brings it back.
func TestImportedMaterial(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := admin(member)
	for _, algorithm := range []types.AlgorithmSpec{
		types.AlgorithmSpecRsaesOaepSha1, types.AlgorithmSpecRsaesOaepSha256, types.AlgorithmSpecRsaAesKeyWrapSha1, types.AlgorithmSpecRsaAesKeyWrapSha256,
	} {
		t.Run(string(algorithm), func(t *testing.T) {
			k := w.external(t, awskms.CreateKeyInput{})
			material := random(32)
			refused[awskms.EncryptOutput](t, w, c, &awskms.EncryptInput{KeyId: k.KeyId, Plaintext: []byte("m")}, "KMSInvalidStateException")
			in := w.importing(t, c, *k.KeyId, algorithm, material)
			first := do[awskms.ImportKeyMaterialOutput](t, w, c, in)
			shown := do[awskms.DescribeKeyOutput](t, w, c, &awskms.DescribeKeyInput{KeyId: k.KeyId}).KeyMetadata
			if shown.KeyState != types.KeyStateEnabled || *shown.CurrentKeyMaterialId != *first.KeyMaterialId ||
				shown.ExpirationModel != types.ExpirationModelTypeKeyMaterialDoesNotExpire || shown.ValidTo != nil {
				t.Errorf("after the import: %+v", shown)
			}
			sealed := do[awskms.EncryptOutput](t, w, c, &awskms.EncryptInput{KeyId: k.KeyId, Plaintext: []byte("m")}).CiphertextBlob

			do[awskms.DeleteImportedKeyMaterialOutput](t, w, c, &awskms.DeleteImportedKeyMaterialInput{KeyId: k.KeyId})
			if got := w.stateOf(t, c, *k.KeyId); got != types.KeyStatePendingImport {
				t.Errorf("without its material the key is %s", got)
			}
			refused[awskms.DecryptOutput](t, w, c, &awskms.DecryptInput{CiphertextBlob: sealed}, "KMSInvalidStateException")
			refused[awskms.ImportKeyMaterialOutput](t, w, c, w.importing(t, c, *k.KeyId, algorithm, random(32)), "IncorrectKeyMaterialException")
			refused[awskms.ImportKeyMaterialOutput](t, w, c, w.importing(t, c, *k.KeyId, algorithm, random(31)), "IncorrectKeyMaterialException")
			do[awskms.ImportKeyMaterialOutput](t, w, c, in) // the token is still good
			if out := do[awskms.DecryptOutput](t, w, c, &awskms.DecryptInput{CiphertextBlob: sealed}); string(out.Plaintext) != "m" {
				t.Errorf("with its material back the key opens %q", out.Plaintext)
			}
		})
	}
}

func TestImportedMaterialExpires(t *testing.T) {
	t.Parallel()
	for name, settle := range map[string]func(t *testing.T, w *world){
		"by the sweep": func(t *testing.T, w *world) { must(t, w.Sweep(t.Context())) },
		"by itself":    func(*testing.T, *world) {},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			c := admin(member)
			k := w.external(t, awskms.CreateKeyInput{})
			in := w.importing(t, c, *k.KeyId, types.AlgorithmSpecRsaesOaepSha256, random(32))
			in.ExpirationModel = ""
			refused[awskms.ImportKeyMaterialOutput](t, w, c, in, "ValidationException")
			for _, validTo := range []time.Duration{0, -time.Hour, 366 * day} {
				in.ValidTo = new(w.clock.Now().Add(validTo))
				refused[awskms.ImportKeyMaterialOutput](t, w, c, in, "ValidationException")
			}
			in.ValidTo = new(w.clock.Now().Add(time.Hour))
			do[awskms.ImportKeyMaterialOutput](t, w, c, in)
			shown := do[awskms.DescribeKeyOutput](t, w, c, &awskms.DescribeKeyInput{KeyId: k.KeyId}).KeyMetadata
			if shown.ExpirationModel != types.ExpirationModelTypeKeyMaterialExpires || !shown.ValidTo.Equal(*in.ValidTo) {
				t.Errorf("expires %s at %v", shown.ExpirationModel, shown.ValidTo)
			}
			w.clock.Advance(time.Hour - time.Second)
			settle(t, w)
			do[awskms.EncryptOutput](t, w, c, &awskms.EncryptInput{KeyId: k.KeyId, Plaintext: []byte("m")})
			w.clock.Advance(time.Second)
			settle(t, w)
			refused[awskms.EncryptOutput](t, w, c, &awskms.EncryptInput{KeyId: k.KeyId, Plaintext: []byte("m")}, "KMSInvalidStateException")
			if got := w.stateOf(t, c, *k.KeyId); got != types.KeyStatePendingImport {
				t.Errorf("an expired key is %s", got)
			}
			in.ValidTo, in.ExpirationModel = nil, types.ExpirationModelTypeKeyMaterialDoesNotExpire
			do[awskms.ImportKeyMaterialOutput](t, w, c, in)
			if got := w.stateOf(t, c, *k.KeyId); got != types.KeyStateEnabled {
				t.Errorf("a key imported anew is %s", got)
			}
			w.clock.Advance(day)
			refused[awskms.ImportKeyMaterialOutput](t, w, c, in, "ExpiredImportTokenException")
		})
	}
}

func TestBadImports(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := admin(member)
	k, other := w.external(t, awskms.CreateKeyInput{}), w.external(t, awskms.CreateKeyInput{})
	in := func(change func(*awskms.ImportKeyMaterialInput)) *awskms.ImportKeyMaterialInput {
		in := w.importing(t, c, *k.KeyId, types.AlgorithmSpecRsaAesKeyWrapSha256, random(32))
		change(in)
		return in
	}
	for name, test := range map[string]struct {
		in   *awskms.ImportKeyMaterialInput
		code string
	}{
		"token of another key": {in(func(in *awskms.ImportKeyMaterialInput) {
			in.ImportToken = w.importing(t, c, *other.KeyId, types.AlgorithmSpecRsaesOaepSha256, random(32)).ImportToken
		}), "InvalidImportTokenException"},
		"token of no sense":  {in(func(in *awskms.ImportKeyMaterialInput) { in.ImportToken = []byte("rubbish") }), "InvalidImportTokenException"},
		"material changed":   {in(func(in *awskms.ImportKeyMaterialInput) { in.EncryptedKeyMaterial[260] ^= 1 }), "InvalidCiphertextException"},
		"wrapping changed":   {in(func(in *awskms.ImportKeyMaterialInput) { in.EncryptedKeyMaterial[0] ^= 1 }), "InvalidCiphertextException"},
		"material cut":       {in(func(in *awskms.ImportKeyMaterialInput) { in.EncryptedKeyMaterial = in.EncryptedKeyMaterial[:256] }), "InvalidCiphertextException"},
		"nothing to import":  {in(func(in *awskms.ImportKeyMaterialInput) { in.EncryptedKeyMaterial = nil }), "ValidationException"},
		"nothing there yet":  {in(func(in *awskms.ImportKeyMaterialInput) { in.ImportType = types.ImportTypeExistingKeyMaterial }), "IncorrectKeyMaterialException"},
		"date without model": {in(func(in *awskms.ImportKeyMaterialInput) { in.ValidTo = new(w.clock.Now().Add(day)) }), "ValidationException"},
		"another id": {in(func(in *awskms.ImportKeyMaterialInput) {
			in.KeyMaterialId = new("00000000000000000000000000000000000000000000000000000000000000ff")
		}), "IncorrectKeyMaterialException"},
	} {
		t.Run(name, func(t *testing.T) {
			refused[awskms.ImportKeyMaterialOutput](t, w, c, test.in, test.code)
			if got := w.stateOf(t, c, *k.KeyId); got != types.KeyStatePendingImport {
				t.Errorf("the key is %s", got)
			}
		})
	}
	mine := w.newKey(t, member, "")
	parameters := &awskms.GetParametersForImportInput{KeyId: mine.KeyId, WrappingAlgorithm: types.AlgorithmSpecRsaesOaepSha256, WrappingKeySpec: types.WrappingKeySpecRsa2048}
	refused[awskms.GetParametersForImportOutput](t, w, c, parameters, "UnsupportedOperationException")
	refused[awskms.DeleteImportedKeyMaterialOutput](t, w, c, &awskms.DeleteImportedKeyMaterialInput{KeyId: mine.KeyId}, "UnsupportedOperationException")
	parameters.KeyId, parameters.WrappingAlgorithm = k.KeyId, types.AlgorithmSpecRsaesPkcs1V15
	refused[awskms.GetParametersForImportOutput](t, w, c, parameters, "NotImplemented")
	parameters.WrappingAlgorithm = "ROT_13"
	refused[awskms.GetParametersForImportOutput](t, w, c, parameters, "ValidationException")
}

// TestImportedPairs imports keys of every kind that a client can make, and uses them.
func TestImportedPairs(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := admin(member)
	source := w.newKey(t, member, "")
	for spec, usage := range map[types.KeySpec]types.KeyUsageType{
		types.KeySpecRsa2048: types.KeyUsageTypeSignVerify, types.KeySpecEccNistP384: types.KeyUsageTypeSignVerify,
		types.KeySpecEccSecgP256k1: types.KeyUsageTypeSignVerify, types.KeySpecEccNistEdwards25519: types.KeyUsageTypeSignVerify,
	} {
		t.Run(string(spec), func(t *testing.T) {
			pair := do[awskms.GenerateDataKeyPairOutput](t, w, c, &awskms.GenerateDataKeyPairInput{KeyId: source.KeyId, KeyPairSpec: types.DataKeyPairSpec(spec)})
			k := w.external(t, awskms.CreateKeyInput{KeySpec: spec, KeyUsage: usage})
			algorithm := types.AlgorithmSpecRsaAesKeyWrapSha256
			do[awskms.ImportKeyMaterialOutput](t, w, c, w.importing(t, c, *k.KeyId, algorithm, pair.PrivateKeyPlaintext))
			shown := do[awskms.GetPublicKeyOutput](t, w, c, &awskms.GetPublicKeyInput{KeyId: k.KeyId})
			if diff := cmp.Diff(pair.PublicKey, shown.PublicKey); diff != "" {
				t.Errorf("the imported key has another public half (-brought +shown):\n%s", diff)
			}
			do[awskms.SignOutput](t, w, c, &awskms.SignInput{KeyId: k.KeyId, Message: []byte("m"), SigningAlgorithm: shown.SigningAlgorithms[0]})
			strange := do[awskms.GenerateDataKeyPairOutput](t, w, c, &awskms.GenerateDataKeyPairInput{KeyId: source.KeyId, KeyPairSpec: types.DataKeyPairSpecEccNistP256})
			for _, other := range [][]byte{strange.PrivateKeyPlaintext, random(32)} {
				refused[awskms.ImportKeyMaterialOutput](t, w, c, w.importing(t, c, *k.KeyId, algorithm, other), "IncorrectKeyMaterialException")
			}
		})
	}
	k := w.external(t, awskms.CreateKeyInput{KeySpec: types.KeySpecHmac384, KeyUsage: types.KeyUsageTypeGenerateVerifyMac})
	refused[awskms.ImportKeyMaterialOutput](t, w, c, w.importing(t, c, *k.KeyId, types.AlgorithmSpecRsaesOaepSha256, random(32)), "IncorrectKeyMaterialException")
	material := random(48)
	do[awskms.ImportKeyMaterialOutput](t, w, c, w.importing(t, c, *k.KeyId, types.AlgorithmSpecRsaesOaepSha256, material))
	made := do[awskms.GenerateMacOutput](t, w, c, &awskms.GenerateMacInput{KeyId: k.KeyId, Message: []byte("m"), MacAlgorithm: types.MacAlgorithmSpecHmacSha384})
	h := hmac.New(sha512.New384, material)
	h.Write([]byte("m"))
	if !hmac.Equal(made.Mac, h.Sum(nil)) {
		t.Error("the code is not the one of the imported material")
	}
}

// TestRotationToImportedMaterial brings a second generation, which a rotation on demand takes up.
func TestRotationToImportedMaterial(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := admin(member)
	k := w.external(t, awskms.CreateKeyInput{})
	rotate := &awskms.RotateKeyOnDemandInput{KeyId: k.KeyId}
	all := &awskms.ListKeyRotationsInput{KeyId: k.KeyId, IncludeKeyMaterial: types.IncludeKeyMaterialAllKeyMaterial}
	first := do[awskms.ImportKeyMaterialOutput](t, w, c, w.importing(t, c, *k.KeyId, types.AlgorithmSpecRsaesOaepSha256, random(32)))
	refused[awskms.RotateKeyOnDemandOutput](t, w, c, rotate, "KMSInvalidStateException")
	refused[awskms.EnableKeyRotationOutput](t, w, c, &awskms.EnableKeyRotationInput{KeyId: k.KeyId}, "UnsupportedOperationException")
	old := do[awskms.EncryptOutput](t, w, c, &awskms.EncryptInput{KeyId: k.KeyId, Plaintext: []byte("old")}).CiphertextBlob

	in := w.importing(t, c, *k.KeyId, types.AlgorithmSpecRsaesOaepSha256, random(32))
	in.ImportType, in.KeyMaterialDescription = types.ImportTypeNewKeyMaterial, new("the second")
	second := do[awskms.ImportKeyMaterialOutput](t, w, c, in)
	shown := do[awskms.ListKeyRotationsOutput](t, w, c, all).Rotations
	if len(shown) != 2 || shown[0].KeyMaterialState != types.KeyMaterialStateCurrent || *shown[1].KeyMaterialId != *second.KeyMaterialId ||
		shown[1].KeyMaterialState != types.KeyMaterialStatePendingRotation || *shown[1].KeyMaterialDescription != "the second" || shown[1].ImportState != types.ImportStateImported {
		t.Errorf("before the rotation: %+v", shown)
	}
	third := w.importing(t, c, *k.KeyId, types.AlgorithmSpecRsaesOaepSha256, random(32))
	third.ImportType = types.ImportTypeNewKeyMaterial
	refused[awskms.ImportKeyMaterialOutput](t, w, c, third, "KMSInvalidStateException")
	do[awskms.RotateKeyOnDemandOutput](t, w, c, rotate)
	shown = do[awskms.ListKeyRotationsOutput](t, w, c, all).Rotations
	if shown[0].KeyMaterialState != types.KeyMaterialStateNonCurrent || shown[1].KeyMaterialState != types.KeyMaterialStateCurrent || shown[1].RotationType != types.RotationTypeOnDemand {
		t.Errorf("after the rotation: %+v", shown)
	}
	if out := do[awskms.DecryptOutput](t, w, c, &awskms.DecryptInput{CiphertextBlob: old}); string(out.Plaintext) != "old" || *out.KeyMaterialId != *first.KeyMaterialId {
		t.Errorf("the first material opens %q as %s", out.Plaintext, *out.KeyMaterialId)
	}
	do[awskms.DeleteImportedKeyMaterialOutput](t, w, c, &awskms.DeleteImportedKeyMaterialInput{KeyId: k.KeyId, KeyMaterialId: first.KeyMaterialId})
	if got := w.stateOf(t, c, *k.KeyId); got != types.KeyStatePendingImport {
		t.Errorf("without its first material the key is %s", got)
	}
}
