package state

import "context"

// PrincipalKind says what a policy is attached to.
type PrincipalKind string

// The three kinds that carry policies.
const (
	KindUser  PrincipalKind = "user"
	KindGroup PrincipalKind = "group"
	KindRole  PrincipalKind = "role"
)

// InlinePolicy is a policy embedded in one user, group or role.
type InlinePolicy struct{ Name, Document string }

func scanInlinePolicy(s scanner) (p InlinePolicy, err error) {
	err = s.Scan(&p.Name, &p.Document)
	return p, err
}

// InlinePolicies lists the embedded policies of a user, group or role by name.
func (tx *Tx) InlinePolicies(ctx context.Context, accountID string, kind PrincipalKind, principal string) ([]InlinePolicy, error) {
	return queryAll(ctx, tx, scanInlinePolicy, `SELECT name, document FROM inline_policies
		WHERE account_id = $1 AND principal_kind = $2 AND principal_name = $3 ORDER BY name`, accountID, kind, principal)
}

// InlinePolicy reads one of them.
func (tx *Tx) InlinePolicy(ctx context.Context, accountID string, kind PrincipalKind, principal, name string) (InlinePolicy, error) {
	return queryOne(ctx, tx, scanInlinePolicy, `SELECT name, document FROM inline_policies
		WHERE account_id = $1 AND principal_kind = $2 AND principal_name = $3 AND name = $4`, accountID, kind, principal, name)
}

// PutInlinePolicy adds or replaces one.
func (tx *Tx) PutInlinePolicy(ctx context.Context, accountID string, kind PrincipalKind, principal string, p InlinePolicy) error {
	_, err := tx.exec(ctx, `INSERT INTO inline_policies (account_id, principal_kind, principal_name, name, document)
		VALUES ($1, $2, $3, $4, $5)
		ON CONFLICT (account_id, principal_kind, principal_name, name) DO UPDATE SET document = excluded.document`,
		accountID, kind, principal, p.Name, p.Document)
	return err
}

// DeleteInlinePolicy removes one.
func (tx *Tx) DeleteInlinePolicy(ctx context.Context, accountID string, kind PrincipalKind, principal, name string) error {
	return tx.execOne(ctx, `DELETE FROM inline_policies
		WHERE account_id = $1 AND principal_kind = $2 AND principal_name = $3 AND name = $4`, accountID, kind, principal, name)
}

// AttachedPolicies lists the ARNs of the managed policies of a user, group or role.
func (tx *Tx) AttachedPolicies(ctx context.Context, accountID string, kind PrincipalKind, principal string) ([]string, error) {
	return queryAll(ctx, tx, scanString, `SELECT policy_arn FROM policy_attachments
		WHERE account_id = $1 AND principal_kind = $2 AND principal_name = $3 ORDER BY policy_arn`, accountID, kind, principal)
}

func scanString(s scanner) (text string, err error) {
	err = s.Scan(&text)
	return text, err
}

// AttachPolicy attaches a managed policy; no error if it is attached.
func (tx *Tx) AttachPolicy(ctx context.Context, accountID string, kind PrincipalKind, principal, arn string) error {
	_, err := tx.exec(ctx, `INSERT INTO policy_attachments (account_id, principal_kind, principal_name, policy_arn, attached_at)
		VALUES ($1, $2, $3, $4, $5) ON CONFLICT (account_id, principal_kind, principal_name, policy_arn) DO NOTHING`,
		accountID, kind, principal, arn, tx.Now)
	return err
}

// DetachPolicy detaches one; [ErrNotFound] if it was not attached.
func (tx *Tx) DetachPolicy(ctx context.Context, accountID string, kind PrincipalKind, principal, arn string) error {
	return tx.execOne(ctx, `DELETE FROM policy_attachments
		WHERE account_id = $1 AND principal_kind = $2 AND principal_name = $3 AND policy_arn = $4`, accountID, kind, principal, arn)
}

// DetachAllPolicies ends every attachment and embedding of a principal that is about to be removed.
func (tx *Tx) DetachAllPolicies(ctx context.Context, accountID string, kind PrincipalKind, principal string) error {
	if _, err := tx.exec(ctx, `DELETE FROM policy_attachments
		WHERE account_id = $1 AND principal_kind = $2 AND principal_name = $3`, accountID, kind, principal); err != nil {
		return err
	}
	_, err := tx.exec(ctx, `DELETE FROM inline_policies
		WHERE account_id = $1 AND principal_kind = $2 AND principal_name = $3`, accountID, kind, principal)
	return err
}

