package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"sync"

	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/backup"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"strongroom/clock"
	"strongroom/copier"
)

// attempts is how often the SDK tries a call itself; what is still throttled then waits in the queue.
const attempts = 5

// newCopier makes the copier that the environment configures, and the queue's client. Metrics go to out.
func newCopier(ctx context.Context, out io.Writer) (*copier.Copier, *sqs.Client, error) {
	c, err := copier.FromEnvironment(os.LookupEnv)
	if err != nil {
		return nil, nil, &exitError{exitUsage, fmt.Errorf("the configuration is wrong:\n%w", err)}
	}
	cfg, err := config.LoadDefaultConfig(ctx, config.WithRetryMaxAttempts(attempts))
	if err != nil {
		return nil, nil, fmt.Errorf("reading the configuration of the AWS SDK: %w", err)
	}
	if cfg.Region == "" {
		cfg.Region = c.Intermediate[0].Region
	}
	queue := sqs.NewFromConfig(cfg)
	return &copier.Copier{
		Config: c, Queue: queue, Clock: clock.Wall,
		Backup: perRegion(func(region string) copier.Backup {
			return backup.NewFromConfig(cfg, func(o *backup.Options) { o.Region = region })
		}),
		Snapshots: perRegion(func(region string) copier.Snapshots {
			return rds.NewFromConfig(cfg, func(o *rds.Options) { o.Region = region })
		}),
		Log: slog.New(slog.NewJSONHandler(os.Stderr, nil)), Metrics: copier.NewMetrics(out, clock.Wall),
	}, queue, nil
}

// perRegion makes a client per Region, once.
func perRegion[C any](client func(region string) C) func(string) C {
	var mu sync.Mutex // guards made
	made := map[string]C{}
	return func(region string) C {
		mu.Lock()
		defer mu.Unlock()
		c, ok := made[region]
		if !ok {
			c = client(region)
			made[region] = c
		}
		return c
	}
}
