package organizations_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/organizations"
	"github.com/aws/aws-sdk-go-v2/service/organizations/types"

	"strongroom/internal/api"
	"strongroom/internal/service/iam/iamtest"
)

const backupService = "backup.amazonaws.com"

func (r *ruled) trust(t *testing.T, service string) {
	t.Helper()
	must[*organizations.EnableAWSServiceAccessOutput](t)(r.EnableAWSServiceAccess(t.Context(), &organizations.EnableAWSServiceAccessInput{ServicePrincipal: &service}))
}

func (r *ruled) register(t *testing.T, account, service string) error {
	t.Helper()
	_, err := r.RegisterDelegatedAdministrator(t.Context(), &organizations.RegisterDelegatedAdministratorInput{AccountId: &account, ServicePrincipal: &service})
	return err
}

func (r *ruled) deregister(t *testing.T, account, service string) error {
	t.Helper()
	_, err := r.DeregisterDelegatedAdministrator(t.Context(), &organizations.DeregisterDelegatedAdministratorInput{AccountId: &account, ServicePrincipal: &service})
	return err
}

// reasonOf is an error's code with the reason that it carries.
func reasonOf(err error) string {
	var invalid *types.InvalidInputException
	var constraint *types.ConstraintViolationException
	var handshake *types.HandshakeConstraintViolationException
	switch {
	case errors.As(err, &invalid):
		return code(err) + "/" + string(invalid.Reason)
	case errors.As(err, &constraint):
		return code(err) + "/" + string(constraint.Reason)
	case errors.As(err, &handshake):
		return code(err) + "/" + string(handshake.Reason)
	}
	return code(err)
}

// reads are calls that look at the organization, by name.
func reads(r *ruled, c *organizations.Client, policy string) map[string]func(t *testing.T) error {
	return map[string]func(*testing.T) error{
		"DescribeAccount": func(t *testing.T) error {
			_, err := c.DescribeAccount(t.Context(), &organizations.DescribeAccountInput{AccountId: p(iamtest.Member)})
			return err
		},
		"DescribeEffectivePolicy": func(t *testing.T) error {
			_, err := c.DescribeEffectivePolicy(t.Context(), &organizations.DescribeEffectivePolicyInput{PolicyType: effectiveBackups, TargetId: p(iamtest.Member)})
			return err
		},
		"DescribePolicy": func(t *testing.T) error {
			_, err := c.DescribePolicy(t.Context(), &organizations.DescribePolicyInput{PolicyId: &policy})
			return err
		},
		"ListAccounts": func(t *testing.T) error {
			_, err := c.ListAccounts(t.Context(), &organizations.ListAccountsInput{})
			return err
		},
		"ListAccountsForParent": func(t *testing.T) error {
			_, err := c.ListAccountsForParent(t.Context(), &organizations.ListAccountsForParentInput{ParentId: &r.root})
			return err
		},
		"ListAccountsWithInvalidEffectivePolicy": func(t *testing.T) error {
			_, err := c.ListAccountsWithInvalidEffectivePolicy(t.Context(), &organizations.ListAccountsWithInvalidEffectivePolicyInput{PolicyType: effectiveBackups})
			return err
		},
		"ListEffectivePolicyValidationErrors": func(t *testing.T) error {
			_, err := c.ListEffectivePolicyValidationErrors(t.Context(), &organizations.ListEffectivePolicyValidationErrorsInput{PolicyType: effectiveBackups, AccountId: p(iamtest.Member)})
			return err
		},
		"ListAWSServiceAccessForOrganization": func(t *testing.T) error {
			_, err := c.ListAWSServiceAccessForOrganization(t.Context(), &organizations.ListAWSServiceAccessForOrganizationInput{})
			return err
		},
		"ListChildren": func(t *testing.T) error {
			_, err := c.ListChildren(t.Context(), &organizations.ListChildrenInput{ParentId: &r.root, ChildType: types.ChildTypeAccount})
			return err
		},
		"ListParents": func(t *testing.T) error {
			_, err := c.ListParents(t.Context(), &organizations.ListParentsInput{ChildId: p(iamtest.Member)})
			return err
		},
		"ListDelegatedAdministrators": func(t *testing.T) error {
			_, err := c.ListDelegatedAdministrators(t.Context(), &organizations.ListDelegatedAdministratorsInput{})
			return err
		},
		"ListDelegatedServicesForAccount": func(t *testing.T) error {
			_, err := c.ListDelegatedServicesForAccount(t.Context(), &organizations.ListDelegatedServicesForAccountInput{AccountId: p(iamtest.Backup)})
			return err
		},
		"ListPolicies": func(t *testing.T) error {
			_, err := c.ListPolicies(t.Context(), &organizations.ListPoliciesInput{Filter: backups})
			return err
		},
		"ListPoliciesForTarget": func(t *testing.T) error {
			_, err := c.ListPoliciesForTarget(t.Context(), &organizations.ListPoliciesForTargetInput{TargetId: &r.root, Filter: backups})
			return err
		},
		"ListTargetsForPolicy": func(t *testing.T) error {
			_, err := c.ListTargetsForPolicy(t.Context(), &organizations.ListTargetsForPolicyInput{PolicyId: &policy})
			return err
		},
		"ListRoots": func(t *testing.T) error {
			_, err := c.ListRoots(t.Context(), &organizations.ListRootsInput{})
			return err
		},
		"ListTagsForResource": func(t *testing.T) error {
			_, err := c.ListTagsForResource(t.Context(), &organizations.ListTagsForResourceInput{ResourceId: &r.root})
			return err
		},
		"ListHandshakesForOrganization": func(t *testing.T) error {
			_, err := c.ListHandshakesForOrganization(t.Context(), &organizations.ListHandshakesForOrganizationInput{})
			return err
		},
		"ListCreateAccountStatus": func(t *testing.T) error {
			_, err := c.ListCreateAccountStatus(t.Context(), &organizations.ListCreateAccountStatusInput{})
			return err
		},
	}
}

