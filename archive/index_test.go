package archive

import (
	"bytes"
	"context"
	"encoding/binary"
	"math/rand/v2"
	"os"
	"runtime"
	"strconv"
	"testing"
	"time"
)

// syntheticFile is an index object of packs whose blobs have the ids that [syntheticID] gives, beginning with a number.
func syntheticFile(first, packs, blobsPerPack int) *indexFile {
	f := &indexFile{id: newObjectID(time.UnixMilli(int64(first)))}
	for range packs {
		t := packTable{id: newObjectID(time.UnixMilli(int64(first))), blobs: make([]blobInfo, blobsPerPack)}
		next := uint32(packHeaderSize)
		for i := range t.blobs {
			b := &t.blobs[i]
			*b = blobInfo{id: syntheticID(first), kind: chunkBlob, number: uint32(i), offset: next, stored: 100 + tagSize, size: 100}
			if first%4 == 0 {
				b.flags, b.origin = flagOrigin, syntheticOrigin(first)
			}
			next += b.stored
			first++
		}
		t.size = uint64(next)
		f.packs = append(f.packs, t)
	}
	return f
}

// syntheticID is a number, stirred as a hash would.
func syntheticID(n int) (id ID) {
	x := uint64(n)
	for i := 0; i < len(id); i += 8 {
		x += 0x9e3779b97f4a7c15
		z := x
		z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
		z = (z ^ z>>27) * 0x94d049bb133111eb
		binary.BigEndian.PutUint64(id[i:], z^z>>31)
	}
	return id
}

func syntheticOrigin(n int) (o origin) {
	id := syntheticID(^n)
	copy(o[:], id[:])
	return o
}

// fill takes so many blobs into an index, and gives the index objects.
func fillIndex(x *index, blobs int) (files []*indexFile) {
	const packs, perPack = 40, 100
	for first := 0; first < blobs; first += packs * perPack {
		f := syntheticFile(first, packs, perPack)
		x.add(f)
		files = append(files, f)
	}
	return files
}

// TestIndexInFiles holds an index that is in files mostly to what one in memory says, while index objects are superseded, packs
// are marked, and those that have gone are forgotten.
func TestIndexInFiles(t *testing.T) {
	t.Parallel()
	const blobs = 120_000
	small, large := newIndex(NewIndexCache(t.TempDir(), 10_000)), newIndex(NewIndexCache(t.TempDir(), 10*blobs))
	files := fillIndex(large, blobs)
	for _, f := range files {
		small.add(f)
	}
	if small.spill == nil || large.spill != nil {
		t.Fatal("the indexes are not where they should be")
	}
	compareIndexes(t, small, large, blobs)

	tombs := map[objectID]time.Time{files[3].packs[7].id: time.UnixMilli(1)}
	keep := map[objectID]bool{}
	for i, f := range files {
		if i%3 == 0 {
			keep[f.id] = true
		}
	}
	// What lies in two packs is taken from the one that stays.
	twice := &indexFile{id: newObjectID(time.UnixMilli(7)), packs: []packTable{{
		id: newObjectID(time.UnixMilli(1 << 40)), size: 999, blobs: files[3].packs[7].blobs[:5],
	}}}
	keep[twice.id] = true
	for _, x := range []*index{small, large} {
		x.add(twice)
		x.begin(tombs)
		x.finish(keep, nil, tombs)
	}
	if small.dead > small.blobs/2 || len(small.packs) >= 30*40 {
		t.Errorf("%d packs are known, and %d blobs of %d have gone", len(small.packs), small.dead, small.blobs)
	}
	compareIndexes(t, small, large, blobs)
	at, ok := small.find(files[3].packs[7].blobs[2].id)
	if !ok || at.pack.id != twice.packs[0].id || len(small.places(at.blob.id)) != 2 {
		t.Error("a blob is to be taken from a pack that goes")
	}
	for _, f := range files { // what had gone comes back
		small.add(f)
		large.add(f)
	}
	compareIndexes(t, small, large, blobs)
	if small.faults.Load() != 0 {
		t.Error("files could not be read")
	}
}

