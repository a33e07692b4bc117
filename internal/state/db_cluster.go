package state

import "context"

// DBCluster is a DB cluster of Aurora, DocumentDB or Neptune: a name and settings for a database, which its instances serve.
type DBCluster struct {
	AccountID  string             `db:"account_id"`
	Region     string             `db:"region"`
	ID         string             `db:"id"`          // DBClusterIdentifier, in lower case
	ResourceID string             `db:"resource_id"` // DbClusterResourceId, and the database's id
	WriterID   string             `db:"writer_id"`   // DBInstanceIdentifier of the member that writes
	Stopped    bool               `db:"stopped"`     // by its owner
	Settings   DBInstanceSettings `db:"settings,json"`
	Tags       map[string]string  `db:"tags,json"`
	CreatedAt  Micros             `db:"created_at"`
}

// InsertDBCluster enters a DB cluster; [ErrExists] if its identifier is taken.
func (tx *Tx) InsertDBCluster(ctx context.Context, c DBCluster) error {
	return insertRow(ctx, tx, "db_clusters", c)
}

// DBCluster reads a DB cluster by its identifier.
func (tx *Tx) DBCluster(ctx context.Context, accountID, region, id string) (DBCluster, error) {
	return queryOne(ctx, tx, scanRow[DBCluster], selectRow[DBCluster]("db_clusters")+`
		WHERE account_id = $1 AND region = $2 AND id = $3`, accountID, region, id)
}

// DBClusterOf reads the DB cluster that a database stands behind; [ErrNotFound] if it is an instance's.
func (tx *Tx) DBClusterOf(ctx context.Context, databaseID string) (DBCluster, error) {
	return queryOne(ctx, tx, scanRow[DBCluster], selectRow[DBCluster]("db_clusters")+`WHERE resource_id = $1`, databaseID)
}

// DBClusters lists an account's DB clusters in a Region by identifier.
func (tx *Tx) DBClusters(ctx context.Context, accountID, region string) ([]DBCluster, error) {
	return queryAll(ctx, tx, scanRow[DBCluster], selectRow[DBCluster]("db_clusters")+`
		WHERE account_id = $1 AND region = $2 ORDER BY id`, accountID, region)
}

// UpdateDBCluster writes a DB cluster's row; [ErrNotFound] if it is gone.
func (tx *Tx) UpdateDBCluster(ctx context.Context, c DBCluster) error {
	n, err := updateRow(ctx, tx, "db_clusters", c, (&filter{}).add("account_id = ?", c.AccountID).add("region = ?", c.Region).add("id = ?", c.ID))
	if err == nil && n == 0 {
		return ErrNotFound
	}
	return err
}

// RenameDBCluster gives a DB cluster another identifier; [ErrExists] if it is taken.
func (tx *Tx) RenameDBCluster(ctx context.Context, accountID, region, id, to string) error {
	return tx.execOne(ctx, `UPDATE db_clusters SET id = $1 WHERE account_id = $2 AND region = $3 AND id = $4`, to, accountID, region, id)
}

// SetDBClusterOfInstances moves the instances of a DB cluster to its new identifier.
func (tx *Tx) SetDBClusterOfInstances(ctx context.Context, databaseID, to string) error {
	_, err := tx.exec(ctx, `UPDATE db_instances SET cluster_id = $1 WHERE database_id = $2 AND cluster_id <> ''`, to, databaseID)
	return err
}

// DeleteDBClusterOf removes the row of the DB cluster that a database stood behind, if there is one.
func (tx *Tx) DeleteDBClusterOf(ctx context.Context, databaseID string) error {
	_, err := tx.exec(ctx, `DELETE FROM db_clusters WHERE resource_id = $1`, databaseID)
	return err
}
