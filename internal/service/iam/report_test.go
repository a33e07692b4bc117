package iam_test

import (
	"encoding/csv"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/aws/aws-sdk-go-v2/service/organizations"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/google/go-cmp/cmp"

	"strongroom/internal/service/iam/iamtest"
)

func TestCredentialReport(t *testing.T) {
	t.Parallel()
	h := iamtest.New(t)
	c, ctx := h.IAMClient(iamtest.Member), t.Context()

	if _, err := c.GetCredentialReport(ctx, &iam.GetCredentialReportInput{}); code(err) != "ReportNotPresent 410" {
		t.Errorf("before there is any: %v", err)
	}
	user := h.User(t, iamtest.Member, "u", "")
	must[*iam.CreateLoginProfileOutput](t)(c.CreateLoginProfile(ctx, &iam.CreateLoginProfileInput{UserName: p("u"), Password: p("Some-pass-1")}))
	must[*sts.GetCallerIdentityOutput](t)(sts.NewFromConfig(user).GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{}))
	if state := must[*iam.GenerateCredentialReportOutput](t)(c.GenerateCredentialReport(ctx, &iam.GenerateCredentialReportInput{})).State; state != types.ReportStateTypeStarted {
		t.Errorf("the first time: %s", state)
	}
	if state := must[*iam.GenerateCredentialReportOutput](t)(c.GenerateCredentialReport(ctx, &iam.GenerateCredentialReportInput{})).State; state != types.ReportStateTypeComplete {
		t.Errorf("the second time: %s", state)
	}
	report := must[*iam.GetCredentialReportOutput](t)(c.GetCredentialReport(ctx, &iam.GetCredentialReportInput{}))
	rows, err := csv.NewReader(strings.NewReader(string(report.Content))).ReadAll()
	if err != nil || len(rows) != 4 {
		t.Fatalf("%v, the report reads\n%s", err, report.Content)
	}
	of := func(user, column string) string {
		for _, row := range rows[1:] {
			if row[0] == user {
				return row[slices.Index(rows[0], column)]
			}
		}
		return "no row"
	}
	for _, tt := range []struct{ user, column, want string }{
		{"<root_account>", "arn", "arn:aws:iam::111111111111:root"},
		{"<root_account>", "password_enabled", "not_supported"},
		{"u", "password_enabled", "true"},
		{"u", "password_last_used", "no_information"},
		{"u", "mfa_active", "false"},
		{"u", "access_key_1_active", "true"},
		{"u", "access_key_1_last_used_service", "sts"},
		{"u", "access_key_1_last_used_region", "eu-central-1"},
		{"u", "access_key_2_active", "false"},
		{"u", "access_key_2_last_rotated", "N/A"},
		{"admin", "password_enabled", "false"},
		{"admin", "access_key_1_last_used_service", "iam"},
		{"admin", "access_key_1_last_used_region", "us-east-1"},
	} {
		if got := of(tt.user, tt.column); got != tt.want {
			t.Errorf("%s of %s: %q, want %q", tt.column, tt.user, got, tt.want)
		}
	}
	if _, err := time.Parse("2006-01-02T15:04:05+00:00", of("u", "user_creation_time")); err != nil {
		t.Error(err)
	}
	h.Clock.Advance(4 * time.Hour)
	if _, err := c.GetCredentialReport(ctx, &iam.GetCredentialReportInput{}); code(err) != "ReportExpired 410" {
		t.Errorf("four hours later: %v", err)
	}
	if state := must[*iam.GenerateCredentialReportOutput](t)(c.GenerateCredentialReport(ctx, &iam.GenerateCredentialReportInput{})).State; state != types.ReportStateTypeStarted {
		t.Errorf("four hours later: %s", state)
	}
}

