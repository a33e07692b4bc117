package organizations_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/organizations"
	"github.com/aws/aws-sdk-go-v2/service/organizations/types"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go"
	"github.com/google/go-cmp/cmp"

	"strongroom/iampolicy"
	"strongroom/internal/api"
	"strongroom/internal/service/iam/iamtest"
)

const (
	scp = types.PolicyTypeServiceControlPolicy
	rcp = types.PolicyTypeResourceControlPolicy

	denyAccess = `{"Version":"2012-10-17","Statement":[{"Sid":"NoUsers","Effect":"Deny","Action":"iam:ListUsers","Resource":"*"}]}`
	denyAssume = `{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Principal":"*","Action":"sts:AssumeRole","Resource":"*"}]}`
)

// ruled is an organization whose management account makes policies.
type ruled struct {
	*organizations.Client
	h    *iamtest.House
	root string
}

func newRuled(t *testing.T) *ruled {
	t.Helper()
	h := iamtest.New(t)
	h.Organize(t)
	r := &ruled{Client: h.OrganizationsClient(iamtest.Management), h: h}
	r.root = *must[*organizations.ListRootsOutput](t)(r.ListRoots(t.Context(), &organizations.ListRootsInput{})).Roots[0].Id
	return r
}

func (r *ruled) enable(t *testing.T, kind types.PolicyType) {
	t.Helper()
	must[*organizations.EnablePolicyTypeOutput](t)(r.EnablePolicyType(t.Context(), &organizations.EnablePolicyTypeInput{RootId: &r.root, PolicyType: kind}))
}

func (r *ruled) policy(t *testing.T, kind types.PolicyType, name, content string) string {
	t.Helper()
	return *must[*organizations.CreatePolicyOutput](t)(r.CreatePolicy(t.Context(), &organizations.CreatePolicyInput{
		Name: &name, Type: kind, Content: &content, Description: p("of a test"),
	})).Policy.PolicySummary.Id
}

func (r *ruled) attach(t *testing.T, policy, target string) {
	t.Helper()
	must[*organizations.AttachPolicyOutput](t)(r.AttachPolicy(t.Context(), &organizations.AttachPolicyInput{PolicyId: &policy, TargetId: &target}))
}

func (r *ruled) detach(t *testing.T, policy, target string) {
	t.Helper()
	must[*organizations.DetachPolicyOutput](t)(r.DetachPolicy(t.Context(), &organizations.DetachPolicyInput{PolicyId: &policy, TargetId: &target}))
}

// attached are the names of the policies of a target.
func (r *ruled) attached(t *testing.T, kind types.PolicyType, target string) []string {
	t.Helper()
	names := []string{}
	pages := organizations.NewListPoliciesForTargetPaginator(r.Client, &organizations.ListPoliciesForTargetInput{TargetId: &target, Filter: kind, MaxResults: p(int32(1))})
	for pages.HasMorePages() {
		for _, summary := range must[*organizations.ListPoliciesForTargetOutput](t)(pages.NextPage(t.Context())).Policies {
			names = append(names, *summary.Name)
		}
	}
	slices.Sort(names)
	return names
}

func (r *ruled) targets(t *testing.T, policy string) map[string]types.TargetType {
	t.Helper()
	targets := map[string]types.TargetType{}
	pages := organizations.NewListTargetsForPolicyPaginator(r.Client, &organizations.ListTargetsForPolicyInput{PolicyId: &policy, MaxResults: p(int32(2))})
	for pages.HasMorePages() {
		for _, target := range must[*organizations.ListTargetsForPolicyOutput](t)(pages.NextPage(t.Context())).Targets {
			targets[*target.TargetId] = target.Type
		}
	}
	return targets
}

