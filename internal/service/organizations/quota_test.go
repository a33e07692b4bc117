package organizations_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/organizations"
	"github.com/aws/aws-sdk-go-v2/service/organizations/types"

	"strongroom/internal/api"
	"strongroom/internal/service/iam/iamtest"
	service "strongroom/internal/service/organizations"
	"strongroom/internal/state"
)

// The quotas of accounts and invitations, which count what is closed and what is only invited.
func TestAccountQuota(t *testing.T) {
	t.Parallel()
	h := iamtest.New(t)
	if err := h.Organizations.EnsureOrganization(t.Context(), "o-a1b2c3d4e5", iamtest.Management, iamtest.Member); err != nil {
		t.Fatal(err)
	}
	s := service.New(service.Config{DB: h.DB, Door: h.Door, Clock: h.Clock}) // AWS's quota
	c, ctx := h.Caller(t, iamtest.Management), t.Context()
	create := func(i int) error {
		_, err := s.CreateAccount(ctx, c, &organizations.CreateAccountInput{AccountName: p("n"), Email: p(fmt.Sprintf("n%d@example.com", i))})
		return err
	}
	invite := func() (*organizations.InviteAccountToOrganizationOutput, error) {
		return s.InviteAccountToOrganization(ctx, c, &organizations.InviteAccountToOrganizationInput{Target: &types.HandshakeParty{Id: p(iamtest.Backup), Type: types.HandshakePartyTypeAccount}})
	}
	for i := range 7 {
		if err := create(i); err != nil {
			t.Fatalf("account %d: %v", i+3, err)
		}
	}
	sent, err := invite()
	if err != nil {
		t.Fatal(err)
	}
	const full = "ACCOUNT_NUMBER_LIMIT_EXCEEDED"
	check := func(what string, err error, reason string) {
		t.Helper()
		if got := reasonIn(err); got != reason {
			t.Errorf("%s: %v, want %q", what, err, reason)
		}
	}
	check("an eleventh, with one invited", create(8), full)
	_, err = s.CancelHandshake(ctx, c, &organizations.CancelHandshakeInput{HandshakeId: sent.Handshake.Id})
	check("canceling", err, "")
	check("a tenth, with none invited", create(8), "")
	_, err = invite()
	check("inviting an eleventh", err, full)
	_, err = s.CloseAccount(ctx, c, &organizations.CloseAccountInput{AccountId: p(iamtest.Member)})
	check("closing one", err, "")
	check("an eleventh, with one closed", create(9), full)

	s.MaxAccounts = 12
	for i := range 19 { // one was sent before
		sent, err := invite()
		if err != nil {
			t.Fatalf("invitation %d: %v", i+2, err)
		}
		_, err = s.CancelHandshake(ctx, c, &organizations.CancelHandshakeInput{HandshakeId: sent.Handshake.Id})
		check("canceling", err, "")
	}
	_, err = invite()
	check("inviting for the twenty-first time", err, "HANDSHAKE_RATE_LIMIT_EXCEEDED")
	h.Clock.Advance(24*time.Hour + time.Second)
	_, err = invite()
	check("a day later", err, "")
}

// reasonIn is the reason of an error within the process.
func reasonIn(err error) string {
	if err == nil {
		return ""
	}
	if refusal, ok := errors.AsType[*api.Error](err); ok && refusal.Members["Reason"] != "" {
		return refusal.Members["Reason"]
	}
	return err.Error()
}

// An organization has two thousand units.
func TestUnitQuota(t *testing.T) {
	t.Parallel()
	r := newRuled(t)
	err := r.h.DB.Update(t.Context(), func(ctx context.Context, tx *state.Tx) error {
		for i := range 1999 {
			u := state.OrganizationalUnit{ID: fmt.Sprintf("ou-%s-%08d", r.root[2:], i), OrganizationID: "o-a1b2c3d4e5", ParentID: r.root, Name: fmt.Sprint(i)}
			if err := tx.InsertOrganizationalUnit(ctx, u); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	r.unit(t, r.root, "last")
	if _, err := r.CreateOrganizationalUnit(t.Context(), &organizations.CreateOrganizationalUnitInput{ParentId: &r.root, Name: p("one more")}); reasonOf(err) != "ConstraintViolationException/OU_NUMBER_LIMIT_EXCEEDED" {
		t.Errorf("one more: %v", err)
	}
}

// Within thirty days no more than 250 accounts of a small organization can be closed.
func TestClosingQuota(t *testing.T) {
	t.Parallel()
	r, ctx := newRuled(t), t.Context()
	err := r.h.DB.Update(ctx, func(ctx context.Context, tx *state.Tx) error {
		for i := range 250 {
			err := tx.InsertAccount(ctx, state.Account{
				ID: fmt.Sprintf("3%011d", i), Name: "n", Email: fmt.Sprintf("n%d@example.com", i), Status: "SUSPENDED", CreatedAt: tx.Now,
				OrganizationID: "o-a1b2c3d4e5", ParentID: r.root, JoinedMethod: "CREATED", JoinedAt: tx.Now, ClosedAt: tx.Now,
			})
			if err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	close := func() error {
		_, err := r.CloseAccount(ctx, &organizations.CloseAccountInput{AccountId: p(iamtest.Member)})
		return err
	}
	if err := close(); reasonOf(err) != "ConstraintViolationException/CLOSE_ACCOUNT_QUOTA_EXCEEDED" {
		t.Errorf("one more: %v", err)
	}
	r.h.Clock.Advance(30*24*time.Hour + time.Second)
	if err := close(); err != nil {
		t.Errorf("thirty days later: %v", err)
	}
}
