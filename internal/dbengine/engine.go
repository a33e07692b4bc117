// Package dbengine runs the database engines of this host. It knows processes, data directories and files, and nothing of AWS.
//
// Each engine is a package below this one. What they share is here: how a program is found, as whom it runs, how its end is
// noticed, how what an earlier process left running is ended, and how a failure is told.
package dbengine

import (
	"context"
	"io"
	"io/fs"
)

// Engine is a database engine as this host has it installed. Its methods may be called at once for different directories.
type Engine interface {
	// Name is "postgres", "mariadb", "ferretdb" or "virtuoso".
	Name() string
	// Version is that of the installed server ("15.18"). Where it is not installed the error is a *NotInstalledError.
	Version(ctx context.Context) (string, error)
	// Init makes in Dir what a new, empty database consists of. After a crash it starts afresh: what an unfinished Init left is
	// removed.
	Init(ctx context.Context, s Settings) error
	// Start returns once the database accepts the master user, or why it does not (a *StartError where the engine says so). What
	// an earlier process of this server left running on Dir it ends first. The process outlives ctx; Stop ends it.
	Start(ctx context.Context, s Settings) (Server, error)
	// Restored makes the files that were laid into Dir from a Backup ready for Start: it recovers them to the instant of the
	// backup, and gives the master user s.MasterPassword if that is not empty.
	Restored(ctx context.Context, s Settings) error
	// Check is the engine's own check of the integrity of a database, be it running or stopped; for tests and drills.
	Check(ctx context.Context, s Settings) error
}

// Settings say which database is meant and how it is to run.
type Settings struct {
	// Dir is the database's own directory, with data, sockets, logs and configuration. The caller makes it; where User is given
	// the engine sees to it that all in it is the user's.
	Dir            string
	Address        string // "127.0.0.1"
	Port           int
	MasterUsername string
	MasterPassword string
	Database       string            // created by Init; "" for none
	Parameters     map[string]string // by the engine's own names
	User           *User             // who to run as when this process is root; nil: as this process
}

// User is an account of the host.
type User struct {
	Name     string
	UID, GID int
}

// Server is a running database. Its methods may be called at once.
type Server interface {
	// Done is closed when the process has ended, for whatever reason.
	Done() <-chan struct{}
	// Err says, after Done, why it ended; nil after Stop.
	Err() error
	// Ping asks as the master user whether the database answers. A password that is not the master user's is ErrWrongPassword.
	Ping(ctx context.Context) error
	// Stop ends the database orderly; when ctx ends first, it is killed. It returns once the process has ended.
	Stop(ctx context.Context) error
	SetMasterPassword(ctx context.Context, password string) error
	// Backup writes every file of a consistent copy of the database as it was at one instant not before the call, while it is
	// in use.
	Backup(ctx context.Context, to Sink) error
	// Size is the number of bytes that the data takes on disk.
	Size(ctx context.Context) (int64, error)
}

// Sink takes the files of a backup, one call after the other, in any order. A directory may come after what is in it.
type Sink interface {
	// Put keeps one file. The content is valid until Put returns; that of a directory or a link is nil.
	Put(ctx context.Context, f File, content io.Reader) error
}

// File is a file of a backup.
type File struct {
	Name string      // slash-separated, below Settings.Dir
	Mode fs.FileMode // with fs.ModeDir for a directory, fs.ModeSymlink for a link
	Size int64       // of a regular file; its content has exactly as many bytes
	Link string      // target of a symbolic link
}
