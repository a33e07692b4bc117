package state

import "context"

// ArchiveLocation is where an archive may lie: a backup vault's, or, without a name, that of the EBS snapshots that an
// account took by itself in a Region.
type ArchiveLocation struct {
	AccountID string
	Region    string
	Vault     string
}

// ArchiveLocations lists the archives of all accounts and Regions.
func (tx *Tx) ArchiveLocations(ctx context.Context) ([]ArchiveLocation, error) {
	return queryAll(ctx, tx, func(s scanner) (l ArchiveLocation, err error) {
		err = s.Scan(&l.AccountID, &l.Region, &l.Vault)
		return l, err
	}, `SELECT account_id, region, name FROM backup_vaults
		UNION SELECT account, region, '' FROM snapshots
		UNION SELECT account, region, '' FROM volumes
		ORDER BY 1, 2, 3`)
}
