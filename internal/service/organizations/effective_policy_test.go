package organizations_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/organizations"
	"github.com/aws/aws-sdk-go-v2/service/organizations/types"
	"github.com/google/go-cmp/cmp"

	"strongroom/internal/service/iam/iamtest"
	service "strongroom/internal/service/organizations"
	"strongroom/internal/state"
)

const (
	backups = types.PolicyTypeBackupPolicy
	tags    = types.PolicyTypeTagPolicy

	effectiveBackups = types.EffectivePolicyTypeBackupPolicy
)

// plan is a backup policy with one plan of some rules, which is complete in itself.
func plan(name string, rules ...string) string {
	var each []string
	for _, rule := range rules {
		each = append(each, fmt.Sprintf(`%q:{"schedule_expression":{"@@assign":"cron(0 5 ? * * *)"},"target_backup_vault_name":{"@@assign":"Default"}}`, rule))
	}
	return fmt.Sprintf(`{"plans":{%q:{"regions":{"@@assign":["eu-central-1"]},"rules":{%s},
		"selections":{"tags":{"all":{"iam_role_arn":{"@@assign":"arn:aws:iam::$account:role/R"},"tag_key":{"@@assign":"backup"},"tag_value":{"@@assign":["yes"]}}}}}}}`,
		name, strings.Join(each, ","))
}

// vault assigns the vault of a rule, in whatever plan has it.
func vault(plan, rule, vault string) string {
	return fmt.Sprintf(`{"plans":{%q:{"rules":{%q:{"target_backup_vault_name":{"@@assign":%q}}}}}}`, plan, rule, vault)
}

func numbered(n int) (names []string) {
	for i := range n {
		names = append(names, fmt.Sprint("rule", i))
	}
	return names
}

// effective is the content in force for an account, as seen by the management account; the code of the error otherwise.
func (r *ruled) effective(t *testing.T, account string) string {
	t.Helper()
	out, err := r.DescribeEffectivePolicy(t.Context(), &organizations.DescribeEffectivePolicyInput{PolicyType: effectiveBackups, TargetId: &account})
	if err != nil {
		return code(err)
	}
	if *out.EffectivePolicy.TargetId != account || out.EffectivePolicy.PolicyType != effectiveBackups || out.EffectivePolicy.LastUpdatedTimestamp == nil {
		t.Errorf("asked for %s: %+v", account, out.EffectivePolicy)
	}
	return *out.EffectivePolicy.PolicyContent
}

func (r *ruled) invalid(t *testing.T) []string {
	t.Helper()
	ids := []string{}
	pages := organizations.NewListAccountsWithInvalidEffectivePolicyPaginator(r.Client, &organizations.ListAccountsWithInvalidEffectivePolicyInput{PolicyType: effectiveBackups, MaxResults: p(int32(1))})
	for pages.HasMorePages() {
		for _, a := range must[*organizations.ListAccountsWithInvalidEffectivePolicyOutput](t)(pages.NextPage(t.Context())).Accounts {
			ids = append(ids, *a.Id)
		}
	}
	return ids
}

func (r *ruled) unit(t *testing.T, parent, name string) string {
	t.Helper()
	return *must[*organizations.CreateOrganizationalUnitOutput](t)(r.CreateOrganizationalUnit(t.Context(), &organizations.CreateOrganizationalUnitInput{ParentId: &parent, Name: &name})).OrganizationalUnit.Id
}

func (r *ruled) move(t *testing.T, account, from, to string) {
	t.Helper()
	must[*organizations.MoveAccountOutput](t)(r.MoveAccount(t.Context(), &organizations.MoveAccountInput{AccountId: &account, SourceParentId: &from, DestinationParentId: &to}))
}

func (r *ruled) update(t *testing.T, policy, content string) {
	t.Helper()
	must[*organizations.UpdatePolicyOutput](t)(r.UpdatePolicy(t.Context(), &organizations.UpdatePolicyInput{PolicyId: &policy, Content: &content}))
}

