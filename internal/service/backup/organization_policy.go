package backup

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"

	"strongroom/backuppolicy"
	"strongroom/internal/api"
	"strongroom/internal/backupevent"
	"strongroom/internal/state"
)

// backupPolicy is the type of policies that plans are made of.
const backupPolicy = "BACKUP_POLICY"

// Trail keeps the events that the service itself makes, in the transaction that makes them true.
type Trail interface {
	PutServiceEvent(ctx context.Context, tx *state.Tx, accountID, region, name string, details map[string]any, failure *api.Error) error
}

// effective is an account's backup policy that is in force, read.
type effective struct {
	state.EffectivePolicy
	plans []backuppolicy.Plan
}

// ApplyBackupPolicies makes the plans of an organization's accounts those of their effective backup policies, wherever they
// are not yet. An account that has left the organization loses what it had of it. An account that cannot be brought up to date
// keeps none of the others waiting; it is tried again at the next call.
func (s *Service) ApplyBackupPolicies(ctx context.Context, organizationID string) error {
	const batch = 100
	var all []error
	var last effective // accounts of one organizational unit share theirs
	for after := ""; ; {
		var rows []state.EffectivePolicy
		err := s.DB.View(ctx, func(ctx context.Context, tx *state.Tx) (err error) {
			rows, err = tx.UnappliedEffectivePolicies(ctx, organizationID, backupPolicy, after, batch)
			return err
		})
		if err != nil {
			return errors.Join(append(all, err)...)
		}
		for _, row := range rows {
			plans := last.plans
			if row.Content != last.Content {
				if plans, err = plansOf(row.Content); err != nil {
					all = append(all, fmt.Errorf("account %s: %w", row.AccountID, err))
					continue
				}
			}
			last = effective{row, plans}
			if err := s.applyBackupPolicy(ctx, last); err != nil {
				all = append(all, fmt.Errorf("making the plans of account %s: %w", row.AccountID, err))
			}
		}
		if len(rows) < batch || ctx.Err() != nil {
			return errors.Join(all...)
		}
		after = rows[len(rows)-1].AccountID
	}
}

func plansOf(content string) ([]backuppolicy.Plan, error) {
	if content == "" {
		return nil, nil
	}
	effective, err := backuppolicy.EffectiveFrom(content)
	return effective.Plans(), err
}

// applyBackupPolicy makes an account's plans those of its policy, in one transaction. Without trusted access AWS Backup hears
// nothing of policies: what is there stays, but for accounts that left.
func (s *Service) applyBackupPolicy(ctx context.Context, policy effective) error {
	organization, err := s.OrganizationOf(ctx, policy.AccountID)
	if err != nil {
		return err
	}
	if organization.ID == policy.OrganizationID && !organization.TrustedAccess {
		return nil
	}
	var wanted []handedDown
	var refused []refusedPlan
	if organization.ID == policy.OrganizationID {
		if wanted, refused, err = policy.handDown(); err != nil {
			return err
		}
	}
	return s.DB.Update(ctx, func(ctx context.Context, tx *state.Tx) error {
		now, err := tx.EffectivePolicy(ctx, policy.AccountID, backupPolicy)
		if err != nil {
			return err
		}
		if now.Version != policy.Version || now.OrganizationID != policy.OrganizationID || now.Applied == now.Version {
			return nil // somebody else's turn
		}
		if err := s.replacePlans(ctx, tx, policy, wanted, refused); err != nil {
			return err
		}
		return tx.SetEffectivePolicyApplied(ctx, policy.AccountID, backupPolicy, policy.Version)
	})
}

// refusedPlan is a plan that AWS Backup does not take, in one Region, and why.
type refusedPlan struct {
	backuppolicy.Plan
	region string
	why    *api.Error
}

// handDown makes the plans of the policy, in all their Regions. One that AWS Backup does not take is none in any Region.
func (e effective) handDown() (wanted []handedDown, refused []refusedPlan, err error) {
	for _, plan := range e.plans {
		var made []handedDown
		var why *api.Error
		for _, region := range plan.Regions {
			one, err := handDown(e.OrganizationID, e.AccountID, region, plan)
			if r := refusal(err); r != nil {
				why = cmp.Or(why, r)
			} else if err != nil {
				return nil, nil, err
			}
			made = append(made, one)
		}
		if why == nil {
			wanted = append(wanted, made...)
			continue
		}
		for _, region := range plan.Regions {
			refused = append(refused, refusedPlan{plan, region, why})
		}
	}
	return wanted, refused, nil
}