func TestLastUses(t *testing.T) {
	t.Parallel()
	h := iamtest.New(t)
	c, ctx := h.IAMClient(iamtest.Member), t.Context()
	user := h.User(t, iamtest.Member, "u", "")
	key := keyOf(t, c, "u")
	last := func() *types.AccessKeyLastUsed {
		t.Helper()
		out := must[*iam.GetAccessKeyLastUsedOutput](t)(c.GetAccessKeyLastUsed(ctx, &iam.GetAccessKeyLastUsedInput{AccessKeyId: key}))
		if *out.UserName != "u" {
			t.Errorf("the key's user: %s", *out.UserName)
		}
		return out.AccessKeyLastUsed
	}
	if got := last(); got.LastUsedDate != nil || *got.Region != "N/A" || *got.ServiceName != "N/A" {
		t.Errorf("never used: %+v", got)
	}
	_, err := iam.NewFromConfig(user).ListRoles(ctx, &iam.ListRolesInput{})
	if code(err) != "AccessDenied 403" {
		t.Error(err)
	}
	first := last() // an attempt counts
	if *first.ServiceName != "iam" || *first.Region != "us-east-1" {
		t.Errorf("used for IAM: %+v", first)
	}
	h.Clock.Advance(10 * time.Minute)
	must[*sts.GetCallerIdentityOutput](t)(sts.NewFromConfig(user).GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{}))
	if got := last(); !got.LastUsedDate.Equal(*first.LastUsedDate) {
		t.Errorf("ten minutes later: %+v", got)
	}
	h.Clock.Advance(10 * time.Minute)
	must[*sts.GetCallerIdentityOutput](t)(sts.NewFromConfig(user).GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{}))
	if got := last(); !got.LastUsedDate.After(*first.LastUsedDate) || *got.ServiceName != "sts" || *got.Region != "eu-central-1" {
		t.Errorf("twenty minutes later: %+v", got)
	}
	for _, id := range []string{"AKIAAAAAAAAAAAAAAAAA", *keyOf(t, h.IAMClient(iamtest.Backup), "admin")} {
		if _, err := c.GetAccessKeyLastUsed(ctx, &iam.GetAccessKeyLastUsedInput{AccessKeyId: &id}); code(err) != "AccessDenied 403" {
			t.Errorf("key %s: %v", id, err)
		}
	}

	role := h.Role(t, iamtest.Member, "r", `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"111111111111"},"Action":"sts:AssumeRole"}]}`, "arn:aws:iam::aws:policy/ReadOnlyAccess")
	session := must[*sts.AssumeRoleOutput](t)(h.STSClient(iamtest.Member).AssumeRole(ctx, &sts.AssumeRoleInput{RoleArn: &role, RoleSessionName: p("ss")}))
	began := must[*iam.GetRoleOutput](t)(c.GetRole(ctx, &iam.GetRoleInput{RoleName: p("r")})).Role.RoleLastUsed
	h.Clock.Advance(time.Hour / 2)
	must[*iam.ListRolesOutput](t)(iam.NewFromConfig(h.WithSession(session.Credentials)).ListRoles(ctx, &iam.ListRolesInput{}))
	used := must[*iam.GetRoleOutput](t)(c.GetRole(ctx, &iam.GetRoleInput{RoleName: p("r")})).Role.RoleLastUsed
	if began.LastUsedDate == nil || !used.LastUsedDate.After(*began.LastUsedDate) || *used.Region != "us-east-1" {
		t.Errorf("the role's last use was %+v, now %+v", began, used)
	}
}

