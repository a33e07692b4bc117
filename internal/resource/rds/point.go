package rds

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"

	"strongroom/archive"
	"strongroom/internal/dbengine"
	"strongroom/internal/state"
)

// pointFormat is the format of the points that are written here: their metadata is a [pointFacts], and for each file there is
// an entry, or one for each piece, in the order of the engine's backup, with a [fileFacts].
const pointFormat = 1

// pointFacts is what a point tells of the database. It is sealed like the content, in which the master user's password is as
// well, if only as a hash: whoever restores the database must be able to start it.
type pointFacts struct {
	Format         int
	Engine         string // of the house: postgres
	Version        string
	Database       string // id of the database it was taken of
	MasterUsername string
	MasterPassword string
}

// fileFacts is what an entry tells of a file.
type fileFacts struct {
	Name   string
	Mode   fs.FileMode
	Link   string `json:",omitempty"`
	Offset int64  `json:",omitempty"` // of a further piece of a file
}

// pieceSize is where files are cut. Databases change single pages of a file, where pieces of the archive's own cutting, which are
// found again when content moves, would be seven times as long. Measured in decision 11.
const pieceSize = 128 << 10

// errSource says that a database cannot be made from what a point holds.
var errSource = errors.New("it does not hold a database of this engine")

// errSourceGone says that what a database is to be made from is not there any more.
var errSourceGone = errors.New("it is not there any more")

// BackupInto writes a database as it is at one instant after the call into a domain, as a point, while the database is in use.
// A point that is committed already counts. progress may be nil.
func (f *Fleet) BackupInto(ctx context.Context, id string, to *archive.Domain, point string, progress func(done, total int64)) (archive.Summary, error) {
	for attempt := 1; ; attempt++ {
		summary, ended, err := f.backup(ctx, id, to, point, progress)
		if err == nil || !ended || attempt == 3 || ctx.Err() != nil {
			return summary, err
		}
		// The database has ended under the backup, and is started again.
	}
}

func (f *Fleet) backup(ctx context.Context, id string, to *archive.Domain, point string, progress func(done, total int64)) (_ archive.Summary, ended bool, err error) {
	d, err := f.Database(ctx, id)
	if err != nil {
		return archive.Summary{}, false, err
	}
	stopped, err := f.stopped(ctx, d)
	if err != nil {
		return archive.Summary{}, false, err
	}
	k := f.keeper(id)
	if k == nil || stopped {
		return archive.Summary{}, false, errNotRunning(d)
	}
	server, giveBack, err := k.use(ctx)
	if err != nil {
		return archive.Summary{}, false, err
	}
	defer giveBack()
	total, err := server.Size(ctx)
	if err != nil {
		return archive.Summary{}, hasEnded(server), fmt.Errorf("measuring the database: %w", err)
	}
	facts, err := f.facts(ctx, d)
	if err != nil {
		return archive.Summary{}, false, err
	}
	w, err := to.NewWriter(ctx, archive.WriteOptions{Point: point, Kind: archive.Objects, Metadata: facts, Expected: total})
	if errors.Is(err, archive.ErrPointExists) {
		p, err := to.Adopt(ctx, point)
		if err != nil {
			return archive.Summary{}, false, err
		}
		return p.Summary(), false, nil
	}
	if err != nil {
		return archive.Summary{}, false, err
	}
	defer w.Abort() //nolint:errcheck // what was not committed is garbage
	if err := server.Backup(ctx, &sink{to: w, total: total, progress: progress}); err != nil {
		return archive.Summary{}, hasEnded(server), fmt.Errorf("backing the database up: %w", err)
	}
	summary, err := w.Commit(ctx)
	return summary, false, err
}

func hasEnded(server dbengine.Server) bool {
	select {
	case <-server.Done():
		return true
	default:
		return false
	}
}

// facts are those of a database's points.
func (f *Fleet) facts(ctx context.Context, d state.Database) ([]byte, error) {
	password, err := f.Keeper.Decrypt(ctx, d.Password)
	if err != nil {
		return nil, err
	}
	return json.Marshal(pointFacts{
		Format: pointFormat, Engine: engines[d.Engine], Version: d.EngineVersion, Database: d.ID, MasterUsername: d.MasterUsername, MasterPassword: string(password),
	})
}

// sink puts the files of a backup into a point, in the order in which they come.
type sink struct {
	to       *archive.Writer
	entries  int
	done     int64
	total    int64
	progress func(done, total int64)
}

var _ dbengine.Sink = (*sink)(nil)

// Put implements [dbengine.Sink].
func (s *sink) Put(ctx context.Context, file dbengine.File, content io.Reader) error {
	facts := fileFacts{Name: file.Name, Mode: file.Mode, Link: file.Link}
	if content == nil {
		return s.piece(ctx, facts, strings.NewReader(""), 0)
	}
	for {
		size := min(file.Size-facts.Offset, pieceSize)
		if err := s.piece(ctx, facts, io.LimitReader(content, size), size); err != nil {
			return err
		}
		if facts.Offset += size; facts.Offset == file.Size {
			return nil
		}
	}
}

