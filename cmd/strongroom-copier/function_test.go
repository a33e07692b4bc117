package main

import (
	"context"
	"encoding/json"
	"log/slog"
	"sync"
	"testing"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"strongroom/clock"
	"strongroom/copier"
)

// hides is a queue that remembers what is hidden and for how long.
type hides struct {
	copier.Queue
	mu     sync.Mutex // guards hidden
	hidden map[string]int32
}

func (h *hides) ChangeMessageVisibility(_ context.Context, in *sqs.ChangeMessageVisibilityInput, _ ...func(*sqs.Options)) (*sqs.ChangeMessageVisibilityOutput, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.hidden[*in.ReceiptHandle] = in.VisibilityTimeout
	return &sqs.ChangeMessageVisibilityOutput{}, nil
}

func newFunction(t *testing.T) (*function, *hides) {
	t.Helper()
	config, err := copier.FromEnvironment(func(name string) (string, bool) {
		v, ok := map[string]string{
			"COPIER_INTERMEDIATE_VAULTS": "arn:aws:backup:eu-central-1:222222222222:backup-vault:first",
			"COPIER_FINAL_VAULTS":        "arn:aws:backup:eu-north-1:222222222222:backup-vault:final",
			"COPIER_ROLE_ARN":            "arn:aws:iam::222222222222:role/copies",
		}[name]
		return v, ok
	})
	if err != nil {
		t.Fatal(err)
	}
	queue := &hides{hidden: map[string]int32{}}
	c := &copier.Copier{Config: config, Clock: clock.NewFrozen(clock.Wall.Now()), Log: slog.New(slog.DiscardHandler)}
	return &function{copier: c, queue: queue, queueURL: "https://sqs/queue"}, queue
}

// A batch answers with those of its messages that are to come again, and no others.
func TestABatchReportsItsFailuresOneByOne(t *testing.T) {
	t.Parallel()
	f, queue := newFunction(t)
	foreign := `{"source":"my.app","detail-type":"Something","detail":{}}`
	payload, err := json.Marshal(events.SQSEvent{Records: []events.SQSMessage{
		{MessageId: "1", ReceiptHandle: "r1", Body: foreign, EventSource: "aws:sqs", Attributes: map[string]string{"ApproximateReceiveCount": "1"}},
		{MessageId: "2", ReceiptHandle: "r2", Body: "no event", EventSource: "aws:sqs", Attributes: map[string]string{"ApproximateReceiveCount": "3"}},
		{MessageId: "3", ReceiptHandle: "r3", Body: foreign, EventSource: "aws:sqs", Attributes: map[string]string{"ApproximateReceiveCount": "1"}},
	}})
	if err != nil {
		t.Fatal(err)
	}
	response, err := f.invoke(t.Context(), payload)
	if err != nil || len(response.BatchItemFailures) != 1 || response.BatchItemFailures[0].ItemIdentifier != "2" {
		t.Errorf("the response is %+v, %v", response, err)
	}
	if len(queue.hidden) != 1 || queue.hidden["r2"] != 4 {
		t.Errorf("hidden are %v", queue.hidden)
	}
}

func TestAnEventOfItsOwn(t *testing.T) {
	t.Parallel()
	f, _ := newFunction(t)
	if response, err := f.invoke(t.Context(), json.RawMessage(`{"source":"my.app","detail-type":"Something","detail":{}}`)); err != nil || response != nil {
		t.Errorf("a foreign event gives %+v, %v", response, err)
	}
	if _, err := f.invoke(t.Context(), json.RawMessage(`{"hello":1}`)); err == nil {
		t.Error("nonsense is taken")
	}
}
