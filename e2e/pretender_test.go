package e2e

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	kmstypes "github.com/aws/aws-sdk-go-v2/service/kms/types"
	"github.com/aws/aws-sdk-go-v2/service/organizations"
	organizationstypes "github.com/aws/aws-sdk-go-v2/service/organizations/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"strongroom/internal/strongroomtest"
)

// guard binds an account by a policy of its organization.
func guard(t *testing.T, boss *party, account string, kind organizationstypes.PolicyType, content *string) {
	t.Helper()
	root := must(boss.organizations.ListRoots(t.Context(), &organizations.ListRootsInput{}))(t, "listing roots").Roots[0]
	must(boss.organizations.EnablePolicyType(t.Context(), &organizations.EnablePolicyTypeInput{RootId: root.Id, PolicyType: kind}))(t, "enabling "+string(kind))
	made := must(boss.organizations.CreatePolicy(t.Context(), &organizations.CreatePolicyInput{
		Name: aws.String("guard-" + string(kind)), Description: aws.String(""), Type: kind, Content: content,
	}))(t, "making a policy")
	must(boss.organizations.AttachPolicy(t.Context(), &organizations.AttachPolicyInput{PolicyId: made.Policy.PolicySummary.Id, TargetId: &account}))(t, "attaching it")
}

// TestPathsThatPretend: a role whose path looks like that of a service's own is a role like others. Control policies bind
// it, and a grant on another account's key is not enough without an allow of its own account.
func TestPathsThatPretend(t *testing.T) {
	t.Parallel()
	s, ctx := strongroomtest.New(t), t.Context()
	boss, p, other := enter(t, s, management, home), enter(t, s, member, home), enter(t, s, vaulted, home)
	trust := policy(statement{"Effect": "Allow", "Principal": statement{"AWS": p.root()}, "Action": "sts:AssumeRole"})

	_, err := p.iam.CreateRole(ctx, &iam.CreateRoleInput{RoleName: aws.String("reserved"), Path: aws.String("/aws-service-role/backup.amazonaws.com/"), AssumeRolePolicyDocument: trust})
	refused(t, err, "InvalidInput", 400, "Path prefix '/aws-service-role/' can only be used for AWS Service linked Roles")

	made := must(p.iam.CreateRole(ctx, &iam.CreateRoleInput{
		RoleName: aws.String("mine"), Path: aws.String("/x:role/aws-service-role/backup.amazonaws.com/"), AssumeRolePolicyDocument: trust,
	}))(t, "making a role in a hostile path").Role
	pretender := p.assume(t, member, "x:role/aws-service-role/backup.amazonaws.com/mine")

	// A grant of another account alone.
	key := must(other.kms.CreateKey(ctx, &kms.CreateKeyInput{}))(t, "making a key").KeyMetadata.Arn
	must(other.kms.CreateGrant(ctx, &kms.CreateGrantInput{KeyId: key, GranteePrincipal: made.Arn, Operations: []kmstypes.GrantOperation{kmstypes.GrantOperationEncrypt}}))(t, "granting")
	encrypt := func() error {
		_, err := pretender.kms.Encrypt(ctx, &kms.EncryptInput{KeyId: key, Plaintext: []byte("x")})
		return err
	}
	denied(t, "encrypting by a grant alone", encrypt())
	must(p.iam.PutRolePolicy(ctx, &iam.PutRolePolicyInput{RoleName: made.RoleName, PolicyName: aws.String("all"), PolicyDocument: policy(statement{"Effect": "Allow", "Action": "*", "Resource": "*"})}))(t, "allowing everything")
	if err := encrypt(); err != nil {
		t.Errorf("by the grant and the role's own policy: %v", err)
	}

	// Control policies of both kinds.
	must(pretender.iam.ListRoles(ctx, &iam.ListRolesInput{}))(t, "listing roles before the SCP")
	guard(t, boss, member, organizationstypes.PolicyTypeServiceControlPolicy, policy(statement{"Effect": "Deny", "Action": "iam:ListRoles", "Resource": "*"}))
	_, err = pretender.iam.ListRoles(ctx, &iam.ListRolesInput{})
	denied(t, "listing roles against an SCP", err)

	must(pretender.s3.ListBuckets(ctx, &s3.ListBucketsInput{}))(t, "listing buckets")
	p.bucket(t, "bucket-of-rcp", "")
	list := func() error {
		_, err := pretender.s3.ListObjectsV2(ctx, &s3.ListObjectsV2Input{Bucket: aws.String("bucket-of-rcp")})
		return err
	}
	if err := list(); err != nil {
		t.Errorf("listing objects before the RCP: %v", err)
	}
	guard(t, boss, member, organizationstypes.PolicyTypeResourceControlPolicy, policy(statement{"Effect": "Deny", "Principal": "*", "Action": "s3:ListBucket", "Resource": "*"}))
	denied(t, "listing objects against an RCP", list())
}
