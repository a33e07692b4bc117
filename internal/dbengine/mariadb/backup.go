package mariadb

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"strongroom/internal/dbengine"
)

// backupPrefix is how the directories begin that backups are made in.
const backupPrefix = "backup-"

// attempts is how often a backup is begun: mariadb-backup may lose the race with a log that is written fast, which says nothing
// of the next time (https://jira.mariadb.org/browse/MDEV-39468).
const attempts = 3

// Backup implements [dbengine.Server]. mariadb-backup copies the files as they are found, and the log that makes one instant of
// them: that of the backup's end, at which commits wait for a moment. The copy is made beside the data, and read when it is whole:
// a sink may be slow, and the log is a ring that does not wait, nor do the clients whose commits do.
func (srv *Server) Backup(ctx context.Context, to dbengine.Sink) error {
	program, err := backupTool()
	if err != nil {
		return err
	}
	for attempt := 1; ; attempt++ {
		err := srv.backup(ctx, program, to)
		var failed *dbengine.ToolError
		if err == nil || attempt == attempts || !errors.As(err, &failed) || !strings.Contains(failed.Output, "Was only able to copy log") {
			return err
		}
	}
}

func (srv *Server) backup(ctx context.Context, program string, to dbengine.Sink) error {
	if err := srv.room(); err != nil {
		return err
	}
	dir, err := os.MkdirTemp(srv.s.Dir, backupPrefix)
	if err != nil {
		return fmt.Errorf("backing up: %w", err)
	}
	defer func() { _ = srv.s.RemoveAll(dir) }()
	if err := srv.s.MakeDir(dir); err != nil {
		return fmt.Errorf("backing up: %w", err)
	}
	err = srv.s.Run(ctx, dbengine.Command{
		Program: program,
		Args:    []string{"--defaults-file=" + srv.s.Path("run", "client.cnf"), "--backup", "--datadir=" + srv.s.Path("data"), "--target-dir=" + dir, "--tmpdir=" + srv.s.Path(temporary)},
		Dir:     srv.s.Path("data"),
	})
	if err := srv.remade(err); err != nil {
		return fmt.Errorf("backing up: %w", err)
	}
	return srv.send(ctx, dir, to)
}

// room says whether the copy has room beside the data. Without that a backup could end what it is to protect.
func (srv *Server) room() error {
	size, err := dbengine.TreeSize(srv.s.Path("data"))
	if err != nil {
		return err
	}
	var free unix.Statfs_t
	if err := unix.Statfs(srv.s.Dir, &free); err != nil {
		return err
	}
	available := int64(free.Bavail) * free.Bsize //nolint:gosec // less than what a disk has
	if available < size {
		return fmt.Errorf("backing up: %s: the copy of %d bytes would leave no room for the database, as %d bytes are free", dbengine.ReasonNoSpace, size, available)
	}
	return nil
}

// send gives the files below a directory to a sink, and removes each when it is there.
func (srv *Server) send(ctx context.Context, dir string, to dbengine.Sink) error {
	return filepath.WalkDir(dir, func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		relative, err := filepath.Rel(dir, name)
		if err != nil {
			return err
		}
		f := dbengine.File{Name: filepath.ToSlash(filepath.Join("data", relative)), Mode: info.Mode()}
		switch {
		case entry.IsDir():
			return to.Put(ctx, f, nil)
		case !info.Mode().IsRegular():
			return fmt.Errorf("backing up: %s is no file", relative)
		}
		content, err := srv.s.Open(name)
		if err != nil {
			return err
		}
		defer func() { _ = content.Close() }()
		if info, err = content.Stat(); err != nil {
			return err
		}
		f.Size = info.Size()
		if err := to.Put(ctx, f, content); err != nil {
			return err
		}
		return srv.s.RemoveAll(name)
	})
}
