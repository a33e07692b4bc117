//go:build !linux

package s3

import "os"

// punch does nothing: the space comes back with the file.
func punch(*os.File, int64, int64) error { return nil }
