package kms_test

import (
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	awskms "github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"

	"strongroom/internal/api"
)

// useRegions calls the operations of multi-Region keys as a client does.
func useRegions(t *testing.T, c *awskms.Client) {
	t.Helper()
	ctx := t.Context()
	made, err := c.CreateKey(ctx, &awskms.CreateKeyInput{MultiRegion: new(true)})
	must(t, err)
	replicated, err := c.ReplicateKey(ctx, &awskms.ReplicateKeyInput{
		KeyId: made.KeyMetadata.KeyId, ReplicaRegion: new(north), Tags: []types.Tag{{TagKey: new("a"), TagValue: new("b")}},
	})
	must(t, err)
	if len(replicated.ReplicaTags) != 1 || *replicated.ReplicaKeyMetadata.KeyId != *made.KeyMetadata.KeyId {
		t.Errorf("replicated: %+v", replicated)
	}
	sealed, err := c.Encrypt(ctx, &awskms.EncryptInput{KeyId: made.KeyMetadata.Arn, Plaintext: []byte("m")})
	must(t, err)
	opened, err := c.Decrypt(ctx, &awskms.DecryptInput{CiphertextBlob: sealed.CiphertextBlob}, func(o *awskms.Options) { o.Region = north })
	must(t, err)
	if string(opened.Plaintext) != "m" || *opened.KeyId != *replicated.ReplicaKeyMetadata.Arn {
		t.Errorf("opened %q under %s", opened.Plaintext, aws.ToString(opened.KeyId))
	}
	_, err = c.UpdatePrimaryRegion(ctx, &awskms.UpdatePrimaryRegionInput{KeyId: made.KeyMetadata.KeyId, PrimaryRegion: new(north)})
	must(t, err)
}

const south = "eu-south-1"

func regions(k *types.KeyMetadata) (primary string, replicas []string) {
	for _, r := range k.MultiRegionConfiguration.ReplicaKeys {
		replicas = append(replicas, *r.Region)
	}
	return *k.MultiRegionConfiguration.PrimaryKey.Region, replicas
}