// A delegated administrator looks at the organization, and changes nothing of it.
func TestDelegatedAdministrator(t *testing.T) {
	t.Parallel()
	r, ctx := newRuled(t), t.Context()
	r.enable(t, backups)
	base := r.policy(t, backups, "base", plan("Base", "Daily"))
	r.attach(t, base, r.root)
	if err := r.register(t, iamtest.Backup, backupService); reasonOf(err) != "ConstraintViolationException/SERVICE_ACCESS_NOT_ENABLED" {
		t.Errorf("without trusted access: %v", err)
	}
	r.trust(t, backupService)
	r.trust(t, "config.amazonaws.com")
	c := r.h.OrganizationsClient(iamtest.Backup)
	for name, call := range reads(r, c, base) {
		if err := call(t); code(err) != "AccessDeniedException" || !strings.Contains(err.Error(), "You don't have permissions to access this resource.") {
			t.Errorf("%s by a member: %v", name, err)
		}
	}
	if err := r.register(t, iamtest.Backup, backupService); err != nil {
		t.Fatal(err)
	}
	for name, call := range reads(r, c, base) {
		if err := call(t); err != nil {
			t.Errorf("%s by a delegated administrator: %v", name, err)
		}
	}
	weak := organizations.NewFromConfig(r.h.User(t, iamtest.Backup, "weak", ""))
	for name, call := range reads(r, weak, base) {
		if err := call(t); code(err) != "AccessDeniedException" || !strings.Contains(err.Error(), "no identity-based policy allows the organizations:"+name+" action") {
			t.Errorf("%s by a user without policies: %v", name, err)
		}
	}
	for name, err := range map[string]error{
		"CreatePolicy": func() error {
			_, err := c.CreatePolicy(ctx, &organizations.CreatePolicyInput{Name: p("x"), Description: p(""), Type: backups, Content: p(plan("P", "R"))})
			return err
		}(),
		"DetachPolicy": func() error {
			_, err := c.DetachPolicy(ctx, &organizations.DetachPolicyInput{PolicyId: &base, TargetId: &r.root})
			return err
		}(),
		"RegisterDelegatedAdministrator": func() error {
			_, err := c.RegisterDelegatedAdministrator(ctx, &organizations.RegisterDelegatedAdministratorInput{AccountId: p(iamtest.Member), ServicePrincipal: p(backupService)})
			return err
		}(),
		"MoveAccount": func() error {
			_, err := c.MoveAccount(ctx, &organizations.MoveAccountInput{AccountId: p(iamtest.Member), SourceParentId: &r.root, DestinationParentId: &r.root})
			return err
		}(),
	} {
		if code(err) != "AccessDeniedException" {
			t.Errorf("%s by a delegated administrator: %v", name, err)
		}
	}

	if err := r.register(t, iamtest.Backup, "config.amazonaws.com"); err != nil {
		t.Fatal(err)
	}
	admins := must[*organizations.ListDelegatedAdministratorsOutput](t)(r.ListDelegatedAdministrators(ctx, &organizations.ListDelegatedAdministratorsInput{})).DelegatedAdministrators
	if len(admins) != 1 || *admins[0].Id != iamtest.Backup || admins[0].DelegationEnabledDate == nil || admins[0].Status != types.AccountStatusActive {
		t.Errorf("delegated administrators: %+v", admins)
	}
	services := must[*organizations.ListDelegatedServicesForAccountOutput](t)(r.ListDelegatedServicesForAccount(ctx, &organizations.ListDelegatedServicesForAccountInput{AccountId: p(iamtest.Backup)})).DelegatedServices
	if len(services) != 2 || *services[0].ServicePrincipal != backupService || *services[1].ServicePrincipal != "config.amazonaws.com" {
		t.Errorf("delegated services: %+v", services)
	}
	of := must[*organizations.ListDelegatedAdministratorsOutput](t)(r.ListDelegatedAdministrators(ctx, &organizations.ListDelegatedAdministratorsInput{ServicePrincipal: p("sso.amazonaws.com")})).DelegatedAdministrators
	if len(of) != 0 {
		t.Errorf("of a service that nobody administers: %+v", of)
	}

	for what, row := range map[string]struct {
		err  error
		want string
	}{
		"registering twice":        {r.register(t, iamtest.Backup, backupService), "AccountAlreadyRegisteredException"},
		"the management account":   {r.register(t, iamtest.Management, backupService), "ConstraintViolationException/CANNOT_REGISTER_MASTER_AS_DELEGATED_ADMINISTRATOR"},
		"nobody":                   {r.register(t, "123412341234", backupService), "AccountNotFoundException"},
		"no service":               {r.register(t, iamtest.Member, "backup.example.com"), "InvalidInputException/UNRECOGNIZED_SERVICE_PRINCIPAL"},
		"deregistering one not so": {r.deregister(t, iamtest.Member, backupService), "AccountNotRegisteredException"},
		"deregistering nobody":     {r.deregister(t, "123412341234", backupService), "AccountNotFoundException"},
		"services of one not so": {func() error {
			_, err := r.ListDelegatedServicesForAccount(ctx, &organizations.ListDelegatedServicesForAccountInput{AccountId: p(iamtest.Member)})
			return err
		}(), "AccountNotRegisteredException"},
		"removing it": {func() error {
			_, err := r.RemoveAccountFromOrganization(ctx, &organizations.RemoveAccountFromOrganizationInput{AccountId: p(iamtest.Backup)})
			return err
		}(), "ConstraintViolationException/CANNOT_REMOVE_DELEGATED_ADMINISTRATOR_FROM_ORG"},
		"leaving": {func() error {
			_, err := c.LeaveOrganization(ctx, &organizations.LeaveOrganizationInput{})
			return err
		}(), "ConstraintViolationException/CANNOT_REMOVE_DELEGATED_ADMINISTRATOR_FROM_ORG"},
		"closing it": {func() error {
			_, err := r.CloseAccount(ctx, &organizations.CloseAccountInput{AccountId: p(iamtest.Backup)})
			return err
		}(), "ConstraintViolationException/CANNOT_REMOVE_DELEGATED_ADMINISTRATOR_FROM_ORG"},
	} {
		if got := reasonOf(row.err); got != row.want {
			t.Errorf("%s: %s, want %s", what, got, row.want)
		}
	}

	if err := r.deregister(t, iamtest.Backup, backupService); err != nil {
		t.Fatal(err)
	}
	if err := reads(r, c, base)["ListAccounts"](t); err != nil {
		t.Errorf("with another service left: %v", err)
	}
	must[*organizations.DisableAWSServiceAccessOutput](t)(r.DisableAWSServiceAccess(ctx, &organizations.DisableAWSServiceAccessInput{ServicePrincipal: p("config.amazonaws.com")}))
	if err := reads(r, c, base)["ListAccounts"](t); code(err) != "AccessDeniedException" {
		t.Errorf("with no service left: %v", err)
	}
	for i := range 6 {
		out := must[*organizations.CreateAccountOutput](t)(r.CreateAccount(ctx, &organizations.CreateAccountInput{AccountName: p("n"), Email: p(fmt.Sprintf("n%d@example.com", i))}))
		want := map[bool]string{true: "ConstraintViolationException/MAX_DELEGATED_ADMINISTRATORS_FOR_SERVICE_LIMIT_EXCEEDED", false: "<nil>"}[i == 5]
		if got := reasonOf(r.register(t, *out.CreateAccountStatus.AccountId, backupService)); got != want {
			t.Errorf("administrator %d: %s, want %s", i+1, got, want)
		}
	}
}

