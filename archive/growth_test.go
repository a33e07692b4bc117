package archive_test

import (
	"context"
	"fmt"
	"iter"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"strongroom/archive"
)

// TestLongJob stores more blobs than an index object tells of, each twice: the job writes index objects on its way, and knows
// what it has stored from them.
func TestLongJob(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	w := newWorld(&archive.Mem{})
	d := openDomain(t, w.vault, w.ring)
	const objects = 70_000
	writer, err := d.NewWriter(ctx, archive.WriteOptions{Point: "long", Kind: archive.Objects})
	if err != nil {
		t.Fatal(err)
	}
	defer writer.Abort()
	for i := range 2 * objects {
		content := fmt.Sprintf("%08d", i%objects)
		if err := writer.Put(ctx, fmt.Appendf(nil, "%08d", i), nil, strings.NewReader(content), 8); err != nil {
			t.Fatal(err)
		}
	}
	early := len(w.names(t, "index/"))
	summary, err := writer.Commit(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if early == 0 {
		t.Error("the job told of nothing before its end")
	}
	if summary.NewBytes != 8*objects || summary.Entries != 2*objects {
		t.Errorf("%d bytes are new of %d objects, not %d of %d", summary.NewBytes, summary.Entries, 8*objects, 2*objects)
	}
	if again := write(t, d, "again", "", map[string][]byte{"a": []byte("00000007"), "b": []byte("00069999")}); again.NewBytes != 0 {
		t.Errorf("%d bytes are stored again", again.NewBytes)
	}
}

// A counter counts what is asked of a store.
type counter struct {
	archive.Store
	requests, listed atomic.Int64
}

func (c *counter) Create(ctx context.Context, name string, data []byte) error {
	c.requests.Add(1)
	return c.Store.Create(ctx, name, data)
}

func (c *counter) ReadAt(ctx context.Context, name string, p []byte, off int64) (int, error) {
	c.requests.Add(1)
	return c.Store.ReadAt(ctx, name, p, off)
}

func (c *counter) List(ctx context.Context, prefix string) iter.Seq2[archive.ObjectInfo, error] {
	c.requests.Add(1)
	return func(yield func(archive.ObjectInfo, error) bool) {
		for info, err := range c.Store.List(ctx, prefix) {
			c.listed.Add(1)
			if !yield(info, err) {
				return
			}
		}
	}
}

func (c *counter) Delete(ctx context.Context, name string) error {
	c.requests.Add(1)
	return c.Store.Delete(ctx, name)
}

// TestRequestsStayFlat counts what an incremental backup, and a deletion, ask of the store with few recovery points and with
// many, of which none is collected but a day's worth at a time.
func TestRequestsStayFlat(t *testing.T) {
	t.Parallel()
	store := &counter{Store: &archive.Mem{}}
	w := newWorld(store)
	d := openDomain(t, w.vault, w.ring)
	objects := map[string][]byte{}
	for i := range 500 {
		objects[fmt.Sprintf("%03d", i)] = random(uint64(i), 100)
	}
	write(t, d, "0", "", objects)
	requests, listed := map[int][2]int64{}, map[int]int64{}
	for n := 1; n <= 240; n++ {
		from, fromListed := store.requests.Load(), store.listed.Load()
		write(t, d, strconv.Itoa(n), strconv.Itoa(n-1), map[string][]byte{"007": random(uint64(1000+n), 100)})
		written := store.requests.Load()
		listed[n] = store.listed.Load() - fromListed
		if n%80 == 79 {
			if err := w.vault.Delete(t.Context(), d.Info().ID, strconv.Itoa(n-5)); err != nil {
				t.Fatal(err)
			}
		}
		requests[n] = [2]int64{written - from, store.requests.Load() - written}
		if w.clock.Advance(time.Hour); n%24 == 0 {
			w.collect(t)
		}
	}
	if few, many := requests[79], requests[239]; few[0] != many[0] || few[1] != many[1] {
		t.Errorf("a backup and a deletion ask %d times with 80 recovery points and %d with 240", few, many)
	}
	if listed[239] > listed[79]+32 || listed[239] > 200 {
		t.Errorf("a backup lists %d names with 80 recovery points, and %d with 240", listed[79], listed[239])
	}
	w.reopen()
	from := store.requests.Load()
	d = openDomain(t, w.vault, w.ring)
	write(t, d, "last", "239", map[string][]byte{"007": random(1, 101)})
	if cold := store.requests.Load() - from; cold > requests[239][0]+100 {
		t.Errorf("a backup in a new process asks %d times, and one in an old process %d", cold, requests[239][0])
	}
}

// BenchmarkSmallIncremental writes two objects of 200, as very many jobs do: what it costs is what any job costs.
func BenchmarkSmallIncremental(b *testing.B) {
	w := newWorld(&archive.Mem{})
	w.pack = 16 << 20
	w.reopen()
	d, err := w.vault.Domain(b.Context(), "key", w.ring)
	if err != nil {
		b.Fatal(err)
	}
	put := func(point, parent string, n, step int) {
		wr, err := d.NewWriter(b.Context(), archive.WriteOptions{Point: point, Parent: parent, Kind: archive.Objects})
		if err != nil {
			b.Fatal(err)
		}
		objects := map[string][]byte{}
		for i := n % step; i < 200; i += step {
			objects[strconv.Itoa(i)] = random(uint64(n*200+i), 1000)
		}
		if err := putAll(b.Context(), wr, objects); err != nil {
			b.Fatal(err)
		}
		if _, err := wr.Commit(b.Context()); err != nil {
			b.Fatal(err)
		}
	}
	put("0", "", 0, 1)
	b.ResetTimer()
	for i := 1; i <= b.N; i++ {
		put(strconv.Itoa(i), strconv.Itoa(i-1), i, 100)
	}
}