func TestMultiRegionKeys(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	here := admin(member)
	there := here.In(north)
	k := do[awskms.CreateKeyOutput](t, w, here, &awskms.CreateKeyInput{MultiRegion: new(true), Description: new("first")}).KeyMetadata
	if !strings.HasPrefix(*k.KeyId, "mrk-") || len(*k.KeyId) != 36 || !*k.MultiRegion || k.MultiRegionConfiguration.MultiRegionKeyType != types.MultiRegionKeyTypePrimary {
		t.Fatalf("made %+v", k)
	}
	replicate := &awskms.ReplicateKeyInput{KeyId: k.KeyId, ReplicaRegion: new(north), Description: new("second")}
	before := do[awskms.EncryptOutput](t, w, here, &awskms.EncryptInput{KeyId: k.KeyId, Plaintext: []byte("m")}).CiphertextBlob
	refused[awskms.DecryptOutput](t, w, there, &awskms.DecryptInput{CiphertextBlob: before}, "AccessDeniedException")
	replica := do[awskms.ReplicateKeyOutput](t, w, here, replicate).ReplicaKeyMetadata
	if want := strings.Replace(*k.Arn, region, north, 1); *replica.Arn != want || *replica.Description != "second" {
		t.Errorf("replicated as %s, want %s", *replica.Arn, want)
	}
	refused[awskms.ReplicateKeyOutput](t, w, here, replicate, "AlreadyExistsException")
	for name, bad := range map[string]struct {
		c    *api.Caller
		in   *awskms.ReplicateKeyInput
		code string
	}{
		"into its own Region":     {here, &awskms.ReplicateKeyInput{KeyId: k.KeyId, ReplicaRegion: new(region)}, "ValidationException"},
		"a replica":               {there, &awskms.ReplicateKeyInput{KeyId: k.KeyId, ReplicaRegion: new(south)}, "UnsupportedOperationException"},
		"a key of one Region":     {here, &awskms.ReplicateKeyInput{KeyId: w.newKey(t, member, "").KeyId, ReplicaRegion: new(south)}, "UnsupportedOperationException"},
		"another account's key":   {admin(vault), &awskms.ReplicateKeyInput{KeyId: k.Arn, ReplicaRegion: new(south)}, "AccessDeniedException"},
		"with a malformed policy": {here, &awskms.ReplicateKeyInput{KeyId: k.KeyId, ReplicaRegion: new(south), Policy: new("{}")}, "MalformedPolicyDocumentException"},
	} {
		t.Run(name, func(t *testing.T) { refused[awskms.ReplicateKeyOutput](t, w, bad.c, bad.in, bad.code) })
	}

	// Each opens what the other sealed, also after rotations, which are the primary's.
	refused[awskms.RotateKeyOnDemandOutput](t, w, there, &awskms.RotateKeyOnDemandInput{KeyId: k.KeyId}, "UnsupportedOperationException")
	refused[awskms.EnableKeyRotationOutput](t, w, there, &awskms.EnableKeyRotationInput{KeyId: k.KeyId}, "UnsupportedOperationException")
	do[awskms.RotateKeyOnDemandOutput](t, w, here, &awskms.RotateKeyOnDemandInput{KeyId: k.KeyId})
	do[awskms.EnableKeyRotationOutput](t, w, here, &awskms.EnableKeyRotationInput{KeyId: k.KeyId, RotationPeriodInDays: new(int32(90))})
	if out := do[awskms.GetKeyRotationStatusOutput](t, w, there, &awskms.GetKeyRotationStatusInput{KeyId: k.KeyId}); !out.KeyRotationEnabled || *out.RotationPeriodInDays != 90 {
		t.Errorf("the replica's rotation: %+v", out)
	}
	exchange := func() {
		t.Helper()
		for _, pair := range [][2]*api.Caller{{here, there}, {there, here}} {
			sealed := do[awskms.EncryptOutput](t, w, pair[0], &awskms.EncryptInput{KeyId: k.KeyId, Plaintext: []byte("m")}).CiphertextBlob
			if out := do[awskms.DecryptOutput](t, w, pair[1], &awskms.DecryptInput{CiphertextBlob: sealed}); string(out.Plaintext) != "m" {
				t.Errorf("opened %q", out.Plaintext)
			}
		}
		do[awskms.DecryptOutput](t, w, there, &awskms.DecryptInput{CiphertextBlob: before})
	}
	exchange()
	w.clock.Advance(91 * day)
	exchange()
	if got := len(do[awskms.ListKeyRotationsOutput](t, w, there, &awskms.ListKeyRotationsInput{KeyId: k.KeyId}).Rotations); got != 2 {
		t.Errorf("the replica shows %d rotations, want 2", got)
	}

	// Their states, policies, aliases and grants are their own.
	do[awskms.CreateAliasOutput](t, w, there, &awskms.CreateAliasInput{AliasName: new("alias/north"), TargetKeyId: k.KeyId})
	refused[awskms.DescribeKeyOutput](t, w, here, &awskms.DescribeKeyInput{KeyId: new("alias/north")}, "NotFoundException")
	do[awskms.CreateGrantOutput](t, w, there, &awskms.CreateGrantInput{
		KeyId: k.KeyId, GranteePrincipal: new("arn:aws:iam::" + member + ":role/r"), Operations: []types.GrantOperation{types.GrantOperationDecrypt},
	})
	if got := len(do[awskms.ListGrantsOutput](t, w, here, &awskms.ListGrantsInput{KeyId: k.KeyId}).Grants); got != 0 {
		t.Errorf("the primary has %d grants of its replica", got)
	}
	do[awskms.DisableKeyOutput](t, w, here, &awskms.DisableKeyInput{KeyId: k.KeyId})
	do[awskms.DecryptOutput](t, w, there, &awskms.DecryptInput{CiphertextBlob: before})
	refused[awskms.DecryptOutput](t, w, here, &awskms.DecryptInput{CiphertextBlob: before}, "DisabledException")
	do[awskms.EnableKeyOutput](t, w, here, &awskms.EnableKeyInput{KeyId: k.KeyId})

	// The primary moves, and its rotation with it.
	update := &awskms.UpdatePrimaryRegionInput{KeyId: k.KeyId, PrimaryRegion: new(north)}
	refused[awskms.UpdatePrimaryRegionOutput](t, w, there, &awskms.UpdatePrimaryRegionInput{KeyId: k.KeyId, PrimaryRegion: new(region)}, "UnsupportedOperationException")
	refused[awskms.UpdatePrimaryRegionOutput](t, w, here, &awskms.UpdatePrimaryRegionInput{KeyId: k.KeyId, PrimaryRegion: new(south)}, "NotFoundException")
	do[awskms.UpdatePrimaryRegionOutput](t, w, here, update)
	shown := do[awskms.DescribeKeyOutput](t, w, here, &awskms.DescribeKeyInput{KeyId: k.KeyId}).KeyMetadata
	if primary, replicas := regions(shown); primary != north || len(replicas) != 1 || replicas[0] != region || shown.MultiRegionConfiguration.MultiRegionKeyType != types.MultiRegionKeyTypeReplica {
		t.Errorf("after the move: %+v", shown.MultiRegionConfiguration)
	}
	refused[awskms.DisableKeyRotationOutput](t, w, here, &awskms.DisableKeyRotationInput{KeyId: k.KeyId}, "UnsupportedOperationException")
	do[awskms.DisableKeyRotationOutput](t, w, there, &awskms.DisableKeyRotationInput{KeyId: k.KeyId})
	exchange()
}

