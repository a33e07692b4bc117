package main

import (
	"crypto/sha256"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"sync"
)

// A class tells what content is like.
type class int

const (
	text   class = iota // words of a small vocabulary in lines: compresses about threefold
	random              // does not compress
)

// content is an endless stream that its class and seed determine.
type content struct {
	class class
	seed  string
}

// reader gives the first size bytes.
func (c content) reader(size int64) io.Reader {
	source := newSource(c.seed)
	if c.class == random {
		return io.LimitReader(source, size)
	}
	return io.LimitReader(&prose{draw: rand.New(source)}, size)
}

// newSource gives the random numbers of a seed.
func newSource(seed string) *rand.ChaCha8 { return rand.NewChaCha8(sha256.Sum256([]byte(seed))) }

// words is the vocabulary of [prose].
var words = sync.OnceValue(func() []string {
	draw := rand.New(newSource("vocabulary"))
	list := make([]string, 6000)
	for i := range list {
		var w strings.Builder
		for range 1 + draw.IntN(4) {
			w.WriteByte("bcdfghjklmnprstvwz"[draw.IntN(18)])
			w.WriteByte("aeiouy"[draw.IntN(6)])
		}
		list[i] = w.String()
	}
	return list
})

// prose is lines of words, the frequent ones much more frequent than the rare, with a number here and there.
type prose struct {
	draw *rand.Rand
	rest []byte
	line []byte
}

// Read implements io.Reader.
func (p *prose) Read(buf []byte) (n int, err error) {
	for n < len(buf) {
		if len(p.rest) == 0 {
			p.rest = p.next()
		}
		got := copy(buf[n:], p.rest)
		n, p.rest = n+got, p.rest[got:]
	}
	return n, nil
}

func (p *prose) next() []byte {
	list := words()
	p.line = p.line[:0]
	for range 6 + p.draw.IntN(10) {
		if p.draw.IntN(12) == 0 {
			p.line = fmt.Appendf(p.line, "%d ", p.draw.IntN(100000))
			continue
		}
		u := p.draw.Float64()
		p.line = append(p.line, list[int(u*u*u*float64(len(list)))]...)
		p.line = append(p.line, ' ')
	}
	p.line[len(p.line)-1] = '\n'
	return p.line
}
