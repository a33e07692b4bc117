package sqs_test

import (
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awssqs "github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"strongroom/internal/server"
	"strongroom/internal/strongroomtest"
)

// receipt is a message with when its receiver asked for it and when he had it.
type receipt struct {
	types.Message
	asked, had time.Time
}

// poll waits for messages for a second; none, once the test should have been over, is its end.
func (b *bench) poll(t *testing.T, url *string, most int32) (all []receipt) {
	asked := time.Now()
	out, err := b.ReceiveMessage(t.Context(), &awssqs.ReceiveMessageInput{
		QueueUrl: url, MaxNumberOfMessages: most, WaitTimeSeconds: 1, MessageSystemAttributeNames: []types.MessageSystemAttributeName{"All"},
	})
	if err != nil {
		t.Errorf("receiving: %v", err)
		return nil
	}
	for _, m := range out.Messages {
		all = append(all, receipt{m, asked, time.Now()})
	}
	return all
}

func (b *bench) delete(t *testing.T, url *string, r receipt) {
	if _, err := b.DeleteMessage(t.Context(), &awssqs.DeleteMessageInput{QueueUrl: url, ReceiptHandle: r.ReceiptHandle}); err != nil {
		t.Errorf("deleting %s: %v", *r.Body, err)
	}
}

// sendBatch sends bodies, ten at a time.
func (b *bench) sendBatch(t *testing.T, url *string, group string, bodies []string) {
	for part := range slices.Chunk(bodies, 10) {
		in := &awssqs.SendMessageBatchInput{QueueUrl: url}
		for i, body := range part {
			e := types.SendMessageBatchRequestEntry{Id: aws.String(fmt.Sprint(i)), MessageBody: &body}
			if group != "" {
				e.MessageGroupId, e.MessageDeduplicationId = &group, &body
			}
			in.Entries = append(in.Entries, e)
		}
		if out, err := b.SendMessageBatch(t.Context(), in); err != nil || len(out.Failed) > 0 {
			t.Errorf("sending: %v, %v", out, err)
		}
	}
}

// tally counts what consumers have done with each message; they stop once all is done.
type tally struct {
	mu   sync.Mutex
	done map[string]int
	want int
	stop time.Time
}

func newTally(want int) *tally {
	return &tally{done: map[string]int{}, want: want, stop: time.Now().Add(5 * time.Minute)}
}

func (l *tally) add(body string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.done[body]++
}

func (l *tally) complete() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.done) >= l.want || time.Now().After(l.stop)
}

// once fails unless all was done, and each once.
func (l *tally) once(t *testing.T) {
	t.Helper()
	if len(l.done) != l.want {
		t.Errorf("%d messages came, not %d", len(l.done), l.want)
	}
	for body, n := range l.done {
		if n != 1 {
			t.Errorf("%s came %d times", body, n)
		}
	}
}

// Many send and many receive at once: each message comes, and to one of them only as long as he has it.
func TestManySendAndReceive(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	url, _ := b.queue(t, "busy", map[string]string{"VisibilityTimeout": "300"})
	const producers, each, consumers = 6, 60, 8
	seen := newTally(producers * each)
	var w sync.WaitGroup
	for p := range producers {
		w.Go(func() {
			var bodies []string
			for i := range each {
				bodies = append(bodies, fmt.Sprintf("%d/%d", p, i))
			}
			b.sendBatch(t, url, "", bodies)
		})
	}
	for range consumers {
		w.Go(func() {
			for !seen.complete() {
				for _, r := range b.poll(t, url, 10) {
					seen.add(*r.Body)
					b.delete(t, url, r)
				}
			}
		})
	}
	w.Wait()
	seen.once(t)
	if n := b.attribute(t, url, "ApproximateNumberOfMessages") + b.attribute(t, url, "ApproximateNumberOfMessagesNotVisible"); n != "00" {
		t.Errorf("left over: %s", n)
	}
}

