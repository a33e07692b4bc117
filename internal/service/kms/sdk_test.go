package kms_test

import (
	"bytes"
	"context"
	"errors"
	"net/http/httptest"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	awskms "github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"
	tags "github.com/aws/aws-sdk-go-v2/service/resourcegroupstaggingapi"
	"github.com/aws/smithy-go"

	"strongroom/clock"
	"strongroom/internal/api"
	"strongroom/internal/page"
	"strongroom/internal/service/tagging"
	"strongroom/internal/wire"
)

// administrators knows each account's administrator by an access key that is the account id.
type administrators struct{}

func (administrators) Lookup(_ context.Context, accessKeyID, _ string) (string, api.Caller, error) {
	return "secret", *admin(accessKeyID), nil
}

// serve answers HTTP; the function it returns makes the SDK configuration of an account's administrator.
func (w *world) serve(t *testing.T) func(account string) aws.Config {
	t.Helper()
	w.door.Register(tagging.New(tagging.Config{Providers: []tagging.Provider{w}, Pages: page.NewRandomSealer()}).API())
	server := httptest.NewServer(wire.NewHandler(wire.Config{Door: w.door, Credentials: administrators{}, Clock: w.clock, Wall: clock.Wall}))
	t.Cleanup(server.Close)
	return func(account string) aws.Config {
		return aws.Config{
			Region: region, BaseEndpoint: &server.URL, Retryer: func() aws.Retryer { return aws.NopRetryer{} },
			Credentials: credentials.NewStaticCredentialsProvider(account, "secret", ""),
		}
	}
}

