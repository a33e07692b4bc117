package state

import "context"

// OrganizationPolicy is a policy that roots, organizational units and accounts can have.
type OrganizationPolicy struct {
	OrganizationID string `db:"organization_id"`
	ID             string `db:"id"`   // p-…
	Type           string `db:"type"` // SERVICE_CONTROL_POLICY, RESOURCE_CONTROL_POLICY …
	Name           string `db:"name"`
	Description    string `db:"description"`
	Content        string `db:"content"` // JSON
	AWSManaged     bool   `db:"aws_managed"`
	CreatedAt      Micros `db:"created_at"`
}

const organizationPolicies = "organization_policies"

// OrganizationPolicy reads one policy.
func (tx *Tx) OrganizationPolicy(ctx context.Context, organizationID, id string) (OrganizationPolicy, error) {
	return queryOne(ctx, tx, scanRow[OrganizationPolicy], selectRow[OrganizationPolicy](organizationPolicies)+
		`WHERE organization_id = $1 AND id = $2`, organizationID, id)
}

// OrganizationPolicies lists an organization's policies of a type by id.
func (tx *Tx) OrganizationPolicies(ctx context.Context, organizationID, policyType string) ([]OrganizationPolicy, error) {
	return queryAll(ctx, tx, scanRow[OrganizationPolicy], selectRow[OrganizationPolicy](organizationPolicies)+
		`WHERE organization_id = $1 AND type = $2 ORDER BY id`, organizationID, policyType)
}

// InsertOrganizationPolicy adds a policy; [ErrExists] if its type has one of that name.
func (tx *Tx) InsertOrganizationPolicy(ctx context.Context, p OrganizationPolicy) error {
	return insertRow(ctx, tx, organizationPolicies, p)
}

// UpdateOrganizationPolicy writes a policy's name, description and content; [ErrExists] if its type has another of that
// name.
func (tx *Tx) UpdateOrganizationPolicy(ctx context.Context, p OrganizationPolicy) error {
	return tx.execOne(ctx, `UPDATE organization_policies SET name = $3, description = $4, content = $5
		WHERE organization_id = $1 AND id = $2`, p.OrganizationID, p.ID, p.Name, p.Description, p.Content)
}

// DeleteOrganizationPolicy removes a policy with its tags; the caller has found it attached to nothing.
func (tx *Tx) DeleteOrganizationPolicy(ctx context.Context, organizationID, id string) error {
	if err := tx.DeleteOrganizationTags(ctx, organizationID, id); err != nil {
		return err
	}
	return tx.execOne(ctx, `DELETE FROM organization_policies WHERE organization_id = $1 AND id = $2`, organizationID, id)
}

// PolicyTypes lists the types of policy that are enabled in an organization's root, by name.
func (tx *Tx) PolicyTypes(ctx context.Context, organizationID string) ([]string, error) {
	return queryAll(ctx, tx, scanString, `SELECT type FROM organization_policy_types WHERE organization_id = $1 ORDER BY type`, organizationID)
}

// EnablePolicyType enables a type; [ErrExists] if it is.
func (tx *Tx) EnablePolicyType(ctx context.Context, organizationID, policyType string) error {
	_, err := tx.exec(ctx, `INSERT INTO organization_policy_types (organization_id, type, enabled_at) VALUES ($1, $2, $3)`,
		organizationID, policyType, tx.Now)
	return err
}

// DisablePolicyType disables a type and detaches all policies of it; [ErrNotFound] if it is not enabled.
func (tx *Tx) DisablePolicyType(ctx context.Context, organizationID, policyType string) error {
	if err := tx.execOne(ctx, `DELETE FROM organization_policy_types WHERE organization_id = $1 AND type = $2`, organizationID, policyType); err != nil {
		return err
	}
	_, err := tx.exec(ctx, `DELETE FROM organization_policy_attachments WHERE organization_id = $1 AND type = $2`, organizationID, policyType)
	return err
}

// AttachOrganizationPolicy attaches a policy to a root, unit or account, behind those of its type that are; [ErrExists] if
// it is attached already.
func (tx *Tx) AttachOrganizationPolicy(ctx context.Context, p OrganizationPolicy, targetID string) error {
	_, err := tx.exec(ctx, `INSERT INTO organization_policy_attachments (organization_id, target_id, type, policy_id, attached_at, position)
		SELECT $1, $2, $3, $4, $5, COALESCE(MAX(position), 0) + 1 FROM organization_policy_attachments
			WHERE organization_id = $1 AND target_id = $2 AND type = $3`, p.OrganizationID, targetID, p.Type, p.ID, tx.Now)
	return err
}

