package main

import (
	"context"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
)

// objects is a tree of files: at scale 1, 20,000 small ones (0.5 to 93 KiB) and 200 of 1 to 16 MiB, 2 GiB in all. Half is
// text, a quarter random, a quarter has the content of another file.
type objects struct {
	set  string // the name of the data set
	dir  string
	list []object
}

type object struct {
	path string
	size int64
	content
}

const (
	kib = 1 << 10
	mib = 1 << 20
	gib = 1 << 30

	smallObjects, largeObjects = 20_000, 200
)

func newObjects(dir string, scale float64) *objects {
	o := &objects{set: "objects", dir: dir}
	draw := rand.New(newSource("objects"))
	small, large := scaled(smallObjects, scale), scaled(largeObjects, scale)
	o.add(draw, small, func(i int) (string, int64) {
		return fmt.Sprintf("small/%02x/%05d", i%256, i), int64(512 * math.Exp(draw.Float64()*math.Log(93*kib/512)))
	})
	order := draw.Perm(large)
	o.add(draw, large, func(i int) (string, int64) {
		size := mib + (float64(order[i])+draw.Float64())/float64(large)*15*mib
		return fmt.Sprintf("large/%04d", i), int64(size)
	})
	return o
}

// newSmall is n objects of 4 KiB of the same mixture: what each of them costs by itself.
func newSmall(dir string, n int) *objects {
	o := &objects{set: "small", dir: dir}
	o.add(rand.New(newSource("small")), n, func(i int) (string, int64) {
		return fmt.Sprintf("%02x/%02x/%06d", i%256, i/256%256, i), 4 * kib
	})
	return o
}

func scaled(n int, scale float64) int { return max(1, int(math.Round(float64(n)*scale))) }

// add appends n objects; the fourth of four is the same as one of those added before.
func (o *objects) add(draw *rand.Rand, n int, shape func(i int) (string, int64)) {
	first := len(o.list)
	for i := range n {
		path, size := shape(i)
		at := object{path, size, content{text, "object " + path}}
		switch i % 4 {
		case 2:
			at.class = random
		case 3:
			same := o.list[first+draw.IntN(len(o.list)-first)]
			at.size, at.content = same.size, same.content
		}
		o.list = append(o.list, at)
	}
}

func (o *objects) name() string   { return o.set }
func (o *objects) source() string { return o.dir }
func (o *objects) describe() string {
	return fmt.Sprintf("%d objects of %s", len(o.list), size(o.bytes()))
}

func (o *objects) bytes() (sum int64) {
	for _, at := range o.list {
		sum += at.size
	}
	return sum
}

func (o *objects) generate(ctx context.Context) error {
	for _, at := range o.list {
		if err := at.write(ctx, o.dir); err != nil {
			return err
		}
	}
	return nil
}

// change writes new content into every twentieth object; which ones and what depends on the round. Its class stays.
func (o *objects) change(ctx context.Context, round int) error {
	for _, at := range o.changed(round) {
		at.seed = fmt.Sprintf("round %d %s", round, at.path)
		if err := at.write(ctx, o.dir); err != nil {
			return err
		}
	}
	return nil
}

// changed are the objects that a round changes.
func (o *objects) changed(round int) (list []object) {
	for i := round % 20; i < len(o.list); i += 20 {
		list = append(list, o.list[i])
	}
	return list
}

func (o *objects) engineFlags() []string          { return []string{"-objects", o.dir} }
func (o *objects) changedFlags() (flags []string) { return o.engineFlags() }
func (o *objects) borgFlags() []string            { return nil }
func (o *objects) same(ctx context.Context, restored string) error {
	return sameTree(ctx, o.dir, restored)
}

func (o object) write(ctx context.Context, dir string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	path := filepath.Join(dir, filepath.FromSlash(o.path))
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	file, err := os.Create(path)
	if err != nil {
		return err
	}
	defer file.Close() //nolint:errcheck // closed with its error below
	if _, err := io.Copy(file, o.reader(o.size)); err != nil {
		return err
	}
	return file.Close()
}
