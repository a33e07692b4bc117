package kms_test

import (
	"slices"
	"strings"
	"testing"

	awskms "github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"

	"strongroom/internal/api"
)

// The columns of the table of states.
var states = []types.KeyState{
	types.KeyStateEnabled, types.KeyStateDisabled, types.KeyStatePendingDeletion, types.KeyStatePendingReplicaDeletion, types.KeyStatePendingImport,
}

// The entries of the table of states.
var outcomes = map[string]string{
	"ok": "", "D": "DisabledException", "S": "KMSInvalidStateException", "U": "UnsupportedOperationException", "K": "IncorrectKeyMaterialException",
}

// row is an operation in the table of states. The call is prepared while its key is enabled, and made in the state.
type row struct {
	operation string
	outcomes  string // by state: a key of [outcomes], or - where a key of the kind cannot be in the state
	spec      types.KeySpec
	usage     types.KeyUsageType
	changes   bool // the call changes the state, and needs a key for itself
	prepare   func(t *testing.T, w *world, c *api.Caller, k *string) any
}

// input makes a row's call of an input that nothing is to be prepared for.
func input[In any](fill func(k *string) *In) func(*testing.T, *world, *api.Caller, *string) any {
	return func(_ *testing.T, _ *world, _ *api.Caller, k *string) any { return fill(k) }
}

