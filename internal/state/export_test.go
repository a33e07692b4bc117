package state

import (
	"context"
	"strings"
)

// Plans runs fn in a new view, and gives for each statement it makes, by its text, how SQLite goes about it.
func (db *DB) Plans(ctx context.Context, fn func(context.Context, *Tx) error) (map[string][]string, error) {
	plans := map[string][]string{}
	return plans, db.View(ctx, func(ctx context.Context, tx *Tx) error {
		tx.statements = &statements{} // that knows none, so that all of them are noted
		if err := fn(ctx, tx); err != nil {
			return err
		}
		made := tx.unprepared
		tx.unprepared = nil
		for _, query := range made {
			rows, err := tx.sql.QueryContext(ctx, "EXPLAIN QUERY PLAN "+query, make([]any, strings.Count(query, "$"))...)
			if err != nil {
				return err
			}
			for rows.Next() {
				var id, parent, unused int
				var detail string
				if err := rows.Scan(&id, &parent, &unused, &detail); err != nil {
					return err
				}
				plans[query] = append(plans[query], detail)
			}
			if err := rows.Err(); err != nil {
				return err
			}
		}
		return nil
	})
}
