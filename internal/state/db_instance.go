package state

import "context"

// DBInstance is a DB instance of RDS: a name, a class and settings for a database.
type DBInstance struct {
	AccountID  string             `db:"account_id"`
	Region     string             `db:"region"`
	ID         string             `db:"id"`          // DBInstanceIdentifier, in lower case
	ResourceID string             `db:"resource_id"` // DbiResourceId
	DatabaseID string             `db:"database_id"`
	ClusterID  string             `db:"cluster_id"` // DBClusterIdentifier; empty for an instance by itself
	Class      string             `db:"class"`
	Status     string             `db:"status"` // hides the database's while it is not empty
	Settings   DBInstanceSettings `db:"settings,json"`
	Tags       map[string]string  `db:"tags,json"`
	CreatedAt  Micros             `db:"created_at"`
}

// DBInstanceSettings are what RDS shows of an instance and its snapshots, and a restore takes over.
type DBInstanceSettings struct {
	AllocatedStorage   int32 // GiB
	StorageType        string
	IOPS               int32  `json:",omitempty"`
	Throughput         int32  `json:",omitempty"`
	MaxStorage         int32  `json:",omitempty"`
	AvailabilityZone   string `json:",omitempty"`
	MultiAZ            bool   `json:",omitempty"`
	Public             bool   `json:",omitempty"`
	LicenseModel       string `json:",omitempty"`
	ParameterGroup     string `json:",omitempty"`
	OptionGroup        string `json:",omitempty"`
	SubnetGroup        string `json:",omitempty"`
	SecurityGroups     []string
	BackupRetention    int32    `json:",omitempty"` // days
	BackupWindow       string   `json:",omitempty"`
	MaintenanceWindow  string   `json:",omitempty"`
	MinorUpgrades      bool     `json:",omitempty"`
	CopyTags           bool     `json:",omitempty"` // to snapshots
	DeletionProtection bool     `json:",omitempty"`
	IAMAuthentication  bool     `json:",omitempty"`
	PromotionTier      int32    `json:",omitempty"`
	MonitoringInterval int32    `json:",omitempty"`
	CACertificate      string   `json:",omitempty"`
	NetworkType        string   `json:",omitempty"`
	CharacterSet       string   `json:",omitempty"`
	LogExports         []string `json:",omitempty"`

	Pending *DBInstancePending `json:",omitempty"` // what changes in the next maintenance window
}

// DBInstancePending is what an instance's class and storage are to be from a time on.
type DBInstancePending struct {
	At               Micros
	Class            string
	AllocatedStorage int32
	StorageType      string
	IOPS             int32 `json:",omitempty"`
	Throughput       int32 `json:",omitempty"`
	MultiAZ          bool  `json:",omitempty"`
}

// InsertDBInstance enters a DB instance; [ErrExists] if its identifier is taken.
func (tx *Tx) InsertDBInstance(ctx context.Context, i DBInstance) error {
	return insertRow(ctx, tx, "db_instances", i)
}

// DBInstance reads a DB instance by its identifier.
func (tx *Tx) DBInstance(ctx context.Context, accountID, region, id string) (DBInstance, error) {
	return queryOne(ctx, tx, scanRow[DBInstance], selectRow[DBInstance]("db_instances")+`
		WHERE account_id = $1 AND region = $2 AND id = $3`, accountID, region, id)
}

// DBInstances lists an account's DB instances in a Region by identifier.
func (tx *Tx) DBInstances(ctx context.Context, accountID, region string) ([]DBInstance, error) {
	return queryAll(ctx, tx, scanRow[DBInstance], selectRow[DBInstance]("db_instances")+`
		WHERE account_id = $1 AND region = $2 ORDER BY id`, accountID, region)
}

// DBInstancesOf lists the DB instances that a database stands behind.
func (tx *Tx) DBInstancesOf(ctx context.Context, databaseID string) ([]DBInstance, error) {
	return queryAll(ctx, tx, scanRow[DBInstance], selectRow[DBInstance]("db_instances")+`
		WHERE database_id = $1 ORDER BY id`, databaseID)
}

// UpdateDBInstance writes a DB instance's row; [ErrNotFound] if it is gone.
func (tx *Tx) UpdateDBInstance(ctx context.Context, i DBInstance) error {
	n, err := updateRow(ctx, tx, "db_instances", i, (&filter{}).add("account_id = ?", i.AccountID).add("region = ?", i.Region).add("id = ?", i.ID))
	if err == nil && n == 0 {
		return ErrNotFound
	}
	return err
}

// RenameDBInstance gives a DB instance another identifier; [ErrExists] if it is taken.
func (tx *Tx) RenameDBInstance(ctx context.Context, accountID, region, id, to string) error {
	return tx.execOne(ctx, `UPDATE db_instances SET id = $1 WHERE account_id = $2 AND region = $3 AND id = $4`, to, accountID, region, id)
}

// DeleteDBInstance removes the row.
func (tx *Tx) DeleteDBInstance(ctx context.Context, accountID, region, id string) error {
	return tx.execOne(ctx, `DELETE FROM db_instances WHERE account_id = $1 AND region = $2 AND id = $3`, accountID, region, id)
}

// DeleteDBInstancesOf removes the rows of the DB instances of a database.
func (tx *Tx) DeleteDBInstancesOf(ctx context.Context, databaseID string) error {
	_, err := tx.exec(ctx, `DELETE FROM db_instances WHERE database_id = $1`, databaseID)
	return err
}
