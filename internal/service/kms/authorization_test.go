package kms_test

import (
	"fmt"
	"strings"
	"testing"

	awskms "github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"strongroom/internal/api"
)

// policyFor delegates a key to its account and adds a statement.
func policyFor(account, statement string) string {
	return fmt.Sprintf(`{"Version":"2012-10-17","Statement":[
		{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::%s:root"},"Action":"kms:*","Resource":"*"},%s]}`, account, statement)
}

func TestOtherAccountsNeedTheKeyPolicy(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	closed := w.newKey(t, member, "")
	open := w.newKey(t, member, policyFor(member, `{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::`+vault+`:root"},
		"Action":["kms:Decrypt","kms:DescribeKey"],"Resource":"*","Condition":{"StringEquals":{"kms:EncryptionContext:vault":"v"}}}`))
	foreigner := admin(vault)
	ec := map[string]string{"vault": "v"}
	inOpen, inClosed := w.dataKey(t, admin(member), *open.KeyId, ec), w.dataKey(t, admin(member), *closed.KeyId, ec)

	do[awskms.DecryptOutput](t, w, foreigner, &awskms.DecryptInput{CiphertextBlob: inOpen.CiphertextBlob, EncryptionContext: ec})
	do[awskms.DecryptOutput](t, w, foreigner, &awskms.DecryptInput{CiphertextBlob: inOpen.CiphertextBlob, EncryptionContext: ec, KeyId: open.Arn})
	refused[awskms.DecryptOutput](t, w, foreigner, &awskms.DecryptInput{CiphertextBlob: inClosed.CiphertextBlob, EncryptionContext: ec}, "AccessDeniedException")
	refused[awskms.DecryptOutput](t, w, user(vault, "nobody"), &awskms.DecryptInput{CiphertextBlob: inOpen.CiphertextBlob, EncryptionContext: ec}, "AccessDeniedException")
	refused[awskms.GenerateDataKeyOutput](t, w, foreigner, &awskms.GenerateDataKeyInput{KeyId: open.Arn, KeySpec: types.DataKeySpecAes256, EncryptionContext: ec}, "AccessDeniedException")
	refused[awskms.PutKeyPolicyOutput](t, w, foreigner, &awskms.PutKeyPolicyInput{KeyId: open.Arn, Policy: new(policyFor(member, "{}"))}, "AccessDeniedException")
	refused[awskms.ScheduleKeyDeletionOutput](t, w, foreigner, &awskms.ScheduleKeyDeletionInput{KeyId: open.Arn}, "AccessDeniedException")

	// A key that is closed and one that is not there look the same from outside.
	absent := strings.Replace(*closed.Arn, *closed.KeyId, "00000000-0000-4000-8000-000000000000", 1)
	there := refused[awskms.DescribeKeyOutput](t, w, foreigner, &awskms.DescribeKeyInput{KeyId: closed.Arn}, "AccessDeniedException")
	gone := refused[awskms.DescribeKeyOutput](t, w, foreigner, &awskms.DescribeKeyInput{KeyId: &absent}, "AccessDeniedException")
	if strings.Replace(gone, absent, *closed.Arn, 1) != there {
		t.Errorf("refusals differ:\n%s\n%s", there, gone)
	}
	// A key id or an alias's name is looked for in the caller's account only.
	refused[awskms.DescribeKeyOutput](t, w, foreigner, &awskms.DescribeKeyInput{KeyId: open.KeyId}, "NotFoundException")
	if n := len(do[awskms.ListKeysOutput](t, w, foreigner, &awskms.ListKeysInput{}).Keys); n != 0 {
		t.Errorf("the other account lists %d keys", n)
	}
}

func TestKeyPolicyIsTheFirstAuthority(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	alone := role(member, "alone")
	k := w.newKey(t, member, "")
	do[awskms.PutKeyPolicyOutput](t, w, admin(member), &awskms.PutKeyPolicyInput{
		KeyId: k.KeyId, BypassPolicyLockoutSafetyCheck: true,
		Policy: new(`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":{"AWS":"` + alone.RoleARN + `"},"Action":"kms:*","Resource":"*"}}`),
	})
	// The administrator's own policies count no more: the key's policy does not delegate to the account.
	refused[awskms.DescribeKeyOutput](t, w, admin(member), &awskms.DescribeKeyInput{KeyId: k.KeyId}, "AccessDeniedException")
	do[awskms.DescribeKeyOutput](t, w, alone, &awskms.DescribeKeyInput{KeyId: k.KeyId})
	if got := do[awskms.GetKeyPolicyOutput](t, w, alone, &awskms.GetKeyPolicyInput{KeyId: k.KeyId}); !strings.Contains(*got.Policy, alone.RoleARN) {
		t.Errorf("the policy reads %s", *got.Policy)
	}
}

