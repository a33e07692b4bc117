package state

import "context"

// Topic is an SNS topic.
type Topic struct {
	ARN        string            `db:"arn"`
	AccountID  string            `db:"account_id"`
	Region     string            `db:"region"`
	Name       string            `db:"name"`
	Attributes map[string]string `db:"attributes,json"` // those that were set, by the names of the API
	Tags       map[string]string `db:"tags,json"`
	CreatedAt  Micros            `db:"created_at"`
}

// InsertTopic adds a topic; [ErrExists] if the name is taken.
func (tx *Tx) InsertTopic(ctx context.Context, t Topic) error {
	return insertRow(ctx, tx, "sns_topics", t)
}

// UpdateTopic writes a topic's row; [ErrNotFound] if it is gone.
func (tx *Tx) UpdateTopic(ctx context.Context, t Topic) error {
	n, err := updateRow(ctx, tx, "sns_topics", t, (&filter{}).add("arn = ?", t.ARN))
	if err == nil && n == 0 {
		return ErrNotFound
	}
	return err
}

// DeleteTopic removes a topic with its subscriptions; [ErrNotFound] if it is gone.
func (tx *Tx) DeleteTopic(ctx context.Context, arn string) error {
	return tx.execOne(ctx, `DELETE FROM sns_topics WHERE arn = $1`, arn)
}

// Topic reads a topic; [ErrNotFound] if there is none.
func (tx *Tx) Topic(ctx context.Context, arn string) (Topic, error) {
	return queryOne(ctx, tx, scanRow[Topic], selectRow[Topic]("sns_topics")+`WHERE arn = $1`, arn)
}

// Topics lists the topics of an account and Region by name, at most limit of them (0: all) from the first behind after.
func (tx *Tx) Topics(ctx context.Context, accountID, region, after string, limit int) ([]Topic, error) {
	if limit == 0 {
		limit = -1
	}
	return queryAll(ctx, tx, scanRow[Topic], selectRow[Topic]("sns_topics")+`
		WHERE account_id = $1 AND region = $2 AND name > $3 ORDER BY name LIMIT $4`, accountID, region, after, limit)
}

// TopicDeduplication is a message that a FIFO topic took; one with the same id is taken, and dropped, until it expires.
type TopicDeduplication struct {
	TopicARN  string `db:"topic_arn"`
	GroupID   string `db:"group_id"` // empty where the scope is the topic
	DedupID   string `db:"dedup_id"`
	MessageID string `db:"message_id"`
	Sequence  int64  `db:"sequence"`
	ExpiresAt Micros `db:"expires_at"`
}

// TopicDeduplication reads what holds of a deduplication id; [ErrNotFound] if nothing does.
func (tx *Tx) TopicDeduplication(ctx context.Context, topicARN, groupID, dedupID string) (TopicDeduplication, error) {
	return queryOne(ctx, tx, scanRow[TopicDeduplication], selectRow[TopicDeduplication]("sns_deduplications")+`
		WHERE topic_arn = $1 AND group_id = $2 AND dedup_id = $3 AND expires_at > $4`, topicARN, groupID, dedupID, tx.Now)
}

// PutTopicDeduplication gives a message of a FIFO topic its sequence and keeps its deduplication id; those that have expired
// go.
func (tx *Tx) PutTopicDeduplication(ctx context.Context, d TopicDeduplication) (sequence int64, err error) {
	if _, err := tx.exec(ctx, `DELETE FROM sns_deduplications WHERE expires_at <= $1`, tx.Now); err != nil {
		return 0, err
	}
	if d.Sequence, err = tx.nextSequence(ctx); err != nil {
		return 0, err
	}
	return d.Sequence, insertRow(ctx, tx, "sns_deduplications", d)
}