// delegation is the policy that AWS's page of examples has for backup policies, for the whole organization:
// https://docs.aws.amazon.com/organizations/latest/userguide/security_iam_resource-based-policy-examples.html
func delegation(account string) string {
	return strings.NewReplacer("ACCOUNT", account, "MANAGEMENT", iamtest.Management).Replace(`{"Version":"2012-10-17","Statement":[
		{"Sid":"Look","Effect":"Allow","Principal":{"AWS":"arn:aws:iam::ACCOUNT:root"},"Action":[
			"organizations:DescribeOrganization","organizations:DescribeOrganizationalUnit","organizations:DescribeAccount","organizations:DescribePolicy",
			"organizations:DescribeEffectivePolicy","organizations:ListRoots","organizations:ListOrganizationalUnitsForParent","organizations:ListParents",
			"organizations:ListChildren","organizations:ListAccounts","organizations:ListAccountsForParent","organizations:ListPolicies",
			"organizations:ListPoliciesForTarget","organizations:ListTargetsForPolicy","organizations:ListTagsForResource"],
		 "Resource":"*","Condition":{"StringLikeIfExists":{"organizations:PolicyType":"BACKUP_POLICY"}}},
		{"Sid":"Change","Effect":"Allow","Principal":{"AWS":"arn:aws:iam::ACCOUNT:root"},"Action":[
			"organizations:CreatePolicy","organizations:UpdatePolicy","organizations:DeletePolicy","organizations:AttachPolicy","organizations:DetachPolicy",
			"organizations:EnablePolicyType","organizations:DisablePolicyType"],
		 "Resource":["arn:aws:organizations::MANAGEMENT:root/o-a1b2c3d4e5/*","arn:aws:organizations::MANAGEMENT:ou/o-a1b2c3d4e5/*",
			"arn:aws:organizations::MANAGEMENT:account/o-a1b2c3d4e5/*","arn:aws:organizations::MANAGEMENT:policy/o-a1b2c3d4e5/backup_policy/*"],
		 "Condition":{"StringEquals":{"organizations:PolicyType":"BACKUP_POLICY"}}}]}`)
}

