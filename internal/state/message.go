package state

import (
	"context"
	"errors"
)

// Message is a message in an SQS queue.
type Message struct {
	ID           string `db:"id"`
	QueueARN     string `db:"queue_arn"`
	Sequence     int64  `db:"sequence"` // order of arrival
	Body         []byte `db:"body"`     // sealed
	WrappedKey   []byte `db:"wrapped_key"`
	KeyARN       string `db:"key_arn"`
	SealedFor    string `db:"sealed_for"`
	Sender       string `db:"sender"`
	SentAt       Micros `db:"sent_at"`
	ExpiresAt    Micros `db:"expires_at"`
	VisibleAt    Micros `db:"visible_at"`
	ReceivedAt   Micros `db:"received_at"`
	Receives     int64  `db:"receives"`
	Receipt      string `db:"receipt"`
	Attempt      string `db:"attempt"`
	AttemptAt    Micros `db:"attempt_at"`
	GroupID      string `db:"group_id"`
	DedupID      string `db:"dedup_id"`
	DeadLetterOf string `db:"dead_letter_of"`
}

// InFlight reports whether a receiver has the message at a time.
func (m Message) InFlight(at Micros) bool { return m.Receives > 0 && m.VisibleAt > at }

// InsertMessage adds a message and returns its sequence.
func (tx *Tx) InsertMessage(ctx context.Context, m Message) (int64, error) {
	var err error
	if m.Sequence, err = tx.nextSequence(ctx); err != nil {
		return 0, err
	}
	return m.Sequence, insertRow(ctx, tx, "sqs_messages", m)
}

// nextSequence counts messages. It never goes back, not even when all messages are gone.
func (tx *Tx) nextSequence(ctx context.Context) (int64, error) {
	return queryOne(ctx, tx, func(s scanner) (n int64, err error) {
		err = s.Scan(&n)
		return n, err
	}, `INSERT INTO sqs_sequence (id, value) VALUES (1, 1) ON CONFLICT (id) DO UPDATE SET value = sqs_sequence.value + 1 RETURNING value`)
}

// UpdateMessage writes a message's row; [ErrNotFound] if it is gone.
func (tx *Tx) UpdateMessage(ctx context.Context, m Message) error {
	n, err := updateRow(ctx, tx, "sqs_messages", m, (&filter{}).add("id = ?", m.ID))
	if err == nil && n == 0 {
		return ErrNotFound
	}
	return err
}

// RequeueMessage writes a message that goes to another queue, behind all that are there.
func (tx *Tx) RequeueMessage(ctx context.Context, m Message) error {
	var err error
	if m.Sequence, err = tx.nextSequence(ctx); err != nil {
		return err
	}
	return tx.UpdateMessage(ctx, m)
}

// DeleteMessage removes a message; one that is gone is no error.
func (tx *Tx) DeleteMessage(ctx context.Context, id string) error {
	_, err := tx.exec(ctx, `DELETE FROM sqs_messages WHERE id = $1`, id)
	return err
}

// Message reads a message of a queue; [ErrNotFound] if it is gone.
func (tx *Tx) Message(ctx context.Context, queueARN, id string) (Message, error) {
	return queryOne(ctx, tx, scanRow[Message], selectRow[Message]("sqs_messages")+`WHERE id = $1 AND queue_arn = $2`, id, queueARN)
}

// VisibleMessages reads messages that can be received now, in the order in which they became visible.
func (tx *Tx) VisibleMessages(ctx context.Context, queueARN string, limit int) ([]Message, error) {
	return queryAll(ctx, tx, scanRow[Message], selectRow[Message]("sqs_messages")+`
		WHERE queue_arn = $1 AND visible_at <= $2 AND expires_at > $2 ORDER BY visible_at, sequence LIMIT $3`, queueARN, tx.Now, limit)
}

// VisibleMessagesInOrder reads messages of a FIFO queue that can be received now, in the order in which they were sent:
// none of a group of which an earlier one is delayed or with a receiver.
func (tx *Tx) VisibleMessagesInOrder(ctx context.Context, queueARN string, limit int) ([]Message, error) {
	return queryAll(ctx, tx, scanRow[Message], selectRow[Message]("sqs_messages AS m")+`
		WHERE queue_arn = $1 AND visible_at <= $2 AND expires_at > $2 AND NOT EXISTS (SELECT 1 FROM sqs_messages AS b
			WHERE b.queue_arn = m.queue_arn AND b.group_id = m.group_id AND b.visible_at > $2 AND b.expires_at > $2 AND (b.receives > 0 OR b.sequence < m.sequence))
		ORDER BY sequence LIMIT $3`, queueARN, tx.Now, limit)
}

// MessagesOfAttempt reads the messages that were received under a ReceiveRequestAttemptId after since and are with their
// receiver still.
func (tx *Tx) MessagesOfAttempt(ctx context.Context, queueARN, attempt string, since Micros) ([]Message, error) {
	return queryAll(ctx, tx, scanRow[Message], selectRow[Message]("sqs_messages")+`
		WHERE queue_arn = $1 AND attempt = $2 AND attempt_at > $3 AND visible_at > $4 ORDER BY sequence`, queueARN, attempt, since, tx.Now)
}

