package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"runtime"

	"github.com/spf13/cobra"

	"strongroom/internal/server"
)

type serverOptions struct {
	data   string
	config string
	listen string
	dev    bool
	debug  bool
}

func serverCommand() *cobra.Command {
	var o serverOptions
	c := &cobra.Command{
		Use:   "server (--data DIR [--config FILE] | -dev [--data DIR])",
		Short: "Serve the APIs on one port",
		Long: `Serves AWS Backup, Organizations, KMS, IAM, STS, S3, EC2/EBS, CloudTrail and tagging on
one port, and works on backup, copy and restore jobs, until it is told to stop
(SIGINT or SIGTERM). It writes profiles for AWS clients to DIR/aws.

With -dev it makes a ready organization, o-a1b2c3d4e5, of the accounts management
999999999999, member 111111111111 and backup 222222222222, and follows the rules of
2024-04-26. Without --data its data goes when it stops.

Example:
  strongroom server -dev --data ./data &
  export AWS_CONFIG_FILE=$PWD/data/aws/config AWS_SHARED_CREDENTIALS_FILE=$PWD/data/aws/credentials
  aws --profile member backup list-backup-vaults

Exit codes: 0 stopped, 1 could not start or failed, 2 wrong usage.`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return runServer(c.Context(), o) },
	}
	f := c.Flags()
	f.StringVar(&o.data, "data", "", "directory that holds everything durable")
	f.StringVar(&o.config, "config", "", "YAML configuration file")
	f.StringVar(&o.listen, "listen", "", "address to serve on (default 127.0.0.1:4566)")
	f.BoolVar(&o.dev, "dev", false, "a ready organization of three accounts (also -dev)")
	f.BoolVar(&o.debug, "debug", false, "log every call")
	return c
}

// forRequests is how many goroutines may run besides those of jobs that are busy with data.
const forRequests = 2

// leaveRoom lets Go run more at once than jobs use, so that what answers a request finds room at once, instead of waiting for a
// job's goroutine to be interrupted, and the kernel divides the processors fairly. It returns how many jobs are to use. Who sets
// GOMAXPROCS has decided.
func leaveRoom() (processors int) {
	processors = runtime.GOMAXPROCS(0)
	if os.Getenv("GOMAXPROCS") == "" {
		runtime.GOMAXPROCS(processors + forRequests)
	}
	return processors
}

func runServer(ctx context.Context, o serverOptions) error {
	var config server.Config
	if o.config != "" {
		var err error
		if config, err = server.ReadConfig(o.config); err != nil {
			return &exitError{exitUsage, err}
		}
	}
	if o.data == "" && !o.dev {
		return &exitError{exitUsage, fmt.Errorf("no data directory: use --data DIR, or -dev for one that goes when the server stops")}
	}
	if o.data == "" {
		dir, err := os.MkdirTemp("", "strongroom-dev-")
		if err != nil {
			return err
		}
		defer os.RemoveAll(dir) //nolint:errcheck // nothing more can be done
		o.data = dir
	}
	config.DataDir, config.Dev = o.data, o.dev
	config.Processors = leaveRoom()
	if o.listen != "" {
		config.Listen = o.listen
	}
	level := slog.LevelInfo
	if o.debug {
		level = slog.LevelDebug
	}
	log := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: level}))

	s, err := server.Start(ctx, config, log)
	if err != nil {
		return err
	}
	log.InfoContext(ctx, "serving", slog.String("endpoint", s.Endpoint()), slog.String("rules_as_of", s.RulesAsOf()), slog.String("data", o.data))
	log.InfoContext(ctx, "profiles are written", slog.String("AWS_CONFIG_FILE", s.ProfilesDir()+"/config"),
		slog.String("AWS_SHARED_CREDENTIALS_FILE", s.ProfilesDir()+"/credentials"))
	<-ctx.Done()
	log.InfoContext(context.WithoutCancel(ctx), "stopping")
	return s.Close(context.WithoutCancel(ctx))
}