func TestMalformedPolicies(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := admin(member)
	k := w.newKey(t, member, "")
	ghost := "arn:aws:iam::" + vault + ":role/aws-service-role/backup.amazonaws.com/AWSServiceRoleForBackup"
	w.auth.missing[ghost] = true
	const invalid = "Policy contains a statement with one or more invalid principals."
	for name, test := range map[string]struct{ policy, message string }{
		"not JSON":              {`{`, ""},
		"no principal":          {policyFor(member, `{"Effect":"Allow","Action":"kms:*","Resource":"*"}`), ""},
		"principal not there":   {policyFor(member, `{"Effect":"Allow","Principal":{"AWS":"`+ghost+`"},"Action":"kms:CreateGrant","Resource":"*"}`), invalid},
		"principal of no sense": {policyFor(member, `{"Effect":"Allow","Principal":{"AWS":"AIDAEXAMPLE"},"Action":"kms:CreateGrant","Resource":"*"}`), invalid},
		"locks everybody out": {
			`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::` + member + `:role/r"},"Action":"kms:*","Resource":"*"}}`,
			"The new key policy will not allow you to update the key policy in the future.",
		},
	} {
		t.Run(name, func(t *testing.T) {
			got := refused[awskms.PutKeyPolicyOutput](t, w, c, &awskms.PutKeyPolicyInput{KeyId: k.KeyId, Policy: &test.policy}, "MalformedPolicyDocumentException")
			if test.message != "" && got != test.message {
				t.Errorf("message %q, want %q", got, test.message)
			}
			refused[awskms.CreateKeyOutput](t, w, c, &awskms.CreateKeyInput{Policy: &test.policy}, "MalformedPolicyDocumentException")
		})
	}
	delete(w.auth.missing, ghost)
	do[awskms.PutKeyPolicyOutput](t, w, c, &awskms.PutKeyPolicyInput{
		KeyId: k.KeyId, Policy: new(policyFor(member, `{"Effect":"Allow","Principal":{"AWS":"`+ghost+`"},"Action":"kms:CreateGrant","Resource":"*"}`)),
	})
}