// The life of a policy, with everything its descriptions show.
func TestPolicy(t *testing.T) {
	t.Parallel()
	r, ctx := newRuled(t), t.Context()
	r.enable(t, scp)
	out := must[*organizations.CreatePolicyOutput](t)(r.CreatePolicy(ctx, &organizations.CreatePolicyInput{
		Name: p("no users"), Type: scp, Content: p(denyAccess), Description: p("nobody lists"), Tags: []types.Tag{{Key: p("a"), Value: p("b")}},
	})).Policy
	id := *out.PolicySummary.Id
	want := &types.Policy{Content: p(denyAccess), PolicySummary: &types.PolicySummary{
		Id: &id, Arn: p("arn:aws:organizations::999999999999:policy/o-a1b2c3d4e5/service_control_policy/" + id), Name: p("no users"),
		Description: p("nobody lists"), Type: scp,
	}}
	if diff := cmp.Diff(fmt.Sprint(smithyText(want)), fmt.Sprint(smithyText(out))); diff != "" {
		t.Errorf("created (-want +got):\n%s", diff)
	}
	r.attach(t, id, iamtest.Member)
	out = must[*organizations.UpdatePolicyOutput](t)(r.UpdatePolicy(ctx, &organizations.UpdatePolicyInput{PolicyId: &id, Name: p("renamed"), Description: p("")})).Policy
	want.PolicySummary.Name, want.PolicySummary.Description = p("renamed"), p("")
	if diff := cmp.Diff(smithyText(want), smithyText(out)); diff != "" {
		t.Errorf("updated (-want +got):\n%s", diff)
	}
	out = must[*organizations.DescribePolicyOutput](t)(r.DescribePolicy(ctx, &organizations.DescribePolicyInput{PolicyId: &id})).Policy
	if diff := cmp.Diff(smithyText(want), smithyText(out)); diff != "" {
		t.Errorf("described (-want +got):\n%s", diff)
	}
	managed := must[*organizations.DescribePolicyOutput](t)(r.DescribePolicy(ctx, &organizations.DescribePolicyInput{PolicyId: p("p-FullAWSAccess")})).Policy.PolicySummary
	if *managed.Arn != "arn:aws:organizations::aws:policy/service_control_policy/p-FullAWSAccess" || !managed.AwsManaged || *managed.Name != "FullAWSAccess" {
		t.Errorf("the policy of AWS is %s", smithyText(&types.Policy{PolicySummary: managed}))
	}
	must[*organizations.TagResourceOutput](t)(r.TagResource(ctx, &organizations.TagResourceInput{ResourceId: &id, Tags: []types.Tag{{Key: p("c"), Value: p("d")}}}))
	must[*organizations.UntagResourceOutput](t)(r.UntagResource(ctx, &organizations.UntagResourceInput{ResourceId: &id, TagKeys: []string{"a"}}))
	tags := must[*organizations.ListTagsForResourceOutput](t)(r.ListTagsForResource(ctx, &organizations.ListTagsForResourceInput{ResourceId: &id})).Tags
	if len(tags) != 1 || *tags[0].Key != "c" {
		t.Errorf("%d tags", len(tags))
	}
	r.detach(t, id, iamtest.Member)
	must[*organizations.DeletePolicyOutput](t)(r.DeletePolicy(ctx, &organizations.DeletePolicyInput{PolicyId: &id}))
	if _, err := r.ListTagsForResource(ctx, &organizations.ListTagsForResourceInput{ResourceId: &id}); code(err) != "TargetNotFoundException" {
		t.Errorf("the tags of a policy that is gone: %v", err)
	}
}

func smithyText(p *types.Policy) string {
	s := p.PolicySummary
	return fmt.Sprint(*s.Id, *s.Arn, *s.Name, *s.Description, s.Type, s.AwsManaged, aws.ToString(p.Content))
}

