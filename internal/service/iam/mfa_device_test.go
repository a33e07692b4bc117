package iam_test

import (
	"crypto/hmac"
	"crypto/sha1"
	"encoding/base32"
	"encoding/binary"
	"fmt"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	iamservice "strongroom/internal/service/iam"
	"strongroom/internal/service/iam/iamtest"
)

// authenticator is a person's device: RFC 6238 once more.
func authenticator(t *testing.T, seed []byte, at time.Time) string {
	t.Helper()
	key, err := base32.StdEncoding.DecodeString(string(seed))
	if err != nil {
		t.Fatal(err)
	}
	mac := hmac.New(sha1.New, key)
	mac.Write(binary.BigEndian.AppendUint64(nil, uint64(at.Unix()/30)))
	sum := mac.Sum(nil)
	n := binary.BigEndian.Uint32(sum[sum[19]&15:]) & (1<<31 - 1)
	return fmt.Sprintf("%06d", n%1_000_000)
}

func TestMFADevices(t *testing.T) {
	t.Parallel()
	h := iamtest.New(t)
	c, ctx := h.IAMClient(iamtest.Member), t.Context()
	config := h.User(t, iamtest.Member, "u", `{"Version":"2012-10-17","Statement":[
		{"Effect":"Allow","Action":["iam:ListRoles","iam:GetUser"],"Resource":"*","Condition":{"Bool":{"aws:MultiFactorAuthPresent":"true"}}},
		{"Effect":"Allow","Action":"sts:AssumeRole","Resource":"*"}]}`)
	now := h.Wall.Now

	device := must[*iam.CreateVirtualMFADeviceOutput](t)(c.CreateVirtualMFADevice(ctx, &iam.CreateVirtualMFADeviceInput{
		VirtualMFADeviceName: p("phone"), Tags: []types.Tag{{Key: p("owner"), Value: p("u")}},
	})).VirtualMFADevice
	if want := "arn:aws:iam::111111111111:mfa/phone"; *device.SerialNumber != want {
		t.Errorf("serial number %s, want %s", *device.SerialNumber, want)
	}
	if _, err := c.CreateVirtualMFADevice(ctx, &iam.CreateVirtualMFADeviceInput{VirtualMFADeviceName: p("phone")}); code(err) != "EntityAlreadyExists 409" {
		t.Errorf("a second device of the name: %v", err)
	}
	enable := func(first, second string) error {
		_, err := c.EnableMFADevice(ctx, &iam.EnableMFADeviceInput{UserName: p("u"), SerialNumber: device.SerialNumber, AuthenticationCode1: &first, AuthenticationCode2: &second})
		return err
	}
	before, at := authenticator(t, device.Base32StringSeed, now().Add(-30*time.Second)), authenticator(t, device.Base32StringSeed, now())
	if err := enable(at, before); code(err) != "InvalidAuthenticationCode 403" {
		t.Errorf("codes in the wrong order: %v", err)
	}
	if err := enable(before, at); err != nil {
		t.Fatal(err)
	}
	if err := enable(before, at); code(err) != "EntityAlreadyExists 409" {
		t.Errorf("enabling a device twice: %v", err)
	}
	listed := must[*iam.ListMFADevicesOutput](t)(c.ListMFADevices(ctx, &iam.ListMFADevicesInput{UserName: p("u")})).MFADevices
	if len(listed) != 1 || *listed[0].UserName != "u" {
		t.Errorf("devices of u: %+v", listed)
	}
	if got := must[*iam.GetMFADeviceOutput](t)(c.GetMFADevice(ctx, &iam.GetMFADeviceInput{SerialNumber: device.SerialNumber, UserName: p("u")})); got.EnableDate == nil {
		t.Errorf("the device reads %+v", got)
	}
	for status, want := range map[types.AssignmentStatusType]int{types.AssignmentStatusTypeAssigned: 1, types.AssignmentStatusTypeUnassigned: 0, types.AssignmentStatusTypeAny: 1} {
		if got := must[*iam.ListVirtualMFADevicesOutput](t)(c.ListVirtualMFADevices(ctx, &iam.ListVirtualMFADevicesInput{AssignmentStatus: status})).VirtualMFADevices; len(got) != want {
			t.Errorf("%s devices: %+v", status, got)
		}
	}

	// A session begun with a code may do what the policy asks MFA for, and IAM besides; one begun without may not.
	user := sts.NewFromConfig(config)
	session := func(code string) (*sts.GetSessionTokenOutput, error) {
		return user.GetSessionToken(ctx, &sts.GetSessionTokenInput{SerialNumber: device.SerialNumber, TokenCode: &code})
	}
	if _, err := session(at); code(err) != "AccessDenied 403" || message(err) != "MultiFactorAuthentication failed with invalid MFA one time pass code." {
		t.Errorf("a code that was used before: %v", err)
	}
	h.Wall.Advance(30 * time.Second)
	out, err := session(authenticator(t, device.Base32StringSeed, now()))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := iam.NewFromConfig(h.WithSession(out.Credentials)).ListRoles(ctx, &iam.ListRolesInput{}); err != nil {
		t.Errorf("listing roles with MFA: %v", err)
	}
	if _, err := iam.NewFromConfig(config).ListRoles(ctx, &iam.ListRolesInput{}); code(err) != "AccessDenied 403" {
		t.Errorf("listing roles without MFA: %v", err)
	}

	// So may a role demand it of who assumes it.
	role := h.Role(t, iamtest.Member, "guarded", `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"111111111111"},"Action":"sts:AssumeRole",
		"Condition":{"Bool":{"aws:MultiFactorAuthPresent":"true"}}}]}`)
	if _, err := user.AssumeRole(ctx, &sts.AssumeRoleInput{RoleArn: &role, RoleSessionName: p("ss")}); code(err) != "AccessDenied 403" {
		t.Errorf("assuming the role without MFA: %v", err)
	}
	h.Wall.Advance(30 * time.Second)
	if _, err := user.AssumeRole(ctx, &sts.AssumeRoleInput{
		RoleArn: &role, RoleSessionName: p("ss"), SerialNumber: device.SerialNumber, TokenCode: p(authenticator(t, device.Base32StringSeed, now())),
	}); err != nil {
		t.Errorf("assuming the role with MFA: %v", err)
	}

	h.Wall.Advance(time.Minute)
	first, second := authenticator(t, device.Base32StringSeed, now()), authenticator(t, device.Base32StringSeed, now().Add(30*time.Second))
	must[*iam.ResyncMFADeviceOutput](t)(c.ResyncMFADevice(ctx, &iam.ResyncMFADeviceInput{UserName: p("u"), SerialNumber: device.SerialNumber, AuthenticationCode1: &first, AuthenticationCode2: &second}))
	must[*iam.TagMFADeviceOutput](t)(c.TagMFADevice(ctx, &iam.TagMFADeviceInput{SerialNumber: device.SerialNumber, Tags: []types.Tag{{Key: p("a"), Value: p("1")}}}))
	must[*iam.UntagMFADeviceOutput](t)(c.UntagMFADevice(ctx, &iam.UntagMFADeviceInput{SerialNumber: device.SerialNumber, TagKeys: []string{"owner"}}))
	if tags := must[*iam.ListMFADeviceTagsOutput](t)(c.ListMFADeviceTags(ctx, &iam.ListMFADeviceTagsInput{SerialNumber: device.SerialNumber})).Tags; len(tags) != 1 || *tags[0].Key != "a" {
		t.Errorf("tags: %+v", tags)
	}
	if _, err := c.DeleteVirtualMFADevice(ctx, &iam.DeleteVirtualMFADeviceInput{SerialNumber: device.SerialNumber}); code(err) != "DeleteConflict 409" {
		t.Errorf("deleting a device in use: %v", err)
	}
	if _, err := c.DeactivateMFADevice(ctx, &iam.DeactivateMFADeviceInput{UserName: p("admin"), SerialNumber: device.SerialNumber}); code(err) != "NoSuchEntity 404" {
		t.Errorf("deactivating it for another user: %v", err)
	}
	// Another account's administrator sees nothing of it.
	if _, err := h.IAMClient(iamtest.Backup).DeleteVirtualMFADevice(ctx, &iam.DeleteVirtualMFADeviceInput{SerialNumber: device.SerialNumber}); code(err) != "NoSuchEntity 404" && code(err) != "AccessDenied 403" {
		t.Errorf("deleting another account's device: %v", err)
	}
	must[*iam.DeactivateMFADeviceOutput](t)(c.DeactivateMFADevice(ctx, &iam.DeactivateMFADeviceInput{UserName: p("u"), SerialNumber: device.SerialNumber}))
	must[*iam.DeleteVirtualMFADeviceOutput](t)(c.DeleteVirtualMFADevice(ctx, &iam.DeleteVirtualMFADeviceInput{SerialNumber: device.SerialNumber}))
}