// What is attached from the root down to an account counts, at once, and any account may see its own.
func TestEffectivePolicy(t *testing.T) {
	t.Parallel()
	r, ctx := newRuled(t), t.Context()
	if got := r.effective(t, iamtest.Member); got != "EffectivePolicyNotFoundException" {
		t.Errorf("before the type is enabled: %s", got)
	}
	r.enable(t, backups)
	if got := r.effective(t, iamtest.Member); got != "EffectivePolicyNotFoundException" {
		t.Errorf("before anything is attached: %s", got)
	}
	base, own := r.policy(t, backups, "base", plan("Base", "Daily")), r.policy(t, backups, "own", vault("Base", "Daily", "Own"))
	r.attach(t, base, r.root)
	const want = `{"plans":{"Base":{"regions":["eu-central-1"],"rules":{"daily":{"schedule_expression":"cron(0 5 ? * * *)","target_backup_vault_name":"%s"}},` +
		`"selections":{"tags":{"all":{"iam_role_arn":"arn:aws:iam::$account:role/R","tag_key":"backup","tag_value":["yes"]}}}}}}`
	check := func(what, member, backup string) {
		t.Helper()
		for account, vault := range map[string]string{iamtest.Member: member, iamtest.Backup: backup} {
			content := vault
			if !strings.HasSuffix(vault, "Exception") {
				content = fmt.Sprintf(want, vault)
			}
			if diff := cmp.Diff(content, r.effective(t, account)); diff != "" {
				t.Errorf("%s, account %s (-want +got):\n%s", what, account, diff)
			}
		}
	}
	check("at the root", "Default", "Default")
	if got := r.effective(t, iamtest.Management); got != fmt.Sprintf(want, "Default") {
		t.Errorf("the management account is not bound: %s", got)
	}
	unit := r.unit(t, r.root, "unit")
	r.attach(t, own, unit)
	check("at a unit without accounts", "Default", "Default")
	r.move(t, iamtest.Member, r.root, unit)
	check("moved", "Own", "Default")
	r.update(t, own, vault("Base", "Daily", "Other"))
	check("updated", "Other", "Default")
	r.detach(t, own, unit)
	check("detached", "Default", "Default")
	r.attach(t, own, iamtest.Backup)
	check("at an account", "Default", "Other")
	own1 := must[*organizations.DescribeEffectivePolicyOutput](t)(r.h.OrganizationsClient(iamtest.Backup).DescribeEffectivePolicy(ctx, &organizations.DescribeEffectivePolicyInput{PolicyType: effectiveBackups})).EffectivePolicy
	if *own1.TargetId != iamtest.Backup || *own1.PolicyContent != fmt.Sprintf(want, "Other") {
		t.Errorf("an account is shown as its own: %s %s", *own1.TargetId, *own1.PolicyContent)
	}
	must[*organizations.RemoveAccountFromOrganizationOutput](t)(r.RemoveAccountFromOrganization(ctx, &organizations.RemoveAccountFromOrganizationInput{AccountId: p(iamtest.Member)}))
	check("left", "TargetNotFoundException", "Other")
	must[*organizations.DisablePolicyTypeOutput](t)(r.DisablePolicyType(ctx, &organizations.DisablePolicyTypeInput{RootId: &r.root, PolicyType: backups}))
	check("disabled", "TargetNotFoundException", "EffectivePolicyNotFoundException")

	describe := func(c *organizations.Client, kind types.EffectivePolicyType, target *string) error {
		_, err := c.DescribeEffectivePolicy(ctx, &organizations.DescribeEffectivePolicyInput{PolicyType: kind, TargetId: target})
		return err
	}
	for what, row := range map[string]struct {
		err  error
		want string
	}{
		"a root":             {describe(r.Client, effectiveBackups, &r.root), "InvalidInputException"},
		"nobody":             {describe(r.Client, effectiveBackups, p("123412341234")), "TargetNotFoundException"},
		"no account":         {describe(r.Client, effectiveBackups, p("x")), "InvalidInputException"},
		"no type":            {describe(r.Client, "X", nil), "InvalidInputException"},
		"a type not here":    {describe(r.Client, types.EffectivePolicyTypeS3Policy, nil), "EffectivePolicyNotFoundException"},
		"another's":          {describe(r.h.OrganizationsClient(iamtest.Backup), effectiveBackups, p(iamtest.Management)), "AccessDeniedException"},
		"in no organization": {describe(r.h.OrganizationsClient(iamtest.Member), effectiveBackups, nil), "AWSOrganizationsNotInUseException"},
	} {
		if code(row.err) != row.want {
			t.Errorf("%s: %v, want %s", what, row.err, row.want)
		}
	}
}

