package kms_test

import (
	"bytes"
	"context"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	awskms "github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"
	"github.com/google/go-cmp/cmp"
	"gocloud.dev/secrets/localsecrets"

	"strongroom/internal/api"
	"strongroom/internal/state"
)

const day = 24 * time.Hour

func TestKeyLife(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := admin(member)
	k := do[awskms.CreateKeyOutput](t, w, c, &awskms.CreateKeyInput{
		Description: new("one"), Tags: []types.Tag{{TagKey: new("team"), TagValue: new("a")}},
	}).KeyMetadata
	if want := "arn:aws:kms:" + region + ":" + member + ":key/" + *k.KeyId; *k.Arn != want {
		t.Errorf("the ARN is %s, want %s", *k.Arn, want)
	}
	do[awskms.UpdateKeyDescriptionOutput](t, w, c, &awskms.UpdateKeyDescriptionInput{KeyId: k.KeyId, Description: new("two")})
	described := do[awskms.DescribeKeyOutput](t, w, c, &awskms.DescribeKeyInput{KeyId: k.Arn}).KeyMetadata
	if *described.Description != "two" || !described.Enabled || described.KeyState != types.KeyStateEnabled {
		t.Errorf("described as %q, %s", *described.Description, described.KeyState)
	}
	do[awskms.TagResourceOutput](t, w, c, &awskms.TagResourceInput{KeyId: k.KeyId, Tags: []types.Tag{{TagKey: new("cost"), TagValue: new("1")}}})
	do[awskms.UntagResourceOutput](t, w, c, &awskms.UntagResourceInput{KeyId: k.KeyId, TagKeys: []string{"team"}})
	tags := do[awskms.ListResourceTagsOutput](t, w, c, &awskms.ListResourceTagsInput{KeyId: k.KeyId}).Tags
	if len(tags) != 1 || *tags[0].TagKey != "cost" {
		t.Errorf("tags are %v", tags)
	}
	if got := do[awskms.ListKeyPoliciesOutput](t, w, c, &awskms.ListKeyPoliciesInput{KeyId: k.KeyId}).PolicyNames; !slices.Equal(got, []string{"default"}) {
		t.Errorf("policies are %v", got)
	}
	if got := do[awskms.GetKeyPolicyOutput](t, w, c, &awskms.GetKeyPolicyInput{KeyId: k.KeyId}); !strings.Contains(*got.Policy, member+":root") {
		t.Errorf("the default policy is %s", *got.Policy)
	}
	if got := len(do[awskms.GenerateRandomOutput](t, w, c, &awskms.GenerateRandomInput{NumberOfBytes: new(int32(7))}).Plaintext); got != 7 {
		t.Errorf("7 random bytes are %d", got)
	}
}

func TestEncryptionContextIsPartOfTheCiphertext(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := admin(member)
	k := w.newKey(t, member, "")
	ec := map[string]string{"a": "1", "b": "2"}
	sealed := do[awskms.EncryptOutput](t, w, c, &awskms.EncryptInput{KeyId: k.KeyId, Plaintext: []byte("secret"), EncryptionContext: ec}).CiphertextBlob
	if opened := do[awskms.DecryptOutput](t, w, c, &awskms.DecryptInput{CiphertextBlob: sealed, EncryptionContext: ec}); string(opened.Plaintext) != "secret" {
		t.Errorf("opened as %q", opened.Plaintext)
	}
	for name, other := range map[string]map[string]string{
		"none": nil, "less": {"a": "1"}, "more": {"a": "1", "b": "2", "c": "3"}, "other value": {"a": "1", "b": "3"}, "split elsewhere": {"a": "1b2"},
	} {
		t.Run(name, func(t *testing.T) {
			refused[awskms.DecryptOutput](t, w, c, &awskms.DecryptInput{CiphertextBlob: sealed, EncryptionContext: other}, "InvalidCiphertextException")
		})
	}
	for i := range sealed {
		changed := bytes.Clone(sealed)
		changed[i] ^= 1
		_, err := api.Call[awskms.DecryptOutput](t.Context(), w.door, c, &awskms.DecryptInput{CiphertextBlob: changed, EncryptionContext: ec})
		// A changed key id names a key that is not there, which KMS does not tell from one that is out of reach.
		if code := api.Code(err); code != "InvalidCiphertextException" && code != "AccessDeniedException" {
			t.Fatalf("with byte %d changed, Decrypt answers %v", i, err)
		}
	}
}

