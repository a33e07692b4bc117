package state

import (
	"context"
	"time"
)

// The rows of CloudWatch Logs lie in a store of their own, see [OpenLogs].

// Millis is a time in milliseconds, as events of logs have it.
type Millis int64

// MillisOf is t in milliseconds.
func MillisOf(t time.Time) Millis { return Millis(t.UnixMilli()) }

// Millis is the time in milliseconds.
func (m Micros) Millis() Millis { return Millis(m / 1000) }

const dayOfMillis = 24 * 60 * 60 * 1000

// LogGroup is a group of log streams.
type LogGroup struct {
	ID            int64             `db:"id"` // is given when it is inserted
	AccountID     string            `db:"account_id"`
	Region        string            `db:"region"`
	Name          string            `db:"name"`
	Class         string            `db:"class"`
	RetentionDays int64             `db:"retention_days"` // 0: for ever
	StoredBytes   int64             `db:"stored_bytes"`
	Protected     bool              `db:"protected"` // may not be deleted
	Tags          map[string]string `db:"tags,json"`
	CreatedAt     Millis            `db:"created_at"`
}

// Kept is the time before which events are no longer there.
func (g LogGroup) Kept(now Micros) Millis {
	if g.RetentionDays == 0 {
		return 0
	}
	return now.Millis() - Millis(g.RetentionDays)*dayOfMillis
}

// InsertLogGroup adds a group; [ErrExists] if its name is taken.
func (tx *Tx) InsertLogGroup(ctx context.Context, g LogGroup) error {
	_, err := tx.exec(ctx, `INSERT INTO log_groups (account_id, region, name, class, retention_days, stored_bytes, protected, tags, created_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)`,
		g.AccountID, g.Region, g.Name, g.Class, g.RetentionDays, g.StoredBytes, g.Protected, JSON[map[string]string]{g.Tags}, g.CreatedAt)
	return err
}

// UpdateLogGroup writes a group's row; [ErrNotFound] if it is gone.
func (tx *Tx) UpdateLogGroup(ctx context.Context, g LogGroup) error {
	n, err := updateRow(ctx, tx, "log_groups", g, (&filter{}).add("id = ?", g.ID))
	if err == nil && n == 0 {
		return ErrNotFound
	}
	return err
}

// DeleteLogGroup removes a group with all in it; [ErrNotFound] if it is gone.
func (tx *Tx) DeleteLogGroup(ctx context.Context, id int64) error {
	return tx.execOne(ctx, `DELETE FROM log_groups WHERE id = $1`, id)
}

// LogGroup reads a group; [ErrNotFound] if there is none.
func (tx *Tx) LogGroup(ctx context.Context, accountID, region, name string) (LogGroup, error) {
	return queryOne(ctx, tx, scanRow[LogGroup], selectRow[LogGroup]("log_groups")+`
		WHERE account_id = $1 AND region = $2 AND name = $3`, accountID, region, name)
}

// LogGroups lists the groups of an account and Region by name whose name begins with prefix and holds part, at most limit of
// them (0: all) from the first behind after.
func (tx *Tx) LogGroups(ctx context.Context, accountID, region, prefix, part, after string, limit int) ([]LogGroup, error) {
	if limit == 0 {
		limit = -1
	}
	return queryAll(ctx, tx, scanRow[LogGroup], selectRow[LogGroup]("log_groups")+`
		WHERE account_id = $1 AND region = $2 AND substr(name, 1, length($3)) = $3 AND instr(name, $4) > 0 AND name > $5 ORDER BY name LIMIT $6`,
		accountID, region, prefix, part, after, limit)
}

// ForgettingLogGroups lists the groups that keep their events for a time only.
func (tx *Tx) ForgettingLogGroups(ctx context.Context) ([]LogGroup, error) {
	return queryAll(ctx, tx, scanRow[LogGroup], selectRow[LogGroup]("log_groups")+`WHERE retention_days > 0 ORDER BY id`)
}

// LogStream is a sequence of events from one source.
type LogStream struct {
	ID         int64  `db:"id"`
	GroupID    int64  `db:"group_id"`
	Name       string `db:"name"`
	CreatedAt  Millis `db:"created_at"`
	FirstEvent Millis `db:"first_event_at"` // 0: none yet
	LastEvent  Millis `db:"last_event_at"`
	IngestedAt Millis `db:"ingested_at"`
}

// InsertLogStream adds a stream; [ErrExists] if its name is taken.
func (tx *Tx) InsertLogStream(ctx context.Context, s LogStream) error {
	_, err := tx.exec(ctx, `INSERT INTO log_streams (group_id, name, created_at, first_event_at, last_event_at, ingested_at)
		VALUES ($1, $2, $3, 0, 0, 0)`, s.GroupID, s.Name, s.CreatedAt)
	return err
}

// DeleteLogStream removes a stream with its events; [ErrNotFound] if it is gone.
func (tx *Tx) DeleteLogStream(ctx context.Context, id int64) error {
	_, err := tx.exec(ctx, `UPDATE log_groups SET stored_bytes = stored_bytes - (SELECT COALESCE(SUM(bytes), 0) FROM log_chunks WHERE stream_id = $1)
		WHERE id = (SELECT group_id FROM log_streams WHERE id = $1)`, id)
	if err != nil {
		return err
	}
	return tx.execOne(ctx, `DELETE FROM log_streams WHERE id = $1`, id)
}

// LogStream reads a stream; [ErrNotFound] if there is none.
func (tx *Tx) LogStream(ctx context.Context, groupID int64, name string) (LogStream, error) {
	return queryOne(ctx, tx, scanRow[LogStream], selectRow[LogStream]("log_streams")+`WHERE group_id = $1 AND name = $2`, groupID, name)
}

// LogStreamPage asks for a part of the list of a group's streams.
type LogStreamPage struct {
	Prefix     string
	ByTime     bool // by the last event, and not by name
	Descending bool
	After      *LogStream // the one before the page
	Limit      int        // 0: all
}

// LogStreams lists the streams of a group.
func (tx *Tx) LogStreams(ctx context.Context, groupID int64, p LogStreamPage) ([]LogStream, error) {
	f := (&filter{}).add("group_id = ?", groupID)
	if p.Prefix != "" {
		f.add("substr(name, 1, length(?)) = ?", p.Prefix, p.Prefix)
	}
	sign, direction := ">", "ASC"
	if p.Descending {
		sign, direction = "<", "DESC"
	}
	order := "name " + direction
	if p.ByTime {
		order = "last_event_at " + direction + ", name " + direction
	}
	switch {
	case p.After != nil && p.ByTime:
		f.add("(last_event_at, name) "+sign+" (?, ?)", p.After.LastEvent, p.After.Name)
	case p.After != nil:
		f.add("name "+sign+" ?", p.After.Name)
	}
	limit := p.Limit
	if limit == 0 {
		limit = -1
	}
	where, args := f.sql(0)
	return queryAll(ctx, tx, scanRow[LogStream], selectRow[LogStream]("log_streams")+where+" ORDER BY "+order+" LIMIT "+literal(limit), args...)
}
