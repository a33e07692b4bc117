package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/backup"
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
		Config: c, Backup: clients(cfg), Queue: queue, Clock: clock.Wall,
		Log: slog.New(slog.NewJSONHandler(os.Stderr, nil)), Metrics: copier.NewMetrics(out, clock.Wall),
	}, queue, nil
}

// clients makes a client per Region.
func clients(cfg aws.Config) func(string) copier.Backup {
	var mu sync.Mutex // guards made
	made := map[string]*backup.Client{}
	return func(region string) copier.Backup {
		mu.Lock()
		defer mu.Unlock()
		if made[region] == nil {
			made[region] = backup.NewFromConfig(cfg, func(o *backup.Options) { o.Region = region })
		}
		return made[region]
	}
}
