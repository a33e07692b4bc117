package rds_test

import (
	"slices"
	"testing"
	"time"
)

// A database that runs on a full disk is storage-full and an event tells it, until there is space again.
func TestFullDisk(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.free.Store(1 << 20)
	h.await(h.database, "storage-full", time.Second)
	h.free.Store(1 << 30)
	h.await(h.database, "available", time.Second)
	want := []string{"books: creation", "books: low storage", "books: recovery"}
	if got := h.events(); !slices.Equal(got, want) {
		t.Errorf("the events are %v, want %v", got, want)
	}
}