// Of policies at one place, the one attached first settles a single value, and attaching it anew lets the other win.
func TestAttachmentOrder(t *testing.T) {
	t.Parallel()
	r := newRuled(t)
	r.enable(t, backups)
	r.attach(t, r.policy(t, backups, "base", plan("Base", "Daily")), r.root)
	first, second := r.policy(t, backups, "z first", vault("Base", "Daily", "First")), r.policy(t, backups, "a second", vault("Base", "Daily", "Second"))
	r.attach(t, first, iamtest.Member) // the clock may stand still
	r.attach(t, second, iamtest.Member)
	if got := r.effective(t, iamtest.Member); !strings.Contains(got, "First") {
		t.Errorf("the first attached does not win: %s", got)
	}
	r.detach(t, first, iamtest.Member)
	r.attach(t, first, iamtest.Member)
	if got := r.effective(t, iamtest.Member); !strings.Contains(got, "Second") {
		t.Errorf("attached anew, the first still wins: %s", got)
	}
}

// What is not valid is reported and leaves in force what was, until it is mended.
func TestInvalidEffectivePolicy(t *testing.T) {
	t.Parallel()
	r, ctx := newRuled(t), t.Context()
	r.enable(t, backups)
	base, more := r.policy(t, backups, "base", plan("Base", numbered(9)...)), r.policy(t, backups, "more", plan("Base", "one-more"))
	r.attach(t, base, r.root)
	r.attach(t, more, iamtest.Member)
	if got := r.invalid(t); len(got) != 0 {
		t.Errorf("ten rules are not valid in %v", got)
	}
	valid := r.effective(t, iamtest.Member)
	r.h.Clock.Advance(time.Hour)
	r.update(t, more, plan("Base", "one-more", "two-more"))
	if got := r.effective(t, iamtest.Member); got != valid {
		t.Errorf("what is not valid replaced what was: %s", got)
	}
	if diff := cmp.Diff([]string{iamtest.Member}, r.invalid(t)); diff != "" {
		t.Errorf("accounts with an invalid policy (-want +got):\n%s", diff)
	}
	if got := r.effective(t, iamtest.Member); got != valid {
		t.Errorf("evaluated, what is not valid replaced what was: %s", got)
	}
	errors := must[*organizations.ListEffectivePolicyValidationErrorsOutput](t)(r.ListEffectivePolicyValidationErrors(ctx, &organizations.ListEffectivePolicyValidationErrorsInput{
		AccountId: p(iamtest.Member), PolicyType: effectiveBackups,
	}))
	if len(errors.EffectivePolicyValidationErrors) != 1 || *errors.AccountId != iamtest.Member || errors.PolicyType != effectiveBackups ||
		*errors.Path != "o-a1b2c3d4e5/"+r.root+"/"+iamtest.Member+"/" || !errors.EvaluationTimestamp.Equal(r.h.Clock.Now().Truncate(time.Microsecond)) && errors.EvaluationTimestamp.Before(r.h.Clock.Now().Add(-time.Minute)) {
		t.Fatalf("errors: %+v", errors)
	}
	e := errors.EffectivePolicyValidationErrors[0]
	contributing := slices.Sorted(slices.Values(e.ContributingPolicies))
	if *e.ErrorCode != "ELEMENTS_TOO_MANY" || *e.PathToError != "plans/Base/rules" || !slices.Equal(contributing, slices.Sorted(slices.Values([]string{base, more}))) || !strings.Contains(*e.ErrorMessage, "10") {
		t.Errorf("error: %s %s %s %v", *e.ErrorCode, *e.ErrorMessage, *e.PathToError, e.ContributingPolicies)
	}
	none := must[*organizations.ListEffectivePolicyValidationErrorsOutput](t)(r.ListEffectivePolicyValidationErrors(ctx, &organizations.ListEffectivePolicyValidationErrorsInput{
		AccountId: p(iamtest.Backup), PolicyType: effectiveBackups,
	}))
	if len(none.EffectivePolicyValidationErrors) != 0 {
		t.Errorf("the other account has errors: %v", none.EffectivePolicyValidationErrors)
	}
	r.update(t, more, plan("Base", "instead"))
	if got := r.effective(t, iamtest.Member); !strings.Contains(got, "instead") || len(r.invalid(t)) != 0 {
		t.Errorf("mended, it is not in force: %s", got)
	}
	for what, err := range map[string]error{
		"AccountNotFoundException": func() error {
			_, err := r.ListEffectivePolicyValidationErrors(ctx, &organizations.ListEffectivePolicyValidationErrorsInput{AccountId: p("123412341234"), PolicyType: effectiveBackups})
			return err
		}(),
		"AccessDeniedException": func() error {
			_, err := r.h.OrganizationsClient(iamtest.Member).ListAccountsWithInvalidEffectivePolicy(ctx, &organizations.ListAccountsWithInvalidEffectivePolicyInput{PolicyType: effectiveBackups})
			return err
		}(),
		"EffectivePolicyNotFoundException": func() error {
			_, err := r.ListAccountsWithInvalidEffectivePolicy(ctx, &organizations.ListAccountsWithInvalidEffectivePolicyInput{PolicyType: types.EffectivePolicyTypeTagPolicy})
			return err
		}(),
	} {
		if code(err) != what {
			t.Errorf("%v, want %s", err, what)
		}
	}
}

