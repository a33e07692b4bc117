package state

import "context"

// What holds the documents that are stored against the database.

// CatalogueRegions lists the Regions that documents are of; "" for those of none.
func (tx *Tx) CatalogueRegions(ctx context.Context) ([]string, error) {
	return queryAll(ctx, tx, scanString, `SELECT DISTINCT region FROM catalogue_documents ORDER BY region`)
}

// CatalogueChanging reports whether a change of a document is not stored yet.
func (tx *Tx) CatalogueChanging(ctx context.Context, section, key string) (bool, error) {
	return queryOne(ctx, tx, func(s scanner) (has bool, err error) { return has, s.Scan(&has) },
		`SELECT EXISTS (SELECT 1 FROM catalogue_changes WHERE section = $1 AND key = $2)`, section, key)
}

// NoteCatalogueChange notes that a document is to be stored anew.
func (tx *Tx) NoteCatalogueChange(ctx context.Context, d CatalogueChange) error {
	_, err := tx.exec(ctx, `INSERT INTO catalogue_changes (section, key, region, awaited) VALUES ($1, $2, $3, 0)`, d.Section, d.Key, d.Region)
	return err
}

// NewestCatalogueChange is the number of the newest change that there ever was.
func (tx *Tx) NewestCatalogueChange(ctx context.Context) (int64, error) {
	return queryOne(ctx, tx, func(s scanner) (seq int64, err error) { return seq, s.Scan(&seq) },
		`SELECT COALESCE((SELECT seq FROM sqlite_sequence WHERE name = 'catalogue_changes'), 0)`)
}
