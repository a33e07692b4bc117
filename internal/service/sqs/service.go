package sqs

import (
	"context"
	"crypto/cipher"
	"log/slog"
	"net/http"
	"sync"

	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"strongroom/clock"
	"strongroom/internal/api"
	"strongroom/internal/page"
	"strongroom/internal/state"
)

// Principal is the service itself, as KMS sees it between a queue and its key.
const Principal = "sqs.amazonaws.com"

// Config is what a [Service] needs.
type Config struct {
	DB    *state.DB
	Clock clock.Clock // the service's time
	Door  *api.Door
	// Seal is the service's own key, for queues without a KMS key. It must stay the same.
	Seal cipher.AEAD
	// Pages seals the tokens of lists, and receipt handles, which should outlive the process.
	Pages *page.Sealer
	// EnsureManagedKey makes the account's aws/sqs key if it is not there, and returns its ARN.
	EnsureManagedKey func(ctx context.Context, accountID, region, alias string) (string, error)
	// MostInFlight is how many messages of a queue receivers may have at once; 0 means 120,000.
	MostInFlight int64
	Log          *slog.Logger
}

// Service is SQS. Its methods may be called at once.
type Service struct {
	Config
	arrivals arrivals
	rooms    rooms
	closing  context.Context // ends waits and move tasks
	close    context.CancelFunc
	tasks    sync.WaitGroup
}

// New returns the service.
func New(c Config) *Service {
	s := &Service{Config: c, arrivals: newArrivals(), rooms: newRooms()}
	if s.MostInFlight == 0 {
		s.MostInFlight = usualInFlight
	}
	s.closing, s.close = context.WithCancel(context.Background())
	return s
}

// Start takes up the move tasks that a stopped process left.
func (s *Service) Start(ctx context.Context) error { return s.resumeMoves(ctx) }

// Close answers the receivers that wait, and ends the move tasks, which the next start takes up. It may be called twice.
func (s *Service) Close() {
	s.close()
	s.tasks.Wait()
}

// Sweep removes messages whose retention has ended.
func (s *Service) Sweep(ctx context.Context) error {
	return s.DB.Update(ctx, func(ctx context.Context, tx *state.Tx) error { return tx.DeleteExpiredMessages(ctx) })
}

// API is the table of the operations.
func (s *Service) API() *api.Service {
	return &api.Service{
		Name: "sqs", EventSource: Principal, AccessDenied: "AccessDeniedException", AccessDeniedStatus: http.StatusForbidden,
		Authorization: authorization,
		Operations: []api.Operation{
			api.Op("", s.CreateQueue, s.createQueueAccess),
			api.Op("", s.GetQueueUrl, s.getQueueURLAccess),
			api.Op("", s.ListQueues, func(context.Context, *api.Caller, *sqs.ListQueuesInput) ([]api.Access, error) {
				return []api.Access{{Action: "sqs:ListQueues", Resource: "*"}}, nil
			}),
			row(s, "GetQueueAttributes", s.GetQueueAttributes),
			ownersRow(s, "SetQueueAttributes", s.SetQueueAttributes),
			ownersRow(s, "DeleteQueue", s.DeleteQueue),
			row(s, "PurgeQueue", s.PurgeQueue),
			ownersRow(s, "AddPermission", s.AddPermission),
			ownersRow(s, "RemovePermission", s.RemovePermission),
			row(s, "ListDeadLetterSourceQueues", s.ListDeadLetterSourceQueues),

			row(s, "SendMessage", s.SendMessage).AsData(),
			row(s, "SendMessage", s.SendMessageBatch).AsData(),
			row(s, "ReceiveMessage", s.ReceiveMessage).AsData(),
			row(s, "DeleteMessage", s.DeleteMessage).AsData(),
			row(s, "DeleteMessage", s.DeleteMessageBatch).AsData(),
			row(s, "ChangeMessageVisibility", s.ChangeMessageVisibility).AsData(),
			row(s, "ChangeMessageVisibility", s.ChangeMessageVisibilityBatch).AsData(),

			api.Op("", s.StartMessageMoveTask, s.startMoveAccess),
			api.Op("", s.CancelMessageMoveTask, s.cancelMoveAccess),
			api.Op("", s.ListMessageMoveTasks, s.listMovesAccess),

			api.Op("", s.TagQueue, s.tagQueueAccess),
			ownersRow(s, "UntagQueue", s.UntagQueue),
			ownersRow(s, "ListQueueTags", s.ListQueueTags),
		},
	}
}
