package state

import "context"

// Subscription is a subscription of an SNS topic.
type Subscription struct {
	ARN           string            `db:"arn"`
	TopicARN      string            `db:"topic_arn"`
	AccountID     string            `db:"account_id"` // of the subscriber
	Region        string            `db:"region"`
	Protocol      string            `db:"protocol"`
	Endpoint      string            `db:"endpoint"`
	Attributes    map[string]string `db:"attributes,json"`
	Pending       bool              `db:"pending"`
	Authenticated bool              `db:"authenticated"` // unsubscribing needs a signature
	CreatedAt     Micros            `db:"created_at"`
}

// InsertSubscription adds a subscription; [ErrExists] if the topic has one of the endpoint.
func (tx *Tx) InsertSubscription(ctx context.Context, s Subscription) error {
	return insertRow(ctx, tx, "sns_subscriptions", s)
}

// UpdateSubscription writes a subscription's row; [ErrNotFound] if it is gone.
func (tx *Tx) UpdateSubscription(ctx context.Context, s Subscription) error {
	n, err := updateRow(ctx, tx, "sns_subscriptions", s, (&filter{}).add("arn = ?", s.ARN))
	if err == nil && n == 0 {
		return ErrNotFound
	}
	return err
}

// DeleteSubscription removes a subscription; [ErrNotFound] if it is gone.
func (tx *Tx) DeleteSubscription(ctx context.Context, arn string) error {
	return tx.execOne(ctx, `DELETE FROM sns_subscriptions WHERE arn = $1`, arn)
}

// Subscription reads a subscription; [ErrNotFound] if there is none.
func (tx *Tx) Subscription(ctx context.Context, arn string) (Subscription, error) {
	return queryOne(ctx, tx, scanRow[Subscription], selectRow[Subscription]("sns_subscriptions")+`WHERE arn = $1`, arn)
}

// SubscriptionOf reads the subscription that a topic has of an endpoint; [ErrNotFound] if there is none.
func (tx *Tx) SubscriptionOf(ctx context.Context, topicARN, protocol, endpoint string) (Subscription, error) {
	return queryOne(ctx, tx, scanRow[Subscription], selectRow[Subscription]("sns_subscriptions")+`
		WHERE topic_arn = $1 AND protocol = $2 AND endpoint = $3`, topicARN, protocol, endpoint)
}

// TopicSubscriptions lists the subscriptions of a topic by ARN, at most limit of them (0: all) from the first behind after.
func (tx *Tx) TopicSubscriptions(ctx context.Context, topicARN, after string, limit int) ([]Subscription, error) {
	if limit == 0 {
		limit = -1
	}
	return queryAll(ctx, tx, scanRow[Subscription], selectRow[Subscription]("sns_subscriptions")+`
		WHERE topic_arn = $1 AND arn > $2 ORDER BY arn LIMIT $3`, topicARN, after, limit)
}

// Subscriptions lists the subscriptions of a subscriber's account in a Region by ARN, as [Tx.TopicSubscriptions].
func (tx *Tx) Subscriptions(ctx context.Context, accountID, region, after string, limit int) ([]Subscription, error) {
	return queryAll(ctx, tx, scanRow[Subscription], selectRow[Subscription]("sns_subscriptions")+`
		WHERE account_id = $1 AND region = $2 AND arn > $3 ORDER BY arn LIMIT $4`, accountID, region, after, limit)
}
