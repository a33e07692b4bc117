package iam_test

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"

	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go"
	"github.com/google/go-cmp/cmp"

	iamservice "strongroom/internal/service/iam"
	"strongroom/internal/service/iam/iamtest"
)

const (
	allowAll    = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}`
	allowRead   = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["iam:Get*","iam:List*"],"Resource":"*"}]}`
	trustBackup = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"backup.amazonaws.com"},"Action":"sts:AssumeRole"}]}`
)

// p points at a value, as the SDK's fields want it.
func p[T any](v T) *T { return &v }

// must returns the output of a call that must succeed.
func must[T any](t *testing.T) func(out T, err error) T {
	return func(out T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
}

// code is an error's AWS code, with the HTTP status that came with it.
func code(err error) string {
	var refusal smithy.APIError
	if !errors.As(err, &refusal) {
		return fmt.Sprint(err)
	}
	var response *awshttp.ResponseError
	if errors.As(err, &response) {
		return fmt.Sprintf("%s %d", refusal.ErrorCode(), response.HTTPStatusCode())
	}
	return refusal.ErrorCode()
}

func message(err error) string {
	var refusal smithy.APIError
	if errors.As(err, &refusal) {
		return refusal.ErrorMessage()
	}
	return fmt.Sprint(err)
}

func TestRoles(t *testing.T) {
	t.Parallel()
	h := iamtest.New(t)
	c, ctx := h.IAMClient(iamtest.Member), t.Context()

	created := must[*iam.CreateRoleOutput](t)(c.CreateRole(ctx, &iam.CreateRoleInput{
		RoleName: p("backup"), Path: p("/service-role/"), AssumeRolePolicyDocument: p(trustBackup), Description: p("copies"),
		MaxSessionDuration: p(int32(7200)), Tags: []types.Tag{{Key: p("team"), Value: p("blue")}},
		PermissionsBoundary: p(iamservice.AdministratorAccess),
	})).Role
	if want := "arn:aws:iam::111111111111:role/service-role/backup"; *created.Arn != want {
		t.Errorf("created %s, want %s", *created.Arn, want)
	}
	if !strings.HasPrefix(*created.RoleId, "AROA") || len(*created.RoleId) != 21 {
		t.Errorf("role id %s", *created.RoleId)
	}
	got := must[*iam.GetRoleOutput](t)(c.GetRole(ctx, &iam.GetRoleInput{RoleName: p("backup")})).Role
	if trust, _ := url.QueryUnescape(*got.AssumeRolePolicyDocument); trust != trustBackup {
		t.Errorf("trust policy reads %s", trust)
	}
	if *got.MaxSessionDuration != 7200 || *got.Description != "copies" || *got.Tags[0].Value != "blue" || *got.PermissionsBoundary.PermissionsBoundaryArn != iamservice.AdministratorAccess {
		t.Errorf("role reads %+v", got)
	}

	must[*iam.UpdateRoleOutput](t)(c.UpdateRole(ctx, &iam.UpdateRoleInput{RoleName: p("backup"), Description: p("restores"), MaxSessionDuration: p(int32(3600))}))
	must[*iam.UpdateRoleDescriptionOutput](t)(c.UpdateRoleDescription(ctx, &iam.UpdateRoleDescriptionInput{RoleName: p("backup"), Description: p("both")}))
	trusted := strings.ReplaceAll(trustBackup, "backup.amazonaws.com", "ec2.amazonaws.com")
	must[*iam.UpdateAssumeRolePolicyOutput](t)(c.UpdateAssumeRolePolicy(ctx, &iam.UpdateAssumeRolePolicyInput{RoleName: p("backup"), PolicyDocument: &trusted}))
	must[*iam.DeleteRolePermissionsBoundaryOutput](t)(c.DeleteRolePermissionsBoundary(ctx, &iam.DeleteRolePermissionsBoundaryInput{RoleName: p("backup")}))
	must[*iam.TagRoleOutput](t)(c.TagRole(ctx, &iam.TagRoleInput{RoleName: p("backup"), Tags: []types.Tag{{Key: p("a"), Value: p("1")}, {Key: p("team"), Value: p("red")}}}))
	must[*iam.UntagRoleOutput](t)(c.UntagRole(ctx, &iam.UntagRoleInput{RoleName: p("backup"), TagKeys: []string{"a"}}))
	tags := must[*iam.ListRoleTagsOutput](t)(c.ListRoleTags(ctx, &iam.ListRoleTagsInput{RoleName: p("backup")})).Tags
	if len(tags) != 1 || *tags[0].Value != "red" {
		t.Errorf("tags are %+v", tags)
	}
	got = must[*iam.GetRoleOutput](t)(c.GetRole(ctx, &iam.GetRoleInput{RoleName: p("backup")})).Role
	if trust, _ := url.QueryUnescape(*got.AssumeRolePolicyDocument); trust != trusted || *got.Description != "both" || *got.MaxSessionDuration != 3600 || got.PermissionsBoundary != nil {
		t.Errorf("changed role reads %+v", got)
	}
	must[*iam.PutRolePermissionsBoundaryOutput](t)(c.PutRolePermissionsBoundary(ctx, &iam.PutRolePermissionsBoundaryInput{RoleName: p("backup"), PermissionsBoundary: p(iamservice.AdministratorAccess)}))

	forBackup := "arn:aws:iam::aws:policy/service-role/AWSBackupServiceRolePolicyForBackup"
	must[*iam.AttachRolePolicyOutput](t)(c.AttachRolePolicy(ctx, &iam.AttachRolePolicyInput{RoleName: p("backup"), PolicyArn: &forBackup}))
	must[*iam.PutRolePolicyOutput](t)(c.PutRolePolicy(ctx, &iam.PutRolePolicyInput{RoleName: p("backup"), PolicyName: p("inline"), PolicyDocument: p(allowRead)}))
	attached := must[*iam.ListAttachedRolePoliciesOutput](t)(c.ListAttachedRolePolicies(ctx, &iam.ListAttachedRolePoliciesInput{RoleName: p("backup")})).AttachedPolicies
	if len(attached) != 1 || *attached[0].PolicyName != "AWSBackupServiceRolePolicyForBackup" {
		t.Errorf("attached: %+v", attached)
	}
	inline := must[*iam.GetRolePolicyOutput](t)(c.GetRolePolicy(ctx, &iam.GetRolePolicyInput{RoleName: p("backup"), PolicyName: p("inline")}))
	if document, _ := url.QueryUnescape(*inline.PolicyDocument); document != allowRead {
		t.Errorf("the inline policy reads %s", document)
	}
	names := must[*iam.ListRolePoliciesOutput](t)(c.ListRolePolicies(ctx, &iam.ListRolePoliciesInput{RoleName: p("backup")})).PolicyNames
	if diff := cmp.Diff([]string{"inline"}, names); diff != "" {
		t.Error(diff)
	}

	_, err := c.DeleteRole(ctx, &iam.DeleteRoleInput{RoleName: p("backup")})
	if want := "DeleteConflict 409"; code(err) != want || message(err) != "Cannot delete entity, must detach all policies first." {
		t.Errorf("deleting a role with policies: %v", err)
	}
	must[*iam.DetachRolePolicyOutput](t)(c.DetachRolePolicy(ctx, &iam.DetachRolePolicyInput{RoleName: p("backup"), PolicyArn: &forBackup}))
	if _, err = c.DeleteRole(ctx, &iam.DeleteRoleInput{RoleName: p("backup")}); code(err) != "DeleteConflict 409" {
		t.Errorf("deleting a role with an inline policy: %v", err)
	}
	must[*iam.DeleteRolePolicyOutput](t)(c.DeleteRolePolicy(ctx, &iam.DeleteRolePolicyInput{RoleName: p("backup"), PolicyName: p("inline")}))
	if profiles := must[*iam.ListInstanceProfilesForRoleOutput](t)(c.ListInstanceProfilesForRole(ctx, &iam.ListInstanceProfilesForRoleInput{RoleName: p("backup")})).InstanceProfiles; len(profiles) != 0 {
		t.Errorf("instance profiles: %+v", profiles)
	}
	must[*iam.DeleteRoleOutput](t)(c.DeleteRole(ctx, &iam.DeleteRoleInput{RoleName: p("backup")}))
	_, err = c.GetRole(ctx, &iam.GetRoleInput{RoleName: p("backup")})
	if code(err) != "NoSuchEntity 404" || message(err) != "The role with name backup cannot be found." {
		t.Errorf("getting a deleted role: %v", err)
	}
}

func TestUsersAndGroups(t *testing.T) {
	t.Parallel()
	h := iamtest.New(t)
	c, ctx := h.IAMClient(iamtest.Member), t.Context()

	user := must[*iam.CreateUserOutput](t)(c.CreateUser(ctx, &iam.CreateUserInput{UserName: p("ann"), Path: p("/ops/"), Tags: []types.Tag{{Key: p("k"), Value: p("v")}}})).User
	if *user.Arn != "arn:aws:iam::111111111111:user/ops/ann" || !strings.HasPrefix(*user.UserId, "AIDA") {
		t.Errorf("created %+v", user)
	}
	must[*iam.TagUserOutput](t)(c.TagUser(ctx, &iam.TagUserInput{UserName: p("ann"), Tags: []types.Tag{{Key: p("x"), Value: p("y")}}}))
	must[*iam.UntagUserOutput](t)(c.UntagUser(ctx, &iam.UntagUserInput{UserName: p("ann"), TagKeys: []string{"k"}}))
	if tags := must[*iam.ListUserTagsOutput](t)(c.ListUserTags(ctx, &iam.ListUserTagsInput{UserName: p("ann")})).Tags; len(tags) != 1 || *tags[0].Key != "x" {
		t.Errorf("tags are %+v", tags)
	}
	must[*iam.PutUserPermissionsBoundaryOutput](t)(c.PutUserPermissionsBoundary(ctx, &iam.PutUserPermissionsBoundaryInput{UserName: p("ann"), PermissionsBoundary: p(iamservice.AdministratorAccess)}))
	must[*iam.DeleteUserPermissionsBoundaryOutput](t)(c.DeleteUserPermissionsBoundary(ctx, &iam.DeleteUserPermissionsBoundaryInput{UserName: p("ann")}))
	must[*iam.AttachUserPolicyOutput](t)(c.AttachUserPolicy(ctx, &iam.AttachUserPolicyInput{UserName: p("ann"), PolicyArn: p(iamservice.AdministratorAccess)}))
	if attached := must[*iam.ListAttachedUserPoliciesOutput](t)(c.ListAttachedUserPolicies(ctx, &iam.ListAttachedUserPoliciesInput{UserName: p("ann")})).AttachedPolicies; len(attached) != 1 {
		t.Errorf("attached: %+v", attached)
	}
	must[*iam.DetachUserPolicyOutput](t)(c.DetachUserPolicy(ctx, &iam.DetachUserPolicyInput{UserName: p("ann"), PolicyArn: p(iamservice.AdministratorAccess)}))
	must[*iam.PutUserPolicyOutput](t)(c.PutUserPolicy(ctx, &iam.PutUserPolicyInput{UserName: p("ann"), PolicyName: p("p"), PolicyDocument: p(allowRead)}))
	must[*iam.GetUserPolicyOutput](t)(c.GetUserPolicy(ctx, &iam.GetUserPolicyInput{UserName: p("ann"), PolicyName: p("p")}))
	if names := must[*iam.ListUserPoliciesOutput](t)(c.ListUserPolicies(ctx, &iam.ListUserPoliciesInput{UserName: p("ann")})).PolicyNames; len(names) != 1 {
		t.Errorf("policies: %v", names)
	}

	key := must[*iam.CreateAccessKeyOutput](t)(c.CreateAccessKey(ctx, &iam.CreateAccessKeyInput{UserName: p("ann")})).AccessKey
	if account, _ := iamservice.KeyAccount(*key.AccessKeyId); account != iamtest.Member || len(*key.AccessKeyId) != 20 || len(*key.SecretAccessKey) != 40 {
		t.Errorf("key %s of account %s", *key.AccessKeyId, account)
	}
	ann := iam.NewFromConfig(h.With(*key.AccessKeyId, *key.SecretAccessKey, ""))
	if self := must[*iam.GetUserOutput](t)(ann.GetUser(ctx, &iam.GetUserInput{})).User; *self.UserName != "ann" {
		t.Errorf("ann is told to be %s", *self.UserName)
	}
	must[*iam.UpdateAccessKeyOutput](t)(c.UpdateAccessKey(ctx, &iam.UpdateAccessKeyInput{UserName: p("ann"), AccessKeyId: key.AccessKeyId, Status: types.StatusTypeInactive}))
	if _, err := ann.GetUser(ctx, &iam.GetUserInput{}); code(err) != "InvalidClientTokenId 403" {
		t.Errorf("calling with an inactive key: %v", err)
	}
	must[*iam.CreateAccessKeyOutput](t)(c.CreateAccessKey(ctx, &iam.CreateAccessKeyInput{UserName: p("ann")}))
	if _, err := c.CreateAccessKey(ctx, &iam.CreateAccessKeyInput{UserName: p("ann")}); code(err) != "LimitExceeded 409" {
		t.Errorf("a third key: %v", err)
	}
	for _, k := range must[*iam.ListAccessKeysOutput](t)(c.ListAccessKeys(ctx, &iam.ListAccessKeysInput{UserName: p("ann")})).AccessKeyMetadata {
		must[*iam.DeleteAccessKeyOutput](t)(c.DeleteAccessKey(ctx, &iam.DeleteAccessKeyInput{UserName: p("ann"), AccessKeyId: k.AccessKeyId}))
	}

	group := must[*iam.CreateGroupOutput](t)(c.CreateGroup(ctx, &iam.CreateGroupInput{GroupName: p("crew")})).Group
	if *group.Arn != "arn:aws:iam::111111111111:group/crew" {
		t.Errorf("created %+v", group)
	}
	must[*iam.AddUserToGroupOutput](t)(c.AddUserToGroup(ctx, &iam.AddUserToGroupInput{GroupName: p("crew"), UserName: p("ann")}))
	if members := must[*iam.GetGroupOutput](t)(c.GetGroup(ctx, &iam.GetGroupInput{GroupName: p("crew")})).Users; len(members) != 1 || *members[0].UserName != "ann" {
		t.Errorf("members: %+v", members)
	}
	if groups := must[*iam.ListGroupsForUserOutput](t)(c.ListGroupsForUser(ctx, &iam.ListGroupsForUserInput{UserName: p("ann")})).Groups; len(groups) != 1 {
		t.Errorf("groups of ann: %+v", groups)
	}
	if groups := must[*iam.ListGroupsOutput](t)(c.ListGroups(ctx, &iam.ListGroupsInput{})).Groups; len(groups) != 1 {
		t.Errorf("groups: %+v", groups)
	}
	must[*iam.AttachGroupPolicyOutput](t)(c.AttachGroupPolicy(ctx, &iam.AttachGroupPolicyInput{GroupName: p("crew"), PolicyArn: p(iamservice.AdministratorAccess)}))
	must[*iam.ListAttachedGroupPoliciesOutput](t)(c.ListAttachedGroupPolicies(ctx, &iam.ListAttachedGroupPoliciesInput{GroupName: p("crew")}))
	must[*iam.DetachGroupPolicyOutput](t)(c.DetachGroupPolicy(ctx, &iam.DetachGroupPolicyInput{GroupName: p("crew"), PolicyArn: p(iamservice.AdministratorAccess)}))
	must[*iam.PutGroupPolicyOutput](t)(c.PutGroupPolicy(ctx, &iam.PutGroupPolicyInput{GroupName: p("crew"), PolicyName: p("g"), PolicyDocument: p(allowRead)}))
	must[*iam.GetGroupPolicyOutput](t)(c.GetGroupPolicy(ctx, &iam.GetGroupPolicyInput{GroupName: p("crew"), PolicyName: p("g")}))
	must[*iam.ListGroupPoliciesOutput](t)(c.ListGroupPolicies(ctx, &iam.ListGroupPoliciesInput{GroupName: p("crew")}))
	must[*iam.DeleteGroupPolicyOutput](t)(c.DeleteGroupPolicy(ctx, &iam.DeleteGroupPolicyInput{GroupName: p("crew"), PolicyName: p("g")}))
	if _, err := c.DeleteGroup(ctx, &iam.DeleteGroupInput{GroupName: p("crew")}); code(err) != "DeleteConflict 409" {
		t.Errorf("deleting a group with members: %v", err)
	}
	must[*iam.RemoveUserFromGroupOutput](t)(c.RemoveUserFromGroup(ctx, &iam.RemoveUserFromGroupInput{GroupName: p("crew"), UserName: p("ann")}))
	must[*iam.DeleteGroupOutput](t)(c.DeleteGroup(ctx, &iam.DeleteGroupInput{GroupName: p("crew")}))

	must[*iam.DeleteUserPolicyOutput](t)(c.DeleteUserPolicy(ctx, &iam.DeleteUserPolicyInput{UserName: p("ann"), PolicyName: p("p")}))
	must[*iam.DeleteUserOutput](t)(c.DeleteUser(ctx, &iam.DeleteUserInput{UserName: p("ann")}))
	users := must[*iam.ListUsersOutput](t)(c.ListUsers(ctx, &iam.ListUsersInput{})).Users
	if len(users) != 1 || *users[0].UserName != iamservice.Administrator {
		t.Errorf("users: %+v", users)
	}
	summary := must[*iam.GetAccountSummaryOutput](t)(c.GetAccountSummary(ctx, &iam.GetAccountSummaryInput{})).SummaryMap
	if summary["Users"] != 1 || summary["Groups"] != 0 || summary["AccessKeysPerUserQuota"] != 2 {
		t.Errorf("summary: %v", summary)
	}
}

func TestPolicies(t *testing.T) {
	t.Parallel()
	h := iamtest.New(t)
	c, ctx := h.IAMClient(iamtest.Member), t.Context()

	policy := must[*iam.CreatePolicyOutput](t)(c.CreatePolicy(ctx, &iam.CreatePolicyInput{PolicyName: p("reader"), PolicyDocument: p(allowRead), Description: p("d")})).Policy
	arn := policy.Arn
	if *arn != "arn:aws:iam::111111111111:policy/reader" || *policy.DefaultVersionId != "v1" {
		t.Errorf("created %+v", policy)
	}
	version := must[*iam.CreatePolicyVersionOutput](t)(c.CreatePolicyVersion(ctx, &iam.CreatePolicyVersionInput{PolicyArn: arn, PolicyDocument: p(allowAll)})).PolicyVersion
	if *version.VersionId != "v2" || version.IsDefaultVersion {
		t.Errorf("created version %+v", version)
	}
	must[*iam.SetDefaultPolicyVersionOutput](t)(c.SetDefaultPolicyVersion(ctx, &iam.SetDefaultPolicyVersionInput{PolicyArn: arn, VersionId: p("v2")}))
	got := must[*iam.GetPolicyVersionOutput](t)(c.GetPolicyVersion(ctx, &iam.GetPolicyVersionInput{PolicyArn: arn, VersionId: p("v2")})).PolicyVersion
	if document, _ := url.QueryUnescape(*got.Document); document != allowAll || !got.IsDefaultVersion {
		t.Errorf("version 2 reads %+v", got)
	}
	if _, err := c.DeletePolicyVersion(ctx, &iam.DeletePolicyVersionInput{PolicyArn: arn, VersionId: p("v2")}); code(err) != "DeleteConflict 409" {
		t.Errorf("deleting the default version: %v", err)
	}
	for range 3 {
		must[*iam.CreatePolicyVersionOutput](t)(c.CreatePolicyVersion(ctx, &iam.CreatePolicyVersionInput{PolicyArn: arn, PolicyDocument: p(allowRead), SetAsDefault: true}))
	}
	if _, err := c.CreatePolicyVersion(ctx, &iam.CreatePolicyVersionInput{PolicyArn: arn, PolicyDocument: p(allowRead)}); code(err) != "LimitExceeded 409" {
		t.Errorf("a sixth version: %v", err)
	}
	var versions []string
	pages := iam.NewListPolicyVersionsPaginator(c, &iam.ListPolicyVersionsInput{PolicyArn: arn, MaxItems: p(int32(2))})
	for pages.HasMorePages() {
		for _, v := range must[*iam.ListPolicyVersionsOutput](t)(pages.NextPage(ctx)).Versions {
			versions = append(versions, *v.VersionId)
		}
	}
	if diff := cmp.Diff([]string{"v5", "v4", "v3", "v2", "v1"}, versions); diff != "" {
		t.Error(diff)
	}

	h.Role(t, iamtest.Member, "r", trustBackup, *arn)
	if count := *must[*iam.GetPolicyOutput](t)(c.GetPolicy(ctx, &iam.GetPolicyInput{PolicyArn: arn})).Policy.AttachmentCount; count != 1 {
		t.Errorf("the policy is attached %d times", count)
	}
	entities := must[*iam.ListEntitiesForPolicyOutput](t)(c.ListEntitiesForPolicy(ctx, &iam.ListEntitiesForPolicyInput{PolicyArn: arn}))
	if len(entities.PolicyRoles) != 1 || *entities.PolicyRoles[0].RoleName != "r" {
		t.Errorf("the policy is attached to %+v", entities)
	}
	if _, err := c.DeletePolicy(ctx, &iam.DeletePolicyInput{PolicyArn: arn}); code(err) != "DeleteConflict 409" {
		t.Errorf("deleting an attached policy: %v", err)
	}
	must[*iam.DetachRolePolicyOutput](t)(c.DetachRolePolicy(ctx, &iam.DetachRolePolicyInput{RoleName: p("r"), PolicyArn: arn}))
	for _, v := range []string{"v1", "v2", "v3", "v4"} {
		must[*iam.DeletePolicyVersionOutput](t)(c.DeletePolicyVersion(ctx, &iam.DeletePolicyVersionInput{PolicyArn: arn, VersionId: &v}))
	}
	must[*iam.TagPolicyOutput](t)(c.TagPolicy(ctx, &iam.TagPolicyInput{PolicyArn: arn, Tags: []types.Tag{{Key: p("a"), Value: p("b")}}}))
	if tags := must[*iam.ListPolicyTagsOutput](t)(c.ListPolicyTags(ctx, &iam.ListPolicyTagsInput{PolicyArn: arn})).Tags; len(tags) != 1 {
		t.Errorf("tags are %+v", tags)
	}
	must[*iam.UntagPolicyOutput](t)(c.UntagPolicy(ctx, &iam.UntagPolicyInput{PolicyArn: arn, TagKeys: []string{"a"}}))
	must[*iam.DeletePolicyOutput](t)(c.DeletePolicy(ctx, &iam.DeletePolicyInput{PolicyArn: arn}))
	if _, err := c.GetPolicy(ctx, &iam.GetPolicyInput{PolicyArn: arn}); code(err) != "NoSuchEntity 404" {
		t.Errorf("getting a deleted policy: %v", err)
	}
}

// Every managed policy of AWS must be readable and be a policy that IAM itself would take.
func TestManagedPolicies(t *testing.T) {
	t.Parallel()
	h := iamtest.New(t)
	c, ctx := h.IAMClient(iamtest.Member), t.Context()
	var arns []string
	pages := iam.NewListPoliciesPaginator(c, &iam.ListPoliciesInput{Scope: types.PolicyScopeTypeAws, MaxItems: p(int32(30))})
	for pages.HasMorePages() {
		for _, policy := range must[*iam.ListPoliciesOutput](t)(pages.NextPage(ctx)).Policies {
			arns = append(arns, *policy.Arn)
			document := must[*iam.GetPolicyVersionOutput](t)(c.GetPolicyVersion(ctx, &iam.GetPolicyVersionInput{PolicyArn: policy.Arn, VersionId: policy.DefaultVersionId})).PolicyVersion.Document
			text, _ := url.QueryUnescape(*document)
			for i := 0; strings.HasSuffix(*policy.Arn, "AWSBackupServiceLinkedRolePolicyForBackup") && i < 1; i++ {
				if !strings.Contains(text, "kms:GrantIsForAWSResource") {
					t.Errorf("%s lacks its grants", *policy.Arn)
				}
			}
			if _, err := c.CreatePolicy(ctx, &iam.CreatePolicyInput{PolicyName: policy.PolicyName, PolicyDocument: &text}); err != nil && code(err) != "LimitExceeded 409" {
				t.Errorf("%s as a customer's: %v", *policy.Arn, err)
			}
			if _, err := c.CreatePolicyVersion(ctx, &iam.CreatePolicyVersionInput{PolicyArn: policy.Arn, PolicyDocument: p(allowAll)}); code(err) != "AccessDenied 403" {
				t.Errorf("changing %s: %v", *policy.Arn, err)
			}
		}
	}
	for _, name := range []string{
		"AdministratorAccess", "ReadOnlyAccess", "PowerUserAccess", "AWSBackupFullAccess", "AWSBackupOperatorAccess",
		"AWSBackupOrganizationAdminAccess", "AWSBackupServiceRolePolicyForS3Backup", "AWSBackupServiceRolePolicyForS3Restore",
		"service-role/AWSBackupServiceRolePolicyForBackup", "service-role/AWSBackupServiceRolePolicyForRestores",
		"aws-service-role/AWSBackupServiceLinkedRolePolicyForBackup", "job-function/ViewOnlyAccess", "SecurityAudit", "IAMFullAccess",
		"AmazonS3FullAccess", "AmazonEC2ReadOnlyAccess", "AmazonRDSFullAccess", "AWSKeyManagementServicePowerUser", "AWSOrganizationsFullAccess",
		"AWSCloudTrail_FullAccess", "service-role/AWSLambdaBasicExecutionRole",
	} {
		if !slices.Contains(arns, "arn:aws:iam::aws:policy/"+name) {
			t.Errorf("%s is not listed", name)
		}
	}
}

func TestServiceLinkedRole(t *testing.T) {
	t.Parallel()
	h := iamtest.New(t)
	c, ctx := h.IAMClient(iamtest.Member), t.Context()
	role := must[*iam.CreateServiceLinkedRoleOutput](t)(c.CreateServiceLinkedRole(ctx, &iam.CreateServiceLinkedRoleInput{AWSServiceName: p("backup.amazonaws.com")})).Role
	want := "arn:aws:iam::111111111111:role/aws-service-role/backup.amazonaws.com/AWSServiceRoleForBackup"
	if *role.Arn != want {
		t.Fatalf("created %s, want %s", *role.Arn, want)
	}
	if arn, err := h.IAM.EnsureServiceLinkedRole(ctx, iamtest.Member, "backup.amazonaws.com"); arn != want || err != nil {
		t.Errorf("ensuring it again: %s, %v", arn, err)
	}
	if arn, err := h.IAM.EnsureServiceLinkedRole(ctx, iamtest.Backup, "backup.amazonaws.com"); !strings.HasPrefix(arn, "arn:aws:iam::222222222222:") || err != nil {
		t.Errorf("ensuring another account's: %s, %v", arn, err)
	}
	name := role.RoleName
	if _, err := c.CreateServiceLinkedRole(ctx, &iam.CreateServiceLinkedRoleInput{AWSServiceName: p("backup.amazonaws.com")}); code(err) != "InvalidInput 400" {
		t.Errorf("creating it twice: %v", err)
	}
	if _, err := c.DeleteRole(ctx, &iam.DeleteRoleInput{RoleName: name}); code(err) != "UnmodifiableEntity 400" {
		t.Errorf("deleting it as a role: %v", err)
	}
	if _, err := c.AttachRolePolicy(ctx, &iam.AttachRolePolicyInput{RoleName: name, PolicyArn: p(iamservice.AdministratorAccess)}); code(err) != "UnmodifiableEntity 400" {
		t.Errorf("attaching a policy: %v", err)
	}
	task := must[*iam.DeleteServiceLinkedRoleOutput](t)(c.DeleteServiceLinkedRole(ctx, &iam.DeleteServiceLinkedRoleInput{RoleName: name})).DeletionTaskId
	if status := must[*iam.GetServiceLinkedRoleDeletionStatusOutput](t)(c.GetServiceLinkedRoleDeletionStatus(ctx, &iam.GetServiceLinkedRoleDeletionStatusInput{DeletionTaskId: task})).Status; status != types.DeletionTaskStatusTypeSucceeded {
		t.Errorf("deletion is %s", status)
	}
	if _, err := c.GetRole(ctx, &iam.GetRoleInput{RoleName: name}); code(err) != "NoSuchEntity 404" {
		t.Errorf("getting it after deletion: %v", err)
	}
}

func TestRefusals(t *testing.T) {
	t.Parallel()
	h := iamtest.New(t)
	c, ctx := h.IAMClient(iamtest.Member), t.Context()
	h.Role(t, iamtest.Member, "taken", trustBackup)
	create := func(name, trust string) error {
		_, err := c.CreateRole(ctx, &iam.CreateRoleInput{RoleName: &name, AssumeRolePolicyDocument: &trust})
		return err
	}
	trusting := func(principal string) string {
		return `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"` + principal + `"},"Action":"sts:AssumeRole"}]}`
	}
	for _, row := range []struct {
		what string
		err  error
		want string
		text string // part of the message
	}{
		{"a name that exists", create("taken", trustBackup), "EntityAlreadyExists 409", "Role with name taken already exists."},
		{"a name that exists in other case", create("TAKEN", trustBackup), "EntityAlreadyExists 409", "already exists"},
		{"a name outside its pattern", create("no spaces", trustBackup), "ValidationError 400", "roleName"},
		{"a trust policy that is no JSON", create("x", "{"), "MalformedPolicyDocument 400", "Syntax errors in policy."},
		{"a trust policy with a resource", create("x", `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":"sts:AssumeRole","Resource":"*"}]}`), "MalformedPolicyDocument 400", "Has prohibited field Resource"},
		{"an identity policy as trust policy", create("x", allowAll), "MalformedPolicyDocument 400", ""},
		{"trust in a role that does not exist", create("x", trusting("arn:aws:iam::111111111111:role/nobody")), "MalformedPolicyDocument 400", `Invalid principal in policy: "AWS":"arn:aws:iam::111111111111:role/nobody"`},
		{"trust in an account that does not exist", create("x", trusting("123456789012")), "MalformedPolicyDocument 400", "Invalid principal"},
		{"a path reserved to services", func() error {
			_, err := c.CreateRole(ctx, &iam.CreateRoleInput{RoleName: p("x"), Path: p("/aws-service-role/x/"), AssumeRolePolicyDocument: p(trustBackup)})
			return err
		}(), "InvalidInput 400", ""},
		{"too short a session", func() error {
			_, err := c.UpdateRole(ctx, &iam.UpdateRoleInput{RoleName: p("taken"), MaxSessionDuration: p(int32(60))})
			return err
		}(), "ValidationError 400", "maxSessionDuration"},
		{"a policy that does not exist", func() error {
			_, err := c.AttachRolePolicy(ctx, &iam.AttachRolePolicyInput{RoleName: p("taken"), PolicyArn: p("arn:aws:iam::aws:policy/Nothing")})
			return err
		}(), "NoSuchEntity 404", "Policy arn:aws:iam::aws:policy/Nothing does not exist or is not attachable."},
		{"a service's own policy", func() error {
			_, err := c.AttachRolePolicy(ctx, &iam.AttachRolePolicyInput{RoleName: p("taken"), PolicyArn: p("arn:aws:iam::aws:policy/aws-service-role/AWSBackupServiceLinkedRolePolicyForBackup")})
			return err
		}(), "PolicyNotAttachable 400", ""},
		{"a marker of another list", func() error {
			_, err := c.ListRoles(ctx, &iam.ListRolesInput{Marker: p("Zm9yZ2Vk")})
			return err
		}(), "ValidationError 400", ""},
		{"an operation that is not there", func() error {
			_, err := c.CreateSAMLProvider(ctx, &iam.CreateSAMLProviderInput{Name: p("x"), SAMLMetadataDocument: p(strings.Repeat("x", 1000))})
			return err
		}(), "NotImplemented 501", "iam:CreateSAMLProvider"},
	} {
		if code(row.err) != row.want || !strings.Contains(message(row.err), row.text) {
			t.Errorf("%s: %v, want %s with %q", row.what, row.err, row.want, row.text)
		}
	}
	if _, err := c.GetRole(ctx, &iam.GetRoleInput{RoleName: p("x")}); code(err) != "NoSuchEntity 404" {
		t.Errorf("a refused role is there: %v", err)
	}
}

