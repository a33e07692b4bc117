package work

import (
	"cmp"
	"context"

	"strongroom/arn"
	"strongroom/internal/state"
	"strongroom/rules"
)

// refuseTooMany refuses a copy to another account that so many others of its resource to the same Region are ahead of, at
// work or waiting, that the quota is used up. See https://docs.aws.amazon.com/aws-backup/latest/devguide/aws-backup-limits.html.
func (r *Runner) refuseTooMany(ctx context.Context, tx *state.Tx, job state.CopyJob) (*rules.Refusal, error) {
	to, err := arn.Parse(job.DestinationVaultARN)
	if err != nil || to.AccountID == job.AccountID {
		return nil, err
	}
	ahead, err := tx.CopiesAhead(ctx, job, to.Region)
	if err != nil || ahead < int64(cmp.Or(r.MaxCopies, rules.MaxCopiesPerResource)) {
		return nil, err
	}
	return rules.TooManyCopies.Refuse(rules.Values{"point": job.SourcePointARN}), nil
}
