package organizations_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/organizations"

	"strongroom/internal/service/iam/iamtest"
	"strongroom/internal/state"
)

const (
	benchUnits    = 500
	benchAccounts = 10000
	benchPolicies = 200
)

// large makes an organization of ten thousand accounts in five hundred units, five deep, under two hundred backup
// policies: five at the root, one at each of a hundred units and at ninety-five accounts.
func large(b *testing.B) *iamtest.House {
	b.Helper()
	h := iamtest.New(b)
	h.Organize(b)
	err := h.DB.UpdatePrincipals(b.Context(), func(ctx context.Context, tx *state.Tx) error {
		o, err := tx.Organization(ctx, "o-a1b2c3d4e5")
		if err != nil {
			return err
		}
		units := []string{o.RootID}
		for i := range benchUnits {
			u := state.OrganizationalUnit{ID: fmt.Sprintf("ou-%s-%08d", o.RootID[2:], i), OrganizationID: o.ID, ParentID: units[max(0, i-1)/4], Name: fmt.Sprint(i)}
			if err := tx.InsertOrganizationalUnit(ctx, u); err != nil {
				return err
			}
			units = append(units, u.ID)
		}
		for i := range benchAccounts {
			err := tx.InsertAccount(ctx, state.Account{
				ID: account(i), Name: "n", Email: fmt.Sprintf("n%d@example.com", i), Status: "ACTIVE", OrganizationID: o.ID,
				ParentID: units[1+i%benchUnits], JoinedMethod: "CREATED",
			})
			if err != nil {
				return err
			}
		}
		if err := tx.EnablePolicyType(ctx, o.ID, string(backups)); err != nil {
			return err
		}
		for i := range benchPolicies {
			content, target := vault("Plan0", "rule0", fmt.Sprint("Vault", i)), account(i*7)
			switch {
			case i < 5:
				content, target = plan(fmt.Sprint("Plan", i), numbered(9)...), o.RootID
			case i < 105:
				target = units[1+i*3]
			}
			p := state.OrganizationPolicy{OrganizationID: o.ID, ID: fmt.Sprintf("p-%08d", i), Type: string(backups), Name: fmt.Sprint(i), Content: content}
			if err := tx.InsertOrganizationPolicy(ctx, p); err != nil {
				return err
			}
			if err := tx.AttachOrganizationPolicy(ctx, p, target); err != nil {
				return err
			}
		}
		return tx.CountPolicyChange(ctx, o.ID, string(backups))
	})
	if err != nil {
		b.Fatal(err)
	}
	return h
}

func account(i int) string { return fmt.Sprintf("3%011d", i) }

// BenchmarkReconcile brings the effective policies of a large organization up to date: all of them, those of one account,
// and none.
func BenchmarkReconcile(b *testing.B) {
	h := large(b)
	reconcile := func(b *testing.B) {
		b.Helper()
		if err := h.Organizations.ReconcileEffectivePolicies(b.Context(), "o-a1b2c3d4e5", backups); err != nil {
			b.Fatal(err)
		}
	}
	rewrite := func(b *testing.B, id, content string) {
		b.Helper()
		err := h.DB.Update(b.Context(), func(ctx context.Context, tx *state.Tx) error {
			p, err := tx.OrganizationPolicy(ctx, "o-a1b2c3d4e5", id)
			if err != nil {
				return err
			}
			p.Content = content
			if err := tx.UpdateOrganizationPolicy(ctx, p); err != nil {
				return err
			}
			return tx.CountPolicyChange(ctx, "o-a1b2c3d4e5", string(backups))
		})
		if err != nil {
			b.Fatal(err)
		}
	}
	reconcile(b)
	n := 0
	for name, id := range map[string]string{"all accounts": "p-00000000", "one account": "p-00000199"} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				b.StopTimer()
				n++
				content := vault("Plan0", "rule0", fmt.Sprint("Own", n))
				if id == "p-00000000" {
					content = plan("Plan0", append(numbered(8), fmt.Sprint("own", n))...)
				}
				rewrite(b, id, content)
				b.StartTimer()
				reconcile(b)
			}
		})
	}
	change := func(b *testing.B, id, content string) {
		b.Helper()
		if _, err := h.OrganizationsClient(iamtest.Management).UpdatePolicy(b.Context(), &organizations.UpdatePolicyInput{PolicyId: &id, Content: &content}); err != nil {
			b.Fatal(err)
		}
	}
	for name, row := range map[string]struct {
		id, content string
		pending     bool
	}{
		"an edit for one account":                     {"p-00000199", `{"plans":{"Plan0":{"rules":{"rule0":{"target_backup_vault_name":{"@@assign":"Edit%d"}}}}}}`, false},
		"an edit for all accounts":                    {"p-00000000", "", false},
		"an invalid edit for all, behind one for all": {"p-00000000", "", true},
	} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				b.StopTimer()
				n++
				content := plan("Plan0", append(numbered(8), fmt.Sprint("own", n))...)
				if row.content != "" {
					content = fmt.Sprintf(row.content, n)
				}
				if row.pending {
					change(b, row.id, content)
					content = plan("Plan0", append(numbered(10), fmt.Sprint("own", n))...)
				}
				b.StartTimer()
				change(b, row.id, content)
				b.StopTimer()
				reconcile(b)
				b.StartTimer()
			}
		})
	}
	b.Run("nothing", func(b *testing.B) {
		for b.Loop() {
			reconcile(b)
		}
	})
	if err := h.DB.View(b.Context(), func(ctx context.Context, tx *state.Tx) error {
		rows, err := tx.EffectivePolicies(ctx, "o-a1b2c3d4e5", string(backups))
		if len(rows) != benchAccounts+3 {
			b.Errorf("%d accounts have an effective policy", len(rows))
		}
		return err
	}); err != nil {
		b.Error(err)
	}
}
