package e2e

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/backup"
	backuptypes "github.com/aws/aws-sdk-go-v2/service/backup/types"
	"github.com/aws/aws-sdk-go-v2/service/organizations"
	orgtypes "github.com/aws/aws-sdk-go-v2/service/organizations/types"
	"github.com/google/go-cmp/cmp"

	"strongroom/internal/server"
	"strongroom/internal/strongroomtest"
)

// settle waits until all that is to be done now is done.
func settle(t *testing.T, s *strongroomtest.Server) {
	t.Helper()
	move(t, s, server.ClockMove{Advance: time.Second})
}

// backupPlans lists the plans of the party's account and Region, as name and id.
func (p *party) backupPlans(t *testing.T) map[string]string {
	t.Helper()
	all := map[string]string{}
	for pages := backup.NewListBackupPlansPaginator(p.backup, &backup.ListBackupPlansInput{}); pages.HasMorePages(); {
		for _, plan := range must(pages.NextPage(t.Context()))(t, "listing plans").BackupPlansList {
			all[*plan.BackupPlanName] = *plan.BackupPlanId
		}
	}
	return all
}

// has wants exactly the plans named.
func (p *party) has(t *testing.T, names ...string) {
	t.Helper()
	got := slices.Sorted(maps.Keys(p.backupPlans(t)))
	slices.Sort(names)
	if diff := cmp.Diff(names, got); diff != "" && len(names)+len(got) > 0 {
		t.Errorf("plans of %s in %s (-want +got):\n%s", p.id, p.region, diff)
	}
}

// planPolicy is a backup policy of one plan, which backs up daily what is tagged backup=policy, into the vault local-vault, as the
// role jobs, and copies it where copies says.
func planPolicy(name string, days int, regions []string, copies ...string) string {
	var actions []string
	for _, vault := range copies {
		actions = append(actions, fmt.Sprintf(`"%s":{"target_backup_vault_arn":{"@@assign":"%s"},"lifecycle":{"delete_after_days":{"@@assign":"%d"}}}`, vault, vault, days+1))
	}
	return fmt.Sprintf(`{"plans":{"%s":{
		"regions":{"@@assign":["%s"]},
		"rules":{"Daily":{"schedule_expression":{"@@assign":"cron(0 5 ? * * *)"},"target_backup_vault_name":{"@@assign":"local-vault"},
			"lifecycle":{"delete_after_days":{"@@assign":"%d"}},"copy_actions":{%s}}},
		"selections":{"tags":{"Everything":{"iam_role_arn":{"@@assign":"arn:aws:iam::$account:role/jobs"},"tag_key":{"@@assign":"backup"},"tag_value":{"@@assign":["policy","both"]}}}}}}}`,
		name, strings.Join(regions, `","`), days, strings.Join(actions, ","))
}

