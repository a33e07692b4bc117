package main

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"os"
	"strconv"
	"sync"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-lambda-go/lambda"
	"github.com/spf13/cobra"

	"strongroom/copier"
)

func functionCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "function",
		Short: "serve Lambda",
		Long: `Serves the Lambda runtime: batches of a queue, whose failures it reports one by one (the event source
mapping needs ReportBatchItemFailures), events of EventBridge, and scheduled events, upon which it
reconciles. Exit codes: 1 failed, 2 wrong configuration.`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return serveFunction(c.Context()) },
	}
}

// serveFunction serves until Lambda stops the process.
func serveFunction(ctx context.Context) error {
	if os.Getenv("AWS_LAMBDA_RUNTIME_API") == "" {
		return &exitError{exitUsage, errors.New("AWS_LAMBDA_RUNTIME_API is not set: this is no Lambda function")}
	}
	c, queue, err := newCopier(ctx, os.Stdout)
	if err != nil {
		return err
	}
	f := &function{copier: c, queue: queue, queueURL: os.Getenv("COPIER_QUEUE_URL")}
	lambda.StartWithOptions(f.invoke, lambda.WithContext(ctx))
	return nil
}

type function struct {
	copier   *copier.Copier
	queue    copier.Queue
	queueURL string // "" leaves the pauses of messages to the queue
}

// invoke deals with what Lambda brings: a batch of a queue, or an event.
func (f *function) invoke(ctx context.Context, payload json.RawMessage) (*events.SQSEventResponse, error) {
	var batch events.SQSEvent
	if err := json.Unmarshal(payload, &batch); err == nil && len(batch.Records) > 0 && batch.Records[0].EventSource == "aws:sqs" {
		return f.batch(ctx, batch), nil
	}
	// Lambda tries an asynchronous invocation again that ends in an error.
	v := f.copier.Handle(ctx, copier.Message{Body: string(payload), Receives: 1})
	if !v.Done && v.Err == nil {
		v.Err = errors.New("the hop has to be tried again later")
	}
	return nil, v.Err
}

// batch reports the messages that are to be received again.
func (f *function) batch(ctx context.Context, batch events.SQSEvent) *events.SQSEventResponse {
	failures := make([]*events.SQSBatchItemFailure, len(batch.Records))
	var messages sync.WaitGroup
	for i, m := range batch.Records {
		messages.Go(func() {
			receives, _ := strconv.Atoi(m.Attributes["ApproximateReceiveCount"])
			_, redriven := m.MessageAttributes[copier.ReasonAttribute]
			v := f.copier.Handle(ctx, copier.Message{ID: m.MessageId, Body: m.Body, Receives: receives, Redriven: redriven})
			if !v.Done {
				f.pause(ctx, m, v.After)
				failures[i] = &events.SQSBatchItemFailure{ItemIdentifier: m.MessageId}
			}
		})
	}
	messages.Wait()
	response := &events.SQSEventResponse{BatchItemFailures: []events.SQSBatchItemFailure{}}
	for _, failure := range failures {
		if failure != nil {
			response.BatchItemFailures = append(response.BatchItemFailures, *failure)
		}
	}
	return response
}

// pause tells the queue how long a message is to wait. If it cannot be told, the message waits for the queue's own timeout.
func (f *function) pause(ctx context.Context, m events.SQSMessage, after time.Duration) {
	if f.queueURL == "" {
		return
	}
	if err := copier.Hide(ctx, f.queue, f.queueURL, m.ReceiptHandle, after); err != nil {
		f.copier.Log.WarnContext(ctx, "could not tell the queue how long a message is to wait", slog.String("message", m.MessageId), slog.String("error", err.Error()))
	}
}
