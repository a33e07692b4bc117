package main

import (
	"errors"
	"os"
	"path/filepath"
)

// A workshop is where a run works: a directory of its own, which goes when the run ends, and a log beside it, which stays.
type workshop struct {
	dir string
	log *os.File
}

// openWorkshop makes one for a run of a name below a directory.
func openWorkshop(below, name string) (*workshop, error) {
	parent, err := filepath.Abs(below)
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(parent, 0o755); err != nil {
		return nil, err
	}
	log, err := os.Create(filepath.Join(parent, name+".log"))
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp(parent, name+"-")
	if err != nil {
		return nil, errors.Join(err, log.Close())
	}
	return &workshop{dir, log}, nil
}

// close ends the log and removes what the run has made.
func (w *workshop) close() error { return errors.Join(w.log.Close(), os.RemoveAll(w.dir)) }

// checkScale refuses a size of data that is none.
func checkScale(scale float64) error {
	if !(scale > 0) {
		return errors.New("scale is above zero")
	}
	return nil
}
