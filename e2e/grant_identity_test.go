package e2e

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	kmstypes "github.com/aws/aws-sdk-go-v2/service/kms/types"

	"strongroom/internal/strongroomtest"
)

// TestGrantsBelongToTheirGrantee: a grant serves the very role it was made to. One that is made anew under the same name
// neither uses nor retires it, nor makes grants under it, and can be granted the same again.
func TestGrantsBelongToTheirGrantee(t *testing.T) {
	t.Parallel()
	s, ctx := strongroomtest.New(t), t.Context()
	p, other := enter(t, s, member, home), enter(t, s, vaulted, home)
	name, role := aws.String("reader"), aws.String("arn:aws:iam::"+member+":role/reader")
	enterRole := func() *party {
		t.Helper()
		must(p.iam.CreateRole(ctx, &iam.CreateRoleInput{RoleName: name, AssumeRolePolicyDocument: policy(statement{"Effect": "Allow", "Principal": statement{"AWS": p.root()}, "Action": "sts:AssumeRole"})}))(t, "making the role")
		must(p.iam.PutRolePolicy(ctx, &iam.PutRolePolicyInput{RoleName: name, PolicyName: aws.String("keys"), PolicyDocument: policy(statement{
			"Effect": "Allow", "Action": []string{"kms:Encrypt", "kms:CreateGrant", "kms:RetireGrant"}, "Resource": "*",
		})}))(t, "allowing it the keys")
		return p.assume(t, member, "reader")
	}
	key := must(other.kms.CreateKey(ctx, &kms.CreateKeyInput{}))(t, "making a key").KeyMetadata.Arn
	grant := &kms.CreateGrantInput{
		KeyId: key, Name: aws.String("same"), GranteePrincipal: role, RetiringPrincipal: role,
		Operations: []kmstypes.GrantOperation{kmstypes.GrantOperationEncrypt, kmstypes.GrantOperationCreateGrant},
	}
	encrypt := func(p *party) error {
		_, err := p.kms.Encrypt(ctx, &kms.EncryptInput{KeyId: key, Plaintext: []byte("x")})
		return err
	}
	passOn := func(p *party) error {
		_, err := p.kms.CreateGrant(ctx, &kms.CreateGrantInput{KeyId: key, GranteePrincipal: aws.String(p.root()), Operations: []kmstypes.GrantOperation{kmstypes.GrantOperationEncrypt}})
		return err
	}

	first := enterRole()
	old := must(other.kms.CreateGrant(ctx, grant))(t, "granting")
	if err := encrypt(first); err != nil {
		t.Errorf("encrypting by the grant: %v", err)
	}
	if err := passOn(first); err != nil {
		t.Errorf("passing the grant on: %v", err)
	}
	must(p.iam.DeleteRolePolicy(ctx, &iam.DeleteRolePolicyInput{RoleName: name, PolicyName: aws.String("keys")}))(t, "emptying the role")
	must(p.iam.DeleteRole(ctx, &iam.DeleteRoleInput{RoleName: name}))(t, "deleting the role")

	second := enterRole()
	denied(t, "encrypting by another's grant", encrypt(second))
	denied(t, "passing another's grant on", passOn(second))
	retire := &kms.RetireGrantInput{KeyId: key, GrantId: old.GrantId}
	_, err := second.kms.RetireGrant(ctx, retire)
	denied(t, "retiring another's grant", err)

	again := must(other.kms.CreateGrant(ctx, grant))(t, "granting again")
	if *again.GrantId == *old.GrantId {
		t.Error("the same request for another role returns the old grant")
	}
	if err := encrypt(second); err != nil {
		t.Errorf("encrypting by the own grant: %v", err)
	}
	retire.GrantId = again.GrantId
	must(second.kms.RetireGrant(ctx, retire))(t, "retiring the own grant")
}
