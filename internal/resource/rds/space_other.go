//go:build !linux

package rds

import "math"

// freeSpace is not found out on this system: the engine says it when there is none.
func freeSpace(string) (uint64, error) { return math.MaxUint64, nil }
