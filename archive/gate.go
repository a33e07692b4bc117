package archive

// A Gate lets a number of goroutines compress and decompress at a time, of all the vaults that share it. Who waits is let in in the
// order of arrival, chunk by chunk, so that jobs beside each other advance alike, whatever their sizes, and what else runs in the
// process does not queue up behind the workers of them all.
type Gate struct{ seats chan struct{} }

// NewGate makes a gate for n at a time.
func NewGate(n int) *Gate { return &Gate{make(chan struct{}, max(1, n))} }

// Enter waits for a seat, for other work that takes a processor as long as a chunk does. A nil gate has seats for all.
func (g *Gate) Enter() {
	if g != nil {
		g.seats <- struct{}{}
	}
}

// Leave gives the seat to who waits longest.
func (g *Gate) Leave() {
	if g != nil {
		<-g.seats
	}
}
