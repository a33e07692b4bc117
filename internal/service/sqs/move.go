package sqs

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/google/uuid"

	"strongroom/arn"
	"strongroom/internal/api"
	"strongroom/internal/state"
)

// States of move tasks.
const (
	moveRunning    = "RUNNING"
	moveCompleted  = "COMPLETED"
	moveCancelling = "CANCELLING"
	moveCancelled  = "CANCELLED"
	moveFailed     = "FAILED"
)

const moveScope = "sqs:move"

func noTask(format string, args ...any) error {
	return api.Errorf("ResourceNotFoundException", format, args...).WithStatus(http.StatusNotFound)
}

// source finds the queue of a move by its ARN.
func (s *Service) source(ctx context.Context, queueARN *string) (state.Queue, error) {
	if a, err := arn.Parse(aws.ToString(queueARN)); err != nil || a.Service != "sqs" {
		return state.Queue{}, invalid("You must use this format to specify the SourceArn: arn:<partition>:<service>:<region>:<account-id>:<resource-id>")
	}
	q, err := s.queueNamed(ctx, *queueARN)
	if api.Code(err) == "QueueDoesNotExist" {
		return q, noTask("The resource that you specified for the SourceArn parameter doesn't exist.")
	}
	return q, err
}

func (s *Service) startMoveAccess(ctx context.Context, c *api.Caller, in *sqs.StartMessageMoveTaskInput) ([]api.Access, error) {
	q, err := s.source(ctx, in.SourceArn)
	if err != nil {
		return nil, err
	}
	accesses, err := ownersAccess(c, q, "StartMessageMoveTask")
	if err != nil {
		return nil, err
	}
	accesses = append(accesses, access(q, "ReceiveMessage"), access(q, "DeleteMessage"))
	if in.DestinationArn != nil {
		destination, err := s.queueNamed(ctx, *in.DestinationArn)
		if api.Code(err) == "QueueDoesNotExist" {
			return nil, noTask("The resource that you specified for the DestinationArn parameter doesn't exist.")
		} else if err != nil {
			return nil, err
		}
		accesses = append(accesses, access(destination, "SendMessage"))
	}
	return accesses, nil
}

// StartMessageMoveTask begins to move the messages of a dead-letter queue to where they came from, or to another queue.
func (s *Service) StartMessageMoveTask(ctx context.Context, c *api.Caller, in *sqs.StartMessageMoveTaskInput) (*sqs.StartMessageMoveTaskOutput, error) {
	q, err := s.source(ctx, in.SourceArn)
	if err != nil {
		return nil, err
	}
	t := state.MoveTask{ID: uuid.NewString(), SourceARN: q.ARN, Destination: aws.ToString(in.DestinationArn), Status: moveRunning}
	if n := in.MaxNumberOfMessagesPerSecond; n != nil {
		if *n < 1 || *n > 500 {
			return nil, invalid("Value for parameter MaxNumberOfMessagesPerSecond is invalid. Reason: You must enter a value that is lower than or equal to 500.")
		}
		t.PerSecond = int64(*n)
	}
	if a, err := arn.Parse(t.Destination); t.Destination != "" && (err != nil || a.AccountID != c.AccountID || a.Region != q.Region || t.Destination == q.ARN) {
		return nil, invalid("The DestinationArn must be another queue of the same account and Region.")
	}
	err = s.DB.Update(ctx, func(ctx context.Context, tx *state.Tx) error {
		sources, err := tx.DeadLetterSources(ctx, q.ARN, "", 1)
		if err != nil {
			return err
		}
		if len(sources) == 0 {
			return invalid("Source queue must be configured as a Dead Letter Queue.")
		}
		tasks, err := tx.MoveTasks(ctx, q.ARN, 1)
		if err != nil {
			return err
		}
		if len(tasks) > 0 && (tasks[0].Status == moveRunning || tasks[0].Status == moveCancelling) {
			return invalid("There is already a task running. Only one active task is allowed for a source queue arn at a given time.")
		}
		counts, err := tx.CountMessages(ctx, q.ARN)
		if err != nil {
			return err
		}
		t.StartedAt, t.ToMove = tx.Now, counts.Visible
		return tx.InsertMoveTask(ctx, t)
	})
	if err != nil {
		return nil, err
	}
	s.beginMove(t)
	return &sqs.StartMessageMoveTaskOutput{TaskHandle: new(s.Pages.Seal(moveScope, t.ID))}, nil
}