func TestAuthorizationDetails(t *testing.T) {
	t.Parallel()
	h := iamtest.New(t)
	c, ctx := h.IAMClient(iamtest.Member), t.Context()
	h.User(t, iamtest.Member, "u", allowRead)
	must[*iam.CreateGroupOutput](t)(c.CreateGroup(ctx, &iam.CreateGroupInput{GroupName: p("g")}))
	must[*iam.AddUserToGroupOutput](t)(c.AddUserToGroup(ctx, &iam.AddUserToGroupInput{GroupName: p("g"), UserName: p("u")}))
	h.Role(t, iamtest.Member, "r", trustBackup, "arn:aws:iam::aws:policy/ReadOnlyAccess")
	must[*iam.CreateInstanceProfileOutput](t)(c.CreateInstanceProfile(ctx, &iam.CreateInstanceProfileInput{InstanceProfileName: p("i")}))
	must[*iam.AddRoleToInstanceProfileOutput](t)(c.AddRoleToInstanceProfile(ctx, &iam.AddRoleToInstanceProfileInput{InstanceProfileName: p("i"), RoleName: p("r")}))
	made := must[*iam.CreatePolicyOutput](t)(c.CreatePolicy(ctx, &iam.CreatePolicyInput{PolicyName: p("own"), PolicyDocument: p(allowRead)})).Policy.Arn
	must[*iam.CreatePolicyVersionOutput](t)(c.CreatePolicyVersion(ctx, &iam.CreatePolicyVersionInput{PolicyArn: made, PolicyDocument: p(allowAll)}))

	gather := func(limit int32, filter ...types.EntityType) (names []string, all iam.GetAccountAuthorizationDetailsOutput) {
		t.Helper()
		pages := iam.NewGetAccountAuthorizationDetailsPaginator(c, &iam.GetAccountAuthorizationDetailsInput{MaxItems: &limit, Filter: filter})
		for pages.HasMorePages() {
			out := must[*iam.GetAccountAuthorizationDetailsOutput](t)(pages.NextPage(ctx))
			all.UserDetailList = append(all.UserDetailList, out.UserDetailList...)
			all.GroupDetailList = append(all.GroupDetailList, out.GroupDetailList...)
			all.RoleDetailList = append(all.RoleDetailList, out.RoleDetailList...)
			all.Policies = append(all.Policies, out.Policies...)
		}
		for _, u := range all.UserDetailList {
			names = append(names, "user "+*u.UserName)
		}
		for _, g := range all.GroupDetailList {
			names = append(names, "group "+*g.GroupName)
		}
		for _, r := range all.RoleDetailList {
			names = append(names, "role "+*r.RoleName)
		}
		for _, p := range all.Policies {
			names = append(names, "policy "+*p.PolicyName)
		}
		return names, all
	}
	everything := []string{"user admin", "user u", "group g", "role r", "policy own", "policy AdministratorAccess", "policy ReadOnlyAccess"}
	for _, limit := range []int32{1, 2, 3, 7, 100} {
		if names, _ := gather(limit); !cmp.Equal(everything, names) {
			t.Errorf("in pages of %d (-want +got):\n%s", limit, cmp.Diff(everything, names))
		}
	}
	names, all := gather(1, types.EntityTypeRole, types.EntityTypeLocalManagedPolicy)
	if diff := cmp.Diff([]string{"role r", "policy own"}, names); diff != "" {
		t.Error(diff)
	}
	role := all.RoleDetailList[0]
	if len(role.InstanceProfileList) != 1 || *role.InstanceProfileList[0].Roles[0].RoleName != "r" || len(role.AttachedManagedPolicies) != 1 || role.AssumeRolePolicyDocument == nil {
		t.Errorf("the role reads %+v", role)
	}
	if policy := all.Policies[0]; len(policy.PolicyVersionList) != 2 || policy.PolicyVersionList[0].Document == nil || *policy.DefaultVersionId != "v1" {
		t.Errorf("the policy reads %+v", policy)
	}
	_, all = gather(100, types.EntityTypeUser)
	if u := all.UserDetailList[1]; len(u.UserPolicyList) != 1 || !slices.Equal(u.GroupList, []string{"g"}) {
		t.Errorf("the user reads %+v", u)
	}
}