func TestGrants(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c, grantee := admin(member), role(vault, "reader")
	k := w.newKey(t, member, "")
	inVault := map[string]string{"vault": "v", "more": "m"}
	made := w.dataKey(t, c, *k.KeyId, inVault)
	elsewhere := w.dataKey(t, c, *k.KeyId, map[string]string{"vault": "w"})
	// Whoever is granted something in another account still needs that account's leave.
	w.auth.allow(grantee, `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"kms:*","Resource":"*"}}`)
	decrypt := &awskms.DecryptInput{CiphertextBlob: made.CiphertextBlob, EncryptionContext: inVault}
	refused[awskms.DecryptOutput](t, w, grantee, decrypt, "AccessDeniedException")

	in := &awskms.CreateGrantInput{
		KeyId: k.KeyId, GranteePrincipal: &grantee.RoleARN, Name: new("reader"),
		Operations:  []types.GrantOperation{types.GrantOperationDecrypt, types.GrantOperationDescribeKey},
		Constraints: &types.GrantConstraints{EncryptionContextSubset: map[string]string{"vault": "v"}},
	}
	g := do[awskms.CreateGrantOutput](t, w, c, in)
	do[awskms.DecryptOutput](t, w, grantee, decrypt)
	do[awskms.DescribeKeyOutput](t, w, grantee, &awskms.DescribeKeyInput{KeyId: k.Arn})
	refused[awskms.DecryptOutput](t, w, role(vault, "other"), decrypt, "AccessDeniedException")
	refused[awskms.DecryptOutput](t, w, grantee, &awskms.DecryptInput{CiphertextBlob: elsewhere.CiphertextBlob, EncryptionContext: map[string]string{"vault": "w"}}, "AccessDeniedException")
	refused[awskms.GenerateDataKeyOutput](t, w, grantee, &awskms.GenerateDataKeyInput{KeyId: k.Arn, KeySpec: types.DataKeySpecAes256, EncryptionContext: inVault}, "AccessDeniedException")

	if again := do[awskms.CreateGrantOutput](t, w, c, in); *again.GrantId != *g.GrantId {
		t.Error("the same named request makes another grant")
	}
	wider := *in
	wider.Operations = append(wider.Operations, types.GrantOperationEncrypt)
	if other := do[awskms.CreateGrantOutput](t, w, c, &wider); *other.GrantId == *g.GrantId {
		t.Error("another request of the same name returns the old grant")
	} else {
		do[awskms.RevokeGrantOutput](t, w, c, &awskms.RevokeGrantInput{KeyId: k.KeyId, GrantId: other.GrantId})
	}
	listed := do[awskms.ListGrantsOutput](t, w, c, &awskms.ListGrantsInput{KeyId: k.KeyId}).Grants
	if len(listed) != 1 || *listed[0].GrantId != *g.GrantId || listed[0].Constraints.EncryptionContextSubset["vault"] != "v" {
		t.Errorf("listed grants: %v", listed)
	}
	do[awskms.RevokeGrantOutput](t, w, c, &awskms.RevokeGrantInput{KeyId: k.KeyId, GrantId: g.GrantId})
	refused[awskms.DecryptOutput](t, w, grantee, decrypt, "AccessDeniedException")
	refused[awskms.RevokeGrantOutput](t, w, c, &awskms.RevokeGrantInput{KeyId: k.KeyId, GrantId: g.GrantId}, "NotFoundException")
}

func TestGrantConstraintEquals(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c, grantee := admin(member), role(member, "worker")
	k := w.newKey(t, member, "")
	do[awskms.CreateGrantOutput](t, w, c, &awskms.CreateGrantInput{
		KeyId: k.KeyId, GranteePrincipal: &grantee.RoleARN, Operations: []types.GrantOperation{types.GrantOperationGenerateDataKey},
		Constraints: &types.GrantConstraints{EncryptionContextEquals: map[string]string{"a": "1", "b": "2"}},
	})
	w.dataKey(t, grantee, *k.KeyId, map[string]string{"a": "1", "b": "2"})
	for _, ec := range []map[string]string{nil, {"a": "1"}, {"a": "1", "b": "2", "c": "3"}} {
		refused[awskms.GenerateDataKeyOutput](t, w, grantee, &awskms.GenerateDataKeyInput{KeyId: k.KeyId, KeySpec: types.DataKeySpecAes256, EncryptionContext: ec}, "AccessDeniedException")
	}
}

func TestServicesUseGrants(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	k := w.newKey(t, member, "")
	service := api.ServiceCaller("backup.amazonaws.com", member, region)
	generate := &awskms.GenerateDataKeyInput{KeyId: k.Arn, KeySpec: types.DataKeySpecAes256, EncryptionContext: map[string]string{"v": "1"}}
	refused[awskms.GenerateDataKeyOutput](t, w, service, generate, "AccessDeniedException")
	for _, in := range []*awskms.CreateGrantInput{
		{KeyId: k.Arn, GranteePrincipal: new("backup.amazonaws.com")},
		{KeyId: k.Arn, GranteeServicePrincipal: new("backup.amazonaws.com")},
	} {
		in.Operations = []types.GrantOperation{types.GrantOperationGenerateDataKey}
		in.Constraints = &types.GrantConstraints{EncryptionContextSubset: map[string]string{"v": "1"}}
		g := do[awskms.CreateGrantOutput](t, w, admin(member), in)
		do[awskms.GenerateDataKeyOutput](t, w, service, generate)
		do[awskms.RevokeGrantOutput](t, w, admin(member), &awskms.RevokeGrantInput{KeyId: k.Arn, GrantId: g.GrantId})
		refused[awskms.GenerateDataKeyOutput](t, w, service, generate, "AccessDeniedException")
	}
}

