package model

// A step is where a process stands: what it does next.
type step uint8

// done is where whoever has ended stands; 0 is where all begin.
const done step = 255

// The steps of a writer.
const (
	wLease step = iota
	wTombs
	wIndex
	wParent
	wPack
	wStoreIndex
	wStillThere
	wConfirm
	wManifest
	wConfirmAfter
	wLookAgain
	wLookForPacks
	wLookAtParent
	wParentsTrash
	wUndo
	wRelease
)

var writerSteps = []string{
	"takes a lease", "lists the tombs", "reads the index", "reads its parent or looks for its content", "stores a pack", "stores an index",
	"looks for the packs", "confirms its lease", "stores the manifest", "confirms its lease again", "looks at the tombs again", "looks for the packs again", "looks for its parent",
	"looks for its parent in the trash", "deletes its manifest", "releases its lease",
}

// writer does a writer's next step.
func (u *Setup) writer(s *State, p int) {
	w := &s.procs[p]
	point := 1 + p
	switch w.at {
	case wLease:
		if u.is(LeaseFirst) {
			u.takeLease(s, p)
		}
		w.at = wTombs
		if !u.is(TombsBeforeIndex) {
			w.at = wIndex
		}
	case wTombs:
		w.tombed = s.tombed()
		w.at = wIndex
		if !u.is(TombsBeforeIndex) {
			w.at = wParent
		}
	case wIndex:
		_, w.named = s.effective()
		w.at = wParent
		if !u.is(TombsBeforeIndex) {
			w.at = wTombs
		}
	case wParent:
		if !u.is(LeaseFirst) {
			u.takeLease(s, p)
		}
		w.at = u.content(s, w, u.Parents[p])
		w.tombed, w.named = 0, 0
	case wPack:
		if !w.stamped {
			w.stamp, w.stamped = u.clock(s, p), true
			if !u.Hasty {
				return
			}
		}
		s.packs.add(1 + p)
		s.packMade[1+p] = w.stamp
		w.stamp, w.stamped = 0, false
		w.at = wStoreIndex
	case wStoreIndex:
		s.index.add(1 + p)
		s.made[1+p] = u.clock(s, p)
		s.names[1+p].add(1 + p)
		w.at = wConfirm
	case wStillThere:
		w.at = wConfirm
		if w.relies&^s.packs != 0 {
			w.at = wRelease
		}
	case wConfirm:
		w.at = wManifest
		if !s.confirmed(p) {
			w.at = wRelease
		}
	case wManifest:
		s.points.add(point)
		w.at = wConfirmAfter
	case wConfirmAfter:
		w.at = wLookAgain
		if u.is(ConfirmAfter) && !s.confirmed(p) {
			w.at = wUndo
		}
		u.acknowledge(s, p)
	case wLookAgain:
		w.at = wLookForPacks
		for i := range packSlots {
			old := s.tombs[i].before(w.start) != 0
			if !u.is(AnyOldTomb) {
				old = s.tombs[i] != 0 && s.tombs[i].latest() < w.start
			}
			if w.relies.has(i) && old {
				w.at = wUndo
			}
		}
		u.acknowledge(s, p)
	case wLookForPacks:
		w.at = wLookAtParent
		if w.relies&^s.packs != 0 {
			w.at = wUndo
		}
		u.acknowledge(s, p)
	case wLookAtParent:
		w.at = wRelease
		if !s.points.has(u.Parents[p]) {
			w.at = wParentsTrash
		}
		u.acknowledge(s, p)
	case wParentsTrash:
		w.at = wUndo
		if s.trash[u.Parents[p]].latest() >= w.start {
			w.at = wRelease
		}
		u.acknowledge(s, p)
	case wUndo:
		s.points.remove(point)
		w.at = wRelease
	case wRelease:
		u.release(s, p)
		*w = process{at: done}
	}
}

