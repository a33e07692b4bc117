package server

import (
	"context"
	"path/filepath"

	"gocloud.dev/secrets"

	"strongroom/internal/page"
	"strongroom/internal/service/logs"
	"strongroom/internal/state"
)

// openLogs opens CloudWatch Logs, which has a store of its own.
func (s *Server) openLogs(ctx context.Context, keeper *secrets.Keeper, pages *page.Sealer) (*logs.Service, error) {
	seal, err := s.seal(ctx, keeper, "logs.key")
	if err != nil {
		return nil, err
	}
	db, err := state.OpenLogs(ctx, filepath.Join(s.config.DataDir, "logs.db"), s.clock)
	if err != nil {
		return nil, err
	}
	s.onClose("the store of logs", func(context.Context) error { return db.Close() })
	service := logs.New(logs.Config{DB: db, Door: s.door, Pages: pages, Seal: seal, Log: s.log})
	s.onClose("logs", func(context.Context) error { service.Close(); return nil })
	return service, nil
}