// piece puts an entry.
func (s *sink) piece(ctx context.Context, facts fileFacts, content io.Reader, size int64) error {
	meta, err := json.Marshal(facts)
	if err != nil {
		return err
	}
	if err := s.to.Put(ctx, fmt.Appendf(nil, "%010d", s.entries), meta, content, size); err != nil {
		return err
	}
	s.entries++
	s.done += size
	if s.progress != nil {
		s.progress(s.done, max(s.done, s.total))
	}
	return nil
}

// fill fills the directory of a database, which is there and empty, from its source, and has the engine recover it.
func (f *Fleet) fill(ctx context.Context, engine dbengine.Engine, d state.Database) error {
	domain, err := f.domain(ctx, d.AccountID, d.Source)
	if err != nil {
		return err
	}
	p, err := domain.Open(ctx, d.Source.Point)
	if errors.Is(err, archive.ErrNoPoint) {
		return errSourceGone
	}
	if err != nil {
		return err
	}
	var facts pointFacts
	if err := json.Unmarshal(p.Metadata(), &facts); err != nil || facts.Format != pointFormat || facts.Engine != engine.Name() {
		return errSource
	}
	giveBack, err := p.Hold(ctx, 1, 0)
	if err != nil {
		return err
	}
	err = layOut(ctx, p, f.dir(d), f.user(d.Engine))
	giveBack()
	if err != nil {
		return err
	}
	if d.Password, err = f.keepPassword(ctx, d, facts); err != nil {
		return err
	}
	settings, err := f.settings(ctx, d)
	if err != nil {
		return err
	}
	// Its own password stays: that of the settings is to come in with, not to set.
	settings.MasterPassword = ""
	return engine.Restored(ctx, settings)
}

// keepPassword takes over the password of the source, and returns it wrapped.
func (f *Fleet) keepPassword(ctx context.Context, d state.Database, facts pointFacts) ([]byte, error) {
	wrapped, err := f.Keeper.Encrypt(ctx, []byte(facts.MasterPassword))
	if err != nil {
		return nil, err
	}
	err = f.DB.Update(ctx, func(ctx context.Context, tx *state.Tx) error {
		if err := tx.SetDatabasePassword(ctx, d.ID, wrapped); err != nil {
			return err
		}
		return tx.SetDatabasePasswordTold(ctx, d.ID, wrapped)
	})
	return wrapped, err
}

// layOut writes the files of a point into a directory, as a user's. They come from whoever could write into the database's directory, so
// none may lead out of it: links are made last, when nothing is written any more.
func layOut(ctx context.Context, p *archive.Point, dir string, owner *dbengine.User) error {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer root.Close() //nolint:errcheck // what was written is synchronized before
	modes := map[string]fs.FileMode{}
	links := map[string]string{}
	for e, err := range p.Entries(ctx, nil) {
		if err != nil {
			return err
		}
		var file fileFacts
		if err := json.Unmarshal(e.Meta, &file); err != nil || !filepath.IsLocal(file.Name) {
			return fmt.Errorf("entry %s: %w", e.Key, errSource)
		}
		name := path.Clean(file.Name)
		switch {
		case file.Mode.IsDir():
			modes[name] = file.Mode.Perm()
			err = root.MkdirAll(name, 0o700)
		case file.Mode&fs.ModeSymlink != 0:
			links[name] = file.Link
		case file.Mode.IsRegular():
			err = writeFile(ctx, root, name, file, e)
		default:
			err = fmt.Errorf("%s: %w", name, errSource)
		}
		if err != nil {
			return err
		}
	}
	for name, target := range links {
		if err := errors.Join(root.MkdirAll(path.Dir(name), 0o700), root.Symlink(target, name)); err != nil {
			return err
		}
	}
	for name, mode := range modes {
		if err := root.Chmod(name, mode|0o700); err != nil {
			return err
		}
	}
	return errors.Join(giveAway(dir, owner), syncAll(dir))
}

// writeFile makes a file, or goes on with one.
func writeFile(ctx context.Context, root *os.Root, name string, facts fileFacts, e *archive.Entry) error {
	if err := root.MkdirAll(path.Dir(name), 0o700); err != nil {
		return err
	}
	how := os.O_WRONLY | os.O_CREATE | os.O_EXCL
	if facts.Offset > 0 {
		how = os.O_WRONLY
	}
	file, err := root.OpenFile(name, how, facts.Mode.Perm()|0o600)
	if err != nil {
		return err
	}
	if end, err := file.Seek(0, io.SeekEnd); err != nil || end != facts.Offset {
		return errors.Join(fmt.Errorf("%s has %d bytes before its piece at %d: %w", name, end, facts.Offset, errSource), err, file.Close())
	}
	content := e.Open(ctx)
	_, err = content.WriteTo(file)
	return errors.Join(err, content.Close(), file.Close())
}

// giveAway makes all below a directory the engine's user's.
func giveAway(dir string, owner *dbengine.User) error {
	if owner == nil {
		return nil
	}
	return filepath.WalkDir(dir, func(name string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return os.Lchown(name, owner.UID, owner.GID)
	})
}
