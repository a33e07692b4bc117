package postgres

import (
	"context"
	"errors"
	"io/fs"
	"os"

	"strongroom/internal/dbengine"
)

const modeDir = fs.ModeDir

// Restored implements [dbengine.Engine]: it holds the files against the manifest that the backup made, replays the log of the
// backup to its end, and stops the database in good order.
func (e *Engine) Restored(ctx context.Context, s dbengine.Settings) error {
	if err := clear(ctx, s); err != nil {
		return err
	}
	b, err := forData(ctx, s)
	if err != nil {
		return err
	}
	if err := s.GiveTree(s.Path("data")); err != nil {
		return err
	}
	if err := verify(ctx, b, s); err != nil {
		return err
	}
	srv, err := e.start(ctx, s, true)
	if err != nil {
		return err
	}
	if s.MasterPassword != "" {
		if err := srv.SetMasterPassword(ctx, s.MasterPassword); err != nil {
			return srv.giveUp(err)
		}
	}
	if err := srv.Stop(ctx); err != nil {
		return err
	}
	return s.RemoveAll(s.Path("data", "backup_manifest"), s.Path("data", "backup_label.old"))
}

// verify holds the files against the manifest, once: when recovery has begun they are no longer what was backed up.
func verify(ctx context.Context, b binaries, s dbengine.Settings) error {
	for _, name := range []string{"backup_label", "backup_manifest"} {
		if _, err := os.Stat(s.Path("data", name)); errors.Is(err, fs.ErrNotExist) {
			return nil // a later attempt, or a backup of PostgreSQL 12 and before
		} else if err != nil {
			return err
		}
	}
	err := s.Run(ctx, dbengine.Command{Program: b.path("pg_verifybackup"), Args: []string{"--exit-on-error", "--quiet", s.Path("data")}})
	var failed *dbengine.ToolError
	if errors.As(err, &failed) {
		return &dbengine.StartError{Reason: dbengine.ReasonDamaged, Detail: failed.Error(), LogTail: failed.Output}
	}
	return err
}
