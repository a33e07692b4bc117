package backupevent

import (
	"context"
	"fmt"
	"time"

	"strongroom/internal/state"
)

// Put puts an event on the default bus of its account and Region if tx commits. A nil Put tells nobody.
type Put func(ctx context.Context, tx *state.Tx, e state.ServiceEvent) error

// detail are the fields of an event, of which those that are nil are left out.
type detail map[string]any

func (put Put) event(ctx context.Context, tx *state.Tx, accountID, region, detailType, resource string, d detail) error {
	if put == nil {
		return nil
	}
	e := state.ServiceEvent{AccountID: accountID, Region: region, Source: "aws.backup", DetailType: detailType, Detail: d}
	if resource != "" {
		e.Resources = []string{resource}
	}
	for name, value := range d {
		if value == nil {
			delete(d, name)
		}
	}
	if err := put(ctx, tx, e); err != nil {
		return fmt.Errorf("telling of a %s: %w", detailType, err)
	}
	return nil
}

// date is a time as events show it, to the millisecond; nil if there is none.
func date(m state.Micros) any {
	if m == 0 {
		return nil
	}
	at := m.Time().UTC().Truncate(time.Millisecond)
	if at.Nanosecond() == 0 {
		return at.Format(time.RFC3339)
	}
	return at.Format("2006-01-02T15:04:05.000Z07:00")
}

// known is a text, or nil for none.
func known(text string) any {
	if text == "" {
		return nil
	}
	return text
}

// createdBy names the plan that made a job or a recovery point; nil for those made on demand.
func createdBy(c state.PlanCreator) any {
	if c.PlanID == "" {
		return nil
	}
	return detail{"backupPlanId": c.PlanID, "backupPlanArn": c.PlanARN, "backupPlanVersion": c.PlanVersion, "backupPlanRuleId": c.RuleID}
}
