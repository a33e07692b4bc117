package backup_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"strongroom/internal/state"
)

// TestManyAccountsFollowAPolicy gives 300 accounts a policy of two Regions at once, and takes it away again.
func TestManyAccountsFollowAPolicy(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.trust()
	const many = 300
	put := func(content string) {
		t.Helper()
		w.update(func(ctx context.Context, tx *state.Tx) error {
			o, err := tx.OrganizationOfAccount(ctx, management)
			must(t, err)
			for i := range many {
				id := fmt.Sprintf("%012d", 500_000_000_000+i)
				if _, err := tx.Account(ctx, id); err != nil {
					must(t, tx.InsertAccount(ctx, state.Account{ID: id, Name: id, Email: id + "@example.com", Status: "ACTIVE", OrganizationID: o.ID, ParentID: o.RootID}))
				}
				row, err := tx.EffectivePolicy(ctx, id, "BACKUP_POLICY")
				if err != nil {
					row = state.EffectivePolicy{AccountID: id, Type: "BACKUP_POLICY", OrganizationID: organizationID, Errors: []state.EffectivePolicyError{}}
				}
				row.Content = content
				row.Version++
				must(t, tx.PutEffectivePolicy(ctx, row))
			}
			return nil
		})
	}
	follow := func(want int) {
		t.Helper()
		began := time.Now()
		must(t, w.ApplyBackupPolicies(t.Context(), organizationID))
		t.Logf("%d accounts followed in %s", many, time.Since(began).Round(time.Millisecond))
		plans := 0
		must(t, w.db.View(t.Context(), func(ctx context.Context, tx *state.Tx) error {
			for i := range many {
				some, err := tx.OrganizationPlans(ctx, fmt.Sprintf("%012d", 500_000_000_000+i))
				must(t, err)
				plans += len(some)
			}
			left, err := tx.UnappliedEffectivePolicies(ctx, organizationID, "BACKUP_POLICY", "", many)
			if len(left) > 0 {
				t.Errorf("%d accounts were left out", len(left))
			}
			return err
		}))
		if plans != want {
			t.Errorf("there are %d plans, want %d", plans, want)
		}
	}
	put(everything)
	follow(2 * many)
	put(small("P", "7", home))
	follow(many)
	put("")
	follow(0)
}
