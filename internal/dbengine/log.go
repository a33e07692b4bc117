package dbengine

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"strongroom/clock"
)

// Log is the file that a database's processes write what they have to say to.
type Log struct {
	file *os.File
	from int64 // where this start's part begins
}

// mostLog is the size at which a log is put aside. Half of it and the one put aside remain at most.
const mostLog = 16 << 20

// OpenLog opens the log of a database that is about to start.
func (s Settings) OpenLog(name string) (*Log, error) {
	if err := s.MakeDir(s.Path("log")); err != nil {
		return nil, err
	}
	path := s.Path("log", name)
	f, err := os.OpenFile(path, os.O_RDWR|os.O_APPEND|os.O_CREATE, 0o600) //nolint:gosec // the database's own directory
	if err != nil {
		return nil, err
	}
	l := &Log{file: f}
	if err := s.give(path); err == nil {
		l.trim()
		l.from, err = f.Seek(0, io.SeekEnd)
	}
	if err != nil {
		_ = f.Close()
		return nil, err
	}
	return l, nil
}

// Since is what was written since the database was started, or the last of it.
func (l *Log) Since() string {
	info, err := os.Stat(l.file.Name())
	if err != nil {
		return fmt.Sprintf("reading the log: %v", err)
	}
	from, size := l.from, info.Size()
	const most = 64 << 10
	if size < from {
		from = 0 // it was put aside meanwhile
	}
	from = max(from, size-most)
	text := make([]byte, size-from)
	f, err := os.Open(l.file.Name())
	if err != nil {
		return fmt.Sprintf("reading the log: %v", err)
	}
	defer func() { _ = f.Close() }()
	n, err := f.ReadAt(text, from)
	if err != nil && n == 0 && len(text) > 0 {
		return fmt.Sprintf("reading the log: %v", err)
	}
	return string(text[:n])
}

// watch puts the log aside whenever it has grown, until the process ends, and closes it then.
func (l *Log) watch(done <-chan struct{}) {
	defer func() { _ = l.file.Close() }()
	for {
		reached, stop := clock.Wall.Until(clock.Wall.Now().Add(time.Minute))
		select {
		case <-done:
			stop()
			return
		case <-reached:
			l.trim()
		}
	}
}

// trim copies a log that has grown too long beside itself and empties it. Its writers append, and go on at its beginning.
func (l *Log) trim() {
	info, err := l.file.Stat()
	if err != nil || info.Size() < mostLog {
		return
	}
	old, err := os.OpenFile(l.file.Name()+".1", os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return // the next minute tries again
	}
	// Only the end: a log that grew by gigabytes in the minute is no reason to fill the disk with it twice.
	from := max(0, info.Size()-mostLog)
	_, copyErr := io.Copy(old, io.NewSectionReader(l.file, from, info.Size()-from))
	if closeErr := old.Close(); copyErr != nil || closeErr != nil {
		_ = os.Remove(filepath.Clean(old.Name()))
	}
	_ = l.file.Truncate(0)
}
