package server

import (
	"context"

	"strongroom/internal/state"
)

// points lists the recovery points of all accounts for the administrator.
func (s *Server) points(ctx context.Context) ([]Point, error) {
	all := []Point{}
	err := s.db.View(ctx, func(ctx context.Context, tx *state.Tx) error {
		rows, err := tx.RecoveryPoints(ctx, state.PointFilter{}, state.Cursor{}, 0)
		for _, p := range rows {
			all = append(all, Point{
				ARN: p.ARN, AccountID: p.AccountID, Region: p.Region, Vault: p.VaultName, ResourceType: p.ResourceType, ResourceARN: p.ResourceARN,
				KeyARN: p.KeyARN, SizeBytes: p.SizeBytes, NewBytes: p.NewBytes, StoredBytes: p.StoredBytes,
			})
		}
		return err
	})
	return all, err
}