func TestDataKeys(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := admin(member)
	k := w.newKey(t, member, "")
	ec := map[string]string{"aws:backup:backup-vault": "v"}
	made := w.dataKey(t, c, *k.KeyId, ec)
	if len(made.Plaintext) != 32 || *made.KeyId != *k.Arn {
		t.Fatalf("a data key of %d bytes under %s", len(made.Plaintext), *made.KeyId)
	}
	again := w.open(t, localsecrets.NewKeeper([32]byte{1, 2, 3}))
	out, err := again.Decrypt(t.Context(), c, &awskms.DecryptInput{CiphertextBlob: made.CiphertextBlob, EncryptionContext: ec})
	if err != nil || !bytes.Equal(out.Plaintext, made.Plaintext) {
		t.Fatalf("after a restart the data key opens as %v, %v", out, err)
	}
	other := w.open(t, localsecrets.NewKeeper([32]byte{9}))
	if _, err := other.Decrypt(t.Context(), c, &awskms.DecryptInput{CiphertextBlob: made.CiphertextBlob, EncryptionContext: ec}); err == nil {
		t.Fatal("another root key unwraps the material")
	}
	blind := do[awskms.GenerateDataKeyWithoutPlaintextOutput](t, w, c, &awskms.GenerateDataKeyWithoutPlaintextInput{KeyId: k.KeyId, NumberOfBytes: new(int32(64))})
	if got := do[awskms.DecryptOutput](t, w, c, &awskms.DecryptInput{CiphertextBlob: blind.CiphertextBlob}); len(got.Plaintext) != 64 {
		t.Errorf("64 bytes open as %d", len(got.Plaintext))
	}
	for _, in := range []*awskms.GenerateDataKeyInput{
		{KeyId: k.KeyId},
		{KeyId: k.KeyId, KeySpec: types.DataKeySpecAes256, NumberOfBytes: new(int32(32))},
		{KeyId: k.KeyId, NumberOfBytes: new(int32(1025))},
		{KeyId: k.KeyId, KeySpec: "AES_512"},
		{KeySpec: types.DataKeySpecAes256},
	} {
		refused[awskms.GenerateDataKeyOutput](t, w, c, in, "ValidationException")
	}
}

func TestReEncryptMovesToAnotherKey(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := admin(member)
	from, to := w.newKey(t, member, ""), w.newKey(t, member, "")
	made := w.dataKey(t, c, *from.KeyId, map[string]string{"at": "from"})
	moved := do[awskms.ReEncryptOutput](t, w, c, &awskms.ReEncryptInput{
		CiphertextBlob: made.CiphertextBlob, SourceEncryptionContext: map[string]string{"at": "from"},
		DestinationKeyId: to.Arn, DestinationEncryptionContext: map[string]string{"at": "to"},
	})
	do[awskms.DisableKeyOutput](t, w, c, &awskms.DisableKeyInput{KeyId: from.KeyId})
	opened := do[awskms.DecryptOutput](t, w, c, &awskms.DecryptInput{CiphertextBlob: moved.CiphertextBlob, EncryptionContext: map[string]string{"at": "to"}})
	if !bytes.Equal(opened.Plaintext, made.Plaintext) || *opened.KeyId != *to.Arn {
		t.Error("a re-encrypted data key is another one")
	}
	refused[awskms.DecryptOutput](t, w, c, &awskms.DecryptInput{
		CiphertextBlob: moved.CiphertextBlob, EncryptionContext: map[string]string{"at": "to"}, KeyId: from.KeyId,
	}, "IncorrectKeyException")
}

