package events

import (
	"context"

	"strongroom/internal/state"
)

// RunDue sends the events of the rules whose schedule's time has come. One that was missed several times, because the
// service was down, is sent once.
func (s *Service) RunDue(ctx context.Context) error {
	var due bool
	err := s.DB.View(ctx, func(ctx context.Context, tx *state.Tx) error {
		at, err := tx.NextEventRule(ctx)
		due = at != 0 && at <= tx.Now
		return err
	})
	if err != nil || !due {
		return err
	}
	return s.DB.Update(ctx, func(ctx context.Context, tx *state.Tx) error {
		all, err := tx.EventRulesDue(ctx, 100)
		if err != nil {
			return err
		}
		for _, r := range all {
			e, err := newEnvelope(r.AccountID, r.Region, "aws.events", "Scheduled Event", []string{r.ARN}, []byte("{}"), r.NextAt.Time(), tx.Now.Time())
			if err != nil {
				return err
			}
			if err := s.send(ctx, tx, r, e); err != nil {
				return err
			}
			at := r.NextAt.Time()
			if err := setNext(&r, at); err != nil {
				return err
			}
			if r.NextAt != 0 && r.NextAt <= tx.Now {
				if err := setNext(&r, tx.Now.Time()); err != nil {
					return err
				}
			}
			if err := tx.PutEventRule(ctx, r); err != nil {
				return err
			}
		}
		return nil
	})
}