// TestEveryOperationThroughTheSDK tells one story in which each operation of the table is called by a real client.
func TestEveryOperationThroughTheSDK(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx, client := t.Context(), w.serve(t)
	c := awskms.NewFromConfig(client(member))

	made, err := c.CreateKey(ctx, &awskms.CreateKeyInput{Description: new("first"), Tags: []types.Tag{{TagKey: new("team"), TagValue: new("a")}}})
	must(t, err)
	key := made.KeyMetadata.KeyId
	if !made.KeyMetadata.CreationDate.Equal(w.clock.Now()) || made.KeyMetadata.KeySpec != types.KeySpecSymmetricDefault {
		t.Errorf("created at %v with spec %s", made.KeyMetadata.CreationDate, made.KeyMetadata.KeySpec)
	}
	second, err := c.CreateKey(ctx, &awskms.CreateKeyInput{Policy: new(policyFor(member, `{"Effect":"Allow","Principal":{"AWS":"`+vault+`"},"Action":"kms:DescribeKey","Resource":"*"}`))})
	must(t, err)
	_, err = awskms.NewFromConfig(client(vault)).DescribeKey(ctx, &awskms.DescribeKeyInput{KeyId: second.KeyMetadata.Arn})
	must(t, err)

	seen := 0
	for p := awskms.NewListKeysPaginator(c, &awskms.ListKeysInput{Limit: new(int32(1))}); p.HasMorePages(); {
		out, err := p.NextPage(ctx)
		must(t, err)
		seen += len(out.Keys)
	}
	if seen != 2 {
		t.Errorf("pages of keys show %d, want 2", seen)
	}

	_, err = c.UpdateKeyDescription(ctx, &awskms.UpdateKeyDescriptionInput{KeyId: key, Description: new("once more")})
	must(t, err)
	policy, err := c.GetKeyPolicy(ctx, &awskms.GetKeyPolicyInput{KeyId: key})
	must(t, err)
	_, err = c.PutKeyPolicy(ctx, &awskms.PutKeyPolicyInput{KeyId: key, Policy: policy.Policy, PolicyName: new("default")})
	must(t, err)
	_, err = c.ListKeyPolicies(ctx, &awskms.ListKeyPoliciesInput{KeyId: key})
	must(t, err)

	_, err = c.CreateAlias(ctx, &awskms.CreateAliasInput{AliasName: new("alias/app"), TargetKeyId: second.KeyMetadata.KeyId})
	must(t, err)
	_, err = c.UpdateAlias(ctx, &awskms.UpdateAliasInput{AliasName: new("alias/app"), TargetKeyId: key})
	must(t, err)
	aliases, err := c.ListAliases(ctx, &awskms.ListAliasesInput{})
	must(t, err)
	if len(aliases.Aliases) != 1 || *aliases.Aliases[0].TargetKeyId != *key {
		t.Errorf("aliases: %v", aliases.Aliases)
	}

	ec := map[string]string{"aws:backup:backup-vault": "arn:aws:backup:eu-central-1:111111111111:backup-vault:v"}
	data, err := c.GenerateDataKey(ctx, &awskms.GenerateDataKeyInput{KeyId: new("alias/app"), KeySpec: types.DataKeySpecAes256, EncryptionContext: ec})
	must(t, err)
	opened, err := c.Decrypt(ctx, &awskms.DecryptInput{CiphertextBlob: data.CiphertextBlob, EncryptionContext: ec})
	must(t, err)
	if !bytes.Equal(opened.Plaintext, data.Plaintext) || len(opened.Plaintext) != 32 {
		t.Error("a data key opens as another one")
	}
	sealed, err := c.Encrypt(ctx, &awskms.EncryptInput{KeyId: key, Plaintext: []byte("hello")})
	must(t, err)
	moved, err := c.ReEncrypt(ctx, &awskms.ReEncryptInput{CiphertextBlob: sealed.CiphertextBlob, DestinationKeyId: second.KeyMetadata.Arn})
	must(t, err)
	if opened, err = c.Decrypt(ctx, &awskms.DecryptInput{CiphertextBlob: moved.CiphertextBlob}); err != nil || string(opened.Plaintext) != "hello" {
		t.Errorf("a re-encrypted message opens as %v, %v", opened, err)
	}
	_, err = c.GenerateDataKeyWithoutPlaintext(ctx, &awskms.GenerateDataKeyWithoutPlaintextInput{KeyId: key, NumberOfBytes: new(int32(16))})
	must(t, err)
	_, err = c.GenerateRandom(ctx, &awskms.GenerateRandomInput{NumberOfBytes: new(int32(16))})
	must(t, err)

	grant := func() *awskms.CreateGrantOutput {
		t.Helper()
		out, err := c.CreateGrant(ctx, &awskms.CreateGrantInput{
			KeyId: key, GranteePrincipal: new("arn:aws:iam::" + vault + ":role/r"), RetiringPrincipal: new("arn:aws:iam::" + member + ":role/r"),
			Operations:  []types.GrantOperation{types.GrantOperationDecrypt},
			Constraints: &types.GrantConstraints{EncryptionContextSubset: ec},
		})
		must(t, err)
		return out
	}
	retired, revoked := grant(), grant()
	listed, err := c.ListGrants(ctx, &awskms.ListGrantsInput{KeyId: key})
	must(t, err)
	if len(listed.Grants) != 2 || listed.Grants[0].Constraints.EncryptionContextSubset["aws:backup:backup-vault"] == "" {
		t.Errorf("grants: %v", listed.Grants)
	}
	retirable, err := c.ListRetirableGrants(ctx, &awskms.ListRetirableGrantsInput{RetiringPrincipal: new("arn:aws:iam::" + member + ":role/r")})
	must(t, err)
	if len(retirable.Grants) != 2 {
		t.Errorf("retirable grants: %v", retirable.Grants)
	}
	_, err = c.RetireGrant(ctx, &awskms.RetireGrantInput{GrantToken: retired.GrantToken})
	must(t, err)
	_, err = c.RevokeGrant(ctx, &awskms.RevokeGrantInput{KeyId: key, GrantId: revoked.GrantId})
	must(t, err)

	usePairs(t, c)
	useImports(t, c)
	useRegions(t, c)
	if _, err = c.GetKeyLastUsage(ctx, &awskms.GetKeyLastUsageInput{KeyId: key}); err != nil {
		t.Error(err)
	}

	_, err = c.EnableKeyRotation(ctx, &awskms.EnableKeyRotationInput{KeyId: key})
	must(t, err)
	status, err := c.GetKeyRotationStatus(ctx, &awskms.GetKeyRotationStatusInput{KeyId: key})
	must(t, err)
	if !status.KeyRotationEnabled || *status.RotationPeriodInDays != 365 {
		t.Errorf("rotation: %v", status)
	}
	_, err = c.RotateKeyOnDemand(ctx, &awskms.RotateKeyOnDemandInput{KeyId: key})
	must(t, err)
	rotations, err := c.ListKeyRotations(ctx, &awskms.ListKeyRotationsInput{KeyId: key})
	must(t, err)
	if len(rotations.Rotations) != 1 || rotations.Rotations[0].RotationType != types.RotationTypeOnDemand {
		t.Errorf("rotations: %v", rotations.Rotations)
	}
	_, err = c.DisableKeyRotation(ctx, &awskms.DisableKeyRotationInput{KeyId: key})
	must(t, err)

	_, err = c.TagResource(ctx, &awskms.TagResourceInput{KeyId: key, Tags: []types.Tag{{TagKey: new("cost"), TagValue: new("1")}}})
	must(t, err)
	_, err = c.UntagResource(ctx, &awskms.UntagResourceInput{KeyId: key, TagKeys: []string{"team"}})
	must(t, err)
	shown, err := c.ListResourceTags(ctx, &awskms.ListResourceTagsInput{KeyId: key})
	must(t, err)
	if len(shown.Tags) != 1 || *shown.Tags[0].TagValue != "1" {
		t.Errorf("tags: %v", shown.Tags)
	}

	_, err = c.DisableKey(ctx, &awskms.DisableKeyInput{KeyId: key})
	must(t, err)
	_, err = c.Decrypt(ctx, &awskms.DecryptInput{CiphertextBlob: data.CiphertextBlob, EncryptionContext: ec})
	if refusal, ok := errors.AsType[*types.DisabledException](err); !ok || refusal.ErrorMessage() != *made.KeyMetadata.Arn+" is disabled." {
		t.Errorf("a disabled key answers %v", err)
	}
	_, err = c.EnableKey(ctx, &awskms.EnableKeyInput{KeyId: key})
	must(t, err)
	_, err = c.DeleteAlias(ctx, &awskms.DeleteAliasInput{AliasName: new("alias/app")})
	must(t, err)
	gone, err := c.ScheduleKeyDeletion(ctx, &awskms.ScheduleKeyDeletionInput{KeyId: key})
	must(t, err)
	if !gone.DeletionDate.Equal(w.clock.Now().Add(30 * day)) {
		t.Errorf("deletion at %v", gone.DeletionDate)
	}
	_, err = c.CancelKeyDeletion(ctx, &awskms.CancelKeyDeletionInput{KeyId: key})
	must(t, err)
	described, err := c.DescribeKey(ctx, &awskms.DescribeKeyInput{KeyId: key})
	must(t, err)
	if described.KeyMetadata.KeyState != types.KeyStateDisabled || *described.KeyMetadata.Description != "once more" {
		t.Errorf("in the end: %v", described.KeyMetadata)
	}

	called := map[string]bool{}
	for _, r := range w.kept.all {
		called[r.Operation.Name] = true
	}
	for _, op := range w.API().Operations {
		if !called[op.Name] {
			t.Errorf("%s is not called here", op.Name)
		}
	}
}

