package e2e

import (
	"fmt"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/backup"
	orgtypes "github.com/aws/aws-sdk-go-v2/service/organizations/types"
)

// TestPoliciesOutliveAKill kills the server at once after each change of a policy was acknowledged. What follows from it is
// done after the next start.
func TestPoliciesOutliveAKill(t *testing.T) {
	t.Parallel()
	p := newProcess(t)
	ctx := t.Context()
	p.start(ctx, t)
	g := &governor{party: newParty(management, p.aws(t, "management", home)), kind: orgtypes.PolicyTypeBackupPolicy}
	m, b := newParty(member, p.aws(t, "member", home)), newParty(vaulted, p.aws(t, "backup", north))
	g.begin(t)
	g.trust(t)
	again := func() {
		p.kill()
		p.start(ctx, t)
	}
	keeps := func(want int64) {
		t.Helper()
		for _, account := range []*party{m, b, g.party} {
			eventually(ctx, t, fmt.Sprintf("a plan of %s that keeps points for %d days", account.id, want), func() (bool, error) {
				id := account.backupPlans(t)["Governed"]
				if id == "" {
					return want == 0, fmt.Errorf("there is no plan")
				}
				plan, err := account.backup.GetBackupPlan(ctx, &backup.GetBackupPlanInput{BackupPlanId: &id})
				if err != nil {
					return false, err
				}
				got := aws.ToInt64(plan.BackupPlan.Rules[0].Lifecycle.DeleteAfterDays)
				return got == want, fmt.Errorf("it keeps them for %d", got)
			})
		}
	}
	id := g.decree(t, "daily", planPolicy("Governed", 1, []string{home, north}), g.root)
	again()
	keeps(1)
	for days := 2; days <= 4; days++ {
		g.amend(t, id, planPolicy("Governed", days, []string{home, north}))
		again()
		keeps(int64(days))
	}
	versions, err := m.backup.ListBackupPlanVersions(ctx, &backup.ListBackupPlanVersionsInput{BackupPlanId: aws.String(m.backupPlans(t)["Governed"])})
	if err != nil || len(versions.BackupPlanVersionsList) != 4 {
		t.Errorf("the plan has %d versions, %v; want 4: each change was made once", len(versions.BackupPlanVersionsList), err)
	}
	g.detach(t, id, g.root)
	again()
	keeps(0)
}
