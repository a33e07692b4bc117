package state

import "context"

// DBEvent is what RDS tells of an instance, a cluster or a snapshot: DescribeEvents shows it for fourteen days.
type DBEvent struct {
	AccountID  string `db:"account_id"`
	Region     string `db:"region"`
	SourceType string `db:"source_type"` // db-instance, db-snapshot, db-cluster, db-cluster-snapshot
	SourceID   string `db:"source_id"`
	SourceARN  string `db:"source_arn"`
	Category   string `db:"category"`
	Message    string `db:"message"`
	At         Micros `db:"at"`
}

// InsertDBEvent keeps an event.
func (tx *Tx) InsertDBEvent(ctx context.Context, e DBEvent) error {
	return insertRow(ctx, tx, "db_events", e)
}

// DBEvents lists an account's events in a Region between two times, the oldest first.
func (tx *Tx) DBEvents(ctx context.Context, accountID, region string, from, to Micros) ([]DBEvent, error) {
	return queryAll(ctx, tx, scanRow[DBEvent], selectRow[DBEvent]("db_events")+`
		WHERE account_id = $1 AND region = $2 AND at >= $3 AND at <= $4 ORDER BY at, id`, accountID, region, from, to)
}

// DeleteDBEventsBefore forgets events of all accounts.
func (tx *Tx) DeleteDBEventsBefore(ctx context.Context, before Micros) error {
	_, err := tx.exec(ctx, `DELETE FROM db_events WHERE at < $1`, before)
	return err
}
