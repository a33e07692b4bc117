package strongroomtest

import (
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"strongroom/clock"
	"strongroom/internal/waittest"
)

// Receive waits until a queue gives something. One call waits for twenty seconds at most, which is no measure of what a machine that
// has much to do brings to a queue; so it calls for three minutes.
func Receive(t testing.TB, queues *sqs.Client, in *sqs.ReceiveMessageInput) []types.Message {
	t.Helper()
	in.WaitTimeSeconds = 10
	for begin := clock.Wall.Now(); clock.Wall.Now().Sub(begin) < waittest.Patience(3*time.Minute); {
		out, err := queues.ReceiveMessage(t.Context(), in)
		if err != nil {
			t.Fatalf("receiving from %s: %v", *in.QueueUrl, err)
		}
		if len(out.Messages) > 0 {
			return out.Messages
		}
	}
	waittest.InVain()
	t.Fatalf("nothing came to %s", *in.QueueUrl)
	return nil
}