// stateTable follows https://docs.aws.amazon.com/kms/latest/developerguide/key-state.html. Of its states, Creating and
// Updating pass at once here, and Unavailable is of custom key stores.
var stateTable = []row{
	//                               Enabled Disabled PendingDeletion PendingReplicaDeletion PendingImport
	{operation: "CancelKeyDeletion", outcomes: "S S ok ok S", changes: true, prepare: input(func(k *string) *awskms.CancelKeyDeletionInput { return &awskms.CancelKeyDeletionInput{KeyId: k} })},
	{operation: "CreateAlias", outcomes: "ok ok S S ok", prepare: input(func(k *string) *awskms.CreateAliasInput {
		return &awskms.CreateAliasInput{AliasName: new("alias/a-" + *k), TargetKeyId: k}
	})},
	{operation: "CreateGrant", outcomes: "ok D S S S", prepare: input(func(k *string) *awskms.CreateGrantInput {
		return &awskms.CreateGrantInput{KeyId: k, GranteePrincipal: &grantee, Operations: []types.GrantOperation{types.GrantOperationDescribeKey}}
	})},
	{operation: "Decapsulate", outcomes: "ok D S S -", spec: types.KeySpecMlKem768, usage: types.KeyUsageTypeEncapsulateDecapsulate, prepare: func(t *testing.T, w *world, c *api.Caller, k *string) any {
		out := do[awskms.EncapsulateOutput](t, w, c, &awskms.EncapsulateInput{KeyId: k, EncapsulationAlgorithm: types.EncapsulationAlgorithmSpecMlKem})
		return &awskms.DecapsulateInput{KeyId: k, EncapsulationAlgorithm: types.EncapsulationAlgorithmSpecMlKem, SharedSecretCiphertextBlob: out.SharedSecretCiphertextBlob}
	}},
	{operation: "Decrypt", outcomes: "ok D S S S", prepare: func(t *testing.T, w *world, c *api.Caller, k *string) any {
		return &awskms.DecryptInput{CiphertextBlob: do[awskms.EncryptOutput](t, w, c, &awskms.EncryptInput{KeyId: k, Plaintext: []byte("m")}).CiphertextBlob}
	}},
	{operation: "DeleteAlias", outcomes: "ok ok ok ok ok", prepare: func(t *testing.T, w *world, c *api.Caller, k *string) any {
		do[awskms.CreateAliasOutput](t, w, c, &awskms.CreateAliasInput{AliasName: new("alias/d-" + *k), TargetKeyId: k})
		return &awskms.DeleteAliasInput{AliasName: new("alias/d-" + *k)}
	}},
	{operation: "DeleteImportedKeyMaterial", outcomes: "U U U U ok", prepare: input(func(k *string) *awskms.DeleteImportedKeyMaterialInput {
		return &awskms.DeleteImportedKeyMaterialInput{KeyId: k}
	})},
	{operation: "DeriveSharedSecret", outcomes: "ok D S S S", spec: types.KeySpecEccNistP256, usage: types.KeyUsageTypeKeyAgreement, prepare: func(t *testing.T, w *world, c *api.Caller, k *string) any {
		public := do[awskms.GetPublicKeyOutput](t, w, c, &awskms.GetPublicKeyInput{KeyId: k}).PublicKey
		return &awskms.DeriveSharedSecretInput{KeyId: k, PublicKey: public, KeyAgreementAlgorithm: types.KeyAgreementAlgorithmSpecEcdh}
	}},
	{operation: "DescribeKey", outcomes: "ok ok ok ok ok", prepare: input(func(k *string) *awskms.DescribeKeyInput { return &awskms.DescribeKeyInput{KeyId: k} })},
	{operation: "DisableKey", outcomes: "ok ok S S S", changes: true, prepare: input(func(k *string) *awskms.DisableKeyInput { return &awskms.DisableKeyInput{KeyId: k} })},
	{operation: "DisableKeyRotation", outcomes: "ok D S S U", prepare: input(func(k *string) *awskms.DisableKeyRotationInput { return &awskms.DisableKeyRotationInput{KeyId: k} })},
	{operation: "EnableKey", outcomes: "ok ok S S S", changes: true, prepare: input(func(k *string) *awskms.EnableKeyInput { return &awskms.EnableKeyInput{KeyId: k} })},
	{operation: "EnableKeyRotation", outcomes: "ok D S S U", prepare: input(func(k *string) *awskms.EnableKeyRotationInput { return &awskms.EnableKeyRotationInput{KeyId: k} })},
	{operation: "Encapsulate", outcomes: "ok D S S -", spec: types.KeySpecMlKem768, usage: types.KeyUsageTypeEncapsulateDecapsulate, prepare: input(func(k *string) *awskms.EncapsulateInput {
		return &awskms.EncapsulateInput{KeyId: k, EncapsulationAlgorithm: types.EncapsulationAlgorithmSpecMlKem}
	})},
	{operation: "Encrypt", outcomes: "ok D S S S", prepare: input(func(k *string) *awskms.EncryptInput { return &awskms.EncryptInput{KeyId: k, Plaintext: []byte("m")} })},
	{operation: "GenerateDataKey", outcomes: "ok D S S S", prepare: input(func(k *string) *awskms.GenerateDataKeyInput {
		return &awskms.GenerateDataKeyInput{KeyId: k, KeySpec: types.DataKeySpecAes128}
	})},
	{operation: "GenerateDataKeyPair", outcomes: "ok D S S S", prepare: input(func(k *string) *awskms.GenerateDataKeyPairInput {
		return &awskms.GenerateDataKeyPairInput{KeyId: k, KeyPairSpec: types.DataKeyPairSpecEccNistP256}
	})},
	{operation: "GenerateDataKeyPairWithoutPlaintext", outcomes: "ok D S S S", prepare: input(func(k *string) *awskms.GenerateDataKeyPairWithoutPlaintextInput {
		return &awskms.GenerateDataKeyPairWithoutPlaintextInput{KeyId: k, KeyPairSpec: types.DataKeyPairSpecEccNistP256}
	})},
	{operation: "GenerateDataKeyWithoutPlaintext", outcomes: "ok D S S S", prepare: input(func(k *string) *awskms.GenerateDataKeyWithoutPlaintextInput {
		return &awskms.GenerateDataKeyWithoutPlaintextInput{KeyId: k, KeySpec: types.DataKeySpecAes128}
	})},
	{operation: "GenerateMac", outcomes: "ok D S S S", spec: types.KeySpecHmac256, usage: types.KeyUsageTypeGenerateVerifyMac, prepare: input(func(k *string) *awskms.GenerateMacInput {
		return &awskms.GenerateMacInput{KeyId: k, Message: []byte("m"), MacAlgorithm: types.MacAlgorithmSpecHmacSha256}
	})},
	{operation: "GetKeyLastUsage", outcomes: "ok ok ok ok ok", prepare: input(func(k *string) *awskms.GetKeyLastUsageInput { return &awskms.GetKeyLastUsageInput{KeyId: k} })},
	{operation: "GetKeyPolicy", outcomes: "ok ok ok ok ok", prepare: input(func(k *string) *awskms.GetKeyPolicyInput { return &awskms.GetKeyPolicyInput{KeyId: k} })},
	{operation: "GetKeyRotationStatus", outcomes: "ok ok ok ok ok", prepare: input(func(k *string) *awskms.GetKeyRotationStatusInput { return &awskms.GetKeyRotationStatusInput{KeyId: k} })},
	{operation: "GetParametersForImport", outcomes: "U U U U ok", prepare: input(func(k *string) *awskms.GetParametersForImportInput {
		return &awskms.GetParametersForImportInput{KeyId: k, WrappingAlgorithm: types.AlgorithmSpecRsaesOaepSha256, WrappingKeySpec: types.WrappingKeySpecRsa2048}
	})},
	{operation: "GetPublicKey", outcomes: "ok D S S S", spec: types.KeySpecEccNistP256, usage: types.KeyUsageTypeSignVerify, prepare: input(func(k *string) *awskms.GetPublicKeyInput { return &awskms.GetPublicKeyInput{KeyId: k} })},
	{operation: "ImportKeyMaterial", outcomes: "U U U U K", prepare: func(t *testing.T, w *world, c *api.Caller, k *string) any {
		if do[awskms.DescribeKeyOutput](t, w, c, &awskms.DescribeKeyInput{KeyId: k}).KeyMetadata.Origin == types.OriginTypeAwsKms {
			return &awskms.ImportKeyMaterialInput{KeyId: k, ImportToken: []byte("t"), EncryptedKeyMaterial: []byte("m")}
		}
		return w.importing(t, c, *k, types.AlgorithmSpecRsaesOaepSha256, random(32)) // other material than before
	}},
	{operation: "ListGrants", outcomes: "ok ok ok ok ok", prepare: input(func(k *string) *awskms.ListGrantsInput { return &awskms.ListGrantsInput{KeyId: k} })},
	{operation: "ListKeyPolicies", outcomes: "ok ok ok ok ok", prepare: input(func(k *string) *awskms.ListKeyPoliciesInput { return &awskms.ListKeyPoliciesInput{KeyId: k} })},
	{operation: "ListKeyRotations", outcomes: "ok ok ok ok ok", prepare: input(func(k *string) *awskms.ListKeyRotationsInput { return &awskms.ListKeyRotationsInput{KeyId: k} })},
	{operation: "ListResourceTags", outcomes: "ok ok ok ok ok", prepare: input(func(k *string) *awskms.ListResourceTagsInput { return &awskms.ListResourceTagsInput{KeyId: k} })},
	{operation: "PutKeyPolicy", outcomes: "ok ok ok ok ok", prepare: func(t *testing.T, w *world, c *api.Caller, k *string) any {
		return &awskms.PutKeyPolicyInput{KeyId: k, Policy: do[awskms.GetKeyPolicyOutput](t, w, c, &awskms.GetKeyPolicyInput{KeyId: k}).Policy}
	}},
	{operation: "ReEncrypt", outcomes: "ok D S S S", prepare: func(t *testing.T, w *world, c *api.Caller, k *string) any {
		blob := do[awskms.EncryptOutput](t, w, c, &awskms.EncryptInput{KeyId: k, Plaintext: []byte("m")}).CiphertextBlob
		return &awskms.ReEncryptInput{CiphertextBlob: blob, DestinationKeyId: w.newKey(t, member, "").KeyId}
	}},
	{operation: "ReplicateKey", outcomes: "ok D S S S", prepare: input(func(k *string) *awskms.ReplicateKeyInput {
		return &awskms.ReplicateKeyInput{KeyId: k, ReplicaRegion: new(south)}
	})},
	{operation: "RetireGrant", outcomes: "ok ok ok ok ok", prepare: func(t *testing.T, w *world, c *api.Caller, k *string) any {
		return &awskms.RetireGrantInput{KeyId: k, GrantId: w.grantOn(t, c, k)}
	}},
	{operation: "RevokeGrant", outcomes: "ok ok ok ok ok", prepare: func(t *testing.T, w *world, c *api.Caller, k *string) any {
		return &awskms.RevokeGrantInput{KeyId: k, GrantId: w.grantOn(t, c, k)}
	}},
	{operation: "RotateKeyOnDemand", outcomes: "ok D S S S", prepare: input(func(k *string) *awskms.RotateKeyOnDemandInput { return &awskms.RotateKeyOnDemandInput{KeyId: k} })},
	{operation: "ScheduleKeyDeletion", outcomes: "ok ok S S ok", changes: true, prepare: input(func(k *string) *awskms.ScheduleKeyDeletionInput { return &awskms.ScheduleKeyDeletionInput{KeyId: k} })},
	{operation: "Sign", outcomes: "ok D S S S", spec: types.KeySpecEccNistP256, usage: types.KeyUsageTypeSignVerify, prepare: input(func(k *string) *awskms.SignInput {
		return &awskms.SignInput{KeyId: k, Message: []byte("m"), SigningAlgorithm: types.SigningAlgorithmSpecEcdsaSha256}
	})},
	{operation: "TagResource", outcomes: "ok ok S S ok", prepare: input(func(k *string) *awskms.TagResourceInput {
		return &awskms.TagResourceInput{KeyId: k, Tags: []types.Tag{{TagKey: new("a"), TagValue: new("b")}}}
	})},
	{operation: "UntagResource", outcomes: "ok ok S S ok", prepare: input(func(k *string) *awskms.UntagResourceInput {
		return &awskms.UntagResourceInput{KeyId: k, TagKeys: []string{"z"}}
	})},
	{operation: "UpdateAlias", outcomes: "ok ok S S ok", prepare: func(t *testing.T, w *world, c *api.Caller, k *string) any {
		do[awskms.CreateAliasOutput](t, w, c, &awskms.CreateAliasInput{AliasName: new("alias/u-" + *k), TargetKeyId: w.newKey(t, member, "").KeyId})
		return &awskms.UpdateAliasInput{AliasName: new("alias/u-" + *k), TargetKeyId: k}
	}},
	{operation: "UpdateKeyDescription", outcomes: "ok ok S S ok", prepare: input(func(k *string) *awskms.UpdateKeyDescriptionInput {
		return &awskms.UpdateKeyDescriptionInput{KeyId: k, Description: new("d")}
	})},
	{operation: "UpdatePrimaryRegion", outcomes: "ok D - S S", changes: true, prepare: func(t *testing.T, w *world, c *api.Caller, k *string) any {
		if do[awskms.DescribeKeyOutput](t, w, c, &awskms.DescribeKeyInput{KeyId: k}).KeyMetadata.KeyState != types.KeyStateEnabled {
			t.Fatal("prepared too late")
		}
		_, err := api.Call[awskms.ReplicateKeyOutput](t.Context(), w.door, c, &awskms.ReplicateKeyInput{KeyId: k, ReplicaRegion: new(north)})
		if code := api.Code(err); err != nil && code != "AlreadyExistsException" {
			t.Fatal(err)
		}
		return &awskms.UpdatePrimaryRegionInput{KeyId: k, PrimaryRegion: new(north)}
	}},
	{operation: "Verify", outcomes: "ok D S S S", spec: types.KeySpecEccNistP256, usage: types.KeyUsageTypeSignVerify, prepare: func(t *testing.T, w *world, c *api.Caller, k *string) any {
		out := do[awskms.SignOutput](t, w, c, &awskms.SignInput{KeyId: k, Message: []byte("m"), SigningAlgorithm: types.SigningAlgorithmSpecEcdsaSha256})
		return &awskms.VerifyInput{KeyId: k, Message: []byte("m"), Signature: out.Signature, SigningAlgorithm: types.SigningAlgorithmSpecEcdsaSha256}
	}},
	{operation: "VerifyMac", outcomes: "ok D S S S", spec: types.KeySpecHmac256, usage: types.KeyUsageTypeGenerateVerifyMac, prepare: func(t *testing.T, w *world, c *api.Caller, k *string) any {
		out := do[awskms.GenerateMacOutput](t, w, c, &awskms.GenerateMacInput{KeyId: k, Message: []byte("m"), MacAlgorithm: types.MacAlgorithmSpecHmacSha256})
		return &awskms.VerifyMacInput{KeyId: k, Message: []byte("m"), Mac: out.Mac, MacAlgorithm: types.MacAlgorithmSpecHmacSha256}
	}},
}

