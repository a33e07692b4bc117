package organizations

import (
	"context"
	"errors"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/service/organizations/types"

	"strongroom/backuppolicy"
	"strongroom/backuppolicy/inheritance"
	"strongroom/internal/state"
)

// backupPolicies are made into plans in every account.
var backupPolicies = &management{
	plans: true,
	parse: func(content string) (*inheritance.Document, error) {
		p, err := backuppolicy.Parse(content)
		if err != nil {
			return nil, err
		}
		return p.Document(), nil
	},
	effective: func(m *inheritance.Merged) outcome {
		effective := backuppolicy.EffectiveOf(m)
		o := outcome{content: string(effective.Content())}
		for _, v := range effective.Violations() {
			o.errors = append(o.errors, state.EffectivePolicyError{Code: v.Code, Message: v.Message, Path: v.Path, Contributing: v.PolicyIDs})
		}
		return o
	},
}

// EffectiveBackupPolicy reads what backup policy is in force for an account, and which version of it: the last that was
// valid. Version 0 means that there never was one.
func EffectiveBackupPolicy(ctx context.Context, tx *state.Tx, accountID string) (e backuppolicy.Effective, version int64, err error) {
	row, err := tx.EffectivePolicy(ctx, accountID, string(types.PolicyTypeBackupPolicy))
	if errors.Is(err, state.ErrNotFound) || err == nil && row.Content == "" {
		return e, row.Version, nil
	}
	if err != nil {
		return e, 0, err
	}
	if e, err = backuppolicy.EffectiveFrom(row.Content); err != nil {
		return e, 0, fmt.Errorf("account %s, version %d: %w", accountID, row.Version, err)
	}
	return e, row.Version, nil
}
