package model

// A Rule is a part of the protocol that can be left out, to see that it is needed.
type Rule uint32

// The parts of the protocol.
const (
	// HeedTombs: writers do not count on what lies in packs with a tomb.
	HeedTombs Rule = 1 << iota
	// TombsBeforeIndex: writers read the tombs before the index.
	TombsBeforeIndex
	// LeaseFirst: writers take their lease before they read anything.
	LeaseFirst
	// ConfirmAfter: writers look after their lease once more when the manifest is stored.
	ConfirmAfter
	// LookAgain: writers look once more, when the manifest is stored, whether what they counted on has got a tomb from before
	// their time.
	LookAgain
	// LookAtParent: writers look, when the manifest is stored, whether their parent is there or was deleted in their time.
	LookAtParent
	// StillThere: writers look, before they store the manifest, whether the packs that they counted on are there.
	StillThere
	// TrashFirst: a deletion stores the manifest in the trash before it deletes the recovery point.
	TrashFirst
	// TrashCounts: what is in the trash since the horizon is a root.
	TrashCounts
	// HorizonOfLeases: the horizon is no later than the start of any lease.
	HorizonOfLeases
	// WaitForTombs: packs are removed only when their tomb is older than the horizon.
	WaitForTombs
	// TombsAtAll: packs are removed only if they had a tomb.
	TombsAtAll
	// PointsBeforeTrash: a collection lists the recovery points before the trash.
	PointsBeforeTrash
	// LeasesBeforePoints: a collection lists the leases before the recovery points.
	LeasesBeforePoints
	// TombsBeforePoints: a collection lists the tombs before the recovery points.
	TombsBeforePoints
	// LeasesTwice: a collection lists the leases twice, so that one that is renewed meanwhile is seen.
	LeasesTwice
	// RenewFirst: a lease is renewed by storing the next before the last is deleted.
	RenewFirst
	// RenewChecks: whoever renews a lease makes sure that the last was still there.
	RenewChecks
	// RootsLast: a collection of which a root has gone when it is read, from the trash too, ends: another one is ahead of it.
	RootsLast
	// HorizonInLease: a collection's lease says that it began when the oldest did who is at work, so that no other collection has a
	// later horizon meanwhile and empties trash that this one counts on.
	HorizonInLease
	// ConfirmRoots: a collection looks after its lease when it has read what the roots reach.
	ConfirmRoots
	// LookForPacks: writers look once more, after the tombs, whether what they counted on is there.
	LookForPacks
	// AnyOldTomb: what writers look for at the end are tombs from before their time, whether or not there are later ones too.
	AnyOldTomb
	// SpareInPeace: a collection takes a tomb from a pack only if nobody is at work who began after the tomb's time.
	SpareInPeace
	// MemoryKeepsTombs: a collection that goes by what it remembers takes no tombs.
	MemoryKeepsTombs
	// MemoryRemovesNothing: a collection that goes by what it remembers removes no packs.
	MemoryRemovesNothing
	// AcknowledgedParents: writers are given only parents whose own writers have said that they are there.
	AcknowledgedParents
)

// Protocol is all rules.
const Protocol = AcknowledgedParents<<1 - 1

// A Beginning is how things stand at first. Some take long to come about, and much can happen from there on.
type Beginning int

// The beginnings.
const (
	// Settled: there is a recovery point, and its pack.
	Settled Beginning = iota
	// Garbage: there is a pack that no recovery point reaches, with an old tomb.
	Garbage
	// Regained: there is a recovery point, written by its parent when its pack had a tomb already.
	Regained
	// Gone: the index tells of a pack that was removed, as a collection leaves it that slept through its lease and others.
	Gone
	// LateTomb: the first collection is about to give a pack a tomb, and has slept since it took the time.
	LateTomb
	// Orphan: the recovery point was deleted, in the time of a writer whose parent it is, and its pack has an old tomb.
	Orphan
	// HalfDeleted: as Regained, but a deletion has slept since it stored the manifest in the trash, long ago.
	HalfDeleted
	// AtWork: the first writer, long at work, counts on a pack that has got a tomb since.
	AtWork
)

// A Memory is what the second collection remembers, and goes by instead of reading what the roots reach.
type Memory int

// The memories.
const (
	NoMemory Memory = iota // it reads
	Nothing                // as if nothing was reached
	TooMuch                // as if everything was reached
)

// A Setup says who takes part and what may happen.
type Setup struct {
	Rules Rule
	// Parents are the recovery points that the writers, two at most, write against: 0 is the first recovery point, 1 that of
	// the first writer, and -1 stands for none.
	Parents    []int
	Collectors int
	Rounds     int8  // collections of each
	Late       int8  // which of them, from 0, the first collection is in that sleeps at first
	Deletes    []int // recovery points that are deleted, in this order
	Renew      bool  // writers renew their leases
	Compact    bool  // collections move what is reached to a new pack
	Memory     Memory
	Begin      Beginning
	Crashes    int8
	Skew       [processes]int8 // by which each clock is fast: two writers, two collectors, the deleter
	Lease      int8
	Margin     int8
	Hasty      bool // times are stored in the moment they are taken
	End        int8 // the last moment
}

func (u *Setup) is(r Rule) bool { return u.Rules&r != 0 }

// zeroHour keeps times positive: clocks may be slow, and margins are subtracted.
const zeroHour = 9

func (u *Setup) clock(s *State, p int) int8 { return s.now + u.Skew[p] + zeroHour }

// initial is how the setup begins.
func (u *Setup) initial() State {
	s := State{crashes: u.Crashes}
	s.packs.add(0)
	s.index.add(0)
	s.names[0].add(0)
	for p := range s.procs {
		takesPart := p < len(u.Parents) || p >= firstCollector && p < firstCollector+u.Collectors || p == deleter && len(u.Deletes) > 0
		if !takesPart {
			s.procs[p].at = done
		}
	}
	if u.Begin == Settled || u.Begin == Regained {
		s.points.add(0)
		s.acked.add(0)
	}
	switch u.Begin {
	case Garbage, Regained:
		s.tombs[0].add(1)
	case Gone:
		s.packs.remove(0)
	case LateTomb:
		c := &s.procs[firstCollector]
		*c = process{at: cMark, round: u.Late, start: 1, end: 1 + u.Lease, stamp: 1, stamped: true, horizon: 1, tombs: [packSlots]int8{-1, -1, -1, -1, -1}}
		c.listed.add(0)
	case Orphan:
		s.now = 2
		w := &s.procs[firstWriter]
		*w = process{at: wConfirm, start: zeroHour, end: zeroHour + 2}
		s.leases[firstWriter].add(w.end)
		s.acked.add(0)
		s.trash[0].add(zeroHour)
		s.tombs[0].add(1)
	case HalfDeleted:
		s.now = 2
		s.points.add(0)
		s.acked.add(0)
		s.trash[0].add(zeroHour)
		s.tombs[0].add(1)
		s.procs[deleter].at = dPoint
	case AtWork:
		w := &s.procs[firstWriter]
		*w = process{at: wConfirm, start: 1, end: zeroHour}
		w.relies.add(0)
		s.leases[firstWriter].add(w.end)
		s.tombs[0].add(3)
	}
	return s
}
