package lambda

import (
	"context"
	"crypto/cipher"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/lambda"

	"strongroom/clock"
	"strongroom/internal/api"
	"strongroom/internal/page"
	"strongroom/internal/sandbox"
	"strongroom/internal/service/lambda/environment"
	"strongroom/internal/service/lambda/eventsource"
	"strongroom/internal/state"
)

// Principal is the service itself, as trust policies name it.
const Principal = "lambda.amazonaws.com"

// Config is what a [Service] needs.
type Config struct {
	DB    *state.DB
	Clock clock.Clock // the service's time, by which asynchronous invocations wait
	Wall  clock.Clock // judges sessions
	Door  *api.Door
	Pages *page.Sealer
	// Seal seals variables and payloads at rest. It must stay the same.
	Seal cipher.AEAD
	// Dir holds the packages of code.
	Dir string
	// Enabled lets functions run. Without, none can be made or invoked.
	Enabled bool
	// Network is what functions reach.
	Network sandbox.Network
	// Users are who functions run as where this process is root: so many from FirstUser on.
	FirstUser, Users int
	// Concurrency is how many environments of an account run at once in a Region, and Environments how many there are.
	Concurrency, Environments int
	// Lookup returns the secret of an access key, and the caller it speaks for.
	Lookup func(ctx context.Context, accessKeyID, sessionToken string) (secret string, caller api.Caller, err error)
	// AssumeForService assumes the role of a function whose queue is read.
	AssumeForService func(ctx context.Context, service *api.Caller, roleARN, sessionName string) (*api.Caller, error)
	// Deliver keeps a delivery, to a destination or a dead-letter queue, as part of a transaction.
	Deliver func(ctx context.Context, tx *state.Tx, d state.Delivery) error
	// PutLogs writes to a stream of CloudWatch Logs, which is made if it is not there.
	PutLogs func(ctx context.Context, accountID, region, group, stream string, lines []LogLine) error
	// Endpoint is the URL at which functions that have the host's network reach the services.
	Endpoint func() string
	Log      *slog.Logger
}

// LogLine is a line of a function's log.
type LogLine struct {
	At      time.Time
	Message string
}

// Service is Lambda. Its methods may be called at once.
type Service struct {
	Config
	code    *codeStore
	pool    *pool
	events  *events
	sources *eventsource.Service
	serve   func(net.Listener)
	port    int
	cancel  context.CancelFunc
	work    sync.WaitGroup
}

// New returns the service. It runs nothing before Start.
func New(c Config) (*Service, error) {
	code, err := openCode(c.Dir)
	if err != nil {
		return nil, err
	}
	s := &Service{Config: c, code: code}
	s.pool = newPool(s)
	s.events = newEvents(s)
	s.sources = eventsource.New(eventsource.Config{
		DB: c.DB, Clock: c.Clock, Door: c.Door, Pages: c.Pages, Function: s.source, Invoke: s.invokeForSource, AssumeForService: c.AssumeForService, Enabled: c.Enabled, Log: c.Log,
	})
	return s, nil
}

// Start begins to run functions. Those that run reach the services through handler, at a port of their own.
func (s *Service) Start(ctx context.Context, handler http.Handler, port int) error {
	if !s.Enabled {
		return nil
	}
	s.port = port
	s.serve = func(l net.Listener) {
		server := &http.Server{Handler: handler, ReadHeaderTimeout: 10 * time.Second, IdleTimeout: 2 * time.Minute, MaxHeaderBytes: 64 << 10}
		_ = server.Serve(l)
		_ = server.Close()
	}
	if err := s.code.clean(); err != nil {
		return err
	}
	ctx, s.cancel = context.WithCancel(context.WithoutCancel(ctx))
	s.work.Go(func() { s.events.run(ctx) })
	s.work.Go(func() { s.pool.keep(ctx) })
	return s.sources.Start(ctx)
}