// Whoever does not delete a message has it for its time: nobody gets it earlier, and everybody who waits gets it afterwards.
func TestNothingComesBackEarly(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	const messages, consumers, visible = 30, 6, 2 * time.Second
	url, _ := b.queue(t, "lossy", map[string]string{"VisibilityTimeout": "2"})
	var bodies []string
	for i := range messages {
		bodies = append(bodies, fmt.Sprint(i))
	}
	b.sendBatch(t, url, "", bodies)
	first, again := map[string]receipt{}, newTally(messages)
	var mu sync.Mutex
	var w sync.WaitGroup
	for range consumers {
		w.Go(func() {
			for !again.complete() {
				for _, r := range b.poll(t, url, 3) {
					mu.Lock()
					before, known := first[*r.Body]
					first[*r.Body] = r
					mu.Unlock()
					if !known {
						continue // forgotten
					}
					if early := before.asked.Add(visible).Sub(r.had); early > 0 {
						t.Errorf("%s came back %s early", *r.Body, early)
					}
					again.add(*r.Body)
					b.delete(t, url, r)
				}
			}
		})
	}
	w.Wait()
	if len(again.done) != messages {
		t.Errorf("%d of %d messages came back", len(again.done), messages)
	}
}

// Groups keep their order among many consumers, of which some give messages back: whoever has one of a group has it alone.
func TestOrderOfManyGroups(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	const groups, each, consumers = 20, 10, 8
	url, _ := b.queue(t, "ordered.fifo", map[string]string{"FifoQueue": "true", "VisibilityTimeout": "300"})
	var w sync.WaitGroup
	for g := range groups {
		w.Go(func() {
			var bodies []string
			for i := range each {
				bodies = append(bodies, fmt.Sprintf("g%d/%d", g, i))
			}
			b.sendBatch(t, url, fmt.Sprint("g", g), bodies)
		})
	}
	seen := newTally(groups * each)
	var mu sync.Mutex
	holder, next, gaveBack := map[string]int{}, map[string]int{}, map[string]bool{}
	consume := func(me int) {
		received := b.poll(t, url, 4)
		mu.Lock()
		for _, r := range received {
			group := r.Attributes["MessageGroupId"]
			if other, held := holder[group]; held && other != me {
				t.Errorf("%d has %s while %d has something of its group", me, *r.Body, other)
			}
			holder[group] = me
		}
		mu.Unlock()
		returned := map[string]bool{} // groups of which a message went back: those behind it go back, too
		for i, r := range received {
			group := r.Attributes["MessageGroupId"]
			mu.Lock()
			want := fmt.Sprintf("%s/%d", group, next[group])
			back := returned[group] || !gaveBack[*r.Body] && next[group]%4 == 3
			if !returned[group] && *r.Body != want {
				t.Errorf("%s came, not %s", *r.Body, want)
			}
			if back {
				gaveBack[*r.Body], returned[group] = true, true
			} else {
				next[group]++
			}
			last := !slices.ContainsFunc(received[i+1:], func(r receipt) bool { return r.Attributes["MessageGroupId"] == group })
			if last {
				delete(holder, group) // before it is free for others
			}
			mu.Unlock()
			if !back {
				seen.add(*r.Body)
				b.delete(t, url, r)
				continue
			}
			_, err := b.ChangeMessageVisibility(t.Context(), &awssqs.ChangeMessageVisibilityInput{QueueUrl: url, ReceiptHandle: r.ReceiptHandle, VisibilityTimeout: 0})
			if err != nil {
				t.Errorf("giving %s back: %v", *r.Body, err)
			}
		}
	}
	for me := range consumers {
		w.Go(func() {
			for !seen.complete() {
				consume(me)
			}
		})
	}
	w.Wait()
	seen.once(t)
}

