package state

import (
	"context"
	"strconv"
)

func literal(n int) string { return strconv.Itoa(n) }

// LogChunk is what came into a log stream with one call.
type LogChunk struct {
	ID         int64  `db:"id"`
	GroupID    int64  `db:"group_id"`
	StreamID   int64  `db:"stream_id"`
	FirstAt    Millis `db:"first_at"` // of its first event
	LastAt     Millis `db:"last_at"`  // at most a day later
	IngestedAt Millis `db:"ingested_at"`
	Bytes      int64  `db:"bytes"`
	Body       []byte `db:"body"` // read by [Tx.LogChunkBody] alone
}

// InsertLogChunk adds events to a stream, and tells the stream and its group of them; [ErrNotFound] if the stream is gone.
func (tx *Tx) InsertLogChunk(ctx context.Context, c LogChunk) error {
	err := tx.execOne(ctx, `UPDATE log_streams SET ingested_at = $2, last_event_at = MAX(last_event_at, $4),
		first_event_at = CASE WHEN first_event_at = 0 OR first_event_at > $3 THEN $3 ELSE first_event_at END WHERE id = $1`,
		c.StreamID, c.IngestedAt, c.FirstAt, c.LastAt)
	if err != nil {
		return err
	}
	if err := tx.execOne(ctx, `UPDATE log_groups SET stored_bytes = stored_bytes + $2 WHERE id = $1`, c.GroupID, c.Bytes); err != nil {
		return err
	}
	_, err = tx.exec(ctx, `INSERT INTO log_chunks (group_id, stream_id, first_at, last_at, ingested_at, bytes, body) VALUES ($1, $2, $3, $4, $5, $6, $7)`,
		c.GroupID, c.StreamID, c.FirstAt, c.LastAt, c.IngestedAt, c.Bytes, c.Body)
	return err
}

// LogRange are the chunks of a group, or of one of its streams, that may hold events from a time until before another.
type LogRange struct {
	GroupID, StreamID int64 // StreamID 0: all streams of the group
	From, To          Millis
}

// LogChunkHead is a chunk without its body, with the name of its stream.
type LogChunkHead struct {
	ID         int64
	Stream     string
	StreamID   int64
	FirstAt    Millis
	LastAt     Millis
	IngestedAt Millis
}

func scanLogChunkHead(s scanner) (h LogChunkHead, err error) {
	return h, s.Scan(&h.ID, &h.Stream, &h.StreamID, &h.FirstAt, &h.LastAt, &h.IngestedAt)
}

const logChunkHead = `SELECT c.id, s.name, c.stream_id, c.first_at, c.last_at, c.ingested_at FROM log_chunks c JOIN log_streams s ON s.id = c.stream_id `

// LogChunksForward lists chunks by their beginning, behind the one given.
func (tx *Tx) LogChunksForward(ctx context.Context, r LogRange, after LogChunkHead, limit int) ([]LogChunkHead, error) {
	of, id := "c.stream_id", r.StreamID
	if id == 0 {
		of, id = "c.group_id", r.GroupID
	}
	return queryAll(ctx, tx, scanLogChunkHead, logChunkHead+`
		WHERE `+of+` = $1 AND c.first_at >= $2 AND c.first_at < $3 AND c.last_at >= $4 AND (c.first_at, c.id) > ($5, $6) ORDER BY c.first_at, c.id LIMIT $7`,
		id, r.From-dayOfMillis, r.To, r.From, after.FirstAt, after.ID, limit)
}

// LogChunksBackward lists the chunks of a stream by their end, the last first, behind the one given.
func (tx *Tx) LogChunksBackward(ctx context.Context, r LogRange, after LogChunkHead, limit int) ([]LogChunkHead, error) {
	return queryAll(ctx, tx, scanLogChunkHead, logChunkHead+`
		WHERE c.stream_id = $1 AND c.last_at >= $2 AND c.last_at < $3 AND c.first_at < $4 AND (c.last_at, c.id) < ($5, $6) ORDER BY c.last_at DESC, c.id DESC LIMIT $7`,
		r.StreamID, r.From, r.To+dayOfMillis, r.To, after.LastAt, after.ID, limit)
}

// LogChunkBody reads the sealed events of a chunk; [ErrNotFound] if it is gone.
func (tx *Tx) LogChunkBody(ctx context.Context, id int64) ([]byte, error) {
	return queryOne(ctx, tx, func(s scanner) (body []byte, err error) { return body, s.Scan(&body) }, `SELECT body FROM log_chunks WHERE id = $1`, id)
}

// DeleteLogChunks removes chunks of a group that end before a time, the oldest first and at most limit of them, and returns how
// many there were.
func (tx *Tx) DeleteLogChunks(ctx context.Context, groupID int64, before Millis, limit int) (int64, error) {
	_, err := tx.exec(ctx, `UPDATE log_groups SET stored_bytes = stored_bytes - (SELECT COALESCE(SUM(bytes), 0) FROM log_chunks
		WHERE id IN (SELECT id FROM log_chunks WHERE group_id = $1 AND last_at < $2 ORDER BY last_at, id LIMIT $3)) WHERE id = $1`, groupID, before, limit)
	if err != nil {
		return 0, err
	}
	return tx.exec(ctx, `DELETE FROM log_chunks WHERE id IN (SELECT id FROM log_chunks WHERE group_id = $1 AND last_at < $2 ORDER BY last_at, id LIMIT $3)`,
		groupID, before, limit)
}