func (s *Service) taskOf(ctx context.Context, handle *string) (t state.MoveTask, q state.Queue, err error) {
	var id string
	if s.Pages.Open(moveScope, aws.ToString(handle), &id) != nil {
		return t, q, invalid("Value for parameter TaskHandle is invalid.")
	}
	err = s.DB.View(ctx, func(ctx context.Context, tx *state.Tx) error {
		if t, err = tx.MoveTask(ctx, id); err != nil {
			return err
		}
		q, err = tx.Queue(ctx, t.SourceARN)
		return err
	})
	if errors.Is(err, state.ErrNotFound) {
		err = noTask("Task does not exist.")
	}
	return t, q, err
}

func (s *Service) cancelMoveAccess(ctx context.Context, c *api.Caller, in *sqs.CancelMessageMoveTaskInput) ([]api.Access, error) {
	_, q, err := s.taskOf(ctx, in.TaskHandle)
	if err != nil {
		return nil, err
	}
	return ownersAccess(c, q, "CancelMessageMoveTask")
}

// CancelMessageMoveTask ends a move. What was moved stays moved.
func (s *Service) CancelMessageMoveTask(ctx context.Context, _ *api.Caller, in *sqs.CancelMessageMoveTaskInput) (*sqs.CancelMessageMoveTaskOutput, error) {
	t, _, err := s.taskOf(ctx, in.TaskHandle)
	if err != nil {
		return nil, err
	}
	err = s.DB.Update(ctx, func(ctx context.Context, tx *state.Tx) error {
		if t, err = tx.MoveTask(ctx, t.ID); err != nil {
			return err
		}
		if t.Status != moveRunning {
			return api.Errorf("UnsupportedOperation", "Only active tasks can be cancelled.")
		}
		t.Status = moveCancelling
		return tx.UpdateMoveTask(ctx, t, moveRunning)
	})
	if err != nil {
		return nil, err
	}
	return &sqs.CancelMessageMoveTaskOutput{ApproximateNumberOfMessagesMoved: t.Moved}, nil
}

func (s *Service) listMovesAccess(ctx context.Context, c *api.Caller, in *sqs.ListMessageMoveTasksInput) ([]api.Access, error) {
	q, err := s.source(ctx, in.SourceArn)
	if err != nil {
		return nil, err
	}
	return ownersAccess(c, q, "ListMessageMoveTasks")
}

// ListMessageMoveTasks lists the last moves of a queue, the newest first.
func (s *Service) ListMessageMoveTasks(ctx context.Context, _ *api.Caller, in *sqs.ListMessageMoveTasksInput) (*sqs.ListMessageMoveTasksOutput, error) {
	most := aws.ToInt32(in.MaxResults)
	switch {
	case in.MaxResults == nil:
		most = 1
	case most < 1 || most > 10:
		return nil, invalid("Value for parameter MaxResults is invalid. Reason: MaxResults must be an integer between 1 and 10.")
	}
	var tasks []state.MoveTask
	err := s.DB.View(ctx, func(ctx context.Context, tx *state.Tx) (err error) {
		tasks, err = tx.MoveTasks(ctx, *in.SourceArn, int(most))
		return err
	})
	if err != nil {
		return nil, err
	}
	out := &sqs.ListMessageMoveTasksOutput{}
	for _, t := range tasks {
		r := types.ListMessageMoveTasksResultEntry{
			SourceArn: &t.SourceARN, Status: &t.Status, StartedTimestamp: t.StartedAt.Time().UnixMilli(),
			ApproximateNumberOfMessagesMoved: t.Moved, ApproximateNumberOfMessagesToMove: &t.ToMove,
		}
		if t.Destination != "" {
			r.DestinationArn = &t.Destination
		}
		if t.PerSecond > 0 {
			r.MaxNumberOfMessagesPerSecond = new(int32(t.PerSecond)) //nolint:gosec // at most 500
		}
		if t.Failure != "" {
			r.FailureReason = &t.Failure
		}
		if t.Status == moveRunning {
			r.TaskHandle = new(s.Pages.Seal(moveScope, t.ID))
		}
		out.Results = append(out.Results, r)
	}
	return out, nil
}