// keyless are the operations that are about no key in particular.
var keyless = []string{"CreateKey", "GenerateRandom", "ListAliases", "ListKeys", "ListRetirableGrants"}

var grantee = "arn:aws:iam::" + member + ":role/r"

func (w *world) grantOn(t *testing.T, c *api.Caller, k *string) *string {
	t.Helper()
	return do[awskms.CreateGrantOutput](t, w, c, &awskms.CreateGrantInput{
		KeyId: k, GranteePrincipal: &grantee, Operations: []types.GrantOperation{types.GrantOperationDescribeKey},
	}).GrantId
}

// TestKeyStates makes every operation that is about a key in every state that a key can have.
func TestKeyStates(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var told []string
	for _, r := range stateTable {
		told = append(told, r.operation)
	}
	for _, op := range w.API().Operations {
		if slices.Contains(told, op.Name) == slices.Contains(keyless, op.Name) {
			t.Errorf("%s is to be in the table, or without a key", op.Name)
		}
	}
	for column, in := range states {
		t.Run(string(in), func(t *testing.T) {
			t.Parallel()
			shared := map[types.KeyUsageType]*stateCell{}
			for _, r := range stateTable {
				want := strings.Fields(r.outcomes)[column]
				if want == "-" {
					continue
				}
				cell := shared[r.usage]
				if cell == nil || r.changes {
					cell = newStateCell(t, w, in, r)
				}
				if !r.changes {
					shared[r.usage] = cell
				}
				cell.add(t, r, outcomes[want])
				if r.changes {
					cell.run(t)
				}
			}
			for _, cell := range shared {
				cell.run(t)
			}
		})
	}
}