// FirstMessages reads the oldest messages of a queue, whoever has them.
func (tx *Tx) FirstMessages(ctx context.Context, queueARN string, limit int) ([]Message, error) {
	return queryAll(ctx, tx, scanRow[Message], selectRow[Message]("sqs_messages")+`
		WHERE queue_arn = $1 AND expires_at > $2 ORDER BY sequence LIMIT $3`, queueARN, tx.Now, limit)
}

// NextVisible is when the next message of a queue becomes visible; [ErrNotFound] if none will.
func (tx *Tx) NextVisible(ctx context.Context, queueARN string) (Micros, error) {
	at, err := queryOne(ctx, tx, func(s scanner) (at *Micros, err error) {
		err = s.Scan(&at)
		return at, err
	}, `SELECT MIN(visible_at) FROM sqs_messages WHERE queue_arn = $1 AND visible_at > $2 AND expires_at > $2`, queueARN, tx.Now)
	if err == nil && at == nil {
		return 0, ErrNotFound
	}
	if err != nil {
		return 0, err
	}
	return *at, nil
}

// MessageCounts are the messages of a queue by what can be done with them now.
type MessageCounts struct{ Visible, InFlight, Delayed int64 }

// CountMessages counts the messages of a queue.
func (tx *Tx) CountMessages(ctx context.Context, queueARN string) (MessageCounts, error) {
	return queryOne(ctx, tx, func(s scanner) (c MessageCounts, err error) {
		err = s.Scan(&c.Visible, &c.InFlight, &c.Delayed)
		return c, err
	}, `SELECT COUNT(*) FILTER (WHERE visible_at <= $2), COUNT(*) FILTER (WHERE visible_at > $2 AND receives > 0),
		COUNT(*) FILTER (WHERE visible_at > $2 AND receives = 0) FROM sqs_messages WHERE queue_arn = $1 AND expires_at > $2`, queueARN, tx.Now)
}

// CountInFlight counts the messages of a queue that receivers have.
func (tx *Tx) CountInFlight(ctx context.Context, queueARN string) (n int64, err error) {
	return queryOne(ctx, tx, func(s scanner) (n int64, err error) { return n, s.Scan(&n) }, `
		SELECT COUNT(*) FROM sqs_messages WHERE queue_arn = $1 AND visible_at > $2 AND receives > 0 AND expires_at > $2`, queueARN, tx.Now)
}

// PurgeMessages removes the messages of a queue that were sent until a time.
func (tx *Tx) PurgeMessages(ctx context.Context, queueARN string, until Micros) error {
	_, err := tx.exec(ctx, `DELETE FROM sqs_messages WHERE queue_arn = $1 AND sent_at <= $2`, queueARN, until)
	return err
}

// DeleteExpiredMessages removes messages whose retention has ended, and what need not be deduplicated any more.
func (tx *Tx) DeleteExpiredMessages(ctx context.Context) error {
	_, err := tx.exec(ctx, `DELETE FROM sqs_messages WHERE expires_at <= $1`, tx.Now)
	_, also := tx.exec(ctx, `DELETE FROM sqs_deduplications WHERE expires_at <= $1`, tx.Now)
	return errors.Join(err, also)
}

// SetMessageRetention moves the end of the retention of a queue's messages: their age counts from when they were sent.
func (tx *Tx) SetMessageRetention(ctx context.Context, queueARN string, retention Micros) error {
	_, err := tx.exec(ctx, `UPDATE sqs_messages SET expires_at = sent_at + $2 WHERE queue_arn = $1`, queueARN, retention)
	return err
}

// Deduplication is a message that a FIFO queue took; one with the same id is taken, and dropped, until it expires.
type Deduplication struct {
	QueueARN  string `db:"queue_arn"`
	GroupID   string `db:"group_id"` // empty where the scope is the queue
	DedupID   string `db:"dedup_id"`
	MessageID string `db:"message_id"`
	Sequence  int64  `db:"sequence"`
	ExpiresAt Micros `db:"expires_at"`
}

// Deduplication reads what holds of a deduplication id; [ErrNotFound] if nothing does.
func (tx *Tx) Deduplication(ctx context.Context, queueARN, groupID, dedupID string) (Deduplication, error) {
	return queryOne(ctx, tx, scanRow[Deduplication], selectRow[Deduplication]("sqs_deduplications")+`
		WHERE queue_arn = $1 AND group_id = $2 AND dedup_id = $3 AND expires_at > $4`, queueARN, groupID, dedupID, tx.Now)
}

// PutDeduplication keeps a deduplication id; one that has expired is replaced.
func (tx *Tx) PutDeduplication(ctx context.Context, d Deduplication) error {
	_, err := tx.exec(ctx, `DELETE FROM sqs_deduplications WHERE queue_arn = $1 AND group_id = $2 AND dedup_id = $3`, d.QueueARN, d.GroupID, d.DedupID)
	if err != nil {
		return err
	}
	return insertRow(ctx, tx, "sqs_deduplications", d)
}