func TestDisabledAndPendingKeysAreUnusable(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := admin(member)
	k := w.newKey(t, member, "")
	made := w.dataKey(t, c, *k.KeyId, nil)
	decrypt := &awskms.DecryptInput{CiphertextBlob: made.CiphertextBlob}

	do[awskms.DisableKeyOutput](t, w, c, &awskms.DisableKeyInput{KeyId: k.KeyId})
	if got, want := refused[awskms.DecryptOutput](t, w, c, decrypt, "DisabledException"), *k.Arn+" is disabled."; got != want {
		t.Errorf("message %q, want %q", got, want)
	}
	refused[awskms.EncryptOutput](t, w, c, &awskms.EncryptInput{KeyId: k.KeyId, Plaintext: []byte("x")}, "DisabledException")
	refused[awskms.GenerateDataKeyOutput](t, w, c, &awskms.GenerateDataKeyInput{KeyId: k.KeyId, KeySpec: types.DataKeySpecAes256}, "DisabledException")
	// Whoever may not use the key is not told its state.
	refused[awskms.DecryptOutput](t, w, user(member, "nobody"), decrypt, "AccessDeniedException")
	do[awskms.EnableKeyOutput](t, w, c, &awskms.EnableKeyInput{KeyId: k.KeyId})
	do[awskms.DecryptOutput](t, w, c, decrypt)

	for _, days := range []int32{6, 31} {
		refused[awskms.ScheduleKeyDeletionOutput](t, w, c, &awskms.ScheduleKeyDeletionInput{KeyId: k.KeyId, PendingWindowInDays: &days}, "ValidationException")
	}
	scheduled := do[awskms.ScheduleKeyDeletionOutput](t, w, c, &awskms.ScheduleKeyDeletionInput{KeyId: k.KeyId, PendingWindowInDays: new(int32(7))})
	if want := w.clock.Now().Add(7 * day); !scheduled.DeletionDate.Equal(want) || *scheduled.KeyId != *k.Arn {
		t.Errorf("deletion of %s at %v, want %v", *scheduled.KeyId, scheduled.DeletionDate, want)
	}
	refused[awskms.DecryptOutput](t, w, c, decrypt, "KMSInvalidStateException")
	refused[awskms.EnableKeyOutput](t, w, c, &awskms.EnableKeyInput{KeyId: k.KeyId}, "KMSInvalidStateException")
	refused[awskms.ScheduleKeyDeletionOutput](t, w, c, &awskms.ScheduleKeyDeletionInput{KeyId: k.KeyId}, "KMSInvalidStateException")
	w.clock.Advance(6 * day)
	do[awskms.CancelKeyDeletionOutput](t, w, c, &awskms.CancelKeyDeletionInput{KeyId: k.KeyId})
	refused[awskms.DecryptOutput](t, w, c, decrypt, "DisabledException")
	refused[awskms.CancelKeyDeletionOutput](t, w, c, &awskms.CancelKeyDeletionInput{KeyId: k.KeyId}, "KMSInvalidStateException")
}

func TestDeletionFollowsTheClock(t *testing.T) {
	t.Parallel()
	for name, settle := range map[string]func(*testing.T, *world){
		"at use":   func(*testing.T, *world) {},
		"by sweep": func(t *testing.T, w *world) { must(t, w.Sweep(t.Context())) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			c := admin(member)
			k, other := w.newKey(t, member, ""), w.newKey(t, member, "")
			do[awskms.CreateAliasOutput](t, w, c, &awskms.CreateAliasInput{AliasName: new("alias/k"), TargetKeyId: k.KeyId})
			made := w.dataKey(t, c, "alias/k", nil)
			do[awskms.ScheduleKeyDeletionOutput](t, w, c, &awskms.ScheduleKeyDeletionInput{KeyId: k.KeyId, PendingWindowInDays: new(int32(7))})
			w.clock.Advance(7*day - time.Second)
			settle(t, w)
			do[awskms.DescribeKeyOutput](t, w, c, &awskms.DescribeKeyInput{KeyId: k.KeyId})
			w.clock.Advance(time.Second)
			settle(t, w)
			refused[awskms.DescribeKeyOutput](t, w, c, &awskms.DescribeKeyInput{KeyId: k.KeyId}, "NotFoundException")
			refused[awskms.DescribeKeyOutput](t, w, c, &awskms.DescribeKeyInput{KeyId: new("alias/k")}, "NotFoundException")
			refused[awskms.DecryptOutput](t, w, c, &awskms.DecryptInput{CiphertextBlob: made.CiphertextBlob}, "AccessDeniedException")
			err := w.db.View(t.Context(), func(ctx context.Context, tx *state.Tx) error {
				materials, err := tx.KeyMaterials(ctx, region, *k.KeyId)
				if len(materials) > 0 {
					t.Errorf("%d generations of material outlive the key", len(materials))
				}
				return err
			})
			must(t, err)
			do[awskms.DescribeKeyOutput](t, w, c, &awskms.DescribeKeyInput{KeyId: other.KeyId})
		})
	}
}

