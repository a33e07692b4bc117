package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"path/filepath"
)

// makeData makes the data sets and leaves them, for whoever wants to run the engine under a profiler.
func makeData(ctx context.Context, args []string) error {
	set := flag.NewFlagSet("bench data", flag.ContinueOnError)
	dir := set.String("dir", "", "`directory` for them")
	scale := set.Float64("scale", 1, "their size; 1 is 2 GiB of objects and a volume of 4 GiB")
	if err := set.Parse(args); err != nil {
		return err
	}
	if *dir == "" || *scale <= 0 {
		return errors.New("data takes a directory, and a scale above zero")
	}
	for _, name := range []string{"objects", "volume"} {
		data, err := newDataset(name, filepath.Join(*dir, name), *scale)
		if err != nil {
			return err
		}
		if err := data.generate(ctx); err != nil {
			return fmt.Errorf("making %s: %w", data.describe(), err)
		}
	}
	return nil
}

// newDataset gives the data set of a name, to lie in a directory.
func newDataset(name, dir string, scale float64) (dataset, error) {
	switch name {
	case "objects":
		return newObjects(dir, scale), nil
	case "volume":
		return newVolume(dir, scale), nil
	default:
		return nil, fmt.Errorf("%q is neither objects nor volume", name)
	}
}
