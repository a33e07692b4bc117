// Command bench measures the archive beside restic and borg: the same data, the same machine, one run.
//
//	bench [flags]          makes the data set, runs every tool over it and prints a table
//	bench service [flags]  runs the same data through a server and prints a table of that
//	bench latency [flags]  measures how long calls take while jobs move data, and while none do
//	bench api [flags]      sends single requests to a server, and to moto's where it is installed, and prints a table of that
//	bench growth [flags]   does single steps among ever more recovery points and objects, and draws what they take
//	bench store [flags]    runs the same data into a bucket that is far away, and prints a table of requests
//	bench data -dir DIR    makes the data set and leaves it
//	bench change -dir DIR  changes the volume, or the objects, of that data set
//	bench engine VERB ...  is one run of the archive, as a process of its own; what the table calls strongroom
//
// The comparison knows the archive as a library only: a vault in a directory, sealed under a key that lies in a file. What a
// user of the service sees besides (requests, authorization, jobs, the resource's own storage) only bench service measures.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	args := os.Args[1:]
	verbs := map[string]func(context.Context, []string) error{
		"data": makeData, "change": changeData, "engine": engine, "measured": measured, "service": service, "latency": latency, "api": requestBench, "growth": growth, "store": storeBench,
	}
	run := compare
	if len(args) > 0 && verbs[args[0]] != nil {
		run, args = verbs[args[0]], args[1:]
	}
	if err := run(ctx, args); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		stop()
		os.Exit(1)
	}
}
