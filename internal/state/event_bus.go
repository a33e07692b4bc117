package state

import "context"

// EventBus is an event bus of EventBridge.
type EventBus struct {
	ARN         string            `db:"arn"`
	AccountID   string            `db:"account_id"`
	Region      string            `db:"region"`
	Name        string            `db:"name"`
	Description string            `db:"description"`
	Policy      string            `db:"policy"`
	Tags        map[string]string `db:"tags,json"`
	CreatedAt   Micros            `db:"created_at"`
	ModifiedAt  Micros            `db:"modified_at"`
}

// InsertEventBus adds a bus; [ErrExists] if the name is taken.
func (tx *Tx) InsertEventBus(ctx context.Context, b EventBus) error {
	return insertRow(ctx, tx, "event_buses", b)
}

// UpdateEventBus writes a bus's row; [ErrNotFound] if it has none.
func (tx *Tx) UpdateEventBus(ctx context.Context, b EventBus) error {
	n, err := updateRow(ctx, tx, "event_buses", b, (&filter{}).add("arn = ?", b.ARN))
	if err == nil && n == 0 {
		return ErrNotFound
	}
	return err
}

// DeleteEventBus removes a bus; [ErrNotFound] if there is none.
func (tx *Tx) DeleteEventBus(ctx context.Context, arn string) error {
	return tx.execOne(ctx, `DELETE FROM event_buses WHERE arn = $1`, arn)
}

// EventBus reads a bus; [ErrNotFound] if it has no row.
func (tx *Tx) EventBus(ctx context.Context, arn string) (EventBus, error) {
	return queryOne(ctx, tx, scanRow[EventBus], selectRow[EventBus]("event_buses")+`WHERE arn = $1`, arn)
}

// EventBuses lists the buses of an account and Region that have a row by name.
func (tx *Tx) EventBuses(ctx context.Context, accountID, region string) ([]EventBus, error) {
	return selectWhere[EventBus](ctx, tx, "event_buses", (&filter{}).add("account_id = ?", accountID).add("region = ?", region), "ORDER BY name")
}