// TestPrimariesWaitForTheirReplicas deletes a primary, which goes only after its replica went.
func TestPrimariesWaitForTheirReplicas(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	here := admin(member)
	there := here.In(north)
	k := do[awskms.CreateKeyOutput](t, w, here, &awskms.CreateKeyInput{MultiRegion: new(true)}).KeyMetadata
	do[awskms.ReplicateKeyOutput](t, w, here, &awskms.ReplicateKeyInput{KeyId: k.KeyId, ReplicaRegion: new(north)})
	schedule := &awskms.ScheduleKeyDeletionInput{KeyId: k.KeyId, PendingWindowInDays: new(int32(7))}
	out := do[awskms.ScheduleKeyDeletionOutput](t, w, here, schedule)
	if out.KeyState != types.KeyStatePendingReplicaDeletion || out.DeletionDate != nil || *out.PendingWindowInDays != 7 {
		t.Fatalf("scheduled: %+v", out)
	}
	describe := &awskms.DescribeKeyInput{KeyId: k.KeyId}
	if shown := do[awskms.DescribeKeyOutput](t, w, here, describe).KeyMetadata; *shown.PendingDeletionWindowInDays != 7 || shown.DeletionDate != nil {
		t.Errorf("described: %+v", shown)
	}
	refused[awskms.EncryptOutput](t, w, here, &awskms.EncryptInput{KeyId: k.KeyId, Plaintext: []byte("m")}, "KMSInvalidStateException")
	do[awskms.CancelKeyDeletionOutput](t, w, here, &awskms.CancelKeyDeletionInput{KeyId: k.KeyId})
	if got := w.stateOf(t, here, *k.KeyId); got != types.KeyStateDisabled {
		t.Errorf("after the cancellation the primary is %s", got)
	}
	do[awskms.ScheduleKeyDeletionOutput](t, w, here, schedule)
	w.clock.Advance(100 * day)
	if got := w.stateOf(t, here, *k.KeyId); got != types.KeyStatePendingReplicaDeletion {
		t.Errorf("with a replica the primary is %s", got)
	}
	do[awskms.ScheduleKeyDeletionOutput](t, w, there, schedule)
	w.clock.Advance(7 * day)
	if got := w.stateOf(t, here, *k.KeyId); got != types.KeyStatePendingDeletion {
		t.Errorf("without a replica the primary is %s", got)
	}
	refused[awskms.DescribeKeyOutput](t, w, there, describe, "NotFoundException")
	w.clock.Advance(7 * day)
	must(t, w.Sweep(t.Context()))
	refused[awskms.DescribeKeyOutput](t, w, here, describe, "NotFoundException")
}

