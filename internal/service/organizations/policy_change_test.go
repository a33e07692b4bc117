package organizations_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/organizations"
	"github.com/google/go-cmp/cmp"

	"strongroom/internal/service/iam/iamtest"
	"strongroom/internal/state"
)

// invalidPlan has more rules than a plan may have.
var invalidPlan = plan("Base", numbered(11)...)

// TestTheLastValidStateStays edits a policy to something valid and at once to something that is not: what was valid last is
// in force, whoever evaluated what in between.
func TestTheLastValidStateStays(t *testing.T) {
	t.Parallel()
	for what, row := range map[string]struct {
		few       int
		reconcile bool
	}{
		"few accounts": {500, false}, "few accounts, evaluated": {500, true}, "many accounts": {0, false}, "many accounts, evaluated": {0, true},
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			r := newRuled(t)
			r.h.Organizations.SetFew(row.few)
			r.enable(t, backups)
			base, own := r.policy(t, backups, "base", plan("Base", "Daily")), r.policy(t, backups, "own", vault("Base", "Daily", "Default"))
			r.attach(t, base, r.root)
			r.attach(t, own, iamtest.Member)
			r.reconcile(t)
			r.update(t, own, vault("Base", "Daily", "SecondValid"))
			if row.reconcile {
				r.reconcile(t)
			}
			r.update(t, own, invalidPlan)
			check := func(when string) {
				t.Helper()
				if got := r.effective(t, iamtest.Member); !strings.Contains(got, "SecondValid") {
					t.Errorf("%s: in force is %s", when, got)
				}
				if diff := cmp.Diff([]string{iamtest.Member}, r.invalid(t)); diff != "" {
					t.Errorf("%s: not valid (-want +got):\n%s", when, diff)
				}
			}
			check("after the edits")
			r.reconcile(t)
			check("evaluated")
			r.update(t, base, plan("Base", "Daily", "Weekly"))
			check("after another edit above")
		})
	}
}

// TestEvaluationsDoNotDecide makes the same changes, valid and not, to organizations that differ in when they are evaluated,
// and by whom: all end with the same in force.
func TestEvaluationsDoNotDecide(t *testing.T) {
	t.Parallel()
	const seeds, steps = 4, 12
	for seed := range uint64(seeds) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			run := func(few int, evaluate func(r *ruled, step int)) string {
				random := rand.New(rand.NewPCG(seed, 7))
				r := newRuled(t)
				r.h.Organizations.SetFew(few)
				r.enable(t, backups)
				unit := r.unit(t, r.root, "unit")
				policies := []string{
					r.policy(t, backups, "root", plan("Base", "Daily")), r.policy(t, backups, "unit", vault("Base", "Daily", "Unit")),
					r.policy(t, backups, "account", vault("Base", "Daily", "Account")),
				}
				r.attach(t, policies[0], r.root)
				r.attach(t, policies[1], unit)
				r.attach(t, policies[2], iamtest.Backup)
				from, to := r.root, unit
				for step := range steps {
					content := vault("Base", "Daily", fmt.Sprint("Vault", step))
					i := random.IntN(4)
					switch {
					case i == 3:
						r.move(t, iamtest.Member, from, to)
						from, to = to, from
					case random.IntN(2) == 0:
						r.update(t, policies[i], plan("Base", numbered(11)...)+strings.Repeat(" ", step))
					case i == 0:
						r.update(t, policies[i], plan("Base", "Daily", fmt.Sprint("Rule", step)))
					default:
						r.update(t, policies[i], content)
					}
					evaluate(r, step)
				}
				var all []string
				for _, account := range []string{iamtest.Management, iamtest.Member, iamtest.Backup} {
					all = append(all, r.effective(t, account))
				}
				all = append(all, r.invalid(t)...)
				r.reconcile(t)
				for i, account := range []string{iamtest.Management, iamtest.Member, iamtest.Backup} {
					if got := r.effective(t, account); got != all[i] {
						t.Errorf("account %s: an evaluation made\n%s\nof\n%s", account, got, all[i])
					}
				}
				return strings.Join(all, "\n")
			}
			want := run(500, func(r *ruled, _ int) { r.reconcile(t) })
			for what, got := range map[string]string{
				"with each change":   run(500, func(*ruled, int) {}),
				"not at all":         run(0, func(*ruled, int) {}),
				"behind each change": run(0, func(r *ruled, _ int) { r.reconcile(t) }),
				"now and then": run(0, func(r *ruled, step int) {
					if step%3 == 0 {
						r.reconcile(t)
					}
				}),
				"with changes to one account": run(1, func(*ruled, int) {}),
			} {
				if diff := cmp.Diff(want, got); diff != "" {
					t.Errorf("evaluated %s, otherwise is in force (-want +got):\n%s", what, diff)
				}
			}
		})
	}
}

// TestChangesAtOnce edits, valid and not, from two callers while evaluations run: no edit is lost, and none fails.
func TestChangesAtOnce(t *testing.T) {
	t.Parallel()
	r, ctx := newRuled(t), t.Context()
	r.h.Organizations.SetFew(0)
	r.enable(t, backups)
	base := r.policy(t, backups, "base", plan("Base", "Daily"))
	r.attach(t, base, r.root)
	var wg sync.WaitGroup
	for caller := range 2 {
		own := r.policy(t, backups, fmt.Sprint("own", caller), vault("Base", "Daily", "Own"))
		account := []string{iamtest.Member, iamtest.Backup}[caller]
		r.attach(t, own, account)
		wg.Go(func() {
			for i := range 6 {
				for _, content := range []string{vault("Base", "Daily", fmt.Sprint("Vault", i)), invalidPlan} {
					if _, err := r.UpdatePolicy(ctx, &organizations.UpdatePolicyInput{PolicyId: &own, Content: &content}); err != nil {
						t.Error(err)
					}
				}
				if got := r.effective(t, account); !strings.Contains(got, fmt.Sprint("Vault", i)) {
					t.Errorf("account %s: after edit %d, in force is %s", account, i, got)
				}
			}
		})
	}
	wg.Go(func() {
		for range 6 {
			_ = r.h.Organizations.ReconcileEffectivePolicies(ctx, "o-a1b2c3d4e5", backups) // it may be overtaken
		}
	})
	wg.Wait()
}

// TestInvalidAccountsAreMerged: who asks for the accounts whose policies are not valid has nothing evaluated.
func TestInvalidAccountsAreMerged(t *testing.T) {
	t.Parallel()
	r := newRuled(t)
	r.h.Organizations.SetFew(0)
	r.enable(t, backups)
	r.attach(t, r.policy(t, backups, "base", plan("Base", "Daily")), r.root)
	r.reconcile(t)
	r.attach(t, r.policy(t, backups, "own", invalidPlan), iamtest.Member)
	if diff := cmp.Diff([]string{iamtest.Member}, r.invalid(t)); diff != "" {
		t.Errorf("not valid (-want +got):\n%s", diff)
	}
	err := r.h.DB.View(t.Context(), func(ctx context.Context, tx *state.Tx) error {
		change, err := tx.PolicyChange(ctx, "o-a1b2c3d4e5", string(backups))
		if change.Evaluated != change.Number-1 {
			t.Errorf("%d of %d changes are evaluated", change.Evaluated, change.Number)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}
