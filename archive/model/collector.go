package model

// The steps of a collection.
const (
	cLease step = iota
	cExpired
	cEndLease
	cLeases
	cLeasesEnd
	cLeasesAgain
	cLeasesAgainEnd
	cBackdate
	cEarlyTombs
	cPoints
	cTrash
	cTombs
	cIndex
	cReach
	cConfirm
	cTombsAgain
	cPacks
	cPeace
	cPeaceEnd
	cPeaceAgain
	cPeaceAgainEnd
	cSpare
	cSuperseded
	cClear
	cMerge
	cRemove
	cMovePack
	cMoveIndex
	cMoveTomb
	cMark
	cThrow
	cRelease
	eConfirm
	eTombs
	ePacks
	eIndexes
)

var collectorSteps = []string{
	"takes a lease", "lists leases that ran out", "ends a lease", "begins to list the leases", "has listed the leases", "begins to list the leases again",
	"has listed the leases again", "dates its lease back", "lists the tombs", "lists the recovery points", "lists the trash", "reads the tombs for the index", "reads the index",
	"reads what the roots reach", "confirms its lease", "lists the tombs again", "lists the packs",
	"begins to list the leases before it spares", "has listed the leases before it spares", "begins to list the leases again before it spares", "has listed the leases again before it spares", "spares packs", "drops superseded index objects", "clears tombs", "merges the index",
	"removes a pack", "moves a pack's content", "indexes what it moved", "gives the moved pack a tomb", "gives a pack a tomb", "empties the trash", "releases its lease",
	"confirms its lease, as the domain is empty", "lists the tombs of an empty domain", "lists the packs of an empty domain", "deletes the index of an empty domain",
}

// collector does a collection's next step.
func (u *Setup) collector(s *State, p int) {
	c := &s.procs[p]
	switch c.at {
	case cLease, cExpired, cEndLease, cLeases, cLeasesEnd, cLeasesAgain, cLeasesAgainEnd, cBackdate:
		u.leases(s, p)
	case cEarlyTombs, cPoints, cTrash, cTombs, cIndex, cReach, cConfirm, eConfirm, cTombsAgain, cPacks:
		u.survey(s, p)
	case cPeace, cPeaceEnd, cPeaceAgain, cPeaceAgainEnd:
		u.peace(s, p)
	case cSpare, cClear, cMerge, cSuperseded, cRemove:
		u.sweep(s, p)
	case cMovePack, cMoveIndex, cMoveTomb, cMark:
		u.mark(s, p)
	case eTombs, ePacks, eIndexes:
		u.empty(s, p)
	case cThrow:
		for i := range c.thrown {
			s.trash[i] &^= c.thrown[i]
		}
		c.at = cRelease
	case cRelease:
		u.release(s, p)
		round := c.round + 1
		*c = process{round: round}
		if round == u.Rounds {
			*c = process{at: done}
		}
	}
}

// leases takes the collection's own lease and finds the horizon.
func (u *Setup) leases(s *State, p int) {
	c := &s.procs[p]
	switch c.at {
	case cLease:
		u.takeLease(s, p)
		c.at = cExpired
	case cExpired:
		c.clock = u.clock(s, p)
		if !u.is(LeasesBeforePoints) {
			c.roots = s.points
		}
		for i := range s.leases {
			c.expired[i] = s.leases[i].before(c.clock - u.Margin)
		}
		c.at = cEndLease
		u.skipEnding(c)
	case cEndLease:
		for i := range c.expired {
			if end := c.expired[i].latest(); end >= 0 {
				c.expired[i].remove(end)
				s.leases[i].remove(end)
				break
			}
		}
		u.skipEnding(c)
	case cLeases, cLeasesAgain:
		if !u.Renew {
			c.known = s.leases
			u.findHorizon(s, p)
			return
		}
		if c.at == cLeases {
			c.next = u.clock(s, p)
		}
		c.seen = s.leases
		c.at++
	case cLeasesEnd, cLeasesAgainEnd:
		again := c.at == cLeasesAgainEnd
		for i := range c.seen { // what came or went meanwhile may not be listed
			c.known[i] |= c.seen[i] & s.leases[i]
		}
		c.seen = [deleter]stamps{}
		c.at = cLeasesAgain
		if again && u.is(LeasesTwice) && c.next != u.clock(s, p) {
			c.at = cLeases // it took so long that a lease may have been renewed in both
		} else if again || !u.is(LeasesTwice) {
			c.next = 0
			u.findHorizon(s, p)
		}
	case cBackdate:
		c.start = min(c.start, c.horizon+u.Margin)
		u.listRoots(c)
	}
}

