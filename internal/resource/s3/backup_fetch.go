package s3

import (
	"context"
	"errors"

	"golang.org/x/sync/errgroup"

	"strongroom/archive"
	"strongroom/internal/api"
)

// batch are steps that follow one another and are fetched together.
type batch struct {
	steps []*step
	bytes int64 // of content that is read into memory
	ready chan struct{}
}

// Each batch has so many steps and bytes at most: one that is fetched takes memory until its turn comes.
const mostBatchBytes = 1 << 20

func (t *batch) full() bool { return len(t.steps) >= MostAtOnce || t.bytes >= mostBatchBytes }

// holds is how many bytes of content batches hold until their turn comes; each may exceed its share by one object.
func (b *backup) holds() int64 {
	return min(int64(3*b.parallel+2)*(mostBatchBytes+readWhole), 2*b.total)
}

// write runs the pipeline: one goroutine compares, several fetch, and one writes in order.
func (b *backup) write(ctx context.Context, w *archive.Writer, parent *archive.Point) error {
	group, ctx := errgroup.WithContext(ctx)
	ordered := make(chan *batch, 2*b.parallel)
	fetches := make(chan *batch)
	group.Go(func() error {
		defer close(ordered)
		defer close(fetches)
		return b.produce(ctx, parent, ordered, fetches)
	})
	for range b.parallel {
		group.Go(func() error {
			for t := range fetches {
				b.fetchAll(ctx, t.steps)
				close(t.ready)
			}
			return nil
		})
	}
	group.Go(func() error {
		for t := range ordered {
			<-t.ready
			for _, s := range t.steps {
				if err := b.apply(ctx, w, s); err != nil {
					return err
				}
				s.body = nil // it is written; what is left at an error is closed below
			}
		}
		return nil
	})
	err := group.Wait()
	for t := range ordered { // after an error, what was fetched and not written
		<-t.ready
		for _, s := range t.steps {
			if s.body != nil {
				_ = s.body.Close()
			}
		}
	}
	return err
}

// produce compares the bucket with the parent and sends the steps that follow, in batches, to be fetched and to be written.
func (b *backup) produce(ctx context.Context, parent *archive.Point, ordered, fetches chan<- *batch) error {
	t := &batch{ready: make(chan struct{})}
	send := func() error {
		full := t
		t = &batch{ready: make(chan struct{})}
		select {
		case ordered <- full:
		case <-ctx.Done():
			return ctx.Err()
		}
		select {
		case fetches <- full:
			return nil
		case <-ctx.Done():
			for _, s := range full.steps {
				s.err = ctx.Err()
			}
			close(full.ready)
			return ctx.Err()
		}
	}
	err := b.compare(ctx, parent, func(s *step) error {
		t.steps = append(t.steps, s)
		if s.reads() {
			t.bytes += min(s.entry.Size, readWhole)
		}
		if t.full() {
			return send()
		}
		return nil
	})
	if err != nil || len(t.steps) == 0 {
		return err
	}
	return send()
}

// reads reports whether a step needs the content of a version.
func (s *step) reads() bool { return !s.remove && !s.kept && !s.entry.DeleteMarker }

// fetchAll reads what steps need: many small versions at once, others one by one.
func (b *backup) fetchAll(ctx context.Context, steps []*step) {
	var many []*step
	for _, s := range steps {
		switch {
		case s.remove:
		case s.kept:
			s.err = b.refetch(ctx, s.entry, &s.version)
		case s.reads() && s.entry.Size <= SmallObject:
			many = append(many, s)
		default:
			s.version, s.body, s.err = b.fetch(ctx, s.entry)
		}
	}
	if len(many) == 0 {
		return
	}
	in := &ReadManyInput{Bucket: &b.bucket, Tags: b.state.Tags, Entries: make([]IndexEntry, len(many))}
	for i, s := range many {
		in.Entries[i] = s.entry
	}
	out, err := api.Call[ReadManyOutput](ctx, b.door, b.caller, in)
	for i, s := range many {
		switch {
		case err != nil:
			s.err = err
		case out.Apart:
			s.version, s.body, s.err = b.fetch(ctx, s.entry)
		default:
			b.take(ctx, s, out.Versions[i])
		}
	}
}

// take fills a step with what was read for it.
func (b *backup) take(ctx context.Context, s *step, read VersionRead) {
	s.version = listed(s.entry)
	if s.err = read.Err; s.err != nil {
		return
	}
	s.version.read(read.Object)
	s.version.Tags = read.Tags
	if err := b.fetchRest(ctx, s.entry, &s.version, false); err != nil {
		s.err = errors.Join(err, read.Object.Body.Close())
		return
	}
	b.transferred.Add(s.entry.Size)
	s.body = read.Object.Body
}