// managed is a user with policies of AWS.
func managed(t *testing.T, r *ruled, account, name string, policies ...string) *organizations.Client {
	t.Helper()
	config := r.h.User(t, account, name, "")
	for _, policy := range policies {
		arn := "arn:aws:iam::aws:policy/" + policy
		if _, err := r.h.IAMClient(account).AttachUserPolicy(t.Context(), &iam.AttachUserPolicyInput{UserName: &name, PolicyArn: &arn}); err != nil {
			t.Fatal(err)
		}
	}
	return organizations.NewFromConfig(config)
}

// What the management account delegates, a member with AWSBackupOrganizationAdminAccess can do, and nothing else.
func TestResourcePolicy(t *testing.T) {
	t.Parallel()
	r, ctx := newRuled(t), t.Context()
	r.enable(t, scp)
	guard := r.policy(t, scp, "guard", denyAccess)
	c := managed(t, r, iamtest.Backup, "planner", "AWSBackupOrganizationAdminAccess")
	weak := organizations.NewFromConfig(r.h.User(t, iamtest.Backup, "weak", ""))
	other := r.h.OrganizationsClient(iamtest.Member)
	create := func(c *organizations.Client, name string, kind types.PolicyType, content string) (string, error) {
		out, err := c.CreatePolicy(ctx, &organizations.CreatePolicyInput{Name: &name, Description: p(""), Type: kind, Content: &content})
		if err != nil {
			return "", err
		}
		return *out.Policy.PolicySummary.Id, nil
	}
	enable := func(c *organizations.Client, kind types.PolicyType) error {
		_, err := c.EnablePolicyType(ctx, &organizations.EnablePolicyTypeInput{RootId: &r.root, PolicyType: kind})
		return err
	}
	refused := func(what string, err error, text string) {
		t.Helper()
		if code(err) != "AccessDeniedException" || !strings.Contains(err.Error(), text) {
			t.Errorf("%s: %v, want %s", what, err, text)
		}
	}
	const told = "You don't have permissions to access this resource."
	_, err := create(c, "early", backups, plan("P", "R"))
	refused("before it is delegated", err, told)
	if _, err := r.DescribeResourcePolicy(ctx, &organizations.DescribeResourcePolicyInput{}); code(err) != "ResourcePolicyNotFoundException" {
		t.Errorf("describing none: %v", err)
	}
	if _, err := r.DeleteResourcePolicy(ctx, &organizations.DeleteResourcePolicyInput{}); code(err) != "ResourcePolicyNotFoundException" {
		t.Errorf("deleting none: %v", err)
	}
	made := must[*organizations.PutResourcePolicyOutput](t)(r.PutResourcePolicy(ctx, &organizations.PutResourcePolicyInput{
		Content: p(delegation(iamtest.Backup)), Tags: []types.Tag{{Key: p("a"), Value: p("b")}},
	})).ResourcePolicy.ResourcePolicySummary
	if want := "arn:aws:organizations::999999999999:resourcepolicy/o-a1b2c3d4e5/" + *made.Id; *made.Arn != want || !strings.HasPrefix(*made.Id, "rp-") {
		t.Errorf("made %s, want %s", *made.Arn, want)
	}
	if tags := must[*organizations.ListTagsForResourceOutput](t)(r.ListTagsForResource(ctx, &organizations.ListTagsForResourceInput{ResourceId: made.Id})).Tags; len(tags) != 1 {
		t.Errorf("its tags: %v", tags)
	}

	if err := enable(c, backups); err != nil {
		t.Errorf("enabling backup policies: %v", err)
	}
	id, err := create(c, "delegated", backups, plan("P", "R"))
	if err != nil {
		t.Fatalf("creating a backup policy: %v", err)
	}
	steps := []struct {
		name string
		call func() error
	}{
		{"AttachPolicy", func() error {
			_, err := c.AttachPolicy(ctx, &organizations.AttachPolicyInput{PolicyId: &id, TargetId: p(iamtest.Member)})
			return err
		}},
		{"UpdatePolicy", func() error {
			_, err := c.UpdatePolicy(ctx, &organizations.UpdatePolicyInput{PolicyId: &id, Content: p(plan("P", "S"))})
			return err
		}},
		{"DescribePolicy", func() error {
			_, err := c.DescribePolicy(ctx, &organizations.DescribePolicyInput{PolicyId: &id})
			return err
		}},
		{"DescribeEffectivePolicy", func() error {
			_, err := c.DescribeEffectivePolicy(ctx, &organizations.DescribeEffectivePolicyInput{PolicyType: effectiveBackups, TargetId: p(iamtest.Member)})
			return err
		}},
		{"ListAccounts", func() error { _, err := c.ListAccounts(ctx, &organizations.ListAccountsInput{}); return err }},
		{"ListRoots", func() error { _, err := c.ListRoots(ctx, &organizations.ListRootsInput{}); return err }},
		{"ListPolicies", func() error {
			_, err := c.ListPolicies(ctx, &organizations.ListPoliciesInput{Filter: backups})
			return err
		}},
		{"DetachPolicy", func() error {
			_, err := c.DetachPolicy(ctx, &organizations.DetachPolicyInput{PolicyId: &id, TargetId: p(iamtest.Member)})
			return err
		}},
		{"DeletePolicy", func() error {
			_, err := c.DeletePolicy(ctx, &organizations.DeletePolicyInput{PolicyId: &id})
			return err
		}},
		{"DisablePolicyType", func() error {
			_, err := c.DisablePolicyType(ctx, &organizations.DisablePolicyTypeInput{RootId: &r.root, PolicyType: backups})
			return err
		}},
	}
	for _, step := range steps {
		if err := step.call(); err != nil {
			t.Errorf("%s by the delegate: %v", step.name, err)
		}
	}

	everything := r.h.OrganizationsClient(iamtest.Backup) // whose identity policies allow all
	_, err = create(everything, "scp", scp, denyAccess)
	refused("another type", err, told)
	_, err = everything.AttachPolicy(ctx, &organizations.AttachPolicyInput{PolicyId: &guard, TargetId: p(iamtest.Member)})
	refused("attaching another type", err, told)
	_, err = everything.ListPolicies(ctx, &organizations.ListPoliciesInput{Filter: scp})
	refused("listing another type", err, told)
	refused("enabling another type", enable(everything, tags), told)
	_, err = everything.MoveAccount(ctx, &organizations.MoveAccountInput{AccountId: p(iamtest.Member), SourceParentId: &r.root, DestinationParentId: &r.root})
	refused("what cannot be delegated", err, told)
	_, err = everything.PutResourcePolicy(ctx, &organizations.PutResourcePolicyInput{Content: p(delegation(iamtest.Backup))})
	refused("delegating", err, told)
	_, err = create(weak, "weak", backups, plan("P", "R"))
	refused("a user without policies", err, "no identity-based policy allows the organizations:CreatePolicy action")
	_, err = create(other, "other", backups, plan("P", "R"))
	refused("another member", err, told)

	must[*organizations.DeleteResourcePolicyOutput](t)(r.DeleteResourcePolicy(ctx, &organizations.DeleteResourcePolicyInput{}))
	_, err = create(c, "late", backups, plan("P", "R"))
	refused("taken back", err, told)
	if _, err := r.ListTagsForResource(ctx, &organizations.ListTagsForResourceInput{ResourceId: made.Id}); code(err) != "TargetNotFoundException" {
		t.Errorf("the tags of what is gone: %v", err)
	}
}

