package sqs

import (
	"context"
	"sync"

	"strongroom/internal/api"
	"strongroom/internal/state"
)

// usualInFlight is how many messages of a queue receivers may have at once.
// https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-messages.html
const usualInFlight = 120000

// rooms knows how many more messages of each queue may at least be handed out. To count those in flight at every receipt would
// cost more than the receipt; they are counted anew once there seems to be no room.
type rooms struct {
	mu   *sync.Mutex
	free map[string]int64 // by queue ARN; guarded by mu
}

func newRooms() rooms { return rooms{mu: &sync.Mutex{}, free: map[string]int64{}} }

// reserve takes room for up to n messages, and returns for how many there was some.
func (s *Service) reserve(ctx context.Context, q state.Queue, n int64) (int64, error) {
	s.rooms.mu.Lock()
	enough := s.rooms.free[q.ARN] >= n
	if enough {
		s.rooms.free[q.ARN] -= n
	}
	s.rooms.mu.Unlock()
	if enough {
		return n, nil
	}
	var has int64
	err := s.DB.View(ctx, func(ctx context.Context, tx *state.Tx) (err error) {
		has, err = tx.CountInFlight(ctx, q.ARN)
		return err
	})
	if err != nil {
		return 0, err
	}
	s.rooms.mu.Lock()
	defer s.rooms.mu.Unlock()
	granted := max(0, min(n, s.MostInFlight-has))
	s.rooms.free[q.ARN] = max(0, s.MostInFlight-has-granted)
	return granted, nil
}

// release gives back what of a reservation was not used.
func (s *Service) release(q state.Queue, n int64) {
	s.rooms.mu.Lock()
	defer s.rooms.mu.Unlock()
	s.rooms.free[q.ARN] += n
}

// forget drops what is known of a queue that is gone.
func (s *Service) forget(queueARN string) {
	s.rooms.mu.Lock()
	defer s.rooms.mu.Unlock()
	delete(s.rooms.free, queueARN)
}

// overLimit is the answer to who does not wait for a message of a standard queue with too many in flight. Others find none.
// https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_ReceiveMessage.html
func overLimit() error {
	return api.Errorf("OverLimit", "The maximum number of messages in flight was reached for this queue.").WithStatus(403)
}