func compareIndexes(t *testing.T, a, b *index, blobs int) {
	t.Helper()
	for n := -1000; n < blobs+1000; n += 7 {
		id := syntheticID(n)
		at, ok := a.find(id)
		want, wanted := b.find(id)
		if ok != wanted || ok && (at.pack.id != want.pack.id || *at.blob != *want.blob || at.pack.count != want.pack.count) {
			t.Fatalf("blob %d: %v %v, not %v %v", n, at, ok, want, wanted)
		}
		if a.stays(id) != b.stays(id) {
			t.Fatalf("blob %d stays in one index and not in the other", n)
		}
		from, ok := a.copied(syntheticOrigin(n))
		if wantFrom, wanted := b.copied(syntheticOrigin(n)); ok != wanted || from != wantFrom {
			t.Fatalf("the copy of %d: %v %v, not %v %v", n, from, ok, wantFrom, wanted)
		}
	}
	_, packs := a.snapshot()
	_, wanted := b.snapshot()
	if len(packs) != len(wanted) {
		t.Fatalf("%d packs, not %d", len(packs), len(wanted))
	}
	for i := range packs {
		got, err := a.table(packs[i])
		if err != nil {
			t.Fatal(err)
		}
		want, err := b.table(wanted[i])
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(appendBlobTable(got.id[:], got.blobs), appendBlobTable(want.id[:], want.blobs)) {
			t.Fatalf("the table of pack %d differs", i)
		}
	}
}

// TestIndexMemory fills an index with a million blobs, or as many as STRONGROOM_INDEX_BLOBS says, and looks at what that takes of
// the heap.
func TestIndexMemory(t *testing.T) {
	blobs := 1_000_000
	if more := os.Getenv("STRONGROOM_INDEX_BLOBS"); more != "" {
		var err error
		if blobs, err = strconv.Atoi(more); err != nil {
			t.Fatal(err)
		}
	}
	before := heap()
	x := newIndex(NewIndexCache(t.TempDir(), 50_000))
	for first := 0; first < blobs; first += 4000 {
		x.add(syntheticFile(first, 40, 100))
	}
	took := heap() - before
	t.Logf("%d blobs take %d bytes", blobs, took)
	// 50,000 in memory at 110 bytes, two bytes for each that is not, 200 for each of 10,000 packs.
	if limit := int64(50_000*110 + 2*blobs + blobs/100*200); took > limit {
		t.Errorf("the index takes %d bytes, more than %d", took, limit)
	}
	r := rand.New(rand.NewPCG(1, 2))
	for range 20_000 {
		n := r.IntN(2 * blobs)
		if at, ok := x.find(syntheticID(n)); ok != (n < blobs) || ok && at.blob.id != syntheticID(n) {
			t.Fatalf("blob %d: %v %v", n, at, ok)
		}
	}
	if runs := len(x.spill.ids); runs > 12 {
		t.Errorf("a lookup asks %d runs", runs)
	}
	runtime.KeepAlive(x)
}

func heap() int64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// TestIndexShare fills several indexes that share a cache, and frees them.
func TestIndexShare(t *testing.T) {
	t.Parallel()
	cache := NewIndexCache(t.TempDir(), 20_000)
	for range 3 {
		x := newIndex(cache)
		fillIndex(x, 16_000)
		if held := cache.held.Load(); held > 20_000+leastSpill {
			t.Errorf("the indexes hold %d blobs in memory", held)
		}
		runtime.KeepAlive(x)
	}
	deadline := time.Now().Add(3 * time.Minute)
	for cache.held.Load() != 0 {
		if runtime.GC(); time.Now().After(deadline) {
			t.Fatalf("%d blobs are held for indexes that nobody has", cache.held.Load())
		}
	}
}

// TestIndexFileDamaged overwrites the files beside. What is not found then shows as a fault, nothing wrong is found, and the
// next refresh reads the store anew.
func TestIndexFileDamaged(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	v := OpenVault(&Mem{}, "vault", Options{IndexCache: NewIndexCache(t.TempDir(), 1000)})
	d, err := v.openDomain(objectID{1}, DomainInfo{ID: objectID{1}.String()}, make([]byte, 32))
	if err != nil {
		t.Fatal(err)
	}
	const blobs = 12_000
	for first := 0; first < blobs; first += 4000 {
		f := syntheticFile(first, 40, 100)
		if err := v.store.Create(ctx, indexName(d.id(), f.id), f.encode(d.keys)); err != nil {
			t.Fatal(err)
		}
	}
	if err := d.index.refresh(ctx, d); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"tables", "run"} {
		file := d.index.spill.tables
		if name == "run" {
			file = d.index.spill.ids[0].file
		}
		overwrite(t, file.file, file.size)
		faults := d.index.faults.Load()
		wrong := 0
		for n := range blobs {
			if at, ok := d.index.find(syntheticID(n)); !ok {
				wrong++
			} else if at.blob.id != syntheticID(n) {
				t.Fatalf("%s: blob %d is found where it is not", name, n)
			}
		}
		if wrong == 0 || d.index.faults.Load() == faults {
			t.Errorf("%s: the damage does not show", name)
		}
		_, _, err := d.findPayload(ctx, chunkBlob, syntheticID(5), nil)
		if err == nil { // there are no packs: the question is what the error says
			t.Errorf("%s: a blob is read from nowhere", name)
		}
		if err := d.index.refresh(ctx, d); err != nil {
			t.Fatal(err)
		}
		for n := range blobs {
			if _, ok := d.index.find(syntheticID(n)); !ok {
				t.Fatalf("%s: blob %d is missing after a refresh", name, n)
			}
		}
	}
}