// Wrong codes in a row have a device refused for a while, longer and longer, right codes included; a right one ends it.
func TestGuessedMFACodes(t *testing.T) {
	t.Parallel()
	h := iamtest.New(t)
	c, ctx := h.IAMClient(iamtest.Member), t.Context()
	user := sts.NewFromConfig(h.User(t, iamtest.Member, "u", ""))
	now := h.Wall.Now
	device := must[*iam.CreateVirtualMFADeviceOutput](t)(c.CreateVirtualMFADevice(ctx, &iam.CreateVirtualMFADeviceInput{VirtualMFADeviceName: p("phone")})).VirtualMFADevice
	first, second := authenticator(t, device.Base32StringSeed, now().Add(-30*time.Second)), authenticator(t, device.Base32StringSeed, now())
	must[*iam.EnableMFADeviceOutput](t)(c.EnableMFADevice(ctx, &iam.EnableMFADeviceInput{
		UserName: p("u"), SerialNumber: device.SerialNumber, AuthenticationCode1: &first, AuthenticationCode2: &second,
	}))
	session := func(code string) error {
		_, err := user.GetSessionToken(ctx, &sts.GetSessionTokenInput{SerialNumber: device.SerialNumber, TokenCode: &code})
		return err
	}
	wrong := func(times int) {
		t.Helper()
		for i := range times {
			// A code of long ago, which is wrong as surely as codes are.
			if err := session(authenticator(t, device.Base32StringSeed, now().Add(-time.Hour*time.Duration(i+1)))); code(err) != "AccessDenied 403" {
				t.Errorf("a wrong code: %v", err)
			}
		}
	}
	right := func(want string) {
		t.Helper()
		if err := session(authenticator(t, device.Base32StringSeed, now())); code(err) != want {
			t.Errorf("a right code: %v, want %s", err, want)
		}
	}
	h.Wall.Advance(time.Minute)
	wrong(4)
	right("<nil>")
	h.Wall.Advance(time.Minute)
	wrong(4) // counted anew
	right("<nil>")
	h.Wall.Advance(time.Minute)
	wrong(5)
	right("AccessDenied 403")
	wrong(20) // not looked at, and not counted
	h.Wall.Advance(time.Minute)
	wrong(1)
	h.Wall.Advance(time.Minute)
	right("AccessDenied 403") // two minutes now
	h.Wall.Advance(time.Minute)
	right("<nil>")
	h.Wall.Advance(time.Minute)
	wrong(5)
	right("AccessDenied 403")

	// Two codes in a row, which need a permission, end the refusal, too.
	first, second = authenticator(t, device.Base32StringSeed, now()), authenticator(t, device.Base32StringSeed, now().Add(30*time.Second))
	must[*iam.ResyncMFADeviceOutput](t)(c.ResyncMFADevice(ctx, &iam.ResyncMFADeviceInput{UserName: p("u"), SerialNumber: device.SerialNumber, AuthenticationCode1: &first, AuthenticationCode2: &second}))
	h.Wall.Advance(time.Minute)
	right("<nil>")

	// A device is never refused for more than a quarter of an hour, however many codes were wrong.
	caller := h.Caller(t, iamtest.Member)
	caller.ARN = "arn:aws:iam::" + iamtest.Member + ":user/u"
	at := now().Add(time.Minute)
	check := func(code string, want bool) {
		t.Helper()
		if ok, err := iamservice.CheckMFA(ctx, h.DB, h.Keeper, caller, *device.SerialNumber, code, at); err != nil || ok != want {
			t.Errorf("the code counts: %v %v, want %v", ok, err, want)
		}
	}
	for range 70 {
		check("none", false)
		at = at.Add(15 * time.Minute)
	}
	check("none", false)
	at = at.Add(15*time.Minute - time.Second)
	check(authenticator(t, device.Base32StringSeed, at), false)
	at = at.Add(time.Second)
	check(authenticator(t, device.Base32StringSeed, at), true)
}