func (u *Setup) skipEnding(c *process) {
	if c.expired == [deleter]stamps{} {
		c.at = cLeases
	}
}

func (u *Setup) findHorizon(s *State, p int) {
	c := &s.procs[p]
	c.horizon = c.clock
	for i := range c.known {
		if c.known[i] != 0 && u.is(HorizonOfLeases) {
			c.horizon = min(c.horizon, s.procs[i].start)
		}
	}
	c.horizon -= u.Margin
	c.known, c.clock = [deleter]stamps{}, 0
	if c.at = cBackdate; !u.is(HorizonInLease) || c.horizon+u.Margin >= c.start {
		u.listRoots(c)
	}
}

func (u *Setup) listRoots(c *process) {
	c.at = cPoints
	if u.is(TombsBeforePoints) {
		c.at = cEarlyTombs
	} else if !u.is(PointsBeforeTrash) {
		c.at = cTrash
	}
}

// survey reads what there is and what the roots reach.
func (u *Setup) survey(s *State, p int) {
	c := &s.procs[p]
	switch c.at {
	case cEarlyTombs:
		u.readTombs(s, c)
		c.at = cPoints
		if !u.is(PointsBeforeTrash) {
			c.at = cTrash
		}
	case cPoints:
		if u.is(LeasesBeforePoints) {
			c.roots = s.points | c.roots
		}
		c.at = cTrash
		if !u.is(PointsBeforeTrash) {
			u.afterRoots(c)
		}
	case cTrash:
		for i := range s.trash {
			c.thrown[i] = s.trash[i].before(c.horizon)
			if s.trash[i]&^c.thrown[i] != 0 && u.is(TrashCounts) {
				c.roots.add(i)
			}
		}
		c.at = cPoints
		if u.is(PointsBeforeTrash) {
			u.afterRoots(c)
		}
	case cTombs:
		c.tombed = s.tombed()
		c.at = cIndex
	case cIndex:
		c.files, c.named = s.effective()
		c.at = cReach
	case cReach:
		for i := range pointSlots {
			if c.roots.has(i) && !s.points.has(i) && s.trash[i] == 0 {
				if c.roots.remove(i); u.is(RootsLast) {
					*c = process{at: cRelease, round: c.round, start: c.start, end: c.end}
					return
				}
			}
		}
		if u.remembers(p) {
			c.live, c.missing = 0, false
			if u.Memory == TooMuch {
				c.live = c.named
			}
		} else if stays := c.named &^ c.tombed; c.roots != 0 && stays != 0 {
			c.live.add(stays.first())
		} else if c.roots != 0 && c.named != 0 {
			c.live.add(c.named.first())
		} else if c.roots != 0 {
			c.missing = true
		}
		c.roots, c.tombed = 0, 0
		if c.at = cConfirm; !u.is(ConfirmRoots) {
			u.afterReach(c)
		}
	case cConfirm, eConfirm:
		switch {
		case !s.confirmed(p):
			*c = process{at: cRelease, round: c.round, start: c.start, end: c.end}
		case c.at == cConfirm:
			u.afterReach(c)
		default:
			u.beginEmpty(c)
		}
	case cTombsAgain:
		u.readTombs(s, c)
		c.at = cPacks
	case cPacks:
		c.listed = s.packs
		c.at = cSuperseded
		for i := range packSlots {
			if c.live.has(i) && c.tombs[i] >= 0 && c.at == cSuperseded && (!u.remembers(p) || !u.is(MemoryKeepsTombs)) {
				if c.at = cSpare; u.is(SpareInPeace) {
					c.at = cPeace
				}
			}
		}
	}
}

