package archive_test

import (
	"bytes"
	"context"
	"math/rand/v2"
	"sync"
	"testing"

	"strongroom/archive"
	"strongroom/archive/archivetest"
)

// Writers and readers of several vaults work through one gate of one seat, and whoever holds the seat keeps them all waiting.
func TestVaultsShareAGate(t *testing.T) {
	t.Parallel()
	gate := archive.NewGate(1)
	text := bytes.Repeat([]byte("a text that compresses "), 10_000)
	var all sync.WaitGroup
	gate.Enter()
	for i := range 3 {
		d, err := archive.OpenVault(new(archive.Mem), "vault", archive.Options{Gate: gate, Workers: 2}).Domain(t.Context(), "key", archivetest.NewKeyring())
		if err != nil {
			t.Fatal(err)
		}
		all.Go(func() {
			w, err := d.NewWriter(t.Context(), archive.WriteOptions{Point: "p", Kind: archive.Objects})
			if err != nil {
				t.Error(err)
				return
			}
			draw := rand.New(rand.NewPCG(uint64(i), 0))
			for n := range 20 {
				if err := w.Put(t.Context(), []byte{byte(n)}, nil, bytes.NewReader(text[:len(text)-draw.IntN(1000)]), -1); err != nil {
					t.Error(err)
				}
			}
			if _, err := w.Commit(t.Context()); err != nil {
				t.Error(err)
				return
			}
			p, err := d.Open(context.WithoutCancel(t.Context()), "p")
			if err != nil {
				t.Error(err)
				return
			}
			for e, err := range p.Entries(t.Context(), nil) {
				if err != nil {
					t.Error(err)
					return
				}
				var back bytes.Buffer
				if _, err := e.Open(t.Context()).WriteTo(&back); err != nil || !bytes.HasPrefix(text, back.Bytes()) {
					t.Errorf("read back otherwise: %v", err)
				}
			}
		})
	}
	gate.Leave()
	all.Wait()
	gate.Enter() // nobody kept the seat
	gate.Leave()
}
