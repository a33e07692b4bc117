package organizations

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/aws/aws-sdk-go-v2/service/organizations/types"

	"strongroom/backuppolicy/inheritance"
	"strongroom/internal/state"
)

// management is what is particular to a type of policy that is handed down and merged on the way:
// https://docs.aws.amazon.com/organizations/latest/userguide/orgs_manage_policies_inheritance_mgmt.html
type management struct {
	parse     func(content string) (*inheritance.Document, error)
	effective func(m *inheritance.Merged) outcome
	// plans are made of the effective policy in each account. Of other types nobody makes anything.
	plans bool
}

// outcome is what policies amount to: the content of the effective policy, or why it is not valid.
type outcome struct {
	content string // "" where no policy speaks of the account
	errors  []state.EffectivePolicyError
}

// tree is an organization as one transaction saw it, with the policies of one type.
type tree struct {
	root     string
	units    map[string][]string               // by parent
	accounts map[string][]string               // by parent; closed ones are left out
	levels   map[string][]inheritance.Attached // by target, in the order of attachment
}

func newTree() *tree {
	return &tree{units: map[string][]string{}, accounts: map[string][]string{}, levels: map[string][]inheritance.Attached{}}
}

// readTree reads it. An organization that is gone is a tree without accounts.
func readTree(ctx context.Context, tx *state.Tx, organizationID string, t *policyType) (*tree, error) {
	tr := newTree()
	o, err := tx.Organization(ctx, organizationID)
	if errors.Is(err, state.ErrNotFound) {
		return tr, nil
	}
	if err != nil {
		return nil, err
	}
	tr.root = o.RootID
	units, err := tx.AllOrganizationalUnits(ctx, o.ID)
	if err != nil {
		return nil, err
	}
	for _, u := range units {
		tr.units[u.ParentID] = append(tr.units[u.ParentID], u.ID)
	}
	accounts, err := tx.AccountsOfOrganization(ctx, o.ID)
	if err != nil {
		return nil, err
	}
	for _, a := range accounts {
		if a.Status == active {
			tr.accounts[a.ParentID] = append(tr.accounts[a.ParentID], a.ID)
		}
	}
	policies, err := tx.OrganizationPolicies(ctx, o.ID, string(t.name))
	if err != nil {
		return nil, err
	}
	byID := map[string]inheritance.Attached{}
	for _, p := range policies {
		if byID[p.ID], err = t.management.attached(p); err != nil {
			return nil, err
		}
	}
	attachments, err := tx.PolicyAttachments(ctx, o.ID, string(t.name))
	for _, a := range attachments {
		attached := byID[a.PolicyID]
		attached.TargetID = a.TargetID
		tr.levels[a.TargetID] = append(tr.levels[a.TargetID], attached)
	}
	return tr, err
}

func (m *management) check(content string) error {
	_, err := m.parse(content)
	return err
}

// attached is a policy as the merge takes it. It was parsed when it was let in.
func (m *management) attached(p state.OrganizationPolicy) (inheritance.Attached, error) {
	document, err := m.parse(p.Content)
	if err != nil {
		return inheritance.Attached{}, fmt.Errorf("reading the policy %s: %w", p.ID, err)
	}
	return inheritance.Attached{PolicyID: p.ID, Name: p.Name, Policy: document}, nil
}

// outcomes merges down the tree. What the accounts of a unit share is merged and checked once.
func (tr *tree) outcomes(t *policyType) map[string]outcome {
	all := map[string]outcome{}
	var down func(node string, above *inheritance.Merged)
	down = func(node string, above *inheritance.Merged) {
		merged := extend(above, tr.levels[node])
		var shared *outcome
		for _, account := range tr.accounts[node] {
			own := tr.levels[account]
			if len(own) > 0 {
				all[account] = t.outcome(extend(merged, own))
				continue
			}
			if shared == nil {
				o := t.outcome(merged)
				shared = &o
			}
			all[account] = *shared
		}
		for _, unit := range tr.units[node] {
			down(unit, merged)
		}
	}
	down(tr.root, nil)
	return all
}

