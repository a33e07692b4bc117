package archive

import (
	"cmp"
	"slices"
)

// An objectSpan is a part of an object.
type objectSpan struct {
	name     string
	off, end int64
}

func (s objectSpan) size() int64 { return s.end - s.off }

// A plannedSpan is what is to be read by one request, and how much of that is wanted.
type plannedSpan struct {
	objectSpan
	wanted int64
	parts  []objectSpan // that are wanted, in order
}

// coalesce puts pieces that lie near each other together. Those come first that are wanted first.
func coalesce(spans []objectSpan) []plannedSpan {
	first := map[string]int{} // objects, in the order they are wanted in
	for i, s := range spans {
		if _, known := first[s.name]; !known {
			first[s.name] = i
		}
	}
	sorted := slices.Clone(spans)
	slices.SortStableFunc(sorted, func(a, b objectSpan) int {
		return cmp.Or(cmp.Compare(first[a.name], first[b.name]), cmp.Compare(a.off, b.off), cmp.Compare(a.end, b.end))
	})
	var all []plannedSpan
	for _, s := range sorted {
		if n := len(all); n > 0 {
			last := &all[n-1]
			if last.name == s.name && s.off <= last.end+maxGap && max(s.end, last.end)-last.off <= maxPiece {
				last.end = max(last.end, s.end)
				last.wanted += s.end - s.off
				last.parts = append(last.parts, s)
				continue
			}
		}
		all = append(all, plannedSpan{s, s.end - s.off, []objectSpan{s}})
	}
	return all
}