// stateCell is a key, and the calls that are made once it is in a state.
type stateCell struct {
	w     *world
	c     *api.Caller
	state types.KeyState
	key   *string
	calls []stateCall
}

type stateCall struct {
	operation string
	in        any
	code      string
}

func newStateCell(t *testing.T, w *world, in types.KeyState, r row) *stateCell {
	t.Helper()
	cell := &stateCell{w: w, c: admin(member), state: in}
	create := awskms.CreateKeyInput{KeySpec: r.spec, KeyUsage: r.usage, MultiRegion: new(true)}
	if in != types.KeyStatePendingImport {
		cell.key = do[awskms.CreateKeyOutput](t, w, cell.c, &create).KeyMetadata.KeyId
	} else {
		cell.key = w.external(t, create).KeyId
		material := random(32)
		if r.spec == types.KeySpecEccNistP256 {
			material = do[awskms.GenerateDataKeyPairOutput](t, w, cell.c, &awskms.GenerateDataKeyPairInput{
				KeyId: w.newKey(t, member, "").KeyId, KeyPairSpec: types.DataKeyPairSpecEccNistP256,
			}).PrivateKeyPlaintext
		}
		do[awskms.ImportKeyMaterialOutput](t, w, cell.c, w.importing(t, cell.c, *cell.key, types.AlgorithmSpecRsaesOaepSha256, material))
	}
	if in == types.KeyStatePendingReplicaDeletion {
		do[awskms.ReplicateKeyOutput](t, w, cell.c, &awskms.ReplicateKeyInput{KeyId: cell.key, ReplicaRegion: new(north)})
	}
	return cell
}