// The same message sent by many at once is one.
func TestManySendTheSame(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	url, _ := b.queue(t, "once.fifo", map[string]string{"FifoQueue": "true"})
	var mu sync.Mutex
	answers := map[string]int{}
	var w sync.WaitGroup
	for range 12 {
		w.Go(func() {
			for id := range 5 {
				out, err := b.SendMessage(t.Context(), &awssqs.SendMessageInput{
					QueueUrl: url, MessageBody: aws.String("x"), MessageGroupId: aws.String("g"), MessageDeduplicationId: aws.String(fmt.Sprint(id)),
				})
				if err != nil {
					t.Errorf("sending: %v", err)
					return
				}
				mu.Lock()
				answers[*out.MessageId+" "+*out.SequenceNumber]++
				mu.Unlock()
			}
		})
	}
	w.Wait()
	if len(answers) != 5 {
		t.Errorf("they became %d messages: %v", len(answers), answers)
	}
	if got := b.receive(t, url, 10); len(got) != 5 {
		t.Errorf("%d came", len(got))
	}
}

// Those who wait get a message when it is sent, and not when their time is over.
func TestWaitingReceiversWakeAtOnce(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	url, _ := b.queue(t, "awaited", nil)
	const waiting = 6
	got := make(chan int, waiting)
	began := time.Now()
	for range waiting {
		go func() {
			out, err := b.ReceiveMessage(t.Context(), &awssqs.ReceiveMessageInput{QueueUrl: url, WaitTimeSeconds: 20})
			if err != nil {
				t.Errorf("waiting: %v", err)
				got <- 0
				return
			}
			got <- len(out.Messages)
		}()
	}
	for i := range waiting {
		b.send(t, url, fmt.Sprint(i))
	}
	for range waiting {
		if n := <-got; n != 1 {
			t.Errorf("one who waited got %d messages", n)
		}
	}
	if took := time.Since(began); took >= 20*time.Second {
		t.Errorf("they waited for %s", took)
	}
}

// Receivers together have no more messages of a queue than its quota: who does not wait is told, and what they give back goes to
// others.
func TestMessagesInFlightAreLimited(t *testing.T) {
	t.Parallel()
	s := strongroomtest.New(t, strongroomtest.Options{Config: server.Config{Quotas: server.Quotas{MessagesInFlight: 6}}})
	b := &bench{s, awssqs.NewFromConfig(s.AWS(t, "member", region))}
	url, _ := b.queue(t, "full", map[string]string{"VisibilityTimeout": "60"})
	ordered, _ := b.queue(t, "full.fifo", map[string]string{"VisibilityTimeout": "60", "FifoQueue": "true"})
	var bodies []string
	for i := range 10 {
		bodies = append(bodies, fmt.Sprint(i))
		b.sendBatch(t, ordered, fmt.Sprint("g", i), []string{fmt.Sprint(i)})
	}
	b.sendBatch(t, url, "", bodies)
	first := b.receive(t, url, 4)
	if second := b.receive(t, url, 10); len(first) != 4 || len(second) != 2 {
		t.Errorf("%d and %d were handed out", len(first), len(second))
	}
	_, err := b.ReceiveMessage(t.Context(), &awssqs.ReceiveMessageInput{QueueUrl: url})
	wantCode(t, err, "OverLimit")
	if waited := b.poll(t, url, 1); len(waited) != 0 {
		t.Errorf("who waited got %d", len(waited))
	}
	b.delete(t, url, receipt{Message: first[0]})
	if next := b.receive(t, url, 10); len(next) != 1 {
		t.Errorf("after one was deleted %d were handed out", len(next))
	}
	b.advance(t, time.Minute)
	if next := b.receive(t, url, 10); len(next) != 6 {
		t.Errorf("after they came back %d were handed out", len(next))
	}
	if all := b.receive(t, ordered, 10); len(all) != 6 {
		t.Errorf("of a FIFO queue %d were handed out", len(all))
	}
	if more := b.receive(t, ordered, 10); len(more) != 0 { // there nobody is told
		t.Errorf("of a FIFO queue %d more were handed out", len(more))
	}
}