func TestRotationKeepsOldCiphertextReadable(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := admin(member)
	k := w.newKey(t, member, "")
	var made []*awskms.GenerateDataKeyOutput
	made = append(made, w.dataKey(t, c, *k.KeyId, nil))
	do[awskms.RotateKeyOnDemandOutput](t, w, c, &awskms.RotateKeyOnDemandInput{KeyId: k.KeyId})
	made = append(made, w.dataKey(t, c, *k.KeyId, nil))
	refused[awskms.EnableKeyRotationOutput](t, w, c, &awskms.EnableKeyRotationInput{KeyId: k.KeyId, RotationPeriodInDays: new(int32(89))}, "ValidationException")
	do[awskms.EnableKeyRotationOutput](t, w, c, &awskms.EnableKeyRotationInput{KeyId: k.KeyId, RotationPeriodInDays: new(int32(90))})
	status := do[awskms.GetKeyRotationStatusOutput](t, w, c, &awskms.GetKeyRotationStatusInput{KeyId: k.KeyId})
	if want := w.clock.Now().Add(90 * day); !status.KeyRotationEnabled || !status.NextRotationDate.Equal(want) {
		t.Errorf("rotation %v at %v, want %v", status.KeyRotationEnabled, status.NextRotationDate, want)
	}
	w.clock.Advance(90 * day)
	made = append(made, w.dataKey(t, c, *k.KeyId, nil))
	w.clock.Advance(180 * day) // two periods at once are one rotation
	must(t, w.Sweep(t.Context()))
	must(t, w.Sweep(t.Context()))
	made = append(made, w.dataKey(t, c, *k.KeyId, nil))

	seen := map[string]bool{}
	for i, m := range made {
		opened := do[awskms.DecryptOutput](t, w, c, &awskms.DecryptInput{CiphertextBlob: m.CiphertextBlob})
		if !bytes.Equal(opened.Plaintext, m.Plaintext) {
			t.Errorf("data key %d opens as another one", i)
		}
		seen[*opened.KeyMaterialId] = true
	}
	if len(seen) != 4 {
		t.Errorf("%d generations of material sealed, want 4", len(seen))
	}
	var kinds []types.RotationType
	for _, r := range do[awskms.ListKeyRotationsOutput](t, w, c, &awskms.ListKeyRotationsInput{KeyId: k.KeyId}).Rotations {
		kinds = append(kinds, r.RotationType)
	}
	if diff := cmp.Diff([]types.RotationType{types.RotationTypeOnDemand, types.RotationTypeAutomatic, types.RotationTypeAutomatic}, kinds); diff != "" {
		t.Errorf("rotations (-want +got):\n%s", diff)
	}
	do[awskms.DisableKeyRotationOutput](t, w, c, &awskms.DisableKeyRotationInput{KeyId: k.KeyId})
	w.clock.Advance(400 * day)
	if got := w.dataKey(t, c, *k.KeyId, nil); *got.KeyMaterialId != *made[3].KeyMaterialId {
		t.Error("a key rotated after its rotation was disabled")
	}
}

func TestAliases(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := admin(member)
	one, two := w.newKey(t, member, ""), w.newKey(t, member, "")
	do[awskms.CreateAliasOutput](t, w, c, &awskms.CreateAliasInput{AliasName: new("alias/app"), TargetKeyId: one.Arn})
	refused[awskms.CreateAliasOutput](t, w, c, &awskms.CreateAliasInput{AliasName: new("alias/app"), TargetKeyId: two.Arn}, "AlreadyExistsException")
	for name, code := range map[string]string{
		"app": "ValidationException", "alias/aws/backup": "InvalidAliasNameException", "alias/a b": "InvalidAliasNameException",
	} {
		refused[awskms.CreateAliasOutput](t, w, c, &awskms.CreateAliasInput{AliasName: &name, TargetKeyId: one.Arn}, code)
	}
	for _, id := range []string{"alias/app", "arn:aws:kms:" + region + ":" + member + ":alias/app"} {
		if got := w.dataKey(t, c, id, nil); *got.KeyId != *one.Arn {
			t.Errorf("%s leads to %s", id, *got.KeyId)
		}
	}
	do[awskms.UpdateAliasOutput](t, w, c, &awskms.UpdateAliasInput{AliasName: new("alias/app"), TargetKeyId: two.KeyId})
	if got := w.dataKey(t, c, "alias/app", nil); *got.KeyId != *two.Arn {
		t.Errorf("the updated alias leads to %s", *got.KeyId)
	}
	if got := do[awskms.ListAliasesOutput](t, w, c, &awskms.ListAliasesInput{KeyId: one.KeyId}).Aliases; len(got) != 0 {
		t.Errorf("the first key still has %v", got)
	}
	refused[awskms.DisableKeyOutput](t, w, c, &awskms.DisableKeyInput{KeyId: new("alias/app")}, "NotFoundException")
	do[awskms.DeleteAliasOutput](t, w, c, &awskms.DeleteAliasInput{AliasName: new("alias/app")})
	refused[awskms.DescribeKeyOutput](t, w, c, &awskms.DescribeKeyInput{KeyId: new("alias/app")}, "NotFoundException")
	refused[awskms.DeleteAliasOutput](t, w, c, &awskms.DeleteAliasInput{AliasName: new("alias/app")}, "NotFoundException")
	refused[awskms.UpdateAliasOutput](t, w, c, &awskms.UpdateAliasInput{AliasName: new("alias/app"), TargetKeyId: two.KeyId}, "NotFoundException")
}