// A part of the tree can be delegated alone.
func TestResourcePolicyForAUnit(t *testing.T) {
	t.Parallel()
	r, ctx := newRuled(t), t.Context()
	r.enable(t, backups)
	id, unit := r.policy(t, backups, "base", plan("Base", "Daily")), r.unit(t, r.root, "mine")
	must[*organizations.PutResourcePolicyOutput](t)(r.PutResourcePolicy(ctx, &organizations.PutResourcePolicyInput{Content: p(fmt.Sprintf(
		`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":%q},"Action":["organizations:AttachPolicy","organizations:DetachPolicy"],
		"Resource":["arn:aws:organizations::%s:ou/o-a1b2c3d4e5/%s","arn:aws:organizations::%[2]s:policy/o-a1b2c3d4e5/backup_policy/*"]}]}`,
		"arn:aws:iam::"+iamtest.Backup+":user/admin", iamtest.Management, unit))}))
	c := r.h.OrganizationsClient(iamtest.Backup)
	if _, err := c.AttachPolicy(ctx, &organizations.AttachPolicyInput{PolicyId: &id, TargetId: &unit}); err != nil {
		t.Errorf("at the unit: %v", err)
	}
	for _, elsewhere := range []string{r.root, iamtest.Member, r.unit(t, r.root, "other")} {
		if _, err := c.AttachPolicy(ctx, &organizations.AttachPolicyInput{PolicyId: &id, TargetId: &elsewhere}); code(err) != "AccessDeniedException" {
			t.Errorf("at %s: %v", elsewhere, err)
		}
	}
	r.enable(t, scp)
	r.attach(t, r.policy(t, scp, "no", `{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":"organizations:DetachPolicy","Resource":"*"}]}`), iamtest.Backup)
	if _, err := c.DetachPolicy(ctx, &organizations.DetachPolicyInput{PolicyId: &id, TargetId: &unit}); code(err) != "AccessDeniedException" || !strings.Contains(err.Error(), "explicit deny in a service control policy") {
		t.Errorf("against an SCP of the delegate: %v", err)
	}
}

