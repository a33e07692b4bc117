package state

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/service/cloudtrail/types"
)

// Trail is a trail of CloudTrail and how far it has delivered.
type Trail struct {
	ARN            string            `db:"arn"`
	AccountID      string            `db:"account_id"`
	Region         string            `db:"region"` // its home
	Name           string            `db:"name"`
	CreatedAt      Micros            `db:"created_at"`
	Bucket         string            `db:"bucket"`
	Prefix         string            `db:"prefix"`
	TopicARN       string            `db:"topic"`   // of SNS; empty for none
	KeyARN         string            `db:"key_arn"` // of KMS; empty for none
	GlobalEvents   bool              `db:"global_events"`
	MultiRegion    bool              `db:"multi_region"`
	OrganizationID string            `db:"organization_id"` // empty for a trail of one account
	Validation     bool              `db:"validation"`
	Selectors      TrailSelectors    `db:"selectors,json"`
	Tags           map[string]string `db:"tags,json"`
	Logging        bool              `db:"logging"`
	StartedAt      Micros            `db:"started_at"`
	StoppedAt      Micros            `db:"stopped_at"`
	Delivered      int64             `db:"delivered"` // Seq of the last event that was looked at
	Until          int64             `db:"until"`     // Seq of the last event before logging was stopped
	Planned        int64             `db:"planned"`   // up to where a delivery has begun; 0 between deliveries
	PlannedAt      Micros            `db:"planned_at"`
	DigestedAt     Micros            `db:"digested_at"`
	Status         TrailStatus       `db:"status,json"`
}

// TrailSelectors say which events a trail has: one of the two forms, or none for the default.
type TrailSelectors struct {
	Basic    []types.EventSelector         `json:",omitempty"`
	Advanced []types.AdvancedEventSelector `json:",omitempty"`
}

// TrailStatus is how the last deliveries of a trail went.
type TrailStatus struct {
	DeliveryAt         Micros `json:",omitempty"` // the last that succeeded
	AttemptAt          Micros `json:",omitempty"`
	DeliveryError      string `json:",omitempty"` // of the last; empty if it succeeded
	DigestAt           Micros `json:",omitempty"`
	DigestError        string `json:",omitempty"`
	NotificationAt     Micros `json:",omitempty"`
	NotificationTryAt  Micros `json:",omitempty"`
	NotificationError  string `json:",omitempty"`
	NotificationsTried bool   `json:",omitempty"`
}

// TrailFile is a log file that was delivered and is in no digest yet.
type TrailFile struct {
	TrailARN    string `db:"trail_arn"`
	AccountID   string `db:"account_id"` // whose events are in it
	Region      string `db:"region"`
	Bucket      string `db:"bucket"`
	Object      string `db:"object"`
	Hash        string `db:"hash"` // SHA-256 of the content before its compression, hexadecimal
	Oldest      Micros `db:"oldest"`
	Newest      Micros `db:"newest"`
	DeliveredAt Micros `db:"delivered_at"`
}

// TrailDigest is the last digest of a trail for an account and a Region.
type TrailDigest struct {
	TrailARN  string `db:"trail_arn"`
	AccountID string `db:"account_id"`
	Region    string `db:"region"`
	EndAt     Micros `db:"end_at"`
	Bucket    string `db:"bucket"`
	Object    string `db:"object"`
	Hash      string `db:"hash"`
	Signature string `db:"signature"` // hexadecimal
}

// InsertTrail adds a trail; [ErrExists] if the account has one of that name in the Region.
func (tx *Tx) InsertTrail(ctx context.Context, t Trail) error { return insertRow(ctx, tx, "trails", t) }

// Trail reads a trail; [ErrNotFound] if there is none.
func (tx *Tx) Trail(ctx context.Context, arn string) (Trail, error) {
	return queryOne(ctx, tx, scanRow[Trail], selectRow[Trail]("trails")+"WHERE arn = $1", arn)
}

// Trails lists all trails by ARN.
func (tx *Tx) Trails(ctx context.Context) ([]Trail, error) {
	return selectWhere[Trail](ctx, tx, "trails", new(filter), "ORDER BY arn")
}

// UpdateTrail writes a whole trail; [ErrNotFound] if it is gone.
func (tx *Tx) UpdateTrail(ctx context.Context, t Trail) error {
	n, err := updateRow(ctx, tx, "trails", t, new(filter).add("arn = ?", t.ARN))
	if err == nil && n == 0 {
		err = ErrNotFound
	}
	return err
}

// DeleteTrail removes a trail with what it remembers of its deliveries.
func (tx *Tx) DeleteTrail(ctx context.Context, arn string) error {
	_, err := tx.exec(ctx, "DELETE FROM trails WHERE arn = $1", arn)
	return err
}

// PutTrailFile keeps a delivered log file until a digest has it. One that is delivered again replaces itself.
func (tx *Tx) PutTrailFile(ctx context.Context, f TrailFile) error {
	if _, err := tx.exec(ctx, "DELETE FROM trail_files WHERE trail_arn = $1 AND object = $2", f.TrailARN, f.Object); err != nil {
		return err
	}
	return insertRow(ctx, tx, "trail_files", f)
}

// TrailFiles lists the log files of a trail that were delivered by a time and are in no digest, by object.
func (tx *Tx) TrailFiles(ctx context.Context, trailARN string, by Micros) ([]TrailFile, error) {
	return selectWhere[TrailFile](ctx, tx, "trail_files", new(filter).add("trail_arn = ?", trailARN).add("delivered_at <= ?", by), "ORDER BY object")
}

// TrailDigests lists the last digests of a trail.
func (tx *Tx) TrailDigests(ctx context.Context, trailARN string) ([]TrailDigest, error) {
	return selectWhere[TrailDigest](ctx, tx, "trail_digests", new(filter).add("trail_arn = ?", trailARN), "ORDER BY account_id, region")
}

// PutTrailDigest makes a digest the last of its chain, and forgets the log files that it has.
func (tx *Tx) PutTrailDigest(ctx context.Context, d TrailDigest, files []TrailFile) error {
	if _, err := tx.exec(ctx, "DELETE FROM trail_digests WHERE trail_arn = $1 AND account_id = $2 AND region = $3", d.TrailARN, d.AccountID, d.Region); err != nil {
		return err
	}
	for _, f := range files {
		if _, err := tx.exec(ctx, "DELETE FROM trail_files WHERE trail_arn = $1 AND object = $2", f.TrailARN, f.Object); err != nil {
			return err
		}
	}
	return insertRow(ctx, tx, "trail_digests", d)
}