// replacePlans creates, changes and deletes plans until the account has those wanted. A plan that is refused stays as it was
// when it was last taken.
func (s *Service) replacePlans(ctx context.Context, tx *state.Tx, policy effective, wanted []handedDown, refused []refusedPlan) error {
	there, err := tx.OrganizationPlans(ctx, policy.AccountID)
	if err != nil {
		return err
	}
	for _, r := range refused {
		if err := s.reportRefusal(ctx, tx, policy, r); err != nil {
			return err
		}
	}
	for _, plan := range there {
		kept := slices.ContainsFunc(wanted, func(h handedDown) bool { return h.ID == plan.ID }) ||
			plan.OrganizationID == policy.OrganizationID && slices.ContainsFunc(refused, func(r refusedPlan) bool { return r.Name == plan.Name && r.region == plan.Region })
		if kept {
			continue
		}
		if err := s.withdraw(ctx, tx, plan); err != nil {
			return err
		}
	}
	for _, h := range wanted {
		if err := s.putHandedDown(ctx, tx, h); err != nil {
			return err
		}
	}
	return nil
}

// putHandedDown makes a plan one of the account's, or changes it, or leaves it alone: a plan that did not change gets no new
// version, and keeps its next run.
func (s *Service) putHandedDown(ctx context.Context, tx *state.Tx, h handedDown) error {
	there, err := tx.BackupPlan(ctx, h.ID)
	known := err == nil
	if err != nil && !errors.Is(err, state.ErrNotFound) {
		return err
	}
	alive := known && there.DeletedAt == 0
	selections, err := tx.BackupSelections(ctx, h.ID, state.Cursor{}, 0)
	if err != nil || alive && h.same(there, selections) {
		return err
	}
	plan := h.BackupPlan
	plan.CreatedAt, plan.UpdatedAt, plan.VersionID, plan.ExecutedAt = tx.Now, tx.Now, newVersionID(), there.ExecutedAt
	schedules, err := reschedule(ctx, tx, plan, there.Document)
	if err != nil {
		return err
	}
	what, event := backupevent.Created, "CreateOrganizationalBackupPlan"
	if alive {
		what, event = backupevent.Modified, "UpdateOrganizationalBackupPlan"
		plan.CreatedAt = there.CreatedAt
	}
	switch {
	case !known:
		err = tx.InsertBackupPlan(ctx, plan, schedules)
	case alive && sameText(plan.Document, there.Document): // its selections or tags changed
		plan.UpdatedAt, plan.VersionID = there.UpdatedAt, there.VersionID
		err = tx.PutBackupPlan(ctx, plan)
	default:
		err = tx.UpdateBackupPlan(ctx, plan, schedules)
	}
	if err != nil {
		return err
	}
	h.BackupPlan = plan
	if h.selections, err = replaceSelections(ctx, tx, h, selections); err != nil {
		return err
	}
	if err := s.putTrail(ctx, tx, plan, event, planDetails(h, tx.Now)); err != nil {
		return err
	}
	return s.PutEvent.Plan(ctx, tx, plan, what)
}

// replaceSelections makes a plan's selections those handed down. One that did not change keeps its date.
func replaceSelections(ctx context.Context, tx *state.Tx, h handedDown, there []state.BackupSelection) ([]state.BackupSelection, error) {
	if err := tx.DeleteBackupSelections(ctx, h.ID); err != nil {
		return nil, err
	}
	selections := slices.Clone(h.selections)
	for i := range selections {
		selections[i].CreatedAt = tx.Now
		for _, old := range there {
			if old.ID == selections[i].ID && sameText(old.Document, selections[i].Document) {
				selections[i].CreatedAt = old.CreatedAt
			}
		}
		if err := tx.InsertBackupSelection(ctx, selections[i]); err != nil {
			return nil, err
		}
	}
	return selections, nil
}

// withdraw ends a plan of the organization with its selections. Its versions, its jobs and their recovery points stay.
func (s *Service) withdraw(ctx context.Context, tx *state.Tx, plan state.BackupPlan) error {
	if err := tx.DeleteBackupSelections(ctx, plan.ID); err != nil {
		return err
	}
	if err := tx.DeleteBackupPlan(ctx, plan.ID); err != nil {
		return err
	}
	if err := s.putTrail(ctx, tx, plan, "DeleteOrganizationalBackupPlan", deletionDetails(plan, tx.Now)); err != nil {
		return err
	}
	return s.PutEvent.Plan(ctx, tx, plan, backupevent.Deleted)
}

// reportRefusal tells of a plan that AWS Backup does not take, as AWS does where Organizations hands one down.
func (s *Service) reportRefusal(ctx context.Context, tx *state.Tx, policy effective, r refusedPlan) error {
	s.Log.WarnContext(ctx, "a plan of a backup policy cannot be made", slog.String("plan", r.Name), slog.String("account", policy.AccountID),
		slog.String("region", r.region), slog.String("why", r.why.Message))
	if s.Trail == nil {
		return nil
	}
	return s.Trail.PutServiceEvent(ctx, tx, policy.AccountID, r.region, "InvalidOrganizationBackupPlan", refusalDetails(policy, r), r.why)
}

func (s *Service) putTrail(ctx context.Context, tx *state.Tx, plan state.BackupPlan, event string, details map[string]any) error {
	if s.Trail == nil {
		return nil
	}
	return s.Trail.PutServiceEvent(ctx, tx, plan.AccountID, plan.Region, event, details, nil)
}