// What the door let through is held once more against the resource policy that there is when the call is made.
func TestResourcePolicyIsAskedInTheTransaction(t *testing.T) {
	t.Parallel()
	r, ctx := newRuled(t), t.Context()
	r.enable(t, backups)
	put := func(account string) {
		t.Helper()
		must[*organizations.PutResourcePolicyOutput](t)(r.PutResourcePolicy(ctx, &organizations.PutResourcePolicyInput{Content: p(delegation(account))}))
	}
	create := func(name string) error { // past the door
		_, err := r.h.Organizations.CreatePolicy(ctx, r.h.Caller(t, iamtest.Backup), &organizations.CreatePolicyInput{Name: &name, Description: p(""), Type: backups, Content: p(plan("P", "R"))})
		return err
	}
	put(iamtest.Member)
	if err := create("a"); api.Code(err) != "AccessDeniedException" {
		t.Errorf("by whom the policy does not name: %v", err)
	}
	put(iamtest.Backup)
	if err := create("a"); err != nil {
		t.Errorf("by whom it names: %v", err)
	}
}

// A delegate tags policies of the type that it has, and sees their tags.
func TestDelegatedTags(t *testing.T) {
	t.Parallel()
	r, ctx := newRuled(t), t.Context()
	r.enable(t, scp)
	backup, guard := r.policy(t, backups, "base", plan("P", "R")), r.policy(t, scp, "guard", denyAccess)
	must[*organizations.PutResourcePolicyOutput](t)(r.PutResourcePolicy(ctx, &organizations.PutResourcePolicyInput{Content: p(
		`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"` + iamtest.Backup + `"},"Action":["organizations:TagResource","organizations:UntagResource","organizations:ListTagsForResource"],
		"Resource":"*","Condition":{"StringEquals":{"organizations:PolicyType":"BACKUP_POLICY"}}}]}`)}))
	c := r.h.OrganizationsClient(iamtest.Backup)
	tag := func(id string) error {
		_, err := c.TagResource(ctx, &organizations.TagResourceInput{ResourceId: &id, Tags: []types.Tag{{Key: p("a"), Value: p("b")}}})
		return err
	}
	if err := tag(backup); err != nil {
		t.Errorf("a backup policy: %v", err)
	}
	if got := must[*organizations.ListTagsForResourceOutput](t)(c.ListTagsForResource(ctx, &organizations.ListTagsForResourceInput{ResourceId: &backup})).Tags; len(got) != 1 {
		t.Errorf("its tags: %v", got)
	}
	for what, id := range map[string]string{"another type": guard, "an account": iamtest.Member, "the root": r.root} {
		if err := tag(id); code(err) != "AccessDeniedException" {
			t.Errorf("%s: %v", what, err)
		}
	}
}