// TestPlansByPolicy is the story of a policy: attached to the root it makes plans in all accounts and Regions, which run, copy
// and cannot be touched; detached it takes them away and leaves what they made.
func TestPlansByPolicy(t *testing.T) {
	t.Parallel()
	s := strongroomtest.New(t)
	crossAccount(t, s, true)
	g := govern(t, s, orgtypes.PolicyTypeBackupPolicy)
	g.distrust(t)
	m, b := enter(t, s, member, home), enter(t, s, vaulted, home)
	for _, p := range []*party{m, b} {
		p.role(t, "jobs", rolePolicies...)
		p.linked(t)
	}
	far := b.in(north)
	buckets := map[*party]string{m: m.bucket(t, "governed-home", "", "backup", "policy"), m.in(north): m.in(north).bucket(t, "governed-north", "", "backup", "both"), b: b.bucket(t, "governed-other", "", "backup", "policy")}
	m.bucket(t, "not-governed", "", "backup", "no")
	for p := range buckets {
		p.vault(t, "local-vault", p.key(t, b))
	}
	destination := far.vault(t, "policy-copies", far.key(t), m, b)
	move(t, s, server.ClockMove{To: at(t, "03-01 00:00")})

	id := g.decree(t, "daily", planPolicy("Governed", 7, []string{home, north}, destination), g.root)
	settle(t, s)
	m.has(t) // not without trusted access
	g.trust(t)
	settle(t, s)
	for _, p := range []*party{m, m.in(north), b, far, g.party, g.in(north)} {
		p.has(t, "Governed")
	}
	if got := m.records(t, "CreateOrganizationalBackupPlan"); len(got) != 1 || got[0].ServiceEventDetails["backupPlanId"] != m.backupPlans(t)["Governed"] || got[0].UserIdentity.InvokedBy != "backup.amazonaws.com" {
		t.Errorf("CloudTrail tells of the plan by %+v", got)
	}

	// They run, under the roles of the accounts, and copy.
	move(t, s, server.ClockMove{Advance: 24 * time.Hour})
	ran := func(times int) {
		t.Helper()
		for p, bucket := range buckets {
			if got := p.initiated(t, bucket); len(got) != times {
				t.Errorf("%s in %s: jobs at %v, want %d", p.id, p.region, got, times)
			}
		}
	}
	ran(1)
	if got := len(m.backupJobs(t, "")); got != 1 {
		t.Errorf("the account has %d jobs in its Region, want one: of the bucket that is tagged", got)
	}
	planID := m.backupPlans(t)["Governed"]
	job := m.backupJobs(t, buckets[m])[0]
	if *job.CreatedBy.BackupPlanId != planID || *job.IamRoleArn != m.roleARN() || *job.CreatedBy.BackupRuleName != "daily" {
		t.Errorf("the job was made by %+v as %s", job.CreatedBy, *job.IamRoleArn)
	}
	if got := len(far.points(t, "policy-copies")); got != 3 {
		t.Errorf("%d copies arrived, want 3", got)
	}
	seen := must(g.backup.ListBackupJobs(t.Context(), &backup.ListBackupJobsInput{ByAccountId: aws.String("*")}))(t, "monitoring").BackupJobs
	if len(seen) != 2 {
		t.Errorf("the management account sees %d jobs in its Region, want 2", len(seen))
	}

	// They are not the account's.
	ctx := t.Context()
	_, err := m.backup.DeleteBackupPlan(ctx, &backup.DeleteBackupPlanInput{BackupPlanId: &planID})
	refused(t, err, "InvalidParameterValueException", 400, "Backup plan cannot be deleted for backup plan "+planID+" created by organizations")
	_, err = m.backup.DeleteBackupSelection(ctx, &backup.DeleteBackupSelectionInput{BackupPlanId: &planID, SelectionId: m.selections(t, planID)[0].SelectionId})
	refused(t, err, "InvalidParameterValueException", 400, "Cannot delete selection for backup plan "+planID+" created by organizations")

	// An edit is one new version, and leaves the others' plans where they are.
	g.amend(t, id, planPolicy("Governed", 14, []string{home, north}, destination))
	settle(t, s)
	plan := must(m.backup.GetBackupPlan(ctx, &backup.GetBackupPlanInput{BackupPlanId: &planID}))(t, "reading the plan")
	if got := aws.ToInt64(plan.BackupPlan.Rules[0].Lifecycle.DeleteAfterDays); got != 14 {
		t.Errorf("after the edit points are kept for %d days, want 14", got)
	}
	versions := must(m.backup.ListBackupPlanVersions(ctx, &backup.ListBackupPlanVersionsInput{BackupPlanId: &planID}))(t, "listing versions").BackupPlanVersionsList
	if len(versions) != 2 {
		t.Errorf("the plan has %d versions, want 2", len(versions))
	}
	move(t, s, server.ClockMove{Advance: 24 * time.Hour})
	ran(2)

	// Detached, they are gone, and what they made stays.
	g.detach(t, id, g.root)
	settle(t, s)
	for _, p := range []*party{m, m.in(north), b, far, g.party} {
		p.has(t)
	}
	move(t, s, server.ClockMove{Advance: 24 * time.Hour})
	ran(2)
	if got := len(m.points(t, "local-vault")); got != 2 {
		t.Errorf("%d recovery points are left, want 2", got)
	}
	old := must(m.backup.GetBackupPlan(ctx, &backup.GetBackupPlanInput{BackupPlanId: &planID, VersionId: versions[1].VersionId}))(t, "reading an old version")
	if got := aws.ToInt64(old.BackupPlan.Rules[0].Lifecycle.DeleteAfterDays); got != 7 {
		t.Errorf("the first version keeps points for %d days, want 7", got)
	}
}

