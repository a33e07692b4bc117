package state

import "context"

// IAMReport is a report that IAM made: of an account's credentials, or of when an identity last used its rights.
type IAMReport struct {
	ID        string `db:"id"`
	AccountID string `db:"account_id"`
	Kind      string `db:"kind"`
	Subject   string `db:"subject"` // ARN of what it is about
	CreatedAt Micros `db:"created_at"`
	Content   string `db:"content"`
}

// InsertIAMReport keeps a report.
func (tx *Tx) InsertIAMReport(ctx context.Context, r IAMReport) error {
	return insertRow(ctx, tx, "iam_reports", r)
}

// IAMReport reads a report of an account.
func (tx *Tx) IAMReport(ctx context.Context, accountID, id string) (IAMReport, error) {
	return queryOne(ctx, tx, scanRow[IAMReport], selectRow[IAMReport]("iam_reports")+"WHERE account_id = $1 AND id = $2", accountID, id)
}

// LatestIAMReport reads an account's newest report of a kind.
func (tx *Tx) LatestIAMReport(ctx context.Context, accountID, kind string) (IAMReport, error) {
	return queryOne(ctx, tx, scanRow[IAMReport], selectRow[IAMReport]("iam_reports")+
		"WHERE account_id = $1 AND kind = $2 ORDER BY created_at DESC, id DESC LIMIT 1", accountID, kind)
}

// DeleteIAMReports removes an account's reports of a kind that were made before.
func (tx *Tx) DeleteIAMReports(ctx context.Context, accountID, kind string, before Micros) error {
	_, err := tx.exec(ctx, `DELETE FROM iam_reports WHERE account_id = $1 AND kind = $2 AND created_at < $3`, accountID, kind, before)
	return err
}
