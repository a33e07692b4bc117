package archive

import (
	"context"
	"slices"
	"sync"
)

// A Budget bounds how many bytes writers, copies and restores hold in memory on their way, of all the vaults that share it. Each takes
// what it may come to hold before it begins, all at once and never a second time, so that none waits for another while it keeps
// something back. Who waits is let in in the order of arrival. A nil Budget bounds nothing.
type Budget struct {
	size int64

	mu      sync.Mutex // guards the rest
	held    int64
	most    int64
	waiting []*claimed
}

// claimed is what somebody waits for.
type claimed struct {
	bytes   int64
	granted chan struct{}
}

// NewBudget makes a budget of so many bytes.
func NewBudget(bytes int64) *Budget { return &Budget{size: max(1, bytes)} }

// Take waits until so many bytes are free and takes them. Who wants more than there are in all waits until nobody has any, and counts as
// having all. giveBack may be called more than once.
func (b *Budget) Take(ctx context.Context, bytes int64) (giveBack func(), err error) {
	if b == nil {
		return func() {}, ctx.Err()
	}
	c := &claimed{bytes: max(0, min(bytes, b.size)), granted: make(chan struct{})}
	b.mu.Lock()
	b.waiting = append(b.waiting, c)
	b.admit()
	b.mu.Unlock()
	giveBack = sync.OnceFunc(func() { b.giveBack(c) })
	select {
	case <-c.granted:
		return giveBack, nil
	default:
	}
	if told, ok := ctx.Value(waitingKey{}).(func(waiting bool)); ok {
		told(true)
		defer told(false)
	}
	select {
	case <-c.granted:
		return giveBack, nil
	case <-ctx.Done():
		giveBack()
		return nil, ctx.Err()
	}
}

type waitingKey struct{}

// WithWaiting returns a context by which told is called when whoever takes of a budget has to wait, and again when that is over. It is
// called by the goroutine that waits.
func WithWaiting(ctx context.Context, told func(waiting bool)) context.Context {
	return context.WithValue(ctx, waitingKey{}, told)
}

// admit lets in who comes first, as long as there is room; b.mu is held. What somebody owes may be more than there is.
func (b *Budget) admit() {
	for len(b.waiting) > 0 && (b.held == 0 || b.held+b.waiting[0].bytes <= b.size) {
		c := b.waiting[0]
		b.waiting = b.waiting[1:]
		b.held += c.bytes
		b.most = max(b.most, b.held)
		close(c.granted)
	}
}

// giveBack ends a claim, granted or not.
func (b *Budget) giveBack(c *claimed) {
	b.mu.Lock()
	defer b.mu.Unlock()
	select {
	case <-c.granted:
		b.held -= c.bytes
	default:
		b.waiting = slices.DeleteFunc(b.waiting, func(other *claimed) bool { return other == c })
	}
	b.admit()
}

// owe takes more without waiting: for who holds something already, and would keep it from others while it waits.
func (b *Budget) owe(bytes int64) (giveBack func()) {
	if b == nil {
		return func() {}
	}
	c := &claimed{bytes: bytes, granted: make(chan struct{})}
	close(c.granted)
	b.mu.Lock()
	defer b.mu.Unlock()
	b.held += bytes
	b.most = max(b.most, b.held)
	return func() { b.giveBack(c) }
}

// Held tells how many bytes are taken now, and how many were at most.
func (b *Budget) Held() (now, most int64) {
	if b == nil {
		return 0, 0
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.held, b.most
}

// Budget is what the vault shares with others; it may be nil.
func (v *Vault) Budget() *Budget { return v.opts.Budget }

// littleHeld is what a writer of next to nothing holds: the slab after the first, and what goroutines have.
const littleHeld = 8 << 20

// sinkHolds is what a sink comes to hold: packs being filled and stored, of data and of nodes.
func (v *Vault) sinkHolds() int64 {
	return openPacks * int64(v.opts.PackSize+min(v.opts.PackSize, treePackSize))
}

// writerHolds is what a writer comes to hold: slabs, packs, and for each worker what it reads and what it compresses into; of a volume also the chunks of
// the parent that are being compared, and pieces that wait for company. Of what is short it is less, since all that grows with need.
func (v *Vault) writerHolds(o *WriteOptions) int64 {
	workers := int64(v.opts.Workers)
	all := (workers+2)*slabSize + v.sinkHolds() + 2*workers*maxChunk
	if o.Kind == Volume {
		if o.Parent != "" {
			all += workers * int64(len(chunkCache{}.held)) * maxChunk
		}
		all += (workers + 1) * fullPack
	}
	if o.Expected > 0 {
		all = min(all, littleHeld+5*o.Expected)
	}
	return all + o.Holds
}

// copyHolds is what a copy comes to hold: packs, and for each worker a chunk as it lies and as it is.
func (v *Vault) copyHolds(expected uint64) int64 {
	return min(v.sinkHolds()+int64(v.opts.Workers)*2*maxChunk, littleHeld+5*int64(min(expected, 1<<40)))
}

// volumeHolds is what a restore of a volume holds: chunks as they lie and as they are, and the spans of a window.
func (v *Vault) volumeHolds(expected uint64) int64 {
	return min(2*int64(v.opts.Workers)*2*maxChunk+windowHolds, littleHeld+2*int64(min(expected, 1<<40)))
}

// Hold takes what a restore of the recovery point holds that reads with so many readers at a time, and up to so many bytes that the
// caller holds besides; of a short one that is less. Whoever holds must not begin to write into an archive before giving back.
func (p *Point) Hold(ctx context.Context, readers int, besides int64) (giveBack func(), err error) {
	content := 2 * int64(min(p.m.root.size, 1<<40))
	bytes := min(int64(readers)*int64(p.d.vault.opts.ReadAhead), content) + min(besides, content)
	return p.d.vault.opts.Budget.Take(ctx, littleHeld/8+bytes)
}

// holding is what a [Writer] has taken of the vault's budget.
type holding struct {
	budget   *Budget
	bytes    int64
	expected int64
	giveBack []func()
}

// hold takes what the writer may come to hold.
func (v *Vault) hold(ctx context.Context, o *WriteOptions) (*holding, error) {
	h := &holding{budget: v.opts.Budget, bytes: v.writerHolds(o), expected: o.Expected}
	giveBack, err := h.budget.Take(ctx, h.bytes)
	h.giveBack = append(h.giveBack, giveBack)
	return h, err
}

// outgrew notes that there is more content than was expected, after which the writer holds what one does that expects nothing.
func (h *holding) outgrew(v *Vault, o *WriteOptions, bytes int64) {
	if h.expected == 0 || bytes <= h.expected {
		return
	}
	h.expected = 0
	unknown := *o
	unknown.Expected = 0
	h.giveBack = append(h.giveBack, h.budget.owe(v.writerHolds(&unknown)-h.bytes))
}

// grew counts content that is about to be held.
func (w *Writer) grew(bytes int) {
	w.put += int64(bytes)
	w.took.outgrew(w.d.vault, &w.opts, w.put)
}

// end gives everything back.
func (h *holding) end() {
	for _, giveBack := range h.giveBack {
		giveBack()
	}
	h.giveBack = nil
}
