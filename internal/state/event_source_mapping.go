package state

import "context"

// EventSourceMapping lets the messages of a queue invoke a function.
type EventSourceMapping struct {
	ID          string            `db:"id"`
	AccountID   string            `db:"account_id"`
	Region      string            `db:"region"`
	FunctionARN string            `db:"function_arn"` // with the version or alias that was named
	SourceARN   string            `db:"source_arn"`
	Enabled     bool              `db:"enabled"`
	BatchSize   int32             `db:"batch_size"`
	Window      int32             `db:"window_s"`     // seconds
	Concurrency int32             `db:"concurrency"`  // 0: the service's own choice
	Filters     []string          `db:"filters,json"` // event patterns
	Partial     bool              `db:"partial"`      // the function answers which messages it could not process
	Tags        map[string]string `db:"tags,json"`
	Reason      string            `db:"reason"` // of the last change of state
	Result      string            `db:"result"` // of the last batch
	ModifiedAt  Micros            `db:"modified_at"`
}

// InsertEventSourceMapping adds a mapping; [ErrExists] if the function and the source have one.
func (tx *Tx) InsertEventSourceMapping(ctx context.Context, m EventSourceMapping) error {
	return insertRow(ctx, tx, "event_source_mappings", m)
}

// UpdateEventSourceMapping writes a mapping's row; [ErrNotFound] if it is gone.
func (tx *Tx) UpdateEventSourceMapping(ctx context.Context, m EventSourceMapping) error {
	n, err := updateRow(ctx, tx, "event_source_mappings", m, (&filter{}).add("id = ?", m.ID))
	if err == nil && n == 0 {
		return ErrNotFound
	}
	return err
}

// SetEventSourceResult keeps what came of a mapping's last batch.
func (tx *Tx) SetEventSourceResult(ctx context.Context, id, result string) error {
	_, err := tx.exec(ctx, `UPDATE event_source_mappings SET result = $2 WHERE id = $1`, id, result)
	return err
}

// DeleteEventSourceMapping removes a mapping; [ErrNotFound] if it is gone.
func (tx *Tx) DeleteEventSourceMapping(ctx context.Context, id string) error {
	return tx.execOne(ctx, `DELETE FROM event_source_mappings WHERE id = $1`, id)
}

// EventSourceMapping reads a mapping; [ErrNotFound] if there is none.
func (tx *Tx) EventSourceMapping(ctx context.Context, id string) (EventSourceMapping, error) {
	return queryOne(ctx, tx, scanRow[EventSourceMapping], selectRow[EventSourceMapping]("event_source_mappings")+`WHERE id = $1`, id)
}

// EventSourceMappingOf reads the mapping of a function and a source; [ErrNotFound] if there is none.
func (tx *Tx) EventSourceMappingOf(ctx context.Context, functionARN, sourceARN string) (EventSourceMapping, error) {
	return queryOne(ctx, tx, scanRow[EventSourceMapping], selectRow[EventSourceMapping]("event_source_mappings")+`
		WHERE function_arn = $1 AND source_arn = $2`, functionARN, sourceARN)
}

// EventSourceMappings lists the mappings of an account and Region by id, of a function and of a source unless they are "", at
// most limit of them from the first behind after.
func (tx *Tx) EventSourceMappings(ctx context.Context, accountID, region, functionARN, sourceARN, after string, limit int) ([]EventSourceMapping, error) {
	return queryAll(ctx, tx, scanRow[EventSourceMapping], selectRow[EventSourceMapping]("event_source_mappings")+`
		WHERE account_id = $1 AND region = $2 AND ($3 = '' OR function_arn = $3) AND ($4 = '' OR source_arn = $4) AND id > $5 ORDER BY id LIMIT $6`,
		accountID, region, functionARN, sourceARN, after, limit)
}

// EnabledEventSourceMappings lists the mappings of all accounts that are enabled.
func (tx *Tx) EnabledEventSourceMappings(ctx context.Context) ([]EventSourceMapping, error) {
	return queryAll(ctx, tx, scanRow[EventSourceMapping], selectRow[EventSourceMapping]("event_source_mappings")+`WHERE enabled ORDER BY id`)
}