func overwrite(t *testing.T, f *os.File, size int64) {
	t.Helper()
	for at := int64(100); at < size; at += 1000 {
		if _, err := f.WriteAt([]byte{0xaa, 0x55, 0xaa}, at); err != nil {
			t.Fatal(err)
		}
	}
}

// TestIndexRewriteFails has the files damaged when they are written anew without what has gone: what is not damaged is found as
// before.
func TestIndexRewriteFails(t *testing.T) {
	t.Parallel()
	const packs, perPack = 64, 4 * spillBlock // so that blocks of one pack fit where those of another were
	x := newIndex(NewIndexCache(t.TempDir(), 1000))
	live, dead := map[objectID]bool{}, map[objectID]bool{}
	add := func(from, blobs int, into map[objectID]bool) (end int) {
		for end = from; end < from+blobs; end += packs * perPack {
			f := syntheticFile(end, packs, perPack)
			x.add(f)
			into[f.id] = true
		}
		return end
	}
	first := add(1, 3*IndexBlobs/2, dead)
	end := add(first, IndexBlobs+packs*perPack, live)
	last := x.order[len(x.order)-1]
	if last.blobs != nil || x.spill == nil {
		t.Fatal("the index is not in files")
	}
	if _, err := x.spill.tables.file.WriteAt([]byte{0xaa, 0x55, 0xaa}, last.at+100); err != nil {
		t.Fatal(err)
	}
	x.finish(live, dead, nil)
	if x.faults.Load() == 0 {
		t.Fatal("the damage does not show")
	}
	for n := first; n < end-perPack; n++ {
		if at, ok := x.find(syntheticID(n)); !ok || x.packs[at.pack.id] != at.pack {
			t.Fatalf("blob %d is missing", n)
		}
	}
}

// TestIndexWithoutRoom has no folder for files: memory has to do.
func TestIndexWithoutRoom(t *testing.T) {
	t.Parallel()
	x := newIndex(NewIndexCache("/dev/null/folder", 1000))
	fillIndex(x, 20_000)
	for n := range 20_000 {
		if _, ok := x.find(syntheticID(n)); !ok {
			t.Fatalf("blob %d is missing", n)
		}
	}
}

func BenchmarkIndexFind(b *testing.B) {
	for name, held := range map[string]int{"memory": 2_000_000, "files": 50_000} {
		x := newIndex(NewIndexCache(b.TempDir(), held))
		fillIndex(x, 1_000_000)
		for name, first := range map[string]int{name + "/there": 0, name + "/missing": 1_000_000} {
			b.Run(name, func(b *testing.B) {
				for i := range b.N {
					x.find(syntheticID(first + i*7919%1_000_000))
				}
			})
		}
	}
}

// TestMergeLeavesLargeIndexObjects asks which index objects a collection replaces: small ones when they are many, and large ones
// only if they tell of a pack that goes.
func TestMergeLeavesLargeIndexObjects(t *testing.T) {
	t.Parallel()
	x := newIndex(NewIndexCache(t.TempDir(), 0))
	large := syntheticFile(0, 10, indexBlobs/16)
	x.add(large)
	small := map[objectID]bool{}
	for i := range 33 {
		f := syntheticFile(indexBlobs+10*i, 1, 10)
		x.add(f)
		small[f.id] = true
	}
	files, packs := x.snapshot()
	if old := x.toMerge(files, packs, 33); len(old) != 0 {
		t.Errorf("%d of 33 small index objects are replaced, although so many may be", len(old))
	}
	old := x.toMerge(files, packs, 32)
	if len(old) != 33 {
		t.Errorf("%d index objects are replaced, not the 33 small ones", len(old))
	}
	for _, id := range old {
		if !small[id] {
			t.Errorf("%s is replaced, which is large and stays", id)
		}
	}
	without := packs[:0:0]
	for _, p := range packs {
		if p.id != large.packs[3].id {
			without = append(without, p)
		}
	}
	if old := x.toMerge(files, without, 100); len(old) != 1 || old[0] != large.id {
		t.Errorf("%v is replaced when one of its packs goes, not %s", old, large.id)
	}
	told := 0
	for table, err := range x.tablesOf([]objectID{large.id}, without) {
		if err != nil {
			t.Fatal(err)
		}
		told += len(table.blobs)
	}
	if told != 9*indexBlobs/16 {
		t.Errorf("%d blobs are told of again", told)
	}
}
