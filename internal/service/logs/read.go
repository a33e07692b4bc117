package logs

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"slices"

	"strongroom/internal/state"
)

// position is the place of an event: events are ordered by their time, and those of the same time as they came.
type position struct {
	At    state.Millis `json:"t"`
	Chunk int64        `json:"c"`
	Index int          `json:"i"`
}

func (p position) compare(q position) int {
	return cmp.Or(cmp.Compare(p.At, q.At), cmp.Compare(p.Chunk, q.Chunk), cmp.Compare(p.Index, q.Index))
}

// found is an event with where it was.
type found struct {
	position
	message  string
	stream   string
	ingested state.Millis
}

// id is the event's id, of digits only, as AWS's are. Ids are ordered as the events are.
func (f found) id() string { return fmt.Sprintf("3%018d%018d%019d", f.At, f.Chunk, f.Index) }

// within are the events that are looked for: from a time until before another, and behind or before an event.
type within struct {
	group    state.LogGroup
	streamID int64               // 0: of all streams,
	streams  func(s string) bool // that this says; nil: all
	from, to state.Millis
	after    *position
	before   *position
}

const headsAtOnce = 64

// walk calls fn for the events in their order, or the last first, until it returns false.
//
// Chunks overlap, so an event has its turn once every chunk that could hold an earlier one has been opened. Only what overlaps
// is in memory.
func (s *Service) walk(ctx context.Context, w within, backward bool, fn func(found) bool) error {
	return s.DB.View(ctx, func(ctx context.Context, tx *state.Tx) error {
		r := state.LogRange{GroupID: w.group.ID, StreamID: w.streamID, From: max(w.from, w.group.Kept(tx.Now)), To: w.to}
		if w.after != nil {
			r.From = max(r.From, w.after.At)
		}
		if w.before != nil && w.before.At < math.MaxInt64 {
			r.To = min(r.To, w.before.At+1)
		}
		list, last := tx.LogChunksForward, state.LogChunkHead{FirstAt: math.MinInt64}
		if backward {
			list, last = tx.LogChunksBackward, state.LogChunkHead{LastAt: math.MaxInt64, ID: math.MaxInt64}
		}
		var pending []found // the next one first
		for {
			heads, err := list(ctx, r, last, headsAtOnce)
			if err != nil {
				return err
			}
			for _, h := range heads {
				var goOn bool
				if pending, goOn = emit(pending, h, backward, fn); !goOn {
					return nil
				}
				if w.streams != nil && !w.streams(h.Stream) {
					continue
				}
				events, err := s.eventsOf(ctx, tx, h, r, w)
				if err != nil {
					return err
				}
				pending = merge(pending, events, backward)
			}
			if len(heads) < headsAtOnce {
				break
			}
			last = heads[len(heads)-1]
		}
		for _, e := range pending {
			if !fn(e) {
				return nil
			}
		}
		return nil
	})
}

// emit calls fn for what comes before everything in the chunk and in those behind it.
func emit(pending []found, h state.LogChunkHead, backward bool, fn func(found) bool) (rest []found, goOn bool) {
	for i, e := range pending {
		if !backward && e.At >= h.FirstAt || backward && e.At <= h.LastAt {
			return pending[i:], true
		}
		if !fn(e) {
			return nil, false
		}
	}
	return nil, true
}

func merge(pending, events []found, backward bool) []found {
	pending = append(slices.Clone(pending), events...)
	slices.SortFunc(pending, func(a, b found) int {
		if backward {
			return b.compare(a.position)
		}
		return a.compare(b.position)
	})
	return pending
}

// eventsOf opens a chunk.
func (s *Service) eventsOf(ctx context.Context, tx *state.Tx, h state.LogChunkHead, r state.LogRange, w within) (all []found, err error) {
	body, err := tx.LogChunkBody(ctx, h.ID)
	if errors.Is(err, state.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	events, err := s.unseal(h.StreamID, body)
	if err != nil {
		return nil, err
	}
	for i, e := range events {
		p := position{e.At, h.ID, i}
		if e.At < r.From || e.At >= r.To || w.after != nil && p.compare(*w.after) <= 0 || w.before != nil && p.compare(*w.before) >= 0 {
			continue
		}
		all = append(all, found{p, e.Message, h.Stream, h.IngestedAt})
	}
	return all, nil
}