// Enabling a type attaches AWS's policy to everything there is and will be; disabling it detaches everything.
func TestPolicyTypes(t *testing.T) {
	t.Parallel()
	r, ctx := newRuled(t), t.Context()
	unit := *must[*organizations.CreateOrganizationalUnitOutput](t)(r.CreateOrganizationalUnit(ctx, &organizations.CreateOrganizationalUnitInput{ParentId: &r.root, Name: p("old")})).OrganizationalUnit.Id
	for kind, managed := range map[types.PolicyType]string{scp: "FullAWSAccess", rcp: "RCPFullAWSAccess"} {
		if names := r.attached(t, kind, r.root); len(names) != 0 {
			t.Errorf("%s before it is enabled: %v", kind, names)
		}
		root := must[*organizations.EnablePolicyTypeOutput](t)(r.EnablePolicyType(ctx, &organizations.EnablePolicyTypeInput{RootId: &r.root, PolicyType: kind})).Root
		if !slices.Contains(root.PolicyTypes, types.PolicyTypeSummary{Type: kind, Status: types.PolicyTypeStatusEnabled}) {
			t.Errorf("enabled %s: %v", kind, root.PolicyTypes)
		}
		want := map[string]types.TargetType{
			r.root: types.TargetTypeRoot, unit: types.TargetTypeOrganizationalUnit,
			iamtest.Management: types.TargetTypeAccount, iamtest.Member: types.TargetTypeAccount, iamtest.Backup: types.TargetTypeAccount,
		}
		if diff := cmp.Diff(want, r.targets(t, "p-"+managed)); diff != "" {
			t.Errorf("%s is attached to (-want +got):\n%s", managed, diff)
		}
	}
	if types := must[*organizations.ListRootsOutput](t)(r.ListRoots(ctx, &organizations.ListRootsInput{})).Roots[0].PolicyTypes; len(types) != 2 {
		t.Errorf("the root shows %v", types)
	}
	young := *must[*organizations.CreateOrganizationalUnitOutput](t)(r.CreateOrganizationalUnit(ctx, &organizations.CreateOrganizationalUnitInput{ParentId: &unit, Name: p("young")})).OrganizationalUnit.Id
	account := *must[*organizations.CreateAccountOutput](t)(r.CreateAccount(ctx, &organizations.CreateAccountInput{AccountName: p("n"), Email: p("n@example.com")})).CreateAccountStatus.AccountId
	for _, target := range []string{young, account} {
		if diff := cmp.Diff([]string{"FullAWSAccess"}, r.attached(t, scp, target)); diff != "" {
			t.Errorf("what is new has (-want +got):\n%s", diff)
		}
	}
	must[*organizations.DeleteOrganizationalUnitOutput](t)(r.DeleteOrganizationalUnit(ctx, &organizations.DeleteOrganizationalUnitInput{OrganizationalUnitId: &young}))
	if _, err := r.RemoveAccountFromOrganization(ctx, &organizations.RemoveAccountFromOrganizationInput{AccountId: &account}); codeAndReason(err) != "ConstraintViolationException/WAIT_PERIOD_ACTIVE" {
		t.Errorf("removing an account that is new: %v", err)
	}
	r.h.Clock.Advance(4 * 24 * time.Hour)
	must[*organizations.RemoveAccountFromOrganizationOutput](t)(r.RemoveAccountFromOrganization(ctx, &organizations.RemoveAccountFromOrganizationInput{AccountId: &account}))
	if targets := r.targets(t, "p-FullAWSAccess"); len(targets) != 5 {
		t.Errorf("still attached to what has left: %v", targets)
	}
	own := r.policy(t, scp, "own", denyAccess)
	r.attach(t, own, unit)
	root := must[*organizations.DisablePolicyTypeOutput](t)(r.DisablePolicyType(ctx, &organizations.DisablePolicyTypeInput{RootId: &r.root, PolicyType: scp})).Root
	if len(root.PolicyTypes) != 1 || root.PolicyTypes[0].Type != rcp {
		t.Errorf("after disabling: %v", root.PolicyTypes)
	}
	r.enable(t, scp)
	if diff := cmp.Diff([]string{"FullAWSAccess"}, r.attached(t, scp, unit)); diff != "" {
		t.Errorf("after disabling and enabling the unit has (-want +got):\n%s", diff)
	}
	if targets := r.targets(t, own); len(targets) != 0 {
		t.Errorf("after disabling and enabling the policy is attached to %v", targets)
	}
}

