package state

import "context"

// MessageAttribute is an attribute of a message, as SQS and SNS have them.
type MessageAttribute struct {
	DataType    string // String, Number, Binary, String.Array
	StringValue string
	BinaryValue []byte
}

// Delivery is a message that a service has to bring to a queue, a topic, an event bus or an endpoint.
type Delivery struct {
	ID         string `db:"id"`
	Sequence   int64  `db:"sequence"`
	Principal  string `db:"principal"` // service that delivers: s3.amazonaws.com
	AccountID  string `db:"account_id"`
	Region     string `db:"region"`     // of the source
	SourceARN  string `db:"source_arn"` // bucket, vault, rule or topic: the condition key aws:SourceArn
	TargetARN  string `db:"target_arn"` // ARN, or the URL of an endpoint
	RoleARN    string `db:"role_arn"`   // delivers in the place of the service; usually empty
	DeadLetter string `db:"dead_letter"`
	Sealed     []byte `db:"content"`
	Most       int64  `db:"most"`       // attempts after the first; 0: as many as there is time for, -1: none
	ExpiresAt  Micros `db:"expires_at"` // 0: a day after it was made
	NextAt     Micros `db:"next_at"`
	Attempts   int64  `db:"attempts"`
	CreatedAt  Micros `db:"created_at"`

	DeliveryContent
}

// DeliveryContent is what of a delivery is sealed.
type DeliveryContent struct {
	Message         string
	Subject         string `json:",omitempty"` // of a topic's message
	Attributes      map[string]MessageAttribute
	GroupID         string            `json:",omitempty"` // of a FIFO queue or topic
	DeduplicationID string            `json:",omitempty"`
	Headers         map[string]string `json:",omitempty"` // for endpoints
	// DeadLetterAttributes are those that the message gets in the dead-letter queue beside what tells of the failure.
	DeadLetterAttributes map[string]MessageAttribute
}

// InsertDelivery adds a delivery behind all others.
func (tx *Tx) InsertDelivery(ctx context.Context, d Delivery) error {
	var err error
	if d.Sequence, err = tx.nextSequence(ctx); err != nil {
		return err
	}
	tx.delivers = true
	return insertRow(ctx, tx, "deliveries", d)
}

// UpdateDelivery writes a delivery's row; [ErrNotFound] if it is gone.
func (tx *Tx) UpdateDelivery(ctx context.Context, d Delivery) error {
	n, err := updateRow(ctx, tx, "deliveries", d, (&filter{}).add("id = ?", d.ID))
	if err == nil && n == 0 {
		return ErrNotFound
	}
	return err
}

// DeleteDelivery removes a delivery; [ErrNotFound] if it is gone.
func (tx *Tx) DeleteDelivery(ctx context.Context, id string) error {
	return tx.execOne(ctx, `DELETE FROM deliveries WHERE id = $1`, id)
}

// DueTarget is a target that something of an account is to be brought to.
type DueTarget struct {
	AccountID string // of the source
	TargetARN string // ARN, or the URL of an endpoint
}

// DueTargets lists the targets that something is to be brought to now.
func (tx *Tx) DueTargets(ctx context.Context) ([]DueTarget, error) {
	return queryAll(ctx, tx, func(s scanner) (t DueTarget, err error) {
		err = s.Scan(&t.AccountID, &t.TargetARN)
		return t, err
	}, `SELECT DISTINCT account_id, target_arn FROM deliveries WHERE next_at <= $1`, tx.Now)
}

// DueDeliveries reads what of an account is to be brought to a target now, in its order.
func (tx *Tx) DueDeliveries(ctx context.Context, t DueTarget, limit int) ([]Delivery, error) {
	return queryAll(ctx, tx, scanRow[Delivery], selectRow[Delivery]("deliveries")+`
		WHERE target_arn = $1 AND account_id = $2 AND next_at <= $3 ORDER BY sequence LIMIT $4`, t.TargetARN, t.AccountID, tx.Now, limit)
}

// FirstDelivery is when the first of all deliveries is due; 0: there is none.
func (tx *Tx) FirstDelivery(ctx context.Context) (Micros, error) {
	at, err := queryOne(ctx, tx, func(s scanner) (at *Micros, err error) {
		err = s.Scan(&at)
		return at, err
	}, `SELECT MIN(next_at) FROM deliveries`)
	if err != nil || at == nil {
		return 0, err
	}
	return *at, nil
}