func TestListsComeInPages(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := admin(member)
	var want, wantAliases []string
	for i := range 7 {
		k := w.newKey(t, member, "")
		want = append(want, *k.KeyId)
		name := fmt.Sprintf("alias/%d", i)
		wantAliases = append(wantAliases, name)
		do[awskms.CreateAliasOutput](t, w, c, &awskms.CreateAliasInput{AliasName: &name, TargetKeyId: k.KeyId})
	}
	w.newKey(t, vault, "")
	slices.Sort(want)
	var got, gotAliases []string
	in := &awskms.ListKeysInput{Limit: new(int32(3))}
	for {
		out := do[awskms.ListKeysOutput](t, w, c, in)
		for _, k := range out.Keys {
			got = append(got, *k.KeyId)
		}
		if in.Marker = out.NextMarker; !out.Truncated {
			break
		}
	}
	aliases := &awskms.ListAliasesInput{Limit: new(int32(7))}
	for {
		out := do[awskms.ListAliasesOutput](t, w, c, aliases)
		for _, a := range out.Aliases {
			gotAliases = append(gotAliases, *a.AliasName)
		}
		if aliases.Marker = out.NextMarker; !out.Truncated {
			break
		}
	}
	if diff := cmp.Diff(append(want, wantAliases...), append(got, gotAliases...)); diff != "" {
		t.Errorf("pages (-want +got):\n%s", diff)
	}
	refused[awskms.ListKeysOutput](t, w, c, &awskms.ListKeysInput{Marker: new("rubbish")}, "InvalidMarkerException")
	first := do[awskms.ListKeysOutput](t, w, c, &awskms.ListKeysInput{Limit: new(int32(1))})
	refused[awskms.ListKeysOutput](t, w, admin(vault), &awskms.ListKeysInput{Marker: first.NextMarker}, "InvalidMarkerException")
	refused[awskms.ListKeysOutput](t, w, c, &awskms.ListKeysInput{Limit: new(int32(1001))}, "ValidationException")
}

func TestIdentifiers(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := admin(member)
	k := w.newKey(t, member, "")
	unknown := "00000000-0000-4000-8000-000000000000"
	prefix := "arn:aws:kms:" + region + ":" + member + ":"
	for id, want := range map[string]string{
		unknown:                   "Key '" + prefix + "key/" + unknown + "' does not exist",
		prefix + "key/" + unknown: "Key '" + prefix + "key/" + unknown + "' does not exist",
		"alias/none":              "Alias " + prefix + "alias/none is not found.",
		"rubbish":                 "Invalid keyId 'rubbish'",
		"arn:aws:s3:::bucket":     "Invalid keyId 'arn:aws:s3:::bucket'",
		strings.Replace(*k.Arn, region, north, 1): "Invalid arn " + north,
	} {
		if got := refused[awskms.DescribeKeyOutput](t, w, c, &awskms.DescribeKeyInput{KeyId: &id}, "NotFoundException"); got != want {
			t.Errorf("%s: message %q, want %q", id, got, want)
		}
	}
	refused[awskms.DescribeKeyOutput](t, w, c, &awskms.DescribeKeyInput{}, "ValidationException")
	refused[awskms.DescribeKeyOutput](t, w, c.In(north), &awskms.DescribeKeyInput{KeyId: k.KeyId}, "NotFoundException")
	made := w.dataKey(t, c, *k.KeyId, nil)
	refused[awskms.DecryptOutput](t, w, c.In(north), &awskms.DecryptInput{CiphertextBlob: made.CiphertextBlob}, "AccessDeniedException")
}