// TestPlansFollowTheTree moves an account between units with policies of their own, out of the organization and back.
func TestPlansFollowTheTree(t *testing.T) {
	t.Parallel()
	s := strongroomtest.New(t)
	g, m := govern(t, s, orgtypes.PolicyTypeBackupPolicy), enter(t, s, member, home)
	g.trust(t)
	short, long := g.unit(t, g.root, "short"), g.unit(t, g.root, "long")
	inner := g.unit(t, long, "inner")
	g.decree(t, "all", planPolicy("All", 7, []string{home}), g.root)
	g.decree(t, "short", planPolicy("Short", 1, []string{home}), short)
	g.decree(t, "long", `{"plans":{"All":{"rules":{"daily":{"lifecycle":{"delete_after_days":{"@@assign":"365"}}}}}}}`, long)
	own := g.decree(t, "own", planPolicy("Own", 3, []string{north}), member)
	keeps := func(want int64) {
		t.Helper()
		id := m.backupPlans(t)["All"]
		if id == "" {
			t.Error("there is no plan")
			return
		}
		plan := must(m.backup.GetBackupPlan(t.Context(), &backup.GetBackupPlanInput{BackupPlanId: &id}))(t, "reading the plan")
		if got := aws.ToInt64(plan.BackupPlan.Rules[0].Lifecycle.DeleteAfterDays); got != want {
			t.Errorf("points are kept for %d days, want %d", got, want)
		}
	}
	settle(t, s)
	m.has(t, "All")
	m.in(north).has(t, "Own")
	keeps(7)
	g.move(t, member, g.root, short)
	settle(t, s)
	m.has(t, "All", "Short")
	g.move(t, member, short, inner)
	settle(t, s)
	m.has(t, "All")
	keeps(365)
	g.move(t, member, inner, g.root)
	settle(t, s)
	keeps(7)
	g.detach(t, own, member)
	settle(t, s)
	m.in(north).has(t)

	must(m.organizations.LeaveOrganization(t.Context(), &organizations.LeaveOrganizationInput{}))(t, "leaving")
	settle(t, s)
	m.has(t)
	join(t, g.party, m)
	settle(t, s)
	m.has(t, "All")
	must(g.organizations.DisablePolicyType(t.Context(), &organizations.DisablePolicyTypeInput{RootId: &g.root, PolicyType: g.kind}))(t, "disabling the type")
	settle(t, s)
	m.has(t)
}

// TestInvalidPolicyChangesNothing: eleven rules are one too many, so that the account keeps the nine of before until the policy
// is mended; other accounts are not concerned.
func TestInvalidPolicyChangesNothing(t *testing.T) {
	t.Parallel()
	s := strongroomtest.New(t)
	g, m, b := govern(t, s, orgtypes.PolicyTypeBackupPolicy), enter(t, s, member, home), enter(t, s, vaulted, home)
	g.trust(t)
	withRules := func(first, last int) string {
		var all []string
		for i := first; i <= last; i++ {
			all = append(all, fmt.Sprintf(`"rule%d":{"target_backup_vault_name":{"@@assign":"local-vault"},"schedule_expression":{"@@assign":"cron(%d 5 ? * * *)"}}`, i, i))
		}
		return strings.Replace(planPolicy("Many", 7, []string{home}), `"Daily":`, strings.Join(all, ",")+`,"Daily":`, 1)
	}
	g.decree(t, "eight", withRules(1, 8), g.root)
	settle(t, s)
	count := func(p *party) int {
		t.Helper()
		id := p.backupPlans(t)["Many"]
		return len(must(p.backup.GetBackupPlan(t.Context(), &backup.GetBackupPlanInput{BackupPlanId: &id}))(t, "reading the plan").BackupPlan.Rules)
	}
	more := g.decree(t, "more", withRules(9, 10), member)
	g.decree(t, "other", planPolicy("Other", 7, []string{home}), member) // waits with the rest
	settle(t, s)
	if got := count(m); got != 9 {
		t.Errorf("the plan has %d rules, want the 9 of before", got)
	}
	m.has(t, "Many")
	if got := count(b); got != 9 {
		t.Errorf("the plan of the other account has %d rules, want 9", got)
	}
	invalid := must(g.organizations.ListAccountsWithInvalidEffectivePolicy(t.Context(), &organizations.ListAccountsWithInvalidEffectivePolicyInput{PolicyType: orgtypes.EffectivePolicyTypeBackupPolicy}))(t, "listing invalid policies").Accounts
	if len(invalid) != 1 || *invalid[0].Id != member {
		t.Errorf("invalid are the policies of %+v", invalid)
	}
	g.amend(t, more, withRules(9, 9))
	settle(t, s)
	if got := count(m); got != 10 {
		t.Errorf("mended, the plan has %d rules, want 10", got)
	}
	m.has(t, "Many", "Other")
}

