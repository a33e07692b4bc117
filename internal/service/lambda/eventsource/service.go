package eventsource

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/lambda"

	"strongroom/clock"
	"strongroom/internal/api"
	"strongroom/internal/page"
	"strongroom/internal/state"
)

// Principal is Lambda, as the trust policies of roles name it.
const Principal = "lambda.amazonaws.com"

// Function is what a mapping needs to know of a function.
type Function struct {
	ARN     string // with the version or alias that was named
	Name    string
	Role    string
	Timeout time.Duration
}

// Config is what a [Service] needs.
type Config struct {
	DB    *state.DB
	Clock clock.Clock // the service's time, by which batches are collected
	Door  *api.Door
	Pages *page.Sealer
	// Function finds the function that a caller names, in any of the forms that Lambda knows.
	Function func(ctx context.Context, c *api.Caller, name string) (Function, error)
	// Invoke invokes a function for Lambda itself, which needs no one's permission, and waits for its answer.
	Invoke func(ctx context.Context, in *lambda.InvokeInput, accountID, region string) (*lambda.InvokeOutput, error)
	// AssumeForService assumes a function's role.
	AssumeForService func(ctx context.Context, service *api.Caller, roleARN, sessionName string) (*api.Caller, error)
	// Enabled lets pollers run. Without, mappings can be made but do nothing.
	Enabled bool
	Log     *slog.Logger
}

// Service keeps mappings and runs their pollers. Its methods may be called at once.
type Service struct {
	Config

	mu      sync.Mutex
	pollers map[string]*poller // by mapping; guarded by mu
	ctx     context.Context    // of all pollers; nil before Start; guarded by mu
	cancel  context.CancelFunc
	work    sync.WaitGroup
}

// New returns the service. It polls nothing before Start.
func New(c Config) *Service { return &Service{Config: c, pollers: map[string]*poller{}} }

// Start begins to poll for the mappings that are enabled.
func (s *Service) Start(ctx context.Context) error {
	if !s.Enabled {
		return nil
	}
	s.mu.Lock()
	s.ctx, s.cancel = context.WithCancel(context.WithoutCancel(ctx))
	s.mu.Unlock()
	var all []state.EventSourceMapping
	err := s.DB.View(ctx, func(ctx context.Context, tx *state.Tx) (err error) {
		all, err = tx.EnabledEventSourceMappings(ctx)
		return err
	})
	if err != nil {
		return err
	}
	for _, m := range all {
		s.poll(m)
	}
	return nil
}

// Stop ends the pollers. It waits neither for them nor for the functions that they have invoked.
func (s *Service) Stop() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ctx = nil
	if s.cancel != nil {
		s.cancel()
	}
}

// Close ends the pollers, and waits for them and what they have invoked. What was not deleted by then comes again. It may be
// called more than once, and without Start.
func (s *Service) Close() {
	s.Stop()
	s.work.Wait()
}

// poll begins to poll for a mapping as it is now, in place of a poller that it may have.
func (s *Service) poll(m state.EventSourceMapping) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if old := s.pollers[m.ID]; old != nil {
		old.stop()
		delete(s.pollers, m.ID)
	}
	if !m.Enabled || s.ctx == nil {
		return
	}
	ctx, stop := context.WithCancel(s.ctx)
	p := newPoller(s, m, s.ctx, stop)
	s.pollers[m.ID] = p
	s.work.Go(func() { p.run(ctx) })
}

// Operations are the rows of the operations, for Lambda's table.
func (s *Service) Operations() []api.Operation {
	return []api.Operation{
		api.Making(api.Op("", s.CreateEventSourceMapping, s.createAccess), func(out *lambda.CreateEventSourceMappingOutput) string { return *out.EventSourceMappingArn }),
		mappingRow(s, s.GetEventSourceMapping), mappingRow(s, s.UpdateEventSourceMapping), mappingRow(s, s.DeleteEventSourceMapping),
		api.Op("", s.ListEventSourceMappings, func(context.Context, *api.Caller, *lambda.ListEventSourceMappingsInput) ([]api.Access, error) {
			return []api.Access{{Action: "lambda:ListEventSourceMappings", Resource: "*"}}, nil
		}),
	}
}
