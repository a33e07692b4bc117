package postgres

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"path"
	"strconv"

	"strongroom/internal/dbengine"
)

// Backup implements [dbengine.Server]. pg_basebackup streams the data directory as it is found, and at the end the log that
// makes one instant of it: that of the backup's end. It leaves out what a start makes anew, and adds a manifest of checksums,
// against which [Engine.Restored] holds what came back.
//
// The log of that time must not be recycled meanwhile; a temporary slot holds it, which goes with its connection.
func (srv *Server) Backup(ctx context.Context, to dbengine.Sink) error {
	slot, err := asSuperuser(ctx, srv.s, home)
	if err != nil {
		return fmt.Errorf("backing up: %w", err)
	}
	defer func() { _ = slot.Close(context.WithoutCancel(ctx)) }()
	name := "backup_" + strconv.Itoa(int(slot.PgConn().PID()))
	// A parameter may end idle connections, of which this is one: PostgreSQL 14 and later.
	if _, err := slot.Exec(ctx, "SELECT pg_catalog.set_config(name, '0', false) FROM pg_catalog.pg_settings WHERE name = 'idle_session_timeout'"); err != nil {
		return fmt.Errorf("backing up: %w", err)
	}
	if _, err := slot.Exec(ctx, "SELECT pg_catalog.pg_create_physical_replication_slot('"+name+"', true, true)"); err != nil {
		return fmt.Errorf("backing up: holding the log: %w", err)
	}
	err = srv.s.Stream(ctx, dbengine.Command{
		Program: srv.b.path("pg_basebackup"),
		Args: []string{
			"--pgdata=-", "--format=tar", "--wal-method=fetch", "--checkpoint=fast", "--label=strongroom",
			"--host=/proc/self/cwd", "--port=" + strconv.Itoa(srv.s.Port), "--username=" + superuser, "--no-password",
		},
		Dir: srv.s.Path("run"), Env: firmEnvironment(),
	}, func(r io.Reader) error { return unpack(ctx, r, to) })
	if err != nil {
		return fmt.Errorf("backing up: %w", err)
	}
	return nil
}

// unpack gives the files of a tar stream to a sink.
func unpack(ctx context.Context, stream io.Reader, to dbengine.Sink) error {
	if err := to.Put(ctx, dbengine.File{Name: "data", Mode: 0o700 | modeDir}, nil); err != nil {
		return err
	}
	r := tar.NewReader(stream)
	for {
		header, err := r.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		info := header.FileInfo()
		f := dbengine.File{Name: path.Join("data", header.Name), Mode: info.Mode()}
		var content io.Reader
		switch {
		case info.IsDir():
		case header.Typeflag == tar.TypeSymlink:
			f.Link = header.Linkname
		case info.Mode().IsRegular():
			f.Size, content = header.Size, r
		default:
			return fmt.Errorf("%s is no file", header.Name)
		}
		if f.Name == "data" {
			continue
		}
		if err := to.Put(ctx, f, content); err != nil {
			return err
		}
	}
}