// extend keeps nil for a place that no policy speaks of.
func extend(above *inheritance.Merged, level []inheritance.Attached) *inheritance.Merged {
	if len(level) == 0 {
		return above
	}
	return above.Extend(level)
}

func (t *policyType) outcome(m *inheritance.Merged) outcome {
	if m == nil {
		return outcome{}
	}
	return t.management.effective(m)
}

// readBranches reads of the tree what leads to some accounts. Those that are closed or not in the organization are left out.
func readBranches(ctx context.Context, tx *state.Tx, o state.Organization, t *policyType, accounts []state.Account) (*tree, error) {
	tr := newTree()
	tr.root = o.RootID
	for _, a := range accounts {
		if a.Status != active || a.OrganizationID != o.ID {
			continue
		}
		levels, err := tx.Levels(ctx, o, a.ParentID)
		if err != nil {
			return nil, err
		}
		for i, target := range append(levels, a.ID) {
			if _, known := tr.levels[target]; known {
				continue
			}
			if tr.levels[target], err = t.management.level(ctx, tx, o, t, target); err != nil {
				return nil, err
			}
			switch {
			case target == a.ID:
				tr.accounts[a.ParentID] = append(tr.accounts[a.ParentID], a.ID)
			case i > 0:
				tr.units[levels[i-1]] = append(tr.units[levels[i-1]], target)
			}
		}
	}
	return tr, nil
}

// level is what is attached to one target, in the order of attachment.
func (m *management) level(ctx context.Context, tx *state.Tx, o state.Organization, t *policyType, target string) ([]inheritance.Attached, error) {
	policies, err := tx.PoliciesAsAttached(ctx, o.ID, string(t.name), target)
	if err != nil {
		return nil, err
	}
	var level []inheritance.Attached
	for _, p := range policies {
		attached, err := m.attached(p)
		if err != nil {
			return nil, err
		}
		attached.TargetID = target
		level = append(level, attached)
	}
	return level, nil
}

// follow is the row of an account after an outcome. One that is not valid is noted and leaves in force what was:
// https://docs.aws.amazon.com/organizations/latest/userguide/invalid-policy-alerts.html
func follow(row state.EffectivePolicy, organizationID string, t *policyType, o outcome, now state.Micros) state.EffectivePolicy {
	if row.OrganizationID != organizationID && row.Content != "" { // of the organization that the account was in before
		row.Content, row.UpdatedAt = "", now
		row.Version++
	}
	row.OrganizationID, row.Type = organizationID, string(t.name)
	if o.errors == nil {
		o.errors = []state.EffectivePolicyError{}
	}
	if invalid := len(o.errors) > 0; invalid != row.Invalid || !slices.EqualFunc(o.errors, row.Errors, sameError) {
		row.Invalid, row.Errors, row.EvaluatedAt = invalid, o.errors, now
	}
	if !row.Invalid && o.content != row.Content {
		row.Content, row.UpdatedAt = o.content, now
		row.Version++
	}
	if row.EvaluatedAt == 0 {
		row.EvaluatedAt = now
	}
	if !t.management.plans {
		row.Applied = row.Version
	}
	return row
}

func sameError(a, b state.EffectivePolicyError) bool {
	return a.Code == b.Code && a.Message == b.Message && a.Path == b.Path && slices.Equal(a.Contributing, b.Contributing)
}

func same(a, b state.EffectivePolicy) bool {
	return a.OrganizationID == b.OrganizationID && a.Version == b.Version && a.Invalid == b.Invalid &&
		slices.EqualFunc(a.Errors, b.Errors, sameError)
}

// managementType is a type whose policies are handed down, as operations about effective policies name it.
func managementType(name types.EffectivePolicyType) (*policyType, error) {
	if name == "" {
		return nil, invalidInput("INPUT_REQUIRED", "You must specify a policy type.")
	}
	if !slices.Contains(name.Values(), name) {
		return nil, invalidInput("INVALID_ENUM_POLICY_TYPE", "You specified an invalid value for the policy type: %s.", name)
	}
	t, err := typeNamed(types.PolicyType(name))
	if err == nil && t == nil {
		return nil, notInForce()
	}
	return t, err
}