func TestRenaming(t *testing.T) {
	t.Parallel()
	h := iamtest.New(t)
	c, ctx := h.IAMClient(iamtest.Member), t.Context()
	config := h.User(t, iamtest.Member, "old", allowRead)
	must[*iam.CreateGroupOutput](t)(c.CreateGroup(ctx, &iam.CreateGroupInput{GroupName: p("staff")}))
	must[*iam.AddUserToGroupOutput](t)(c.AddUserToGroup(ctx, &iam.AddUserToGroupInput{GroupName: p("staff"), UserName: p("old")}))
	must[*iam.PutGroupPolicyOutput](t)(c.PutGroupPolicy(ctx, &iam.PutGroupPolicyInput{GroupName: p("staff"), PolicyName: p("g"), PolicyDocument: p(allowAll)}))

	if _, err := c.UpdateUser(ctx, &iam.UpdateUserInput{UserName: p("old"), NewUserName: p("ADMIN")}); code(err) != "EntityAlreadyExists 409" {
		t.Errorf("renaming to a name that is taken: %v", err)
	}
	must[*iam.UpdateUserOutput](t)(c.UpdateUser(ctx, &iam.UpdateUserInput{UserName: p("old"), NewUserName: p("new"), NewPath: p("/team/")}))
	must[*iam.UpdateGroupOutput](t)(c.UpdateGroup(ctx, &iam.UpdateGroupInput{GroupName: p("staff"), NewGroupName: p("crew")}))
	identity := must[*sts.GetCallerIdentityOutput](t)(sts.NewFromConfig(config).GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{}))
	if want := "arn:aws:iam::111111111111:user/team/new"; *identity.Arn != want {
		t.Errorf("the key speaks for %s, want %s", *identity.Arn, want)
	}
	if got := must[*iam.GetUserPolicyOutput](t)(iam.NewFromConfig(config).GetUserPolicy(ctx, &iam.GetUserPolicyInput{UserName: p("new"), PolicyName: p("p")})); got.PolicyDocument == nil {
		t.Error("the inline policy is gone")
	}
	groups := must[*iam.ListGroupsForUserOutput](t)(c.ListGroupsForUser(ctx, &iam.ListGroupsForUserInput{UserName: p("new")})).Groups
	if len(groups) != 1 || *groups[0].GroupName != "crew" {
		t.Errorf("groups: %+v", groups)
	}
	if _, err := iam.NewFromConfig(config).CreateGroup(ctx, &iam.CreateGroupInput{GroupName: p("another")}); err != nil {
		t.Errorf("what the group allows: %v", err)
	}
	if _, err := c.GetUser(ctx, &iam.GetUserInput{UserName: p("old")}); code(err) != "NoSuchEntity 404" {
		t.Errorf("the former name: %v", err)
	}
	for i := range 9 {
		name := fmt.Sprint("g", i)
		must[*iam.CreateGroupOutput](t)(c.CreateGroup(ctx, &iam.CreateGroupInput{GroupName: &name}))
		_, err := c.AddUserToGroup(ctx, &iam.AddUserToGroupInput{GroupName: &name, UserName: p("new")})
		if err != nil {
			t.Errorf("group %d: %v", i, err)
		}
	}
	if _, err := c.AddUserToGroup(ctx, &iam.AddUserToGroupInput{GroupName: p("another"), UserName: p("new")}); code(err) != "LimitExceeded 409" {
		t.Errorf("the eleventh group: %v", err)
	}
}