// A document that is refused is refused with the path of what is wrong.
func TestMalformedManagementPolicy(t *testing.T) {
	t.Parallel()
	r, ctx := newRuled(t), t.Context()
	for _, row := range []struct {
		kind          types.PolicyType
		content, want string
	}{
		{backups, `{"plans":{"P":{"regions":["eu-central-1"]}}}`, "plans/P/regions"},
		{backups, `{"plans":{"P":{"rules":{"R":{"colour":{"@@assign":"red"}}}}}}`, "plans/P/rules/R/colour"},
		{tags, `{"tags":{"a":{"tag_key":{"@@assign":"b"}}}}`, "tags/a/tag_key"},
	} {
		_, err := r.CreatePolicy(ctx, &organizations.CreatePolicyInput{Name: p("x"), Description: p(""), Type: row.kind, Content: &row.content})
		if code(err) != "MalformedPolicyDocumentException" || !strings.Contains(err.Error(), row.want) {
			t.Errorf("%s: %v, want the path %s", row.content, err, row.want)
		}
	}
	long := plan("P", "R") + strings.Repeat(" ", 10000)
	if _, err := r.CreatePolicy(ctx, &organizations.CreatePolicyInput{Name: p("x"), Description: p(""), Type: backups, Content: &long}); codeAndReason(err) != "ConstraintViolationException/POLICY_CONTENT_LIMIT_EXCEEDED" {
		t.Errorf("too long: %v", err)
	}
	r.enable(t, tags)
	for i := range 11 {
		id := r.policy(t, tags, fmt.Sprint("tags ", i), `{"tags":{"a":{"tag_value":{"@@append":["x"]}}}}`)
		_, err := r.AttachPolicy(ctx, &organizations.AttachPolicyInput{PolicyId: &id, TargetId: &r.root})
		if want := map[bool]string{true: "ConstraintViolationException/MAX_POLICY_TYPE_ATTACHMENT_LIMIT_EXCEEDED", false: "<nil>"}[i == 10]; codeAndReason(err) != want {
			t.Errorf("attaching number %d: %v", i+1, err)
		}
	}
	for _, id := range r.attachedIDs(t, tags, r.root) {
		r.detach(t, id, r.root) // down to none
	}
}

func (r *ruled) attachedIDs(t *testing.T, kind types.PolicyType, target string) (ids []string) {
	t.Helper()
	for _, s := range must[*organizations.ListPoliciesForTargetOutput](t)(r.ListPoliciesForTarget(t.Context(), &organizations.ListPoliciesForTargetInput{TargetId: &target, Filter: kind})).Policies {
		ids = append(ids, *s.Id)
	}
	return ids
}

func TestEffectiveTagPolicy(t *testing.T) {
	t.Parallel()
	r, ctx := newRuled(t), t.Context()
	r.enable(t, tags)
	r.attach(t, r.policy(t, tags, "key", `{"tags":{"CostCenter":{"tag_key":{"@@assign":"CostCenter"},"tag_value":{"@@assign":["100"]}}}}`), r.root)
	r.attach(t, r.policy(t, tags, "value", `{"tags":{"costcenter":{"tag_value":{"@@append":["2*"]}}}}`), iamtest.Member)
	out := must[*organizations.DescribeEffectivePolicyOutput](t)(r.DescribeEffectivePolicy(ctx, &organizations.DescribeEffectivePolicyInput{PolicyType: types.EffectivePolicyTypeTagPolicy, TargetId: p(iamtest.Member)}))
	if want := `{"tags":{"costcenter":{"tag_key":"CostCenter","tag_value":["100","2*"]}}}`; *out.EffectivePolicy.PolicyContent != want {
		t.Errorf("%s, want %s", *out.EffectivePolicy.PolicyContent, want)
	}
}

