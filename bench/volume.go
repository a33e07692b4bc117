package main

import (
	"context"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"

	"strongroom/archive"
)

// volume is a sparse file, at scale 1 of 4 GiB, half of it written: extents of 64 KiB to 8 MiB that lie, as a file system
// lays its files, at multiples of 4 KiB. Half of them are text, a quarter random, a quarter begin another extent anew.
//
// Beside it lies a small file that is written last: borg does not remember the youngest file of a backup, and would read the
// volume again even though nothing changed.
type volume struct {
	dir     string
	size    int64
	extents []extent
	changed string // the file that lists what changed last
}

type extent struct {
	off, size int64
	content
}

const (
	volumeSize = 4 * gib
	page       = 4 * kib
	volumeFile = "volume.img"
)

func newVolume(dir string, scale float64) *volume {
	v := &volume{dir: dir, changed: dir + ".changed"}
	v.size = int64(volumeSize*scale) / (2 * archive.BlockSize) * (2 * archive.BlockSize)
	draw := rand.New(newSource("volume"))
	written := lengths(draw, v.size/2)
	holes := lengths(draw, v.size/2)
	var off int64
	for i, n := range written {
		at := extent{off, n, content{text, fmt.Sprint("extent ", i)}}
		switch i % 4 {
		case 2:
			at.class = random
		case 3:
			same := v.extents[draw.IntN(i)]
			at.content = same.content
		}
		v.extents = append(v.extents, at)
		off += n
		if i < len(holes) {
			off += holes[i]
		}
	}
	return v
}

// lengths divides a sum into multiples of a page, short ones more often than long ones.
func lengths(draw *rand.Rand, sum int64) (list []int64) {
	for sum > 0 {
		n := int64(64*kib*math.Exp(draw.Float64()*math.Log(8*mib/(64*kib)))) / page * page
		n = min(n, sum)
		list = append(list, n)
		sum -= n
	}
	return list
}

func (v *volume) name() string   { return "volume" }
func (v *volume) source() string { return v.dir }
func (v *volume) bytes() int64   { return v.size / 2 }
func (v *volume) path() string   { return filepath.Join(v.dir, volumeFile) }
func (v *volume) describe() string {
	return fmt.Sprintf("a sparse volume of %s with %s written in %d extents", size(v.size), size(v.size/2), len(v.extents))
}

func (v *volume) generate(ctx context.Context) error {
	if err := os.MkdirAll(v.dir, 0o755); err != nil {
		return err
	}
	file, err := os.Create(v.path())
	if err != nil {
		return err
	}
	defer file.Close() //nolint:errcheck // closed with its error below
	if err := file.Truncate(v.size); err != nil {
		return err
	}
	for _, at := range v.extents {
		if err := at.write(ctx, file); err != nil {
			return err
		}
	}
	if err := file.Close(); err != nil {
		return err
	}
	return v.note(ctx, "made")
}

// note writes the small file, again and again until the file system's clock, which ticks every few milliseconds, has it
// younger than the volume.
func (v *volume) note(ctx context.Context, what string) error {
	path := filepath.Join(v.dir, "volume.txt")
	return until(ctx, func() (bool, error) {
		if err := os.WriteFile(path, []byte(what+"\n"), 0o644); err != nil {
			return false, err
		}
		image, err := os.Stat(v.path())
		if err != nil {
			return false, err
		}
		note, err := os.Stat(path)
		return err == nil && note.ModTime().After(image.ModTime()), err
	})
}

func (e extent) write(ctx context.Context, file *os.File) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	_, err := io.Copy(io.NewOffsetWriter(file, e.off), e.reader(e.size))
	return err
}

// change rewrites a twentieth of the blocks that have been written, in runs of one to eight, and notes which.
func (v *volume) change(ctx context.Context, round int) error {
	draw := rand.New(newSource(fmt.Sprint("volume round ", round)))
	blocks := v.blocks()
	want := max(1, len(blocks)/20)
	var changed []int64
	for len(changed) < want {
		first := draw.IntN(len(blocks))
		for _, b := range blocks[first:min(first+1+draw.IntN(8), len(blocks))] {
			if len(changed) < want && !slices.Contains(changed, b) {
				changed = append(changed, b)
			}
		}
	}
	slices.Sort(changed)
	file, err := os.OpenFile(v.path(), os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	defer file.Close() //nolint:errcheck // closed with its error below
	var list []stretch
	for i, b := range changed {
		at := extent{b * archive.BlockSize, archive.BlockSize, content{text, fmt.Sprintf("round %d block %d", round, b)}}
		if i%3 == 2 {
			at.class = random
		}
		if err := at.write(ctx, file); err != nil {
			return err
		}
		list = append(list, stretch{at.off, at.size})
	}
	if err := file.Close(); err != nil {
		return err
	}
	if err := v.list(list); err != nil {
		return err
	}
	return v.note(ctx, fmt.Sprint("changed in round ", round))
}

// blocks are the numbers of the blocks that have been written, ascending.
func (v *volume) blocks() (numbers []int64) {
	for _, at := range v.extents {
		for b := at.off / archive.BlockSize; b <= (at.off+at.size-1)/archive.BlockSize; b++ {
			if len(numbers) == 0 || numbers[len(numbers)-1] < b {
				numbers = append(numbers, b)
			}
		}
	}
	return numbers
}

func (v *volume) engineFlags() []string  { return []string{"-volume", v.path()} }
func (v *volume) changedFlags() []string { return append(v.engineFlags(), "-changed", v.changed) }

// scatteredFlags are those after any change: the list is of the last.
func (v *volume) scatteredFlags() []string { return v.changedFlags() }

// borgFlags cut the volume into blocks of the archive's size, which is what lets borg skip its holes.
func (v *volume) borgFlags() []string {
	return []string{"--sparse", "--chunker-params", fmt.Sprint("fixed,", archive.BlockSize)}
}

func (v *volume) same(ctx context.Context, restored string) error {
	return sameFile(ctx, v.path(), filepath.Join(restored, volumeFile))
}