// TestReplicasOfImportedKeys imports one material into both Regions.
func TestReplicasOfImportedKeys(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	here := admin(member)
	there := here.In(north)
	k := w.external(t, awskms.CreateKeyInput{MultiRegion: new(true)})
	oaep := types.AlgorithmSpecRsaesOaepSha256
	first, second := random(32), random(32)
	do[awskms.ImportKeyMaterialOutput](t, w, here, w.importing(t, here, *k.KeyId, oaep, first))
	replica := do[awskms.ReplicateKeyOutput](t, w, here, &awskms.ReplicateKeyInput{KeyId: k.KeyId, ReplicaRegion: new(north)}).ReplicaKeyMetadata
	if replica.KeyState != types.KeyStatePendingImport {
		t.Errorf("the replica is %s", replica.KeyState)
	}
	refused[awskms.ImportKeyMaterialOutput](t, w, there, w.importing(t, there, *k.KeyId, oaep, second), "IncorrectKeyMaterialException")
	elsewhere := w.importing(t, here, *k.KeyId, oaep, first)
	refused[awskms.ImportKeyMaterialOutput](t, w, there, elsewhere, "InvalidImportTokenException")
	do[awskms.ImportKeyMaterialOutput](t, w, there, w.importing(t, there, *k.KeyId, oaep, first))
	sealed := do[awskms.EncryptOutput](t, w, here, &awskms.EncryptInput{KeyId: k.KeyId, Plaintext: []byte("m")}).CiphertextBlob
	do[awskms.DecryptOutput](t, w, there, &awskms.DecryptInput{CiphertextBlob: sealed})

	in := w.importing(t, here, *k.KeyId, oaep, second)
	in.ImportType = types.ImportTypeNewKeyMaterial
	do[awskms.ImportKeyMaterialOutput](t, w, here, in)
	pending := func() types.KeyMaterialState {
		t.Helper()
		all := do[awskms.ListKeyRotationsOutput](t, w, here, &awskms.ListKeyRotationsInput{KeyId: k.KeyId, IncludeKeyMaterial: types.IncludeKeyMaterialAllKeyMaterial})
		return all.Rotations[1].KeyMaterialState
	}
	if got := pending(); got != types.KeyMaterialStatePendingMultiRegionImportAndRotation {
		t.Errorf("the new material is %s", got)
	}
	rotate := &awskms.RotateKeyOnDemandInput{KeyId: k.KeyId}
	refused[awskms.RotateKeyOnDemandOutput](t, w, here, rotate, "KMSInvalidStateException")
	do[awskms.ImportKeyMaterialOutput](t, w, there, w.importing(t, there, *k.KeyId, oaep, second))
	if got := pending(); got != types.KeyMaterialStatePendingRotation {
		t.Errorf("the new material is %s", got)
	}
	do[awskms.RotateKeyOnDemandOutput](t, w, here, rotate)
	sealed = do[awskms.EncryptOutput](t, w, there, &awskms.EncryptInput{KeyId: k.KeyId, Plaintext: []byte("n")}).CiphertextBlob
	if out := do[awskms.DecryptOutput](t, w, here, &awskms.DecryptInput{CiphertextBlob: sealed}); string(out.Plaintext) != "n" {
		t.Errorf("opened %q", out.Plaintext)
	}
}
