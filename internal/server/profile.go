package server

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime/pprof"
	"time"

	"strongroom/clock"
)

// profiling asks for a profile of the processor's time in a file.
type profiling struct {
	File string        `json:"file"`
	For  time.Duration `json:"for_ns"`
}

// Profile has the server write into file, by the machine's clock, what its processors' time goes into, for as long as is said or
// until ctx ends. The file is there, whole, once the server has ended it: with the answer, or soon after ctx has ended.
func (a *Admin) Profile(ctx context.Context, file string, lasting time.Duration) error {
	path, err := filepath.Abs(file)
	if err != nil {
		return err
	}
	return a.call(ctx, "profile", profiling{path, lasting}, nil)
}

// profile writes a profile of the time until ctx ends or p.For has passed. The runtime has one such profile at a time.
func (s *Server) profile(ctx context.Context, p profiling) (any, error) {
	part := p.File + ".part"
	out, err := os.OpenFile(part, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return nil, err
	}
	if err := pprof.StartCPUProfile(out); err != nil {
		return nil, errors.Join(fmt.Errorf("profiling: %w", err), out.Close(), os.Remove(part))
	}
	over, forget := clock.Wall.Until(clock.Wall.Now().Add(p.For))
	defer forget()
	select {
	case <-ctx.Done():
	case <-over:
	}
	pprof.StopCPUProfile()
	if err := out.Close(); err != nil {
		return nil, errors.Join(err, os.Remove(part))
	}
	return nil, os.Rename(part, p.File)
}