// A role that a policy pages over is listed once and only once, whatever the size of the page.
func TestListRolesPages(t *testing.T) {
	t.Parallel()
	h := iamtest.New(t)
	c, ctx := h.IAMClient(iamtest.Member), t.Context()
	var want []string
	for i := range 7 {
		name := fmt.Sprintf("r%d", i)
		h.Role(t, iamtest.Member, name, trustBackup)
		want = append(want, name)
	}
	for size := int32(1); size <= 8; size++ {
		var got []string
		pages := iam.NewListRolesPaginator(c, &iam.ListRolesInput{MaxItems: &size})
		for pages.HasMorePages() {
			for _, role := range must[*iam.ListRolesOutput](t)(pages.NextPage(ctx)).Roles {
				got = append(got, *role.RoleName)
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("pages of %d:\n%s", size, diff)
		}
	}
	under := must[*iam.ListRolesOutput](t)(c.ListRoles(ctx, &iam.ListRolesInput{PathPrefix: p("/service-role/")})).Roles
	if len(under) != 0 {
		t.Errorf("under another path: %+v", under)
	}
}

// An account neither sees nor touches what is another's.
func TestIsolation(t *testing.T) {
	t.Parallel()
	h := iamtest.New(t)
	ctx := t.Context()
	h.Role(t, iamtest.Member, "private", trustBackup)
	policy := must[*iam.CreatePolicyOutput](t)(h.IAMClient(iamtest.Member).CreatePolicy(ctx, &iam.CreatePolicyInput{PolicyName: p("private"), PolicyDocument: p(allowAll)})).Policy
	other := h.IAMClient(iamtest.Backup)
	if _, err := other.GetRole(ctx, &iam.GetRoleInput{RoleName: p("private")}); code(err) != "NoSuchEntity 404" {
		t.Errorf("getting another account's role: %v", err)
	}
	if roles := must[*iam.ListRolesOutput](t)(other.ListRoles(ctx, &iam.ListRolesInput{})).Roles; len(roles) != 0 {
		t.Errorf("listing another account's roles: %+v", roles)
	}
	for what, err := range map[string]error{
		"reading": func() error { _, err := other.GetPolicy(ctx, &iam.GetPolicyInput{PolicyArn: policy.Arn}); return err }(),
		"deleting": func() error {
			_, err := other.DeletePolicy(ctx, &iam.DeletePolicyInput{PolicyArn: policy.Arn})
			return err
		}(),
		"attaching": func() error {
			_, err := other.AttachUserPolicy(ctx, &iam.AttachUserPolicyInput{UserName: p("admin"), PolicyArn: policy.Arn})
			return err
		}(),
	} {
		if code(err) != "NoSuchEntity 404" {
			t.Errorf("%s another account's policy: %v", what, err)
		}
	}
}

// A change of policies holds from the very next call.
func TestChangesTakeEffectAtOnce(t *testing.T) {
	t.Parallel()
	h := iamtest.New(t)
	admin, ctx := h.IAMClient(iamtest.Member), t.Context()
	user := iam.NewFromConfig(h.User(t, iamtest.Member, "ann", ""))
	list := func() error {
		_, err := user.ListRoles(ctx, &iam.ListRolesInput{})
		return err
	}
	for range 20 {
		if err := list(); code(err) != "AccessDenied 403" {
			t.Fatalf("without a policy: %v", err)
		}
		must[*iam.PutUserPolicyOutput](t)(admin.PutUserPolicy(ctx, &iam.PutUserPolicyInput{UserName: p("ann"), PolicyName: p("p"), PolicyDocument: p(allowRead)}))
		if err := list(); err != nil {
			t.Fatalf("with a policy: %v", err)
		}
		must[*iam.DeleteUserPolicyOutput](t)(admin.DeleteUserPolicy(ctx, &iam.DeleteUserPolicyInput{UserName: p("ann"), PolicyName: p("p")}))
	}
}

// Of many that create the same name at once, one wins.
func TestConcurrentCreation(t *testing.T) {
	t.Parallel()
	h := iamtest.New(t)
	c, ctx := h.IAMClient(iamtest.Member), t.Context()
	var wg sync.WaitGroup
	codes := make(chan string, 32)
	for range cap(codes) {
		wg.Go(func() {
			_, err := c.CreateRole(ctx, &iam.CreateRoleInput{RoleName: p("one"), AssumeRolePolicyDocument: p(trustBackup)})
			codes <- code(err)
		})
	}
	wg.Wait()
	close(codes)
	counts := map[string]int{}
	for c := range codes {
		counts[c]++
	}
	if diff := cmp.Diff(map[string]int{"<nil>": 1, "EntityAlreadyExists 409": cap(codes) - 1}, counts); diff != "" {
		t.Error(diff)
	}
}

func TestEnsureAccount(t *testing.T) {
	t.Parallel()
	h := iamtest.New(t)
	ctx := t.Context()
	wanted := iamservice.Credential{AccessKeyID: "AKIAEXAMPLEMEMBER001", SecretAccessKey: "first"}
	for _, secret := range []string{"first", "first", "second"} {
		wanted.SecretAccessKey = secret
		if got, err := h.IAM.EnsureAccount(ctx, "333333333333", "third", wanted); err != nil || got != wanted {
			t.Fatalf("ensured %+v, %v", got, err)
		}
		identity := must[*sts.GetCallerIdentityOutput](t)(sts.NewFromConfig(h.With(wanted.AccessKeyID, secret, "")).GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{}))
		if *identity.Arn != "arn:aws:iam::333333333333:user/admin" {
			t.Errorf("the administrator is %s", *identity.Arn)
		}
	}
	if _, err := sts.NewFromConfig(h.With(wanted.AccessKeyID, "first", "")).GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{}); err == nil {
		t.Error("the secret that was replaced still signs")
	}
	made, err := h.IAM.EnsureAccount(ctx, "444444444444", "fourth", iamservice.Credential{})
	if err != nil {
		t.Fatal(err)
	}
	if again, err := h.IAM.EnsureAccount(ctx, "444444444444", "fourth", iamservice.Credential{}); err != nil || again != made {
		t.Errorf("ensured again: %+v, %v, want %+v", again, err, made)
	}
	for _, id := range []string{"", "12345", "12345678901x"} {
		if _, err := h.IAM.EnsureAccount(ctx, id, "x", iamservice.Credential{}); err == nil {
			t.Errorf("account id %q is accepted", id)
		}
	}
}
