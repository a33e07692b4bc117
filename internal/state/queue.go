package state

import "context"

// Queue is an SQS queue.
type Queue struct {
	ARN        string            `db:"arn"`
	AccountID  string            `db:"account_id"`
	Region     string            `db:"region"`
	Name       string            `db:"name"`
	Attributes map[string]string `db:"attributes,json"` // those that were set, by the names of the API
	Tags       map[string]string `db:"tags,json"`
	CreatedAt  Micros            `db:"created_at"`
	ModifiedAt Micros            `db:"modified_at"`
	PurgedAt   Micros            `db:"purged_at"`
	DeadLetter string            `db:"dead_letter"` // ARN of its dead-letter queue, or empty
}

// InsertQueue adds a queue; [ErrExists] if the name is taken.
func (tx *Tx) InsertQueue(ctx context.Context, q Queue) error {
	return insertRow(ctx, tx, "sqs_queues", q)
}

// UpdateQueue writes a queue's row; [ErrNotFound] if it is gone.
func (tx *Tx) UpdateQueue(ctx context.Context, q Queue) error {
	n, err := updateRow(ctx, tx, "sqs_queues", q, (&filter{}).add("arn = ?", q.ARN))
	if err == nil && n == 0 {
		return ErrNotFound
	}
	return err
}

// DeleteQueue removes a queue with its messages; [ErrNotFound] if it is gone.
func (tx *Tx) DeleteQueue(ctx context.Context, arn string) error {
	return tx.execOne(ctx, `DELETE FROM sqs_queues WHERE arn = $1`, arn)
}

// Queue reads a queue; [ErrNotFound] if there is none.
func (tx *Tx) Queue(ctx context.Context, arn string) (Queue, error) {
	return queryOne(ctx, tx, scanRow[Queue], selectRow[Queue]("sqs_queues")+`WHERE arn = $1`, arn)
}

// Queues lists the queues of an account and Region whose name begins with prefix, by name, at most limit of them (0: all)
// from the first behind after.
func (tx *Tx) Queues(ctx context.Context, accountID, region, prefix, after string, limit int) ([]Queue, error) {
	if limit == 0 {
		limit = -1
	}
	return queryAll(ctx, tx, scanRow[Queue], selectRow[Queue]("sqs_queues")+`
		WHERE account_id = $1 AND region = $2 AND substr(name, 1, length($3)) = $3 AND name > $4 ORDER BY name LIMIT $5`,
		accountID, region, prefix, after, limit)
}

// DeadLetterSources lists the queues whose dead-letter queue is arn, by ARN, at most limit of them (0: all) from the first
// behind after.
func (tx *Tx) DeadLetterSources(ctx context.Context, arn, after string, limit int) ([]Queue, error) {
	if limit == 0 {
		limit = -1
	}
	return queryAll(ctx, tx, scanRow[Queue], selectRow[Queue]("sqs_queues")+`
		WHERE dead_letter = $1 AND dead_letter <> '' AND arn > $2 ORDER BY arn LIMIT $3`, arn, after, limit)
}

// MoveTask moves the messages of a dead-letter queue.
type MoveTask struct {
	ID          string `db:"id"`
	SourceARN   string `db:"source_arn"`
	Destination string `db:"destination"` // ARN, or empty: to the queues that they came from
	PerSecond   int64  `db:"per_second"`  // 0: as fast as it goes
	Status      string `db:"status"`
	Failure     string `db:"failure"`
	StartedAt   Micros `db:"started_at"`
	ToMove      int64  `db:"to_move"`
	Moved       int64  `db:"moved"`
}

// InsertMoveTask adds a task.
func (tx *Tx) InsertMoveTask(ctx context.Context, t MoveTask) error {
	return insertRow(ctx, tx, "sqs_move_tasks", t)
}

// UpdateMoveTask writes a task's row; [ErrConflict] unless its status is still the one given.
func (tx *Tx) UpdateMoveTask(ctx context.Context, t MoveTask, from string) error {
	return updateGuarded(ctx, tx, "sqs_move_tasks", t, (&filter{}).add("id = ?", t.ID).add("status = ?", from))
}

// MoveTask reads a task; [ErrNotFound] if there is none.
func (tx *Tx) MoveTask(ctx context.Context, id string) (MoveTask, error) {
	return queryOne(ctx, tx, scanRow[MoveTask], selectRow[MoveTask]("sqs_move_tasks")+`WHERE id = $1`, id)
}

// MoveTasks lists the tasks of a queue, newest first; limit 0 lists all.
func (tx *Tx) MoveTasks(ctx context.Context, sourceARN string, limit int) ([]MoveTask, error) {
	return page[MoveTask](ctx, tx, "sqs_move_tasks", "started_at", "id", (&filter{}).add("source_arn = ?", sourceARN), Cursor{}, limit)
}

// RunningMoveTasks lists the tasks that are not at their end.
func (tx *Tx) RunningMoveTasks(ctx context.Context) ([]MoveTask, error) {
	return selectWhere[MoveTask](ctx, tx, "sqs_move_tasks", (&filter{}).in("status", []string{"RUNNING", "CANCELLING"}), "ORDER BY id")
}