// Each row is a resource policy that is refused.
func TestResourcePolicyErrors(t *testing.T) {
	t.Parallel()
	r, ctx := newRuled(t), t.Context()
	statement := func(more string) string {
		return `{"Version":"2012-10-17","Statement":[{"Effect":"Allow",` + more + `}]}`
	}
	const member = `"Principal":{"AWS":"arn:aws:iam::111111111111:root"},`
	for what, row := range map[string]struct{ content, want string }{
		"no JSON":                {"no", "InvalidInputException/INVALID_RESOURCE_POLICY_JSON"},
		"no principal":           {statement(`"Action":"organizations:ListAccounts","Resource":"*"`), "InvalidInputException/INVALID_RESOURCE_POLICY_JSON"},
		"a service":              {statement(`"Principal":{"Service":"backup.amazonaws.com"},"Action":"organizations:ListAccounts","Resource":"*"`), "InvalidInputException/INVALID_PRINCIPAL"},
		"closing accounts":       {statement(member + `"Action":"organizations:CloseAccount","Resource":"*"`), "InvalidInputException/UNSUPPORTED_ACTION_IN_RESOURCE_POLICY"},
		"everything":             {statement(member + `"Action":"organizations:*","Resource":"*"`), "InvalidInputException/UNSUPPORTED_ACTION_IN_RESOURCE_POLICY"},
		"another service's":      {statement(member + `"Action":"backup:ListBackupPlans","Resource":"*"`), "InvalidInputException/UNSUPPORTED_ACTION_IN_RESOURCE_POLICY"},
		"all but one":            {statement(member + `"NotAction":"organizations:CloseAccount","Resource":"*"`), "InvalidInputException/UNSUPPORTED_ACTION_IN_RESOURCE_POLICY"},
		"another's resource":     {statement(member + `"Action":"organizations:ListAccounts","Resource":"arn:aws:s3:::b"`), "InvalidInputException/UNSUPPORTED_RESOURCE_IN_RESOURCE_POLICY"},
		"no type of policy":      {statement(member + `"Action":"organizations:ListPolicies","Resource":"*","Condition":{"StringEquals":{"organizations:PolicyType":"BACKUPS"}}`), "InvalidInputException/UNSUPPORTED_POLICY_TYPE_IN_RESOURCE_POLICY"},
		"too long":               {statement(member+`"Action":"organizations:ListAccounts","Resource":"*"`) + strings.Repeat(" ", 40000), "InvalidInputException/MAX_LENGTH_EXCEEDED"},
		"what can be, by a star": {statement(member + `"Action":["organizations:List*","organizations:Describe*"],"Resource":"*"`), "<nil>"},
	} {
		_, err := r.PutResourcePolicy(ctx, &organizations.PutResourcePolicyInput{Content: &row.content})
		if got := reasonOf(err); got != row.want {
			t.Errorf("%s: %s, want %s (%v)", what, got, row.want, err)
		}
	}
	if _, err := r.PutResourcePolicy(ctx, &organizations.PutResourcePolicyInput{Content: p(delegation(iamtest.Member)), Tags: []types.Tag{{Key: p("a"), Value: p("b")}}}); code(err) != "InvalidInputException" {
		t.Errorf("tags for one that is there: %v", err)
	}
}