// unapplied are the versions that plans are still to be made of, by account.
func (r *ruled) unapplied(t *testing.T) map[string]int64 {
	t.Helper()
	versions := map[string]int64{}
	err := r.h.DB.View(t.Context(), func(ctx context.Context, tx *state.Tx) error {
		rows, err := tx.UnappliedEffectivePolicies(ctx, "o-a1b2c3d4e5", string(backups), "", 1000)
		for _, row := range rows {
			versions[row.AccountID] = row.Version
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return versions
}

func (r *ruled) reconcile(t *testing.T) {
	t.Helper()
	if err := r.h.Organizations.ReconcileEffectivePolicies(t.Context(), "o-a1b2c3d4e5", backups); err != nil {
		t.Fatal(err)
	}
}

// A reconciliation tells in which accounts something is to be done, and only there.
func TestReconcile(t *testing.T) {
	t.Parallel()
	r, ctx := newRuled(t), t.Context()
	r.enable(t, backups)
	base := r.policy(t, backups, "base", plan("Base", "Daily"))
	r.reconcile(t)
	if got := r.unapplied(t); len(got) != 0 {
		t.Errorf("nothing is attached, and yet to do: %v", got)
	}
	r.attach(t, base, r.root)
	r.reconcile(t)
	if diff := cmp.Diff(map[string]int64{iamtest.Management: 1, iamtest.Member: 1, iamtest.Backup: 1}, r.unapplied(t)); diff != "" {
		t.Errorf("attached to the root (-want +got):\n%s", diff)
	}
	apply := func() {
		t.Helper()
		for account, version := range r.unapplied(t) {
			err := r.h.DB.Update(ctx, func(ctx context.Context, tx *state.Tx) error {
				e, got, err := service.EffectiveBackupPolicy(ctx, tx, account)
				if err != nil {
					return err
				}
				if got != version || account == iamtest.Management && len(e.Plans()) != 1 {
					t.Errorf("account %s: version %d with %d plans, want version %d", account, got, len(e.Plans()), version)
				}
				return tx.SetEffectivePolicyApplied(ctx, account, string(backups), version)
			})
			if err != nil {
				t.Fatal(err)
			}
		}
		if got := r.unapplied(t); len(got) != 0 {
			t.Errorf("applied, and still to do: %v", got)
		}
	}
	apply()
	r.attach(t, r.policy(t, backups, "own", vault("Base", "Daily", "Own")), iamtest.Member)
	r.reconcile(t)
	r.reconcile(t)
	if diff := cmp.Diff(map[string]int64{iamtest.Member: 2}, r.unapplied(t)); diff != "" {
		t.Errorf("attached to an account (-want +got):\n%s", diff)
	}
	apply()
	must[*organizations.RemoveAccountFromOrganizationOutput](t)(r.RemoveAccountFromOrganization(ctx, &organizations.RemoveAccountFromOrganizationInput{AccountId: p(iamtest.Backup)}))
	r.reconcile(t)
	if diff := cmp.Diff(map[string]int64{iamtest.Backup: 2}, r.unapplied(t)); diff != "" {
		t.Errorf("left (-want +got):\n%s", diff)
	}
	apply()
	must[*organizations.CloseAccountOutput](t)(r.CloseAccount(ctx, &organizations.CloseAccountInput{AccountId: p(iamtest.Member)}))
	r.reconcile(t)
	if diff := cmp.Diff(map[string]int64{iamtest.Member: 3}, r.unapplied(t)); diff != "" {
		t.Errorf("closed (-want +got):\n%s", diff)
	}
	if err := r.h.Organizations.ReconcileEffectivePolicies(ctx, "o-a1b2c3d4e5", scp); err == nil {
		t.Error("SCPs amount to an effective policy")
	}
}

// Reconciliations that run at once with each other and with moves end with what the tree says.
func TestReconcileAtOnce(t *testing.T) {
	t.Parallel()
	r, ctx := newRuled(t), t.Context()
	r.enable(t, backups)
	r.attach(t, r.policy(t, backups, "base", plan("Base", "Daily")), r.root)
	unit := r.unit(t, r.root, "unit")
	r.attach(t, r.policy(t, backups, "own", vault("Base", "Daily", "Own")), unit)
	var wg sync.WaitGroup
	for range 3 {
		wg.Go(func() {
			for range 5 {
				if err := r.h.Organizations.ReconcileEffectivePolicies(ctx, "o-a1b2c3d4e5", backups); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Go(func() {
		from, to := r.root, unit
		for range 7 {
			r.move(t, iamtest.Member, from, to)
			from, to = to, from
		}
	})
	wg.Wait()
	r.reconcile(t)
	err := r.h.DB.View(ctx, func(ctx context.Context, tx *state.Tx) error {
		for account, vault := range map[string]string{iamtest.Member: "Own", iamtest.Backup: "Default"} {
			row, err := tx.EffectivePolicy(ctx, account, string(backups))
			if err != nil {
				return err
			}
			if !strings.Contains(row.Content, `"target_backup_vault_name":"`+vault+`"`) {
				t.Errorf("account %s has %s", account, row.Content)
			}
		}
		change, err := tx.PolicyChange(ctx, "o-a1b2c3d4e5", string(backups))
		if change.Evaluated != change.Number {
			t.Errorf("%d of %d changes are evaluated", change.Evaluated, change.Number)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}

// Two calls that attach the same policy at once: one does, the other is told that it is.
func TestAttachAtOnce(t *testing.T) {
	t.Parallel()
	r, ctx := newRuled(t), t.Context()
	r.enable(t, backups)
	id := r.policy(t, backups, "base", plan("Base", "Daily"))
	codes := make([]string, 8)
	var wg sync.WaitGroup
	for i := range codes {
		wg.Go(func() {
			_, err := r.AttachPolicy(ctx, &organizations.AttachPolicyInput{PolicyId: &id, TargetId: &r.root})
			codes[i] = code(err)
		})
	}
	wg.Wait()
	slices.Sort(codes)
	if want := append([]string{"<nil>"}, slices.Repeat([]string{"DuplicatePolicyAttachmentException"}, 7)...); !slices.Equal(codes, want) {
		t.Errorf("attached at once: %v", codes)
	}
}

// Whoever makes plans is told of every change that can concern them, in the change's own transaction.
func TestPoliciesChanged(t *testing.T) {
	t.Parallel()
	h := iamtest.New(t)
	h.Organize(t)
	told := map[types.PolicyType]int{}
	var refuse error
	s := service.New(service.Config{DB: h.DB, Door: h.Door, Clock: h.Clock, MaxAccounts: 100, PoliciesChanged: func(_ context.Context, _ *state.Tx, organizationID string, kind types.PolicyType) error {
		if organizationID != "o-a1b2c3d4e5" {
			t.Errorf("told of %s", organizationID)
		}
		told[kind]++
		return refuse
	}})
	c, ctx := h.Caller(t, iamtest.Management), t.Context()
	root := *must[*organizations.ListRootsOutput](t)(s.ListRoots(ctx, c, &organizations.ListRootsInput{})).Roots[0].Id
	unit := *must[*organizations.CreateOrganizationalUnitOutput](t)(s.CreateOrganizationalUnit(ctx, c, &organizations.CreateOrganizationalUnitInput{ParentId: &root, Name: p("u")})).OrganizationalUnit.Id
	change := func(what string, want int, err error) {
		t.Helper()
		if err != nil {
			t.Errorf("%s: %v", what, err)
		}
		if told[backups] != want || told[tags]+told[scp] != 0 {
			t.Errorf("%s: told %v, want %d", what, told, want)
		}
		clear(told)
	}
	content := plan("Base", "Daily")
	_, err := s.EnablePolicyType(ctx, c, &organizations.EnablePolicyTypeInput{RootId: &root, PolicyType: scp})
	change("enabling another type", 0, err)
	_, err = s.EnablePolicyType(ctx, c, &organizations.EnablePolicyTypeInput{RootId: &root, PolicyType: backups})
	change("enabling", 1, err)
	out, err := s.CreatePolicy(ctx, c, &organizations.CreatePolicyInput{Name: p("x"), Description: p(""), Type: backups, Content: &content})
	change("creating", 0, err)
	id := out.Policy.PolicySummary.Id
	_, err = s.UpdatePolicy(ctx, c, &organizations.UpdatePolicyInput{PolicyId: id, Content: p(plan("Base", "Nightly"))})
	change("updating what is attached to nothing", 0, err)
	refuse = errors.New("the queue is full")
	if _, err := s.AttachPolicy(ctx, c, &organizations.AttachPolicyInput{PolicyId: id, TargetId: &unit}); !errors.Is(err, refuse) {
		t.Errorf("attaching without a job: %v", err)
	}
	refuse = nil
	clear(told)
	_, err = s.AttachPolicy(ctx, c, &organizations.AttachPolicyInput{PolicyId: id, TargetId: &unit})
	change("attaching, which was undone before", 1, err)
	_, err = s.UpdatePolicy(ctx, c, &organizations.UpdatePolicyInput{PolicyId: id, Name: p("y")})
	change("renaming", 0, err)
	_, err = s.UpdatePolicy(ctx, c, &organizations.UpdatePolicyInput{PolicyId: id, Content: &content})
	change("updating", 1, err)
	_, err = s.MoveAccount(ctx, c, &organizations.MoveAccountInput{AccountId: p(iamtest.Member), SourceParentId: &root, DestinationParentId: &unit})
	change("moving", 1, err)
	_, err = s.CreateAccount(ctx, c, &organizations.CreateAccountInput{AccountName: p("n"), Email: p("n@example.com")})
	change("creating an account", 1, err)
	_, err = s.RemoveAccountFromOrganization(ctx, c, &organizations.RemoveAccountFromOrganizationInput{AccountId: p(iamtest.Member)})
	change("removing", 1, err)
	sent, err := s.InviteAccountToOrganization(ctx, c, &organizations.InviteAccountToOrganizationInput{Target: &types.HandshakeParty{Id: p(iamtest.Member), Type: types.HandshakePartyTypeAccount}})
	change("inviting", 0, err)
	_, err = s.AcceptHandshake(ctx, h.Caller(t, iamtest.Member), &organizations.AcceptHandshakeInput{HandshakeId: sent.Handshake.Id})
	change("joining", 1, err)
	_, err = s.LeaveOrganization(ctx, h.Caller(t, iamtest.Member), &organizations.LeaveOrganizationInput{})
	change("leaving", 1, err)
	_, err = s.CloseAccount(ctx, c, &organizations.CloseAccountInput{AccountId: p(iamtest.Backup)})
	change("closing", 1, err)
	_, err = s.DetachPolicy(ctx, c, &organizations.DetachPolicyInput{PolicyId: id, TargetId: &unit})
	change("detaching", 1, err)
	_, err = s.DisablePolicyType(ctx, c, &organizations.DisablePolicyTypeInput{RootId: &root, PolicyType: backups})
	change("disabling", 1, err)
}

// What accounts had of an organization that is gone is undone there like anywhere else, and then forgotten.
func TestReconcileAfterDeletion(t *testing.T) {
	t.Parallel()
	r, ctx := newRuled(t), t.Context()
	r.enable(t, backups)
	r.attach(t, r.policy(t, backups, "base", plan("Base", "Daily")), r.root)
	r.reconcile(t)
	applyAll := func() (contents []string) {
		t.Helper()
		err := r.h.DB.Update(ctx, func(ctx context.Context, tx *state.Tx) error {
			rows, err := tx.UnappliedEffectivePolicies(ctx, "o-a1b2c3d4e5", string(backups), "", 100)
			for _, row := range rows {
				contents = append(contents, row.Content)
				if err := tx.SetEffectivePolicyApplied(ctx, row.AccountID, string(backups), row.Version); err != nil {
					return err
				}
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		return contents
	}
	if got := applyAll(); len(got) != 3 {
		t.Fatalf("%d accounts have something to apply", len(got))
	}
	for _, id := range []string{iamtest.Member, iamtest.Backup} {
		must[*organizations.RemoveAccountFromOrganizationOutput](t)(r.RemoveAccountFromOrganization(ctx, &organizations.RemoveAccountFromOrganizationInput{AccountId: &id}))
	}
	must[*organizations.DeleteOrganizationOutput](t)(r.DeleteOrganization(ctx, &organizations.DeleteOrganizationInput{}))
	for range 2 {
		r.reconcile(t)
	}
	if diff := cmp.Diff([]string{"", "", ""}, applyAll()); diff != "" {
		t.Errorf("to apply (-want +got):\n%s", diff)
	}
	err := r.h.DB.View(ctx, func(ctx context.Context, tx *state.Tx) error {
		rows, err := tx.EffectivePolicies(ctx, "o-a1b2c3d4e5", string(backups))
		if len(rows) != 0 {
			t.Errorf("%d rows are left", len(rows))
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}

// An account that joins another organization before the first has undone anything is the other's from then on.
func TestReconcileAfterAChangeOfOrganizations(t *testing.T) {
	t.Parallel()
	r, ctx := newRuled(t), t.Context()
	r.enable(t, backups)
	r.attach(t, r.policy(t, backups, "base", plan("Base", "Daily")), r.root)
	r.reconcile(t)
	for _, id := range []string{iamtest.Member, iamtest.Backup} {
		must[*organizations.RemoveAccountFromOrganizationOutput](t)(r.RemoveAccountFromOrganization(ctx, &organizations.RemoveAccountFromOrganizationInput{AccountId: &id}))
	}
	other := &ruled{Client: r.h.OrganizationsClient(iamtest.Backup), h: r.h}
	o := must[*organizations.CreateOrganizationOutput](t)(other.CreateOrganization(ctx, &organizations.CreateOrganizationInput{})).Organization
	other.root = *must[*organizations.ListRootsOutput](t)(other.ListRoots(ctx, &organizations.ListRootsInput{})).Roots[0].Id
	other.enable(t, backups)
	other.attach(t, other.policy(t, backups, "base", plan("Other", "Daily")), other.root)
	sent := must[*organizations.InviteAccountToOrganizationOutput](t)(other.InviteAccountToOrganization(ctx, &organizations.InviteAccountToOrganizationInput{Target: &types.HandshakeParty{Id: p(iamtest.Member), Type: types.HandshakePartyTypeAccount}}))
	must[*organizations.AcceptHandshakeOutput](t)(r.h.OrganizationsClient(iamtest.Member).AcceptHandshake(ctx, &organizations.AcceptHandshakeInput{HandshakeId: sent.Handshake.Id}))
	for _, order := range [][]string{{*o.Id, "o-a1b2c3d4e5"}, {"o-a1b2c3d4e5", *o.Id}} {
		for _, id := range order {
			if err := r.h.Organizations.ReconcileEffectivePolicies(ctx, id, backups); err != nil {
				t.Fatal(err)
			}
		}
		err := r.h.DB.View(ctx, func(ctx context.Context, tx *state.Tx) error {
			row, err := tx.EffectivePolicy(ctx, iamtest.Member, string(backups))
			if row.OrganizationID != *o.Id || !strings.Contains(row.Content, "Other") {
				t.Errorf("after %v the member has %s of %s", order, row.Content, row.OrganizationID)
			}
			return err
		})
		if err != nil {
			t.Error(err)
		}
	}
}

// More accounts than one transaction writes are told of page by page.
func TestReconcileManyAccounts(t *testing.T) {
	t.Parallel()
	r, ctx := newRuled(t), t.Context()
	r.enable(t, backups)
	r.attach(t, r.policy(t, backups, "base", plan("Base", "Daily")), r.root)
	const more = 447
	err := r.h.DB.UpdatePrincipals(ctx, func(ctx context.Context, tx *state.Tx) error {
		for i := range more {
			err := tx.InsertAccount(ctx, state.Account{
				ID: account(i), Name: "n", Email: fmt.Sprintf("n%d@example.com", i), Status: "ACTIVE", OrganizationID: "o-a1b2c3d4e5", ParentID: r.root, JoinedMethod: "CREATED",
			})
			if err != nil {
				return err
			}
		}
		return tx.CountPolicyChange(ctx, "o-a1b2c3d4e5", string(backups))
	})
	if err != nil {
		t.Fatal(err)
	}
	r.reconcile(t)
	seen, after := map[string]bool{}, ""
	for page := 0; ; page++ {
		var rows []state.EffectivePolicy
		err := r.h.DB.View(ctx, func(ctx context.Context, tx *state.Tx) (err error) {
			rows, err = tx.UnappliedEffectivePolicies(ctx, "o-a1b2c3d4e5", string(backups), after, 100)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		if len(rows) == 0 {
			break
		}
		for _, row := range rows {
			if seen[row.AccountID] || row.Version != 1 || !strings.Contains(row.Content, "Base") {
				t.Errorf("page %d: %+v", page, row)
			}
			seen[row.AccountID], after = true, row.AccountID
		}
	}
	if len(seen) != more+3 {
		t.Errorf("told of %d accounts, want %d", len(seen), more+3)
	}
}