// TestEnclavesAreRefusedByName asks for answers to Nitro enclaves, which there are none of.
func TestEnclavesAreRefusedByName(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	k, r := w.newKey(t, member, "").KeyId, &types.RecipientInfo{AttestationDocument: []byte("d")}
	for _, in := range []any{
		&awskms.DecryptInput{CiphertextBlob: []byte("c"), Recipient: r},
		&awskms.GenerateDataKeyInput{KeyId: k, KeySpec: types.DataKeySpecAes256, Recipient: r},
		&awskms.GenerateDataKeyPairInput{KeyId: k, KeyPairSpec: types.DataKeyPairSpecEccNistP256, Recipient: r},
		&awskms.GenerateRandomInput{NumberOfBytes: new(int32(1)), Recipient: r},
		&awskms.DeriveSharedSecretInput{KeyId: k, PublicKey: []byte("p"), KeyAgreementAlgorithm: types.KeyAgreementAlgorithmSpecEcdh, Recipient: r},
	} {
		if err := w.call(t, admin(member), in); api.Code(err) != "NotImplemented" || !strings.Contains(err.Error(), "Recipient") {
			t.Errorf("%T is answered with %v", in, err)
		}
	}
}

func TestKeyKindsThatAreNotThereSaySo(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, in := range []*awskms.CreateKeyInput{
		{KeySpec: types.KeySpecSm2, KeyUsage: types.KeyUsageTypeSignVerify},
		{CustomKeyStoreId: new("x")},
		{XksKeyId: new("x")},
		{Origin: types.OriginTypeAwsCloudhsm},
		{Origin: types.OriginTypeExternalKeyStore},
	} {
		refused[awskms.CreateKeyOutput](t, w, admin(member), in, "NotImplemented")
	}
	if n := len(do[awskms.ListKeysOutput](t, w, admin(member), &awskms.ListKeysInput{}).Keys); n != 0 {
		t.Errorf("%d keys were made all the same", n)
	}
}

func TestNoCallSucceedsAfterDisableKeyReturned(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := admin(member)
	k := w.newKey(t, member, "")
	made := w.dataKey(t, c, *k.KeyId, nil)
	for range 20 {
		var isDisabled atomic.Bool
		var users sync.WaitGroup
		for range 4 {
			users.Go(func() {
				for {
					before := isDisabled.Load()
					_, err := w.Decrypt(t.Context(), c, &awskms.DecryptInput{CiphertextBlob: made.CiphertextBlob})
					if err != nil {
						if api.Code(err) != "DisabledException" {
							t.Errorf("Decrypt answers %v", err)
						}
						return
					}
					if before {
						t.Error("a disabled key decrypted")
						return
					}
				}
			})
		}
		do[awskms.DisableKeyOutput](t, w, c, &awskms.DisableKeyInput{KeyId: k.KeyId})
		isDisabled.Store(true)
		users.Wait()
		do[awskms.EnableKeyOutput](t, w, c, &awskms.EnableKeyInput{KeyId: k.KeyId})
	}
}