// AWSBackupOrganizationAdminAccess is enough for all that backups across an organization need of Organizations, and for
// nothing else.
func TestBackupOrganizationAdminAccess(t *testing.T) {
	t.Parallel()
	r, ctx := newRuled(t), t.Context()
	c := managed(t, r, iamtest.Management, "planner", "AWSBackupOrganizationAdminAccess")
	unit := r.unit(t, r.root, "unit")
	var id string
	for _, step := range []struct {
		name string
		call func() error
	}{
		{"DescribeOrganization", func() error {
			_, err := c.DescribeOrganization(ctx, &organizations.DescribeOrganizationInput{})
			return err
		}},
		{"EnableAWSServiceAccess", func() error {
			_, err := c.EnableAWSServiceAccess(ctx, &organizations.EnableAWSServiceAccessInput{ServicePrincipal: p(backupService)})
			return err
		}},
		{"EnablePolicyType", func() error {
			_, err := c.EnablePolicyType(ctx, &organizations.EnablePolicyTypeInput{RootId: &r.root, PolicyType: backups})
			return err
		}},
		{"CreatePolicy", func() error {
			out, err := c.CreatePolicy(ctx, &organizations.CreatePolicyInput{Name: p("x"), Description: p(""), Type: backups, Content: p(plan("P", "R"))})
			if err == nil {
				id = *out.Policy.PolicySummary.Id
			}
			return err
		}},
		{"AttachPolicy", func() error {
			_, err := c.AttachPolicy(ctx, &organizations.AttachPolicyInput{PolicyId: &id, TargetId: &unit})
			return err
		}},
		{"UpdatePolicy", func() error {
			_, err := c.UpdatePolicy(ctx, &organizations.UpdatePolicyInput{PolicyId: &id, Name: p("y")})
			return err
		}},
		{"ListTargetsForPolicy", func() error {
			_, err := c.ListTargetsForPolicy(ctx, &organizations.ListTargetsForPolicyInput{PolicyId: &id})
			return err
		}},
		{"ListAccountsForParent", func() error {
			_, err := c.ListAccountsForParent(ctx, &organizations.ListAccountsForParentInput{ParentId: &r.root})
			return err
		}},
		{"RegisterDelegatedAdministrator", func() error {
			_, err := c.RegisterDelegatedAdministrator(ctx, &organizations.RegisterDelegatedAdministratorInput{AccountId: p(iamtest.Backup), ServicePrincipal: p(backupService)})
			return err
		}},
		{"ListDelegatedAdministrators", func() error {
			_, err := c.ListDelegatedAdministrators(ctx, &organizations.ListDelegatedAdministratorsInput{ServicePrincipal: p(backupService)})
			return err
		}},
		{"DeregisterDelegatedAdministrator", func() error {
			_, err := c.DeregisterDelegatedAdministrator(ctx, &organizations.DeregisterDelegatedAdministratorInput{AccountId: p(iamtest.Backup), ServicePrincipal: p(backupService)})
			return err
		}},
		{"DetachPolicy", func() error {
			_, err := c.DetachPolicy(ctx, &organizations.DetachPolicyInput{PolicyId: &id, TargetId: &unit})
			return err
		}},
		{"DeletePolicy", func() error {
			_, err := c.DeletePolicy(ctx, &organizations.DeletePolicyInput{PolicyId: &id})
			return err
		}},
		{"DisableAWSServiceAccess", func() error {
			_, err := c.DisableAWSServiceAccess(ctx, &organizations.DisableAWSServiceAccessInput{ServicePrincipal: p(backupService)})
			return err
		}},
	} {
		if err := step.call(); err != nil {
			t.Errorf("%s: %v", step.name, err)
		}
	}
	for what, err := range map[string]error{
		"another service": func() error {
			_, err := c.EnableAWSServiceAccess(ctx, &organizations.EnableAWSServiceAccessInput{ServicePrincipal: p("config.amazonaws.com")})
			return err
		}(),
		"another service's administrators": func() error {
			_, err := c.ListDelegatedAdministrators(ctx, &organizations.ListDelegatedAdministratorsInput{})
			return err
		}(),
		"another type of policy": func() error {
			_, err := c.CreatePolicy(ctx, &organizations.CreatePolicyInput{Name: p("z"), Description: p(""), Type: scp, Content: p(denyAccess)})
			return err
		}(),
		"the policy of another type": func() error {
			_, err := c.DescribePolicy(ctx, &organizations.DescribePolicyInput{PolicyId: p("p-FullAWSAccess")})
			return err
		}(),
		"moving accounts": func() error {
			_, err := c.MoveAccount(ctx, &organizations.MoveAccountInput{AccountId: p(iamtest.Member), SourceParentId: &r.root, DestinationParentId: &unit})
			return err
		}(),
		"delegating": func() error {
			_, err := c.PutResourcePolicy(ctx, &organizations.PutResourcePolicyInput{Content: p(delegation(iamtest.Member))})
			return err
		}(),
	} {
		if code(err) != "AccessDeniedException" {
			t.Errorf("%s: %v", what, err)
		}
	}
}