// acknowledge goes over the looks that there is no need for, or that the protocol does not have. After the last the writer's
// caller hears that the recovery point is there.
func (u *Setup) acknowledge(s *State, p int) {
	w := &s.procs[p]
	if w.at == wLookAgain && (!u.is(LookAgain) || w.relies == 0) {
		w.at = wLookForPacks
	}
	if w.at == wLookForPacks && (!u.is(LookForPacks) || w.relies == 0) {
		w.at = wLookAtParent
	}
	if w.at == wLookAtParent && (!u.is(LookAtParent) || u.Parents[p] < 0) {
		w.at = wRelease
	}
	if w.at == wRelease {
		s.acked.add(1 + p)
	}
}

// content finds the content by the parent, or in the index, or has it stored.
func (u *Setup) content(s *State, w *process, parent int) step {
	if parent >= 0 {
		// Callers name what was acknowledged: what was not may lack content, and its writer may take it back.
		if s.points.has(parent) && (s.acked.has(parent) || !u.is(AcknowledgedParents)) {
			return wConfirm
		}
		return wRelease
	}
	stays := w.named
	if u.is(HeedTombs) {
		stays &^= w.tombed
	}
	if stays == 0 {
		return wPack
	}
	w.relies.add(stays.first())
	if u.is(StillThere) {
		return wStillThere
	}
	return wConfirm
}

func (u *Setup) takeLease(s *State, p int) {
	l := &s.procs[p]
	l.start = u.clock(s, p)
	l.end = l.start + u.Lease
	s.leases[p].add(l.end)
}

func (u *Setup) release(s *State, p int) { s.leases[p].remove(s.procs[p].end) }

// confirmed looks whether the lease is there.
func (s *State) confirmed(p int) bool {
	l := &s.procs[p]
	if !l.lost && !s.leases[p].has(l.end) {
		l.lost = true
	}
	return !l.lost
}

// renew does the next step of renewing a lease, and tells whether there was one to do.
func (u *Setup) renew(s *State, p int) bool {
	l := &s.procs[p]
	switch {
	case l.renewing == 0:
		l.next = u.clock(s, p) + u.Lease
		if l.next == l.end || l.lost {
			return false
		}
		if !u.is(RenewFirst) {
			s.leases[p].remove(l.end)
			l.renewing = 3
			return true
		}
		s.leases[p].add(l.next)
		l.renewing = 1
	case l.renewing == 1:
		l.renewing = 2
		if u.is(RenewChecks) && !s.leases[p].has(l.end) {
			l.lost = true
			s.leases[p].remove(l.next)
			l.renewing = 0
		}
	case l.renewing == 2:
		s.leases[p].remove(l.end)
		l.end, l.renewing = l.next, 0
	case l.renewing == 3:
		s.leases[p].add(l.next)
		l.end, l.renewing = l.next, 0
	}
	return true
}

// The steps of a deletion.
const (
	dTrash step = iota
	dPoint
)

var deleterSteps = []string{"stores the manifest in the trash", "deletes the recovery point"}

// delete does the next step of the deletions.
func (u *Setup) delete(s *State) {
	d := &s.procs[deleter]
	point := u.Deletes[d.round]
	move := func() bool { // the trash
		if !d.stamped {
			d.stamp, d.stamped = u.clock(s, deleter), true
			if !u.Hasty {
				return false
			}
		}
		s.trash[point].add(d.stamp)
		d.stamp, d.stamped = 0, false
		return true
	}
	switch d.at {
	case dTrash:
		if !s.points.has(point) || !s.acked.has(point) {
			return // not there yet
		}
		if !u.is(TrashFirst) {
			s.points.remove(point)
		} else if !move() {
			return
		}
		d.at = dPoint
	case dPoint:
		if u.is(TrashFirst) {
			s.points.remove(point)
		} else if !move() {
			return
		}
		round := d.round + 1
		*d = process{round: round}
		if int(round) == len(u.Deletes) {
			*d = process{at: done}
		}
	}
}
