package state

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
)

// ErrRemembered says that bytes that were to be forgotten are still in the database's files.
var ErrRemembered = errors.New("the database's files still hold what was to be forgotten")

// Forget sees to it that secrets which no row holds any more are in none of the database's files: neither in the write-ahead log,
// nor in free pages, nor in what the balancing of pages left between rows. SQLite overwrites what it deletes (secure_delete), but
// the log keeps older images of pages until it is cut off, and pages that were balanced may keep a copy. So it looks, and if it finds one, makes the
// file anew, which takes as long as the database is large.
func (db *DB) Forget(ctx context.Context, secrets ...[]byte) error {
	var wanted [][]byte
	for _, s := range secrets {
		if len(s) > 0 {
			wanted = append(wanted, s)
		}
	}
	if len(wanted) == 0 {
		return nil
	}
	for _, statement := range []string{`PRAGMA wal_checkpoint(TRUNCATE)`, `VACUUM`, `PRAGMA wal_checkpoint(TRUNCATE)`} {
		if _, err := db.writer.ExecContext(ctx, statement); err != nil {
			return fmt.Errorf("forgetting: %w", translate(err))
		}
		if statement == `VACUUM` {
			continue // what it wrote is in the log
		}
		held, err := db.holds(wanted)
		if err != nil || !held {
			return err
		}
	}
	return ErrRemembered
}

// holds reports whether any of the secrets is in the database's files.
func (db *DB) holds(secrets [][]byte) (bool, error) {
	for _, suffix := range []string{"", "-wal"} {
		file, err := os.Open(db.path + suffix)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		} else if err != nil {
			return false, err
		}
		held, err := contains(file, secrets)
		if err = errors.Join(err, file.Close()); held || err != nil {
			return held, err
		}
	}
	return false, nil
}

// contains reports whether any of the secrets is in what r has, wherever it lies.
func contains(r io.Reader, secrets [][]byte) (bool, error) {
	longest := 0
	for _, s := range secrets {
		longest = max(longest, len(s))
	}
	in := bufio.NewReaderSize(r, 1<<20+longest)
	for {
		window, err := in.Peek(1<<20 + longest)
		for _, s := range secrets {
			if bytes.Contains(window, s) {
				return true, nil
			}
		}
		if errors.Is(err, io.EOF) {
			return false, nil
		} else if err != nil {
			return false, err
		}
		if _, err := in.Discard(1 << 20); err != nil {
			return false, err
		}
	}
}
