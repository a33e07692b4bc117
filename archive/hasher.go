package archive

import (
	"sync"

	"github.com/zeebo/blake3"
)

// A hasherPool gives hashes of one key. All that it made are known, so that the key in them can be overwritten.
type hasherPool struct {
	key  []byte
	pool sync.Pool

	mu  sync.Mutex // guards all
	all []*blake3.Hasher
}

// get gives a hash that has taken nothing yet.
func (p *hasherPool) get() *blake3.Hasher {
	h, _ := p.pool.Get().(*blake3.Hasher)
	if h == nil {
		h = newHasher(p.key)
		p.mu.Lock()
		p.all = append(p.all, h)
		p.mu.Unlock()
	}
	h.Reset()
	return h
}

func (p *hasherPool) put(h *blake3.Hasher) { p.pool.Put(h) }

func (p *hasherPool) wipe() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, h := range p.all {
		*h = blake3.Hasher{}
	}
	p.all = nil
}
