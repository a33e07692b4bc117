package main

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"strongroom/clock"
	"strongroom/copier"
)

type runOptions struct {
	queueURL  string
	readers   int
	reconcile time.Duration
}

func runCommand() *cobra.Command {
	var o runOptions
	c := &cobra.Command{
		Use:   "run --queue-url URL",
		Short: "read a queue of events until stopped",
		Long: `Reads the queue that an EventBridge rule fills, makes the second hops that its events tell of, and
reconciles every so often. SIGTERM ends it after the messages that it has received.

  strongroom-copier run --queue-url https://sqs.eu-central-1.amazonaws.com/222222222222/second-hop

Exit codes: 1 failed, 2 wrong usage or configuration.`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return o.run(c) },
	}
	c.Flags().StringVar(&o.queueURL, "queue-url", "", "the URL of the queue")
	c.Flags().IntVar(&o.readers, "readers", 2, "how many batches of ten messages are dealt with at once")
	c.Flags().DurationVar(&o.reconcile, "reconcile-every", time.Hour, "how often to look for hops that no event told of; 0 for never")
	return c
}

func (o *runOptions) run(command *cobra.Command) error {
	if o.queueURL == "" {
		return &exitError{exitUsage, errors.New("--queue-url is missing")}
	}
	ctx := command.Context()
	c, queue, err := newCopier(ctx, command.OutOrStdout())
	if err != nil {
		return err
	}
	var both sync.WaitGroup
	if o.reconcile > 0 {
		both.Go(func() { reconcileEvery(ctx, c, o.reconcile) })
	}
	(&copier.Poller{Copier: c, Queue: queue, URL: o.queueURL, Readers: o.readers}).Run(ctx)
	both.Wait()
	return nil
}

// reconcileEvery reconciles at once and then again and again until ctx ends.
func reconcileEvery(ctx context.Context, c *copier.Copier, every time.Duration) {
	for ctx.Err() == nil {
		next := clock.Wall.Now().Add(every)
		report, err := c.Reconcile(ctx)
		switch {
		case err != nil && ctx.Err() == nil:
			c.Log.ErrorContext(ctx, "could not reconcile", slog.String("error", err.Error()))
		default:
			c.Log.InfoContext(ctx, "reconciled", slog.Any("report", report))
		}
		reached, stop := clock.Wall.Until(next)
		select {
		case <-ctx.Done():
		case <-reached:
		}
		stop()
	}
}
