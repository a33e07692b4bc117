package dbengine

import (
	"fmt"
	"io"
	"os"
	"time"

	"strongroom/clock"
)

// Log is the file that a database's processes write what they have to say to.
type Log struct {
	settings Settings
	name     string
	file     *os.File
	from     int64 // where this start's part begins
}

// mostLog is the size at which a log is put aside. Half of it and the one put aside remain at most.
const mostLog = 16 << 20

// OpenLog opens the log of a database that is about to start.
func (s Settings) OpenLog(name string) (*Log, error) {
	f, err := s.openAppend("log", name)
	if err != nil {
		return nil, err
	}
	l := &Log{settings: s, name: name, file: f}
	l.trim()
	if l.from, err = f.Seek(0, io.SeekEnd); err != nil {
		_ = f.Close()
		return nil, err
	}
	return l, nil
}

// Since is what was written since the database was started, or the last of it.
func (l *Log) Since() string {
	f, err := l.settings.Open(l.settings.Path("log", l.name))
	if err != nil {
		return fmt.Sprintf("reading the log: %v", err)
	}
	defer func() { _ = f.Close() }()
	info, err := f.Stat()
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
	old, err := l.settings.openAppend("log", l.name+".1")
	if err != nil {
		return // the next minute tries again
	}
	_ = old.Truncate(0)
	// Only the end: a log that grew by gigabytes in the minute is no reason to fill the disk with it twice.
	from := max(0, info.Size()-mostLog)
	_, copyErr := io.Copy(old, io.NewSectionReader(l.file, from, info.Size()-from))
	if closeErr := old.Close(); copyErr != nil || closeErr != nil {
		_ = l.settings.RemoveAll(l.settings.Path("log", l.name+".1"))
	}
	_ = l.file.Truncate(0)
}
