package state

import (
	"context"
	"database/sql"
	"sync"
)

// statements keeps the prepared statements of a pool by their text: parsing and planning is most of the time that a
// small statement takes.
type statements struct {
	pool *sql.DB

	mu  sync.RWMutex
	all map[string]*sql.Stmt // guarded by mu
}

// mostStatements bounds what is kept, should somebody write values into the text of statements.
const mostStatements = 1000

// prepared returns the transaction's own form of a statement, or nil for one that is new to the pool. That is prepared
// once the transaction is over: preparing needs a connection, and the transaction may hold the only one.
func (tx *Tx) prepared(ctx context.Context, query string) *sql.Stmt {
	tx.statements.mu.RLock()
	s := tx.statements.all[query]
	tx.statements.mu.RUnlock()
	if s == nil {
		tx.unprepared = append(tx.unprepared, query)
		return nil
	}
	return tx.sql.StmtContext(ctx, s)
}

// prepare prepares statements for the transactions to come. One that fails stays unprepared.
func (s *statements) prepare(ctx context.Context, queries []string) {
	for _, query := range queries {
		s.mu.RLock()
		_, there := s.all[query]
		full := len(s.all) >= mostStatements
		s.mu.RUnlock()
		if there || full {
			continue
		}
		prepared, err := s.pool.PrepareContext(ctx, query) //nolint:sqlclosecheck // lives as long as the pool, which closes it
		if err != nil {
			continue
		}
		s.mu.Lock()
		if s.all[query] == nil {
			s.all[query] = prepared
			prepared = nil
		}
		s.mu.Unlock()
		if prepared != nil {
			_ = prepared.Close() // somebody was faster
		}
	}
}

func (tx *Tx) execContext(ctx context.Context, query string, args ...any) (sql.Result, error) {
	if s := tx.prepared(ctx, query); s != nil { //nolint:sqlclosecheck // the end of the transaction closes it
		return s.ExecContext(ctx, args...)
	}
	return tx.sql.ExecContext(ctx, query, args...)
}

func (tx *Tx) queryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	if s := tx.prepared(ctx, query); s != nil { //nolint:sqlclosecheck // the end of the transaction closes it
		return s.QueryContext(ctx, args...)
	}
	return tx.sql.QueryContext(ctx, query, args...)
}

func (tx *Tx) queryRowContext(ctx context.Context, query string, args ...any) *sql.Row {
	if s := tx.prepared(ctx, query); s != nil { //nolint:sqlclosecheck // the end of the transaction closes it
		return s.QueryRowContext(ctx, args...)
	}
	return tx.sql.QueryRowContext(ctx, query, args...)
}