// peace finds out, before packs are spared, who is at work.
func (u *Setup) peace(s *State, p int) {
	c := &s.procs[p]
	switch c.at {
	case cPeace, cPeaceAgain:
		if !u.Renew {
			c.known = s.leases
			u.newest(s, p)
			return
		}
		if c.at == cPeace {
			c.next = u.clock(s, p)
		}
		c.seen = s.leases
		c.at++
	case cPeaceEnd, cPeaceAgainEnd:
		again := c.at == cPeaceAgainEnd
		for i := range c.seen {
			c.known[i] |= c.seen[i] & s.leases[i]
		}
		c.seen = [deleter]stamps{}
		c.at = cPeaceAgain
		if again && c.next != u.clock(s, p) {
			c.at = cPeace
		} else if again {
			c.next = 0
			u.newest(s, p)
		}
	}
}

// newest notes when the one began who began last.
func (u *Setup) newest(s *State, p int) {
	c := &s.procs[p]
	for i := range c.known {
		if c.known[i] != 0 && i != p {
			c.newest = max(c.newest, s.procs[i].start)
		}
	}
	c.known, c.at = [deleter]stamps{}, cSpare
}

func (u *Setup) afterRoots(c *process) {
	c.at = cTombs
	if c.roots == 0 {
		if c.at = eConfirm; !u.is(ConfirmRoots) {
			u.beginEmpty(c)
		}
	}
}

func (u *Setup) beginEmpty(c *process) {
	c.at = eTombs
	if u.is(TombsBeforePoints) {
		c.at = ePacks
	}
}

func (u *Setup) afterReach(c *process) {
	c.at = cTombsAgain
	if u.is(TombsBeforePoints) {
		c.at = cPacks
	}
}

func (u *Setup) readTombs(s *State, c *process) {
	for i := range s.tombs {
		c.tombs[i] = s.tombs[i].latest()
	}
}

// remembers tells whether a collection goes by what it remembers.
func (u *Setup) remembers(p int) bool { return u.Memory != NoMemory && p > firstCollector }

// removable tells whether a pack has been garbage for long enough.
func (u *Setup) removable(p, i int, c *process) bool {
	if u.remembers(p) && c.at != ePacks && u.is(MemoryRemovesNothing) {
		return false
	}
	return (c.tombs[i] >= 0 || !u.is(TombsAtAll)) && (c.tombs[i] < c.horizon || !u.is(WaitForTombs))
}

func (c *process) spared(i int) bool { return c.missing && !c.named.has(i) }

// sweep removes what was garbage long ago.
func (u *Setup) sweep(s *State, p int) {
	c := &s.procs[p]
	switch c.at {
	case cSpare:
		for i := range packSlots {
			if c.live.has(i) && c.tombs[i] >= 0 && c.newest <= c.tombs[i] {
				s.tombs[i].remove(c.tombs[i])
				c.tombs[i] = -1
			}
		}
		c.newest = 0
		c.at = cSuperseded
	case cClear:
		if s.index == c.files {
			for i := range packSlots {
				if c.tombs[i] >= 0 && !c.listed.has(i) && !c.named.has(i) && c.tombs[i] < c.horizon {
					s.tombs[i].remove(c.tombs[i])
					c.tombs[i] = -1
				}
			}
		}
		for i := range packSlots {
			if c.listed.has(i) && u.removable(p, i, c) && !c.spared(i) && !c.live.has(i) {
				c.garbage.add(i)
			}
		}
		c.at = cMerge
	case cMerge:
		u.merge(s, p)
	case cSuperseded:
		var old set
		for i := range indexSlots {
			if s.index.has(i) && s.made[i] < c.horizon {
				old |= s.over[i]
			}
		}
		s.index &^= old
		c.at = cClear
	case cRemove:
		s.packs.remove(c.garbage.first())
		c.garbage.remove(c.garbage.first())
		u.skipRemoving(c)
	}
}