func (s *Service) resumeMoves(ctx context.Context) error {
	var tasks []state.MoveTask
	err := s.DB.View(ctx, func(ctx context.Context, tx *state.Tx) (err error) {
		tasks, err = tx.RunningMoveTasks(ctx)
		return err
	})
	for _, t := range tasks {
		s.beginMove(t)
	}
	return err
}

func (s *Service) beginMove(t state.MoveTask) {
	s.tasks.Go(func() {
		if err := s.move(s.closing, t); err != nil && s.closing.Err() == nil {
			s.Log.ErrorContext(s.closing, "moving messages", slog.String("queue", t.SourceARN), slog.String("error", err.Error()))
		}
	})
}

// move moves messages step by step until none is left, and keeps with each step how far it came.
func (s *Service) move(ctx context.Context, t state.MoveTask) error {
	step := 100
	if t.PerSecond > 0 {
		step = int(t.PerSecond)
	}
	for {
		var done bool
		var told []string
		err := s.DB.Update(ctx, func(ctx context.Context, tx *state.Tx) (err error) {
			if t, err = tx.MoveTask(ctx, t.ID); err != nil {
				return err
			}
			before := t.Status
			done, told, err = moveSome(ctx, tx, &t, step)
			if err != nil {
				return err
			}
			return tx.UpdateMoveTask(ctx, t, before)
		})
		if errors.Is(err, state.ErrNotFound) {
			return nil // the queue was deleted, and its tasks with it
		}
		for _, queueARN := range told {
			s.arrivals.tell(queueARN)
		}
		if err != nil || done {
			return err
		}
		if t.PerSecond > 0 && !s.await(ctx, nil, s.Clock.Now().Add(time.Second)) {
			return nil
		}
		if ctx.Err() != nil {
			return nil
		}
	}
}

// moveSome moves one step's messages and sets how the task stands.
func moveSome(ctx context.Context, tx *state.Tx, t *state.MoveTask, step int) (done bool, told []string, err error) {
	if t.Status == moveCancelling {
		t.Status = moveCancelled
		return true, nil, nil
	}
	messages, err := tx.VisibleMessages(ctx, t.SourceARN, step)
	if err != nil {
		return false, nil, err
	}
	if len(messages) == 0 || t.Moved >= t.ToMove {
		t.Status = moveCompleted
		return true, nil, nil
	}
	for _, m := range messages {
		to := t.Destination
		if to == "" {
			to = m.DeadLetterOf
		}
		q, err := tx.Queue(ctx, to)
		if errors.Is(err, state.ErrNotFound) {
			t.Status, t.Failure = moveFailed, "AWS.SimpleQueueService.NonExistentQueue"
			return true, told, nil
		}
		if err != nil {
			return false, nil, err
		}
		m.QueueARN, m.DeadLetterOf, m.SentAt = to, "", tx.Now // it is sent anew
		m.VisibleAt, m.ExpiresAt = tx.Now, tx.Now+retentionOf(q)
		m.Receives, m.ReceivedAt, m.Receipt, m.Attempt = 0, 0, "", ""
		if err := tx.RequeueMessage(ctx, m); err != nil {
			return false, nil, err
		}
		t.Moved++
		told = append(told, to)
	}
	return false, told, nil
}