// TestPlansByPolicyOptIn: a plan of the organization follows what the management account has opted in to, one of the account's
// own what the account has.
func TestPlansByPolicyOptIn(t *testing.T) {
	t.Parallel()
	s, m := scheduled(t)
	g := govern(t, s, orgtypes.PolicyTypeBackupPolicy)
	g.trust(t)
	bucket := m.bucket(t, "opted-bucket", "", "backup", "policy")
	optIn := func(p *party, on bool) {
		t.Helper()
		must(p.backup.UpdateRegionSettings(t.Context(), &backup.UpdateRegionSettingsInput{ResourceTypeOptInPreference: map[string]bool{"S3": on}}))(t, "opting")
	}
	move(t, s, server.ClockMove{To: at(t, "03-01 00:00")})
	g.decree(t, "daily", planPolicy("Governed", 7, []string{home}), member)
	m.plan(t, "own", backuptypes.BackupRuleInput{ScheduleExpression: aws.String("cron(0 17 ? * * *)")}, tagged("backup", "policy"))
	day := func(want ...string) {
		t.Helper()
		move(t, s, server.ClockMove{Advance: 24 * time.Hour})
		got := m.initiated(t, bucket)
		if len(got) > len(want) {
			got = got[len(got)-len(want):]
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("jobs (-want +got):\n%s", diff)
		}
	}
	settle(t, s)
	day("03-01 05:00", "03-01 17:00")
	optIn(m, false)
	day("03-01 17:00", "03-02 05:00")
	optIn(m, true)
	optIn(g.party, false)
	day("03-02 05:00", "03-03 17:00")
	optIn(m, false)
	day("03-02 05:00", "03-03 17:00")
}

// TestPolicyWithoutRoleOrVault leaves the events of AWS, and no job, where an account lacks what a policy names.
func TestPolicyWithoutRoleOrVault(t *testing.T) {
	t.Parallel()
	s := strongroomtest.New(t)
	g, m := govern(t, s, orgtypes.PolicyTypeBackupPolicy), enter(t, s, member, home)
	g.trust(t)
	m.linked(t)
	bucket := m.bucket(t, "lacking-bucket", "", "backup", "policy")
	move(t, s, server.ClockMove{To: at(t, "03-01 00:00")})
	g.decree(t, "daily", planPolicy("Governed", 7, []string{home}), member)
	settle(t, s)
	id := m.backupPlans(t)["Governed"]
	move(t, s, server.ClockMove{Advance: 24 * time.Hour})
	m.unprocessed(t, id, "ResourceNotFoundException", "Backup job failed because backup vault "+m.vaultARN("local-vault")+" does not exist.")
	m.vault(t, "local-vault", m.key(t))
	move(t, s, server.ClockMove{Advance: 24 * time.Hour})
	events := m.records(t, "ProcessBackupPlanSelection")
	if len(events) != 2 || events[0].ErrorCode != "AccessDenied" || events[0].ErrorMessage != "The provided role "+m.roleARN()+" cannot be assumed by AWS Backup." {
		t.Errorf("without the role the events are %+v", events)
	}
	if got := m.backupJobs(t, ""); len(got) != 0 {
		t.Errorf("%d jobs were made", len(got))
	}
	m.role(t, "jobs", rolePolicies...)
	move(t, s, server.ClockMove{Advance: 24 * time.Hour})
	if got := m.initiated(t, bucket); len(got) != 1 {
		t.Errorf("with both there, jobs were initiated at %v", got)
	}
}

