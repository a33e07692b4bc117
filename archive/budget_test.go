package archive_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"strongroom/archive"
	"strongroom/archive/archivetest"
)

// Who comes first is let in first, also where one behind would find room already.
func TestABudgetIsFair(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := archive.NewBudget(10)
		first, err := b.Take(t.Context(), 6)
		if err != nil {
			t.Fatal(err)
		}
		var order []int
		var mu sync.Mutex
		gives := map[int]func(){}
		for i, bytes := range []int64{8, 1, 100} { // the second would fit, the third is more than there is
			go func() {
				give, err := b.Take(t.Context(), bytes)
				if err != nil {
					t.Error(err)
				}
				mu.Lock()
				defer mu.Unlock()
				order, gives[i] = append(order, i), give
			}()
			synctest.Wait()
		}
		if len(order) > 0 {
			t.Fatalf("%v was let in before the first in the queue", order)
		}
		first()
		first() // once more is nothing
		synctest.Wait()
		if now, _ := b.Held(); now != 9 || len(order) != 2 {
			t.Fatalf("%v were let in and hold %d", order, now)
		}
		gives[0]()
		gives[1]()
		synctest.Wait()
		if now, most := b.Held(); now != 10 || most != 10 || len(order) != 3 {
			t.Fatalf("%v were let in and hold %d, at most %d", order, now, most)
		}
		gives[2]()
	})
}

// Who waits is told of it, and who need not wait is not.
func TestWhoWaitsForABudgetIsTold(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := archive.NewBudget(10)
		var told []bool
		ctx, stop := context.WithCancel(archive.WithWaiting(t.Context(), func(waiting bool) { told = append(told, waiting) }))
		defer stop()
		first, err := b.Take(ctx, 10)
		if err != nil || len(told) > 0 {
			t.Fatalf("%v; told %v", err, told)
		}
		for _, end := range []func(){first, stop} {
			told = nil
			go func() {
				if _, err := b.Take(ctx, 10); err != nil && ctx.Err() == nil {
					t.Error(err)
				}
			}()
			synctest.Wait()
			if len(told) != 1 || !told[0] {
				t.Fatalf("while it waits: told %v", told)
			}
			end()
			synctest.Wait()
			if len(told) != 2 || told[1] {
				t.Fatalf("when it is over: told %v", told)
			}
		}
	})
}

// Who gives up waiting lets those behind in.
func TestABudgetIsNotHeldByWhoGivesUp(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := archive.NewBudget(10)
		first, _ := b.Take(t.Context(), 6)
		impatient, giveUp := context.WithCancel(t.Context())
		refused, let := make(chan error, 1), make(chan func(), 1)
		go func() {
			_, err := b.Take(impatient, 9)
			refused <- err
		}()
		synctest.Wait()
		go func() {
			give, _ := b.Take(t.Context(), 4)
			let <- give
		}()
		synctest.Wait()
		giveUp()
		if err := <-refused; !errors.Is(err, context.Canceled) {
			t.Errorf("it was refused with %v", err)
		}
		(<-let)()
		first()
		if now, most := b.Held(); now != 0 || most != 10 {
			t.Errorf("%d are held, at most %d were", now, most)
		}
	})
}

// Many backups, copies and restores at once, which together want many times of what there is: all come to their end, what they hold
// stays within the budget, and nothing is left of it in the end, whether they commit, give up or fail.
func TestJobsKeepWithinABudget(t *testing.T) {
	t.Parallel()
	const size = 40 << 20
	budget := archive.NewBudget(size)
	options := archive.Options{Budget: budget, Workers: 2, PackSize: 1 << 20}
	ring := archivetest.NewKeyring()
	var all sync.WaitGroup
	for job := range 20 {
		all.Go(func() {
			if err := aFewSteps(t.Context(), archive.OpenVault(new(archive.Mem), "vault", options), ring, uint64(job)); err != nil {
				t.Errorf("job %d: %v", job, err)
			}
		})
	}
	all.Wait()
	now, most := budget.Held()
	if now != 0 || most > size || most < size/2 {
		t.Errorf("%d bytes are held in the end, at most %d were, and the budget is %d", now, most, size)
	}
}

// aFewSteps backs a volume up, gives a second backup up, copies the first and restores it.
func aFewSteps(ctx context.Context, v *archive.Vault, ring archive.Keyring, seed uint64) error {
	from, err := v.Domain(ctx, "from", ring)
	if err != nil {
		return err
	}
	to, err := v.Domain(ctx, "to", ring)
	if err != nil {
		return err
	}
	image := make([]byte, 2<<20)
	draw := rand.New(rand.NewPCG(seed, 0))
	for i := range image {
		image[i] = byte(draw.Uint32())
	}
	for _, commit := range []bool{true, false} {
		w, err := from.NewWriter(ctx, archive.WriteOptions{Point: fmt.Sprint("point-", commit), Kind: archive.Volume, Size: int64(len(image))})
		if err != nil {
			return err
		}
		if err := w.PutRange(ctx, 0, image); err != nil {
			return err
		}
		if commit {
			_, err = w.Commit(ctx)
		} else {
			err = w.Abort()
		}
		if err != nil {
			return err
		}
	}
	if _, err := from.NewWriter(ctx, archive.WriteOptions{Point: "failing", Parent: "nowhere", Kind: archive.Volume, Size: 1}); !errors.Is(err, archive.ErrNoPoint) {
		return fmt.Errorf("a writer over nothing: %w", err)
	}
	p, err := from.Open(ctx, "point-true")
	if err != nil {
		return err
	}
	if _, err := archive.Copy(ctx, to, p, archive.CopyOptions{Point: "copy"}); err != nil {
		return err
	}
	if p, err = to.Open(ctx, "copy"); err != nil {
		return err
	}
	restored := make(disk, len(image))
	if err := p.WriteVolume(ctx, restored, nil); err != nil {
		return err
	}
	if !bytes.Equal(restored, image) {
		return errors.New("it was not restored")
	}
	return nil
}

