package state

import "context"

// ArchiveLocation is where an archive may lie: a backup vault's, or, without a name, that of the snapshots that a service
// took by itself for an account in a Region: EBS snapshots, or those of RDS.
type ArchiveLocation struct {
	AccountID string
	Region    string
	Vault     string
	Service   string // of an archive without a vault: "" for EC2, "rds"
}

// ArchiveLocations lists the archives of all accounts and Regions.
func (tx *Tx) ArchiveLocations(ctx context.Context) ([]ArchiveLocation, error) {
	return queryAll(ctx, tx, func(s scanner) (l ArchiveLocation, err error) {
		err = s.Scan(&l.AccountID, &l.Region, &l.Vault, &l.Service)
		return l, err
	}, `SELECT account_id, region, name, '' FROM backup_vaults
		UNION SELECT account, region, '', '' FROM snapshots
		UNION SELECT account, region, '', '' FROM volumes
		UNION SELECT account_id, region, '', 'rds' FROM db_snapshots WHERE vault = ''
		UNION SELECT account_id, region, '', 'rds' FROM databases
		ORDER BY 1, 2, 3, 4`)
}