// merge stores an index without what goes.
func (u *Setup) merge(s *State, p int) {
	c := &s.procs[p]
	var keep set
	for i := range packSlots {
		stays := c.listed.has(i) && (c.live.has(i) || !u.removable(p, i, c))
		if c.named.has(i) && (stays || !c.listed.has(i) && s.packMade[i] >= c.horizon) {
			keep.add(i)
		}
	}
	c.at = cRemove
	defer u.skipRemoving(c)
	if keep == c.named {
		return
	}
	slot := 3 + 2*(p-firstCollector) + int(min(c.round, 1))
	s.index.add(slot)
	s.made[slot] = u.clock(s, p)
	s.names[slot] = keep
	s.over[slot] = c.files
	for i := range indexSlots {
		if c.files.has(i) {
			s.over[slot] |= s.over[i] & s.index
		}
	}
}

func (u *Setup) skipRemoving(c *process) {
	if c.garbage != 0 {
		return
	}
	c.at = cMovePack
	if !u.Compact || c.round > 0 {
		c.at = cMark
	}
}

// mark compacts, and gives tombs to what is garbage now.
func (u *Setup) mark(s *State, p int) {
	c := &s.procs[p]
	moved := packSlots - 2 + p - firstCollector
	from := c.live.first()
	switch c.at {
	case cMovePack:
		c.at = cMark
		if c.live == 0 || c.tombs[from] >= 0 || !c.listed.has(from) || s.packMade[from] >= c.horizon || s.packs.has(moved) {
			return
		}
		if !s.packs.has(from) {
			c.at = cRelease // it fails
			return
		}
		s.packs.add(moved)
		s.packMade[moved] = u.clock(s, p)
		c.at = cMoveIndex
	case cMoveIndex:
		slot := indexSlots - 2 + p - firstCollector
		s.index.add(slot)
		s.made[slot] = u.clock(s, p)
		s.names[slot].add(moved)
		c.at = cMoveTomb
	case cMoveTomb:
		if u.tomb(s, p, from) {
			c.at = cMark
		}
	case cMark:
		for i := range packSlots {
			young := s.packMade[i] >= c.horizon
			if c.listed.has(i) && c.tombs[i] < 0 && !c.live.has(i) && !young && !c.spared(i) {
				u.tomb(s, p, i)
				return
			}
		}
		*c = process{at: cThrow, round: c.round, start: c.start, end: c.end, lost: c.lost, thrown: c.thrown}
		if c.thrown == [pointSlots]stamps{} {
			c.at = cRelease
		}
	}
}

// tomb takes the time, and then stores the tomb.
func (u *Setup) tomb(s *State, p, pack int) bool {
	c := &s.procs[p]
	if !c.stamped {
		c.stamp, c.stamped = u.clock(s, p), true
		if !u.Hasty {
			return false
		}
	}
	s.tombs[pack].add(c.stamp)
	c.tombs[pack] = c.stamp
	c.stamp, c.stamped = 0, false
	return true
}

// empty collects a domain without roots.
func (u *Setup) empty(s *State, p int) {
	c := &s.procs[p]
	switch c.at {
	case eTombs:
		u.readTombs(s, c)
		c.at = ePacks
	case ePacks:
		c.listed = s.packs
		for i := range packSlots {
			if c.listed.has(i) && u.removable(p, i, c) {
				c.garbage.add(i)
			}
		}
		c.at = eIndexes
		if c.garbage != c.listed {
			c.garbage = 0
			c.at = cMark
		}
	case eIndexes:
		for i := range indexSlots {
			if s.index.has(i) && s.made[i] < c.horizon {
				s.index.remove(i)
			}
		}
		if s.index == 0 && c.garbage == 0 {
			for i := range packSlots {
				if c.tombs[i] >= 0 && c.tombs[i] < c.horizon && !c.listed.has(i) {
					s.tombs[i].remove(c.tombs[i])
				}
			}
		}
		c.at = cRemove
		if c.garbage == 0 {
			c.at = cMark
		}
	}
}