func TestRotationWaitsUntilTheKeyIsEnabled(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := admin(member)
	k := w.newKey(t, member, "")
	do[awskms.EnableKeyRotationOutput](t, w, c, &awskms.EnableKeyRotationInput{KeyId: k.KeyId})
	do[awskms.DisableKeyOutput](t, w, c, &awskms.DisableKeyInput{KeyId: k.KeyId})
	w.clock.Advance(366 * day)
	must(t, w.Sweep(t.Context()))
	rotations := func() int {
		t.Helper()
		return len(do[awskms.ListKeyRotationsOutput](t, w, c, &awskms.ListKeyRotationsInput{KeyId: k.KeyId}).Rotations)
	}
	if n := rotations(); n != 0 {
		t.Errorf("a disabled key was rotated %d times", n)
	}
	do[awskms.EnableKeyOutput](t, w, c, &awskms.EnableKeyInput{KeyId: k.KeyId})
	if n := rotations(); n != 1 {
		t.Errorf("an enabled key was rotated %d times, want 1", n)
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestBadInput(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	k := w.newKey(t, member, "")
	tag := func(key, value string) types.Tag { return types.Tag{TagKey: &key, TagValue: &value} }
	tags := func(all ...types.Tag) any { return &awskms.TagResourceInput{KeyId: k.KeyId, Tags: all} }
	var many []types.Tag
	for i := range 51 {
		many = append(many, tag(fmt.Sprint(i), ""))
	}
	for name, test := range map[string]struct {
		in   any
		code string
	}{
		"no plaintext":           {&awskms.EncryptInput{KeyId: k.KeyId}, "ValidationException"},
		"empty plaintext":        {&awskms.EncryptInput{KeyId: k.KeyId, Plaintext: []byte{}}, "ValidationException"},
		"long plaintext":         {&awskms.EncryptInput{KeyId: k.KeyId, Plaintext: make([]byte, 4097)}, "ValidationException"},
		"another algorithm":      {&awskms.EncryptInput{KeyId: k.KeyId, Plaintext: []byte("x"), EncryptionAlgorithm: types.EncryptionAlgorithmSpecRsaesOaepSha256}, "InvalidKeyUsageException"},
		"encrypt, dry":           {&awskms.EncryptInput{KeyId: k.KeyId, Plaintext: []byte("x"), DryRun: new(true)}, "DryRunOperationException"},
		"data key, dry":          {&awskms.GenerateDataKeyInput{KeyId: k.KeyId, KeySpec: types.DataKeySpecAes256, DryRun: new(true)}, "DryRunOperationException"},
		"for an enclave":         {&awskms.GenerateDataKeyInput{KeyId: k.KeyId, KeySpec: types.DataKeySpecAes256, Recipient: &types.RecipientInfo{}}, "NotImplemented"},
		"no ciphertext":          {&awskms.DecryptInput{}, "ValidationException"},
		"long ciphertext":        {&awskms.DecryptInput{CiphertextBlob: make([]byte, 6145)}, "ValidationException"},
		"short ciphertext":       {&awskms.DecryptInput{CiphertextBlob: []byte{1}}, "InvalidCiphertextException"},
		"no destination":         {&awskms.ReEncryptInput{CiphertextBlob: []byte{1}}, "ValidationException"},
		"no random bytes":        {&awskms.GenerateRandomInput{}, "ValidationException"},
		"no alias":               {&awskms.CreateAliasInput{TargetKeyId: k.KeyId}, "ValidationException"},
		"no target":              {&awskms.CreateAliasInput{AliasName: new("alias/a")}, "ValidationException"},
		"another policy":         {&awskms.GetKeyPolicyInput{KeyId: k.KeyId, PolicyName: new("other")}, "NotFoundException"},
		"no policy":              {&awskms.PutKeyPolicyInput{KeyId: k.KeyId}, "ValidationException"},
		"long policy":            {&awskms.PutKeyPolicyInput{KeyId: k.KeyId, Policy: new(strings.Repeat(" ", 32<<10+1))}, "LimitExceededException"},
		"no description":         {&awskms.UpdateKeyDescriptionInput{KeyId: k.KeyId}, "ValidationException"},
		"long description":       {&awskms.UpdateKeyDescriptionInput{KeyId: k.KeyId, Description: new(strings.Repeat("x", 8193))}, "ValidationException"},
		"reserved tag":           {tags(tag("aws:x", "")), "TagException"},
		"the same tag twice":     {tags(tag("a", "1"), tag("a", "2")), "TagException"},
		"a long tag":             {tags(tag(strings.Repeat("x", 129), "")), "ValidationException"},
		"a tag without a value":  {tags(types.Tag{TagKey: new("a")}), "ValidationException"},
		"too many tags":          {tags(many...), "LimitExceededException"},
		"no grant":               {&awskms.RevokeGrantInput{KeyId: k.KeyId}, "ValidationException"},
		"no principal to retire": {&awskms.ListRetirableGrantsInput{}, "ValidationException"},
	} {
		t.Run(name, func(t *testing.T) {
			var op *api.Operation
			for _, candidate := range w.door.Service("kms").Operations {
				if reflect.New(candidate.In).Type() == reflect.TypeOf(test.in) {
					op = &candidate
				}
			}
			if _, err := w.door.Do(t.Context(), admin(member), op, test.in); api.Code(err) != test.code {
				t.Errorf("answered %v, want %s", err, test.code)
			}
		})
	}
	if shown := do[awskms.DescribeKeyOutput](t, w, admin(member), &awskms.DescribeKeyInput{KeyId: k.KeyId}).KeyMetadata; *shown.Description != "" {
		t.Errorf("a refused request changed the key: %q", *shown.Description)
	}
}

func TestOnDemandRotationsAreLimited(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	k := w.newKey(t, member, "")
	for range 25 {
		do[awskms.RotateKeyOnDemandOutput](t, w, admin(member), &awskms.RotateKeyOnDemandInput{KeyId: k.KeyId})
	}
	refused[awskms.RotateKeyOnDemandOutput](t, w, admin(member), &awskms.RotateKeyOnDemandInput{KeyId: k.KeyId}, "LimitExceededException")
}

// TestKeysThatDoNotRotate asks all operations of rotation of keys that have none.
func TestKeysThatDoNotRotate(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := admin(member)
	for name, test := range map[string]struct {
		key      *types.KeyMetadata
		onDemand string
	}{
		"HMAC":     {w.newKeyOf(t, types.KeySpecHmac256, types.KeyUsageTypeGenerateVerifyMac), "UnsupportedOperationException"},
		"a pair":   {w.newKeyOf(t, types.KeySpecEccNistP256, types.KeyUsageTypeSignVerify), "UnsupportedOperationException"},
		"imported": {w.external(t, awskms.CreateKeyInput{}), "KMSInvalidStateException"},
	} {
		t.Run(name, func(t *testing.T) {
			k := test.key.KeyId
			refused[awskms.EnableKeyRotationOutput](t, w, c, &awskms.EnableKeyRotationInput{KeyId: k}, "UnsupportedOperationException")
			refused[awskms.DisableKeyRotationOutput](t, w, c, &awskms.DisableKeyRotationInput{KeyId: k}, "UnsupportedOperationException")
			refused[awskms.RotateKeyOnDemandOutput](t, w, c, &awskms.RotateKeyOnDemandInput{KeyId: k}, test.onDemand)
			if out := do[awskms.GetKeyRotationStatusOutput](t, w, c, &awskms.GetKeyRotationStatusInput{KeyId: k}); out.KeyRotationEnabled || out.RotationPeriodInDays != nil {
				t.Errorf("the status is %+v", out)
			}
			all := &awskms.ListKeyRotationsInput{KeyId: k}
			if got := len(do[awskms.ListKeyRotationsOutput](t, w, c, all).Rotations); got != 0 {
				t.Errorf("%d rotations", got)
			}
			if all.IncludeKeyMaterial = types.IncludeKeyMaterialAllKeyMaterial; name != "imported" {
				refused[awskms.ListKeyRotationsOutput](t, w, c, all, "UnsupportedOperationException")
			}
		})
	}
}

// TestRotationPausesWhileDeletionIsPending shows the status of rotation as false, and the setting back with the key.
func TestRotationPausesWhileDeletionIsPending(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := admin(member)
	k := w.newKey(t, member, "").KeyId
	do[awskms.EnableKeyRotationOutput](t, w, c, &awskms.EnableKeyRotationInput{KeyId: k, RotationPeriodInDays: new(int32(100))})
	rotates := func() bool {
		t.Helper()
		return do[awskms.GetKeyRotationStatusOutput](t, w, c, &awskms.GetKeyRotationStatusInput{KeyId: k}).KeyRotationEnabled
	}
	do[awskms.ScheduleKeyDeletionOutput](t, w, c, &awskms.ScheduleKeyDeletionInput{KeyId: k})
	if rotates() {
		t.Error("a key that is pending deletion rotates")
	}
	do[awskms.CancelKeyDeletionOutput](t, w, c, &awskms.CancelKeyDeletionInput{KeyId: k})
	if !rotates() {
		t.Error("a key that was kept does not rotate any more")
	}
}

// TestAliasesStayWithTheirKindOfKey moves an alias to keys of another type or usage, which is refused.
func TestAliasesStayWithTheirKindOfKey(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := admin(member)
	keys := []*string{
		w.newKey(t, member, "").KeyId,
		w.newKeyOf(t, types.KeySpecHmac256, types.KeyUsageTypeGenerateVerifyMac).KeyId,
		w.newKeyOf(t, types.KeySpecEccNistP256, types.KeyUsageTypeSignVerify).KeyId,
		w.newKeyOf(t, types.KeySpecEccNistP256, types.KeyUsageTypeKeyAgreement).KeyId,
	}
	for i, k := range keys {
		alias := fmt.Sprintf("alias/%d", i)
		do[awskms.CreateAliasOutput](t, w, c, &awskms.CreateAliasInput{AliasName: &alias, TargetKeyId: k})
		for j, other := range keys {
			if i != j {
				refused[awskms.UpdateAliasOutput](t, w, c, &awskms.UpdateAliasInput{AliasName: &alias, TargetKeyId: other}, "ValidationException")
			}
		}
	}
	signer := w.newKeyOf(t, types.KeySpecEccNistP384, types.KeyUsageTypeSignVerify).KeyId
	do[awskms.UpdateAliasOutput](t, w, c, &awskms.UpdateAliasInput{AliasName: new("alias/2"), TargetKeyId: signer})
}