func TestServiceLastAccessed(t *testing.T) {
	t.Parallel()
	h := iamtest.New(t)
	h.Organize(t)
	c, ctx := h.IAMClient(iamtest.Member), t.Context()
	config := h.User(t, iamtest.Member, "u", `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":["iam:List*","organizations:*","kms:Encrypt"],"Resource":"*"}}`)
	must[*iam.CreateGroupOutput](t)(c.CreateGroup(ctx, &iam.CreateGroupInput{GroupName: p("g")}))
	must[*iam.AddUserToGroupOutput](t)(c.AddUserToGroup(ctx, &iam.AddUserToGroupInput{GroupName: p("g"), UserName: p("u")}))
	must[*iam.AttachGroupPolicyOutput](t)(c.AttachGroupPolicy(ctx, &iam.AttachGroupPolicyInput{GroupName: p("g"), PolicyArn: p("arn:aws:iam::aws:policy/AdministratorAccess")}))
	must[*iam.ListRolesOutput](t)(iam.NewFromConfig(config).ListRoles(ctx, &iam.ListRolesInput{}))
	must[*organizations.DescribeOrganizationOutput](t)(organizations.NewFromConfig(config).DescribeOrganization(ctx, &organizations.DescribeOrganizationInput{}))
	must[*iam.RemoveUserFromGroupOutput](t)(c.RemoveUserFromGroup(ctx, &iam.RemoveUserFromGroupInput{GroupName: p("g"), UserName: p("u")}))

	generate := func(arn string, by types.AccessAdvisorUsageGranularityType) *string {
		t.Helper()
		return must[*iam.GenerateServiceLastAccessedDetailsOutput](t)(c.GenerateServiceLastAccessedDetails(ctx, &iam.GenerateServiceLastAccessedDetailsInput{Arn: &arn, Granularity: by})).JobId
	}
	user := "arn:aws:iam::111111111111:user/u"
	out := must[*iam.GetServiceLastAccessedDetailsOutput](t)(c.GetServiceLastAccessedDetails(ctx, &iam.GetServiceLastAccessedDetailsInput{JobId: generate(user, "")}))
	if out.JobStatus != types.JobStatusTypeCompleted || out.JobType != types.AccessAdvisorUsageGranularityTypeServiceLevel {
		t.Errorf("the job reads %+v", out)
	}
	var got []string
	for _, s := range out.ServicesLastAccessed {
		line := *s.ServiceNamespace
		if s.LastAuthenticated != nil {
			line += " by " + *s.LastAuthenticatedEntity
		}
		got = append(got, line)
	}
	if diff := cmp.Diff([]string{"iam by " + user, "kms", "organizations by " + user}, got); diff != "" {
		t.Error(diff)
	}
	job := generate(user, types.AccessAdvisorUsageGranularityTypeActionLevel)
	actions := must[*iam.GetServiceLastAccessedDetailsOutput](t)(c.GetServiceLastAccessedDetails(ctx, &iam.GetServiceLastAccessedDetailsInput{JobId: job})).ServicesLastAccessed
	if len(actions) != 3 || len(actions[0].TrackedActionsLastAccessed) != 1 || *actions[0].TrackedActionsLastAccessed[0].ActionName != "ListRoles" {
		t.Errorf("by action: %+v", actions)
	}
	admin := generate("arn:aws:iam::aws:policy/AdministratorAccess", "")
	entities := must[*iam.GetServiceLastAccessedDetailsWithEntitiesOutput](t)(c.GetServiceLastAccessedDetailsWithEntities(ctx, &iam.GetServiceLastAccessedDetailsWithEntitiesInput{JobId: admin, ServiceNamespace: p("iam")})).EntityDetailsList
	if len(entities) != 2 || entities[1].LastAuthenticated != nil || *entities[1].EntityInfo.Name != "OrganizationAccountAccessRole" || *entities[0].EntityInfo.Name != "admin" || entities[0].LastAuthenticated == nil || entities[0].EntityInfo.Type != types.PolicyOwnerEntityTypeUser {
		t.Errorf("who has AdministratorAccess: %+v", entities)
	}
	if _, err := c.GetServiceLastAccessedDetails(ctx, &iam.GetServiceLastAccessedDetailsInput{JobId: p("00000000-0000-0000-0000-000000000000")}); code(err) != "NoSuchEntity 404" {
		t.Errorf("a job that is not there: %v", err)
	}
	if _, err := h.IAMClient(iamtest.Backup).GetServiceLastAccessedDetails(ctx, &iam.GetServiceLastAccessedDetailsInput{JobId: job}); code(err) != "NoSuchEntity 404" {
		t.Errorf("another account's job: %v", err)
	}

	granting := must[*iam.ListPoliciesGrantingServiceAccessOutput](t)(c.ListPoliciesGrantingServiceAccess(ctx, &iam.ListPoliciesGrantingServiceAccessInput{
		Arn: &user, ServiceNamespaces: []string{"kms", "s3"},
	})).PoliciesGrantingServiceAccess
	if len(granting) != 2 || len(granting[0].Policies) != 1 || *granting[0].Policies[0].PolicyName != "p" || granting[0].Policies[0].PolicyType != types.PolicyTypeInline || len(granting[1].Policies) != 0 {
		t.Errorf("what grants access: %+v", granting)
	}
}