func (s *stateCell) add(t *testing.T, r row, code string) {
	t.Helper()
	s.calls = append(s.calls, stateCall{r.operation, r.prepare(t, s.w, s.c, s.key), code})
}

func (s *stateCell) run(t *testing.T) {
	t.Helper()
	switch s.state {
	case types.KeyStateDisabled:
		do[awskms.DisableKeyOutput](t, s.w, s.c, &awskms.DisableKeyInput{KeyId: s.key})
	case types.KeyStatePendingDeletion, types.KeyStatePendingReplicaDeletion:
		do[awskms.ScheduleKeyDeletionOutput](t, s.w, s.c, &awskms.ScheduleKeyDeletionInput{KeyId: s.key})
	case types.KeyStatePendingImport:
		do[awskms.DeleteImportedKeyMaterialOutput](t, s.w, s.c, &awskms.DeleteImportedKeyMaterialInput{KeyId: s.key})
	case types.KeyStateEnabled, types.KeyStateCreating, types.KeyStateUnavailable, types.KeyStateUpdating: // as it was made, or never
	}
	if got := s.w.stateOf(t, s.c, *s.key); got != s.state {
		t.Fatalf("a key that is to be %s is %s", s.state, got)
	}
	for _, call := range s.calls {
		_, err := s.w.door.Do(t.Context(), s.c, s.w.door.Operation("kms", call.operation), call.in)
		if got := api.Code(err); got != call.code || err != nil && got == "" {
			t.Errorf("%s is answered with %v, want %q", call.operation, err, call.code)
		}
	}
}