func TestErrorsThroughTheSDK(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	client := w.serve(t)
	c := awskms.NewFromConfig(client(member))
	k := w.newKey(t, vault, "")
	for name, test := range map[string]struct {
		call func(context.Context) error
		code string
	}{
		"unknown key": {func(ctx context.Context) error {
			_, err := c.DescribeKey(ctx, &awskms.DescribeKeyInput{KeyId: new("00000000-0000-4000-8000-000000000000")})
			return err
		}, "NotFoundException"},
		"another account's key": {func(ctx context.Context) error {
			_, err := c.DescribeKey(ctx, &awskms.DescribeKeyInput{KeyId: k.Arn})
			return err
		}, "AccessDeniedException"},
		"ciphertext of no sense": {func(ctx context.Context) error {
			_, err := c.Decrypt(ctx, &awskms.DecryptInput{CiphertextBlob: []byte("rubbish")})
			return err
		}, "InvalidCiphertextException"},
		"name outside its pattern": {func(ctx context.Context) error {
			_, err := c.CreateAlias(ctx, &awskms.CreateAliasInput{AliasName: new("alias/ä"), TargetKeyId: k.Arn})
			return err
		}, "ValidationException"},
		"an operation that is not there": {func(ctx context.Context) error {
			_, err := c.DescribeCustomKeyStores(ctx, &awskms.DescribeCustomKeyStoresInput{})
			return err
		}, "NotImplemented"},
	} {
		t.Run(name, func(t *testing.T) {
			err := test.call(t.Context())
			if refusal, ok := errors.AsType[smithy.APIError](err); !ok || refusal.ErrorCode() != test.code {
				t.Errorf("answered %v, want %s", err, test.code)
			}
		})
	}
}

func TestKeysShowInTheTaggingAPI(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	client := w.serve(t)
	k, other := w.newKey(t, member, ""), w.newKey(t, vault, "")
	c := tags.NewFromConfig(client(member))
	out, err := c.TagResources(t.Context(), &tags.TagResourcesInput{ResourceARNList: []string{*k.Arn, *other.Arn}, Tags: map[string]string{"backup": "simple"}})
	must(t, err)
	if len(out.FailedResourcesMap) != 1 || out.FailedResourcesMap[*other.Arn].ErrorCode != "AccessDeniedException" {
		t.Errorf("failures: %v", out.FailedResourcesMap)
	}
	found, err := c.GetResources(t.Context(), &tags.GetResourcesInput{ResourceTypeFilters: []string{"kms:key"}})
	must(t, err)
	if len(found.ResourceTagMappingList) != 1 || *found.ResourceTagMappingList[0].ResourceARN != *k.Arn {
		t.Errorf("found: %v", found.ResourceTagMappingList)
	}
	_, err = c.UntagResources(t.Context(), &tags.UntagResourcesInput{ResourceARNList: []string{*k.Arn}, TagKeys: []string{"backup"}})
	must(t, err)
	found, err = c.GetResources(t.Context(), &tags.GetResourcesInput{})
	must(t, err)
	if len(found.ResourceTagMappingList) != 0 {
		t.Errorf("found after untagging: %v", found.ResourceTagMappingList)
	}
}
