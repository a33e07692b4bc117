package state

import "context"

// FunctionEvent is an asynchronous invocation that is not over.
type FunctionEvent struct {
	ID          string `db:"id"`
	FunctionARN string `db:"function_arn"`
	Qualifier   string `db:"qualifier"`
	Sealed      []byte `db:"content"`
	Attempts    int64  `db:"attempts"`  // that ended in an error of the function
	Throttles   int64  `db:"throttles"` // attempts in a row that were not begun
	NextAt      Micros `db:"next_at"`
	CreatedAt   Micros `db:"created_at"`
}

// InsertFunctionEvent adds an event.
func (tx *Tx) InsertFunctionEvent(ctx context.Context, e FunctionEvent) error {
	return insertRow(ctx, tx, "function_events", e)
}

// UpdateFunctionEvent writes an event's row; [ErrNotFound] if it is gone.
func (tx *Tx) UpdateFunctionEvent(ctx context.Context, e FunctionEvent) error {
	n, err := updateRow(ctx, tx, "function_events", e, (&filter{}).add("id = ?", e.ID))
	if err == nil && n == 0 {
		return ErrNotFound
	}
	return err
}

// DeleteFunctionEvent removes an event; [ErrNotFound] if it is gone.
func (tx *Tx) DeleteFunctionEvent(ctx context.Context, id string) error {
	return tx.execOne(ctx, `DELETE FROM function_events WHERE id = $1`, id)
}

// DueFunctionEvents lists events whose time has come, the earliest first.
func (tx *Tx) DueFunctionEvents(ctx context.Context, limit int) ([]FunctionEvent, error) {
	return queryAll(ctx, tx, scanRow[FunctionEvent], selectRow[FunctionEvent]("function_events")+`
		WHERE next_at <= $1 ORDER BY next_at, id LIMIT $2`, tx.Now, limit)
}

// NextFunctionEvent is when the first event that is not due will be; 0 if there is none.
func (tx *Tx) NextFunctionEvent(ctx context.Context) (Micros, error) {
	n, err := queryOne(ctx, tx, scanCount, `SELECT COALESCE(MIN(next_at), 0) FROM function_events WHERE next_at > $1`, tx.Now)
	return Micros(n), err
}