func TestGrantsForServicesOnly(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	destination := role(vault, "AWSServiceRoleForBackup")
	w.auth.allow(destination, `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"kms:CreateGrant","Resource":"*"}}`)
	k := w.newKey(t, member, policyFor(member, `{"Effect":"Allow","Principal":{"AWS":"`+destination.RoleARN+`"},
		"Action":["kms:CreateGrant","kms:ListGrants","kms:RevokeGrant"],"Resource":"*","Condition":{"Bool":{"kms:GrantIsForAWSResource":"true"}}}`))
	in := &awskms.CreateGrantInput{
		KeyId: k.Arn, GranteePrincipal: &destination.RoleARN, Operations: []types.GrantOperation{types.GrantOperationDecrypt},
	}
	refused[awskms.CreateGrantOutput](t, w, destination, in, "AccessDeniedException")
	do[awskms.CreateGrantOutput](t, w, destination.Through("backup.amazonaws.com", region), in)
}

func TestGrantsMakeNoWiderGrants(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	parent := role(member, "parent")
	k := w.newKey(t, member, "")
	do[awskms.CreateGrantOutput](t, w, admin(member), &awskms.CreateGrantInput{
		KeyId: k.KeyId, GranteePrincipal: &parent.RoleARN,
		Operations:  []types.GrantOperation{types.GrantOperationCreateGrant, types.GrantOperationDecrypt},
		Constraints: &types.GrantConstraints{EncryptionContextSubset: map[string]string{"a": "1"}},
	})
	grant := func(operation types.GrantOperation, constraints *types.GrantConstraints) *awskms.CreateGrantInput {
		return &awskms.CreateGrantInput{
			KeyId: k.KeyId, GranteePrincipal: new("arn:aws:iam::" + member + ":role/child"),
			Operations: []types.GrantOperation{operation}, Constraints: constraints,
		}
	}
	narrow := &types.GrantConstraints{EncryptionContextSubset: map[string]string{"a": "1", "b": "2"}}
	do[awskms.CreateGrantOutput](t, w, parent, grant(types.GrantOperationDecrypt, narrow))
	refused[awskms.CreateGrantOutput](t, w, parent, grant(types.GrantOperationEncrypt, narrow), "AccessDeniedException")
	refused[awskms.CreateGrantOutput](t, w, parent, grant(types.GrantOperationDecrypt, nil), "AccessDeniedException")
	refused[awskms.CreateGrantOutput](t, w, parent, grant(types.GrantOperationDecrypt, &types.GrantConstraints{
		EncryptionContextSubset: map[string]string{"a": "2"},
	}), "AccessDeniedException")
}

func TestRetiringGrants(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c, retiring, self := admin(member), role(vault, "retiring"), role(member, "self")
	w.auth.allow(retiring, `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"kms:*","Resource":"*"}}`)
	k := w.newKey(t, member, "")
	in := &awskms.CreateGrantInput{
		KeyId: k.KeyId, GranteePrincipal: &self.RoleARN, RetiringPrincipal: &retiring.RoleARN,
		Operations: []types.GrantOperation{types.GrantOperationDecrypt, types.GrantOperationRetireGrant},
	}
	one, two, three := do[awskms.CreateGrantOutput](t, w, c, in), do[awskms.CreateGrantOutput](t, w, c, in), do[awskms.CreateGrantOutput](t, w, c, in)
	if got := do[awskms.ListRetirableGrantsOutput](t, w, admin(vault), &awskms.ListRetirableGrantsInput{RetiringPrincipal: &retiring.RoleARN}).Grants; len(got) != 3 || *got[0].KeyId != *k.Arn {
		t.Errorf("retirable grants: %v", got)
	}
	if got := do[awskms.ListRetirableGrantsOutput](t, w, c, &awskms.ListRetirableGrantsInput{RetiringPrincipal: &retiring.RoleARN}).Grants; len(got) != 0 {
		t.Errorf("another account sees the retirable grants %v", got)
	}
	refused[awskms.RetireGrantOutput](t, w, role(member, "other"), &awskms.RetireGrantInput{GrantToken: one.GrantToken}, "AccessDeniedException")
	do[awskms.RetireGrantOutput](t, w, retiring, &awskms.RetireGrantInput{GrantToken: one.GrantToken})
	refused[awskms.RetireGrantOutput](t, w, retiring, &awskms.RetireGrantInput{GrantToken: one.GrantToken}, "InvalidGrantTokenException")
	do[awskms.RetireGrantOutput](t, w, self, &awskms.RetireGrantInput{KeyId: k.Arn, GrantId: two.GrantId})
	made := w.dataKey(t, c, *k.KeyId, nil)
	do[awskms.DecryptOutput](t, w, self, &awskms.DecryptInput{CiphertextBlob: made.CiphertextBlob, GrantTokens: []string{*three.GrantToken}})
	refused[awskms.DecryptOutput](t, w, self, &awskms.DecryptInput{CiphertextBlob: made.CiphertextBlob, GrantTokens: []string{"rubbish"}}, "InvalidGrantTokenException")
}

