package kms_test

import (
	"encoding/json"
	"fmt"
	"reflect"
	"testing"
	"time"

	awskms "github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"

	"strongroom/internal/api"
)

// condition is one condition key on one action: a call that it lets through, and one that it does not.
type condition struct {
	action     string
	operator   string // StringEquals if empty
	key, value string
	through    any
	refused    any
	by         *api.Caller // who makes the refused call, if not who makes the other
}

// TestConditionKeys gives a principal one action under one condition, for each key of
// https://docs.aws.amazon.com/kms/latest/developerguide/conditions-kms.html that an operation supplies.
func TestConditionKeys(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := admin(member)
	id := func(k *types.KeyMetadata) *string { return k.KeyId }
	k := id(w.newKey(t, member, ""))
	rsa := id(w.newKeyOf(t, types.KeySpecRsa2048, types.KeyUsageTypeSignVerify))
	decrypting := id(w.newKeyOf(t, types.KeySpecRsa2048, types.KeyUsageTypeEncryptDecrypt))
	mac := id(w.newKeyOf(t, types.KeySpecHmac256, types.KeyUsageTypeGenerateVerifyMac))
	agreeing := id(w.newKeyOf(t, types.KeySpecEccNistP256, types.KeyUsageTypeKeyAgreement))
	external := id(w.external(t, awskms.CreateKeyInput{}))
	primary := id(do[awskms.CreateKeyOutput](t, w, c, &awskms.CreateKeyInput{MultiRegion: new(true)}).KeyMetadata)
	do[awskms.ReplicateKeyOutput](t, w, c, &awskms.ReplicateKeyInput{KeyId: primary, ReplicaRegion: new(north)})
	for _, name := range []string{"alias/one", "alias/two"} {
		do[awskms.CreateAliasOutput](t, w, c, &awskms.CreateAliasInput{AliasName: &name, TargetKeyId: k})
	}
	do[awskms.CreateAliasOutput](t, w, c, &awskms.CreateAliasInput{AliasName: new("alias/mac"), TargetKeyId: mac})
	do[awskms.TagResourceOutput](t, w, c, &awskms.TagResourceInput{KeyId: k, Tags: []types.Tag{{TagKey: new("team"), TagValue: new("a")}}})
	public := do[awskms.GetPublicKeyOutput](t, w, c, &awskms.GetPublicKeyInput{KeyId: agreeing}).PublicKey
	sealed := do[awskms.EncryptOutput](t, w, c, &awskms.EncryptInput{KeyId: k, Plaintext: []byte("m")}).CiphertextBlob

	describe := func(k *string) any { return &awskms.DescribeKeyInput{KeyId: k} }
	encrypt := func(ec map[string]string) any {
		return &awskms.EncryptInput{KeyId: k, Plaintext: []byte("m"), EncryptionContext: ec}
	}
	sign := func(a types.SigningAlgorithmSpec, kind types.MessageType) any {
		return &awskms.SignInput{KeyId: rsa, Message: make([]byte, 32), SigningAlgorithm: a, MessageType: kind}
	}
	parameters := func(a types.AlgorithmSpec, spec types.WrappingKeySpec) any {
		return &awskms.GetParametersForImportInput{KeyId: external, WrappingAlgorithm: a, WrappingKeySpec: spec}
	}
	importing := func(validTo *time.Time) any {
		in := &awskms.ImportKeyMaterialInput{KeyId: external, ImportToken: []byte("t"), EncryptedKeyMaterial: []byte("m"), ValidTo: validTo}
		if validTo == nil {
			in.ExpirationModel = types.ExpirationModelTypeKeyMaterialDoesNotExpire
		}
		return in
	}
	grant := func(fill func(*awskms.CreateGrantInput)) any {
		in := &awskms.CreateGrantInput{KeyId: k, GranteePrincipal: &grantee, Operations: []types.GrantOperation{types.GrantOperationDecrypt}, DryRun: new(true)}
		fill(in)
		return in
	}
	tags := func(key, value string) []types.Tag { return []types.Tag{{TagKey: &key, TagValue: &value}} }
	pair := func(spec types.DataKeyPairSpec) any {
		return &awskms.GenerateDataKeyPairInput{KeyId: k, KeyPairSpec: spec}
	}
	none := func(*awskms.CreateGrantInput) {}
	other := "arn:aws:iam::" + member + ":role/other"
	volume := "arn:aws:ec2:" + region + ":" + member + ":volume/vol-1"
	elsewhere := policyFor(member, `{"Effect":"Allow","Principal":{"AWS":"`+member+`"},"Action":"kms:*","Resource":"*"}`)
	soon, late := w.clock.Now().Add(day), w.clock.Now().Add(10*day)

	for _, test := range []condition{
		{action: "CreateKey", key: "kms:KeySpec", value: "HMAC_256", through: &awskms.CreateKeyInput{KeySpec: types.KeySpecHmac256, KeyUsage: types.KeyUsageTypeGenerateVerifyMac}, refused: &awskms.CreateKeyInput{}},
		{action: "CreateKey", key: "kms:KeyUsage", value: "ENCRYPT_DECRYPT", through: &awskms.CreateKeyInput{}, refused: &awskms.CreateKeyInput{KeySpec: types.KeySpecHmac256, KeyUsage: types.KeyUsageTypeGenerateVerifyMac}},
		{action: "CreateKey", key: "kms:KeyOrigin", value: "EXTERNAL", through: &awskms.CreateKeyInput{Origin: types.OriginTypeExternal}, refused: &awskms.CreateKeyInput{}},
		{action: "CreateKey", operator: "Bool", key: "kms:MultiRegion", value: "false", through: &awskms.CreateKeyInput{}, refused: &awskms.CreateKeyInput{MultiRegion: new(true)}},
		{action: "CreateKey", key: "kms:MultiRegionKeyType", value: "PRIMARY", through: &awskms.CreateKeyInput{MultiRegion: new(true)}, refused: &awskms.CreateKeyInput{}},
		{action: "CreateKey", operator: "Bool", key: "kms:BypassPolicyLockoutSafetyCheck", value: "false", through: &awskms.CreateKeyInput{Policy: &elsewhere}, refused: &awskms.CreateKeyInput{BypassPolicyLockoutSafetyCheck: true}},
		{action: "CreateKey", key: "aws:RequestTag/team", value: "a", through: &awskms.CreateKeyInput{Tags: tags("team", "a")}, refused: &awskms.CreateKeyInput{Tags: tags("team", "b")}},
		{action: "PutKeyPolicy", operator: "Bool", key: "kms:BypassPolicyLockoutSafetyCheck", value: "false", through: &awskms.PutKeyPolicyInput{KeyId: k, Policy: &elsewhere}, refused: &awskms.PutKeyPolicyInput{KeyId: k, Policy: &elsewhere, BypassPolicyLockoutSafetyCheck: true}},
		{action: "DescribeKey", key: "kms:KeySpec", value: "RSA_2048", through: describe(rsa), refused: describe(k)},
		{action: "DescribeKey", key: "kms:KeyUsage", value: "SIGN_VERIFY", through: describe(rsa), refused: describe(decrypting)},
		{action: "DescribeKey", key: "kms:KeyOrigin", value: "EXTERNAL", through: describe(external), refused: describe(k)},
		{action: "DescribeKey", operator: "Bool", key: "kms:MultiRegion", value: "true", through: describe(primary), refused: describe(k)},
		{action: "DescribeKey", key: "kms:MultiRegionKeyType", value: "PRIMARY", through: describe(primary), refused: describe(k)},
		{action: "DescribeKey", operator: "ForAnyValue:StringEquals", key: "kms:ResourceAliases", value: "alias/two", through: describe(k), refused: describe(mac)},
		{action: "DescribeKey", key: "kms:RequestAlias", value: "alias/two", through: describe(new("alias/two")), refused: describe(new("alias/one"))},
		{action: "DescribeKey", key: "aws:ResourceTag/team", value: "a", through: describe(k), refused: describe(mac)},
		{action: "DescribeKey", key: "kms:CallerAccount", value: member, through: describe(k), refused: describe(new("arn:aws:kms:" + region + ":" + member + ":key/" + *k)), by: role(vault, "stranger")},
		{action: "DescribeKey", key: "kms:ViaService", value: "s3." + region + ".amazonaws.com", through: describe(k), refused: describe(k)},
		{action: "Encrypt", key: "kms:EncryptionContext:team", value: "a", through: encrypt(map[string]string{"team": "a"}), refused: encrypt(map[string]string{"team": "b"})},
		{action: "Encrypt", operator: "ForAllValues:StringEquals", key: "kms:EncryptionContextKeys", value: "team", through: encrypt(map[string]string{"team": "a"}), refused: encrypt(map[string]string{"team": "a", "x": "y"})},
		{action: "Encrypt", key: "kms:EncryptionAlgorithm", value: "RSAES_OAEP_SHA_256", through: &awskms.EncryptInput{KeyId: decrypting, Plaintext: []byte("m"), EncryptionAlgorithm: types.EncryptionAlgorithmSpecRsaesOaepSha256}, refused: &awskms.EncryptInput{KeyId: decrypting, Plaintext: []byte("m"), EncryptionAlgorithm: types.EncryptionAlgorithmSpecRsaesOaepSha1}},
		{action: "ReEncrypt*", operator: "Bool", key: "kms:ReEncryptOnSameKey", value: "true", through: &awskms.ReEncryptInput{CiphertextBlob: sealed, DestinationKeyId: k}, refused: &awskms.ReEncryptInput{CiphertextBlob: sealed, DestinationKeyId: primary}},
		{action: "GenerateDataKeyPair", operator: "StringLike", key: "kms:DataKeyPairSpec", value: "ECC*", through: pair(types.DataKeyPairSpecEccNistP256), refused: pair(types.DataKeyPairSpecRsa2048)},
		{action: "Sign", key: "kms:SigningAlgorithm", value: "RSASSA_PSS_SHA_256", through: sign(types.SigningAlgorithmSpecRsassaPssSha256, ""), refused: sign(types.SigningAlgorithmSpecRsassaPssSha384, "")},
		{action: "Sign", key: "kms:MessageType", value: "RAW", through: sign(types.SigningAlgorithmSpecRsassaPssSha256, ""), refused: sign(types.SigningAlgorithmSpecRsassaPssSha256, types.MessageTypeDigest)},
		{action: "GenerateMac", key: "kms:MacAlgorithm", value: "HMAC_SHA_256", through: &awskms.GenerateMacInput{KeyId: mac, Message: []byte("m"), MacAlgorithm: types.MacAlgorithmSpecHmacSha256}, refused: &awskms.GenerateMacInput{KeyId: mac, Message: []byte("m"), MacAlgorithm: types.MacAlgorithmSpecHmacSha512}},
		{action: "DeriveSharedSecret", key: "kms:KeyAgreementAlgorithm", value: "ECDH", through: &awskms.DeriveSharedSecretInput{KeyId: agreeing, PublicKey: public, KeyAgreementAlgorithm: types.KeyAgreementAlgorithmSpecEcdh}},
		{action: "GetParametersForImport", key: "kms:WrappingAlgorithm", value: "RSAES_OAEP_SHA_256", through: parameters(types.AlgorithmSpecRsaesOaepSha256, types.WrappingKeySpecRsa2048), refused: parameters(types.AlgorithmSpecRsaesOaepSha1, types.WrappingKeySpecRsa2048)},
		{action: "GetParametersForImport", key: "kms:WrappingKeySpec", value: "RSA_2048", through: parameters(types.AlgorithmSpecRsaesOaepSha256, types.WrappingKeySpecRsa2048), refused: parameters(types.AlgorithmSpecRsaesOaepSha256, types.WrappingKeySpecRsa3072)},
		{action: "ImportKeyMaterial", key: "kms:ExpirationModel", value: "KEY_MATERIAL_EXPIRES", through: importing(&soon), refused: importing(nil)},
		{action: "ImportKeyMaterial", operator: "DateLessThan", key: "kms:ValidTo", value: soon.Add(time.Hour).Format(time.RFC3339), through: importing(&soon), refused: importing(&late)},
		{action: "ReplicateKey", key: "kms:ReplicaRegion", value: south, through: &awskms.ReplicateKeyInput{KeyId: primary, ReplicaRegion: new(south)}, refused: &awskms.ReplicateKeyInput{KeyId: primary, ReplicaRegion: new("eu-west-1")}},
		{action: "UpdatePrimaryRegion", key: "kms:PrimaryRegion", value: north, through: &awskms.UpdatePrimaryRegionInput{KeyId: primary, PrimaryRegion: new(north)}, refused: &awskms.UpdatePrimaryRegionInput{KeyId: primary, PrimaryRegion: new(south)}},
		{action: "ScheduleKeyDeletion", operator: "NumericGreaterThan", key: "kms:ScheduleKeyDeletionPendingWindowInDays", value: "20", through: &awskms.ScheduleKeyDeletionInput{KeyId: agreeing}, refused: &awskms.ScheduleKeyDeletionInput{KeyId: k, PendingWindowInDays: new(int32(7))}},
		{action: "EnableKeyRotation", operator: "NumericLessThanEquals", key: "kms:RotationPeriodInDays", value: "365", through: &awskms.EnableKeyRotationInput{KeyId: k}, refused: &awskms.EnableKeyRotationInput{KeyId: k, RotationPeriodInDays: new(int32(400))}},
		{action: "CreateGrant", key: "kms:GranteePrincipal", value: grantee, through: grant(none), refused: grant(func(in *awskms.CreateGrantInput) { in.GranteePrincipal = &other })},
		{action: "CreateGrant", key: "kms:GranteeServicePrincipal", value: "backup.amazonaws.com", through: grant(func(in *awskms.CreateGrantInput) {
			in.GranteePrincipal, in.GranteeServicePrincipal = nil, new("backup.amazonaws.com")
		}), refused: grant(none)},
		{action: "CreateGrant", key: "kms:RetiringPrincipal", value: other, through: grant(func(in *awskms.CreateGrantInput) { in.RetiringPrincipal = &other }), refused: grant(none)},
		{action: "CreateGrant", operator: "ForAllValues:StringEquals", key: "kms:GrantOperations", value: "Decrypt", through: grant(none), refused: grant(func(in *awskms.CreateGrantInput) { in.Operations = append(in.Operations, types.GrantOperationEncrypt) })},
		{action: "CreateGrant", key: "kms:GrantConstraintType", value: "EncryptionContextSubset", through: grant(func(in *awskms.CreateGrantInput) {
			in.Constraints = &types.GrantConstraints{EncryptionContextSubset: map[string]string{"a": "b"}}
		}), refused: grant(func(in *awskms.CreateGrantInput) {
			in.Constraints = &types.GrantConstraints{EncryptionContextEquals: map[string]string{"a": "b"}}
		})},
		{action: "CreateGrant", key: "kms:GrantConstraintSourceArn", value: volume, through: grant(func(in *awskms.CreateGrantInput) {
			in.Constraints = &types.GrantConstraints{SourceArn: &volume}
		}), refused: grant(none)},
		{action: "CreateGrant", operator: "Bool", key: "kms:GrantIsForAWSResource", value: "false", through: grant(none), refused: grant(none), by: role(member, "x").Through("backup.amazonaws.com", region)},
	} {
		t.Run(test.action+"/"+test.key, func(t *testing.T) {
			if test.operator == "" {
				test.operator = "StringEquals"
			}
			may := role(member, fmt.Sprintf("may-%s-%s", test.action, test.key))
			document := fmt.Sprintf(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"kms:%s","Resource":"*","Condition":{"%s":{"%s":"%s"}}}`,
				test.action, test.operator, test.key, test.value)
			if test.key == "aws:RequestTag/team" {
				document += `,{"Effect":"Allow","Action":"kms:TagResource","Resource":"arn:aws:kms:*:*:key/*"}`
			}
			if test.action == "ReplicateKey" {
				document += `,{"Effect":"Allow","Action":"kms:CreateKey","Resource":"*"}`
			}
			w.auth.allow(may, document+"]}")
			if test.through != nil {
				by := may
				if test.key == "kms:ViaService" {
					by = may.Through("s3.amazonaws.com", region)
				}
				if err := w.call(t, by, test.through); api.Code(err) == "AccessDeniedException" {
					t.Errorf("what the condition allows is refused: %v", err)
				}
			}
			if test.refused == nil {
				return
			}
			if test.by != nil {
				test.by.ARN = may.ARN
				if test.by.AccountID != member {
					test.by = role(vault, may.ARN)
					w.auth.allow(test.by, document+"]}")
				}
				may = test.by
			}
			if err := w.call(t, may, test.refused); api.Code(err) != "AccessDeniedException" {
				t.Errorf("what the condition does not allow is answered with %v", err)
			}
		})
	}
}

// call makes a call whose answer does not matter.
func (w *world) call(t testing.TB, c *api.Caller, in any) error {
	t.Helper()
	_, err := w.door.Do(t.Context(), c, w.door.Operation("kms", api.OperationName(in)), in)
	return err
}

// TestDryRuns tries every operation that can be tried.
func TestDryRuns(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := admin(member)
	tried := map[string]bool{}
	for _, r := range stateTable {
		k := do[awskms.CreateKeyOutput](t, w, c, &awskms.CreateKeyInput{KeySpec: r.spec, KeyUsage: r.usage, MultiRegion: new(true)}).KeyMetadata.KeyId
		in := r.prepare(t, w, c, k)
		field := reflect.ValueOf(in).Elem().FieldByName("DryRun")
		if !field.IsValid() {
			continue
		}
		tried[r.operation] = true
		field.Set(reflect.ValueOf(new(true)))
		before := len(do[awskms.ListGrantsOutput](t, w, c, &awskms.ListGrantsInput{KeyId: k}).Grants)
		if err := w.call(t, c, in); api.Code(err) != "DryRunOperationException" {
			t.Errorf("%s answers a dry run with %v", r.operation, err)
		}
		if err := w.call(t, role(member, "nobody"), in); api.Code(err) != "AccessDeniedException" {
			t.Errorf("%s answers a dry run of one who may not with %v", r.operation, err)
		}
		if after := len(do[awskms.ListGrantsOutput](t, w, c, &awskms.ListGrantsInput{KeyId: k}).Grants); after != before {
			t.Errorf("%s changed the grants from %d to %d", r.operation, before, after)
		}
		field.Set(reflect.ValueOf(new(false)))
		if err := w.call(t, c, in); err != nil {
			t.Errorf("%s fails in earnest: %v", r.operation, err)
		}
	}
	for _, op := range w.API().Operations {
		if _, can := op.In.FieldByName("DryRun"); can && !tried[op.Name] {
			t.Errorf("%s can be tried and was not", op.Name)
		}
	}
	k := w.newKey(t, member, "").KeyId
	ignore := &awskms.DecryptInput{KeyId: k, DryRun: new(true), DryRunModifiers: []types.DryRunModifierType{types.DryRunModifierTypeIgnoreCiphertext}}
	refused[awskms.DecryptOutput](t, w, c, ignore, "DryRunOperationException")
	refused[awskms.DecryptOutput](t, w, role(member, "nobody"), ignore, "AccessDeniedException")
	ignore.DryRun = nil
	refused[awskms.DecryptOutput](t, w, c, ignore, "ValidationException")
}

// TestGrantsAllowEveryOperation grants each operation that grants know on a key that has it, and uses the grant.
func TestGrantsAllowEveryOperation(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := admin(member)
	covered := map[types.GrantOperation]bool{types.GrantOperationCreateGrant: true, types.GrantOperationRetireGrant: true}
	for _, r := range stateTable {
		operations := []types.GrantOperation{types.GrantOperation(r.operation)}
		if r.operation == "ReEncrypt" {
			operations = []types.GrantOperation{types.GrantOperationReEncryptFrom, types.GrantOperationReEncryptTo}
		}
		known := false
		for _, each := range types.GrantOperation("").Values() {
			known = known || each == operations[0]
		}
		if !known || covered[operations[0]] {
			continue
		}
		t.Run(r.operation, func(t *testing.T) {
			reader := role(member, "reader-"+r.operation)
			k := do[awskms.CreateKeyOutput](t, w, c, &awskms.CreateKeyInput{KeySpec: r.spec, KeyUsage: r.usage}).KeyMetadata.KeyId
			in := r.prepare(t, w, c, k)
			if again, ok := in.(*awskms.ReEncryptInput); ok {
				again.DestinationKeyId = k
			}
			if err := w.call(t, reader, in); api.Code(err) != "AccessDeniedException" {
				t.Errorf("without a grant: %v", err)
			}
			g := do[awskms.CreateGrantOutput](t, w, c, &awskms.CreateGrantInput{KeyId: k, GranteePrincipal: &reader.RoleARN, Operations: operations})
			if err := w.call(t, reader, in); err != nil {
				t.Errorf("with a grant: %v", err)
			}
			do[awskms.RevokeGrantOutput](t, w, c, &awskms.RevokeGrantInput{KeyId: k, GrantId: g.GrantId})
			source := "arn:aws:ec2:" + region + ":" + member + ":volume/vol-1"
			do[awskms.CreateGrantOutput](t, w, c, &awskms.CreateGrantInput{
				KeyId: k, GranteePrincipal: &reader.RoleARN, Operations: operations, Constraints: &types.GrantConstraints{SourceArn: &source},
			})
			if err := w.call(t, reader, in); api.Code(err) != "AccessDeniedException" {
				t.Errorf("with a grant for a resource, and for none: %v", err)
			}
			reader.SourceARN = source
			if err := w.call(t, reader, in); err != nil {
				t.Errorf("with a grant for a resource, and for it: %v", err)
			}
		})
		for _, operation := range operations {
			covered[operation] = true
		}
	}
	for _, operation := range types.GrantOperation("").Values() {
		if !covered[operation] {
			t.Errorf("%s was not granted", operation)
		}
	}
	mac := w.newKeyOf(t, types.KeySpecHmac256, types.KeyUsageTypeGenerateVerifyMac).KeyId
	for _, in := range []*awskms.CreateGrantInput{
		{Operations: []types.GrantOperation{types.GrantOperationEncrypt}},
		{Operations: []types.GrantOperation{types.GrantOperationGetPublicKey}},
		{Operations: []types.GrantOperation{types.GrantOperationGenerateMac}, Constraints: &types.GrantConstraints{EncryptionContextSubset: map[string]string{"a": "b"}}},
	} {
		in.KeyId, in.GranteePrincipal = mac, &grantee
		refused[awskms.CreateGrantOutput](t, w, c, in, "ValidationException")
	}
	refused[awskms.CreateGrantOutput](t, w, c, &awskms.CreateGrantInput{
		KeyId: mac, GranteePrincipal: &grantee, Operations: []types.GrantOperation{types.GrantOperationGenerateMac},
		Constraints: &types.GrantConstraints{SourceArn: new("vol-1")},
	}, "InvalidArnException")
}

func TestLastUsage(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := admin(member)
	k := w.newKey(t, member, "")
	ask := func() *awskms.GetKeyLastUsageOutput {
		return do[awskms.GetKeyLastUsageOutput](t, w, c, &awskms.GetKeyLastUsageInput{KeyId: k.KeyId})
	}
	if out := ask(); out.KeyLastUsage.Timestamp != nil || !out.TrackingStartDate.Equal(*k.CreationDate) {
		t.Errorf("an unused key: %+v", out)
	}
	w.clock.Advance(time.Hour)
	used := w.clock.Now()
	w.keep(t, *k.Arn, "Sign", "failed", map[string]any{"errorCode": "InvalidKeyUsageException"})
	w.keep(t, *k.Arn, "GenerateDataKey", "used", map[string]any{"requestID": "r"})
	for i := range 150 {
		w.clock.Advance(time.Second)
		w.keep(t, *k.Arn, "DescribeKey", fmt.Sprintf("seen-%03d", i), map[string]any{})
	}
	out := ask().KeyLastUsage
	if out.Operation != types.KeyLastUsageTrackingOperationGenerateDataKey || !out.Timestamp.Equal(used) || *out.CloudTrailEventId != "used" || *out.KmsRequestId != "r" {
		text, _ := json.Marshal(out)
		t.Errorf("a used key: %s", text)
	}
	w.clock.Advance(100 * day)
	if got, want := *ask().TrackingStartDate, w.clock.Now().Add(-90*day); !got.Equal(want) {
		t.Errorf("tracked since %v, want %v", got, want)
	}
}