// Close ends what runs. Asynchronous invocations that were under way are taken up by the next start. It may be called more
// than once, and without Start.
func (s *Service) Close() error {
	if s.cancel != nil {
		s.cancel()
	}
	s.sources.Stop()
	s.pool.close()
	s.sources.Close()
	s.work.Wait()
	return nil
}

// runnable refuses where no function can run.
func (s *Service) runnable() error {
	if !s.Enabled {
		return off()
	}
	if err := sandbox.Installed(); err != nil {
		return failure(http.StatusInternalServerError, "ServiceException", "No function can run: %s", err.Error())
	}
	return nil
}

// API is the table of the operations.
func (s *Service) API() *api.Service {
	invoke := api.Op("", s.Invoke, s.invokeAccess).AsData()
	return &api.Service{
		Name: "lambda", EventSource: Principal, AccessDenied: "AccessDeniedException", AccessDeniedStatus: http.StatusForbidden, Authorization: authorization,
		Operations: append(s.sources.Operations(),
			api.Making(api.Op("", s.CreateFunction, s.createFunctionAccess), func(out *lambda.CreateFunctionOutput) string { return *out.FunctionArn }),
			row(s, "GetFunction", s.GetFunction),
			row(s, "GetFunctionConfiguration", s.GetFunctionConfiguration),
			plain(s, "UpdateFunctionCode", s.UpdateFunctionCode),
			api.Op("", s.UpdateFunctionConfiguration, s.updateConfigurationAccess),
			row(s, "DeleteFunction", s.DeleteFunction),
			api.Op("", s.ListFunctions, anyResource[lambda.ListFunctionsInput]("ListFunctions")),
			api.Op("", s.GetAccountSettings, anyResource[lambda.GetAccountSettingsInput]("GetAccountSettings")),
			invoke,

			plain(s, "PublishVersion", s.PublishVersion),
			plain(s, "ListVersionsByFunction", s.ListVersionsByFunction),
			plain(s, "CreateAlias", s.CreateAlias),
			plain(s, "GetAlias", s.GetAlias),
			plain(s, "UpdateAlias", s.UpdateAlias),
			plain(s, "DeleteAlias", s.DeleteAlias),
			plain(s, "ListAliases", s.ListAliases),

			plain(s, "PutFunctionConcurrency", s.PutFunctionConcurrency),
			plain(s, "GetFunctionConcurrency", s.GetFunctionConcurrency),
			plain(s, "DeleteFunctionConcurrency", s.DeleteFunctionConcurrency),

			api.Op("", s.AddPermission, s.addPermissionAccess),
			api.Op("", s.RemovePermission, s.removePermissionAccess),
			row(s, "GetPolicy", s.GetPolicy),

			row(s, "PutFunctionEventInvokeConfig", s.PutFunctionEventInvokeConfig),
			row(s, "UpdateFunctionEventInvokeConfig", s.UpdateFunctionEventInvokeConfig),
			row(s, "GetFunctionEventInvokeConfig", s.GetFunctionEventInvokeConfig),
			row(s, "DeleteFunctionEventInvokeConfig", s.DeleteFunctionEventInvokeConfig),
			plain(s, "ListFunctionEventInvokeConfigs", s.ListFunctionEventInvokeConfigs),

			api.Op("", s.TagResource, s.tagAccess),
			api.Op("", s.UntagResource, s.untagAccess),
			api.Op("", s.ListTags, s.listTagsAccess),
		),
	}
}

// spec is what an environment of a version is made of, but for its code and who it runs as.
func (s *Service) spec(v state.FunctionVersion) environment.Spec {
	return environment.Spec{
		Memory: int64(v.Configuration.MemorySize) << 20, Temporary: int64(v.Configuration.EphemeralSize) << 20,
		Network: s.Network, Serve: s.serve, EndpointPort: s.port,
	}
}

// endpoint is the URL of the services, as a function finds them.
func (s *Service) endpoint() string {
	if s.Network == sandbox.Host {
		return s.Endpoint()
	}
	return fmt.Sprintf("http://127.0.0.1:%d", s.port)
}
