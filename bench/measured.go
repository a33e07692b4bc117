package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"syscall"
	"time"

	"strongroom/clock"
)

// usage is what a process took, with all the processes it waited for.
type usage struct {
	Wall time.Duration
	CPU  time.Duration // user and system
	Peak int64         // bytes of memory that were resident at most
}

// measured runs a program and writes what it took to file descriptor 3.
//
// It is a process of its own because Linux counts the memory of whoever starts a process into that one's peak: this one is
// small and stays so.
func measured(ctx context.Context, args []string) error {
	if len(args) == 0 {
		return errors.New("measured takes a program")
	}
	cmd := exec.CommandContext(ctx, args[0], args[1:]...)
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	begin := clock.Wall.Now()
	err := cmd.Run()
	wall := clock.Wall.Now().Sub(begin)
	if err != nil {
		return fmt.Errorf("%s: %w", args[0], err)
	}
	rusage, ok := cmd.ProcessState.SysUsage().(*syscall.Rusage)
	if !ok {
		return errors.New("this system does not tell what a process used")
	}
	cpu := cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
	report := os.NewFile(3, "report")
	return errors.Join(json.NewEncoder(report).Encode(usage{wall, cpu, rusage.Maxrss * kib}), report.Close())
}