// TestPolicyChangesAtOnce edits two policies over and over, from two callers at once, while an account moves to and fro. In
// the end the plans are those of the last of each.
func TestPolicyChangesAtOnce(t *testing.T) {
	t.Parallel()
	s := strongroomtest.New(t)
	g, m := govern(t, s, orgtypes.PolicyTypeBackupPolicy), enter(t, s, member, home)
	g.trust(t)
	unit := g.unit(t, g.root, "unit")
	a, b := g.decree(t, "a", planPolicy("A", 1, []string{home}), g.root), g.decree(t, "b", planPolicy("B", 1, []string{home}), g.root)
	const edits = 8
	var wait sync.WaitGroup
	for name, id := range map[string]string{"A": a, "B": b} {
		wait.Go(func() {
			for i := range edits {
				content := planPolicy(name, i+2, []string{home})
				if _, err := g.organizations.UpdatePolicy(t.Context(), &organizations.UpdatePolicyInput{PolicyId: &id, Content: &content}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wait.Go(func() {
		for i := range edits {
			from, to := g.root, unit
			if i%2 == 1 {
				from, to = to, from
			}
			if _, err := g.organizations.MoveAccount(t.Context(), &organizations.MoveAccountInput{AccountId: aws.String(member), SourceParentId: &from, DestinationParentId: &to}); err != nil {
				t.Error(err)
			}
		}
	})
	wait.Wait()
	settle(t, s)
	for _, p := range []*party{m, enter(t, s, vaulted, home), g.party} {
		p.has(t, "A", "B")
		for name, id := range p.backupPlans(t) {
			plan := must(p.backup.GetBackupPlan(t.Context(), &backup.GetBackupPlanInput{BackupPlanId: &id}))(t, "reading "+name)
			if got := aws.ToInt64(plan.BackupPlan.Rules[0].Lifecycle.DeleteAfterDays); got != edits+1 {
				t.Errorf("plan %s of %s keeps points for %d days, want %d", name, p.id, got, edits+1)
			}
		}
	}
}

// TestDelegatedMonitoring registers the backup account as a delegated administrator for AWS Backup: it sees the jobs of all
// accounts from then on, until it is deregistered, and still cannot touch them.
func TestDelegatedMonitoring(t *testing.T) {
	t.Parallel()
	s := strongroomtest.New(t)
	ctx := t.Context()
	g := govern(t, s, orgtypes.PolicyTypeBackupPolicy)
	m, b := enter(t, s, member, home), enter(t, s, vaulted, home)
	m.role(t, "jobs", rolePolicies...)
	m.vault(t, "local-vault", m.key(t))
	bucket := m.bucket(t, "watched-bucket", "")
	m.backUp(t, "local-vault", bucket) // before anybody may look
	everybody := func(p *party) (int, error) {
		out, err := p.backup.ListBackupJobs(ctx, &backup.ListBackupJobsInput{ByAccountId: aws.String("*")})
		if err != nil {
			return 0, err
		}
		return len(out.BackupJobs), nil
	}
	sees := func(p *party, want int) {
		t.Helper()
		if got, err := everybody(p); err != nil || got != want {
			t.Errorf("%s sees %d jobs, %v; want %d", p.id, got, err, want)
		}
	}
	_, err := everybody(g.party)
	refused(t, err, "AccessDeniedException", 403, "Insufficient privileges")
	g.trust(t)
	sees(g.party, 0)
	_, err = everybody(b)
	refused(t, err, "AccessDeniedException", 403, "Insufficient privileges")
	delegate := &organizations.RegisterDelegatedAdministratorInput{AccountId: aws.String(vaulted), ServicePrincipal: aws.String("backup.amazonaws.com")}
	must(g.organizations.RegisterDelegatedAdministrator(ctx, delegate))(t, "registering")
	move(t, s, server.ClockMove{Advance: time.Minute})
	job := m.startBackup(t, "local-vault", bucket)
	m.backedUp(t, job)
	sees(g.party, 1)
	sees(b, 1)
	_, err = b.backup.StopBackupJob(ctx, &backup.StopBackupJobInput{BackupJobId: &job})
	refused(t, err, "ResourceNotFoundException", 400, job)
	summary := must(b.backup.ListBackupJobSummaries(ctx, &backup.ListBackupJobSummariesInput{AccountId: aws.String("ANY"), State: backuptypes.BackupJobStatusCompleted}))(t, "counting").BackupJobSummaries
	if len(summary) != 1 || *summary[0].AccountId != member || summary[0].Count != 1 {
		t.Errorf("the delegated administrator counts %+v", summary)
	}
	must(g.organizations.DeregisterDelegatedAdministrator(ctx, &organizations.DeregisterDelegatedAdministratorInput{AccountId: delegate.AccountId, ServicePrincipal: delegate.ServicePrincipal}))(t, "deregistering")
	_, err = everybody(b)
	refused(t, err, "AccessDeniedException", 403, "Insufficient privileges")
	sees(g.party, 1)
}

// TestPlansOfAnotherOrganization takes an account from one organization into another, which has the same policy: its plans are
// then the other's, under other ids, and those of the first are gone.
func TestPlansOfAnotherOrganization(t *testing.T) {
	t.Parallel()
	s := strongroomtest.New(t)
	ctx := t.Context()
	first := govern(t, s, orgtypes.PolicyTypeBackupPolicy)
	first.trust(t)
	m, b := enter(t, s, member, home), enter(t, s, vaulted, home)
	content := planPolicy("Same", 7, []string{home})
	first.decree(t, "same", content, first.root)
	settle(t, s)
	before := m.backupPlans(t)["Same"]
	must(b.organizations.LeaveOrganization(ctx, &organizations.LeaveOrganizationInput{}))(t, "leaving")
	must(b.organizations.CreateOrganization(ctx, &organizations.CreateOrganizationInput{FeatureSet: orgtypes.OrganizationFeatureSetAll}))(t, "founding another organization")
	second := &governor{party: b, kind: orgtypes.PolicyTypeBackupPolicy}
	second.begin(t)
	second.trust(t)
	second.decree(t, "same", content, second.root)
	must(m.organizations.LeaveOrganization(ctx, &organizations.LeaveOrganizationInput{}))(t, "leaving")
	join(t, second.party, m)
	settle(t, s)
	m.has(t, "Same")
	b.has(t, "Same")
	first.has(t, "Same")
	after := m.backupPlans(t)["Same"]
	if before == "" || after == before {
		t.Errorf("the plan was %q and is %q", before, after)
	}
	for event, want := range map[string]int{"CreateOrganizationalBackupPlan": 2, "DeleteOrganizationalBackupPlan": 1} {
		if got := m.records(t, event); len(got) != want {
			t.Errorf("there are %d events %s, want %d", len(got), event, want)
		}
	}
	must(m.organizations.LeaveOrganization(ctx, &organizations.LeaveOrganizationInput{}))(t, "leaving")
	settle(t, s)
	m.has(t)
	b.has(t, "Same")
	must(b.organizations.DeleteOrganization(ctx, &organizations.DeleteOrganizationInput{}))(t, "deleting the organization")
	settle(t, s)
	b.has(t)
}

// TestHundredsFollowAPolicy makes an organization of two hundred accounts and hands a policy of two Regions down to them.
func TestHundredsFollowAPolicy(t *testing.T) {
	t.Parallel()
	const many = 200
	s := strongroomtest.New(t, strongroomtest.Options{Config: server.Config{Quotas: server.Quotas{Accounts: many + 10}}})
	ctx := t.Context()
	g := govern(t, s, orgtypes.PolicyTypeBackupPolicy)
	g.trust(t)
	for i := range many {
		must(g.organizations.CreateAccount(ctx, &organizations.CreateAccountInput{AccountName: aws.String(fmt.Sprint("a", i)), Email: aws.String(fmt.Sprintf("a%d@example.com", i))}))(t, "creating an account")
	}
	settle(t, s)
	var accounts []string
	for pages := organizations.NewListAccountsPaginator(g.organizations, &organizations.ListAccountsInput{}); pages.HasMorePages(); {
		for _, a := range must(pages.NextPage(ctx))(t, "listing accounts").Accounts {
			accounts = append(accounts, *a.Id)
		}
	}
	if len(accounts) != many+3 {
		t.Fatalf("the organization has %d accounts", len(accounts))
	}
	began := time.Now()
	id := g.decree(t, "daily", planPolicy("Governed", 7, []string{home, north}), g.root)
	settle(t, s)
	t.Logf("%d accounts have their plans after %s", len(accounts), time.Since(began).Round(time.Millisecond))
	last := g.assume(t, accounts[len(accounts)/2], "OrganizationAccountAccessRole")
	last.has(t, "Governed")
	last.in(north).has(t, "Governed")
	began = time.Now()
	g.amend(t, id, planPolicy("Other", 7, []string{home}))
	settle(t, s)
	t.Logf("and follow an edit after %s", time.Since(began).Round(time.Millisecond))
	last.has(t, "Other")
	last.in(north).has(t)
}
