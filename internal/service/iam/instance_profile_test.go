package iam_test

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/google/go-cmp/cmp"

	"strongroom/internal/service/iam/iamtest"
)

func TestInstanceProfiles(t *testing.T) {
	t.Parallel()
	h := iamtest.New(t)
	c, ctx := h.IAMClient(iamtest.Member), t.Context()
	h.Role(t, iamtest.Member, "web", trustBackup)
	h.Role(t, iamtest.Member, "db", trustBackup)

	created := must[*iam.CreateInstanceProfileOutput](t)(c.CreateInstanceProfile(ctx, &iam.CreateInstanceProfileInput{
		InstanceProfileName: p("one"), Path: p("/app/"), Tags: []types.Tag{{Key: p("team"), Value: p("blue")}},
	})).InstanceProfile
	if *created.Arn != "arn:aws:iam::111111111111:instance-profile/app/one" || (*created.InstanceProfileId)[:4] != "AIPA" || len(created.Roles) != 0 {
		t.Errorf("created %+v", created)
	}
	_, err := c.CreateInstanceProfile(ctx, &iam.CreateInstanceProfileInput{InstanceProfileName: p("ONE")})
	if code(err) != "EntityAlreadyExists 409" || message(err) != "Instance Profile ONE already exists." {
		t.Errorf("a second one of the name: %v", err)
	}
	must[*iam.CreateInstanceProfileOutput](t)(c.CreateInstanceProfile(ctx, &iam.CreateInstanceProfileInput{InstanceProfileName: p("two")}))

	must[*iam.AddRoleToInstanceProfileOutput](t)(c.AddRoleToInstanceProfile(ctx, &iam.AddRoleToInstanceProfileInput{InstanceProfileName: p("one"), RoleName: p("web")}))
	if _, err := c.AddRoleToInstanceProfile(ctx, &iam.AddRoleToInstanceProfileInput{InstanceProfileName: p("one"), RoleName: p("db")}); code(err) != "LimitExceeded 409" {
		t.Errorf("a second role: %v", err)
	}
	if _, err := c.AddRoleToInstanceProfile(ctx, &iam.AddRoleToInstanceProfileInput{InstanceProfileName: p("two"), RoleName: p("none")}); code(err) != "NoSuchEntity 404" {
		t.Errorf("a role that is not there: %v", err)
	}
	// Who may not pass the role may not put it into a profile either.
	limited := iam.NewFromConfig(h.User(t, iamtest.Member, "u", `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"iam:AddRoleToInstanceProfile","Resource":"*"}]}`))
	if _, err := limited.AddRoleToInstanceProfile(ctx, &iam.AddRoleToInstanceProfileInput{InstanceProfileName: p("two"), RoleName: p("db")}); code(err) != "AccessDenied 403" {
		t.Errorf("adding a role without iam:PassRole: %v", err)
	}

	got := must[*iam.GetInstanceProfileOutput](t)(c.GetInstanceProfile(ctx, &iam.GetInstanceProfileInput{InstanceProfileName: p("one")})).InstanceProfile
	if len(got.Roles) != 1 || *got.Roles[0].RoleName != "web" || len(got.Tags) != 1 {
		t.Errorf("the profile reads %+v", got)
	}
	var names []string
	pages := iam.NewListInstanceProfilesPaginator(c, &iam.ListInstanceProfilesInput{MaxItems: p(int32(1))})
	for pages.HasMorePages() {
		for _, profile := range must[*iam.ListInstanceProfilesOutput](t)(pages.NextPage(ctx)).InstanceProfiles {
			names = append(names, *profile.InstanceProfileName)
		}
	}
	if diff := cmp.Diff([]string{"one", "two"}, names); diff != "" {
		t.Error(diff)
	}
	filtered := must[*iam.ListInstanceProfilesOutput](t)(c.ListInstanceProfiles(ctx, &iam.ListInstanceProfilesInput{PathPrefix: p("/app/")})).InstanceProfiles
	if len(filtered) != 1 || *filtered[0].InstanceProfileName != "one" {
		t.Errorf("below /app/: %+v", filtered)
	}
	of := must[*iam.ListInstanceProfilesForRoleOutput](t)(c.ListInstanceProfilesForRole(ctx, &iam.ListInstanceProfilesForRoleInput{RoleName: p("web")})).InstanceProfiles
	if len(of) != 1 || *of[0].InstanceProfileName != "one" {
		t.Errorf("the role's: %+v", of)
	}

	must[*iam.TagInstanceProfileOutput](t)(c.TagInstanceProfile(ctx, &iam.TagInstanceProfileInput{InstanceProfileName: p("one"), Tags: []types.Tag{{Key: p("a"), Value: p("1")}}}))
	must[*iam.UntagInstanceProfileOutput](t)(c.UntagInstanceProfile(ctx, &iam.UntagInstanceProfileInput{InstanceProfileName: p("one"), TagKeys: []string{"team"}}))
	tags := must[*iam.ListInstanceProfileTagsOutput](t)(c.ListInstanceProfileTags(ctx, &iam.ListInstanceProfileTagsInput{InstanceProfileName: p("one")})).Tags
	if len(tags) != 1 || *tags[0].Key != "a" {
		t.Errorf("tags: %+v", tags)
	}

	if _, err := c.DeleteRole(ctx, &iam.DeleteRoleInput{RoleName: p("web")}); code(err) != "DeleteConflict 409" ||
		message(err) != "Cannot delete entity, must remove roles from instance profile first." {
		t.Errorf("deleting the role of a profile: %v", err)
	}
	if _, err := c.DeleteInstanceProfile(ctx, &iam.DeleteInstanceProfileInput{InstanceProfileName: p("one")}); code(err) != "DeleteConflict 409" {
		t.Errorf("deleting a profile with a role: %v", err)
	}
	if _, err := c.RemoveRoleFromInstanceProfile(ctx, &iam.RemoveRoleFromInstanceProfileInput{InstanceProfileName: p("one"), RoleName: p("db")}); code(err) != "NoSuchEntity 404" {
		t.Errorf("removing a role that is not in it: %v", err)
	}
	must[*iam.RemoveRoleFromInstanceProfileOutput](t)(c.RemoveRoleFromInstanceProfile(ctx, &iam.RemoveRoleFromInstanceProfileInput{InstanceProfileName: p("one"), RoleName: p("web")}))
	must[*iam.DeleteInstanceProfileOutput](t)(c.DeleteInstanceProfile(ctx, &iam.DeleteInstanceProfileInput{InstanceProfileName: p("one")}))
	if _, err := c.GetInstanceProfile(ctx, &iam.GetInstanceProfileInput{InstanceProfileName: p("one")}); code(err) != "NoSuchEntity 404" {
		t.Errorf("getting a deleted profile: %v", err)
	}
}
