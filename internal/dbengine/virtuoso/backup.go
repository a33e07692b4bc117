package virtuoso

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"

	"strongroom/internal/dbengine"
)

// prefix begins the names of a backup's files: strongroom1.bp and so on.
const prefix = "strongroom"

// piecePages is how many pages of 8 KiB go into one file of a backup: 200 MB before compression.
const piecePages = 25000

var piece = regexp.MustCompile(`^` + prefix + `[0-9]+\.bp$`)

// Backup implements [dbengine.Server]. Virtuoso makes a checkpoint, which is the instant of the backup, and writes the pages
// of it while later changes go elsewhere (http://docs.openlinksw.com/virtuoso/backup/). Without a context it writes all pages,
// and not only those changed since an earlier backup: what has not changed the archive has already.
func (v *server) Backup(ctx context.Context, to dbengine.Sink) error {
	v.backup.Lock()
	defer v.backup.Unlock()
	dir := v.settings.Path("backup")
	if err := emptied(v.settings, dir); err != nil {
		return err
	}
	_, err := v.sql(ctx, fmt.Sprintf("backup_context_clear();\nbackup_online('%s', %d, 0, vector('../backup'));\n", prefix, piecePages))
	if err == nil {
		err = send(ctx, dir, to)
	}
	return errors.Join(err, emptied(v.settings, dir))
}

// emptied makes a directory anew.
func emptied(s dbengine.Settings, dir string) error {
	if err := os.RemoveAll(dir); err != nil {
		return err
	}
	return s.MakeDir(dir)
}

func send(ctx context.Context, dir string, to dbengine.Sink) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	sent := false
	for _, entry := range entries {
		if !piece.MatchString(entry.Name()) {
			continue
		}
		if err := sendFile(ctx, filepath.Join(dir, entry.Name()), "backup/"+entry.Name(), to); err != nil {
			return err
		}
		sent = true
	}
	if !sent {
		return errors.New("virtuoso: an online backup wrote no files")
	}
	return nil
}

func sendFile(ctx context.Context, path, name string, to dbengine.Sink) error {
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, 0) //nolint:gosec // the database's own directory
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() {
		return fmt.Errorf("virtuoso: an online backup wrote %s, which is no file", name)
	}
	return to.Put(ctx, dbengine.File{Name: name, Mode: 0o600, Size: info.Size()}, f)
}

// Restored implements [dbengine.Engine]: Virtuoso makes the database's files of the backup's. It is done again from the
// beginning if it was interrupted.
func (e *Engine) Restored(ctx context.Context, s dbengine.Settings) error {
	if _, err := os.Stat(s.Path("backup", prefix+"1.bp")); errors.Is(err, os.ErrNotExist) {
		return &dbengine.StartError{Reason: dbengine.ReasonDamaged, Detail: "the backup has no " + prefix + "1.bp"}
	} else if err != nil {
		return err
	}
	if err := errors.Join(s.Enter(), emptied(s, s.Path("data"))); err != nil {
		return err
	}
	if err := s.GiveTree(s.Path("backup")); err != nil {
		return err
	}
	if err := configure(s, ""); err != nil {
		return err
	}
	path, err := program(serverProgram)
	if err != nil {
		return err
	}
	var log bytes.Buffer
	err = s.Run(ctx, dbengine.Command{
		Program: path, Args: []string{"+foreground", "+configfile", "virtuoso.ini", "+restore-backup", prefix, "+backup-dirs", "../backup"},
		Dir: s.Path("data"), Env: environment, Stdout: &log, Stderr: &log, Alone: true,
	})
	if err != nil || !strings.Contains(log.String(), "End of restoring from backup") {
		return dbengine.Explain(log.String(), symptoms...)
	}
	if err := dbengine.SyncTree(s.Path("data")); err != nil {
		return err
	}
	return emptied(s, s.Path("backup"))
}
