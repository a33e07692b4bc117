package iam_test

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/google/go-cmp/cmp"

	"strongroom/internal/api"
	"strongroom/internal/service/iam/iamtest"
)

// The tagging service sees customer managed policies, instance profiles and MFA devices, in one Region, and changes their
// tags as the caller.
func TestTaggingProvider(t *testing.T) {
	t.Parallel()
	h := iamtest.New(t)
	c, ctx := h.IAMClient(iamtest.Member), t.Context()
	p1 := *must[*iam.CreatePolicyOutput](t)(c.CreatePolicy(ctx, &iam.CreatePolicyInput{
		PolicyName: p("p1"), Path: p("/team/"), PolicyDocument: p(allowRead), Tags: []types.Tag{{Key: p("k"), Value: p("v")}},
	})).Policy.Arn
	profile := *must[*iam.CreateInstanceProfileOutput](t)(c.CreateInstanceProfile(ctx, &iam.CreateInstanceProfileInput{
		InstanceProfileName: p("web"), Path: p("/team/"),
	})).InstanceProfile.Arn
	device := *must[*iam.CreateVirtualMFADeviceOutput](t)(c.CreateVirtualMFADevice(ctx, &iam.CreateVirtualMFADeviceInput{
		VirtualMFADeviceName: p("phone"),
	})).VirtualMFADevice.SerialNumber
	must[*iam.CreateUserOutput](t)(c.CreateUser(ctx, &iam.CreateUserInput{UserName: p("u"), Tags: []types.Tag{{Key: p("k"), Value: p("v")}}}))

	provider := h.IAM.TaggingProvider(h.Door)
	if diff := cmp.Diff([]string{"iam:policy", "iam:instance-profile", "iam:mfa"}, provider.ResourceTypes()); diff != "" {
		t.Errorf("types (-want +got)\n%s", diff)
	}
	list := func(account, region string) map[string]map[string]string {
		t.Helper()
		all, err := provider.List(ctx, account, region)
		if err != nil {
			t.Fatal(err)
		}
		tags := map[string]map[string]string{}
		for _, r := range all {
			tags[r.ARN] = r.Tags
		}
		return tags
	}
	if diff := cmp.Diff(map[string]map[string]string{p1: {"k": "v"}}, list(iamtest.Member, "us-east-1")); diff != "" {
		t.Errorf("the tags at first (-want +got)\n%s", diff)
	}
	as := func(account, region string) *api.Caller {
		caller := h.Caller(t, account)
		caller.Region = region
		return caller
	}
	admin := as(iamtest.Member, "us-east-1")
	for _, resource := range []string{p1, profile, device} {
		if err := provider.Tag(ctx, admin, resource, map[string]string{"a": "1", "b": "2"}); err != nil {
			t.Fatal(err)
		}
		if err := provider.Untag(ctx, admin, resource, []string{"b", "none"}); err != nil {
			t.Fatal(err)
		}
	}
	want := map[string]map[string]string{p1: {"k": "v", "a": "1"}, profile: {"a": "1"}, device: {"a": "1"}}
	if diff := cmp.Diff(want, list(iamtest.Member, "us-east-1")); diff != "" {
		t.Errorf("the tags (-want +got)\n%s", diff)
	}
	if here, there := list(iamtest.Member, "eu-central-1"), list(iamtest.Backup, "us-east-1"); len(here)+len(there) > 0 {
		t.Errorf("another Region lists %v, another account %v", here, there)
	}

	h.User(t, iamtest.Member, "nobody", "")
	nobody := *admin
	nobody.ARN = "arn:aws:iam::" + iamtest.Member + ":user/nobody"
	nobody.UserID = *must[*iam.GetUserOutput](t)(c.GetUser(ctx, &iam.GetUserInput{UserName: p("nobody")})).User.UserId
	// A profile of the same name, which the other account's administrator may tag.
	must[*iam.CreateInstanceProfileOutput](t)(h.IAMClient(iamtest.Backup).CreateInstanceProfile(ctx, &iam.CreateInstanceProfileInput{
		InstanceProfileName: p("web"), Path: p("/team/"),
	}))
	for _, tt := range []struct {
		name     string
		caller   *api.Caller
		resource string
		want     string
	}{
		{"a policy, without permission", &nobody, p1, "AccessDenied"},
		{"a profile, without permission", &nobody, profile, "AccessDenied"},
		{"a device, without permission", &nobody, device, "AccessDenied"},
		{"another account's profile", as(iamtest.Backup, "us-east-1"), profile, "NoSuchEntity"},
		{"another account's policy", as(iamtest.Backup, "us-east-1"), p1, "NoSuchEntity"},
		{"another Region", as(iamtest.Member, "eu-central-1"), p1, "InvalidParameterException"},
		{"a profile by another path", admin, "arn:aws:iam::" + iamtest.Member + ":instance-profile/web", "NoSuchEntity"},
		{"a profile that is not there", admin, "arn:aws:iam::" + iamtest.Member + ":instance-profile/none", "NoSuchEntity"},
	} {
		if err := provider.Tag(ctx, tt.caller, tt.resource, map[string]string{"c": "3"}); api.Code(err) != tt.want {
			t.Errorf("%s, tagged: %v, want %s", tt.name, err, tt.want)
		}
		if err := provider.Untag(ctx, tt.caller, tt.resource, []string{"a"}); api.Code(err) != tt.want {
			t.Errorf("%s, untagged: %v, want %s", tt.name, err, tt.want)
		}
	}
	if diff := cmp.Diff(want, list(iamtest.Member, "us-east-1")); diff != "" {
		t.Errorf("refused calls changed tags (-want +got)\n%s", diff)
	}
	if other := list(iamtest.Backup, "us-east-1"); len(other) > 0 {
		t.Errorf("refused calls tagged %v", other)
	}
}