// AttachEverywhere attaches a policy to the root, all units and all accounts of its organization, as the first of its type.
func (tx *Tx) AttachEverywhere(ctx context.Context, p OrganizationPolicy) error {
	_, err := tx.exec(ctx, `INSERT INTO organization_policy_attachments (organization_id, target_id, type, policy_id, attached_at, position)
		SELECT $1, target.id, $2, $3, $4, 1 FROM (
			SELECT root_id AS id FROM organizations WHERE id = $1
			UNION SELECT id FROM organizational_units WHERE organization_id = $1
			UNION SELECT id FROM accounts WHERE organization_id = $1
		) AS target`, p.OrganizationID, p.Type, p.ID, tx.Now)
	return err
}

// DetachOrganizationPolicy detaches a policy; [ErrNotFound] if it is not attached.
func (tx *Tx) DetachOrganizationPolicy(ctx context.Context, p OrganizationPolicy, targetID string) error {
	return tx.execOne(ctx, `DELETE FROM organization_policy_attachments
		WHERE organization_id = $1 AND target_id = $2 AND type = $3 AND policy_id = $4`, p.OrganizationID, targetID, p.Type, p.ID)
}

// DetachOrganizationPolicies takes all policies from a target that leaves the organization.
func (tx *Tx) DetachOrganizationPolicies(ctx context.Context, organizationID, targetID string) error {
	_, err := tx.exec(ctx, `DELETE FROM organization_policy_attachments WHERE organization_id = $1 AND target_id = $2`, organizationID, targetID)
	return err
}

// PoliciesOfTarget lists the policies of a type that are attached to a root, unit or account itself, by id.
func (tx *Tx) PoliciesOfTarget(ctx context.Context, organizationID, policyType, targetID string) ([]OrganizationPolicy, error) {
	return queryAll(ctx, tx, scanRow[OrganizationPolicy], selectRow[OrganizationPolicy](organizationPolicies)+
		`WHERE organization_id = $1 AND id IN (
			SELECT policy_id FROM organization_policy_attachments WHERE organization_id = $1 AND type = $2 AND target_id = $3
		) ORDER BY id`, organizationID, policyType, targetID)
}

// TargetsOfPolicy lists what a policy is attached to by id.
func (tx *Tx) TargetsOfPolicy(ctx context.Context, organizationID, policyID string) ([]string, error) {
	return queryAll(ctx, tx, scanString, `SELECT target_id FROM organization_policy_attachments
		WHERE organization_id = $1 AND policy_id = $2 ORDER BY target_id`, organizationID, policyID)
}

// PolicyAttachment is a policy at a place.
type PolicyAttachment struct {
	TargetID string // root, unit or account
	PolicyID string
}

// PolicyAttachments lists where the policies of a type are attached, by target and there in the order of their attachment.
func (tx *Tx) PolicyAttachments(ctx context.Context, organizationID, policyType string) ([]PolicyAttachment, error) {
	return queryAll(ctx, tx, func(s scanner) (a PolicyAttachment, err error) {
		err = s.Scan(&a.TargetID, &a.PolicyID)
		return a, err
	}, `SELECT target_id, policy_id FROM organization_policy_attachments
		WHERE organization_id = $1 AND type = $2 ORDER BY target_id, position`, organizationID, policyType)
}

// PoliciesAsAttached lists the policies of a type that are attached to a root, unit or account itself, in the order of
// their attachment.
func (tx *Tx) PoliciesAsAttached(ctx context.Context, organizationID, policyType, targetID string) ([]OrganizationPolicy, error) {
	return queryAll(ctx, tx, scanRow[OrganizationPolicy], selectRow[OrganizationPolicy](organizationPolicies+` JOIN (
			SELECT policy_id, position FROM organization_policy_attachments WHERE organization_id = $1 AND type = $2 AND target_id = $3
		) AS attached ON policy_id = id`)+
		`WHERE organization_id = $1 ORDER BY position`, organizationID, policyType, targetID)
}