// renamePolicyHolder moves the policies of a user or group that has another name now.
func (tx *Tx) renamePolicyHolder(ctx context.Context, accountID string, kind PrincipalKind, name, newName string) error {
	if _, err := tx.exec(ctx, `UPDATE policy_attachments SET principal_name = $4
		WHERE account_id = $1 AND principal_kind = $2 AND principal_name = $3`, accountID, kind, name, newName); err != nil {
		return err
	}
	_, err := tx.exec(ctx, `UPDATE inline_policies SET principal_name = $4
		WHERE account_id = $1 AND principal_kind = $2 AND principal_name = $3`, accountID, kind, name, newName)
	return err
}

// PolicyHolder is a user, group or role that a managed policy is attached to.
type PolicyHolder struct {
	Kind PrincipalKind
	Name string
}

// PolicyHolders lists what a policy is attached to in an account, by kind and name.
func (tx *Tx) PolicyHolders(ctx context.Context, accountID, arn string) ([]PolicyHolder, error) {
	return queryAll(ctx, tx, func(s scanner) (h PolicyHolder, err error) {
		err = s.Scan(&h.Kind, &h.Name)
		return h, err
	}, `SELECT principal_kind, principal_name FROM policy_attachments
		WHERE account_id = $1 AND policy_arn = $2 ORDER BY principal_kind, principal_name`, accountID, arn)
}

// PolicyAttachmentCounts counts, for every policy attached in an account, what it is attached to.
func (tx *Tx) PolicyAttachmentCounts(ctx context.Context, accountID string) (map[string]int, error) {
	return tx.countByARN(ctx, `SELECT policy_arn, count(*) FROM policy_attachments WHERE account_id = $1 GROUP BY policy_arn`, accountID)
}

func (tx *Tx) countByARN(ctx context.Context, query, accountID string) (map[string]int, error) {
	type count struct {
		arn string
		n   int
	}
	all, err := queryAll(ctx, tx, func(s scanner) (c count, err error) {
		err = s.Scan(&c.arn, &c.n)
		return c, err
	}, query, accountID)
	counts := make(map[string]int, len(all))
	for _, c := range all {
		counts[c.arn] = c.n
	}
	return counts, err
}

// PolicyBoundaries lists the users and roles of an account whose permissions boundary the policy is, by kind and name.
func (tx *Tx) PolicyBoundaries(ctx context.Context, accountID, arn string) ([]PolicyHolder, error) {
	return queryAll(ctx, tx, func(s scanner) (h PolicyHolder, err error) {
		err = s.Scan(&h.Kind, &h.Name)
		return h, err
	}, `SELECT 'role', name FROM roles WHERE account_id = $1 AND boundary_arn = $2
		UNION ALL SELECT 'user', name FROM users WHERE account_id = $1 AND boundary_arn = $2 ORDER BY 1, 2`, accountID, arn)
}

// BoundaryUseCounts counts, for every boundary in use in an account, the users and roles that it bounds.
func (tx *Tx) BoundaryUseCounts(ctx context.Context, accountID string) (map[string]int, error) {
	return tx.countByARN(ctx, `SELECT boundary_arn, count(*) FROM (SELECT boundary_arn FROM users WHERE account_id = $1
		UNION ALL SELECT boundary_arn FROM roles WHERE account_id = $1) WHERE boundary_arn <> '' GROUP BY boundary_arn`, accountID)
}

// BoundaryUses counts the users and roles of an account whose permissions boundary the policy is.
func (tx *Tx) BoundaryUses(ctx context.Context, accountID, arn string) (int, error) {
	return queryOne(ctx, tx, scanCount, `SELECT (SELECT count(*) FROM users WHERE account_id = $1 AND boundary_arn = $2)
		+ (SELECT count(*) FROM roles WHERE account_id = $1 AND boundary_arn = $2)`, accountID, arn)
}

func scanCount(s scanner) (n int, err error) {
	err = s.Scan(&n)
	return n, err
}