type disk []byte

func (d disk) WriteAt(p []byte, off int64) (int, error) { return copy(d[off:], p), nil }

// A writer that is told how little there will be takes little, and owes the rest if there is more.
func TestAWriterOfLittleTakesLittle(t *testing.T) {
	t.Parallel()
	budget := archive.NewBudget(1 << 30)
	d, err := archive.OpenVault(new(archive.Mem), "vault", archive.Options{Budget: budget}).Domain(t.Context(), "key", archivetest.NewKeyring())
	if err != nil {
		t.Fatal(err)
	}
	w, err := d.NewWriter(t.Context(), archive.WriteOptions{Point: "p", Kind: archive.Objects, Expected: 1 << 20})
	if err != nil {
		t.Fatal(err)
	}
	little, _ := budget.Held()
	if little > 16<<20 {
		t.Errorf("%d bytes are held for a backup of 1 MiB", little)
	}
	for i := range 3 {
		if err := w.Put(t.Context(), []byte{byte(i)}, nil, bytes.NewReader(make([]byte, 600<<10)), -1); err != nil {
			t.Fatal(err)
		}
	}
	if now, _ := budget.Held(); now <= 2*little {
		t.Errorf("%d bytes are held by one that has more than it was told, and were %d", now, little)
	}
	if _, err := w.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	if now, _ := budget.Held(); now != 0 {
		t.Errorf("%d bytes are held in the end", now)
	}
}

// A stuckStore lets nothing be stored until it is let go.
type stuckStore struct {
	archive.Mem
	stuck  atomic.Bool
	let    chan struct{}
	stored chan struct{}
}

func (s *stuckStore) Create(ctx context.Context, name string, data []byte) error {
	if s.stuck.Load() {
		select {
		case s.stored <- struct{}{}:
		default:
		}
		<-s.let
	}
	return s.Mem.Create(ctx, name, data)
}

// What a writer takes of a budget is what it comes to hold: one whose store stores nothing any more fills all that it may, and stops.
func TestAWriterHoldsWhatItTakes(t *testing.T) { //nolint:paralleltest // it measures the memory of the process
	const content = 200 << 20
	s := &stuckStore{let: make(chan struct{}), stored: make(chan struct{}, 1)}
	budget := archive.NewBudget(1 << 40)
	d, err := archive.OpenVault(s, "vault", archive.Options{Budget: budget, Workers: 2}).Domain(t.Context(), "key", archivetest.NewKeyring())
	if err != nil {
		t.Fatal(err)
	}
	before := heap()
	w, err := d.NewWriter(t.Context(), archive.WriteOptions{Point: "p", Kind: archive.Objects})
	if err != nil {
		t.Fatal(err)
	}
	s.stuck.Store(true)
	took, _ := budget.Held()
	var read atomic.Int64
	put := make(chan error, 1)
	go func() { put <- w.Put(t.Context(), []byte("key"), nil, &noise{left: content, read: &read}, content) }()
	<-s.stored
	// Until it reads no more. One that holds too little for that may be waiting for a processor, and is given a while.
	held, patience := int64(0), time.Now().Add(time.Minute)
	for last := int64(-1); last != read.Load() || held < took/4 && time.Now().Before(patience); {
		last = read.Load()
		for range 20 {
			runtime.GC()
		}
		held = heap() - before
	}
	if read.Load() == content {
		t.Errorf("all %d bytes were read while nothing could be stored", content)
	}
	if held > took || held < took/4 {
		t.Errorf("the writer holds %d MiB and took %d", held>>20, took>>20)
	}
	s.stuck.Store(false)
	close(s.let)
	if err := <-put; err != nil {
		t.Fatal(err)
	}
	if err := w.Abort(); err != nil {
		t.Fatal(err)
	}
}

func heap() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// noise is so many bytes that do not compress.
type noise struct {
	left  int64
	state uint64
	read  *atomic.Int64
}

func (n *noise) Read(p []byte) (int, error) {
	p = p[:min(int64(len(p)), n.left)]
	if len(p) == 0 {
		return 0, io.EOF
	}
	for i := range p {
		n.state = n.state*6364136223846793005 + 1442695040888963407
		p[i] = byte(n.state >> 56)
	}
	n.left -= int64(len(p))
	n.read.Add(int64(len(p)))
	return len(p), nil
}
