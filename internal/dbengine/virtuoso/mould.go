package virtuoso

import (
	"bytes"
	"context"
	"errors"
	"io"
	"syscall"

	"github.com/klauspost/compress/zstd"

	"strongroom/internal/dbengine"
)

// empty is what all new databases of this process are copies of.
var empty = mould{turn: make(chan struct{}, 1)}

// mould keeps the files of the first database that was made. Virtuoso makes one at its first start, in five seconds of a
// processor's time, and all are the same but for the administrator's password, which every start sets anew. They are fifty
// megabytes of mostly nothing: less than one compressed (docs/decisions/0031-moulds.md).
type mould struct {
	turn    chan struct{} // is full while one makes or copies them
	version string        // of the Virtuoso that made them
	files   map[string][]byte
}

// moulded are the files that Virtuoso leaves and needs. The transaction log is as short as one is after a checkpoint; the rest,
// such as the configuration, is written before each start.
var moulded = []string{"virtuoso.db", "virtuoso.trx"}

// fill lays a new database into the directory data of s, which is there.
func (m *mould) fill(ctx context.Context, s dbengine.Settings, version string) error {
	select {
	case m.turn <- struct{}{}:
		defer func() { <-m.turn }()
	case <-ctx.Done():
		return ctx.Err()
	}
	if m.version == version {
		return m.copy(s)
	}
	if err := makeDatabase(ctx, s); err != nil {
		return err
	}
	files, err := compressed(s)
	if err != nil {
		return err
	}
	m.version, m.files = version, files
	return nil
}

// makeDatabase has Virtuoso make a database, by its first start.
func makeDatabase(ctx context.Context, s dbengine.Settings) error {
	v, err := start(ctx, s)
	if err != nil {
		return err
	}
	return v.process.Stop(ctx, syscall.SIGTERM)
}

func compressed(s dbengine.Settings) (map[string][]byte, error) {
	files := map[string][]byte{}
	for _, name := range moulded {
		var kept bytes.Buffer
		if err := compress(&kept, s, name); err != nil {
			return nil, err
		}
		files[name] = kept.Bytes()
	}
	return files, nil
}

func compress(to io.Writer, s dbengine.Settings, name string) error {
	f, err := s.Open(s.Path("data", name))
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	w, err := zstd.NewWriter(to, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(1))
	if err != nil {
		return err
	}
	_, err = io.Copy(w, f)
	return errors.Join(err, w.Close())
}

func (m *mould) copy(s dbengine.Settings) error {
	for name, content := range m.files {
		r, err := zstd.NewReader(bytes.NewReader(content), zstd.WithDecoderConcurrency(1))
		if err != nil {
			return err
		}
		err = s.WriteFrom(s.Path("data", name), r)
		r.Close()
		if errors.Is(err, syscall.ENOSPC) {
			return &dbengine.StartError{Reason: dbengine.ReasonNoSpace, LogTail: err.Error()}
		}
		if err != nil {
			return err
		}
	}
	return nil
}