func TestBadGrants(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	k := w.newKey(t, member, "")
	ghost := "arn:aws:iam::" + member + ":role/ghost"
	w.auth.missing[ghost] = true
	someone, decrypt := "arn:aws:iam::"+member+":role/r", []types.GrantOperation{types.GrantOperationDecrypt}
	for name, test := range map[string]struct {
		in   awskms.CreateGrantInput
		code string
	}{
		"no grantee":              {awskms.CreateGrantInput{Operations: decrypt}, "ValidationException"},
		"no operations":           {awskms.CreateGrantInput{GranteePrincipal: &someone}, "ValidationException"},
		"operation of other keys": {awskms.CreateGrantInput{GranteePrincipal: &someone, Operations: []types.GrantOperation{types.GrantOperationSign}}, "ValidationException"},
		"grantee not there":       {awskms.CreateGrantInput{GranteePrincipal: &ghost, Operations: decrypt}, "InvalidArnException"},
		"grantee of no sense":     {awskms.CreateGrantInput{GranteePrincipal: new("me"), Operations: decrypt}, "InvalidArnException"},
		"name":                    {awskms.CreateGrantInput{GranteePrincipal: &someone, Operations: decrypt, Name: new("a b")}, "ValidationException"},
		"dry run":                 {awskms.CreateGrantInput{GranteePrincipal: &someone, Operations: decrypt, DryRun: new(true)}, "DryRunOperationException"},
	} {
		test.in.KeyId = k.KeyId
		t.Run(name, func(t *testing.T) { refused[awskms.CreateGrantOutput](t, w, admin(member), &test.in, test.code) })
	}
	if got := do[awskms.ListGrantsOutput](t, w, admin(member), &awskms.ListGrantsInput{KeyId: k.KeyId}).Grants; len(got) != 0 {
		t.Errorf("refused requests left %v", got)
	}
}

func TestManagedKeys(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	arn, err := w.EnsureManagedKey(t.Context(), member, region, "aws/backup")
	must(t, err)
	if again, err := w.EnsureManagedKey(t.Context(), member, region, "aws/backup"); err != nil || again != arn {
		t.Errorf("a second call makes %s, %v", again, err)
	}
	c := admin(member)
	described := do[awskms.DescribeKeyOutput](t, w, c, &awskms.DescribeKeyInput{KeyId: new("alias/aws/backup")}).KeyMetadata
	if described.KeyManager != types.KeyManagerTypeAws || *described.Arn != arn {
		t.Errorf("alias/aws/backup is %s of %s", *described.Arn, described.KeyManager)
	}
	generate := &awskms.GenerateDataKeyInput{KeyId: &arn, KeySpec: types.DataKeySpecAes256}
	do[awskms.GenerateDataKeyOutput](t, w, c.Through("backup.amazonaws.com", region), generate)
	refused[awskms.GenerateDataKeyOutput](t, w, c, generate, "AccessDeniedException")
	refused[awskms.GenerateDataKeyOutput](t, w, c.Through("s3.amazonaws.com", region), generate, "AccessDeniedException")
	refused[awskms.GenerateDataKeyOutput](t, w, admin(vault).Through("backup.amazonaws.com", region), generate, "AccessDeniedException")
	refused[awskms.DisableKeyOutput](t, w, c, &awskms.DisableKeyInput{KeyId: &arn}, "AccessDeniedException")
	refused[awskms.ScheduleKeyDeletionOutput](t, w, c, &awskms.ScheduleKeyDeletionInput{KeyId: &arn}, "AccessDeniedException")
	refused[awskms.PutKeyPolicyOutput](t, w, c, &awskms.PutKeyPolicyInput{KeyId: &arn, Policy: new(policyFor(member, "{}"))}, "AccessDeniedException")
	refused[awskms.DeleteAliasOutput](t, w, c, &awskms.DeleteAliasInput{AliasName: new("alias/aws/backup")}, "InvalidAliasNameException")

	// A predefined alias makes its key at first use, for each account and Region another.
	ebs := do[awskms.DescribeKeyOutput](t, w, c, &awskms.DescribeKeyInput{KeyId: new("alias/aws/ebs")}).KeyMetadata
	other := do[awskms.DescribeKeyOutput](t, w, admin(vault), &awskms.DescribeKeyInput{KeyId: new("alias/aws/ebs")}).KeyMetadata
	if *ebs.Arn == *other.Arn {
		t.Error("two accounts share an AWS managed key")
	}
}

