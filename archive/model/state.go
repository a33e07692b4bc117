package model

import "math/bits"

// Who there is, and what there is at most.
const (
	firstWriter    = 0
	firstCollector = 2
	deleter        = 4
	processes      = 5

	packSlots  = 5 // the first pack, one of each writer, one of each collection that compacts
	indexSlots = 9 // the first, one of each writer, two merged by each collector, one of each that compacts
	pointSlots = 3 // the first, one of each writer
)

// A set is a set of packs, index objects or recovery points, by their slots.
type set uint16

func (s set) has(i int) bool { return s&(1<<i) != 0 }
func (s *set) add(i int)     { *s |= 1 << i }
func (s *set) remove(i int)  { *s &^= 1 << i }
func (s set) first() int     { return bits.TrailingZeros16(uint16(s)) }

// Stamps are a set of times, as those in the names of objects.
type stamps uint32

func (s stamps) has(t int8) bool { return s&(1<<t) != 0 }
func (s *stamps) add(t int8)     { *s |= 1 << t }
func (s *stamps) remove(t int8)  { *s &^= 1 << t }
func (s stamps) latest() int8    { return int8(31 - bits.LeadingZeros32(uint32(s))) } // -1 if there is none

// before are those before a time.
func (s stamps) before(t int8) stamps {
	if t <= 0 {
		return 0
	}
	return s & (1<<t - 1)
}

// A State is what lies in the store, and where each process is. It can be compared.
type State struct {
	procs  [processes]process
	tombs  [packSlots]stamps
	trash  [pointSlots]stamps
	leases [deleter]stamps // by the ends in their names

	packs  set
	index  set             // index objects
	names  [indexSlots]set // packs that they tell of
	over   [indexSlots]set // index objects that they supersede
	points set
	acked  set // recovery points whose writer was told that they are there

	now      int8 // the true time
	crashes  int8 // that may still happen
	packMade [packSlots]int8
	made     [indexSlots]int8
}

// A process is what one knows and where it stands. What it needs no more is zero, so that states are alike that are.
type process struct {
	expired [deleter]stamps    // leases that are to be ended
	seen    [deleter]stamps    // a listing of leases that goes on
	known   [deleter]stamps    // leases of listings that are over
	thrown  [pointSlots]stamps // trash that is to be emptied

	tombed  set // packs that had a tomb when the tombs were read
	_       set // nothing: it keeps the size a multiple of 4, so that states are hashed at once
	named   set // packs that the index told of
	files   set // the index objects that did
	relies  set // packs found in the index that the recovery point counts on
	roots   set
	live    set
	listed  set // packs
	garbage set

	at       step
	dead     bool
	lost     bool // the lease was found to be gone
	missing  bool // something that is reached is in no pack that the index told of
	stamped  bool
	round    int8
	start    int8 // of the lease
	end      int8
	next     int8 // the end of the lease that takes its place
	renewing int8
	stamp    int8 // a time that was taken and is about to be stored
	newest   int8 // when the last of those began who are at work
	horizon  int8
	clock    int8            // when the leases were looked at
	tombs    [packSlots]int8 // the latest of each pack, as read last; -1 for none
}

// effective are the index objects that count, and the packs they tell of.
func (s *State) effective() (files, named set) {
	files = s.index
	for i := range indexSlots {
		if s.index.has(i) {
			files &^= s.over[i]
		}
	}
	for i := range indexSlots {
		if files.has(i) {
			named |= s.names[i]
		}
	}
	return files, named
}

func (s *State) tombed() (packs set) {
	for i := range packSlots {
		if s.tombs[i] != 0 {
			packs.add(i)
		}
	}
	return packs
}

// whole tells whether every recovery point that was acknowledged and not deleted can be read.
func (s *State) whole() bool {
	_, named := s.effective()
	return s.points&s.acked == 0 || s.packs&named != 0
}
