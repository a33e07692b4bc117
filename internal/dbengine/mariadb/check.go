package mariadb

import (
	"context"
	"io/fs"
	"path/filepath"
	"strings"

	"strongroom/internal/dbengine"
)

// Check implements [dbengine.Engine]. Of a stopped database the checksum of each page is verified; of a running one all tables
// and indexes.
func (e *Engine) Check(ctx context.Context, s dbengine.Settings) error {
	running, err := s.Running(processes...)
	if err != nil {
		return err
	}
	if running {
		return checkTables(ctx, s)
	}
	return checkFiles(ctx, s)
}

// checkTables asks for every table. The tool succeeds though tables are damaged: it prints what they say.
func checkTables(ctx context.Context, s dbengine.Settings) error {
	program, err := dbengine.FindProgram("mariadb-client", "mariadb-check", "mysqlcheck")
	if err != nil {
		return err
	}
	var out strings.Builder
	err = s.Run(ctx, dbengine.Command{
		Program: program, Args: []string{"--defaults-file=" + s.Path("run", "client.cnf"), "--all-databases", "--check", "--extended", "--silent"},
		Dir: s.Path("data"), Stdout: &out,
	})
	if err == nil && strings.Contains(strings.ToLower(out.String()), "error") {
		return &dbengine.StartError{Reason: dbengine.ReasonDamaged, Detail: strings.TrimSpace(out.String()), LogTail: out.String()}
	}
	return damaged(err)
}

// checkFiles verifies the pages of InnoDB's files, and Aria's tables.
func checkFiles(ctx context.Context, s dbengine.Settings) error {
	innochecksum, err := tool("innochecksum")
	if err != nil {
		return err
	}
	ariaCheck, err := tool("aria_chk")
	if err != nil {
		return err
	}
	return filepath.WalkDir(s.Path("data"), func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		switch base := filepath.Base(name); {
		case filepath.Ext(base) == ".ibd", strings.HasPrefix(base, "ibdata"), strings.HasPrefix(base, "undo") && filepath.Ext(base) == "":
			return damaged(s.Run(ctx, dbengine.Command{Program: innochecksum, Args: []string{name}}))
		case filepath.Ext(base) == ".MAI":
			return damaged(s.Run(ctx, dbengine.Command{Program: ariaCheck, Args: []string{"--no-defaults", "--silent", "--check", "--datadir=" + s.Path("data"), name}}))
		}
		return nil
	})
}
