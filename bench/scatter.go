package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// scattered is how much [volume.scatter] changes at scale 1, in some 7,000 places.
const scattered = 56 * mib

// A stretch is some bytes of a file that changed.
type stretch struct{ off, size int64 }

// scatter rewrites places of one to four pages all over what has been written, as a file system and a database do, and notes
// which. Two places of three become text, the third random.
func (v *volume) scatter(ctx context.Context, round int) error {
	draw := rand.New(newSource(fmt.Sprint("volume scatter ", round)))
	var pages []int64
	for _, at := range v.extents {
		for off := at.off; off < at.off+at.size; off += page {
			pages = append(pages, off)
		}
	}
	taken := map[int64]bool{}
	var changed []stretch
	for left := max(page, scattered*v.size/volumeSize); left > 0; {
		first := draw.IntN(len(pages))
		n := 1 + min(draw.IntN(4), draw.IntN(4))
		n = min(n, len(pages)-first, int(left+page-1)/page)
		at := stretch{pages[first], int64(n) * page}
		if pages[first+n-1] != at.off+at.size-page || slices.ContainsFunc(pages[first:first+n], func(p int64) bool { return taken[p] }) {
			continue // it would reach over a hole, or over another place
		}
		for _, p := range pages[first : first+n] {
			taken[p] = true
		}
		changed = append(changed, at)
		left -= at.size
	}
	slices.SortFunc(changed, func(a, b stretch) int { return int(a.off/page - b.off/page) })
	file, err := os.OpenFile(v.path(), os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	defer file.Close() //nolint:errcheck // closed with its error below
	for i, at := range changed {
		e := extent{at.off, at.size, content{text, fmt.Sprintf("scatter %d place %d", round, i)}}
		if i%3 == 2 {
			e.class = random
		}
		if err := e.write(ctx, file); err != nil {
			return err
		}
	}
	if err := file.Close(); err != nil {
		return err
	}
	if err := v.list(changed); err != nil {
		return err
	}
	return v.note(ctx, fmt.Sprint("scattered in round ", round))
}

// list writes down what changed: offset and length in bytes, one stretch a line.
func (v *volume) list(changed []stretch) error {
	var b strings.Builder
	for _, at := range changed {
		fmt.Fprintln(&b, at.off, at.size)
	}
	return os.WriteFile(v.changed, []byte(b.String()), 0o644)
}

// changeData changes the volume or the objects of bench data, for whoever wants to run the engine under a profiler.
func changeData(ctx context.Context, args []string) error {
	set := flag.NewFlagSet("bench change", flag.ContinueOnError)
	dir := set.String("dir", "", "`directory` that bench data made")
	scale := set.Float64("scale", 1, "its scale")
	round := set.Int("round", 0, "`number` of the change; each is another")
	places := set.Bool("scattered", false, "change many places of some pages, not runs of blocks")
	objects := set.Bool("objects", false, "change the objects instead")
	if err := set.Parse(args); err != nil {
		return err
	}
	if *dir == "" || *scale <= 0 {
		return errors.New("change takes a directory, and a scale above zero")
	}
	if *objects {
		return newObjects(filepath.Join(*dir, "objects"), *scale).change(ctx, *round)
	}
	v := newVolume(filepath.Join(*dir, "volume"), *scale)
	if *places {
		return v.scatter(ctx, *round)
	}
	return v.change(ctx, *round)
}
