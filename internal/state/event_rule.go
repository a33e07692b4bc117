package state

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/service/eventbridge/types"
)

// EventRule is a rule of an event bus.
type EventRule struct {
	ARN         string            `db:"arn"`
	BusARN      string            `db:"bus_arn"`
	BusName     string            `db:"bus_name"`
	AccountID   string            `db:"account_id"`
	Region      string            `db:"region"`
	Name        string            `db:"name"`
	Description string            `db:"description"`
	Pattern     string            `db:"pattern"`
	Schedule    string            `db:"schedule"`
	State       string            `db:"state"`
	RoleARN     string            `db:"role_arn"`
	Targets     []types.Target    `db:"targets,json"`
	Tags        map[string]string `db:"tags,json"`
	CreatedAt   Micros            `db:"created_at"`
	NextAt      Micros            `db:"next_at"`
}

// PutEventRule adds a rule or replaces the one of the name.
func (tx *Tx) PutEventRule(ctx context.Context, r EventRule) error {
	n, err := updateRow(ctx, tx, "event_rules", r, (&filter{}).add("arn = ?", r.ARN))
	if err == nil && n == 0 {
		return insertRow(ctx, tx, "event_rules", r)
	}
	return err
}

// DeleteEventRule removes a rule; [ErrNotFound] if there is none.
func (tx *Tx) DeleteEventRule(ctx context.Context, arn string) error {
	return tx.execOne(ctx, `DELETE FROM event_rules WHERE arn = $1`, arn)
}

// EventRule reads a rule of a bus; [ErrNotFound] if there is none.
func (tx *Tx) EventRule(ctx context.Context, busARN, name string) (EventRule, error) {
	return queryOne(ctx, tx, scanRow[EventRule], selectRow[EventRule]("event_rules")+`WHERE bus_arn = $1 AND name = $2`, busARN, name)
}

// EventRules lists the rules of a bus whose name begins with prefix by name, at most limit of them (0: all) from the first
// behind after.
func (tx *Tx) EventRules(ctx context.Context, busARN, prefix, after string, limit int) ([]EventRule, error) {
	if limit == 0 {
		limit = -1
	}
	return queryAll(ctx, tx, scanRow[EventRule], selectRow[EventRule]("event_rules")+`
		WHERE bus_arn = $1 AND substr(name, 1, length($2)) = $2 AND name > $3 ORDER BY name LIMIT $4`, busARN, prefix, after, limit)
}

// PatternRules reads the rules of a bus that may match an event.
func (tx *Tx) PatternRules(ctx context.Context, busARN string) ([]EventRule, error) {
	return queryAll(ctx, tx, scanRow[EventRule], selectRow[EventRule]("event_rules")+`
		WHERE bus_arn = $1 AND pattern <> '' AND state <> 'DISABLED' ORDER BY name`, busARN)
}

// EventRulesDue reads the rules whose schedule's time has come.
func (tx *Tx) EventRulesDue(ctx context.Context, limit int) ([]EventRule, error) {
	return queryAll(ctx, tx, scanRow[EventRule], selectRow[EventRule]("event_rules")+`
		WHERE next_at > 0 AND next_at <= $1 ORDER BY next_at LIMIT $2`, tx.Now, limit)
}

// NextEventRule is when the next schedule's time comes; 0: there is none.
func (tx *Tx) NextEventRule(ctx context.Context) (Micros, error) {
	at, err := queryOne(ctx, tx, func(s scanner) (at *Micros, err error) {
		err = s.Scan(&at)
		return at, err
	}, `SELECT MIN(next_at) FROM event_rules WHERE next_at > 0`)
	if err != nil || at == nil {
		return 0, err
	}
	return *at, nil
}
