package archive

import (
	"context"
	"slices"
)

// A stream is somebody reading a pack from one end to the other.
type stream struct {
	next  int64 // where the last read ended
	ahead int64 // up to where it was fetched
	size  int64 // how much is to be fetched next; 0 if it is not known yet that it is a stream
}

// maxStreams is how many readers of one pack are told apart, and maxStreamed in how many packs.
const (
	maxStreams  = 8
	maxStreamed = 1024
)

// follow notes that a part of a pack is read, and fetches what comes after it if that looks as if it were wanted too. What
// somebody has planned to read needs no guessing.
func (r *ReadAhead) follow(ctx context.Context, name string, off, end int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	there := false
	for _, w := range r.pieces[name] {
		if w.off <= off && off < w.end {
			if there = true; w.planned {
				return
			}
		}
	}
	s := r.stream(name, off, there)
	s.next = max(s.next, end)
	if s.size == 0 {
		return
	}
	s.ahead = max(s.ahead, off)
	until := s.ahead + s.size
	if last, known := r.ended[name]; known {
		until = min(until, last)
	}
	if s.ahead >= min(end+s.size, until) || !r.fetch(ctx, plannedSpan{objectSpan: objectSpan{name, s.ahead, until}}) {
		return
	}
	s.ahead = until
	s.size = min(4*s.size, maxPiece)
	for _, w := range slices.Clone(r.pieces[name]) { // what the stream has passed and left out
		if !w.planned && w.users == 0 && w.end < s.next-slack && w.end > s.next-slack-4*maxPiece {
			r.drop(w)
		}
	}
}

// stream gives the stream that a read at an offset belongs to; r.mu is held.
func (r *ReadAhead) stream(name string, off int64, there bool) *stream {
	all := r.streams[name]
	for i, s := range all {
		back := int64(0) // who goes back to what is not there reads something else
		if there {
			back = slack
		}
		if off >= s.next-back && off <= s.next+slack {
			if s.size == 0 {
				s.size = firstPiece
			}
			copy(all[1:i+1], all[:i])
			all[0] = s
			return s
		}
	}
	s := &stream{next: off}
	if off <= packHeaderSize { // whoever begins at the beginning
		s.size = firstPiece
	}
	if len(r.streams) >= maxStreamed {
		clear(r.streams)
		clear(r.ended)
	}
	r.streams[name] = append([]*stream{s}, all[:min(len(all), maxStreams-1)]...)
	return s
}