func TestRecordsShowTheKey(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	k := w.newKey(t, member, "")
	if made := w.kept.all[len(w.kept.all)-1]; made.Operation.Name != "CreateKey" || len(made.Resources) != 1 || made.Resources[0] != *k.Arn {
		t.Errorf("recorded %s on %v", made.Operation.Name, made.Resources)
	}
	w.dataKey(t, admin(member), *k.KeyId, nil)
	last := w.kept.all[len(w.kept.all)-1]
	if last.Operation.Name != "GenerateDataKey" || !last.Operation.ReadOnly || len(last.Resources) != 1 || last.Resources[0] != *k.Arn {
		t.Errorf("recorded %s, read-only %v, on %v", last.Operation.Name, last.Operation.ReadOnly, last.Resources)
	}
}

func BenchmarkGenerateDataKey(b *testing.B) {
	w := newWorld(b)
	k := w.newKey(b, member, "")
	c := role(member, "worker").Through("s3.amazonaws.com", region)
	for i := range 50 {
		do[awskms.CreateGrantOutput](b, w, admin(member), &awskms.CreateGrantInput{
			KeyId: k.KeyId, GranteePrincipal: &c.RoleARN, Operations: []types.GrantOperation{types.GrantOperationGenerateDataKey},
			Constraints: &types.GrantConstraints{EncryptionContextSubset: map[string]string{"aws:ebs:id": fmt.Sprint("vol-", i)}},
		})
	}
	in := &awskms.GenerateDataKeyInput{KeyId: k.Arn, KeySpec: types.DataKeySpecAes256, EncryptionContext: map[string]string{"aws:ebs:id": "vol-7"}}
	for b.Loop() {
		if _, err := w.GenerateDataKey(b.Context(), c, in); err != nil {
			b.Fatal(err)
		}
	}
}

// TestNoOperationReachesAnotherAccount calls every operation on a key of another account, which says nothing to the caller.
func TestNoOperationReachesAnotherAccount(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, r := range stateTable {
		if strings.HasSuffix(r.operation, "Alias") {
			continue // aliases are named by the account that has them
		}
		k := do[awskms.CreateKeyOutput](t, w, admin(member), &awskms.CreateKeyInput{KeySpec: r.spec, KeyUsage: r.usage, MultiRegion: new(true)}).KeyMetadata
		in := r.prepare(t, w, admin(member), k.Arn)
		if again, ok := in.(*awskms.ReEncryptInput); ok {
			again.DestinationKeyId = w.newKey(t, vault, "").KeyId
		}
		before := do[awskms.DescribeKeyOutput](t, w, admin(member), &awskms.DescribeKeyInput{KeyId: k.KeyId}).KeyMetadata
		if err := w.call(t, admin(vault), in); api.Code(err) != "AccessDeniedException" {
			t.Errorf("%s of another account's key is answered with %v", r.operation, err)
		}
		if diff := cmp.Diff(before, do[awskms.DescribeKeyOutput](t, w, admin(member), &awskms.DescribeKeyInput{KeyId: k.KeyId}).KeyMetadata, cmpopts.IgnoreUnexported(types.KeyMetadata{}, types.MultiRegionConfiguration{}, types.MultiRegionKey{})); diff != "" {
			t.Errorf("%s changed the key (-before +after):\n%s", r.operation, diff)
		}
	}
}