func TestListPolicies(t *testing.T) {
	t.Parallel()
	r, ctx := newRuled(t), t.Context()
	want := []string{"p-FullAWSAccess"}
	for i := range 7 {
		want = append(want, r.policy(t, scp, fmt.Sprint("policy ", i), denyAccess))
	}
	slices.Sort(want)
	var got []string
	pages := organizations.NewListPoliciesPaginator(r.Client, &organizations.ListPoliciesInput{Filter: scp, MaxResults: p(int32(3))})
	for pages.HasMorePages() {
		for _, summary := range must[*organizations.ListPoliciesOutput](t)(pages.NextPage(ctx)).Policies {
			got = append(got, *summary.Id)
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	first := must[*organizations.ListPoliciesOutput](t)(r.ListPolicies(ctx, &organizations.ListPoliciesInput{Filter: scp, MaxResults: p(int32(3))}))
	if _, err := r.ListPolicies(ctx, &organizations.ListPoliciesInput{Filter: rcp, NextToken: first.NextToken}); code(err) != "InvalidInputException" {
		t.Errorf("the token of another type: %v", err)
	}
	for _, none := range []types.PolicyType{types.PolicyTypeBackupPolicy, types.PolicyTypeTagPolicy, types.PolicyTypeS3Policy} {
		if out := must[*organizations.ListPoliciesOutput](t)(r.ListPolicies(ctx, &organizations.ListPoliciesInput{Filter: none})); len(out.Policies) != 0 {
			t.Errorf("%s: %d policies", none, len(out.Policies))
		}
	}
}

// Each row is a call that is refused, with its code and reason.
func TestPolicyErrors(t *testing.T) {
	t.Parallel()
	r, ctx := newRuled(t), t.Context()
	r.enable(t, scp)
	r.enable(t, rcp)
	attached, free := r.policy(t, scp, "attached", denyAccess), r.policy(t, scp, "free", denyAccess)
	guard := r.policy(t, rcp, "guard", denyAssume)
	r.attach(t, attached, iamtest.Member)
	for i := range 9 {
		r.attach(t, r.policy(t, scp, fmt.Sprint("filler ", i), denyAccess), iamtest.Backup)
	}
	create := func(kind types.PolicyType, name, content string) func() error {
		return func() error {
			_, err := r.CreatePolicy(ctx, &organizations.CreatePolicyInput{Name: &name, Type: kind, Content: &content, Description: p("")})
			return err
		}
	}
	attach := func(policy, target string) func() error {
		return func() error {
			_, err := r.AttachPolicy(ctx, &organizations.AttachPolicyInput{PolicyId: &policy, TargetId: &target})
			return err
		}
	}
	detach := func(policy, target string) func() error {
		return func() error {
			_, err := r.DetachPolicy(ctx, &organizations.DetachPolicyInput{PolicyId: &policy, TargetId: &target})
			return err
		}
	}
	update := func(in *organizations.UpdatePolicyInput) func() error {
		return func() error { _, err := r.UpdatePolicy(ctx, in); return err }
	}
	remove := func(policy string) func() error {
		return func() error {
			_, err := r.DeletePolicy(ctx, &organizations.DeletePolicyInput{PolicyId: &policy})
			return err
		}
	}
	enable := func(root string, kind types.PolicyType) func() error {
		return func() error {
			_, err := r.EnablePolicyType(ctx, &organizations.EnablePolicyTypeInput{RootId: &root, PolicyType: kind})
			return err
		}
	}
	disable := func(root string, kind types.PolicyType) func() error {
		return func() error {
			_, err := r.DisablePolicyType(ctx, &organizations.DisablePolicyTypeInput{RootId: &root, PolicyType: kind})
			return err
		}
	}
	const nowhere, noUnit = "p-nowhere0", "ou-none-00000000"
	long := strings.Replace(denyAccess, "NoUsers", strings.Repeat("x", 10240), 1)
	allowing := strings.Replace(denyAssume, "Deny", "Allow", 1)
	for _, row := range []struct {
		what string
		call func() error
		want string // code, with its reason behind a slash
	}{
		{"a name twice", create(scp, "free", denyAccess), "DuplicatePolicyException"},
		{"the name of AWS's policy", create(scp, "FullAWSAccess", denyAccess), "DuplicatePolicyException"},
		{"no JSON", create(scp, "x", "no"), "MalformedPolicyDocumentException"},
		{"no statement", create(scp, "x", `{"Version":"2012-10-17"}`), "MalformedPolicyDocumentException"},
		{"a principal in an SCP", create(scp, "x", denyAssume), "MalformedPolicyDocumentException"},
		{"no principal in an RCP", create(rcp, "x", denyAccess), "MalformedPolicyDocumentException"},
		{"an RCP that allows", create(rcp, "x", allowing), "MalformedPolicyDocumentException"},
		{"an RCP over every service", create(rcp, "x", strings.Replace(denyAssume, "sts:AssumeRole", "*", 1)), "MalformedPolicyDocumentException"},
		{"too long", create(scp, "x", long), "ConstraintViolationException/POLICY_CONTENT_LIMIT_EXCEEDED"},
		{"no type", create("POLICY", "x", denyAccess), "InvalidInputException"},
		{"a type that is not available", create(types.PolicyTypeChatbotPolicy, "x", denyAccess), "PolicyTypeNotAvailableForOrganizationException"},
		{"renaming to a name that is taken", update(&organizations.UpdatePolicyInput{PolicyId: &free, Name: p("attached")}), "DuplicatePolicyException"},
		{"changing to no policy", update(&organizations.UpdatePolicyInput{PolicyId: &free, Content: p("{}")}), "MalformedPolicyDocumentException"},
		{"changing AWS's policy", update(&organizations.UpdatePolicyInput{PolicyId: p("p-FullAWSAccess"), Name: p("x")}), "InvalidInputException/IMMUTABLE_POLICY"},
		{"changing nothing that is", update(&organizations.UpdatePolicyInput{PolicyId: p(nowhere)}), "PolicyNotFoundException"},
		{"deleting what is attached", remove(attached), "PolicyInUseException"},
		{"deleting AWS's policy", remove("p-FullAWSAccess"), "InvalidInputException/IMMUTABLE_POLICY"},
		{"deleting nothing", remove(nowhere), "PolicyNotFoundException"},
		{"attaching twice", attach(attached, iamtest.Member), "DuplicatePolicyAttachmentException"},
		{"attaching an eleventh", attach(free, iamtest.Backup), "ConstraintViolationException/MAX_POLICY_TYPE_ATTACHMENT_LIMIT_EXCEEDED"},
		{"attaching to nothing", attach(free, noUnit), "TargetNotFoundException"},
		{"attaching to an account elsewhere", attach(free, "123412341234"), "TargetNotFoundException"},
		{"attaching nothing", attach(nowhere, r.root), "PolicyNotFoundException"},
		{"attaching to what cannot be", attach(free, "x"), "InvalidInputException"},
		{"detaching what is not attached", detach(free, r.root), "PolicyNotAttachedException"},
		{"detaching the last", detach("p-FullAWSAccess", r.root), "ConstraintViolationException/MIN_POLICY_TYPE_ATTACHMENT_LIMIT_EXCEEDED"},
		{"detaching the RCP of AWS", detach("p-RCPFullAWSAccess", r.root), "InvalidInputException/NON_DETACHABLE_POLICY"},
		{"enabling twice", enable(r.root, scp), "PolicyTypeAlreadyEnabledException"},
		{"enabling elsewhere", enable("r-none", scp), "RootNotFoundException"},
		{"enabling what is not available", enable(r.root, types.PolicyTypeS3Policy), "PolicyTypeNotAvailableForOrganizationException"},
		{"disabling elsewhere", disable("r-none", scp), "RootNotFoundException"},
		{"disabling what is not enabled", disable(r.root, types.PolicyTypeTagPolicy), "PolicyTypeNotEnabledException"},
		{"a type disabled", func() error {
			if err := disable(r.root, rcp)(); err != nil {
				return err
			}
			return attach(guard, r.root)()
		}, "PolicyTypeNotEnabledException"},
		{"describing nothing", func() error {
			_, err := r.DescribePolicy(ctx, &organizations.DescribePolicyInput{PolicyId: p(nowhere)})
			return err
		}, "PolicyNotFoundException"},
		{"the targets of nothing", func() error {
			_, err := r.ListTargetsForPolicy(ctx, &organizations.ListTargetsForPolicyInput{PolicyId: p(nowhere)})
			return err
		}, "PolicyNotFoundException"},
		{"the policies of nothing", func() error {
			_, err := r.ListPoliciesForTarget(ctx, &organizations.ListPoliciesForTargetInput{TargetId: p(noUnit), Filter: scp})
			return err
		}, "TargetNotFoundException"},
		{"a list of no type", func() error {
			_, err := r.ListPolicies(ctx, &organizations.ListPoliciesInput{Filter: "X"})
			return err
		}, "InvalidInputException"},
		{"tagging AWS's policy", func() error {
			_, err := r.TagResource(ctx, &organizations.TagResourceInput{ResourceId: p("p-FullAWSAccess"), Tags: []types.Tag{{Key: p("a"), Value: p("b")}}})
			return err
		}, "InvalidInputException/IMMUTABLE_POLICY"},
		{"a member", func() error {
			_, err := r.h.OrganizationsClient(iamtest.Member).ListPolicies(ctx, &organizations.ListPoliciesInput{Filter: scp})
			return err
		}, "AccessDeniedException"},
	} {
		if got := codeAndReason(row.call()); got != row.want {
			t.Errorf("%s: %s, want %s", row.what, got, row.want)
		}
	}
	if diff := cmp.Diff([]string{"FullAWSAccess", "attached"}, r.attached(t, scp, iamtest.Member)); diff != "" {
		t.Errorf("refused calls changed what is attached (-want +got):\n%s", diff)
	}
}

func codeAndReason(err error) string {
	var invalid *types.InvalidInputException
	var constraint *types.ConstraintViolationException
	switch {
	case errors.As(err, &invalid) && slices.Contains([]types.InvalidInputExceptionReason{"IMMUTABLE_POLICY", "NON_DETACHABLE_POLICY"}, invalid.Reason):
		return code(err) + "/" + string(invalid.Reason)
	case errors.As(err, &constraint):
		return code(err) + "/" + string(constraint.Reason)
	}
	return code(err)
}

// Policies bind whoever stands below the place they are attached to, at once, and never the management account.
func TestServiceControlPolicies(t *testing.T) {
	t.Parallel()
	r, ctx := newRuled(t), t.Context()
	r.enable(t, scp)
	unit := *must[*organizations.CreateOrganizationalUnitOutput](t)(r.CreateOrganizationalUnit(ctx, &organizations.CreateOrganizationalUnitInput{ParentId: &r.root, Name: p("u")})).OrganizationalUnit.Id
	list := func(account string) func(context.Context) string {
		client := r.h.IAMClient(account)
		return func(ctx context.Context) string {
			_, err := client.ListUsers(ctx, &iam.ListUsersInput{})
			var refusal smithy.APIError
			if errors.As(err, &refusal) {
				return refusal.ErrorCode() + ": " + refusal.ErrorMessage()
			}
			return ""
		}
	}
	member, backup, manager := list(iamtest.Member), list(iamtest.Backup), list(iamtest.Management)
	check := func(what, wantMember, wantBackup string) {
		t.Helper()
		for account, answer := range map[string][2]string{"member": {member(ctx), wantMember}, "backup": {backup(ctx), wantBackup}, "management": {manager(ctx), ""}} {
			if !strings.HasPrefix(answer[0], "AccessDenied") && answer[0] != "" || !strings.HasSuffix(answer[0], answer[1]) || (answer[0] == "") != (answer[1] == "") {
				t.Errorf("%s: the %s account is answered %q, want %q", what, account, answer[0], answer[1])
			}
		}
	}
	const (
		denied = "with an explicit deny in a service control policy"
		silent = "because no service control policy allows the iam:ListUsers action"
	)
	check("at first", "", "")
	deny := r.policy(t, scp, "deny", denyAccess)
	check("unattached", "", "")
	r.attach(t, deny, iamtest.Member)
	check("on the account", denied, "")
	r.detach(t, deny, iamtest.Member)
	check("detached", "", "")
	r.attach(t, deny, r.root)
	check("on the root", denied, denied)
	r.detach(t, deny, r.root)
	r.attach(t, deny, unit)
	check("on a unit without accounts", "", "")
	must[*organizations.MoveAccountOutput](t)(r.MoveAccount(ctx, &organizations.MoveAccountInput{AccountId: p(iamtest.Member), SourceParentId: &r.root, DestinationParentId: &unit}))
	check("moved below it", denied, "")
	must[*organizations.UpdatePolicyOutput](t)(r.UpdatePolicy(ctx, &organizations.UpdatePolicyInput{PolicyId: &deny, Content: p(strings.Replace(denyAccess, "ListUsers", "ListRoles", 1))}))
	check("changed", "", "")
	narrow := r.policy(t, scp, "narrow", `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:*","Resource":"*"}]}`)
	r.attach(t, narrow, unit)
	check("one more that allows something else", "", "")
	r.detach(t, "p-FullAWSAccess", unit)
	check("only what allows something else", silent, "")
	must[*organizations.RemoveAccountFromOrganizationOutput](t)(r.RemoveAccountFromOrganization(ctx, &organizations.RemoveAccountFromOrganizationInput{AccountId: p(iamtest.Member)}))
	check("outside of the organization", "", "")
	r.attach(t, "p-FullAWSAccess", unit)
	r.attach(t, deny, iamtest.Backup)
	must[*organizations.UpdatePolicyOutput](t)(r.UpdatePolicy(ctx, &organizations.UpdatePolicyInput{PolicyId: &deny, Content: p(denyAccess)}))
	check("the other account", "", denied)
	must[*organizations.DisablePolicyTypeOutput](t)(r.DisablePolicyType(ctx, &organizations.DisablePolicyTypeInput{RootId: &r.root, PolicyType: scp}))
	check("disabled", "", "")
}

// Who comes into being below a policy is bound by it from the first call on; service-linked roles never are.
func TestNewcomersAreBound(t *testing.T) {
	t.Parallel()
	r, ctx := newRuled(t), t.Context()
	r.enable(t, scp)
	deny := r.policy(t, scp, "deny", denyAccess)
	r.attach(t, deny, r.root)
	account := *must[*organizations.CreateAccountOutput](t)(r.CreateAccount(ctx, &organizations.CreateAccountInput{AccountName: p("n"), Email: p("n@example.com")})).CreateAccountStatus.AccountId
	entered := must[*sts.AssumeRoleOutput](t)(r.h.STSClient(iamtest.Management).AssumeRole(ctx, &sts.AssumeRoleInput{
		RoleArn: p("arn:aws:iam::" + account + ":role/OrganizationAccountAccessRole"), RoleSessionName: p("enter"),
	}))
	inside := iam.NewFromConfig(r.h.WithSession(entered.Credentials))
	if _, err := inside.ListUsers(ctx, &iam.ListUsersInput{}); code(err) != "AccessDenied" || !strings.Contains(err.Error(), "explicit deny in a service control policy") {
		t.Errorf("in a new account: %v", err)
	}
	r.detach(t, deny, r.root)
	unit := r.unit(t, r.unit(t, r.root, "upper"), "lower")
	r.attach(t, deny, unit)
	must[*iam.ListUsersOutput](t)(inside.ListUsers(ctx, &iam.ListUsersInput{}))
	r.move(t, account, r.root, unit)
	if _, err := inside.ListUsers(ctx, &iam.ListUsersInput{}); code(err) != "AccessDenied" {
		t.Errorf("in a new unit: %v", err)
	}
	for name, bound := range map[string]bool{"OrganizationAccountAccessRole": true, "AWSServiceRoleForOrganizations": false} {
		role := must[*iam.GetRoleOutput](t)(inside.GetRole(ctx, &iam.GetRoleInput{RoleName: &name})).Role
		caller := *r.h.Caller(t, iamtest.Member)
		caller.AccountID, caller.RoleARN, caller.ARN, caller.UserID = account, *role.Arn, "arn:aws:sts::"+account+":assumed-role/"+name+"/s", *role.RoleId+":s"
		explanation, err := r.h.IAM.Authorizer().Explain(ctx, &caller, api.Access{Action: "iam:ListUsers", Resource: "*"})
		if err != nil {
			t.Fatal(err)
		}
		if asked := slices.ContainsFunc(explanation.Gates, func(g iampolicy.AskedGate) bool { return g.Gate == iampolicy.GateSCP }); asked != bound {
			t.Errorf("%s: an SCP was asked: %v, want %v", name, asked, bound)
		}
	}
}
