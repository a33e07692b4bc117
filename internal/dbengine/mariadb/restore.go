package mariadb

import (
	"context"
	"errors"
	"os"

	"strongroom/internal/dbengine"
)

// notes are the files in which mariadb-backup says what it did.
var notes = []string{
	"xtrabackup_info", "mariadb_backup_info", "xtrabackup_binlog_info", "mariadb_backup_binlog_info", "xtrabackup_binlog_pos_innodb",
	"xtrabackup_galera_info", "mariadb_backup_galera_info", "backup-my.cnf",
	// Last, as what is not prepared is known by it.
	"xtrabackup_checkpoints", "mariadb_backup_checkpoints",
}

// prepared is a file that says that the log of the backup is applied.
const prepared = "prepared"

// Restored implements [dbengine.Engine]: it applies the log of the backup to the files, and stops the database in good order.
func (e *Engine) Restored(ctx context.Context, s dbengine.Settings) error {
	if err := clear(ctx, s); err != nil {
		return err
	}
	if err := s.GiveTree(s.Path("data")); err != nil {
		return err
	}
	if err := prepare(ctx, s); err != nil {
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
	return dbengine.SyncTree(s.Path("data"))
}

// prepare applies the log, unless an earlier attempt has done so.
func prepare(ctx context.Context, s dbengine.Settings) error {
	program, err := backupTool()
	if err != nil {
		return err
	}
	if exists(s.Path(prepared)) {
		return whole(s)
	}
	if !exists(s.Path("data", "xtrabackup_checkpoints")) && !exists(s.Path("data", "mariadb_backup_checkpoints")) {
		return &dbengine.StartError{Reason: dbengine.ReasonDamaged, Detail: "the backup's notes (xtrabackup_checkpoints) are missing"}
	}
	err = s.Run(ctx, dbengine.Command{Program: program, Args: []string{"--no-defaults", "--prepare", "--target-dir=" + s.Path("data"), "--tmpdir=" + s.Path(temporary)}})
	if err != nil {
		return damaged(err)
	}
	if err := errors.Join(dbengine.SyncTree(s.Path("data")), s.WriteFile(s.Path(prepared), nil)); err != nil {
		return err
	}
	for _, name := range notes {
		if err := s.RemoveAll(s.Path("data", name)); err != nil {
			return err
		}
	}
	return nil
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// damaged makes of a tool's failure what it says of the files, or that they are damaged where it says nothing else.
func damaged(err error) error {
	var failed *dbengine.ToolError
	if !errors.As(err, &failed) {
		return err
	}
	why := dbengine.Explain(failed.Output, symptoms...)
	if why.Reason == dbengine.ReasonUnknown {
		why.Reason, why.Detail = dbengine.ReasonDamaged, failed.Error()
	}
	return why
}
